//! Similarities as an embedding predicts them, averaged over given third stimuli.

use super::places;
use crate::Embedding;
use crate::evaluate::{
    EvaluationError,
    score::{Rows, Scoring},
};
use emotome_stimuli::run::Run;
use ndarray::Array2;
use rayon::prelude::*;

/// S_ij = mean over k ∈ `thirds` ∖ {i, j} of P(pair ij | i, j, k), for i, j ∈ `items`; 1 on the diagonal.
///
/// NaN where no third is left. With e = exp(s/τ − max) of every pair computed once, a cell is
/// e_ij Σ_k 1 / (e_ij + e_ik + e_jk): O(|items|² |thirds| / 2) divisions, O(|items| |thirds|)
/// memory. Similarities more than 600 τ below the largest are summed in logs, so nothing overflows
/// or vanishes. Bit-identical at any thread count.
///
/// # Errors
/// Items out of range or repeated, parameters out of range, or an interrupt.
pub fn predicted(
    embedding: &Embedding,
    items: &[usize],
    thirds: &[usize],
    scoring: &Scoring,
    run: Run<'_>,
) -> Result<Array2<f64>, EvaluationError> {
    scoring.check()?;
    let n = embedding.n_stimuli();
    places("items", items, n)?;
    let third_place = places("thirds", thirds, n)?;
    let rows = Rows::new(embedding);
    let similarity =
        |i: usize, j: usize| scoring.similarity.of(rows.row(i), rows.row(j)) / scoring.temperature;
    let table = |others: &[usize]| -> Vec<f64> {
        items
            .par_iter()
            .flat_map_iter(|&i| {
                // A stimulus is no third to itself: an infinite weight makes its term vanish.
                others.iter().map(move |&k| {
                    if k == i {
                        f64::INFINITY
                    } else {
                        similarity(i, k)
                    }
                })
            })
            .collect()
    };
    let (mut pair, mut third) = (table(items), table(thirds));
    let largest = pair
        .par_iter()
        .chain(&third)
        .copied()
        .filter(|s| s.is_finite())
        .reduce(|| f64::NEG_INFINITY, f64::max);
    for table in [&mut pair, &mut third] {
        table.par_iter_mut().for_each(|s| *s = (*s - largest).exp());
    }
    let (n_items, n_thirds) = (items.len(), thirds.len());
    let smallest = (-600_f64).exp();
    run.progress
        .begin("predicting similarities", Some(n_items as u64));
    let upper: Option<Vec<Vec<f64>>> = (0..n_items)
        .into_par_iter()
        .map(|a| {
            if run.interrupt.requested() {
                return None;
            }
            let with_a = &third[a * n_thirds..(a + 1) * n_thirds];
            let row = (a + 1..n_items)
                .map(|b| {
                    let (i, j) = (items[a], items[b]);
                    let left = n_thirds
                        - usize::from(third_place[i].is_some())
                        - usize::from(third_place[j].is_some());
                    let e = pair[a * n_items + b];
                    let total = if e >= smallest {
                        e * reciprocal_sum(e, with_a, &third[b * n_thirds..(b + 1) * n_thirds])
                    } else {
                        let s = similarity(i, j);
                        let odds = |x: usize, k: usize| (similarity(x, k) - s).exp();
                        let others = thirds.iter().filter(|&&k| k != i && k != j);
                        others.map(|&k| 1.0 / (1.0 + odds(i, k) + odds(j, k))).sum()
                    };
                    if left == 0 {
                        f64::NAN
                    } else {
                        scoring.with_lapse(total / left as f64)
                    }
                })
                .collect();
            run.progress.advance(1);
            Some(row)
        })
        .collect();
    run.progress.end();
    let upper = upper.ok_or(EvaluationError::Interrupted)?;
    Ok(Array2::from_shape_fn(
        (n_items, n_items),
        |(a, b)| match a.cmp(&b) {
            std::cmp::Ordering::Less => upper[a][b - a - 1],
            std::cmp::Ordering::Equal => 1.0,
            std::cmp::Ordering::Greater => upper[b][a - b - 1],
        },
    ))
}

/// Σ_k 1 / (e + x_k + y_k), in a fixed order.
#[inline]
fn reciprocal_sum(e: f64, x: &[f64], y: &[f64]) -> f64 {
    const LANES: usize = 8;
    let mut sums = [0.0; LANES];
    let (x_blocks, y_blocks) = (x.chunks_exact(LANES), y.chunks_exact(LANES));
    let rest = x_blocks.remainder().iter().zip(y_blocks.remainder());
    for (x, y) in x_blocks.zip(y_blocks) {
        for lane in 0..LANES {
            sums[lane] += 1.0 / (e + x[lane] + y[lane]);
        }
    }
    for (lane, (x, y)) in rest.enumerate() {
        sums[lane] += 1.0 / (e + x + y);
    }
    sums.iter().sum()
}
