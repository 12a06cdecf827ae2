//! Products of voxels with many columns, a permutation in each lane.

#![allow(unsafe_code)]

use emotome_lanes::{InstructionSet, LANES, Lanes, Task};

/// Voxels in registers at once, and columns.
const VOXELS: usize = 8;
const COLUMNS: usize = 3;

/// energy[v][p] += Σ_c (Σ_i rows[v][i] · columns[c][i][p])² for sixteen permutations p.
///
/// `rows` holds n numbers a voxel; each column holds n vectors, and their number is `columns.len() /
/// (16 n)`. Over stimuli a product is one chain of fused multiply-adds for each 256, added in order.
pub(in crate::searchlight) fn project(
    set: InstructionSet,
    rows: &[f32],
    n: usize,
    columns: &[f32],
    energy: &mut [[f32; LANES]],
) {
    assert!(n > 0 && rows.len() == n * energy.len() && columns.len().is_multiple_of(n * LANES));
    // SAFETY: the set is one this CPU has; every voxel has n numbers, every column n vectors, and
    // every voxel an energy, as asserted.
    unsafe {
        set.run(Project {
            rows,
            n,
            columns,
            energy,
        });
    }
}

struct Project<'a> {
    rows: &'a [f32],
    n: usize,
    columns: &'a [f32],
    energy: &'a mut [[f32; LANES]],
}

impl Task for Project<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let n = self.n;
        let count = self.columns.len() / (n * LANES);
        let mut column = 0;
        unsafe {
            while column < count {
                let width = if V::PANEL >= 8 && count - column >= COLUMNS {
                    COLUMNS
                } else {
                    1
                };
                let columns = self.columns.as_ptr().add(column * n * LANES);
                let mut voxel = 0;
                while voxel < self.energy.len() {
                    let rows = self.rows.as_ptr().add(voxel * n);
                    let energy = self.energy.as_mut_ptr().add(voxel);
                    let left = self.energy.len() - voxel;
                    voxel += if V::PANEL >= 8 && left >= VOXELS {
                        if width == COLUMNS {
                            tile::<V, VOXELS, COLUMNS>(rows, n, columns, energy)
                        } else {
                            tile::<V, VOXELS, 1>(rows, n, columns, energy)
                        }
                    } else if left >= 4 && width == 1 {
                        tile::<V, 4, 1>(rows, n, columns, energy)
                    } else if width == COLUMNS {
                        tile::<V, 1, COLUMNS>(rows, n, columns, energy)
                    } else {
                        tile::<V, 1, 1>(rows, n, columns, energy)
                    };
                }
                column += width;
            }
        }
    }
}

#[inline(always)]
unsafe fn tile<V: Lanes, const R: usize, const N: usize>(
    rows: *const f32,
    n: usize,
    columns: *const f32,
    energy: *mut [f32; LANES],
) -> usize {
    unsafe {
        let mut totals = [[V::splat(0.0); N]; R];
        let mut from = 0;
        while from < n {
            let to = if n - from > 256 { from + 256 } else { n };
            let mut sums = [[V::splat(0.0); N]; R];
            for i in from..to {
                let mut right = [V::splat(0.0); N];
                for j in 0..N {
                    right[j] = V::load(columns.add((j * n + i) * LANES));
                }
                for r in 0..R {
                    let left = V::splat(*rows.add(r * n + i));
                    for j in 0..N {
                        sums[r][j] = left.mul_add(right[j], sums[r][j]);
                    }
                }
            }
            for r in 0..R {
                for j in 0..N {
                    totals[r][j] = totals[r][j].add(sums[r][j]);
                }
            }
            from = to;
        }
        for r in 0..R {
            let energy = energy.add(r).cast::<f32>();
            let mut sum = V::load(energy);
            for j in 0..N {
                sum = totals[r][j].mul_add(totals[r][j], sum);
            }
            sum.store(energy);
        }
    }
    R
}
