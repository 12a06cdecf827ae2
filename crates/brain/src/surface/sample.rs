//! Values of a volume at the points of a surface.
//!
//! The rules are those of `nilearn.surface.vol_to_surf` (0.14), so that maps agree with it.

use emotome_neurofiles::{Grid, Millimetres};
use rayon::prelude::*;

use super::mesh::{Mesh, MeshError};

/// Where samples lie around each point.
#[derive(Debug, Clone, PartialEq)]
pub enum SamplingKind<'a> {
    /// On the normal, from `radius` outside to `radius` inside, evenly.
    Line {
        /// Half the length.
        radius: Millimetres,
        /// Samples a point; nilearn's default is 10.
        samples: usize,
    },
    /// At given places in a ball, e.g. [`ball`].
    Ball {
        /// Radius.
        radius: Millimetres,
        /// Places in the unit ball.
        places: &'a [[f64; 3]],
    },
    /// Between the mesh (outer, e.g. pial) and an inner one (e.g. white), at fractions of the way inwards.
    Depth {
        /// The inner surface, of the same points.
        inner: &'a Mesh,
        /// Fractions, 0 at the mesh, 1 at the inner one; [`depths`] gives nilearn's 10.
        depths: &'a [f64],
    },
}

/// How a sample takes its value from voxels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interpolation {
    /// Trilinear; the mean over samples. A sample that touches a missing voxel is missing.
    Linear,
    /// The nearest voxel; the mean over samples.
    Nearest,
    /// The nearest voxel; the value that most samples have, the smallest of equals. For labels.
    MostFrequent,
}

/// Fractions from 0 to 1 in equal steps, 0 alone for one.
///
/// ```
/// assert_eq!(emotome_brain::surface::sample::depths(3), [0.0, 0.5, 1.0]);
/// ```
pub fn depths(n: usize) -> Vec<f64> {
    (0..n)
        .map(|i| i as f64 / n.saturating_sub(1).max(1) as f64)
        .collect()
}

/// `n` places spread evenly through the unit ball: shells of equal volume on a golden spiral.
pub fn ball(n: usize) -> Vec<[f64; 3]> {
    let turn = std::f64::consts::PI * (3.0 - 5_f64.sqrt());
    // Shells are visited in golden steps, so that each direction sees all depths; the step shares no divisor with n.
    let golden = (n as f64 * 0.618_034).round() as usize;
    let coprime =
        |&step: &usize| (2..=step).all(|d| !step.is_multiple_of(d) || !n.is_multiple_of(d));
    let step = (golden.max(1)..).find(coprime).unwrap_or(1);
    (0..n)
        .map(|i| {
            let shell = i * step % n;
            let radius = ((shell as f64 + 0.5) / n as f64).cbrt();
            let z = 1.0 - 2.0 * (i as f64 + 0.5) / n as f64;
            let (sin, cos) = (turn * i as f64).sin_cos();
            let r = (1.0 - z * z).sqrt();
            [radius * r * cos, radius * r * sin, radius * z]
        })
        .collect()
}

/// Sample places of every point of a surface in a grid, to be used for many volumes.
#[derive(Debug, Clone)]
pub struct Sampler {
    grid: Grid,
    per_point: usize,
    interpolation: Interpolation,
    /// In voxels; NaN where the sample is outside the volume or its mask.
    places: Vec<[f64; 3]>,
}

impl Sampler {
    /// Finds the samples, O(points · samples).
    ///
    /// A sample counts if its voxel coordinates lie in [0, size) and, with a mask (volume order, first index
    /// fastest), if the mask is true there: at the floor of the coordinates for `Linear`, at the nearest voxel else.
    ///
    /// # Errors
    /// [`MeshError::Affine`], [`MeshError::Count`] for another inner surface or mask, [`MeshError::Parameter`].
    pub fn new(
        mesh: &Mesh,
        grid: Grid,
        kind: &SamplingKind<'_>,
        interpolation: Interpolation,
        mask: Option<&[bool]>,
    ) -> Result<Self, MeshError> {
        let to_voxels = grid.affine.inverse().ok_or(MeshError::Affine)?;
        let voxels = grid.len().unwrap_or(usize::MAX);
        if let Some(mask) = mask
            && mask.len() != voxels
        {
            return Err(MeshError::Count {
                expected: voxels,
                found: mask.len(),
            });
        }
        let n = mesh.points().len();
        let mut places = match kind {
            SamplingKind::Line { radius, samples } => {
                let radius = positive("radius", radius.0)?;
                let offsets: Vec<f64> = depths(*samples)
                    .iter()
                    .map(|t| radius - 2.0 * radius * t)
                    .collect();
                let normals = mesh.normals();
                spread(n, offsets.len(), |point, k| {
                    let (at, normal) = (mesh.points()[point], normals[point]);
                    [0, 1, 2].map(|axis| at[axis] + normal[axis] * offsets[k])
                })
            }
            SamplingKind::Ball { radius, places } => {
                let radius = positive("radius", radius.0)?;
                spread(n, places.len(), |point, k| {
                    let at = mesh.points()[point];
                    [0, 1, 2].map(|axis| at[axis] + radius * places[k][axis])
                })
            }
            SamplingKind::Depth { inner, depths } => {
                if inner.points().len() != n {
                    return Err(MeshError::Count {
                        expected: n,
                        found: inner.points().len(),
                    });
                }
                spread(n, depths.len(), |point, k| {
                    let (outer, inner) = (mesh.points()[point], inner.points()[point]);
                    [0, 1, 2].map(|axis| outer[axis] + depths[k] * (inner[axis] - outer[axis]))
                })
            }
        };
        if places.is_empty() && n > 0 {
            return Err(MeshError::Parameter {
                parameter: "samples",
                value: 0.0,
                range: "at least 1",
            });
        }
        let per_point = places.len() / n.max(1);
        places.par_iter_mut().for_each(|place| {
            *place = to_voxels.apply(*place);
            if interpolation != Interpolation::Linear {
                *place = place.map(f64::round_ties_even);
            }
            let inside = (0..3).all(|k| place[k] >= 0.0 && place[k] < grid.shape[k] as f64);
            let shown = |mask: &[bool]| mask[index(&grid, place.map(|x| x as usize))];
            if !inside || !mask.is_none_or(shown) {
                *place = [f64::NAN; 3];
            }
        });
        Ok(Self {
            grid,
            per_point,
            interpolation,
            places,
        })
    }

    /// Values of the points; NaN where no sample has a value.
    ///
    /// `volume` has the voxels of the grid, first index fastest; NaN voxels are missing. O(samples).
    ///
    /// # Errors
    /// [`MeshError::Count`] for a volume of another size.
    pub fn sample(&self, volume: &[f32]) -> Result<Vec<f32>, MeshError> {
        let expected = self.grid.len().unwrap_or(usize::MAX);
        if volume.len() != expected {
            return Err(MeshError::Count {
                expected,
                found: volume.len(),
            });
        }
        let value = |place: &[f64; 3]| -> f64 {
            match (place[0].is_nan(), self.interpolation) {
                (true, _) => f64::NAN,
                (_, Interpolation::Linear) => trilinear(&self.grid, volume, *place),
                _ => f64::from(volume[index(&self.grid, place.map(|x| x as usize))]),
            }
        };
        let point = |places: &[[f64; 3]]| -> f32 {
            let mut values: Vec<f64> = places.iter().map(value).filter(|v| !v.is_nan()).collect();
            if self.interpolation == Interpolation::MostFrequent {
                values.sort_unstable_by(f64::total_cmp);
                let mut best = (0, f64::NAN);
                for run in values.chunk_by(|a, b| a == b) {
                    if run.len() > best.0 {
                        best = (run.len(), run[0]);
                    }
                }
                return best.1 as f32;
            }
            (values.iter().sum::<f64>() / values.len() as f64) as f32
        };
        Ok(self
            .places
            .par_chunks(self.per_point.max(1))
            .map(point)
            .collect())
    }
}

fn positive(parameter: &'static str, value: f64) -> Result<f64, MeshError> {
    match value.is_finite() && value > 0.0 {
        true => Ok(value),
        false => Err(MeshError::Parameter {
            parameter,
            value,
            range: "positive",
        }),
    }
}

fn spread(n: usize, samples: usize, place: impl Fn(usize, usize) -> [f64; 3]) -> Vec<[f64; 3]> {
    (0..n * samples)
        .map(|i| place(i / samples, i % samples))
        .collect()
}

fn index(grid: &Grid, [i, j, k]: [usize; 3]) -> usize {
    i + grid.shape[0] * (j + grid.shape[1] * k)
}

/// Trilinear between voxel centres; beyond the last centre the last two are prolonged. Corners of weight 0 do not
/// count, so a missing voxel beside a sample that lies on a centre does no harm.
fn trilinear(grid: &Grid, volume: &[f32], place: [f64; 3]) -> f64 {
    let low = [0, 1, 2].map(|k| (place[k] as usize).min(grid.shape[k].saturating_sub(2)));
    let share = [0, 1, 2].map(|k| place[k] - low[k] as f64);
    let mut sum = 0.0;
    for corner in 0..8_usize {
        let up = [0, 1, 2].map(|k| corner >> k & 1);
        let weight: f64 = (0..3)
            .map(|k| if up[k] == 1 { share[k] } else { 1.0 - share[k] })
            .product();
        if weight != 0.0 {
            let at = [0, 1, 2].map(|k| (low[k] + up[k]).min(grid.shape[k] - 1));
            sum += weight * f64::from(volume[index(grid, at)]);
        }
    }
    sum
}
