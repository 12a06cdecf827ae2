//! Saving the state of a fit so that a resumed fit ends with the same bits as an unbroken one.
//!
//! A checkpoint is one `.npz` file, replaced atomically: the weights and optimiser state, the best
//! weights so far, and a JSON text with the position in the epoch and the identity of the fit.
//! Batches and random numbers are functions of seed and position, so nothing else is needed.

use super::deck::Deck;
use super::engine::{Engine, Score};
use super::fit::{Epoch, Model, Stop};
use super::kernel::RowUpdate;
use emotome_lanes::InstructionSet;
use emotome_stats::random::{Seed, mix};
use emotome_stimuli::array::{self, ArrayError, LabelledMatrix};
use emotome_stimuli::output::Overwrite;
use ndarray::{Array2, ArrayD, IxDyn};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// Where and how often a fit saves its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointPolicy {
    /// The checkpoint file, `….npz`.
    pub path: PathBuf,
    /// Least time between two saves; a save also happens at an interrupt and at the end.
    pub every: Duration,
    /// Go on from the file if it exists, instead of starting anew over it.
    pub resume: bool,
}

impl CheckpointPolicy {
    /// The policy for one of several fits: the same folder, a file name with the stage in it.
    #[must_use]
    pub fn stage(&self, stage: &str) -> Self {
        let stem = self.path.file_stem().unwrap_or_default().to_string_lossy();
        let path = self.path.with_file_name(format!("{stem}-{stage}.npz"));
        Self {
            path,
            ..self.clone()
        }
    }
}

/// Why a checkpoint is of no use.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] ArrayError),
    /// The file is no checkpoint of this version.
    #[error("{path}: is no checkpoint that this version can resume: {reason}; start anew without --resume", path = path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The checkpoint belongs to another fit.
    #[error(
        "{path}: belongs to another fit, whose {what} differ: {saved} in the checkpoint, {asked} asked for; \
         repeat the original command with --resume, or start anew without it",
        path = path.display()
    )]
    OtherFit {
        /// The file.
        path: PathBuf,
        /// The part of the identity that differs.
        what: &'static str,
        /// As saved.
        saved: String,
        /// As asked for.
        asked: String,
    },
}

/// How far a fit is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Position {
    /// Finished epochs.
    pub(crate) history: Vec<Epoch>,
    /// Finished batches of the current epoch, and their summed loss.
    pub(crate) batch: usize,
    pub(crate) loss: f64,
    pub(crate) best: Option<Best>,
    pub(crate) stop: Option<Stop>,
}

/// The epoch with the best validation score so far.
#[derive(Debug, Clone)]
pub(crate) struct Best {
    pub(crate) score: Score,
    pub(crate) epoch: usize,
    pub(crate) weights: Array2<f32>,
}

/// What makes two fits the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Identity {
    version: String,
    model: serde_json::Value,
    seed: u64,
    data: String,
}

#[derive(Serialize, Deserialize)]
struct Meta {
    identity: Identity,
    history: Vec<Epoch>,
    batch: usize,
    loss: f64,
    best: Option<(Score, usize)>,
    stop: Option<Stop>,
    n_items: usize,
    dims: usize,
}

/// The identity of fitting `model` with `seed` to these choices.
pub(crate) fn identity<M: Model>(
    model: &M,
    seed: Seed,
    n_items: usize,
    deck: &Deck,
    validation: Option<&[[u32; 3]]>,
) -> Identity {
    let hash = |trials: &[[u32; 3]]| {
        trials
            .iter()
            .flatten()
            .fold(trials.len() as u64, |h, &id| mix(h ^ u64::from(id)))
    };
    Identity {
        version: env!("CARGO_PKG_VERSION").into(),
        model: serde_json::to_value(model).unwrap_or_default(),
        seed: seed.0,
        data: format!(
            "{n_items} stimuli, {} training choices {:016x}, {} validation choices {:016x}",
            deck.len(),
            deck.fingerprint(),
            validation.map_or(0, <[_]>::len),
            validation.map_or(0, hash),
        ),
    }
}

pub(crate) fn save(
    policy: &CheckpointPolicy,
    identity: &Identity,
    engine: &Engine,
    at: &Position,
) -> Result<(), CheckpointError> {
    let meta = Meta {
        identity: identity.clone(),
        history: at.history.clone(),
        batch: at.batch,
        loss: at.loss,
        best: at.best.as_ref().map(|b| (b.score, b.epoch)),
        stop: at.stop,
        n_items: engine.n_items(),
        dims: engine.dims(),
    };
    let meta = serde_json::to_vec(&meta).map_err(|error| malformed(policy, error.to_string()))?;
    let vector = |values: &[f32]| ArrayD::from_shape_vec(IxDyn(&[values.len()]), values.to_vec());
    let shape = |e: ndarray::ShapeError| malformed(policy, e.to_string());
    let weights = vector(&engine.weights).map_err(shape)?;
    let state = vector(&engine.state).map_err(shape)?;
    let meta = ArrayD::from_shape_vec(IxDyn(&[meta.len()]), meta).map_err(shape)?;
    let none = Array2::zeros((0, 0));
    let best = at.best.as_ref().map_or(none.view(), |b| b.weights.view());
    let mut members = vec![
        ("meta", meta.view().into()),
        ("weights", weights.view().into()),
        ("state", state.view().into()),
    ];
    if at.best.is_some() {
        members.push(("best", best.into()));
    }
    array::write_npz(&policy.path, Overwrite::Replace, &members)?;
    Ok(())
}

fn malformed(policy: &CheckpointPolicy, reason: impl Into<String>) -> CheckpointError {
    CheckpointError::Malformed {
        path: policy.path.clone(),
        reason: reason.into(),
    }
}

/// The state to go on from, if the policy asks for it and a checkpoint is there.
pub(crate) fn load<M: Model>(
    policy: &CheckpointPolicy,
    identity: &Identity,
    set: InstructionSet,
) -> Result<Option<(Engine, Position)>, CheckpointError> {
    if !policy.resume || !policy.path.exists() {
        return Ok(None);
    }
    let array::Array::U8(meta) = array::read_npz(&policy.path, "meta")? else {
        return Err(malformed(policy, "its member `meta` is not text"));
    };
    let bytes: Vec<u8> = meta.into_iter().collect();
    let meta: Meta =
        serde_json::from_slice(&bytes).map_err(|error| malformed(policy, error.to_string()))?;
    let (saved, asked) = (&meta.identity, identity);
    for (what, a, b) in [
        ("versions", saved.version.clone(), asked.version.clone()),
        ("choices", saved.data.clone(), asked.data.clone()),
        ("seeds", saved.seed.to_string(), asked.seed.to_string()),
        (
            "parameters",
            saved.model.to_string(),
            asked.model.to_string(),
        ),
    ] {
        if a != b {
            let path = policy.path.clone();
            return Err(CheckpointError::OtherFit {
                path,
                what,
                saved: a,
                asked: b,
            });
        }
    }
    let vector = |member| match array::read_npz(&policy.path, member)? {
        array::Array::F32(values) => Ok(values.into_iter().collect::<Vec<f32>>()),
        other => Err(malformed(
            policy,
            format!("`{member}` holds {}, not f4", other.dtype()),
        )),
    };
    let (weights, state) = (vector("weights")?, vector("state")?);
    let best = match meta.best {
        None => None,
        Some((score, epoch)) => {
            let LabelledMatrix { values, .. } = array::read_matrix_named(&policy.path, "best")?;
            if values.nrows() != meta.n_items {
                return Err(malformed(policy, "its best weights are of other stimuli"));
            }
            Some(Best {
                score,
                epoch,
                weights: values.mapv(|w| w as f32),
            })
        }
    };
    let engine = Engine::restore(set, meta.n_items, meta.dims, weights, state)
        .filter(|engine| engine.state.len() == M::Update::STATE * engine.weights.len())
        .ok_or_else(|| malformed(policy, "its arrays do not have the sizes it states"))?;
    let position = Position {
        history: meta.history,
        batch: meta.batch,
        loss: meta.loss,
        best,
        stop: meta.stop,
    };
    Ok(Some((engine, position)))
}
