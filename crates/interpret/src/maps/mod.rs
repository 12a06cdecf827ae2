//! Maps: every stimulus a point in the plane, near to the stimuli that are like it.
//!
//! [`tsne`](tsne::tsne) and [`umap`](umap::umap) draw the map, [`quality`](quality::quality) says how much of
//! the neighbourhoods it keeps. A map has no axes: only who is near to whom means anything.
//!
//! Items are given as a [`Space`]: points with a [`Metric`], or a matrix of distances. Results have the same
//! bits at any number of threads.

mod affinities;
mod curve;
mod fuzzy;
mod kernel;
mod lanczos;
pub mod mds;
pub(crate) mod neighbours;
pub mod quality;
pub(crate) mod space;
mod start;
pub mod tsne;
pub mod umap;

pub use space::{Metric, Space};

use emotome_stimuli::run::Run;

/// Why a map is impossible.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MapError {
    /// A parameter is outside its range.
    #[error("{name} is {value}; expected {expected}")]
    Parameter {
        /// The parameter.
        name: &'static str,
        /// The value found.
        value: f64,
        /// The values allowed.
        expected: String,
    },
    /// A value is not a finite number.
    #[error(
        "row {row}, column {column} (counted from 0) is {value}; a map needs finite numbers: leave out that stimulus or give its value"
    )]
    NotFinite {
        /// The row.
        row: usize,
        /// The column.
        column: usize,
        /// The value found.
        value: f64,
    },
    /// A matrix has the wrong shape.
    #[error("{what} is {rows} × {columns}; expected {expected}")]
    Shape {
        /// The matrix.
        what: &'static str,
        /// Its rows.
        rows: usize,
        /// Its columns.
        columns: usize,
        /// The shape allowed.
        expected: String,
    },
    /// A matrix is not one of distances.
    #[error(
        "distance of items {a} and {b} (counted from 0) is {value}, which is {fault}; give a symmetric matrix of non-negative distances with a zero diagonal"
    )]
    Distance {
        /// The first item.
        a: usize,
        /// The second item.
        b: usize,
        /// The value found.
        value: f64,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// A point has no direction.
    #[error(
        "item {item} (counted from 0) is all zeros, which has no direction; leave it out or take Euclidean distances"
    )]
    NoDirection {
        /// The item.
        item: usize,
    },
    /// Nothing tells the items apart.
    #[error("all {n} items are in the same place; a map needs items that differ")]
    AllEqual {
        /// The number of items.
        n: usize,
    },
    /// More items than the exact algorithm holds.
    #[error(
        "{n} items; the exact computation holds every pair, {limit} items at most: map a sample, or use UMAP"
    )]
    TooMany {
        /// The number of items.
        n: usize,
        /// The most allowed.
        limit: usize,
    },
    /// Somebody asked to stop.
    #[error("stopped before the map was done; nothing is kept")]
    Interrupted,
}

impl MapError {
    /// Refuses a value unless it is `allowed`.
    fn unless(allowed: bool, name: &'static str, value: f64, expected: &str) -> Result<(), Self> {
        if allowed {
            return Ok(());
        }
        let expected = expected.to_owned();
        Err(Self::Parameter {
            name,
            value,
            expected,
        })
    }
}

/// Stops where a stop was asked for.
fn proceed(run: Run<'_>) -> Result<(), MapError> {
    if run.interrupt.requested() {
        return Err(MapError::Interrupted);
    }
    Ok(())
}
