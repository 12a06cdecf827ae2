//! Files of neuroimaging, read as streams and written whole.
//!
//! Every reader compares what a header claims with what the file holds before it reserves memory.

pub mod bdata;
pub mod cifti;
pub mod derivatives;
pub mod freesurfer;
pub mod gifti;
pub mod grid;
pub mod hdf5;
pub mod matlab;
pub mod nifti;
pub mod overlays;

pub use grid::{Affine, Grid, GridMismatch, Millimetres, Voxels};
