//! Agreement of an agent's choices with the ratings of a study.

use crate::WorkflowError;
use emotome_judges::agree::{ImpliedAgreement, implied};
use emotome_judges::{Centring, Metric, MissingValues, Similarities, SimilarityParams};
use emotome_stats::random::Seed;
use emotome_stimuli::StimulusSet;
use emotome_stimuli::ratings::Kind;
use emotome_stimuli::study::Study;
use emotome_triplets::journal::{AgentId, Journal};
use emotome_triplets::{Choice, Split};
use ndarray::{Array2, Axis};
use serde::Serialize;
use std::path::Path;

/// Choices compared at most: the first of the design's main arm, which are drawn at random.
const MOST: usize = 1 << 17;

/// Permutations of the stimuli.
const PERMUTATIONS: usize = 999;

/// Agreement with the ratings on scales of one kind. Field names are stable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RatingAgreement {
    /// The table and the kind of its scales.
    pub ratings: String,
    /// How similarity follows from the ratings.
    pub similarity: &'static str,
    /// The agreement and its null.
    #[serde(flatten)]
    pub implied: ImpliedAgreement,
}

/// The similarities of a study's ratings.
pub(super) struct Rated {
    name: String,
    similarity: &'static str,
    similarities: Similarities,
}

/// Similarities of the stimuli by each table of ratings: dot products of categories, distances of z-scored dimensions.
pub(super) fn rated(folder: &Path, stimuli: &StimulusSet) -> Result<Vec<Rated>, WorkflowError> {
    let study = Study::open(folder)?;
    let mut all = Vec::new();
    for table in &study.ratings {
        let aligned = table.align(stimuli).table;
        for (kind, what, similarity, metric, centring) in [
            (
                Kind::Category,
                "categories",
                "dot product",
                Metric::Dot,
                Centring::None,
            ),
            (
                Kind::Dimension,
                "dimensions",
                "distance of z-scores",
                Metric::Euclidean,
                Centring::ZScore,
            ),
        ] {
            let columns: Vec<usize> = (0..aligned.scales.len())
                .filter(|&c| aligned.scales[c].1.kind == kind)
                .collect();
            if columns.is_empty() {
                continue;
            }
            let values: Array2<f64> = aligned.values.select(Axis(1), &columns);
            let params = SimilarityParams {
                metric,
                centring,
                missing: MissingValues::DropStimuli,
            };
            all.push(Rated {
                name: format!("{}: {} {what}", table.name, columns.len()),
                similarity,
                similarities: Similarities::new(values.view(), params)?,
            });
        }
    }
    Ok(all)
}

/// How far an agent agrees with each.
pub(super) fn agreements(
    journal: &Journal,
    agent: AgentId,
    rated: &[Rated],
    seed: Seed,
) -> Result<Vec<RatingAgreement>, WorkflowError> {
    if rated.is_empty() {
        return Ok(Vec::new());
    }
    let mut choices: Vec<Choice> = Vec::new();
    journal.for_each_choice(agent, |stored| {
        let repeated = matches!(stored.trial.split, Split::Ceiling | Split::FullSet);
        if !repeated && choices.len() < MOST {
            choices.extend(stored.choice());
        }
        Ok::<_, WorkflowError>(())
    })?;
    let agreement = |of: &Rated| {
        Some(RatingAgreement {
            ratings: of.name.clone(),
            similarity: of.similarity,
            implied: implied(&choices, &of.similarities, PERMUTATIONS, seed)?,
        })
    };
    Ok(rated.iter().filter_map(agreement).collect())
}
