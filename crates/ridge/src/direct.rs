//! Weights and predictions themselves, by solving the normal equations.

use crate::scaling::{CONSTANT, DDOF};
use crate::{Folds, RidgeError, Scaling};
use faer::linalg::solvers::Solve;
use faer::{Mat, Side};
use ndarray::{Array1, Array2, ArrayView2, Axis};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Weights of features for each target, in the units of both.
#[derive(Debug, Clone, PartialEq)]
pub struct Linear {
    /// Features × targets.
    pub weights: Array2<f64>,
    /// What is predicted of features that are all 0.
    pub intercept: Array1<f64>,
}

impl Linear {
    /// X W + intercept, samples × targets. O(n p v).
    ///
    /// # Panics
    /// If there are other features.
    #[must_use]
    pub fn predict(&self, features: ArrayView2<'_, f64>) -> Array2<f64> {
        features.dot(&self.weights) + &self.intercept
    }
}

/// Fits every target with a penalty of its own; targets with the same penalty are solved together.
///
/// ```text
/// W = D⁻¹ (X̃ᵀX̃ + λI)⁻¹ X̃ᵀ(Y − ȳ) = D⁻¹ X̃ᵀ (X̃X̃ᵀ + λI)⁻¹ (Y − ȳ),   X̃ = (X − μ) D⁻¹
/// ```
///
/// by Cholesky decomposition of the smaller matrix. O(n m² + L m³ + n m v) for L different penalties, m = min(n, p).
/// A target whose penalty is NaN has weights NaN.
///
/// # Errors
/// Differing numbers of samples, a penalty that is none, features that are not finite.
///
/// ```
/// # use emotome_ridge::{direct::fit, Scaling};
/// use ndarray::array;
/// let line = fit(array![[0.0], [1.0], [2.0]].view(), array![[1.0], [3.0], [5.0]].view(), Scaling::Centred, &[1e-9])?;
/// assert!((line.weights[[0, 0]] - 2.0).abs() < 1e-8 && (line.intercept[0] - 1.0).abs() < 1e-8);
/// # Ok::<(), emotome_ridge::RidgeError>(())
/// ```
pub fn fit(
    features: ArrayView2<'_, f64>,
    responses: ArrayView2<'_, f64>,
    scaling: Scaling,
    penalties: &[f64],
) -> Result<Linear, RidgeError> {
    let ((n, p), targets) = (features.dim(), responses.ncols());
    for (what, found, expected) in [
        ("responses", responses.nrows(), n),
        ("penalties, one a target,", penalties.len(), targets),
    ] {
        if found != expected {
            return Err(RidgeError::Samples {
                what,
                found,
                expected,
            });
        }
    }
    if let Some(((sample, feature), &value)) = features.indexed_iter().find(|(_, v)| !v.is_finite())
    {
        return Err(RidgeError::Feature {
            sample,
            feature,
            value,
        });
    }
    let none = || Array1::zeros(p);
    let (mean, own) = if scaling.centres() {
        (
            features.mean_axis(Axis(0)).unwrap_or_else(none),
            responses
                .mean_axis(Axis(0))
                .unwrap_or_else(|| Array1::zeros(targets)),
        )
    } else {
        (none(), Array1::zeros(targets))
    };
    let mut scale = Array1::ones(p);
    if scaling == Scaling::Standardised {
        if n <= DDOF {
            return Err(RidgeError::Deviation {
                samples: n,
                ddof: DDOF as u8,
            });
        }
        for (feature, column) in features.columns().into_iter().enumerate() {
            let sum: f64 = column.iter().map(|x| (x - mean[feature]).powi(2)).sum();
            let largest = column.iter().fold(0.0, |most: f64, v| most.max(v.abs()));
            let deviation = (sum / (n - DDOF) as f64).sqrt();
            scale[feature] = if deviation > CONSTANT * largest {
                1.0 / deviation
            } else {
                0.0
            };
        }
    }
    let x = Mat::from_fn(n, p, |i, j| (features[[i, j]] - mean[j]) * scale[j]);
    let primal = p <= n;
    let square = if primal {
        x.transpose() * &x
    } else {
        &x * x.transpose()
    };
    let mut alike: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for (target, &penalty) in penalties.iter().enumerate() {
        if !penalty.is_nan() {
            crate::Penalty::new(penalty)?;
            alike.entry(penalty.to_bits()).or_default().push(target);
        }
    }
    let solved: Vec<(&Vec<usize>, Mat<f64>)> = alike
        .par_iter()
        .map(|(bits, members)| {
            let penalty = f64::from_bits(*bits);
            let mut square = square.clone();
            for i in 0..square.nrows() {
                square[(i, i)] += penalty;
            }
            let y = Mat::from_fn(n, members.len(), |i, t| {
                responses[[i, members[t]]] - own[members[t]]
            });
            let factors = square.llt(Side::Lower).map_err(|_| RidgeError::Eigen {
                size: square.nrows(),
            })?;
            Ok(if primal {
                (members, factors.solve(x.transpose() * &y))
            } else {
                (members, x.transpose() * factors.solve(&y))
            })
        })
        .collect::<Result<_, RidgeError>>()?;
    let mut weights = Array2::from_elem((p, targets), f64::NAN);
    for (members, found) in solved {
        for (at, &target) in members.iter().enumerate() {
            for feature in 0..p {
                weights[[feature, target]] = found[(feature, at)] * scale[feature];
            }
        }
    }
    Ok(Linear {
        intercept: own - mean.dot(&weights),
        weights,
    })
}

/// Predicts every sample from the folds that it is not in: samples × targets.
///
/// `penalties` are folds × targets, or one row for all folds, as [`Chosen`](crate::Chosen) has them.
///
/// # Errors
/// As [`fit`].
pub fn predict_held_out(
    features: ArrayView2<'_, f64>,
    responses: ArrayView2<'_, f64>,
    folds: &Folds,
    scaling: Scaling,
    penalties: ArrayView2<'_, f64>,
) -> Result<Array2<f64>, RidgeError> {
    let (samples, targets) = responses.dim();
    for (what, found, expected) in [
        ("folds", folds.samples(), features.nrows()),
        ("responses", samples, features.nrows()),
        ("penalties, one a target,", penalties.ncols(), targets),
    ] {
        if found != expected {
            return Err(RidgeError::Samples {
                what,
                found,
                expected,
            });
        }
    }
    let mut predictions = Array2::zeros((samples, targets));
    for fold in 0..folds.count() {
        let training = folds.without(&[fold]);
        let row = penalties.row(if penalties.nrows() == 1 { 0 } else { fold });
        let line = fit(
            features.select(Axis(0), &training).view(),
            responses.select(Axis(0), &training).view(),
            scaling,
            &row.to_vec(),
        )?;
        let own = line.predict(features.select(Axis(0), folds.members(fold)).view());
        for (row, &sample) in own.rows().into_iter().zip(folds.members(fold)) {
            predictions.row_mut(sample).assign(&row);
        }
    }
    Ok(predictions)
}
