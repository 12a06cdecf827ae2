//! `emotome collect`, `batch`, `plan` and `server check` with judges that are models.

use crate::scratch::{Scratch, has};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// A key that may stand in no file and no output.
const CANARY: &str = "sk-canary-0f8e7d6c5b4a39281706";

/// A server on loopback that lists log-probabilities of 1, 2 and 3 and puts its request's key into every reply.
struct Loopback {
    port: u16,
    served: Arc<AtomicU64>,
}

impl Loopback {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let served = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&served);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let counted = Arc::clone(&counted);
                thread::spawn(move || while serve(&stream, &counted).is_some() {});
            }
        });
        Self { port, served }
    }

    fn served(&self) -> u64 {
        self.served.load(Ordering::SeqCst)
    }
}

/// Answers one request; nothing once the client hangs up.
fn serve(stream: &TcpStream, served: &AtomicU64) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let (mut length, mut key, mut line) = (0, String::new(), String::new());
    loop {
        line.clear();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let header = line.trim();
        if header.is_empty() {
            break;
        }
        if let Some((name, value)) = header.split_once(':') {
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().ok()?,
                "authorization" => key = value.trim().to_owned(),
                _ => {}
            }
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
    served.fetch_add(1, Ordering::SeqCst);
    let reply = reply(&asked, &key).to_string();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        reply.len()
    );
    let mut stream = stream;
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(reply.as_bytes()).ok()
}

/// The stimulus with the longest caption is the odd one; the key comes back in the reply.
fn reply(asked: &Value, key: &str) -> Value {
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
fn study(server: &Loopback, mode: &str) -> Scratch {
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
        let server = Loopback::start();
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
    let server = Loopback::start();
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
    let server = Loopback::start();
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
    let server = Loopback::start();
    let scratch = Scratch::new();
    // It lists no models: that is said, and nothing hangs.
    scratch.refuses(
        &format!("server check http://127.0.0.1:{}/v1", server.port),
        &["model"],
    );
    scratch.refuses("server check http://127.0.0.1:1/v1", &["does not reply"]);
}

#[test]
fn what_cannot_be_asked_is_refused_in_one_line() {
    let server = Loopback::start();
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
