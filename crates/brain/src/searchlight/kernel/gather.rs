//! The voxels of a sphere as unit patterns of stimuli.

#![allow(unsafe_code)]

use emotome_lanes::{InstructionSet, LANES, Lanes, Task};

use super::Rows;

/// Vectors handled at once: 123 voxels × 4 vectors are 31 kB.
const WIDTH: usize = 4;

/// A pattern whose spread over voxels is below this part of its mean is constant in single
/// precision.
const SPREAD: f32 = 1.0 / (1 << 20) as f32;

/// The unit patterns of one sphere, a row for each voxel, less a shift for each voxel:
/// y_vi = z_vi − s_v.
///
/// The shift is the mean of the first stimuli, so that products of the y do not cancel when all
/// stimuli share a pattern; all that follows is corrected for it exactly.
#[derive(Debug, Default)]
pub(in crate::searchlight) struct Patterns {
    /// y; zero beyond the stimuli.
    pub(in crate::searchlight) rows: Rows,
    /// s.
    pub(in crate::searchlight) shift: Vec<f32>,
    /// Mean of y over stimuli.
    pub(in crate::searchlight) mean: Vec<f64>,
    /// Stimuli whose pattern is constant over voxels (or zero, if no mean is taken).
    pub(in crate::searchlight) constant: usize,
    sums: Vec<[f32; LANES]>,
}

impl Patterns {
    /// Fills the patterns with `members` of `data`, n numbers a voxel; their mean over voxels is
    /// subtracted if `centre`, and no shift but nought is taken unless `shift`.
    pub(in crate::searchlight) fn gather(
        &mut self,
        set: InstructionSet,
        data: &[f32],
        n: usize,
        members: &[u32],
        centre: bool,
        shift: bool,
    ) {
        let stride = n.next_multiple_of(LANES);
        let padded = members.len().next_multiple_of(4);
        if self.rows.stride != stride {
            self.rows = Rows::zeros(0, n);
        }
        self.rows.rows = members.len();
        self.rows.values.resize(padded * stride, 0.0);
        self.rows.values[members.len() * stride..].fill(0.0);
        self.shift.clear();
        self.shift.resize(padded, 0.0);
        self.sums.clear();
        self.sums.resize(padded, [0.0; LANES]);
        assert!(members.iter().all(|&m| (m as usize + 1) * n <= data.len()));
        let task = Gather {
            data,
            n,
            members,
            centre,
            shift,
            patterns: self,
        };
        // SAFETY: the set is one this CPU has; every member has n numbers, as asserted, and the
        // rows of the patterns hold n rounded up to whole vectors.
        self.constant = unsafe { set.run(task) };
        self.mean.clear();
        let sums = self
            .sums
            .iter()
            .map(|lanes| lanes.iter().map(|&lane| f64::from(lane)).sum::<f64>() / n as f64);
        self.mean.extend(sums);
    }

    /// z̄ = s + mean of y, by voxel.
    pub(in crate::searchlight) fn centroid(&self, voxel: usize) -> f64 {
        f64::from(self.shift[voxel]) + self.mean[voxel]
    }

    /// s·y_i for each stimulus.
    pub(in crate::searchlight) fn along_shift(&self, set: InstructionSet, along: &mut Vec<f32>) {
        along.clear();
        along.resize(self.rows.stride, 0.0);
        // SAFETY: the set is one this CPU has; slices are indexed within their bounds.
        unsafe {
            set.run(Along {
                patterns: self,
                along,
            });
        }
    }
}

struct Along<'a> {
    patterns: &'a Patterns,
    along: &'a mut [f32],
}

impl Task for Along<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        for voxel in 0..self.patterns.rows.rows {
            let row = self.patterns.rows.row(voxel);
            let shift = self.patterns.shift[voxel];
            for (along, &value) in self.along.iter_mut().zip(row) {
                *along += shift * value;
            }
        }
    }
}

struct Gather<'a> {
    data: &'a [f32],
    n: usize,
    members: &'a [u32],
    centre: bool,
    shift: bool,
    patterns: &'a mut Patterns,
}

impl Task for Gather<'_> {
    type Output = usize;

    #[inline(always)]
    unsafe fn run<V: Lanes>(mut self) -> usize {
        let full = self.n / LANES;
        let mut constant = 0;
        let mut at = 0;
        unsafe {
            while at + WIDTH <= full {
                constant += self.chunk::<V, WIDTH, false>(at);
                at += WIDTH;
            }
            while at < full {
                constant += self.chunk::<V, 1, false>(at);
                at += 1;
            }
            if self.n > full * LANES {
                constant += self.chunk::<V, 1, true>(at);
            }
        }
        constant
    }
}

impl Gather<'_> {
    /// `W` vectors from vector `at` on, the last of them not whole if `TAIL`.
    #[inline(always)]
    unsafe fn chunk<V: Lanes, const W: usize, const TAIL: bool>(&mut self, at: usize) -> usize {
        let first = at * LANES;
        let here = (self.n - first).min(W * LANES);
        let zero = [0.0_f32; LANES];
        unsafe {
            let data = self.data.as_ptr().add(first);
            let rows = self.patterns.rows.values.as_mut_ptr().add(first);
            let stride = self.patterns.rows.stride;
            let mut mean = [V::splat(0.0); W];
            if self.centre {
                for &m in self.members {
                    let source = data.add(m as usize * self.n);
                    for w in 0..W {
                        mean[w] = mean[w].add(read::<V, TAIL>(source.add(w * LANES), here));
                    }
                }
                let part = V::splat(1.0 / self.members.len() as f32);
                for w in 0..W {
                    mean[w] = mean[w].mul(part);
                }
            }
            let mut squares = [V::splat(0.0); W];
            for (row, &m) in self.members.iter().enumerate() {
                let source = data.add(m as usize * self.n);
                let target = rows.add(row * stride);
                for w in 0..W {
                    let deviation = read::<V, TAIL>(source.add(w * LANES), here).sub(mean[w]);
                    deviation.store(target.add(w * LANES));
                    squares[w] = deviation.mul_add(deviation, squares[w]);
                }
            }
            // Where a pattern is constant its inverse norm is nought.
            let mut inverse = [V::splat(0.0); W];
            let mut live = [V::splat(0.0); W];
            let size = V::splat(SPREAD * SPREAD * self.members.len() as f32);
            let mut constant = 0;
            for w in 0..W {
                let spread = squares[w].sub(mean[w].mul(mean[w]).mul(size));
                let norm = V::splat(1.0).div(squares[w].sqrt());
                inverse[w] = spread.if_positive(norm, inverse[w]);
                live[w] = inverse[w].if_positive(V::splat(1.0), live[w]);
                let mut lanes = zero;
                live[w].store(lanes.as_mut_ptr());
                for lane in 0..LANES.min(here - w * LANES) {
                    constant += usize::from(lanes[lane] == 0.0);
                }
            }
            if at == 0 && self.shift {
                // The shift is the mean over the first vectors.
                for row in 0..self.members.len() {
                    let target = rows.add(row * stride);
                    let mut sum = V::splat(0.0);
                    for w in 0..W {
                        sum = V::load(target.add(w * LANES)).mul_add(inverse[w], sum);
                    }
                    self.patterns.shift[row] = sum.sum() / here as f32;
                }
            }
            for row in 0..self.members.len() {
                let target = rows.add(row * stride);
                let shift = V::splat(-*self.patterns.shift.get_unchecked(row));
                let sums = self.patterns.sums.get_unchecked_mut(row).as_mut_ptr();
                let mut sum = V::load(sums);
                for w in 0..W {
                    let y = V::load(target.add(w * LANES));
                    let y = y.mul_add(inverse[w], shift.mul(live[w]));
                    y.store(target.add(w * LANES));
                    sum = sum.add(y);
                }
                sum.store(sums);
            }
            constant
        }
    }
}

/// Sixteen numbers; those from `left` on are nought if `TAIL`.
#[inline(always)]
unsafe fn read<V: Lanes, const TAIL: bool>(source: *const f32, left: usize) -> V {
    unsafe {
        if !TAIL {
            return V::load(source);
        }
        let mut lanes = [0.0; LANES];
        std::ptr::copy_nonoverlapping(source, lanes.as_mut_ptr(), left);
        V::load(lanes.as_ptr())
    }
}
