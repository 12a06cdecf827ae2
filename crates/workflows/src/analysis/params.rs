//! What an analysis is told.

use emotome_embedding::train::select::DEFAULT_LAMBDAS;
use emotome_embedding::train::spose::SposeParams;
use emotome_stats::random::Seed;
use emotome_triplets::split::Shares;
use serde::Serialize;

/// How an agent is analysed.
///
/// | Name | Default |
/// |---|---|
/// | `shares` | 10 % validation, 10 % test |
/// | `dims` | 90 to start with while λ is chosen; then the fewest of `nested` that suffice |
/// | `lambdas` | 0.001 to 0.032 in doublings |
/// | `seeds` | 10: five for the consensus, five to test it |
/// | `nested` | 1, 2, 3, 5, 8, 12, 16, 20, 25, 30, 45, 60 dimensions; `dims` is always tried too |
/// | `imposed` | none: numbers of dimensions to fit as well, whatever validation says |
/// | `vice` | also fitted |
/// | `baselines` | also fitted |
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
pub struct AnalysisParams {
    pub shares: Shares,
    pub dims: usize,
    pub lambdas: Vec<f64>,
    pub seeds: usize,
    pub nested: Vec<usize>,
    pub imposed: Vec<usize>,
    pub vice: bool,
    pub baselines: bool,
    #[serde(skip)]
    pub seed: Seed,
}

impl AnalysisParams {
    /// The defaults with a seed.
    #[must_use]
    pub fn new(seed: Seed) -> Self {
        Self {
            shares: Shares {
                validation: 0.1,
                test: 0.1,
            },
            dims: SposeParams::default().dims,
            lambdas: DEFAULT_LAMBDAS.to_vec(),
            seeds: 10,
            nested: vec![1, 2, 3, 5, 8, 12, 16, 20, 25, 30, 45, 60],
            imposed: Vec::new(),
            vice: true,
            baselines: true,
            seed,
        }
    }

    /// Whether an analysis is possible with these parameters; the fits check their own.
    ///
    /// # Errors
    /// [`AnalysisError`] names the first parameter that is out of range.
    pub fn check(&self) -> Result<(), AnalysisError> {
        let fault = |name, found: String, expected| {
            Err(AnalysisError::Parameter {
                name,
                found,
                expected,
            })
        };
        if let Some(bad) = self.lambdas.iter().find(|l| !(l.is_finite() && **l >= 0.0)) {
            return fault("a λ", bad.to_string(), "finite numbers of at least 0");
        }
        if self.lambdas.is_empty() {
            return fault(
                "the list of λ",
                "empty".into(),
                "at least one λ to fit with",
            );
        }
        if self.seeds == 0 {
            return fault(
                "the number of seeds",
                "0".into(),
                "at least 1; 10 to test what comes back",
            );
        }
        if self.dims == 0 || self.nested.contains(&0) || self.imposed.contains(&0) {
            return fault("a number of dimensions", "0".into(), "at least 1");
        }
        let Shares { validation, test } = self.shares;
        if !(validation > 0.0 && test > 0.0 && validation + test < 1.0) {
            return fault(
                "the held-out shares",
                format!("{validation} for validation and {test} for test"),
                "two shares above 0 with a sum below 1: one chooses λ, the other scores",
            );
        }
        Ok(())
    }
}

/// Why an agent cannot be analysed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AnalysisError {
    /// A parameter is out of range.
    #[error("{name} is {found}; expected {expected}")]
    Parameter {
        /// The parameter.
        name: &'static str,
        /// What was found.
        found: String,
        /// What is allowed.
        expected: &'static str,
    },
    /// A split has no choices.
    #[error(
        "{agent}: {total} choices leave none for {split} ({full_set} lie in the full set and are held out); give more choices, or a larger share"
    )]
    EmptySplit {
        /// The agent.
        agent: String,
        /// The split without choices.
        split: &'static str,
        /// All choices.
        total: usize,
        /// Those held out because they lie in the full set.
        full_set: usize,
    },
}
