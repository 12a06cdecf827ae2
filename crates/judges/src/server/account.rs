//! What a run did, while it runs and in the end.

use super::fleet::EndpointState;
use crate::dialogue::Answer;
use crate::printable::one_line;
use emotome_triplets::journal::{JournalError, Spent};
use emotome_triplets::{Cause, Nanos, Outcome};
use serde::{Serialize, Serializer};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// Counts of answers that are stored. Field names are stable.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Choices of the stimulus shown first, second and third.
    pub chosen: [u64; 3],
    /// Trials without an answer in the asked form.
    pub invalid: u64,
    /// Trials with several answers.
    pub ambiguous: u64,
    /// Trials that the agent declined.
    pub refused: u64,
    /// Trials without a reply in time.
    pub timed_out: u64,
    /// Trials that failed.
    pub failed: u64,
    /// Of all these, trials that stay open and are asked again by the next run.
    pub open: u64,
    /// Trials without a choice by cause.
    pub causes: BTreeMap<Cause, u64>,
    /// Requests, tokens and money of all these.
    pub spent: Spent,
}

impl Counts {
    pub(crate) fn add(&mut self, answer: &Answer, requests: Option<u32>) {
        match answer.outcome {
            Outcome::Chosen(place) => self.chosen[place.index()] += 1,
            Outcome::Invalid => self.invalid += 1,
            Outcome::Ambiguous => self.ambiguous += 1,
            Outcome::Refused => self.refused += 1,
            Outcome::TimedOut => self.timed_out += 1,
            Outcome::Failed => self.failed += 1,
        }
        if let Some(cause) = answer.cause {
            *self.causes.entry(cause).or_default() += 1;
        }
        self.open += u64::from(!answer.settles());
        self.spent.add(requests, answer.usage);
    }

    /// The number of clear choices.
    #[must_use]
    pub fn choices(&self) -> u64 {
        self.chosen.iter().sum()
    }

    /// The number of trials.
    #[must_use]
    pub fn trials(&self) -> u64 {
        self.choices() + self.invalid + self.ambiguous + self.refused + self.timed_out + self.failed
    }

    /// The share of choices of each place, if there are any: a third each for an agent that
    /// does not care for places.
    #[must_use]
    pub fn shares(&self) -> Option<[f64; 3]> {
        let n = self.choices() as f64;
        (n > 0.0).then(|| self.chosen.map(|k| k as f64 / n))
    }
}

/// A run at a moment, for a live view. Field names are stable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Snapshot {
    /// Trials that are to be asked in this run.
    pub total: u64,
    /// Answers stored so far.
    pub counts: Counts,
    /// Seconds since the start.
    pub seconds: f64,
    /// Trials a second over the last minute.
    pub rate: f64,
    /// Seconds to the end at this rate.
    pub eta_s: Option<f64>,
    /// Requests sent, tries included.
    pub requests: u64,
    /// Of these, further tries.
    pub retries: u64,
    /// What each endpoint is doing.
    pub endpoints: Vec<EndpointState>,
    /// Whether the run is ending: no new trials are begun.
    pub ending: bool,
}

/// What a run did. Field names are stable.
#[derive(Debug, Serialize)]
pub struct Asked {
    /// Trials that were to be asked.
    pub total: u64,
    /// Answers stored.
    #[serde(flatten)]
    pub counts: Counts,
    /// Requests sent, tries included. Those of `dropped` trials are in no record.
    pub requests: u64,
    /// Of these, further tries.
    pub retries: u64,
    /// Trials that were under way when the run stopped, and stay open.
    pub dropped: u64,
    /// Seconds from start to end.
    pub seconds: f64,
    /// Trials a second.
    pub rate: f64,
    /// What each endpoint did.
    pub endpoints: Vec<EndpointState>,
    /// Why the run stopped before the end of the design, if it did.
    #[serde(serialize_with = "in_words")]
    pub stopped: Option<Stop>,
}

fn in_words<S: Serializer>(stop: &Option<Stop>, serializer: S) -> Result<S::Ok, S::Error> {
    stop.as_ref()
        .map(|stop| one_line(&stop.to_string()))
        .serialize(serializer)
}

/// Why a run stopped. Everything answered before is stored, and the same command goes on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Stop {
    /// It was asked to.
    #[error("stopped on request; the same command goes on")]
    Interrupted,
    /// The bound on trials is reached.
    #[error("{0} trials are asked, as many as were wanted; the same command goes on")]
    MaxTrials(u64),
    /// The bound on cost is reached.
    #[error("the next request could cost more than is left of {bound}; raise --max-cost to go on")]
    MaxCost {
        /// The bound.
        bound: Nanos,
    },
    /// Every request would fail.
    #[error("{what}")]
    Fatal {
        /// What the server said, and what to do.
        what: String,
    },
    /// The server rejects everything.
    #[error(
        "the server rejected the first {trials} trials, each with: {what}; check model, settings and what the server \
         can be shown (`emotome server check`); the trials stay open"
    )]
    Rejected {
        /// The number of trials.
        trials: u32,
        /// What it said.
        what: String,
    },
    /// The server answers, but fails.
    #[error(
        "{trials} trials in a row failed after all their tries, the last one with {cause}: {what}; they stay open: start again once the server works"
    )]
    Failing {
        /// The number of trials.
        trials: u32,
        /// Why the last one did.
        cause: Cause,
        /// What was said.
        what: String,
    },
    /// There is nobody to ask.
    #[error("no server was usable for {} s ({what}); start it, or check its address, and run the same command again", patience.as_secs())]
    Unreachable {
        /// How long it was waited.
        patience: Duration,
        /// What was found last.
        what: String,
    },
    /// Answers cannot be stored.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl Stop {
    /// Whether something has to be mended before the run can go on.
    #[must_use]
    pub const fn is_failure(&self) -> bool {
        !matches!(
            self,
            Self::Interrupted | Self::MaxTrials(_) | Self::MaxCost { .. }
        )
    }
}

/// Trials done over the last minute.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    seen: VecDeque<(Duration, u64)>,
}

impl Meter {
    /// Trials a second, from the number done by now; called several times a second.
    pub(crate) fn rate(&mut self, now: Duration, done: u64) -> f64 {
        const MINUTE: Duration = Duration::from_secs(60);
        self.seen.push_back((now, done));
        while self.seen.len() > 2 && self.seen[1].0 + MINUTE <= now {
            self.seen.pop_front();
        }
        let (then, before) = self.seen[0];
        let seconds = (now - then).as_secs_f64();
        if seconds > 0.0 {
            (done - before) as f64 / seconds
        } else {
            0.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_last_minute() {
        let mut meter = Meter::default();
        let s = Duration::from_secs;
        let mut rate = 0.0;
        for k in 0..100 {
            rate = meter.rate(s(k), k * 10);
        }
        assert_eq!(rate, 10.0);
        for k in 100..170 {
            rate = meter.rate(s(k), 1_000 + (k - 100) * 50);
        }
        assert_eq!(rate, 50.0);
        assert!(meter.seen.len() < 70);
    }

    #[test]
    fn a_stop_is_one_line_that_says_what_to_do() {
        let stop = Stop::Unreachable {
            patience: Duration::from_secs(300),
            what: "connection refused".to_owned(),
        };
        assert!(stop.is_failure() && !Stop::MaxTrials(3).is_failure());
        assert!(
            stop.to_string()
                .contains("300 s (connection refused); start it"),
            "{stop}"
        );
        let asked = Asked {
            total: 0,
            counts: Counts::default(),
            requests: 0,
            retries: 0,
            dropped: 0,
            seconds: 0.0,
            rate: 0.0,
            endpoints: Vec::new(),
            stopped: Some(stop),
        };
        let json = serde_json::to_value(&asked).unwrap();
        assert!(
            json["stopped"]
                .as_str()
                .unwrap()
                .starts_with("no server was usable")
        );
    }
}
