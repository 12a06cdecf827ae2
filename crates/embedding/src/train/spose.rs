//! SPoSE: a point estimate of a sparse non-negative embedding.
//!
//! ```text
//! min_X≥0   1/N Σ_trials −ln p(chosen pair) + λ/n Σ x_if
//! p(pair ij of i, j, k) = e^{x_i·x_j} / (e^{x_i·x_j} + e^{x_i·x_k} + e^{x_j·x_k})
//! ```
//!
//! Zheng, Pereira, Baker & Hebart 2019, "Revealing interpretable object representations from human
//! behavior", arXiv 1901.02915; Hebart et al. 2020, doi:10.1038/s41562-020-00951-3.
//!
//! The published code enforces x ≥ 0 by a soft penalty and takes |x| at the end, so none of its
//! zeros is one; here a proximal step gives exact zeros ([`Constraint::NonNegative`]). The published
//! variant is [`SposeParams::published`].

use super::adam::{Adam, BETA2, Constraint, PenalisedAdam};
use super::engine::{Engine, Score};
use super::fit::{Epoch, Fit, FitError, FitOptions, Model, Plan, Scale, Stop, TrainingData, fit};
use super::kernel::{Likelihood, RowUpdate};
use crate::evaluate::score::Similarity;
use emotome_lanes::InstructionSet;
use emotome_stats::random::{CounterRng, Seed};
use emotome_stats::regression::fit_line;
use ndarray::Array2;
use serde::{Deserialize, Serialize};

/// How the step size changes during a fit.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// Rises over the first 5 % of the steps, then falls to zero along half a cosine; λ rises to
    /// its value over the first 20 %.
    #[default]
    Cosine,
    /// Stays; the fit ends when the training loss is flat over `window` epochs (slope > 0 or
    /// p > 0.1 in a linear regression), as the published code does when asked to, or after all
    /// epochs without a window.
    Constant {
        /// Epochs looked back at.
        window: Option<usize>,
    },
}

/// Parameters of [`fit_spose`].
///
/// | Name | Default | Purpose | Range |
/// |---|---|---|---|
/// | `dims` | 90 | dimensions to start with | 1–4096 |
/// | `lambda` | 0.008 | weight λ of the penalty λ/n Σ x | ≥ 0 |
/// | `epochs` | about 2,000 steps, 8–500 | passes over the choices | 1–100,000 |
/// | `batch` | N/64 within 128–16,384 | trials per step | 1–2^24 |
/// | `rate` | 0.05 from 1,000 trials a stimulus on, else 0.01 | step size η of Adam | > 0 |
/// | `schedule` | cosine | how η changes | |
/// | `constraint` | non-negative | what weights may be | |
/// | `similarity` | dot | x_i·x_j or −‖x_i − x_j‖ | |
/// | `lapse` | 0 | share of trials answered by guessing | 0–0.99 |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs)]
pub struct SposeParams {
    pub dims: usize,
    pub lambda: f64,
    pub epochs: Option<usize>,
    pub batch: Option<usize>,
    pub rate: Option<f64>,
    pub schedule: Schedule,
    pub constraint: Constraint,
    pub similarity: Similarity,
    pub lapse: f64,
}

impl Default for SposeParams {
    fn default() -> Self {
        Self {
            dims: 90,
            lambda: 0.008,
            epochs: None,
            batch: None,
            rate: None,
            schedule: Schedule::Cosine,
            constraint: Constraint::NonNegative,
            similarity: Similarity::Dot,
            lapse: 0.0,
        }
    }
}

impl SposeParams {
    /// The settings of the published code: soft penalty, batches of 100, η = 0.001, 500 epochs.
    #[must_use]
    pub fn published() -> Self {
        Self {
            epochs: Some(500),
            batch: Some(100),
            rate: Some(0.001),
            schedule: Schedule::Constant { window: None },
            constraint: Constraint::SoftPenalty,
            ..Self::default()
        }
    }

    /// The step size for so many choices about so many stimuli: the one given, else the default.
    ///
    /// Few choices are overfitted within an epoch or two of large steps; small steps reach a lower
    /// validation loss before that happens. Many choices allow large ones.
    #[must_use]
    pub fn rate_for(&self, n_items: usize, trials: usize) -> f64 {
        self.rate.unwrap_or(if trials >= MANY_TRIALS * n_items {
            0.05
        } else {
            0.01
        })
    }

    /// Checks every parameter against its range.
    ///
    /// # Errors
    /// [`FitError::Parameter`] names the first that is outside.
    pub fn check(self) -> Result<CheckedSpose, FitError> {
        check_common(
            self.dims,
            self.epochs,
            self.batch,
            self.rate.unwrap_or(1.0),
            self.lapse,
        )?;
        require(
            "--lambda",
            self.lambda,
            self.lambda >= 0.0 && self.lambda.is_finite(),
            "a number ≥ 0",
        )?;
        Ok(CheckedSpose(self))
    }
}

/// Checks the parameters that SPoSE and VICE share.
pub(super) fn check_common(
    dims: usize,
    epochs: Option<usize>,
    batch: Option<usize>,
    rate: f64,
    lapse: f64,
) -> Result<(), FitError> {
    require("--dims", dims, (1..=4096).contains(&dims), "1 to 4096")?;
    let epochs = epochs.unwrap_or(1);
    require(
        "--epochs",
        epochs,
        (1..=100_000).contains(&epochs),
        "1 to 100,000",
    )?;
    let batch = batch.unwrap_or(1);
    require(
        "--batch",
        batch,
        (1..=1 << 24).contains(&batch),
        "1 to 16,777,216",
    )?;
    require(
        "--rate",
        rate,
        rate > 0.0 && rate.is_finite(),
        "a number > 0",
    )?;
    require("--lapse", lapse, (0.0..=0.99).contains(&lapse), "0 to 0.99")
}

pub(super) fn require(
    parameter: &'static str,
    value: impl ToString,
    holds: bool,
    expected: &'static str,
) -> Result<(), FitError> {
    if holds {
        Ok(())
    } else {
        Err(FitError::Parameter {
            parameter,
            value: value.to_string(),
            expected,
        })
    }
}

/// [`SposeParams`] whose values are all in range.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckedSpose(SposeParams);

impl CheckedSpose {
    /// The parameters.
    #[must_use]
    pub const fn params(&self) -> &SposeParams {
        &self.0
    }

    /// The parameters with nothing left open: epochs, batch size and step size as they are for so many
    /// choices about so many stimuli.
    #[must_use]
    pub fn resolved(&self, n_items: usize, trials: usize) -> SposeParams {
        let Plan { epochs, batch } = self.plan(trials);
        SposeParams {
            epochs: Some(epochs),
            batch: Some(batch),
            rate: Some(self.0.rate_for(n_items, trials)),
            ..self.0.clone()
        }
    }
}

/// Trials a stimulus from which large steps do not overfit.
const MANY_TRIALS: usize = 1000;
/// Mean and standard deviation of the first weights, as published.
const START: (f64, f64) = (0.1, 0.01);
/// Standard deviation of the normal numbers whose sizes a row of zeros starts anew from.
///
/// A row of zeros has no gradient, so the projection on x ≥ 0 could never let it go: where choices
/// are sure, the even start first separates two poles by their lengths and shuts one of them out
/// for good. Rows that are shown start anew before each epoch of the first half of a fit.
const RESTART: f64 = 0.5;
const WARM_UP: f64 = 0.05;
/// The share of the steps over which λ rises to its value. All weights zero is a stationary point
/// of the loss: a full penalty on the small first weights would end there before any structure
/// could form.
const PENALTY_RAMP: f64 = 0.2;
/// The published regression test of a flat loss.
const FLAT_P: f64 = 0.1;

/// Fits SPoSE.
///
/// With validation choices, the weights of the epoch with the lowest validation NLL are returned,
/// otherwise those of the last. In the first half of the epochs, stimuli that have choices and whose
/// weights are all zero start anew. Cost per epoch: 9·N·d fused multiply-adds. Same bits at any number
/// of threads, for every instruction set, and after a resume.
///
/// # Errors
/// [`FitError`] for no choices, soft labels that do not fit, divergence, checkpoints of another fit,
/// and interruption.
///
/// ```
/// use emotome_embedding::train::{FitOptions, InstructionSet, TrainingData, spose};
/// use emotome_stats::random::Seed;
/// use emotome_stimuli::{StimulusId, run::{Interrupt, Run, Silent}};
/// use emotome_triplets::{Choice, ChoiceSet, Position, Triplet};
///
/// // Stimuli 0 and 1 belong together, 2 and 3 too.
/// let choices = [[0, 1, 2], [0, 1, 3], [2, 3, 0], [2, 3, 1]].map(|ids| Choice {
///     triplet: Triplet::new(ids.map(StimulusId)).unwrap(),
///     odd: Position::Third,
/// });
/// let train = ChoiceSet::new(4, choices.repeat(32))?;
/// let params = spose::SposeParams { dims: 4, ..Default::default() }.check()?;
/// let options = FitOptions {
///     instructions: InstructionSet::detect(),
///     checkpoint: None,
///     run: Run { progress: &Silent, interrupt: &Interrupt::default() },
/// };
/// let data = TrainingData { train: &train, validation: None, targets: None };
/// let fit = spose::fit_spose(data, &params, Seed(1), options)?;
/// let x = |i| fit.embedding.row(i);
/// assert!(x(0).dot(&x(1)) > 10.0 * x(0).dot(&x(2)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn fit_spose(
    data: TrainingData<'_>,
    params: &CheckedSpose,
    seed: Seed,
    options: FitOptions<'_>,
) -> Result<Fit, FitError> {
    fit(params, data, seed, options)
}

impl Model for CheckedSpose {
    type Update = PenalisedAdam;

    fn plan(&self, trials: usize) -> Plan {
        Plan::new(trials, (self.0.batch, self.0.epochs), 2000, 8)
    }

    fn likelihood(&self) -> Likelihood {
        Likelihood {
            similarity: self.0.similarity,
            lapse: self.0.lapse as f32,
        }
    }

    fn start(&self, set: InstructionSet, n_items: usize, seed: Seed) -> Engine {
        let (seed, dims) = (seed.derive("first weights"), self.0.dims);
        Engine::new(set, n_items, dims, PenalisedAdam::STATE, |item, dim| {
            let mut rng = CounterRng::new(seed, (item * dims + dim) as u64);
            (START.0 + START.1 * rng.normal()) as f32
        })
    }

    fn update(&self, data: &Scale, _seed: Seed, step: u64) -> PenalisedAdam {
        let (share, penalty) = match self.0.schedule {
            Schedule::Constant { .. } => (1.0, 1.0),
            Schedule::Cosine => {
                let x = (step as f64 + 0.5) / data.steps as f64;
                let share = if x < WARM_UP {
                    x / WARM_UP
                } else {
                    0.5 + 0.5 * (std::f64::consts::PI * (x - WARM_UP) / (1.0 - WARM_UP)).cos()
                };
                (share, (x / PENALTY_RAMP).min(1.0))
            }
        };
        PenalisedAdam {
            adam: Adam::step(
                step + 1,
                (self.0.rate_for(data.n_items, data.trials) * share) as f32,
                BETA2,
            ),
            kappa: (penalty * self.0.lambda / data.n_items as f64) as f32,
            constraint: self.0.constraint,
        }
    }

    fn validate(&self, engine: &Engine, trials: &[[u32; 3]], _seed: Seed) -> Score {
        engine.score(trials, self.likelihood())
    }

    fn begin_epoch(
        &self,
        engine: &mut Engine,
        epoch: usize,
        of: usize,
        shown: &[bool],
        seed: Seed,
    ) {
        let traps =
            self.0.constraint == Constraint::NonNegative && self.0.similarity == Similarity::Dot;
        if traps && 2 * epoch < of {
            let (seed, dims) = (seed.derive("zero rows").child(epoch as u64), engine.dims());
            engine.restart_zero_rows(shown, |item, dim| {
                let mut rng = CounterRng::new(seed, (item * dims + dim) as u64);
                (RESTART * rng.normal()).abs() as f32
            });
        }
    }

    fn end_epoch(&self, engine: &mut Engine) -> usize {
        match self.0.constraint {
            Constraint::SoftPenalty => engine.dims_above(PUBLISHED_THRESHOLD),
            // Momentum may revive a dimension that has any sign; a non-negative one stays dead,
            // since its gradient is zero and the penalty pulls it down.
            Constraint::Unconstrained => engine.dims(),
            Constraint::NonNegative => engine.drop_dead_dims(),
        }
    }

    fn stop(&self, history: &[Epoch]) -> Option<Stop> {
        let Schedule::Constant {
            window: Some(window),
        } = self.0.schedule
        else {
            return None;
        };
        let recent = history.get(history.len().checked_sub(window)?..)?;
        let x: Vec<f64> = recent.iter().map(|e| e.epoch as f64).collect();
        let y: Vec<f64> = recent.iter().map(|e| e.train_nll).collect();
        let line = fit_line(&x, &y)?;
        (line.slope > 0.0 || line.p > FLAT_P).then_some(Stop::TrainLossFlat)
    }

    fn keeps_best(&self) -> bool {
        self.0.constraint != Constraint::SoftPenalty
    }

    fn finish(&self, engine: &Engine) -> (Array2<f32>, Option<Array2<f32>>) {
        let weights = engine.matrix();
        match self.0.constraint {
            Constraint::SoftPenalty => {
                let large: Vec<usize> = (0..weights.ncols())
                    .filter(|&f| weights.column(f).iter().any(|&w| w > PUBLISHED_THRESHOLD))
                    .collect();
                (
                    weights.select(ndarray::Axis(1), &large).mapv(f32::abs),
                    None,
                )
            }
            _ => (weights, None),
        }
    }
}

/// The published code keeps a dimension if any weight is above this.
pub const PUBLISHED_THRESHOLD: f32 = 0.1;
