//! The few stimuli of which all triplets were judged: measured and predicted similarities.

use super::found::FullSet;
use crate::WorkflowError;
use emotome_embedding::Embedding;
use emotome_embedding::evaluate::dominance::rsm_dominance;
use emotome_embedding::evaluate::retained::pruned_similarity;
use emotome_embedding::evaluate::rsm::{self, Coefficient, RsmResampling};
use emotome_embedding::evaluate::score::Scoring;
use emotome_stats::random::Seed;
use emotome_stimuli::run::Run;
use emotome_triplets::ChoiceSet;
use std::collections::HashSet;

const SPLIT_HALVES: usize = 100;
const REPLICATES: usize = 1000;

/// Compares measured with predicted similarities; `None` where a correlation is not defined.
pub(super) fn compare(
    embedding: &Embedding,
    choices: &ChoiceSet,
    items: &[usize],
    seed: Seed,
    run: Run<'_>,
) -> Result<Option<FullSet>, WorkflowError> {
    let scoring = Scoring::default();
    let measured = rsm::measured(choices, items, items)?;
    let predicted = rsm::matched(embedding, choices, items, items, &scoring)?;
    let correlate = |resampling| {
        rsm::correlate(
            measured.similarity.view(),
            predicted.view(),
            Coefficient::Pearson,
            resampling,
        )
    };
    let by_item = RsmResampling::Items {
        replicates: REPLICATES,
        seed: seed.0,
    };
    let correlation = correlate(by_item)?;
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
        published: correlate(RsmResampling::PublishedPairs {
            replicates: REPLICATES,
            seed: seed.0,
        })?,
        dominance: rsm_dominance(
            embedding,
            choices,
            items,
            items,
            &scoring,
            Coefficient::Pearson,
            by_item,
        )?,
        pruned_r2: pruned_similarity(embedding, items, items, &scoring, run)?,
        split_half,
        measured: measured.similarity,
        predicted,
    }))
}
