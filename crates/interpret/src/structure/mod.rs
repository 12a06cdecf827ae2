//! Is the space categorical, dimensional, or blended? Tests of structure, each with its null.
//!
//! | question | function |
//! |---|---|
//! | which category is a stimulus of? | [`labels::Labels::highest`] |
//! | does the place tell the category? | [`classify::classify`], [`raters::split_classify`] |
//! | do labels and features come from the same numbers? | [`circular::circularity`] |
//! | how much of a space does another explain, both ways? | [`cross::cross`] and its controls |
//! | are there clusters at all? | [`tendency::tendency`] |
//! | are stimuli between two categories in between? | [`blends::blends`] |
//! | how many dimensions has the space? | [`dimension::dimensionality`] |
//! | all in all? | [`verdict::verdict`] |
//!
//! Results have the same bits at any number of threads.

pub mod blends;
pub mod circular;
pub mod classify;
pub mod cross;
pub mod dimension;
pub mod labels;
pub mod raters;
pub mod tendency;
pub mod verdict;

use emotome_stats::interval::{Interval, percentile};
use emotome_stats::random::Seed;
use emotome_stats::summary::mean;
use emotome_stimuli::run::Run;
use ndarray::{Array2, ArrayView2};
use serde::Serialize;

use crate::explained::FoldsError;
use crate::maps::MapError;
use crate::resampling::{self, Interrupted, MOST_REPLICATES, Resampling};

/// A number and its bootstrap interval over stimuli.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// The number.
    pub value: f64,
    /// Its interval.
    pub interval: Interval,
}

/// What a number would be by chance.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Chance {
    /// Its mean under the null.
    pub mean: f64,
    /// Its central `level` under the null, e.g. from the 2.5th to the 97.5th percentile.
    pub interval: Interval,
    /// (1 + #{null ≥ observed}) / (1 + permutations), never 0 (Phipson & Smyth 2010,
    /// doi:10.2202/1544-6115.1585).
    pub p: f64,
}

/// A number, its interval, and what it would be by chance.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Measure {
    /// The number and its interval.
    #[serde(flatten)]
    pub estimate: Estimate,
    /// The same under the null.
    pub chance: Chance,
}

/// Why a test of structure was not made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StructureError {
    /// A parameter out of range.
    #[error("{parameter} is {found}; it must be {expected}")]
    Parameter {
        /// Which.
        parameter: &'static str,
        /// Its value.
        found: f64,
        /// The values possible.
        expected: &'static str,
    },
    /// Two things of different length.
    #[error(
        "{what} number {found} where {expected} were expected; bring all to the same stimuli and columns in the same order"
    )]
    Mismatch {
        /// What.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many there should be.
        expected: usize,
    },
    /// A value that is no number.
    #[error(
        "{what} hold {value} in row {row}, column {column} (counted from 1); expected finite numbers: leave out that stimulus, or give its value"
    )]
    NotFinite {
        /// What.
        what: &'static str,
        /// The value.
        value: f64,
        /// Its row, from 1.
        row: usize,
        /// Its column, from 1.
        column: usize,
    },
    /// Too little to test.
    #[error("{found} {what} are left where at least {needed} are needed; {remedy}")]
    TooFew {
        /// What.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many are needed.
        needed: usize,
        /// What to do.
        remedy: &'static str,
    },
    /// Columns that do not repeat.
    #[error(
        "the reliability to bring both spaces to is {found}: half of the columns of one do not repeat; fit more choices"
    )]
    Unreliable {
        /// The reliability wanted.
        found: f64,
    },
    /// A matrix that cannot be decomposed.
    #[error(
        "{what} cannot be decomposed; look for values of extreme size, or stimuli that are all the same"
    )]
    Decomposition {
        /// Which.
        what: &'static str,
    },
    /// Stimuli cannot be divided into folds.
    #[error(transparent)]
    Folds(#[from] FoldsError),
    /// Distances cannot be computed.
    #[error(transparent)]
    Space(#[from] MapError),
    /// A stop was asked for.
    #[error("the test of structure was interrupted; nothing was kept")]
    Interrupted,
}

impl From<Interrupted> for StructureError {
    fn from(Interrupted: Interrupted) -> Self {
        Self::Interrupted
    }
}

impl StructureError {
    fn unless(
        allowed: bool,
        parameter: &'static str,
        found: f64,
        expected: &'static str,
    ) -> Result<(), Self> {
        let wrong = Self::Parameter {
            parameter,
            found,
            expected,
        };
        if allowed { Ok(()) } else { Err(wrong) }
    }

    fn unless_same(what: &'static str, found: usize, expected: usize) -> Result<(), Self> {
        let wrong = Self::Mismatch {
            what,
            found,
            expected,
        };
        if found == expected {
            Ok(())
        } else {
            Err(wrong)
        }
    }

    fn unless_enough(
        what: &'static str,
        found: usize,
        needed: usize,
        remedy: &'static str,
    ) -> Result<(), Self> {
        let wrong = Self::TooFew {
            what,
            found,
            needed,
            remedy,
        };
        if found >= needed { Ok(()) } else { Err(wrong) }
    }

    fn unless_finite(what: &'static str, values: ArrayView2<'_, f64>) -> Result<(), Self> {
        match values.indexed_iter().find(|(_, x)| !x.is_finite()) {
            None => Ok(()),
            Some(((row, column), &value)) => Err(Self::NotFinite {
                what,
                value,
                row: row + 1,
                column: column + 1,
            }),
        }
    }
}

impl Resampling {
    fn check(&self) -> Result<(), StructureError> {
        for (parameter, found) in [
            ("the number of bootstraps", self.bootstraps),
            ("the number of permutations", self.permutations),
        ] {
            let allowed = (1..=MOST_REPLICATES).contains(&found);
            StructureError::unless(allowed, parameter, found as f64, "from 1 to 100000")?;
        }
        let allowed = self.level > 0.0 && self.level < 1.0;
        StructureError::unless(allowed, "the level", self.level, "between 0 and 1")
    }

    fn seed(&self, purpose: &str) -> Seed {
        Seed(self.seed).derive(purpose)
    }

    fn estimate(&self, value: f64, replicates: &[f64]) -> Estimate {
        Estimate {
            value,
            interval: percentile(replicates, self.level),
        }
    }

    fn chance(&self, observed: f64, null: &[f64]) -> Chance {
        Chance {
            mean: mean(null),
            interval: percentile(null, self.level),
            p: p_of(observed, null),
        }
    }

    /// How often each of `items` stimuli is drawn in each bootstrap, for statistics of weighted stimuli.
    fn bootstrap<T: Send>(
        &self,
        items: usize,
        purpose: &str,
        run: Run<'_>,
        statistic: impl Fn(&[f64]) -> T + Sync,
    ) -> Result<Vec<T>, StructureError> {
        let draws = (self.bootstraps, self.seed(purpose));
        resampling::bootstrap(run, items, draws, statistic)
    }
}

/// (1 + #{null ≥ observed}) / (1 + #null); NaN where nothing was observed, or a draw of the null has no value.
fn p_of(observed: f64, null: &[f64]) -> f64 {
    if observed.is_nan() || null.iter().any(|x| x.is_nan()) {
        return f64::NAN;
    }
    // Rounding must not tell a permutation that changes nothing from the observed order.
    let least = observed - 1e-12 * observed.abs();
    let reached = null.iter().filter(|x| **x >= least).count();
    (1 + reached) as f64 / (1 + null.len()) as f64
}

/// [`resampling::replicate`] with errors of this module.
fn replicate<T: Send>(
    run: Run<'_>,
    stage: &str,
    count: usize,
    value: impl Fn(usize) -> Result<T, StructureError> + Sync,
) -> Result<Vec<T>, StructureError> {
    resampling::replicate(run, stage, count, value)
}

/// The columns centred and, if asked for, of variance 1 (Σ / n); constant ones become zero.
fn centred(values: ArrayView2<'_, f64>, standardise: bool) -> Array2<f64> {
    let n = values.nrows() as f64;
    let mut out = values.as_standard_layout().into_owned();
    for (mut column, raw) in out.columns_mut().into_iter().zip(values.columns()) {
        if raw.iter().all(|x| raw.first() == Some(x)) {
            column.fill(0.0);
            continue;
        }
        let centre = raw.sum() / n;
        column -= centre;
        if standardise {
            column /= (column.dot(&column) / n).sqrt();
        }
    }
    out
}
