//! Where the rows of a store lie in the brain.

use std::fmt::Write as _;
use std::path::Path;

use emotome_neurofiles::Grid;
use emotome_neurofiles::cifti::{BrainModel, BrainModels, Part};
use serde::{Deserialize, Serialize};

use super::error::StoreError;
use super::sample::lines;
use crate::regions::Hemisphere;

/// Vertices of one surface at most: a hundred times those of the densest meshes in use.
pub(super) const MOST_VERTICES: u32 = 1 << 24;
/// Structures of grayordinates at most; CIFTI-2 names fewer than fifty.
const MOST_STRUCTURES: usize = 256;

/// Where each row of a store lies.
#[derive(Debug, Clone, PartialEq)]
pub enum Places {
    /// Voxels of a grid.
    Volume {
        /// The grid.
        grid: Grid,
        /// Whether the grid was worked out from positions, because the source names none.
        inferred: bool,
        /// i, j, k of each voxel.
        indices: Vec<[u32; 3]>,
    },
    /// Points without a grid, mm.
    Points(Vec<[f64; 3]>),
    /// Vertices of the two surfaces.
    Surface {
        /// Vertices of the left and the right surface.
        vertices: [u32; 2],
        /// Surface and vertex of each row.
        indices: Vec<(Hemisphere, u32)>,
    },
    /// Vertices of the two cortical surfaces and voxels of other structures, as CIFTI-2 has them: one structure after
    /// another, each once, without gaps; surfaces are those of the cortex.
    Grayordinates(BrainModels),
}

/// Where a single row lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Place<'a> {
    /// A voxel of a grid, in a structure if the store knows any.
    Voxel(&'a Grid, [u32; 3], Option<&'a str>),
    /// A point, mm.
    Point([f64; 3]),
    /// A vertex of a surface.
    Vertex(Hemisphere, u32),
}

/// [`Places`] without the rows, as `store.json` has it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Space {
    /// Voxels of a grid.
    Volume {
        /// The grid.
        grid: Grid,
        /// Whether it was worked out from positions.
        inferred: bool,
    },
    /// Points without a grid.
    Points,
    /// Vertices of the two surfaces.
    Surface {
        /// Vertices of the left and the right surface.
        vertices: [u32; 2],
    },
    /// Vertices and voxels.
    Grayordinates {
        /// Vertices of the left and the right surface; 0 if none of it is there.
        vertices: [u32; 2],
        /// The grid of the voxels, if there are any.
        grid: Option<Grid>,
    },
}

const VOLUME: &str = "voxel\ti\tj\tk\tx\ty\tz";
const POINTS: &str = "voxel\tx\ty\tz";
const SURFACE: &str = "voxel\themisphere\tvertex";
const GRAYORDINATES: &str = "voxel\tstructure\tvertex\ti\tj\tk\tx\ty\tz";

impl Space {
    const fn header(&self) -> &'static str {
        match self {
            Self::Volume { .. } => VOLUME,
            Self::Points => POINTS,
            Self::Surface { .. } => SURFACE,
            Self::Grayordinates { .. } => GRAYORDINATES,
        }
    }

    /// What is wrong with it for so many rows, if anything: sizes that nothing could fill.
    pub(super) fn wrong(&self, rows: usize) -> Option<String> {
        let (vertices, grid) = match self {
            Self::Points => return None,
            Self::Volume { grid, .. } => ([0; 2], Some(grid)),
            Self::Surface { vertices } => (*vertices, None),
            Self::Grayordinates { vertices, grid } => (*vertices, grid.as_ref()),
        };
        if let Some(many) = vertices.iter().find(|&&n| n > MOST_VERTICES) {
            return Some(format!(
                "a surface of {many} vertices, at most {MOST_VERTICES} are read"
            ));
        }
        let room = grid.map_or(Some(0), Grid::len);
        let room =
            room.and_then(|cells| cells.checked_add(vertices.iter().map(|&n| n as usize).sum()));
        room.is_none_or(|room| room < rows).then(|| {
            format!(
                "{rows} voxels in a grid of {:?} and surfaces of {vertices:?} vertices",
                grid.map_or([0; 3], |grid| grid.shape)
            )
        })
    }
}

impl Places {
    /// Rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Volume { indices, .. } => indices.len(),
            Self::Points(points) => points.len(),
            Self::Surface { indices, .. } => indices.len(),
            Self::Grayordinates(axis) => axis.models.iter().map(|model| model.part.len()).sum(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The kind of space.
    pub fn space(&self) -> Space {
        match self {
            Self::Volume { grid, inferred, .. } => Space::Volume {
                grid: *grid,
                inferred: *inferred,
            },
            Self::Points(_) => Space::Points,
            Self::Surface { vertices, .. } => Space::Surface {
                vertices: *vertices,
            },
            Self::Grayordinates(axis) => Space::Grayordinates {
                vertices: Hemisphere::BOTH.map(|side| {
                    let own = axis.models.iter().find(|m| m.structure == side.cifti());
                    match own.map(|model| &model.part) {
                        Some(Part::Surface { of, .. }) => *of,
                        _ => 0,
                    }
                }),
                grid: axis.volume,
            },
        }
    }

    /// Vertices of the left and the right surface, those without a row too; none where rows are no vertices.
    pub fn vertices(&self) -> Option<[u32; 2]> {
        match self.space() {
            Space::Surface { vertices } | Space::Grayordinates { vertices, .. } => Some(vertices),
            Space::Volume { .. } | Space::Points => None,
        }
    }

    /// What a row is called, in the plural.
    pub const fn noun(&self) -> &'static str {
        match self {
            Self::Volume { .. } | Self::Points(_) => "voxels",
            Self::Surface { .. } => "vertices",
            Self::Grayordinates(_) => "grayordinates",
        }
    }

    /// Where a row lies; none for a row that is not there.
    pub fn place(&self, row: usize) -> Option<Place<'_>> {
        match self {
            Self::Volume { grid, indices, .. } => {
                Some(Place::Voxel(grid, *indices.get(row)?, None))
            }
            Self::Points(points) => points.get(row).copied().map(Place::Point),
            Self::Surface { indices, .. } => indices
                .get(row)
                .map(|&(side, vertex)| Place::Vertex(side, vertex)),
            Self::Grayordinates(axis) => {
                let after = axis.models.partition_point(|model| model.offset <= row);
                let model = axis.models.get(after.checked_sub(1)?)?;
                let at = row - model.offset;
                match &model.part {
                    Part::Surface { vertices, .. } => Some(Place::Vertex(
                        Hemisphere::of_cifti(&model.structure)?,
                        *vertices.get(at)?,
                    )),
                    Part::Voxels(voxels) => Some(Place::Voxel(
                        axis.volume.as_ref()?,
                        *voxels.get(at)?,
                        Some(&model.structure),
                    )),
                }
            }
        }
    }

    /// Millimetres of a row; none on a surface, whose geometry is elsewhere.
    pub fn position(&self, row: usize) -> Option<[f64; 3]> {
        match self.place(row)? {
            Place::Voxel(grid, index, _) => Some(grid.affine.apply(index.map(f64::from))),
            Place::Point(point) => Some(point),
            Place::Vertex(..) => None,
        }
    }

    /// The rows of which `keep` is true.
    #[must_use]
    pub(super) fn filtered(&self, keep: &[bool]) -> Self {
        fn pick<T: Copy>(values: &[T], keep: &[bool]) -> Vec<T> {
            let kept = values.iter().zip(keep).filter(|(_, keep)| **keep);
            kept.map(|(value, _)| *value).collect()
        }
        match self {
            Self::Volume {
                grid,
                inferred,
                indices,
            } => Self::Volume {
                grid: *grid,
                inferred: *inferred,
                indices: pick(indices, keep),
            },
            Self::Points(points) => Self::Points(pick(points, keep)),
            Self::Surface { vertices, indices } => Self::Surface {
                vertices: *vertices,
                indices: pick(indices, keep),
            },
            Self::Grayordinates(axis) => {
                let mut models = Vec::new();
                let mut offset = 0;
                for model in &axis.models {
                    let keep = &keep[model.offset..];
                    let part = match &model.part {
                        Part::Surface { vertices, of } => Part::Surface {
                            vertices: pick(vertices, keep),
                            of: *of,
                        },
                        Part::Voxels(voxels) => Part::Voxels(pick(voxels, keep)),
                    };
                    let kept = part.len();
                    if kept > 0 {
                        models.push(BrainModel {
                            structure: model.structure.clone(),
                            offset,
                            part,
                        });
                    }
                    offset += kept;
                }
                let voxels = models.iter().any(|m| matches!(m.part, Part::Voxels(_)));
                Self::Grayordinates(BrainModels {
                    models,
                    volume: axis.volume.filter(|_| voxels),
                })
            }
        }
    }

    /// The cells of a row as the table has them.
    pub(super) fn cells(&self, row: usize) -> String {
        let grayordinates = matches!(self, Self::Grayordinates(_));
        let position = |[x, y, z]: [f64; 3]| format!("{x}\t{y}\t{z}");
        match self.place(row) {
            Some(Place::Voxel(grid, index, structure)) => {
                let [i, j, k] = index;
                let xyz = grid.affine.apply(index.map(f64::from));
                let of = structure.map_or_else(String::new, |name| format!("{name}\tn/a\t"));
                format!("{of}{i}\t{j}\t{k}\t{}", position(xyz))
            }
            Some(Place::Point(point)) => position(point),
            Some(Place::Vertex(side, vertex)) if grayordinates => {
                format!("{}\t{vertex}{}", side.cifti(), "\tn/a".repeat(6))
            }
            Some(Place::Vertex(side, vertex)) => format!("{}\t{vertex}", side.name()),
            None => String::new(),
        }
    }

    pub(super) fn header(&self) -> &'static str {
        self.space().header()
    }

    pub(super) fn to_tsv(&self) -> String {
        let mut text = format!("{}\n", self.header());
        for row in 0..self.len() {
            let _ = writeln!(text, "{row}\t{}", self.cells(row));
        }
        text
    }

    pub(super) fn from_tsv(path: &Path, text: &str, space: Space) -> Result<Self, StoreError> {
        let mut places = match space {
            Space::Volume { grid, inferred } => Self::Volume {
                grid,
                inferred,
                indices: Vec::new(),
            },
            Space::Points => Self::Points(Vec::new()),
            Space::Surface { vertices } => Self::Surface {
                vertices,
                indices: Vec::new(),
            },
            Space::Grayordinates { grid, .. } => Self::Grayordinates(BrainModels {
                models: Vec::new(),
                volume: grid,
            }),
        };
        let header = space.header();
        for (row, (at, line)) in lines(path, text, header)?.enumerate() {
            let wrong = || StoreError::Line {
                path: path.to_owned(),
                line: at,
                what: format!(
                    "{line:?} is no place here; expected {} of voxel {row}, inside the space of store.json",
                    header.replace('\t', ", "),
                ),
            };
            let cells: Vec<&str> = line.split('\t').collect();
            if cells.first().and_then(|cell| cell.parse().ok()) != Some(row) {
                return Err(wrong());
            }
            places.push(&cells[1..], row, space).ok_or_else(wrong)?;
        }
        if let Some(row) = places.misplaced() {
            return Err(StoreError::Line {
                path: path.to_owned(),
                line: row + 2,
                what: "a vertex that a line before has; expected each once".to_owned(),
            });
        }
        Ok(places)
    }

    /// Adds a row; none if it is no place of the space.
    fn push(&mut self, cells: &[&str], row: usize, space: Space) -> Option<()> {
        let finite = |cell: &&str| cell.parse().is_ok_and(f64::is_finite);
        let index = |cells: &[&str], grid: Grid| -> Option<[u32; 3]> {
            let (index, xyz) = cells.split_first_chunk::<3>()?;
            let mut ijk = [0; 3];
            for ((to, cell), size) in ijk.iter_mut().zip(index).zip(grid.shape) {
                *to = cell.parse().ok().filter(|&v: &u32| (v as usize) < size)?;
            }
            (xyz.len() == 3 && xyz.iter().all(finite)).then_some(ijk)
        };
        let below = |cell: &str, of: u32| cell.parse().ok().filter(|&v: &u32| v < of);
        match (self, space) {
            (Self::Volume { grid, indices, .. }, _) => indices.push(index(cells, *grid)?),
            (Self::Points(points), _) => {
                let &[x, y, z] = cells else { return None };
                let number = |cell: &str| cell.parse().ok().filter(|v: &f64| v.is_finite());
                points.push([number(x)?, number(y)?, number(z)?]);
            }
            (Self::Surface { vertices, indices }, _) => {
                let &[side, vertex] = cells else { return None };
                let side = Hemisphere::BOTH.into_iter().find(|s| s.name() == side)?;
                indices.push((side, below(vertex, vertices[side as usize])?));
            }
            (Self::Grayordinates(axis), Space::Grayordinates { vertices, .. }) => {
                let (&[structure, vertex], rest) = cells.split_first_chunk::<2>()?;
                let part = match vertex {
                    "n/a" => Part::Voxels(vec![index(rest, axis.volume?)?]),
                    _ => {
                        let of = vertices[Hemisphere::of_cifti(structure)? as usize];
                        let absent = rest.len() == 6 && rest.iter().all(|cell| *cell == "n/a");
                        Part::Surface {
                            vertices: vec![below(vertex, of).filter(|_| absent)?],
                            of,
                        }
                    }
                };
                let count = axis.models.len();
                let known = axis.models.iter().rposition(|m| m.structure == structure);
                if known.is_some_and(|at| at + 1 < count) {
                    return None;
                }
                match (known.map(|at| &mut axis.models[at].part), part) {
                    (Some(Part::Surface { vertices, .. }), Part::Surface { vertices: own, .. }) => {
                        vertices.extend(own);
                    }
                    (Some(Part::Voxels(voxels)), Part::Voxels(own)) => voxels.extend(own),
                    (None, part) if count < MOST_STRUCTURES => {
                        axis.models.push(BrainModel {
                            structure: structure.to_owned(),
                            offset: row,
                            part,
                        });
                    }
                    _ => return None,
                }
            }
            (Self::Grayordinates(_), _) => return None,
        }
        Some(())
    }

    /// What is wrong with it, if anything.
    pub(super) fn wrong(&self) -> Option<String> {
        if let Some(what) = self.space().wrong(self.len()) {
            return Some(what);
        }
        if let Self::Grayordinates(axis) = self {
            let mut next = 0;
            for (at, model) in axis.models.iter().enumerate() {
                let before = &axis.models[..at];
                if model.offset != next || before.iter().any(|m| m.structure == model.structure) {
                    return Some(format!(
                        "{} at row {} where row {next} is due, or twice",
                        model.structure, model.offset
                    ));
                }
                next += model.part.len();
            }
        }
        self.misplaced()
            .map(|row| format!("row {row} lies nowhere, or on a vertex where a row before lies"))
    }

    /// The first row without a place, or on a vertex where a row before lies.
    fn misplaced(&self) -> Option<usize> {
        let mut taken = self.vertices()?.map(|n| vec![false; n as usize]);
        (0..self.len()).find(|&row| match self.place(row) {
            None => true,
            Some(Place::Vertex(side, vertex)) => taken[side as usize]
                .get_mut(vertex as usize)
                .is_none_or(|taken| std::mem::replace(taken, true)),
            Some(_) => false,
        })
    }
}
