//! Graphs of components: which dimensions go together over stimuli, in which communities, and which communities
//! several agents share.
//!
//! Drawn once and named by hand, such a graph says little: another seed, threshold or resolution gives other
//! communities, any set of correlations has *some* communities, and a name is no measurement. Here
//! communities come with their stability over seeds, thresholds and resolutions and with a null, and are
//! compared between agents by their scores on the same stimuli.

pub mod agreement;
pub mod communities;
pub mod consensus;
mod level;
pub mod network;
pub mod null;
pub mod overlap;
pub mod pagerank;
mod partition;
pub mod sweep;

pub use partition::Partition;

use crate::resampling::Interrupted;
use emotome_stimuli::run::Run;

/// Most nodes of a graph whose runs are compared pair by pair.
pub const MOST_NODES: usize = 10_000;

/// An undirected graph with weights; edges of negative weight part their ends.
///
/// Held row by row: O(nodes + edges) memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    starts: Vec<usize>,
    neighbours: Vec<u32>,
    weights: Vec<f64>,
}

/// Why a graph, its communities or their comparison is impossible.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    /// A parameter out of range.
    #[error("{parameter} is {found}; it must be {expected}")]
    Parameter {
        /// Which.
        parameter: &'static str,
        /// Its value.
        found: f64,
        /// The values possible.
        expected: &'static str,
    },
    /// An edge that no simple graph has.
    #[error("edge {a}–{b} (nodes counted from 0) of weight {weight} {fault}; expected {expected}")]
    Edge {
        /// One end.
        a: usize,
        /// The other end.
        b: usize,
        /// Its weight.
        weight: f64,
        /// What is wrong.
        fault: &'static str,
        /// What an edge must be.
        expected: &'static str,
    },
    /// A value that is no number.
    #[error(
        "{what} hold {count} values that are not finite; the first is {value} in row {row}, column {column} \
         (counted from 1); leave out that stimulus or that column"
    )]
    NotFinite {
        /// What was given.
        what: String,
        /// How many there are.
        count: usize,
        /// The first of them.
        value: f64,
        /// Its row, from 1.
        row: usize,
        /// Its column, from 1.
        column: usize,
    },
    /// Too few of something, or too many.
    #[error("{found} {what}; expected {expected}")]
    Size {
        /// What was counted.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many there may be.
        expected: &'static str,
    },
    /// Two things that should be of the same length.
    #[error("{what}: {left} against {right}; give both of the same in the same order")]
    Mismatch {
        /// What was compared.
        what: &'static str,
        /// The first length.
        left: usize,
        /// The second length.
        right: usize,
    },
    /// A cluster that cannot be scored.
    #[error(
        "cluster {cluster:?} of {agent:?} {fault}; give the columns of its members, counted from 0"
    )]
    Cluster {
        /// The agent.
        agent: String,
        /// The cluster.
        cluster: String,
        /// What is wrong.
        fault: String,
    },
    /// A stop was asked for.
    #[error("the analysis of the graph was interrupted; nothing was kept")]
    Interrupted,
}

impl From<Interrupted> for GraphError {
    fn from(Interrupted: Interrupted) -> Self {
        Self::Interrupted
    }
}

impl GraphError {
    fn unless(
        allowed: bool,
        parameter: &'static str,
        found: f64,
        expected: &'static str,
    ) -> Result<(), Self> {
        if allowed {
            return Ok(());
        }
        Err(Self::Parameter {
            parameter,
            found,
            expected,
        })
    }

    fn finite(what: &str, values: ndarray::ArrayView2<'_, f64>) -> Result<(), Self> {
        let mut bad = values.indexed_iter().filter(|(_, x)| !x.is_finite());
        let Some(((row, column), &value)) = bad.next() else {
            return Ok(());
        };
        Err(Self::NotFinite {
            what: what.to_owned(),
            count: 1 + bad.count(),
            value,
            row: row + 1,
            column: column + 1,
        })
    }
}

/// Stops where a stop was asked for.
fn proceed(run: Run<'_>) -> Result<(), GraphError> {
    if run.interrupt.requested() {
        return Err(GraphError::Interrupted);
    }
    Ok(())
}

impl Graph {
    /// The graph of `nodes` nodes with the edges `(a, b, weight)`, each given once in either order. O(E log E).
    ///
    /// # Errors
    /// [`GraphError::Edge`]: an end that is no node, a loop, an edge given twice, a weight that is zero or not
    /// finite. [`GraphError::Size`] above 2³² − 1 nodes.
    ///
    /// ```
    /// use emotome_interpret::graph::Graph;
    /// let graph = Graph::new(3, &[(0, 1, 0.5), (2, 1, 0.3)])?;
    /// assert_eq!((graph.nodes(), graph.edges()), (3, 2));
    /// assert!(Graph::new(3, &[(0, 3, 1.0)]).is_err());
    /// # Ok::<(), emotome_interpret::graph::GraphError>(())
    /// ```
    pub fn new(nodes: usize, edges: &[(usize, usize, f64)]) -> Result<Self, GraphError> {
        if u32::try_from(nodes).is_err() {
            return Err(GraphError::Size {
                what: "nodes",
                found: nodes,
                expected: "fewer than 4,294,967,296",
            });
        }
        let mut ends = Vec::with_capacity(2 * edges.len());
        for &(a, b, weight) in edges {
            let (fault, expected) = match () {
                () if a >= nodes || b >= nodes => (
                    "has an end that is no node",
                    "ends below the number of nodes",
                ),
                () if a == b => ("is a loop", "two different ends"),
                () if !weight.is_finite() || weight == 0.0 => {
                    ("has no usable weight", "a finite weight other than 0")
                }
                () => {
                    ends.extend([(a as u32, b as u32, weight), (b as u32, a as u32, weight)]);
                    continue;
                }
            };
            return Err(GraphError::Edge {
                a,
                b,
                weight,
                fault,
                expected,
            });
        }
        ends.sort_unstable_by_key(|e| (e.0, e.1));
        if let Some(twice) = ends
            .windows(2)
            .find(|w| (w[0].0, w[0].1) == (w[1].0, w[1].1))
        {
            return Err(GraphError::Edge {
                a: twice[1].0 as usize,
                b: twice[1].1 as usize,
                weight: twice[1].2,
                fault: "is given twice",
                expected: "each edge once, in either order",
            });
        }
        let mut starts = vec![0; nodes + 1];
        ends.iter().for_each(|e| starts[e.0 as usize + 1] += 1);
        (0..nodes).for_each(|v| starts[v + 1] += starts[v]);
        Ok(Self {
            starts,
            neighbours: ends.iter().map(|e| e.1).collect(),
            weights: ends.iter().map(|e| e.2).collect(),
        })
    }

    /// The number of nodes.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.starts.len() - 1
    }

    /// The number of edges.
    #[must_use]
    pub fn edges(&self) -> usize {
        self.neighbours.len() / 2
    }

    /// The neighbours of a node in ascending order, with the weights of their edges.
    ///
    /// # Panics
    /// If there is no such node.
    pub fn neighbours(&self, node: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let range = self.starts[node]..self.starts[node + 1];
        self.neighbours[range.clone()]
            .iter()
            .zip(&self.weights[range])
            .map(|(&v, &w)| (v as usize, w))
    }
}
