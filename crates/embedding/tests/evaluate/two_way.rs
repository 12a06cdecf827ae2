//! Intervals of means over trials that share items.

use crate::support::{choice, on_threads, random_triplet};
use emotome_embedding::evaluate::two_way::{Resampling, TrialClusters};
use emotome_stats::random::{CounterRng, Seed};
use emotome_triplets::{ChoiceSet, Position};
use rayon::prelude::*;

fn trials(items: &[[u32; 3]], n: usize) -> ChoiceSet {
    ChoiceSet::new(
        n,
        items
            .iter()
            .map(|&ids| choice(ids, Position::First))
            .collect(),
    )
    .unwrap()
}

#[test]
fn inclusion_and_exclusion_equal_the_double_sum() {
    let mut rng = CounterRng::new(Seed(1), 0);
    // Few items: pairs and triples repeat often.
    let items: Vec<[u32; 3]> = (0..60).map(|_| random_triplet(9, &mut rng)).collect();
    let scores: Vec<f64> = items
        .iter()
        .map(|t| f64::from(t.iter().map(|i| i % 3).sum::<u32>()) + rng.normal())
        .collect();
    let found = TrialClusters::new(&trials(&items, 9))
        .unwrap()
        .mean(&scores)
        .unwrap();
    let mean = scores.iter().sum::<f64>() / 60.0;
    let mut double_sum = 0.0;
    for (s, y) in items.iter().zip(&scores) {
        for (t, z) in items.iter().zip(&scores) {
            if s.iter().any(|item| t.contains(item)) {
                double_sum += (y - mean) * (z - mean);
            }
        }
    }
    let related = items
        .iter()
        .flat_map(|s| {
            items
                .iter()
                .filter(|t| s.iter().any(|item| t.contains(item)))
        })
        .count() as f64
        / 3600.0;
    assert!(
        related < 1.0 && found.item_share > 0.0,
        "a design that tests nothing"
    );
    let expected = double_sum / 3600.0 / (1.0 - related);
    assert!((found.standard_error.powi(2) - expected).abs() < 1e-12);
    assert!((found.mean - mean).abs() < 1e-12);
}

/// Coverage of 95 % intervals over studies in which items and trials are both new.
fn coverage(n_items: u64, n_trials: usize, item_sd: f64, resampling: Resampling) -> f64 {
    let studies = 300;
    let covered = (0..studies)
        .into_par_iter()
        .filter(|&study| {
            let mut rng = CounterRng::new(Seed(77), study);
            let effects: Vec<f64> = (0..n_items).map(|_| item_sd * rng.normal()).collect();
            let items: Vec<[u32; 3]> = (0..n_trials)
                .map(|_| random_triplet(n_items, &mut rng))
                .collect();
            let hits: Vec<f64> = items
                .iter()
                .map(|t| {
                    let p: f64 = 0.62 + t.iter().map(|&i| effects[i as usize]).sum::<f64>();
                    f64::from(u8::from(rng.uniform() < p))
                })
                .collect();
            let clusters = TrialClusters::new(&trials(&items, n_items as usize)).unwrap();
            clusters
                .proportion_interval(&hits, resampling, 0.95)
                .unwrap()
                .contains(0.62)
        })
        .count();
    covered as f64 / studies as f64
}

#[test]
fn two_way_intervals_cover_when_items_matter_and_when_they_do_not() {
    for (n_items, n_trials, item_sd) in [
        (200, 2000, 0.0),
        (1000, 1000, 0.05),
        (100, 5000, 0.05),
        (60, 4000, 0.05),
        (30, 3000, 0.04),
        (20, 400, 0.04),
    ] {
        let share = coverage(n_items, n_trials, item_sd, Resampling::TwoWay);
        eprintln!("{n_items} items, {n_trials} trials, sd {item_sd}: {share:.3}");
        assert!(
            (0.92..=0.98).contains(&share),
            "{n_items} items, {n_trials} trials, sd {item_sd}: {share}"
        );
    }
}

#[test]
fn resampling_trials_alone_is_too_narrow_when_items_differ() {
    let trials = coverage(
        100,
        2000,
        0.05,
        Resampling::Trials {
            replicates: 200,
            seed: 0,
        },
    );
    assert!(trials < 0.87, "covers {trials}");
}

#[test]
fn the_pigeonhole_bootstrap_is_never_too_narrow() {
    let pigeonhole = Resampling::Pigeonhole {
        replicates: 200,
        seed: 0,
    };
    assert!(coverage(100, 2000, 0.05, pigeonhole) > 0.92);
    assert!(coverage(200, 1000, 0.0, pigeonhole) > 0.98);
}

#[test]
fn a_perfect_score_in_few_trials_is_not_certain() {
    let apart = TrialClusters::new(&trials(&[[0, 1, 2], [3, 4, 5]], 6)).unwrap();
    let ci = apart
        .proportion_interval(&[1.0, 1.0], Resampling::TwoWay, 0.95)
        .unwrap();
    assert!(ci.high == 1.0 && ci.low < 0.5, "{ci:?}");
}

#[test]
fn trials_that_all_share_an_item_say_nothing_about_other_items() {
    let together = TrialClusters::new(&trials(&[[0, 1, 2], [0, 3, 4]], 5)).unwrap();
    assert!(together.mean(&[1.0, 0.0]).unwrap().standard_error.is_nan());
    let ci = together
        .proportion_interval(&[1.0, 0.0], Resampling::TwoWay, 0.95)
        .unwrap();
    assert!(ci.low.is_nan() && ci.high.is_nan());
}

#[test]
fn bootstrap_means_do_not_depend_on_threads() {
    let mut rng = CounterRng::new(Seed(1), 0);
    let items: Vec<[u32; 3]> = (0..300).map(|_| random_triplet(20, &mut rng)).collect();
    let scores: Vec<f64> = (0..300).map(|_| rng.normal()).collect();
    let clusters = TrialClusters::new(&trials(&items, 20)).unwrap();
    let means = || {
        let resampling = Resampling::Pigeonhole {
            replicates: 50,
            seed: 3,
        };
        clusters.bootstrap_means(&[&scores], resampling).unwrap()
    };
    assert_eq!(on_threads(1, means), on_threads(3, means));
    assert!(
        clusters
            .interval(&scores[1..], Resampling::TwoWay, 0.95)
            .is_err()
    );
    assert!(
        clusters
            .interval(
                &scores,
                Resampling::Trials {
                    replicates: 0,
                    seed: 0
                },
                0.95
            )
            .is_err()
    );
}
