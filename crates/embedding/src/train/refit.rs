//! Refitting from a given embedding instead of random weights.

use super::adam::PenalisedAdam;
use super::engine::{Engine, Score};
use super::fit::{Epoch, Fit, FitError, FitOptions, Model, Plan, Scale, Stop, TrainingData, fit};
use super::kernel::{InstructionSet, Likelihood};
use super::spose::CheckedSpose;
use crate::{Embedding, EmbeddingError};
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
    if start.n_stimuli() != data.train.n_stimuli() {
        return Err(FitError::Start(EmbeddingError::StimulusCount {
            embedding: start.n_stimuli(),
            choices: data.train.n_stimuli(),
        }));
    }
    let hash = start
        .values()
        .iter()
        .fold(0, |h, w| mix(h ^ u64::from(w.to_bits())));
    fit(
        &Refit {
            params,
            start_hash: hash,
            start,
        },
        data,
        seed,
        options,
    )
}

#[derive(Serialize)]
struct Refit<'a> {
    params: &'a CheckedSpose,
    start_hash: u64,
    #[serde(skip)]
    start: &'a Embedding,
}

impl Model for Refit<'_> {
    type Update = PenalisedAdam;

    fn plan(&self, trials: usize) -> Plan {
        self.params.plan(trials)
    }

    fn likelihood(&self) -> Likelihood {
        self.params.likelihood()
    }

    fn start(&self, set: InstructionSet, n_items: usize, _seed: Seed) -> Engine {
        let x = self.start.values();
        let dims = self.start.n_dims().max(1);
        Engine::new(set, n_items, dims, 2, |i, f| {
            x.get((i, f)).copied().unwrap_or(0.0)
        })
    }

    fn update(&self, data: &Scale, seed: Seed, step: u64) -> PenalisedAdam {
        self.params.update(data, seed, step)
    }

    fn validate(&self, engine: &Engine, trials: &[[u32; 3]], seed: Seed) -> Score {
        self.params.validate(engine, trials, seed)
    }

    fn end_epoch(&self, engine: &mut Engine) -> usize {
        self.params.end_epoch(engine)
    }

    fn stop(&self, history: &[Epoch]) -> Option<Stop> {
        self.params.stop(history)
    }

    fn keeps_best(&self) -> bool {
        self.params.keeps_best()
    }

    fn finish(&self, engine: &Engine) -> (Array2<f32>, Option<Array2<f32>>) {
        self.params.finish(engine)
    }
}
