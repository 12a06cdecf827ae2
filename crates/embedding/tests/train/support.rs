//! Planted choices and short ways to fit them.

use emotome_embedding::Embedding;
use emotome_embedding::train::spose::{SposeParams, fit_spose};
use emotome_embedding::train::{Fit, FitOptions, InstructionSet, TrainingData};
use emotome_judges::simulated::PlantParams;
use emotome_stats::correlation::cross_correlation;
use emotome_stats::matching::best_matching;
use emotome_stats::random::{CounterRng, Seed};
use emotome_stimuli::StimulusId;
use emotome_stimuli::run::{Interrupt, Run, Silent};
use emotome_triplets::{Choice, ChoiceSet, Position, Triplet};
use ndarray::Array2;

/// Choices by softmax of the dot products of planted rows, all triplets equally likely.
pub(crate) fn choices(planted: &Array2<f32>, n: usize, lapse: f64, seed: u64) -> ChoiceSet {
    let items = planted.nrows() as u64;
    let draw = |t: usize| {
        let mut rng = CounterRng::new(Seed(seed), t as u64);
        let triplet = loop {
            let ids = [0; 3].map(|_| StimulusId(rng.below(items) as u32));
            if let Ok(triplet) = Triplet::new(ids) {
                break triplet;
            }
        };
        let row = |p| planted.row(triplet.at(p).index());
        let [a, b, c] = Position::ALL.map(row);
        let e = [b.dot(&c), a.dot(&c), a.dot(&b)].map(|s| f64::from(s).exp());
        let total: f64 = e.iter().sum();
        let p = e.map(|e| (1.0 - lapse) * e / total + lapse / 3.0);
        let u = rng.uniform();
        let odd = if u < p[0] {
            0
        } else if u < p[0] + p[1] {
            1
        } else {
            2
        };
        Choice {
            triplet,
            odd: Position::ALL[odd],
        }
    };
    ChoiceSet::new(planted.nrows(), (0..n).map(draw).collect()).unwrap()
}

pub(crate) fn planted() -> Array2<f32> {
    PlantParams::new(200, 8).plant(Seed(3)).unwrap()
}

/// Hard choices to fit, and those to validate with.
pub(crate) fn data<'a>(
    train: &'a ChoiceSet,
    validation: Option<&'a ChoiceSet>,
) -> TrainingData<'a> {
    TrainingData {
        train,
        validation,
        targets: None,
    }
}

pub(crate) fn with_options<T>(run: impl FnOnce(FitOptions<'_>) -> T) -> T {
    run(FitOptions {
        instructions: InstructionSet::detect(),
        checkpoint: None,
        run: Run {
            progress: &Silent,
            interrupt: &Interrupt::default(),
        },
    })
}

pub(crate) fn spose(data: TrainingData<'_>, params: SposeParams, seed: u64) -> Fit {
    with_options(|o| fit_spose(data, &params.check().unwrap(), Seed(seed), o)).unwrap()
}

pub(crate) fn bits(fit: &Fit) -> Vec<u32> {
    fit.embedding.values().iter().map(|w| w.to_bits()).collect()
}

/// The |r| of each planted dimension with its one-to-one match.
pub(crate) fn recovery(planted: &Array2<f32>, found: &Embedding) -> Vec<f64> {
    let r = cross_correlation(
        planted.mapv(f64::from).view(),
        found.values().mapv(f64::from).view(),
    )
    .mapv(f64::abs);
    best_matching(r.view())
        .unwrap()
        .into_iter()
        .map(|(a, b)| r[[a, b]])
        .collect()
}
