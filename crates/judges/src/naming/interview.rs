//! Questions for names, their replies as they are kept, and what follows from both: nothing is asked twice.

use super::reading::{Suggestion, read_fit, read_name};
use super::talk::Talk;
use crate::answer::reading::visible;
use crate::chat::ChatReply;
use crate::dialogue::{Fault, Reply};
use crate::prompt::MediaError;
use crate::server::Stop;
use emotome_stats::random::{Seed, mix};
use emotome_stimuli::run::{Run, Silent};
use emotome_triplets::journal::Spent;
use emotome_triplets::{Cause, Nanos, Outcome, Usage};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::io;

/// A question, by what it is about. Dimensions count from 0 here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ask {
    /// The name of a dimension.
    Name {
        /// The dimension.
        dim: usize,
        /// The repeat.
        repeat: u32,
    },
    /// Which stimulus of a pair the name of a dimension fits.
    Fit {
        /// The dimension.
        dim: usize,
        /// The pair.
        pair: usize,
        /// Whether the low stimulus is shown first.
        swapped: bool,
    },
}

/// What a model said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Said {
    /// The reply of a server as it came.
    Reply {
        /// The HTTP status.
        status: u16,
        /// The body.
        body: String,
    },
    /// The text of a model in this process.
    Text {
        /// The text.
        text: String,
        /// Whether it reached its length limit.
        cut: bool,
    },
    /// The log-probabilities of a model in this process that the first and the second stimulus are named.
    Odds([f64; 2]),
}

/// A reply that was heard, as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Heard {
    /// The question.
    pub ask: Ask,
    /// How often it was asked again before.
    pub turn: u8,
    /// The hash of everything that was shown: [`Talk::prompt`].
    #[serde(with = "hexadecimal")]
    pub prompt: u64,
    /// The seed of the request, if it bore one.
    pub seed: Option<u64>,
    /// Milliseconds since 1970.
    pub at: u64,
    /// How often it was sent.
    pub requests: u32,
    /// Milliseconds from the request to its reply.
    pub latency_ms: u32,
    /// Tokens and money, as far as known.
    pub usage: Usage,
    /// The reply.
    pub said: Said,
}

/// 64 bits do not survive as numbers of JSON everywhere.
mod hexadecimal {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &u64, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&format!("{value:016x}"))
    }

    pub(super) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<u64, D::Error> {
        let text = String::deserialize(from)?;
        u64::from_str_radix(&text, 16).map_err(serde::de::Error::custom)
    }
}

/// What a question comes to.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    /// A name.
    Name(Suggestion),
    /// Which stimulus, 0 or 1, and the probability of the first where the model gives one.
    Fit(usize, Option<f64>),
}

/// How a question stands.
#[derive(Debug)]
pub enum Next<'a> {
    /// It has to be asked, or asked again; the number counts re-asks.
    Ask(u8, Talk<'a>),
    /// It is settled: an answer, or why there is none.
    Done(Result<Found, Cause>),
}

/// A question on its way to a model.
#[derive(Debug)]
pub struct Turn<'a> {
    /// The question.
    pub ask: Ask,
    /// How often it was asked again before.
    pub turn: u8,
    /// The seed of its request.
    pub seed: u64,
    /// What is said.
    pub talk: Talk<'a>,
}

/// A model that can be asked for names, wherever it runs.
pub trait Namer {
    /// What goes wrong before anything is asked.
    type Error;

    /// Asks all of these and hands over what comes of each, in any order, until `hear` says not to go on. What
    /// `spent` before counts towards a bound on the cost. Faults are those of carrying: they settle nothing.
    ///
    /// # Errors
    /// Those of the carrier; why it stopped early is no error.
    fn ask<'t>(
        &mut self,
        turns: &mut dyn Iterator<Item = Turn<'t>>,
        spent: Nanos,
        run: Run<'_>,
        hear: &mut dyn FnMut(Ask, Result<Heard, Fault>) -> bool,
    ) -> Result<Option<Stop>, Self::Error>;
}

/// Faults in a row that end an interview.
const MOST_FAULTS: u32 = 16;

/// All questions to one model, with every reply kept so far.
///
/// A reply belongs to a question, a turn and everything that was shown: one to another prompt is not used. What a
/// question comes to is a function of its own replies alone.
#[derive(Debug)]
pub struct Interview {
    reasks: u8,
    seed: Seed,
    kept: HashMap<(Ask, u8, u64), Heard>,
    lost: HashMap<Ask, Fault>,
}

impl Said {
    fn reply(&self) -> Result<ChatReply, Cause> {
        match self {
            Self::Reply { status, body } => ChatReply::read(&Reply {
                status: *status,
                body: body.clone().into(),
            }),
            Self::Text { text, cut } => Ok(ChatReply {
                content: text.clone(),
                finish: Some(if *cut { "length" } else { "stop" }.to_owned()),
                ..ChatReply::default()
            }),
            Self::Odds(_) => Ok(ChatReply::default()),
        }
    }

    fn found(&self, ask: Ask) -> Result<Found, Cause> {
        match (self, ask) {
            (Self::Odds([a, b]), Ask::Fit { .. }) => {
                let first = 1.0 / (1.0 + (b - a).exp());
                match first {
                    p if p > 0.5 => Ok(Found::Fit(0, Some(p))),
                    p if p < 0.5 => Ok(Found::Fit(1, Some(p))),
                    _ => Err(Cause::NoProbability),
                }
            }
            (_, Ask::Name { .. }) => read_name(&self.reply()?).map(Found::Name),
            (_, Ask::Fit { .. }) => read_fit(&self.reply()?).map(|place| Found::Fit(place, None)),
        }
    }

    /// Whether asking again may help: the model replied and did not refuse, but the form is not there.
    fn can_ask_again(&self, cause: Cause) -> Option<String> {
        if !matches!(cause.outcome(), Outcome::Invalid | Outcome::Ambiguous)
            || matches!(self, Self::Odds(_))
        {
            return None;
        }
        let reply = self.reply().ok()?;
        let said = visible(&reply.content);
        (!said.trim().is_empty()).then(|| said.trim().to_owned())
    }
}

impl Interview {
    /// An interview that goes on from what was kept of an earlier one. The last of equal replies counts.
    #[must_use]
    pub fn new(reasks: u8, seed: Seed, kept: impl IntoIterator<Item = Heard>) -> Self {
        let kept = kept
            .into_iter()
            .map(|heard| ((heard.ask, heard.turn, heard.prompt), heard));
        Self {
            reasks,
            seed,
            kept: kept.collect(),
            lost: HashMap::new(),
        }
    }

    /// How a question stands; `talk` is what is said first.
    #[must_use]
    pub fn next<'a>(&self, ask: Ask, talk: Talk<'a>) -> Next<'a> {
        let mut talk = talk;
        let mut turn = 0;
        loop {
            let Some(heard) = self.kept.get(&(ask, turn, talk.prompt())) else {
                return Next::Ask(turn, talk);
            };
            match heard.said.found(ask) {
                Ok(found) => return Next::Done(Ok(found)),
                Err(cause) => match heard
                    .said
                    .can_ask_again(cause)
                    .filter(|_| turn < self.reasks)
                {
                    Some(said) => {
                        talk = talk.again(&said);
                        turn += 1;
                    }
                    None => return Next::Done(Err(cause)),
                },
            }
        }
    }

    /// The replies to a question, turn after turn.
    #[must_use]
    pub fn replies<'a>(&self, ask: Ask, talk: Talk<'a>) -> Vec<&Heard> {
        let mut talk = talk;
        let mut replies = Vec::new();
        for turn in 0..=self.reasks {
            let Some(heard) = self.kept.get(&(ask, turn, talk.prompt())) else {
                break;
            };
            replies.push(heard);
            let again = heard
                .said
                .found(ask)
                .err()
                .and_then(|cause| heard.said.can_ask_again(cause));
            let Some(said) = again else { break };
            talk = talk.again(&said);
        }
        replies
    }

    /// Why the last request of a question came to nothing, if it did in this run.
    #[must_use]
    pub fn lost(&self, ask: Ask) -> Option<&Fault> {
        self.lost.get(&ask)
    }

    /// Requests, tokens and money of everything that is kept.
    #[must_use]
    pub fn spent(&self) -> Spent {
        let mut spent = Spent::default();
        self.kept
            .values()
            .for_each(|heard| spent.add(Some(heard.requests), heard.usage));
        spent
    }

    /// Asks every question that is open, again where a reply cannot be read, and hands each reply to `keep` before it
    /// is used. A question whose request came to nothing stays open, and is asked again by the next call.
    ///
    /// # Errors
    /// Those of the model's carrier and of keeping.
    pub fn ask<'t, N: Namer>(
        &mut self,
        asks: &[Ask],
        talk: &dyn Fn(Ask) -> Result<Talk<'t>, MediaError>,
        namer: &mut N,
        keep: &mut dyn FnMut(&Heard) -> io::Result<()>,
        run: Run<'_>,
    ) -> Result<Option<Stop>, InterviewError<N::Error>> {
        let quiet = Run {
            progress: &Silent,
            ..run
        };
        let mut open: Vec<Ask> = asks.to_vec();
        open.iter().for_each(|ask| drop(self.lost.remove(ask)));
        loop {
            let mut unshown = Vec::new();
            let mut fresh = Vec::new();
            let (mut lost, mut in_a_row) = (Vec::new(), 0_u32);
            let (mut failed, mut failing) = (None, None);
            let mut turns = open.iter().filter_map(|&ask| match talk(ask) {
                Ok(talk) => match self.next(ask, talk) {
                    Next::Ask(turn, talk) => Some(Turn {
                        ask,
                        turn,
                        seed: self.seed(ask, turn),
                        talk,
                    }),
                    Next::Done(_) => None,
                },
                Err(error) => {
                    let what = error.to_string();
                    unshown.push((
                        ask,
                        Fault {
                            cause: Cause::NotShown,
                            what,
                        },
                    ));
                    None
                }
            });
            let spent = self.spent().cost;
            let mut hear = |ask, heard: Result<Heard, Fault>| {
                match heard {
                    Ok(heard) => {
                        in_a_row = 0;
                        if let Err(error) = keep(&heard) {
                            failed = Some(error);
                            return false;
                        }
                        run.progress.advance(u64::from(heard.turn == 0));
                        fresh.push(heard);
                    }
                    Err(fault) => {
                        in_a_row += 1;
                        if in_a_row >= MOST_FAULTS {
                            let (cause, what) = (fault.cause, fault.what.clone());
                            failing = Some(Stop::Failing {
                                trials: in_a_row,
                                cause,
                                what,
                            });
                        }
                        lost.push((ask, fault));
                    }
                }
                failing.is_none()
            };
            let stop = namer
                .ask(&mut turns, spent, quiet, &mut hear)
                .map_err(InterviewError::Namer)?;
            drop(turns);
            if let Some(error) = failed {
                return Err(InterviewError::Keep(error));
            }
            let more = !fresh.is_empty();
            for heard in fresh {
                self.kept
                    .insert((heard.ask, heard.turn, heard.prompt), heard);
            }
            self.lost.extend(lost.into_iter().chain(unshown));
            open.retain(|ask| !self.lost.contains_key(ask));
            let stop = stop.or(failing);
            if stop.is_some() || !more {
                return Ok(stop);
            }
        }
    }

    /// The seed of a request, 31 bits: some servers keep seeds in a signed word.
    fn seed(&self, ask: Ask, turn: u8) -> u64 {
        let about = match ask {
            Ask::Name { dim, repeat } => mix(dim as u64) ^ u64::from(repeat),
            Ask::Fit { dim, pair, swapped } => {
                mix(mix(dim as u64) ^ (pair as u64) << 1 ^ u64::from(swapped))
            }
        };
        mix(self.seed.derive("request for a name").0 ^ mix(about) ^ u64::from(turn)) >> 33
    }
}

/// Why an interview cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InterviewError<E> {
    /// The model cannot be asked.
    #[error(transparent)]
    Namer(E),
    /// A reply cannot be kept.
    #[error("a reply cannot be kept: {0}")]
    Keep(io::Error),
}
