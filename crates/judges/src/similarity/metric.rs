//! How similar two rows of features are.

use serde::{Deserialize, Serialize};

/// How similar two rows of features are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Metric {
    /// `x·y / (‖x‖ ‖y‖)`; undefined for a row of zeros.
    Cosine,
    /// Pearson's r over the columns; undefined for a constant row.
    Correlation,
    /// `x·y`.
    Dot,
    /// `−‖x − y‖`.
    Euclidean,
}

impl Metric {
    /// The similarity of two rows over the columns that both have; NaN where undefined.
    ///
    /// Complexity O(d).
    ///
    /// # Panics
    /// If the rows differ in length.
    #[must_use]
    pub fn between(self, x: &[f64], y: &[f64]) -> f64 {
        assert_eq!(x.len(), y.len(), "rows of one table have the same length");
        let shared = || {
            x.iter()
                .zip(y)
                .filter(|(a, b)| !a.is_nan() && !b.is_nan())
                .map(|(&a, &b)| (a, b))
        };
        let m = shared().count() as f64;
        if m == 0.0 {
            return f64::NAN;
        }
        let cosine = |cx: f64, cy: f64| {
            let (xy, xx, yy) = shared().fold((0.0, 0.0, 0.0), |(xy, xx, yy), (a, b)| {
                let (a, b) = (a - cx, b - cy);
                (xy + a * b, xx + a * a, yy + b * b)
            });
            // 0/0 is NaN: undefined.
            xy / (xx.sqrt() * yy.sqrt())
        };
        match self {
            Self::Cosine => cosine(0.0, 0.0),
            Self::Correlation => {
                let (sx, sy) = shared().fold((0.0, 0.0), |(sx, sy), (a, b)| (sx + a, sy + b));
                let (cx, cy) = (sx / m, sy / m);
                if shared().all(|(a, _)| is_constant(a, cx))
                    || shared().all(|(_, b)| is_constant(b, cy))
                {
                    return f64::NAN;
                }
                cosine(cx, cy)
            }
            Self::Dot => shared().map(|(a, b)| a * b).sum::<f64>() * (x.len() as f64 / m),
            Self::Euclidean => {
                -(shared().map(|(a, b)| (a - b).powi(2)).sum::<f64>() * (x.len() as f64 / m)).sqrt()
            }
        }
    }
}

/// Whether a value equals the mean of its row up to the rounding of that mean.
fn is_constant(value: f64, mean: f64) -> bool {
    (value - mean).abs() <= 1e-14 * mean.abs()
}

/// Brings a row to the form in which the metric is a plain sum; false if the metric is undefined.
pub(super) fn normalise(metric: Metric, row: &mut [f64]) -> bool {
    if metric == Metric::Correlation {
        let mean = row.iter().sum::<f64>() / row.len() as f64;
        if row.iter().all(|&v| is_constant(v, mean)) {
            return false;
        }
        row.iter_mut().for_each(|v| *v -= mean);
    }
    if matches!(metric, Metric::Cosine | Metric::Correlation) {
        let norm = row.iter().map(|v| v * v).sum::<f64>().sqrt();
        if norm == 0.0 {
            return false;
        }
        row.iter_mut().for_each(|v| *v /= norm);
    }
    true
}

/// `Σ f(x_k, y_k)` in eight interleaved partial sums: a fixed order that the compiler can vectorise.
#[inline]
pub(super) fn reduce(x: &[f64], y: &[f64], f: impl Fn(f64, f64) -> f64) -> f64 {
    let (xs, ys) = (x.chunks_exact(8), y.chunks_exact(8));
    let tail: f64 = xs
        .remainder()
        .iter()
        .zip(ys.remainder())
        .map(|(&a, &b)| f(a, b))
        .sum();
    let mut lanes = [0.0; 8];
    for (a, b) in xs.zip(ys) {
        for k in 0..8 {
            lanes[k] += f(a[k], b[k]);
        }
    }
    lanes.iter().sum::<f64>() + tail
}
