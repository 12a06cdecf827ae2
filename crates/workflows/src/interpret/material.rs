//! The embeddings and ratings that are interpreted, brought to the same stimuli.

use super::Inputs;
use crate::WorkflowError;
use crate::choices::is_numbered;
use emotome_embedding::files::{EmbeddingFile, read_embedding};
use emotome_interpret::rating::Rating;
use emotome_stimuli::captions::Captions;
use emotome_stimuli::ratings::{Kind, RatingsTable};
use emotome_stimuli::run::Run;
use emotome_stimuli::{StimulusKey, StimulusSet};
use ndarray::{Array2, Axis};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Fewest stimuli that embeddings and ratings must share.
const FEWEST: usize = emotome_interpret::pairs::FEWEST_ITEMS;

/// An embedding and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbeddingOf {
    /// The agent, e.g. `MLLM`.
    pub agent: String,
    /// The file.
    pub path: PathBuf,
}

/// Which columns of the ratings are categories and which affective dimensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scales {
    /// As the sidecar says, or the names of the published table.
    Known,
    /// The first columns are categories, all others affective dimensions.
    Counted {
        /// The number of categories.
        categories: usize,
        /// The number of affective dimensions.
        dimensions: usize,
    },
}

/// How rows of a file and stimuli were brought together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Joined {
    /// By the keys of the stimuli.
    Key,
    /// Row by row: the file names no stimuli.
    Row,
}

/// What was joined, and what was left out. Field names are stable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StimuliReport {
    /// Stimuli in the ratings.
    pub rated: usize,
    /// Stimuli that the ratings and every embedding share: those interpreted.
    pub used: usize,
    /// How each embedding was joined.
    pub joined: Vec<Joined>,
    /// Rated stimuli that each embedding lacks.
    pub without_embedding: Vec<usize>,
    /// Stimuli of each embedding that were not rated.
    pub without_ratings: Vec<usize>,
    /// Whose categories and dimensions these are, where it was known by the names alone.
    pub taken_for: Option<&'static str>,
}

/// A stimulus that was left out, where it stands and where it does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LeftOut {
    pub(crate) key: StimulusKey,
    pub(crate) reason: String,
}

/// An agent's embedding on the stimuli shared.
#[derive(Debug, Clone)]
pub(crate) struct AgentEmbedding {
    pub(crate) name: String,
    pub(crate) values: Array2<f64>,
}

/// Everything that is interpreted, on the same stimuli in the same order.
#[derive(Debug, Clone)]
pub(crate) struct Material {
    pub(crate) stimuli: StimulusSet,
    pub(crate) agents: Vec<AgentEmbedding>,
    pub(crate) ratings: Vec<Rating>,
    /// Stimuli × ratings; NaN where there is none.
    pub(crate) values: Array2<f64>,
    /// The number of raters behind a category's value, where every category states the same.
    pub(crate) raters: Option<u32>,
    /// A caption of each stimulus, where there is one.
    pub(crate) captions: Vec<Option<String>>,
    pub(crate) report: StimuliReport,
    pub(crate) left_out: Vec<LeftOut>,
}

impl Material {
    /// Reads embeddings, ratings and captions, and keeps the stimuli that all embeddings and the ratings
    /// share, in the order of the ratings.
    ///
    /// # Errors
    /// [`WorkflowError`] of reading; [`WorkflowError::ScalesCount`] and [`WorkflowError::Kind`] for columns
    /// of which nothing says what they measure; [`WorkflowError::RowsDiffer`] for an embedding without keys
    /// that has not a row for each stimulus rated; [`WorkflowError::FewShared`].
    pub(crate) fn of(inputs: &Inputs, run: Run<'_>) -> Result<Self, WorkflowError> {
        let (embeddings, ratings, scales) = (&inputs.embeddings, &inputs.ratings, inputs.scales);
        let (table, taken_for) = match scales {
            Scales::Known => RatingsTable::read_known(ratings)?,
            Scales::Counted { .. } => (RatingsTable::read(ratings)?, None),
        };
        let kinds = kinds(&table, ratings, scales)?;
        let mut files = Vec::with_capacity(embeddings.len());
        for embedding in embeddings {
            files.push(read_embedding(&embedding.path)?);
        }
        let rows = rows_of(&table, &files, embeddings, ratings)?;
        let every = |i: &usize| rows.iter().all(|(_, rows)| rows[*i].is_some());
        let used: Vec<usize> = (0..table.stimuli.len()).filter(every).collect();
        let left_out = left_out(&table.stimuli, &files, embeddings, &rows);
        if used.len() < FEWEST {
            return Err(few_shared(
                used.len(),
                &table.stimuli,
                &files,
                embeddings,
                ratings,
            ));
        }
        let keys = table.stimuli.keys();
        let stimuli = StimulusSet::from_labels(used.iter().map(|&i| keys[i].as_str()))?;
        let agents = files
            .iter()
            .zip(embeddings)
            .zip(&rows)
            .map(|((file, of), (_, rows))| {
                let rows: Vec<usize> = used.iter().filter_map(|&i| rows[i]).collect();
                let values = file.embedding.values().select(Axis(0), &rows);
                AgentEmbedding {
                    name: of.agent.clone(),
                    values: values.mapv(f64::from),
                }
            })
            .collect();
        let report = StimuliReport {
            rated: table.stimuli.len(),
            used: used.len(),
            joined: rows.iter().map(|(joined, _)| *joined).collect(),
            without_embedding: rows
                .iter()
                .map(|(_, rows)| rows.iter().filter(|row| row.is_none()).count())
                .collect(),
            without_ratings: files
                .iter()
                .zip(&rows)
                .map(|(file, (_, rows))| file.embedding.n_stimuli() - rows.iter().flatten().count())
                .collect(),
            taken_for,
        };
        if !left_out.is_empty() {
            run.progress.note(&format!(
                "{} of {} rated stimuli are interpreted; {} that an embedding or the ratings lack are listed in {LEFT_OUT}",
                report.used,
                report.rated,
                left_out.len()
            ));
        }
        let captions = match &inputs.captions {
            None => vec![None; stimuli.len()],
            Some(path) => {
                let captions = Captions::read(path)?;
                let first = |key: &StimulusKey| {
                    let id = captions.stimuli.get(key.as_str())?;
                    captions.of(id).first().cloned()
                };
                stimuli.keys().iter().map(first).collect()
            }
        };
        Ok(Self {
            raters: raters(&table, &kinds),
            ratings: kinds,
            values: table.values.select(Axis(0), &used),
            stimuli,
            agents,
            captions,
            report,
            left_out,
        })
    }
}

/// The file that lists stimuli that were left out.
pub(crate) const LEFT_OUT: &str = "left_out.tsv";

/// The columns of the ratings with what they measure.
fn kinds(table: &RatingsTable, path: &Path, scales: Scales) -> Result<Vec<Rating>, WorkflowError> {
    let kind = |column: usize, stated: Kind| match scales {
        Scales::Known => stated,
        Scales::Counted { categories, .. } if column < categories => Kind::Category,
        Scales::Counted { .. } => Kind::Dimension,
    };
    if let Scales::Counted {
        categories,
        dimensions,
    } = scales
        && categories + dimensions != table.scales.len()
    {
        return Err(WorkflowError::ScalesCount {
            path: path.to_owned(),
            found: table.scales.len(),
            categories,
            dimensions,
        });
    }
    let scales = table.scales.iter().enumerate();
    scales
        .map(|(column, (name, scale))| {
            Rating::new(name.to_lowercase(), kind(column, scale.kind)).map_err(|source| {
                WorkflowError::Kind {
                    path: path.to_owned(),
                    source,
                }
            })
        })
        .collect()
}

/// The number of raters that all categories state.
fn raters(table: &RatingsTable, ratings: &[Rating]) -> Option<u32> {
    let mut stated = table
        .scales
        .iter()
        .zip(ratings)
        .filter(|(_, rating)| rating.kind == emotome_interpret::rating::RatingKind::Category)
        .map(|((_, scale), _)| scale.n_raters);
    let first = stated.next()??;
    stated.all(|n| n == Some(first)).then_some(first)
}

type Rows = (Joined, Vec<Option<usize>>);

/// The row of each rated stimulus in each embedding.
fn rows_of(
    table: &RatingsTable,
    files: &[EmbeddingFile],
    embeddings: &[EmbeddingOf],
    ratings: &Path,
) -> Result<Vec<Rows>, WorkflowError> {
    let n = table.stimuli.len();
    files
        .iter()
        .zip(embeddings)
        .map(|(file, of)| {
            if let Some(set) = file.stimuli.as_ref().filter(|set| !is_numbered(set)) {
                let row = |key: &StimulusKey| set.get(key.as_str()).map(|id| id.index());
                return Ok((Joined::Key, table.stimuli.keys().iter().map(row).collect()));
            }
            let found = file.embedding.n_stimuli();
            if found == n {
                return Ok((Joined::Row, (0..n).map(Some).collect()));
            }
            Err(WorkflowError::RowsDiffer {
                embedding: of.path.clone(),
                found,
                ratings: ratings.to_owned(),
                expected: n,
            })
        })
        .collect()
}

/// Every stimulus that some file has and another lacks.
fn left_out(
    rated: &StimulusSet,
    files: &[EmbeddingFile],
    embeddings: &[EmbeddingOf],
    rows: &[Rows],
) -> Vec<LeftOut> {
    let mut out = Vec::new();
    for (i, key) in rated.keys().iter().enumerate() {
        let lacking: Vec<&str> = embeddings
            .iter()
            .zip(rows)
            .filter(|(_, (_, rows))| rows[i].is_none())
            .map(|(of, _)| of.agent.as_str())
            .collect();
        if !lacking.is_empty() {
            out.push(LeftOut {
                key: key.clone(),
                reason: format!("rated, not in the embedding of {}", lacking.join(", ")),
            });
        }
    }
    for (file, of) in files.iter().zip(embeddings) {
        let Some(set) = file.stimuli.as_ref().filter(|set| !is_numbered(set)) else {
            continue;
        };
        let unrated = set
            .keys()
            .iter()
            .filter(|k| rated.get(k.as_str()).is_none());
        out.extend(unrated.map(|key| LeftOut {
            key: key.clone(),
            reason: format!("in the embedding of {}, not rated", of.agent),
        }));
    }
    out
}

fn few_shared(
    shared: usize,
    rated: &StimulusSet,
    files: &[EmbeddingFile],
    embeddings: &[EmbeddingOf],
    ratings: &Path,
) -> WorkflowError {
    let first = |set: &StimulusSet| {
        set.keys()
            .first()
            .map_or_else(String::new, |k| k.to_string())
    };
    let (file, of) = files
        .iter()
        .zip(embeddings)
        .min_by_key(|(file, _)| {
            let set = file.stimuli.as_ref();
            let shared = |set: &StimulusSet| {
                let keys = set.keys().iter();
                keys.filter(|k| rated.get(k.as_str()).is_some()).count()
            };
            set.map_or(usize::MAX, shared)
        })
        .expect("a request has an embedding");
    WorkflowError::FewShared {
        embedding: of.path.clone(),
        embedding_key: file.stimuli.as_ref().map_or_else(String::new, first),
        ratings: ratings.to_owned(),
        ratings_key: first(rated),
        shared,
        fewest: FEWEST,
    }
}
