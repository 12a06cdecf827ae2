//! What the dimensions of an embedding mean: the ratings that follow them, their names, how much of them
//! ratings explain, whether they form categories, maps of the stimuli, graphs of the dimensions, and how agents
//! compare.

pub mod align;
pub mod chance;
pub mod correlate;
pub mod explained;
pub mod graph;
pub mod maps;
pub mod naming;
pub mod pairs;
pub mod rating;
pub mod resampling;
mod rows;
pub mod structure;
