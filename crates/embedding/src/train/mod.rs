//! Training: fitting embeddings to choices.
//!
//! | Function | Model |
//! |---|---|
//! | [`spose::fit_spose`] | point estimate, L1 penalty; also unconstrained and Euclidean variants |
//! | [`refit::refit_spose`] | the same, started from a given embedding |
//! | [`select::select_spose`] | λ by validation, then many seeds |
//! | [`consensus::consensus`] | one embedding from many seeds, by alignment and refit |
//! | [`vice::fit_vice`] | distribution over embeddings, spike-and-slab prior, automatic pruning |

mod adam;
mod checkpoint;
pub mod consensus;
mod deck;
mod engine;
mod fit;
mod kernel;
mod lanes;
mod noise;
pub mod refit;
pub mod select;
pub mod spose;
pub mod vice;

pub use adam::Constraint;
pub use checkpoint::{CheckpointError, CheckpointPolicy};
pub use engine::Score;
pub use fit::{Epoch, Fit, FitError, FitOptions, Stop, TrainingData};
pub use kernel::InstructionSet;
