//! MATLAB files: version 4 to 7, and 7.3 over HDF5.
//!
//! Every version gives the same [`Value`]s. Version 5 after "MAT-File Format" of The MathWorks, R2023b; version 7.3 as
//! MATLAB R2008a and later write it. Numbers become float64, which holds all but the largest of int64 and uint64:
//! those are refused ([`MatlabError::Inexact`]). Of fields of the same name all are kept. Handles of functions and opaque objects are named, not read.

mod bytes;
mod v4;
mod v5;
mod v73;
mod value;

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

pub use value::{Class, Numbers, Sparse, Text, Value};

use crate::hdf5::{Hdf5Error, Source};

/// Why a MATLAB file cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MatlabError {
    /// The system refused to open or read the file.
    #[error("{path}: cannot be read: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The HDF5 file below cannot be read.
    #[error(transparent)]
    Hdf5(#[from] Hdf5Error),
    /// The bytes are not what the format asks for.
    #[error("{path}: {variable}, byte {at}: {what}; is it a MATLAB file, and whole?", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The variable, or "header".
        variable: String,
        /// Where: in the file, or in the variable once decompressed.
        at: u64,
        /// What is wrong.
        what: String,
    },
    /// A variable needs more memory than is granted.
    #[error(
        "{path}: {variable} needs more than {limit} bytes of memory; name the variables to be read, or save large \
         ones with -v7.3 and read them as HDF5",
        path = path.display()
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The variable.
        variable: String,
        /// What is granted.
        limit: u64,
    },
    /// A whole number that float64 cannot hold.
    #[error("{path}: {variable} holds {value}, beyond ±2^53, where float64 no longer tells whole numbers apart", path = path.display())]
    Inexact {
        /// The file.
        path: PathBuf,
        /// The variable.
        variable: String,
        /// The number.
        value: String,
    },
    /// No variable of this name.
    #[error("{path}: there is no variable {name:?}; it holds {found:?}", path = path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
        /// The variables there are.
        found: Vec<String>,
    },
}

/// The memory granted to the values of one file, bytes.
const GRANTED: u64 = 1 << 30;
/// How deep cells and structs may lie in one another.
const DEEPEST: usize = 64;

/// Every variable of a file, in its order.
///
/// # Errors
///
/// [`MatlabError`].
pub fn read(path: impl AsRef<Path>) -> Result<Vec<(String, Value)>, MatlabError> {
    read_where(path.as_ref(), &mut |_| true)
}

/// One variable; the others are passed over.
///
/// # Errors
///
/// [`MatlabError::Missing`] with the names there are, and as [`read`].
pub fn read_variable(path: impl AsRef<Path>, name: &str) -> Result<Value, MatlabError> {
    let path = path.as_ref();
    let mut found = Vec::new();
    let mut read = read_where(path, &mut |known| {
        found.push(known.to_owned());
        known == name
    })?;
    match read.pop() {
        Some((_, value)) => Ok(value),
        None => Err(MatlabError::Missing {
            path: path.to_owned(),
            name: name.to_owned(),
            found,
        }),
    }
}

/// Names of the variables of a file.
///
/// # Errors
///
/// [`MatlabError`].
pub fn names(path: impl AsRef<Path>) -> Result<Vec<String>, MatlabError> {
    let mut found = Vec::new();
    read_where(path.as_ref(), &mut |name| {
        found.push(name.to_owned());
        false
    })?;
    Ok(found)
}

fn read_where(
    path: &Path,
    wanted: &mut dyn FnMut(&str) -> bool,
) -> Result<Vec<(String, Value)>, MatlabError> {
    let io = |source| MatlabError::Io {
        path: path.to_owned(),
        source,
    };
    if Source::recognises(path)? {
        return v73::read(path, wanted);
    }
    let length = fs::metadata(path).map_err(io)?.len();
    let mut head = [0; 128];
    let mut file = File::open(path).map_err(io)?;
    let mut filled = 0;
    while filled < head.len() {
        match file.read(&mut head[filled..]).map_err(io)? {
            0 => break,
            more => filled += more,
        }
    }
    // A header of version 4 begins with a small number, so that one of its bytes is 0; version 5 with text.
    if head[..4].contains(&0) || filled < head.len() {
        v4::read(path, length, wanted)
    } else {
        v5::read(path, file, &head, length, wanted)
    }
}

/// What the readers share: the file and variable for messages, and the memory still granted.
struct Context<'a> {
    path: &'a Path,
    variable: String,
    granted: u64,
}

impl<'a> Context<'a> {
    fn new(path: &'a Path) -> Self {
        Self {
            path,
            variable: "header".into(),
            granted: GRANTED,
        }
    }

    fn damaged(&self, at: u64, what: impl Into<String>) -> MatlabError {
        MatlabError::Damaged {
            path: self.path.to_owned(),
            variable: self.variable.clone(),
            at,
            what: what.into(),
        }
    }

    /// Takes memory for so many elements of so many bytes.
    fn take(&mut self, count: usize, each: usize) -> Result<(), MatlabError> {
        let bytes = (count as u64).saturating_mul(each as u64);
        match self.granted.checked_sub(bytes) {
            Some(left) => {
                self.granted = left;
                Ok(())
            }
            None => Err(self.too_large()),
        }
    }

    fn too_large(&self) -> MatlabError {
        MatlabError::TooLarge {
            path: self.path.to_owned(),
            variable: self.variable.clone(),
            limit: GRANTED,
        }
    }
}
