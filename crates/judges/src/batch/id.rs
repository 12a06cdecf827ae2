//! The name of a request, by which its reply finds it again.

use std::fmt;
use std::str::FromStr;

/// Whose request it is: agent, trial, turn, and place within the turn.
///
/// ```
/// use emotome_judges::batch::CustomId;
/// let id = CustomId { agent: 0xab, number: 7_100_000, turn: 1, part: 0 };
/// assert_eq!(id.to_string(), "emotome-00000000000000ab-7100000-1-0");
/// assert_eq!(id.to_string().parse(), Ok(id));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CustomId {
    /// A hash of everything that makes the agent what it is.
    pub agent: u64,
    /// The number of the trial in the design.
    pub number: u64,
    /// The turn, counted from 0.
    pub turn: u16,
    /// The place among the requests of the turn, counted from 0.
    pub part: u16,
}

/// A name that no request of this program has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is no name of a request; expected emotome-AGENT-TRIAL-TURN-PART")]
pub struct IdError {
    /// The name.
    pub found: String,
}

impl fmt::Display for CustomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            agent,
            number,
            turn,
            part,
        } = self;
        write!(f, "emotome-{agent:016x}-{number}-{turn}-{part}")
    }
}

impl FromStr for CustomId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let parse = || {
            let fields: Vec<&str> = text.strip_prefix("emotome-")?.split('-').collect();
            let [agent, number, turn, part] = fields.as_slice() else {
                return None;
            };
            let id = Self {
                agent: u64::from_str_radix(agent, 16).ok()?,
                number: number.parse().ok()?,
                turn: turn.parse().ok()?,
                part: part.parse().ok()?,
            };
            // One spelling each: "+1" and "01" would make two names of one request.
            (id.to_string() == text).then_some(id)
        };
        parse().ok_or_else(|| IdError {
            found: text.chars().take(80).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn names_survive_and_nothing_else_is_one(agent: u64, number: u64, turn: u16, part: u16, text in "(emotome-|[0-9a-f+-]){0,12}") {
            let id = CustomId { agent, number, turn, part };
            prop_assert_eq!(id.to_string().parse(), Ok(id));
            if let Ok(id) = text.parse::<CustomId>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }
}
