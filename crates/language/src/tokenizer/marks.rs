//! Tokens that are found in text by their spelling.

use std::ops::Range;

use aho_corasick::{AhoCorasick, MatchKind};

use super::{TokenId, TokenizerError};

/// A set of spellings; where several begin at the same place, the longest counts.
#[derive(Debug)]
pub(super) struct Marks {
    automaton: AhoCorasick,
    tokens: Vec<(String, TokenId)>,
}

impl Marks {
    pub(super) fn new(tokens: Vec<(String, TokenId)>) -> Result<Self, TokenizerError> {
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(tokens.iter().map(|(text, _)| text))
            .map_err(|error| TokenizerError::Vocabulary {
                what: format!("its marks are too many or too long: {error}"),
            })?;
        Ok(Self { automaton, tokens })
    }

    /// Every place where a spelling stands, from the first; *O*(text).
    pub(super) fn find(&self, text: &str) -> impl Iterator<Item = (Range<usize>, TokenId)> {
        self.automaton
            .find_iter(text)
            .map(|found| (found.range(), self.tokens[found.pattern().as_usize()].1))
    }

    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        self.tokens.iter().map(|(text, _)| text.as_str())
    }
}
