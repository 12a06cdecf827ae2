//! Features, fold after fold, with the sums and products of each fold.

use crate::kernel::{EIGHT, Panels};
use crate::scaling::{CONSTANT, DDOF};
use crate::{Folds, RidgeError, Scaling};
use ndarray::ArrayView2;
use rayon::prelude::*;

/// Features of all samples, ordered by fold, less the mean of all where means are taken out: a shift that changes
/// nothing but digits.
pub(crate) struct Groups<'a> {
    pub(crate) folds: &'a Folds,
    pub(crate) scaling: Scaling,
    pub(crate) features: usize,
    /// Samples × padded features.
    pub(crate) rows: Vec<f64>,
    /// Largest size of each feature as given.
    largest: Vec<f64>,
    /// Σ x of each fold.
    pub(crate) sums: Vec<Vec<f64>>,
}

/// What training samples say of features.
pub(crate) struct Centre {
    /// Samples.
    pub(crate) n: f64,
    /// Mean of each feature; 0 where means stay.
    pub(crate) mean: Vec<f64>,
    /// What each feature is multiplied with.
    pub(crate) scale: Vec<f64>,
}

impl<'a> Groups<'a> {
    pub(crate) fn new(
        features: ArrayView2<'_, f64>,
        folds: &'a Folds,
        scaling: Scaling,
    ) -> Result<Self, RidgeError> {
        let (n, p) = features.dim();
        if n != folds.samples() {
            return Err(RidgeError::Samples {
                what: "folds",
                found: folds.samples(),
                expected: n,
            });
        }
        if p == 0 {
            return Err(RidgeError::Nothing { what: "features" });
        }
        if let Some(((sample, feature), &value)) =
            features.indexed_iter().find(|(_, v)| !v.is_finite())
        {
            return Err(RidgeError::Feature {
                sample,
                feature,
                value,
            });
        }
        let shift: Vec<f64> = features
            .columns()
            .into_iter()
            .map(|column| {
                if scaling.centres() {
                    column.iter().sum::<f64>() / n as f64
                } else {
                    0.0
                }
            })
            .collect();
        let largest = features
            .columns()
            .into_iter()
            .map(|column| column.iter().fold(0.0, |most: f64, v| most.max(v.abs())))
            .collect();
        let padded = p.next_multiple_of(EIGHT);
        let mut rows = vec![0.0; n * padded];
        for (row, &sample) in rows.chunks_exact_mut(padded).zip(folds.order()) {
            for ((to, value), shift) in row.iter_mut().zip(features.row(sample)).zip(&shift) {
                *to = value - shift;
            }
        }
        let sums = (0..folds.count())
            .map(|fold| {
                let mut sum = vec![0.0; p];
                for row in rows
                    .chunks_exact(padded)
                    .skip(folds.range(fold).start)
                    .take(folds.size(fold))
                {
                    sum.iter_mut().zip(row).for_each(|(sum, v)| *sum += v);
                }
                sum
            })
            .collect();
        Ok(Self {
            folds,
            scaling,
            features: p,
            rows,
            largest,
            sums,
        })
    }

    pub(crate) fn padded(&self) -> usize {
        self.features.next_multiple_of(EIGHT)
    }

    pub(crate) fn row(&self, at: usize) -> &[f64] {
        &self.rows[at * self.padded()..][..self.features]
    }

    /// X_gᵀ X_g of each fold g: features × padded features.
    pub(crate) fn products(&self) -> Vec<Vec<f64>> {
        let width = self.padded();
        let turned = self.turned();
        (0..self.folds.count())
            .into_par_iter()
            .map(|fold| {
                let k = self.folds.range(fold);
                let mut products = vec![0.0; width * width];
                let rows = &self.rows[k.start * width..k.end * width];
                turned.multiply(k, rows, width, &mut products);
                products
            })
            .collect()
    }

    /// Features × samples.
    pub(crate) fn turned(&self) -> Panels {
        let width = self.padded();
        Panels::new(self.features, self.folds.samples(), |feature, sample| {
            self.rows[sample * width + feature]
        })
    }

    /// Means and scales of all samples but those of some folds.
    pub(crate) fn centre(&self, left_out: &[usize]) -> Result<Centre, RidgeError> {
        let folds: Vec<usize> = (0..self.folds.count())
            .filter(|f| !left_out.contains(f))
            .collect();
        let samples: usize = folds.iter().map(|&f| self.folds.size(f)).sum();
        let n = samples as f64;
        let mut mean = vec![0.0; self.features];
        if self.scaling.centres() {
            for &fold in &folds {
                mean.iter_mut()
                    .zip(&self.sums[fold])
                    .for_each(|(mean, sum)| *mean += sum / n);
            }
        }
        let mut scale = vec![1.0; self.features];
        if self.scaling == Scaling::Standardised {
            if samples <= DDOF {
                return Err(RidgeError::Deviation {
                    samples,
                    ddof: DDOF as u8,
                });
            }
            scale.fill(0.0);
            for &fold in &folds {
                for at in self.folds.range(fold) {
                    for ((sum, x), mean) in scale.iter_mut().zip(self.row(at)).zip(&mean) {
                        *sum += (x - mean) * (x - mean);
                    }
                }
            }
            for (scale, largest) in scale.iter_mut().zip(&self.largest) {
                let deviation = (*scale / (samples - DDOF) as f64).sqrt();
                *scale = if deviation > CONSTANT * largest {
                    1.0 / deviation
                } else {
                    0.0
                };
            }
        }
        Ok(Centre { n, mean, scale })
    }
}
