//! A stimulus, its key, and the ordered set of stimuli of a study.

use std::collections::HashMap;
use std::fmt;

/// Row of a stimulus in a [`StimulusSet`], counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(transparent)]
pub struct StimulusId(pub u32);

impl StimulusId {
    /// The row as an array index.
    #[must_use]
    #[inline]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for StimulusId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The label that identifies a stimulus in every file of a study, e.g. `0412.mp4` or `aardvark`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StimulusKey(String);

impl StimulusKey {
    /// Makes a key from a non-empty label without tabs, line breaks or surrounding blanks.
    ///
    /// # Errors
    /// [`KeyError::Malformed`] otherwise: such a label would not survive a round trip through TSV.
    pub fn new(label: impl Into<String>) -> Result<Self, KeyError> {
        let label = label.into();
        if label.is_empty() || label.trim() != label || label.contains(|c: char| c.is_control()) {
            return Err(KeyError::Malformed { label });
        }
        Ok(Self(label))
    }

    /// The label.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StimulusKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why labels cannot serve as stimulus keys.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// The label is empty or has control characters or surrounding blanks.
    #[error(
        "stimulus key {label:?} is empty, has blanks around it or holds a control character; \
         expected a plain label such as \"0412.mp4\": rename it in the table"
    )]
    Malformed {
        /// The label found.
        label: String,
    },
    /// Two stimuli share a key.
    #[error(
        "stimulus key {key:?} stands in rows {first} and {second} (counted from 1); keys must be unique: remove or rename one"
    )]
    Duplicate {
        /// The key found twice.
        key: String,
        /// Row of its first appearance.
        first: usize,
        /// Row of its second appearance.
        second: usize,
    },
    /// A key is not in the set.
    #[error(
        "stimulus {key:?} is not among the {n} stimuli of this study; add it to stimuli.tsv or drop its rows"
    )]
    Unknown {
        /// The key found.
        key: String,
        /// The number of stimuli in the set.
        n: usize,
    },
    /// More stimuli than a [`StimulusId`] can count.
    #[error("{n} stimuli found, at most {max} can be numbered; split the study", max = u32::MAX)]
    TooMany {
        /// The number of stimuli found.
        n: usize,
    },
}

/// The ordered, duplicate-free stimuli of a study: the only place where ids meet keys.
///
/// ```
/// use emotome_stimuli::{StimulusId, StimulusSet};
/// let set = StimulusSet::from_labels(["fog", "kiss", "wasp"])?;
/// assert_eq!(set.id("kiss")?, StimulusId(1));
/// assert_eq!(set.key(StimulusId(2)).as_str(), "wasp");
/// # Ok::<(), emotome_stimuli::stimulus::KeyError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct StimulusSet {
    keys: Vec<StimulusKey>,
    ids: HashMap<StimulusKey, StimulusId>,
}

impl PartialEq for StimulusSet {
    fn eq(&self, other: &Self) -> bool {
        self.keys == other.keys
    }
}

impl StimulusSet {
    /// The set of the given labels, in their order.
    ///
    /// # Errors
    /// [`KeyError`] for a malformed or repeated label.
    pub fn from_labels<S: Into<String>>(
        labels: impl IntoIterator<Item = S>,
    ) -> Result<Self, KeyError> {
        let mut set = Self::default();
        for label in labels {
            let key = StimulusKey::new(label)?;
            let row = set.keys.len();
            let id = StimulusId(u32::try_from(row).map_err(|_| KeyError::TooMany { n: row })?);
            if let Some(first) = set.ids.insert(key.clone(), id) {
                return Err(KeyError::Duplicate {
                    key: key.0,
                    first: first.index() + 1,
                    second: row + 1,
                });
            }
            set.keys.push(key);
        }
        Ok(set)
    }

    /// The number of stimuli.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is no stimulus.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// All keys in id order.
    #[must_use]
    pub fn keys(&self) -> &[StimulusKey] {
        &self.keys
    }

    /// The key of a stimulus.
    ///
    /// # Panics
    /// If the id does not belong to this set.
    #[must_use]
    pub fn key(&self, id: StimulusId) -> &StimulusKey {
        &self.keys[id.index()]
    }

    /// The id of a label.
    ///
    /// # Errors
    /// [`KeyError::Unknown`] if no stimulus has it.
    pub fn id(&self, label: &str) -> Result<StimulusId, KeyError> {
        self.get(label).ok_or_else(|| KeyError::Unknown {
            key: label.to_owned(),
            n: self.len(),
        })
    }

    /// The id of a label, if a stimulus has it.
    #[must_use]
    pub fn get(&self, label: &str) -> Option<StimulusId> {
        // A malformed label cannot be in the set, so it need not be checked here.
        self.ids.get(&StimulusKey(label.to_owned())).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_label_is_refused_with_both_rows() {
        let error = StimulusSet::from_labels(["a", "b", "a"]).unwrap_err();
        assert_eq!(
            error,
            KeyError::Duplicate {
                key: "a".into(),
                first: 1,
                second: 3
            }
        );
    }

    #[test]
    fn labels_that_would_not_survive_tsv_are_refused() {
        for label in ["", " a", "a\tb", "a\n"] {
            assert!(StimulusKey::new(label).is_err(), "{label:?} was accepted");
        }
    }
}
