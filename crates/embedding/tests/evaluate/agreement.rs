//! Agreement of two agents and its interval.

use crate::support::{choice, random_triplet};
use emotome_embedding::evaluate::{agreement::agreement, two_way::Resampling};
use emotome_stats::random::{CounterRng, Seed};
use emotome_triplets::{Choice, ChoiceSet, Position};
use rayon::prelude::*;

fn set(choices: &[Choice]) -> ChoiceSet {
    ChoiceSet::new(9, choices.to_vec()).unwrap()
}

#[test]
fn agreement_counts_repeats_as_shares_and_allows_for_habits() {
    // Triplet 0 1 2: a says 2 twice and 0 once, b says 2; triplet 3 4 5: a says 3, b says 5.
    let a = set(&[
        choice([0, 1, 2], Position::Third),
        choice([2, 1, 0], Position::First),
        choice([1, 0, 2], Position::Second),
        choice([3, 4, 5], Position::First),
        choice([6, 7, 8], Position::First),
    ]);
    let b = set(&[
        choice([1, 2, 0], Position::Second),
        choice([5, 4, 3], Position::First),
    ]);
    let found = agreement(&a, &b, Resampling::TwoWay).unwrap();
    assert_eq!(found.triplets, 2);
    assert!((found.raw - 1.0 / 3.0).abs() < 1e-12);
    assert!(found.chance_corrected.abs() < 1e-12);
    // b always takes the highest id, a a third of the time: that much agreement is expected.
    assert!(found.kappa.abs() < 1e-12, "{found:?}");
    let swapped = agreement(&b, &a, Resampling::TwoWay).unwrap();
    assert_eq!((swapped.raw, swapped.raw_ci95), (found.raw, found.raw_ci95));
    let none = set(&[choice([0, 1, 3], Position::First)]);
    assert!(agreement(&a, &none, Resampling::TwoWay).is_err());
}

/// Two agents that see some stimuli alike and others not agree by stimulus, not by triplet.
#[test]
fn the_interval_allows_for_stimuli_on_which_agents_agree() {
    let n = 60;
    let covers = |resampling: Resampling| {
        (0..200_u64)
            .into_par_iter()
            .filter(|&study| {
                let mut rng = CounterRng::new(Seed(4), study);
                let alike: Vec<f64> = (0..n).map(|_| 0.06 * rng.normal()).collect();
                let (mut a, mut b) = (vec![], vec![]);
                for _ in 0..3000 {
                    let items = random_triplet(n, &mut rng);
                    let p = 0.5 + items.iter().map(|&i| alike[i as usize]).sum::<f64>();
                    let odd = rng.below(3) as usize;
                    let other = if rng.uniform() < p {
                        0
                    } else {
                        1 + rng.below(2) as usize
                    };
                    a.push(choice(items, Position::ALL[odd]));
                    b.push(choice(items, Position::ALL[(odd + other) % 3]));
                }
                let [a, b] = [a, b].map(|choices| ChoiceSet::new(n as usize, choices).unwrap());
                let found = agreement(&a, &b, resampling).unwrap();
                found.raw_ci95.contains(0.5)
            })
            .count() as f64
            / 200.0
    };
    let two_way = covers(Resampling::TwoWay);
    let trials = covers(Resampling::Trials {
        replicates: 200,
        seed: 0,
    });
    assert!((0.9..=0.985).contains(&two_way), "two-way covers {two_way}");
    assert!(trials < 0.8, "resampling trials covers {trials}");
}
