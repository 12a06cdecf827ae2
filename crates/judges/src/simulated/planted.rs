//! An agent that answers by an embedding, with lapses and a bias for places.

use super::{SimulationError, within};
use crate::choice::ChoiceRule;
use crate::judge::{Judge, JudgeDescription, Judgment, trial_stream};
use emotome_stats::random::{CounterRng, Seed};
use emotome_triplets::Trial;
use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};
use serde_json::json;

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

#[cfg(test)]
mod tests {
    use super::*;
    use emotome_stimuli::StimulusId;
    use emotome_triplets::{Split, Triplet};

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
        let trial = Trial {
            number: 0,
            triplet: Triplet::new([3, 1, 7].map(StimulusId)).unwrap(),
            replicate: 0,
            split: Split::Train,
        };
        let found = judge.probabilities(&trial);
        for k in 0..3 {
            assert!((found[k] - expected[k]).abs() < 1e-15);
        }
    }

    #[test]
    fn agents_that_cannot_be_are_refused() {
        assert!(SimulatedJudge::uniform(usize::MAX, Seed(1)).is_err());
        assert!(SimulatedJudge::uniform(2, Seed(1)).is_err());
        let new = |params| SimulatedJudge::new(Array2::zeros((8, 1)).view(), params, Seed(1));
        for params in [
            ResponseParams {
                lapse: 1.5,
                ..Default::default()
            },
            ResponseParams {
                temperature: 0.0,
                ..Default::default()
            },
            ResponseParams {
                position_bias: [0.0, f64::INFINITY, 0.0],
                ..Default::default()
            },
        ] {
            assert!(new(params).is_err(), "{params:?}");
        }
        let infinite = Array2::from_elem((8, 1), f32::INFINITY);
        assert!(SimulatedJudge::new(infinite.view(), ResponseParams::default(), Seed(1)).is_err());
    }
}
