//! False-discovery control over many tests.

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
