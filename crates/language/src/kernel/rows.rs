//! What happens to each row of activations by itself.

#![allow(unsafe_code)]

use super::Matrix;
use emotome_lanes::{InstructionSet, LANES, Lanes, Task};
use rayon::prelude::*;

/// Rows per task.
const TASK_ROWS: usize = 16;

/// x ← x + y, element by element.
pub(crate) fn add(x: &mut Matrix, y: &Matrix) {
    assert_eq!((x.rows(), x.width()), (y.rows(), y.width()));
    let chunk = TASK_ROWS * x.stride();
    x.values_mut()
        .par_chunks_mut(chunk)
        .zip(y.values().par_chunks(chunk))
        .for_each(|(x, y)| x.iter_mut().zip(y).for_each(|(x, y)| *x += y));
}

/// Root-mean-square normalisation of each row (Zhang & Sennrich 2019, arXiv:1910.07467):
/// out = x · w / √(mean x² + ε).
pub(crate) fn normalise(
    set: InstructionSet,
    x: &Matrix,
    weight: &[f32],
    epsilon: f32,
    out: &mut Matrix,
) {
    assert_eq!((x.rows(), x.width()), (out.rows(), out.width()));
    assert_eq!(x.width(), weight.len());
    out.values_mut().copy_from_slice(x.values());
    let (stride, width) = (x.stride(), x.width());
    out.values_mut()
        .par_chunks_mut(TASK_ROWS * stride)
        .for_each(|rows| {
            // SAFETY: `set` comes from `InstructionSet::available`.
            unsafe {
                set.run(Normalise {
                    rows,
                    stride,
                    width,
                    weight,
                    epsilon,
                });
            }
        });
}

/// [`normalise`] of each part of each row by itself, in place; parts are as long as `weight`.
pub(crate) fn normalise_parts(set: InstructionSet, x: &mut Matrix, weight: &[f32], epsilon: f32) {
    let (stride, width) = (x.stride(), weight.len());
    assert!(x.width() == stride && stride.is_multiple_of(width) && width.is_multiple_of(LANES));
    x.values_mut()
        .par_chunks_mut(TASK_ROWS * stride)
        .for_each(|rows| {
            // SAFETY: `set` comes from `InstructionSet::available`.
            unsafe {
                set.run(Normalise {
                    rows,
                    stride: width,
                    width,
                    weight,
                    epsilon,
                });
            }
        });
}

struct Normalise<'a> {
    rows: &'a mut [f32],
    stride: usize,
    width: usize,
    weight: &'a [f32],
    epsilon: f32,
}

impl Task for Normalise<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        for row in self.rows.chunks_exact_mut(self.stride) {
            // SAFETY: rows are whole vectors, and the caller's CPU has the instructions.
            let squares = unsafe {
                let mut squares = V::splat(0.0);
                for x in row.chunks_exact(LANES) {
                    let x = V::load(x.as_ptr());
                    squares = x.mul_add(x, squares);
                }
                squares.sum()
            };
            let scale = 1.0 / (squares / self.width as f32 + self.epsilon).sqrt();
            for (x, weight) in row.iter_mut().zip(self.weight) {
                *x = *x * scale * weight;
            }
        }
    }
}

/// SwiGLU (Shazeer 2020, arXiv:2002.05202): gate ← gate / (1 + e^−gate) · up.
pub(crate) fn swiglu(set: InstructionSet, gate: &mut Matrix, up: &Matrix) {
    assert_eq!((gate.rows(), gate.width()), (up.rows(), up.width()));
    let chunk = TASK_ROWS * gate.stride();
    gate.values_mut()
        .par_chunks_mut(chunk)
        .zip(up.values().par_chunks(chunk))
        .for_each(|(gate, up)| {
            // SAFETY: `set` comes from `InstructionSet::available`.
            unsafe { set.run(SwiGlu { gate, up }) };
        });
}

struct SwiGlu<'a> {
    gate: &'a mut [f32],
    up: &'a [f32],
}

impl Task for SwiGlu<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        // SAFETY: rows are whole vectors, and the caller's CPU has the instructions.
        unsafe {
            let (zero, one) = (V::splat(0.0), V::splat(1.0));
            for (gate, up) in self
                .gate
                .chunks_exact_mut(LANES)
                .zip(self.up.chunks_exact(LANES))
            {
                let g = V::load(gate.as_ptr());
                let swish = g.div(zero.sub(g).exp().add(one));
                swish.mul(V::load(up.as_ptr())).store(gate.as_mut_ptr());
            }
        }
    }
}

/// What turns the logits of a row into log-probabilities: log p_i = (z_i − max z) − ln Σ e^(z − max z).
#[derive(Debug, Clone, Copy)]
pub(crate) struct LogSoftmax {
    /// The largest logit.
    pub(crate) max: f32,
    /// Σ e^(z − max z); NaN if a logit is not finite.
    pub(crate) sum: f64,
}

/// The [`LogSoftmax`] of each row; *O*(numbers).
///
/// Sums are `f32` lanes over 1,024 numbers at a time, then `f64` over these.
pub(crate) fn log_softmax(set: InstructionSet, logits: &Matrix) -> Vec<LogSoftmax> {
    (0..logits.rows())
        .into_par_iter()
        .with_max_len(1)
        // SAFETY: `set` comes from `InstructionSet::available`.
        .map(|row| unsafe { set.run(SumExp { z: logits.row(row) }) })
        .collect()
}

struct SumExp<'a> {
    z: &'a [f32],
}

impl Task for SumExp<'_> {
    type Output = LogSoftmax;

    #[inline(always)]
    unsafe fn run<V: Lanes>(self) -> LogSoftmax {
        let max = self.z.iter().fold(f32::NEG_INFINITY, |a, &b| a.max(b));
        let mut sum = if self.z.iter().all(|z| z.is_finite()) {
            0.0
        } else {
            f64::NAN
        };
        for part in self.z.chunks(1024) {
            // SAFETY: whole vectors are read from the part, the rest through an array of one vector,
            // and the caller's CPU has the instructions.
            unsafe {
                let (max, mut lanes) = (V::splat(max), V::splat(0.0));
                let (whole, rest) = part.as_chunks::<LANES>();
                for z in whole {
                    lanes = lanes.add(V::load(z.as_ptr()).sub(max).exp());
                }
                let mut last = [f32::NEG_INFINITY; LANES];
                last[..rest.len()].copy_from_slice(rest);
                lanes = lanes.add(V::load(last.as_ptr()).sub(max).exp());
                sum += f64::from(lanes.sum());
            }
        }
        LogSoftmax { max, sum }
    }
}
