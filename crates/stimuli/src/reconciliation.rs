//! Which stimuli a study of the Cowen & Keltner videos means by 2,196, 2,185, 2,181 or 2,180.
//!
//! | list | stimuli |
//! |---|---|
//! | 2196 | every presentation in the scanner, 61 runs × 36; labels 2186 to 2196 show files 1 to 11 again |
//! | 2185 | every file of Cowen & Keltner (2017), labels 1 to 2185 |
//! | 2181 | one label of each of the 15 pairs that show the same clip dropped (Horikawa et al. 2020) |
//! | 2180 | one more dropped; which one is not published, so it must be given |
//!
//! The 15 pairs are the only repeats within a subject: [`repeats`] keeps them at hand. Labels, files and
//! lists stand in `presets/emotion2020_stimuli.tsv`.

use std::fmt;
use std::str::FromStr;

use ndarray::Axis;

use crate::captions::{Captions, CaptionsError};
use crate::ratings::RatingsTable;
use crate::stimulus::{KeyError, StimulusSet};

const PRESET: &str = include_str!("../presets/emotion2020_stimuli.tsv");

/// The number of labels.
pub const LABELS: u32 = 2196;

/// A label of the 2020 study and the file it showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Presentation {
    /// The label, from 1 to 2196: the row of the published features and captions.
    pub label: u32,
    /// The file shown, e.g. `0001.mp4`: the key of the published ratings.
    pub file: &'static str,
    /// The earlier label that shows the same clip.
    pub duplicate_of: Option<u32>,
    /// Whether the label is among the 2,185.
    pub in_2185: bool,
    /// Whether the label is among the 2,181.
    pub in_2181: bool,
    /// A label with a nearly identical clip: a candidate for the clip dropped from the 2,180.
    pub near_duplicate: Option<u32>,
}

/// An explicit list of stimuli.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// All 2,196 presentations.
    Presented2196,
    /// The 2,185 files.
    Files2185,
    /// The 2,181 unique clips.
    Unique2181,
    /// The 2,181 without one more.
    Unique2180 {
        /// The label left out.
        dropped: u32,
    },
}

/// Why a list is not known.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReconciliationError {
    /// The name is that of no list.
    #[error("{found:?} names no list of stimuli; expected 2196, 2185, 2181, or 2180-LABEL")]
    UnknownList {
        /// The name found.
        found: String,
    },
    /// The 2,180 need to be told which one is dropped.
    #[error(
        "which clip was dropped from the 2,181 to make 2,180 is not published, and is not guessed here; \
         name its label, as in 2180-{example}, or use 2181. Near duplicates, by their captions: {candidates}",
        example = near_duplicates().first().map_or(0, |pair| pair.0),
        candidates = near_duplicates().iter().map(|(a, b)| format!("({a}, {b})")).collect::<Vec<_>>().join(", ")
    )]
    Unpublished,
    /// The label to drop is not there.
    #[error(
        "label {label} is not among the 2,181 stimuli{hint}; name one that is, to be left out of the 2,180"
    )]
    NotIn2181 {
        /// The label.
        label: u32,
        /// Why not.
        hint: String,
    },
}

impl FromStr for List {
    type Err = ReconciliationError;

    /// `2196`, `2185`, `2181`, or `2180-LABEL` with the label to be left out.
    fn from_str(text: &str) -> Result<Self, ReconciliationError> {
        let unknown = || ReconciliationError::UnknownList {
            found: text.to_owned(),
        };
        match text {
            "2196" => Ok(Self::Presented2196),
            "2185" => Ok(Self::Files2185),
            "2181" => Ok(Self::Unique2181),
            "2180" => Err(ReconciliationError::Unpublished),
            _ => {
                let label = text
                    .strip_prefix("2180-")
                    .and_then(|label| label.parse().ok())
                    .ok_or_else(unknown)?;
                match presentation(label) {
                    Some(shown) if shown.in_2181 => Ok(Self::Unique2180 { dropped: label }),
                    found => Err(ReconciliationError::NotIn2181 {
                        label,
                        hint: found.map_or_else(
                            || format!(" (labels run from 1 to {LABELS})"),
                            |_| " (it is dropped already as a duplicate)".to_owned(),
                        ),
                    }),
                }
            }
        }
    }
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Presented2196 => f.write_str("2196"),
            Self::Files2185 => f.write_str("2185"),
            Self::Unique2181 => f.write_str("2181"),
            Self::Unique2180 { dropped } => write!(f, "2180-{dropped}"),
        }
    }
}

/// All 2,196 presentations, by label.
pub fn presentations() -> impl Iterator<Item = Presentation> {
    PRESET.lines().skip(1).filter_map(parse)
}

/// The presentation of a label, if there is one.
#[must_use]
pub fn presentation(label: u32) -> Option<Presentation> {
    presentations().find(|shown| shown.label == label)
}

/// The 15 pairs of labels that show the same clip, (earlier, later): the only repeats within a subject.
///
/// ```
/// assert_eq!(emotome_stimuli::reconciliation::repeats().len(), 15);
/// ```
#[must_use]
pub fn repeats() -> Vec<(u32, u32)> {
    presentations()
        .filter_map(|shown| Some((shown.duplicate_of?, shown.label)))
        .collect()
}

/// The pairs of labels that are nearly, but not certainly, the same clip.
#[must_use]
pub fn near_duplicates() -> Vec<(u32, u32)> {
    let pairs = presentations().filter_map(|shown| Some((shown.label, shown.near_duplicate?)));
    pairs.filter(|(a, b)| a < b).collect()
}

impl List {
    /// The presentations of the list, by label: the explicit include list.
    ///
    /// ```
    /// use emotome_stimuli::reconciliation::List;
    /// let list: List = "2181".parse()?;
    /// assert_eq!(list.include().len(), 2181);
    /// # Ok::<(), emotome_stimuli::reconciliation::ReconciliationError>(())
    /// ```
    #[must_use]
    pub fn include(self) -> Vec<Presentation> {
        let kept = presentations().filter(|shown| match self {
            Self::Presented2196 => true,
            Self::Files2185 => shown.in_2185,
            Self::Unique2181 => shown.in_2181,
            Self::Unique2180 { dropped } => shown.in_2181 && shown.label != dropped,
        });
        kept.collect()
    }

    /// The key of a presentation in this list: its file, so that ratings join it; among the 2,196, where
    /// eleven files are shown twice, the second showing of `0001.mp4` is `0001.mp4#2186`.
    #[must_use]
    pub fn key(self, shown: &Presentation) -> String {
        match self {
            Self::Presented2196 if !shown.in_2185 => format!("{}#{}", shown.file, shown.label),
            _ => shown.file.to_owned(),
        }
    }

    /// The stimuli of the list, by label.
    ///
    /// # Errors
    /// [`KeyError`] never, unless the preset is damaged.
    pub fn stimuli(self) -> Result<StimulusSet, KeyError> {
        StimulusSet::from_labels(self.include().iter().map(|shown| self.key(shown)))
    }

    /// Captions whose keys are labels (`1` or `0001`), under the keys of this list; also the number of
    /// labels left out because the list does not have them.
    ///
    /// # Errors
    /// [`CaptionsError::Key`] if two labels are the same number.
    pub fn captions(self, labelled: &Captions) -> Result<(Captions, usize), CaptionsError> {
        let include = self.include();
        let captions = labelled.relabel(|label| {
            let label: u32 = label.parse().ok()?;
            let at = include
                .binary_search_by_key(&label, |shown| shown.label)
                .ok()?;
            Some(self.key(&include[at]))
        })?;
        let left_out = labelled.stimuli.len() - captions.stimuli.len();
        Ok((captions, left_out))
    }

    /// Ratings whose keys are files (`0001.mp4`), for the stimuli of this list that have any; a file shown
    /// twice is rated the same both times.
    ///
    /// # Errors
    /// [`KeyError`] never, unless the preset is damaged.
    pub fn ratings(self, by_file: &RatingsTable) -> Result<RatingsTable, KeyError> {
        let rated = |shown: &Presentation| {
            Some((self.key(shown), by_file.stimuli.get(shown.file)?.index()))
        };
        let (keys, rows): (Vec<String>, Vec<usize>) =
            self.include().iter().filter_map(rated).unzip();
        Ok(RatingsTable {
            stimuli: StimulusSet::from_labels(keys)?,
            values: by_file.values.select(Axis(0), &rows),
            ..by_file.clone()
        })
    }
}

fn parse(line: &'static str) -> Option<Presentation> {
    let mut cells = line.split('\t');
    let mut next = || cells.next();
    Some(Presentation {
        label: next()?.parse().ok()?,
        file: next()?,
        duplicate_of: next()?.parse().ok(),
        in_2185: next()? == "1",
        in_2181: next()? == "1",
        near_duplicate: next()?.parse().ok(),
    })
}
