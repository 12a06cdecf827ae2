//! Statistics that serve every other crate: counter-based randomness, correlation, resampling,
//! false-discovery control and matching.
//!
//! Nothing here knows about stimuli, triplets or brains. Every function is deterministic given
//! its seed, and gives bit-identical results at any thread count.

pub mod correlation;
pub mod dirichlet;
pub mod distribution;
pub mod interval;
pub mod matching;
pub mod multiplicity;
pub mod permutation;
pub mod random;
pub mod rank;
pub mod regression;
pub mod summary;
