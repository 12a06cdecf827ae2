//! Do the answers hold similarity at all, and more of it than one number per stimulus?

use super::finding::{p_text, percent};
use super::{DiagnoseParams, Finding, Judged, Severity};
use crate::judge::trial_stream;
use emotome_stats::distribution::normal_cdf;
use emotome_stats::interval::normal;
use emotome_stats::random::{Seed, mix};
use emotome_triplets::Choice;
use rayon::prelude::*;

/// The most trials looked at; the first of a keyed lottery.
const TRIALS: usize = 1 << 20;

/// Pairs of trials that share two stimuli, below which nothing is tested.
const NEEDED: f64 = 1_000.0;

/// Sweeps of the item-marginal fit: by far enough for choices among three.
const SWEEPS: usize = 60;

/// Choices on distinct triplets: those whose lots are the first, 24 bytes each.
#[derive(Debug)]
pub(super) struct Tally {
    seed: u64,
    /// No lot from here on is among the first.
    limit: u64,
    lots: Vec<(u64, Choice)>,
}

impl Tally {
    pub(super) fn new(params: &DiagnoseParams) -> Self {
        Self {
            seed: Seed(params.seed).derive("structure trials").0,
            limit: u64::MAX,
            lots: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, (trial, outcome): &Judged) {
        let Some(odd) = outcome.chosen() else { return };
        let lot = mix(trial_stream(trial) ^ self.seed);
        if lot > self.limit {
            return;
        }
        let triplet = trial.triplet;
        self.lots.push((lot, Choice { triplet, odd }));
        if self.lots.len() == 2 * TRIALS {
            self.keep_first();
        }
    }

    fn keep_first(&mut self) {
        if self.lots.len() > TRIALS {
            let key = |&(lot, choice): &(u64, Choice)| (lot, choice.triplet);
            self.lots.select_nth_unstable_by_key(TRIALS, key);
            self.limit = self.lots[TRIALS].0;
            self.lots.truncate(TRIALS);
        }
    }

    pub(super) fn findings(mut self, params: &DiagnoseParams, n_stimuli: usize) -> Vec<Finding> {
        self.keep_first();
        self.lots
            .sort_unstable_by_key(|&(lot, choice)| (lot, choice.triplet));
        let choices: Vec<Halved> = self
            .lots
            .into_iter()
            .map(|(lot, choice)| (choice, lot & 1 == 0))
            .collect();
        let model = ItemMarginals::cross_fitted(&choices, n_stimuli);
        let consistency = Consistency::of(&choices, &model.probabilities, n_stimuli);
        vec![
            similarity_structure(params, &consistency),
            item_marginals(params, &consistency, &model, choices.len()),
        ]
    }
}

/// A choice and the half of the triplets that it belongs to.
type Halved = (Choice, bool);

/// `P(odd = k) = w_k / (w_a + w_b + w_c)`: one number per stimulus, nothing about pairs.
///
/// Fitted by minorise–maximise sweeps (Hunter 2004, doi:10.1214/aos/1079120141), each stimulus
/// given one virtual trial against two average ones so that no weight runs to 0 or ∞.
struct ItemMarginals {
    /// For each trial, the probability of each position, from the half it is not in.
    probabilities: Vec<[f64; 3]>,
    /// Share of choices predicted, ties shared.
    accuracy: f64,
}

impl ItemMarginals {
    fn cross_fitted(choices: &[Halved], n: usize) -> Self {
        let weights = [false, true].map(|half| {
            let training: Vec<Choice> = choices
                .iter()
                .filter(|c| c.1 != half)
                .map(|c| c.0)
                .collect();
            fit(&training, n)
        });
        let probabilities: Vec<[f64; 3]> = choices
            .iter()
            .map(|(choice, half)| {
                let w = choice
                    .triplet
                    .items()
                    .map(|id| weights[usize::from(*half)][id.index()]);
                w.map(|x| x / w.iter().sum::<f64>())
            })
            .collect();
        let credit = probabilities.iter().zip(choices).map(|(p, (choice, _))| {
            let top = p[0].max(p[1]).max(p[2]);
            let ties = p.iter().filter(|&&q| q == top).count() as f64;
            if p[choice.odd.index()] == top {
                1.0 / ties
            } else {
                0.0
            }
        });
        let accuracy = credit.sum::<f64>() / choices.len() as f64;
        Self {
            probabilities,
            accuracy,
        }
    }
}

fn fit(choices: &[Choice], n: usize) -> Vec<f64> {
    const CHUNK: usize = 1 << 15;
    let mut odd = vec![1.0 / 3.0; n];
    for choice in choices {
        odd[choice.triplet.at(choice.odd).index()] += 1.0;
    }
    let mut weights = vec![1.0; n];
    for _ in 0..SWEEPS {
        // Chunks are summed in order, so the threads do not matter.
        let partial: Vec<Vec<f64>> = choices
            .par_chunks(CHUNK)
            .map(|chunk| {
                let mut sums = vec![0.0; n];
                for choice in chunk {
                    let items = choice.triplet.items();
                    let share = 1.0 / items.iter().map(|id| weights[id.index()]).sum::<f64>();
                    items.iter().for_each(|id| sums[id.index()] += share);
                }
                sums
            })
            .collect();
        let next = |i: usize| {
            let exposure: f64 = partial.iter().map(|sums| sums[i]).sum();
            odd[i] / (exposure + 1.0 / (weights[i] + 2.0))
        };
        weights = (0..n).map(next).collect();
    }
    weights
}

/// How alike the answers about a pair are in different company.
///
/// For a pair of stimuli shown in trials t ≠ u with different third items, the product of the
/// residuals of "this pair was called similar" has mean 0 if answers are at random, and the
/// variance of the pairs' propensity otherwise. Divided by 2/9, the variance of an answer at
/// random, its mean is a correlation: `raw` around 1/3, `left` around the item-marginal model.
struct Consistency {
    /// Pairs of trials that share a pair of stimuli.
    coincidences: f64,
    raw: f64,
    left: f64,
    /// Standard errors of `raw` and of `left / raw`, where answers are not at random.
    raw_se: f64,
    ratio_se: f64,
}

/// Coincidences, and the sums of the two products over them.
type Sums = [f64; 3];

impl Consistency {
    fn of(choices: &[Halved], model: &[[f64; 3]], n_stimuli: usize) -> Self {
        let mut rows: Vec<(u64, u32, f32, f32)> = choices
            .par_iter()
            .zip(model)
            .flat_map_iter(|((choice, _), p)| {
                let items = choice.triplet.items().map(|id| u64::from(id.0));
                let odd = choice.odd.index();
                [(1, 2), (0, 2), (0, 1)]
                    .into_iter()
                    .enumerate()
                    .map(move |(k, (i, j))| {
                        let (low, high) = (items[i].min(items[j]), items[i].max(items[j]));
                        let similar = f64::from(u8::from(k == odd));
                        (
                            high << 32 | low,
                            items[k] as u32,
                            (similar - 1.0 / 3.0) as f32,
                            (similar - p[k]) as f32,
                        )
                    })
            })
            .collect();
        // A stable sort: the sums below must not depend on the threads.
        rows.par_sort_by_key(|row| row.0);
        let mut total: Sums = [0.0; 3];
        let mut of_stimulus: Vec<Sums> = vec![[0.0; 3]; n_stimuli];
        let add = |to: &mut Sums, more: Sums| (0..3).for_each(|k| to[k] += more[k]);
        for pair in rows.chunk_by(|a, b| a.0 == b.0) {
            let others = pair.len() as f64 - 1.0;
            let [mut raw, mut left] = [0.0; 2];
            for row in pair {
                raw += f64::from(row.2);
                left += f64::from(row.3);
            }
            let mut of_pair: Sums = [0.0; 3];
            for &(_, third, d, e) in pair {
                let (d, e) = (f64::from(d), f64::from(e));
                let with_others = [others, d * (raw - d), e * (left - e)];
                add(&mut of_stimulus[third as usize], with_others);
                add(&mut of_pair, with_others.map(|sum| sum / 2.0));
            }
            let key = pair[0].0;
            for shared in [key >> 32, key & u64::from(u32::MAX)] {
                add(&mut of_stimulus[shared as usize], of_pair);
            }
            add(&mut total, of_pair);
        }
        let raw = |sums: &Sums| sums[1] / (sums[0] * 2.0 / 9.0);
        let ratio = |sums: &Sums| sums[2] / sums[1];
        Self {
            coincidences: total[0],
            raw: raw(&total),
            left: raw(&total) * ratio(&total),
            raw_se: jackknife(&total, &of_stimulus, raw),
            ratio_se: jackknife(&total, &of_stimulus, ratio),
        }
    }

    /// The standard error of `raw` if answers are at random.
    fn standard_error(&self) -> f64 {
        self.coincidences.powf(-0.5)
    }
}

/// The standard error of a statistic by leaving out one stimulus, with all coincidences that it is in, at a
/// time (Quenouille 1956, doi:10.1093/biomet/43.3-4.353): what answers about one stimulus have in common
/// counts once. A little too large where answers are nearly random, since every coincidence has four stimuli.
fn jackknife(total: &Sums, of_stimulus: &[Sums], statistic: impl Fn(&Sums) -> f64) -> f64 {
    let without = |sums: &Sums| statistic(&[0, 1, 2].map(|k| total[k] - sums[k]));
    let shown = of_stimulus.iter().filter(|sums| sums[0] > 0.0);
    let left_out: Vec<f64> = shown.map(without).collect();
    let n = left_out.len() as f64;
    let mean = left_out.iter().sum::<f64>() / n;
    let squares: f64 = left_out.iter().map(|x| (x - mean).powi(2)).sum();
    (squares * (n - 1.0) / n).sqrt()
}

fn too_few(name: &'static str, coincidences: f64) -> Finding {
    Finding::untested(
        name,
        format!("only {coincidences} pairs of trials share two stimuli, {NEEDED} are needed"),
        "judge more trials",
    )
}

fn similarity_structure(params: &DiagnoseParams, found: &Consistency) -> Finding {
    let name = "similarity-structure";
    if found.coincidences < NEEDED {
        return too_few(name, found.coincidences);
    }
    let se = found.standard_error();
    let p = normal_cdf(-found.raw / se);
    let explanation = format!(
        "what is said of a pair in one company correlates {:.3} with what is said of it in another ({} pairs of \
         trials; 0 ± {se:.3} for answers at random, {})",
        found.raw,
        found.coincidences,
        p_text(p)
    );
    let (severity, advice) = if p <= params.alpha {
        (Severity::Fine, "")
    } else if se <= params.small {
        (
            Severity::Serious,
            "the answers cannot be told from random ones: check that the agent sees the stimuli, that ids match \
             the stimuli, and how its replies are read",
        )
    } else {
        (
            Severity::Untested,
            "too few trials to tell these answers from guessing: judge more",
        )
    };
    Finding::new(name, severity, found.raw, explanation)
        .n(found.coincidences)
        .interval(normal(found.raw, found.raw_se.max(se), 0.95))
        .p_aside(p)
        .advise(advice)
}

fn item_marginals(
    params: &DiagnoseParams,
    found: &Consistency,
    model: &ItemMarginals,
    trials: usize,
) -> Finding {
    let name = "item-marginals";
    if found.coincidences < NEEDED {
        return too_few(name, found.coincidences);
    }
    if found.raw < 10.0 * found.standard_error() {
        return Finding::untested(
            name,
            "too little is consistently said of pairs to say what explains it",
            "judge more trials; see similarity-structure",
        );
    }
    let share = 1.0 - found.left / found.raw;
    let severity = if share >= params.item_share_large {
        Severity::Serious
    } else if share >= params.item_share {
        Severity::Warning
    } else {
        Severity::Fine
    };
    let explanation = format!(
        "one number per stimulus (how readily it is called odd in any company) explains {} of what \
         is consistently said of pairs, and predicts {} of the held-out choices ({trials} choices, 33.3 % by chance)",
        percent(share),
        percent(model.accuracy)
    );
    Finding::new(name, severity, share, explanation)
        .n(trials as f64)
        .interval(normal(share, found.ratio_se, 0.95))
        .advise(
        "the agent sorts stimuli along one scale rather than comparing them: report the item-marginal \
         baseline beside every accuracy, and results without the dominant dimension; look at the stimuli \
         at both ends of the scale for a fault such as black frames or empty captions",
    )
}
