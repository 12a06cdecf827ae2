//! Would other stimuli, or other subjects, say the same of the models?
//!
use super::InferenceError;
use super::ceiling::{NoiseCeiling, noise_ceiling};
use super::resampling::Base;
use super::sample::Sample;
use super::variance::{ModelTests, Variances, dual, of_covariance, t_tests};
use crate::rdm::{Comparison, Rdm, dot};
use emotome_stats::random::{CounterRng, Seed};
use emotome_stats::summary::mean;
use emotome_stimuli::run::Run;
use ndarray::Array2;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What is drawn with replacement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resample {
    /// Stimuli: would others of their kind say the same?
    Stimuli,
    /// Subjects.
    Subjects,
    /// Both, with the correction of [`dual`].
    Dual,
}

/// How agreements are bootstrapped.
///
/// | parameter | default |
/// |---|---|
/// | `comparison` | `Spearman` |
/// | `resample` | `Dual` |
/// | `draws` | 1,000 |
/// | `seed` | 0 |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootstrapParams {
    /// How dissimilarities are compared.
    pub comparison: Comparison,
    /// What is drawn.
    pub resample: Resample,
    /// How many samples are drawn.
    pub draws: u32,
    /// Seed of the draws.
    pub seed: u64,
}

impl Default for BootstrapParams {
    fn default() -> Self {
        Self {
            comparison: Comparison::Spearman,
            resample: Resample::Dual,
            draws: 1_000,
            seed: 0,
        }
    }
}

/// One sample: which subjects and which stimuli, with repeats.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draw {
    /// Subjects drawn.
    pub subjects: Vec<usize>,
    /// Stimuli drawn.
    pub stimuli: Vec<usize>,
}

/// Agreements of models with subjects, and what bootstraps say of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Bootstrap {
    /// Models × subjects.
    pub agreements: Array2<f64>,
    /// The noise ceiling of all stimuli and subjects.
    pub ceiling: NoiseCeiling,
    /// Mean agreement of each model over all samples, which the t tests use as rsatoolbox does.
    pub means: Vec<f64>,
    /// Mean lower ceiling over all samples.
    pub mean_lower_ceiling: f64,
    /// For each kind of sample (both, subjects, stimuli; or the one resampled) draws × (models,
    /// lower ceiling, upper ceiling).
    pub samples: Vec<Array2<f64>>,
    /// The variances of new draws.
    pub variances: Variances,
    /// t tests with these variances.
    pub tests: ModelTests,
    /// Samples that held fewer than three different stimuli, and were left out.
    pub unusable: usize,
}

/// Bootstraps the agreement of models with subjects.
///
/// Degrees of freedom are the number of units drawn less one, the smaller where both are drawn.
/// Draw b of the seed's streams 2b and 2b + 1 are its stimuli and its subjects.
///
/// # Errors
/// As [`bootstrap_with`].
pub fn bootstrap(
    subjects: &[Rdm],
    models: &[Rdm],
    params: BootstrapParams,
    run: Run<'_>,
) -> Result<Bootstrap, InferenceError> {
    let n = subjects.first().map_or(0, Rdm::n);
    let draws = draws(n, subjects.len(), params.draws, params.seed);
    bootstrap_with(
        subjects,
        models,
        &draws,
        params.comparison,
        params.resample,
        run,
    )
}

/// Draw b of streams 2b (its stimuli) and 2b + 1 (its subjects).
pub(super) fn draws(n: usize, subjects: usize, draws: u32, seed: u64) -> Vec<Draw> {
    let seed = Seed(seed).derive("bootstrap of subjects and stimuli");
    let draw = |stream: u64, n: usize| {
        let mut rng = CounterRng::new(seed, stream);
        (0..n).map(|_| rng.below(n as u64) as usize).collect()
    };
    (0..u64::from(draws))
        .map(|b| Draw {
            stimuli: draw(2 * b, n),
            subjects: draw(2 * b + 1, subjects),
        })
        .collect()
}

/// Bootstraps with given draws: equal to rsatoolbox's `eval_dual_bootstrap`, `eval_bootstrap_pattern`
/// and `eval_bootstrap_rdm` with the same indices.
///
/// A sample of stimuli costs O(N (s + m)) for Pearson, Cosine and ranks, and O(n³ + N (s + m)) for
/// whitened comparisons; τ, debiased CKA and Bures are compared pair by pair of sets. Pairs made of
/// two copies of a stimulus are left out, so debiased CKA and Bures have no bootstrap of stimuli.
///
/// # Errors
/// No subject or model, one subject where subjects are drawn, fewer than two usable draws, indices
/// out of range, comparisons that cannot be made ([`compare`](crate::rdm::compare())), or an interrupt.
pub fn bootstrap_with(
    subjects: &[Rdm],
    models: &[Rdm],
    draws: &[Draw],
    comparison: Comparison,
    resample: Resample,
    run: Run<'_>,
) -> Result<Bootstrap, InferenceError> {
    let whole = Sample::whole(subjects, models, comparison)?;
    let (n, s, m) = (subjects[0].n(), subjects.len(), models.len());
    for (what, found, least) in [
        ("models", m, 1),
        ("draws", draws.len(), 2),
        (
            "subjects",
            s,
            if resample == Resample::Stimuli { 1 } else { 2 },
        ),
    ] {
        if found < least {
            return Err(InferenceError::Few { what, found, least });
        }
    }
    for draw in draws {
        for (name, indices, bound) in [
            ("a stimulus drawn", &draw.stimuli, n),
            ("a subject drawn", &draw.subjects, s),
        ] {
            if let Some(&index) = indices.iter().find(|&&index| index >= bound) {
                return Err(InferenceError::Parameter {
                    name,
                    value: index as f64,
                    range: "below their number",
                });
            }
        }
    }
    let base = Base::new(subjects, models, comparison);
    let all = vec![1_u32; s];
    let counts = |draw: &Draw| {
        let mut counts = vec![0_u32; s];
        draw.subjects
            .iter()
            .for_each(|&subject| counts[subject] += 1);
        counts
    };
    // Samples of subjects repeat themselves: each is looked at once.
    let distinct: BTreeSet<Vec<u32>> = match resample {
        Resample::Stimuli => BTreeSet::new(),
        _ => draws.iter().map(counts).collect(),
    };
    let distinct: Vec<Vec<u32>> = distinct.into_iter().collect();
    let of_subjects: BTreeMap<&Vec<u32>, Vec<f64>> = distinct
        .par_iter()
        .map(|counts| (counts, whole.row(counts)))
        .collect::<Vec<_>>()
        .into_iter()
        .collect();
    run.progress
        .begin("bootstrapping", Some(draws.len() as u64));
    let rows: Vec<Option<Vec<Vec<f64>>>> = draws
        .par_iter()
        .map(|draw| {
            if run.interrupt.requested() {
                return None;
            }
            run.progress.advance(1);
            let counts = counts(draw);
            let rows = match resample {
                Resample::Subjects => vec![of_subjects[&counts].clone()],
                Resample::Stimuli => vec![
                    base.sample(&draw.stimuli)
                        .map_or(vec![f64::NAN; m + 2], |sample| sample.row(&all)),
                ],
                Resample::Dual => {
                    let sample = base.sample(&draw.stimuli);
                    let row = |counts: &[u32]| {
                        sample
                            .as_ref()
                            .map_or(vec![f64::NAN; m + 2], |sample| sample.row(counts))
                    };
                    vec![row(&counts), of_subjects[&counts].clone(), row(&all)]
                }
            };
            Some(rows)
        })
        .collect();
    run.progress.end();
    let rows: Vec<Vec<Vec<f64>>> = rows
        .into_iter()
        .collect::<Option<_>>()
        .ok_or(InferenceError::Interrupted)?;
    let usable: Vec<&Vec<Vec<f64>>> = rows
        .iter()
        .filter(|kinds| kinds.iter().flatten().all(|v| v.is_finite()))
        .collect();
    if usable.len() < 2 {
        return Err(InferenceError::Few {
            what: "usable draws",
            found: usable.len(),
            least: 2,
        });
    }
    let samples: Vec<Array2<f64>> = (0..rows[0].len())
        .map(|kind| {
            Array2::from_shape_fn((usable.len(), m + 2), |(draw, column)| {
                usable[draw][kind][column]
            })
        })
        .collect();
    let found: Vec<Variances> = samples
        .iter()
        .map(|sample| of_covariance(&covariance(sample), 2))
        .collect();
    let (variances, degrees) = match resample {
        Resample::Stimuli => (found[0].corrected(n), n - 1),
        Resample::Subjects => {
            // The ceiling counts as fixed, as in rsatoolbox: pools of copies make its spread meaningless.
            let mut variances = found[0].corrected(s);
            variances.ceilings = variances.models.iter().map(|&v| [v, v]).collect();
            (variances, s - 1)
        }
        Resample::Dual => (dual(&found[0], &found[1], &found[2], s, n), n.min(s) - 1),
    };
    let over = |column: usize| {
        mean(
            &samples
                .iter()
                .flat_map(|sample| sample.column(column).to_vec())
                .collect::<Vec<_>>(),
        )
    };
    let means: Vec<f64> = (0..m).map(over).collect();
    let mean_lower_ceiling = over(m);
    Ok(Bootstrap {
        agreements: whole.agreements(),
        ceiling: noise_ceiling(subjects, comparison)?,
        tests: t_tests(&means, mean_lower_ceiling, &variances, degrees as f64),
        means,
        mean_lower_ceiling,
        unusable: rows.len() - usable.len(),
        samples,
        variances,
    })
}

/// The sample covariance of columns, divided by rows − 1.
pub(super) fn covariance(rows: &Array2<f64>) -> Array2<f64> {
    let (n, m) = rows.dim();
    let columns: Vec<Vec<f64>> = (0..m)
        .map(|c| {
            let column = rows.column(c).to_vec();
            let centre = mean(&column);
            column.iter().map(|v| v - centre).collect()
        })
        .collect();
    Array2::from_shape_fn((m, m), |(i, j)| {
        dot(&columns[i], &columns[j]) / (n as f64 - 1.0)
    })
}
