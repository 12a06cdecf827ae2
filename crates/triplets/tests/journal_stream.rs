//! A journal read trial by trial says the same as its two tables.

mod journals;

use emotome_triplets::journal::{Journal, JournalError, JournalWriter, Record};
use emotome_triplets::{Cause, Outcome, Position, Trial};
use journals::{agent, design, folder, stimuli};

/// Some trials fail once or twice before they are answered, some for good, some are never asked.
fn answers(trial: Trial) -> Vec<Record<'static>> {
    let failed = |settles| Record {
        cause: Some(Cause::ServerError),
        settles,
        ..Record::new(trial, Outcome::Failed)
    };
    let chosen = Record::new(trial, Outcome::Chosen(Position::Second));
    match trial.number % 5 {
        0 => vec![chosen],
        1 => vec![failed(false), chosen],
        2 => vec![failed(false), failed(false), chosen],
        3 => vec![failed(false), failed(true)],
        _ => vec![],
    }
}

#[test]
fn trials_come_in_order_with_all_their_records_and_the_choice_last() {
    let folder = folder();
    // More than two windows of 16,384 trials.
    let design = design(33_500);
    let mut writer = JournalWriter::create(&folder.path, &design, &stimuli()).unwrap();
    let [other, id] = ["other", "a"].map(|name| writer.register(&agent(name)).unwrap());
    let first = design.trial(0).unwrap();
    writer
        .append(other, &[Record::new(first, Outcome::Invalid)])
        .unwrap();
    for attempt in 0..3 {
        let batch: Vec<Record<'_>> = design
            .trials()
            .filter_map(|trial| answers(trial).into_iter().nth(attempt))
            .collect();
        writer.append(id, &batch).unwrap();
    }
    drop(writer);
    let journal = Journal::open(&folder.path).unwrap();
    let mut asked = design.trials().filter(|trial| trial.number % 5 != 4);
    journal
        .for_each_trial(id, |records| -> Result<(), JournalError> {
            let trial = asked.next().unwrap();
            let expected = answers(trial);
            assert_eq!(records.len(), expected.len());
            for (k, (found, expected)) in records.iter().zip(&expected).enumerate() {
                assert_eq!((found.trial, found.outcome), (trial, expected.outcome));
                let is_choice = expected.outcome.chosen().is_some();
                assert_eq!(found.attempt as usize, if is_choice { 0 } else { k });
            }
            Ok(())
        })
        .unwrap();
    assert_eq!(asked.next(), None);
    let mut visits = 0;
    let stop = journal.for_each_trial(id, |_| {
        visits += 1;
        Err(JournalError::Interrupted)
    });
    assert!(matches!(stop, Err(JournalError::Interrupted)) && visits == 1);
}
