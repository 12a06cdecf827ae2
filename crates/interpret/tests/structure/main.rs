//! Tests of structure: against scikit-learn, against planted truth, and by chance.

mod agreement;
mod by_chance;
mod planted;
mod real;
mod worlds;

use emotome_interpret::resampling::Resampling;
use emotome_stimuli::run::{Interrupt, Run, Silent};
use ndarray::Array2;
use serde_json::Value;
use std::sync::LazyLock;

static FIXTURE: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../fixtures/structure.json")).unwrap());

fn silently<T>(work: impl FnOnce(Run<'_>) -> T) -> T {
    let interrupt = Interrupt::default();
    work(Run {
        progress: &Silent,
        interrupt: &interrupt,
    })
}

fn matrix(value: &Value) -> Array2<f64> {
    let rows: Vec<Vec<f64>> = serde_json::from_value(value.clone()).unwrap();
    Array2::from_shape_fn((rows.len(), rows[0].len()), |(i, j)| rows[i][j])
}

fn few(seed: u64) -> Resampling {
    Resampling {
        bootstraps: 200,
        permutations: 99,
        seed,
        ..Resampling::default()
    }
}
