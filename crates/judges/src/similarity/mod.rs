//! Similarities of stimuli from a table of features: metric, centring, and missing values.

mod centring;
mod fault;
mod metric;
mod table;

pub(crate) use centring::Column;
pub use centring::{Centring, MidpointError};
pub use fault::{SimilarityError, SimilarityWarning};
pub use metric::Metric;
pub use table::{MissingValues, Similarities, SimilarityParams};
