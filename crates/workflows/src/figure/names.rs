//! The figures by name, and what each is drawn from.

use super::choices::ChoicePicture;
use crate::interpret::Picture;
use std::fmt;

/// A figure by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FigureName {
    /// What embeddings and choices give.
    Choices(ChoicePicture),
    /// What embeddings and ratings give.
    Meaning(Picture),
}

/// What a figure cannot be drawn without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// At least one embedding.
    Embedding,
    /// At least two embeddings, of several agents or seeds.
    Embeddings,
    /// Ratings of the stimuli.
    Ratings,
    /// A file of choices.
    Triplets,
    /// Choices of at least two agents.
    SeveralTriplets,
    /// Choices of all triplets of a few stimuli.
    FullSet,
}

impl Need {
    /// How it is given on the command line.
    #[must_use]
    pub const fn flag(self) -> &'static str {
        match self {
            Self::Embedding => "--embedding FILE",
            Self::Embeddings => "--embedding NAME=FILE at least twice",
            Self::Ratings => "--ratings FILE",
            Self::Triplets => "--triplets FILE",
            Self::SeveralTriplets => "--triplets NAME=FILE at least twice",
            Self::FullSet => "--full-set FILE",
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self {
            Self::Embedding => "an embedding",
            Self::Embeddings => "embeddings to compare, of several agents or seeds",
            Self::Ratings => "ratings of the stimuli",
            Self::Triplets => "choices to predict",
            Self::SeveralTriplets => "choices of several agents",
            Self::FullSet => "choices among all triplets of a few stimuli",
        };
        write!(f, "{what}; give {}", self.flag())
    }
}

impl FigureName {
    /// All of them, in the order of the study.
    pub fn all() -> impl Iterator<Item = Self> {
        let choices = ChoicePicture::ALL.into_iter().map(Self::Choices);
        choices.chain(Picture::ALL.into_iter().map(Self::Meaning))
    }

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Choices(picture) => picture.name(),
            Self::Meaning(picture) => picture.name(),
        }
    }

    /// What it shows, in a few words.
    #[must_use]
    pub const fn about(self) -> &'static str {
        match self {
            Self::Choices(picture) => picture.about(),
            Self::Meaning(picture) => picture.about(),
        }
    }

    /// What it cannot be drawn without.
    #[must_use]
    pub fn needs(self) -> Vec<Need> {
        match self {
            Self::Choices(picture) => picture.needs().to_vec(),
            Self::Meaning(picture) => {
                let embeddings = match picture.needs_several() {
                    true => Need::Embeddings,
                    false => Need::Embedding,
                };
                let ratings = picture.needs_ratings().then_some(Need::Ratings);
                std::iter::once(embeddings).chain(ratings).collect()
            }
        }
    }

    /// Whether a flag about files has a meaning for it.
    #[must_use]
    pub fn takes(self, flag: &str) -> bool {
        const OF_CHOICES: [&str; 5] = [
            "--triplets",
            "--format",
            "--ignore-splits",
            "--ceiling",
            "--full-set",
        ];
        match (self, flag) {
            (Self::Choices(picture), flag) => picture.flags().contains(&flag),
            (Self::Meaning(picture), "--with-frames" | "--blur-flagged") => {
                picture == Picture::Exemplars
            }
            (Self::Meaning(picture), "--tsne") => {
                matches!(picture, Picture::Tsne | Picture::DimensionMaps)
            }
            (Self::Meaning(picture), "--halves") => picture == Picture::AgentAgreement,
            (Self::Meaning(_), flag) => !OF_CHOICES.contains(&flag),
        }
    }
}
