//! `choice`: a label that the server makes sure of.

use super::audit::{Audit, is_drawn};
use super::kept::keep;
use super::questions::{Questions, Ready};
use super::refusal;
use crate::chat::Unsupported;
use crate::dialogue::{Dialogue, Exchange, Step};
use crate::judge::JudgeDescription;
use emotome_triplets::{Cause, Position, Trial};

/// The dialogue of a constrained choice; a share of the trials is also asked without constraint.
#[derive(Debug)]
pub(super) struct Choice {
    questions: Questions,
    constrained: Ready,
    free: Ready,
    audit: f64,
}

impl Choice {
    pub(super) fn new(
        questions: Questions,
        max_tokens: u32,
        audit: f64,
    ) -> Result<Self, Unsupported> {
        Ok(Self {
            constrained: questions.ready(max_tokens, None, true, true)?,
            free: questions.ready(1, Some(20), false, true)?,
            audit,
            questions,
        })
    }

    fn verdict(&self, exchange: &Exchange) -> Result<Position, Cause> {
        let reply = self.questions.reply(exchange)?;
        if let Some(cause) = refusal::before_reading(&reply) {
            return Err(cause);
        }
        let place = self.questions.form.exact(&reply.content);
        place.ok_or_else(|| refusal::without_answer(&reply, Cause::OffList))
    }
}

impl Dialogue for Choice {
    fn describe(&self) -> JudgeDescription {
        self.questions.describe()
    }

    fn n_stimuli(&self) -> usize {
        self.questions.n_stimuli()
    }

    fn begin(&self, trial: &Trial) -> Step {
        let audit = is_drawn(self.questions.seed(), self.audit, trial).then_some(&self.free);
        let readies = [Some(&self.constrained), audit];
        let requests = readies
            .into_iter()
            .flatten()
            .map(|ready| self.questions.request(trial, [0, 1, 2], ready, None));
        match requests.collect() {
            Ok(requests) => Step::Ask(requests),
            Err(cause) => Step::Done(self.questions.answer(&[], Err(cause), None)),
        }
    }

    fn proceed(&self, trial: &Trial, exchanges: &[Exchange]) -> Step {
        let Some((asked, audits)) = exchanges.split_first() else {
            return self.begin(trial);
        };
        let verdict = self.verdict(asked).map(|place| (place, None));
        let kept = audits.first().and_then(|exchange| {
            let audit = Audit::of(&self.questions, exchange);
            keep(&exchanges[..1], self.questions.params.keep, Some(audit))
        });
        Step::Done(self.questions.answer(exchanges, verdict, kept))
    }
}
