//! Which dimensions come back when the fit is started from another seed.
//!
//! A dimension is matched with one dimension of every other run, one-to-one, on a random half of
//! the items, and the match is scored on the other half: choosing and scoring on the same items
//! would reward chance. The run itself takes no part. A null of shuffled items says how large the
//! best score of all dimensions gets by chance alone.

use super::{EvaluationError, at_least, within};
use crate::Embedding;
use emotome_stats::{
    correlation::{cross_correlation, fisher_r, fisher_z, standardised},
    distribution::student_t_quantile,
    interval::{Interval, normal},
    matching::best_matching,
    random::{CounterRng, Seed},
    summary,
};
use emotome_stimuli::run::Run;
use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Parameters of a reproducibility analysis and their defaults:
///
/// | field | default | range |
/// | --- | --- | --- |
/// | `splits` | 4 | ≥ 1 |
/// | `permutations` | 200 | ≥ 19 |
/// | `alpha` | 0.05 | 0 < α < 1 |
/// | `core_r` | 0.5 | −1 to 1 |
/// | `seed` | 0 | |
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReproducibilityParams {
    /// Random halvings of the items; each is used both ways.
    pub splits: usize,
    /// Shuffles of the items for the null.
    pub permutations: usize,
    /// Level of the test against the null's largest score.
    pub alpha: f64,
    /// A dimension of the reproducible core also reaches this r.
    pub core_r: f64,
    /// Seed of halvings and shuffles.
    pub seed: u64,
}

impl Default for ReproducibilityParams {
    fn default() -> Self {
        Self {
            splits: 4,
            permutations: 200,
            alpha: 0.05,
            core_r: 0.5,
            seed: 0,
        }
    }
}

impl ReproducibilityParams {
    fn check(&self) -> Result<(), EvaluationError> {
        at_least(1, self.splits, "splits", "ask for 4")?;
        at_least(
            19,
            self.permutations,
            "permutations",
            "ask for 200: fewer cannot reach p = .05",
        )?;
        within(
            "alpha",
            self.alpha,
            self.alpha > 0.0 && self.alpha < 1.0,
            "a level between 0 and 1",
        )?;
        within(
            "core_r",
            self.core_r,
            self.core_r.abs() <= 1.0,
            "a correlation from -1 to 1",
        )
    }
}

/// How well one dimension comes back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DimensionReproducibility {
    /// Column of the dimension, from 0.
    pub dimension: usize,
    /// Correlation with its match on items not used to match, Fisher mean over other runs; a run
    /// with no dimension left to match counts as 0.
    pub r: f64,
    /// Its 95 % interval over further runs, from t of their Fisher z; none with fewer than three.
    pub ci95: Option<Interval>,
    /// The same for every other run.
    pub r_by_run: Vec<f64>,
    /// Probability that the best of all dimensions reaches this r when items are shuffled.
    pub p: f64,
    /// Whether the dimension belongs to the reproducible core: p ≤ alpha and r ≥ core_r.
    pub core: bool,
}

/// How well the dimensions of an embedding come back in other runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reproducibility {
    /// Every dimension, in column order.
    pub dimensions: Vec<DimensionReproducibility>,
    /// Runs compared with.
    pub runs: usize,
    /// Runs left out because they equal the embedding itself, bit for bit.
    pub self_matches_excluded: usize,
    /// Largest r of any dimension under shuffled items: its (1 − alpha) quantile.
    pub null_max_r: f64,
    /// Dimensions with p ≤ alpha.
    pub significant: usize,
    /// Dimensions of the reproducible core: the dimensionality to report.
    pub core: usize,
    /// The parameters used.
    pub params: ReproducibilityParams,
}

/// Measures how well the dimensions of `reference` come back in `runs`.
///
/// O(permutations · splits · runs · (n d² + d³)), parallel over permutations; memory of a few
/// copies of the embeddings in f64.
///
/// # Errors
/// No other run, fewer than six items, runs of other items, parameters out of range, or an interrupt.
pub fn reproducibility(
    reference: &Embedding,
    runs: &[&Embedding],
    params: &ReproducibilityParams,
    run: Run<'_>,
) -> Result<Reproducibility, EvaluationError> {
    params.check()?;
    let others: Vec<&Embedding> = runs
        .iter()
        .copied()
        .filter(|run| *run != reference)
        .collect();
    at_least(
        1,
        others.len(),
        "runs other than the embedding itself",
        "fit at least two seeds",
    )?;
    let (n, dims) = (reference.n_stimuli(), reference.n_dims());
    at_least(
        6,
        n,
        "items",
        "halves of fewer than three items have no correlation",
    )?;
    same_items(reference, &others)?;
    let target = reference.values().mapv(f64::from);
    let others: Vec<Array2<f64>> = others
        .iter()
        .map(|run| run.values().mapv(f64::from))
        .collect();
    let seed = Seed(params.seed).derive("reproducibility");
    let halves: Vec<[Vec<usize>; 2]> = (0..params.splits)
        .map(|split| {
            let mut items: Vec<usize> = (0..n).collect();
            CounterRng::new(seed.derive("halves"), split as u64).shuffle(&mut items);
            let second = items.split_off(n / 2);
            [items, second]
        })
        .collect();
    let prepared: Vec<Vec<[Array2<f64>; 2]>> = others
        .iter()
        .map(|other| {
            halves
                .iter()
                .map(|half| half.each_ref().map(|rows| part(other.view(), rows)))
                .collect()
        })
        .collect();

    // Mean Fisher z of every dimension with every other run; `order` names the target's rows.
    let scores = |order: &dyn Fn(usize) -> Vec<usize>| -> Vec<Vec<f64>> {
        (0..others.len())
            .map(|other| {
                let order = order(other);
                let mut z = vec![0.0; dims];
                for (half, prepared) in halves.iter().zip(&prepared[other]) {
                    let own = half.each_ref().map(|rows| {
                        let rows: Vec<usize> = rows.iter().map(|&row| order[row]).collect();
                        part(target.view(), &rows)
                    });
                    add_matched_z(&own, prepared, &mut z);
                }
                z.iter().map(|z| z / (2 * params.splits) as f64).collect()
            })
            .collect()
    };
    let mean_z = |scores: &[Vec<f64>]| -> Vec<f64> {
        (0..dims)
            .map(|d| scores.iter().map(|z| z[d]).sum::<f64>() / scores.len() as f64)
            .collect()
    };
    let observed = scores(&|_| (0..n).collect());
    let z = mean_z(&observed);
    run.progress
        .begin("shuffling items", Some(params.permutations as u64));
    let null: Option<Vec<f64>> = (0..params.permutations)
        .into_par_iter()
        .map(|permutation| {
            if run.interrupt.requested() {
                return None;
            }
            let shuffled = scores(&|other| {
                let mut items: Vec<usize> = (0..n).collect();
                let stream = (permutation * others.len() + other) as u64;
                CounterRng::new(seed.derive("shuffled items"), stream).shuffle(&mut items);
                items
            });
            run.progress.advance(1);
            Some(
                mean_z(&shuffled)
                    .into_iter()
                    .fold(f64::NEG_INFINITY, f64::max),
            )
        })
        .collect();
    run.progress.end();
    let mut null = null.ok_or(EvaluationError::Interrupted)?;
    null.sort_unstable_by(f64::total_cmp);
    let dimensions: Vec<DimensionReproducibility> = (0..dims)
        .map(|dimension| {
            let reached = null.len() - null.partition_point(|&max| max < z[dimension]);
            let (r, p) = (
                fisher_r(z[dimension]),
                (1 + reached) as f64 / (1 + null.len()) as f64,
            );
            DimensionReproducibility {
                dimension,
                r,
                ci95: over_runs(observed.iter().map(|z| z[dimension]).collect()),
                r_by_run: observed.iter().map(|z| fisher_r(z[dimension])).collect(),
                p,
                core: p <= params.alpha && r >= params.core_r,
            }
        })
        .collect();
    Ok(Reproducibility {
        runs: others.len(),
        self_matches_excluded: runs.len() - others.len(),
        null_max_r: fisher_r(summary::quantile(&null, 1.0 - params.alpha)),
        significant: dimensions.iter().filter(|d| d.p <= params.alpha).count(),
        core: dimensions.iter().filter(|d| d.core).count(),
        dimensions,
        params: *params,
    })
}

/// tanh(z̄ ± t s/√K) of K runs.
fn over_runs(z: Vec<f64>) -> Option<Interval> {
    if z.len() < 3 {
        return None;
    }
    let runs = z.len() as f64;
    let half = student_t_quantile(0.05, runs - 1.0) * summary::standard_deviation(&z) / runs.sqrt();
    let mean = summary::mean(&z);
    Some(Interval {
        low: fisher_r(mean - half),
        high: fisher_r(mean + half),
    })
}

/// Rows of a matrix with standardised columns, constant ones zero: they correlate with nothing.
fn part(values: ArrayView2<'_, f64>, rows: &[usize]) -> Array2<f64> {
    let mut part = standardised(values.select(Axis(0), rows).view());
    part.mapv_inplace(|x| if x.is_nan() { 0.0 } else { x });
    part
}

/// Matches on either half, adds the Fisher z of the matches on the other half.
fn add_matched_z(own: &[Array2<f64>; 2], other: &[Array2<f64>; 2], z: &mut [f64]) {
    let r = [0, 1].map(|half| own[half].t().dot(&other[half]));
    for (seen, scored) in [(0, 1), (1, 0)] {
        // Correlations of finite weights are finite, so a matching always exists.
        for (d, e) in best_matching(r[seen].view()).unwrap_or_default() {
            z[d] += fisher_z(r[scored][[d, e]]);
        }
    }
}

fn same_items(reference: &Embedding, runs: &[&Embedding]) -> Result<(), EvaluationError> {
    match runs
        .iter()
        .find(|run| run.n_stimuli() != reference.n_stimuli())
    {
        None => Ok(()),
        Some(run) => Err(EvaluationError::Mismatch {
            what: "items of two runs",
            left: reference.n_stimuli(),
            right: run.n_stimuli(),
        }),
    }
}

/// Published reproducibility, for comparison: all items choose and score, and several dimensions may share one match.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PublishedReproducibility {
    /// Of each dimension, the plain mean over runs of its largest r with any column of the run.
    pub plain_mean: Vec<f64>,
    /// The same averaged in Fisher z.
    pub fisher_mean: Vec<f64>,
    /// tanh(z̄ ± 1.96 sd / √20): √20 whatever the number of runs.
    pub fisher_ci95: Vec<Interval>,
    /// Runs among them that equal the embedding itself and add an r of 1.
    pub self_matches_included: usize,
}

/// Measures reproducibility as published; pass the reference among `runs` to include the self-match.
///
/// With m runs of which one is the reference, `plain_mean` is at least (1 + chance · (m − 1)) / m.
///
/// # Errors
/// No run, or runs of other items.
pub fn published_reproducibility(
    reference: &Embedding,
    runs: &[&Embedding],
) -> Result<PublishedReproducibility, EvaluationError> {
    at_least(1, runs.len(), "runs", "fit at least two seeds")?;
    same_items(reference, runs)?;
    let target = reference.values().mapv(f64::from);
    let best: Vec<Vec<f64>> = runs
        .iter()
        .map(|run| {
            let r = cross_correlation(target.view(), run.values().mapv(f64::from).view());
            r.rows()
                .into_iter()
                .map(|row| row.iter().copied().fold(f64::NAN, f64::max))
                .collect()
        })
        .collect();
    let by_dimension: Vec<Vec<f64>> = (0..reference.n_dims())
        .map(|d| best.iter().map(|r| r[d]).collect())
        .collect();
    let z = |r: &[f64]| r.iter().map(|&r| fisher_z(r)).collect::<Vec<f64>>();
    Ok(PublishedReproducibility {
        plain_mean: by_dimension.iter().map(|r| summary::mean(r)).collect(),
        fisher_mean: by_dimension
            .iter()
            .map(|r| fisher_r(summary::mean(&z(r))))
            .collect(),
        fisher_ci95: by_dimension
            .iter()
            .map(|r| {
                let z = z(r);
                let ci = normal(
                    summary::mean(&z),
                    summary::standard_deviation(&z) / 20_f64.sqrt(),
                    0.95,
                );
                Interval {
                    low: fisher_r(ci.low),
                    high: fisher_r(ci.high),
                }
            })
            .collect(),
        self_matches_included: runs.iter().filter(|run| **run == reference).count(),
    })
}
