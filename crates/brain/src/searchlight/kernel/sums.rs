//! Sums along rows.

#![allow(unsafe_code)]

use emotome_lanes::{InstructionSet, LANES, Lanes, Task};

/// Σ a b over rows of whole vectors: four vectors of chains, in `f64` for each 4,096 numbers.
pub(in crate::searchlight) fn dot(set: InstructionSet, a: &[f32], b: &[f32]) -> f64 {
    assert!(a.len() == b.len() && a.len().is_multiple_of(LANES));
    // SAFETY: the set is one this CPU has; both rows are as long, in whole vectors, as asserted.
    unsafe { set.run(Dot { a, b }) }
}

struct Dot<'a> {
    a: &'a [f32],
    b: &'a [f32],
}

impl Task for Dot<'_> {
    type Output = f64;

    #[inline(always)]
    unsafe fn run<V: Lanes>(self) -> f64 {
        let mut total = 0.0;
        for (a, b) in self.a.chunks(4096).zip(self.b.chunks(4096)) {
            unsafe {
                let (x, y) = (a.as_ptr(), b.as_ptr());
                let mut sums = [V::splat(0.0); 4];
                let mut at = 0;
                while at + 4 * LANES <= a.len() {
                    for k in 0..4 {
                        let here = at + k * LANES;
                        sums[k] = V::load(x.add(here)).mul_add(V::load(y.add(here)), sums[k]);
                    }
                    at += 4 * LANES;
                }
                while at < a.len() {
                    sums[0] = V::load(x.add(at)).mul_add(V::load(y.add(at)), sums[0]);
                    at += LANES;
                }
                let sum = sums[0].add(sums[1]).add(sums[2].add(sums[3]));
                total += f64::from(sum.sum());
            }
        }
        total
    }
}

/// sums[i] += ((row[i] − mean) · scale)².
pub(in crate::searchlight) fn add_squares(
    set: InstructionSet,
    row: &[f32],
    mean: f32,
    scale: f32,
    sums: &mut [f32],
) {
    // SAFETY: the set is one this CPU has, and the task indexes nothing.
    unsafe {
        set.run(AddSquares {
            row,
            mean,
            scale,
            sums,
        });
    }
}

struct AddSquares<'a> {
    row: &'a [f32],
    mean: f32,
    scale: f32,
    sums: &'a mut [f32],
}

impl Task for AddSquares<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        for (sum, &b) in self.sums.iter_mut().zip(self.row) {
            let b = (b - self.mean) * self.scale;
            *sum += b * b;
        }
    }
}
