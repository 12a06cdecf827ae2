//! Maps of the brain: parcels on the flattened cortex, volumes on surfaces and in slices, two models by voxel.

mod draw;
mod error;
mod parcels;
mod surface;
mod volume;

pub use draw::{Look, MapSummary, Target};
pub use error::MapError;
pub use parcels::{ParcelMapRequest, parcel_map};
pub use surface::{Depth, SurfaceMapRequest, surface_map};
pub use volume::{CompareMapsRequest, Cut, SliceMapRequest, compare_maps, slice_map};
