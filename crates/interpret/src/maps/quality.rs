//! How much of the neighbourhoods a map keeps.

use super::neighbours::Neighbours;
use super::space::{Distances, Space};
use super::{MapError, proceed};
use emotome_stats::correlation::spearman;
use emotome_stats::summary::mean;
use emotome_stimuli::run::Run;
use ndarray::ArrayView2;
use rayon::prelude::*;

/// The most items whose pairs [`distance_correlation`] ranks: 50 million pairs, 2 GB.
pub const PAIR_LIMIT: usize = 10_000;

/// How much of the `k`-neighbourhoods a map keeps; all three from 0 to 1, 1 where all is kept.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Quality {
    /// The number of neighbours looked at.
    pub k: usize,
    /// Whether neighbours in the map are neighbours in truth: 1 − 2 / (n k (2 n − 3 k − 1)) · Σᵢ Σ over the k
    /// neighbours j of i in the map of max(0, r(i, j) − k), with r(i, j) the rank of j among the neighbours
    /// of i in the space, from 1.
    pub trustworthiness: f64,
    /// Whether neighbours in truth are neighbours in the map: the same with the two exchanged.
    pub continuity: f64,
    /// The mean share of the k neighbours in the space that are among the k neighbours in the map.
    pub preservation: f64,
}

/// Compares the neighbourhoods of a map, n × any number of axes, with those of the space that it shows.
///
/// Trustworthiness and continuity: Venna & Kaski (2001), doi:10.1007/3-540-44668-0_68, in scikit-learn's
/// terms. Equally distant items rank in their order. O(n² (d + k)) time, O(n k) memory.
///
/// ```
/// use emotome_interpret::maps::{Space, quality::quality};
/// use emotome_stimuli::run::{Interrupt, Run, Silent};
/// let line = ndarray::Array2::from_shape_fn((9, 2), |(i, _)| (i * i) as f64);
/// let interrupt = Interrupt::default();
/// let run = Run { progress: &Silent, interrupt: &interrupt };
/// let kept = quality(Space::euclidean(line.view()), line.view(), 3, run)?;
/// assert_eq!((kept.trustworthiness, kept.preservation), (1.0, 1.0));
/// # Ok::<(), emotome_interpret::maps::MapError>(())
/// ```
///
/// # Errors
/// If the shapes disagree, `k` is not in 1 ≤ k < n/2, a value is not finite, or either has all items in one
/// place.
pub fn quality(
    space: Space<'_>,
    map: ArrayView2<'_, f64>,
    k: usize,
    run: Run<'_>,
) -> Result<Quality, MapError> {
    let (space, map) = both(space, map)?;
    let n = space.items();
    MapError::unless(
        k >= 1 && 2 * k < n,
        "k",
        k as f64,
        &format!("1 or more, and less than half of the {n} items"),
    )?;
    run.progress.begin("comparing neighbourhoods", Some(4));
    let near = Neighbours::exact(&space, k);
    run.progress.advance(1);
    proceed(run)?;
    let shown = Neighbours::exact(&map, k);
    run.progress.advance(1);
    proceed(run)?;
    let shares: Vec<f64> = (0..n)
        .map(|i| {
            shown
                .of(i)
                .iter()
                .filter(|&j| near.of(i).contains(j))
                .count() as f64
                / k as f64
        })
        .collect();
    let trustworthiness = trust(&space, &shown);
    run.progress.advance(1);
    proceed(run)?;
    let continuity = trust(&map, &near);
    run.progress.end();
    Ok(Quality {
        k,
        trustworthiness,
        continuity,
        preservation: mean(&shares),
    })
}

/// Spearman's correlation of all n (n − 1)/2 distances in a map with those in the space that it shows.
///
/// O(n² (d + log n)) time, O(n²) memory.
///
/// # Errors
/// As [`quality`], and above [`PAIR_LIMIT`] items.
pub fn distance_correlation(
    space: Space<'_>,
    map: ArrayView2<'_, f64>,
    run: Run<'_>,
) -> Result<f64, MapError> {
    let n = space.items();
    if n > PAIR_LIMIT {
        return Err(MapError::TooMany {
            n,
            limit: PAIR_LIMIT,
        });
    }
    let (space, map) = both(space, map)?;
    proceed(run)?;
    let (space, map) = (pairs(&space), pairs(&map));
    proceed(run)?;
    Ok(spearman(&space, &map))
}

fn both<'s, 'm>(
    space: Space<'s>,
    map: ArrayView2<'m, f64>,
) -> Result<(Distances<'s>, Distances<'m>), MapError> {
    if map.nrows() != space.items() {
        let (rows, columns) = map.dim();
        let expected = format!("a row for each of the {} items of the space", space.items());
        return Err(MapError::Shape {
            what: "the map",
            rows,
            columns,
            expected,
        });
    }
    Ok((
        Distances::new(space)?,
        Distances::new(Space::euclidean(map))?,
    ))
}

/// Distances of items i < j, i ascending.
fn pairs(distances: &Distances<'_>) -> Vec<f64> {
    let n = distances.items();
    let mut all = Vec::with_capacity(n * (n - 1) / 2);
    let mut row = vec![0.0; n];
    for i in 0..n {
        distances.row(i, &mut row);
        all.extend_from_slice(&row[i + 1..]);
    }
    all
}

/// The trustworthiness of neighbourhoods `shown` in a space of `truth`.
fn trust(truth: &Distances<'_>, shown: &Neighbours) -> f64 {
    let (n, k) = (truth.items(), shown.k);
    let excess: u64 = (0..n)
        .into_par_iter()
        .map_init(
            || vec![0.0; n],
            |row, i| {
                truth.row(i, row);
                row[i] = f64::INFINITY;
                shown
                    .of(i)
                    .iter()
                    .map(|&j| rank(row, j as usize).saturating_sub(k) as u64)
                    .sum::<u64>()
            },
        )
        .sum();
    let (n, k) = (n as f64, k as f64);
    1.0 - excess as f64 * (2.0 / (n * k * (2.0 * n - 3.0 * k - 1.0)))
}

/// The rank of `row[j]`, from 1; the earlier of equals comes first.
fn rank(row: &[f64], j: usize) -> usize {
    let own = row[j];
    let before = row[..j].iter().filter(|&&d| d <= own).count();
    1 + before + row[j + 1..].iter().filter(|&&d| d < own).count()
}
