//! The affine of a quaternion, rounded once.
//!
//! The scalar part of a unit quaternion is what three 32-bit numbers leave of 1, which cancels digits. nibabel
//! therefore computes in extended precision; a pair of `f64` (Dekker, 1971, doi:10.1007/BF01397083) does the same on
//! every machine.

use std::ops::{Add, Mul, Sub};

/// An unevaluated sum, the second term at most half a last digit of the first.
#[derive(Clone, Copy)]
struct Pair(f64, f64);

impl Pair {
    fn of(value: f64) -> Self {
        Self(value, 0.0)
    }

    fn sum(a: f64, b: f64) -> Self {
        let sum = a + b;
        let part = sum - a;
        Self(sum, (a - (sum - part)) + (b - part))
    }

    fn divide(self, by: Self) -> Self {
        let first = self.0 / by.0;
        let rest = self - by * Self::of(first);
        Self::sum(first, rest.0 / by.0)
    }

    fn sqrt(self) -> Self {
        let first = self.0.sqrt();
        let rest = self - Self::of(first) * Self::of(first);
        Self::sum(first, rest.0 / (2.0 * first))
    }
}

impl Add for Pair {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        let Self(sum, rest) = Self::sum(self.0, other.0);
        Self::sum(sum, rest + self.1 + other.1)
    }
}

impl Sub for Pair {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self + Self(-other.0, -other.1)
    }
}

impl Mul for Pair {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        let product = self.0 * other.0;
        let rest = self.0.mul_add(other.0, -product);
        Self::sum(product, rest + (self.0 * other.1 + self.1 * other.0))
    }
}

/// The rotation of the unit quaternion with the vector part `bcd`, its columns scaled by `zooms`.
///
/// What is missing to length 1 below `threshold` counts as nothing. The squared length of `bcd` if it is above 1.
pub(crate) fn rotation(
    bcd: [f64; 3],
    zooms: [f64; 3],
    threshold: f64,
) -> Result<[[f64; 3]; 3], f64> {
    let [x, y, z] = bcd.map(Pair::of);
    let squares = x * x + y * y + z * z;
    let missing = Pair::of(1.0) - squares;
    let w = if missing.0.abs() < threshold {
        Pair::of(0.0)
    } else if missing.0 > 0.0 {
        missing.sqrt()
    } else {
        return Err(squares.0);
    };
    let scale = Pair::of(2.0).divide(w * w + squares);
    let [wx, wy, wz] = [x, y, z].map(|v| w * (v * scale));
    let [xx, xy, xz] = [x, y, z].map(|v| x * (v * scale));
    let [yy, yz, zz] = [y * (y * scale), y * (z * scale), z * (z * scale)];
    let one = Pair::of(1.0);
    let rows = [
        [one - (yy + zz), xy - wz, xz + wy],
        [xy + wz, one - (xx + zz), yz - wx],
        [xz - wy, yz + wx, one - (xx + yy)],
    ];
    Ok(rows.map(|row| [0, 1, 2].map(|axis| (row[axis] * Pair::of(zooms[axis])).0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_turns_and_no_turn_are_exact() {
        let turned = |bcd| rotation(bcd, [2.0, 3.0, 4.0], 1e-6).unwrap();
        assert_eq!(
            turned([0.0; 3]),
            [[2.0, 0.0, 0.0], [0.0, 3.0, 0.0], [0.0, 0.0, 4.0]]
        );
        let about_x = [[2.0, 0.0, 0.0], [0.0, -3.0, 0.0], [0.0, 0.0, -4.0]];
        assert_eq!(turned([1.0, 0.0, 0.0]), about_x);
    }

    #[test]
    fn a_vector_part_longer_than_one_is_refused() {
        assert_eq!(rotation([1.0, 1.0, 0.0], [1.0; 3], 1e-6), Err(2.0));
        assert!(rotation([f64::NAN; 3], [1.0; 3], 1e-6).is_err());
    }
}
