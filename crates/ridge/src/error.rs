//! Why nothing can be predicted.

/// Input that cannot be fitted.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RidgeError {
    /// Features, responses or labels of different samples.
    #[error("{found} samples of {what} for {expected} of features; one for each is needed")]
    Samples {
        /// Of what.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many are needed.
        expected: usize,
    },
    /// Nothing to predict, or nothing to predict from.
    #[error("there are no {what}")]
    Nothing {
        /// Of what.
        what: &'static str,
    },
    /// A feature that is no number.
    #[error(
        "feature {feature} of sample {sample} (both from 0) is {value}; features must be finite"
    )]
    Feature {
        /// Sample.
        sample: usize,
        /// Feature.
        feature: usize,
        /// What it is.
        value: f64,
    },
    /// A penalty that is none.
    #[error("penalty {value}: penalties must be finite and above 0")]
    Penalty {
        /// What was given.
        value: f64,
    },
    /// A list of penalties that cannot be read.
    #[error(
        "penalties {text:?}: write one number, several with commas between them, or FROM:TO:COUNT, spaced evenly in logarithm (1e1:1e4:20)"
    )]
    Penalties {
        /// What was given.
        text: String,
    },
    /// Too few folds.
    #[error("{found} folds; {what} needs at least {least}")]
    Folds {
        /// What for.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many are needed.
        least: usize,
    },
    /// A fold too small for its score.
    #[error(
        "fold {fold} (from 0) has {found} samples; a mean over folds needs at least {least} in each; score concatenated predictions instead"
    )]
    FoldSize {
        /// The fold.
        fold: usize,
        /// Its samples.
        found: usize,
        /// Samples needed.
        least: usize,
    },
    /// A list of regions for other targets.
    #[error("{found} targets have a region, {expected} are predicted")]
    Regions {
        /// Entries.
        found: usize,
        /// Targets.
        expected: usize,
    },
    /// Standard deviations of one sample.
    #[error(
        "{samples} samples of training have no standard deviation with {ddof} delta degrees of freedom"
    )]
    Deviation {
        /// Samples.
        samples: usize,
        /// Delta degrees of freedom.
        ddof: u8,
    },
    /// An eigendecomposition did not converge.
    #[error(
        "the products of {size} features have no eigendecomposition; look for values near the largest number"
    )]
    Eigen {
        /// Size of the matrix.
        size: usize,
    },
    /// Responses could not be read.
    #[error("responses: {0}")]
    Source(String),
    /// The work was stopped.
    #[error("interrupted")]
    Interrupted,
}
