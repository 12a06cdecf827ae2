//! What is subtracted from each column of a table before its rows are compared.

use ndarray::{ArrayView1, ArrayView2};
use serde::{Deserialize, Serialize};

/// What is subtracted from each column before the metric sees it.
///
/// Fourteen ratings on a 1–9 scale have a cosine near 1 for every pair of stimuli; centred at the
/// midpoint, `ScaleMidpoint(5.0)`, the cosine tells pleasant from unpleasant. Proportions have a
/// meaningful zero and need no centring.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "centring", content = "midpoint", rename_all = "kebab-case")]
pub enum Centring {
    /// Nothing.
    None,
    /// The neutral point of the rating scale.
    ScaleMidpoint(f64),
    /// The mean of the column over the stimuli that have a value.
    Mean,
    /// The mean, and then division by the standard deviation (denominator N); a constant column
    /// becomes 0.
    ZScore,
}

/// The neutral point of a scale is not finite.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error(
    "scale midpoint {found} is not finite; give the neutral value of the scale, e.g. 5 for 1-9"
)]
pub struct MidpointError {
    /// The midpoint found.
    pub found: f64,
}

/// How one column is centred.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    offset: f64,
    /// 0 for a constant column under z-scoring.
    pub(crate) factor: f64,
}

/// Differences from a mean that are this small beside it are its rounding error.
const ROUNDING: f64 = 1e-12;

impl Column {
    /// `(value − offset) · factor`.
    pub(crate) fn apply(self, value: f64) -> f64 {
        let centred = value - self.offset;
        if centred.abs() <= ROUNDING * self.offset.abs() {
            0.0
        } else {
            centred * self.factor
        }
    }
}

impl Centring {
    /// How each column of a table is centred; missing values are skipped.
    pub(crate) fn columns(self, values: ArrayView2<'_, f64>) -> Result<Vec<Column>, MidpointError> {
        if let Self::ScaleMidpoint(found) = self
            && !found.is_finite()
        {
            return Err(MidpointError { found });
        }
        let column = |column: ArrayView1<'_, f64>| {
            let present = || column.iter().copied().filter(|v| !v.is_nan());
            let n = present().count().max(1) as f64;
            let mean = present().sum::<f64>() / n;
            let (offset, factor) = match self {
                Self::None => (0.0, 1.0),
                Self::ScaleMidpoint(midpoint) => (midpoint, 1.0),
                Self::Mean => (mean, 1.0),
                Self::ZScore => {
                    let sd = (present().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
                    let constant = sd <= ROUNDING * mean.abs();
                    (mean, if constant { 0.0 } else { 1.0 / sd })
                }
            };
            Column { offset, factor }
        };
        Ok(values.columns().into_iter().map(column).collect())
    }
}
