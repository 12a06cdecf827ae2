//! Where in the brain an agent's geometry lives.
//!
//! Responses to stimuli are kept by voxel and joined to models by stimulus key; distances between
//! stimuli are compared within regions and searchlights, and tested by what can be exchanged.

pub mod encode;
pub mod import;
pub mod inference;
pub mod model;
pub mod rdm;
pub mod regions;
pub mod searchlight;
pub mod simulate;
pub mod store;
pub mod surface;
