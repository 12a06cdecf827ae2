//! From a file to frames: the decoder is chosen, the policy followed, and both are recorded.
//!
//! | file | decoder |
//! |---|---|
//! | MP4, QuickTime with H.264 (4:2:0, 4:2:2, 8 or 10 bits) | built in, or ffmpeg where that takes less work |
//! | JPEG, PNG, WebP, GIF, moving or not; a folder of these | built in |
//! | everything else: WebM, Matroska, HEVC, VP9, AV1, AVI, … | ffmpeg |
//!
//! ffmpeg is found on the search path; [`INSTALL_FFMPEG`] is the one step.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use emotome_stimuli::digest::{Sha256Sum, sha256_of_file};
use emotome_stimuli::run::Interrupt;
use serde::{Deserialize, Serialize};

use crate::error::{INSTALL_FFMPEG, MediaError};
use crate::ffmpeg::{Ffmpeg, Programs};
use crate::foreign::ForeignClip;
use crate::h264::{H264Clip, Unfit};
use crate::mp4::{self, Fault};
use crate::picture::{Frame, Painter, Rotation};
use crate::policy::CheckedPolicy;
use crate::source::{Container, Decoder, FrameSource, MediaInfo};
use crate::still::{Folder, PictureFile};

/// Raised when the same file comes to give other frames.
const FRAMES_VERSION: u32 = 2;

/// What a file may ask for.
///
/// | field | default |
/// |---|---|
/// | `max_bytes` | 4 GiB; pictures are read whole, clips piece by piece |
/// | `max_pixels` | 7,680 × 4,320 in a picture |
/// | `max_frames` | 200,000 in a file |
/// | `max_seconds` | 300 for each run of ffmpeg or ffprobe |
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Limits {
    /// Bytes of a file.
    pub max_bytes: u64,
    /// Pixels of a picture.
    pub max_pixels: u64,
    /// Frames of a file.
    pub max_frames: usize,
    /// Seconds that a program may run.
    pub max_seconds: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bytes: 4 << 30,
            max_pixels: 7_680 * 4_320,
            max_frames: 200_000,
            max_seconds: 300,
        }
    }
}

impl Limits {
    pub(crate) fn check_bytes(&self, path: &Path, found: u64) -> Result<(), MediaError> {
        within(path, found, "bytes", self.max_bytes, "max-bytes")
    }

    pub(crate) fn check_pixels(
        &self,
        path: &Path,
        width: u32,
        height: u32,
    ) -> Result<(), MediaError> {
        let found = u64::from(width) * u64::from(height);
        if found == 0 {
            return Err(MediaError::NoPicture {
                path: path.to_owned(),
                what: format!("its pictures are {width}×{height}"),
            });
        }
        within(path, found, "pixels", self.max_pixels, "max-pixels")
    }

    pub(crate) fn check_frames(&self, path: &Path, found: u64) -> Result<(), MediaError> {
        within(path, found, "frames", self.max_frames as u64, "max-frames")
    }

    /// The limits in the words of the decoder of pictures: room for the picture, its working copy and one more.
    pub(crate) fn for_pictures(&self) -> image::Limits {
        let mut limits = image::Limits::default();
        limits.max_alloc = Some(self.max_pixels.saturating_mul(3 * 8));
        limits
    }
}

fn within(
    path: &Path,
    found: u64,
    unit: &'static str,
    limit: u64,
    parameter: &'static str,
) -> Result<(), MediaError> {
    if found <= limit {
        return Ok(());
    }
    Err(MediaError::TooLarge {
        path: path.to_owned(),
        found,
        unit,
        limit,
        parameter,
    })
}

/// Which decoder reads H.264 in MP4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DecoderChoice {
    /// The one that takes less work, among those there are; if it fails, the other.
    #[default]
    Auto,
    /// The built-in one; what is not built in is an error.
    ///
    /// It notices macroblocks that are missing and syntax that is none, but not damage that reads as another
    /// picture, of which ffmpeg notices more.
    BuiltIn,
    /// ffmpeg.
    Ffmpeg,
}

/// How files are read.
///
/// | field | default |
/// |---|---|
/// | `limits` | see [`Limits`] |
/// | `decoder` | `auto` |
/// | `ffmpeg_threads` | 1, since clips are decoded side by side; 0 leaves it to ffmpeg |
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Params {
    /// What a file may ask for.
    pub limits: Limits,
    /// Which decoder.
    pub decoder: DecoderChoice,
    /// Threads of each ffmpeg.
    pub ffmpeg_threads: usize,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            decoder: DecoderChoice::Auto,
            ffmpeg_threads: 1,
        }
    }
}

/// Reads clips and pictures.
#[derive(Debug, Clone)]
pub struct Reader {
    params: Params,
    programs: Programs,
}

/// What a file is and holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Probe {
    /// What its headers tell.
    #[serde(flatten)]
    pub info: MediaInfo,
    /// Its content; that of a folder is the checksum of the lines "SHA-256, two blanks, name" of its files.
    pub sha256: Sha256Sum,
}

/// Frames taken of a clip, and how.
#[derive(Debug, Clone)]
pub struct Extraction {
    /// What the clip is.
    pub info: MediaInfo,
    /// The frames, as shown, in order.
    pub frames: Vec<Frame>,
    /// What is recorded about them.
    pub taken: Taken,
}

/// How frames were taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Taken {
    /// The decoder and its version.
    pub decoder: String,
    /// The numbers of the frames in the clip, counted from 0.
    pub indices: Vec<usize>,
    /// When they appear, in seconds after the first frame of the clip.
    pub times: Vec<f64>,
    /// How many there were before `max_frames` thinned them.
    pub chosen: usize,
    /// Shape of a pixel, width to height, where it is not square; it is not applied.
    #[serde(default)]
    pub pixel_aspect: Option<(u32, u32)>,
    /// What the decoder complained about, although all frames came.
    pub complaints: Option<String>,
}

impl Reader {
    /// A reader; ffmpeg is looked for once, when it is first needed, on the search path as it is now.
    #[must_use]
    pub fn new(params: Params) -> Self {
        let programs = match params.decoder {
            DecoderChoice::BuiltIn => Programs::none(),
            _ => Programs::on_path(),
        };
        Self { params, programs }
    }

    /// A reader that finds programs in one folder only.
    #[cfg(test)]
    pub(crate) fn with_programs_in(folder: &Path, params: Params) -> Self {
        let programs = Programs::within(vec![folder.to_owned()]);
        Self { params, programs }
    }

    /// A reader that runs no other program: what is not built in is not decoded.
    #[must_use]
    pub fn without_programs(params: Params) -> Self {
        Self {
            params,
            programs: Programs::none(),
        }
    }

    /// Its parameters.
    #[must_use]
    pub const fn params(&self) -> &Params {
        &self.params
    }

    /// The version of ffmpeg, if it was found.
    #[must_use]
    pub fn ffmpeg_version(&self) -> Option<String> {
        self.programs.get().map(Ffmpeg::version)
    }

    /// What a file is: its headers and its checksum; O(bytes), nothing is decoded but GIF and moving WebP,
    /// whose headers do not tell their times, and VP8.
    ///
    /// # Errors
    /// [`MediaError`] if it cannot be read, is damaged, beyond the limits, or needs ffmpeg that is not there.
    pub fn probe(
        &self,
        path: impl AsRef<Path>,
        interrupt: &Interrupt,
    ) -> Result<Probe, MediaError> {
        let path = path.as_ref();
        Ok(Probe {
            info: self.open(path, interrupt)?.info().clone(),
            sha256: sha256_of(path)?,
        })
    }

    /// The frames that a policy takes of a clip, resized as it says.
    ///
    /// Memory is that of the frames taken and one decoded picture. The result depends on file, policy and
    /// the version of the decoder, not on threads.
    ///
    /// # Errors
    /// [`MediaError`] if the clip cannot be decoded; frames are never left out silently.
    pub fn frames(
        &self,
        path: impl AsRef<Path>,
        policy: &CheckedPolicy,
        interrupt: &Interrupt,
    ) -> Result<Extraction, MediaError> {
        let mut frames = BTreeMap::new();
        let (info, taken) = self.for_each_frame(path, policy, interrupt, |place, frame| {
            frames.insert(place, frame);
            Ok(())
        })?;
        Ok(Extraction {
            info,
            frames: frames.into_values().collect(),
            taken,
        })
    }

    /// Hands the frames that a policy takes to `each`, with their places among them, as they come: in any
    /// order, and one in memory at a time. Returns what the clip is and how they were taken.
    ///
    /// If a decoder fails midway and another is tried, frames come anew, and those that came last count.
    ///
    /// # Errors
    /// As [`frames`](Self::frames), and the error of `each` ends it.
    pub fn for_each_frame(
        &self,
        path: impl AsRef<Path>,
        policy: &CheckedPolicy,
        interrupt: &Interrupt,
        mut each: impl FnMut(usize, Frame) -> Result<(), MediaError>,
    ) -> Result<(MediaInfo, Taken), MediaError> {
        let path = path.as_ref();
        let source = self.open(path, interrupt)?;
        take(path, source, policy, interrupt, &mut each).or_else(|error| match error {
            MediaError::Undecodable { .. } => {
                self.second_try((path, policy), interrupt, &mut each, error)
            }
            _ => Err(error),
        })
    }

    /// Names the decoders at hand and their versions: two readers of one fingerprint take the same frames
    /// of the same files.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let ffmpeg = self.ffmpeg_version();
        format!(
            "frames {FRAMES_VERSION}, {}, {}, ffmpeg {}, {:?}",
            Decoder::H264,
            Decoder::Pictures,
            ffmpeg.as_deref().unwrap_or("absent"),
            self.params.decoder
        )
    }

    /// Decodes once more, with the decoder that was not tried. If that fails too, the first error stands.
    fn second_try(
        &self,
        (path, policy): (&Path, &CheckedPolicy),
        interrupt: &Interrupt,
        each: &mut Taker<'_>,
        error: MediaError,
    ) -> Result<(MediaInfo, Taken), MediaError> {
        let is_ours = |decoder: &str| decoder == Decoder::H264.to_string();
        let first_was_ours =
            matches!(&error, MediaError::Undecodable { decoder, .. } if is_ours(decoder));
        if self.params.decoder != DecoderChoice::Auto {
            return Err(error);
        }
        if self.programs.get().is_none() {
            return Err(with_advice(error));
        }
        let other = if first_was_ours {
            DecoderChoice::Ffmpeg
        } else {
            DecoderChoice::BuiltIn
        };
        let reader = Self {
            params: Params {
                decoder: other,
                ..self.params.clone()
            },
            programs: if first_was_ours {
                self.programs.clone()
            } else {
                Programs::none()
            },
        };
        let source = reader.open(path, interrupt);
        let again = source.and_then(|source| take(path, source, policy, interrupt, each));
        match again {
            Ok((info, mut taken)) => {
                let all = [Some(error.to_string()), taken.complaints.take()];
                taken.complaints = Some(all.into_iter().flatten().collect::<Vec<_>>().join("; "));
                Ok((info, taken))
            }
            Err(MediaError::Interrupted) => Err(MediaError::Interrupted),
            Err(_) => Err(error),
        }
    }

    pub(crate) fn open(
        &self,
        path: &Path,
        interrupt: &Interrupt,
    ) -> Result<Box<dyn FrameSource>, MediaError> {
        let io = |source| MediaError::Io {
            path: path.to_owned(),
            source,
        };
        let metadata = path.metadata().map_err(io)?;
        if metadata.is_dir() {
            return Ok(Box::new(Folder::open(path, &self.params.limits)?));
        }
        if !metadata.is_file() {
            // A pipe or device would never end.
            return Err(MediaError::NoPicture {
                path: path.to_owned(),
                what: "neither file nor folder".to_owned(),
            });
        }
        let limits = &self.params.limits;
        let mut file = File::open(path).map_err(io)?;
        let bytes = file.metadata().map_err(io)?.len();
        limits.check_bytes(path, bytes)?;
        let mut head = Vec::new();
        file.by_ref().take(16).read_to_end(&mut head).map_err(io)?;
        std::io::Seek::rewind(&mut file).map_err(io)?;
        if head.is_empty() {
            return Err(MediaError::NoPicture {
                path: path.to_owned(),
                what: "the file is empty".to_owned(),
            });
        }
        let container = Container::of(&head);
        let what = match container {
            Container::Gif | Container::Jpeg | Container::Png | Container::WebP => {
                let file = PictureFile::open(path, container, (file, bytes), limits, interrupt)?;
                return Ok(Box::new(file));
            }
            Container::Mp4 => match self.open_mp4(path, file, bytes)? {
                Ok(clip) => return Ok(Box::new(clip)),
                Err(what) => what,
            },
            Container::Matroska => "Matroska or WebM".to_owned(),
            Container::Folder | Container::Other => "a file of this kind".to_owned(),
        };
        let path_of = || PathBuf::from(path);
        match (self.programs.get(), self.params.decoder) {
            (Some(ffmpeg), _) => {
                let how = (ffmpeg, &self.params);
                Ok(Box::new(ForeignClip::open(
                    path,
                    (container, bytes),
                    how,
                    interrupt,
                )?))
            }
            (None, DecoderChoice::BuiltIn) => Err(MediaError::NotBuiltIn {
                path: path_of(),
                what,
            }),
            (None, _) => Err(MediaError::NeedsFfmpeg {
                path: path_of(),
                what,
            }),
        }
    }

    /// An H.264 clip, or in words what else is in the file.
    fn open_mp4(
        &self,
        path: &Path,
        mut file: File,
        bytes: u64,
    ) -> Result<Result<H264Clip, String>, MediaError> {
        let limits = &self.params.limits;
        let headers =
            mp4::read(&mut file, bytes, limits.max_frames).map_err(|fault| match fault {
                Fault::Malformed(what) => MediaError::Malformed {
                    path: path.to_owned(),
                    what,
                },
                Fault::TooMany(found) => MediaError::TooLarge {
                    path: path.to_owned(),
                    found,
                    unit: "frames",
                    limit: limits.max_frames as u64,
                    parameter: "max-frames",
                },
            })?;
        let how = (self.programs.clone(), self.params.clone());
        match H264Clip::new((path.to_owned(), file, bytes), headers, how) {
            Ok(clip) => Ok(Ok(clip)),
            Err(Unfit::NotBuiltIn(what)) => Ok(Err(what)),
            Err(Unfit::Fault(error)) => Err(error),
        }
    }
}

/// A failure of the built-in decoder, where no ffmpeg was found to try.
fn with_advice(error: MediaError) -> MediaError {
    match error {
        MediaError::Undecodable {
            path,
            decoder,
            what,
        } => MediaError::Undecodable {
            path,
            decoder,
            what: format!("{what}; ffmpeg may, but was not found: {INSTALL_FFMPEG}"),
        },
        other => other,
    }
}

/// Takes a frame and its place among those wanted.
type Taker<'a> = dyn FnMut(usize, Frame) -> Result<(), MediaError> + 'a;

/// Takes the frames of an open clip as they come.
fn take(
    path: &Path,
    mut source: Box<dyn FrameSource>,
    policy: &CheckedPolicy,
    interrupt: &Interrupt,
    each: &mut Taker<'_>,
) -> Result<(MediaInfo, Taken), MediaError> {
    let selection = policy.select(source.timeline());
    let info = source.info().clone();
    // Pictures come turned already.
    let rotation = match source.decoder(&selection.frames) {
        Decoder::Pictures => Rotation::None,
        Decoder::H264 | Decoder::Ffmpeg(_) => info.rotation,
    };
    let mut painter = Painter::new(policy.get().size, policy.get().filter, rotation);
    let mut came = 0;
    let said = source.decode(&selection.frames, interrupt, &mut |place, picture| {
        let frame = painter
            .paint(picture)
            .map_err(|what| MediaError::Malformed {
                path: path.to_owned(),
                what,
            })?;
        came += 1;
        each(place, frame)
    })?;
    let wanted = selection.frames.len();
    if came != wanted {
        return Err(MediaError::Undecodable {
            path: path.to_owned(),
            decoder: said.decoder.to_string(),
            what: format!("{came} of {wanted} frames came"),
        });
    }
    let start = |&frame: &usize| source.timeline().start(frame);
    let taken = Taken {
        decoder: said.decoder.to_string(),
        times: selection.frames.iter().map(start).collect(),
        indices: selection.frames,
        chosen: selection.chosen,
        pixel_aspect: info.pixel_aspect,
        complaints: said.complaints,
    };
    Ok((info, taken))
}

/// The checksum of a file, or of what lies in a folder.
pub(crate) fn sha256_of(path: &Path) -> Result<Sha256Sum, MediaError> {
    if !path.is_dir() {
        return Ok(sha256_of_file(path)?);
    }
    let io = |source| MediaError::Io {
        path: path.to_owned(),
        source,
    };
    let entries = path.read_dir().map_err(io)?;
    let mut files = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<PathBuf>, _>>()
        .map_err(io)?;
    files.retain(|file| file.is_file());
    files.sort();
    let mut lines = String::new();
    for file in &files {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        lines += &format!("{}  {name}\n", sha256_of_file(file)?);
    }
    Ok(Sha256Sum::of(lines.as_bytes()))
}
