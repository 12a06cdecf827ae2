//! VICE: a distribution over embeddings, with a spike-and-slab prior.
//!
//! ```text
//! q(X) = Π N(x_if; μ_if, σ_if²)        Z = max(X, 0)        X = μ + σ∘ε,  one ε ~ N(0, 1) a step
//! loss = 1/N Σ_trials −ln p(chosen pair | Z) + 1/N Σ_if [ln q(x_if) − ln p(x_if)]
//! p(x) = π N(x; 0, spike²) + (1 − π) N(x; 0, slab²)
//! ```
//!
//! Muttenthaler et al. 2022, "VICE: Variational Interpretable Concept Embeddings", NeurIPS,
//! arXiv 2205.00756; written from the paper.
//!
//! The mixture is never evaluated as a sum of densities, which underflows some 13 slab widths out:
//! its slope, all that the fit needs, depends on the responsibility r = 1 / (1 + e^{ln p₂ − ln p₁})
//! of the spike alone.

use super::adam::{Adam, BETA2};
use super::engine::{Engine, Score, score_samples};
use super::fit::{Epoch, Fit, FitError, FitOptions, Model, Plan, Scale, Stop, TrainingData, fit};
use super::kernel::{Likelihood, RowUpdate};
use super::spose::{check_common, require};
use crate::evaluate::score::Similarity;
use emotome_lanes::InstructionSet;
use emotome_stats::random::{CounterRng, Seed};
use ndarray::Array2;
use posterior::{draw, importance, moments};
use prior::Prior;
use serde::{Deserialize, Serialize};
use step::{LOG_SIGMA, MU, ViceStep, key};

#[cfg(test)]
mod parity;
mod posterior;
mod prior;
mod step;

pub use prior::Mixture;

/// Parameters of [`fit_vice`].
///
/// | Name | Default | Purpose | Range |
/// |---|---|---|---|
/// | `dims` | 100 | dimensions to start with | 1–4096 |
/// | `mixture` | Gaussian | family of the prior's parts | Gaussian, Laplace |
/// | `spike`, `slab` | 0.25, 1.0 | scales of the prior's parts | 0 < spike < slab |
/// | `pi` | 0.5 | prior share of the spike | 0 < π < 1 |
/// | `min_stimuli` | 5 | a dimension stays if more stimuli than this are above zero | ≥ 0 |
/// | `alpha` | 0.05 | false-discovery rate of that test | 0 < α < 1 |
/// | `burn_in` | 50 | epochs before the stopping rule | ≥ 0 |
/// | `window` | 50 | epochs without a change in dimensions that end the fit | ≥ 1 |
/// | `epochs` | about 6,000 steps, 20–500 | most epochs | 1–100,000 |
/// | `batch` | N/64 within 128–16,384 | trials per step | 1–2^24 |
/// | `rate` | 0.05 | step size of Adam | > 0 |
/// | `anneal` | yes | lower the step size to zero along half a cosine over `epochs` | |
/// | `samples` | 10 | draws of X that predictions are averaged over | 1–1000 |
/// | `lapse` | 0 | share of trials answered by guessing | 0–0.99 |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ViceParams {
    /// Dimensions d to start with.
    pub dims: usize,
    /// The family of spike and slab.
    pub mixture: Mixture,
    /// Scale of the spike: standard deviation of a Gaussian, scale of a Laplace distribution.
    pub spike: f64,
    /// Scale of the slab.
    pub slab: f64,
    /// Prior share π of the spike.
    pub pi: f64,
    /// A dimension stays if more stimuli than this are significantly above zero.
    pub min_stimuli: usize,
    /// False-discovery rate α of that test, within each dimension.
    pub alpha: f64,
    /// Epochs before the stopping rule.
    pub burn_in: usize,
    /// Epochs without a change in the number of dimensions that end the fit.
    pub window: usize,
    /// Most passes over the choices.
    pub epochs: Option<usize>,
    /// Trials per step.
    pub batch: Option<usize>,
    /// Step size η of Adam.
    pub rate: f64,
    /// Whether the step size falls to zero along half a cosine over `epochs`.
    pub anneal: bool,
    /// Draws of X that predictions are averaged over.
    pub samples: usize,
    /// Share of trials answered by guessing.
    pub lapse: f64,
}

impl Default for ViceParams {
    fn default() -> Self {
        Self {
            dims: 100,
            mixture: Mixture::Gaussian,
            spike: 0.25,
            slab: 1.0,
            pi: 0.5,
            min_stimuli: 5,
            alpha: 0.05,
            burn_in: 50,
            window: 50,
            epochs: None,
            batch: None,
            rate: 0.05,
            anneal: true,
            samples: 10,
            lapse: 0.0,
        }
    }
}

impl ViceParams {
    /// The settings of the published code: batches of 128, η = 0.001, burn-in and window of 500 of
    /// at most 2,000 epochs.
    #[must_use]
    pub fn published() -> Self {
        Self {
            burn_in: 500,
            window: 500,
            epochs: Some(2000),
            batch: Some(128),
            rate: 0.001,
            anneal: false,
            ..Self::default()
        }
    }

    /// Checks every parameter against its range.
    ///
    /// # Errors
    /// [`FitError::Parameter`] names the first that is outside.
    pub fn check(self) -> Result<CheckedVice, FitError> {
        check_common(self.dims, self.epochs, self.batch, self.rate, self.lapse)?;
        require(
            "--spike",
            self.spike,
            self.spike > 0.0 && self.spike < self.slab,
            "a number > 0 below --slab",
        )?;
        require(
            "--slab",
            self.slab,
            self.slab.is_finite(),
            "a finite number",
        )?;
        require(
            "--pi",
            self.pi,
            self.pi > 0.0 && self.pi < 1.0,
            "a number between 0 and 1",
        )?;
        require(
            "--alpha",
            self.alpha,
            self.alpha > 0.0 && self.alpha < 1.0,
            "a number between 0 and 1",
        )?;
        require("--window", self.window, self.window > 0, "at least 1")?;
        require(
            "--samples",
            self.samples,
            (1..=1000).contains(&self.samples),
            "1 to 1000",
        )?;
        Ok(CheckedVice(self))
    }
}

/// [`ViceParams`] whose values are all in range.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckedVice(ViceParams);

impl CheckedVice {
    /// The parameters.
    #[must_use]
    pub const fn params(&self) -> &ViceParams {
        &self.0
    }

    /// The parameters with nothing left open: epochs and batch size as they are for so many choices.
    #[must_use]
    pub fn resolved(&self, trials: usize) -> ViceParams {
        let Plan { epochs, batch } = self.plan(trials);
        ViceParams {
            epochs: Some(epochs),
            batch: Some(batch),
            ..self.0.clone()
        }
    }

    /// The same parameters for another number of dimensions.
    pub(super) fn with_dims(&self, dims: usize) -> Self {
        Self(ViceParams {
            dims,
            ..self.0.clone()
        })
    }

    fn prior(&self) -> Prior {
        let ViceParams {
            mixture,
            pi,
            spike,
            slab,
            ..
        } = self.0;
        Prior::new(mixture, pi, spike, slab)
    }
}

/// Fits VICE.
///
/// The embedding holds max(μ, 0) of the dimensions that stay after pruning, its uncertainty σ of the
/// same entries. A dimension stays if the Benjamini–Hochberg procedure at level α rejects
/// x ≤ 0 (p = Φ(−μ/σ)) for more than `min_stimuli` stimuli. Where none stays, the embedding is left
/// unpruned, progress says so, and [`Pruning::unpruned`] is true: such dimensions are not to be
/// interpreted.
///
/// Fitting ends when the number of dimensions that would stay was the same, and not zero, over
/// `window` epochs after `burn_in`; the last weights are kept. Cost per epoch: that of
/// [`fit_spose`](super::spose::fit_spose) plus n·d normal numbers a step. Same bits at any number of
/// threads, for every instruction set, and after a resume.
///
/// # Errors
/// [`FitError`] for no choices, soft labels that do not fit, divergence, checkpoints of another fit,
/// and interruption.
pub fn fit_vice(
    data: TrainingData<'_>,
    params: &CheckedVice,
    seed: Seed,
    options: FitOptions<'_>,
) -> Result<Fit, FitError> {
    let fitted = fit(params, data, seed, options)?;
    warn_if_unpruned(&fitted, data, options);
    Ok(fitted)
}

/// Says so where pruning would leave nothing.
pub(super) fn warn_if_unpruned(fit: &Fit, data: TrainingData<'_>, options: FitOptions<'_>) {
    if Pruning::of(fit).unpruned {
        let (n, choices) = (data.train.n_stimuli(), data.train.len());
        options.run.progress.note(&format!(
            "no dimension is significant for enough stimuli: {choices} choices are {:.1} per stimulus; the embedding is left unpruned, its dimensions are not to be interpreted",
            choices as f64 / n as f64
        ));
    }
}

/// What pruning did to a fit of VICE.
///
/// Few choices may predict better than guessing and yet bear no single dimension: then the
/// predictions before pruning are the better ones, and the dimensions mean nothing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Pruning {
    /// Dimensions that stay.
    pub dims: usize,
    /// Whether none stays, so that the embedding was left unpruned.
    pub unpruned: bool,
    /// Validation score of choice probabilities averaged over draws from the whole distribution.
    pub before: Option<Score>,
    /// Validation score of the embedding that was returned.
    pub after: Option<Score>,
}

impl Pruning {
    /// What pruning did to this fit.
    #[must_use]
    pub fn of(fit: &Fit) -> Self {
        let last = fit.history.last();
        let dims = last.map_or(0, |epoch| epoch.dims);
        Self {
            dims,
            unpruned: dims == 0,
            before: last.and_then(|epoch| epoch.validation),
            after: fit.validation,
        }
    }
}

/// Where the draws for validation lie in the sequence of keys, far from any training step.
const VALIDATION_KEYS: u64 = 1 << 62;

impl CheckedVice {
    /// An engine with the distribution `at(stimulus, dimension)` = (μ, ln σ) and the first draw.
    pub(super) fn engine(
        set: InstructionSet,
        (n_items, dims): (usize, usize),
        seed: Seed,
        at: impl Fn(usize, usize) -> (f32, f32),
    ) -> Engine {
        let mut engine = Engine::new(set, n_items, dims, ViceStep::STATE, |_, _| 0.0);
        let stride = engine.stride();
        for (item, state) in engine
            .state
            .chunks_mut(ViceStep::STATE * stride)
            .enumerate()
        {
            for f in 0..dims {
                (state[MU * stride + f], state[LOG_SIGMA * stride + f]) = at(item, f);
            }
        }
        posterior::draw_first(&mut engine, key(seed, 0));
        engine
    }

    /// The dimensions that stay: more than `min_stimuli` stimuli significantly above zero.
    fn kept(&self, mu: &Array2<f32>, sigma: &Array2<f32>) -> Vec<usize> {
        let importance = importance(mu, sigma, self.0.alpha);
        (0..importance.len())
            .filter(|&f| importance[f] > self.0.min_stimuli)
            .collect()
    }
}

impl Model for CheckedVice {
    type Update = ViceStep;

    fn plan(&self, trials: usize) -> Plan {
        Plan::new(trials, (self.0.batch, self.0.epochs), 6000, 20)
    }

    fn likelihood(&self) -> Likelihood {
        Likelihood {
            similarity: Similarity::Dot,
            lapse: self.0.lapse as f32,
        }
    }

    fn start(&self, set: InstructionSet, n_items: usize, seed: Seed) -> Engine {
        // Published start: μ ~ N(0, 2/d), ln σ = −1/sd(μ).
        let (first, dims) = (seed.derive("first weights"), self.0.dims);
        let spread = (2.0 / dims as f64).sqrt();
        Self::engine(set, (n_items, dims), seed, |item, f| {
            let mut rng = CounterRng::new(first, (item * dims + f) as u64);
            ((spread * rng.normal()) as f32, (-1.0 / spread) as f32)
        })
    }

    fn update(&self, data: &Scale, seed: Seed, step: u64) -> ViceStep {
        let share = if self.0.anneal {
            0.5 + 0.5 * (std::f64::consts::PI * (step as f64 + 0.5) / data.steps as f64).cos()
        } else {
            1.0
        };
        ViceStep {
            adam: Adam::step(step + 1, (self.0.rate * share) as f32, BETA2),
            prior: self.prior(),
            complexity: (1.0 / data.trials as f64) as f32,
            key: key(seed, step + 1),
            dims: self.0.dims,
        }
    }

    fn validate(&self, engine: &Engine, trials: &[[u32; 3]], seed: Seed) -> Score {
        let draws =
            (0..self.0.samples as u64).map(|s| draw(engine, key(seed, VALIDATION_KEYS + s)));
        score_samples(
            engine.set,
            engine.stride(),
            draws,
            trials,
            self.likelihood(),
        )
    }

    fn end_epoch(&self, engine: &mut Engine) -> usize {
        let (mu, sigma) = moments(engine);
        self.kept(&mu, &sigma).len()
    }

    fn stop(&self, history: &[Epoch]) -> Option<Stop> {
        let recent = history.get(history.len().checked_sub(self.0.window)?..)?;
        let dims = recent.last()?.dims;
        let stable = dims > 0 && recent.iter().all(|e| e.dims == dims);
        (history.len() > self.0.burn_in && stable).then_some(Stop::DimsStable)
    }

    fn keeps_best(&self) -> bool {
        false
    }

    fn finish(&self, engine: &Engine) -> (Array2<f32>, Option<Array2<f32>>) {
        let (mu, sigma) = moments(engine);
        let mut kept = self.kept(&mu, &sigma);
        if kept.is_empty() {
            kept = (0..mu.ncols()).collect();
        }
        let pick = |values: &Array2<f32>| values.select(ndarray::Axis(1), &kept);
        (pick(&mu).mapv(|w| w.max(0.0)), Some(pick(&sigma)))
    }
}
