//! The space of a search: its neighbourhoods, the files its maps are written to, and how its rows are named.

use super::{RsaError, volume};
use crate::WorkflowError;
use emotome_brain::inference::InferenceError;
use emotome_brain::inference::clusters::{Neighbours, Touch};
use emotome_brain::regions::Hemisphere;
use emotome_brain::searchlight::{Neighbourhoods, Shape};
use emotome_brain::store::{Place, Places, Store};
use emotome_brain::surface::{Mesh, search};
use emotome_neurofiles::Grid;
use emotome_neurofiles::cifti::{self, Axis, Map};
use emotome_neurofiles::derivatives::BidsName;
use emotome_neurofiles::gifti::{Gifti, Intent, read_surface};
use emotome_stimuli::output::Overwrite;
use ndarray::Array2;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The places of a store, with the surfaces that distances are measured on.
pub(super) struct Space<'a> {
    places: &'a Places,
    meshes: Option<[Mesh; 2]>,
}

/// Where a map went: one file, or one for each hemisphere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) path: PathBuf,
    pub(super) right_path: Option<PathBuf>,
}

impl<'a> Space<'a> {
    /// The space of a store; surfaces are needed where rows are vertices, and nowhere else.
    pub(super) fn new(
        store: &'a Store,
        surfaces: Option<&[PathBuf; 2]>,
    ) -> Result<Self, WorkflowError> {
        let places = store.places();
        if places.vertices().is_none() {
            volume::grid(store)?;
        }
        let on_surface = places.vertices().is_some_and(|n| n != [0, 0]);
        match (surfaces, on_surface) {
            (None, true) => {
                return Err(RsaError::NoMidthickness {
                    store: store.path().to_owned(),
                }
                .into());
            }
            (Some(_), false) => {
                return Err(RsaError::Midthickness {
                    store: store.path().to_owned(),
                }
                .into());
            }
            _ => {}
        }
        let mesh = |path: &PathBuf| -> Result<Mesh, WorkflowError> {
            let surface = read_surface(path).map_err(RsaError::from)?;
            let mesh = Mesh::of_file(&surface).map_err(|source| RsaError::Mesh {
                path: path.clone(),
                source,
            })?;
            Ok(mesh)
        };
        let meshes = match surfaces {
            Some([left, right]) => Some([mesh(left)?, mesh(right)?]),
            None => None,
        };
        Ok(Self { places, meshes })
    }

    /// A neighbourhood around every row.
    pub(super) fn neighbourhoods(&self, shape: &Shape) -> Result<Neighbourhoods, RsaError> {
        if let Places::Volume { grid, indices, .. } = self.places {
            return Ok(Neighbourhoods::of(grid, indices, shape)?);
        }
        let meshes = self.meshes.as_ref();
        let of = |side: usize| meshes.map(|meshes| &meshes[side]);
        Ok(search::neighbourhoods(self.places, [of(0), of(1)], shape)?)
    }

    /// The grid and the voxels of a volume.
    pub(super) const fn volume(&self) -> Option<(&'a Grid, &'a Vec<[u32; 3]>)> {
        match self.places {
            Places::Volume { grid, indices, .. } => Some((grid, indices)),
            _ => None,
        }
    }

    /// Which centres touch: voxels by their faces, within their structure if they have one, vertices by an edge of
    /// the mesh. Centres are counted in the order given.
    pub(super) fn neighbours(&self, centres: &[u32]) -> Result<Neighbours, InferenceError> {
        if let Some((_, voxels)) = self.volume() {
            let at = |&centre: &u32| voxels[centre as usize].map(|i| i as i32);
            let at: Vec<[i32; 3]> = centres.iter().map(at).collect();
            return Neighbours::of_voxels(&at, Touch::Faces);
        }
        let mut vertices: HashMap<(Hemisphere, u32), u32> = HashMap::new();
        let mut voxels: HashMap<(Option<&str>, [u32; 3]), u32> = HashMap::new();
        for (at, &centre) in (0..).zip(centres) {
            match self.places.place(centre as usize) {
                Some(Place::Vertex(side, vertex)) => {
                    vertices.insert((side, vertex), at);
                }
                Some(Place::Voxel(_, index, structure)) => {
                    voxels.insert((structure, index), at);
                }
                Some(Place::Point(_)) | None => {}
            }
        }
        let mut edges = Vec::new();
        for (side, mesh) in Hemisphere::BOTH
            .into_iter()
            .zip(self.meshes.iter().flatten())
        {
            for &[a, b, c] in mesh.triangles() {
                for (one, other) in [(a, b), (b, c), (c, a)] {
                    let at = |vertex| vertices.get(&(side, vertex)).copied();
                    edges.extend(at(one).zip(at(other)));
                }
            }
        }
        for (&(structure, index), &at) in &voxels {
            for axis in 0..3 {
                let mut next = index;
                next[axis] += 1;
                edges.extend(voxels.get(&(structure, next)).map(|&other| (at, other)));
            }
        }
        Neighbours::from_edges(centres.len(), edges)
    }

    /// What rows are called.
    pub(super) const fn noun(&self) -> &'static str {
        self.places.noun()
    }

    /// The columns that say where a row lies.
    pub(super) const fn header(&self) -> &'static str {
        match self.places {
            Places::Volume { .. } | Places::Points(_) => "i\tj\tk\tx\ty\tz",
            Places::Surface { .. } => "hemisphere\tvertex\tx\ty\tz",
            Places::Grayordinates(_) => "structure\tvertex\ti\tj\tk\tx\ty\tz",
        }
    }

    /// Those columns of a row.
    pub(super) fn cells(&self, row: u32) -> String {
        let [x, y, z] = self.millimetres(row).unwrap_or([f64::NAN; 3]);
        let grayordinates = matches!(self.places, Places::Grayordinates(_));
        match self.places.place(row as usize) {
            Some(Place::Voxel(_, [i, j, k], structure)) => {
                let of = structure.map_or_else(String::new, |name| format!("{name}\tn/a\t"));
                format!("{of}{i}\t{j}\t{k}\t{x}\t{y}\t{z}")
            }
            Some(Place::Vertex(side, vertex)) if grayordinates => {
                let none = "n/a\tn/a\tn/a";
                format!("{}\t{vertex}\t{none}\t{x}\t{y}\t{z}", side.cifti())
            }
            Some(Place::Vertex(side, vertex)) => {
                format!("{}\t{vertex}\t{x}\t{y}\t{z}", side.name())
            }
            Some(Place::Point(_)) | None => String::new(),
        }
    }

    /// The voxel of a row.
    pub(super) fn voxel(&self, row: u32) -> Option<[u32; 3]> {
        match self.places.place(row as usize)? {
            Place::Voxel(_, index, _) => Some(index),
            Place::Vertex(..) | Place::Point(_) => None,
        }
    }

    /// The vertex of a row.
    pub(super) fn vertex(&self, row: u32) -> Option<(Hemisphere, u32)> {
        match self.places.place(row as usize)? {
            Place::Vertex(side, vertex) => Some((side, vertex)),
            Place::Voxel(..) | Place::Point(_) => None,
        }
    }

    /// Where a row lies; of a vertex its place on the surface that distances are measured on.
    pub(super) fn millimetres(&self, row: u32) -> Option<[f64; 3]> {
        match self.places.place(row as usize)? {
            Place::Vertex(side, vertex) => {
                let meshes = self.meshes.as_ref()?;
                meshes[side as usize].points().get(vertex as usize).copied()
            }
            _ => self.places.position(row as usize),
        }
    }

    /// Writes maps of one statistic, each with a value for every row, NaN where there is none: an image for each; or
    /// two GIFTI, of left and right; or all as named maps of one CIFTI. Says where each went.
    pub(super) fn write(
        &self,
        out: &Path,
        overwrite: Overwrite,
        name: &BidsName,
        maps: &[(String, Vec<f64>)],
    ) -> Result<Vec<Written>, WorkflowError> {
        let described = |extension: &str, map: &str| -> Result<BidsName, RsaError> {
            let name = name.clone().renamed("statmap", extension)?;
            Ok(name.with("desc", &volume::entity(map))?)
        };
        let mut written = Vec::with_capacity(maps.len());
        match self.places {
            Places::Volume { grid, indices, .. } => {
                for (map, values) in maps {
                    let path = out.join(described(".nii.gz", map)?.to_string());
                    let placed = indices.iter().copied().zip(values.iter().copied());
                    volume::write(&path, overwrite, grid, placed)?;
                    written.push(Written {
                        path,
                        right_path: None,
                    });
                }
            }
            Places::Surface { vertices, indices } => {
                for (map, values) in maps {
                    let mut sides = vertices.map(|n| vec![f32::NAN; n as usize]);
                    for (&(side, vertex), &value) in indices.iter().zip(values) {
                        sides[side as usize][vertex as usize] = value as f32;
                    }
                    let paths = Hemisphere::BOTH.map(|side| -> Result<PathBuf, WorkflowError> {
                        let name = described(".shape.gii", map)?
                            .with("hemi", &side.letter().to_string())
                            .map_err(RsaError::from)?;
                        let path = out.join(name.to_string());
                        let values: &[f32] = &sides[side as usize];
                        Gifti::from_columns(&Intent::Shape, &[(map, values)], Some(side.gifti()))
                            .write(&path, overwrite)
                            .map_err(RsaError::from)?;
                        Ok(path)
                    });
                    let [left, right] = paths;
                    written.push(Written {
                        path: left?,
                        right_path: Some(right?),
                    });
                }
            }
            Places::Grayordinates(axis) => {
                let name = name.clone().renamed("statmap", ".dscalar.nii");
                let path = out.join(name.map_err(RsaError::from)?.to_string());
                let named = maps.iter().map(|(map, _)| Map::named(map)).collect();
                let axes = [Axis::Scalars(named), Axis::Models(axis.clone())];
                let rows = self.places.len();
                let matrix =
                    Array2::from_shape_fn((maps.len(), rows), |(m, row)| maps[m].1[row] as f32);
                cifti::write(&path, overwrite, &axes, matrix.view()).map_err(RsaError::from)?;
                let one = Written {
                    path,
                    right_path: None,
                };
                written.resize(maps.len(), one);
            }
            Places::Points(_) => {}
        }
        Ok(written)
    }
}
