//! What a fit promises: recovery, exact zeros, and the same bits whatever the circumstances.

use emotome_embedding::Embedding;
use emotome_embedding::evaluate::score::Similarity;
use emotome_embedding::train::consensus::{ConsensusParams, consensus};
use emotome_embedding::train::select::{fit_seeds, select_spose};
use emotome_embedding::train::spose::{CheckedSpose, SposeParams, fit_spose};
use emotome_embedding::train::vice::{ViceParams, fit_vice};
use emotome_embedding::train::{
    CheckpointPolicy, Constraint, Fit, FitError, FitOptions, InstructionSet, TrainingData,
};
use emotome_judges::simulated::PlantParams;
use emotome_stats::correlation::cross_correlation;
use emotome_stats::matching::best_matching;
use emotome_stats::random::{CounterRng, Seed};
use emotome_stimuli::StimulusId;
use emotome_stimuli::run::{Interrupt, Progress, Run, Silent};
use emotome_triplets::{Choice, ChoiceSet, Position, Triplet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Choices by softmax of the dot products of planted rows, all triplets equally likely.
fn choices(planted: &ndarray::Array2<f32>, n: usize, lapse: f64, seed: u64) -> ChoiceSet {
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

fn planted() -> ndarray::Array2<f32> {
    PlantParams::new(200, 8).plant(Seed(3)).unwrap()
}

fn with_options<T>(run: impl FnOnce(FitOptions<'_>) -> T) -> T {
    run(FitOptions {
        instructions: InstructionSet::detect(),
        checkpoint: None,
        run: Run {
            progress: &Silent,
            interrupt: &Interrupt::default(),
        },
    })
}

fn spose(data: TrainingData<'_>, params: SposeParams, seed: u64) -> Fit {
    with_options(|o| fit_spose(data, &params.check().unwrap(), Seed(seed), o)).unwrap()
}

fn bits(fit: &Fit) -> Vec<u32> {
    fit.embedding.values().iter().map(|w| w.to_bits()).collect()
}

/// The |r| of each planted dimension with its one-to-one match.
fn recovery(planted: &ndarray::Array2<f32>, found: &Embedding) -> Vec<f64> {
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

#[test]
fn spose_recovers_a_planted_embedding() {
    let planted = planted();
    let (train, validation) = (
        choices(&planted, 200_000, 0.0, 1),
        choices(&planted, 20_000, 0.0, 2),
    );
    let data = TrainingData {
        train: &train,
        validation: Some(&validation),
        targets: None,
    };
    let fit = spose(
        data,
        SposeParams {
            dims: 30,
            lambda: 0.03,
            ..SposeParams::default()
        },
        1,
    );
    let r = recovery(&planted, &fit.embedding);
    assert!(r.len() == 8 && r.iter().all(|&r| r >= 0.95), "{r:?}");
    let zeros = fit.embedding.values().iter().filter(|&&w| w == 0.0).count();
    assert!(
        zeros * 3 > fit.embedding.values().len(),
        "only {zeros} exact zeros"
    );
    assert!(fit.embedding.values().iter().all(|&w| w >= 0.0));
}

#[test]
fn vice_recovers_a_planted_embedding_and_prunes_most_other_dimensions() {
    let planted = planted();
    let (train, validation) = (
        choices(&planted, 200_000, 0.0, 1),
        choices(&planted, 20_000, 0.0, 2),
    );
    let data = TrainingData {
        train: &train,
        validation: Some(&validation),
        targets: None,
    };
    let params = ViceParams {
        dims: 30,
        ..ViceParams::default()
    }
    .check()
    .unwrap();
    let fit = with_options(|o| fit_vice(data, &params, Seed(1), o)).unwrap();
    assert!(
        (8..=14).contains(&fit.embedding.n_dims()),
        "{} dimensions",
        fit.embedding.n_dims()
    );
    let r = recovery(&planted, &fit.embedding);
    assert!(r.iter().all(|&r| r >= 0.95), "{r:?}");
}

#[test]
fn threads_and_instruction_sets_do_not_change_a_bit() {
    let planted = planted();
    let train = choices(&planted, 20_000, 0.0, 1);
    let data = TrainingData {
        train: &train,
        validation: None,
        targets: None,
    };
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
        bits(&spose(
            TrainingData {
                train,
                validation: None,
                targets: None,
            },
            params,
            1,
        ))
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
    let data = TrainingData {
        train: &train,
        validation: Some(&validation),
        targets: None,
    };
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
    let data = TrainingData {
        train: &train,
        validation: None,
        targets: None,
    };
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
        let data = TrainingData {
            train: &train,
            validation: None,
            targets: None,
        };
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

/// Sure choices among two opposite poles, with structure inside each: a fit must not tell the poles
/// apart by shutting one of them out.
#[test]
fn no_pole_of_a_bipolar_space_is_shut_out() {
    let (n, mut rng) = (400, CounterRng::new(Seed(9), 0));
    let place: Vec<[f64; 4]> = (0..n)
        .map(|i| {
            let pole = if i % 2 == 0 { 2.5 } else { -2.5 };
            let mut x = [pole, 0.0, 0.0, 0.0].map(|m| m + rng.normal());
            let length = x.iter().map(|v| v * v).sum::<f64>().sqrt();
            x.iter_mut().for_each(|v| *v /= length);
            x
        })
        .collect();
    let cosine = |i: usize, j: usize| (0..4).map(|f| place[i][f] * place[j][f]).sum::<f64>();
    let mut made = Vec::new();
    while made.len() < 40000 {
        let [a, b, c] = [0; 3].map(|_| rng.below(n as u64) as usize);
        let Ok(triplet) = Triplet::new([a, b, c].map(|i| StimulusId(i as u32))) else {
            continue;
        };
        let (ab, ac, bc) = (cosine(a, b), cosine(a, c), cosine(b, c));
        let odd = if ab > ac && ab > bc {
            Position::Third
        } else if ac > bc {
            Position::Second
        } else {
            Position::First
        };
        made.push(Choice { triplet, odd });
    }
    let all = ChoiceSet::new(n, made).unwrap();
    let (train, held) = (all.select(0..36000), all.select(36000..40000));
    for seed in 1..=3 {
        let fit = spose(
            TrainingData {
                train: &train,
                validation: Some(&held),
                targets: None,
            },
            SposeParams {
                dims: 10,
                lambda: 0.004,
                ..SposeParams::default()
            },
            seed,
        );
        let empty = fit.embedding.values().rows().into_iter();
        let empty = empty.filter(|row| row.iter().all(|&w| w == 0.0)).count();
        let accuracy = fit.validation.unwrap().accuracy;
        assert_eq!(empty, 0, "seed {seed}: stimuli without a weight");
        assert!(accuracy > 0.9, "seed {seed}: accuracy {accuracy}");
    }
}

#[test]
fn a_huge_penalty_gives_the_zero_matrix() {
    let train = choices(&planted(), 20_000, 0.0, 1);
    let data = TrainingData {
        train: &train,
        validation: None,
        targets: None,
    };
    let fit = spose(
        data,
        SposeParams {
            dims: 10,
            lambda: 1e6,
            ..SposeParams::default()
        },
        1,
    );
    assert_eq!(fit.embedding.values().dim(), (200, 0));
}

#[test]
fn a_lapse_in_the_likelihood_restores_confident_weights() {
    let planted = planted();
    let train = choices(&planted, 100_000, 0.3, 1);
    let clean = choices(&planted, 20_000, 0.0, 2);
    let data = TrainingData {
        train: &train,
        validation: Some(&clean),
        targets: None,
    };
    let size = |lapse| {
        let fit = spose(
            data,
            SposeParams {
                dims: 20,
                lambda: 5e-4,
                lapse,
                ..SposeParams::default()
            },
            1,
        );
        fit.embedding
            .values()
            .iter()
            .map(|w| f64::from(*w))
            .sum::<f64>()
    };
    let (with, without) = (size(0.3), size(0.0));
    assert!(
        with > 1.2 * without,
        "{with} with a lapse in the likelihood, {without} without"
    );
}

#[test]
fn soft_labels_carry_more_than_the_choices_drawn_from_them() {
    let planted = planted();
    let train = choices(&planted, 4_000, 0.0, 1);
    let held_out = choices(&planted, 20_000, 0.0, 2);
    let soft: Vec<[f32; 3]> = train
        .choices()
        .iter()
        .map(|choice| {
            let [a, b, c] = choice.odd_last().map(|id| planted.row(id.index()));
            let e = [a.dot(&b), a.dot(&c), b.dot(&c)].map(f32::exp);
            e.map(|v| v / e.iter().sum::<f32>())
        })
        .collect();
    let fit = |targets| {
        let data = TrainingData {
            train: &train,
            validation: Some(&held_out),
            targets,
        };
        spose(
            data,
            SposeParams {
                dims: 20,
                ..SposeParams::default()
            },
            1,
        )
        .validation
        .unwrap()
        .nll
    };
    let (hard, soft) = (fit(None), fit(Some(&soft)));
    assert!(soft < hard - 0.02, "soft {soft}, hard {hard}");
}

#[test]
fn variants_for_comparison_learn_too() {
    let planted = planted();
    let (train, validation) = (
        choices(&planted, 50_000, 0.0, 1),
        choices(&planted, 10_000, 0.0, 2),
    );
    let data = TrainingData {
        train: &train,
        validation: Some(&validation),
        targets: None,
    };
    let base = SposeParams {
        dims: 10,
        ..SposeParams::default()
    };
    for params in [
        SposeParams {
            constraint: Constraint::Unconstrained,
            ..base.clone()
        },
        SposeParams {
            similarity: Similarity::NegativeEuclidean,
            ..base.clone()
        },
        SposeParams {
            dims: 10,
            epochs: Some(20),
            rate: Some(0.02),
            ..SposeParams::published()
        },
    ] {
        let score = spose(data, params.clone(), 1).validation.unwrap();
        assert!(score.nll < 1.0, "{params:?}: {score:?}");
    }
}

#[test]
fn lambda_is_chosen_by_validation_and_seeds_agree_on_a_consensus() {
    let planted = planted();
    let (train, validation) = (
        choices(&planted, 100_000, 0.0, 1),
        choices(&planted, 20_000, 0.0, 2),
    );
    let data = TrainingData {
        train: &train,
        validation: Some(&validation),
        targets: None,
    };
    let base = SposeParams {
        dims: 20,
        ..SposeParams::default()
    };
    with_options(|o| {
        let chosen = select_spose(data, &base, &[0.0005, 0.004, 0.5], Seed(1), o).unwrap();
        assert!(
            chosen.lambda < 0.5 && chosen.candidates.len() == 3,
            "{chosen:?}"
        );
        let params = SposeParams {
            lambda: chosen.lambda,
            ..base
        }
        .check()
        .unwrap();
        let fits = fit_seeds(data, &params, Seed(1), 4, o).unwrap();
        assert_ne!(bits(&fits[0]), bits(&fits[1]));
        let one = consensus(data, &fits, &params, ConsensusParams::default(), Seed(1), o).unwrap();
        let r = recovery(&planted, &one.fit.embedding);
        assert!(r.len() == 8 && r.iter().all(|&r| r > 0.93), "{r:?}");
        let best = fits
            .iter()
            .map(|f| f.validation.unwrap().nll)
            .fold(f64::INFINITY, f64::min);
        assert!(
            one.fit.validation.unwrap().nll < best + 0.005,
            "the refit lost {best}"
        );
    });
}

#[test]
fn impossible_parameters_and_data_are_refused_by_name() {
    let message = |p: SposeParams| p.check().unwrap_err().to_string();
    let base = SposeParams::default();
    assert!(
        message(SposeParams {
            dims: 0,
            ..base.clone()
        })
        .contains("--dims is 0; expected 1 to 4096")
    );
    assert!(
        message(SposeParams {
            lambda: f64::NAN,
            ..base.clone()
        })
        .contains("--lambda is NaN")
    );
    assert!(
        message(SposeParams {
            rate: Some(-1.0),
            ..base.clone()
        })
        .contains("--rate is -1")
    );
    let vice = ViceParams {
        spike: 2.0,
        ..ViceParams::default()
    }
    .check()
    .unwrap_err()
    .to_string();
    assert!(
        vice.contains("--spike is 2; expected a number > 0 below --slab"),
        "{vice}"
    );
    let empty = ChoiceSet::new(5, Vec::new()).unwrap();
    let data = TrainingData {
        train: &empty,
        validation: None,
        targets: None,
    };
    let params = base.check().unwrap();
    let error = with_options(|o| fit_spose(data, &params, Seed(1), o)).unwrap_err();
    assert!(matches!(error, FitError::Empty));
    let train = choices(&planted(), 10, 0.0, 1);
    let data = TrainingData {
        train: &train,
        validation: None,
        targets: Some(&[[0.5; 3]; 10]),
    };
    let error = with_options(|o| fit_spose(data, &params, Seed(1), o))
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("soft label 1 (counted from 1) of 10 is [0.5, 0.5, 0.5]"),
        "{error}"
    );
}
