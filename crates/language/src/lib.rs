//! Language models in the process: GGUF files, tokenizers and exact, cached scoring of prompts.

mod cache;
pub mod chat;
mod elementary;
pub mod gguf;
mod kernel;
pub mod model;
mod page;
pub mod quant;
pub mod score;
pub mod tokenizer;
mod trie;
