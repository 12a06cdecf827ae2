//! Exact nearest neighbours.

use super::space::Distances;
use rayon::prelude::*;

/// Items per task.
const TASK_ITEMS: usize = 16;

/// The `k` nearest other items of each item, nearest first; of equally near ones the earlier item.
///
/// A duplicate of an item is a neighbour at distance 0; only the item itself is none.
pub(crate) struct Neighbours {
    pub(crate) k: usize,
    /// n × k.
    pub(crate) items: Vec<u32>,
    /// n × k.
    pub(crate) distances: Vec<f64>,
}

impl Neighbours {
    /// Compares every pair: O(n² d) time, O(n k) memory. Demands 1 ≤ k < n.
    pub(crate) fn exact(distances: &Distances<'_>, k: usize) -> Self {
        let n = distances.items();
        let mut found = Self {
            k,
            items: vec![0; n * k],
            distances: vec![0.0; n * k],
        };
        let items = found.items.par_chunks_mut(TASK_ITEMS * k);
        let lengths = found.distances.par_chunks_mut(TASK_ITEMS * k);
        items
            .zip(lengths)
            .enumerate()
            .for_each(|(task, (items, lengths))| {
                let (mut row, mut order) = (vec![0.0; n], Vec::with_capacity(n));
                for (i, (items, lengths)) in
                    items.chunks_mut(k).zip(lengths.chunks_mut(k)).enumerate()
                {
                    let own = task * TASK_ITEMS + i;
                    distances.row(own, &mut row);
                    nearest(&row, own, k, &mut order);
                    for ((item, length), &j) in items.iter_mut().zip(lengths).zip(&order) {
                        (*item, *length) = (j, row[j as usize]);
                    }
                }
            });
        found
    }

    pub(crate) fn of(&self, item: usize) -> &[u32] {
        &self.items[item * self.k..(item + 1) * self.k]
    }

    pub(crate) fn lengths(&self, item: usize) -> &[f64] {
        &self.distances[item * self.k..(item + 1) * self.k]
    }
}

/// Neighbours up to which each item is compared with the farthest so far: few are nearer.
const FEW: usize = 64;

/// Leaves the `k` nearest of `row` in `order`, without `own`.
pub(super) fn nearest(row: &[f64], own: usize, k: usize, order: &mut Vec<u32>) {
    order.clear();
    if k <= FEW {
        let mut farthest = f64::INFINITY;
        for (j, &distance) in row.iter().enumerate() {
            if (order.len() == k && distance >= farthest) || j == own {
                continue;
            }
            let place = order.partition_point(|&other| row[other as usize] <= distance);
            order.truncate(k - 1);
            order.insert(place, j as u32);
            farthest = order.last().map_or(farthest, |&last| row[last as usize]);
        }
        return;
    }
    order.extend((0..row.len() as u32).filter(|&j| j as usize != own));
    let by_distance =
        |a: &u32, b: &u32| row[*a as usize].total_cmp(&row[*b as usize]).then(a.cmp(b));
    if k < order.len() {
        order.select_nth_unstable_by(k - 1, by_distance);
        order.truncate(k);
    }
    order.sort_unstable_by(by_distance);
}
