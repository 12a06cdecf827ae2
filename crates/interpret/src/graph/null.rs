//! The communities that chance gives: graphs of components whose stimuli are permuted, each on its own.

use super::GraphError;
use super::communities::{CommunityParams, communities};
use super::network::{Network, NetworkParams, correlations, ranked};
use crate::correlate::Coefficient;
use crate::resampling::{MOST_REPLICATES, replicate};
use emotome_stats::correlation::standardised;
use emotome_stats::interval::{Interval, percentile};
use emotome_stats::random::{CounterRng, Seed};
use emotome_stats::summary::mean;
use emotome_stimuli::run::Run;
use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

/// Communities are compared with chance so.
///
/// | parameter | default | why |
/// |---|---|---|
/// | `network` | see [`NetworkParams`] | |
/// | `communities` | see [`CommunityParams`], 5 restarts | the same for data and null |
/// | `permutations` | 1000 | p down to .001 |
/// | `level` | 0.95 | of the null's ranges |
/// | `seed` | 0 | of the permutations |
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct NullParams {
    /// How graphs are drawn.
    pub network: NetworkParams,
    /// How communities are sought.
    pub communities: CommunityParams,
    /// Permutations.
    pub permutations: usize,
    /// Level of the null's ranges.
    pub level: f64,
    /// Seed of the permutations.
    pub seed: u64,
}

impl Default for NullParams {
    fn default() -> Self {
        Self {
            network: NetworkParams::default(),
            communities: CommunityParams {
                restarts: 5,
                ..CommunityParams::default()
            },
            permutations: 1000,
            level: 0.95,
            seed: 0,
        }
    }
}

/// A number, and what chance gives.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct AgainstChance {
    /// In the data.
    pub observed: f64,
    /// Mean under the null.
    pub null_mean: f64,
    /// Central range under the null.
    pub null_range: Interval,
    /// (1 + #{null ≥ observed}) / (1 + permutations).
    pub p: f64,
}

/// A graph and its communities against chance, under one rule for edges.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct GraphNull {
    /// Edges.
    pub edges: AgainstChance,
    /// Components with an edge.
    pub nodes: AgainstChance,
    /// Best modularity; 0 of a graph without edges.
    pub modularity: AgainstChance,
    /// Communities of the components with an edge.
    pub communities: AgainstChance,
    /// Permutations that left no edge at all.
    pub edgeless: usize,
}

/// The communities of a component graph against those that chance gives.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CommunityNull {
    /// Null graphs with the same threshold: is there anything to connect?
    pub same_threshold: GraphNull,
    /// Null graphs of as many edges, their strongest: are the connections arranged in communities? With many stimuli
    /// the threshold alone leaves chance no edge, and any graph at all is "significant".
    pub same_edges: GraphNull,
}

/// [edges, nodes, modularity, communities]
type Found = [f64; 4];

/// Compares the component graph of `values` (stimuli × D) with graphs of components whose stimuli are permuted
/// independently, which keeps every component's distribution and no correlation.
///
/// O(P (n D² + restarts · runs)) for P permutations, parallel over them; O(n D) memory a thread. The result
/// does not depend on the number of threads.
///
/// # Errors
/// Values that are not finite, fewer than three stimuli, parameters out of range, or interrupted.
pub fn community_null(
    values: ArrayView2<'_, f64>,
    params: &NullParams,
    run: Run<'_>,
) -> Result<CommunityNull, GraphError> {
    let permutations = params.permutations;
    GraphError::unless(
        (1..=MOST_REPLICATES).contains(&permutations),
        "the number of permutations",
        permutations as f64,
        "from 1 to 100000",
    )?;
    GraphError::unless(
        params.level > 0.0 && params.level < 1.0,
        "the level",
        params.level,
        "between 0 and 1",
    )?;
    let r = correlations(values, params.network.coefficient)?;
    let drawn = Network::from_correlations(r.view(), params.network)?;
    let edges = drawn.edges.len();
    let observed = found(&drawn, params)?;
    let unit = match params.network.coefficient {
        Coefficient::Pearson => standardised(values),
        Coefficient::Spearman => standardised(ranked(values).view()),
    };
    // Component by component, so that a permutation moves within a row.
    let unit = unit.t().as_standard_layout().into_owned();
    let seed = Seed(params.seed).derive("community null");
    let null = replicate(run, "Permuting stimuli", permutations, |permutation| {
        let r = permuted(&unit, seed.child(permutation as u64));
        Ok::<[Found; 2], GraphError>([
            found(
                &Network::from_correlations(r.view(), params.network)?,
                params,
            )?,
            found(
                &Network::strongest(r.view(), params.network, edges)?,
                params,
            )?,
        ])
    })?;
    let [same_threshold, same_edges] = [0, 1].map(|rule| {
        let of = |number: usize| {
            let values: Vec<f64> = null.iter().map(|x| x[rule][number]).collect();
            against(observed[number], &values, params.level)
        };
        GraphNull {
            edges: of(0),
            nodes: of(1),
            modularity: of(2),
            communities: of(3),
            edgeless: null.iter().filter(|x| x[rule][0] == 0.0).count(),
        }
    });
    Ok(CommunityNull {
        same_threshold,
        same_edges,
    })
}

fn found(network: &Network, params: &NullParams) -> Result<Found, GraphError> {
    let best = communities(&network.graph, &params.communities)?;
    Ok([
        network.edges.len() as f64,
        network.nodes.len() as f64,
        best.modularity,
        best.partition.communities() as f64,
    ])
}

fn permuted(unit: &Array2<f64>, seed: Seed) -> Array2<f64> {
    let mut shuffled = unit.clone();
    for (component, mut row) in shuffled.rows_mut().into_iter().enumerate() {
        if let Some(row) = row.as_slice_mut() {
            CounterRng::new(seed, component as u64).shuffle(row);
        }
    }
    let mut r = shuffled.dot(&shuffled.t());
    r.mapv_inplace(|r| r.clamp(-1.0, 1.0));
    r
}

pub(super) fn against(observed: f64, null: &[f64], level: f64) -> AgainstChance {
    // Rounding must not tell a permutation that changes nothing from the data.
    let least = observed - 1e-12 * observed.abs();
    let reached = null.iter().filter(|x| **x >= least).count();
    AgainstChance {
        observed,
        null_mean: mean(null),
        null_range: percentile(null, level),
        p: (1 + reached) as f64 / (1 + null.len()) as f64,
    }
}
