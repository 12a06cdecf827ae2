//! Choices from bare files.

use crate::WorkflowError;
use emotome_stimuli::StimulusSet;
use emotome_stimuli::run::Run;
use emotome_triplets::formats::{Format, Imported, ReadOptions, Stimuli};
use std::path::{Path, PathBuf};

/// A file of choices and how to read it.
#[derive(Debug, Clone)]
pub struct ChoiceFile {
    /// The file.
    pub path: PathBuf,
    /// Its format; by the extension if not given.
    pub format: Option<Format>,
    /// The number of stimuli; inferred, and reported as inferred, if not given.
    pub n_stimuli: Option<usize>,
}

/// The format that an extension stands for: `.txt` and `.npy` hold the odd one last, `.csv` and
/// `.tsv` a table, `.parquet` canonical records.
///
/// # Errors
/// [`WorkflowError::UnknownFormat`] for any other extension.
pub fn format_of(path: &Path) -> Result<Format, WorkflowError> {
    let extension = path
        .extension()
        .map(|e| e.to_string_lossy().to_ascii_lowercase());
    match extension.as_deref() {
        Some("txt" | "npy" | "npz") => Ok(Format::LastOdd),
        Some("csv" | "tsv") => Ok(Format::Table),
        Some("parquet") => Ok(Format::Parquet),
        _ => Err(WorkflowError::UnknownFormat {
            path: path.into(),
            known: Format::ALL.map(Format::name).join(", "),
        }),
    }
}

/// Reads choices; rows that cannot be read are refused by line.
///
/// `stimuli`, where known, decides which ids or keys there are.
///
/// # Errors
/// [`WorkflowError::UnknownFormat`] and those of [`Format::read`].
pub fn read(
    file: &ChoiceFile,
    stimuli: Option<&StimulusSet>,
    run: Run<'_>,
) -> Result<Imported, WorkflowError> {
    let format = file.format.map_or_else(|| format_of(&file.path), Ok)?;
    let stimuli = match (stimuli, file.n_stimuli) {
        (Some(set), _) => Stimuli::Set(set),
        (None, Some(n)) => Stimuli::Count(n),
        (None, None) => Stimuli::Infer,
    };
    Ok(format.read(&file.path, &ReadOptions::new(stimuli), run)?)
}
