//! What a fit must find: planted dimensions, both poles, all that noise leaves.

use crate::support::{bits, choices, data, planted, recovery, spose, with_options};
use emotome_embedding::evaluate::score::Similarity;
use emotome_embedding::train::consensus::{ConsensusParams, consensus};
use emotome_embedding::train::select::{fit_seeds, select_spose};
use emotome_embedding::train::spose::SposeParams;
use emotome_embedding::train::vice::{ViceParams, fit_vice};
use emotome_embedding::train::{Constraint, TrainingData};
use emotome_stats::random::{CounterRng, Seed};
use emotome_stimuli::StimulusId;
use emotome_triplets::{Choice, ChoiceSet, Position, Triplet};

#[test]
fn spose_recovers_a_planted_embedding() {
    let planted = planted();
    let (train, validation) = (
        choices(&planted, 200_000, 0.0, 1),
        choices(&planted, 20_000, 0.0, 2),
    );
    let data = data(&train, Some(&validation));
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
    let data = data(&train, Some(&validation));
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
            data(&train, Some(&held)),
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
    let data = data(&train, None);
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
    let data = data(&train, Some(&clean));
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
    let data = data(&train, Some(&validation));
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
    let data = data(&train, Some(&validation));
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
