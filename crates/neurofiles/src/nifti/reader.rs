//! An image opened for reading.

use std::path::{Path, PathBuf};

use crate::grid::{Affine, Grid};

use super::mask::TOLERANCE;
use super::{Encoding, Found, Header, ImageError, Mask, Masked, Sample, Source, Stream, Volumes};

/// An image: its header read, its data still in the file.
///
/// Of the axes after the third one may be longer than 1, that of the volumes.
#[derive(Debug)]
pub struct Reader<H = Header> {
    path: PathBuf,
    header: H,
    encoding: Encoding,
    grid: Grid,
    count: usize,
    data: Data,
}

struct Data(Source);

impl std::fmt::Debug for Data {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "data from byte {}", self.0.at())
    }
}

impl Reader {
    /// Opens `.nii`, `.nii.gz`, or either file of an `.hdr`/`.img` pair, and reads the header.
    ///
    /// # Errors
    /// [`ImageError`] that names the field, what it holds and what it should.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ImageError> {
        let path = path.as_ref();
        let Found { header, data } = Found::open(path)?;
        let (shape, encoding, affine) = (header.shape.clone(), header.encoding(), header.affine);
        Self::new(path, header, encoding, affine, &shape, data)
    }
}

impl Reader<()> {
    /// Opens a volume of either format by its name: `.mgh` and `.mgz` as FreeSurfer's, all others as NIfTI.
    ///
    /// # Errors
    /// As [`Reader::open`] and [`Reader::open_mgh`].
    pub fn open_volume(path: impl AsRef<Path>) -> Result<Self, ImageError> {
        let path = path.as_ref();
        let ending = path
            .extension()
            .unwrap_or_default()
            .to_string_lossy()
            .to_lowercase();
        if matches!(&*ending, "mgh" | "mgz") {
            Ok(Reader::open_mgh(path)?.without_header())
        } else {
            Ok(Reader::open(path)?.without_header())
        }
    }
}

impl<H> Reader<H> {
    pub(crate) fn new(
        path: &Path,
        header: H,
        encoding: Encoding,
        affine: Affine,
        axes: &[usize],
        data: Source,
    ) -> Result<Self, ImageError> {
        let mut shape = [1; 3];
        let (spatial, others) = axes.split_at(axes.len().min(3));
        shape[..spatial.len()].copy_from_slice(spatial);
        let mut others = others.iter().filter(|&&n| n > 1);
        let count = others.next().copied().unwrap_or(1);
        if others.next().is_some() {
            let expected = "at most one axis longer than 1 after the third, that of the volumes: split the image";
            return Err(ImageError::field(
                path,
                "the shape",
                format!("{axes:?}"),
                expected,
            ));
        }
        let grid = Grid { shape, affine };
        if grid.len().and_then(|n| n.checked_mul(count)).is_none() {
            let expected =
                "fewer than 2⁶⁴ elements; the header lies or is damaged: fetch the file again";
            return Err(ImageError::field(
                path,
                "the shape",
                format!("{axes:?}"),
                expected,
            ));
        }
        Ok(Self {
            path: path.to_owned(),
            header,
            encoding,
            grid,
            count,
            data: Data(data),
        })
    }

    fn without_header(self) -> Reader<()> {
        let Self {
            path,
            encoding,
            grid,
            count,
            data,
            ..
        } = self;
        Reader {
            path,
            header: (),
            encoding,
            grid,
            count,
            data,
        }
    }

    /// What the header says.
    pub fn header(&self) -> &H {
        &self.header
    }

    /// The first three axes and where they lie.
    pub fn grid(&self) -> Grid {
        self.grid
    }

    /// Volumes, at least one.
    #[expect(clippy::len_without_is_empty, reason = "there is always a volume")]
    pub fn len(&self) -> usize {
        self.count
    }

    /// The volumes in order, each in memory only while it is used.
    ///
    /// # Errors
    /// [`ImageError::Truncated`] if the file cannot hold them, [`ImageError::Limit`] if it is compressed and a volume
    /// takes more than 2 GiB.
    pub fn volumes<T: Sample>(self) -> Result<Volumes<T>, ImageError> {
        Ok(Volumes::new(self.stream()?))
    }

    /// The voxels of a mask, volume by volume; memory of the mask's voxels alone.
    ///
    /// # Errors
    /// As [`volumes`](Self::volumes), and [`ImageError::Mask`] unless shapes are equal and affines agree within
    /// 0.001 mm.
    pub fn masked<T: Sample>(self, mask: &Mask) -> Result<Masked<'_, T>, ImageError> {
        let same = self.grid.same_as(&mask.grid(), TOLERANCE);
        same.map_err(|mismatch| ImageError::Mask {
            path: self.path.clone(),
            mismatch: Box::new(mismatch),
        })?;
        Ok(Masked::new(self.stream()?, mask))
    }

    fn stream(self) -> Result<Stream, ImageError> {
        // `open` has made sure that the product exists.
        let length = self.grid.len().unwrap_or(usize::MAX);
        Stream::new(self.data.0, self.encoding, length, self.count)
    }
}
