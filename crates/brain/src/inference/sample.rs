//! Subjects and models on the same stimuli: their agreements, and the ceilings that pools of subjects set.

use super::InferenceError;
use crate::rdm::compare::{Prepared, Shared};
use crate::rdm::rank::{ascending_keys, centred_ranks};
use crate::rdm::{Comparison, Rdm, RdmError, dot};
use emotome_stats::summary::mean;
use ndarray::Array2;
use rayon::prelude::*;

/// Pairs that nobody misses.
pub(super) fn present(subjects: &[Rdm], models: &[Rdm]) -> Vec<bool> {
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

/// Subjects and models whose comparisons are products.
pub(super) struct Products {
    pub(super) comparison: Comparison,
    pub(super) subjects: Vec<Prepared>,
    pub(super) models: Vec<Prepared>,
    /// What a subject is divided by before it is pooled.
    pub(super) scales: Vec<f64>,
    /// Ranks of subjects, which are pooled and ranked again.
    pub(super) ranks: Option<Ranks>,
}

/// Ranks of subjects, and how often each pair was drawn.
pub(super) struct Ranks {
    /// Doubled and centred, a list for each subject.
    pub(super) ranks: Vec<Vec<i32>>,
    pub(super) weights: Vec<u32>,
    /// Square roots of the weights.
    pub(super) roots: Vec<f64>,
    /// Their sum.
    pub(super) total: u64,
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
        let ranked = matches!(comparison, Comparison::Spearman | Comparison::RhoA);
        let ranks = ranked.then(|| Ranks {
            ranks: raw.par_iter().map(|values| centred_ranks(values)).collect(),
            weights: vec![1; raw[0].len()],
            roots: vec![1.0; raw[0].len()],
            total: raw[0].len() as u64,
        });
        let ready = |raw: &[Vec<f64>]| {
            raw.par_iter()
                .map(|v| shared.prepare(v, comparison))
                .collect::<Option<Vec<_>>>()
        };
        let own = match &ranks {
            Some(ranks) => {
                let numbers = |own: &Vec<i32>| own.iter().map(|&rank| f64::from(rank)).collect();
                let each = ranks.ranks.iter().map(|own| Prepared::new(numbers(own)));
                Some(each.collect())
            }
            None => ready(&raw),
        };
        let Some((prepared, models)) = own.zip(ready(&raw_models)) else {
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
    pub(super) fn row(&self, counts: &[u32]) -> Vec<f64> {
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
                let lower = drawn
                    .par_iter()
                    .map(|&s| p.join(&p.pool(&others(s)), s))
                    .collect();
                (lower, upper)
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
        let least = sums.iter().copied().min().unwrap_or(0);
        let keys: Vec<u64> = sums.into_iter().map(|sum| (sum - least) as u64).collect();
        let order = ascending_keys(&keys);
        let mut values = vec![0.0; order.len()];
        let (mut below, total) = (0_i64, ranks.total as i64);
        for tied in order.chunk_by(|&a, &b| keys[a as usize] == keys[b as usize]) {
            let weight: i64 = tied
                .iter()
                .map(|&slot| i64::from(ranks.weights[slot as usize]))
                .sum();
            for &slot in tied {
                values[slot as usize] =
                    (2 * below + weight - total) as f64 * ranks.roots[slot as usize];
            }
            below += weight;
        }
        Prepared::new(values)
    }
}
