//! Why a table gives no similarities, and what to look at before trusting those it gives.

use super::{Metric, MidpointError};
use serde::Serialize;
use std::fmt;

/// Why a table of features gives no similarities.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SimilarityError {
    /// The table has fewer than three usable stimuli, or no column.
    #[error(
        "the table has {rows} stimuli ({usable} usable) and {columns} columns; an odd-one-out trial \
         needs at least 3 stimuli and 1 column"
    )]
    TooSmall {
        /// Rows of the table.
        rows: usize,
        /// Rows without missing values or undefined similarity.
        usable: usize,
        /// Columns of the table.
        columns: usize,
    },
    /// A value is missing and the policy is to refuse.
    #[error(
        "missing values: {count}, the first at stimulus {row}, column {column} (counted from 0); fill them, leave \
         their stimuli out (--missing drop-stimuli), or compare over shared columns (--missing pairwise-complete)"
    )]
    Missing {
        /// Row of the first missing value.
        row: usize,
        /// Column of the first missing value.
        column: usize,
        /// The number of missing values.
        count: usize,
    },
    /// A value is infinite, which is never a missing value.
    #[error(
        "stimulus {row}, column {column} (counted from 0) is {value}; expected a finite number: mend the table"
    )]
    Infinite {
        /// Row of the value.
        row: usize,
        /// Column of the value.
        column: usize,
        /// The value found.
        value: f64,
    },
    /// The metric is undefined for some stimuli.
    #[error(
        "the {metric:?} similarity is undefined for {count} stimuli, the first in row {row} (counted \
         from 0): its features are all {what} after centring; drop such stimuli (drop-stimuli) or \
         choose the metric dot or euclidean"
    )]
    Undefined {
        /// The first such row.
        row: usize,
        /// The number of such rows.
        count: usize,
        /// The metric.
        metric: Metric,
        /// What the row is: `zero` or `equal`.
        what: &'static str,
    },
    /// Products of the values overflow single precision.
    #[error(
        "stimulus {row} (counted from 0) has norm {norm:e}, whose square overflows single precision; rescale the features"
    )]
    TooLarge {
        /// Row of the stimulus.
        row: usize,
        /// Its Euclidean norm.
        norm: f64,
    },
    /// The midpoint of the scale is not finite.
    #[error(transparent)]
    Midpoint(#[from] MidpointError),
}

/// Something about the table that a careful reader would ask about.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub enum SimilarityWarning {
    /// Cosine on an all-positive table without centring: nearly all pairs look alike.
    UncentredScale {
        /// The mean cosine over all pairs of stimuli without missing values.
        mean_cosine: f64,
        /// The smallest value of the table.
        smallest: f64,
        /// The largest value of the table.
        largest: f64,
    },
    /// Columns that are constant carry no information under z-scoring.
    ConstantColumns {
        /// The columns, counted from 0.
        columns: Vec<usize>,
    },
}

impl fmt::Display for SimilarityWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UncentredScale {
                mean_cosine,
                smallest,
                largest,
            } => write!(
                f,
                "all values lie between {smallest} and {largest}, without a zero, and the mean cosine of two \
                 stimuli is {mean_cosine:.3}: an uncentred cosine hardly tells them apart; centre at the \
                 midpoint of the scale, or use the correlation"
            ),
            Self::ConstantColumns { columns } => {
                write!(
                    f,
                    "columns {columns:?} (counted from 0) are constant and count as 0 after z-scoring"
                )
            }
        }
    }
}
