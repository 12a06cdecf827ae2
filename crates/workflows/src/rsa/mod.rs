//! Brains compared with models: around every voxel, in regions, or two files alone.

mod brain;
mod checkpoint;
mod compare;
mod error;
mod group;
mod models;
mod records;
mod regions;
mod roi;
mod searchlight;
mod space;
mod volume;

pub use brain::{BareFiles, BrainOf, BrainReport, Pairs};
pub use compare::{CompareRequest, CompareSummary, compare};
pub use error::RsaError;
pub use group::{
    ClusterThreshold, FoundWhere, GroupError, GroupRequest, GroupSummary, Prevalent, Replicated,
    SubjectMap, Untested, WrittenMap, group,
};
pub use models::{Control, Holds, LeftOut, ModelOf, ModelReport};
pub use regions::{ParcelsOf, RegionsOf};
pub(crate) use roi::bars;
pub use roi::{RoiCell, RoiGroup, RoiPair, RoiRequest, RoiSummary, SharedVariance, roi};
pub use searchlight::{
    ClusterWise, Enhanced, FamilyWise, Held, JointMap, JointMaps, ModelMap, Relabelling, Searched,
    SearchlightRequest, searchlight,
};
pub(crate) use volume::{beside, describe, entity};
