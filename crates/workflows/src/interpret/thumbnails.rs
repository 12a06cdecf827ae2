//! Pictures of stimuli for figures: the frame in the middle of a clip, small.

use super::Frames;
use crate::WorkflowError;
use emotome_media::encode::Encoding;
use emotome_media::policy::{At, Filter, FramePolicy, Size};
use emotome_media::reader::{Params, Reader};
use emotome_media::{CheckedPolicy, MediaError};
use emotome_stimuli::StimulusSet;
use emotome_stimuli::run::Run;
use emotome_stimuli::study::{Record, Study};
use rayon::prelude::*;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The longer side of a picture in pixels, at most.
const LONGEST: u32 = 160;
/// The longer side of a picture of a flagged stimulus, and how often each of its pixels is repeated.
const MOSAIC: (u32, u32) = (6, 24);

/// A stimulus that is shown without its picture, and why. Field names are stable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unpictured {
    /// The stimulus.
    pub stimulus: String,
    /// What was in the way.
    pub reason: String,
}

/// PNG files of stimuli, by their rows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Thumbnails {
    pictures: BTreeMap<usize, Vec<u8>>,
    pub(crate) missing: Vec<Unpictured>,
}

impl Thumbnails {
    /// Takes the middle frames of the stimuli in these rows, from the media of a study.
    ///
    /// A flagged stimulus is not decoded, or decoded to a mosaic of six pixels' width, as `frames` says.
    ///
    /// # Errors
    /// [`WorkflowError::FramesNeedStudy`], [`WorkflowError`] of opening the study, and
    /// [`WorkflowError::Stopped`]; a clip that cannot be decoded is listed as missing.
    pub(crate) fn take(
        frames: Frames,
        study: Option<&Path>,
        stimuli: &StimulusSet,
        rows: &BTreeSet<usize>,
        run: Run<'_>,
    ) -> Result<Self, WorkflowError> {
        let (blur, root) = match (frames, study) {
            (Frames::None, _) => return Ok(Self::default()),
            (_, None) => return Err(WorkflowError::FramesNeedStudy),
            (frames, Some(root)) => (frames == Frames::FlaggedBlurred, root),
        };
        let study = Study::open(root)?;
        let folder = root.join(&study.manifest.media);
        let reader = Reader::new(Params::default());
        let [clear, mosaic] =
            [(LONGEST, Filter::default()), (MOSAIC.0, Filter::Box)].map(|(longest, filter)| {
                let policy = FramePolicy {
                    at: At::Uniform(1),
                    max_frames: 1,
                    size: Size::Longest(longest),
                    filter,
                };
                policy.check()
            });
        let (clear, mosaic) = (clear?, mosaic?);
        run.progress
            .begin("pictures of stimuli", Some(rows.len() as u64));
        let rows: Vec<usize> = rows.iter().copied().collect();
        let taken: Vec<Option<Result<Vec<u8>, String>>> = rows
            .par_iter()
            .map(|&row| {
                let key = stimuli.keys()[row].as_str();
                let record = study.stimuli.get(key).map(|id| &study.records[id.index()]);
                let flagged = record.is_some_and(|record| !record.sensitive.is_empty());
                if run.interrupt.requested() || (flagged && !blur) {
                    return None;
                }
                let taken = match record {
                    None => Err("the study does not have it".to_owned()),
                    Some(record) => {
                        let (policy, times) = match flagged {
                            true => (&mosaic, MOSAIC.1),
                            false => (&clear, 1),
                        };
                        picture(&reader, &folder, record, (policy, times), run)
                    }
                };
                run.progress.advance(1);
                Some(taken)
            })
            .collect();
        run.progress.end();
        if run.interrupt.requested() {
            return Err(WorkflowError::Stopped);
        }
        let mut found = Self::default();
        for (row, taken) in rows.into_iter().zip(taken) {
            match taken {
                None => {}
                Some(Ok(png)) => {
                    found.pictures.insert(row, png);
                }
                Some(Err(reason)) => found.missing.push(Unpictured {
                    stimulus: stimuli.keys()[row].to_string(),
                    reason,
                }),
            }
        }
        if !found.missing.is_empty() {
            run.progress.note(&format!(
                "{} of {} stimuli are shown without a picture; the first: {}: {}",
                found.missing.len(),
                found.missing.len() + found.pictures.len(),
                found.missing[0].stimulus,
                found.missing[0].reason
            ));
        }
        Ok(found)
    }

    pub(crate) fn of(&self, row: usize) -> Option<&[u8]> {
        self.pictures.get(&row).map(Vec::as_slice)
    }
}

/// The middle frame of a stimulus as a PNG file.
fn picture(
    reader: &Reader,
    folder: &Path,
    record: &Record,
    (policy, times): (&CheckedPolicy, u32),
    run: Run<'_>,
) -> Result<Vec<u8>, String> {
    let Some(media) = &record.media else {
        return Err("the study names no file for it".into());
    };
    let path = folder.join(media);
    if let Some(expected) = record.sha256 {
        let found = reader.probe(&path, run.interrupt);
        if found.map_err(|error| error.to_string())?.sha256 != expected {
            return Err(format!(
                "{} is not the file that the study describes: its checksum differs",
                path.display()
            ));
        }
    }
    let png = || -> Result<Option<Vec<u8>>, MediaError> {
        let taken = reader.frames(&path, policy, run.interrupt)?;
        let frame = taken.frames.first();
        let file = frame.map(|frame| Encoding::Png.encode(&frame.enlarged(times)));
        file.transpose()
    };
    match png() {
        Ok(Some(png)) => Ok(png),
        Ok(None) => Err(format!("{} has no frame", path.display())),
        Err(error) => Err(error.to_string()),
    }
}
