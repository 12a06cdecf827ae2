//! Matrices times the responses of a few targets: the loop in which all the time goes.
//!
//! A matrix lies in panels of eight rows, responses and weights lie samples (or features) × targets. Eight targets fill
//! a vector; a tile of eight rows by three vectors keeps 24 sums in registers. A sum is that of blocks of 256 fused
//! products, added in order, so that its bits depend on its row and its target alone, not on what is computed beside
//! it, on threads or on the instruction set.

#![allow(unsafe_code)]

use emotome_lanes::{Doubles, InstructionSet, Lanes, Task};
use std::ops::Range;

/// Targets of a vector, and rows of a panel.
pub(crate) const EIGHT: usize = 8;
/// Products that are added in registers before they join a sum.
const BLOCK: usize = 256;

/// A matrix in panels of eight rows: entry k of row i is `values[(i / 8 · length + k) · 8 + i % 8]`.
#[derive(Debug, Clone)]
pub(crate) struct Panels {
    rows: usize,
    length: usize,
    values: Vec<f64>,
}

impl Panels {
    /// The matrix with entry `entry(row, k)`; rows that fill up the last panel are zero.
    pub(crate) fn new(
        rows: usize,
        length: usize,
        mut entry: impl FnMut(usize, usize) -> f64,
    ) -> Self {
        let mut values = vec![0.0; rows.div_ceil(EIGHT) * length * EIGHT];
        for row in 0..rows {
            let panel = &mut values[row / EIGHT * length * EIGHT..][..length * EIGHT];
            for (k, eight) in panel.as_chunks_mut::<EIGHT>().0.iter_mut().enumerate() {
                eight[row % EIGHT] = entry(row, k);
            }
        }
        Self {
            rows,
            length,
            values,
        }
    }

    /// The lower triangle of a symmetric matrix, with what lies below the diagonal doubled: half the multiplications
    /// of its [`quadratic`](Self::quadratic) form.
    pub(crate) fn folded(size: usize, mut entry: impl FnMut(usize, usize) -> f64) -> Self {
        Self::new(size, size, |i, k| match k.cmp(&i) {
            std::cmp::Ordering::Less => entry(i, k) + entry(k, i),
            std::cmp::Ordering::Equal => entry(i, i),
            std::cmp::Ordering::Greater => 0.0,
        })
    }

    /// Numbers that it holds.
    pub(crate) const fn numbers(&self) -> usize {
        self.values.len()
    }

    /// Rows with those that fill up the last panel.
    pub(crate) const fn padded(&self) -> usize {
        self.rows.next_multiple_of(EIGHT)
    }

    /// C += A[.., k] B, with B of `k.len()` rows and C of [`padded`](Self::padded) rows, both of `width` targets.
    pub(crate) fn multiply(&self, k: Range<usize>, b: &[f64], width: usize, c: &mut [f64]) {
        assert!(c.len() >= self.padded() * width);
        self.run(k, b, width, Sink::Add, c, &[]);
    }

    /// q += (A w)ᵀ (A w) for each target.
    pub(crate) fn squares(&self, w: &[f64], width: usize, q: &mut [f64]) {
        assert!(q.len() >= width);
        self.run(0..self.length, w, width, Sink::Squares, q, &[]);
    }

    /// q += wᵀ A w for each target, A being [`folded`](Self::folded).
    pub(crate) fn quadratic(&self, w: &[f64], width: usize, q: &mut [f64]) {
        assert!(q.len() >= width && self.rows == self.length);
        assert!(w.len() >= self.padded() * width);
        self.run(0..self.length, w, width, Sink::Quadratic, q, w);
    }

    fn run(&self, k: Range<usize>, b: &[f64], width: usize, sink: Sink, c: &mut [f64], w: &[f64]) {
        assert!(k.start <= k.end && k.end <= self.length);
        assert!(width.is_multiple_of(EIGHT) && b.len() >= k.len() * width);
        let task = Multiply {
            panels: &self.values,
            count: self.padded() / EIGHT,
            length: self.length,
            k,
            b: b.as_ptr(),
            width,
            sink,
            c: c.as_mut_ptr(),
            w: w.as_ptr(),
        };
        // SAFETY: the set is one this CPU has; panels hold `length` eights each; b, c and w hold what the sink needs,
        // as asserted here and by the callers.
        unsafe { InstructionSet::detect().run(task) }
    }
}

/// What becomes of a tile of sums.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sink {
    /// Added to the matrix C.
    Add,
    /// Squared and added over rows.
    Squares,
    /// Multiplied with the weight of its row and added over rows; row i has entries up to i alone.
    Quadratic,
}

struct Multiply<'a> {
    panels: &'a [f64],
    count: usize,
    length: usize,
    k: Range<usize>,
    b: *const f64,
    width: usize,
    sink: Sink,
    c: *mut f64,
    w: *const f64,
}

impl Task for Multiply<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let mut from = 0;
        unsafe {
            // 24 sums and three vectors fill 27 of 32 registers of 512 bits; of 256 bits, where a vector of eight
            // takes two, eight and two fill ten of sixteen.
            if V::PANEL >= 8 {
                while from + 3 * EIGHT <= self.width {
                    self.columns::<V::Doubles, 8, 3>(from);
                    from += 3 * EIGHT;
                }
                while from < self.width {
                    self.columns::<V::Doubles, 8, 1>(from);
                    from += EIGHT;
                }
            } else {
                while from < self.width {
                    self.columns::<V::Doubles, 4, 1>(from);
                    from += EIGHT;
                }
            }
        }
    }
}

impl Multiply<'_> {
    /// `P` vectors of targets from target `from` on, `M` rows at a time.
    #[inline(always)]
    unsafe fn columns<D: Doubles, const M: usize, const P: usize>(&self, from: usize) {
        unsafe {
            let mut all = [D::splat(0.0); P];
            if self.sink != Sink::Add {
                for p in 0..P {
                    all[p] = D::load(self.c.add(from + p * EIGHT));
                }
            }
            for panel in 0..self.count {
                let mut row = 0;
                while row < EIGHT {
                    let first = panel * EIGHT + row;
                    let end = if self.sink == Sink::Quadratic {
                        self.k.end.min(first + M)
                    } else {
                        self.k.end
                    };
                    let sums = self.tile::<D, M, P>(panel, row, end, from);
                    for m in 0..M {
                        for p in 0..P {
                            let at = (first + m) * self.width + from + p * EIGHT;
                            match self.sink {
                                Sink::Add => {
                                    let c = self.c.add(at);
                                    D::load(c).add(sums[m][p]).store(c);
                                }
                                Sink::Squares => {
                                    all[p] = sums[m][p].mul_add(sums[m][p], all[p]);
                                }
                                Sink::Quadratic => {
                                    all[p] = sums[m][p].mul_add(D::load(self.w.add(at)), all[p]);
                                }
                            }
                        }
                    }
                    row += M;
                }
            }
            if self.sink != Sink::Add {
                for p in 0..P {
                    all[p].store(self.c.add(from + p * EIGHT));
                }
            }
        }
    }

    /// `M` rows of a panel times `P` vectors of targets.
    #[inline(always)]
    unsafe fn tile<D: Doubles, const M: usize, const P: usize>(
        &self,
        panel: usize,
        row: usize,
        end: usize,
        from: usize,
    ) -> [[D; P]; M] {
        unsafe {
            let mut total = [[D::splat(0.0); P]; M];
            let mut start = self.k.start;
            while start < end {
                let stop = if start + BLOCK < end {
                    start + BLOCK
                } else {
                    end
                };
                let mut a = self
                    .panels
                    .as_ptr()
                    .add((panel * self.length + start) * EIGHT + row);
                let mut b = self.b.add((start - self.k.start) * self.width + from);
                let mut sums = [[D::splat(0.0); P]; M];
                let mut left = stop - start;
                while left > 0 {
                    let mut columns = [D::splat(0.0); P];
                    for p in 0..P {
                        columns[p] = D::load(b.add(p * EIGHT));
                    }
                    for m in 0..M {
                        let scalar = D::splat(*a.add(m));
                        for p in 0..P {
                            sums[m][p] = scalar.mul_add(columns[p], sums[m][p]);
                        }
                    }
                    a = a.add(EIGHT);
                    b = b.add(self.width);
                    left -= 1;
                }
                if start == self.k.start {
                    total = sums;
                } else {
                    for m in 0..M {
                        for p in 0..P {
                            total[m][p] = total[m][p].add(sums[m][p]);
                        }
                    }
                }
                start = stop;
            }
            total
        }
    }
}

/// Weights of a penalty, and their products with two vectors.
///
/// w = b ∘ `shrink` (rows × targets, one factor a row); `sums` += zᵀ w and `products` += Σ_rows c ∘ w.
#[allow(clippy::too_many_arguments)]
pub(crate) fn shrink(
    b: &[f64],
    shrink: &[f64],
    z: &[f64],
    c: &[f64],
    width: usize,
    w: &mut [f64],
    sums: &mut [f64],
    products: &mut [f64],
) {
    let all = shrink.len() * width;
    assert!(width.is_multiple_of(EIGHT) && z.len() >= shrink.len());
    assert!(b.len() >= all && c.len() >= all && w.len() >= all);
    assert!(sums.len() >= width && products.len() >= width);
    let task = Shrink {
        b,
        shrink,
        z,
        c,
        width,
        w,
        sums,
        products,
    };
    // SAFETY: the set is one this CPU has; all slices are as long as asserted.
    unsafe { InstructionSet::detect().run(task) }
}

struct Shrink<'a> {
    b: &'a [f64],
    shrink: &'a [f64],
    z: &'a [f64],
    c: &'a [f64],
    width: usize,
    w: &'a mut [f64],
    sums: &'a mut [f64],
    products: &'a mut [f64],
}

impl Task for Shrink<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        unsafe {
            let zero = V::Doubles::splat(0.0);
            let mut from = 0;
            while from < self.width {
                let mut sum = V::Doubles::load(self.sums.as_ptr().add(from));
                let mut product = V::Doubles::load(self.products.as_ptr().add(from));
                for row in 0..self.shrink.len() {
                    let at = row * self.width + from;
                    let w = V::Doubles::splat(*self.shrink.get_unchecked(row))
                        .mul_add(V::Doubles::load(self.b.as_ptr().add(at)), zero);
                    w.store(self.w.as_mut_ptr().add(at));
                    sum = V::Doubles::splat(*self.z.get_unchecked(row)).mul_add(w, sum);
                    product = V::Doubles::load(self.c.as_ptr().add(at)).mul_add(w, product);
                }
                sum.store(self.sums.as_mut_ptr().add(from));
                product.store(self.products.as_mut_ptr().add(from));
                from += EIGHT;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use emotome_stats::random::{CounterRng, Seed};

    fn normals(count: usize, stream: u64) -> Vec<f64> {
        let mut rng = CounterRng::new(Seed(7), stream);
        (0..count).map(|_| rng.normal()).collect()
    }

    fn dot(a: impl Fn(usize) -> f64, b: impl Fn(usize) -> f64, k: Range<usize>) -> f64 {
        let mut total = 0.0;
        let mut start = k.start;
        while start < k.end {
            let stop = (start + BLOCK).min(k.end);
            total += (start..stop).fold(0.0, |sum, k| a(k).mul_add(b(k), sum));
            start = stop;
        }
        total
    }

    #[test]
    fn every_sum_is_that_of_its_row_and_target_whatever_stands_beside_it() {
        for (rows, length) in [(1, 1), (7, 255), (8, 256), (13, 257), (30, 1025)] {
            let values = normals(rows * length, 0);
            let a = Panels::new(rows, length, |i, k| values[i * length + k]);
            for width in [8, 24, 40] {
                let b = normals(length * width, 1);
                let k = length / 3..length;
                let mut c = vec![1.0; a.padded() * width];
                a.multiply(k.clone(), &b[k.start * width..], width, &mut c);
                let mut squares = vec![0.5; width];
                a.squares(&b, width, &mut squares);
                for t in 0..width {
                    let sum = |i: usize, k: Range<usize>| {
                        dot(|k| values[i * length + k], |k| b[k * width + t], k)
                    };
                    for i in 0..rows {
                        let expected = 1.0 + sum(i, k.clone());
                        assert_eq!(c[i * width + t].to_bits(), expected.to_bits());
                    }
                    let expected = (0..rows).fold(0.5, |all, i| {
                        let own = sum(i, 0..length);
                        own.mul_add(own, all)
                    });
                    assert_eq!(squares[t].to_bits(), f64::to_bits(expected));
                }
            }
        }
    }

    #[test]
    fn a_folded_matrix_has_the_quadratic_form_of_the_whole() {
        for size in [1, 8, 30, 300] {
            let values = normals(size * size, 2);
            let entry = |i: usize, k: usize| values[i * size + k] + values[k * size + i];
            let a = Panels::folded(size, entry);
            let width = 32;
            let mut w = normals(a.padded() * width, 3);
            w[size * width..].fill(0.0);
            let mut q = vec![0.0; width];
            a.quadratic(&w, width, &mut q);
            for t in 0..width {
                let mut expected = 0.0;
                for i in 0..size {
                    for k in 0..size {
                        expected += w[i * width + t] * entry(i, k) * w[k * width + t];
                    }
                }
                assert!((q[t] - expected).abs() < 1e-10 * (1.0 + expected.abs()) * size as f64);
            }
        }
    }
}
