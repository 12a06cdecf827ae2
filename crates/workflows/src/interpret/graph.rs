//! Which dimensions go together, and whether the groups are more than chance.

use super::InterpretParams;
use super::material::Material;
use crate::WorkflowError;
use emotome_interpret::graph::consensus::{Consensus, ConsensusParams, consensus};
use emotome_interpret::graph::network::{Network, NetworkParams};
use emotome_interpret::graph::null::{CommunityNull, NullParams, community_null};
use emotome_interpret::graph::pagerank::{DAMPING, pagerank};
use emotome_interpret::graph::sweep::{SweepParams, sweep};
use emotome_interpret::naming::{NamingParams, name_dimensions};
use emotome_stats::correlation::{cross_correlation, standardised};
use emotome_stats::random::Seed;
use emotome_stimuli::run::Run;
use ndarray::{Array2, Axis};
use serde::Serialize;

/// The graph of an agent's dimensions. Field names are stable; dimensions count from 0.
#[derive(Debug, Clone, Serialize)]
pub struct DimensionGraph {
    /// Edges, and dimensions without any.
    pub network: Network,
    /// PageRank of the network's nodes.
    pub ranks: Vec<f64>,
    /// What runs from many seeds agree on, in nodes of the network.
    pub consensus: Option<Consensus>,
    /// The communities, largest first.
    pub communities: Vec<Community>,
    /// The same against permuted stimuli; `null` without permutations.
    pub null: Option<CommunityNull>,
    /// The communities at other thresholds and resolutions.
    pub sweep: Vec<SweepSummary>,
}

/// A community of dimensions.
#[derive(Debug, Clone, Serialize)]
pub struct Community {
    /// What ratings its score goes with, by the signed rule; its number without ratings.
    pub name: String,
    /// Its dimensions.
    pub members: Vec<usize>,
}

/// Communities at one threshold and resolution.
#[derive(Debug, Clone, Serialize)]
pub struct SweepSummary {
    /// The threshold of edges.
    pub threshold: f64,
    /// The resolution.
    pub resolution: f64,
    /// Dimensions with an edge.
    pub nodes: usize,
    /// Edges.
    pub edges: usize,
    /// Communities of the best run.
    pub communities: usize,
    /// Mean adjusted mutual information of two runs.
    pub ami: f64,
    /// Modularity of the best run.
    pub modularity: f64,
}

impl DimensionGraph {
    pub(super) fn find(
        values: &Array2<f64>,
        material: &Material,
        params: &InterpretParams,
        seed: Seed,
        run: Run<'_>,
    ) -> Result<Self, WorkflowError> {
        let seed = seed.derive("graph").0;
        let network = Network::new(values.view(), NetworkParams::default())?;
        let runs = ConsensusParams {
            seed,
            ..ConsensusParams::default()
        };
        let agreed = match network.nodes.is_empty() {
            true => None,
            false => Some(consensus(&network.graph, &runs, run)?),
        };
        let mut members: Vec<Vec<usize>> = agreed.as_ref().map_or_else(Vec::new, |agreed| {
            let mut members = agreed.partition.members();
            members
                .iter_mut()
                .flatten()
                .for_each(|node| *node = network.nodes[*node]);
            members
        });
        members.sort_by(|a, b| b.len().cmp(&a.len()).then(a.cmp(b)));
        let null = NullParams {
            permutations: params.permutations,
            seed,
            ..NullParams::default()
        };
        let points = sweep(
            values.view(),
            &SweepParams {
                runs: ConsensusParams { runs: 100, ..runs },
                ..SweepParams::default()
            },
            run,
        )?;
        Ok(Self {
            ranks: match network.nodes.is_empty() {
                true => Vec::new(),
                false => pagerank(&network.graph, DAMPING)?,
            },
            communities: named(values, material, members)?,
            null: match null.permutations {
                0 => None,
                _ => Some(community_null(values.view(), &null, run)?),
            },
            sweep: points
                .iter()
                .map(|point| SweepSummary {
                    threshold: point.threshold,
                    resolution: point.resolution,
                    nodes: point.nodes.len(),
                    edges: point.edges,
                    communities: point.stability.best.communities(),
                    ami: point.stability.agreement.ami,
                    modularity: point.stability.best_modularity,
                })
                .collect(),
            consensus: agreed,
            network,
        })
    }
}

/// Communities called after the ratings that their scores go with; a score is the mean of the z-scored
/// dimensions.
fn named(
    values: &Array2<f64>,
    material: &Material,
    members: Vec<Vec<usize>>,
) -> Result<Vec<Community>, WorkflowError> {
    let z = standardised(values.view());
    let rated: Vec<usize> = (0..z.nrows())
        .filter(|&i| material.values.row(i).iter().all(|v| v.is_finite()))
        .collect();
    let mut scores = Array2::zeros((z.nrows(), members.len()));
    for (mut score, members) in scores.columns_mut().into_iter().zip(&members) {
        for &d in members {
            score += &z.column(d);
        }
    }
    let names: Vec<String> = match material.ratings.is_empty() || rated.len() < 3 {
        true => (1..=members.len()).map(|n| format!("group {n}")).collect(),
        false => {
            let r = cross_correlation(
                scores.select(Axis(0), &rated).view(),
                material.values.select(Axis(0), &rated).view(),
            );
            let rule = NamingParams {
                signed_categories: true,
                ..NamingParams::published()
            };
            let names = name_dimensions(r.view(), None, &material.ratings, &rule)?;
            names.iter().map(ToString::to_string).collect()
        }
    };
    let communities = names.into_iter().zip(members);
    Ok(communities
        .map(|(name, members)| Community { name, members })
        .collect())
}
