//! An embedding with what can be shown of its stimuli.

use super::{NameError, NameRequest};
use crate::WorkflowError;
use crate::choices::is_numbered;
use emotome_embedding::files::{EmbeddingFile, read_embedding};
use emotome_stimuli::captions::Captions;
use emotome_stimuli::reconciliation::List;
use emotome_stimuli::study::{Manifest, Record, Study};
use emotome_stimuli::{StimulusId, StimulusSet};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// How the rows of an embedding and what is shown were brought together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JoinedBy {
    /// By the keys of the stimuli.
    Key,
    /// By the published list of the Cowen & Keltner videos, which says which file each label of a caption shows.
    PublishedList,
    /// Row by row: the embedding names no stimuli.
    Row,
}

/// An embedding, and a study whose stimuli are the rows of the embedding.
#[derive(Debug)]
pub(super) struct Material {
    pub(super) file: EmbeddingFile,
    pub(super) study: Study,
    /// Where media lie.
    pub(super) root: PathBuf,
    pub(super) joined: JoinedBy,
    /// Rows that neither captions nor study know.
    pub(super) unknown: usize,
}

/// The row of a table for each row of the embedding.
struct Rows {
    joined: JoinedBy,
    rows: Vec<Option<StimulusId>>,
}

impl Material {
    /// # Errors
    /// [`WorkflowError`] of reading, and [`NameError`] where nothing is shared.
    pub(super) fn of(request: &NameRequest) -> Result<Self, WorkflowError> {
        let file = read_embedding(&request.embedding)?;
        let n = file.embedding.n_stimuli();
        let keys = file.stimuli.as_ref().filter(|set| !is_numbered(set));
        let study = request.study.as_deref().map(Study::open).transpose()?;
        let captions = request
            .captions
            .as_deref()
            .map(Captions::read)
            .transpose()?;
        let mut records = vec![Record::default(); n];
        let mut known = vec![false; n];
        let mut joined = None;
        let (mut manifest, mut ratings, mut named) = (Manifest::new("captions"), Vec::new(), None);
        if let (Some(study), Some(root)) = (study, &request.study) {
            let found = rows(&request.embedding, (keys, n), root, &study.stimuli)?;
            for ((record, known), row) in records.iter_mut().zip(&mut known).zip(&found.rows) {
                if let Some(id) = row {
                    record.clone_from(&study.records[id.index()]);
                    *known = true;
                }
            }
            joined = Some(found.joined);
            (manifest, ratings, named) = (study.manifest, study.ratings, Some(study.stimuli));
        }
        if let (Some(mut captions), Some(path)) = (captions, &request.captions) {
            let shares = |captions: &Captions| {
                let has = |keys: &StimulusSet| {
                    keys.keys()
                        .iter()
                        .any(|key| captions.stimuli.get(key.as_str()).is_some())
                };
                keys.is_none_or(has)
            };
            let mut by_list = false;
            if !shares(&captions)
                && let Ok((published, _)) = List::Presented2196.captions(&captions)
                && shares(&published)
            {
                captions = published;
                by_list = true;
            }
            let found = rows(&request.embedding, (keys, n), path, &captions.stimuli)?;
            for ((record, known), row) in records.iter_mut().zip(&mut known).zip(&found.rows) {
                record.captions = row.map_or_else(Vec::new, |id| captions.of(id).to_vec());
                *known |= row.is_some();
            }
            joined = Some(if by_list {
                JoinedBy::PublishedList
            } else {
                found.joined
            });
            named = named.or(Some(captions.stimuli));
        }
        let (Some(joined), Some(named)) = (joined, named) else {
            return Err(NameError::NothingToShow.into());
        };
        Ok(Self {
            study: Study {
                manifest,
                // An embedding without keys has as many rows as the table that names them.
                stimuli: keys.cloned().unwrap_or(named),
                records,
                ratings,
            },
            root: request.study.clone().unwrap_or_default(),
            joined,
            unknown: known.iter().filter(|known| !**known).count(),
            file,
        })
    }
}

fn rows(
    embedding: &Path,
    (keys, n): (Option<&StimulusSet>, usize),
    table: &Path,
    stimuli: &StimulusSet,
) -> Result<Rows, NameError> {
    let first = |set: &StimulusSet| {
        set.keys()
            .first()
            .map_or_else(String::new, ToString::to_string)
    };
    match keys {
        Some(keys) => {
            let rows: Vec<_> = keys
                .keys()
                .iter()
                .map(|key| stimuli.get(key.as_str()))
                .collect();
            if rows.iter().all(Option::is_none) {
                return Err(NameError::NoneShared {
                    table: table.to_owned(),
                    table_key: first(stimuli),
                    embedding: embedding.to_owned(),
                    embedding_key: first(keys),
                });
            }
            Ok(Rows {
                joined: JoinedBy::Key,
                rows,
            })
        }
        None if stimuli.len() == n => Ok(Rows {
            joined: JoinedBy::Row,
            rows: (0..n as u32).map(|row| Some(StimulusId(row))).collect(),
        }),
        None => Err(NameError::RowsDiffer {
            embedding: embedding.to_owned(),
            found: n,
            table: table.to_owned(),
            expected: stimuli.len(),
        }),
    }
}
