//! Maps of the brain: parcels on the flattened cortex, volumes on surfaces and in slices, two models by voxel.

mod draw;
mod error;
mod overlays;
mod parcels;
mod surface;
mod volume;

pub use draw::{Fade, FadeBy, Look, MapSummary, Outline, Sure, Target};
pub use error::MapError;
pub(crate) use parcels::region_map;
pub use parcels::{ParcelMapRequest, parcel_map};
pub use surface::{Depth, SurfaceMapRequest, surface_map};
pub use volume::{CompareMapsRequest, Cut, SliceMapRequest, compare_maps, slice_map};
