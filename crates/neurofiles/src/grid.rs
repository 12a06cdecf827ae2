//! Where voxels are: the shape of a volume and the way from its indices to millimetres.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A length in space.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millimetres(pub f64);

/// A length in steps of a grid.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Voxels(pub f64);

/// The map from voxel indices to millimetres: x = A·(i, j, k, 1), the first three rows of the 4 × 4 matrix.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Affine(pub [[f64; 4]; 3]);

impl Affine {
    /// Millimetres of a point given in voxel indices, which need not be whole.
    ///
    /// ```
    /// use emotome_neurofiles::Affine;
    /// let affine = Affine([[-2.0, 0.0, 0.0, 90.0], [0.0, 2.0, 0.0, -126.0], [0.0, 0.0, 2.0, -72.0]]);
    /// assert_eq!(affine.apply([45.0, 63.0, 36.0]), [0.0, 0.0, 0.0]);
    /// ```
    pub fn apply(&self, index: [f64; 3]) -> [f64; 3] {
        self.0
            .map(|[a, b, c, d]| a * index[0] + b * index[1] + c * index[2] + d)
    }

    /// The determinant of the linear part, mm³ in a voxel with the sign of its handedness.
    pub fn determinant(&self) -> f64 {
        let [a, b, c] = self.0;
        a[0] * (b[1] * c[2] - b[2] * c[1]) - a[1] * (b[0] * c[2] - b[2] * c[0])
            + a[2] * (b[0] * c[1] - b[1] * c[0])
    }

    /// The way back, from millimetres to voxel indices; none if the matrix has no inverse.
    pub fn inverse(&self) -> Option<Self> {
        let [a, b, c] = self.0;
        let determinant = self.determinant();
        if !determinant.is_finite() || determinant == 0.0 {
            return None;
        }
        let linear = [
            [
                b[1] * c[2] - b[2] * c[1],
                a[2] * c[1] - a[1] * c[2],
                a[1] * b[2] - a[2] * b[1],
            ],
            [
                b[2] * c[0] - b[0] * c[2],
                a[0] * c[2] - a[2] * c[0],
                a[2] * b[0] - a[0] * b[2],
            ],
            [
                b[0] * c[1] - b[1] * c[0],
                a[1] * c[0] - a[0] * c[1],
                a[0] * b[1] - a[1] * b[0],
            ],
        ];
        let rows = linear.map(|row| {
            let [x, y, z] = row.map(|v| v / determinant);
            [x, y, z, -(x * a[3] + y * b[3] + z * c[3])]
        });
        rows.iter()
            .flatten()
            .all(|v| v.is_finite())
            .then_some(Self(rows))
    }

    /// Edge lengths of a voxel.
    pub fn spacing(&self) -> [Millimetres; 3] {
        [0, 1, 2].map(|axis| {
            let [x, y, z] = self.0.map(|row| row[axis]);
            Millimetres((x * x + y * y + z * z).sqrt())
        })
    }
}

/// The shape of a volume and where it lies.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Grid {
    /// Voxels along i, j and k.
    pub shape: [usize; 3],
    /// From voxel indices to millimetres.
    pub affine: Affine,
}

impl Grid {
    /// Voxels in all; none if that overflows.
    pub fn len(&self) -> Option<usize> {
        self.shape
            .iter()
            .try_fold(1_usize, |product, &n| product.checked_mul(n))
    }

    /// Whether an axis has no voxel.
    pub fn is_empty(&self) -> bool {
        self.shape.contains(&0)
    }

    /// Whether two grids hold the same voxels, entries of the affines within `tolerance`.
    ///
    /// # Errors
    /// [`GridMismatch`] with the shapes, spacings and the entry that differs most.
    pub fn same_as(&self, other: &Self, tolerance: Millimetres) -> Result<(), GridMismatch> {
        let mut worst = (0.0, [0, 0]);
        for row in 0..3 {
            for column in 0..4 {
                let difference = (self.affine.0[row][column] - other.affine.0[row][column]).abs();
                if difference > worst.0 || (difference.is_nan() && !worst.0.is_nan()) {
                    worst = (difference, [row, column]);
                }
            }
        }
        if self.shape == other.shape && worst.0 <= tolerance.0 {
            return Ok(());
        }
        Err(GridMismatch {
            shapes: [self.shape, other.shape],
            spacings: [self.affine.spacing(), other.affine.spacing()],
            difference: worst.0,
            entry: worst.1,
        })
    }
}

/// Two images that should share a grid do not.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub struct GridMismatch {
    /// Shapes of the two.
    pub shapes: [[usize; 3]; 2],
    /// Voxel edges of the two.
    pub spacings: [[Millimetres; 3]; 2],
    /// The largest difference of an entry of the affines.
    pub difference: f64,
    /// Row and column of that entry.
    pub entry: [usize; 2],
}

impl fmt::Display for GridMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b] = [0, 1].map(|side| {
            let [x, y, z] = self.shapes[side];
            let [u, v, w] = self.spacings[side];
            format!("{x}×{y}×{z} voxels of {:.3}×{:.3}×{:.3} mm", u.0, v.0, w.0)
        });
        write!(
            f,
            "{a} against {b}; their affines differ by up to {:.4} (entry [{}, {}]): resample one to the other's grid",
            self.difference, self.entry[0], self.entry[1]
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inverse_leads_back() {
        let affine = Affine([
            [1.9, 0.2, -0.1, 11.0],
            [-0.3, 2.1, 0.4, -7.0],
            [0.05, -0.2, 2.4, 3.0],
        ]);
        let back = affine
            .inverse()
            .unwrap()
            .apply(affine.apply([3.0, -4.0, 5.5]));
        for (found, expected) in back.iter().zip([3.0, -4.0, 5.5]) {
            assert!((found - expected).abs() < 1e-12, "{back:?}");
        }
    }

    #[test]
    fn a_flat_affine_has_no_inverse() {
        assert!(Affine([[0.0; 4]; 3]).inverse().is_none());
        assert!(Affine([[f64::NAN; 4]; 3]).inverse().is_none());
    }

    #[test]
    fn a_nan_affine_never_matches() {
        let good = Grid {
            shape: [2, 2, 2],
            affine: Affine([[1.0; 4]; 3]),
        };
        let bad = Grid {
            affine: Affine([[f64::NAN; 4]; 3]),
            ..good
        };
        assert!(good.same_as(&bad, Millimetres(1.0)).is_err());
        let mut mixed = good;
        mixed.affine.0[0][1] = f64::NAN;
        assert!(good.same_as(&mixed, Millimetres(1.0)).is_err());
    }
}
