//! Stimuli and what is known about them, aligned by key and never by row position.

pub mod array;
pub mod captions;
pub mod check;
pub mod digest;
pub mod fetch;
pub mod finding;
pub mod init;
pub mod keys;
pub mod output;
pub mod provenance;
pub mod ratings;
pub mod reconciliation;
pub mod run;
pub mod sources;
pub mod stimulus;
pub mod study;
mod table;

pub use stimulus::{StimulusId, StimulusKey, StimulusSet};
