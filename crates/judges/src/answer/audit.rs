//! The audit arm: how much a model would say that is none of the answers, if it were free to.

use super::kept::OrderRead;
use super::questions::Questions;
use crate::dialogue::Exchange;
use crate::judge::trial_stream;
use emotome_stats::random::{CounterRng, Seed};
use emotome_triplets::Trial;
use serde::{Deserialize, Serialize};

/// What an extra request without any constraint showed. It never changes an answer.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Audit {
    /// The log-probabilities of the labels as the first token, where the server lists them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read: Option<OrderRead>,
    /// What the model wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Why nothing was learnt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Audit {
    /// The probability on none of the labels, where it is known.
    #[must_use]
    pub fn off_choice(&self) -> Option<f64> {
        self.read.as_ref().map(OrderRead::off_choice)
    }

    /// Reads the extra request's exchange.
    pub(super) fn of(questions: &Questions, exchange: &Exchange) -> Self {
        match questions.reply(exchange) {
            Err(cause) => Self {
                error: Some(cause.to_string()),
                ..Self::default()
            },
            Ok(reply) => Self {
                read: OrderRead::new([0, 1, 2], &reply.first, questions.labels()),
                text: Some(reply.content),
                error: None,
            },
        }
    }
}

/// Whether a trial is in the audit's share: drawn by the seed, the same at every call.
pub(super) fn is_drawn(seed: Seed, share: f64, trial: &Trial) -> bool {
    share > 0.0 && CounterRng::new(seed.derive("audit"), trial_stream(trial)).uniform() < share
}
