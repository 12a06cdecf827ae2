//! Every way to go wrong that can be simulated is caught by a diagnostic of its name, and an agent
//! that does nothing wrong raises no alarm more often than the level of the tests allows.

use emotome_judges::diagnose::{
    DiagnoseError, DiagnoseParams, Finding, Judged, Severity, diagnose, judged_from_choices,
};
use emotome_judges::simulated::{
    Declining, PlantParams, ResponseParams, SimulatedJudge, StaleAnswers,
};
use emotome_judges::{ChoiceRule, FeatureJudge, Judge, Similarities};
use emotome_stats::random::Seed;
use emotome_stimuli::StimulusId;
use emotome_triplets::design::{Balance, CeilingParams, Design, DesignParams};
use emotome_triplets::{Choice, ChoiceSet, Outcome, Position, Trial, Triplet};
use ndarray::Array2;
use std::collections::BTreeMap;

const N: usize = 60;

fn design(trials: u64, seed: u64) -> Design {
    balanced_design(trials, Balance::None, seed)
}

fn balanced_design(trials: u64, balance: Balance, seed: u64) -> Design {
    let ceiling = CeilingParams {
        triplets: 250,
        same_order: 4,
        all_orders: 6,
    };
    let params = DesignParams {
        trials,
        balance,
        ceiling: Some(ceiling),
        ..DesignParams::new(N, seed)
    };
    params.check().unwrap()
}

fn planted(params: ResponseParams, seed: u64) -> SimulatedJudge {
    let weights = PlantParams::new(N, 8).plant(Seed(seed)).unwrap();
    SimulatedJudge::new(weights.view(), params, Seed(seed)).unwrap()
}

fn clean(seed: u64) -> SimulatedJudge {
    planted(ResponseParams::default(), seed)
}

fn ask<J: Judge + ?Sized>(judge: &J, design: &Design) -> Vec<Judged> {
    design
        .trials()
        .map(|trial| (trial, judge.judge(&trial).outcome))
        .collect()
}

fn examine(judged: &[Judged]) -> BTreeMap<&'static str, Finding> {
    let findings = diagnose(judged, N, &DiagnoseParams::default()).unwrap();
    findings.into_iter().map(|f| (f.name, f)).collect()
}

/// The names of the findings that a reader must act on.
fn alarms(findings: &BTreeMap<&'static str, Finding>) -> Vec<&'static str> {
    findings
        .values()
        .filter(|f| f.severity >= Severity::Warning)
        .map(|f| f.name)
        .collect()
}

#[test]
fn a_position_biased_agent_is_caught() {
    let bias = ResponseParams {
        position_bias: [0.8, 0.0, 0.0],
        ..Default::default()
    };
    let found = examine(&ask(&planted(bias, 1), &design(8_000, 1)));
    assert_eq!(
        alarms(&found),
        ["order-dependence", "position-shares"],
        "{found:#?}"
    );
    assert!(found["position-shares"].explanation.contains("first"));
}

#[test]
fn an_agent_that_keeps_to_one_place_is_caught() {
    let bias = ResponseParams {
        position_bias: [0.0, 0.0, 600.0],
        ..Default::default()
    };
    let found = examine(&ask(&planted(bias, 1), &design(8_000, 1)));
    for name in ["position-shares", "order-dependence"] {
        assert_eq!(
            found[name].severity,
            Severity::Serious,
            "{:#?}",
            found[name]
        );
    }
    // Whether orders flip answers: they must, and repeats in one order never do.
    assert!(
        found["order-flips"].severity >= Severity::Warning,
        "{:#?}",
        found["order-flips"]
    );
}

#[test]
fn a_stale_answer_agent_is_caught() {
    let design = design(8_000, 2);
    let trial_at = |t| design.trial(t).unwrap();
    let stale = StaleAnswers::new(clean(2), trial_at, 0.1, Seed(3)).unwrap();
    let found = examine(&ask(&stale, &design));
    assert_eq!(alarms(&found), ["serial-dependence"], "{found:#?}");
    // The share of stale answers is recovered: an excess of .1 · (1 − 1/3) in the agreement.
    let serial = &found["serial-dependence"];
    let excess = serial.statistic.unwrap() - serial.expected.unwrap();
    assert!((excess - 0.0667).abs() < 0.025, "excess {excess}");
}

#[test]
fn stale_answers_of_collectors_side_by_side_are_caught_shard_by_shard() {
    let design = design(8_000, 2);
    let inner = clean(2);
    // Each of 4 collectors keeps the answer of its own previous trial, t − 4.
    let judged: Vec<Judged> = design
        .trials()
        .map(|trial| {
            let fails = |t: u64| emotome_stats::random::mix(t).is_multiple_of(5);
            let mut t = trial.number;
            while fails(t) && t >= 4 {
                t -= 4;
            }
            (trial, inner.judge(&design.trial(t).unwrap()).outcome)
        })
        .collect();
    let severity = |shards| {
        let params = DiagnoseParams {
            shards,
            ..Default::default()
        };
        let findings = diagnose(&judged, N, &params).unwrap();
        findings
            .iter()
            .find(|f| f.name == "serial-dependence")
            .unwrap()
            .severity
    };
    assert!(severity(4) >= Severity::Warning);
    assert!(severity(1) <= Severity::Note);
}

#[test]
fn a_one_dimensional_agent_is_caught() {
    let judge = SimulatedJudge::one_dimensional(N, Seed(4)).unwrap();
    let found = examine(&ask(&judge, &design(8_000, 4)));
    assert_eq!(alarms(&found), ["item-marginals"], "{found:#?}");
    assert_eq!(found["item-marginals"].severity, Severity::Serious);
}

#[test]
fn an_agent_that_answers_at_random_is_caught() {
    let found = examine(&ask(
        &SimulatedJudge::uniform(N, Seed(5)).unwrap(),
        &design(8_000, 5),
    ));
    assert_eq!(
        alarms(&found),
        ["retest-agreement", "similarity-structure"],
        "{found:#?}"
    );
}

#[test]
fn an_agent_that_refuses_some_stimuli_is_caught_with_their_names() {
    let mut rates = vec![0.0; N];
    for i in [7, 31, 48] {
        rates[i] = 0.5;
    }
    let judge = Declining::new(clean(6), Outcome::Refused, rates, Seed(6)).unwrap();
    let found = examine(&ask(&judge, &design(8_000, 6)));
    assert_eq!(
        alarms(&found),
        ["refusals", "refusals-by-stimulus"],
        "{found:#?}"
    );
    let mut named = found["refusals-by-stimulus"].stimuli.clone();
    named.sort_unstable();
    assert_eq!(named, [7, 31, 48]);
}

#[test]
fn a_stimulus_that_cannot_be_opened_is_caught_by_its_name() {
    let mut rates = vec![0.0; N];
    rates[23] = 1.0;
    let judge = Declining::new(clean(15), Outcome::Failed, rates, Seed(15)).unwrap();
    let found = examine(&ask(&judge, &design(8_000, 15)));
    assert_eq!(
        alarms(&found),
        ["failures", "failures-by-stimulus"],
        "{found:#?}"
    );
    assert_eq!(found["failures-by-stimulus"].stimuli, [23]);
}

#[test]
fn an_agent_that_hedges_is_caught() {
    let judge = Declining::new(clean(7), Outcome::Ambiguous, vec![0.02; N], Seed(7)).unwrap();
    let found = examine(&ask(&judge, &design(8_000, 7)));
    // Evenly over the stimuli, so that no stimulus is blamed.
    assert_eq!(alarms(&found), ["unclear-answers"], "{found:#?}");
}

/// A parser that takes the first option named when a reply names several.
#[test]
fn hedged_replies_read_as_the_first_option_are_caught() {
    let hedges = Declining::new(clean(8), Outcome::Ambiguous, vec![0.05; N], Seed(8)).unwrap();
    let mut judged = ask(&hedges, &design(8_000, 8));
    for (_, outcome) in &mut judged {
        if *outcome == Outcome::Ambiguous {
            *outcome = Outcome::Chosen(Position::First);
        }
    }
    let found = examine(&judged);
    assert!(
        found["position-shares"].severity >= Severity::Warning,
        "{found:#?}"
    );
}

#[test]
fn orders_that_are_not_balanced_are_caught() {
    let judge = clean(9);
    let judged: Vec<Judged> = design(8_000, 9)
        .trials()
        .map(|t| Trial {
            triplet: t.triplet.unordered().ordered(0),
            ..t
        })
        .map(|t| (t, judge.judge(&t).outcome))
        .collect();
    assert_eq!(
        examine(&judged)["presentation-order"].severity,
        Severity::Serious
    );
}

#[test]
fn a_file_with_the_odd_item_last_is_told_from_a_biased_agent() {
    let rows = ask(&clean(10), &design(8_000, 10));
    let choices = rows
        .iter()
        .map(|(trial, outcome)| {
            let choice = Choice {
                triplet: trial.triplet,
                odd: outcome.chosen().unwrap(),
            };
            Choice {
                triplet: Triplet::new(choice.odd_last()).unwrap(),
                odd: Position::Third,
            }
        })
        .collect();
    let judged = judged_from_choices(&ChoiceSet::new(N, choices).unwrap());
    let found = examine(&judged);
    assert_eq!(found["position-shares"].severity, Severity::Serious);
    assert!(
        found["position-shares"]
            .what_to_do
            .contains("presented order is lost")
    );
    assert_eq!(found["serial-dependence"].severity, Severity::Untested);
}

#[test]
fn rows_written_twice_are_caught() {
    let mut judged = ask(&clean(11), &design(8_000, 11));
    for row in [100, 2_000, 7_777] {
        let (stale, outcome) = judged[row - 1];
        judged[row] = (
            Trial {
                number: judged[row].0.number,
                ..stale
            },
            outcome,
        );
    }
    let found = examine(&judged);
    assert_eq!(alarms(&found), ["repeated-rows"], "{found:#?}");
}

#[test]
fn a_deterministic_agent_is_noted_but_raises_no_alarm() {
    let weights = PlantParams::new(N, 8)
        .plant(Seed(12))
        .unwrap()
        .mapv(f64::from);
    let similarities = Similarities::new(weights.view(), Default::default()).unwrap();
    let rule = ChoiceRule::MostSimilarPair { tie_tolerance: 0.0 };
    let judge = FeatureJudge::new(similarities, rule, Seed(12)).unwrap();
    let trials: Vec<Judged> = ask(&judge, &design(8_000, 12))
        .into_iter()
        .filter(|(trial, _)| !judge.judge(trial).is_tied())
        .collect();
    let found = examine(&trials);
    assert!(alarms(&found).is_empty(), "{found:#?}");
    assert_eq!(found["retest-agreement"].severity, Severity::Note);
    assert_eq!(found["order-flips"].statistic, Some(0.0));
}

/// How many of [`AGENTS`] agents each diagnostic warns of, how many have p ≤ .01 and how many p ≤ .05.
#[derive(Default)]
struct Rates {
    warned: BTreeMap<&'static str, u32>,
    lowest: BTreeMap<&'static str, u32>,
    low: BTreeMap<&'static str, u32>,
    /// Agents that any of [`NULL`] warns of, where any departure counts that is significant.
    any: u32,
}

fn rates(agent: impl Fn(u64) -> Box<dyn Judge>) -> Rates {
    let mut rates = Rates::default();
    for seed in 0..AGENTS {
        let balance = [Balance::None, Balance::Pairs][seed as usize % 2];
        let params = DiagnoseParams {
            alpha: 0.05,
            permutations: 399,
            small: 0.0,
            large: 1.0,
            missing: 0.05,
            seed,
            ..Default::default()
        };
        let judged = ask(&*agent(seed), &balanced_design(1_500, balance, seed));
        let findings = diagnose(&judged, N, &params).unwrap();
        let warned = |f: &Finding| f.severity >= Severity::Warning;
        rates.any += u32::from(findings.iter().any(|f| warned(f) && NULL.contains(&f.name)));
        for finding in findings {
            let p = finding.p.unwrap_or(1.0);
            for (counts, counted) in [
                (&mut rates.warned, warned(&finding)),
                (&mut rates.lowest, p <= 0.01),
                (&mut rates.low, p <= 0.05),
            ] {
                *counts.entry(finding.name).or_default() += u32::from(counted);
            }
        }
    }
    let Rates {
        warned,
        lowest,
        low,
        any,
    } = &rates;
    println!("warned of {any}: {warned:?}\np ≤ .01 {lowest:?}\np ≤ .05 {low:?}");
    rates
}

const AGENTS: u64 = 300;

/// Binomial(300, .01) exceeds 10, and Binomial(300, .05) exceeds 28, once in a thousand. All checks together
/// warn at the level of one.
fn assert_nominal(rates: &Rates) {
    for name in NULL {
        let (lowest, low) = (rates.lowest[name], rates.low[name]);
        assert!(
            lowest <= 10,
            "{name} has p ≤ .01 for {lowest} of {AGENTS} good agents"
        );
        assert!(
            low <= 28,
            "{name} has p ≤ .05 for {low} of {AGENTS} good agents"
        );
    }
    assert!(
        rates.any <= 28,
        "{} of {AGENTS} good agents were warned of",
        rates.any
    );
}

/// The diagnostics whose null hypothesis holds for any agent that looks at the stimuli alone, and
/// declines evenly.
const NULL: [&str; 9] = [
    "presentation-order",
    "position-shares",
    "order-dependence",
    "order-flips",
    "serial-dependence",
    "repeated-rows",
    "refusals-by-stimulus",
    "unclear-by-stimulus",
    "failures-by-stimulus",
];

#[test]
fn noisy_good_agents_raise_no_alarm_beyond_the_nominal_rate() {
    // They decline now and then, evenly over the stimuli.
    let rates = rates(|seed| {
        let rates = vec![0.002; N];
        Box::new(Declining::new(clean(seed), Outcome::Refused, rates, Seed(seed)).unwrap())
    });
    assert_nominal(&rates);
    for good in ["retest-agreement", "similarity-structure", "item-marginals"] {
        assert_eq!(rates.warned[good], 0, "{good}");
    }
}

/// Ten clusters, told apart without noise: strong structure, many ties.
#[test]
fn clustered_noise_free_agents_raise_no_alarm_beyond_the_nominal_rate() {
    let rates = rates(|seed| {
        let features = Array2::from_shape_fn((N, 10), |(i, f)| f64::from(u8::from(i % 10 == f)));
        let similarities = Similarities::new(features.view(), Default::default()).unwrap();
        Box::new(FeatureJudge::new(similarities, ChoiceRule::default(), Seed(seed)).unwrap())
    });
    assert_nominal(&rates);
    for good in ["retest-agreement", "similarity-structure", "item-marginals"] {
        assert_eq!(rates.warned[good], 0, "{good}");
    }
}

/// For agents that guess, the null hypotheses of the tests that guessing must not pass are true too.
#[test]
fn agents_that_guess_pass_as_better_at_the_nominal_rate_only() {
    let rates = rates(|seed| Box::new(SimulatedJudge::uniform(N, Seed(seed)).unwrap()));
    assert_nominal(&rates);
    assert!(rates.low["similarity-structure"] <= 28 && rates.low["retest-agreement"] <= 28);
    // All 300 agree with themselves in surely less than 45 %.
    assert_eq!(rates.warned["retest-agreement"], AGENTS as u32);
}

/// Ten passes over the same sequence of triplets, always answered alike: repeats are no stale answers,
/// and no evidence of a preferred place.
#[test]
fn repeats_of_one_sequence_count_once() {
    let mut alarmed = BTreeMap::<&str, u32>::new();
    for seed in 0..200 {
        let inner = clean(seed);
        let ceiling = CeilingParams {
            triplets: 300,
            same_order: 10,
            all_orders: 0,
        };
        let design = DesignParams {
            ceiling: Some(ceiling),
            ..DesignParams::new(N, seed)
        }
        .check()
        .unwrap();
        let answer = |trial: Trial| {
            (
                trial,
                inner
                    .judge(&Trial {
                        replicate: 0,
                        ..trial
                    })
                    .outcome,
            )
        };
        let judged: Vec<Judged> = design.trials().map(answer).collect();
        let params = DiagnoseParams {
            alpha: 0.2,
            permutations: 99,
            small: 0.0,
            seed,
            ..Default::default()
        };
        let findings = diagnose(&judged, N, &params).unwrap();
        for finding in findings {
            *alarmed.entry(finding.name).or_default() +=
                u32::from(finding.p.is_some_and(|p| p <= 0.01));
        }
    }
    // Binomial(200, .01) exceeds 8 once in ten thousand.
    for name in ["serial-dependence", "position-shares", "presentation-order"] {
        assert!(alarmed[name] <= 8, "{name} of {} of 200", alarmed[name]);
    }
}

/// Successive rows of a sorted file share stimuli at the same places: their answers rightly agree.
#[test]
fn a_sorted_file_is_no_serial_dependence() {
    let judge = clean(17);
    let mut judged: Vec<Judged> = design(8_000, 17)
        .trials()
        .map(|t| (t, judge.judge(&t).outcome))
        .collect();
    judged.sort_by_key(|(trial, _)| trial.triplet);
    for (row, (trial, _)) in judged.iter_mut().enumerate() {
        trial.number = row as u64;
    }
    let found = examine(&judged);
    assert!(
        found["serial-dependence"].severity < Severity::Warning,
        "{:#?}",
        found["serial-dependence"]
    );
}

#[test]
fn the_order_of_the_rows_and_the_number_of_threads_change_nothing() {
    let judged = ask(&clean(13), &design(3_000, 13));
    let mut reversed = judged.clone();
    reversed.reverse();
    let with = |threads, judged: &[Judged]| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| diagnose(judged, N, &DiagnoseParams::default()).unwrap())
    };
    let one = with(1, &judged);
    assert!(
        one == with(3, &judged),
        "three threads find something else than one"
    );
    assert!(one == with(2, &reversed), "the order of the rows matters");
}

#[test]
fn too_few_guesses_are_untested_and_not_called_harmless() {
    let judged = ask(
        &SimulatedJudge::uniform(N, Seed(16)).unwrap(),
        &DesignParams {
            trials: 600,
            balance: Balance::None,
            ..DesignParams::new(N, 16)
        }
        .check()
        .unwrap(),
    );
    let found = examine(&judged);
    assert_eq!(
        found["similarity-structure"].severity,
        Severity::Untested,
        "{:#?}",
        found["similarity-structure"]
    );
    assert!(!found["similarity-structure"].what_to_do.is_empty());
}

#[test]
fn small_and_impossible_inputs_are_answered_in_words() {
    assert_eq!(
        diagnose(&[], N, &DiagnoseParams::default()),
        Err(DiagnoseError::Empty)
    );
    let judged = ask(&clean(14), &design(10, 14));
    assert!(matches!(
        diagnose(&judged, 5, &DiagnoseParams::default()),
        Err(DiagnoseError::UnknownStimulus { n: 5, .. })
    ));
    for params in [
        DiagnoseParams {
            alpha: 0.0,
            ..Default::default()
        },
        DiagnoseParams {
            shards: 0,
            ..Default::default()
        },
        DiagnoseParams {
            permutations: 0,
            ..Default::default()
        },
        DiagnoseParams {
            small: 0.5,
            ..Default::default()
        },
        DiagnoseParams {
            missing: f64::NAN,
            ..Default::default()
        },
    ] {
        assert!(matches!(
            diagnose(&judged, N, &params),
            Err(DiagnoseError::Parameter { .. })
        ));
    }
    // Any single trial gets findings, none of them an alarm.
    for outcome in [Outcome::Chosen(Position::First), Outcome::Invalid] {
        let triplet = Triplet::new([0, 1, 2].map(StimulusId)).unwrap();
        let trial = Trial {
            triplet,
            ..judged[0].0
        };
        let findings = diagnose(&[(trial, outcome)], 3, &DiagnoseParams::default()).unwrap();
        assert!(
            findings
                .iter()
                .all(|f| f.name == "unclear-answers" || f.severity < Severity::Warning),
            "{findings:#?}"
        );
    }
}
