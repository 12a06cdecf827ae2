//! How far to trust an embedding: accuracy with honest intervals, noise ceilings, similarity
//! matrices, reproducibility across seeds, and diagnostics of dominance.
//!
//! Every published variant that biases a number is kept under a name that says so, for
//! comparison; the default of each parameter is the unbiased one.

pub mod accuracy;
pub mod agreement;
pub mod ceiling;
pub mod dominance;
pub mod item_marginal;
pub mod questions;
pub mod reproducibility;
pub mod retained;
pub mod rsm;
pub mod score;
pub mod two_way;

use crate::EmbeddingError;

/// Why an evaluation is impossible.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EvaluationError {
    /// Embedding and choices disagree.
    #[error(transparent)]
    Embedding(#[from] EmbeddingError),
    /// A parameter is outside its range.
    #[error("{name} is {value}; expected {expected}")]
    Parameter {
        /// The parameter.
        name: &'static str,
        /// The value found.
        value: f64,
        /// The values allowed.
        expected: &'static str,
    },
    /// There is nothing to evaluate.
    #[error("{found} {what} found, {needed} needed at least; {remedy}")]
    TooFew {
        /// What there is too little of.
        what: &'static str,
        /// How many were found.
        found: usize,
        /// How many are needed.
        needed: usize,
        /// What to do.
        remedy: &'static str,
    },
    /// An item stands outside the embedding, or twice in a list.
    #[error("{list} names item {item}, which is {fault}; give each id from 0 to {max} at most once", max = .n.saturating_sub(1))]
    Item {
        /// The list of items.
        list: &'static str,
        /// The id found.
        item: usize,
        /// What is wrong with it.
        fault: &'static str,
        /// The number of items.
        n: usize,
    },
    /// Two things that must be of one length are not.
    #[error(
        "{what}: {left} on one side, {right} on the other; compare results on identical trials, items and order"
    )]
    Mismatch {
        /// What was compared.
        what: &'static str,
        /// Length of the first.
        left: usize,
        /// Length of the second.
        right: usize,
    },
    /// The analysis is defined for dot products alone.
    #[error(
        "{analysis} needs dot products, found distances: there a weight of zero still counts; use an embedding fitted with dot products"
    )]
    NotDotProduct {
        /// The analysis asked for.
        analysis: &'static str,
    },
    /// The run was asked to stop.
    #[error("interrupted; nothing was written, run the same command again")]
    Interrupted,
}

fn within(
    name: &'static str,
    value: f64,
    allowed: bool,
    expected: &'static str,
) -> Result<(), EvaluationError> {
    if allowed {
        Ok(())
    } else {
        Err(EvaluationError::Parameter {
            name,
            value,
            expected,
        })
    }
}

fn at_least(
    needed: usize,
    found: usize,
    what: &'static str,
    remedy: &'static str,
) -> Result<(), EvaluationError> {
    if found >= needed {
        Ok(())
    } else {
        Err(EvaluationError::TooFew {
            what,
            found,
            needed,
            remedy,
        })
    }
}
