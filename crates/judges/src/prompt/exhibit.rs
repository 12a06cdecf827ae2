//! What is shown in the place of a stimulus.

use super::captions::CaptionDeck;
use crate::judge::trial_stream;
use bytes::Bytes;
use emotome_stats::random::mix;
use emotome_stimuli::StimulusId;
use emotome_stimuli::digest::Sha256Sum;
use emotome_triplets::Trial;
use serde::Serialize;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// What the parts of a medium are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MediaKind {
    /// Still pictures: an image, or frames of a clip.
    Image,
    /// A clip.
    Video,
}

/// How a picture or clip travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Carrier {
    /// Its bytes stand in the request.
    Data,
    /// The server reads it from its own disk: a `file://` address.
    File,
    /// The server fetches it: an `https://` address.
    Https,
}

/// One picture or clip.
#[derive(Debug, Clone)]
pub struct Medium {
    /// The media type, e.g. `image/png` or `video/mp4`.
    pub mime: Cow<'static, str>,
    /// The bytes, or where the server finds them.
    pub content: Content,
    /// The checksum of the bytes.
    pub sha256: Sha256Sum,
}

/// The bytes of a picture or clip, or where they are.
#[derive(Debug, Clone)]
pub enum Content {
    /// The bytes; cloning shares them.
    Bytes(Bytes),
    /// A `file://` or `https://` address.
    Url(String),
}

/// Why a stimulus cannot be shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("stimulus {stimulus} cannot be shown: {what}")]
pub struct MediaError {
    /// The stimulus.
    pub stimulus: StimulusId,
    /// What stands in the way.
    pub what: String,
}

/// Pictures and clips by stimulus: files of a study, frames sampled from its clips.
///
/// Every medium of a source is of one kind and travels in one way, so that a request in which they
/// could not be sent is refused before the first trial.
pub trait MediaSource: Send + Sync {
    /// The number of stimuli; ids are `0..n_stimuli`.
    fn n_stimuli(&self) -> usize;

    /// What the media are, and how they travel.
    fn carriage(&self) -> (MediaKind, Carrier);

    /// What to show of a stimulus: one image, one clip, or frames in the order of time. The same at every call.
    ///
    /// # Errors
    /// [`MediaError`] says what stands in the way.
    fn media(&self, stimulus: StimulusId) -> Result<Vec<Medium>, MediaError>;

    /// Everything that makes the media what they are (policy, fps, size), for the record.
    fn describe(&self) -> serde_json::Value;
}

/// What is shown of each stimulus.
#[derive(Clone)]
pub enum Shown {
    /// Words.
    Captions(CaptionDeck),
    /// Pictures or clips.
    Media(Arc<dyn MediaSource>),
}

/// What is shown of one stimulus in one trial.
#[derive(Debug, Clone)]
pub enum Exhibit<'a> {
    /// Words.
    Text(Cow<'a, str>),
    /// Pictures or clips.
    Media(Vec<Medium>),
}

impl Shown {
    /// The number of stimuli; ids are `0..n_stimuli`.
    #[must_use]
    pub fn n_stimuli(&self) -> usize {
        match self {
            Self::Captions(deck) => deck.n_stimuli(),
            Self::Media(source) => source.n_stimuli(),
        }
    }

    /// What to show of a stimulus in a trial: the same in whichever order the trial is presented
    /// within one dialogue.
    ///
    /// # Errors
    /// [`MediaError`] if it has no caption, or its medium cannot be had.
    pub fn of(&self, trial: &Trial, stimulus: StimulusId) -> Result<Exhibit<'_>, MediaError> {
        match self {
            Self::Captions(deck) => {
                let stream = trial_stream(trial) ^ mix(u64::from(stimulus.0));
                deck.at(stream, stimulus).map(Exhibit::Text)
            }
            Self::Media(source) => source.media(stimulus).map(Exhibit::Media),
        }
    }

    /// What to show of a stimulus on its own: of captions drawn for each trial, one drawn for the stimulus.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub fn alone(&self, stimulus: StimulusId) -> Result<Exhibit<'_>, MediaError> {
        match self {
            Self::Captions(deck) => deck
                .at(mix(u64::from(stimulus.0)), stimulus)
                .map(Exhibit::Text),
            Self::Media(source) => source.media(stimulus).map(Exhibit::Media),
        }
    }

    /// What it is, for the record.
    #[must_use]
    pub fn describe(&self) -> serde_json::Value {
        match self {
            Self::Captions(deck) => {
                serde_json::json!({ "captions": deck.policy(), "texts": deck.sha256() })
            }
            Self::Media(source) => source.describe(),
        }
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.describe(), f)
    }
}
