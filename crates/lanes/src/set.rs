//! Which instructions this CPU has, and how a task is compiled for them.

#![allow(unsafe_code)]

use crate::{Lanes, Portable};
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
    #[inline]
    pub unsafe fn run<T: Task>(self, task: T) -> T::Output {
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
pub trait Task {
    /// What it computes.
    type Output;

    /// Does the work with vectors of one instruction set; always `#[inline(always)]`.
    ///
    /// # Safety
    /// The CPU must have the instructions of `V`; a task may demand more.
    unsafe fn run<V: Lanes>(self) -> Self::Output;
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn run_avx2<T: Task>(task: T) -> T::Output {
    unsafe { task.run::<crate::Avx2>() }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx2,fma")]
unsafe fn run_avx512<T: Task>(task: T) -> T::Output {
    unsafe { task.run::<crate::Avx512>() }
}
