//! Batch files: within limits, every reply used once, and only what is missing asked again.

use emotome_judges::answer::{AskParams, Mode, Orders};
use emotome_judges::batch::{Batch, BatchError, BatchLimits, Outputs, ShardWriter, Stand};
use emotome_judges::chat::Dialect;
use emotome_judges::dialogue::{Answer, Dialogue};
use emotome_judges::prompt::{CaptionDeck, CaptionPolicy, Shown, presets};
use emotome_stimuli::StimulusId;
use emotome_stimuli::output::Overwrite;
use emotome_triplets::{Cause, Outcome, Position, Split, Trial, Triplet};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

const TRIALS: u64 = 400;

fn dialogue(mode: Mode) -> Box<dyn Dialogue> {
    let texts = (0..20).map(|s| vec![format!("scene {s}")]).collect();
    let shown = Shown::Captions(CaptionDeck::new(texts, CaptionPolicy::Number(1)).unwrap());
    let preset = if mode.name() == "free" {
        "describe-captions"
    } else {
        "choose-captions"
    };
    AskParams::new("m", Dialect::Openai, mode, presets::get(preset).unwrap())
        .check(shown)
        .unwrap()
}

fn free() -> Box<dyn Dialogue> {
    dialogue(Mode::Free {
        max_tokens: 100,
        reasks: 1,
        reask_tokens: 8,
    })
}

fn trial(number: u64) -> Trial {
    let items = [
        number % 20,
        (number + 1 + number / 20) % 20,
        (number + 19) % 20,
    ]
    .map(|id| StimulusId(id as u32));
    let triplet =
        Triplet::new(items).unwrap_or_else(|_| Triplet::new([0, 1, 2].map(StimulusId)).unwrap());
    Trial {
        number,
        triplet,
        replicate: (number / 20) as u16,
        split: Split::Train,
    }
}

/// Writes what is missing, and collects the answers of the rest.
fn round(
    dialogue: &dyn Dialogue,
    folder: &Path,
    stem: &str,
    outputs: &Outputs,
    limits: BatchLimits,
) -> (Vec<PathBuf>, BTreeMap<u64, Answer>) {
    let batch = Batch::new(dialogue);
    let mut writer = ShardWriter::new(folder, stem, Overwrite::Refuse, limits);
    let mut answers = BTreeMap::new();
    for number in 0..TRIALS {
        match batch.stand(&trial(number), outputs).unwrap() {
            Stand::Answered(answer, _) => {
                answers.insert(number, answer);
            }
            Stand::Missing(requests) => requests
                .iter()
                .for_each(|(id, request)| writer.write(*id, request).unwrap()),
        }
    }
    let manifest = writer.finish(batch.agent(), &dialogue.describe()).unwrap();
    (
        manifest
            .shards
            .iter()
            .map(|shard| folder.join(&shard.file))
            .collect(),
        answers,
    )
}

fn lines(paths: &[PathBuf]) -> Vec<Value> {
    let text: String = paths
        .iter()
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn output(request: &Value, status: u16, body: Value) -> Value {
    json!({"id": "batch_req_1", "custom_id": request["custom_id"], "response": {"status_code": status, "request_id": "r", "body": body}, "error": null})
}

fn said(text: &str) -> Value {
    json!({"model": "m", "choices": [{"message": {"content": text}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 9, "completion_tokens": 3}})
}

fn number_of(line: &Value) -> u64 {
    line["custom_id"]
        .as_str()
        .unwrap()
        .split('-')
        .nth(2)
        .unwrap()
        .parse()
        .unwrap()
}

fn write(path: PathBuf, lines: &[Value]) -> PathBuf {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    fs::write(&path, text).unwrap();
    path
}

#[test]
fn files_keep_their_limits_and_name_every_request_once() {
    let dir = tempfile::tempdir().unwrap();
    let limits = BatchLimits {
        lines: 150,
        bytes: 120_000,
    };
    let logprob = dialogue(Mode::Logprob {
        orders: Orders::Cyclic,
        top: 20,
        constrain: false,
        audit: 0.0,
    });
    let (paths, answers) = round(
        &*logprob,
        dir.path(),
        "round-1",
        &Outputs::default(),
        limits,
    );
    assert!(answers.is_empty());
    for path in &paths {
        assert!(fs::metadata(path).unwrap().len() <= 120_000);
        assert!(lines(std::slice::from_ref(path)).len() <= 150);
    }
    let all = lines(&paths);
    let ids: HashSet<&str> = all
        .iter()
        .map(|line| line["custom_id"].as_str().unwrap())
        .collect();
    assert_eq!(
        (all.len(), ids.len()),
        (3 * TRIALS as usize, 3 * TRIALS as usize)
    );
    for line in &all {
        let keys: Vec<&String> = line.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["custom_id", "method", "url", "body"]);
        assert_eq!(
            (&line["method"], &line["url"], &line["body"]["model"]),
            (&json!("POST"), &json!("/v1/chat/completions"), &json!("m"))
        );
    }
    let manifest: Value = serde_json::from_str(
        &fs::read_to_string(dir.path().join("round-1.manifest.json")).unwrap(),
    )
    .unwrap();
    assert_eq!(
        (
            manifest["lines"].as_u64(),
            manifest["shards"].as_array().unwrap().len()
        ),
        (Some(3 * TRIALS), paths.len())
    );
}

#[test]
fn a_request_that_fits_no_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let free = free();
    let batch = Batch::new(&*free);
    let Stand::Missing(requests) = batch.stand(&trial(0), &Outputs::default()).unwrap() else {
        panic!("asks")
    };
    let mut writer = ShardWriter::new(
        dir.path(),
        "x",
        Overwrite::Refuse,
        BatchLimits {
            lines: 10,
            bytes: 100,
        },
    );
    let error = writer.write(requests[0].0, &requests[0].1).unwrap_err();
    assert!(
        matches!(error, BatchError::TooLarge { limit: 100, .. }),
        "{error}"
    );
}

/// Replies in another order, in several files, some missing, some expired, some twice, one cut off.
#[test]
fn every_reply_counts_once_and_only_what_is_missing_is_asked_again() {
    let dir = tempfile::tempdir().unwrap();
    let free = free();
    let agent = Batch::new(&*free).agent();
    let (paths, _) = round(
        &*free,
        dir.path(),
        "round-1",
        &Outputs::default(),
        BatchLimits::default(),
    );
    let mut first = lines(&paths);
    first.reverse();
    let (mut outputs, mut errors) = (Vec::new(), Vec::new());
    for line in &first {
        match number_of(line) {
            n if n % 10 == 0 => {}
            n if n % 10 == 1 => errors.push(json!({"custom_id": line["custom_id"], "response": null, "error": {"code": "batch_expired", "message": "…"}})),
            n if n % 10 == 2 => errors.push(output(line, 429, json!({}))),
            n if n % 10 == 3 => errors.push(output(line, 400, json!({"error": {"code": "content_filter"}}))),
            n if n % 10 == 4 => outputs.push(output(line, 200, said("They are alike."))),
            n => outputs.push(output(line, 200, said(&format!("Video {} is noticeably different.", 1 + n % 3)))),
        }
    }
    let again = output(&first[0], 200, said("Video 1 is noticeably different."));
    let mut other = again.clone();
    other["custom_id"] = json!(other["custom_id"].as_str().unwrap().replacen(
        "emotome-",
        "emotome-f",
        1
    ));
    let mut beyond = again.clone();
    beyond["custom_id"] = json!(format!("emotome-{agent:016x}-{TRIALS}-0-0"));
    let doubled = outputs
        .iter()
        .find(|line| line["custom_id"] == again["custom_id"])
        .cloned()
        .into_iter();
    outputs.extend(doubled.chain([other, beyond, json!({"custom_id": "request-1"}), json!({})]));
    let half = outputs.len() / 2;
    let files = [
        write(dir.path().join("b.out"), &outputs[half..]),
        write(dir.path().join("err"), &errors),
        write(dir.path().join("a.out"), &outputs[..half]),
    ];
    let mut torn = fs::read(&files[1]).unwrap();
    torn.extend(b"{\"custom_id\": \"emo");
    fs::write(&files[1], torn).unwrap();

    let read = Outputs::read(&files, agent, TRIALS).unwrap();
    let counts = read.counts();
    assert_eq!(
        (
            counts.to_repeat,
            counts.errors,
            counts.unknown,
            counts.torn,
            counts.duplicates
        ),
        (80, 40, 4, 1, 1)
    );
    assert_eq!(counts.replies, 7 * TRIALS / 10);
    assert_eq!(read.numbers().count() as u64, counts.replies);

    let (second, answers) = round(&*free, dir.path(), "round-2", &read, BatchLimits::default());
    assert_eq!(answers.len() as u64, 6 * TRIALS / 10);
    for (number, answer) in &answers {
        match number % 10 {
            3 => assert_eq!(answer.cause, Some(Cause::RequestFiltered)),
            _ => assert_eq!(
                answer.outcome,
                Outcome::Chosen(Position::from_index((number % 3) as usize).unwrap())
            ),
        }
        assert_eq!(answer.latency, None);
    }
    let asked = lines(&second);
    assert_eq!(asked.len() as u64, 4 * TRIALS / 10);
    for line in &asked {
        let turn = if number_of(line) % 10 == 4 { "1" } else { "0" };
        assert_eq!(
            line["custom_id"].as_str().unwrap().split('-').nth(3),
            Some(turn)
        );
    }

    let replies: Vec<Value> = asked
        .iter()
        .map(|line| output(line, 200, said("Video 2 is noticeably different.")))
        .collect();
    let all = [
        files.to_vec(),
        vec![write(dir.path().join("c.out"), &replies)],
    ]
    .concat();
    let read = Outputs::read(&all, agent, TRIALS).unwrap();
    let (third, answers) = round(&*free, dir.path(), "round-3", &read, BatchLimits::default());
    assert_eq!((third.len(), answers.len() as u64), (0, TRIALS));
    assert!(
        answers
            .iter()
            .all(|(n, answer)| n % 10 == 3 || answer.outcome.chosen().is_some())
    );
    // The re-asked ones keep both replies and the tokens of both.
    assert_eq!(answers[&4].usage.prompt_tokens, Some(18));
    assert_eq!(
        serde_json::from_str::<Value>(answers[&4].reply.as_ref().unwrap())
            .unwrap()
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn a_success_replaces_an_earlier_error() {
    let dir = tempfile::tempdir().unwrap();
    let free = free();
    let batch = Batch::new(&*free);
    let Stand::Missing(requests) = batch.stand(&trial(7), &Outputs::default()).unwrap() else {
        panic!("asks")
    };
    let request = json!({"custom_id": requests[0].0.to_string()});
    let lines = [
        output(&request, 400, json!({})),
        output(&request, 200, said("Video 1 is noticeably different.")),
    ];
    for lines in [lines.to_vec(), lines.iter().rev().cloned().collect()] {
        let read = Outputs::read(
            &[write(dir.path().join("out"), &lines)],
            batch.agent(),
            TRIALS,
        )
        .unwrap();
        let Stand::Answered(answer, _) = batch.stand(&trial(7), &read).unwrap() else {
            panic!("answered")
        };
        assert_eq!(answer.outcome, Outcome::Chosen(Position::First));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_file_makes_the_reader_panic(text in "(\\{|\\}|\"custom_id\"|\"emotome-0000000000000001-0-0-0\"|:|,|\"response\"|\"error\"|null|1|\n| ){0,40}", bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let dir = tempfile::tempdir().unwrap();
        let paths = [dir.path().join("a"), dir.path().join("b")];
        fs::write(&paths[0], text).unwrap();
        fs::write(&paths[1], bytes).unwrap();
        let read = Outputs::read(&paths, 1, 10).unwrap();
        let counts = read.counts();
        prop_assert_eq!(counts.lines, counts.replies + counts.to_repeat + counts.duplicates + counts.unknown + counts.torn);
    }
}
