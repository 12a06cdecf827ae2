//! How evenly trials cover stimuli, pairs, orders and splits.

use crate::trial::{Split, Triplet};
use emotome_stats::distribution::chi_squared_sf;
use serde::Serialize;
use std::fmt;

/// How evenly things were counted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// The lowest count.
    pub min: u32,
    /// The mean count.
    pub mean: f64,
    /// The highest count.
    pub max: u32,
}

impl Spread {
    fn of(counts: &[u32]) -> Self {
        let sum: u64 = counts.iter().map(|&c| u64::from(c)).sum();
        Self {
            min: counts.iter().copied().min().unwrap_or(0),
            mean: sum as f64 / counts.len().max(1) as f64,
            max: counts.iter().copied().max().unwrap_or(0),
        }
    }

    /// The largest distance of a count from the mean, as a share of the mean (0 without counts).
    #[must_use]
    pub fn deviation(&self) -> f64 {
        if self.mean == 0.0 {
            return 0.0;
        }
        (f64::from(self.max) - self.mean).max(self.mean - f64::from(self.min)) / self.mean
    }
}

/// A test of counts against equal expectations.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Uniformity {
    /// The statistic.
    pub chi_squared: f64,
    /// Its degrees of freedom.
    pub df: f64,
    /// The probability of a statistic as large if the sample were simple random.
    ///
    /// Near 0: less even than chance. Near 1: more even than chance, as in a balanced design.
    pub p: f64,
}

/// How trials cover the stimuli, their pairs, the six orders and the splits.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Coverage {
    /// The trials counted.
    pub trials: u64,
    /// Trials per stimulus.
    pub items: Spread,
    /// Whether stimuli come equally often.
    ///
    /// Of M triplets drawn at random a stimulus stands in c of mean μ = 3M/n and variance
    /// μ(1 - 3/n); χ² = (n-1)/(n-3) · Σ(c-μ)²/μ has n-1 degrees of freedom.
    pub item_uniformity: Uniformity,
    /// Trials per pair of stimuli, up to [`MAX_PAIRED`] stimuli.
    pub pairs: Option<Spread>,
    /// Pairs in no trial.
    pub uncovered_pairs: Option<u64>,
    /// Trials in each of the six orders, by [`Triplet::order_code`].
    pub orders: [u64; 6],
    /// Whether the six orders come equally often.
    pub order_uniformity: Uniformity,
    /// Trials in each split, in the order of [`Split`].
    pub splits: [u64; 5],
}

/// The most stimuli whose pairs are counted (200 MB of counters).
pub const MAX_PAIRED: usize = 10_000;

impl Coverage {
    /// Counts presented triplets, with their splits where they have any. O(trials + n²).
    ///
    /// # Panics
    /// If a triplet names a stimulus past `n_stimuli`.
    #[must_use]
    pub fn of(
        n_stimuli: usize,
        trials: impl IntoIterator<Item = (Triplet, Option<Split>)>,
    ) -> Self {
        let mut items = vec![0_u32; n_stimuli];
        let mut pairs = (n_stimuli <= MAX_PAIRED)
            .then(|| vec![0_u32; n_stimuli * n_stimuli.saturating_sub(1) / 2]);
        let (mut orders, mut splits, mut total) = ([0; 6], [0; 5], 0);
        for (triplet, split) in trials {
            let [a, b, c] = triplet.unordered().items().map(|id| id.index());
            for item in [a, b, c] {
                items[item] += 1;
            }
            if let Some(pairs) = &mut pairs {
                for (low, high) in [(a, b), (a, c), (b, c)] {
                    pairs[high * (high - 1) / 2 + low] += 1;
                }
            }
            orders[usize::from(triplet.order_code())] += 1;
            if let Some(split) = split {
                splits[split as usize] += 1;
            }
            total += 1;
        }
        let n = n_stimuli as f64;
        let spread = Spread::of(&items);
        let test = |chi_squared: f64, df: f64| Uniformity {
            chi_squared,
            df,
            p: chi_squared_sf(chi_squared, df),
        };
        let chi = |counts: &mut dyn Iterator<Item = f64>, mean: f64| -> f64 {
            counts
                .map(|c| (c - mean).powi(2) / mean.max(f64::MIN_POSITIVE))
                .sum()
        };
        let item_chi = chi(&mut items.iter().map(|&c| f64::from(c)), spread.mean);
        let order_chi = chi(&mut orders.iter().map(|&c| c as f64), total as f64 / 6.0);
        Self {
            trials: total,
            items: spread,
            item_uniformity: test(
                item_chi * (n - 1.0) / (n - 3.0).max(1.0),
                (n - 1.0).max(1.0),
            ),
            uncovered_pairs: pairs
                .as_ref()
                .map(|p| p.iter().filter(|&&c| c == 0).count() as u64),
            pairs: pairs.as_deref().map(Spread::of),
            orders,
            order_uniformity: test(order_chi, 5.0),
            splits,
        }
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let spread = |f: &mut fmt::Formatter<'_>, what: &str, s: &Spread| {
            writeln!(
                f,
                "trials per {what}: {} to {}, mean {:.2} (within {:.2} %)",
                s.min,
                s.max,
                s.mean,
                100.0 * s.deviation()
            )
        };
        writeln!(f, "trials: {}", self.trials)?;
        spread(f, "stimulus", &self.items)?;
        if let (Some(pairs), Some(none)) = (&self.pairs, self.uncovered_pairs) {
            spread(f, "pair", pairs)?;
            writeln!(f, "pairs never shown: {none}")?;
        }
        writeln!(
            f,
            "orders: {:?}, chi-squared(5) = {:.2}, p = {:.3}",
            self.orders, self.order_uniformity.chi_squared, self.order_uniformity.p
        )
    }
}
