//! The arithmetic of a transformer, with the same bits everywhere.
//!
//! Every number that a kernel computes is defined by its inputs alone:
//!
//! ```text
//! products      one chain of fused multiply-adds along the inner axis, from 0, in order
//! sums          sixteen lanes, position mod 16, each in order; then halves added: 16 → 8 → 4 → 2 → 1
//! exp           one polynomial (emotome_lanes)
//! all else      single correctly rounded operations
//! ```
//!
//! So neither the number of threads, nor which prompts share a batch, nor how much of a prompt was
//! computed before, nor the instruction set changes a bit. Weights stay quantised in memory and are
//! unpacked to `f32` a panel at a time; activations are `f32` throughout, never quantised.
//!
//! Rows of activations are padded with zeros to whole vectors ([`Matrix`]).

mod attention;
mod matrix;
mod rows;
#[cfg(test)]
mod tests;
mod tile;
mod unpack;
mod weights;

pub(crate) use attention::{Attention, KeyedRow, attend};
pub(crate) use matrix::Matrix;
pub(crate) use rows::{LogSoftmax, add, log_softmax, normalise, normalise_parts, swiglu};
pub(crate) use weights::{Weights, products};
