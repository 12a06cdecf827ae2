//! Why a clip or picture gives no frames.

use std::path::PathBuf;

use emotome_stimuli::digest::DigestError;
use emotome_stimuli::output::OutputError;

use crate::policy::PolicyError;

/// How to get the one program that decodes what is not built in.
pub const INSTALL_FFMPEG: &str = "install ffmpeg and ffprobe (Debian, Ubuntu: apt-get install ffmpeg; \
     macOS: brew install ffmpeg; Windows: winget install ffmpeg), or convert the file to H.264 in MP4";

/// Why a file gives no frames.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MediaError {
    /// The file cannot be read.
    #[error("{path}: cannot be read: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The bytes are not what the format demands.
    #[error("{path}: {what}; expected a sound file: copy it again, or play it to see whether it is damaged", path = path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What was found.
        what: String,
    },
    /// The file is larger than the limits allow.
    #[error("{path}: {found} {unit} found, at most {limit} are allowed; raise {parameter} if the file is meant to be this large", path = path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// How many there are.
        found: u64,
        /// Of what.
        unit: &'static str,
        /// How many there may be.
        limit: u64,
        /// The field of [`Limits`](crate::reader::Limits) that says so.
        parameter: &'static str,
    },
    /// There is no picture in the file.
    #[error("{path}: holds no picture ({what}); give a clip or picture, or leave the stimulus out", path = path.display())]
    NoPicture {
        /// The file.
        path: PathBuf,
        /// What was found instead.
        what: String,
    },
    /// No built-in decoder reads the file, and there is no ffmpeg.
    #[error("{path}: {what} is decoded by ffmpeg, which was not found; {INSTALL_FFMPEG}", path = path.display())]
    NeedsFfmpeg {
        /// The file.
        path: PathBuf,
        /// Container and codec, or what of them is not built in.
        what: String,
    },
    /// The built-in decoder was asked for and cannot read the file.
    #[error("{path}: {what} is not built in; choose the decoder auto or ffmpeg", path = path.display())]
    NotBuiltIn {
        /// The file.
        path: PathBuf,
        /// Container and codec, or what of them is not built in.
        what: String,
    },
    /// A decoder gave up.
    #[error("{path}: {decoder} cannot decode it: {what}; play it to see whether it is damaged, or convert it to H.264 in MP4", path = path.display())]
    Undecodable {
        /// The file.
        path: PathBuf,
        /// The decoder.
        decoder: String,
        /// What it said.
        what: String,
    },
    /// A program did not end in time.
    #[error("{path}: {program} did not finish within {seconds} s and was ended; raise max_seconds, or convert the file", path = path.display())]
    TimedOut {
        /// The file.
        path: PathBuf,
        /// The program.
        program: String,
        /// The time allowed.
        seconds: u64,
    },
    /// A frame cannot be encoded.
    #[error("a frame of {width}×{height} pixels cannot be encoded as {format}: {what}")]
    Encode {
        /// Its width.
        width: u32,
        /// Its height.
        height: u32,
        /// The format.
        format: &'static str,
        /// What the encoder said.
        what: String,
    },
    /// The cache cannot be used.
    #[error("the cache of frames {path} cannot be used: {source}; give another folder, or do without a cache", path = path.display())]
    Cache {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The checksum of a file is not known.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// A file cannot be written.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// Parameters are out of range.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The user asked to stop.
    #[error("stopped at your request")]
    Interrupted,
}

impl MediaError {
    /// Whether the clip itself is at fault, so that it is reported with its key and left out.
    ///
    /// False where trying again or another setting of the machine could help: an unreadable file or
    /// cache, a full disk, a missing ffmpeg, a stop on request.
    #[must_use]
    pub const fn is_of_the_clip(&self) -> bool {
        matches!(
            self,
            Self::Malformed { .. }
                | Self::TooLarge { .. }
                | Self::NoPicture { .. }
                | Self::NotBuiltIn { .. }
                | Self::Undecodable { .. }
                | Self::TimedOut { .. }
        )
    }
}
