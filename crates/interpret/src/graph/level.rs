//! A graph whose nodes may stand for many, as community detection builds it level by level.

use super::Graph;
use emotome_stats::random::CounterRng;
use std::collections::VecDeque;

/// Gains below this share of the total weight are rounding.
const ROUNDING: f64 = 1e-12;

/// Total positive and negative weight, and the resolution.
#[derive(Clone, Copy)]
pub(super) struct Scale {
    /// γ/2W⁺ and γ/2W⁻, 0 where there is no such weight.
    rate: [f64; 2],
    /// W⁺ + W⁻.
    pub(super) total: f64,
    /// Mean |weight| of an edge.
    pub(super) edge: f64,
}

impl Scale {
    pub(super) fn new(graph: &Graph, resolution: f64) -> Self {
        let mut weight = [0.0; 2];
        for &w in &graph.weights {
            weight[usize::from(w < 0.0)] += w.abs();
        }
        let total = (weight[0] + weight[1]) / 2.0;
        Self {
            rate: weight.map(|w| if w > 0.0 { resolution / w } else { 0.0 }),
            total,
            edge: total / graph.edges().max(1) as f64,
        }
    }

    /// Whether some weight is negative.
    fn signed(&self) -> bool {
        self.rate[1] > 0.0
    }

    /// The weight expected between two sets of nodes with these strengths.
    #[inline]
    pub(super) fn expected(&self, a: [f64; 2], b: [f64; 2]) -> f64 {
        self.rate[0] * a[0] * b[0] - self.rate[1] * a[1] * b[1]
    }
}

#[inline]
fn plus(a: &mut [f64; 2], b: [f64; 2], sign: f64) {
    a[0] += sign * b[0];
    a[1] += sign * b[1];
}

pub(super) struct Level {
    starts: Vec<usize>,
    neighbours: Vec<u32>,
    weights: Vec<f64>,
    /// Sums of positive weights and of |negative weights|, inner edges twice.
    strengths: Vec<[f64; 2]>,
}

impl Level {
    pub(super) fn new(graph: &Graph) -> Self {
        let strengths = (0..graph.nodes())
            .map(|v| {
                let mut strength = [0.0; 2];
                graph
                    .neighbours(v)
                    .for_each(|(_, w)| strength[usize::from(w < 0.0)] += w.abs());
                strength
            })
            .collect();
        Self {
            starts: graph.starts.clone(),
            neighbours: graph.neighbours.clone(),
            weights: graph.weights.clone(),
            strengths,
        }
    }

    pub(super) fn nodes(&self) -> usize {
        self.strengths.len()
    }

    fn edges(&self, node: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let range = self.starts[node]..self.starts[node + 1];
        self.neighbours[range.clone()]
            .iter()
            .zip(&self.weights[range])
            .map(|(&v, &w)| (v as usize, w))
    }

    /// Strengths of the communities `labels` names, as many as nodes.
    fn community_strengths(&self, labels: &[u32]) -> Vec<[f64; 2]> {
        let mut strengths = vec![[0.0; 2]; self.nodes()];
        for (&label, &strength) in labels.iter().zip(&self.strengths) {
            plus(&mut strengths[label as usize], strength, 1.0);
        }
        strengths
    }

    /// Moves nodes to the neighbouring community, or an empty one, that gains most until none gains: a node is
    /// looked at again only when a neighbour moved. With negative weights every community is a neighbour. Labels stay
    /// below the number of nodes.
    pub(super) fn settle(&self, labels: &mut [u32], scale: &Scale, rng: &mut CounterRng) {
        let n = self.nodes();
        let mut order: Vec<u32> = (0..n as u32).collect();
        rng.shuffle(&mut order);
        let mut queue: VecDeque<u32> = order.into();
        let mut queued = vec![true; n];
        let mut strengths = self.community_strengths(labels);
        let mut sizes = vec![0_u32; n];
        labels.iter().for_each(|&c| sizes[c as usize] += 1);
        let mut empty: Vec<u32> = (0..n as u32)
            .rev()
            .filter(|&c| sizes[c as usize] == 0)
            .collect();
        let mut towards = Towards::new(n);
        while let Some(node) = queue.pop_front() {
            let v = node as usize;
            queued[v] = false;
            let own = labels[v];
            towards.gather(self.edges(v).map(|(u, w)| (labels[u], w)));
            let strength = self.strengths[v];
            plus(&mut strengths[own as usize], strength, -1.0);
            let gain =
                |c: u32, weight: f64| weight - scale.expected(strength, strengths[c as usize]);
            let stay = gain(own, towards.weight[own as usize]);
            let (mut best, mut most) = (own, stay + ROUNDING * scale.total);
            let mut consider = |c: u32| {
                let found = gain(c, towards.weight[c as usize]);
                if found > most {
                    (best, most) = (c, found);
                }
            };
            if scale.signed() {
                // Nodes that avoid the same others belong together, edge or not.
                (0..n as u32)
                    .filter(|&c| sizes[c as usize] > 0)
                    .for_each(consider);
            } else {
                towards.communities.iter().for_each(|&c| consider(c));
            }
            if 0.0 > most
                && sizes[own as usize] > 1
                && let Some(&c) = empty.last()
            {
                best = c;
            }
            plus(&mut strengths[best as usize], strength, 1.0);
            if best == own {
                continue;
            }
            if sizes[best as usize] == 0 {
                empty.pop();
            }
            sizes[best as usize] += 1;
            sizes[own as usize] -= 1;
            if sizes[own as usize] == 0 {
                empty.push(own);
            }
            labels[v] = best;
            let mut again = |u: usize| {
                if labels[u] != best && !queued[u] {
                    queued[u] = true;
                    queue.push_back(u as u32);
                }
            };
            if scale.signed() {
                (0..n).for_each(again);
            } else {
                self.edges(v).for_each(|(u, _)| again(u));
            }
        }
    }

    /// Divides each community into well-connected parts: nodes still alone join, at random with probability
    /// ∝ exp(gain / temperature), a part of their community that is tied to the rest of it.
    pub(super) fn refine(
        &self,
        labels: &[u32],
        scale: &Scale,
        temperature: f64,
        rng: &mut CounterRng,
    ) -> Vec<u32> {
        let n = self.nodes();
        let whole = self.community_strengths(labels);
        let mut parts: Vec<u32> = (0..n as u32).collect();
        let mut strengths = self.strengths.clone();
        let mut alone = vec![true; n];
        // Weight between each part and the rest of its community.
        let mut tied: Vec<f64> = (0..n)
            .map(|v| {
                let inner = self.edges(v).filter(|&(u, _)| labels[u] == labels[v]);
                inner.map(|x| x.1).sum()
            })
            .collect();
        let mut order: Vec<u32> = (0..n as u32).collect();
        rng.shuffle(&mut order);
        let mut towards = Towards::new(n);
        let mut choices: Vec<(u32, f64)> = Vec::new();
        for node in order {
            let v = node as usize;
            let community = whole[labels[v] as usize];
            let well_tied = |tied: f64, strength: [f64; 2]| {
                let rest = [community[0] - strength[0], community[1] - strength[1]];
                tied >= scale.expected(strength, rest) - ROUNDING * scale.total
            };
            if !alone[v] || !well_tied(tied[v], strengths[v]) {
                continue;
            }
            let inner = self.edges(v).filter(|&(u, _)| labels[u] == labels[v]);
            towards.gather(inner.map(|(u, w)| (parts[u], w)));
            choices.clear();
            choices.push((node, 0.0));
            for &part in &towards.communities {
                let (p, weight) = (part as usize, towards.weight[part as usize]);
                let gain = weight - scale.expected(self.strengths[v], strengths[p]);
                if gain >= 0.0 && well_tied(tied[p], strengths[p]) {
                    choices.push((part, gain));
                }
            }
            let most = choices.iter().fold(0.0, |most: f64, c| most.max(c.1));
            let mut left = rng.uniform()
                * choices
                    .iter_mut()
                    .map(|c| {
                        c.1 = ((c.1 - most) / temperature).exp();
                        c.1
                    })
                    .sum::<f64>();
            let mut chosen = node;
            for &(part, chance) in choices.iter().filter(|c| c.1 > 0.0) {
                chosen = part;
                left -= chance;
                if left < 0.0 {
                    break;
                }
            }
            if chosen != node {
                let p = chosen as usize;
                tied[p] += tied[v] - 2.0 * towards.weight[p];
                plus(&mut strengths[p], self.strengths[v], 1.0);
                alone[p] = false;
                alone[v] = false;
                parts[v] = chosen;
            }
        }
        parts
    }

    /// The graph whose nodes are the communities `labels` names, renumbered in order of their first node; also the
    /// new node of each old one.
    pub(super) fn aggregate(&self, labels: &[u32]) -> (Self, Vec<u32>) {
        let mut name = vec![u32::MAX; self.nodes()];
        let mut first = Vec::new();
        let owner: Vec<u32> = labels
            .iter()
            .enumerate()
            .map(|(v, &label)| {
                let name = &mut name[label as usize];
                if *name == u32::MAX {
                    *name = first.len() as u32;
                    first.push(v);
                }
                *name
            })
            .collect();
        let count = first.len();
        let mut members = vec![Vec::new(); count];
        owner
            .iter()
            .enumerate()
            .for_each(|(v, &c)| members[c as usize].push(v));
        let mut level = Self {
            starts: vec![0],
            neighbours: Vec::new(),
            weights: Vec::new(),
            strengths: vec![[0.0; 2]; count],
        };
        let mut towards = Towards::new(count);
        for (c, members) in members.iter().enumerate() {
            members
                .iter()
                .for_each(|&v| plus(&mut level.strengths[c], self.strengths[v], 1.0));
            let edges = members.iter().flat_map(|&v| self.edges(v));
            towards.gather(
                edges
                    .map(|(u, w)| (owner[u], w))
                    .filter(|x| x.0 as usize != c),
            );
            for &other in &towards.communities {
                level.neighbours.push(other);
                level.weights.push(towards.weight[other as usize]);
            }
            level.starts.push(level.neighbours.len());
        }
        (level, owner)
    }
}

/// Weights of a node's edges, summed by the community of the other end.
struct Towards {
    weight: Vec<f64>,
    seen: Vec<bool>,
    communities: Vec<u32>,
}

impl Towards {
    fn new(n: usize) -> Self {
        Self {
            weight: vec![0.0; n],
            seen: vec![false; n],
            communities: Vec::new(),
        }
    }

    fn gather(&mut self, edges: impl Iterator<Item = (u32, f64)>) {
        for &c in &self.communities {
            self.weight[c as usize] = 0.0;
            self.seen[c as usize] = false;
        }
        self.communities.clear();
        for (c, w) in edges {
            if !self.seen[c as usize] {
                self.seen[c as usize] = true;
                self.communities.push(c);
            }
            self.weight[c as usize] += w;
        }
    }
}
