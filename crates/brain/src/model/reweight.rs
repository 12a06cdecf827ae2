//! Features given the weights that fit the brain best, judged on stimuli that had no part in the fit.

use crate::rdm::{Rdm, RdmError, dot};
use emotome_stats::correlation::pearson;
use ndarray::{Array2, ArrayView2};
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
/// used for neither, so no stimulus serves both. The intercept c is free. O(n² k² folds); for many
/// brains make a [`Reweighting`].
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
    Reweighting::new(features, folds, brain)?.fit(brain)
}

/// Features made ready to be fitted to many brains, which mostly miss the same pairs.
///
/// What does not depend on the brain, O(n² k² folds), is computed once; a fit is O(n² k).
#[derive(Debug, Clone)]
pub struct Reweighting {
    features: Array2<f64>,
    present: Vec<bool>,
    folds: Vec<Fold>,
}

/// A fold of stimuli.
#[derive(Debug, Clone)]
struct Fold {
    label: u32,
    train: Vec<usize>,
    test: Vec<usize>,
    normal: Normal,
}

/// The brain's part aside, the normal equations of a fit.
#[derive(Debug, Clone)]
struct Normal {
    /// Mean of each feature's squared differences.
    mean: Vec<f64>,
    /// Products of what is left of them.
    gram: Array2<f64>,
    pairs: usize,
}

impl Reweighting {
    /// Makes features ready for brains that miss the pairs that `like` misses.
    ///
    /// # Errors
    /// As [`reweight`].
    pub fn new(features: ArrayView2<'_, f64>, folds: &[u32], like: &Rdm) -> Result<Self, RdmError> {
        let n = like.n();
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
        let features = features.as_standard_layout().into_owned();
        let folds = labels
            .par_iter()
            .map(|&label| {
                let inside = |keep: bool| {
                    (0..n)
                        .filter(|&i| (folds[i] == label) == keep)
                        .collect::<Vec<_>>()
                };
                let train = inside(false);
                Fold {
                    label,
                    normal: Normal::of(&features, like, &train),
                    train,
                    test: inside(true),
                }
            })
            .collect();
        Ok(Self {
            features,
            present: present(like),
            folds,
        })
    }

    /// Fits the features to a brain. The result does not depend on the brain that they were made ready for.
    ///
    /// # Errors
    /// Another number of stimuli.
    pub fn fit(&self, brain: &Rdm) -> Result<Reweighted, RdmError> {
        if brain.n() != self.features.nrows() {
            return Err(RdmError::Sizes {
                left: brain.n(),
                right: self.features.nrows(),
            });
        }
        let known = present(brain) == self.present;
        let folds: Vec<ReweightedFold> = self
            .folds
            .par_iter()
            .map(|fold| {
                if known {
                    self.fit_fold(brain, fold, &fold.normal)
                } else {
                    let normal = Normal::of(&self.features, brain, &fold.train);
                    self.fit_fold(brain, fold, &normal)
                }
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

    fn fit_fold(&self, brain: &Rdm, fold: &Fold, normal: &Normal) -> ReweightedFold {
        let mut mean_d = 0.0;
        each(&self.features, brain, &fold.train, |_, d| mean_d += d);
        mean_d /= normal.pairs as f64;
        let mut against = vec![0.0; normal.mean.len()];
        each(&self.features, brain, &fold.train, |parts, d| {
            for ((sum, part), mean) in against.iter_mut().zip(parts).zip(&normal.mean) {
                *sum += (part - mean) * (d - mean_d);
            }
        });
        let weights = non_negative(&normal.gram, &against);
        let (mut predicted, mut found) = (Vec::new(), Vec::new());
        each(&self.features, brain, &fold.test, |parts, d| {
            predicted.push(dot(parts, &weights));
            found.push(d);
        });
        ReweightedFold {
            fold: fold.label,
            r: pearson(&predicted, &found),
            train_pairs: normal.pairs,
            test_pairs: found.len(),
            weights,
        }
    }
}

impl Normal {
    fn of(features: &Array2<f64>, brain: &Rdm, train: &[usize]) -> Self {
        let k = features.ncols();
        let (mut mean, mut pairs) = (vec![0.0; k], 0_usize);
        each(features, brain, train, |parts, _| {
            mean.iter_mut().zip(parts).for_each(|(m, p)| *m += p);
            pairs += 1;
        });
        mean.iter_mut().for_each(|m| *m /= pairs as f64);
        let mut gram = vec![0.0; k * k];
        let mut centred = vec![0.0; k];
        each(features, brain, train, |parts, _| {
            for ((c, p), m) in centred.iter_mut().zip(parts).zip(&mean) {
                *c = p - m;
            }
            for (row, &c) in gram.chunks_exact_mut(k).zip(&centred) {
                row.iter_mut().zip(&centred).for_each(|(g, o)| *g += c * o);
            }
        });
        Self {
            gram: Array2::from_shape_fn((k, k), |(f, g)| gram[f * k + g]),
            mean,
            pairs,
        }
    }
}

fn present(rdm: &Rdm) -> Vec<bool> {
    rdm.values().iter().map(|d| !d.is_nan()).collect()
}

/// Squared differences of all features, and the dissimilarity, of each pair of some stimuli that is not missing.
fn each(features: &Array2<f64>, brain: &Rdm, stimuli: &[usize], mut take: impl FnMut(&[f64], f64)) {
    let mut parts = vec![0.0; features.ncols()];
    for (at, &i) in stimuli.iter().enumerate() {
        for &j in &stimuli[at + 1..] {
            let d = brain.get(i, j);
            if !d.is_nan() {
                let both = features.row(i).into_iter().zip(features.row(j));
                for (part, (a, b)) in parts.iter_mut().zip(both) {
                    *part = (a - b) * (a - b);
                }
                take(&parts, d);
            }
        }
    }
}

/// The w ≥ 0 that minimises ½ wᵀGw − cᵀw, by cyclic descent until no weight moves by 10⁻¹⁴ of the largest.
fn non_negative(gram: &Array2<f64>, against: &[f64]) -> Vec<f64> {
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
