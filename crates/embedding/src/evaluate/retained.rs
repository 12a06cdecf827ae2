//! How many dimensions matter: three different analyses that have shared one name.
//!
//! * [`first_columns`] predicts a similarity matrix from the first d columns, in stored order.
//! * [`per_stimulus_pruning`] keeps the k largest weights of every stimulus, different dimensions
//!   for different stimuli, and scores choices; [`pruned_similarity`] predicts similarities with them.
//! * [`nested_refits`] fits a new embedding at every d: the only one that says what d dimensions can do.

use super::{
    EvaluationError, at_least,
    rsm::{Coefficient, Measured, Pairs, RsmCorrelation, RsmResampling, correlate, predicted},
    score::{CHANCE, Scoring, Similarity, TrialScores, rows_for, score, some_choices},
    within,
};
use crate::Embedding;
use emotome_stats::summary;
use emotome_stimuli::run::Run;
use emotome_triplets::ChoiceSet;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// The prediction of a measured matrix from the first columns of an embedding.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FirstColumns {
    /// Columns 0..dims were used.
    pub dims: usize,
    /// Correlation of prediction and measurement.
    pub correlation: RsmCorrelation,
}

/// Predicts a measured similarity matrix from columns 0..d for each d in `dims`.
///
/// The columns were fitted together, so a late jump shows which column carries the judgements,
/// not how many dimensions they need. O(Σ dims) predictions.
///
/// # Errors
/// A d of 0 or past the last column, and the errors of prediction and correlation.
pub fn first_columns(
    embedding: &Embedding,
    measured: &Measured,
    thirds: &[usize],
    dims: &[usize],
    scoring: &Scoring,
    resampling: RsmResampling,
    run: Run<'_>,
) -> Result<Vec<FirstColumns>, EvaluationError> {
    dims.iter()
        .map(|&d| {
            within(
                "number of first columns",
                d as f64,
                d >= 1 && d <= embedding.n_dims(),
                "1 to the number of dimensions",
            )?;
            let first = embedding.select_dims(&(0..d).collect::<Vec<_>>());
            let similarity = predicted(&first, &measured.items, thirds, scoring, run)?;
            let correlation = correlate(
                measured.similarity.view(),
                similarity.view(),
                Coefficient::Pearson,
                resampling,
            )?;
            Ok(FirstColumns {
                dims: d,
                correlation,
            })
        })
        .collect()
}

/// A range of retained weights that keeps most of an accuracy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Band {
    /// Fewest weights a stimulus that keep the lower share; absent if none do.
    pub low: Option<usize>,
    /// Weights a stimulus at the upper share; absent if it is never met.
    pub high: Option<usize>,
}

/// Accuracy when every stimulus keeps only its largest weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pruning {
    /// Accuracy with k weights a stimulus, k = 0..=d; `accuracy[d]` is that of the embedding.
    pub accuracy: Vec<f64>,
    /// Fewest k that keep 95 % and 99 % of the accuracy *above chance*.
    pub band: Band,
    /// Published band, on the accuracy as it is: the first k above 95 %, the last k below 99 %.
    pub published_band: Band,
}

/// Scores choices with the k largest weights of each stimulus, for every k at once; O(n d log d + N d).
///
/// The product x_if x_jf enters once f is among the k largest weights of both i and j, so all k
/// cost one pass. Tied weights are kept in column order.
///
/// # Errors
/// No choices, choices among other stimuli, parameters out of range, or a similarity other than the dot product.
pub fn per_stimulus_pruning(
    embedding: &Embedding,
    choices: &ChoiceSet,
    scoring: &Scoring,
) -> Result<Pruning, EvaluationError> {
    scoring.check()?;
    some_choices(choices)?;
    dot_products(scoring, "per-stimulus pruning")?;
    let rows = rows_for(embedding, choices)?;
    let dims = embedding.n_dims();
    let rank = ranks(embedding);
    const CHUNK: usize = 4096;
    let partial: Vec<Vec<f64>> = choices
        .choices()
        .par_chunks(CHUNK)
        .enumerate()
        .map(|(chunk, choices)| {
            let mut credit = vec![0.0; dims + 1];
            let mut similarity = vec![[0.0; 3]; dims + 1];
            for (place, choice) in choices.iter().enumerate() {
                let [i, j, k] = choice.odd_last().map(|id| id.index());
                similarity.fill([0.0; 3]);
                for (pair, (a, b)) in [(i, j), (i, k), (j, k)].into_iter().enumerate() {
                    let (x, y) = (rows.row(a), rows.row(b));
                    for f in 0..dims {
                        let enters = rank[a][f].max(rank[b][f]) as usize + 1;
                        similarity[enters][pair] += f64::from(x[f]) * f64::from(y[f]);
                    }
                }
                let mut sum = [0.0; 3];
                for (kept, step) in similarity.iter().enumerate() {
                    (0..3).for_each(|pair| sum[pair] += step[pair]);
                    credit[kept] += scoring.judge(sum, (chunk * CHUNK + place) as u64).credit;
                }
            }
            credit
        })
        .collect();
    let accuracy: Vec<f64> = (0..=dims)
        .map(|k| summary::sum(partial.iter().map(|credit| credit[k])) / choices.len() as f64)
        .collect();
    let full = accuracy[dims];
    let first = |level: f64| accuracy.iter().position(|&a| a >= level);
    let above_chance = |share: f64| CHANCE + share * (full - CHANCE);
    Ok(Pruning {
        band: Band {
            low: first(above_chance(0.95)),
            high: first(above_chance(0.99)),
        },
        published_band: Band {
            low: accuracy.iter().position(|&a| a > 0.95 * full),
            high: accuracy.iter().rposition(|&a| a < 0.99 * full),
        },
        accuracy,
    })
}

/// r² between the similarities predicted with the k largest weights of each stimulus and those
/// predicted with all, for k = 0..=d, over pairs of `items`; NaN where k weights predict one
/// similarity for all pairs, as none do. d times [`predicted`].
///
/// # Errors
/// Those of [`predicted`], fewer than three pairs of items, or a similarity other than the dot product.
pub fn pruned_similarity(
    embedding: &Embedding,
    items: &[usize],
    thirds: &[usize],
    scoring: &Scoring,
    run: Run<'_>,
) -> Result<Vec<f64>, EvaluationError> {
    dot_products(scoring, "per-stimulus pruning")?;
    at_least(3, items.len(), "items", "give three items or more")?;
    let full = predicted(embedding, items, thirds, scoring, run)?;
    let rank = ranks(embedding);
    (0..=embedding.n_dims())
        .map(|kept| {
            let mut values = embedding.values().clone();
            for ((i, f), value) in values.indexed_iter_mut() {
                if rank[i][f] as usize >= kept {
                    *value = 0.0;
                }
            }
            let pruned = predicted(&Embedding::new(values)?, items, thirds, scoring, run)?;
            let pairs = Pairs::new(items.len(), |a, b| [full[[a, b]], pruned[[a, b]]]);
            Ok(pairs.correlation(Coefficient::Pearson, |_| 1.0).powi(2))
        })
        .collect()
}

/// How many weights of stimulus i come before weight f, by size and then by column: `rank[i][f]`.
fn ranks(embedding: &Embedding) -> Vec<Vec<u32>> {
    let rows: Vec<_> = embedding.values().rows().into_iter().collect();
    rows.into_par_iter()
        .map(|row| {
            let mut order: Vec<usize> = (0..row.len()).collect();
            order.sort_by(|&a, &b| row[b].total_cmp(&row[a]));
            let mut rank = vec![0; row.len()];
            for (place, f) in order.into_iter().enumerate() {
                rank[f] = place as u32;
            }
            rank
        })
        .collect()
}

fn dot_products(scoring: &Scoring, analysis: &'static str) -> Result<(), EvaluationError> {
    if scoring.similarity == Similarity::Dot {
        Ok(())
    } else {
        Err(EvaluationError::NotDotProduct { analysis })
    }
}

/// Held-out performance of an embedding fitted anew with a given number of dimensions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct NestedRefit {
    /// Dimensions asked of the fit.
    pub dims: usize,
    /// Dimensions that the fitted embedding has.
    pub fitted_dims: usize,
    /// Held-out accuracy.
    pub accuracy: f64,
    /// Held-out mean −ln P(choice), in nats.
    pub nll: f64,
}

/// Fits an embedding for each number of dimensions with `fit` and scores it on held-out choices.
///
/// # Errors
/// Those of `fit` and of [`score`].
pub fn nested_refits<E: From<EvaluationError>>(
    dims: &[usize],
    choices: &ChoiceSet,
    scoring: &Scoring,
    mut fit: impl FnMut(usize) -> Result<Embedding, E>,
) -> Result<Vec<NestedRefit>, E> {
    dims.iter()
        .map(|&dims| {
            let embedding = fit(dims)?;
            let TrialScores {
                credit,
                log_likelihood,
                ..
            } = score(&embedding, choices, scoring)?;
            Ok(NestedRefit {
                dims,
                fitted_dims: embedding.n_dims(),
                accuracy: summary::mean(&credit),
                nll: -summary::mean(&log_likelihood),
            })
        })
        .collect()
}
