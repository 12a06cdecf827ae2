//! Making a study folder from what a laboratory has: a folder of clips, ratings, captions, or nothing.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::captions::{Captions, CaptionsError};
use crate::digest::{DigestError, sha256_of_file};
use crate::output::Overwrite;
use crate::ratings::{RatingsError, RatingsTable};
use crate::run::Run;
use crate::stimulus::{KeyError, StimulusSet};
use crate::study::{Manifest, Record, Study, StudyError};

/// Extensions of files that are taken for stimuli.
const MEDIA: [&str; 16] = [
    "mp4", "webm", "mov", "avi", "mkv", "m4v", "mpg", "gif", "png", "jpg", "jpeg", "webp", "wav",
    "mp3", "flac", "ogg",
];

/// What a new study is made of; each part may be absent.
#[derive(Debug, Clone, Default)]
pub struct Parts {
    /// A folder of clips or pictures: one stimulus per file, its name the key.
    pub clips: Option<PathBuf>,
    /// Ratings of the stimuli.
    pub ratings: Vec<RatingsTable>,
    /// Captions of the stimuli.
    pub captions: Option<Captions>,
    /// The stimuli to include, in order; without it they are those of the clips, else of the first ratings,
    /// else of the captions.
    pub include: Option<StimulusSet>,
}

/// What became of the parts of a new study.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct InitReport {
    /// Stimuli in the study.
    pub stimuli: usize,
    /// Those with a media file.
    pub with_media: usize,
    /// Those with a caption.
    pub with_captions: usize,
    /// Those flagged as sensitive by the manifest's rule.
    pub sensitive: usize,
    /// Entries of the clips folder that are no media files and were left alone.
    pub other_files: usize,
    /// Media files, captioned and rated stimuli that are not included, and so were left out.
    pub left_out: Vec<LeftOut>,
}

/// Stimuli of one part that are not in the study.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct LeftOut {
    /// `clips`, `captions`, or the name of a ratings table.
    pub part: String,
    /// How many.
    pub n: usize,
    /// The first of them.
    pub first: String,
}

/// Why a study cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InitError {
    /// The folder of clips cannot be read.
    #[error("{path}: the folder of clips cannot be read: {source}", path = path.display())]
    Clips {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The folder of clips has none.
    #[error(
        "{path}: none of the {entries} entries is a clip or picture; expected files ending in {known}",
        path = path.display(),
        known = MEDIA.join(", ")
    )]
    NoClips {
        /// The folder.
        path: PathBuf,
        /// The number of entries in it.
        entries: usize,
    },
    /// A file name cannot be a key.
    #[error("{path}: the name is not UTF-8 text; rename it", path = path.display())]
    FileName {
        /// The file or folder.
        path: PathBuf,
    },
    /// Two ratings tables have the same name.
    #[error("two ratings tables are called {name:?}; rename one of the files")]
    SameName {
        /// The name.
        name: String,
    },
    /// The user asked to stop.
    #[error("stopped after {done} of {total} clips; nothing was written: run the command again")]
    Interrupted {
        /// Clips hashed.
        done: usize,
        /// Clips there are.
        total: usize,
    },
    /// A key cannot stand.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A clip cannot be read.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// The captions cannot be used.
    #[error(transparent)]
    Captions(#[from] CaptionsError),
    /// The ratings cannot be used.
    #[error(transparent)]
    Ratings(#[from] RatingsError),
    /// The study cannot be written.
    #[error(transparent)]
    Study(#[from] StudyError),
}

/// Makes a study folder and says what went into it.
///
/// Clips are hashed, which takes as long as reading them; everything else is fast. Parts are joined by key;
/// what has no stimulus is left out and counted in the report.
///
/// # Errors
/// [`InitError`]; nothing is written unless all parts could be read.
pub fn init(
    root: impl AsRef<Path>,
    manifest: Manifest,
    parts: &Parts,
    overwrite: Overwrite,
    run: Run<'_>,
) -> Result<(Study, InitReport), InitError> {
    let root = root.as_ref();
    let mut report = InitReport::default();
    let clips = match &parts.clips {
        Some(folder) => list_clips(folder, &mut report)?,
        None => Vec::new(),
    };
    let clip_keys = StimulusSet::from_labels(clips.iter().map(|(key, _)| key.as_str()))?;
    let stimuli = match (
        &parts.include,
        &parts.clips,
        parts.ratings.first(),
        &parts.captions,
    ) {
        (Some(include), ..) => include.clone(),
        (None, Some(_), ..) => clip_keys.clone(),
        (None, None, Some(table), _) => table.stimuli.clone(),
        (None, None, None, Some(captions)) => captions.stimuli.clone(),
        (None, None, None, None) => StimulusSet::default(),
    };
    let names: Vec<&str> = parts
        .ratings
        .iter()
        .map(|table| table.name.as_str())
        .collect();
    if let Some(name) = names
        .iter()
        .enumerate()
        .find_map(|(i, name)| names[..i].contains(name).then_some(*name))
    {
        return Err(InitError::SameName {
            name: name.to_owned(),
        });
    }
    let mut study = Study::new(manifest);
    study.records = vec![Record::default(); stimuli.len()];
    study.stimuli = stimuli;
    let mut note = |part: &str, keys: &StimulusSet| {
        let mut left = keys
            .keys()
            .iter()
            .filter(|key| study.stimuli.get(key.as_str()).is_none())
            .peekable();
        if let Some(first) = left.peek().map(ToString::to_string) {
            report.left_out.push(LeftOut {
                part: part.to_owned(),
                n: left.count(),
                first,
            });
        }
    };
    note("clips", &clip_keys);
    parts
        .captions
        .iter()
        .for_each(|captions| note("captions", &captions.stimuli));
    parts
        .ratings
        .iter()
        .for_each(|table| note(&table.name, &table.stimuli));

    if let Some(folder) = &parts.clips {
        study.manifest.media = media_folder(root, folder);
        if study.manifest.media.to_str().is_none() {
            return Err(InitError::FileName {
                path: folder.clone(),
            });
        }
        let total = clips.len();
        run.progress.begin("hashing clips", Some(total as u64));
        for (done, (key, path)) in clips.iter().enumerate() {
            if run.interrupt.requested() {
                return Err(InitError::Interrupted { done, total });
            }
            if let Some(id) = study.stimuli.get(key) {
                let record = &mut study.records[id.index()];
                record.media = Some(key.into());
                record.sha256 = Some(sha256_of_file(path)?);
            }
            run.progress.advance(1);
        }
        run.progress.end();
    }
    if let Some(captions) = &parts.captions {
        for (key, record) in study.stimuli.keys().iter().zip(&mut study.records) {
            record.captions = captions
                .stimuli
                .get(key.as_str())
                .map_or_else(Vec::new, |id| captions.of(id).to_vec());
        }
    }
    study.ratings = parts
        .ratings
        .iter()
        .map(|table| rated(table, &study.stimuli))
        .collect();
    report.sensitive = study.flag_sensitive();
    report.stimuli = study.stimuli.len();
    report.with_media = study
        .records
        .iter()
        .filter(|record| record.media.is_some())
        .count();
    report.with_captions = study
        .records
        .iter()
        .filter(|record| !record.captions.is_empty())
        .count();
    study.write(root, overwrite)?;
    Ok((study, report))
}

/// The ratings of the stimuli that have any, in the order of the study.
fn rated(table: &RatingsTable, stimuli: &StimulusSet) -> RatingsTable {
    let shared = stimuli
        .keys()
        .iter()
        .filter(|key| table.stimuli.get(key.as_str()).is_some());
    // The keys of a set are sound.
    let shared = StimulusSet::from_labels(shared.map(|key| key.as_str())).unwrap_or_default();
    table.align(&shared).table
}

/// The media files of a folder by name, in order.
fn list_clips(folder: &Path, report: &mut InitReport) -> Result<Vec<(String, PathBuf)>, InitError> {
    let io = |source| InitError::Clips {
        path: folder.to_owned(),
        source,
    };
    let mut clips = Vec::new();
    for entry in fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let extension = path
            .extension()
            .and_then(|e| e.to_str())
            .map(str::to_ascii_lowercase);
        if !path.is_file() || !extension.is_some_and(|e| MEDIA.contains(&e.as_str())) {
            report.other_files += 1;
            continue;
        }
        match path.file_name().and_then(|name| name.to_str()) {
            Some(name) => clips.push((name.to_owned(), path)),
            None => return Err(InitError::FileName { path }),
        }
    }
    if clips.is_empty() {
        return Err(InitError::NoClips {
            path: folder.to_owned(),
            entries: report.other_files,
        });
    }
    clips.sort();
    Ok(clips)
}

/// The folder of clips as seen from the study: relative where it lies within, else absolute.
fn media_folder(root: &Path, clips: &Path) -> PathBuf {
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let (root, clips) = (absolute(root), absolute(clips));
    match clips.strip_prefix(&root) {
        Ok(inside) if inside.as_os_str().is_empty() => ".".into(),
        Ok(inside) => inside.to_owned(),
        Err(_) => clips,
    }
}
