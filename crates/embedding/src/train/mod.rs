//! Training: fitting embeddings to choices.
//!
//! | Function | Model |
//! |---|---|
//! | [`spose::fit_spose`] | point estimate, L1 penalty; also unconstrained and Euclidean variants |
//! | [`vice::fit_vice`] | distribution over embeddings, spike-and-slab prior, automatic pruning |

mod adam;
mod checkpoint;
mod deck;
mod engine;
mod fit;
mod kernel;
mod lanes;
mod noise;
pub mod spose;
pub mod vice;

pub use adam::Constraint;
pub use checkpoint::{CheckpointError, CheckpointPolicy};
pub use engine::Score;
pub use fit::{Epoch, Fit, FitError, FitOptions, Stop, TrainingData};
pub use kernel::{InstructionSet, Similarity};
