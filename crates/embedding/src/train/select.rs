//! Choosing λ or the prior by validation, and fitting many seeds with it.

use super::engine::Score;
use super::fit::{Fit, FitError, FitOptions, TrainingData};
use super::spose::{CheckedSpose, SposeParams, fit_spose};
use super::vice::{CheckedVice, Pruning, ViceParams, fit_vice};
use emotome_stats::random::Seed;
use serde::{Deserialize, Serialize};

/// The λ tried when the user names none.
pub const DEFAULT_LAMBDAS: [f64; 6] = [0.001, 0.002, 0.004, 0.008, 0.016, 0.032];

/// One λ that was tried.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Candidate {
    /// The penalty weight.
    pub lambda: f64,
    /// Validation NLL of the best epoch, in nats.
    pub nll: f64,
    /// Validation accuracy of that epoch.
    pub accuracy: f64,
    /// Dimensions of that epoch.
    pub dims: usize,
}

/// The λ with the lowest validation NLL, and all that were tried.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Selection {
    /// The chosen λ.
    pub lambda: f64,
    /// Every λ in the order tried.
    pub candidates: Vec<Candidate>,
    /// Whether the chosen λ is the smallest or largest tried, so that a better one may lie outside.
    pub at_edge: bool,
}

/// Tries each λ with the same seed and chooses the one with the lowest validation NLL; of equal
/// ones the larger, which keeps fewer weights.
///
/// Test choices play no part. Cost: one fit per λ.
///
/// # Errors
/// [`FitError::NoCandidate`] without a λ or without validation choices, and those of
/// [`fit_spose`].
pub fn select_spose(
    data: TrainingData<'_>,
    params: &SposeParams,
    lambdas: &[f64],
    seed: Seed,
    options: FitOptions<'_>,
) -> Result<Selection, FitError> {
    needs_validation(data)?;
    let mut candidates = Vec::with_capacity(lambdas.len());
    for &lambda in lambdas {
        options.run.progress.note(&format!("trying λ = {lambda}"));
        let params = SposeParams {
            lambda,
            ..params.clone()
        }
        .check()?;
        let stage = options
            .checkpoint
            .map(|policy| policy.stage(&format!("lambda-{lambda}")));
        let options = FitOptions {
            checkpoint: stage.as_ref(),
            ..options
        };
        let fit = fit_spose(data, &params, seed, options)?;
        if let Some(score) = fit.validation {
            let (nll, accuracy, dims) = (score.nll, score.accuracy, fit.embedding.n_dims());
            candidates.push(Candidate {
                lambda,
                nll,
                accuracy,
                dims,
            });
        }
    }
    let best = candidates
        .iter()
        .min_by(|a, b| a.nll.total_cmp(&b.nll).then(b.lambda.total_cmp(&a.lambda)))
        .ok_or(FitError::NoCandidate {
            what: "λ (--lambda)",
        })?;
    let beyond =
        |outside: fn(&f64, &f64) -> bool| !lambdas.iter().any(|l| outside(l, &best.lambda));
    let at_edge = lambdas.len() > 1 && (beyond(|l, b| l < b) || beyond(|l, b| l > b));
    Ok(Selection {
        lambda: best.lambda,
        at_edge,
        candidates,
    })
}

fn needs_validation(data: TrainingData<'_>) -> Result<(), FitError> {
    if data.validation.is_none_or(|v| v.is_empty()) {
        return Err(FitError::NoCandidate {
            what: "validation choices to choose parameters by",
        });
    }
    Ok(())
}

/// The prior of VICE.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SpikeAndSlab {
    /// Scale of the spike.
    pub spike: f64,
    /// Scale of the slab.
    pub slab: f64,
    /// Prior share of the spike.
    pub pi: f64,
}

/// The priors tried when the user names none: the published grid (spike .125–2, slab .25–8,
/// π .1–.9) thinned to where fits of few choices differ.
///
/// With d unused dimensions a spike of s adds noise of variance ≈ .09 d s⁴ to each drawn similarity,
/// which matters where choices are few; a smaller share π lets more weights leave the spike.
pub const DEFAULT_PRIORS: [SpikeAndSlab; 5] = [
    prior(0.125, 0.2),
    prior(0.125, 0.5),
    prior(0.25, 0.2),
    prior(0.25, 0.5),
    prior(0.25, 0.8),
];

const fn prior(spike: f64, pi: f64) -> SpikeAndSlab {
    SpikeAndSlab {
        spike,
        slab: 1.0,
        pi,
    }
}

/// One prior that was tried.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ViceCandidate {
    /// The prior.
    pub prior: SpikeAndSlab,
    /// Validation score of predictions averaged over the distribution, before pruning.
    pub before_pruning: Score,
    /// Validation score of the embedding, after pruning.
    pub after_pruning: Score,
    /// Dimensions that stay.
    pub dims: usize,
}

/// The prior with the lowest validation NLL, and all that were tried.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ViceSelection {
    /// The chosen prior.
    pub prior: SpikeAndSlab,
    /// Every prior in the order tried.
    pub candidates: Vec<ViceCandidate>,
}

/// Tries each prior with the same seed and chooses the one whose predictions before pruning have
/// the lowest validation NLL, as published; of equal ones the first.
///
/// Pruning is a statement about dimensions, made afterwards at a fixed level; it does not decide
/// which prior describes the choices best. Test choices play no part. Cost: one fit per prior.
///
/// # Errors
/// [`FitError::NoCandidate`] without a prior or without validation choices, and those of
/// [`fit_vice`].
pub fn select_vice(
    data: TrainingData<'_>,
    params: &ViceParams,
    priors: &[SpikeAndSlab],
    seed: Seed,
    options: FitOptions<'_>,
) -> Result<ViceSelection, FitError> {
    needs_validation(data)?;
    let mut candidates = Vec::with_capacity(priors.len());
    for &prior in priors {
        let SpikeAndSlab { spike, slab, pi } = prior;
        let name = format!("spike {spike}, slab {slab}, π {pi}");
        options.run.progress.note(&format!("trying {name}"));
        let params = ViceParams {
            spike,
            slab,
            pi,
            ..params.clone()
        }
        .check()?;
        let stage = options
            .checkpoint
            .map(|policy| policy.stage(&format!("prior-{spike}-{slab}-{pi}")));
        let options = FitOptions {
            checkpoint: stage.as_ref(),
            ..options
        };
        let pruning = Pruning::of(&fit_vice(data, &params, seed, options)?);
        if let (Some(before_pruning), Some(after_pruning)) = (pruning.before, pruning.after) {
            candidates.push(ViceCandidate {
                prior,
                before_pruning,
                after_pruning,
                dims: pruning.dims,
            });
        }
    }
    let nll = |c: &ViceCandidate| c.before_pruning.nll;
    let best = candidates.iter().min_by(|a, b| nll(a).total_cmp(&nll(b)));
    Ok(ViceSelection {
        prior: best.ok_or(FitError::NoCandidate { what: "prior" })?.prior,
        candidates,
    })
}

/// Fits `seeds` independent runs of SPoSE: the k-th with the k-th child of `seed`. With a checkpoint
/// policy every run has a file of its own, so that finished runs are not repeated after an
/// interruption.
///
/// # Errors
/// Those of [`fit_spose`].
pub fn fit_seeds(
    data: TrainingData<'_>,
    params: &CheckedSpose,
    seed: Seed,
    seeds: usize,
    options: FitOptions<'_>,
) -> Result<Vec<Fit>, FitError> {
    each_seed(seed, seeds, options, |seed, options| {
        fit_spose(data, params, seed, options)
    })
}

/// The same for VICE.
///
/// # Errors
/// Those of [`fit_vice`].
pub fn fit_vice_seeds(
    data: TrainingData<'_>,
    params: &CheckedVice,
    seed: Seed,
    seeds: usize,
    options: FitOptions<'_>,
) -> Result<Vec<Fit>, FitError> {
    each_seed(seed, seeds, options, |seed, options| {
        fit_vice(data, params, seed, options)
    })
}

fn each_seed(
    seed: Seed,
    seeds: usize,
    options: FitOptions<'_>,
    fit: impl Fn(Seed, FitOptions<'_>) -> Result<Fit, FitError>,
) -> Result<Vec<Fit>, FitError> {
    (0..seeds as u64)
        .map(|k| {
            let stage = options
                .checkpoint
                .map(|policy| policy.stage(&format!("seed-{}", k + 1)));
            let options = FitOptions {
                checkpoint: stage.as_ref(),
                ..options
            };
            fit(seed.child(k), options)
        })
        .collect()
}
