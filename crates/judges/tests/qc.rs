//! Quality control against SciPy and scikit-learn, against planted faults, and against nothing at all.

use emotome_judges::Judge;
use emotome_judges::agree::{AgreeParams, Consistency, Source, consistency};
use emotome_judges::diagnose::categories::{Attribute, category_finding, missing_by_category};
use emotome_judges::diagnose::drift::{Clock, Drift, Grouping, Timeline};
use emotome_judges::diagnose::prior::Probabilities;
use emotome_judges::diagnose::trend::{
    Test, mann_kendall, share_scatter, share_trend, stuart_maxwell,
};
use emotome_judges::diagnose::{
    DiagnoseError, DiagnoseParams, Finding, Judged, Places, Severity, Showing, Survey,
};
use emotome_judges::simulated::{Declining, PlantParams, ResponseParams, SimulatedJudge};
use emotome_stats::random::{CounterRng, Seed, mix};
use emotome_stimuli::StimulusId;
use emotome_triplets::design::{Design, DesignParams};
use emotome_triplets::{Choice, Outcome, Position, Split, Trial, Triplet};
use serde_json::Value;

fn fixture() -> Value {
    serde_json::from_str(include_str!("fixtures/qc.json")).unwrap()
}

fn close(found: f64, expected: &Value, what: &str) {
    let expected = expected.as_f64().unwrap();
    let scale = expected.abs().max(1e-12);
    assert!(
        (found - expected).abs() <= 1e-7 * scale,
        "{what}: {found}, expected {expected}"
    );
}

fn numbers<const K: usize>(value: &Value) -> [u64; K] {
    std::array::from_fn(|k| value[k].as_u64().unwrap())
}

fn windows<const K: usize>(value: &Value) -> Vec<[u64; K]> {
    value.as_array().unwrap().iter().map(numbers).collect()
}

fn check(test: Test, case: &Value, what: &str) {
    close(test.statistic, &case["chi2"], what);
    close(test.p, &case["p"], what);
}

#[test]
fn tests_of_places_and_of_trends_are_those_of_scipy() {
    let fixture = fixture();
    let cases = |name: &str| fixture[name].as_array().unwrap().clone();
    for case in cases("places") {
        let places = Places::of(numbers(&case["counts"])).unwrap();
        close(places.chi2, &case["chi2"], "places");
        close(places.p, &case["p"], "places");
        for k in 0..3 {
            let ci = places.ci95[k];
            assert!((ci.low - case["ci95"][k][0].as_f64().unwrap()).abs() < 1e-9);
            assert!((ci.high - case["ci95"][k][1].as_f64().unwrap()).abs() < 1e-9);
        }
    }
    for case in cases("cochran_armitage") {
        let (test, change) = share_trend(&windows::<2>(&case["table"]), 1.0);
        check(test, &case, "Cochran–Armitage");
        close(change[1], &case["change"], "slope");
        assert_eq!(test.df, 1);
    }
    for case in cases("multinomial_trend") {
        check(
            share_trend(&windows::<3>(&case["table"]), 1.0).0,
            &case,
            "trend of three shares",
        );
    }
    for case in cases("scatter") {
        let (test, _) = share_scatter(&windows::<3>(&case["table"]), 1.0);
        check(test, &case, "scatter");
        assert_eq!(u64::from(test.df), case["df"].as_u64().unwrap());
    }
    for case in cases("mann_kendall") {
        let series: Vec<f64> = case["series"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_f64)
            .collect();
        let test = mann_kendall(&series);
        close(test.statistic, &case["z"], "Mann–Kendall");
        close(test.p, &case["p"], "Mann–Kendall");
    }
    for case in cases("stuart_maxwell") {
        let table = windows::<3>(&case["table"]);
        check(
            stuart_maxwell(&[table[0], table[1], table[2]]),
            &case,
            "Stuart–Maxwell",
        );
    }
}

fn choice(ids: [u32; 3], order: u8, rank: usize) -> Choice {
    let triplet = Triplet::new(ids.map(StimulusId))
        .unwrap()
        .unordered()
        .ordered(order);
    let odd = triplet.unordered().items()[rank];
    let place = triplet.items().iter().position(|&id| id == odd).unwrap();
    Choice {
        triplet,
        odd: Position::from_index(place).unwrap(),
    }
}

fn compare(sources: Vec<Source>, params: &AgreeParams) -> Consistency {
    consistency(sources, params, &|_, _| None)
}

#[test]
fn agreement_and_kappa_are_those_of_scikit_learn_whatever_the_orders() {
    let case = &fixture()["kappa"];
    let params = AgreeParams {
        replicates: 300,
        ..AgreeParams::default()
    };
    let mut sources = ["a", "b"].map(|name| Source::new(name, true, &params));
    for (t, ids) in case["triplets"].as_array().unwrap().iter().enumerate() {
        let ids = numbers::<3>(ids).map(|id| id as u32);
        for (k, source) in sources.iter_mut().enumerate() {
            let rank = case[["a", "b"][k]][t].as_u64().unwrap() as usize;
            source.push(choice(ids, ((t * (k + 3)) % 6) as u8, rank), None);
        }
    }
    let found = compare(sources.into(), &params);
    let pair = &found.pairs[0];
    close(pair.raw, &case["raw"], "agreement");
    close(pair.kappa, &case["kappa"], "κ");
    assert!((pair.chance_corrected - (pair.raw - 1.0 / 3.0) * 1.5).abs() < 1e-12);
    assert!(pair.raw_ci95.contains(pair.raw) && pair.kappa_ci95.contains(pair.kappa));
    // Over independent triplets the bootstrap is the binomial interval.
    let n = pair.triplets as f64;
    let half = 1.96 * (pair.raw * (1.0 - pair.raw) / n).sqrt();
    let found_half = (pair.raw_ci95.high - pair.raw_ci95.low) / 2.0;
    assert!(
        (found_half / half - 1.0).abs() < 0.12,
        "{found_half} for {half}"
    );
    assert!(found.same_triplets);
}

#[test]
fn priors_of_places_are_those_of_numpy() {
    let case = &fixture()["prior"];
    let mut probabilities = Probabilities::new(&DiagnoseParams::default());
    for (t, p) in case["p"].as_array().unwrap().iter().enumerate() {
        let p = [0, 1, 2].map(|k| p[k].as_f64().unwrap() as f32);
        probabilities.push(&(trial(t as u64, [0, 1, 2]), Outcome::Invalid), p);
    }
    let found = probabilities.summary().unwrap();
    // The values went through 32-bit floats.
    let near = |found: f64, expected: &Value| {
        let expected = expected.as_f64().unwrap();
        assert!(
            (found - expected).abs() < 2e-6 * expected.abs().max(1.0),
            "{found}, {expected}"
        );
    };
    near(found.entropy, &case["entropy"]);
    let half =
        |ci: emotome_stats::interval::Interval| (ci.high - ci.low) / 2.0 / 1.959_963_984_540_054;
    near(half(found.entropy_ci95), &case["entropy_se"]);
    for k in 0..3 {
        near(found.prior[k], &case["prior"][k]);
        near(found.log_odds[k], &case["log_odds"][k]);
        near(half(found.log_odds_ci95[k]), &case["log_odds_se"][k]);
        near(found.corrected_shares[k] * 300.0, &case["shares"][k]);
    }
    near(found.changed, &case["changed"]);
    assert!((found.test.statistic / case["chi2"].as_f64().unwrap() - 1.0).abs() < 1e-4);
}

fn trial(number: u64, ids: [u32; 3]) -> Trial {
    Trial {
        number,
        triplet: Triplet::new(ids.map(StimulusId)).unwrap(),
        replicate: 0,
        split: Split::Train,
    }
}

const N: usize = 60;

fn design(trials: u64, seed: u64) -> Design {
    DesignParams {
        trials,
        ..DesignParams::new(N, seed)
    }
    .check()
    .unwrap()
}

fn planted(bias: [f64; 3], seed: u64) -> SimulatedJudge {
    let weights = PlantParams::new(N, 8).plant(Seed(seed)).unwrap();
    let params = ResponseParams {
        position_bias: bias,
        ..ResponseParams::default()
    };
    SimulatedJudge::new(weights.view(), params, Seed(seed)).unwrap()
}

/// Windows of answers that come in the order of their numbers, `tick` ms apart.
fn drift(judged: &[Judged], tick: u64, seed: u64) -> Drift {
    let mut timeline = Timeline::new(Clock::Time);
    for judged in judged {
        let at = 1_700_000_000_000 + judged.0.number * tick;
        timeline.push(at, judged);
        timeline.push_latency(at, 200 + (mix(judged.0.number ^ seed << 32) % 100) as u32);
    }
    timeline.drift(Grouping::NONE).unwrap()
}

fn named<'a>(findings: &'a [Finding], name: &str) -> &'a Finding {
    findings.iter().find(|f| f.name == name).unwrap()
}

fn ask(judge: &dyn Judge, design: &Design) -> Vec<Judged> {
    let answer = |trial: Trial| (trial, judge.judge(&trial).outcome);
    design.trials().map(answer).collect()
}

#[test]
fn windows_hold_every_trial_once_whatever_the_clock() {
    let judged = ask(&planted([0.0; 3], 1), &design(9_000, 1));
    for tick in [0, 1, 7, 60_000] {
        if tick == 0 {
            let mut timeline = Timeline::new(Clock::Time);
            judged.iter().for_each(|j| timeline.push(5, j));
            assert_eq!(
                timeline.drift(Grouping::NONE),
                None,
                "one moment is no time"
            );
            continue;
        }
        let drift = drift(&judged, tick, 0);
        assert_eq!(drift.windows.len(), 20);
        assert_eq!(drift.windows.iter().map(|w| w.trials).sum::<u64>(), 9_000);
        assert!(
            drift
                .windows
                .iter()
                .all(|w| (400..=500).contains(&w.trials)),
            "{drift:#?}"
        );
        assert!(drift.windows.is_sorted_by(|a, b| a.to == b.from));
    }
}

#[test]
fn an_agent_that_changes_on_the_way_is_caught() {
    let design = design(8_000, 2);
    let (before, after) = (planted([0.0; 3], 2), planted([0.0, 0.0, 0.8], 2));
    let judged: Vec<Judged> = design
        .trials()
        .map(|t| {
            let judge = if t.number < 4_000 { &before } else { &after };
            (t, judge.judge(&t).outcome)
        })
        .collect();
    let findings = drift(&judged, 40, 0).findings(&DiagnoseParams::default());
    assert!(
        named(&findings, "drift-positions").severity >= Severity::Warning,
        "{findings:#?}"
    );
}

/// A server that for a while repeats its last reply, whatever it is asked.
#[test]
fn a_server_that_is_stuck_for_a_while_is_caught() {
    let inner = planted([0.0; 3], 3);
    let design = design(8_000, 3);
    let stuck = 3_000..3_700;
    let judged: Vec<Judged> = design
        .trials()
        .map(|t| {
            let asked = if stuck.contains(&t.number) {
                stuck.start
            } else {
                t.number
            };
            (t, inner.judge(&design.trial(asked).unwrap()).outcome)
        })
        .collect();
    let params = DiagnoseParams::default();
    let findings = drift(&judged, 40, 0).findings(&params);
    assert!(
        named(&findings, "unsteady-positions").severity >= Severity::Warning,
        "{findings:#?}"
    );
}

/// Engines ask in groups that share the first stimulus; what is stale then lies in the order of time.
#[test]
fn answers_left_over_from_another_trial_in_time_are_caught_in_order_of_time() {
    let (design, inner, params) = (
        design(20_000, 4),
        planted([0.0; 3], 4),
        DiagnoseParams::default(),
    );
    let mut asked: Vec<Trial> = design.trials().collect();
    asked.sort_by_key(|t| (mix(u64::from(t.triplet.items()[0].0)), t.number));
    let severity = |stale: bool| {
        let mut last = Outcome::Invalid;
        let mut rows: Vec<(u64, Judged)> = Vec::new();
        for (at, trial) in asked.iter().enumerate() {
            let repeats = stale && !mix(at as u64).is_multiple_of(3);
            if !repeats || last == Outcome::Invalid {
                last = inner.judge(trial).outcome;
            }
            rows.push((at as u64, (*trial, last)));
        }
        rows.sort_by_key(|row| row.1.0.number);
        let mut survey = Survey::new(N, &params).unwrap();
        for (at, judged) in &rows {
            survey.push(judged, Showing::Only, Some(*at)).unwrap();
        }
        named(&survey.findings(), "time-dependence").severity
    };
    assert!(severity(true) >= Severity::Warning);
    assert!(severity(false) <= Severity::Note);
}

/// A refusing model: what is refused is what a flag says.
#[test]
fn choices_missing_by_category_are_caught_with_its_name() {
    let flagged: Vec<bool> = (0..N).map(|i| i % 6 == 0).collect();
    let rates = flagged
        .iter()
        .map(|&flag| if flag { 0.2 } else { 0.01 })
        .collect();
    let judge = Declining::new(planted([0.0; 3], 5), Outcome::Refused, rates, Seed(5)).unwrap();
    let params = DiagnoseParams::default();
    let mut survey = Survey::new(N, &params).unwrap();
    for judged in ask(&judge, &design(8_000, 5)) {
        survey.push(&judged, Showing::Only, None).unwrap();
    }
    let other: Vec<f64> = (0..N).map(|i| mix(i as u64) as f64).collect();
    let attributes = [
        ("Horror".to_owned(), Attribute::Flag(flagged)),
        ("unrelated".to_owned(), Attribute::Rating(other)),
    ];
    let rows = missing_by_category(survey.missing(), &attributes, &params).unwrap();
    let finding = category_finding(&rows, &params);
    assert!(finding.severity >= Severity::Warning, "{finding:#?}");
    assert!(finding.explanation.contains("Horror") && !finding.explanation.contains("unrelated"));
    let short = [("short".to_owned(), Attribute::Flag(vec![true]))];
    assert!(matches!(
        missing_by_category(survey.missing(), &short, &params),
        Err(DiagnoseError::Attribute { found: 1, .. })
    ));
}

/// How many of [`AGENTS`] good agents have p ≤ .05 in each diagnostic of this file.
#[test]
fn good_agents_raise_no_alarm_beyond_the_nominal_rate() {
    const AGENTS: u64 = 300;
    let mut low = std::collections::BTreeMap::<&str, u32>::new();
    for seed in 0..AGENTS {
        let params = DiagnoseParams {
            alpha: 0.2,
            permutations: 99,
            seed,
            ..DiagnoseParams::default()
        };
        // Stimuli differ in how often they are refused, but not by their category.
        let rates = (0..N as u64)
            .map(|i| 0.04 * (mix(seed << 8 | i) % 100) as f64 / 100.0)
            .collect();
        let judge =
            Declining::new(planted([0.0; 3], seed), Outcome::Refused, rates, Seed(seed)).unwrap();
        let judged = ask(&judge, &design(1_500, seed));
        let mut survey = Survey::new(N, &params).unwrap();
        let mut probabilities = Probabilities::new(&params);
        let mut rng = CounterRng::new(Seed(seed).derive("test"), 0);
        for judged in &judged {
            survey
                .push(judged, Showing::Only, Some(rng.next_double_word() >> 20))
                .unwrap();
            // What is shown decides; where it is shown does not.
            let p: [f64; 3] = judged.0.triplet.items().map(|id| {
                (mix(seed ^ u64::from(id.0)) % 1_000) as f64 / 500.0 + 0.1 * rng.uniform()
            });
            let total: f64 = p.iter().map(|x| x.exp()).sum();
            probabilities.push(judged, p.map(|x| (x.exp() / total) as f32));
        }
        let flag: Vec<bool> = (0..N as u64)
            .map(|i| mix(seed ^ i << 20).is_multiple_of(4))
            .collect();
        let attributes = [("flag".to_owned(), Attribute::Flag(flag))];
        let rows = missing_by_category(survey.missing(), &attributes, &params).unwrap();
        let mut findings = drift(&judged, 1, seed).findings(&params);
        findings.push(category_finding(&rows, &params));
        findings.push(probabilities.summary().unwrap().finding(&params));
        findings.extend(
            survey
                .findings()
                .into_iter()
                .filter(|f| f.name == "time-dependence"),
        );
        for f in findings {
            *low.entry(f.name).or_default() += u32::from(f.p.is_some_and(|p| p <= 0.05));
        }
    }
    println!("{low:?}");
    assert_eq!(low.len(), 7);
    for (name, count) in low {
        // Binomial(300, .05) exceeds 28, and is below 3, once in a thousand.
        assert!((3..=28).contains(&count), "{name}: {count} of {AGENTS}");
    }
}

/// Intervals cover the true agreement at their level, for agents and for people who differ.
#[test]
fn bootstrap_intervals_cover() {
    const STUDIES: u64 = 200;
    // Each of 20 people answers 15 triplets of their own, and knows the answer as well as they do.
    let [mut by_triplet, mut by_rater] = [0, 0];
    for study in 0..STUDIES {
        let params = AgreeParams {
            needed: 1,
            replicates: 200,
            seed: study,
            ..AgreeParams::default()
        };
        let mut rng = CounterRng::new(Seed(study), 0);
        let mut agent = Source::new("agent", true, &params);
        let mut clone = Source::new("clone", true, &params);
        let mut people = Source::new("people", true, &params);
        for t in 0..300_u32 {
            let rater = t / 15;
            let mut of_rater = CounterRng::new(Seed(study).derive("rater"), u64::from(rater));
            let knows = 0.2 + 0.6 * of_rater.uniform();
            let ids = [t * 3, t * 3 + 1, t * 3 + 2];
            agent.push(choice(ids, 0, 1), None);
            let guess = |rng: &mut CounterRng| [0, 2][rng.below(2) as usize];
            let rank = if rng.uniform() < 0.5 {
                1
            } else {
                guess(&mut rng)
            };
            clone.push(choice(ids, 0, rank), None);
            let rank = if rng.uniform() < knows {
                1
            } else {
                guess(&mut rng)
            };
            people.push(choice(ids, 0, rank), Some(rater));
        }
        let found = compare(vec![agent, clone, people], &params);
        assert_eq!((found.pairs.len(), found.triplets), (3, 300));
        assert_eq!(found.sources[2].raters, Some(20));
        by_rater += u32::from(found.pairs[1].raw_ci95.contains(0.5));
        let pair = compare(
            {
                let mut rng = CounterRng::new(Seed(study).derive("second"), 0);
                let [mut a, mut b] = ["a", "b"].map(|name| Source::new(name, true, &params));
                for t in 0..300_u32 {
                    let ids = [t * 3, t * 3 + 1, t * 3 + 2];
                    a.push(choice(ids, 0, 1), None);
                    b.push(
                        choice(ids, 0, if rng.uniform() < 0.5 { 1 } else { 0 }),
                        None,
                    );
                }
                vec![a, b]
            },
            &params,
        );
        by_triplet += u32::from(pair.pairs[0].raw_ci95.contains(0.5));
    }
    println!("covered: {by_triplet} by triplet, {by_rater} by rater, of {STUDIES}");
    // Binomial(200, .95) is below 179 once in a thousand; percentile intervals of 20 clusters are narrower.
    assert!(
        by_triplet >= 179 && by_rater >= 172,
        "{by_triplet}, {by_rater}"
    );
}

#[test]
fn pairs_that_share_too_little_are_compared_at_equal_numbers() {
    let params = AgreeParams {
        replicates: 50,
        ..AgreeParams::default()
    };
    let mut sources = ["a", "b", "c"].map(|name| Source::new(name, true, &params));
    for t in 0..400_u32 {
        let ids = [t * 3, t * 3 + 1, t * 3 + 2];
        sources[0].push(choice(ids, 0, 0), None);
        if t < 250 {
            sources[1].push(choice(ids, 0, 0), None);
        }
        if t >= 200 {
            sources[2].push(choice(ids, 0, 1), None);
        }
    }
    let found = compare(sources.into(), &params);
    assert!(!found.same_triplets);
    let n: Vec<u64> = found.pairs.iter().map(|p| p.triplets).collect();
    assert_eq!(n, [50, 50, 50]);
    let raw: Vec<f64> = found.pairs.iter().map(|p| p.raw).collect();
    assert_eq!(raw, [1.0, 0.0, 0.0]);
    assert_eq!(compare(Vec::new(), &params).pairs, []);
}

/// Beyond its capacity a source keeps whole triplets, and the same ones as the others.
#[test]
fn what_does_not_fit_is_left_out_by_triplet() {
    let params = AgreeParams {
        capacity: 1_000,
        replicates: 10,
        ..AgreeParams::default()
    };
    let mut sources = ["a", "b"].map(|name| Source::new(name, true, &params));
    for repeat in 0..2 {
        for t in 0..3_000_u32 {
            let ids = [t * 3, t * 3 + 1, t * 3 + 2];
            sources[0].push(choice(ids, 0, 0), None);
            if repeat == 0 {
                sources[1].push(choice(ids, 3, 0), None);
            }
        }
    }
    let found = compare(sources.into(), &params);
    assert!(found.same_triplets && found.triplets >= 300, "{found:?}");
    assert_eq!(found.sources[0].answers, 2 * found.sources[0].triplets);
    assert_eq!(found.sources[0].triplets, found.sources[1].triplets);
    assert_eq!(found.pairs[0].raw, 1.0);
    // Never in the same order.
    assert_eq!(found.pairs[0].same_order, None);
}

#[test]
fn consistency_does_not_depend_on_the_number_of_threads() {
    let run = |threads| {
        let params = AgreeParams {
            needed: 1,
            replicates: 100,
            ..AgreeParams::default()
        };
        let mut sources = ["a", "b", "c"].map(|name| Source::new(name, true, &params));
        for t in 0..200_u32 {
            for (k, source) in sources.iter_mut().enumerate() {
                let rank = mix(u64::from(t) << 4 | k as u64) % 3;
                let rater = (k == 2).then_some(t % 7);
                source.push(choice([t, t + 1, t + 2], 0, rank as usize), rater);
            }
        }
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| compare(sources.into(), &params))
    };
    assert_eq!(run(1), run(3));
}
