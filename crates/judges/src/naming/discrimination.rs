//! Whether a name tells stimuli apart: held-out pairs, one high and one low, shown with the name alone.

use emotome_stats::interval::{Interval, wilson};
use serde::{Deserialize, Serialize};

/// What a model said of one pair, in the order high first and in the order low first.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PairAnswer {
    /// Whether it named the high stimulus, with high shown first; `None` without an answer.
    pub high_first: Option<bool>,
    /// The same with low shown first.
    pub low_first: Option<bool>,
    /// The mean over both orders of the probability of the high stimulus, where the model gives one.
    pub probability: Option<f64>,
}

/// How well a name tells held-out stimuli apart. Field names are stable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Discrimination {
    /// Pairs answered in both orders.
    pub pairs: usize,
    /// Pairs left out, without an answer in at least one order.
    pub unanswered: usize,
    /// The mean score of pairs; ½ is chance. `None` if no pair was answered.
    pub accuracy: Option<f64>,
    /// Its 95 % interval (Wilson), with pairs as trials.
    pub interval: Option<Interval>,
    /// Whether the whole interval lies above ½.
    pub above_chance: bool,
    /// The share of answers that name the stimulus shown first: ½ for a model that does not care for order.
    pub first: Option<f64>,
}

impl Discrimination {
    /// Scores pairs.
    ///
    /// A pair scores the share of its two orders in which the high stimulus is named (0, ½ or 1), so that a
    /// model which always names the first is at ½ whatever is shown. Where the model gives probabilities, a pair
    /// scores 1 if their mean over both orders is above ½ for the high stimulus, 0 if it is below, ½ at ½.
    /// Random answers score ½ on average; the interval is then wider than it needs to be, as half scores vary
    /// less than the trials that Wilson's interval is for.
    #[must_use]
    pub fn of(answers: &[PairAnswer]) -> Self {
        let (mut pairs, mut sum, mut first) = (0_usize, 0.0, 0.0);
        for answer in answers {
            let (Some(a), Some(b)) = (answer.high_first, answer.low_first) else {
                continue;
            };
            pairs += 1;
            first += f64::from(u8::from(a) + u8::from(!b)) / 2.0;
            sum += match answer.probability {
                Some(p) if p > 0.5 => 1.0,
                Some(p) if p < 0.5 => 0.0,
                Some(_) => 0.5,
                None => f64::from(u8::from(a) + u8::from(b)) / 2.0,
            };
        }
        let n = pairs as f64;
        let interval = (pairs > 0).then(|| wilson(sum, n, 0.95));
        Self {
            pairs,
            unanswered: answers.len() - pairs,
            accuracy: (pairs > 0).then(|| sum / n),
            interval,
            above_chance: interval.is_some_and(|interval| interval.low > 0.5),
            first: (pairs > 0).then(|| first / n),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use emotome_stats::random::{CounterRng, Seed};

    fn answered(a: bool, b: bool) -> PairAnswer {
        PairAnswer {
            high_first: Some(a),
            low_first: Some(b),
            probability: None,
        }
    }

    #[test]
    fn an_oracle_is_at_one_and_a_model_that_only_knows_places_at_half() {
        let oracle = Discrimination::of(&[answered(true, true); 20]);
        assert_eq!(
            (oracle.accuracy, oracle.first, oracle.above_chance),
            (Some(1.0), Some(0.5), true)
        );
        let places = Discrimination::of(&[answered(true, false); 20]);
        assert_eq!(
            (places.accuracy, places.first, places.above_chance),
            (Some(0.5), Some(1.0), false)
        );
        let unsure = PairAnswer {
            probability: Some(0.51),
            ..answered(true, false)
        };
        assert_eq!(Discrimination::of(&[unsure; 3]).accuracy, Some(1.0));
    }

    #[test]
    fn pairs_without_both_answers_are_left_out_and_counted() {
        let half = PairAnswer {
            low_first: None,
            ..answered(true, true)
        };
        let found = Discrimination::of(&[half, answered(false, false)]);
        assert_eq!(
            (found.pairs, found.unanswered, found.accuracy),
            (1, 1, Some(0.0))
        );
        assert_eq!(Discrimination::of(&[half]).interval, None);
        assert_eq!(Discrimination::of(&[]).accuracy, None);
    }

    /// Random answers: the mean is ½, and a name is called better than chance in at most 2.5 % of tests.
    #[test]
    fn random_answers_are_at_chance() {
        let (mut above, mut sum) = (0, 0.0);
        for study in 0..4_000 {
            let mut rng = CounterRng::new(Seed(8), study);
            let mut coin = || rng.below(2) == 1;
            let answers: Vec<PairAnswer> = (0..20).map(|_| answered(coin(), coin())).collect();
            let found = Discrimination::of(&answers);
            above += u32::from(found.above_chance);
            sum += found.accuracy.unwrap() / 4_000.0;
        }
        println!("{above} of 4000 above chance, mean {sum:.4}");
        assert!(above <= 100 && (sum - 0.5).abs() < 0.005, "{above} {sum}");
    }
}
