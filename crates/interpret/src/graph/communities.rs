//! Communities of a graph: modularity, and the divisions that make it large.

use super::level::{Level, Scale};
use super::{Graph, GraphError, Partition};
use emotome_stats::random::{CounterRng, Seed};
use emotome_stats::summary::sum;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// How communities are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Blondel et al. (2008), with a queue of nodes; communities may fall apart.
    Louvain,
    /// Traag, Waltman & van Eck (2019); communities are connected, unless weights are negative.
    Leiden,
}

/// Communities are sought so.
///
/// | parameter | default | why |
/// |---|---|---|
/// | `method` | Leiden | communities hold together |
/// | `resolution` γ | 1 | modularity as defined; larger gives more communities |
/// | `randomness` θ | 0.01 | of Leiden's refinement, in mean edge weights; as its authors |
/// | `restarts` | 20 | the best of them is kept |
/// | `seed` | 0 | |
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CommunityParams {
    /// Which algorithm.
    pub method: Method,
    /// γ, above 0.
    pub resolution: f64,
    /// Temperature of the refinement, above 0; without effect for Louvain.
    pub randomness: f64,
    /// Runs, of which the best is kept.
    pub restarts: usize,
    /// Seed of the runs.
    pub seed: u64,
}

impl Default for CommunityParams {
    fn default() -> Self {
        Self {
            method: Method::Leiden,
            resolution: 1.0,
            randomness: 0.01,
            restarts: 20,
            seed: 0,
        }
    }
}

/// The best division found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Communities {
    /// The community of each node.
    pub partition: Partition,
    /// Its modularity.
    pub modularity: f64,
    /// The modularity of every run, in order of seeds.
    pub runs: Vec<f64>,
}

impl CommunityParams {
    pub(super) fn check(&self) -> Result<(), GraphError> {
        let range = 1e-9..=1e9;
        let (resolution, randomness) = (self.resolution, self.randomness);
        GraphError::unless(
            range.contains(&resolution),
            "the resolution",
            resolution,
            "from 1e-9 to 1e9",
        )?;
        GraphError::unless(
            range.contains(&randomness),
            "the randomness",
            randomness,
            "from 1e-9 to 1e9",
        )?;
        let restarts = self.restarts;
        GraphError::unless(
            (1..=crate::resampling::MOST_REPLICATES).contains(&restarts),
            "the number of restarts",
            restarts as f64,
            "from 1 to 100000",
        )
    }

    /// One run. Expects checked parameters.
    pub(super) fn run(&self, graph: &Graph, seed: Seed) -> Partition {
        let mut rng = CounterRng::new(seed, 0);
        let scale = Scale::new(graph, self.resolution);
        let labels = match self.method {
            Method::Louvain => louvain_labels(graph, &scale, &mut rng),
            Method::Leiden => leiden_labels(graph, &scale, self.randomness, &mut rng),
        };
        Partition::new(&labels)
    }

    pub(super) fn seed(&self) -> Seed {
        Seed(self.seed).derive("communities")
    }
}

/// Q = 1/(W⁺ + W⁻) Σ_c [w_c − γ/2 ((k⁺_c)²/2W⁺ − (k⁻_c)²/2W⁻)], in [−1, 1] at γ = 1.
///
/// W⁺ and W⁻ are the sums of positive weights and of |negative weights|, w_c the weight inside community c, k_c the
/// strengths of its nodes summed. Without negative weights this is Newman's modularity with resolution γ; 0 of a
/// graph without edges. O(nodes + edges).
///
/// # Errors
/// [`GraphError::Mismatch`] for a division of another graph.
///
/// # Sources
/// Newman & Girvan (2004), doi:10.1103/PhysRevE.69.026113; Reichardt & Bornholdt (2006),
/// doi:10.1103/PhysRevE.74.016110 (γ); Gómez, Jensen & Arenas (2009), doi:10.1103/PhysRevE.80.016114 (signs).
///
/// ```
/// use emotome_interpret::graph::{Graph, Partition, communities::modularity};
/// let pairs = Graph::new(4, &[(0, 1, 1.0), (2, 3, 1.0)])?;
/// assert_eq!(modularity(&pairs, &Partition::new(&[0, 0, 1, 1]), 1.0)?, 0.5);
/// # Ok::<(), emotome_interpret::graph::GraphError>(())
/// ```
pub fn modularity(
    graph: &Graph,
    partition: &Partition,
    resolution: f64,
) -> Result<f64, GraphError> {
    partition.covers(graph.nodes())?;
    let labels = partition.labels();
    let mut strengths = vec![[0.0; 2]; partition.communities()];
    let mut inner = vec![0.0; partition.communities()];
    for v in 0..graph.nodes() {
        let community = labels[v] as usize;
        for (u, w) in graph.neighbours(v) {
            strengths[community][usize::from(w < 0.0)] += w.abs();
            if labels[u] == labels[v] {
                inner[community] += w;
            }
        }
    }
    let scale = Scale::new(graph, resolution);
    if scale.total == 0.0 {
        return Ok(0.0);
    }
    let terms = inner
        .iter()
        .zip(&strengths)
        .map(|(w, &k)| w - scale.expected(k, k));
    Ok(sum(terms) / (2.0 * scale.total))
}

/// One run of Louvain's method: nodes move to the community that gains most, communities become nodes, and so on.
///
/// A node is looked at again only when a neighbour moved: O(E log n) or so a run. With negative weights every community is
/// tried for every node, and every node again after a move: meant for graphs of components, not of stimuli.
///
/// Blondel et al. (2008), doi:10.1088/1742-5468/2008/10/P10008.
///
/// # Errors
/// A resolution outside 10⁻⁹ … 10⁹.
pub fn louvain(graph: &Graph, resolution: f64, seed: Seed) -> Result<Partition, GraphError> {
    let params = CommunityParams {
        method: Method::Louvain,
        resolution,
        ..CommunityParams::default()
    };
    params.check()?;
    Ok(params.run(graph, seed))
}

/// One run of Leiden's method, repeated until it finds nothing to improve.
///
/// As Louvain's, but what becomes a node are well-connected parts of communities, chosen at random in
/// proportion to exp(gain / θ), so that communities are connected and can be taken apart again. θ is counted in mean
/// edge weights: scaling all weights changes nothing. With negative weights, of which modularity expects some inside
/// communities by chance, nodes may be together without an edge.
///
/// Traag, Waltman & van Eck (2019), doi:10.1038/s41598-019-41695-z.
///
/// # Errors
/// A resolution or randomness outside 10⁻⁹ … 10⁹.
pub fn leiden(
    graph: &Graph,
    resolution: f64,
    randomness: f64,
    seed: Seed,
) -> Result<Partition, GraphError> {
    let params = CommunityParams {
        method: Method::Leiden,
        resolution,
        randomness,
        ..CommunityParams::default()
    };
    params.check()?;
    Ok(params.run(graph, seed))
}

/// The division of largest modularity among `restarts` runs from different seeds; of equal ones the first.
///
/// The result does not depend on the number of threads.
///
/// # Errors
/// Parameters out of range.
///
/// ```
/// use emotome_interpret::graph::{Graph, communities::{CommunityParams, communities}};
/// let two = Graph::new(6, &[(0, 1, 1.0), (1, 2, 1.0), (0, 2, 1.0), (3, 4, 1.0), (4, 5, 1.0), (3, 5, 1.0), (2, 3, 0.1)])?;
/// let found = communities(&two, &CommunityParams::default())?;
/// assert_eq!(found.partition.members(), [[0, 1, 2], [3, 4, 5]]);
/// # Ok::<(), emotome_interpret::graph::GraphError>(())
/// ```
pub fn communities(graph: &Graph, params: &CommunityParams) -> Result<Communities, GraphError> {
    params.check()?;
    let runs: Vec<(Partition, f64)> = (0..params.restarts)
        .into_par_iter()
        .map(|restart| {
            let partition = params.run(graph, params.seed().child(restart as u64));
            let quality = modularity(graph, &partition, params.resolution)?;
            Ok((partition, quality))
        })
        .collect::<Result<_, GraphError>>()?;
    let mut best = &runs[0];
    for run in &runs {
        if run.1 > best.1 {
            best = run;
        }
    }
    Ok(Communities {
        partition: best.0.clone(),
        modularity: best.1,
        runs: runs.iter().map(|run| run.1).collect(),
    })
}

/// The label of each node from those of the nodes that stand for it.
fn through(owner: &mut [u32], names: &[u32]) {
    owner.iter_mut().for_each(|v| *v = names[*v as usize]);
}

fn louvain_labels(graph: &Graph, scale: &Scale, rng: &mut CounterRng) -> Vec<u32> {
    let mut level = Level::new(graph);
    let mut owner: Vec<u32> = (0..graph.nodes() as u32).collect();
    loop {
        let mut labels: Vec<u32> = (0..level.nodes() as u32).collect();
        level.settle(&mut labels, scale, rng);
        let (next, names) = level.aggregate(&labels);
        through(&mut owner, &names);
        if next.nodes() == level.nodes() {
            return owner;
        }
        level = next;
    }
}

fn leiden_labels(graph: &Graph, scale: &Scale, randomness: f64, rng: &mut CounterRng) -> Vec<u32> {
    let mut division: Vec<u32> = (0..graph.nodes() as u32).collect();
    loop {
        let before = Partition::new(&division);
        let mut level = Level::new(graph);
        let mut owner: Vec<u32> = (0..graph.nodes() as u32).collect();
        let mut labels = division.clone();
        loop {
            level.settle(&mut labels, scale, rng);
            division
                .iter_mut()
                .zip(&owner)
                .for_each(|(c, &v)| *c = labels[v as usize]);
            let parts = level.refine(&labels, scale, randomness * scale.edge, rng);
            let (mut next, mut names) = level.aggregate(&parts);
            if next.nodes() == level.nodes() {
                // Nothing was refined: communities themselves become nodes.
                (next, names) = level.aggregate(&labels);
            }
            if next.nodes() == level.nodes() {
                break;
            }
            through(&mut owner, &names);
            // A part starts in the community of its nodes, named by its first part.
            let mut community = vec![u32::MAX; level.nodes()];
            let mut started = vec![u32::MAX; next.nodes()];
            for (&part, &label) in names.iter().zip(&labels) {
                let name = &mut community[label as usize];
                *name = (*name).min(part);
                started[part as usize] = *name;
            }
            labels = started;
            level = next;
        }
        if Partition::new(&division) == before {
            return division;
        }
    }
}
