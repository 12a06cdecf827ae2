//! What the three stimuli of a trial are called, and so what the answers are.

use emotome_triplets::Position;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The longest label.
const LONGEST: usize = 24;

/// The names of the first, second and third stimulus: `1`, `2`, `3`, or letters, or words.
///
/// ```
/// use emotome_judges::prompt::Labels;
/// assert_eq!(Labels::letters().to_string(), "A, B or C");
/// assert!(Labels::new(["1", "2", "2"]).is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "[String; 3]", into = "[String; 3]")]
pub struct Labels([String; 3]);

/// Labels that do not tell three answers apart.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LabelError {
    /// The label is no single word.
    #[error(
        "label {found:?} is no single word of letters and digits with at most {LONGEST} characters; \
         use 1, 2, 3 or A, B, C or words"
    )]
    NoWord {
        /// The label.
        found: String,
    },
    /// Two labels differ by case at most.
    #[error(
        "labels {first:?} and {second:?} are the same but for their case; use three different ones"
    )]
    Same {
        /// One label.
        first: String,
        /// The other.
        second: String,
    },
}

impl Labels {
    /// Three labels in presented order.
    ///
    /// # Errors
    /// [`LabelError`] unless they are three different words of letters and digits.
    pub fn new(labels: [impl Into<String>; 3]) -> Result<Self, LabelError> {
        let labels = labels.map(Into::into);
        for label in &labels {
            let word = !label.is_empty() && label.chars().all(char::is_alphanumeric);
            if !word || label.chars().count() > LONGEST {
                return Err(LabelError::NoWord {
                    found: label.clone(),
                });
            }
        }
        for (i, j) in [(0, 1), (0, 2), (1, 2)] {
            if labels[i].to_lowercase() == labels[j].to_lowercase() {
                return Err(LabelError::Same {
                    first: labels[i].clone(),
                    second: labels[j].clone(),
                });
            }
        }
        Ok(Self(labels))
    }

    /// `1`, `2`, `3`.
    #[must_use]
    pub fn numbers() -> Self {
        Self(["1", "2", "3"].map(str::to_owned))
    }

    /// `A`, `B`, `C`.
    #[must_use]
    pub fn letters() -> Self {
        Self(["A", "B", "C"].map(str::to_owned))
    }

    /// The labels in presented order.
    #[must_use]
    pub const fn all(&self) -> &[String; 3] {
        &self.0
    }

    /// The place that a word names. A label of one character counts in its own case only, so that
    /// the article "a" is not the answer A; longer ones count in any case.
    #[must_use]
    pub fn place(&self, word: &str) -> Option<Position> {
        let is = |label: &String| {
            word == label
                || (label.chars().nth(1).is_some() && word.to_lowercase() == label.to_lowercase())
        };
        Position::from_index(self.0.iter().position(is)?)
    }
}

/// `1, 2 or 3`.
impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second, third] = &self.0;
        write!(f, "{first}, {second} or {third}")
    }
}

impl TryFrom<[String; 3]> for Labels {
    type Error = LabelError;

    fn try_from(labels: [String; 3]) -> Result<Self, LabelError> {
        Self::new(labels)
    }
}

impl From<Labels> for [String; 3] {
    fn from(labels: Labels) -> Self {
        labels.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_article_is_not_the_answer_a() {
        let letters = Labels::letters();
        assert_eq!(letters.place("a"), None);
        assert_eq!(letters.place("A"), Some(Position::First));
        let words = Labels::new(["red", "green", "blue"]).unwrap();
        assert_eq!(words.place("GREEN"), Some(Position::Second));
    }

    #[test]
    fn labels_that_cannot_be_told_apart_are_refused() {
        assert!(matches!(
            Labels::new(["a", "A", "b"]),
            Err(LabelError::Same { .. })
        ));
        for found in ["", "two words", " 1", "1.", &"x".repeat(25)] {
            assert!(matches!(
                Labels::new([found, "y", "z"]),
                Err(LabelError::NoWord { .. })
            ));
        }
    }
}
