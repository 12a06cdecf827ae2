//! Every neighbourhood of a brain compared with every model: maps, tables and their provenance.

mod chance;
mod joint;
mod write;

pub use chance::{ClusterWise, Enhanced, FamilyWise, Relabelling};
pub use joint::{Held, JointMap, JointMaps};
pub(super) use write::write_left_out;

use super::brain::{self, BrainOf, BrainReport, Joined, Pairs, Wanted};
use super::checkpoint::{self, Checkpoint};
use super::models::{ModelOf, ModelReport};
use super::space::Space;
use super::{RsaError, volume};
use crate::WorkflowError;
use crate::memory::peak_rss_bytes;
use emotome_brain::model::Metric;
use emotome_brain::regions::Hemisphere;
use emotome_brain::searchlight::{
    Block, Comparison, Estimate, Params, Peak, Plan, Rejected, Search, Shape, gemm_peak,
};
use emotome_brain::store::Repeats;
use emotome_stimuli::digest::Sha256Sum;
use emotome_stimuli::output::{self, Overwrite};
use emotome_stimuli::run::Run;
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// A search of one brain.
#[derive(Debug, Clone)]
pub struct SearchlightRequest {
    /// The responses.
    pub brain: BrainOf,
    /// The models, all in one pass.
    pub models: Vec<ModelOf>,
    /// The neighbourhoods.
    pub shape: Shape,
    /// Surfaces of left and right that distances are measured on, where responses lie on surfaces.
    pub midthickness: Option<[PathBuf; 2]>,
    /// Distances between patterns.
    pub distance: Metric,
    /// How they are compared with a model's.
    pub comparison: Comparison,
    /// The largest certified error of a rank correlation; where it is exceeded ranks are exact.
    pub bound: f64,
    /// Pairs that take part.
    pub pairs: Pairs,
    /// What becomes of stimuli presented more than once.
    pub repeats: Repeats,
    /// A list of the stimuli to keep.
    pub include: Option<PathBuf>,
    /// The folder of results.
    pub out: PathBuf,
    /// Whether results may be replaced.
    pub overwrite: Overwrite,
    /// Whether to go on with an interrupted search.
    pub resume: bool,
    /// Relabelled models, for the chance of a value as large anywhere; for whitened comparisons of squared distances.
    pub relabelling: Option<Relabelling>,
    /// Maps of what models explain beside each other.
    pub joint: JointMaps,
    /// Tell what it will cost, and stop.
    pub dry_run: bool,
    /// The command line, for provenance.
    pub command: Vec<String>,
}

/// What a search found. Field names are stable.
#[derive(Debug, Clone, Serialize)]
pub struct Searched {
    /// The responses.
    pub brain: BrainReport,
    /// The models.
    pub models: Vec<ModelReport>,
    /// Neighbourhoods compared.
    pub centres: usize,
    /// Their members, on average.
    pub members: f64,
    /// Voxels and centres left out.
    pub rejected: Rejected,
    /// Centres without a value because stimuli have a constant pattern there.
    pub undefined: usize,
    /// How they were compared.
    pub params: Params,
    /// The neighbourhoods.
    pub shape: Shape,
    /// A map a model; empty after a dry run.
    pub maps: Vec<ModelMap>,
    /// The largest certified error of any rank correlation; `null` for other comparisons.
    pub bound: Option<f64>,
    /// For each model what relabelled models reach anywhere; empty without relabelling.
    pub family_wise: Vec<FamilyWise>,
    /// Maps of what models explain beside each other.
    pub joint: Vec<JointMap>,
    /// What the search was expected to cost.
    pub estimate: Estimate,
    /// Seconds of preparing and comparing, in this process.
    pub seconds: f64,
    /// Billions of floating-point operations a second while comparing.
    pub gflops: f64,
    /// What the same kernel reaches on a matrix that stays in the cache.
    pub peak: Option<Peak>,
    /// Blocks that an interrupted search had finished.
    pub resumed_blocks: usize,
    /// Most resident memory.
    pub peak_rss_bytes: Option<u64>,
    /// Stimuli left out, listed in `left_out.tsv`.
    pub left_out: usize,
}

/// The map of one model. Field names are stable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelMap {
    /// The model.
    pub model: String,
    /// The image; on surfaces that of the left one, over grayordinates one file for all models.
    pub path: PathBuf,
    /// The image of the right surface.
    pub right_path: Option<PathBuf>,
    /// The image of z scores among all relabellings of the stimuli, for Pearson over all pairs.
    pub z_path: Option<PathBuf>,
    /// The same of the right surface.
    pub right_z_path: Option<PathBuf>,
    /// Mean over centres.
    pub mean: f64,
    /// The largest value.
    pub max: f64,
    /// Voxel of the largest value, if it lies in one.
    pub peak_voxel: Option<[u32; 3]>,
    /// Hemisphere and vertex of the largest value, if it lies on a surface.
    pub peak_vertex: Option<(Hemisphere, u32)>,
    /// Its place in millimetres.
    pub peak_mm: Option<[f64; 3]>,
}

/// Searches one brain for several models.
///
/// # Errors
/// [`WorkflowError`] of reading and joining; [`RsaError`]; [`WorkflowError::Paused`] if it was interrupted, with all
/// finished blocks kept.
pub fn searchlight(request: &SearchlightRequest, run: Run<'_>) -> Result<Searched, WorkflowError> {
    if request.resume && request.overwrite == Overwrite::Refuse {
        // What stands there is of the same search, cut off while it was written.
        let resumed = SearchlightRequest {
            overwrite: Overwrite::Replace,
            ..request.clone()
        };
        return searchlight(&resumed, run);
    }
    let out = &request.out;
    distinct_files(&request.models)?;
    request.joint.check(&request.models, request.comparison)?;
    prepare_folder(request)?;
    let store = match &request.brain {
        BrainOf::Store(path) => path.clone(),
        BrainOf::Files(files) => brain::import(
            files,
            out,
            request.resume,
            request.overwrite,
            &request.command,
            run,
        )?,
    };
    let joined = brain::join(
        &store,
        Wanted {
            models: &request.models,
            include: request.include.as_deref(),
            repeats: request.repeats,
            pairs: request.pairs,
        },
        run,
    )?;
    if let Some(relabelling) = &request.relabelling {
        relabelling.check(request)?;
    }
    let space = Space::new(&joined.store, request.midthickness.as_ref())?;
    if request.relabelling.is_some_and(|own| own.kept > 0) && space.volume().is_none() {
        return Err(RsaError::SurrogatesOfVoxels.into());
    }
    let neighbourhoods = space.neighbourhoods(&request.shape)?;
    let params = Params {
        brain: request.distance,
        comparison: request.comparison,
        exclusion: brain::exclusion(request.pairs, &joined.responses.view),
        bound: request.bound,
        ..Params::default()
    };
    let plan = Plan::new(
        joined.responses.values.view(),
        &neighbourhoods,
        &joined.models.models,
        params.clone(),
    )
    .map_err(RsaError::from)?;
    let estimate = plan.estimate();
    let rejected = plan.rejected();
    tell(&joined, space.noun(), &estimate, &rejected, run);
    let mut searched = Searched {
        brain: joined.report.clone(),
        models: joined.models.reports.clone(),
        centres: estimate.spheres,
        members: estimate.members,
        rejected,
        undefined: 0,
        params: Params {
            exclusion: None,
            ..params
        },
        shape: request.shape,
        maps: Vec::new(),
        bound: None,
        family_wise: Vec::new(),
        joint: Vec::new(),
        estimate,
        seconds: 0.0,
        gflops: 0.0,
        peak: None,
        resumed_blocks: 0,
        peak_rss_bytes: None,
        left_out: joined.models.left_out.len(),
    };
    if request.dry_run {
        return Ok(searched);
    }
    let digest = digest(request, &store)?;
    let models = request.models.len();
    let (mut checkpoint, mut blocks) = if request.resume {
        Checkpoint::resume(out, &digest, models)?
            .ok_or_else(|| RsaError::OtherSearch { out: out.clone() })?
    } else {
        (Checkpoint::begin(out, &digest)?, BTreeMap::new())
    };
    searched.resumed_blocks = blocks.len();
    let began = Instant::now();
    let paused = || WorkflowError::Paused { out: out.clone() };
    let search = plan.prepare(&run).map_err(|_| paused())?;
    request
        .joint
        .check_apart(&request.models, search.between())?;
    let counted = compare(&search, &mut blocks, &mut checkpoint, run)?;
    searched.seconds = began.elapsed().as_secs_f64();
    // Sums over what is known of voxels are not counted as they are made; what was planned is what is done.
    let flop = if request.distance == Metric::SquaredEuclidean {
        estimate.flop
    } else {
        counted
    };
    searched.gflops = flop / searched.seconds / 1e9;
    searched.peak = Some(gemm_peak());
    let blocks: Vec<Block> = blocks.into_values().collect();
    searched.undefined = blocks
        .iter()
        .flat_map(|b| &b.constant)
        .filter(|&&n| n > 0)
        .count();
    searched.bound = blocks
        .iter()
        .flat_map(|block| block.bounds.iter().flatten())
        .copied()
        .filter(|bound| !bound.is_nan())
        .reduce(f64::max);
    volume::describe(
        out,
        request.overwrite,
        "searchlight",
        joined.report.synthetic,
    )?;
    searched.maps = write::maps(request, &joined, &space, &blocks)?;
    searched.joint = joint::maps(request, &joined, &space, &search, &blocks)?;
    if let Some(relabelling) = &request.relabelling {
        searched.family_wise =
            chance::family_wise(relabelling, request, &joined, &space, &search, &blocks, run)?;
    }
    write::centres(request, &space, &search, &blocks)?;
    write_left_out(out, request.overwrite, &joined.models.left_out)?;
    searched.peak_rss_bytes = peak_rss_bytes();
    output::write_json(out.join("searchlight.json"), request.overwrite, &searched)?;
    write::provenance(request, &store, &searched)?;
    checkpoint.remove()?;
    Ok(searched)
}

/// Makes the folder of results, or finds the interrupted search in it.
fn prepare_folder(request: &SearchlightRequest) -> Result<(), WorkflowError> {
    let out = &request.out;
    let begun = out.join(checkpoint::FILE).exists();
    match (request.resume, begun) {
        (true, true) => Ok(()),
        (true, false) => Err(WorkflowError::NothingToResume { out: out.clone() }),
        (false, true) if request.overwrite == Overwrite::Refuse => {
            Err(RsaError::Begun { out: out.clone() }.into())
        }
        (false, _) if request.dry_run => Ok(()),
        (false, _) => Ok(output::folder(out, request.overwrite)?),
    }
}

/// Refuses models whose maps would overwrite each other.
fn distinct_files(models: &[ModelOf]) -> Result<(), RsaError> {
    let named: Vec<(String, &str)> = models
        .iter()
        .map(|of| (volume::entity(&of.name), of.name.as_str()))
        .collect();
    for (at, (entity, second)) in named.iter().enumerate() {
        if let Some((_, first)) = named[..at].iter().find(|(other, _)| other == entity) {
            return Err(RsaError::SameFile {
                first: (*first).to_owned(),
                second: (*second).to_owned(),
            });
        }
    }
    Ok(())
}

/// What a person should know before the search begins.
fn tell(joined: &Joined, noun: &str, estimate: &Estimate, rejected: &Rejected, run: Run<'_>) {
    let responses = joined.responses.values.len() as u64 * 4;
    run.progress.note(&format!(
        "plan: {} centres of {:.0} {noun} on average, {} stimuli, {} models; {:.0} GFLOP; {:.0} MiB of responses and {:.0} MiB for {} threads",
        estimate.spheres,
        estimate.members,
        joined.models.stimuli.len(),
        joined.models.models.len(),
        estimate.flop / 1e9,
        responses as f64 / f64::from(1 << 20),
        estimate.bytes as f64 / f64::from(1 << 20),
        estimate.threads,
    ));
    let Rejected {
        nan,
        constant,
        excluded,
        dropped,
    } = rejected;
    if nan + constant + excluded + dropped > 0 {
        run.progress.note(&format!(
            "{nan} {noun} with NaN or infinity and {constant} constant ones are in no neighbourhood; {excluded} centres have too few {noun} in the mask, {dropped} more without those"
        ));
    }
}

/// Everything that the blocks depend on.
fn digest(request: &SearchlightRequest, store: &Path) -> Result<Sha256Sum, WorkflowError> {
    let mut files: Vec<PathBuf> = ["store.json", "samples.tsv", "voxels.tsv"]
        .map(|name| store.join(name))
        .into();
    files.extend(request.models.iter().map(|of| of.path.clone()));
    files.extend(request.include.clone());
    files.extend(request.midthickness.iter().flatten().cloned());
    let sums = files
        .iter()
        .map(|path| emotome_stimuli::digest::sha256_of_file(path).map(|sum| sum.to_string()))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Sha256Sum::of(
        parameters(request, &sums).to_string().as_bytes(),
    ))
}

/// Every parameter with the value used.
fn parameters(request: &SearchlightRequest, inputs: &[String]) -> serde_json::Value {
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "inputs": inputs,
        "models": request.models.iter().map(|of| json!({"name": of.name, "holds": of.holds, "control": of.control})).collect::<Vec<_>>(),
        "shape": request.shape,
        "midthickness": request.midthickness,
        "distance": request.distance,
        "comparison": request.comparison,
        "bound": request.bound,
        "pairs": request.pairs,
        "repeats": request.repeats,
        "relabelling": request.relabelling,
    })
}

/// Compares the blocks that are not yet there; returns the operations done.
fn compare(
    search: &Search<'_>,
    blocks: &mut BTreeMap<usize, Block>,
    checkpoint: &mut Checkpoint,
    run: Run<'_>,
) -> Result<f64, WorkflowError> {
    let done: usize = blocks.values().map(|block| block.centres.len()).sum();
    let mut flop = 0.0;
    run.progress
        .begin("centres", Some(search.plan().neighbourhoods().len() as u64));
    run.progress.advance(done as u64);
    for index in 0..search.plan().blocks() {
        if blocks.contains_key(&index) {
            continue;
        }
        let Ok(block) = search.block(index, &run) else {
            checkpoint.sync()?;
            return Err(WorkflowError::Paused {
                out: checkpoint.folder().to_owned(),
            });
        };
        checkpoint.add(&block)?;
        flop += block.flop;
        blocks.insert(index, block);
    }
    run.progress.end();
    Ok(flop)
}
