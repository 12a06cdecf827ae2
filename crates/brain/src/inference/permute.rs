//! Regions × models against relabelled models, with the largest value anywhere as a null of its own.

use super::exchange::{Exchange, Presentation};
use super::{InferenceError, TIE, Tail, permutation_p};
use crate::rdm::compare::Shared;
use crate::rdm::{Comparison, Rdm, RdmError, dot, first};
use emotome_stats::random::{CounterRng, Seed};
use emotome_stimuli::run::Run;
use ndarray::Array2;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// How models are relabelled and compared.
///
/// | parameter | default |
/// |---|---|
/// | `comparison` | `Spearman`; `Pearson` and `Cosine` are the others |
/// | `exchange` | `RunBlocks` |
/// | `permutations` | 1,000 |
/// | `tail` | `Greater` |
/// | `seed` | 0 |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PermutationParams {
    /// How dissimilarities are compared.
    pub comparison: Comparison,
    /// What is exchanged.
    pub exchange: Exchange,
    /// How many relabellings are drawn.
    pub permutations: u32,
    /// Which values speak against chance.
    pub tail: Tail,
    /// Seed of the draws.
    pub seed: u64,
}

impl Default for PermutationParams {
    fn default() -> Self {
        Self {
            comparison: Comparison::Spearman,
            exchange: Exchange::RunBlocks,
            permutations: 1_000,
            tail: Tail::Greater,
            seed: 0,
        }
    }
}

/// Agreement of regions with models, and how often relabelled models reach it.
#[derive(Debug, Clone, PartialEq)]
pub struct PermutationTest {
    /// Regions × models.
    pub observed: Array2<f64>,
    /// (1 + #{null ≥ observed}) / (1 + P), for each alone.
    pub p: Array2<f64>,
    /// The same against the largest value over all regions and models: the chance of any false alarm.
    pub p_fwe: Array2<f64>,
    /// Mean of each null.
    pub null_mean: Array2<f64>,
    /// Standard deviation of each null.
    pub null_sd: Array2<f64>,
    /// The largest value anywhere, in each relabelling.
    pub maxima: Vec<f64>,
    /// The smallest p that could have been reached.
    pub smallest_p: f64,
    /// Pairs compared.
    pub pairs: usize,
    /// Pairs that some region misses, left out of all.
    pub missing: usize,
}

/// Compares every region with every model, and with models whose stimuli are relabelled.
///
/// Relabelling permutes rows and columns of a model together (Mantel 1967), so that all pairs of a
/// stimulus stay together; what p would have to assume of pairs is not assumed. Where regions miss
/// pairs that relabelling moves, ranks and means are taken anew for each relabelling, at O(N log N);
/// where the missing pairs map onto themselves (pairs within runs under `RunBlocks` or
/// `WithinRunShifts`) and where none is missing, a relabelling is one pass of gathers:
/// O(N · models · (1 + regions)). Memory: 8 n² bytes a model and 4 n² bytes a region.
/// Relabelling p of [`Seed`] draws from stream p, whatever the number of threads.
///
/// # Errors
/// No region or model, differing numbers of stimuli, a model with missing pairs, a comparison other
/// than Pearson, Cosine and Spearman, no permutations, nothing to exchange, or an interrupt.
pub fn permutation_test(
    regions: &[Rdm],
    models: &[Rdm],
    shown: &Presentation,
    params: PermutationParams,
    run: Run<'_>,
) -> Result<PermutationTest, InferenceError> {
    let PermutationParams {
        comparison,
        exchange,
        permutations,
        tail,
        seed,
    } = params;
    let n = shown.n();
    check(regions, models, n, params)?;
    let arrangements = shown.arrangements(exchange)?;
    let mut present = vec![true; regions[0].values().len()];
    for region in regions {
        present
            .iter_mut()
            .zip(region.values())
            .for_each(|(p, v)| *p &= !v.is_nan());
    }
    let shared = Shared::new(n, &present);
    let ready = |rdm: &Rdm| {
        let values = shared.of(rdm);
        let values = shared
            .prepare(&values, comparison)
            .map(|ready| ready.unit())
            .unwrap_or_default();
        let mut values = values.into_iter();
        // A missing pair adds nothing to a sum.
        present
            .iter()
            .map(|&p| {
                if p {
                    values.next().unwrap_or(f64::NAN)
                } else {
                    0.0
                }
            })
            .collect::<Vec<f64>>()
    };
    let brains: Vec<Vec<f64>> = regions.iter().map(ready).collect();
    let squares: Vec<Vec<f64>> = models
        .iter()
        .map(|model| square(n, &ready(model)))
        .collect();
    let pairs = present.iter().filter(|&&p| p).count();
    let whole = pairs == present.len();
    let mask = if whole {
        Vec::new()
    } else {
        square(
            n,
            &present
                .iter()
                .map(|&p| f64::from(u8::from(p)))
                .collect::<Vec<_>>(),
        )
    };
    let identity: Vec<u32> = (0..n as u32).collect();
    let width = models.len();
    let observed = gather(n, &brains, &squares, &identity);
    let seed = Seed(seed).derive("relabelled models");
    run.progress
        .begin("permuting models", Some(u64::from(permutations)));
    let null: Vec<Option<Vec<f64>>> = (0..permutations)
        .into_par_iter()
        .map(|draw| {
            if run.interrupt.requested() {
                return None;
            }
            let labels = shown.relabel(exchange, &mut CounterRng::new(seed, u64::from(draw)));
            let values = if whole || invariant(n, &mask, &labels) {
                gather(n, &brains, &squares, &labels)
            } else {
                let places: Vec<usize> = labels.iter().map(|&label| label as usize).collect();
                let mut values = vec![0.0; brains.len() * width];
                for (m, model) in models.iter().enumerate() {
                    let moved = model
                        .select(&places)
                        .map(|moved| ready(&moved))
                        .unwrap_or_default();
                    for (b, brain) in brains.iter().enumerate() {
                        values[b * width + m] = dot(brain, &moved);
                    }
                }
                values
            };
            run.progress.advance(1);
            Some(values)
        })
        .collect();
    run.progress.end();
    let null: Vec<Vec<f64>> = null
        .into_iter()
        .collect::<Option<_>>()
        .ok_or(InferenceError::Interrupted)?;
    let score = |value: &f64| tail.score(*value);
    let maxima: Vec<f64> = null
        .iter()
        .map(|values| values.iter().map(score).fold(f64::NEG_INFINITY, f64::max))
        .collect();
    let table = |value: &dyn Fn(usize) -> f64| {
        Array2::from_shape_fn((brains.len(), width), |(b, m)| value(b * width + m))
    };
    let column = |cell: usize| null.iter().map(|values| values[cell]).collect::<Vec<f64>>();
    Ok(PermutationTest {
        observed: table(&|cell| observed[cell]),
        p: table(&|cell| {
            permutation_p(
                score(&observed[cell]),
                null.iter().map(|values| score(&values[cell])),
            )
        }),
        p_fwe: table(&|cell| permutation_p(score(&observed[cell]), maxima.iter().copied())),
        null_mean: table(&|cell| emotome_stats::summary::mean(&column(cell))),
        null_sd: table(&|cell| emotome_stats::summary::standard_deviation(&column(cell))),
        maxima,
        smallest_p: (1.0 / (1.0 + f64::from(permutations))).max(1.0 / arrangements),
        pairs,
        missing: present.len() - pairs,
    })
}

fn check(
    regions: &[Rdm],
    models: &[Rdm],
    n: usize,
    params: PermutationParams,
) -> Result<(), InferenceError> {
    for (what, found) in [
        ("regions", regions.len()),
        ("models", models.len()),
        ("permutations", params.permutations as usize),
    ] {
        if found == 0 {
            return Err(InferenceError::Few {
                what,
                found,
                least: 1,
            });
        }
    }
    if !matches!(
        params.comparison,
        Comparison::Pearson | Comparison::Cosine | Comparison::Spearman
    ) {
        return Err(InferenceError::Comparison {
            comparison: params.comparison,
        });
    }
    if let Some(odd) = regions.iter().chain(models).find(|rdm| rdm.n() != n) {
        return Err(RdmError::Sizes {
            left: odd.n(),
            right: n,
        }
        .into());
    }
    match models.iter().position(|model| model.missing() > 0) {
        Some(model) => Err(InferenceError::ModelMisses {
            model,
            missing: models[model].missing(),
        }),
        None => Ok(()),
    }
}

/// Σ_{i<j} brain_ij model_π(i)π(j) for each brain (rows) and model; a gathered row serves all brains.
fn gather(n: usize, brains: &[Vec<f64>], squares: &[Vec<f64>], labels: &[u32]) -> Vec<f64> {
    let mut sums = vec![0.0; brains.len() * squares.len()];
    let mut moved = vec![0.0; n];
    for (m, square) in squares.iter().enumerate() {
        for i in 0..n {
            let row = &square[labels[i] as usize * n..][..n];
            let later = &labels[i + 1..];
            for (to, &label) in moved.iter_mut().zip(later) {
                *to = row[label as usize];
            }
            let (start, end) = (first(n, i), first(n, i + 1));
            for (b, brain) in brains.iter().enumerate() {
                sums[b * squares.len() + m] += dot(&brain[start..end], &moved[..end - start]);
            }
        }
    }
    sums
}

fn invariant(n: usize, mask: &[f64], labels: &[u32]) -> bool {
    (0..n).all(|i| {
        let (own, moved) = (&mask[i * n..][..n], &mask[labels[i] as usize * n..][..n]);
        own.iter()
            .zip(labels)
            .all(|(own, &label)| (own - moved[label as usize]).abs() < TIE)
    })
}

fn square(n: usize, values: &[f64]) -> Vec<f64> {
    let mut square = vec![0.0; n * n];
    for i in 0..n {
        for (j, &value) in (i + 1..n).zip(&values[first(n, i)..first(n, i + 1)]) {
            square[i * n + j] = value;
            square[j * n + i] = value;
        }
    }
    square
}
