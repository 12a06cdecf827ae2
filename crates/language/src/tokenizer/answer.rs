//! The tokens with which a model can give a short answer.

use serde::{Deserialize, Serialize};

use super::{TokenId, Tokenizer};

/// A token that spells an answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Spelling {
    /// The token.
    pub token: TokenId,
    /// What it stands for, such as `" 1"`.
    pub text: String,
}

impl Tokenizer {
    /// Every token that is the label but for white space around it, such as `1` and ` 1` for `"1"`;
    /// *O*(vocabulary).
    ///
    /// The probability of an answer is the sum over its spellings. There may be none: then the
    /// model needs several tokens for it.
    #[must_use]
    pub fn spellings(&self, label: &str) -> Vec<Spelling> {
        let label = label.trim();
        (0..self.len() as u32)
            .map(TokenId)
            .filter(|&token| !self.is_mark(token))
            .filter_map(|token| {
                let text = str::from_utf8(self.bytes(token)?).ok()?;
                (!label.is_empty() && text.trim() == label).then(|| Spelling {
                    token,
                    text: text.to_owned(),
                })
            })
            .collect()
    }
}
