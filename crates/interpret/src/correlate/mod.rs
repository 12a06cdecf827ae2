//! Correlations of dimensions with ratings: how large, how certain, and how large by chance.
//!
//! With two thousand stimuli any |r| of .06 survives false-discovery control, so "significant" says little.
//! What counts is the size, with its interval over stimuli; and, since the best of K ratings is never zero,
//! its excess over the best of K ratings of *other* stimuli.

mod interval;
mod null;
mod sample;

use emotome_stats::distribution::student_t_two_sided;
use emotome_stats::interval::Interval;
use emotome_stats::multiplicity::benjamini_hochberg;
use emotome_stats::random::Seed;
use emotome_stimuli::run::Run;
use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

use crate::pairs::Pairs;
use crate::resampling::{Interrupted, MOST_REPLICATES};
use sample::Sample;

pub use interval::IntervalKind;

/// Which correlation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Coefficient {
    /// Pearson's r, of the values.
    Pearson,
    /// Spearman's ρ, of the ranks, ties sharing theirs.
    Spearman,
}

/// How correlations are computed.
///
/// | parameter | default | why |
/// |---|---|---|
/// | `bootstraps` | 1000 | percentiles of a 95 % interval settle to about a tenth of its width |
/// | `permutations` | 1000 | p down to .001 |
/// | `level` | 0.95 | custom |
/// | `interval` | BCa | r is bounded and skewed; percentiles err towards 0 |
/// | `thresholds` | .1, .15, … .5 | as published |
/// | `seed` | 0 | |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CorrelateParams {
    /// Resamples of the stimuli; 0 for no intervals.
    pub bootstraps: usize,
    /// Permutations of the stimuli; 0 for no null.
    pub permutations: usize,
    /// Level of the intervals; 1 − `level` is that of the critical |r|.
    pub level: f64,
    /// Which interval.
    pub interval: IntervalKind,
    /// |r| above which dimensions are counted.
    pub thresholds: Vec<f64>,
    /// Seed of resamples and permutations.
    pub seed: u64,
}

impl Default for CorrelateParams {
    fn default() -> Self {
        Self {
            bootstraps: 1000,
            permutations: 1000,
            level: 0.95,
            interval: IntervalKind::Bca,
            thresholds: (2..=10).map(|i| f64::from(i) / 20.0).collect(),
            seed: 0,
        }
    }
}

/// Most correlations of all resamples together, B D K: they are held at once, in 1 GiB.
pub const MOST_HELD: usize = 1 << 27;

/// Why correlations were not computed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CorrelateError {
    /// A parameter out of range.
    #[error("{parameter} is {found}; it must be {expected}")]
    Parameter {
        /// Which.
        parameter: &'static str,
        /// Its value.
        found: f64,
        /// The values possible.
        expected: &'static str,
    },
    /// More resampled correlations than are held.
    #[error(
        "{bootstraps} resamples of {cells} correlations of a dimension with a rating are more numbers than the \
         {MOST_HELD} held at once; ask for at most {} bootstraps, or leave out ratings or dimensions",
        MOST_HELD / cells
    )]
    Memory {
        /// Resamples.
        bootstraps: usize,
        /// Correlations, D K.
        cells: usize,
    },
    /// A stop was asked for.
    #[error("correlating dimensions with ratings was interrupted; nothing was kept")]
    Interrupted,
}

/// Correlations of D dimensions with K ratings. Undefined numbers (of constant columns) are NaN, null in JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Correlations {
    /// Which correlation.
    pub coefficient: Coefficient,
    /// The number of stimuli.
    pub items: usize,
    /// The correlations, D × K, in [−1, 1].
    #[serde(serialize_with = "crate::rows::serialize")]
    pub r: Array2<f64>,
    /// Two-sided p of r = 0: t = r √((n − 2)/(1 − r²)) on n − 2 degrees of freedom.
    #[serde(serialize_with = "crate::rows::serialize")]
    pub p: Array2<f64>,
    /// Benjamini–Hochberg adjusted p over all D K cells that are defined.
    #[serde(serialize_with = "crate::rows::serialize")]
    pub q: Array2<f64>,
    /// Bootstrap intervals over stimuli, D × K; none without bootstraps.
    pub intervals: Option<Intervals>,
    /// The strongest rating of each dimension.
    pub strongest: Vec<Strongest>,
    /// How many dimensions some rating follows.
    pub curve: ThresholdCurve,
}

/// Bootstrap intervals of D × K correlations.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Intervals {
    /// Which interval.
    pub kind: IntervalKind,
    /// Its level.
    pub level: f64,
    /// The intervals, D × K.
    #[serde(serialize_with = "crate::rows::serialize")]
    pub bounds: Array2<Interval>,
    /// Resamples in which the correlation was undefined, a column being constant there; left out.
    #[serde(serialize_with = "crate::rows::serialize")]
    pub undefined: Array2<usize>,
}

/// The rating that follows a dimension most closely, and what chance would give.
///
/// The null permutes the stimuli of all ratings jointly, which keeps the correlations among ratings and
/// among dimensions; p = (1 + #{null ≥ observed}) / (1 + permutations). NaN without permutations, or where
/// no correlation is defined.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Strongest {
    /// The rating with the largest |r|, from 0; none if no correlation is defined.
    pub rating: Option<usize>,
    /// Its correlation.
    pub r: f64,
    /// p of max |r| of this dimension under its own null.
    pub p: f64,
    /// Benjamini–Hochberg adjusted p over the dimensions.
    pub q: f64,
    /// p of max |r| under the null of the maximum over *all* dimensions: controls any false alarm.
    pub p_any: f64,
    /// The |r| that the best rating exceeds by chance with probability 1 − level, in this dimension alone: of D
    /// unrelated dimensions, (1 − level) D exceed theirs on average. The one that none exceeds is
    /// [`critical_any`](ThresholdCurve::critical_any).
    pub critical: f64,
}

/// The number of dimensions with max |r| above each threshold, beside what chance gives.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ThresholdCurve {
    /// The thresholds.
    pub thresholds: Vec<f64>,
    /// The number of dimensions: shares are of it, undefined dimensions included.
    pub dimensions: usize,
    /// Dimensions above each threshold.
    pub counts: Vec<usize>,
    /// The mean count under the null; empty without permutations.
    pub null_mean: Vec<f64>,
    /// The largest counts that chance gives, whole numbers: a curve of permuted stimuli is above them at *any* threshold
    /// with probability at most 1 − `level`, so that a count above is beyond chance wherever one looks. Empty without
    /// permutations; with fewer than `1/(1 − level) − 1` of them the largest counts of all.
    pub null_high: Vec<f64>,
    /// max |r| over all dimensions and ratings that chance exceeds with probability 1 − level.
    pub critical_any: f64,
}

/// The number of rows of `r` (D × K) with max |r| *above* each threshold. O(D (K + thresholds)).
///
/// A row of NaN is above none.
///
/// ```
/// use emotome_interpret::correlate::threshold_counts;
/// use ndarray::array;
/// let r = array![[0.1, -0.5], [0.3, f64::NAN]];
/// assert_eq!(threshold_counts(r.view(), &[0.2, 0.3]), [2, 1]);
/// ```
#[must_use]
pub fn threshold_counts(r: ArrayView2<'_, f64>, thresholds: &[f64]) -> Vec<usize> {
    counts_above(&null::row_maxima(r), thresholds)
}

fn counts_above(maxima: &[f64], thresholds: &[f64]) -> Vec<usize> {
    let above = |t: &f64| maxima.iter().filter(|max| *max > t).count();
    thresholds.iter().map(above).collect()
}

impl From<Interrupted> for CorrelateError {
    fn from(Interrupted: Interrupted) -> Self {
        Self::Interrupted
    }
}

impl CorrelateParams {
    fn check(&self) -> Result<(), CorrelateError> {
        let wrong = |parameter, found, expected| {
            Err(CorrelateError::Parameter {
                parameter,
                found,
                expected,
            })
        };
        for (parameter, found) in [
            ("the number of bootstraps", self.bootstraps),
            ("the number of permutations", self.permutations),
        ] {
            if found > MOST_REPLICATES {
                return wrong(parameter, found as f64, "at most 100000");
            }
        }
        if !(self.level > 0.0 && self.level < 1.0) {
            return wrong("the level", self.level, "between 0 and 1");
        }
        match self.thresholds.iter().find(|t| !(0.0..=1.0).contains(*t)) {
            Some(&t) => wrong("a threshold", t, "from 0 to 1"),
            None => Ok(()),
        }
    }
}

/// Correlates every dimension with every rating.
///
/// r by one matrix product of columns of unit length; intervals by resampling stimuli (ranks are taken anew
/// in each resample); the null of max |r| by permuting stimuli. O((B + P) n D K) time for B bootstraps and P
/// permutations, BCa intervals another O(n² D K); O(B D K) memory, which [`MOST_HELD`] bounds. The result does not depend on the number
/// of threads.
///
/// # Errors
/// [`CorrelateError`]: a parameter out of range, more resampled correlations than [`MOST_HELD`], or interrupted.
///
/// # Sources
/// Efron (1987), doi:10.1080/01621459.1987.10478410 (BCa); Westfall & Young (1993) (max null); Phipson &
/// Smyth (2010), doi:10.2202/1544-6115.1585 (p never 0).
pub fn correlate(
    pairs: &Pairs,
    coefficient: Coefficient,
    params: &CorrelateParams,
    run: Run<'_>,
) -> Result<Correlations, CorrelateError> {
    params.check()?;
    let sample = Sample::new(pairs.dimensions(), pairs.ratings(), coefficient);
    let n = sample.items();
    let r = sample.correlations();
    let df = (n - 2) as f64;
    let p = r.mapv(|r| student_t_two_sided(r * (df / ((1.0 - r) * (1.0 + r))).sqrt(), df));
    let q = benjamini_hochberg(&p.iter().copied().collect::<Vec<_>>());
    let q = Array2::from_shape_fn(r.dim(), |(d, k)| q[d * r.ncols() + k]);
    let seed = Seed(params.seed).derive("correlate");
    let intervals = interval::intervals(&sample, &r, params, seed.derive("bootstrap"), run)?;
    let null = null::maxima(
        &sample,
        params.permutations,
        seed.derive("permutation"),
        run,
    )?;
    Ok(Correlations {
        coefficient,
        items: n,
        strongest: null::strongest(&r, &null, params.level),
        curve: null::curve(&r, &null, params),
        r,
        p,
        q,
        intervals,
    })
}
