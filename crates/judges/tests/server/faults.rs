//! Every way in which a server can fail puts every trial into the state that it should have.

use crate::support::*;
use emotome_stats::random::mix;
use emotome_triplets::{Cause, Nanos, Outcome};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What happens to a trial, and what must become of it: a cause, or a choice.
type Case = (&'static str, fn(&Seen<'_>) -> Act, Option<Cause>);

const OTHER_HOST: &str = "location: https://evil.example.org/v1/chat/completions\r\n";

/// The first time something, then a clear answer.
fn once(seen: &Seen<'_>, act: Act) -> Act {
    if seen.before == 0 {
        act
    } else {
        chooses(seen.number)
    }
}

const CASES: [Case; 28] = [
    (
        "429 and a pause in ms",
        |s| once(s, Act::Send(http(429, "retry-after-ms: 15\r\n", b"{}"))),
        None,
    ),
    (
        "429 and a pause in s",
        |s| {
            once(
                s,
                Act::Send(http(429, "Retry-After: 0.02\r\n", b"slow down")),
            )
        },
        None,
    ),
    (
        "500 once",
        |s| once(s, Act::Send(http(500, "", b"{}"))),
        None,
    ),
    (
        "503 once",
        |s| once(s, Act::Send(http(503, "", b"<html>"))),
        None,
    ),
    (
        "broken JSON once",
        |s| once(s, Act::Send(http(200, "", br#"{"id":"#))),
        None,
    ),
    (
        "cut once",
        |s| {
            once(
                s,
                Act::Cut(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"id\"".to_vec()),
            )
        },
        None,
    ),
    ("reset once", |s| once(s, Act::Reset), None),
    (
        "429 always",
        |_| Act::Send(http(429, "retry-after-ms: 5\r\n", b"{}")),
        Some(Cause::RateLimited),
    ),
    (
        "500 always",
        |_| Act::Send(http(500, "", b"{\"error\":{\"message\":\"oops\"}}")),
        Some(Cause::ServerError),
    ),
    (
        "502 page",
        |_| {
            Act::Send(http(
                502,
                "content-type: text/html\r\n",
                b"<html>Bad gateway</html>",
            ))
        },
        Some(Cause::ServerError),
    ),
    (
        "408",
        |_| Act::Send(http(408, "", b"")),
        Some(Cause::ServerTimeout),
    ),
    (
        "504",
        |_| Act::Send(http(504, "", b"")),
        Some(Cause::ServerTimeout),
    ),
    (
        "no word",
        |_| Act::Stall(Duration::from_secs(3)),
        Some(Cause::NoReply),
    ),
    (
        "one byte at a time",
        |s| match chooses(s.number) {
            Act::Send(bytes) => Act::Drip(bytes),
            other => other,
        },
        Some(Cause::NoReply),
    ),
    (
        "cut in the body",
        |_| Act::Cut(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"id\"".to_vec()),
        Some(Cause::Broken),
    ),
    (
        "cut in a chunk",
        |_| {
            Act::Cut(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n40\r\n{\"id\"".to_vec())
        },
        Some(Cause::Broken),
    ),
    (
        "no HTTP at all",
        |_| Act::Cut(b"\x00\x01\x02 hello\r\n\r\n".to_vec()),
        Some(Cause::Broken),
    ),
    ("reset", |_| Act::Reset, Some(Cause::Broken)),
    (
        "422",
        |_| Act::Send(http(422, "", b"{\"detail\":\"cannot decode\"}")),
        Some(Cause::MediaRejected),
    ),
    (
        "400",
        |_| Act::Send(http(400, "", b"{\"error\":{\"message\":\"too long\"}}")),
        Some(Cause::Rejected),
    ),
    (
        "400 of a filter",
        |_| {
            Act::Send(http(
                400,
                "",
                br#"{"error":{"code":"content_filter","message":"x"}}"#,
            ))
        },
        Some(Cause::RequestFiltered),
    ),
    (
        "broken JSON",
        |_| Act::Send(http(200, "", b"{\"id\": 3, \"choices\": [")),
        Some(Cause::Malformed),
    ),
    (
        "a page",
        |_| {
            Act::Send(http(
                200,
                "content-type: text/html\r\n",
                b"<!doctype html><p>Welcome",
            ))
        },
        Some(Cause::Malformed),
    ),
    (
        "too short a length",
        |s| {
            let body = completion(s.number, &json!({"content": "Video 1"}), "stop").to_string();
            Act::Cut(
                format!(
                    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len() - 20
                )
                .into_bytes(),
            )
        },
        Some(Cause::Malformed),
    ),
    (
        "10 MB",
        |_| Act::Send(http(200, "", &vec![b' '; 10 << 20])),
        Some(Cause::TooLong),
    ),
    (
        "10 MB in chunks",
        |_| {
            let mut bytes =
                b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\na00000\r\n".to_vec();
            bytes.resize(bytes.len() + 0xa0_0000, b'[');
            bytes.extend_from_slice(b"\r\n0\r\n\r\n");
            Act::Send(bytes)
        },
        Some(Cause::TooLong),
    ),
    (
        "a redirect elsewhere",
        |_| Act::Send(http(307, OTHER_HOST, b"")),
        Some(Cause::Redirected),
    ),
    (
        "a redirect here",
        |_| Act::Send(http(308, "location: /v2/chat/completions\r\n", b"")),
        Some(Cause::Redirected),
    ),
];

const SAID: [Case; 6] = [
    (
        "a filter",
        |s| {
            json_reply(
                200,
                &completion(s.number, &json!({"content": null}), "content_filter"),
            )
        },
        Some(Cause::ContentFilter),
    ),
    (
        "a refusal",
        |s| {
            json_reply(
                200,
                &completion(s.number, &json!({"content": null, "refusal": "no"}), "stop"),
            )
        },
        Some(Cause::RefusalField),
    ),
    (
        "nothing",
        |s| json_reply(200, &completion(s.number, &json!({"content": ""}), "stop")),
        Some(Cause::EmptyReply),
    ),
    (
        "two answers",
        |s| {
            json_reply(
                200,
                &completion(s.number, &json!({"content": "Video 1, or Video 3"}), "stop"),
            )
        },
        Some(Cause::SeveralAnswers),
    ),
    (
        "no answer",
        |s| {
            json_reply(
                200,
                &completion(s.number, &json!({"content": "all alike"}), "stop"),
            )
        },
        Some(Cause::NoAnswer),
    ),
    (
        "another id",
        |s| {
            json_reply(
                200,
                &completion(s.number + 1, &json!({"content": "Video 1"}), "stop"),
            )
        },
        Some(Cause::WrongReply),
    ),
];

/// Every third trial is answered; the others meet a case each.
fn case(number: u64) -> Option<&'static Case> {
    let draw = mix(number ^ 0xfa17) as usize;
    let all = CASES.len() + SAID.len();
    (!draw.is_multiple_of(3)).then(|| {
        CASES
            .iter()
            .chain(&SAID)
            .nth(draw / 3 % all)
            .expect("below the number")
    })
}

#[test]
fn every_trial_lands_in_the_right_state_and_a_rerun_finishes_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.sqlite");
    let design = design(700);
    let healed = Arc::new(AtomicBool::new(false));
    let well = Arc::clone(&healed);
    let faulty = TestServer::start(move |seen| match case(seen.number) {
        Some((_, act, _)) if !well.load(Ordering::Relaxed) => act(seen),
        _ => chooses(seen.number),
    });
    let mut params = params();
    params.client.time_limit = Duration::from_millis(500);
    params.failing = 100_000;
    let server = server(params, vec![faulty.endpoint()], limits(48, 48, 64));

    let asked = ask_quietly(&path, &design, &server);
    assert!(asked.stopped.is_none(), "{:?}", asked.stopped);
    let (last, rows) = states(&path);
    assert_eq!(
        (last.len(), rows.len()),
        (700, 700),
        "one row for every trial"
    );
    let mut open = 0;
    for number in 0..700 {
        let row = &last[&number];
        let (name, expected) =
            case(number).map_or(("answered", None), |(name, _, cause)| (*name, *cause));
        let chosen = Outcome::Chosen(odd(number));
        assert_eq!(row.cause, expected, "trial {number}: {name}");
        assert_eq!(
            row.outcome,
            expected.map_or(chosen, Cause::outcome),
            "trial {number}: {name}"
        );
        assert_eq!(
            row.settles,
            !expected.is_some_and(Cause::is_transient),
            "trial {number}: {name}"
        );
        assert!(
            row.reply.is_some() && row.at.is_some() && row.latency_ms.is_some(),
            "{name}"
        );
        let tries = row.requests.unwrap();
        match expected {
            Some(cause) if cause.is_transient() => assert_eq!(tries, 3, "{name}"),
            Some(Cause::Malformed) => assert_eq!(tries, 2, "{name}"),
            None if name != "answered" => assert_eq!(tries, 2, "{name}"),
            // A connection that another request broke may cost a try.
            _ => assert!(tries <= 2, "{name}: {tries}"),
        }
        open += u64::from(!row.settles);
    }
    // Everything adds up: rows, counts, requests as sent, as received and as stored.
    let counts = &asked.counts;
    assert_eq!(
        (counts.trials(), counts.open, asked.dropped),
        (700, open, 0)
    );
    let causes: u64 = counts.causes.values().sum();
    assert_eq!(causes + counts.choices(), 700);
    let stored: u64 = rows
        .iter()
        .map(|row| u64::from(row.requests.unwrap()))
        .sum();
    assert_eq!((asked.requests, counts.spent.requests), (stored, stored));
    assert_eq!(faulty.count(), stored);
    assert_eq!(asked.retries, stored - 700);
    assert!(open > 100 && counts.choices() > 200, "{counts:?}");
    let all: std::collections::HashSet<&str> = (0..700).filter_map(|n| Some(case(n)?.0)).collect();
    assert_eq!(
        all.len(),
        CASES.len() + SAID.len(),
        "some case never came up"
    );

    // The server is mended: only what was open is asked again.
    healed.store(true, Ordering::Relaxed);
    let before = faulty.count();
    let again = ask_quietly(&path, &design, &server);
    assert!(again.stopped.is_none(), "{:?}", again.stopped);
    assert_eq!(
        (again.total, again.counts.choices(), again.counts.open),
        (open, open, 0)
    );
    assert_eq!(faulty.count() - before, open);
    let (last, rows) = states(&path);
    assert_eq!((last.len(), rows.len() as u64), (700, 700 + open));
    assert!(last.values().all(|row| row.settles));
    let none = ask_quietly(&path, &design, &server);
    assert_eq!((none.total, none.requests), (0, 0));
}

#[test]
fn trials_that_were_given_up_are_asked_again_on_request_only() {
    use emotome_judges::dialogue::Dialogue;
    use emotome_judges::server::{Work, ask};
    use emotome_stimuli::run::{Interrupt, Run, Silent};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.sqlite");
    let design = design(300);
    let asked_twice = TestServer::start(|seen| match (seen.number % 3, seen.before) {
        (0, 0) => json_reply(
            200,
            &completion(
                seen.number,
                &json!({"content": null, "refusal": "no"}),
                "stop",
            ),
        ),
        _ => chooses(seen.number),
    });
    let server = server(params(), vec![asked_twice.endpoint()], limits(4, 8, 32));
    let first = ask_quietly(&path, &design, &server);
    assert_eq!((first.counts.refused, first.counts.choices()), (100, 200));
    assert_eq!(ask_quietly(&path, &design, &server).requests, 0);
    let (mut writer, agent) = open(&path, &design);
    let (settled, count) = writer
        .reopened(agent, |outcome, _| outcome == Outcome::Refused)
        .unwrap();
    assert_eq!(count, 100);
    let dialogue: Arc<dyn Dialogue> = Arc::new(Plain);
    let interrupt = Interrupt::default();
    let run = Run {
        progress: &Silent,
        interrupt: &interrupt,
    };
    let work = Work {
        agent,
        settled,
        spent: Nanos(0),
        numbers: 0..design.len(),
    };
    let again = ask(&dialogue, &server, work, &mut writer, run, |_| {}).unwrap();
    assert_eq!((again.total, again.counts.choices()), (100, 100));
    drop(writer);
    let (last, rows) = states(&path);
    assert_eq!((last.len(), rows.len()), (300, 400));
    assert!(
        last.values()
            .all(|row| row.outcome == Outcome::Chosen(odd(row.trial.number)))
    );
}
