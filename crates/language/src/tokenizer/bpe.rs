//! Byte-level BPE: text is cut into words, and the bytes of a word are merged in the order of a
//! table (Sennrich, Haddow & Birch, 2016, doi:10.18653/v1/P16-1162; over bytes in GPT-2).

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::merge::Merger;
use super::split::{Rule, Splitter};
use super::vocabulary::Vocabulary;
use super::{TokenId, TokenizerError};
use crate::gguf::Metadata;

#[derive(Debug)]
pub(super) struct Bpe {
    splitter: Splitter,
    rule: &'static Rule,
    /// Rank and result of two neighbours.
    pairs: HashMap<(TokenId, TokenId), (u32, TokenId)>,
    single: [Option<TokenId>; 256],
    /// Words that are tokens, where the rule takes those without merging.
    words: HashMap<Box<[u8]>, TokenId>,
}

impl Bpe {
    pub(super) fn new(
        metadata: &Metadata,
        vocabulary: &Vocabulary,
    ) -> Result<Self, TokenizerError> {
        let pre: Option<&str> = metadata.optional("tokenizer.ggml.pre")?;
        let rule = Rule::named(pre.ok_or(TokenizerError::NoRule)?)?;
        let merges: &[String] = metadata.get("tokenizer.ggml.merges")?;
        let mut pairs = HashMap::with_capacity(merges.len());
        for (text, rank) in merges.iter().zip(0..) {
            let damaged = |what: &str| TokenizerError::Vocabulary {
                what: format!("merge {rank}, {text:?}, {what}"),
            };
            // A space within a token is spelled otherwise.
            let (left, right) = text.split_once(' ').ok_or_else(|| {
                damaged("is no pair; expected two tokens with a space between them")
            })?;
            let piece = |text: &str| vocabulary.piece(text);
            let found = (piece(left), piece(right), piece(&format!("{left}{right}")));
            let (Some(left), Some(right), Some(made)) = found else {
                return Err(damaged(
                    "has or makes a token that is not in the vocabulary",
                ));
            };
            match pairs.entry((left, right)) {
                Entry::Vacant(entry) => entry.insert((rank, made)),
                Entry::Occupied(_) => return Err(damaged("is listed twice")),
            };
        }
        let words = match rule.whole_words {
            true => vocabulary
                .pieces()
                .filter_map(|(_, id)| Some((vocabulary.bytes(id)?.into(), id)))
                .collect(),
            false => HashMap::new(),
        };
        Ok(Self {
            splitter: rule.splitter(),
            rule,
            pairs,
            single: *vocabulary.single(),
            words,
        })
    }

    pub(super) fn adds_bos(&self) -> bool {
        self.rule.adds_bos
    }

    pub(super) fn push(&self, text: &str, tokens: &mut Vec<TokenId>) -> Result<(), TokenizerError> {
        let mut merger = Merger::default();
        self.splitter.split(text, &mut |word| {
            if let Some(&token) = self.words.get(word.as_bytes()) {
                tokens.push(token);
                return Ok(());
            }
            merger.clear();
            for (at, byte) in word.bytes().enumerate() {
                let token = self.single[usize::from(byte)];
                if token.is_none() {
                    return Err(TokenizerError::unwritable(word, at));
                }
                merger.push(at..at + 1, token);
            }
            merger.merge(|left, right| self.pairs.get(&(left.token?, right.token?)).copied());
            tokens.extend(merger.symbols().filter_map(|symbol| symbol.token));
            Ok(())
        })
    }
}
