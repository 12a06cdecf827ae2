//! Pictures, moving pictures (GIF, WebP), and folders of pictures, decoded in the process.
//!
//! Transparent pixels are laid on white. The turn that a camera noted (EXIF) is applied.

use std::fs::{self, File};
use std::io::{BufReader, Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use emotome_stimuli::run::Interrupt;
use image::codecs::gif::GifDecoder;
use image::codecs::webp::WebPDecoder;
use image::metadata::Orientation;
use image::{AnimationDecoder, DynamicImage, ImageDecoder, ImageFormat, ImageReader, RgbaImage};

use crate::error::MediaError;
use crate::picture::{Picture, Rotation};
use crate::policy::Timeline;
use crate::reader::Limits;
use crate::source::{Container, Decoder, Each, FrameSource, MediaInfo, Said};

/// Moving pictures count milliseconds.
const MILLISECONDS: u64 = 1_000;
/// Frames of moving pictures that say they stay no longer than this stay so long instead, in milliseconds: that is what
/// browsers and ffmpeg make of the many files that state no time.
const SHORTEST: i64 = 10;
const INSTEAD: i64 = 100;
/// How long a frame of a folder stays, in milliseconds: nothing in the folder says so.
const FOLDER_MILLISECONDS: i64 = 40;

/// A picture or a moving picture.
pub(crate) struct PictureFile {
    path: PathBuf,
    bytes: Vec<u8>,
    info: MediaInfo,
    timeline: Timeline,
    limits: Limits,
    moving: bool,
}

impl PictureFile {
    /// Reads a file of one of the containers for pictures.
    pub(crate) fn open(
        path: &Path,
        container: Container,
        (mut file, length): (File, u64),
        limits: &Limits,
        interrupt: &Interrupt,
    ) -> Result<Self, MediaError> {
        let mut bytes = Vec::new();
        let io = |source| MediaError::Io {
            path: path.to_owned(),
            source,
        };
        // No more than was measured, should the file be growing.
        file.by_ref()
            .take(length)
            .read_to_end(&mut bytes)
            .map_err(io)?;
        let (width, height) = measured(path, &bytes, limits)?;
        let moving = match container {
            Container::Gif => true,
            Container::WebP => sound(path, || {
                WebPDecoder::new(Cursor::new(&bytes)).map(|d| d.has_animation())
            })?,
            _ => false,
        };
        let (mut starts, mut last) = (vec![0], 0);
        if moving {
            starts.clear();
            let mut now = 0;
            each_frame(
                path,
                (&bytes, container),
                limits,
                interrupt,
                |_, milliseconds| {
                    starts.push(now);
                    last = milliseconds;
                    now += milliseconds;
                    Ok(())
                },
            )?;
        }
        let count = starts.len();
        let timeline = Timeline::new(MILLISECONDS, starts, last);
        let timeline = timeline.ok_or_else(|| MediaError::NoPicture {
            path: path.to_owned(),
            what: "an animation without frames".to_owned(),
        })?;
        let info = MediaInfo {
            container,
            codec: match container {
                Container::Gif => "gif",
                Container::Png => "png",
                Container::WebP => "webp",
                _ => "mjpeg",
            }
            .to_owned(),
            width,
            height,
            duration: 0.0,
            frames: 0,
            rate: None,
            rotation: Rotation::None,
            pixel_aspect: None,
            colour: None,
            audio: false,
            bytes: length,
        };
        Ok(Self {
            info: info.timed(&timeline),
            path: path.to_owned(),
            bytes,
            timeline,
            limits: limits.clone(),
            moving: moving && count > 1,
        })
    }
}

impl FrameSource for PictureFile {
    fn info(&self) -> &MediaInfo {
        &self.info
    }

    fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    fn decoder(&self, _wanted: &[usize]) -> Decoder {
        Decoder::Pictures
    }

    fn decode(
        &mut self,
        wanted: &[usize],
        interrupt: &Interrupt,
        each: &mut Each<'_>,
    ) -> Result<Said, MediaError> {
        if self.moving {
            let (mut frame, mut next) = (0, wanted.iter().enumerate().peekable());
            let what = (self.bytes.as_slice(), self.info.container);
            each_frame(&self.path, what, &self.limits, interrupt, |picture, _| {
                if let Some((place, _)) = next.next_if(|&(_, &wanted)| wanted == frame) {
                    each(place, on_white(picture))?;
                }
                frame += 1;
                Ok(())
            })?;
        } else {
            each(0, still(&self.path, &self.bytes, &self.limits)?)?;
        }
        Ok(Said {
            decoder: Decoder::Pictures,
            complaints: None,
        })
    }
}

/// A folder of pictures in the order of their names, each shown for 40 ms.
pub(crate) struct Folder {
    files: Vec<PathBuf>,
    info: MediaInfo,
    timeline: Timeline,
    limits: Limits,
}

impl Folder {
    pub(crate) fn open(path: &Path, limits: &Limits) -> Result<Self, MediaError> {
        let io = |source| MediaError::Io {
            path: path.to_owned(),
            source,
        };
        let mut files = Vec::new();
        for entry in fs::read_dir(path).map_err(io)? {
            let file = entry.map_err(io)?.path();
            if file.is_file() && ImageFormat::from_path(&file).is_ok() {
                files.push(file);
                limits.check_frames(path, files.len() as u64)?;
            }
        }
        files.sort();
        let mut bytes = 0;
        for file in &files {
            bytes += file.metadata().map_err(io)?.len();
        }
        limits.check_bytes(path, bytes)?;
        let starts = (0..files.len() as i64).map(|n| n * FOLDER_MILLISECONDS);
        let timeline = Timeline::new(MILLISECONDS, starts.collect(), FOLDER_MILLISECONDS);
        let (Some(timeline), Some(first)) = (timeline, files.first()) else {
            return Err(MediaError::NoPicture {
                path: path.to_owned(),
                what: "a folder without JPEG, PNG, WebP or GIF files".to_owned(),
            });
        };
        let (width, height) = measured(first, &read(first, limits)?, limits)?;
        let info = MediaInfo {
            container: Container::Folder,
            codec: "pictures".to_owned(),
            width,
            height,
            duration: 0.0,
            frames: 0,
            rate: None,
            rotation: Rotation::None,
            pixel_aspect: None,
            colour: None,
            audio: false,
            bytes,
        };
        Ok(Self {
            info: info.timed(&timeline),
            files,
            timeline,
            limits: limits.clone(),
        })
    }
}

impl FrameSource for Folder {
    fn info(&self) -> &MediaInfo {
        &self.info
    }

    fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    fn decoder(&self, _wanted: &[usize]) -> Decoder {
        Decoder::Pictures
    }

    fn decode(
        &mut self,
        wanted: &[usize],
        interrupt: &Interrupt,
        each: &mut Each<'_>,
    ) -> Result<Said, MediaError> {
        for (place, &frame) in wanted.iter().enumerate() {
            if interrupt.requested() {
                return Err(MediaError::Interrupted);
            }
            let file = &self.files[frame];
            let picture = still(file, &read(file, &self.limits)?, &self.limits)?;
            each(place, picture)?;
        }
        Ok(Said {
            decoder: Decoder::Pictures,
            complaints: None,
        })
    }
}

fn read(path: &Path, limits: &Limits) -> Result<Vec<u8>, MediaError> {
    let io = |source| MediaError::Io {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(io)?;
    let length = file.metadata().map_err(io)?.len();
    limits.check_bytes(path, length)?;
    let mut bytes = Vec::new();
    BufReader::new(file)
        .take(length)
        .read_to_end(&mut bytes)
        .map_err(io)?;
    Ok(bytes)
}

/// Width and height as shown, from the header; larger ones than allowed are an error.
fn measured(path: &Path, bytes: &[u8], limits: &Limits) -> Result<(u32, u32), MediaError> {
    let (size, orientation) = sound(path, || {
        let mut decoder = reader(bytes, limits)?.into_decoder()?;
        Ok((decoder.dimensions(), decoder.orientation()?))
    })?;
    limits.check_pixels(path, size.0, size.1)?;
    let turned = matches!(
        orientation,
        Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH
    );
    Ok(if turned { (size.1, size.0) } else { size })
}

fn reader<'a>(
    bytes: &'a [u8],
    limits: &Limits,
) -> image::ImageResult<ImageReader<Cursor<&'a [u8]>>> {
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
    reader.limits(limits.for_pictures());
    Ok(reader)
}

fn still(path: &Path, bytes: &[u8], limits: &Limits) -> Result<Picture<'static>, MediaError> {
    sound(path, || {
        let mut decoder = reader(bytes, limits)?.into_decoder()?;
        let orientation = decoder.orientation()?;
        let mut picture = DynamicImage::from_decoder(decoder)?;
        picture.apply_orientation(orientation);
        if picture.color().has_alpha() {
            return Ok(on_white(picture.into_rgba8()));
        }
        let picture = picture.into_rgb8();
        Ok(Picture::Rgb {
            size: picture.dimensions(),
            pixels: picture.into_raw().into(),
        })
    })
}

/// Calls `each` with every frame of a moving picture and the milliseconds it is shown.
fn each_frame(
    path: &Path,
    (bytes, container): (&[u8], Container),
    limits: &Limits,
    interrupt: &Interrupt,
    mut each: impl FnMut(RgbaImage, i64) -> Result<(), MediaError>,
) -> Result<(), MediaError> {
    let mut frames = sound(path, || {
        Ok(if container == Container::Gif {
            let mut decoder = GifDecoder::new(Cursor::new(bytes))?;
            decoder.set_limits(limits.for_pictures())?;
            decoder.into_frames()
        } else {
            let mut decoder = WebPDecoder::new(Cursor::new(bytes))?;
            decoder.set_limits(limits.for_pictures())?;
            decoder.into_frames()
        })
    })?;
    for count in 1.. {
        if interrupt.requested() {
            return Err(MediaError::Interrupted);
        }
        let Some(frame) = sound(path, || frames.next().transpose())? else {
            break;
        };
        limits.check_frames(path, count)?;
        let (numerator, denominator) = frame.delay().numer_denom_ms();
        let stated = i64::from(numerator) / i64::from(denominator.max(1));
        let shown = if stated > SHORTEST { stated } else { INSTEAD };
        each(frame.into_buffer(), shown)?;
    }
    Ok(())
}

/// Calls the decoder; what it panics over is damaged.
fn sound<T>(path: &Path, call: impl FnOnce() -> image::ImageResult<T>) -> Result<T, MediaError> {
    let undecodable = |what: String| MediaError::Undecodable {
        path: path.to_owned(),
        decoder: Decoder::Pictures.to_string(),
        what,
    };
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(decoded) => decoded.map_err(|error| undecodable(error.to_string())),
        Err(_) => Err(undecodable("the decoder panicked over it".to_owned())),
    }
}

fn on_white(picture: RgbaImage) -> Picture<'static> {
    let size = picture.dimensions();
    let pixels = picture.as_raw().as_chunks::<4>().0.iter();
    let blended = pixels.flat_map(|&[r, g, b, alpha]| {
        let alpha = u32::from(alpha);
        [r, g, b].map(|value| ((u32::from(value) * alpha + 255 * (255 - alpha) + 127) / 255) as u8)
    });
    Picture::Rgb {
        size,
        pixels: blended.collect::<Vec<u8>>().into(),
    }
}
