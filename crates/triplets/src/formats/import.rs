//! Reading with the convention tested on the data.

use super::{Format, FormatError, Imported, ReadOptions};
use crate::convention::{Detection, Reference, detect};
use emotome_stimuli::run::Run;
use std::path::Path;

/// Reads a file and refuses it if its data contradict the convention under which it was read.
///
/// ```
/// use emotome_stimuli::run::{Interrupt, Run, Silent};
/// use emotome_triplets::convention::{Base, OddColumn, Reference};
/// use emotome_triplets::formats::{Format, ReadOptions, Stimuli, import};
/// let dir = tempfile::tempdir()?;
/// let path = dir.path().join("choices.txt");
/// std::fs::write(&path, "0 1 2\n4 3 1\n")?;
/// // Stimuli on a line: 0 and 1 belong together, and so do 3 and 4.
/// let near = |a: emotome_stimuli::StimulusId, b: emotome_stimuli::StimulusId| -f64::from(a.0.abs_diff(b.0).pow(2));
/// let run = Run { progress: &Silent, interrupt: &Interrupt::default() };
/// let options = ReadOptions::new(Stimuli::Count(5));
/// let (imported, detection) = import(&path, Format::LastOdd, &options, Reference::Similarity(&near), run)?;
/// assert_eq!(imported.table.choices.len(), 2);
/// assert_eq!(detection.base, Some(Base::Zero)); // id 0 occurs
/// assert_eq!(detection.odd, None); // two rows decide nothing
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
