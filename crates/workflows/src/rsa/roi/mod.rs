//! Regions compared with models: one subject for itself, then what all subjects say together.

mod finished;
mod group;
mod subject;
mod variance;
mod write;

pub use variance::SharedVariance;
pub(crate) use write::bars;

use super::RsaError;
use super::brain::{self, BrainReport, Pairs, Wanted};
use super::models::{ModelOf, ModelReport};
use super::regions::{ParcelsOf, RegionsOf, regions};
use crate::WorkflowError;
use emotome_brain::inference::exchange::Exchange;
use emotome_brain::inference::permutation_p;
use emotome_brain::inference::prevalence::prevalence;
use emotome_brain::model::Metric;
use emotome_brain::model::reweight::Reweighting;
use emotome_brain::model::{Geometry, Model};
use emotome_brain::rdm::{Comparison, Rdm};
use emotome_brain::store::Repeats;
use emotome_stats::multiplicity::benjamini_hochberg;
use emotome_stats::random::Seed;
use emotome_stimuli::digest::{Sha256Sum, sha256_of_file};
use emotome_stimuli::output::{self, Overwrite};
use emotome_stimuli::run::{Progress, Run};
use finished::Finished;
use group::{Together, of_groups};
use ndarray::Array3;
use rayon::prelude::*;
use serde::Serialize;
use serde_json::json;
use std::path::PathBuf;
use std::time::Instant;
use subject::{Subject, Tested, rdm};

/// The level of tests.
const ALPHA: f64 = 0.05;
/// The chance that a prevalence lies below the bound stated.
const TAIL: f64 = 0.05;
/// Combinations of the subjects' relabellings that are drawn for the prevalence.
const COMBINATIONS: u32 = 100_000;
/// Bytes of dissimilarities in memory at once.
const MOST_BYTES: usize = 3 << 29;
/// Regions at once, where that is less.
const MOST_REGIONS: usize = 32;

/// A comparison of regions with models.
#[derive(Debug, Clone)]
pub struct RoiRequest {
    /// A store a subject.
    pub stores: Vec<PathBuf>,
    /// Which regions.
    pub regions: RegionsOf,
    /// Where parcels lie.
    pub parcels: ParcelsOf,
    /// The fewest voxels of a region.
    pub fewest: usize,
    /// The models.
    pub models: Vec<ModelOf>,
    /// Distances between patterns.
    pub distance: Metric,
    /// How they are compared with a model's.
    pub comparison: Comparison,
    /// Pairs that take part.
    pub pairs: Pairs,
    /// What becomes of stimuli presented more than once.
    pub repeats: Repeats,
    /// A list of the stimuli to keep.
    pub include: Option<PathBuf>,
    /// What is exchanged under the null.
    pub exchange: Exchange,
    /// Relabellings of the stimuli; 0 for none.
    pub permutations: u32,
    /// Bootstraps of stimuli and subjects, region by region; 0 for none.
    pub bootstraps: u32,
    /// Whether to add features reweighted to fit each region, judged on stimuli that had no part in the fit.
    pub reweighted: bool,
    /// Whether to add the tests of earlier publications, whose assumptions do not hold.
    pub published_tests: bool,
    /// Seed of everything random.
    pub seed: Seed,
    /// The folder.
    pub out: PathBuf,
    /// Whether results may be replaced.
    pub overwrite: Overwrite,
    /// Whether to go on with an interrupted comparison.
    pub resume: bool,
    /// The command line, for provenance.
    pub command: Vec<String>,
}

/// What regions say. Field names are stable.
#[derive(Debug, Clone, Serialize)]
pub struct RoiSummary {
    /// The responses, a subject each.
    pub subjects: Vec<BrainReport>,
    /// The models.
    pub models: Vec<ModelReport>,
    /// How they were compared.
    pub comparison: Comparison,
    /// The null.
    pub exchange: Exchange,
    /// Relabellings.
    pub permutations: u32,
    /// The smallest p that a relabelling test of one subject can reach; `null` without one.
    pub smallest_p: Option<f64>,
    /// The smallest two-sided p of flipping the signs of so many subjects: below it no group test by signs can get.
    pub smallest_sign_flip_p: f64,
    /// What a person should know of the regions, a subject each.
    pub regions: Vec<String>,
    /// Each subject, region and model.
    pub cells: Vec<RoiCell>,
    /// All subjects together, by region and model.
    pub group: Vec<RoiGroup>,
    /// Differences of models in each region, with bootstraps of several models.
    pub pairs: Vec<RoiPair>,
    /// What models explain alone and together; for Pearson and Spearman of two to six models.
    pub variance: Vec<SharedVariance>,
    /// The largest prevalence that relabellings of so few subjects can support; `null` without.
    pub reachable_prevalence: Option<f64>,
    /// Parts that an interrupted comparison had finished: batches of regions, of a subject or of all together.
    pub resumed_parts: usize,
    /// Seconds that it took.
    pub seconds: f64,
    /// Most resident memory.
    pub peak_rss_bytes: Option<u64>,
}

/// A subject's region beside a model. Field names are stable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RoiCell {
    /// The subject.
    pub subject: String,
    /// The region.
    pub region: String,
    /// Its voxels.
    pub voxels: usize,
    /// The model.
    pub model: String,
    /// How alike they are.
    pub value: f64,
    /// One-sided p among relabelled models, for this region and model alone.
    pub p: Option<f64>,
    /// The same against the largest of all regions and models of the subject.
    pub p_fwe: Option<f64>,
    /// Benjamini–Hochberg over all regions and models of the subject.
    pub q: Option<f64>,
    /// Correlation of region and model without what the other models predict.
    pub partial: Option<f64>,
    /// What the model adds to the R² of the others.
    pub unique_r2: Option<f64>,
    /// Agreement of the subject with the pool of the other subjects: what another brain reaches as a model.
    pub others: Option<f64>,
    /// Correlation with the model's features reweighted to fit the region, over stimuli that had no part in the fit.
    pub reweighted: Option<f64>,
    /// p of a t test that takes pairs of stimuli to be independent, which they are not.
    pub published_pairs_t_p: Option<f64>,
}

/// A region beside a model over subjects. Field names are stable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RoiGroup {
    /// The region.
    pub region: String,
    /// The model.
    pub model: String,
    /// Subjects that have the region.
    pub subjects: usize,
    /// Mean over them.
    pub mean: f64,
    /// Subjects with p_fwe ≤ .05.
    pub significant: Option<usize>,
    /// p of the null that fewer than two subjects have an effect.
    pub at_least_two_p: Option<f64>,
    /// Below this the prevalence in the population lies with probability .05, with a uniform prior.
    pub prevalence_lower: Option<f64>,
    /// p of the null that no subject has an effect, by the smallest value of all subjects, corrected for regions and models.
    pub no_subject_p_fwe: Option<f64>,
    /// The same of the null that at most half of the population has an effect.
    pub majority_p_fwe: Option<f64>,
    /// The largest prevalence that relabellings reject at .05, corrected for regions and models; NaN for none.
    pub prevalence_rejected: Option<f64>,
    /// Each subject against the pool of the others.
    pub ceiling_lower: Option<f64>,
    /// Each subject against the pool of all.
    pub ceiling_upper: Option<f64>,
    /// p of a bootstrap over stimuli and subjects, one-sided against 0.
    pub bootstrap_p: Option<f64>,
    /// Its two-sided p against the lower ceiling.
    pub bootstrap_ceiling_p: Option<f64>,
    /// Its two-sided p against every model in order.
    pub bootstrap_pairwise_p: Option<Vec<f64>>,
    /// p of a paired t test against the first model over so few subjects, as published.
    pub published_paired_t_p: Option<f64>,
}

/// Two models beside each other in a region, over stimuli and subjects. Field names are stable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RoiPair {
    /// The region.
    pub region: String,
    /// A model.
    pub first: String,
    /// Another.
    pub second: String,
    /// Mean of the first less that of the second.
    pub difference: f64,
    /// Two-sided p of the dual bootstrap.
    pub p: f64,
    /// Benjamini–Hochberg over all regions and pairs of models.
    pub q: f64,
}

/// Compares the regions of every subject with every model.
///
/// Batches of regions are compared in every subject, then over subjects, and each part is kept as it is finished: of 5
/// subjects and 2,180 stimuli 16 regions are in memory at once.
///
/// # Errors
/// [`WorkflowError`] of reading and joining; [`RsaError`] for stores of one subject, regions that no subject has, and
/// inferences that cannot be made; [`WorkflowError::Paused`] if it was interrupted, with all finished parts kept.
pub fn roi(request: &RoiRequest, run: Run<'_>) -> Result<RoiSummary, WorkflowError> {
    let began = Instant::now();
    prepare_folder(request)?;
    let wanted = Wanted {
        models: &request.models,
        include: request.include.as_deref(),
        repeats: request.repeats,
        pairs: request.pairs,
    };
    let joined = brain::join_all(&request.stores, wanted, run)?;
    let models = joined
        .models
        .models
        .iter()
        .map(|model| Rdm::from_geometry(&model.geometry))
        .collect::<Result<Vec<_>, _>>()
        .map_err(RsaError::from)?;
    let mut summary = RoiSummary {
        subjects: joined.reports,
        models: joined.models.reports.clone(),
        comparison: request.comparison,
        exchange: request.exchange,
        permutations: request.permutations,
        smallest_p: None,
        smallest_sign_flip_p: 2.0_f64.powi(1 - request.stores.len() as i32).min(1.0),
        regions: Vec::new(),
        cells: Vec::new(),
        group: Vec::new(),
        pairs: Vec::new(),
        variance: Vec::new(),
        reachable_prevalence: None,
        resumed_parts: 0,
        seconds: 0.0,
        peak_rss_bytes: None,
    };
    let mut subjects = Vec::new();
    for (store, view) in joined.subjects {
        let (enough, all) = regions(&store, &request.regions, &request.parcels, request.fewest)?;
        let subject = Subject::new(store, view, enough, &models, request)?;
        summary.regions.push(format!("{}: {all}", subject.name));
        subjects.push(subject);
    }
    let digest = digest(request)?;
    let mut finished = if request.resume {
        let out = request.out.clone();
        Finished::resume(&request.out, &digest)?.ok_or(RsaError::OtherSearch { out })?
    } else {
        Finished::begin(&request.out, &digest)?
    };
    summary.resumed_parts = finished.len();
    let study = Study {
        names: names(&subjects),
        reweighting: reweighting(&subjects, &joined.models.models, &models, request)?,
        subjects,
        models,
    };
    let compared = study.compare(request, &mut finished, run);
    let (tested, together) = compared.map_err(|error| {
        if error.is_interruption() {
            WorkflowError::Paused {
                out: request.out.clone(),
            }
        } else {
            error
        }
    })?;
    if request.permutations > 0 {
        let smallest = study.subjects.iter().map(|subject| {
            let arrangements = subject.shown.arrangements(request.exchange);
            arrangements.map(|all| (1.0 / (1.0 + f64::from(request.permutations))).max(1.0 / all))
        });
        let smallest = smallest
            .collect::<Result<Vec<_>, _>>()
            .map_err(RsaError::from)?;
        summary.smallest_p = smallest.into_iter().reduce(f64::max);
    }
    summary.cells = study.cells(&tested, &together, request, run);
    summary.group = of_groups(&study.names, &summary.cells, &together, request)?;
    study.prevalence(&tested, &mut summary, request, run)?;
    summary.pairs = pairs(&summary.group, &together, request);
    summary.variance = variance::shared(&study.subjects, &tested, request)?;
    summary.seconds = began.elapsed().as_secs_f64();
    summary.peak_rss_bytes = crate::memory::peak_rss_bytes();
    write::write(request, &summary, &joined.models.left_out)?;
    finished.remove()?;
    Ok(summary)
}

/// Makes the folder of results, or finds the interrupted comparison in it.
fn prepare_folder(request: &RoiRequest) -> Result<(), WorkflowError> {
    let out = &request.out;
    let begun = out.join(finished::FILE).exists();
    match (request.resume, begun) {
        (true, true) => Ok(()),
        (true, false) => Err(WorkflowError::NothingToResume { out: out.clone() }),
        (false, true) if request.overwrite == Overwrite::Refuse => {
            Err(RsaError::Begun { out: out.clone() }.into())
        }
        (false, _) => Ok(output::folder(out, request.overwrite)?),
    }
}

/// Everything that the parts depend on.
fn digest(request: &RoiRequest) -> Result<Sha256Sum, WorkflowError> {
    let mut files: Vec<PathBuf> = Vec::new();
    for store in &request.stores {
        let parts = [
            "store.json",
            "samples.tsv",
            "voxels.tsv",
            "regions.tsv",
            "regions.npy",
        ];
        files.extend(
            parts
                .map(|name| store.join(name))
                .into_iter()
                .filter(|path| path.exists()),
        );
    }
    files.extend(request.models.iter().map(|of| of.path.clone()));
    files.extend(request.include.clone());
    if let RegionsOf::Table(path) = &request.regions {
        files.push(path.clone());
    }
    if let ParcelsOf::Image { image, names } = &request.parcels {
        files.push(image.clone());
        files.extend(names.clone());
    }
    let sums = files
        .iter()
        .map(|path| sha256_of_file(path).map(|sum| sum.to_string()))
        .collect::<Result<Vec<_>, _>>()?;
    let all = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "inputs": sums,
        "models": request.models.iter().map(|of| json!({"name": of.name, "holds": of.holds})).collect::<Vec<_>>(),
        "seed": request.seed.0,
        "parameters": write::parameters(request),
    });
    Ok(Sha256Sum::of(all.to_string().as_bytes()))
}

/// Regions of any subject, in the order of the first that has them.
fn names(subjects: &[Subject]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for region in subjects.iter().flat_map(|subject| &subject.regions) {
        if !names.contains(&region.name) {
            names.push(region.name.clone());
        }
    }
    names
}

/// Folds of stimuli for the fit of features.
const FOLDS: u32 = 5;

/// For each subject the features of each model, ready to be fitted; none for models without features.
fn reweighting(
    subjects: &[Subject],
    models: &[Model],
    rdms: &[Rdm],
    request: &RoiRequest,
) -> Result<Vec<Vec<Option<Reweighting>>>, WorkflowError> {
    if !request.reweighted {
        return Ok(Vec::new());
    }
    let ready = subjects.iter().map(|subject| {
        // Whole runs change folds, so that pairs held out are mostly of different runs.
        let runs = subject.view.runs();
        let mut labels = runs.clone();
        labels.sort_unstable();
        labels.dedup();
        let fold = |run: &u32| labels.binary_search(run).unwrap_or(0) as u32 % FOLDS;
        let folds: Vec<u32> = runs.iter().map(fold).collect();
        let of = models
            .iter()
            .zip(rdms)
            .map(|(model, rdm)| match &model.geometry {
                Geometry::Features { rows, .. } => {
                    let like = subject::masked(rdm, &subject.view, request.pairs);
                    Reweighting::new(rows.view(), &folds, &like).map(Some)
                }
                Geometry::Dissimilarities { .. } => Ok(None),
            });
        of.collect::<Result<Vec<_>, _>>()
    });
    Ok(ready
        .collect::<Result<Vec<_>, _>>()
        .map_err(RsaError::from)?)
}

/// Subjects, regions and models.
struct Study {
    names: Vec<String>,
    subjects: Vec<Subject>,
    models: Vec<Rdm>,
    reweighting: Vec<Vec<Option<Reweighting>>>,
}

/// Progress of all parts in one bar.
struct Parts<'a>(&'a dyn Progress);

impl Progress for Parts<'_> {
    fn begin(&self, _stage: &str, _total: Option<u64>) {}
    fn advance(&self, units: u64) {
        self.0.advance(units);
    }
    fn note(&self, message: &str) {
        self.0.note(message);
    }
    fn end(&self) {}
}

impl Study {
    /// All subjects by themselves (subject by subject, its regions in order), and all together (region by region).
    fn compare(
        &self,
        request: &RoiRequest,
        finished: &mut Finished,
        run: Run<'_>,
    ) -> Result<(Vec<Vec<Tested>>, Vec<Together>), WorkflowError> {
        let bytes = 8 * self.models[0].values().len() * self.subjects.len();
        let at_once = (MOST_BYTES / bytes.max(1)).clamp(1, MOST_REGIONS);
        let batches = self.names.chunks(at_once);
        let relabellings = u64::from(request.permutations) + 1;
        run.progress.begin(
            "batches of regions, relabellings",
            Some((batches.len() * self.subjects.len()) as u64 * relabellings),
        );
        let parts = Parts(run.progress);
        let inner = Run {
            progress: &parts,
            interrupt: run.interrupt,
        };
        let mut tested: Vec<Vec<Tested>> = self.subjects.iter().map(|_| Vec::new()).collect();
        let mut together = Vec::new();
        for (number, batch) in batches.enumerate() {
            let (of_all, of_group) = self.batch(number, batch, request, finished, inner)?;
            for (all, own) in tested.iter_mut().zip(of_all) {
                all.extend(own);
            }
            together.extend(of_group);
        }
        run.progress.end();
        Ok((tested, together))
    }

    fn batch(
        &self,
        number: usize,
        batch: &[String],
        request: &RoiRequest,
        finished: &mut Finished,
        run: Run<'_>,
    ) -> Result<(Vec<Vec<Tested>>, Vec<Together>), WorkflowError> {
        let m = self.models.len();
        let have = |subject: &Subject| -> Vec<usize> {
            let places = batch.iter().map(|name| {
                subject
                    .regions
                    .iter()
                    .position(|region| region.name == *name)
            });
            places.flatten().collect()
        };
        let of_group: Vec<usize> = batch
            .iter()
            .map(|name| self.subjects.iter().filter(|s| s.has(name)).count())
            .collect();
        let group_key = format!("all subjects/{number}");
        let group_counts: Vec<usize> = of_group
            .iter()
            .map(|&s| Together::count(s, m, request))
            .collect();
        let group_done = finished
            .get(&group_key, group_counts.iter().sum())
            .is_some();
        let mut tested = Vec::new();
        let mut rdms: Vec<Vec<Rdm>> = Vec::new();
        for (at, subject) in self.subjects.iter().enumerate() {
            let regions = have(subject);
            let key = format!("{}/{number}", subject.name);
            let count = Tested::count(m, request);
            let done = finished.get(&key, regions.len() * count).is_some();
            let mut own = Vec::new();
            if !(done && group_done) {
                own = regions
                    .par_iter()
                    .map(|&region| rdm(subject, &subject.regions[region].members, request, run))
                    .collect::<Result<Vec<_>, _>>()?;
            }
            if done {
                run.progress.advance(u64::from(request.permutations) + 1);
            } else {
                let reweighting = self.reweighting.get(at).map_or(&[][..], Vec::as_slice);
                let all = subject.test(&own, &self.models, reweighting, request, run)?;
                finished.add(key.clone(), all)?;
            }
            let numbers = finished
                .get(&key, regions.len() * count)
                .unwrap_or_default();
            tested.push(
                regions
                    .iter()
                    .zip(numbers.chunks(count))
                    .map(|(&region, numbers)| Tested::of(region, numbers, m, request))
                    .collect(),
            );
            rdms.push(own);
        }
        if !group_done {
            let mut numbers = Vec::new();
            for name in batch {
                let own: Vec<Rdm> = self
                    .subjects
                    .iter()
                    .zip(&mut rdms)
                    .filter(|(subject, own)| subject.has(name) && !own.is_empty())
                    .map(|(_, own)| own.remove(0))
                    .collect();
                numbers.extend(group::together(name, &own, &self.models, request, run)?);
            }
            finished.add(group_key.clone(), numbers)?;
        }
        let mut rest = finished
            .get(&group_key, group_counts.iter().sum())
            .unwrap_or_default();
        let mut together = Vec::new();
        for (&subjects, count) in of_group.iter().zip(group_counts) {
            let (own, after) = rest.split_at(count);
            together.push(Together::of(own, subjects, m, request));
            rest = after;
        }
        Ok((tested, together))
    }

    /// What is known of each subject, region and model.
    fn cells(
        &self,
        tested: &[Vec<Tested>],
        together: &[Together],
        request: &RoiRequest,
        run: Run<'_>,
    ) -> Vec<RoiCell> {
        let m = self.models.len();
        let mut cells = Vec::new();
        let mut seen = vec![0; self.names.len()];
        for (subject, tested) in self.subjects.iter().zip(tested) {
            let draws = request.permutations as usize;
            let mut maxima = vec![f64::NEG_INFINITY; draws];
            for region in tested {
                for (most, own) in maxima.iter_mut().zip(region.null.chunks(m)) {
                    *most = own.iter().copied().fold(*most, f64::max);
                }
            }
            let p: Vec<f64> = tested
                .iter()
                .flat_map(|region| {
                    (0..m).map(|column| {
                        let null = region.null.iter().skip(column).step_by(m).copied();
                        permutation_p(region.values[column], null)
                    })
                })
                .collect();
            let q = benjamini_hochberg(&p);
            let was_tested = draws > 0;
            let mut apart = 0;
            for (row, own) in tested.iter().enumerate() {
                let region = &subject.regions[own.region];
                let fit = variance::joint(own).and_then(Result::ok);
                apart += usize::from(variance::joint(own).is_some_and(|fit| fit.is_err()));
                let place = self
                    .names
                    .iter()
                    .position(|name| *name == region.name)
                    .unwrap_or(0);
                let others = together[place].each_lower.get(seen[place]).copied();
                seen[place] += 1;
                for (column, of) in request.models.iter().enumerate() {
                    let value = own.values[column];
                    cells.push(RoiCell {
                        subject: subject.name.clone(),
                        region: region.name.clone(),
                        voxels: region.members.len(),
                        model: of.name.clone(),
                        value,
                        p: was_tested.then(|| p[row * m + column]),
                        p_fwe: was_tested.then(|| permutation_p(value, maxima.iter().copied())),
                        q: was_tested.then(|| q[row * m + column]),
                        partial: fit.as_ref().map(|fit| fit.partial[column]),
                        unique_r2: fit.as_ref().map(|fit| fit.unique[column]),
                        others,
                        reweighted: own.reweighted.get(column).copied(),
                        published_pairs_t_p: own.published.get(column).copied(),
                    });
                }
            }
            if apart > 0 {
                run.progress.note(&format!(
                    "{apart} regions of subject {} have no partial correlations: the models are linear combinations of each other",
                    subject.name
                ));
            }
        }
        cells
    }

    /// Prevalence by the smallest value of all subjects, for the regions that all have.
    fn prevalence(
        &self,
        tested: &[Vec<Tested>],
        summary: &mut RoiSummary,
        request: &RoiRequest,
        run: Run<'_>,
    ) -> Result<(), WorkflowError> {
        let (m, draws) = (self.models.len(), request.permutations as usize);
        if draws == 0 || self.subjects.len() < 2 {
            return Ok(());
        }
        let find = |subject: usize, name: &str| {
            let regions = &self.subjects[subject].regions;
            tested[subject]
                .iter()
                .find(|own| regions[own.region].name == name)
        };
        let defined = |own: &Tested| own.values.iter().chain(&own.null).all(|v| v.is_finite());
        let everywhere: Vec<Vec<&Tested>> = self
            .names
            .iter()
            .map(|name| {
                (0..tested.len())
                    .filter_map(|subject| find(subject, name))
                    .collect::<Vec<_>>()
            })
            .collect();
        let shared: Vec<usize> = (0..self.names.len())
            .filter(|&at| {
                let own = &everywhere[at];
                own.len() == tested.len() && own.iter().all(|own| defined(own))
            })
            .collect();
        if shared.len() < self.names.len() {
            run.progress.note(&format!(
                "{} of {} regions have no prevalence by relabelling: some subject does not have them, or they have no value",
                self.names.len() - shared.len(),
                self.names.len()
            ));
        }
        if shared.is_empty() {
            return Ok(());
        }
        let statistics = Array3::from_shape_fn(
            (tested.len(), draws + 1, shared.len() * m),
            |(subject, draw, place)| {
                let own = everywhere[shared[place / m]][subject];
                match draw {
                    0 => own.values[place % m],
                    draw => own.null[(draw - 1) * m + place % m],
                }
            },
        );
        let found = prevalence(
            statistics.view(),
            COMBINATIONS,
            ALPHA,
            request.seed.derive("prevalence").0,
            run,
        )
        .map_err(RsaError::from)?;
        summary.reachable_prevalence = Some(found.reachable);
        for (at, &region) in shared.iter().enumerate() {
            for column in 0..m {
                let group = &mut summary.group[region * m + column];
                let place = at * m + column;
                group.no_subject_p_fwe = Some(found.p_global_fwe[place]);
                group.majority_p_fwe = Some(found.p_majority_fwe[place]);
                group.prevalence_rejected = Some(found.largest_rejected_fwe[place]);
            }
        }
        Ok(())
    }
}

/// Differences of every two models in each region.
fn pairs(group: &[RoiGroup], together: &[Together], request: &RoiRequest) -> Vec<RoiPair> {
    let m = request.models.len();
    let mut pairs = Vec::new();
    for (own, together) in group.chunks(m).zip(together) {
        if let Some(boots) = &together.boots {
            for first in 0..m {
                for second in first + 1..m {
                    pairs.push(RoiPair {
                        region: own[first].region.clone(),
                        first: own[first].model.clone(),
                        second: own[second].model.clone(),
                        difference: own[first].mean - own[second].mean,
                        p: boots.pairwise[first * m + second],
                        q: f64::NAN,
                    });
                }
            }
        }
    }
    let p: Vec<f64> = pairs.iter().map(|pair| pair.p).collect();
    for (pair, q) in pairs.iter_mut().zip(benjamini_hochberg(&p)) {
        pair.q = q;
    }
    pairs
}
