//! Requests in files and replies from files: OpenAI's Batch interface, and `vllm run-batch`.
//!
//! A batch file holds a request per line, in any order; its output file, and its file of errors, hold
//! a reply per line in any other. A trial is asked in turns as everywhere ([`Dialogue`]), a round of
//! files per turn:
//!
//! 1. [`Batch::stand`] says of each trial whether all its replies so far make an answer or which
//!    requests are still missing; [`ShardWriter`] writes these in files within the limits.
//! 2. The files are run: by a [`Service`], for which [`Jobs`] keeps what is where, or given to
//!    `vllm run-batch -i FILE -o OUT`.
//! 3. [`Outputs::read`] takes all outputs there are, of this round and of earlier ones. Back to 1:
//!    answers go to the journal, and what is missing (expired, failed, never run, or a re-ask of
//!    `free`) into the next round. Nothing that has a reply is asked again.
//!
//! Which trial a reply belongs to stands in its `custom_id` ([`CustomId`]), together with a hash of
//! everything that makes the agent what it is, so that replies of another agent are not taken.

mod id;
mod jobs;
mod outputs;
mod service;
mod shards;

pub use id::{CustomId, IdError};
pub use jobs::{Job, Jobs, JobsError};
pub use outputs::{OutputCounts, Outputs};
pub use service::{BatchStatus, RequestCounts, Service, ServiceError};
pub use shards::{BatchLimits, Manifest, Shard, ShardWriter};

use crate::dialogue::{Answer, Dialogue, Exchange, Fault, Reply, Request, Step};
use emotome_stimuli::digest::Sha256Sum;
use emotome_stimuli::output::OutputError;
use emotome_triplets::{Cause, Trial};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why batch files cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BatchError {
    /// A file cannot be read.
    #[error("{path}: cannot be read: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file changed while it was read.
    #[error("{path}: the reply {id} is no longer where it was; do not change outputs while they are read", path = path.display())]
    Changed {
        /// The file.
        path: PathBuf,
        /// The reply.
        id: CustomId,
    },
    /// A request is too large for any file.
    #[error(
        "the request of {id} takes {bytes} bytes, more than the {limit} that a batch file may have; send media by \
         address instead of data, or fewer frames"
    )]
    TooLarge {
        /// The request.
        id: CustomId,
        /// Its bytes.
        bytes: u64,
        /// The most.
        limit: u64,
    },
    /// The dialogue asks too many times.
    #[error("trial {number} has not come to an end after {turns} turns; the dialogue is at fault")]
    Endless {
        /// The trial.
        number: u64,
        /// Turns so far.
        turns: u16,
    },
    /// A file cannot be written.
    #[error(transparent)]
    Output(#[from] OutputError),
}

/// The most turns of a trial.
const MAX_TURNS: u16 = 64;

/// A dialogue carried by files.
pub struct Batch<'a> {
    dialogue: &'a dyn Dialogue,
    agent: u64,
}

/// Where a trial stands.
#[derive(Debug)]
pub enum Stand {
    /// It is answered, by so many requests. How long that took is not known.
    Answered(Answer, u32),
    /// These requests have no reply yet.
    Missing(Vec<(CustomId, Request)>),
}

impl<'a> Batch<'a> {
    /// A dialogue to be carried by files.
    #[must_use]
    pub fn new(dialogue: &'a dyn Dialogue) -> Self {
        let description = serde_json::to_vec(&dialogue.describe()).unwrap_or_default();
        let hash = Sha256Sum::of(&description).to_string();
        Self {
            dialogue,
            agent: u64::from_str_radix(&hash[..16], 16).unwrap_or_default(),
        }
    }

    /// The first 64 bits of the SHA-256 of the agent's description.
    #[must_use]
    pub const fn agent(&self) -> u64 {
        self.agent
    }

    /// Where a trial stands, given all replies so far. Requests are made anew and are the same as before.
    ///
    /// # Errors
    /// [`BatchError::Io`] and [`BatchError::Changed`] if a reply cannot be read again.
    pub fn stand(&self, trial: &Trial, outputs: &Outputs) -> Result<Stand, BatchError> {
        let mut exchanges: Vec<Exchange> = Vec::new();
        let mut step = self.dialogue.begin(trial);
        for turn in 0..MAX_TURNS {
            let requests = match step {
                Step::Done(mut answer) => {
                    answer.latency = None;
                    return Ok(Stand::Answered(answer, exchanges.len() as u32));
                }
                Step::Ask(requests) => requests,
            };
            let mut missing = Vec::new();
            for (part, request) in requests.into_iter().enumerate() {
                let id = CustomId {
                    agent: self.agent,
                    number: trial.number,
                    turn,
                    part: part as u16,
                };
                match outputs.reply(id)? {
                    Some(reply) => exchanges.push(exchange(request, reply)),
                    None => missing.push((id, request)),
                }
            }
            if !missing.is_empty() {
                return Ok(Stand::Missing(missing));
            }
            step = self.dialogue.proceed(trial, &exchanges);
        }
        Err(BatchError::Endless {
            number: trial.number,
            turns: MAX_TURNS,
        })
    }
}

fn exchange(request: Request, reply: Option<Reply>) -> Exchange {
    let fault = || Fault {
        cause: Cause::Malformed,
        what: "a line of the output file without a reply".to_owned(),
    };
    Exchange {
        request,
        result: reply.ok_or_else(fault),
        latency: Duration::ZERO,
        sent: 1,
    }
}
