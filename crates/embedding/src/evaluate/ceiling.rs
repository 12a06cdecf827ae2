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
//! The first two bracket the truth; the last is the single number to quote, with them.

use super::{EvaluationError, at_least, score::CHANCE, within};
use emotome_stats::{
    dirichlet::{CountTables, LogNormalPrior, expected_max},
    interval::{Interval, bootstrap, normal, percentile},
    random::Seed,
    summary,
};
use emotome_triplets::ChoiceSet;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Which presentations count as repeats of one question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grouping {
    /// The same three stimuli in the same order: the noise of sampling an answer alone.
    SameOrder,
    /// The same three stimuli in any order: the noise of sampling and of presentation.
    AnyOrder,
}

/// Parameters of a ceiling and their defaults:
///
/// | field | default | range |
/// | --- | --- | --- |
/// | `replicates` | 1000 | ≥ 2 |
/// | `seed` | 0 | |
/// | `prior` | none: maximum likelihood | median > 0, log_sd > 0 |
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CeilingParams {
    /// Bootstrap resamples of questions for the intervals.
    pub replicates: usize,
    /// Seed of the resamples.
    pub seed: u64,
    /// Prior on the concentration α.
    pub prior: Option<LogNormalPrior>,
}

impl Default for CeilingParams {
    fn default() -> Self {
        Self {
            replicates: 1000,
            seed: 0,
            prior: None,
        }
    }
}

impl CeilingParams {
    fn check(&self) -> Result<(), EvaluationError> {
        at_least(2, self.replicates, "bootstrap replicates", "ask for 1000")?;
        let positive = |x: f64| x.is_finite() && x > 0.0;
        if let Some(LogNormalPrior { median, log_sd }) = self.prior {
            within(
                "prior median of the concentration",
                median,
                positive(median),
                "a positive number",
            )?;
            within(
                "prior log_sd of the concentration",
                log_sd,
                positive(log_sd),
                "a positive number",
            )?;
        }
        Ok(())
    }
}

/// Answer counts of the questions that were asked more than once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repeats {
    /// Of each question, how often its lowest, middle and highest item was called odd.
    pub counts: Vec<[u32; 3]>,
    /// Questions asked only once, which say nothing about noise.
    pub unrepeated: usize,
}

impl Repeats {
    /// Groups choices into questions; O(N log N).
    #[must_use]
    pub fn group(choices: &ChoiceSet, grouping: Grouping) -> Self {
        let mut answers: Vec<([u32; 3], u8, u8)> = choices
            .choices()
            .iter()
            .map(|choice| {
                let items = choice.triplet.unordered().items();
                let odd = items
                    .iter()
                    .position(|&id| id == choice.triplet.at(choice.odd))
                    .unwrap_or(0);
                let order = match grouping {
                    Grouping::SameOrder => choice.triplet.order_code(),
                    Grouping::AnyOrder => 0,
                };
                (items.map(|id| id.0), order, odd as u8)
            })
            .collect();
        answers.par_sort_unstable();
        let (mut counts, mut unrepeated) = (vec![], 0);
        for question in answers.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            if question.len() < 2 {
                unrepeated += 1;
                continue;
            }
            let mut count = [0; 3];
            question
                .iter()
                .for_each(|answer| count[usize::from(answer.2)] += 1);
            counts.push(count);
        }
        Self { counts, unrepeated }
    }
}

/// A value and its 95 % confidence interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The estimate.
    pub value: f64,
    /// Its interval, from a bootstrap of questions.
    pub ci95: Interval,
}

/// Estimates of the highest accuracy that any model of the judge can reach.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Ceiling {
    /// Questions asked at least twice.
    pub questions: usize,
    /// Answers to them.
    pub answers: usize,
    /// Questions asked once, left out.
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
    /// `split_half` to `plug_in`: the truth lies between.
    pub bracket: Interval,
}

/// Estimates a ceiling from repeated questions.
///
/// O(questions · (repeats + replicates)) time.
///
/// # Errors
/// No question asked twice, or parameters out of range.
pub fn ceiling(repeats: &Repeats, params: &CeilingParams) -> Result<Ceiling, EvaluationError> {
    params.check()?;
    let tables = &repeats.counts;
    at_least(
        1,
        tables.len(),
        "triplets asked at least twice",
        "collect repeats: plan a ceiling split",
    )?;
    let totals: Vec<f64> = tables.iter().map(|t| total(t) as f64).collect();
    let mut sorted = totals.clone();
    sorted.sort_unstable_by(f64::total_cmp);
    let seed = Seed(params.seed).derive("bootstrap of questions");
    let of_mean = |values: Vec<f64>| Estimate {
        value: summary::mean(&values),
        ci95: percentile(
            &bootstrap(values.len(), params.replicates, seed, |rows| {
                rows.iter().map(|&row| values[row]).sum::<f64>() / rows.len() as f64
            }),
            0.95,
        ),
    };
    let shares: Vec<f64> = tables.iter().map(plug_in).collect();
    let published_error = summary::standard_deviation(&shares) / (shares.len() as f64).sqrt();
    let plug_in_published_ci95 = normal(summary::mean(&shares), published_error, 0.95);
    let plug_in = of_mean(shares);
    let longest = tables.iter().map(total).max().unwrap_or(0);
    let log_factorial = log_factorials(longest);
    let split_half = of_mean(
        tables
            .par_iter()
            .map(|t| split_half(t, &log_factorial))
            .collect(),
    );
    // With a repeat in the tables the likelihood always has a maximum.
    let fit = |tables: CountTables| tables.concentration(params.prior).unwrap_or(f64::NAN);
    let concentration = fit(CountTables::new(tables.iter().copied()));
    let replicates = bootstrap(tables.len(), params.replicates, seed, |rows| {
        fit(CountTables::new(rows.iter().map(|&row| tables[row])))
    });
    // E[max p] falls with α, so the ends of one interval are those of the other, swapped.
    let alpha = percentile(&replicates, 0.95);
    let dirichlet = Estimate {
        value: expected_max(concentration, 3),
        ci95: Interval {
            low: expected_max(alpha.high, 3),
            high: expected_max(alpha.low, 3),
        },
    };
    Ok(Ceiling {
        questions: tables.len(),
        answers: totals.iter().sum::<f64>() as usize,
        unrepeated: repeats.unrepeated,
        repeats: [0.0, 0.5, 1.0].map(|q| summary::quantile(&sorted, q)),
        plug_in,
        plug_in_published_ci95,
        split_half,
        pairwise_agreement: of_mean(tables.iter().map(agreement).collect()),
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
    /// Repeats in the same order; absent where there are none.
    pub same_order: Option<Ceiling>,
    /// Repeats in any order.
    pub any_order: Ceiling,
    /// Probability that two answers to a triplet in *different* orders agree, mean over triplets;
    /// against `same_order.pairwise_agreement` it shows what presentation alone changes.
    pub cross_order_agreement: Option<f64>,
}

/// Estimates the ceilings that the repeats in these choices allow.
///
/// # Errors
/// No triplet asked twice at all, or parameters out of range.
pub fn ceilings(choices: &ChoiceSet, params: &CeilingParams) -> Result<Ceilings, EvaluationError> {
    let of = |grouping| {
        let repeats = Repeats::group(choices, grouping);
        (!repeats.counts.is_empty())
            .then(|| ceiling(&repeats, params))
            .transpose()
    };
    let any = ceiling(&Repeats::group(choices, Grouping::AnyOrder), params)?;
    Ok(Ceilings {
        same_order: of(Grouping::SameOrder)?,
        any_order: any,
        cross_order_agreement: cross_order_agreement(choices),
    })
}

/// Mean over triplets of the share of agreeing pairs among pairs of answers in different orders.
fn cross_order_agreement(choices: &ChoiceSet) -> Option<f64> {
    let mut answers: Vec<_> = choices
        .choices()
        .iter()
        .map(|c| {
            (
                c.triplet.unordered(),
                c.triplet.order_code(),
                c.triplet.at(c.odd),
            )
        })
        .collect();
    answers.par_sort_unstable();
    let shares: Vec<f64> = answers
        .chunk_by(|a, b| a.0 == b.0)
        .filter_map(|triplet| {
            let mut by_order = [[0_u64; 3]; 6];
            for (items, order, odd) in triplet {
                let place = items.items().iter().position(|id| id == odd)?;
                by_order[usize::from(*order)][place] += 1;
            }
            let all: [u64; 3] = std::array::from_fn(|k| by_order.iter().map(|n| n[k]).sum());
            // Ordered pairs of answers: all less those within one order.
            let square = |n: &[u64; 3]| {
                (
                    n.iter().map(|&n| (n * n) as f64).sum::<f64>(),
                    (n.iter().sum::<u64>() as f64).powi(2),
                )
            };
            let (mut agree, mut pairs) = square(&all);
            for n in &by_order {
                let (a, p) = square(n);
                (agree, pairs) = (agree - a, pairs - p);
            }
            (pairs > 0.0).then(|| agree / pairs)
        })
        .collect();
    (!shares.is_empty()).then(|| summary::mean(&shares))
}

/// An accuracy as a share of what the ceiling leaves above chance.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ShareOfCeiling {
    /// (accuracy − ⅓) / (ceiling − ⅓), with the Dirichlet-multinomial ceiling.
    pub share: Estimate,
    /// The same with the plug-in ceiling (a lower bound) and the split-half one (an upper bound).
    pub bracket: Interval,
    /// Published: accuracy / plug-in ceiling, without correction for chance; ⅓ / ceiling at chance.
    pub published_ratio: f64,
}

/// Relates an accuracy to a ceiling; the interval combines those of both (delta method).
#[must_use]
pub fn share_of_ceiling(
    accuracy: f64,
    accuracy_ci95: Interval,
    ceiling: &Ceiling,
) -> ShareOfCeiling {
    let share = chance_corrected(accuracy, ceiling.dirichlet.value);
    let half = |ci: Interval| (ci.high - ci.low) / 2.0;
    let above = ceiling.dirichlet.value - CHANCE;
    let error = half(accuracy_ci95).hypot(share * half(ceiling.dirichlet.ci95)) / above.abs();
    ShareOfCeiling {
        share: Estimate {
            value: share,
            ci95: Interval {
                low: share - error,
                high: share + error,
            },
        },
        bracket: Interval {
            low: chance_corrected(accuracy, ceiling.plug_in.value),
            high: chance_corrected(accuracy, ceiling.split_half.value),
        },
        published_ratio: accuracy / ceiling.plug_in.value,
    }
}

/// (accuracy − ⅓) / (ceiling − ⅓): 0 at chance, 1 at the ceiling.
///
/// ```
/// use emotome_embedding::evaluate::ceiling::chance_corrected;
/// assert!((chance_corrected(0.621, 0.744) - 0.700).abs() < 0.001);
/// ```
#[must_use]
pub fn chance_corrected(accuracy: f64, ceiling: f64) -> f64 {
    (accuracy - CHANCE) / (ceiling - CHANCE)
}

fn total(table: &[u32; 3]) -> usize {
    table.iter().map(|&n| n as usize).sum()
}

fn plug_in(table: &[u32; 3]) -> f64 {
    f64::from(*table.iter().max().unwrap_or(&0)) / total(table) as f64
}

fn agreement(table: &[u32; 3]) -> f64 {
    let m = total(table) as f64;
    table
        .iter()
        .map(|&n| f64::from(n) * (f64::from(n) - 1.0))
        .sum::<f64>()
        / (m * (m - 1.0))
}

fn log_factorials(up_to: usize) -> Vec<f64> {
    let mut log = vec![0.0; up_to + 1];
    for n in 1..=up_to {
        log[n] = log[n - 1] + (n as f64).ln();
    }
    log
}

/// The expected score of the mode of one half on the other half, over all ways to halve m answers.
///
/// Halves of ⌊m/2⌋ and ⌈m/2⌉, used both ways; tied modes share the credit. The counts of a half
/// are hypergeometric; counts further than ten standard deviations from their mean are skipped,
/// which leaves O(m) terms.
fn split_half(table: &[u32; 3], log_factorial: &[f64]) -> f64 {
    let m = total(table);
    let n = table.map(|n| n as usize);
    let choose = |n: usize, k: usize| log_factorial[n] - log_factorial[k] - log_factorial[n - k];
    let one_way = |half: usize| {
        let rest = (m - half) as f64;
        let reach = 10.0 * (m as f64).sqrt() / 4.0 + 2.0;
        let window = |n: usize| {
            let centre = half as f64 * n as f64 / m as f64;
            ((centre - reach).max(0.0) as usize)..=((centre + reach) as usize).min(n).min(half)
        };
        let (mut score, mut mass) = (0.0, 0.0);
        for a in window(n[0]) {
            for b in window(n[1]) {
                let Some(c) = half.checked_sub(a + b).filter(|&c| c <= n[2]) else {
                    continue;
                };
                let seen = [a, b, c];
                let weight =
                    (choose(n[0], a) + choose(n[1], b) + choose(n[2], c) - choose(m, half)).exp();
                let mode = a.max(b).max(c);
                let tied = (0..3).filter(|&k| seen[k] == mode);
                let share = tied.clone().map(|k| (n[k] - seen[k]) as f64).sum::<f64>()
                    / tied.count() as f64;
                score += weight * share / rest;
                mass += weight;
            }
        }
        score / mass
    };
    f64::midpoint(one_way(m / 2), one_way(m - m / 2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use emotome_stats::random::CounterRng;
    use emotome_stimuli::StimulusId;
    use emotome_triplets::{Choice, Position, Triplet};

    /// Tables of m answers, weighted by their probability under p.
    fn expectation(m: u32, p: [f64; 3], statistic: impl Fn(&[u32; 3]) -> f64) -> f64 {
        let log = log_factorials(m as usize);
        let mut sum = 0.0;
        for a in 0..=m {
            for b in 0..=m - a {
                let table = [a, b, m - a - b];
                let log_p: f64 = (0..3)
                    .map(|k| f64::from(table[k]) * p[k].ln() - log[table[k] as usize])
                    .sum();
                sum += (log[m as usize] + log_p).exp() * statistic(&table);
            }
        }
        sum
    }

    #[test]
    fn the_plug_in_bias_at_chance_is_the_published_table() {
        for (m, expected) in [
            (2, 0.667),
            (5, 0.556),
            (10, 0.493),
            (20, 0.444),
            (25, 0.433),
        ] {
            let found = expectation(m, [CHANCE; 3], plug_in);
            assert!(
                (found - expected).abs() < 5e-4,
                "m = {m}: {found}, expected {expected}"
            );
        }
    }

    #[test]
    fn the_split_half_bias_is_the_published_one() {
        let log = log_factorials(20);
        for (m, expected) in [(10, 0.532), (20, 0.582)] {
            let found = expectation(m, [0.62, 0.19, 0.19], |t| split_half(t, &log));
            assert!(
                (found - expected).abs() < 5e-4,
                "m = {m}: {found}, expected {expected}"
            );
        }
    }

    #[test]
    fn agreement_is_unbiased_for_the_sum_of_squares() {
        let p = [0.5, 0.3, 0.2];
        for m in [2, 7] {
            assert!((expectation(m, p, agreement) - 0.38).abs() < 1e-12);
        }
    }

    #[test]
    fn all_halvings_equal_their_enumeration() {
        let answers = [0_usize, 0, 0, 1, 1, 2, 0];
        let (m, half) = (7, 3);
        let one_way = |half: u32| {
            let (mut sum, mut ways) = (0.0, 0.0);
            for subset in (0_u32..1 << m).filter(|s| s.count_ones() == half) {
                let (mut a, mut b) = ([0.0; 3], [0.0_f64; 3]);
                for (i, &k) in answers.iter().enumerate() {
                    if subset >> i & 1 == 1 {
                        a[k] += 1.0;
                    } else {
                        b[k] += 1.0;
                    }
                }
                let mode = a.iter().copied().fold(0.0, f64::max);
                let tied: Vec<usize> = (0..3).filter(|&k| a[k] == mode).collect();
                sum += tied.iter().map(|&k| b[k]).sum::<f64>()
                    / tied.len() as f64
                    / f64::from(m - half);
                ways += 1.0;
            }
            sum / ways
        };
        let expected = (one_way(half) + one_way(m - half)) / 2.0;
        assert!((split_half(&[4, 2, 1], &log_factorials(7)) - expected).abs() < 1e-12);
    }

    #[test]
    fn a_million_repeats_of_one_question_take_no_time() {
        let log = log_factorials(1_000_000);
        let found = split_half(&[620_000, 190_000, 190_000], &log);
        assert!((found - 0.62).abs() < 1e-6, "{found}");
    }

    fn repeated(
        p_of: impl Fn(u32) -> [f64; 3],
        questions: u32,
        m: usize,
        orders: bool,
    ) -> ChoiceSet {
        let mut choices = vec![];
        for question in 0..questions {
            let mut rng = CounterRng::new(Seed(3), u64::from(question));
            let p = p_of(question);
            let triplet = Triplet::new([0, 1, 2].map(|k| StimulusId(3 * question + k))).unwrap();
            for _ in 0..m {
                let u = rng.uniform();
                let answer = triplet.items()[if u < p[0] {
                    0
                } else if u < p[0] + p[1] {
                    1
                } else {
                    2
                }];
                let code = if orders { rng.below(6) as u8 } else { 0 };
                let shown = triplet.unordered().ordered(code);
                let odd = Position::ALL
                    .into_iter()
                    .find(|&place| shown.at(place) == answer)
                    .unwrap();
                choices.push(Choice {
                    triplet: shown,
                    odd,
                });
            }
        }
        ChoiceSet::new(3 * questions as usize, choices).unwrap()
    }

    #[test]
    fn at_chance_the_quoted_ceiling_is_chance() {
        let choices = repeated(|_| [CHANCE; 3], 500, 5, true);
        let found = ceilings(
            &choices,
            &CeilingParams {
                replicates: 200,
                ..Default::default()
            },
        )
        .unwrap();
        let any = found.any_order;
        assert!((any.plug_in.value - 0.556).abs() < 0.02, "{any:?}");
        assert!(
            any.dirichlet.value < 0.37 && any.dirichlet.value >= CHANCE,
            "{any:?}"
        );
        assert!((found.cross_order_agreement.unwrap() - CHANCE).abs() < 0.03);
    }

    #[test]
    fn the_quoted_ceiling_lies_in_the_bracket_and_near_the_truth() {
        // Half the questions are clear, half are toss-ups between two: E[max p] = .7.
        let p = |q: u32| {
            if q.is_multiple_of(2) {
                [0.9, 0.05, 0.05]
            } else {
                [0.5, 0.48, 0.02]
            }
        };
        let choices = repeated(p, 800, 10, false);
        let found = ceilings(
            &choices,
            &CeilingParams {
                replicates: 200,
                ..Default::default()
            },
        )
        .unwrap();
        let same = found.same_order.unwrap();
        assert!(
            same.bracket.contains(0.7) && same.bracket.contains(same.dirichlet.value),
            "{same:?}"
        );
        assert!((same.dirichlet.value - 0.7).abs() < 0.06, "{same:?}");
        assert!(same.dirichlet.ci95.contains(same.dirichlet.value));
        assert_eq!(
            (found.cross_order_agreement, same.questions, same.answers),
            (None, 800, 8000)
        );
        let share = share_of_ceiling(
            CHANCE,
            Interval {
                low: 0.3,
                high: 0.36,
            },
            &same,
        );
        assert!(share.share.value == 0.0 && share.published_ratio > 0.4);
    }

    #[test]
    fn without_repeats_there_is_no_ceiling() {
        let once = repeated(|_| [CHANCE; 3], 20, 1, false);
        let error = ceilings(&once, &CeilingParams::default()).unwrap_err();
        assert!(matches!(error, EvaluationError::TooFew { found: 0, .. }));
    }
}
