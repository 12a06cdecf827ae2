//! Would other stimuli, or other subjects, say the same of the models?
//!
//! A sample of stimuli is a weight for each pair, w_i w_j, with pairs made of two copies left out;
//! nothing is copied, and ranks come from one sorting of each set of dissimilarities for all samples.

use super::variance::{ModelTests, Variances, dual, of_covariance, t_tests};
use super::{InferenceError, ceiling::NoiseCeiling, ceiling::noise_ceiling};
use crate::rdm::compare::{Prepared, Shared};
use crate::rdm::{Comparison, Rdm, RdmError, dot, pairs, rank::ascending, rank::centred_ranks};
use emotome_stats::random::{CounterRng, Seed};
use emotome_stats::summary::mean;
use emotome_stimuli::run::Run;
use ndarray::Array2;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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
    let seed = Seed(params.seed).derive("bootstrap of subjects and stimuli");
    let draw = |stream: u64, n: usize| {
        let mut rng = CounterRng::new(seed, stream);
        (0..n).map(|_| rng.below(n as u64) as usize).collect()
    };
    let draws: Vec<Draw> = (0..u64::from(params.draws))
        .map(|b| Draw {
            stimuli: draw(2 * b, n),
            subjects: draw(2 * b + 1, subjects.len()),
        })
        .collect();
    bootstrap_with(
        subjects,
        models,
        &draws,
        params.comparison,
        params.resample,
        run,
    )
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
/// out of range, comparisons that cannot be made ([`compare`](crate::rdm::compare)), or an interrupt.
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
    let distinct: BTreeMap<Vec<u32>, ()> = match resample {
        Resample::Stimuli => BTreeMap::new(),
        _ => draws.iter().map(|draw| (counts(draw), ())).collect(),
    };
    let distinct: Vec<Vec<u32>> = distinct.into_keys().collect();
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
        .map(|sample| of_covariance(&covariance(sample)))
        .collect();
    let (variances, degrees) = match resample {
        Resample::Stimuli => (found[0].corrected(n), n - 1),
        Resample::Subjects => (found[0].corrected(s), s - 1),
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
fn covariance(rows: &Array2<f64>) -> Array2<f64> {
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

/// Subjects and models of which samples are drawn.
struct Base<'a> {
    subjects: &'a [Rdm],
    models: &'a [Rdm],
    comparison: Comparison,
    /// Pairs that nobody misses.
    present: Vec<bool>,
    /// For comparisons of ranks: the pairs of each subject and model in ascending order, and where ties end.
    orders: Vec<Vec<(u32, bool)>>,
}

impl<'a> Base<'a> {
    fn new(subjects: &'a [Rdm], models: &'a [Rdm], comparison: Comparison) -> Self {
        let present = present(subjects, models);
        let order = |rdm: &Rdm| {
            let places: Vec<u32> = (0..)
                .zip(&present)
                .filter(|&(_, &p)| p)
                .map(|(place, _)| place)
                .collect();
            let values: Vec<f64> = places
                .iter()
                .map(|&place| rdm.values()[place as usize])
                .collect();
            let order = ascending(&values);
            let last = |at: usize| order.get(at + 1).is_none_or(|next| next.0 != order[at].0);
            (0..order.len())
                .map(|at| (places[order[at].1 as usize], last(at)))
                .collect()
        };
        let ranked = matches!(comparison, Comparison::Spearman | Comparison::RhoA);
        let orders = if ranked {
            subjects.par_iter().chain(models).map(order).collect()
        } else {
            Vec::new()
        };
        Self {
            subjects,
            models,
            comparison,
            present,
            orders,
        }
    }

    /// Subjects and models on a sample of stimuli; none if it holds fewer than three different ones.
    fn sample(&self, stimuli: &[usize]) -> Option<Sample> {
        let n = self.subjects[0].n();
        let mut drawn = vec![0_u32; n];
        stimuli.iter().for_each(|&stimulus| drawn[stimulus] += 1);
        if drawn.iter().filter(|&&count| count > 0).count() < 3 {
            return None;
        }
        let all = || self.subjects.iter().chain(self.models);
        let weighable = matches!(
            self.comparison,
            Comparison::Pearson | Comparison::Cosine | Comparison::Spearman | Comparison::RhoA
        );
        if !weighable {
            let mut places = stimuli.to_vec();
            places.sort_unstable();
            let mut sampled = all()
                .map(|rdm| rdm.select(&places).ok())
                .collect::<Option<Vec<_>>>()?;
            let models = sampled.split_off(self.subjects.len());
            return Sample::whole(&sampled, &models, self.comparison).ok();
        }
        // Pairs of two different stimuli, with the number of times they were drawn together.
        let (mut slots, mut weights) = (Vec::new(), Vec::new());
        let mut full = vec![0_u32; pairs(n)];
        let mut at = 0;
        for i in 0..n {
            for &count in &drawn[i + 1..] {
                let weight = if self.present[at] {
                    drawn[i] * count
                } else {
                    0
                };
                full[at] = weight;
                if weight > 0 {
                    slots.push(at as u32);
                    weights.push(weight);
                }
                at += 1;
            }
        }
        let total: u64 = weights.iter().map(|&w| u64::from(w)).sum();
        let roots: Vec<f64> = weights.iter().map(|&w| f64::from(w).sqrt()).collect();
        let mut scratch = vec![
            0_i32;
            if self.orders.is_empty() {
                0
            } else {
                full.len()
            }
        ];
        let mut ranks = Vec::new();
        let mut prepared = Vec::with_capacity(self.subjects.len() + self.models.len());
        let mut scales = Vec::new();
        for (which, rdm) in all().enumerate() {
            let values: Vec<f64> = match self.orders.get(which) {
                Some(order) => {
                    rank_weighted(order, &full, total, &mut scratch);
                    let own: Vec<i32> = slots.iter().map(|&slot| scratch[slot as usize]).collect();
                    let values = own
                        .iter()
                        .zip(&roots)
                        .map(|(&rank, root)| f64::from(rank) * root)
                        .collect();
                    if which < self.subjects.len() {
                        ranks.push(own);
                    }
                    values
                }
                None => {
                    let own = slots.iter().map(|&slot| rdm.values()[slot as usize]);
                    let centre = if self.comparison == Comparison::Pearson {
                        own.clone()
                            .zip(&weights)
                            .map(|(v, &w)| v * f64::from(w))
                            .sum::<f64>()
                            / total as f64
                    } else {
                        0.0
                    };
                    own.zip(&roots)
                        .map(|(v, root)| (v - centre) * root)
                        .collect()
                }
            };
            let ready = Prepared::new(values);
            scales.push(ready.norm);
            prepared.push(ready);
        }
        let models = prepared.split_off(self.subjects.len());
        let ranks = (!ranks.is_empty()).then_some(Ranks {
            ranks,
            weights,
            roots,
            total,
        });
        Some(Sample::Products(Products {
            comparison: self.comparison,
            subjects: prepared,
            models,
            scales,
            ranks,
        }))
    }
}

/// Doubled centred ranks of pairs with weights, written where each pair stands.
fn rank_weighted(order: &[(u32, bool)], weights: &[u32], total: u64, ranks: &mut [i32]) {
    let total = total as i64;
    let (mut below, mut tied, mut start) = (0_i64, 0_i64, 0);
    for (at, &(place, last)) in order.iter().enumerate() {
        tied += i64::from(weights[place as usize]);
        if last {
            let rank = (2 * below + tied - total) as i32;
            for &(place, _) in &order[start..=at] {
                ranks[place as usize] = rank;
            }
            below += tied;
            tied = 0;
            start = at + 1;
        }
    }
}

fn present(subjects: &[Rdm], models: &[Rdm]) -> Vec<bool> {
    let mut present = vec![true; subjects.first().map_or(0, |rdm| rdm.values().len())];
    for rdm in subjects.iter().chain(models) {
        present
            .iter_mut()
            .zip(rdm.values())
            .for_each(|(p, v)| *p &= !v.is_nan());
    }
    present
}

/// Subjects and models on one sample of stimuli, ready to be compared.
pub(super) enum Sample {
    /// Comparisons that are products.
    Products(Products),
    /// Comparisons that are none.
    Direct {
        comparison: Comparison,
        n: usize,
        present: Vec<bool>,
        subjects: Vec<Vec<f64>>,
        models: Vec<Vec<f64>>,
    },
}

pub(super) struct Products {
    comparison: Comparison,
    subjects: Vec<Prepared>,
    models: Vec<Prepared>,
    /// What a subject is divided by before it is pooled.
    scales: Vec<f64>,
    /// Ranks of subjects, which are pooled and ranked again.
    ranks: Option<Ranks>,
}

struct Ranks {
    ranks: Vec<Vec<i32>>,
    weights: Vec<u32>,
    roots: Vec<f64>,
    total: u64,
}

impl Sample {
    /// All stimuli.
    pub(super) fn whole(
        subjects: &[Rdm],
        models: &[Rdm],
        comparison: Comparison,
    ) -> Result<Self, InferenceError> {
        let Some(first) = subjects.first() else {
            return Err(InferenceError::Few {
                what: "subjects",
                found: 0,
                least: 1,
            });
        };
        let n = first.n();
        if let Some(odd) = subjects.iter().chain(models).find(|rdm| rdm.n() != n) {
            return Err(RdmError::Sizes {
                left: n,
                right: odd.n(),
            }
            .into());
        }
        let present = present(subjects, models);
        let shared = Shared::new(n, &present);
        comparison.check(&shared)?;
        let values = |rdms: &[Rdm]| rdms.iter().map(|rdm| shared.of(rdm)).collect::<Vec<_>>();
        let (raw, raw_models) = (values(subjects), values(models));
        let ready = |raw: &[Vec<f64>]| {
            raw.iter()
                .map(|v| shared.prepare(v, comparison))
                .collect::<Option<Vec<_>>>()
        };
        let Some((prepared, models)) = ready(&raw).zip(ready(&raw_models)) else {
            return Ok(Self::Direct {
                comparison,
                n,
                present,
                subjects: raw,
                models: raw_models,
            });
        };
        let scale = |values: &Vec<f64>| {
            let centre = if matches!(comparison, Comparison::Pearson | Comparison::CorrCov) {
                mean(values)
            } else {
                0.0
            };
            values
                .iter()
                .map(|v| (v - centre).powi(2))
                .sum::<f64>()
                .sqrt()
        };
        let ranked = matches!(comparison, Comparison::Spearman | Comparison::RhoA);
        let ranks = ranked.then(|| Ranks {
            ranks: raw.iter().map(|values| centred_ranks(values)).collect(),
            weights: vec![1; raw[0].len()],
            roots: vec![1.0; raw[0].len()],
            total: raw[0].len() as u64,
        });
        Ok(Self::Products(Products {
            comparison,
            scales: raw.iter().map(scale).collect(),
            subjects: prepared,
            models,
            ranks,
        }))
    }

    /// Models × subjects.
    pub(super) fn agreements(&self) -> Array2<f64> {
        match self {
            Self::Products(p) => {
                Array2::from_shape_fn((p.models.len(), p.subjects.len()), |(m, s)| {
                    p.join(&p.models[m], s)
                })
            }
            Self::Direct {
                comparison,
                n,
                present,
                subjects,
                models,
            } => {
                let shared = Shared::new(*n, present);
                Array2::from_shape_fn((models.len(), subjects.len()), |(m, s)| {
                    comparison.direct(&shared, &models[m], &subjects[s])
                })
            }
        }
    }

    /// Mean agreement of each model with subjects drawn `counts` times, then the ceilings' means.
    ///
    /// The ceilings average over different subjects, not over copies, as rsatoolbox does.
    fn row(&self, counts: &[u32]) -> Vec<f64> {
        let total: u32 = counts.iter().sum();
        let weighted = |row: ndarray::ArrayView1<'_, f64>| {
            row.iter()
                .zip(counts)
                .filter(|&(_, &c)| c > 0)
                .map(|(v, &c)| v * f64::from(c))
                .sum::<f64>()
                / f64::from(total)
        };
        let mut row: Vec<f64> = self.agreements().outer_iter().map(weighted).collect();
        let (lower, upper) = self.ceilings(counts);
        row.extend([mean(&lower), mean(&upper)]);
        row
    }

    /// Each subject drawn, once, against the pool of the others and of all.
    pub(super) fn ceilings(&self, counts: &[u32]) -> (Vec<f64>, Vec<f64>) {
        let drawn: Vec<usize> = (0..counts.len()).filter(|&s| counts[s] > 0).collect();
        let others = |s: usize| {
            let mut others = counts.to_vec();
            if drawn.len() > 1 {
                others[s] = 0;
            }
            others
        };
        match self {
            Self::Products(p) => {
                let all = p.pool(counts);
                let upper = drawn.iter().map(|&s| p.join(&all, s)).collect();
                (
                    drawn
                        .iter()
                        .map(|&s| p.join(&p.pool(&others(s)), s))
                        .collect(),
                    upper,
                )
            }
            Self::Direct {
                comparison,
                n,
                present,
                subjects,
                ..
            } => {
                let shared = Shared::new(*n, present);
                let pool = |counts: &[u32]| {
                    let mut pool = vec![0.0; subjects[0].len()];
                    for (values, &count) in subjects.iter().zip(counts).filter(|c| *c.1 > 0) {
                        let own: Vec<f64> = match comparison {
                            Comparison::Bures => values
                                .iter()
                                .map(|v| v / dot(values, values).sqrt())
                                .collect(),
                            _ => centred_ranks(values).into_iter().map(f64::from).collect(),
                        };
                        pool.iter_mut()
                            .zip(own)
                            .for_each(|(p, v)| *p += v * f64::from(count));
                    }
                    pool
                };
                let join = |pool: &[f64], s: usize| comparison.direct(&shared, pool, &subjects[s]);
                let all = pool(counts);
                let upper = drawn.iter().map(|&s| join(&all, s)).collect();
                (
                    drawn.iter().map(|&s| join(&pool(&others(s)), s)).collect(),
                    upper,
                )
            }
        }
    }
}

impl Products {
    fn join(&self, pool: &Prepared, subject: usize) -> f64 {
        let total = self.ranks.as_ref().map(|ranks| ranks.total as f64);
        self.comparison
            .join_weighted(pool, &self.subjects[subject], total)
    }

    /// Subjects pooled as often as they were drawn.
    fn pool(&self, counts: &[u32]) -> Prepared {
        let drawn = || (0..counts.len()).filter(|&s| counts[s] > 0);
        let Some(ranks) = &self.ranks else {
            let mut values = vec![0.0; self.subjects[0].values.len()];
            for s in drawn() {
                let factor = f64::from(counts[s]) / self.scales[s];
                values
                    .iter_mut()
                    .zip(&self.subjects[s].values)
                    .for_each(|(p, v)| *p += v * factor);
            }
            return Prepared::new(values);
        };
        let mut sums = vec![0_i64; ranks.weights.len()];
        for s in drawn() {
            sums.iter_mut()
                .zip(&ranks.ranks[s])
                .for_each(|(sum, &rank)| *sum += i64::from(counts[s]) * i64::from(rank));
        }
        let mut order: Vec<(i64, u32)> = sums.into_iter().zip(0..).collect();
        order.sort_unstable();
        let mut values = vec![0.0; order.len()];
        let (mut below, total) = (0_i64, ranks.total as i64);
        for tied in order.chunk_by(|a, b| a.0 == b.0) {
            let weight: i64 = tied
                .iter()
                .map(|&(_, slot)| i64::from(ranks.weights[slot as usize]))
                .sum();
            for &(_, slot) in tied {
                values[slot as usize] =
                    (2 * below + weight - total) as f64 * ranks.roots[slot as usize];
            }
            below += weight;
        }
        Prepared::new(values)
    }
}
