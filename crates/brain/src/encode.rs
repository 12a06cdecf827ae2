//! Voxels predicted from features, and what chance alone would predict.
//!
//! A voxel is predicted from the features of the stimuli by ridge regression, every sample from runs that it is not in
//! ([`emotome_ridge`]). Chance is what the same procedure finds when features are moved to other samples in ways that
//! keep the noise of neighbouring samples together ([`Exchange`]); the largest value anywhere corrects for all voxels.

use crate::inference::exchange::{Exchange, Presentation};
use crate::inference::{InferenceError, TIE, permutation_p};
use emotome_ridge::relabel::{Relabel, Relabelling, relabelled};
use emotome_ridge::{CrossValidated, Folds, Params, Responses, RidgeError};
use emotome_stats::multiplicity::benjamini_hochberg;
use emotome_stats::random::{CounterRng, Seed};
use emotome_stimuli::run::Run;
use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

/// Why voxels cannot be predicted, or predictions not be tested.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// Nothing can be fitted.
    #[error(transparent)]
    Ridge(#[from] RidgeError),
    /// Nothing can be exchanged.
    #[error(transparent)]
    Inference(#[from] InferenceError),
}

/// What becomes of penalties under relabelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PenaltiesUnderNull {
    /// Those of the true features stay: quick.
    #[default]
    Keep,
    /// They are chosen anew: the whole procedure, at its whole cost.
    Reselect,
}

/// How predictions are tested.
///
/// | parameter | default |
/// |---|---|
/// | `permutations` | 1,000 |
/// | `exchange` | `RunBlocks` |
/// | `penalties` | `Keep` where choices were nested; they must be chosen anew where they were not |
/// | `seed` | 0 |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestParams {
    /// Relabellings.
    pub permutations: u32,
    /// What is exchanged.
    pub exchange: Exchange,
    /// What becomes of penalties.
    pub penalties: PenaltiesUnderNull,
    /// Seed of the draws.
    pub seed: u64,
}

impl Default for TestParams {
    fn default() -> Self {
        Self {
            permutations: 1_000,
            exchange: Exchange::RunBlocks,
            penalties: PenaltiesUnderNull::Keep,
            seed: 0,
        }
    }
}

/// Regions by the mean r of their voxels. One entry a region.
#[derive(Debug, Clone, PartialEq)]
pub struct RegionTest {
    /// Mean r over the voxels that have one.
    pub mean: Vec<f64>,
    /// p of that mean alone.
    pub p: Vec<f64>,
    /// p against the largest mean of all regions.
    pub p_fwe: Vec<f64>,
}

/// How often chance predicts as well. One entry a voxel, NaN where it has no r.
#[derive(Debug, Clone, PartialEq)]
pub struct EncodingTest {
    /// (1 + #{null r ≥ r}) / (1 + P).
    pub p: Vec<f64>,
    /// The same against the largest r of all voxels: the chance of any false alarm.
    pub p_fwe: Vec<f64>,
    /// Benjamini–Hochberg over all voxels that have an r.
    pub q: Vec<f64>,
    /// The largest r anywhere, in each relabelling.
    pub maxima: Vec<f64>,
    /// The smallest p that could have been reached.
    pub smallest_p: f64,
    /// Regions.
    pub regions: RegionTest,
}

/// Tests r of every voxel, and its mean over regions, by relabelled features; one-sided, as a prediction that is worse
/// than none says nothing.
///
/// `shown` says when each row of `features` was shown. Relabelling p of [`Seed`] draws from stream p. The cost is that
/// of [`relabelled`].
///
/// # Errors
/// As [`relabelled`], and exchanges that there are none of. Where penalties were chosen by the scores that are tested,
/// [`PenaltiesUnderNull::Keep`] would be too good and is refused.
pub fn test(
    problem: &Problem<'_>,
    responses: &(impl Responses + ?Sized),
    observed: &CrossValidated,
    params: TestParams,
    run: Run<'_>,
) -> Result<EncodingTest, EncodeError> {
    let arrangements = problem.shown.arrangements(params.exchange)?;
    let chosen_by_score = problem.params.penalties.len() > 1
        && problem.params.selection == emotome_ridge::Selection::SameFolds;
    if params.penalties == PenaltiesUnderNull::Keep && chosen_by_score {
        return Err(InferenceError::NothingToExchange {
            what: "penalties were chosen by the very scores that are tested: choose them anew in every relabelling, or nest their choice".to_owned(),
        }
        .into());
    }
    if params.permutations == 0 {
        return Err(InferenceError::Few {
            what: "permutations",
            found: 0,
            least: 1,
        }
        .into());
    }
    let seed = Seed(params.seed).derive("relabelled features");
    let labels: Vec<Vec<u32>> = (0..u64::from(params.permutations))
        .map(|draw| {
            problem
                .shown
                .relabel(params.exchange, &mut CounterRng::new(seed, draw))
        })
        .collect();
    let own = &observed.pearson;
    let bounds: Vec<f64> = own.iter().map(|r| r - TIE * r.abs().max(1.0)).collect();
    let mut reached = vec![1_u32; own.len()];
    let mut maxima = Vec::with_capacity(labels.len());
    let mut means: Vec<Vec<f64>> = Vec::with_capacity(labels.len());
    let mean_of = |r: &[f64]| -> Vec<f64> {
        problem
            .regions
            .iter()
            .map(|members| {
                let (mut sum, mut count) = (0.0, 0.0);
                for &voxel in members {
                    if !r[voxel].is_nan() {
                        sum += r[voxel];
                        count += 1.0;
                    }
                }
                sum / count
            })
            .collect()
    };
    let relabelling = Relabelling {
        labels: &labels,
        penalties: match params.penalties {
            PenaltiesUnderNull::Keep => Relabel::Keep(&observed.chosen),
            PenaltiesUnderNull::Reselect => Relabel::Reselect,
        },
    };
    relabelled(
        problem.features,
        responses,
        problem.folds,
        problem.params,
        relabelling,
        run,
        |_, scores| {
            let mut largest = f64::NEG_INFINITY;
            for ((&r, bound), reached) in scores.pearson.iter().zip(&bounds).zip(&mut reached) {
                // A relabelled prediction that does not vary predicts nothing.
                *reached += u32::from(r >= *bound);
                largest = largest.max(r);
            }
            maxima.push(largest);
            means.push(mean_of(scores.pearson));
        },
    )?;
    let all = f64::from(params.permutations) + 1.0;
    let p: Vec<f64> = own
        .iter()
        .zip(&reached)
        .map(|(r, &reached)| {
            if r.is_nan() {
                f64::NAN
            } else {
                f64::from(reached) / all
            }
        })
        .collect();
    let p_fwe = own
        .iter()
        .map(|&r| permutation_p(r, maxima.iter().copied()))
        .collect();
    let tested: Vec<usize> = (0..p.len()).filter(|&voxel| !p[voxel].is_nan()).collect();
    let mut q = vec![f64::NAN; p.len()];
    let adjusted = benjamini_hochberg(&tested.iter().map(|&voxel| p[voxel]).collect::<Vec<_>>());
    for (&voxel, adjusted) in tested.iter().zip(adjusted) {
        q[voxel] = adjusted;
    }
    let mean = mean_of(own);
    let largest: Vec<f64> = means
        .iter()
        .map(|means| means.iter().copied().fold(f64::NEG_INFINITY, f64::max))
        .collect();
    Ok(EncodingTest {
        p,
        p_fwe,
        q,
        maxima,
        smallest_p: (1.0 / all).max(1.0 / arrangements),
        regions: RegionTest {
            p: mean
                .iter()
                .enumerate()
                .map(|(at, &mean)| permutation_p(mean, means.iter().map(|means| means[at])))
                .collect(),
            p_fwe: mean
                .iter()
                .map(|&mean| permutation_p(mean, largest.iter().copied()))
                .collect(),
            mean,
        },
    })
}

/// Features of samples, how voxels are predicted from them, and when samples were shown.
#[derive(Debug, Clone, Copy)]
pub struct Problem<'a> {
    /// Samples × features.
    pub features: ArrayView2<'a, f64>,
    /// Which samples are held out together.
    pub folds: &'a Folds,
    /// How voxels are predicted.
    pub params: &'a Params,
    /// When samples were shown.
    pub shown: &'a Presentation,
    /// Voxels of each region that is tested by its mean.
    pub regions: &'a [Vec<usize>],
}
