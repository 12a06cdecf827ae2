//! What ends a run early settles nothing that was not answered, says what to do, and lets the next run go on.

use crate::support::*;
use emotome_judges::dialogue::Dialogue;
use emotome_judges::server::{AskError, Endpoint, Prices, Stop, UploadPolicy, Work, ask};
use emotome_stimuli::run::{Interrupt, Run, Silent};
use emotome_triplets::{Cause, Nanos};
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

fn journal() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.sqlite");
    (folder, path)
}

#[test]
fn what_every_request_would_meet_stops_the_run_and_settles_nothing() {
    for (status, body, advice) in [
        (
            401,
            r#"{"error":{"message":"Incorrect API key"}}"#,
            "check that its key is right",
        ),
        (403, "", "rights of the key"),
        (
            404,
            r#"{"message":"The model `x` does not exist."}"#,
            "name of the model",
        ),
        (402, "", "credit"),
    ] {
        let (_folder, path) = journal();
        let design = design(500);
        let refusing = TestServer::start(move |_| Act::Send(http(status, "", body.as_bytes())));
        let server = server(params(), vec![refusing.endpoint()], limits(1, 8, 64));
        let asked = ask_quietly(&path, &design, &server);
        let stop = asked.stopped.expect("it cannot go on");
        assert!(
            matches!(stop, Stop::Fatal { .. }) && stop.is_failure(),
            "{stop}"
        );
        let message = stop.to_string();
        assert!(
            message.contains(advice) && message.contains(&format!("HTTP {status}")),
            "{message}"
        );
        assert!(!message.contains('\n'), "{message}");
        assert_eq!((asked.counts.trials(), states(&path).1.len()), (0, 0));
        assert!(refusing.count() <= 16, "{} requests", refusing.count());
    }
}

#[test]
fn a_server_that_rejects_everything_stops_the_run_and_one_bad_stimulus_does_not() {
    let (_folder, path) = journal();
    let design = design(2_000);
    let body = br#"{"error":{"message":"unknown field top_logprobs"}}"#;
    let rejecting = TestServer::start(move |_| Act::Send(http(400, "", body)));
    let server_params = params();
    let rejected = server(server_params, vec![rejecting.endpoint()], limits(1, 2, 4));
    let asked = ask_quietly(&path, &design, &rejected);
    let stop = asked.stopped.expect("it cannot go on").to_string();
    assert!(
        stop.contains("rejected the first") && stop.contains("unknown field top_logprobs"),
        "{stop}"
    );
    assert_eq!(states(&path).1.len(), 0);

    // Trials are sorted by what they show first; that one of the stimuli cannot be shown says little.
    let (_folder, path) = journal();
    let bad = {
        let design = design.clone();
        move |number: u64| {
            design
                .trial(number)
                .unwrap()
                .triplet
                .items()
                .iter()
                .any(|id| id.0 == 7)
        }
    };
    let expected = (0..2_000).filter(|&number| bad(number)).count() as u64;
    let picky = TestServer::start(move |seen| match bad(seen.number) {
        true => Act::Send(http(422, "", b"{}")),
        false => chooses(seen.number),
    });
    let server = server(params(), vec![picky.endpoint()], limits(1, 2, 4));
    let asked = ask_quietly(&path, &design, &server);
    assert!(asked.stopped.is_none(), "{:?}", asked.stopped);
    assert_eq!(asked.counts.causes[&Cause::MediaRejected], expected);
    assert_eq!(asked.counts.trials(), 2_000);
}

#[test]
fn a_server_that_only_fails_stops_the_run_before_all_trials_are_spent_on_it() {
    let (_folder, path) = journal();
    let design = design(5_000);
    let failing = TestServer::start(|_| Act::Send(http(500, "", b"CUDA error")));
    let mut params = params();
    params.failing = 40;
    let server = server(params, vec![failing.endpoint()], limits(1, 8, 8));
    let asked = ask_quietly(&path, &design, &server);
    let stop = asked.stopped.expect("it cannot go on").to_string();
    assert!(
        stop.contains("40 trials in a row") && stop.contains("CUDA error"),
        "{stop}"
    );
    let (last, _) = states(&path);
    // How many are under way when the run stops depends on the machine; most are not.
    assert!((40..1_250).contains(&last.len()), "{}", last.len());
    assert!(
        last.values()
            .all(|row| !row.settles && row.cause == Some(Cause::ServerError))
    );
}

#[test]
fn a_server_that_is_not_there_is_waited_for_and_then_given_up() {
    let (_folder, path) = journal();
    let design = design(100);
    let gone = TestServer::start(|seen| chooses(seen.number));
    let endpoint = gone.endpoint();
    drop(gone);
    let mut params = params();
    params.patience = Duration::from_secs(2);
    let server = server(params, vec![endpoint], limits(1, 8, 8));
    let start = Instant::now();
    let asked = ask_quietly(&path, &design, &server);
    let stop = asked.stopped.expect("nobody is there").to_string();
    assert!(
        stop.contains("no server was usable for 2 s") && stop.contains("refused"),
        "{stop}"
    );
    assert!(start.elapsed() < Duration::from_secs(10));
    assert_eq!((asked.requests, states(&path).1.len()), (0, 0));
}

#[test]
fn other_endpoints_take_over_and_one_that_comes_back_is_used_again() {
    let (_folder, path) = journal();
    let design = design(4_000);
    let slow = |seen: &Seen<'_>| match chooses(seen.number) {
        Act::Send(bytes) => Act::After(Duration::from_millis(4), bytes),
        other => other,
    };
    let steady = TestServer::start(slow);
    let first = TestServer::start(slow);
    let (port, endpoints) = (first.port, vec![first.endpoint(), steady.endpoint()]);
    let server = server(params(), endpoints, limits(1, 2, 4));
    let script = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(400));
        let before = first.count();
        drop(first);
        std::thread::sleep(Duration::from_millis(300));
        let again = TestServer::start_at(port, slow);
        (before, again)
    });
    let asked = ask_quietly(&path, &design, &server);
    let (before, again) = script.join().unwrap();
    assert!(asked.stopped.is_none(), "{:?}", asked.stopped);
    let (last, rows) = states(&path);
    assert_eq!(
        (last.len(), rows.len(), asked.counts.choices()),
        (4_000, 4_000, 4_000)
    );
    assert!(
        before > 0 && again.count() > 100,
        "{before}, then {}",
        again.count()
    );
}

#[test]
fn as_many_requests_as_a_server_can_take_are_under_way() {
    let (_folder, path) = journal();
    let design = design(3_000);
    let (busy, most, capacity) = (
        Arc::new(AtomicUsize::new(0)),
        Arc::new(AtomicUsize::new(0)),
        24,
    );
    let (under_way, highest) = (Arc::clone(&busy), Arc::clone(&most));
    // Places are counted by time: each request occupies one for 20 ms.
    let ends: Mutex<Vec<Instant>> = Mutex::default();
    let limited = TestServer::start(move |seen| {
        let mut ends = ends.lock().unwrap();
        let now = Instant::now();
        ends.retain(|end| *end > now);
        under_way.store(ends.len(), Ordering::Relaxed);
        highest.fetch_max(ends.len(), Ordering::Relaxed);
        if ends.len() >= capacity {
            return Act::Send(http(429, "", b"{}"));
        }
        let pause = Duration::from_millis(20);
        ends.push(now + pause);
        match chooses(seen.number) {
            Act::Send(bytes) => Act::After(pause, bytes),
            other => other,
        }
    });
    let mut params = params();
    params.retry.tries = 12;
    let server = server(params, vec![limited.endpoint()], limits(1, 4, 256));
    let asked = ask_quietly(&path, &design, &server);
    assert_eq!((asked.counts.choices(), asked.counts.open), (3_000, 0));
    assert_eq!(
        most.load(Ordering::Relaxed),
        capacity,
        "the capacity was never used"
    );
    let share = asked.retries as f64 / asked.requests as f64;
    assert!(share < 0.25, "{share} of all requests were too many");
    let limit = asked.endpoints[0].limit;
    assert!((8..=26).contains(&limit), "{limit}");
}

#[test]
fn a_stop_request_lets_requests_under_way_end_and_the_next_run_goes_on() {
    let (_folder, path) = journal();
    let design = design(2_000);
    let interrupt = Interrupt::default();
    let (stop, begun) = (interrupt.clone(), AtomicBool::new(false));
    let slow = TestServer::start(move |seen| {
        if seen.number % 97 == 3 && !begun.swap(true, Ordering::Relaxed) {
            stop.request();
        }
        match chooses(seen.number) {
            Act::Send(bytes) => Act::After(Duration::from_millis(60), bytes),
            other => other,
        }
    });
    let server = server(params(), vec![slow.endpoint()], limits(8, 16, 32));
    let asked = ask_all(&path, &design, &server, &interrupt);
    assert!(
        matches!(asked.stopped, Some(Stop::Interrupted)),
        "{:?}",
        asked.stopped
    );
    let stored = states(&path).1.len() as u64;
    assert!(stored < 2_000);
    assert_eq!(
        (asked.dropped, asked.requests, slow.count()),
        (0, stored, stored)
    );
    let rest = ask_quietly(&path, &design, &server);
    assert_eq!(rest.counts.choices(), 2_000 - stored);
    assert_eq!(slow.count(), 2_000, "nothing was asked twice");
}

#[test]
fn requests_that_do_not_end_in_time_are_dropped_and_stay_open() {
    let (_folder, path) = journal();
    let design = design(100);
    let interrupt = Interrupt::default();
    let stop = interrupt.clone();
    let stuck = TestServer::start(move |seen| {
        if seen.number % 2 == 0 {
            return chooses(seen.number);
        }
        stop.request();
        Act::Stall(Duration::from_secs(4))
    });
    let mut params = params();
    params.grace = Duration::from_millis(300);
    let server = server(params, vec![stuck.endpoint()], limits(8, 8, 8));
    let start = Instant::now();
    let asked = ask_all(&path, &design, &server, &interrupt);
    assert!(
        start.elapsed() < Duration::from_secs(3),
        "{:?}",
        start.elapsed()
    );
    assert!(asked.dropped > 0 && matches!(asked.stopped, Some(Stop::Interrupted)));
    assert_eq!(states(&path).1.len() as u64, asked.counts.trials());
}

#[test]
fn bounds_on_trials_and_cost_are_kept() {
    let (_folder, path) = journal();
    let design = design(1_000);
    let steady = TestServer::start(|seen| chooses(seen.number));
    let mut few = params();
    few.max_trials = Some(150);
    let few = server(few, vec![steady.endpoint()], limits(8, 8, 64));
    let asked = ask_quietly(&path, &design, &few);
    assert!(
        matches!(asked.stopped, Some(Stop::MaxTrials(150))),
        "{:?}",
        asked.stopped
    );
    assert_eq!((asked.counts.choices(), steady.count()), (150, 150));
    assert_eq!(
        (asked.counts.spent.unpriced, asked.counts.spent.cost),
        (150, Nanos(0))
    );

    // 100 tokens read and 10 written cost 120 µ; at most 330 µ are set aside for each request.
    let mut cheap = params();
    cheap.prices = Some(Prices {
        prompt: 0.9,
        cached: None,
        completion: 3.0,
    });
    let bound = Nanos::from_units(0.03).unwrap();
    cheap.max_cost = Some(bound);
    let cheap = server(cheap, vec![steady.endpoint()], limits(8, 8, 64));
    let asked = ask_quietly(&path, &design, &cheap);
    assert!(
        matches!(asked.stopped, Some(Stop::MaxCost { .. })),
        "{:?}",
        asked.stopped
    );
    let cost = asked.counts.spent.cost;
    assert_eq!(cost.0, 120_000 * asked.counts.choices());
    assert!(
        cost <= bound && cost.0 + 330_000 > bound.0,
        "{cost} of {bound}"
    );
    assert_eq!((asked.dropped, asked.counts.spent.unpriced), (0, 0));
    assert_eq!(states(&path).1.len() as u64, 150 + asked.counts.choices());
    // The bound holds for all runs together.
    let (again, before) = (ask_quietly(&path, &design, &cheap), steady.count());
    assert!(
        matches!(again.stopped, Some(Stop::MaxCost { .. })),
        "{:?}",
        again.stopped
    );
    assert_eq!((again.counts.trials(), steady.count()), (0, before));
}

#[test]
fn limits_per_minute_are_kept() {
    let (_folder, path) = journal();
    let design = design(60);
    let steady = TestServer::start(|seen| chooses(seen.number));
    let mut limits = limits(8, 16, 64);
    limits.requests_per_minute = Some(1_800);
    let server = server(params(), vec![steady.endpoint()], limits);
    let asked = ask_quietly(&path, &design, &server);
    // 30 at once, then 30 a second.
    assert_eq!(asked.counts.choices(), 60);
    assert!((0.9..3.0).contains(&asked.seconds), "{}", asked.seconds);
}

#[test]
fn what_cannot_be_asked_is_refused_before_anything_is_sent() {
    let (_folder, path) = journal();
    let design = design(10);
    let (mut writer, agent) = open(&path, &design);
    let interrupt = Interrupt::default();
    let run = Run {
        progress: &Silent,
        interrupt: &interrupt,
    };
    let dialogue: Arc<dyn Dialogue> = Arc::new(Plain);
    let work = |end: u64| Work {
        agent,
        settled: Default::default(),
        spent: Nanos(0),
        numbers: 0..end,
    };
    let remote = |uploads| {
        let mut params = params();
        params.uploads = uploads;
        server(
            params,
            vec![Endpoint::new("https://example.invalid/v1", false).unwrap()],
            limits(1, 1, 1),
        )
    };
    let nobody = remote(UploadPolicy::default());
    let error = ask(&dialogue, &nobody, work(10), &mut writer, run, |_| {}).unwrap_err();
    assert!(
        error.to_string().contains("--allow-upload example.invalid"),
        "{error}"
    );
    let named = remote(UploadPolicy::new(["example.invalid"]));
    let error = ask(&dialogue, &named, work(11), &mut writer, run, |_| {}).unwrap_err();
    assert!(
        matches!(
            error,
            AskError::PastTheEnd {
                number: 10,
                trials: 10
            }
        ),
        "{error}"
    );
}

#[test]
fn a_certificate_that_cannot_be_checked_stops_the_run() {
    let (_folder, path) = journal();
    let plain = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = plain.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in plain.incoming().flatten() {
            let _ = (&stream).write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let endpoint = Endpoint::new(&format!("https://127.0.0.1:{port}/v1"), false).unwrap();
    let server = server(params(), vec![endpoint], limits(1, 1, 1));
    let asked = ask_quietly(&path, &design(10), &server);
    let stop = asked.stopped.expect("it is not encrypted").to_string();
    assert!(stop.contains("cannot be trusted"), "{stop}");
}
