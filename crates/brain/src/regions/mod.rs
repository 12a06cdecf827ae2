//! Regions of the brain: named groups of parcels as tables that people can edit, and the voxels or vertices they
//! stand for in a label image, a surface or the columns of a data file.
//!
//! [`RegionTable`] says which parcels a region is made of, [`Parcels`] where parcels lie, and [`resolve`] joins the
//! two and reports what is empty, missing or shared.

pub mod area;
mod name;
mod parcels;
mod resolve;
mod table;

pub use area::{Area, Hemisphere};
pub use name::ParcelName;
pub use parcels::{LabelError, Lookup, Parcels, Unnamed};
pub use resolve::{Overlap, Region, Resolved, UnknownParcels, Unmatched, resolve};
pub use table::{Preset, RegionRow, RegionTable, Side, TableError};
