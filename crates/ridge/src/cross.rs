//! Held-out scores of many targets, from sums and products alone.
//!
//! For a training set with basis Z, Λ ([module of bases](crate)) and a fold that is left out, the sums that r and R²
//! need are
//!
//! ```text
//! Σ ŷ  = (Σ z)ᵀ ŵ + n ȳ      Σ ŷ² = ŵᵀ(Σ z zᵀ)ŵ + 2 ȳ (Σ z)ᵀŵ + n ȳ²      Σ ŷ y = (Σ z y)ᵀ ŵ + ȳ Σ y
//! ```
//!
//! with ȳ the mean of the training responses. Over n samples, p features, v targets, G folds and L penalties that is
//! O(v (n p + G L p²)) for one layer of cross-validation and O(v (n p + G² L p²)) for two, in which the two training
//! sets that lack the same two folds are one; none of it grows with the number of samples but n p. Targets are taken
//! a few at a time, so that memory is a few MB a thread beside the responses.

use crate::block::Block;
use crate::groups::Groups;
use crate::plan::{Plan, Turned};
use crate::select::Part;
use crate::{Folds, Penalties, Pooling, Responses, RidgeError, Rule, Scaling, Score};
use emotome_stimuli::run::Run;
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// On which samples penalties are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Selection {
    /// For each fold that is left out, by cross-validation over the others: scores are those of samples that had no
    /// part in the choice.
    #[default]
    Nested,
    /// By the very scores that are reported, as himalaya's `RidgeCV` has them: a little too good.
    SameFolds,
}

/// Which products are decomposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Solver {
    /// Primal where there are at most as many features as training samples, else kernel.
    #[default]
    Auto,
    /// Those of features.
    Primal,
    /// Those of samples.
    Kernel,
}

/// How targets are predicted.
///
/// | parameter | default |
/// |---|---|
/// | `penalties` | 20 from 10 to 10,000 |
/// | `rule` | a penalty for each target |
/// | `selection` | nested |
/// | `score` | Pearson |
/// | `pooling` | concatenated |
/// | `scaling` | standardised |
/// | `solver` | by the number of features |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Params {
    /// Penalties to choose from; a single one is not chosen.
    pub penalties: Penalties,
    /// What one penalty is chosen for.
    pub rule: Rule,
    /// On which samples.
    pub selection: Selection,
    /// By which score.
    pub score: Score,
    /// Over what scores are taken, those for choosing and those reported.
    pub pooling: Pooling,
    /// What is done to features and responses.
    pub scaling: Scaling,
    /// Which products are decomposed.
    pub solver: Solver,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            penalties: Penalties::default(),
            rule: Rule::PerTarget,
            selection: Selection::default(),
            score: Score::default(),
            pooling: Pooling::default(),
            scaling: Scaling::default(),
            solver: Solver::default(),
        }
    }
}

/// A penalty for each target, in each fold that was left out or in all.
#[derive(Debug, Clone, PartialEq)]
pub struct Chosen {
    /// Folds × targets, one row where all folds share it; NaN for targets that have no score.
    pub penalties: Array2<f64>,
    /// The score each was chosen by; NaN where a single penalty left nothing to choose.
    pub scores: Array2<f64>,
}

/// How well targets are predicted.
#[derive(Debug, Clone, PartialEq)]
pub struct CrossValidated {
    /// r of held-out responses with their predictions; NaN for targets that do not vary or are not finite.
    pub pearson: Vec<f64>,
    /// R² of the same.
    pub r2: Vec<f64>,
    /// The penalties.
    pub chosen: Chosen,
    /// Targets that are the same in all samples.
    pub constant: Vec<usize>,
    /// Targets with NaN or infinity.
    pub not_finite: Vec<usize>,
    /// Which products were decomposed.
    pub solver: Solver,
    /// Whether sums of products stood for samples, or samples themselves did, whichever is less work.
    pub from_products: bool,
}

/// Targets whose sums are found together; more make no step faster.
pub(crate) const WIDTH: usize = 96;

/// Predicts targets from features by ridge regression, every sample from the folds that it is not in.
///
/// `features` are samples × features. A target's result has the same bits whatever other targets, threads and
/// instruction sets there are; where penalties are [shared](Rule) it depends on the targets that share them.
///
/// # Errors
/// Differing numbers of samples, features that are not finite, too few folds (two; three where selection is nested) or
/// too small ones, responses that cannot be read, or an interrupt.
///
/// # Source
/// Sums of products for nested cross-validation: spelled out in `docs/encoding.md`. The rule for one penalty a target:
/// Dupré la Tour et al. (2022), doi:10.1016/j.neuroimage.2022.119728; one for all in each fold: Horikawa et al. (2020),
/// doi:10.1016/j.isci.2020.101060.
///
/// ```
/// # use emotome_ridge::{cross_validate, Folds, Params, Penalties, responses::BySample};
/// # use emotome_stimuli::run::{Interrupt, Run, Silent};
/// use ndarray::Array2;
/// let features = Array2::from_shape_fn((30, 2), |(i, j)| ((i * (j + 3)) as f64).sin());
/// let responses = Array2::from_shape_fn((30, 1), |(i, _)| features[[i, 0]] - features[[i, 1]]);
/// let folds = Folds::contiguous(30, 5)?;
/// let params = Params { penalties: Penalties::new(vec![1e-3, 1e3])?, ..Params::default() };
/// let run = Run { progress: &Silent, interrupt: &Interrupt::default() };
/// let found = cross_validate(features.view(), &BySample(responses.view()), &folds, &params, run)?;
/// assert!(found.pearson[0] > 0.9999 && found.chosen.penalties[[0, 0]] == 1e-3);
/// # Ok::<(), emotome_ridge::RidgeError>(())
/// ```
pub fn cross_validate(
    features: ArrayView2<'_, f64>,
    responses: &(impl Responses + ?Sized),
    folds: &Folds,
    params: &Params,
    run: Run<'_>,
) -> Result<CrossValidated, RidgeError> {
    check(features.nrows(), responses, folds, params)?;
    let groups = Groups::new(features, folds, params.scaling)?;
    let nested = params.selection == Selection::Nested && params.penalties.len() > 1;
    run.progress.begin("decomposing training sets", None);
    let plan = Plan::new(groups, params, nested, run)?;
    run.progress.end();
    let targets = responses.targets();
    let starts: Vec<usize> = (0..targets).step_by(WIDTH).collect();
    let layers = if nested && params.rule != Rule::PerTarget {
        2
    } else {
        1
    };
    run.progress
        .begin("predicting", Some((layers * targets) as u64));
    let blocks = |work: &(dyn Fn(&Turned<'_>) -> Part + Sync)| -> Result<Vec<Part>, RidgeError> {
        starts
            .par_iter()
            .map(|&start| {
                if run.interrupt.requested() {
                    return Err(RidgeError::Interrupted);
                }
                let range = start..(start + WIDTH).min(targets);
                let count = range.len() as u64;
                let block = Block::read(responses, range, folds, params.scaling)?;
                let part = work(&plan.turn(&block));
                run.progress.advance(count);
                Ok(part)
            })
            .collect()
    };
    let found = if !nested {
        blocks(&|turned| plan.same_folds(turned, params)).map(|parts| plan.share(parts, params))
    } else if params.rule == Rule::PerTarget {
        blocks(&|turned| {
            let inner = plan.inner(turned, params);
            let chosen = plan.choose(&inner, turned.block.targets.len(), params);
            plan.predict(turned, chosen, params)
        })
    } else {
        blocks(&|turned| Part {
            table: plan.inner(turned, params),
            ..Part::of(turned.block)
        })
        .and_then(|parts| {
            let table: Vec<Array2<f64>> = (0..folds.count())
                .map(|fold| {
                    let all: Vec<_> = parts.iter().map(|part| part.table[fold].view()).collect();
                    ndarray::concatenate(ndarray::Axis(1), &all).unwrap_or_default()
                })
                .collect();
            let chosen = plan.choose(&table, targets, params);
            blocks(&|turned| {
                let own = chosen.part(turned.block.targets.clone());
                plan.predict(turned, own, params)
            })
        })
    };
    run.progress.end();
    Ok(plan.join(found?))
}

pub(crate) fn check(
    samples: usize,
    responses: &(impl Responses + ?Sized),
    folds: &Folds,
    params: &Params,
) -> Result<(), RidgeError> {
    if responses.samples() != samples {
        return Err(RidgeError::Samples {
            what: "responses",
            found: responses.samples(),
            expected: samples,
        });
    }
    if responses.targets() == 0 {
        return Err(RidgeError::Nothing { what: "responses" });
    }
    if let Rule::PerRegion(regions) = &params.rule
        && regions.len() != responses.targets()
    {
        return Err(RidgeError::Regions {
            found: regions.len(),
            expected: responses.targets(),
        });
    }
    if params.selection == Selection::Nested && params.penalties.len() > 1 && folds.count() < 3 {
        return Err(RidgeError::Folds {
            what: "choosing penalties within the folds that are not left out",
            found: folds.count(),
            least: 3,
        });
    }
    let least = match (params.pooling, params.score) {
        (Pooling::FoldMean, Score::Pearson) => 3,
        (Pooling::FoldMean, _) => 2,
        _ => 1,
    };
    match (0..folds.count()).find(|&fold| folds.size(fold) < least) {
        Some(fold) => Err(RidgeError::FoldSize {
            fold,
            found: folds.size(fold),
            least,
        }),
        None => Ok(()),
    }
}
