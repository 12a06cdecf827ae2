//! Probabilities of the three answers: how sure the agent is, and how much of it is owed to the place.

use super::finding::{Finding, p_text, percent};
use super::trend::Test;
use super::{DiagnoseParams, Judged};
use crate::judge::trial_stream;
use emotome_stats::distribution::chi_squared_sf;
use emotome_stats::interval::{Interval, normal, wilson};
use emotome_stats::random::{Seed, mix};
use serde::Serialize;

/// Probabilities kept to see which choices change; the first of a keyed lottery, 24 bytes each.
const KEPT: usize = 1 << 18;

/// A probability below this counts as this: rounding may make it 0.
const FLOOR: f64 = 1e-6;

/// Probabilities below which nothing is tested.
const NEEDED: u64 = 100;

/// Probabilities of the answers to distinct triplets, as they come.
#[derive(Debug, Clone)]
pub struct Probabilities {
    seed: u64,
    limit: u64,
    n: u64,
    floored: u64,
    entropy: [f64; 2],
    /// Σ x and Σ x xᵀ of x_k = ln p_k − mean_j ln p_j.
    sums: [f64; 3],
    products: [[f64; 3]; 3],
    kept: Vec<(u64, [f32; 3])>,
}

/// What the probabilities of an agent say. Field names are stable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProbabilitySummary {
    /// Answers with probabilities, on distinct triplets.
    pub n: u64,
    /// Of these, answers with a probability below one in a million, taken as that.
    pub floored: u64,
    /// Mean entropy of an answer, in nats: 0 for certainty, 1.0986 for guessing.
    pub entropy: f64,
    /// Its 95 % interval.
    pub entropy_ci95: Interval,
    /// The prior of each place: the softmax of mean log-probabilities, orders being balanced.
    pub prior: [f64; 3],
    /// Mean of ln p at each place less the mean over places: 0 without a preference.
    pub log_odds: [f64; 3],
    /// Their 95 % intervals.
    pub log_odds_ci95: [Interval; 3],
    /// Whether the prior is the same for all places: Hotelling's test at large n, χ²(2).
    pub test: Test,
    /// Answers looked at one by one for what follows.
    pub corrected: u64,
    /// Share of these whose most probable place changes when probabilities are divided by the prior.
    pub changed: f64,
    /// Its 95 % interval.
    pub changed_ci95: Interval,
    /// Shares of the places after the correction.
    pub corrected_shares: [f64; 3],
}

impl Probabilities {
    /// None yet.
    #[must_use]
    pub fn new(params: &DiagnoseParams) -> Self {
        Self {
            seed: Seed(params.seed).derive("probabilities kept").0,
            limit: u64::MAX,
            n: 0,
            floored: 0,
            entropy: [0.0; 2],
            sums: [0.0; 3],
            products: [[0.0; 3]; 3],
            kept: Vec::new(),
        }
    }

    /// Takes the probabilities of an answer; only one showing of a triplet should come, in a random order.
    /// Values that are not three shares are left out.
    pub fn push(&mut self, (trial, _): &Judged, p: [f32; 3]) {
        let total: f64 = p.iter().copied().map(f64::from).sum();
        if !(total > 0.0 && total.is_finite() && p.iter().all(|p| *p >= 0.0)) {
            return;
        }
        let shares = p.map(|p| f64::from(p) / total);
        self.n += 1;
        self.floored += u64::from(shares.iter().any(|p| *p < FLOOR));
        let entropy: f64 = shares
            .iter()
            .filter(|p| **p > 0.0)
            .map(|p| -p * p.ln())
            .sum();
        self.entropy[0] += entropy;
        self.entropy[1] += entropy * entropy;
        let logs = shares.map(|p| p.max(FLOOR).ln());
        let mean = logs.iter().sum::<f64>() / 3.0;
        let x = logs.map(|l| l - mean);
        for i in 0..3 {
            self.sums[i] += x[i];
            for j in 0..3 {
                self.products[i][j] += x[i] * x[j];
            }
        }
        let lot = mix(trial_stream(trial) ^ self.seed);
        if lot <= self.limit {
            self.kept.push((lot, p));
            if self.kept.len() == 2 * KEPT {
                self.kept.select_nth_unstable_by_key(KEPT, |k| k.0);
                self.limit = self.kept[KEPT].0;
                self.kept.truncate(KEPT);
            }
        }
    }

    /// Entropy, prior and correction; `None` without probabilities.
    ///
    /// Over balanced orders what is shown at a place averages out, and the mean log-probability of a place
    /// is its prior (Zheng et al. 2024, arXiv 2309.03882); dividing by it removes the preference.
    #[must_use]
    pub fn summary(&self) -> Option<ProbabilitySummary> {
        if self.n == 0 {
            return None;
        }
        let n = self.n as f64;
        let mean_and_se = |sum: f64, squares: f64| {
            let mean = sum / n;
            let variance = (squares / n - mean * mean).max(0.0) * n / (n - 1.0);
            (mean, (variance / n).sqrt())
        };
        let (entropy, entropy_se) = mean_and_se(self.entropy[0], self.entropy[1]);
        let means = self.sums.map(|sum| sum / n);
        let log_odds_ci95 = [0, 1, 2].map(|k| {
            let (mean, se) = mean_and_se(self.sums[k], self.products[k][k]);
            normal(mean, se, 0.95)
        });
        let weights = means.map(f64::exp);
        let prior = weights.map(|w| w / weights.iter().sum::<f64>());
        let best = |p: [f64; 3]| (1..3).fold(0, |best, k| if p[k] > p[best] { k } else { best });
        let (mut changed, mut corrected) = (0_u64, [0_u64; 3]);
        for (_, p) in &self.kept {
            let p = p.map(f64::from);
            let after = best([0, 1, 2].map(|k| p[k] / prior[k]));
            changed += u64::from(after != best(p));
            corrected[after] += 1;
        }
        let kept = self.kept.len() as f64;
        Some(ProbabilitySummary {
            n: self.n,
            floored: self.floored,
            entropy,
            entropy_ci95: normal(entropy, entropy_se, 0.95),
            prior,
            log_odds: means,
            log_odds_ci95,
            test: self.hotelling(means),
            corrected: self.kept.len() as u64,
            changed: changed as f64 / kept,
            changed_ci95: wilson(changed as f64, kept, 0.95),
            corrected_shares: corrected.map(|count| count as f64 / kept),
        })
    }

    /// n · m̄ᵀ C⁻¹ m̄ over the first two components; the third is minus their sum.
    fn hotelling(&self, m: [f64; 3]) -> Test {
        let n = self.n as f64;
        let c = |i: usize, j: usize| (self.products[i][j] / n - m[i] * m[j]) * n / (n - 1.0);
        let determinant = c(0, 0) * c(1, 1) - c(0, 1) * c(0, 1);
        let form = c(1, 1) * m[0] * m[0] - 2.0 * c(0, 1) * m[0] * m[1] + c(0, 0) * m[1] * m[1];
        let statistic = n * form / determinant;
        Test {
            statistic,
            df: 2,
            p: chi_squared_sf(statistic, 2.0),
        }
    }
}

impl ProbabilitySummary {
    /// What the prior does to the choices, as a finding.
    #[must_use]
    pub fn finding(&self, params: &DiagnoseParams) -> Finding {
        let name = "position-prior";
        if self.n < NEEDED {
            return Finding::untested(
                name,
                format!(
                    "only {} answers with probabilities, {NEEDED} are needed",
                    self.n
                ),
                "judge more trials",
            );
        }
        let [a, b, c] = self.prior.map(percent);
        Finding::new(
            name,
            params.severity_of_departure(self.test.p, self.changed),
            self.changed,
            format!(
                "whatever is shown there, the first, second and third place get {a}, {b} and {c} (prior over {} \
                 answers, 33.3 % expected each, {}); dividing by it changes {} of {} choices",
                self.n,
                p_text(self.test.p),
                percent(self.changed),
                self.corrected
            ),
        )
        .n(self.corrected as f64)
        .interval(self.changed_ci95)
        .expected(0.0)
        .p(self.test.p)
        .advise(
            "ask all six orders and average, which cancels the preference exactly, or divide the probabilities by \
             the prior before choices are made from them",
        )
    }
}
