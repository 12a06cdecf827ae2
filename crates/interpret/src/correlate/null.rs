//! The largest |r| that chance gives: ratings of permuted stimuli.

use crate::resampling::replicate;
use emotome_stats::multiplicity::benjamini_hochberg;
use emotome_stats::random::{CounterRng, Seed};
use emotome_stats::summary::{mean, quantile};
use emotome_stimuli::run::Run;
use ndarray::{Array2, ArrayView2};

use super::sample::Sample;
use super::{
    CorrelateError, CorrelateParams, Strongest, ThresholdCurve, counts_above, threshold_counts,
};

/// max |r| of each row; NaN where no entry is defined.
pub(super) fn row_maxima(r: ArrayView2<'_, f64>) -> Vec<f64> {
    r.rows()
        .into_iter()
        .map(|row| row.iter().fold(f64::NAN, |max, r| max.max(r.abs())))
        .collect()
}

/// max |r| of each dimension in each permutation, permutations × D.
pub(super) fn maxima(
    sample: &Sample,
    permutations: usize,
    seed: Seed,
    run: Run<'_>,
) -> Result<Vec<Vec<f64>>, CorrelateError> {
    replicate(run, "Permuting stimuli", permutations, |permutation| {
        let mut rng = CounterRng::new(seed, permutation as u64);
        Ok(row_maxima(sample.permuted(&mut rng).view()))
    })
}

/// (1 + #{null ≥ observed}) / (1 + permutations); NaN where there is no null or nothing observed.
fn p_of(observed: f64, null: &[f64]) -> f64 {
    if null.is_empty() || observed.is_nan() {
        return f64::NAN;
    }
    // Rounding must not tell a permutation that changes nothing from the observed order.
    let reached = null
        .iter()
        .filter(|x| **x >= observed * (1.0 - 1e-12))
        .count();
    (1 + reached) as f64 / (1 + null.len()) as f64
}

fn over_all(maxima: &[f64]) -> f64 {
    maxima.iter().copied().fold(f64::NAN, f64::max)
}

pub(super) fn strongest(r: &Array2<f64>, null: &[Vec<f64>], level: f64) -> Vec<Strongest> {
    let any: Vec<f64> = null.iter().map(|maxima| over_all(maxima)).collect();
    let mut strongest: Vec<Strongest> = row_maxima(r.view())
        .into_iter()
        .enumerate()
        .map(|(d, max)| {
            let rating = r.row(d).iter().position(|r| r.abs() == max);
            let mut own: Vec<f64> = null.iter().map(|maxima| maxima[d]).collect();
            own.sort_unstable_by(f64::total_cmp);
            Strongest {
                rating,
                r: rating.map_or(f64::NAN, |k| r[[d, k]]),
                p: p_of(max, &own),
                q: f64::NAN,
                p_any: p_of(max, &any),
                critical: quantile(&own, level),
            }
        })
        .collect();
    let q = benjamini_hochberg(&strongest.iter().map(|x| x.p).collect::<Vec<_>>());
    strongest.iter_mut().zip(q).for_each(|(x, q)| x.q = q);
    strongest
}

/// Counts that a permutation exceeds anywhere with probability at most `alpha`: thresholds are judged by the share of
/// permutations that reach a count there, a permutation by the least of its shares (min-p, Westfall & Young).
/// `columns` are the counts at each threshold, ascending.
fn band(counts: &[Vec<usize>], columns: &[Vec<f64>], alpha: f64) -> Vec<f64> {
    let total = counts.len();
    let mut least: Vec<usize> = counts
        .iter()
        .map(|counts| {
            let reached = counts
                .iter()
                .zip(columns)
                .map(|(&count, column)| total - column.partition_point(|x| *x < count as f64));
            reached.min().unwrap_or(total)
        })
        .collect();
    least.sort_unstable();
    // So many permutations may stand out, the observed curve counted among them: (1 + #)/(1 + permutations) ≤ alpha.
    let allowed = (alpha * (total + 1) as f64 + 1e-9).floor() as usize;
    let allowed = allowed.saturating_sub(1);
    // The next one is the first that must not, nor any as extreme as it.
    let above = match least.get(allowed) {
        Some(&first) => first - 1,
        None => 0,
    };
    columns
        .iter()
        .map(|column| column[total - 1 - above.min(total - 1)])
        .collect()
}

pub(super) fn curve(
    r: &Array2<f64>,
    null: &[Vec<f64>],
    params: &CorrelateParams,
) -> ThresholdCurve {
    let thresholds = params.thresholds.clone();
    let counts: Vec<Vec<usize>> = null
        .iter()
        .map(|maxima| counts_above(maxima, &thresholds))
        .collect();
    let at = |t: usize| {
        let mut column: Vec<f64> = counts.iter().map(|c| c[t] as f64).collect();
        column.sort_unstable_by(f64::total_cmp);
        column
    };
    let columns: Vec<Vec<f64>> = (0..thresholds.len())
        .filter(|_| !null.is_empty())
        .map(at)
        .collect();
    let mut any: Vec<f64> = null.iter().map(|maxima| over_all(maxima)).collect();
    any.sort_unstable_by(f64::total_cmp);
    ThresholdCurve {
        dimensions: r.nrows(),
        counts: threshold_counts(r.view(), &thresholds),
        null_mean: columns.iter().map(|c| mean(c)).collect(),
        null_high: band(&counts, &columns, 1.0 - params.level),
        critical_any: quantile(&any, params.level),
        thresholds,
    }
}
