//! `emotome name` with servers whose replies are known, and with a model in the process.

use crate::loopback::Loopback;
use crate::scratch::{Scratch, has, number};
use emotome_embedding::files::read_embedding;
use emotome_stimuli::digest::Sha256Sum;
use emotome_workflows::name::read_names;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What the stimuli of each dimension have in common.
const WORDS: [&str; 3] = ["water", "fire", "forest"];

/// Questions of `NAME`: 3 × 5 names, 3 × 17 pairs in two orders.
const NAMES: u64 = 15;
const TESTS: u64 = 102;

/// 120 stimuli, 40 on each of three dimensions; captions say which.
fn planted() -> Scratch {
    let scratch = Scratch::new();
    let mut weights = String::from("key\tdim01\tdim02\tdim03\n");
    let mut captions = String::from("key\tcaption\n");
    for i in 0..120 {
        let dim = i % 3;
        let cell = |d| {
            if d == dim {
                format!("{}", 1.0 + f64::from(i) / 200.0)
            } else {
                "0".to_owned()
            }
        };
        weights += &format!("clip{i:03}\t{}\t{}\t{}\n", cell(0), cell(1), cell(2));
        captions += &format!(
            "clip{i:03}\tscene of {} by day {}\n",
            WORDS[dim as usize],
            letters(i)
        );
    }
    scratch.write("embedding.tsv", weights);
    scratch.write("captions.tsv", captions);
    scratch
}

/// A number as letters, so that no digit of a prompt is one of a caption.
fn letters(i: i32) -> String {
    i.to_string()
        .bytes()
        .map(|digit| char::from(b'a' + (digit - b'0')))
        .collect()
}

/// What is said last to the model.
fn said(asked: &Value) -> &str {
    asked["messages"].as_array().unwrap().last().unwrap()["content"]
        .as_str()
        .unwrap()
}

/// The question, whatever was said after it.
fn question(asked: &Value) -> &str {
    asked["messages"][1]["content"].as_str().unwrap()
}

fn is_test(asked: &Value) -> bool {
    question(asked).contains("The property: ")
}

fn reply(asked: &Value, content: &Value) -> Value {
    json!({
        "model": asked["model"],
        "choices": [{ "message": { "role": "assistant", "content": content }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 100, "completion_tokens": 10 },
    })
}

/// Names what the first group has in common, and finds it in one of two captions.
fn oracle(asked: &Value) -> Value {
    let text = question(asked);
    let content = if is_test(asked) {
        let name = text
            .split("The property: ")
            .nth(1)
            .unwrap()
            .lines()
            .next()
            .unwrap()
            .to_lowercase();
        let first = text
            .lines()
            .find(|line| line.starts_with("Stimulus 1:"))
            .unwrap();
        json!({ "answer": if first.contains(&name) { "1" } else { "2" } })
    } else {
        let first = text.split("Second group").next().unwrap();
        let word = WORDS
            .iter()
            .max_by_key(|word| first.matches(*word).count())
            .unwrap();
        json!({ "name": word.to_uppercase(), "sentence": format!("There is {word}.") })
    };
    reply(asked, &content.to_string().into())
}

/// Always replies, at random by what is asked.
fn by_lot(asked: &Value) -> Value {
    let lot = Sha256Sum::of(asked.to_string().as_bytes()).to_string();
    let odd = lot.as_bytes()[0] % 2 == 1;
    let content = if is_test(asked) {
        json!({ "answer": if odd { "1" } else { "2" } })
    } else {
        json!({ "name": format!("{} thing", &lot[..6].replace(|c: char| c.is_ascii_digit(), "x")), "sentence": "?" })
    };
    reply(asked, &content.to_string().into())
}

fn start(of: impl Fn(&Value) -> Value + Send + Sync + 'static) -> Loopback {
    Loopback::start(move |asked| (200, of(&asked.json()).to_string().into()))
}

fn line(server: &Loopback) -> String {
    format!(
        "name --embedding embedding.tsv --captions captions.tsv --judge {} --kind vllm --model m \
         --price-in 1 --price-out 2 --out names",
        server.url()
    )
}

fn replies(scratch: &Scratch) -> usize {
    let text = fs::read_to_string(scratch.path("names/replies.jsonl")).unwrap_or_default();
    text.lines().count().saturating_sub(1)
}

#[test]
fn planted_names_are_found_agree_and_tell_stimuli_apart() {
    let server = start(oracle);
    let scratch = planted();
    let summary = scratch.json(&line(&server));
    let found = &summary["suggested"];
    has(
        found,
        &[
            "embedding",
            "stimuli",
            "judge",
            "test_judge",
            "params",
            "overall",
        ],
    );
    for (k, word) in WORDS.iter().enumerate() {
        let of = &found["dimensions"][k];
        assert_eq!(
            (&of["dimension"], &of["name"]),
            (&json!(k + 1), &word.to_uppercase().into())
        );
        assert_eq!(of["sentence"], format!("There is {word}."));
        assert_eq!(
            (
                number(&of["agreement"], "similarity"),
                number(&of["agreement"], "exact")
            ),
            (1.0, 1.0)
        );
        assert!(
            number(&of["agreement"], "chance") < 0.2,
            "{}",
            of["agreement"]
        );
        let test = &of["discrimination"];
        assert_eq!(
            (number(test, "accuracy"), &test["pairs"]),
            (1.0, &json!(17)),
            "{test}"
        );
        assert_eq!(
            (test["above_chance"].as_bool(), number(test, "first")),
            (Some(true), 0.5)
        );
        // Every reply is there as it came, with what was shown.
        let repeat = &of["repeats"][4];
        assert_eq!(
            (
                repeat["high"].as_array().unwrap().len(),
                repeat["low"].as_array().unwrap().len()
            ),
            (8, 8)
        );
        let body: Value = serde_json::from_str(
            repeat["replies"][0]["said"]["reply"]["body"]
                .as_str()
                .unwrap(),
        )
        .unwrap();
        assert_eq!(body["usage"]["prompt_tokens"], 100);
    }
    assert_eq!(
        (server.served(), replies(&scratch) as u64),
        (NAMES + TESTS, NAMES + TESTS)
    );
    // 100 and 10 tokens a request at 1 and 2 units a million.
    assert_eq!(found["judge"]["spent"]["cost"], (NAMES + TESTS) * 120_000);
    assert_eq!(found["judge"]["spent"]["unpriced"], 0);
    let table = fs::read_to_string(scratch.path("names/names.tsv")).unwrap();
    assert!(
        table
            .lines()
            .nth(1)
            .unwrap()
            .starts_with("1\tWATER\tThere is water.\t5\t1\t1.0000\t"),
        "{table}"
    );
    let provenance: Value =
        serde_json::from_str(&fs::read_to_string(scratch.path("names/provenance.json")).unwrap())
            .unwrap();
    assert_eq!(provenance["inputs"].as_array().unwrap().len(), 2);

    // Nothing is asked twice, and the names stay the same.
    let again = scratch.json(&line(&server));
    assert_eq!(
        (&again["asked"], server.served()),
        (&0.into(), NAMES + TESTS)
    );
    assert_eq!(again["suggested"]["dimensions"], found["dimensions"]);

    // Names belong to their embedding, whatever its format.
    let embedding = read_embedding(scratch.path("embedding.tsv"))
        .unwrap()
        .embedding;
    let path = scratch.path("names/names.json");
    let names = read_names(&path, &embedding).unwrap();
    assert_eq!(names.of(2).unwrap().name.as_deref(), Some("FIRE"));
    assert_eq!(names.of(4), None);
    let table = fs::read_to_string(scratch.path("embedding.tsv")).unwrap();
    let narrow: String = table
        .lines()
        .map(|line| format!("{}\n", line.rsplit_once('\t').unwrap().0))
        .collect();
    for (changed, words) in [
        (table.replacen("\t0\n", "\t0.5\n", 1), "another embedding"),
        (narrow, "has 3 dimensions, this one 2"),
    ] {
        scratch.write("changed.tsv", changed);
        let changed = read_embedding(scratch.path("changed.tsv")).unwrap();
        let error = read_names(&path, &changed.embedding)
            .unwrap_err()
            .to_string();
        assert!(error.contains(words), "{error}");
    }
    for (content, what) in [("{}", "missing field"), ("", "EOF"), ("[[[[", "")] {
        scratch.write("bad.json", content);
        let error = read_names(&scratch.path("bad.json"), &embedding)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("cannot be read") && error.contains(what),
            "{error}"
        );
    }
}

#[test]
fn random_answers_are_at_chance() {
    let server = start(by_lot);
    let scratch = planted();
    let summary = scratch.json(&line(&server));
    let all = &summary["suggested"]["overall"];
    assert_eq!(all["named"], 3, "{summary}");
    let accuracy = number(all, "accuracy");
    // 51 pairs of variance 1/8: three standard deviations are .15.
    assert!((accuracy - 0.5).abs() < 0.15, "{accuracy}");
    let (own, chance) = (number(all, "similarity"), number(all, "chance"));
    assert!((own - chance).abs() < 0.1, "{own} {chance}");
}

#[test]
fn a_prompt_holds_captions_and_nothing_of_the_dimension() {
    let seen: Arc<Mutex<Vec<Value>>> = Arc::default();
    let keep = Arc::clone(&seen);
    let server = start(move |asked| {
        keep.lock().unwrap().push(asked.clone());
        oracle(asked)
    });
    let scratch = planted();
    scratch.write(
        "captions.tsv",
        fs::read_to_string(scratch.path("captions.tsv"))
            .unwrap()
            .replace("water", "Awe water"),
    );
    let plan = scratch.json(&format!("{} --dry-run", line(&server)));
    assert_eq!(
        (&plan["names"], &plan["tests"], server.served()),
        (&NAMES.into(), &TESTS.into(), 0)
    );
    assert!(!scratch.path("names").exists());
    scratch.json(&line(&server));
    let seen = seen.lock().unwrap();
    // The dry run shows what is sent.
    let planned = plan["prompt"][1][1].as_str().unwrap();
    let sent = |asked: &&Value| !is_test(asked) && question(asked) == planned;
    assert_eq!(seen.iter().filter(sent).count(), 1, "{planned}");
    let mut around = Vec::new();
    for asked in seen.iter() {
        let text: String = asked["messages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|m| m["content"].as_str().unwrap())
            .collect();
        for word in [
            "dim0",
            "dimension",
            "embedding",
            "rating",
            "clip0",
            "clip1",
            "weight",
        ] {
            assert!(!text.contains(word), "{word} in {text}");
        }
        if !is_test(asked) {
            let of = |line: &str| match line.split_once(". scene of ") {
                Some((number, _)) => number.to_owned(),
                None => line.to_owned(),
            };
            around.push(text.lines().map(of).collect::<Vec<_>>());
        }
    }
    // Whatever the dimension, everything around the captions is the same.
    assert_eq!(around.len() as u64, NAMES);
    assert!(around.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn refusals_and_replies_out_of_form_are_kept_apart_and_asked_again_a_bounded_number_of_times() {
    let server = start(|asked| {
        let first = asked["messages"].as_array().unwrap().len() == 2;
        if is_test(asked) {
            return oracle(asked);
        }
        let text = question(asked)
            .split("Second group")
            .next()
            .unwrap()
            .to_owned();
        if text.contains("water") {
            // Out of form at first.
            return match first {
                true => reply(asked, &"It is about water.".into()),
                false => oracle(asked),
            };
        }
        if text.contains("fire") {
            // Never in form, though a name was given in a reply to another question.
            return reply(asked, &"Fire, I think, or perhaps heat.".into());
        }
        let mut refused = reply(asked, &Value::Null);
        refused["choices"][0]["message"]["refusal"] = "I can't help with that.".into();
        refused
    });
    let scratch = planted();
    let summary = scratch.json(&line(&server));
    let dims = &summary["suggested"]["dimensions"];
    assert_eq!(
        (&dims[0]["name"], &dims[1]["name"], &dims[2]["name"]),
        (&"WATER".into(), &Value::Null, &Value::Null)
    );
    assert_eq!(
        summary["causes"],
        json!({ "no-answer": 5, "refusal-field": 5 })
    );
    assert_eq!(dims[1]["repeats"][0]["cause"], "no-answer");
    assert_eq!(
        dims[1]["repeats"][0]["replies"].as_array().unwrap().len(),
        2
    );
    assert_eq!(dims[2]["repeats"][0]["cause"], "refusal-field");
    assert_eq!(
        dims[2]["repeats"][0]["replies"].as_array().unwrap().len(),
        1
    );
    assert_eq!(
        (&dims[1]["discrimination"], &dims[1]["agreement"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(server.served(), 10 + 10 + 5 + 34);
    let again = scratch.json(&line(&server));
    assert_eq!((&again["asked"], server.served()), (&0.into(), 59));
}

#[test]
fn a_bound_on_the_cost_holds_and_the_rest_is_asked_later() {
    let server = start(oracle);
    let scratch = planted();
    // A request is 120,000 billionths; an estimate is more, so that fewer than 20 fit.
    let first = scratch.json(&format!("{} --max-cost 0.0024", line(&server)));
    let served = server.served();
    assert!((1..=20).contains(&served), "{served}");
    assert!(
        first["stopped"].as_str().unwrap().contains("--max-cost"),
        "{first}"
    );
    assert_eq!(
        (first["names"].clone(), first["asked"].as_u64()),
        (Value::Null, Some(served))
    );
    assert!(!scratch.path("names/names.json").exists());
    // What was spent before counts.
    let second = scratch.json(&format!("{} --max-cost 0.0024", line(&server)));
    assert!(
        server.served() <= 20 && !second["stopped"].is_null(),
        "{second}"
    );
    let last = scratch.json(&line(&server));
    assert_eq!(
        (server.served(), &last["suggested"]["overall"]["named"]),
        (NAMES + TESTS, &3.into())
    );
    assert_eq!(
        last["suggested"]["judge"]["spent"]["requests"],
        NAMES + TESTS
    );
}

#[test]
fn a_process_that_is_killed_loses_no_reply() {
    let times: Arc<Mutex<HashMap<String, usize>>> = Arc::default();
    let counted = Arc::clone(&times);
    let server = start(move |asked| {
        *counted
            .lock()
            .unwrap()
            .entry(asked.to_string())
            .or_default() += 1;
        std::thread::sleep(Duration::from_millis(30));
        oracle(asked)
    });
    let scratch = planted();
    let mut before = 0;
    for kill in 0..4_u64 {
        let mut child = Command::new(assert_cmd::cargo::cargo_bin("emotome"))
            .current_dir(scratch.0.path())
            .args(line(&server).split(' '))
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        while server.served() < 10 + 20 * kill && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(2));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let now = replies(&scratch);
        assert!(now >= before, "{before} replies became {now}");
        before = now;
    }
    assert!(before > 10, "{before}");
    // A line that was torn when the process died is asked for again, and no other.
    let path = scratch.path("names/replies.jsonl");
    let whole = fs::read(&path).unwrap();
    let end = whole.iter().rposition(|&byte| byte == b'\n').unwrap();
    fs::write(&path, &whole[..end - 5]).unwrap();
    let there = replies(&scratch) - 1;
    // Requests of the process that is gone may still arrive.
    let mut served = 0;
    while std::mem::replace(&mut served, server.served()) != served {
        std::thread::sleep(Duration::from_millis(500));
    }
    let last = scratch.json(&line(&server));
    assert_eq!(last["kept"], there);
    assert_eq!(server.served() - served, NAMES + TESTS - there as u64);
    assert_eq!(last["suggested"]["overall"]["named"], 3);
    let clean = planted();
    let other = start(oracle);
    let whole = clean.json(&line(&other));
    let names = |of: &Value| -> Vec<Value> {
        of["suggested"]["dimensions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|dim| json!([dim["name"], dim["agreement"], dim["discrimination"]]))
            .collect()
    };
    assert_eq!(names(&last), names(&whole));
}

#[test]
fn faults_settle_nothing_and_are_asked_again() {
    let broken = Arc::new(AtomicBool::new(true));
    let state = Arc::clone(&broken);
    let seen = AtomicUsize::new(0);
    let server = Loopback::start(move |asked| {
        let asked = asked.json();
        if state.load(Ordering::SeqCst)
            && !is_test(&asked)
            && question(&asked)
                .split("Second group")
                .next()
                .unwrap()
                .contains("fire")
        {
            seen.fetch_add(1, Ordering::SeqCst);
            return (500, b"{}".to_vec());
        }
        (200, oracle(&asked).to_string().into())
    });
    let scratch = planted();
    let flags = format!("{} --tries 1", line(&server));
    let done = scratch.run(&format!("{flags} --json")).failure().code(1);
    let summary: Value = serde_json::from_slice(&done.get_output().stdout).unwrap();
    assert_eq!(
        (&summary["open"], &summary["suggested"]["overall"]["named"]),
        (&5.into(), &2.into()),
        "{summary}"
    );
    assert_eq!(
        summary["suggested"]["dimensions"][1]["repeats"][0]["cause"],
        "server-error"
    );
    assert_eq!(summary["causes"], json!({}));
    broken.store(false, Ordering::SeqCst);
    let mended = scratch.json(&flags);
    assert_eq!(
        (&mended["asked"], &mended["open"]),
        (&(5 + 34).into(), &0.into())
    );
    assert_eq!(mended["suggested"]["overall"]["named"], 3);
}

#[test]
fn flagged_stimuli_are_left_out_unless_asked_for() {
    let seen: Arc<Mutex<String>> = Arc::default();
    let keep = Arc::clone(&seen);
    let server = start(move |asked| {
        keep.lock().unwrap().push_str(question(asked));
        oracle(asked)
    });
    let scratch = planted();
    scratch.json("init study --captions captions.tsv");
    let path = scratch.path("study/stimuli.tsv");
    let table = fs::read_to_string(&path).unwrap();
    let flagged: String = table
        .lines()
        .enumerate()
        .map(|(k, line)| {
            let cells: Vec<&str> = line.split('\t').collect();
            // Every heavy stimulus of the first dimension that is a multiple of four.
            let last = if k > 0 && (k - 1) % 12 == 0 {
                "Horror"
            } else {
                cells[cells.len() - 1]
            };
            format!("{}\t{last}\n", cells[..cells.len() - 1].join("\t"))
        })
        .collect();
    fs::write(&path, flagged).unwrap();
    let line = line(&server).replace("--captions captions.tsv", "--study study");
    let summary = scratch.json(&line);
    let found = &summary["suggested"];
    assert_eq!(
        (&found["stimuli"]["sensitive"], &found["stimuli"]["shown"]),
        (&10.into(), &110.into())
    );
    assert_eq!(
        (
            &found["dimensions"][0]["sensitive"],
            &found["dimensions"][1]["sensitive"]
        ),
        (
            &10.into(),
            &json!(found["dimensions"][1]["sensitive"].as_u64().unwrap())
        )
    );
    let hidden: Vec<String> = (0..10)
        .map(|k| format!("by day {}\n", letters(12 * k)))
        .collect();
    let text = std::mem::take(&mut *seen.lock().unwrap());
    assert!(hidden.iter().all(|caption| !text.contains(caption)));
    fs::remove_dir_all(scratch.path("names")).unwrap();
    let all = scratch.json(&format!("{line} --include-sensitive"));
    assert_eq!(
        (
            &all["suggested"]["stimuli"]["sensitive"],
            &all["suggested"]["stimuli"]["shown"]
        ),
        (&0.into(), &120.into())
    );
    let text = seen.lock().unwrap();
    assert!(hidden.iter().any(|caption| text.contains(caption)));
}

#[test]
fn another_model_can_test_the_names() {
    let (namer, tester) = (start(oracle), start(by_lot));
    let scratch = planted();
    scratch.write(
        "tester.toml",
        format!(
            "model = \"t\"\nkind = \"openai\"\n[[servers]]\nurl = \"{}\"\n",
            tester.url()
        ),
    );
    let summary = scratch.json(&format!(
        "{} --test-judge tester.toml --dims 1..2",
        line(&namer)
    ));
    assert_eq!((namer.served(), tester.served()), (10, 68));
    let found = &summary["suggested"];
    assert_eq!(
        (&found["test_judge"]["name"], &found["overall"]["named"]),
        (&"tester".into(), &2.into())
    );
    assert!((number(&found["overall"], "accuracy") - 0.5).abs() < 0.2);
    // Its price was not stated: unknown is not 0.
    assert_eq!(found["test_judge"]["spent"]["unpriced"], 68);
    assert_eq!(
        found["dimensions"][0]["pairs"][0]["high_first"]["replies"][0]["usage"]["cost"],
        Value::Null
    );
}

#[test]
fn what_cannot_be_named_is_refused_before_anything_is_sent() {
    let server = start(oracle);
    let scratch = planted();
    let line = line(&server);
    scratch.write(
        "other.tsv",
        "key\tcaption\nvideo1\tfog\nvideo2\tkiss\nvideo3\twasp\n",
    );
    for (from, to, words) in [
        (
            "--captions captions.tsv",
            "--captions other.tsv",
            ["\"video1\"", "emotome init"],
        ),
        (" --captions captions.tsv", "", ["--captions", "--study"]),
        (
            "--out names",
            "--dims 4 --out names",
            ["dimension 4", "has 3"],
        ),
        (
            "--out names",
            "--top 30 --out names",
            ["pool = 24", "at least as many as top"],
        ),
        (" --kind vllm", "", ["kind of server", "--kind"]),
        (
            "--out names",
            "--template captions.tsv --out names",
            ["captions.tsv", "line 1"],
        ),
        ("embedding.tsv", "absent.tsv", ["absent.tsv", ""]),
    ] {
        scratch.refuses(&line.replace(from, to), &words);
        assert!(!scratch.path("names").exists());
    }
    assert_eq!(server.served(), 0);
    // Names of another run are not overwritten, and replies of another making not mixed.
    fs::create_dir(scratch.path("names")).unwrap();
    scratch.write("names/names.json", "kept");
    scratch.refuses(&line, &["exists", "--force"]);
    fs::remove_file(scratch.path("names/names.json")).unwrap();
    scratch.json(&line);
    scratch.refuses(
        &line.replace("--model m", "--model n"),
        &["replies of another model"],
    );
    // Only what is asked for again is asked: more repeats.
    let served = server.served();
    scratch.json(&format!("{line} --repeats 6"));
    assert_eq!(server.served() - served, 3);
}

#[test]
fn too_few_heavy_stimuli_are_said_and_not_asked_about() {
    let server = start(oracle);
    let scratch = planted();
    let embedding = fs::read_to_string(scratch.path("embedding.tsv")).unwrap();
    let empty: String = embedding
        .lines()
        .enumerate()
        .map(|(k, line)| {
            let (rest, _) = line.rsplit_once('\t').unwrap();
            format!("{rest}\t{}\n", if k == 0 { "dim03" } else { "0" })
        })
        .collect();
    scratch.write("embedding.tsv", empty);
    let summary = scratch.json(&line(&server));
    let last = &summary["suggested"]["dimensions"][2];
    assert!(
        last["not_asked"]
            .as_str()
            .unwrap()
            .contains("0 stimuli that can be shown weigh more"),
        "{last}"
    );
    assert_eq!(summary["suggested"]["overall"]["named"], 2);
    let table = fs::read_to_string(scratch.path("names/names.tsv")).unwrap();
    assert!(
        table.lines().nth(3).unwrap().starts_with("3\tn/a\t"),
        "{table}"
    );
}

#[test]
fn lines_are_read_where_a_server_cannot_make_sure_of_json() {
    let server = start(|asked| {
        assert!(asked.get("structured_outputs").is_none());
        let content = oracle(asked)["choices"][0]["message"]["content"]
            .as_str()
            .unwrap()
            .to_owned();
        let found: Value = serde_json::from_str(&content).unwrap();
        let content = match found["name"].as_str() {
            Some(name) => format!(
                "**NAME:** {name}\n**SENTENCE:** {}",
                found["sentence"].as_str().unwrap()
            ),
            None => found["answer"].as_str().unwrap().to_owned(),
        };
        assert!(said(asked).contains("NAME:") || is_test(asked));
        reply(asked, &content.into())
    });
    let scratch = planted();
    let summary = scratch.json(&format!("{} --lines", line(&server)));
    assert_eq!(number(&summary["suggested"]["overall"], "accuracy"), 1.0);
    let structured = start(|asked| {
        let schema = &asked["structured_outputs"]["json"];
        assert_eq!(schema["additionalProperties"], false);
        oracle(asked)
    });
    scratch.json(&line(&structured).replace("--out names", "--out structured"));
}

/// The file `SmolLM2-135M-Instruct.Q4_1.gguf`: a real model in the process, twice the same.
#[test]
fn a_model_in_the_process_names_and_tests() {
    let Some(model) = std::env::var_os("EMOTOME_SMOLLM2") else {
        eprintln!("skipped: EMOTOME_SMOLLM2 names no model");
        return;
    };
    let scratch = planted();
    let line = format!(
        "name --embedding embedding.tsv --captions captions.tsv --judge {} --dims 1..2 --repeats 3 --test-pairs 4 --out names",
        model.to_string_lossy()
    );
    let first = scratch.json(&line);
    println!("{:#}", first["suggested"]["overall"]);
    let dims = first["suggested"]["dimensions"].as_array().unwrap();
    for dim in dims {
        println!(
            "{} {:?}",
            dim["name"],
            dim["repeats"]
                .as_array()
                .unwrap()
                .iter()
                .map(|r| json!([r["name"], r["cause"]]))
                .collect::<Vec<_>>()
        );
    }
    assert_eq!(first["suggested"]["judge"]["spent"]["cost"], 0);
    assert!(first["asked"].as_u64().unwrap() >= 6);
    let again = scratch.json(&line);
    assert_eq!(again["asked"], 0);
    fs::remove_dir_all(scratch.path("names")).unwrap();
    let fresh = scratch.json(&line);
    let told = |of: &Value| -> Vec<Value> {
        let dims = of["suggested"]["dimensions"].as_array().unwrap();
        dims.iter()
            .map(|dim| json!([dim["name"], dim["discrimination"], dim["agreement"]]))
            .collect()
    };
    assert_eq!(told(&first), told(&fresh));
}
