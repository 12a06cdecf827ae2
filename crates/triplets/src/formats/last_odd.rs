//! Three ids to a row, one of them odd by its column: the files of SPoSE, VICE, object-dimensions
//! and the NMI study (last), and others that put it elsewhere.

use super::reader::{Ids, Reader};
use super::writer::{Writer, push_row};
use super::{Imported, PresentedOrder};
use crate::convention::OddColumn;
use crate::formats::FormatError;
use crate::trial::{Choice, Position};
use emotome_stimuli::array::write_npy;
use ndarray::Array2;

pub(super) fn read(reader: &Reader<'_>) -> Result<Imported, FormatError> {
    let ids = Ids::of(reader)?;
    let odd = column(reader.convention.odd);
    let (lines, _) = reader.integer_rows([3, 3], |row| {
        Ok(Choice {
            triplet: ids.triplet([row[0], row[1], row[2]])?,
            odd,
        })
    })?;
    reader.finish(lines, reader.convention, PresentedOrder::LostOddLast)
}

/// The place of a column that holds the odd one itself.
pub(super) const fn column(odd: OddColumn) -> Position {
    match odd {
        OddColumn::First => Position::First,
        OddColumn::Second => Position::Second,
        OddColumn::Third | OddColumn::Choice(_) => Position::Third,
    }
}

/// The ids of a choice with the odd one in the given column and the others in presented order.
pub(super) fn columns(choice: &Choice, odd: OddColumn, offset: u32) -> [u32; 3] {
    let [a, b, o] = choice.odd_last().map(|id| id.0 + offset);
    match column(odd) {
        Position::First => [o, a, b],
        Position::Second => [a, o, b],
        Position::Third => [a, b, o],
    }
}

pub(super) fn write(writer: &Writer<'_>) -> Result<(), FormatError> {
    let row = |choice: &Choice| columns(choice, writer.convention.odd, writer.offset());
    if super::has_extension(writer.path, "npy") {
        let flat: Vec<i64> = writer
            .choices()
            .iter()
            .flat_map(|choice| row(choice).map(i64::from))
            .collect();
        return write_rows(writer, flat, 3);
    }
    writer.lines("", |text, _, choice| {
        push_row(text, &row(choice), b' ');
        text.push(b'\n');
    })
}

/// Writes whole numbers as an N × `width` array of 64-bit integers, as `numpy.save` would.
pub(super) fn write_rows(
    writer: &Writer<'_>,
    flat: Vec<i64>,
    width: usize,
) -> Result<(), FormatError> {
    let rows = Array2::from_shape_vec((flat.len() / width, width), flat).map_err(|error| {
        FormatError::Binary {
            path: writer.path.into(),
            problem: error.to_string(),
        }
    })?;
    write_npy(writer.path, writer.options.overwrite, rows.view())
        .map_err(|source| FormatError::Array(Box::new(source)))
}
