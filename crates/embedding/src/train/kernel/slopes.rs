//! Pass 1: the slope of the loss along each similarity of each trial.

#![allow(unsafe_code)]

use super::{Likelihood, Rows};
use crate::evaluate::score::Similarity;
use emotome_lanes::{InstructionSet, LANES, Lanes, Task};
use rayon::prelude::*;
use std::mem::MaybeUninit;

/// Trials per task; part of the result, since losses are summed by task.
const TASK_TRIALS: usize = 512;

/// ∂loss/∂s of the pairs of each trial of a batch, as ab, ac, bc, ab; for Euclidean similarity
/// divided by the distance.
///
/// The two slopes that a row needs stand side by side for each of the three roles. Trials are
/// rounded up to a multiple of sixteen.
pub(crate) type Slopes = Vec<[f32; 4]>;

/// Pass 1: fills in the slopes of each trial and returns the summed loss.
///
/// `targets`, if given, holds the target probabilities q of each trial's three pairs.
///
/// # Panics
/// If an item is not a row, or there are not as many targets as trials.
pub(crate) fn slopes(
    set: InstructionSet,
    rows: Rows<'_>,
    trials: &[[u32; 3]],
    targets: Option<&[[f32; 3]]>,
    likelihood: Likelihood,
    slopes: &mut Slopes,
) -> f64 {
    assert!(targets.is_none_or(|t| t.len() == trials.len()));
    slopes.resize(trials.len().next_multiple_of(LANES), [0.0; 4]);
    let losses: Vec<f64> = trials
        .par_chunks(TASK_TRIALS)
        .zip(slopes.par_chunks_mut(TASK_TRIALS))
        .enumerate()
        .with_max_len(1)
        .map(|(task, (trials, slopes))| {
            let start = task * TASK_TRIALS;
            let targets = targets.map(|t| &t[start..start + trials.len()]);
            assert_rows(trials, rows);
            // SAFETY: every item is a row, and `set` comes from `InstructionSet::available`.
            unsafe {
                set.run(SlopesTask {
                    rows,
                    trials,
                    targets,
                    likelihood,
                    slopes,
                })
            }
        })
        .collect();
    losses.iter().sum()
}

fn assert_rows(trials: &[[u32; 3]], rows: Rows<'_>) {
    let largest = trials.as_flattened().iter().fold(0, |m, &i| m.max(i));
    assert!((largest as usize) < rows.len());
}

struct SlopesTask<'a> {
    rows: Rows<'a>,
    trials: &'a [[u32; 3]],
    targets: Option<&'a [[f32; 3]]>,
    likelihood: Likelihood,
    slopes: &'a mut [[f32; 4]],
}

impl Task for SlopesTask<'_> {
    type Output = f64;

    /// Safe where every item of the trials is a row.
    #[inline(always)]
    unsafe fn run<V: Lanes>(self) -> f64 {
        let Likelihood { similarity, lapse } = self.likelihood;
        let mut loss = 0.0;
        for (block, trials) in self.trials.chunks(LANES).enumerate() {
            let mut q = [[0.0_f32; LANES]; 3];
            match self.targets {
                Some(targets) => {
                    for (t, target) in targets[block * LANES..][..trials.len()].iter().enumerate() {
                        for pair in 0..3 {
                            q[pair][t] = target[pair];
                        }
                    }
                }
                None => {
                    for t in 0..trials.len() {
                        q[0][t] = 1.0;
                    }
                }
            }
            let slopes = &mut self.slopes[block * LANES..][..LANES];
            // SAFETY: the caller's, and `slopes` are those of sixteen trials.
            unsafe {
                let s = similarities::<V>(self.rows, trials, similarity);
                let (mut g, losses) = softmax_slopes::<V>(s, &q, lapse);
                if similarity == Similarity::NegativeEuclidean {
                    for pair in 0..3 {
                        // ∂(−‖x_i − x_j‖)/∂x_i = (x_j − x_i)/‖x_i − x_j‖; at zero distance take 0.
                        let distance = V::splat(0.0).sub(s[pair]);
                        g[pair] = distance.if_positive(g[pair].div(distance), V::splat(0.0));
                    }
                }
                V::store_fours([g[0], g[1], g[2], g[0]], slopes.as_mut_ptr());
                loss += f64::from(losses.sum());
            }
        }
        loss
    }
}

/// The similarities of the pairs (0,1), (0,2), (1,2) of up to sixteen trials, a trial a lane; 0
/// where there is no trial.
///
/// # Safety
/// Every item must be a row.
#[inline(always)]
unsafe fn similarities<V: Lanes>(
    rows: Rows<'_>,
    trials: &[[u32; 3]],
    similarity: Similarity,
) -> [V; 3] {
    let mut partial = [const { MaybeUninit::<[[f32; LANES]; LANES]>::uninit() }; 3];
    unsafe {
        if trials.len() < LANES {
            partial = [const { MaybeUninit::zeroed() }; 3];
        }
        for (t, items) in trials.iter().take(LANES).enumerate() {
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
            for pair in 0..3 {
                sums[pair].store(partial[pair].as_mut_ptr().cast::<f32>().add(t * LANES));
            }
        }
        let mut out = [V::splat(0.0); 3];
        for pair in 0..3 {
            // All sixteen vectors were stored, or zeros where there was no trial.
            let sum = V::sum_each(partial[pair].assume_init_ref());
            out[pair] = match similarity {
                Similarity::Dot => sum,
                Similarity::NegativeEuclidean => V::splat(0.0).sub(sum.sqrt()),
            };
        }
        out
    }
}

/// Slopes and losses of sixteen trials: softmax with the maximum subtracted.
///
/// A lane whose targets are all zero has no slope and no loss.
#[inline(always)]
unsafe fn softmax_slopes<V: Lanes>(s: [V; 3], q: &[[f32; LANES]; 3], lapse: f32) -> ([V; 3], V) {
    unsafe {
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
        (g, loss)
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
    assert_eq!(trials.len(), similar.len());
    trials
        .par_chunks(TASK_TRIALS)
        .zip(similar.par_chunks_mut(TASK_TRIALS))
        .for_each(|(trials, similar)| {
            assert_rows(trials, rows);
            // SAFETY: every item is a row, and `set` comes from `InstructionSet::available`.
            unsafe {
                set.run(SimilaritiesTask {
                    rows,
                    trials,
                    similarity,
                    similar,
                });
            }
        });
}

struct SimilaritiesTask<'a> {
    rows: Rows<'a>,
    trials: &'a [[u32; 3]],
    similarity: Similarity,
    similar: &'a mut [[f32; 3]],
}

impl Task for SimilaritiesTask<'_> {
    type Output = ();

    /// Safe where every item of the trials is a row.
    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let blocks = self
            .trials
            .chunks(LANES)
            .zip(self.similar.chunks_mut(LANES));
        for (trials, similar) in blocks {
            // SAFETY: the caller's, and `lanes` holds sixteen values.
            unsafe {
                let s = similarities::<V>(self.rows, trials, self.similarity);
                for pair in 0..3 {
                    let mut lanes = [0.0; LANES];
                    s[pair].store(lanes.as_mut_ptr());
                    for (similar, lane) in similar.iter_mut().zip(lanes) {
                        similar[pair] = lane;
                    }
                }
            }
        }
    }
}
