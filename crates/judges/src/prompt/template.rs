//! A prompt as a file: constant text with places for the stimuli, hashed.

use super::labels::{LabelError, Labels};
use super::presets;
use emotome_stimuli::digest::Sha256Sum;
use serde::Deserialize;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The most bytes of a template file.
const MAX_BYTES: u64 = 1 << 20;

/// The placeholders of the three stimuli in presented order.
const PLACES: [&str; 3] = ["first", "second", "third"];

/// What a template asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asks {
    /// Which of three stimuli is the odd one out.
    OddOneOut,
    /// How one stimulus is named: the next words after it.
    Readout,
}

/// A part of the user's message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Constant text.
    Text(String),
    /// The stimulus shown at this place, counted from 0.
    Stimulus(usize),
}

/// A prompt with places for stimuli.
///
/// ```toml
/// name = "one-token"                      # as in tables
/// notes = "one line for the reader"       # optional
/// noun = "Video"                          # what a stimulus is called; {noun} in the texts
/// nouns = ["clip"]                        # further words for it that a reply may use; optional
/// labels = ["1", "2", "3"]                # names of the three stimuli
/// ordinals = false                        # whether "the second video" is an answer too
/// system = "Constant instruction."        # optional
/// user = """
/// Video {label1}: {first}
/// Video {label2}: {second}
/// Video {label3}: {third}"""
/// again = "Only say {labels}."            # what is said after a reply without an answer; optional
/// reply = "Answer:"                       # how the reply begins; optional
/// ```
///
/// Texts may hold `{noun}`, `{labels}` (`1, 2 or 3`), `{label1}`, `{label2}`, `{label3}`, and
/// `{{`, `}}` for braces. `user` holds `{first}`, `{second}` and `{third}` once each and in this
/// order, or `{stimulus}` once, for a readout. Put constant text before the stimuli: servers keep
/// the computation of a common beginning, and only of that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// The name in tables.
    pub name: String,
    /// For the reader.
    pub notes: Option<String>,
    /// What a stimulus is called.
    pub noun: String,
    /// Further words for a stimulus that a reply may use.
    pub nouns: Vec<String>,
    /// What the three stimuli are called.
    pub labels: Labels,
    /// Whether ordinals ("the second video") are answers.
    pub ordinals: bool,
    /// The system's message.
    pub system: Option<String>,
    /// The user's message.
    pub user: Vec<Piece>,
    /// What is said after a reply without an answer.
    pub again: Option<String>,
    /// How the reply begins.
    pub reply: Option<String>,
    /// The checksum of the file's text.
    pub sha256: Sha256Sum,
    /// The checksum of all that is said, whatever the labels are.
    pub wording: Sha256Sum,
}

/// Why a template cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
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
        "{name}: line {line}: {what}; expected the entries name, user and optionally notes, noun, nouns, labels, ordinals, system, again, reply"
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
        "{name}: line {line}: {{{found}}} stands for nothing here; expected {expected}; for a brace write {{{{ or }}}}"
    )]
    Placeholder {
        /// The file or preset.
        name: String,
        /// The line, counted from 1.
        line: usize,
        /// What stands between the braces.
        found: String,
        /// What may stand there.
        expected: &'static str,
    },
    /// The stimuli do not stand in the user's message once each and in order.
    #[error(
        "{name}: the user's message shows {found}; expected {{first}}, {{second}} and {{third}}, once each and in \
         this order, or {{stimulus}} once for a readout"
    )]
    Places {
        /// The file or preset.
        name: String,
        /// What stands there.
        found: String,
    },
    /// The labels cannot stand.
    #[error("{name}: {source}")]
    Label {
        /// The file or preset.
        name: String,
        /// What is wrong with them.
        source: LabelError,
    },
    /// The noun cannot be found in a reply.
    #[error(
        "{name}: {found:?} is no single word; a reply is searched for it: use e.g. Video, Clip or Scene"
    )]
    Noun {
        /// The file or preset.
        name: String,
        /// The noun.
        found: String,
    },
    /// There is no preset of this name.
    #[error(
        "no preset is called {found:?}; there are {known}; a template of your own lies in prompts/NAME.toml"
    )]
    UnknownPreset {
        /// The name.
        found: String,
        /// All names.
        known: String,
    },
}

/// The file as it stands.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    notes: Option<String>,
    #[serde(default = "video")]
    noun: String,
    #[serde(default)]
    nouns: Vec<String>,
    labels: Option<[String; 3]>,
    #[serde(default)]
    ordinals: bool,
    system: Option<String>,
    user: String,
    again: Option<String>,
    reply: Option<String>,
}

fn video() -> String {
    "Video".to_owned()
}

impl Template {
    /// Reads a template file.
    ///
    /// # Errors
    /// [`TemplateError`] names the file and the line.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, TemplateError> {
        let path = path.as_ref();
        let failed = |source| TemplateError::Io {
            path: path.to_owned(),
            source,
        };
        let bytes = fs::metadata(path).map_err(failed)?.len();
        if bytes > MAX_BYTES {
            return Err(TemplateError::TooLarge {
                path: path.to_owned(),
                bytes,
            });
        }
        let text = fs::read_to_string(path).map_err(failed)?;
        Self::parse(&path.display().to_string(), &text)
    }

    /// The template of a name: `prompts/NAME.toml` of a study folder if there is one, and else the
    /// preset.
    ///
    /// # Errors
    /// [`TemplateError`]; [`TemplateError::UnknownPreset`] if there is neither.
    pub fn find(study: impl AsRef<Path>, name: &str) -> Result<Self, TemplateError> {
        let file = study.as_ref().join("prompts").join(format!("{name}.toml"));
        if file.exists() {
            Self::read(file)
        } else {
            presets::get(name)
        }
    }

    /// Reads the text of a template; `source` names it in errors.
    ///
    /// # Errors
    /// [`TemplateError`] names the line.
    pub fn parse(source: &str, text: &str) -> Result<Self, TemplateError> {
        let file: File = toml::from_str(text).map_err(|error| TemplateError::Syntax {
            name: source.to_owned(),
            line: error.span().map_or(1, |span| line_of(text, span.start)),
            what: error.message().to_owned(),
        })?;
        let labels = file
            .labels
            .map_or_else(|| Ok(Labels::numbers()), Labels::new);
        let labels = labels.map_err(|error| TemplateError::Label {
            name: source.to_owned(),
            source: error,
        })?;
        for noun in file.nouns.iter().chain([&file.noun]) {
            if noun.is_empty() || !noun.chars().all(char::is_alphabetic) {
                return Err(TemplateError::Noun {
                    name: source.to_owned(),
                    found: noun.clone(),
                });
            }
        }
        let parts = [
            &file.system,
            &Some(file.user.clone()),
            &file.again,
            &file.reply,
        ];
        let wording = format!("{:?}", (&file.noun, &file.nouns, file.ordinals, parts));
        let filler = Filler {
            source,
            text,
            noun: &file.noun,
            labels: &labels,
        };
        let user = filler.user(&file.user)?;
        let constant = |entry, text: Option<&String>| {
            text.map(|text| filler.constant(entry, text)).transpose()
        };
        Ok(Self {
            system: constant("system", file.system.as_ref())?,
            again: constant("again", file.again.as_ref())?,
            reply: constant("reply", file.reply.as_ref())?,
            user,
            name: file.name,
            notes: file.notes,
            noun: file.noun,
            nouns: file.nouns,
            labels,
            ordinals: file.ordinals,
            sha256: Sha256Sum::of(text.as_bytes()),
            wording: Sha256Sum::of(wording.as_bytes()),
        })
    }

    /// What is recorded of it with an agent. Templates that differ in their labels alone have the same wording.
    #[must_use]
    pub fn describe(&self) -> serde_json::Value {
        serde_json::json!({
            "name": self.name,
            "sha256": self.sha256,
            "labels": self.labels.all(),
            "wording": self.wording,
        })
    }

    /// What it asks for.
    #[must_use]
    pub fn asks(&self) -> Asks {
        let stimuli = self
            .user
            .iter()
            .filter(|piece| matches!(piece, Piece::Stimulus(_)));
        if stimuli.count() == 3 {
            Asks::OddOneOut
        } else {
            Asks::Readout
        }
    }
}

fn line_of(text: &str, at: usize) -> usize {
    1 + text.as_bytes()[..at.min(text.len())]
        .iter()
        .filter(|&&b| b == b'\n')
        .count()
}

/// Fills the placeholders of one file.
struct Filler<'a> {
    source: &'a str,
    text: &'a str,
    noun: &'a str,
    labels: &'a Labels,
}

impl Filler<'_> {
    fn constant(&self, entry: &str, text: &str) -> Result<String, TemplateError> {
        let expected = "{noun}, {labels}, {label1}, {label2} or {label3}";
        let mut out = String::new();
        self.fill((entry, text), expected, &mut |piece| match piece {
            Piece::Text(text) => {
                out += &text;
                true
            }
            Piece::Stimulus(_) => false,
        })?;
        Ok(out)
    }

    fn user(&self, text: &str) -> Result<Vec<Piece>, TemplateError> {
        let expected = "{first}, {second}, {third}, {stimulus}, {noun}, {labels}, {label1}, {label2} or {label3}";
        let mut pieces: Vec<Piece> = Vec::new();
        self.fill(("user", text), expected, &mut |piece| {
            match (pieces.last_mut(), piece) {
                (Some(Piece::Text(last)), Piece::Text(text)) => *last += &text,
                (_, piece) => pieces.push(piece),
            }
            true
        })?;
        let shown: Vec<usize> = pieces
            .iter()
            .filter_map(|piece| match piece {
                Piece::Stimulus(place) => Some(*place),
                Piece::Text(_) => None,
            })
            .collect();
        if shown != [0, 1, 2] && shown != [READOUT] {
            let name = |&place: &usize| format!("{{{}}}", PLACES.get(place).unwrap_or(&"stimulus"));
            let found = match shown.is_empty() {
                true => "no stimulus".to_owned(),
                false => shown.iter().map(name).collect::<Vec<_>>().join(", "),
            };
            return Err(TemplateError::Places {
                name: self.source.to_owned(),
                found,
            });
        }
        if let Some(Piece::Stimulus(place)) = pieces
            .iter_mut()
            .find(|piece| **piece == Piece::Stimulus(READOUT))
        {
            *place = 0;
        }
        Ok(pieces)
    }

    /// Hands the pieces of an entry's text to `take`, which says whether the piece may stand there.
    fn fill(
        &self,
        (entry, text): (&str, &str),
        expected: &'static str,
        take: &mut dyn FnMut(Piece) -> bool,
    ) -> Result<(), TemplateError> {
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            take(Piece::Text(rest[..at].to_owned()));
            let (brace, after) = rest[at..].split_at(1);
            if let Some(after) = after.strip_prefix(brace) {
                take(Piece::Text(brace.to_owned()));
                rest = after;
                continue;
            }
            let end = after.find('}').filter(|_| brace == "{");
            let inside = &after[..end.unwrap_or(0)];
            let piece = match inside {
                "noun" => Some(Piece::Text(self.noun.to_owned())),
                "labels" => Some(Piece::Text(self.labels.to_string())),
                "label1" | "label2" | "label3" => {
                    let place = usize::from(inside.as_bytes()[5] - b'1');
                    Some(Piece::Text(self.labels.all()[place].clone()))
                }
                "stimulus" => Some(Piece::Stimulus(READOUT)),
                _ => PLACES
                    .iter()
                    .position(|&place| place == inside)
                    .map(Piece::Stimulus),
            };
            let fits = match (end, piece) {
                (Some(_), Some(piece)) => take(piece),
                _ => false,
            };
            let Some(end) = end.filter(|_| fits) else {
                let found = inside.chars().take(40).collect::<String>();
                return Err(TemplateError::Placeholder {
                    name: self.source.to_owned(),
                    line: self.line(entry, &format!("{brace}{found}")),
                    found,
                    expected,
                });
            };
            rest = &after[end + 1..];
        }
        take(Piece::Text(rest.to_owned()));
        Ok(())
    }
}

impl Filler<'_> {
    /// The line on which `written` stands in the text of an entry, or else that of the entry.
    fn line(&self, entry: &str, written: &str) -> usize {
        let begins = |line: &str| {
            let rest = line.trim_start().strip_prefix(entry);
            rest.is_some_and(|rest| rest.trim_start().starts_with('='))
        };
        let before: usize = self
            .text
            .split_inclusive('\n')
            .take_while(|line| !begins(line))
            .map(str::len)
            .sum();
        let at = self.text[before..].find(written).unwrap_or(0);
        line_of(self.text, before + at)
    }
}

/// Stands for `{stimulus}` until the places are checked.
const READOUT: usize = usize::MAX;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SOUND: &str =
        "name = \"t\"\nuser = \"{noun} {label1}: {first} / {second} / {third} {{x}} {labels}\"\n";

    #[test]
    fn templates_that_differ_in_their_labels_alone_have_the_same_wording() {
        let with = |line: &str| Template::parse("t.toml", &format!("{line}\n{SOUND}")).unwrap();
        let (plain, letters) = (with(""), with("labels = [\"A\", \"B\", \"C\"]"));
        assert_ne!(plain.sha256, letters.sha256);
        assert_eq!(plain.wording, letters.wording);
        assert_ne!(plain.wording, with("noun = \"Clip\"").wording);
        assert_ne!(plain.wording, with("again = \"{labels}?\"").wording);
        assert_eq!(letters.describe()["labels"][2], "C");
    }

    #[test]
    fn placeholders_become_text_and_places() {
        let template = Template::parse("t.toml", SOUND).unwrap();
        let text = |text: &str| Piece::Text(text.to_owned());
        assert_eq!(
            template.user,
            [
                text("Video 1: "),
                Piece::Stimulus(0),
                text(" / "),
                Piece::Stimulus(1),
                text(" / "),
                Piece::Stimulus(2),
                text(" {x} 1, 2 or 3")
            ]
        );
        assert_eq!(template.asks(), Asks::OddOneOut);
        let readout = Template::parse("r", "name = \"r\"\nuser = \"{stimulus}: \"").unwrap();
        assert_eq!(
            (readout.asks(), &readout.user[1]),
            (Asks::Readout, &Piece::Stimulus(0))
        );
    }

    #[test]
    fn a_file_of_the_study_goes_before_the_preset_of_its_name() {
        let study = tempfile::tempdir().unwrap();
        let preset = Template::find(study.path(), "choose-captions").unwrap();
        assert_eq!(preset, presets::get("choose-captions").unwrap());
        fs::create_dir(study.path().join("prompts")).unwrap();
        fs::write(study.path().join("prompts/choose-captions.toml"), SOUND).unwrap();
        let own = Template::find(study.path(), "choose-captions").unwrap();
        assert_eq!(own.sha256, Sha256Sum::of(SOUND.as_bytes()));
        assert!(Template::find(study.path(), "other").is_err());
    }

    #[test]
    fn the_hash_is_that_of_the_text() {
        let one = Template::parse("t", SOUND).unwrap();
        assert_eq!(one.sha256, Sha256Sum::of(SOUND.as_bytes()));
        assert_ne!(
            one.sha256,
            Template::parse("t", &format!("{SOUND}# x\n"))
                .unwrap()
                .sha256
        );
    }

    #[test]
    fn faults_name_their_line() {
        let message = |text: &str| Template::parse("p.toml", text).unwrap_err().to_string();
        let unknown = message("name = \"t\"\ncolour = 1\nuser = \"\"");
        assert!(
            unknown.contains("line 2") && unknown.contains("colour"),
            "{unknown}"
        );
        let placeholder = message("name = \"t\"\n\nuser = \"\"\"a\n{fourth}\"\"\"");
        assert!(
            placeholder.contains("line 4") && placeholder.contains("{fourth}"),
            "{placeholder}"
        );
        for user in [
            "{first}",
            "{second}{first}{third}",
            "{stimulus}{first}",
            "none",
            "{first}{second}{third}{third}",
        ] {
            let text = format!("name = \"t\"\nuser = \"{user}\"");
            assert!(
                matches!(
                    Template::parse("p", &text),
                    Err(TemplateError::Places { .. })
                ),
                "{user}"
            );
        }
        for entry in [
            "system = \"{first}\"",
            "again = \"{\"",
            "reply = \"}\"",
            "system = \"{noun\"",
        ] {
            let text = format!("{SOUND}{entry}\n");
            let error = Template::parse("p", &text).unwrap_err();
            assert!(
                matches!(error, TemplateError::Placeholder { line: 3, .. }),
                "{error}"
            );
        }
        assert!(
            message(&format!("{SOUND}labels = [\"1\", \"1\", \"2\"]")).contains("three different")
        );
        assert!(message(&format!("{SOUND}noun = \"Video clip\"")).contains("no single word"));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(user in ".{0,60}", text in "(name|user|\\{|\\}|=|\"|\n|first|é){0,40}") {
            let _ = Template::parse("p", &text);
            let _ = Template::parse("p", &format!("name = 't'\nuser = {user:?}"));
        }
    }
}
