//! Training speed: one epoch of SPoSE and of VICE over planted choices.
//!
//! `cargo bench -p emotome-embedding`; see docs/performance.md.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use emotome_embedding::train::spose::{SposeParams, fit_spose};
use emotome_embedding::train::vice::{ViceParams, fit_vice};
use emotome_embedding::train::{FitOptions, InstructionSet, TrainingData};
use emotome_judges::simulated::{PlantParams, ResponseParams, SimulatedJudge};
use emotome_judges::tripletize::tripletize;
use emotome_stats::random::Seed;
use emotome_stimuli::run::{Interrupt, Run, Silent};
use emotome_triplets::ChoiceSet;
use emotome_triplets::design::{Balance, DesignParams};

const STIMULI: usize = 2180;
const TRIALS: u64 = 1_000_000;

fn planted() -> ChoiceSet {
    let interrupt = Interrupt::default();
    let run = Run {
        progress: &Silent,
        interrupt: &interrupt,
    };
    let weights = PlantParams::new(STIMULI, 30)
        .plant(Seed(7))
        .expect("30 dimensions can be planted");
    let judge = SimulatedJudge::new(weights.view(), ResponseParams::default(), Seed(7))
        .expect("planted weights are finite");
    let params = DesignParams {
        trials: TRIALS,
        balance: Balance::None,
        ..DesignParams::new(STIMULI, 7)
    };
    let design = params
        .check()
        .expect("2,180 stimuli make more than a million triplets");
    let made = tripletize(&judge, |t| design.trial(t), 0..design.len(), run)
        .expect("every trial is in the design");
    ChoiceSet::new(STIMULI, made.choices).expect("designs stay within the stimuli")
}

fn one_epoch(c: &mut Criterion) {
    let train = planted();
    let interrupt = Interrupt::default();
    let mut group = c.benchmark_group("epoch of 1 M choices, 2,180 stimuli");
    group
        .throughput(Throughput::Elements(TRIALS))
        .sample_size(10);
    for instructions in InstructionSet::available() {
        let options = FitOptions {
            instructions,
            checkpoint: None,
            run: Run {
                progress: &Silent,
                interrupt: &interrupt,
            },
        };
        let data = TrainingData {
            train: &train,
            validation: None,
            targets: None,
        };
        let spose = SposeParams {
            dims: 96,
            epochs: Some(1),
            ..SposeParams::default()
        };
        let spose = spose.check().expect("defaults are in range");
        group.bench_function(format!("SPoSE, 96 dimensions, {instructions:?}"), |b| {
            b.iter_batched(
                || (),
                |()| fit_spose(data, &spose, Seed(1), options),
                BatchSize::PerIteration,
            );
        });
        let vice = ViceParams {
            dims: 96,
            epochs: Some(1),
            ..ViceParams::default()
        };
        let vice = vice.check().expect("defaults are in range");
        group.bench_function(format!("VICE, 96 dimensions, {instructions:?}"), |b| {
            b.iter_batched(
                || (),
                |()| fit_vice(data, &vice, Seed(1), options),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, one_epoch);
criterion_main!(benches);
