//! Language models in the process: GGUF files, tokenizers and exact, cached scoring of prompts.

pub mod gguf;
pub mod quant;
