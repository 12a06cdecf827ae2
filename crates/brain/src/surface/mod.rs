//! Cortical surfaces: sampling of volumes, discs, resampling between spheres, flat maps and the outlines of parcels.

mod bins;
pub mod disc;
pub mod flat;
mod mesh;
pub mod mmp;
mod outline;
pub mod sample;
pub mod search;
pub mod sphere;

pub use disc::{Discs, Distance, Reach, discs};
pub use flat::FlatRaster;
pub use mesh::{Mesh, MeshError};
pub use outline::{Arc, Outlines, inner_point};
pub use sample::{Interpolation, Sampler, SamplingKind};
pub use sphere::SphereMap;
