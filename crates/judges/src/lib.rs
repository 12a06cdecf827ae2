//! Agents that answer odd-one-out trials, and the diagnostics that tell good answers from bad.
//!
//! A [`Judge`] turns a [`Trial`](emotome_triplets::Trial) into a [`Judgment`]. The agents here need
//! no network: [`FeatureJudge`] judges by a table of features, [`ratings::RaterNoiseJudge`] by
//! ratings redrawn from a panel of raters, [`simulated::SimulatedJudge`] by a planted embedding.
//! [`collect`](fn@collect::collect) asks one for the trials of a design and stores the answers,
//! [`tripletize`](fn@tripletize::tripletize) keeps the choices in memory, and
//! [`diagnose`](fn@diagnose::diagnose) says how far the answers can be trusted.

pub mod agree;
pub mod answer;
pub mod batch;
pub mod calibrate;
pub mod chat;
pub mod choice;
pub mod collect;
pub mod diagnose;
pub mod dialogue;
pub mod features;
pub mod journal_sink;
pub mod judge;
pub mod local;
mod lottery;
pub mod naming;
pub mod printable;
pub mod prompt;
pub mod ratings;
pub mod readout;
pub mod server;
pub mod similarity;
pub mod simulated;
pub mod tripletize;

pub use choice::ChoiceRule;
pub use dialogue::{Answer, Dialogue};
pub use features::FeatureJudge;
pub use judge::{Judge, JudgeDescription, Judgment};
pub use similarity::{Centring, Metric, MissingValues, Similarities, SimilarityParams};
