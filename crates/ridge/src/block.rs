//! Responses of a few targets, with the sums of each fold.

use crate::kernel::EIGHT;
use crate::{Folds, Responses, RidgeError, Scaling};
use std::ops::Range;

/// Responses of a few targets, fold after fold, less the mean of all where means are taken out: a shift that changes
/// nothing but digits.
pub(crate) struct Block {
    pub(crate) targets: Range<usize>,
    /// Targets, filled up to whole vectors.
    pub(crate) width: usize,
    /// Samples × width.
    pub(crate) y: Vec<f64>,
    /// Σ y of each fold: folds × width.
    pub(crate) sums: Vec<f64>,
    /// Σ y² of each fold.
    pub(crate) squares: Vec<f64>,
    /// Targets that are the same in all samples.
    pub(crate) constant: Vec<usize>,
    /// Targets with NaN or infinity.
    pub(crate) not_finite: Vec<usize>,
}

impl Block {
    /// Reads the responses of some targets.
    pub(crate) fn read(
        responses: &(impl Responses + ?Sized),
        targets: Range<usize>,
        folds: &Folds,
        scaling: Scaling,
    ) -> Result<Self, RidgeError> {
        let width = targets.len().next_multiple_of(EIGHT);
        let mut y = vec![0.0; folds.samples() * width];
        responses.fill(targets.clone(), folds.order(), width, &mut y)?;
        let (mut constant, mut not_finite) = (Vec::new(), Vec::new());
        let mut shift = vec![0.0; width];
        let (mut low, mut high) = (vec![f64::INFINITY; width], vec![f64::NEG_INFINITY; width]);
        let mut finite = vec![true; width];
        for row in y.chunks_exact(width) {
            for (t, &value) in row.iter().enumerate() {
                shift[t] += value;
                low[t] = low[t].min(value);
                high[t] = high[t].max(value);
                finite[t] &= value.is_finite();
            }
        }
        for t in 0..targets.len() {
            if !finite[t] {
                not_finite.push(targets.start + t);
            } else if low[t] == high[t] {
                constant.push(targets.start + t);
            }
        }
        for t in 0..width {
            // What does not vary has no score, whatever its rounded mean.
            let none = t < targets.len() && (low[t] == high[t] || !finite[t]);
            shift[t] = if none {
                f64::NAN
            } else if scaling.centres() {
                shift[t] / folds.samples() as f64
            } else {
                0.0
            };
        }
        for row in y.chunks_exact_mut(width) {
            row.iter_mut()
                .zip(&shift)
                .for_each(|(y, shift)| *y -= shift);
        }
        let count = folds.count();
        let (mut sums, mut squares) = (vec![0.0; count * width], vec![0.0; count * width]);
        for fold in 0..count {
            let own = fold * width..(fold + 1) * width;
            let (sums, squares) = (&mut sums[own.clone()], &mut squares[own]);
            for row in y
                .chunks_exact(width)
                .skip(folds.range(fold).start)
                .take(folds.size(fold))
            {
                for ((y, sum), square) in row.iter().zip(&mut *sums).zip(&mut *squares) {
                    *sum += y;
                    *square = y.mul_add(*y, *square);
                }
            }
        }
        Ok(Self {
            targets,
            width,
            y,
            sums,
            squares,
            constant,
            not_finite,
        })
    }
}
