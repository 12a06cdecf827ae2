//! What a collection will take, before anything runs.

use crate::WorkflowError;
use emotome_triplets::design::DesignParams;
use emotome_triplets::plan::{Plan, PlanParams};

/// The plan of a design; without `trials` it has ten times n·d·log₂n of them, as random samples
/// usually need, or all triplets where these are fewer.
///
/// # Errors
/// [`WorkflowError::Design`] and [`WorkflowError::Plan`] for parameters that cannot be.
pub fn plan(
    design: &DesignParams,
    trials: Option<u64>,
    params: &PlanParams,
) -> Result<(DesignParams, Plan), WorkflowError> {
    let trials = match trials {
        Some(trials) => trials,
        None => Plan::of(&design.clone().check()?, params)?.recommended[0],
    };
    let design = DesignParams {
        trials,
        ..design.clone()
    };
    let plan = Plan::of(&design.clone().check()?, params)?;
    Ok((design, plan))
}
