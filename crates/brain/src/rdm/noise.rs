//! The covariance of noise between channels, and its inverse.

use super::RdmError;
use faer::linalg::solvers::DenseSolveCore;
use faer::{Mat, Side};
use ndarray::{Array2, ArrayView2, Axis};
use serde::{Deserialize, Serialize};

/// How a covariance is estimated from residuals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shrinkage {
    /// The sample covariance.
    Full,
    /// Its diagonal: each channel has noise of its own.
    Diagonal,
    /// Towards a multiple of the identity: Ledoit & Wolf (2004), doi:10.1016/S0047-259X(03)00096-4.
    Identity,
    /// Towards the diagonal: Schäfer & Strimmer (2005), doi:10.2202/1544-6115.1175.
    TowardsDiagonal,
}

/// The covariance of the columns of `residuals` (r × v), divided by `degrees` of freedom (r − 1 if none).
///
/// As rsatoolbox `cov_from_residuals`, whose weights of shrinkage it keeps. O(r v²).
///
/// # Errors
/// Fewer than two residuals.
pub fn covariance(
    residuals: ArrayView2<'_, f64>,
    degrees: Option<f64>,
    method: Shrinkage,
) -> Result<Array2<f64>, RdmError> {
    let (rows, v) = residuals.dim();
    if rows < 2 {
        return Err(RdmError::Rows {
            what: "residuals, at least 2 are needed,",
            expected: 2,
            found: rows,
        });
    }
    let n = rows as f64;
    let degrees = degrees.unwrap_or(n - 1.0);
    let x = &residuals - &(residuals.sum_axis(Axis(0)) / n);
    let products = x.t().dot(&x);
    let squares = || {
        let x2 = x.mapv(|x| x * x);
        x2.t().dot(&x2)
    };
    let identity = Array2::<f64>::eye(v);
    Ok(match method {
        Shrinkage::Full => products / degrees,
        Shrinkage::Diagonal => products * identity / degrees,
        Shrinkage::Identity => {
            let s = products / n;
            let spread = (squares() / n - &s * &s).sum() / n;
            let target = identity * (s.diag().sum() / v as f64);
            let distance = (&s - &target).mapv(|d| d * d).sum();
            let weight = spread.min(distance) / distance;
            (target * weight + s * (1.0 - weight)) * (n / degrees)
        }
        Shrinkage::TowardsDiagonal => {
            let variances = products.diag().to_owned() / degrees;
            let (mut noise, mut signal) = (0.0, 0.0);
            for ((at, &square), &product) in squares().indexed_iter().zip(&products) {
                if at.0 != at.1 {
                    let scale = variances[at.0] * variances[at.1];
                    let mean = product / scale.sqrt() / (n - 1.0);
                    noise += n / degrees.powi(2) * (square / scale / (n - 1.0) - mean * mean);
                    signal += mean * mean;
                }
            }
            let keep = 1.0 - (noise / signal).clamp(0.0, 1.0);
            let diagonal = &products * &identity;
            (&diagonal + &((products - &diagonal) * keep)) / degrees
        }
    })
}

/// The inverse of [`covariance`], as rsatoolbox `prec_from_residuals`. O(r v² + v³).
///
/// # Errors
/// Fewer than two residuals, or a covariance that is not positive definite.
pub fn precision(
    residuals: ArrayView2<'_, f64>,
    degrees: Option<f64>,
    method: Shrinkage,
) -> Result<Array2<f64>, RdmError> {
    let (rows, channels) = residuals.dim();
    let covariance = covariance(residuals, degrees, method)?;
    let matrix = Mat::from_fn(channels, channels, |i, j| covariance[[i, j]]);
    let factor = matrix
        .llt(Side::Lower)
        .map_err(|_| RdmError::Singular { channels, rows })?;
    let inverse = factor.inverse();
    Ok(Array2::from_shape_fn((channels, channels), |(i, j)| {
        inverse[(i, j)]
    }))
}
