//! Where the items of a map stand before the first step.

use super::lanczos::largest;
use super::space::Distances;
use emotome_stats::random::{CounterRng, Seed};
use emotome_stats::summary::mean;
use rayon::prelude::*;

/// Items per task.
const TASK_ITEMS: usize = 16;
/// Share of the first axis's variance below which the second is taken for none.
const FLAT: f64 = 1e-12;

/// The two first principal components of points, or the two first axes of classical scaling of distances:
/// the same where the distances are Euclidean.
///
/// Torgerson (1952), doi:10.1007/BF02288916. Axes where items do not differ are filled with normal noise of a
/// hundredth of the first axis's deviation: a map that starts on a line stays on it. O(n d) or O(n²) a step
/// of at most 400.
pub(super) fn principal(distances: &Distances<'_>) -> Vec<[f64; 2]> {
    let n = distances.items();
    let found = match distances.features() {
        Some(features) => {
            let centred: Vec<Vec<f64>> = features
                .chunks_exact(n)
                .map(|feature| {
                    let centre = mean(feature);
                    feature.iter().map(|x| x - centre).collect()
                })
                .collect();
            largest(n, 2, &[], |x, y| gram(&centred, x, y))
        }
        None => largest(n, 2, &[], |x, y| doubly_centred(distances, x, y)),
    };
    let mut rng = CounterRng::new(Seed(0).derive("noise of a flat axis"), 0);
    let first = found.first().map_or(0.0, |pair| pair.0.max(0.0));
    let mut start = vec![[0.0; 2]; n];
    for axis in 0..2 {
        let pair = found.get(axis).filter(|pair| pair.0 > FLAT * first);
        for (i, place) in start.iter_mut().enumerate() {
            place[axis] = match pair {
                Some((value, vector)) => vector[i] * value.sqrt(),
                None => 0.01 * (first / n as f64).sqrt() * rng.normal(),
            };
        }
    }
    start
}

/// y = X Xᵀ x.
fn gram(centred: &[Vec<f64>], x: &[f64], y: &mut [f64]) {
    y.fill(0.0);
    for feature in centred {
        let along: f64 = feature.iter().zip(x).map(|(f, x)| f * x).sum();
        for (y, f) in y.iter_mut().zip(feature) {
            *y += along * f;
        }
    }
}

/// y = −½ J D² J x with the centring J and the squares of the distances D².
fn doubly_centred(distances: &Distances<'_>, x: &[f64], y: &mut [f64]) {
    let n = x.len();
    let centre = mean(x);
    y.par_chunks_mut(TASK_ITEMS)
        .enumerate()
        .for_each(|(task, y)| {
            let mut row = vec![0.0; n];
            for (i, y) in y.iter_mut().enumerate() {
                distances.row(task * TASK_ITEMS + i, &mut row);
                *y = -0.5
                    * row
                        .iter()
                        .zip(x)
                        .map(|(d, x)| d * d * (x - centre))
                        .sum::<f64>();
            }
        });
    let centre = mean(y);
    y.iter_mut().for_each(|y| *y -= centre);
}
