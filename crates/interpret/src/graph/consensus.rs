//! What many runs from different seeds agree on, and how much they do.

use super::agreement::{Agreement, agreement};
use super::communities::{CommunityParams, Method, modularity};
use super::{Graph, GraphError, MOST_NODES, Partition, proceed};
use crate::resampling::MOST_REPLICATES;
use emotome_stats::random::Seed;
use emotome_stats::summary::{mean, standard_deviation};
use emotome_stimuli::run::Run;
use ndarray::Array2;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Rounds after which a consensus that has not settled is cut at its threshold.
const ROUNDS: usize = 50;

/// A consensus is sought so.
///
/// | parameter | default | why |
/// |---|---|---|
/// | `method` | Leiden | communities hold together |
/// | `resolution` γ | 1 | modularity as defined |
/// | `randomness` θ | 0.01 | of Leiden's refinement |
/// | `runs` | 1000 | co-assignments to ± .03 |
/// | `threshold` τ | 0.5 | pairs together in fewer runs are taken apart |
/// | `seed` | 0 | |
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ConsensusParams {
    /// Which algorithm.
    pub method: Method,
    /// γ, above 0.
    pub resolution: f64,
    /// Temperature of Leiden's refinement.
    pub randomness: f64,
    /// Runs in a round, at least 2.
    pub runs: usize,
    /// τ, from 0 to 1.
    pub threshold: f64,
    /// Seed of the runs.
    pub seed: u64,
}

impl Default for ConsensusParams {
    fn default() -> Self {
        Self {
            method: Method::Leiden,
            resolution: 1.0,
            randomness: 0.01,
            runs: 1000,
            threshold: 0.5,
            seed: 0,
        }
    }
}

/// What the runs agree on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Consensus {
    /// The division that the runs agree on.
    pub partition: Partition,
    /// Its modularity in the graph itself.
    pub modularity: f64,
    /// How the runs on the graph itself vary.
    pub stability: Stability,
    /// Share of runs in which two nodes are in one community, nodes × nodes.
    #[serde(serialize_with = "crate::rows::serialize")]
    pub together: Array2<f64>,
    /// Rounds until all runs gave the same.
    pub rounds: usize,
    /// Whether they did: if not, the partition is the components of pairs together in more than τ of the last runs.
    pub settled: bool,
}

/// How the divisions of runs from different seeds vary.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stability {
    /// The number of runs.
    pub runs: usize,
    /// Different divisions among them.
    pub distinct: usize,
    /// Mean agreement of a run with the next: of independent pairs.
    pub agreement: Agreement,
    /// The best division.
    pub best: Partition,
    /// Its modularity.
    pub best_modularity: f64,
    /// The mean of the runs' modularity.
    pub mean_modularity: f64,
    /// Its standard deviation.
    pub sd_modularity: f64,
    /// Runs with each number of communities: (communities, runs).
    pub communities: Vec<(usize, usize)>,
}

impl ConsensusParams {
    pub(super) fn check(&self) -> Result<(), GraphError> {
        self.community(self.seed).check()?;
        let runs = self.runs;
        GraphError::unless(
            (2..=MOST_REPLICATES).contains(&runs),
            "the number of runs",
            runs as f64,
            "from 2 to 100000",
        )?;
        let threshold = self.threshold;
        GraphError::unless(
            (0.0..=1.0).contains(&threshold),
            "the threshold of consensus",
            threshold,
            "from 0 to 1",
        )
    }

    fn community(&self, seed: u64) -> CommunityParams {
        CommunityParams {
            method: self.method,
            resolution: self.resolution,
            randomness: self.randomness,
            restarts: 1,
            seed,
        }
    }

    /// Runs from different seeds.
    fn divide(
        &self,
        graph: &Graph,
        resolution: f64,
        seed: Seed,
        run: Run<'_>,
    ) -> Result<Vec<Partition>, GraphError> {
        let params = CommunityParams {
            resolution,
            ..self.community(0)
        };
        (0..self.runs)
            .into_par_iter()
            .map(|i| {
                proceed(run)?;
                run.progress.advance(1);
                Ok(params.run(graph, seed.child(i as u64)))
            })
            .collect()
    }
}

/// How much runs of one method from different seeds agree. O(runs) times a run.
///
/// # Errors
/// Parameters out of range, or interrupted.
pub fn stability(
    graph: &Graph,
    params: &ConsensusParams,
    run: Run<'_>,
) -> Result<Stability, GraphError> {
    params.check()?;
    run.progress
        .begin("Finding communities", Some(params.runs as u64));
    let divisions = params.divide(graph, params.resolution, first_round(params), run);
    run.progress.end();
    compare(graph, &divisions?, params.resolution)
}

fn first_round(params: &ConsensusParams) -> Seed {
    Seed(params.seed).derive("consensus").child(0)
}

fn compare(
    graph: &Graph,
    divisions: &[Partition],
    resolution: f64,
) -> Result<Stability, GraphError> {
    let runs = divisions.len();
    let mut first: BTreeMap<&[u32], usize> = BTreeMap::new();
    for (i, division) in divisions.iter().enumerate() {
        first.entry(division.labels()).or_insert(i);
    }
    let which: Vec<usize> = divisions.iter().map(|d| first[d.labels()]).collect();
    let distinct: BTreeMap<usize, f64> = first
        .values()
        .map(|&i| Ok((i, modularity(graph, &divisions[i], resolution)?)))
        .collect::<Result<_, GraphError>>()?;
    let qualities: Vec<f64> = which.iter().map(|i| distinct[i]).collect();
    let mut best = 0;
    (0..runs).for_each(|i| {
        if qualities[i] > qualities[best] {
            best = i;
        }
    });
    // Each run with the next; pairs of equal divisions are computed once.
    let mut pairs: Vec<[usize; 2]> = (0..runs)
        .map(|i| {
            let (a, b) = (which[i], which[(i + 1) % runs]);
            [a.min(b), a.max(b)]
        })
        .collect();
    pairs.sort_unstable();
    let groups: Vec<&[[usize; 2]]> = pairs.chunk_by(|a, b| a == b).collect();
    let agreements: Vec<(Agreement, f64)> = groups
        .par_iter()
        .map(|group| {
            let [a, b] = group[0];
            Ok((agreement(&divisions[a], &divisions[b])?, group.len() as f64))
        })
        .collect::<Result<_, GraphError>>()?;
    let over = |index: fn(&Agreement) -> f64| {
        agreements
            .iter()
            .map(|(a, times)| index(a) * times)
            .sum::<f64>()
            / runs as f64
    };
    let mut communities = BTreeMap::new();
    for division in divisions {
        *communities.entry(division.communities()).or_insert(0) += 1;
    }
    Ok(Stability {
        runs,
        distinct: distinct.len(),
        agreement: Agreement {
            ami: over(|a| a.ami),
            ari: over(|a| a.ari),
        },
        best: divisions[best].clone(),
        best_modularity: qualities[best],
        mean_modularity: mean(&qualities),
        sd_modularity: standard_deviation(&qualities),
        communities: communities.into_iter().collect(),
    })
}

/// Finds what many runs agree on.
///
/// The shares D of runs in which nodes are together become the weights of a new graph (those below τ left
/// out; a node that loses all edges keeps its strongest), whose communities are sought by as many runs at resolution 1,
/// until all runs give the same. Few runs give many divisions of nearly equal modularity (Good, de
/// Montjoye & Clauset 2010, doi:10.1103/PhysRevE.81.046106): `stability` says how much they differ.
///
/// O(rounds · runs) times a run; memory 12 bytes a pair of nodes and 4 a node and run. The result does not depend on
/// the number of threads.
///
/// # Errors
/// Parameters out of range, more than [`MOST_NODES`] nodes, or interrupted.
///
/// # Sources
/// Lancichinetti & Fortunato (2012), doi:10.1038/srep00336.
pub fn consensus(
    graph: &Graph,
    params: &ConsensusParams,
    run: Run<'_>,
) -> Result<Consensus, GraphError> {
    params.check()?;
    let n = graph.nodes();
    if n > MOST_NODES {
        return Err(GraphError::Size {
            what: "nodes",
            found: n,
            expected: "at most 10,000, since every pair of nodes is counted: use the best of several runs",
        });
    }
    run.progress.begin("Finding communities", None);
    let seed = Seed(params.seed).derive("consensus");
    let divisions = params.divide(graph, params.resolution, first_round(params), run)?;
    let stability = compare(graph, &divisions, params.resolution)?;
    let first = together(n, &divisions);
    let (mut current, mut rounds, mut settled) = (divisions, 1, true);
    while current.iter().any(|division| *division != current[0]) {
        let shares = together(n, &current);
        if rounds == ROUNDS {
            settled = false;
            current = vec![components(&shares, params.threshold)];
            break;
        }
        let agreed = agreed(&shares, params.threshold)?;
        current = params.divide(&agreed, 1.0, seed.child(rounds as u64), run)?;
        rounds += 1;
    }
    run.progress.end();
    let partition = current.swap_remove(0);
    Ok(Consensus {
        modularity: modularity(graph, &partition, params.resolution)?,
        partition,
        stability,
        together: first,
        rounds,
        settled,
    })
}

/// The share of divisions in which two nodes are together.
fn together(n: usize, divisions: &[Partition]) -> Array2<f64> {
    let mut shares = Array2::zeros((n, n));
    shares
        .outer_iter_mut()
        .into_par_iter()
        .enumerate()
        .for_each(|(i, mut row)| {
            for division in divisions {
                let labels = division.labels();
                row.iter_mut()
                    .zip(labels)
                    .for_each(|(count, label)| *count += f64::from(u8::from(*label == labels[i])));
            }
            row /= divisions.len() as f64;
        });
    shares
}

fn agreed(shares: &Array2<f64>, threshold: f64) -> Result<Graph, GraphError> {
    let n = shares.nrows();
    let mut edges = Vec::new();
    for i in 0..n {
        let others = (0..n).filter(|&j| j != i && shares[[i, j]] > 0.0);
        let kept = |j: usize| shares[[i, j]] >= threshold;
        if others.clone().any(kept) {
            edges.extend(others.filter(|&j| kept(j)).map(|j| (i.min(j), i.max(j))));
        } else if let Some(j) = others.reduce(|best, j| {
            if shares[[i, j]] > shares[[i, best]] {
                j
            } else {
                best
            }
        }) {
            edges.push((i.min(j), i.max(j)));
        }
    }
    edges.sort_unstable();
    edges.dedup();
    let weighted: Vec<_> = edges.iter().map(|&(i, j)| (i, j, shares[[i, j]])).collect();
    Graph::new(n, &weighted)
}

fn components(shares: &Array2<f64>, threshold: f64) -> Partition {
    let n = shares.nrows();
    let mut labels = vec![u32::MAX; n];
    for start in 0..n {
        if labels[start] != u32::MAX {
            continue;
        }
        let mut reached = vec![start];
        labels[start] = start as u32;
        while let Some(i) = reached.pop() {
            for j in 0..n {
                if labels[j] == u32::MAX && shares[[i, j]] > threshold {
                    labels[j] = start as u32;
                    reached.push(j);
                }
            }
        }
    }
    Partition::new(&labels)
}
