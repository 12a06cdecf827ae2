//! Writing images.

use std::io::Write;
use std::path::Path;

use emotome_stimuli::output::{AtomicFile, OutputError, Overwrite};
use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};

use crate::grid::Grid;

use super::{DataType, ImageError, Stored};

/// What a header to be written says beyond the type of its elements.
///
/// | field | default of [`Layout::new`] |
/// |---|---|
/// | `volumes` | none: three dimensions |
/// | `repetition` | none |
/// | `space` | 2, aligned to another image |
/// | `intent` | 0 |
/// | `description` | empty |
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    /// The volume.
    pub grid: Grid,
    /// Volumes along a fourth axis.
    pub volumes: Option<usize>,
    /// Seconds from one volume to the next.
    pub repetition: Option<f64>,
    /// What the affine leads to: 1 scanner, 2 aligned, 3 Talairach, 4 MNI, 5 another template.
    pub space: u8,
    /// What the numbers are, a code of the NIfTI standard (1002 is labels).
    pub intent: i16,
    /// Free text, of which 79 bytes are kept.
    pub description: String,
}

impl Layout {
    /// One volume.
    pub fn new(grid: Grid) -> Self {
        Self {
            grid,
            volumes: None,
            repetition: None,
            space: 2,
            intent: 0,
            description: String::new(),
        }
    }

    fn shape(&self) -> Vec<usize> {
        self.grid.shape.into_iter().chain(self.volumes).collect()
    }
}

/// Writes an image of one volume, i fastest, see [`Writer`].
///
/// # Errors
/// As [`Writer::create`].
pub fn write<T: Stored>(
    path: impl AsRef<Path>,
    overwrite: Overwrite,
    grid: &Grid,
    volume: &[T],
) -> Result<(), ImageError> {
    let mut writer = Writer::create(path, overwrite, &Layout::new(*grid))?;
    writer.volume(volume)?;
    writer.finish()
}

/// Writes an image volume by volume, little-endian, the affine as sform.
///
/// The format is NIfTI-1, whose affine is `f32`, or NIfTI-2 if an axis is longer than 32,767. Equal input gives equal
/// bytes, also compressed.
#[derive(Debug)]
pub struct Writer<T> {
    out: Container,
    length: usize,
    left: usize,
    total: usize,
    element: std::marker::PhantomData<T>,
}

impl<T: Stored> Writer<T> {
    /// Begins a file, whose name ends in `.nii` or `.nii.gz`.
    ///
    /// # Errors
    /// [`ImageError`] if the name ends otherwise, an axis is empty, the affine is not finite, or the system refuses.
    pub fn create(
        path: impl AsRef<Path>,
        overwrite: Overwrite,
        layout: &Layout,
    ) -> Result<Self, ImageError> {
        let path = path.as_ref();
        let shape = layout.shape();
        let count = |shape: &[usize]| shape.iter().try_fold(1_usize, |n, &m| n.checked_mul(m));
        let (Some(total), Some(length)) = (count(&shape), layout.grid.len()) else {
            let found = format!("{shape:?}");
            return Err(ImageError::layout(
                path,
                "the shape",
                found,
                "fewer than 2⁶⁴ elements",
            ));
        };
        if total == 0 {
            let found = format!("{shape:?}");
            return Err(ImageError::layout(
                path,
                "the shape",
                found,
                "no axis of length 0",
            ));
        }
        let affine = layout.grid.affine.0;
        let wide = shape.iter().any(|&n| n > i16::MAX as usize);
        let fits = |v: &f64| v.is_finite() && (wide || (*v as f32).is_finite());
        if !affine.iter().flatten().all(fits) {
            let found = format!("{affine:?}");
            return Err(ImageError::layout(
                path,
                "the affine",
                found,
                "finite 32-bit numbers",
            ));
        }
        let mut out = Container::create(path, overwrite, &[".nii", ".nii.gz"], ".nii or .nii.gz")?;
        let header = put_header(layout, &shape, wide, T::TYPE, &[]);
        out.put(&header)?;
        let total = layout.volumes.unwrap_or(1);
        Ok(Self {
            out,
            length,
            left: total,
            total,
            element: std::marker::PhantomData,
        })
    }

    /// Appends a volume, i fastest.
    ///
    /// # Errors
    /// [`ImageError::Layout`] if its length is another or there are too many, [`ImageError::Output`] otherwise.
    pub fn volume(&mut self, volume: &[T]) -> Result<(), ImageError> {
        if volume.len() != self.length || self.left == 0 {
            let what = format!("volume {}", self.total - self.left + 1);
            let found = format!("{} elements", volume.len());
            let expected = format!("{} volumes of {}", self.total, self.length);
            return Err(ImageError::layout(self.out.path(), what, found, expected));
        }
        self.left -= 1;
        self.out.elements(volume)
    }

    /// Puts the complete file under its name.
    ///
    /// # Errors
    /// [`ImageError::Layout`] if volumes are missing, [`ImageError::Output`] otherwise.
    pub fn finish(self) -> Result<(), ImageError> {
        if self.left > 0 {
            let found = self.total - self.left;
            let path = self.out.path();
            return Err(ImageError::layout(
                path,
                "volumes written",
                found,
                self.total,
            ));
        }
        self.out.finish()
    }
}

/// A file that is compressed if its name says so.
#[derive(Debug)]
pub(crate) enum Container {
    Plain(AtomicFile),
    Gzip(Box<GzEncoder<AtomicFile>>),
}

impl Container {
    pub(crate) fn create(
        path: &Path,
        overwrite: Overwrite,
        endings: &[&str],
        expected: &'static str,
    ) -> Result<Self, ImageError> {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .to_lowercase();
        if !endings.iter().any(|ending| name.ends_with(ending)) {
            return Err(ImageError::Extension {
                path: path.to_owned(),
                expected,
            });
        }
        let file = AtomicFile::create(path, overwrite)?;
        Ok(if name.ends_with(".gz") {
            // No time and no name, so that equal data are equal files.
            let encoder = GzBuilder::new().mtime(0).write(file, Compression::new(6));
            Self::Gzip(Box::new(encoder))
        } else {
            Self::Plain(file)
        })
    }

    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Plain(file) => file.path(),
            Self::Gzip(file) => file.get_ref().path(),
        }
    }

    pub(crate) fn put(&mut self, bytes: &[u8]) -> Result<(), ImageError> {
        let error: OutputError = match self {
            Self::Plain(file) => match file.write_all(bytes) {
                Ok(()) => return Ok(()),
                Err(source) => file.error(source),
            },
            Self::Gzip(file) => match file.write_all(bytes) {
                Ok(()) => return Ok(()),
                Err(source) => file.get_ref().error(source),
            },
        };
        Err(error.into())
    }

    pub(crate) fn elements<T: Stored>(&mut self, elements: &[T]) -> Result<(), ImageError> {
        let mut bytes = Vec::with_capacity(1 << 16);
        for part in elements.chunks(1 << 13) {
            bytes.clear();
            part.iter()
                .for_each(|v| bytes.extend_from_slice(v.to_le().as_ref()));
            self.put(&bytes)?;
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<(), ImageError> {
        let file = match self {
            Self::Plain(file) => file,
            Self::Gzip(mut file) => {
                let finished = file.try_finish();
                finished.map_err(|source| file.get_ref().error(source))?;
                // Nothing is left to write, so this cannot fail.
                let path = file.get_ref().path().to_owned();
                file.finish()
                    .map_err(|source| OutputError::Io { path, source })?
            }
        };
        Ok(file.commit()?)
    }
}

/// The bytes before the data: header, flag, and extensions with their codes.
pub(crate) fn put_header(
    layout: &Layout,
    shape: &[usize],
    wide: bool,
    data_type: DataType,
    extensions: &[(i32, &[u8])],
) -> Vec<u8> {
    let mut after = vec![u8::from(!extensions.is_empty()), 0, 0, 0];
    for (code, bytes) in extensions {
        let size = (bytes.len() + 8).next_multiple_of(16);
        after.extend((size as i32).to_le_bytes());
        after.extend(code.to_le_bytes());
        after.extend_from_slice(bytes);
        after.resize(after.len() + size - 8 - bytes.len(), 0);
    }
    let size = if wide { 540 } else { 348 };
    let offset = size + after.len();
    let (code, bits) = (data_type.code(), 8 * data_type.bytes() as i16);
    let spacing = layout.grid.affine.spacing().map(|s| s.0);
    let mut sizes = vec![
        1.0,
        spacing[0],
        spacing[1],
        spacing[2],
        layout.repetition.unwrap_or(1.0),
    ];
    sizes.resize(8, 1.0);
    let mut dims = [1_i64; 8];
    dims[0] = shape.len() as i64;
    dims[1..=shape.len()]
        .iter_mut()
        .zip(shape)
        .for_each(|(d, &n)| *d = n as i64);
    let units = 2 | if layout.repetition.is_some() { 8 } else { 0 };
    let text = layout.description.as_bytes();
    let text = &text[..text.len().min(79)];
    let mut header = vec![0; size];
    let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &(size as i32).to_le_bytes());
    let affine = layout.grid.affine.0;
    if wide {
        put(4, b"n+2\0\r\n\x1a\n");
        put(12, &code.to_le_bytes());
        put(14, &bits.to_le_bytes());
        dims.iter()
            .enumerate()
            .for_each(|(i, d)| put(16 + 8 * i, &d.to_le_bytes()));
        sizes
            .iter()
            .enumerate()
            .for_each(|(i, d)| put(104 + 8 * i, &d.to_le_bytes()));
        put(168, &(offset as i64).to_le_bytes());
        put(176, &1_f64.to_le_bytes());
        put(240, text);
        put(348, &i32::from(layout.space).to_le_bytes());
        affine
            .iter()
            .flatten()
            .enumerate()
            .for_each(|(i, v)| put(400 + 8 * i, &v.to_le_bytes()));
        put(500, &[units]);
        put(504, &i32::from(layout.intent).to_le_bytes());
    } else {
        put(38, b"r");
        let short = |d: &i64| (*d as i16).to_le_bytes();
        dims.iter()
            .enumerate()
            .for_each(|(i, d)| put(40 + 2 * i, &short(d)));
        put(68, &layout.intent.to_le_bytes());
        put(70, &code.to_le_bytes());
        put(72, &bits.to_le_bytes());
        let single = |v: &f64| (*v as f32).to_le_bytes();
        sizes
            .iter()
            .enumerate()
            .for_each(|(i, d)| put(76 + 4 * i, &single(d)));
        put(108, &(offset as f32).to_le_bytes());
        put(112, &1_f32.to_le_bytes());
        put(123, &[units]);
        put(148, text);
        put(254, &i16::from(layout.space).to_le_bytes());
        affine
            .iter()
            .flatten()
            .enumerate()
            .for_each(|(i, v)| put(280 + 4 * i, &single(v)));
        put(344, b"n+1\0");
    }
    header.extend(after);
    header
}
