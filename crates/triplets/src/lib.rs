//! Odd-one-out trials: who was shown what in which order, and which item was called odd.

pub mod cause;
pub mod convention;
pub mod design;
pub mod formats;
pub mod journal;
mod parse;
pub mod plan;
pub mod split;
pub mod trial;
pub mod usage;

pub use cause::Cause;
pub use trial::{Choice, ChoiceSet, Outcome, Position, Split, Trial, Triplet, UnorderedTriplet};
pub use usage::{Nanos, Usage};
