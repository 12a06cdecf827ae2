//! Writing canonical records.

use super::{KEYS, LOST, N_STIMULI, ORDER, Record, SCHEMA, damaged};
use crate::formats::writer::Writer;
use crate::formats::{FormatError, PresentedOrder};
use crate::trial::Outcome;
use emotome_stimuli::StimulusSet;
use emotome_stimuli::output::{AtomicFile, Overwrite};
use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, DataType, FloatType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Rows to a row group, held in memory while writing.
const ROW_GROUP: usize = 1 << 18;

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

pub(in crate::formats) fn write(writer: &Writer<'_>) -> Result<(), FormatError> {
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
