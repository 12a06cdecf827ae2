//! The models that brains are compared with: files, how their rows are compared, and which stimuli they share.

use super::RsaError;
use crate::WorkflowError;
use crate::interpret::Joined;
use emotome_brain::model::{Geometry, Metric, Model};
use emotome_embedding::evaluate::rsm::predicted;
use emotome_embedding::evaluate::score::Scoring;
use emotome_embedding::files::read_embedding;
use emotome_stats::random::Seed;
use emotome_stimuli::StimulusSet;
use emotome_stimuli::array::read_matrix;
use emotome_stimuli::run::Run;
use ndarray::{Array2, Axis};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Fewest stimuli that the brain and every model must share.
pub(super) const FEWEST_STIMULI: usize = 4;

/// What a file of a model holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "metric")]
pub enum Holds {
    /// A row of features per stimulus, compared under a metric.
    Features(Metric),
    /// An embedding; two stimuli are as similar as it predicts that they are chosen as the pair.
    ChoiceProbabilities,
    /// Dissimilarities, stimuli × stimuli.
    Dissimilarities,
    /// Similarities, stimuli × stimuli; the dissimilarity is one minus the similarity.
    Similarities,
}

/// A model and its file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModelOf {
    /// As tables and maps call it.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// What it holds.
    pub holds: Holds,
    /// What is made of it, where it is a control of another model.
    pub control: Option<Control>,
}

/// A model that should not win: what a good model must beat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Control {
    /// Only how far each stimulus is from all others.
    Typicality,
    /// The model with its stimuli shuffled.
    Shuffled {
        /// Of the order.
        seed: u64,
    },
    /// The model's features through random weights, as many columns as before.
    RandomWeights {
        /// Of the weights.
        seed: u64,
    },
}

impl Control {
    /// The control of a model.
    fn of(self, model: &Model, path: &Path) -> Result<Model, RsaError> {
        Ok(match self {
            Self::Typicality => model.typicality()?,
            Self::Shuffled { seed } => model.shuffled(Seed(seed))?,
            Self::RandomWeights { seed } => {
                let columns = match &model.geometry {
                    Geometry::Features { rows, .. } => rows.ncols(),
                    Geometry::Dissimilarities { .. } => 0,
                };
                let featureless = || RsaError::NoWeights {
                    path: path.to_owned(),
                };
                model
                    .random_weights(columns, Seed(seed))
                    .ok_or_else(featureless)?
            }
        })
    }

    /// The name of the control of a model.
    pub fn name(self, model: &str) -> String {
        let how = match self {
            Self::Typicality => "typicality",
            Self::Shuffled { .. } => "shuffled",
            Self::RandomWeights { .. } => "random weights",
        };
        format!("{model} ({how})")
    }
}

/// How a model was joined with the brain. Field names are stable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelReport {
    /// The model.
    #[serde(flatten)]
    pub of: ModelOf,
    /// Whether rows were joined by key, or taken in the order of the samples.
    pub joined: Joined,
    /// Stimuli in its file.
    pub stimuli: usize,
    /// Of these, those that the brain has not seen.
    pub unmatched: usize,
    /// Features, where it has any.
    pub features: Option<usize>,
}

/// A stimulus that is left out, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Its key.
    pub key: String,
    /// Where it is missing.
    pub reason: String,
}

/// The brain's stimuli and the models' rows, brought together.
#[derive(Debug, Clone)]
pub(super) struct JoinedModels {
    /// The stimuli that the brain and all models have, in the order of the brain.
    pub stimuli: StimulusSet,
    /// The models on these stimuli.
    pub models: Vec<Model>,
    /// How each was joined.
    pub reports: Vec<ModelReport>,
    /// What was left out.
    pub left_out: Vec<LeftOut>,
}

/// A model as its file has it.
struct Read {
    keys: Option<StimulusSet>,
    values: Array2<f64>,
}

/// Reads models and keeps the stimuli that the brain and every model share.
///
/// A file without keys must have a row for each stimulus of the brain, in the same order; this is reported.
///
/// # Errors
/// [`WorkflowError`] of reading; [`RsaError`] for missing values, matrices that are not square, rows that
/// nothing joins to stimuli, two models of one name, and too few shared stimuli.
pub(super) fn join(
    brain: &StimulusSet,
    models: &[ModelOf],
    run: Run<'_>,
) -> Result<JoinedModels, WorkflowError> {
    if models.is_empty() {
        return Err(RsaError::NoModel.into());
    }
    if let Some(twice) =
        (1..models.len()).find(|&i| models[..i].iter().any(|other| other.name == models[i].name))
    {
        return Err(RsaError::NameTwice(models[twice].name.clone()).into());
    }
    let files = models
        .iter()
        .map(read)
        .collect::<Result<Vec<Read>, WorkflowError>>()?;
    let rows = files
        .iter()
        .zip(models)
        .map(|(file, of)| rows_of(brain, file, &of.path))
        .collect::<Result<Vec<Vec<Option<usize>>>, RsaError>>()?;
    let used: Vec<usize> = (0..brain.len())
        .filter(|&i| rows.iter().all(|rows| rows[i].is_some()))
        .collect();
    if used.len() < FEWEST_STIMULI {
        return Err(few_shared(used.len(), brain, models, &files).into());
    }
    let keys = brain.keys();
    let stimuli = StimulusSet::from_labels(used.iter().map(|&i| keys[i].as_str()))?;
    let mut left_out = Vec::new();
    for (i, key) in keys.iter().enumerate() {
        let missing: Vec<&str> = models
            .iter()
            .zip(&rows)
            .filter(|(_, rows)| rows[i].is_none())
            .map(|(of, _)| of.name.as_str())
            .collect();
        if !missing.is_empty() {
            left_out.push(LeftOut {
                key: key.as_str().to_owned(),
                reason: format!("not in {}", missing.join(", ")),
            });
        }
    }
    let mut joined = Vec::with_capacity(models.len());
    let mut reports = Vec::with_capacity(models.len());
    for ((of, file), rows) in models.iter().zip(&files).zip(&rows) {
        let rows: Vec<usize> = used.iter().filter_map(|&i| rows[i]).collect();
        let foreign: Vec<&str> = file
            .keys
            .iter()
            .flat_map(StimulusSet::keys)
            .map(|key| key.as_str())
            .filter(|key| brain.get(key).is_none())
            .collect();
        left_out.extend(foreign.iter().map(|key| LeftOut {
            key: (*key).to_owned(),
            reason: format!("in {} alone, not in the brain", of.name),
        }));
        reports.push(ModelReport {
            of: of.clone(),
            joined: if file.keys.is_some() {
                Joined::Key
            } else {
                Joined::Row
            },
            stimuli: file.values.nrows(),
            unmatched: foreign.len(),
            features: matches!(of.holds, Holds::Features(_) | Holds::ChoiceProbabilities)
                .then(|| file.values.ncols()),
        });
        let mut model = Model {
            name: of.name.clone(),
            geometry: geometry(of, file, &rows, run)?,
        };
        if let Some(control) = of.control {
            model.geometry = control.of(&model, &of.path)?.geometry;
        }
        joined.push(model);
    }
    if !left_out.is_empty() {
        run.progress.note(&format!(
            "{} stimuli are shared by the brain and all models; {} that one of them lacks are left out",
            stimuli.len(),
            left_out.len()
        ));
    }
    Ok(JoinedModels {
        stimuli,
        models: joined,
        reports,
        left_out,
    })
}

/// The stimuli of the first file that names them; of the first file, by row, where none does.
pub(super) fn stimuli_of(models: &[ModelOf]) -> Result<StimulusSet, WorkflowError> {
    let mut rows = 0;
    for (at, of) in models.iter().enumerate() {
        let file = read(of)?;
        if let Some(keys) = file.keys {
            return Ok(keys);
        }
        if at == 0 {
            rows = file.values.nrows();
        }
    }
    Ok(StimulusSet::from_labels(
        (0..rows).map(|row| row.to_string()),
    )?)
}

fn read(of: &ModelOf) -> Result<Read, WorkflowError> {
    let (keys, values) = if of.holds == Holds::ChoiceProbabilities {
        let file = read_embedding(&of.path)?;
        (file.stimuli, file.embedding.values().mapv(f64::from))
    } else {
        let matrix = read_matrix(&of.path)?;
        if let Some((row, column)) = matrix
            .values
            .indexed_iter()
            .find(|(_, v)| !v.is_finite())
            .map(|(at, _)| at)
        {
            return Err(RsaError::NotFinite {
                path: of.path.clone(),
                row,
                column,
            }
            .into());
        }
        (matrix.rows, matrix.values)
    };
    if matches!(of.holds, Holds::Dissimilarities | Holds::Similarities) {
        square(&of.path, &values)?;
    }
    Ok(Read { keys, values })
}

/// Refuses what is no symmetric matrix.
fn square(path: &Path, values: &Array2<f64>) -> Result<(), RsaError> {
    let (rows, columns) = values.dim();
    if rows != columns {
        return Err(RsaError::NotSquare {
            path: path.to_owned(),
            rows,
            columns,
        });
    }
    for i in 0..rows {
        for j in 0..i {
            let [above, below] = [values[[j, i]], values[[i, j]]];
            if (above - below).abs() > 1e-6 * above.abs().max(below.abs()).max(1e-6) {
                return Err(RsaError::NotSymmetric {
                    path: path.to_owned(),
                    row: i,
                    column: j,
                    below,
                    above,
                });
            }
        }
    }
    Ok(())
}

/// The row of each stimulus of the brain in a file.
fn rows_of(brain: &StimulusSet, file: &Read, path: &Path) -> Result<Vec<Option<usize>>, RsaError> {
    match &file.keys {
        Some(keys) => Ok(brain
            .keys()
            .iter()
            .map(|key| keys.get(key.as_str()).map(|id| id.index()))
            .collect()),
        None if file.values.nrows() == brain.len() => Ok((0..brain.len()).map(Some).collect()),
        None => Err(RsaError::RowsDiffer {
            path: path.to_owned(),
            found: file.values.nrows(),
            expected: brain.len(),
        }),
    }
}

fn few_shared(shared: usize, brain: &StimulusSet, models: &[ModelOf], files: &[Read]) -> RsaError {
    let overlap = |file: &Read| {
        file.keys.as_ref().map_or(usize::MAX, |keys| {
            brain
                .keys()
                .iter()
                .filter(|key| keys.get(key.as_str()).is_some())
                .count()
        })
    };
    let first = |keys: &StimulusSet| {
        keys.keys()
            .first()
            .map_or(String::new(), |key| key.as_str().to_owned())
    };
    let least = models
        .iter()
        .zip(files)
        .min_by_key(|(_, file)| overlap(file));
    RsaError::FewShared {
        shared,
        fewest: FEWEST_STIMULI,
        brain_key: first(brain),
        path: least.map_or_else(PathBuf::new, |(of, _)| of.path.clone()),
        model_key: least
            .and_then(|(_, file)| file.keys.as_ref())
            .map_or(String::new(), first),
    }
}

fn geometry(
    of: &ModelOf,
    file: &Read,
    rows: &[usize],
    run: Run<'_>,
) -> Result<Geometry, WorkflowError> {
    let pairs = |value: &dyn Fn(usize, usize) -> f64| {
        let n = rows.len();
        let mut values = Vec::with_capacity(n * (n - 1) / 2);
        for i in 0..n {
            for j in i + 1..n {
                values.push(value(i, j));
            }
        }
        Geometry::Dissimilarities { n, values }
    };
    Ok(match of.holds {
        Holds::Features(metric) => {
            let values = file.values.select(Axis(0), rows);
            let needed = usize::from(metric == Metric::Correlation) + 1;
            if values.ncols() < needed {
                return Err(RsaError::FewFeatures {
                    path: of.path.clone(),
                    found: values.ncols(),
                    needed,
                    metric,
                }
                .into());
            }
            Geometry::Features {
                rows: values,
                metric,
            }
        }
        Holds::Dissimilarities => pairs(&|i, j| file.values[[rows[i], rows[j]]]),
        Holds::Similarities => pairs(&|i, j| 1.0 - file.values[[rows[i], rows[j]]]),
        Holds::ChoiceProbabilities => {
            let embedding = read_embedding(&of.path)?.embedding;
            // The context of a pair is every stimulus of the embedding, those unseen by the brain included.
            let thirds: Vec<usize> = (0..embedding.n_stimuli()).collect();
            let similarity = predicted(&embedding, rows, &thirds, &Scoring::default(), run)?;
            pairs(&|i, j| 1.0 - similarity[[i, j]])
        }
    })
}
