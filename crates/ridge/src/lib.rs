//! Linear prediction with a penalty, for many targets at once.
//!
//! ```text
//! ŵ(λ) = argmin_w ‖y − X w‖² + λ ‖w‖²
//! ```
//!
//! for every target y (voxels, dimensions, emotions), with λ chosen by cross-validation. All that cross-validation
//! needs to know of samples are counts, sums and products of each fold: any training set of any nested scheme is a sum
//! of folds, and held-out correlations and R² follow without a prediction being formed ([`cross`]). [`direct`]
//! forms them, and tests that.
//!
//! | question | where |
//! |---|---|
//! | which samples are held out together | [`folds`] |
//! | which penalties, and one for what | [`penalty`] |
//! | what is a good prediction | [`score`] |
//! | held-out scores of many targets | [`cross`] |
//! | what chance alone reaches | [`relabel`] |
//! | predictions and weights themselves | [`direct`] |
//!
//! λ is the α of scikit-learn and himalaya: it is not divided by the number of samples.

mod basis;
mod block;
pub mod cross;
pub mod direct;
mod error;
pub mod folds;
mod groups;
mod kernel;
pub mod penalty;
mod plan;
pub mod relabel;
pub mod responses;
pub mod scaling;
pub mod score;
mod select;

pub use cross::{Chosen, CrossValidated, Params, Selection, Solver, cross_validate};
pub use error::RidgeError;
pub use folds::Folds;
pub use penalty::{Penalties, Penalty, Rule};
pub use responses::Responses;
pub use scaling::Scaling;
pub use score::{Pooling, Score};
