//! Samples of stimuli drawn with replacement.
//!
//! A sample is a weight for each pair, w_i w_j, with pairs made of two copies left out; nothing is copied, and ranks come
//! from one sorting of each set of dissimilarities for all samples.

use super::sample::{Products, Ranks, Sample, present};
use crate::rdm::compare::Prepared;
use crate::rdm::rank::ascending;
use crate::rdm::{Comparison, Rdm, pairs};
use rayon::prelude::*;

/// Subjects and models of which samples are drawn.
pub(super) struct Base<'a> {
    subjects: &'a [Rdm],
    models: &'a [Rdm],
    comparison: Comparison,
    /// Pairs that nobody misses.
    present: Vec<bool>,
    /// For comparisons of ranks: the pairs of each subject and model in ascending order, and where ties end.
    orders: Vec<Vec<(u32, bool)>>,
}

impl<'a> Base<'a> {
    pub(super) fn new(subjects: &'a [Rdm], models: &'a [Rdm], comparison: Comparison) -> Self {
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
    pub(super) fn sample(&self, stimuli: &[usize]) -> Option<Sample> {
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
