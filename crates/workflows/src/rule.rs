//! How similarities become choices, as a user states it.

use crate::WorkflowError;
use emotome_judges::calibrate::{Calibration, CalibrationTarget, calibrate};
use emotome_judges::{ChoiceRule, Similarities};
use emotome_stats::random::Seed;

/// How similarities become choices.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
    /// By a rule that is stated in full.
    Stated(ChoiceRule),
    /// By a softmax whose temperature makes the agent as noisy as the target has it.
    Calibrated(CalibrationTarget),
}

impl Rule {
    /// The rule for these similarities, and how its temperature was found.
    ///
    /// # Errors
    /// [`WorkflowError::Calibration`] where no temperature meets the target.
    pub(crate) fn find(
        self,
        similarities: &Similarities,
        seed: Seed,
    ) -> Result<(ChoiceRule, Option<Calibration>), WorkflowError> {
        match self {
            Self::Stated(rule) => Ok((rule, None)),
            Self::Calibrated(target) => {
                let found = calibrate(similarities, target, seed)?;
                Ok((found.rule(), Some(found)))
            }
        }
    }
}
