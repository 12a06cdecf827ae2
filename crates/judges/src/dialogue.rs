//! What is asked of a model for a trial, and how its replies become an answer.
//!
//! A [`Dialogue`] knows prompts and replies and nothing of networks; whoever carries it (the
//! [`server`](crate::server) engine, a batch file, a test) knows networks and nothing of prompts.
//! An answer is a function of the trial and of its own exchanges alone: there is no place where
//! an earlier reply could be kept, so none can be carried over.

use crate::judge::JudgeDescription;
use bytes::Bytes;
use emotome_triplets::journal::Record;
use emotome_triplets::{Cause, Outcome, Trial, Usage};
use std::time::Duration;

/// A conversation that turns trials into answers.
pub trait Dialogue: Send + Sync {
    /// What the agent is: enough to make it again and to name it in a report.
    fn describe(&self) -> JudgeDescription;

    /// The number of stimuli that can be shown; trials show ids `0..n_stimuli`.
    fn n_stimuli(&self) -> usize;

    /// Whether requests carry pictures or clips, or name them by address: then the host has to be allowed.
    fn shows_media(&self) -> bool {
        true
    }

    /// What to do first about a trial. Preparing clips may take long: call it off the async threads.
    fn begin(&self, trial: &Trial) -> Step;

    /// What to do next, given every exchange about this trial so far, in the order of the requests.
    ///
    /// Only the exchanges of the last turn are new. The number of turns is bounded by the dialogue.
    fn proceed(&self, trial: &Trial, exchanges: &[Exchange]) -> Step;
}

/// The next thing to do about a trial.
#[derive(Debug)]
pub enum Step {
    /// Send these requests, in any order or at once, and come back with all their exchanges.
    Ask(Vec<Request>),
    /// The trial is answered.
    Done(Answer),
}

/// One request.
#[derive(Debug, Clone)]
pub struct Request {
    /// The path below the base address of the server, e.g. `chat/completions`.
    pub path: &'static str,
    /// The body, JSON.
    pub body: Bytes,
    /// A hash of everything in the request that is shown to the model.
    pub prompt: u64,
    /// The seed of the request.
    pub seed: Option<u64>,
    /// Tokens that it may use, prompt and reply together, for token limits; an estimate.
    pub tokens: u32,
}

/// One request and what came of it, after the carrier's own retries.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// The request.
    pub request: Request,
    /// What came back in the end.
    pub result: Result<Reply, Fault>,
    /// Time from the first byte sent to the last received, without waiting for a free place.
    pub latency: Duration,
    /// How often it was sent.
    pub sent: u32,
}

/// A whole HTTP reply, whatever its status.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The body as it came.
    pub body: Bytes,
}

/// Why there is no whole reply.
#[derive(Debug, Clone)]
pub struct Fault {
    /// The kind of fault.
    pub cause: Cause,
    /// What happened, in words, without secrets.
    pub what: String,
}

/// What became of a trial.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// A choice, or one of the ways of not choosing.
    pub outcome: Outcome,
    /// Why it is no choice; `None` for a choice.
    pub cause: Option<Cause>,
    /// The probability of each place to be called odd, where the model gives one; sums to 1.
    pub probabilities: Option<[f64; 3]>,
    /// Everything the model replied, verbatim; of several exchanges a JSON array.
    pub reply: Option<String>,
    /// Time of all exchanges together.
    pub latency: Option<Duration>,
    /// A hash of everything that was shown.
    pub prompt: Option<u64>,
    /// The seed of the first request.
    pub seed: Option<u64>,
    /// Tokens and money of all exchanges together.
    pub usage: Usage,
}

impl Answer {
    /// An answer that is no choice, without a reply.
    #[must_use]
    pub const fn without_choice(cause: Cause) -> Self {
        Self {
            outcome: cause.outcome(),
            cause: Some(cause),
            probabilities: None,
            reply: None,
            latency: None,
            prompt: None,
            seed: None,
            usage: Usage {
                prompt_tokens: None,
                cached_tokens: None,
                completion_tokens: None,
                cost: None,
            },
        }
    }

    /// The answer as a journal keeps it: complete at a time (milliseconds since 1970), after so many requests to
    /// a server, if any was asked.
    #[must_use]
    pub fn record(&self, trial: Trial, at: u64, requests: Option<u32>) -> Record<'_> {
        let milliseconds = |time: Duration| u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
        Record {
            trial,
            outcome: self.outcome,
            cause: self.cause,
            settles: self.settles(),
            probabilities: self.probabilities.map(|p| p.map(|q| q as f32)),
            latency_ms: self.latency.map(milliseconds),
            prompt: self.prompt,
            seed: self.seed,
            reply: self.reply.as_deref(),
            at: Some(at),
            requests,
            usage: self.usage,
        }
    }

    /// Whether the trial is settled: anything but a transient fault settles it.
    #[must_use]
    pub fn settles(&self) -> bool {
        !self.cause.is_some_and(Cause::is_transient)
    }
}
