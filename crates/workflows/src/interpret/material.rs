//! The embeddings and ratings that are interpreted, brought to the same stimuli.

use super::halves::{self, Halves};
use super::picture::{self, Selection};
use super::rated::Rated;
use super::thumbnails::Thumbnails;
use super::{Frames, Inputs, Interpretation, given};
use crate::WorkflowError;
use crate::choices::is_numbered;
use emotome_embedding::files::{EmbeddingFile, read_embedding};
use emotome_interpret::rating::Rating;
use emotome_stimuli::captions::Captions;
use emotome_stimuli::run::Run;
use emotome_stimuli::study::Study;
use emotome_stimuli::{StimulusKey, StimulusSet, keys};
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
    /// Stimuli in the ratings; without ratings those of the first embedding that names them.
    pub given: usize,
    /// Stimuli that the ratings and every embedding share: those interpreted.
    pub used: usize,
    /// How the ratings were joined; `null` without ratings.
    pub ratings_joined: Option<Joined>,
    /// How each embedding was joined.
    pub joined: Vec<Joined>,
    /// Of the stimuli given, those that each embedding lacks.
    pub without_embedding: Vec<usize>,
    /// Stimuli of each embedding that are not among those given.
    pub without_ratings: Vec<usize>,
    /// Stimuli used that have a caption.
    pub captioned: usize,
    /// Stimuli used that the study flags as sensitive; their captions and pictures are not shown.
    pub flagged: usize,
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
    /// Names that its dimensions were given.
    pub(crate) names: Option<Vec<Option<String>>>,
    pub(crate) values: Array2<f64>,
    /// What either half of its choices gives, where it is known.
    pub(crate) halves: Option<Halves>,
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
    /// Whether a stimulus is flagged as sensitive.
    pub(crate) flagged: Vec<bool>,
    /// Whether flagged stimuli are shown, without their captions, hatched or blurred.
    pub(crate) frames: Frames,
    /// Pictures of the stimuli that figures show; none unless taken.
    pub(crate) thumbnails: Thumbnails,
    pub(crate) report: StimuliReport,
    pub(crate) left_out: Vec<LeftOut>,
}

impl Material {
    /// Reads embeddings, ratings, captions and flags, and keeps the stimuli that all embeddings and the ratings
    /// share, in the order of the ratings; without ratings in that of the first embedding with keys.
    ///
    /// # Errors
    /// [`WorkflowError`] of reading; [`WorkflowError::ScalesCount`] and [`WorkflowError::Kind`] for columns
    /// of which nothing says what they measure; [`WorkflowError::RowsDiffer`] for an embedding without keys
    /// that has not a row for each stimulus; [`WorkflowError::FewShared`].
    pub(crate) fn of(inputs: &Inputs, run: Run<'_>) -> Result<Self, WorkflowError> {
        let embeddings = &inputs.embeddings;
        let mut files = Vec::with_capacity(embeddings.len());
        given::check(&inputs.names, embeddings)?;
        halves::check(&inputs.halves, embeddings)?;
        let keys = inputs.keys.as_ref().map(keys::read).transpose()?;
        let listed = keys.as_ref().zip(inputs.keys.as_deref());
        let mut names = Vec::with_capacity(embeddings.len());
        for of in embeddings {
            let file = read_with_keys(&of.path, listed)?;
            names.push(given::names(&inputs.names, of, &file.embedding)?);
            files.push(file);
        }
        let rated = match &inputs.ratings {
            Some(path) => Some(Rated::read(path, inputs.scales)?),
            None => None,
        };
        let keyed = rated.as_ref().and_then(|rated| rated.stimuli.as_ref());
        let known = |set: &StimulusSet| {
            let sets = files.iter().filter_map(|file| file.stimuli.as_ref());
            !is_numbered(set) || sets.into_iter().any(|other| overlap(other, set))
        };
        let keyed = keyed.filter(|set| known(set)).cloned();
        let ratings_joined = rated.as_ref().map(|_| match keyed {
            Some(_) => Joined::Key,
            None => Joined::Row,
        });
        let (base, whose) = match (keyed, &inputs.ratings) {
            (Some(stimuli), Some(path)) => (stimuli, path),
            _ => first_named(&files, embeddings)?,
        };
        if let (Some(rated), Some(path)) = (&rated, &inputs.ratings)
            && rated.values.nrows() != base.len()
        {
            return Err(WorkflowError::RowsDiffer {
                file: path.clone(),
                found: rated.values.nrows(),
                other: whose.clone(),
                expected: base.len(),
            });
        }
        let rows = rows_of(&base, whose, &files, embeddings)?;
        let every = |i: &usize| rows.iter().all(|(_, rows)| rows[*i].is_some());
        let used: Vec<usize> = (0..base.len()).filter(every).collect();
        if used.len() < FEWEST {
            return Err(few_shared(used.len(), (whose, &base), &files, embeddings));
        }
        let left_out = left_out(&base, &files, embeddings, &rows);
        let keys = base.keys();
        let stimuli = StimulusSet::from_labels(used.iter().map(|&i| keys[i].as_str()))?;
        let (captions, flagged) = described(inputs, &stimuli)?;
        let report = StimuliReport {
            given: base.len(),
            used: used.len(),
            ratings_joined,
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
            captioned: captions.iter().flatten().count(),
            flagged: flagged.iter().filter(|flag| **flag).count(),
            taken_for: rated.as_ref().and_then(|rated| rated.taken_for),
        };
        if !left_out.is_empty() {
            run.progress.note(&format!(
                "{} of {} stimuli are interpreted; {} that an embedding or the ratings lack are listed in {LEFT_OUT}",
                report.used,
                report.given,
                left_out.len()
            ));
        }
        let mut agents = selected(&files, embeddings, names, &rows, &used);
        for ((agent, file), (of, (_, rows))) in agents
            .iter_mut()
            .zip(&files)
            .zip(embeddings.iter().zip(&rows))
        {
            let rows: Vec<usize> = used.iter().filter_map(|&i| rows[i]).collect();
            agent.halves = Halves::read(&inputs.halves, of, file, &rows, listed)?;
        }
        let values = match &rated {
            Some(rated) => rated.values.select(Axis(0), &used),
            None => Array2::zeros((used.len(), 0)),
        };
        Ok(Self {
            raters: inputs
                .raters
                .or(rated.as_ref().and_then(|rated| rated.raters)),
            agents,
            ratings: rated.map(|rated| rated.kinds).unwrap_or_default(),
            values,
            stimuli,
            captions,
            flagged,
            frames: inputs.frames,
            thumbnails: Thumbnails::default(),
            report,
            left_out,
        })
    }

    /// Takes the pictures that [`Picture::Exemplars`](super::Picture::Exemplars) shows, where any are asked for.
    ///
    /// # Errors
    /// Those of [`Thumbnails::take`].
    pub(crate) fn take_pictures(
        &mut self,
        inputs: &Inputs,
        found: &Interpretation,
        selection: &Selection,
        run: Run<'_>,
    ) -> Result<(), WorkflowError> {
        let shown = picture::exemplars_shown(found, self, selection);
        let study = inputs.study.as_deref();
        self.thumbnails = Thumbnails::take(self.frames, study, &self.stimuli, &shown, run)?;
        Ok(())
    }
}

/// The weights of the stimuli used.
fn selected(
    files: &[EmbeddingFile],
    embeddings: &[EmbeddingOf],
    names: Vec<Option<Vec<Option<String>>>>,
    rows: &[Rows],
    used: &[usize],
) -> Vec<AgentEmbedding> {
    let agents = files.iter().zip(embeddings).zip(rows).zip(names);
    let agents = agents.map(|(((file, of), (_, rows)), names)| {
        let rows: Vec<usize> = used.iter().filter_map(|&i| rows[i]).collect();
        AgentEmbedding {
            name: of.agent.clone(),
            names,
            values: weights(file, &rows),
            halves: None,
        }
    });
    agents.collect()
}

/// The weights in these rows.
pub(super) fn weights(file: &EmbeddingFile, rows: &[usize]) -> Array2<f64> {
    let values = file.embedding.values();
    values.select(Axis(0), rows).mapv(f64::from)
}

/// Reads an embedding; rows that it does not name are those of a list of keys, where there is one.
pub(super) fn read_with_keys(
    path: &Path,
    listed: Option<(&StimulusSet, &Path)>,
) -> Result<EmbeddingFile, WorkflowError> {
    let mut file = read_embedding(path)?;
    let unnamed = file.stimuli.as_ref().is_none_or(is_numbered);
    if let (true, Some((keys, list))) = (unnamed, listed) {
        let (found, expected) = (file.embedding.n_stimuli(), keys.len());
        if found != expected {
            return Err(WorkflowError::RowsDiffer {
                file: path.to_owned(),
                found,
                other: list.to_owned(),
                expected,
            });
        }
        file.stimuli = Some(keys.clone());
    }
    Ok(file)
}

/// The stimuli of the first embedding that names them; numbers where none does.
fn first_named<'a>(
    files: &[EmbeddingFile],
    embeddings: &'a [EmbeddingOf],
) -> Result<(StimulusSet, &'a PathBuf), WorkflowError> {
    let named = files.iter().zip(embeddings).find_map(|(file, of)| {
        let set = file.stimuli.as_ref().filter(|set| !is_numbered(set))?;
        Some((set.clone(), &of.path))
    });
    match named {
        Some(named) => Ok(named),
        None => {
            let n = files[0].embedding.n_stimuli();
            let numbers = StimulusSet::from_labels((0..n).map(|i| i.to_string()))?;
            Ok((numbers, &embeddings[0].path))
        }
    }
}

/// A caption of each stimulus, and whether it is flagged.
fn described(
    inputs: &Inputs,
    stimuli: &StimulusSet,
) -> Result<(Vec<Option<String>>, Vec<bool>), WorkflowError> {
    let study = inputs.study.as_ref().map(Study::open).transpose()?;
    let captions = match (&inputs.captions, &study) {
        (Some(path), _) => Some(Captions::read(path)?),
        (None, Some(study)) => Some(study.captions()),
        (None, None) => None,
    };
    let first = |key: &StimulusKey| {
        let captions = captions.as_ref()?;
        let id = captions.stimuli.get(key.as_str())?;
        captions.of(id).first().cloned()
    };
    let flagged = |key: &StimulusKey| {
        let record = study.as_ref().and_then(|study| {
            let id = study.stimuli.get(key.as_str())?;
            study.records.get(id.index())
        });
        record.is_some_and(|record| !record.sensitive.is_empty())
    };
    let keys = stimuli.keys();
    Ok((
        keys.iter().map(first).collect(),
        keys.iter().map(flagged).collect(),
    ))
}

/// The file that lists stimuli that were left out.
pub(crate) const LEFT_OUT: &str = "left_out.tsv";

type Rows = (Joined, Vec<Option<usize>>);

/// Whether two sets have a stimulus in common.
fn overlap(a: &StimulusSet, b: &StimulusSet) -> bool {
    a.keys().iter().any(|key| b.get(key.as_str()).is_some())
}

/// The row of each stimulus in each embedding.
fn rows_of(
    base: &StimulusSet,
    whose: &Path,
    files: &[EmbeddingFile],
    embeddings: &[EmbeddingOf],
) -> Result<Vec<Rows>, WorkflowError> {
    let n = base.len();
    let rows = files.iter().zip(embeddings).map(|(file, of)| {
        // Keys that merely count rows, as files without any are written, are keys only where others have them too.
        let keys = file.stimuli.as_ref();
        if let Some(set) = keys.filter(|set| !is_numbered(set) || overlap(set, base)) {
            let row = |key: &StimulusKey| set.get(key.as_str()).map(|id| id.index());
            return Ok((Joined::Key, base.keys().iter().map(row).collect()));
        }
        let found = file.embedding.n_stimuli();
        if found == n {
            return Ok((Joined::Row, (0..n).map(Some).collect()));
        }
        Err(WorkflowError::RowsDiffer {
            file: of.path.clone(),
            found,
            other: whose.to_owned(),
            expected: n,
        })
    });
    rows.collect()
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
                reason: format!("not in the embedding of {}", lacking.join(", ")),
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
            reason: format!("in the embedding of {} alone", of.agent),
        }));
    }
    out
}

fn few_shared(
    shared: usize,
    (whose, base): (&Path, &StimulusSet),
    files: &[EmbeddingFile],
    embeddings: &[EmbeddingOf],
) -> WorkflowError {
    let mut sets: Vec<(&Path, &StimulusSet)> = vec![(whose, base)];
    let named = files.iter().zip(embeddings);
    let named = named.filter_map(|(file, of)| Some((of.path.as_path(), file.stimuli.as_ref()?)));
    sets.extend(named.filter(|(path, _)| *path != whose));
    let common = |a: &StimulusSet, b: &StimulusSet| {
        let keys = a.keys().iter();
        keys.filter(|key| b.get(key.as_str()).is_some()).count()
    };
    let first = |set: &StimulusSet| Box::from(set.keys().first().map_or("", |key| key.as_str()));
    let pairs = (0..sets.len()).flat_map(|a| (a + 1..sets.len()).map(move |b| (a, b)));
    let least = pairs.min_by_key(|&(a, b)| common(sets[a].1, sets[b].1));
    let (a, b) = least.unwrap_or((0, 0));
    WorkflowError::FewShared {
        embedding: sets[b].0.to_owned(),
        embedding_key: first(sets[b].1),
        other: sets[a].0.to_owned(),
        other_key: first(sets[a].1),
        shared,
        fewest: FEWEST,
    }
}
