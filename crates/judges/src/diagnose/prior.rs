//! Probabilities of the three answers: how sure the agent is, and how much of it is owed to the place.

use super::finding::{Finding, p_text, percent};
use super::trend::Test;
use super::{DiagnoseParams, Judged};
use crate::answer::OrderRead;
use crate::judge::trial_stream;
use emotome_stats::interval::{Interval, normal, wilson};
use emotome_stats::random::{Seed, mix};
use emotome_triplets::Trial;
use serde::Serialize;

/// Answers kept to see which choices change; the first of a keyed lottery, about 60 bytes and 24 for each
/// order.
const KEPT: usize = 1 << 16;

/// A probability below this counts as this: rounding may make it 0.
const FLOOR: f64 = 1e-6;

/// Probabilities below which nothing is tested.
const NEEDED: u64 = 100;

/// Probabilities of the answers to distinct triplets, as they come.
#[derive(Debug, Clone)]
pub struct Probabilities {
    seed: u64,
    n: u64,
    entropy: [f64; 2],
    single: Prior,
    by_order: Prior,
    orders: Orders,
}

/// The probabilities of the three places in one order of presentation, and the place in the trial of what
/// was presented first, second and third.
type Read = ([u8; 3], [f64; 3]);

/// What the orders in which a trial was asked say, besides the prior.
#[derive(Debug, Clone, Copy, Default)]
struct Orders {
    reads: u64,
    pairs: u64,
    flipped: u64,
    /// Σ f and Σ f² over trials, f the mean share of pairs of orders that favour different stimuli.
    flips: [f64; 2],
    several: u64,
    off_choice: [f64; 2],
}

/// Log-probabilities of places, averaged over the orders of a trial.
#[derive(Debug, Clone)]
struct Prior {
    n: u64,
    floored: u64,
    /// Σ x and Σ x xᵀ of x_k = ln p_k − mean_j ln p_j.
    sums: [f64; 3],
    products: [[f64; 3]; 3],
    limit: u64,
    kept: Vec<(u64, Vec<Read>)>,
}

/// What the probabilities of an agent say. Field names are stable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProbabilitySummary {
    /// Answers with probabilities, on distinct triplets.
    pub n: u64,
    /// Mean entropy of an answer, in nats: 0 for certainty, 1.0986 for guessing.
    pub entropy: f64,
    /// Its 95 % interval.
    pub entropy_ci95: Interval,
    /// Answers that the prior rests on: all, or, where each order of presentation is on record, a sample.
    pub prior_n: u64,
    /// Of these, answers with a probability below one in a million, taken as that.
    pub floored: u64,
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
    /// What the single orders of presentation say, where they are on record.
    pub orders: Option<OrderSummary>,
}

/// What the single orders of presentation say. Field names are stable.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct OrderSummary {
    /// Answers looked at.
    pub n: u64,
    /// Orders on record of an answer, on average.
    pub orders: f64,
    /// Pairs of orders of one answer that favour different stimuli, as a share; `null` with one order.
    pub flips: Option<f64>,
    /// Its 95 % interval, over answers.
    pub flips_ci95: Option<Interval>,
    /// Mean probability of anything but the three answers.
    pub off_choice: f64,
    /// Its 95 % interval.
    pub off_choice_ci95: Interval,
}

/// The most probable of three.
fn best(p: [f64; 3]) -> usize {
    (1..3).fold(0, |best, k| if p[k] > p[best] { k } else { best })
}

/// Mean and standard error from n, Σ x and Σ x².
fn mean_and_se(n: f64, sum: f64, squares: f64) -> (f64, f64) {
    let mean = sum / n;
    let variance = (squares / n - mean * mean).max(0.0) * n / (n - 1.0);
    (mean, (variance / n).sqrt())
}

impl Probabilities {
    /// None yet.
    #[must_use]
    pub fn new(params: &DiagnoseParams) -> Self {
        Self {
            seed: Seed(params.seed).derive("probabilities kept").0,
            n: 0,
            entropy: [0.0; 2],
            single: Prior::new(),
            by_order: Prior::new(),
            orders: Orders::default(),
        }
    }

    fn lot(&self, trial: &Trial) -> u64 {
        mix(trial_stream(trial) ^ self.seed)
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
        let entropy: f64 = shares
            .iter()
            .filter(|p| **p > 0.0)
            .map(|p| -p * p.ln())
            .sum();
        self.entropy[0] += entropy;
        self.entropy[1] += entropy * entropy;
        self.single.push(self.lot(trial), vec![([0, 1, 2], shares)]);
    }

    /// Whether the orders of this trial should be looked up, of about `of` trials: a keyed lottery of 65,536.
    #[must_use]
    pub fn draws(&self, trial: &Trial, of: u64) -> bool {
        (u128::from(self.lot(trial)) * u128::from(of)) >> 64 < KEPT as u128
    }

    /// Takes what the model made of each order in which a trial was asked.
    pub fn push_orders(&mut self, (trial, _): &Judged, orders: &[OrderRead]) {
        let reads: Vec<Read> = orders
            .iter()
            .filter_map(|read| Some((read.order, read.presented()?)))
            .filter(|(order, _)| {
                let mut places = *order;
                places.sort_unstable();
                places == [0, 1, 2]
            })
            .collect();
        if reads.is_empty() {
            return;
        }
        let off: f64 = orders.iter().map(OrderRead::off_choice).sum();
        let off = off / orders.len() as f64;
        let favourites: Vec<u8> = reads.iter().map(|(order, p)| order[best(*p)]).collect();
        let (mut pairs, mut flipped) = (0, 0);
        for (i, a) in favourites.iter().enumerate() {
            pairs += favourites[i + 1..].len() as u64;
            flipped += favourites[i + 1..].iter().filter(|b| *b != a).count() as u64;
        }
        let o = &mut self.orders;
        o.reads += reads.len() as u64;
        o.pairs += pairs;
        o.flipped += flipped;
        if pairs > 0 {
            let share = flipped as f64 / pairs as f64;
            o.several += 1;
            o.flips[0] += share;
            o.flips[1] += share * share;
        }
        o.off_choice[0] += off;
        o.off_choice[1] += off * off;
        self.by_order.push(self.lot(trial), reads);
    }

    /// Entropy, prior and correction; `None` without probabilities.
    ///
    /// Over balanced orders what is shown at a place averages out, and the mean log-probability of a place
    /// is its prior (Zheng et al. 2024, arXiv 2309.03882); dividing by it removes the preference. Where
    /// the single orders are on record the mean is over these, and a corrected answer is their average.
    #[must_use]
    pub fn summary(&self) -> Option<ProbabilitySummary> {
        if self.n == 0 {
            return None;
        }
        let (entropy, entropy_se) = mean_and_se(self.n as f64, self.entropy[0], self.entropy[1]);
        let prior = if self.by_order.n > 0 {
            &self.by_order
        } else {
            &self.single
        };
        let n = prior.n as f64;
        let means = prior.sums.map(|sum| sum / n);
        let weights = means.map(f64::exp);
        let shares = weights.map(|w| w / weights.iter().sum::<f64>());
        let (changed, corrected) = prior.corrected(shares);
        let kept = prior.kept.len() as f64;
        Some(ProbabilitySummary {
            n: self.n,
            entropy,
            entropy_ci95: normal(entropy, entropy_se, 0.95),
            prior_n: prior.n,
            floored: prior.floored,
            prior: shares,
            log_odds: means,
            log_odds_ci95: [0, 1, 2].map(|k| {
                let (mean, se) = mean_and_se(n, prior.sums[k], prior.products[k][k]);
                normal(mean, se, 0.95)
            }),
            test: prior.hotelling(means),
            corrected: prior.kept.len() as u64,
            changed: changed as f64 / kept,
            changed_ci95: wilson(changed as f64, kept, 0.95),
            corrected_shares: corrected.map(|count| count as f64 / kept),
            orders: (self.by_order.n > 0).then(|| self.orders.summary(self.by_order.n)),
        })
    }
}

impl Orders {
    fn summary(&self, n: u64) -> OrderSummary {
        let (off, off_se) = mean_and_se(n as f64, self.off_choice[0], self.off_choice[1]);
        let several = self.several as f64;
        let flips = (self.pairs > 0).then(|| mean_and_se(several, self.flips[0], self.flips[1]));
        OrderSummary {
            n,
            orders: self.reads as f64 / n as f64,
            flips: flips.map(|(mean, _)| mean),
            flips_ci95: flips.map(|(mean, se)| normal(mean, se, 0.95)),
            off_choice: off,
            off_choice_ci95: normal(off, off_se, 0.95),
        }
    }
}

impl Prior {
    const fn new() -> Self {
        Self {
            n: 0,
            floored: 0,
            sums: [0.0; 3],
            products: [[0.0; 3]; 3],
            limit: u64::MAX,
            kept: Vec::new(),
        }
    }

    fn push(&mut self, lot: u64, reads: Vec<Read>) {
        let mut x = [0.0; 3];
        let mut floored = false;
        for (_, p) in &reads {
            let logs = p.map(|p| p.max(FLOOR).ln());
            floored |= p.iter().any(|p| *p < FLOOR);
            let mean = logs.iter().sum::<f64>() / 3.0;
            for k in 0..3 {
                x[k] += (logs[k] - mean) / reads.len() as f64;
            }
        }
        self.n += 1;
        self.floored += u64::from(floored);
        for i in 0..3 {
            self.sums[i] += x[i];
            for j in 0..3 {
                self.products[i][j] += x[i] * x[j];
            }
        }
        if lot <= self.limit {
            self.kept.push((lot, reads));
            if self.kept.len() == 2 * KEPT {
                self.kept.select_nth_unstable_by_key(KEPT, |kept| kept.0);
                self.limit = self.kept[KEPT].0;
                self.kept.truncate(KEPT);
            }
        }
    }

    /// How many of the answers kept change when their probabilities are divided by the prior, and the
    /// places that they then have.
    fn corrected(&self, prior: [f64; 3]) -> (u64, [u64; 3]) {
        let (mut changed, mut counts) = (0, [0; 3]);
        for (_, reads) in &self.kept {
            let mut sums = [[0.0; 3]; 2];
            for (order, p) in reads {
                let divided = [0, 1, 2].map(|k| p[k] / prior[k]);
                let total: f64 = divided.iter().sum();
                for k in 0..3 {
                    let place = usize::from(order[k]);
                    sums[0][place] += p[k];
                    sums[1][place] += divided[k] / total;
                }
            }
            let [before, after] = sums.map(best);
            changed += u64::from(before != after);
            counts[after] += 1;
        }
        (changed, counts)
    }

    /// n · m̄ᵀ C⁻¹ m̄ over the first two components; the third is minus their sum. Probabilities that are the
    /// same for every triplet have no C⁻¹: any preference in them is beyond doubt.
    fn hotelling(&self, m: [f64; 3]) -> Test {
        let n = self.n as f64;
        let c = |i: usize, j: usize| (self.products[i][j] / n - m[i] * m[j]) * n / (n - 1.0);
        let determinant = c(0, 0) * c(1, 1) - c(0, 1) * c(0, 1);
        if c(0, 0) + c(1, 1) < 1e-12 {
            let none = m.iter().all(|m| m.abs() < 1e-6);
            let statistic = if none { 0.0 } else { f64::INFINITY };
            return Test::chi_squared(statistic, 2);
        }
        let form = c(1, 1) * m[0] * m[0] - 2.0 * c(0, 1) * m[0] * m[1] + c(0, 0) * m[1] * m[1];
        Test::chi_squared(n * form / determinant, 2)
    }
}

impl ProbabilitySummary {
    /// What the prior does to the choices, as a finding.
    #[must_use]
    pub fn finding(&self, params: &DiagnoseParams) -> Finding {
        let name = "position-prior";
        if self.prior_n < NEEDED {
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
                self.prior_n,
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
