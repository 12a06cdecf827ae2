//! Brains: responses brought into stores, and what a store holds.

mod import;
mod info;
mod simulate;

pub use import::{BrainImportRequest, BrainImported, KeysOf, brain_import};
pub use info::{BrainInfo, RegionInfo, brain_info};
pub use simulate::{BrainSimulateRequest, BrainSimulated, DesignOf, Layout, brain_simulate};
