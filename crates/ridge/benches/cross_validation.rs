//! How long cross-validated ridge regression takes at the sizes of whole brains.
//!
//! `cargo bench -p emotome-ridge -- [NAME]`: `brain` (1,962 × 30 → 60,000, 6 folds, 20 penalties), `brain48`, `nested`, `nested48`,
//! `wide` (1,000 features → 5,000). Prints seconds (least of three), and the mean correlation, that of
//! `against_python.py` on the same numbers.

use emotome_ridge::responses::ByTarget;
use emotome_ridge::{Folds, Params, Penalties, Pooling, Scaling, Score, Selection, cross_validate};
use emotome_stats::random::{CounterRng, Seed};
use emotome_stimuli::run::{Interrupt, Run, Silent};
use ndarray::Array2;
use rayon::prelude::*;
use std::time::Instant;

const SAMPLES: usize = 1_962;

fn main() {
    let asked: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with('-'))
        .collect();
    for (name, features, targets, selection) in [
        ("brain", 30, 60_000, Selection::SameFolds),
        ("brain48", 48, 60_000, Selection::SameFolds),
        ("nested", 30, 60_000, Selection::Nested),
        ("nested48", 48, 60_000, Selection::Nested),
        ("wide", 1_000, 5_000, Selection::SameFolds),
    ] {
        if !asked.is_empty() && !asked.iter().any(|a| a == name) {
            continue;
        }
        let mut rng = CounterRng::new(Seed(3), 0);
        let x = Array2::from_shape_simple_fn((SAMPLES, features), || rng.normal());
        let used = features.min(30);
        let rows: Vec<Vec<f32>> = (0..targets as u64)
            .into_par_iter()
            .map(|target| {
                let mut rng = CounterRng::new(Seed(4), target);
                let size = 0.3 * rng.uniform();
                let weights: Vec<f64> = (0..used).map(|_| size * rng.normal()).collect();
                (0..SAMPLES)
                    .map(|s| {
                        let signal: f64 = weights.iter().zip(x.row(s)).map(|(w, x)| w * x).sum();
                        (signal + rng.normal()) as f32
                    })
                    .collect()
            })
            .collect();
        let y = Array2::from_shape_vec((targets, SAMPLES), rows.concat()).unwrap();
        drop(rows);
        let folds = Folds::contiguous(SAMPLES, 6).unwrap();
        let params = Params {
            penalties: Penalties::spaced(1e-2, 1e5, 20).unwrap(),
            selection,
            score: Score::Pearson,
            pooling: Pooling::Concatenated,
            scaling: Scaling::Centred,
            ..Params::default()
        };
        let interrupt = Interrupt::default();
        let run = Run {
            progress: &Silent,
            interrupt: &interrupt,
        };
        let mut least = f64::INFINITY;
        let mut mean = 0.0;
        for _ in 0..3 {
            let start = Instant::now();
            let found =
                cross_validate(x.view(), &ByTarget(y.view()), &folds, &params, run).unwrap();
            least = least.min(start.elapsed().as_secs_f64());
            mean = found.pearson.iter().sum::<f64>() / targets as f64;
        }
        println!("{name}: {least:.2} s, mean r {mean:.5}");
    }
}
