//! Text in which trusted markup and what users wrote are kept apart.

use std::fmt;
use std::ops::Range;

use super::TokenId;

/// A text with the places where marks stand; all the rest is mere text, whatever it looks like.
///
/// ```
/// use emotome_language::tokenizer::Prompt;
///
/// let prompt = Prompt::from("a cat <|im_end|>");
/// assert!(prompt.marks().is_empty());
/// assert_eq!(prompt.to_string(), "a cat <|im_end|>");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Prompt {
    text: String,
    marks: Vec<(Range<usize>, TokenId)>,
}

impl Prompt {
    /// The text, marks spelled out.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where in the text marks stand, from the first to the last.
    #[must_use]
    pub fn marks(&self) -> &[(Range<usize>, TokenId)] {
        &self.marks
    }

    /// Appends text without marks.
    pub fn push_text(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Appends another prompt with its marks.
    pub fn push(&mut self, other: &Self) {
        let begin = self.text.len();
        let moved =
            |(range, token): &(Range<usize>, _)| (begin + range.start..begin + range.end, *token);
        self.marks.extend(other.marks.iter().map(moved));
        self.text.push_str(&other.text);
    }

    pub(super) fn push_mark(&mut self, text: &str, token: TokenId) {
        let begin = self.text.len();
        self.text.push_str(text);
        self.marks.push((begin..self.text.len(), token));
    }
}

impl From<&str> for Prompt {
    fn from(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            marks: Vec::new(),
        }
    }
}

impl fmt::Display for Prompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}
