//! Every neighbourhood of the brain compared with every model.
//!
//! A [`Plan`] checks responses, neighbourhoods and models, leaves out voxels that say nothing, and
//! tells what the search will cost. [`Plan::prepare`] does what all neighbourhoods share, and
//! [`Search::block`] compares a fixed block of them, with the same bits whatever the number of
//! threads, the instruction set and the blocks done before: a search that is cut off goes on where
//! it stopped.
//!
//! | distances of the brain | comparison | work for a sphere of v voxels, n stimuli, k columns |
//! |---|---|---|
//! | correlation, cosine | Pearson, cosine, whitened | n v² + 2 n v k |
//! | correlation, cosine | the same with a model of dissimilarities | + n² v for all + n² each |
//! | correlation, cosine | Spearman | n² v, then a look-up and a multiplication for each pair |
//! | squared Euclidean | CKA, whitened | sums over the sphere of what is known for each voxel |
//!
//! No comparison of correlation distances forms a matrix of pairs unless it must: sums over pairs
//! are sums of squared inner products of columns.

mod additive;
mod ball;
mod correlation;
mod covariances;
mod error;
mod kernel;
mod models;
mod neighbourhood;
mod pairs;
mod peak;
mod plan;
mod ranks;
mod search;
mod shape;
mod sides;

pub use error::{Interrupted, PlanError};
pub use neighbourhood::Neighbourhoods;
pub use pairs::Exclusion;
pub use peak::{Peak, gemm_peak};
pub use plan::{BLOCK, Estimate, Params, Plan, Rejected};
pub use search::{Block, Search};
pub use shape::{Extent, Minimum, NeighbourhoodError, Rule, Shape};
pub use sides::Comparison;
