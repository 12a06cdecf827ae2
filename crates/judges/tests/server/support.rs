//! A server that breaks every rule when it is told to, and a dialogue simple enough to know every answer.

#![allow(unreachable_pub, reason = "a module of tests")]

use emotome_judges::dialogue::{Answer, Dialogue, Exchange, Request, Step};
use emotome_judges::judge::JudgeDescription;
use emotome_judges::server::{
    Asked, Endpoint, EndpointLimits, PaceParams, Server, ServerParams, Work, ask, cause_of_status,
};
use emotome_stats::random::mix;
use emotome_stimuli::StimulusSet;
use emotome_stimuli::run::{Interrupt, Run, Silent};
use emotome_triplets::design::{Design, DesignParams};
use emotome_triplets::journal::{Agent, AgentId, Journal, JournalError, JournalWriter, Stored};
use emotome_triplets::{Cause, Outcome, Position, Trial, Usage};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub const N: usize = 40;

pub fn design(trials: u64) -> Design {
    let params = DesignParams {
        trials,
        ..DesignParams::new(N, 5)
    };
    params.check().unwrap()
}

pub fn stimuli() -> StimulusSet {
    StimulusSet::from_labels((0..N).map(|i| format!("scene {i}"))).unwrap()
}

/// The place that the tests' server chooses.
pub fn odd(number: u64) -> Position {
    Position::ALL[(mix(number) % 3) as usize]
}

/// Asks for a trial by its number and reads replies in the form of chat completions.
pub struct Plain;

impl Dialogue for Plain {
    fn describe(&self) -> JudgeDescription {
        JudgeDescription::new("plain", None)
    }

    fn n_stimuli(&self) -> usize {
        N
    }

    fn begin(&self, trial: &Trial) -> Step {
        Step::Ask(vec![Request {
            path: "chat/completions",
            body: format!(r#"{{"trial":{}}}"#, trial.number).into(),
            prompt: mix(trial.number),
            seed: Some(trial.number),
            tokens: 110,
        }])
    }

    fn proceed(&self, trial: &Trial, exchanges: &[Exchange]) -> Step {
        let exchange = exchanges.last().expect("one request was asked for");
        let without = |cause| Answer {
            latency: Some(exchange.latency),
            prompt: Some(exchange.request.prompt),
            ..Answer::without_choice(cause)
        };
        let answer = match &exchange.result {
            Err(fault) => Answer {
                reply: Some(fault.what.clone()),
                ..without(fault.cause)
            },
            Ok(reply) => {
                let text = String::from_utf8_lossy(&reply.body).into_owned();
                let read = match cause_of_status(reply.status) {
                    Some(_) if text.contains(r#""code":"content_filter""#) => {
                        Err(Cause::RequestFiltered)
                    }
                    Some(cause) => Err(cause),
                    None => read(trial, &text),
                };
                let json: Value = serde_json::from_str(&text).unwrap_or_default();
                let tokens = |name: &str| json["usage"][name].as_u64().map(|n| n as u32);
                let usage = Usage {
                    prompt_tokens: tokens("prompt_tokens"),
                    completion_tokens: tokens("completion_tokens"),
                    ..Usage::unknown()
                };
                let answer = match read {
                    Ok(place) => Answer {
                        outcome: Outcome::Chosen(place),
                        cause: None,
                        ..without(Cause::NoAnswer)
                    },
                    Err(cause) => without(cause),
                };
                Answer {
                    reply: Some(text),
                    usage,
                    seed: exchange.request.seed,
                    ..answer
                }
            }
        };
        Step::Done(answer)
    }
}

fn read(trial: &Trial, text: &str) -> Result<Position, Cause> {
    let json: Value = serde_json::from_str(text).map_err(|_| Cause::Malformed)?;
    if json["id"] != trial.number {
        return Err(Cause::WrongReply);
    }
    let choice = &json["choices"][0];
    if choice["finish_reason"] == "content_filter" {
        return Err(Cause::ContentFilter);
    }
    if choice["message"]["refusal"].is_string() {
        return Err(Cause::RefusalField);
    }
    let content = choice["message"]["content"].as_str().unwrap_or_default();
    let named: Vec<usize> = (0..3)
        .filter(|k| content.contains(&(k + 1).to_string()))
        .collect();
    match named[..] {
        [] if content.is_empty() => Err(Cause::EmptyReply),
        [] => Err(Cause::NoAnswer),
        [place] => Ok(Position::ALL[place]),
        _ => Err(Cause::SeveralAnswers),
    }
}

/// What the server does with a request.
#[derive(Debug, Clone)]
pub enum Act {
    /// Sends this and keeps the connection.
    Send(Vec<u8>),
    /// Sends this, then hangs up.
    Cut(Vec<u8>),
    /// Resets the connection without a word.
    Reset,
    /// Says nothing for this long, then hangs up.
    Stall(Duration),
    /// Sends this one byte at a time.
    Drip(Vec<u8>),
    /// Waits, then sends this.
    After(Duration, Vec<u8>),
}

pub fn http(status: u16, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!(
        "HTTP/1.1 {status} X\r\ncontent-length: {}\r\n{headers}\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

pub fn json_reply(status: u16, body: &Value) -> Act {
    Act::Send(http(
        status,
        "content-type: application/json\r\n",
        body.to_string().as_bytes(),
    ))
}

pub fn completion(number: u64, message: &Value, finish: &str) -> Value {
    json!({
        "id": number,
        "choices": [{"message": message, "finish_reason": finish}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 10},
    })
}

/// A clear answer.
pub fn chooses(number: u64) -> Act {
    let content = format!("Video {}", odd(number).index() + 1);
    json_reply(
        200,
        &completion(number, &json!({"content": content}), "stop"),
    )
}

/// A request as the server sees it: the trial, how often it came before, and everything that was sent.
pub struct Seen<'a> {
    pub number: u64,
    pub before: u32,
    pub text: &'a str,
}

/// A server on this machine, in a thread of its own.
pub struct TestServer {
    pub port: u16,
    pub requests: Arc<AtomicU64>,
    pub asked: Arc<Mutex<HashMap<u64, u32>>>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl TestServer {
    pub fn start(act: impl Fn(&Seen<'_>) -> Act + Send + Sync + 'static) -> Self {
        Self::start_at(0, act)
    }

    pub fn start_at(port: u16, act: impl Fn(&Seen<'_>) -> Act + Send + Sync + 'static) -> Self {
        let (requests, asked) = (
            Arc::<AtomicU64>::default(),
            Arc::<Mutex<HashMap<u64, u32>>>::default(),
        );
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let (port_in, port_out) = std::sync::mpsc::channel();
        let (counter, trials, act) = (Arc::clone(&requests), Arc::clone(&asked), Arc::new(act));
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async move {
                let listener = loop {
                    // A port that was just in use may take a moment.
                    match TcpListener::bind(("127.0.0.1", port)).await {
                        Ok(listener) => break listener,
                        Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
                    }
                };
                port_in.send(listener.local_addr().unwrap().port()).unwrap();
                let accept = async {
                    loop {
                        let Ok((stream, _)) = listener.accept().await else {
                            continue;
                        };
                        let (counter, trials, act) =
                            (Arc::clone(&counter), Arc::clone(&trials), Arc::clone(&act));
                        tokio::spawn(async move {
                            let _ = serve(stream, &counter, &trials, &*act).await;
                        });
                    }
                };
                tokio::select! {
                    () = accept => {}
                    _ = stopped => {}
                }
            });
        });
        Self {
            port: port_out.recv().unwrap(),
            requests,
            asked,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    pub fn endpoint(&self) -> Endpoint {
        Endpoint::new(&format!("http://127.0.0.1:{}/v1", self.port), false).unwrap()
    }

    pub fn count(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        let _ = self.stop.take().map(|stop| stop.send(()));
        let _ = self.thread.take().map(std::thread::JoinHandle::join);
    }
}

async fn serve(
    mut stream: TcpStream,
    requests: &AtomicU64,
    asked: &Mutex<HashMap<u64, u32>>,
    act: &(dyn Fn(&Seen<'_>) -> Act + Send + Sync),
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::new();
    loop {
        let (head, length) = loop {
            if let Some(end) = buffer.windows(4).position(|w| w == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&buffer[..end]).to_ascii_lowercase();
                let length = head
                    .split("content-length: ")
                    .nth(1)
                    .and_then(|rest| rest.lines().next()?.parse().ok());
                break (end + 4, length.unwrap_or(0));
            }
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        };
        while buffer.len() < head + length {
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        }
        let text = String::from_utf8_lossy(&buffer[..head + length]).into_owned();
        buffer.drain(..head + length);
        let number = text
            .split(r#""trial":"#)
            .nth(1)
            .and_then(|rest| rest.split(['}', ',']).next()?.parse().ok());
        let number: u64 = number.unwrap_or(u64::MAX);
        requests.fetch_add(1, Ordering::Relaxed);
        let before = {
            let mut asked = asked.lock().unwrap();
            let count = asked.entry(number).or_default();
            *count += 1;
            *count - 1
        };
        match act(&Seen {
            number,
            before,
            text: &text,
        }) {
            Act::Send(bytes) => stream.write_all(&bytes).await?,
            Act::After(pause, bytes) => {
                tokio::time::sleep(pause).await;
                stream.write_all(&bytes).await?;
            }
            Act::Cut(bytes) => {
                stream.write_all(&bytes).await?;
                return stream.shutdown().await;
            }
            Act::Reset => return stream.set_zero_linger(),
            Act::Stall(pause) => {
                tokio::time::sleep(pause).await;
                return Ok(());
            }
            Act::Drip(bytes) => {
                for byte in bytes {
                    stream.write_all(&[byte]).await?;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }
    }
}

/// Quick parameters for servers on this machine.
pub fn params() -> ServerParams {
    let mut params = ServerParams::default();
    params.retry.tries = 3;
    params.retry.base = Duration::from_millis(20);
    params.client.time_limit = Duration::from_secs(5);
    params.patience = Duration::from_secs(20);
    params.commit = Duration::from_millis(20);
    params
}

pub fn limits(least: u32, start: u32, most: u32) -> EndpointLimits {
    let pace = PaceParams {
        start,
        least,
        most,
        ..PaceParams::default()
    };
    EndpointLimits {
        pace,
        ..EndpointLimits::default()
    }
}

pub fn server(
    params: ServerParams,
    endpoints: Vec<Endpoint>,
    limits: EndpointLimits,
) -> Arc<Server> {
    let endpoints = endpoints
        .into_iter()
        .map(|endpoint| (endpoint, limits))
        .collect();
    Arc::new(params.check(endpoints).unwrap())
}

pub fn open(path: &Path, design: &Design) -> (JournalWriter, AgentId) {
    let mut writer = JournalWriter::open_or_create(path, design, &stimuli()).unwrap();
    let agent = writer
        .register(&Agent {
            name: "plain".to_owned(),
            ..Agent::default()
        })
        .unwrap();
    (writer, agent)
}

/// Asks for every open trial of a design.
pub fn ask_all(path: &Path, design: &Design, server: &Arc<Server>, interrupt: &Interrupt) -> Asked {
    let dialogue: Arc<dyn Dialogue> = Arc::new(Plain);
    let (mut writer, agent) = open(path, design);
    let standing = writer.standing(agent).unwrap();
    let work = Work {
        agent,
        settled: standing.settled,
        spent: standing.spent.cost,
        numbers: 0..design.len(),
    };
    let run = Run {
        progress: &Silent,
        interrupt,
    };
    ask(&dialogue, server, work, &mut writer, run, |_| {}).unwrap()
}

pub fn ask_quietly(path: &Path, design: &Design, server: &Arc<Server>) -> Asked {
    ask_all(path, design, server, &Interrupt::default())
}

/// The last state of every trial that has one, and all rows.
pub fn states(path: &Path) -> (HashMap<u64, Stored>, Vec<Stored>) {
    let journal = Journal::open(path).unwrap();
    let agent = journal.agent("plain").unwrap();
    let (mut last, mut rows) = (HashMap::new(), Vec::new());
    let mut visit = |row: &Stored| {
        last.insert(row.trial.number, *row);
        rows.push(*row);
        Ok::<_, JournalError>(())
    };
    journal.for_each_attempt(agent, &mut visit).unwrap();
    journal.for_each_choice(agent, &mut visit).unwrap();
    let interrupt = Interrupt::default();
    let run = Run {
        progress: &Silent,
        interrupt: &interrupt,
    };
    let found = journal.verify(&run).unwrap();
    assert!(found.is_sound(), "{:?}", found.problems);
    (last, rows)
}
