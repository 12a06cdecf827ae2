//! Trials that were asked together, so that what they have in common is no evidence.

use emotome_stimuli::StimulusId;
use std::collections::HashMap;

/// Counts by kind over groups of trials that show the same stimulus first and come close together in time.
///
/// Engines ask trials with the same beginning one after the other. A stimulus that is often called odd then
/// makes a stretch of time in which the first place is often called odd, without any fault. Groups come in
/// random order, so that variances taken over groups allow for it. A group goes on while its next trial is at
/// most an eighth of the number of stimuli away: answers that were under way together overtake each other,
/// and in random order the next trial with the same first stimulus is eight times as far.
///
/// 48 bytes a stimulus are held, and K² sums.
#[derive(Debug)]
pub(super) struct Clusters<const K: usize> {
    reach: u64,
    at: u64,
    /// For each first stimulus, where its group was last met, and the group's counts.
    open: HashMap<StimulusId, (u64, [f64; K])>,
    /// Σ c cᵀ over groups that are over. Counts are whole, so that no order of summation changes a bit.
    products: [[f64; K]; K],
    totals: [f64; K],
}

impl<const K: usize> Clusters<K> {
    pub(super) fn new(n_stimuli: usize) -> Self {
        Self {
            reach: (n_stimuli as u64 / 8).max(1),
            at: 0,
            open: HashMap::new(),
            products: [[0.0; K]; K],
            totals: [0.0; K],
        }
    }

    /// Counts the next trial in order of time as one of kind `k`.
    pub(super) fn push(&mut self, first: StimulusId, k: usize) {
        self.at += 1;
        self.totals[k] += 1.0;
        let (last, counts) = self.open.entry(first).or_insert((self.at, [0.0; K]));
        if self.at - *last > self.reach {
            add_products(&mut self.products, counts);
            *counts = [0.0; K];
        }
        *last = self.at;
        counts[k] += 1.0;
    }

    /// Σ (a · c)² over groups: the variance of Σ a · c where groups are independent and its mean is 0.
    pub(super) fn variance(&self, a: [f64; K]) -> f64 {
        let mut products = self.products;
        for (_, counts) in self.open.values() {
            add_products(&mut products, counts);
        }
        let row = |i: usize| (0..K).map(|j| a[j] * products[i][j]).sum::<f64>();
        (0..K).map(|i| a[i] * row(i)).sum()
    }

    /// How many times the variance of as many independent trials the shares of the kinds have, averaged over
    /// them; at least 1.
    ///
    /// `Σ_k V_k / (p_k n (K − 1))`, `V_k = Σ_g (c_gk − n_g p_k)²`, over kinds that are seen: the first-order
    /// correction of Rao & Scott (1981, doi:10.1080/01621459.1981.10477633), by which a χ² is divided.
    pub(super) fn design_effect(&self) -> f64 {
        let seen: Vec<usize> = (0..K).filter(|&kind| self.totals[kind] > 0.0).collect();
        let n: f64 = self.totals.iter().sum();
        let effect = seen.iter().map(|&kind| {
            let p = self.totals[kind] / n;
            let residual = |other| f64::from(u8::from(other == kind)) - p;
            self.variance(std::array::from_fn(residual)) / (p * n)
        });
        // 0 / 0 where all trials are of one kind.
        (effect.sum::<f64>() / (seen.len() as f64 - 1.0).max(0.0)).max(1.0)
    }
}

fn add_products<const K: usize>(products: &mut [[f64; K]; K], counts: &[f64; K]) {
    for (row, x) in products.iter_mut().zip(counts) {
        for (sum, y) in row.iter_mut().zip(counts) {
            *sum += x * y;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_that_answer_alike_count_as_one_each() {
        let mut clusters = Clusters::<3>::new(80);
        // Thirty groups of eight, two of them under way at a time, each at one place throughout; every
        // stimulus comes back once, much later.
        for pair in 0..15_u32 {
            for trial in 0..16 {
                let group = 2 * pair + trial % 2;
                clusters.push(StimulusId(group % 15), (group % 3) as usize);
            }
        }
        assert!((clusters.design_effect() - 8.0).abs() < 1e-9);
        assert_eq!(clusters.variance([1.0, 0.0, 0.0]), 10.0 * 64.0);
    }

    #[test]
    fn single_trials_have_no_effect_of_grouping() {
        let mut clusters = Clusters::<4>::new(80);
        assert_eq!(clusters.design_effect(), 1.0);
        for trial in 0..200_u32 {
            clusters.push(StimulusId(trial % 80), (trial % 5 % 2) as usize);
        }
        assert!((clusters.design_effect() - 1.0).abs() < 1e-9);
        let mut alike = Clusters::<3>::new(80);
        alike.push(StimulusId(0), 2);
        assert_eq!(alike.design_effect(), 1.0);
    }
}
