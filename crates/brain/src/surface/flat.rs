//! Flat maps: from points of a flattened mesh to pixels.

use super::mesh::{Mesh, MeshError};

/// Most pixels of a raster.
pub const MOST_PIXELS: usize = 1 << 26;

/// For each pixel the triangle of a flat mesh it lies in, made once and used for many maps.
///
/// x of the mesh points right and y up: row 0 of the raster is the top. z is ignored. Neither axis is ever turned;
/// whether the left hemisphere stands at left is up to who places two rasters side by side.
#[derive(Debug, Clone, PartialEq)]
pub struct FlatRaster {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// x and y of the top left corner of the first pixel, in the millimetres of the mesh.
    pub corner: [f64; 2],
    /// Edge of a pixel in those millimetres.
    pub pixel: f64,
    points: usize,
    corners: Vec<[u32; 3]>,
    weights: Vec<[f32; 3]>,
}

const OUTSIDE: u32 = u32::MAX;

impl FlatRaster {
    /// Fills pixels whose centre lies in a triangle or on its edge; where triangles overlap the first counts.
    ///
    /// O(pixels + triangles); 24 bytes a pixel.
    ///
    /// # Errors
    /// [`MeshError::Parameter`] for a height outside 1 to 16,384, for more than 2²⁶ pixels, and for a mesh without
    /// extent: an unflattened one lies elsewhere than in the x–y plane.
    pub fn new(flat: &Mesh, height: usize) -> Result<Self, MeshError> {
        let used = flat.used();
        let (mut low, mut high) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
        for (point, _) in flat.points().iter().zip(&used).filter(|(_, used)| **used) {
            for k in 0..2 {
                low[k] = low[k].min(point[k]);
                high[k] = high[k].max(point[k]);
            }
        }
        let parameter = |parameter, value, range| MeshError::Parameter {
            parameter,
            value,
            range,
        };
        if !(1..=16_384).contains(&height) {
            return Err(parameter(
                "the height in pixels",
                height as f64,
                "from 1 to 16384",
            ));
        }
        let extent = [high[0] - low[0], high[1] - low[1]];
        if !extent.iter().all(|e| e.is_finite() && *e > 0.0) {
            let value = if extent[0] > 0.0 {
                extent[1]
            } else {
                extent[0]
            };
            return Err(parameter(
                "the extent of the flat mesh",
                value,
                "positive in x and y",
            ));
        }
        let pixel = extent[1] / height as f64;
        let columns = (extent[0] / pixel).ceil().max(1.0);
        if columns * height as f64 > MOST_PIXELS as f64 {
            return Err(parameter(
                "pixels of the map",
                columns * height as f64,
                "at most 2^26",
            ));
        }
        let width = columns as usize;
        let mut raster = Self {
            width,
            height,
            corner: [low[0], high[1]],
            pixel,
            points: flat.points().len(),
            corners: vec![[OUTSIDE; 3]; width * height],
            weights: vec![[0.0; 3]; width * height],
        };
        for &corners in flat.triangles() {
            raster.fill(corners, corners.map(|c| flat.points()[c as usize]));
        }
        Ok(raster)
    }

    fn fill(&mut self, corners: [u32; 3], [a, b, c]: [[f64; 3]; 3]) {
        let area = (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1]);
        if area == 0.0 {
            return;
        }
        let (xs, ys) = ([a[0], b[0], c[0]], [a[1], b[1], c[1]]);
        let fold = |v: [f64; 3]| {
            (
                v.iter().copied().fold(f64::INFINITY, f64::min),
                v.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            )
        };
        let ((left, right), (bottom, top)) = (fold(xs), fold(ys));
        let column = |x: f64| (x - self.corner[0]) / self.pixel - 0.5;
        let row = |y: f64| (self.corner[1] - y) / self.pixel - 0.5;
        let first = |v: f64| v.ceil().max(0.0) as usize;
        let last = |v: f64, n: usize| (v.floor() + 1.0).clamp(0.0, n as f64) as usize;
        for j in first(row(top))..last(row(bottom), self.height) {
            let y = self.corner[1] - (j as f64 + 0.5) * self.pixel;
            for i in first(column(left))..last(column(right), self.width) {
                let x = self.corner[0] + (i as f64 + 0.5) * self.pixel;
                let u = ((b[0] - x) * (c[1] - y) - (c[0] - x) * (b[1] - y)) / area;
                let v = ((c[0] - x) * (a[1] - y) - (a[0] - x) * (c[1] - y)) / area;
                let w = 1.0 - u - v;
                let place = j * self.width + i;
                if u >= -1e-9 && v >= -1e-9 && w >= -1e-9 && self.corners[place][0] == OUTSIDE {
                    self.corners[place] = corners;
                    self.weights[place] = [u, v, w].map(|weight| weight.max(0.0) as f32);
                }
            }
        }
    }

    /// Whether a pixel (row · width + column) shows cortex.
    pub fn inside(&self, pixel: usize) -> bool {
        self.corners[pixel][0] != OUTSIDE
    }

    /// The corners of the triangle a pixel lies in and their weights, of sum 1; none outside.
    pub fn entry(&self, pixel: usize) -> Option<([u32; 3], [f32; 3])> {
        self.inside(pixel)
            .then(|| (self.corners[pixel], self.weights[pixel]))
    }

    /// A value a pixel, rows from the top: between the values of the corners, NaN outside and where the nearest
    /// corner has none. Corners without a value do not count.
    ///
    /// # Errors
    /// [`MeshError::Count`] for values of another mesh.
    pub fn values(&self, points: &[f32]) -> Result<Vec<f32>, MeshError> {
        self.each(points, f32::NAN, |corners, weights| {
            let (mut sum, mut total, mut most) = (0.0, 0.0, (-1.0, f32::NAN));
            for k in 0..3 {
                let value = points[corners[k] as usize];
                if weights[k] > most.0 {
                    most = (weights[k], value);
                }
                if weights[k] > 0.0 && !value.is_nan() {
                    sum += weights[k] * value;
                    total += weights[k];
                }
            }
            if most.1.is_nan() {
                f32::NAN
            } else {
                sum / total
            }
        })
    }

    /// A label a pixel, that of the nearest corner; `outside` elsewhere.
    ///
    /// # Errors
    /// [`MeshError::Count`] for labels of another mesh.
    pub fn labels(&self, points: &[i64], outside: i64) -> Result<Vec<i64>, MeshError> {
        self.each(points, outside, |corners, weights| {
            let nearest = (0..3).fold(
                0,
                |best, k| if weights[k] > weights[best] { k } else { best },
            );
            points[corners[nearest] as usize]
        })
    }

    fn each<T: Copy>(
        &self,
        points: &[T],
        outside: T,
        value: impl Fn([u32; 3], [f32; 3]) -> T,
    ) -> Result<Vec<T>, MeshError> {
        if points.len() != self.points {
            return Err(MeshError::Count {
                expected: self.points,
                found: points.len(),
            });
        }
        let pixel = |i: usize| {
            self.entry(i)
                .map_or(outside, |(corners, weights)| value(corners, weights))
        };
        Ok((0..self.corners.len()).map(pixel).collect())
    }
}
