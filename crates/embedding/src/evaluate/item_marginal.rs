//! The item-marginal baseline: some stimuli are simply called odd more often than others.

use super::{
    EvaluationError,
    score::{Scoring, TrialScores, some_choices},
};
use emotome_stats::summary;
use emotome_triplets::ChoiceSet;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// How strongly each stimulus stands out, whatever stands beside it.
///
/// One number v a stimulus, P(k is odd among i, j, k) = v_k / (v_i + v_j + v_k) (Luce's choice
/// rule). An embedding that predicts no better than this has learnt no similarity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ItemMarginal {
    /// Strength v of each stimulus, positive; 1 for a stimulus never shown.
    pub strength: Vec<f64>,
    /// Stimuli that the choices never showed.
    pub unseen: usize,
}

/// Parts into which trials are summed, however many threads there are.
const CHUNKS: usize = 64;
/// Steps at most; twenty to fifty reach [`TOLERANCE`].
const STEPS: usize = 100;
/// Largest difference between the odd rates counted and predicted at which strengths are final.
const TOLERANCE: f64 = 1e-7;

impl ItemMarginal {
    /// Finds the likeliest strengths; O(N) a step. Fit on training trials, score on held-out ones.
    ///
    /// v_i ← (o_i + 1) / (Σ_t 1 / V_t + 3 / (v_i + 2)) over the trials t that show i, where V_t sums
    /// the strengths of the trial and o_i counts how often i was odd (Hunter 2004,
    /// doi:10.1214/aos/1079120141). The added terms are three trials of each stimulus beside two
    /// of strength 1, one of which calls it odd: they keep the strengths finite.
    ///
    /// # Errors
    /// [`EvaluationError::TooFew`] without choices.
    pub fn fit(choices: &ChoiceSet) -> Result<Self, EvaluationError> {
        some_choices(choices)?;
        let n = choices.n_stimuli();
        let (mut odd, mut shown) = (vec![0_u64; n], vec![0_u64; n]);
        for choice in choices.choices() {
            let ids = choice.odd_last().map(|id| id.index());
            ids.iter().for_each(|&id| shown[id] += 1);
            odd[ids[2]] += 1;
        }
        // What a stimulus needs beside two of strength 1: exact where the others are alike.
        let mut strength: Vec<f64> = (0..n)
            .map(|i| 2.0 * (odd[i] + 1) as f64 / (shown[i] - odd[i] + 2) as f64)
            .collect();
        for _ in 0..STEPS {
            let reciprocals = reciprocals(choices, &strength);
            let mut off = 0.0_f64;
            for (i, v) in strength.iter_mut().enumerate() {
                let (counted, predicted) = (
                    (odd[i] + 1) as f64,
                    *v * (reciprocals[i] + 3.0 / (*v + 2.0)),
                );
                off = off.max((counted - predicted).abs() / (shown[i] + 3) as f64);
                *v *= counted / predicted;
            }
            if off < TOLERANCE {
                break;
            }
            // Choices do not see the common scale, the added trials do: a Newton step along it, or
            // it would settle after all else.
            let surplus = |v: &f64| 1.0 - 3.0 * v / (v + 2.0);
            let slope = |v: &f64| 6.0 * v / ((v + 2.0) * (v + 2.0));
            let sum = |term: &dyn Fn(&f64) -> f64| summary::sum(strength.iter().map(term));
            let scale = (sum(&surplus) / sum(&slope)).exp();
            strength.iter_mut().for_each(|v| *v *= scale);
        }
        Ok(Self {
            strength,
            unseen: shown.iter().filter(|&&shown| shown == 0).count(),
        })
    }

    /// Scores choices by these strengths; O(N).
    ///
    /// # Errors
    /// [`EvaluationError::Mismatch`] if the choices are among another number of stimuli.
    pub fn score(
        &self,
        choices: &ChoiceSet,
        scoring: &Scoring,
    ) -> Result<TrialScores, EvaluationError> {
        if choices.n_stimuli() != self.strength.len() {
            return Err(EvaluationError::Mismatch {
                what: "stimuli of the training and held-out choices",
                left: self.strength.len(),
                right: choices.n_stimuli(),
            });
        }
        // The softmax of log strengths is Luce's rule; the temperature belongs to similarities alone.
        let scoring = Scoring {
            temperature: 1.0,
            ..*scoring
        };
        let log: Vec<f64> = self.strength.iter().map(|v| v.ln()).collect();
        TrialScores::of(choices, &scoring, |[i, j, k]| [log[k], log[j], log[i]])
    }
}

/// Σ 1 / (v_i + v_j + v_k) over the trials that show each stimulus, in a fixed order.
fn reciprocals(choices: &ChoiceSet, strength: &[f64]) -> Vec<f64> {
    let shares: Vec<Vec<f64>> = choices
        .choices()
        .par_chunks(choices.len().div_ceil(CHUNKS).max(1))
        .map(|choices| {
            let mut sums = vec![0.0; strength.len()];
            for choice in choices {
                let ids = choice.triplet.unordered().items().map(|id| id.index());
                let share = 1.0 / ids.iter().map(|&id| strength[id]).sum::<f64>();
                ids.iter().for_each(|&id| sums[id] += share);
            }
            sums
        })
        .collect();
    (0..strength.len())
        .map(|i| summary::sum(shares.iter().map(|sums| sums[i])))
        .collect()
}
