//! Choices made from features are an unbiased sample, the same on any machine, and fast.

use emotome_judges::similarity::{Metric, SimilarityParams};
use emotome_judges::tripletize::{Tripletized, tripletize};
use emotome_judges::{ChoiceRule, FeatureJudge, Judge, Similarities};
use emotome_stats::distribution::chi_squared_sf;
use emotome_stats::random::{CounterRng, Seed};
use emotome_stimuli::run::{Interrupt, Run, Silent};
use emotome_triplets::Position;
use emotome_triplets::design::{Balance, Design, DesignParams};
use ndarray::Array2;
use std::collections::HashSet;

fn judge(n: usize, d: usize, metric: Metric) -> FeatureJudge {
    let mut rng = CounterRng::new(Seed(11), 0);
    let features = Array2::from_shape_simple_fn((n, d), || rng.normal());
    let params = SimilarityParams {
        metric,
        ..Default::default()
    };
    FeatureJudge::new(
        Similarities::new(features.view(), params).unwrap(),
        ChoiceRule::default(),
        Seed(1),
    )
    .unwrap()
}

fn random_design(n: usize, trials: u64, seed: u64) -> Design {
    DesignParams {
        trials,
        balance: Balance::None,
        ..DesignParams::new(n, seed)
    }
    .check()
    .unwrap()
}

fn ask<J: Judge>(judge: &J, design: &Design) -> Tripletized {
    let interrupt = Interrupt::default();
    let run = Run {
        progress: &Silent,
        interrupt: &interrupt,
    };
    tripletize(judge, |t| design.trial(t), 0..design.len(), run).unwrap()
}

/// The p-value of "every item is shown equally often", for a simple random sample of triplets.
///
/// Counts of a sample without replacement vary less than Poisson; with m of M triplets the variance
/// of a count is m (3/n)(1 − 3/n)(1 − m/M), and counts are correlated −1/(n − 1).
fn uniformity(n: usize, rows: impl Iterator<Item = [u32; 3]>) -> f64 {
    let mut counts = vec![0.0; n];
    let mut m = 0.0;
    for row in rows {
        m += 1.0;
        row.iter().for_each(|&id| counts[id as usize] += 1.0);
    }
    let (share, all) = (3.0 / n as f64, (n * (n - 1) * (n - 2) / 6) as f64);
    let variance = m * share * (1.0 - share) * (1.0 - m / all) * n as f64 / (n as f64 - 1.0);
    let chi2 = counts.iter().map(|c| (c - m * share).powi(2)).sum::<f64>() / variance;
    chi_squared_sf(chi2, n as f64 - 1.0)
}

#[test]
fn every_item_is_shown_equally_often_and_no_triplet_twice() {
    let judge = judge(300, 8, Metric::Cosine);
    let mut smallest: f64 = 1.0;
    for seed in 0..20 {
        let made = ask(&judge, &random_design(300, 100_000, seed));
        let rows = || {
            made.choices
                .iter()
                .map(|c| c.triplet.items().map(|id| id.0))
        };
        smallest = smallest.min(uniformity(300, rows()));
        let distinct: HashSet<_> = made.choices.iter().map(|c| c.triplet.unordered()).collect();
        assert_eq!(distinct.len(), 100_000);
    }
    assert!(
        smallest > 0.001,
        "the least uniform of 20 samples has p = {smallest}"
    );
}

/// The same test must catch the published sampler: draw 10 % too many, sort, keep the first N.
#[test]
fn the_sort_and_truncate_sampler_fails_the_uniformity_test() {
    let n = 300;
    let wanted = 100_000;
    let mut rng = CounterRng::new(Seed(4), 0);
    let mut rows = std::collections::BTreeSet::new();
    for _ in 0..wanted * 11 / 10 {
        let mut items: Vec<u32> = (0..3).map(|_| rng.below(n) as u32).collect();
        items.dedup();
        if let [a, b, c] = items[..]
            && a != c
        {
            rows.insert([a, b, c]);
        }
    }
    let p = uniformity(n as usize, rows.into_iter().take(wanted));
    assert!(p < 1e-9, "p = {p}");
}

#[test]
fn ties_do_not_favour_a_position() {
    // Two categories only: most triplets hold a tie.
    let features = Array2::from_shape_fn((60, 2), |(i, f)| f64::from(u8::from(i % 2 == f)));
    let similarities = Similarities::new(features.view(), Default::default()).unwrap();
    let judge = FeatureJudge::new(similarities, ChoiceRule::default(), Seed(3)).unwrap();
    // Only triplets within one category are tied, three ways.
    let made = ask(&judge, &random_design(60, 30_000, 2));
    let tied: Vec<_> = made
        .choices
        .iter()
        .filter(|c| {
            c.triplet
                .items()
                .iter()
                .all(|id| id.0 % 2 == c.triplet.items()[0].0 % 2)
        })
        .collect();
    assert_eq!(tied.len() as u64, made.counts.tied);
    let share = |p| tied.iter().filter(|c| c.odd == p).count() as f64;
    let expected = tied.len() as f64 / 3.0;
    let chi2: f64 = Position::ALL
        .iter()
        .map(|&p| (share(p) - expected).powi(2) / expected)
        .sum();
    assert!(
        tied.len() > 5_000 && chi2 < 13.82,
        "{} ties, chi2(2) = {chi2}",
        tied.len()
    );
}

#[test]
fn a_triplet_in_another_order_has_the_same_odd_item() {
    for metric in [
        Metric::Cosine,
        Metric::Correlation,
        Metric::Dot,
        Metric::Euclidean,
    ] {
        let judge = judge(40, 5, metric);
        let design = random_design(40, 2_000, 3);
        for t in 0..2_000 {
            let trial = design.trial(t).unwrap();
            let odd = |trial| {
                let judgment = judge.judge(&trial);
                trial.triplet.at(judgment.outcome.chosen().unwrap())
            };
            for code in 0..6 {
                let again = emotome_triplets::Trial {
                    triplet: trial.triplet.unordered().ordered(code),
                    ..trial
                };
                assert_eq!(odd(again), odd(trial), "{metric:?}");
            }
        }
    }
}

/// `cargo test --release -p emotome-judges --test tripletize -- --ignored --nocapture`
#[test]
#[ignore = "takes seconds and 0.5 GB; prints how long ten million choices take"]
fn ten_million_choices_in_three_seconds() {
    let started = std::time::Instant::now();
    let judge = judge(2_180, 48, Metric::Cosine);
    let built = started.elapsed();
    for balance in [Balance::None, Balance::Pairs] {
        let started = std::time::Instant::now();
        let design = DesignParams {
            trials: 10_000_000,
            balance,
            ..DesignParams::new(2_180, 1)
        }
        .check()
        .unwrap();
        let made = ask(&judge, &design);
        assert_eq!(made.choices.len(), 10_000_000);
        println!(
            "{balance:?}: table {built:.2?}, ten million choices {:.2?}",
            started.elapsed()
        );
    }
}
