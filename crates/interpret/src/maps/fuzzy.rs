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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::maps::Space;
    use crate::maps::space::Distances;
    use ndarray::Array2;

    #[test]
    fn widths_and_weights_are_those_of_umap_learn() {
        let all: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/fixtures/maps.json")).unwrap();
        let fixture = &all["umap"];
        let rows: Vec<Vec<f64>> = serde_json::from_value(all["points"].clone()).unwrap();
        let points = Array2::from_shape_fn((rows.len(), rows[0].len()), |(i, j)| rows[i][j]);
        let distances = Distances::new(Space::euclidean(points.view())).unwrap();
        let near = Neighbours::exact(&distances, 14);
        let found = widths(&near);
        let sigmas: Vec<f64> = serde_json::from_value(fixture["sigmas"].clone()).unwrap();
        let rhos: Vec<f64> = serde_json::from_value(fixture["rhos"].clone()).unwrap();
        // The unit of distances is a power of two of the caller's.
        let unit = found[0].0 / rhos[0];
        assert!(
            (unit.log2() - unit.log2().round()).abs() < 1e-5,
            "unit {unit}"
        );
        for (i, (rho, sigma)) in found.iter().enumerate() {
            assert!(
                (rho / unit / rhos[i] - 1.0).abs() < 1e-5,
                "rho of {i}: {rho}"
            );
            assert!(
                (sigma / unit / sigmas[i] - 1.0).abs() < 1e-4,
                "sigma of {i}: {sigma}"
            );
        }
        let graph = Graph::union(&near);
        assert_eq!(graph.edges.len() as u64, fixture["edges"].as_u64().unwrap());
        let total: f64 = graph.edges.iter().map(|e| e.weight).sum();
        assert!(
            (total / fixture["total"].as_f64().unwrap() - 1.0).abs() < 1e-4,
            "{total}"
        );
        let row: Vec<(u32, f64)> = serde_json::from_value(fixture["row"].clone()).unwrap();
        for (to, weight) in row {
            let edge = graph.edges.iter().find(|e| (e.from, e.to) == (7, to));
            let edge = edge.unwrap_or_else(|| panic!("no edge of 7 and {to}"));
            assert!(
                (edge.weight - weight).abs() < 1e-4,
                "7 and {to}: {edge:?}, expected {weight}"
            );
        }
    }

    #[test]
    fn two_groups_far_apart_are_two_components() {
        let points =
            Array2::from_shape_fn((12, 1), |(i, _)| i as f64 + if i < 5 { 0.0 } else { 100.0 });
        let distances = Distances::new(Space::euclidean(points.view())).unwrap();
        let (component, count) = Graph::union(&Neighbours::exact(&distances, 2)).components();
        assert_eq!(
            (count, component),
            (2, [[0; 5].as_slice(), &[1; 7]].concat())
        );
    }
}
