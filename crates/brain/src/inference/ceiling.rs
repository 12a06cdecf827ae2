//! How well the best of all models could do, given how much subjects differ.

use super::InferenceError;
use super::sample::Sample;
use crate::rdm::{Comparison, Rdm, compare};
use ndarray::Array2;
use serde::{Deserialize, Serialize};

/// Bounds on the mean agreement that a perfect model would reach with subjects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NoiseCeiling {
    /// Each subject against the pool of the others, averaged.
    pub lower: f64,
    /// Each subject against the pool of all, averaged: too high, since the subject is in the pool.
    pub upper: f64,
    /// Each subject against the pool of the others.
    pub each_lower: Vec<f64>,
    /// Each subject against the pool of all.
    pub each_upper: Vec<f64>,
}

/// The noise ceiling of subjects' dissimilarities under a comparison.
///
/// How subjects are pooled depends on it, so that the pool is (nearly) the best model: for Pearson
/// and `CorrCov` the mean of z-scored dissimilarities, for `Cosine`, `CosineCov`, `DebiasedCka` and
/// `Bures` that of dissimilarities over their root mean square, for ranks and τ that of ranks.
/// Equals `boot_noise_ceiling` of rsatoolbox. Pairs that any subject misses are left out. One
/// subject alone is its own ceiling. O(s N), O(s N log N) for ranks.
///
/// Nili et al. (2014), doi:10.1371/journal.pcbi.1003553.
///
/// # Errors
/// No subject, and as [`compare()`].
pub fn noise_ceiling(
    subjects: &[Rdm],
    comparison: Comparison,
) -> Result<NoiseCeiling, InferenceError> {
    let sample = Sample::whole(subjects, &[], comparison)?;
    let (each_lower, each_upper) = sample.ceilings(&vec![1; subjects.len()]);
    let mean = |values: &[f64]| emotome_stats::summary::mean(values);
    Ok(NoiseCeiling {
        lower: mean(&each_lower),
        upper: mean(&each_upper),
        each_lower,
        each_upper,
    })
}

/// Agreement of every two subjects, 1 on the diagonal: the ceiling where one brain is the other's model.
///
/// # Errors
/// As [`compare()`].
pub fn between_subjects(
    subjects: &[Rdm],
    comparison: Comparison,
) -> Result<Array2<f64>, InferenceError> {
    let mut table = Array2::eye(subjects.len());
    for i in 0..subjects.len() {
        for j in 0..i {
            let value = compare(&subjects[i], &subjects[j], comparison)?.value;
            table[[i, j]] = value;
            table[[j, i]] = value;
        }
    }
    Ok(table)
}
