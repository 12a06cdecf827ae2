//! How fast trials are asked of a server that answers at once, journal included.
//!
//! The server is a process of its own, so that CPU time can be told apart: `cargo bench -p
//! emotome-judges --bench engine -- [TRIALS] [THREADS]`. The design has 7.1 M trials; memory must not
//! depend on that.

use emotome_judges::dialogue::{Answer, Dialogue, Exchange, Request, Step};
use emotome_judges::judge::JudgeDescription;
use emotome_judges::server::{Endpoint, EndpointLimits, PaceParams, ServerParams, Work, ask};
use emotome_stats::random::mix;
use emotome_stimuli::StimulusSet;
use emotome_stimuli::run::{Interrupt, Run, Silent};
use emotome_triplets::design::DesignParams;
use emotome_triplets::journal::{Agent, JournalWriter};
use emotome_triplets::{Cause, Nanos, Outcome, Position, Trial, Usage};
use serde::Deserialize;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const N: usize = 2_180;

/// Shows three captions and reads one digit.
struct Choice;

#[derive(Deserialize)]
struct Completion {
    choices: [Said; 1],
    usage: Tokens,
}

#[derive(Deserialize)]
struct Said {
    message: Message,
}

#[derive(Deserialize)]
struct Message {
    content: String,
}

#[derive(Deserialize)]
struct Tokens {
    prompt_tokens: u32,
    completion_tokens: u32,
}

impl Dialogue for Choice {
    fn describe(&self) -> JudgeDescription {
        JudgeDescription::new("bench", None)
    }

    fn n_stimuli(&self) -> usize {
        N
    }

    fn begin(&self, trial: &Trial) -> Step {
        let [a, b, c] = trial.triplet.items().map(|id| id.0);
        let body = format!(
            "{{\"model\":\"m\",\"messages\":[{{\"role\":\"system\",\"content\":\"You see three descriptions of clips. Say which \
             of them evokes an emotional response noticeably different from the other two.\"}},{{\"role\":\"user\",\"content\":\
             \"1: clip {a}, a man walks through the rain towards a house in which a light is burning.\\n2: clip {b}, two \
             children laugh at a dog that chases its own tail around a tree.\\n3: clip {c}, a wave breaks over the bow of \
             a ship while the crew holds on.\\nAnswer 1, 2 or 3.\"}}],\"max_tokens\":1,\"temperature\":0,\"seed\":7,\
             \"logprobs\":true,\"top_logprobs\":20}}"
        );
        Step::Ask(vec![Request {
            path: "chat/completions",
            prompt: mix(trial.number),
            body: body.into(),
            seed: Some(7),
            tokens: 120,
        }])
    }

    fn proceed(&self, _trial: &Trial, exchanges: &[Exchange]) -> Step {
        let exchange = &exchanges[0];
        let read = || {
            let reply = exchange.result.as_ref().ok()?;
            let said: Completion = serde_json::from_slice(&reply.body).ok()?;
            let place = said.choices[0]
                .message
                .content
                .parse::<usize>()
                .ok()?
                .checked_sub(1)?;
            Some((Position::from_index(place)?, said.usage, reply))
        };
        Step::Done(match read() {
            None => Answer::without_choice(Cause::NoAnswer),
            Some((place, usage, reply)) => Answer {
                outcome: Outcome::Chosen(place),
                cause: None,
                probabilities: Some([0.2, 0.3, 0.5]),
                reply: Some(String::from_utf8_lossy(&reply.body).into_owned()),
                latency: Some(exchange.latency),
                prompt: Some(exchange.request.prompt),
                seed: exchange.request.seed,
                usage: Usage {
                    prompt_tokens: Some(usage.prompt_tokens),
                    completion_tokens: Some(usage.completion_tokens),
                    ..Usage::unknown()
                },
            },
        })
    }
}

/// Answers every request at once; prints its port first.
fn serve() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        println!("{}", listener.local_addr().expect("an address").port());
        loop {
            let Ok((mut stream, _)) = listener.accept().await else { continue };
            tokio::spawn(async move {
                let _ = stream.set_nodelay(true);
                let (mut buffer, mut served) = (Vec::with_capacity(8_192), 0_u64);
                while stream.read_buf(&mut buffer).await.is_ok_and(|n| n > 0) {
                    // Requests end with the last parameter of their body.
                    while let Some(end) = buffer.windows(18).position(|w| w == b"\"top_logprobs\":20}") {
                        buffer.drain(..end + 18);
                        served += 1;
                        let body = format!(
                            "{{\"id\":\"chatcmpl-{served}\",\"object\":\"chat.completion\",\"created\":1800000000,\"model\":\"m\",\
                             \"choices\":[{{\"index\":0,\"message\":{{\"role\":\"assistant\",\"content\":\"{}\"}},\"finish_reason\":\
                             \"stop\"}}],\"usage\":{{\"prompt_tokens\":118,\"completion_tokens\":1,\"total_tokens\":119}}}}",
                            1 + served % 3
                        );
                        let reply = format!(
                            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                            body.len()
                        );
                        if stream.write_all(reply.as_bytes()).await.is_err() {
                            return;
                        }
                    }
                }
            });
        }
    });
}

/// Seconds of CPU time that a process used, in user mode and in the kernel.
fn cpu(pid: u32) -> [f64; 2] {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let mut fields = stat
        .rsplit(") ")
        .next()
        .unwrap_or_default()
        .split(' ')
        .skip(11);
    [(); 2].map(|()| {
        fields
            .next()
            .and_then(|ticks| ticks.parse::<f64>().ok())
            .unwrap_or(f64::NAN)
            / 100.0
    })
}

fn main() {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    if words.first().is_some_and(|word| word == "serve") {
        return serve();
    }
    let number = |k: usize, otherwise: u64| {
        words
            .get(k)
            .and_then(|word| word.parse().ok())
            .unwrap_or(otherwise)
    };
    let (trials, threads) = (number(0, 60_000), number(1, 2) as usize);
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .arg("serve")
        .stdout(Stdio::piped())
        .spawn()
        .expect("the server starts");
    let mut port = String::new();
    BufReader::new(child.stdout.take().expect("it is piped"))
        .read_line(&mut port)
        .expect("it says its port");
    let endpoint =
        Endpoint::new(&format!("http://127.0.0.1:{}/v1", port.trim()), false).expect("an address");
    let pace = PaceParams {
        start: 32,
        most: 64,
        ..PaceParams::default()
    };
    let limits = EndpointLimits {
        pace,
        ..EndpointLimits::default()
    };
    let params = ServerParams {
        max_trials: Some(trials),
        threads,
        ..ServerParams::default()
    };
    let server = Arc::new(
        params
            .check(vec![(endpoint, limits)])
            .expect("possible parameters"),
    );
    let design = DesignParams {
        trials: 7_100_000,
        ..DesignParams::new(N, 1)
    };
    let design = design.check().expect("a possible design");
    let stimuli =
        StimulusSet::from_labels((0..N).map(|i| format!("{i:04}.mp4"))).expect("distinct keys");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("journal.sqlite");
    let mut writer = JournalWriter::create(&path, &design, &stimuli).expect("a journal");
    let agent = writer.register(&Agent::default()).expect("an agent");
    let dialogue: Arc<dyn Dialogue> = Arc::new(Choice);
    let interrupt = Interrupt::default();
    let run = Run {
        progress: &Silent,
        interrupt: &interrupt,
    };
    let work = Work {
        agent,
        settled: writer.standing(agent).expect("a standing").settled,
        spent: Nanos(0),
        numbers: 0..design.len(),
    };
    let before = [cpu(std::process::id()), cpu(child.id())];
    let asked = ask(&dialogue, &server, work, &mut writer, run, |_| {}).expect("it can be asked");
    let after = [cpu(std::process::id()), cpu(child.id())];
    let _ = child.kill();
    let _ = child.wait();
    assert_eq!(asked.counts.choices(), trials, "{:?}", asked.stopped);
    let used =
        |k: usize| [0, 1].map(|mode| (after[k][mode] - before[k][mode]) / trials as f64 * 1e6);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .unwrap_or("VmHWM unknown");
    println!(
        "{trials} judgments in {:.2} s: {:.0} a second, {threads} threads",
        asked.seconds, asked.rate
    );
    let [[user, system], [server_user, server_system]] = [used(0), used(1)];
    println!(
        "CPU time a judgment: {user:.0} + {system:.0} us here, {server_user:.0} + {server_system:.0} us in the server"
    );
    println!(
        "{}; limit {}",
        peak.replace('\t', " "),
        asked.endpoints[0].limit
    );
}
