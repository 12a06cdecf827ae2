//! The canonical trial record as Parquet: the interchange form, read by pandas, Arrow and R alike.
//!
//! | column | type | meaning |
//! |---|---|---|
//! | `trial_id` | u64 | number of the trial in its design |
//! | `agent_id`, `rater_id` | text | who chose |
//! | `a`, `b`, `c` | u32 | stimuli in presented order, counted from 0 |
//! | `choice` | u8 or null | place of the odd one, 0–2 |
//! | `status` | text | `ok`, `invalid`, `ambiguous`, `refused`, `timeout`, `failed` |
//! | `rep` | u16 | how often the triplet was shown in this order before |
//! | `order_code` | u8 | which of the six orders of the ids this is; derived, never read |
//! | `split` | text | `train`, `validation`, `test`, `ceiling`, `fullset` |
//! | `prompt_hash`, `model_rev`, `raw_response_ref` | text | provenance |
//! | `temperature` | f32 | |
//! | `seed` | u64 | |
//! | `t_ms` | f32 | response time |
//!
//! The file's metadata say `emotome.n_stimuli`, `emotome.presented_order` and, where known,
//! `emotome.stimulus_keys` (a JSON list). Of files written elsewhere only `a`, `b`, `c` and `choice`
//! are needed; integers of any width, whole floats and, for the stimuli, keys as text are read.

mod pages;
mod read;
mod write;

pub(super) use read::read;
pub use write::RecordWriter;
pub(super) use write::write;

use super::error::FormatError;
use crate::trial::{Outcome, Split, Triplet};
use parquet::errors::ParquetError;
use std::path::Path;

const SCHEMA: &str = "message trials {
    optional int64 trial_id (INTEGER(64, false));
    optional binary agent_id (STRING);
    optional binary rater_id (STRING);
    required int32 a (INTEGER(32, false));
    required int32 b (INTEGER(32, false));
    required int32 c (INTEGER(32, false));
    optional int32 choice (INTEGER(8, false));
    required binary status (STRING);
    optional int32 rep (INTEGER(16, false));
    required int32 order_code (INTEGER(8, false));
    optional binary split (STRING);
    optional binary prompt_hash (STRING);
    optional binary model_rev (STRING);
    optional float temperature;
    optional int64 seed (INTEGER(64, false));
    optional binary raw_response_ref (STRING);
    optional float t_ms;
}";

const N_STIMULI: &str = "emotome.n_stimuli";
const KEYS: &str = "emotome.stimulus_keys";
const ORDER: &str = "emotome.presented_order";
const LOST: &str = "lost-odd-last";

/// One canonical trial: what was shown, what became of it, and where it comes from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Record<'a> {
    /// The trial's number in its design.
    pub number: Option<u64>,
    /// The model or group that chose.
    pub agent: Option<&'a str>,
    /// The person who chose.
    pub rater: Option<&'a str>,
    /// The stimuli in presented order.
    pub triplet: Triplet,
    /// What became of the trial.
    pub outcome: Outcome,
    /// How often the triplet was shown in this order before.
    pub replicate: Option<u16>,
    /// What the trial may be used for.
    pub split: Option<Split>,
    /// Hash of the full prompt.
    pub prompt_hash: Option<&'a str>,
    /// Revision of the model.
    pub model_rev: Option<&'a str>,
    /// Sampling temperature.
    pub temperature: Option<f32>,
    /// Sampling seed.
    pub seed: Option<u64>,
    /// Where the raw reply is kept.
    pub raw_response_ref: Option<&'a str>,
    /// The response time in milliseconds.
    pub response_ms: Option<f32>,
}

impl Record<'_> {
    /// A trial of which only the outcome is known.
    #[must_use]
    pub const fn new(triplet: Triplet, outcome: Outcome) -> Self {
        Self {
            number: None,
            agent: None,
            rater: None,
            triplet,
            outcome,
            replicate: None,
            split: None,
            prompt_hash: None,
            model_rev: None,
            temperature: None,
            seed: None,
            raw_response_ref: None,
            response_ms: None,
        }
    }
}

fn damaged(path: &Path, what: &str, error: ParquetError) -> FormatError {
    FormatError::Binary {
        path: path.into(),
        problem: format!("{what}: {error}"),
    }
}
