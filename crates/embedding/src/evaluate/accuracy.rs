//! Held-out accuracy and likelihood of an embedding, and of two embeddings on identical trials.

use super::{
    EvaluationError,
    score::{CHANCE, Scoring, Ties, TrialScores, score},
    two_way::{Resampling, TrialClusters},
};
use crate::Embedding;
use emotome_stats::{distribution::normal_cdf, interval::Interval, summary};
use emotome_triplets::ChoiceSet;
use serde::{Deserialize, Serialize};

/// Held-out performance over trials.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Accuracy {
    /// Number of trials.
    pub n: usize,
    /// Mean credit: share of trials whose choice was predicted.
    pub accuracy: f64,
    /// 95 % confidence interval of `accuracy`.
    pub accuracy_ci95: Interval,
    /// Mean −ln P(choice), in nats; ln 3 = 1.0986 for an agent at chance.
    pub nll: f64,
    /// 95 % confidence interval of `nll`.
    pub nll_ci95: Interval,
    /// Trials without a unique most similar pair.
    pub ties: Ties,
    /// Share of trials without a unique most similar pair.
    pub tie_rate: f64,
    /// Share of the variance of `accuracy` that comes from which items were shown, 0 to 1.
    pub item_share: f64,
    /// Accuracy of random answers.
    pub chance: f64,
    /// How the intervals were found.
    pub resampling: Resampling,
}

/// Summarises trial scores; O(N log N), plus the bootstrap where one is asked for.
///
/// # Errors
/// One score for each trial is needed, and a bootstrap needs replicates.
pub fn summarise(
    choices: &ChoiceSet,
    scores: &TrialScores,
    resampling: Resampling,
) -> Result<Accuracy, EvaluationError> {
    let clusters = TrialClusters::new(choices)?;
    let two_way = clusters.mean(&scores.credit)?;
    let [accuracy_ci95, likelihood_ci] =
        clusters.intervals(&scores.credit, &scores.log_likelihood, resampling, 0.95)?;
    Ok(Accuracy {
        n: scores.len(),
        accuracy: two_way.mean,
        accuracy_ci95,
        nll: -summary::mean(&scores.log_likelihood),
        nll_ci95: Interval {
            low: -likelihood_ci.high,
            high: -likelihood_ci.low,
        },
        ties: scores.ties,
        tie_rate: scores.ties.rate(scores.len()),
        item_share: two_way.item_share,
        chance: CHANCE,
        resampling,
    })
}

/// Scores an embedding on held-out choices and summarises: [`score`], then [`summarise`].
///
/// # Errors
/// Those of the two.
pub fn held_out(
    embedding: &Embedding,
    choices: &ChoiceSet,
    scoring: &Scoring,
    resampling: Resampling,
) -> Result<Accuracy, EvaluationError> {
    summarise(choices, &score(embedding, choices, scoring)?, resampling)
}

/// One model minus another, on identical trials.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Number of trials.
    pub n: usize,
    /// Accuracy of the first model minus that of the second.
    pub accuracy_difference: f64,
    /// 95 % confidence interval of `accuracy_difference`.
    pub accuracy_difference_ci95: Interval,
    /// Two-sided p of equal accuracy, items and trials both random (normal approximation).
    pub accuracy_p: f64,
    /// NLL of the first model minus that of the second, in nats a trial; negative favours the first.
    pub nll_difference: f64,
    /// 95 % confidence interval of `nll_difference`.
    pub nll_difference_ci95: Interval,
    /// Two-sided p of equal NLL, items and trials both random (normal approximation).
    pub nll_p: f64,
    /// How the intervals were found.
    pub resampling: Resampling,
}

/// Compares two models trial by trial.
///
/// # Errors
/// [`EvaluationError::Mismatch`] unless both were scored on exactly these choices.
pub fn compare(
    choices: &ChoiceSet,
    first: &TrialScores,
    second: &TrialScores,
    resampling: Resampling,
) -> Result<Comparison, EvaluationError> {
    if first.len() != second.len() {
        return Err(EvaluationError::Mismatch {
            what: "trials scored under the two models",
            left: first.len(),
            right: second.len(),
        });
    }
    let clusters = TrialClusters::new(choices)?;
    let minus = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<f64>>();
    let credit = minus(&first.credit, &second.credit);
    let nll = minus(&second.log_likelihood, &first.log_likelihood);
    let p = |difference: &[f64]| {
        let two_way = clusters.mean(difference)?;
        let z = two_way.mean.abs() / two_way.standard_error;
        Ok::<_, EvaluationError>(if two_way.mean == 0.0 {
            1.0
        } else {
            2.0 * normal_cdf(-z)
        })
    };
    Ok(Comparison {
        n: credit.len(),
        accuracy_difference: summary::mean(&credit),
        accuracy_difference_ci95: clusters.interval(&credit, resampling, 0.95)?,
        accuracy_p: p(&credit)?,
        nll_difference: summary::mean(&nll),
        nll_difference_ci95: clusters.interval(&nll, resampling, 0.95)?,
        nll_p: p(&nll)?,
        resampling,
    })
}
