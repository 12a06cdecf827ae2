//! From squared errors to shares of variance, their intervals, p-values and classes.

use crate::resampling::replicate;
use emotome_stats::interval::percentile;
use emotome_stats::multiplicity::benjamini_hochberg;
use emotome_stats::random::{CounterRng, Seed};
use emotome_stats::summary::{quantile, sum};
use emotome_stimuli::run::Run;
use ndarray::{Array2, Axis};
use rayon::prelude::*;

use super::{DimensionShare, ExplainError, ExplainParams, Partition, SETS, SetShare, Share};
use crate::naming::Class;

/// Squared errors summed over resampled stimuli, a list per resample.
pub(super) fn resample(
    errors: &Array2<f64>,
    params: &ExplainParams,
    run: Run<'_>,
) -> Result<Vec<Vec<f64>>, ExplainError> {
    let seed = Seed(params.seed).derive("explain bootstrap");
    let n = errors.nrows();
    replicate(run, "Resampling stimuli", params.bootstraps, |replicate| {
        let mut rng = CounterRng::new(seed, replicate as u64);
        let mut sums = vec![0.0; errors.ncols()];
        for _ in 0..n {
            let row = errors.row(rng.below(n as u64) as usize);
            sums.iter_mut()
                .zip(row)
                .for_each(|(sum, error)| *sum += error);
        }
        Ok(sums)
    })
}

/// Shares of one dimension: of the three sets, unique to categories, unique to dimensions, shared, unexplained.
const SHARES: usize = 7;

fn shares(sums: &[f64], dimension: usize) -> [f64; SHARES] {
    let width = sums.len() / (1 + SETS);
    let r2 = |set: usize| 1.0 - sums[(1 + set) * width + dimension] / sums[dimension];
    let [categories, dimensions, both] = [r2(0), r2(1), r2(2)];
    [
        categories,
        dimensions,
        both,
        both - dimensions,
        both - categories,
        categories + dimensions - both,
        1.0 - both,
    ]
}

/// The shares of each dimension and of all together.
pub(super) fn partitions(
    errors: &Array2<f64>,
    resampled: &[Vec<f64>],
    null: &[Vec<f64>],
    params: &ExplainParams,
) -> (Vec<DimensionShare>, Partition) {
    let sums: Vec<f64> = errors
        .axis_iter(Axis(1))
        .map(|column| sum(column.iter().copied()))
        .collect();
    let partition = |d: usize| {
        let observed = shares(&sums, d);
        let replicates: Vec<_> = resampled.iter().map(|sums| shares(sums, d)).collect();
        let chance: Vec<_> = null.iter().map(|sums| shares(sums, d)).collect();
        let share = |which: usize| {
            let values: Vec<f64> = replicates.iter().map(|shares| shares[which]).collect();
            Share {
                value: observed[which],
                interval: percentile(&values, params.level),
            }
        };
        let set = |which: usize| {
            let mut chance: Vec<f64> = chance.iter().map(|shares| shares[which]).collect();
            chance.sort_unstable_by(f64::total_cmp);
            let reached = chance.iter().filter(|r2| **r2 >= observed[which]).count();
            SetShare {
                r2: share(which),
                p: if observed[which].is_nan() {
                    f64::NAN
                } else {
                    (1 + reached) as f64 / (1 + chance.len()) as f64
                },
                critical: quantile(&chance, params.level),
            }
        };
        Partition {
            categories: set(0),
            dimensions: set(1),
            both: set(2),
            unique_category: share(3),
            unique_dimension: share(4),
            shared: share(5),
            unexplained: share(6),
        }
    };
    let all = sums.len() / (1 + SETS) - 1;
    let found: Vec<Partition> = (0..all).into_par_iter().map(partition).collect();
    let p: Vec<f64> = found.iter().map(|partition| partition.both.p).collect();
    let dimensions = found
        .into_iter()
        .zip(benjamini_hochberg(&p))
        .map(|(partition, q)| DimensionShare {
            q,
            class: class(&partition, q <= params.alpha, params.least_share),
            partition,
        })
        .collect();
    (dimensions, partition(all))
}

fn class(partition: &Partition, explained: bool, least: f64) -> Class {
    let unique = |share: Share| share.interval.low > least;
    match (
        explained,
        unique(partition.unique_category),
        unique(partition.unique_dimension),
    ) {
        (false, ..) => Class::Unexplained,
        (true, true, false) => Class::Category,
        (true, false, true) => Class::Dimension,
        (true, true, true) => Class::Hybrid,
        (true, false, false) => Class::Shared,
    }
}
