//! The body of a reply, read leniently.

use super::usage::stated;
use crate::dialogue::Reply;
use crate::server::cause_of_status;
use emotome_triplets::{Cause, Usage};
use serde::Deserialize;
use serde_json::Value;

/// Log-probabilities at or below this stand for none: vLLM fills with −9999.
const FILLER: f64 = -9990.0;

/// What a model replied.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ChatReply {
    /// The model that says it replied.
    pub model: Option<String>,
    /// What it wrote.
    pub content: String,
    /// What it thought, where that is kept apart.
    pub reasoning: Option<String>,
    /// Why it declined, where that is kept apart.
    pub refusal: Option<String>,
    /// Why it stopped: `stop`, `length`, `content_filter` …
    pub finish: Option<String>,
    /// The stop reason of some servers, if it is text.
    pub stop: Option<String>,
    /// The listed log-probabilities of the first token, the sampled one among them, the most likely
    /// first; empty if there are none.
    pub first: Vec<TokenLogprob>,
    /// Tokens and money.
    pub usage: Usage,
}

/// A token and its log-probability.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenLogprob {
    /// Its text.
    pub token: String,
    /// The natural logarithm of its probability.
    pub logprob: f64,
}

#[derive(Deserialize)]
struct Listed {
    #[serde(default)]
    token: String,
    logprob: Option<f64>,
    #[serde(default)]
    top_logprobs: Option<Vec<Listed>>,
}

impl ChatReply {
    /// Reads a reply.
    ///
    /// # Errors
    /// The cause for which the trial ends otherwise: [`Cause::Malformed`] for what is no chat
    /// completion, or that of the error which the body states.
    pub fn read(reply: &Reply) -> Result<Self, Cause> {
        if let Some(cause) = cause_of(reply) {
            return Err(cause);
        }
        let body: Value = serde_json::from_slice(&reply.body).map_err(|_| Cause::Malformed)?;
        let choice = &body["choices"][0];
        for error in [&body["error"], &choice["error"]] {
            if error.is_object() {
                return Err(cause_of_error(error));
            }
        }
        let message = choice["message"].as_object().ok_or(Cause::Malformed)?;
        let content = match message.get("content").unwrap_or(&Value::Null) {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            Value::Array(parts) => parts
                .iter()
                .filter_map(|part| part["text"].as_str())
                .collect(),
            _ => return Err(Cause::Malformed),
        };
        let text = |value: Option<&Value>| {
            let text = value
                .and_then(Value::as_str)
                .filter(|text| !text.trim().is_empty());
            text.map(str::to_owned)
        };
        Ok(Self {
            model: text(body.get("model")),
            content,
            reasoning: text(message.get("reasoning"))
                .or_else(|| text(message.get("reasoning_content"))),
            refusal: text(message.get("refusal")),
            finish: text(choice.get("finish_reason")),
            stop: text(choice.get("stop_reason")).or_else(|| text(body.get("stop_reason"))),
            first: first_token(&choice["logprobs"]["content"][0])?,
            usage: stated(&body["usage"], &body["timings"]),
        })
    }
}

/// The candidates of the first token, without fillers, the most likely first.
fn first_token(token: &Value) -> Result<Vec<TokenLogprob>, Cause> {
    if token.is_null() {
        return Ok(Vec::new());
    }
    let mut sampled = Listed::deserialize(token).map_err(|_| Cause::Malformed)?;
    let mut listed = sampled.top_logprobs.take().unwrap_or_default();
    // A sampled token outside the list still counts; inside, it must not count twice.
    if !listed.iter().any(|other| other.token == sampled.token) {
        listed.push(sampled);
    }
    let usable = |listed: Listed| {
        let logprob = listed.logprob.filter(|&p| p > FILLER)?;
        Some(TokenLogprob {
            token: listed.token,
            // Rounding may leave a certain token just above 0.
            logprob: logprob.min(0.0),
        })
    };
    let mut first: Vec<TokenLogprob> = listed.into_iter().filter_map(usable).collect();
    first.sort_by(|a, b| b.logprob.total_cmp(&a.logprob));
    Ok(first)
}

/// Why a trial ends that got a reply which is no success.
fn cause_of(reply: &Reply) -> Option<Cause> {
    let cause = cause_of_status(reply.status)?;
    if cause != Cause::Rejected {
        return Some(cause);
    }
    let body: Value = serde_json::from_slice(&reply.body).unwrap_or(Value::Null);
    Some(if is_filtered(&body["error"]) {
        Cause::RequestFiltered
    } else {
        Cause::Rejected
    })
}

/// An error stated in a body of status 200, as gateways do.
fn cause_of_error(error: &Value) -> Cause {
    if is_filtered(error) {
        return Cause::RequestFiltered;
    }
    let code = &error["code"];
    let code = code.as_u64().or_else(|| code.as_str()?.parse().ok());
    match code.and_then(|code| u16::try_from(code).ok()) {
        Some(status @ 300..=599) => cause_of_status(status).unwrap_or(Cause::Rejected),
        _ => Cause::Rejected,
    }
}

fn is_filtered(error: &Value) -> bool {
    error["code"] == "content_filter"
        || error["innererror"]["code"] == "ResponsibleAIPolicyViolation"
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use proptest::prelude::*;
    use serde_json::json;

    fn read(status: u16, body: &Value) -> Result<ChatReply, Cause> {
        let body = Bytes::from(serde_json::to_vec(body).unwrap());
        ChatReply::read(&Reply { status, body })
    }

    #[test]
    fn missing_new_and_null_fields_do_no_harm() {
        let bare = read(
            200,
            &json!({"choices": [{"message": {"content": null, "new": 1}}]}),
        )
        .unwrap();
        assert_eq!(bare, ChatReply::default());
        let parts = json!({"choices": [{"message": {"content": [{"type": "text", "text": "a"}, {"text": "b"}]}}]});
        assert_eq!(read(200, &parts).unwrap().content, "ab");
        let stop = json!({"choices": [{"message": {"content": "x"}, "stop_reason": 128_009}]});
        assert_eq!(read(200, &stop).unwrap().stop, None);
    }

    #[test]
    fn what_is_no_completion_is_malformed() {
        for body in [
            json!({}),
            json!([]),
            json!({"choices": []}),
            json!({"choices": [{"message": "x"}]}),
            json!({"choices": [{"message": {"content": 3}}]}),
        ] {
            assert_eq!(read(200, &body).unwrap_err(), Cause::Malformed, "{body}");
        }
        for body in [
            "",
            "<html>",
            "{\"choices\":[{\"message\":{\"content\":\"1\"",
            "\u{feff}",
        ] {
            let reply = Reply {
                status: 200,
                body: Bytes::from(body),
            };
            assert_eq!(ChatReply::read(&reply).unwrap_err(), Cause::Malformed);
        }
        let deep = Reply {
            status: 200,
            body: Bytes::from("[".repeat(100_000)),
        };
        assert_eq!(ChatReply::read(&deep).unwrap_err(), Cause::Malformed);
    }

    #[test]
    fn statuses_and_stated_errors_have_their_causes() {
        let filtered = json!({"error": {"code": "content_filter", "message": "…"}});
        assert_eq!(read(400, &filtered), Err(Cause::RequestFiltered));
        assert_eq!(read(200, &filtered), Err(Cause::RequestFiltered));
        let plain = json!({"error": {"code": "invalid_request"}});
        for (status, cause) in [
            (302, Cause::Redirected),
            (400, Cause::Rejected),
            (408, Cause::ServerTimeout),
            (422, Cause::MediaRejected),
            (429, Cause::RateLimited),
            (500, Cause::ServerError),
            (504, Cause::ServerTimeout),
        ] {
            assert_eq!(read(status, &plain), Err(cause), "{status}");
        }
        assert_eq!(
            read(200, &json!({"error": {"code": 429}})),
            Err(Cause::RateLimited)
        );
        assert_eq!(
            read(200, &json!({"choices": [{"error": {"code": "502"}}]})),
            Err(Cause::ServerError)
        );
    }

    #[test]
    fn fillers_are_dropped_and_the_sampled_token_counts_once() {
        let listed = |sampled: &str| {
            let body = json!({"choices": [{"message": {"content": "1"}, "logprobs": {"content": [{
                "token": sampled, "logprob": -3.0,
                "top_logprobs": [{"token": "2", "logprob": -0.5}, {"token": "1", "logprob": -3.0}, {"token": "3", "logprob": -9999.0}],
            }]}}]});
            let first = read(200, &body).unwrap().first;
            first.into_iter().map(|t| t.token).collect::<Vec<_>>()
        };
        assert_eq!(listed("1"), ["2", "1"]);
        assert_eq!(listed("x"), ["2", "1", "x"]);
    }

    proptest! {
        #[test]
        fn no_body_makes_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), status in 0_u16..1000) {
            let _ = ChatReply::read(&Reply { status, body: Bytes::from(bytes) });
        }
    }
}
