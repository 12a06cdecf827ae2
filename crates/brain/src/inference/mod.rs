//! What could have come by chance: permutations, bootstraps, clusters, ceilings, prevalence.
//!
//! | question | what is exchanged or drawn | where |
//! |---|---|---|
//! | does a region know of a model at all? | stimuli, in blocks that keep their noise together | [`permute`], [`mantel`] |
//! | would other stimuli, or subjects, say the same? | stimuli, subjects, or both | [`bootstrap`] |
//! | and of models that are fitted? | the same, with folds of stimuli inside | [`crossval`] |
//! | could any model do better? | nothing | [`ceiling`] |
//! | where on a map? | signs of subjects, with the largest value anywhere | [`signs`], [`clusters`] |
//! | in how many people? | labels within each subject | [`prevalence`] |
//!
//! Each result states the smallest p it could have reached.

pub mod bootstrap;
pub mod ceiling;
pub mod clusters;
pub mod crossval;
pub mod exchange;
pub mod mantel;
pub mod permute;
pub mod prevalence;
pub mod published;
mod resampling;
mod sample;
pub mod signs;
pub mod variance;

use crate::rdm::{Comparison, RdmError};

/// Why an inference cannot be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InferenceError {
    /// Dissimilarities that cannot be compared.
    #[error(transparent)]
    Rdm(#[from] RdmError),
    /// Too little of something.
    #[error("{found} {what} were given; at least {least} are needed")]
    Few {
        /// Of what.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many are needed.
        least: usize,
    },
    /// Two lists that belong together differ in length.
    #[error("{found} {what} for {expected}; one for each is needed")]
    Lengths {
        /// What was listed.
        what: &'static str,
        /// Entries.
        found: usize,
        /// Entries needed.
        expected: usize,
    },
    /// A parameter lies outside its range.
    #[error("{name} is {value}; it must be {range}")]
    Parameter {
        /// Which.
        name: &'static str,
        /// Its value.
        value: f64,
        /// What it may be.
        range: &'static str,
    },
    /// A comparison that has no such test.
    #[error("{comparison:?} cannot be permuted by gathers; take Pearson, Cosine or Spearman")]
    Comparison {
        /// The comparison asked for.
        comparison: Comparison,
    },
    /// A model misses pairs, so that it cannot be relabelled.
    #[error(
        "model {model} (from 0) misses {missing} pairs; a model must speak of every pair to be relabelled"
    )]
    ModelMisses {
        /// Which model.
        model: usize,
        /// Pairs it misses.
        missing: usize,
    },
    /// A sequence of stimuli has two in one place.
    #[error("two stimuli are at place {place} of run {run}")]
    Place {
        /// Run.
        run: u32,
        /// Place in it.
        place: u32,
    },
    /// Nothing can be exchanged.
    #[error("{what}")]
    NothingToExchange {
        /// Why.
        what: String,
    },
    /// The work was stopped.
    #[error("interrupted")]
    Interrupted,
}

/// Which values speak against chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tail {
    /// Large ones.
    Greater,
    /// Those far from 0 on either side.
    TwoSided,
}

impl Tail {
    /// The value that is compared: itself, or its size.
    #[must_use]
    pub fn score(self, value: f64) -> f64 {
        match self {
            Self::Greater => value,
            Self::TwoSided => value.abs(),
        }
    }
}

/// Values this close count as equal: the observed arrangement may come again in another order of sums.
pub(crate) const TIE: f64 = 1e-12;

/// (1 + #{null ≥ observed}) / (1 + P), values within 10⁻¹² counting as equal; NaN of NaN. O(P).
///
/// Phipson & Smyth (2010), doi:10.2202/1544-6115.1585.
///
/// ```
/// assert_eq!(emotome_brain::inference::permutation_p(2.0, [0.0, 2.0, 3.0].into_iter()), 0.75);
/// ```
#[must_use]
pub fn permutation_p(observed: f64, null: impl Iterator<Item = f64>) -> f64 {
    if observed.is_nan() {
        return f64::NAN;
    }
    let bound = observed - TIE * observed.abs().max(1.0);
    let (mut reached, mut all) = (1.0, 1.0);
    for value in null {
        all += 1.0;
        reached += if value >= bound { 1.0 } else { 0.0 };
    }
    reached / all
}
