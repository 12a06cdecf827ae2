//! Models that are fitted: bootstraps with cross-validation inside, and the variance that cross-validation itself adds.

use super::bootstrap::{Draw, Resample, covariance};
use super::variance::{Variances, dual, of_covariance, student_t_upper};
use super::{InferenceError, bootstrap::draws as drawn};
use crate::model::reweight::Reweighting;
use crate::rdm::{Rdm, RdmError};
use emotome_stats::distribution::student_t_two_sided;
use emotome_stats::random::{CounterRng, Seed};
use emotome_stats::summary::mean;
use emotome_stimuli::run::Run;
use ndarray::{Array2, Array3, ArrayView2, ArrayView3, Axis};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// How fitted models are bootstrapped.
///
/// | parameter | default |
/// |---|---|
/// | `resample` | `Dual` |
/// | `draws` | 1,000 |
/// | `folds` | 5, of stimuli |
/// | `repetitions` | 2 ways of folding a sample |
/// | `seed` | 0 |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrossvalidationParams {
    /// What is drawn.
    pub resample: Resample,
    /// How many samples are drawn.
    pub draws: u32,
    /// Parts of the stimuli, each held out once.
    pub folds: u32,
    /// Ways of folding each sample; two or more, so that what folding adds to the variance is known.
    pub repetitions: u32,
    /// Seed of the draws.
    pub seed: u64,
}

impl Default for CrossvalidationParams {
    fn default() -> Self {
        Self {
            resample: Resample::Dual,
            draws: 1_000,
            folds: 5,
            repetitions: 2,
            seed: 0,
        }
    }
}

/// What fitted models reach on stimuli that had no part in the fit, and how sure that is.
#[derive(Debug, Clone, PartialEq)]
pub struct Crossvalidation {
    /// For each kind of sample (both, subjects, stimuli; or the one resampled) draws × repetitions × models.
    pub samples: Vec<Array3<f64>>,
    /// Mean of each model over all samples.
    pub means: Vec<f64>,
    /// The variances of new draws, without what folding adds; ceilings are empty.
    pub variances: Variances,
    /// One-sided p of each model against 0; NaN where the variance left is not above 0.
    pub zero: Vec<f64>,
    /// Two-sided p of each pair of models; 1 on the diagonal, NaN likewise.
    pub pairwise: Array2<f64>,
    /// Samples with fewer than three different stimuli a fold, which were left out.
    pub unusable: usize,
}

/// The covariance of values without what the random choice of folds adds to it.
///
/// `values` is draws × repetitions × columns. With V_k the covariance of means over k repetitions and V_1 the mean
/// covariance of single ones, V = (k V_k − V_1) / (k − 1), which is the line through both at endless repetitions.
/// It may be negative by chance. Equals what rsatoolbox 0.3 takes in `eval_dual_bootstrap` with `use_correction`.
///
/// Schütt et al. (2023), doi:10.7554/eLife.82566.
///
/// # Errors
/// Fewer than two draws or repetitions.
pub fn without_folding(values: ArrayView3<'_, f64>) -> Result<Array2<f64>, InferenceError> {
    let (draws, repetitions, columns) = values.dim();
    for (what, found) in [("draws", draws), ("repetitions of folding", repetitions)] {
        if found < 2 {
            return Err(InferenceError::Few {
                what,
                found,
                least: 2,
            });
        }
    }
    let k = repetitions as f64;
    let means = Array2::from_shape_fn((draws, columns), |(draw, column)| {
        values.slice(ndarray::s![draw, .., column]).sum() / k
    });
    let mut single = Array2::zeros((columns, columns));
    for one in values.axis_iter(Axis(1)) {
        single += &covariance(&one.to_owned());
    }
    Ok((covariance(&means) * k - single / k) / (k - 1.0))
}

/// Bootstraps the cross-validated fit of features to subjects' dissimilarities.
///
/// In each sample and repetition the different stimuli are dealt into folds at random, copies of a stimulus together;
/// features are fitted and judged as in [`reweight`](crate::model::reweight::reweight), in each subject by itself, and
/// the mean over subjects is the sample's value. Degrees of freedom as in [`bootstrap`](super::bootstrap::bootstrap).
/// O(draws · repetitions · folds · n² k (k + subjects)) a model: for a few hundred stimuli.
///
/// # Errors
/// No subject or model, one subject where subjects are drawn, fewer than two draws, repetitions, folds or usable
/// samples, numbers of stimuli that differ, or an interrupt.
pub fn bootstrap_crossvalidated(
    subjects: &[Rdm],
    models: &[ArrayView2<'_, f64>],
    params: CrossvalidationParams,
    run: Run<'_>,
) -> Result<Crossvalidation, InferenceError> {
    let CrossvalidationParams {
        resample,
        draws,
        folds,
        repetitions,
        seed,
    } = params;
    let least = if resample == Resample::Stimuli { 1 } else { 2 };
    for (what, found, least) in [
        ("subjects", subjects.len(), least),
        ("models", models.len(), 1),
        ("draws", draws as usize, 2),
        ("folds", folds as usize, 2),
        ("repetitions of folding", repetitions as usize, 2),
    ] {
        if found < least {
            return Err(InferenceError::Few { what, found, least });
        }
    }
    let n = subjects[0].n();
    let sizes = subjects.iter().map(Rdm::n);
    if let Some(right) = sizes
        .chain(models.iter().map(|m| m.nrows()))
        .find(|&o| o != n)
    {
        return Err(RdmError::Sizes { left: n, right }.into());
    }
    let draws = drawn(n, subjects.len(), draws, seed);
    let all = Draw {
        subjects: (0..subjects.len()).collect(),
        stimuli: (0..n).collect(),
    };
    let seed = Seed(seed).derive("folds of stimuli");
    run.progress
        .begin("bootstrapping fits", Some(draws.len() as u64));
    let rows: Vec<Result<Option<Vec<Vec<f64>>>, InferenceError>> = draws
        .par_iter()
        .enumerate()
        .map(|(number, draw)| {
            let kinds: Vec<(&[usize], &[usize])> = match resample {
                Resample::Stimuli => vec![(&draw.stimuli, &all.subjects)],
                Resample::Subjects => vec![(&all.stimuli, &draw.subjects)],
                Resample::Dual => vec![
                    (&draw.stimuli, &draw.subjects),
                    (&all.stimuli, &draw.subjects),
                    (&draw.stimuli, &all.subjects),
                ],
            };
            let mut values = Vec::with_capacity(kinds.len());
            for (kind, (stimuli, of)) in kinds.into_iter().enumerate() {
                let mut own = Vec::with_capacity(repetitions as usize * models.len());
                for repetition in 0..u64::from(repetitions) {
                    if run.interrupt.requested() {
                        return Err(InferenceError::Interrupted);
                    }
                    let stream = (number as u64 * 3 + kind as u64) * u64::from(repetitions);
                    let mut rng = CounterRng::new(seed, stream + repetition);
                    let Some(labels) = deal(n, stimuli, folds, &mut rng) else {
                        return Ok(None);
                    };
                    own.extend(fit(subjects, models, stimuli, of, &labels)?);
                }
                values.push(own);
            }
            run.progress.advance(1);
            Ok(Some(values))
        })
        .collect();
    run.progress.end();
    let rows: Vec<Option<Vec<Vec<f64>>>> = rows.into_iter().collect::<Result<_, _>>()?;
    let finite = |kinds: &&Vec<Vec<f64>>| kinds.iter().flatten().all(|v| v.is_finite());
    let usable: Vec<&Vec<Vec<f64>>> = rows.iter().flatten().filter(finite).collect();
    if usable.len() < 2 {
        return Err(InferenceError::Few {
            what: "usable draws",
            found: usable.len(),
            least: 2,
        });
    }
    let m = models.len();
    let shape = (usable.len(), repetitions as usize, m);
    let samples: Vec<Array3<f64>> = (0..usable[0].len())
        .map(|kind| Array3::from_shape_fn(shape, |(d, r, c)| usable[d][kind][r * m + c]))
        .collect();
    let found = samples
        .iter()
        .map(|sample| Ok(of_covariance(&without_folding(sample.view())?, 0)))
        .collect::<Result<Vec<Variances>, InferenceError>>()?;
    let s = subjects.len();
    let (variances, degrees) = match resample {
        Resample::Stimuli => (found[0].corrected(n), n - 1),
        Resample::Subjects => (found[0].corrected(s), s - 1),
        Resample::Dual => (dual(&found[0], &found[1], &found[2], s, n), n.min(s) - 1),
    };
    let over = |column: usize| {
        let all = samples
            .iter()
            .map(|sample| sample.index_axis(Axis(2), column));
        mean(
            &all.flat_map(|own| own.iter().copied().collect::<Vec<_>>())
                .collect::<Vec<f64>>(),
        )
    };
    let means: Vec<f64> = (0..m).map(over).collect();
    let t = |difference: f64, variance: f64| {
        if variance > 0.0 {
            difference / variance.sqrt()
        } else {
            f64::NAN
        }
    };
    let degrees = degrees as f64;
    let mut pairwise = Array2::ones((m, m));
    let places = (0..m).flat_map(|i| (i + 1..m).map(move |j| (i, j)));
    for ((i, j), &variance) in places.zip(&variances.differences) {
        let p = student_t_two_sided(t(means[i] - means[j], variance), degrees);
        pairwise[[i, j]] = p;
        pairwise[[j, i]] = p;
    }
    let each = means.iter().zip(&variances.models);
    Ok(Crossvalidation {
        zero: each
            .map(|(&value, &variance)| student_t_upper(t(value, variance), degrees))
            .collect(),
        pairwise,
        unusable: rows.len() - usable.len(),
        samples,
        means,
        variances,
    })
}

/// The fold of each place of a sample; none if there are fewer than three different stimuli a fold.
fn deal(n: usize, stimuli: &[usize], folds: u32, rng: &mut CounterRng) -> Option<Vec<u32>> {
    let mut different = stimuli.to_vec();
    different.sort_unstable();
    different.dedup();
    if different.len() < 3 * folds as usize {
        return None;
    }
    rng.shuffle(&mut different);
    let mut fold_of = vec![0; n];
    for (stimulus, fold) in different.into_iter().zip((0..folds).cycle()) {
        fold_of[stimulus] = fold;
    }
    Some(stimuli.iter().map(|&stimulus| fold_of[stimulus]).collect())
}

/// Mean over subjects of each model's cross-validated fit to a sample.
fn fit(
    subjects: &[Rdm],
    models: &[ArrayView2<'_, f64>],
    stimuli: &[usize],
    of: &[usize],
    folds: &[u32],
) -> Result<Vec<f64>, InferenceError> {
    let brains = of
        .iter()
        .map(|&subject| subjects[subject].select(stimuli))
        .collect::<Result<Vec<_>, _>>()?;
    models
        .iter()
        .map(|features| {
            let features = features.select(Axis(0), stimuli);
            let ready = Reweighting::new(features.view(), folds, &brains[0])?;
            let values = brains
                .iter()
                .map(|brain| Ok(ready.fit(brain)?.r))
                .collect::<Result<Vec<f64>, InferenceError>>()?;
            Ok(mean(&values))
        })
        .collect()
}
