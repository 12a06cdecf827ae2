//! Noise ceilings: how accurate the best possible model of a judge could be.
//!
//! A judge that answers question t with probabilities p_t can be predicted with accuracy E\[max p\]
//! at best. Repeats of a question show p_t through m answers with counts n₁, n₂, n₃:
//!
//! | estimate | formula | bias |
//! | --- | --- | --- |
//! | plug-in | mean of max n / m | upward: .667 (m = 2), .493 (m = 10), .433 (m = 25) at chance |
//! | split half | mode of one half scored on the other | downward: .532 (m = 10), .582 (m = 20) for p = (.62, .19, .19) |
//! | pairwise agreement | Σ n(n − 1) / (m(m − 1)) | none, but for Σ p² ≤ max p |
//! | Dirichlet-multinomial | E\[max p\] at the fitted α | none where questions vary as a Dirichlet; +.05 if half of them are clear and half are toss-ups between two |
//!
//! Up to sampling error the first two bracket the truth; the last is the single number to quote,
//! with them. Intervals allow for questions that share stimuli, as those of an accuracy do.

mod share;
mod spread;
mod table;

pub use share::{ShareOfCeiling, chance_corrected, share_of_ceiling};

use super::{
    EvaluationError, at_least,
    questions::{self, Question},
    two_way::{TrialClusters, TwoWayMean},
    within,
};
use emotome_stats::{
    dirichlet::LogNormalPrior,
    interval::{Interval, normal, wilson},
    summary,
};
use emotome_triplets::ChoiceSet;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// A value and its 95 % confidence interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The estimate.
    pub value: f64,
    /// Its interval, questions and their stimuli both random; NaN where all questions share stimuli.
    pub ci95: Interval,
}

impl Estimate {
    /// A share in [0, 1] that was averaged over `n` questions.
    ///
    /// Where no two questions differ the interval is Wilson's for `n` trials, so that a few
    /// unanimous questions are not reported as certain.
    fn of_share(share: TwoWayMean, n: usize) -> Self {
        let (value, n) = (share.mean, n as f64);
        let ci = if share.standard_error == 0.0 {
            wilson(value * n, n, 0.95)
        } else {
            normal(value, share.standard_error, 0.95)
        };
        Self {
            value,
            ci95: Interval {
                low: ci.low.clamp(0.0, 1.0),
                high: ci.high.clamp(0.0, 1.0),
            },
        }
    }
}

/// Estimates of the highest accuracy that any model of the judge can reach.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Ceiling {
    /// Questions asked at least twice.
    pub questions: usize,
    /// Answers to them.
    pub answers: usize,
    /// Questions asked once, left out: they say nothing about noise.
    pub unrepeated: usize,
    /// Fewest, median and most answers to a question.
    pub repeats: [f64; 3],
    /// Mean share of the most frequent answer: biased upward.
    pub plug_in: Estimate,
    /// Published interval of `plug_in`: ± 1.96 sd / √questions.
    pub plug_in_published_ci95: Interval,
    /// Mode of a random half scored on the other half, over all halvings: biased downward.
    pub split_half: Estimate,
    /// Probability that two answers to a question agree: unbiased for E\[Σ p²\].
    pub pairwise_agreement: Estimate,
    /// E\[max p\] under a symmetric Dirichlet-multinomial: the ceiling to quote.
    pub dirichlet: Estimate,
    /// Its concentration α.
    pub concentration: f64,
    /// `split_half` to `plug_in`.
    pub bracket: Interval,
}

/// Estimates a ceiling from questions among `n_stimuli` stimuli, of which those asked once are left out.
///
/// The concentration is the likeliest, or with a prior the most probable one. O(Q log Q + answers)
/// for Q questions.
///
/// # Errors
/// No question asked twice, or a prior out of range.
pub fn ceiling(
    questions: &[Question],
    n_stimuli: usize,
    prior: Option<LogNormalPrior>,
) -> Result<Ceiling, EvaluationError> {
    if let Some(LogNormalPrior { median, log_sd }) = prior {
        for (name, value) in [
            ("prior median of the concentration", median),
            ("prior log_sd of the concentration", log_sd),
        ] {
            within(
                name,
                value,
                value.is_finite() && value > 0.0,
                "a positive number",
            )?;
        }
    }
    let repeated: Vec<Question> = questions
        .iter()
        .copied()
        .filter(|question| question.answers() > 1)
        .collect();
    let n = repeated.len();
    at_least(
        1,
        n,
        "triplets asked at least twice",
        "collect repeats: plan a ceiling split",
    )?;
    let clusters = TrialClusters::of(n_stimuli, repeated.iter().map(|question| question.triplet))?;
    let share = |values: &[f64]| {
        clusters
            .mean(values)
            .map(|mean| Estimate::of_share(mean, n))
    };
    let mut answers: Vec<f64> = repeated.iter().map(|q| q.answers() as f64).collect();
    answers.sort_unstable_by(f64::total_cmp);
    let shares: Vec<f64> = repeated.iter().map(|q| table::plug_in(q.odd)).collect();
    let published_error = summary::standard_deviation(&shares) / (n as f64).sqrt();
    let plug_in = share(&shares)?;
    let log_factorial = table::log_factorials(answers[n - 1] as usize);
    let halved: Vec<f64> = repeated
        .par_iter()
        .map(|question| table::split_half(question.odd, &log_factorial))
        .collect();
    let split_half = share(&halved)?;
    let agreement: Vec<f64> = repeated.iter().map(|q| table::agreement(q.odd)).collect();
    let (concentration, dirichlet) = spread::dirichlet(&repeated, &clusters, prior)?;
    Ok(Ceiling {
        questions: n,
        answers: answers.iter().sum::<f64>() as usize,
        unrepeated: questions.len() - n,
        repeats: [0.0, 0.5, 1.0].map(|q| summary::quantile(&answers, q)),
        plug_in,
        plug_in_published_ci95: normal(plug_in.value, published_error, 0.95),
        split_half,
        pairwise_agreement: share(&agreement)?,
        dirichlet,
        concentration,
        bracket: Interval {
            low: split_half.value,
            high: plug_in.value,
        },
    })
}

/// The ceilings of one judge: they differ in what was varied between repeats.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Ceilings {
    /// Repeats in the same order: the noise of sampling an answer alone. Absent where there are
    /// none, or where the presented order is not known.
    pub same_order: Option<Ceiling>,
    /// Repeats in any order: the noise of sampling and of presentation.
    pub any_order: Ceiling,
    /// Probability that two answers to a triplet in *different* orders agree, mean over triplets;
    /// against `same_order.pairwise_agreement` it shows what presentation alone changes. Absent as
    /// `same_order` is.
    pub cross_order_agreement: Option<Estimate>,
}

/// Estimates the ceilings that the repeats in these choices allow.
///
/// `order_known`: whether triplets stand as they were presented. In files that have moved the odd
/// one to a fixed place the order tells the answer, and answers in the same order always agree.
///
/// # Errors
/// No triplet asked twice at all, or a prior out of range.
pub fn ceilings(
    choices: &ChoiceSet,
    order_known: bool,
    prior: Option<LogNormalPrior>,
) -> Result<Ceilings, EvaluationError> {
    let n_stimuli = choices.n_stimuli();
    let by_order = questions::by_order(choices);
    let any_order = ceiling(&questions::any_order(&by_order), n_stimuli, prior)?;
    let (mut same_order, mut cross_order_agreement) = (None, None);
    if order_known {
        if by_order.iter().any(|question| question.answers() > 1) {
            same_order = Some(ceiling(&by_order, n_stimuli, prior)?);
        }
        cross_order_agreement = agreement_across_orders(&by_order, n_stimuli)?;
    }
    Ok(Ceilings {
        same_order,
        any_order,
        cross_order_agreement,
    })
}

/// Mean over triplets of the share of agreeing pairs among pairs of answers in different orders.
fn agreement_across_orders(
    by_order: &[Question],
    n_stimuli: usize,
) -> Result<Option<Estimate>, EvaluationError> {
    let square = |odd: [u32; 3]| {
        let n = odd.map(f64::from);
        [n.iter().map(|n| n * n).sum(), n.iter().sum::<f64>().powi(2)]
    };
    let (mut triplets, mut shares) = (vec![], vec![]);
    for orders in by_order.chunk_by(|a, b| a.triplet == b.triplet) {
        if orders.len() < 2 {
            continue;
        }
        let all = std::array::from_fn(|k| orders.iter().map(|order| order.odd[k]).sum());
        // Ordered pairs of answers: all less those within one order.
        let [mut agree, mut pairs] = square(all);
        for order in orders {
            let [a, p]: [f64; 2] = square(order.odd);
            (agree, pairs) = (agree - a, pairs - p);
        }
        triplets.push(orders[0].triplet);
        shares.push(agree / pairs);
    }
    if shares.is_empty() {
        return Ok(None);
    }
    let clusters = TrialClusters::of(n_stimuli, triplets.into_iter())?;
    Ok(Some(Estimate::of_share(
        clusters.mean(&shares)?,
        shares.len(),
    )))
}
