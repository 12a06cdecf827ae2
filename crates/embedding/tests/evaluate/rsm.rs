//! Similarity matrices against exhaustive enumeration, and their uncertainty.

use crate::support::{choice, every_triplet, nothing, planted, with_run};
use emotome_embedding::{
    Embedding,
    evaluate::{
        EvaluationError,
        rsm::{
            Coefficient, RsmResampling, SplitHalf, correlate, explained, matched, measured,
            predicted, split_half,
        },
        score::{Scoring, Similarity},
    },
};
use emotome_stats::{
    correlation::{pearson, spearman},
    random::{CounterRng, Seed},
};
use emotome_stimuli::run::{Interrupt, Run, Silent};
use emotome_triplets::{ChoiceSet, Position};
use ndarray::Array2;

/// P(pair ij | i, j, k) by the formula.
fn probability(x: &Embedding, similarity: Similarity, [i, j, k]: [usize; 3]) -> f64 {
    let s = |a: usize, b: usize| {
        let (a, b) = (x.row(a).mapv(f64::from), x.row(b).mapv(f64::from));
        match similarity {
            Similarity::Dot => a.dot(&b),
            Similarity::NegativeEuclidean => -(&a - &b).mapv(|v| v * v).sum().sqrt(),
        }
    };
    1.0 / (1.0 + (s(i, k) - s(i, j)).exp() + (s(j, k) - s(i, j)).exp())
}

fn brute_force(
    x: &Embedding,
    items: &[usize],
    thirds: &[usize],
    similarity: Similarity,
) -> Array2<f64> {
    Array2::from_shape_fn((items.len(), items.len()), |(a, b)| {
        let (i, j) = (items[a], items[b]);
        let others: Vec<usize> = thirds
            .iter()
            .copied()
            .filter(|&k| k != i && k != j)
            .collect();
        if i == j {
            1.0
        } else {
            others
                .iter()
                .map(|&k| probability(x, similarity, [i, j, k]))
                .sum::<f64>()
                / others.len() as f64
        }
    })
}

fn close(a: &Array2<f64>, b: &Array2<f64>, tolerance: f64) -> bool {
    a.iter()
        .zip(b)
        .all(|(a, b)| (a.is_nan() && b.is_nan()) || (a - b).abs() < tolerance)
}

#[test]
fn predictions_equal_exhaustive_enumeration() {
    let x = planted(12, 4, 2.0, 1);
    let all: Vec<usize> = (0..12).collect();
    for similarity in [Similarity::Dot, Similarity::NegativeEuclidean] {
        let scoring = Scoring {
            similarity,
            ..Scoring::default()
        };
        for (items, thirds) in [
            (&all[..], &all[..]),
            (&[7, 2, 5], &all),
            (&[0, 1, 2, 3], &[2, 3, 8, 11]),
            (&all, &[4]),
        ] {
            let found = with_run(|run| predicted(&x, items, thirds, &scoring, run)).unwrap();
            assert!(
                close(&found, &brute_force(&x, items, thirds, similarity), 1e-12),
                "{items:?} with {thirds:?}"
            );
        }
    }
}

#[test]
fn similarities_of_any_size_are_predicted_without_overflow() {
    for scale in [40.0, 1e3, 1e10] {
        let x = planted(12, 4, scale, 2);
        let all: Vec<usize> = (0..12).collect();
        let found = with_run(|run| predicted(&x, &all, &all, &Scoring::default(), run)).unwrap();
        assert!(
            close(&found, &brute_force(&x, &all, &all, Similarity::Dot), 1e-9),
            "scale {scale}"
        );
    }
}

#[test]
fn a_pair_without_thirds_is_unknown() {
    let x = planted(5, 2, 1.0, 3);
    let found =
        with_run(|run| predicted(&x, &[0, 1, 2], &[0, 1], &Scoring::default(), run)).unwrap();
    assert!(found[[0, 1]].is_nan() && found[[0, 2]].is_finite());
}

#[test]
fn an_interrupt_stops_a_prediction() {
    let interrupt = Interrupt::default();
    interrupt.request();
    let run = Run {
        progress: &Silent,
        interrupt: &interrupt,
    };
    let found = predicted(
        &planted(9, 2, 1.0, 3),
        &[0, 1, 2],
        &[3, 4],
        &Scoring::default(),
        run,
    );
    assert_eq!(found.unwrap_err(), EvaluationError::Interrupted);
}

#[test]
fn bad_item_lists_are_refused() {
    let x = planted(5, 2, 1.0, 3);
    for (items, thirds) in [
        (vec![0, 5], vec![1]),
        (vec![0, 0], vec![1]),
        (vec![0, 1], vec![2, 2]),
    ] {
        let error =
            with_run(|run| predicted(&x, &items, &thirds, &Scoring::default(), run)).unwrap_err();
        assert!(matches!(error, EvaluationError::Item { .. }), "{error}");
    }
}

#[test]
fn measurement_counts_choices_and_leaves_unsampled_pairs_unknown() {
    let trials = vec![
        choice([0, 1, 2], Position::Third),
        choice([1, 0, 2], Position::First),
        choice([0, 1, 3], Position::Third), // 3 is no admitted third: only 0–1 … is left out
        choice([3, 4, 0], Position::Third), // informs nothing
    ];
    let choices = ChoiceSet::new(5, trials).unwrap();
    let found = measured(&choices, &[0, 1, 4], &[0, 1, 2, 4]).unwrap();
    assert_eq!((found.similarity[[0, 1]], found.counts[[1, 0]]), (0.5, 2));
    assert!(found.similarity[[0, 2]].is_nan() && found.similarity[[1, 2]].is_nan());
    assert_eq!(
        (found.trials, found.trials_outside, found.unsampled_pairs),
        (2, 2, 2)
    );
    assert_eq!(found.published_zeros()[[0, 2]], 0.0);
    assert_eq!(found.similarity[[0, 0]], 1.0);
}

#[test]
fn matched_predictions_average_over_the_trials_shown() {
    let x = planted(8, 3, 2.0, 4);
    let choices = every_triplet(&x, 1, 4);
    let all: Vec<usize> = (0..8).collect();
    // Every triple once: the trials shown are all thirds.
    let found = matched(&x, &choices, &all, &all, &Scoring::default()).unwrap();
    assert!(close(
        &found,
        &brute_force(&x, &all, &all, Similarity::Dot),
        1e-12
    ));
    // A biased half of the trials: the unmatched prediction is about other thirds.
    let some = choices.select((0..choices.len()).filter(|t| t % 5 < 2));
    let found = matched(&x, &some, &all, &all, &Scoring::default()).unwrap();
    let shown = measured(&some, &all, &all).unwrap();
    assert!(
        found
            .iter()
            .zip(&shown.similarity)
            .all(|(p, m)| p.is_nan() == m.is_nan())
    );
    let mut expected = Array2::<f64>::zeros((8, 8));
    for choice in some.choices() {
        let [i, j, k] = choice.odd_last().map(|id| id.index());
        for (a, b, c) in [(i, j, k), (i, k, j), (j, k, i)] {
            let p = probability(&x, Similarity::Dot, [a, b, c]);
            expected[[a, b]] += p;
            expected[[b, a]] += p;
        }
    }
    expected /= &shown.counts.mapv(f64::from);
    for i in 0..8 {
        expected[[i, i]] = 1.0;
    }
    assert!(close(&found, &expected, 1e-12));
}

#[test]
fn correlations_equal_those_of_the_listed_pairs() {
    let mut rng = CounterRng::new(Seed(6), 0);
    let mut draw = || {
        let mut m = Array2::<f64>::ones((9, 9));
        for i in 0..9 {
            for j in 0..i {
                // One decimal: many ties.
                let v = (rng.uniform() * 10.0).round() / 10.0;
                (m[[i, j]], m[[j, i]]) = (v, v);
            }
        }
        m
    };
    let (mut x, y) = (draw(), draw());
    (x[[2, 5]], x[[5, 2]]) = (f64::NAN, f64::NAN);
    let (mut a, mut b) = (vec![], vec![]);
    for i in 0..9 {
        for j in i + 1..9 {
            if !x[[i, j]].is_nan() {
                a.push(x[[i, j]]);
                b.push(y[[i, j]]);
            }
        }
    }
    for (coefficient, expected) in [
        (Coefficient::Pearson, pearson(&a, &b)),
        (Coefficient::Spearman, spearman(&a, &b)),
    ] {
        let found = correlate(x.view(), y.view(), coefficient, RsmResampling::default()).unwrap();
        assert!((found.r - expected).abs() < 1e-12);
        assert_eq!((found.pairs, found.pairs_missing), (35, 1));
    }
    assert!(
        correlate(
            x.view(),
            y.slice(ndarray::s![..8, ..8]),
            Coefficient::Pearson,
            RsmResampling::default()
        )
        .is_err()
    );
}

/// Matrices whose pairs share item effects: r varies over draws of items more than a bootstrap of pairs says.
#[test]
fn bootstrapping_items_covers_where_bootstrapping_pairs_does_not() {
    let matrices = |study: u64, n: usize| {
        let mut rng = CounterRng::new(Seed(8), study);
        let effects: Vec<[f64; 2]> = (0..n).map(|_| [rng.normal(), rng.normal()]).collect();
        let mut pair = [Array2::ones((n, n)), Array2::ones((n, n))];
        for i in 0..n {
            for j in i + 1..n {
                let shared = effects[i][0] * effects[j][0];
                let own = [0.0, effects[i][1] * effects[j][1]];
                for (m, own) in pair.iter_mut().zip(own) {
                    let v = shared + own + 0.3 * rng.normal();
                    (m[[i, j]], m[[j, i]]) = (v, v);
                }
            }
        }
        pair
    };
    // r in the population of items: corr(s + e, s + o + e) with unit-variance products s and o.
    let truth = 1.0 / ((1.09_f64) * (2.09)).sqrt();
    let covers = |resampling: fn(u64) -> RsmResampling| {
        (0..200)
            .filter(|&study| {
                let [x, y] = matrices(study, 60);
                correlate(x.view(), y.view(), Coefficient::Pearson, resampling(study))
                    .unwrap()
                    .ci95
                    .contains(truth)
            })
            .count() as f64
            / 200.0
    };
    let items = covers(|seed| RsmResampling::Items {
        replicates: 200,
        seed,
    });
    let pairs = covers(|seed| RsmResampling::PublishedPairs {
        replicates: 200,
        seed,
    });
    assert!((0.88..=0.99).contains(&items), "items cover {items}");
    assert!(pairs < 0.6, "pairs cover {pairs}");
}

/// The correlation of the true similarities with a measurement of `repeats` passes, and its ceiling.
fn perfect_prediction(repeats: usize) -> (f64, SplitHalf) {
    let x = planted(40, 5, 2.0, 9);
    let choices = every_triplet(&x, repeats, 9);
    let all: Vec<usize> = (0..40).collect();
    let shown = measured(&choices, &all, &all).unwrap();
    let perfect = with_run(|run| predicted(&x, &all, &all, &Scoring::default(), run)).unwrap();
    let found = correlate(
        shown.similarity.view(),
        perfect.view(),
        Coefficient::Pearson,
        RsmResampling::default(),
    );
    (
        found.unwrap().r,
        split_half(&choices, &all, &all, Coefficient::Pearson, 40, 1).unwrap(),
    )
}

#[test]
fn a_perfect_prediction_reaches_the_ceiling_and_explains_all() {
    let (r, ceiling) = perfect_prediction(2);
    assert!((r - ceiling.ceiling).abs() < 0.01, "r {r}, {ceiling:?}");
    let share = explained(r, &ceiling).unwrap();
    assert!(
        (share.explained - 1.0).abs() < 0.02 && share.published_explained > 1.04,
        "{share:?}"
    );
    assert!(ceiling.half_r < ceiling.reliability && ceiling.pairs == 780.0);
}

#[test]
fn single_passes_understate_the_ceiling_by_no_more_than_documented() {
    let (r, ceiling) = perfect_prediction(1);
    let share = explained(r, &ceiling).unwrap().explained;
    assert!((1.0..1.08).contains(&share), "{share}, {ceiling:?}");
}

#[test]
fn a_noise_measurement_has_no_ceiling_to_divide_by() {
    let all: Vec<usize> = (0..12).collect();
    let found: Vec<f64> = (0..20)
        .map(|seed| {
            split_half(
                &every_triplet(&nothing(12), 1, seed),
                &all,
                &all,
                Coefficient::Pearson,
                20,
                0,
            )
            .unwrap()
            .half_r
        })
        .collect();
    assert!(
        found.iter().any(|&r| r < 0.0) && found.iter().all(|r| r.abs() < 0.5),
        "{found:?}"
    );
}

/// Two agents whose true similarities correlate less than perfectly, each measured with noise.
#[test]
fn a_handful_of_items_has_no_interval() {
    let mut rng = CounterRng::new(Seed(13), 0);
    for (n, known) in [(3, false), (5, false), (6, true)] {
        let [x, y] = [0; 2].map(|_| Array2::from_shape_simple_fn((n, n), || rng.uniform()));
        let resampling = RsmResampling::default();
        let found = correlate(x.view(), y.view(), Coefficient::Pearson, resampling).unwrap();
        assert!(found.r.is_finite());
        assert_eq!(found.ci95.low.is_finite(), known, "{n} items: {found:?}");
    }
}

/// Thirds averaged over 63 and over 64 trials differ in the last bit, which must not correlate.
#[test]
fn equal_similarities_do_not_correlate_with_anything() {
    let x = planted(20, 4, 2.0, 5);
    let all: Vec<usize> = (0..20).collect();
    let choices = every_triplet(&x, 1, 5);
    let choices = choices.select((0..choices.len()).filter(|t| t % 7 != 3));
    let shown = measured(&choices, &all, &all).unwrap().similarity;
    let same = matched(&nothing(20), &choices, &all, &all, &Scoring::default()).unwrap();
    for coefficient in [Coefficient::Pearson, Coefficient::Spearman] {
        let found = correlate(
            shown.view(),
            same.view(),
            coefficient,
            RsmResampling::default(),
        );
        assert!(found.unwrap().r.is_nan());
    }
}

#[test]
fn lapses_draw_similarities_towards_chance() {
    let x = planted(9, 3, 2.0, 6);
    let all: Vec<usize> = (0..9).collect();
    let choices = every_triplet(&x, 1, 6);
    let lapsing = Scoring {
        lapse: 0.2,
        ..Scoring::default()
    };
    let expected = brute_force(&x, &all, &all, Similarity::Dot).mapv(|p| 0.8 * p + 0.2 / 3.0);
    for mut found in [
        with_run(|run| predicted(&x, &all, &all, &lapsing, run)).unwrap(),
        matched(&x, &choices, &all, &all, &lapsing).unwrap(),
    ] {
        (0..9).for_each(|i| found[[i, i]] = expected[[i, i]]);
        assert!(close(&found, &expected, 1e-12));
    }
}
