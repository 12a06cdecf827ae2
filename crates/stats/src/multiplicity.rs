//! Error rates over many tests: of false discoveries, and of any false alarm.

use crate::distribution::normal_cdf;

/// Benjamini–Hochberg adjusted p-values: p₍ᵢ₎ ↦ min over j ≥ i of m p₍ⱼ₎ / j, in input order.
///
/// Reject where the adjusted value is ≤ α; the false-discovery rate is then ≤ α for independent
/// or positively dependent tests. NaN (a test that was not made) stays NaN and is not counted in
/// m. O(m log m).
///
/// Benjamini & Hochberg (1995), doi:10.1111/j.2517-6161.1995.tb02031.x.
///
/// ```
/// use emotome_stats::multiplicity::benjamini_hochberg;
/// assert_eq!(benjamini_hochberg(&[0.01, 0.04, 0.03]), [0.03, 0.04, 0.04]);
/// ```
#[must_use]
pub fn benjamini_hochberg(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).filter(|&i| !p[i].is_nan()).collect();
    order.sort_unstable_by(|&a, &b| p[a].total_cmp(&p[b]));
    let mut out = vec![f64::NAN; p.len()];
    let mut least = 1.0_f64;
    for (rank, &i) in order.iter().enumerate().rev() {
        least = least.min(p[i] * order.len() as f64 / (rank + 1) as f64);
        out[i] = least;
    }
    out
}

/// Benjamini–Yekutieli adjusted p-values: those of [`benjamini_hochberg`] × Σ_{k≤m} 1/k, at most 1.
///
/// The false-discovery rate is then ≤ α however the tests depend on each other. O(m log m).
///
/// Benjamini & Yekutieli (2001), doi:10.1214/aos/1013699998.
///
/// ```
/// use emotome_stats::multiplicity::benjamini_yekutieli;
/// let q = benjamini_yekutieli(&[0.01, 0.04, 0.03]);
/// assert!((q[0] - 0.055).abs() < 1e-12 && (q[1] - 0.22 / 3.0).abs() < 1e-12);
/// ```
#[must_use]
pub fn benjamini_yekutieli(p: &[f64]) -> Vec<f64> {
    let m = p.iter().filter(|p| !p.is_nan()).count();
    let harmonic: f64 = (1..=m).rev().map(|k| 1.0 / k as f64).sum();
    let mut q = benjamini_hochberg(p);
    q.iter_mut()
        .filter(|q| !q.is_nan())
        .for_each(|q| *q = (*q * harmonic).min(1.0));
    q
}

/// The z above which a map is significant at false-discovery rate `alpha`, one-sided; ∞ if nothing is.
///
/// The smallest z whose p is below its Benjamini–Hochberg bound α·rank/m, as `nilearn.glm.fdr_threshold`
/// (which then takes 10⁻¹² away, as here, so that the voxel itself passes). NaN is not counted. O(m log m).
///
/// ```
/// use emotome_stats::multiplicity::fdr_threshold;
/// let z = [4.0, 3.5, 2.8, 2.5, 1.9, 1.2];
/// assert!((fdr_threshold(&z, 0.05) - 1.9).abs() < 1e-9);
/// ```
#[must_use]
pub fn fdr_threshold(z: &[f64], alpha: f64) -> f64 {
    let mut z: Vec<f64> = z.iter().copied().filter(|z| !z.is_nan()).collect();
    z.sort_unstable_by(|a, b| b.total_cmp(a));
    let m = z.len() as f64;
    let passes = |rank: &usize| normal_cdf(-z[rank - 1]) < alpha * *rank as f64 / m;
    (1..=z.len())
        .rev()
        .find(passes)
        .map_or(f64::INFINITY, |rank| z[rank - 1] - 1e-12)
}

/// Holm adjusted p-values: p₍ᵢ₎ ↦ max over j ≤ i of (m − j + 1) p₍ⱼ₎, at most 1, in input order.
///
/// Reject where the adjusted value is ≤ α; the chance of any false rejection is then ≤ α, however the
/// tests depend on each other. NaN (a test that was not made) stays NaN and is not counted in m.
/// O(m log m).
///
/// Holm (1979), Scandinavian Journal of Statistics 6, 65–70.
///
/// ```
/// use emotome_stats::multiplicity::holm;
/// assert_eq!(holm(&[0.25, 0.0625, 0.125]), [0.25, 0.1875, 0.25]);
/// ```
#[must_use]
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).filter(|&i| !p[i].is_nan()).collect();
    order.sort_unstable_by(|&a, &b| p[a].total_cmp(&p[b]));
    let mut out = vec![f64::NAN; p.len()];
    let mut most = 0.0_f64;
    for (rank, &i) in order.iter().enumerate() {
        most = most.max(p[i] * (order.len() - rank) as f64).min(1.0);
        out[i] = most;
    }
    out
}

/// The number of tests that [`benjamini_hochberg`] rejects at level `alpha`, without allocating
/// an adjusted value for each; `p` is sorted in place. O(m log m).
#[must_use]
pub fn count_rejected(p: &mut [f64], alpha: f64) -> usize {
    p.sort_unstable_by(f64::total_cmp);
    let m = p.iter().filter(|p| !p.is_nan()).count();
    (1..=m)
        .rev()
        .find(|&rank| p[rank - 1] * m as f64 / rank as f64 <= alpha)
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn holm_is_that_of_statsmodels_and_leaves_out_what_was_not_tested() {
        // multipletests([.01, .04, .03, .005, .5], method="holm")
        let found = holm(&[0.01, 0.04, f64::NAN, 0.03, 0.005, 0.5]);
        let expected = [0.04, 0.09, f64::NAN, 0.09, 0.025, 0.5];
        for (found, expected) in found.iter().zip(expected) {
            let same = (found - expected).abs() < 1e-12 || found.is_nan() && expected.is_nan();
            assert!(same, "{found}, expected {expected}");
        }
    }

    #[test]
    fn untested_hypotheses_are_not_counted() {
        let q = benjamini_hochberg(&[0.01, f64::NAN, 0.5]);
        assert!((q[0], q[2]) == (0.02, 0.5) && q[1].is_nan());
        assert_eq!(count_rejected(&mut [0.01, f64::NAN, 0.5], 0.02), 1);
    }

    proptest! {
        #[test]
        fn counting_agrees_with_adjusting(mut p in proptest::collection::vec(0.0..0.2_f64, 0..50)) {
            let rejected = benjamini_hochberg(&p).iter().filter(|&&q| q <= 0.05).count();
            prop_assert_eq!(count_rejected(&mut p, 0.05), rejected);
        }
    }
}
