//! Scores of single trials, tie rules and paired comparison.

use crate::support::{choice, nothing, random_choices};
use emotome_embedding::{
    Embedding,
    evaluate::{
        EvaluationError,
        accuracy::{compare, held_out, summarise},
        score::{Scoring, Similarity, TieRule, TrialScores, score},
        two_way::Resampling,
    },
};
use emotome_stats::random::{CounterRng, Seed};
use emotome_triplets::{ChoiceSet, Position};
use ndarray::{Array2, arr2};

fn random_embedding(n: usize, d: usize, scale: f32, seed: u64) -> Embedding {
    let mut rng = CounterRng::new(Seed(seed), 0);
    Embedding::new(Array2::from_shape_simple_fn((n, d), || {
        scale * rng.uniform() as f32
    }))
    .unwrap()
}

fn guesses(n: usize, trials: usize, seed: u64) -> ChoiceSet {
    random_choices(&nothing(n), trials, seed)
}

fn by_rule(embedding: &Embedding, choices: &ChoiceSet, ties: TieRule) -> TrialScores {
    let scoring = Scoring {
        ties,
        ..Scoring::default()
    };
    score(embedding, choices, &scoring).unwrap()
}

#[test]
fn log_likelihoods_equal_brute_force() {
    let (embedding, choices) = (random_embedding(20, 11, 2.0, 1), guesses(20, 500, 1));
    for (similarity, temperature, lapse) in [
        (Similarity::Dot, 1.0, 0.0),
        (Similarity::NegativeEuclidean, 1.0, 0.0),
        (Similarity::Dot, 2.5, 0.1),
    ] {
        let scoring = Scoring {
            similarity,
            temperature,
            lapse,
            ..Scoring::default()
        };
        let found = score(&embedding, &choices, &scoring).unwrap();
        for (choice, log_likelihood) in choices.choices().iter().zip(&found.log_likelihood) {
            let [i, j, k] = choice
                .odd_last()
                .map(|id| embedding.row(id.index()).mapv(f64::from));
            let exp = |a: &ndarray::Array1<f64>, b: &ndarray::Array1<f64>| {
                let s = match similarity {
                    Similarity::Dot => a.dot(b),
                    Similarity::NegativeEuclidean => -(a - b).mapv(|x| x * x).sum().sqrt(),
                };
                (s / temperature).exp()
            };
            let p = exp(&i, &j) / (exp(&i, &j) + exp(&i, &k) + exp(&j, &k));
            let expected = ((1.0 - lapse) * p + lapse / 3.0).ln();
            assert!(
                (log_likelihood - expected).abs() < 1e-12,
                "{log_likelihood} is not {expected}"
            );
        }
    }
}

#[test]
fn presented_order_has_no_influence() {
    let embedding = random_embedding(9, 5, 1.0, 2);
    let orders = [
        ([3, 5, 7], Position::Third),
        ([5, 3, 7], Position::Third),
        ([7, 5, 3], Position::First),
        ([3, 7, 5], Position::Second),
    ];
    let choices =
        ChoiceSet::new(9, orders.map(|(items, odd)| choice(items, odd)).to_vec()).unwrap();
    let found = score(&embedding, &choices, &Scoring::default()).unwrap();
    assert!(
        found
            .log_likelihood
            .iter()
            .all(|l| l == &found.log_likelihood[0])
    );
}

#[test]
fn huge_similarities_stay_finite() {
    let embedding = Embedding::new(arr2(&[[1e18_f32], [2e18], [0.0]])).unwrap();
    let choices = ChoiceSet::new(
        3,
        vec![
            choice([0, 1, 2], Position::First),
            choice([0, 1, 2], Position::Third),
        ],
    )
    .unwrap();
    let found = score(&embedding, &choices, &Scoring::default()).unwrap();
    assert!(found.log_likelihood[0] < -1e30 && found.log_likelihood[0].is_finite());
    assert_eq!((found.log_likelihood[1], found.credit[1]), (0.0, 1.0));
}

/// Rows 0, 1, 2 are equal; 3 differs; 4 is zero.
#[test]
fn each_tie_rule_gives_the_credit_it_is_named_for() {
    let embedding = Embedding::new(arr2(&[
        [1.0_f32, 0.1],
        [1.0, 0.1],
        [1.0, 0.1],
        [0.0, 2.0],
        [0.0, 0.0],
    ]))
    .unwrap();
    let trials = vec![
        choice([0, 1, 2], Position::Third), // three equal similarities
        choice([0, 3, 1], Position::Third), // s(0,3) chosen, ties with s(1,3); s(0,1) is higher
        choice([0, 4, 3], Position::Third), // s(0,4) = s(3,4) = 0 < s(0,3): a clear miss
        choice([0, 1, 3], Position::Third), // clear hit, but the losers s(0,3) and s(1,3) tie
        choice([0, 1, 2], Position::First), // three equal similarities
    ];
    let choices = ChoiceSet::new(5, trials).unwrap();
    let credit = |ties| by_rule(&embedding, &choices, ties);
    let third = 1.0 / 3.0;
    assert_eq!(credit(TieRule::Fair).credit, [third, 0.0, 0.0, 1.0, third]);
    assert_eq!(
        credit(TieRule::SposeFirst).credit,
        [0.0, 0.0, 0.0, 1.0, 0.0]
    );
    assert_eq!(credit(TieRule::ViceStrict).credit, [0.0; 5]);
    assert_eq!(
        credit(TieRule::ArgmaxFirst).credit,
        [1.0, 0.0, 0.0, 1.0, 1.0]
    );
    let ties = credit(TieRule::Fair).ties;
    assert_eq!((ties.two_way, ties.three_way), (0, 2));
}

#[test]
fn a_two_way_tie_for_the_top_is_worth_half_and_counted() {
    // s(0,1) = s(0,2) = 2 > s(1,2) = 1.
    let embedding = Embedding::new(arr2(&[[2.0_f32], [1.0], [1.0]])).unwrap();
    let trials = vec![
        choice([0, 1, 2], Position::Third),
        choice([0, 1, 2], Position::First),
    ];
    let choices = ChoiceSet::new(3, trials).unwrap();
    let credit = |ties| by_rule(&embedding, &choices, ties);
    assert_eq!(credit(TieRule::Fair).credit, [0.5, 0.0]);
    assert_eq!(credit(TieRule::SposeFirst).credit, [1.0, 0.0]);
    assert_eq!(credit(TieRule::Fair).ties.two_way, 2);
}

#[test]
fn fair_ties_do_not_reward_an_embedding_of_nothing() {
    let (nothing, choices) = (
        Embedding::new(Array2::zeros((30, 4))).unwrap(),
        guesses(30, 3000, 4),
    );
    let accuracy = |ties| {
        let scoring = Scoring {
            ties,
            ..Scoring::default()
        };
        held_out(&nothing, &choices, &scoring, Resampling::TwoWay).unwrap()
    };
    let fair = accuracy(TieRule::Fair);
    assert!((fair.accuracy - 1.0 / 3.0).abs() < 1e-12 && (fair.nll - 3_f64.ln()).abs() < 1e-12);
    assert_eq!((fair.tie_rate, fair.ties.three_way), (1.0, 3000));
    assert_eq!(accuracy(TieRule::ArgmaxFirst).accuracy, 1.0);
    let random = accuracy(TieRule::Random { seed: 0 }).accuracy;
    assert!((random - 1.0 / 3.0).abs() < 0.035, "{random}");
}

#[test]
fn a_model_compared_with_itself_differs_by_nothing() {
    let (embedding, choices) = (random_embedding(40, 5, 2.0, 5), guesses(40, 800, 5));
    let scores = score(&embedding, &choices, &Scoring::default()).unwrap();
    let same = compare(&choices, &scores, &scores, Resampling::TwoWay).unwrap();
    assert_eq!(
        (
            same.accuracy_difference,
            same.accuracy_p,
            same.nll_difference
        ),
        (0.0, 1.0, 0.0)
    );
    assert_eq!(
        (
            same.accuracy_difference_ci95.low,
            same.accuracy_difference_ci95.high
        ),
        (0.0, 0.0)
    );
}

#[test]
fn pairing_sees_a_difference_that_separate_intervals_hide() {
    // The second model differs from the first in 2.5 % of the trials and is wrong there.
    let choices = guesses(300, 3000, 6);
    let embedding = random_embedding(300, 8, 2.0, 6);
    let base = score(&embedding, &choices, &Scoring::default()).unwrap();
    let (mut better, mut worse) = (base.clone(), base);
    for trial in (0..3000).step_by(40) {
        (better.credit[trial], worse.credit[trial]) = (1.0, 0.0);
    }
    let [a, b] = [&better, &worse].map(|s| summarise(&choices, s, Resampling::TwoWay).unwrap());
    assert!(
        a.accuracy_ci95.low < b.accuracy_ci95.high,
        "the intervals overlap"
    );
    for resampling in [
        Resampling::TwoWay,
        Resampling::Trials {
            replicates: 400,
            seed: 1,
        },
        Resampling::Pigeonhole {
            replicates: 400,
            seed: 1,
        },
    ] {
        let paired = compare(&choices, &better, &worse, resampling).unwrap();
        assert!((paired.accuracy_difference - 0.025).abs() < 1e-12);
        assert!(paired.accuracy_difference_ci95.low > 0.0, "{paired:?}");
        assert!(paired.accuracy_p < 1e-6);
    }
}

#[test]
fn unfit_inputs_are_refused_with_the_reason() {
    let embedding = random_embedding(5, 2, 1.0, 0);
    let choices = guesses(5, 10, 0);
    let none = ChoiceSet::new(5, vec![]).unwrap();
    let other = guesses(6, 10, 0);
    let refuse =
        |choices: &ChoiceSet, scoring: Scoring| score(&embedding, choices, &scoring).unwrap_err();
    assert!(matches!(
        refuse(&none, Scoring::default()),
        EvaluationError::TooFew { .. }
    ));
    assert!(matches!(
        refuse(&other, Scoring::default()),
        EvaluationError::Embedding(_)
    ));
    for temperature in [0.0, -1.0, f64::NAN] {
        let error = refuse(
            &choices,
            Scoring {
                temperature,
                ..Scoring::default()
            },
        );
        assert!(error.to_string().starts_with("temperature is"), "{error}");
    }
    assert!(matches!(
        refuse(
            &choices,
            Scoring {
                lapse: 1.0,
                ..Scoring::default()
            }
        ),
        EvaluationError::Parameter { .. }
    ));
    let flat = Embedding::new(Array2::zeros((5, 0))).unwrap();
    assert!(
        (score(&flat, &choices, &Scoring::default()).unwrap().credit[0] - 1.0 / 3.0).abs() < 1e-15
    );
}

/// Scripts read these names.
#[test]
fn accuracy_is_written_under_stable_names() {
    let (embedding, choices) = (random_embedding(30, 5, 2.0, 7), guesses(30, 400, 7));
    let found = held_out(
        &embedding,
        &choices,
        &Scoring::default(),
        Resampling::TwoWay,
    )
    .unwrap();
    let json = serde_json::to_value(found).unwrap();
    assert_eq!(json["n"], 400);
    for name in ["accuracy", "nll", "tie_rate", "chance"] {
        assert!(json[name].is_f64(), "{name} in {json}");
    }
    for name in ["accuracy_ci95", "nll_ci95"] {
        assert!(
            json[name][0].as_f64() < json[name][1].as_f64(),
            "{name} in {json}"
        );
    }
    assert_eq!(json["ties"]["two_way"], 0);
    assert_eq!(json["resampling"]["method"], "two-way");
}
