//! From a file of choices to an embedding with provenance.

use crate::WorkflowError;
use crate::choices::{self, ChoiceFile};
use crate::memory::peak_rss_bytes;
use emotome_embedding::evaluate::accuracy::{self, Accuracy};
use emotome_embedding::evaluate::score::Scoring;
use emotome_embedding::evaluate::two_way::Resampling;
use emotome_embedding::files::write_embedding;
use emotome_embedding::train::consensus::{ConsensusParams, consensus};
use emotome_embedding::train::select::{Selection, fit_seeds, select_spose};
use emotome_embedding::train::spose::{SposeParams, fit_spose};
use emotome_embedding::train::vice::{ViceParams, fit_vice};
use emotome_embedding::train::{
    CheckpointPolicy, Epoch, Fit, FitError, FitOptions, InstructionSet, Stop, TrainingData,
};
use emotome_stats::random::Seed;
use emotome_stimuli::output::{self, Overwrite};
use emotome_stimuli::provenance::Provenance;
use emotome_stimuli::run::Run;
use emotome_triplets::ChoiceSet;
use emotome_triplets::split::{Shares, check_disjoint, split};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Which model is fitted, with its parameters.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "method", rename_all = "lowercase")]
pub enum Method {
    /// A point estimate; `lambdas` are tried on the validation choices, a single one is used as is.
    Spose {
        /// All other parameters.
        #[serde(flatten)]
        params: SposeParams,
        /// The λ to choose from, at least one.
        lambdas: Vec<f64>,
    },
    /// A distribution over embeddings.
    Vice {
        /// All parameters.
        #[serde(flatten)]
        params: ViceParams,
    },
}

/// Where held-out choices come from.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum HeldOut {
    /// A share of the file, drawn by unordered triplet.
    Shares(Shares),
    /// Files of their own; refused if they share a triplet with the training choices.
    Files {
        /// For choosing λ and the epoch.
        validation: Option<PathBuf>,
        /// For the score at the end.
        test: Option<PathBuf>,
    },
}

/// What to fit and where to put it.
#[derive(Debug, Clone)]
pub struct FitRequest {
    /// The choices.
    pub triplets: ChoiceFile,
    /// The held-out choices.
    pub held_out: HeldOut,
    /// The model.
    pub method: Method,
    /// Independent runs; with two or more, SPoSE ends in their consensus, VICE in the best one.
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
    /// λ used and tried (SPoSE).
    pub selection: Option<Selection>,
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

/// A fitted embedding with everything that was learned on the way.
#[derive(Debug)]
pub struct Fitted {
    /// The final fit.
    pub fit: Fit,
    /// All seeds, the only one included.
    pub seeds: Vec<Fit>,
    /// How λ was chosen.
    pub selection: Option<Selection>,
    /// For a consensus: mean r of each kept dimension with its matches.
    pub agreement: Option<Vec<f64>>,
}

/// Fits a model to choices in memory.
///
/// # Errors
/// [`WorkflowError::Fit`].
pub fn fit_choices(
    data: TrainingData<'_>,
    method: &Method,
    seeds: usize,
    seed: Seed,
    checkpoint: Option<&CheckpointPolicy>,
    run: Run<'_>,
) -> Result<Fitted, WorkflowError> {
    let options = FitOptions {
        instructions: InstructionSet::detect(),
        checkpoint,
        run,
    };
    let only = |fit: Fit| Fitted {
        seeds: vec![fit.clone()],
        fit,
        selection: None,
        agreement: None,
    };
    match method {
        Method::Spose { params, lambdas } => {
            let (lambda, selection) = match lambdas[..] {
                [lambda] => (lambda, None),
                _ => {
                    let selection = select_spose(data, params, lambdas, seed, options)?;
                    (selection.lambda, Some(selection))
                }
            };
            let params = SposeParams {
                lambda,
                ..params.clone()
            }
            .check()?;
            if seeds <= 1 {
                let fit = fit_spose(data, &params, seed, options)?;
                return Ok(Fitted {
                    selection,
                    ..only(fit)
                });
            }
            let fits = fit_seeds(data, &params, seed, seeds, options)?;
            let of = ConsensusParams::default();
            let (fit, agreement) = match consensus(data, &fits, &params, of, seed, options) {
                Ok(one) => (one.fit, Some(one.agreement)),
                // Seeds without anything in common are a finding, not a failure.
                Err(FitError::NoAgreement { .. }) => (best_of(&fits)?, None),
                Err(error) => return Err(error.into()),
            };
            Ok(Fitted {
                fit,
                seeds: fits,
                selection,
                agreement,
            })
        }
        Method::Vice { params } => {
            let params = params.clone().check()?;
            if seeds <= 1 {
                return Ok(only(fit_vice(data, &params, seed, options)?));
            }
            let fits = (0..seeds as u64)
                .map(|k| {
                    let stage = checkpoint.map(|policy| policy.stage(&format!("seed-{}", k + 1)));
                    let options = FitOptions {
                        checkpoint: stage.as_ref(),
                        ..options
                    };
                    fit_vice(data, &params, seed.child(k), options)
                })
                .collect::<Result<Vec<_>, _>>()?;
            let fit = best_of(&fits)?;
            Ok(Fitted {
                fit,
                seeds: fits,
                selection: None,
                agreement: None,
            })
        }
    }
}

/// The fit with the lowest validation NLL, or training NLL where nothing was held out.
fn best_of(fits: &[Fit]) -> Result<Fit, FitError> {
    let loss = |fit: &Fit| {
        let trained = || fit.history.last().map_or(f64::INFINITY, |e| e.train_nll);
        fit.validation.map_or_else(trained, |score| score.nll)
    };
    let best = fits.iter().min_by(|a, b| loss(a).total_cmp(&loss(b)));
    best.cloned().ok_or(FitError::NoCandidate {
        what: "seed (--seeds)",
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
    // Refuse before any work, not after it.
    let exists = request.out.join("embedding.npz");
    if exists.exists() && request.overwrite == Overwrite::Refuse {
        return Err(output::OutputError::Exists { path: exists }.into());
    }
    let imported = choices::read(&request.triplets, None, run)?;
    let stimuli = imported.stimuli;
    let all = imported.table.choices;
    let parts = held_out(all, request, stimuli.as_ref(), run)?;
    let (train, validation, test) = (&parts[0], &parts[1], &parts[2]);
    output::folder(&request.out, Overwrite::Replace)?;
    let policy = CheckpointPolicy {
        path: request.out.join(CHECKPOINT),
        every: CHECKPOINT_EVERY,
        resume: request.resume,
    };
    let data = TrainingData {
        train,
        validation: (!validation.is_empty()).then_some(validation),
        targets: None,
    };
    let fitted = fit_choices(
        data,
        &request.method,
        request.seeds,
        request.seed,
        Some(&policy),
        run,
    )?;
    let tested = if test.is_empty() {
        None
    } else {
        let scoring = scoring(&request.method);
        Some(accuracy::held_out(
            &fitted.fit.embedding,
            test,
            &scoring,
            Resampling::default(),
        )?)
    };
    let written = write_embedding(
        &request.out,
        &fitted.fit.embedding,
        fitted.fit.uncertainty.as_ref(),
        stimuli.as_ref(),
        request.overwrite,
    )?;
    let mut seeds = Vec::with_capacity(fitted.seeds.len());
    for (k, fit) in fitted.seeds.iter().enumerate() {
        let embedding = if fitted.seeds.len() > 1 {
            let folder = request.out.join("seeds").join(format!("seed-{:02}", k + 1));
            let uncertainty = fit.uncertainty.as_ref();
            let path = write_embedding(
                &folder,
                &fit.embedding,
                uncertainty,
                stimuli.as_ref(),
                request.overwrite,
            )?;
            Some(path)
        } else {
            None
        };
        let val_nll = fit.validation.map(|s| s.nll);
        seeds.push(SeedSummary {
            val_nll,
            dims: fit.embedding.n_dims(),
            embedding,
        });
    }
    write_history(
        &request.out.join("history.tsv"),
        &fitted.fit.history,
        request.overwrite,
    )?;
    let summary = FitSummary {
        n_items: train.n_stimuli(),
        n_items_inferred: imported.n_inferred,
        dims: fitted.fit.embedding.n_dims(),
        val_nll: fitted.fit.validation.map(|s| s.nll),
        val_accuracy: fitted.fit.validation.map(|s| s.accuracy),
        test: tested,
        epochs: fitted.fit.history.len(),
        best_epoch: fitted.fit.epoch,
        stop: fitted.fit.stop,
        seconds: fitted.fit.seconds,
        total_seconds: start.elapsed().as_secs_f64(),
        triplets_per_second: fitted.fit.trials_per_second(),
        peak_rss_bytes: peak_rss_bytes(),
        trials: [train.len(), validation.len(), test.len()],
        selection: fitted.selection,
        seeds,
        agreement: fitted.agreement,
        embedding: written.clone(),
        instructions: InstructionSet::detect(),
    };
    let parameters = serde_json::json!({
        "model": request.method,
        "lambda": summary.selection.as_ref().map(|s| s.lambda),
        "selection": summary.selection,
        "held_out": request.held_out,
        "epochs": summary.epochs,
        "best_epoch": summary.best_epoch,
        "seeds": request.seeds,
        "consensus": ConsensusParams::default(),
        "n_items": summary.n_items,
        "trials": summary.trials,
    });
    let mut provenance = Provenance::new(request.command.clone(), Some(request.seed.0), parameters);
    provenance.add_input(&request.triplets.path)?;
    if let HeldOut::Files { validation, test } = &request.held_out {
        for path in [validation, test].into_iter().flatten() {
            provenance.add_input(path)?;
        }
    }
    provenance.write_beside(&written, request.overwrite)?;
    // The states are of no use once the result is there.
    remove_checkpoints(&request.out);
    Ok(summary)
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

fn scoring(method: &Method) -> Scoring {
    match method {
        Method::Spose { params, .. } => Scoring {
            similarity: params.similarity,
            lapse: params.lapse,
            ..Scoring::default()
        },
        Method::Vice { params } => Scoring {
            lapse: params.lapse,
            ..Scoring::default()
        },
    }
}

/// Training, validation and test choices.
fn held_out(
    all: ChoiceSet,
    request: &FitRequest,
    stimuli: Option<&emotome_stimuli::StimulusSet>,
    run: Run<'_>,
) -> Result<[ChoiceSet; 3], WorkflowError> {
    match &request.held_out {
        HeldOut::Shares(shares) => {
            let rows = split(&all, *shares, &[], request.seed)?;
            Ok([rows.train, rows.validation, rows.test].map(|rows| all.select(rows)))
        }
        HeldOut::Files { validation, test } => {
            let n = all.n_stimuli();
            let load = |path: &Option<PathBuf>| match path {
                None => Ok(ChoiceSet::new(n, Vec::new())?),
                Some(path) => {
                    let file = ChoiceFile {
                        path: path.clone(),
                        n_stimuli: Some(n),
                        ..request.triplets.clone()
                    };
                    Ok::<_, WorkflowError>(choices::read(&file, stimuli, run)?.table.choices)
                }
            };
            let (validation, test) = (load(validation)?, load(test)?);
            check_disjoint(&[
                ("train", &all),
                ("validation", &validation),
                ("test", &test),
            ])?;
            Ok([all, validation, test])
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
