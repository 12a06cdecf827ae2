//! Ridge regression of every dimension on sets of ratings, fold by fold, from sums of products.

use crate::resampling::{Interrupted, permute};
use emotome_stats::correlation::standardised;
use emotome_stats::random::Seed;
use emotome_stimuli::run::Run;
use faer::{Mat, Side};
use ndarray::{Array1, Array2, ArrayView2, Axis, Zip, concatenate, s};

use super::Folds;
use super::moments::{Inner, Outer};

/// Predictors and targets of all stimuli, fold after fold, and what every fit shares.
pub(crate) struct Design {
    x: Array2<f64>,
    y: Array2<f64>,
    order: Vec<usize>,
    /// Where each fold begins, and the end.
    starts: Vec<usize>,
    held_out: Vec<Inner>,
    splits: Vec<Vec<Split>>,
    constant: Vec<usize>,
}

/// The fold, from 0, whose training predictors have no eigenvectors.
pub(crate) struct NoEigenvectors(pub(crate) usize);

/// A set of predictors with one fold held out.
struct Split {
    columns: Vec<usize>,
    n: f64,
    mean: Array1<f64>,
    /// Leading eigenvectors of the predictors' correlations, divided by their deviations: K × components.
    basis: Array2<f64>,
    /// For each penalty and eigenvector: by how much a squared projection lowers the error.
    gain: Array2<f64>,
    /// For each penalty and eigenvector: 1 / (eigenvalue + penalty).
    shrink: Array2<f64>,
    /// For each penalty: n / (n − 1 − tr H)²; infinite where nothing is left.
    scale: Vec<f64>,
    /// Products of the predictors of the fold held out, about the training mean.
    test: Array2<f64>,
}

impl Design {
    /// Sets of columns of `x` (n × K) that predict `y` (n × D), each through its leading principal components.
    pub(crate) fn new(
        x: ArrayView2<'_, f64>,
        y: ArrayView2<'_, f64>,
        sets: &[Vec<usize>],
        components: usize,
        folds: &Folds,
        penalties: &[f64],
    ) -> Result<Self, NoEigenvectors> {
        let mut order: Vec<usize> = (0..folds.items()).collect();
        order.sort_by_key(|&i| folds.of()[i]);
        // Affine changes alter nothing but rounding: sums of products of centred columns lose no digits.
        let unit = (folds.items() as f64).sqrt();
        let prepare = |values: ArrayView2<'_, f64>| {
            let scaled = standardised(values).mapv(|x| if x.is_nan() { 0.0 } else { x * unit });
            scaled.select(Axis(0), &order)
        };
        let (x, y) = (prepare(x), prepare(y));
        let starts: Vec<usize> = (0..=folds.len())
            .map(|fold| order.partition_point(|&i| folds.of()[i] < fold))
            .collect();
        let held_out: Vec<Inner> = starts
            .windows(2)
            .map(|range| Inner::new(x.slice(s![range[0]..range[1], ..])))
            .collect();
        let mut all = Inner::new(x.slice(s![..0, ..]));
        held_out.iter().for_each(|fold| all.add(fold));
        let mut constant = Vec::new();
        let mut splits = Vec::with_capacity(folds.len());
        for (fold, range) in starts.windows(2).enumerate() {
            let training = concatenate![
                Axis(0),
                x.slice(s![..range[0], ..]),
                x.slice(s![range[1].., ..])
            ];
            let flat: Vec<bool> = training
                .columns()
                .into_iter()
                .map(|column| column.iter().all(|value| column.first() == Some(value)))
                .collect();
            constant.extend((0..flat.len()).filter(|&k| flat[k]));
            let inner = all.without(&held_out[fold]);
            let split = |set: &Vec<usize>| {
                Split::new(set, components, &flat, &inner, &held_out[fold], penalties)
                    .ok_or(NoEigenvectors(fold))
            };
            splits.push(sets.iter().map(split).collect::<Result<_, _>>()?);
        }
        constant.sort_unstable();
        constant.dedup();
        Ok(Self {
            x,
            y,
            order,
            starts,
            held_out,
            splits,
            constant,
        })
    }

    pub(crate) fn constant_in_training(&self) -> Vec<usize> {
        self.constant.clone()
    }

    /// The stimuli of a fold.
    fn fold<'a>(&self, fold: usize, values: &'a Array2<f64>) -> ArrayView2<'a, f64> {
        values.slice(s![self.starts[fold]..self.starts[fold + 1], ..])
    }

    /// Sums of the dimensions of each fold, and of all folds but it.
    fn outer(&self, y: &Array2<f64>) -> Vec<(Outer, Outer)> {
        let held_out: Vec<Outer> = (0..self.splits.len())
            .map(|fold| Outer::new(self.fold(fold, &self.x), self.fold(fold, y)))
            .collect();
        let mut all = Outer::new(self.x.slice(s![..0, ..]), y.slice(s![..0, ..]));
        held_out.iter().for_each(|fold| all.add(fold));
        let rest = |fold: Outer| (all.without(&fold), fold);
        held_out.into_iter().map(rest).collect()
    }

    /// Targets less what is predicted for stimuli held out, by the training mean or by a set; rows fold after fold.
    fn residuals(&self, set: Option<usize>) -> Array2<f64> {
        let mut residuals = self.y.clone();
        for (fold, (training, _)) in self.outer(&self.y).iter().enumerate() {
            let rows = self.starts[fold]..self.starts[fold + 1];
            let mut out = residuals.slice_mut(s![rows, ..]);
            out -= &(&training.y / self.held_in(fold));
            if let Some(set) = set {
                let split = &self.splits[fold][set];
                let x = self.fold(fold, &self.x).select(Axis(1), &split.columns) - &split.mean;
                out -= &x.dot(&split.fit(training));
            }
        }
        residuals
    }

    /// What a set predicts of the targets, standardised, for stimuli held out.
    pub(crate) fn predictions(&self, set: usize) -> Array2<f64> {
        let sorted = &self.y - &self.residuals(Some(set));
        let mut predictions = Array2::zeros(sorted.dim());
        for (row, &item) in sorted.rows().into_iter().zip(&self.order) {
            predictions.row_mut(item).assign(&row);
        }
        predictions
    }

    /// Squared errors on held-out stimuli: a row per stimulus, fold after fold; for the training mean and each
    /// set in turn, a column per dimension and one of their sum.
    pub(crate) fn errors(&self) -> Array2<f64> {
        let (n, dimensions) = self.y.dim();
        let sets = self.splits[0].len();
        let mut errors = Array2::zeros((n, (1 + sets) * (dimensions + 1)));
        for which in 0..=sets {
            let squares = self.residuals(which.checked_sub(1)).mapv(|r| r * r);
            let first = which * (dimensions + 1);
            let mut out = errors.slice_mut(s![.., first..=first + dimensions]);
            out.column_mut(dimensions)
                .assign(&squares.sum_axis(Axis(1)));
            out.slice_mut(s![.., ..dimensions]).assign(&squares);
        }
        errors
    }

    /// The number of stimuli outside a fold.
    fn held_in(&self, fold: usize) -> f64 {
        (self.order.len() + self.starts[fold] - self.starts[fold + 1]) as f64
    }

    /// Squared errors summed over stimuli held out, from sums of products alone; laid out as the columns of
    /// [`errors`](Self::errors).
    fn summed_errors(&self, y: &Array2<f64>) -> Vec<f64> {
        let dimensions = y.ncols();
        let sets = self.splits[0].len();
        let mut sums = Array2::<f64>::zeros((1 + sets, dimensions + 1));
        for (fold, (training, held_out)) in self.outer(y).iter().enumerate() {
            let inner = &self.held_out[fold];
            let centre = &training.y / self.held_in(fold);
            let baseline =
                &held_out.yy - &(&centre * &held_out.y * 2.0) + &(&centre * &centre * inner.n);
            for (set, split) in self.splits[fold].iter().enumerate() {
                let beta = split.fit(training);
                let offset = inner.x.select(Axis(0), &split.columns) - &split.mean * inner.n;
                let mut cross = held_out.xy.select(Axis(0), &split.columns);
                for ((k, mut row), offset) in cross.rows_mut().into_iter().enumerate().zip(&offset)
                {
                    row.scaled_add(-split.mean[k], &held_out.y);
                    row.scaled_add(-offset, &centre);
                }
                let curved = split.test.dot(&beta) - cross * 2.0;
                let mut row = sums.row_mut(1 + set);
                let mut row = row.slice_mut(s![..dimensions]);
                row += &(&beta * &curved).sum_axis(Axis(0));
                row += &baseline;
            }
            let mut row = sums.row_mut(0);
            let mut row = row.slice_mut(s![..dimensions]);
            row += &baseline;
        }
        for mut row in sums.rows_mut() {
            row[dimensions] = row.slice(s![..dimensions]).sum();
        }
        sums.into_iter().collect()
    }

    /// [Summed errors](Self::summed_errors) with the stimuli of the dimensions permuted.
    pub(crate) fn null(
        &self,
        permutations: usize,
        seed: Seed,
        run: Run<'_>,
    ) -> Result<Vec<Vec<f64>>, Interrupted> {
        permute(run, self.y.nrows(), (permutations, seed), |order| {
            Ok(self.summed_errors(&self.y.select(Axis(0), order)))
        })
    }
}

impl Split {
    /// None if the ratings have no eigenvectors.
    fn new(
        columns: &[usize],
        components: usize,
        flat: &[bool],
        training: &Inner,
        held_out: &Inner,
        penalties: &[f64],
    ) -> Option<Self> {
        let (n, p) = (training.n, columns.len());
        let mean = training.x.select(Axis(0), columns) / n;
        let about = |part: &Inner| {
            let x = part.x.select(Axis(0), columns);
            Array2::from_shape_fn((p, p), |(i, j)| {
                let product = part.xx[[columns[i], columns[j]]];
                product - mean[i] * x[j] - x[i] * mean[j] + part.n * mean[i] * mean[j]
            })
        };
        let products = about(training);
        let inverse: Vec<f64> = (0..p)
            .map(|i| match products[[i, i]] {
                square if square > 0.0 && !flat[columns[i]] => (n / square).sqrt(),
                _ => 0.0,
            })
            .collect();
        let scaled = Mat::from_fn(p, p, |i, j| inverse[i] * products[[i, j]] * inverse[j]);
        let eigen = scaled.self_adjoint_eigen(Side::Lower).ok()?;
        let vectors = eigen.U();
        // Ascending: the leading components come last.
        let kept = components.min(p);
        let values: Vec<f64> = (p - kept..p).map(|j| eigen.S()[j].max(0.0)).collect();
        let table = |of: &dyn Fn(f64, f64) -> f64| {
            Array2::from_shape_fn((penalties.len(), kept), |(l, j)| {
                of(values[j], penalties[l] * n)
            })
        };
        let shrink = table(&|value, penalty| 1.0 / (value + penalty));
        let scale = penalties.iter().map(|penalty| {
            let trace: f64 = values
                .iter()
                .map(|value| value / (value + penalty * n))
                .sum();
            let left = n - 1.0 - trace;
            if left > 0.0 {
                n / (left * left)
            } else {
                f64::INFINITY
            }
        });
        Some(Self {
            n,
            basis: Array2::from_shape_fn((p, kept), |(i, j)| {
                inverse[i] * vectors[(i, p - kept + j)]
            }),
            gain: table(&|value, penalty| {
                (value + 2.0 * penalty) / ((value + penalty) * (value + penalty))
            }),
            shrink,
            scale: scale.collect(),
            test: about(held_out),
            columns: columns.to_vec(),
            mean,
        })
    }

    /// The coefficients of every dimension, K × D, each with its own penalty: the one of least generalised
    /// cross-validation error, the largest of equals.
    fn fit(&self, training: &Outer) -> Array2<f64> {
        let mut cross = training.xy.select(Axis(0), &self.columns);
        for (mut row, mean) in cross.rows_mut().into_iter().zip(&self.mean) {
            row.scaled_add(-mean, &training.y);
        }
        let mut projected = self.basis.t().dot(&cross);
        let gains = self.gain.dot(&projected.mapv(|c| c * c));
        for (d, mut projected) in projected.columns_mut().into_iter().enumerate() {
            let square = training.yy[d] - training.y[d] * training.y[d] / self.n;
            let error = |l: &usize| self.scale[*l] * (square - gains[[*l, d]]).max(0.0);
            let best = (0..self.scale.len()).min_by(|a, b| {
                let tie = || self.shrink[[*a, 0]].total_cmp(&self.shrink[[*b, 0]]);
                error(a).total_cmp(&error(b)).then_with(tie)
            });
            if let Some(l) = best {
                Zip::from(&mut projected)
                    .and(self.shrink.row(l))
                    .for_each(|c, s| *c *= s);
            }
        }
        self.basis.dot(&projected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_products_give_the_errors_of_predictions() {
        let mut rng = emotome_stats::random::CounterRng::new(Seed(3), 0);
        let ratings = Array2::from_shape_simple_fn((57, 5), || 3.0 + rng.normal());
        let noise = Array2::from_shape_simple_fn((57, 2), || 0.5 * rng.normal());
        let dimensions = &ratings.slice(s![.., 1..3]) + &noise + 7.0;
        let folds = Folds::random(57, 7, Seed(1)).unwrap();
        let sets = [vec![0, 1], vec![2, 3, 4], vec![0, 1, 2, 3, 4]];
        let (x, y) = (ratings.view(), dimensions.view());
        for components in [5, 2] {
            let design = Design::new(x, y, &sets, components, &folds, &[1e-3, 1e-1, 10.0])
                .unwrap_or_else(|_| panic!("eigenvectors exist"));
            let direct = design.errors().sum_axis(Axis(0));
            for (sum, direct) in design.summed_errors(&design.y).iter().zip(&direct) {
                assert!((sum - direct).abs() < 1e-9 * direct, "{sum} {direct}");
            }
        }
    }
}
