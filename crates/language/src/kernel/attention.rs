//! Attention over keys and values in pages.

#![allow(unsafe_code)]

use super::Matrix;
use super::tile::{self, ROWS};
use crate::page::{PAGE, Page, PageShape};
use emotome_lanes::{InstructionSet, LANES, Lanes, Task};
use rayon::prelude::*;
use std::cell::RefCell;

/// Rows of queries per task.
const TASK_ROWS: usize = 16;

thread_local! {
    /// Room for the scores of a tile of queries.
    static SCORES: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// What attention needs besides queries.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attention {
    pub(crate) layer: usize,
    /// Heads of queries; each group of heads / shape.heads of them shares a head of keys.
    pub(crate) heads: usize,
    pub(crate) shape: PageShape,
    /// What scores are multiplied by: 1/√width.
    pub(crate) scale: f32,
}

/// Where a row of queries stands: at a position of a text whose keys lie in pages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyedRow {
    /// Which list of pages.
    pub(crate) text: usize,
    /// The position, from 0; the row sees positions up to its own.
    pub(crate) position: usize,
}

/// Softmax attention (Vaswani et al. 2017, arXiv:1706.03762) with grouped queries
/// (Ainslie et al. 2023, arXiv:2305.13245). For each row at position p and each head,
///
/// ```text
/// s_i = (q · k_i) · scale,   e_i = exp(s_i − max s),   out = Σ e_i v_i / Σ e_i,   i = 0 … p
/// ```
///
/// `texts` lists the pages of each text; rows of a text stand together, in order. *O*(p · heads ·
/// width) per row.
pub(crate) fn attend(
    set: InstructionSet,
    attention: Attention,
    queries: &Matrix,
    rows: &[KeyedRow],
    texts: &[Vec<&Page>],
    out: &mut Matrix,
) {
    let width = attention.heads * attention.shape.width;
    assert_eq!((queries.rows(), queries.width()), (rows.len(), width));
    assert_eq!((out.rows(), out.width()), (rows.len(), width));
    assert!(attention.shape.width.is_multiple_of(LANES));
    assert!(attention.heads.is_multiple_of(attention.shape.heads));
    assert!(attention.layer < attention.shape.layers);
    for row in rows {
        let pages = &texts[row.text];
        assert!(row.position < pages.len() * PAGE);
        assert!(pages.iter().all(|p| p.shape() == attention.shape));
    }
    let stride = out.stride();
    out.values_mut()
        .par_chunks_mut(TASK_ROWS * stride)
        .zip(rows.par_chunks(TASK_ROWS))
        .enumerate()
        .with_max_len(1)
        .for_each(|(task, (out, rows))| {
            // SAFETY: `set` comes from `InstructionSet::available`, and the sizes were compared.
            unsafe {
                set.run(AttendTask {
                    attention,
                    queries: &queries.values()[task * TASK_ROWS * stride..],
                    stride,
                    rows,
                    texts,
                    out,
                });
            }
        });
}

struct AttendTask<'a> {
    attention: Attention,
    queries: &'a [f32],
    stride: usize,
    rows: &'a [KeyedRow],
    texts: &'a [Vec<&'a Page>],
    out: &'a mut [f32],
}

impl Task for AttendTask<'_> {
    type Output = ();

    /// Safe where each row has its query, its place in `out` and pages up to its position.
    #[inline(always)]
    unsafe fn run<V: Lanes>(mut self) {
        let mut room = SCORES.with(RefCell::take);
        let mut start = 0;
        while start < self.rows.len() {
            let text = self.rows[start].text;
            let mut end = start;
            while end < self.rows.len() && self.rows[end].text == text {
                end += 1;
            }
            for head in 0..self.attention.shape.heads {
                // SAFETY: the caller's.
                unsafe { self.head::<V>(start..end, head, &mut room) };
            }
            start = end;
        }
        SCORES.with(|room_of_thread| room_of_thread.replace(room));
    }
}

impl AttendTask<'_> {
    /// All queries of some rows of one text that share a head of keys, a tile at a time.
    #[inline(always)]
    unsafe fn head<V: Lanes>(
        &mut self,
        rows: std::ops::Range<usize>,
        head: usize,
        room: &mut Vec<f32>,
    ) {
        let group = self.attention.heads / self.attention.shape.heads;
        let queries = rows.len() * group;
        let mut first = 0;
        while first < queries {
            let size = ROWS.min(queries - first);
            let mut tile = Queries {
                start: [0; ROWS],
                seen: [0; ROWS],
                size,
            };
            for i in 0..size {
                let row = rows.start + (first + i) / group;
                let query_head = head * group + (first + i) % group;
                tile.start[i] = row * self.stride + query_head * self.attention.shape.width;
                tile.seen[i] = self.rows[row].position + 1;
            }
            let pages = &self.texts[self.rows[rows.start].text];
            // SAFETY: the caller's.
            unsafe { self.tile::<V>(tile, pages, head, room) };
            first += size;
        }
    }

    #[inline(always)]
    unsafe fn tile<V: Lanes>(
        &mut self,
        tile: Queries,
        pages: &[&Page],
        head: usize,
        room: &mut Vec<f32>,
    ) {
        let Attention { layer, scale, .. } = self.attention;
        let width = self.attention.shape.width;
        let size = tile.size;
        let most = tile.seen[..size].iter().fold(0, |a, &b| a.max(b));
        let fewest = tile.seen[..size].iter().fold(usize::MAX, |a, &b| a.min(b));
        let used = most.div_ceil(PAGE);
        let length = used * PAGE;
        if room.len() < ROWS * length {
            room.resize(ROWS * length, 0.0);
        }
        let mut a = [std::ptr::null(); ROWS];
        let mut c = [std::ptr::null_mut(); ROWS];
        let mut b = [std::ptr::null(); 3];
        // SAFETY, to the end of the function: queries, outputs, scores and pages hold what is read
        // and written, by the caller and the sizes above; the CPU has the instructions of `V`.

        // Scores, some pages at a time; a page of keys is one vector for each number of a key.
        let step = tile::vectors::<V>();
        let mut page = 0;
        while page < used {
            let n = step.min(used - page);
            for j in 0..n {
                b[j] = pages[page + j].keys(layer, head).as_ptr();
            }
            for i in 0..size {
                unsafe {
                    a[i] = self.queries.as_ptr().add(tile.start[i]);
                    c[i] = room.as_mut_ptr().add(i * length + page * PAGE);
                }
            }
            unsafe { tile::multiply::<V>(&a[..size], &b[..n], LANES, width, &c[..size], true) };
            page += n;
        }
        let mut totals = [0.0; ROWS];
        for i in 0..size {
            let scores = &mut room[i * length..][..length];
            scores[tile.seen[i]..].fill(f32::NEG_INFINITY);
            totals[i] = unsafe { exponentials::<V>(scores, scale) };
        }
        // Values: pages that every query sees whole, then the rest query by query.
        let whole = fewest / PAGE;
        let mut column = 0;
        while column < width / LANES {
            // Two vectors where possible: heads are mostly 64 or 128 wide.
            let n = step.min(2).min(width / LANES - column);
            for i in 0..size {
                unsafe {
                    c[i] = self.out.as_mut_ptr().add(tile.start[i] + column * LANES);
                }
            }
            for (page, held) in pages[..used].iter().enumerate() {
                let values = held.values(layer, head);
                for j in 0..n {
                    b[j] = values[(column + j) * LANES..].as_ptr();
                }
                for i in 0..size {
                    a[i] = unsafe { room.as_ptr().add(i * length + page * PAGE) };
                }
                let fresh = page == 0;
                if page < whole {
                    unsafe {
                        tile::multiply::<V>(&a[..size], &b[..n], width, PAGE, &c[..size], fresh);
                    }
                } else {
                    for i in 0..size {
                        let seen = tile.seen[i].saturating_sub(page * PAGE).min(PAGE);
                        if seen > 0 {
                            unsafe {
                                tile::multiply::<V>(
                                    &a[i..=i],
                                    &b[..n],
                                    width,
                                    seen,
                                    &c[i..=i],
                                    fresh,
                                );
                            }
                        }
                    }
                }
            }
            column += n;
        }
        for i in 0..size {
            for x in &mut self.out[tile.start[i]..][..width] {
                *x /= totals[i];
            }
        }
    }
}

/// Up to [`ROWS`] queries that share a head of keys.
struct Queries {
    /// Where each query, and its output, starts.
    start: [usize; ROWS],
    /// How many positions it sees.
    seen: [usize; ROWS],
    size: usize,
}

/// s ← exp(s · scale − max), and the sum of all.
///
/// # Safety
/// The CPU must have the instructions of `V`.
#[inline(always)]
unsafe fn exponentials<V: Lanes>(scores: &mut [f32], scale: f32) -> f32 {
    unsafe {
        let scale = V::splat(scale);
        let mut max = V::splat(f32::NEG_INFINITY);
        for s in scores.chunks_exact_mut(LANES) {
            let scaled = V::load(s.as_ptr()).mul(scale);
            scaled.store(s.as_mut_ptr());
            max = scaled.max(max);
        }
        let mut lanes = [0.0_f32; LANES];
        max.store(lanes.as_mut_ptr());
        let max = V::splat(lanes.iter().fold(f32::NEG_INFINITY, |a, &b| a.max(b)));
        let mut sum = V::splat(0.0);
        for s in scores.chunks_exact_mut(LANES) {
            let e = V::load(s.as_ptr()).sub(max).exp();
            e.store(s.as_mut_ptr());
            sum = sum.add(e);
        }
        sum.sum()
    }
}
