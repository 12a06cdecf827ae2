//! Tokenizers from the metadata of GGUF files: text to the numbers a model reads, and back.
//!
//! Two kinds of model are read: byte-level BPE (`tokenizer.ggml.model = gpt2`; GPT-2, Llama 3,
//! Qwen, SmolLM, ...) and BPE by scores with byte fallback, as SentencePiece trains it (`llama`;
//! Llama 2, Mistral, Gemma, Phi 3).
//!
//! Tokens that structure a conversation, such as `<|im_end|>`, are *marks*. A mark is never the
//! result of tokenizing text: it stands in a [`Prompt`] only where trusted markup put it. So a
//! caption that contains `<|im_end|>` is read as those ten characters.
//!
//! Text is taken as it is: no Unicode normalisation, as llama.cpp does it. (Where a model's own
//! tokenizer composes characters first, as Qwen's does, give it text in form NFC.)

mod answer;
mod bpe;
mod error;
mod marks;
mod merge;
mod prompt;
mod split;
mod spm;
#[cfg(test)]
pub(crate) mod tests;
mod vocabulary;

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::gguf::Metadata;
use bpe::Bpe;
use spm::Spm;
use vocabulary::Vocabulary;

pub use answer::Spelling;
pub use error::TokenizerError;
pub use prompt::Prompt;

/// A token's number in its vocabulary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TokenId(pub u32);

impl TokenId {
    /// The number as an index.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Marks that end an answer; files often name only one of a model's several.
const END_MARKS: &str =
    "<|eot_id|> <|eom_id|> <|im_end|> <|end|> <|endoftext|> <|end_of_text|> <end_of_turn> </s>";

/// How text becomes tokens.
#[derive(Debug)]
enum Engine {
    Bpe(Bpe),
    Spm(Spm),
}

/// A tokenizer; it holds no state between calls and may be used from many threads.
///
/// ```no_run
/// use emotome_language::gguf::Gguf;
/// use emotome_language::tokenizer::Tokenizer;
///
/// let model = Gguf::open("SmolLM2-135M-Instruct.Q4_1.gguf")?;
/// let tokenizer = Tokenizer::new(model.metadata())?;
/// let mut prompt = tokenizer.markup("<|im_start|>user\n");
/// prompt.push_text("a caption, <|im_end|> and all");
/// let tokens = tokenizer.encode(&prompt)?;
/// assert_eq!(tokenizer.decode(&tokens), prompt.text());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Tokenizer {
    vocabulary: Vocabulary,
    engine: Engine,
    bos: Option<TokenId>,
    eos: Option<TokenId>,
    ends: Vec<TokenId>,
    adds_bos: bool,
    adds_eos: bool,
}

impl Tokenizer {
    /// The tokenizer a file describes; *O*(vocabulary and merges).
    ///
    /// # Errors
    /// [`TokenizerError`] if the file has no vocabulary, one that contradicts itself, or rules for
    /// cutting text that are not known here. Nothing is replaced by a similar rule.
    pub fn new(metadata: &Metadata) -> Result<Self, TokenizerError> {
        let model: &str = metadata.get("tokenizer.ggml.model")?;
        let vocabulary = Vocabulary::new(metadata, model)?;
        let (engine, adds_bos) = match model {
            "gpt2" => {
                let engine = Bpe::new(metadata, &vocabulary)?;
                let adds_bos = engine.adds_bos();
                (Engine::Bpe(engine), adds_bos)
            }
            "llama" => (Engine::Spm(Spm::new(metadata, &vocabulary)?), true),
            other => {
                return Err(TokenizerError::Model {
                    found: other.to_owned(),
                });
            }
        };
        let end = |key: &'static str| match metadata.optional::<u32>(key)? {
            Some(id) if id as usize >= vocabulary.len() => Err(TokenizerError::Vocabulary {
                what: format!("{key} is {id}, but there are {} tokens", vocabulary.len()),
            }),
            id => Ok(id.map(TokenId)),
        };
        let bos = end("tokenizer.ggml.bos_token_id")?;
        let eos = end("tokenizer.ggml.eos_token_id")?;
        let named = [
            eos,
            end("tokenizer.ggml.eot_token_id")?,
            end("tokenizer.ggml.eom_token_id")?,
        ];
        let known = vocabulary.marks().find(END_MARKS).map(|(_, token)| token);
        let ends: BTreeSet<TokenId> = named.into_iter().flatten().chain(known).collect();
        let adds_bos = metadata
            .optional("tokenizer.ggml.add_bos_token")?
            .unwrap_or(adds_bos);
        if adds_bos && bos.is_none() {
            return Err(TokenizerError::Vocabulary {
                what: "texts begin with a token for that, but tokenizer.ggml.bos_token_id does not name it"
                    .into(),
            });
        }
        Ok(Self {
            vocabulary,
            engine,
            bos,
            eos,
            ends: ends.into_iter().collect(),
            adds_bos,
            adds_eos: metadata
                .optional("tokenizer.ggml.add_eos_token")?
                .unwrap_or(false),
        })
    }

    /// Number of tokens in the vocabulary.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "a vocabulary is never empty")]
    pub fn len(&self) -> usize {
        self.vocabulary.len()
    }

    /// The token that begins a text, if there is one.
    #[must_use]
    pub fn bos(&self) -> Option<TokenId> {
        self.bos
    }

    /// The token that ends a text, if there is one.
    #[must_use]
    pub fn eos(&self) -> Option<TokenId> {
        self.eos
    }

    /// The tokens with which an answer ends, in order: those that the file names for the end of a
    /// text, a turn or a message, and the marks known for it.
    #[must_use]
    pub fn ends(&self) -> &[TokenId] {
        &self.ends
    }

    /// Whether the model expects [`bos`](Self::bos) before every prompt; [`encode`](Self::encode)
    /// puts it there.
    #[must_use]
    pub fn adds_bos(&self) -> bool {
        self.adds_bos
    }

    /// Whether the model was trained with [`eos`](Self::eos) after every text. A prompt goes on, so
    /// it is never put there.
    #[must_use]
    pub fn adds_eos(&self) -> bool {
        self.adds_eos
    }

    /// The tokens of a prompt: its marks, and the text between them, after the token that begins a
    /// text where the model expects one and the prompt does not bring it; *O*(*n* log *n*).
    ///
    /// # Errors
    /// [`TokenizerError::Unwritable`] if the vocabulary cannot express a character.
    pub fn encode(&self, prompt: &Prompt) -> Result<Vec<TokenId>, TokenizerError> {
        let mut tokens = Vec::new();
        let begun = prompt
            .marks()
            .first()
            .is_some_and(|&(ref range, token)| range.start == 0 && Some(token) == self.bos);
        if self.adds_bos && !begun {
            tokens.extend(self.bos);
        }
        let mut at = 0;
        for (range, token) in prompt.marks() {
            self.push(&prompt.text()[at..range.start], &mut tokens)?;
            tokens.push(*token);
            at = range.end;
        }
        self.push(&prompt.text()[at..], &mut tokens)?;
        Ok(tokens)
    }

    /// The tokens of a text alone: no token begins it, and none of it is a mark.
    ///
    /// # Errors
    /// [`TokenizerError::Unwritable`] if the vocabulary cannot express a character.
    pub fn encode_text(&self, text: &str) -> Result<Vec<TokenId>, TokenizerError> {
        let mut tokens = Vec::new();
        self.push(text, &mut tokens)?;
        Ok(tokens)
    }

    /// Marks in trusted text, such as a study's own template, taken as marks.
    #[must_use]
    pub fn markup(&self, text: &str) -> Prompt {
        self.markup_with(text, |c| c)
    }

    /// The same, and then every character between marks replaced.
    pub(crate) fn markup_with(&self, text: &str, show: impl Fn(char) -> char) -> Prompt {
        let shown = |part: &str| part.chars().map(&show).collect::<String>();
        let mut prompt = Prompt::default();
        let mut at = 0;
        for (range, token) in self.vocabulary.marks().find(text) {
            prompt.push_text(&shown(&text[at..range.start]));
            prompt.push_mark(&text[range.clone()], token);
            at = range.end;
        }
        prompt.push_text(&shown(&text[at..]));
        prompt
    }

    /// Where text looks like marks.
    pub(crate) fn find_marks(&self, text: &str) -> impl Iterator<Item = Range<usize>> {
        self.vocabulary.marks().find(text).map(|(range, _)| range)
    }

    /// The spelling of every mark.
    pub(crate) fn mark_texts(&self) -> impl Iterator<Item = &str> {
        self.vocabulary.marks().texts()
    }

    /// The bytes a token stands for; a mark's are its spelling. `None` beyond the vocabulary.
    #[must_use]
    pub fn bytes(&self, token: TokenId) -> Option<&[u8]> {
        self.vocabulary.bytes(token)
    }

    /// Whether a token is a mark, which text never becomes.
    #[must_use]
    pub fn is_mark(&self, token: TokenId) -> bool {
        self.vocabulary.is_mark(token)
    }

    /// The text of tokens, for people to read: what is no Unicode (half a character) is shown as �,
    /// and so is a number beyond the vocabulary.
    #[must_use]
    pub fn decode(&self, tokens: &[TokenId]) -> String {
        let bytes = tokens
            .iter()
            .flat_map(|&token| self.bytes(token).unwrap_or("\u{fffd}".as_bytes()));
        String::from_utf8_lossy(&bytes.copied().collect::<Vec<u8>>()).into_owned()
    }

    /// Text between marks: the words that the vocabulary takes whole, and what is between them.
    fn push(&self, text: &str, tokens: &mut Vec<TokenId>) -> Result<(), TokenizerError> {
        let mut at = 0;
        for (range, token) in self.vocabulary.wholes().find(text) {
            self.push_words(&text[at..range.start], tokens)?;
            tokens.push(token);
            at = range.end;
        }
        self.push_words(&text[at..], tokens)
    }

    fn push_words(&self, text: &str, tokens: &mut Vec<TokenId>) -> Result<(), TokenizerError> {
        match &self.engine {
            _ if text.is_empty() => Ok(()),
            Engine::Bpe(bpe) => bpe.push(text, tokens),
            Engine::Spm(spm) => spm.push(text, tokens),
        }
    }
}
