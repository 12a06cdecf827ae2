//! Tokens and money, as far as a server says them.

use emotome_triplets::{Nanos, Usage};
use serde::Deserialize;
use serde_json::Value;

/// The usage that a reply states, lenient to what is missing. The cost is the stated one (`usage.cost`
/// of gateways) and unknown otherwise.
#[must_use]
pub fn usage_of(body: &[u8]) -> Usage {
    /// The rest of the body is skipped.
    #[derive(Deserialize, Default)]
    struct Stated {
        #[serde(default)]
        usage: Value,
        #[serde(default)]
        timings: Value,
    }
    let found: Stated = serde_json::from_slice(body).unwrap_or_default();
    stated(&found.usage, &found.timings)
}

/// The usage in these two fields of a reply; llama.cpp tells of its cache in `timings` too.
pub(super) fn stated(usage: &Value, timings: &Value) -> Usage {
    let count = |value: &Value| value.as_u64().and_then(|n| u32::try_from(n).ok());
    let cached = [
        &usage["prompt_tokens_details"]["cached_tokens"],
        &timings["cache_n"],
    ];
    Usage {
        prompt_tokens: count(&usage["prompt_tokens"]),
        cached_tokens: cached.into_iter().find_map(count),
        completion_tokens: count(&usage["completion_tokens"]),
        cost: usage["cost"].as_f64().and_then(Nanos::from_units),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn missing_and_odd_fields_are_unknown_and_never_zero() {
        for reply in [
            json!({}),
            json!({"usage": null}),
            json!({"usage": []}),
            json!([]),
            json!({"usage": {"prompt_tokens": -1}}),
        ] {
            assert_eq!(
                usage_of(reply.to_string().as_bytes()),
                Usage::default(),
                "{reply}"
            );
        }
        let reply =
            json!({"usage": {"prompt_tokens": 10, "completion_tokens": 2, "cost": 0.5, "new": {}}});
        let usage = usage_of(reply.to_string().as_bytes());
        assert_eq!(
            (usage.cached_tokens, usage.cost),
            (None, Some(Nanos(500_000_000)))
        );
        let local = json!({"usage": {"prompt_tokens": 10, "completion_tokens": 2}, "timings": {"cache_n": 7}});
        let usage = usage_of(local.to_string().as_bytes());
        assert_eq!((usage.cached_tokens, usage.cost), (Some(7), None));
    }
}
