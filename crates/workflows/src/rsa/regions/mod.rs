//! Which voxels of a store belong to which region.

mod surfaces;

use super::{RsaError, volume};
use crate::WorkflowError;
use emotome_brain::regions::{Lookup, Parcels, Preset, Region, RegionTable, Resolved, resolve};
use emotome_brain::store::Store;
use emotome_neurofiles::nifti::Reader;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Which regions are compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RegionsOf {
    /// Every parcel for itself.
    Parcels,
    /// A table that comes with the program.
    Preset(String),
    /// A table of the user: columns group, parcel, and perhaps hemisphere.
    Table(PathBuf),
}

/// Where parcels lie.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ParcelsOf {
    /// As the store says: sets of voxels that came with the responses.
    Store,
    /// An image of whole numbers on the grid of the store, and a table of their names (index, name); or labels of
    /// grayordinates (`.dlabel.nii`), which name themselves.
    Image {
        /// The image.
        image: PathBuf,
        /// The names; none: the HCP-MMP numbers, 1 to 180 left and 181 to 360 right.
        names: Option<PathBuf>,
    },
    /// Labels of the vertices of left and right, which name themselves: `.annot` or `.label.gii`.
    Surfaces([PathBuf; 2]),
}

/// The regions of a store with at least `fewest` voxels, and what a person should know of all.
pub(super) fn regions(
    store: &Store,
    of: &RegionsOf,
    parcels: &ParcelsOf,
    fewest: usize,
) -> Result<(Vec<Region>, Resolved), WorkflowError> {
    let parcels = match parcels {
        ParcelsOf::Store => {
            let sets = store.regions();
            let members = sets
                .names
                .iter()
                .zip(sets.members.outer_iter())
                .map(|(name, row)| {
                    let voxels = row
                        .iter()
                        .enumerate()
                        .filter(|(_, member)| **member)
                        .map(|(voxel, _)| voxel);
                    (name.clone(), voxels.collect())
                });
            Parcels::from_members(store.voxels(), members).map_err(RsaError::from)?
        }
        ParcelsOf::Image { image, .. } if is_dlabel(image) => {
            surfaces::grayordinates(store, image)?
        }
        ParcelsOf::Image { image, names } => labelled(store, image, names.as_deref())?,
        ParcelsOf::Surfaces(sides) => surfaces::sides(store, sides)?,
    };
    let found = match of {
        RegionsOf::Parcels => every(&parcels),
        RegionsOf::Preset(name) => {
            let preset = Preset::named(name).ok_or_else(|| RsaError::RegionsFile {
                path: name.into(),
                what: format!(
                    "names no table of regions; known are {}",
                    Preset::ALL.map(Preset::name).join(", ")
                ),
            })?;
            resolve(&preset.table().map_err(RsaError::from)?, &parcels)
        }
        RegionsOf::Table(path) => {
            let table = RegionTable::read(&path.display().to_string(), &text(path)?)
                .map_err(RsaError::from)?;
            table
                .check(&parcels)
                .map_err(|unknown| RsaError::RegionsFile {
                    path: path.clone(),
                    what: unknown.to_string(),
                })?;
            resolve(&table, &parcels)
        }
    };
    let enough: Vec<Region> = found
        .regions
        .iter()
        .filter(|region| region.members.len() >= fewest)
        .cloned()
        .collect();
    if enough.is_empty() {
        let known: Vec<&str> = parcels.iter().map(|(name, _)| name).take(20).collect();
        return Err(RsaError::NoRegion {
            store: store.path().to_owned(),
            fewest,
            known: if known.is_empty() {
                "none".to_owned()
            } else {
                known.join(", ")
            },
        }
        .into());
    }
    Ok((enough, found))
}

fn is_dlabel(path: &Path) -> bool {
    path.to_string_lossy()
        .to_lowercase()
        .ends_with(".dlabel.nii")
}

/// Every parcel as a region of its own.
fn every(parcels: &Parcels) -> Resolved {
    let mut in_none = vec![true; parcels.len()];
    let regions = parcels
        .iter()
        .map(|(name, members)| {
            members.iter().for_each(|&voxel| in_none[voxel] = false);
            Region {
                name: name.to_owned(),
                members: members.to_vec(),
                parcels: vec![name.to_owned()],
            }
        })
        .collect();
    Resolved {
        regions,
        unmatched: Vec::new(),
        overlaps: Vec::new(),
        outside: in_none.iter().filter(|&&outside| outside).count(),
    }
}

fn labelled(store: &Store, image: &Path, names: Option<&Path>) -> Result<Parcels, WorkflowError> {
    let (grid, voxels) = volume::grid(store)?;
    let lookup = match names {
        Some(path) => Lookup::read(&text(path)?).map_err(RsaError::from)?,
        None => Lookup::mmp(),
    };
    let reader = Reader::open(image)?;
    let of_image = reader.grid();
    let Some(labels) = reader.volumes::<f64>()?.next().transpose()? else {
        return Err(RsaError::RegionsFile {
            path: image.to_owned(),
            what: "the image has no volume".to_owned(),
        }
        .into());
    };
    let [x, y, _] = grid.shape;
    let places: Vec<usize> = voxels
        .iter()
        .map(|&[i, j, k]| i as usize + x * (j as usize + y * k as usize))
        .collect();
    let (parcels, unnamed) =
        Parcels::from_image(&of_image, &labels, &lookup, &grid, &places).map_err(RsaError::from)?;
    if !unnamed.is_empty() {
        let said: Vec<String> = unnamed
            .iter()
            .take(10)
            .map(|(label, n)| format!("{label} ({n} voxels)"))
            .collect();
        return Err(RsaError::RegionsFile {
            path: image.to_owned(),
            what: format!(
                "{} labels have no name, first {}; give their names with --parcel-names FILE",
                unnamed.len(),
                said.join(", ")
            ),
        }
        .into());
    }
    Ok(parcels)
}

/// Most bytes of a table.
const MOST_BYTES: u64 = 64 << 20;

fn text(path: &Path) -> Result<String, RsaError> {
    let unreadable = |what: String| RsaError::RegionsFile {
        path: path.to_owned(),
        what,
    };
    let bytes = std::fs::metadata(path)
        .map_err(|e| unreadable(e.to_string()))?
        .len();
    if bytes > MOST_BYTES {
        return Err(unreadable(format!(
            "{bytes} bytes are more than the {MOST_BYTES} of a table"
        )));
    }
    std::fs::read_to_string(path).map_err(|e| unreadable(e.to_string()))
}
