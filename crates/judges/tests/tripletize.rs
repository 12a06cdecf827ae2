//! Choices made from features are an unbiased sample, the same on any machine, and fast.

use emotome_judges::ratings::{Panel, RaterNoiseJudge, RaterNoiseParams, RatingScale};
use emotome_judges::similarity::{Metric, SimilarityParams};
use emotome_judges::tripletize::{Tripletized, tripletize, tripletize_soft};
use emotome_judges::{Centring, ChoiceRule, FeatureJudge, Judge, Similarities};
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

fn quiet(interrupt: &Interrupt) -> Run<'_> {
    Run {
        progress: &Silent,
        interrupt,
    }
}

fn ask<J: Judge>(judge: &J, design: &Design) -> Tripletized {
    let interrupt = Interrupt::default();
    let trial_at = |t| design.trial(t);
    tripletize(judge, trial_at, 0..design.len(), quiet(&interrupt)).unwrap()
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

/// Pairs and orders, not items alone: every pair of 40 stimuli, and every one of the six orders.
#[test]
fn pairs_and_orders_are_shown_equally_often() {
    let judge = judge(40, 6, Metric::Cosine);
    let (mut pairs, mut orders, mut m) = (vec![0.0_f64; 40 * 40], [0.0_f64; 6], 0.0_f64);
    for seed in 0..20 {
        for choice in &ask(&judge, &random_design(40, 2_000, seed)).choices {
            let [a, b, c] = choice.triplet.unordered().items().map(|id| id.index());
            for (low, high) in [(a, b), (a, c), (b, c)] {
                pairs[high * 40 + low] += 1.0;
            }
            orders[usize::from(choice.triplet.order_code())] += 1.0;
            m += 1.0;
        }
    }
    // 780 pairs, each in 3 of 780 triplets; counts of a draw of 2,000 of 9,880 vary by (1 − m/M) less.
    let share = 3.0 / 780.0;
    let variance = m * share * (1.0 - share) * (1.0 - 2_000.0 / 9_880.0);
    let chi2: f64 = (0..40)
        .flat_map(|high| (0..high).map(move |low| high * 40 + low))
        .map(|k: usize| (pairs[k] - m * share).powi(2) / variance)
        .sum();
    // Σ over pairs is not quite χ²: pairs share stimuli. Its mean is 780, its sd about √(2 · 780) = 39.5.
    assert!(
        (chi2 - 780.0).abs() < 5.0 * 39.5,
        "chi2 = {chi2} of 780 pairs"
    );
    let chi2: f64 = orders
        .iter()
        .map(|c| (c - m / 6.0).powi(2) / (m / 6.0))
        .sum();
    assert!(chi_squared_sf(chi2, 5.0) > 0.001, "chi2(5) = {chi2}");
}

/// Each kept probability is that of its choice: drawn choices follow them, row by row.
#[test]
fn soft_choices_carry_the_probabilities_they_were_drawn_from() {
    let sure = judge(60, 6, Metric::Cosine);
    let rule = ChoiceRule::Softmax { temperature: 0.3 };
    let judge = FeatureJudge::new(sure.similarities().clone(), rule, Seed(1)).unwrap();
    let design = random_design(60, 30_000, 5);
    let interrupt = Interrupt::default();
    let run = quiet(&interrupt);
    let trial_at = |t| design.trial(t);
    let made = tripletize_soft(&judge, trial_at, 0..design.len(), run).unwrap();
    let probabilities = made.probabilities.unwrap();
    assert_eq!(probabilities.len(), made.choices.len());
    // The surprise of the choices less the entropy of their distributions has mean 0.
    let excess: Vec<f64> = made
        .choices
        .iter()
        .zip(&probabilities)
        .map(|(choice, p)| {
            let expected: f64 = p.iter().map(|&q| -f64::from(q) * f64::from(q).ln()).sum();
            -f64::from(p[choice.odd.index()]).ln() - expected
        })
        .collect();
    let mean = emotome_stats::summary::mean(&excess);
    let se = emotome_stats::summary::standard_deviation(&excess) / (excess.len() as f64).sqrt();
    assert!(mean.abs() < 4.0 * se, "{mean} ± {se}");
    let plain = ask(&judge, &design);
    assert_eq!(plain.choices, made.choices);
    assert_eq!(plain.probabilities, None);

    let ratings = Array2::from_shape_fn((60, 5), |(i, f)| ((i + 2 * f) % 7) as f64 / 12.0);
    let params = RaterNoiseParams {
        ratings: RatingScale::Proportions { raters: 12 },
        panel: Panel::PerTrial,
        metric: Metric::Cosine,
        centring: Centring::None,
        choice: ChoiceRule::default(),
    };
    let raters = RaterNoiseJudge::new(ratings.view(), params, Seed(1)).unwrap();
    let made = tripletize_soft(&raters, trial_at, 0..design.len(), run).unwrap();
    assert_eq!((made.choices.len(), made.probabilities), (30_000, None));
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
