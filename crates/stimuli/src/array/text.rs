//! Numbers in text: tables with separators, and plain matrices between blanks.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use csv::{ByteRecord, ReaderBuilder};
use ndarray::Array2;

use super::{ArrayError, LabelledMatrix, Place, open};
use crate::stimulus::StimulusSet;

/// Header cells that make the first column the keys of the stimuli.
const KEY_COLUMNS: [&str; 12] = [
    "",
    "key",
    "stimulus",
    "filename",
    "file",
    "id",
    "item",
    "name",
    "label",
    "video_id",
    "stimulus_key",
    "unique_id",
];

/// Whether a header cell announces stimulus keys.
pub(crate) fn names_keys(cell: &str) -> bool {
    KEY_COLUMNS
        .iter()
        .any(|name| name.eq_ignore_ascii_case(cell.trim()))
}

/// A cell as a number: NaN where the value is missing, `None` where it is something else.
pub(crate) fn number(cell: &str) -> Option<f64> {
    let cell = cell.trim();
    cell.parse()
        .ok()
        .or_else(|| matches!(cell, "" | "NA" | "n/a" | "N/A").then_some(f64::NAN))
}

/// At most 40 characters of a cell, for an error message: a cell may be as long as its file.
fn quote(cell: &str) -> String {
    let short: String = cell.chars().take(40).collect();
    if short.len() < cell.len() {
        short + "…"
    } else {
        short
    }
}

/// Reads a table with the given separator.
pub(super) fn read_delimited(path: &Path, separator: u8) -> Result<LabelledMatrix, ArrayError> {
    let place = Place::file(path);
    let (file, _) = open(&place)?;
    let mut reader = ReaderBuilder::new()
        .delimiter(separator)
        .has_headers(false)
        .flexible(true)
        .buffer_capacity(1 << 18)
        .from_reader(file);
    let mut record = ByteRecord::new();
    let mut next = |record: &mut ByteRecord| {
        reader
            .read_byte_record(record)
            .map_err(|error| ArrayError::Io {
                place: place.clone(),
                source: error.into(),
            })
    };
    let empty = |what: &str| ArrayError::Empty {
        place: place.clone(),
        what: what.into(),
    };
    if !next(&mut record)? {
        return Err(empty("the file has no line of text"));
    }
    let width = record.len();
    let first_record = record.clone();
    let header = header(path, &record)?;
    if header.is_some() && !next(&mut record)? {
        return Err(empty("the table has a header and no rows"));
    }
    let first = cell_text(path, &record, 0)?;
    let keyed =
        header.as_ref().is_some_and(|names| names_keys(&names[0])) || number(first).is_none();
    let skipped = usize::from(keyed);
    if width == skipped {
        return Err(empty(
            "the table has a column of keys and no column of numbers",
        ));
    }
    let (mut keys, mut values) = (Vec::new(), Vec::new());
    loop {
        if record.len() != width {
            return Err(ArrayError::Ragged {
                path: path.to_owned(),
                line: line_of(path, &record),
                found: record.len(),
                first_line: line_of(path, &first_record),
                expected: width,
            });
        }
        if keyed {
            keys.push(cell_text(path, &record, 0)?.to_owned());
        }
        for column in skipped..width {
            let cell = cell_text(path, &record, column)?;
            values.push(number(cell).ok_or_else(|| ArrayError::Cell {
                path: path.to_owned(),
                line: line_of(path, &record),
                column: column + 1,
                cell: quote(cell),
                hint: if column == 0 {
                    "if the first column holds the keys of the stimuli, call it \"key\" in the header"
                } else {
                    "expected a number, or an empty cell, NA or n/a where it is missing"
                },
            })?);
        }
        if !next(&mut record)? {
            break;
        }
    }
    let rows = keyed.then(|| StimulusSet::from_labels(keys)).transpose();
    Ok(LabelledMatrix {
        values: shaped(values, width - skipped),
        rows: rows.map_err(|source| ArrayError::Keys { place, source })?,
        columns: header.map(|mut names| names.split_off(skipped)),
    })
}

/// Reads numbers between blanks, a row per line.
pub(super) fn read_blanks(path: &Path) -> Result<LabelledMatrix, ArrayError> {
    let place = Place::file(path);
    let (mut file, _) = open(&place)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)
        .map_err(|source| ArrayError::Io {
            place: place.clone(),
            source,
        })?;
    let text = std::str::from_utf8(&bytes).map_err(|error| ArrayError::NotText {
        path: path.to_owned(),
        line: 1 + bytes[..error.valid_up_to()]
            .iter()
            .filter(|&&b| b == b'\n')
            .count() as u64,
    })?;
    let mut values = Vec::new();
    let mut first: Option<(u64, usize)> = None;
    for (line, row) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
        let before = values.len();
        if row.starts_with('#') {
            continue;
        }
        for (cell, column) in row.split_ascii_whitespace().zip(1..) {
            values.push(number(cell).ok_or_else(|| ArrayError::Cell {
                path: path.to_owned(),
                line,
                column,
                cell: quote(cell),
                hint: "expected numbers between blanks; name a table with separators .csv or .tsv",
            })?);
        }
        let found = values.len() - before;
        match first {
            _ if found == 0 => {}
            None => first = Some((line, found)),
            Some((first_line, expected)) if found != expected => {
                return Err(ArrayError::Ragged {
                    path: path.to_owned(),
                    line,
                    found,
                    first_line,
                    expected,
                });
            }
            Some(_) => {}
        }
    }
    let Some((_, width)) = first else {
        return Err(ArrayError::Empty {
            place,
            what: "the file has no line of numbers".into(),
        });
    };
    Ok(LabelledMatrix {
        values: shaped(values, width),
        rows: None,
        columns: None,
    })
}

/// The names in the first line, if it is a header.
fn header(path: &Path, record: &ByteRecord) -> Result<Option<Vec<String>>, ArrayError> {
    let cells: Vec<&str> = (0..record.len())
        .map(|i| cell_text(path, record, i))
        .collect::<Result<_, _>>()?;
    let named = names_keys(cells[0]) || cells[1..].iter().any(|cell| number(cell).is_none());
    // A lone column can only say by its first cell whether it has a name.
    let lone = cells.len() == 1 && number(cells[0]).is_none();
    if named || lone {
        return Ok(Some(
            cells
                .into_iter()
                .map(|cell| cell.trim().to_owned())
                .collect(),
        ));
    }
    if cells.len() > 2
        && cells
            .iter()
            .enumerate()
            .all(|(i, cell)| *cell == i.to_string())
    {
        return Err(ArrayError::NumberedHeader {
            path: path.to_owned(),
            last: cells.len() - 1,
        });
    }
    Ok(None)
}

fn cell_text<'a>(
    path: &Path,
    record: &'a ByteRecord,
    column: usize,
) -> Result<&'a str, ArrayError> {
    let cell = record.get(column).unwrap_or_default();
    std::str::from_utf8(cell).map_err(|_| ArrayError::NotText {
        path: path.to_owned(),
        line: line_of(path, record),
    })
}

/// The line where a record stands, from 1. The parser counts blank lines before a record to it; a fault is
/// rare enough to look them up in the file.
fn line_of(path: &Path, record: &ByteRecord) -> u64 {
    let Some(start) = record.position() else {
        return 0;
    };
    let blank_lines = || -> std::io::Result<u64> {
        let mut file = BufReader::new(File::open(path)?);
        file.seek(SeekFrom::Start(start.byte()))?;
        let blanks = file
            .bytes()
            .map_while(Result::ok)
            .take_while(|byte| matches!(byte, b'\n' | b'\r'));
        Ok(blanks.filter(|&byte| byte == b'\n').count() as u64)
    };
    start.line() + blank_lines().unwrap_or(0)
}

/// The callers have made every row `width` long.
fn shaped(values: Vec<f64>, width: usize) -> Array2<f64> {
    let rows = values.len() / width;
    Array2::from_shape_vec((rows, width), values)
        .unwrap_or_else(|_| unreachable!("rows of equal length"))
}
