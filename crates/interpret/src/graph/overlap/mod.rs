//! Which dimensions or clusters of dimensions several agents share, by their scores on the same stimuli.
//!
//! Clusters that were given the same name need not order stimuli alike, and clusters with different names may.
//! Here the score of a cluster on a stimulus is the mean of its z-scored components, and two clusters
//! correspond if their scores correlate: more than chance allows, and surely more than `least`. Components have a
//! direction: clusters that order stimuli the *opposite* way (r < 0) are no counterparts, but listed as opposites.

mod groups;
mod scores;

use super::GraphError;
use crate::resampling::{MOST_REPLICATES, bootstrap, replicate};
use emotome_stats::interval::{Interval, percentile};
use emotome_stats::matching::best_matching;
use emotome_stats::random::Seed;
use emotome_stats::summary::quantile;
use emotome_stimuli::run::Run;
use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

pub use groups::{Conflict, Group, Intersection};
pub use scores::AgentReport;
use scores::Scores;

/// Components that belong together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cluster {
    /// Its name.
    pub name: String,
    /// Columns of its components, from 0.
    pub members: Vec<usize>,
}

/// Somebody whose components are compared with those of others.
#[derive(Debug, Clone)]
pub struct Agent<'a> {
    /// Its name.
    pub name: String,
    /// Its components, stimuli × D; the same stimuli for all agents.
    pub components: ArrayView2<'a, f64>,
    /// Its clusters.
    pub clusters: Vec<Cluster>,
}

impl<'a> Agent<'a> {
    /// Every dimension a cluster of its own, named by its number from 1.
    #[must_use]
    pub fn dimensions(name: impl Into<String>, components: ArrayView2<'a, f64>) -> Self {
        let clusters: Vec<Vec<usize>> = (0..components.ncols()).map(|d| vec![d]).collect();
        Self::clusters(name, components, &clusters)
    }

    /// Clusters named by their number from 1.
    #[must_use]
    pub fn clusters(
        name: impl Into<String>,
        components: ArrayView2<'a, f64>,
        clusters: &[Vec<usize>],
    ) -> Self {
        let numbered = clusters.iter().zip(1..).map(|(members, number)| Cluster {
            name: format!("{number}"),
            members: members.clone(),
        });
        Self {
            name: name.into(),
            components,
            clusters: numbered.collect(),
        }
    }
}

/// Agents are compared so.
///
/// | parameter | default | why |
/// |---|---|---|
/// | `least` | 0.2 | the r that a match must surely exceed; the published threshold |
/// | `alpha` | 0.05 | of the null of the largest r |
/// | `bootstraps` | 1000 | percentiles of a 95 % interval settle to about a tenth of its width |
/// | `permutations` | 1000 | p down to .001; 0: chance is not asked, and intervals alone decide |
/// | `level` | 0.95 | of the intervals |
/// | `seed` | 0 | |
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct OverlapParams {
    /// The r that a shared cluster's interval lies above, from 0 to 1.
    pub least: f64,
    /// Level of the test against the largest r of chance.
    pub alpha: f64,
    /// Resamples of the stimuli.
    pub bootstraps: usize,
    /// Permutations of the stimuli; 0 for no null.
    pub permutations: usize,
    /// Level of the intervals.
    pub level: f64,
    /// Seed of resamples and permutations.
    pub seed: u64,
}

impl Default for OverlapParams {
    fn default() -> Self {
        Self {
            least: 0.2,
            alpha: 0.05,
            bootstraps: 1000,
            permutations: 1000,
            level: 0.95,
            seed: 0,
        }
    }
}

/// How a cluster stands to another agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Its partner's r exceeds chance, and the interval of r lies above `least`.
    Shared,
    /// The same of the cluster nearest to it, but that one has another partner: the other agent does not
    /// divide what this one divides.
    Divided,
    /// An interval reaches `least`, of its partner's r or its nearest's, but does not lie above it, or chance may
    /// reach that r.
    Undecided,
    /// Neither its partner nor its nearest has an interval that reaches `least`; of the others, whose r is smaller than
    /// the nearest's, no interval is looked at. An opposite may exist.
    Unique,
}

/// A correlation of two clusters' scores over stimuli.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Likeness {
    /// The clusters, of the first and of the second agent, from 0.
    pub clusters: [usize; 2],
    /// The correlation of their scores.
    pub r: f64,
    /// Its percentile interval over resampled stimuli.
    pub interval: Interval,
    /// Probability that the largest r of *any* two clusters reaches this when stimuli are permuted; none without
    /// permutations.
    pub p: Option<f64>,
}

impl Likeness {
    fn beyond_chance(&self, params: &OverlapParams) -> bool {
        self.p.is_none_or(|p| p <= params.alpha)
    }

    fn sure(&self, params: &OverlapParams) -> bool {
        self.beyond_chance(params) && self.interval.low > params.least
    }
}

/// Two clusters that order stimuli the opposite way.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Opposite {
    /// The clusters, of the first and of the second agent, from 0.
    pub clusters: [usize; 2],
    /// The correlation of their scores, below −`least`.
    pub r: f64,
    /// Probability that the least r of *any* two clusters is as low when stimuli are permuted; none without
    /// permutations.
    pub p: Option<f64>,
}

/// A cluster of either agent that was given to the other's as partner.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Match {
    /// How alike the two are.
    #[serde(flatten)]
    pub likeness: Likeness,
    /// Share of resamples in which the best matching pairs the two as well.
    pub kept: f64,
    /// Whether each is the other's nearest.
    pub mutual: bool,
    /// Whether the match is shared: beyond chance and surely above `least`.
    pub shared: bool,
}

/// How one cluster stands to the other agent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Standing {
    /// The cluster, from 0.
    pub cluster: usize,
    /// How it stands.
    pub status: Status,
    /// Its partner in the matching, from 0.
    pub partner: Option<usize>,
    /// The most similar cluster of the other agent; none if no r is positive.
    pub nearest: Option<Likeness>,
}

/// Two agents compared.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PairOverlap {
    /// The two, by place.
    pub agents: [usize; 2],
    /// Correlations of their clusters' scores; NaN with a cluster that has none.
    #[serde(serialize_with = "crate::rows::serialize")]
    pub r: Array2<f64>,
    /// The largest r of any two clusters that chance exceeds with probability alpha; none without permutations.
    pub critical: Option<f64>,
    /// The one-to-one matching with the largest Σ max(r, 0), by cluster of the first; pairs with r ≤ 0 left out.
    pub matches: Vec<Match>,
    /// How the clusters of either agent stand to the other, those without scores left out.
    pub standings: [Vec<Standing>; 2],
    /// Clusters that go against one another beyond chance, r < −`least`, each the other's most opposite; the strongest
    /// first. They are no counterparts.
    pub opposites: Vec<Opposite>,
}

impl PairOverlap {
    /// The clusters of agent `side` (0 the first, 1 the second) with this status.
    #[must_use]
    pub fn with(&self, side: usize, status: Status) -> Vec<usize> {
        let standings = self.standings.get(side).into_iter().flatten();
        standings
            .filter(|s| s.status == status)
            .map(|s| s.cluster)
            .collect()
    }
}

/// Which clusters agents share.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Overlap {
    /// The number of stimuli.
    pub items: usize,
    /// What was found in each agent.
    pub agents: Vec<AgentReport>,
    /// Every two agents.
    pub pairs: Vec<PairOverlap>,
    /// Clusters that correspond, at most one of each agent; with one member those that correspond to none.
    pub groups: Vec<Group>,
    /// Shared matches that joined no group, since it would have held two clusters of one agent.
    pub conflicts: Vec<Conflict>,
    /// How many groups each set of agents has, exactly those agents: the bars of an UpSet plot, the fields of a Venn
    /// diagram.
    pub intersections: Vec<Intersection>,
}

/// Compares the clusters of two or more agents by their scores on the same stimuli.
///
/// Scores s_ic = mean over members k of c of z_ik; r of two clusters is Pearson's over stimuli. Between any two
/// agents clusters are matched one-to-one, for the largest Σ max(r, 0). Intervals resample stimuli, all
/// agents' alike; the null permutes the stimuli of one agent and keeps the largest r of all pairs of clusters, so
/// that p holds for the best of many. A match is *shared* if p ≤ alpha and its interval lies above `least`. The
/// interval of a partner, chosen as the best of many, is as if it had been fixed: for r near `least` and few stimuli
/// it errs upwards, which the null's p bounds.
///
/// Groups of several agents grow from matches that exceed chance with r > `least`, the largest r first, never to two
/// clusters of one agent; in every resample they grow by the same rule. Which groups are sure is said beside.
///
/// O((B + P) n C²) time for C clusters in all, B resamples and P permutations, parallel over them; O(n C) memory
/// a thread and O(B C · agents) in all. The result does not depend on the number of threads.
///
/// # Errors
/// Fewer than two agents or ten stimuli, more than 16 agents, agents with other stimuli, values that are not finite, a
/// cluster without members or with a column that is not there, parameters out of range, or interrupted.
///
/// ```
/// use emotome_interpret::graph::overlap::{Agent, OverlapParams, Status, overlap};
/// use emotome_stimuli::run::{Interrupt, Run, Silent};
/// use ndarray::Array2;
/// let wave = |i: usize, d: usize| ((i * (2 * d + 1)) as f64 * 0.7).sin();
/// let a = Array2::from_shape_fn((300, 3), |(i, d)| wave(i, d));
/// let b = Array2::from_shape_fn((300, 2), |(i, d)| wave(i, 2 - d));
/// let run = Run { progress: &Silent, interrupt: &Interrupt::default() };
/// let agents = [Agent::dimensions("a", a.view()), Agent::dimensions("b", b.view())];
/// let found = overlap(&agents, &OverlapParams::default(), run)?;
/// assert_eq!(found.pairs[0].with(0, Status::Shared), [1, 2]);
/// assert_eq!(found.pairs[0].with(0, Status::Unique), [0]);
/// # Ok::<(), emotome_interpret::graph::GraphError>(())
/// ```
pub fn overlap(
    agents: &[Agent<'_>],
    params: &OverlapParams,
    run: Run<'_>,
) -> Result<Overlap, GraphError> {
    params.check()?;
    let scores = Scores::new(agents)?;
    let observed = scores.correlations(None);
    let which: Vec<[usize; 2]> = pairs_of(agents.len());
    let matched: Vec<Vec<(usize, usize)>> = observed.iter().map(matching).collect();
    let nearest: Vec<[Vec<Option<usize>>; 2]> = observed
        .iter()
        .map(|r| [largest(r.view()), largest(r.t())])
        .collect();
    let seed = Seed(params.seed).derive("overlap");
    let resamples = resample(
        &scores,
        &matched,
        &nearest,
        params,
        seed.derive("bootstrap"),
        run,
    )?;
    let null = null(&scores, params, seed.derive("permutation"), run)?;
    let mut pairs = Vec::with_capacity(which.len());
    for (pair, r) in observed.into_iter().enumerate() {
        let [mut largest, mut lowest] =
            [0, 1].map(|end| null.iter().map(|x| x[pair][end]).collect::<Vec<f64>>());
        largest.sort_unstable_by(f64::total_cmp);
        lowest.sort_unstable_by(f64::total_cmp);
        let likeness = |clusters: [usize; 2], values: Vec<f64>| {
            let r = r[clusters];
            Likeness {
                clusters,
                r,
                interval: percentile(&values, params.level),
                p: p_of(r, &largest),
            }
        };
        let matches: Vec<Match> = matched[pair]
            .iter()
            .enumerate()
            .map(|(at, &(a, b))| {
                let of = |f: fn(&PairResample) -> &Vec<f64>| -> Vec<f64> {
                    resamples.iter().map(|x| f(&x[pair])[at]).collect()
                };
                let likeness = likeness([a, b], of(|x| &x.matched));
                let kept = of(|x| &x.kept);
                Match {
                    likeness,
                    kept: kept.iter().sum::<f64>() / kept.len() as f64,
                    mutual: nearest[pair][0][a] == Some(b) && nearest[pair][1][b] == Some(a),
                    shared: likeness.sure(params),
                }
            })
            .collect();
        let standings = [0, 1].map(|side| {
            let agent = which[pair][side];
            let scored = (0..nearest[pair][side].len()).filter(|c| scores.scored(agent, *c));
            let standing = |cluster: usize| {
                let found = matches
                    .iter()
                    .find(|m| m.likeness.clusters[side] == cluster);
                let nearest = nearest[pair][side][cluster].map(|other| {
                    let clusters = if side == 0 {
                        [cluster, other]
                    } else {
                        [other, cluster]
                    };
                    let values = resamples.iter().map(|x| x[pair].nearest[side][cluster]);
                    likeness(clusters, values.collect())
                });
                let reaches = |x: &Likeness| x.interval.high >= params.least;
                Standing {
                    cluster,
                    status: match (found, &nearest) {
                        (Some(m), _) if m.shared => Status::Shared,
                        (_, Some(near)) if near.sure(params) => Status::Divided,
                        (Some(m), _) if reaches(&m.likeness) => Status::Undecided,
                        (_, Some(near)) if reaches(near) => Status::Undecided,
                        _ => Status::Unique,
                    },
                    partner: found.map(|m| m.likeness.clusters[1 - side]),
                    nearest,
                }
            };
            scored.map(standing).collect::<Vec<_>>()
        });
        pairs.push(PairOverlap {
            agents: which[pair],
            critical: (!largest.is_empty()).then(|| quantile(&largest, 1.0 - params.alpha)),
            opposites: opposites(&r, &lowest, params),
            matches,
            standings,
            r,
        });
    }
    let (groups, conflicts, intersections) = groups::groups(&scores, &pairs, &resamples, params);
    Ok(Overlap {
        items: scores.items(),
        agents: scores.into_reports(),
        pairs,
        groups,
        conflicts,
        intersections,
    })
}

impl OverlapParams {
    fn check(&self) -> Result<(), GraphError> {
        GraphError::unless(
            (0.0..=1.0).contains(&self.least),
            "the least r",
            self.least,
            "from 0 to 1",
        )?;
        for (name, value) in [("alpha", self.alpha), ("the level", self.level)] {
            GraphError::unless(value > 0.0 && value < 1.0, name, value, "between 0 and 1")?;
        }
        GraphError::unless(
            (1..=MOST_REPLICATES).contains(&self.bootstraps),
            "the number of bootstraps",
            self.bootstraps as f64,
            "from 1 to 100000",
        )?;
        GraphError::unless(
            self.permutations <= MOST_REPLICATES,
            "the number of permutations",
            self.permutations as f64,
            "at most 100000",
        )
    }
}

fn pairs_of(agents: usize) -> Vec<[usize; 2]> {
    (0..agents)
        .flat_map(|a| (a + 1..agents).map(move |b| [a, b]))
        .collect()
}

/// Pairs with r > 0 of the matching that maximises Σ max(r, 0).
fn matching(r: &Array2<f64>) -> Vec<(usize, usize)> {
    // Undefined correlations become 0 as well, so that a matching always exists.
    let mut pairs = best_matching(r.mapv(|r| r.max(0.0)).view()).unwrap_or_default();
    pairs.retain(|&at| r[at] > 0.0);
    pairs
}

/// (1 + #{null ≥ r}) / (1 + permutations); rounding does not tell an order that changes nothing from the data.
fn p_of(r: f64, ascending: &[f64]) -> Option<f64> {
    let below = ascending.partition_point(|&x| x < r - 1e-12 * r.abs());
    let total = ascending.len();
    (total > 0).then(|| (1 + total - below) as f64 / (1 + total) as f64)
}

/// `lowest` holds −min r of each permutation, ascending.
fn opposites(r: &Array2<f64>, lowest: &[f64], params: &OverlapParams) -> Vec<Opposite> {
    let turned = -r;
    let [rows, columns] = [largest(turned.view()), largest(turned.t())];
    let mutual = rows.iter().enumerate().filter_map(|(a, b)| {
        let b = (*b)?;
        (columns[b] == Some(a)).then_some([a, b])
    });
    let mut found: Vec<Opposite> = mutual
        .filter(|&at| turned[at] > params.least)
        .map(|clusters| Opposite {
            clusters,
            r: r[clusters],
            p: p_of(turned[clusters], lowest),
        })
        .filter(|opposite| opposite.p.is_none_or(|p| p <= params.alpha))
        .collect();
    found.sort_by(|x, y| x.r.total_cmp(&y.r).then(x.clusters.cmp(&y.clusters)));
    found
}

/// The column of the largest positive value of each row.
fn largest(r: ArrayView2<'_, f64>) -> Vec<Option<usize>> {
    r.rows()
        .into_iter()
        .map(|row| {
            let mut best = None;
            for (column, &r) in row.iter().enumerate() {
                if r > best.map_or(0.0, |b: usize| row[b]) {
                    best = Some(column);
                }
            }
            best
        })
        .collect()
}

/// What a resample of the stimuli gives for the correlations of interest.
struct PairResample {
    /// r of each match.
    matched: Vec<f64>,
    /// 1 where the resample's own matching has it too, else 0.
    kept: Vec<f64>,
    /// r of each cluster of either side with its nearest; NaN where it has none.
    nearest: [Vec<f64>; 2],
}

fn resample(
    scores: &Scores,
    matched: &[Vec<(usize, usize)>],
    nearest: &[[Vec<Option<usize>>; 2]],
    params: &OverlapParams,
    seed: Seed,
    run: Run<'_>,
) -> Result<Vec<Vec<PairResample>>, GraphError> {
    let n = scores.items();
    bootstrap(run, n, (params.bootstraps, seed), |weights| {
        let found = scores.correlations(Some(weights)).into_iter().enumerate();
        found
            .map(|(pair, r)| {
                let own = matching(&r);
                let near = |side: usize| {
                    let clusters = nearest[pair][side].iter().enumerate();
                    let r = |(c, near): (usize, &Option<usize>)| match (near, side) {
                        (None, _) => f64::NAN,
                        (Some(other), 0) => r[[c, *other]],
                        (Some(other), _) => r[[*other, c]],
                    };
                    clusters.map(r).collect()
                };
                let kept = |at| f64::from(u8::from(own.binary_search(at).is_ok()));
                PairResample {
                    matched: matched[pair].iter().map(|&at| r[at]).collect(),
                    kept: matched[pair].iter().map(kept).collect(),
                    nearest: [near(0), near(1)],
                }
            })
            .collect()
    })
}

/// The largest r of every two agents, and the largest −r, when stimuli are permuted: permutations × pairs.
fn null(
    scores: &Scores,
    params: &OverlapParams,
    seed: Seed,
    run: Run<'_>,
) -> Result<Vec<Vec<[f64; 2]>>, GraphError> {
    let stage = "Permuting stimuli";
    replicate(run, stage, params.permutations, |permutation| {
        let found = scores.permuted(seed.child(permutation as u64));
        let ends = |r: &Array2<f64>| {
            let largest = |sign: f64| {
                let turned = r.iter().map(|r| sign * r);
                turned.fold(f64::NEG_INFINITY, f64::max)
            };
            [largest(1.0), largest(-1.0)]
        };
        Ok(found.iter().map(ends).collect())
    })
}
