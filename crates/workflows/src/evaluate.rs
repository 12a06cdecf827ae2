//! How well an embedding predicts choices.

use crate::WorkflowError;
use crate::choices::{self, ChoiceFile, is_numbered};
use crate::fit::{MarkedSplits, part};
use emotome_embedding::EmbeddingError;
use emotome_embedding::evaluate::accuracy::{self, Accuracy};
use emotome_embedding::evaluate::score::Scoring;
use emotome_embedding::evaluate::two_way::Resampling;
use emotome_embedding::files::{EmbeddingFile, read_embedding};
use emotome_stimuli::run::Run;
use emotome_triplets::formats::ChoiceTable;
use emotome_triplets::{ChoiceSet, Split};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// What to score on what.
#[derive(Debug, Clone)]
pub struct EvaluateRequest {
    /// The embedding.
    pub embedding: PathBuf,
    /// The choices; the embedding says how many stimuli there are.
    pub triplets: ChoiceFile,
    /// Score every choice of the file alike, whatever its split column marks.
    pub ignore_splits: bool,
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
    /// What the split column of the choices marks; `null` without such a column, or where it is ignored.
    pub marked_splits: Option<MarkedSplits>,
    /// The split that was scored; `null` where every choice was.
    pub scored_split: Option<Split>,
}

/// Scores an embedding on choices.
///
/// Where the embedding names its stimuli, choices that name theirs are joined by key; choices by
/// number count its rows. Where a split column marks choices, those for testing are scored alone.
///
/// # Errors
/// [`WorkflowError`] of reading and of scoring; choices that name a stimulus that the embedding lacks
/// are refused, and [`WorkflowError::RowsOrKeys`] those whose numbers can be either;
/// [`WorkflowError::NothingToScore`] where the split column marks none for testing.
pub fn evaluate(request: &EvaluateRequest, run: Run<'_>) -> Result<EvaluateSummary, WorkflowError> {
    let file = read_embedding(&request.embedding)?;
    let Scored {
        choices,
        marked_splits,
        scored_split,
    } = scored(
        &request.triplets,
        request.ignore_splits,
        (&request.embedding, &file),
        run,
    )?;
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
        marked_splits,
        scored_split,
    })
}

/// Choices that embeddings are scored on.
pub(crate) struct Scored {
    pub(crate) choices: ChoiceSet,
    pub(crate) marked_splits: Option<MarkedSplits>,
    pub(crate) scored_split: Option<Split>,
}

/// Reads the choices that embeddings are scored on: those that a split column marks for testing, or
/// all of them without such a column, or where it is ignored.
pub(crate) fn scored(
    file: &ChoiceFile,
    ignore_splits: bool,
    embedding: (&Path, &EmbeddingFile),
    run: Run<'_>,
) -> Result<Scored, WorkflowError> {
    let table = choices_on(file, embedding, run)?;
    let splits = table.extras.split.filter(|_| !ignore_splits);
    let marked_splits = splits.as_deref().map(MarkedSplits::of);
    if let Some(marked) = marked_splits {
        if marked.test == 0 {
            let path = file.path.clone();
            return Err(WorkflowError::NothingToScore { path, marked });
        }
        run.progress.note(&marked.told_of_score(&file.path));
    }
    Ok(Scored {
        scored_split: splits.is_some().then_some(Split::Test),
        choices: match splits {
            Some(splits) => part(&table.choices, &splits, Split::Test),
            None => table.choices,
        },
        marked_splits,
    })
}

/// Reads choices among the stimuli of an embedding, by key where both have keys.
pub(crate) fn choices_on(
    file: &ChoiceFile,
    (path, embedding): (&Path, &EmbeddingFile),
    run: Run<'_>,
) -> Result<ChoiceTable, WorkflowError> {
    let n = embedding.embedding.n_stimuli();
    let named = embedding.stimuli.as_ref().filter(|set| !is_numbered(set));
    let counted = ChoiceFile {
        n_stimuli: file.n_stimuli.or_else(|| named.is_none().then_some(n)),
        ..file.clone()
    };
    let imported = choices::read(&counted, named.map(|set| (path, set)), run)?;
    choices::tell_of_pooling(&file.path, imported.table.extras.agent.as_ref(), run);
    let found = imported.table.choices.n_stimuli();
    if found == n {
        Ok(imported.table)
    } else {
        // Nothing can be joined to rows without names, but their number can be checked.
        Err(EmbeddingError::StimulusCount {
            embedding: n,
            choices: found,
        }
        .into())
    }
}
