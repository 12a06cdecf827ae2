//! Models planted in regions: how strong a signal must be for a given correlation of dissimilarities.

use emotome_neurofiles::Millimetres;
use emotome_stats::correlation::pearson;
use emotome_stats::random::{CounterRng, Seed};
use emotome_stimuli::StimulusSet;
use ndarray::{Array2, Axis};

use super::anatomy::Anatomy;
use super::error::SimulateError;
use super::{Noise, Strength};
use crate::model::{Metric, unit_rows};

/// Stimuli among which the expected correlation is taken.
const PAIRED: usize = 400;
/// Voxels whose correlation with all others of a region is taken.
const PROBED: usize = 200;

/// Rows of features that responses follow.
#[derive(Debug, Clone)]
pub struct PlantedModel {
    /// Its name.
    pub name: String,
    /// What the rows are of.
    pub stimuli: StimulusSet,
    /// Stimuli × features.
    pub rows: Array2<f64>,
    /// Under which its similarities are meant.
    pub metric: Metric,
}

impl PlantedModel {
    /// The rows of stimuli in the form whose products are similarities; dissimilarities fall as they rise.
    pub(super) fn rows_of(&self, stimuli: &StimulusSet) -> Result<Array2<f64>, SimulateError> {
        let mut rows = Vec::with_capacity(stimuli.len());
        let mut missing = Vec::new();
        for key in stimuli.keys() {
            match self.stimuli.get(key.as_str()) {
                Some(id) if id.index() < self.rows.nrows() => rows.push(id.index()),
                _ => missing.push(key),
            }
        }
        if let Some(example) = missing.first() {
            return Err(SimulateError::NoRow {
                model: self.name.clone(),
                missing: missing.len(),
                presented: stimuli.len(),
                example: example.to_string(),
            });
        }
        let rows = self.rows.select(Axis(0), &rows);
        let rows = match self.metric {
            Metric::Correlation => unit_rows(rows.view(), true),
            Metric::Cosine => unit_rows(rows.view(), false),
            Metric::SquaredEuclidean | Metric::Euclidean => {
                let mean = rows.mean_axis(Axis(0));
                mean.map_or(rows.clone(), |mean| rows - mean)
            }
        };
        let bad = rows
            .outer_iter()
            .position(|r| r.iter().any(|v| !v.is_finite()));
        match bad {
            Some(row) => Err(SimulateError::BadRow {
                model: self.name.clone(),
                row,
            }),
            None => Ok(rows),
        }
    }

    fn similarity(&self, rows: &Array2<f64>, i: usize, j: usize) -> f64 {
        let (x, y) = (rows.row(i), rows.row(j));
        match self.metric {
            Metric::Correlation | Metric::Cosine => x.dot(&y),
            Metric::SquaredEuclidean => 2.0 * x.dot(&y) - x.dot(&x) - y.dot(&y),
            Metric::Euclidean => -(x.dot(&x) + y.dot(&y) - 2.0 * x.dot(&y)).max(0.0).sqrt(),
        }
    }
}

/// A model in a region, its strength worked out.
#[derive(Debug, Clone)]
pub(super) struct Planted {
    pub(super) region: String,
    pub(super) model: usize,
    pub(super) voxels: Vec<usize>,
    /// Variance of the signal over that of the autocorrelated noise.
    pub(super) ratio: f64,
    /// What was asked for.
    pub(super) strength: Strength,
}

/// Random projections of a model, features × voxels of a region, for signals of variance `ratio` on average.
pub(super) fn projection(seed: Seed, rows: &Array2<f64>, planted: &Planted) -> Array2<f32> {
    let power = rows.iter().map(|v| v * v).sum::<f64>() / rows.nrows() as f64;
    let scale = (planted.ratio / power).sqrt();
    let mut weights = Array2::zeros((rows.ncols(), planted.voxels.len()));
    for (mut column, &voxel) in weights.columns_mut().into_iter().zip(&planted.voxels) {
        let mut rng = CounterRng::new(seed, voxel as u64);
        column.mapv_inplace(|_: f32| (scale * rng.normal()) as f32);
    }
    weights
}

/// The ratio of signal to noise at which the dissimilarities of a region are expected to correlate as asked
/// (Pearson, correlation distance of responses z-scored by voxel over all samples).
///
/// Patterns are centred over voxels, so noise counts by what centring leaves of it: h = tr(HCH) / (v − 1) with C
/// the correlation of noise between voxels and H = I − 11ᵀ/v. With K the similarities of the centred model rows
/// at mean diagonal 1, Γ the covariance of noise over samples and s the ratio,
/// E S_ij = (s K_ij + h Γ_ij) / √(D_i D_j), D the diagonal of sK + hΓ. Sampling over voxels adds
/// (1 − S²)² / v_eff, v_eff = tr(M)² / ‖M‖² for M = H(sI + Γ_ii C)H. The ratio is found by bisection, over a
/// random part of the samples.
pub(super) fn ratio_for(
    target: f64,
    (model, rows): (&PlantedModel, &Array2<f64>),
    order: &[(u32, u32, usize)],
    (anatomy, planted): (&Anatomy, &Planted),
    noise: &Noise,
    seed: Seed,
) -> Result<f64, SimulateError> {
    let mut chosen: Vec<usize> = (0..order.len()).collect();
    CounterRng::new(seed.derive("calibration"), 0).shuffle(&mut chosen);
    chosen.truncate(PAIRED);
    let mean = order.iter().fold(
        ndarray::Array1::<f64>::zeros(rows.ncols()),
        |sum, &(_, _, row)| sum + rows.row(row),
    ) / order.len() as f64;
    let centred = rows - &mean;
    let power = order
        .iter()
        .map(|&(_, _, row)| centred.row(row).dot(&centred.row(row)))
        .sum::<f64>()
        / order.len() as f64;
    let smooth = Centred::new(anatomy, &planted.voxels, noise.fwhm);
    let others = planted.voxels.len() as f64 - 1.0;
    let left = smooth.trace / others;
    // Model similarity, K, Γ and the two diagonals of K of each pair.
    let mut pairs = Vec::with_capacity(PAIRED * PAIRED / 2);
    for (a, &i) in chosen.iter().enumerate() {
        for &j in &chosen[a + 1..] {
            let ((run_i, at_i, row_i), (run_j, at_j, row_j)) = (order[i], order[j]);
            let (x, y) = (centred.row(row_i), centred.row(row_j));
            let covariance = if run_i == run_j {
                left * noise.covariance(at_i.abs_diff(at_j))
            } else {
                0.0
            };
            let k = [x.dot(&y), x.dot(&x), y.dot(&y)].map(|v| v / power);
            pairs.push((model.similarity(rows, row_i, row_j), k, covariance));
        }
    }
    let total = left * noise.variance();
    let models: Vec<f64> = pairs.iter().map(|(similarity, _, _)| *similarity).collect();
    let expected = |ratio: f64| {
        let found: Vec<f64> = pairs
            .iter()
            .map(|(_, [k, a, b], c)| {
                (ratio * k + c) / ((ratio * a + total) * (ratio * b + total)).sqrt()
            })
            .collect();
        let n = found.len() as f64;
        let mean = found.iter().sum::<f64>() / n;
        let variance = found.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / n;
        let whole = noise.variance();
        let squares = ratio * ratio * others
            + 2.0 * ratio * whole * smooth.trace
            + whole * whole * smooth.squares;
        let effective = ((ratio + total) * others).powi(2) / squares;
        let sampling = found.iter().map(|s| (1.0 - s * s).powi(2)).sum::<f64>() / n / effective;
        pearson(&models, &found) * (variance / (variance + sampling)).sqrt()
    };
    let (mut low, mut high) = (-16.0_f64, 16.0_f64);
    let most = expected(high.exp());
    if most.is_nan() || most < target {
        return Err(SimulateError::Unreachable {
            target,
            model: model.name.clone(),
            region: planted.region.clone(),
            voxels: planted.voxels.len(),
            most,
        });
    }
    for _ in 0..50 {
        let middle = 0.5 * (low + high);
        if expected(middle.exp()) < target {
            low = middle;
        } else {
            high = middle;
        }
    }
    Ok((0.5 * (low + high)).exp())
}

/// The correlation of noise between the voxels of a region, exp(−d² / 4σ²), centred on both sides.
struct Centred {
    trace: f64,
    /// Sum of squared entries.
    squares: f64,
}

impl Centred {
    fn new(anatomy: &Anatomy, voxels: &[usize], fwhm: Millimetres) -> Self {
        let v = voxels.len() as f64;
        let sigma = fwhm.0 / (8.0 * std::f64::consts::LN_2).sqrt();
        let place = |&v: &usize| anatomy.grid.affine.apply(anatomy.voxels[v].map(f64::from));
        let positions: Vec<[f64; 3]> = voxels.iter().map(place).collect();
        let probed = positions.iter().step_by(positions.len().div_ceil(PROBED));
        let count = probed.len() as f64;
        // Means over probed voxels of Σ C², of the mean of a row, and of its square.
        let (mut squares, mut mean, mut mean_square) = (0.0, 0.0, 0.0);
        for a in probed {
            let (mut row, mut row_squares) = (0.0, 0.0);
            for b in &positions {
                let d2: f64 = (0..3).map(|x| (a[x] - b[x]).powi(2)).sum();
                let c = if d2 == 0.0 {
                    1.0
                } else {
                    (-d2 / (4.0 * sigma * sigma)).exp()
                };
                row += c;
                row_squares += c * c;
            }
            squares += row_squares / count;
            mean += row / v / count;
            mean_square += (row / v).powi(2) / count;
        }
        Self {
            trace: v * (1.0 - mean),
            squares: v * squares - 2.0 * v * v * mean_square + v * v * mean * mean,
        }
    }
}
