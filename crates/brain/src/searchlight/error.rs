//! Why there is no search.

use super::Comparison;
use crate::model::Metric;

/// A search cannot be planned.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// Too few stimuli.
    #[error("{n} stimuli make too few pairs to compare: at least 4 are needed")]
    Stimuli {
        /// Stimuli.
        n: usize,
    },
    /// Too many stimuli for ranks.
    #[error(
        "{n} stimuli: ranks of their pairs are compared exactly up to {limit}; take a comparison other than Spearman"
    )]
    TooManyForRanks {
        /// Stimuli.
        n: usize,
        /// The most.
        limit: usize,
    },
    /// The responses are not laid out by voxel.
    #[error("responses must be stored voxel after voxel, each with all its stimuli side by side")]
    Layout,
    /// Neighbourhoods of another mask.
    #[error("neighbourhoods are of {neighbourhoods} voxels, responses of {responses}")]
    Voxels {
        /// Of the neighbourhoods.
        neighbourhoods: usize,
        /// Of the responses.
        responses: usize,
    },
    /// No neighbourhood.
    #[error(
        "no neighbourhood is left: {nan} voxels hold NaN or infinity, {constant} are constant, {excluded} centres had too few members in the mask and {dropped} without those voxels"
    )]
    Nothing {
        /// Voxels with numbers that are none.
        nan: usize,
        /// Voxels that never change.
        constant: usize,
        /// Centres with too few members.
        excluded: usize,
        /// Centres with too few usable members.
        dropped: usize,
    },
    /// No model.
    #[error("no model to compare with")]
    NoModel,
    /// Another number of stimuli.
    #[error("model {model:?} is of {found} stimuli, the responses are to {n}")]
    ModelSize {
        /// The model.
        model: String,
        /// Its stimuli.
        found: usize,
        /// Stimuli of the responses.
        n: usize,
    },
    /// Another number of pairs.
    #[error("model {model:?} has {found} dissimilarities, but {n} stimuli make {expected} pairs")]
    ModelPairs {
        /// The model.
        model: String,
        /// Its pairs.
        found: usize,
        /// Pairs there are.
        expected: usize,
        /// Stimuli.
        n: usize,
    },
    /// A model without features.
    #[error("model {model:?} has no features")]
    NoFeatures {
        /// The model.
        model: String,
    },
    /// A model's number is none.
    #[error(
        "model {model:?} has {value} at row or pair {at}: leave the stimulus out or fill the gap"
    )]
    ModelValue {
        /// The model.
        model: String,
        /// The row of features or the pair.
        at: usize,
        /// The value.
        value: f64,
    },
    /// A row that has no direction.
    #[error(
        "row {row} of model {model:?} cannot be normalised for {metric:?} distances: it is constant or zero; leave the stimulus out or take another metric"
    )]
    ConstantRow {
        /// The model.
        model: String,
        /// The row.
        row: usize,
        /// Its metric.
        metric: Metric,
    },
    /// Runs of other stimuli.
    #[error("{runs} run numbers for {n} stimuli")]
    Runs {
        /// Run numbers.
        runs: usize,
        /// Stimuli.
        n: usize,
    },
    /// Exclusion leaves nothing.
    #[error("of {n} stimuli only {kept} pairs are kept: exclude fewer")]
    NoPairs {
        /// Stimuli.
        n: usize,
        /// Pairs.
        kept: u64,
    },
    /// Pairs cannot be left out.
    #[error(
        "{comparison:?} on {brain:?} distances weighs all pairs together, so none can be left out: compare by Pearson, cosine or Spearman on correlation distances"
    )]
    Exclusion {
        /// The comparison.
        comparison: Comparison,
        /// The distances.
        brain: Metric,
    },
    /// Not offered.
    #[error("{comparison:?} is not offered on {brain:?} distances of the brain; {advice}")]
    Unsupported {
        /// The comparison.
        comparison: Comparison,
        /// The distances.
        brain: Metric,
        /// What is.
        advice: &'static str,
    },
    /// A model without columns.
    #[error(
        "model {model:?} is given by dissimilarities; on squared Euclidean distances of the brain models must be features"
    )]
    NeedsFeatures {
        /// The model.
        model: String,
    },
    /// Bins out of range.
    #[error("{bins} bins: give 16 to 65,535")]
    Bins {
        /// What was given.
        bins: usize,
    },
    /// A bound out of range.
    #[error("a bound of {bound}: give a positive number")]
    Bound {
        /// What was given.
        bound: f64,
    },
}

/// The work was asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("interrupted; what was finished before can be kept")]
pub struct Interrupted;
