//! The responses of one subject: a folder that holds each voxel in one piece, joined to anything else by
//! stimulus key.
//!
//! | file | content |
//! |---|---|
//! | `data.npy` | voxels × samples, 32-bit floats, C order |
//! | `samples.tsv` | stimulus, label, session, run, order in the run (from 1), repeat, whether kept and why not |
//! | `voxels.tsv` | i, j, k and x, y, z (mm) of each row, or hemisphere and vertex, or structure and either |
//! | `regions.tsv`, `regions.npy` | names of sets of voxels, and regions × voxels, if the source has any |
//! | `excluded_voxels.tsv` | voxels left out, with what is wrong with them, if there are any |
//! | `store.json` | space, standardisation, what was found, provenance |
//!
//! Each opens with NumPy or any reader of TSV and JSON.

mod error;
mod manifest;
pub(crate) mod npy;
mod place;
mod read;
mod sample;
mod standard;
mod view;
mod write;

pub use error::StoreError;
pub use manifest::{Manifest, Quality};
pub use place::{Place, Places, Space};
pub use read::Store;
pub use sample::{Sample, run_folds};
pub use standard::{MeansExplain, Over, Scale, Scope, Standardisation};
pub use view::{Repeats, Responses, Row, Selection, View};
pub use write::{Contents, Regions, Writer};

const DATA: &str = "data.npy";
const SAMPLES: &str = "samples.tsv";
const VOXELS: &str = "voxels.tsv";
const REGIONS: &str = "regions.tsv";
const REGION_FLAGS: &str = "regions.npy";
const EXCLUDED: &str = "excluded_voxels.tsv";
const MANIFEST: &str = "store.json";
