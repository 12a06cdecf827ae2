//! What the dimensions of an embedding mean: the ratings that follow them, their names, how much of them
//! ratings explain, and maps of the stimuli.

pub mod chance;
pub mod correlate;
pub mod explained;
pub mod maps;
pub mod naming;
pub mod pairs;
pub mod rating;
mod rows;
