//! Two agents on the same triplets, two embeddings of the same stimuli.

use crate::WorkflowError;
use crate::choices::{self, ChoiceFile, by_key};
use crate::evaluate::{Scored, scored};
use crate::fit::MarkedSplits;
use crate::import::same_stimuli;
use emotome_embedding::Embedding;
use emotome_embedding::evaluate::EvaluationError;
use emotome_embedding::evaluate::accuracy::{self, Accuracy, Comparison};
use emotome_embedding::evaluate::agreement::{Agreement, agreement};
use emotome_embedding::evaluate::score::{Scoring, score};
use emotome_embedding::evaluate::two_way::Resampling;
use emotome_embedding::files::read_embedding;
use emotome_stats::correlation::{cross_correlation, fisher_mean};
use emotome_stats::matching::best_matching;
use emotome_stimuli::StimulusSet;
use emotome_stimuli::run::Run;
use emotome_stimuli::stimulus::KeyError;
use emotome_triplets::Split;
use serde::Serialize;
use std::path::PathBuf;

/// How alike two sets of choices are. Field names are stable.
#[derive(Debug, Clone, Serialize)]
pub struct ChoicesSummary {
    /// Choices of either file.
    pub n: [usize; 2],
    /// Agreement over the triplets that both share.
    #[serde(flatten)]
    pub agreement: Agreement,
}

/// Compares two files of choices over the triplets that they share, matched by key where both name their
/// stimuli, by number where neither does.
///
/// # Errors
/// [`WorkflowError`] of reading, [`WorkflowError::OneNamed`] if only one names its stimuli,
/// [`WorkflowError::NothingShared`] if no triplet is in both.
pub fn compare_choices(
    a: &ChoiceFile,
    b: &ChoiceFile,
    run: Run<'_>,
) -> Result<ChoicesSummary, WorkflowError> {
    let [ours, theirs] = [choices::read(a, None, run)?, choices::read(b, None, run)?];
    for (file, imported) in [(a, &ours), (b, &theirs)] {
        choices::tell_of_pooling(&file.path, imported.table.extras.agent.as_ref(), run);
    }
    let names = [ours.stimuli, theirs.stimuli];
    let [ours, theirs] = [ours.table.choices, theirs.table.choices];
    let (ours, theirs) = match names {
        [Some(left), Some(right)] => {
            let both = union(&left, &right)?;
            (by_key(ours, &left, &both)?, by_key(theirs, &right, &both)?)
        }
        [None, None] => (ours, theirs),
        [left, _] => {
            let (named, numbered) = if left.is_some() { (a, b) } else { (b, a) };
            return Err(WorkflowError::OneNamed {
                named: named.path.clone(),
                numbered: numbered.path.clone(),
            });
        }
    };
    let nothing_shared = |error| match error {
        EvaluationError::TooFew { .. } => WorkflowError::NothingShared {
            left: a.path.clone(),
            right: b.path.clone(),
        },
        error => error.into(),
    };
    let agreement = agreement(&ours, &theirs, Resampling::default()).map_err(nothing_shared)?;
    Ok(ChoicesSummary {
        n: [ours.len(), theirs.len()],
        agreement,
    })
}

/// The stimuli of either set.
pub(crate) fn union(left: &StimulusSet, right: &StimulusSet) -> Result<StimulusSet, KeyError> {
    let more = right
        .keys()
        .iter()
        .filter(|key| left.get(key.as_str()).is_none());
    StimulusSet::from_labels(left.keys().iter().chain(more).map(|key| key.as_str()))
}

/// Which embeddings to compare.
#[derive(Debug, Clone)]
pub struct EmbeddingsRequest {
    /// The first embedding.
    pub first: PathBuf,
    /// The second embedding.
    pub second: PathBuf,
    /// Choices on which both are scored, trial by trial.
    pub triplets: Option<ChoiceFile>,
    /// Score every choice of the file alike, whatever its split column marks.
    pub ignore_splits: bool,
    /// How a trial is scored.
    pub scoring: Scoring,
    /// How intervals are found.
    pub resampling: Resampling,
}

/// How alike two embeddings are. Field names are stable.
#[derive(Debug, Clone, Serialize)]
pub struct EmbeddingsSummary {
    /// Stimuli of both.
    pub n_items: usize,
    /// Dimensions of either.
    pub dims: [usize; 2],
    /// Dimensions matched one to one so that the sum of r is largest, the best pair first.
    pub matches: Vec<Match>,
    /// Fisher mean of r over the matches.
    pub mean_r: f64,
    /// Scores on the choices, if there are any.
    pub scores: Option<Scores>,
}

/// Two embeddings on identical trials. Field names are stable.
#[derive(Debug, Clone, Serialize)]
pub struct Scores {
    /// The first embedding.
    pub first: Accuracy,
    /// The second embedding.
    pub second: Accuracy,
    /// The first minus the second.
    pub difference: Comparison,
    /// What the split column of the choices marks; `null` without such a column, or where it is ignored.
    pub marked_splits: Option<MarkedSplits>,
    /// The split that was scored; `null` where every choice was.
    pub scored_split: Option<Split>,
}

/// A dimension and its partner.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Match {
    /// Column of the first embedding, counted from 1.
    pub first: usize,
    /// Column of the second embedding, counted from 1.
    pub second: usize,
    /// Pearson's r over stimuli; 0 for a constant dimension.
    pub r: f64,
}

/// Matches the dimensions of two embeddings, and compares their scores on the same choices, which
/// are joined by key where they and an embedding name their stimuli.
///
/// # Errors
/// [`WorkflowError`] of reading and scoring; [`WorkflowError::StimuliDiffer`] where both files name
/// their stimuli and these are not the same, in the same order.
pub fn compare_embeddings(
    request: &EmbeddingsRequest,
    run: Run<'_>,
) -> Result<EmbeddingsSummary, WorkflowError> {
    let [a, b] = [
        read_embedding(&request.first)?,
        read_embedding(&request.second)?,
    ];
    let n_items = a.embedding.n_stimuli();
    if n_items != b.embedding.n_stimuli() {
        let (left, right) = (n_items, b.embedding.n_stimuli());
        return Err(EvaluationError::Mismatch {
            what: "stimuli of the two embeddings",
            left,
            right,
        }
        .into());
    }
    if let (Some(left), Some(right)) = (&a.stimuli, &b.stimuli) {
        same_stimuli((&request.first, left), (&request.second, right))?;
    }
    let namer = match (&a.stimuli, &b.stimuli) {
        (None, Some(_)) => (request.second.as_path(), &b),
        _ => (request.first.as_path(), &a),
    };
    let on = request
        .triplets
        .as_ref()
        .map(|file| scored(file, request.ignore_splits, namer, run))
        .transpose()?;
    let (a, b) = (a.embedding, b.embedding);
    let scores = match on {
        None => None,
        Some(Scored {
            choices,
            marked_splits,
            scored_split,
        }) => {
            let [first, second] = [
                score(&a, &choices, &request.scoring)?,
                score(&b, &choices, &request.scoring)?,
            ];
            Some(Scores {
                first: accuracy::summarise(&choices, &first, request.resampling)?,
                second: accuracy::summarise(&choices, &second, request.resampling)?,
                difference: accuracy::compare(&choices, &first, &second, request.resampling)?,
                marked_splits,
                scored_split,
            })
        }
    };
    let matches = match_dimensions(&a, &b)?;
    let r: Vec<f64> = matches.iter().map(|m| m.r).collect();
    Ok(EmbeddingsSummary {
        n_items,
        dims: [a.n_dims(), b.n_dims()],
        mean_r: fisher_mean(&r),
        matches,
        scores,
    })
}

fn match_dimensions(a: &Embedding, b: &Embedding) -> Result<Vec<Match>, WorkflowError> {
    let [a, b] = [a, b].map(|embedding| embedding.values().mapv(f64::from));
    let mut r = cross_correlation(a.view(), b.view());
    r.mapv_inplace(|r| if r.is_nan() { 0.0 } else { r });
    let pairs = best_matching(r.view())?;
    let mut matches: Vec<Match> = pairs
        .into_iter()
        .map(|(i, j)| Match {
            first: i + 1,
            second: j + 1,
            r: r[[i, j]],
        })
        .collect();
    matches.sort_by(|x, y| y.r.total_cmp(&x.r));
    Ok(matches)
}
