//! The few stimuli of which all triplets were judged: measured and predicted similarities.

use super::found::FullSet;
use crate::WorkflowError;
use emotome_embedding::Embedding;
use emotome_embedding::evaluate::dominance::rsm_dominance;
use emotome_embedding::evaluate::retained::pruned_similarity;
use emotome_embedding::evaluate::rsm::{
    self, Coefficient, Measured, RsmCorrelation, RsmResampling, SplitHalf,
};
use emotome_embedding::evaluate::score::Scoring;
use emotome_stats::random::Seed;
use emotome_stimuli::run::Run;
use emotome_triplets::ChoiceSet;
use ndarray::Array2;
use std::collections::HashSet;

const SPLIT_HALVES: usize = 100;
const REPLICATES: usize = 1000;

/// Similarities of a few stimuli, measured and predicted over the same trials.
#[derive(Debug, Clone)]
pub(crate) struct Prediction {
    pub(crate) measured: Measured,
    pub(crate) predicted: Array2<f64>,
    /// Correlation of the two, interval over stimuli.
    pub(crate) correlation: RsmCorrelation,
    /// How well the measurement repeats.
    pub(crate) split_half: SplitHalf,
}

/// Predicts measured similarities; `None` where a correlation is not defined.
pub(crate) fn predict(
    embedding: &Embedding,
    choices: &ChoiceSet,
    items: &[usize],
    seed: Seed,
) -> Result<Option<Prediction>, WorkflowError> {
    let measured = rsm::measured(choices, items, items)?;
    let predicted = rsm::matched(embedding, choices, items, items, &Scoring::default())?;
    let correlation = rsm::correlate(
        measured.similarity.view(),
        predicted.view(),
        Coefficient::Pearson,
        by_item(seed),
    )?;
    if !correlation.r.is_finite() {
        return Ok(None);
    }
    let split_half = rsm::split_half(
        choices,
        items,
        items,
        Coefficient::Pearson,
        SPLIT_HALVES,
        seed.0,
    )?;
    Ok(Some(Prediction {
        measured,
        predicted,
        correlation,
        split_half,
    }))
}

const fn by_item(seed: Seed) -> RsmResampling {
    RsmResampling::Items {
        replicates: REPLICATES,
        seed: seed.0,
    }
}

/// Compares measured with predicted similarities; `None` where a correlation is not defined.
pub(super) fn compare(
    embedding: &Embedding,
    choices: &ChoiceSet,
    items: &[usize],
    seed: Seed,
    run: Run<'_>,
) -> Result<Option<FullSet>, WorkflowError> {
    let Some(Prediction {
        measured,
        predicted,
        correlation,
        split_half,
    }) = predict(embedding, choices, items, seed)?
    else {
        return Ok(None);
    };
    let scoring = Scoring::default();
    let published = rsm::correlate(
        measured.similarity.view(),
        predicted.view(),
        Coefficient::Pearson,
        RsmResampling::PublishedPairs {
            replicates: REPLICATES,
            seed: seed.0,
        },
    )?;
    let triplets: HashSet<_> = choices
        .choices()
        .iter()
        .map(|c| c.triplet.unordered())
        .collect();
    Ok(Some(FullSet {
        items: items.to_vec(),
        trials: measured.trials,
        triplets: triplets.len(),
        unsampled_pairs: measured.unsampled_pairs,
        explained: rsm::explained(correlation.r, &split_half).ok(),
        correlation,
        published,
        dominance: rsm_dominance(
            embedding,
            choices,
            items,
            items,
            &scoring,
            Coefficient::Pearson,
            by_item(seed),
        )?,
        pruned_r2: pruned_similarity(embedding, items, items, &scoring, run)?,
        split_half,
        measured: measured.similarity,
        predicted,
    }))
}
