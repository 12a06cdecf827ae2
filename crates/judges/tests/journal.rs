//! A collection into a journal, cut short and taken up again, holds what an uncut one holds.

use emotome_judges::collect::collect;
use emotome_judges::journal_sink::JournalSink;
use emotome_judges::simulated::{Declining, PlantParams, ResponseParams, SimulatedJudge};
use emotome_judges::{Judge, Judgment};
use emotome_stats::random::Seed;
use emotome_stimuli::StimulusSet;
use emotome_stimuli::run::{Interrupt, Run, Silent};
use emotome_triplets::design::{CeilingParams, DesignParams};
use emotome_triplets::journal::{JournalError, JournalWriter};
use emotome_triplets::{Choice, Outcome, Trial};

const N: usize = 40;

fn agent() -> impl Judge {
    let weights = PlantParams::new(N, 4).plant(Seed(1)).unwrap();
    let inner = SimulatedJudge::new(weights.view(), ResponseParams::default(), Seed(2)).unwrap();
    Declining::new(inner, Outcome::Refused, vec![0.01; N], Seed(3)).unwrap()
}

#[test]
fn a_collection_resumed_from_its_journal_is_complete_and_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.sqlite");
    let ceiling = CeilingParams {
        triplets: 50,
        same_order: 2,
        all_orders: 6,
    };
    let params = DesignParams {
        trials: 9_000,
        ceiling: Some(ceiling),
        ..DesignParams::new(N, 5)
    };
    let design = params.check().unwrap();
    let stimuli = StimulusSet::from_labels((0..N).map(|i| format!("s{i}"))).unwrap();
    let interrupt = Interrupt::default();
    let run = Run {
        progress: &Silent,
        interrupt: &interrupt,
    };
    let (judge, trial_at) = (agent(), |t| design.trial(t));

    let mut expected: Vec<(Trial, Judgment)> = Vec::new();
    collect(&judge, trial_at, 0..design.len(), &mut expected, run).unwrap();

    let mut writer = JournalWriter::create(&path, &design, &stimuli).unwrap();
    let mut sink = JournalSink::new(&mut writer, "simulated", "none", &judge.describe()).unwrap();
    let first = collect(&judge, trial_at, design.shard(1, 3), &mut sink, run).unwrap();
    drop(writer);
    let mut writer = JournalWriter::open(&path).unwrap();
    let mut sink = JournalSink::new(&mut writer, "simulated", "none", &judge.describe()).unwrap();
    let rest = collect(&judge, trial_at, 0..design.len(), &mut sink, run).unwrap();
    assert_eq!(rest.skipped, first.judged);
    assert_eq!(rest.judged + first.judged, design.len());

    let id = writer.agent("simulated").unwrap();
    let mut stored = Vec::new();
    writer
        .for_each_choice::<JournalError>(id, |row| {
            stored.push((
                row.trial,
                Choice {
                    triplet: row.trial.triplet,
                    odd: row.outcome.chosen().unwrap(),
                },
            ));
            Ok(())
        })
        .unwrap();
    stored.sort_by_key(|(trial, _)| trial.number);
    let chosen: Vec<(Trial, Choice)> = expected
        .iter()
        .filter_map(|(trial, judgment)| {
            Some((
                *trial,
                Choice {
                    triplet: trial.triplet,
                    odd: judgment.outcome.chosen()?,
                },
            ))
        })
        .collect();
    assert!(stored == chosen, "the journal differs from memory");
    let refused = expected.len() - chosen.len();
    assert_eq!(
        writer.standing(id).unwrap().count(Outcome::Refused),
        refused as u64
    );

    let other = SimulatedJudge::uniform(N, Seed(9)).unwrap().describe();
    let error = JournalSink::new(&mut writer, "simulated", "none", &other).unwrap_err();
    assert!(matches!(error, JournalError::OtherAgent { .. }), "{error}");
}
