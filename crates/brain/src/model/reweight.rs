//! Features given the weights that fit the brain best, judged on stimuli that had no part in the fit.

use crate::rdm::{Rdm, RdmError, dot};
use emotome_stats::correlation::pearson;
use ndarray::{Array1, Array2, ArrayView2};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// A cross-validated fit of feature weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reweighted {
    /// One entry a fold, in ascending order of its label.
    pub folds: Vec<ReweightedFold>,
    /// Mean of the folds' correlations, those that are defined.
    pub r: f64,
}

/// One fold of [`Reweighted`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReweightedFold {
    /// Label of the stimuli held out.
    pub fold: u32,
    /// Weight of each feature, fitted to pairs of the other stimuli.
    pub weights: Vec<f64>,
    /// Correlation of predicted and found dissimilarities of pairs held out; NaN where undefined.
    pub r: f64,
    /// Pairs of the fit.
    pub train_pairs: usize,
    /// Pairs held out, both of whose stimuli are held out.
    pub test_pairs: usize,
}

/// Feature-reweighted similarity: d(i, j) ≈ c + Σ_f w_f (x_if − x_jf)², w ≥ 0, cross-validated over stimuli.
///
/// `features` is n × k, `folds` labels each stimulus. Weights are fitted by least squares to pairs
/// of which neither stimulus is held out, and judged on pairs of which both are; pairs across are
/// used for neither, so no stimulus serves both. The intercept c is free. O(n² k² folds).
///
/// Kaniuth & Hebart (2022), doi:10.1016/j.neuroimage.2022.119294; Jozwik et al. (2016),
/// doi:10.1016/j.neuropsychologia.2015.10.023.
///
/// # Errors
/// Numbers of stimuli that differ; fewer than two folds.
pub fn reweight(
    brain: &Rdm,
    features: ArrayView2<'_, f64>,
    folds: &[u32],
) -> Result<Reweighted, RdmError> {
    let n = brain.n();
    if features.nrows() != n {
        return Err(RdmError::Sizes {
            left: n,
            right: features.nrows(),
        });
    }
    if folds.len() != n {
        return Err(RdmError::Rows {
            what: "folds",
            expected: n,
            found: folds.len(),
        });
    }
    let mut labels = folds.to_vec();
    labels.sort_unstable();
    labels.dedup();
    if labels.len() < 2 {
        return Err(RdmError::Folds {
            found: labels.len(),
        });
    }
    let folds: Vec<ReweightedFold> = labels
        .par_iter()
        .map(|&fold| {
            let inside = |keep: bool| {
                (0..n)
                    .filter(|&i| (folds[i] == fold) == keep)
                    .collect::<Vec<_>>()
            };
            fit_fold(brain, features, fold, &inside(false), &inside(true))
        })
        .collect();
    let defined: Vec<f64> = folds
        .iter()
        .map(|fold| fold.r)
        .filter(|r| !r.is_nan())
        .collect();
    let r = emotome_stats::summary::mean(&defined);
    Ok(Reweighted { folds, r })
}

fn fit_fold(
    brain: &Rdm,
    features: ArrayView2<'_, f64>,
    fold: u32,
    train: &[usize],
    test: &[usize],
) -> ReweightedFold {
    let k = features.ncols();
    let each = |stimuli: &[usize], take: &mut dyn FnMut(&[f64], f64)| {
        let mut parts = vec![0.0; k];
        for (at, &i) in stimuli.iter().enumerate() {
            for &j in &stimuli[at + 1..] {
                let d = brain.get(i, j);
                if !d.is_nan() {
                    for (f, part) in parts.iter_mut().enumerate() {
                        *part = (features[[i, f]] - features[[j, f]]).powi(2);
                    }
                    take(&parts, d);
                }
            }
        }
    };
    let (mut mean, mut mean_d, mut pairs) = (Array1::<f64>::zeros(k), 0.0, 0_usize);
    each(train, &mut |parts, d| {
        mean.iter_mut().zip(parts).for_each(|(m, p)| *m += p);
        mean_d += d;
        pairs += 1;
    });
    mean /= pairs as f64;
    mean_d /= pairs as f64;
    let (mut gram, mut against) = (Array2::<f64>::zeros((k, k)), Array1::<f64>::zeros(k));
    let mut centred = vec![0.0; k];
    each(train, &mut |parts, d| {
        for ((c, p), m) in centred.iter_mut().zip(parts).zip(&mean) {
            *c = p - m;
        }
        for f in 0..k {
            against[f] += centred[f] * (d - mean_d);
            for g in 0..=f {
                gram[[f, g]] += centred[f] * centred[g];
            }
        }
    });
    for f in 0..k {
        for g in 0..f {
            gram[[g, f]] = gram[[f, g]];
        }
    }
    let weights = non_negative(&gram, &against);
    let (mut predicted, mut found) = (Vec::new(), Vec::new());
    each(test, &mut |parts, d| {
        predicted.push(dot(parts, &weights));
        found.push(d);
    });
    ReweightedFold {
        fold,
        r: pearson(&predicted, &found),
        train_pairs: pairs,
        test_pairs: found.len(),
        weights,
    }
}

/// The w ≥ 0 that minimises ½ wᵀGw − cᵀw, by cyclic descent until no weight moves by 10⁻¹⁴ of the largest.
fn non_negative(gram: &Array2<f64>, against: &Array1<f64>) -> Vec<f64> {
    const SWEEPS: usize = 100_000;
    let k = against.len();
    let mut weights = vec![0.0_f64; k];
    let mut slope = against.to_vec();
    for _ in 0..SWEEPS {
        let (mut moved, mut largest) = (0.0_f64, 0.0_f64);
        for f in (0..k).filter(|&f| gram[[f, f]] > 0.0) {
            let next = (weights[f] + slope[f] / gram[[f, f]]).max(0.0);
            let step = next - weights[f];
            if step != 0.0 {
                slope
                    .iter_mut()
                    .zip(gram.row(f))
                    .for_each(|(s, g)| *s -= step * g);
                weights[f] = next;
            }
            moved = moved.max(step.abs());
            largest = largest.max(next);
        }
        if moved <= 1e-14 * largest {
            break;
        }
    }
    weights
}
