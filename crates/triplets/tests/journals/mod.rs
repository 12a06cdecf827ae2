//! Journals to test with, and what to ask them.

#![allow(dead_code, reason = "each file of tests uses some")]
#![allow(unreachable_pub, reason = "a module of tests")]

use emotome_stimuli::StimulusSet;
use emotome_stimuli::run::{Interrupt, Run, Silent};
use emotome_triplets::design::{CeilingParams, Design, DesignParams};
use emotome_triplets::journal::{
    Agent, AgentId, Journal, JournalError, JournalWriter, Record, Stored, Verification,
};
use emotome_triplets::{Cause, Nanos, Outcome, Position, Trial, Usage};
use std::path::{Path, PathBuf};

pub const N: usize = 40;

pub fn design(trials: u64) -> Design {
    let ceiling = Some(CeilingParams {
        triplets: 10,
        same_order: 3,
        all_orders: 6,
    });
    DesignParams {
        trials,
        ceiling,
        ..DesignParams::new(N, 5)
    }
    .check()
    .unwrap()
}

pub fn stimuli() -> StimulusSet {
    StimulusSet::from_labels((0..N).map(|i| format!("scene {i}"))).unwrap()
}

pub fn agent(name: &str) -> Agent {
    Agent {
        name: name.to_owned(),
        model: "planted".to_owned(),
        revision: "1".to_owned(),
        settings: r#"{"temperature":0}"#.to_owned(),
    }
}

pub struct Folder {
    _folder: tempfile::TempDir,
    pub path: PathBuf,
}

pub fn folder() -> Folder {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.sqlite");
    Folder {
        _folder: folder,
        path,
    }
}

pub fn run(interrupt: &Interrupt) -> Run<'_> {
    Run {
        progress: &Silent,
        interrupt,
    }
}

pub fn verify(journal: &Journal) -> Verification {
    journal.verify(&run(&Interrupt::default())).unwrap()
}

pub fn odd(trial: &Trial) -> Position {
    Position::ALL[(trial.number % 3) as usize]
}

pub fn choices(design: &Design, numbers: impl IntoIterator<Item = u64>) -> Vec<Record<'static>> {
    let trials = numbers.into_iter().map(|t| design.trial(t).unwrap());
    trials
        .map(|trial| Record::new(trial, Outcome::Chosen(odd(&trial))))
        .collect()
}

pub fn stored(journal: &Journal, agent: AgentId) -> Vec<Stored> {
    let mut rows = Vec::new();
    journal
        .for_each_choice(agent, |row| {
            rows.push(*row);
            Ok::<_, JournalError>(())
        })
        .unwrap();
    rows
}

pub fn sql(path: &Path, statement: &str) {
    let db = rusqlite::Connection::open(path).unwrap();
    db.execute_batch(statement).unwrap();
}

/// When the first answer of the sample was complete.
pub const AT: u64 = 1_800_000_000_000;

/// What the answers of the sample took: every fourth has no known price.
pub fn usage(k: u32) -> Usage {
    Usage {
        prompt_tokens: Some(700 + k),
        cached_tokens: k.is_multiple_of(2).then_some(512),
        completion_tokens: Some(1),
        cost: (!k.is_multiple_of(4)).then_some(Nanos(1_000 + u64::from(k))),
    }
}

/// A journal with 1,000 choices of one agent, some attempts and replies of another.
pub fn sample(path: &Path) -> (AgentId, AgentId) {
    let design = design(9_000);
    let mut writer = JournalWriter::create(path, &design, &stimuli()).unwrap();
    let a = writer.register(&agent("a")).unwrap();
    let b = writer.register(&agent("b")).unwrap();
    writer.append(a, &choices(&design, 0..1_000)).unwrap();
    let replies: Vec<String> = (0..60)
        .map(|k| format!("video {} is noticeably different", k % 3))
        .collect();
    let records: Vec<Record<'_>> = replies
        .iter()
        .enumerate()
        .map(|(k, reply)| {
            let trial = design.trial(500 + k as u64).unwrap();
            let outcome = match k % 6 {
                0 => Outcome::Refused,
                1 => Outcome::Failed,
                _ => Outcome::Chosen(odd(&trial)),
            };
            let cause = match outcome {
                Outcome::Refused => Some(Cause::RefusalField),
                Outcome::Failed => Some(Cause::ServerError),
                _ => None,
            };
            Record {
                cause,
                at: Some(AT + k as u64),
                requests: Some(1 + k as u32 % 2),
                usage: usage(k as u32),
                settles: k % 6 != 1,
                probabilities: Some([0.5, 0.25, 0.25]),
                latency_ms: Some(k as u32),
                prompt: Some(u64::MAX - k as u64),
                seed: Some(k as u64),
                reply: Some(reply),
                ..Record::new(trial, outcome)
            }
        })
        .collect();
    writer.append(b, &records).unwrap();
    (a, b)
}
