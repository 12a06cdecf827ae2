//! The cyclic structure of triplets: how whole-number arithmetic balances a design.
//!
//! Place the n stimuli on a circle. A triplet is then three gaps (g₁, g₂, g₃) with sum n and a
//! starting point x. Turning it around the circle gives its *orbit*: n triplets in which every
//! stimulus stands exactly three times. The triplets whose places add up to s modulo n are a
//! *class*: two of its members fix the third, so that every pair stands in a class exactly once
//! (but for about n of the C(n,2) pairs, whose third would be one of the two: these not at all).
//! Orbits and classes both divide all C(n,3) triplets without overlap, and both can be computed.

/// Triplets of places 0..n, by orbit and start or by class.
#[derive(Debug, Clone)]
pub(crate) struct Cyclic {
    n: u64,
    /// The number of full orbits, which is also the number of triplets in a class.
    orbits: u64,
    /// 1/3 modulo n, where 3 does not divide n.
    third: Option<u64>,
}

impl Cyclic {
    pub(crate) fn new(n: u64) -> Self {
        let smallest_gaps = n.saturating_sub(1) / 3;
        Self {
            n,
            orbits: orbits_before(n, smallest_gaps),
            third: match n % 3 {
                0 => None,
                1 => Some((2 * n + 1) / 3),
                _ => Some((n + 1) / 3),
            },
        }
    }

    /// Full orbits; every class has as many triplets.
    pub(crate) const fn orbits(&self) -> u64 {
        self.orbits
    }

    /// The triplet of the given orbit that starts at `x`.
    pub(crate) fn in_orbit(&self, orbit: u64, x: u64) -> [u64; 3] {
        let (g1, step) = self.gap(orbit);
        self.places(x, g1, g1 + step)
    }

    /// Triplet number `index` of the class of sum `s`.
    pub(crate) fn in_class(&self, index: u64, s: u64) -> [u64; 3] {
        let n = self.n;
        let (g1, step) = self.gap(index);
        if let Some(third) = self.third {
            let g2 = g1 + step;
            // 3x + 2g₁ + g₂ ≡ s
            let x = (s + 2 * n - 2 * g1 - g2) % n * third % n;
            self.places(x, g1, g2)
        } else {
            // Only every third g₂ allows the sum s, but then three starts do.
            let g2 = g1 + step / 3 * 3 + s % 3;
            let x = (s + 2 * n - 2 * g1 - g2) % n / 3 + step % 3 * (n / 3);
            self.places(x, g1, g2)
        }
    }

    /// The n/3 triplets with three equal gaps, which belong to no full orbit (if 3 divides n).
    pub(crate) fn equilateral(&self, index: u64) -> [u64; 3] {
        self.places(index, self.n / 3, self.n / 3)
    }

    /// The smallest gap of an orbit (which is put first), and how much longer the second one is.
    fn gap(&self, orbit: u64) -> (u64, u64) {
        // Before smallest gap k+1 there are kn - 3k(k+1)/2 orbits: the root of a quadratic.
        let p = 2 * self.n - 3;
        let mut k = (p - (p * p).saturating_sub(24 * orbit).isqrt()) / 6;
        while orbits_before(self.n, k) > orbit {
            k -= 1;
        }
        while orbits_before(self.n, k + 1) <= orbit {
            k += 1;
        }
        (k + 1, orbit - orbits_before(self.n, k))
    }

    fn places(&self, x: u64, g1: u64, g2: u64) -> [u64; 3] {
        let wrap = |place: u64| {
            if place >= self.n {
                place - self.n
            } else {
                place
            }
        };
        [x, wrap(x + g1), wrap(x + g1 + g2)]
    }
}

/// The number of orbits whose smallest gap is at most `k`: Σ (n - 3m) over m = 1..=k.
///
/// The canonical rotation puts the smallest gap first, and of two smallest the one that is
/// followed by the other: g₁ ≤ g₂ < n - 2g₁.
const fn orbits_before(n: u64, k: u64) -> u64 {
    k * n - 3 * k * (k + 1) / 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::design::rank::{pair_count, triplet_count};
    use std::collections::HashSet;

    fn sorted(mut places: [u64; 3]) -> [u64; 3] {
        places.sort_unstable();
        places
    }

    #[test]
    fn orbits_and_classes_each_hold_every_triplet_once() {
        for n in 3..40 {
            let cyclic = Cyclic::new(n);
            for by_class in [false, true] {
                let mut seen = HashSet::new();
                for outer in 0..n {
                    for orbit in 0..cyclic.orbits() {
                        let places = if by_class {
                            cyclic.in_class(orbit, outer)
                        } else {
                            cyclic.in_orbit(orbit, outer)
                        };
                        assert!(places.iter().all(|&p| p < n));
                        assert!(!by_class || places.iter().sum::<u64>() % n == outer);
                        assert!(seen.insert(sorted(places)), "{places:?} twice, n = {n}");
                    }
                }
                if n % 3 == 0 {
                    for index in 0..n / 3 {
                        assert!(seen.insert(sorted(cyclic.equilateral(index))));
                    }
                }
                assert_eq!(seen.len() as u64, triplet_count(n));
            }
        }
    }

    #[test]
    fn an_orbit_shows_each_stimulus_three_times_and_a_class_no_pair_twice() {
        for n in [31_u64, 48, 50] {
            let cyclic = Cyclic::new(n);
            for orbit in 0..cyclic.orbits() {
                let mut counts = vec![0; n as usize];
                for x in 0..n {
                    for place in cyclic.in_orbit(orbit, x) {
                        counts[place as usize] += 1;
                    }
                }
                assert!(counts.iter().all(|&c| c == 3));
            }
            for s in 0..n {
                let mut pairs = HashSet::new();
                for index in 0..cyclic.orbits() {
                    let [a, b, c] = sorted(cyclic.in_class(index, s));
                    for pair in [(a, b), (a, c), (b, c)] {
                        assert!(pairs.insert(pair), "pair {pair:?} twice in class {s}");
                    }
                }
                assert!(pair_count(n) - pairs.len() as u64 <= n + 2);
            }
        }
    }
}
