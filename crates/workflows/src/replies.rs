//! Replies as a journal keeps them, trial by trial.

use crate::WorkflowError;
use emotome_triplets::journal::{Journal, JournalError, Stored};
use emotome_triplets::{Cause, Nanos, Outcome, Usage};
use serde::Serialize;
use std::path::PathBuf;

/// Which replies to show.
#[derive(Debug, Clone)]
pub struct RepliesRequest {
    /// The journal.
    pub journal: PathBuf,
    /// One agent; all without.
    pub agent: Option<String>,
    /// Trials in one state; all without.
    pub state: Option<State>,
    /// At most so many.
    pub limit: usize,
}

/// What became of a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// A choice.
    Choice,
    /// No answer in the asked form.
    Invalid,
    /// Several answers.
    Ambiguous,
    /// The agent declined.
    Refused,
    /// No reply in time.
    TimedOut,
    /// It failed.
    Failed,
    /// Whatever it was, it is asked again.
    Open,
}

impl State {
    fn is_of(self, row: &Stored) -> bool {
        match self {
            Self::Choice => matches!(row.outcome, Outcome::Chosen(_)),
            Self::Invalid => row.outcome == Outcome::Invalid,
            Self::Ambiguous => row.outcome == Outcome::Ambiguous,
            Self::Refused => row.outcome == Outcome::Refused,
            Self::TimedOut => row.outcome == Outcome::TimedOut,
            Self::Failed => row.outcome == Outcome::Failed,
            Self::Open => !row.settles,
        }
    }
}

/// Replies of a journal. Field names are stable.
#[derive(Debug, Clone, Serialize)]
pub struct RepliesSummary {
    /// The journal.
    pub journal: PathBuf,
    /// The replies: of each agent those without a choice first, then choices, in the order of trials.
    pub replies: Vec<KeptReply>,
    /// Whether there are more than the limit.
    pub more: bool,
}

/// What is kept of a trial, or of one attempt at it. Field names are stable.
#[derive(Debug, Clone, Serialize)]
pub struct KeptReply {
    /// The agent.
    pub agent: String,
    /// The trial.
    pub trial: u64,
    /// Keys of the stimuli as they were shown.
    pub shown: [String; 3],
    /// What became of it.
    pub outcome: &'static str,
    /// The place chosen, from 1.
    pub place: Option<u8>,
    /// Why it is no choice.
    pub cause: Option<Cause>,
    /// Whether it is not asked again.
    pub settles: bool,
    /// How often the trial had failed before.
    pub attempt: u32,
    /// Requests sent for it.
    pub requests: Option<u32>,
    /// Tokens.
    #[serde(flatten)]
    pub usage: Usage,
    /// What it took, in milliseconds.
    pub latency_ms: Option<u32>,
    /// When, in milliseconds since 1970.
    pub at: Option<u64>,
    /// The reply, verbatim, if one was kept.
    pub reply: Option<String>,
}

impl KeptReply {
    /// The money it cost, where that is known.
    #[must_use]
    pub const fn cost(&self) -> Option<Nanos> {
        self.usage.cost
    }
}

/// Why a visit ends.
enum End {
    Enough,
    Fault(JournalError),
}

impl From<JournalError> for End {
    fn from(error: JournalError) -> Self {
        Self::Fault(error)
    }
}

/// Reads replies of a journal, also while it is being written.
///
/// # Errors
/// [`WorkflowError::Journal`].
pub fn replies(request: &RepliesRequest) -> Result<RepliesSummary, WorkflowError> {
    let journal = Journal::open(&request.journal)?;
    let stimuli = journal.stimuli()?;
    let mut agents = journal.agents()?;
    if let Some(name) = &request.agent {
        let wanted = journal.agent(name)?;
        agents.retain(|(id, _)| *id == wanted);
    }
    let (mut found, mut more) = (Vec::new(), false);
    'agents: for (id, agent) in agents {
        let mut visit = |row: &Stored| {
            if request.state.is_some_and(|state| !state.is_of(row)) {
                return Ok(());
            }
            if found.len() >= request.limit {
                more = true;
                return Err(End::Enough);
            }
            let keys = stimuli.keys();
            let (outcome, place) = match row.outcome {
                Outcome::Chosen(place) => ("choice", Some(place.index() as u8 + 1)),
                Outcome::Invalid => ("invalid", None),
                Outcome::Ambiguous => ("ambiguous", None),
                Outcome::Refused => ("refused", None),
                Outcome::TimedOut => ("timed out", None),
                Outcome::Failed => ("failed", None),
            };
            let items = row.trial.triplet.items();
            found.push(KeptReply {
                agent: agent.name.clone(),
                trial: row.trial.number,
                shown: items.map(|id| keys[id.index()].to_string()),
                outcome,
                place,
                cause: row.cause,
                settles: row.settles,
                attempt: row.attempt,
                requests: row.requests,
                usage: row.usage,
                latency_ms: row.latency_ms,
                at: row.at,
                reply: row.reply.map(|place| journal.reply(place)).transpose()?,
            });
            Ok(())
        };
        let wanted = |choices: bool| match request.state {
            None => true,
            Some(State::Choice) => choices,
            Some(_) => !choices,
        };
        for choices in [false, true] {
            let visited = match choices {
                _ if !wanted(choices) => Ok(()),
                true => journal.for_each_choice(id, &mut visit),
                false => journal.for_each_attempt(id, &mut visit),
            };
            match visited {
                Ok(()) => {}
                Err(End::Enough) => break 'agents,
                Err(End::Fault(error)) => return Err(error.into()),
            }
        }
    }
    Ok(RepliesSummary {
        journal: request.journal.clone(),
        replies: found,
        more,
    })
}

/// Replies as a table with a line each: backslashes, tabs and line breaks are written `\\`, `\t`, `\n`, `\r`.
#[must_use]
pub fn tsv(summary: &RepliesSummary) -> String {
    let mut out =
        "agent\ttrial\tfirst\tsecond\tthird\toutcome\tplace\tcause\tsettles\tattempt\trequests\t\
                   prompt_tokens\tcompletion_tokens\tcost\tlatency_ms\treply\n"
            .to_owned();
    for r in &summary.replies {
        let number = |value: Option<u32>| value.map_or_else(|| "n/a".to_owned(), |n| n.to_string());
        let [first, second, third] = &r.shown;
        let cells = [
            r.agent.clone(),
            r.trial.to_string(),
            first.clone(),
            second.clone(),
            third.clone(),
            r.outcome.to_owned(),
            number(r.place.map(u32::from)),
            r.cause
                .map_or_else(|| "n/a".to_owned(), |cause| cause.name().to_owned()),
            r.settles.to_string(),
            r.attempt.to_string(),
            number(r.requests),
            number(r.usage.prompt_tokens),
            number(r.usage.completion_tokens),
            r.cost()
                .map_or_else(|| "n/a".to_owned(), |cost| cost.units().to_string()),
            number(r.latency_ms),
            r.reply.clone().unwrap_or_else(|| "n/a".to_owned()),
        ];
        let cells = cells.map(|cell| {
            let cell = cell.replace('\\', "\\\\").replace('\t', "\\t");
            let cell = cell.replace('\n', "\\n").replace('\r', "\\r");
            emotome_judges::printable::visible(&cell).into_owned()
        });
        out.push_str(&cells.join("\t"));
        out.push('\n');
    }
    out
}
