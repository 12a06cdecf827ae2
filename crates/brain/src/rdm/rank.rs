//! Ranks of millions of dissimilarities, exact in integers.

/// The ranks of `values` doubled and centred: 2r − (N + 1), with ties at the mean of their ranks.
///
/// Integers, because the mean of ranks is a multiple of ½; they sum to 0 and lie within ±(N − 1).
/// Spearman's correlation is the cosine of two such lists. O(N log N).
///
/// # Panics
/// On NaN, or on more than 2³⁰ values.
///
/// ```
/// use emotome_brain::rdm::rank::centred_ranks;
/// assert_eq!(centred_ranks(&[0.3, 0.1, 0.3, 0.9]), [0, -3, 0, 3]);
/// ```
#[must_use]
pub fn centred_ranks(values: &[f64]) -> Vec<i32> {
    let order = ascending(values);
    let mut ranks = vec![0; values.len()];
    let mut below = 0;
    for tied in order.chunk_by(|a, b| a.0 == b.0) {
        let rank = (2 * below + tied.len()) as i32 - values.len() as i32;
        for &(_, place) in tied {
            ranks[place as usize] = rank;
        }
        below += tied.len();
    }
    ranks
}

/// The values as keys that sort alike, smallest first, with their places.
///
/// # Panics
/// On NaN, or on more than 2³⁰ values.
pub(crate) fn ascending(values: &[f64]) -> Vec<(u64, u32)> {
    assert!(
        values.len() <= 1 << 30,
        "{} values are too many to rank",
        values.len()
    );
    let mut order: Vec<(u64, u32)> = values
        .iter()
        .enumerate()
        .map(|(place, &value)| {
            assert!(!value.is_nan(), "value {place} is NaN and has no rank");
            // −0 and 0 are one value; flipping the bits of negative numbers makes order that of integers.
            let bits = (value + 0.0).to_bits();
            let key = if bits >> 63 == 1 {
                !bits
            } else {
                bits | 1 << 63
            };
            (key, place as u32)
        })
        .collect();
    order.sort_unstable();
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use emotome_stats::rank::average_ranks;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn doubled_ranks_are_average_ranks(values in proptest::collection::vec(
            prop_oneof![-3.0..3.0_f64, Just(0.0), Just(-0.0), Just(1.0), Just(f64::MIN_POSITIVE)], 1..60)) {
            let n = values.len() as f64;
            let expected: Vec<f64> = average_ranks(&values).iter().map(|r| 2.0 * r - (n + 1.0)).collect();
            let found: Vec<f64> = centred_ranks(&values).into_iter().map(f64::from).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
