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

#![allow(unsafe_code)]

use super::lanes::{LANES, Lanes, Portable};
use crate::evaluate::score::Similarity;
use rayon::prelude::*;
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
}

/// One trial of a batch: its stimuli (similar, similar, odd) and the slopes of its three pairs.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub(crate) struct Record {
    pub(crate) items: [u32; 3],
    /// ∂loss/∂s for the pairs (0,1), (0,2), (1,2); for Euclidean similarity divided by distance.
    pub(crate) slopes: [f32; 3],
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
    unsafe fn row(self, item: u32) -> *const f32 {
        unsafe { self.values.as_ptr().add(item as usize * self.stride) }
    }
}

/// Trials per task of pass 1; part of the result, since losses are summed by task.
const TASK_TRIALS: usize = 512;
/// Rows per task of pass 2.
const TASK_ROWS: usize = 32;

/// Pass 1: fills in the slopes of each record and returns the summed loss.
///
/// `targets`, if given, holds the target probabilities q of each record's three pairs.
///
/// # Panics
/// If an item is not a row, or there are not as many targets as records.
pub(crate) fn slopes(
    set: InstructionSet,
    rows: Rows<'_>,
    records: &mut [Record],
    targets: Option<&[[f32; 3]]>,
    likelihood: Likelihood,
) -> f64 {
    assert!(targets.is_none_or(|t| t.len() == records.len()));
    let losses: Vec<f64> = records
        .par_chunks_mut(TASK_TRIALS)
        .enumerate()
        .map(|(task, records)| {
            let start = task * TASK_TRIALS;
            let targets = targets.map(|t| &t[start..start + records.len()]);
            let n = rows.len() as u32;
            assert!(records.iter().all(|r| r.items.iter().all(|&i| i < n)));
            // SAFETY: every item is a row, and `set` comes from `InstructionSet::available`.
            unsafe {
                match set {
                    InstructionSet::Portable => {
                        slopes_with::<Portable>(rows, records, targets, likelihood)
                    }
                    #[cfg(target_arch = "x86_64")]
                    InstructionSet::Avx2 => slopes_avx2(rows, records, targets, likelihood),
                    #[cfg(target_arch = "x86_64")]
                    InstructionSet::Avx512 => slopes_avx512(rows, records, targets, likelihood),
                    #[cfg(not(target_arch = "x86_64"))]
                    _ => slopes_with::<Portable>(rows, records, targets, likelihood),
                }
            }
        })
        .collect();
    losses.iter().sum()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn slopes_avx2(
    rows: Rows<'_>,
    records: &mut [Record],
    targets: Option<&[[f32; 3]]>,
    likelihood: Likelihood,
) -> f64 {
    unsafe { slopes_with::<super::lanes::Avx2>(rows, records, targets, likelihood) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx2,fma")]
unsafe fn slopes_avx512(
    rows: Rows<'_>,
    records: &mut [Record],
    targets: Option<&[[f32; 3]]>,
    likelihood: Likelihood,
) -> f64 {
    unsafe { slopes_with::<super::lanes::Avx512>(rows, records, targets, likelihood) }
}

#[inline(always)]
unsafe fn slopes_with<V: Lanes>(
    rows: Rows<'_>,
    records: &mut [Record],
    targets: Option<&[[f32; 3]]>,
    likelihood: Likelihood,
) -> f64 {
    let mut loss = 0.0;
    for (block, records) in records.chunks_mut(LANES).enumerate() {
        let mut s = [[0.0_f32; LANES]; 3];
        for (t, record) in records.iter().enumerate() {
            let similar = unsafe { similarities::<V>(rows, record.items, likelihood.similarity) };
            for pair in 0..3 {
                s[pair][t] = similar[pair];
            }
        }
        let mut q = [[0.0_f32; LANES]; 3];
        match targets {
            Some(targets) => {
                for (t, target) in targets[block * LANES..]
                    .iter()
                    .take(records.len())
                    .enumerate()
                {
                    for pair in 0..3 {
                        q[pair][t] = target[pair];
                    }
                }
            }
            None => q[0] = [1.0; LANES],
        }
        let (g, losses) = unsafe { softmax_slopes::<V>(&s, &q, likelihood.lapse) };
        for (t, record) in records.iter_mut().enumerate() {
            loss += f64::from(losses[t]);
            for pair in 0..3 {
                record.slopes[pair] = match likelihood.similarity {
                    Similarity::Dot => g[pair][t],
                    // ∂(−‖x_i − x_j‖)/∂x_i = (x_j − x_i)/‖x_i − x_j‖; at zero distance take 0.
                    Similarity::NegativeEuclidean if s[pair][t] < 0.0 => g[pair][t] / -s[pair][t],
                    Similarity::NegativeEuclidean => 0.0,
                };
            }
        }
    }
    loss
}

#[inline(always)]
unsafe fn similarities<V: Lanes>(
    rows: Rows<'_>,
    items: [u32; 3],
    similarity: Similarity,
) -> [f32; 3] {
    unsafe {
        let (a, b, c) = (rows.row(items[0]), rows.row(items[1]), rows.row(items[2]));
        let mut sums = [V::splat(0.0); 3];
        for offset in (0..rows.stride).step_by(LANES) {
            let (a, b, c) = (
                V::load(a.add(offset)),
                V::load(b.add(offset)),
                V::load(c.add(offset)),
            );
            match similarity {
                Similarity::Dot => {
                    sums[0] = a.mul_add(b, sums[0]);
                    sums[1] = a.mul_add(c, sums[1]);
                    sums[2] = b.mul_add(c, sums[2]);
                }
                Similarity::NegativeEuclidean => {
                    let (ab, ac, bc) = (a.sub(b), a.sub(c), b.sub(c));
                    sums[0] = ab.mul_add(ab, sums[0]);
                    sums[1] = ac.mul_add(ac, sums[1]);
                    sums[2] = bc.mul_add(bc, sums[2]);
                }
            }
        }
        let sums = [sums[0].sum(), sums[1].sum(), sums[2].sum()];
        match similarity {
            Similarity::Dot => sums,
            Similarity::NegativeEuclidean => [-sums[0].sqrt(), -sums[1].sqrt(), -sums[2].sqrt()],
        }
    }
}

/// Slopes and losses of sixteen trials: softmax with the maximum subtracted.
#[inline(always)]
unsafe fn softmax_slopes<V: Lanes>(
    s: &[[f32; LANES]; 3],
    q: &[[f32; LANES]; 3],
    lapse: f32,
) -> ([[f32; LANES]; 3], [f32; LANES]) {
    unsafe {
        let s = [
            V::load(s[0].as_ptr()),
            V::load(s[1].as_ptr()),
            V::load(s[2].as_ptr()),
        ];
        let q = [
            V::load(q[0].as_ptr()),
            V::load(q[1].as_ptr()),
            V::load(q[2].as_ptr()),
        ];
        let top = s[0].max(s[1]).max(s[2]);
        let shifted = [s[0].sub(top), s[1].sub(top), s[2].sub(top)];
        let e = [shifted[0].exp(), shifted[1].exp(), shifted[2].exp()];
        let total = e[0].add(e[1]).add(e[2]);
        let p = [e[0].div(total), e[1].div(total), e[2].div(total)];
        let mut g = [V::splat(0.0); 3];
        let mut loss = V::splat(0.0);
        if lapse == 0.0 {
            let log_total = total.ln();
            let weight = q[0].add(q[1]).add(q[2]);
            for k in 0..3 {
                g[k] = p[k].mul(weight).sub(q[k]);
                loss = q[k].mul_add(log_total.sub(shifted[k]), loss);
            }
        } else {
            let keep = V::splat(1.0 - lapse);
            let guess = V::splat(lapse / 3.0);
            let mut pull = V::splat(0.0);
            for k in 0..3 {
                let mixed = p[k].mul_add(keep, guess);
                loss = q[k].mul_add(V::splat(0.0).sub(mixed.ln()), loss);
                // Share of P' that is not guessing: the weight of this target's slope.
                g[k] = q[k].mul(p[k].mul(keep).div(mixed));
                pull = pull.add(g[k]);
            }
            for k in 0..3 {
                g[k] = p[k].mul(pull).sub(g[k]);
            }
        }
        let mut out = ([[0.0; LANES]; 3], [0.0; LANES]);
        for k in 0..3 {
            g[k].store(out.0[k].as_mut_ptr());
        }
        loss.store(out.1.as_mut_ptr());
        out
    }
}

/// The similarities of the pairs (0,1), (0,2), (1,2) of each trial.
///
/// # Panics
/// If an item is not a row, or `similar` is not as long as `trials`.
pub(crate) fn similarities_of(
    set: InstructionSet,
    rows: Rows<'_>,
    trials: &[[u32; 3]],
    similarity: Similarity,
    similar: &mut [[f32; 3]],
) {
    let n = rows.len() as u32;
    assert!(trials.len() == similar.len() && trials.iter().flatten().all(|&i| i < n));
    trials
        .par_chunks(TASK_TRIALS)
        .zip(similar.par_chunks_mut(TASK_TRIALS))
        .for_each(|(trials, similar)| {
            // SAFETY: every item is a row, and `set` comes from `InstructionSet::available`.
            unsafe {
                match set {
                    InstructionSet::Portable => {
                        similarities_with::<Portable>(rows, trials, similarity, similar);
                    }
                    #[cfg(target_arch = "x86_64")]
                    InstructionSet::Avx2 => similarities_avx2(rows, trials, similarity, similar),
                    #[cfg(target_arch = "x86_64")]
                    InstructionSet::Avx512 => {
                        similarities_avx512(rows, trials, similarity, similar);
                    }
                    #[cfg(not(target_arch = "x86_64"))]
                    _ => similarities_with::<Portable>(rows, trials, similarity, similar),
                }
            }
        });
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn similarities_avx2(
    rows: Rows<'_>,
    trials: &[[u32; 3]],
    similarity: Similarity,
    similar: &mut [[f32; 3]],
) {
    unsafe { similarities_with::<super::lanes::Avx2>(rows, trials, similarity, similar) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx2,fma")]
unsafe fn similarities_avx512(
    rows: Rows<'_>,
    trials: &[[u32; 3]],
    similarity: Similarity,
    similar: &mut [[f32; 3]],
) {
    unsafe { similarities_with::<super::lanes::Avx512>(rows, trials, similarity, similar) }
}

#[inline(always)]
unsafe fn similarities_with<V: Lanes>(
    rows: Rows<'_>,
    trials: &[[u32; 3]],
    similarity: Similarity,
    similar: &mut [[f32; 3]],
) {
    for (trial, similar) in trials.iter().zip(similar) {
        *similar = unsafe { similarities::<V>(rows, *trial, similarity) };
    }
}

/// Which trials of a batch show an item, for pass 2: a counting sort of the batch by item.
#[derive(Debug, Clone, Default)]
pub(crate) struct Appearances {
    /// `starts[i]..starts[i + 1]` are the entries of item i.
    starts: Vec<u32>,
    /// 4 · record + role of the item in it.
    entries: Vec<u32>,
}

impl Appearances {
    /// Sorts the appearances of a batch by item, in O(batch + n).
    pub(crate) fn sort(&mut self, records: &[Record], n_items: usize) {
        self.starts.clear();
        self.starts.resize(n_items + 1, 0);
        self.entries.clear();
        self.entries.resize(3 * records.len(), 0);
        for record in records {
            for item in record.items {
                self.starts[item as usize] += 1;
            }
        }
        let mut end = 0;
        for start in &mut self.starts {
            end += *start;
            *start = end;
        }
        // Filling backwards turns ends into starts and keeps each item's trials in batch order.
        for (t, record) in records.iter().enumerate().rev() {
            for role in (0..3).rev() {
                let slot = &mut self.starts[record.items[role] as usize];
                *slot -= 1;
                self.entries[*slot as usize] = (4 * t + role) as u32;
            }
        }
    }

    fn of(&self, item: usize) -> &[u32] {
        &self.entries[self.starts[item] as usize..self.starts[item + 1] as usize]
    }
}

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
    records: &[Record],
    appearances: &Appearances,
    similarity: Similarity,
    scale: f32,
    update: &U,
    next: &mut [f32],
    state: &mut [f32],
) {
    let stride = rows.stride;
    assert_eq!(next.len(), rows.values.len());
    assert_eq!(state.len(), U::STATE * next.len());
    assert_eq!(appearances.starts.len(), rows.len() + 1);
    assert_eq!(appearances.entries.len(), 3 * records.len());
    next.par_chunks_mut(TASK_ROWS * stride)
        .zip(state.par_chunks_mut(TASK_ROWS * U::STATE * stride))
        .enumerate()
        .for_each(|(task, (next, state))| {
            let first = task * TASK_ROWS;
            let pass = Pass {
                rows,
                records,
                appearances,
                similarity,
                scale,
                update,
            };
            // SAFETY: `Appearances::sort` made entries of these records only, whose items pass 1
            // checked; `set` comes from `InstructionSet::available`.
            unsafe {
                match set {
                    InstructionSet::Portable => pass.task::<Portable, 3>(first, next, state),
                    #[cfg(target_arch = "x86_64")]
                    InstructionSet::Avx2 => task_avx2(&pass, first, next, state),
                    #[cfg(target_arch = "x86_64")]
                    InstructionSet::Avx512 => task_avx512(&pass, first, next, state),
                    #[cfg(not(target_arch = "x86_64"))]
                    _ => pass.task::<Portable, 3>(first, next, state),
                }
            }
        });
}

// The panel sizes keep two accumulators per block in registers: 16 of 32 and 12 of 16.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn task_avx2<U: RowUpdate>(
    pass: &Pass<'_, U>,
    first: usize,
    next: &mut [f32],
    state: &mut [f32],
) {
    unsafe { pass.task::<super::lanes::Avx2, 3>(first, next, state) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx2,fma")]
unsafe fn task_avx512<U: RowUpdate>(
    pass: &Pass<'_, U>,
    first: usize,
    next: &mut [f32],
    state: &mut [f32],
) {
    unsafe { pass.task::<super::lanes::Avx512, 8>(first, next, state) }
}

/// How many trials ahead rows are asked for.
const AHEAD: usize = 3;

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

struct Pass<'a, U> {
    rows: Rows<'a>,
    records: &'a [Record],
    appearances: &'a Appearances,
    similarity: Similarity,
    scale: f32,
    update: &'a U,
}

/// Of an item in each role: the places of its two partners, and of the slopes towards them.
const PARTNERS: [([u8; 2], [u8; 2]); 3] = [([1, 2], [0, 1]), ([0, 2], [0, 2]), ([0, 1], [1, 2])];

impl<U: RowUpdate> Pass<'_, U> {
    #[inline(always)]
    unsafe fn task<V: Lanes, const PANEL: usize>(
        &self,
        first: usize,
        next: &mut [f32],
        state: &mut [f32],
    ) {
        let stride = self.rows.stride;
        for (k, (next, state)) in next
            .chunks_mut(stride)
            .zip(state.chunks_mut(U::STATE * stride))
            .enumerate()
        {
            let mut block = 0;
            while block < stride / LANES {
                let size = PANEL.min(stride / LANES - block);
                unsafe {
                    match size {
                        1 => self.panel::<V, 1>(first + k, block, next, state),
                        2 => self.panel::<V, 2>(first + k, block, next, state),
                        3 => self.panel::<V, 3>(first + k, block, next, state),
                        4 => self.panel::<V, 4>(first + k, block, next, state),
                        5 => self.panel::<V, 5>(first + k, block, next, state),
                        6 => self.panel::<V, 6>(first + k, block, next, state),
                        7 => self.panel::<V, 7>(first + k, block, next, state),
                        _ => self.panel::<V, 8>(first + k, block, next, state),
                    }
                }
                block += size;
            }
        }
    }

    /// Gradient and update of `BLOCKS` vectors of one row.
    #[inline(always)]
    unsafe fn panel<V: Lanes, const BLOCKS: usize>(
        &self,
        item: usize,
        block: usize,
        next: &mut [f32],
        state: &mut [f32],
    ) {
        let offset = block * LANES;
        unsafe {
            let mut left = [V::splat(0.0); BLOCKS];
            let mut right = [V::splat(0.0); BLOCKS];
            let mut weight = 0.0_f32;
            let entries = self.appearances.of(item);
            for (e, &entry) in entries.iter().enumerate() {
                if let Some(&ahead) = entries.get(e + AHEAD) {
                    let record = self.records.get_unchecked(ahead as usize / 4);
                    let (items, _) = PARTNERS.get_unchecked(ahead as usize % 4);
                    for partner in items {
                        let row = self
                            .rows
                            .row(*record.items.get_unchecked(*partner as usize));
                        prefetch(row.add(offset));
                        prefetch(row.add(offset + 2 * LANES));
                        prefetch(row.add(offset + 4 * LANES));
                    }
                }
                let record = self.records.get_unchecked(entry as usize / 4);
                let (items, slopes) = PARTNERS.get_unchecked(entry as usize % 4);
                let j = self
                    .rows
                    .row(*record.items.get_unchecked(items[0] as usize))
                    .add(offset);
                let k = self
                    .rows
                    .row(*record.items.get_unchecked(items[1] as usize))
                    .add(offset);
                let gj = *record.slopes.get_unchecked(slopes[0] as usize);
                let gk = *record.slopes.get_unchecked(slopes[1] as usize);
                weight += gj + gk;
                let (gj, gk) = (V::splat(gj), V::splat(gk));
                for b in 0..BLOCKS {
                    left[b] = V::load(j.add(b * LANES)).mul_add(gj, left[b]);
                    right[b] = V::load(k.add(b * LANES)).mul_add(gk, right[b]);
                }
            }
            let current = self.rows.row(item as u32).add(offset);
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
                        stride: self.rows.stride,
                    },
                    gradient.mul(V::splat(self.scale)),
                    current.add(b * LANES),
                    next.as_mut_ptr().add(at),
                    state.as_mut_ptr().add(at),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use emotome_stats::random::{CounterRng, Seed};

    const ITEMS: usize = 9;
    const DIMS: usize = 20;
    const STRIDE: usize = 32;

    /// Hands the gradient itself over as the next row.
    struct Gradient;

    impl RowUpdate for Gradient {
        const STATE: usize = 1;

        unsafe fn update<V: Lanes>(
            &self,
            _: RowPosition,
            gradient: V,
            _: *const f32,
            next: *mut f32,
            _: *mut f32,
        ) {
            unsafe { gradient.store(next) }
        }
    }

    fn rows(seed: u64) -> Vec<f32> {
        let mut rng = CounterRng::new(Seed(seed), 0);
        (0..ITEMS * STRIDE)
            .map(|k| {
                if k % STRIDE < DIMS {
                    rng.uniform() as f32
                } else {
                    0.0
                }
            })
            .collect()
    }

    fn trials() -> Vec<Record> {
        let mut rng = CounterRng::new(Seed(5), 1);
        (0..77)
            .map(|_| {
                let mut ids: Vec<u32> = (0..ITEMS as u32).collect();
                rng.shuffle(&mut ids);
                Record {
                    items: [ids[0], ids[1], ids[2]],
                    slopes: [0.0; 3],
                }
            })
            .collect()
    }

    fn targets(soft: bool) -> Option<Vec<[f32; 3]>> {
        let mut rng = CounterRng::new(Seed(6), 1);
        soft.then(|| {
            let mut draw = || {
                let q = [rng.uniform(), rng.uniform(), rng.uniform()];
                q.map(|v| (v / q.iter().sum::<f64>()) as f32)
            };
            trials().iter().map(|_| draw()).collect()
        })
    }

    /// The summed loss in f64, one item and one term at a time.
    fn brute_force(rows: &[f64], likelihood: Likelihood, targets: Option<&[[f32; 3]]>) -> f64 {
        let row = |i: u32| &rows[i as usize * STRIDE..][..DIMS];
        let lapse = f64::from(likelihood.lapse);
        let mut loss = 0.0;
        for (t, record) in trials().iter().enumerate() {
            let [a, b, c] = record.items;
            let s = [(a, b), (a, c), (b, c)].map(|(i, j)| {
                let pairs = row(i).iter().zip(row(j));
                match likelihood.similarity {
                    Similarity::Dot => pairs.map(|(x, y)| x * y).sum::<f64>(),
                    Similarity::NegativeEuclidean => {
                        -pairs.map(|(x, y)| (x - y).powi(2)).sum::<f64>().sqrt()
                    }
                }
            });
            let total: f64 = s.iter().map(|s| s.exp()).sum();
            let q = targets.map_or([1.0, 0.0, 0.0], |q| q[t].map(f64::from));
            for k in 0..3 {
                loss -= q[k] * ((1.0 - lapse) * s[k].exp() / total + lapse / 3.0).ln();
            }
        }
        loss
    }

    fn gradient(
        set: InstructionSet,
        x: &[f32],
        l: Likelihood,
        q: Option<&[[f32; 3]]>,
    ) -> (f64, Vec<f32>) {
        let mut records = trials();
        let loss = slopes(set, Rows::new(x, STRIDE), &mut records, q, l);
        let mut appearances = Appearances::default();
        appearances.sort(&records, ITEMS);
        let (mut next, mut state) = (vec![0.0; x.len()], vec![0.0; x.len()]);
        let rows = Rows::new(x, STRIDE);
        update_rows(
            set,
            rows,
            &records,
            &appearances,
            l.similarity,
            1.0,
            &Gradient,
            &mut next,
            &mut state,
        );
        (loss, next)
    }

    fn likelihoods() -> impl Iterator<Item = (Likelihood, bool)> {
        [Similarity::Dot, Similarity::NegativeEuclidean]
            .into_iter()
            .flat_map(|similarity| {
                [0.0, 0.2].into_iter().flat_map(move |lapse| {
                    [false, true].map(move |soft| (Likelihood { similarity, lapse }, soft))
                })
            })
    }

    #[test]
    fn loss_and_gradient_equal_brute_force_differences() {
        let x = rows(1);
        let wide: Vec<f64> = x.iter().map(|&v| f64::from(v)).collect();
        for (likelihood, soft) in likelihoods() {
            let q = targets(soft);
            let (loss, g) = gradient(InstructionSet::detect(), &x, likelihood, q.as_deref());
            let expected = brute_force(&wide, likelihood, q.as_deref());
            assert!(
                (loss / expected - 1.0).abs() < 1e-6,
                "{likelihood:?}: {loss} vs {expected}"
            );
            for k in (0..x.len()).filter(|k| k % STRIDE < DIMS) {
                let moved = |h: f64| {
                    let mut y = wide.clone();
                    y[k] += h;
                    brute_force(&y, likelihood, q.as_deref())
                };
                let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
                assert!(
                    (f64::from(g[k]) - slope).abs() < 2e-5,
                    "{likelihood:?} [{k}]: {} vs {slope}",
                    g[k]
                );
            }
        }
    }

    #[test]
    fn every_instruction_set_gives_the_same_gradient_bits() {
        let x = rows(2);
        for (likelihood, soft) in likelihoods() {
            let q = targets(soft);
            let all: Vec<_> = InstructionSet::available()
                .into_iter()
                .map(|set| {
                    let (loss, g) = gradient(set, &x, likelihood, q.as_deref());
                    (
                        loss.to_bits(),
                        g.iter().map(|v| v.to_bits()).collect::<Vec<_>>(),
                    )
                })
                .collect();
            assert!(all.iter().all(|bits| *bits == all[0]), "{likelihood:?}");
        }
    }

    #[test]
    fn similarities_of_hundreds_do_not_overflow() {
        let x: Vec<f32> = rows(3).iter().map(|v| v * 40.0).collect();
        let dot = Likelihood {
            similarity: Similarity::Dot,
            lapse: 0.0,
        };
        let (loss, g) = gradient(InstructionSet::detect(), &x, dot, None);
        assert!(
            loss.is_finite() && g.iter().all(|v| v.is_finite()),
            "loss {loss}"
        );
    }
}
