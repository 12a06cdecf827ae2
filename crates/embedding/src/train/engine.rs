//! Weights, optimiser state and the loop over batches that every model shares.

use super::deck::Batch;
use super::kernel::{self, Likelihood, RowUpdate, Rows, Slopes};
use crate::Embedding;
use emotome_lanes::InstructionSet;
use emotome_lanes::LANES;
use ndarray::Array2;
use rayon::prelude::*;

/// Padded rows of weights with the optimiser state that belongs to them.
#[derive(Debug, Clone)]
pub(crate) struct Engine {
    pub(crate) set: InstructionSet,
    n_items: usize,
    dims: usize,
    stride: usize,
    pub(crate) weights: Vec<f32>,
    next: Vec<f32>,
    pub(crate) state: Vec<f32>,
    slopes: Slopes,
}

impl Engine {
    /// Rows with `weight(item, dim)` and `per_weight` zeroed values of state each.
    pub(crate) fn new(
        set: InstructionSet,
        n_items: usize,
        dims: usize,
        per_weight: usize,
        weight: impl Fn(usize, usize) -> f32,
    ) -> Self {
        let stride = dims.next_multiple_of(LANES).max(LANES);
        let mut weights = vec![0.0; n_items * stride];
        for (item, row) in weights.chunks_mut(stride).enumerate() {
            for (dim, w) in row[..dims].iter_mut().enumerate() {
                *w = weight(item, dim);
            }
        }
        Self {
            set,
            n_items,
            dims,
            stride,
            next: weights.clone(),
            state: vec![0.0; per_weight * weights.len()],
            weights,
            slopes: Slopes::new(),
        }
    }

    /// Rows of an embedding, for scoring.
    pub(crate) fn of(set: InstructionSet, weights: &Array2<f32>) -> Self {
        let (n_items, dims) = weights.dim();
        Self::new(set, n_items, dims, 0, |item, dim| weights[[item, dim]])
    }

    /// The engine of a checkpoint, if the sizes belong together.
    pub(crate) fn restore(
        set: InstructionSet,
        n_items: usize,
        dims: usize,
        weights: Vec<f32>,
        state: Vec<f32>,
    ) -> Option<Self> {
        let stride = dims.checked_next_multiple_of(LANES)?.max(LANES);
        let fits = n_items.checked_mul(stride)? == weights.len()
            && !weights.is_empty()
            && state.len().is_multiple_of(weights.len());
        let next = weights.clone();
        fits.then_some(Self {
            set,
            n_items,
            dims,
            stride,
            weights,
            next,
            state,
            slopes: Slopes::new(),
        })
    }

    pub(crate) const fn n_items(&self) -> usize {
        self.n_items
    }

    pub(crate) const fn dims(&self) -> usize {
        self.dims
    }

    pub(crate) const fn stride(&self) -> usize {
        self.stride
    }

    pub(crate) fn rows(&self) -> Rows<'_> {
        Rows::new(&self.weights, self.stride)
    }

    /// The weights without padding, n × d.
    pub(crate) fn matrix(&self) -> Array2<f32> {
        Array2::from_shape_fn((self.n_items, self.dims), |(i, f)| {
            self.weights[i * self.stride + f]
        })
    }

    /// Takes one step on a batch; returns the summed loss of its trials before the step.
    pub(crate) fn step<U: RowUpdate>(
        &mut self,
        batch: Batch<'_>,
        likelihood: Likelihood,
        update: &U,
    ) -> f64 {
        let rows = Rows::new(&self.weights, self.stride);
        let loss = kernel::slopes(
            self.set,
            rows,
            batch.trials,
            batch.targets,
            likelihood,
            &mut self.slopes,
        );
        kernel::update_rows(
            self.set,
            rows,
            batch.appearances,
            &self.slopes,
            likelihood.similarity,
            1.0 / batch.trials.len() as f32,
            update,
            &mut self.next,
            &mut self.state,
        );
        std::mem::swap(&mut self.weights, &mut self.next);
        loss
    }

    /// Drops dimensions whose weights are all zero. Their gradients are zero, so nothing changes
    /// but the time a step takes. Returns how many are left.
    pub(crate) fn drop_dead_dims(&mut self) -> usize {
        let alive: Vec<usize> = (0..self.dims)
            .filter(|f| {
                self.weights
                    .iter()
                    .skip(*f)
                    .step_by(self.stride)
                    .any(|&w| w != 0.0)
            })
            .collect();
        if alive.len().next_multiple_of(LANES).max(LANES) < self.stride {
            let stride = alive.len().next_multiple_of(LANES).max(LANES);
            let old = self.stride;
            let pick = |values: &[f32]| -> Vec<f32> {
                values
                    .par_chunks(old)
                    .flat_map_iter(|row| {
                        (0..stride).map(|f| alive.get(f).map_or(0.0, |&source| row[source]))
                    })
                    .collect()
            };
            self.weights = pick(&self.weights);
            self.state = pick(&self.state);
            self.next = self.weights.clone();
            self.dims = alive.len();
            self.stride = stride;
        }
        alive.len()
    }

    /// Starts the rows that are all zero anew, where `wanted`, from `weight(item, dim)` and zeroed
    /// state. Returns how many there were.
    pub(crate) fn restart_zero_rows(
        &mut self,
        wanted: &[bool],
        weight: impl Fn(usize, usize) -> f32,
    ) -> usize {
        let (stride, dims) = (self.stride, self.dims);
        let state = self.state.len() / self.weights.len() * stride;
        let mut restarted = 0;
        for (item, row) in self.weights.chunks_mut(stride).enumerate() {
            if wanted[item] && row.iter().all(|&w| w == 0.0) {
                for (dim, w) in row[..dims].iter_mut().enumerate() {
                    *w = weight(item, dim);
                }
                self.state[item * state..][..state].fill(0.0);
                restarted += 1;
            }
        }
        restarted
    }

    /// The number of dimensions with a weight above `threshold`.
    pub(crate) fn dims_above(&self, threshold: f32) -> usize {
        let above = |f: &usize| {
            self.weights
                .iter()
                .skip(*f)
                .step_by(self.stride)
                .any(|&w| w > threshold)
        };
        (0..self.dims).filter(above).count()
    }

    /// Mean −ln p of the chosen pair and share of trials where it is the most similar (m-way ties
    /// credit 1/m), on rows of `[similar, similar, odd]`.
    pub(crate) fn score(&self, trials: &[[u32; 3]], likelihood: Likelihood) -> Score {
        score(self.set, self.rows(), trials, likelihood)
    }

    pub(crate) fn embedding(&self) -> Result<Embedding, crate::EmbeddingError> {
        Embedding::new(self.matrix())
    }
}

/// How well weights predict held-out choices.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Score {
    /// Mean negative log-likelihood of the choices, in nats; ln 3 = 1.0986 by guessing.
    pub nll: f64,
    /// Share of choices predicted, m-way ties credited 1/m; 1/3 by guessing.
    pub accuracy: f64,
}

/// See [`Engine::score`].
pub(crate) fn score(
    set: InstructionSet,
    rows: Rows<'_>,
    trials: &[[u32; 3]],
    likelihood: Likelihood,
) -> Score {
    let mut similar = vec![[0.0; 3]; trials.len()];
    kernel::similarities_of(set, rows, trials, likelihood.similarity, &mut similar);
    summarise(&similar, likelihood, |&s| softmax(s))
}

/// The score of choice probabilities averaged over several draws of the weights.
pub(crate) fn score_samples(
    set: InstructionSet,
    stride: usize,
    draws: impl Iterator<Item = Vec<f32>>,
    trials: &[[u32; 3]],
    likelihood: Likelihood,
) -> Score {
    let mut similar = vec![[0.0; 3]; trials.len()];
    let mut summed = vec![[0.0_f64; 3]; trials.len()];
    for draw in draws {
        let rows = Rows::new(&draw, stride);
        kernel::similarities_of(set, rows, trials, likelihood.similarity, &mut similar);
        summed.par_iter_mut().zip(&similar).for_each(|(sum, &s)| {
            let p = softmax(s);
            for k in 0..3 {
                sum[k] += p[k];
            }
        });
    }
    summarise(&summed, likelihood, |sum| {
        let total: f64 = sum.iter().sum();
        sum.map(|p| p / total)
    })
}

/// Choice probabilities of similarities, with the largest subtracted.
fn softmax(s: [f32; 3]) -> [f64; 3] {
    let top = s[0].max(s[1]).max(s[2]);
    let e = s.map(|s| f64::from(s - top).exp());
    let total: f64 = e.iter().sum();
    e.map(|e| e / total)
}

/// Trials per partial sum; part of the result.
const SCORE_TRIALS: usize = 4096;

fn summarise<T: Sync>(
    trials: &[T],
    likelihood: Likelihood,
    probabilities: impl Fn(&T) -> [f64; 3] + Sync,
) -> Score {
    let lapse = f64::from(likelihood.lapse);
    let parts: Vec<(f64, f64)> = trials
        .par_chunks(SCORE_TRIALS)
        .map(|trials| {
            trials.iter().fold((0.0, 0.0), |(nll, hits), trial| {
                let p = probabilities(trial);
                let top = p[0].max(p[1]).max(p[2]);
                let tied = p.iter().filter(|&&p| p == top).count() as f64;
                (
                    nll - ((1.0 - lapse) * p[0] + lapse / 3.0).ln(),
                    hits + if p[0] == top { 1.0 / tied } else { 0.0 },
                )
            })
        })
        .collect();
    let n = trials.len() as f64;
    Score {
        nll: parts.iter().map(|p| p.0).sum::<f64>() / n,
        accuracy: parts.iter().map(|p| p.1).sum::<f64>() / n,
    }
}
