//! How well a measured matrix repeats, and what that leaves for a prediction or another agent.

use super::{Coefficient, Pairs, measurement::Tally};
use crate::evaluate::{EvaluationError, at_least, within};
use emotome_stats::{
    correlation::fisher_mean,
    random::{CounterRng, Seed},
};
use emotome_triplets::ChoiceSet;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// How much of a measured matrix repeats when the trials are halved.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SplitHalf {
    /// Correlation between the matrices of random halves, Fisher mean over splits.
    pub half_r: f64,
    /// Spearman–Brown: 2r / (1 + r), the reliability ρ of the whole matrix.
    pub reliability: f64,
    /// √ρ: the highest correlation that a perfect prediction can reach.
    pub ceiling: f64,
    /// Random splits in which the halves correlate at all; the others say nothing.
    pub splits: usize,
    /// Pairs sampled in both halves, mean over splits.
    pub pairs: f64,
}

/// Splits the trials at random, measures both halves and correlates them.
///
/// The repeats of a triplet are dealt evenly, the odd one by a coin, so that both halves show the
/// same thirds. Where triplets were shown once the halves differ in thirds, which the whole matrix
/// does not: reliability is then understated, and `explained` overstated, by a few hundredths.
///
/// O(N log N + splits · (N + |items|²)), parallel over splits.
///
/// # Errors
/// No splits, items out of range, or fewer than three pairs sampled in both halves.
pub fn split_half(
    choices: &ChoiceSet,
    items: &[usize],
    thirds: &[usize],
    coefficient: Coefficient,
    splits: usize,
    seed: u64,
) -> Result<SplitHalf, EvaluationError> {
    at_least(1, splits, "splits", "ask for 100")?;
    let tally = Tally::new(choices, items, thirds)?;
    let n = choices.len();
    within(
        "number of trials",
        n as f64,
        u32::try_from(n).is_ok(),
        "at most 4,294,967,295: use a sample",
    )?;
    let triplet = |trial: u32| choices.choices()[trial as usize].triplet.unordered();
    let mut order: Vec<u32> = (0..n as u32).collect();
    order.par_sort_unstable_by_key(|&trial| (triplet(trial), trial));
    let seed = Seed(seed).derive("split halves of trials");
    let results: Vec<(f64, f64)> = (0..splits)
        .into_par_iter()
        .map(|split| {
            let mut rng = CounterRng::new(seed, split as u64);
            let mut counts = vec![[[0_u32; 2]; 2]; tally.n_cells()];
            for repeats in order.chunk_by(|&a, &b| triplet(a) == triplet(b)) {
                let total = repeats.len() as u32;
                let mut first = total / 2
                    + if total % 2 == 1 {
                        rng.next_word() & 1
                    } else {
                        0
                    };
                for (&trial, left) in repeats.iter().zip((1..=total).rev()) {
                    let half = usize::from(rng.below_word(left) >= first);
                    first -= u32::from(half == 0);
                    for (place, cell) in tally.cells(trial as usize) {
                        counts[cell][half][0] += 1;
                        counts[cell][half][1] += u32::from(place == 0);
                    }
                }
            }
            let share = |[shown, similar]: [u32; 2]| f64::from(similar) / f64::from(shown);
            let pairs = Pairs::new(items.len(), |a, b| counts[tally.cell(a, b)].map(share));
            (pairs.correlation(coefficient, |_| 1.0), pairs.len() as f64)
        })
        .collect();
    let r: Vec<f64> = results
        .iter()
        .map(|r| r.0)
        .filter(|r| !r.is_nan())
        .collect();
    at_least(
        1,
        r.len(),
        "splits with pairs sampled in both halves",
        "collect more trials of these items",
    )?;
    let half_r = fisher_mean(&r);
    let reliability = 2.0 * half_r / (1.0 + half_r);
    Ok(SplitHalf {
        half_r,
        reliability,
        ceiling: reliability.max(0.0).sqrt(),
        splits: r.len(),
        pairs: results.iter().map(|r| r.1).sum::<f64>() / splits as f64,
    })
}

/// The share of a measured matrix's repeatable variance that a prediction explains.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Explained {
    /// r² / NC² with NC = √ρ, the correlation of a perfect prediction: 1 for such a prediction.
    pub explained: f64,
    /// Published: r² / ρ², with the reliability itself as NC; above 1 for a perfect prediction.
    pub published_explained: f64,
}

/// Relates the correlation of a prediction to the ceiling of the measurement.
///
/// # Errors
/// [`EvaluationError::Parameter`] where the halves do not correlate: nothing is there to explain.
pub fn explained(r: f64, ceiling: &SplitHalf) -> Result<Explained, EvaluationError> {
    let rho = repeatable(ceiling)?;
    Ok(Explained {
        explained: r * r / rho,
        published_explained: r * r / (rho * rho),
    })
}

/// The reliability of a matrix that has any.
fn repeatable(halves: &SplitHalf) -> Result<f64, EvaluationError> {
    let rho = halves.reliability;
    within(
        "reliability of the measured matrix",
        rho,
        rho > 0.0,
        "a positive number: the measurement is noise, collect more trials",
    )?;
    Ok(rho)
}
