//! Brains compared with models: around every voxel, in regions, or two files alone.

mod brain;
mod checkpoint;
mod compare;
mod error;
mod models;
mod regions;
mod roi;
mod searchlight;
mod volume;

pub use brain::{BareFiles, BrainOf, BrainReport, Pairs};
pub use compare::{CompareRequest, CompareSummary, compare};
pub use error::RsaError;
pub use models::{Holds, LeftOut, ModelOf, ModelReport};
pub use regions::{ParcelsOf, RegionsOf};
pub use roi::{RoiCell, RoiGroup, RoiPair, RoiRequest, RoiSummary, SharedVariance, roi};
pub use searchlight::{
    FamilyWise, ModelMap, Relabelling, Searched, SearchlightRequest, searchlight,
};
