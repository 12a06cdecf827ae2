//! What all answer modes share: requests from trials, and answers from verdicts.

use super::kept;
use super::params::AskParams;
use super::reading::Form;
use crate::chat::{ChatReply, Conversation, Tail, Unsupported, usage_of};
use crate::dialogue::{Answer, Exchange, Request};
use crate::judge::{JudgeDescription, trial_stream};
use crate::prompt::{Content, Exhibit, Labels, Piece, Shown};
use emotome_stats::random::{Seed, mix};
use emotome_triplets::{Cause, Outcome, Position, Trial, Usage};
use serde_json::json;
use std::time::Duration;

/// The parameters and what is shown.
#[derive(Debug)]
pub(super) struct Questions {
    pub(super) params: AskParams,
    pub(super) form: Form,
    shown: Shown,
}

/// A tail of requests, serialised.
#[derive(Debug)]
pub(super) struct Ready {
    fields: Vec<u8>,
    max_tokens: u32,
}

/// A further turn: what the model said and what is said to it.
pub(super) struct Again<'a> {
    pub(super) said: &'a str,
    pub(super) again: &'a str,
}

/// A choice, or why there is none.
pub(crate) type Verdict = Result<(Position, Option<[f64; 3]>), Cause>;

impl Questions {
    pub(super) fn new(params: AskParams, shown: Shown) -> Self {
        Self {
            form: Form::of(&params.template),
            params,
            shown,
        }
    }

    pub(super) fn labels(&self) -> &Labels {
        &self.params.template.labels
    }

    pub(super) fn seed(&self) -> Seed {
        Seed(self.params.seed)
    }

    pub(super) fn n_stimuli(&self) -> usize {
        self.shown.n_stimuli()
    }

    /// Serialises what a kind of request asks for besides its messages.
    pub(super) fn ready(
        &self,
        max_tokens: u32,
        top_logprobs: Option<u32>,
        constrain: bool,
        first_turn: bool,
    ) -> Result<Ready, Unsupported> {
        let decoding = self.params.decoding;
        let tail = Tail {
            max_tokens,
            temperature: decoding.send_temperature.then_some(decoding.temperature),
            top_p: decoding.top_p,
            top_logprobs,
            among: constrain.then(|| self.labels()),
            begun: first_turn && self.params.template.reply.is_some(),
        };
        let fields = self.params.dialect.tail(&tail, &self.params.pass)?;
        Ok(Ready {
            fields: serde_json::to_vec(&fields).unwrap_or_default(),
            max_tokens,
        })
    }

    /// A request that shows a trial with its places in the given order.
    pub(super) fn request(
        &self,
        trial: &Trial,
        order: [usize; 3],
        ready: &Ready,
        again: Option<Again<'_>>,
    ) -> Result<Request, Cause> {
        let template = &self.params.template;
        let items = trial.triplet.items();
        let mut parts = Vec::with_capacity(template.user.len());
        let mut media_bytes = 0;
        for piece in &template.user {
            let part = match piece {
                Piece::Text(text) => Exhibit::Text(text.into()),
                Piece::Stimulus(place) => {
                    let part = self.shown.of(trial, items[order[*place]]);
                    part.map_err(|_| Cause::NotShown)?
                }
            };
            if let Exhibit::Media(media) = &part {
                let bytes = |content: &Content| match content {
                    Content::Bytes(bytes) => bytes.len(),
                    Content::Url(_) => 0,
                };
                media_bytes += media
                    .iter()
                    .map(|medium| bytes(&medium.content))
                    .sum::<usize>();
            }
            parts.push(part);
        }
        let mut conversation =
            Conversation::new(self.params.dialect, &self.params.model, media_bytes);
        if let Some(system) = &template.system {
            conversation.say("system", system);
        }
        conversation
            .show("user", &parts)
            .map_err(|_| Cause::NotShown)?;
        let begun = template.reply.as_deref();
        match again {
            Some(Again { said, again }) => {
                conversation.say("assistant", &format!("{}{said}", begun.unwrap_or_default()));
                conversation.say("user", again);
            }
            None => {
                if let Some(begun) = begun {
                    conversation.say("assistant", begun);
                }
            }
        }
        // 31 bits: some servers keep seeds in a signed word.
        let draw = || mix(self.seed().derive("request").0 ^ trial_stream(trial)) >> 33;
        let seed = self.params.send_seed.then(draw);
        Ok(conversation.finish(
            &ready.fields,
            seed,
            ready.max_tokens,
            self.params.tokens_per_medium,
        ))
    }

    /// The reply of an exchange, from this model.
    pub(super) fn reply(&self, exchange: &Exchange) -> Result<ChatReply, Cause> {
        let reply = exchange.result.as_ref().map_err(|fault| fault.cause)?;
        let reply = ChatReply::read(reply)?;
        let AskParams {
            dialect,
            model,
            served_as,
            ..
        } = &self.params;
        match reply.model.as_deref() {
            Some(replied) if !dialect.serves(model, replied, served_as) => Err(Cause::WrongReply),
            _ => Ok(reply),
        }
    }

    /// The answer of a trial; `kept` replaces the bodies of the replies.
    pub(super) fn answer(
        &self,
        exchanges: &[Exchange],
        verdict: Verdict,
        kept: Option<String>,
    ) -> Answer {
        let usage = |exchange: &Exchange| match &exchange.result {
            Ok(reply) => usage_of(&reply.body),
            Err(_) => Usage::default(),
        };
        let prompts = exchanges.iter().map(|exchange| exchange.request.prompt);
        let (outcome, cause, probabilities) = match verdict {
            Ok((place, probabilities)) => (Outcome::Chosen(place), None, probabilities),
            Err(cause) => (cause.outcome(), Some(cause), None),
        };
        Answer {
            outcome,
            cause,
            probabilities,
            reply: kept.or_else(|| kept::keep(exchanges, self.params.keep, None)),
            latency: Some(
                exchanges
                    .iter()
                    .map(|exchange| exchange.latency)
                    .sum::<Duration>(),
            ),
            prompt: prompts.reduce(|all, prompt| mix(all) ^ prompt),
            seed: exchanges.first().and_then(|exchange| exchange.request.seed),
            usage: exchanges
                .iter()
                .map(usage)
                .reduce(Usage::plus)
                .unwrap_or_default(),
        }
    }

    /// What the agent is.
    pub(super) fn describe(&self) -> JudgeDescription {
        let params = &self.params;
        let mut description = JudgeDescription::new("chat", Some(self.seed()))
            .with("model", params.model.as_str())
            .with("dialect", json!(params.dialect))
            .with("answers", json!(params.mode))
            .with("template", params.template.describe())
            .with("shown", self.shown.describe())
            .with("decoding", json!(params.decoding))
            .with("send-seed", params.send_seed);
        let pass = json!(params.pass);
        if pass.as_object().is_some_and(|fields| !fields.is_empty()) {
            description = description.with("pass", pass);
        }
        description
    }
}
