//! The uncertainty of a mean over trials when trials share items.
//!
//! Trials that show the same stimulus are not independent: an ambiguous clip lowers all of its
//! trials. A model of the score of trial t = {a, b, c} is y_t = μ + u_a + u_b + u_c + (pair and
//! triple effects) + e_t, with items and trials both drawn from populations. Four intervals:
//!
//! * [`Resampling::TwoWay`], the default, estimates Var ȳ = N⁻² Σ r_t r_t′ over all pairs of
//!   trials that share an item (r = y − ȳ), the crossed-cluster variance of Fafchamps & Gubert
//!   (2007, doi:10.1016/j.jdeveco.2006.05.005) and Cameron, Gelbach & Miller (2011,
//!   doi:10.1198/jbes.2010.07136) for three items a trial. By inclusion and exclusion it is
//!   N⁻² (Σ_i S_i² − Σ_ij S_ij² + Σ_ijk S_ijk²), where S sums the residuals of the trials that
//!   contain an item, pair or triple: O(N log N) and no random draws.
//! * [`Resampling::Pigeonhole`] (Owen 2007, doi:10.1214/07-AOAS122) resamples items and weights
//!   each trial by the product of its items' counts. It counts trial noise up to seven times
//!   (E w_a² w_b² w_c² − 1 = 2³ − 1), so it is too wide unless items dominate.
//! * [`Resampling::Trials`] resamples trials: a published habit, too narrow when items differ.
//! * [`Resampling::PublishedItemwise`]: s.d. over items of each item's mean / √n items, of
//!   published code; items share trials, so it is no standard error.

use super::{EvaluationError, at_least, within};
use emotome_stats::{
    interval::{Interval, normal, percentile, wilson},
    random::{CounterRng, Seed},
    summary,
};
use emotome_triplets::{ChoiceSet, UnorderedTriplet};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// How the uncertainty of a mean over trials is found; the module compares them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "method")]
pub enum Resampling {
    /// Item × trial crossed-cluster variance.
    #[default]
    TwoWay,
    /// Bootstrap of items, product weights: conservative.
    Pigeonhole {
        /// Number of resamples.
        replicates: usize,
        /// Seed of the resamples.
        seed: u64,
    },
    /// Bootstrap of trials as if they were independent.
    Trials {
        /// Number of resamples.
        replicates: usize,
        /// Seed of the resamples.
        seed: u64,
    },
    /// Published: standard error over items of the item means.
    PublishedItemwise,
}

/// Which trials share which items, made once and used for every score of these trials.
///
/// Memory: 40 bytes a trial beside the choices.
#[derive(Debug, Clone)]
pub struct TrialClusters {
    items: Vec<[u32; 3]>,
    /// Entries `pairs[start[i]..start[i + 1]]` belong to pairs whose lower item is i.
    start: Vec<usize>,
    /// (higher item, trial).
    pairs: Vec<(u32, u32)>,
    /// Trials sorted by unordered triple.
    by_triple: Vec<u32>,
    /// φ: the share of ordered pairs of trials with a common item, a trial with itself included.
    related: f64,
}

/// The mean of a score over trials and the parts of its variance.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TwoWayMean {
    /// Mean over trials.
    pub mean: f64,
    /// Estimated standard error of the mean, items and trials both random.
    pub standard_error: f64,
    /// Share of the squared standard error that comes from which items were drawn, 0 to 1.
    pub item_share: f64,
}

impl TrialClusters {
    /// Indexes the trials of a set by item, pair and triple; O(N log N).
    ///
    /// # Errors
    /// No trials, or more than 2³² − 1.
    pub fn new(choices: &ChoiceSet) -> Result<Self, EvaluationError> {
        let triplets = choices.choices().iter().map(|c| c.triplet.unordered());
        Self::of(choices.n_stimuli(), triplets)
    }

    /// Indexes trials, or questions, that show these triplets of `n_stimuli` stimuli.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn of(
        n_stimuli: usize,
        triplets: impl Iterator<Item = UnorderedTriplet>,
    ) -> Result<Self, EvaluationError> {
        let items: Vec<[u32; 3]> = triplets.map(|t| t.items().map(|id| id.0)).collect();
        let n = items.len();
        at_least(1, n, "choices", "give a file of held-out trials")?;
        within(
            "number of trials",
            n as f64,
            u32::try_from(n).is_ok(),
            "at most 4,294,967,295: score a sample",
        )?;
        let mut start = vec![0_usize; n_stimuli + 1];
        for [a, b, _] in &items {
            start[*a as usize + 1] += 2;
            start[*b as usize + 1] += 1;
        }
        for i in 1..start.len() {
            start[i] += start[i - 1];
        }
        let (mut next, mut pairs) = (start.clone(), vec![(0, 0); 3 * n]);
        for (trial, &[a, b, c]) in items.iter().enumerate() {
            for (low, high) in [(a, b), (a, c), (b, c)] {
                pairs[next[low as usize]] = (high, trial as u32);
                next[low as usize] += 1;
            }
        }
        let mut by_triple: Vec<u32> = (0..n as u32).collect();
        by_triple.par_sort_unstable_by_key(|&t| (items[t as usize], t));
        let mut clusters = Self {
            items,
            start,
            pairs,
            by_triple,
            related: 0.0,
        };
        clusters.related = clusters.double_sum(&vec![1.0; n]).0;
        Ok(clusters)
    }

    /// The number of trials.
    #[must_use]
    pub fn n_trials(&self) -> usize {
        self.items.len()
    }

    /// The mean of a score and its two-way standard error; O(N).
    ///
    /// Residuals are taken from the observed mean, which shrinks the expected double sum by the
    /// share φ of pairs of trials with a common item; it is divided by 1 − φ. The variance is
    /// never put below that of the trials alone. Where every two trials share an item (always,
    /// with fewer than six items) nothing can be said about other items: the error is NaN.
    ///
    /// # Errors
    /// [`EvaluationError::Mismatch`] unless there is one score for each trial.
    pub fn mean(&self, scores: &[f64]) -> Result<TwoWayMean, EvaluationError> {
        self.same_length(scores)?;
        let mean = summary::mean(scores);
        let residual: Vec<f64> = scores.iter().map(|y| y - mean).collect();
        let (crossed, triples) = self.double_sum(&residual);
        let unrelated = 1.0 - self.related;
        if unrelated <= 0.0 {
            return Ok(TwoWayMean {
                mean,
                standard_error: f64::NAN,
                item_share: f64::NAN,
            });
        }
        let total = (crossed / unrelated).max(triples);
        Ok(TwoWayMean {
            mean,
            standard_error: total.sqrt(),
            item_share: if total > triples {
                1.0 - triples / total
            } else {
                0.0
            },
        })
    }

    /// N⁻² Σ r_t r_t′ over all pairs of trials that share an item, and over those of one triple.
    fn double_sum(&self, r: &[f64]) -> (f64, f64) {
        let squares = |sums: &mut dyn Iterator<Item = f64>| summary::sum(sums.map(|s| s * s));
        let mut by_item = vec![0.0; self.start.len() - 1];
        for (items, r) in self.items.iter().zip(r) {
            items.iter().for_each(|&item| by_item[item as usize] += r);
        }
        let items = squares(&mut by_item.iter().copied());
        let mut by_partner = vec![0.0; by_item.len()];
        let pairs = summary::sum(self.start.windows(2).map(|bucket| {
            let entries = &self.pairs[bucket[0]..bucket[1]];
            for &(item, trial) in entries {
                by_partner[item as usize] += r[trial as usize];
            }
            // Taking a sum empties its cell, so the pair's later entries add nothing.
            squares(
                &mut entries
                    .iter()
                    .map(|&(item, _)| std::mem::take(&mut by_partner[item as usize])),
            )
        }));
        let triples = squares(
            &mut self
                .by_triple
                .chunk_by(|&s, &t| self.items[s as usize] == self.items[t as usize])
                .map(|trials| trials.iter().map(|&t| r[t as usize]).sum()),
        );
        let n = r.len() as f64;
        ((items - pairs + triples) / (n * n), triples / (n * n))
    }

    /// A confidence interval of the mean of a score.
    ///
    /// # Errors
    /// One score for each trial is needed, and a bootstrap needs replicates.
    pub fn interval(
        &self,
        scores: &[f64],
        resampling: Resampling,
        level: f64,
    ) -> Result<Interval, EvaluationError> {
        self.same_length(scores)?;
        match resampling {
            Resampling::TwoWay => {
                let two_way = self.mean(scores)?;
                Ok(normal(two_way.mean, two_way.standard_error, level))
            }
            Resampling::PublishedItemwise => {
                let mut sums = vec![(0.0, 0.0); self.start.len() - 1];
                for (items, y) in self.items.iter().zip(scores) {
                    for &item in items {
                        sums[item as usize].0 += y;
                        sums[item as usize].1 += 1.0;
                    }
                }
                let means: Vec<f64> = sums
                    .iter()
                    .filter(|s| s.1 > 0.0)
                    .map(|s| s.0 / s.1)
                    .collect();
                let error = summary::standard_deviation(&means) / (means.len() as f64).sqrt();
                Ok(normal(summary::mean(scores), error, level))
            }
            Resampling::Pigeonhole { .. } | Resampling::Trials { .. } => {
                let means = self.bootstrap_means(&[scores], resampling)?;
                Ok(percentile(&means[0], level))
            }
        }
    }

    /// A confidence interval of a proportion: as [`interval`](Self::interval), but never outside [0, 1].
    ///
    /// The two-way interval is Wilson's at the effective number of trials p(1 − p) / SE², at most N
    /// (Korn & Graubard 1998), so that 100 % correct in few trials is not reported as certain.
    ///
    /// # Errors
    /// As [`interval`](Self::interval).
    pub fn proportion_interval(
        &self,
        credit: &[f64],
        resampling: Resampling,
        level: f64,
    ) -> Result<Interval, EvaluationError> {
        if resampling != Resampling::TwoWay {
            return self.interval(credit, resampling, level);
        }
        let two_way = self.mean(credit)?;
        let (p, n) = (two_way.mean, credit.len() as f64);
        let effective = match two_way.standard_error.powi(2) {
            0.0 => n,
            variance => (p * (1.0 - p) / variance).clamp(f64::MIN_POSITIVE, n),
        };
        Ok(wilson(p * effective, effective, level))
    }

    /// Intervals of a proportion and of another mean, from the same resamples where there are any:
    /// [`proportion_interval`](Self::proportion_interval) and [`interval`](Self::interval) at half the cost.
    ///
    /// # Errors
    /// As [`interval`](Self::interval).
    pub fn intervals(
        &self,
        credit: &[f64],
        other: &[f64],
        resampling: Resampling,
        level: f64,
    ) -> Result<[Interval; 2], EvaluationError> {
        match resampling {
            Resampling::TwoWay | Resampling::PublishedItemwise => Ok([
                self.proportion_interval(credit, resampling, level)?,
                self.interval(other, resampling, level)?,
            ]),
            Resampling::Pigeonhole { .. } | Resampling::Trials { .. } => {
                let means = self.bootstrap_means(&[credit, other], resampling)?;
                Ok(means.map(|means| percentile(&means, level)))
            }
        }
    }

    /// Bootstrap replicates of the means of several scores on the same resamples.
    ///
    /// Replicate r draws from `CounterRng::new(seed, r)`; O(replicates · N), parallel over
    /// replicates, N + n items words of memory a thread.
    ///
    /// # Errors
    /// No replicates, or not one score for each trial.
    pub fn bootstrap_means<const S: usize>(
        &self,
        scores: &[&[f64]; S],
        resampling: Resampling,
    ) -> Result<[Vec<f64>; S], EvaluationError> {
        for score in scores {
            self.same_length(score)?;
        }
        let (replicates, seed) = match resampling {
            Resampling::Pigeonhole { replicates, seed }
            | Resampling::Trials { replicates, seed } => {
                (replicates, Seed(seed).derive("bootstrap of trials"))
            }
            Resampling::TwoWay | Resampling::PublishedItemwise => (0, Seed(0)),
        };
        at_least(2, replicates, "bootstrap replicates", "ask for 1000")?;
        let rows: Vec<[f64; S]> = (0..self.n_trials())
            .map(|trial| std::array::from_fn(|s| scores[s][trial]))
            .collect();
        let means: Vec<[f64; S]> = (0..replicates)
            .into_par_iter()
            .map(|replicate| {
                let mut rng = CounterRng::new(seed, replicate as u64);
                match resampling {
                    Resampling::Pigeonhole { .. } => self.product_weighted_mean(&rows, &mut rng),
                    _ => resampled_mean(&rows, &mut rng),
                }
            })
            .collect();
        Ok(std::array::from_fn(|s| {
            means.iter().map(|m| m[s]).collect()
        }))
    }

    fn product_weighted_mean<const S: usize>(
        &self,
        rows: &[[f64; S]],
        rng: &mut CounterRng,
    ) -> [f64; S] {
        let n_items = self.start.len() - 1;
        let mut count = vec![0.0; n_items];
        for _ in 0..n_items {
            count[rng.below(n_items as u64) as usize] += 1.0;
        }
        let (mut total, mut sums) = (0.0, [0.0; S]);
        for (items, row) in self.items.iter().zip(rows) {
            let weight: f64 = items.iter().map(|&item| count[item as usize]).product();
            total += weight;
            (0..S).for_each(|s| sums[s] += weight * row[s]);
        }
        sums.map(|sum| sum / total)
    }

    fn same_length(&self, scores: &[f64]) -> Result<(), EvaluationError> {
        if scores.len() == self.n_trials() {
            return Ok(());
        }
        Err(EvaluationError::Mismatch {
            what: "trials and scores",
            left: self.n_trials(),
            right: scores.len(),
        })
    }
}

/// The mean of as many rows as there are, drawn with replacement.
///
/// Counting the draws first keeps random access within one byte a trial.
fn resampled_mean<const S: usize>(rows: &[[f64; S]], rng: &mut CounterRng) -> [f64; S] {
    let mut count = vec![0_u8; rows.len()];
    for _ in 0..rows.len() {
        // A trial drawn more than 255 times has a probability below 10⁻⁵⁰⁰.
        let drawn = &mut count[rng.below_word(rows.len() as u32) as usize];
        *drawn = drawn.saturating_add(1);
    }
    let mut sums = [0.0; S];
    for (row, &drawn) in rows.iter().zip(&count) {
        (0..S).for_each(|s| sums[s] += f64::from(drawn) * row[s]);
    }
    sums.map(|sum| sum / rows.len() as f64)
}
