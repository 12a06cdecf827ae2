//! Whether one dimension, or none at all, carries the result.
//!
//! If one weight a stimulus predicts nearly everything, S_ij = a_i a_j and the odd one out is
//! simply the stimulus with the smallest a: a scale, not a similarity space. The analyses here
//! say so, and repeat the results, accuracy and similarity matrix, without the dominant dimension.

use super::{
    EvaluationError, at_least,
    item_marginal::ItemMarginal,
    rsm::{Coefficient, RsmCorrelation, RsmResampling, correlate, matched, measured},
    score::{CHANCE, Rows, Scoring, TrialScores, score},
    within,
};
use crate::Embedding;
use emotome_stats::summary;
use emotome_triplets::ChoiceSet;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Thresholds of the verdict and their defaults:
///
/// | field | default | range |
/// | --- | --- | --- |
/// | `marginal_share` | 0.9 | 0 to 1 |
/// | `alone_share` | 0.9 | 0 to 1 |
/// | `lost_share` | 0.5 | 0 to 1 |
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DominanceParams {
    /// The item-marginal baseline reaching this share of the accuracy above chance means that no similarity is needed.
    pub marginal_share: f64,
    /// The dominant dimension alone reaching this share means that the others add little.
    pub alone_share: f64,
    /// Losing this share without the dominant dimension means that the result hangs on it.
    pub lost_share: f64,
}

impl Default for DominanceParams {
    fn default() -> Self {
        Self {
            marginal_share: 0.9,
            alone_share: 0.9,
            lost_share: 0.5,
        }
    }
}

/// What the diagnostics found; the first that applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finding {
    /// The embedding does not predict held-out choices better than chance.
    AtChance,
    /// One number a stimulus, its odd rate, predicts nearly as well: the judge may only scale stimuli.
    ItemMarginal,
    /// One dimension alone predicts nearly as well as all.
    OneDimension,
    /// Accuracy collapses without one dimension.
    DominantDimension,
    /// No dimension dominates.
    Distributed,
}

/// One dimension's part in the embedding.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DimensionShare {
    /// Column of the dimension, from 0.
    pub dimension: usize,
    /// Share of Σ x²: of the mean self-similarity.
    pub energy_share: f64,
    /// Share of the summed variances over stimuli.
    pub variance_share: f64,
    /// Share of stimuli whose largest weight it is; equal weights share.
    pub largest_in: f64,
}

/// Diagnostics of dominance on held-out choices.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dominance {
    /// Every dimension, in column order.
    pub dimensions: Vec<DimensionShare>,
    /// The dimension with the largest share of Σ x².
    pub dominant: usize,
    /// Accuracy of the embedding.
    pub accuracy: f64,
    /// Accuracy of the item-marginal baseline fitted to the training choices.
    pub item_marginal_accuracy: f64,
    /// Mean −ln P(choice) of the embedding, in nats.
    pub nll: f64,
    /// Mean −ln P(choice) of the item-marginal baseline, in nats.
    pub item_marginal_nll: f64,
    /// Stimuli that the training choices never showed.
    pub item_marginal_unseen: usize,
    /// Accuracy of the dominant dimension alone.
    pub dominant_alone_accuracy: f64,
    /// Mean −ln P(choice) of the dominant dimension alone, in nats.
    pub dominant_alone_nll: f64,
    /// Accuracy of the embedding without the dominant dimension, the others as they are.
    pub without_dominant_accuracy: f64,
    /// Mean −ln P(choice) of the embedding without the dominant dimension, in nats.
    pub without_dominant_nll: f64,
    /// Share of trials whose most similar pair the dominant dimension alone names as all do together.
    pub decided_by_dominant: f64,
    /// Share of trials whose most similar pair changes without the dominant dimension.
    pub changed_without_dominant: f64,
    /// (item-marginal accuracy − ⅓) / (accuracy − ⅓); like the two below, of no meaning at chance.
    pub item_marginal_share: f64,
    /// (dominant-alone accuracy − ⅓) / (accuracy − ⅓).
    pub dominant_alone_share: f64,
    /// (accuracy − accuracy without the dominant dimension) / (accuracy − ⅓).
    pub lost_without_dominant_share: f64,
    /// What this amounts to.
    pub finding: Finding,
    /// The thresholds used.
    pub params: DominanceParams,
}

/// Diagnoses dominance: shares of every dimension, and held-out accuracy with, of and without the dominant one.
///
/// The item-marginal baseline is fitted to `training`, everything is scored on `held_out`. O(N d).
///
/// # Errors
/// No choices or dimensions, choices among other stimuli, or parameters out of range.
pub fn dominance(
    embedding: &Embedding,
    training: &ChoiceSet,
    held_out: &ChoiceSet,
    scoring: &Scoring,
    params: &DominanceParams,
) -> Result<Dominance, EvaluationError> {
    for (name, share) in [
        ("marginal_share", params.marginal_share),
        ("alone_share", params.alone_share),
        ("lost_share", params.lost_share),
    ] {
        within(
            name,
            share,
            (0.0..=1.0).contains(&share),
            "a share from 0 to 1",
        )?;
    }
    some_dimension(embedding)?;
    let dimensions = shares(embedding);
    let dominant = dominant_of(&dimensions);
    let [alone, without] = apart(embedding, dominant);
    let all = score(embedding, held_out, scoring)?;
    let accuracy_of = |scores: &TrialScores| summary::mean(&scores.credit);
    let nll_of = |scores: &TrialScores| -summary::mean(&scores.log_likelihood);
    let alone_scores = score(&alone, held_out, scoring)?;
    let without_scores = score(&without, held_out, scoring)?;
    let marginal = ItemMarginal::fit(training)?;
    let marginal_scores = marginal.score(held_out, scoring)?;
    let accuracy = accuracy_of(&all);
    let dominant_alone_accuracy = accuracy_of(&alone_scores);
    let without_dominant_accuracy = accuracy_of(&without_scores);
    let item_marginal_accuracy = accuracy_of(&marginal_scores);
    let above = accuracy - CHANCE;
    let of_above = |x: f64| x / above;
    let item_marginal_share = of_above(item_marginal_accuracy - CHANCE);
    let dominant_alone_share = of_above(dominant_alone_accuracy - CHANCE);
    let lost_without_dominant_share = of_above(accuracy - without_dominant_accuracy);
    // Three standard errors of a guessing agent on as many trials.
    let chance_error = 3.0 * (CHANCE * (1.0 - CHANCE) / all.len() as f64).sqrt();
    let finding = if above <= chance_error {
        Finding::AtChance
    } else if item_marginal_share >= params.marginal_share {
        Finding::ItemMarginal
    } else if dominant_alone_share >= params.alone_share {
        Finding::OneDimension
    } else if lost_without_dominant_share >= params.lost_share {
        Finding::DominantDimension
    } else {
        Finding::Distributed
    };
    Ok(Dominance {
        dominant,
        accuracy,
        item_marginal_accuracy,
        nll: nll_of(&all),
        item_marginal_nll: nll_of(&marginal_scores),
        item_marginal_unseen: marginal.unseen,
        dominant_alone_accuracy,
        dominant_alone_nll: nll_of(&alone_scores),
        without_dominant_accuracy,
        without_dominant_nll: nll_of(&without_scores),
        decided_by_dominant: agreement(embedding, &alone, held_out, scoring),
        changed_without_dominant: 1.0 - agreement(embedding, &without, held_out, scoring),
        item_marginal_share,
        dominant_alone_share,
        lost_without_dominant_share,
        finding,
        params: *params,
        dimensions,
    })
}

/// The dimension with the largest share of Σ x², the first of equal ones.
fn dominant_of(dimensions: &[DimensionShare]) -> usize {
    dimensions
        .iter()
        .rev()
        .max_by(|a, b| a.energy_share.total_cmp(&b.energy_share))
        .map_or(0, |d| d.dimension)
}

/// One dimension alone, and the others without it.
fn apart(embedding: &Embedding, dominant: usize) -> [Embedding; 2] {
    let others: Vec<usize> = (0..embedding.n_dims()).filter(|&d| d != dominant).collect();
    [&[dominant][..], &others].map(|dims| embedding.select_dims(dims))
}

/// How well the parts of an embedding predict a measured similarity matrix.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RsmDominance {
    /// The dimension with the largest share of Σ x².
    pub dominant: usize,
    /// Correlation of the measured similarities with those predicted by the embedding.
    pub all: RsmCorrelation,
    /// The same with the dominant dimension alone.
    pub dominant_alone: RsmCorrelation,
    /// The same without the dominant dimension, the others as they are; r is NaN if there are none.
    pub without_dominant: RsmCorrelation,
}

/// Correlates measured similarities with those that an embedding, its dominant dimension and its
/// other dimensions predict over the same trials; see [`matched`].
///
/// O(N d), and three times [`correlate`].
///
/// # Errors
/// An embedding without a dimension, and the errors of [`matched`] and [`correlate`].
pub fn rsm_dominance(
    embedding: &Embedding,
    choices: &ChoiceSet,
    items: &[usize],
    thirds: &[usize],
    scoring: &Scoring,
    coefficient: Coefficient,
    resampling: RsmResampling,
) -> Result<RsmDominance, EvaluationError> {
    some_dimension(embedding)?;
    let shown = measured(choices, items, thirds)?.similarity;
    let predicts = |part: &Embedding| {
        let predicted = matched(part, choices, items, thirds, scoring)?;
        correlate(shown.view(), predicted.view(), coefficient, resampling)
    };
    let dominant = dominant_of(&shares(embedding));
    let [alone, without] = apart(embedding, dominant);
    Ok(RsmDominance {
        dominant,
        all: predicts(embedding)?,
        dominant_alone: predicts(&alone)?,
        without_dominant: predicts(&without)?,
    })
}

fn some_dimension(embedding: &Embedding) -> Result<(), EvaluationError> {
    at_least(
        1,
        embedding.n_dims(),
        "dimensions",
        "the fit pruned every dimension: lower λ",
    )
}

fn shares(embedding: &Embedding) -> Vec<DimensionShare> {
    let n = embedding.n_stimuli();
    let columns: Vec<Vec<f64>> = embedding
        .values()
        .columns()
        .into_iter()
        .map(|c| c.iter().map(|&x| f64::from(x)).collect())
        .collect();
    let mut largest = vec![0.0; columns.len()];
    for row in embedding.values().rows() {
        let top = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let tied = row.iter().filter(|&&x| x == top).count() as f64;
        row.iter()
            .enumerate()
            .filter(|(_, x)| **x == top)
            .for_each(|(d, _)| largest[d] += 1.0 / tied);
    }
    let energy: Vec<f64> = columns
        .iter()
        .map(|c| summary::sum(c.iter().map(|x| x * x)))
        .collect();
    let variance: Vec<f64> = columns
        .iter()
        .map(|c| if n < 2 { 0.0 } else { summary::variance(c) })
        .collect();
    let share = |part: f64, of: &[f64]| {
        let total = summary::sum(of.iter().copied());
        if total > 0.0 { part / total } else { 0.0 }
    };
    (0..columns.len())
        .map(|d| DimensionShare {
            dimension: d,
            energy_share: share(energy[d], &energy),
            variance_share: share(variance[d], &variance),
            largest_in: largest[d] / n as f64,
        })
        .collect()
}

/// Probability that two embeddings name the same most similar pair, ties broken at random.
fn agreement(a: &Embedding, b: &Embedding, choices: &ChoiceSet, scoring: &Scoring) -> f64 {
    let rows = [Rows::new(a), Rows::new(b)];
    let partial: Vec<f64> = choices
        .choices()
        .par_chunks(4096)
        .map(|choices| {
            choices
                .iter()
                .map(|choice| {
                    let ids = choice.odd_last().map(|id| id.index());
                    let [p, q] = rows.map(|rows| {
                        let s = rows.similarities(scoring.similarity, ids);
                        let top = s[0].max(s[1]).max(s[2]);
                        let tied = s.map(|s| f64::from(u8::from(s == top)));
                        tied.map(|t| t / tied.iter().sum::<f64>())
                    });
                    (0..3).map(|pair| p[pair] * q[pair]).sum::<f64>()
                })
                .sum()
        })
        .collect();
    summary::sum(partial) / choices.len() as f64
}
