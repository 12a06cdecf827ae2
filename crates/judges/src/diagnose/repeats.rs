//! What repeated triplets tell: does the answer follow the order, and does it repeat at all?

use super::finding::{p_text, percent};
use super::{DiagnoseParams, Finding, Judged, Severity};
use crate::lottery::Lottery;
use emotome_stats::distribution::normal_cdf;
use emotome_stats::interval::{Interval, wilson};
use emotome_stats::random::{CounterRng, Seed};
use emotome_triplets::UnorderedTriplet;
use rayon::prelude::*;

/// The most triplets whose orders are permuted; the first of a keyed lottery.
const PERMUTED: usize = 5_000;

/// Pairs of repeats below which nothing is tested.
const NEEDED: f64 = 50.0;

/// Agreement of repeats below which, when its whole 95 % interval is, choices are too noisy to use:
/// (0.45 − 1/3) / (2/3), about a sixth of the way from guessing to the same answer always.
const TOO_NOISY: f64 = 0.45;

/// Showings held; of more, those of the triplets that come first in a keyed lottery.
const HELD: usize = 1 << 21;

/// The choices on one triplet: which of its stimuli (by ascending id) in which order.
type Showings = Vec<(usize, usize)>;

/// Choices on triplets that are shown more than once, by item and order.
#[derive(Debug)]
pub(super) struct Tally(Lottery<(u8, u8)>);

impl Tally {
    pub(super) fn new(params: &DiagnoseParams) -> Self {
        Self(Lottery::new(
            Seed(params.seed).derive("repeated triplets"),
            HELD,
        ))
    }

    pub(super) fn push(&mut self, (trial, outcome): &Judged) {
        let Some(odd) = outcome.chosen() else { return };
        let order = trial.triplet.order_code();
        let item = UnorderedTriplet::ORDERS[usize::from(order)][odd.index()];
        self.0.push(trial.triplet.unordered(), (item as u8, order));
    }

    pub(super) fn findings(self, params: &DiagnoseParams) -> Vec<Finding> {
        let mut showings = self.0.into_kept();
        // A stable sort: showings of a triplet stay in order of collection.
        showings.par_sort_by_key(|showing| showing.0);
        let mut groups: Vec<Showings> = showings
            .chunk_by(|a, b| a.0 == b.0)
            .filter(|group| group.len() > 1)
            .map(|group| {
                let showing = |s: &(_, (u8, u8))| (usize::from(s.1.0), usize::from(s.1.1));
                group.iter().map(showing).collect()
            })
            .collect();
        let retest = retest_agreement(params, &groups);
        groups.retain(|g| g.iter().any(|s| s.1 != g[0].1));
        let total = groups.len();
        if total > PERMUTED {
            let seed = Seed(params.seed).derive("permuted triplets");
            CounterRng::new(seed, 0).shuffle(&mut groups);
            groups.truncate(PERMUTED);
        }
        let [dependence, flips] = order_findings(params, &groups, total);
        vec![dependence, flips, retest]
    }
}

/// Counts over pairs of showings of one triplet.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Pairs {
    /// Pairs shown in different orders.
    across: f64,
    /// Of these, pairs whose answers stood at the same place.
    same_place: f64,
    /// Of these, pairs whose answers were different stimuli.
    flipped: f64,
    /// Pairs shown in the same order.
    within: f64,
    /// Of these, pairs whose answers were different stimuli.
    unstable: f64,
}

impl Pairs {
    fn of(showings: impl Iterator<Item = (usize, usize)>) -> Self {
        let mut table = [[0.0_f64; 3]; 6];
        for (item, order) in showings {
            table[order][item] += 1.0;
        }
        let pairs = |count: f64| count * (count - 1.0) / 2.0;
        let (mut places, mut items) = ([0.0; 3], [0.0; 3]);
        let (mut within, mut within_same) = (0.0, 0.0);
        for (order, row) in table.iter().enumerate() {
            within += pairs(row.iter().sum());
            for place in 0..3 {
                let item = UnorderedTriplet::ORDERS[order][place];
                places[place] += row[item];
                items[item] += row[item];
                within_same += pairs(row[item]);
            }
        }
        let across = pairs(items.iter().sum()) - within;
        // Two answers in one order are at the same place just when they are the same stimulus.
        let same_place = places.iter().copied().map(pairs).sum::<f64>() - within_same;
        let same_item = items.iter().copied().map(pairs).sum::<f64>() - within_same;
        Self {
            across,
            same_place,
            flipped: across - same_item,
            within,
            unstable: within - within_same,
        }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            across: self.across + other.across,
            same_place: self.same_place + other.same_place,
            flipped: self.flipped + other.flipped,
            within: self.within + other.within,
            unstable: self.unstable + other.unstable,
        }
    }
}

/// Both tests permute the orders among the showings of a triplet: if the order plays no part, the
/// stimulus answered does not depend on it, and every relabelling is equally likely.
fn order_findings(params: &DiagnoseParams, groups: &[Showings], total: usize) -> [Finding; 2] {
    let names = ["order-dependence", "order-flips"];
    let found = groups
        .iter()
        .map(|g| Pairs::of(g.iter().copied()))
        .fold(Pairs::default(), Pairs::plus);
    if found.across < NEEDED {
        return names.map(|name| {
            Finding::untested(
                name,
                format!("{total} triplets were answered in two or more orders, too few to test"),
                "add repeats in all six orders to the design",
            )
        });
    }
    let seed = Seed(params.seed).derive("permuted orders");
    let permuted: Vec<Pairs> = (0..params.permutations)
        .into_par_iter()
        .map(|replicate| {
            let mut rng = CounterRng::new(seed, u64::from(replicate));
            let mut orders = Vec::new();
            groups.iter().fold(Pairs::default(), |sum, group| {
                orders.clear();
                orders.extend(group.iter().map(|s| s.1));
                rng.shuffle(&mut orders);
                let relabelled = group.iter().zip(&orders).map(|(s, &order)| (s.0, order));
                sum.plus(Pairs::of(relabelled))
            })
        })
        .collect();
    let against = |statistic: fn(&Pairs) -> f64| {
        let observed = statistic(&found);
        let m = permuted.len() as f64;
        let as_large = permuted.iter().filter(|p| statistic(p) >= observed).count() as f64;
        let mean = permuted.iter().map(statistic).sum::<f64>() / m;
        let varies = permuted.iter().any(|p| statistic(p) != observed);
        (
            observed,
            mean,
            varies.then_some((1.0 + as_large) / (1.0 + m)),
        )
    };
    let (place, place_mean, place_p) = against(|p| p.same_place / p.across);
    let (flip, flip_mean, flip_p) = against(|p| p.flipped / p.across);

    let dependence = Finding::new(
        names[0],
        params.severity_of_departure(place_p.unwrap_or(1.0), place - place_mean),
        place,
        format!(
            "two answers to one triplet in different orders stood at the same place in {} of {} pairs, {} \
             expected if the order plays no part ({}; {} of {total} triplets used)",
            percent(place),
            found.across,
            percent(place_mean),
            p_text(place_p.unwrap_or(1.0)),
            groups.len(),
        ),
    )
    .n(found.across)
    .interval(ratio_interval(groups, |p| (p.same_place, p.across)))
    .expected(place_mean)
    .p(place_p.unwrap_or(1.0))
    .advise("the answer follows the place: balance the orders, average over all six, or change the prompt");

    let severity = flip_p.map_or(Severity::Fine, |p| {
        params.severity_of_departure(p, flip - flip_mean)
    });
    let flips = Finding::new(
        names[1],
        severity,
        flip,
        format!(
            "two answers to one triplet in different orders named different stimuli in {} of {} pairs{}",
            percent(flip),
            found.across,
            if found.within > 0.0 {
                format!("; in the same order, in {} of {} pairs", percent(found.unstable / found.within), found.within)
            } else {
                "; without repeats in the same order, noise and order cannot be told apart".to_owned()
            }
        ),
    )
    .n(found.across)
    .interval(ratio_interval(groups, |p| (p.flipped, p.across)))
    .expected(flip_mean)
    .advise("average over orders; report the ceiling from repeats in all orders, not in one");
    let flips = match flip_p {
        Some(p) => flips.p(p),
        None => flips,
    };
    [dependence, flips]
}

/// The 95 % interval of Σ part / Σ whole over triplets, linearised, triplets taken as independent.
///
/// Never outside [0, 1]: Wilson's at the effective number of pairs.
fn ratio_interval(groups: &[Showings], of: fn(&Pairs) -> (f64, f64)) -> Interval {
    let parts: Vec<(f64, f64)> = groups
        .iter()
        .map(|g| of(&Pairs::of(g.iter().copied())))
        .collect();
    let (part, whole) = parts
        .iter()
        .fold((0.0, 0.0), |(p, w), x| (p + x.0, w + x.1));
    let (share, m) = (part / whole, parts.len() as f64);
    let squares: f64 = parts.iter().map(|x| (x.0 - share * x.1).powi(2)).sum();
    let variance = squares / (whole * whole) * m / (m - 1.0);
    let effective = if variance > 0.0 {
        (share * (1.0 - share) / variance).min(whole)
    } else {
        m
    };
    wilson(share * effective, effective, 0.95)
}

fn retest_agreement(params: &DiagnoseParams, groups: &[Showings]) -> Finding {
    let name = "retest-agreement";
    let agreements: Vec<f64> = groups
        .iter()
        .filter_map(|g| {
            let pairs = Pairs::of(g.iter().copied());
            (pairs.within > 0.0).then(|| 1.0 - pairs.unstable / pairs.within)
        })
        .collect();
    let m = agreements.len() as f64;
    if m < NEEDED {
        return Finding::untested(
            name,
            format!("{m} triplets were answered twice in the same order, too few to test"),
            "add repeats in the same order to the design: without them there is no noise ceiling",
        );
    }
    let mean = agreements.iter().sum::<f64>() / m;
    let variance = agreements.iter().map(|a| (a - mean).powi(2)).sum::<f64>() / (m - 1.0);
    let se = (variance / m).sqrt();
    // Against chance, where an answer is repeated once in three.
    let p = if se > 0.0 {
        normal_cdf((1.0 / 3.0 - mean) / se)
    } else {
        f64::from(u8::from(mean <= 1.0 / 3.0))
    };
    // Wilson's at the effective number of triplets: never outside [0, 1], and not a point where all agree.
    let effective = if se > 0.0 {
        mean * (1.0 - mean) / (se * se)
    } else {
        m
    };
    let interval = wilson(mean * effective, effective, 0.95);
    let (severity, advice) = if interval.high < TOO_NOISY {
        (
            Severity::Serious,
            "the answers hardly repeat: check that the agent sees the stimuli, and how its replies are read",
        )
    } else if p > params.alpha {
        // Nothing is shown by a test that could not have rejected.
        (
            Severity::Untested,
            "too few repeats to tell these answers from guessing: add repeats in the same order to the design",
        )
    } else if mean == 1.0 {
        (
            Severity::Note,
            "the agent never changes its mind in one order, so these repeats measure no noise: take the \
             ceiling from repeats in all orders",
        )
    } else {
        (Severity::Fine, "")
    };
    let explanation = format!(
        "two answers to the same triplet in the same order agree in {} (over {m} triplets; 33.3 % by \
         chance, {} for no better than that)",
        percent(mean),
        p_text(p)
    );
    Finding::new(name, severity, mean, explanation)
        .n(m)
        .interval(interval)
        .p_aside(p)
        .advise(advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guesses on few triplets do not show that an agent guesses, on many they do.
    #[test]
    fn few_repeats_of_guesses_are_untested_and_many_serious() {
        use crate::diagnose::DiagnoseParams;
        let params = DiagnoseParams::default();
        let severity = |triplets: usize, agreeing: usize| {
            let group = |t: usize| vec![(0, 0), (usize::from(t >= agreeing), 0)];
            let groups: Vec<Showings> = (0..triplets).map(group).collect();
            let finding = retest_agreement(&params, &groups);
            assert_eq!(
                finding.what_to_do.is_empty(),
                finding.severity == Severity::Fine
            );
            finding.severity
        };
        assert_eq!(severity(60, 22), Severity::Untested);
        assert_eq!(severity(600, 220), Severity::Serious);
        assert_eq!(severity(600, 360), Severity::Fine);
        assert_eq!(severity(600, 600), Severity::Note);
    }

    #[test]
    fn pair_counts_equal_those_of_a_double_loop() {
        let mut rng = CounterRng::new(Seed(1), 0);
        for _ in 0..200 {
            let group: Showings = (0..8)
                .map(|_| (rng.below(3) as usize, rng.below(6) as usize))
                .collect();
            let mut expected = Pairs::default();
            for (i, &(x, o)) in group.iter().enumerate() {
                for &(y, q) in &group[..i] {
                    let place = |item, order: usize| {
                        UnorderedTriplet::ORDERS[order]
                            .iter()
                            .position(|&k| k == item)
                    };
                    let flag = |b: bool| f64::from(u8::from(b));
                    if o == q {
                        expected.within += 1.0;
                        expected.unstable += flag(x != y);
                    } else {
                        expected.across += 1.0;
                        expected.same_place += flag(place(x, o) == place(y, q));
                        expected.flipped += flag(x != y);
                    }
                }
            }
            assert_eq!(Pairs::of(group.into_iter()), expected);
        }
    }
}
