//! Many lists of numbers against many others: all their inner products, in fixed order.

#![allow(unsafe_code)]

use emotome_lanes::{Doubles, InstructionSet, Lanes, Task};
use std::ops::Range;

/// Rows that lie beside each other.
const WIDTH: usize = 8;
/// Columns that are multiplied together.
const TILE: usize = 6;
/// Pairs that are added in registers. A sum of blocks of this length is the same whatever else is computed beside it.
const BLOCK: usize = 256;
/// Pairs that are filled in at once: several blocks, so that most of a model's row is read while it is in the cache.
const FILL: usize = 4 * BLOCK;

/// Rows of equal length, eight beside each other: entry k of row r is `values[(r / 8 · length + k) · 8 + r % 8]`.
pub(crate) struct Panels {
    rows: usize,
    length: usize,
    values: Vec<f64>,
}

impl Panels {
    /// Lays rows out, one after the other as they are made.
    pub(crate) fn new<E>(
        rows: usize,
        length: usize,
        mut row: impl FnMut(usize) -> Result<Vec<f64>, E>,
    ) -> Result<Self, E> {
        let mut values = vec![0.0; rows.div_ceil(WIDTH) * length * WIDTH];
        for r in 0..rows {
            let own = row(r)?;
            assert_eq!(own.len(), length, "row {r}");
            let panel = &mut values[r / WIDTH * length * WIDTH..][..length * WIDTH];
            for (eight, value) in panel.as_chunks_mut::<WIDTH>().0.iter_mut().zip(own) {
                eight[r % WIDTH] = value;
            }
        }
        Ok(Self {
            rows,
            length,
            values,
        })
    }

    pub(crate) const fn rows(&self) -> usize {
        self.rows
    }

    /// Σ_k row_r[k] · column_c[k] for every row (outer) and column.
    ///
    /// `fill(pairs, c, target)` writes those entries of column c; it is called for all columns of one range of pairs,
    /// then of the next. Each sum is that of blocks of 256 products, in order, each product added by a fused operation: its bits
    /// depend on its row and column alone. O(rows · columns · length).
    pub(crate) fn products(
        &self,
        columns: usize,
        mut fill: impl FnMut(Range<usize>, usize, &mut [f64]),
    ) -> Vec<f64> {
        let set = InstructionSet::detect();
        let tiles = columns.div_ceil(TILE);
        let panels = self.rows.div_ceil(WIDTH);
        let mut sums = vec![[[0.0; WIDTH]; TILE]; tiles * panels];
        let mut filled = vec![0.0; tiles * TILE * FILL];
        for start in (0..self.length).step_by(FILL) {
            let all = start..(start + FILL).min(self.length);
            for (c, target) in filled.chunks_exact_mut(FILL).take(columns).enumerate() {
                fill(all.clone(), c, &mut target[..all.len()]);
            }
            for from in all.clone().step_by(BLOCK) {
                let pairs = from..(from + BLOCK).min(all.end);
                for (tile, sums) in filled
                    .chunks_exact(TILE * FILL)
                    .zip(sums.chunks_exact_mut(panels))
                {
                    let task = Multiply {
                        panels: &self.values,
                        stride: self.length,
                        pairs: pairs.clone(),
                        tile: &tile[from - start..],
                        sums,
                    };
                    // SAFETY: the set is one this CPU has; the panels hold `rows` rounded up to eights of `length`
                    // entries, where the block ends; columns of the tile are `FILL` apart and reach to its end.
                    unsafe { set.run(task) }
                }
            }
        }
        (0..self.rows)
            .flat_map(|r| (0..columns).map(move |c| (r, c)))
            .map(|(r, c)| sums[c / TILE * panels + r / WIDTH][c % TILE][r % WIDTH])
            .collect()
    }
}

struct Multiply<'a> {
    panels: &'a [f64],
    stride: usize,
    pairs: Range<usize>,
    tile: &'a [f64],
    sums: &'a mut [[[f64; WIDTH]; TILE]],
}

impl Task for Multiply<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let (length, all) = (self.pairs.len(), self.sums.len());
        let start = self.panels.as_ptr();
        let columns = self.tile.as_ptr();
        let mut p = 0;
        unsafe {
            // Sixteen rows by six columns fill twelve of the 32 registers of 512 bits; of 256 bits, eight by six fill
            // twelve of sixteen.
            if V::PANEL >= 8 {
                while p + 2 <= all {
                    let from =
                        [p, p + 1].map(|p| start.add((p * self.stride + self.pairs.start) * WIDTH));
                    tile::<V::Doubles, 2>(from, columns, length, &mut self.sums[p..p + 2]);
                    p += 2;
                }
            }
            while p < all {
                let from = [start.add((p * self.stride + self.pairs.start) * WIDTH)];
                tile::<V::Doubles, 1>(from, columns, length, &mut self.sums[p..=p]);
                p += 1;
            }
        }
    }
}

/// Adds to the sums of `P` panels their products with six columns of a block.
///
/// # Safety
/// The instructions of `D`; `length` eights in each panel, and six columns, `FILL` apart, of at least `length` entries.
#[inline(always)]
unsafe fn tile<D: Doubles, const P: usize>(
    panels: [*const f64; P],
    columns: *const f64,
    length: usize,
    sums: &mut [[[f64; WIDTH]; TILE]],
) {
    unsafe {
        let mut added = [[D::splat(0.0); TILE]; P];
        for k in 0..length {
            let mut rows = [D::splat(0.0); P];
            for p in 0..P {
                rows[p] = D::load(panels[p].add(k * WIDTH));
            }
            for c in 0..TILE {
                let column = D::splat(*columns.add(c * FILL + k));
                for p in 0..P {
                    added[p][c] = rows[p].mul_add(column, added[p][c]);
                }
            }
        }
        for (sums, added) in sums.iter_mut().zip(added) {
            for (sum, own) in sums.iter_mut().zip(added) {
                D::load(sum.as_ptr()).add(own).store(sum.as_mut_ptr());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use emotome_stats::random::{CounterRng, Seed};

    fn lists(count: usize, length: usize, seed: u64) -> Vec<Vec<f64>> {
        (0..count as u64)
            .map(|list| {
                let mut rng = CounterRng::new(Seed(seed), list);
                (0..length).map(|_| rng.normal()).collect()
            })
            .collect()
    }

    fn products(rows: &[Vec<f64>], columns: &[Vec<f64>], length: usize) -> Vec<f64> {
        let panels = Panels::new(rows.len(), length, |r| Ok::<_, ()>(rows[r].clone())).unwrap();
        panels.products(columns.len(), |pairs, c, target| {
            target.copy_from_slice(&columns[c][pairs]);
        })
    }

    #[test]
    fn a_product_is_that_of_its_row_and_column_whatever_stands_beside_it() {
        for length in [1, 255, 256, 257, 1000, 1025, 2500] {
            let (rows, columns) = (lists(19, length, 1), lists(13, length, 2));
            let all = products(&rows, &columns, length);
            for (r, row) in rows.iter().enumerate() {
                for (c, column) in columns.iter().enumerate() {
                    let mut expected = 0.0;
                    for (a, b) in row.chunks(BLOCK).zip(column.chunks(BLOCK)) {
                        expected += a.iter().zip(b).fold(0.0, |sum, (a, b)| a.mul_add(*b, sum));
                    }
                    assert_eq!(all[r * 13 + c].to_bits(), f64::to_bits(expected));
                    let alone = products(&rows[r..=r], &columns[c..=c], length);
                    assert_eq!(alone[0].to_bits(), f64::to_bits(expected));
                }
            }
        }
    }
}
