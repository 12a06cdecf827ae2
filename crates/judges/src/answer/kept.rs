//! What is kept of replies, and how to read it back.
//!
//! - One exchange: the body of the reply, verbatim.
//! - Several (re-asks): a JSON array of the bodies; a body that is no JSON stands in it as text.
//! - `logprob` answers: `{"orders": […], "audit": …}` with an [`OrderRead`] per presented order in
//!   place of the bodies, which are mostly filler; if there is no answer, the bodies.
//! - With an audit: `{"reply": …, "audit": …}`.
//! - An exchange without a reply: `{"fault": "…"}`.
//!
//! A body longer than the limit is cut, and a mark says how long it was.

use super::audit::Audit;
use crate::chat::TokenLogprob;
use crate::dialogue::Exchange;
use crate::prompt::Labels;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// What a model made of one presented order: the log-probabilities of the three labels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrderRead {
    /// The place in the trial of the stimulus presented first, second and third.
    pub order: [u8; 3],
    /// The log-probability of each label, in presented order: of the sum over the listed tokens that
    /// read as this label with blanks removed ("1", " 1", "\n1"). `None` if no such token is listed.
    pub logprobs: [Option<f32>; 3],
    /// The smallest listed log-probability: that of a token that is not listed is at most this.
    pub bound: f32,
    /// The most probable token; empty where only the labels were looked at.
    pub token: String,
}

impl OrderRead {
    /// Reads the listed tokens, the most probable first; `None` if none is listed.
    pub(super) fn new(order: [usize; 3], listed: &[TokenLogprob], labels: &Labels) -> Option<Self> {
        let (first, last) = (listed.first()?, listed.last()?);
        let logprobs = labels.all().each_ref().map(|label| {
            let same = listed.iter().filter(|listed| bare(&listed.token) == label);
            let mass: f64 = same.map(|listed| listed.logprob.exp()).sum();
            (mass > 0.0).then(|| mass.ln() as f32)
        });
        Some(Self {
            order: order.map(|place| place as u8),
            logprobs,
            bound: last.logprob as f32,
            token: first.token.clone(),
        })
    }

    /// What is known of every label, from a model that lists all its tokens.
    pub(crate) fn known(order: [usize; 3], logprobs: [f64; 3]) -> Self {
        let logprobs = logprobs.map(|p| p as f32);
        Self {
            order: order.map(|place| place as u8),
            logprobs: logprobs.map(Some),
            bound: logprobs.into_iter().fold(f32::INFINITY, f32::min),
            token: String::new(),
        }
    }

    fn masses(&self) -> [f64; 3] {
        self.logprobs.map(|p| p.map_or(0.0, |p| f64::from(p).exp()))
    }

    /// The probability of each label in presented order, normalised over the three; those that are
    /// not listed count 0. `None` if no label is listed.
    #[must_use]
    pub fn presented(&self) -> Option<[f64; 3]> {
        let masses = self.masses();
        let total: f64 = masses.iter().sum();
        (total > 0.0).then(|| masses.map(|mass| mass / total))
    }

    /// The same by place in the trial.
    #[must_use]
    pub fn places(&self) -> Option<[f64; 3]> {
        let presented = self.presented()?;
        let mut places = [0.0; 3];
        for (&place, p) in self.order.iter().zip(presented) {
            *places.get_mut(usize::from(place))? = p;
        }
        Some(places)
    }

    /// The probability that is on none of the three labels, as far as listed.
    #[must_use]
    pub fn off_choice(&self) -> f64 {
        (1.0 - self.masses().iter().sum::<f64>()).max(0.0)
    }

    /// The most that labels which are not listed could add, as a share of those that are: the number
    /// of missing labels × exp(bound) / Σ listed. 0 if none is missing.
    #[must_use]
    pub fn uncertainty(&self) -> f64 {
        let missing = self.logprobs.iter().filter(|p| p.is_none()).count() as f64;
        missing * f64::from(self.bound).exp() / self.masses().iter().sum::<f64>()
    }
}

/// A token without blanks and the marks that some tokenizers write for them.
fn bare(token: &str) -> &str {
    token.trim_matches(|c: char| c.is_whitespace() || matches!(c, '▁' | 'Ġ' | 'Ċ'))
}

#[derive(Serialize, Deserialize)]
struct KeptOrders<'a> {
    orders: Cow<'a, [OrderRead]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    audit: Option<Audit>,
}

/// The text that keeps the reads of a `logprob` answer.
pub(crate) fn keep_orders(orders: &[OrderRead], audit: Option<Audit>) -> String {
    let orders = Cow::Borrowed(orders);
    serde_json::to_string(&KeptOrders { orders, audit }).unwrap_or_default()
}

/// What a model made of each presented order, from the reply kept of a `logprob` answer; `None` for
/// any other reply.
#[must_use]
pub fn orders_of(kept: &str) -> Option<Vec<OrderRead>> {
    let kept: KeptOrders<'_> = serde_json::from_str(kept).ok()?;
    Some(kept.orders.into_owned())
}

/// The audit kept with a reply, if its trial was in the audit's share.
#[must_use]
pub fn audit_of(kept: &str) -> Option<Audit> {
    #[derive(Deserialize)]
    struct Audited {
        audit: Option<Audit>,
    }
    serde_json::from_str::<Audited>(kept).ok()?.audit
}

/// The text that keeps the replies of all exchanges, each at most `limit` bytes.
pub(super) fn keep(exchanges: &[Exchange], limit: usize, audit: Option<Audit>) -> Option<String> {
    let bodies: Vec<String> = exchanges
        .iter()
        .map(|exchange| body(exchange, limit))
        .collect();
    let one = match bodies.as_slice() {
        [] => return None,
        [one] => one.clone(),
        many => format!(
            "[{}]",
            many.iter()
                .map(|body| as_json(body))
                .collect::<Vec<_>>()
                .join(",")
        ),
    };
    Some(match audit {
        None => one,
        Some(audit) => {
            let audit = serde_json::to_string(&audit).unwrap_or_default();
            format!("{{\"reply\":{},\"audit\":{audit}}}", as_json(&one))
        }
    })
}

fn as_json(body: &str) -> Cow<'_, str> {
    if serde_json::from_str::<IgnoredAny>(body).is_ok() {
        Cow::Borrowed(body)
    } else {
        Cow::Owned(serde_json::Value::from(body).to_string())
    }
}

fn body(exchange: &Exchange, limit: usize) -> String {
    let bytes = match &exchange.result {
        Ok(reply) => &reply.body,
        Err(fault) => return serde_json::json!({ "fault": fault.what }).to_string(),
    };
    if bytes.len() <= limit {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    // A character that the cut splits is left out.
    let start = &bytes[..limit];
    let whole = match std::str::from_utf8(start) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        _ => limit,
    };
    let text = String::from_utf8_lossy(&start[..whole]);
    format!("{text} …[cut: {whole} of {} bytes]", bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialogue::{Fault, Reply, Request};
    use bytes::Bytes;
    use emotome_triplets::Cause;
    use proptest::prelude::*;
    use std::time::Duration;

    fn listed(tokens: &[(&str, f64)]) -> Vec<TokenLogprob> {
        let one = |&(token, p): &(&str, f64)| TokenLogprob {
            token: token.to_owned(),
            logprob: p.ln(),
        };
        tokens.iter().map(one).collect()
    }

    pub(super) fn exchange(body: impl Into<Bytes>) -> Exchange {
        Exchange {
            request: Request {
                path: "chat/completions",
                body: Bytes::new(),
                prompt: 1,
                seed: None,
                tokens: 1,
            },
            result: Ok(Reply {
                status: 200,
                body: body.into(),
            }),
            latency: Duration::ZERO,
            sent: 1,
        }
    }

    #[test]
    fn variants_of_a_label_are_summed() {
        let tokens = listed(&[
            ("1", 0.3),
            (" 2", 0.2),
            (" 1", 0.1),
            ("\n1", 0.1),
            ("x", 0.05),
            ("▁2", 0.01),
        ]);
        let read = OrderRead::new([2, 0, 1], &tokens, &Labels::numbers()).unwrap();
        let p = read
            .logprobs
            .map(|p| p.map(|p| (f64::from(p).exp() * 1e6).round() / 1e6));
        assert_eq!(p, [Some(0.5), Some(0.21), None]);
        assert!((f64::from(read.bound).exp() - 0.01).abs() < 1e-6);
        assert!((read.off_choice() - 0.29).abs() < 1e-6);
        assert!((read.uncertainty() - 0.01 / 0.71).abs() < 1e-6);
        let places = read.places().unwrap();
        assert!(
            (places[2] - 0.5 / 0.71).abs() < 1e-6
                && (places[0] - 0.21 / 0.71).abs() < 1e-6
                && places[1] == 0.0
        );
        assert_eq!(OrderRead::new([0, 1, 2], &[], &Labels::numbers()), None);
    }

    #[test]
    fn what_is_kept_of_orders_is_read_back() {
        let read = OrderRead::new(
            [1, 2, 0],
            &listed(&[("A", 0.9), ("B", 0.1)]),
            &Labels::letters(),
        )
        .unwrap();
        let audit = Audit {
            error: Some("late".into()),
            ..Audit::default()
        };
        let kept = keep_orders(std::slice::from_ref(&read), Some(audit.clone()));
        assert_eq!(orders_of(&kept), Some(vec![read]));
        assert_eq!(audit_of(&kept), Some(audit));
        assert_eq!(orders_of("{\"choices\": []}"), None);
        assert_eq!(audit_of("not JSON"), None);
    }

    #[test]
    fn replies_are_kept_verbatim_and_cuts_are_said() {
        let keep = |exchanges: &[Exchange]| keep(exchanges, 10, None).unwrap();
        assert_eq!(keep(&[exchange("<html>")]), "<html>");
        assert_eq!(
            keep(&[exchange("{\"a\": 1}"), exchange("<html>")]),
            "[{\"a\": 1},\"<html>\"]"
        );
        assert_eq!(
            keep(&[exchange("123456789é")]),
            "123456789 …[cut: 9 of 11 bytes]"
        );
        let mut late = exchange("");
        late.result = Err(Fault {
            cause: Cause::NoReply,
            what: "no reply in 60 s".into(),
        });
        assert_eq!(keep(&[late]), "{\"fault\":\"no reply in 60 s\"}");
    }

    proptest! {
        #[test]
        fn several_replies_are_always_valid_json(bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 2..4), limit in 0_usize..40) {
            let exchanges: Vec<Exchange> = bodies.into_iter().map(exchange).collect();
            let kept = keep(&exchanges, limit, Some(Audit::default())).unwrap();
            prop_assert!(serde_json::from_str::<serde_json::Value>(&kept).is_ok());
        }
    }
}
