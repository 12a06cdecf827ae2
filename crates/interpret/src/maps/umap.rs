//! UMAP: a map that keeps a graph of nearest neighbours, at any number of items.

use super::fuzzy::Graph;
use super::lanczos::largest;
use super::neighbours::Neighbours;
use super::space::{Distances, Space};
use super::start::principal;
use super::{MapError, curve, proceed};
use emotome_stats::random::{CounterRng, Seed};
use emotome_stimuli::run::Run;
use rayon::prelude::*;

/// The extent of a start's larger axis, and the deviation of the noise that parts equal items.
const EXTENT: f64 = 10.0;
const NOISE: f64 = 1e-4;
/// The longest step along an axis.
const LONGEST: f64 = 4.0;
/// Keeps the push between two places finite.
const SOFTENING: f64 = 1e-3;
/// Items above which fewer epochs are the default.
const MANY: usize = 10_000;

/// How a UMAP map is made.
///
/// | parameter | default |
/// |---|---|
/// | `neighbours`, the item itself counted | 15 |
/// | `min_dist`, `spread` | 0.1, 1 |
/// | `epochs` | 500 up to 10,000 items, else 200 |
/// | `learning_rate`, falling to 0 | 1 |
/// | `negatives` for each attraction | 5 |
/// | `repulsion` | 1 |
#[derive(Debug, Clone, PartialEq)]
pub struct UmapParams {
    /// Size of a neighbourhood, the item itself counted as in umap-learn; from 3 to n.
    pub neighbours: usize,
    /// How near items of a neighbourhood may come, up to `spread`.
    pub min_dist: f64,
    /// The scale of the map.
    pub spread: f64,
    /// Passes over the graph.
    pub epochs: Option<u64>,
    /// First learning rate.
    pub learning_rate: f64,
    /// Items that push for each that pulls.
    pub negatives: u32,
    /// Weight of a push.
    pub repulsion: f64,
}

impl Default for UmapParams {
    fn default() -> Self {
        Self {
            neighbours: 15,
            min_dist: 0.1,
            spread: 1.0,
            epochs: None,
            learning_rate: 1.0,
            negatives: 5,
            repulsion: 1.0,
        }
    }
}

impl UmapParams {
    fn check(&self, n: usize) -> Result<(), MapError> {
        let k = self.neighbours;
        let expected = format!("from 3 to the number of items, {n}");
        MapError::unless((3..=n).contains(&k), "neighbours", k as f64, &expected)?;
        let positive = |x: f64| x > 0.0 && x.is_finite();
        MapError::unless(positive(self.spread), "spread", self.spread, "above 0")?;
        let fits = (0.0..=self.spread).contains(&self.min_dist);
        MapError::unless(fits, "min_dist", self.min_dist, "from 0 to `spread`")?;
        MapError::unless(
            positive(self.learning_rate),
            "learning_rate",
            self.learning_rate,
            "above 0",
        )?;
        let pushes = self.repulsion >= 0.0 && self.repulsion.is_finite();
        MapError::unless(pushes, "repulsion", self.repulsion, "0 or more")?;
        MapError::unless(self.epochs != Some(0), "epochs", 0.0, "at least 1")
    }
}

/// A UMAP map.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Umap {
    /// Places, n × 2.
    pub map: Vec<[f64; 2]>,
    /// Of the curve 1/(1 + a d^(2b)).
    pub a: f64,
    /// Of the curve 1/(1 + a d^(2b)).
    pub b: f64,
    /// Edges of the graph, each pair once.
    pub edges: usize,
    /// Unconnected parts of the graph; how they lie to each other is decided by the start alone.
    pub components: u32,
    /// Whether the start is spectral; of a graph in parts, and of fewer than five items, it is principal.
    pub spectral: bool,
    /// Passes made.
    pub epochs: u64,
}

/// Draws a map by UMAP: McInnes, Healy & Melville (2018), doi:10.48550/arXiv.1802.03426.
///
/// Nearest neighbours are exact. Each epoch samples edges in proportion to their weight, one after the other:
/// an edge pulls both its ends, then `negatives` items drawn at random push its first; draws are a function of
/// seed and epoch. Duplicates are neighbours at distance 0 and count as such.
///
/// O(n² d) for the neighbours, then O(edges × negatives) an epoch.
///
/// # Errors
/// If a parameter is out of range, the space is no space or has all items in one place; if interrupted.
pub fn umap(
    space: Space<'_>,
    params: &UmapParams,
    seed: Seed,
    run: Run<'_>,
) -> Result<Umap, MapError> {
    let n = space.items();
    params.check(n)?;
    let distances = Distances::new(space)?;
    run.progress.begin("nearest neighbours", None);
    let near = Neighbours::exact(&distances, params.neighbours - 1);
    run.progress.end();
    proceed(run)?;
    let mut graph = Graph::union(&near);
    let (_, components) = graph.components();
    let epochs = params.epochs.unwrap_or(if n <= MANY { 500 } else { 200 });
    let strongest = graph.edges.iter().fold(0.0_f64, |m, e| m.max(e.weight));
    let spectral = (components == 1 && n >= 5)
        .then(|| eigenmap(&graph))
        .flatten();
    let is_spectral = spectral.is_some();
    let mut places = spectral.unwrap_or_else(|| principal(&distances));
    spread_out(&mut places, seed);
    // An edge that would not be sampled once in all epochs.
    graph
        .edges
        .retain(|e| e.weight * epochs as f64 >= strongest);
    let edges = graph.edges.len() / 2;
    let (a, b) = curve::fit(params.min_dist, params.spread);
    Descent {
        a,
        b,
        epochs,
        strongest,
        params,
        seed,
    }
    .run(&graph, &mut places, run)?;
    Ok(Umap {
        map: places,
        a,
        b,
        edges,
        components,
        spectral: is_spectral,
        epochs,
    })
}

/// The second and third eigenvectors of the normalised Laplacian 1 − W̄, W̄ = D^(−½) W D^(−½).
///
/// Belkin & Niyogi (2003), doi:10.1162/089976603321780317. `None` where there are not two.
fn eigenmap(graph: &Graph) -> Option<Vec<[f64; 2]>> {
    let n = graph.n;
    let starts = graph.starts();
    let edges = |i: usize| &graph.edges[starts[i]..starts[i + 1]];
    let roots: Vec<f64> = (0..n)
        .map(|i| edges(i).iter().map(|e| e.weight).sum::<f64>().sqrt())
        .collect();
    let norm = roots.iter().map(|r| r * r).sum::<f64>().sqrt();
    let first = roots.iter().map(|r| r / norm).collect();
    let found = largest(n, 2, &[first], |x, y| {
        y.par_iter_mut()
            .with_min_len(256)
            .enumerate()
            .for_each(|(i, y)| {
                let sum: f64 = edges(i)
                    .iter()
                    .map(|e| e.weight * x[e.to as usize] / roots[e.to as usize])
                    .sum();
                *y = sum / roots[i];
            });
    });
    let [(_, x), (_, y)] = <[_; 2]>::try_from(found).ok()?;
    Some(x.into_iter().zip(y).map(|(x, y)| [x, y]).collect())
}

/// Brings each axis to 0 … `EXTENT`, with a little noise.
fn spread_out(places: &mut [[f64; 2]], seed: Seed) {
    let mut rng = CounterRng::new(seed.derive("UMAP start"), 0);
    let largest = places.iter().flatten().fold(0.0_f64, |m, x| m.max(x.abs()));
    places
        .iter_mut()
        .flatten()
        .for_each(|x| *x = *x / largest * EXTENT + NOISE * rng.normal());
    for axis in 0..2 {
        let low = places.iter().fold(f64::INFINITY, |m, p| m.min(p[axis]));
        let high = places.iter().fold(f64::NEG_INFINITY, |m, p| m.max(p[axis]));
        places
            .iter_mut()
            .for_each(|p| p[axis] = EXTENT * (p[axis] - low) / (high - low));
    }
}

struct Descent<'a> {
    a: f64,
    b: f64,
    epochs: u64,
    strongest: f64,
    params: &'a UmapParams,
    seed: Seed,
}

impl Descent<'_> {
    fn run(&self, graph: &Graph, places: &mut [[f64; 2]], run: Run<'_>) -> Result<(), MapError> {
        let n = graph.n as u32;
        let draws = self.seed.derive("UMAP negatives");
        let negatives = f64::from(self.params.negatives);
        // The epochs from one sample of an edge to the next, and when the next sample and push are due.
        let every: Vec<f64> = graph
            .edges
            .iter()
            .map(|e| self.strongest / e.weight)
            .collect();
        let mut due = every.clone();
        let mut push_due: Vec<f64> = every.iter().map(|e| e / negatives).collect();
        run.progress.begin("UMAP", Some(self.epochs));
        for epoch in 0..self.epochs {
            proceed(run)?;
            let rate = self.params.learning_rate * (1.0 - epoch as f64 / self.epochs as f64);
            let now = epoch as f64;
            let mut rng = CounterRng::new(draws, epoch);
            for (e, edge) in graph.edges.iter().enumerate() {
                if due[e] > now {
                    continue;
                }
                let (i, j) = (edge.from as usize, edge.to as usize);
                let step = self.pull(places[i], places[j]).map(|s| rate * s);
                for axis in 0..2 {
                    places[i][axis] += step[axis];
                    places[j][axis] -= step[axis];
                }
                due[e] += every[e];
                let each = every[e] / negatives;
                let pushes = ((now - push_due[e]) / each).max(0.0) as u32;
                for _ in 0..pushes {
                    let other = rng.below_word(n) as usize;
                    if other != i {
                        let step = self.push(places[i], places[other]);
                        places[i][0] += rate * step[0];
                        places[i][1] += rate * step[1];
                    }
                }
                push_due[e] += f64::from(pushes) * each;
            }
            run.progress.advance(1);
        }
        run.progress.end();
        Ok(())
    }

    /// The gradient of ln(1/(1 + a d^(2b))) at `p`.
    fn pull(&self, p: [f64; 2], q: [f64; 2]) -> [f64; 2] {
        let (dx, dy) = (p[0] - q[0], p[1] - q[1]);
        let square = dx * dx + dy * dy;
        if square == 0.0 {
            return [0.0; 2];
        }
        let power = self.a * power(square, self.b);
        let slope = -2.0 * self.b * power / (square * (power + 1.0));
        [dx, dy].map(|d| (slope * d).clamp(-LONGEST, LONGEST))
    }

    /// The gradient of ln(1 − 1/(1 + a d^(2b))) at `p`, softened.
    fn push(&self, p: [f64; 2], q: [f64; 2]) -> [f64; 2] {
        let (dx, dy) = (p[0] - q[0], p[1] - q[1]);
        let square = dx * dx + dy * dy;
        if square == 0.0 {
            return [0.0; 2];
        }
        let power = self.a * power(square, self.b);
        let slope = 2.0 * self.params.repulsion * self.b / ((SOFTENING + square) * (power + 1.0));
        [dx, dy].map(|d| (slope * d).clamp(-LONGEST, LONGEST))
    }
}

/// x^b for normal x > 0 with relative error below 10⁻⁸, by additions, products and one quotient alone, so that
/// all machines agree on its bits, as their own powers do not.
fn power(x: f64, b: f64) -> f64 {
    let bits = x.max(f64::MIN_POSITIVE).to_bits();
    let mut exponent = (bits >> 52) as i64 - 1023;
    let mut m = f64::from_bits(bits & 0x000f_ffff_ffff_ffff | 0x3ff0_0000_0000_0000);
    if m > std::f64::consts::SQRT_2 {
        m *= 0.5;
        exponent += 1;
    }
    let s = (m - 1.0) / (m + 1.0);
    let z = s * s;
    let series = 1.0 + z * (1.0 / 3.0 + z * (0.2 + z * (1.0 / 7.0 + z * (1.0 / 9.0 + z / 11.0))));
    let log = b * (exponent as f64 + 2.0 * std::f64::consts::LOG2_E * s * series);
    let log = log.clamp(-1000.0, 1000.0);
    // Adding 1.5 · 2⁵² rounds to an integer.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    let whole = (log + ROUND) - ROUND;
    let r = (log - whole) * std::f64::consts::LN_2;
    let mut e = 1.0 / 40_320.0;
    for c in [
        1.0 / 5040.0,
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
        1.0,
        1.0,
    ] {
        e = e * r + c;
    }
    e * f64::from_bits(((whole as i64 + 1023) as u64) << 52)
}

#[cfg(test)]
mod tests {
    use super::power;

    #[test]
    fn powers_are_those_of_the_standard_library() {
        for i in -400..400 {
            let x = 1.0937_f64.powi(i);
            for b in [0.3, 0.79, 0.895, 1.0, 1.6] {
                let error = (power(x, b) / x.powf(b) - 1.0).abs();
                assert!(error < 1e-8, "{x} to the {b}: relative error {error:e}");
            }
        }
        assert!(power(1e-320, 0.9).is_finite() && power(1e300, 1.9).is_finite());
    }
}
