//! What a reply or fault means for the request, for its endpoint and for the run.

use super::client::Sent;
use super::endpoint::Endpoint;
use super::fleet::End;
use super::retry::{is_overload, is_transient};
use crate::dialogue::Reply;
use crate::printable::one_line;
use emotome_triplets::Cause;
use serde::de::IgnoredAny;

/// What to do after a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Hand it to the dialogue.
    Final(End),
    /// Try again.
    Again(End),
    /// Every request would end so: stop the run, and say this.
    Fatal(String),
}

impl Verdict {
    /// The verdict on a request; `broken` says that it has been answered with broken JSON before.
    pub(super) fn of(sent: &Sent, endpoint: &Endpoint, path: &str, broken: bool) -> Self {
        let reply = match &sent.result {
            Ok(reply) => reply,
            Err(fault) if sent.untrusted => {
                return Self::Fatal(format!(
                    "{endpoint} cannot be trusted ({}): mend its certificate, or state the authority that signed it",
                    fault.what
                ));
            }
            Err(fault) => {
                return match fault.cause {
                    Cause::Unreachable => Self::Again(End::Unreachable),
                    Cause::NoReply => Self::Again(End::Overloaded),
                    Cause::Broken => Self::Again(End::Faulty),
                    _ => Self::Final(End::Served),
                };
            }
        };
        let said = || {
            let said = message(reply);
            if said.is_empty() {
                String::new()
            } else {
                format!(": {said}")
            }
        };
        let fatal = |what: &str| {
            Self::Fatal(format!(
                "{endpoint} answered HTTP {}{}; {what}",
                reply.status,
                said()
            ))
        };
        match reply.status {
            401 => fatal("check that its key is right and where the program takes it from"),
            402 => fatal("the account has no credit left: add some and run the same command again"),
            403 if !mentions(
                reply,
                &["moderation", "flagged", "content_filter", "content policy"],
            ) =>
            {
                fatal("its key may not be used for this: check the rights of the key, or the model")
            }
            404 | 405 => fatal(&format!(
                "there is no such model, or nothing at {}: check the name of the model and the address, which usually ends in /v1",
                endpoint.url(path)
            )),
            407 => fatal("the proxy asks for a name and password"),
            429 if mentions(
                reply,
                &[
                    "insufficient_quota",
                    "billing_hard_limit",
                    "billing_not_active",
                ],
            ) =>
            {
                fatal("the account has no quota left: this will not pass by waiting")
            }
            status if is_overload(status) => Self::Again(End::Overloaded),
            status if is_transient(status) => Self::Again(End::Faulty),
            200..=299 if !broken && serde_json::from_slice::<IgnoredAny>(&reply.body).is_err() => {
                Self::Again(End::Faulty)
            }
            500.. => Self::Final(End::Faulty),
            _ => Self::Final(End::Served),
        }
    }
}

/// The cause that a status names by itself; `None` for a success. What the body says may be more
/// precise.
#[must_use]
pub const fn cause_of_status(status: u16) -> Option<Cause> {
    Some(match status {
        200..=299 => return None,
        300..=399 => Cause::Redirected,
        408 | 504 => Cause::ServerTimeout,
        425 | 429 => Cause::RateLimited,
        422 => Cause::MediaRejected,
        500.. => Cause::ServerError,
        _ => Cause::Rejected,
    })
}

/// The most characters of a reply that are quoted.
const QUOTED: usize = 240;

/// What a reply says went wrong, on one line and shortened.
pub(crate) fn message(reply: &Reply) -> String {
    let json: Option<serde_json::Value> = serde_json::from_slice(&reply.body).ok();
    let said = json.as_ref().and_then(|json| {
        let error = json.get("error").unwrap_or(json);
        let candidates = [
            error.get("message"),
            json.get("message"),
            json.get("detail"),
            Some(error),
        ];
        candidates
            .into_iter()
            .flatten()
            .find_map(|value| value.as_str())
    });
    let start = &reply.body[..reply.body.len().min(4 * QUOTED)];
    let text = said.map_or_else(|| String::from_utf8_lossy(start), Into::into);
    let line = one_line(&text);
    match line.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

fn mentions(reply: &Reply, words: &[&str]) -> bool {
    let text = String::from_utf8_lossy(&reply.body).to_ascii_lowercase();
    words.iter().any(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialogue::Fault;
    use std::time::Duration;

    fn verdict(result: Result<Reply, Fault>, broken: bool) -> Verdict {
        let sent = Sent {
            result,
            latency: Duration::ZERO,
            pause: None,
            untrusted: false,
        };
        let endpoint = Endpoint::new("http://127.0.0.1:8000/v1", false).unwrap();
        Verdict::of(&sent, &endpoint, "chat/completions", broken)
    }

    fn reply(status: u16, body: &'static str) -> Result<Reply, Fault> {
        Ok(Reply {
            status,
            body: body.into(),
        })
    }

    #[test]
    fn what_every_request_would_meet_stops_the_run_with_advice() {
        let fatal = |status, body| match verdict(reply(status, body), false) {
            Verdict::Fatal(what) => what,
            other => panic!("{status}: {other:?}"),
        };
        let what = fatal(401, r#"{"error":{"message":"bad\u001b[2J key"}}"#);
        assert!(
            what.starts_with("http://127.0.0.1:8000/v1 answered HTTP 401: bad [2J key; check"),
            "{what}"
        );
        let what = fatal(
            404,
            r#"{"object":"error","message":"The model `x` does not exist."}"#,
        );
        assert!(
            what.contains("`x` does not exist") && what.contains("/v1/chat/completions"),
            "{what}"
        );
        fatal(402, "");
        fatal(403, "<html>");
        let what = fatal(
            429,
            r#"{"error":{"code":"insufficient_quota","message":"You exceeded your quota"}}"#,
        );
        assert!(what.contains("not pass by waiting"), "{what}");
    }

    #[test]
    fn what_concerns_one_request_does_not() {
        use Verdict::{Again, Final};
        assert_eq!(
            verdict(reply(403, "input was flagged by moderation"), false),
            Final(End::Served)
        );
        assert_eq!(verdict(reply(400, "{}"), false), Final(End::Served));
        assert_eq!(verdict(reply(422, "{}"), false), Final(End::Served));
        assert_eq!(verdict(reply(200, "{}"), false), Final(End::Served));
        assert_eq!(verdict(reply(200, "<html>"), false), Again(End::Faulty));
        assert_eq!(verdict(reply(200, "<html>"), true), Final(End::Served));
        assert_eq!(verdict(reply(429, "{}"), false), Again(End::Overloaded));
        assert_eq!(verdict(reply(500, "oops"), true), Again(End::Faulty));
        assert_eq!(verdict(reply(501, "oops"), true), Final(End::Faulty));
        let fault = |cause| {
            Err(Fault {
                cause,
                what: String::new(),
            })
        };
        assert_eq!(
            verdict(fault(Cause::NoReply), false),
            Again(End::Overloaded)
        );
        assert_eq!(verdict(fault(Cause::Broken), false), Again(End::Faulty));
        assert_eq!(verdict(fault(Cause::TooLong), false), Final(End::Served));
    }

    #[test]
    fn quotes_are_short_and_on_one_line() {
        let long = Reply {
            status: 500,
            body: vec![b'\n'; 10]
                .into_iter()
                .chain(vec![b'x'; 10_000])
                .collect::<Vec<u8>>()
                .into(),
        };
        assert_eq!(message(&long).chars().count(), QUOTED + 1);
    }
}
