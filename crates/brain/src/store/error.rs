//! What is wrong with a store, or with what should become one.

use std::io;
use std::path::PathBuf;

use emotome_stimuli::digest::DigestError;
use emotome_stimuli::output::OutputError;
use emotome_stimuli::stimulus::KeyError;

/// Why a store cannot be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The system refused to read or write.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file of the result cannot be written.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// A source cannot be read for its checksum.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// The folder is no store.
    #[error(
        "{path}: no store of responses: {what}; expected a folder written by `emotome brain import` or `brain simulate`",
        path = path.display()
    )]
    NotAStore {
        /// The folder.
        path: PathBuf,
        /// What is missing or wrong.
        what: String,
    },
    /// The folder exists and is no store, so it is not replaced.
    #[error(
        "{path} exists and is no store of responses; it is left as it is even with --force: name another folder, or remove it yourself",
        path = path.display()
    )]
    NotReplaced {
        /// The folder.
        path: PathBuf,
    },
    /// Another process is writing the same store.
    #[error("{path} is being written by another process; wait for it, or write elsewhere", path = path.display())]
    Busy {
        /// The store.
        path: PathBuf,
    },
    /// An array of the store is not what it should be.
    #[error("{path}: {what}; the file is truncated or damaged: import again", path = path.display())]
    Data {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// Files of the store contradict one another.
    #[error("{path}: {found} {what}, but store.json says {expected}; the store is damaged: import again", path = path.display())]
    Disagree {
        /// The file.
        path: PathBuf,
        /// What is counted.
        what: &'static str,
        /// The number in the file.
        found: usize,
        /// The number in `store.json`.
        expected: usize,
    },
    /// A line of a table cannot be read.
    #[error("{path}, line {line}: {what}", path = path.display())]
    Line {
        /// The table.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong, and what was expected.
        what: String,
    },
    /// A label cannot be a key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// There is nothing to store.
    #[error("{what}; a store needs at least one voxel and two samples")]
    Nothing {
        /// What is missing.
        what: String,
    },
    /// Rows that lie nowhere.
    #[error("the rows cannot be placed: {what}")]
    Places {
        /// What is wrong.
        what: String,
    },
    /// Numbers that should agree do not.
    #[error("{what}: {found} found, {expected} expected")]
    Shape {
        /// What is counted.
        what: &'static str,
        /// The number found.
        found: usize,
        /// The number expected.
        expected: usize,
    },
    /// A group is too small for its variance.
    #[error(
        "{scope} {number} holds {n} samples; z-scoring with ddof {ddof} needs at least {}: standardise over a wider scope, or only centre",
        ddof + 2
    )]
    SmallGroup {
        /// `run`, `session` or `subject`.
        scope: &'static str,
        /// Its number.
        number: u32,
        /// Samples in it.
        n: usize,
        /// The delta degrees of freedom.
        ddof: usize,
    },
    /// No voxel is left.
    #[error(
        "all {voxels} voxels are left out: {not_finite} hold values that are not finite, {constant} are constant within a run; is the mask that of these data?"
    )]
    NoVoxel {
        /// Voxels seen.
        voxels: usize,
        /// Of them with values that are not finite.
        not_finite: usize,
        /// Of them constant in a run.
        constant: usize,
    },
    /// A voxel that does not exist is asked for.
    #[error("voxel {voxel} is asked for, but the store holds {voxels} (counted from 0)")]
    NoSuchVoxel {
        /// The voxel.
        voxel: usize,
        /// Voxels there are.
        voxels: usize,
    },
    /// The plan is larger than allowed.
    #[error(
        "{needed} bytes of memory are needed for {what}, {allowed} are allowed; allow more, or take fewer voxels or stimuli"
    )]
    Memory {
        /// What for.
        what: &'static str,
        /// Bytes needed.
        needed: u64,
        /// Bytes allowed.
        allowed: u64,
    },
    /// Stopped on request.
    #[error(
        "stopped on request; nothing was left behind and no older store was touched: start again"
    )]
    Interrupted,
}
