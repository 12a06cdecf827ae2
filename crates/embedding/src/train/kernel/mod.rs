//! The two passes of a gradient step, by gathering rows: no one-hot matrices, no scattered writes.
//!
//! For a trial with similar pair (a, b) and odd item c, similarities s, choice probabilities
//! p = softmax(s_ab, s_ac, s_bc) and targets q (1, 0, 0 for a plain choice):
//!
//! ```text
//! pass 1, per trial   slopes g = ∂loss/∂s = p − q
//! pass 2, per item    ∂loss/∂x_i = Σ over the trials that show i:  g_ij x_j + g_ik x_k
//! ```
//!
//! Pass 1 is parallel over trials, pass 2 over items. Pass 2 keeps the gradient of a row in
//! registers, adds its trials in a fixed order and updates the row at once, so a step writes each
//! weight once, needs no gradient matrix and gives the same bits at any number of threads.
//!
//! Cost per trial at d dimensions: 9d fused multiply-adds and 9d loads of `f32`.

mod appearances;
mod slopes;
#[cfg(test)]
mod tests;
mod update;

pub(crate) use appearances::Appearances;
pub(crate) use slopes::{Slopes, similarities_of, slopes};
pub(crate) use update::{RowPosition, RowUpdate, update_rows};

use crate::evaluate::score::Similarity;
use emotome_lanes::LANES;

/// What pass 1 needs besides rows and trials.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Likelihood {
    pub(crate) similarity: Similarity,
    /// Share ε of trials answered by guessing: P' = (1 − ε) P + ε/3.
    pub(crate) lapse: f32,
}

/// Rows of weights, padded with zeros to whole vectors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows<'a> {
    values: &'a [f32],
    stride: usize,
}

impl<'a> Rows<'a> {
    pub(crate) fn new(values: &'a [f32], stride: usize) -> Self {
        assert!(stride > 0 && stride.is_multiple_of(LANES) && values.len().is_multiple_of(stride));
        Self { values, stride }
    }

    pub(crate) const fn len(self) -> usize {
        self.values.len() / self.stride
    }

    /// # Safety
    /// `item` must be below `self.len()`.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn row(self, item: u32) -> *const f32 {
        unsafe { self.values.as_ptr().add(item as usize * self.stride) }
    }
}
