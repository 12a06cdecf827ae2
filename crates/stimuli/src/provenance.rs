//! Where a result comes from: the JSON beside it that lets a reader repeat it.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::digest::{DigestError, Sha256Sum, sha256_of_file};
use crate::output::{self, OutputError, Overwrite};

/// A file that a result was computed from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// Its path, as the user gave it.
    pub path: PathBuf,
    /// Its content.
    pub sha256: Sha256Sum,
    /// Its size.
    pub bytes: u64,
}

/// Everything needed to make a result again, written as JSON beside it.
///
/// The time of writing stands here and nowhere else, so that equal inputs give equal results bit by bit;
/// the environment variable `SOURCE_DATE_EPOCH` (seconds since 1970) fixes it too.
///
/// ```
/// use emotome_stimuli::output::Overwrite;
/// use emotome_stimuli::provenance::Provenance;
/// let dir = tempfile::tempdir()?;
/// let choices = dir.path().join("choices.txt");
/// std::fs::write(&choices, "0 1 2\n")?;
/// let mut provenance = Provenance::new(["emotome", "fit"], Some(7), serde_json::json!({"lambda": 0.004}));
/// provenance.add_input(&choices)?;
/// let sidecar = provenance.write_beside(dir.path().join("embedding.npz"), Overwrite::Refuse)?;
/// assert!(sidecar.ends_with("embedding.json"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// The version of emotome.
    pub emotome_version: String,
    /// The command line, argument by argument.
    pub command: Vec<String>,
    /// The seed of all random draws, if there were any.
    pub seed: Option<u64>,
    /// Every parameter with the value used, defaults included.
    pub parameters: Value,
    /// The files read.
    pub inputs: Vec<Input>,
    /// When, in UTC (RFC 3339).
    pub created: String,
}

impl Provenance {
    /// The record of a computation that begins now.
    pub fn new<S: Into<String>>(
        command: impl IntoIterator<Item = S>,
        seed: Option<u64>,
        parameters: Value,
    ) -> Self {
        Self {
            emotome_version: env!("CARGO_PKG_VERSION").to_owned(),
            command: command.into_iter().map(Into::into).collect(),
            seed,
            parameters,
            inputs: Vec::new(),
            created: timestamp(now(std::env::var("SOURCE_DATE_EPOCH").ok().as_deref())),
        }
    }

    /// Notes a file that the result depends on, with its checksum; reads it once.
    ///
    /// # Errors
    /// [`DigestError::Io`] if it cannot be read.
    pub fn add_input(&mut self, path: impl AsRef<Path>) -> Result<(), DigestError> {
        let path = path.as_ref();
        let bytes = std::fs::metadata(path)
            .map_err(|source| DigestError::Io {
                path: path.to_owned(),
                source,
            })?
            .len();
        self.inputs.push(Input {
            path: path.to_owned(),
            sha256: sha256_of_file(path)?,
            bytes,
        });
        Ok(())
    }

    /// Writes the record, as a rule to the [`sidecar`] of the result.
    ///
    /// # Errors
    /// [`OutputError`] when it exists and `overwrite` forbids it, or cannot be written.
    pub fn write(&self, path: impl Into<PathBuf>, overwrite: Overwrite) -> Result<(), OutputError> {
        output::write_json(path, overwrite, self)
    }

    /// Writes the record of a folder's main file, `embedding.json` for `embedding.npz`; returns its path.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn write_beside(
        &self,
        artefact: impl AsRef<Path>,
        overwrite: Overwrite,
    ) -> Result<PathBuf, OutputError> {
        let path = artefact.as_ref().with_extension("json");
        self.write(&path, overwrite)?;
        Ok(path)
    }
}

/// The record of a file that may have namesakes of other formats: `choices.txt` has `choices.txt.json`,
/// `choices.csv` has `choices.csv.json`.
///
/// ```
/// let path = emotome_stimuli::provenance::sidecar("out/choices.csv");
/// assert_eq!(path.to_str(), Some("out/choices.csv.json"));
/// ```
#[must_use]
pub fn sidecar(artefact: impl AsRef<Path>) -> PathBuf {
    let mut name = artefact.as_ref().as_os_str().to_owned();
    name.push(".json");
    name.into()
}

/// The time to be recorded: `SOURCE_DATE_EPOCH` if it is a number, or the clock's.
fn now(source_date_epoch: Option<&str>) -> u64 {
    source_date_epoch
        .and_then(|seconds| seconds.trim().parse().ok())
        .unwrap_or_else(|| {
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or(Duration::ZERO)
                .as_secs()
        })
}

/// Seconds since 1970 as RFC 3339 in UTC.
///
/// ```
/// assert_eq!(emotome_stimuli::provenance::timestamp(951_827_696), "2000-02-29T12:34:56Z");
/// ```
///
/// The date is counted in eras of 400 years from 1 March of year 0, so that leap days end a year
/// (Hinnant 2013, <https://howardhinnant.github.io/date_algorithms.html>).
#[must_use]
pub fn timestamp(seconds: u64) -> String {
    // Past the year 9999 there is no RFC 3339 date; a clock there is as wrong as one at its end.
    let seconds = seconds.min(253_402_300_799);
    let (days, clock) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = 400 * era + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (clock / 3_600, clock / 60 % 60, clock % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        // From GNU date -u -d @SECONDS.
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_799, "2000-02-29T23:59:59Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (1_709_210_096, "2024-02-29T12:34:56Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
            (u64::MAX, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(timestamp(seconds), expected);
        }
    }

    #[test]
    fn the_source_date_is_honoured() {
        assert_eq!(now(Some("951782400")), 951_782_400);
        assert!(now(Some("today")) > 1_700_000_000);
        assert!(now(None) > 1_700_000_000);
    }

    #[test]
    fn a_record_reads_back_and_names_its_inputs() {
        let dir = tempfile::tempdir().unwrap();
        let input = dir.path().join("choices.txt");
        std::fs::write(&input, "abc").unwrap();
        let mut record = Provenance::new(
            ["emotome", "fit", "--seed", "7"],
            Some(7),
            serde_json::json!({"dims": 30}),
        );
        record.add_input(&input).unwrap();
        let path = record
            .write_beside(dir.path().join("embedding.npz"), Overwrite::Refuse)
            .unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(serde_json::from_str::<Provenance>(&text).unwrap(), record);
        assert!(
            text.contains("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            "{text}"
        );
        let again = record
            .write_beside(dir.path().join("embedding.npz"), Overwrite::Refuse)
            .unwrap_err();
        assert!(
            again.to_string().contains("embedding.json exists"),
            "{again}"
        );
    }
}
