//! Where responses come from.

use crate::RidgeError;
use ndarray::ArrayView2;
use std::ops::Range;

/// Responses of many targets to samples, read a few targets at a time.
pub trait Responses: Sync {
    /// How many samples there are.
    fn samples(&self) -> usize;

    /// How many targets there are.
    fn targets(&self) -> usize;

    /// Writes responses of some targets, `width` numbers a sample, in the order of samples that is asked for:
    /// `block[k · width + t]` is that of sample `order[k]` and target `targets.start + t`.
    ///
    /// # Errors
    /// Whatever stops the source from being read.
    fn fill(
        &self,
        targets: Range<usize>,
        order: &[usize],
        width: usize,
        block: &mut [f64],
    ) -> Result<(), RidgeError>;
}

/// Samples × targets.
pub struct BySample<'a, T>(pub ArrayView2<'a, T>);

/// Targets × samples, as stores of voxels are.
pub struct ByTarget<'a, T>(pub ArrayView2<'a, T>);

impl<T: Copy + Into<f64> + Sync> Responses for BySample<'_, T> {
    fn samples(&self) -> usize {
        self.0.nrows()
    }

    fn targets(&self) -> usize {
        self.0.ncols()
    }

    fn fill(
        &self,
        targets: Range<usize>,
        order: &[usize],
        width: usize,
        block: &mut [f64],
    ) -> Result<(), RidgeError> {
        for (row, &sample) in block.chunks_exact_mut(width).zip(order) {
            let own = self.0.slice(ndarray::s![sample, targets.clone()]);
            for (to, &value) in row.iter_mut().zip(own) {
                *to = value.into();
            }
        }
        Ok(())
    }
}

impl<T: Copy + Into<f64> + Sync> Responses for ByTarget<'_, T> {
    fn samples(&self) -> usize {
        self.0.ncols()
    }

    fn targets(&self) -> usize {
        self.0.nrows()
    }

    fn fill(
        &self,
        targets: Range<usize>,
        order: &[usize],
        width: usize,
        block: &mut [f64],
    ) -> Result<(), RidgeError> {
        /// Samples that are turned at once, so that the lines they touch stay in the first cache.
        const SAMPLES: usize = 32;
        for (at, samples) in order.chunks(SAMPLES).enumerate() {
            let rows = &mut block[at * SAMPLES * width..][..samples.len() * width];
            for (t, target) in targets.clone().enumerate() {
                let own = self.0.row(target);
                for (row, &sample) in rows.chunks_exact_mut(width).zip(samples) {
                    row[t] = own[sample].into();
                }
            }
        }
        Ok(())
    }
}
