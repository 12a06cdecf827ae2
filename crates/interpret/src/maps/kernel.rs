//! The loops over all pairs, sixteen items at a time.

#![allow(unsafe_code)]

use emotome_lanes::{InstructionSet, LANES, Lanes, Task};
use rayon::prelude::*;

/// Rows per task.
const TASK_ROWS: usize = 16;
/// A coordinate so far off that an item there pulls and pushes nothing.
const NOWHERE: f32 = 1e18;
/// A distance whose affinity is 0.
pub(super) const APART: f32 = 1e30;

/// An n × n matrix of `f32` in rows padded to whole vectors.
pub(super) struct Square {
    pub(super) n: usize,
    pub(super) stride: usize,
    pub(super) values: Vec<f32>,
}

impl Square {
    /// All entries, padding too, are `value`.
    pub(super) fn new(n: usize, value: f32) -> Self {
        let stride = n.next_multiple_of(LANES);
        Self {
            n,
            stride,
            values: vec![value; n * stride],
        }
    }

    /// Runs `task` on each row with its number, in parallel.
    pub(super) fn each_row(&mut self, task: impl Fn(usize, &mut [f32]) + Sync) {
        let stride = self.stride;
        self.values
            .par_chunks_mut(TASK_ROWS * stride)
            .enumerate()
            .for_each(|(t, rows)| {
                for (i, row) in rows.chunks_mut(stride).enumerate() {
                    task(t * TASK_ROWS + i, row);
                }
            });
    }

    pub(super) fn row(&self, i: usize) -> &[f32] {
        &self.values[i * self.stride..(i + 1) * self.stride]
    }
}

/// Places of items in the plane, padded to whole vectors with items that are nowhere.
pub(super) struct Places {
    x: Vec<f32>,
    y: Vec<f32>,
}

impl Places {
    pub(super) fn new(n: usize) -> Self {
        let stride = n.next_multiple_of(LANES);
        Self {
            x: vec![NOWHERE; stride],
            y: vec![NOWHERE; stride],
        }
    }

    pub(super) fn set(&mut self, places: &[[f64; 2]]) {
        for (i, place) in places.iter().enumerate() {
            (self.x[i], self.y[i]) = (place[0] as f32, place[1] as f32);
        }
    }
}

/// What all items do to one, q = 1/(1 + ‖yᵢ − yⱼ‖²).
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Force {
    /// Σⱼ p q (yᵢ − yⱼ).
    pub(super) pull: [f64; 2],
    /// Σⱼ q² (yᵢ − yⱼ).
    pub(super) push: [f64; 2],
    /// Σⱼ q without the item itself.
    pub(super) near: f64,
}

/// The forces on every item: O(n²).
pub(super) fn forces(set: InstructionSet, p: &Square, places: &Places, out: &mut [Force]) {
    assert!(p.n == out.len() && p.stride == places.x.len() && p.stride == places.y.len());
    out.par_chunks_mut(TASK_ROWS)
        .enumerate()
        .for_each(|(t, out)| {
            for (i, force) in out.iter_mut().enumerate() {
                let own = t * TASK_ROWS + i;
                let task = ForceOn {
                    own,
                    p: p.row(own),
                    places,
                };
                // SAFETY: `set` is available where it was made, and all three arrays are `stride` long.
                *force = unsafe { set.run(task) };
            }
        });
}

struct ForceOn<'a> {
    own: usize,
    p: &'a [f32],
    places: &'a Places,
}

impl Task for ForceOn<'_> {
    type Output = Force;

    #[inline(always)]
    unsafe fn run<V: Lanes>(self) -> Force {
        unsafe {
            let (x, y, p) = (
                self.places.x.as_ptr(),
                self.places.y.as_ptr(),
                self.p.as_ptr(),
            );
            let (zero, one) = (V::splat(0.0), V::splat(1.0));
            let (own_x, own_y) = (V::splat(*x.add(self.own)), V::splat(*y.add(self.own)));
            let (mut pull_x, mut pull_y, mut push_x, mut push_y, mut near) =
                (zero, zero, zero, zero, zero);
            let mut j = 0;
            while j < self.p.len() {
                let (dx, dy) = (own_x.sub(V::load(x.add(j))), own_y.sub(V::load(y.add(j))));
                let q = one.div(dx.mul_add(dx, dy.mul_add(dy, one)));
                let pq = q.mul(V::load(p.add(j)));
                let qq = q.mul(q);
                near = near.add(q);
                pull_x = pq.mul_add(dx, pull_x);
                pull_y = pq.mul_add(dy, pull_y);
                push_x = qq.mul_add(dx, push_x);
                push_y = qq.mul_add(dy, push_y);
                j += LANES;
            }
            Force {
                pull: [f64::from(pull_x.sum()), f64::from(pull_y.sum())],
                push: [f64::from(push_x.sum()), f64::from(push_y.sum())],
                near: f64::from(near.sum()) - 1.0,
            }
        }
    }
}

/// Replaces shifted distances d by e^(−β d) and returns Σ e^(−β d) and Σ d e^(−β d); without a target,
/// returns the sums only.
pub(super) fn gaussian(
    set: InstructionSet,
    d: &[f32],
    beta: f32,
    target: Option<&mut [f32]>,
) -> (f64, f64) {
    let target = target.map(|t| {
        assert_eq!(t.len(), d.len());
        t.as_mut_ptr()
    });
    assert!(d.len().is_multiple_of(LANES));
    // SAFETY: `set` is available where it was made; both arrays are whole vectors of one length.
    unsafe { set.run(Gaussian { d, beta, target }) }
}

struct Gaussian<'a> {
    d: &'a [f32],
    beta: f32,
    target: Option<*mut f32>,
}

impl Task for Gaussian<'_> {
    type Output = (f64, f64);

    #[inline(always)]
    unsafe fn run<V: Lanes>(self) -> (f64, f64) {
        unsafe {
            let slope = V::splat(-self.beta);
            let (mut sum, mut moment) = (V::splat(0.0), V::splat(0.0));
            let mut j = 0;
            while j < self.d.len() {
                let d = V::load(self.d.as_ptr().add(j));
                let e = d.mul(slope).exp();
                sum = sum.add(e);
                moment = d.mul_add(e, moment);
                if let Some(target) = self.target {
                    e.store(target.add(j));
                }
                j += LANES;
            }
            (f64::from(sum.sum()), f64::from(moment.sum()))
        }
    }
}

/// For every item Σⱼ (dᵢⱼ/‖yᵢ − yⱼ‖)(yᵢ − yⱼ) and Σⱼ (‖yᵢ − yⱼ‖ − dᵢⱼ)², j ≠ i: O(n²).
pub(super) fn guttman(
    set: InstructionSet,
    d: &Square,
    places: &Places,
    out: &mut [([f64; 2], f64)],
) {
    assert!(d.n == out.len() && d.stride == places.x.len() && d.stride == places.y.len());
    out.par_chunks_mut(TASK_ROWS)
        .enumerate()
        .for_each(|(t, out)| {
            for (i, sums) in out.iter_mut().enumerate() {
                let own = t * TASK_ROWS + i;
                let task = GuttmanOf {
                    own,
                    n: d.n,
                    d: d.row(own),
                    places,
                };
                // SAFETY: `set` is available where it was made, and all three arrays are `stride` long.
                *sums = unsafe { set.run(task) };
            }
        });
}

struct GuttmanOf<'a> {
    own: usize,
    n: usize,
    d: &'a [f32],
    places: &'a Places,
}

impl Task for GuttmanOf<'_> {
    type Output = ([f64; 2], f64);

    #[inline(always)]
    unsafe fn run<V: Lanes>(self) -> ([f64; 2], f64) {
        unsafe {
            let (x, y, d) = (
                self.places.x.as_ptr(),
                self.places.y.as_ptr(),
                self.d.as_ptr(),
            );
            let zero = V::splat(0.0);
            let tiny = V::splat(1e-30);
            let (own_x, own_y) = (V::splat(*x.add(self.own)), V::splat(*y.add(self.own)));
            let (mut sum_x, mut sum_y, mut stress) = (zero, zero, zero);
            let mut j = 0;
            // Padding would add infinite stress: whole vectors of items first, then the rest one by one.
            while j + LANES <= self.n {
                let (dx, dy) = (own_x.sub(V::load(x.add(j))), own_y.sub(V::load(y.add(j))));
                let length = dx.mul_add(dx, dy.mul(dy)).max(tiny).sqrt();
                let given = V::load(d.add(j));
                let ratio = given.div(length);
                let off = length.sub(given);
                sum_x = ratio.mul_add(dx, sum_x);
                sum_y = ratio.mul_add(dy, sum_y);
                stress = off.mul_add(off, stress);
                j += LANES;
            }
            let (mut sums, mut total) = (
                [f64::from(sum_x.sum()), f64::from(sum_y.sum())],
                f64::from(stress.sum()),
            );
            while j < self.n {
                let (dx, dy) = (*x.add(self.own) - *x.add(j), *y.add(self.own) - *y.add(j));
                let length = (dx * dx + dy * dy).max(1e-30).sqrt();
                let (ratio, off) = (*d.add(j) / length, length - *d.add(j));
                sums[0] += f64::from(ratio * dx);
                sums[1] += f64::from(ratio * dy);
                total += f64::from(off * off);
                j += 1;
            }
            (sums, total)
        }
    }
}

/// Σ_d (x_jd − x_id)² of each item j from item i, terms in the order of the features, which lie one after the
/// other: the same bits on every instruction set.
pub(super) fn squared_distances(features: &[f64], i: usize, out: &mut [f64]) {
    let task = SquaredDistances { features, i, out };
    // SAFETY: the set is one that this CPU has, and the task demands nothing.
    unsafe { InstructionSet::detect().run(task) }
}

struct SquaredDistances<'a> {
    features: &'a [f64],
    i: usize,
    out: &'a mut [f64],
}

impl Task for SquaredDistances<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let Self { features, i, out } = self;
        let n = out.len();
        out.fill(0.0);
        // Four features at once: a sum is loaded and stored a quarter as often.
        let mut fours = features.chunks_exact(4 * n);
        for four in &mut fours {
            let (first, others) = four.split_at(n);
            let (second, others) = others.split_at(n);
            let (third, fourth) = others.split_at(n);
            let own = [first[i], second[i], third[i], fourth[i]];
            for j in 0..n {
                let from = [
                    first[j] - own[0],
                    second[j] - own[1],
                    third[j] - own[2],
                    fourth[j] - own[3],
                ];
                let two = out[j] + from[0] * from[0] + from[1] * from[1];
                out[j] = two + from[2] * from[2] + from[3] * from[3];
            }
        }
        for feature in fours.remainder().chunks_exact(n) {
            let own = feature[i];
            for (sum, value) in out.iter_mut().zip(feature) {
                *sum += (value - own) * (value - own);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use emotome_stats::random::{CounterRng, Seed};

    fn sample(n: usize) -> (Square, Places, Vec<[f64; 2]>) {
        let mut rng = CounterRng::new(Seed(5), 0);
        let places: Vec<[f64; 2]> = (0..n).map(|_| [3.0 * rng.normal(), rng.normal()]).collect();
        let mut p = Square::new(n, 0.0);
        for i in 0..n {
            for j in 0..n {
                p.values[i * p.stride + j] = if i == j { 0.0 } else { rng.uniform() as f32 };
            }
        }
        let mut padded = Places::new(n);
        padded.set(&places);
        (p, padded, places)
    }

    #[test]
    fn every_instruction_set_gives_the_same_forces_and_they_are_the_sums_over_pairs() {
        for n in [5, 16, 37] {
            let (p, padded, places) = sample(n);
            let mut reference: Option<Vec<Force>> = None;
            for set in InstructionSet::available() {
                let mut out = vec![Force::default(); n];
                forces(set, &p, &padded, &mut out);
                let mut moved = vec![([0.0; 2], 0.0); n];
                guttman(set, &p, &padded, &mut moved);
                for i in 0..n {
                    let (mut exact, mut towards, mut stress) = (Force::default(), [0.0; 2], 0.0);
                    for j in (0..n).filter(|&j| j != i) {
                        let d = [0, 1].map(|a| places[i][a] - places[j][a]);
                        let length = d[0].hypot(d[1]);
                        let (q, p) = (1.0 / (1.0 + length * length), f64::from(p.row(i)[j]));
                        exact.near += q;
                        stress += (length - p).powi(2);
                        for a in 0..2 {
                            exact.pull[a] += p * q * d[a];
                            exact.push[a] += q * q * d[a];
                            towards[a] += p / length * d[a];
                        }
                    }
                    let close =
                        |a: f64, b: f64| assert!((a - b).abs() < 1e-5 * (1.0 + b.abs()), "{a} {b}");
                    for a in 0..2 {
                        close(out[i].pull[a], exact.pull[a]);
                        close(out[i].push[a], exact.push[a]);
                        close(moved[i].0[a], towards[a]);
                    }
                    close(out[i].near, exact.near);
                    close(moved[i].1, stress);
                }
                assert_eq!(
                    *reference.get_or_insert_with(|| out.clone()),
                    out,
                    "{set:?}"
                );
            }
        }
    }

    #[test]
    fn distances_are_sums_over_features_in_order_whatever_their_number() {
        for d in [1, 3, 4, 9] {
            let features: Vec<f64> = (0..7 * d).map(|i| (i as f64).sin()).collect();
            let mut found = vec![f64::NAN; 7];
            super::squared_distances(&features, 2, &mut found);
            for (j, found) in found.iter().enumerate() {
                let from = |f: usize| features[7 * f + j] - features[7 * f + 2];
                let expected = (0..d).fold(0.0, |sum, f| sum + from(f) * from(f));
                assert_eq!(*found, expected);
            }
        }
    }
}
