//! Triangles over points.

use emotome_neurofiles::gifti::Surface;

/// A surface: points in millimetres and triangles over them, counter-clockwise as seen from outside.
#[derive(Debug, Clone, PartialEq)]
pub struct Mesh {
    points: Vec<[f64; 3]>,
    triangles: Vec<[u32; 3]>,
}

/// Why points and triangles are no mesh.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MeshError {
    /// A triangle names a point that is not there.
    #[error("triangle {triangle} names point {point} of {points} (points count from 0)")]
    Point {
        /// The triangle, from 0.
        triangle: usize,
        /// What it names.
        point: u32,
        /// How many points there are.
        points: usize,
    },
    /// A triangle names a point twice.
    #[error("triangle {triangle} names point {point} twice")]
    Degenerate {
        /// The triangle, from 0.
        triangle: usize,
        /// The point.
        point: u32,
    },
    /// A coordinate is not a number.
    #[error("point {point} lies at {at:?}")]
    NotFinite {
        /// The point, from 0.
        point: usize,
        /// Its coordinates.
        at: [f64; 3],
    },
    /// More points than indices have room for.
    #[error("{points} points; a mesh may have at most {}", u32::MAX)]
    TooMany {
        /// How many.
        points: usize,
    },
    /// A centre that is no point of the mesh.
    #[error("centre {place} is point {point} of {points} (points count from 0)")]
    Centre {
        /// Which centre, from 0.
        place: usize,
        /// What it names.
        point: u32,
        /// How many points there are.
        points: usize,
    },
    /// Lists that should be of one length are not.
    #[error(
        "{found} values where {expected} belong: surfaces, masks and data must be of the same hemisphere, resolution and grid"
    )]
    Count {
        /// Values that there should be.
        expected: usize,
        /// Values that there are.
        found: usize,
    },
    /// Discs that fill the memory.
    #[error(
        "the discs have more than {limit} points in all; take a smaller radius or fewer centres"
    )]
    Members {
        /// The most.
        limit: usize,
    },
    /// The affine has no inverse.
    #[error("the affine of the volume has no inverse, so millimetres cannot become voxels")]
    Affine,
    /// A parameter outside of its range.
    #[error("{parameter} is {value}; it must be {range}")]
    Parameter {
        /// Its name.
        parameter: &'static str,
        /// Its value.
        value: f64,
        /// What it may be.
        range: &'static str,
    },
}

impl Mesh {
    /// A mesh after a check of its indices and coordinates, O(points + triangles).
    ///
    /// # Errors
    /// [`MeshError::Point`], [`MeshError::Degenerate`], [`MeshError::NotFinite`], [`MeshError::TooMany`].
    pub fn new(points: Vec<[f64; 3]>, triangles: Vec<[u32; 3]>) -> Result<Self, MeshError> {
        let n = points.len();
        if n >= u32::MAX as usize {
            return Err(MeshError::TooMany { points: n });
        }
        if let Some(point) = points.iter().position(|p| p.iter().any(|x| !x.is_finite())) {
            return Err(MeshError::NotFinite {
                point,
                at: points[point],
            });
        }
        for (triangle, &[a, b, c]) in triangles.iter().enumerate() {
            if let Some(&point) = [a, b, c].iter().find(|&&p| p as usize >= n) {
                return Err(MeshError::Point {
                    triangle,
                    point,
                    points: n,
                });
            }
            if a == b || b == c || a == c {
                let point = if a == b || a == c { a } else { b };
                return Err(MeshError::Degenerate { triangle, point });
            }
        }
        Ok(Self { points, triangles })
    }

    /// A mesh from a file, see [`emotome_neurofiles::gifti::read_surface`].
    ///
    /// # Errors
    /// Those of [`Self::new`].
    pub fn of_file(surface: &Surface) -> Result<Self, MeshError> {
        let points = surface.points.iter().map(|p| p.map(f64::from)).collect();
        Self::new(points, surface.triangles.clone())
    }

    /// Points in millimetres.
    pub fn points(&self) -> &[[f64; 3]] {
        &self.points
    }

    /// Triangles as places of points.
    pub fn triangles(&self) -> &[[u32; 3]] {
        &self.triangles
    }

    /// Which points are corners of a triangle; on flat maps cuts and the medial wall have none.
    pub fn used(&self) -> Vec<bool> {
        let mut used = vec![false; self.points.len()];
        for corner in self.triangles.iter().flatten() {
            used[*corner as usize] = true;
        }
        used
    }

    /// For each point the triangles around it, as ranges in one list, O(triangles).
    pub(crate) fn around(&self) -> (Vec<usize>, Vec<u32>) {
        let mut starts = vec![0; self.points.len() + 1];
        for corner in self.triangles.iter().flatten() {
            starts[*corner as usize + 1] += 1;
        }
        for i in 0..self.points.len() {
            starts[i + 1] += starts[i];
        }
        let mut next = starts.clone();
        let mut around = vec![0; 3 * self.triangles.len()];
        for (triangle, corners) in self.triangles.iter().enumerate() {
            for &corner in corners {
                let place = &mut next[corner as usize];
                around[*place] = triangle as u32;
                *place += 1;
            }
        }
        (starts, around)
    }

    /// For each point its neighbours along edges with their distances in millimetres, ascending by point.
    pub fn neighbours(&self) -> Vec<Vec<(u32, f64)>> {
        let (starts, around) = self.around();
        (0..self.points.len())
            .map(|point| {
                let mut others: Vec<u32> = around[starts[point]..starts[point + 1]]
                    .iter()
                    .flat_map(|&t| self.triangles[t as usize])
                    .filter(|&other| other as usize != point)
                    .collect();
                others.sort_unstable();
                others.dedup();
                let at = self.points[point];
                let length = |other: u32| norm(minus(self.points[other as usize], at));
                others
                    .into_iter()
                    .map(|other| (other, length(other)))
                    .collect()
            })
            .collect()
    }

    /// Outward unit normals of points: the sum of the unit normals of the triangles around each, normalised; zero for
    /// points of no triangle.
    pub fn normals(&self) -> Vec<[f64; 3]> {
        let mut normals = vec![[0.0; 3]; self.points.len()];
        for &corners in &self.triangles {
            let [a, b, c] = corners.map(|p| self.points[p as usize]);
            let normal = unit(cross(minus(b, a), minus(c, a)));
            for corner in corners {
                let sum = &mut normals[corner as usize];
                *sum = [0, 1, 2].map(|k| sum[k] + normal[k]);
            }
        }
        normals.into_iter().map(unit).collect()
    }

    /// Mean curvature at points in 1/mm, positive in sulci and negative on gyri as FreeSurfer's `curv`; NaN for
    /// points of no triangle.
    ///
    /// The mean over neighbours j of −(n_j − n_i)·(p_j − p_i)/‖p_j − p_i‖², n the normals.
    pub fn curvature(&self) -> Vec<f64> {
        let normals = self.normals();
        let curvature = |(i, neighbours): (usize, Vec<(u32, f64)>)| {
            let slopes = neighbours.iter().map(|&(j, length)| {
                let turn = minus(normals[j as usize], normals[i]);
                let step = minus(self.points[j as usize], self.points[i]);
                -dot(turn, step) / (length * length)
            });
            slopes.sum::<f64>() / neighbours.len() as f64
        };
        self.neighbours()
            .into_iter()
            .enumerate()
            .map(curvature)
            .collect()
    }
}

pub(crate) fn minus(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

pub(crate) fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

pub(crate) fn norm(a: [f64; 3]) -> f64 {
    dot(a, a).sqrt()
}

pub(crate) fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    ]
}

/// The direction of a vector; zero for zero.
fn unit(a: [f64; 3]) -> [f64; 3] {
    let length = norm(a);
    if length > 0.0 {
        a.map(|x| x / length)
    } else {
        a
    }
}
