//! Confidence intervals: Wilson's, the normal one, and the percentiles of a bootstrap.

use crate::{
    distribution::normal_quantile,
    random::{CounterRng, Seed},
    summary::quantile,
};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// A two-sided confidence interval; serialised as `[low, high]`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(from = "[f64; 2]", into = "[f64; 2]")]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl From<[f64; 2]> for Interval {
    fn from([low, high]: [f64; 2]) -> Self {
        Self { low, high }
    }
}

impl From<Interval> for [f64; 2] {
    fn from(interval: Interval) -> Self {
        [interval.low, interval.high]
    }
}

impl Interval {
    /// Whether a value lies in the closed interval.
    #[must_use]
    pub fn contains(self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }
}

/// Wilson's score interval of a proportion; never leaves [0, 1]. NaN for no trials.
///
/// `successes` may be fractional (shared credit). Wilson (1927), doi:10.1080/01621459.1927.10502953.
///
/// ```
/// let ci = emotome_stats::interval::wilson(0.0, 10.0, 0.95);
/// assert!(ci.low == 0.0 && (ci.high - 0.27753).abs() < 1e-5);
/// ```
#[must_use]
pub fn wilson(successes: f64, trials: f64, level: f64) -> Interval {
    if trials == 0.0 {
        return Interval {
            low: f64::NAN,
            high: f64::NAN,
        };
    }
    let z = normal_quantile(0.5 + level / 2.0);
    let (p, zz) = (successes / trials, z * z / trials);
    let centre = (p + zz / 2.0) / (1.0 + zz);
    let half = (zz * (p * (1.0 - p) + zz / 4.0)).max(0.0).sqrt() / (1.0 + zz);
    Interval {
        low: if successes == 0.0 { 0.0 } else { centre - half },
        high: if successes == trials {
            1.0
        } else {
            centre + half
        },
    }
}

/// estimate ± z · standard error.
#[must_use]
pub fn normal(estimate: f64, standard_error: f64, level: f64) -> Interval {
    let half = normal_quantile(0.5 + level / 2.0) * standard_error;
    Interval {
        low: estimate - half,
        high: estimate + half,
    }
}

/// The central `level` of replicates, e.g. their 2.5th and 97.5th percentiles; NaN replicates
/// (a statistic undefined in that resample) are left out.
///
/// Efron & Tibshirani (1993), An Introduction to the Bootstrap, ch. 13.
#[must_use]
pub fn percentile(replicates: &[f64], level: f64) -> Interval {
    let mut sorted: Vec<f64> = replicates.iter().copied().filter(|r| !r.is_nan()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let tail = (1.0 - level) / 2.0;
    Interval {
        low: quantile(&sorted, tail),
        high: quantile(&sorted, 1.0 - tail),
    }
}

/// `replicates` values of a statistic on resamples with replacement of `0..n`.
///
/// The statistic receives n indices. Replicate r draws from `CounterRng::new(seed, r)`, so the
/// result does not depend on the number of threads. O(replicates · n) plus the statistic.
///
/// ```
/// use emotome_stats::{interval::{bootstrap, percentile}, random::Seed};
/// let values = [1.0, 2.0, 4.0, 8.0];
/// let means = bootstrap(values.len(), 1000, Seed(1), |rows| {
///     rows.iter().map(|&i| values[i]).sum::<f64>() / 4.0
/// });
/// assert!(percentile(&means, 0.95).contains(3.75));
/// ```
#[must_use]
pub fn bootstrap(
    n: usize,
    replicates: usize,
    seed: Seed,
    statistic: impl Fn(&[usize]) -> f64 + Sync,
) -> Vec<f64> {
    (0..replicates)
        .into_par_iter()
        .map_init(
            || vec![0; n],
            |rows, replicate| {
                let mut rng = CounterRng::new(seed, replicate as u64);
                rows.iter_mut()
                    .for_each(|row| *row = rng.below(n as u64) as usize);
                statistic(rows)
            },
        )
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bootstrap_does_not_depend_on_threads() {
        let run = |threads| {
            rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap()
                .install(|| {
                    bootstrap(50, 200, Seed(2), |rows| {
                        rows.iter().map(|&i| (i as f64).sin()).sum()
                    })
                })
        };
        assert_eq!(run(1), run(3));
    }

    #[test]
    fn bootstrap_intervals_cover_the_mean_at_their_level() {
        let covered = (0..400)
            .filter(|&study| {
                let mut rng = CounterRng::new(Seed(11), study);
                let values: Vec<f64> = (0..60).map(|_| rng.normal()).collect();
                let means = bootstrap(60, 400, Seed(study), |rows| {
                    rows.iter().map(|&i| values[i]).sum::<f64>() / 60.0
                });
                percentile(&means, 0.9).contains(0.0)
            })
            .count();
        assert!(
            (340..=378).contains(&covered),
            "{covered} of 400 intervals at 90 % cover"
        );
    }

    #[test]
    fn wilson_stays_within_bounds() {
        for n in [1.0, 3.0, 1e6] {
            let all = wilson(n, n, 0.95);
            assert!(all.high == 1.0 && all.low > 0.0 && all.low < 1.0);
        }
        assert!(wilson(0.0, 0.0, 0.95).high.is_nan());
    }

    #[test]
    fn an_interval_is_written_as_a_pair() {
        let ci = Interval {
            low: 0.25,
            high: 0.5,
        };
        assert_eq!(serde_json::to_string(&ci).unwrap(), "[0.25,0.5]");
    }
}
