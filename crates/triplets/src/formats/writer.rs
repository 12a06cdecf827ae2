//! What every writer of text shares: lines made in parallel and written in order.

use super::{ChoiceTable, Format, FormatError, WriteOptions};
use crate::convention::Convention;
use crate::parse;
use crate::trial::Choice;
use emotome_stimuli::output::AtomicFile;
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

    /// Writes one line per choice with `line`, which must end it.
    pub(super) fn lines(
        &self,
        header: &str,
        line: impl Fn(&mut Vec<u8>, usize, &Choice) + Sync,
    ) -> Result<(), FormatError> {
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
pub(super) fn push_row(text: &mut Vec<u8>, values: &[u32], separator: u8) {
    for (at, &value) in values.iter().enumerate() {
        if at > 0 {
            text.push(separator);
        }
        parse::push_integer(text, value);
    }
}
