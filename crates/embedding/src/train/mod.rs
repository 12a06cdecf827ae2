//! Training: fitting embeddings to choices.
//!
//! | Function | Model |
//! |---|---|
//! | [`spose::fit_spose`] | point estimate, L1 penalty; also unconstrained and Euclidean variants |
//! | [`vice::fit_vice`] | distribution over embeddings, spike-and-slab prior, automatic pruning |
//! | [`refit::refit_spose`], [`refit::refit_vice`] | the same, started from a given embedding |
//! | [`select::select_spose`], [`select::select_vice`] | λ, or the prior, by validation, then many seeds |
//! | [`consensus::consensus`], [`consensus::consensus_vice`] | one embedding from many seeds, by alignment and refit |

mod adam;
mod checkpoint;
pub mod consensus;
mod deck;
mod engine;
mod fit;
mod kernel;
mod noise;
pub mod refit;
pub mod select;
pub mod spose;
pub mod vice;

pub use adam::Constraint;
pub use checkpoint::{CheckpointError, CheckpointPolicy};
pub use emotome_lanes::InstructionSet;
pub use engine::Score;
pub use fit::{Epoch, Fit, FitError, FitOptions, Stop, TrainingData};
