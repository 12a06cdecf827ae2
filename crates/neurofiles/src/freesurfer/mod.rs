//! FreeSurfer's surfaces, curvatures, annotations, labels, patches and MGH volumes.
//!
//! Written here rather than taken from the crate `neuroformats` (0.5.0), which reserves memory for as many elements as
//! a header claims, whatever the length of the file, and does not check that triangles name vertices that there are.
//!
//! Coordinates of surfaces are FreeSurfer's own ("tkRegister"): [`Mesh::c_ras`] leads to those of the scanner.

mod annot;
mod cursor;
mod label;
mod mgh;
mod surf;

pub use crate::nifti::ImageError;
pub use annot::{Annotation, Region, read_annot};
pub use label::{Label, read_label};
pub use mgh::MghHeader;
pub use surf::{Mesh, Patch, read_curv, read_patch, read_surface};
