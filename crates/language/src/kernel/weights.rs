//! Quantised matrices, and their products with rows of activations.

#![allow(unsafe_code)]

use super::Matrix;
use super::tile::{self, ROWS};
use super::unpack::unpack;
use crate::quant::Quant;
use emotome_lanes::{InstructionSet, LANES, Lanes, Task};
use rayon::prelude::*;
use std::cell::RefCell;

/// Most inputs in a panel, a multiple of every quantisation's block: a panel of 48 outputs then
/// takes 147 KB, and stays in the second-level cache with the rows that meet it.
const DEPTH: usize = 768;
/// Fewest rows for which a panel is unpacked once more.
const FEWEST_ROWS: usize = 64;

thread_local! {
    /// Room for a panel of this thread, and for the rows it is made of.
    static PANEL: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// A matrix of weights W with `outputs` rows of `inputs` numbers, and a bias: y = W x + b.
#[derive(Debug)]
pub(crate) struct Weights {
    quant: Quant,
    bytes: Vec<u8>,
    inputs: usize,
    outputs: usize,
    bias: Option<Vec<f32>>,
}

impl Weights {
    /// # Panics
    /// If the bytes are not `outputs` rows of `inputs` numbers, or the bias not `outputs` numbers.
    pub(crate) fn new(
        quant: Quant,
        bytes: Vec<u8>,
        inputs: usize,
        outputs: usize,
        bias: Option<Vec<f32>>,
    ) -> Self {
        assert!(
            inputs.is_multiple_of(quant.block_len()) && DEPTH.is_multiple_of(quant.block_len())
        );
        assert_eq!(bytes.len(), outputs * quant.row_bytes(inputs));
        assert!(bias.as_ref().is_none_or(|bias| bias.len() == outputs));
        Self {
            quant,
            bytes,
            inputs,
            outputs,
            bias,
        }
    }

    pub(crate) const fn outputs(&self) -> usize {
        self.outputs
    }

    /// Bytes of the quantised numbers.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Unpacks a row.
    pub(crate) fn unpack(&self, row: usize, out: &mut [f32]) {
        self.quant.dequantize(self.blocks(row, 0, out.len()), out);
    }

    /// The blocks of numbers `from..from + len` of a row; both ends are those of blocks.
    #[inline(always)]
    fn blocks(&self, row: usize, from: usize, len: usize) -> &[u8] {
        let start = row * self.quant.row_bytes(self.inputs) + self.quant.row_bytes(from);
        &self.bytes[start..start + self.quant.row_bytes(len)]
    }
}

/// Computes y = W x + b for each row x of `inputs` and each of the matrices.
///
/// A task unpacks a panel (a few vectors of outputs, along all inputs or [`DEPTH`] at a time), laid
/// out so that the tile reads it in order, and takes all rows past it. *O*(rows · inputs · outputs)
/// multiply-adds and *O*(inputs · outputs) unpacking.
///
/// # Panics
/// If sizes do not belong together.
pub(crate) fn products(set: InstructionSet, inputs: &Matrix, jobs: &mut [(&Weights, &mut Matrix)]) {
    let rows = inputs.rows();
    if rows == 0 {
        return;
    }
    let targets: Vec<Target<'_>> = jobs
        .iter_mut()
        .map(|(weights, outputs)| {
            assert_eq!(inputs.width(), weights.inputs);
            assert_eq!((outputs.rows(), outputs.width()), (rows, weights.outputs));
            Target {
                weights,
                stride: outputs.stride(),
                values: outputs.values_mut().as_mut_ptr(),
            }
        })
        .collect();
    let panel = panel_outputs(set);
    let panels: Vec<(usize, usize)> = targets
        .iter()
        .enumerate()
        .flat_map(|(target, t)| (0..t.weights.outputs.div_ceil(panel)).map(move |p| (target, p)))
        .collect();
    // How rows are cut changes no bit, so it may follow the number of threads.
    let wanted = 3 * rayon::current_num_threads();
    let cuts = wanted
        .div_ceil(panels.len().max(1))
        .min(rows.div_ceil(FEWEST_ROWS));
    let cut = rows.div_ceil(cuts).next_multiple_of(ROWS);
    let tasks: Vec<_> = panels
        .into_iter()
        .flat_map(|(target, p)| (0..rows).step_by(cut).map(move |row| (target, p, row)))
        .collect();
    tasks
        .par_iter()
        .with_max_len(1)
        .for_each(|&(target, p, row)| {
            let target = &targets[target];
            // SAFETY: `set` comes from `InstructionSet::available`; rows and outputs are inside the
            // matrices, whose sizes were compared above; no other task writes these outputs of these
            // rows, and `jobs` holds the matrices exclusively until all tasks are done.
            unsafe {
                set.run(PanelTask {
                    inputs,
                    target,
                    outputs: p * panel..(p * panel + panel).min(target.weights.outputs),
                    rows: row..(row + cut).min(rows),
                });
            }
        });
}

fn panel_outputs(set: InstructionSet) -> usize {
    struct Vectors;
    impl Task for Vectors {
        type Output = usize;
        #[inline(always)]
        unsafe fn run<V: Lanes>(self) -> usize {
            tile::vectors::<V>()
        }
    }
    // SAFETY: `set` comes from `InstructionSet::available`.
    LANES * unsafe { set.run(Vectors) }
}

/// Where a product goes: tasks write disjoint parts of each row.
struct Target<'a> {
    weights: &'a Weights,
    stride: usize,
    values: *mut f32,
}

// SAFETY: see `products`: no number is written by two tasks or read before all tasks are done.
unsafe impl Sync for Target<'_> {}

struct PanelTask<'a> {
    inputs: &'a Matrix,
    target: &'a Target<'a>,
    outputs: std::ops::Range<usize>,
    rows: std::ops::Range<usize>,
}

impl Task for PanelTask<'_> {
    type Output = ();

    /// Safe where rows and outputs are inside the matrices and nobody else uses these outputs.
    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let weights = self.target.weights;
        let n = self.outputs.len().div_ceil(LANES);
        let mut room = PANEL.with(RefCell::take);
        room.resize((n + 1) * LANES * DEPTH, 0.0);
        let (panel, unpacked) = room.split_at_mut(n * LANES * DEPTH);
        let mut from = 0;
        while from < weights.inputs {
            let depth = DEPTH.min(weights.inputs - from);
            for j in 0..n {
                let first = self.outputs.start + j * LANES;
                for lane in 0..LANES {
                    let row = &mut unpacked[lane * DEPTH..][..depth];
                    if first + lane < self.outputs.end {
                        let blocks = weights.blocks(first + lane, from, depth);
                        // SAFETY: the caller's CPU; `depth` numbers of a row.
                        unsafe { unpack::<V>(weights.quant, blocks, row) };
                    } else {
                        row.fill(0.0);
                    }
                }
                let vector = &mut panel[j * LANES * DEPTH..][..LANES * DEPTH];
                let whole = depth / LANES * LANES;
                for k in (0..whole).step_by(LANES) {
                    // SAFETY: sixteen rows of `DEPTH` numbers, sixteen columns from `k` on; the
                    // target holds `DEPTH` vectors.
                    unsafe {
                        V::transpose(
                            unpacked.as_ptr().add(k),
                            DEPTH,
                            vector.as_mut_ptr().add(k * LANES),
                        );
                    }
                }
                for k in whole..depth {
                    for lane in 0..LANES {
                        vector[k * LANES + lane] = unpacked[lane * DEPTH + k];
                    }
                }
            }
            // SAFETY: the caller's; the panel holds `n` times `depth` vectors.
            unsafe { self.sweep::<V>(panel, n, from, depth) };
            from += depth;
        }
        PANEL.with(|room_of_thread| room_of_thread.replace(room));
    }
}

impl PanelTask<'_> {
    /// Takes all rows past a panel, then adds the bias after its last part.
    #[inline(always)]
    unsafe fn sweep<V: Lanes>(&self, panel: &[f32], n: usize, from: usize, depth: usize) {
        let (inputs, target) = (self.inputs, self.target);
        let mut b = [std::ptr::null(); 3];
        let mut a = [std::ptr::null(); ROWS];
        let mut c = [std::ptr::null_mut(); ROWS];
        for (j, b) in b[..n].iter_mut().enumerate() {
            *b = panel[j * LANES * DEPTH..].as_ptr();
        }
        let mut row = self.rows.start;
        while row < self.rows.end {
            let size = ROWS.min(self.rows.end - row);
            for r in 0..size {
                let start = (row + r) * target.stride + self.outputs.start;
                // SAFETY: inside the matrices, by the caller; rows are padded to whole vectors.
                unsafe {
                    a[r] = inputs
                        .values()
                        .as_ptr()
                        .add((row + r) * inputs.stride() + from);
                    c[r] = target.values.add(start);
                }
            }
            // SAFETY: as above.
            unsafe {
                tile::multiply::<V>(&a[..size], &b[..n], LANES, depth, &c[..size], from == 0);
            };
            if let Some(bias) = &target.weights.bias
                && from + depth == target.weights.inputs
            {
                for &c in &c[..size] {
                    for (i, bias) in bias[self.outputs.clone()].iter().enumerate() {
                        // SAFETY: as above.
                        unsafe { *c.add(i) += bias };
                    }
                }
            }
            row += size;
        }
    }
}
