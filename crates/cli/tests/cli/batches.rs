//! `emotome batch --submit` against a service on loopback that follows the documentation of OpenAI's Batch interface.

use crate::loopback::{Asked, Loopback};
use crate::models::{CANARY, reply, study};
use crate::scratch::Scratch;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fs;
use std::sync::{Arc, Mutex};

/// How the batches of a service end, one after the other; the last way stands for all further ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Completed,
    /// Every second request has a reply, the others an error in the error file.
    Expired,
    /// As expired, but cancelled.
    Cancelled,
    /// Accepted, and found too much later.
    Failed,
    /// All requests have an error, so that there is no file of replies.
    AllErrors,
    /// Begun, but the reply to its beginning never comes.
    Unheard,
}

#[derive(Default)]
struct Kept {
    files: HashMap<String, String>,
    /// Input file, fate, how often looked at.
    batches: Vec<(String, Fate, u32)>,
    uploads: u32,
}

struct Service {
    server: Loopback,
    kept: Arc<Mutex<Kept>>,
}

impl Service {
    fn start(fates: &'static [Fate]) -> Self {
        let kept = Arc::<Mutex<Kept>>::default();
        let inner = Arc::clone(&kept);
        let server = Loopback::start(move |asked| answer(&mut inner.lock().unwrap(), fates, asked));
        Self { server, kept }
    }

    /// Requests in all batches that were begun.
    fn paid(&self) -> usize {
        let kept = self.kept.lock().unwrap();
        let lines = kept
            .batches
            .iter()
            .map(|(file, ..)| kept.files[file].lines().count());
        lines.sum()
    }

    fn batches(&self) -> usize {
        self.kept.lock().unwrap().batches.len()
    }
}

fn answer(kept: &mut Kept, fates: &[Fate], asked: &Asked) -> (u16, Vec<u8>) {
    assert_eq!(asked.key, format!("Bearer {CANARY}"));
    let (path, parameters) = asked.path.split_once('?').unwrap_or((&asked.path, ""));
    let parts: Vec<&str> = path.trim_start_matches("/v1/").split('/').collect();
    let found = |value: Value| (200, value.to_string().into_bytes());
    match (asked.method.as_str(), parts.as_slice()) {
        ("POST", ["files"]) => {
            kept.uploads += 1;
            // The first upload meets a passing fault.
            if kept.uploads == 1 {
                return (503, b"{}".to_vec());
            }
            let boundary = asked
                .kind
                .strip_prefix("multipart/form-data; boundary=")
                .unwrap();
            let body = String::from_utf8(asked.body.clone()).unwrap();
            let parts: Vec<&str> = body.split(&format!("--{boundary}")).collect();
            let [first, purpose, file, last] = parts.as_slice() else {
                panic!("{} parts", parts.len())
            };
            assert_eq!((*first, *last), ("", "--\r\n"));
            assert!(
                purpose.contains("name=\"purpose\"\r\n\r\nbatch\r\n"),
                "{purpose}"
            );
            let (head, lines) = file.split_once("\r\n\r\n").unwrap();
            assert!(
                head.contains("name=\"file\"; filename=\"round-00"),
                "{head}"
            );
            let id = format!("file-in-{}", kept.uploads);
            kept.files.insert(id.clone(), lines.trim_end().to_owned());
            found(json!({ "id": id, "object": "file", "purpose": "batch" }))
        }
        ("POST", ["batches"]) => {
            let body = asked.json();
            assert_eq!(body["endpoint"], "/v1/chat/completions");
            assert_eq!(body["completion_window"], "24h");
            let input = body["input_file_id"].as_str().unwrap().to_owned();
            assert!(kept.files.contains_key(&input));
            let fate = *fates
                .get(kept.batches.len())
                .unwrap_or(fates.last().unwrap());
            kept.batches.push((input, fate, 0));
            match fate {
                Fate::Unheard => (0, Vec::new()),
                _ => found(batch(kept, kept.batches.len() - 1)),
            }
        }
        ("GET", ["batches"]) => {
            assert!(parameters.contains("limit=100"), "{parameters}");
            let all: Vec<Value> = (0..kept.batches.len())
                .rev()
                .map(|k| batch(kept, k))
                .collect();
            found(json!({ "object": "list", "data": all, "has_more": false }))
        }
        ("GET", ["batches", id]) => {
            let k: usize = id.strip_prefix("batch_").unwrap().parse().unwrap();
            kept.batches[k].2 += 1;
            found(batch(kept, k))
        }
        ("GET", ["files", id, "content"]) => (200, kept.files[*id].clone().into_bytes()),
        _ => (404, b"{}".to_vec()),
    }
}

/// A batch as it is shown; it ends at the third look.
fn batch(kept: &mut Kept, k: usize) -> Value {
    let (input, fate, looks) = kept.batches[k].clone();
    let lines: Vec<Value> = kept.files[&input]
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let mut shown = json!({
        "id": format!("batch_{k}"), "object": "batch", "input_file_id": input, "endpoint": "/v1/chat/completions",
        "output_file_id": null, "error_file_id": null, "errors": null, "completion_window": "24h",
        "request_counts": { "total": lines.len(), "completed": 0, "failed": 0 },
    });
    let names = ["validating", "in_progress", "finalizing"];
    shown["status"] = match (looks, fate) {
        (0..3, Fate::Completed | Fate::AllErrors | Fate::Unheard) => names[looks as usize],
        (0..2, _) => names[looks as usize],
        (_, Fate::Expired) => "expired",
        (_, Fate::Cancelled) => "cancelled",
        (_, Fate::Failed) => "failed",
        _ => "completed",
    }
    .into();
    if names.iter().any(|name| shown["status"] == *name) {
        return shown;
    }
    if fate == Fate::Failed {
        shown["errors"] = json!({ "object": "list", "data": [
            { "code": "token_limit_exceeded", "message": "Enqueued token limit reached\u{1b}[2J", "line": null }
        ]});
        return shown;
    }
    let (mut replies, mut errors) = (Vec::new(), Vec::new());
    for (n, line) in lines.iter().enumerate().rev() {
        let id = &line["custom_id"];
        let partly = matches!(fate, Fate::Expired | Fate::Cancelled);
        if fate == Fate::AllErrors {
            let body = json!({ "error": { "message": "cannot decode", "code": null } });
            errors.push(json!({ "id": "r", "custom_id": id, "response": { "status_code": 400, "body": body }, "error": null }));
        } else if partly && n % 2 == 1 {
            errors.push(json!({ "id": "r", "custom_id": id, "response": null, "error": { "code": "batch_expired", "message": "late" } }));
        } else {
            let body = reply(&line["body"], CANARY);
            replies.push(json!({ "id": "r", "custom_id": id, "response": { "status_code": 200, "body": body }, "error": null }));
        }
    }
    shown["request_counts"] =
        json!({ "total": lines.len(), "completed": replies.len(), "failed": errors.len() });
    for (field, lines) in [("output_file_id", replies), ("error_file_id", errors)] {
        if !lines.is_empty() {
            let id = format!("file-{field}-{k}");
            let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            kept.files.insert(id.clone(), text);
            shown[field] = id.into();
        }
    }
    shown
}

const LINE: &str =
    "batch --judge judges/loop.toml --study study --journal j.db --trials 60 --out batch --tries 3";

fn ready(service: &Service) -> Scratch {
    let scratch = study(&service.server, "logprob");
    let judge = fs::read_to_string(scratch.path("judges/loop.toml")).unwrap();
    // One order, so that a trial is a request.
    scratch.write(
        "judges/loop.toml",
        judge.replace("mode = \"logprob\"", "mode = \"logprob\"\norders = \"one\""),
    );
    scratch
}

#[test]
fn only_what_an_expired_or_cancelled_batch_left_is_asked_again() {
    let service = Service::start(&[Fate::Expired, Fate::Cancelled, Fate::Completed]);
    let scratch = ready(&service);
    let done = scratch.json(&format!("{LINE} --submit --wait --poll 0.01"));
    assert_eq!(
        (&done["standing"]["choices"], &done["requests"]),
        (&60.into(), &0.into()),
        "{done}"
    );
    assert_eq!(
        (&done["stored"], &done["under_way"]),
        (&60.into(), &0.into()),
        "{done}"
    );
    // 60, of which 30 were left, of which 15 were.
    assert_eq!((service.batches(), service.paid()), (3, 60 + 30 + 15));
    let statuses: Vec<&str> = done["batches"]
        .as_array()
        .unwrap()
        .iter()
        .map(|b| b["status"].as_str().unwrap())
        .collect();
    assert_eq!(statuses, ["expired", "cancelled", "completed"]);
    // Again: nothing is missing and nothing is sent.
    let again = scratch.json(&format!("{LINE} --submit"));
    assert_eq!((service.batches(), &again["stored"]), (3, &0.into()));
    assert_eq!(scratch.json("journal verify j.db")["sound"], true);
    for entry in fs::read_dir(scratch.path("batch")).unwrap().flatten() {
        let text = fs::read_to_string(entry.path()).unwrap();
        assert!(!text.contains(CANARY), "{:?}", entry.path());
    }
}

#[test]
fn a_step_at_a_time_goes_on_from_what_is_kept_and_a_lost_beginning_is_found_again() {
    let service = Service::start(&[Fate::Unheard, Fate::Completed]);
    let scratch = ready(&service);
    let step = || scratch.json(&format!("{LINE} --submit"));
    let first = step();
    assert_eq!(
        (&first["requests"], &first["under_way"]),
        (&60.into(), &1.into()),
        "{first}"
    );
    assert_eq!(
        (&first["batches"][0]["batch"], &first["batches"][0]["begun"]),
        (&Value::Null, &true.into()),
        "{first}"
    );
    // A second process would not begin it again either.
    let second = step();
    assert_eq!(second["batches"][0]["batch"], "batch_0", "{second}");
    let look = scratch.json("batch --judge judges/loop.toml --study study --journal j.db --trials 60 --out batch --status");
    assert_eq!(look["under_way"], 1, "{look}");
    let mut last = step();
    for _ in 0..5 {
        last = step();
    }
    assert_eq!(last["standing"]["choices"], 60, "{last}");
    assert_eq!((service.batches(), service.paid()), (1, 60));
    // The ids belong to this service and judge.
    let judge = fs::read_to_string(scratch.path("judges/loop.toml")).unwrap();
    scratch.write("judges/other.toml", judge.replace("127.0.0.1", "localhost"));
    scratch.refuses(
        &format!("{} --submit", LINE.replace("loop.toml", "other.toml")),
        &["batches.json", "another folder"],
    );
}

#[test]
fn a_batch_that_fails_as_a_whole_is_reported_and_asked_again_only_by_the_next_command() {
    let service = Service::start(&[Fate::Failed, Fate::Completed]);
    let scratch = ready(&service);
    scratch.refuses(
        &format!("{LINE} --submit --wait --poll 0.01"),
        &[
            "ended as failed",
            "Enqueued token limit reached [2J (token_limit_exceeded)",
        ],
    );
    assert_eq!(service.batches(), 1);
    let done = scratch.json(&format!("{LINE} --submit --wait --poll 0.01"));
    assert_eq!(
        (&done["standing"]["choices"], service.paid()),
        (&60.into(), 120),
        "{done}"
    );
}

#[test]
fn errors_without_a_file_of_replies_settle_as_failed() {
    let service = Service::start(&[Fate::AllErrors]);
    let scratch = ready(&service);
    let done = scratch.json(&format!("{LINE} --submit --wait --poll 0.01"));
    assert_eq!(
        (&done["standing"]["failed"], &done["standing"]["settled"]),
        (&60.into(), &60.into()),
        "{done}"
    );
    assert_eq!(service.batches(), 1);
}

#[test]
fn the_cost_of_batches_is_unknown_unless_their_share_of_the_price_is_stated() {
    for (share, cost) in [("", "0"), ("batch = 0.5\n", "3060000")] {
        let service = Service::start(&[Fate::Completed]);
        let scratch = ready(&service);
        let judge = fs::read_to_string(scratch.path("judges/loop.toml")).unwrap();
        scratch.write("judges/loop.toml", format!("{judge}{share}"));
        scratch.json(&format!("{LINE} --submit --wait --poll 0.01"));
        let journal = rusqlite_spent(&scratch);
        assert_eq!(journal["cost"].to_string(), cost, "{journal}");
        let unpriced = if share.is_empty() { 60 } else { 0 };
        assert_eq!(journal["unpriced"], unpriced, "{journal}");
    }
    let service = Service::start(&[Fate::Completed]);
    let scratch = ready(&service);
    scratch.refuses(
        &format!("{LINE} --submit --max-cost 1"),
        &["--max-cost", "--max-trials"],
    );
}

/// What the agent of a journal took, as another run of it without anything to ask says.
fn rusqlite_spent(scratch: &Scratch) -> Value {
    scratch.json("journal show j.db")["agents"][0]["spent"].clone()
}
