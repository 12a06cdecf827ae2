//! An image opened for reading.

use std::path::{Path, PathBuf};

use crate::grid::Grid;

use super::mask::TOLERANCE;
use super::{Found, Header, ImageError, Mask, Masked, Sample, Source, Stream, Volumes};

/// A NIfTI image: its header read, its data still in the file.
///
/// An axis of length 1 may follow the fourth, or precede it; more than one axis of volumes is refused.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    header: Header,
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
        let mut shape = [1; 3];
        let spatial = header.shape.len().min(3);
        shape[..spatial].copy_from_slice(&header.shape[..spatial]);
        let mut others = header.shape[spatial..].iter().filter(|&&n| n > 1);
        let count = others.next().copied().unwrap_or(1);
        if others.next().is_some() {
            let expected = "at most one axis longer than 1 after the third, that of the volumes: split the image";
            let found = format!("{:?}", header.shape);
            return Err(ImageError::field(path, "the shape", found, expected));
        }
        let grid = Grid {
            shape,
            affine: header.affine,
        };
        if grid.len().and_then(|n| n.checked_mul(count)).is_none() {
            let found = format!("{:?}", header.shape);
            let expected =
                "fewer than 2⁶⁴ elements; the header lies or is damaged: fetch the file again";
            return Err(ImageError::field(path, "the shape", found, expected));
        }
        Ok(Self {
            path: path.to_owned(),
            header,
            grid,
            count,
            data: Data(data),
        })
    }

    /// What the header says.
    pub fn header(&self) -> &Header {
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
            mismatch,
        })?;
        Ok(Masked::new(self.stream()?, mask))
    }

    fn stream(self) -> Result<Stream, ImageError> {
        // `open` has made sure that the product exists.
        let length = self.grid.len().unwrap_or(usize::MAX);
        Stream::new(self.data.0, self.header.encoding(), length, self.count)
    }
}
