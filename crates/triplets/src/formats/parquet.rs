//! The canonical trial record as Parquet: the interchange form, read by pandas, Arrow and R alike.
//!
//! | column | type | meaning |
//! |---|---|---|
//! | `trial_id` | u64 | number of the trial in its design |
//! | `agent_id`, `rater_id` | text | who chose |
//! | `a`, `b`, `c` | u32 | stimuli in presented order, counted from 0 |
//! | `choice` | u8 or null | place of the odd one, 0–2 |
//! | `status` | text | `ok`, `invalid`, `ambiguous`, `refused`, `timeout`, `failed` |
//! | `rep` | u16 | how often the triplet was shown in this order before |
//! | `order_code` | u8 | which of the six orders of the ids this is; derived, never read |
//! | `split` | text | `train`, `validation`, `test`, `ceiling`, `fullset` |
//! | `prompt_hash`, `model_rev`, `raw_response_ref` | text | provenance |
//! | `temperature` | f32 | |
//! | `seed` | u64 | |
//! | `t_ms` | f32 | response time |
//!
//! The file's metadata say `emotome.n_stimuli`, `emotome.presented_order` and, where known,
//! `emotome.stimulus_keys` (a JSON list). Of files written elsewhere only `a`, `b`, `c` and `choice`
//! are needed; integers of any width, whole floats and, for the stimuli, keys as text are read.

use super::error::{FormatError, RowError};
use super::extras::{ExtrasBuilder, RowExtras};
use super::{Ids, Imported, PresentedOrder, Reader, Stimuli, Writer, place};
use crate::convention::Base;
use crate::parse::{self, Lines};
use crate::trial::{Choice, Outcome, Split, Triplet};
use emotome_stimuli::output::{AtomicFile, Overwrite};
use emotome_stimuli::{StimulusId, StimulusSet};
use parquet::basic::{Compression, ConvertedType};
use parquet::column::reader::ColumnReader;
use parquet::data_type::{ByteArray, ByteArrayType, DataType, FloatType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::SchemaDescriptor;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const SCHEMA: &str = "message trials {
    optional int64 trial_id (INTEGER(64, false));
    optional binary agent_id (STRING);
    optional binary rater_id (STRING);
    required int32 a (INTEGER(32, false));
    required int32 b (INTEGER(32, false));
    required int32 c (INTEGER(32, false));
    optional int32 choice (INTEGER(8, false));
    required binary status (STRING);
    optional int32 rep (INTEGER(16, false));
    required int32 order_code (INTEGER(8, false));
    optional binary split (STRING);
    optional binary prompt_hash (STRING);
    optional binary model_rev (STRING);
    optional float temperature;
    optional int64 seed (INTEGER(64, false));
    optional binary raw_response_ref (STRING);
    optional float t_ms;
}";

const N_STIMULI: &str = "emotome.n_stimuli";
const KEYS: &str = "emotome.stimulus_keys";
const ORDER: &str = "emotome.presented_order";
const LOST: &str = "lost-odd-last";

/// Rows to a row group, held in memory while writing.
const ROW_GROUP: usize = 1 << 18;
/// Rows decoded at a time.
const BATCH: usize = 1 << 14;

/// One canonical trial: what was shown, what became of it, and where it comes from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Record<'a> {
    /// The trial's number in its design.
    pub number: Option<u64>,
    /// The model or group that chose.
    pub agent: Option<&'a str>,
    /// The person who chose.
    pub rater: Option<&'a str>,
    /// The stimuli in presented order.
    pub triplet: Triplet,
    /// What became of the trial.
    pub outcome: Outcome,
    /// How often the triplet was shown in this order before.
    pub replicate: Option<u16>,
    /// What the trial may be used for.
    pub split: Option<Split>,
    /// Hash of the full prompt.
    pub prompt_hash: Option<&'a str>,
    /// Revision of the model.
    pub model_rev: Option<&'a str>,
    /// Sampling temperature.
    pub temperature: Option<f32>,
    /// Sampling seed.
    pub seed: Option<u64>,
    /// Where the raw reply is kept.
    pub raw_response_ref: Option<&'a str>,
    /// The response time in milliseconds.
    pub response_ms: Option<f32>,
}

impl Record<'_> {
    /// A trial of which only the outcome is known.
    #[must_use]
    pub const fn new(triplet: Triplet, outcome: Outcome) -> Self {
        Self {
            number: None,
            agent: None,
            rater: None,
            triplet,
            outcome,
            replicate: None,
            split: None,
            prompt_hash: None,
            model_rev: None,
            temperature: None,
            seed: None,
            raw_response_ref: None,
            response_ms: None,
        }
    }
}

/// A nullable column of the row group being filled.
struct Column<T: DataType> {
    values: Vec<T::T>,
    defined: Vec<i16>,
}

impl<T: DataType> Column<T> {
    const fn new() -> Self {
        Self {
            values: Vec::new(),
            defined: Vec::new(),
        }
    }

    fn push(&mut self, value: Option<T::T>) {
        self.defined.push(i16::from(value.is_some()));
        self.values.extend(value);
    }

    fn write<W: std::io::Write + Send>(
        &mut self,
        group: &mut SerializedRowGroupWriter<'_, W>,
    ) -> Result<(), ParquetError> {
        let mut column = group
            .next_column()?
            .ok_or_else(|| ParquetError::General("no column left".into()))?;
        column
            .typed::<T>()
            .write_batch(&self.values, Some(&self.defined), None)?;
        self.values.clear();
        self.defined.clear();
        column.close()
    }
}

/// A column of text; runs of the same label share their memory.
struct TextColumn {
    column: Column<ByteArrayType>,
    last: ByteArray,
}

impl TextColumn {
    fn new() -> Self {
        Self {
            column: Column::new(),
            last: ByteArray::from(""),
        }
    }

    fn push(&mut self, value: Option<&str>) {
        if let Some(value) = value.filter(|value| value.as_bytes() != self.last.data()) {
            self.last = ByteArray::from(value);
        }
        self.column.push(value.map(|_| self.last.clone()));
    }
}

/// Writes canonical records to Parquet (zstd), a row group at a time.
///
/// ```
/// use emotome_stimuli::{StimulusId, output::Overwrite};
/// use emotome_triplets::{Outcome, Position, Triplet, formats::{Record, RecordWriter, PresentedOrder}};
/// let dir = tempfile::tempdir()?;
/// let mut writer = RecordWriter::create(
///     &dir.path().join("trials.parquet"), 10, None, PresentedOrder::Known, Overwrite::Refuse)?;
/// let triplet = Triplet::new([4, 0, 9].map(StimulusId))?;
/// writer.push(&Record { agent: Some("cosine"), ..Record::new(triplet, Outcome::Chosen(Position::Second)) })?;
/// writer.push(&Record::new(triplet, Outcome::Refused))?;
/// writer.finish()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RecordWriter {
    path: PathBuf,
    file: SerializedFileWriter<AtomicFile>,
    number: Column<Int64Type>,
    agent: TextColumn,
    rater: TextColumn,
    items: [Column<Int32Type>; 3],
    choice: Column<Int32Type>,
    status: TextColumn,
    replicate: Column<Int32Type>,
    order: Column<Int32Type>,
    split: TextColumn,
    prompt_hash: TextColumn,
    model_rev: TextColumn,
    temperature: Column<FloatType>,
    seed: Column<Int64Type>,
    raw_response_ref: TextColumn,
    response_ms: Column<FloatType>,
}

impl RecordWriter {
    /// Begins a file of trials among `n_stimuli` stimuli; it appears when [`finish`](Self::finish)ed.
    ///
    /// # Errors
    /// [`FormatError`] if the file exists and may not be replaced, or cannot be written.
    pub fn create(
        path: &Path,
        n_stimuli: usize,
        stimuli: Option<&StimulusSet>,
        order: PresentedOrder,
        overwrite: Overwrite,
    ) -> Result<Self, FormatError> {
        let file = AtomicFile::create(path, overwrite)?;
        let mut metadata = vec![
            KeyValue::new(N_STIMULI.to_owned(), n_stimuli.to_string()),
            KeyValue::new(
                ORDER.to_owned(),
                if order == PresentedOrder::Known {
                    "known"
                } else {
                    LOST
                }
                .to_owned(),
            ),
        ];
        if let Some(set) = stimuli {
            let keys: Vec<_> = set.keys().iter().map(|key| key.as_str()).collect();
            metadata.push(KeyValue::new(
                KEYS.to_owned(),
                serde_json::Value::from(keys).to_string(),
            ));
        }
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(Default::default()))
            .set_created_by(concat!("emotome ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_key_value_metadata(Some(metadata))
            .build();
        let file = parse_message_type(SCHEMA)
            .and_then(|schema| {
                SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties))
            })
            .map_err(|error| failed(path, error))?;
        Ok(Self {
            path: path.into(),
            file,
            number: Column::new(),
            agent: TextColumn::new(),
            rater: TextColumn::new(),
            items: [Column::new(), Column::new(), Column::new()],
            choice: Column::new(),
            status: TextColumn::new(),
            replicate: Column::new(),
            order: Column::new(),
            split: TextColumn::new(),
            prompt_hash: TextColumn::new(),
            model_rev: TextColumn::new(),
            temperature: Column::new(),
            seed: Column::new(),
            raw_response_ref: TextColumn::new(),
            response_ms: Column::new(),
        })
    }

    /// Adds a trial.
    ///
    /// # Errors
    /// [`FormatError`] if a full row group cannot be written.
    pub fn push(&mut self, record: &Record<'_>) -> Result<(), FormatError> {
        self.number.push(record.number.map(u64::cast_signed));
        self.agent.push(record.agent);
        self.rater.push(record.rater);
        for (column, id) in self.items.iter_mut().zip(record.triplet.items()) {
            column.push(Some(id.0.cast_signed()));
        }
        self.choice
            .push(record.outcome.chosen().map(|place| place.index() as i32));
        self.status.push(Some(record.outcome.status()));
        self.replicate.push(record.replicate.map(i32::from));
        self.order
            .push(Some(i32::from(record.triplet.order_code())));
        self.split
            .push(record.split.map(|split| split.to_string()).as_deref());
        self.prompt_hash.push(record.prompt_hash);
        self.model_rev.push(record.model_rev);
        self.temperature.push(record.temperature);
        self.seed.push(record.seed.map(u64::cast_signed));
        self.raw_response_ref.push(record.raw_response_ref);
        self.response_ms
            .push(record.response_ms.filter(|value| !value.is_nan()));
        if self.order.defined.len() == ROW_GROUP {
            self.flush().map_err(|error| failed(&self.path, error))?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), ParquetError> {
        let mut group = self.file.next_row_group()?;
        let group_ref = &mut group;
        self.number.write(group_ref)?;
        self.agent.column.write(group_ref)?;
        self.rater.column.write(group_ref)?;
        for column in &mut self.items {
            column.write(group_ref)?;
        }
        self.choice.write(group_ref)?;
        self.status.column.write(group_ref)?;
        self.replicate.write(group_ref)?;
        self.order.write(group_ref)?;
        self.split.column.write(group_ref)?;
        self.prompt_hash.column.write(group_ref)?;
        self.model_rev.column.write(group_ref)?;
        self.temperature.write(group_ref)?;
        self.seed.write(group_ref)?;
        self.raw_response_ref.column.write(group_ref)?;
        self.response_ms.write(group_ref)?;
        group.close()?;
        Ok(())
    }

    /// Completes the file and puts it under its name.
    ///
    /// # Errors
    /// [`FormatError`] if it cannot be written.
    pub fn finish(mut self) -> Result<(), FormatError> {
        if !self.order.defined.is_empty() {
            self.flush().map_err(|error| failed(&self.path, error))?;
        }
        let file = self
            .file
            .into_inner()
            .map_err(|error| failed(&self.path, error))?;
        Ok(file.commit()?)
    }
}

/// What a failed write means: the system's own words where it has some.
fn failed(path: &Path, error: ParquetError) -> FormatError {
    match error {
        ParquetError::External(source) => match source.downcast::<std::io::Error>() {
            Ok(source) => FormatError::Io {
                path: path.into(),
                source: *source,
            },
            Err(source) => damaged(path, "cannot be written", ParquetError::External(source)),
        },
        error => damaged(path, "cannot be written", error),
    }
}

pub(super) fn write(writer: &Writer<'_>) -> Result<(), FormatError> {
    let table = writer.table;
    let mut records = RecordWriter::create(
        writer.path,
        table.choices.n_stimuli(),
        writer.options.stimuli,
        table.presented_order,
        writer.options.overwrite,
    )?;
    let extras = &table.extras;
    for (row, choice) in writer.choices().iter().enumerate() {
        records.push(&Record {
            number: extras.number.as_ref().map(|column| column[row]),
            agent: extras.agent.as_ref().map(|labels| labels.at(row)),
            rater: extras.rater.as_ref().map(|labels| labels.at(row)),
            replicate: extras.replicate.as_ref().map(|column| column[row]),
            split: extras.split.as_ref().map(|column| column[row]),
            response_ms: extras.response_ms.as_ref().map(|column| column[row]),
            ..Record::new(choice.triplet, Outcome::Chosen(choice.odd))
        })?;
    }
    records.finish()
}

fn damaged(path: &Path, what: &str, error: ParquetError) -> FormatError {
    FormatError::Binary {
        path: path.into(),
        problem: format!("{what}: {error}"),
    }
}

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
                let n = value.parse().map_err(|_| {
                    reader.binary(format!(
                        "metadata {N_STIMULI} = {value:?} found, a whole number expected"
                    ))
                })?;
                stated.n = Some(n);
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

pub(super) fn read(reader: &Reader<'_>) -> Result<Imported, FormatError> {
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
    let parquet = SerializedFileReader::new(file).map_err(wrong)?;
    check_chunks(&parquet, size).map_err(wrong)?;
    let metadata = parquet.metadata().file_metadata();
    let stated = stated(reader, metadata.key_value_metadata())?;
    let schema = metadata.schema_descr();
    let columns = Columns::locate(reader, schema)?;
    let n = match (reader.options.stimuli, stated.n) {
        (Stimuli::Infer, Some(n)) => n,
        _ => reader.n()?,
    };
    if u32::try_from(n).is_err() {
        return Err(FormatError::TooManyStimuli { n });
    }
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
        let group = parquet.get_row_group(group).map_err(wrong)?;
        let mut sources = columns.open(group.as_ref(), schema).map_err(wrong)?;
        let mut left = u64::try_from(group.metadata().num_rows()).unwrap_or_default() as usize;
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
        let choices = std::mem::replace(&mut imported.table.choices, crate::ChoiceSet::empty(0))
            .into_choices();
        imported.table.choices =
            crate::ChoiceSet::new(n, choices).map_err(|error| reader.binary(error.to_string()))?;
        imported.n_inferred = false;
    }
    imported.stimuli = match reader.options.stimuli {
        Stimuli::Set(_) => None,
        _ => stated.keys,
    };
    imported.ignored_columns = columns.ignored(schema);
    Ok(imported)
}

/// Refuses a footer that places a column outside the file: the decoder takes places on trust.
fn check_chunks(parquet: &SerializedFileReader<File>, size: u64) -> Result<(), ParquetError> {
    for group in parquet.metadata().row_groups() {
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
        group: &dyn parquet::file::reader::RowGroupReader,
        schema: &SchemaDescriptor,
    ) -> Result<Vec<Option<Source>>, ParquetError> {
        let open = |(name, place): (&'static str, Option<usize>)| {
            place
                .map(|at| {
                    let column = schema.column(at);
                    if column.max_rep_level() > 0 || column.max_def_level() > 1 {
                        return Err(ParquetError::General(format!(
                            "column {name} holds lists; expected one value per row"
                        )));
                    }
                    Ok(Source {
                        name,
                        reader: group.get_column_reader(at)?,
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
            crate::convention::OddColumn::Choice(base) => base,
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
