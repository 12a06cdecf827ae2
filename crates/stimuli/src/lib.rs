//! Stimuli and what is known about them, aligned by key and never by row position.

pub mod array;
pub mod digest;
pub mod output;
pub mod provenance;
pub mod run;
pub mod stimulus;

pub use stimulus::{StimulusId, StimulusKey, StimulusSet};
