//! The brain's side: a store, or bare files that are imported into one.

use super::RsaError;
use super::models::{self, JoinedModels, LeftOut, ModelOf};
use crate::WorkflowError;
use emotome_brain::import::{
    EventColumns, MatrixSource, Params, Source, VolumesSource, VoxelOrder, VoxelsFrom,
    import as import_into,
};
use emotome_brain::searchlight::Exclusion;
use emotome_brain::store::{Repeats, Responses, Selection, Standardisation, Store, View};
use emotome_stimuli::output::Overwrite;
use emotome_stimuli::provenance::Provenance;
use emotome_stimuli::run::Run;
use emotome_stimuli::{StimulusSet, keys};
use serde::Serialize;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Where responses come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BrainOf {
    /// A store that `emotome brain import` made.
    Store(PathBuf),
    /// Files that are imported into a store beside the results first.
    Files(BareFiles),
}

/// Responses of one subject in bare files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BareFiles {
    /// A four-dimensional image, or samples × voxels as `.npy`.
    pub data: PathBuf,
    /// The voxels.
    pub mask: PathBuf,
    /// What was shown in each sample: a table with a column of stimulus keys, and perhaps run and session.
    pub labels: PathBuf,
    /// How responses are standardised.
    pub standardisation: Standardisation,
}

/// Pairs of stimuli that take part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Pairs {
    /// All of them.
    All,
    /// Those of different runs.
    AcrossRuns,
    /// Those of different runs, and those at least so many places apart within a run.
    Apart(usize),
}

/// What became of the responses. Field names are stable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BrainReport {
    /// The store.
    pub store: PathBuf,
    /// The subject.
    pub subject: String,
    /// Whether the responses were simulated.
    pub synthetic: bool,
    /// How responses were standardised.
    pub standardisation: Standardisation,
    /// Samples in the store.
    pub samples: usize,
    /// Different stimuli among those that take part in analyses.
    pub stimuli: usize,
    /// Stimuli that the brain and all models have: those compared.
    pub shared: usize,
    /// What became of stimuli presented more than once.
    pub repeats: Repeats,
    /// Stimuli that are means of presentations in different runs.
    pub across_runs: usize,
    /// Pairs that take part.
    pub pairs: Pairs,
}

/// Responses and models on the same stimuli in the same order.
pub(super) struct Joined {
    pub(super) store: Store,
    pub(super) responses: Responses,
    pub(super) models: JoinedModels,
    pub(super) report: BrainReport,
}

/// What to see of a brain.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) models: &'a [ModelOf],
    /// A list of the stimuli to keep.
    pub(super) include: Option<&'a Path>,
    pub(super) repeats: Repeats,
    pub(super) pairs: Pairs,
}

/// Opens a store, joins models by key, and loads the responses to the stimuli shared.
pub(super) fn join(
    store: &Path,
    wanted: Wanted<'_>,
    run: Run<'_>,
) -> Result<Joined, WorkflowError> {
    let mut all = join_all(std::slice::from_ref(&store.to_owned()), wanted, run)?;
    let (Some((store, view)), Some(report)) = (all.subjects.pop(), all.reports.pop()) else {
        return Err(RsaError::NoStore.into());
    };
    let responses = store.load(&view, run)?;
    Ok(Joined {
        store,
        responses,
        models: all.models,
        report,
    })
}

/// Several brains and the models on the stimuli that all of them share, in the order of the first brain.
pub(super) struct JoinedAll {
    pub(super) subjects: Vec<(Store, View)>,
    pub(super) models: JoinedModels,
    pub(super) reports: Vec<BrainReport>,
}

/// Opens stores and joins models to the stimuli that all subjects have seen.
pub(super) fn join_all(
    stores: &[PathBuf],
    wanted: Wanted<'_>,
    run: Run<'_>,
) -> Result<JoinedAll, WorkflowError> {
    if wanted.repeats == Repeats::Each {
        return Err(RsaError::EachPresentation.into());
    }
    let opened = stores
        .iter()
        .map(Store::open)
        .collect::<Result<Vec<_>, _>>()?;
    for (at, store) in opened.iter().enumerate() {
        let subject = &store.manifest().subject;
        if let Some(first) = opened[..at]
            .iter()
            .find(|other| other.manifest().subject == *subject)
        {
            return Err(RsaError::SubjectTwice {
                subject: subject.clone(),
                first: first.path().to_owned(),
                second: store.path().to_owned(),
            }
            .into());
        }
    }
    let selection = |stimuli| Selection {
        stimuli,
        repeats: wanted.repeats,
        left_out: false,
    };
    let include = wanted.include.map(keys::read).transpose()?;
    let views: Vec<View> = opened
        .iter()
        .map(|store| store.view(selection(None)))
        .collect();
    let sets = views
        .iter()
        .map(|view| StimulusSet::from_labels(view.keys().map(|key| key.as_str())))
        .collect::<Result<Vec<_>, _>>()?;
    let Some(first) = sets.first() else {
        return Err(RsaError::NoStore.into());
    };
    let everywhere = |key: &&str| {
        sets.iter().all(|set| set.get(key).is_some())
            && include.as_ref().is_none_or(|list| list.get(key).is_some())
    };
    let seen = StimulusSet::from_labels(
        first
            .keys()
            .iter()
            .map(|key| key.as_str())
            .filter(everywhere),
    )?;
    let mut models = models::join(&seen, wanted.models, run)?;
    for (set, store) in sets.iter().zip(&opened) {
        let elsewhere = set.keys().iter().filter(|key| {
            seen.get(key.as_str()).is_none()
                && include
                    .as_ref()
                    .is_none_or(|list| list.get(key.as_str()).is_some())
        });
        models.left_out.extend(elsewhere.map(|key| LeftOut {
            key: key.as_str().to_owned(),
            reason: format!("seen by {}, not by every subject", store.manifest().subject),
        }));
    }
    let mut subjects = Vec::with_capacity(opened.len());
    let mut reports = Vec::with_capacity(opened.len());
    for (store, all) in opened.into_iter().zip(&views) {
        let view = store.view(selection(Some(&models.stimuli)));
        reports.push(report(&store, all.rows.len(), &view, wanted)?);
        subjects.push((store, view));
    }
    Ok(JoinedAll {
        subjects,
        models,
        reports,
    })
}

fn report(
    store: &Store,
    stimuli: usize,
    view: &View,
    wanted: Wanted<'_>,
) -> Result<BrainReport, RsaError> {
    let across_runs = view.across_runs(store);
    if wanted.pairs != Pairs::All && across_runs > 0 {
        return Err(RsaError::MeansAcrossRuns {
            stimuli: across_runs,
        });
    }
    let manifest = store.manifest();
    Ok(BrainReport {
        store: store.path().to_owned(),
        subject: manifest.subject.clone(),
        synthetic: manifest.synthetic,
        standardisation: manifest.standardisation,
        samples: manifest.samples,
        stimuli,
        shared: view.rows.len(),
        repeats: wanted.repeats,
        across_runs,
        pairs: wanted.pairs,
    })
}

/// The pairs left out of comparisons of a view's rows.
///
/// Within a run rows must stand in the order they were shown, which is the order of first presentations.
pub(super) fn exclusion(pairs: Pairs, view: &View) -> Option<Exclusion> {
    let lag = match pairs {
        Pairs::All => return None,
        Pairs::AcrossRuns => None,
        Pairs::Apart(lag) => Some(lag),
    };
    Some(Exclusion {
        runs: view.runs(),
        lag,
    })
}

/// The folder of the store that bare files are imported into, in the folder of results.
const STORE: &str = "store";

/// Imports bare files into a store beside the results; a resumed search finds it there.
pub(super) fn import(
    files: &BareFiles,
    out: &Path,
    resume: bool,
    overwrite: Overwrite,
    command: &[String],
    run: Run<'_>,
) -> Result<PathBuf, WorkflowError> {
    let store = out.join(STORE);
    if resume {
        return Ok(store);
    }
    let columns = EventColumns::of(&files.labels)?;
    let label = columns.label.clone();
    let npy = files
        .data
        .extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("npy"));
    let source = if npy {
        Source::Matrix(MatrixSource {
            responses: files.data.clone(),
            events: files.labels.clone(),
            columns,
            voxels: VoxelsFrom::Mask(files.mask.clone(), VoxelOrder::C),
        })
    } else {
        Source::Volumes(VolumesSource {
            responses: vec![files.data.clone()],
            events: vec![files.labels.clone()],
            mask: files.mask.clone(),
            columns,
            dataset: None,
        })
    };
    let stem = files
        .data
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let subject = stem
        .strip_prefix("sub-")
        .and_then(|rest| rest.split(['_', '.']).next())
        .unwrap_or("unnamed");
    let params = Params {
        standardisation: files.standardisation,
        overwrite,
        ..Params::new(subject)
    };
    run.progress.note(&format!(
        "the labels are column {label:?} of {}",
        files.labels.display()
    ));
    let parameters = json!({"standardisation": files.standardisation, "label": label});
    let provenance = Provenance::new(command.to_vec(), None, parameters);
    import_into(&source, &params, &store, provenance, run)?;
    Ok(store)
}
