//! How consistent agents are with each other and with people, on the same triplets.
//!
//! Published consistencies rest on other triplets and other numbers for every agent. Here all pairs are
//! compared on the triplets that every source answered; where there are too few of these, on as many
//! triplets for each pair as the pair with the fewest has.
//!
//! For triplet t let `a_tk` be the share of one source's answers, in any order of presentation, that call
//! item k (by ascending id) odd, and `b_tk` that of the other. The raw consistency is the mean over triplets
//! of `Σ_k a_tk b_tk`, the probability that one answer drawn from each agrees; chance-corrected it is
//! `(raw − ⅓) / ⅔`; Cohen's κ is `(raw − e) / (1 − e)`, `e = Σ_k ā_k b̄_k`
//! (doi:10.1177/001316446002000104).
//!
//! Intervals are expanded percentiles (Hesterberg 2015) of a hierarchical bootstrap: triplets are drawn with replacement, and answers
//! go with their triplet; where raters are known they are drawn with replacement, and all answers of a rater
//! go with the rater. Where most triplets have answers of several raters both are drawn, with product
//! weights (Owen 2007, doi:10.1214/07-AOAS122); where a triplet has one rater, drawing raters draws the
//! triplets with them.

mod bootstrap;
mod implied;

pub use implied::{ImpliedAgreement, implied};

use crate::diagnose::trend::{Test, stuart_maxwell};
use crate::lottery::Lottery;
use emotome_stats::interval::{Interval, wilson};
use emotome_stats::random::Seed;
use emotome_triplets::{Choice, UnorderedTriplet};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// How sources are compared.
///
/// | parameter | default | |
/// |---|---|---|
/// | `capacity` | 2¹⁸ | answers held of each source; of more, those of triplets drawn by lot, the same for all |
/// | `needed` | 100 | triplets that all sources must share for all pairs to be compared on these |
/// | `replicates` | 1,000 | bootstrap resamples |
/// | `seed` | 0 | of the lottery and the bootstrap |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgreeParams {
    /// Answers held of each source.
    pub capacity: usize,
    /// Triplets that all sources must share.
    pub needed: usize,
    /// Bootstrap resamples.
    pub replicates: usize,
    /// Seed of the lottery and the bootstrap.
    pub seed: u64,
}

impl Default for AgreeParams {
    fn default() -> Self {
        Self {
            capacity: 1 << 18,
            needed: 100,
            replicates: 1_000,
            seed: 0,
        }
    }
}

/// One answer: order, rank of the odd item's id within its triplet, rater.
type Answer = (u8, u8, u32);

/// The answers of one agent or of several people, 20 bytes each.
#[derive(Debug, Clone)]
pub struct Source {
    name: String,
    answers: Lottery<Answer>,
    ordered: bool,
    raters: bool,
}

impl Source {
    /// A source without answers, and whether its choices have their presented order. Ids of all sources must
    /// be those of the same stimuli.
    #[must_use]
    pub fn new(name: impl Into<String>, ordered: bool, params: &AgreeParams) -> Self {
        Self {
            name: name.into(),
            ordered,
            answers: Lottery::new(
                Seed(params.seed).derive("triplets compared"),
                params.capacity,
            ),
            raters: false,
        }
    }

    /// Takes an answer, and who gave it, where the source is several people.
    pub fn push(&mut self, choice: Choice, rater: Option<u32>) {
        let triplet = choice.triplet.unordered();
        let order = choice.triplet.order_code();
        let rank = UnorderedTriplet::ORDERS[usize::from(order)][choice.odd.index()];
        self.raters |= rater.is_some();
        self.answers
            .push(triplet, (order, rank as u8, rater.unwrap_or(0)));
    }
}

/// All comparisons. Field names are stable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Consistency {
    /// Who was compared.
    pub sources: Vec<SourceSummary>,
    /// Whether all pairs were compared on the same triplets.
    pub same_triplets: bool,
    /// Triplets in every comparison; 0 if no pair shares any.
    pub triplets: u64,
    /// Every pair that shares triplets.
    pub pairs: Vec<Pair>,
}

/// A source. Field names are stable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SourceSummary {
    /// Its name.
    pub name: String,
    /// Its answers that were held.
    pub answers: u64,
    /// The triplets that they are about.
    pub triplets: u64,
    /// The people who gave them, where known.
    pub raters: Option<u64>,
    /// Pairs of its answers to one triplet that agree, as a share: what another source could reach.
    pub repeats_agree: Option<f64>,
    /// How many triplets that rests on.
    pub repeated: u64,
}

/// Two sources on the same triplets. Field names are stable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pair {
    /// The first source.
    pub first: String,
    /// The second source.
    pub second: String,
    /// Triplets compared, in any order of presentation.
    pub triplets: u64,
    /// Probability that an answer of each agrees.
    pub raw: f64,
    /// Its 95 % interval, over triplets and raters.
    pub raw_ci95: Interval,
    /// Its 95 % interval over stimuli, as far as the caller gives one.
    pub raw_ci95_stimuli: Option<Interval>,
    /// (raw − ⅓) / ⅔.
    pub chance_corrected: f64,
    /// Its 95 % interval.
    pub chance_corrected_ci95: Interval,
    /// Cohen's κ over the ranks of the odd item's id.
    pub kappa: f64,
    /// Its 95 % interval.
    pub kappa_ci95: Interval,
    /// The same over triplets that both answered in the same order of presentation.
    pub same_order: Option<SameOrder>,
}

/// Two sources on triplets in the same order of presentation. Field names are stable.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SameOrder {
    /// Triplets and orders that both answered; the first answer of each counts.
    pub n: u64,
    /// Share of them with the same answer.
    pub raw: f64,
    /// Its 95 % interval (Wilson).
    pub ci95: Interval,
    /// Place answered by the first (rows) and by the second.
    pub places: [[u64; 3]; 3],
    /// Cohen's κ over places.
    pub kappa: f64,
    /// Whether both answer each place equally often: the test of Stuart and Maxwell, χ²(2).
    pub same_places: Test,
}

/// One triplet of one source.
#[derive(Debug, Clone)]
struct Question {
    triplet: UnorderedTriplet,
    answers: Vec<Answer>,
}

impl Question {
    fn shares(&self) -> [f64; 3] {
        let mut shares = [0.0; 3];
        for &(_, rank, _) in &self.answers {
            shares[usize::from(rank)] += 1.0 / self.answers.len() as f64;
        }
        shares
    }
}

/// An interval of the mean of a score over triplets that allows for what they share.
pub type OverStimuli<'a> = &'a dyn Fn(&[UnorderedTriplet], &[f64]) -> Option<Interval>;

/// Compares sources pairwise; `over_stimuli` adds intervals of its own kind. O(N log N), plus replicates × triplets × (sources + pairs) for the bootstrap.
///
/// ```
/// use emotome_judges::agree::{AgreeParams, Source, consistency};
/// use emotome_stimuli::StimulusId;
/// use emotome_triplets::{Choice, Position, Triplet};
/// let params = AgreeParams { needed: 1, ..AgreeParams::default() };
/// let [mut a, mut b] = ["a", "b"].map(|name| Source::new(name, true, &params));
/// for (items, of_a, of_b) in [
///     ([0, 1, 2], Position::First, Position::First),
///     ([3, 4, 5], Position::First, Position::Second),
/// ] {
///     let triplet = Triplet::new(items.map(StimulusId))?;
///     a.push(Choice { triplet, odd: of_a }, None);
///     b.push(Choice { triplet, odd: of_b }, None);
/// }
/// let found = consistency(vec![a, b], &params, &|_, _| None);
/// assert_eq!((found.triplets, found.pairs[0].raw), (2, 0.5));
/// # Ok::<(), emotome_triplets::trial::TripletError>(())
/// ```
#[must_use]
pub fn consistency(
    mut sources: Vec<Source>,
    params: &AgreeParams,
    over_stimuli: OverStimuli<'_>,
) -> Consistency {
    let limit = sources
        .iter()
        .map(|source| source.answers.limit())
        .min()
        .unwrap_or(u64::MAX);
    sources
        .iter_mut()
        .for_each(|source| source.answers.narrow(limit));
    let names: Vec<String> = sources.iter().map(|source| source.name.clone()).collect();
    let raters: Vec<bool> = sources.iter().map(|source| source.raters).collect();
    let ordered: Vec<bool> = sources.iter().map(|source| source.ordered).collect();
    let questions: Vec<Vec<Question>> = sources.into_iter().map(questions).collect();
    let summaries = questions.iter().zip(&names).zip(&raters);
    let summaries = summaries.map(|((questions, name), &raters)| summary(name, questions, raters));
    let pairs: Vec<(usize, usize)> = (0..names.len())
        .flat_map(|i| (i + 1..names.len()).map(move |j| (i, j)))
        .collect();
    let everyone: Vec<usize> = (0..names.len())
        .filter(|&i| !questions[i].is_empty())
        .collect();
    let common = shared(&questions, &everyone);
    let same_triplets = everyone.len() > 1 && common.len() >= params.needed;
    let mut groups: Vec<(Vec<(usize, usize)>, Vec<UnorderedTriplet>)> = if same_triplets {
        let both = |&(i, j): &(usize, usize)| everyone.contains(&i) && everyone.contains(&j);
        vec![(pairs.into_iter().filter(both).collect(), common)]
    } else {
        pairs
            .into_iter()
            .map(|(i, j)| (vec![(i, j)], shared(&questions, &[i, j])))
            .filter(|(_, triplets)| !triplets.is_empty())
            .collect()
    };
    let fewest = groups.iter().map(|(_, t)| t.len()).min().unwrap_or(0);
    let seed = Seed(params.seed).derive("equal numbers of triplets");
    for (_, triplets) in &mut groups {
        if triplets.len() > fewest {
            let mut lottery = Lottery::new(seed, usize::MAX);
            triplets.drain(..).for_each(|t| lottery.push(t, ()));
            *triplets = lottery.first(fewest);
        }
    }
    let pairs = groups.iter().flat_map(|(pairs, triplets)| {
        let aligned = bootstrap::Aligned::new(&questions, &raters, pairs, triplets);
        let intervals = aligned.intervals(params);
        pairs
            .iter()
            .zip(intervals)
            .map(|(&(i, j), estimates)| {
                let [raw, kappa] = estimates;
                let agreed: Vec<f64> = triplets
                    .iter()
                    .filter_map(|&t| about(&questions[i], t).zip(about(&questions[j], t)))
                    .map(|(a, b)| {
                        let (a, b) = (a.shares(), b.shares());
                        (0..3).map(|k| a[k] * b[k]).sum()
                    })
                    .collect();
                let correct = |raw: f64| (raw - 1.0 / 3.0) * 1.5;
                Pair {
                    first: names[i].clone(),
                    second: names[j].clone(),
                    triplets: triplets.len() as u64,
                    raw: raw.0,
                    raw_ci95: raw.1,
                    raw_ci95_stimuli: over_stimuli(triplets, &agreed),
                    chance_corrected: correct(raw.0),
                    chance_corrected_ci95: Interval {
                        low: correct(raw.1.low),
                        high: correct(raw.1.high),
                    },
                    kappa: kappa.0,
                    kappa_ci95: kappa.1,
                    same_order: (ordered[i] && ordered[j])
                        .then(|| same_order(&questions[i], &questions[j], triplets))
                        .flatten(),
                }
            })
            .collect::<Vec<_>>()
    });
    let pairs = pairs.collect();
    Consistency {
        sources: summaries.collect(),
        same_triplets,
        triplets: fewest as u64,
        pairs,
    }
}

/// The answers of a source by triplet, ascending.
fn questions(source: Source) -> Vec<Question> {
    let mut answers = source.answers.into_kept();
    answers.sort_by_key(|answer| answer.0);
    answers
        .chunk_by(|a, b| a.0 == b.0)
        .map(|group| Question {
            triplet: group[0].0,
            answers: group.iter().map(|answer| answer.1).collect(),
        })
        .collect()
}

fn summary(name: &str, questions: &[Question], raters: bool) -> SourceSummary {
    let answers = || questions.iter().flat_map(|q| &q.answers);
    let agreeing: Vec<f64> = questions
        .iter()
        .filter(|q| q.answers.len() > 1)
        .map(|q| {
            let m = q.answers.len() as f64;
            let counts = q.shares().map(|share| share * m);
            counts.iter().map(|c| c * (c - 1.0)).sum::<f64>() / (m * (m - 1.0))
        })
        .collect();
    SourceSummary {
        name: name.to_owned(),
        answers: answers().count() as u64,
        triplets: questions.len() as u64,
        raters: raters.then(|| answers().map(|a| a.2).collect::<HashSet<_>>().len() as u64),
        repeats_agree: (!agreeing.is_empty())
            .then(|| agreeing.iter().sum::<f64>() / agreeing.len() as f64),
        repeated: agreeing.len() as u64,
    }
}

/// The question about a triplet.
fn about(questions: &[Question], triplet: UnorderedTriplet) -> Option<&Question> {
    let at = questions
        .binary_search_by_key(&triplet, |q| q.triplet)
        .ok()?;
    Some(&questions[at])
}

/// The triplets that all of these sources answered.
fn shared(questions: &[Vec<Question>], of: &[usize]) -> Vec<UnorderedTriplet> {
    let Some((&first, others)) = of.split_first() else {
        return Vec::new();
    };
    questions[first]
        .iter()
        .map(|q| q.triplet)
        .filter(|&t| others.iter().all(|&i| about(&questions[i], t).is_some()))
        .collect()
}

/// Compares the first answers of two sources to the same triplet in the same order.
fn same_order(
    first: &[Question],
    second: &[Question],
    triplets: &[UnorderedTriplet],
) -> Option<SameOrder> {
    let mut places = [[0; 3]; 3];
    let answer = |question: &Question, order: u8| {
        let found = question.answers.iter().find(|answer| answer.0 == order)?;
        UnorderedTriplet::ORDERS[usize::from(order)]
            .iter()
            .position(|&rank| rank == usize::from(found.1))
    };
    for &triplet in triplets {
        let (Some(a), Some(b)) = (about(first, triplet), about(second, triplet)) else {
            continue;
        };
        for order in 0..6 {
            if let (Some(a), Some(b)) = (answer(a, order), answer(b, order)) {
                places[a][b] += 1;
            }
        }
    }
    let n: u64 = places.iter().flatten().sum();
    let same: u64 = (0..3).map(|k| places[k][k]).sum();
    let total = n as f64;
    let raw = same as f64 / total;
    let expected: f64 = (0..3)
        .map(|k| {
            let row = places[k].iter().sum::<u64>() as f64;
            let column = places.iter().map(|row| row[k]).sum::<u64>() as f64;
            row * column / (total * total)
        })
        .sum();
    (n > 0).then(|| SameOrder {
        n,
        raw,
        ci95: wilson(same as f64, total, 0.95),
        places,
        kappa: (raw - expected) / (1.0 - expected),
        same_places: stuart_maxwell(&places),
    })
}
