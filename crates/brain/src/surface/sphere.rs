//! From one template to another by way of spheres that are registered to each other, e.g. fsaverage and fs_LR.

use rayon::prelude::*;

use super::{
    bins::Bins,
    mesh::{Mesh, MeshError, cross, dot, norm},
};

/// For each point of a target sphere the corners of the source triangle it lies in, and their weights.
#[derive(Debug, Clone, PartialEq)]
pub struct SphereMap {
    source: usize,
    rows: Vec<([u32; 3], [f64; 3])>,
}

impl SphereMap {
    /// Finds the triangles; both spheres must be centred on the origin, their radii may differ.
    ///
    /// A target point p lies in the triangle (a, b, c) where p = w₁a + w₂b + w₃c with weights ≥ 0; weights are divided
    /// by their sum, as in the barycentric method of Connectome Workbench. O(points) for even spheres.
    ///
    /// # Errors
    /// [`MeshError::Parameter`] for a source of no triangle, or whose points do not lie on a sphere around the origin
    /// (radii differ by more than a hundredth).
    pub fn new(source: &Mesh, target: &Mesh) -> Result<Self, MeshError> {
        for sphere in [source, target] {
            let radii = sphere.points().iter().map(|&p| norm(p));
            let (low, high) =
                radii.fold((f64::INFINITY, 0.0_f64), |(a, b), r| (a.min(r), b.max(r)));
            if sphere.points().is_empty() || sphere.triangles().is_empty() || low < 0.99 * high {
                return Err(MeshError::Parameter {
                    parameter: "the ratio of the shortest to the longest radius of a sphere",
                    value: low / high,
                    range: "at least 0.99, around the origin",
                });
            }
        }
        let unit = |p: &[f64; 3]| p.map(|x| x / norm(*p));
        let from: Vec<[f64; 3]> = source.points().iter().map(unit).collect();
        let used = source.used();
        // About two points a cube of the unit sphere's 4π.
        let edge = (8.0 * std::f64::consts::PI / from.len() as f64).sqrt();
        let bins = Bins::new(&from, edge, |i| used[i]);
        let (starts, around) = source.around();
        let row = |p: &[f64; 3]| {
            let p = unit(p);
            let mut nearest = 6;
            loop {
                let near = bins.nearest(p, nearest);
                let best = near
                    .iter()
                    .flat_map(|&(_, v)| &around[starts[v as usize]..starts[v as usize + 1]])
                    .map(|&t| {
                        let corners = source.triangles()[t as usize];
                        (corners, weights(corners.map(|c| from[c as usize]), p))
                    })
                    .max_by(|a, b| least(a.1).total_cmp(&least(b.1)));
                let complete = near.len() < nearest;
                match best {
                    Some((corners, w)) if least(w) >= -1e-9 || complete => {
                        let w = w.map(|x| x.max(0.0));
                        let sum: f64 = w.iter().sum();
                        return (corners, w.map(|x| x / sum));
                    }
                    _ => nearest *= 4,
                }
            }
        };
        Ok(Self {
            source: from.len(),
            rows: target.points().par_iter().map(row).collect(),
        })
    }

    /// Corners and weights of each target point.
    pub fn rows(&self) -> &[([u32; 3], [f64; 3])] {
        &self.rows
    }

    /// Values on the target: the weighted mean of corners with a value, NaN where none of weight has one.
    ///
    /// # Errors
    /// [`MeshError::Count`].
    pub fn values(&self, source: &[f32]) -> Result<Vec<f32>, MeshError> {
        self.check(source.len())?;
        let value = |(corners, weights): &([u32; 3], [f64; 3])| {
            let (mut sum, mut total) = (0.0, 0.0);
            for (&corner, &weight) in corners.iter().zip(weights) {
                let value = f64::from(source[corner as usize]);
                if weight > 0.0 && !value.is_nan() {
                    sum += weight * value;
                    total += weight;
                }
            }
            (sum / total) as f32
        };
        Ok(self.rows.iter().map(value).collect())
    }

    /// Labels on the target: the one of most weight, the smallest of equals.
    ///
    /// # Errors
    /// [`MeshError::Count`].
    pub fn labels(&self, source: &[i64]) -> Result<Vec<i64>, MeshError> {
        self.check(source.len())?;
        let label = |(corners, weights): &([u32; 3], [f64; 3])| {
            let at = corners.map(|c| source[c as usize]);
            let weight = |label: i64| -> f64 {
                (0..3).filter(|&k| at[k] == label).map(|k| weights[k]).sum()
            };
            let mut best = at[0];
            for &label in &at[1..] {
                let more = weight(label).total_cmp(&weight(best));
                if more.is_gt() || (more.is_eq() && label < best) {
                    best = label;
                }
            }
            best
        };
        Ok(self.rows.iter().map(label).collect())
    }

    fn check(&self, found: usize) -> Result<(), MeshError> {
        match found == self.source {
            true => Ok(()),
            false => Err(MeshError::Count {
                expected: self.source,
                found,
            }),
        }
    }
}

/// Weights of the corners that a ray through `p` meets the plane of a triangle with; without a meaning on the
/// far side of the sphere.
fn weights([a, b, c]: [[f64; 3]; 3], p: [f64; 3]) -> [f64; 3] {
    let volume = dot(a, cross(b, c));
    let parts = [
        dot(p, cross(b, c)),
        dot(p, cross(c, a)),
        dot(p, cross(a, b)),
    ];
    let w = parts.map(|part| part / volume);
    if volume == 0.0 || dot(p, a) < 0.0 {
        return [f64::NEG_INFINITY; 3];
    }
    w
}

fn least(w: [f64; 3]) -> f64 {
    w.iter().copied().fold(f64::INFINITY, f64::min)
}
