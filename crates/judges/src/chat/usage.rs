//! Tokens and money, as far as a server says them.

use emotome_triplets::{Nanos, Usage};
use serde_json::Value;

/// The usage that a reply states, lenient to what is missing. The cost is the stated one (`usage.cost`
/// of gateways) and unknown otherwise.
#[must_use]
pub fn usage_of(reply: &Value) -> Usage {
    let stated = &reply["usage"];
    let count = |value: &Value| value.as_u64().and_then(|n| u32::try_from(n).ok());
    let cached = [
        &stated["prompt_tokens_details"]["cached_tokens"],
        &reply["timings"]["cache_n"],
    ];
    Usage {
        prompt_tokens: count(&stated["prompt_tokens"]),
        cached_tokens: cached.into_iter().find_map(count),
        completion_tokens: count(&stated["completion_tokens"]),
        cost: stated["cost"].as_f64().and_then(Nanos::from_units),
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
            assert_eq!(usage_of(&reply), Usage::default(), "{reply}");
        }
        let reply =
            json!({"usage": {"prompt_tokens": 10, "completion_tokens": 2, "cost": 0.5, "new": {}}});
        let usage = usage_of(&reply);
        assert_eq!(
            (usage.cached_tokens, usage.cost),
            (None, Some(Nanos(500_000_000)))
        );
        let local = json!({"usage": {"prompt_tokens": 10, "completion_tokens": 2}, "timings": {"cache_n": 7}});
        let usage = usage_of(&local);
        assert_eq!((usage.cached_tokens, usage.cost), (Some(7), None));
    }
}
