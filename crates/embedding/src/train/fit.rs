//! The loop that every model shares: epochs, validation, stopping, checkpoints, interruption.

use super::checkpoint::{self, CheckpointError, CheckpointPolicy, Position};
use super::deck::Deck;
use super::engine::{Engine, Score};
use super::kernel::{Likelihood, RowUpdate};
use crate::{Embedding, EmbeddingError};
use emotome_lanes::InstructionSet;
use emotome_stats::random::Seed;
use emotome_stimuli::run::Run;
use emotome_triplets::ChoiceSet;
use serde::{Deserialize, Serialize};
use std::time::Instant;

/// What a model is fitted to.
#[derive(Debug, Clone, Copy)]
pub struct TrainingData<'a> {
    /// The choices to fit.
    pub train: &'a ChoiceSet,
    /// Choices that decide when to stop and which epoch to keep; none of their triplets may be in
    /// `train`.
    pub validation: Option<&'a ChoiceSet>,
    /// Soft labels: per training choice the probabilities of its pairs (similar, similar),
    /// (first, odd), (second, odd). `None` stands for (1, 0, 0).
    pub targets: Option<&'a [[f32; 3]]>,
}

/// How a fit is run; nothing here changes its result.
#[derive(Clone, Copy)]
pub struct FitOptions<'a> {
    /// The instruction set of the kernels.
    pub instructions: InstructionSet,
    /// Where to save the state for resuming, if anywhere.
    pub checkpoint: Option<&'a CheckpointPolicy>,
    /// Progress and interruption.
    pub run: Run<'a>,
}

/// One pass over the training choices.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Counted from 1.
    pub epoch: usize,
    /// Mean −ln p of the training choices while they were trained on, in nats.
    pub train_nll: f64,
    /// Score of the validation choices after the epoch.
    pub validation: Option<Score>,
    /// Dimensions left after the epoch, as the model counts them.
    pub dims: usize,
}

/// Why a fit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stop {
    /// All planned epochs were run.
    Schedule,
    /// The number of dimensions did not change for the whole window.
    DimsStable,
    /// The training loss no longer falls: slope > 0 or p > 0.1 over the window.
    TrainLossFlat,
}

/// A fitted model.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// The embedding, dimensions by falling sum of weights.
    pub embedding: Embedding,
    /// Standard deviation of each weight, for models that have one; same shape and order.
    pub uncertainty: Option<Embedding>,
    /// What happened in each epoch.
    pub history: Vec<Epoch>,
    /// The epoch whose weights these are.
    pub epoch: usize,
    /// Score of the validation choices with these weights. (The history of VICE holds scores
    /// averaged over draws from its distribution, before pruning.)
    pub validation: Option<Score>,
    /// Why the fit ended.
    pub stop: Stop,
    /// Seconds of shuffling and training, without validation; of this process only after a resume.
    pub seconds: f64,
    /// Trials trained on in these seconds.
    pub trials: u64,
}

impl Fit {
    /// Training speed in trials per second.
    #[must_use]
    pub fn trials_per_second(&self) -> f64 {
        self.trials as f64 / self.seconds.max(1e-9)
    }
}

/// Why a fit failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FitError {
    /// A parameter is out of its range.
    #[error("{parameter} is {value}; expected {expected}")]
    Parameter {
        /// The parameter's flag.
        parameter: &'static str,
        /// The value found.
        value: String,
        /// What it may be.
        expected: &'static str,
    },
    /// There is nothing to fit.
    #[error("no training choice; an embedding needs choices: check the file and the split")]
    Empty,
    /// Validation choices are about other stimuli.
    #[error(
        "training choices are among {train} stimuli, validation choices among {validation}; both must name the same stimuli"
    )]
    Validation {
        /// Stimuli of the training choices.
        train: usize,
        /// Stimuli of the validation choices.
        validation: usize,
    },
    /// Soft labels do not fit the choices.
    #[error(
        "soft label {row} (counted from 1) of {labels} is {value:?}; expected one for each of the {choices} choices, non-negative and summing to 1"
    )]
    Targets {
        /// The first label that does not fit.
        row: usize,
        /// The number of labels.
        labels: usize,
        /// The number of choices.
        choices: usize,
        /// The label found.
        value: [f32; 3],
    },
    /// The first weights do not belong to these choices.
    #[error("the embedding to start from: {0}")]
    Start(EmbeddingError),
    /// There are no candidates to choose from.
    #[error("no {what} given; give at least one")]
    NoCandidate {
        /// What is missing.
        what: &'static str,
    },
    /// The seeds have nothing in common.
    #[error(
        "no dimension of the best seed comes back in the others with a mean r of at least {min_correlation}; the choices may carry no similarity: look at each seed, or lower the threshold"
    )]
    NoAgreement {
        /// The least mean correlation asked for.
        min_correlation: f64,
    },
    /// The weights became infinite.
    #[error("the fit diverged in epoch {epoch}: {source}; lower --rate")]
    Diverged {
        /// The epoch, counted from 1.
        epoch: usize,
        /// The first bad weight.
        source: EmbeddingError,
    },
    /// A checkpoint cannot be read, written or used.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The user asked to stop.
    #[error("stopped in epoch {epoch} after {trials} of its trials; {resume}")]
    Interrupted {
        /// The epoch, counted from 1.
        epoch: usize,
        /// Trials of that epoch that were trained on.
        trials: usize,
        /// How to go on.
        resume: String,
    },
}

/// What the loop needs to know of a model.
pub(crate) trait Model: Serialize {
    type Update: RowUpdate;

    fn plan(&self, trials: usize) -> Plan;
    fn likelihood(&self) -> Likelihood;
    fn start(&self, set: InstructionSet, n_items: usize, seed: Seed) -> Engine;
    /// The update of step `step` of `steps`, counted from 0.
    fn update(&self, data: &Scale, seed: Seed, step: u64) -> Self::Update;
    fn validate(&self, engine: &Engine, trials: &[[u32; 3]], seed: Seed) -> Score;
    /// Whatever a model does before an epoch, counted from 0. It may be called twice for one epoch,
    /// when a fit is resumed there, and must then change nothing the second time.
    fn begin_epoch(
        &self,
        _engine: &mut Engine,
        _epoch: usize,
        _of: usize,
        _shown: &[bool],
        _seed: Seed,
    ) {
    }
    /// Whatever a model does after an epoch; returns its number of dimensions.
    fn end_epoch(&self, engine: &mut Engine) -> usize;
    fn stop(&self, history: &[Epoch]) -> Option<Stop>;
    /// Whether the epoch with the best validation score is kept, rather than the last.
    fn keeps_best(&self) -> bool;
    /// The embedding and, for models that have one, its uncertainty, in the engine's dimensions.
    fn finish(&self, engine: &Engine) -> (ndarray::Array2<f32>, Option<ndarray::Array2<f32>>);
}

/// How long and in what portions a model trains.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) epochs: usize,
    pub(crate) batch: usize,
}

impl Plan {
    /// The batch size and epochs asked for; else batches of N/64 within 128–16,384, and about
    /// `steps` steps in `least` to 500 epochs.
    pub(crate) fn new(
        trials: usize,
        (batch, epochs): (Option<usize>, Option<usize>),
        steps: usize,
        least: usize,
    ) -> Self {
        let batch = batch.unwrap_or_else(|| (trials / 64).clamp(128, 16_384));
        let an_epoch = trials.div_ceil(batch).max(1);
        Self {
            epochs: epochs.unwrap_or_else(|| (steps / an_epoch).clamp(least, 500)),
            batch,
        }
    }
}

/// Sizes that objectives are normalised by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    pub(crate) n_items: usize,
    pub(crate) trials: usize,
    pub(crate) steps: u64,
}

/// Fits a model, going on from a checkpoint if the policy asks for it.
pub(crate) fn fit<M: Model + Sync>(
    model: &M,
    data: TrainingData<'_>,
    seed: Seed,
    options: FitOptions<'_>,
) -> Result<Fit, FitError> {
    // Inside the pool from the start: from outside, each of the thousands of parallel passes
    // would wait for two threads to wake.
    rayon::scope(|_| fit_in_pool(model, data, seed, options))
}

fn fit_in_pool<M: Model>(
    model: &M,
    data: TrainingData<'_>,
    seed: Seed,
    options: FitOptions<'_>,
) -> Result<Fit, FitError> {
    check(data)?;
    let n_items = data.train.n_stimuli();
    let plan = model.plan(data.train.len());
    let start = Instant::now();
    let deck = Deck::new(data.train, data.targets, plan.batch, seed);
    let (mut seconds, mut trials) = (start.elapsed().as_secs_f64(), 0_u64);
    let validation: Option<Vec<[u32; 3]>> = data.validation.map(|v| {
        v.choices()
            .iter()
            .map(|c| c.odd_last().map(|id| id.0))
            .collect()
    });
    let batches = deck.batches();
    let shown = deck.shown(n_items);
    let scale = Scale {
        n_items,
        trials: deck.len(),
        steps: (plan.epochs * batches) as u64,
    };
    let identity = options
        .checkpoint
        .map(|_| checkpoint::identity(model, seed, n_items, &deck, validation.as_deref()));
    let resumed = match (options.checkpoint, &identity) {
        (Some(policy), Some(identity)) => {
            checkpoint::load::<M>(policy, identity, options.instructions)?
        }
        _ => None,
    };
    let (mut engine, mut at) = resumed.unwrap_or_else(|| {
        (
            model.start(options.instructions, n_items, seed),
            Position::default(),
        )
    });
    let mut saved = Instant::now();
    options
        .run
        .progress
        .begin("fitting", Some((plan.epochs * deck.len()) as u64));
    options
        .run
        .progress
        .advance((at.history.len() * deck.len()) as u64);
    let save = |engine: &Engine, at: &Position| match (options.checkpoint, &identity) {
        (Some(policy), Some(identity)) => checkpoint::save(policy, identity, engine, at),
        _ => Ok(()),
    };
    let mut stop = at.stop;
    while stop.is_none() && at.history.len() < plan.epochs {
        let epoch = at.history.len();
        if at.batch == 0 {
            model.begin_epoch(&mut engine, epoch, plan.epochs, &shown, seed);
        }
        for batch in deck.epoch(epoch).skip(at.batch) {
            if options.run.interrupt.requested() {
                save(&engine, &at)?;
                options.run.progress.end();
                return Err(FitError::Interrupted {
                    epoch: epoch + 1,
                    trials: at.batch * deck.len() / batches,
                    resume: options.checkpoint.map_or_else(
                        || "nothing was saved, since no checkpoint was asked for".into(),
                        |policy| {
                            format!(
                                "the state is in {}: run the same command with --resume",
                                policy.path.display()
                            )
                        },
                    ),
                });
            }
            let start = Instant::now();
            let step = (epoch * batches + at.batch) as u64;
            let update = model.update(&scale, seed, step);
            at.loss += engine.step(batch, model.likelihood(), &update);
            at.batch += 1;
            seconds += start.elapsed().as_secs_f64();
            trials += batch.trials.len() as u64;
            options.run.progress.advance(batch.trials.len() as u64);
            if options
                .checkpoint
                .is_some_and(|policy| saved.elapsed() > policy.every)
            {
                save(&engine, &at)?;
                saved = Instant::now();
            }
        }
        let dims = model.end_epoch(&mut engine);
        if let Err(source) = engine.embedding() {
            return Err(FitError::Diverged {
                epoch: epoch + 1,
                source,
            });
        }
        let score = validation
            .as_ref()
            .map(|v| model.validate(&engine, v, seed));
        if let Some(score) = score
            && model.keeps_best()
            && at
                .best
                .as_ref()
                .is_none_or(|best| score.nll < best.score.nll)
        {
            at.best = Some(checkpoint::Best {
                score,
                epoch: epoch + 1,
                weights: engine.matrix(),
            });
        }
        at.history.push(Epoch {
            epoch: epoch + 1,
            train_nll: at.loss / deck.len() as f64,
            validation: score,
            dims,
        });
        (at.batch, at.loss) = (0, 0.0);
        stop = model.stop(&at.history);
        at.stop = stop;
    }
    save(&engine, &at)?;
    options.run.progress.end();
    let (weights, uncertainty, epoch) = match at.best {
        Some(best) => (best.weights, None, best.epoch),
        None => {
            let (weights, uncertainty) = model.finish(&engine);
            (weights, uncertainty, at.history.len())
        }
    };
    let order = dims_by_size(&weights);
    let sorted = |values: ndarray::Array2<f32>| {
        Embedding::new(values)
            .map(|e| e.select_dims(&order))
            .map_err(|source| FitError::Diverged { epoch, source })
    };
    let embedding = sorted(weights)?;
    let validation = validation.map(|trials| {
        Engine::of(options.instructions, embedding.values()).score(&trials, model.likelihood())
    });
    Ok(Fit {
        embedding,
        uncertainty: uncertainty.map(sorted).transpose()?,
        history: at.history,
        epoch,
        validation,
        stop: stop.unwrap_or(Stop::Schedule),
        seconds,
        trials,
    })
}

/// Dimensions with any weight, by falling sum of magnitudes.
pub(crate) fn dims_by_size(weights: &ndarray::Array2<f32>) -> Vec<usize> {
    let size: Vec<f64> = weights
        .columns()
        .into_iter()
        .map(|c| c.iter().map(|w| f64::from(w.abs())).sum())
        .collect();
    let mut order: Vec<usize> = (0..size.len()).filter(|&f| size[f] > 0.0).collect();
    order.sort_by(|&a, &b| size[b].total_cmp(&size[a]).then(a.cmp(&b)));
    order
}

fn check(data: TrainingData<'_>) -> Result<(), FitError> {
    if data.train.is_empty() {
        return Err(FitError::Empty);
    }
    if let Some(v) = data.validation
        && v.n_stimuli() != data.train.n_stimuli()
    {
        return Err(FitError::Validation {
            train: data.train.n_stimuli(),
            validation: v.n_stimuli(),
        });
    }
    if let Some(q) = data.targets {
        let fits = |q: &[f32; 3]| {
            q.iter().all(|p| (0.0..=1.0).contains(p)) && (q.iter().sum::<f32>() - 1.0).abs() < 1e-3
        };
        let bad = q.iter().position(|q| !fits(q));
        if q.len() != data.train.len() || bad.is_some() {
            let row = bad.unwrap_or(q.len().min(data.train.len()));
            return Err(FitError::Targets {
                row: row + 1,
                labels: q.len(),
                choices: data.train.len(),
                value: q.get(row).copied().unwrap_or([f32::NAN; 3]),
            });
        }
    }
    Ok(())
}
