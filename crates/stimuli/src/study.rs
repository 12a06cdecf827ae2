//! A study folder: `study.toml`, `stimuli.tsv`, captions and ratings, joined by key.
//!
//! ```text
//! study.toml          name, licence, media folder, rule for sensitive stimuli
//! stimuli.tsv         key, media, caption, sha256, sensitive
//! captions.tsv        key, caption: any number of lines per stimulus (optional)
//! ratings/NAME.tsv    key and a column per scale (optional)
//! ratings/NAME.json   what the scales are
//! ```

mod manifest;

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

pub use manifest::Manifest;
use manifest::{load_manifest, manifest_text};

use crate::captions::Captions;
use crate::digest::Sha256Sum;
use crate::finding::Severity::{Error, Note, Warning};
use crate::finding::{Finding, Findings};
use crate::output::{self, AtomicFile, OutputError, Overwrite};
use crate::ratings::{RatingsError, RatingsTable, check_key};
use crate::stimulus::StimulusSet;
use crate::table::{Table, missing};

/// The files of a study folder.
pub(crate) const MANIFEST: &str = "study.toml";
pub(crate) const STIMULI: &str = "stimuli.tsv";
pub(crate) const CAPTIONS: &str = "captions.tsv";
pub(crate) const RATINGS: &str = "ratings";

/// What is known of one stimulus besides its ratings.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Record {
    /// Its file, relative to the media folder.
    pub media: Option<PathBuf>,
    /// Its descriptions in words.
    pub captions: Vec<String>,
    /// The content of its file.
    pub sha256: Option<Sha256Sum>,
    /// Why it should be shown with care, e.g. `Horror`; empty if it need not be.
    pub sensitive: Vec<String>,
}

/// A study, read from its folder or about to be written to one.
#[derive(Debug, Clone, PartialEq)]
pub struct Study {
    /// What `study.toml` says.
    pub manifest: Manifest,
    /// Its stimuli, in the order of `stimuli.tsv`.
    pub stimuli: StimulusSet,
    /// What is known of each, in the same order.
    pub records: Vec<Record>,
    /// Its ratings, in the order of their names.
    pub ratings: Vec<RatingsTable>,
}

/// Why a study cannot be opened or made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StudyError {
    /// The folder has faults.
    #[error("{root}: {n} errors in the study; the first:\n{first}\n\nemotome check {root} shows them all", root = root.display())]
    Unsound {
        /// The study folder.
        root: PathBuf,
        /// The number of errors.
        n: usize,
        /// The first of them.
        first: Box<Finding>,
    },
    /// A table of another study lies in the folder and would be taken for a part of this one.
    #[error("{path} is no part of the new study, which would take it for its own; delete it, or write elsewhere", path = path.display())]
    Stale {
        /// The table.
        path: PathBuf,
    },
    /// The ratings cannot be written.
    #[error(transparent)]
    Ratings(#[from] RatingsError),
    /// A file cannot be written.
    #[error(transparent)]
    Output(#[from] OutputError),
}

/// A study as far as it could be read, with the lines of its stimuli.
pub(crate) struct Loaded {
    pub(crate) study: Study,
    /// The line of each stimulus in `stimuli.tsv`.
    pub(crate) lines: Vec<u64>,
}

impl Study {
    /// A study without stimuli.
    #[must_use]
    pub fn new(manifest: Manifest) -> Self {
        Self {
            manifest,
            stimuli: StimulusSet::default(),
            records: Vec::new(),
            ratings: Vec::new(),
        }
    }

    /// Opens a study folder. Media files are not looked at: see [`check`](crate::check::check).
    ///
    /// # Errors
    /// [`StudyError::Unsound`] counts the errors and shows the first.
    pub fn open(root: impl AsRef<Path>) -> Result<Self, StudyError> {
        let root = root.as_ref();
        let mut findings = Findings::default();
        let loaded = load(root, &mut findings);
        let loaded = findings
            .sound(loaded)
            .map_err(|(n, first)| StudyError::Unsound {
                root: root.to_owned(),
                n,
                first,
            })?;
        Ok(loaded.study)
    }

    /// The ratings table of a name.
    #[must_use]
    pub fn ratings(&self, name: &str) -> Option<&RatingsTable> {
        self.ratings.iter().find(|table| table.name == name)
    }

    /// The captions of all stimuli that have any.
    #[must_use]
    pub fn captions(&self) -> Captions {
        let with = self
            .stimuli
            .keys()
            .iter()
            .zip(&self.records)
            .filter(|(_, record)| !record.captions.is_empty());
        let (keys, texts): (Vec<&str>, Vec<_>) = with
            .map(|(key, r)| (key.as_str(), r.captions.clone()))
            .unzip();
        // The keys of a set are sound.
        Captions {
            stimuli: StimulusSet::from_labels(keys).unwrap_or_default(),
            texts,
        }
    }

    /// Flags stimuli that the ratings make sensitive by the manifest's rule; returns how many are flagged.
    pub fn flag_sensitive(&mut self) -> usize {
        for table in &self.ratings {
            for (key, record) in self.stimuli.keys().iter().zip(&mut self.records) {
                if let Some(rated) = table.stimuli.get(key.as_str()) {
                    record
                        .sensitive
                        .extend(self.manifest.sensitive_scales(table, rated));
                    record.sensitive.sort();
                    record.sensitive.dedup();
                }
            }
        }
        self.records
            .iter()
            .filter(|record| !record.sensitive.is_empty())
            .count()
    }

    /// Writes the study folder.
    ///
    /// # Errors
    /// Before anything is written, [`OutputError::Exists`] if a file of the study is there and `overwrite`
    /// forbids to replace it, and [`StudyError::Stale`] if a table of an older study would join this one;
    /// otherwise [`StudyError`] if a file cannot be written.
    pub fn write(&self, root: impl AsRef<Path>, overwrite: Overwrite) -> Result<(), StudyError> {
        let root = root.as_ref();
        let captions = self.captions();
        let many = captions.texts.iter().any(|texts| texts.len() > 1);
        let ratings = self
            .ratings
            .iter()
            .flat_map(|t| ["tsv", "json"].map(|e| format!("{RATINGS}/{}.{e}", t.name)));
        let mut files: Vec<PathBuf> = [MANIFEST, STIMULI]
            .into_iter()
            .map(|file| root.join(file))
            .collect();
        files.extend(many.then(|| root.join(CAPTIONS)));
        files.extend(ratings.map(|file| root.join(file)));
        if let (Some(path), Overwrite::Refuse) =
            (files.iter().find(|path| path.exists()), overwrite)
        {
            return Err(OutputError::Exists { path: path.clone() }.into());
        }
        let old_ratings = fs::read_dir(root.join(RATINGS))
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path());
        let mut old = old_ratings
            .filter(|path| path.extension().is_some_and(|e| e == "tsv"))
            .chain([root.join(CAPTIONS)]);
        if let Some(path) = old.find(|path| path.exists() && !files.contains(path)) {
            return Err(StudyError::Stale { path });
        }
        output::write(
            root.join(MANIFEST),
            overwrite,
            manifest_text(&self.manifest).as_bytes(),
        )?;
        let mut file = AtomicFile::create(root.join(STIMULI), overwrite)?;
        let written = self.write_stimuli(&mut file);
        written.map_err(|source| file.error(source))?;
        file.commit()?;
        if many {
            captions.write(root.join(CAPTIONS), overwrite)?;
        }
        for table in &self.ratings {
            table.write(root.join(RATINGS), overwrite)?;
        }
        Ok(())
    }

    /// A lone caption stands with its stimulus; several need a table of their own.
    fn write_stimuli(&self, file: &mut AtomicFile) -> io::Result<()> {
        let lone = self.records.iter().all(|record| record.captions.len() < 2);
        let mut out = csv::WriterBuilder::new().delimiter(b'\t').from_writer(file);
        let caption: &[&str] = if lone { &["caption"] } else { &[] };
        out.write_record([&["key", "media"], caption, &["sha256", "sensitive"]].concat())?;
        for (key, record) in self.stimuli.keys().iter().zip(&self.records) {
            let none = || "n/a".to_owned();
            out.write_field(key.as_str())?;
            out.write_field(
                record
                    .media
                    .as_ref()
                    .map_or_else(none, |path| path.display().to_string()),
            )?;
            if lone {
                out.write_field(record.captions.first().cloned().unwrap_or_else(none))?;
            }
            out.write_field(record.sha256.map_or_else(none, |digest| digest.to_string()))?;
            out.write_field(if record.sensitive.is_empty() {
                none()
            } else {
                record.sensitive.join(";")
            })?;
            out.write_record(None::<&[u8]>)?;
        }
        out.flush()
    }
}

/// Reads a study folder as far as possible; faults become findings.
pub(crate) fn load(root: &Path, findings: &mut Findings) -> Option<Loaded> {
    let manifest = load_manifest(root, findings);
    let (mut study, lines) = load_stimuli(root, manifest?, findings)?;
    load_captions(root, &mut study, findings);
    load_ratings(root, &mut study, findings);
    Some(Loaded { study, lines })
}

fn load_stimuli(
    root: &Path,
    manifest: Manifest,
    findings: &mut Findings,
) -> Option<(Study, Vec<u64>)> {
    let name = Path::new(STIMULI);
    let table = Table::read(root, name, findings)?;
    let Some(key) = table.column(&["key"]) else {
        findings.add(
            (Error, "no-key-column"),
            (name, Some(1)),
            format!("the columns are {}", table.header.join(", ")),
            "a column key, and optionally media, caption, sha256 and sensitive",
            "name the column of keys so",
        );
        return None;
    };
    let [media, caption, sha256, sensitive] =
        ["media", "caption", "sha256", "sensitive"].map(|c| table.column(&[c]));
    for (column, title) in table.header.iter().enumerate() {
        if ![Some(key), media, caption, sha256, sensitive].contains(&Some(column)) {
            findings.add(
                (Note, "unused-column"),
                (name, Some(1)),
                format!("column {title:?} is not read"),
                "key, media, caption, sha256, sensitive",
                "put ratings into ratings/NAME.tsv; other columns may stay",
            );
        }
    }
    let (mut keys, mut records, mut lines) = (Vec::new(), Vec::new(), Vec::new());
    let mut seen = HashMap::new();
    for (line, cells) in &table.rows {
        let label = &cells[key];
        if !check_key(label, (name, *line), &mut seen, findings) {
            continue;
        }
        let cell = |column: Option<usize>| column.map(|c| &cells[c]).filter(|cell| !missing(cell));
        let digest = cell(sha256).map(|text| text.parse());
        if let Some(Err(error)) = &digest {
            let error: &crate::digest::DigestError = error;
            findings.add(
                (Error, "bad-sha256"),
                (name, Some(*line)),
                error.to_string(),
                "the sha256 of the media file, or n/a",
                "compute it again, or write n/a",
            );
        }
        keys.push(label.clone());
        lines.push(*line);
        records.push(Record {
            media: cell(media).map(PathBuf::from),
            captions: cell(caption).cloned().into_iter().collect(),
            sha256: digest.and_then(Result::ok),
            sensitive: cell(sensitive).map_or_else(Vec::new, |flags| {
                flags
                    .split(';')
                    .map(|flag| flag.trim().to_owned())
                    .filter(|flag| !flag.is_empty())
                    .collect()
            }),
        });
    }
    if keys.is_empty() {
        findings.add(
            (Warning, "no-stimuli"),
            (name, None),
            "the study has no stimuli",
            "a line per stimulus",
            "add them, or start from files: emotome init DIR --clips FOLDER",
        );
    }
    // Keys were checked one by one.
    let stimuli = StimulusSet::from_labels(keys).ok()?;
    Some((
        Study {
            manifest,
            stimuli,
            records,
            ratings: Vec::new(),
        },
        lines,
    ))
}

fn load_captions(root: &Path, study: &mut Study, findings: &mut Findings) {
    let name = Path::new(CAPTIONS);
    if !root.join(name).exists() {
        return;
    }
    let Some((captions, lines)) = Captions::load(root, name, findings) else {
        return;
    };
    for ((key, texts), line) in captions
        .stimuli
        .keys()
        .iter()
        .zip(captions.texts)
        .zip(lines)
    {
        match study.stimuli.get(key.as_str()) {
            Some(id) => study.records[id.index()].captions.extend(texts),
            None => unknown_key(
                key.as_str(),
                (name, Some(line)),
                study.stimuli.len(),
                findings,
            ),
        }
    }
}

fn load_ratings(root: &Path, study: &mut Study, findings: &mut Findings) {
    let folder = root.join(RATINGS);
    if !folder.exists() {
        return;
    }
    let entries = fs::read_dir(&folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let mut names: Vec<PathBuf> = match entries {
        Ok(entries) => entries
            .into_iter()
            .map(|entry| Path::new(RATINGS).join(entry.file_name()))
            .collect(),
        Err(error) => {
            findings.add(
                (Error, "unreadable"),
                (Path::new(RATINGS), None),
                format!("the folder cannot be listed: {error}"),
                "a folder of tables",
                "check its permissions",
            );
            return;
        }
    };
    names.sort();
    for name in &names {
        match name.extension().and_then(|e| e.to_str()) {
            Some("tsv") => {
                if let Some((table, lines)) = RatingsTable::load(root, name, findings) {
                    match_keys(&table, &lines, (name, &study.stimuli), findings);
                    study.ratings.push(table);
                }
            }
            Some("json") if names.contains(&name.with_extension("tsv")) => {}
            _ => findings.add(
                (Note, "unused-file"),
                (name, None),
                "the file is not read",
                "NAME.tsv tables with NAME.json sidecars",
                "move it elsewhere, or convert it",
            ),
        }
    }
}

fn match_keys(
    table: &RatingsTable,
    lines: &[u64],
    (name, stimuli): (&Path, &StimulusSet),
    findings: &mut Findings,
) {
    for (key, line) in table.stimuli.keys().iter().zip(lines) {
        if stimuli.get(key.as_str()).is_none() {
            unknown_key(key.as_str(), (name, Some(*line)), stimuli.len(), findings);
        }
    }
    let unrated: Vec<_> = stimuli
        .keys()
        .iter()
        .filter(|key| table.stimuli.get(key.as_str()).is_none())
        .collect();
    if let Some(first) = unrated.first() {
        findings.add(
            (Warning, "unrated"),
            (name, None),
            format!(
                "{} of {} stimuli are not rated, {first} first",
                unrated.len(),
                stimuli.len()
            ),
            "a line per stimulus of stimuli.tsv",
            "add them, or leave them out of analyses that use these ratings",
        );
    }
}

fn unknown_key(key: &str, place: (&Path, Option<u64>), n: usize, findings: &mut Findings) {
    findings.add(
        (Error, "unknown-key"),
        place,
        format!("key {key:?} is not in {STIMULI}"),
        format!("one of its {n} keys"),
        format!("correct the key, add the stimulus to {STIMULI}, or delete the line"),
    );
}
