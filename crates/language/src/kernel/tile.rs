//! The one product of all kernels: a few rows of numbers times a few vectors of columns.

#![allow(unsafe_code)]

use emotome_lanes::{LANES, Lanes};

/// Most rows in a tile.
pub(super) const ROWS: usize = 8;

/// Vectors of sixteen columns in a tile, for an instruction set.
///
/// AVX-512 holds 8 × 3 accumulators in 24 of 32 registers and loads 11 values for 24 multiply-adds;
/// AVX2 holds 4 × 1, two registers each, in 8 of 16.
pub(super) const fn vectors<V: Lanes>() -> usize {
    if wide::<V>() { 3 } else { 1 }
}

const fn wide<V: Lanes>() -> bool {
    V::PANEL >= 8
}

/// Continues chains of fused multiply-adds: for each row r and vector j of columns
///
/// ```text
/// c[r][j] ← fma(a[r][len−1], b[j][len−1], … fma(a[r][1], b[j][1], fma(a[r][0], b[j][0], c[r][j])))
/// ```
///
/// with c[r][j] = 0 at first where `fresh`. Each number is one chain whatever the shape of the tile,
/// so a product may be cut anywhere along rows, columns and the chain: `f32` is stored exactly.
///
/// `a[r]` points to `len` numbers, `b[j]` to `len` vectors `step` numbers apart, and `c[r]` to
/// `b.len()` vectors.
///
/// # Safety
/// The CPU must have the instructions of `V`; all that the pointers are said to point to must be
/// valid, and what `c` points to must not overlap the rest. `a` and `c` are equally long, up to
/// [`ROWS`]; `b` holds 1 to [`vectors`] pointers.
#[inline(always)]
pub(super) unsafe fn multiply<V: Lanes>(
    a: &[*const f32],
    b: &[*const f32],
    step: usize,
    len: usize,
    c: &[*mut f32],
    fresh: bool,
) {
    unsafe {
        if wide::<V>() {
            match b.len() {
                3 => rows::<V, 3>(a, b, step, len, c, fresh),
                2 => rows::<V, 2>(a, b, step, len, c, fresh),
                _ => rows::<V, 1>(a, b, step, len, c, fresh),
            }
        } else {
            rows::<V, 1>(a, b, step, len, c, fresh);
        }
    }
}

/// Cuts the rows into tiles of 8, 4, 2 and 1.
#[inline(always)]
unsafe fn rows<V: Lanes, const N: usize>(
    a: &[*const f32],
    b: &[*const f32],
    step: usize,
    len: usize,
    c: &[*mut f32],
    fresh: bool,
) {
    let mut at = 0;
    unsafe {
        while at < a.len() {
            let left = a.len() - at;
            at += if wide::<V>() && left >= 8 {
                tile::<V, 8, N>(a, b, step, len, c, at, fresh)
            } else if left >= 4 {
                tile::<V, 4, N>(a, b, step, len, c, at, fresh)
            } else if left >= 2 {
                tile::<V, 2, N>(a, b, step, len, c, at, fresh)
            } else {
                tile::<V, 1, N>(a, b, step, len, c, at, fresh)
            };
        }
    }
}

/// `R` rows from `at` on; returns `R`.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
unsafe fn tile<V: Lanes, const R: usize, const N: usize>(
    a: &[*const f32],
    b: &[*const f32],
    step: usize,
    len: usize,
    c: &[*mut f32],
    at: usize,
    fresh: bool,
) -> usize {
    unsafe {
        let mut a_rows = [std::ptr::null(); R];
        let mut c_rows = [std::ptr::null_mut(); R];
        for r in 0..R {
            a_rows[r] = *a.get_unchecked(at + r);
            c_rows[r] = *c.get_unchecked(at + r);
        }
        let mut columns = [std::ptr::null(); N];
        for j in 0..N {
            columns[j] = *b.get_unchecked(j);
        }
        let mut sums = [[V::splat(0.0); N]; R];
        if !fresh {
            for r in 0..R {
                for j in 0..N {
                    sums[r][j] = V::load(c_rows[r].add(LANES * j));
                }
            }
        }
        for k in 0..len {
            let mut b = [V::splat(0.0); N];
            for j in 0..N {
                b[j] = V::load(columns[j].add(k * step));
            }
            for r in 0..R {
                let a = V::splat(*a_rows[r].add(k));
                for j in 0..N {
                    sums[r][j] = a.mul_add(b[j], sums[r][j]);
                }
            }
        }
        for r in 0..R {
            for j in 0..N {
                sums[r][j].store(c_rows[r].add(LANES * j));
            }
        }
    }
    R
}
