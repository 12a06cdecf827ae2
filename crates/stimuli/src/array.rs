//! Numeric arrays in files: NumPy `.npy` and `.npz`, and text tables.
//!
//! Every reader compares what a header claims with what the file holds before it reserves memory,
//! so a damaged or hostile file costs an error and nothing else.

mod matrix;
mod npy;
mod npz;
mod text;

use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use ndarray::{ArrayD, ArrayView, ArrayViewD, Dimension};

use crate::output::OutputError;
use crate::stimulus::KeyError;

pub use matrix::{LabelledMatrix, read_matrix, read_matrix_named, write_tsv};
pub use npy::{read_npy, write_npy};
pub use npz::{npz_members, read_npz, write_npz};
pub(crate) use text::{names_keys, number};

/// Where an array lies: a file, and the member of it if the file is an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub path: PathBuf,
    /// The member of an `.npz` archive.
    pub member: Option<String>,
}

impl Place {
    fn file(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            member: None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        self.member
            .as_ref()
            .map_or(Ok(()), |member| write!(f, ", member {member:?}"))
    }
}

/// Why an array cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArrayError {
    /// The system refused to open or read the file.
    #[error("{place}: cannot be read: {source}")]
    Io {
        /// The array.
        place: Place,
        /// What the system said.
        source: io::Error,
    },
    /// The file cannot be written.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// The name of the file does not tell its format.
    #[error(
        "{path}: the extension {found:?} names no array format; expected .npy, .npz, .tsv, .csv or .txt",
        path = path.display()
    )]
    Extension {
        /// The file.
        path: PathBuf,
        /// Its extension.
        found: String,
    },
    /// There is nothing in the file, or no element in the array.
    #[error("{place}: {what}; expected at least one row of numbers")]
    Empty {
        /// The array.
        place: Place,
        /// What is empty.
        what: String,
    },
    /// The header of a NumPy file is not one.
    #[error(
        "{place}: not a NumPy array: {what}; was the file renamed, or cut while it was copied?"
    )]
    Header {
        /// The array.
        place: Place,
        /// What is wrong with it.
        what: String,
    },
    /// The array holds pickled Python objects.
    #[error(
        "{place}: holds pickled Python objects (dtype {dtype}), which can run any code when read and are \
         therefore refused; save numbers instead: np.save(file, np.asarray(a, dtype=float))"
    )]
    Pickled {
        /// The array.
        place: Place,
        /// The dtype found.
        dtype: String,
    },
    /// The element type is none of those read here.
    #[error(
        "{place}: dtype {dtype} is not supported; expected f4, f8, i1 to i8, u1 to u8, b1 or text: \
         save with a.astype('f4') or another of these"
    )]
    DType {
        /// The array.
        place: Place,
        /// The dtype found.
        dtype: String,
    },
    /// The header promises other bytes than there are.
    #[error(
        "{place}: the header claims {claim} of data, but there are {found}; \
         the file is truncated or damaged: fetch or write it again"
    )]
    Size {
        /// The array.
        place: Place,
        /// Shape, dtype and bytes claimed.
        claim: String,
        /// Bytes found.
        found: u64,
    },
    /// The system has no memory for the array.
    #[error("{place}: no memory for {bytes} bytes; free some, or split the file")]
    Memory {
        /// The array.
        place: Place,
        /// The bytes asked for.
        bytes: u64,
    },
    /// A text element is not valid Unicode.
    #[error(
        "{place}: text element {index} (counted from 0) is not valid Unicode; the file is damaged"
    )]
    Unicode {
        /// The array.
        place: Place,
        /// The element, in file order.
        index: usize,
    },
    /// The archive is damaged or lies about a member.
    #[error("{place}: not a sound .npz archive: {what}; fetch or write it again")]
    Archive {
        /// The archive or member.
        place: Place,
        /// What is wrong.
        what: String,
    },
    /// A member would expand without bound.
    #[error(
        "{place}: {compressed} bytes claim to expand to {claimed}, more than {limit} this way; \
         refused as a decompression bomb: if it is genuine, write it uncompressed with np.savez"
    )]
    Bomb {
        /// The member.
        place: Place,
        /// Compressed bytes.
        compressed: u64,
        /// Bytes it claims to hold.
        claimed: u64,
        /// The most accepted.
        limit: u64,
    },
    /// The archive does not have the member asked for.
    #[error("{place}: no such member; the archive holds {available}")]
    NoMember {
        /// The member asked for.
        place: Place,
        /// The members there are.
        available: String,
    },
    /// The archive has not exactly one numeric matrix, so it must be named.
    #[error(
        "{place}: {n} members are numeric matrices ({available}); expected one: name the member to read"
    )]
    AmbiguousMember {
        /// The archive.
        place: Place,
        /// How many there are.
        n: usize,
        /// All members with their shapes.
        available: String,
    },
    /// The array is no matrix.
    #[error("{place}: shape {shape} has {rank} axes; expected 2, stimuli × columns")]
    Rank {
        /// The array.
        place: Place,
        /// The shape found.
        shape: String,
        /// Its number of axes.
        rank: usize,
    },
    /// The array holds no numbers, or numbers that the wanted type cannot hold.
    #[error("{place}: element {index} (counted from 0) is {value}; expected {expected}")]
    Value {
        /// The array.
        place: Place,
        /// The element, in C order.
        index: usize,
        /// The value found.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A row of text is longer or shorter than the first.
    #[error(
        "{path}: line {line} has {found} columns, line {first_line} has {expected}; \
         all rows must be equally long: repair the line, or check the separator",
        path = path.display()
    )]
    Ragged {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// Its columns.
        found: usize,
        /// The line that sets the width.
        first_line: u64,
        /// Its columns.
        expected: usize,
    },
    /// A cell of text is not a number.
    #[error("{path}: line {line}, column {column}: {cell:?} is not a number; {hint}", path = path.display())]
    Cell {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// The column, counted from 1.
        column: usize,
        /// The cell found.
        cell: String,
        /// What to do.
        hint: &'static str,
    },
    /// The first row may be column numbers or data.
    #[error(
        "{path}: the first row reads 0, 1, … {last}: column numbers written as a header, or data? \
         Give the columns names, or delete the row",
        path = path.display()
    )]
    NumberedHeader {
        /// The file.
        path: PathBuf,
        /// The last number of the row.
        last: usize,
    },
    /// The file is not text.
    #[error("{path}: line {line} is not UTF-8 text; save the table as UTF-8", path = path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
    },
    /// The keys of the rows cannot identify stimuli.
    #[error("{place}: {source}")]
    Keys {
        /// The array.
        place: Place,
        /// What is wrong with the keys.
        source: KeyError,
    },
    /// Keys or names do not match the shape.
    #[error("{place}: {labels} labels for {length} {axis}; expected as many")]
    Labels {
        /// The array.
        place: Place,
        /// Labels given.
        labels: usize,
        /// Rows or columns there are.
        length: usize,
        /// `rows` or `columns`.
        axis: &'static str,
    },
}

/// Opens a regular file and tells its length; a pipe or device could hold a reader up for ever.
fn open(place: &Place) -> Result<(File, u64), ArrayError> {
    let regular = || {
        let metadata = std::fs::metadata(&place.path)?;
        if !metadata.is_file() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "it is not a regular file",
            ));
        }
        Ok((File::open(&place.path)?, metadata.len()))
    };
    regular().map_err(|source| ArrayError::Io {
        place: place.clone(),
        source,
    })
}

/// A number type that `.npy` files hold.
trait Number: Copy {
    const BYTES: usize;
    fn from_le(bytes: &[u8]) -> Self;
    fn put_le(self, bytes: &mut Vec<u8>);
}

macro_rules! arrays {
    ($($variant:ident $type:ty, $code:literal, $doc:literal;)*) => {
        /// An array of any supported element type and any number of axes.
        #[derive(Debug, Clone, PartialEq)]
        #[non_exhaustive]
        pub enum Array {
            $(#[doc = $doc] $variant(ArrayD<$type>),)*
            /// Text (`U`, `S`), e.g. stimulus keys.
            Text(ArrayD<String>),
        }

        /// A borrowed array to be written.
        #[derive(Debug, Clone)]
        #[non_exhaustive]
        pub enum ArrayRef<'a> {
            $(#[doc = $doc] $variant(ArrayViewD<'a, $type>),)*
            /// Text (`U`), e.g. stimulus keys.
            Text(ArrayViewD<'a, String>),
        }

        impl Array {
            /// The length of each axis.
            #[must_use]
            pub fn shape(&self) -> &[usize] {
                match self {
                    $(Self::$variant(a) => a.shape(),)*
                    Self::Text(a) => a.shape(),
                }
            }

            /// The element type as NumPy names it, e.g. `f4`; `U` for text.
            #[must_use]
            pub const fn dtype(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $code,)*
                    Self::Text(_) => "U",
                }
            }

            /// The array, borrowed.
            #[must_use]
            pub fn view(&self) -> ArrayRef<'_> {
                match self {
                    $(Self::$variant(a) => ArrayRef::$variant(a.view()),)*
                    Self::Text(a) => ArrayRef::Text(a.view()),
                }
            }
        }

        $(
            impl<'a, D: Dimension> From<ArrayView<'a, $type, D>> for ArrayRef<'a> {
                fn from(view: ArrayView<'a, $type, D>) -> Self {
                    Self::$variant(view.into_dyn())
                }
            }
        )*
    };
}

arrays! {
    F32 f32, "f4", "32-bit floats.";
    F64 f64, "f8", "64-bit floats.";
    I8 i8, "i1", "8-bit integers.";
    I16 i16, "i2", "16-bit integers.";
    I32 i32, "i4", "32-bit integers.";
    I64 i64, "i8", "64-bit integers.";
    U8 u8, "u1", "Unsigned 8-bit integers.";
    U16 u16, "u2", "Unsigned 16-bit integers.";
    U32 u32, "u4", "Unsigned 32-bit integers.";
    U64 u64, "u8", "Unsigned 64-bit integers.";
    Bool bool, "b1", "Truth values.";
}

impl<'a, D: Dimension> From<ArrayView<'a, String, D>> for ArrayRef<'a> {
    fn from(view: ArrayView<'a, String, D>) -> Self {
        Self::Text(view.into_dyn())
    }
}

macro_rules! numbers {
    ($($type:ty)*) => {$(
        impl Number for $type {
            const BYTES: usize = size_of::<$type>();

            #[inline]
            fn from_le(bytes: &[u8]) -> Self {
                let mut own = [0; Self::BYTES];
                own.copy_from_slice(bytes);
                Self::from_le_bytes(own)
            }

            #[inline]
            fn put_le(self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&self.to_le_bytes());
            }
        }
    )*};
}

numbers!(f32 f64 i8 i16 i32 i64 u8 u16 u32 u64);

impl Number for bool {
    const BYTES: usize = 1;

    #[inline]
    fn from_le(bytes: &[u8]) -> Self {
        bytes[0] != 0
    }

    #[inline]
    fn put_le(self, bytes: &mut Vec<u8>) {
        bytes.push(u8::from(self));
    }
}

impl Array {
    /// The elements as 64-bit floats.
    ///
    /// # Errors
    /// [`ArrayError::Value`] for text, and for an integer past 2^53 that no f64 holds exactly.
    pub fn into_f64(self, place: &Place) -> Result<ArrayD<f64>, ArrayError> {
        let inexact = |index, value: String| ArrayError::Value {
            place: place.clone(),
            index,
            value,
            expected: "a number that a 64-bit float holds exactly",
        };
        macro_rules! wide {
            ($a:expr) => {{
                let lost = $a.iter().position(|&v| v as f64 as i128 != i128::from(v));
                if let Some(index) = lost {
                    return Err(inexact(
                        index,
                        $a.iter()
                            .nth(index)
                            .map_or_else(String::new, |v| v.to_string()),
                    ));
                }
                $a.mapv(|v| v as f64)
            }};
        }
        Ok(match self {
            Self::F64(a) => a,
            Self::F32(a) => a.mapv(f64::from),
            Self::I8(a) => a.mapv(f64::from),
            Self::I16(a) => a.mapv(f64::from),
            Self::I32(a) => a.mapv(f64::from),
            Self::U8(a) => a.mapv(f64::from),
            Self::U16(a) => a.mapv(f64::from),
            Self::U32(a) => a.mapv(f64::from),
            Self::Bool(a) => a.mapv(f64::from),
            Self::I64(a) => wide!(a),
            Self::U64(a) => wide!(a),
            Self::Text(a) => {
                return Err(inexact(
                    0,
                    format!("text ({:?})", a.first().map_or("", String::as_str)),
                ));
            }
        })
    }

    /// The elements as 64-bit integers; floats must be whole, as those that `np.loadtxt` made of ids.
    ///
    /// # Errors
    /// [`ArrayError::Value`] for text and for the first element that is not an integer within i64.
    pub fn into_i64(self, place: &Place) -> Result<ArrayD<i64>, ArrayError> {
        let refused = |index, value: String| ArrayError::Value {
            place: place.clone(),
            index,
            value,
            expected: "an integer",
        };
        // 2^63 itself is past the end of i64, hence the strict bound.
        let whole = |a: ArrayD<f64>| match a
            .iter()
            .position(|v| v.fract() != 0.0 || v.abs() >= 9_223_372_036_854_775_808.0)
        {
            Some(index) => Err(refused(
                index,
                a.iter().nth(index).map_or_else(String::new, f64::to_string),
            )),
            None => Ok(a.mapv(|v| v as i64)),
        };
        Ok(match self {
            Self::I64(a) => a,
            Self::F64(a) => whole(a)?,
            Self::F32(a) => whole(a.mapv(f64::from))?,
            Self::I8(a) => a.mapv(i64::from),
            Self::I16(a) => a.mapv(i64::from),
            Self::I32(a) => a.mapv(i64::from),
            Self::U8(a) => a.mapv(i64::from),
            Self::U16(a) => a.mapv(i64::from),
            Self::U32(a) => a.mapv(i64::from),
            Self::Bool(a) => a.mapv(i64::from),
            Self::U64(a) => match a.iter().position(|&v| i64::try_from(v).is_err()) {
                Some(index) => {
                    return Err(refused(
                        index,
                        a.iter().nth(index).map_or_else(String::new, u64::to_string),
                    ));
                }
                None => a.mapv(|v| v as i64),
            },
            Self::Text(a) => {
                return Err(refused(
                    0,
                    format!("text ({:?})", a.first().map_or("", String::as_str)),
                ));
            }
        })
    }
}
