//! Maps, tables and provenance of a group.

use super::super::{RsaError, volume};
use super::maps::{Joined, name_of};
use super::{Found, FoundWhere, GroupError, GroupRequest, GroupSummary, WrittenMap};
use crate::WorkflowError;
use crate::memory::peak_rss_bytes;
use emotome_brain::inference::prevalence::Prevalence;
use emotome_brain::inference::signs::SignTest;
use emotome_neurofiles::derivatives::BidsName;
use emotome_stimuli::output;
use emotome_stimuli::provenance::Provenance;
use serde_json::json;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Instant;

/// What maps are called: as asked, or as the given ones where those agree.
pub(super) fn name(request: &GroupRequest) -> String {
    if let Some(name) = &request.name {
        return volume::entity(name);
    }
    let of = |paths: &[PathBuf]| shared(paths, "desc");
    let first = of(&request.maps).unwrap_or_else(|| "group".to_owned());
    match of(&request.minus) {
        Some(second) => format!("{first}Minus{second}"),
        None if request.minus.is_empty() => first,
        None => format!("{first}Difference"),
    }
}

/// An entity that all names share.
fn shared(paths: &[PathBuf], key: &str) -> Option<String> {
    let mut values = paths
        .iter()
        .map(|path| Some(name_of(path)?.get(key)?.to_owned()));
    let first = values.next()??;
    values
        .all(|value| value.as_ref() == Some(&first))
        .then_some(first)
}

/// The name of a map, in the space of those given.
fn file(request: &GroupRequest, name: &str, stat: &str) -> Result<PathBuf, GroupError> {
    let mut file = BidsName::new("statmap", ".nii.gz")?;
    for key in ["task", "space", "res"] {
        if let Some(value) = shared(&request.maps, key) {
            file = file.with(key, &value)?;
        }
    }
    let file = file.with("stat", stat)?.with("desc", name)?;
    Ok(request.out.join(file.to_string()))
}

/// Name of a statistic in file names, what it is in words, and its values.
type Column<'a> = (&'static str, String, Vec<f64>);

fn columns<'a>(request: &GroupRequest, found: &Found) -> Vec<Column<'a>> {
    let SignTest {
        t,
        p_fwe,
        clusters,
        tfce,
        p_tfce,
        ..
    } = &found.test;
    let mut p_mass = vec![1.0; t.len()];
    for cluster in clusters {
        for &place in &cluster.cluster.places {
            p_mass[place as usize] = cluster.p_mass;
        }
    }
    let mut columns: Vec<Column<'_>> = vec![
        ("mean", "mean over subjects".to_owned(), found.mean.clone()),
        ("t", "one-sample t over subjects".to_owned(), t.clone()),
        ("pfwe", "p of t against the largest anywhere, signs of subjects flipped".to_owned(), p_fwe.clone()),
        ("pmass", "p of the mass of the voxel's cluster against the largest anywhere; 1 outside of clusters".to_owned(), p_mass),
        ("tfce", "t after threshold-free cluster enhancement".to_owned(), tfce.clone()),
        ("ptfce", "p of the enhanced t against the largest anywhere".to_owned(), p_tfce.clone()),
    ];
    if let Some((told, replication)) = &found.replication {
        let by = match told.by {
            FoundWhere::P => format!("p ≤ {}", request.level),
            FoundWhere::Exceeds(value) => format!("a value above {value}"),
        };
        let count: Vec<f64> = replication.count.iter().map(|&k| f64::from(k)).collect();
        if let Some(lower) = &told.prevalence_lower {
            columns.push((
                "pconjunction",
                format!(
                    "p of an effect in at least {} subjects, if p of each is given",
                    told.k
                ),
                replication.p.clone(),
            ));
            columns.push((
                "prevalencelower",
                "prevalence that the number of subjects supports with 95 % probability (Ince et al. 2021)".to_owned(),
                replication.count.iter().map(|&k| lower[k as usize]).collect(),
            ));
        }
        columns.push(("count", format!("subjects with {by}"), count));
    }
    if let Some((_, prevalence)) = &found.prevalence {
        let Prevalence {
            p_global_fwe,
            p_majority_fwe,
            largest_rejected_fwe,
            ..
        } = prevalence;
        for (stat, what, values) in [
            (
                "pglobal",
                "corrected p of no effect in any subject (Allefeld et al. 2016)",
                p_global_fwe,
            ),
            (
                "pmajority",
                "corrected p of an effect in at most half of the population",
                p_majority_fwe,
            ),
            (
                "prevalencerejected",
                "largest prevalence that is rejected, corrected",
                largest_rejected_fwe,
            ),
        ] {
            columns.push((stat, what.to_owned(), values.clone()));
        }
    }
    columns
}

/// Writes everything, and completes the summary.
pub(super) fn write(
    request: &GroupRequest,
    joined: &Joined,
    found: &Found,
    summary: &mut GroupSummary,
    began: Instant,
) -> Result<(), WorkflowError> {
    let (out, overwrite) = (&request.out, request.overwrite);
    volume::describe(out, overwrite, "maps of several subjects", joined.synthetic)?;
    let mut provenance = Provenance::new(
        request.command.clone(),
        Some(request.seed.0),
        json!({
            "two_sided": request.two_sided,
            "flips": request.flips,
            "cluster": request.cluster,
            "extent": request.extent,
            "height": request.height,
            "touch": request.touch,
            "level": request.level,
            "zeros_are_missing": request.zeros_are_missing,
            "exceeds": request.exceeds,
            "replicated": request.replicated,
            "draws": request.draws,
        }),
    );
    let inputs = [
        &request.maps,
        &request.minus,
        &request.p,
        &request.surrogates,
    ];
    for path in inputs.into_iter().flatten().chain(&request.mask) {
        provenance.add_input(path)?;
    }
    for (stat, what, values) in columns(request, found) {
        let path = file(request, &summary.name, stat).map_err(RsaError::from)?;
        let placed = values.into_iter().enumerate();
        let placed = placed.map(|(place, value)| (joined.voxel(place), value));
        volume::write(&path, overwrite, &joined.grid, placed)?;
        let sidecar = path.to_string_lossy().replace(".nii.gz", ".json");
        let told = json!({
            "Map": summary.name,
            "Statistic": what,
            "Subjects": joined.subjects.iter().map(|s| &s.subject).collect::<Vec<_>>(),
            "TwoSided": request.two_sided,
            "SmallestP": summary.smallest_p,
            "Synthetic": joined.synthetic,
        });
        output::write_json(PathBuf::from(sidecar), overwrite, &told)?;
        summary.maps.push(WrittenMap { what, path });
    }
    let table = clusters(joined, found);
    output::write(out.join("clusters.tsv"), overwrite, table.as_bytes())?;
    provenance.write(out.join("provenance.json"), overwrite)?;
    summary.seconds = began.elapsed().as_secs_f64();
    summary.peak_rss_bytes = peak_rss_bytes();
    Ok(output::write_json(
        out.join("group.json"),
        overwrite,
        summary,
    )?)
}

/// A line a cluster, the heaviest first.
fn clusters(joined: &Joined, found: &Found) -> String {
    let volume = joined.grid.affine.determinant().abs();
    let mut clusters: Vec<_> = found.test.clusters.iter().collect();
    clusters.sort_by(|a, b| b.cluster.mass.total_cmp(&a.cluster.mass));
    let mut text = String::from(
        "cluster\tside\tvoxels\tmm3\tmass\tp_mass\tp_extent\tpeak_i\tpeak_j\tpeak_k\tpeak_x\tpeak_y\tpeak_z\tpeak_t\tpeak_mean\tpeak_p_fwe\tpeak_p_tfce\n",
    );
    for (at, test) in clusters.into_iter().enumerate() {
        let cluster = &test.cluster;
        let peak = cluster.peak as usize;
        let [i, j, k] = joined.voxel(peak);
        let [x, y, z] = joined.grid.affine.apply([i, j, k].map(f64::from));
        let voxels = cluster.places.len();
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{}\t{}\t{voxels}\t{}\t{}\t{}\t{}\t{i}\t{j}\t{k}\t{x}\t{y}\t{z}\t{}\t{}\t{}\t{}",
            at + 1,
            if cluster.positive { "above" } else { "below" },
            volume * voxels as f64,
            cluster.mass,
            test.p_mass,
            test.p_extent,
            found.test.t[peak],
            found.mean[peak],
            found.test.p_fwe[peak],
            found.test.p_tfce[peak],
        );
    }
    text
}
