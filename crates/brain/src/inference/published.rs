//! Tests as published, kept so that published numbers can be made again; not to be relied on.

use super::{InferenceError, variance::student_t_upper};
use crate::rdm::{Rdm, compare};
use emotome_stats::distribution::student_t_two_sided;
use emotome_stats::summary::{mean, variance};
use serde::{Deserialize, Serialize};

pub use crate::rdm::Comparison;

/// A t test, and what it took its observations to be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PublishedTest {
    /// The agreement, or mean difference, tested.
    pub value: f64,
    /// Student's t.
    pub t: f64,
    /// Degrees of freedom claimed.
    pub degrees: f64,
    /// Two-sided p.
    pub p: f64,
    /// Upper tail.
    pub p_upper: f64,
    /// The smallest p that signs of as many observations could reach two-sided; 0 where that says nothing.
    pub smallest_p: f64,
}

/// The t test that takes N = n(n−1)/2 pairs of stimuli for independent observations. **Its p is wrong.**
///
/// t = r √((N−2)/(1−r²)). Pairs that share a stimulus depend on each other, so the variance of r
/// under the null is several times 1/N, and the test calls chance significant far more often than it
/// says. Use [`permutation_test`](super::permute::permutation_test).
///
/// # Errors
/// As [`compare`].
pub fn published_pairs_t_test(
    brain: &Rdm,
    model: &Rdm,
    comparison: Comparison,
) -> Result<PublishedTest, InferenceError> {
    let agreement = compare(brain, model, comparison)?;
    let (r, degrees) = (agreement.value, agreement.pairs as f64 - 2.0);
    Ok(test(
        r,
        r * (degrees / ((1.0 - r) * (1.0 + r))).sqrt(),
        degrees,
        0.0,
    ))
}

/// The paired t test over a handful of subjects. **It claims a population from what five can show.**
///
/// t of the mean difference with s − 1 degrees of freedom: valid only if differences are normal,
/// which five values cannot show. Without that assumption (signs flipped) no p below 2/2ˢ can be
/// reached — 0.0625 for five subjects — so significance, let alone after correction for regions,
/// is the assumption's. Report every subject, and [`prevalence`](super::prevalence).
///
/// # Errors
/// Lists of different lengths, or fewer than two subjects.
pub fn published_paired_t_over_few_subjects(
    first: &[f64],
    second: &[f64],
) -> Result<PublishedTest, InferenceError> {
    if first.len() != second.len() {
        return Err(InferenceError::Lengths {
            what: "second values",
            found: second.len(),
            expected: first.len(),
        });
    }
    if first.len() < 2 {
        return Err(InferenceError::Few {
            what: "subjects",
            found: first.len(),
            least: 2,
        });
    }
    let differences: Vec<f64> = first.iter().zip(second).map(|(a, b)| a - b).collect();
    let (n, centre) = (differences.len() as f64, mean(&differences));
    let t = centre / (variance(&differences) / n).sqrt();
    Ok(test(centre, t, n - 1.0, 2.0 * 0.5_f64.powf(n)))
}

fn test(value: f64, t: f64, degrees: f64, smallest_p: f64) -> PublishedTest {
    PublishedTest {
        value,
        t,
        degrees,
        p: student_t_two_sided(t, degrees),
        p_upper: student_t_upper(t, degrees),
        smallest_p,
    }
}
