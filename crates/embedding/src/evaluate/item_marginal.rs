//! The item-marginal baseline: some stimuli are simply called odd more often than others.

use super::{
    EvaluationError, at_least,
    score::{Scoring, TrialScores},
};
use emotome_triplets::ChoiceSet;
use serde::{Deserialize, Serialize};

/// How often each stimulus is the odd one out when shown, whatever stands beside it.
///
/// One number a stimulus, (odd + 1)/(shown + 3), so an unseen stimulus has ⅓. An embedding that
/// predicts no better than this has learnt no similarity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ItemMarginal {
    /// Smoothed odd rate of each stimulus, in (0, 1).
    pub odd_rate: Vec<f64>,
    /// Stimuli that the choices never showed.
    pub unseen: usize,
}

impl ItemMarginal {
    /// Counts odd rates; O(N). Fit on training trials, score on held-out ones.
    ///
    /// # Errors
    /// [`EvaluationError::TooFew`] without choices.
    pub fn fit(choices: &ChoiceSet) -> Result<Self, EvaluationError> {
        at_least(1, choices.len(), "choices", "give the training trials")?;
        let mut counts = vec![[0_u64; 2]; choices.n_stimuli()];
        for choice in choices.choices() {
            for id in choice.triplet.items() {
                counts[id.index()][1] += 1;
            }
            counts[choice.odd_last()[2].index()][0] += 1;
        }
        Ok(Self {
            odd_rate: counts
                .iter()
                .map(|&[odd, shown]| (odd + 1) as f64 / (shown + 3) as f64)
                .collect(),
            unseen: counts.iter().filter(|c| c[1] == 0).count(),
        })
    }

    /// Scores choices under P(k is odd) ∝ odd rate of k (Luce's choice rule); O(N).
    ///
    /// # Errors
    /// [`EvaluationError::Mismatch`] if the choices are among another number of stimuli.
    pub fn score(
        &self,
        choices: &ChoiceSet,
        scoring: &Scoring,
    ) -> Result<TrialScores, EvaluationError> {
        scoring.check()?;
        at_least(
            1,
            choices.len(),
            "choices",
            "give a file of held-out trials",
        )?;
        if choices.n_stimuli() != self.odd_rate.len() {
            return Err(EvaluationError::Mismatch {
                what: "stimuli of the training and held-out choices",
                left: self.odd_rate.len(),
                right: choices.n_stimuli(),
            });
        }
        // The softmax of log rates is Luce's rule; the temperature belongs to similarities alone.
        let scoring = Scoring {
            temperature: 1.0,
            ..*scoring
        };
        let log_rate: Vec<f64> = self.odd_rate.iter().map(|r| r.ln()).collect();
        Ok(TrialScores::from_similarities(
            choices.len(),
            &scoring,
            |trial| {
                let [i, j, k] = choices.choices()[trial]
                    .odd_last()
                    .map(|id| log_rate[id.index()]);
                [k, j, i]
            },
        ))
    }
}
