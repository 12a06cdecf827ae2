//! Why an image, surface or map of the brain cannot be read or written.

use std::io;
use std::path::{Path, PathBuf};

use emotome_stimuli::output::OutputError;

use crate::grid::GridMismatch;

/// Why a file of the formats NIfTI, GIFTI, CIFTI-2 or FreeSurfer cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// The system refused to open or read the file.
    #[error("{path}: cannot be read: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file cannot be written.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// The file is of another format.
    #[error("{path}: begins with {found}; expected {expected}: was the file renamed, or cut while it was copied?", path = path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Its first bytes.
        found: String,
        /// What a file of the format begins with.
        expected: &'static str,
    },
    /// The name of the file does not tell its format.
    #[error("{path}: the name tells no format to write; expected one that ends in {expected}", path = path.display())]
    Extension {
        /// The file.
        path: PathBuf,
        /// Endings that do.
        expected: &'static str,
    },
    /// A field holds what it may not hold.
    #[error("{path}: {field} is {found}; expected {expected}", path = path.display())]
    Field {
        /// The file.
        path: PathBuf,
        /// The field, with its place in the file.
        field: String,
        /// Its value.
        found: String,
        /// What it should be, and what to do.
        expected: String,
    },
    /// The file ends before what it promises.
    #[error("{path}: {what} takes {expected} bytes from byte {at}, but {found} are there; the file is truncated or its header lies: fetch or write it again", path = path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// What was being read.
        what: String,
        /// Where it begins, uncompressed.
        at: u64,
        /// Bytes it takes.
        expected: u64,
        /// Bytes found, or the most that a file of this length can hold compressed.
        found: u64,
    },
    /// The compressed data are damaged.
    #[error("{path}: {what} cannot be expanded: {source}; the compressed data are damaged: fetch the file again", path = path.display())]
    Compressed {
        /// The file.
        path: PathBuf,
        /// What was being read.
        what: String,
        /// What the decoder said.
        source: io::Error,
    },
    /// One piece is larger than is accepted.
    #[error("{path}: {what} takes {claimed} bytes, more than the {limit} accepted; if it is genuine, {remedy}", path = path.display())]
    Limit {
        /// The file.
        path: PathBuf,
        /// The piece.
        what: String,
        /// Bytes claimed.
        claimed: u64,
        /// The most accepted.
        limit: u64,
        /// What to do.
        remedy: &'static str,
    },
    /// The XML is not well formed or not what the format asks for.
    #[error("{path}: XML, byte {at}: {what}", path = path.display())]
    Xml {
        /// The file.
        path: PathBuf,
        /// Where in the XML.
        at: u64,
        /// What was found, what was expected and what to do.
        what: String,
    },
    /// A mask and an image do not share a grid.
    #[error("{path} and the mask: {mismatch}", path = path.display())]
    Mask {
        /// The image.
        path: PathBuf,
        /// How they differ.
        mismatch: Box<GridMismatch>,
    },
    /// What is to be written does not fit together.
    #[error("{path}: {what}: {found}; expected {expected}", path = path.display())]
    Layout {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        what: String,
        /// What was given.
        found: String,
        /// What fits.
        expected: String,
    },
}

impl ImageError {
    pub(crate) fn field(
        path: &Path,
        field: impl Into<String>,
        found: impl ToString,
        expected: impl Into<String>,
    ) -> Self {
        Self::Field {
            path: path.to_owned(),
            field: field.into(),
            found: found.to_string(),
            expected: expected.into(),
        }
    }

    pub(crate) fn layout(
        path: &Path,
        what: impl Into<String>,
        found: impl ToString,
        expected: impl ToString,
    ) -> Self {
        Self::Layout {
            path: path.to_owned(),
            what: what.into(),
            found: found.to_string(),
            expected: expected.to_string(),
        }
    }

    pub(crate) fn format(path: &Path, begins: &[u8], expected: &'static str) -> Self {
        let found = match begins {
            [] => "nothing".to_owned(),
            bytes => format!(
                "{:?}",
                String::from_utf8_lossy(&bytes[..bytes.len().min(16)])
            ),
        };
        Self::Format {
            path: path.to_owned(),
            found,
            expected,
        }
    }
}
