//! Noise ceilings of agents whose answer probabilities are known.

use crate::support::{choice, random_triplet};
use emotome_embedding::evaluate::{
    EvaluationError,
    ceiling::{Ceiling, Ceilings, ceilings, share_of_ceiling},
    score::CHANCE,
};
use emotome_stats::{
    dirichlet::LogNormalPrior,
    interval::Interval,
    random::{CounterRng, Seed},
};
use emotome_stimuli::StimulusId;
use emotome_triplets::{Choice, ChoiceSet, Position, Triplet};
use rayon::prelude::*;

/// An answer with probabilities p for the lowest, middle and highest id, in one of six orders.
fn answer(items: [u32; 3], p: [f64; 3], order: u8, rng: &mut CounterRng) -> Choice {
    let triplet = Triplet::new(items.map(StimulusId)).unwrap().unordered();
    let u = rng.uniform();
    let rank = usize::from(u >= p[0]) + usize::from(u >= p[0] + p[1]);
    let shown = triplet.ordered(order);
    let odd = Position::ALL
        .into_iter()
        .find(|&place| shown.at(place) == triplet.items()[rank])
        .unwrap();
    Choice {
        triplet: shown,
        odd,
    }
}

/// Questions without common stimuli, asked `m` times in one order or in random ones.
fn repeated(p_of: impl Fn(u32) -> [f64; 3], questions: u32, m: usize, orders: bool) -> ChoiceSet {
    let mut choices = vec![];
    for question in 0..questions {
        let mut rng = CounterRng::new(Seed(3), u64::from(question));
        let items = [0, 1, 2].map(|k| 3 * question + k);
        for _ in 0..m {
            let order = if orders { rng.below(6) as u8 } else { 0 };
            choices.push(answer(items, p_of(question), order, &mut rng));
        }
    }
    ChoiceSet::new(3 * questions as usize, choices).unwrap()
}

fn estimate(choices: &ChoiceSet) -> Ceilings {
    ceilings(choices, true, None).unwrap()
}

#[test]
fn at_chance_the_quoted_ceiling_is_chance() {
    let found = estimate(&repeated(|_| [CHANCE; 3], 500, 5, true));
    let any = found.any_order;
    assert!((any.plug_in.value - 0.556).abs() < 0.02, "{any:?}");
    assert!((CHANCE..0.40).contains(&any.dirichlet.value), "{any:?}");
    assert_eq!(any.dirichlet.ci95.low, CHANCE);
    let across = found.cross_order_agreement.unwrap();
    assert!(across.ci95.contains(CHANCE) && (across.value - CHANCE).abs() < 0.03);
}

#[test]
fn the_quoted_ceiling_lies_in_the_bracket_and_near_the_truth() {
    // Half the questions are clear, half are toss-ups between two: E[max p] = .7.
    let p = |q: u32| {
        if q.is_multiple_of(2) {
            [0.9, 0.05, 0.05]
        } else {
            [0.5, 0.48, 0.02]
        }
    };
    let found = estimate(&repeated(p, 800, 10, false));
    let same = found.same_order.unwrap();
    assert!(
        same.bracket.contains(0.7) && same.bracket.contains(same.dirichlet.value),
        "{same:?}"
    );
    assert!((same.dirichlet.value - 0.7).abs() < 0.06, "{same:?}");
    assert!(same.dirichlet.ci95.contains(same.dirichlet.value));
    assert_eq!(
        (found.cross_order_agreement, same.questions, same.answers),
        (None, 800, 8000)
    );
    let ci = Interval {
        low: 0.3,
        high: 0.36,
    };
    let share = share_of_ceiling(CHANCE, ci, &same);
    assert!(share.share.value == 0.0 && share.published_ratio > 0.4);
}

#[test]
fn presentation_lowers_agreement_across_orders_alone() {
    // Each order has its own certain answer: the one shown first.
    let mut choices = vec![];
    for question in 0..50 {
        for order in 0..6 {
            let triplet = Triplet::new([0, 1, 2].map(|k| StimulusId(3 * question + k))).unwrap();
            let shown = triplet.unordered().ordered(order);
            let odd = Position::First;
            choices.extend(
                [Choice {
                    triplet: shown,
                    odd,
                }; 2],
            );
        }
    }
    let found = estimate(&ChoiceSet::new(150, choices).unwrap());
    assert_eq!(found.same_order.unwrap().pairwise_agreement.value, 1.0);
    // Of the five other orders one has the same stimulus first.
    assert!((found.cross_order_agreement.unwrap().value - 0.2).abs() < 1e-12);
}

/// A file that moved the odd one last makes every answer a function of the order.
#[test]
fn a_lost_order_gives_no_ceiling_of_its_own() {
    let known = repeated(|_| [0.5, 0.3, 0.2], 200, 8, true);
    let last = known
        .choices()
        .iter()
        .map(|c| choice(c.odd_last().map(|id| id.0), Position::Third))
        .collect();
    let lost = ChoiceSet::new(known.n_stimuli(), last).unwrap();
    assert_eq!(estimate(&lost).same_order.unwrap().plug_in.value, 1.0);
    let found = ceilings(&lost, false, None).unwrap();
    assert_eq!(
        (found.same_order, found.cross_order_agreement),
        (None, None)
    );
    assert_eq!(found.any_order, estimate(&known).any_order);
}

#[test]
fn a_few_unanimous_questions_are_not_certain() {
    let any = estimate(&repeated(|_| [1.0, 0.0, 0.0], 10, 4, true)).any_order;
    for found in [
        any.plug_in,
        any.split_half,
        any.pairwise_agreement,
        any.dirichlet,
    ] {
        assert!(found.value > 0.999, "{found:?}");
        assert!(found.ci95.low < 0.9 && found.ci95.high > 0.999, "{found:?}");
    }
}

/// Random questions whose clarity depends on their stimuli, asked `repeats` times.
fn study(
    n_items: u64,
    questions: usize,
    item_sd: f64,
    repeats: usize,
    rng: &mut CounterRng,
) -> Ceiling {
    let clear: Vec<f64> = (0..n_items).map(|_| item_sd * rng.normal()).collect();
    let mut choices = vec![];
    for _ in 0..questions {
        let items = random_triplet(n_items, rng);
        let p = probabilities(items.map(|i| clear[i as usize]), rng);
        choices.extend((0..repeats).map(|_| answer(items, p, 0, rng)));
    }
    estimate(&ChoiceSet::new(n_items as usize, choices).unwrap()).any_order
}

/// Coverage of agreement and ceiling over studies whose questions and stimuli are all new.
fn coverage(n_items: u64, item_sd: f64, repeats: usize, truth: [f64; 2]) -> [f64; 2] {
    let studies = 300;
    let covered: Vec<[bool; 2]> = (0..studies)
        .into_par_iter()
        .map(|number| {
            let mut rng = CounterRng::new(Seed(5), number);
            let found = study(n_items, 400, item_sd, repeats, &mut rng);
            [
                found.pairwise_agreement.ci95.contains(truth[0]),
                found.dirichlet.ci95.contains(truth[1]),
            ]
        })
        .collect();
    [0, 1].map(|k| covered.iter().filter(|c| c[k]).count() as f64 / studies as f64)
}

/// Dirichlet answers whose concentration depends on the stimuli shown.
fn probabilities(clear: [f64; 3], rng: &mut CounterRng) -> [f64; 3] {
    let alpha = (-clear.iter().sum::<f64>()).exp();
    let gamma = [0; 3].map(|_: u8| gamma(alpha, rng));
    gamma.map(|g| g / gamma.iter().sum::<f64>())
}

/// Marsaglia & Tsang (2000), doi:10.1145/358407.358414.
fn gamma(shape: f64, rng: &mut CounterRng) -> f64 {
    if shape < 1.0 {
        return gamma(shape + 1.0, rng) * rng.uniform().powf(1.0 / shape);
    }
    let d = shape - 1.0 / 3.0;
    loop {
        let x = rng.normal();
        let v = (1.0 + x / (9.0 * d).sqrt()).powi(3);
        if v > 0.0 && rng.uniform().ln() < 0.5 * x * x + d * (1.0 - v + v.ln()) {
            return d * v;
        }
    }
}

#[test]
fn intervals_cover_whether_or_not_questions_share_what_makes_them_clear() {
    // α = 1: E Σp² = ½, E max p = 11/18.
    let alike = [0.5, 11.0 / 18.0];
    let varied = study(3000, 200_000, 0.7, 5, &mut CounterRng::new(Seed(6), 0));
    let varied = [varied.pairwise_agreement.value, varied.dirichlet.value];
    for (n_items, item_sd, repeats, truth) in [
        (900, 0.0, 5, alike),
        (40, 0.0, 2, alike),
        (40, 0.7, 5, varied),
    ] {
        let found = coverage(n_items, item_sd, repeats, truth);
        eprintln!("{n_items} items, sd {item_sd}, {repeats} repeats: {found:?}");
        assert!(found.iter().all(|c| (0.91..=0.99).contains(c)), "{found:?}");
    }
}

#[test]
fn a_prior_draws_the_concentration_towards_its_median() {
    let choices = repeated(|_| [0.6, 0.2, 0.2], 30, 4, true);
    let free = estimate(&choices).any_order;
    let prior = |log_sd| {
        let prior = LogNormalPrior {
            median: 0.1,
            log_sd,
        };
        ceilings(&choices, true, Some(prior)).unwrap().any_order
    };
    let (weak, strong) = (prior(100.0), prior(0.01));
    assert!((weak.dirichlet.value - free.dirichlet.value).abs() < 1e-3);
    assert!((strong.concentration / 0.1).ln().abs() < 0.05);
    let width = |ci: Interval| ci.high - ci.low;
    assert!((width(weak.dirichlet.ci95) / width(free.dirichlet.ci95) - 1.0).abs() < 0.01);
    assert!(width(strong.dirichlet.ci95) < 0.2 * width(free.dirichlet.ci95));
    let bad = LogNormalPrior {
        median: 0.0,
        log_sd: 1.0,
    };
    assert!(ceilings(&choices, true, Some(bad)).is_err());
}

#[test]
fn without_repeats_there_is_no_ceiling() {
    let once = repeated(|_| [CHANCE; 3], 20, 1, false);
    let error = ceilings(&once, true, None).unwrap_err();
    assert!(matches!(error, EvaluationError::TooFew { found: 0, .. }));
}

/// Time must not grow with the square of the repeats, nor with a number of resamples.
#[test]
fn a_million_answers_to_one_question_take_no_time() {
    let mut rng = CounterRng::new(Seed(1), 0);
    let p = [0.62, 0.19, 0.19];
    let choices = (0..1_000_000)
        .map(|_| answer([0, 1, 2], p, 0, &mut rng))
        .collect();
    let found = estimate(&ChoiceSet::new(3, choices).unwrap()).any_order;
    assert!((found.plug_in.value - 0.62).abs() < 0.002, "{found:?}");
    assert!(
        found.plug_in.ci95.low.is_nan(),
        "one question says nothing of others"
    );
}
