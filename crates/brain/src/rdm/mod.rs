//! Dissimilarities of brain patterns, and their comparison with others.
//!
//! An [`Rdm`] holds one number for each pair of stimuli, or none where a pair was not measured or
//! must not count. [`patterns`] makes one of responses, [`compare()`] says how alike two are.

use ndarray::{Array2, ArrayView2};

pub mod compare;
pub(crate) mod kendall;
pub mod noise;
pub mod patterns;
pub mod rank;

pub use compare::{Agreement, Comparison, compare};

/// Dissimilarities of all pairs of n stimuli, in the order (0,1), (0,2), …, (n−2, n−1).
///
/// NaN stands for a missing pair. The order is that of `scipy.spatial.distance.squareform` and of
/// rsatoolbox. n(n−1)/2 values of 8 bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Rdm {
    n: usize,
    values: Vec<f64>,
}

/// Why dissimilarities cannot be made or compared.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RdmError {
    /// The number of values is not that of the pairs.
    #[error("{n} stimuli have {expected} pairs, but {found} dissimilarities were given")]
    Pairs {
        /// Stimuli.
        n: usize,
        /// n(n−1)/2.
        expected: usize,
        /// Values given.
        found: usize,
    },
    /// Too few or too many stimuli.
    #[error("{n} stimuli were given; dissimilarities need 3 to {max} of them", max = Rdm::MAX_STIMULI)]
    Stimuli {
        /// Stimuli.
        n: usize,
    },
    /// A value is infinite.
    #[error(
        "the dissimilarity of stimuli {i} and {j} is {value}; finite values are needed, or NaN for a missing pair"
    )]
    NotFinite {
        /// Row, from 0.
        i: usize,
        /// Column, from 0.
        j: usize,
        /// The value.
        value: f64,
    },
    /// A matrix is not square.
    #[error("a matrix of {rows} × {columns} was given as dissimilarities; it must be square")]
    NotSquare {
        /// Rows.
        rows: usize,
        /// Columns.
        columns: usize,
    },
    /// A matrix is not symmetric.
    #[error(
        "entries ({i}, {j}) and ({j}, {i}) are {upper} and {lower}; a matrix of dissimilarities is symmetric"
    )]
    Asymmetric {
        /// Row, from 0.
        i: usize,
        /// Column, from 0.
        j: usize,
        /// Entry above the diagonal.
        upper: f64,
        /// Entry below the diagonal.
        lower: f64,
    },
    /// A diagonal entry is not zero.
    #[error(
        "diagonal entry {i} is {value}, and should be 0; if the matrix holds similarities, give 1 − similarity"
    )]
    Diagonal {
        /// Row, from 0.
        i: usize,
        /// Its diagonal entry.
        value: f64,
    },
    /// Two sides speak of different numbers of stimuli.
    #[error(
        "{left} stimuli on one side and {right} on the other; align both by stimulus key first"
    )]
    Sizes {
        /// Stimuli on the left.
        left: usize,
        /// Stimuli on the right.
        right: usize,
    },
    /// A list that must have an entry for each row has another length.
    #[error("{found} {what} for {expected} rows of responses; one for each row is needed")]
    Rows {
        /// What was listed.
        what: &'static str,
        /// Rows.
        expected: usize,
        /// Entries.
        found: usize,
    },
    /// A precision matrix has the wrong size.
    #[error("a precision of {rows} × {columns} was given for {channels} channels")]
    Precision {
        /// Rows.
        rows: usize,
        /// Columns.
        columns: usize,
        /// Channels of the responses.
        channels: usize,
    },
    /// A condition was not measured in a fold.
    #[error(
        "condition {condition} has no response in fold {fold}; cross-validated distances need every condition in every fold"
    )]
    Unmeasured {
        /// Condition, from 0.
        condition: usize,
        /// Label of the fold.
        fold: u32,
    },
    /// Cross-validation needs more folds.
    #[error("{found} fold was given; cross-validated distances need at least 2")]
    Folds {
        /// Folds given.
        found: usize,
    },
    /// A covariance cannot be inverted.
    #[error(
        "the covariance of {channels} channels from {rows} residuals has no inverse; shrink it"
    )]
    Singular {
        /// Channels.
        channels: usize,
        /// Residuals.
        rows: usize,
    },
    /// Something that needs every pair got fewer.
    #[error("{what} needs every pair, and {missing} of {pairs} are missing")]
    Missing {
        /// What needs them.
        what: &'static str,
        /// Missing pairs.
        missing: usize,
        /// All pairs.
        pairs: usize,
    },
}

impl Rdm {
    /// The most stimuli: 1 GiB of dissimilarities.
    pub const MAX_STIMULI: usize = 16_384;

    /// Dissimilarities of `n` stimuli in the order (0,1), (0,2), …
    ///
    /// # Errors
    /// Fewer than 3 or more than [`MAX_STIMULI`](Self::MAX_STIMULI) stimuli, a number of values
    /// other than n(n−1)/2, or an infinite value.
    ///
    /// ```
    /// use emotome_brain::rdm::Rdm;
    /// let rdm = Rdm::new(3, vec![1.0, 2.0, f64::NAN])?;
    /// assert_eq!((rdm.get(2, 0), rdm.missing()), (2.0, 1));
    /// # Ok::<(), emotome_brain::rdm::RdmError>(())
    /// ```
    pub fn new(n: usize, values: Vec<f64>) -> Result<Self, RdmError> {
        if !(3..=Self::MAX_STIMULI).contains(&n) {
            return Err(RdmError::Stimuli { n });
        }
        if values.len() != pairs(n) {
            return Err(RdmError::Pairs {
                n,
                expected: pairs(n),
                found: values.len(),
            });
        }
        let rdm = Self { n, values };
        for (i, row) in rdm.rows() {
            if let Some(at) = row.iter().position(|v| v.is_infinite()) {
                return Err(RdmError::NotFinite {
                    i,
                    j: i + 1 + at,
                    value: row[at],
                });
            }
        }
        Ok(rdm)
    }

    /// Dissimilarities of a square matrix, symmetric with a diagonal of zeros to 10⁻⁶ of its largest entry.
    ///
    /// Each is the mean of both entries. A pair is missing where both entries are NaN; a NaN
    /// diagonal is accepted. O(n²).
    ///
    /// # Errors
    /// A matrix that is not square, not symmetric, or has another diagonal.
    pub fn from_square(matrix: ArrayView2<'_, f64>) -> Result<Self, RdmError> {
        let (rows, columns) = matrix.dim();
        if rows != columns {
            return Err(RdmError::NotSquare { rows, columns });
        }
        if !(3..=Self::MAX_STIMULI).contains(&rows) {
            return Err(RdmError::Stimuli { n: rows });
        }
        let largest = matrix.iter().filter(|v| v.is_finite());
        let slack = 1e-6 * largest.fold(0.0_f64, |most, v| most.max(v.abs()));
        let mut values = Vec::with_capacity(pairs(rows));
        for i in 0..rows {
            let value = matrix[[i, i]];
            if value.abs() > slack {
                return Err(RdmError::Diagonal { i, value });
            }
            for j in i + 1..rows {
                let (upper, lower) = (matrix[[i, j]], matrix[[j, i]]);
                let alike = (upper - lower).abs() <= slack || upper == lower;
                let missing = upper.is_nan() && lower.is_nan();
                if !(alike || missing) {
                    return Err(RdmError::Asymmetric { i, j, upper, lower });
                }
                values.push(f64::midpoint(upper, lower));
            }
        }
        Self::new(rows, values)
    }

    /// The symmetric n × n matrix, with zeros on its diagonal.
    #[must_use]
    pub fn square(&self) -> Array2<f64> {
        let mut square = Array2::zeros((self.n, self.n));
        for (i, row) in self.rows() {
            for (j, &value) in (i + 1..).zip(row) {
                square[[i, j]] = value;
                square[[j, i]] = value;
            }
        }
        square
    }

    /// Stimuli.
    #[must_use]
    pub const fn n(&self) -> usize {
        self.n
    }

    /// The dissimilarities in the order (0,1), (0,2), …; NaN where missing.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The dissimilarity of two stimuli, in either order; 0 of one with itself.
    ///
    /// # Panics
    /// If either is not below n.
    #[must_use]
    pub fn get(&self, i: usize, j: usize) -> f64 {
        let (i, j) = (i.min(j), i.max(j));
        assert!(j < self.n, "stimulus {j} of {}", self.n);
        if i == j {
            0.0
        } else {
            self.values[first(self.n, i) + j - i - 1]
        }
    }

    /// Missing pairs.
    #[must_use]
    pub fn missing(&self) -> usize {
        self.values.iter().filter(|v| v.is_nan()).count()
    }

    /// Each stimulus i with its dissimilarities to i+1, i+2, …
    pub fn rows(&self) -> impl Iterator<Item = (usize, &[f64])> {
        (0..self.n).map(|i| (i, &self.values[first(self.n, i)..first(self.n, i + 1)]))
    }

    /// The same with every pair missing for which `exclude(i, j)`, i < j, holds.
    ///
    /// Pairs within a run share its noise: leave them out by `excluding(|i, j| run[i] == run[j])`.
    /// Missing pairs count neither in means nor in ranks, which is the exact masked comparison.
    #[must_use]
    pub fn excluding(&self, exclude: impl Fn(usize, usize) -> bool) -> Self {
        let mut values = Vec::with_capacity(self.values.len());
        for (i, row) in self.rows() {
            values.extend(
                (i + 1..)
                    .zip(row)
                    .map(|(j, &v)| if exclude(i, j) { f64::NAN } else { v }),
            );
        }
        Self { n: self.n, values }
    }

    /// The stimuli at `places`, in that order; pairs made of two copies of a stimulus are missing.
    ///
    /// As `RDMs.subsample_pattern` of rsatoolbox does, which sorts the places first.
    ///
    /// # Errors
    /// Fewer than three places.
    ///
    /// # Panics
    /// If a place is not below n.
    pub fn select(&self, places: &[usize]) -> Result<Self, RdmError> {
        let mut values = Vec::with_capacity(pairs(places.len()));
        for (at, &i) in places.iter().enumerate() {
            values.extend(
                places[at + 1..]
                    .iter()
                    .map(|&j| if i == j { f64::NAN } else { self.get(i, j) }),
            );
        }
        Self::new(places.len(), values)
    }

    pub(crate) fn map(&self, f: impl FnMut(f64) -> f64) -> Self {
        Self {
            n: self.n,
            values: self.values.iter().copied().map(f).collect(),
        }
    }
}

/// n(n−1)/2.
#[must_use]
pub const fn pairs(n: usize) -> usize {
    n * n.saturating_sub(1) / 2
}

/// Where the pairs (i, i+1), (i, i+2), … of n stimuli begin.
#[must_use]
pub const fn first(n: usize, i: usize) -> usize {
    i * (2 * n - i - 1) / 2
}

/// Σ a·b in eight partial sums, in an order that depends on the length alone.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0.0; 8];
    let (a8, a_rest) = a.as_chunks::<8>();
    let (b8, b_rest) = b.as_chunks::<8>();
    for (a, b) in a8.iter().zip(b8) {
        for lane in 0..8 {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    let [a, b, c, d, e, f, g, h] = lanes;
    ((a + e) + (c + g)) + ((b + f) + (d + h)) + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kind(matrix: &[f64; 9]) -> RdmError {
        let matrix = ArrayView2::from_shape((3, 3), matrix).unwrap();
        Rdm::from_square(matrix).unwrap_err()
    }

    #[test]
    fn matrices_that_are_no_dissimilarities_are_refused() {
        let similar = kind(&[1.0, 0.5, 0.2, 0.5, 1.0, 0.1, 0.2, 0.1, 1.0]);
        assert!(matches!(similar, RdmError::Diagonal { i: 0, .. }));
        assert!(similar.to_string().contains("1 − similarity"));
        let skew = kind(&[0.0, 0.5, 0.2, 0.4, 0.0, 0.1, 0.2, 0.1, 0.0]);
        assert!(matches!(skew, RdmError::Asymmetric { i: 0, j: 1, .. }));
        let half = kind(&[0.0, 0.5, 0.2, f64::NAN, 0.0, 0.1, 0.2, 0.1, 0.0]);
        assert!(matches!(half, RdmError::Asymmetric { .. }));
        let endless = kind(&[
            0.0,
            f64::INFINITY,
            0.2,
            f64::INFINITY,
            0.0,
            0.1,
            0.2,
            0.1,
            0.0,
        ]);
        assert!(matches!(endless, RdmError::NotFinite { i: 0, j: 1, .. }));
        let wide = Array2::zeros((3, 4));
        assert!(matches!(
            Rdm::from_square(wide.view()),
            Err(RdmError::NotSquare { .. })
        ));
        assert!(matches!(
            Rdm::new(3, vec![0.0; 4]),
            Err(RdmError::Pairs { expected: 3, .. })
        ));
        assert!(matches!(
            Rdm::new(2, vec![0.0]),
            Err(RdmError::Stimuli { n: 2 })
        ));
        assert!(matches!(
            Rdm::new(usize::MAX, vec![]),
            Err(RdmError::Stimuli { .. })
        ));
    }

    proptest! {
        #[test]
        fn the_square_matrix_gives_the_pairs_back(n in 3_usize..12, seed in 0_u64..1000) {
            let mut rng = emotome_stats::random::CounterRng::new(emotome_stats::random::Seed(seed), 0);
            let values = (0..pairs(n)).map(|_| rng.uniform()).collect();
            let rdm = Rdm::new(n, values).unwrap();
            prop_assert_eq!(&Rdm::from_square(rdm.square().view()).unwrap(), &rdm);
            prop_assert_eq!(&rdm.select(&(0..n).collect::<Vec<_>>()).unwrap(), &rdm);
            let turned: Vec<usize> = (0..n).rev().collect();
            prop_assert_eq!(&rdm.select(&turned).unwrap().select(&turned).unwrap(), &rdm);
            let copies = rdm.select(&vec![1; n]).unwrap();
            prop_assert_eq!(copies.missing(), pairs(n));
        }
    }
}
