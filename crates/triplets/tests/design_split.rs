//! Recorded choices are split by unordered triplet, exactly, and leaking splits are refused.

use emotome_stats::random::{CounterRng, Seed};
use emotome_stimuli::StimulusId;
use emotome_triplets::split::{Rows, Shares, SplitError, check_disjoint, split};
use emotome_triplets::{Choice, ChoiceSet, Position, Triplet};
use proptest::prelude::*;
use std::collections::HashMap;

fn choice(ids: [u32; 3]) -> Choice {
    Choice {
        triplet: Triplet::new(ids.map(StimulusId)).unwrap(),
        odd: Position::Third,
    }
}

/// Random choices among `n` stimuli; with few stimuli, triplets repeat.
fn random(n: u64, trials: usize, seed: u64) -> ChoiceSet {
    let mut rng = CounterRng::new(Seed(seed), 0);
    let mut choices = Vec::new();
    while choices.len() < trials {
        let ids = [(); 3].map(|()| StimulusId(rng.below(n) as u32));
        if let Ok(triplet) = Triplet::new(ids) {
            choices.push(Choice {
                triplet,
                odd: Position::First,
            });
        }
    }
    ChoiceSet::new(n as usize, choices).unwrap()
}

fn parts(rows: &Rows) -> [&Vec<usize>; 4] {
    [&rows.train, &rows.validation, &rows.test, &rows.full_set]
}

proptest! {
    #[test]
    fn splits_hold_every_row_once_and_no_triplet_twice(
        n in 4_u64..40, trials in 0_usize..400, validation in 0.0..0.4, test in 0.0..0.5, seed: u64,
    ) {
        let set = random(n, trials, seed);
        let full_set: Vec<_> = (0..3).map(StimulusId).collect();
        let rows = split(&set, Shares { validation, test }, &full_set, Seed(seed)).unwrap();
        let mut all: Vec<usize> = parts(&rows).into_iter().flatten().copied().collect();
        prop_assert!(parts(&rows).iter().all(|rows| rows.is_sorted()));
        all.sort_unstable();
        prop_assert!(all.into_iter().eq(0..trials));
        let mut home = HashMap::new();
        for (part, rows) in parts(&rows).into_iter().enumerate() {
            for &row in rows {
                let key = set.choices()[row].triplet.unordered();
                prop_assert_eq!(*home.entry(key).or_insert(part), part);
                prop_assert_eq!(key.items().iter().all(|id| id.0 < 3), part == 3);
            }
        }
    }
}

#[test]
fn shares_are_exact_and_repeated_triplets_are_held_out_as_often_as_others() {
    let mut choices = random(2_000, 20_000, 1).into_choices();
    let repeated: Vec<Choice> = choices[..500].to_vec();
    for _ in 0..19 {
        choices.extend(&repeated);
    }
    let set = ChoiceSet::new(2_000, choices).unwrap();
    let shares = Shares {
        validation: 0.1,
        test: 0.2,
    };
    let rows = split(&set, shares, &[], Seed(3)).unwrap();
    let n = set.len() as f64;
    for (rows, share) in [
        (&rows.validation, 0.1),
        (&rows.test, 0.2),
        (&rows.train, 0.7),
    ] {
        assert!(
            (rows.len() as f64 - share * n).abs() <= 1.0,
            "{} of {n}",
            rows.len()
        );
        let repeats = rows.iter().filter(|&&row| row < 500).count() as f64;
        assert!(
            (repeats - share * 500.0).abs() <= 2.0,
            "{repeats} repeated triplets"
        );
    }
    let other = split(&set, shares, &[], Seed(4)).unwrap();
    assert_ne!(
        rows.test, other.test,
        "the seed draws the held-out triplets"
    );
}

#[test]
fn duplicated_triplets_across_splits_are_refused_with_counts_and_rows() {
    let set = |rows: &[[u32; 3]]| ChoiceSet::new(9, rows.iter().copied().map(choice).collect());
    let train = set(&[[0, 1, 2], [3, 4, 5], [2, 1, 0], [6, 7, 8]]).unwrap();
    let validation = set(&[[0, 3, 5]]).unwrap();
    let test = set(&[[1, 2, 3], [1, 0, 2], [8, 6, 7], [7, 6, 8]]).unwrap();
    check_disjoint(&[("train", &train), ("validation", &validation)]).unwrap();
    let error = check_disjoint(&[
        ("train", &train),
        ("validation", &validation),
        ("test", &test),
    ])
    .unwrap_err();
    let SplitError::Leak { leak } = &error else {
        panic!("{error}")
    };
    assert_eq!((leak.triplets, leak.trials), (2, [3, 3]));
    let text = error.to_string();
    assert!(text.contains("[0, 1, 2] in rows 1 and 2"), "{text}");
    assert!(
        text.contains("2 triplets stand both in train (3 trials) and in test (3 trials)"),
        "{text}"
    );
}

#[test]
fn impossible_shares_and_stimuli_are_refused() {
    let set = random(10, 20, 0);
    for (validation, test) in [(0.5, 0.5), (-0.1, 0.0), (f64::NAN, 0.0), (0.0, 1.0)] {
        let error = split(&set, Shares { validation, test }, &[], Seed(0)).unwrap_err();
        assert!(matches!(error, SplitError::Shares { .. }));
    }
    let error = split(&set, Shares::default(), &[StimulusId(10)], Seed(0)).unwrap_err();
    assert!(error.to_string().contains("stimulus 10"), "{error}");
    let huge = ChoiceSet::new(4_000_000_000, vec![choice([0, 1, 3_999_999_999])]).unwrap();
    assert!(matches!(
        split(&huge, Shares::default(), &[], Seed(0)).unwrap_err(),
        SplitError::Stimuli { .. }
    ));
    assert!(check_disjoint(&[("all", &huge)]).is_err());
}
