//! The permutation distribution of an agreement without a permutation: its exact mean and variance.

use super::InferenceError;
use crate::rdm::{Comparison, Rdm, RdmError, dot, pairs, rank::centred_ranks};
use emotome_stats::distribution::normal_cdf;
use serde::{Deserialize, Serialize};

/// An agreement with the moments of its permutation distribution.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Mantel {
    /// The correlation.
    pub r: f64,
    /// Its standard deviation over all n! relabellings of the stimuli of one side; the mean is 0.
    pub sd: f64,
    /// r / sd.
    pub z: f64,
    /// Upper tail of a normal distribution at z; an approximation, since the distribution is skewed.
    pub p: f64,
}

/// Correlation of two sets of dissimilarities with the exact variance over all relabellings.
///
/// With both sides less their means, A₂ = Σ_{i<j} A², T_A = Σ_i (Σ_j A_ij)², and (n)_k = n(n−1)…(n−k+1),
///
/// Var Σ_{i<j} A_ij C_π(i)π(j) = 2 A₂C₂/(n)₂ + (T_A − 2A₂)(T_C − 2C₂)/(n)₃ + (A₂ − T_A)(C₂ − T_C)·4/(n)₄,
///
/// the sums over all entries being 0 after centring. Holds if all stimuli are exchangeable; with
/// runs use [`permutation_test`](super::permute::permutation_test). O(N), O(N log N) for Spearman.
///
/// Mantel (1967), Cancer Research 27, 209–220.
///
/// # Errors
/// A comparison other than Pearson's and Spearman's, missing pairs, fewer than 4 stimuli, or
/// different numbers of them.
pub fn mantel(a: &Rdm, b: &Rdm, comparison: Comparison) -> Result<Mantel, InferenceError> {
    let n = a.n();
    if n != b.n() {
        return Err(RdmError::Sizes {
            left: n,
            right: b.n(),
        }
        .into());
    }
    if n < 4 {
        return Err(RdmError::Stimuli { n }.into());
    }
    let missing = a.missing().max(b.missing());
    if missing > 0 {
        return Err(RdmError::Missing {
            what: "the moments of relabelling",
            missing,
            pairs: pairs(n),
        }
        .into());
    }
    let centred = |rdm: &Rdm| match comparison {
        Comparison::Pearson => {
            let mean = emotome_stats::summary::mean(rdm.values());
            Ok(rdm.values().iter().map(|v| v - mean).collect())
        }
        Comparison::Spearman => Ok(centred_ranks(rdm.values())
            .into_iter()
            .map(f64::from)
            .collect()),
        _ => Err(InferenceError::Comparison { comparison }),
    };
    let (x, y): (Vec<f64>, Vec<f64>) = (centred(a)?, centred(b)?);
    let sides = [&x, &y].map(|values| {
        let mut rows = vec![0.0; n];
        let all = (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j)));
        for ((i, j), value) in all.zip(values) {
            rows[i] += value;
            rows[j] += value;
        }
        (dot(values, values), dot(&rows, &rows))
    });
    let [(a2, ta), (c2, tc)] = sides;
    let n = n as f64;
    let (n2, n3) = (n * (n - 1.0), n * (n - 1.0) * (n - 2.0));
    let variance = 2.0 * a2 * c2 / n2
        + (ta - 2.0 * a2) * (tc - 2.0 * c2) / n3
        + 4.0 * (a2 - ta) * (c2 - tc) / (n3 * (n - 3.0));
    let scale = a2.sqrt() * c2.sqrt();
    let (r, sd) = (dot(&x, &y) / scale, variance.max(0.0).sqrt() / scale);
    Ok(Mantel {
        r,
        sd,
        z: r / sd,
        p: normal_cdf(-r / sd),
    })
}
