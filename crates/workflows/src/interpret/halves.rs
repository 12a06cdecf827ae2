//! How far the embedding of an agent repeats, by embeddings that were fitted to either half of its choices.

use super::material::{EmbeddingOf, read_with_keys, weights};
use crate::WorkflowError;
use crate::choices::is_numbered;
use emotome_embedding::files::EmbeddingFile;
use emotome_interpret::align::rsm::spearman_brown;
use emotome_stats::correlation::pearson;
use emotome_stats::matching::best_matching;
use emotome_stats::summary::quantile;
use emotome_stimuli::StimulusSet;
use ndarray::{Array2, ArrayView2};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Embeddings of either half of an agent's choices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HalvesOf {
    /// The agent; none where there is one alone.
    pub agent: Option<String>,
    /// The files, as `emotome fit --half 1` and `--half 2` write them.
    pub paths: [PathBuf; 2],
}

/// How far each dimension repeats. Field names are stable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reliability {
    /// r of its counterparts in the two halves over stimuli; `null` where a half has none.
    pub half_r: Vec<f64>,
    /// The reliability of the whole by Spearman–Brown, 2r/(1 + r), Brown (1910) and Spearman (1910).
    pub dimensions: Vec<f64>,
    /// The median of the reliabilities that are known.
    pub median: f64,
}

/// Embeddings of either half, on the stimuli used.
#[derive(Debug, Clone)]
pub(crate) struct Halves {
    pub(crate) values: [Array2<f64>; 2],
}

/// Refuses halves of agents that are not there, and several pairs of one.
pub(super) fn check(given: &[HalvesOf], embeddings: &[EmbeddingOf]) -> Result<(), WorkflowError> {
    for (i, halves) in given.iter().enumerate() {
        let twice = given[..i].iter().any(|other| other.agent == halves.agent);
        let wrong = match &halves.agent {
            Some(agent) => twice || embeddings.iter().all(|of| of.agent != *agent),
            None => embeddings.len() > 1 || given.len() > 1,
        };
        if wrong {
            return Err(WorkflowError::WhoseHalves {
                path: halves.paths[0].clone(),
                known: embeddings.iter().map(|of| of.agent.clone()).collect(),
            });
        }
    }
    Ok(())
}

impl Halves {
    /// The halves of an agent, if they were given; `rows` are those of the whole that are used.
    ///
    /// # Errors
    /// [`WorkflowError::RowsDiffer`] and [`WorkflowError::HalfLacks`] for halves of other stimuli than the whole.
    pub(super) fn read(
        given: &[HalvesOf],
        of: &EmbeddingOf,
        whole: &EmbeddingFile,
        rows: &[usize],
        listed: Option<(&StimulusSet, &Path)>,
    ) -> Result<Option<Self>, WorkflowError> {
        let mut files = given
            .iter()
            .filter(|halves| halves.agent.as_ref().is_none_or(|agent| *agent == of.agent));
        let Some(HalvesOf { paths, .. }) = files.next() else {
            return Ok(None);
        };
        let half = |path: &PathBuf| -> Result<Array2<f64>, WorkflowError> {
            let half = read_with_keys(path, listed)?;
            let rows = rows_of(rows, (whole, &of.path), (&half, path))?;
            Ok(weights(&half, &rows))
        };
        let [first, second] = paths;
        let values = [half(first)?, half(second)?];
        Ok(Some(Self { values }))
    }

    /// How far each dimension of the whole repeats: its counterparts in the halves are matched one to one, by the
    /// largest sum of r with the whole.
    pub(super) fn reliability(&self, whole: ArrayView2<'_, f64>) -> Reliability {
        let counterparts = self.values.each_ref().map(|half| {
            let scores = Array2::from_shape_fn((whole.ncols(), half.ncols()), |(k, j)| {
                let r = pearson(&whole.column(k).to_vec(), &half.column(j).to_vec());
                if r.is_nan() { -1.0 } else { r }
            });
            let mut counterparts = vec![None; whole.ncols()];
            // Every score is a number.
            for (k, j) in best_matching(scores.view()).unwrap_or_default() {
                counterparts[k] = Some(j);
            }
            counterparts
        });
        let half_r: Vec<f64> = (0..whole.ncols())
            .map(|k| match counterparts.each_ref().map(|of| of[k]) {
                [Some(a), Some(b)] => pearson(
                    &self.values[0].column(a).to_vec(),
                    &self.values[1].column(b).to_vec(),
                ),
                _ => f64::NAN,
            })
            .collect();
        let dimensions: Vec<f64> = half_r.iter().copied().map(spearman_brown).collect();
        let mut known: Vec<f64> = dimensions.iter().copied().filter(|x| !x.is_nan()).collect();
        known.sort_by(f64::total_cmp);
        Reliability {
            half_r,
            dimensions,
            median: quantile(&known, 0.5),
        }
    }
}

/// The rows of a half for rows of the whole: by key where both name their stimuli, else the same.
fn rows_of(
    rows: &[usize],
    (whole, whole_path): (&EmbeddingFile, &Path),
    (half, path): (&EmbeddingFile, &Path),
) -> Result<Vec<usize>, WorkflowError> {
    fn named(file: &EmbeddingFile) -> Option<&StimulusSet> {
        file.stimuli.as_ref().filter(|set| !is_numbered(set))
    }
    let Some((wanted, have)) = named(whole).zip(named(half)) else {
        let (found, expected) = (half.embedding.n_stimuli(), whole.embedding.n_stimuli());
        return match found == expected {
            true => Ok(rows.to_vec()),
            false => Err(WorkflowError::RowsDiffer {
                file: path.to_owned(),
                found,
                other: whole_path.to_owned(),
                expected,
            }),
        };
    };
    let keys = || rows.iter().map(|&row| wanted.keys()[row].as_str());
    let lacking: Vec<&str> = keys().filter(|key| have.get(key).is_none()).collect();
    match lacking.first() {
        Some(first) => Err(WorkflowError::HalfLacks {
            path: path.to_owned(),
            lacking: lacking.len(),
            of: rows.len(),
            first: Box::from(*first),
        }),
        None => Ok(keys()
            .filter_map(|key| have.get(key))
            .map(|id| id.index())
            .collect()),
    }
}
