//! Refitting from given weights instead of random ones.

use super::engine::{Engine, Score};
use super::fit::{Epoch, Fit, FitError, FitOptions, Model, Plan, Scale, Stop, TrainingData, fit};
use super::kernel::Likelihood;
use super::spose::CheckedSpose;
use super::vice::{CheckedVice, warn_if_unpruned};
use crate::{Embedding, EmbeddingError};
use emotome_lanes::InstructionSet;
use emotome_stats::random::{Seed, mix};
use ndarray::Array2;
use serde::Serialize;

/// Fits SPoSE with the weights of `start` as first weights and its number of dimensions.
///
/// A dimension that is zero in `start` stays zero, so a refit refines dimensions and may lose some,
/// but never invents one. All else is as in [`fit_spose`](super::spose::fit_spose).
///
/// # Errors
/// [`FitError`] as there, and if `start` has another number of stimuli than the choices.
pub fn refit_spose(
    data: TrainingData<'_>,
    params: &CheckedSpose,
    start: &Embedding,
    seed: Seed,
    options: FitOptions<'_>,
) -> Result<Fit, FitError> {
    check_stimuli(start, data)?;
    let x = start.values();
    let model = Refit {
        model: params,
        start_hash: hash(0, start),
        start: &|set, n_items, _| {
            Engine::new(set, n_items, x.ncols().max(1), 2, |i, f| {
                x.get((i, f)).copied().unwrap_or(0.0)
            })
        },
    };
    fit(&model, data, seed, options)
}

/// Fits VICE with means `start` and standard deviations `spread` as its first distribution.
///
/// The result is a fit of the same model as that of [`fit_vice`](super::vice::fit_vice), pruned
/// anew: a dimension that the choices do not bear goes.
///
/// # Errors
/// [`FitError`] as there, and if `start` or `spread` has another number of stimuli than the choices
/// or `spread` another number of dimensions than `start`.
pub fn refit_vice(
    data: TrainingData<'_>,
    params: &CheckedVice,
    start: &Embedding,
    spread: &Embedding,
    seed: Seed,
    options: FitOptions<'_>,
) -> Result<Fit, FitError> {
    check_stimuli(start, data)?;
    check_stimuli(spread, data)?;
    super::spose::require(
        "dimensions of the standard deviations to start from",
        spread.n_dims(),
        spread.n_dims() == start.n_dims(),
        "as many as of the means",
    )?;
    let params = params.with_dims(start.n_dims());
    let model = Refit {
        model: &params,
        start_hash: hash(hash(0, start), spread),
        start: &|set, n_items, seed| {
            CheckedVice::engine(set, (n_items, start.n_dims()), seed, |i, f| {
                // A weight that was certain may still move.
                let sigma = spread.values()[[i, f]].max(1e-6);
                (start.values()[[i, f]], sigma.ln())
            })
        },
    };
    let fitted = fit(&model, data, seed, options)?;
    warn_if_unpruned(&fitted, data, options);
    Ok(fitted)
}

fn check_stimuli(start: &Embedding, data: TrainingData<'_>) -> Result<(), FitError> {
    let (embedding, choices) = (start.n_stimuli(), data.train.n_stimuli());
    if embedding == choices {
        Ok(())
    } else {
        Err(FitError::Start(EmbeddingError::StimulusCount {
            embedding,
            choices,
        }))
    }
}

fn hash(before: u64, start: &Embedding) -> u64 {
    let mixed = |h: u64, w: &f32| mix(h ^ u64::from(w.to_bits()));
    start.values().iter().fold(before, mixed)
}

type Start<'a> = dyn Fn(InstructionSet, usize, Seed) -> Engine + Sync + 'a;

/// A model that starts elsewhere.
#[derive(Serialize)]
struct Refit<'a, M> {
    #[serde(rename = "params")]
    model: &'a M,
    start_hash: u64,
    #[serde(skip)]
    start: &'a Start<'a>,
}

impl<M: Model> Model for Refit<'_, M> {
    type Update = M::Update;

    fn plan(&self, trials: usize) -> Plan {
        self.model.plan(trials)
    }

    fn likelihood(&self) -> Likelihood {
        self.model.likelihood()
    }

    fn start(&self, set: InstructionSet, n_items: usize, seed: Seed) -> Engine {
        (self.start)(set, n_items, seed)
    }

    fn update(&self, data: &Scale, seed: Seed, step: u64) -> M::Update {
        self.model.update(data, seed, step)
    }

    fn validate(&self, engine: &Engine, trials: &[[u32; 3]], seed: Seed) -> Score {
        self.model.validate(engine, trials, seed)
    }

    fn end_epoch(&self, engine: &mut Engine) -> usize {
        self.model.end_epoch(engine)
    }

    fn stop(&self, history: &[Epoch]) -> Option<Stop> {
        self.model.stop(history)
    }

    fn keeps_best(&self) -> bool {
        self.model.keeps_best()
    }

    fn finish(&self, engine: &Engine) -> (Array2<f32>, Option<Array2<f32>>) {
        self.model.finish(engine)
    }
}
