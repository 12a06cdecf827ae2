//! What hangs on the threshold of edges and the resolution of communities.

use super::consensus::{ConsensusParams, Stability, stability};
use super::network::{Network, NetworkParams, correlations};
use super::{GraphError, Partition};
use emotome_stimuli::run::Run;
use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

/// A sweep visits so.
///
/// | parameter | default | why |
/// |---|---|---|
/// | `network` | see [`NetworkParams`] | its threshold is replaced |
/// | `thresholds` | .1, .15, … .4 | around the published .2 |
/// | `resolutions` | .5, .75, 1, 1.25, 1.5, 2 | around modularity as defined |
/// | `runs` | see [`ConsensusParams`], 100 runs | seeds for each pair of the two; its resolution is replaced |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SweepParams {
    /// How graphs are drawn.
    pub network: NetworkParams,
    /// Thresholds of edges.
    pub thresholds: Vec<f64>,
    /// Resolutions of communities.
    pub resolutions: Vec<f64>,
    /// Runs at each.
    pub runs: ConsensusParams,
}

impl Default for SweepParams {
    fn default() -> Self {
        Self {
            network: NetworkParams::default(),
            thresholds: (2..=8).map(|i| f64::from(i) / 20.0).collect(),
            resolutions: vec![0.5, 0.75, 1.0, 1.25, 1.5, 2.0],
            runs: ConsensusParams {
                runs: 100,
                ..ConsensusParams::default()
            },
        }
    }
}

/// The communities at one threshold and one resolution.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SweepPoint {
    /// The threshold of edges.
    pub threshold: f64,
    /// The resolution of communities.
    pub resolution: f64,
    /// Components with an edge.
    pub nodes: Vec<usize>,
    /// The number of edges.
    pub edges: usize,
    /// How the runs agree, and the best of them.
    pub stability: Stability,
}

impl SweepPoint {
    /// The best division in columns of the components, community by community.
    #[must_use]
    pub fn clusters(&self) -> Vec<Vec<usize>> {
        named(&self.stability.best, &self.nodes)
    }
}

/// Communities of graph nodes as lists of components.
pub(super) fn named(partition: &Partition, nodes: &[usize]) -> Vec<Vec<usize>> {
    let mut members = partition.members();
    members.iter_mut().flatten().for_each(|v| *v = nodes[*v]);
    members
}

/// Draws the graph of the columns of `values` (stimuli × D) at every threshold and divides it at every resolution.
///
/// Points come threshold by threshold. O(n D²) and thresholds × resolutions × runs runs.
///
/// # Errors
/// Values that are not finite, fewer than three stimuli, no or more than a thousand thresholds or resolutions,
/// parameters out of range, or interrupted.
pub fn sweep(
    values: ArrayView2<'_, f64>,
    params: &SweepParams,
    run: Run<'_>,
) -> Result<Vec<SweepPoint>, GraphError> {
    for (what, found) in [
        ("thresholds", params.thresholds.len()),
        ("resolutions", params.resolutions.len()),
    ] {
        if !(1..=1000).contains(&found) {
            return Err(GraphError::Size {
                what,
                found,
                expected: "from 1 to 1000",
            });
        }
    }
    let r = correlations(values, params.network.coefficient)?;
    let mut points = Vec::new();
    for &threshold in &params.thresholds {
        let drawn = NetworkParams {
            threshold,
            ..params.network
        };
        let network = Network::from_correlations(r.view(), drawn)?;
        for &resolution in &params.resolutions {
            let runs = ConsensusParams {
                resolution,
                ..params.runs
            };
            points.push(SweepPoint {
                threshold,
                resolution,
                edges: network.edges.len(),
                stability: stability(&network.graph, &runs, run)?,
                nodes: network.nodes.clone(),
            });
        }
    }
    Ok(points)
}
