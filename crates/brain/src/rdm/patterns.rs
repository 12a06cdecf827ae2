//! Dissimilarities made of responses: one row a stimulus, one column a voxel.

use super::{Rdm, RdmError, pairs};
use crate::model::{Geometry, Metric, unit_rows};
use ndarray::{Array1, Array2, ArrayView2, Axis};

impl Rdm {
    /// Dissimilarities of the rows of `patterns` (n × v) under a metric.
    ///
    /// | metric | equals |
    /// |---|---|
    /// | `Correlation` | `pdist(x, "correlation")`, rsatoolbox `correlation` |
    /// | `Cosine` | `pdist(x, "cosine")` |
    /// | `SquaredEuclidean` | `pdist(x, "sqeuclidean")` |
    /// | `Euclidean` | `pdist(x, "euclidean")` |
    ///
    /// rsatoolbox's `euclidean` is squared and divided by v: [`Rdm::mahalanobis`] without a precision.
    /// Rows that the metric cannot compare (constant, zero, or with a NaN) give missing pairs. One
    /// product of matrices, O(n² v).
    ///
    /// # Errors
    /// Fewer than 3 or too many rows, or values so large that distances are infinite.
    ///
    /// ```
    /// use emotome_brain::{model::Metric, rdm::Rdm};
    /// let x = ndarray::array![[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [3.0, 2.0, 1.0]];
    /// let rdm = Rdm::from_patterns(x.view(), Metric::Correlation)?;
    /// assert!((rdm.get(0, 1)).abs() < 1e-15 && (rdm.get(0, 2) - 2.0).abs() < 1e-15);
    /// # Ok::<(), emotome_brain::rdm::RdmError>(())
    /// ```
    pub fn from_patterns(patterns: ArrayView2<'_, f64>, metric: Metric) -> Result<Self, RdmError> {
        match metric {
            Metric::Correlation | Metric::Cosine => {
                let unit = unit_rows(patterns, metric == Metric::Correlation);
                from_gram(&unit, |_, _, product| 1.0 - product)
            }
            Metric::SquaredEuclidean => squared(patterns),
            Metric::Euclidean => Ok(squared(patterns)?.map(f64::sqrt)),
        }
    }

    /// Dissimilarities of a model.
    ///
    /// # Errors
    /// As [`Rdm::from_patterns`] and [`Rdm::new`].
    pub fn from_geometry(geometry: &Geometry) -> Result<Self, RdmError> {
        match geometry {
            Geometry::Features { rows, metric } => Self::from_patterns(rows.view(), *metric),
            Geometry::Dissimilarities { n, values } => Self::new(*n, values.clone()),
        }
    }

    /// Squared Mahalanobis distances a channel, (x − y)ᵀ P (x − y) / v; P the identity where none is given.
    ///
    /// Equals rsatoolbox `mahalanobis`, and `euclidean` without a precision. O(n v² + n² v).
    ///
    /// # Errors
    /// A precision that is not v × v, and as [`Rdm::from_patterns`].
    pub fn mahalanobis(
        patterns: ArrayView2<'_, f64>,
        precision: Option<ArrayView2<'_, f64>>,
    ) -> Result<Self, RdmError> {
        let channels = patterns.ncols() as f64;
        let Some(precision) = precision else {
            return Ok(squared(patterns)?.map(|d| d / channels));
        };
        let centred = centred(patterns);
        let weighted = weigh(&centred, Some(precision))?;
        Ok(distances(&weighted, &centred)?.map(|d| d / channels))
    }

    /// Cross-validated squared Mahalanobis distances ("crossnobis"), unbiased at zero: negative ones keep their sign.
    ///
    /// In each fold f, with m the mean of a condition's responses within f and m̄ that outside f,
    /// d_ij = (m_i − m_j)ᵀ P (m̄_i − m̄_j) / v, averaged over folds. `conditions` and `folds` label
    /// the rows of `responses`; conditions are numbered from 0. Equals rsatoolbox `crossnobis`.
    /// Folds must be independent measurements (runs or sessions). O(folds (n v² + n² v)).
    ///
    /// Walther et al. (2016), doi:10.1016/j.neuroimage.2015.12.012.
    ///
    /// # Errors
    /// Labels that are not one a row, fewer than two folds, a condition without response in a fold.
    pub fn crossnobis(
        responses: ArrayView2<'_, f64>,
        conditions: &[usize],
        folds: &[u32],
        precision: Option<ArrayView2<'_, f64>>,
    ) -> Result<Self, RdmError> {
        let (rows, channels) = responses.dim();
        for (what, found) in [("conditions", conditions.len()), ("folds", folds.len())] {
            if found != rows {
                return Err(RdmError::Rows {
                    what,
                    expected: rows,
                    found,
                });
            }
        }
        let n = conditions.iter().max().map_or(0, |most| most + 1);
        if !(3..=rows).contains(&n) {
            return Err(RdmError::Stimuli { n });
        }
        let mut labels = folds.to_vec();
        labels.sort_unstable();
        labels.dedup();
        if labels.len() < 2 {
            return Err(RdmError::Folds {
                found: labels.len(),
            });
        }
        let responses = centred(responses);
        let mut total = vec![0.0; pairs(n)];
        for &fold in &labels {
            let mean_where = |inside: bool| {
                let mut mean = Array2::<f64>::zeros((n, channels));
                let mut count = Array1::<f64>::zeros(n);
                for ((row, &condition), _) in responses
                    .outer_iter()
                    .zip(conditions)
                    .zip(folds)
                    .filter(|&(_, &of)| (of == fold) == inside)
                {
                    mean.row_mut(condition).zip_mut_with(&row, |m, x| *m += x);
                    count[condition] += 1.0;
                }
                if let Some(condition) = count.iter().position(|&c| c == 0.0) {
                    return Err(RdmError::Unmeasured { condition, fold });
                }
                mean /= &count.insert_axis(Axis(1));
                Ok(mean)
            };
            let (test, train) = (mean_where(true)?, mean_where(false)?);
            let distances = distances(&weigh(&train, precision)?, &test)?;
            total
                .iter_mut()
                .zip(distances.values())
                .for_each(|(t, d)| *t += d);
        }
        let scale = labels.len() as f64 * channels as f64;
        Self::new(n, total.into_iter().map(|d| d / scale).collect())
    }
}

/// Less the mean row: distances do not change, and a large common pattern no longer cancels digits.
fn centred(patterns: ArrayView2<'_, f64>) -> Array2<f64> {
    let mean = patterns.map_axis(Axis(0), |column| {
        let present = column.iter().filter(|x| !x.is_nan());
        let (sum, count) = present.fold((0.0, 0.0_f64), |(sum, count), x| (sum + x, count + 1.0));
        sum / count.max(1.0)
    });
    &patterns - &mean
}

fn weigh(
    patterns: &Array2<f64>,
    precision: Option<ArrayView2<'_, f64>>,
) -> Result<Array2<f64>, RdmError> {
    let Some(precision) = precision else {
        return Ok(patterns.clone());
    };
    let ((rows, columns), channels) = (precision.dim(), patterns.ncols());
    if (rows, columns) != (channels, channels) {
        return Err(RdmError::Precision {
            rows,
            columns,
            channels,
        });
    }
    Ok(patterns.dot(&precision))
}

/// K_ii + K_jj − K_ij − K_ji of K = X Yᵀ.
fn distances(x: &Array2<f64>, y: &Array2<f64>) -> Result<Rdm, RdmError> {
    let n = x.nrows();
    if !(3..=Rdm::MAX_STIMULI).contains(&n) {
        return Err(RdmError::Stimuli { n });
    }
    let k = x.dot(&y.t());
    let mut values = Vec::with_capacity(pairs(n));
    for i in 0..n {
        values.extend((i + 1..n).map(|j| k[[i, i]] + k[[j, j]] - k[[i, j]] - k[[j, i]]));
    }
    Rdm::new(n, values)
}

fn squared(patterns: ArrayView2<'_, f64>) -> Result<Rdm, RdmError> {
    let centred = centred(patterns);
    let norms: Vec<f64> = centred.outer_iter().map(|row| row.dot(&row)).collect();
    from_gram(&centred, |i, j, product| {
        let d = norms[i] + norms[j] - 2.0 * product;
        // Rounding may leave equal rows a tiny negative distance; a NaN must stay.
        if d < 0.0 { 0.0 } else { d }
    })
}

fn from_gram(
    rows: &Array2<f64>,
    value: impl Fn(usize, usize, f64) -> f64,
) -> Result<Rdm, RdmError> {
    let n = rows.nrows();
    if !(3..=Rdm::MAX_STIMULI).contains(&n) {
        return Err(RdmError::Stimuli { n });
    }
    // Bands of rows keep the product at a few megabytes.
    const BAND: usize = 256;
    let mut values = Vec::with_capacity(pairs(n));
    for start in (0..n).step_by(BAND) {
        let end = (start + BAND).min(n);
        let product = rows
            .slice(ndarray::s![start..end, ..])
            .dot(&rows.slice(ndarray::s![start.., ..]).t());
        for i in start..end {
            values.extend((i + 1..n).map(|j| value(i, j, product[[i - start, j - start]])));
        }
    }
    Rdm::new(n, values)
}
