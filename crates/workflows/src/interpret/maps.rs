//! Maps of the stimuli of an agent.

use crate::WorkflowError;
use emotome_embedding::Embedding;
use emotome_embedding::evaluate::rsm;
use emotome_embedding::evaluate::score::Scoring;
use emotome_interpret::maps::Space;
use emotome_interpret::maps::quality::{Quality, quality};
use emotome_interpret::maps::tsne::{TsneParams, tsne};
use emotome_interpret::maps::umap::{UmapParams, umap};
use emotome_stats::random::{CounterRng, Seed};
use emotome_stimuli::run::Run;
use ndarray::Array2;
use serde::Serialize;

/// How t-SNE maps are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TsneRecipe {
    /// Euclidean distances of weights, perplexity 30: [`TsneParams::default`].
    #[default]
    Standard,
    /// The recipe of the published maps: distances 1 − S with the similarities S that the embedding predicts,
    /// perplexities 5 and 30: [`TsneParams::published`].
    Published,
}

/// Maps of the stimuli, in the order of the stimuli used.
#[derive(Debug, Clone, Serialize)]
pub struct Maps {
    /// How the t-SNE map was made.
    pub recipe: TsneRecipe,
    /// Perplexities of t-SNE; 30 unless there are too few stimuli, 5 and 30 as published.
    pub perplexities: Vec<f64>,
    /// Neighbours of UMAP; 15 unless there are too few stimuli.
    pub neighbours: usize,
    /// t-SNE, judged by the distances that it shows.
    pub tsne: MapOf,
    /// UMAP, Euclidean.
    pub umap: MapOf,
}

/// One map.
#[derive(Debug, Clone, Serialize)]
pub struct MapOf {
    /// Places, n × 2; in the file of places, not here.
    #[serde(skip)]
    pub places: Vec<[f64; 2]>,
    /// How much of the neighbourhoods it keeps.
    pub quality: Quality,
}

/// Neighbours looked at where maps are judged; fewer for few stimuli.
const NEIGHBOURS: usize = 15;
/// Fewest stimuli of the published recipe: three times its perplexity of 30 must stay below n − 1.
const FEWEST_PUBLISHED: usize = 92;
/// Third stimuli of predicted similarities, at most; of more so many are drawn by lot. Time grows with their
/// number and the square of that of the stimuli.
const MOST_THIRDS: usize = 2_500;

impl Maps {
    /// The maps by what they are called where they are shown.
    pub(super) fn named(&self) -> [(&'static str, &MapOf); 2] {
        let tsne = match self.recipe {
            TsneRecipe::Standard => "t-SNE",
            TsneRecipe::Published => "t-SNE, published recipe",
        };
        [(tsne, &self.tsne), ("UMAP", &self.umap)]
    }

    pub(super) fn draw(
        values: &Array2<f64>,
        recipe: TsneRecipe,
        seed: Seed,
        run: Run<'_>,
    ) -> Result<Self, WorkflowError> {
        let n = values.nrows();
        let space = Space::euclidean(values.view());
        let (perplexities, tsne) = match recipe {
            TsneRecipe::Standard => {
                let default = TsneParams::default();
                // Three times the perplexity must stay below n − 1.
                let most = ((n as f64 - 2.0) / 3.0).floor();
                let params = TsneParams {
                    perplexities: vec![default.perplexities[0].min(most)],
                    ..default
                };
                let drawn = tsne(space, &params, run)?.map;
                (params.perplexities, MapOf::judged(space, drawn, run)?)
            }
            TsneRecipe::Published => {
                let params = TsneParams::published();
                if n < FEWEST_PUBLISHED {
                    return Err(WorkflowError::TooFewForRecipe {
                        found: n,
                        fewest: FEWEST_PUBLISHED,
                    });
                }
                let distances = distances(values, seed, run)?;
                let space = Space::Distances(distances.view());
                let drawn = tsne(space, &params, run)?.map;
                (params.perplexities, MapOf::judged(space, drawn, run)?)
            }
        };
        let default = UmapParams::default();
        let neighbours = default.neighbours.min(n);
        let params = UmapParams {
            neighbours,
            ..default
        };
        let drawn = umap(space, &params, seed.derive("umap"), run)?.map;
        Ok(Self {
            recipe,
            perplexities,
            neighbours,
            tsne,
            umap: MapOf::judged(space, drawn, run)?,
        })
    }
}

impl MapOf {
    fn judged(
        space: Space<'_>,
        places: Vec<[f64; 2]>,
        run: Run<'_>,
    ) -> Result<Self, WorkflowError> {
        let n = places.len();
        let map = Array2::from_shape_fn((n, 2), |(i, axis)| places[i][axis]);
        let k = NEIGHBOURS.min((n - 1) / 2);
        Ok(Self {
            quality: quality(space, map.view(), k, run)?,
            places,
        })
    }
}

/// One less the similarities that an embedding predicts, averaged over [`thirds`].
fn distances(values: &Array2<f64>, seed: Seed, run: Run<'_>) -> Result<Array2<f64>, WorkflowError> {
    let n = values.nrows();
    let embedding = Embedding::new(values.mapv(|x| x as f32))?;
    let items: Vec<usize> = (0..n).collect();
    let thirds = thirds(n, seed.derive("thirds"));
    let scoring = Scoring::default();
    let similarities = rsm::predicted(&embedding, &items, &thirds, &scoring, run)?;
    Ok(similarities.mapv(|s| 1.0 - s))
}

/// The third stimuli that a pair is seen with: all of n, or so many of them as time allows, drawn by lot.
pub(crate) fn thirds(n: usize, seed: Seed) -> Vec<usize> {
    let mut thirds: Vec<usize> = (0..n).collect();
    if n > MOST_THIRDS {
        CounterRng::new(seed, 0).shuffle(&mut thirds);
        thirds.truncate(MOST_THIRDS);
        thirds.sort_unstable();
    }
    thirds
}
