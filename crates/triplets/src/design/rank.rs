//! Numbers for unordered triplets: the combinatorial number system, in constant time.

use crate::trial::UnorderedTriplet;
use emotome_stimuli::StimulusId;

/// The most stimuli a design can have; C(3·10⁶, 3) ≈ 4.5·10¹⁸ still fits 63 bits.
pub const MAX_STIMULI: usize = 3_000_000;

/// C(n, 2): the number of pairs of `n` stimuli.
#[must_use]
pub const fn pair_count(n: u64) -> u64 {
    n * n.saturating_sub(1) / 2
}

/// C(n, 3): the number of unordered triplets of `n` stimuli, for n up to [`MAX_STIMULI`].
///
/// ```
/// assert_eq!(emotome_triplets::design::rank::triplet_count(2180), 1_724_329_860);
/// ```
#[must_use]
pub const fn triplet_count(n: u64) -> u64 {
    pair_count(n) * n.saturating_sub(2) / 3
}

/// The rank C(c,3) + C(b,2) + a of the triplet a < b < c: a bijection of the triplets of n stimuli
/// with 0..C(n,3).
///
/// The rank does not depend on n, so triplets keep their ranks when stimuli are appended. O(1).
///
/// Knuth (2011), "The Art of Computer Programming" 4A, 7.2.1.3, theorem L.
///
/// # Panics
/// If an id is not below [`MAX_STIMULI`].
#[must_use]
#[inline]
pub const fn rank(triplet: UnorderedTriplet) -> u64 {
    let [a, b, c] = triplet.items();
    assert!(
        c.index() < MAX_STIMULI,
        "triplets of more than 3,000,000 stimuli have no rank"
    );
    triplet_count(c.0 as u64) + pair_count(b.0 as u64) + a.0 as u64
}

/// The triplet of a rank: the inverse of [`rank()`]. O(1): one cube root, one square root, both
/// made exact.
///
/// # Panics
/// If `rank` is not below C([`MAX_STIMULI`], 3).
#[must_use]
#[inline]
pub fn unrank(rank: u64) -> UnorderedTriplet {
    assert!(
        rank < triplet_count(MAX_STIMULI as u64),
        "rank {rank} is past the triplets of {MAX_STIMULI} stimuli"
    );
    // C(c,3) ≈ (c-1)³/6; the rounded root is at most one off.
    let mut c = (6.0 * rank as f64).cbrt() as u64 + 1;
    while triplet_count(c) > rank {
        c -= 1;
    }
    while triplet_count(c + 1) <= rank {
        c += 1;
    }
    let rest = rank - triplet_count(c);
    let (a, b) = unrank_pair(rest);
    UnorderedTriplet::from_ascending([a, b, c as u32].map(StimulusId))
}

/// The pair a < b of rank C(b,2) + a.
#[inline]
pub(super) fn unrank_pair(rank: u64) -> (u32, u32) {
    let b = u64::midpoint((8 * rank + 1).isqrt(), 1);
    ((rank - pair_count(b)) as u32, b as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ranks_number_all_triplets_of_small_sets_in_order() {
        let mut expected = 0;
        for c in 2..60 {
            for b in 1..c {
                for a in 0..b {
                    let triplet = unrank(expected);
                    assert_eq!(triplet.items().map(|id| id.0), [a, b, c]);
                    assert_eq!(rank(triplet), expected);
                    expected += 1;
                }
            }
        }
        assert_eq!(expected, triplet_count(60));
    }

    #[test]
    fn ranks_survive_every_change_of_the_last_stimulus() {
        for n in (3..2_200).chain((MAX_STIMULI as u64 - 500)..=MAX_STIMULI as u64) {
            let first = triplet_count(n - 1);
            let items = |rank| unrank(rank).items().map(|id| u64::from(id.0));
            assert_eq!(items(first), [0, 1, n - 1]);
            assert_eq!(items(triplet_count(n) - 1), [n - 3, n - 2, n - 1]);
        }
        assert_eq!(triplet_count(2_180), 1_724_329_860);
        assert_eq!(triplet_count(66), 45_760);
    }

    proptest! {
        #[test]
        fn unrank_inverts_rank(r in 0..triplet_count(MAX_STIMULI as u64)) {
            let triplet = unrank(r);
            let [a, b, c] = triplet.items();
            prop_assert!(a < b && b < c && c.index() < MAX_STIMULI);
            prop_assert_eq!(rank(triplet), r);
        }
    }
}
