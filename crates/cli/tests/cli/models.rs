//! `emotome collect`, `batch`, `plan` and `server check` with judges that are models.

use crate::loopback::Loopback;
use crate::scratch::{Scratch, has};
use emotome_media::numbered::CLIPS;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A key that may stand in no file and no output.
pub(crate) const CANARY: &str = "sk-canary-0f8e7d6c5b4a39281706";

/// A server that lists log-probabilities of 1, 2 and 3 and puts its request's key into every reply.
fn start() -> Loopback {
    Loopback::start(|asked| (200, reply(&asked.json(), &asked.key).to_string().into()))
}

/// The stimulus with the longest caption is the odd one; the key comes back in the reply.
pub(crate) fn reply(asked: &Value, key: &str) -> Value {
    let text = asked["messages"][1]["content"].as_str().unwrap_or_default();
    let lengths: Vec<usize> = text.lines().take(3).map(str::len).collect();
    let longest = (0..lengths.len()).max_by_key(|&k| lengths[k]).unwrap_or(0);
    let listed = ["1", "2", "3"].iter().enumerate().map(|(k, token)| {
        let logprob = if k == longest { -0.1_f64 } else { -3.0 };
        json!({ "token": token, "logprob": logprob })
    });
    let mut listed: Vec<Value> = listed.collect();
    listed.sort_by(|a, b| {
        b["logprob"]
            .as_f64()
            .partial_cmp(&a["logprob"].as_f64())
            .unwrap()
    });
    let content = (longest + 1).to_string();
    json!({
        "model": asked["model"],
        "choices": [{
            "message": { "role": "assistant", "content": content },
            "finish_reason": "stop",
            "logprobs": { "content": [{ "token": content, "logprob": -0.1, "top_logprobs": listed }] },
        }],
        "usage": { "prompt_tokens": 100, "completion_tokens": 1 },
        "echo": key,
    })
}

/// A study of twelve captions, and a judge on `server`.
pub(crate) fn study(server: &Loopback, mode: &str) -> Scratch {
    let scratch = Scratch::new();
    let captions: String = (0..12)
        .map(|k| format!("clip{k:02}\tA scene {}\n", "x".repeat(k + 1)))
        .collect();
    scratch.write("captions.tsv", format!("key\tcaption\n{captions}"));
    scratch.json("init study --captions captions.tsv");
    scratch.write("key", CANARY);
    set_private(&scratch.path("key"));
    fs::create_dir(scratch.path("judges")).unwrap();
    let judge = format!(
        "model = \"m\"\nkind = \"vllm\"\n[answer]\nmode = \"{mode}\"\n[[servers]]\n\
         url = \"http://127.0.0.1:{}/v1\"\nkey-file = \"../key\"\n[price]\nprompt = 1.0\ncompletion = 2.0\n",
        server.port
    );
    scratch.write("judges/loop.toml", judge);
    scratch
}

fn set_private(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }
}

const COLLECT: &str = "collect --judge judges/loop.toml --study study --journal j.db --trials 100";

#[test]
fn a_served_judge_answers_every_trial_once_and_its_key_appears_nowhere() {
    for (mode, requests) in [("logprob", 3), ("choice", 1)] {
        let server = start();
        let scratch = study(&server, mode);
        let first = scratch
            .run(&format!("{COLLECT} --max-trials 40 --json"))
            .success();
        let output = first.get_output().clone();
        let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
        has(&summary, &["run", "standing", "currency"]);
        assert_eq!(summary["standing"]["settled"], 40, "{summary}");
        let rest = scratch.json(COLLECT);
        assert_eq!(rest["standing"]["choices"], 100, "{rest}");
        let served = server.served();
        let audits = served - 100 * requests;
        assert!(
            mode == "choice" && audits < 12 || audits == 0,
            "{served} requests in mode {mode}"
        );
        // 100 and 1 tokens a request at 1 and 2 units a million.
        let cost = rest["run"]["spent"]["cost"].as_u64().unwrap()
            + summary["run"]["spent"]["cost"].as_u64().unwrap();
        assert_eq!(cost, served * 102_000, "{rest}");
        let again = scratch.json(COLLECT);
        assert_eq!(
            (again["run"]["total"].as_u64(), server.served()),
            (Some(0), served)
        );
        assert_eq!(scratch.json("journal verify j.db")["sound"], true);
        let mut seen = [output.stdout, output.stderr].concat();
        for entry in fs::read_dir(scratch.0.path()).unwrap().flatten() {
            if entry.path().is_file() && entry.file_name() != "key" {
                seen.extend(fs::read(entry.path()).unwrap());
            }
        }
        assert!(
            !seen
                .windows(CANARY.len())
                .any(|bytes| bytes == CANARY.as_bytes()),
            "the key leaked in mode {mode}"
        );
    }
}

#[test]
fn a_dry_run_prints_the_first_request_and_sends_nothing() {
    let server = start();
    let scratch = study(&server, "logprob");
    let first =
        scratch.json("collect --judge judges/loop.toml --study study --trials 100 --dry-run");
    assert_eq!(
        (&first["path"], &first["body"]["model"]),
        (&"chat/completions".into(), &"m".into())
    );
    let plan = scratch.json("plan --judge judges/loop.toml --study study --trials 100");
    assert_eq!(plan["requests"], 300.0, "{plan}");
    has(&plan, &["cost", "tokens", "journal_bytes", "basis"]);
    assert_eq!(server.served(), 0);
}

#[test]
fn a_batch_comes_to_an_end_in_two_rounds_when_a_line_is_lost() {
    let server = start();
    let scratch = study(&server, "choice");
    let line =
        "batch --judge judges/loop.toml --study study --journal j.db --trials 60 --out batch";
    let first = scratch.json(line);
    let asked = first["requests"].as_u64().unwrap();
    assert!((60..75).contains(&asked), "{first}");
    let run = |round: &str, lose: bool| {
        let requests =
            fs::read_to_string(scratch.path(&format!("batch/{round}-0001.jsonl"))).unwrap();
        let replies = requests.lines().map(|line| {
            let request: Value = serde_json::from_str(line).unwrap();
            let response = json!({ "status_code": 200, "body": reply(&request["body"], "") });
            json!({ "custom_id": request["custom_id"], "response": response, "error": null })
                .to_string()
        });
        let replies: Vec<String> = replies.skip(usize::from(lose)).collect();
        scratch.write(&format!("batch/{round}.out.jsonl"), replies.join("\n"));
    };
    run("round-001", true);
    let second = scratch.json(&format!("{line} --outputs batch/round-001.out.jsonl"));
    assert_eq!(
        (&second["answered"], &second["requests"]),
        (&59.into(), &1.into()),
        "{second}"
    );
    run("round-002", false);
    let third = scratch.json(&format!(
        "{line} --outputs batch/round-001.out.jsonl batch/round-002.out.jsonl"
    ));
    assert_eq!(
        (&third["requests"], &third["standing"]["choices"]),
        (&0.into(), &60.into()),
        "{third}"
    );
    assert_eq!(server.served(), 0);
}

#[test]
fn a_server_is_probed() {
    let server = start();
    let scratch = Scratch::new();
    // It lists no models: that is said, and nothing hangs.
    scratch.refuses(
        &format!("server check http://127.0.0.1:{}/v1", server.port),
        &["model"],
    );
    scratch.refuses("server check http://127.0.0.1:1/v1", &["does not reply"]);
}

/// A vLLM that takes up to `most` frames of a clip, uniformly, at 16 tokens each, and tells of numbered clips by
/// their bytes.
fn vllm(most: u32) -> Loopback {
    Loopback::start(move |asked| {
        let body = asked.json();
        let reply = match asked.path.as_str() {
            "/v1/models" => {
                json!({ "data": [{ "id": "m", "owned_by": "vllm", "max_model_len": 8192 }] })
            }
            "/version" => json!({ "version": "0.12.1" }),
            _ => {
                let clip = body["messages"][0]["content"][1]["video_url"]["url"].as_str();
                let frames = clip.map(|url| {
                    let data = url.strip_prefix("data:video/mp4;base64,").unwrap();
                    // Four digits stand for three bytes.
                    let bytes = data.trim_end_matches('=').len() * 3 / 4;
                    let sent = CLIPS.iter().find(|clip| clip.mp4.len() == bytes).unwrap();
                    sent.frames.min(most)
                });
                let content = frames.map_or_else(|| "calm".to_owned(), |n| n.to_string());
                json!({
                    "model": "m",
                    "choices": [{ "message": { "content": content }, "finish_reason": "stop" }],
                    "usage": { "prompt_tokens": 30 + 16 * frames.unwrap_or(0), "completion_tokens": 1 },
                })
            }
        };
        (200, reply.to_string().into())
    })
}

/// What is found of the only server.
fn checked(scratch: &Scratch, line: &str) -> Value {
    let done = scratch.run(&format!("{line} --json")).success();
    serde_json::from_slice::<Value>(&done.get_output().stdout).unwrap()[0].clone()
}

#[test]
fn frames_that_a_server_really_sees_are_counted() {
    let scratch = Scratch::new();
    let seen = |most: u32| {
        let server = vllm(most);
        let line = format!("server check {}", server.url());
        let found = checked(&scratch, &line);
        let frames: Vec<(u64, f64, u64)> = found["frames"]
            .as_array()
            .unwrap()
            .iter()
            .map(|f| {
                (
                    f["frames"].as_u64().unwrap(),
                    f["estimate"].as_f64().unwrap(),
                    f["said"].as_u64().unwrap(),
                )
            })
            .collect();
        let page = scratch.run(&line).success();
        let page = String::from_utf8(page.get_output().stdout.clone()).unwrap();
        (frames, page)
    };
    let (frames, page) = seen(1_000);
    assert_eq!(frames, [(8, 8.0, 8), (16, 16.0, 16), (64, 64.0, 64)]);
    assert!(
        page.contains("64 sent, 64 seen") && !page.contains("num_frames"),
        "{page}"
    );
    // Thirty-two frames are kept of sixty-four, and nothing is said of it.
    let (frames, page) = seen(32);
    assert_eq!(frames[2], (64, 32.0, 32));
    assert!(
        page.contains("64 sent, 32 seen")
            && page.contains("kept about 32 of 64 frames: restart with --media-io-kwargs"),
        "{page}"
    );
    // A judge that is shown captions is not asked about clips.
    let server = vllm(32);
    let judge = format!(
        "model = \"m\"\n[show]\ncaptions = 1\n[[servers]]\nurl = \"{}\"\n",
        server.url()
    );
    scratch.write("words.toml", judge);
    assert_eq!(
        checked(&scratch, "server check words.toml")["frames"],
        json!([])
    );
}

#[test]
fn a_readout_behind_a_server_goes_on_after_a_failure_and_gives_choices() {
    let well = Arc::new(AtomicBool::new(false));
    let (healthy, answered) = (Arc::clone(&well), Arc::new(AtomicU64::new(0)));
    let server = Loopback::start(move |asked| {
        let body = asked.json();
        assert_eq!(
            (&body["top_logprobs"], &body["max_tokens"]),
            (&50.into(), &1.into()),
            "{body}"
        );
        if !healthy.load(Ordering::SeqCst) && answered.fetch_add(1, Ordering::SeqCst) >= 20 {
            return (400, b"{\"error\":{\"message\":\"no more\"}}".to_vec());
        }
        // The longer the caption, the more joy.
        let joy = 0.01 * body["messages"].to_string().matches('x').count() as f64;
        let listed = [
            ("joy", joy),
            (" Joy", 0.05),
            ("fear", 0.2),
            ("anger", 0.1),
            ("dog", 0.3),
        ];
        let listed: Vec<Value> = listed
            .iter()
            .map(|(token, p)| json!({ "token": token, "logprob": p.ln() }))
            .collect();
        let reply = json!({
            "model": "m",
            "choices": [{
                "message": { "content": "dog" }, "finish_reason": "length",
                "logprobs": { "content": [{ "token": "dog", "logprob": 0.3_f64.ln(), "top_logprobs": listed }] },
            }],
            "usage": { "prompt_tokens": 50, "completion_tokens": 1 },
        });
        (200, reply.to_string().into())
    });
    let scratch = study(&server, "logprob");
    scratch.write(
        "words.tsv",
        "word\tcategory\njoy\tjoy\nfear\tfear\nanger\tanger\n",
    );
    let judge = fs::read_to_string(scratch.path("judges/loop.toml")).unwrap();
    let asked = "[readout]\nwords = \"../words.tsv\"\ntemplates = [\"readout-one-word\", \"readout-mood-tag\", \"readout-i-feel\"]\ntop = 50\n";
    let judge = judge.replace("[answer]\nmode = \"logprob\"\n", asked);
    scratch.write("judges/loop.toml", &judge);
    // 36 questions, of which 20 are answered and the rest rejected: what came is kept.
    let failed = scratch.run(COLLECT).failure().code(1);
    let said = String::from_utf8(failed.get_output().stderr.clone()).unwrap();
    for words in [
        "no row for 16 of 36",
        "no more",
        "same command again",
        "20 rows",
    ] {
        assert!(said.contains(words), "{said}");
    }
    let before = server.served();
    well.store(true, Ordering::SeqCst);
    let collected = scratch.json(COLLECT);
    assert_eq!(collected["standing"]["choices"], 100, "{collected}");
    assert_eq!(server.served() - before, 16);
    assert!(scratch.path("j.readout.npy").exists() && !scratch.path("j.readout.part").exists());
    // Again: nothing is asked. Other words: refused. A word that is not listed: refused at once.
    scratch.json(COLLECT);
    assert_eq!(server.served() - before, 16);
    scratch.write("words.tsv", "word\njoy\nsadness\n");
    scratch.refuses(COLLECT, &["another way", "j.readout.npy"]);
    let other = COLLECT.replace("j.db", "k.db");
    scratch.refuses(&other, &["were not listed", "sadness", "list more tokens"]);
    scratch.refuses(
        &format!("{} --max-cost 1", COLLECT.replace("j.db", "l.db")),
        &["--max-cost"],
    );
}

#[test]
fn frames_of_clips_go_out_as_pictures_in_the_order_of_time() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("clips")).unwrap();
    for clip in CLIPS {
        scratch.write(&format!("clips/numbered{:02}.mp4", clip.frames), clip.mp4);
    }
    scratch.json("init study --clips clips");
    let judge = "model = \"m\"\nkind = \"vllm\"\n[answer]\nmode = \"choice\"\n[show]\nframes = { at = { uniform = 4 }, size = { longest = 64 } }\n\
                 [[servers]]\nurl = \"http://127.0.0.1:1/v1\"\n";
    scratch.write("frames.toml", judge);
    let line = "collect --judge frames.toml --study study --trials 6 --dry-run";
    let first = scratch.json(line);
    let content = first["body"]["messages"]
        .as_array()
        .unwrap()
        .last()
        .unwrap()["content"]
        .clone();
    let urls: Vec<&str> = content
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|part| part["image_url"]["url"].as_str())
        .collect();
    assert_eq!(urls.len(), 12, "{content}");
    // Every frame bears another number, so that no two pictures of a clip are the same.
    for clip in urls.chunks(4) {
        let different: std::collections::HashSet<&&str> = clip.iter().collect();
        assert_eq!(different.len(), 4);
        assert!(
            clip.iter()
                .all(|url| url.starts_with("data:image/jpeg;base64,/9j/")),
            "{clip:?}"
        );
    }
    // From the cache of the study they are the same.
    assert_eq!(scratch.json(line), first);
}

#[test]
fn kept_replies_are_shown_as_they_came_and_steer_no_terminal() {
    let server = Loopback::start(|asked| {
        let body = asked.json();
        let content = match body["seed"].as_u64().unwrap_or(0) % 3 {
            0 => json!({ "content": "I can't\u{1b}[2J help\twith that\nat all." }),
            _ => json!({ "content": null, "refusal": "no" }),
        };
        let reply = json!({
            "model": "m",
            "choices": [{ "message": content, "finish_reason": "stop" }],
            "usage": { "prompt_tokens": 100, "completion_tokens": 1 },
        });
        (200, reply.to_string().into())
    });
    let scratch = study(&server, "free");
    scratch
        .run("collect --judge judges/loop.toml --study study --journal j.db --trials 30")
        .success();
    let all = scratch.json("journal replies j.db --limit 100");
    assert_eq!(
        (all["replies"].as_array().unwrap().len(), &all["more"]),
        (30, &false.into())
    );
    has(
        &all["replies"][0],
        &[
            "trial", "shown", "outcome", "cause", "cost", "reply", "requests",
        ],
    );
    let some = scratch.json("journal replies j.db --state refused --limit 3 --agent loop");
    assert_eq!(
        (some["replies"].as_array().unwrap().len(), &some["more"]),
        (3, &true.into())
    );
    // What an escape tears apart is no known phrase of refusals.
    let invalid = scratch.json("journal replies j.db --state invalid");
    let invalid = invalid["replies"].as_array().unwrap();
    assert!(!invalid.is_empty() && invalid.iter().all(|reply| reply["outcome"] == "invalid"));
    for line in ["journal replies j.db", "journal replies j.db --tsv"] {
        let shown = scratch.run(line).success();
        let shown = String::from_utf8(shown.get_output().stdout.clone()).unwrap();
        assert!(
            !shown.contains('\u{1b}') && shown.contains("refus"),
            "{shown}"
        );
    }
    scratch.refuses("journal replies j.db --agent nobody", &["nobody"]);
}

#[test]
fn what_cannot_be_asked_is_refused_in_one_line() {
    let server = start();
    let scratch = study(&server, "logprob");
    scratch.refuses(
        "collect --judge judges/loop.toml --journal j.db",
        &["--study"],
    );
    scratch.refuses(
        "collect --judge nobody.toml --study study --journal j.db",
        &["nobody.toml"],
    );
    scratch.refuses("collect --judge http://10.0.0.1/v1 --kind vllm --model m --answer choice --study study --journal j.db", &["unencrypted"]);
    scratch.refuses(
        &format!("collect --judge http://127.0.0.1:{}/v1 --model m --answer choice --study study --journal j.db", server.port),
        &["--kind", "server check"],
    );
    scratch.refuses(
        &format!("collect --judge http://127.0.0.1:{}/v1 --kind vllm --model m --answer choice --max-cost 1 --study study --journal j.db", server.port),
        &["price", "--price-in"],
    );
    scratch.refuses(
        &format!("{COLLECT} --template nothing"),
        &["nothing", "choose-captions"],
    );
    scratch.refuses(
        &format!("{COLLECT} --answer readout --template nothing"),
        &["nothing", "readout-one-word"],
    );
    scratch.refuses(&format!("{COLLECT} --captions 2"), &["caption"]);
    scratch.refuses(&format!("{COLLECT} --items 5"), &["--items"]);
    scratch.refuses(
        "collect --judge simulated --items 9 --study study --journal k.db",
        &["--study"],
    );
    scratch.write("judges/odd.toml", "model = \"m\"\nmodle = 3\n");
    scratch.refuses(
        "collect --judge judges/odd.toml --study study --journal j.db",
        &["odd.toml, line 2", "modle"],
    );
    scratch.write("broken.gguf", "GGUF");
    scratch.refuses(
        "collect --judge broken.gguf --answer logprob --study study --journal j.db",
        &["broken.gguf"],
    );
    assert_eq!(server.served(), 0);
}

#[test]
fn presets_are_listed_and_printed() {
    let scratch = Scratch::new();
    let listed = scratch.run("collect --list-templates").success();
    let names = String::from_utf8(listed.get_output().stdout.clone()).unwrap();
    assert!(
        names.lines().any(|name| name == "describe-media"),
        "{names}"
    );
    let text = scratch
        .run("collect --list-templates --template choose-captions")
        .success();
    let text = String::from_utf8(text.get_output().stdout.clone()).unwrap();
    assert!(text.contains("{first}"), "{text}");
}
