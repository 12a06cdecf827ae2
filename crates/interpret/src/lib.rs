//! What the dimensions of an embedding mean: the ratings that follow them, their names, how much of them
//! ratings explain, whether they form categories, and maps of the stimuli.

pub mod correlate;
pub mod explained;
pub mod maps;
pub mod naming;
pub mod pairs;
pub mod rating;
mod rows;
pub mod structure;
