//! The graph of components that go together over stimuli.

use super::{Graph, GraphError};
use crate::correlate::Coefficient;
use emotome_stats::correlation::cross_correlation;
use emotome_stats::rank::average_ranks;
use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

/// A component graph is drawn so.
///
/// | parameter | default | why |
/// |---|---|---|
/// | `coefficient` | Pearson | as published |
/// | `threshold` | 0.2 | as published; see [`sweep`](super::sweep) for what hangs on it |
/// | `signed` | no | as published; else also edges with r < −threshold, of negative weight |
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct NetworkParams {
    /// Which correlation.
    pub coefficient: Coefficient,
    /// An edge has r above this, from 0 to 1.
    pub threshold: f64,
    /// Whether negative correlations are edges.
    pub signed: bool,
}

impl Default for NetworkParams {
    fn default() -> Self {
        Self {
            coefficient: Coefficient::Pearson,
            threshold: 0.2,
            signed: false,
        }
    }
}

/// Two components that go together.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Edge {
    /// The first column, from 0.
    pub a: usize,
    /// The second column, above `a`.
    pub b: usize,
    /// Their correlation, the weight of the edge.
    pub r: f64,
}

/// A component graph; components are columns, from 0.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Network {
    /// How it was drawn.
    pub params: NetworkParams,
    /// Components with an edge: node v of the [graph](Self::graph) is component `nodes[v]`.
    pub nodes: Vec<usize>,
    /// Components without an edge, left out of the graph.
    pub isolated: Vec<usize>,
    /// Components with one value for all stimuli, left out too: their correlations are undefined.
    pub constant: Vec<usize>,
    /// The edges, by a and b.
    pub edges: Vec<Edge>,
    /// The graph of the nodes.
    #[serde(skip)]
    pub graph: Graph,
}

/// Correlations of all pairs of columns, D × D; NaN with a constant column. O(n D²).
///
/// # Errors
/// Values that are not finite, fewer than three stimuli.
pub fn correlations(
    values: ArrayView2<'_, f64>,
    coefficient: Coefficient,
) -> Result<Array2<f64>, GraphError> {
    GraphError::finite("components", values)?;
    if values.nrows() < 3 {
        return Err(GraphError::Size {
            what: "stimuli",
            found: values.nrows(),
            expected: "at least 3",
        });
    }
    Ok(match coefficient {
        Coefficient::Pearson => cross_correlation(values, values),
        Coefficient::Spearman => {
            let ranks = ranked(values);
            cross_correlation(ranks.view(), ranks.view())
        }
    })
}

pub(super) fn ranked(values: ArrayView2<'_, f64>) -> Array2<f64> {
    let mut ranks = values.to_owned();
    for mut column in ranks.columns_mut() {
        let ranked = average_ranks(&column.to_vec());
        column
            .iter_mut()
            .zip(ranked)
            .for_each(|(x, rank)| *x = rank);
    }
    ranks
}

impl Network {
    /// The graph of the columns of `values` (stimuli × D) with an edge where r > threshold. O(n D²).
    ///
    /// # Errors
    /// A threshold outside 0 to 1, values that are not finite, fewer than three stimuli.
    ///
    /// ```
    /// use emotome_interpret::graph::network::{Network, NetworkParams};
    /// let values = ndarray::array![[1.0, 2.0, 0.0], [2.0, 3.9, 0.0], [3.0, 6.1, 0.0]];
    /// let network = Network::new(values.view(), NetworkParams::default())?;
    /// assert_eq!((network.nodes, network.constant), (vec![0, 1], vec![2]));
    /// # Ok::<(), emotome_interpret::graph::GraphError>(())
    /// ```
    pub fn new(values: ArrayView2<'_, f64>, params: NetworkParams) -> Result<Self, GraphError> {
        let r = correlations(values, params.coefficient)?;
        Self::from_correlations(r.view(), params)
    }

    /// The graph of components with these correlations (D × D, NaN with a constant component). O(D²).
    ///
    /// Read above the diagonal, and on it: NaN there marks a constant component.
    ///
    /// # Errors
    /// A threshold outside 0 to 1, a matrix that is not square, an undefined correlation of two components that
    /// are not constant.
    pub fn from_correlations(
        r: ArrayView2<'_, f64>,
        params: NetworkParams,
    ) -> Result<Self, GraphError> {
        let threshold = params.threshold;
        GraphError::unless(
            (0.0..=1.0).contains(&threshold),
            "the threshold",
            threshold,
            "from 0 to 1",
        )?;
        let kept = |r: f64| r > threshold || (params.signed && r < -threshold);
        Self::of(r, params, kept)
    }

    fn of(
        r: ArrayView2<'_, f64>,
        params: NetworkParams,
        kept: impl Fn(f64) -> bool,
    ) -> Result<Self, GraphError> {
        let components = r.nrows();
        if r.ncols() != components {
            return Err(GraphError::Mismatch {
                what: "rows and columns of the correlations",
                left: components,
                right: r.ncols(),
            });
        }
        let (mut edges, mut undefined) = (Vec::new(), Vec::new());
        for (a, b) in (0..components).flat_map(|a| (a + 1..components).map(move |b| (a, b))) {
            let edge = Edge { a, b, r: r[[a, b]] };
            if kept(edge.r) {
                edges.push(edge);
            } else if edge.r.is_nan() && !r[[a, a]].is_nan() && !r[[b, b]].is_nan() {
                undefined.push(edge);
            }
        }
        if let Some(first) = undefined.first() {
            return Err(GraphError::NotFinite {
                what: "correlations of components that vary".to_owned(),
                count: undefined.len(),
                value: first.r,
                row: first.a + 1,
                column: first.b + 1,
            });
        }
        let mut place = vec![usize::MAX; components];
        edges.iter().for_each(|e| (place[e.a], place[e.b]) = (0, 0));
        let constant: Vec<usize> = (0..components).filter(|&c| r[[c, c]].is_nan()).collect();
        let nodes: Vec<usize> = (0..components).filter(|&c| place[c] == 0).collect();
        nodes.iter().enumerate().for_each(|(v, &c)| place[c] = v);
        let ends: Vec<_> = edges
            .iter()
            .map(|e| (place[e.a], place[e.b], e.r))
            .collect();
        Ok(Self {
            params,
            isolated: (0..components)
                .filter(|&c| place[c] == usize::MAX && !constant.contains(&c))
                .collect(),
            graph: Graph::new(nodes.len(), &ends)?,
            nodes,
            constant,
            edges,
        })
    }

    /// The graph of the `edges` strongest correlations (largest |r| if signed, else largest positive r); fewer where
    /// there are fewer.
    pub(super) fn strongest(
        r: ArrayView2<'_, f64>,
        params: NetworkParams,
        edges: usize,
    ) -> Result<Self, GraphError> {
        let strength = |r: f64| if params.signed { r.abs() } else { r };
        let mut sizes: Vec<f64> = (0..r.nrows())
            .flat_map(|a| (a + 1..r.nrows()).map(move |b| (a, b)))
            .map(|at| strength(r[at]))
            .filter(|size| *size > 0.0)
            .collect();
        sizes.sort_unstable_by(|a, b| b.total_cmp(a));
        let least = match edges {
            0 => f64::INFINITY,
            edges => sizes
                .get(edges - 1)
                .or(sizes.last())
                .copied()
                .unwrap_or(f64::INFINITY),
        };
        Self::of(r, params, |r| strength(r) >= least)
    }
}
