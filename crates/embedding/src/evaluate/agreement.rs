//! How often two agents choose alike on the same triplets.

use super::{
    EvaluationError, at_least,
    questions::{Question, any_order, by_order},
    score::CHANCE,
    two_way::{Resampling, TrialClusters},
};
use emotome_stats::{interval::Interval, summary};
use emotome_triplets::{ChoiceSet, UnorderedTriplet};
use serde::{Deserialize, Serialize};

/// The agreement of two sets of choices over the triplets that they share.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// Triplets judged in both sets, whatever their order.
    pub triplets: u64,
    /// The share of them with the same odd item.
    ///
    /// Where a set judged a triplet more than once, the probability that one choice drawn from each
    /// set agrees.
    pub raw: f64,
    /// 95 % interval of the share.
    pub raw_ci95: Interval,
    /// (raw − ⅓) / ⅔: 0 for guessing, 1 for the same choice always.
    pub chance_corrected: f64,
    /// Cohen's κ over the ranks of the odd item's id in its triplet, which allows for agents that
    /// prefer low or high ids; doi:10.1177/001316446002000104.
    ///
    /// Ranks rather than presented places, because many files have lost the order.
    pub kappa: f64,
    /// How the interval was found.
    pub resampling: Resampling,
}

/// Compares choices by unordered triplet; O(N log N), plus the bootstrap where one is asked for.
///
/// # Errors
/// No triplet in both sets, or a bootstrap without replicates.
///
/// ```
/// use emotome_embedding::evaluate::{agreement::agreement, two_way::Resampling};
/// use emotome_stimuli::StimulusId;
/// use emotome_triplets::{Choice, ChoiceSet, Position, Triplet};
/// let choose = |items: [u32; 3], odd| {
///     Triplet::new(items.map(StimulusId)).map(|triplet| Choice { triplet, odd })
/// };
/// let a = ChoiceSet::new(6, vec![choose([0, 1, 2], Position::First)?, choose([3, 4, 5], Position::First)?])?;
/// let b = ChoiceSet::new(6, vec![choose([1, 2, 0], Position::Third)?, choose([3, 4, 5], Position::Second)?])?;
/// let found = agreement(&a, &b, Resampling::TwoWay)?;
/// assert_eq!((found.triplets, found.raw), (2, 0.5));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn agreement(
    a: &ChoiceSet,
    b: &ChoiceSet,
    resampling: Resampling,
) -> Result<Agreement, EvaluationError> {
    // Files without a list of stimuli end at the highest id that they name.
    let n_stimuli = a.n_stimuli().max(b.n_stimuli());
    let [a, b] = [a, b].map(|choices| any_order(&by_order(choices)));
    let shared: Vec<(UnorderedTriplet, [[f64; 3]; 2])> = a
        .iter()
        .filter_map(|ours| {
            let at = b.binary_search_by_key(&ours.triplet, |q| q.triplet).ok()?;
            Some((ours.triplet, [ours, &b[at]].map(shares)))
        })
        .collect();
    at_least(
        1,
        shared.len(),
        "triplets in both sets",
        "compare agents that judged the same triplets",
    )?;
    let agreed: Vec<f64> = shared
        .iter()
        .map(|(_, [a, b])| (0..3).map(|rank| a[rank] * b[rank]).sum())
        .collect();
    let raw = summary::mean(&agreed);
    let n = shared.len() as f64;
    let habit = |agent: usize, rank: usize| {
        summary::sum(shared.iter().map(|(_, shares)| shares[agent][rank])) / n
    };
    let expected: f64 = (0..3).map(|rank| habit(0, rank) * habit(1, rank)).sum();
    let clusters = TrialClusters::of(n_stimuli, shared.iter().map(|(triplet, _)| *triplet))?;
    Ok(Agreement {
        triplets: shared.len() as u64,
        raw,
        raw_ci95: clusters.proportion_interval(&agreed, resampling, 0.95)?,
        chance_corrected: (raw - CHANCE) / (1.0 - CHANCE),
        kappa: (raw - expected) / (1.0 - expected),
        resampling,
    })
}

/// How often the lowest, middle and highest item was called odd, as shares.
fn shares(question: &Question) -> [f64; 3] {
    question
        .odd
        .map(|n| f64::from(n) / question.answers() as f64)
}
