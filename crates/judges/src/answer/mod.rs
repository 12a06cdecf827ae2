//! How a model is asked for the odd one out, and how its replies become an answer.
//!
//! Four answer modes are four different experiments:
//!
//! | mode | what is asked | what counts as the answer |
//! |---|---|---|
//! | [`free`](Mode::Free) | describe the three, then choose in a fixed form | the one stimulus named in that form ([`reading`]) |
//! | [`choice`](Mode::Choice) | a label, which the server makes sure of | the label |
//! | [`logprob`](Mode::Logprob) | one token, in one, three or six orders | the most probable place, over all orders |
//! | `readout` | the next word after one stimulus | see the crate's `readout` |
//!
//! [`AskParams::check`] makes the [`Dialogue`] of the first three. A reply that refuses is told
//! from one that fails to answer in six shapes ([`refusal`]); what is kept of replies, and how to
//! read it back, stands in [`kept`].

mod audit;
mod choice;
mod free;
pub mod kept;
mod logprob;
mod params;
mod questions;
pub mod reading;
pub mod refusal;

pub(crate) use kept::keep_orders;
pub use kept::{OrderRead, audit_of, orders_of};
pub(crate) use logprob::decide;
pub use params::{AskError, AskParams, Decoding, Mode, Orders};

use crate::dialogue::Dialogue;

/// A dialogue of any mode.
pub type AnyDialogue = Box<dyn Dialogue>;
