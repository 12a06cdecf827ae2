//! The records of a journal: agents, what goes in, and what comes out.

use super::error::JournalError;
use super::reply::ReplyRef;
use crate::cause::Cause;
use crate::trial::{Choice, Outcome, Position, Split, Trial, Triplet};
use crate::usage::{Nanos, Usage};
use emotome_stats::random::mix;
use emotome_stimuli::StimulusId;
use serde::{Deserialize, Serialize};

/// Who answers: a name, and everything that makes its answers what they are.
///
/// An agent never changes under its name; a new revision or setting is a new agent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Agent {
    /// The name in tables and figures.
    pub name: String,
    /// The model, e.g. `SmolLM2-135M-Instruct`.
    pub model: String,
    /// The exact revision of the model (a hash), or of the data behind an offline agent.
    pub revision: String,
    /// All further settings (prompt template, temperature, seed …), as JSON or in words.
    pub settings: String,
}

impl Agent {
    /// Checks that an agent of the same name is the same in everything.
    pub(super) fn check_same(&self, other: &Self) -> Result<(), JournalError> {
        for (field, recorded, found) in [
            ("model", &self.model, &other.model),
            ("revision", &self.revision, &other.revision),
            ("settings", &self.settings, &other.settings),
        ] {
            if recorded != found {
                return Err(JournalError::OtherAgent {
                    name: self.name.clone(),
                    field,
                    recorded: recorded.clone(),
                    found: found.clone(),
                });
            }
        }
        Ok(())
    }
}

/// The number of an agent within a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AgentId(pub(super) u32);

/// What an agent made of a trial, once.
#[derive(Debug, Clone, PartialEq)]
pub struct Record<'a> {
    /// The trial, as the journal's design shows it.
    pub trial: Trial,
    /// What became of it.
    pub outcome: Outcome,
    /// Why it is no choice, where that is known; of the outcome's kind.
    pub cause: Option<Cause>,
    /// Whether the trial is settled. A choice always settles it; anything else does if nobody
    /// shall ask again.
    pub settles: bool,
    /// The probability of each position to be called odd, where the agent gives one.
    pub probabilities: Option<[f32; 3]>,
    /// How long the answer took.
    pub latency_ms: Option<u32>,
    /// A hash of the prompt.
    pub prompt: Option<u64>,
    /// The seed of the request.
    pub seed: Option<u64>,
    /// The reply, verbatim.
    pub reply: Option<&'a str>,
    /// When the answer was complete, in milliseconds since 1970 (UTC).
    pub at: Option<u64>,
    /// How often something was sent to a server for it; `None` for agents that ask no server.
    pub requests: Option<u32>,
    /// Tokens and money of all these requests together.
    pub usage: Usage,
}

impl Record<'_> {
    /// A record of the outcome alone, which settles the trial.
    #[must_use]
    pub const fn new(trial: Trial, outcome: Outcome) -> Self {
        Self {
            trial,
            outcome,
            cause: None,
            settles: true,
            probabilities: None,
            latency_ms: None,
            prompt: None,
            seed: None,
            reply: None,
            at: None,
            requests: None,
            usage: Usage::unknown(),
        }
    }
}

/// A record read back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stored {
    /// The agent.
    pub agent: AgentId,
    /// The trial.
    pub trial: Trial,
    /// What became of it.
    pub outcome: Outcome,
    /// Why it is no choice, where that is known.
    pub cause: Option<Cause>,
    /// Whether the trial is settled by it.
    pub settles: bool,
    /// How often the trial had failed before; 0 for choices.
    pub attempt: u32,
    /// The probability of each position to be called odd.
    pub probabilities: Option<[f32; 3]>,
    /// How long the answer took.
    pub latency_ms: Option<u32>,
    /// A hash of the prompt.
    pub prompt: Option<u64>,
    /// The seed of the request.
    pub seed: Option<u64>,
    /// Where the reply is kept; see [`Journal::reply`](super::Journal::reply).
    pub reply: Option<ReplyRef>,
    /// When the answer was complete, in milliseconds since 1970 (UTC).
    pub at: Option<u64>,
    /// How often something was sent to a server for it.
    pub requests: Option<u32>,
    /// Tokens and money of all these requests together.
    pub usage: Usage,
}

/// Trial numbers have this many bits in a row key, agents the bits above.
const NUMBER_BITS: u32 = 44;

/// One more than the highest trial number of a journal.
pub const MAX_NUMBER: u64 = 1 << NUMBER_BITS;

/// The most agents of a journal.
pub const MAX_AGENTS: u32 = (1 << (63 - NUMBER_BITS)) - 1;

impl AgentId {
    /// The row key of one of the agent's trials.
    pub(super) const fn key(self, number: u64) -> i64 {
        ((self.0 as u64) << NUMBER_BITS | number) as i64
    }

    /// The row keys of all of the agent's trials, the first and the last.
    pub(super) const fn keys(self) -> [i64; 2] {
        [self.key(0), self.key(MAX_NUMBER - 1)]
    }

    /// The agent and trial number of a row key.
    pub(super) const fn of_key(key: i64) -> (Self, u64) {
        (
            Self((key >> NUMBER_BITS) as u32),
            key as u64 & (MAX_NUMBER - 1),
        )
    }
}

/// The columns that choices and attempts share, in their order.
pub(super) const COLUMNS: &str = "key, a, b, c, replicate, split, outcome, p, latency_ms, prompt, \
     seed, reply, at, requests, prompt_tokens, cached_tokens, completion_tokens, cost";

/// The columns that only attempts have, after [`COLUMNS`].
pub(super) const ATTEMPT_COLUMNS: &str = "cause, attempt, settles";

/// An outcome as a number: 0 to 2 for the chosen place, then the others.
pub(super) const fn outcome_code(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Chosen(position) => position as u8,
        Outcome::Invalid => 3,
        Outcome::Ambiguous => 4,
        Outcome::Refused => 5,
        Outcome::TimedOut => 6,
        Outcome::Failed => 7,
    }
}

/// The outcome of a number, if it has one.
pub(super) fn outcome_of(code: i64) -> Option<Outcome> {
    Some(match code {
        0..=2 => Outcome::Chosen(Position::from_index(code as usize)?),
        3 => Outcome::Invalid,
        4 => Outcome::Ambiguous,
        5 => Outcome::Refused,
        6 => Outcome::TimedOut,
        7 => Outcome::Failed,
        _ => return None,
    })
}

/// A cause as a number, 0 for none.
pub(super) const fn cause_code(cause: Option<Cause>) -> u8 {
    match cause {
        Some(cause) => cause.code(),
        None => 0,
    }
}

/// The cause of a number, if it has one.
pub(super) fn cause_of(code: i64) -> Option<Cause> {
    Cause::from_code(u8::try_from(code).ok()?)
}

/// The split of a number, if it has one.
pub(super) fn split_of(code: i64) -> Option<Split> {
    Split::ALL.into_iter().find(|&split| split as i64 == code)
}

/// The triplet of three ids, if it is one.
pub(super) fn triplet_of(ids: [i64; 3]) -> Option<Triplet> {
    let [a, b, c] = ids.map(|id| u32::try_from(id).ok().map(StimulusId));
    Triplet::new([a?, b?, c?]).ok()
}

/// The twelve bytes of three probabilities.
pub(super) fn probability_bytes(p: [f32; 3]) -> [u8; 12] {
    let mut bytes = [0; 12];
    for (chunk, p) in bytes.chunks_exact_mut(4).zip(p) {
        chunk.copy_from_slice(&p.to_le_bytes());
    }
    bytes
}

impl Stored {
    /// The choice, if there was one.
    #[must_use]
    pub const fn choice(&self) -> Option<Choice> {
        match self.outcome.chosen() {
            Some(odd) => Some(Choice {
                triplet: self.trial.triplet,
                odd,
            }),
            None => None,
        }
    }

    /// Reads [`COLUMNS`], and for attempts [`ATTEMPT_COLUMNS`] after them; `None` if a value is out of its range.
    pub(super) fn read(row: &rusqlite::Row<'_>, attempt: bool) -> rusqlite::Result<Option<Self>> {
        let key: i64 = row.get(0)?;
        let ids: [i64; 3] = [row.get(1)?, row.get(2)?, row.get(3)?];
        let (replicate, split, outcome): (i64, i64, i64) = (row.get(4)?, row.get(5)?, row.get(6)?);
        let p = row.get_ref(7)?.as_blob_or_null()?;
        let latency: Option<i64> = row.get(8)?;
        let (prompt, seed, reply): (Option<i64>, Option<i64>, Option<i64>) =
            (row.get(9)?, row.get(10)?, row.get(11)?);
        let (at, requests): (Option<i64>, Option<i64>) = (row.get(12)?, row.get(13)?);
        let tokens: [Option<i64>; 3] = [row.get(14)?, row.get(15)?, row.get(16)?];
        let cost: Option<i64> = row.get(17)?;
        let (cause, attempts, settles): (Option<i64>, i64, bool) = if attempt {
            (row.get(18)?, row.get(19)?, row.get(20)?)
        } else {
            (None, 0, true)
        };
        let parse = || -> Option<Self> {
            let (agent, number) = AgentId::of_key(key);
            let small = |value: Option<i64>| value.map(u32::try_from).transpose().ok();
            let large = |value: Option<i64>| value.map(u64::try_from).transpose().ok();
            let outcome = outcome_of(outcome).filter(|o| o.chosen().is_none() == attempt)?;
            Some(Self {
                agent,
                trial: Trial {
                    number,
                    triplet: triplet_of(ids)?,
                    replicate: u16::try_from(replicate).ok()?,
                    split: split_of(split)?,
                },
                outcome,
                cause: match cause {
                    None => None,
                    Some(code) => Some(cause_of(code).filter(|cause| cause.outcome() == outcome)?),
                },
                settles,
                attempt: u32::try_from(attempts).ok()?,
                probabilities: match p {
                    None => None,
                    Some(bytes) => {
                        let bytes: [u8; 12] = bytes.try_into().ok()?;
                        let word = |k: usize| [bytes[k], bytes[k + 1], bytes[k + 2], bytes[k + 3]];
                        Some([0, 4, 8].map(|k| f32::from_le_bytes(word(k))))
                    }
                },
                latency_ms: small(latency)?,
                prompt: prompt.map(|v| v as u64),
                seed: seed.map(|v| v as u64),
                reply: reply.map(ReplyRef),
                at: large(at)?,
                requests: small(requests)?,
                usage: Usage {
                    prompt_tokens: small(tokens[0])?,
                    cached_tokens: small(tokens[1])?,
                    completion_tokens: small(tokens[2])?,
                    cost: large(cost)?.map(Nanos),
                },
            })
        };
        Ok(parse())
    }

    /// A digest of everything in the row; segments keep the sum of theirs.
    pub(super) fn digest(&self) -> u64 {
        let [a, b, c] = self.trial.triplet.items().map(|id| u64::from(id.0));
        let p = self
            .probabilities
            .map(|p| p.map(f32::to_bits).map(u64::from));
        let present = [
            p.is_some(),
            self.latency_ms.is_some(),
            self.prompt.is_some(),
            self.seed.is_some(),
            self.reply.is_some(),
            self.settles,
            self.at.is_some(),
            self.requests.is_some(),
            self.usage.prompt_tokens.is_some(),
            self.usage.cached_tokens.is_some(),
            self.usage.completion_tokens.is_some(),
            self.usage.cost.is_some(),
        ];
        let flags = present
            .iter()
            .fold(0, |flags, &bit| flags << 1 | u64::from(bit));
        let small = |value: Option<u32>| u64::from(value.unwrap_or(0));
        let [p1, p2, p3] = p.unwrap_or_default();
        [
            self.agent.key(self.trial.number) as u64,
            a | b << 32,
            c | u64::from(self.trial.replicate) << 32 | (self.trial.split as u64) << 48,
            u64::from(outcome_code(self.outcome)) | u64::from(self.attempt) << 8 | flags << 40,
            p1 | p2 << 32,
            p3 | small(self.latency_ms) << 32,
            self.prompt.unwrap_or(0),
            self.seed.unwrap_or(0),
            self.reply.map_or(0, |reply| reply.0 as u64),
            self.at.unwrap_or(0),
            small(self.requests) | u64::from(cause_code(self.cause)) << 32,
            small(self.usage.prompt_tokens) | small(self.usage.cached_tokens) << 32,
            small(self.usage.completion_tokens),
            self.usage.cost.map_or(0, |cost| cost.0),
        ]
        .into_iter()
        .fold(0, |digest, word| mix(digest ^ word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_hold_agent_and_number() {
        for (agent, number) in [(1, 0), (7, 12_345), (MAX_AGENTS, MAX_NUMBER - 1)] {
            let key = AgentId(agent).key(number);
            assert!(key > 0);
            assert_eq!(AgentId::of_key(key), (AgentId(agent), number));
        }
    }

    #[test]
    fn outcomes_survive_their_codes() {
        for code in 0..8 {
            assert_eq!(i64::from(outcome_code(outcome_of(code).unwrap())), code);
        }
        assert_eq!((outcome_of(8), outcome_of(-1)), (None, None));
    }
}
