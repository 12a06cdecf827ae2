//! Names of files that fMRIPrep, GLMsingle and BIDS give their derivatives.
//!
//! [`BidsName`] takes a name apart and builds one, [`Role`] says what fMRIPrep means by it, [`glmsingle`] reads betas,
//! [`table`] the tables beside them, [`DatasetDescription`] what a folder of derivatives must say of itself. After
//! BIDS 1.10 and fMRIPrep 1.5 to 25.

mod description;
pub mod glmsingle;
mod name;
mod role;
pub mod table;

pub use description::{DatasetDescription, DescriptionError, Generator, SourceDataset};
pub use name::{BidsName, NameError};
pub use role::Role;
