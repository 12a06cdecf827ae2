//! Why there is no tokenizer, or no tokens.

use super::split;
use crate::gguf::GgufError;

/// Why a tokenizer cannot be made of a file, or a text not be written with its vocabulary.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenizerError {
    /// The file lacks a part of the vocabulary.
    #[error(transparent)]
    Gguf(#[from] GgufError),
    /// The kind of tokenizer is none of those read here.
    #[error(
        "the tokenizer is of model {found:?}; expected \"gpt2\" (byte-level BPE) or \"llama\" \
         (SentencePiece BPE): take another model, or serve this one with llama.cpp's server and ask it there"
    )]
    Model {
        /// `tokenizer.ggml.model`.
        found: String,
    },
    /// The file does not say how text is cut before merging.
    #[error(
        "the file does not say how text is cut into words (metadata \"tokenizer.ggml.pre\"), and guessing \
         would change the tokens: convert the model again with a present llama.cpp (convert_hf_to_gguf.py)"
    )]
    NoRule,
    /// The rule for cutting text is not known here.
    #[error(
        "how text is cut into words is called {found:?} (metadata \"tokenizer.ggml.pre\"), a rule not known \
         here; known are {known}: take a model with one of these, or serve this one with llama.cpp's server \
         and ask it there",
        known = split::names()
    )]
    Rule {
        /// `tokenizer.ggml.pre`.
        found: String,
    },
    /// The vocabulary contradicts itself.
    #[error("the vocabulary is damaged: {what}; fetch the model again and compare its checksum")]
    Vocabulary {
        /// What is wrong with it.
        what: String,
    },
    /// The vocabulary has no token for a part of the text.
    #[error(
        "the model cannot read {character:?} (U+{code:04X}) in {context:?}: its vocabulary has no token for \
         byte {byte:#04x}; remove or replace the character",
        code = u32::from(*character)
    )]
    Unwritable {
        /// The character.
        character: char,
        /// Its byte that has no token.
        byte: u8,
        /// The text around it.
        context: String,
    },
}

impl TokenizerError {
    /// A character that the vocabulary lacks, given the place of one of its bytes.
    pub(super) fn unwritable(text: &str, at: usize) -> Self {
        let start = text.floor_char_boundary(at);
        let from = text.floor_char_boundary(start.saturating_sub(20));
        let to = text.ceil_char_boundary(start.saturating_add(20));
        Self::Unwritable {
            character: text[start..].chars().next().unwrap_or('\u{fffd}'),
            byte: text.as_bytes().get(at).copied().unwrap_or(0),
            context: text[from..to].to_owned(),
        }
    }
}
