//! Ranks with ties averaged.

/// The ranks 1..=n of `values`, tied values sharing the mean of their ranks.
///
/// Any NaN makes every rank NaN. O(n log n).
///
/// ```
/// use emotome_stats::rank::average_ranks;
/// assert_eq!(average_ranks(&[3.0, 1.0, 3.0]), [2.5, 1.0, 2.5]);
/// ```
#[must_use]
pub fn average_ranks(values: &[f64]) -> Vec<f64> {
    let mut ranks = vec![f64::NAN; values.len()];
    if values.iter().any(|x| x.is_nan()) {
        return ranks;
    }
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut first = 0;
    for tied in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let shared = first as f64 + (tied.len() + 1) as f64 / 2.0;
        for &place in tied {
            ranks[place] = shared;
        }
        first += tied.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_ties_with_minus_zero() {
        assert_eq!(average_ranks(&[0.0, 5.0, -0.0]), [1.5, 3.0, 1.5]);
    }

    #[test]
    fn a_nan_is_never_ranked() {
        assert!(average_ranks(&[1.0, f64::NAN]).iter().all(|r| r.is_nan()));
    }
}
