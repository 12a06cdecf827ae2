//! The probe against scripted servers of each kind and version.

use bytes::Bytes;
use emotome_judges::chat::Dialect;
use emotome_judges::dialogue::{Fault, Reply};
use emotome_judges::prompt::{Content, Medium};
use emotome_judges::server::probe::{ProbeError, ProbeParams, ProbeReport, ServerKind, probe};
use emotome_stimuli::digest::Sha256Sum;
use emotome_triplets::Cause;
use serde_json::{Value, json};
use std::time::Duration;

/// A server, as it was started.
#[derive(Clone, Copy)]
struct Server {
    kind: &'static str,
    version: &'static str,
    /// The field by which it keeps replies to labels; others are ignored.
    choice: &'static str,
    most_logprobs: u64,
    masks: bool,
    /// Images or clips a prompt.
    media: usize,
    /// Frames it keeps of a clip.
    frames: u32,
    /// Whether the n-th reply to the same question differs.
    noisy: bool,
    tells_cached: bool,
}

const VLLM: Server = Server {
    kind: "vllm",
    version: "0.12.1",
    choice: "structured_outputs",
    most_logprobs: 20,
    masks: true,
    media: 999,
    frames: 1_000,
    noisy: false,
    tells_cached: true,
};

impl Server {
    fn answer(self, path: &str, body: Option<&Value>, n: u32) -> (u16, Value) {
        match (path, self.kind) {
            ("models", _) => {
                let owner = if self.kind == "ollama" {
                    "library"
                } else {
                    self.kind
                };
                return (
                    200,
                    json!({"object": "list", "data": [{"id": "m", "owned_by": owner, "max_model_len": 8192}]}),
                );
            }
            ("../version", "vllm") => return (200, json!({"version": self.version})),
            ("../props", "llamacpp") => {
                return (
                    200,
                    json!({"build_info": self.version, "default_generation_settings": {"n_ctx": 4096}}),
                );
            }
            ("../api/version", "ollama") => return (200, json!({"version": self.version})),
            ("chat/completions", _) => {}
            _ => return (404, json!({"error": "not found"})),
        }
        let body = body.unwrap();
        let top = body["top_logprobs"].as_u64();
        if top.is_some_and(|n| n > self.most_logprobs) {
            let message = format!(
                "Requested sample logprobs of {}, which is greater than max allowed: {}",
                top.unwrap(),
                self.most_logprobs
            );
            return (400, json!({"error": {"message": message}}));
        }
        let content = &body["messages"][0]["content"];
        let parts = content.as_array().cloned().unwrap_or_default();
        let media: Vec<&Value> = parts.iter().filter(|part| part["type"] != "text").collect();
        if media.len() > self.media {
            let kind = if media[0]["type"] == "video_url" {
                "video"
            } else {
                "image"
            };
            let message = format!(
                "At most {} {kind}(s) may be provided in one request. You can set `--limit-mm-per-prompt` to increase this limit.",
                self.media
            );
            return (400, json!({"error": {"message": message}}));
        }
        let text = content
            .as_str()
            .or_else(|| parts[0]["text"].as_str())
            .unwrap();
        let constrained = body.get(self.choice).is_some();
        // The clips of the tests hold their number of frames.
        let sent = media.first().and_then(|clip| {
            clip["video_url"]["url"]
                .as_str()?
                .rsplit('/')
                .next()?
                .strip_suffix(".mp4")?
                .parse::<u32>()
                .ok()
        });
        let seen = sent.map(|frames| frames.min(self.frames));
        let said = match (constrained, seen) {
            (true, _) if self.choice == "response_format" => "{\"answer\": \"8\"}".to_owned(),
            (true, _) => "8".to_owned(),
            (false, Some(seen)) => format!("{seen}."),
            _ if text.contains("word hello") => "hello".to_owned(),
            _ if self.noisy => format!("It is calm {}.", n % 3),
            _ => "It is calm.".to_owned(),
        };
        let mut choice = json!({"message": {"content": said}, "finish_reason": "stop"});
        if let Some(top) = top.filter(|_| self.most_logprobs > 0) {
            let list = |token: String, p: f64| json!({"token": token, "logprob": p.ln()});
            let mut listed: Vec<Value> = match constrained && self.masks {
                true => ["7", "8", "9"]
                    .map(|token| list(token.into(), 1.0 / 3.0))
                    .to_vec(),
                false => (0..top.min(5_000))
                    .map(|k| list(format!("t{k}"), 0.9 / (1 + k * k) as f64))
                    .collect(),
            };
            let mut first = listed.remove(0);
            listed.insert(0, first.clone());
            first["top_logprobs"] = json!(listed);
            choice["logprobs"] = json!({"content": [first]});
        }
        let tokens = text.len() as u64 / 4 + 64 * u64::from(seen.unwrap_or(0));
        let mut usage = json!({"prompt_tokens": tokens, "completion_tokens": 3});
        if self.tells_cached {
            usage["prompt_tokens_details"] =
                json!({"cached_tokens": if text.ends_with("two.") { tokens / 2 } else { 0 }});
        }
        (
            200,
            json!({"model": "m", "choices": [choice], "usage": usage}),
        )
    }
}

fn run(server: Server, params: &ProbeParams) -> Result<ProbeReport, ProbeError> {
    let mut n = 0;
    probe(params, &mut |path: &str, body: Option<Bytes>| {
        n += 1;
        let body = body.map(|body| serde_json::from_slice::<Value>(&body).unwrap());
        let (status, reply) = server.answer(path, body.as_ref(), n);
        Ok((
            Reply {
                status,
                body: Bytes::from(reply.to_string()),
            },
            Duration::from_millis(10),
        ))
    })
}

fn clip(frames: u32) -> Medium {
    Medium {
        mime: "video/mp4".into(),
        content: Content::Url(format!("file:///data/{frames}.mp4")),
        sha256: Sha256Sum::of(b""),
    }
}

fn has(report: &ProbeReport, text: &str) -> bool {
    report.advice.iter().any(|line| line.contains(text))
}

#[test]
fn a_well_started_server_draws_advice_about_its_masks_and_readouts_only() {
    let mut params = ProbeParams::new("");
    params.dialect = Some(Dialect::Vllm);
    params.exhibits = Some([vec![clip(8)], vec![clip(8)], vec![clip(8)]]);
    params.numbered = [4, 8, 64].map(|n| (n, clip(n))).to_vec();
    let report = run(VLLM, &params).unwrap();
    assert_eq!(
        (
            report.kind,
            report.version.as_deref(),
            report.model.as_str()
        ),
        (ServerKind::Vllm, Some("0.12.1"), "m")
    );
    assert_eq!(
        (report.dialect, report.context),
        (Some(Dialect::Vllm), Some(8192))
    );
    assert_eq!(
        (
            report.constrained,
            report.logprobs,
            report.many_logprobs,
            report.masked
        ),
        (Some(true), Some(20), Some(20), Some(true))
    );
    let repeats = report.repeats.unwrap();
    assert_eq!(
        (repeats.n, repeats.different, repeats.spread),
        (20, 1, Some(0.0))
    );
    assert!(report.prefix.unwrap().cached_tokens.unwrap() > 0);
    assert!(report.exhibits.as_ref().unwrap().taken);
    let last = report.frames.last().unwrap();
    assert_eq!((last.said, last.estimate), (Some(64), Some(64.0)));
    assert_eq!(report.advice.len(), 2, "{:?}", report.advice);
    assert!(has(&report, "--max-logprobs 20000") && has(&report, "constrain = false"));
    assert!(
        serde_json::to_value(&report).unwrap()["requests"]
            .as_u64()
            .unwrap()
            > 25
    );
}

#[test]
fn frames_that_the_server_drops_are_noticed() {
    let mut params = ProbeParams::new("m");
    params.numbered = [8, 16, 128].map(|n| (n, clip(n))).to_vec();
    let report = run(Server { frames: 32, ..VLLM }, &params).unwrap();
    let last = report.frames.last().unwrap();
    assert_eq!((last.said, last.estimate), (Some(32), Some(32.0)));
    assert!(has(&report, "kept about 32 of 128 frames") && has(&report, "\"num_frames\":-1"));
    // A server that samples the same number of every clip: no token more for more frames.
    let fixed = run(Server { frames: 8, ..VLLM }, &params).unwrap();
    assert!(
        has(&fixed, "kept about 8 of 128 frames"),
        "{:?}",
        fixed.advice
    );
}

#[test]
fn an_older_vllm_is_asked_in_its_own_way_and_the_judge_told() {
    let old = Server {
        version: "0.11.0",
        choice: "guided_choice",
        ..VLLM
    };
    let mut params = ProbeParams::new("m");
    params.dialect = Some(Dialect::Vllm);
    let report = run(old, &params).unwrap();
    assert_eq!(
        (report.dialect, report.constrained),
        (Some(Dialect::VllmGuided), Some(true))
    );
    assert!(has(&report, "set dialect = \"vllm-guided\""));
    // A version that says one thing and does the other.
    let odd = Server {
        version: "0.12.0rc1",
        choice: "guided_choice",
        ..VLLM
    };
    assert_eq!(
        run(odd, &params).unwrap().dialect,
        Some(Dialect::VllmGuided)
    );
    let neither = run(
        Server {
            choice: "none",
            ..VLLM
        },
        &params,
    )
    .unwrap();
    assert_eq!(neither.constrained, Some(false));
    assert!(has(
        &neither,
        "neither by structured_outputs nor by guided_choice"
    ));
}

#[test]
fn limits_on_media_are_told_with_the_flag_that_lifts_them() {
    let mut params = ProbeParams::new("m");
    params.exhibits = Some([vec![clip(8)], vec![clip(8)], vec![clip(8)]]);
    let report = run(Server { media: 1, ..VLLM }, &params).unwrap();
    let exhibits = report.exhibits.as_ref().unwrap();
    assert_eq!(
        (exhibits.taken, exhibits.allowed, exhibits.sent),
        (false, Some(1), 3)
    );
    assert!(has(&report, "--limit-mm-per-prompt '{\"video\":3}'"));
    let ollama = Server {
        kind: "ollama",
        version: "0.12.11",
        choice: "response_format",
        ..VLLM
    };
    let report = run(ollama, &params).unwrap();
    assert!(
        report
            .exhibits
            .unwrap()
            .said
            .unwrap()
            .contains("show frames instead")
    );
}

#[test]
fn other_kinds_of_servers() {
    let llama = Server {
        kind: "llamacpp",
        version: "b7000-abc",
        choice: "grammar",
        most_logprobs: 1 << 20,
        masks: false,
        ..VLLM
    };
    let report = run(llama, &ProbeParams::new("any-name")).unwrap();
    assert_eq!(
        (report.kind, report.dialect, report.context),
        (ServerKind::LlamaCpp, Some(Dialect::LlamaCpp), Some(4096))
    );
    assert_eq!(
        (report.constrained, report.many_logprobs, report.masked),
        (Some(true), Some(1000), Some(false))
    );
    assert!(report.advice.is_empty(), "{:?}", report.advice);

    let ollama = Server {
        kind: "ollama",
        version: "0.12.0",
        choice: "response_format",
        most_logprobs: 0,
        noisy: true,
        tells_cached: false,
        ..VLLM
    };
    let report = run(ollama, &ProbeParams::new("m")).unwrap();
    assert_eq!(
        (report.dialect, report.constrained, report.logprobs),
        (Some(Dialect::Ollama), Some(true), Some(0))
    );
    assert_eq!(report.repeats.unwrap().different, 3);
    assert!(has(&report, "0.12.11") && has(&report, "3 of 20 replies"));

    let unknown = Server {
        kind: "someone",
        ..VLLM
    };
    let report = run(unknown, &ProbeParams::new("m")).unwrap();
    assert_eq!((report.kind, report.dialect), (ServerKind::Unknown, None));
    assert!(has(&report, "set dialect in the judge"));
}

#[test]
fn what_cannot_be_asked_is_said() {
    let error = run(VLLM, &ProbeParams::new("other")).unwrap_err();
    assert!(
        matches!(&error, ProbeError::Model { listed, .. } if listed == "m"),
        "{error}"
    );
    let silent = probe(&ProbeParams::new("m"), &mut |_: &str, _| {
        Err(Fault {
            cause: Cause::Unreachable,
            what: "connection refused".into(),
        })
    });
    assert!(matches!(silent, Err(ProbeError::Silent { .. })));
    let refused = probe(&ProbeParams::new("m"), &mut |_: &str, _| {
        Ok((
            Reply {
                status: 401,
                body: Bytes::from_static(b"{\"error\": {\"message\": \"bad\\u001bkey\"}}"),
            },
            Duration::ZERO,
        ))
    });
    assert_eq!(
        refused,
        Err(ProbeError::Refused {
            status: 401,
            what: "bad key".into()
        })
    );
    // Nonsense in every reply ends, and learns nothing.
    let mut n = 0;
    let nonsense = probe(&ProbeParams::new("m"), &mut |_: &str, _| {
        n += 1;
        let body: &[u8] = if n == 1 {
            b"{\"data\": [{\"id\": \"m\"}]}"
        } else {
            b"\xff<html>"
        };
        Ok((
            Reply {
                status: 200,
                body: Bytes::from_static(body),
            },
            Duration::ZERO,
        ))
    });
    let report = nonsense.unwrap();
    assert_eq!(
        (
            report.constrained,
            report.logprobs,
            report.repeats,
            report.prefix
        ),
        (Some(false), Some(0), None, None)
    );
}
