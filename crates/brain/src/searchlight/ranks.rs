//! Rank correlation of similarities: exact, or in bins with a certificate; and Kendall's τ_a.
//!
//! Of K bins with c_b pairs each, every pair takes the mean rank of its bin. That loses
//! Σ (c_b³ − c_b)/12 of the (N³ − N)/12 that untied ranks have about their mean, a part β²; binned
//! ranks are the exact ones projected on what is constant in bins, so by Cauchy and Schwarz
//!
//! ```text
//! |ρ − ρ̂| ≤ β + |ρ̂| (1/√(1 − β²) − 1)
//! ```
//!
//! with ρ the correlation of exact average ranks, tied or not, of the same similarities. The true
//! error is far smaller, since the ranks lost do not know the model.
//!
//! Ranks are kept as doubled distances from their mean, u = 2r − (N + 1): integers, whose products
//! are added exactly.

use emotome_lanes::LANES;
use emotome_stimuli::run::Run;
use ndarray::Array2;
use rayon::prelude::*;

use super::correlation::{flop, scale};
use super::kernel::{BAND, Bins};
use super::models::Source;
use super::pairs::{Bands, Pairs};
use super::search::Found;
use super::sides::Comparison;
use super::{Interrupted, Plan, Search};
use crate::model::Metric;
use crate::rdm::kendall::Kendall;

/// Most stimuli: N < 2²⁶ pairs, so that 512 products of u fit 64 bits.
pub(super) const LIMIT: usize = 10_000;

/// Products added in 64 bits before they go to 128.
const CHUNK: usize = 512;

/// Rank correlation with models.
pub(super) struct Ranks {
    models: Vec<Bands<i32>>,
    norms: Vec<f64>,
    pub(super) between: Array2<f64>,
    bins: usize,
    bound: f64,
    exact: bool,
    kendall: bool,
    centre: bool,
}

/// What a thread ranks in.
#[derive(Default)]
pub(super) struct Scratch {
    bins: Vec<u16>,
    counts: Vec<u32>,
    table: Vec<i32>,
    keys: Vec<u32>,
    entries: Vec<u64>,
    ranks: Vec<i32>,
}

impl Ranks {
    pub(super) fn of(plan: &Plan<'_>, run: &Run<'_>) -> Result<Self, Interrupted> {
        let models = plan
            .sources
            .iter()
            .map(|source| {
                if run.interrupt.requested() {
                    return Err(Interrupted);
                }
                Ok(model(source, &plan.pairs))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let norms: Vec<f64> = models
            .iter()
            .map(|m| product(&m.values, &m.values) as f64)
            .collect();
        let comparison = plan.params.comparison;
        let kendall = comparison == Comparison::KendallTauA;
        let cells = kendall.then(|| {
            let mut cells = Bands::filled(&plan.pairs, false);
            cells.fill(&plan.pairs, |_, _| true);
            cells.values
        });
        let between = Array2::from_shape_fn((models.len(), models.len()), |(a, b)| {
            if let Some(cells) = &cells {
                return tau_a(&models[a].values, &models[b].values, |cell| cells[cell]);
            }
            if a == b {
                return 1.0;
            }
            product(&models[a].values, &models[b].values) as f64
                / (norms[a].sqrt() * norms[b].sqrt())
        });
        Ok(Self {
            models,
            norms,
            between,
            bins: plan.params.bins,
            bound: plan.params.bound,
            exact: kendall || comparison == Comparison::SpearmanExact,
            kendall,
            centre: plan.params.brain == Metric::Correlation,
        })
    }

    pub(super) fn sphere(
        &self,
        search: &Search<'_>,
        at: usize,
        scratch: &mut super::search::Scratch,
    ) -> Found {
        let plan = &search.plan;
        let pairs = &plan.pairs;
        let members = plan.neighbourhoods.members(at);
        let (n, set) = (pairs.n, search.set);
        scratch
            .patterns
            .gather(set, &search.data, n, members, self.centre, false);
        if scratch.patterns.constant > 0 {
            return Found::constant(self.models.len(), scratch.patterns.constant);
        }
        let (mean, deviation) = scale(set, scratch, n);
        scratch.packed.pack(&scratch.patterns);
        let bins = Bins::around(mean, deviation, self.bins);
        self.bin(search, scratch, &bins, self.exact);
        let many = pairs.kept as f64;
        let untied = (many.powi(3) - many) / 3.0;

        let mut bound = 0.0;
        let mut values = Vec::new();
        if !self.exact {
            let lost = self.tabulate(&mut scratch.ranks, pairs.kept);
            let beta = (lost / (many.powi(3) - many)).min(1.0).sqrt();
            values = self.binned(&scratch.ranks, untied);
            let largest = values.iter().fold(0.0_f64, |most, v| most.max(v.abs()));
            bound = beta + largest * (1.0 / (1.0 - beta * beta).sqrt() - 1.0);
        }
        if self.exact || bound.is_nan() || bound > self.bound {
            if !self.exact {
                self.bin(search, scratch, &bins, true);
            }
            values = self.exactly(&mut scratch.ranks, pairs.kept);
            bound = 0.0;
        }
        Found {
            values,
            z: Vec::new(),
            bound,
            constant: 0,
            flop: flop(plan, members.len()),
        }
    }

    /// The bin of each similarity, how many each bin has, and the similarities themselves as
    /// ordered integers if `keys`.
    fn bin(
        &self,
        search: &Search<'_>,
        scratch: &mut super::search::Scratch,
        bins: &Bins,
        keys: bool,
    ) {
        let pairs = &search.plan.pairs;
        let ranks = &mut scratch.ranks;
        ranks.counts.clear();
        ranks.counts.resize(self.bins + 1, 0);
        ranks.bins.clear();
        ranks
            .bins
            .resize(self.models[0].values.len(), self.bins as u16);
        ranks
            .keys
            .resize(if keys { ranks.bins.len() } else { 0 }, 0);
        scratch
            .band
            .resize((BAND * LANES * pairs.bands()).max(scratch.band.len()), 0.0);
        for band in 0..pairs.bands() {
            let blocks = pairs.blocks(band);
            if blocks.is_empty() {
                continue;
            }
            let (first, width) = (blocks.start * LANES, blocks.len() * LANES);
            scratch
                .packed
                .rows(search.set, band, blocks, width, &mut scratch.band);
            let start = self.models[0].start(band);
            for (r, i) in pairs.band(band).enumerate() {
                let kept = pairs.first(i) - first..pairs.n - first;
                let row = &mut scratch.band[r * width..][kept.clone()];
                let cells = start + r * width + kept.start..start + r * width + kept.end;
                if keys {
                    for (key, s) in ranks.keys[cells.clone()].iter_mut().zip(&*row) {
                        *key = ordered(*s);
                    }
                }
                bins.place(search.set, row, &mut ranks.bins[cells], &mut ranks.counts);
            }
        }
    }

    /// Fills the table of the bins' mean ranks; returns Σ (c³ − c).
    fn tabulate(&self, scratch: &mut Scratch, kept: u64) -> f64 {
        scratch.table.clear();
        let (mut before, mut lost) = (0_i64, 0.0);
        for &count in &scratch.counts[..self.bins] {
            let count = i64::from(count);
            scratch
                .table
                .push((2 * before + count - kept as i64) as i32);
            before += count;
            lost += (count as f64).powi(3) - count as f64;
        }
        // Of what is no pair.
        scratch.table.push(0);
        lost
    }

    fn binned(&self, scratch: &Scratch, untied: f64) -> Vec<f64> {
        let mut sums = vec![0_i128; self.models.len()];
        let mut ranks = [0_i32; CHUNK];
        for (chunk, bins) in scratch.bins.chunks(CHUNK).enumerate() {
            for (rank, &bin) in ranks.iter_mut().zip(bins) {
                *rank = scratch.table[usize::from(bin)];
            }
            for (sum, model) in sums.iter_mut().zip(&self.models) {
                let model = &model.values[chunk * CHUNK..][..bins.len()];
                *sum += i128::from(products(&ranks[..bins.len()], model));
            }
        }
        let correlate = |(sum, norm): (i128, &f64)| ratio(sum as f64, untied, *norm);
        sums.into_iter().zip(&self.norms).map(correlate).collect()
    }

    /// Average ranks: bins laid out one after the other, each sorted.
    fn exactly(&self, scratch: &mut Scratch, kept: u64) -> Vec<f64> {
        let mut starts = Vec::with_capacity(self.bins + 1);
        let mut before = 0_usize;
        for &count in &scratch.counts[..self.bins] {
            starts.push(before);
            before += count as usize;
        }
        scratch.entries.resize(before, 0);
        let mut next = starts.clone();
        for (cell, (&bin, &key)) in scratch.bins.iter().zip(&scratch.keys).enumerate() {
            if let Some(place) = next.get_mut(usize::from(bin)) {
                scratch.entries[*place] = u64::from(key) << 32 | cell as u64;
                *place += 1;
            }
        }
        scratch.ranks.clear();
        scratch.ranks.resize(scratch.bins.len(), 0);
        for (&start, &end) in starts.iter().zip(&next) {
            let entries = &mut scratch.entries[start..end];
            entries.sort_unstable();
            let mut from = 0;
            while from < entries.len() {
                let key = entries[from] >> 32;
                let mut to = from + 1;
                while to < entries.len() && entries[to] >> 32 == key {
                    to += 1;
                }
                // 2r − (N + 1) with r the mean of start + from + 1 … start + to.
                let rank = (2 * start + from + to) as i64 - kept as i64;
                for entry in &entries[from..to] {
                    scratch.ranks[(entry & 0xffff_ffff) as usize] = rank as i32;
                }
                from = to;
            }
        }
        if self.kendall {
            let kept = |cell: usize| usize::from(scratch.bins[cell]) < self.bins;
            let each = self.models.iter();
            return each
                .map(|model| tau_a(&scratch.ranks, &model.values, kept))
                .collect();
        }
        let own = product(&scratch.ranks, &scratch.ranks) as f64;
        let models = self.models.iter().zip(&self.norms);
        models
            .map(|(model, &norm)| ratio(product(&scratch.ranks, &model.values) as f64, own, norm))
            .collect()
    }
}

/// τ_a of two sets of ranks over the cells kept.
fn tau_a(a: &[i32], b: &[i32], kept: impl Fn(usize) -> bool) -> f64 {
    let cells = a.iter().zip(b).enumerate().filter(|(cell, _)| kept(*cell));
    // The order of signed integers as unsigned ones.
    let lifted = |rank: i32| (rank as u32) ^ (1 << 31);
    Kendall::of(cells.map(|(_, (&a, &b))| (lifted(a), lifted(b))).collect()).a()
}

fn ratio(sum: f64, a: f64, b: f64) -> f64 {
    if a > 0.0 && b > 0.0 {
        sum / (a.sqrt() * b.sqrt())
    } else {
        f64::NAN
    }
}

/// Ranks of a model's similarities, nought for what is no pair. Distances made of features are tied
/// if they lie within 1e-12 of their range, so that rounding does not part what is equal.
fn model(source: &Source<'_>, pairs: &Pairs) -> Bands<i32> {
    let mut bands = Bands::filled(pairs, 0);
    let mut values = Bands::filled(pairs, f64::NAN);
    values.fill(pairs, |i, j| -source.distance(pairs, i, j));
    let mut sorted: Vec<(f64, u32)> = Vec::with_capacity(pairs.kept as usize);
    let cells = values.values.iter().enumerate();
    sorted.extend(
        cells
            .filter(|(_, v)| !v.is_nan())
            .map(|(at, &v)| (v, at as u32)),
    );
    drop(values);
    sorted.par_sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let near = match (source, sorted.first(), sorted.last()) {
        (Source::Rows(_), Some(low), Some(high)) => 1e-12 * (high.0 - low.0),
        _ => 0.0,
    };
    let mut from = 0;
    while from < sorted.len() {
        let mut to = from + 1;
        while to < sorted.len() && sorted[to].0 - sorted[to - 1].0 <= near {
            to += 1;
        }
        let rank = (from + to) as i64 - sorted.len() as i64;
        for &(_, cell) in &sorted[from..to] {
            bands.values[cell as usize] = rank as i32;
        }
        from = to;
    }
    bands
}

/// Σ a b, exact.
fn product(a: &[i32], b: &[i32]) -> i128 {
    let chunks = a.chunks(CHUNK).zip(b.chunks(CHUNK));
    chunks.map(|(a, b)| i128::from(products(a, b))).sum()
}

fn products(a: &[i32], b: &[i32]) -> i64 {
    a.iter()
        .zip(b)
        .map(|(&a, &b)| i64::from(a) * i64::from(b))
        .sum()
}

/// Unsigned integers in the order of numbers, both zeros the same.
fn ordered(value: f32) -> u32 {
    let bits = (value + 0.0).to_bits();
    if bits >> 31 == 1 {
        !bits
    } else {
        bits | 1 << 31
    }
}
