//! The models, fitted to choices in memory.

use crate::WorkflowError;
use emotome_embedding::evaluate::score::Scoring;
use emotome_embedding::train::consensus::{Consensus, ConsensusParams, consensus, consensus_vice};
use emotome_embedding::train::select::{
    Selection, SpikeAndSlab, ViceSelection, fit_seeds, fit_vice_seeds, select_spose, select_vice,
};
use emotome_embedding::train::spose::{SposeParams, fit_spose};
use emotome_embedding::train::vice::{Pruning, ViceParams, fit_vice};
use emotome_embedding::train::{
    CheckpointPolicy, Fit, FitError, FitOptions, InstructionSet, TrainingData,
};
use emotome_stats::random::Seed;
use emotome_stimuli::run::Run;
use serde::Serialize;

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
    /// A distribution over embeddings; `priors` are tried on the validation choices, without any the
    /// prior of the parameters is used.
    Vice {
        /// All parameters.
        #[serde(flatten)]
        params: ViceParams,
        /// The priors to choose from.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        priors: Vec<SpikeAndSlab>,
    },
}

/// What pruning did to a fit of VICE. Field names are stable.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Pruned {
    /// Dimensions before pruning.
    pub dims_before: usize,
    /// Dimensions that stay, and the validation scores before and after.
    #[serde(flatten)]
    pub pruning: Pruning,
}

/// A fitted embedding with everything that was learned on the way.
#[derive(Debug)]
pub struct Fitted {
    /// The final fit.
    pub fit: Fit,
    /// All seeds, the only one included.
    pub seeds: Vec<Fit>,
    /// How λ was chosen.
    pub selection: Option<Selection>,
    /// How the prior of VICE was chosen.
    pub prior_selection: Option<ViceSelection>,
    /// What pruning did to the final fit of VICE.
    pub pruning: Option<Pruned>,
    /// For a consensus: mean r of each kept dimension with its matches.
    pub agreement: Option<Vec<f64>>,
}

/// Fits a model to choices in memory.
///
/// Several seeds end in their consensus. Where no dimension is common to them, progress says so and the
/// one with the lowest validation loss is kept.
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
    let agreeing = ConsensusParams::default();
    match method {
        Method::Spose { params, lambdas } => {
            let selection = (lambdas.len() != 1)
                .then(|| select_spose(data, params, lambdas, seed, options))
                .transpose()?;
            let params = SposeParams {
                lambda: selection.as_ref().map_or_else(|| lambdas[0], |s| s.lambda),
                ..params.clone()
            }
            .check()?;
            let (fitted, _) = if seeds <= 1 {
                (one(fit_spose(data, &params, seed, options)?), 0)
            } else {
                let fits = fit_seeds(data, &params, seed, seeds, options)?;
                let found = consensus(data, &fits, &params, agreeing, seed, options);
                agreed(fits, found, params.params().dims, run)?
            };
            Ok(Fitted {
                selection,
                ..fitted
            })
        }
        Method::Vice { params, priors } => {
            let prior_selection = (!priors.is_empty())
                .then(|| select_vice(data, params, priors, seed, options))
                .transpose()?;
            let mut params = params.clone();
            if let Some(chosen) = &prior_selection {
                let SpikeAndSlab { spike, slab, pi } = chosen.prior;
                (params.spike, params.slab, params.pi) = (spike, slab, pi);
            }
            let params = params.check()?;
            let dims = params.params().dims;
            let (fitted, dims_before) = if seeds <= 1 {
                (one(fit_vice(data, &params, seed, options)?), dims)
            } else {
                let fits = fit_vice_seeds(data, &params, seed, seeds, options)?;
                let found = consensus_vice(data, &fits, &params, agreeing, seed, options);
                agreed(fits, found, dims, run)?
            };
            let pruning = Pruning::of(&fitted.fit);
            Ok(Fitted {
                prior_selection,
                pruning: Some(Pruned {
                    dims_before,
                    pruning,
                }),
                ..fitted
            })
        }
    }
}

/// A single fit.
fn one(fit: Fit) -> Fitted {
    Fitted {
        seeds: vec![fit.clone()],
        fit,
        selection: None,
        prior_selection: None,
        pruning: None,
        agreement: None,
    }
}

/// The consensus of several fits, or the best of them, and the dimensions that it started from; those
/// of a single fit are `dims`.
fn agreed(
    fits: Vec<Fit>,
    found: Result<Consensus, FitError>,
    dims: usize,
    run: Run<'_>,
) -> Result<(Fitted, usize), FitError> {
    let (fit, agreement, started) = match found {
        Ok(found) => {
            let started = fits[found.reference].embedding.n_dims() - found.left_out;
            (found.fit, Some(found.agreement), started)
        }
        // Seeds without anything in common are a finding, not a failure.
        Err(FitError::NoAgreement { .. }) => {
            run.progress.note(&format!(
                "no dimension is common to {} fits from different random starts, so there is no consensus: the one with the lowest validation loss is kept",
                fits.len()
            ));
            (fits[lowest_loss(&fits)?].clone(), None, dims)
        }
        Err(error) => return Err(error),
    };
    let fitted = Fitted {
        agreement,
        seeds: fits,
        ..one(fit)
    };
    Ok((fitted, started))
}

/// Which fit has the lowest validation NLL, or training NLL where nothing was held out.
pub(crate) fn lowest_loss(fits: &[Fit]) -> Result<usize, FitError> {
    let loss = |k: &usize| {
        let trained = || {
            fits[*k]
                .history
                .last()
                .map_or(f64::INFINITY, |e| e.train_nll)
        };
        fits[*k].validation.map_or_else(trained, |score| score.nll)
    };
    (0..fits.len())
        .min_by(|a, b| loss(a).total_cmp(&loss(b)))
        .ok_or(FitError::NoCandidate {
            what: "seed (--seeds)",
        })
}

/// How a model predicts.
pub(super) fn scoring(method: &Method) -> Scoring {
    match method {
        Method::Spose { params, .. } => Scoring {
            similarity: params.similarity,
            lapse: params.lapse,
            ..Scoring::default()
        },
        Method::Vice { params, .. } => Scoring {
            lapse: params.lapse,
            ..Scoring::default()
        },
    }
}
