//! The similarities of all pairs of stimuli.

use super::{
    Centring, Metric, SimilarityError, SimilarityWarning,
    metric::{normalise, reduce},
};
use emotome_stimuli::StimulusId;
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

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

/// Above this mean, the cosine of an all-positive table draws a warning.
const UNCENTRED_COSINE: f64 = 0.8;

/// The most pairs whose similarities are kept in a table (256 MiB, n ≤ 11,585); beyond, each is
/// computed when asked for, with the same result.
const TABLE_PAIRS: usize = 1 << 26;

/// The similarities of all pairs of n stimuli, in single precision.
///
/// Computed in double precision and rounded once, so that pairs which are equal on paper compare as
/// equal (but for a chance of some 10⁻⁸ that the rounding falls between them). Up to n = 11,585 a
/// table of n(n−1)/2 numbers is filled at the start, in O(n² d); beyond that, each similarity is
/// computed when asked for, in O(d), with the same result.
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
        check(values, params.missing)?;
        let columns = params.centring.columns(values)?;
        let mut rows = Array2::from_shape_fn((n, d), |(i, f)| columns[f].apply(values[[i, f]]));
        check_magnitude(&rows)?;
        let dropped = match params.missing {
            MissingValues::PairwiseComplete => Vec::new(),
            _ => normalise_rows(&mut rows, params)?,
        };
        let mut warnings = Vec::new();
        let constant: Vec<usize> = (0..d).filter(|&f| columns[f].factor == 0.0).collect();
        if !constant.is_empty() {
            warnings.push(SimilarityWarning::ConstantColumns { columns: constant });
        }
        if params.metric == Metric::Cosine && params.centring == Centring::None {
            warnings.extend(uncentred_scale(values));
        }
        let mut this = Self {
            params,
            rows,
            table: None,
            dropped,
            warnings,
        };
        if n * (n - 1) / 2 <= limit {
            this.table = Some(this.fill_table());
        }
        Ok(this)
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

/// Refuses tables that are too small, infinite values, and missing ones if that is the policy.
fn check(values: ArrayView2<'_, f64>, missing: MissingValues) -> Result<(), SimilarityError> {
    let (rows, columns) = values.dim();
    if rows < 3 || columns == 0 {
        return Err(SimilarityError::TooSmall {
            rows,
            usable: rows,
            columns,
        });
    }
    if let Some(((row, column), &value)) = values.indexed_iter().find(|(_, v)| v.is_infinite()) {
        return Err(SimilarityError::Infinite { row, column, value });
    }
    if missing == MissingValues::Refuse
        && let Some(((row, column), _)) = values.indexed_iter().find(|(_, v)| v.is_nan())
    {
        let count = values.iter().filter(|v| v.is_nan()).count();
        return Err(SimilarityError::Missing { row, column, count });
    }
    Ok(())
}

/// Refuses rows whose products, scaled up for missing columns, overflow single precision.
fn check_magnitude(rows: &Array2<f64>) -> Result<(), SimilarityError> {
    let room = f64::from(f32::MAX) / (4.0 * rows.ncols() as f64);
    for (row, values) in rows.rows().into_iter().enumerate() {
        let present = values.iter().filter(|v| !v.is_nan());
        let square: f64 = present.map(|v| v * v).sum();
        if square > room {
            let norm = square.sqrt();
            return Err(SimilarityError::TooLarge { row, norm });
        }
    }
    Ok(())
}

/// Normalises the rows, and makes NaN and returns those with a missing value or without a defined
/// similarity.
fn normalise_rows(
    rows: &mut Array2<f64>,
    params: SimilarityParams,
) -> Result<Vec<StimulusId>, SimilarityError> {
    let (n, columns) = rows.dim();
    let (mut dropped, mut undefined) = (Vec::new(), Vec::new());
    for (i, mut row) in rows.rows_mut().into_iter().enumerate() {
        let missing = row.iter().any(|v| v.is_nan());
        let defined = normalise(
            params.metric,
            row.as_slice_mut().expect("rows are contiguous"),
        );
        if missing || !defined {
            row.fill(f64::NAN);
            dropped.push(StimulusId(i as u32));
        }
        if !missing && !defined {
            undefined.push(i);
        }
    }
    if params.missing == MissingValues::Refuse
        && let Some(&row) = undefined.first()
    {
        return Err(SimilarityError::Undefined {
            row,
            count: undefined.len(),
            metric: params.metric,
            what: if params.metric == Metric::Cosine {
                "zero"
            } else {
                "equal"
            },
        });
    }
    if n - dropped.len() < 3 {
        return Err(SimilarityError::TooSmall {
            rows: n,
            usable: n - dropped.len(),
            columns,
        });
    }
    Ok(dropped)
}

/// The warning about an all-positive table whose rows all point the same way.
fn uncentred_scale(values: ArrayView2<'_, f64>) -> Option<SimilarityWarning> {
    let present = || values.iter().copied().filter(|v| !v.is_nan());
    let smallest = present().fold(f64::INFINITY, f64::min);
    if smallest <= 0.0 {
        return None;
    }
    // Σ_{i≠j} u_i·u_j = ‖Σ u_i‖² − m for unit rows u.
    let mut sum = vec![0.0; values.ncols()];
    let mut m = 0.0;
    for row in values.rows() {
        let norm = row.dot(&row).sqrt();
        if !norm.is_nan() {
            m += 1.0;
            sum.iter_mut().zip(row).for_each(|(s, v)| *s += v / norm);
        }
    }
    let mean_cosine = (sum.iter().map(|s| s * s).sum::<f64>() - m) / (m * (m - 1.0));
    (mean_cosine >= UNCENTRED_COSINE).then(|| SimilarityWarning::UncentredScale {
        mean_cosine,
        smallest,
        largest: present().fold(f64::NEG_INFINITY, f64::max),
    })
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
    fn products_scaled_up_for_missing_columns_cannot_overflow() {
        let nan = f64::NAN;
        let far = [9e18, nan, nan, nan, nan];
        let values = array![far, [9e18, 1.0, 1.0, 1.0, 1.0], [5e18, 1.0, 2.0, 3.0, 4.0]];
        let pairwise = params(Metric::Dot, MissingValues::PairwiseComplete);
        assert!(matches!(
            Similarities::new(values.view(), pairwise),
            Err(SimilarityError::TooLarge { row: 0, .. })
        ));
    }

    /// Its direction from the mean would be rounding error.
    #[test]
    fn a_stimulus_at_the_mean_of_every_column_has_no_cosine() {
        let values = array![[0.1, 0.7], [0.2, 0.8], [0.3, 0.9], [0.2, 0.8], [0.2, 0.8]];
        let centred = SimilarityParams {
            centring: Centring::Mean,
            ..SimilarityParams::default()
        };
        assert!(matches!(
            Similarities::new(values.view(), centred),
            Err(SimilarityError::Undefined {
                row: 1,
                count: 3,
                ..
            })
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
        let mut gap = values.clone();
        gap[[3, 4]] = f64::NAN;
        let pairwise = params(Metric::Cosine, MissingValues::PairwiseComplete);
        assert_eq!(
            Similarities::new(gap.view(), pairwise)
                .unwrap()
                .warnings()
                .len(),
            1
        );
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
