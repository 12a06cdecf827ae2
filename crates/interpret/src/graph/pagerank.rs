//! How central each node is: the share of time a random walk spends there.

use super::{Graph, GraphError};

/// The published share of steps along edges.
pub const DAMPING: f64 = 0.85;
/// Change, summed over nodes, at which the power iteration ends.
const SETTLED: f64 = 1e-14;

/// PageRank: the stationary x = d (Pᵀ x + s/n) + (1 − d)/n, Σ x = 1, with Pᵤᵥ = wᵤᵥ / Σ wᵤ and s the share of nodes without edges.
///
/// `damping` d is the chance of a step along an edge, in proportion to its weight, from 0 to .999; from a node
/// without edges every node is equally likely next. Power iteration until the sum of changes is below
/// 10⁻¹⁴, O(E) a step, at most ln 10⁻¹⁶ / ln d steps.
///
/// Brin & Page (1998), doi:10.1016/S0169-7552(98)00110-X.
///
/// # Errors
/// A damping out of range; [`GraphError::Edge`] for a negative weight: a walk has no negative probability, so draw the
/// graph unsigned.
///
/// ```
/// use emotome_interpret::graph::{Graph, pagerank::{DAMPING, pagerank}};
/// let star = Graph::new(3, &[(0, 1, 1.0), (0, 2, 1.0)])?;
/// let rank = pagerank(&star, DAMPING)?;
/// assert!((rank[0] - 0.4865).abs() < 1e-4 && rank[1] == rank[2]);
/// # Ok::<(), emotome_interpret::graph::GraphError>(())
/// ```
pub fn pagerank(graph: &Graph, damping: f64) -> Result<Vec<f64>, GraphError> {
    GraphError::unless(
        (0.0..=0.999).contains(&damping),
        "the damping",
        damping,
        "from 0 to 0.999",
    )?;
    let n = graph.nodes();
    for a in 0..n {
        if let Some((b, weight)) = graph.neighbours(a).find(|edge| edge.1 < 0.0) {
            return Err(GraphError::Edge {
                a,
                b,
                weight,
                fault: "is negative, and a random walk cannot take it",
                expected: "positive weights: draw the graph unsigned",
            });
        }
    }
    let strength: Vec<f64> = (0..n)
        .map(|v| graph.neighbours(v).map(|edge| edge.1).sum())
        .collect();
    let even = 1.0 / n as f64;
    let mut rank = vec![even; n];
    let steps = if damping == 0.0 {
        1.0
    } else {
        (1e-16_f64.ln() / damping.ln()).ceil()
    };
    for _ in 0..steps.max(1.0) as usize {
        let lost: f64 = (0..n)
            .filter(|&v| strength[v] == 0.0)
            .map(|v| rank[v])
            .sum();
        let next: Vec<f64> = (0..n)
            .map(|v| {
                let arrived: f64 = graph
                    .neighbours(v)
                    .map(|(u, w)| rank[u] * w / strength[u])
                    .sum();
                damping * (arrived + lost * even) + (1.0 - damping) * even
            })
            .collect();
        let change: f64 = next.iter().zip(&rank).map(|(a, b)| (a - b).abs()).sum();
        rank = next;
        if change < SETTLED {
            break;
        }
    }
    let total: f64 = rank.iter().sum();
    rank.iter_mut().for_each(|x| *x /= total);
    Ok(rank)
}
