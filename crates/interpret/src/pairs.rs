//! Stimuli that have both a place in an embedding and ratings: the input of every comparison of the two.

use ndarray::{Array2, ArrayView2, Axis};
use serde::Serialize;

/// Fewest stimuli on which dimensions and ratings are compared.
pub const FEWEST_ITEMS: usize = 10;

/// Dimensions and ratings of the same stimuli, without gaps.
///
/// A stimulus that lacks any rating is left out of all comparisons, so that every number rests on the
/// same stimuli; a rating that no stimulus has is treated as constant instead. [`PairsReport`] counts both.
#[derive(Debug, Clone)]
pub struct Pairs {
    dimensions: Array2<f64>,
    ratings: Array2<f64>,
    used: Vec<usize>,
    report: PairsReport,
}

/// What was found in dimensions and ratings before they were compared; columns count from 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PairsReport {
    /// Stimuli given.
    pub given: usize,
    /// Stimuli with all ratings: those compared.
    pub used: usize,
    /// Stimuli without a value, for each rating.
    pub missing: Vec<usize>,
    /// Ratings that no stimulus has: every result with them is undefined (NaN).
    pub empty_ratings: Vec<usize>,
    /// Ratings with one value for all stimuli used, the empty ones aside: undefined likewise.
    pub constant_ratings: Vec<usize>,
    /// Dimensions with one value for all stimuli used, zero or another: undefined likewise.
    pub constant_dimensions: Vec<usize>,
    /// Those of the constant dimensions that are zero everywhere: nothing was learnt in them.
    pub zero_dimensions: Vec<usize>,
}

/// Why dimensions and ratings cannot be compared.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PairsError {
    /// Different numbers of stimuli.
    #[error(
        "the embedding has {dimensions} stimuli, the ratings have {ratings}; bring them to the same stimuli \
         in the same order, matched by key"
    )]
    Mismatch {
        /// Rows of the embedding.
        dimensions: usize,
        /// Rows of the ratings.
        ratings: usize,
    },
    /// A side without columns.
    #[error("there are no {what} to compare; at least one column is needed")]
    Nothing {
        /// `dimensions` or `ratings`.
        what: &'static str,
    },
    /// A value that is no number.
    #[error(
        "{what} hold {count} values that cannot be used; the first is {value} in row {row}, column {column} \
         (counted from 1); expected finite numbers{hint}"
    )]
    NotFinite {
        /// `dimensions` or `ratings`.
        what: &'static str,
        /// How many there are.
        count: usize,
        /// The first of them.
        value: f64,
        /// Its row, from 1.
        row: usize,
        /// Its column, from 1.
        column: usize,
        /// What else is allowed.
        hint: &'static str,
    },
    /// Too few stimuli with all ratings.
    #[error(
        "{used} of {given} stimuli have all ratings, at least {FEWEST_ITEMS} are needed; rate more stimuli, or \
         leave out the ratings with most gaps (rating {emptiest}, counted from 1, lacks {gaps})"
    )]
    TooFew {
        /// Stimuli that can be used.
        used: usize,
        /// Stimuli given.
        given: usize,
        /// The rating with most gaps, from 1.
        emptiest: usize,
        /// Its gaps.
        gaps: usize,
    },
}

impl Pairs {
    /// Pairs dimensions (stimuli × D) with ratings (stimuli × K; NaN where there is none). O(n (D + K)).
    ///
    /// # Errors
    /// [`PairsError`]: different stimuli, no columns, infinite values, NaN in the embedding, or fewer than
    /// [`FEWEST_ITEMS`] stimuli with all ratings.
    ///
    /// ```
    /// use emotome_interpret::pairs::Pairs;
    /// use ndarray::Array2;
    /// let dimensions = Array2::from_shape_fn((12, 2), |(i, d)| if d == 0 { i as f64 } else { 0.0 });
    /// let mut ratings = Array2::from_shape_fn((12, 1), |(i, _)| (i * i) as f64);
    /// ratings[[3, 0]] = f64::NAN;
    /// let pairs = Pairs::new(dimensions.view(), ratings.view())?;
    /// assert_eq!((pairs.report().used, &pairs.report().zero_dimensions[..]), (11, &[1][..]));
    /// # Ok::<(), emotome_interpret::pairs::PairsError>(())
    /// ```
    pub fn new(
        dimensions: ArrayView2<'_, f64>,
        ratings: ArrayView2<'_, f64>,
    ) -> Result<Self, PairsError> {
        let given = dimensions.nrows();
        if given != ratings.nrows() {
            return Err(PairsError::Mismatch {
                dimensions: given,
                ratings: ratings.nrows(),
            });
        }
        for (what, columns) in [
            ("dimensions", dimensions.ncols()),
            ("ratings", ratings.ncols()),
        ] {
            if columns == 0 {
                return Err(PairsError::Nothing { what });
            }
        }
        refuse("dimensions", dimensions, "", |value| !value.is_finite())?;
        let hint = ", or no value where a stimulus was not rated";
        refuse("ratings", ratings, hint, f64::is_infinite)?;
        let missing: Vec<usize> = ratings
            .columns()
            .into_iter()
            .map(|column| column.iter().filter(|x| x.is_nan()).count())
            .collect();
        let rated: Vec<usize> = (0..missing.len()).filter(|&k| missing[k] < given).collect();
        let used: Vec<usize> = (0..given)
            .filter(|&i| rated.iter().all(|&k| !ratings[[i, k]].is_nan()))
            .collect();
        if used.len() < FEWEST_ITEMS || rated.is_empty() {
            let (emptiest, gaps) = missing
                .iter()
                .enumerate()
                .max_by_key(|x| x.1)
                .unwrap_or((0, &0));
            return Err(PairsError::TooFew {
                used: if rated.is_empty() { 0 } else { used.len() },
                given,
                emptiest: emptiest + 1,
                gaps: *gaps,
            });
        }
        let dimensions = dimensions.select(Axis(0), &used);
        let mut ratings = ratings.select(Axis(0), &used);
        ratings.mapv_inplace(|x| if x.is_nan() { 0.0 } else { x });
        let empty_ratings: Vec<usize> = (0..missing.len())
            .filter(|&k| missing[k] == given)
            .collect();
        let constant_dimensions = constant(dimensions.view());
        let report = PairsReport {
            given,
            used: used.len(),
            constant_ratings: constant(ratings.view())
                .into_iter()
                .filter(|k| !empty_ratings.contains(k))
                .collect(),
            zero_dimensions: constant_dimensions
                .iter()
                .copied()
                .filter(|&d| dimensions[[0, d]] == 0.0)
                .collect(),
            constant_dimensions,
            missing,
            empty_ratings,
        };
        Ok(Self {
            dimensions,
            ratings,
            used,
            report,
        })
    }

    /// The dimensions of the stimuli used, n × D.
    #[must_use]
    pub fn dimensions(&self) -> ArrayView2<'_, f64> {
        self.dimensions.view()
    }

    /// The ratings of the stimuli used, n × K; empty ones zero.
    #[must_use]
    pub fn ratings(&self) -> ArrayView2<'_, f64> {
        self.ratings.view()
    }

    /// The rows used, of those given.
    #[must_use]
    pub fn used(&self) -> &[usize] {
        &self.used
    }

    /// What was found and left out.
    #[must_use]
    pub const fn report(&self) -> &PairsReport {
        &self.report
    }
}

fn refuse(
    what: &'static str,
    values: ArrayView2<'_, f64>,
    hint: &'static str,
    bad: impl Fn(f64) -> bool,
) -> Result<(), PairsError> {
    let mut found = values.indexed_iter().filter(|(_, value)| bad(**value));
    let Some(((row, column), value)) = found.next() else {
        return Ok(());
    };
    Err(PairsError::NotFinite {
        what,
        count: 1 + found.count(),
        value: *value,
        row: row + 1,
        column: column + 1,
        hint,
    })
}

/// The columns whose values are all the same.
fn constant(values: ArrayView2<'_, f64>) -> Vec<usize> {
    let same = |d: &usize| values.column(*d).iter().all(|x| *x == values[[0, *d]]);
    (0..values.ncols()).filter(same).collect()
}
