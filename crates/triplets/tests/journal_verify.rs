//! Verification notices every change, and no damage makes a journal panic.

mod journals;

use emotome_stimuli::run::Interrupt;
use emotome_triplets::journal::{Journal, JournalError, Problem};
use journals::*;

/// Every way of changing a journal from outside is found, and named.
#[test]
fn verification_finds_every_planted_change() {
    type Named = fn(&Problem) -> bool;
    let row: Named = |p| matches!(p, Problem::Row { number: 17, .. });
    let sum: Named = |p| matches!(p, Problem::Sum { first: 0, .. });
    let changes: [(&str, Named); 22] = [
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
        ("UPDATE choice SET cost = 0 WHERE key % 16384 = 504", sum),
        ("UPDATE choice SET at = at + 1 WHERE key % 16384 = 504", sum),
        (
            "UPDATE choice SET requests = -1 WHERE key % 16384 = 17",
            row,
        ),
        ("UPDATE attempt SET cause = NULL", sum),
        ("UPDATE attempt SET cause = 48 WHERE outcome = 5", |p| {
            matches!(p, Problem::Row { .. })
        }),
        ("UPDATE spent SET cost = cost - 1", |p| {
            matches!(p, Problem::Spent { what: "cost", .. })
        }),
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
                let run = run(&interrupt);
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
    let run = run(&interrupt);
    assert!(matches!(
        journal.verify(&run).unwrap_err(),
        JournalError::Interrupted
    ));
}
