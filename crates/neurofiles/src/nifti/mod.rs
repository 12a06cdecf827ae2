//! NIfTI-1 and NIfTI-2 volumes, single files and pairs, compressed or not.
//!
//! A [`Reader`] reads the header at once and the data volume by volume, so that a run of any length takes the memory
//! of one volume. Numbers, affines and shapes equal those of nibabel's `get_fdata` and `affine` bit for bit.
//!
//! ```
//! use emotome_neurofiles::{Affine, Grid, nifti};
//! use emotome_stimuli::output::Overwrite;
//! let dir = tempfile::tempdir()?;
//! let path = dir.path().join("map.nii.gz");
//! let affine = Affine([[2.0, 0.0, 0.0, -90.0], [0.0, 2.0, 0.0, -126.0], [0.0, 0.0, 2.0, -72.0]]);
//! let grid = Grid { shape: [2, 2, 1], affine };
//! nifti::write(&path, Overwrite::Refuse, &grid, &[0.5_f32, 1.0, f32::NAN, 2.0])?;
//!
//! let reader = nifti::Reader::open(&path)?;
//! assert_eq!(reader.grid(), grid);
//! let mask = nifti::Mask::read(&path)?;
//! assert_eq!((mask.voxels(), mask.nan), (&[0, 1, 3][..], 1));
//! for volume in reader.masked::<f32>(&mask)? {
//!     assert_eq!(volume?, [0.5, 1.0, 2.0]);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod element;
mod error;
mod header;
mod mask;
mod orientation;
mod reader;
mod source;
mod volumes;
mod write;

pub use element::{DataType, Sample, Stored};
pub use error::ImageError;
pub use header::{Extension, Header, Note, Orientation, Scaling, Version};
pub use mask::Mask;
pub use reader::Reader;
pub use volumes::{Masked, Volumes};
pub use write::{Layout, Writer, write};

pub(crate) use element::{Element, Encoding};
pub(crate) use header::Found;
pub(crate) use source::Source;
pub(crate) use volumes::Stream;
pub(crate) use write::{Container, put_header};
