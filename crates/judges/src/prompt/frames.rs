//! Frames sampled from the clips of a study, as images.

use super::exhibit::{Carrier, Content, MediaError, MediaKind, MediaSource, Medium};
use bytes::Bytes;
use emotome_media::cache::FrameCache;
use emotome_media::encode::{Encoding, sheet};
use emotome_media::policy::CheckedPolicy;
use emotome_media::reader::Reader;
use emotome_stimuli::StimulusId;
use emotome_stimuli::digest::{Sha256Sum, sha256_of_file};
use emotome_stimuli::run::Interrupt;
use serde_json::json;
use std::path::PathBuf;
use std::sync::OnceLock;

/// How frames are taken and sent.
#[derive(Debug)]
pub struct FrameParams {
    /// Which frames, and how large.
    pub policy: CheckedPolicy,
    /// JPEG or PNG.
    pub encoding: Encoding,
    /// Whether the frames of a clip stand side by side in one picture, as in the published prompts.
    pub sheet: bool,
}

/// The clips of a study, a few frames of each.
pub struct SampledFrames {
    root: PathBuf,
    files: Vec<Option<PathBuf>>,
    expected: Vec<Option<Sha256Sum>>,
    known: Vec<OnceLock<Sha256Sum>>,
    params: FrameParams,
    reader: Reader,
    cache: FrameCache,
}

/// Black between the frames of a sheet, in pixels.
const GAP: u32 = 4;

impl SampledFrames {
    /// Clips below `root`, by stimulus, with the checksums that the study states for them. Frames are kept in
    /// `cache`.
    #[must_use]
    pub fn new(
        root: impl Into<PathBuf>,
        files: Vec<(Option<PathBuf>, Option<Sha256Sum>)>,
        params: FrameParams,
        reader: Reader,
        cache: FrameCache,
    ) -> Self {
        let (files, expected): (Vec<Option<PathBuf>>, Vec<_>) = files.into_iter().unzip();
        Self {
            root: root.into(),
            known: files.iter().map(|_| OnceLock::new()).collect(),
            files,
            expected,
            params,
            reader,
            cache,
        }
    }

    /// The stimuli without a clip, ascending: trials with one of them fail.
    #[must_use]
    pub fn unshown(&self) -> Vec<StimulusId> {
        let rows = self
            .files
            .iter()
            .enumerate()
            .filter(|(_, file)| file.is_none());
        rows.map(|(row, _)| StimulusId(row as u32)).collect()
    }
}

impl MediaSource for SampledFrames {
    fn n_stimuli(&self) -> usize {
        self.files.len()
    }

    fn carriage(&self) -> (MediaKind, Carrier) {
        (MediaKind::Image, Carrier::Data)
    }

    fn media(&self, stimulus: StimulusId) -> Result<Vec<Medium>, MediaError> {
        let cannot = |what: String| MediaError { stimulus, what };
        let row = stimulus.index();
        let below = self.files.get(row).and_then(Option::as_ref);
        let path = self
            .root
            .join(below.ok_or_else(|| cannot("it has no clip".to_owned()))?);
        let sha256 = match self.known[row].get() {
            Some(&known) => known,
            None => {
                let sum = sha256_of_file(&path).map_err(|error| cannot(error.to_string()))?;
                match self.expected[row] {
                    Some(expected) if expected != sum => {
                        return Err(cannot(format!(
                            "{} has sha256 {sum}, but stimuli.tsv says {expected}",
                            path.display()
                        )));
                    }
                    _ => *self.known[row].get_or_init(|| sum),
                }
            }
        };
        let FrameParams {
            policy,
            encoding,
            sheet: one,
        } = &self.params;
        let interrupt = Interrupt::default();
        let images: Vec<Vec<u8>> = if *one {
            let taken = self
                .reader
                .frames(&path, policy, &interrupt)
                .map_err(|error| cannot(error.to_string()))?;
            let whole = sheet(&taken.frames, taken.frames.len(), GAP);
            let whole =
                whole.ok_or_else(|| cannot("its frames side by side are too wide".to_owned()))?;
            vec![
                encoding
                    .encode(&whole)
                    .map_err(|error| cannot(error.to_string()))?,
            ]
        } else {
            let clip =
                self.cache
                    .frames(&self.reader, (&path, sha256), policy, *encoding, &interrupt);
            clip.map_err(|error| cannot(error.to_string()))?
                .frames
                .into_iter()
                .map(|frame| frame.bytes)
                .collect()
        };
        let medium = |bytes: Vec<u8>| Medium {
            mime: encoding.mime().into(),
            sha256: Sha256Sum::of(&bytes),
            content: Content::Bytes(Bytes::from(bytes)),
        };
        Ok(images.into_iter().map(medium).collect())
    }

    fn describe(&self) -> serde_json::Value {
        json!({
            "frames": self.params.policy,
            "encoding": self.params.encoding,
            "sheet": self.params.sheet,
            "decoders": self.reader.fingerprint(),
        })
    }
}
