//! Three ids to a row, one of them odd by its column: the files of SPoSE, VICE, object-dimensions
//! and the NMI study (last), and others that put it elsewhere.

use super::reader::{Ids, Reader};
use super::writer::Writer;
use super::{Imported, PresentedOrder};
use crate::convention::OddColumn;
use crate::formats::FormatError;
use crate::trial::{Choice, Position};

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

pub(super) fn write(writer: &Writer<'_>) -> Result<(), FormatError> {
    let odd = column(writer.convention.odd);
    writer.integer_rows(|choice| {
        let [a, b, o] = choice
            .odd_last()
            .map(|id| i64::from(id.0 + writer.offset()));
        [match odd {
            Position::First => [o, a, b],
            Position::Second => [a, o, b],
            Position::Third => [a, b, o],
        }]
    })
}
