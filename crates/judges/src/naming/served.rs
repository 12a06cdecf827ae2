//! Asking a model behind servers for names.

use super::interview::{Ask, Heard, Namer, Said, Turn};
use super::template::Question;
use crate::answer::Decoding;
use crate::chat::{ChatReply, Conversation, Dialect, Passthrough, Tail, Unsupported, usage_of};
use crate::dialogue::{Exchange, Fault, Request};
use crate::judge::JudgeDescription;
use crate::prompt::{Content, Exhibit, Shown};
use crate::server::{AskError, Server, Stop, gather, message};
use emotome_language::chat::Role;
use emotome_stimuli::run::Run;
use emotome_triplets::{Cause, Nanos, Outcome};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// How a model behind servers is asked for names.
///
/// | parameter | default | |
/// |---|---|---|
/// | `decoding` | temperature 0 | repeats differ by their examples |
/// | `json` | yes | the server makes sure of the form (JSON schema); without, two lines are asked for |
/// | `max_tokens` | 256 | of a reply with a name; more for a model that thinks first |
/// | `fit_tokens` | 32 | of a reply that says which of two stimuli a name fits |
/// | `tokens_per_medium` | 512 | for token limits and bounds on the cost only |
#[derive(Debug, Clone)]
pub struct ServedParams {
    /// The model, as the server calls it.
    pub model: String,
    /// The kind of server.
    pub dialect: Dialect,
    /// How tokens are drawn.
    pub decoding: Decoding,
    /// Fields that go to the server as they are.
    pub pass: Passthrough,
    /// Further names under which replies come from this model.
    pub served_as: Vec<String>,
    /// Whether the server makes sure of JSON.
    pub json: bool,
    /// Most tokens of a name.
    pub max_tokens: u32,
    /// Most tokens of the other answer.
    pub fit_tokens: u32,
    /// Tokens that a picture or clip may take.
    pub tokens_per_medium: u32,
}

impl ServedParams {
    /// Parameters with the defaults of the table.
    #[must_use]
    pub fn new(model: impl Into<String>, dialect: Dialect) -> Self {
        Self {
            model: model.into(),
            dialect,
            decoding: Decoding::default(),
            pass: Passthrough::default(),
            served_as: Vec::new(),
            json: true,
            max_tokens: 256,
            fit_tokens: 32,
            tokens_per_medium: 512,
        }
    }

    /// Checks the parameters against the kind of server and what is shown; nothing is sent.
    ///
    /// # Errors
    /// [`Unsupported`] says what cannot be and what to do.
    pub fn check(self, shown: &Shown) -> Result<NamingRequests, Unsupported> {
        if let Shown::Media(source) = shown {
            let (kind, carrier) = source.carriage();
            self.dialect.media_part(kind, carrier)?;
        }
        let tail = |max_tokens, form: &str, schema: &Value| {
            let tail = Tail {
                max_tokens,
                temperature: self
                    .decoding
                    .send_temperature
                    .then_some(self.decoding.temperature),
                top_p: self.decoding.top_p,
                top_logprobs: None,
                among: None,
                begun: false,
            };
            let mut fields = self.dialect.tail(&tail, &self.pass)?;
            if self.json {
                let (field, value) = self.dialect.in_schema(form, schema);
                fields.insert(field.to_owned(), value);
            }
            Ok::<_, Unsupported>(serde_json::to_vec(&fields).unwrap_or_default())
        };
        let text = json!({ "type": "string" });
        let name = object(
            &json!({ "name": text, "sentence": text }),
            &["name", "sentence"],
        );
        let fit = object(
            &json!({ "answer": { "type": "string", "enum": ["1", "2"] } }),
            &["answer"],
        );
        Ok(NamingRequests {
            name: tail(self.max_tokens, "name", &name)?,
            fit: tail(self.fit_tokens, "answer", &fit)?,
            shown: shown.describe(),
            params: self,
        })
    }
}

fn object(properties: &Value, required: &[&str]) -> Value {
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

/// Requests for names, ready to be written.
#[derive(Debug)]
pub struct NamingRequests {
    params: ServedParams,
    shown: Value,
    name: Vec<u8>,
    fit: Vec<u8>,
}

impl NamingRequests {
    /// Whether replies are asked for in JSON.
    #[must_use]
    pub const fn json(&self) -> bool {
        self.params.json
    }

    /// What the model is, for the record.
    #[must_use]
    pub fn describe(&self) -> JudgeDescription {
        let params = &self.params;
        let description = JudgeDescription::new("chat", None)
            .with("model", params.model.as_str())
            .with("dialect", json!(params.dialect))
            .with("decoding", json!(params.decoding))
            .with("json", params.json)
            .with("tokens", json!([params.max_tokens, params.fit_tokens]))
            .with("shown", self.shown.clone());
        let pass = json!(params.pass);
        match pass.as_object().is_some_and(|fields| !fields.is_empty()) {
            true => description.with("pass", pass),
            false => description,
        }
    }

    /// The request of a turn.
    ///
    /// # Errors
    /// [`Unsupported`] if the server takes no such media.
    pub fn request(&self, turn: &Turn<'_>) -> Result<Request, Unsupported> {
        let (tail, most) = match turn.ask.question() {
            Question::Name => (&self.name, self.params.max_tokens),
            Question::Fit => (&self.fit, self.params.fit_tokens),
        };
        let bytes = |part: &Exhibit<'_>| match part {
            Exhibit::Text(_) => 0,
            Exhibit::Media(media) => media
                .iter()
                .map(|medium| match &medium.content {
                    Content::Bytes(bytes) => bytes.len(),
                    Content::Url(_) => 0,
                })
                .sum(),
        };
        let media = turn
            .talk
            .messages
            .iter()
            .flat_map(|(_, parts)| parts)
            .map(bytes)
            .sum();
        let mut conversation = Conversation::new(self.params.dialect, &self.params.model, media);
        for (role, parts) in &turn.talk.messages {
            let role = match role {
                Role::System => "system",
                Role::User => "user",
                Role::Assistant => "assistant",
            };
            conversation.show(role, parts)?;
        }
        Ok(conversation.finish(tail, Some(turn.seed), most, self.params.tokens_per_medium))
    }

    /// What is kept of an exchange: a reply of this model, or its refusal. Anything else is a fault and settles nothing.
    fn heard(
        &self,
        (ask, turn, prompt): (Ask, u8, u64),
        exchange: Exchange,
    ) -> Result<Heard, Fault> {
        let reply = exchange.result?;
        let cause = match ChatReply::read(&reply) {
            Ok(read) => match read.model.as_deref() {
                Some(replied)
                    if !self.params.dialect.serves(
                        &self.params.model,
                        replied,
                        &self.params.served_as,
                    ) =>
                {
                    Some(Cause::WrongReply)
                }
                _ => None,
            },
            Err(cause) => Some(cause).filter(|cause| cause.outcome() != Outcome::Refused),
        };
        if let Some(cause) = cause {
            let what = format!("HTTP {}: {}", reply.status, message(&reply));
            return Err(Fault { cause, what });
        }
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Ok(Heard {
            ask,
            turn,
            prompt,
            seed: exchange.request.seed,
            at: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
            requests: exchange.sent,
            latency_ms: u32::try_from(exchange.latency.as_millis()).unwrap_or(u32::MAX),
            usage: usage_of(&reply.body),
            said: Said::Reply {
                status: reply.status,
                body: String::from_utf8_lossy(&reply.body).into_owned(),
            },
        })
    }
}

/// A model behind servers that is asked for names.
pub struct ServedNamer {
    /// What is sent.
    pub requests: NamingRequests,
    /// Where.
    pub server: Arc<Server>,
}

impl Namer for ServedNamer {
    type Error = AskError;

    fn ask<'t>(
        &mut self,
        turns: &mut dyn Iterator<Item = Turn<'t>>,
        spent: Nanos,
        run: Run<'_>,
        hear: &mut dyn FnMut(Ask, Result<Heard, Fault>) -> bool,
    ) -> Result<Option<Stop>, AskError> {
        let mut unsent = Vec::new();
        let requests = turns.filter_map(|turn| match self.requests.request(&turn) {
            Ok(request) => Some(((turn.ask, turn.turn, turn.talk.prompt()), request)),
            Err(error) => {
                let what = error.to_string();
                unsent.push((
                    turn.ask,
                    Fault {
                        cause: Cause::NotShown,
                        what,
                    },
                ));
                None
            }
        });
        let prices = self.server.params().prices;
        let stop = gather(&self.server, requests, spent, run, |asked, exchange| {
            let mut heard = self.requests.heard(asked, exchange);
            if let Ok(heard) = &mut heard {
                let priced = prices.and_then(|prices| prices.of(heard.usage));
                heard.usage.cost = heard.usage.cost.or(priced);
            }
            hear(asked.0, heard)
        })
        .map_err(AskError::Threads)?;
        for (ask, fault) in unsent {
            hear(ask, Err(fault));
        }
        Ok(stop)
    }
}
