//! The design that a request describes.

use crate::WorkflowError;
use crate::plan::plan;
use emotome_stats::random::Seed;
use emotome_triplets::design::{Balance, CeilingParams, Design, DesignParams};
use emotome_triplets::plan::PlanParams;

/// Which trials are shown, for any number of stimuli.
#[derive(Debug, Clone)]
pub struct DesignSpec {
    /// Trials of the main arm; by default as [`plan`] has them.
    pub trials: Option<u64>,
    /// What the main arm balances.
    pub balance: Balance,
    /// Share of validation triplets.
    pub validation: f64,
    /// Share of test triplets.
    pub test: f64,
    /// Repeats for the noise ceiling.
    pub ceiling: Option<CeilingParams>,
    /// This part of so many of the trials, counted from 0.
    pub shard: Option<(u64, u64)>,
    /// The seed.
    pub seed: Seed,
}

impl DesignSpec {
    /// The design for so many stimuli.
    ///
    /// # Errors
    /// [`WorkflowError::Design`] and [`WorkflowError::Plan`].
    pub fn design(&self, n_stimuli: usize) -> Result<Design, WorkflowError> {
        let params = DesignParams {
            balance: self.balance,
            validation: self.validation,
            test: self.test,
            ceiling: self.ceiling,
            ..DesignParams::new(n_stimuli, self.seed.0)
        };
        let (params, _) = plan(&params, self.trials, &PlanParams::default())?;
        Ok(params.check()?)
    }

    /// The trials of the shard; all without one.
    pub fn numbers(&self, design: &Design) -> std::iter::StepBy<std::ops::Range<u64>> {
        let (index, count) = self.shard.unwrap_or((0, 1));
        design.shard(index, count)
    }
}
