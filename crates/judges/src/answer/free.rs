//! `free`: describe, then choose, in free text; asked again, briefly, where no answer is found.

use super::questions::{Again, Questions, Ready};
use super::reading::{Reading, visible};
use super::refusal;
use crate::chat::Unsupported;
use crate::dialogue::{Dialogue, Exchange, Step};
use crate::judge::JudgeDescription;
use emotome_triplets::{Cause, Trial};

/// The dialogue of free text.
///
/// A reply in which the form of the template is not found, or found with different answers, or
/// which was cut before it, is asked again in the same conversation with the template's words and
/// among the labels only, as often as set. A refusal is not asked again.
#[derive(Debug)]
pub(super) struct Free {
    questions: Questions,
    reasks: usize,
    first: Ready,
    again: Ready,
}

impl Free {
    pub(super) fn new(
        questions: Questions,
        max_tokens: u32,
        reasks: u8,
        reask_tokens: u32,
    ) -> Result<Self, Unsupported> {
        Ok(Self {
            first: questions.ready(max_tokens, None, false, true)?,
            again: questions.ready(reask_tokens, None, true, false)?,
            reasks: reasks.into(),
            questions,
        })
    }

    fn done(
        &self,
        exchanges: &[Exchange],
        verdict: Result<emotome_triplets::Position, Cause>,
    ) -> Step {
        let verdict = verdict.map(|place| (place, None));
        Step::Done(self.questions.answer(exchanges, verdict, None))
    }
}

impl Dialogue for Free {
    fn describe(&self) -> JudgeDescription {
        self.questions.describe()
    }

    fn n_stimuli(&self) -> usize {
        self.questions.n_stimuli()
    }

    fn begin(&self, trial: &Trial) -> Step {
        match self.questions.request(trial, [0, 1, 2], &self.first, None) {
            Ok(request) => Step::Ask(vec![request]),
            Err(cause) => self.done(&[], Err(cause)),
        }
    }

    fn proceed(&self, trial: &Trial, exchanges: &[Exchange]) -> Step {
        let Some(last) = exchanges.last() else {
            return self.begin(trial);
        };
        let reply = match self.questions.reply(last) {
            Ok(reply) => reply,
            Err(cause) => return self.done(exchanges, Err(cause)),
        };
        if let Some(cause) = refusal::before_reading(&reply) {
            return self.done(exchanges, Err(cause));
        }
        let form = &self.questions.form;
        let reading = match exchanges.len() {
            1 => form.read(&reply.content),
            _ => form
                .exact(&reply.content)
                .map_or_else(|| form.read_short(&reply.content), Reading::One),
        };
        let cause = match reading {
            Reading::One(place) => return self.done(exchanges, Ok(place)),
            Reading::Several => Cause::SeveralAnswers,
            Reading::Nothing => refusal::without_answer(&reply, Cause::NoAnswer),
        };
        let said = visible(&reply.content);
        let open = matches!(
            cause,
            Cause::NoAnswer | Cause::SeveralAnswers | Cause::CutShort
        );
        let again = self.questions.params.template.again.as_deref();
        match again.filter(|_| open && exchanges.len() <= self.reasks && !said.trim().is_empty()) {
            None => self.done(exchanges, Err(cause)),
            Some(again) => {
                // Of an earlier re-ask the conversation keeps the first reply, which described the three.
                let first = self.questions.reply(&exchanges[0]);
                let said = first.map_or_else(
                    |_| said.to_string(),
                    |first| visible(&first.content).into_owned(),
                );
                let again = Again { said: &said, again };
                match self
                    .questions
                    .request(trial, [0, 1, 2], &self.again, Some(again))
                {
                    Ok(request) => Step::Ask(vec![request]),
                    Err(cause) => self.done(exchanges, Err(cause)),
                }
            }
        }
    }
}
