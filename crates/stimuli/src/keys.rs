//! Lists of stimuli in files: which row of an array, and which id of a file of choices, is which.

use std::io;
use std::path::{Path, PathBuf};

use crate::finding::{Finding, Findings};
use crate::output::{self, OutputError, Overwrite};
use crate::stimulus::{KeyError, StimulusSet};
use crate::study::{Study, StudyError};
use crate::table::Table;

/// Why a list of stimuli cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeysError {
    /// The list cannot be opened or is not text.
    #[error("{path}: the list of stimuli cannot be read: {source}", path = path.display())]
    Io {
        /// The list.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A line between keys has none.
    #[error("{path}: line {line} is blank; expected a key on every line, since its place counts: write the key, or delete the line if no row belongs to it", path = path.display())]
    Blank {
        /// The list.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },
    /// There is no key.
    #[error("{path}: the list holds no stimulus; expected a key a line", path = path.display())]
    Empty {
        /// The list.
        path: PathBuf,
    },
    /// A table has no column of keys, or faults.
    #[error("{path}: {n} errors in the table; the first:\n{first}", path = path.display())]
    Unsound {
        /// The table.
        path: PathBuf,
        /// The number of errors.
        n: usize,
        /// The first of them.
        first: Box<Finding>,
    },
    /// A key cannot stand.
    #[error("{path}: {source}", path = path.display())]
    Key {
        /// The list.
        path: PathBuf,
        /// What is wrong with the key.
        source: KeyError,
    },
    /// The study folder has faults.
    #[error(transparent)]
    Study(#[from] StudyError),
}

/// Reads the stimuli that a study folder, a `.tsv` or `.csv` table with a column of keys, or any
/// other text with one key a line lists, in order.
///
/// ```
/// use emotome_stimuli::{StimulusSet, keys, output::Overwrite};
/// let dir = tempfile::tempdir()?;
/// let choices = dir.path().join("choices.npy");
/// let set = StimulusSet::from_labels(["fog", "kiss", "wasp"])?;
/// keys::write(keys::beside(&choices), Overwrite::Refuse, &set)?;
/// assert_eq!(keys::read(dir.path().join("choices.stimuli.txt"))?, set);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`KeysError`] names the line or the key.
pub fn read(path: impl AsRef<Path>) -> Result<StimulusSet, KeysError> {
    let path = path.as_ref();
    if path.is_dir() {
        return Ok(Study::open(path)?.stimuli);
    }
    let is = |extension: &str| {
        path.extension()
            .is_some_and(|found| found.eq_ignore_ascii_case(extension))
    };
    let keys = if is("tsv") || is("csv") {
        column(path)?
    } else {
        lines(path)?
    };
    if keys.is_empty() {
        return Err(KeysError::Empty { path: path.into() });
    }
    StimulusSet::from_labels(keys).map_err(|source| KeysError::Key {
        path: path.into(),
        source,
    })
}

/// Writes a list of stimuli, one key a line.
///
/// # Errors
/// [`OutputError`] when the file exists and `overwrite` forbids it, or cannot be written.
pub fn write(
    path: impl Into<PathBuf>,
    overwrite: Overwrite,
    stimuli: &StimulusSet,
) -> Result<(), OutputError> {
    let text: String = stimuli
        .keys()
        .iter()
        .map(|key| format!("{key}\n"))
        .collect();
    output::write(path, overwrite, text.as_bytes())
}

/// Where the keys of a file stand that itself holds ids or rows alone: `STEM.stimuli.txt`.
#[must_use]
pub fn beside(path: impl AsRef<Path>) -> PathBuf {
    path.as_ref().with_extension("stimuli.txt")
}

fn lines(path: &Path) -> Result<Vec<String>, KeysError> {
    let text = std::fs::read_to_string(path).map_err(|source| KeysError::Io {
        path: path.into(),
        source,
    })?;
    let text = text.trim_start_matches('\u{feff}').trim_end();
    let keys: Vec<String> = text.lines().map(str::to_owned).collect();
    match keys.iter().position(|key| key.trim().is_empty()) {
        Some(at) => Err(KeysError::Blank {
            path: path.into(),
            line: at + 1,
        }),
        None => Ok(keys),
    }
}

fn column(path: &Path) -> Result<Vec<String>, KeysError> {
    let mut findings = Findings::default();
    let table = Table::read(Path::new(""), path, &mut findings);
    let keys = table.and_then(|mut table| {
        let key = table.key_column(path, &mut findings)?;
        let cells = table.rows.iter_mut();
        Some(
            cells
                .map(|(_, cells)| std::mem::take(&mut cells[key]))
                .collect(),
        )
    });
    findings
        .sound(keys)
        .map_err(|(n, first)| KeysError::Unsound {
            path: path.into(),
            n,
            first,
        })
}
