//! Asking a model for the trials of a design: from a study and the file of a judge to a journal.

pub(crate) mod asking;
mod batch;
mod check;
mod error;
mod file;
pub(crate) mod here;
pub(crate) mod part;
mod plan;
pub(crate) mod prepare;
mod readout;
mod submit;

pub use asking::{AskSummary, FirstRequest, ask, first_request};
pub use batch::{BatchRequest, BatchSummary, batch};
pub use check::{ServerSummary, check_servers};
pub use error::AskError;
pub use file::{CaptionRule, JudgeFile, Price, ReadoutAsked, Server, Show, WhichCaption};
pub use plan::{JudgePlan, plan_judge};
pub use readout::ask_by_readout;
pub use submit::{Submission, SubmitRequest, SubmitSummary, submit};

use crate::design::DesignSpec;
use emotome_triplets::Outcome;
use std::path::PathBuf;
use std::time::Duration;

/// Whom to ask for what.
#[derive(Debug, Clone)]
pub struct AskRequest {
    /// The judge.
    pub judge: JudgeFile,
    /// The study whose stimuli are shown.
    pub study: PathBuf,
    /// The journal; made if it is not there, resumed if it is.
    pub journal: PathBuf,
    /// The trials.
    pub design: DesignSpec,
    /// Which settled trials are asked again.
    pub again: Again,
    /// When to stop.
    pub bounds: Bounds,
}

/// Settled trials that are asked again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Again {
    /// Those that failed for good.
    pub failed: bool,
    /// Those that were refused.
    pub refused: bool,
    /// Those without one clear answer.
    pub invalid: bool,
}

impl Again {
    /// Whether anything is asked again.
    #[must_use]
    pub const fn any(self) -> bool {
        self.failed || self.refused || self.invalid
    }

    const fn wants(self, outcome: Outcome) -> bool {
        match outcome {
            Outcome::Chosen(_) => false,
            Outcome::Invalid | Outcome::Ambiguous => self.invalid,
            Outcome::Refused => self.refused,
            Outcome::TimedOut | Outcome::Failed => self.failed,
        }
    }
}

/// When a run stops before the end, and how long it waits; `None` is the default of the engine.
#[derive(Debug, Clone, Default)]
pub struct Bounds {
    /// Stop before so much is spent, in units of the currency.
    pub max_cost: Option<f64>,
    /// Stop after so many trials.
    pub max_trials: Option<u64>,
    /// Time limit of a request.
    pub time_limit: Option<Duration>,
    /// Tries of a request.
    pub tries: Option<u32>,
    /// How long to wait for a server that is gone.
    pub patience: Option<Duration>,
}
