//! Regions × models against relabelled models, with the largest value anywhere as a null of its own.

use super::exchange::{Exchange, Presentation};
use super::{InferenceError, TIE, Tail, permutation_p};
use crate::rdm::compare::Shared;
use crate::rdm::panels::Panels;
use crate::rdm::{Comparison, Rdm, RdmError, first};
use emotome_stats::random::{CounterRng, Seed};
use emotome_stimuli::run::Run;
use ndarray::{Array2, Array3, Axis};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::ops::Range;

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
    /// Relabellings × regions × models.
    pub null: Array3<f64>,
    /// The largest value anywhere, in each relabelling.
    pub maxima: Vec<f64>,
    /// The smallest p that could have been reached.
    pub smallest_p: f64,
    /// Pairs that each region misses, which its comparisons leave out.
    pub missing: Vec<usize>,
}

/// Compares every region with every model, and with models whose stimuli are relabelled.
///
/// Relabelling permutes rows and columns of a model together (Mantel 1967), so that all pairs of a
/// stimulus stay together; what p would have to assume of pairs is not assumed. A batch of relabelled
/// models is gathered a few hundred pairs at a time and multiplied with all regions as matrices are:
/// O(N · models · (1 + regions)) a relabelling. Where a region misses pairs that a relabelling moves,
/// ranks and means are taken anew, at O(N log N); where the missing pairs map onto themselves (pairs
/// within runs under `RunBlocks` or `WithinRunShifts`) they need not be. Memory: 8 n² bytes a model and
/// 4 n² bytes a region. Relabelling p of [`Seed`] draws from stream p; a value has the same bits whatever
/// the number of threads, and whichever regions and models stand beside it.
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
    check(regions, models, shown.n(), params)?;
    let arrangements = shown.arrangements(params.exchange)?;
    let seed = Seed(params.seed).derive("relabelled models");
    let mut labels = vec![Labels::new((0..shown.n() as u32).collect())];
    labels.extend(
        (0..u64::from(params.permutations)).map(|draw| {
            Labels::new(shown.relabel(params.exchange, &mut CounterRng::new(seed, draw)))
        }),
    );
    // Regions that miss the same pairs are compared together, others by themselves.
    let mut alike: Vec<(Vec<bool>, Vec<usize>)> = Vec::new();
    for (at, region) in regions.iter().enumerate() {
        let present: Vec<bool> = region.values().iter().map(|v| !v.is_nan()).collect();
        match alike.iter_mut().find(|(other, _)| *other == present) {
            Some((_, members)) => members.push(at),
            None => alike.push((present, vec![at])),
        }
    }
    let mut missing = vec![0; regions.len()];
    let mut values = Array3::zeros((labels.len(), regions.len(), models.len()));
    run.progress.begin(
        "relabelling models",
        Some((alike.len() * labels.len()) as u64),
    );
    for (present, members) in &alike {
        let absent = present.iter().filter(|&&p| !p).count();
        members.iter().for_each(|&at| missing[at] = absent);
        let some: Vec<&Rdm> = members.iter().map(|&at| &regions[at]).collect();
        let found = relabelled(&some, models, present, &labels, params.comparison, run);
        let Some(found) = found else {
            run.progress.end();
            return Err(InferenceError::Interrupted);
        };
        for (&at, own) in members.iter().zip(found.axis_iter(Axis(1))) {
            values.index_axis_mut(Axis(1), at).assign(&own);
        }
    }
    run.progress.end();
    let observed = values.index_axis(Axis(0), 0).to_owned();
    let null = values.slice_move(ndarray::s![1.., .., ..]);
    let score = |value: &f64| params.tail.score(*value);
    let maxima: Vec<f64> = null
        .outer_iter()
        .map(|values| values.iter().map(score).fold(f64::NEG_INFINITY, f64::max))
        .collect();
    let table = |value: &dyn Fn(usize, usize) -> f64| {
        Array2::from_shape_fn(observed.dim(), |(b, m)| value(b, m))
    };
    Ok(PermutationTest {
        p: table(&|b, m| {
            let null = null.slice(ndarray::s![.., b, m]);
            permutation_p(score(&observed[[b, m]]), null.iter().map(score))
        }),
        p_fwe: table(&|b, m| permutation_p(score(&observed[[b, m]]), maxima.iter().copied())),
        smallest_p: (1.0 / (1.0 + f64::from(params.permutations))).max(1.0 / arrangements),
        observed,
        null,
        maxima,
        missing,
    })
}

/// Columns of relabelled models that are multiplied with all regions at once.
const COLUMNS: usize = 24;

/// Relabellings × regions × models, for regions that have the same pairs; none if it was interrupted.
fn relabelled(
    regions: &[&Rdm],
    models: &[Rdm],
    present: &[bool],
    labels: &[Labels],
    comparison: Comparison,
    run: Run<'_>,
) -> Option<Array3<f64>> {
    let (n, width) = (models[0].n(), models.len());
    let shared = Shared::new(n, present);
    // A missing pair adds nothing to a sum.
    let ready = |rdm: &Rdm| spread(present, shared.unit(rdm, comparison));
    let brains = Panels::new(regions.len(), present.len(), |r| {
        (!run.interrupt.requested())
            .then(|| ready(regions[r]))
            .ok_or(())
    })
    .ok()?;
    let squares: Vec<Vec<f64>> = models
        .iter()
        .map(|model| square(n, &ready(model)))
        .collect();
    let whole = present.iter().all(|&p| p);
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
    let batches: Vec<&[Labels]> = labels.chunks((COLUMNS / width).max(1)).collect();
    let found: Vec<Option<Vec<f64>>> = batches
        .par_iter()
        .map(|batch| {
            let mut values = Vec::with_capacity(batch.len() * brains.rows() * width);
            let moves = |labels: &Labels| !whole && !invariant(n, &mask, &labels.from);
            // Neighbours that stay within the same pairs are gathered together.
            for group in batch.chunk_by(|a, b| !moves(a) && !moves(b)) {
                if run.interrupt.requested() {
                    return None;
                }
                let sums = if moves(&group[0]) {
                    let places: Vec<usize> =
                        group[0].from.iter().map(|&label| label as usize).collect();
                    let moved: Vec<Vec<f64>> = models
                        .iter()
                        .map(|model| {
                            model
                                .select(&places)
                                .map_or(Vec::new(), |moved| ready(&moved))
                        })
                        .collect();
                    brains.products(width, |pairs, m, target| {
                        target.copy_from_slice(&moved[m][pairs]);
                    })
                } else {
                    brains.products(group.len() * width, |pairs, column, target| {
                        gather(
                            n,
                            &squares[column % width],
                            &group[column / width],
                            pairs,
                            target,
                        );
                    })
                };
                for draw in 0..group.len() {
                    for region in sums.chunks_exact(group.len() * width) {
                        values.extend(&region[draw * width..][..width]);
                    }
                }
                run.progress.advance(group.len() as u64);
            }
            Some(values)
        })
        .collect();
    let values = found.into_iter().collect::<Option<Vec<_>>>()?.concat();
    Array3::from_shape_vec((labels.len(), regions.len(), width), values).ok()
}

/// Numbers at the pairs present, in order, and 0 at those that are missing.
fn spread(present: &[bool], values: Vec<f64>) -> Vec<f64> {
    if values.len() == present.len() {
        return values;
    }
    let mut values = values.into_iter();
    present
        .iter()
        .map(|&p| {
            if p {
                values.next().unwrap_or(f64::NAN)
            } else {
                0.0
            }
        })
        .collect()
}

/// A relabelling.
struct Labels {
    /// The stimulus whose row comes to stand at each place.
    from: Vec<u32>,
    /// Where the stretch of following stimuli ends that each place is in; empty if stretches are short.
    ends: Vec<u32>,
}

impl Labels {
    fn new(from: Vec<u32>) -> Self {
        /// From this length on copying stretches is quicker than gathering.
        const LONG: usize = 8;
        let mut ends = Vec::with_capacity(from.len());
        let mut stretches = 0;
        for stretch in from.chunk_by(|a, b| a + 1 == *b) {
            stretches += 1;
            let end = ends.len() + stretch.len();
            ends.resize(end, end as u32);
        }
        if stretches * LONG > from.len() {
            ends = Vec::new();
        }
        Self { from, ends }
    }
}

/// The pairs `pairs` of a model, given as a matrix, with its stimuli relabelled.
fn gather(n: usize, square: &[f64], labels: &Labels, pairs: Range<usize>, target: &mut [f64]) {
    let (mut i, mut at, mut target) = (row_of(n, pairs.start), pairs.start, target);
    while at < pairs.end {
        let end = first(n, i + 1).min(pairs.end);
        let (own, rest) = target.split_at_mut(end - at);
        let row = &square[labels.from[i] as usize * n..][..n];
        let mut j = i + 1 + at - first(n, i);
        let last = j + own.len();
        if labels.ends.is_empty() {
            for (to, &label) in own.iter_mut().zip(&labels.from[j..last]) {
                *to = row[label as usize];
            }
        } else {
            let mut own = own;
            while j < last {
                let length = (labels.ends[j] as usize).min(last) - j;
                let (stretch, after) = own.split_at_mut(length);
                stretch.copy_from_slice(&row[labels.from[j] as usize..][..length]);
                (own, j) = (after, j + length);
            }
        }
        (target, at, i) = (rest, end, i + 1);
    }
}

/// The stimulus i of a pair (i, j), i < j.
fn row_of(n: usize, pair: usize) -> usize {
    // The root of first(n, i) = pair, and what rounding may have made of it.
    let b = (2 * n - 1) as f64;
    let mut i = (0.5 * (b - (b * b - 8.0 * pair as f64).max(0.0).sqrt())) as usize;
    while first(n, i) > pair {
        i -= 1;
    }
    while first(n, i + 1) <= pair {
        i += 1;
    }
    i
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_has_its_row() {
        for n in [3, 4, 100, 2180] {
            for i in 0..n - 1 {
                assert_eq!(
                    (row_of(n, first(n, i)), row_of(n, first(n, i + 1) - 1)),
                    (i, i)
                );
            }
        }
    }
}
