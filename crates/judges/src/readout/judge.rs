//! Choices from a readout.

use super::Readout;
use crate::choice::ChoiceRule;
use crate::judge::{Judge, JudgeDescription, Judgment, trial_stream};
use crate::similarity::{Centring, Metric, Similarities, SimilarityError, SimilarityParams};
use emotome_stats::random::{CounterRng, Seed};
use emotome_triplets::{Outcome, Trial};
use ndarray::Axis;
use serde_json::json;

/// Calls odd what a readout leaves out of the most similar pair, under one prompt a trial.
///
/// Under a prompt, with `x` its stimuli × words, `x_sw − mean_w x_sw` takes out how much the model
/// wants to name any emotion at all, and then `− mean_s` how much it likes a word whatever it is
/// shown; similarity is the cosine of the rows that remain. The prompt of a trial is drawn by the
/// seed, from the trial's order and replicate. Ties are drawn.
#[derive(Debug, Clone)]
pub struct ReadoutJudge {
    prompts: Vec<(String, Similarities)>,
    seed: Seed,
}

/// Why a readout gives no choices.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("prompt {prompt:?}: {source}")]
pub struct ReadoutJudgeError {
    /// The prompt.
    pub prompt: String,
    /// What is wrong with its similarities.
    pub source: SimilarityError,
}

impl ReadoutJudge {
    /// The agent of a readout; O(prompts · n² · words).
    ///
    /// # Errors
    /// [`ReadoutJudgeError`] if a row is constant, or there are fewer than three stimuli.
    pub fn new(readout: &Readout, seed: Seed) -> Result<Self, ReadoutJudgeError> {
        let params = SimilarityParams {
            metric: Metric::Cosine,
            centring: Centring::Mean,
            ..SimilarityParams::default()
        };
        let prompts = readout.prompts.iter().zip(readout.values.outer_iter());
        let prompts = prompts.map(|((name, _), values)| {
            let mut values = values.mapv(f64::from);
            for mut row in values.axis_iter_mut(Axis(0)) {
                let mean = row.sum() / row.len() as f64;
                row.mapv_inplace(|value| value - mean);
            }
            let similarities = Similarities::new(values.view(), params);
            let similarities = similarities.map_err(|source| ReadoutJudgeError {
                prompt: name.clone(),
                source,
            })?;
            Ok((name.clone(), similarities))
        });
        Ok(Self {
            prompts: prompts.collect::<Result<_, _>>()?,
            seed,
        })
    }

    /// The prompts and the similarities under each.
    #[must_use]
    pub fn prompts(&self) -> &[(String, Similarities)] {
        &self.prompts
    }

    /// The number of the prompt that a trial is judged under.
    #[must_use]
    pub fn prompt_of(&self, trial: &Trial) -> usize {
        let mut rng = CounterRng::new(self.seed.derive("prompt of a readout"), trial_stream(trial));
        rng.below(self.prompts.len() as u64) as usize
    }

    /// The answer under a prompt.
    ///
    /// # Panics
    /// If there is no such prompt, or the trial shows a stimulus that the readout has not.
    #[must_use]
    pub fn judge_under(&self, prompt: usize, trial: &Trial) -> Judgment {
        let similarities = self.prompts[prompt].1.of_triplet(trial.triplet.items());
        let seed = self.seed.derive("readout choice");
        match ChoiceRule::default().probabilities(similarities) {
            Some(p) => Judgment::draw(p, || CounterRng::new(seed, trial_stream(trial))),
            None => Judgment::without_choice(Outcome::Refused),
        }
    }
}

impl Judge for ReadoutJudge {
    fn describe(&self) -> JudgeDescription {
        let names: Vec<&str> = self.prompts.iter().map(|(name, _)| name.as_str()).collect();
        JudgeDescription::new("readout", Some(self.seed))
            .with("prompts", json!(names))
            .with("similarity", "cosine, centred by row, then by column")
    }

    fn n_stimuli(&self) -> usize {
        self.prompts
            .first()
            .map_or(0, |(_, similarities)| similarities.n_stimuli())
    }

    fn judge(&self, trial: &Trial) -> Judgment {
        self.judge_under(self.prompt_of(trial), trial)
    }
}
