//! Agents and collectors that go wrong in known ways.

use super::{SimulationError, within};
use crate::judge::{Judge, JudgeDescription, Judgment, trial_stream};
use emotome_stats::random::{CounterRng, Seed};
use emotome_triplets::{Outcome, Trial};
use serde_json::json;

/// An agent whose collector forgets to look: where a reply cannot be parsed, it stores the position
/// answered last (a known fault of published collection scripts).
///
/// The stale answer of trial t is that of the last trial before t whose reply parsed, found by
/// walking the design backwards, so it is computable for any t. After 10,000 trials without an
/// answer, or at the start of the design, the outcome is [`Outcome::Invalid`].
#[derive(Debug, Clone)]
pub struct StaleAnswers<J, D> {
    inner: J,
    trial_at: D,
    failure_rate: f64,
    seed: Seed,
    draws: Seed,
}

impl<J: Judge, D: Fn(u64) -> Trial + Sync> StaleAnswers<J, D> {
    const LOOK_BACK: u64 = 10_000;

    /// Makes the replies of `inner` unparseable at a rate; `trial_at` gives the trials of the
    /// design by number.
    ///
    /// # Errors
    /// [`SimulationError::OutOfRange`] unless the rate is in [0, 0.99]: the look back takes
    /// 1/(1 − rate) trials on average.
    pub fn new(
        inner: J,
        trial_at: D,
        failure_rate: f64,
        seed: Seed,
    ) -> Result<Self, SimulationError> {
        within(
            "failure rate",
            failure_rate,
            (0.0..=0.99).contains(&failure_rate),
            "a share between 0 and 0.99",
        )?;
        Ok(Self {
            inner,
            trial_at,
            failure_rate,
            seed,
            draws: seed.derive("unparsed replies"),
        })
    }

    fn parses(&self, trial: &Trial) -> bool {
        CounterRng::new(self.draws, trial_stream(trial)).uniform() >= self.failure_rate
    }
}

impl<J: Judge, D: Fn(u64) -> Trial + Sync> Judge for StaleAnswers<J, D> {
    fn describe(&self) -> JudgeDescription {
        JudgeDescription::new("stale-answers", Some(self.seed))
            .with("failure_rate", self.failure_rate)
            .with("inner", json!(self.inner.describe()))
    }

    fn n_stimuli(&self) -> usize {
        self.inner.n_stimuli()
    }

    fn judge(&self, trial: &Trial) -> Judgment {
        if self.parses(trial) {
            let judgment = self.inner.judge(trial);
            if judgment.outcome.chosen().is_some() {
                return judgment;
            }
        }
        let first = trial.number.saturating_sub(Self::LOOK_BACK);
        let stale = (first..trial.number)
            .rev()
            .map(&self.trial_at)
            .filter(|t| self.parses(t))
            .find_map(|t| {
                let outcome = self.inner.judge(&t).outcome;
                outcome.chosen().is_some().then_some(outcome)
            });
        Judgment::without_choice(stale.unwrap_or(Outcome::Invalid))
    }
}

/// An agent that gives no clear answer to some stimuli: it refuses, rambles or hedges.
#[derive(Debug, Clone)]
pub struct Declining<J> {
    inner: J,
    outcome: Outcome,
    rates: Vec<f64>,
    seed: Seed,
    draws: Seed,
}

impl<J: Judge> Declining<J> {
    /// `rates[i]` is the probability that stimulus i makes a trial end in `outcome`; the three
    /// stimuli of a trial act independently.
    ///
    /// # Errors
    /// [`SimulationError`] unless there is one rate in [0, 1] per stimulus.
    pub fn new(
        inner: J,
        outcome: Outcome,
        rates: Vec<f64>,
        seed: Seed,
    ) -> Result<Self, SimulationError> {
        if rates.len() != inner.n_stimuli() {
            return Err(SimulationError::RateCount {
                found: rates.len(),
                expected: inner.n_stimuli(),
            });
        }
        for &rate in &rates {
            within(
                "rate of declining",
                rate,
                (0.0..=1.0).contains(&rate),
                "a share between 0 and 1",
            )?;
        }
        Ok(Self {
            inner,
            outcome,
            rates,
            seed,
            draws: seed.derive("declined trials"),
        })
    }
}

impl<J: Judge> Judge for Declining<J> {
    fn describe(&self) -> JudgeDescription {
        let declining = self.rates.iter().filter(|&&rate| rate > 0.0).count();
        JudgeDescription::new("declining", Some(self.seed))
            .with("outcome", format!("{:?}", self.outcome))
            .with("declined_stimuli", declining)
            .with(
                "mean_rate",
                self.rates.iter().sum::<f64>() / self.rates.len() as f64,
            )
            .with("inner", json!(self.inner.describe()))
    }

    fn n_stimuli(&self) -> usize {
        self.inner.n_stimuli()
    }

    fn judge(&self, trial: &Trial) -> Judgment {
        let answers: f64 = trial
            .triplet
            .items()
            .iter()
            .map(|id| 1.0 - self.rates[id.index()])
            .product();
        if CounterRng::new(self.draws, trial_stream(trial)).uniform() < answers {
            self.inner.judge(trial)
        } else {
            Judgment::without_choice(self.outcome)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulated::{PlantParams, ResponseParams, SimulatedJudge};
    use emotome_stimuli::StimulusId;
    use emotome_triplets::{Position, Split, Triplet};

    fn trial_at(number: u64) -> Trial {
        let mut rng = CounterRng::new(Seed(99), number);
        let mut items = [0, 1, 2, 3, 4, 5, 6, 7].map(StimulusId);
        rng.shuffle(&mut items);
        let triplet = Triplet::new([items[0], items[1], items[2]]).unwrap();
        Trial {
            number,
            triplet,
            replicate: number as u16,
            split: Split::Train,
        }
    }

    fn planted() -> SimulatedJudge {
        let weights = PlantParams::new(8, 3).plant(Seed(1)).unwrap();
        SimulatedJudge::new(weights.view(), ResponseParams::default(), Seed(2)).unwrap()
    }

    #[test]
    fn stale_answers_repeat_the_last_parsed_position_and_no_other() {
        let judge = StaleAnswers::new(planted(), trial_at, 0.4, Seed(3)).unwrap();
        let mut last: Option<Position> = None;
        let mut stale = 0;
        for t in 0..2000 {
            let trial = trial_at(t);
            let found = judge.judge(&trial).outcome;
            if judge.parses(&trial) {
                last = planted().judge(&trial).outcome.chosen();
            } else {
                stale += 1;
            }
            assert_eq!(
                found,
                last.map_or(Outcome::Invalid, Outcome::Chosen),
                "trial {t}"
            );
        }
        assert!(
            (700..900).contains(&stale),
            "{stale} stale answers of 2000 at rate .4"
        );
    }

    #[test]
    fn an_agent_that_never_answers_does_not_hang_the_stale_one() {
        let silent = Declining::new(planted(), Outcome::Refused, vec![1.0; 8], Seed(1)).unwrap();
        let judge = StaleAnswers::new(silent, trial_at, 0.5, Seed(3)).unwrap();
        assert_eq!(
            judge.judge(&trial_at(u64::from(u32::MAX))).outcome,
            Outcome::Invalid
        );
    }

    #[test]
    fn declined_trials_are_those_with_the_declined_stimulus() {
        let mut rates = vec![0.0; 8];
        rates[5] = 1.0;
        let judge = Declining::new(planted(), Outcome::Refused, rates, Seed(1)).unwrap();
        for t in 0..500 {
            let trial = trial_at(t);
            let shown = trial.triplet.items().contains(&StimulusId(5));
            assert_eq!(judge.judge(&trial).outcome == Outcome::Refused, shown);
        }
    }

    #[test]
    fn rates_that_cannot_be_are_refused() {
        assert!(Declining::new(planted(), Outcome::Refused, vec![0.0; 7], Seed(1)).is_err());
        assert!(Declining::new(planted(), Outcome::Refused, vec![1.1; 8], Seed(1)).is_err());
        for rate in [-0.1, 1.0, f64::NAN] {
            assert!(StaleAnswers::new(planted(), trial_at, rate, Seed(1)).is_err());
        }
    }
}
