//! Agents whose every property is known: a planted embedding, and the ways in which agents go wrong.

mod faulty;
mod plant;
mod planted;

pub use faulty::{Declining, StaleAnswers};
pub use plant::PlantParams;
pub use planted::{ResponseParams, SimulatedJudge};

/// A parameter of a simulation that cannot be.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SimulationError {
    /// Too few or too many stimuli or dimensions.
    #[error(
        "{n_stimuli} stimuli × {dims} dimensions asked for; expected at least 3 × 1 and at most 2^28 weights"
    )]
    Size {
        /// Stimuli asked for.
        n_stimuli: usize,
        /// Dimensions asked for.
        dims: usize,
    },
    /// A number is outside its range.
    #[error("{name} is {found}; expected {expected}")]
    OutOfRange {
        /// The parameter.
        name: &'static str,
        /// The value found.
        found: f64,
        /// Its range in words.
        expected: &'static str,
    },
    /// A weight of the embedding is not finite.
    #[error("weight {value} of stimulus {row}, dimension {column} (counted from 0) is not finite")]
    NotFinite {
        /// Row of the weight.
        row: usize,
        /// Column of the weight.
        column: usize,
        /// The weight found.
        value: f32,
    },
    /// The rates of declining do not fit the agent.
    #[error("{found} rates of declining given for {expected} stimuli; give one per stimulus")]
    RateCount {
        /// Rates given.
        found: usize,
        /// Stimuli of the agent.
        expected: usize,
    },
}

fn within(
    name: &'static str,
    found: f64,
    accepted: bool,
    expected: &'static str,
) -> Result<(), SimulationError> {
    if accepted {
        Ok(())
    } else {
        Err(SimulationError::OutOfRange {
            name,
            found,
            expected,
        })
    }
}
