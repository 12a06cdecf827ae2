//! Journals of agents with known faults: each is told apart from a healthy one, by name.

use emotome_judges::Judge;
use emotome_judges::agree::AgreeParams;
use emotome_judges::diagnose::{DiagnoseParams, Severity};
use emotome_judges::simulated::{
    Declining, PlantParams, ResponseParams, SimulatedJudge, StaleAnswers,
};
use emotome_stats::random::{Seed, mix};
use emotome_stimuli::output::Overwrite;
use emotome_stimuli::run::{Interrupt, Run, Silent};
use emotome_stimuli::{StimulusId, StimulusSet, study::Study};
use emotome_triplets::design::{CeilingParams, Design, DesignParams};
use emotome_triplets::journal::{Agent, JournalWriter, Record};
use emotome_triplets::{Cause, Nanos, Outcome, Trial, Usage};
use emotome_workflows::qc::{AgentQuality, Factor, QcRequest, QcSummary, qc};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const N: usize = 60;

fn key(i: usize) -> String {
    format!("clip <{i:02}>.mp4")
}

fn design(trials: u64) -> Design {
    let ceiling = CeilingParams {
        triplets: 200,
        same_order: 3,
        all_orders: 6,
    };
    DesignParams {
        trials,
        ceiling: Some(ceiling),
        ..DesignParams::new(N, 3)
    }
    .check()
    .unwrap()
}

fn planted(bias: [f64; 3], seed: u64) -> SimulatedJudge {
    let weights = PlantParams::new(N, 8).plant(Seed(1)).unwrap();
    let params = ResponseParams {
        position_bias: bias,
        ..ResponseParams::default()
    };
    SimulatedJudge::new(weights.view(), params, Seed(seed)).unwrap()
}

/// Stimuli that a study flags.
fn flagged(i: usize) -> bool {
    i % 12 == 5
}

fn journal(folder: &Path, design: &Design) -> PathBuf {
    let path = folder.join("journal.sqlite");
    let stimuli = StimulusSet::from_labels((0..N).map(key)).unwrap();
    let mut writer = JournalWriter::create(&path, design, &stimuli).unwrap();
    let refuses = (0..N)
        .map(|i| if flagged(i) { 0.5 } else { 0.002 })
        .collect();
    let stale = StaleAnswers::new(
        planted([0.0; 3], 4),
        |t| design.trial(t).unwrap(),
        0.15,
        Seed(4),
    );
    let agents: [(&str, Box<dyn Judge>); 4] = [
        ("healthy", Box::new(planted([0.0; 3], 1))),
        ("order-biased", Box::new(planted([0.0, 0.0, 0.9], 2))),
        (
            "<script>refusing</script>",
            Box::new(
                Declining::new(planted([0.0; 3], 3), Outcome::Refused, refuses, Seed(3)).unwrap(),
            ),
        ),
        ("stale server", Box::new(stale.unwrap())),
    ];
    for (k, (name, judge)) in agents.iter().enumerate() {
        let agent = Agent {
            name: (*name).to_owned(),
            model: "planted".to_owned(),
            revision: "1".to_owned(),
            settings: format!(
                r#"{{"parameters":{{"template":{{"labels":{}}}}},"seed":0}}"#,
                [r#"["1","2","3"]"#, r#"["A","B","C"]"#][k % 2]
            ),
        };
        let id = writer.register(&agent).unwrap();
        let records: Vec<Record<'_>> = design
            .trials()
            .map(|trial| {
                let outcome = judge.judge(&trial).outcome;
                let noise = mix(trial.number ^ k as u64);
                Record {
                    cause: (outcome == Outcome::Refused).then_some(Cause::RefusalText),
                    latency_ms: Some(100 + (noise % 400) as u32),
                    at: Some(1_700_000_000_000 + 250 * trial.number + noise % 1_000),
                    requests: Some(1),
                    usage: Usage {
                        prompt_tokens: Some(300),
                        completion_tokens: Some(4),
                        cost: (k > 0).then_some(Nanos(1_000)),
                        ..Usage::unknown()
                    },
                    ..Record::new(trial, outcome)
                }
            })
            .collect();
        for batch in records.chunks(4_096) {
            writer.append(id, batch).unwrap();
        }
    }
    path
}

fn study(folder: &Path) -> PathBuf {
    let path = folder.join("study");
    fs::create_dir(&path).unwrap();
    fs::write(path.join("study.toml"), "format = 1\nname = \"test\"\n").unwrap();
    let mut table = "key\tsensitive\n".to_owned();
    for i in 0..N {
        let flag = if flagged(i) { "Horror" } else { "n/a" };
        table += &format!("{}\t{flag}\n", key(i));
    }
    fs::write(path.join("stimuli.tsv"), table).unwrap();
    Study::open(&path).unwrap();
    path
}

/// Five people who judge as the healthy agent does, with a stimulus that the journal does not have.
fn people(folder: &Path, design: &Design) -> PathBuf {
    let judge = planted([0.0; 3], 9);
    let mut table = "a,b,c,choice,rater\n".to_owned();
    for trial in design.trials().skip(2_000).take(1_500) {
        let odd = judge.judge(&trial).outcome.chosen().unwrap();
        let [a, b, c] = trial.triplet.items().map(|id| key(id.index()));
        table += &format!("{a},{b},{c},{},p{}\n", odd.index() + 1, trial.number % 5);
    }
    table += &format!("{},{},elsewhere.mp4,1,p0\n", key(0), key(1));
    let path = folder.join("people.csv");
    fs::write(&path, table).unwrap();
    path
}

fn request(folder: &Path, journal: PathBuf) -> QcRequest {
    QcRequest {
        journal,
        agents: Vec::new(),
        study: None,
        humans: Vec::new(),
        params: DiagnoseParams::default(),
        agree: AgreeParams {
            replicates: 100,
            ..AgreeParams::default()
        },
        out: folder.join("qc"),
        overwrite: Overwrite::Refuse,
        command: vec!["emotome".into(), "qc".into()],
    }
}

fn examine(request: &QcRequest) -> QcSummary {
    let interrupt = Interrupt::default();
    let run = Run {
        progress: &Silent,
        interrupt: &interrupt,
    };
    qc(request, run).unwrap()
}

fn alarms(agent: &AgentQuality) -> Vec<&'static str> {
    let bad = |f: &&emotome_workflows::qc::NamedFinding| f.finding.severity >= Severity::Warning;
    agent
        .findings
        .iter()
        .filter(bad)
        .map(|f| f.finding.name)
        .collect()
}

#[test]
fn faulty_agents_are_flagged_and_a_healthy_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let design = design(12_000);
    let mut request = request(folder.path(), journal(folder.path(), &design));
    request.study = Some(study(folder.path()));
    request.humans = vec![people(folder.path(), &design)];
    let summary = examine(&request);
    let [healthy, biased, refusing, stale] = &summary.agents[..] else {
        panic!("four agents");
    };
    assert_eq!(alarms(healthy), [""; 0], "{:#?}", healthy.findings);
    assert!(healthy.verdict < Severity::Warning);
    for name in ["position-shares", "order-dependence"] {
        assert!(alarms(biased).contains(&name), "{:?}", alarms(biased));
    }
    for name in ["refusals", "refusals-by-stimulus", "missing-by-category"] {
        assert!(alarms(refusing).contains(&name), "{:?}", alarms(refusing));
    }
    assert!(
        alarms(stale).contains(&"serial-dependence"),
        "{:?}",
        alarms(stale)
    );

    // What is refused is named by key, and counted by cause.
    let named = refusing
        .findings
        .iter()
        .find(|f| f.finding.name == "refusals-by-stimulus")
        .unwrap();
    let expected: Vec<String> = (0..N).filter(|&i| flagged(i)).map(key).collect();
    let mut keys = named.stimulus_keys.clone();
    keys.sort();
    assert_eq!(keys, expected);
    assert!(named.finding.explanation.contains(&key(5)));
    let ending = refusing
        .endings
        .iter()
        .find(|e| e.outcome == "refused")
        .unwrap();
    assert_eq!(ending.cause, Some(Cause::RefusalText));
    assert_eq!(ending.trials, refusing.trials.without_choice);
    let t = &refusing.trials;
    assert_eq!(
        (t.recorded, t.chosen + t.without_choice),
        (design.len(), design.len())
    );

    // Unknown prices are not zero.
    assert_eq!(healthy.spent.unpriced, design.len());
    assert_eq!(
        (biased.spent.unpriced, biased.spent.cost),
        (0, Nanos(1_000 * design.len()))
    );
    assert_eq!(healthy.latency.as_ref().unwrap().n, design.len());
    assert!(healthy.drift.as_ref().unwrap().windows.len() >= 10);

    // People and all agents on the triplets of the people.
    let found = summary.consistency.as_ref().unwrap();
    assert!(found.same_triplets && found.pairs.len() == 10);
    let pair = |a: &str, b: &str| {
        found
            .pairs
            .iter()
            .find(|p| p.first == a && p.second == b)
            .unwrap()
    };
    let (best, worst) = (pair("healthy", "people"), pair("stale server", "people"));
    assert!(
        best.raw > worst.raw && best.raw_ci95_stimuli.is_some(),
        "{found:#?}"
    );
    assert_eq!(found.sources[4].raters, Some(5));
    let same = pair("healthy", "order-biased").same_order.unwrap();
    assert!(same.same_places.p < 1e-6 && same.n >= found.triplets);
    assert!(
        summary
            .cautions
            .iter()
            .any(|c| c.starts_with("1 choices of"))
    );
    assert_eq!(
        summary.differences[0].settings,
        [r#"parameters.template.labels: ["1","2","3"] → ["A","B","C"]"#]
    );

    // Agents with other labels, and nothing else, tell what the labels do.
    assert_eq!(summary.wording.len(), 4);
    let effect = &summary.wording[0];
    assert_eq!(
        (effect.first.as_str(), effect.second.as_str(), effect.factor),
        ("healthy", "order-biased", Factor::Labels)
    );
    assert!(effect.p_adjusted < 1e-6);
    // Over triplets, ½(Σp² + Σq²) − Σpq = ½Σ(p − q)²: never more than an agent agrees with itself.
    let with_themselves = effect.repeats.map(Option::unwrap).iter().sum::<f64>() / 2.0;
    assert!(effect.same_ci95.low < with_themselves);

    // The page shows names as text; every figure has its numbers beside it; the JSON says the same.
    let page = fs::read_to_string(&summary.page).unwrap();
    assert_eq!(page.matches("<script").count(), 1, "the page's own script");
    assert!(page.contains("&lt;script&gt;refusing"));
    assert!(
        !page.contains("http://") && !page.contains("https://"),
        "the page asks the network"
    );
    let figures = fs::read_dir(request.out.join("figures")).unwrap();
    let names: Vec<String> = figures
        .map(|f| f.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    let svg = names.iter().filter(|n| n.ends_with(".svg")).count();
    assert!(svg >= 10 && names.len() == 2 * svg, "{names:?}");
    let json: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(request.out.join("qc.json")).unwrap()).unwrap();
    assert_eq!(json, serde_json::to_value(&summary).unwrap());
    assert_eq!(json["agents"][1]["verdict"], "serious");
    let findings = json["agents"][0]["findings"].as_array().unwrap();
    let shares = findings
        .iter()
        .find(|f| f["name"] == "position-shares")
        .unwrap();
    assert_eq!(json["agents"][0]["places"]["n"], shares["n"]);
}

#[test]
fn a_part_of_the_agents_and_a_journal_without_answers_are_examined() {
    let folder = tempfile::tempdir().unwrap();
    let design = design(300);
    let mut request = request(folder.path(), journal(folder.path(), &design));
    request.agents = vec!["healthy".into()];
    let summary = examine(&request);
    assert_eq!(summary.agents.len(), 1);
    assert_eq!(summary.consistency, None);
    request.agents = vec!["nobody".into()];
    request.overwrite = Overwrite::Replace;
    let interrupt = Interrupt::default();
    let run = Run {
        progress: &Silent,
        interrupt: &interrupt,
    };
    assert!(
        qc(&request, run)
            .unwrap_err()
            .to_string()
            .contains("nobody")
    );
    let path = folder.path().join("empty.sqlite");
    let stimuli = StimulusSet::from_labels((0..N).map(key)).unwrap();
    let mut writer = JournalWriter::create(&path, &design, &stimuli).unwrap();
    request.agents = Vec::new();
    request.journal = path;
    assert!(
        qc(&request, run)
            .unwrap_err()
            .to_string()
            .contains("agents")
    );
    writer
        .register(&Agent {
            name: "new".into(),
            ..Agent::default()
        })
        .unwrap();
    let summary = examine(&request);
    assert_eq!(summary.agents[0].trials.recorded, 0);
    assert_eq!(summary.agents[0].verdict, Severity::Untested);
}

#[test]
fn the_same_journal_gives_the_same_page_at_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let design = design(2_000);
    let mut request = request(folder.path(), journal(folder.path(), &design));
    let mut pages = Vec::new();
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pages.push(pool.install(|| fs::read(examine(&request).page).unwrap()));
        request.overwrite = Overwrite::Replace;
    }
    assert!(
        pages[0] == pages[1],
        "three threads write another page than one"
    );
}

/// In which place of the order of asking each trial comes: engines ask trials that show the same stimulus
/// first one after the other.
fn asked_at(design: &Design, seed: u64) -> Vec<u64> {
    let mut order: Vec<Trial> = design.trials().collect();
    order.sort_by_key(|trial| {
        let [first, second, _] = trial.triplet.items().map(|id| u64::from(id.0));
        (
            mix(seed ^ first),
            mix(seed ^ first << 32 ^ second),
            trial.number,
        )
    });
    let mut at = vec![0; order.len()];
    for (place, trial) in order.iter().enumerate() {
        at[trial.number as usize] = place as u64;
    }
    at
}

/// A journal of an agent that looks at the stimuli alone, refuses some of them a little more than others, and
/// was asked in the order of engines.
fn healthy(folder: &Path, seed: u64) -> PathBuf {
    let ceiling = CeilingParams {
        triplets: 100,
        same_order: 3,
        all_orders: 6,
    };
    let design = DesignParams {
        trials: 2_000,
        ceiling: Some(ceiling),
        ..DesignParams::new(N, seed)
    }
    .check()
    .unwrap();
    let path = folder.join(format!("{seed}.sqlite"));
    let stimuli = StimulusSet::from_labels((0..N).map(key)).unwrap();
    let mut writer = JournalWriter::create(&path, &design, &stimuli).unwrap();
    let weights = PlantParams::new(N, 8).plant(Seed(seed)).unwrap();
    let inner = SimulatedJudge::new(weights.view(), ResponseParams::default(), Seed(seed)).unwrap();
    let refuses = (0..N as u64).map(|i| 0.002 * (mix(seed << 8 | i) % 100) as f64 / 100.0);
    let judge = Declining::new(inner, Outcome::Refused, refuses.collect(), Seed(seed)).unwrap();
    let agent = Agent {
        name: "healthy".into(),
        ..Agent::default()
    };
    let id = writer.register(&agent).unwrap();
    let at = asked_at(&design, seed);
    let records: Vec<Record<'_>> = design
        .trials()
        .map(|trial| {
            let outcome = judge.judge(&trial).outcome;
            let odd = |id: &StimulusId| (mix(seed ^ u64::from(id.0)) % 1_000) as f64 / 500.0;
            let noise = |k| (mix(trial.number << 2 ^ k ^ seed << 40) % 1_000) as f64 / 2_000.0;
            let items = trial.triplet.items();
            let e = [0, 1, 2].map(|k| (odd(&items[k]) + noise(k as u64)).exp());
            let total: f64 = e.iter().sum();
            Record {
                cause: (outcome == Outcome::Refused).then_some(Cause::RefusalText),
                latency_ms: Some(100 + (mix(trial.number ^ seed) % 400) as u32),
                at: Some(1_700_000_000_000 + 250 * at[trial.number as usize]),
                probabilities: outcome.chosen().map(|_| e.map(|e| (e / total) as f32)),
                ..Record::new(trial, outcome)
            }
        })
        .collect();
    writer.append(id, &records).unwrap();
    path
}

/// Simulated agents without a fault: a verdict that speaks against one is wrong, and so is a small p in more
/// than its share of them.
#[test]
fn healthy_agents_are_hardly_ever_flagged() {
    const AGENTS: u64 = 300;
    let folder = tempfile::tempdir().unwrap();
    let study = study(folder.path());
    let mut flagged = Vec::new();
    let mut low = BTreeMap::<&str, u32>::new();
    for seed in 0..AGENTS {
        let mut request = request(folder.path(), healthy(folder.path(), seed));
        request.study = Some(study.clone());
        request.overwrite = Overwrite::Replace;
        let summary = examine(&request);
        let agent = &summary.agents[0];
        if !alarms(agent).is_empty() {
            flagged.push((seed, alarms(agent)));
        }
        for f in &agent.findings {
            let rejected = f.finding.p.is_some_and(|p| p <= 0.05);
            *low.entry(f.finding.name).or_default() += u32::from(rejected);
        }
    }
    println!("flagged {flagged:?}\np ≤ .05: {low:?}");
    assert!(
        flagged.len() <= 15,
        "{} of {AGENTS}: {flagged:?}",
        flagged.len()
    );
    for (name, count) in low {
        // Repeats and structure are what a healthy agent has.
        if !matches!(name, "retest-agreement" | "similarity-structure") {
            // Binomial(300, .05) exceeds 28 once in a thousand.
            assert!(count <= 28, "{name}: p ≤ .05 for {count} of {AGENTS}");
        }
    }
}
