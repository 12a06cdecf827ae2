//! The file conventions of odd-one-out data, read into and written from one canonical form.
//!
//! | format | rows | odd one | ids from | presented order |
//! |---|---|---|---|---|
//! | `last-odd` | `.txt`, `.npy` N × 3: SPoSE, VICE, object-dimensions, NMI sets | last column (or as flagged) | 0 | lost |
//! | `nmi-ceiling` | text, 4 or 5 columns, any number of blanks between | fourth column, 1–3 | 0 | kept |
//! | `nmi-ceiling-log` | CSV: three ids, choice, prompt, reply | fourth column, 1–3 | 0 | kept |
//! | `nmi-prompt-log` | CSV: `[i, j, k]`, prompt, reply | last in the list | 0 | lost |
//! | `things` | table with `trip.1 trip.2 trip.3 choice` | `choice`, 1–3 | 1 | kept |
//! | `cblearn-order` | N × 3: `i` nearer `j` than `k`, twice per choice | derived | 0 | lost |
//! | `cblearn-count`, `cblearn-boolean` | the same with a response ±1 or true/false | derived | 0 | lost |
//! | `cblearn-odd-one-out` | N × 3, first odd; or N × 4 with place 0–2 | first, or fourth column | 0 | lost, or kept |
//! | `table` | CSV or TSV with named columns, ids or keys | named column | 1 | kept |
//! | `parquet` | the canonical trial record | `choice`, 0–2 | 0 | kept |

mod cblearn;
pub mod error;
mod extras;
mod import;
mod last_odd;
mod nmi;
pub mod parquet;
pub mod table;
mod things;

pub use error::{FormatError, LeftOut, RowError};
pub use extras::{Extras, Labels};
pub use import::import;
pub use parquet::{Record, RecordWriter};
pub use table::{ItemTokens, OddBy, TableColumns};

use crate::convention::{Base, Convention, OddColumn};
use crate::parse::{self, Lines, Text};
use crate::trial::{Choice, ChoiceSet, Position, Triplet};
use emotome_stimuli::array::{ArrayError, Place, read_npy, read_npz};
use emotome_stimuli::output::{AtomicFile, Overwrite};
use emotome_stimuli::run::Run;
use emotome_stimuli::{StimulusId, StimulusSet};
use error::Expected;
use extras::ExtrasBuilder;
use ndarray::{Array1, Array2, ArrayD, Ix1, Ix2};
use rayon::prelude::*;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::str::FromStr;

/// A file convention, see the table above.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Three ids, one of them (by default the last) odd.
    LastOdd,
    /// Three ids in presented order and the place of the odd one.
    NmiCeiling,
    /// The log from which such tables were made.
    NmiCeilingLog,
    /// The log of prompts; its ids come odd-last.
    NmiPromptLog,
    /// The THINGS trial table.
    Things,
    /// Anchored comparisons, nearer first.
    CblearnOrder,
    /// Anchored comparisons with a response of ±1.
    CblearnCount,
    /// Anchored comparisons with a response of true or false.
    CblearnBoolean,
    /// Odd-one-out queries, optionally with the place of the odd one.
    CblearnOddOneOut,
    /// Any table with named columns.
    Table,
    /// The canonical trial record.
    Parquet,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 11] = [
        Self::LastOdd,
        Self::NmiCeiling,
        Self::NmiCeilingLog,
        Self::NmiPromptLog,
        Self::Things,
        Self::CblearnOrder,
        Self::CblearnCount,
        Self::CblearnBoolean,
        Self::CblearnOddOneOut,
        Self::Table,
        Self::Parquet,
    ];

    /// The name by which a command knows it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LastOdd => "last-odd",
            Self::NmiCeiling => "nmi-ceiling",
            Self::NmiCeilingLog => "nmi-ceiling-log",
            Self::NmiPromptLog => "nmi-prompt-log",
            Self::Things => "things",
            Self::CblearnOrder => "cblearn-order",
            Self::CblearnCount => "cblearn-count",
            Self::CblearnBoolean => "cblearn-boolean",
            Self::CblearnOddOneOut => "cblearn-odd-one-out",
            Self::Table => "table",
            Self::Parquet => "parquet",
        }
    }

    /// What the format's own documentation says about the odd one and the first id.
    ///
    /// A `cblearn-odd-one-out` file of four columns has its odd one in the fourth all the same.
    #[must_use]
    pub const fn convention(self) -> Convention {
        use Base::{One, Zero};
        let (odd, base) = match self {
            Self::NmiCeiling | Self::NmiCeilingLog => (OddColumn::Choice(One), Zero),
            Self::Things => (OddColumn::Choice(One), One),
            Self::CblearnOddOneOut => (OddColumn::First, Zero),
            Self::Table => (OddColumn::Choice(One), Zero),
            Self::Parquet => (OddColumn::Choice(Zero), Zero),
            Self::LastOdd
            | Self::NmiPromptLog
            | Self::CblearnOrder
            | Self::CblearnCount
            | Self::CblearnBoolean => (OddColumn::Third, Zero),
        };
        Convention { odd, base }
    }

    /// Where files of this format have the odd one, in words.
    #[must_use]
    pub const fn odd_place(self) -> &'static str {
        match self {
            Self::LastOdd | Self::CblearnOddOneOut => "the odd one in one of three columns",
            Self::NmiPromptLog => "the odd one last",
            Self::CblearnOrder | Self::CblearnCount | Self::CblearnBoolean => {
                "no column for the odd one: they pair rows"
            }
            Self::NmiCeiling | Self::NmiCeilingLog | Self::Things | Self::Table | Self::Parquet => {
                "a column with the place of the odd one"
            }
        }
    }

    /// The convention asked for, if files of this format can follow it.
    fn check(self, asked: Option<Convention>) -> Result<Convention, FormatError> {
        let own = self.convention();
        let asked = asked.unwrap_or(own);
        let fits = match self {
            Self::LastOdd => !matches!(asked.odd, OddColumn::Choice(_)),
            Self::CblearnOddOneOut => true,
            Self::NmiPromptLog
            | Self::CblearnOrder
            | Self::CblearnCount
            | Self::CblearnBoolean
            | Self::Parquet => asked.odd == own.odd,
            Self::NmiCeiling | Self::NmiCeilingLog | Self::Things | Self::Table => {
                matches!(asked.odd, OddColumn::Choice(_))
            }
        };
        if fits {
            Ok(asked)
        } else {
            Err(FormatError::NotThisFormat {
                format: self,
                odd: asked.odd,
            })
        }
    }

    /// Reads a file into choices; nothing is dropped without a count and a reason.
    ///
    /// O(file) time, shared between threads for integer text; 16 bytes per choice on top of 16 MiB
    /// (text) or of the file (arrays).
    ///
    /// # Errors
    /// [`FormatError`]; bad rows are named by line unless [`ReadOptions::leave_out_bad_rows`].
    pub fn read(
        self,
        path: &Path,
        options: &ReadOptions<'_>,
        run: Run<'_>,
    ) -> Result<Imported, FormatError> {
        let convention = self.check(options.convention)?;
        let reader = Reader {
            path,
            format: self,
            convention,
            options,
            run,
        };
        match self {
            Self::LastOdd => last_odd::read(&reader),
            Self::NmiCeiling => nmi::read_ceiling(&reader),
            Self::NmiCeilingLog => nmi::read_ceiling_log(&reader),
            Self::NmiPromptLog => nmi::read_prompt_log(&reader),
            Self::Things => things::read(&reader),
            Self::CblearnOrder | Self::CblearnCount | Self::CblearnBoolean => {
                cblearn::read_anchored(&reader)
            }
            Self::CblearnOddOneOut => cblearn::read_odd_one_out(&reader),
            Self::Table => table::read(&reader, &options.columns),
            Self::Parquet => parquet::read(&reader),
        }
    }

    /// Writes choices in this format; the file appears only when it is complete.
    ///
    /// Formats that keep no presented order write the odd one where their convention has it, and
    /// formats that keep no extras write none: [`Format::keeps_order`], [`Format::keeps_extras`].
    ///
    /// # Errors
    /// [`FormatError::Unsupported`] for the two log formats, whose prompts a choice does not have;
    /// otherwise when the file exists, or cannot be written.
    pub fn write(
        self,
        path: &Path,
        table: &ChoiceTable,
        options: &WriteOptions<'_>,
    ) -> Result<(), FormatError> {
        let convention = self.check(options.convention)?;
        let writer = Writer {
            path,
            format: self,
            convention,
            table,
            options,
        };
        match self {
            Self::LastOdd => last_odd::write(&writer),
            Self::NmiCeiling => nmi::write_ceiling(&writer),
            Self::Things => things::write(&writer),
            Self::CblearnOrder | Self::CblearnCount | Self::CblearnBoolean => {
                cblearn::write_anchored(&writer)
            }
            Self::CblearnOddOneOut => cblearn::write_odd_one_out(&writer),
            Self::Table => table::write(&writer, &options.columns),
            Self::Parquet => parquet::write(&writer),
            Self::NmiCeilingLog | Self::NmiPromptLog => Err(FormatError::Unsupported {
                path: path.into(),
                format: self,
                what: "written: a log holds prompts and replies, choices do not; write `nmi-ceiling` or `last-odd`",
            }),
        }
    }

    /// Whether the presented order survives a round trip.
    #[must_use]
    pub const fn keeps_order(self) -> bool {
        matches!(
            self,
            Self::NmiCeiling | Self::NmiCeilingLog | Self::Things | Self::Table | Self::Parquet
        )
    }

    /// Whether agents, raters and response times survive a round trip.
    #[must_use]
    pub const fn keeps_extras(self) -> bool {
        matches!(self, Self::Table | Self::Parquet)
    }
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|format| format.name() == name)
            .ok_or_else(|| {
                format!(
                    "format {name:?} is unknown; expected one of {}",
                    Self::ALL.map(Self::name).join(", ")
                )
            })
    }
}

/// Which stimuli the ids or keys of a file may name.
#[derive(Debug, Clone, Copy)]
pub enum Stimuli<'a> {
    /// This many, known by number alone.
    Count(usize),
    /// The stimuli of a study.
    Set(&'a StimulusSet),
    /// As many as the highest id calls for, or the sorted distinct keys; reported as inferred.
    ///
    /// Too few, if the stimuli with the highest ids happen to be absent from the file.
    Infer,
}

/// The most stimuli that are inferred from a file: a higher id is no row number.
const MAX_INFERRED: usize = 1 << 24;

/// How to read a file.
#[derive(Debug, Clone)]
pub struct ReadOptions<'a> {
    /// Which stimuli there are.
    pub stimuli: Stimuli<'a>,
    /// Where the odd one and the first id are; `None` for what the format says.
    pub convention: Option<Convention>,
    /// Whether rows that cannot be read are left out and listed, rather than refused.
    pub leave_out_bad_rows: bool,
    /// Whether the order in the file is the presented one; `None` for what the format and the rows say.
    pub presented_order: Option<PresentedOrder>,
    /// The columns of a table.
    pub columns: TableColumns,
}

impl<'a> ReadOptions<'a> {
    /// The format's own convention, bad rows refused.
    #[must_use]
    pub fn new(stimuli: Stimuli<'a>) -> Self {
        Self {
            stimuli,
            convention: None,
            leave_out_bad_rows: false,
            presented_order: None,
            columns: TableColumns::default(),
        }
    }
}

/// How to write a file.
#[derive(Debug, Clone)]
pub struct WriteOptions<'a> {
    /// Where the odd one and the first id go; `None` for what the format says.
    pub convention: Option<Convention>,
    /// The stimuli, for formats that write keys.
    pub stimuli: Option<&'a StimulusSet>,
    /// The columns of a table.
    pub columns: TableColumns,
    /// What to do if the file exists.
    pub overwrite: Overwrite,
}

impl Default for WriteOptions<'_> {
    fn default() -> Self {
        Self {
            convention: None,
            stimuli: None,
            columns: TableColumns::default(),
            overwrite: Overwrite::Refuse,
        }
    }
}

/// Whether the order in which the stimuli were shown is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PresentedOrder {
    /// Triplets stand as they were presented: diagnostics of position apply.
    Known,
    /// The file has moved the odd one to a fixed place; triplets here have it last, and
    /// diagnostics of position would diagnose the file.
    LostOddLast,
}

/// Choices with their extras: what formats are read into and written from.
#[derive(Debug, Clone, PartialEq)]
pub struct ChoiceTable {
    /// The choices in file order.
    pub choices: ChoiceSet,
    /// Whether their order of presentation is known.
    pub presented_order: PresentedOrder,
    /// What else is known of them.
    pub extras: Extras,
}

impl From<ChoiceSet> for ChoiceTable {
    /// Choices in presented order, without extras.
    fn from(choices: ChoiceSet) -> Self {
        Self {
            choices,
            presented_order: PresentedOrder::Known,
            extras: Extras::default(),
        }
    }
}

/// What reading a file gave, with an account of every row.
#[derive(Debug, Clone)]
pub struct Imported {
    /// The choices kept.
    pub table: ChoiceTable,
    /// The convention under which they were read.
    pub convention: Convention,
    /// The keys of the stimuli, where the file has them and no study was given.
    pub stimuli: Option<StimulusSet>,
    /// Whether the number of stimuli was inferred from the file.
    pub n_inferred: bool,
    /// The lowest and highest id of the kept rows, as the file counts.
    pub id_range: (u32, u32),
    /// The number of different stimuli in the kept rows.
    pub n_seen: usize,
    /// Rows that hold a trial: kept and left out. Anchored formats have two rows to a choice.
    pub rows: u64,
    /// Blank lines.
    pub blank_lines: u64,
    /// Comment lines (`#`).
    pub comment_lines: u64,
    /// Columns that were not read.
    pub ignored_columns: Vec<String>,
    /// The rows left out, in file order, with reasons.
    pub left_out: Vec<LeftOut>,
}

/// A file to be read.
struct Reader<'a> {
    path: &'a Path,
    format: Format,
    convention: Convention,
    options: &'a ReadOptions<'a>,
    run: Run<'a>,
}

impl Reader<'_> {
    fn n(&self) -> Result<usize, FormatError> {
        let n = match self.options.stimuli {
            Stimuli::Count(n) => n,
            Stimuli::Set(set) => set.len(),
            Stimuli::Infer => MAX_INFERRED,
        };
        if u32::try_from(n).is_err() {
            return Err(FormatError::TooManyStimuli { n });
        }
        Ok(n)
    }

    fn io(&self, source: std::io::Error) -> FormatError {
        FormatError::Io {
            path: self.path.into(),
            source,
        }
    }

    fn row(&self, (line, source): (u64, RowError)) -> FormatError {
        FormatError::Row {
            path: self.path.into(),
            line,
            source,
        }
    }

    fn extras(&self, extras: ExtrasBuilder) -> Result<Extras, FormatError> {
        extras
            .finish()
            .map_err(|(column, missing)| FormatError::PartlyEmpty {
                path: self.path.into(),
                column,
                missing,
            })
    }

    fn has_extension(&self, extension: &str) -> bool {
        has_extension(self.path, extension)
    }

    /// Rows of whole numbers, from text or from an array; the first row decides between `widths`.
    fn integer_rows<T: Send>(
        &self,
        widths: [usize; 2],
        convert: impl Fn(&[i64]) -> Result<T, RowError> + Sync,
    ) -> Result<(Lines<T>, usize), FormatError> {
        if self.has_extension("npy") || self.has_extension("npz") {
            return self.array_rows(widths, convert);
        }
        let file = File::open(self.path).map_err(|error| self.io(error))?;
        let size = file.metadata().map_err(|error| self.io(error))?.len();
        let mut reader = BufReader::with_capacity(1 << 16, file);
        let first = first_width(reader.fill_buf().map_err(|error| self.io(error))?);
        let expected = match first {
            Some(width) if widths.contains(&width) && widths[0] != widths[1] => {
                Expected::AsFirstRow(width)
            }
            _ if widths[0] == widths[1] => Expected::Exactly(widths[0]),
            _ => Expected::Either(widths[0], widths[1]),
        };
        let width = match expected {
            Expected::AsFirstRow(width) | Expected::Exactly(width) | Expected::Either(width, _) => {
                width
            }
        };
        let text = Text {
            path: self.path,
            reader,
            size: Some(size),
            first_line: 1,
            comments: true,
            leave_out: self.options.leave_out_bad_rows,
        };
        let lines = text.parse(self.run, |line| match parse::integers(line)? {
            (values, found) if found == width => convert(&values[..width]),
            (_, found) => Err(RowError::Columns { found, expected }),
        })?;
        Ok((lines, width))
    }

    fn array_rows<T: Send>(
        &self,
        widths: [usize; 2],
        convert: impl Fn(&[i64]) -> Result<T, RowError> + Sync,
    ) -> Result<(Lines<T>, usize), FormatError> {
        let rows = if self.has_extension("npz") {
            let x: Array2<i64> = self.shaped::<Ix2>(read_npz(self.path, "X"), Some("X"))?;
            let y: Array1<i64> = self.shaped::<Ix1>(read_npz(self.path, "y"), Some("y"))?;
            if x.nrows() != y.len() {
                return Err(self.binary(format!(
                    "X has {} rows and y has {}; expected as many",
                    x.nrows(),
                    y.len()
                )));
            }
            ndarray::concatenate![ndarray::Axis(1), x, y.insert_axis(ndarray::Axis(1))]
        } else {
            self.shaped::<Ix2>(read_npy(self.path), None)?
        };
        let width = rows.ncols();
        if !widths.contains(&width) {
            let expected = Expected::Either(widths[0], widths[1]);
            let expected = if widths[0] == widths[1] {
                Expected::Exactly(widths[0])
            } else {
                expected
            };
            return Err(self.binary(format!(
                "an array of {width} columns found, {expected} expected for {}",
                self.format
            )));
        }
        let mut lines = Lines::new();
        lines.values.reserve_exact(rows.nrows());
        let rows = rows.as_standard_layout();
        let flat = rows.as_slice().unwrap_or_default();
        let converted: Vec<_> = flat
            .par_chunks(width << 12)
            .map(|part| part.chunks(width).map(&convert).collect::<Vec<_>>())
            .collect();
        for (at, row) in converted.into_iter().flatten().enumerate() {
            let pushed = lines.push(at as u64 + 1, row, self.options.leave_out_bad_rows);
            pushed.map_err(|error| self.row(error))?;
        }
        Ok((lines, width))
    }

    fn shaped<D: ndarray::Dimension>(
        &self,
        array: Result<emotome_stimuli::array::Array, ArrayError>,
        member: Option<&str>,
    ) -> Result<ndarray::Array<i64, D>, FormatError> {
        let array = array.map_err(array_error)?;
        let place = Place {
            path: self.path.into(),
            member: member.map(str::to_owned),
        };
        let array: ArrayD<i64> = array.into_i64(&place).map_err(array_error)?;
        let shape = array.shape().to_vec();
        array.into_dimensionality().map_err(|_| {
            self.binary(format!(
                "an array of shape {shape:?} found, {} axes expected",
                D::NDIM.unwrap_or_default()
            ))
        })
    }

    fn binary(&self, problem: String) -> FormatError {
        FormatError::Binary {
            path: self.path.into(),
            problem,
        }
    }

    /// Gives the account of what was read; triplets of lost order come odd-last.
    fn finish(
        &self,
        lines: Lines<Choice>,
        convention: Convention,
        order: PresentedOrder,
    ) -> Result<Imported, FormatError> {
        let rows = lines.rows();
        if rows == 0 {
            return Err(FormatError::Empty {
                path: self.path.into(),
            });
        }
        let mut choices = lines.values;
        let all_third =
            !choices.is_empty() && choices.iter().all(|choice| choice.odd == Position::Third);
        let order = match self.options.presented_order {
            Some(order) => order,
            // A column of threes is how sorted files are made to look like trial tables.
            None if all_third && self.format != Format::Parquet => PresentedOrder::LostOddLast,
            None => order,
        };
        if order == PresentedOrder::LostOddLast {
            choices
                .par_iter_mut()
                .for_each(|choice| *choice = odd_last(*choice));
        }
        let highest = |choices: &[Choice]| {
            choices
                .par_iter()
                .map(|c| c.triplet.items().map(|id| id.0))
                .fold(
                    || (u32::MAX, 0),
                    |(low, high), [a, b, c]| (low.min(a).min(b).min(c), high.max(a).max(b).max(c)),
                )
                .reduce(|| (u32::MAX, 0), |(a, b), (c, d)| (a.min(c), b.max(d)))
        };
        let (low, high) = if choices.is_empty() {
            (0, 0)
        } else {
            highest(&choices)
        };
        let mut seen = vec![
            false;
            if choices.is_empty() {
                0
            } else {
                high as usize + 1
            }
        ];
        choices
            .iter()
            .flat_map(|choice| choice.triplet.items())
            .for_each(|id| seen[id.index()] = true);
        let n_inferred = matches!(self.options.stimuli, Stimuli::Infer);
        let n = if n_inferred { seen.len() } else { self.n()? };
        let offset = convention.base.offset() as u32;
        Ok(Imported {
            table: ChoiceTable {
                choices: ChoiceSet::new(n, choices)
                    .map_err(|error| self.binary(error.to_string()))?,
                presented_order: order,
                extras: Extras::default(),
            },
            convention,
            stimuli: None,
            n_inferred,
            id_range: (low + offset, high + offset),
            n_seen: seen.iter().filter(|&&seen| seen).count(),
            rows,
            blank_lines: lines.blank,
            comment_lines: lines.comments,
            ignored_columns: Vec::new(),
            left_out: lines.left_out,
        })
    }
}

fn array_error(source: ArrayError) -> FormatError {
    FormatError::Array(Box::new(source))
}

/// The number of columns of the first row of integers in `text`.
fn first_width(text: &[u8]) -> Option<usize> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let blank = |line: &&[u8]| line.iter().all(u8::is_ascii_whitespace) || line.starts_with(b"#");
    let first = text
        .split(|&byte| byte == b'\n')
        .find(|line| !blank(line))?;
    parse::integers(first).ok().map(|(_, width)| width)
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension()
        .is_some_and(|found| found.eq_ignore_ascii_case(extension))
}

/// The choice with its odd one moved last and the order of the others kept.
fn odd_last(choice: Choice) -> Choice {
    let items = choice.odd_last();
    Choice {
        triplet: Triplet::new(items).unwrap_or(choice.triplet),
        odd: Position::Third,
    }
}

/// Turns the ids of a row into stimuli.
#[derive(Clone, Copy)]
struct Ids {
    base: Base,
    n: usize,
}

impl Ids {
    fn of(reader: &Reader<'_>) -> Result<Self, FormatError> {
        Ok(Self {
            base: reader.convention.base,
            n: reader.n()?,
        })
    }

    #[inline]
    fn id(self, id: i64) -> Result<StimulusId, RowError> {
        match id.checked_sub(self.base.offset()) {
            Some(row) if (0..self.n as i64).contains(&row) => Ok(StimulusId(row as u32)),
            _ => Err(RowError::OutOfRange {
                id,
                base: self.base,
                n: self.n,
            }),
        }
    }

    #[inline]
    fn triplet(self, items: [i64; 3]) -> Result<Triplet, RowError> {
        let [a, b, c] = items;
        Triplet::new([self.id(a)?, self.id(b)?, self.id(c)?])
            .map_err(|_| RowError::Repeated { items })
    }
}

/// The place a choice column names, counted from `base`.
fn place(choice: i64, base: Base) -> Result<Position, RowError> {
    let index = usize::try_from(choice - base.offset()).ok();
    index
        .and_then(Position::from_index)
        .ok_or_else(|| RowError::Choice {
            found: choice.to_string(),
            expected: match base {
                Base::Zero => "0, 1 or 2 (a place counted from 0)",
                Base::One => "1, 2 or 3 (a place counted from 1)",
            },
        })
}

/// A file to be written.
struct Writer<'a> {
    path: &'a Path,
    format: Format,
    convention: Convention,
    table: &'a ChoiceTable,
    options: &'a WriteOptions<'a>,
}

impl Writer<'_> {
    fn choices(&self) -> &[Choice] {
        self.table.choices.choices()
    }

    fn offset(&self) -> u32 {
        self.convention.base.offset() as u32
    }

    /// Writes one line per choice with `line`, which must end it.
    fn lines(
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
fn push_row(text: &mut Vec<u8>, values: &[u32], separator: u8) {
    for (at, &value) in values.iter().enumerate() {
        if at > 0 {
            text.push(separator);
        }
        parse::push_integer(text, value);
    }
}
