//! Why a file, or one of its rows, cannot be read or written.

use super::Format;
use crate::convention::{Base, Convention, Detection, OddColumn};
use std::path::PathBuf;

/// Why one row is no choice.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RowError {
    /// The row has too few or too many columns.
    #[error("{found} columns found, {expected} expected")]
    Columns {
        /// The number of columns found.
        found: usize,
        /// What the format has.
        expected: Expected,
    },
    /// A token is no whole number.
    #[error("{token:?} found where a whole number is expected{}", header_hint(.token))]
    NotAnInteger {
        /// The token, cut to 40 characters.
        token: String,
    },
    /// An id does not name a stimulus.
    #[error("stimulus {id} found, but ids of {n} stimuli counted from {base} run from {base} to {}; {}", last(.base, .n), range_hint(.id, .base))]
    OutOfRange {
        /// The id as the file has it.
        id: i64,
        /// Where the ids are taken to start.
        base: Base,
        /// The number of stimuli.
        n: usize,
    },
    /// A stimulus stands twice in the row.
    #[error(
        "row {items:?} shows a stimulus twice; an odd-one-out trial needs three different ones"
    )]
    Repeated {
        /// The ids as the file has them.
        items: [i64; 3],
    },
    /// The choice is no place in the row.
    #[error("choice {found:?} found, expected {expected}")]
    Choice {
        /// The choice as the file has it.
        found: String,
        /// What the format allows.
        expected: &'static str,
    },
    /// A key names no stimulus.
    #[error("stimulus {key:?} is not among the {n} stimuli of this study")]
    UnknownKey {
        /// The key found.
        key: String,
        /// The number of stimuli.
        n: usize,
    },
    /// The row holds no clear choice; it is left out and counted, never refused.
    #[error("no choice ({status})")]
    NoChoice {
        /// What the file has instead of a choice.
        status: String,
    },
    /// A zero byte: the file is binary, or in another encoding.
    #[error(
        "a zero byte found; the file is not plain text (UTF-16, or a binary array with the wrong ending?)"
    )]
    ZeroByte,
    /// A field that should be text is not UTF-8.
    #[error("text that is not UTF-8 found; save the file as UTF-8")]
    NotUtf8,
    /// A field does not have its column's form.
    #[error("{found:?} found in column {column:?}, expected {expected}")]
    Field {
        /// The column.
        column: String,
        /// The field, cut to 40 characters.
        found: String,
        /// What the column holds.
        expected: &'static str,
    },
}

/// The number of columns a format has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Always this many.
    Exactly(usize),
    /// Either of two numbers.
    Either(usize, usize),
    /// As many as the first row has.
    AsFirstRow(usize),
}

impl std::fmt::Display for Expected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exactly(n) => write!(f, "{n}"),
            Self::Either(a, b) => write!(f, "{a} or {b}"),
            Self::AsFirstRow(n) => write!(f, "{n} as in the first row"),
        }
    }
}

fn header_hint(token: &str) -> &'static str {
    if token.starts_with(|c: char| c.is_alphabetic() || c == '"') {
        "; a file with named columns or stimulus keys is read with `--format table`"
    } else {
        ""
    }
}

fn last(base: &Base, n: &usize) -> i64 {
    *n as i64 - 1 + base.offset()
}

fn range_hint(id: &i64, base: &Base) -> &'static str {
    match (base, id) {
        (_, ..0) => "ids are never negative",
        (Base::One, 0) => "is the file counted from 0 (`--base 0`)?",
        (Base::Zero, _) => "is the file counted from 1 (`--base 1`), or is --n-items too small?",
        (Base::One, _) => "is --n-items too small?",
    }
}

impl RowError {
    /// Whether the row is a proper record of a trial that ended without a choice.
    #[must_use]
    pub const fn is_no_choice(&self) -> bool {
        matches!(self, Self::NoChoice { .. })
    }
}

/// A row that was not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Its line in a text file, or its row in an array or Parquet file, counted from 1.
    pub line: u64,
    /// Why it was not kept.
    pub reason: RowError,
}

impl std::fmt::Display for LeftOut {
    /// A row of the table of rows left out: line, tab, reason.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}\t{}", self.line, self.reason)
    }
}

/// Why a file of choices cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The file cannot be opened, read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file has no row at all.
    #[error("{}: the file has no rows; expected at least one trial: was the export cut off?", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A row cannot be read.
    #[error("{}, line {line}: {source} (`--leave-out-bad-rows` skips and lists such rows)", path.display())]
    Row {
        /// The file.
        path: PathBuf,
        /// The line (or array row), counted from 1.
        line: u64,
        /// What is wrong with it.
        source: RowError,
    },
    /// A line does not end.
    #[error("{}, line {line}: no line end within {limit} bytes; expected one short row per line: is this a text file?", path.display())]
    LongLine {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// The most bytes a line may have.
        limit: usize,
    },
    /// A named column is missing.
    #[error("{}: no column {column:?} among {found:?}; name the columns of this file (`--columns`)", path.display())]
    MissingColumn {
        /// The file.
        path: PathBuf,
        /// The column asked for.
        column: String,
        /// The columns found.
        found: Vec<String>,
    },
    /// A named column stands twice in the header.
    #[error("{}: column {column:?} stands twice in the header; rename one", path.display())]
    RepeatedColumn {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
    },
    /// A column has values in some rows only, where a missing one cannot be expressed.
    #[error("{}: {missing} kept rows have no {column}, others have one; fill the column or drop it", path.display())]
    PartlyEmpty {
        /// The file.
        path: PathBuf,
        /// The column.
        column: &'static str,
        /// The rows without a value.
        missing: usize,
    },
    /// Anchored rows do not come from odd-one-out trials.
    #[error(
        "{}: {unpaired} of {rows} rows have no partner, first {row:?} (i, nearer, farther); an odd-one-out choice needs both \
         (p, q, odd) and (q, p, odd), so a file of single anchored comparisons has no odd one out: it cannot be converted",
        path.display()
    )]
    Unpaired {
        /// The file.
        path: PathBuf,
        /// The rows without a partner.
        unpaired: u64,
        /// All rows.
        rows: u64,
        /// The first row without a partner, with ids as the file has them.
        row: [i64; 3],
    },
    /// The format cannot be read under this convention.
    #[error("{format} files have {}, so `{odd}` cannot be the odd one; drop the flag or name another format", format.odd_place())]
    NotThisFormat {
        /// The format.
        format: Format,
        /// The column asked for.
        odd: OddColumn,
    },
    /// The data contradict the convention under which they were read.
    #[error("{}: read as {stated}, but the data say otherwise: {detection}", path.display())]
    Contradicted {
        /// The file.
        path: PathBuf,
        /// The convention asked for.
        stated: Convention,
        /// What the data say, with numbers.
        detection: Box<Detection>,
    },
    /// The format has no writer or reader for this.
    #[error("{}: {format} files cannot be {what}", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// The format.
        format: Format,
        /// What was asked for and why it cannot be done.
        what: &'static str,
    },
    /// An array cannot be read or written.
    #[error(transparent)]
    Array(Box<emotome_stimuli::array::ArrayError>),
    /// The file cannot be written.
    #[error(transparent)]
    Output(#[from] emotome_stimuli::output::OutputError),
    /// A binary file is damaged or has another content.
    #[error("{}: {problem}", path.display())]
    Binary {
        /// The file.
        path: PathBuf,
        /// What was found, what was expected and what to do.
        problem: String,
    },
    /// Stimuli cannot be numbered or keyed.
    #[error("{}: {source}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with the key.
        source: emotome_stimuli::stimulus::KeyError,
    },
    /// More stimuli than ids can count.
    #[error("{n} stimuli asked for, at most {max} can be numbered", max = u32::MAX)]
    TooManyStimuli {
        /// The number asked for.
        n: usize,
    },
    /// The user asked to stop.
    #[error("stopped at the user's request; nothing was written")]
    Interrupted,
}
