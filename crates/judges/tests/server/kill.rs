//! Processes that die while they ask, and disks that fill up: no trial is lost, none is doubled.

use crate::support::*;
use emotome_judges::server::{Endpoint, Stop};
use emotome_stats::random::{CounterRng, Seed};
use emotome_triplets::Outcome;
use emotome_triplets::journal::{Journal, JournalError};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const JOURNAL: &str = "EMOTOME_TEST_JOURNAL";
const SERVER: &str = "EMOTOME_TEST_SERVER";
const TRIALS: u64 = 20_000;
const KILLS: u32 = 200;
const LIMIT: u32 = 16;

/// The process that is killed.
#[test]
#[ignore = "started by the test that kills it"]
fn asking_process() {
    let path = std::env::var(JOURNAL).expect("the killing test names the journal");
    let address = std::env::var(SERVER).expect("the killing test names the server");
    let endpoint = Endpoint::new(&address, false).unwrap();
    let server = server(params(), vec![endpoint], limits(LIMIT, LIMIT, LIMIT));
    let asked = ask_quietly(path.as_ref(), &design(TRIALS), &server);
    assert!(asked.stopped.is_none(), "{:?}", asked.stopped);
}

fn spawn(path: &std::path::Path, server: &TestServer) -> std::process::Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "kill::asking_process",
            "--exact",
            "--ignored",
            "--nocapture",
        ])
        .env(JOURNAL, path)
        .env(SERVER, format!("http://127.0.0.1:{}/v1", server.port))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn a_run_killed_at_any_moment_loses_no_trial_and_doubles_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.sqlite");
    // Slow enough that there is something left to ask at the last kill.
    let pause = Duration::from_millis(6);
    let steady = TestServer::start(move |seen| match chooses(seen.number) {
        Act::Send(bytes) => Act::After(pause, bytes),
        other => other,
    });
    let mut rng = CounterRng::new(Seed(4), 0);
    let (mut stored, mut mid_way) = (0, 0);
    for kill in 0..KILLS {
        let mut child = spawn(&path, &steady);
        // Some are killed while they start, most while they ask.
        let (before, wanted) = (steady.count(), rng.below(250));
        let deadline = Instant::now() + Duration::from_secs(5);
        while kill >= 10 && steady.count() < before + wanted && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_micros(rng.below(3_000)));
        child.kill().unwrap();
        child.wait().unwrap();
        let now = Journal::open(&path).and_then(|journal| {
            let standing = journal.standing(journal.agent("plain")?)?;
            assert_eq!(standing.choices(), standing.settled.len());
            Ok(standing.choices())
        });
        match now {
            Ok(now) => {
                assert!(now >= stored, "{} trials are gone", stored - now);
                mid_way += u32::from(now > stored && now < TRIALS);
                stored = now;
            }
            Err(error) => assert_eq!(stored, 0, "{error}"),
        }
    }
    println!(
        "{mid_way} of {KILLS} kills came after answers had been stored, {stored} of {TRIALS} trials by then"
    );
    assert!(mid_way > KILLS / 4, "only {mid_way}");
    let before = steady.count();
    assert!(spawn(&path, &steady).wait().unwrap().success());
    let (last, rows) = states(&path);
    assert_eq!((last.len() as u64, rows.len() as u64), (TRIALS, TRIALS));
    assert!(
        rows.iter()
            .all(|row| row.outcome == Outcome::Chosen(odd(row.trial.number)))
    );
    // The last run asked for what was missing and for nothing else.
    assert_eq!(steady.count() - before, TRIALS - stored);
    // A kill costs what was under way and what was not yet stored, at most.
    let asked = steady.asked.lock().unwrap();
    assert_eq!(asked.len() as u64, TRIALS);
    let most = asked.values().max().unwrap();
    println!(
        "{} requests for {TRIALS} trials, at most {most} for one",
        steady.count()
    );
}

#[test]
fn a_full_disk_stops_the_run_and_it_goes_on_once_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"])
        .arg(folder.path())
        .output();
    if !mounted.as_ref().is_ok_and(|output| output.status.success()) {
        println!(
            "skipped: a small file system cannot be mounted here (needs Linux and root): {mounted:?}"
        );
        return;
    }
    let path = folder.path().join("journal.sqlite");
    let ballast = folder.path().join("ballast");
    std::fs::write(&ballast, vec![1; 2 << 20]).unwrap();
    let design = design(20_000);
    let steady = TestServer::start(|seen| chooses(seen.number));
    let server = server(params(), vec![steady.endpoint()], limits(16, 16, 16));
    let asked = ask_quietly(&path, &design, &server);
    let full = matches!(
        asked.stopped,
        Some(Stop::Journal(JournalError::Full { .. }))
    );
    assert!(full, "{:?} after {:?}", asked.stopped, asked.counts);
    let stored = asked.counts.choices();
    assert!(
        stored > 0 && stored < 20_000 && asked.dropped > 0,
        "{stored}"
    );
    std::fs::remove_file(&ballast).unwrap();
    let (last, rows) = states(&path);
    assert_eq!((last.len() as u64, rows.len() as u64), (stored, stored));
    let mut params = params();
    params.max_trials = Some(1_000);
    let server = crate::support::server(params, vec![steady.endpoint()], limits(16, 16, 16));
    let asked = ask_quietly(&path, &design, &server);
    assert_eq!(asked.counts.choices(), 1_000, "{:?}", asked.stopped);
    let _ = Command::new("umount").arg("-l").arg(folder.path()).output();
}
