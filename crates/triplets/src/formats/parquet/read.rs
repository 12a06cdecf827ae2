//! Reading canonical records, and what other tools write like them.

use super::{KEYS, LOST, N_STIMULI, ORDER, damaged, pages};
use crate::convention::{Base, OddColumn};
use crate::formats::error::{FormatError, RowError};
use crate::formats::extras::{ExtrasBuilder, RowExtras};
use crate::formats::options::MAX_INFERRED;
use crate::formats::reader::{Ids, Reader, place};
use crate::formats::{Imported, PresentedOrder, Stimuli};
use crate::parse::{self, Lines};
use crate::trial::{Choice, ChoiceSet, Split, Triplet};
use emotome_stimuli::{StimulusId, StimulusSet};
use parquet::basic::ConvertedType;
use parquet::column::reader::ColumnReader;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::metadata::{KeyValue, RowGroupMetaData};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::types::SchemaDescriptor;
use std::fs::File;

/// Rows decoded at a time.
const BATCH: usize = 1 << 14;

/// The cells of one column in a batch.
enum Cells {
    Whole(Vec<Option<i64>>),
    Real(Vec<Option<f64>>),
    Text(Vec<Option<ByteArray>>),
}

/// A column being read.
struct Source {
    name: &'static str,
    reader: ColumnReader,
    nullable: bool,
    unsigned: bool,
}

impl Source {
    /// The next `rows` cells; fewer means that the file ends early.
    fn next(&mut self, rows: usize) -> Result<Cells, ParquetError> {
        macro_rules! cells {
            ($reader:expr, $value:expr) => {{
                let (mut values, mut defined) = (Vec::new(), Vec::new());
                let (records, ..) =
                    $reader.read_records(rows, Some(&mut defined), None, &mut values)?;
                if records < rows {
                    return Err(ParquetError::EOF(format!(
                        "column {} ends after {records} of {rows} rows",
                        self.name
                    )));
                }
                let mut values = values.into_iter().map($value);
                if self.nullable {
                    defined
                        .into_iter()
                        .map(|defined| if defined == 1 { values.next() } else { None })
                        .collect()
                } else {
                    values.map(Some).collect()
                }
            }};
        }
        let unsigned = self.unsigned;
        Ok(match &mut self.reader {
            ColumnReader::Int32ColumnReader(reader) => {
                Cells::Whole(cells!(reader, |v: i32| if unsigned {
                    i64::from(v.cast_unsigned())
                } else {
                    v.into()
                }))
            }
            ColumnReader::Int64ColumnReader(reader) => Cells::Whole(cells!(reader, |v: i64| v)),
            ColumnReader::FloatColumnReader(reader) => {
                Cells::Real(cells!(reader, |v: f32| f64::from(v)))
            }
            ColumnReader::DoubleColumnReader(reader) => Cells::Real(cells!(reader, |v: f64| v)),
            ColumnReader::ByteArrayColumnReader(reader) => {
                Cells::Text(cells!(reader, |v: ByteArray| v))
            }
            _ => {
                let expected = "expected integers, floats or text";
                return Err(ParquetError::General(format!(
                    "column {} has a type that is not read; {expected}",
                    self.name
                )));
            }
        })
    }
}

impl Cells {
    /// A whole number, `None` where null or NaN.
    fn whole(
        &self,
        row: usize,
        column: &str,
        expected: &'static str,
    ) -> Result<Option<i64>, RowError> {
        let wrong = |found: String| RowError::Field {
            column: column.into(),
            found,
            expected,
        };
        match self {
            Self::Whole(cells) => Ok(cells[row]),
            Self::Real(cells) => match cells[row] {
                Some(value) if !value.is_nan() => parse::whole(value)
                    .map(Some)
                    .ok_or_else(|| wrong(value.to_string())),
                _ => Ok(None),
            },
            Self::Text(cells) => match &cells[row] {
                Some(text) => Err(wrong(parse::quote(text.data()))),
                None => Ok(None),
            },
        }
    }

    fn text(&self, row: usize, column: &str) -> Result<Option<&str>, RowError> {
        match self {
            Self::Text(cells) => cells[row]
                .as_ref()
                .map(|text| text.as_utf8().map_err(|_| RowError::NotUtf8))
                .transpose(),
            _ => Err(RowError::Field {
                column: column.into(),
                found: "a number".into(),
                expected: "text",
            }),
        }
    }
}

/// What the file's metadata say.
#[derive(Default)]
struct Stated {
    n: Option<usize>,
    keys: Option<StimulusSet>,
    lost: bool,
}

fn stated(reader: &Reader<'_>, metadata: Option<&Vec<KeyValue>>) -> Result<Stated, FormatError> {
    let mut stated = Stated::default();
    for entry in metadata.into_iter().flatten() {
        let Some(value) = &entry.value else { continue };
        match entry.key.as_str() {
            N_STIMULI => {
                let n = value.parse().ok().filter(|n| *n <= MAX_INFERRED);
                stated.n = Some(n.ok_or_else(|| {
                    reader.binary(format!(
                        "metadata {N_STIMULI} = {value:?} found, a whole number up to {MAX_INFERRED} expected"
                    ))
                })?);
            }
            KEYS => {
                let labels: Vec<String> = serde_json::from_str(value).map_err(|error| {
                    reader.binary(format!("metadata {KEYS} is no JSON list of keys: {error}"))
                })?;
                let set = StimulusSet::from_labels(labels);
                stated.keys = Some(set.map_err(|source| FormatError::Key {
                    path: reader.path.into(),
                    source,
                })?);
            }
            ORDER => stated.lost = value == LOST,
            _ => {}
        }
    }
    Ok(stated)
}

/// How the cells of `a`, `b`, `c` become stimuli.
enum Items {
    Ids(Ids),
    /// Ids into the file's own keys, realigned to the study by key.
    Realigned(Vec<Result<StimulusId, RowError>>, Ids),
}

pub(in crate::formats) fn read(reader: &Reader<'_>) -> Result<Imported, FormatError> {
    // The decoder asserts what a damaged page may break; nothing it touched outlives this call.
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| decode(reader))).unwrap_or_else(|_| {
        Err(reader.binary(
            "a damaged Parquet file: its pages contradict each other; copy or export it again"
                .into(),
        ))
    })
}

fn decode(reader: &Reader<'_>) -> Result<Imported, FormatError> {
    let wrong = |error| {
        damaged(
            reader.path,
            "not a complete Parquet file (cut off while copying?)",
            error,
        )
    };
    let file = File::open(reader.path).map_err(|error| reader.io(error))?;
    let size = file.metadata().map_err(|error| reader.io(error))?.len();
    if size == 0 {
        return Err(FormatError::Empty {
            path: reader.path.into(),
        });
    }
    let parquet = file
        .try_clone()
        .map_err(ParquetError::from)
        .and_then(SerializedFileReader::new)
        .map_err(wrong)?;
    check_chunks(&parquet, size).map_err(wrong)?;
    let metadata = parquet.metadata().file_metadata();
    let stated = stated(reader, metadata.key_value_metadata())?;
    let schema = metadata.schema_descr();
    let columns = Columns::locate(reader, schema)?;
    let n = match (reader.options.stimuli, stated.n) {
        (Stimuli::Infer, Some(n)) => n,
        _ => reader.n()?,
    };
    let ids = Ids {
        base: reader.convention.base,
        n,
    };
    let items = match (&stated.keys, reader.options.stimuli) {
        (Some(keys), Stimuli::Set(set)) => {
            let aligned = keys.keys().iter().map(|key| {
                set.get(key.as_str()).ok_or_else(|| RowError::UnknownKey {
                    key: key.to_string(),
                    n: set.len(),
                })
            });
            Items::Realigned(
                aligned.collect(),
                Ids {
                    n: keys.len(),
                    ..ids
                },
            )
        }
        _ => Items::Ids(ids),
    };
    let (mut lines, mut extras) = (Lines::new(), ExtrasBuilder::default());
    let total = u64::try_from(metadata.num_rows()).unwrap_or_default();
    reader.run.progress.begin("reading", Some(total));
    let mut row_number = 0;
    for group in 0..parquet.num_row_groups() {
        let group = parquet.metadata().row_group(group);
        let mut sources = columns.open(&file, group).map_err(wrong)?;
        let mut left = u64::try_from(group.num_rows()).unwrap_or_default() as usize;
        while left > 0 {
            let rows = left.min(BATCH);
            let cells = sources
                .iter_mut()
                .map(|source| source.as_mut().map(|source| source.next(rows)).transpose())
                .collect::<Result<Vec<_>, _>>()
                .map_err(wrong)?;
            for row in 0..rows {
                row_number += 1;
                let kept = parse_row(&cells, row, &items, reader).map(|(choice, row_extras)| {
                    extras.push(row_extras);
                    choice
                });
                lines
                    .push(row_number, kept, reader.options.leave_out_bad_rows)
                    .map_err(|error| reader.row(error))?;
            }
            left -= rows;
            reader.run.progress.advance(rows as u64);
            if reader.run.interrupt.requested() {
                return Err(FormatError::Interrupted);
            }
        }
    }
    reader.run.progress.end();
    let order = if stated.lost {
        PresentedOrder::LostOddLast
    } else {
        PresentedOrder::Known
    };
    let mut imported = reader.finish(lines, reader.convention, order)?;
    imported.table.extras = reader.extras(extras)?;
    if let (Stimuli::Infer, Some(n)) = (reader.options.stimuli, stated.n) {
        let choices =
            std::mem::replace(&mut imported.table.choices, ChoiceSet::empty(0)).into_choices();
        imported.table.choices =
            ChoiceSet::new(n, choices).map_err(|error| reader.binary(error.to_string()))?;
        imported.n_inferred = false;
    }
    imported.stimuli = match reader.options.stimuli {
        Stimuli::Set(_) => None,
        _ => stated.keys,
    };
    imported.ignored_columns = columns.ignored(schema);
    Ok(imported)
}

/// Rows that a byte of a file may stand for; distinct trials take several bytes each.
const ROWS_PER_BYTE: u64 = 1_000;

/// Refuses a footer that places a column outside the file, since the decoder takes places on trust,
/// or that claims more rows than such a file can mean: runs of one value compress without bound.
fn check_chunks(parquet: &SerializedFileReader<File>, size: u64) -> Result<(), ParquetError> {
    let mut rows = 0_u64;
    for group in parquet.metadata().row_groups() {
        rows = rows.saturating_add(u64::try_from(group.num_rows()).unwrap_or(u64::MAX));
        if rows > size.saturating_mul(ROWS_PER_BYTE) {
            return Err(ParquetError::General(format!(
                "{rows} rows claimed by {size} bytes, more than {ROWS_PER_BYTE} a byte: refused as a decompression bomb"
            )));
        }
        for column in group.columns() {
            let start = column
                .dictionary_page_offset()
                .unwrap_or(column.data_page_offset());
            let end = start
                .checked_add(column.compressed_size())
                .and_then(|end| u64::try_from(end).ok());
            if start < 0 || column.compressed_size() < 0 || end.is_none_or(|end| end > size) {
                return Err(ParquetError::General(format!(
                    "column {} is said to take {} bytes from byte {start}, but the file has {size}",
                    column.column_path(),
                    column.compressed_size()
                )));
            }
        }
    }
    Ok(())
}

/// The columns that are read, in this order.
const READ: [&str; 11] = [
    "a", "b", "c", "choice", "status", "trial_id", "agent_id", "rater_id", "rep", "split", "t_ms",
];

/// Where the columns of [`READ`] stand in a file.
struct Columns([Option<usize>; READ.len()]);

impl Columns {
    fn locate(reader: &Reader<'_>, schema: &SchemaDescriptor) -> Result<Self, FormatError> {
        let places = READ.map(|name| {
            // A nested field has a longer path and is another thing.
            schema
                .columns()
                .iter()
                .position(|column| column.path().parts() == [name])
        });
        for (name, place) in READ.iter().zip(places).take(4) {
            if place.is_none() {
                return Err(FormatError::MissingColumn {
                    path: reader.path.into(),
                    column: (*name).into(),
                    found: schema
                        .columns()
                        .iter()
                        .map(|column| column.path().string())
                        .collect(),
                });
            }
        }
        Ok(Self(places))
    }

    fn open(
        &self,
        file: &File,
        group: &RowGroupMetaData,
    ) -> Result<Vec<Option<Source>>, ParquetError> {
        let rows = usize::try_from(group.num_rows()).unwrap_or_default();
        let open = |(name, place): (&'static str, Option<usize>)| {
            place
                .map(|at| {
                    let chunk = group.column(at);
                    let column = chunk.column_descr();
                    if column.max_rep_level() > 0 || column.max_def_level() > 1 {
                        return Err(ParquetError::General(format!(
                            "column {name} holds lists; expected one value per row"
                        )));
                    }
                    Ok(Source {
                        name,
                        reader: pages::open(file, chunk, rows)?,
                        nullable: column.max_def_level() == 1,
                        unsigned: column.converted_type() == ConvertedType::UINT_32,
                    })
                })
                .transpose()
        };
        READ.into_iter().zip(self.0).map(open).collect()
    }

    fn ignored(&self, schema: &SchemaDescriptor) -> Vec<String> {
        let names = schema.columns().iter().enumerate();
        names
            .filter(|(at, _)| !self.0.contains(&Some(*at)))
            .map(|(_, column)| column.path().string())
            .collect()
    }
}

fn parse_row<'a>(
    cells: &'a [Option<Cells>],
    row: usize,
    items: &Items,
    reader: &Reader<'_>,
) -> Result<(Choice, RowExtras<'a>), RowError> {
    let whole = |column: usize, expected| match &cells[column] {
        Some(cells) => cells.whole(row, READ[column], expected),
        None => Ok(None),
    };
    let text = |column: usize| match &cells[column] {
        Some(cells) => cells.text(row, READ[column]),
        None => Ok(None),
    };
    let item = |column: usize| {
        if let Some(Cells::Text(keys)) = &cells[column] {
            let key = keys[row].as_ref().map_or(b"".as_slice(), |key| key.data());
            let key = std::str::from_utf8(key).map_err(|_| RowError::NotUtf8)?;
            return match reader.options.stimuli {
                Stimuli::Set(set) => set.get(key).ok_or_else(|| RowError::UnknownKey {
                    key: parse::quote(key.as_bytes()),
                    n: set.len(),
                }),
                _ => Err(RowError::NotAnInteger {
                    token: parse::quote(key.as_bytes()),
                }),
            };
        }
        let null = || RowError::Field {
            column: READ[column].into(),
            found: "null".into(),
            expected: "a stimulus",
        };
        let id = whole(column, "a whole number")?.ok_or_else(null)?;
        match items {
            Items::Ids(ids) => ids.id(id),
            Items::Realigned(aligned, ids) => aligned[ids.id(id)?.index()].clone(),
        }
    };
    let shown = [item(0)?, item(1)?, item(2)?];
    let triplet = Triplet::new(shown).map_err(|_| RowError::Repeated {
        items: shown.map(|id| id.0.into()),
    })?;
    let status = text(4)?.unwrap_or("ok");
    if status != "ok" {
        return Err(RowError::NoChoice {
            status: parse::quote(status.as_bytes()),
        });
    }
    let choice = whole(3, "0, 1 or 2")?.ok_or_else(|| RowError::NoChoice {
        status: "null".into(),
    })?;
    let odd = place(
        choice,
        match reader.convention.odd {
            OddColumn::Choice(base) => base,
            _ => Base::Zero,
        },
    )?;
    let field = |column: usize, found: String, expected| RowError::Field {
        column: READ[column].into(),
        found,
        expected,
    };
    let split = text(9)?
        .map(|name| {
            Split::from_name(name)
                .ok_or_else(|| field(9, parse::quote(name.as_bytes()), "the name of a split"))
        })
        .transpose()?;
    let replicate = whole(8, "a whole number")?
        .map(|value| u16::try_from(value).map_err(|_| field(8, value.to_string(), "0 to 65535")))
        .transpose()?;
    let response_ms = match &cells[10] {
        Some(Cells::Real(cells)) => Some(cells[row].map_or(f32::NAN, |value| value as f32)),
        Some(_) => Some(whole(10, "milliseconds")?.map_or(f32::NAN, |value| value as f32)),
        None => None,
    };
    let extras = RowExtras {
        number: whole(5, "a whole number")?.map(i64::cast_unsigned),
        agent: text(6)?,
        rater: text(7)?,
        response_ms,
        replicate,
        split,
    };
    Ok((Choice { triplet, odd }, extras))
}
