//! Which voxels take part.

use std::path::Path;

use crate::grid::{Grid, Millimetres};

use super::{ImageError, Reader};

/// How far the affines of a mask and of an image may differ.
pub(crate) const TOLERANCE: Millimetres = Millimetres(1e-3);

/// The voxels of a volume that are larger than 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Mask {
    grid: Grid,
    voxels: Vec<u32>,
    /// Voxels left out because they are not a number.
    pub nan: usize,
}

impl Mask {
    /// Reads a mask from an image of one volume (see [`Reader::open_volume`]): voxels > 0 are in, NaN is out and counted.
    ///
    /// # Errors
    /// [`ImageError`], among others if there are several volumes, more than 2³² − 1 voxels, or none is in.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, ImageError> {
        let path = path.as_ref();
        let reader = Reader::open_volume(path)?;
        let (grid, count) = (reader.grid(), reader.len());
        let size = grid.len().unwrap_or(usize::MAX);
        if u32::try_from(size).is_err() {
            let expected = "fewer than 2³² voxels";
            return Err(ImageError::field(
                path,
                "the size of the mask",
                size,
                expected,
            ));
        }
        let mut volumes = reader.volumes::<f64>()?;
        let (1, Some(volume)) = (count, volumes.next()) else {
            let expected = "one, for a mask has three dimensions: take one volume of it";
            return Err(ImageError::field(
                path,
                "the number of volumes",
                count,
                expected,
            ));
        };
        let mask = Self::of(grid, &volume?);
        if mask.voxels.is_empty() {
            let expected = "at least one voxel larger than 0: is it the right file?";
            let found = format!("empty ({} voxels are NaN)", mask.nan);
            return Err(ImageError::field(path, "the mask", found, expected));
        }
        Ok(mask)
    }

    /// The mask of the voxels > 0 of a volume in memory, i fastest.
    ///
    /// # Panics
    /// If the volume is longer than 2³² − 1, which no reader returns for a mask.
    pub fn of(grid: Grid, volume: &[f64]) -> Self {
        assert!(u32::try_from(volume.len()).is_ok(), "a volume too large");
        let inside = volume.iter().enumerate().filter(|(_, v)| **v > 0.0);
        Self {
            grid,
            voxels: inside.map(|(at, _)| at as u32).collect(),
            nan: volume.iter().filter(|v| v.is_nan()).count(),
        }
    }

    /// The grid.
    pub fn grid(&self) -> Grid {
        self.grid
    }

    /// The voxels that are in, ascending: i + nᵢ(j + nⱼk).
    pub fn voxels(&self) -> &[u32] {
        &self.voxels
    }

    /// Indices i, j and k of the voxels that are in.
    pub fn indices(&self) -> impl Iterator<Item = [usize; 3]> {
        let [ni, nj, _] = self.grid.shape;
        self.voxels.iter().map(move |&at| {
            let at = at as usize;
            [at % ni, at / ni % nj, at / (ni * nj)]
        })
    }
}
