//! Clusters of several agents that correspond, and which agents have which.

use super::scores::Scores;
use super::{OverlapParams, PairOverlap, PairResample, Status};
use emotome_stats::interval::{Interval, percentile};
use serde::Serialize;
use std::collections::BTreeMap;

/// Clusters that correspond, at most one of each agent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Group {
    /// The cluster of each agent, from 0; none where an agent has none.
    pub members: Vec<Option<usize>>,
    /// Shared: several agents, joined by surely shared matches alone. Unique: one agent, unique beside every other.
    /// Divided: one agent, whose cluster another divides, or divides otherwise. Undecided: the intervals leave open
    /// whether these agents, or others too, have it.
    pub status: Status,
    /// The mean r of two members; none for a single one.
    pub mean_r: Option<f64>,
    /// The least r of two members: members that correspond to a third need not correspond to each other.
    pub least_r: Option<f64>,
}

/// A match that would have brought two clusters of one agent into a group.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Conflict {
    /// The two agents.
    pub agents: [usize; 2],
    /// Their clusters.
    pub clusters: [usize; 2],
    /// Their correlation.
    pub r: f64,
}

/// The groups that exactly these agents have.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Intersection {
    /// The agents.
    pub agents: Vec<usize>,
    /// Their groups, by place among the groups.
    pub groups: Vec<usize>,
    /// The number of groups, joined where a match exceeds chance with r > `least`: an estimate, the undecided among them.
    pub count: usize,
    /// The range of that number over resampled stimuli by the same rule, each resample with its own r. Drawing anew
    /// moves r of matches near `least` to either side and so counts to the middle: where that leaves the count outside,
    /// the range is extended to it.
    pub range: Interval,
    /// The groups that are sure: surely shared, or unique to the agent.
    pub sure: usize,
    /// The groups of one agent that another divides.
    pub divided: usize,
    /// The groups of which the intervals do not tell.
    pub undecided: usize,
}

type Node = (usize, usize);

/// Joins nodes by edges in the order given, never two of one agent; also which edges could not join.
fn join(scores: &Scores, edges: &[(Node, Node)]) -> (Vec<Vec<Option<usize>>>, Vec<usize>) {
    let mut groups: Vec<Option<Vec<Option<usize>>>> = Vec::new();
    let mut group_of: BTreeMap<Node, usize> = BTreeMap::new();
    for agent in 0..scores.agents() {
        for cluster in scores.clusters(agent) {
            group_of.insert((agent, cluster), groups.len());
            let mut members = vec![None; scores.agents()];
            members[agent] = Some(cluster);
            groups.push(Some(members));
        }
    }
    let mut refused = Vec::new();
    for (at, (x, y)) in edges.iter().enumerate() {
        let (a, b) = (group_of[x], group_of[y]);
        if a == b {
            continue;
        }
        if let (Some(one), Some(two)) = (&groups[a], &groups[b]) {
            if one.iter().zip(two).any(|(x, y)| x.is_some() && y.is_some()) {
                refused.push(at);
                continue;
            }
            let joined: Vec<_> = one.iter().zip(two).map(|(x, y)| x.or(*y)).collect();
            for (agent, cluster) in joined.iter().enumerate() {
                if let Some(cluster) = cluster {
                    group_of.insert((agent, *cluster), a);
                }
            }
            groups[a] = Some(joined);
            groups[b] = None;
        }
    }
    (groups.into_iter().flatten().collect(), refused)
}

fn owners(members: &[Option<usize>]) -> Vec<usize> {
    (0..members.len())
        .filter(|&a| members[a].is_some())
        .collect()
}

/// What the intervals say of a group: `sure` are the surely shared matches.
fn status(members: &[Option<usize>], pairs: &[PairOverlap], sure: &[(Node, Node)]) -> Status {
    let owners = owners(members);
    let inside = |(agent, cluster): Node| members[agent] == Some(cluster);
    // Those that surely shared matches reach from the first member.
    let mut reached = vec![owners[0]];
    let mut at = 0;
    while at < reached.len() {
        for &(x, y) in sure.iter().filter(|(x, y)| inside(*x) && inside(*y)) {
            for (from, to) in [(x.0, y.0), (y.0, x.0)] {
                if from == reached[at] && !reached.contains(&to) {
                    reached.push(to);
                }
            }
        }
        at += 1;
    }
    let beside = pairs.iter().flat_map(|pair| {
        [0, 1].into_iter().filter_map(|side| {
            let (own, other) = (pair.agents[side], pair.agents[1 - side]);
            let cluster = members[own].filter(|_| members[other].is_none())?;
            let mut standings = pair.standings[side].iter();
            Some(standings.find(|s| s.cluster == cluster)?.status)
        })
    });
    let beside: Vec<Status> = beside.collect();
    if reached.len() < owners.len() || beside.contains(&Status::Undecided) {
        Status::Undecided
    } else if owners.len() > 1 {
        Status::Shared
    } else if beside.iter().all(|status| *status == Status::Unique) {
        Status::Unique
    } else {
        Status::Divided
    }
}

pub(super) fn groups(
    scores: &Scores,
    pairs: &[PairOverlap],
    resamples: &[Vec<PairResample>],
    params: &OverlapParams,
) -> (Vec<Group>, Vec<Conflict>, Vec<Intersection>) {
    // Every match that exceeds chance, with its place; the largest r first.
    let mut candidates: Vec<(f64, [usize; 2])> = Vec::new();
    for (pair, found) in pairs.iter().enumerate() {
        for (at, m) in found.matches.iter().enumerate() {
            if m.likeness.beyond_chance(params) {
                candidates.push((m.likeness.r, [pair, at]));
            }
        }
    }
    candidates.sort_by(|x, y| y.0.total_cmp(&x.0).then(x.1.cmp(&y.1)));
    let edge = |[pair, at]: [usize; 2]| {
        let found = &pairs[pair];
        let [a, b] = found.matches[at].likeness.clusters;
        ((found.agents[0], a), (found.agents[1], b))
    };
    let shared: Vec<[usize; 2]> = candidates
        .iter()
        .map(|c| c.1)
        .filter(|&[pair, at]| pairs[pair].matches[at].likeness.r > params.least)
        .collect();
    let sure: Vec<_> = shared
        .iter()
        .filter(|&&[pair, at]| pairs[pair].matches[at].shared)
        .map(|&at| edge(at))
        .collect();
    let edges: Vec<_> = shared.iter().map(|&at| edge(at)).collect();
    let (mut members, refused) = join(scores, &edges);
    // Most agents first, then by their clusters.
    members.sort_by_key(|m| {
        let owners = owners(m);
        (std::cmp::Reverse(owners.len()), owners, m.clone())
    });
    let statuses: Vec<Status> = members.iter().map(|m| status(m, pairs, &sure)).collect();
    let mut counts: BTreeMap<Vec<usize>, Vec<f64>> = BTreeMap::new();
    for (replicate, resample) in resamples.iter().enumerate() {
        let above = candidates
            .iter()
            .map(|c| c.1)
            .filter(|&[pair, at]| resample[pair].matched[at] > params.least);
        let edges: Vec<_> = above.map(edge).collect();
        for members in join(scores, &edges).0 {
            let counts = counts.entry(owners(&members)).or_default();
            counts.resize(replicate + 1, 0.0);
            counts[replicate] += 1.0;
        }
    }
    let mut named: BTreeMap<Vec<usize>, Vec<usize>> = BTreeMap::new();
    for (at, members) in members.iter().enumerate() {
        named.entry(owners(members)).or_default().push(at);
    }
    counts.keys().for_each(|agents| {
        named.entry(agents.clone()).or_default();
    });
    let mut intersections: Vec<Intersection> = named
        .into_iter()
        .map(|(agents, groups)| {
            let mut counts = counts.remove(&agents).unwrap_or_default();
            counts.resize(resamples.len(), 0.0);
            let count = groups.len() as f64;
            let range = percentile(&counts, params.level);
            let of = |wanted: Status| {
                let found = groups.iter().filter(|&&g: &&usize| statuses[g] == wanted);
                found.count()
            };
            Intersection {
                count: groups.len(),
                range: Interval {
                    low: range.low.min(count),
                    high: range.high.max(count),
                },
                sure: of(Status::Shared) + of(Status::Unique),
                divided: of(Status::Divided),
                undecided: of(Status::Undecided),
                agents,
                groups,
            }
        })
        .collect();
    intersections.sort_by_key(|i| (std::cmp::Reverse(i.agents.len()), i.agents.clone()));
    let conflicts = refused.iter().map(|&at| {
        let [pair, place] = shared[at];
        Conflict {
            agents: pairs[pair].agents,
            clusters: pairs[pair].matches[place].likeness.clusters,
            r: pairs[pair].matches[place].likeness.r,
        }
    });
    let conflicts = conflicts.collect();
    let groups = members
        .into_iter()
        .zip(statuses)
        .map(|(members, status)| {
            let owners = owners(&members);
            let r: Vec<f64> = pairs
                .iter()
                .filter(|pair| pair.agents.iter().all(|a| owners.contains(a)))
                .filter_map(|pair| {
                    Some(pair.r[[members[pair.agents[0]]?, members[pair.agents[1]]?]])
                })
                .collect();
            Group {
                members,
                status,
                mean_r: (!r.is_empty()).then(|| r.iter().sum::<f64>() / r.len() as f64),
                least_r: r.iter().copied().reduce(f64::min),
            }
        })
        .collect();
    (groups, conflicts, intersections)
}
