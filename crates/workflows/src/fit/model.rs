//! The models, fitted to choices in memory.

use crate::WorkflowError;
use emotome_embedding::evaluate::score::Scoring;
use emotome_embedding::train::consensus::{ConsensusParams, consensus};
use emotome_embedding::train::select::{Selection, fit_seeds, select_spose};
use emotome_embedding::train::spose::{SposeParams, fit_spose};
use emotome_embedding::train::vice::{ViceParams, fit_vice};
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
    /// A distribution over embeddings.
    Vice {
        /// All parameters.
        #[serde(flatten)]
        params: ViceParams,
    },
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

/// How a model predicts.
pub(super) fn scoring(method: &Method) -> Scoring {
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
