//! A journal loses no committed trial: writers killed at random moments, and disks that fill up.

use emotome_stats::random::{CounterRng, Seed};
use emotome_stimuli::StimulusSet;
use emotome_stimuli::run::{Interrupt, Run, Silent};
use emotome_triplets::design::{Design, DesignParams};
use emotome_triplets::journal::{Agent, Journal, JournalError, JournalWriter, Record};
use emotome_triplets::{Outcome, Position};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const JOURNAL: &str = "EMOTOME_TEST_JOURNAL";
const N: usize = 300;

fn design(trials: u64) -> Design {
    DesignParams {
        trials,
        ..DesignParams::new(N, 8)
    }
    .check()
    .unwrap()
}

fn stimuli() -> StimulusSet {
    StimulusSet::from_labels((0..N).map(|i| format!("{i:04}.mp4"))).unwrap()
}

fn sound(journal: &Journal) {
    let interrupt = Interrupt::default();
    let found = journal
        .verify(&Run {
            progress: &Silent,
            interrupt: &interrupt,
        })
        .unwrap();
    assert!(found.is_sound(), "{:?}", found.problems);
}

/// Appends the open trials of `numbers`: choices, and now and then a refusal, with a reply.
fn append(writer: &mut JournalWriter, numbers: std::ops::Range<u64>) -> Result<(), JournalError> {
    let agent = writer.register(&Agent {
        name: "a".to_owned(),
        ..Agent::default()
    })?;
    let settled = writer.standing(agent)?.settled;
    let design = writer.design();
    let replies: Vec<(u64, String)> = numbers
        .filter(|&number| !settled.contains(number))
        .map(|number| {
            (
                number,
                format!("video {} differs, {}", number % 3, number * 7_919),
            )
        })
        .collect();
    let records: Vec<Record<'_>> = replies
        .iter()
        .map(|(number, reply)| {
            let outcome = match number % 10 {
                0 => Outcome::Refused,
                _ => Outcome::Chosen(Position::ALL[(number % 3) as usize]),
            };
            Record {
                reply: Some(reply),
                ..Record::new(design.trial(*number).unwrap(), outcome)
            }
        })
        .collect();
    writer.append(agent, &records).map(|_| ())
}

/// The process that is killed: writes batches of random size and says when each is stored.
#[test]
#[ignore = "started by the test that kills it"]
fn writing_process() {
    let path = std::env::var(JOURNAL).expect("the killing test names the journal");
    let design = design(4_000_000);
    let mut writer = JournalWriter::open_or_create(&path, &design, &stimuli()).unwrap();
    let mut rng = CounterRng::new(Seed(u64::from(std::process::id())), 0);
    let mut next = writer.agent("a").map_or(0, |agent| {
        writer.standing(agent).unwrap().settled.next_open(0)
    });
    while next < design.len() {
        let end = (next + 1 + rng.below(3_000)).min(design.len());
        append(&mut writer, next..end).unwrap();
        println!("stored {next} {end}");
        std::io::stdout().flush().unwrap();
        next = end;
    }
}

#[test]
fn a_writer_killed_at_any_moment_loses_no_committed_trial() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.sqlite");
    let mut rng = CounterRng::new(Seed(2), 0);
    let mut committed = 0;
    let (mut mid_way, kills) = (0, 40);
    for kill in 0..kills {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["writing_process", "--exact", "--ignored", "--nocapture"])
            .env(JOURNAL, &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Some are killed while making or opening the journal, most while writing.
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut stored = lines.map_while(Result::ok).filter_map(|line| {
            let mut words = line.split_once("stored ")?.1.split(' ');
            let mut number = || words.next()?.parse::<u64>().ok();
            Some(number()?..number()?)
        });
        let first = if kill < 5 { None } else { stored.next() };
        std::thread::sleep(Duration::from_micros(rng.below(30_000)));
        child.kill().unwrap();
        child.wait().unwrap();
        let mut batches = 0;
        for range in first.into_iter().chain(stored) {
            assert!(
                range.start <= committed,
                "trials {committed} to {} were lost",
                range.start
            );
            committed = range.end;
            batches += 1;
        }
        mid_way += u32::from(batches > 0);
        // The batch on its way may have been committed without having been reported.
        let found = Journal::open(&path).and_then(|journal| Ok((journal.agent("a")?, journal)));
        match found {
            Ok((agent, journal)) => {
                let settled = journal.standing(agent).unwrap().settled;
                assert!(
                    settled.next_open(0) >= committed,
                    "trials are gone after kill {kill}"
                );
                committed = settled.next_open(0);
                assert_eq!(settled.len(), committed, "a batch was torn");
                if kill % 8 == 7 || kill == kills - 1 {
                    sound(&journal);
                }
            }
            Err(error) => assert_eq!(committed, 0, "after kill {kill}: {error}"),
        }
    }
    println!(
        "{mid_way} of {kills} kills hit a writing process; {committed} trials committed, none lost"
    );
    assert!(mid_way >= 30, "only {mid_way} kills came after a batch");
    let writer = JournalWriter::open(&path).unwrap();
    let died = writer.took_over_from().expect("the last owner was killed");
    assert_ne!(died.pid, std::process::id());
}

/// Fills the disk under a journal, makes room, and goes on.
#[test]
fn a_full_disk_stops_cleanly_and_collection_goes_on_once_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=6m", "tmpfs"])
        .arg(folder.path())
        .output();
    match mounted {
        Ok(output) if output.status.success() => {}
        other => {
            println!(
                "skipped: a small file system cannot be mounted here (needs Linux and root): {other:?}"
            );
            return;
        }
    }
    let unmount = Unmount(folder.path());
    let path = folder.path().join("journal.sqlite");
    let ballast = folder.path().join("ballast");
    std::fs::write(&ballast, vec![1; 3 << 20]).unwrap();
    let design = design(400_000);
    let mut writer = JournalWriter::create(&path, &design, &stimuli()).unwrap();
    let mut next = 0;
    let error = loop {
        match append(&mut writer, next..next + 2_000) {
            Ok(()) => next += 2_000,
            Err(error) => break error,
        }
    };
    println!("full after {next} trials: {error}");
    assert!(matches!(error, JournalError::Full { .. }), "{error:?}");
    assert!(next > 0);
    let stands = |journal: &Journal| {
        let settled = journal
            .standing(journal.agent("a").unwrap())
            .unwrap()
            .settled;
        assert_eq!((settled.next_open(0), settled.len()), (next, next));
    };
    // While it is full: everything is there, and another try fails as cleanly.
    stands(&writer);
    assert!(matches!(
        append(&mut writer, next..next + 2_000),
        Err(JournalError::Full { .. })
    ));
    drop(writer);
    stands(&Journal::open(&path).unwrap());
    std::fs::remove_file(&ballast).unwrap();
    let mut writer = JournalWriter::open(&path).unwrap();
    stands(&writer);
    append(&mut writer, next..next + 2_000).unwrap();
    sound(&writer);
    drop(writer);
    drop(unmount);
}

struct Unmount<'a>(&'a Path);

impl Drop for Unmount<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).output();
    }
}
