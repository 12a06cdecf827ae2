//! Journals keep what they are given, once, and know what is missing.

mod journals;

use emotome_stimuli::run::Interrupt;
use emotome_triplets::journal::{Journal, JournalError, JournalWriter, Record, Stored};
use emotome_triplets::{Cause, Nanos, Outcome, Position, Split};
use journals::*;

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
        assert_eq!((row.at, row.cause), (Some(AT + k), None));
        assert_eq!(row.requests, Some(1 + k as u32 % 2));
        assert_eq!(row.usage, usage(k as u32));
        let reply = journal.reply(row.reply.unwrap()).unwrap();
        assert_eq!(reply, format!("video {} is noticeably different", k % 3));
    }
    let mut attempts = Vec::new();
    let visit = |row: &Stored| {
        attempts.push((row.trial.number - 500, row.cause, row.settles));
        assert_eq!(row.cause.map(Cause::outcome), Some(row.outcome));
        assert_eq!(row.usage, usage(row.trial.number as u32 - 500));
        Ok::<_, JournalError>(())
    };
    journal.for_each_attempt(b, visit).unwrap();
    assert_eq!(attempts.len(), 20);
    assert_eq!(
        attempts[..2],
        [
            (0, Some(Cause::RefusalField), true),
            (1, Some(Cause::ServerError), false)
        ]
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
fn what_an_agent_spent_and_why_it_did_not_choose_is_known_without_its_rows() {
    let place = folder();
    let (a, b) = sample(&place.path);
    let journal = Journal::open(&place.path).unwrap();
    let offline = journal.standing(a).unwrap();
    assert_eq!(offline.spent, Default::default());
    let standing = journal.standing(b).unwrap();
    let causes = [(Cause::RefusalField, 10), (Cause::ServerError, 10)];
    assert_eq!(standing.causes, causes.into());
    let spent = standing.spent;
    let sum = |of: fn(u64) -> u64| (0..60).map(of).sum::<u64>();
    assert_eq!((spent.requests, spent.completion_tokens), (90, 60));
    assert_eq!(spent.prompt_tokens, sum(|k| 700 + k));
    assert_eq!(spent.cached_tokens, 30 * 512);
    let priced = sum(|k| if k % 4 == 0 { 0 } else { 1_000 + k });
    assert_eq!(spent.cost, Nanos(priced));
    assert_eq!((spent.unpriced, spent.uncounted), (15, 0));
}

#[test]
fn trials_that_were_given_up_can_be_asked_again_and_nothing_is_doubled() {
    let place = folder();
    let design = design(40_000);
    let mut writer = JournalWriter::create(&place.path, &design, &stimuli()).unwrap();
    let a = writer.register(&agent("a")).unwrap();
    let trial = |number| design.trial(number).unwrap();
    let ends = |number, cause: Cause| Record {
        cause: Some(cause),
        settles: !cause.is_transient(),
        ..Record::new(trial(number), cause.outcome())
    };
    // A whole segment and some more, so that a trial is opened again in one that has no bits.
    let mut records = choices(&design, (0..20_000).filter(|n| n % 1_000 != 7));
    for number in (7..20_000).step_by(1_000) {
        records.push(ends(number, Cause::ServerError));
        records.push(match number {
            ..10_000 => ends(number, Cause::ContentFilter),
            10_007 => ends(number, Cause::Rejected),
            _ => ends(number, Cause::NoAnswer),
        });
    }
    // Refused at first, without an answer in the end; and one that is answered in the end.
    records.push(ends(1_007, Cause::OffList));
    records.push(Record::new(trial(2_007), Outcome::Chosen(Position::First)));
    writer.append(a, &records).unwrap();
    let refused = |outcome, _: Option<Cause>| outcome == Outcome::Refused;
    let (settled, count) = writer.reopened(a, refused).unwrap();
    let open: Vec<u64> = (0..20_000).filter(|&n| !settled.contains(n)).collect();
    assert_eq!(open, [7, 3_007, 4_007, 5_007, 6_007, 7_007, 8_007, 9_007]);
    assert_eq!((count, settled.next_open(8)), (8, 3_007));
    let malformed = |_, cause| cause == Some(Cause::Rejected);
    assert_eq!(writer.reopened(a, malformed).unwrap().1, 1);

    let before = writer.standing(a).unwrap();
    let late = Record::new(trial(7), Outcome::Chosen(Position::Second));
    let again = ends(3_007, Cause::ContentFilter);
    let transient = ends(4_007, Cause::NoReply);
    writer.append(a, &[late, again, transient]).unwrap();
    let after = writer.standing(a).unwrap();
    assert_eq!(after.choices(), before.choices() + 1);
    assert_eq!(after.causes[&Cause::ContentFilter], 11);
    assert_eq!(after.settled.len(), before.settled.len());
    let (settled, count) = writer.reopened(a, refused).unwrap();
    assert_eq!((count, settled.contains(7)), (7, true));
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
    let run = run(&interrupt);
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
fn an_empty_file_left_by_a_dead_process_becomes_a_journal() {
    let place = folder();
    std::fs::write(&place.path, "").unwrap();
    let writer = JournalWriter::open_or_create(&place.path, &design(1), &stimuli()).unwrap();
    assert!(verify(&writer).is_sound());
}
