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
//! Code below that runs inside a `target_feature` function uses no closures: the compiler does not
//! inline vector instructions into them.
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

use super::lanes::{LANES, Lanes, Portable};
use crate::evaluate::score::Similarity;
use serde::Serialize;

/// The instruction set that the kernels use. All give the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum InstructionSet {
    /// Plain Rust.
    Portable,
    /// 256-bit vectors with fused multiply-add.
    Avx2,
    /// 512-bit vectors.
    Avx512,
}

impl InstructionSet {
    /// The fastest one that this CPU has.
    #[must_use]
    pub fn detect() -> Self {
        *Self::available().last().unwrap_or(&Self::Portable)
    }

    /// All that this CPU has, slowest first.
    #[must_use]
    pub fn available() -> Vec<Self> {
        #[allow(unused_mut)]
        let mut sets = vec![Self::Portable];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                sets.push(Self::Avx2);
            }
            if is_x86_feature_detected!("avx512f") && sets.len() == 2 {
                sets.push(Self::Avx512);
            }
        }
        sets
    }

    /// Runs a task compiled for this instruction set.
    ///
    /// # Safety
    /// `self` must be [`available`](Self::available), and whatever the task demands must hold.
    #[allow(unsafe_code)]
    unsafe fn run<T: Task>(self, task: T) -> T::Output {
        unsafe {
            match self {
                Self::Portable => task.run::<Portable>(),
                #[cfg(target_arch = "x86_64")]
                Self::Avx2 => run_avx2(task),
                #[cfg(target_arch = "x86_64")]
                Self::Avx512 => run_avx512(task),
                #[cfg(not(target_arch = "x86_64"))]
                _ => task.run::<Portable>(),
            }
        }
    }
}

/// Work that is written once and compiled for each instruction set.
trait Task {
    type Output;

    /// # Safety
    /// The CPU must have the instructions of `V`; a task may demand more.
    #[allow(unsafe_code)]
    unsafe fn run<V: Lanes>(self) -> Self::Output;
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
#[allow(unsafe_code)]
unsafe fn run_avx2<T: Task>(task: T) -> T::Output {
    unsafe { task.run::<super::lanes::Avx2>() }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx2,fma")]
#[allow(unsafe_code)]
unsafe fn run_avx512<T: Task>(task: T) -> T::Output {
    unsafe { task.run::<super::lanes::Avx512>() }
}

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
