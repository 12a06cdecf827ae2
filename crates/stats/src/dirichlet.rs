//! How variable choice probabilities are across questions: the symmetric Dirichlet-multinomial.
//!
//! Each question t has its own probabilities p_t over K interchangeable answers, p_t ~
//! Dirichlet(α, …, α), and its repeats are drawn from p_t. α → ∞ means that every question is a
//! toss-up, α → 0 that every question has one certain answer. E\[max p\] is the accuracy of a
//! judge that always gives the likeliest answer.

use crate::summary::sum;
use serde::{Deserialize, Serialize};
use statrs::function::gamma::gamma_lr;

/// The range in which the concentration α is sought; at its ends E\[max p\] is within 10⁻³ of its limits.
pub const CONCENTRATION_RANGE: [f64; 2] = [1e-4, 1e6];

/// A normal prior on ln α, for maximum a posteriori estimates.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LogNormalPrior {
    /// Median of α.
    pub median: f64,
    /// Standard deviation of ln α.
    pub log_sd: f64,
}

/// Answer counts of many questions, reduced to what the likelihood of α needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountTables {
    categories: usize,
    /// `cells[j]`: cells with more than j counts.
    cells: Vec<u64>,
    /// `totals[j]`: tables with more than j counts.
    totals: Vec<u64>,
}

impl CountTables {
    /// Gathers tables of `K` counts each; O(tables + largest total).
    #[must_use]
    pub fn new<const K: usize>(tables: impl IntoIterator<Item = [u32; K]>) -> Self {
        let (mut cells, mut totals) = (vec![], vec![]);
        let count = |histogram: &mut Vec<u64>, n: usize| {
            if n > 0 {
                if histogram.len() < n {
                    histogram.resize(n, 0);
                }
                histogram[n - 1] += 1;
            }
        };
        for table in tables {
            table.iter().for_each(|&n| count(&mut cells, n as usize));
            count(&mut totals, table.iter().map(|&n| n as usize).sum());
        }
        for histogram in [&mut cells, &mut totals] {
            for j in (1..histogram.len()).rev() {
                histogram[j - 1] += histogram[j];
            }
        }
        Self {
            categories: K,
            cells,
            totals,
        }
    }

    /// ln P(counts | α) up to a constant: Σ_cells Σ_{j<n} ln(α + j) − Σ_tables Σ_{j<m} ln(Kα + j).
    #[must_use]
    pub fn log_likelihood(&self, concentration: f64) -> f64 {
        let rising = |histogram: &[u64], a: f64| {
            sum(histogram
                .iter()
                .enumerate()
                .map(|(j, &n)| n as f64 * (a + j as f64).ln()))
        };
        rising(&self.cells, concentration)
            - rising(&self.totals, concentration * self.categories as f64)
    }

    /// The α in [`CONCENTRATION_RANGE`] of highest likelihood, or posterior density where a prior is given.
    ///
    /// A grid over ln α, then golden sections to 10⁻⁹. Without any repeated question the data say
    /// nothing about α: `None` unless there is a prior.
    #[must_use]
    pub fn concentration(&self, prior: Option<LogNormalPrior>) -> Option<f64> {
        if self.totals.len() < 2 && prior.is_none() {
            return None;
        }
        let objective = |log_alpha: f64| {
            let penalty = prior.map_or(0.0, |p| {
                ((log_alpha - p.median.ln()) / p.log_sd).powi(2) / 2.0
            });
            self.log_likelihood(log_alpha.exp()) - penalty
        };
        let [low, high] = CONCENTRATION_RANGE.map(f64::ln);
        const GRID: usize = 93;
        let step = (high - low) / (GRID - 1) as f64;
        let best = (0..GRID)
            .map(|i| (i, objective(low + i as f64 * step)))
            .fold((0, f64::NEG_INFINITY), |best, next| {
                if next.1 > best.1 { next } else { best }
            })
            .0;
        let at = |i: f64| (low + i * step).clamp(low, high);
        let (mut a, mut b) = (at(best as f64 - 1.0), at(best as f64 + 1.0));
        let ratio = (5_f64.sqrt() - 1.0) / 2.0;
        while b - a > 1e-9 {
            let (c, d) = (b - ratio * (b - a), a + ratio * (b - a));
            (a, b) = if objective(c) >= objective(d) {
                (a, d)
            } else {
                (c, b)
            };
        }
        Some(f64::midpoint(a, b).exp())
    }
}

/// E\[max p\] for p ~ Dirichlet(α, …, α) over `categories` answers: between 1/K (α → ∞) and 1 (α → 0).
///
/// With independent γ_k ~ Gamma(α), p = γ/Σγ is independent of Σγ, so E\[max p\] = E\[max γ\] / (Kα),
/// and E\[max γ\] = ∫ 1 − P(α, x)^K dx by Simpson's rule in ln x. Error below 10⁻⁶; no random draws.
///
/// ```
/// let e = emotome_stats::dirichlet::expected_max(1.0, 3); // uniform on the triangle: 11/18
/// assert!((e - 11.0 / 18.0).abs() < 1e-9);
/// ```
#[must_use]
pub fn expected_max(concentration: f64, categories: usize) -> f64 {
    let alpha = concentration.clamp(CONCENTRATION_RANGE[0], CONCENTRATION_RANGE[1]);
    let spread = 14.0 * alpha.sqrt();
    // Below `low` the integrand is 1 to rounding, or x itself is negligible; above `high` it is 0.
    let (low, high) = ((alpha - spread).max(alpha * 1e-12), alpha + spread + 60.0);
    const STEPS: usize = 4096;
    let step = (high.ln() - low.ln()) / STEPS as f64;
    let integrand = |i: usize| {
        let x = (low.ln() + i as f64 * step).exp();
        x * (1.0 - gamma_lr(alpha, x).powi(categories as i32))
    };
    let simpson = sum((0..=STEPS).map(|i| {
        let weight = if i == 0 || i == STEPS {
            1.0
        } else if i % 2 == 1 {
            4.0
        } else {
            2.0
        };
        weight * integrand(i)
    }));
    ((low + simpson * step / 3.0) / (categories as f64 * alpha)).clamp(1.0 / categories as f64, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{CounterRng, Seed};
    use rand_distr::{Distribution, Gamma};

    fn draw(alpha: f64, rng: &mut CounterRng) -> [f64; 3] {
        let gamma = Gamma::new(alpha, 1.0).unwrap();
        let g: [f64; 3] = std::array::from_fn(|_| gamma.sample(rng));
        g.map(|x| x / g.iter().sum::<f64>())
    }

    #[test]
    fn the_expected_maximum_agrees_with_random_draws() {
        for alpha in [0.05, 0.3, 1.0, 4.0, 50.0] {
            let mut rng = CounterRng::new(Seed(9), 0);
            let draws = 100_000;
            let mean = (0..draws)
                .map(|_| draw(alpha, &mut rng).into_iter().fold(0.0, f64::max))
                .sum::<f64>()
                / draws as f64;
            let exact = expected_max(alpha, 3);
            assert!(
                (mean - exact).abs() < 0.003,
                "alpha {alpha}: {mean} drawn, {exact} integrated"
            );
        }
    }

    #[test]
    fn the_expected_maximum_reaches_its_limits() {
        assert!((expected_max(0.0, 3) - 1.0).abs() < 1e-3);
        assert!((expected_max(f64::INFINITY, 3) - 1.0 / 3.0).abs() < 1e-3);
        let curve: Vec<f64> = (-40..=60)
            .map(|i| expected_max(10_f64.powf(f64::from(i) / 10.0), 3))
            .collect();
        assert!(
            curve.windows(2).all(|w| w[0] >= w[1]),
            "not monotone: {curve:?}"
        );
    }

    #[test]
    fn the_concentration_of_planted_questions_is_recovered() {
        for alpha in [0.2, 1.0, 5.0] {
            let tables: Vec<[u32; 3]> = (0..4000)
                .map(|question| {
                    let mut rng = CounterRng::new(Seed(4), question);
                    let p = draw(alpha, &mut rng);
                    let mut counts = [0; 3];
                    for _ in 0..10 {
                        let u = rng.uniform();
                        counts[if u < p[0] {
                            0
                        } else if u < p[0] + p[1] {
                            1
                        } else {
                            2
                        }] += 1;
                    }
                    counts
                })
                .collect();
            let found = CountTables::new(tables).concentration(None).unwrap();
            assert!(
                (found / alpha).ln().abs() < 0.1,
                "planted {alpha}, found {found}"
            );
        }
    }

    #[test]
    fn the_likelihood_of_a_table_is_that_of_its_formula() {
        // One table (2, 1, 0) at α: α(α+1)·α / (3α(3α+1)(3α+2)).
        let a: f64 = 0.7;
        let expected = (a * (a + 1.0) * a / (3.0 * a * (3.0 * a + 1.0) * (3.0 * a + 2.0))).ln();
        let tables = CountTables::new([[2, 1, 0]]);
        assert!((tables.log_likelihood(a) - expected).abs() < 1e-12);
    }

    #[test]
    fn without_repeats_only_a_prior_speaks() {
        let once = CountTables::new([[1, 0, 0], [0, 1, 0]]);
        assert_eq!(once.concentration(None), None);
        let prior = LogNormalPrior {
            median: 2.0,
            log_sd: 1.0,
        };
        assert!((once.concentration(Some(prior)).unwrap() - 2.0).abs() < 1e-6);
        assert_eq!(CountTables::new::<3>([]).concentration(None), None);
    }
}
