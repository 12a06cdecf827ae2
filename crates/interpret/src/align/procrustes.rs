//! Is one agent's space a rotation of the other's? Orthogonal Procrustes, tested on stimuli held out.

use super::{AlignError, p_of};
use crate::resampling::{bootstrap, order, permute};
use emotome_stats::interval::{Interval, percentile};
use emotome_stats::random::{CounterRng, Seed};
use emotome_stats::summary::mean;
use emotome_stimuli::run::Run;
use faer::Mat;
use ndarray::{Array1, Array2, ArrayView2, Axis};
use serde::{Deserialize, Serialize};

/// A rotation is fitted and tested so.
///
/// | parameter | default | why |
/// |---|---|---|
/// | `folds` | 10 | each rotation sees nine tenths of the stimuli |
/// | `bootstraps` | 1000 | percentiles of a 95 % interval settle to about a tenth of its width |
/// | `permutations` | 200 | p down to .005; each repeats all fits |
/// | `level` | 0.95 | of the interval |
/// | `seed` | 0 | of folds, resamples and permutations |
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ProcrustesParams {
    /// Folds of stimuli, from 2 to the number of stimuli.
    pub folds: usize,
    /// Resamples of the stimuli.
    pub bootstraps: usize,
    /// Permutations of the stimuli; 0 for no null.
    pub permutations: usize,
    /// Level of the interval.
    pub level: f64,
    /// Seed.
    pub seed: u64,
}

impl Default for ProcrustesParams {
    fn default() -> Self {
        Self {
            folds: 10,
            bootstraps: 1000,
            permutations: 200,
            level: 0.95,
            seed: 0,
        }
    }
}

/// How well the second agent's space, rotated and scaled, is the first's.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Procrustes {
    /// The number of stimuli.
    pub items: usize,
    /// 1 − (Σ singular values of XᵀY)², X and Y centred and of unit norm: 0 if alike, at most 1. Larger spaces fit better
    /// by chance: compare `held_out`.
    pub disparity: f64,
    /// Turns centred features of the second agent, d₂, into the first's, d₁: d₂ × d₁.
    #[serde(serialize_with = "crate::rows::serialize")]
    pub rotation: Array2<f64>,
    /// The factor after the rotation.
    pub scale: f64,
    /// R² of the first agent's features, all together, on stimuli held out: 1 − Σ‖x − x̂‖² / Σ‖x − x̄‖², x̂ and x̄ of the other
    /// folds; below 0 where the rotation predicts worse than the mean.
    pub held_out: f64,
    /// Its percentile interval over resampled stimuli, given the fits.
    pub interval: Interval,
    /// The mean held-out R² when the second agent's stimuli are permuted and everything is repeated: below 0, the more so
    /// the larger the spaces. None without permutations.
    pub chance: Option<f64>,
    /// p of the held-out R² under that null; none without permutations.
    pub p: Option<f64>,
}

struct Fit {
    centres: [Array1<f64>; 2],
    rotation: Array2<f64>,
    /// Σ singular values of XᵀY, ‖X‖², ‖Y‖².
    trace: f64,
    squares: [f64; 2],
}

impl Fit {
    fn new(x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>) -> Result<Self, AlignError> {
        let n = x.nrows() as f64;
        let centres = [x, y].map(|a| a.sum_axis(Axis(0)) / n);
        let (x, y) = (&x - &centres[0], &y - &centres[1]);
        let product = y.t().dot(&x);
        if !product.iter().all(|x| x.is_finite()) {
            return Err(AlignError::Decomposition);
        }
        let squares = [&x, &y].map(|a| a.iter().map(|v| v * v).sum());
        let matrix = Mat::from_fn(product.nrows(), product.ncols(), |i, j| product[[i, j]]);
        let svd = matrix.thin_svd().map_err(|_| AlignError::Decomposition)?;
        let (u, v, s) = (svd.U(), svd.V(), svd.S().column_vector());
        let (left, right) = (
            Array2::from_shape_fn((u.nrows(), u.ncols()), |(i, j)| u[(i, j)]),
            Array2::from_shape_fn((v.nrows(), v.ncols()), |(i, j)| v[(i, j)]),
        );
        Ok(Self {
            centres,
            rotation: left.dot(&right.t()),
            trace: (0..s.nrows()).map(|i| s[i]).sum(),
            squares,
        })
    }

    fn scale(&self) -> f64 {
        if self.squares[1] > 0.0 {
            self.trace / self.squares[1]
        } else {
            0.0
        }
    }

    fn predict(&self, y: ArrayView2<'_, f64>) -> Array2<f64> {
        (&y - &self.centres[1]).dot(&self.rotation) * self.scale() + &self.centres[0]
    }
}

/// ‖x − x̂‖² and ‖x − x̄‖² of every stimulus, each held out once.
fn errors(
    x: ArrayView2<'_, f64>,
    y: ArrayView2<'_, f64>,
    folds: &[Vec<usize>],
) -> Result<Vec<[f64; 2]>, AlignError> {
    let n = x.nrows();
    let mut errors = vec![[0.0; 2]; n];
    for held in folds {
        let mut out = vec![false; n];
        held.iter().for_each(|&i| out[i] = true);
        let kept: Vec<usize> = (0..n).filter(|&i| !out[i]).collect();
        let fit = Fit::new(
            x.select(Axis(0), &kept).view(),
            y.select(Axis(0), &kept).view(),
        )?;
        let predicted = fit.predict(y.select(Axis(0), held).view());
        for (&i, predicted) in held.iter().zip(predicted.rows()) {
            for ((x, predicted), centre) in x.row(i).iter().zip(predicted).zip(&fit.centres[0]) {
                errors[i][0] += (x - predicted) * (x - predicted);
                errors[i][1] += (x - centre) * (x - centre);
            }
        }
    }
    Ok(errors)
}

fn r2(errors: impl Iterator<Item = [f64; 2]>) -> f64 {
    let [error, total] = errors.fold([0.0; 2], |sum, e| [sum[0] + e[0], sum[1] + e[1]]);
    1.0 - error / total
}

/// Rotates the second agent's features onto the first's, and tests the rotation on stimuli held out.
///
/// Minimises ‖X − s Y R‖ over rotations and reflections R and a factor s ≥ 0, X (n × d₁) and Y (n × d₂) centred; the
/// smaller space is filled up with zeros. [`disparity`](Procrustes::disparity) is that of
/// `scipy.spatial.procrustes` and the same both ways; `held_out` predicts the first agent from the second.
///
/// O(folds · permutations · (n d₁ d₂ + d³)), parallel over permutations. The result does not depend on the number of
/// threads.
///
/// # Errors
/// Agents with other stimuli, fewer than ten, features that are not finite or all the same, parameters out of range,
/// or interrupted.
///
/// # Sources
/// Schönemann (1966), doi:10.1007/BF02289451; Gower (1975), doi:10.1007/BF02291478.
pub fn procrustes(
    x: ArrayView2<'_, f64>,
    y: ArrayView2<'_, f64>,
    params: &ProcrustesParams,
    run: Run<'_>,
) -> Result<Procrustes, AlignError> {
    AlignError::features(x, y, 10, "at least 10")?;
    AlignError::replicates("the number of bootstraps", params.bootstraps)?;
    AlignError::permutations(params.permutations)?;
    AlignError::level(params.level)?;
    let n = x.nrows();
    let folds = params.folds;
    AlignError::unless(
        (2..=n).contains(&folds),
        "the number of folds",
        folds as f64,
        "from 2 to the number of stimuli",
    )?;
    let seed = Seed(params.seed).derive("procrustes");
    let order = order(n, &mut CounterRng::new(seed.derive("folds"), 0));
    let folds: Vec<Vec<usize>> = (0..folds)
        .map(|fold| order[fold * n / folds..(fold + 1) * n / folds].to_vec())
        .collect();
    let fit = Fit::new(x, y)?;
    let observed = errors(x, y, &folds)?;
    let held_out = r2(observed.iter().copied());
    let draws = (params.bootstraps, seed.derive("bootstrap"));
    let resamples = bootstrap::<_, AlignError>(run, n, draws, |weights| {
        let weighted = observed.iter().zip(weights);
        r2(weighted.map(|(e, w)| [w * e[0], w * e[1]]))
    })?;
    let draws = (params.permutations, seed.derive("permutation"));
    let null = permute(run, n, draws, |order| {
        let y = y.select(Axis(0), order);
        Ok::<_, AlignError>(r2(errors(x, y.view(), &folds)?.into_iter()))
    })?;
    Ok(Procrustes {
        items: n,
        disparity: (1.0 - fit.trace * fit.trace / (fit.squares[0] * fit.squares[1])).max(0.0),
        scale: fit.scale(),
        rotation: fit.rotation,
        held_out,
        interval: percentile(&resamples, params.level),
        chance: (!null.is_empty()).then(|| mean(&null)),
        p: p_of(held_out, &null),
    })
}
