//! Frames as the bytes that prompts carry: JPEG, PNG, and several frames on one sheet.
//!
//! The encoders are deterministic: the same frame gives the same bytes.

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use serde::{Deserialize, Serialize};

use crate::error::MediaError;
use crate::picture::Frame;
use crate::policy::PolicyError;

/// How a frame is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Stated", into = "Stated")]
pub enum Encoding {
    /// JPEG of a quality from 1 to 100, with all colour samples (4:4:4).
    Jpeg(Quality),
    /// PNG, without loss.
    Png,
}

/// A JPEG quality, 1 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Quality(u8);

impl Quality {
    /// Checks the range.
    ///
    /// # Errors
    /// [`PolicyError::Range`] outside of 1 to 100.
    pub fn new(quality: u8) -> Result<Self, PolicyError> {
        if !(1..=100).contains(&quality) {
            return Err(PolicyError::Range {
                field: "jpeg quality",
                found: u64::from(quality),
                most: 100,
            });
        }
        Ok(Self(quality))
    }
}

impl Default for Encoding {
    /// JPEG of quality 90.
    fn default() -> Self {
        Self::Jpeg(Quality(90))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Stated {
    Jpeg(u8),
    Png,
}

impl TryFrom<Stated> for Encoding {
    type Error = PolicyError;

    fn try_from(stated: Stated) -> Result<Self, PolicyError> {
        match stated {
            Stated::Jpeg(quality) => Quality::new(quality).map(Self::Jpeg),
            Stated::Png => Ok(Self::Png),
        }
    }
}

impl From<Encoding> for Stated {
    fn from(encoding: Encoding) -> Self {
        match encoding {
            Encoding::Jpeg(quality) => Self::Jpeg(quality.0),
            Encoding::Png => Self::Png,
        }
    }
}

impl Encoding {
    /// The media type, as data URIs name it.
    #[must_use]
    pub const fn mime(self) -> &'static str {
        match self {
            Self::Jpeg(_) => "image/jpeg",
            Self::Png => "image/png",
        }
    }

    /// The bytes of a frame; O(pixels).
    ///
    /// # Errors
    /// [`MediaError::Encode`] for a frame that the format cannot hold (JPEG: sides above 65,535).
    ///
    /// ```
    /// use emotome_media::{Frame, encode::Encoding};
    /// let bytes = Encoding::default().encode(&Frame::filled(32, 16, [200, 30, 30]))?;
    /// assert!(bytes.starts_with(&[0xff, 0xd8, 0xff]));
    /// # Ok::<(), emotome_media::MediaError>(())
    /// ```
    pub fn encode(self, frame: &Frame) -> Result<Vec<u8>, MediaError> {
        let mut bytes = Vec::new();
        let (width, height) = (frame.width, frame.height);
        let colour = ExtendedColorType::Rgb8;
        let written = match self {
            Self::Jpeg(Quality(quality)) => {
                let encoder = JpegEncoder::new_with_quality(&mut bytes, quality);
                encoder.write_image(&frame.rgb, width, height, colour)
            }
            Self::Png => PngEncoder::new(&mut bytes).write_image(&frame.rgb, width, height, colour),
        };
        written.map_err(|error| MediaError::Encode {
            width,
            height,
            format: self.mime(),
            what: error.to_string(),
        })?;
        Ok(bytes)
    }
}

/// Frames side by side, from left to right in rows of `columns`, each in a cell of the largest width and
/// height, `gap` pixels of black between cells; nothing if there is no frame or a side exceeds 65,535, the most that
/// JPEG holds.
///
/// The published prompts show about three frames of a clip, which is one row of three.
#[must_use]
pub fn sheet(frames: &[Frame], columns: usize, gap: u32) -> Option<Frame> {
    let width = frames.iter().map(|frame| frame.width).max()?;
    let height = frames.iter().map(|frame| frame.height).max()?;
    let columns = columns.clamp(1, frames.len());
    let rows = frames.len().div_ceil(columns);
    let across = |cells: usize, side: u32| {
        let cells = u32::try_from(cells).ok()?;
        side.checked_mul(cells)?
            .checked_add(gap.checked_mul(cells - 1)?)
            .filter(|&side| side <= u32::from(u16::MAX))
    };
    let whole = (across(columns, width)?, across(rows, height)?);
    let mut sheet = Frame::filled(whole.0, whole.1, [0; 3]);
    for (cell, frame) in frames.iter().enumerate() {
        let left = (cell % columns) * (width + gap) as usize;
        let top = (cell / columns) * (height + gap) as usize;
        let bytes = 3 * frame.width as usize;
        for (row, pixels) in frame.rgb.chunks_exact(bytes.max(1)).enumerate() {
            let at = 3 * ((top + row) * whole.0 as usize + left);
            sheet.rgb[at..at + bytes].copy_from_slice(pixels);
        }
    }
    Some(sheet)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_shows_every_frame_in_its_cell() {
        let frames = [[255, 0, 0], [0, 255, 0], [0, 0, 255]].map(|c| Frame::filled(4, 2, c));
        let sheet = sheet(&frames, 2, 1).unwrap();
        assert_eq!((sheet.width, sheet.height), (9, 5));
        let at = |x: usize, y: usize| &sheet.rgb[3 * (y * 9 + x)..][..3];
        assert_eq!(at(0, 0), [255, 0, 0]);
        assert_eq!(at(4, 0), [0, 0, 0], "the gap");
        assert_eq!(at(8, 1), [0, 255, 0]);
        assert_eq!(at(3, 4), [0, 0, 255]);
        assert_eq!(at(8, 4), [0, 0, 0], "the empty cell");
        assert_eq!(super::sheet(&[], 3, 0), None);
        assert_eq!(super::sheet(&frames, 3, 40_000), None);
    }

    #[test]
    fn a_quality_out_of_range_is_refused_in_a_file_too() {
        let read = |text: &str| serde_json::from_str::<Encoding>(text);
        assert_eq!(read(r#"{"jpeg":90}"#).unwrap(), Encoding::default());
        assert_eq!(read(r#""png""#).unwrap(), Encoding::Png);
        let error = read(r#"{"jpeg":101}"#).unwrap_err().to_string();
        assert!(
            error.contains("jpeg quality is 101; expected a number from 1 to 100"),
            "{error}"
        );
    }
}
