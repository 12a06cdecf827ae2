//! The files of the NMI study (Du et al. 2025): ceiling tables and the logs of its collectors.

use super::reader::{Ids, Reader, place};
use super::writer::{Writer, push_row};
use super::{Imported, PresentedOrder};
use crate::convention::{Base, OddColumn};
use crate::formats::error::{Expected, FormatError, RowError};
use crate::parse::{self, Lines};
use crate::trial::{Choice, Position};
use csv::ByteRecord;
use std::fs::File;
use std::io::BufReader;

/// `id id id place` and, in the human version, a fifth column that is not read.
pub(super) fn read_ceiling(reader: &Reader<'_>) -> Result<Imported, FormatError> {
    let ids = Ids::of(reader)?;
    let base = choice_base(reader.convention.odd);
    let (lines, width) = reader.integer_rows([4, 5], |row| {
        Ok(Choice {
            triplet: ids.triplet([row[0], row[1], row[2]])?,
            odd: place(row[3], base)?,
        })
    })?;
    let mut imported = reader.finish(lines, reader.convention, PresentedOrder::Known)?;
    imported
        .ignored_columns
        .extend((width == 5).then(|| "column 5".to_owned()));
    Ok(imported)
}

pub(super) const fn choice_base(odd: OddColumn) -> Base {
    match odd {
        OddColumn::Choice(base) => base,
        _ => Base::One,
    }
}

/// The ids of a choice and the place of its odd one, as the convention counts them.
pub(super) fn placed(writer: &Writer<'_>) -> impl Fn(&Choice) -> [i64; 4] + Sync {
    let offset = writer.convention.base.offset();
    let base = choice_base(writer.convention.odd).offset();
    move |choice| {
        let [a, b, c] = choice.triplet.items().map(|id| i64::from(id.0) + offset);
        [a, b, c, choice.odd.index() as i64 + base]
    }
}

pub(super) fn write_ceiling(writer: &Writer<'_>) -> Result<(), FormatError> {
    let placed = placed(writer);
    writer.integer_rows(|choice| [placed(choice)])
}

/// Writes the log with empty prompts and replies, which a choice does not have.
pub(super) fn write_ceiling_log(writer: &Writer<'_>) -> Result<(), FormatError> {
    let placed = placed(writer);
    writer.lines("", |text, _, choice| {
        push_row(text, &placed(choice), ",");
        text.extend_from_slice(b",,\n");
    })
}

/// Writes the log with empty prompts and replies, which a choice does not have.
pub(super) fn write_prompt_log(writer: &Writer<'_>) -> Result<(), FormatError> {
    writer.lines("", |text, _, choice| {
        let row = choice
            .odd_last()
            .map(|id| i64::from(id.0 + writer.offset()));
        text.extend_from_slice(b"\"[");
        push_row(text, &row, ", ");
        text.extend_from_slice(b"]\",,\n");
    })
}

/// `id,id,id,place,prompt,reply` without a header.
pub(super) fn read_ceiling_log(reader: &Reader<'_>) -> Result<Imported, FormatError> {
    let ids = Ids::of(reader)?;
    let base = choice_base(reader.convention.odd);
    let lines = log_rows(reader, 6, |row| {
        let [a, b, c, choice] = [0, 1, 2, 3].map(|column| log_integer(&row[column]));
        Ok(Choice {
            triplet: ids.triplet([a?, b?, c?])?,
            odd: place(choice?, base)?,
        })
    })?;
    let mut imported = reader.finish(lines, reader.convention, PresentedOrder::Known)?;
    imported.ignored_columns = vec!["prompt".into(), "reply".into()];
    Ok(imported)
}

/// `"[id, id, id]",prompt,reply` without a header; the odd one stands last in the list.
pub(super) fn read_prompt_log(reader: &Reader<'_>) -> Result<Imported, FormatError> {
    let ids = Ids::of(reader)?;
    let lines = log_rows(reader, 3, |row| {
        let list = row[0].trim_ascii();
        let inner = list
            .strip_prefix(b"[")
            .and_then(|list| list.strip_suffix(b"]"));
        let inner = inner.ok_or_else(|| RowError::Field {
            column: "1".into(),
            found: parse::quote(list),
            expected: "a list of three ids such as [12, 7, 845]",
        })?;
        let items = inner
            .split(|&byte| byte == b',')
            .map(log_integer)
            .collect::<Result<Vec<_>, _>>()?;
        let items: [i64; 3] = items
            .try_into()
            .map_err(|items: Vec<i64>| RowError::Columns {
                found: items.len(),
                expected: Expected::Exactly(3),
            })?;
        Ok(Choice {
            triplet: ids.triplet(items)?,
            odd: Position::Third,
        })
    })?;
    let mut imported = reader.finish(lines, reader.convention, PresentedOrder::LostOddLast)?;
    imported.ignored_columns = vec!["prompt".into(), "reply".into()];
    Ok(imported)
}

/// A whole number, perhaps in quotes as Python prints a list of strings.
fn log_integer(token: &[u8]) -> Result<i64, RowError> {
    let token = token.trim_ascii();
    let quoted = |quote: &[u8]| token.strip_prefix(quote)?.strip_suffix(quote);
    let bare = quoted(b"'").or_else(|| quoted(b"\"")).unwrap_or(token);
    match parse::integers(bare)? {
        (values, 1) => Ok(values[0]),
        _ => Err(RowError::NotAnInteger {
            token: parse::quote(token),
        }),
    }
}

/// The rows of a CSV file without a header; replies may hold line ends, so rows are read in turn.
fn log_rows(
    reader: &Reader<'_>,
    width: usize,
    convert: impl Fn(&ByteRecord) -> Result<Choice, RowError>,
) -> Result<Lines<Choice>, FormatError> {
    let file = File::open(reader.path).map_err(|error| reader.io(error))?;
    let mut csv = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(BufReader::new(file));
    let (mut lines, mut row) = (Lines::new(), ByteRecord::new());
    while csv
        .read_byte_record(&mut row)
        .map_err(|error| reader.io(error.into()))?
    {
        let line = row.position().map_or(0, csv::Position::line);
        let choice = if row.len() == width {
            convert(&row)
        } else {
            Err(RowError::Columns {
                found: row.len(),
                expected: Expected::Exactly(width),
            })
        };
        lines
            .push(line, choice, reader.options.leave_out_bad_rows)
            .map_err(|error| reader.row(error))?;
        if reader.run.interrupt.requested() {
            return Err(FormatError::Interrupted);
        }
    }
    Ok(lines)
}
