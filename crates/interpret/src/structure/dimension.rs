//! How many dimensions has the space? Of its variance, of its neighbourhoods, and beyond chance.

use emotome_stats::random::CounterRng;
use emotome_stats::summary::{mean, quantile};
use emotome_stimuli::run::Run;
use faer::{Mat, Side};
use ndarray::{Array2, ArrayView2, Axis};
use serde::{Deserialize, Serialize};

use super::{Estimate, StructureError, centred, replicate};
use crate::maps::Space;
use crate::maps::neighbours::Neighbours;
use crate::maps::space::Distances;
use crate::resampling::Resampling;

/// How dimensions are counted.
///
/// | parameter | default | why |
/// |---|---|---|
/// | `standardise` | no | neighbours and variance in the space as it is; parallel analysis always standardises |
/// | `discard` | 0.1 | share of the largest ratios left out of the two-neighbour fit, as published |
/// | `neighbours` | 10 … 20 | over which likelihood estimates are averaged, as published |
/// | `resampling` | 1000 bootstraps, 1000 permutations, 95 % | permutations are those of parallel analysis |
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DimensionParams {
    /// Whether columns get variance 1 first.
    pub standardise: bool,
    /// Share of the largest ratios left out of the two-neighbour fit.
    pub discard: f64,
    /// Fewest and most neighbours of the likelihood estimates.
    pub neighbours: [usize; 2],
    /// Intervals, and draws of parallel analysis.
    pub resampling: Resampling,
}

impl Default for DimensionParams {
    fn default() -> Self {
        Self {
            standardise: false,
            discard: 0.1,
            neighbours: [10, 20],
            resampling: Resampling::default(),
        }
    }
}

/// The dimensions of a space of n stimuli.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Dimensionality {
    /// The number of stimuli.
    pub items: usize,
    /// The number of columns that vary.
    pub columns: usize,
    /// (Σ λ)² / Σ λ², λ the eigenvalues of the covariance: from 1 to the number of columns.
    pub participation: Estimate,
    /// From the ratio μ of the distances to the second and the first neighbour: the slope through the origin of
    /// −ln(1 − rank/n) on ln μ.
    pub two_nearest: Estimate,
    /// From the distances T_j to k neighbours: 1/d = mean over stimuli of Σ_j ln(T_k / T_j) / (k − 1), d averaged
    /// over k.
    pub likelihood: Estimate,
    /// Stimuli left out of the two estimates from neighbours: others are in the same place.
    pub duplicates: usize,
    /// Leading principal components with more variance than those of independent columns.
    pub parallel: usize,
    /// The eigenvalues of the correlations, descending.
    pub eigenvalues: Vec<f64>,
    /// What of them chance exceeds with probability 1 − level.
    pub critical: Vec<f64>,
}

/// Counts the dimensions of a space (n × d) in four ways.
///
/// The participation ratio counts directions of variance, whatever their shape. The estimates from neighbours
/// count the directions in which a stimulus can move to another like it; noise makes them larger, sparse samples
/// of many dimensions make them smaller. Parallel analysis counts components of correlated columns. Intervals
/// resample stimuli; those from neighbours keep each stimulus's neighbours, so they are conditional on them.
/// O(n² d + B n d² + P (n d² + d³)).
///
/// # Errors
/// [`StructureError`]: values that are no numbers, a parameter out of range, too few stimuli that differ, or
/// interrupted.
///
/// # Sources
/// Facco et al. (2017), doi:10.1038/s41598-017-11873-y; Levina & Bickel (2004), NIPS 17, with the average of
/// MacKay & Ghahramani (2005); Horn (1965), doi:10.1007/BF02289447; Gao et al. (2017), doi:10.1101/214262
/// (participation ratio).
pub fn dimensionality(
    points: ArrayView2<'_, f64>,
    params: &DimensionParams,
    run: Run<'_>,
) -> Result<Dimensionality, StructureError> {
    let draws = &params.resampling;
    params.check(points)?;
    let n = points.nrows();
    let x = centred(points, params.standardise);
    let varying = x
        .columns()
        .into_iter()
        .filter(|c| c.iter().any(|v| *v != 0.0));
    let columns = varying.count();
    StructureError::unless_enough("columns that vary", columns, 1, "check the embedding")?;
    let participation = draws.bootstrap(n, "participation bootstrap", run, |weights| {
        participation(&x, weights)
    })?;
    let estimate = self::participation(&x, &vec![1.0; n]);

    let [fewest, most] = params.neighbours;
    let near = Neighbours::exact(&Distances::new(Space::euclidean(x.view()))?, most);
    let distinct: Vec<usize> = (0..n).filter(|&i| near.lengths(i)[0] > 0.0).collect();
    let remedy = "take more stimuli, or leave out those with the same values";
    StructureError::unless_enough("stimuli that differ", distinct.len(), 10, remedy)?;
    let mut ratios: Vec<f64> = distinct
        .iter()
        .map(|&i| (near.lengths(i)[1] / near.lengths(i)[0]).ln())
        .collect();
    ratios.sort_unstable_by(f64::total_cmp);
    let two = |weights: &[f64]| two_nearest(&ratios, weights, params.discard);
    let two_bootstrap = draws.bootstrap(ratios.len(), "two nearest bootstrap", run, two)?;
    // Σ_j ln(T_k / T_j) / (k − 1) of each stimulus (rows) for each k.
    let inverse = Array2::from_shape_fn((distinct.len(), most - fewest + 1), |(i, k)| {
        let lengths = &near.lengths(distinct[i])[..fewest + k];
        let last = lengths[lengths.len() - 1];
        let logs = lengths[..lengths.len() - 1].iter().map(|t| (last / t).ln());
        logs.sum::<f64>() / (lengths.len() - 1) as f64
    });
    let likelihood = |weights: &[f64]| {
        let d = |k: ndarray::ArrayView1<'_, f64>| {
            let sum: f64 = k.iter().zip(weights).map(|(x, w)| x * w).sum();
            weights.len() as f64 / sum
        };
        mean(&inverse.columns().into_iter().map(d).collect::<Vec<_>>())
    };
    let likelihoods = draws.bootstrap(distinct.len(), "likelihood bootstrap", run, likelihood)?;
    let ones = vec![1.0; distinct.len()];
    let (eigenvalues, critical) = parallel(points, draws, run)?;
    Ok(Dimensionality {
        items: n,
        columns,
        participation: draws.estimate(estimate, &participation),
        two_nearest: draws.estimate(two(&ones), &two_bootstrap),
        likelihood: draws.estimate(likelihood(&ones), &likelihoods),
        duplicates: n - distinct.len(),
        parallel: count_above(&eigenvalues, &critical),
        eigenvalues,
        critical,
    })
}

impl DimensionParams {
    fn check(&self, points: ArrayView2<'_, f64>) -> Result<(), StructureError> {
        self.resampling.check()?;
        StructureError::unless_finite("points", points)?;
        let allowed = (0.0..0.9).contains(&self.discard);
        StructureError::unless(
            allowed,
            "the share discarded",
            self.discard,
            "from 0 to 0.9",
        )?;
        let [fewest, most] = self.neighbours;
        let allowed = fewest >= 3 && fewest <= most && most < points.nrows();
        let expected =
            "at least 3, at most the largest number, and that below the number of stimuli";
        StructureError::unless(
            allowed,
            "the smallest number of neighbours",
            fewest as f64,
            expected,
        )
    }
}

/// tr(Σ)² / tr(Σ²), Σ the covariance of weighted rows.
fn participation(x: &Array2<f64>, weights: &[f64]) -> f64 {
    let total: f64 = weights.iter().sum();
    let mut weighted = x.clone();
    for (mut row, weight) in weighted.rows_mut().into_iter().zip(weights) {
        row *= *weight;
    }
    let mean = weighted.sum_axis(Axis(0)) / total;
    let mut covariance = weighted.t().dot(x) / total;
    for ((i, j), c) in covariance.indexed_iter_mut() {
        *c -= mean[i] * mean[j];
    }
    let trace = covariance.diag().sum();
    trace * trace / covariance.iter().map(|c| c * c).sum::<f64>()
}

/// The slope through the origin of −ln(1 − F) on ln μ (ascending), F = rank / n, the largest left out.
fn two_nearest(logs: &[f64], weights: &[f64], discard: f64) -> f64 {
    let n: f64 = weights.iter().sum();
    // The largest ratio has F = 1, of which there is no logarithm.
    let kept = ((1.0 - discard) * n).floor().min(n - 1.0);
    let (mut rank, mut xy, mut xx) = (0.0, 0.0, 0.0);
    for (x, weight) in logs.iter().zip(weights) {
        for _ in 0..*weight as usize {
            if rank < kept {
                rank += 1.0;
                xy += x * -(1.0 - rank / n).ln();
                xx += x * x;
            }
        }
    }
    xy / xx
}

/// Eigenvalues of the correlations, and the critical ones of columns permuted independently.
fn parallel(
    points: ArrayView2<'_, f64>,
    draws: &Resampling,
    run: Run<'_>,
) -> Result<(Vec<f64>, Vec<f64>), StructureError> {
    let columns = centred(points, true)
        .reversed_axes()
        .as_standard_layout()
        .into_owned();
    let eigenvalues = spectrum(&columns)?;
    let seed = draws.seed("parallel analysis");
    let null = replicate(
        run,
        "Permuting columns",
        draws.permutations,
        |permutation| {
            let mut rng = CounterRng::new(seed, permutation as u64);
            let mut permuted = columns.clone();
            for mut column in permuted.rows_mut() {
                if let Some(column) = column.as_slice_mut() {
                    rng.shuffle(column);
                }
            }
            spectrum(&permuted)
        },
    )?;
    let critical = (0..eigenvalues.len()).map(|place| {
        let mut values: Vec<f64> = null.iter().map(|x| x[place]).collect();
        values.sort_unstable_by(f64::total_cmp);
        quantile(&values, draws.level)
    });
    Ok((eigenvalues, critical.collect()))
}

/// The number of components that [`dimensionality`] finds by parallel analysis, alone.
pub(super) fn parallel_count(
    points: ArrayView2<'_, f64>,
    draws: &Resampling,
    run: Run<'_>,
) -> Result<usize, StructureError> {
    let (eigenvalues, critical) = parallel(points, draws, run)?;
    Ok(count_above(&eigenvalues, &critical))
}

fn count_above(eigenvalues: &[f64], critical: &[f64]) -> usize {
    let above = |(value, critical): &(&f64, &f64)| value > critical;
    eigenvalues.iter().zip(critical).take_while(above).count()
}

/// Eigenvalues, descending, of the correlations of standardised columns, each in a row.
fn spectrum(columns: &Array2<f64>) -> Result<Vec<f64>, StructureError> {
    let d = columns.nrows();
    let products = columns.dot(&columns.t()) / columns.ncols() as f64;
    let failed = StructureError::Decomposition {
        what: "the correlations of the space",
    };
    let mut values = Mat::from_fn(d, d, |i, j| products[[i, j]])
        .self_adjoint_eigenvalues(Side::Lower)
        .map_err(|_| failed)?;
    values.reverse();
    Ok(values)
}
