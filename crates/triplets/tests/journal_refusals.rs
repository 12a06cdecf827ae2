//! Journals refuse what does not belong: trials, agents, designs, second writers, other files.

mod journals;

use emotome_stimuli::{StimulusId, StimulusSet};
use emotome_triplets::design::DesignParams;
use emotome_triplets::journal::{Agent, Journal, JournalError, JournalWriter, MAX_REPLY, Record};
use emotome_triplets::{Cause, Outcome, Trial, Triplet};
use journals::*;

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
    let record = Record {
        cause: Some(Cause::NoReply),
        ..Record::new(good, Outcome::Refused)
    };
    let error = writer.append(a, &[record]).unwrap_err();
    let message = "given as refused with the cause no-reply, which is a kind of timeout";
    assert!(error.to_string().contains(message), "{error}");
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
                JournalError::NotAJournal { .. }
                    | JournalError::Newer { .. }
                    | JournalError::Older { .. }
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
    sql(
        &place.path,
        "PRAGMA user_version = 1; PRAGMA wal_checkpoint(TRUNCATE)",
    );
    refused("format 1, which no release wrote");
    for (change, what) in [
        ("DROP TABLE tally", "table tally is not as"),
        (
            "DROP TABLE tally; CREATE TABLE tally (agent, outcome, n)",
            "table tally is not as",
        ),
        (
            "CREATE VIEW more AS SELECT * FROM choice",
            "view more is not as",
        ),
        (
            "CREATE TRIGGER more AFTER INSERT ON choice BEGIN DELETE FROM choice; END",
            "trigger more is not as",
        ),
    ] {
        std::fs::remove_file(&place.path).unwrap();
        sample(&place.path);
        sql(&place.path, change);
        sql(&place.path, "PRAGMA wal_checkpoint(TRUNCATE)");
        refused(what);
    }
    let folder = place.path.parent().unwrap();
    assert!(matches!(
        Journal::open(folder).unwrap_err(),
        JournalError::NotAJournal { .. }
    ));
}
