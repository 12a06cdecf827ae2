//! The agent that judges by a table of features: ratings, network activations, voxel patterns.

use crate::choice::{ChoiceRule, ChoiceRuleError};
use crate::judge::{Judge, JudgeDescription, Judgment, trial_stream};
use crate::similarity::Similarities;
use emotome_stats::random::{CounterRng, Seed};
use emotome_triplets::{Outcome, Trial};
use serde_json::json;

/// Calls odd what the similarities of a feature table leave out.
///
/// A trial with a dropped stimulus, or with a pair whose similarity is undefined, is
/// [`Outcome::Refused`]: the agent has no opinion, and asking again would not help.
///
/// ```
/// use emotome_judges::{ChoiceRule, FeatureJudge, Judge, Similarities};
/// use emotome_stats::random::Seed;
/// use emotome_stimuli::StimulusId;
/// use emotome_triplets::{Outcome, Position, Split, Trial, Triplet};
/// use ndarray::array;
///
/// let features = array![[1.0, 0.0], [0.0, 1.0], [0.9, 0.1]];
/// let similarities = Similarities::new(features.view(), Default::default())?;
/// let judge = FeatureJudge::new(similarities, ChoiceRule::default(), Seed(0))?;
/// let triplet = Triplet::new([0, 1, 2].map(StimulusId))?;
/// let trial = Trial { number: 0, triplet, replicate: 0, split: Split::Train };
/// assert_eq!(judge.judge(&trial).outcome, Outcome::Chosen(Position::Second));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct FeatureJudge {
    similarities: Similarities,
    rule: ChoiceRule,
    seed: Seed,
    draws: Seed,
}

impl FeatureJudge {
    /// An agent with the given similarities, rule, and seed of its ties and draws.
    ///
    /// # Errors
    /// [`ChoiceRuleError`] if the rule's parameter cannot be.
    pub fn new(
        similarities: Similarities,
        rule: ChoiceRule,
        seed: Seed,
    ) -> Result<Self, ChoiceRuleError> {
        Ok(Self {
            similarities,
            rule: rule.check()?,
            seed,
            draws: seed.derive("feature choice"),
        })
    }

    /// The similarities it judges by.
    #[must_use]
    pub const fn similarities(&self) -> &Similarities {
        &self.similarities
    }
}

impl Judge for FeatureJudge {
    fn describe(&self) -> JudgeDescription {
        JudgeDescription::new("features", Some(self.seed))
            .with("similarity", json!(self.similarities.params()))
            .with("choice", json!(self.rule))
            .with(
                "dropped",
                self.similarities
                    .dropped()
                    .iter()
                    .map(|id| id.0)
                    .collect::<Vec<_>>(),
            )
    }

    fn n_stimuli(&self) -> usize {
        self.similarities.n_stimuli()
    }

    #[inline]
    fn judge(&self, trial: &Trial) -> Judgment {
        let similarities = self.similarities.of_triplet(trial.triplet.items());
        match self.rule.probabilities(similarities) {
            Some(p) => Judgment::draw(p, || CounterRng::new(self.draws, trial_stream(trial))),
            None => Judgment::without_choice(Outcome::Refused),
        }
    }
}
