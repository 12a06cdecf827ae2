//! A sample of triplets that does not depend on who answers them: what the first in a keyed lottery have.

use emotome_stats::random::{Seed, mix};
use emotome_triplets::UnorderedTriplet;

/// Values about triplets, at most `capacity` of them: beyond, those of the triplets with the lowest lots,
/// all values of a triplet or none.
///
/// Lotteries with the same seed draw the same lots, so that what is left of two of them are the same
/// triplets, as far as both have them.
#[derive(Debug, Clone)]
pub(crate) struct Lottery<T> {
    seed: Seed,
    limit: u64,
    capacity: usize,
    kept: Vec<(UnorderedTriplet, T)>,
}

impl<T> Lottery<T> {
    pub(crate) const fn new(seed: Seed, capacity: usize) -> Self {
        Self {
            seed,
            limit: u64::MAX,
            capacity,
            kept: Vec::new(),
        }
    }

    fn lot(&self, triplet: UnorderedTriplet) -> u64 {
        let [a, b, c] = triplet.items().map(|id| u64::from(id.0));
        mix(mix(a ^ self.seed.0) ^ (b | c << 32))
    }

    pub(crate) fn push(&mut self, triplet: UnorderedTriplet, value: T) {
        if self.lot(triplet) > self.limit {
            return;
        }
        self.kept.push((triplet, value));
        while self.kept.len() > self.capacity && self.limit > 0 {
            self.narrow(self.limit / 2);
        }
    }

    /// The highest lot that is kept.
    pub(crate) const fn limit(&self) -> u64 {
        self.limit
    }

    /// Drops what has a higher lot.
    pub(crate) fn narrow(&mut self, limit: u64) {
        if limit < self.limit {
            self.limit = limit;
            let mut kept = std::mem::take(&mut self.kept);
            kept.retain(|(triplet, _)| self.lot(*triplet) <= limit);
            self.kept = kept;
        }
    }

    /// What is kept, in the order in which it came.
    pub(crate) fn into_kept(self) -> Vec<(UnorderedTriplet, T)> {
        self.kept
    }
}

impl Lottery<()> {
    /// The `n` triplets with the lowest lots, ascending.
    pub(crate) fn first(self, n: usize) -> Vec<UnorderedTriplet> {
        let mut lots: Vec<(u64, UnorderedTriplet)> =
            self.kept.iter().map(|&(t, ())| (self.lot(t), t)).collect();
        lots.sort_unstable();
        let mut first: Vec<UnorderedTriplet> = lots.into_iter().take(n).map(|lot| lot.1).collect();
        first.sort_unstable();
        first
    }
}
