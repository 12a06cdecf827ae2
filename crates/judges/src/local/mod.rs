//! A model that runs in this process: no server, no network, the same bits every time.
//!
//! [`LocalModel`] is a GGUF file with its tokenizer and chat template; [`LocalJudge`] asks it for the
//! odd one out by the probabilities of the three labels as its next token. What prompts share is
//! computed once: put constant text before the stimuli, and ask trials with the same first stimulus
//! one after the other, as [`collect`](fn@collect) does.

mod collect;
mod judge;
mod model;
mod readout;

pub use collect::{LocalParams, collect};
pub use judge::{LocalJudge, LocalJudgeError};
pub use model::{LocalModel, LocalModelError};
pub use readout::{LocalReadout, LocalReadoutError};
