//! Tables of BIDS: tab-separated, a header, `n/a` for what is missing.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Why a table cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// The system refused to open or read the file.
    #[error("{path}: cannot be read: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A line is not what it should be.
    #[error("{path}, line {line}: {what}", path = path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
    /// A column is missing.
    #[error("{path}: no column {column:?}; the columns are {found}", path = path.display(), found = found.join(", "))]
    Column {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// Those there are.
        found: Vec<String>,
    },
    /// Events that do not fill their run.
    #[error(
        "{path}: the events last {events} s in all, {volumes} volumes of {repetition} s make {run} s; is this the \
         table of this run?",
        path = path.display(),
        run = *volumes as f64 * repetition
    )]
    Duration {
        /// The file.
        path: PathBuf,
        /// Σ duration, seconds.
        events: f64,
        /// Volumes of the run.
        volumes: usize,
        /// Seconds between them.
        repetition: f64,
    },
}

/// A table in memory.
#[derive(Debug, Clone)]
pub struct Table {
    path: PathBuf,
    columns: Vec<String>,
    text: String,
    /// Where each cell lies in the text, row after row.
    cells: Vec<(usize, usize)>,
}

/// An event of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Seconds from the first volume.
    pub onset: f64,
    /// Seconds; none if unknown.
    pub duration: Option<f64>,
    /// Its condition.
    pub trial_type: Option<String>,
    /// The stimulus file.
    pub stim_file: Option<String>,
}

impl Table {
    /// Reads a table.
    ///
    /// # Errors
    ///
    /// [`TableError::Io`]; [`TableError::Line`] for what is no UTF-8, an empty or repeated header, and a row with
    /// another number of cells than the header.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, TableError> {
        let path = path.as_ref();
        let text = fs::read_to_string(path).map_err(|source| TableError::Io {
            path: path.to_owned(),
            source,
        })?;
        let line = |line: usize, what: String| TableError::Line {
            path: path.to_owned(),
            line,
            what,
        };
        let mut lines = text.trim_start_matches('\u{feff}').lines();
        let header = lines.next().unwrap_or_default();
        let columns: Vec<String> = header
            .split('\t')
            .map(|name| name.trim().to_owned())
            .collect();
        let mut sorted: Vec<&String> = columns.iter().collect();
        sorted.sort_unstable();
        if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(line(1, format!("column {:?} twice", pair[0])));
        }
        if sorted[0].is_empty() {
            return Err(line(1, "a column without a name".into()));
        }
        let mut cells = Vec::new();
        for (number, row) in (2..).zip(lines) {
            if row.trim().is_empty() {
                continue;
            }
            let before = cells.len();
            for cell in row.split('\t') {
                let cell = cell.trim();
                let start = cell.as_ptr() as usize - text.as_ptr() as usize;
                cells.push((start, start + cell.len()));
            }
            let found = cells.len() - before;
            if found != columns.len() {
                let what = format!("{found} cells under {} columns", columns.len());
                return Err(line(number, what));
            }
        }
        Ok(Self {
            path: path.to_owned(),
            columns,
            text,
            cells,
        })
    }

    /// Names of the columns.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.cells.len() / self.columns.len()
    }

    /// A column as texts, none for `n/a`.
    ///
    /// # Errors
    ///
    /// [`TableError::Column`].
    pub fn texts(&self, column: &str) -> Result<Vec<Option<&str>>, TableError> {
        let place = self.columns.iter().position(|known| known == column);
        let place = place.ok_or_else(|| TableError::Column {
            path: self.path.clone(),
            column: column.to_owned(),
            found: self.columns.clone(),
        })?;
        let cells = self.cells.iter().skip(place).step_by(self.columns.len());
        let text = |&(start, end): &(usize, usize)| {
            Some(&self.text[start..end]).filter(|&cell| cell != "n/a")
        };
        Ok(cells.map(text).collect())
    }

    /// A column as numbers, none for `n/a`.
    ///
    /// # Errors
    ///
    /// [`TableError::Column`]; [`TableError::Line`] with the row, counting those that are not empty.
    pub fn numbers(&self, column: &str) -> Result<Vec<Option<f64>>, TableError> {
        let number = |(row, cell): (usize, Option<&str>)| match cell.map(str::parse) {
            None => Ok(None),
            Some(Ok(number)) => Ok(Some(number)),
            Some(Err(_)) => Err(TableError::Line {
                path: self.path.clone(),
                line: row + 2,
                what: format!(
                    "{column} is {:?}; expected a number or n/a",
                    cell.unwrap_or_default()
                ),
            }),
        };
        self.texts(column)?
            .into_iter()
            .enumerate()
            .map(number)
            .collect()
    }
}

/// Reads the events of a run: `onset` and `duration`, and `trial_type` and `stim_file` where they are.
///
/// # Errors
///
/// As [`Table::read`]; [`TableError::Line`] for an onset that is no finite number.
pub fn events(path: impl AsRef<Path>) -> Result<Vec<Event>, TableError> {
    let table = Table::read(path)?;
    let (onsets, durations) = (table.numbers("onset")?, table.numbers("duration")?);
    let optional = |column: &str| {
        if table.columns.iter().any(|known| known == column) {
            table.texts(column)
        } else {
            Ok(vec![None; table.rows()])
        }
    };
    let (types, files) = (optional("trial_type")?, optional("stim_file")?);
    let event = |row: usize| {
        let onset = onsets[row].filter(|onset| onset.is_finite());
        Ok(Event {
            onset: onset.ok_or_else(|| TableError::Line {
                path: table.path.clone(),
                line: row + 2,
                what: "onset is missing; expected seconds".into(),
            })?,
            duration: durations[row],
            trial_type: types[row].map(str::to_owned),
            stim_file: files[row].map(str::to_owned),
        })
    };
    (0..table.rows()).map(event).collect()
}

/// Checks that events fill their run: Σ duration = volumes × repetition time, within a hundredth of it.
///
/// # Errors
///
/// [`TableError::Duration`].
pub fn check_duration(
    path: impl AsRef<Path>,
    events: &[Event],
    volumes: usize,
    repetition: f64,
) -> Result<(), TableError> {
    let lasting: f64 = events.iter().filter_map(|event| event.duration).sum();
    if (lasting - volumes as f64 * repetition).abs() <= 0.01 * repetition {
        return Ok(());
    }
    Err(TableError::Duration {
        path: path.as_ref().to_owned(),
        events: lasting,
        volumes,
        repetition,
    })
}
