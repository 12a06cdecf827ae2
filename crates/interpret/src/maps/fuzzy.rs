//! The graph of UMAP: who is how much a neighbour of whom.

use super::neighbours::Neighbours;
use emotome_stats::summary::mean;

/// Halvings at most, and how far the sum may be off.
const SEARCH: usize = 64;
const TOLERANCE: f64 = 1e-5;
/// The least width, as a share of the mean distance.
const LEAST_WIDTH: f64 = 1e-3;

/// A symmetric graph without loops, edges both ways, by first item and then by second.
pub(super) struct Graph {
    pub(super) n: usize,
    pub(super) edges: Vec<Edge>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Edge {
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) weight: f64,
}

impl Graph {
    /// The fuzzy union w + wᵀ − w wᵀ of memberships w = exp(−max(0, d − ρ)/σ): O(n k log(n k)).
    pub(super) fn union(near: &Neighbours) -> Self {
        let n = near.items.len() / near.k;
        let mut directed = Vec::with_capacity(2 * near.items.len());
        for (i, (rho, sigma)) in widths(near).into_iter().enumerate() {
            for (&j, &d) in near.of(i).iter().zip(near.lengths(i)) {
                let weight = if d <= rho || sigma == 0.0 {
                    1.0
                } else {
                    (-(d - rho) / sigma).exp()
                };
                directed.push((i as u32, j, weight, 0.0));
                directed.push((j, i as u32, 0.0, weight));
            }
        }
        directed.sort_unstable_by_key(|&(i, j, a, _)| (i, j, a == 0.0));
        let mut edges: Vec<Edge> = Vec::with_capacity(directed.len());
        for pair in directed.chunk_by(|x, y| (x.0, x.1) == (y.0, y.1)) {
            let (there, back) = pair.iter().fold((0.0, 0.0), |(a, b), e| (a + e.2, b + e.3));
            // Both ways the same bits: the sum and the product commute.
            let weight = there + back - there * back;
            if weight > 0.0 {
                edges.push(Edge {
                    from: pair[0].0,
                    to: pair[0].1,
                    weight,
                });
            }
        }
        Self { n, edges }
    }

    /// The component of each item, numbered by their first items, and their number.
    pub(super) fn components(&self) -> (Vec<u32>, u32) {
        let starts = self.starts();
        let mut component = vec![u32::MAX; self.n];
        let mut count = 0;
        for first in 0..self.n {
            if component[first] != u32::MAX {
                continue;
            }
            let mut open = vec![first];
            component[first] = count;
            while let Some(i) = open.pop() {
                for edge in &self.edges[starts[i]..starts[i + 1]] {
                    if component[edge.to as usize] == u32::MAX {
                        component[edge.to as usize] = count;
                        open.push(edge.to as usize);
                    }
                }
            }
            count += 1;
        }
        (component, count)
    }

    /// Where the edges of each item begin; one more at the end.
    pub(super) fn starts(&self) -> Vec<usize> {
        let mut starts = vec![0; self.n + 1];
        for edge in &self.edges {
            starts[edge.from as usize + 1] += 1;
        }
        for i in 0..self.n {
            starts[i + 1] += starts[i];
        }
        starts
    }
}

/// ρ, the distance of the nearest item elsewhere, and σ, at which Σ exp(−max(0, d − ρ)/σ) = log₂(k + 1), for
/// each item with its k neighbours.
pub(super) fn widths(near: &Neighbours) -> Vec<(f64, f64)> {
    let k = near.k;
    let target = ((k + 1) as f64).log2();
    // An item counts as its own nearest in all means, as in umap-learn.
    let own = k as f64 / (k + 1) as f64;
    let overall = mean(&near.distances) * own;
    (0..near.items.len() / k)
        .map(|i| {
            let lengths = near.lengths(i);
            let rho = lengths.iter().copied().find(|&d| d > 0.0).unwrap_or(0.0);
            let (mut low, mut high, mut sigma) = (0.0_f64, f64::INFINITY, 1.0_f64);
            for _ in 0..SEARCH {
                let sum: f64 = lengths
                    .iter()
                    .map(|d| (-(d - rho).max(0.0) / sigma).exp())
                    .sum();
                if (sum - target).abs() < TOLERANCE {
                    break;
                }
                if sum > target {
                    high = sigma;
                    sigma = (low + high) / 2.0;
                } else {
                    low = sigma;
                    sigma = if high.is_finite() {
                        (low + high) / 2.0
                    } else {
                        2.0 * sigma
                    };
                }
            }
            let least = LEAST_WIDTH
                * if rho > 0.0 {
                    mean(lengths) * own
                } else {
                    overall
                };
            (rho, sigma.max(least))
        })
        .collect()
}
