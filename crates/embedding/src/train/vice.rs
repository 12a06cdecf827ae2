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

#![allow(unsafe_code)]

use super::adam::{Adam, BETA2};
use super::engine::{Engine, Score, score_samples};
use super::fit::{Epoch, Fit, FitError, FitOptions, Model, Plan, Scale, Stop, TrainingData, fit};
use super::kernel::{InstructionSet, Likelihood, RowPosition, RowUpdate};
use super::lanes::{LANES, Lanes, Portable};
use super::noise::normals;
use super::spose::{check_common, default_batch, require};
use crate::evaluate::score::Similarity;
use emotome_stats::distribution::normal_cdf;
use emotome_stats::multiplicity::count_rejected;
use emotome_stats::random::{CounterRng, Seed, mix};
use ndarray::Array2;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Parameters of [`fit_vice`].
///
/// | Name | Default | Purpose | Range |
/// |---|---|---|---|
/// | `dims` | 100 | dimensions to start with | 1–4096 |
/// | `spike`, `slab` | 0.25, 1.0 | standard deviations of the prior's parts | 0 < spike < slab |
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
#[allow(missing_docs)]
pub struct ViceParams {
    pub dims: usize,
    pub spike: f64,
    pub slab: f64,
    pub pi: f64,
    pub min_stimuli: usize,
    pub alpha: f64,
    pub burn_in: usize,
    pub window: usize,
    pub epochs: Option<usize>,
    pub batch: Option<usize>,
    pub rate: f64,
    pub anneal: bool,
    pub samples: usize,
    pub lapse: f64,
}

impl Default for ViceParams {
    fn default() -> Self {
        Self {
            dims: 100,
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

    fn prior(&self) -> Prior {
        Prior {
            log_odds: ((1.0 - self.0.pi) / self.0.pi * (self.0.spike / self.0.slab)).ln() as f32,
            precisions: [self.0.spike.powi(-2) as f32, self.0.slab.powi(-2) as f32],
        }
    }
}

/// Fits VICE.
///
/// The embedding holds max(μ, 0) of the dimensions that stay after pruning, its uncertainty σ of the
/// same entries. A dimension stays if the Benjamini–Hochberg procedure at level α rejects
/// x ≤ 0 (p = Φ(−μ/σ)) for more than `min_stimuli` stimuli. Fitting ends when the number of such
/// dimensions was the same, and not zero, over `window` epochs after `burn_in`; the last weights
/// are kept. Cost per epoch: that of [`fit_spose`](super::spose::fit_spose) plus n·d normal numbers
/// a step. Same bits at any number of threads, for every instruction set, and after a resume.
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
    fit(params, data, seed, options)
}

/// Spike and slab, in the form their slope needs.
#[derive(Debug, Clone, Copy)]
struct Prior {
    /// ln [(1 − π)/slab] − ln [π/spike]: log odds of slab against spike at zero.
    log_odds: f32,
    /// 1/spike², 1/slab².
    precisions: [f32; 2],
}

impl Prior {
    /// −d ln p/dx = x · (r/spike² + (1 − r)/slab²) with the spike's responsibility r.
    #[inline(always)]
    unsafe fn pull<V: Lanes>(self, x: V) -> V {
        let [spike, slab] = self.precisions;
        unsafe {
            let half_difference = V::splat(0.5 * (spike - slab));
            let odds = x.mul(x).mul_add(half_difference, V::splat(self.log_odds));
            let slab_odds = odds.min(V::splat(80.0)).exp();
            let r = V::splat(1.0).div(V::splat(1.0).add(slab_odds));
            x.mul(r.mul_add(V::splat(spike - slab), V::splat(slab)))
        }
    }
}

/// State per weight: μ, ln σ, their first and second moments, and the current ε.
pub(crate) struct ViceStep {
    adam: Adam,
    prior: Prior,
    /// 1/N.
    complexity: f32,
    /// The random sequence of the next ε.
    key: u64,
    dims: usize,
}

const MU: usize = 0;
const LOG_SIGMA: usize = 1;
const EPSILON: usize = 6;

impl RowUpdate for ViceStep {
    const STATE: usize = 7;

    #[inline(always)]
    unsafe fn update<V: Lanes>(
        &self,
        at: RowPosition,
        gradient: V,
        _current: *const f32,
        next: *mut f32,
        state: *mut f32,
    ) {
        unsafe {
            let part = |k: usize| state.add(k * at.stride);
            let zero = V::splat(0.0);
            let (mu, log_sigma, epsilon) = (
                V::load(part(MU)),
                V::load(part(LOG_SIGMA)),
                V::load(part(EPSILON)),
            );
            let deviation = log_sigma.exp().mul(epsilon);
            let x = mu.add(deviation);
            let likelihood = x.if_positive(gradient, zero);
            let pull = self
                .prior
                .pull(x)
                .mul_add(V::splat(self.complexity), likelihood);
            // ln q(x) = −ln σ − ε²/2 + const depends on σ alone.
            let spread = pull.mul_add(deviation, V::splat(-self.complexity));
            let (step, d) = self.adam.advance(pull, part(2), part(3));
            let mu = mu.sub(step.div(d));
            mu.store(part(MU));
            let (step, d) = self.adam.advance(spread, part(4), part(5));
            let log_sigma = log_sigma.sub(step.div(d));
            log_sigma.store(part(LOG_SIGMA));
            let epsilon = noise::<V>(self.key, at.item, at.offset, self.dims);
            epsilon.store(part(EPSILON));
            log_sigma.exp().mul_add(epsilon, mu).max(zero).store(next);
        }
    }
}

/// ε of sixteen weights; zero in the padding, whose weights therefore stay zero.
#[inline(always)]
unsafe fn noise<V: Lanes>(key: u64, item: usize, offset: usize, dims: usize) -> V {
    unsafe {
        let blocks = dims.div_ceil(LANES);
        let e: V = normals(key, (item * blocks + offset / LANES) as u64);
        if offset + LANES <= dims {
            return e;
        }
        let mut values = [0.0; LANES];
        e.store(values.as_mut_ptr());
        values[dims.saturating_sub(offset)..].fill(0.0);
        V::load(values.as_ptr())
    }
}

fn key(seed: Seed, step: u64) -> u64 {
    mix(seed.derive("noise").0 ^ mix(step))
}

/// Where the draws for validation lie in the sequence of keys, far from any training step.
const VALIDATION_KEYS: u64 = 1 << 62;

impl CheckedVice {
    /// One draw of Z, n × stride.
    fn draw(engine: &Engine, key: u64) -> Vec<f32> {
        let (stride, dims) = (engine.stride(), engine.dims());
        let mut z = vec![0.0_f32; engine.weights.len()];
        z.par_chunks_mut(stride)
            .enumerate()
            .for_each(|(item, row)| {
                let state = &engine.state[item * ViceStep::STATE * stride..];
                for offset in (0..stride).step_by(LANES) {
                    let mut e = [0.0; LANES];
                    // SAFETY: `Portable` runs everywhere, and `e` holds sixteen values.
                    unsafe { noise::<Portable>(key, item, offset, dims).store(e.as_mut_ptr()) };
                    for k in 0..LANES {
                        let (mu, log_sigma) =
                            (state[offset + k], state[LOG_SIGMA * stride + offset + k]);
                        row[offset + k] = (mu + log_sigma.exp() * e[k]).max(0.0);
                    }
                }
            });
        z
    }

    /// μ and σ, n × d.
    fn moments(engine: &Engine) -> (Array2<f32>, Array2<f32>) {
        let (stride, shape) = (engine.stride(), (engine.n_items(), engine.dims()));
        let at =
            |k: usize, i: usize, f: usize| engine.state[(i * ViceStep::STATE + k) * stride + f];
        (
            Array2::from_shape_fn(shape, |(i, f)| at(MU, i, f)),
            Array2::from_shape_fn(shape, |(i, f)| at(LOG_SIGMA, i, f).exp()),
        )
    }

    /// The dimensions that stay: more than `min_stimuli` stimuli significantly above zero.
    fn kept(&self, mu: &Array2<f32>, sigma: &Array2<f32>) -> Vec<usize> {
        (0..mu.ncols())
            .into_par_iter()
            .filter(|&f| {
                let mut p: Vec<f64> = mu
                    .column(f)
                    .iter()
                    .zip(sigma.column(f))
                    .map(|(&m, &s)| normal_cdf(-f64::from(m) / f64::from(s)))
                    .collect();
                count_rejected(&mut p, self.0.alpha) > self.0.min_stimuli
            })
            .collect()
    }
}

impl Model for CheckedVice {
    type Update = ViceStep;

    fn plan(&self, trials: usize) -> Plan {
        let batch = self.0.batch.unwrap_or_else(|| default_batch(trials));
        let steps = trials.div_ceil(batch).max(1);
        Plan {
            epochs: self
                .0
                .epochs
                .unwrap_or_else(|| (6000 / steps).clamp(20, 500)),
            batch,
        }
    }

    fn likelihood(&self) -> Likelihood {
        Likelihood {
            similarity: Similarity::Dot,
            lapse: self.0.lapse as f32,
        }
    }

    fn start(&self, set: InstructionSet, n_items: usize, seed: Seed) -> Engine {
        let (seed_mu, dims) = (seed.derive("first weights"), self.0.dims);
        let mut engine = Engine::new(set, n_items, dims, ViceStep::STATE, |_, _| 0.0);
        let stride = engine.stride();
        // Published start: μ ~ N(0, 2/d), ln σ = −1/sd(μ).
        let spread = (2.0 / dims as f64).sqrt();
        for (item, state) in engine
            .state
            .chunks_mut(ViceStep::STATE * stride)
            .enumerate()
        {
            for f in 0..dims {
                let mut rng = CounterRng::new(seed_mu, (item * dims + f) as u64);
                state[MU * stride + f] = (spread * rng.normal()) as f32;
                state[LOG_SIGMA * stride + f] = (-1.0 / spread) as f32;
            }
            for offset in (0..stride).step_by(LANES) {
                // SAFETY: `Portable` runs everywhere, and the row has sixteen values at `offset`.
                unsafe {
                    noise::<Portable>(key(seed, 0), item, offset, dims)
                        .store(state[EPSILON * stride + offset..][..LANES].as_mut_ptr());
                }
            }
        }
        engine.weights = Self::draw(&engine, key(seed, 0));
        engine
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
            (0..self.0.samples as u64).map(|s| Self::draw(engine, key(seed, VALIDATION_KEYS + s)));
        score_samples(
            engine.set,
            engine.stride(),
            draws,
            trials,
            self.likelihood(),
        )
    }

    fn end_epoch(&self, engine: &mut Engine) -> usize {
        let (mu, sigma) = Self::moments(engine);
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
        let (mu, sigma) = Self::moments(engine);
        let kept = self.kept(&mu, &sigma);
        let pick = |values: &Array2<f32>| values.select(ndarray::Axis(1), &kept);
        (pick(&mu).mapv(|w| w.max(0.0)), Some(pick(&sigma)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ln p(x) by log-sum-exp, in f64.
    fn log_prior(params: &ViceParams, x: f64) -> f64 {
        let part = |share: f64, sd: f64| share.ln() - sd.ln() - 0.5 * (x / sd).powi(2);
        let (a, b) = (
            part(params.pi, params.spike),
            part(1.0 - params.pi, params.slab),
        );
        let top = a.max(b);
        top + ((a - top).exp() + (b - top).exp()).ln()
    }

    #[test]
    fn the_pull_of_the_prior_is_its_slope_and_finite_far_out() {
        for (pi, spike, slab) in [(0.5, 0.25, 1.0), (0.1, 0.125, 8.0), (0.9, 0.01, 2.0)] {
            let params = ViceParams {
                pi,
                spike,
                slab,
                ..ViceParams::default()
            };
            let prior = params.clone().check().unwrap().prior();
            for x in [
                -500.0_f32, -3.0, -0.4, -0.01, 0.0, 0.02, 0.3, 1.0, 5.0, 40.0, 1e4,
            ] {
                let mut pull = [0.0; LANES];
                // SAFETY: `Portable` runs everywhere, and `pull` holds sixteen values.
                unsafe { prior.pull(Portable::splat(x)).store(pull.as_mut_ptr()) };
                let (h, x) = (1e-4 * f64::from(x).abs().max(0.01), f64::from(x));
                let slope = (log_prior(&params, x - h) - log_prior(&params, x + h)) / (2.0 * h);
                let tolerance = 2e-4 * slope.abs().max(1.0);
                assert!(
                    (f64::from(pull[0]) - slope).abs() < tolerance,
                    "x = {x}: {} vs {slope}",
                    pull[0]
                );
            }
        }
    }
}
