//! How often two agents choose alike on the same triplets.

use crate::trial::{ChoiceSet, UnorderedTriplet};
use emotome_stats::interval::{Interval, wilson};
use serde::Serialize;
use std::collections::BTreeMap;

/// The agreement of two sets of choices over the triplets that they share.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Agreement {
    /// Triplets judged in both sets, whatever their order.
    pub triplets: u64,
    /// The share of them with the same odd item; NaN if none is shared.
    ///
    /// Where a set judged a triplet more than once, the probability that one choice drawn from each
    /// set agrees.
    pub raw: f64,
    /// 95 % interval of the share (Wilson, over triplets).
    pub raw_ci95: Interval,
    /// `(raw − 1/3) / (2/3)`: 0 for guessing, 1 for the same choice always.
    pub chance_corrected: f64,
    /// Cohen's κ over the ranks of the odd item's id in its triplet, which allows for agents that
    /// prefer low or high ids; doi:10.1177/001316446002000104.
    ///
    /// Ranks rather than presented places, because many files have lost the order.
    pub kappa: f64,
}

/// Compares choices by unordered triplet. O(N log N) time.
#[must_use]
pub fn agreement(a: &ChoiceSet, b: &ChoiceSet) -> Agreement {
    let (a, b) = (shares(a), shares(b));
    let (mut triplets, mut agreed, mut ranks) = (0_u64, 0.0, [[0.0; 3]; 2]);
    for (triplet, ours) in &a {
        let Some(theirs) = b.get(triplet) else {
            continue;
        };
        triplets += 1;
        for rank in 0..3 {
            agreed += ours[rank] * theirs[rank];
            ranks[0][rank] += ours[rank];
            ranks[1][rank] += theirs[rank];
        }
    }
    let n = triplets as f64;
    let raw = agreed / n;
    let expected: f64 = (0..3)
        .map(|rank| ranks[0][rank] / n * (ranks[1][rank] / n))
        .sum();
    Agreement {
        triplets,
        raw,
        raw_ci95: wilson(agreed, n, 0.95),
        chance_corrected: (raw - 1.0 / 3.0) / (2.0 / 3.0),
        kappa: (raw - expected) / (1.0 - expected),
    }
}

/// How often each item of each triplet, by rank, was called odd.
fn shares(choices: &ChoiceSet) -> BTreeMap<UnorderedTriplet, [f64; 3]> {
    let mut shares: BTreeMap<UnorderedTriplet, [f64; 3]> = BTreeMap::new();
    for choice in choices.choices() {
        let triplet = choice.triplet.unordered();
        let odd = choice.triplet.at(choice.odd);
        if let Some(rank) = triplet.items().iter().position(|&item| item == odd) {
            shares.entry(triplet).or_default()[rank] += 1.0;
        }
    }
    for counts in shares.values_mut() {
        let total: f64 = counts.iter().sum();
        counts.iter_mut().for_each(|count| *count /= total);
    }
    shares
}
