//! Inner products of rows, four with four.

#![allow(unsafe_code)]

use emotome_lanes::{InstructionSet, LANES, Lanes, Task};

use super::Rows;

/// Vectors of a panel of `stimuli`: as few panels as hold at most 72 vectors, of equal length.
///
/// 124 rows of 72 vectors are 571 kB: with 32 rows of a model they fit a second cache of 1 MB, and
/// four rows, 18 kB, the first.
pub(in crate::searchlight) const fn panel(stimuli: usize) -> usize {
    let vectors = stimuli.div_ceil(LANES);
    let panels = vectors.div_ceil(72);
    if panels == 0 {
        1
    } else {
        vectors.div_ceil(panels)
    }
}

/// Which products of rows are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::searchlight) enum Part {
    /// All.
    All,
    /// Those of fours of `a` with the same and later fours of `b`; the rest stays as it is.
    Upper,
}

/// c[i][j] += Σ_s a[i][s] b[j][s] over the vectors `from..to` of the rows, for the first
/// `a.rows` and `b.rows` rounded up to fours; `c` has as many columns as `b` has padded rows.
///
/// Sixteen chains of fused multiply-adds, one a lane, are added as a tree, and the sum to `c`.
pub(in crate::searchlight) fn dots(
    set: InstructionSet,
    a: &Rows,
    b: &Rows,
    vectors: std::ops::Range<usize>,
    part: Part,
    c: &mut [f64],
) {
    let (m, n) = (a.rows.next_multiple_of(4), b.rows.next_multiple_of(4));
    assert!(vectors.start <= vectors.end);
    for rows in [a, b] {
        assert!(vectors.end * LANES <= rows.stride);
        assert!(rows.values.len() >= rows.rows.next_multiple_of(4) * rows.stride);
    }
    assert!(c.len() >= m * n);
    let task = Dots {
        a: a.values.as_ptr(),
        b: b.values.as_ptr(),
        strides: [a.stride, b.stride],
        sizes: [m, n],
        vectors,
        part,
        c,
    };
    // SAFETY: the set is one this CPU has; `m` and `n` rows of whole vectors exist up to the end of
    // the range, and `c` holds m · n numbers, as asserted.
    unsafe { set.run(task) }
}

struct Dots<'a> {
    a: *const f32,
    b: *const f32,
    strides: [usize; 2],
    sizes: [usize; 2],
    vectors: std::ops::Range<usize>,
    part: Part,
    c: &'a mut [f64],
}

impl Task for Dots<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let [m, n] = self.sizes;
        let len = self.vectors.end - self.vectors.start;
        let mut sums = [[0.0; LANES]; LANES];
        unsafe {
            let a = self.a.add(self.vectors.start * LANES);
            let b = self.b.add(self.vectors.start * LANES);
            for i in (0..m).step_by(4) {
                let from = if self.part == Part::Upper { i } else { 0 };
                for j in (from..n).step_by(4) {
                    let mut left = [a; 4];
                    let mut right = [b; 4];
                    for k in 0..4 {
                        left[k] = a.add((i + k) * self.strides[0]);
                        right[k] = b.add((j + k) * self.strides[1]);
                    }
                    let flat = four::<V>(&left, &right, len, &mut sums);
                    for r in 0..4 {
                        let c = self.c.as_mut_ptr().add((i + r) * n + j);
                        for s in 0..4 {
                            *c.add(s) += f64::from(flat[4 * r + s]);
                        }
                    }
                }
            }
        }
    }
}

/// Inner products of four rows with four, row after row.
#[inline(always)]
unsafe fn four<V: Lanes>(
    a: &[*const f32; 4],
    b: &[*const f32; 4],
    len: usize,
    sums: &mut [[f32; LANES]; LANES],
) -> [f32; LANES] {
    let mut flat = [0.0; LANES];
    unsafe {
        if V::PANEL >= 8 {
            tile::<V, 4>(a, b, len, 0, 0, sums);
        } else {
            for (r, s) in [(0, 0), (0, 2), (2, 0), (2, 2)] {
                tile::<V, 2>(a, b, len, r, s, sums);
            }
        }
        V::sum_each(sums).store(flat.as_mut_ptr());
    }
    flat
}

/// `R` × `R` of the sixteen sums, from row `r` of a and row `s` of b on.
#[inline(always)]
unsafe fn tile<V: Lanes, const R: usize>(
    a: &[*const f32; 4],
    b: &[*const f32; 4],
    len: usize,
    r: usize,
    s: usize,
    sums: &mut [[f32; LANES]; LANES],
) {
    unsafe {
        let mut a_rows = [std::ptr::null(); R];
        let mut b_rows = [std::ptr::null(); R];
        for k in 0..R {
            a_rows[k] = a[r + k];
            b_rows[k] = b[s + k];
        }
        let mut c = [[V::splat(0.0); R]; R];
        for at in 0..len {
            let mut left = [V::splat(0.0); R];
            for k in 0..R {
                left[k] = V::load(a_rows[k].add(at * LANES));
            }
            for k in 0..R {
                let right = V::load(b_rows[k].add(at * LANES));
                for i in 0..R {
                    c[i][k] = left[i].mul_add(right, c[i][k]);
                }
            }
        }
        for i in 0..R {
            for k in 0..R {
                c[i][k].store(sums[4 * (r + i) + s + k].as_mut_ptr());
            }
        }
    }
}

/// Inner products of four rows with each of `b`, which are whole fours of rows:
/// `target[4 · (4 ⌊j/4⌋ + r) + j mod 4]` for row r of `a` and place j of `b`.
pub(in crate::searchlight) fn dots_of(
    set: InstructionSet,
    rows: &Rows,
    a: &[u32; 4],
    b: &[u32],
    target: &mut Vec<f32>,
) {
    let count = rows.values.len() / rows.stride.max(1);
    assert!(a.iter().chain(b).all(|&row| (row as usize) < count));
    assert!(b.len().is_multiple_of(4));
    target.resize(4 * b.len(), 0.0);
    // SAFETY: the set is one this CPU has; the rows exist and the target holds four products for
    // each of `b`, as asserted.
    unsafe {
        set.run(Listed { rows, a, b, target });
    }
}

struct Listed<'a> {
    rows: &'a Rows,
    a: &'a [u32; 4],
    b: &'a [u32],
    target: &'a mut [f32],
}

impl Task for Listed<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let mut sums = [[0.0; LANES]; LANES];
        let start = self.rows.values.as_ptr();
        let (stride, len) = (self.rows.stride, self.rows.stride / LANES);
        let mut left = [start; 4];
        unsafe {
            for k in 0..4 {
                left[k] = start.add(self.a[k] as usize * stride);
            }
            let (fours, _) = self.b.as_chunks::<4>();
            let (targets, _) = self.target.as_chunks_mut::<LANES>();
            for (four_rows, target) in fours.iter().zip(targets) {
                let mut right = [start; 4];
                for k in 0..4 {
                    right[k] = start.add(four_rows[k] as usize * stride);
                }
                *target = four::<V>(&left, &right, len, &mut sums);
            }
        }
    }
}
