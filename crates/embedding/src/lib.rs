//! Sparse non-negative embeddings from odd-one-out choices, and how far to trust them.

pub mod embedding;
pub mod evaluate;
pub mod files;
pub mod train;

pub use embedding::{Embedding, EmbeddingError};
