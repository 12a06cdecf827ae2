//! The THINGS trial table: `trip.1 trip.2 trip.3 choice`, ids and places counted from 1.

use super::reader::Reader;
use super::writer::Writer;
use super::{Imported, ItemTokens, OddBy, TableColumns, table};
use crate::formats::FormatError;

fn columns() -> TableColumns {
    TableColumns {
        items: ["trip.1", "trip.2", "trip.3"].map(str::to_owned),
        odd: OddBy::Place("choice".into()),
        tokens: ItemTokens::Ids,
        ..TableColumns::default()
    }
}

pub(super) fn read(reader: &Reader<'_>) -> Result<Imported, FormatError> {
    table::read(reader, &columns())
}

pub(super) fn write(writer: &Writer<'_>) -> Result<(), FormatError> {
    table::write(writer, &columns())
}
