//! Values of voxels or vertices as an image of the store's own space.

use super::RsaError;
use crate::WorkflowError;
use emotome_brain::store::{Places, Store};
use emotome_neurofiles::Grid;
use emotome_neurofiles::nifti;
use emotome_stimuli::output::Overwrite;
use std::path::Path;

/// The grid of a store and its voxels in it.
pub(super) fn grid(store: &Store) -> Result<(Grid, &[[u32; 3]]), RsaError> {
    let space = match store.places() {
        Places::Volume { grid, indices, .. } => return Ok((*grid, indices)),
        Places::Points(_) => "points without a grid",
        Places::Surface { .. } => "a surface",
    };
    Err(RsaError::NoGrid {
        store: store.path().to_owned(),
        space,
    })
}

/// Writes an image with a value in each voxel named and NaN elsewhere.
pub(super) fn write(
    path: &Path,
    overwrite: Overwrite,
    grid: &Grid,
    values: impl Iterator<Item = ([u32; 3], f64)>,
) -> Result<(), WorkflowError> {
    let [x, y, z] = grid.shape;
    let mut volume = vec![f32::NAN; x * y * z];
    for ([i, j, k], value) in values {
        volume[i as usize + x * (j as usize + y * k as usize)] = value as f32;
    }
    Ok(nifti::write(path, overwrite, grid, &volume)?)
}

/// A name as file names of BIDS can hold it: letters and digits alone.
pub(super) fn entity(name: &str) -> String {
    let kept: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    if kept.is_empty() {
        "unnamed".to_owned()
    } else {
        kept
    }
}
