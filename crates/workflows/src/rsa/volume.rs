//! Values of voxels as an image of the store's own grid, and what a folder of them says of itself.

use super::RsaError;
use crate::WorkflowError;
use emotome_brain::store::{Places, Store};
use emotome_neurofiles::Grid;
use emotome_neurofiles::derivatives::{DatasetDescription, Generator};
use emotome_neurofiles::nifti;
use emotome_stimuli::output::{self, Overwrite};
use std::path::Path;

/// The grid of a store and its voxels in it.
pub(super) fn grid(store: &Store) -> Result<(Grid, &[[u32; 3]]), RsaError> {
    let space = match store.places() {
        Places::Volume { grid, indices, .. } => return Ok((*grid, indices)),
        Places::Points(_) => "points without a grid",
        Places::Surface { .. } | Places::Grayordinates(_) => "surfaces",
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

/// Says in `dataset_description.json` that a folder holds derivatives, and of what.
pub(crate) fn describe(
    out: &Path,
    overwrite: Overwrite,
    what: &str,
    synthetic: bool,
) -> Result<(), WorkflowError> {
    let by = Generator {
        name: "emotome".to_owned(),
        version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        description: Some(what.to_owned()),
        other: serde_json::Map::new(),
    };
    let kind = if synthetic {
        " of simulated responses"
    } else {
        ""
    };
    let mut description =
        DatasetDescription::derivative(&format!("emotome: {what}{kind}"), by, Vec::new());
    description
        .other
        .insert("Synthetic".to_owned(), synthetic.into());
    let path = out.join(DatasetDescription::FILE);
    Ok(output::write_json(path, overwrite, &description)?)
}

/// What the file beside an image says of it.
pub(crate) fn beside(path: &Path) -> Option<serde_json::Value> {
    const MOST_BYTES: u64 = 1 << 20;
    let name = path.to_str()?;
    let stem = name.strip_suffix(".nii.gz").or(name.strip_suffix(".nii"))?;
    let path = std::path::PathBuf::from(format!("{stem}.json"));
    let small = std::fs::metadata(&path).ok()?.len() <= MOST_BYTES;
    serde_json::from_slice(&small.then(|| std::fs::read(&path).ok())??).ok()
}

/// A name as file names of BIDS can hold it: letters and digits alone.
pub(crate) fn entity(name: &str) -> String {
    let kept: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    if kept.is_empty() {
        "unnamed".to_owned()
    } else {
        kept
    }
}
