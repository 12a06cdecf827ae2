//! `readout`: how a model would name one stimulus, as features from which choices follow.
//!
//! A [`Readout`] holds log-probabilities of emotion words as the next token after a prompt that shows
//! one stimulus, for several prompts. A small model that cannot compare three stimuli in one prompt
//! may still name each of them; [`ReadoutJudge`] compares the names. Readouts come from a model in
//! the process, or from a server that lists enough log-probabilities ([`ReadoutQuestions`]).

mod ask;
mod judge;

pub use ask::{ReadoutAskError, ReadoutFill, ReadoutParams, ReadoutQuestions, Row, RowFault};
pub use judge::{ReadoutJudge, ReadoutJudgeError};

use crate::prompt::{Piece, Template};
use emotome_stimuli::StimulusSet;
use emotome_stimuli::array::{ArrayError, Place, read_npy, write_npy};
use emotome_stimuli::output::{OutputError, Overwrite, write_json};
use ndarray::{Array3, Ix3};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

/// The largest sidecar that is read.
const MAX_SIDECAR: u64 = 256 << 20;

/// Log-probabilities of words after stimuli.
#[derive(Debug, Clone, PartialEq)]
pub struct Readout {
    /// The words, in column order.
    pub words: Vec<ReadoutWord>,
    /// The prompts: name, and text with a place for the stimulus.
    pub prompts: Vec<(String, String)>,
    /// The stimuli, in row order.
    pub stimuli: StimulusSet,
    /// `ln p(word | prompt, stimulus)`, prompts × stimuli × words; all finite. A word's probability is
    /// the sum over its spellings ([`spellings`]) that are one token.
    pub values: Array3<f32>,
    /// What it was made with: model, checksums, versions.
    pub provenance: Map<String, Value>,
}

/// A word of a readout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadoutWord {
    /// The word, in lower case.
    pub word: String,
    /// The emotion it stands for, where that is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
}

/// Name and text of a prompt, with a place for the stimulus.
pub(crate) fn written(template: &Template) -> (String, String) {
    let place = |piece: &Piece| match piece {
        Piece::Text(text) => text.clone(),
        Piece::Stimulus(_) => "{stimulus}".to_owned(),
    };
    let user: String = template.user.iter().map(place).collect();
    let reply = template.reply.as_deref().unwrap_or_default();
    let system = template.system.as_deref().unwrap_or_default();
    let text = [system, &user, reply].join("\n");
    (template.name.clone(), text.trim().to_owned())
}

/// The spellings of a word whose probabilities are summed: `word`, ` word`, `Word`, ` Word`.
///
/// ```
/// assert_eq!(emotome_judges::readout::spellings("joy"), ["joy", " joy", "Joy", " Joy"]);
/// ```
#[must_use]
pub fn spellings(word: &str) -> [String; 4] {
    let mut letters = word.chars();
    let first = letters.next().map(|c| c.to_uppercase().collect::<String>());
    let capital = first.unwrap_or_default() + &letters.as_str().to_lowercase();
    [
        word.to_owned(),
        format!(" {word}"),
        capital.clone(),
        format!(" {capital}"),
    ]
}

/// Why a readout cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadoutError {
    /// The array cannot be read or written.
    #[error(transparent)]
    Array(#[from] ArrayError),
    /// The sidecar cannot be written.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// The sidecar cannot be read.
    #[error("{path}: the description of the readout cannot be read: {source}", path = path.display())]
    Io {
        /// The sidecar.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The sidecar does not say what the array holds.
    #[error("{path}: {what}; expected the entries Words, Keys and Prompts that a readout is written with", path = path.display())]
    Sidecar {
        /// The sidecar.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// Array and labels differ in length.
    #[error(
        "the readout has shape {found:?}, but there are {prompts} prompts, {stimuli} stimuli and {words} words; expected \
         prompts × stimuli × words"
    )]
    Shape {
        /// The shape.
        found: Vec<usize>,
        /// Prompts.
        prompts: usize,
        /// Stimuli.
        stimuli: usize,
        /// Words.
        words: usize,
    },
    /// A value is no log-probability.
    #[error(
        "the value of prompt {prompt}, stimulus {stimulus}, word {word:?} is {value}; expected a finite number of at most 0"
    )]
    Value {
        /// The prompt.
        prompt: String,
        /// The stimulus.
        stimulus: String,
        /// The word.
        word: String,
        /// The value.
        value: f32,
    },
}

/// The sidecar, as far as it is read.
#[derive(Deserialize)]
struct Sidecar {
    #[serde(rename = "Words")]
    words: Vec<ReadoutWord>,
    #[serde(rename = "Keys")]
    keys: Vec<String>,
    #[serde(rename = "Prompts")]
    prompts: Map<String, Value>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

impl Readout {
    /// Checks shape and values.
    ///
    /// # Errors
    /// [`ReadoutError::Shape`], [`ReadoutError::Value`].
    pub fn check(self) -> Result<Self, ReadoutError> {
        let expected = [self.prompts.len(), self.stimuli.len(), self.words.len()];
        if self.values.shape() != expected {
            return Err(ReadoutError::Shape {
                found: self.values.shape().to_vec(),
                prompts: expected[0],
                stimuli: expected[1],
                words: expected[2],
            });
        }
        // Sums over spellings may round to just above 0.
        let bad = self
            .values
            .indexed_iter()
            .find(|(_, value)| !(value.is_finite() && **value <= 1e-4));
        match bad {
            None => Ok(self),
            Some(((prompt, stimulus, word), &value)) => Err(ReadoutError::Value {
                prompt: self.prompts[prompt].0.clone(),
                stimulus: self.stimuli.keys()[stimulus].to_string(),
                word: self.words[word].word.clone(),
                value,
            }),
        }
    }

    /// Reads `NAME.npy` and the description beside it, `NAME.json`.
    ///
    /// # Errors
    /// [`ReadoutError`] names the file and what is wrong.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, ReadoutError> {
        let path = path.as_ref();
        let beside = path.with_extension("json");
        let failed = |source| ReadoutError::Io {
            path: beside.clone(),
            source,
        };
        let wrong = |what: String| ReadoutError::Sidecar {
            path: beside.clone(),
            what,
        };
        let file = File::open(&beside).map_err(failed)?;
        let bounded = BufReader::new(file.take(MAX_SIDECAR));
        let sidecar: Sidecar =
            serde_json::from_reader(bounded).map_err(|error| wrong(error.to_string()))?;
        let stimuli =
            StimulusSet::from_labels(sidecar.keys).map_err(|error| wrong(error.to_string()))?;
        let text =
            |(name, text): (String, Value)| (name, text.as_str().unwrap_or_default().to_owned());
        let place = Place {
            path: path.to_owned(),
            member: None,
        };
        let values = read_npy(path)?.into_f64(&place)?;
        let shape = values.shape().to_vec();
        let prompts: Vec<(String, String)> = sidecar.prompts.into_iter().map(text).collect();
        let lengths = (prompts.len(), stimuli.len(), sidecar.words.len());
        let values = values
            .into_dimensionality::<Ix3>()
            .map_err(|_| ReadoutError::Shape {
                found: shape,
                prompts: lengths.0,
                stimuli: lengths.1,
                words: lengths.2,
            })?;
        Self {
            words: sidecar.words,
            prompts,
            stimuli,
            values: values.mapv(|value| value as f32),
            provenance: sidecar.rest,
        }
        .check()
    }

    /// Writes `NAME.npy` (`f4`) and the description beside it, `NAME.json`.
    ///
    /// # Errors
    /// [`ReadoutError::Array`], [`ReadoutError::Output`].
    pub fn write(&self, path: impl AsRef<Path>, overwrite: Overwrite) -> Result<(), ReadoutError> {
        let path = path.as_ref();
        write_npy(path, overwrite, self.values.view())?;
        let mut sidecar = self.provenance.clone();
        let mut put = |name: &str, value: Value| sidecar.insert(name.to_owned(), value);
        put("Quantity", "natural logarithm of the summed probability of the word's one-token spellings (word, space+word, Word, space+Word)".into());
        put("Shape", serde_json::json!(["template", "stimulus", "word"]));
        put("Dtype", "float32".into());
        put(
            "Prompts",
            self.prompts
                .iter()
                .map(|(name, text)| (name.clone(), Value::from(text.as_str())))
                .collect::<Map<_, _>>()
                .into(),
        );
        put("Words", serde_json::json!(self.words));
        put(
            "Keys",
            self.stimuli
                .keys()
                .iter()
                .map(|key| Value::from(key.as_str()))
                .collect(),
        );
        write_json(path.with_extension("json"), overwrite, &sidecar)?;
        Ok(())
    }
}
