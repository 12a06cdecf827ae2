//! The affinities of t-SNE: how probable it is that two items are taken for neighbours.

use super::kernel::{APART, Square, gaussian};
use super::space::Distances;
use super::tsne::Falloff;
use super::{MapError, proceed};
use emotome_lanes::InstructionSet;
use emotome_stimuli::run::Run;
use rayon::prelude::*;

/// Halvings at most; ends where duplicates make a perplexity out of reach, as in scikit-learn.
const SEARCH: usize = 100;
/// Side of the tiles in which a matrix is made symmetric.
const TILE: usize = 64;

/// Distances, padded with `APART`, as shares of the largest.
pub(super) fn shares(distances: &Distances<'_>) -> Square {
    let n = distances.items();
    let mut square = Square::new(n, APART);
    square.each_row(|i, row| {
        let mut exact = vec![0.0; n];
        distances.row(i, &mut exact);
        for (out, d) in row.iter_mut().zip(exact) {
            *out = d as f32;
        }
    });
    let largest = (0..n)
        .into_par_iter()
        .map(|i| square.row(i)[..n].iter().fold(0.0_f32, |m, &d| m.max(d)))
        .reduce(|| 0.0, f32::max);
    square.each_row(|_, row| row[..n].iter_mut().for_each(|d| *d /= largest));
    square
}

/// Turns shares of the largest distance into P, which sums to 1 over all pairs, both ways: O(n²) a halving.
pub(super) fn affinities(
    mut d: Square,
    perplexities: &[f64],
    falloff: Falloff,
    tolerance: f64,
    run: Run<'_>,
) -> Result<Square, MapError> {
    let n = d.n;
    let set = InstructionSet::detect();
    let share = 1.0 / (perplexities.len() * 2 * n) as f64;
    run.progress.begin("affinities", Some(n as u64));
    d.each_row(|i, row| {
        if run.interrupt.requested() {
            return;
        }
        if falloff == Falloff::Squared {
            row[..n].iter_mut().for_each(|d| *d *= *d);
        }
        row[i] = APART;
        let nearest = row[..n].iter().fold(APART, |m, &d| m.min(d));
        // Relative to the nearest, whose affinity is 1 before scaling, no β makes all vanish.
        row.iter_mut().for_each(|d| {
            if *d < APART {
                *d -= nearest;
            }
        });
        let mut sum = vec![0.0_f32; row.len()];
        let mut one = vec![0.0_f32; row.len()];
        for &perplexity in perplexities {
            let beta = search(set, row, perplexity, tolerance);
            let (total, _) = gaussian(set, row, beta, Some(&mut one));
            let scale = (share / total) as f32;
            for (sum, one) in sum.iter_mut().zip(&one) {
                *sum += scale * one;
            }
        }
        row.copy_from_slice(&sum);
        run.progress.advance(1);
    });
    proceed(run)?;
    run.progress.end();
    symmetrise(&mut d);
    Ok(d)
}

/// The β at which the entropy of e^(−β d) is the logarithm of the perplexity.
fn search(set: InstructionSet, d: &[f32], perplexity: f64, tolerance: f64) -> f32 {
    let target = perplexity.ln();
    let (mut low, mut high, mut beta) = (0.0_f64, f64::INFINITY, 1.0_f64);
    for _ in 0..SEARCH {
        let (sum, moment) = gaussian(set, d, beta as f32, None);
        let excess = sum.ln() + beta * moment / sum - target;
        if excess.abs() <= tolerance {
            break;
        }
        if excess > 0.0 {
            low = beta;
            beta = if high.is_finite() {
                (low + high) / 2.0
            } else {
                2.0 * beta
            };
        } else {
            high = beta;
            beta = (low + high) / 2.0;
        }
    }
    beta as f32
}

/// P + Pᵀ in place.
fn symmetrise(p: &mut Square) {
    let (n, stride) = (p.n, p.stride);
    for top in (0..n).step_by(TILE) {
        for left in (0..=top).step_by(TILE) {
            for i in top..n.min(top + TILE) {
                for j in left..i.min(left + TILE) {
                    let both = p.values[i * stride + j] + p.values[j * stride + i];
                    p.values[i * stride + j] = both;
                    p.values[j * stride + i] = both;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::maps::Space;
    use emotome_stimuli::run::{Interrupt, Silent};
    use ndarray::Array2;

    #[test]
    fn affinities_are_those_of_scikit_learn() {
        let fixture: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/fixtures/maps.json")).unwrap();
        let rows: Vec<Vec<f64>> = serde_json::from_value(fixture["points"].clone()).unwrap();
        let expected: Vec<Vec<f64>> =
            serde_json::from_value(fixture["affinities"].clone()).unwrap();
        let points = Array2::from_shape_fn((rows.len(), rows[0].len()), |(i, j)| rows[i][j]);
        let distances = Distances::new(Space::euclidean(points.view())).unwrap();
        let interrupt = Interrupt::default();
        let run = Run {
            progress: &Silent,
            interrupt: &interrupt,
        };
        let p = affinities(shares(&distances), &[20.0], Falloff::Squared, 1e-5, run).unwrap();
        for (i, expected) in expected.iter().enumerate() {
            for (j, &expected) in expected.iter().enumerate() {
                let found = f64::from(p.row(i)[j]);
                // Both searches end within 1e-5 of the entropy.
                assert!(
                    (found - expected).abs() <= 2e-4 * expected + 1e-12,
                    "p of {i} and {j} is {found:e}, expected {expected:e}"
                );
            }
        }
        let total: f64 = (0..p.n).flat_map(|i| p.row(i)).map(|&p| f64::from(p)).sum();
        assert!((total - 1.0).abs() < 1e-5, "P sums to {total}");
    }
}
