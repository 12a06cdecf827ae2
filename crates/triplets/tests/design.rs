//! Designs show what they promise: every triplet once, leak-free splits, even coverage.

use emotome_stats::random::{CounterRng, Seed};
use emotome_stimuli::StimulusId;
use emotome_triplets::design::coverage::Coverage;
use emotome_triplets::design::rank::{rank, triplet_count};
use emotome_triplets::design::{
    Arm, Balance, CeilingParams, Design, DesignError, DesignParams, FullSetParams,
};
use emotome_triplets::{Split, Trial, Triplet, UnorderedTriplet};
use proptest::prelude::*;
use std::collections::{HashMap, HashSet};

const BALANCES: [Balance; 3] = [Balance::None, Balance::Items, Balance::Pairs];

fn design(n: usize, balance: Balance, trials: u64) -> Design {
    DesignParams {
        trials,
        balance,
        ..DesignParams::new(n, 11)
    }
    .check()
    .unwrap()
}

fn coverage(n: usize, design: &Design) -> Coverage {
    Coverage::of(n, design.trials().map(|t| (t.triplet, Some(t.split))))
}

fn full(n: usize, balance: Balance, trials: u64) -> DesignParams {
    DesignParams {
        trials,
        balance,
        validation: 0.1,
        test: 0.2,
        ceiling: Some(CeilingParams {
            triplets: 5,
            same_order: 4,
            all_orders: 12,
        }),
        full_set: Some(FullSetParams {
            stimuli: vec![7, 0, 3, 2],
            passes: 6,
        }),
        ..DesignParams::new(n, 3)
    }
}

#[test]
fn the_main_arm_shows_every_triplet_once_a_pass_for_every_balance() {
    for n in 3..30 {
        let total = triplet_count(n as u64);
        for balance in BALANCES {
            let design = design(n, balance, 2 * total);
            for pass in 0..2 {
                let seen: HashSet<UnorderedTriplet> = (pass * total..(pass + 1) * total)
                    .map(|t| design.trial(t).unwrap().triplet.unordered())
                    .collect();
                assert_eq!(
                    seen.len() as u64,
                    total,
                    "n = {n}, {balance:?}, pass {pass}"
                );
            }
            assert_eq!(design.trial(2 * total), None);
        }
    }
}

#[test]
fn no_triplet_order_and_replicate_comes_twice_and_replicates_count_from_zero() {
    for balance in BALANCES {
        let design = full(9, balance, 84 * 14).check().unwrap();
        let mut replicates = HashMap::<Triplet, HashSet<u16>>::new();
        for trial in design.trials() {
            assert!(
                replicates
                    .entry(trial.triplet)
                    .or_default()
                    .insert(trial.replicate),
                "{trial:?}"
            );
        }
        for (triplet, seen) in replicates {
            assert!(
                (0..seen.len() as u16).all(|r| seen.contains(&r)),
                "{triplet:?}: {seen:?}"
            );
        }
    }
}

#[test]
fn no_triplet_is_in_two_splits_and_the_full_set_is_held_out() {
    let design = full(40, Balance::Pairs, 3 * 9_880).check().unwrap();
    let mut splits = HashMap::<UnorderedTriplet, Split>::new();
    for trial in design.trials() {
        let key = trial.triplet.unordered();
        assert_eq!(*splits.entry(key).or_insert(trial.split), trial.split);
        assert_eq!(design.split(key), trial.split);
        let inside = key.items().iter().all(|id| [0, 2, 3, 7].contains(&id.0));
        assert_eq!(trial.split == Split::FullSet, inside);
    }
    let count = |split| splits.values().filter(|&&s| s == split).count();
    assert_eq!([count(Split::Ceiling), count(Split::FullSet)], [5, 4]);
    let free = (9_880 - 9) as f64;
    for (split, share) in [
        (Split::Validation, 0.1),
        (Split::Test, 0.2),
        (Split::Train, 0.7),
    ] {
        let sd = (free * share * (1.0 - share)).sqrt();
        assert!(
            (count(split) as f64 - free * share).abs() < 4.0 * sd,
            "{split}: {}",
            count(split)
        );
    }
}

#[test]
fn ceiling_repeats_and_full_set_passes_go_through_the_orders_as_promised() {
    let design = full(40, Balance::Pairs, 0).check().unwrap();
    let orders = |arm: Arm| {
        let (_, range) = design.arms().into_iter().find(|(a, _)| *a == arm).unwrap();
        let mut orders = HashMap::<UnorderedTriplet, Vec<u8>>::new();
        for trial in range.map(|t| design.trial(t).unwrap()) {
            orders
                .entry(trial.triplet.unordered())
                .or_default()
                .push(trial.triplet.order_code());
        }
        orders
    };
    let same = orders(Arm::CeilingSameOrder);
    assert_eq!(same.len(), 5);
    for codes in same.values() {
        assert_eq!(codes.len(), 4);
        assert!(codes.iter().all(|c| c == &codes[0]));
    }
    let all = orders(Arm::CeilingAllOrders);
    assert_eq!(
        same.keys().collect::<HashSet<_>>(),
        all.keys().collect::<HashSet<_>>(),
        "both arms show the same triplets"
    );
    let each_six = |orders: HashMap<UnorderedTriplet, Vec<u8>>, times: usize| {
        for codes in orders.values() {
            assert!((0..6).all(|c| codes.iter().filter(|&&code| code == c).count() == times));
        }
    };
    each_six(all, 2);
    let full_set = orders(Arm::FullSet);
    assert_eq!(full_set.len(), 4);
    each_six(full_set, 1);
}

#[test]
fn sixty_six_stimuli_make_45760_triplets() {
    let full_set = FullSetParams {
        stimuli: (0..66).map(|i| i * 33).collect(),
        passes: 1,
    };
    let params = DesignParams {
        full_set: Some(full_set),
        ..DesignParams::new(2_180, 1)
    };
    let design = params.check().unwrap();
    let ranks: HashSet<u64> = design
        .trials()
        .map(|t| rank(t.triplet.unordered()))
        .collect();
    assert_eq!((design.len(), ranks.len()), (45_760, 45_760));
    assert!(design.trials().all(|t| t.split == Split::FullSet));
}

#[test]
fn orders_are_uniform_over_the_six() {
    for balance in BALANCES {
        let counted = coverage(2_180, &design(2_180, balance, 120_000));
        assert!(counted.order_uniformity.p > 1e-3, "{balance:?}: {counted}");
    }
}

/// 7.1 M trials of 2,180 stimuli: every stimulus within 1 %, every pair 8 or 9 times.
#[test]
fn a_balanced_design_is_even_at_the_scale_of_a_real_study() {
    for (balance, trials, deviation, pairs) in [
        (Balance::Pairs, 7_100_000, 0.01, 7),
        (Balance::Items, 1_000_000, 0.002, 0),
    ] {
        let counted = coverage(2_180, &design(2_180, balance, trials));
        println!("{balance:?}\n{counted}");
        assert!(counted.items.deviation() < deviation, "{counted}");
        assert!(counted.pairs.unwrap().min >= pairs, "{counted}");
        assert_eq!(counted.splits.iter().sum::<u64>(), trials);
    }
}

#[test]
fn a_simple_random_design_is_as_even_as_chance_and_no_more() {
    let mut low = 0;
    for seed in 0..40 {
        let params = DesignParams {
            trials: 20_000,
            balance: Balance::None,
            ..DesignParams::new(300, seed)
        };
        let counted = coverage(300, &params.check().unwrap());
        low += u32::from(counted.item_uniformity.p < 0.25);
    }
    // Binomial(40, 1/4) lies outside 2..=20 with a probability of 0.0005.
    assert!((2..=20).contains(&low), "{low} of 40 tests had p < 0.25");
}

/// The sampler of SPoSE's tripletize.py: 10 % too many ordered triplets are drawn, sorted to drop
/// repeats, and cut at the wanted number, which drops triplets of late stimuli only.
fn sort_and_truncate(n: usize, trials: usize) -> Vec<Triplet> {
    let mut rng = CounterRng::new(Seed(5), 0);
    let mut drawn: Vec<[u32; 3]> = Vec::new();
    while drawn.len() < trials * 11 / 10 {
        let ids = [(); 3].map(|()| rng.below(n as u64) as u32);
        if Triplet::new(ids.map(StimulusId)).is_ok() {
            drawn.push(ids);
        }
    }
    drawn.sort_unstable();
    drawn.dedup();
    drawn.truncate(trials);
    drawn
        .into_iter()
        .map(|ids| Triplet::new(ids.map(StimulusId)).unwrap())
        .collect()
}

#[test]
fn the_uniformity_test_catches_the_sort_and_truncate_sampler_and_passes_ours() {
    let (n, trials) = (2_180, 200_000);
    let faulty = Coverage::of(
        n,
        sort_and_truncate(n, trials).into_iter().map(|t| (t, None)),
    );
    assert!(faulty.item_uniformity.p < 1e-12, "{faulty}");
    for balance in BALANCES {
        let ours = coverage(n, &design(n, balance, trials as u64));
        assert!(ours.item_uniformity.p > 1e-3, "{balance:?}: {ours}");
    }
}

#[test]
fn a_longer_run_keeps_every_earlier_trial_and_another_seed_does_not() {
    let short = full(60, Balance::Pairs, 100).check().unwrap();
    let long = full(60, Balance::Pairs, 10_000).check().unwrap();
    assert!(short.trials().eq(long.trials().take(short.len() as usize)));
    assert_eq!(short.fingerprint(), long.fingerprint());
    let other = DesignParams {
        seed: 4,
        ..full(60, Balance::Pairs, 100)
    }
    .check()
    .unwrap();
    assert_ne!(short.fingerprint(), other.fingerprint());
    let same = short
        .trials()
        .zip(other.trials())
        .filter(|(a, b)| a.triplet == b.triplet)
        .count();
    assert!(same < 5, "{same} trials are the same under another seed");
}

/// Journals store trial numbers: what a number shows may never change.
#[test]
fn trial_numbers_mean_what_they_meant_in_the_first_release() {
    let shown: Vec<_> = BALANCES
        .iter()
        .flat_map(|&balance| {
            let design = full(50, balance, 1_000).check().unwrap();
            [0, 30, 90, 103, 104, 500, 1_103].map(|t| {
                let Trial {
                    triplet,
                    replicate,
                    split,
                    ..
                } = design.trial(t).unwrap();
                (triplet.items().map(|id| id.0), replicate, split as u8)
            })
        })
        .collect();
    assert_eq!(shown, GOLDEN);
}

const GOLDEN: [([u32; 3], u16, u8); 21] = [
    ([42, 25, 40], 0, 3),
    ([25, 40, 42], 0, 3),
    ([7, 0, 2], 0, 4),
    ([7, 3, 2], 0, 4),
    ([3, 5, 34], 0, 0),
    ([10, 39, 8], 0, 0),
    ([25, 31, 46], 0, 2),
    ([42, 25, 40], 0, 3),
    ([25, 40, 42], 0, 3),
    ([7, 0, 2], 0, 4),
    ([7, 3, 2], 0, 4),
    ([38, 24, 44], 0, 2),
    ([24, 13, 4], 0, 0),
    ([2, 17, 39], 0, 0),
    ([42, 25, 40], 0, 3),
    ([25, 40, 42], 0, 3),
    ([7, 0, 2], 0, 4),
    ([7, 3, 2], 0, 4),
    ([21, 48, 23], 0, 2),
    ([5, 8, 44], 0, 0),
    ([29, 6, 33], 0, 0),
];

#[test]
fn impossible_designs_are_refused_with_what_was_expected() {
    let base = DesignParams::new(10, 0);
    let full_set = |stimuli: &[u32], passes| {
        Some(FullSetParams {
            stimuli: stimuli.to_vec(),
            passes,
        })
    };
    let ceiling = |triplets, same_order| {
        Some(CeilingParams {
            triplets,
            same_order,
            all_orders: 0,
        })
    };
    let cases = [
        (DesignParams::new(2, 0), "2 stimuli"),
        (DesignParams::new(usize::MAX, 0), "3 to 3000000"),
        (
            DesignParams {
                test: 0.96,
                ..base.clone()
            },
            "below 1",
        ),
        (
            DesignParams {
                validation: f64::NAN,
                ..base.clone()
            },
            "NaN",
        ),
        (
            DesignParams {
                full_set: full_set(&[1, 2, 10], 1),
                ..base.clone()
            },
            "stimulus 10",
        ),
        (
            DesignParams {
                full_set: full_set(&[1, 2, 1], 1),
                ..base.clone()
            },
            "1 twice",
        ),
        (
            DesignParams {
                full_set: full_set(&[1, 2, 3], 0),
                ..base.clone()
            },
            "shown 0 times",
        ),
        (
            DesignParams {
                full_set: full_set(&[1, 2, 3], 60_000),
                ..base.clone()
            },
            "60000 times",
        ),
        (
            DesignParams {
                ceiling: ceiling(5, 1),
                ..base.clone()
            },
            "repeats nothing",
        ),
        (
            DesignParams {
                ceiling: ceiling(121, 2),
                ..base.clone()
            },
            "only 120",
        ),
        (
            DesignParams {
                trials: u64::MAX,
                ..base.clone()
            },
            "at most",
        ),
        (
            DesignParams {
                trials: u64::MAX,
                ..DesignParams::new(3_000_000, 0)
            },
            "2^60",
        ),
    ];
    for (params, expected) in cases {
        let error: DesignError = params.check().unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn a_design_of_three_million_stimuli_costs_no_more_per_trial() {
    let design = DesignParams {
        trials: 1_000,
        ..DesignParams::new(3_000_000, 9)
    }
    .check()
    .unwrap();
    let seen: HashSet<_> = design.trials().map(|t| t.triplet.unordered()).collect();
    assert_eq!(seen.len(), 1_000);
}

#[test]
fn params_survive_json_and_unknown_fields_are_refused() {
    let params = full(50, Balance::Items, 9);
    let json = serde_json::to_string(&params).unwrap();
    assert_eq!(serde_json::from_str::<DesignParams>(&json).unwrap(), params);
    assert!(
        serde_json::from_str::<DesignParams>(r#"{"n_stimuli":5,"seed":1,"trails":7}"#).is_err()
    );
}

proptest! {
    #[test]
    fn shards_share_out_all_trials(trials in 0_u64..300, count in 1_u64..9) {
        let design = design(12, Balance::Pairs, trials);
        let mut numbers: Vec<u64> = (0..count).flat_map(|i| design.shard(i, count)).collect();
        numbers.sort_unstable();
        prop_assert!(numbers.into_iter().eq(0..trials));
    }
}
