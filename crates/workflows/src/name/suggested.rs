//! `names.json`: the names that a model suggests, with everything they rest on.

use super::NameError;
use super::material::JoinedBy;
use emotome_embedding::Embedding;
use emotome_judges::naming::agreement::Agreement;
use emotome_judges::naming::discrimination::Discrimination;
use emotome_judges::naming::{Heard, NamingParams, Said};
use emotome_stimuli::digest::Sha256Sum;
use emotome_triplets::journal::Spent;
use emotome_triplets::{Cause, Usage};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// The version of the field names.
pub(super) const FORMAT: u32 = 1;

/// The most bytes of a file of names.
const MAX_BYTES: u64 = 1 << 30;

/// Names suggested by a model, with their provenance. Field names are stable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SuggestedNames {
    /// The version of these names.
    pub format: u32,
    /// The embedding whose dimensions are named.
    pub embedding: NamedEmbedding,
    /// What could be shown, and what was left out.
    pub stimuli: ShownStimuli,
    /// The model that named.
    pub judge: NamingModel,
    /// The model that said which stimuli the names fit.
    pub test_judge: NamingModel,
    /// How it was done.
    pub params: NamingParams,
    /// Over all dimensions asked for.
    pub overall: Overall,
    /// The dimensions asked for, in the order of the embedding.
    pub dimensions: Vec<SuggestedName>,
}

/// An embedding by its content.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NamedEmbedding {
    /// The file.
    pub path: PathBuf,
    /// Its stimuli.
    pub stimuli: usize,
    /// Its dimensions.
    pub dims: usize,
    /// The checksum of its shape and weights: [`checksum`].
    pub weights_sha256: Sha256Sum,
}

/// What could be shown, and what was left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShownStimuli {
    /// How the embedding and what is shown were brought together.
    pub joined: JoinedBy,
    /// Stimuli that examples are drawn from.
    pub shown: usize,
    /// Stimuli that neither captions nor study know.
    pub unknown: usize,
    /// Stimuli without a caption or file to show, those unknown included.
    pub nothing_to_show: usize,
    /// Stimuli flagged as sensitive that were left out for it; none are known without a study.
    pub sensitive: usize,
    /// Whether stimuli flagged as sensitive are shown.
    pub sensitive_shown: bool,
}

/// A model, and what asking it took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NamingModel {
    /// Its name as a judge.
    pub name: String,
    /// The model, as its server calls it, or its file.
    pub model: String,
    /// The checksum of its file; empty for one behind a server.
    pub revision: String,
    /// Everything that makes its replies what they are.
    pub settings: Value,
    /// The template: name and checksum.
    pub template: Value,
    /// Requests, tokens and money of all replies kept. Where `unpriced` is not 0 the cost is not known.
    pub spent: Spent,
    /// The currency of costs, if a price is known.
    pub currency: Option<String>,
}

/// Means over dimensions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Overall {
    /// Dimensions asked for.
    pub dimensions: usize,
    /// Of these, dimensions with a suggested name.
    pub named: usize,
    /// The mean similarity of names of the same dimension.
    pub similarity: Option<f64>,
    /// Chance: the mean similarity of names of different dimensions.
    pub chance: Option<f64>,
    /// The mean accuracy with which names tell held-out stimuli apart.
    pub accuracy: Option<f64>,
    /// Dimensions whose name does so better than chance.
    pub above_chance: usize,
}

/// A name suggested for a dimension.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SuggestedName {
    /// The dimension, counted from 1.
    pub dimension: usize,
    /// The medoid of all repeats; none if no repeat gave a name.
    pub name: Option<String>,
    /// What the model says that it is.
    pub sentence: Option<String>,
    /// Why it was not asked about, if it was not.
    pub not_asked: Option<String>,
    /// Stimuli that the high examples were drawn from.
    pub pool: usize,
    /// Of the stimuli that weigh most, as many as are candidates, those left out as sensitive.
    pub sensitive: usize,
    /// Every repeat.
    pub repeats: Vec<Repeat>,
    /// How far the names agree.
    pub agreement: Option<Agreement>,
    /// How well the name tells held-out stimuli apart.
    pub discrimination: Option<Discrimination>,
    /// Every held-out pair.
    pub pairs: Vec<Pair>,
}

/// A repeat: what was shown, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Repeat {
    /// The name.
    pub name: Option<String>,
    /// The sentence, if the model gave one.
    pub sentence: Option<String>,
    /// Why there is no name.
    pub cause: Option<Cause>,
    /// Keys of the high examples, as shown.
    pub high: Vec<String>,
    /// Keys of the low examples, as shown.
    pub low: Vec<String>,
    /// Every reply.
    pub replies: Vec<RawReply>,
}

/// A held-out pair.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// The key of the high stimulus.
    pub high: String,
    /// The key of the low stimulus.
    pub low: String,
    /// What was said with the high one first.
    pub high_first: FitAnswer,
    /// What was said with the low one first.
    pub low_first: FitAnswer,
}

/// What was said of a pair in one order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FitAnswer {
    /// Whether the high stimulus was named.
    pub right: Option<bool>,
    /// The probability of the high stimulus, where the model gives one.
    pub probability: Option<f64>,
    /// Why there is no answer.
    pub cause: Option<Cause>,
    /// Every reply.
    pub replies: Vec<RawReply>,
}

/// A reply as it came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RawReply {
    /// The hash of everything that was shown.
    pub prompt: String,
    /// The seed of the request.
    pub seed: Option<u64>,
    /// Milliseconds since 1970.
    pub at: u64,
    /// How often the request was sent.
    pub requests: u32,
    /// Milliseconds to the reply.
    pub latency_ms: u32,
    /// Tokens and money; unknown is none, never 0.
    pub usage: Usage,
    /// The reply.
    pub said: Said,
}

impl From<&Heard> for RawReply {
    fn from(heard: &Heard) -> Self {
        Self {
            prompt: format!("{:016x}", heard.prompt),
            seed: heard.seed,
            at: heard.at,
            requests: heard.requests,
            latency_ms: heard.latency_ms,
            usage: heard.usage,
            said: heard.said.clone(),
        }
    }
}

/// The checksum of an embedding's content: SHA-256 of n and d (u64) and the weights (f32) row by row, little-endian.
/// The same weights have it in any format of file.
#[must_use]
pub fn checksum(embedding: &Embedding) -> Sha256Sum {
    let values = embedding.values();
    let mut bytes = Vec::with_capacity(16 + 4 * values.len());
    for n in values.shape() {
        bytes.extend((*n as u64).to_le_bytes());
    }
    values
        .iter()
        .for_each(|value| bytes.extend(value.to_le_bytes()));
    Sha256Sum::of(&bytes)
}

/// Reads `names.json`, which must name dimensions of this embedding.
///
/// # Errors
/// [`NameError::Unreadable`] for another file, [`NameError::OtherEmbedding`] if the number of dimensions or the
/// weights are those of another embedding.
pub fn read_names(path: &Path, embedding: &Embedding) -> Result<SuggestedNames, NameError> {
    let unreadable = |what: String| NameError::Unreadable {
        path: path.to_owned(),
        what,
    };
    let bytes = fs::metadata(path)
        .map_err(|error| unreadable(error.to_string()))?
        .len();
    if bytes > MAX_BYTES {
        return Err(unreadable(format!(
            "{bytes} bytes are more than {MAX_BYTES}"
        )));
    }
    let text = fs::read(path).map_err(|error| unreadable(error.to_string()))?;
    let names: SuggestedNames =
        serde_json::from_slice(&text).map_err(|error| unreadable(error.to_string()))?;
    if names.format != FORMAT {
        return Err(unreadable(format!(
            "format {} is not {FORMAT}",
            names.format
        )));
    }
    let (of, dims) = (&names.embedding, embedding.n_dims());
    let other = |named: String, found: String| NameError::OtherEmbedding {
        path: path.to_owned(),
        named,
        found,
    };
    if of.dims != dims {
        return Err(other(format!("{} dimensions", of.dims), dims.to_string()));
    }
    if of.weights_sha256 != checksum(embedding) {
        return Err(other(
            "other weights".to_owned(),
            format!("{} × {dims} of its own", embedding.n_stimuli()),
        ));
    }
    if let Some(name) = names
        .dimensions
        .iter()
        .find(|name| !(1..=dims).contains(&name.dimension))
    {
        return Err(unreadable(format!(
            "dimension {} is none of {dims}",
            name.dimension
        )));
    }
    Ok(names)
}

impl SuggestedNames {
    /// The suggestion for a dimension, counted from 1, if it was asked for.
    #[must_use]
    pub fn of(&self, dimension: usize) -> Option<&SuggestedName> {
        self.dimensions
            .iter()
            .find(|name| name.dimension == dimension)
    }
}
