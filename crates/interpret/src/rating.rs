//! A rating scale as far as interpretation needs it: its name, and what kind of thing it measures.

use emotome_stimuli::ratings::Kind;
use serde::{Deserialize, Serialize};

/// What a rating measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RatingKind {
    /// Presence of an emotion category, e.g. awe.
    Category,
    /// Position on an affective dimension with two poles, e.g. valence.
    Dimension,
}

/// A rating scale: a column of the ratings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rating {
    /// Its name, as labels show it.
    pub name: String,
    /// What it measures.
    pub kind: RatingKind,
}

/// A scale of which nobody said whether it is a category or a dimension.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "scale {scale:?} is neither said to be a category nor a dimension; state its kind beside the ratings, or \
     count the categories and dimensions"
)]
pub struct UnknownKind {
    /// The name of the scale.
    pub scale: String,
}

impl Rating {
    /// A scale of a table of ratings.
    ///
    /// # Errors
    /// [`UnknownKind`] where the table does not say what the scale measures.
    pub fn new(name: impl Into<String>, kind: Kind) -> Result<Self, UnknownKind> {
        let name = name.into();
        let kind = match kind {
            Kind::Category => RatingKind::Category,
            Kind::Dimension => RatingKind::Dimension,
            Kind::Unknown => return Err(UnknownKind { scale: name }),
        };
        Ok(Self { name, kind })
    }
}
