//! A shuffle of any length without a table: the image of any position, and its inverse, in constant time.

use crate::random::{Seed, mix};

/// A pseudo-random bijection of `0..n` determined by `(seed, n)` alone.
///
/// A design numbers its trials `0..n` and shows the triplet of rank `permutation.at(t)` as trial
/// `t`: any shard can compute its own trials, a run resumes anywhere, and nothing is stored. The
/// first `m` images are `m` draws without replacement.
///
/// With a = ⌈√n⌉, a position is written as the digits (l, r) of base a and passes ten Feistel
/// rounds (l, r) ← (r, l + F(r) mod a); images ≥ n are sent through again (cycle walking), on
/// average 1 + 2/√n passes at most. O(1) time and memory.
///
/// Black & Rogaway (2002), "Ciphers with arbitrary finite domains", doi:10.1007/3-540-45760-7_9.
///
/// ```
/// use emotome_stats::{permutation::KeyedPermutation, random::Seed};
/// let triplets = KeyedPermutation::new(1_724_329_860, Seed(1))?; // all C(2180, 3)
/// let rank = triplets.at(0);
/// assert_eq!(triplets.rank_of(rank), 0);
/// # Ok::<(), emotome_stats::permutation::PermutationError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyedPermutation {
    n: u64,
    base: u64,
    keys: [u64; ROUNDS],
}

const ROUNDS: usize = 10;

/// Why a permutation cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PermutationError {
    /// More elements than a permutation can hold.
    #[error("a permutation of {n} elements was asked for, at most {max} (2^63) can be permuted; split the design", max = KeyedPermutation::MAX_LEN)]
    TooLong {
        /// The number of elements asked for.
        n: u64,
    },
}

impl KeyedPermutation {
    /// The largest number of elements.
    pub const MAX_LEN: u64 = 1 << 63;

    /// The permutation of `0..n` under `seed`.
    ///
    /// # Errors
    /// [`PermutationError::TooLong`] above 2^63 elements.
    pub fn new(n: u64, seed: Seed) -> Result<Self, PermutationError> {
        if n > Self::MAX_LEN {
            return Err(PermutationError::TooLong { n });
        }
        let floor = n.isqrt();
        let base = floor + u64::from(floor * floor < n);
        let seed = seed.derive("keyed permutation").child(n);
        Ok(Self {
            n,
            base,
            keys: std::array::from_fn(|round| seed.child(round as u64).0),
        })
    }

    /// The number of elements n.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.n
    }

    /// Whether there is nothing to permute.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.n == 0
    }

    /// The element at `position`.
    ///
    /// # Panics
    /// If `position` is not below [`len`](Self::len).
    #[must_use]
    #[inline]
    pub fn at(&self, position: u64) -> u64 {
        assert!(
            position < self.n,
            "position {position} is past the {} elements",
            self.n
        );
        let mut x = position;
        loop {
            x = self.encrypt(x);
            if x < self.n {
                return x;
            }
        }
    }

    /// The position of `element`: the inverse of [`at`](Self::at).
    ///
    /// # Panics
    /// If `element` is not below [`len`](Self::len).
    #[must_use]
    #[inline]
    pub fn rank_of(&self, element: u64) -> u64 {
        assert!(
            element < self.n,
            "element {element} is not among the {} elements",
            self.n
        );
        let mut x = element;
        loop {
            x = self.decrypt(x);
            if x < self.n {
                return x;
            }
        }
    }

    #[inline]
    fn encrypt(&self, x: u64) -> u64 {
        let (mut l, mut r) = (x / self.base, x % self.base);
        for &key in &self.keys {
            let sum = l + self.round(key, r);
            (l, r) = (
                r,
                if sum >= self.base {
                    sum - self.base
                } else {
                    sum
                },
            );
        }
        l * self.base + r
    }

    #[inline]
    fn decrypt(&self, x: u64) -> u64 {
        let (mut l, mut r) = (x / self.base, x % self.base);
        for &key in self.keys.iter().rev() {
            let f = self.round(key, l);
            (l, r) = (if r >= f { r - f } else { r + self.base - f }, l);
        }
        l * self.base + r
    }

    /// A keyed hash of a digit, in `0..base`.
    #[inline]
    fn round(&self, key: u64, digit: u64) -> u64 {
        ((u128::from(mix(digit ^ key)) * u128::from(self.base)) >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_small_length_is_permuted_without_loss() {
        for n in 0..200 {
            let p = KeyedPermutation::new(n, Seed(n)).unwrap();
            let mut images: Vec<u64> = (0..n).map(|i| p.at(i)).collect();
            images.sort_unstable();
            assert_eq!(images, (0..n).collect::<Vec<_>>());
        }
    }

    proptest! {
        #[test]
        fn rank_inverts_at_for_any_length(n in 1_u64..=KeyedPermutation::MAX_LEN, i: u64, seed: u64) {
            let p = KeyedPermutation::new(n, Seed(seed)).unwrap();
            let x = p.at(i % n);
            prop_assert!(x < n);
            prop_assert_eq!(p.rank_of(x), i % n);
        }
    }

    #[test]
    fn the_longest_permutation_works_and_longer_ones_are_refused() {
        let n = KeyedPermutation::MAX_LEN;
        let p = KeyedPermutation::new(n, Seed(0)).unwrap();
        assert_eq!(p.rank_of(p.at(n - 1)), n - 1);
        assert!(KeyedPermutation::new(n + 1, Seed(0)).is_err());
    }

    /// All 24 orders of four elements, over seeds.
    #[test]
    fn every_order_is_equally_likely_over_seeds() {
        let mut counts = std::collections::HashMap::<[u64; 4], f64>::new();
        let draws = 48_000;
        for seed in 0..draws {
            let p = KeyedPermutation::new(4, Seed(seed)).unwrap();
            *counts
                .entry(std::array::from_fn(|i| p.at(i as u64)))
                .or_default() += 1.0;
        }
        assert_eq!(counts.len(), 24);
        let expected = draws as f64 / 24.0;
        let chi2: f64 = counts
            .values()
            .map(|c| (c - expected).powi(2) / expected)
            .sum();
        assert!(chi2 < 49.73, "chi2(23) = {chi2} exceeds the 0.1 % point");
    }

    /// Where neighbours land, jointly, in 16 × 16 cells of a long permutation.
    #[test]
    fn neighbouring_positions_land_independently() {
        let n = 1_724_329_860;
        let p = KeyedPermutation::new(n, Seed(5)).unwrap();
        let cell = |i| (p.at(i) * 16 / n) as usize;
        for stride in [1, 41_526] {
            let mut counts = vec![0_f64; 256];
            for i in 0..51_200 {
                counts[cell(i) * 16 + cell(i + stride)] += 1.0;
            }
            let chi2: f64 = counts.iter().map(|c| (c - 200.0).powi(2) / 200.0).sum();
            assert!(chi2 < 330.5, "chi2(255) = {chi2} exceeds the 0.1 % point");
        }
    }

    #[test]
    fn the_number_of_fixed_points_is_poisson_of_mean_one() {
        let seeds = 4_000;
        let fixed: u64 = (0..seeds)
            .map(|s| {
                let p = KeyedPermutation::new(50, Seed(s)).unwrap();
                (0..50).filter(|&i| p.at(i) == i).count() as u64
            })
            .sum();
        let mean = fixed as f64 / seeds as f64;
        assert!(
            (mean - 1.0).abs() < 4.0 / (seeds as f64).sqrt(),
            "{mean} fixed points a permutation"
        );
    }
}
