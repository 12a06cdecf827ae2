//! Pictures as decoders give them, and frames as judges see them.
//!
//! A decoded picture is three planes, brightness Y′ and two of colour, C_B and C_R; a frame is RGB:
//!
//! *R* = *Y* + 2(1−*r*)·*C_R*, *B* = *Y* + 2(1−*b*)·*C_B*, *G* = (*Y* − *r*·*R* − *b*·*B*) / (1−*r*−*b*),
//!
//! with the weights *r*, *b* of BT.601, BT.709 or BT.2020 (Rec. ITU-R) after the planes are scaled from their
//! range. Where the size changes, the planes are resized, those of colour to where their samples lie, rounded to
//! 8 bits, and converted at the new size; otherwise colour is interpolated linearly between its samples. An
//! unresized frame differs from floating point throughout by at most 2 of 255. ffmpeg's fast conversion repeats
//! samples of colour instead, and its exact one uses a cubic: near edges of saturated colours these are further off.

use std::borrow::Cow;

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{PixelType, ResizeAlg, ResizeOptions, Resizer};
use serde::Serialize;

use crate::colour::Converter;
use crate::policy::{Filter, Size};

/// A quarter turn, clockwise, by which a picture is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub enum Rotation {
    /// As it is.
    #[default]
    #[serde(rename = "0")]
    None,
    /// A quarter turn.
    #[serde(rename = "90")]
    Quarter,
    /// Upside down.
    #[serde(rename = "180")]
    Half,
    /// Three quarters.
    #[serde(rename = "270")]
    ThreeQuarters,
}

impl Rotation {
    /// The rotation of a display matrix (a, b, c, d); anything but a turn is not applied.
    pub(crate) fn of_matrix(matrix: [i32; 4]) -> Self {
        match matrix.map(i32::signum) {
            [0, 1, -1, 0] => Self::Quarter,
            [-1, 0, 0, -1] => Self::Half,
            [0, -1, 1, 0] => Self::ThreeQuarters,
            _ => Self::None,
        }
    }

    /// The rotation by degrees, clockwise.
    pub(crate) fn of_degrees(degrees: i64) -> Self {
        match degrees.rem_euclid(360) {
            90 => Self::Quarter,
            180 => Self::Half,
            270 => Self::ThreeQuarters,
            _ => Self::None,
        }
    }

    /// Degrees, clockwise.
    #[must_use]
    pub const fn degrees(self) -> u32 {
        match self {
            Self::None => 0,
            Self::Quarter => 90,
            Self::Half => 180,
            Self::ThreeQuarters => 270,
        }
    }

    /// Width and height after the turn.
    #[must_use]
    pub const fn turn(self, (width, height): (u32, u32)) -> (u32, u32) {
        match self {
            Self::None | Self::Half => (width, height),
            Self::Quarter | Self::ThreeQuarters => (height, width),
        }
    }
}

/// How brightness and colour differences were computed from RGB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub enum Matrix {
    /// Rec. ITU-R BT.601; also taken where the file does not say, as ffmpeg does.
    #[default]
    #[serde(rename = "bt601")]
    Bt601,
    /// Rec. ITU-R BT.709.
    #[serde(rename = "bt709")]
    Bt709,
    /// Rec. ITU-R BT.2020.
    #[serde(rename = "bt2020")]
    Bt2020,
}

impl Matrix {
    /// The matrix of a number of H.273, table 4.
    pub(crate) const fn of_code(code: u16) -> Self {
        match code {
            1 => Self::Bt709,
            9 | 10 => Self::Bt2020,
            _ => Self::Bt601,
        }
    }

    /// Weights of red and blue in brightness.
    pub(crate) const fn weights(self) -> (f64, f64) {
        match self {
            Self::Bt601 => (0.299, 0.114),
            Self::Bt709 => (0.2126, 0.0722),
            Self::Bt2020 => (0.2627, 0.0593),
        }
    }
}

/// What the numbers in the planes mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Colour {
    /// How they were computed.
    pub matrix: Matrix,
    /// Whether they fill 0–255; otherwise 16–235, and 16–240 for colour.
    pub full_range: bool,
}

/// How many pixels share a sample of colour. The sample of a pair lies on its left pixel (H.264, MPEG-2
/// and most others; `chroma_location=left`), that of two rows between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Subsampling {
    /// 2 if pairs in a row share one.
    pub(crate) across: u32,
    /// 2 if pairs in a column share one.
    pub(crate) down: u32,
}

impl Subsampling {
    pub(crate) const fn chroma(self, (width, height): (u32, u32)) -> (u32, u32) {
        (width.div_ceil(self.across), height.div_ceil(self.down))
    }
}

/// A decoded picture, lent by its decoder where that keeps it.
pub(crate) enum Picture<'a> {
    /// Brightness and colour, each row after row without gaps.
    Planes {
        size: (u32, u32),
        subsampling: Subsampling,
        colour: Colour,
        planes: [Cow<'a, [u8]>; 3],
    },
    /// Red, green, blue of each pixel.
    Rgb {
        size: (u32, u32),
        pixels: Cow<'a, [u8]>,
    },
}

/// A frame: red, green and blue of each pixel, row after row, 8 bits each, as shown (rotation applied).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// 3·`width`·`height` bytes.
    pub rgb: Vec<u8>,
}

impl Frame {
    /// A frame of one colour.
    #[must_use]
    pub fn filled(width: u32, height: u32, colour: [u8; 3]) -> Self {
        Self {
            width,
            height,
            rgb: colour.repeat(width as usize * height as usize),
        }
    }

    /// Mean brightness from 0 to 1: BT.601 weights on the gamma-coded values.
    #[must_use]
    pub fn brightness(&self) -> f64 {
        let mut sums = [0_u64; 3];
        for pixel in self.rgb.as_chunks::<3>().0 {
            for (sum, &value) in sums.iter_mut().zip(pixel) {
                *sum += u64::from(value);
            }
        }
        let [red, green, blue] = sums.map(|sum| sum as f64);
        let pixels = (self.rgb.len() / 3).max(1) as f64;
        (0.299 * red + 0.587 * green + 0.114 * blue) / (255.0 * pixels)
    }

    /// Mean absolute difference of the values of two frames of one size, from 0 to 1; 1 if the sizes differ.
    #[must_use]
    pub fn difference(&self, other: &Self) -> f64 {
        if (self.width, self.height) != (other.width, other.height) || self.rgb.is_empty() {
            return 1.0;
        }
        let pairs = self.rgb.iter().zip(&other.rgb);
        let sum: u64 = pairs.map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
        sum as f64 / (255.0 * self.rgb.len() as f64)
    }

    /// The frame with each pixel repeated `times` times both ways; O(pixels · times²).
    ///
    /// ```
    /// use emotome_media::Frame;
    /// let frame = Frame { width: 2, height: 1, rgb: vec![0, 0, 0, 9, 9, 9] };
    /// assert_eq!(frame.enlarged(2).rgb[..9], [0, 0, 0, 0, 0, 0, 9, 9, 9]);
    /// assert_eq!((frame.enlarged(2).width, frame.enlarged(2).height), (4, 2));
    /// ```
    #[must_use]
    pub fn enlarged(&self, times: u32) -> Self {
        let (row, n) = (3 * self.width as usize, times as usize);
        let mut rgb = Vec::with_capacity(self.rgb.len() * n * n);
        for pixels in self.rgb.chunks_exact(row.max(1)) {
            let pixels = pixels.as_chunks::<3>().0;
            let wide: Vec<u8> = pixels.iter().flat_map(|pixel| pixel.repeat(n)).collect();
            for _ in 0..times {
                rgb.extend_from_slice(&wide);
            }
        }
        Self {
            width: self.width * times,
            height: self.height * times,
            rgb,
        }
    }

    /// The frame turned clockwise.
    #[must_use]
    pub fn rotated(self, rotation: Rotation) -> Self {
        let (width, height) = rotation.turn((self.width, self.height));
        let (old_width, old_height) = (self.width as usize, self.height as usize);
        let (pixels, _) = self.rgb.as_chunks::<3>();
        let from = |row: usize, column: usize| match rotation {
            Rotation::None => (row, column),
            Rotation::Quarter => (old_height - 1 - column, row),
            Rotation::Half => (old_height - 1 - row, old_width - 1 - column),
            Rotation::ThreeQuarters => (column, old_width - 1 - row),
        };
        if rotation == Rotation::None {
            return self;
        }
        let rgb = (0..height as usize)
            .flat_map(|row| (0..width as usize).map(move |column| from(row, column)))
            .flat_map(|(row, column)| pixels[row * old_width + column])
            .collect();
        Self { width, height, rgb }
    }
}

/// Resizes and converts; keeps the working memory of the last picture for the next.
pub(crate) struct Painter {
    resizer: Resizer,
    filter: Filter,
    size: Size,
    rotation: Rotation,
    /// The two planes of colour as pairs.
    pairs: Vec<u8>,
}

impl Painter {
    pub(crate) fn new(size: Size, filter: Filter, rotation: Rotation) -> Self {
        Self {
            resizer: Resizer::new(),
            filter,
            size,
            rotation,
            pairs: Vec::new(),
        }
    }

    /// The frame of a picture; in words, what does not fit.
    pub(crate) fn paint(&mut self, picture: Picture<'_>) -> Result<Frame, String> {
        let size = match &picture {
            Picture::Planes { size, .. } | Picture::Rgb { size, .. } => *size,
        };
        check(&picture)?;
        let shown = self.rotation.turn(size);
        // Resized before it is turned, to the size that the turn brings to the one wanted.
        let target = self.rotation.turn(self.size.of(shown.0, shown.1));
        let rgb = match picture {
            Picture::Rgb { pixels, .. } if target == size => pixels.into_owned(),
            Picture::Rgb { pixels, .. } => {
                self.resize(&pixels, size, PixelType::U8x3, target, None)?
            }
            Picture::Planes {
                subsampling,
                colour,
                planes: [y, u, v],
                ..
            } => {
                let converter = Converter::new(colour);
                if target == size {
                    converter.subsampled([&y, &u, &v], size, subsampling)
                } else {
                    let y = self.resize(&y, size, PixelType::U8, target, None)?;
                    let uv = self.resize_chroma([&u, &v], size, subsampling, target)?;
                    converter.whole(&y, &uv)
                }
            }
        };
        let (width, height) = target;
        Ok(Frame { width, height, rgb }.rotated(self.rotation))
    }

    /// Resizes the planes of colour, together, since the weights are the same, and into pairs. Where samples lie on the
    /// left pixel of two, in their own pixels the picture begins a quarter to the right, so a repeated column is put
    /// at the end for it to end in.
    fn resize_chroma(
        &mut self,
        [u, v]: [&[u8]; 2],
        size: (u32, u32),
        subsampling: Subsampling,
        target: (u32, u32),
    ) -> Result<Vec<u8>, String> {
        let (width, height) = subsampling.chroma(size);
        let exact = (
            f64::from(size.0) / f64::from(subsampling.across),
            f64::from(size.1) / f64::from(subsampling.down),
        );
        let (left, added) = match subsampling.across {
            1 => (0.0, 0),
            _ => (0.25, 1),
        };
        let columns = (width + added) as usize;
        let mut pairs = std::mem::take(&mut self.pairs);
        pairs.resize(2 * columns * height as usize, 0);
        let rows = u.chunks(width as usize).zip(v.chunks(width as usize));
        for (pairs, (u, v)) in pairs.chunks_mut(2 * columns).zip(rows) {
            let (pairs, _) = pairs.as_chunks_mut::<2>();
            for ((pair, &u), &v) in pairs.iter_mut().zip(u).zip(v) {
                *pair = [u, v];
            }
            if let ([.., last, end], 1) = (pairs, added) {
                *end = *last;
            }
        }
        let crop = (left, exact.0, exact.1);
        let from = (width + added, height);
        let resized = self.resize(&pairs, from, PixelType::U8x2, target, Some(crop));
        self.pairs = pairs;
        resized
    }

    fn resize(
        &mut self,
        pixels: &[u8],
        (width, height): (u32, u32),
        kind: PixelType,
        target: (u32, u32),
        crop: Option<(f64, f64, f64)>,
    ) -> Result<Vec<u8>, String> {
        let from = ImageRef::new(width, height, pixels, kind).map_err(|e| e.to_string())?;
        let mut into = Image::new(target.0, target.1, kind);
        // Pairs are colours, no grey with transparency.
        let mut options = ResizeOptions::new()
            .resize_alg(ResizeAlg::Convolution(self.filter.kernel()))
            .use_alpha(false);
        if let Some((left, width, height)) = crop {
            options = options.crop(left, 0.0, width, height);
        }
        self.resizer
            .resize(&from, &mut into, &options)
            .map_err(|e| e.to_string())?;
        Ok(into.into_vec())
    }
}

/// Holds the bytes of a picture against its size.
fn check(picture: &Picture<'_>) -> Result<(), String> {
    let area = |(width, height): (u32, u32)| u64::from(width) * u64::from(height);
    let (size, fits) = match picture {
        Picture::Rgb { size, pixels } => (*size, pixels.len() as u64 == 3 * area(*size)),
        Picture::Planes {
            size,
            subsampling,
            planes: [y, u, v],
            ..
        } => {
            let chroma = area(subsampling.chroma(*size));
            let sound = [(y, area(*size)), (u, chroma), (v, chroma)]
                .iter()
                .all(|(plane, expected)| plane.len() as u64 == *expected);
            (*size, sound)
        }
    };
    if fits && area(size) > 0 {
        Ok(())
    } else {
        Err(format!(
            "its planes do not fill {}×{} pixels",
            size.0, size.1
        ))
    }
}
