//! How well an embedding predicts choices.

use crate::WorkflowError;
use crate::choices::{self, ChoiceFile};
use emotome_embedding::evaluate::accuracy::{self, Accuracy};
use emotome_embedding::evaluate::score::Scoring;
use emotome_embedding::evaluate::two_way::Resampling;
use emotome_embedding::files::read_embedding;
use emotome_stimuli::run::Run;
use serde::Serialize;
use std::path::PathBuf;

/// What to score on what.
#[derive(Debug, Clone)]
pub struct EvaluateRequest {
    /// The embedding.
    pub embedding: PathBuf,
    /// The choices; the embedding says how many stimuli there are.
    pub triplets: ChoiceFile,
    /// How a trial is scored.
    pub scoring: Scoring,
    /// How intervals are found.
    pub resampling: Resampling,
}

/// The score of an embedding. Field names are stable.
#[derive(Debug, Clone, Serialize)]
pub struct EvaluateSummary {
    /// Accuracy and likelihood with intervals.
    #[serde(flatten)]
    pub accuracy: Accuracy,
    /// Stimuli of the embedding.
    pub n_items: usize,
    /// Dimensions of the embedding.
    pub dims: usize,
    /// How trials were scored.
    pub scoring: Scoring,
}

/// Scores an embedding on choices.
///
/// # Errors
/// [`WorkflowError`] of reading and of scoring.
pub fn evaluate(request: &EvaluateRequest, run: Run<'_>) -> Result<EvaluateSummary, WorkflowError> {
    let file = read_embedding(&request.embedding)?;
    let triplets = ChoiceFile {
        n_stimuli: Some(file.embedding.n_stimuli()),
        ..request.triplets.clone()
    };
    let imported = choices::read(&triplets, None, run)?;
    let accuracy = accuracy::held_out(
        &file.embedding,
        &imported.table.choices,
        &request.scoring,
        request.resampling,
    )?;
    Ok(EvaluateSummary {
        accuracy,
        n_items: file.embedding.n_stimuli(),
        dims: file.embedding.n_dims(),
        scoring: request.scoring,
    })
}
