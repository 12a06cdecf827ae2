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
//! | `cblearn-tensor` | the same counted in a sparse n × n × n tensor (`sparse.save_npz`) | derived | 0 | lost |
//! | `cblearn-odd-one-out` | N × 3, first odd; or N × 4 with place 0–2 | first, or fourth column | 0 | lost, or kept |
//! | `table` | CSV or TSV with named columns, ids or keys | named column, 1–3 | 0 | kept |
//! | `parquet` | the canonical trial record | `choice`, 0–2 | 0 | kept |

mod cblearn;
pub mod error;
mod extras;
mod import;
mod imported;
mod last_odd;
mod nmi;
mod options;
pub mod parquet;
mod reader;
pub mod table;
mod things;
mod writer;

pub use error::{FormatError, LeftOut, RowError};
pub use extras::{Extras, Labels};
pub use import::import;
pub use imported::{ChoiceTable, Imported, PresentedOrder};
pub use options::{ReadOptions, Stimuli, WriteOptions};
pub use parquet::{Record, RecordWriter};
pub use table::{ItemTokens, OddBy, TableColumns};

use crate::convention::{Base, Convention, OddColumn};
use emotome_stimuli::run::Run;
use reader::Reader;
use std::path::Path;
use std::str::FromStr;
use writer::Writer;

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
    /// Anchored comparisons counted in a sparse tensor.
    CblearnTensor,
    /// Odd-one-out queries, optionally with the place of the odd one.
    CblearnOddOneOut,
    /// Any table with named columns.
    Table,
    /// The canonical trial record.
    Parquet,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 12] = [
        Self::LastOdd,
        Self::NmiCeiling,
        Self::NmiCeilingLog,
        Self::NmiPromptLog,
        Self::Things,
        Self::CblearnOrder,
        Self::CblearnCount,
        Self::CblearnBoolean,
        Self::CblearnTensor,
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
            Self::CblearnTensor => "cblearn-tensor",
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
            | Self::CblearnBoolean
            | Self::CblearnTensor => (OddColumn::Third, Zero),
        };
        Convention { odd, base }
    }

    /// Where files of this format have the odd one, in words.
    #[must_use]
    pub const fn odd_place(self) -> &'static str {
        match self {
            Self::LastOdd | Self::CblearnOddOneOut => "the odd one in one of three columns",
            Self::NmiPromptLog => "the odd one last",
            Self::CblearnOrder
            | Self::CblearnCount
            | Self::CblearnBoolean
            | Self::CblearnTensor => "no column for the odd one: they pair rows",
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
            | Self::CblearnTensor
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
            Self::CblearnTensor => cblearn::read_tensor(&reader),
            Self::CblearnOddOneOut => cblearn::read_odd_one_out(&reader),
            Self::Table => table::read(&reader, &options.columns),
            Self::Parquet => parquet::read(&reader),
        }
    }

    /// Writes choices in this format; the file appears only when it is complete.
    ///
    /// Formats that keep no presented order write the odd one where their convention has it, and
    /// formats that keep no extras write none: [`Format::keeps_order`], [`Format::keeps_extras`]. The
    /// extension chooses between text and arrays where a format has both.
    ///
    /// # Errors
    /// [`FormatError::Unsupported`] where the format has no form for the extension, the keys or the
    /// choices; otherwise when the file exists, or cannot be written.
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
            Self::NmiCeilingLog => nmi::write_ceiling_log(&writer),
            Self::NmiPromptLog => nmi::write_prompt_log(&writer),
            Self::Things => things::write(&writer),
            Self::CblearnOrder | Self::CblearnCount | Self::CblearnBoolean => {
                cblearn::write_anchored(&writer)
            }
            Self::CblearnTensor => cblearn::write_tensor(&writer),
            Self::CblearnOddOneOut => cblearn::write_odd_one_out(&writer),
            Self::Table => table::write(&writer, &options.columns),
            Self::Parquet => parquet::write(&writer),
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

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension()
        .is_some_and(|found| found.eq_ignore_ascii_case(extension))
}
