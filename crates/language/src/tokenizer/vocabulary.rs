//! What tokens there are, what each stands for, and which of them text can become.

use std::collections::HashMap;

use super::marks::Marks;
use super::{TokenId, TokenizerError};
use crate::gguf::Metadata;

/// SentencePiece's visible space.
pub(super) const SPACE: char = '\u{2581}';

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A piece of text.
    Piece,
    /// A piece of text that is taken whole, before text is cut.
    Whole,
    /// One byte.
    Byte,
    /// A mark, or something else that text never becomes.
    Mark,
}

impl Kind {
    /// The kind of a number in `tokenizer.ggml.token_type`.
    fn new(number: i32, text: &str) -> Option<Self> {
        Some(match number {
            // Normal and unused ones.
            1 | 5 => Self::Piece,
            // Unknown and control.
            2 | 3 => Self::Mark,
            // Added ones. Those in brackets, such as <think> or [PAD7], structure a conversation or
            // fill the table up: neither may come out of a caption.
            4 if (text.starts_with('<') && text.ends_with('>'))
                || (text.starts_with('[') && text.ends_with(']')) =>
            {
                Self::Mark
            }
            4 => Self::Whole,
            6 => Self::Byte,
            _ => return None,
        })
    }
}

#[derive(Debug)]
pub(super) struct Vocabulary {
    bytes: Vec<Box<[u8]>>,
    kinds: Vec<Kind>,
    /// Pieces by their spelling in the file.
    pieces: HashMap<Box<str>, TokenId>,
    /// Tokens of single bytes.
    single: [Option<TokenId>; 256],
    marks: Marks,
    wholes: Marks,
}

impl Vocabulary {
    pub(super) fn new(metadata: &Metadata, model: &str) -> Result<Self, TokenizerError> {
        let texts: &[String] = metadata.get("tokenizer.ggml.tokens")?;
        let types: &[i32] = metadata.get("tokenizer.ggml.token_type")?;
        let damaged = |what| Err(TokenizerError::Vocabulary { what });
        if texts.is_empty() || u32::try_from(texts.len()).is_err() {
            return damaged(format!("it has {} tokens", texts.len()));
        }
        if types.len() != texts.len() {
            return damaged(format!(
                "tokenizer.ggml.token_type has {} entries for {} tokens",
                types.len(),
                texts.len()
            ));
        }
        let byte_of = byte_of_char();
        let mut own = Self {
            bytes: Vec::with_capacity(texts.len()),
            kinds: Vec::with_capacity(texts.len()),
            pieces: HashMap::with_capacity(texts.len()),
            single: [None; 256],
            marks: Marks::new(Vec::new())?,
            wholes: Marks::new(Vec::new())?,
        };
        let (mut marks, mut wholes) = (Vec::new(), Vec::new());
        for ((text, &number), id) in texts.iter().zip(types).zip((0..).map(TokenId)) {
            let Some(kind) = Kind::new(number, text) else {
                return damaged(format!("token {id} is of type {number}; expected 1 to 6"));
            };
            let bytes = match kind {
                Kind::Mark | Kind::Whole => text.as_bytes().into(),
                Kind::Byte => match byte_token(text) {
                    Some(byte) => {
                        own.single[usize::from(byte)] = Some(id);
                        [byte].into()
                    }
                    None => {
                        return damaged(format!(
                            "token {id} is {text:?}, which names no byte; expected such as \"<0x0A>\""
                        ));
                    }
                },
                // A piece with a character that stands for no byte is none that text can become.
                Kind::Piece if model == "gpt2" => text
                    .chars()
                    .map(|c| byte_of.get(&c).copied())
                    .collect::<Option<Box<[u8]>>>()
                    .unwrap_or_else(|| text.as_bytes().into()),
                Kind::Piece => text.replace(SPACE, " ").into_bytes().into(),
            };
            match kind {
                // An empty one is a filler; it would be found everywhere.
                _ if text.is_empty() => {}
                Kind::Mark => marks.push((text.clone(), id)),
                Kind::Whole => wholes.push((text.clone(), id)),
                Kind::Byte => {}
                Kind::Piece => {
                    if let Some(first) = own.pieces.insert(text.as_str().into(), id) {
                        return damaged(format!("tokens {first} and {id} are both {text:?}"));
                    }
                    if model == "gpt2" && bytes.len() == 1 {
                        own.single[usize::from(bytes[0])] = Some(id);
                    }
                }
            }
            // Merges may lead to a token that is also taken whole.
            if kind == Kind::Whole {
                own.pieces.entry(text.as_str().into()).or_insert(id);
            }
            own.bytes.push(bytes);
            own.kinds.push(kind);
        }
        own.marks = Marks::new(marks)?;
        own.wholes = Marks::new(wholes)?;
        Ok(own)
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn bytes(&self, token: TokenId) -> Option<&[u8]> {
        self.bytes.get(token.index()).map(|bytes| &**bytes)
    }

    pub(super) fn is_mark(&self, token: TokenId) -> bool {
        self.kinds.get(token.index()) == Some(&Kind::Mark)
    }

    /// The piece spelled so in the file.
    pub(super) fn piece(&self, text: &str) -> Option<TokenId> {
        self.pieces.get(text).copied()
    }

    /// Every piece with its spelling in the file, in no order.
    pub(super) fn pieces(&self) -> impl Iterator<Item = (&str, TokenId)> {
        self.pieces.iter().map(|(text, &id)| (&**text, id))
    }

    pub(super) fn single(&self) -> &[Option<TokenId>; 256] {
        &self.single
    }

    pub(super) fn marks(&self) -> &Marks {
        &self.marks
    }

    pub(super) fn wholes(&self) -> &Marks {
        &self.wholes
    }
}

/// The byte of `<0x0A>`.
fn byte_token(text: &str) -> Option<u8> {
    let digits = text.strip_prefix("<0x")?.strip_suffix('>')?;
    (digits.len() == 2).then(|| u8::from_str_radix(digits, 16).ok())?
}

/// Byte-level vocabularies spell bytes as characters: a printable character of Latin-1 stands for
/// its own byte, and the remaining bytes are, in order, the characters from U+0100 on (GPT-2).
fn byte_of_char() -> HashMap<char, u8> {
    let mut others = '\u{100}'..;
    (0..=255)
        .map(|byte| match byte {
            b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff => (char::from(byte), byte),
            _ => (others.next().unwrap_or('\0'), byte),
        })
        .collect()
}
