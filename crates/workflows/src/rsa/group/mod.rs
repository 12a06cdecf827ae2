//! Maps of several subjects: what they say together, and of how many people.

mod error;
mod maps;
mod write;

pub use error::GroupError;
pub use maps::{SubjectMap, Untested};

use super::RsaError;
use crate::WorkflowError;
use emotome_brain::inference::clusters::{Heights, Neighbours, TfceParams, Touch};
use emotome_brain::inference::prevalence::{
    Prevalence, Replication, bayesian, prevalence, replication,
};
use emotome_brain::inference::signs::{SignParams, SignTest, Signs, sign_flip_test};
use emotome_stats::distribution::student_t_quantile;
use emotome_stats::random::Seed;
use emotome_stimuli::output::{self, Overwrite};
use emotome_stimuli::run::Run;
use maps::Joined;
use ndarray::{Array2, Array3};
use serde::Serialize;
use std::path::PathBuf;
use std::time::Instant;

/// Where clusters begin.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ClusterThreshold {
    /// At this t.
    T(f64),
    /// At the t of this uncorrected p, of as many sides as the test has.
    P(f64),
}

/// When a voxel counts as found in one subject.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FoundWhere {
    /// Its p, in a map of p, is at most the level.
    P,
    /// Its value exceeds this one, whose rate of false alarms is not known.
    Exceeds(f64),
}

/// A test of several subjects' maps.
///
/// | field | default of the command line |
/// |---|---|
/// | `two_sided` | true |
/// | `flips` | 10,000 |
/// | `cluster` | p < .001 uncorrected |
/// | `extent`, `height` | 0.5, 2 |
/// | `touch` | faces |
/// | `level` | .05 |
/// | `replicated` | 2 |
/// | `draws` | 10,000 |
#[derive(Debug, Clone)]
pub struct GroupRequest {
    /// A map a subject.
    pub maps: Vec<PathBuf>,
    /// Maps of the same subjects in the same order that are subtracted; empty for none.
    pub minus: Vec<PathBuf>,
    /// Voxels that take part; none: all that every subject has.
    pub mask: Option<PathBuf>,
    /// Whether a 0 means that there is no value.
    pub zeros_are_missing: bool,
    /// What maps are called; none: as those given.
    pub name: Option<String>,
    /// Whether values below 0 are tested too.
    pub two_sided: bool,
    /// Most sign flips: all of them where they are no more, else so many at random.
    pub flips: u32,
    /// Where clusters begin.
    pub cluster: ClusterThreshold,
    /// Exponent of the extent in threshold-free enhancement.
    pub extent: f64,
    /// Exponent of the height.
    pub height: f64,
    /// When voxels touch.
    pub touch: Touch,
    /// The level of tests.
    pub level: f64,
    /// A map of p a subject, for replication; empty for none.
    pub p: Vec<PathBuf>,
    /// The value that a subject's voxel must exceed to be found, where there are no maps of p.
    pub exceeds: Option<f64>,
    /// In how many subjects a voxel must be found to be replicated.
    pub replicated: usize,
    /// Maps of relabelled stimuli, an image of several volumes a subject; empty for none.
    pub surrogates: Vec<PathBuf>,
    /// Combinations of those.
    pub draws: u32,
    /// Seed of everything random.
    pub seed: Seed,
    /// The folder.
    pub out: PathBuf,
    /// Whether results may be replaced.
    pub overwrite: Overwrite,
    /// The command line, for provenance.
    pub command: Vec<String>,
}

/// What subjects say together. Field names are stable.
#[derive(Debug, Clone, Serialize)]
pub struct GroupSummary {
    /// The smallest corrected p that so many subjects can reach.
    pub smallest_p: f64,
    /// The level of tests.
    pub level: f64,
    /// Whether any corrected p can reach the level.
    pub can_reach_level: bool,
    /// What a person should know of it.
    pub notes: Vec<String>,
    /// The subjects.
    pub subjects: Vec<SubjectMap>,
    /// What maps are called.
    pub name: String,
    /// Whether responses were simulated.
    pub synthetic: bool,
    /// Whether values below 0 were tested too.
    pub two_sided: bool,
    /// Sign flips, the observed signs among them.
    pub flips: usize,
    /// Whether they are all there are.
    pub all_flips: bool,
    /// Voxels tested.
    pub voxels: usize,
    /// Voxels without a test.
    pub untested: Untested,
    /// The t that a voxel must exceed; `null` where none suffices.
    pub critical_t: Option<f64>,
    /// Voxels with p ≤ level against the largest of all.
    pub significant_voxels: usize,
    /// The t beyond which clusters form.
    pub cluster_threshold_t: f64,
    /// When voxels touch.
    pub touch: Touch,
    /// Clusters of voxels beyond it.
    pub clusters: usize,
    /// Those with p ≤ level by mass.
    pub significant_clusters: usize,
    /// Exponents of extent and height.
    pub tfce: [f64; 2],
    /// Voxels with p ≤ level by threshold-free enhancement.
    pub significant_tfce: usize,
    /// In how many subjects voxels were found; `null` without maps of p and a value to exceed.
    pub replication: Option<Replicated>,
    /// Prevalence by permutation; `null` without surrogates.
    pub prevalence: Option<Prevalent>,
    /// The maps.
    pub maps: Vec<WrittenMap>,
    /// Seconds that it took.
    pub seconds: f64,
    /// Most resident memory.
    pub peak_rss_bytes: Option<u64>,
}

/// In how many subjects voxels were found. Field names are stable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Replicated {
    /// When a voxel counts as found.
    pub by: FoundWhere,
    /// Voxels found in exactly 0, 1, 2, … subjects.
    pub voxels: Vec<usize>,
    /// How many subjects replicate.
    pub k: usize,
    /// Voxels found in at least as many.
    pub replicated: usize,
    /// The prevalence that each count supports with 95 % probability: 0, 1, 2, … subjects; `null` without a known rate
    /// of false alarms.
    pub prevalence_lower: Option<Vec<f64>>,
}

/// Prevalence by permutation. Field names are stable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Prevalent {
    /// Surrogate maps a subject.
    pub surrogates: usize,
    /// Combinations drawn, the observed one among them.
    pub draws: u32,
    /// The smallest p of the global null that could be reached.
    pub smallest_p: f64,
    /// The largest prevalence that could be rejected.
    pub reachable: f64,
    /// Voxels where the global null is rejected, corrected.
    pub significant: usize,
    /// Voxels where a prevalence of half or less is rejected, corrected.
    pub majority: usize,
}

/// A map and what it holds. Field names are stable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WrittenMap {
    /// What it holds.
    pub what: String,
    /// The image.
    pub path: PathBuf,
}

/// What was computed at the voxels tested.
struct Found {
    mean: Vec<f64>,
    test: SignTest,
    replication: Option<(Replicated, Replication)>,
    prevalence: Option<(Prevalent, Prevalence)>,
}

/// Tests several subjects' maps, counts in how many a voxel is found, and writes maps and tables.
///
/// # Errors
/// [`GroupError`] for maps that do not belong together; [`WorkflowError`] of reading and writing.
pub fn group(request: &GroupRequest, run: Run<'_>) -> Result<GroupSummary, WorkflowError> {
    let began = Instant::now();
    let level = request.level;
    let proper = level > 0.0 && level < 1.0;
    if !proper {
        return Err(RsaError::from(GroupError::Level(level)).into());
    }
    let n = request.maps.len();
    if n < 2 {
        return Err(
            RsaError::Inference(emotome_brain::inference::InferenceError::Few {
                what: "maps",
                found: n,
                least: 2,
            })
            .into(),
        );
    }
    let joined = maps::join(request).map_err(RsaError::from)?;
    output::folder(&request.out, request.overwrite)?;
    let all_flips = n <= 16 && (1_u64 << n) <= u64::from(request.flips);
    let smallest_p = smallest_p(n, request.two_sided, all_flips, request.flips);
    let mut notes = notes(&joined, request, smallest_p);
    run.progress.note(&notes[0]);
    let threshold = match request.cluster {
        ClusterThreshold::T(t) => t,
        ClusterThreshold::P(p) => {
            let tail = if request.two_sided { p / 2.0 } else { p };
            student_t_quantile(1.0 - tail, n as f64 - 1.0)
        }
    };
    let test = test(&joined, request, threshold, all_flips, run)?;
    let replication = replicated(&joined, request)?;
    let prevalence = prevalent(&joined, request, run)?;
    let mean = joined
        .values
        .mean_axis(ndarray::Axis(0))
        .map_or_else(Vec::new, |mean| mean.to_vec());
    let found = Found {
        mean,
        test,
        replication,
        prevalence,
    };
    let test = &found.test;
    let below = |p: &[f64]| p.iter().filter(|p| **p <= level).count();
    let significant_clusters = test.clusters.iter().filter(|c| c.p_mass <= level).count();
    if request.maps.len() < 10 {
        notes.push(format!(
            "{n} subjects are few: a t of {} degrees of freedom is large wherever subjects happen to agree; look at each subject, and at how many replicate",
            n - 1
        ));
    }
    let mut summary = GroupSummary {
        smallest_p,
        level,
        can_reach_level: smallest_p <= level,
        notes,
        subjects: joined.subjects.clone(),
        name: write::name(request),
        synthetic: joined.synthetic,
        two_sided: request.two_sided,
        flips: test.largest_t.len() + 1,
        all_flips,
        voxels: joined.places.len(),
        untested: joined.untested,
        // Flipping all signs gives the same largest t again.
        critical_t: critical(&test.largest_t, level).filter(|_| smallest_p <= level),
        significant_voxels: below(&test.p_fwe),
        cluster_threshold_t: threshold,
        touch: request.touch,
        clusters: test.clusters.len(),
        significant_clusters,
        tfce: [request.extent, request.height],
        significant_tfce: below(&test.p_tfce),
        replication: found.replication.as_ref().map(|(told, _)| told.clone()),
        prevalence: found.prevalence.as_ref().map(|(told, _)| told.clone()),
        maps: Vec::new(),
        seconds: 0.0,
        peak_rss_bytes: None,
    };
    write::write(request, &joined, &found, &mut summary, began)?;
    Ok(summary)
}

/// The smallest p that flipping signs can reach.
fn smallest_p(subjects: usize, two_sided: bool, all: bool, flips: u32) -> f64 {
    let exact = (if two_sided { 2.0 } else { 1.0 }) * 0.5_f64.powi(subjects.min(1000) as i32);
    match all {
        true => exact,
        false => exact.max(1.0 / (1.0 + f64::from(flips))),
    }
}

/// The value that must be exceeded for p ≤ level; none if the null is too short for that.
fn critical(null: &[f64], level: f64) -> Option<f64> {
    let mut sorted = null.to_vec();
    sorted.sort_unstable_by(|a, b| b.total_cmp(a));
    let allowed = ((level * (1.0 + null.len() as f64)) * (1.0 + 1e-12)).floor();
    let at = (allowed as usize).checked_sub(1)?;
    sorted.get(at).copied()
}

/// First what can be reached, then what is missing.
fn notes(joined: &Joined, request: &GroupRequest, smallest_p: f64) -> Vec<String> {
    let n = request.maps.len();
    let sides = if request.two_sided {
        "two-sided"
    } else {
        "one-sided"
    };
    let mut first = format!(
        "the smallest p that flipping the signs of {n} subjects can reach is {smallest_p:.4} {sides}"
    );
    if smallest_p > request.level {
        first += &format!(
            ": nothing can be significant at {}, whatever the maps hold; say in how many subjects an effect is found (--p), or",
            request.level
        );
        first += match request.two_sided && smallest_p / 2.0 <= request.level {
            true => {
                " ask, if that was the question from the outset, for values above 0 alone (--side greater)"
            }
            false => " measure more subjects",
        };
    }
    let mut notes = vec![first];
    let Untested {
        missing,
        equal,
        masked,
        ..
    } = joined.untested;
    if missing > 0 {
        let each: Vec<String> = joined
            .subjects
            .iter()
            .filter(|subject| subject.missing > 0)
            .map(|subject| format!("{} misses {}", subject.subject, subject.missing))
            .collect();
        notes.push(format!(
            "{missing} voxels are left out because some subject has no value there ({})",
            each.join(", ")
        ));
    }
    if equal > 0 {
        notes.push(format!(
            "{equal} voxels are left out because their values are of equal size in all subjects"
        ));
    }
    if masked > 0 {
        notes.push(format!("{masked} voxels lie outside of the mask"));
    }
    let zeros: usize = joined.subjects.iter().map(|subject| subject.zeros).sum();
    if zeros > 0 && !request.zeros_are_missing {
        notes.push(format!(
            "{zeros} values are exactly 0 where other subjects have values, and are taken as measured; if 0 means outside of the mask, say so (--zeros missing)"
        ));
    }
    notes
}

fn test(
    joined: &Joined,
    request: &GroupRequest,
    threshold: f64,
    all: bool,
    run: Run<'_>,
) -> Result<SignTest, RsaError> {
    let voxels: Vec<[i32; 3]> = (0..joined.places.len())
        .map(|place| joined.voxel(place).map(|index| index as i32))
        .collect();
    let neighbours = Neighbours::of_voxels(&voxels, request.touch)?;
    let signs = match all {
        true => Signs::All,
        false => Signs::Random {
            draws: request.flips,
            seed: request.seed.0,
        },
    };
    let params = SignParams {
        two_sided: request.two_sided,
        neighbours: Some(&neighbours),
        cluster_threshold: Some(threshold),
        tfce: Some(TfceParams {
            extent: request.extent,
            height: request.height,
            heights: Heights::All,
            two_sided: request.two_sided,
        }),
    };
    Ok(sign_flip_test(joined.values.view(), &signs, params, run)?)
}

/// In how many subjects each voxel is found.
fn replicated(
    joined: &Joined,
    request: &GroupRequest,
) -> Result<Option<(Replicated, Replication)>, RsaError> {
    let n = request.maps.len();
    let by = match (request.p.is_empty(), request.exceeds) {
        (false, _) => FoundWhere::P,
        (true, Some(value)) => FoundWhere::Exceeds(value),
        (true, None) => return Ok(None),
    };
    let mut p = Array2::zeros((n, joined.places.len()));
    for (subject, mut row) in p.outer_iter_mut().enumerate() {
        match by {
            FoundWhere::P => {
                let path = &request.p[subject];
                let own = maps::at_places(path, joined, request)?;
                if let Some(at) = own
                    .iter()
                    .position(|p| !(p.is_nan() || (0.0..=1.0).contains(p)))
                {
                    return Err(GroupError::NotP {
                        path: path.clone(),
                        voxel: joined.voxel(at),
                        value: own[at],
                    }
                    .into());
                }
                row.assign(&ndarray::Array1::from(own));
            }
            // Found or not is all that is known.
            FoundWhere::Exceeds(value) => {
                let own = joined.values.row(subject);
                row.zip_mut_with(&own, |p, v| *p = f64::from(u8::from(*v <= value)));
            }
        }
    }
    let found = replication(&p, request.replicated, request.level)?;
    let mut voxels = vec![0; n + 1];
    found.count.iter().for_each(|&k| voxels[k as usize] += 1);
    let prevalence_lower = match by {
        FoundWhere::P => Some(
            (0..=n as u32)
                .map(|k| Ok(bayesian(k, n as u32, request.level, 1.0, 0.05)?.lower))
                .collect::<Result<Vec<f64>, RsaError>>()?,
        ),
        FoundWhere::Exceeds(_) => None,
    };
    let told = Replicated {
        by,
        k: request.replicated,
        replicated: voxels[request.replicated..].iter().sum(),
        voxels,
        prevalence_lower,
    };
    Ok(Some((told, found)))
}

/// Prevalence from surrogate maps, the observed map the first of each subject.
fn prevalent(
    joined: &Joined,
    request: &GroupRequest,
    run: Run<'_>,
) -> Result<Option<(Prevalent, Prevalence)>, RsaError> {
    /// Most memory that surrogates take, in GiB.
    const MOST: u64 = 8;
    let Some(first) = request.surrogates.first() else {
        return Ok(None);
    };
    let (n, places) = (request.maps.len(), joined.places.len());
    let (volumes, _) = maps::volumes_at_places(first, joined, request)?;
    let bytes = 8.0 * n as f64 * (volumes as f64 + 1.0) * places as f64;
    let gib = bytes / f64::from(1 << 30);
    if gib > MOST as f64 {
        return Err(GroupError::Memory {
            subjects: n,
            volumes,
            voxels: places,
            gib,
            most: MOST,
        }
        .into());
    }
    let mut statistics = Array3::zeros((n, volumes + 1, places));
    for (subject, path) in request.surrogates.iter().enumerate() {
        let (found, maps) = maps::volumes_at_places(path, joined, request)?;
        if found != volumes {
            return Err(GroupError::Volumes {
                path: path.clone(),
                found,
                expected: format!(
                    "{} has {volumes}, and every subject needs as many",
                    first.display()
                ),
            }
            .into());
        }
        let mut own = statistics.index_axis_mut(ndarray::Axis(0), subject);
        own.row_mut(0).assign(&joined.values.row(subject));
        for (at, map) in maps.enumerate() {
            let map = map?;
            own.row_mut(at + 1)
                .iter_mut()
                .zip(map)
                .for_each(|(to, from)| *to = f64::from(from));
        }
    }
    let seed = request.seed.0;
    let found = prevalence(statistics.view(), request.draws, request.level, seed, run)?;
    let below = |p: &[f64]| p.iter().filter(|p| **p <= request.level).count();
    let told = Prevalent {
        surrogates: volumes,
        draws: request.draws,
        smallest_p: found.smallest_p,
        reachable: found.reachable,
        significant: below(&found.p_global_fwe),
        majority: below(&found.p_majority_fwe),
    };
    Ok(Some((told, found)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_subjects_reach_one_in_sixteen_and_what_must_be_exceeded_is_the_quantile() {
        assert_eq!(smallest_p(5, true, true, 10_000), 0.0625);
        assert_eq!(smallest_p(5, false, true, 10_000), 0.03125);
        assert_eq!(smallest_p(30, true, false, 999), 0.001);
        // 19 flips and the observed signs: one in twenty may reach it, and that is the observed one.
        let null: Vec<f64> = (1..=19).map(f64::from).collect();
        assert_eq!(critical(&null, 0.05), Some(19.0));
        assert_eq!(critical(&null[..18], 0.05), None);
        let null: Vec<f64> = (1..=39).map(f64::from).collect();
        assert_eq!(critical(&null, 0.05), Some(38.0));
    }
}
