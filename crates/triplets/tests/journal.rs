//! Journals keep what they are given, once; refuse what does not belong; notice every change.

use emotome_stimuli::run::{Interrupt, Run, Silent};
use emotome_stimuli::{StimulusId, StimulusSet};
use emotome_triplets::design::{CeilingParams, Design, DesignParams};
use emotome_triplets::journal::{
    Agent, AgentId, Journal, JournalError, JournalWriter, MAX_REPLY, Problem, Record, Stored,
    Verification,
};
use emotome_triplets::{Outcome, Position, Split, Trial, Triplet};
use std::path::{Path, PathBuf};

const N: usize = 40;

fn design(trials: u64) -> Design {
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

fn stimuli() -> StimulusSet {
    StimulusSet::from_labels((0..N).map(|i| format!("scene {i}"))).unwrap()
}

fn agent(name: &str) -> Agent {
    Agent {
        name: name.to_owned(),
        model: "planted".to_owned(),
        revision: "1".to_owned(),
        settings: r#"{"temperature":0}"#.to_owned(),
    }
}

struct Folder {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

fn folder() -> Folder {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.sqlite");
    Folder {
        _folder: folder,
        path,
    }
}

fn verify(journal: &Journal) -> Verification {
    let interrupt = Interrupt::default();
    journal
        .verify(&Run {
            progress: &Silent,
            interrupt: &interrupt,
        })
        .unwrap()
}

fn odd(trial: &Trial) -> Position {
    Position::ALL[(trial.number % 3) as usize]
}

fn choices(design: &Design, numbers: impl IntoIterator<Item = u64>) -> Vec<Record<'static>> {
    let trials = numbers.into_iter().map(|t| design.trial(t).unwrap());
    trials
        .map(|trial| Record::new(trial, Outcome::Chosen(odd(&trial))))
        .collect()
}

fn stored(journal: &Journal, agent: AgentId) -> Vec<Stored> {
    let mut rows = Vec::new();
    journal
        .for_each_choice(agent, |row| {
            rows.push(*row);
            Ok::<_, JournalError>(())
        })
        .unwrap();
    rows
}

fn sql(path: &Path, statement: &str) {
    let db = rusqlite::Connection::open(path).unwrap();
    db.execute_batch(statement).unwrap();
}

/// A journal with 1,000 choices of one agent, some attempts and replies of another.
fn sample(path: &Path) -> (AgentId, AgentId) {
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
            Record {
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

#[test]
fn everything_recorded_is_read_back_unchanged() {
    let place = folder();
    let (_, b) = sample(&place.path);
    let journal = Journal::open(&place.path).unwrap();
    assert_eq!(journal.stimuli().unwrap(), stimuli());
    assert_eq!(journal.agents().unwrap()[1].1, agent("b"));
    assert_eq!(journal.agent("b").unwrap(), b);
    let rows = stored(&journal, b);
    assert_eq!(rows.len(), 40);
    for row in &rows {
        let k = row.trial.number - 500;
        assert_eq!(Some(row.trial), journal.design().trial(row.trial.number));
        assert_eq!(row.outcome, Outcome::Chosen(odd(&row.trial)));
        assert_eq!(row.probabilities, Some([0.5, 0.25, 0.25]));
        assert_eq!((row.latency_ms, row.seed), (Some(k as u32), Some(k)));
        assert_eq!(row.prompt, Some(u64::MAX - k));
        let reply = journal.reply(row.reply.unwrap()).unwrap();
        assert_eq!(reply, format!("video {} is noticeably different", k % 3));
    }
    let mut attempts = Vec::new();
    let visit = |row: &Stored| {
        attempts.push((row.trial.number - 500, row.outcome, row.settles));
        Ok::<_, JournalError>(())
    };
    journal.for_each_attempt(b, visit).unwrap();
    assert_eq!(attempts.len(), 20);
    assert_eq!(
        attempts[..2],
        [(0, Outcome::Refused, true), (1, Outcome::Failed, false)]
    );
    let found = verify(&journal);
    assert!(found.is_sound(), "{:?}", found.problems);
    assert_eq!(
        (found.choices, found.attempts, found.replies),
        (1_040, 20, 60)
    );
}

#[test]
fn a_trial_is_chosen_once_and_open_until_it_is_settled() {
    let place = folder();
    let design = design(100);
    let mut writer = JournalWriter::create(&place.path, &design, &stimuli()).unwrap();
    let a = writer.register(&agent("a")).unwrap();
    let trial = design.trial(7).unwrap();
    let failed = Record {
        settles: false,
        ..Record::new(trial, Outcome::TimedOut)
    };
    let appended = writer.append(a, &[failed.clone(), failed]).unwrap();
    assert_eq!((appended.attempts, appended.choices), (2, 0));
    assert!(!writer.standing(a).unwrap().settled.contains(7));
    let first = Record::new(trial, Outcome::Chosen(Position::First));
    let second = Record::new(trial, Outcome::Chosen(Position::Second));
    let appended = writer.append(a, &[first.clone(), second.clone()]).unwrap();
    assert_eq!((appended.choices, appended.already_there), (1, 1));
    drop(writer);
    let mut writer = JournalWriter::open(&place.path).unwrap();
    assert_eq!(writer.append(a, &[second]).unwrap().already_there, 1);
    assert_eq!(
        stored(&writer, a)[0].outcome,
        Outcome::Chosen(Position::First)
    );
    let standing = writer.standing(a).unwrap();
    assert_eq!(
        (standing.chosen, standing.count(Outcome::TimedOut)),
        ([1, 0, 0], 2)
    );
    assert_eq!(
        (standing.settled.len(), standing.settled.contains(7)),
        (1, true)
    );

    // Given up, then answered after all.
    let trial = design.trial(8).unwrap();
    writer
        .append(a, &[Record::new(trial, Outcome::Refused)])
        .unwrap();
    assert!(writer.standing(a).unwrap().settled.contains(8));
    let late = Record::new(trial, Outcome::Chosen(Position::Third));
    assert_eq!(writer.append(a, &[late]).unwrap().choices, 1);
    let found = verify(&writer);
    assert!(found.is_sound(), "{:?}", found.problems);
}

#[test]
fn the_database_itself_refuses_a_second_choice() {
    let place = folder();
    sample(&place.path);
    let db = rusqlite::Connection::open(&place.path).unwrap();
    let again = "INSERT INTO choice SELECT * FROM choice LIMIT 1";
    assert!(
        db.execute(again, [])
            .unwrap_err()
            .to_string()
            .contains("UNIQUE")
    );
}

#[test]
fn resuming_knows_the_missing_trials_in_any_order_of_collection() {
    let place = folder();
    let design = design(40_000);
    let mut writer = JournalWriter::create(&place.path, &design, &stimuli()).unwrap();
    let a = writer.register(&agent("a")).unwrap();
    let shard: Vec<u64> = design.shard(1, 3).collect();
    writer
        .append(a, &choices(&design, shard.iter().copied()))
        .unwrap();
    writer.append(a, &choices(&design, 20_000..30_000)).unwrap();
    drop(writer);
    let journal = Journal::open(&place.path).unwrap();
    let settled = journal.standing(a).unwrap().settled;
    for number in 0..design.len() {
        let expected = number % 3 == 1 || (20_000..30_000).contains(&number);
        assert_eq!(settled.contains(number), expected, "trial {number}");
    }
    assert_eq!(
        (
            settled.next_open(0),
            settled.next_open(1),
            settled.next_open(20_000)
        ),
        (0, 2, 30_000)
    );
    assert!(verify(&journal).is_sound());
}

/// Ten million rows must not be counted to resume: where an agent stands is kept beside the rows.
#[test]
fn resuming_reads_no_rows() {
    let place = folder();
    let (a, b) = sample(&place.path);
    let standings = || {
        let journal = Journal::open(&place.path).unwrap();
        [a, b].map(|agent| journal.standing(agent).unwrap())
    };
    let before = standings();
    assert_eq!(before[0].choices(), 1_000);
    assert_eq!(before[1].count(Outcome::Refused), 10);
    sql(&place.path, "DELETE FROM choice; DELETE FROM attempt");
    assert_eq!(standings(), before);
}

#[test]
fn choices_are_exported_whole_or_by_split() {
    let place = folder();
    let (a, _) = sample(&place.path);
    let journal = Journal::open(&place.path).unwrap();
    let interrupt = Interrupt::default();
    let run = Run {
        progress: &Silent,
        interrupt: &interrupt,
    };
    let all = journal.choices(a, None, &run).unwrap();
    assert_eq!((all.len(), all.n_stimuli()), (1_000, N));
    for (choice, row) in all.choices().iter().zip(stored(&journal, a)) {
        assert_eq!(
            (choice.triplet, choice.odd),
            (row.trial.triplet, odd(&row.trial))
        );
    }
    let ceiling = journal.choices(a, Some(&[Split::Ceiling]), &run).unwrap();
    assert!(
        ceiling.len() >= 90 && ceiling.len() < 100,
        "{}",
        ceiling.len()
    );
}

#[test]
fn what_does_not_belong_to_the_design_is_refused() {
    let place = folder();
    let design = design(100);
    let mut writer = JournalWriter::create(&place.path, &design, &stimuli()).unwrap();
    let a = writer.register(&agent("a")).unwrap();
    let good = design.trial(3).unwrap();
    let items = good.triplet.items();
    let swapped = Triplet::new([items[1], items[0], items[2]]).unwrap();
    let other = Triplet::new([0, 1, 39].map(StimulusId)).unwrap();
    for wrong in [
        Trial {
            triplet: swapped,
            ..good
        },
        Trial {
            triplet: other,
            ..good
        },
        Trial {
            replicate: 9,
            ..good
        },
        Trial {
            number: design.len(),
            ..good
        },
    ] {
        let batch = [
            Record::new(good, Outcome::Invalid),
            Record::new(wrong, Outcome::Invalid),
        ];
        let error = writer.append(a, &batch).unwrap_err();
        assert!(matches!(error, JournalError::OtherTrial { .. }), "{error}");
    }
    let far = Trial {
        number: u64::MAX,
        ..good
    };
    let error = writer
        .append(a, &[Record::new(far, Outcome::Failed)])
        .unwrap_err();
    assert!(matches!(error, JournalError::Limit { .. }), "{error}");
    let long = "x".repeat(MAX_REPLY + 1);
    let record = Record {
        reply: Some(&long),
        ..Record::new(good, Outcome::Invalid)
    };
    assert!(matches!(
        writer.append(a, &[record]).unwrap_err(),
        JournalError::Limit { .. }
    ));
    assert!(
        writer.standing(a).unwrap().settled.is_empty(),
        "a refused batch left something"
    );
    assert!(verify(&writer).is_sound());
}

#[test]
fn an_agent_may_not_change_under_its_name() {
    let place = folder();
    sample(&place.path);
    let mut writer = JournalWriter::open(&place.path).unwrap();
    assert_eq!(
        writer.register(&agent("a")).unwrap(),
        writer.agent("a").unwrap()
    );
    let changed = Agent {
        revision: "2".to_owned(),
        ..agent("a")
    };
    let error = writer.register(&changed).unwrap_err().to_string();
    assert!(
        error.contains("revision \"1\" so far and now has \"2\""),
        "{error}"
    );
    let error = writer.agent("c").unwrap_err().to_string();
    assert!(error.contains(r#"["a", "b"]"#), "{error}");
}

#[test]
fn a_second_writer_is_refused_with_the_process_that_writes_and_readers_are_not() {
    let place = folder();
    let design = design(100);
    let mut writer = JournalWriter::create(&place.path, &design, &stimuli()).unwrap();
    let a = writer.register(&agent("a")).unwrap();
    let error = JournalWriter::open(&place.path).unwrap_err();
    let JournalError::Locked { owner, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(owner.pid, std::process::id());
    assert!(
        error
            .to_string()
            .contains(&format!("process {} on {}", owner.pid, owner.host))
    );
    let reader = Journal::open(&place.path).unwrap();
    writer.append(a, &choices(&design, 0..10)).unwrap();
    assert_eq!(reader.standing(a).unwrap().choices(), 10);
    drop(writer);
    let again = JournalWriter::open(&place.path).unwrap();
    assert_eq!(
        again.took_over_from(),
        None,
        "the last writer closed properly"
    );
}

#[test]
fn a_journal_goes_on_under_its_own_design_and_stimuli_only() {
    let place = folder();
    let short = design(100);
    let mut writer = JournalWriter::open_or_create(&place.path, &short, &stimuli()).unwrap();
    let a = writer.register(&agent("a")).unwrap();
    writer.append(a, &choices(&short, 0..50)).unwrap();
    drop(writer);
    assert!(matches!(
        JournalWriter::create(&place.path, &short, &stimuli()).unwrap_err(),
        JournalError::Exists { .. }
    ));
    let long = design(500);
    let mut writer = JournalWriter::open_or_create(&place.path, &long, &stimuli()).unwrap();
    writer.append(a, &choices(&long, 400..450)).unwrap();
    drop(writer);
    let writer = JournalWriter::open_or_create(&place.path, &short, &stimuli()).unwrap();
    assert_eq!(
        writer.design().len(),
        long.len(),
        "a shorter request keeps the longer design"
    );
    assert!(verify(&writer).is_sound());
    drop(writer);
    let seed = DesignParams {
        seed: 6,
        ..short.params().clone()
    }
    .check()
    .unwrap();
    let error = JournalWriter::open_or_create(&place.path, &seed, &stimuli()).unwrap_err();
    assert!(matches!(error, JournalError::OtherDesign { .. }), "{error}");
    let labels = (0..N).map(|i| {
        if i == 7 {
            "fog".to_owned()
        } else {
            format!("scene {i}")
        }
    });
    let renamed = StimulusSet::from_labels(labels).unwrap();
    let error = JournalWriter::open_or_create(&place.path, &short, &renamed).unwrap_err();
    assert!(
        error.to_string().contains(r#""scene 7" as stimulus 7"#),
        "{error}"
    );
}

#[test]
fn files_that_are_no_journals_are_refused_and_left_alone() {
    let place = folder();
    let refused = |what: &str| {
        let before = std::fs::read(&place.path).unwrap();
        let read = Journal::open(&place.path).unwrap_err();
        let write = JournalWriter::open_or_create(&place.path, &design(1), &stimuli()).unwrap_err();
        for error in [read, write] {
            let known = matches!(
                error,
                JournalError::NotAJournal { .. } | JournalError::Newer { .. }
            );
            assert!(known && error.to_string().contains(what), "{error}");
        }
        assert_eq!(std::fs::read(&place.path).unwrap(), before);
    };
    assert!(matches!(
        Journal::open(&place.path).unwrap_err(),
        JournalError::Missing { .. }
    ));
    assert!(matches!(
        JournalWriter::open(&place.path).unwrap_err(),
        JournalError::Missing { .. }
    ));
    std::fs::write(&place.path, "trial\tchoice\n".repeat(100)).unwrap();
    refused("no SQLite database");
    std::fs::remove_file(&place.path).unwrap();
    sql(&place.path, "CREATE TABLE other (x)");
    refused("without a mark");
    std::fs::remove_file(&place.path).unwrap();
    sample(&place.path);
    sql(
        &place.path,
        "PRAGMA user_version = 9; PRAGMA wal_checkpoint(TRUNCATE)",
    );
    refused("format 9");
    let folder = place.path.parent().unwrap();
    assert!(matches!(
        Journal::open(folder).unwrap_err(),
        JournalError::NotAJournal { .. }
    ));
}

#[test]
fn an_empty_file_left_by_a_dead_process_becomes_a_journal() {
    let place = folder();
    std::fs::write(&place.path, "").unwrap();
    let writer = JournalWriter::open_or_create(&place.path, &design(1), &stimuli()).unwrap();
    assert!(verify(&writer).is_sound());
}

/// Every way of changing a journal from outside is found, and named.
#[test]
fn verification_finds_every_planted_change() {
    type Named = fn(&Problem) -> bool;
    let row: Named = |p| matches!(p, Problem::Row { number: 17, .. });
    let sum: Named = |p| matches!(p, Problem::Sum { first: 0, .. });
    let changes: [(&str, Named); 16] = [
        (
            "UPDATE choice SET outcome = (outcome + 1) % 3 WHERE key % 16384 = 17",
            sum,
        ),
        ("UPDATE choice SET a = b, b = a WHERE key % 16384 = 17", row),
        ("UPDATE choice SET a = 4000 WHERE key % 16384 = 17", row),
        ("UPDATE choice SET a = b WHERE key % 16384 = 17", row),
        ("UPDATE choice SET split = 9 WHERE key % 16384 = 17", row),
        (
            "UPDATE choice SET replicate = replicate + 1 WHERE key % 16384 = 17",
            row,
        ),
        ("UPDATE choice SET p = x'00' WHERE key % 16384 = 17", row),
        (
            "UPDATE choice SET latency_ms = 1 WHERE key % 16384 = 17",
            sum,
        ),
        ("DELETE FROM choice WHERE key % 16384 = 17", sum),
        ("DELETE FROM attempt WHERE outcome = 5", sum),
        ("DELETE FROM segment", sum),
        ("UPDATE segment SET bits = zeroblob(2048)", sum),
        ("UPDATE segment SET bits = x'01'", sum),
        ("UPDATE tally SET n = n + 1 WHERE outcome = 7", |p| {
            matches!(p, Problem::Tally { outcome: 7, .. })
        }),
        ("UPDATE reply SET zstd = zeroblob(40)", |p| {
            matches!(p, Problem::Reply { .. })
        }),
        ("DELETE FROM stimulus WHERE id = 3", |p| {
            matches!(p, Problem::Names { .. })
        }),
    ];
    for (change, named) in changes {
        let place = folder();
        sample(&place.path);
        assert!(verify(&Journal::open(&place.path).unwrap()).is_sound());
        sql(&place.path, change);
        let found = verify(&Journal::open(&place.path).unwrap());
        assert!(
            found.problems.iter().any(named),
            "{change}: {:?}",
            found.problems
        );
    }
    let place = folder();
    sample(&place.path);
    sql(
        &place.path,
        "DROP TABLE tally; CREATE TABLE tally (agent, outcome, n)",
    );
    let found = verify(&Journal::open(&place.path).unwrap());
    assert!(
        found
            .problems
            .iter()
            .any(|p| matches!(p, Problem::Table { table } if table == "tally"))
    );
    let place = folder();
    sample(&place.path);
    sql(
        &place.path,
        r#"UPDATE design SET params = replace(params, '"seed":5', '"seed":6')"#,
    );
    assert!(matches!(
        Journal::open(&place.path).unwrap_err(),
        JournalError::Damaged { .. }
    ));
}

/// Any byte may be wrong: no panic, no hang, and no wrong row without a word.
#[test]
fn flipped_bytes_are_noticed_or_harmless_and_never_panic() {
    let place = folder();
    let (a, b) = sample(&place.path);
    sql(&place.path, "PRAGMA wal_checkpoint(TRUNCATE)");
    let sound = std::fs::read(&place.path).unwrap();
    let rows = |journal: &Journal| [stored(journal, a), stored(journal, b)];
    let expected = rows(&Journal::open(&place.path).unwrap());
    let mut noticed = 0;
    let total = 150;
    for k in 0..total {
        let mut bytes = sound.clone();
        let at = k * 7_919 * 131 % bytes.len();
        bytes[at] ^= 0x5a;
        std::fs::write(&place.path, &bytes).unwrap();
        let sound_still = match Journal::open(&place.path) {
            Err(_) => false,
            Ok(journal) => {
                let interrupt = Interrupt::default();
                let run = Run {
                    progress: &Silent,
                    interrupt: &interrupt,
                };
                let is_sound = journal.verify(&run).is_ok_and(|found| found.is_sound());
                if is_sound {
                    assert_eq!(rows(&journal), expected, "byte {at}");
                }
                is_sound
            }
        };
        noticed += u32::from(!sound_still);
    }
    println!("{noticed} of {total} flipped bytes noticed; the others lie in unused space");
    assert!(noticed > 20);
    for cut in [100, 8_192, sound.len() / 2, sound.len() - 1] {
        std::fs::write(&place.path, &sound[..cut]).unwrap();
        if let Ok(journal) = Journal::open(&place.path)
            && verify(&journal).is_sound()
        {
            // A missing zero at the very end is read as zero.
            assert_eq!((cut, rows(&journal)), (sound.len() - 1, expected.clone()));
        }
    }
}

#[test]
fn a_stop_request_ends_verification_and_export() {
    let place = folder();
    sample(&place.path);
    let journal = Journal::open(&place.path).unwrap();
    let interrupt = Interrupt::default();
    interrupt.request();
    let run = Run {
        progress: &Silent,
        interrupt: &interrupt,
    };
    assert!(matches!(
        journal.verify(&run).unwrap_err(),
        JournalError::Interrupted
    ));
}
