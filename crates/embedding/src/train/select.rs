//! Choosing λ by validation, and fitting many seeds with it.

use super::fit::{Fit, FitError, FitOptions, TrainingData};
use super::spose::{CheckedSpose, SposeParams, fit_spose};
use emotome_stats::random::Seed;
use serde::Serialize;

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
    if data.validation.is_none_or(|v| v.is_empty()) {
        return Err(FitError::NoCandidate {
            what: "validation choices to choose λ by",
        });
    }
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

/// Fits `seeds` independent runs: the k-th with the k-th child of `seed`. With a checkpoint policy
/// every run has a file of its own, so that finished runs are not repeated after an interruption.
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
    (0..seeds as u64)
        .map(|k| {
            let stage = options
                .checkpoint
                .map(|policy| policy.stage(&format!("seed-{}", k + 1)));
            let options = FitOptions {
                checkpoint: stage.as_ref(),
                ..options
            };
            fit_spose(data, params, seed.child(k), options)
        })
        .collect()
}
