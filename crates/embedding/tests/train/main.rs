//! Training, through the public interface.

mod recovery;
mod refusals;
mod same_bits;
mod support;
mod vice;
