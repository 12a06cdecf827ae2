//! Why an import fails.

use std::io;
use std::path::PathBuf;

use emotome_neurofiles::bdata::BDataError;
use emotome_neurofiles::hdf5::Hdf5Error;
use emotome_neurofiles::nifti::ImageError;
use emotome_neurofiles::{GridMismatch, Millimetres};
use emotome_stimuli::array::ArrayError;
use emotome_stimuli::stimulus::KeyError;

use crate::regions::Hemisphere;
use crate::store::StoreError;

/// Why responses cannot become a store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An image.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// An HDF5 file.
    #[error(transparent)]
    Hdf5(#[from] Hdf5Error),
    /// A BData file.
    #[error(transparent)]
    BData(#[from] BDataError),
    /// A matrix.
    #[error(transparent)]
    Array(#[from] ArrayError),
    /// A label cannot be a key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A file cannot be read.
    #[error("{path}: cannot be read: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A table lacks a column.
    #[error("{path}: there is no column {wanted:?}; the columns are {found}: name the one to be read (--label, --run or --session)", path = path.display())]
    NoColumn {
        /// The table.
        path: PathBuf,
        /// The column sought.
        wanted: String,
        /// The columns there are.
        found: String,
    },
    /// No column of a table is known to say what was shown.
    #[error("{path}: no column says what was shown in each sample; the columns are {found}: call it stimulus, or name it (--label)", path = path.display())]
    NoLabel {
        /// The table.
        path: PathBuf,
        /// The columns there are.
        found: String,
    },
    /// A cell of a table cannot be read.
    #[error("{path}, line {line}: {what}", path = path.display())]
    Cell {
        /// The table.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// Two images do not share a grid.
    #[error("{data} and {mask}: {mismatch}", data = data.display(), mask = mask.display())]
    Grid {
        /// The responses.
        data: PathBuf,
        /// The mask.
        mask: PathBuf,
        /// How they differ.
        mismatch: Box<GridMismatch>,
    },
    /// Shapes do not fit.
    #[error("{path}: shape {found}, expected {expected}", path = path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// What it holds.
        found: String,
        /// What should be there.
        expected: String,
    },
    /// Events and responses differ in number.
    #[error(
        "{path} holds {responses} samples, but its events are {events} ({of}): one line of events is needed for each sample, in order",
        path = path.display(), of = of.display()
    )]
    Count {
        /// The responses.
        path: PathBuf,
        /// Samples in it.
        responses: usize,
        /// The events.
        of: PathBuf,
        /// Lines of it.
        events: usize,
    },
    /// Tables of events and files of responses differ in number.
    #[error(
        "{tables} tables of events for {files} files of responses: give one for all, or one for each file in its order"
    )]
    Tables {
        /// Files of responses; a pair of hemispheres counts as one.
        files: usize,
        /// Tables.
        tables: usize,
    },
    /// A file of vertices is of another surface than the first.
    #[error(
        "{path}: {found} vertices, but {first} has {expected}: all files of a hemisphere must be of one surface; nothing is resampled",
        path = path.display(), first = first.display()
    )]
    Vertices {
        /// The file.
        path: PathBuf,
        /// Its vertices.
        found: usize,
        /// The first file.
        first: PathBuf,
        /// Vertices of the first.
        expected: usize,
    },
    /// A file of one hemisphere stands where the other is due.
    #[error(
        "{path} says that it is of {found}, and stands where the {side} hemisphere is due; give LEFT,RIGHT",
        path = path.display(), side = side.name()
    )]
    Swapped {
        /// The file.
        path: PathBuf,
        /// What it says.
        found: String,
        /// What is due.
        side: Hemisphere,
    },
    /// The two hemispheres of a run differ in their samples.
    #[error(
        "{left} holds {samples} samples and {right} {others}: the two hemispheres of a run must have the same",
        left = left.display(), right = right.display()
    )]
    Sides {
        /// The left file.
        left: PathBuf,
        /// Its samples.
        samples: usize,
        /// The right file.
        right: PathBuf,
        /// Its samples.
        others: usize,
    },
    /// Grayordinates that are no store.
    #[error("{path}: {what}", path = path.display())]
    Grayordinates {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// No source was given.
    #[error("no file of {what} is given")]
    NoSource {
        /// What is missing.
        what: &'static str,
    },
    /// A session of several differs in its voxels.
    #[error(
        "{path}: {found} voxels, but {first} has {expected}, or their coordinates differ: sessions of one subject must share their voxels",
        path = path.display(), first = first.display()
    )]
    Sessions {
        /// The file.
        path: PathBuf,
        /// Its voxels.
        found: usize,
        /// The first file.
        first: PathBuf,
        /// Voxels of the first.
        expected: usize,
    },
    /// None of the keys that a BData file usually has is there.
    #[error("{path}: none of the keys {tried} for {what} is there; keys are {found}: name the one that holds it", path = path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
        /// What is sought.
        what: &'static str,
        /// Keys tried.
        tried: String,
        /// Keys there are.
        found: String,
    },
    /// Positions do not lie on the grid named.
    #[error(
        "{path}: voxel {voxel} at ({x:.3}, {y:.3}, {z:.3}) mm lies {distance} from the nearest voxel of the grid {grid}; is it the grid of these data?",
        path = path.display(), grid = grid.display(), distance = format!("{:.4} mm", distance.0)
    )]
    OffGrid {
        /// The responses.
        path: PathBuf,
        /// The voxel, from 0.
        voxel: usize,
        /// mm.
        x: f64,
        /// mm.
        y: f64,
        /// mm.
        z: f64,
        /// Distance from a voxel of the grid.
        distance: Millimetres,
        /// The grid.
        grid: PathBuf,
    },
    /// A number of a run or session is none.
    #[error("{path}: sample {sample}: {what} is {value}, expected a whole number from 0", path = path.display())]
    Number {
        /// The file.
        path: PathBuf,
        /// The sample, from 0.
        sample: usize,
        /// `Run` or `Session`.
        what: String,
        /// What stands there.
        value: f64,
    },
    /// Labels are not those of the published study.
    #[error(
        "{n} samples have labels that are none of the 2,196 of the 2020 study, {examples}; expected numbers 1 to 2196, alone or in names such as 0001.mp4"
    )]
    NotEmotion2020 {
        /// How many samples.
        n: usize,
        /// Some of their labels.
        examples: String,
    },
    /// No sample is left.
    #[error(
        "none of {samples} samples takes part: {unlabelled} have no label, {unmatched} show stimuli that are not listed, such as {example:?}; are the keys spelt alike?"
    )]
    NothingLeft {
        /// Samples of the source.
        samples: usize,
        /// Without label.
        unlabelled: usize,
        /// Of other stimuli.
        unmatched: usize,
        /// A key that was not matched.
        example: String,
    },
}
