//! Agents compared: do they arrange the same stimuli alike, as far as noise lets one see?
//!
//! [`rsm`] correlates similarities and corrects for their reliability, [`procrustes`] and [`cka`] compare
//! the spaces themselves, and [`transport`] aligns structures without being told which stimulus is which. Stimuli, never
//! pairs of them, are what is resampled and permuted: pairs that share a stimulus are not independent.

pub mod cka;
mod pairs;
pub mod procrustes;
mod rows;
pub mod rsm;
mod sinkhorn;
pub mod transport;

use crate::resampling::{Interrupted, MOST_REPLICATES};
use emotome_stimuli::run::Run;
use ndarray::ArrayView2;

/// Why agents cannot be compared.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AlignError {
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
    /// A value that is no number.
    #[error(
        "{what} of the {agent} agent hold {count} values that are not finite; the first is {value} in row {row}, \
         column {column} (counted from 1)"
    )]
    NotFinite {
        /// `features` or `similarities`.
        what: &'static str,
        /// `first` or `second`.
        agent: &'static str,
        /// How many there are.
        count: usize,
        /// The first of them.
        value: f64,
        /// Its row, from 1.
        row: usize,
        /// Its column, from 1.
        column: usize,
    },
    /// A matrix that is not symmetric.
    #[error(
        "similarity of items {row} and {column} (counted from 1) is {value}, but {other} the other way round; give a \
         symmetric matrix"
    )]
    Asymmetric {
        /// The first item, from 1.
        row: usize,
        /// The second item, from 1.
        column: usize,
        /// One value.
        value: f64,
        /// The other value.
        other: f64,
    },
    /// Features without a direction.
    #[error(
        "item {item} (counted from 1) has {fault}, and no {kernel} with others; leave it out, or take dot products"
    )]
    NoDirection {
        /// The item, from 1.
        item: usize,
        /// What is wrong.
        fault: &'static str,
        /// The kernel.
        kernel: &'static str,
    },
    /// Two things that should be of the same length.
    #[error("{what}: {left} against {right}; give both of the same in the same order")]
    Mismatch {
        /// What was compared.
        what: &'static str,
        /// The first length.
        left: usize,
        /// The second length.
        right: usize,
    },
    /// Too few of something, or too many.
    #[error("{found} {what}; expected {expected}")]
    Size {
        /// What was counted.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many there may be.
        expected: &'static str,
    },
    /// Nothing varies.
    #[error("the {what} of the {agent} agent are all the same; nothing can be compared with them")]
    Constant {
        /// What.
        what: &'static str,
        /// `first` or `second`.
        agent: &'static str,
    },
    /// A decomposition failed.
    #[error(
        "the products of the two agents' features have no singular values; look for values of extreme size"
    )]
    Decomposition,
    /// A stop was asked for.
    #[error("the comparison of agents was interrupted; nothing was kept")]
    Interrupted,
}

const AGENTS: [&str; 2] = ["first", "second"];

impl From<Interrupted> for AlignError {
    fn from(Interrupted: Interrupted) -> Self {
        Self::Interrupted
    }
}

impl AlignError {
    fn unless(
        allowed: bool,
        parameter: &'static str,
        found: f64,
        expected: &'static str,
    ) -> Result<(), Self> {
        if allowed {
            return Ok(());
        }
        Err(Self::Parameter {
            parameter,
            found,
            expected,
        })
    }

    fn replicates(parameter: &'static str, found: usize) -> Result<(), Self> {
        let allowed = (1..=MOST_REPLICATES).contains(&found);
        Self::unless(allowed, parameter, found as f64, "from 1 to 100000")
    }

    fn permutations(found: usize) -> Result<(), Self> {
        let allowed = found <= MOST_REPLICATES;
        Self::unless(
            allowed,
            "the number of permutations",
            found as f64,
            "at most 100000",
        )
    }

    fn level(found: f64) -> Result<(), Self> {
        Self::unless(
            found > 0.0 && found < 1.0,
            "the level",
            found,
            "between 0 and 1",
        )
    }

    fn refuse(
        what: &'static str,
        agent: &'static str,
        values: ArrayView2<'_, f64>,
        bad: impl Fn(f64) -> bool,
    ) -> Result<(), Self> {
        let mut found = values.indexed_iter().filter(|(_, x)| bad(**x));
        let Some(((row, column), &value)) = found.next() else {
            return Ok(());
        };
        Err(Self::NotFinite {
            what,
            agent,
            count: 1 + found.count(),
            value,
            row: row + 1,
            column: column + 1,
        })
    }

    /// Refuses features of other stimuli, of too few, without columns or not finite.
    fn features(
        x: ArrayView2<'_, f64>,
        y: ArrayView2<'_, f64>,
        fewest: usize,
        expected: &'static str,
    ) -> Result<(), Self> {
        if x.nrows() != y.nrows() {
            return Err(Self::Mismatch {
                what: "stimuli of two agents",
                left: x.nrows(),
                right: y.nrows(),
            });
        }
        if x.nrows() < fewest {
            return Err(Self::Size {
                what: "stimuli",
                found: x.nrows(),
                expected,
            });
        }
        for (values, agent) in [x, y].into_iter().zip(AGENTS) {
            Self::refuse("features", agent, values, |x| !x.is_finite())?;
            if values.rows().into_iter().all(|row| row == values.row(0)) {
                return Err(Self::Constant {
                    what: "features",
                    agent,
                });
            }
        }
        Ok(())
    }
}

/// Stops where a stop was asked for.
fn proceed(run: Run<'_>) -> Result<(), AlignError> {
    if run.interrupt.requested() {
        return Err(AlignError::Interrupted);
    }
    Ok(())
}

/// (1 + #{null ≥ observed}) / (1 + permutations); rounding does not tell an order that changes nothing from the data.
/// None without a null.
fn p_of(observed: f64, null: &[f64]) -> Option<f64> {
    let least = observed - 1e-12 * observed.abs();
    let reached = null.iter().filter(|x| **x >= least).count();
    (!null.is_empty()).then(|| (1 + reached) as f64 / (1 + null.len()) as f64)
}
