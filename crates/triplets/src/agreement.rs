//! How often two agents choose alike on the same triplets.

use crate::trial::{ChoiceSet, UnorderedTriplet};
use emotome_stats::interval::{Interval, wilson};
use rayon::prelude::*;
use serde::Serialize;

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
    /// 95 % interval of the share (Wilson), of these stimuli only: it takes triplets as independent,
    /// which those that share stimuli are not, so for other stimuli it is too narrow.
    pub raw_ci95: Interval,
    /// `(raw − 1/3) / (2/3)`: 0 for guessing, 1 for the same choice always.
    pub chance_corrected: f64,
    /// Cohen's κ over the ranks of the odd item's id in its triplet, which allows for agents that
    /// prefer low or high ids; doi:10.1177/001316446002000104.
    ///
    /// Ranks rather than presented places, because many files have lost the order.
    pub kappa: f64,
}

/// Compares choices by unordered triplet. O(N log N) time, 16 bytes per choice and 40 per triplet.
#[must_use]
pub fn agreement(a: &ChoiceSet, b: &ChoiceSet) -> Agreement {
    let (a, b) = (shares(a), shares(b));
    let (mut triplets, mut agreed, mut ranks) = (0_u64, 0.0, [[0.0; 3]; 2]);
    for (triplet, ours) in &a {
        let Ok(at) = b.binary_search_by_key(triplet, |(triplet, _)| *triplet) else {
            continue;
        };
        let theirs = b[at].1;
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

/// How often each item of each triplet, by rank, was called odd; ascending by triplet.
fn shares(choices: &ChoiceSet) -> Vec<(UnorderedTriplet, [f64; 3])> {
    let mut odd: Vec<(UnorderedTriplet, u8)> = choices
        .choices()
        .par_iter()
        .map(|choice| {
            let odd = choice.triplet.at(choice.odd);
            let lower = choice
                .triplet
                .items()
                .iter()
                .filter(|&&id| id < odd)
                .count();
            (choice.triplet.unordered(), lower as u8)
        })
        .collect();
    odd.par_sort_unstable();
    odd.chunk_by(|a, b| a.0 == b.0)
        .map(|group| {
            let mut shares = [0.0; 3];
            for (_, rank) in group {
                shares[usize::from(*rank)] += 1.0 / group.len() as f64;
            }
            (group[0].0, shares)
        })
        .collect()
}
