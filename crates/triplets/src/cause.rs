//! Why a trial ended without a choice: one level finer than [`Outcome`].

use crate::trial::Outcome;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Declares the causes with their outcome, their code in a journal and their name.
macro_rules! causes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $outcome:ident, $label:literal;)+) => {
        /// Why a trial is no choice.
        ///
        /// Codes are those of the journal and never change their meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum Cause {
            $($(#[$doc])* $name = $code,)+
        }

        impl Cause {
            /// Every cause.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// What becomes of a trial that ends for this cause.
            #[must_use]
            pub const fn outcome(self) -> Outcome {
                match self {
                    $(Self::$name => Outcome::$outcome,)+
                }
            }

            /// The name in tables.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $label,)+
                }
            }
        }
    };
}

causes! {
    /// The reply holds no answer in the asked form.
    NoAnswer = 1, Invalid, "no-answer";
    /// The reply to a constrained question is not one of the answers.
    OffList = 2, Invalid, "off-list";
    /// The reply reached its length limit before it answered.
    CutShort = 3, Invalid, "cut-short";
    /// The three answers have no probability to compare.
    NoProbability = 4, Invalid, "no-probability";
    /// The reply gives two or three different answers.
    SeveralAnswers = 16, Ambiguous, "several-answers";
    /// `finish_reason` is `content_filter`, usually with null content.
    ContentFilter = 32, Refused, "content-filter";
    /// The request was rejected by a filter: HTTP 400 with the code `content_filter`.
    RequestFiltered = 33, Refused, "request-filtered";
    /// The field `refusal` of the message is filled in.
    RefusalField = 34, Refused, "refusal-field";
    /// `stop_reason` is `refusal`.
    StopReason = 35, Refused, "stop-reason";
    /// The reply is empty.
    EmptyReply = 36, Refused, "empty-reply";
    /// The reply declines in words.
    RefusalText = 37, Refused, "refusal-text";
    /// No reply within the time limit of a request.
    NoReply = 48, TimedOut, "no-reply";
    /// The server said that it gave up waiting: HTTP 408 or 504.
    ServerTimeout = 49, TimedOut, "server-timeout";
    /// No connection could be made.
    Unreachable = 64, Failed, "unreachable";
    /// The connection broke before the reply was whole.
    Broken = 65, Failed, "broken";
    /// The server asked to slow down: HTTP 429.
    RateLimited = 66, Failed, "rate-limited";
    /// The server failed: HTTP 5xx.
    ServerError = 67, Failed, "server-error";
    /// The server rejected this request: HTTP 4xx.
    Rejected = 68, Failed, "rejected";
    /// The server could not use a picture or clip: HTTP 422.
    MediaRejected = 69, Failed, "media-rejected";
    /// The reply is not what the protocol says.
    Malformed = 70, Failed, "malformed";
    /// The reply is longer than a reply may be.
    TooLong = 71, Failed, "too-long";
    /// The reply points to another address.
    Redirected = 72, Failed, "redirected";
    /// The reply is to another request, or from another model.
    WrongReply = 73, Failed, "wrong-reply";
    /// A stimulus of the trial cannot be shown.
    NotShown = 74, Failed, "not-shown";
}

impl Cause {
    /// The code in a journal.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The cause of a code, if it has one.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|cause| cause.code() == code)
    }

    /// Whether the same request may well succeed later: such a trial stays open.
    #[must_use]
    pub const fn is_transient(self) -> bool {
        matches!(
            self,
            Self::NoReply
                | Self::ServerTimeout
                | Self::Unreachable
                | Self::Broken
                | Self::RateLimited
                | Self::ServerError
        )
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn codes_and_names_are_unique_and_survive() {
        let codes: HashSet<u8> = Cause::ALL.iter().map(|cause| cause.code()).collect();
        let names: HashSet<&str> = Cause::ALL.iter().map(|cause| cause.name()).collect();
        assert_eq!(
            (codes.len(), names.len()),
            (Cause::ALL.len(), Cause::ALL.len())
        );
        for &cause in Cause::ALL {
            assert_eq!(Cause::from_code(cause.code()), Some(cause));
            assert!(cause.outcome().chosen().is_none());
            assert_eq!(
                serde_json::to_value(cause).unwrap(),
                serde_json::Value::from(cause.name())
            );
        }
        assert_eq!(Cause::from_code(0), None);
    }

    #[test]
    fn only_faults_outside_the_agent_are_transient() {
        for cause in Cause::ALL.iter().filter(|cause| cause.is_transient()) {
            assert!(matches!(
                cause.outcome(),
                Outcome::Failed | Outcome::TimedOut
            ));
        }
    }
}
