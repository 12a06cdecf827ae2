//! What every writer shares: rows of whole numbers, and lines made in parallel and written in order.

use super::{ChoiceTable, Format, FormatError, WriteOptions, has_extension};
use crate::convention::Convention;
use crate::parse;
use crate::trial::Choice;
use emotome_stimuli::array::{write_npy, write_npz};
use emotome_stimuli::output::AtomicFile;
use ndarray::{ArrayView2, s};
use rayon::prelude::*;
use std::io::Write;
use std::path::Path;

/// A file to be written.
pub(super) struct Writer<'a> {
    pub(super) path: &'a Path,
    pub(super) format: Format,
    pub(super) convention: Convention,
    pub(super) table: &'a ChoiceTable,
    pub(super) options: &'a WriteOptions<'a>,
}

impl Writer<'_> {
    pub(super) fn choices(&self) -> &[Choice] {
        self.table.choices.choices()
    }

    pub(super) fn offset(&self) -> u32 {
        self.convention.base.offset() as u32
    }

    pub(super) fn unsupported(&self, what: &'static str) -> FormatError {
        FormatError::Unsupported {
            path: self.path.into(),
            format: self.format,
            what,
        }
    }

    /// Writes `R` rows of `W` whole numbers per choice: `.npy` as an array of 64-bit integers,
    /// `.npz` as the arrays `X` (three columns) and `y`, anything else as text with blanks between.
    pub(super) fn integer_rows<const W: usize, const R: usize>(
        &self,
        rows: impl Fn(&Choice) -> [[i64; W]; R] + Sync,
    ) -> Result<(), FormatError> {
        let archive = has_extension(self.path, "npz");
        if !archive && !has_extension(self.path, "npy") {
            return self.lines("", |text, _, choice| {
                for row in rows(choice) {
                    push_row(text, &row, " ");
                    text.push(b'\n');
                }
            });
        }
        let flat: Vec<[i64; W]> = self.choices().iter().flat_map(rows).collect();
        let rows = ArrayView2::from(flat.as_slice());
        let overwrite = self.options.overwrite;
        let written = if !archive {
            write_npy(self.path, overwrite, rows)
        } else if W == 4 {
            let (x, y) = (rows.slice(s![.., ..3]), rows.column(3));
            write_npz(self.path, overwrite, &[("X", x.into()), ("y", y.into())])
        } else {
            return Err(self.unsupported(
                "written to .npz, which has X and y: these rows have no y; write .npy or .txt",
            ));
        };
        written.map_err(|source| FormatError::Array(Box::new(source)))
    }

    /// Writes one or more lines per choice with `line`, which must end them.
    pub(super) fn lines(
        &self,
        header: &str,
        line: impl Fn(&mut Vec<u8>, usize, &Choice) + Sync,
    ) -> Result<(), FormatError> {
        let is = |extension| has_extension(self.path, extension);
        if is("npy") || is("npz") || is("parquet") {
            return Err(self.unsupported(
                "written under a name that promises an array: they are text; name the file .txt, .csv or .tsv",
            ));
        }
        let mut file = AtomicFile::create(self.path, self.options.overwrite)?;
        let mut write = |bytes: &[u8]| file.write_all(bytes).map_err(|error| file.error(error));
        write(header.as_bytes())?;
        const ROWS: usize = 1 << 14;
        for (batch, choices) in self.choices().chunks(ROWS << 4).enumerate() {
            let texts: Vec<_> = choices
                .par_chunks(ROWS)
                .enumerate()
                .map(|(piece, choices)| {
                    let mut text = Vec::with_capacity(choices.len() * 24);
                    let first = (batch << 4 | piece) * ROWS;
                    choices
                        .iter()
                        .enumerate()
                        .for_each(|(at, choice)| line(&mut text, first + at, choice));
                    text
                })
                .collect();
            for text in texts {
                write(&text)?;
            }
        }
        Ok(file.commit()?)
    }
}

/// Appends numbers with `separator` between them.
pub(super) fn push_row(text: &mut Vec<u8>, values: &[i64], separator: &str) {
    for (at, &value) in values.iter().enumerate() {
        if at > 0 {
            text.extend_from_slice(separator.as_bytes());
        }
        if value < 0 {
            text.push(b'-');
        }
        parse::push_integer(text, value.unsigned_abs() as u32);
    }
}
