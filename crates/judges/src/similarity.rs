//! Similarities of stimuli from a table of features: metric, centring, and missing values.

use emotome_stimuli::StimulusId;
use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How similar two rows of features are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Metric {
    /// `x·y / (‖x‖ ‖y‖)`; undefined for a row of zeros.
    Cosine,
    /// Pearson's r over the columns; undefined for a constant row.
    Correlation,
    /// `x·y`.
    Dot,
    /// `−‖x − y‖`.
    Euclidean,
}

/// What is subtracted from each column before the metric sees it.
///
/// Fourteen ratings on a 1–9 scale have a cosine near 1 for every pair of stimuli; centred at the
/// midpoint, `ScaleMidpoint(5.0)`, the cosine tells pleasant from unpleasant. Proportions have a
/// meaningful zero and need no centring.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "centring", content = "midpoint", rename_all = "kebab-case")]
pub enum Centring {
    /// Nothing.
    None,
    /// The neutral point of the rating scale.
    ScaleMidpoint(f64),
    /// The mean of the column over the stimuli that have a value.
    Mean,
    /// The mean, and then division by the standard deviation (denominator N); a constant column
    /// becomes 0.
    ZScore,
}

/// What to do about missing values (NaN).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MissingValues {
    /// Refuse the table, naming the first missing value.
    #[default]
    Refuse,
    /// Never judge stimuli with a missing value, nor those whose similarity is undefined; the ids
    /// of the others stay as they are, and [`Similarities::dropped`] reports them.
    DropStimuli,
    /// Compare two stimuli over the columns that both have; a dot product over m of d columns is
    /// scaled by d/m and a distance by √(d/m). A pair without a defined similarity is not judged.
    PairwiseComplete,
}

/// Parameters of a similarity.
///
/// | parameter | default | |
/// |---|---|---|
/// | `metric` | cosine | |
/// | `centring` | none | `ScaleMidpoint(5.0)` for a 1–9 scale |
/// | `missing` | refuse | |
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SimilarityParams {
    /// How similar two rows are.
    pub metric: Metric,
    /// What is subtracted from each column first.
    #[serde(flatten)]
    pub centring: Centring,
    /// What to do about missing values.
    pub missing: MissingValues,
}

impl Default for SimilarityParams {
    fn default() -> Self {
        Self {
            metric: Metric::Cosine,
            centring: Centring::None,
            missing: MissingValues::Refuse,
        }
    }
}

/// Why a table of features gives no similarities.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SimilarityError {
    /// The table has fewer than three usable stimuli, or no column.
    #[error(
        "the table has {rows} stimuli ({usable} usable) and {columns} columns; an odd-one-out trial \
         needs at least 3 stimuli and 1 column"
    )]
    TooSmall {
        /// Rows of the table.
        rows: usize,
        /// Rows without missing values or undefined similarity.
        usable: usize,
        /// Columns of the table.
        columns: usize,
    },
    /// A value is missing and the policy is to refuse.
    #[error(
        "{count} values are missing, the first at stimulus {row}, column {column} (counted from 0); \
         fill them, drop the stimuli (drop-stimuli), or compare over shared columns (pairwise-complete)"
    )]
    Missing {
        /// Row of the first missing value.
        row: usize,
        /// Column of the first missing value.
        column: usize,
        /// The number of missing values.
        count: usize,
    },
    /// A value is infinite, which is never a missing value.
    #[error(
        "stimulus {row}, column {column} (counted from 0) is {value}; expected a finite number: mend the table"
    )]
    Infinite {
        /// Row of the value.
        row: usize,
        /// Column of the value.
        column: usize,
        /// The value found.
        value: f64,
    },
    /// The metric is undefined for some stimuli.
    #[error(
        "the {metric:?} similarity is undefined for {count} stimuli, the first in row {row} (counted \
         from 0): its features are all {what} after centring; drop such stimuli (drop-stimuli) or \
         choose the metric dot or euclidean"
    )]
    Undefined {
        /// The first such row.
        row: usize,
        /// The number of such rows.
        count: usize,
        /// The metric.
        metric: Metric,
        /// What the row is: `zero` or `equal`.
        what: &'static str,
    },
    /// Products of the values overflow single precision.
    #[error(
        "stimulus {row} (counted from 0) has norm {norm:e}, whose square overflows single precision; rescale the features"
    )]
    TooLarge {
        /// Row of the stimulus.
        row: usize,
        /// Its Euclidean norm.
        norm: f64,
    },
    /// The midpoint of the scale is not finite.
    #[error(
        "scale midpoint {found} is not finite; give the neutral value of the scale, e.g. 5 for 1-9"
    )]
    Midpoint {
        /// The midpoint found.
        found: f64,
    },
}

/// Something about the table that a careful reader would ask about.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub enum SimilarityWarning {
    /// Cosine on an all-positive table without centring: nearly all pairs look alike.
    UncentredScale {
        /// The mean cosine over all pairs.
        mean_cosine: f64,
        /// The smallest value of the table.
        smallest: f64,
        /// The largest value of the table.
        largest: f64,
    },
    /// Columns that are constant carry no information under z-scoring.
    ConstantColumns {
        /// The columns, counted from 0.
        columns: Vec<usize>,
    },
}

impl fmt::Display for SimilarityWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UncentredScale {
                mean_cosine,
                smallest,
                largest,
            } => write!(
                f,
                "all values lie between {smallest} and {largest}, without a zero, and the mean cosine of two \
                 stimuli is {mean_cosine:.3}: an uncentred cosine hardly tells them apart; centre at the \
                 midpoint of the scale, or use the correlation"
            ),
            Self::ConstantColumns { columns } => {
                write!(
                    f,
                    "columns {columns:?} (counted from 0) are constant and count as 0 after z-scoring"
                )
            }
        }
    }
}

/// Above this mean, the cosine of an all-positive table draws a warning.
const UNCENTRED_COSINE: f64 = 0.8;

/// The most pairs whose similarities are kept in a table (256 MiB, n ≤ 11,585); beyond, each is
/// computed when asked for, with the same result.
const TABLE_PAIRS: usize = 1 << 26;

impl Centring {
    /// The affine map of each column: `(value − offset) · factor`.
    #[must_use]
    pub(crate) fn columns(self, values: ArrayView2<'_, f64>) -> Vec<(f64, f64)> {
        values
            .axis_iter(Axis(1))
            .map(|column| {
                let present = || column.iter().copied().filter(|v| !v.is_nan());
                let n = present().count().max(1) as f64;
                let mean = present().sum::<f64>() / n;
                match self {
                    Self::None => (0.0, 1.0),
                    Self::ScaleMidpoint(midpoint) => (midpoint, 1.0),
                    Self::Mean => (mean, 1.0),
                    Self::ZScore => {
                        let sd = (present().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
                        // The mean of equal numbers may miss them by a rounding error.
                        let constant = sd <= 1e-12 * mean.abs();
                        (mean, if constant { 0.0 } else { 1.0 / sd })
                    }
                }
            })
            .collect()
    }
}

impl Metric {
    /// The similarity of two rows over the columns that both have; NaN where undefined.
    ///
    /// Complexity O(d).
    ///
    /// # Panics
    /// If the rows differ in length.
    #[must_use]
    pub fn between(self, x: &[f64], y: &[f64]) -> f64 {
        assert_eq!(x.len(), y.len(), "rows of one table have the same length");
        let shared = || {
            x.iter()
                .zip(y)
                .filter(|(a, b)| !a.is_nan() && !b.is_nan())
                .map(|(&a, &b)| (a, b))
        };
        let m = shared().count() as f64;
        if m == 0.0 {
            return f64::NAN;
        }
        let cosine = |cx: f64, cy: f64| {
            let (xy, xx, yy) = shared().fold((0.0, 0.0, 0.0), |(xy, xx, yy), (a, b)| {
                let (a, b) = (a - cx, b - cy);
                (xy + a * b, xx + a * a, yy + b * b)
            });
            // 0/0 is NaN: undefined.
            xy / (xx.sqrt() * yy.sqrt())
        };
        match self {
            Self::Cosine => cosine(0.0, 0.0),
            Self::Correlation => {
                let (sx, sy) = shared().fold((0.0, 0.0), |(sx, sy), (a, b)| (sx + a, sy + b));
                let (cx, cy) = (sx / m, sy / m);
                if shared().all(|(a, _)| is_constant(a, cx))
                    || shared().all(|(_, b)| is_constant(b, cy))
                {
                    return f64::NAN;
                }
                cosine(cx, cy)
            }
            Self::Dot => shared().map(|(a, b)| a * b).sum::<f64>() * (x.len() as f64 / m),
            Self::Euclidean => {
                -(shared().map(|(a, b)| (a - b).powi(2)).sum::<f64>() * (x.len() as f64 / m)).sqrt()
            }
        }
    }
}

/// Whether a value equals the mean of its row up to the rounding of that mean.
fn is_constant(value: f64, mean: f64) -> bool {
    (value - mean).abs() <= 1e-14 * mean.abs()
}

/// The similarities of all pairs of n stimuli, in single precision.
///
/// Computed in double precision and rounded once, so pairs that are equal on paper compare as
/// equal. Up to n = 11,585 a table of n(n−1)/2 numbers is filled at the start, in O(n² d); beyond
/// that, each similarity is computed when asked for, in O(d), with the same result.
///
/// ```
/// use emotome_judges::similarity::{Metric, Similarities, SimilarityParams};
/// use ndarray::array;
/// let features = array![[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]];
/// let cosine = Similarities::new(features.view(), SimilarityParams::default())?;
/// assert_eq!((cosine.get(0, 1), cosine.get(2, 0)), (1.0, 0.0));
/// # Ok::<(), emotome_judges::similarity::SimilarityError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Similarities {
    params: SimilarityParams,
    rows: Array2<f64>,
    table: Option<Vec<f32>>,
    dropped: Vec<StimulusId>,
    warnings: Vec<SimilarityWarning>,
}

impl Similarities {
    /// The similarities of the rows of `values`, n × d.
    ///
    /// # Errors
    /// [`SimilarityError`] names the first row or value that stands in the way.
    pub fn new(
        values: ArrayView2<'_, f64>,
        params: SimilarityParams,
    ) -> Result<Self, SimilarityError> {
        Self::with_table_limit(values, params, TABLE_PAIRS)
    }

    fn with_table_limit(
        values: ArrayView2<'_, f64>,
        params: SimilarityParams,
        limit: usize,
    ) -> Result<Self, SimilarityError> {
        let (n, d) = values.dim();
        if n < 3 || d == 0 {
            return Err(SimilarityError::TooSmall {
                rows: n,
                usable: n,
                columns: d,
            });
        }
        if let Centring::ScaleMidpoint(found) = params.centring
            && !found.is_finite()
        {
            return Err(SimilarityError::Midpoint { found });
        }
        if let Some(((row, column), &value)) = values.indexed_iter().find(|(_, v)| v.is_infinite())
        {
            return Err(SimilarityError::Infinite { row, column, value });
        }
        let count = values.iter().filter(|v| v.is_nan()).count();
        if params.missing == MissingValues::Refuse
            && let Some(((row, column), _)) = values.indexed_iter().find(|(_, v)| v.is_nan())
        {
            return Err(SimilarityError::Missing { row, column, count });
        }

        let affine = params.centring.columns(values);
        let mut rows = Array2::from_shape_fn((n, d), |(i, f)| {
            (values[[i, f]] - affine[f].0) * affine[f].1
        });
        let mut warnings = Vec::new();
        let constant: Vec<usize> = (0..d).filter(|&f| affine[f].1 == 0.0).collect();
        if !constant.is_empty() {
            warnings.push(SimilarityWarning::ConstantColumns { columns: constant });
        }

        let mut unusable = Vec::new();
        let mut undefined = Vec::new();
        for (i, mut row) in rows.axis_iter_mut(Axis(0)).enumerate() {
            let norm = row
                .iter()
                .filter(|v| !v.is_nan())
                .map(|v| v * v)
                .sum::<f64>()
                .sqrt();
            if norm.powi(2) * 4.0 > f64::from(f32::MAX) {
                return Err(SimilarityError::TooLarge { row: i, norm });
            }
            if params.missing == MissingValues::PairwiseComplete {
                continue;
            }
            if row.iter().any(|v| v.is_nan()) {
                unusable.push(i);
            } else if !normalise(
                params.metric,
                row.as_slice_mut().expect("rows are contiguous"),
            ) {
                undefined.push(i);
            }
        }
        if params.missing == MissingValues::Refuse
            && let Some(&row) = undefined.first()
        {
            let what = if params.metric == Metric::Cosine {
                "zero"
            } else {
                "equal"
            };
            return Err(SimilarityError::Undefined {
                row,
                count: undefined.len(),
                metric: params.metric,
                what,
            });
        }
        unusable.extend(undefined);
        unusable.sort_unstable();
        if n - unusable.len() < 3 {
            return Err(SimilarityError::TooSmall {
                rows: n,
                usable: n - unusable.len(),
                columns: d,
            });
        }
        for &i in &unusable {
            rows.row_mut(i).fill(f64::NAN);
        }
        let dropped = unusable.iter().map(|&i| StimulusId(i as u32)).collect();

        let mut this = Self {
            params,
            rows,
            table: None,
            dropped,
            warnings,
        };
        if params.metric == Metric::Cosine && params.centring == Centring::None {
            this.warn_if_uncentred(values);
        }
        if n * (n - 1) / 2 <= limit {
            this.table = Some(this.fill_table());
        }
        Ok(this)
    }

    fn warn_if_uncentred(&mut self, values: ArrayView2<'_, f64>) {
        let present = || values.iter().copied().filter(|v| !v.is_nan());
        let smallest = present().fold(f64::INFINITY, f64::min);
        if smallest <= 0.0 || self.params.missing == MissingValues::PairwiseComplete {
            return;
        }
        // Σ_{i≠j} u_i·u_j = ‖Σ u_i‖² − m for unit rows u.
        let mut sum = vec![0.0; self.rows.ncols()];
        let mut m = 0.0;
        for row in self.rows.rows().into_iter().filter(|row| !row[0].is_nan()) {
            m += 1.0;
            sum.iter_mut().zip(row).for_each(|(s, v)| *s += v);
        }
        let mean_cosine = (sum.iter().map(|s| s * s).sum::<f64>() - m) / (m * (m - 1.0));
        if mean_cosine >= UNCENTRED_COSINE {
            let largest = present().fold(f64::NEG_INFINITY, f64::max);
            self.warnings.push(SimilarityWarning::UncentredScale {
                mean_cosine,
                smallest,
                largest,
            });
        }
    }

    fn fill_table(&self) -> Vec<f32> {
        let n = self.n_stimuli();
        let mut table = vec![0.0; n * (n - 1) / 2];
        let mut rows = Vec::with_capacity(n);
        let mut rest = table.as_mut_slice();
        for i in 0..n {
            let (row, tail) = rest.split_at_mut(i);
            rows.push((i, row));
            rest = tail;
        }
        rows.into_par_iter().for_each(|(i, row)| {
            for (j, cell) in row.iter_mut().enumerate() {
                *cell = self.compute(i, j);
            }
        });
        table
    }

    fn compute(&self, i: usize, j: usize) -> f32 {
        let row = |i| self.rows.row(i).to_slice().expect("rows are contiguous");
        let (x, y): (&[f64], &[f64]) = (row(i), row(j));
        let similarity = match (self.params.missing, self.params.metric) {
            (MissingValues::PairwiseComplete, metric) => metric.between(x, y),
            (_, Metric::Euclidean) => -reduce(x, y, |a, b| (a - b) * (a - b)).sqrt(),
            _ => reduce(x, y, |a, b| a * b),
        };
        similarity as f32
    }

    /// The similarity of stimuli `i` and `j`, in either order; NaN if one of them was dropped, if
    /// the pair shares no column, or if `i = j`.
    ///
    /// # Panics
    /// If an index is not below [`n_stimuli`](Self::n_stimuli).
    #[must_use]
    #[inline]
    pub fn get(&self, i: usize, j: usize) -> f32 {
        let (low, high) = if i < j { (i, j) } else { (j, i) };
        if low == high {
            return f32::NAN;
        }
        match &self.table {
            Some(table) => table[high * (high - 1) / 2 + low],
            None => self.compute(high, low),
        }
    }

    /// The similarities of the pairs of a triplet; entry `k` is that of the pair without item `k`.
    #[must_use]
    #[inline]
    pub fn of_triplet(&self, items: [StimulusId; 3]) -> [f64; 3] {
        let [a, b, c] = items.map(StimulusId::index);
        [self.get(b, c), self.get(a, c), self.get(a, b)].map(f64::from)
    }

    /// The number of stimuli n, dropped ones included.
    #[must_use]
    pub fn n_stimuli(&self) -> usize {
        self.rows.nrows()
    }

    /// The parameters.
    #[must_use]
    pub const fn params(&self) -> SimilarityParams {
        self.params
    }

    /// The stimuli that are never judged, ascending.
    #[must_use]
    pub fn dropped(&self) -> &[StimulusId] {
        &self.dropped
    }

    /// What to look at before trusting the similarities.
    #[must_use]
    pub fn warnings(&self) -> &[SimilarityWarning] {
        &self.warnings
    }
}

/// Brings a row to the form in which the metric is a plain sum; false if the metric is undefined.
fn normalise(metric: Metric, row: &mut [f64]) -> bool {
    if metric == Metric::Correlation {
        let mean = row.iter().sum::<f64>() / row.len() as f64;
        if row.iter().all(|&v| is_constant(v, mean)) {
            return false;
        }
        row.iter_mut().for_each(|v| *v -= mean);
    }
    if matches!(metric, Metric::Cosine | Metric::Correlation) {
        let norm = row.iter().map(|v| v * v).sum::<f64>().sqrt();
        if norm == 0.0 {
            return false;
        }
        row.iter_mut().for_each(|v| *v /= norm);
    }
    true
}

/// `Σ f(x_k, y_k)` in eight interleaved partial sums: a fixed order that the compiler can vectorise.
#[inline]
fn reduce(x: &[f64], y: &[f64], f: impl Fn(f64, f64) -> f64) -> f64 {
    let (xs, ys) = (x.chunks_exact(8), y.chunks_exact(8));
    let tail: f64 = xs
        .remainder()
        .iter()
        .zip(ys.remainder())
        .map(|(&a, &b)| f(a, b))
        .sum();
    let mut lanes = [0.0; 8];
    for (a, b) in xs.zip(ys) {
        for k in 0..8 {
            lanes[k] += f(a[k], b[k]);
        }
    }
    lanes.iter().sum::<f64>() + tail
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn params(metric: Metric, missing: MissingValues) -> SimilarityParams {
        SimilarityParams {
            metric,
            missing,
            ..SimilarityParams::default()
        }
    }

    #[test]
    fn the_table_and_the_computation_on_demand_agree_bit_for_bit() {
        let values =
            Array2::from_shape_fn((20, 11), |(i, f)| ((i * 31 + f * 17) % 23) as f64 - 9.0);
        for metric in [
            Metric::Cosine,
            Metric::Correlation,
            Metric::Dot,
            Metric::Euclidean,
        ] {
            let p = params(metric, MissingValues::Refuse);
            let table = Similarities::new(values.view(), p).unwrap();
            let lazy = Similarities::with_table_limit(values.view(), p, 0).unwrap();
            for i in 0..20 {
                for j in 0..i {
                    assert_eq!(table.get(i, j).to_bits(), lazy.get(j, i).to_bits());
                    let direct = metric.between(
                        values.row(i).as_slice().unwrap(),
                        values.row(j).as_slice().unwrap(),
                    );
                    assert!(
                        (f64::from(table.get(i, j)) - direct).abs() <= 1e-6 * (1.0 + direct.abs())
                    );
                }
            }
        }
    }

    #[test]
    fn dropped_stimuli_keep_the_ids_of_the_others_in_place() {
        let values = array![
            [1.0, 0.0],
            [f64::NAN, 1.0],
            [0.0, 0.0],
            [0.0, 2.0],
            [3.0, 0.1]
        ];
        let similarities = Similarities::new(
            values.view(),
            params(Metric::Cosine, MissingValues::DropStimuli),
        )
        .unwrap();
        assert_eq!(similarities.dropped(), [StimulusId(1), StimulusId(2)]);
        assert_eq!(similarities.get(0, 3), 0.0);
        assert!(similarities.get(0, 1).is_nan() && similarities.get(2, 3).is_nan());
    }

    #[test]
    fn missing_and_undefined_values_are_refused_by_default() {
        let missing = array![[1.0, 0.0], [f64::NAN, 1.0], [0.5, f64::NAN]];
        assert_eq!(
            Similarities::new(missing.view(), SimilarityParams::default()).unwrap_err(),
            SimilarityError::Missing {
                row: 1,
                column: 0,
                count: 2
            }
        );
        let zero = array![[1.0, 0.0], [0.0, 0.0], [0.5, 1.0]];
        assert!(matches!(
            Similarities::new(zero.view(), SimilarityParams::default()),
            Err(SimilarityError::Undefined {
                row: 1,
                count: 1,
                ..
            })
        ));
        let infinite = array![[1.0, 0.0], [f64::INFINITY, 0.0], [0.5, 1.0]];
        for policy in [
            MissingValues::Refuse,
            MissingValues::DropStimuli,
            MissingValues::PairwiseComplete,
        ] {
            assert!(matches!(
                Similarities::new(infinite.view(), params(Metric::Dot, policy)),
                Err(SimilarityError::Infinite {
                    row: 1,
                    column: 0,
                    ..
                })
            ));
        }
        let huge = array![[1e30, 0.0], [1.0, 0.0], [0.5, 1.0]];
        assert!(matches!(
            Similarities::new(huge.view(), params(Metric::Dot, MissingValues::Refuse)),
            Err(SimilarityError::TooLarge { row: 0, .. })
        ));
    }

    #[test]
    fn a_one_to_nine_scale_without_centring_draws_a_warning() {
        let values =
            Array2::from_shape_fn((30, 14), |(i, f)| 3.0 + ((i * 7 + f * 5) % 11) as f64 * 0.4);
        let plain = Similarities::new(values.view(), SimilarityParams::default()).unwrap();
        assert!(matches!(
            plain.warnings(),
            [SimilarityWarning::UncentredScale { .. }]
        ));
        let centred = SimilarityParams {
            centring: Centring::ScaleMidpoint(5.0),
            ..Default::default()
        };
        assert!(
            Similarities::new(values.view(), centred)
                .unwrap()
                .warnings()
                .is_empty()
        );
        let proportions = values.mapv(|v| if v < 5.0 { 0.0 } else { v / 12.0 });
        let params = params(Metric::Cosine, MissingValues::DropStimuli);
        assert!(
            Similarities::new(proportions.view(), params)
                .unwrap()
                .warnings()
                .is_empty()
        );
    }
}
