//! From a file of choices to an embedding with provenance.

mod data;
mod marked;
mod model;
mod silent;

pub use marked::MarkedSplits;
pub(crate) use marked::part;
pub(crate) use model::lowest_loss;
pub use model::{Fitted, Method, Pruned, fit_choices};
pub(crate) use silent::{empty_rows, silent};

use crate::WorkflowError;
use crate::choices::ChoiceFile;
use crate::memory::peak_rss_bytes;
use data::Data;
use emotome_embedding::Embedding;
use emotome_embedding::evaluate::accuracy::{self, Accuracy};
use emotome_embedding::evaluate::two_way::Resampling;
use emotome_embedding::files::write_embedding;
use emotome_embedding::train::consensus::ConsensusParams;
use emotome_embedding::train::select::{Selection, SpikeAndSlab, ViceSelection};
use emotome_embedding::train::{CheckpointPolicy, Epoch, InstructionSet, Stop};
use emotome_stats::random::Seed;
use emotome_stimuli::StimulusSet;
use emotome_stimuli::output::{self, Overwrite};
use emotome_stimuli::provenance::Provenance;
use emotome_stimuli::run::Run;
use emotome_triplets::split::Shares;
use model::scoring;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Where held-out choices come from.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum HeldOut {
    /// What the file's split column marks for validation and testing.
    Marked {
        /// Where it marks none, or there is no such column: as [`HeldOut::Shares`].
        otherwise: Shares,
    },
    /// A share of the file, drawn by unordered triplet; of those marked for training where a split column
    /// marks choices for the ceiling or of the full set.
    Shares(Shares),
    /// Files of their own; refused if they share a triplet with the training choices.
    Files {
        /// For choosing λ and the epoch.
        validation: Option<PathBuf>,
        /// For the score at the end.
        test: Option<PathBuf>,
    },
}

/// Half of the choices, drawn by lot, so that what two fits have in common tells how far an embedding repeats.
///
/// Choices are drawn, not triplets: one that was asked twice may be in both halves. Files of held-out choices are
/// not divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Half {
    /// One half.
    First,
    /// What the first leaves, of the same file with the same seed.
    Second,
}

/// What to fit and where to put it.
#[derive(Debug, Clone)]
pub struct FitRequest {
    /// The choices.
    pub triplets: ChoiceFile,
    /// Whose choices are fitted; may be left out where the file has those of one agent.
    pub agent: Option<String>,
    /// Soft labels, if any: a table with a row for each choice and the probability that the stimulus of the
    /// first, second and third column of that row is odd.
    pub targets: Option<PathBuf>,
    /// The held-out choices.
    pub held_out: HeldOut,
    /// Half of the choices, instead of all.
    pub half: Option<Half>,
    /// Take every choice of the file alike, whatever its split column marks.
    pub ignore_splits: bool,
    /// The model.
    pub method: Method,
    /// Independent runs; two or more end in their consensus, or in the best one where they have no
    /// dimension in common.
    pub seeds: usize,
    /// Seed of everything random.
    pub seed: Seed,
    /// The folder of results.
    pub out: PathBuf,
    /// Whether results there may be replaced.
    pub overwrite: Overwrite,
    /// Go on from the checkpoint in `out`.
    pub resume: bool,
    /// The command, for the provenance.
    pub command: Vec<String>,
}

/// What came of a fit. Field names are stable.
#[derive(Debug, Clone, Serialize)]
pub struct FitSummary {
    /// Stimuli n.
    pub n_items: usize,
    /// Whether n was inferred from the file.
    pub n_items_inferred: bool,
    /// The list of keys that names the stimuli, apart from the choices themselves.
    pub stimuli: Option<PathBuf>,
    /// Who chose, where the file says so.
    pub agent: Option<String>,
    /// Dimensions of the embedding.
    pub dims: usize,
    /// Validation NLL in nats; `null` without validation choices.
    pub val_nll: Option<f64>,
    /// Validation accuracy.
    pub val_accuracy: Option<f64>,
    /// Test scores with intervals; `null` without test choices.
    pub test: Option<Accuracy>,
    /// Epochs run by the final fit.
    pub epochs: usize,
    /// The epoch whose weights were kept.
    pub best_epoch: usize,
    /// Why the final fit ended.
    pub stop: Stop,
    /// Seconds of training of the final fit.
    pub seconds: f64,
    /// Seconds of everything, reading and choosing λ included.
    pub total_seconds: f64,
    /// Training speed of the final fit.
    pub triplets_per_second: f64,
    /// Most resident memory in bytes, where the system tells.
    pub peak_rss_bytes: Option<u64>,
    /// Training, validation and test choices.
    pub trials: [usize; 3],
    /// What the split column of the choices marks; choices for the ceiling and of the full set have no
    /// part in the fit. `null` without such a column, or where it is ignored.
    pub marked_splits: Option<MarkedSplits>,
    /// Stimuli of the training choices without any weight: the embedding says nothing about them.
    pub empty_rows: usize,
    /// λ used and tried (SPoSE).
    pub selection: Option<Selection>,
    /// The prior used and those tried (VICE), where it was chosen.
    pub prior_selection: Option<ViceSelection>,
    /// What pruning did (VICE).
    pub pruning: Option<Pruned>,
    /// Validation NLL and dimensions of each seed.
    pub seeds: Vec<SeedSummary>,
    /// For a consensus: mean r of each kept dimension with its matches in the other seeds.
    pub agreement: Option<Vec<f64>>,
    /// The embedding file.
    pub embedding: PathBuf,
    /// The kernels used; they change speed only.
    pub instructions: InstructionSet,
}

/// One run of several.
#[derive(Debug, Clone, Serialize)]
pub struct SeedSummary {
    /// Its validation NLL.
    pub val_nll: Option<f64>,
    /// Its dimensions.
    pub dims: usize,
    /// Its embedding file, if there are several.
    pub embedding: Option<PathBuf>,
}

/// Time between two checkpoints.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(30);
const CHECKPOINT: &str = "checkpoint.npz";

/// What a fit would do. Field names are stable.
#[derive(Debug, Clone, Serialize)]
pub struct FitPlan {
    /// Stimuli n.
    pub n_items: usize,
    /// Whether n was inferred from the file.
    pub n_items_inferred: bool,
    /// The list of keys that names the stimuli, apart from the choices themselves.
    pub stimuli: Option<PathBuf>,
    /// Training, validation and test choices.
    pub trials: [usize; 3],
    /// What the split column of the choices marks, as in [`FitSummary::marked_splits`].
    pub marked_splits: Option<MarkedSplits>,
    /// The model, nothing left open but a choice of λ or of the prior.
    pub model: Method,
    /// Independent runs.
    pub seeds: usize,
    /// The folder of results.
    pub out: PathBuf,
}

/// Everything that [`fit`] does before it fits: reads, splits, checks parameters, and refuses what it
/// would refuse.
///
/// # Errors
/// Those of [`fit`] but the ones of fitting and writing.
pub fn dry_run(request: &FitRequest, run: Run<'_>) -> Result<FitPlan, WorkflowError> {
    let data = Data::read(request, run)?;
    Ok(FitPlan {
        n_items: data.train.n_stimuli(),
        n_items_inferred: data.n_inferred,
        stimuli: request.triplets.keys()?,
        trials: data.trials(),
        marked_splits: data.marked,
        model: data.resolved(&request.method)?,
        seeds: request.seeds,
        out: request.out.clone(),
    })
}

/// Reads choices, splits them without leaks, fits, scores the test choices once, and writes
/// `embedding.npz`, `embedding.tsv`, `history.tsv`, `embedding.json` (provenance) and, for several
/// seeds, `seeds/seed-*/`.
///
/// # Errors
/// [`WorkflowError`] of reading, splitting, fitting and writing. After an interruption the state of
/// every fit, of each λ and seed, is in `out/checkpoint*.npz`, and [`FitRequest::resume`] goes on
/// from there without repeating finished ones.
pub fn fit(request: &FitRequest, run: Run<'_>) -> Result<FitSummary, WorkflowError> {
    let start = Instant::now();
    let data = Data::read(request, run)?;
    let mut model = data.resolved(&request.method)?;
    output::folder(&request.out, Overwrite::Replace)?;
    let policy = CheckpointPolicy {
        path: request.out.join(CHECKPOINT),
        every: CHECKPOINT_EVERY,
        resume: request.resume,
    };
    let fitted = fit_choices(
        data.for_training(),
        &request.method,
        request.seeds,
        request.seed,
        Some(&policy),
        run,
    )?;
    match (&mut model, &fitted.selection, &fitted.prior_selection) {
        (Method::Spose { params, .. }, Some(chosen), _) => params.lambda = chosen.lambda,
        (Method::Vice { params, .. }, _, Some(chosen)) => {
            let SpikeAndSlab { spike, slab, pi } = chosen.prior;
            (params.spike, params.slab, params.pi) = (spike, slab, pi);
        }
        _ => {}
    }
    let (fit, stimuli, overwrite) = (&fitted.fit, data.stimuli.as_ref(), request.overwrite);
    let test = if data.test.is_empty() {
        None
    } else {
        let scoring = scoring(&request.method);
        let test = accuracy::held_out(&fit.embedding, &data.test, &scoring, Resampling::default());
        Some(test?)
    };
    let empty_rows = empty_rows(&fit.embedding, &data.train);
    for caution in silent(empty_rows, test.as_ref()) {
        run.progress.note(&caution);
    }
    let embedding = write_embedding(
        &request.out,
        &fit.embedding,
        fit.uncertainty.as_ref(),
        stimuli,
        overwrite,
    )?;
    let several = fitted.seeds.len() > 1;
    let runs = fitted.seeds.iter().filter(|_| several);
    let runs = runs.map(|fit| (&fit.embedding, fit.uncertainty.as_ref()));
    let mut files = write_seeds(&request.out, runs, stimuli, overwrite)?.into_iter();
    let seeds = fitted.seeds.iter().map(|fit| SeedSummary {
        val_nll: fit.validation.map(|s| s.nll),
        dims: fit.embedding.n_dims(),
        embedding: files.next(),
    });
    let seeds = seeds.collect();
    write_history(&request.out.join("history.tsv"), &fit.history, overwrite)?;
    let summary = FitSummary {
        n_items: data.train.n_stimuli(),
        n_items_inferred: data.n_inferred,
        stimuli: request.triplets.keys()?,
        agent: data.agent.clone(),
        dims: fit.embedding.n_dims(),
        val_nll: fit.validation.map(|s| s.nll),
        val_accuracy: fit.validation.map(|s| s.accuracy),
        test,
        epochs: fit.history.len(),
        best_epoch: fit.epoch,
        stop: fit.stop,
        seconds: fit.seconds,
        total_seconds: start.elapsed().as_secs_f64(),
        triplets_per_second: fit.trials_per_second(),
        peak_rss_bytes: peak_rss_bytes(),
        trials: data.trials(),
        marked_splits: data.marked,
        empty_rows,
        selection: fitted.selection,
        prior_selection: fitted.prior_selection,
        pruning: fitted.pruning,
        seeds,
        agreement: fitted.agreement,
        embedding,
        instructions: InstructionSet::detect(),
    };
    let parameters = serde_json::json!({
        "model": model,
        "lambda": summary.selection.as_ref().map(|s| s.lambda),
        "selection": summary.selection,
        "prior_selection": summary.prior_selection,
        "agent": summary.agent,
        "held_out": request.held_out,
        "half": request.half,
        "ignore_splits": request.ignore_splits,
        "marked_splits": summary.marked_splits,
        "epochs": summary.epochs,
        "best_epoch": summary.best_epoch,
        "seeds": request.seeds,
        "consensus": ConsensusParams::default(),
        "n_items": summary.n_items,
        "trials": summary.trials,
    });
    let mut provenance = Provenance::new(request.command.clone(), Some(request.seed.0), parameters);
    for input in request.inputs()? {
        provenance.add_input(&input)?;
    }
    provenance.write_beside(request.out.join("embedding"), overwrite)?;
    // The states are of no use once the result is there.
    remove_checkpoints(&request.out);
    Ok(summary)
}

impl FitRequest {
    /// Every file that is read.
    fn inputs(&self) -> Result<Vec<PathBuf>, WorkflowError> {
        let keys = self.triplets.keys()?.filter(|path| path.is_file());
        let mut inputs = vec![self.triplets.path.clone()];
        inputs.extend(keys);
        inputs.extend(self.targets.clone());
        if let HeldOut::Files { validation, test } = &self.held_out {
            inputs.extend([validation, test].into_iter().flatten().cloned());
        }
        Ok(inputs)
    }
}

/// Writes every run as `seeds/seed-NN/` and returns the files; older runs past the last are removed, where
/// results may be replaced.
pub(crate) fn write_seeds<'a>(
    folder: &Path,
    runs: impl IntoIterator<Item = (&'a Embedding, Option<&'a Embedding>)>,
    stimuli: Option<&StimulusSet>,
    overwrite: Overwrite,
) -> Result<Vec<PathBuf>, WorkflowError> {
    let folder = folder.join("seeds");
    let at = |k: usize| folder.join(format!("seed-{k:02}"));
    let mut written = Vec::new();
    for (k, (embedding, uncertainty)) in (1..).zip(runs) {
        let file = write_embedding(&at(k), embedding, uncertainty, stimuli, overwrite)?;
        written.push(file);
    }
    if overwrite == Overwrite::Replace {
        let stale = (written.len() + 1..).map(at).take_while(|old| old.is_dir());
        for old in stale.collect::<Vec<_>>() {
            for file in ["embedding.npz", "embedding.tsv"] {
                // What is not there needs no removal; what cannot be removed stays with its folder.
                let _ = std::fs::remove_file(old.join(file));
            }
            let _ = std::fs::remove_dir(old);
        }
    }
    Ok(written)
}

/// Removes what [`CheckpointPolicy`] may have left in a folder of results.
fn remove_checkpoints(folder: &Path) {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("checkpoint") && name.ends_with(".npz") {
            // A state that cannot be removed is a nuisance, no reason to fail.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

fn write_history(
    path: &Path,
    history: &[Epoch],
    overwrite: Overwrite,
) -> Result<(), WorkflowError> {
    use std::fmt::Write;
    let mut text = String::from("epoch\ttrain_nll\tval_nll\tval_accuracy\tdims\n");
    for e in history {
        let (nll, accuracy) = e.validation.map_or_else(
            || ("n/a".to_owned(), "n/a".to_owned()),
            |s| (s.nll.to_string(), s.accuracy.to_string()),
        );
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{}\t{}\t{nll}\t{accuracy}\t{}",
            e.epoch, e.train_nll, e.dims
        );
    }
    output::write(path, overwrite, text.as_bytes())?;
    Ok(())
}
