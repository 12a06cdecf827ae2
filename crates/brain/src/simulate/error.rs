//! Why a study cannot be simulated.

use std::path::PathBuf;

use emotome_neurofiles::bdata::BDataError;
use emotome_neurofiles::nifti::ImageError;
use emotome_stimuli::output::OutputError;
use emotome_stimuli::stimulus::KeyError;

use crate::import::ImportError;
use crate::store::StoreError;

/// Why a study cannot be simulated or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimulateError {
    /// A parameter is out of its range.
    #[error("{name} is {found}, expected {expected}")]
    Parameter {
        /// The parameter.
        name: &'static str,
        /// Its value.
        found: f64,
        /// What it may be.
        expected: &'static str,
    },
    /// A stimulus that is presented has no row in a model.
    #[error(
        "model {model:?} has no row for {missing} of {presented} stimuli that are presented, such as {example:?}; give it rows for all"
    )]
    NoRow {
        /// The model.
        model: String,
        /// Stimuli without row.
        missing: usize,
        /// Stimuli presented.
        presented: usize,
        /// One without row.
        example: String,
    },
    /// Rows of a model cannot be used.
    #[error(
        "model {model:?}: row {row} (counted from 0) is constant, zero or not finite, so its similarity to others is not defined"
    )]
    BadRow {
        /// The model.
        model: String,
        /// The row.
        row: usize,
    },
    /// No such region or model.
    #[error("there is no {what} {name:?}; there are {known}")]
    Unknown {
        /// `region` or `model`.
        what: &'static str,
        /// The name sought.
        name: String,
        /// The names there are.
        known: String,
    },
    /// A region has too few voxels.
    #[error(
        "region {region:?} has {voxels} voxels; a planted model needs at least 2: simulate more voxels"
    )]
    SmallRegion {
        /// The region.
        region: String,
        /// Its voxels.
        voxels: usize,
    },
    /// The correlation asked for is more than noiseless responses reach.
    #[error(
        "r = {target} of model {model:?} is asked for in {region:?}, but its {voxels} voxels reach {most:.3} at most even without noise: ask for less, or take a larger region"
    )]
    Unreachable {
        /// The correlation asked for.
        target: f64,
        /// The model.
        model: String,
        /// The region.
        region: String,
        /// Its voxels.
        voxels: usize,
        /// The most it can be.
        most: f64,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Labels of the samples.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// An image.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// A BData file.
    #[error(transparent)]
    BData(#[from] BDataError),
    /// A table.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// A key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A folder cannot be made.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Stopped on request.
    #[error("stopped on request; files that are complete stay: start again with --force")]
    Interrupted,
}
