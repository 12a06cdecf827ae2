//! Regions compared with models: one subject for itself, then what all subjects say together.

mod group;
mod subject;
mod write;

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
use emotome_stimuli::output::{self, Overwrite};
use emotome_stimuli::run::Run;
use serde::Serialize;
use std::path::PathBuf;
use std::time::Instant;
use subject::Subject;

/// The level of tests.
const ALPHA: f64 = 0.05;

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
    /// Whether to add the tests of earlier publications, whose assumptions do not hold.
    pub published_tests: bool,
    /// Seed of everything random.
    pub seed: Seed,
    /// The folder.
    pub out: PathBuf,
    /// Whether results may be replaced.
    pub overwrite: Overwrite,
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

/// Compares the regions of every subject with every model.
///
/// # Errors
/// [`WorkflowError`] of reading and joining; [`RsaError`] for stores of one subject, regions that no subject has, and
/// inferences that cannot be made.
pub fn roi(request: &RoiRequest, run: Run<'_>) -> Result<RoiSummary, WorkflowError> {
    let began = Instant::now();
    output::folder(&request.out, request.overwrite)?;
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
        smallest_p: (request.permutations > 0)
            .then(|| 1.0 / (1.0 + f64::from(request.permutations))),
        smallest_sign_flip_p: 2.0_f64.powi(1 - request.stores.len() as i32).min(1.0),
        regions: Vec::new(),
        cells: Vec::new(),
        group: Vec::new(),
        seconds: 0.0,
        peak_rss_bytes: None,
    };
    let mut subjects = Vec::new();
    for (store, view) in joined.subjects {
        let (enough, all) = regions(&store, &request.regions, &request.parcels, request.fewest)?;
        let name = store.manifest().subject.clone();
        summary.regions.push(format!("{name}: {all}"));
        let subject = Subject {
            name,
            store,
            view,
            regions: enough,
        };
        summary
            .cells
            .extend(subject::compare(&subject, &models, request, run)?);
        subjects.push(subject);
    }
    summary.group = group::compare(&subjects, &models, &summary.cells, request, run)?;
    summary.seconds = began.elapsed().as_secs_f64();
    summary.peak_rss_bytes = crate::memory::peak_rss_bytes();
    write::write(request, &summary, &joined.models.left_out)?;
    Ok(summary)
}
