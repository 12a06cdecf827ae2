//! BPE by scores, as SentencePiece trains it: neighbours that spell a piece are merged, the piece of
//! the highest score first, over the whole text; what is no piece is written byte by byte (Kudo &
//! Richardson, 2018, doi:10.18653/v1/D18-2012).

use std::collections::HashMap;

use super::merge::Merger;
use super::vocabulary::{SPACE, Vocabulary};
use super::{TokenId, TokenizerError};
use crate::gguf::Metadata;

#[derive(Debug)]
pub(super) struct Spm {
    /// Pieces with the rank of their score.
    pieces: HashMap<Box<str>, (u32, TokenId)>,
    single: [Option<TokenId>; 256],
    /// Whether a text begins with a space of its own.
    space_first: bool,
}

impl Spm {
    pub(super) fn new(
        metadata: &Metadata,
        vocabulary: &Vocabulary,
    ) -> Result<Self, TokenizerError> {
        let scores: &[f32] = metadata.get("tokenizer.ggml.scores")?;
        let damaged = |what| Err(TokenizerError::Vocabulary { what });
        if scores.len() != vocabulary.len() {
            return damaged(format!(
                "tokenizer.ggml.scores has {} entries for {} tokens",
                scores.len(),
                vocabulary.len()
            ));
        }
        if let Some(id) = scores.iter().position(|score| score.is_nan()) {
            return damaged(format!("token {id} has no number as its score"));
        }
        let pieces = vocabulary
            .pieces()
            .map(|(text, id)| (text.into(), (rank(scores[id.index()]), id)))
            .collect();
        Ok(Self {
            pieces,
            single: *vocabulary.single(),
            space_first: metadata
                .optional("tokenizer.ggml.add_space_prefix")?
                .unwrap_or(true),
        })
    }

    pub(super) fn push(&self, text: &str, tokens: &mut Vec<TokenId>) -> Result<(), TokenizerError> {
        let first = if self.space_first { " " } else { "" };
        let shown = format!("{first}{text}").replace(' ', SPACE.encode_utf8(&mut [0; 4]));
        let piece = |text: &str| self.pieces.get(text).copied();
        let mut merger = Merger::default();
        for (at, c) in shown.char_indices() {
            let range = at..at + c.len_utf8();
            let token = piece(&shown[range.clone()]).map(|(_, token)| token);
            merger.push(range, token);
        }
        merger.merge(|left, right| piece(&shown[left.range.start..right.range.end]));
        for symbol in merger.symbols() {
            match symbol.token {
                Some(token) => tokens.push(token),
                None => {
                    for at in symbol.range.clone() {
                        let byte = usize::from(shown.as_bytes()[at]);
                        let token = self.single[byte];
                        tokens.push(token.ok_or_else(|| TokenizerError::unwritable(&shown, at))?);
                    }
                }
            }
        }
        Ok(())
    }
}

/// Ranks in the order of falling scores, equal for equal ones.
fn rank(score: f32) -> u32 {
    // The two zeros are equal.
    let bits = (score + 0.0).to_bits();
    if bits >> 31 == 1 {
        bits
    } else {
        !bits & (u32::MAX >> 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_higher_score_has_the_lower_rank() {
        let scores = [
            f32::INFINITY,
            1e9,
            2.0,
            1.5,
            1e-40,
            0.0,
            -1e-40,
            -1.5,
            -3e9,
            f32::NEG_INFINITY,
        ];
        for pair in scores.windows(2) {
            assert!(rank(pair[0]) < rank(pair[1]), "{pair:?}");
        }
        assert_eq!(rank(0.0), rank(-0.0));
    }
}
