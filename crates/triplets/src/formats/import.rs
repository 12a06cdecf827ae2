//! Reading with the convention tested on the data.

use super::{Format, FormatError, Imported, ReadOptions};
use crate::convention::{Detection, Reference, detect};
use emotome_stimuli::run::Run;
use std::path::Path;

/// Reads a file and refuses it if its data contradict the convention under which it was read.
///
/// # Errors
/// [`FormatError`] as [`Format::read`], and [`FormatError::Contradicted`] with the numbers.
pub fn import(
    path: &Path,
    format: Format,
    options: &ReadOptions<'_>,
    reference: Reference<'_>,
    run: Run<'_>,
) -> Result<(Imported, Detection), FormatError> {
    let imported = format.read(path, options, run)?;
    let detection = detect(&imported, reference);
    if detection.contradicts(imported.convention) {
        return Err(FormatError::Contradicted {
            path: path.into(),
            stated: imported.convention,
            detection: Box::new(detection),
        });
    }
    Ok((imported, detection))
}
