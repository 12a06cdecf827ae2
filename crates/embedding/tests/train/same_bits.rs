//! The same bits whatever the threads, the instruction set, the presented order and the interruptions.

use crate::support::{bits, choices, data, planted, spose, with_options};
use emotome_embedding::train::spose::{CheckedSpose, SposeParams, fit_spose};
use emotome_embedding::train::vice::{ViceParams, fit_vice};
use emotome_embedding::train::{CheckpointPolicy, Fit, FitError, FitOptions, InstructionSet};
use emotome_stats::random::{CounterRng, Seed};
use emotome_stimuli::run::{Interrupt, Progress, Run};
use emotome_triplets::{Choice, ChoiceSet, Position};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

#[test]
fn threads_and_instruction_sets_do_not_change_a_bit() {
    let planted = planted();
    let train = choices(&planted, 20_000, 0.0, 1);
    let data = data(&train, None);
    let run = |threads: usize, set: InstructionSet| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            with_options(|options| {
                let options = FitOptions {
                    instructions: set,
                    ..options
                };
                let spose = SposeParams {
                    dims: 20,
                    epochs: Some(3),
                    ..SposeParams::default()
                };
                let vice = ViceParams {
                    dims: 20,
                    epochs: Some(3),
                    ..ViceParams::default()
                };
                let spose = fit_spose(data, &spose.check().unwrap(), Seed(1), options).unwrap();
                let vice = fit_vice(data, &vice.check().unwrap(), Seed(1), options).unwrap();
                (bits(&spose), vice.history)
            })
        })
    };
    let expected = run(1, InstructionSet::Portable);
    for set in InstructionSet::available() {
        for threads in [2, 5] {
            assert_eq!(run(threads, set), expected, "{threads} threads, {set:?}");
        }
    }
}

#[test]
fn the_presented_order_changes_nothing() {
    let train = choices(&planted(), 20_000, 0.0, 1);
    let mut rng = CounterRng::new(Seed(9), 0);
    let shuffled = train
        .choices()
        .iter()
        .map(|choice| {
            let code = rng.below(6) as u8;
            let odd = choice.triplet.at(choice.odd);
            let triplet = choice.triplet.unordered().ordered(code);
            let odd = Position::ALL
                .into_iter()
                .find(|&p| triplet.at(p) == odd)
                .unwrap();
            Choice { triplet, odd }
        })
        .collect();
    let shuffled = ChoiceSet::new(200, shuffled).unwrap();
    let fit = |train| {
        let params = SposeParams {
            dims: 20,
            epochs: Some(3),
            ..SposeParams::default()
        };
        bits(&spose(data(train, None), params, 1))
    };
    assert_eq!(fit(&train), fit(&shuffled));
}

/// Asks for a stop after so many trials.
struct StopAfter(AtomicU64, Interrupt);

impl Progress for StopAfter {
    fn begin(&self, _: &str, _: Option<u64>) {}
    fn advance(&self, units: u64) {
        if self.0.fetch_sub(units, Ordering::Relaxed) <= units {
            self.1.request();
            self.0.store(u64::MAX, Ordering::Relaxed);
        }
    }
    fn note(&self, _: &str) {}
    fn end(&self) {}
}

fn interrupted_and_resumed(fit: impl Fn(FitOptions<'_>) -> Result<Fit, FitError>) {
    let whole = with_options(&fit).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut policy = CheckpointPolicy {
        path: folder.path().join("checkpoint.npz"),
        every: Duration::from_secs(3600),
        resume: true,
    };
    for after in [3_000, 30_000, 11_000] {
        let interrupt = Interrupt::default();
        let progress = StopAfter(AtomicU64::new(after), interrupt.clone());
        let run = Run {
            progress: &progress,
            interrupt: &interrupt,
        };
        let options = FitOptions {
            instructions: InstructionSet::detect(),
            checkpoint: Some(&policy),
            run,
        };
        let stopped = fit(options);
        assert!(
            matches!(stopped, Err(FitError::Interrupted { .. })),
            "{stopped:?}"
        );
    }
    let resumed = with_options(|o| {
        fit(FitOptions {
            checkpoint: Some(&policy),
            ..o
        })
    })
    .unwrap();
    assert_eq!(bits(&resumed), bits(&whole));
    assert_eq!(resumed.history, whole.history);
    assert!(resumed.trials < whole.trials, "the resumed fit began anew");
    policy.resume = false;
    let anew = with_options(|o| {
        fit(FitOptions {
            checkpoint: Some(&policy),
            ..o
        })
    })
    .unwrap();
    assert_eq!(anew.trials, whole.trials);
}

#[test]
fn a_resumed_spose_fit_ends_with_the_same_bits() {
    let planted = planted();
    let (train, validation) = (
        choices(&planted, 20_000, 0.0, 1),
        choices(&planted, 2_000, 0.0, 2),
    );
    let data = data(&train, Some(&validation));
    let params = SposeParams {
        dims: 20,
        epochs: Some(6),
        ..SposeParams::default()
    }
    .check()
    .unwrap();
    interrupted_and_resumed(|o| fit_spose(data, &params, Seed(1), o));
}

#[test]
fn a_resumed_vice_fit_ends_with_the_same_bits() {
    let train = choices(&planted(), 20_000, 0.0, 1);
    let data = data(&train, None);
    let params = ViceParams {
        dims: 20,
        epochs: Some(6),
        ..ViceParams::default()
    }
    .check()
    .unwrap();
    interrupted_and_resumed(|o| fit_vice(data, &params, Seed(1), o));
}

#[test]
fn a_checkpoint_of_other_choices_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint.npz");
    let policy = CheckpointPolicy {
        path,
        every: Duration::ZERO,
        resume: true,
    };
    let params = SposeParams {
        dims: 4,
        epochs: Some(1),
        ..SposeParams::default()
    };
    let run = |seed: u64, params: &CheckedSpose| {
        let train = choices(&planted(), 500, 0.0, seed);
        let data = data(&train, None);
        with_options(|o| {
            fit_spose(
                data,
                params,
                Seed(1),
                FitOptions {
                    checkpoint: Some(&policy),
                    ..o
                },
            )
        })
    };
    let checked = params.clone().check().unwrap();
    run(1, &checked).unwrap();
    let error = run(2, &checked).unwrap_err().to_string();
    assert!(
        error.contains("another fit, whose choices differ"),
        "{error}"
    );
    let other = SposeParams {
        lambda: 0.5,
        ..params
    }
    .check()
    .unwrap();
    let error = run(1, &other).unwrap_err().to_string();
    assert!(
        error.contains("another fit, whose parameters differ"),
        "{error}"
    );
    std::fs::write(&policy.path, b"PK\x03\x04 torn").unwrap();
    assert!(matches!(run(1, &checked), Err(FitError::Checkpoint(_))));
}
