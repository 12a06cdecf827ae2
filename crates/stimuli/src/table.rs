//! Tables of text with a header, read so that every fault is found and not only the first.

use std::path::Path;

use csv::{ByteRecord, ReaderBuilder};

use crate::array::names_keys;
use crate::finding::Findings;
use crate::finding::Severity::Error;

/// A table of text: TSV, or CSV where the file is called so.
pub(crate) struct Table {
    pub(crate) header: Vec<String>,
    /// Line (from 1) and cells of every sound row.
    pub(crate) rows: Vec<(u64, Vec<String>)>,
}

impl Table {
    /// Reads `root/name`; rows that cannot be read become findings.
    pub(crate) fn read(root: &Path, name: &Path, findings: &mut Findings) -> Option<Self> {
        let bytes = match std::fs::read(root.join(name)) {
            Ok(bytes) => bytes,
            Err(error) => {
                findings.add(
                    (Error, "unreadable"),
                    (name, None),
                    format!("the file cannot be read: {error}"),
                    "a table that can be read",
                    "put the file there, or check its permissions",
                );
                return None;
            }
        };
        let separator = if name
            .extension()
            .is_some_and(|e| e.eq_ignore_ascii_case("csv"))
        {
            b','
        } else {
            b'\t'
        };
        let mut reader = ReaderBuilder::new()
            .delimiter(separator)
            .has_headers(false)
            .flexible(true)
            .from_reader(&bytes[..]);
        let mut table = Self {
            header: Vec::new(),
            rows: Vec::new(),
        };
        let mut record = ByteRecord::new();
        // Reading from memory cannot fail.
        while reader.read_byte_record(&mut record).unwrap_or(false) {
            let line = line_of(&bytes, &record);
            let cells: Result<Vec<String>, _> = record
                .iter()
                .map(|cell| std::str::from_utf8(cell).map(|text| text.trim().to_owned()))
                .collect();
            match cells {
                Err(_) => findings.add(
                    (Error, "not-text"),
                    (name, Some(line)),
                    "the line is not UTF-8 text",
                    "UTF-8",
                    "save the table as UTF-8",
                ),
                Ok(cells) if table.header.is_empty() => table.header = cells,
                Ok(cells) if cells.len() != table.header.len() => findings.add(
                    (Error, "ragged-row"),
                    (name, Some(line)),
                    format!("{} columns", cells.len()),
                    format!("{}, as in the header", table.header.len()),
                    "repair the line, or check the separator",
                ),
                Ok(cells) => table.rows.push((line, cells)),
            }
        }
        if table.header.is_empty() {
            findings.add(
                (Error, "empty-file"),
                (name, None),
                "the file has no line of text",
                "a header and a line per row",
                "write the table again",
            );
            return None;
        }
        Some(table)
    }

    /// The first column whose name announces keys; that there is none becomes a finding.
    pub(crate) fn key_column(&self, name: &Path, findings: &mut Findings) -> Option<usize> {
        let found = self.header.iter().position(|cell| names_keys(cell));
        if found.is_none() {
            findings.add(
                (Error, "no-key-column"),
                (name, Some(1)),
                format!("the columns are {}", self.header.join(", ")),
                "a column key that holds the keys of the stimuli",
                "name it key, or add the keys",
            );
        }
        found
    }

    /// The index of the column of one of these names, in any case.
    pub(crate) fn column(&self, names: &[&str]) -> Option<usize> {
        self.header
            .iter()
            .position(|cell| names.iter().any(|name| name.eq_ignore_ascii_case(cell)))
    }
}

/// Whether a cell says that there is no value.
pub(crate) fn missing(cell: &str) -> bool {
    matches!(cell, "" | "n/a" | "N/A" | "NA")
}

/// The line where a record begins; the parser counts blank lines before it to the record.
fn line_of(bytes: &[u8], record: &ByteRecord) -> u64 {
    let Some(start) = record.position() else {
        return 0;
    };
    let blanks = bytes[start.byte() as usize..]
        .iter()
        .take_while(|byte| matches!(byte, b'\n' | b'\r'));
    start.line() + blanks.filter(|&&byte| byte == b'\n').count() as u64
}
