//! Bootstrap intervals over stimuli: percentiles, or bias-corrected and accelerated.

use emotome_stats::distribution::{normal_cdf, normal_quantile};
use emotome_stats::interval::Interval;
use emotome_stats::random::Seed;
use emotome_stats::summary::quantile;
use emotome_stimuli::run::Run;
use ndarray::Array2;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::sample::Sample;
use super::{CorrelateError, CorrelateParams, Intervals, MOST_HELD};
use crate::resampling::bootstrap;

/// Which bootstrap interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IntervalKind {
    /// The percentiles of the resamples.
    Percentile,
    /// Percentiles moved for the bias and skewness of the estimate (Efron 1987).
    Bca,
}

/// Stimuli left out one by one are taken in chunks of this size, so that sums have a fixed order.
const CHUNK: usize = 32;

pub(super) fn intervals(
    sample: &Sample,
    r: &Array2<f64>,
    params: &CorrelateParams,
    seed: Seed,
    run: Run<'_>,
) -> Result<Option<Intervals>, CorrelateError> {
    if params.bootstraps == 0 {
        return Ok(None);
    }
    let (bootstraps, cells) = (params.bootstraps, sample.cells());
    if bootstraps.saturating_mul(cells) > MOST_HELD {
        return Err(CorrelateError::Memory { bootstraps, cells });
    }
    let acceleration = match params.interval {
        IntervalKind::Percentile => Array2::zeros(r.dim()),
        IntervalKind::Bca => acceleration(sample, r, run)?,
    };
    let n = sample.items();
    let draws = (params.bootstraps, seed);
    let replicates: Vec<Array2<f64>> =
        bootstrap::<_, CorrelateError>(run, n, draws, |weights| sample.weighted(weights))?;
    let columns = r.ncols();
    let cells: Vec<(Interval, usize)> = (0..sample.cells())
        .into_par_iter()
        .map(|cell| {
            let at = [cell / columns, cell % columns];
            let mut values: Vec<f64> = replicates.iter().map(|r| r[at]).collect();
            values.retain(|r| !r.is_nan());
            values.sort_unstable_by(f64::total_cmp);
            let bounds = match params.interval {
                IntervalKind::Percentile => percentiles(&values, params.level, |p| p),
                IntervalKind::Bca => bca(&values, r[at], acceleration[at], params.level),
            };
            (bounds, replicates.len() - values.len())
        })
        .collect();
    Ok(Some(Intervals {
        kind: params.interval,
        level: params.level,
        bounds: Array2::from_shape_fn(r.dim(), |(d, k)| cells[d * columns + k].0),
        undefined: Array2::from_shape_fn(r.dim(), |(d, k)| cells[d * columns + k].1),
    }))
}

fn percentiles(sorted: &[f64], level: f64, moved: impl Fn(f64) -> f64) -> Interval {
    let tail = (1.0 - level) / 2.0;
    Interval {
        low: quantile(sorted, moved(tail)),
        high: quantile(sorted, moved(1.0 - tail)),
    }
}

/// Percentiles at Φ(z₀ + (z₀ + z)/(1 − a (z₀ + z))), z₀ the normal quantile of the share of replicates below
/// the estimate (half of those equal to it), a the acceleration.
fn bca(sorted: &[f64], estimate: f64, acceleration: f64, level: f64) -> Interval {
    if sorted.is_empty() || estimate.is_nan() {
        return percentiles(&[], level, |p| p);
    }
    let below = sorted.partition_point(|r| *r < estimate);
    let equal = sorted[below..].partition_point(|r| *r <= estimate);
    let total = sorted.len() as f64;
    // A share of 0 or 1 has no finite quantile: half a replicate stands on the other side.
    let share = ((below as f64 + equal as f64 / 2.0) / total).clamp(0.5 / total, 1.0 - 0.5 / total);
    let bias = normal_quantile(share);
    percentiles(sorted, level, |p| {
        let z = bias + normal_quantile(p);
        normal_cdf(bias + z / (1.0 - acceleration * z))
    })
}

/// a = Σ δᵢ³ / (6 (Σ δᵢ²)^{3/2}), δᵢ the mean of the correlations without one stimulus less that without
/// stimulus i; stimuli without which the correlation is undefined are passed over.
fn acceleration(
    sample: &Sample,
    r: &Array2<f64>,
    run: Run<'_>,
) -> Result<Array2<f64>, CorrelateError> {
    let n = sample.items();
    run.progress.begin("Leaving stimuli out", Some(n as u64));
    let chunks: Option<Vec<[Array2<f64>; 4]>> = (0..n.div_ceil(CHUNK))
        .into_par_iter()
        .map(|chunk| {
            let mut sums = [(); 4].map(|()| Array2::zeros(r.dim()));
            for i in chunk * CHUNK..n.min((chunk + 1) * CHUNK) {
                if run.interrupt.requested() {
                    return None;
                }
                let without = sample.without(i, r);
                for ((at, &without), r) in without.indexed_iter().zip(r) {
                    if !without.is_nan() {
                        let change = r - without;
                        let powers = [1.0, change, change * change, change * change * change];
                        sums.iter_mut()
                            .zip(powers)
                            .for_each(|(sum, x)| sum[at] += x);
                    }
                }
                run.progress.advance(1);
            }
            Some(sums)
        })
        .collect();
    run.progress.end();
    let mut sums = [(); 4].map(|()| Array2::<f64>::zeros(r.dim()));
    for chunk in chunks.ok_or(CorrelateError::Interrupted)? {
        sums.iter_mut().zip(chunk).for_each(|(sum, x)| *sum += &x);
    }
    Ok(Array2::from_shape_fn(r.dim(), |at| {
        let [count, one, two, three] = [0, 1, 2, 3].map(|i| sums[i][at]);
        let mean = one / count;
        let square = two - count * mean * mean;
        let cube = three - 3.0 * mean * two + 2.0 * count * mean * mean * mean;
        if square > 0.0 {
            cube / (6.0 * square.powf(1.5))
        } else {
            0.0
        }
    }))
}
