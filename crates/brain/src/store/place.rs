//! Where the rows of a store lie in the brain.

use std::fmt::Write as _;
use std::path::Path;

use emotome_neurofiles::Grid;
use serde::{Deserialize, Serialize};

use super::error::StoreError;
use super::sample::lines;

/// A half of the cortex.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hemisphere {
    /// The left one.
    Left,
    /// The right one.
    Right,
}

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
}

const VOLUME: &str = "voxel\ti\tj\tk\tx\ty\tz";
const POINTS: &str = "voxel\tx\ty\tz";
const SURFACE: &str = "voxel\themisphere\tvertex";

impl Places {
    /// Rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Volume { indices, .. } => indices.len(),
            Self::Points(points) => points.len(),
            Self::Surface { indices, .. } => indices.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The kind of space.
    pub fn space(&self) -> Space {
        match *self {
            Self::Volume { grid, inferred, .. } => Space::Volume { grid, inferred },
            Self::Points(_) => Space::Points,
            Self::Surface { vertices, .. } => Space::Surface { vertices },
        }
    }

    /// Millimetres of a row; none on a surface, whose geometry is elsewhere.
    pub fn position(&self, row: usize) -> Option<[f64; 3]> {
        match self {
            Self::Volume { grid, indices, .. } => {
                Some(grid.affine.apply(indices.get(row)?.map(f64::from)))
            }
            Self::Points(points) => points.get(row).copied(),
            Self::Surface { .. } => None,
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
        }
    }

    /// The cells of a row as the table has them.
    pub(super) fn cells(&self, row: usize) -> String {
        let position = |[x, y, z]: [f64; 3]| format!("{x}\t{y}\t{z}");
        match self {
            Self::Volume { grid, indices, .. } => {
                let [i, j, k] = indices[row];
                let xyz = grid.affine.apply(indices[row].map(f64::from));
                format!("{i}\t{j}\t{k}\t{}", position(xyz))
            }
            Self::Points(points) => position(points[row]),
            Self::Surface { indices, .. } => match indices[row] {
                (Hemisphere::Left, vertex) => format!("left\t{vertex}"),
                (Hemisphere::Right, vertex) => format!("right\t{vertex}"),
            },
        }
    }

    pub(super) const fn header(&self) -> &'static str {
        match self {
            Self::Volume { .. } => VOLUME,
            Self::Points(_) => POINTS,
            Self::Surface { .. } => SURFACE,
        }
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
        };
        let header = places.header();
        for (at, line) in lines(path, text, header)? {
            let row = places.len();
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
            let numbers = |from: usize| -> Option<[f64; 3]> {
                let mut xyz = [0.0; 3];
                for (to, cell) in xyz.iter_mut().zip(cells.get(from..from + 3)?) {
                    *to = cell.parse().ok().filter(|v: &f64| v.is_finite())?;
                }
                (cells.len() == from + 3).then_some(xyz)
            };
            match &mut places {
                Self::Volume { grid, indices, .. } => {
                    let index = || -> Option<[u32; 3]> {
                        let mut ijk = [0; 3];
                        for ((to, cell), size) in
                            ijk.iter_mut().zip(cells.get(1..4)?).zip(grid.shape)
                        {
                            *to = cell.parse().ok().filter(|&v: &u32| (v as usize) < size)?;
                        }
                        Some(ijk)
                    };
                    match (index(), numbers(4)) {
                        (Some(ijk), Some(_)) => indices.push(ijk),
                        _ => return Err(wrong()),
                    }
                }
                Self::Points(points) => match numbers(1) {
                    Some(xyz) => points.push(xyz),
                    None => return Err(wrong()),
                },
                Self::Surface { vertices, indices } => {
                    let side = match cells.get(1) {
                        Some(&"left") => Hemisphere::Left,
                        Some(&"right") => Hemisphere::Right,
                        _ => return Err(wrong()),
                    };
                    let vertex = cells.get(2).and_then(|cell| cell.parse().ok());
                    match vertex.filter(|&v| cells.len() == 3 && v < vertices[side as usize]) {
                        Some(vertex) => indices.push((side, vertex)),
                        None => return Err(wrong()),
                    }
                }
            }
        }
        Ok(places)
    }
}
