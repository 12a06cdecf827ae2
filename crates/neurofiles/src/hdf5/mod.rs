//! HDF5 behind one narrow door: groups, datasets, attributes, and rows read as a stream.
//!
//! No type of the library underneath shows, so that it can be replaced. It is `hdf5-pure`, which needs no system
//! library. What decided, on files written by h5py 3.16: 2,196 × 100,000 float64 stream in 3.4 s with 31 MB held
//! (contiguous) and 3.9 s with 35 MB (gzip and shuffle); `hdf5-reader` 0.12 takes 4.4 s and 87 to 98 MB, reads no
//! LZF and does not write. Both meet damaged files without a panic. `hdf5-pure` reads what h5py, MATLAB, bdpy and
//! hdf5storage write by default, and with `libver="latest"` all but two kinds of datasets, which it refuses with an
//! error: compressed ones of HDF5 2.0 (data layout version 5), and chunked ones that may grow along several
//! dimensions (a chunk index in a B-tree of version 2). It refuses the layout version 2 of MATLAB R2007a as well.
//!
//! What the library leaves to its caller is done here: a claim is compared with the size of the file before
//! memory is taken for it ([`Hdf5Error::TooLarge`]), and trees that share nodes are not walked without end.

mod dataset;
mod metered;
mod writer;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use emotome_stimuli::output::OutputError;
use hdf5_pure::{AttrValue, ReadSeekSource};
use metered::{Metered, metered};

pub use dataset::{Dataset, Element, Node};
pub use writer::{RowWriter, Writer};

/// Why an HDF5 file cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Hdf5Error {
    /// The system refused to open, read or write the file.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file cannot be written.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// The file is no HDF5, or damaged, or of a kind that is not read.
    #[error(
        "{path}: {object}: {what}; is it whole, and HDF5? A file written with libver=\"latest\" or by MATLAB before \
         R2008a is read after `h5repack FILE NEW`",
        path = path.display()
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The group or dataset, `/` if the file itself.
        object: String,
        /// What the library found.
        what: String,
    },
    /// No such group or dataset.
    #[error("{path}: there is no {object}; {group} holds {found}", path = path.display(), found = listed(found))]
    Missing {
        /// The file.
        path: PathBuf,
        /// What was sought.
        object: String,
        /// Where it was sought.
        group: String,
        /// What is there instead.
        found: Vec<String>,
    },
    /// A dataset of another kind or shape than expected.
    #[error("{path}: {object} is {found}; expected {expected}", path = path.display())]
    Kind {
        /// The file.
        path: PathBuf,
        /// The dataset.
        object: String,
        /// What it is.
        found: String,
        /// What was expected.
        expected: String,
    },
    /// A dataset claims more than the file can hold, or more than is read at once.
    #[error(
        "{path}: {object} claims {bytes} bytes at once; at most {limit} can come of a file of this size: damaged, \
         or chunked so that no row can be read without all others (`h5repack -l CONTI FILE NEW` mends that)",
        path = path.display()
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The dataset.
        object: String,
        /// The bytes it claims, [`u64::MAX`] if more.
        bytes: u64,
        /// The most that is taken.
        limit: u64,
    },
    /// A whole number that float64 cannot hold.
    #[error(
        "{path}: {object}: element {index} is {value}, beyond ±2^53, where float64 no longer tells whole numbers apart",
        path = path.display()
    )]
    Inexact {
        /// The file.
        path: PathBuf,
        /// The dataset.
        object: String,
        /// Position in storage order.
        index: usize,
        /// The number.
        value: String,
    },
    /// Other rows were written than the dataset was declared with.
    #[error("{path}: {object}: {found} values written; it was declared with {expected}", path = path.display())]
    Rows {
        /// The file.
        path: PathBuf,
        /// The dataset.
        object: String,
        /// Values written.
        found: u64,
        /// Values declared.
        expected: u64,
    },
}

fn listed(names: &[String]) -> String {
    const SHOWN: usize = 12;
    if names.is_empty() {
        return "nothing".into();
    }
    let shown = names.iter().take(SHOWN).map(|name| format!("{name:?}"));
    let shown = shown.collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// A value attached to a group or dataset.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Attribute {
    /// Numbers, one if scalar.
    Numbers(Vec<f64>),
    /// Texts, one if scalar.
    Texts(Vec<String>),
    /// Of a kind that is not read.
    Other,
}

impl Attribute {
    /// The first text.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Texts(texts) => texts.first().map(String::as_str),
            _ => None,
        }
    }

    /// The first number.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Numbers(numbers) => numbers.first().copied(),
            _ => None,
        }
    }
}

/// Attributes by name.
pub type Attributes = BTreeMap<String, Attribute>;

/// An open HDF5 file, of which only what is asked for is read.
#[derive(Debug)]
pub struct Source {
    path: PathBuf,
    bytes: u64,
    file: hdf5_pure::File,
}

impl Source {
    /// Whether a file begins as HDF5 does: the signature at 0, or after a user block of 512·2^n bytes (MATLAB).
    ///
    /// # Errors
    ///
    /// [`Hdf5Error::Io`].
    pub fn recognises(path: impl AsRef<Path>) -> Result<bool, Hdf5Error> {
        let path = path.as_ref();
        hdf5_pure::is_hdf5(path).map_err(|source| io_error(path, source))
    }

    /// Opens a file and reads its superblock.
    ///
    /// # Errors
    ///
    /// [`Hdf5Error::Io`], [`Hdf5Error::Unreadable`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Hdf5Error> {
        let path = path.as_ref();
        let file = fs::File::open(path).map_err(|source| io_error(path, source))?;
        let metadata = file.metadata().map_err(|source| io_error(path, source))?;
        let bytes = metadata.len();
        let opened = ReadSeekSource::new(file)
            .map_err(hdf5_pure::Error::from)
            .and_then(|file| metered(bytes, || hdf5_pure::File::from_source(Metered(file))));
        let file = opened.map_err(|error| match error {
            hdf5_pure::Error::Io(source) => io_error(path, source),
            other => Hdf5Error::Unreadable {
                path: path.to_owned(),
                object: "/".into(),
                what: other.to_string(),
            },
        })?;
        Ok(Self {
            path: path.to_owned(),
            bytes,
            file,
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The root.
    pub fn root(&self) -> Group<'_> {
        Group {
            source: self,
            path: String::new(),
            inner: self.file.root(),
        }
    }
}

fn io_error(path: &Path, source: io::Error) -> Hdf5Error {
    Hdf5Error::Io {
        path: path.to_owned(),
        source,
    }
}

/// A group of an open file.
#[derive(Debug)]
pub struct Group<'a> {
    source: &'a Source,
    path: String,
    inner: hdf5_pure::Group,
}

impl<'a> Group<'a> {
    /// Where the group lies, from `/`.
    pub fn path(&self) -> &str {
        if self.path.is_empty() {
            "/"
        } else {
            &self.path
        }
    }

    /// Names of the groups in it, sorted.
    ///
    /// # Errors
    ///
    /// [`Hdf5Error::Unreadable`].
    pub fn groups(&self) -> Result<Vec<String>, Hdf5Error> {
        self.sorted(self.source.metered(|| self.inner.groups()))
    }

    /// Names of the datasets in it, sorted.
    ///
    /// # Errors
    ///
    /// [`Hdf5Error::Unreadable`].
    pub fn datasets(&self) -> Result<Vec<String>, Hdf5Error> {
        self.sorted(self.source.metered(|| self.inner.datasets()))
    }

    /// A group in it, by its name or a path.
    ///
    /// # Errors
    ///
    /// [`Hdf5Error::Missing`] with the groups that are there, [`Hdf5Error::Unreadable`].
    pub fn group(&self, name: &str) -> Result<Group<'a>, Hdf5Error> {
        match self.source.metered(|| self.inner.group(name)) {
            Ok(inner) => Ok(Group {
                source: self.source,
                path: self.child(name),
                inner,
            }),
            Err(error) => Err(self.missing(name, &error, self.groups()?)),
        }
    }

    /// A dataset in it, by its name or a path.
    ///
    /// # Errors
    ///
    /// [`Hdf5Error::Missing`] with the datasets that are there, [`Hdf5Error::Unreadable`].
    pub fn dataset(&self, name: &str) -> Result<Dataset<'a>, Hdf5Error> {
        match self.source.metered(|| self.inner.dataset(name)) {
            Ok(inner) => Dataset::new(self.source, self.child(name), inner),
            Err(error) => Err(self.missing(name, &error, self.datasets()?)),
        }
    }

    /// What is attached to it.
    ///
    /// # Errors
    ///
    /// [`Hdf5Error::Unreadable`].
    pub fn attributes(&self) -> Result<Attributes, Hdf5Error> {
        let read = self.source.metered(|| self.inner.attrs());
        Ok(attributes(read.map_err(|error| {
            self.source.unreadable(self.path(), &error)
        })?))
    }

    fn child(&self, name: &str) -> String {
        format!("{}/{}", self.path, name.trim_matches('/'))
    }

    fn sorted(
        &self,
        names: Result<Vec<String>, hdf5_pure::Error>,
    ) -> Result<Vec<String>, Hdf5Error> {
        let mut names = names.map_err(|error| self.source.unreadable(self.path(), &error))?;
        names.sort_unstable();
        Ok(names)
    }

    fn missing(&self, name: &str, error: &hdf5_pure::Error, found: Vec<String>) -> Hdf5Error {
        if found.iter().any(|known| known == name) {
            return self.source.unreadable(&self.child(name), error);
        }
        Hdf5Error::Missing {
            path: self.source.path.clone(),
            object: self.child(name),
            group: self.path().to_owned(),
            found,
        }
    }
}

impl Source {
    fn unreadable(&self, object: &str, error: &hdf5_pure::Error) -> Hdf5Error {
        Hdf5Error::Unreadable {
            path: self.path.clone(),
            object: object.to_owned(),
            what: error.to_string(),
        }
    }

    fn metered<T>(&self, look: impl FnOnce() -> T) -> T {
        metered(self.bytes, look)
    }

    fn too_large(&self, object: &str, bytes: u128, limit: u64) -> Hdf5Error {
        Hdf5Error::TooLarge {
            path: self.path.clone(),
            object: object.to_owned(),
            bytes: u64::try_from(bytes).unwrap_or(u64::MAX),
            limit,
        }
    }
}

fn attributes(read: impl IntoIterator<Item = (String, AttrValue)>) -> Attributes {
    let value = |value| match value {
        AttrValue::F64(x) => Attribute::Numbers(vec![x]),
        AttrValue::F64Array(x) => Attribute::Numbers(x),
        AttrValue::F32(x) => Attribute::Numbers(vec![x.into()]),
        AttrValue::F32Array(x) => Attribute::Numbers(x.into_iter().map(f64::from).collect()),
        AttrValue::I8(x) => Attribute::Numbers(vec![x.into()]),
        AttrValue::I16(x) => Attribute::Numbers(vec![x.into()]),
        AttrValue::I32(x) => Attribute::Numbers(vec![x.into()]),
        AttrValue::I64(x) => Attribute::Numbers(vec![x as f64]),
        AttrValue::U8(x) => Attribute::Numbers(vec![x.into()]),
        AttrValue::U16(x) => Attribute::Numbers(vec![x.into()]),
        AttrValue::U32(x) => Attribute::Numbers(vec![x.into()]),
        AttrValue::U64(x) => Attribute::Numbers(vec![x as f64]),
        AttrValue::I32Array(x) => Attribute::Numbers(x.into_iter().map(f64::from).collect()),
        AttrValue::I64Array(x) => Attribute::Numbers(x.into_iter().map(|x| x as f64).collect()),
        AttrValue::U64Array(x) => Attribute::Numbers(x.into_iter().map(|x| x as f64).collect()),
        AttrValue::String(x) | AttrValue::AsciiString(x) => Attribute::Texts(vec![x]),
        AttrValue::StringSized { value, .. } | AttrValue::AsciiStringSized { value, .. } => {
            Attribute::Texts(vec![value])
        }
        AttrValue::VarLenString(x) | AttrValue::VarLenAsciiString(x) => Attribute::Texts(vec![x]),
        AttrValue::StringArray(x)
        | AttrValue::AsciiStringArray(x)
        | AttrValue::VarLenAsciiCharArray(x)
        | AttrValue::VarLenStringArray(x)
        | AttrValue::VarLenAsciiStringArray(x) => Attribute::Texts(x),
        _ => Attribute::Other,
    };
    read.into_iter()
        .map(|(name, read)| (name, value(read)))
        .collect()
}
