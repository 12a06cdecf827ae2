//! What a store holds.

use crate::WorkflowError;
use emotome_brain::store::{Manifest, Store};
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::Path;

/// A store at a glance. Field names are stable.
#[derive(Debug, Clone, Serialize)]
pub struct BrainInfo {
    /// Its description.
    pub manifest: Manifest,
    /// Different sessions.
    pub sessions: usize,
    /// Different runs.
    pub runs: usize,
    /// Pairs of samples that show the same clip, those left out of analyses too.
    pub repeated_pairs: usize,
    /// Sets of voxels that came with the responses.
    pub regions: Vec<RegionInfo>,
}

/// A set of voxels. Field names are stable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RegionInfo {
    /// Its name.
    pub name: String,
    /// Its voxels.
    pub voxels: usize,
}

/// Looks into a store; its sizes are checked against one another.
///
/// # Errors
/// [`WorkflowError::Store`] if it is damaged.
pub fn brain_info(store: &Path) -> Result<BrainInfo, WorkflowError> {
    let store = Store::open(store)?;
    let distinct = |of: fn(&emotome_brain::store::Sample) -> u32| {
        store
            .samples()
            .iter()
            .map(of)
            .collect::<BTreeSet<u32>>()
            .len()
    };
    let regions = store.regions();
    let sets = regions.names.iter().zip(regions.members.outer_iter());
    Ok(BrainInfo {
        manifest: store.manifest().clone(),
        sessions: distinct(|sample| sample.session),
        runs: distinct(|sample| sample.run),
        repeated_pairs: store.repeated().len(),
        regions: sets
            .map(|(name, members)| RegionInfo {
                name: name.clone(),
                voxels: members.iter().filter(|&&member| member).count(),
            })
            .collect(),
    })
}
