//! The questions of naming as files: constant text with places, hashed.

use emotome_stimuli::digest::Sha256Sum;
use serde::Deserialize;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The most bytes of a template file.
const MAX_BYTES: u64 = 1 << 20;

/// What a template asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// What the stimuli of one group have in common that those of another lack.
    Name,
    /// Which of two stimuli a name fits.
    Fit,
}

/// What stands in the place of a placeholder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    High,
    Low,
    HighCount,
    LowCount,
    First,
    Second,
    Name,
    Form,
    Number,
    Stimulus,
}

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    Slot(Slot),
}

/// A question with places for stimuli.
///
/// ```toml
/// name = "name"                           # as in tables
/// notes = "one line for the reader"       # optional
/// system = "Constant instruction."        # optional
/// user = "With much of it:\n{high}\nWith none of it:\n{low}\n{form}"
/// item = "{k}. {stimulus}"                # how a stimulus of a group is written
/// json = "Reply as JSON: …"               # {form} where the server makes sure of JSON
/// lines = "Reply in two lines: …"         # {form} elsewhere
/// again = "Not in that form. {form}"      # what is said after a reply that cannot be read
/// ```
///
/// `user` holds `{high}`, `{low}` and `{form}` once each, and may hold `{n_high}` and `{n_low}`; the
/// question which of two stimuli a name fits holds `{first}`, `{second}`, `{name}` and `{form}`, and has no
/// `item`. There is no placeholder for the number of the dimension, for ratings or for weights: a question
/// cannot tell what it must not. `{{` and `}}` stand for braces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamingTemplate {
    /// The name in tables.
    pub name: String,
    /// For the reader.
    pub notes: Option<String>,
    /// The checksum of the file's text.
    pub sha256: Sha256Sum,
    pub(super) system: Option<String>,
    pub(super) user: Vec<Piece>,
    pub(super) item: Vec<Piece>,
    pub(super) json: String,
    pub(super) lines: String,
    pub(super) again: Vec<Piece>,
}

/// Why a template cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NamingTemplateError {
    /// The file cannot be read.
    #[error("{path}: the template cannot be read: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is too large for a template.
    #[error("{path}: {bytes} bytes; a template has at most {MAX_BYTES}: is this the right file?", path = path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// The text is no template.
    #[error(
        "{name}: line {line}: {what}; expected the entries name, user, json, lines, again and optionally notes, system, item"
    )]
    Syntax {
        /// The file or preset.
        name: String,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// A text has a placeholder that nothing stands for.
    #[error(
        "{name}: {{{found}}} stands for nothing in the entry {entry}; expected {expected}; for a brace write {{{{ or }}}}"
    )]
    Placeholder {
        /// The file or preset.
        name: String,
        /// The entry.
        entry: &'static str,
        /// What stands between the braces.
        found: String,
        /// What may stand there.
        expected: String,
    },
    /// A placeholder does not stand exactly once.
    #[error("{name}: the entry {entry} holds {{{placeholder}}} {found} times; expected once")]
    Count {
        /// The file or preset.
        name: String,
        /// The entry.
        entry: &'static str,
        /// The placeholder.
        placeholder: &'static str,
        /// How often it stands there.
        found: usize,
    },
}

/// The file as it stands.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    notes: Option<String>,
    system: Option<String>,
    user: String,
    item: Option<String>,
    json: String,
    lines: String,
    again: String,
}

type Slots = [(&'static str, Slot)];

const NAME: [(&str, Slot); 5] = [
    ("high", Slot::High),
    ("low", Slot::Low),
    ("form", Slot::Form),
    ("n_high", Slot::HighCount),
    ("n_low", Slot::LowCount),
];
const FIT: [(&str, Slot); 4] = [
    ("first", Slot::First),
    ("second", Slot::Second),
    ("name", Slot::Name),
    ("form", Slot::Form),
];
const ITEM: [(&str, Slot); 2] = [("stimulus", Slot::Stimulus), ("k", Slot::Number)];
const FORM: [(&str, Slot); 1] = [("form", Slot::Form)];

impl Question {
    /// The text of the preset: what to save and change for a template of one's own.
    #[must_use]
    pub const fn preset(self) -> &'static str {
        match self {
            Self::Name => include_str!("presets/name.toml"),
            Self::Fit => include_str!("presets/fit.toml"),
        }
    }
}

impl NamingTemplate {
    /// The preset of a question.
    ///
    /// ```
    /// use emotome_judges::naming::{NamingTemplate, Question};
    /// assert_eq!(NamingTemplate::preset(Question::Name)?.name, "name");
    /// # Ok::<(), emotome_judges::naming::NamingTemplateError>(())
    /// ```
    ///
    /// # Errors
    /// Never, unless the program is damaged.
    pub fn preset(question: Question) -> Result<Self, NamingTemplateError> {
        Self::parse("preset", question.preset(), question)
    }

    /// Reads a template file.
    ///
    /// # Errors
    /// [`NamingTemplateError`] names the file.
    pub fn read(path: &Path, question: Question) -> Result<Self, NamingTemplateError> {
        let failed = |source| NamingTemplateError::Io {
            path: path.to_owned(),
            source,
        };
        let bytes = fs::metadata(path).map_err(failed)?.len();
        if bytes > MAX_BYTES {
            return Err(NamingTemplateError::TooLarge {
                path: path.to_owned(),
                bytes,
            });
        }
        let text = fs::read_to_string(path).map_err(failed)?;
        Self::parse(&path.display().to_string(), &text, question)
    }

    /// Reads the text of a template; `source` names it in errors.
    ///
    /// # Errors
    /// [`NamingTemplateError`] names the entry.
    pub fn parse(
        source: &str,
        text: &str,
        question: Question,
    ) -> Result<Self, NamingTemplateError> {
        let syntax = |line, what| NamingTemplateError::Syntax {
            name: source.to_owned(),
            line,
            what,
        };
        let file: File = toml::from_str(text).map_err(|error| {
            let before = error.span().map_or("", |span| &text[..span.start]);
            syntax(1 + before.matches('\n').count(), error.message().to_owned())
        })?;
        let fill = |entry, text: &str, slots: &Slots| pieces(source, entry, text, slots);
        let once = |entry, pieces: &[Piece], slots: &Slots| {
            slots.iter().try_for_each(|&(placeholder, slot)| {
                match pieces.iter().filter(|p| **p == Piece::Slot(slot)).count() {
                    1 => Ok(()),
                    found => Err(NamingTemplateError::Count {
                        name: source.to_owned(),
                        entry,
                        placeholder,
                        found,
                    }),
                }
            })
        };
        let constant = |entry, text: &str| {
            let pieces = fill(entry, text, &[])?;
            Ok(pieces
                .into_iter()
                .filter_map(|piece| match piece {
                    Piece::Text(text) => Some(text),
                    Piece::Slot(_) => None,
                })
                .collect::<String>())
        };
        let (user, item) = match (question, &file.item) {
            (Question::Name, Some(item)) => {
                let user = fill("user", &file.user, &NAME)?;
                once("user", &user, &NAME[..3])?;
                let item = fill("item", item, &ITEM)?;
                once("item", &item, &ITEM[..1])?;
                (user, item)
            }
            (Question::Fit, None) => {
                let user = fill("user", &file.user, &FIT)?;
                once("user", &user, &FIT)?;
                (user, Vec::new())
            }
            (Question::Name, None) => {
                return Err(syntax(
                    1,
                    "no entry item, which a question for a name needs".to_owned(),
                ));
            }
            (Question::Fit, Some(_)) => {
                let what =
                    "an entry item, which the question which of two stimuli fits has no use for";
                return Err(syntax(1, what.to_owned()));
            }
        };
        Ok(Self {
            system: file
                .system
                .as_deref()
                .map(|text| constant("system", text))
                .transpose()?,
            json: constant("json", &file.json)?,
            lines: constant("lines", &file.lines)?,
            again: fill("again", &file.again, &FORM)?,
            user,
            item,
            name: file.name,
            notes: file.notes,
            sha256: Sha256Sum::of(text.as_bytes()),
        })
    }

    /// What is recorded of it.
    #[must_use]
    pub fn describe(&self) -> serde_json::Value {
        serde_json::json!({ "name": self.name, "sha256": self.sha256 })
    }
}

/// A text as its pieces.
fn pieces(
    source: &str,
    entry: &'static str,
    text: &str,
    slots: &Slots,
) -> Result<Vec<Piece>, NamingTemplateError> {
    let mut pieces = Vec::new();
    let mut constant = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        constant += &rest[..at];
        let (brace, after) = rest[at..].split_at(1);
        if let Some(after) = after.strip_prefix(brace) {
            constant += brace;
            rest = after;
            continue;
        }
        let end = after.find('}').filter(|_| brace == "{");
        let inside = &after[..end.unwrap_or(0)];
        let slot = slots.iter().find(|(name, _)| *name == inside);
        let (Some(end), Some(&(_, slot))) = (end, slot) else {
            return Err(NamingTemplateError::Placeholder {
                name: source.to_owned(),
                entry,
                found: inside.chars().take(40).collect(),
                expected: match slots {
                    [] => "none".to_owned(),
                    slots => slots
                        .iter()
                        .map(|(name, _)| format!("{{{name}}}"))
                        .collect::<Vec<_>>()
                        .join(", "),
                },
            });
        };
        if !constant.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut constant)));
        }
        pieces.push(Piece::Slot(slot));
        rest = &after[end + 1..];
    }
    constant += rest;
    if !constant.is_empty() {
        pieces.push(Piece::Text(constant));
    }
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn presets_are_sound_and_tell_no_number_no_weight_and_no_rating() {
        for question in [Question::Name, Question::Fit] {
            NamingTemplate::preset(question).unwrap();
            let text = question.preset().to_lowercase();
            for word in [
                "dimension",
                "rating",
                "weight",
                "embedding",
                "emotion",
                "{dim",
            ] {
                assert!(!text.contains(word), "{word:?} in {question:?}");
            }
        }
    }

    #[test]
    fn a_template_without_its_places_is_refused_by_name() {
        let text = |user: &str| {
            format!(
                "name='t'\nuser='{user}'\nitem='{{stimulus}}'\njson='j'\nlines='l'\nagain='a'\n"
            )
        };
        let parse = |user: &str| NamingTemplate::parse("t.toml", &text(user), Question::Name);
        assert!(parse("{high}{low}{form} {{x}}").is_ok());
        let said = |user: &str| parse(user).unwrap_err().to_string();
        assert!(said("{high}{low}").contains("holds {form} 0 times"));
        assert!(said("{high}{low}{low}{form}").contains("holds {low} 2 times"));
        assert!(said("{high}{low}{form}{dimension}").contains("{dimension} stands for nothing"));
        assert!(said("{high}{low}{form} }").contains("stands for nothing"));
        assert!(NamingTemplate::parse("t", &text("{high}{low}{form}"), Question::Fit).is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,200}", user in "[{}a-z_ ]{0,40}") {
            let _ = NamingTemplate::parse("t", &text, Question::Name);
            let whole = format!("name='t'\nuser='{user}'\nitem='{{stimulus}}'\njson='j'\nlines='l'\nagain='a'\n");
            let _ = NamingTemplate::parse("t", &whole, Question::Name);
        }
    }
}
