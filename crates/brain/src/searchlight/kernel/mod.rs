//! The loops in which a searchlight spends its time, each written once for all instruction
//! sets and giving the same bits on each.
//!
//! Responses are kept by voxel, so sixteen lanes are sixteen stimuli.
//!
//! * [`Patterns::gather`] takes the voxels of a sphere, subtracts from each stimulus its mean over
//!   voxels and divides by its norm: three sweeps over 64 stimuli at a time, which fit the first
//!   cache.
//! * [`dots`] takes inner products of rows over stimuli, four rows with four in registers: ZᵀZ and
//!   ZᵀQ without a transpose. The lanes of a product are added at the end of each panel, and panels
//!   in `f64`.
//! * [`Similarity::rows`] takes inner products of stimuli over voxels, eight stimuli with
//!   forty-eight: S = ZZᵀ, a band of rows at a time, from patterns packed in blocks of sixteen.
//! * [`project`] takes products of voxels with many columns, a permutation in each lane.

mod bins;
mod dots;
mod gather;
mod project;
mod similarity;
mod sums;

pub(super) use bins::Bins;
pub(super) use dots::{Part, dots, dots_of, panel};
pub(super) use gather::Patterns;
pub(super) use project::project;
pub(super) use similarity::{BAND, Similarity};
pub(super) use sums::{add_squares, dot};

use emotome_lanes::LANES;

/// Rows of `f32` with their padding of zeros: whole vectors along a row, whole fours of rows.
#[derive(Debug, Clone, Default)]
pub(super) struct Rows {
    pub(super) values: Vec<f32>,
    /// Rows with content.
    pub(super) rows: usize,
    /// Numbers from one row to the next, a multiple of sixteen.
    pub(super) stride: usize,
}

impl Rows {
    pub(super) fn zeros(rows: usize, width: usize) -> Self {
        let stride = width.next_multiple_of(LANES);
        Self {
            values: vec![0.0; rows.next_multiple_of(4) * stride],
            rows,
            stride,
        }
    }

    pub(super) fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.stride..][..self.stride]
    }

    pub(super) fn row_mut(&mut self, row: usize) -> &mut [f32] {
        &mut self.values[row * self.stride..][..self.stride]
    }
}
