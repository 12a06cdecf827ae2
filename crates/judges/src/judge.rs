//! What every agent is: a function from a trial to a judgment, and a description of itself.

use emotome_stats::random::{CounterRng, Seed, mix};
use emotome_triplets::{Outcome, Position, Trial};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An agent that answers odd-one-out trials.
///
/// The answer is a pure function of the agent and of the trial's identity (triplet in presented
/// order, replicate), so trials can be judged in any order, on any number of threads, and again
/// after an interruption, with the same result. The one exception by nature is
/// [`StaleAnswers`](crate::simulated::StaleAnswers), which looks the earlier trials up.
pub trait Judge: Sync {
    /// What the agent is: enough to make it again and to name it in a report.
    fn describe(&self) -> JudgeDescription;

    /// The number of stimuli the agent knows; it answers for ids `0..n_stimuli`.
    fn n_stimuli(&self) -> usize;

    /// The agent's answer.
    ///
    /// # Panics
    /// If the trial shows a stimulus that is not below [`n_stimuli`](Self::n_stimuli).
    /// [`collect`](fn@crate::collect::collect) and [`tripletize`](fn@crate::tripletize::tripletize)
    /// check this before they ask.
    fn judge(&self, trial: &Trial) -> Judgment;
}

impl<J: Judge + ?Sized> Judge for &J {
    fn describe(&self) -> JudgeDescription {
        (**self).describe()
    }

    fn n_stimuli(&self) -> usize {
        (**self).n_stimuli()
    }

    fn judge(&self, trial: &Trial) -> Judgment {
        (**self).judge(trial)
    }
}

/// One answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judgment {
    /// What became of the trial.
    pub outcome: Outcome,
    /// The probability with which the agent calls the stimulus at each position odd, where it
    /// knows it; sums to 1.
    pub probabilities: Option<[f64; 3]>,
}

impl Judgment {
    /// A judgment that is no choice.
    #[must_use]
    pub const fn without_choice(outcome: Outcome) -> Self {
        Self {
            outcome,
            probabilities: None,
        }
    }

    /// Draws the odd position from its distribution; no random number is used for a certain one.
    ///
    /// `probabilities` must be non-negative and sum to 1.
    #[must_use]
    pub fn draw(probabilities: [f64; 3], rng: impl FnOnce() -> CounterRng) -> Self {
        let odd = match probabilities {
            [1.0, _, _] => Position::First,
            [_, 1.0, _] => Position::Second,
            [_, _, 1.0] => Position::Third,
            [first, second, third] => {
                let u = rng().uniform() * (first + second + third);
                if u < first {
                    Position::First
                } else if u < first + second || third == 0.0 {
                    Position::Second
                } else {
                    Position::Third
                }
            }
        };
        Self {
            outcome: Outcome::Chosen(odd),
            probabilities: Some(probabilities),
        }
    }

    /// Whether two or three answers were equally likely, and more likely than the rest.
    #[must_use]
    pub fn is_tied(&self) -> bool {
        self.probabilities.is_some_and(|p| {
            let top = p[0].max(p[1]).max(p[2]);
            p.iter().filter(|&&q| q == top).count() > 1
        })
    }
}

/// What an agent is, in a form that serialises: the provenance of its choices.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JudgeDescription {
    /// The kind of agent, e.g. `features` or `rater-noise`.
    pub kind: String,
    /// Its parameters by name.
    pub parameters: BTreeMap<String, serde_json::Value>,
    /// The seed of its random draws; `None` if it draws none.
    pub seed: Option<u64>,
}

impl JudgeDescription {
    /// A description without parameters.
    #[must_use]
    pub fn new(kind: &str, seed: Option<Seed>) -> Self {
        Self {
            kind: kind.to_owned(),
            parameters: BTreeMap::new(),
            seed: seed.map(|s| s.0),
        }
    }

    /// Adds a parameter.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        self.parameters.insert(name.to_owned(), value.into());
        self
    }
}

/// Names the random stream of a trial after its identity: the presented order and the replicate.
///
/// The trial number is left out on purpose: the same question gets the same answer in any design.
#[must_use]
#[inline]
pub fn trial_stream(trial: &Trial) -> u64 {
    let [a, b, c] = trial.triplet.items().map(|id| u64::from(id.0));
    mix(mix(a << 32 | b) ^ (c << 16 | u64::from(trial.replicate)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_follow_their_probabilities() {
        let p = [0.2, 0.5, 0.3];
        let mut counts = [0_f64; 3];
        for stream in 0..60_000 {
            let judgment = Judgment::draw(p, || CounterRng::new(Seed(1), stream));
            counts[judgment.outcome.chosen().unwrap().index()] += 1.0;
        }
        let chi2: f64 = (0..3)
            .map(|k| (counts[k] - 6e4 * p[k]).powi(2) / (6e4 * p[k]))
            .sum();
        assert!(chi2 < 13.82, "chi2(2) = {chi2} exceeds the 0.1 % point");
    }

    #[test]
    fn an_impossible_answer_is_never_drawn() {
        for stream in 0..10_000 {
            let judgment = Judgment::draw([0.5, 0.5, 0.0], || CounterRng::new(Seed(2), stream));
            assert_ne!(judgment.outcome, Outcome::Chosen(Position::Third));
        }
    }
}
