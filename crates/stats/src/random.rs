//! Counter-based random numbers: the n-th draw is a pure function of `(seed, stream, n)`.
//!
//! Results that must not depend on the number of threads, or on where a run was interrupted,
//! draw from a [`CounterRng`] whose stream is named by *what is drawn* (trial number, item row,
//! bootstrap replicate), never by who draws it.

use rand::rand_core::{TryRng, utils};
use std::convert::Infallible;

/// A user-visible seed; every random result records it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Seed(pub u64);

impl Seed {
    /// Derives the seed of an independent purpose, e.g. `seed.derive("presentation order")`.
    ///
    /// FNV-1a of the label, mixed with the parent seed by [`mix`]; stable across versions.
    #[must_use]
    pub fn derive(self, purpose: &str) -> Self {
        let label = purpose.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| {
            (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        Self(mix(self.0 ^ mix(label)))
    }

    /// Derives the seed of the `index`-th of several equal runs.
    #[must_use]
    pub fn child(self, index: u64) -> Self {
        Self(mix(self.0.wrapping_add(mix(index ^ 0x6a09_e667_f3bc_c909))))
    }
}

/// The SplitMix64 finaliser: a bijection of 64-bit words with full avalanche.
///
/// Steele, Lea & Flood (2014), doi:10.1145/2660193.2660195.
#[must_use]
#[inline]
pub const fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Philox4x32-10: four random words from a 128-bit counter and a 64-bit key.
///
/// Salmon et al. (2011), "Parallel random numbers: as easy as 1, 2, 3",
/// doi:10.1145/2063384.2063405. Passes BigCrush.
#[must_use]
#[inline]
pub fn philox(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let (mut c, mut k) = (counter, key);
    for _ in 0..10 {
        let a = u64::from(c[0]) * 0xd251_1f53;
        let b = u64::from(c[2]) * 0xcd9e_8d57;
        c = [
            (b >> 32) as u32 ^ c[1] ^ k[0],
            b as u32,
            (a >> 32) as u32 ^ c[3] ^ k[1],
            a as u32,
        ];
        k = [
            k[0].wrapping_add(0x9e37_79b9),
            k[1].wrapping_add(0xbb67_ae85),
        ];
    }
    c
}

/// A random-number generator that is a position in the Philox sequence of `(seed, stream)`.
///
/// Two generators with different streams never overlap. Creating one costs nothing, so give
/// every trial, row or replicate its own.
///
/// ```
/// use emotome_stats::random::{CounterRng, Seed};
/// let mut a = CounterRng::new(Seed(7), 1_000_003);
/// let mut b = CounterRng::new(Seed(7), 1_000_003);
/// assert_eq!(a.uniform(), b.uniform());
/// assert!(a.below(6) < 6);
/// ```
#[derive(Debug, Clone)]
pub struct CounterRng {
    key: [u32; 2],
    stream: u64,
    block: u64,
    buffer: [u32; 4],
    used: u8,
}

impl CounterRng {
    /// The generator at the start of `stream`.
    #[must_use]
    #[inline]
    pub fn new(seed: Seed, stream: u64) -> Self {
        let key = mix(seed.0);
        Self {
            key: [key as u32, (key >> 32) as u32],
            stream,
            block: 0,
            buffer: [0; 4],
            used: 4,
        }
    }

    /// The next 32 random bits.
    #[inline]
    pub fn next_word(&mut self) -> u32 {
        if self.used == 4 {
            let (b, s) = (self.block, self.stream);
            self.buffer = philox(
                [b as u32, (b >> 32) as u32, s as u32, (s >> 32) as u32],
                self.key,
            );
            self.block += 1;
            self.used = 0;
        }
        self.used += 1;
        self.buffer[usize::from(self.used) - 1]
    }

    /// The next 64 random bits.
    #[inline]
    pub fn next_double_word(&mut self) -> u64 {
        u64::from(self.next_word()) | u64::from(self.next_word()) << 32
    }

    /// A uniform number in [0, 1) with 53 random bits.
    #[inline]
    pub fn uniform(&mut self) -> f64 {
        (self.next_double_word() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// A uniform integer in `0..bound`, without modulo bias (Lemire 2019, doi:10.1145/3230636).
    ///
    /// # Panics
    /// If `bound` is zero.
    #[inline]
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "CounterRng::below needs a bound of at least 1");
        loop {
            let product = u128::from(self.next_double_word()) * u128::from(bound);
            let low = product as u64;
            if low >= bound || low >= bound.wrapping_neg() % bound {
                return (product >> 64) as u64;
            }
        }
    }

    /// A uniform integer in `0..bound` from one word where [`below`](Self::below) takes two: half the cost.
    ///
    /// # Panics
    /// If `bound` is zero.
    #[inline]
    pub fn below_word(&mut self, bound: u32) -> u32 {
        assert!(
            bound > 0,
            "CounterRng::below_word needs a bound of at least 1"
        );
        loop {
            let product = u64::from(self.next_word()) * u64::from(bound);
            let low = product as u32;
            if low >= bound || low >= bound.wrapping_neg() % bound {
                return (product >> 32) as u32;
            }
        }
    }

    /// A standard normal number (Box–Muller, 53-bit uniforms).
    #[inline]
    pub fn normal(&mut self) -> f64 {
        let (u, v) = (1.0 - self.uniform(), self.uniform());
        (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    }

    /// Shuffles a slice in place (Fisher–Yates).
    pub fn shuffle<T>(&mut self, values: &mut [T]) {
        for i in (1..values.len()).rev() {
            values.swap(i, self.below(i as u64 + 1) as usize);
        }
    }
}

impl TryRng for CounterRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.next_word())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.next_double_word())
    }

    fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), Infallible> {
        utils::fill_bytes_via_next_word(dst, || Ok(self.next_word()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers of the Random123 distribution (kat_vectors, philox4x32 10).
    #[test]
    fn philox_equals_the_published_vectors() {
        assert_eq!(
            philox([0; 4], [0; 2]),
            [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]
        );
        assert_eq!(
            philox([u32::MAX; 4], [u32::MAX; 2]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
    }

    #[test]
    fn bounded_draws_are_uniform() {
        let draws: [fn(&mut CounterRng) -> usize; 2] = [
            |rng| rng.below(7) as usize,
            |rng| rng.below_word(7) as usize,
        ];
        for draw in draws {
            let mut counts = [0_f64; 7];
            let mut rng = CounterRng::new(Seed(3), 0);
            for _ in 0..70_000 {
                counts[draw(&mut rng)] += 1.0;
            }
            let chi2: f64 = counts.iter().map(|c| (c - 1e4).powi(2) / 1e4).sum();
            assert!(chi2 < 22.46, "chi2(6) = {chi2} exceeds the 0.1 % point");
        }
    }

    #[test]
    fn a_large_bound_has_no_bias() {
        // Without rejection every third of 3·2³⁰ values would stand for two of the 2³² words.
        let mut rng = CounterRng::new(Seed(4), 0);
        let favoured = (0..30_000)
            .filter(|_| rng.below_word(3 << 30).is_multiple_of(3))
            .count() as f64;
        assert!(
            (favoured - 1e4).abs() < 4.0 * (2e4_f64 / 3.0).sqrt(),
            "{favoured} of 30000"
        );
    }
}
