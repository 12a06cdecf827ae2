//! Regions compared with models: one subject for itself, then what all subjects say together.

mod finished;
mod group;
mod study;
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
use emotome_brain::model::Metric;
use emotome_brain::rdm::{Comparison, Rdm};
use emotome_brain::store::Repeats;
use emotome_stats::random::Seed;
use emotome_stimuli::digest::{Sha256Sum, sha256_of_file};
use emotome_stimuli::output::{self, Overwrite};
use emotome_stimuli::run::Run;
use finished::Finished;
use group::of_groups;
use serde::Serialize;
use serde_json::json;
use std::path::PathBuf;
use std::time::Instant;
use study::{Study, names, pairs, reweighting};
use subject::Subject;

/// The level of tests.
const ALPHA: f64 = 0.05;
/// The chance that a prevalence lies below the bound stated.
const TAIL: f64 = 0.05;

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
    if request.resume && request.overwrite == Overwrite::Refuse {
        // What stands there is of the same comparison, cut off while it was written.
        let resumed = RoiRequest {
            overwrite: Overwrite::Replace,
            ..request.clone()
        };
        return roi(&resumed, run);
    }
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
    match &request.parcels {
        ParcelsOf::Store => {}
        ParcelsOf::Image { image, names } => {
            files.push(image.clone());
            files.extend(names.clone());
        }
        ParcelsOf::Surfaces(sides) => files.extend(sides.clone()),
    }
    let sums = files
        .iter()
        .map(|path| sha256_of_file(path).map(|sum| sum.to_string()))
        .collect::<Result<Vec<_>, _>>()?;
    let all = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "inputs": sums,
        "models": request.models.iter().map(|of| json!({"name": of.name, "holds": of.holds, "control": of.control})).collect::<Vec<_>>(),
        "seed": request.seed.0,
        "parameters": write::parameters(request),
    });
    Ok(Sha256Sum::of(all.to_string().as_bytes()))
}
