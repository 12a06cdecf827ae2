//! Is an answer left over from the trial before?

use super::clusters::Clusters;
use super::finding::{p_text, percent};
use super::{DiagnoseParams, Finding, Judged, Severity};
use emotome_stats::distribution::normal_cdf;
use emotome_triplets::Triplet;
use emotome_triplets::design::rank::triplet_count;
use statrs::distribution::{DiscreteCDF, Poisson};
use std::collections::{HashMap, VecDeque};

/// Pairs of successive choices below which nothing is tested.
const NEEDED: f64 = 100.0;

/// Places answered in successive trials on different stimuli.
#[derive(Debug, Default)]
struct Pairs {
    table: [[f64; 3]; 3],
    /// The same in groups of trials that were asked together, where they are.
    clusters: Option<Clusters<9>>,
    sharing: u64,
}

impl Pairs {
    fn push(&mut self, before: &Judged, after: &Judged) {
        let (Some(earlier), Some(later)) = (before.1.chosen(), after.1.chosen()) else {
            return;
        };
        if disjoint(before.0.triplet, after.0.triplet) {
            self.table[earlier.index()][later.index()] += 1.0;
            if let Some(clusters) = &mut self.clusters {
                let [first, ..] = after.0.triplet.items();
                clusters.push(first, 3 * earlier.index() + later.index());
            }
        } else {
            self.sharing += 1;
        }
    }
}

fn disjoint(a: Triplet, b: Triplet) -> bool {
    let (a, b) = (a.items(), b.items());
    !a.iter().any(|id| b.contains(id))
}

/// Successive trials of the same collector, in the order of their numbers.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pairs: Pairs,
    total: f64,
    equal: f64,
    last: HashMap<u64, Judged>,
}

impl Tally {
    /// Takes the next trial; `counts` unless it shows a triplet that was counted already.
    pub(super) fn push(&mut self, judged: &Judged, counts: bool, shards: u64) {
        let Some(before) = self.last.insert(judged.0.number % shards, *judged) else {
            return;
        };
        self.total += 1.0;
        let ((a, was), (b, is)) = (&before, judged);
        let same = was.chosen().is_some() && was == is && a.triplet == b.triplet;
        self.equal += f64::from(u8::from(same && a.replicate == b.replicate));
        if counts {
            self.pairs.push(&before, judged);
        }
    }

    pub(super) fn findings(&self, params: &DiagnoseParams, n_stimuli: usize) -> Vec<Finding> {
        vec![
            dependence("serial-dependence", &self.pairs, params),
            self.repeated_rows(params, n_stimuli),
        ]
    }

    /// Counts successive trials that are equal in presented order, replicate and answer.
    fn repeated_rows(&self, params: &DiagnoseParams, n_stimuli: usize) -> Finding {
        let Self { total, equal, .. } = *self;
        let name = "repeated-rows";
        if total == 0.0 {
            return Finding::untested(name, "there is one trial only", "judge more trials");
        }
        // By chance: the same triplet in the same order, drawn twice in succession.
        let expected = total / (6.0 * triplet_count(n_stimuli as u64) as f64);
        let p = if equal == 0.0 {
            1.0
        } else {
            Poisson::new(expected).map_or(f64::NAN, |poisson| poisson.sf(equal as u64 - 1))
        };
        let severity = match params.severity_of_departure(p, equal / total) {
            // Rows written twice are never a matter of taste, however few.
            Severity::Note => Severity::Warning,
            other => other,
        };
        let explanation = format!(
            "{equal} of {total} trials repeat the row before them, order and answer included; {expected:.2} expected \
         by chance ({})",
            p_text(p)
        );
        Finding::new(name, severity, equal / total, explanation).n(total).expected(expected / total).p(p).advise(
        "the collector wrote a row twice, for instance because a variable kept its value when a reply \
         could not be parsed: drop the second of each pair and mend the collector",
    )
    }
}

/// How far back a trial on other stimuli is looked for: an answer left over longer ago is hardly left.
const LOOK_BACK: usize = 4;

/// Successive trials in the order of their answers: each against the last before it that shows none of
/// its stimuli, because trials are often asked for in groups that share some.
#[derive(Debug)]
pub(super) struct InTime {
    pairs: Pairs,
    last: VecDeque<Judged>,
}

impl InTime {
    pub(super) fn new(n_stimuli: usize) -> Self {
        Self {
            pairs: Pairs {
                clusters: Some(Clusters::new(n_stimuli)),
                ..Pairs::default()
            },
            last: VecDeque::new(),
        }
    }

    pub(super) fn push(&mut self, judged: &Judged, counts: bool) {
        if counts {
            let other = |before: &&Judged| disjoint(before.0.triplet, judged.0.triplet);
            if let Some(before) = self.last.iter().rev().find(other) {
                self.pairs.push(before, judged);
            }
        }
        if self.last.len() == LOOK_BACK {
            self.last.pop_front();
        }
        self.last.push_back(*judged);
    }

    pub(super) fn finding(&self, params: &DiagnoseParams) -> Finding {
        dependence("time-dependence", &self.pairs, params)
    }
}

/// Tests `Σ d_t·d_u`, where u is the trial before t and d_t the indicator of the place answered less its
/// mean.
///
/// Trials in succession that share a stimulus are left out: their answers may rightly agree. Each
/// triplet counts once as the later of two, or repeats of one sequence would count as many. Under
/// independence the products are uncorrelated with mean 0 and variance tr Σ², Σ = diag(p) − p pᵀ. Of trials
/// that are asked in groups, which show the same stimulus first, the variance is that of the groups' sums.
fn dependence(name: &'static str, pairs: &Pairs, params: &DiagnoseParams) -> Finding {
    let Pairs { table, sharing, .. } = pairs;
    let total: f64 = table.iter().flatten().sum();
    if total < NEEDED {
        return Finding::untested(
            name,
            format!(
                "only {total} successive choices on different stimuli ({sharing} more share one)"
            ),
            "collect the trials of a design in random order",
        );
    }
    let mut shares = [0.0; 3];
    for (i, row) in table.iter().enumerate() {
        for (j, count) in row.iter().enumerate() {
            shares[i] += count / (2.0 * total);
            shares[j] += count / (2.0 * total);
        }
    }
    let power = |k: i32| shares.iter().map(|p: &f64| p.powi(k)).sum::<f64>();
    let chance = power(2);
    let same = (0..3).map(|k| table[k][k]).sum::<f64>() / total;
    let alone = (power(2) - 2.0 * power(3) + chance.powi(2)) / total;
    let grouped = pairs.clusters.as_ref().map_or(0.0, |clusters| {
        let product = |k: usize| {
            let (i, j) = (k / 3, k % 3);
            f64::from(u8::from(i == j)) - shares[i] - shares[j] + chance
        };
        clusters.variance(std::array::from_fn(product)) / (total * total)
    });
    let spread = alone.max(grouped);
    let p = if spread > 0.0 {
        normal_cdf((chance - same) / spread.sqrt())
    } else {
        f64::NAN
    };
    if p.is_nan() {
        return Finding::untested(
            name,
            "every answer stands at the same place",
            "see position-shares",
        );
    }
    let severity = params.severity_of_departure(p, same - chance);
    let mut explanation = format!(
        "an answer stands at the same place as the one before in {} of {total} successive trials, {} \
         expected ({})",
        percent(same),
        percent(chance),
        p_text(p)
    );
    if severity > Severity::Fine {
        let stale = percent((same - chance) / (1.0 - chance));
        explanation.push_str(&format!(
            "; if stale answers are the cause, they make up about {stale}"
        ));
    }
    Finding::new(name, severity, same, explanation)
        .n(total)
        .expected(chance)
        .p(p)
        .advise(
            "look for replies that could not be parsed and for what the collector stored then; a stale \
             variable that keeps the previous answer does this. Store such trials as invalid and ask again",
        )
}
