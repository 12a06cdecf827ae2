//! Agents whose every property is known: a planted embedding, and the ways in which agents go wrong.

use crate::choice::ChoiceRule;
use crate::judge::{Judge, JudgeDescription, Judgment, trial_stream};
use emotome_stats::random::{CounterRng, Seed};
use emotome_triplets::{Outcome, Trial};
use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Parameters of a planted embedding.
///
/// | parameter | default | |
/// |---|---|---|
/// | `density` | 0.25 | share of non-zero weights |
/// | `scale` | 1.5 | mean of a non-zero weight |
///
/// At temperature 1 the surest answer is then right in 66.5 % of triplets, and answers repeat in
/// 60.3 %, for n = 200 and d = 8, much as people's do; at scale 1 in 56.3 % and 49.3 %. With more
/// dimensions choices are surer: 72.1 % and 63.7 % for n = 2,180, d = 30 at scale 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PlantParams {
    /// Stimuli n, at least 3.
    pub n_stimuli: usize,
    /// Dimensions d, at least 1.
    pub dims: usize,
    /// Share of non-zero weights, in (0, 1].
    pub density: f64,
    /// Mean of a non-zero weight: the larger, the surer the choices.
    pub scale: f64,
}

/// A parameter of a simulation that cannot be.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SimulationError {
    /// Too few or too many stimuli or dimensions.
    #[error(
        "{n_stimuli} stimuli × {dims} dimensions asked for; expected at least 3 × 1 and at most 2^28 weights"
    )]
    Size {
        /// Stimuli asked for.
        n_stimuli: usize,
        /// Dimensions asked for.
        dims: usize,
    },
    /// A number is outside its range.
    #[error("{name} is {found}; expected {expected}")]
    OutOfRange {
        /// The parameter.
        name: &'static str,
        /// The value found.
        found: f64,
        /// Its range in words.
        expected: &'static str,
    },
    /// A weight of the embedding is not finite.
    #[error("weight {value} of stimulus {row}, dimension {column} (counted from 0) is not finite")]
    NotFinite {
        /// Row of the weight.
        row: usize,
        /// Column of the weight.
        column: usize,
        /// The weight found.
        value: f32,
    },
    /// The rates of declining do not fit the agent.
    #[error("{found} rates of declining given for {expected} stimuli; give one per stimulus")]
    RateCount {
        /// Rates given.
        found: usize,
        /// Stimuli of the agent.
        expected: usize,
    },
}

fn within(
    name: &'static str,
    found: f64,
    accepted: bool,
    expected: &'static str,
) -> Result<(), SimulationError> {
    if accepted {
        Ok(())
    } else {
        Err(SimulationError::OutOfRange {
            name,
            found,
            expected,
        })
    }
}

impl PlantParams {
    /// The default sparsity and scale at a size.
    #[must_use]
    pub const fn new(n_stimuli: usize, dims: usize) -> Self {
        Self {
            n_stimuli,
            dims,
            density: 0.25,
            scale: 1.5,
        }
    }

    /// Draws the embedding: each weight is 0 with probability 1 − density, else exponential with
    /// mean `scale`; a stimulus left without any weight gets one, on a random dimension.
    ///
    /// Row i draws from its own random stream, so the first rows of a larger embedding are those
    /// of a smaller one. O(n d).
    ///
    /// # Errors
    /// [`SimulationError`] names the parameter that cannot be.
    ///
    /// ```
    /// use emotome_judges::simulated::PlantParams;
    /// use emotome_stats::random::Seed;
    /// let weights = PlantParams::new(200, 8).plant(Seed(1))?;
    /// assert!(weights.iter().all(|&w| w >= 0.0));
    /// assert!(weights.rows().into_iter().all(|row| row.iter().any(|&w| w > 0.0)));
    /// # Ok::<(), emotome_judges::simulated::SimulationError>(())
    /// ```
    pub fn plant(self, seed: Seed) -> Result<Array2<f32>, SimulationError> {
        let Self {
            n_stimuli,
            dims,
            density,
            scale,
        } = self;
        if n_stimuli < 3
            || dims < 1
            || n_stimuli
                .checked_mul(dims)
                .is_none_or(|size| size > 1 << 28)
        {
            return Err(SimulationError::Size { n_stimuli, dims });
        }
        within(
            "density",
            density,
            density > 0.0 && density <= 1.0,
            "a share above 0 and up to 1",
        )?;
        within(
            "scale",
            scale,
            scale > 0.0 && scale <= 1e6,
            "a number above 0 and up to 1e6",
        )?;
        let seed = seed.derive("planted embedding");
        let mut weights = Array2::zeros((n_stimuli, dims));
        for (i, mut row) in weights.rows_mut().into_iter().enumerate() {
            let mut rng = CounterRng::new(seed, i as u64);
            let weight = |rng: &mut CounterRng| (-scale * (1.0 - rng.uniform()).ln()) as f32;
            for w in &mut row {
                if rng.uniform() < density {
                    *w = weight(&mut rng);
                }
            }
            if row.iter().all(|&w| w == 0.0) {
                row[rng.below(dims as u64) as usize] = weight(&mut rng).max(f32::MIN_POSITIVE);
            }
        }
        Ok(weights)
    }
}

/// How an agent with a known embedding answers.
///
/// `P(odd = k) = (1 − ε) softmax_k(s_k / τ + b_k) + ε / 3`, where `s_k` is the dot product of the
/// two stimuli other than k.
///
/// | parameter | default |
/// |---|---|
/// | `temperature` τ | 1 |
/// | `lapse` ε | 0 |
/// | `position_bias` b | 0, 0, 0 |
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ResponseParams {
    /// Temperature τ > 0.
    pub temperature: f64,
    /// Share ε of answers given at random, in [0, 1].
    pub lapse: f64,
    /// Log-odds b added to calling each position odd.
    pub position_bias: [f64; 3],
}

impl Default for ResponseParams {
    fn default() -> Self {
        Self {
            temperature: 1.0,
            lapse: 0.0,
            position_bias: [0.0; 3],
        }
    }
}

/// An agent that answers by a known embedding.
#[derive(Debug, Clone)]
pub struct SimulatedJudge {
    kind: &'static str,
    weights: Array2<f32>,
    params: ResponseParams,
    seed: Seed,
    draws: Seed,
}

impl SimulatedJudge {
    /// An agent with weights n × d.
    ///
    /// # Errors
    /// [`SimulationError`] names the weight or parameter that cannot be.
    pub fn new(
        weights: ArrayView2<'_, f32>,
        params: ResponseParams,
        seed: Seed,
    ) -> Result<Self, SimulationError> {
        let (n_stimuli, dims) = weights.dim();
        if n_stimuli < 3 || dims < 1 {
            return Err(SimulationError::Size { n_stimuli, dims });
        }
        if let Some(((row, column), &value)) = weights.indexed_iter().find(|(_, w)| !w.is_finite())
        {
            return Err(SimulationError::NotFinite { row, column, value });
        }
        let ResponseParams {
            temperature,
            lapse,
            position_bias,
        } = params;
        within(
            "temperature",
            temperature,
            temperature > 0.0 && temperature.is_finite(),
            "a number above 0",
        )?;
        within(
            "lapse",
            lapse,
            (0.0..=1.0).contains(&lapse),
            "a share between 0 and 1",
        )?;
        for bias in position_bias {
            within(
                "position bias",
                bias,
                bias.abs() <= 700.0,
                "log-odds between -700 and 700",
            )?;
        }
        Ok(Self {
            kind: "planted-embedding",
            weights: weights.as_standard_layout().into_owned(),
            params,
            seed,
            draws: seed.derive("simulated choice"),
        })
    }

    /// An agent that sees one dimension only, such as how intense a stimulus is: a weight uniform
    /// in [0, 4) per stimulus, so that the odd one out is mostly the least intense of the three.
    ///
    /// # Errors
    /// [`SimulationError::Size`] below 3 stimuli.
    pub fn one_dimensional(n_stimuli: usize, seed: Seed) -> Result<Self, SimulationError> {
        let size = checked_size(n_stimuli)?;
        let mut rng = CounterRng::new(seed.derive("one dimension"), 0);
        let weights = Array2::from_shape_simple_fn(size, || (4.0 * rng.uniform()) as f32);
        let judge = Self::new(weights.view(), ResponseParams::default(), seed)?;
        Ok(Self {
            kind: "one-dimensional",
            ..judge
        })
    }

    /// An agent that answers at random.
    ///
    /// # Errors
    /// [`SimulationError::Size`] below 3 stimuli.
    pub fn uniform(n_stimuli: usize, seed: Seed) -> Result<Self, SimulationError> {
        let judge = Self::new(
            Array2::zeros(checked_size(n_stimuli)?).view(),
            ResponseParams::default(),
            seed,
        )?;
        Ok(Self {
            kind: "uniform",
            ..judge
        })
    }

    /// The weights, n × d.
    #[must_use]
    pub const fn weights(&self) -> &Array2<f32> {
        &self.weights
    }

    /// The probability with which each position of a trial is called odd.
    #[must_use]
    pub fn probabilities(&self, trial: &Trial) -> [f64; 3] {
        let [a, b, c] = trial.triplet.items().map(|id| self.weights.row(id.index()));
        let ResponseParams {
            temperature,
            lapse,
            position_bias,
        } = self.params;
        let mut logits = position_bias;
        for (logit, (x, y)) in logits.iter_mut().zip([(b, c), (a, c), (a, b)]) {
            let dot: f64 = x
                .iter()
                .zip(y)
                .map(|(&p, &q)| f64::from(p) * f64::from(q))
                .sum();
            *logit += dot / temperature;
        }
        let chosen = ChoiceRule::Softmax { temperature: 1.0 }
            .probabilities(logits)
            .expect("finite weights and biases have finite log-odds");
        chosen.map(|p| (1.0 - lapse) * p + lapse / 3.0)
    }
}

fn checked_size(n_stimuli: usize) -> Result<(usize, usize), SimulationError> {
    if n_stimuli > 1 << 28 {
        return Err(SimulationError::Size { n_stimuli, dims: 1 });
    }
    Ok((n_stimuli, 1))
}

impl Judge for SimulatedJudge {
    fn describe(&self) -> JudgeDescription {
        JudgeDescription::new(self.kind, Some(self.seed))
            .with("n_stimuli", self.weights.nrows())
            .with("dims", self.weights.ncols())
            .with("response", json!(self.params))
    }

    fn n_stimuli(&self) -> usize {
        self.weights.nrows()
    }

    fn judge(&self, trial: &Trial) -> Judgment {
        Judgment::draw(self.probabilities(trial), || {
            CounterRng::new(self.draws, trial_stream(trial))
        })
    }
}

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
    /// [`SimulationError::OutOfRange`] unless the rate is in [0, 1].
    pub fn new(
        inner: J,
        trial_at: D,
        failure_rate: f64,
        seed: Seed,
    ) -> Result<Self, SimulationError> {
        within(
            "failure rate",
            failure_rate,
            (0.0..=1.0).contains(&failure_rate),
            "a share between 0 and 1",
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
    fn position_bias_and_lapse_act_as_their_equation_says() {
        let params = ResponseParams {
            temperature: 1.0,
            lapse: 0.3,
            position_bias: [1.0, 0.0, -1.0],
        };
        let judge = SimulatedJudge::new(Array2::zeros((8, 1)).view(), params, Seed(1)).unwrap();
        let total = 1f64.exp() + 1.0 + (-1f64).exp();
        let expected = [1f64.exp(), 1.0, (-1f64).exp()].map(|w| 0.7 * w / total + 0.1);
        let found = judge.probabilities(&trial_at(0));
        for k in 0..3 {
            assert!((found[k] - expected[k]).abs() < 1e-15);
        }
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
    fn simulations_that_cannot_be_are_refused() {
        assert!(PlantParams::new(2, 3).plant(Seed(1)).is_err());
        assert!(PlantParams::new(usize::MAX, 3).plant(Seed(1)).is_err());
        assert!(
            PlantParams {
                density: 0.0,
                ..PlantParams::new(9, 3)
            }
            .plant(Seed(1))
            .is_err()
        );
        assert!(SimulatedJudge::uniform(usize::MAX, Seed(1)).is_err());
        assert!(SimulatedJudge::uniform(2, Seed(1)).is_err());
        let lapse = ResponseParams {
            lapse: 1.5,
            ..Default::default()
        };
        assert!(SimulatedJudge::new(Array2::zeros((8, 1)).view(), lapse, Seed(1)).is_err());
        assert!(Declining::new(planted(), Outcome::Refused, vec![0.0; 7], Seed(1)).is_err());
    }
}
