//! Inner products of stimuli over voxels, eight stimuli with forty-eight.

#![allow(unsafe_code)]

use emotome_lanes::{InstructionSet, LANES, Lanes, Task};

use super::Patterns;

/// Stimuli whose products with all later ones are formed together. Two tiles use each block of
/// columns while it is in the first cache.
pub(in crate::searchlight) const BAND: usize = LANES;

/// Patterns packed in blocks of sixteen stimuli: block, voxel, stimulus.
#[derive(Debug, Default)]
pub(in crate::searchlight) struct Similarity {
    blocks: Vec<f32>,
    voxels: usize,
    stimuli: usize,
}

impl Similarity {
    /// Packs the patterns.
    pub(in crate::searchlight) fn pack(&mut self, patterns: &Patterns) {
        let rows = &patterns.rows;
        self.voxels = rows.rows;
        self.stimuli = rows.stride;
        self.blocks.resize(self.stimuli * self.voxels, 0.0);
        for voxel in 0..self.voxels {
            let (from, _) = rows.row(voxel).as_chunks::<LANES>();
            for (block, from) in from.iter().enumerate() {
                let to = (block * self.voxels + voxel) * LANES;
                self.blocks[to..to + LANES].copy_from_slice(from);
            }
        }
    }

    /// Products of the stimuli 16 `band` … 16 `band` + 15 with those of the blocks `from..to`:
    /// `target[stride · r + 16 (block − from) + c]`.
    ///
    /// Each product is one chain of fused multiply-adds over voxels.
    pub(in crate::searchlight) fn rows(
        &self,
        set: InstructionSet,
        band: usize,
        blocks: std::ops::Range<usize>,
        stride: usize,
        target: &mut [f32],
    ) {
        assert!(blocks.end * LANES <= self.stimuli && band * LANES < self.stimuli);
        assert!(blocks.is_empty() || stride >= blocks.len() * LANES);
        assert!(target.len() >= (BAND - 1) * stride + blocks.len() * LANES);
        let task = Band {
            packed: self,
            band,
            blocks,
            stride,
            target,
        };
        // SAFETY: the set is one this CPU has; the blocks exist and the target holds sixteen rows of
        // them, as asserted.
        unsafe { set.run(task) }
    }
}

struct Band<'a> {
    packed: &'a Similarity,
    band: usize,
    blocks: std::ops::Range<usize>,
    stride: usize,
    target: &'a mut [f32],
}

impl Task for Band<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let voxels = self.packed.voxels;
        let packed = self.packed.blocks.as_ptr();
        let size = voxels * LANES;
        unsafe {
            let a = packed.add(self.band * size);
            let mut at = self.blocks.start;
            while at < self.blocks.end {
                let left = self.blocks.end - at;
                let b = packed.add(at * size);
                let c = self
                    .target
                    .as_mut_ptr()
                    .add((at - self.blocks.start) * LANES);
                at += if V::PANEL < 8 {
                    for r in (0..BAND).step_by(4) {
                        tile::<V, 4, 1>(
                            a.add(r),
                            b,
                            size,
                            voxels,
                            c.add(r * self.stride),
                            self.stride,
                        );
                    }
                    1
                } else if left >= 3 {
                    for r in (0..BAND).step_by(8) {
                        tile::<V, 8, 3>(
                            a.add(r),
                            b,
                            size,
                            voxels,
                            c.add(r * self.stride),
                            self.stride,
                        );
                    }
                    3
                } else {
                    for r in (0..BAND).step_by(8) {
                        tile::<V, 8, 1>(
                            a.add(r),
                            b,
                            size,
                            voxels,
                            c.add(r * self.stride),
                            self.stride,
                        );
                    }
                    1
                };
            }
        }
    }
}

/// `R` stimuli with `N` blocks `size` apart.
#[inline(always)]
unsafe fn tile<V: Lanes, const R: usize, const N: usize>(
    a: *const f32,
    b: *const f32,
    size: usize,
    voxels: usize,
    c: *mut f32,
    stride: usize,
) {
    unsafe {
        let mut sums = [[V::splat(0.0); N]; R];
        for voxel in 0..voxels {
            let mut right = [V::splat(0.0); N];
            for j in 0..N {
                right[j] = V::load(b.add(j * size + voxel * LANES));
            }
            for r in 0..R {
                let left = V::splat(*a.add(voxel * LANES + r));
                for j in 0..N {
                    sums[r][j] = left.mul_add(right[j], sums[r][j]);
                }
            }
        }
        for r in 0..R {
            for j in 0..N {
                sums[r][j].store(c.add(r * stride + j * LANES));
            }
        }
    }
}
