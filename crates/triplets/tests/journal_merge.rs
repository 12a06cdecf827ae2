//! Journals of shards come together without losing, doubling or hiding anything.

mod journals;

use emotome_stimuli::StimulusSet;
use emotome_stimuli::run::{Interrupt, Progress, Run};
use emotome_triplets::design::{Design, DesignParams};
use emotome_triplets::journal::{
    Agent, Journal, JournalError, JournalWriter, Merged, Record, Stored,
};
use emotome_triplets::{Outcome, Position};
use journals::*;
use std::path::{Path, PathBuf};

/// Shard `index` of `count`, with refusals, failures and replies among the choices.
fn shard(path: &Path, design: &Design, index: u64, count: u64) {
    let mut writer = JournalWriter::create(path, design, &stimuli()).unwrap();
    // Agents have other numbers in every shard.
    for k in 0..index {
        writer.register(&agent(&format!("other {k}"))).unwrap();
    }
    let a = writer.register(&agent("a")).unwrap();
    for number in design.shard(index, count) {
        let trial = design.trial(number).unwrap();
        let reply = format!("trial {number} of {index}");
        let record = |outcome, settles| Record {
            settles,
            latency_ms: Some(number as u32),
            reply: Some(&reply),
            at: Some(AT + number),
            requests: Some(1),
            usage: usage(number as u32),
            ..Record::new(trial, outcome)
        };
        let mut records = Vec::new();
        if number % 7 == 0 {
            records = vec![record(Outcome::Failed, false); 2];
        }
        records.push(match number % 5 {
            0 => record(Outcome::Refused, true),
            _ => record(Outcome::Chosen(odd(&trial)), true),
        });
        writer.append(a, &records).unwrap();
    }
}

/// Everything an agent has, with replies.
fn content(journal: &Journal) -> Vec<(Stored, Option<String>)> {
    let a = journal.agent("a").unwrap();
    let mut rows = Vec::new();
    let mut visit = |row: &Stored| {
        let bare = Stored {
            agent: a,
            reply: None,
            ..*row
        };
        rows.push((bare, row.reply.map(|place| journal.reply(place).unwrap())));
        Ok::<_, JournalError>(())
    };
    journal.for_each_choice(a, &mut visit).unwrap();
    journal.for_each_attempt(a, &mut visit).unwrap();
    rows
}

fn merge(into: &mut JournalWriter, shard: &Path) -> Result<Merged, JournalError> {
    into.merge(shard, &run(&Interrupt::default()))
}

#[test]
fn merged_shards_hold_what_one_journal_would() {
    let place = folder();
    let design = design(400);
    let at = |name: &str| place.path.with_file_name(name);
    shard(&at("whole.db"), &design, 0, 1);
    let shards: Vec<PathBuf> = (0..3).map(|k| at(&format!("shard{k}.db"))).collect();
    for (k, path) in (0..).zip(&shards) {
        shard(path, &design, k, 3);
    }
    let mut writer = JournalWriter::create(at("all.db"), &design, &stimuli()).unwrap();
    let mut total = Merged::default();
    for path in shards.iter().rev().chain(&shards) {
        let merged = merge(&mut writer, path).unwrap();
        total.choices += merged.choices;
        total.attempts += merged.attempts;
        total.already_there += merged.already_there;
        total.attempts_already_there += merged.attempts_already_there;
    }
    // Every shard was merged twice; the second time everything was there.
    assert_eq!(
        (total.already_there, total.attempts_already_there),
        (total.choices, total.attempts)
    );
    let found = verify(&writer);
    assert!(found.is_sound(), "{:?}", found.problems);
    let whole = Journal::open(at("whole.db")).unwrap();
    let number = |text: &Option<String>| {
        text.as_ref()
            .map(|t| t.split(" of").next().unwrap().to_owned())
    };
    let rows = |journal: &Journal| -> Vec<_> {
        let a = journal.agent("a").unwrap();
        let rows = content(journal).into_iter();
        rows.map(|(row, reply)| {
            (
                Stored { agent: a, ..row }.trial,
                row.outcome,
                row.attempt,
                row.latency_ms,
                (row.at, row.usage),
                number(&reply),
            )
        })
        .collect()
    };
    assert_eq!(rows(&writer), rows(&whole));
    assert_eq!(writer.agents().unwrap().len(), 3);
    let standing = |journal: &Journal| journal.standing(journal.agent("a").unwrap()).unwrap();
    assert_eq!(standing(&writer).settled.len(), design.len());
    assert_eq!(standing(&writer).chosen, standing(&whole).chosen);
    assert_eq!(standing(&writer).spent, standing(&whole).spent);
}

#[test]
fn different_choices_are_counted_named_and_refused_whole() {
    let place = folder();
    let design = design(400);
    let at = |name: &str| place.path.with_file_name(name);
    let other = at("other.db");
    let make = |path: &Path, turned: &[u64]| {
        let mut writer = JournalWriter::create(path, &design, &stimuli()).unwrap();
        let a = writer.register(&agent("a")).unwrap();
        let mut records = choices(&design, 100..200);
        for &number in turned {
            let record = &mut records[number as usize - 100];
            let place = (odd(&record.trial).index() + 1) % 3;
            record.outcome = Outcome::Chosen(Position::from_index(place).unwrap());
        }
        records.extend(choices(&design, 300..310));
        writer.append(a, &records).unwrap();
    };
    make(&place.path, &[]);
    make(&other, &[150, 163, 199]);
    let mut writer = JournalWriter::open(&place.path).unwrap();
    let before = content(&writer);
    let error = merge(&mut writer, &other).unwrap_err();
    let JournalError::Conflicts {
        shared,
        conflicts,
        ref examples,
        ..
    } = error
    else {
        panic!("{error}")
    };
    assert_eq!((shared, conflicts, examples[0].number), (110, 3, 150));
    let message = error.to_string();
    assert!(
        message.contains("both hold 110 choices, 3 of them different, e.g. agent \"a\", trial 150: places 0 and 1")
            && message.contains("nothing of the shard was taken over"),
        "{message}"
    );
    assert_eq!(content(&writer), before);
    assert!(verify(&writer).is_sound());
}

#[test]
fn what_does_not_belong_together_is_not_merged() {
    let place = folder();
    let at = |name: &str| place.path.with_file_name(name);
    let short = design(100);
    let mut writer = JournalWriter::create(&place.path, &short, &stimuli()).unwrap();
    writer.register(&agent("a")).unwrap();
    let refused = |writer: &mut JournalWriter, name: &str| merge(writer, &at(name)).unwrap_err();

    let seed = DesignParams {
        seed: 6,
        ..short.params().clone()
    }
    .check()
    .unwrap();
    drop(JournalWriter::create(at("seed.db"), &seed, &stimuli()).unwrap());
    let error = refused(&mut writer, "seed.db");
    assert!(matches!(error, JournalError::OtherDesign { .. }), "{error}");

    let names = StimulusSet::from_labels((0..N).map(|i| format!("clip {i}"))).unwrap();
    drop(JournalWriter::create(at("names.db"), &short, &names).unwrap());
    let error = refused(&mut writer, "names.db");
    assert!(
        matches!(error, JournalError::OtherStimuli { .. }),
        "{error}"
    );

    let mut other = JournalWriter::create(at("agent.db"), &short, &stimuli()).unwrap();
    let changed = Agent {
        revision: "2".to_owned(),
        ..agent("a")
    };
    other.register(&changed).unwrap();
    let error = refused(&mut writer, "agent.db");
    assert!(matches!(error, JournalError::Locked { .. }), "{error}");
    drop(other);
    let error = refused(&mut writer, "agent.db");
    assert!(matches!(error, JournalError::OtherAgent { .. }), "{error}");

    sample(&at("damaged.db"));
    sql(
        &at("damaged.db"),
        "UPDATE choice SET outcome = (outcome + 1) % 3 WHERE key % 16384 = 17",
    );
    let error = refused(&mut writer, "damaged.db");
    assert!(matches!(error, JournalError::Damaged { .. }), "{error}");
    let error = refused(&mut writer, "absent.db");
    assert!(matches!(error, JournalError::Missing { .. }), "{error}");
    let itself = writer.path().to_owned();
    let error = merge(&mut writer, &itself).unwrap_err();
    assert!(matches!(error, JournalError::Locked { .. }), "{error}");

    // A longer run of the same design makes the journal longer.
    sample(&at("long.db"));
    merge(&mut writer, &at("long.db")).unwrap();
    assert_eq!(writer.design().len(), design(9_000).len());
    assert!(verify(&writer).is_sound());
}

/// Asks to stop when the second batch of the merge is stored.
struct StopLater(Interrupt);

impl Progress for StopLater {
    fn begin(&self, stage: &str, _total: Option<u64>) {
        if stage == "merging" {
            self.0.request();
        }
    }
    fn advance(&self, _units: u64) {}
    fn note(&self, _message: &str) {}
    fn end(&self) {}
}

#[test]
fn a_stopped_merge_goes_on() {
    let place = folder();
    let design = design(40_000);
    let long = place.path.with_file_name("long.db");
    let mut writer = JournalWriter::create(&long, &design, &stimuli()).unwrap();
    let a = writer.register(&agent("a")).unwrap();
    writer.append(a, &choices(&design, 0..40_000)).unwrap();
    drop(writer);
    let mut writer = JournalWriter::create(&place.path, &design, &stimuli()).unwrap();
    let interrupt = Interrupt::default();
    let progress = StopLater(interrupt.clone());
    let stopping = Run {
        progress: &progress,
        interrupt: &interrupt,
    };
    let error = writer.merge(&long, &stopping).unwrap_err();
    let JournalError::MergeStopped { done, total, .. } = error else {
        panic!("{error}")
    };
    assert_eq!((done, total), (16_384, 40_000));
    let merged = merge(&mut writer, &long).unwrap();
    assert_eq!(
        (merged.already_there, merged.choices),
        (16_384, 40_000 - 16_384)
    );
    assert!(verify(&writer).is_sound());
}
