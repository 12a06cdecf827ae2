//! The wire form of chat completions: what is sent to which kind of server, and what comes back.
//!
//! A [`Dialect`] says how a kind of server is asked for each thing, and refuses what that kind
//! cannot do, with the reason. [`Conversation`] writes the body of a request, media encoded in
//! place; [`ChatReply`] reads the body of a reply, lenient to what is missing or new.

mod body;
mod dialect;
mod reply;
mod usage;

pub use body::Conversation;
pub use dialect::{Dialect, Passthrough, Tail, Unsupported};
pub use reply::{ChatReply, TokenLogprob};
pub use usage::usage_of;
