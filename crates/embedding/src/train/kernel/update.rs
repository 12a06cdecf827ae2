//! Pass 2: the gradient of every row, and the step it leads to.

#![allow(unsafe_code)]

use super::Rows;
use super::appearances::Appearances;
use crate::evaluate::score::Similarity;
use emotome_lanes::{InstructionSet, LANES, Lanes, Task};
use rayon::prelude::*;

/// Rows per task.
const TASK_ROWS: usize = 32;
/// How many appearances ahead rows are asked for.
const AHEAD: usize = 4;

/// Turns the gradient of a row into the next row.
///
/// `state` holds `STATE` values per weight, one padded row after another.
pub(crate) trait RowUpdate: Sync {
    /// Values of optimiser state per weight.
    const STATE: usize;

    /// Computes sixteen weights of the next row.
    ///
    /// # Safety
    /// `current`, `next` and each `state.add(k * stride)` for k < STATE must be valid for sixteen
    /// values, and the CPU must have the instructions of `V`.
    unsafe fn update<V: Lanes>(
        &self,
        position: RowPosition,
        gradient: V,
        current: *const f32,
        next: *mut f32,
        state: *mut f32,
    );
}

/// Which sixteen weights an update is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowPosition {
    pub(crate) item: usize,
    pub(crate) offset: usize,
    pub(crate) stride: usize,
}

/// Pass 2: the gradient of every row, scaled by `scale`, handed to `update`.
///
/// # Panics
/// If the sizes of the arguments do not belong together.
#[allow(clippy::too_many_arguments)]
pub(crate) fn update_rows<U: RowUpdate>(
    set: InstructionSet,
    rows: Rows<'_>,
    appearances: &Appearances,
    slopes: &[[f32; 4]],
    similarity: Similarity,
    scale: f32,
    update: &U,
    next: &mut [f32],
    state: &mut [f32],
) {
    let stride = rows.stride;
    assert_eq!(next.len(), rows.values.len());
    assert_eq!(state.len(), U::STATE * next.len());
    assert_eq!(appearances.n_items(), rows.len());
    assert!(slopes.len() >= appearances.trials());
    next.par_chunks_mut(TASK_ROWS * stride)
        .zip(state.par_chunks_mut(TASK_ROWS * U::STATE * stride))
        .enumerate()
        .with_max_len(1)
        .for_each(|(task, (next, state))| {
            // SAFETY: `Appearances::of_batch` made partners of these items only and places of slopes of
            // these trials only; `set` comes from `InstructionSet::available`.
            unsafe {
                set.run(UpdateTask {
                    rows,
                    appearances,
                    slopes: slopes.as_flattened(),
                    similarity,
                    scale,
                    update,
                    first: task * TASK_ROWS,
                    next,
                    state,
                });
            }
        });
}

/// Asks for a cache line; harmless for any address.
#[inline(always)]
fn prefetch(line: *const f32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch reads nothing that the program sees, and SSE is part of x86-64.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(line.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = line;
}

struct UpdateTask<'a, U> {
    rows: Rows<'a>,
    appearances: &'a Appearances,
    slopes: &'a [f32],
    similarity: Similarity,
    scale: f32,
    update: &'a U,
    /// The item that the first row of `next` belongs to.
    first: usize,
    next: &'a mut [f32],
    state: &'a mut [f32],
}

impl<U: RowUpdate> Task for UpdateTask<'_, U> {
    type Output = ();

    /// Safe where all partners are rows and all places of slopes exist.
    #[inline(always)]
    unsafe fn run<V: Lanes>(mut self) {
        let stride = self.rows.stride;
        for row in 0..self.next.len() / stride {
            let mut block = 0;
            while block < stride / LANES {
                let size = V::PANEL.min(stride / LANES - block);
                unsafe {
                    match size {
                        1 => self.panel::<V, 1>(row, block),
                        2 => self.panel::<V, 2>(row, block),
                        3 => self.panel::<V, 3>(row, block),
                        4 => self.panel::<V, 4>(row, block),
                        5 => self.panel::<V, 5>(row, block),
                        6 => self.panel::<V, 6>(row, block),
                        7 => self.panel::<V, 7>(row, block),
                        _ => self.panel::<V, 8>(row, block),
                    }
                }
                block += size;
            }
        }
    }
}

impl<U: RowUpdate> UpdateTask<'_, U> {
    /// Gradient and update of `BLOCKS` vectors of one row.
    #[inline(always)]
    unsafe fn panel<V: Lanes, const BLOCKS: usize>(&mut self, row: usize, block: usize) {
        let item = self.first + row;
        let stride = self.rows.stride;
        let offset = block * LANES;
        unsafe {
            let mut left = [V::splat(0.0); BLOCKS];
            let mut right = [V::splat(0.0); BLOCKS];
            let mut weight = 0.0_f32;
            let appearances = self.appearances.of(item);
            for (e, appearance) in appearances.iter().enumerate() {
                if let Some(ahead) = appearances.get(e + AHEAD) {
                    for partner in ahead.partners {
                        let row = self.rows.row(partner).add(offset);
                        for line in (0..BLOCKS).step_by(2) {
                            prefetch(row.add(line * LANES));
                        }
                    }
                }
                let j = self.rows.row(appearance.partners[0]).add(offset);
                let k = self.rows.row(appearance.partners[1]).add(offset);
                let slopes = appearance.slopes as usize;
                let gj = *self.slopes.get_unchecked(slopes);
                let gk = *self.slopes.get_unchecked(slopes + 1);
                weight += gj + gk;
                let (gj, gk) = (V::splat(gj), V::splat(gk));
                for b in 0..BLOCKS {
                    left[b] = V::load(j.add(b * LANES)).mul_add(gj, left[b]);
                    right[b] = V::load(k.add(b * LANES)).mul_add(gk, right[b]);
                }
            }
            let current = self.rows.row(item as u32).add(offset);
            let next = self.next.as_mut_ptr().add(row * stride);
            let state = self.state.as_mut_ptr().add(row * U::STATE * stride);
            for b in 0..BLOCKS {
                let mut gradient = left[b].add(right[b]);
                if self.similarity == Similarity::NegativeEuclidean {
                    gradient = V::load(current.add(b * LANES)).mul_add(V::splat(-weight), gradient);
                }
                let at = offset + b * LANES;
                self.update.update(
                    RowPosition {
                        item,
                        offset: at,
                        stride,
                    },
                    gradient.mul(V::splat(self.scale)),
                    current.add(b * LANES),
                    next.add(at),
                    state.add(at),
                );
            }
        }
    }
}
