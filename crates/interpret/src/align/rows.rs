//! Sums of the rows of a matrix, each with a weight: what a scaling does thousands of times.

#![allow(unsafe_code)]

use emotome_lanes::{InstructionSet, Lanes, Task};
use ndarray::ArrayView2;

/// A matrix, row after row.
pub(super) struct Rows {
    values: Vec<f64>,
    set: InstructionSet,
}

impl Rows {
    pub(super) fn of(matrix: ArrayView2<'_, f64>) -> Self {
        Self {
            values: matrix.iter().copied().collect(),
            set: InstructionSet::detect(),
        }
    }

    /// sumⱼ = Σᵢ xᵢ mᵢⱼ, terms in the order of the rows: the same bits on every instruction set.
    pub(super) fn combine(&self, x: &[f64], sum: &mut [f64]) {
        let rows = &self.values;
        // SAFETY: the set is one that this CPU has, and the task demands nothing.
        unsafe { self.set.run(Combine { rows, x, sum }) }
    }
}

struct Combine<'a> {
    rows: &'a [f64],
    x: &'a [f64],
    sum: &'a mut [f64],
}

impl Task for Combine<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let Self { rows, x, sum } = self;
        let width = sum.len();
        sum.fill(0.0);
        // Four rows at once: a sum is loaded and stored a quarter as often.
        let (fours, rest) = x.as_chunks::<4>();
        let (of_fours, of_rest) = rows.split_at(4 * width * fours.len());
        for (x, rows) in fours.iter().zip(of_fours.chunks_exact(4 * width)) {
            let (first, others) = rows.split_at(width);
            let (second, others) = others.split_at(width);
            let (third, fourth) = others.split_at(width);
            for j in 0..width {
                let two = sum[j] + x[0] * first[j] + x[1] * second[j];
                sum[j] = two + x[2] * third[j] + x[3] * fourth[j];
            }
        }
        for (x, row) in rest.iter().zip(of_rest.chunks_exact(width)) {
            for (sum, value) in sum.iter_mut().zip(row) {
                *sum += x * value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Rows;
    use ndarray::Array2;

    #[test]
    fn rows_are_summed_with_their_weights_whatever_the_shape() {
        for (n, m) in [(1, 1), (3, 5), (4, 2), (9, 33), (30, 30)] {
            let matrix = Array2::from_shape_fn((n, m), |(i, j)| ((i * m + j) as f64).sin());
            let x: Vec<f64> = (0..n).map(|i| (i as f64).cos()).collect();
            let mut sum = vec![1.0; m];
            Rows::of(matrix.view()).combine(&x, &mut sum);
            for (j, sum) in sum.iter().enumerate() {
                let expected = (0..n).fold(0.0, |sum, i| sum + x[i] * matrix[[i, j]]);
                assert_eq!(*sum, expected);
            }
        }
    }
}
