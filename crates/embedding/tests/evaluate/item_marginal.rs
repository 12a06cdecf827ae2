//! The baseline that knows how odd each stimulus is, and nothing of similarity.

use crate::support::{choice, on_threads, random_choices, random_triplet};
use emotome_embedding::{
    Embedding,
    evaluate::{item_marginal::ItemMarginal, score::Scoring},
};
use emotome_stats::{
    random::{CounterRng, Seed},
    summary,
};
use emotome_triplets::{ChoiceSet, Position};

/// Choices of an agent that calls stimuli odd by their strength alone.
fn by_strength(strength: &[f64], trials: usize, seed: u64) -> ChoiceSet {
    let (n, mut rng) = (strength.len(), CounterRng::new(Seed(seed), 0));
    let choices = (0..trials)
        .map(|_| {
            let items = random_triplet(n as u64, &mut rng);
            let [a, b, c] = items.map(|i| strength[i as usize]);
            let u = rng.uniform() * (a + b + c);
            let rank = usize::from(u >= a) + usize::from(u >= a + b);
            choice(items, Position::ALL[rank])
        })
        .collect();
    ChoiceSet::new(n, choices).unwrap()
}

#[test]
fn planted_strengths_are_found_and_nothing_predicts_better() {
    let mut rng = CounterRng::new(Seed(1), 1);
    let planted: Vec<f64> = (0..40).map(|_| (1.5 * rng.normal()).exp()).collect();
    let (training, held_out) = (
        by_strength(&planted, 40_000, 2),
        by_strength(&planted, 20_000, 3),
    );
    let found = ItemMarginal::fit(&training).unwrap();
    // Strengths are ratios: only their spread is known.
    let centred = |v: &[f64]| {
        let log: Vec<f64> = v.iter().map(|v| v.ln()).collect();
        log.iter()
            .map(|l| l - summary::mean(&log))
            .collect::<Vec<_>>()
    };
    for (found, planted) in centred(&found.strength).iter().zip(centred(&planted)) {
        assert!((found - planted).abs() < 0.25, "{found} is not {planted}");
    }
    let nll = |v: &[f64]| {
        let scores = ItemMarginal {
            strength: v.to_vec(),
            unseen: 0,
        }
        .score(&held_out, &Scoring::default());
        -summary::mean(&scores.unwrap().log_likelihood)
    };
    let (fitted, truth) = (nll(&found.strength), nll(&planted));
    assert!((fitted - truth).abs() < 0.003, "{fitted}, truth {truth}");
    // Odd rates are averages over what stood beside: as strengths they are too much alike.
    let mut counts = vec![[0.0; 2]; 40];
    for choice in training.choices() {
        let ids = choice.odd_last().map(|id| id.index());
        ids.iter().for_each(|&id| counts[id][1] += 1.0);
        counts[ids[2]][0] += 1.0;
    }
    let rates: Vec<f64> = counts.iter().map(|[odd, shown]| odd / shown).collect();
    assert!(nll(&rates) > fitted + 0.03, "{} {fitted}", nll(&rates));
}

#[test]
fn strengths_stay_finite_and_unseen_stimuli_are_average() {
    let trials = vec![
        choice([0, 1, 2], Position::First),
        choice([2, 0, 1], Position::Second),
    ];
    let training = ChoiceSet::new(4, trials).unwrap();
    let found = ItemMarginal::fit(&training).unwrap();
    let [a, b, c, d] = found.strength[..] else {
        panic!("{found:?}")
    };
    assert!(a.is_finite() && a > 1.0 && b < 1.0 && b > 0.0, "{found:?}");
    assert!((b - c).abs() < 1e-6 && (d - 1.0).abs() < 1e-5);
    assert_eq!(found.unseen, 1);
    let scores = found.score(&training, &Scoring::default()).unwrap();
    assert_eq!(scores.credit, [1.0, 1.0]);
    assert!((scores.log_likelihood[0] - (a / (a + b + c)).ln()).abs() < 1e-12);
    let fewer = ChoiceSet::new(3, training.choices().to_vec()).unwrap();
    assert!(found.score(&fewer, &Scoring::default()).is_err());
    assert!(ItemMarginal::fit(&ChoiceSet::empty(4)).is_err());
}

#[test]
fn strengths_depend_neither_on_threads_nor_on_presented_order() {
    let mut rng = CounterRng::new(Seed(4), 0);
    let scale = ndarray::Array2::from_shape_simple_fn((30, 1), || 2.0 * rng.uniform() as f32);
    let choices = random_choices(&Embedding::new(scale).unwrap(), 5000, 4);
    let last = choices
        .choices()
        .iter()
        .map(|c| choice(c.odd_last().map(|id| id.0), Position::Third))
        .collect();
    let last = ChoiceSet::new(30, last).unwrap();
    let fit = |choices: &ChoiceSet| ItemMarginal::fit(choices).unwrap();
    let found = on_threads(1, || fit(&choices));
    assert_eq!(found, on_threads(3, || fit(&choices)));
    assert_eq!(found, fit(&last));
}
