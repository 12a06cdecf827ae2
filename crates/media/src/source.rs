//! Where frames come from: what every decoder offers.

use std::fmt;

use emotome_stimuli::run::Interrupt;
use serde::Serialize;

use crate::error::MediaError;
use crate::picture::{Colour, Picture, Rotation};
use crate::policy::Timeline;

/// The wrapping of a file, told from its first bytes and never from its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Container {
    /// MP4 or QuickTime.
    Mp4,
    /// Matroska or WebM.
    Matroska,
    /// GIF, moving or not.
    Gif,
    /// JPEG.
    Jpeg,
    /// PNG.
    Png,
    /// WebP, moving or not.
    WebP,
    /// A folder of pictures, one per frame.
    Folder,
    /// Anything else, which ffmpeg may know.
    Other,
}

impl Container {
    /// The container that begins with these bytes, of which 16 are enough.
    #[must_use]
    pub fn of(head: &[u8]) -> Self {
        let at =
            |place: usize, bytes: &[u8]| head.get(place..).is_some_and(|h| h.starts_with(bytes));
        let boxes: [&[u8]; 6] = [b"ftyp", b"moov", b"mdat", b"free", b"wide", b"skip"];
        if boxes.iter().any(|name| at(4, name)) {
            Self::Mp4
        } else if at(0, &[0x1a, 0x45, 0xdf, 0xa3]) {
            Self::Matroska
        } else if at(0, b"GIF8") {
            Self::Gif
        } else if at(0, &[0xff, 0xd8, 0xff]) {
            Self::Jpeg
        } else if at(0, b"\x89PNG\r\n\x1a\n") {
            Self::Png
        } else if at(0, b"RIFF") && at(8, b"WEBP") {
            Self::WebP
        } else {
            Self::Other
        }
    }
}

/// What a file is, as far as its headers tell.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MediaInfo {
    /// Its wrapping.
    pub container: Container,
    /// How its frames are coded, in ffmpeg's names, e.g. `h264`.
    pub codec: String,
    /// Pixels in a row, as shown.
    pub width: u32,
    /// Rows, as shown.
    pub height: u32,
    /// Seconds from the first frame to the end of the last; 0 for a still.
    pub duration: f64,
    /// The number of frames shown.
    pub frames: usize,
    /// Mean frames a second; none for a still.
    pub rate: Option<f64>,
    /// The turn that is applied before it is shown.
    pub rotation: Rotation,
    /// Shape of a pixel, width to height, where it is not square, as the container states it, else the stream.
    ///
    /// It is not applied: frames have the pixels of the file, as those that ffmpeg writes and those that servers
    /// which are sent the clip itself decode with OpenCV. A judge sees them narrower or wider than a viewer.
    pub pixel_aspect: Option<(u32, u32)>,
    /// What the numbers of its planes mean; none where the decoder gives RGB.
    pub colour: Option<Colour>,
    /// Whether it has sound.
    pub audio: bool,
    /// Length of the file, or of the pictures of a folder together.
    pub bytes: u64,
}

impl MediaInfo {
    /// Fills in what the timeline tells.
    pub(crate) fn timed(mut self, timeline: &Timeline) -> Self {
        self.duration = timeline.duration();
        self.frames = timeline.frames();
        self.rate = (self.duration > 0.0).then(|| self.frames as f64 / self.duration);
        self
    }
}

/// A stated shape of pixels, if it is one and not square.
pub(crate) fn not_square((width, height): (u32, u32)) -> Option<(u32, u32)> {
    (width != height && width > 0 && height > 0).then_some((width, height))
}

/// A decoder and its version, which is recorded with what it decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decoder {
    /// H.264 in MP4, in the process.
    H264,
    /// Pictures and moving GIF and WebP, in the process.
    Pictures,
    /// The program ffmpeg of the version named.
    Ffmpeg(String),
}

impl fmt::Display for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::H264 => f.write_str("built-in (rust_h264 0.6.0)"),
            Self::Pictures => f.write_str("built-in (image 0.25)"),
            Self::Ffmpeg(version) => write!(f, "ffmpeg {version}"),
        }
    }
}

/// A file whose headers are read.
pub(crate) trait FrameSource {
    /// What it is.
    fn info(&self) -> &MediaInfo;

    /// When its frames are shown.
    fn timeline(&self) -> &Timeline;

    /// The decoder that would decode these frames.
    fn decoder(&self, wanted: &[usize]) -> Decoder;

    /// Decodes the frames `wanted`, strictly ascending, and hands each with its place in `wanted` to
    /// `each`, in any order; what the decoder had to say beside is returned.
    fn decode(
        &mut self,
        wanted: &[usize],
        interrupt: &Interrupt,
        each: &mut Each<'_>,
    ) -> Result<Said, MediaError>;
}

/// Takes a decoded frame.
pub(crate) type Each<'a> = dyn FnMut(usize, Picture<'_>) -> Result<(), MediaError> + 'a;

/// What became of the decoding.
pub(crate) struct Said {
    /// Who decoded.
    pub(crate) decoder: Decoder,
    /// Complaints that did not keep frames from coming.
    pub(crate) complaints: Option<String>,
}
