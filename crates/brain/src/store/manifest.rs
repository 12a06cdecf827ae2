//! What `store.json` says.

use emotome_stimuli::provenance::Provenance;
use serde::{Deserialize, Serialize};

use super::place::Space;
use super::standard::{MeansExplain, Standardisation};

/// The name of the format.
pub(super) const FORMAT: &str = "emotome brain store";
/// The version written and read here.
pub(super) const VERSION: u32 = 1;

/// The description of a store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// `emotome brain store`.
    pub format: String,
    /// Version of the format.
    pub version: u32,
    /// The subject.
    pub subject: String,
    /// Whether the responses were simulated.
    pub synthetic: bool,
    /// Rows of `data.npy`.
    pub voxels: usize,
    /// Columns of `data.npy`.
    pub samples: usize,
    /// Samples that take part in analyses.
    pub samples_kept: usize,
    /// Different stimuli among them.
    pub stimuli: usize,
    /// Rows of `regions.npy`; 0 if there is none.
    pub regions: usize,
    /// Where the rows lie.
    pub space: Space,
    /// How responses were standardised.
    pub standardisation: Standardisation,
    /// What was found on the way.
    pub quality: Quality,
    /// Where the store comes from.
    pub provenance: Provenance,
}

/// What was found in the responses before they were standardised.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quality {
    /// Voxels that came.
    pub voxels_seen: usize,
    /// Of them left out because a value is not finite.
    pub not_finite: usize,
    /// Of them left out because they are constant within a run (or over all samples).
    pub constant: usize,
    /// What the means of runs and sessions explain in the others.
    pub means_explain: MeansExplain,
    /// Warnings, as they were shown.
    pub warnings: Vec<String>,
}
