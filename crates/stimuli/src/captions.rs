//! Descriptions of stimuli in words: any number for each.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::array::names_keys;
use crate::finding::Severity::{Error, Warning};
use crate::finding::{Finding, Findings};
use crate::output::{AtomicFile, OutputError, Overwrite};
use crate::stimulus::{KeyError, StimulusId, StimulusKey, StimulusSet};
use crate::table::{Table, missing};

/// Header cells that name the column of captions.
pub(crate) const CAPTION_COLUMNS: [&str; 4] = ["caption", "captions", "description", "text"];

/// Captions of stimuli, in the order of the file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Captions {
    /// The stimuli that have a caption, in the order of their first.
    pub stimuli: StimulusSet,
    /// The captions of each.
    pub texts: Vec<Vec<String>>,
}

/// Why captions cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaptionsError {
    /// The table has faults.
    #[error("{path}: {n} errors in the captions; the first:\n{first}", path = path.display())]
    Unsound {
        /// The table.
        path: PathBuf,
        /// The number of errors.
        n: usize,
        /// The first of them.
        first: Box<Finding>,
    },
    /// A new key cannot identify a stimulus.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl Captions {
    /// Reads a TSV or CSV table with a column of keys (`key`, `video_id`, …) and one called `caption`,
    /// `captions`, `description` or `text`; a line per caption.
    ///
    /// The file `caption_ck20.csv` of MindCaptioning (Horikawa), with 20 captions of each of 2,196 video
    /// labels, is of this form; see [`crate::reconciliation`] for the keys of its labels.
    ///
    /// # Errors
    /// [`CaptionsError::Unsound`] counts the faults and shows the first.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, CaptionsError> {
        let path = path.as_ref();
        let mut findings = Findings::default();
        let loaded = Self::load(Path::new(""), path, &mut findings);
        let (captions, _) =
            findings
                .sound(loaded)
                .map_err(|(n, first)| CaptionsError::Unsound {
                    path: path.to_owned(),
                    n,
                    first,
                })?;
        Ok(captions)
    }

    /// Reads `root/name`; also returns the line of each stimulus's first caption.
    pub(crate) fn load(
        root: &Path,
        name: &Path,
        findings: &mut Findings,
    ) -> Option<(Self, Vec<u64>)> {
        let table = Table::read(root, name, findings)?;
        let key = table.header.iter().position(|cell| names_keys(cell));
        let (Some(key), Some(text)) = (key, table.column(&CAPTION_COLUMNS)) else {
            findings.add(
                (Error, "no-caption-column"),
                (name, Some(1)),
                format!("the columns are {}", table.header.join(", ")),
                "a column key and a column caption",
                "name them so",
            );
            return None;
        };
        let mut keys: Vec<String> = Vec::new();
        let mut rows: HashMap<&str, usize> = HashMap::new();
        let (mut texts, mut lines): (Vec<Vec<String>>, Vec<u64>) = Default::default();
        for (line, cells) in &table.rows {
            let (label, caption) = (&cells[key], &cells[text]);
            if let Err(error) = StimulusKey::new(label.as_str()) {
                findings.add(
                    (Error, "bad-key"),
                    (name, Some(*line)),
                    error.to_string(),
                    "the key of a stimulus",
                    "correct the key",
                );
            } else if missing(caption) {
                findings.add(
                    (Warning, "caption-empty"),
                    (name, Some(*line)),
                    format!("an empty caption of {label:?}"),
                    "a description in words",
                    "write one, or delete the line",
                );
            } else {
                let row = *rows.entry(label).or_insert_with(|| {
                    keys.push(label.clone());
                    texts.push(Vec::new());
                    lines.push(*line);
                    keys.len() - 1
                });
                texts[row].push(caption.clone());
            }
        }
        // Keys are well formed and found once each.
        Some((
            Self {
                stimuli: StimulusSet::from_labels(keys).ok()?,
                texts,
            },
            lines,
        ))
    }

    /// The captions of a stimulus.
    ///
    /// # Panics
    /// If the id does not belong to [`Self::stimuli`].
    #[must_use]
    pub fn of(&self, stimulus: StimulusId) -> &[String] {
        &self.texts[stimulus.index()]
    }

    /// The captions under other keys; stimuli for which `key` gives none are left out, and two that get the
    /// same key are an error.
    ///
    /// # Errors
    /// [`CaptionsError::Key`] for a malformed or repeated key.
    pub fn relabel(&self, key: impl Fn(&str) -> Option<String>) -> Result<Self, CaptionsError> {
        let kept = self.stimuli.keys().iter().zip(&self.texts);
        let (keys, texts): (Vec<String>, Vec<Vec<String>>) = kept
            .filter_map(|(label, texts)| Some((key(label.as_str())?, texts.clone())))
            .unzip();
        Ok(Self {
            stimuli: StimulusSet::from_labels(keys)?,
            texts,
        })
    }

    /// Writes a TSV table, a line per caption.
    ///
    /// # Errors
    /// [`OutputError`] when the file exists and `overwrite` forbids it, or cannot be written.
    pub fn write(&self, path: impl AsRef<Path>, overwrite: Overwrite) -> Result<(), OutputError> {
        let mut file = AtomicFile::create(path.as_ref(), overwrite)?;
        let mut out = csv::WriterBuilder::new()
            .delimiter(b'\t')
            .from_writer(&mut file);
        let mut write = || -> Result<(), io::Error> {
            out.write_record(["key", "caption"])?;
            for (key, texts) in self.stimuli.keys().iter().zip(&self.texts) {
                for text in texts {
                    out.write_record([key.as_str(), text])?;
                }
            }
            out.flush()
        };
        let written = write();
        drop(out);
        written.map_err(|source| file.error(source))?;
        file.commit()
    }
}
