//! The chance of a value as large anywhere in the brain, by relabelled models.

use super::super::RsaError;
use super::super::brain::Joined;
use super::super::space::{Space, Written};
use super::super::volume::entity;
use super::{SearchlightRequest, write};
use crate::WorkflowError;
use emotome_brain::inference::clusters::{Heights, Neighbours, TfceParams, clusters, tfce};
use emotome_brain::inference::exchange::{Exchange, Presentation};
use emotome_brain::inference::{InferenceError, permutation_p};
use emotome_brain::model::Metric;
use emotome_brain::searchlight::{Block, Comparison, Search};
use emotome_neurofiles::{Grid, nifti};
use emotome_stats::random::{CounterRng, Seed};
use emotome_stimuli::output::Overwrite;
use emotome_stimuli::run::Run;
use ndarray::Array2;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// How models are relabelled, and what is looked for in the maps.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Relabelling {
    /// What is exchanged.
    pub exchange: Exchange,
    /// How many times.
    pub permutations: u32,
    /// Seed of the draws.
    pub seed: u64,
    /// The value beyond which clusters form; none for no test of clusters.
    pub cluster_threshold: Option<f64>,
    /// Whether maps are enhanced without a threshold.
    pub tfce: bool,
    /// Relabelled maps to keep, for `emotome rsa group --surrogates`.
    pub kept: u32,
}

/// What relabelled models reach anywhere. Field names are stable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FamilyWise {
    /// The model.
    pub model: String,
    /// The image of p: (1 + relabelled models that reach the value anywhere) / (1 + all of them).
    pub path: PathBuf,
    /// The same of the right surface, where each surface has its own.
    pub right_path: Option<PathBuf>,
    /// The smallest value with p ≤ .05; `null` if there is none.
    pub threshold: Option<f64>,
    /// Centres with p ≤ .05.
    pub significant: usize,
    /// The smallest p that can be reached.
    pub smallest_p: f64,
    /// The same of the mass of clusters; `null` where it was not asked for.
    pub clusters: Option<ClusterWise>,
    /// The same of enhanced values; `null` where it was not asked for.
    pub tfce: Option<Enhanced>,
    /// The image of relabelled maps; `null` where none was kept.
    pub surrogates: Option<PathBuf>,
}

/// Clusters among those of relabelled models. Field names are stable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClusterWise {
    /// The image of p, of each voxel's cluster; 1 outside of clusters.
    pub path: PathBuf,
    /// The same of the right surface, where each surface has its own.
    pub right_path: Option<PathBuf>,
    /// The value beyond which they form.
    pub threshold: f64,
    /// Clusters.
    pub found: usize,
    /// Those whose mass, Σ (value − threshold), has p ≤ .05 against the largest anywhere.
    pub significant: usize,
}

/// Threshold-free cluster enhancement among that of relabelled models. Field names are stable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Enhanced {
    /// The image of enhanced values.
    pub path: PathBuf,
    /// The same of the right surface, where each surface has its own.
    pub right_path: Option<PathBuf>,
    /// The image of their p against the largest anywhere.
    pub p_path: PathBuf,
    /// The same of the right surface, where each surface has its own.
    pub right_p_path: Option<PathBuf>,
    /// Centres with p ≤ .05.
    pub significant: usize,
}

/// The level of the threshold.
const ALPHA: f64 = 0.05;

impl Relabelling {
    /// Refuses comparisons whose relabelling costs as much as the search.
    pub(super) fn check(&self, request: &SearchlightRequest) -> Result<(), RsaError> {
        let whitened = matches!(
            request.comparison,
            Comparison::CosineCov | Comparison::CorrCov
        );
        if !(whitened && request.distance == Metric::SquaredEuclidean) {
            return Err(RsaError::CostlyRelabelling);
        }
        if let Some(threshold) = self.cluster_threshold {
            let nothing = Neighbours::from_edges(0, [])?;
            clusters(&[], threshold, &nothing, false)?;
        }
        let spatial = self.tfce || self.cluster_threshold.is_some();
        if spatial && request.comparison == Comparison::CosineCov {
            return Err(RsaError::NoZero);
        }
        Ok(())
    }
}

/// Threshold-free enhancement of values above 0, as Smith & Nichols (2009) recommend.
const TFCE: TfceParams = TfceParams {
    extent: 0.5,
    height: 2.0,
    heights: Heights::All,
    two_sided: false,
};

/// The largest of every map of one model.
#[derive(Default)]
struct Largest {
    value: Vec<f64>,
    mass: Vec<f64>,
    enhanced: Vec<f64>,
}

/// A map's largest value, mass of a cluster and enhanced value.
fn largest(
    map: &[f64],
    relabelling: &Relabelling,
    neighbours: &Neighbours,
) -> Result<[f64; 3], InferenceError> {
    let most = |values: &[f64]| values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mass = match relabelling.cluster_threshold {
        Some(threshold) => clusters(map, threshold, neighbours, false)?
            .iter()
            .map(|cluster| cluster.mass)
            .fold(0.0, f64::max),
        None => 0.0,
    };
    let enhanced = match relabelling.tfce {
        true => most(&tfce(map, neighbours, TFCE)?),
        false => 0.0,
    };
    Ok([most(map), mass, enhanced])
}

/// Relabels every model, keeps the largest value anywhere, and writes the p of each centre.
pub(super) fn family_wise(
    relabelling: &Relabelling,
    request: &SearchlightRequest,
    joined: &Joined,
    space: &Space<'_>,
    search: &Search<'_>,
    blocks: &[Block],
    run: Run<'_>,
) -> Result<Vec<FamilyWise>, WorkflowError> {
    let rows = &joined.responses.view.rows;
    let runs = joined.responses.view.runs();
    let places: Vec<u32> = rows.iter().map(|row| row.order).collect();
    let shown = Presentation::new(&runs, &places).map_err(RsaError::from)?;
    shown
        .arrangements(relabelling.exchange)
        .map_err(RsaError::from)?;
    let seed = Seed(relabelling.seed).derive("relabelled models");
    let draws = (0..u64::from(relabelling.permutations))
        .flat_map(|draw| shown.relabel(relabelling.exchange, &mut CounterRng::new(seed, draw)));
    let shape = (relabelling.permutations as usize, rows.len());
    let permutations =
        Array2::from_shape_vec(shape, draws.collect()).map_err(|_| RsaError::CostlyRelabelling)?;
    let paused = || WorkflowError::Paused {
        out: request.out.clone(),
    };
    let hoods = search.plan().neighbourhoods();
    let centres: Vec<u32> = (0..hoods.len()).map(|at| hoods.centre(at)).collect();
    let spatial = relabelling.tfce || relabelling.cluster_threshold.is_some();
    let neighbours = match spatial {
        true => space.neighbours(&centres),
        false => Neighbours::from_edges(0, []),
    }
    .map_err(RsaError::from)?;
    let mut reached: Vec<Largest> = Vec::new();
    reached.resize_with(request.models.len(), Largest::default);
    let mut kept: Vec<Vec<Vec<f32>>> = vec![Vec::new(); request.models.len()];
    let mut failed = None;
    search
        .relabelled(permutations.view(), &run, |model, first, maps| {
            let each: Result<Vec<[f64; 3]>, InferenceError> = (0..maps.ncols())
                .into_par_iter()
                .map(|p| largest(&maps.column(p).to_vec(), relabelling, &neighbours))
                .collect();
            match each {
                Ok(each) => {
                    let own = &mut reached[model];
                    own.value.extend(each.iter().map(|most| most[0]));
                    own.mass.extend(each.iter().map(|most| most[1]));
                    own.enhanced.extend(each.iter().map(|most| most[2]));
                }
                Err(error) => failed = Some(error),
            }
            let more = (relabelling.kept as usize).saturating_sub(first);
            let some = maps.columns().into_iter().take(more);
            kept[model].extend(some.map(|map| map.iter().map(|&v| v as f32).collect()));
        })
        .ok_or(RsaError::CostlyRelabelling)?
        .map_err(|_| paused())?;
    if let Some(error) = failed {
        return Err(RsaError::from(error).into());
    }
    let mut images: BTreeMap<&str, Vec<(String, Vec<f64>)>> = BTreeMap::new();
    let mut found = Vec::with_capacity(request.models.len());
    for (m, of) in request.models.iter().enumerate() {
        let own = &reached[m];
        let mut show = |stat, values: &[f64]| {
            let rows = write::by_row(joined, blocks, values.iter().copied());
            images
                .entry(stat)
                .or_default()
                .push((of.name.clone(), rows));
        };
        let values: Vec<f64> = blocks
            .iter()
            .flat_map(|block| block.values.column(m).to_vec())
            .collect();
        let against = |values: &[f64], null: &[f64]| -> Vec<f64> {
            let p = |&value: &f64| match value.is_nan() {
                true => f64::NAN,
                false => permutation_p(value, null.iter().copied()),
            };
            values.iter().map(p).collect()
        };
        let below = |p: &[f64]| p.iter().filter(|p| **p <= ALPHA).count();
        let p = against(&values, &own.value);
        let threshold = values.iter().zip(&p).filter(|(_, p)| **p <= ALPHA);
        let clusterwise = match relabelling.cluster_threshold {
            None => None,
            Some(threshold) => {
                let formed =
                    clusters(&values, threshold, &neighbours, false).map_err(RsaError::from)?;
                let mut image = vec![1.0; values.len()];
                let mut significant = 0;
                for cluster in &formed {
                    let p = permutation_p(cluster.mass, own.mass.iter().copied());
                    significant += usize::from(p <= ALPHA);
                    for &place in &cluster.places {
                        image[place as usize] = p;
                    }
                }
                show("pmass", &image);
                Some(ClusterWise {
                    path: PathBuf::new(),
                    right_path: None,
                    threshold,
                    found: formed.len(),
                    significant,
                })
            }
        };
        let enhanced = match relabelling.tfce {
            false => None,
            true => {
                let enhanced = tfce(&values, &neighbours, TFCE).map_err(RsaError::from)?;
                let p = against(&enhanced, &own.enhanced);
                show("tfce", &enhanced);
                show("ptfce", &p);
                Some(Enhanced {
                    path: PathBuf::new(),
                    right_path: None,
                    p_path: PathBuf::new(),
                    right_p_path: None,
                    significant: below(&p),
                })
            }
        };
        let surrogates = match (kept[m].as_slice(), space.volume()) {
            ([], _) | (_, None) => None,
            (maps, Some((grid, voxels))) => {
                let name = write::named(joined, "surrogates")?.with("desc", &entity(&of.name));
                let path = request.out.join(name.map_err(RsaError::from)?.to_string());
                let placed: Vec<[u32; 3]> = centres.iter().map(|&c| voxels[c as usize]).collect();
                Some(surrogates(path, request.overwrite, grid, &placed, maps)?)
            }
        };
        show("pfwe", &p);
        found.push(FamilyWise {
            model: of.name.clone(),
            path: PathBuf::new(),
            right_path: None,
            threshold: threshold.map(|(value, _)| *value).reduce(f64::min),
            significant: below(&p),
            smallest_p: 1.0 / (1.0 + f64::from(relabelling.permutations)),
            clusters: clusterwise,
            tfce: enhanced,
            surrogates,
        });
    }
    for (stat, maps) in images {
        let name = write::named(joined, stat)?;
        let written = space.write(&request.out, request.overwrite, &name, &maps)?;
        for (found, Written { path, right_path }) in found.iter_mut().zip(written) {
            match (stat, &mut found.clusters, &mut found.tfce) {
                ("pmass", Some(clusters), _) => {
                    (clusters.path, clusters.right_path) = (path, right_path);
                }
                ("tfce", _, Some(enhanced)) => {
                    (enhanced.path, enhanced.right_path) = (path, right_path);
                }
                ("ptfce", _, Some(enhanced)) => {
                    (enhanced.p_path, enhanced.right_p_path) = (path, right_path);
                }
                _ => (found.path, found.right_path) = (path, right_path),
            }
        }
    }
    Ok(found)
}

/// Writes relabelled maps as the volumes of one image.
fn surrogates(
    path: PathBuf,
    overwrite: Overwrite,
    grid: &Grid,
    centres: &[[u32; 3]],
    maps: &[Vec<f32>],
) -> Result<PathBuf, WorkflowError> {
    let layout = nifti::Layout {
        volumes: Some(maps.len()),
        ..nifti::Layout::new(*grid)
    };
    let mut writer = nifti::Writer::<f32>::create(&path, overwrite, &layout)?;
    let [x, y, z] = grid.shape;
    let mut volume = vec![f32::NAN; x * y * z];
    for map in maps {
        for (&[i, j, k], &value) in centres.iter().zip(map) {
            volume[i as usize + x * (j as usize + y * k as usize)] = value;
        }
        writer.volume(&volume)?;
    }
    writer.finish()?;
    Ok(path)
}
