//! How variable answers are across questions, and the ceiling that follows.
//!
//! Answers of a question are Dirichlet(α, α, α)-multinomial. With ρ = 1/(3α + 1), the correlation
//! of two answers to one question (0 for guessing, 1 for certain answers), a table of counts n has
//!
//! ln P(n | ρ) = Σ_k Σ_{j < n_k} ln((1 − ρ)/3 + jρ) − Σ_{j < m} ln(1 − ρ + jρ) + const,
//!
//! which is smooth up to ρ = 0, where α is infinite. The interval of ρ is estimate ± 1.96 standard
//! errors, cut at 0 and 1, and that of the ceiling is its image: E\[max p\] rises with ρ.

use super::Estimate;
use crate::evaluate::{
    EvaluationError,
    questions::Question,
    score::CHANCE,
    two_way::{TrialClusters, TwoWayMean},
};
use emotome_stats::dirichlet::{CONCENTRATION_RANGE, CountTables, LogNormalPrior, expected_max};
use emotome_stats::{interval::Interval, summary};

/// The concentration α and E\[max p\] of repeated questions.
pub(super) fn dirichlet(
    questions: &[Question],
    clusters: &TrialClusters,
    prior: Option<LogNormalPrior>,
) -> Result<(f64, Estimate), EvaluationError> {
    let tables = CountTables::new(questions.iter().map(|question| question.odd));
    // With a repeat among the questions the likelihood always has a maximum.
    let concentration = tables.concentration(prior).unwrap_or(f64::NAN);
    let rho = 1.0 / (3.0 * concentration + 1.0);
    let longest = questions.iter().map(Question::answers).max().unwrap_or(0);
    let terms = Terms::new(rho, longest);
    let scores: Vec<f64> = questions.iter().map(|q| terms.slope(q)).collect();
    let curvature = summary::sum(questions.iter().map(|q| terms.curvature(q)))
        + prior.map_or(0.0, |prior| prior_curvature(prior, rho));
    let error = clusters.mean(&scores)?.standard_error;
    let n = questions.len();
    // A likelihood without a peak says nothing about ρ.
    let standard_error = if curvature < 0.0 {
        n as f64 * error / -curvature
    } else {
        f64::INFINITY
    };
    let Interval { low, high } = Estimate::of_share(
        TwoWayMean {
            mean: rho,
            standard_error,
            item_share: f64::NAN,
        },
        n,
    )
    .ci95;
    let estimate = Estimate {
        value: ceiling_at(rho),
        ci95: Interval {
            low: ceiling_at(low),
            high: ceiling_at(high),
        },
    };
    Ok((concentration, estimate))
}

/// E\[max p\]; chance where ρ is as low as the concentration is sought.
fn ceiling_at(rho: f64) -> f64 {
    if rho <= 1.01 / (3.0 * CONCENTRATION_RANGE[1] + 1.0) {
        CHANCE
    } else {
        expected_max((1.0 / rho - 1.0) / 3.0, 3)
    }
}

/// d²/dρ² of −(ln α − ln median)² / (2 sd²).
fn prior_curvature(prior: LogNormalPrior, rho: f64) -> f64 {
    let product = rho * (1.0 - rho);
    let off = ((1.0 / rho - 1.0) / 3.0 / prior.median).ln();
    let (slope, curvature) = (-1.0 / product, (1.0 - 2.0 * rho) / (product * product));
    -(slope * slope + off * curvature) / (prior.log_sd * prior.log_sd)
}

/// Σ_{j < n} of the first and second derivatives of ln((1 − ρ)/3 + jρ) and of ln(1 − ρ + jρ), by n.
struct Terms {
    cell: Vec<[f64; 2]>,
    total: Vec<[f64; 2]>,
}

impl Terms {
    fn new(rho: f64, longest: usize) -> Self {
        let sums = |share: f64| {
            let mut sums = vec![[0.0; 2]; longest + 1];
            for j in 0..longest {
                let ratio = (j as f64 - share) / (share * (1.0 - rho) + j as f64 * rho);
                let [slope, curvature] = sums[j];
                sums[j + 1] = [slope + ratio, curvature - ratio * ratio];
            }
            sums
        };
        Self {
            cell: sums(CHANCE),
            total: sums(1.0),
        }
    }

    fn of(&self, question: &Question, order: usize) -> f64 {
        let cells = question.odd.iter().map(|&n| self.cell[n as usize][order]);
        cells.sum::<f64>() - self.total[question.answers()][order]
    }

    /// d ln P / dρ.
    fn slope(&self, question: &Question) -> f64 {
        self.of(question, 0)
    }

    /// d² ln P / dρ².
    fn curvature(&self, question: &Question) -> f64 {
        self.of(question, 1)
    }
}
