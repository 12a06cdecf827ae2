//! How well an embedding predicts choices.

use crate::WorkflowError;
use crate::choices::{self, ChoiceFile, format_of};
use emotome_embedding::EmbeddingError;
use emotome_embedding::evaluate::accuracy::{self, Accuracy};
use emotome_embedding::evaluate::score::Scoring;
use emotome_embedding::evaluate::two_way::Resampling;
use emotome_embedding::files::{EmbeddingFile, read_embedding};
use emotome_stimuli::StimulusSet;
use emotome_stimuli::run::Run;
use emotome_triplets::ChoiceSet;
use emotome_triplets::formats::{
    Format, FormatError, ItemTokens, ReadOptions, RowError, Stimuli, TableColumns,
};
use serde::Serialize;
use std::path::{Path, PathBuf};

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
/// Where the embedding names its stimuli, choices that name theirs are joined by key; choices by
/// number count its rows.
///
/// # Errors
/// [`WorkflowError`] of reading and of scoring; choices that name a stimulus that the embedding lacks
/// are refused, and [`WorkflowError::RowsOrKeys`] those whose numbers can be either.
pub fn evaluate(request: &EvaluateRequest, run: Run<'_>) -> Result<EvaluateSummary, WorkflowError> {
    let file = read_embedding(&request.embedding)?;
    let choices = choices_on(&request.triplets, (&request.embedding, &file), run)?;
    let accuracy = accuracy::held_out(
        &file.embedding,
        &choices,
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

/// Reads choices among the stimuli of an embedding, by key where both have keys.
pub(crate) fn choices_on(
    file: &ChoiceFile,
    (path, embedding): (&Path, &EmbeddingFile),
    run: Run<'_>,
) -> Result<ChoiceSet, WorkflowError> {
    let n = embedding.embedding.n_stimuli();
    let named = embedding.stimuli.as_ref().filter(|set| !is_numbered(set));
    let format = file.format.map_or_else(|| format_of(&file.path), Ok)?;
    if let (Some(set), Format::Table) = (named, format) {
        return by_row_or_key(&file.path, (path, set), run);
    }
    let counted = ChoiceFile {
        n_stimuli: Some(n),
        ..file.clone()
    };
    let imported = choices::read(&counted, named, run)?;
    // Nothing can be joined to rows without names, but their number can be checked.
    match imported.stimuli {
        Some(set) if set.len() != n => Err(EmbeddingError::StimulusCount {
            embedding: n,
            choices: set.len(),
        }
        .into()),
        _ => Ok(imported.table.choices),
    }
}

/// Whether keys are the numbers of their rows, as files without names are written.
fn is_numbered(set: &StimulusSet) -> bool {
    (0..set.len())
        .zip(set.keys())
        .all(|(row, key)| key.as_str() == row.to_string())
}

/// A table does not say whether it names stimuli by row or by key: the reading that makes sense of
/// every row is right, and two that do must agree.
fn by_row_or_key(
    choices: &Path,
    (embedding, set): (&Path, &StimulusSet),
    run: Run<'_>,
) -> Result<ChoiceSet, WorkflowError> {
    let read = |tokens| {
        let options = ReadOptions {
            columns: TableColumns {
                tokens,
                ..TableColumns::default()
            },
            ..ReadOptions::new(Stimuli::Set(set))
        };
        let imported = Format::Table.read(choices, &options, run)?;
        Ok::<_, FormatError>(imported.table.choices)
    };
    let by_row = read(ItemTokens::Ids);
    let numeric = set
        .keys()
        .iter()
        .any(|key| key.as_str().parse::<i64>().is_ok());
    if by_row.is_ok() && !numeric {
        return Ok(by_row?);
    }
    match (by_row, read(ItemTokens::Keys)) {
        (Ok(rows), Ok(keys)) if rows != keys => Err(WorkflowError::RowsOrKeys {
            choices: choices.into(),
            embedding: embedding.into(),
        }),
        (Ok(found), _) | (Err(_), Ok(found)) => Ok(found),
        (
            Err(FormatError::Row {
                source: RowError::NotAnInteger { .. },
                ..
            }),
            Err(error),
        )
        | (Err(error), Err(_)) => Err(error.into()),
    }
}
