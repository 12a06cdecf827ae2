//! What a model says of the stimuli: features under a metric, or dissimilarities.

use ndarray::{Array2, ArrayView2, Axis};
use serde::{Deserialize, Serialize};

mod controls;
pub mod regression;
pub mod reweight;

/// How two rows of features become a dissimilarity.
///
/// | metric | d(x, y) |
/// |---|---|
/// | `Correlation` | 1 − Pearson correlation of x and y across features |
/// | `Cosine` | 1 − x·y / (‖x‖‖y‖) |
/// | `SquaredEuclidean` | ‖x − y‖² |
/// | `Euclidean` | ‖x − y‖ |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// One minus the Pearson correlation.
    Correlation,
    /// One minus the cosine.
    Cosine,
    /// The squared distance.
    SquaredEuclidean,
    /// The distance.
    Euclidean,
}

/// What a model says of n stimuli.
#[derive(Debug, Clone)]
pub enum Geometry {
    /// Rows of features, n × k, compared under a metric.
    Features {
        /// n × k.
        rows: Array2<f64>,
        /// How rows are compared.
        metric: Metric,
    },
    /// Dissimilarities of all pairs, in the order (0,1), (0,2), …, (n−2, n−1).
    Dissimilarities {
        /// Stimuli.
        n: usize,
        /// n(n−1)/2 values.
        values: Vec<f64>,
    },
}

/// A model with a name.
#[derive(Debug, Clone)]
pub struct Model {
    /// As tables and maps call it.
    pub name: String,
    /// What it says.
    pub geometry: Geometry,
}

/// Dissimilarities up to a constant as a signed low-rank product:
/// d(i, j) = offset − Σ_c sign_c · u_ic · u_jc for i ≠ j.
#[derive(Debug, Clone)]
pub struct Factor {
    /// n × c columns u.
    pub columns: Array2<f64>,
    /// +1 or −1 for each column.
    pub signs: Vec<f64>,
    /// What the product is subtracted from.
    pub offset: f64,
}

impl Geometry {
    /// Stimuli.
    pub fn n(&self) -> usize {
        match self {
            Self::Features { rows, .. } => rows.nrows(),
            Self::Dissimilarities { n, .. } => *n,
        }
    }

    /// The geometry as a low-rank product, exact; none for distances that have none.
    ///
    /// Rows that cannot be normalised (constant under `Correlation`, zero under `Cosine`) become NaN.
    pub fn factor(&self) -> Option<Factor> {
        let Self::Features { rows, metric } = self else {
            return None;
        };
        let unit = |columns: Array2<f64>| {
            let signs = vec![1.0; columns.ncols()];
            Factor {
                columns,
                signs,
                offset: 1.0,
            }
        };
        match metric {
            Metric::Correlation => Some(unit(unit_rows(rows.view(), true))),
            Metric::Cosine => Some(unit(unit_rows(rows.view(), false))),
            Metric::SquaredEuclidean => {
                // ‖x‖² + ‖y‖² − 2 x·y, and a + b = ((1+a)(1+b) − (1−a)(1−b)) / 2.
                let (n, k) = rows.dim();
                let mut columns = Array2::zeros((n, k + 2));
                for (mut to, from) in columns.outer_iter_mut().zip(rows.outer_iter()) {
                    let g = from.dot(&from);
                    for (to, &value) in to.iter_mut().zip(from) {
                        *to = value * std::f64::consts::SQRT_2;
                    }
                    to[k] = (1.0 + g) * std::f64::consts::FRAC_1_SQRT_2;
                    to[k + 1] = (1.0 - g) * std::f64::consts::FRAC_1_SQRT_2;
                }
                let mut signs = vec![1.0; k + 2];
                signs[k] = -1.0;
                Some(Factor {
                    columns,
                    signs,
                    offset: 0.0,
                })
            }
            Metric::Euclidean => None,
        }
    }
}

/// Rows divided by their norm, after their mean is subtracted if `centre`.
///
/// ```
/// use emotome_brain::model::unit_rows;
/// let rows = ndarray::array![[1.0, 3.0], [2.0, 2.0]];
/// let unit = unit_rows(rows.view(), true);
/// assert!((unit[[0, 1]] - std::f64::consts::FRAC_1_SQRT_2).abs() < 1e-15);
/// assert!(unit[[1, 0]].is_nan());
/// ```
pub fn unit_rows(rows: ArrayView2<'_, f64>, centre: bool) -> Array2<f64> {
    let mut unit = rows.to_owned();
    for mut row in unit.axis_iter_mut(Axis(0)) {
        if centre {
            let mean = row.sum() / row.len() as f64;
            row.mapv_inplace(|v| v - mean);
        }
        let norm = row.dot(&row).sqrt();
        row.mapv_inplace(|v| v / norm);
    }
    unit
}
