//! What is done to features and responses before they are fitted.

use serde::{Deserialize, Serialize};

/// Means and deviations that are taken out, always those of the training samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scaling {
    /// Nothing: no intercept.
    AsGiven,
    /// Means of features and responses: an intercept without a penalty.
    Centred,
    /// Means of both, and standard deviations of features, which are then penalised alike. A feature that is constant
    /// in training has no weight. Deviations of responses change neither penalties nor r nor R², so that they stay.
    #[default]
    Standardised,
}

impl Scaling {
    /// Whether means are taken out.
    #[must_use]
    pub fn centres(self) -> bool {
        self != Self::AsGiven
    }
}

/// Delta degrees of freedom of standard deviations.
pub(crate) const DDOF: usize = 1;

/// The deviation below which a feature counts as constant, as a share of its largest value.
pub(crate) const CONSTANT: f64 = 1e-10;
