//! A plan says what a design takes, and never passes off the unknown as nothing.

use emotome_stimuli::StimulusSet;
use emotome_triplets::design::{Balance, CeilingParams, Design, DesignParams, FullSetParams};
use emotome_triplets::journal::{Agent, JournalWriter, Record};
use emotome_triplets::plan::{BYTES_OF_DETAILS, BYTES_PER_CHOICE, Plan, PlanParams, Sufficiency};
use emotome_triplets::{Nanos, Outcome, Position, Usage};

fn study(trials: u64) -> Design {
    let params = DesignParams {
        trials,
        ceiling: Some(CeilingParams {
            triplets: 500,
            same_order: 10,
            all_orders: 12,
        }),
        full_set: Some(FullSetParams {
            stimuli: (0..66).collect(),
            passes: 1,
        }),
        ..DesignParams::new(2_180, 1)
    };
    params.check().unwrap()
}

#[test]
fn the_numbers_of_the_emotion_study_come_out() {
    let plan = Plan::of(&study(7_100_000), &PlanParams::default()).unwrap();
    assert_eq!(plan.triplets, 1_724_329_860);
    assert_eq!(plan.bound.round(), 725_293.0);
    assert!((plan.coverage - 0.004_12).abs() < 1e-5);
    assert!((plan.per_stimulus - 9_771.0).abs() < 1.0);
    assert!((plan.per_pair - 8.97).abs() < 0.01);
    assert_eq!(plan.trials, 7_100_000 + 500 * 22 + 45_760);
    assert_eq!(
        plan.sufficiency,
        Sufficiency::Sparse,
        "9.8 times is just short of 10"
    );
    let enough = Plan::of(&study(7_300_000), &PlanParams::default()).unwrap();
    assert_eq!(enough.sufficiency, Sufficiency::Usual);
    assert!(enough.notes.is_empty(), "{:?}", enough.notes);
}

#[test]
fn an_unknown_price_is_unknown_and_never_zero() {
    let design = study(1_000_000);
    let with = |tokens, price| {
        Plan::of(
            &design,
            &PlanParams {
                tokens,
                price,
                ..PlanParams::default()
            },
        )
        .unwrap()
    };
    let (tokens, price) = (Some([600.0, 20.0]), Some([0.5, 1.5]));
    for plan in [with(None, None), with(tokens, None), with(None, price)] {
        assert_eq!(plan.cost, None);
        assert!(plan.to_string().contains("cost        unknown"), "{plan}");
        assert!(serde_json::to_value(&plan).unwrap()["cost"].is_null());
    }
    let known = with(tokens, price);
    let expected = known.trials as f64 * (600.0 * 0.5 + 20.0 * 1.5) / 1e6;
    assert!((known.cost.unwrap() - expected).abs() < 1e-6);
    assert!(
        with(tokens, Some([0.0, 0.0])).cost == Some(0.0),
        "a free agent is free"
    );
}

#[test]
fn time_follows_the_rate_and_text_shows_it() {
    let params = PlanParams {
        trials_per_second: Some(100.0),
        ..PlanParams::default()
    };
    let plan = Plan::of(&study(7_100_000), &params).unwrap();
    assert!((plan.seconds.unwrap() - plan.trials as f64 / 100.0).abs() < 1e-6);
    let text = plan.to_string();
    println!("{text}");
    for expected in [
        "19.9 h",
        "1,724,329,860 triplets",
        "× 10 = 7,252,",
        "9.8 × n·d·log2 n",
    ] {
        assert!(text.contains(expected), "{expected} is missing:\n{text}");
    }
}

#[test]
fn doubtful_designs_are_noted() {
    let bare = DesignParams {
        trials: 10_000,
        test: 0.0,
        ..DesignParams::new(2_180, 1)
    };
    let notes = |params: DesignParams| {
        Plan::of(&params.check().unwrap(), &PlanParams::default())
            .unwrap()
            .notes
            .join("\n")
    };
    let text = notes(bare.clone());
    for expected in [
        "0.0 × n·d·log2 n",
        "one trial per pair",
        "no ceiling",
        "no test share",
    ] {
        assert!(text.contains(expected), "{expected} is missing:\n{text}");
    }
    assert!(
        !notes(DesignParams {
            balance: Balance::Items,
            ..bare
        })
        .contains("per pair")
    );
    let small = DesignParams {
        trials: 120,
        ..DesignParams::new(10, 1)
    }
    .check()
    .unwrap();
    let plan = Plan::of(&small, &PlanParams::default()).unwrap();
    assert_eq!(
        (plan.sufficiency, plan.coverage),
        (Sufficiency::Complete, 1.0)
    );
    assert_eq!(plan.recommended, [120, 120], "no more than there are");
}

#[test]
fn impossible_parameters_are_refused() {
    let design = study(10);
    for (params, expected) in [
        (
            PlanParams {
                dims: 0,
                ..PlanParams::default()
            },
            "dims = 0",
        ),
        (
            PlanParams {
                trials_per_second: Some(0.0),
                ..PlanParams::default()
            },
            "per second = 0",
        ),
        (
            PlanParams {
                tokens: Some([1.0, f64::NAN]),
                ..PlanParams::default()
            },
            "tokens of a trial = NaN",
        ),
        (
            PlanParams {
                price: Some([-1.0, 0.0]),
                ..PlanParams::default()
            },
            "tokens = -1",
        ),
        (
            PlanParams {
                reply_bytes: f64::INFINITY,
                ..PlanParams::default()
            },
            "reply = inf",
        ),
    ] {
        let error = Plan::of(&design, &params).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

/// The promised bytes per row are those of a real journal.
#[test]
fn the_promised_disk_space_is_what_a_journal_takes() {
    let rows = 100_000;
    let design = DesignParams {
        trials: rows,
        ..DesignParams::new(2_180, 1)
    }
    .check()
    .unwrap();
    let keys = (0..2_180).map(|i| format!("{i:04}.mp4"));
    let stimuli = StimulusSet::from_labels(keys).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for details in [false, true] {
        let path = folder.path().join(format!("{details}.sqlite"));
        let mut writer = JournalWriter::create(&path, &design, &stimuli).unwrap();
        let agent = writer.register(&Agent::default()).unwrap();
        let records: Vec<Record<'_>> = design
            .trials()
            .map(|trial| {
                let record = Record::new(trial, Outcome::Chosen(Position::Third));
                if !details {
                    return record;
                }
                Record {
                    probabilities: Some([0.2, 0.3, 0.5]),
                    latency_ms: Some(350 + trial.number as u32 % 400),
                    prompt: Some(trial.number.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
                    seed: Some(trial.number),
                    reply: Some("3"),
                    at: Some(1_800_000_000_000 + trial.number),
                    requests: Some(1),
                    usage: Usage {
                        prompt_tokens: Some(738),
                        cached_tokens: Some(512),
                        completion_tokens: Some(1),
                        cost: Some(Nanos(110_000)),
                    },
                    ..record
                }
            })
            .collect();
        for batch in records.chunks(20_000) {
            writer.append(agent, batch).unwrap();
        }
        drop(writer);
        let bytes = std::fs::metadata(&path).unwrap().len() as f64 / rows as f64;
        let promised = BYTES_PER_CHOICE + if details { BYTES_OF_DETAILS } else { 0.0 };
        println!("{bytes:.1} bytes a row, promised {promised}");
        // The stimulus table is small but present, and small files have part-filled pages.
        assert!(
            (bytes / promised - 1.0).abs() < 0.1,
            "{bytes} against {promised}"
        );
    }
}
