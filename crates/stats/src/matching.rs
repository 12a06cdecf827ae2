//! One-to-one matching of rows and columns that maximises a total score.

use ndarray::{Array2, ArrayView2};

/// Why a score matrix cannot be matched.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MatchingError {
    /// A score is NaN or infinite.
    #[error(
        "score {value} of row {row} with column {column} (counted from 0) is not finite; give pairs that cannot match a finite low score"
    )]
    NotFinite {
        /// Row of the score.
        row: usize,
        /// Column of the score.
        column: usize,
        /// The score found.
        value: f64,
    },
}

/// The one-to-one matching of min(p, q) pairs `(row, column)` with the largest Σ scores\[row, column\].
///
/// Sorted by row. Shortest augmenting paths with dual potentials (Jonker & Volgenant 1987,
/// doi:10.1007/BF02278710; Crouse 2016, doi:10.1109/TAES.2016.140952): O(min(p, q)² max(p, q))
/// time, O(p + q) memory beside a copy of the scores. Ties are broken towards low indices.
///
/// # Errors
/// [`MatchingError::NotFinite`] names the first score that is NaN or infinite.
///
/// ```
/// use emotome_stats::matching::best_matching;
/// let scores = ndarray::arr2(&[[0.9, 0.8, 0.0], [0.9, 0.1, 0.0]]);
/// assert_eq!(best_matching(scores.view())?, [(0, 1), (1, 0)]);
/// # Ok::<(), emotome_stats::matching::MatchingError>(())
/// ```
pub fn best_matching(scores: ArrayView2<'_, f64>) -> Result<Vec<(usize, usize)>, MatchingError> {
    if let Some(((row, column), &value)) = scores.indexed_iter().find(|(_, s)| !s.is_finite()) {
        return Err(MatchingError::NotFinite { row, column, value });
    }
    if scores.nrows() > scores.ncols() {
        let cost = scores.t().mapv(|s| -s);
        let mut pairs: Vec<_> = assign_rows(&cost)
            .into_iter()
            .enumerate()
            .map(|(column, row)| (row, column))
            .collect();
        pairs.sort_unstable();
        Ok(pairs)
    } else {
        Ok(assign_rows(&scores.mapv(|s| -s))
            .into_iter()
            .enumerate()
            .collect())
    }
}

/// The column of each row in a cheapest assignment; rows ≤ columns.
fn assign_rows(cost: &Array2<f64>) -> Vec<usize> {
    let (rows, columns) = cost.dim();
    let mut row_price = vec![0.0; rows];
    let mut column_price = vec![0.0; columns];
    let mut column_of = vec![usize::MAX; rows];
    let mut row_of = vec![usize::MAX; columns];
    let mut previous = vec![usize::MAX; columns];
    for start in 0..rows {
        let mut distance = vec![f64::INFINITY; columns];
        let mut reached = vec![false; columns];
        let (mut row, mut length) = (start, 0.0);
        let end = loop {
            let (mut nearest, mut least) = (usize::MAX, f64::INFINITY);
            for column in (0..columns).filter(|&c| !reached[c]) {
                let via = length + cost[[row, column]] - row_price[row] - column_price[column];
                if via < distance[column] {
                    distance[column] = via;
                    previous[column] = row;
                }
                // Among equally near columns a free one ends the path at once.
                let d = distance[column];
                if d < least
                    || nearest == usize::MAX
                    || (d == least && row_of[column] == usize::MAX && row_of[nearest] != usize::MAX)
                {
                    (nearest, least) = (column, d);
                }
            }
            (length, reached[nearest]) = (least, true);
            if row_of[nearest] == usize::MAX {
                break nearest;
            }
            row = row_of[nearest];
        };
        row_price[start] += length;
        for column in (0..columns).filter(|&c| reached[c]) {
            let slack = length - distance[column];
            column_price[column] -= slack;
            if row_of[column] != usize::MAX {
                row_price[row_of[column]] += slack;
            }
        }
        let mut column = end;
        loop {
            let row = previous[column];
            row_of[column] = row;
            std::mem::swap(&mut column_of[row], &mut column);
            if row == start {
                break;
            }
        }
    }
    column_of
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The best total over all matchings, by trying each.
    fn exhaustive(scores: &Array2<f64>, row: usize, used: &mut Vec<bool>) -> f64 {
        let (rows, columns) = scores.dim();
        if row == rows {
            let matched = used.iter().filter(|&&u| u).count();
            return if matched == rows.min(columns) {
                0.0
            } else {
                f64::NEG_INFINITY
            };
        }
        let mut best = if rows > columns {
            exhaustive(scores, row + 1, used)
        } else {
            f64::NEG_INFINITY
        };
        for column in 0..columns {
            if !used[column] {
                used[column] = true;
                best = best.max(scores[[row, column]] + exhaustive(scores, row + 1, used));
                used[column] = false;
            }
        }
        best
    }

    proptest! {
        #[test]
        fn no_other_matching_scores_higher(
            rows in 1_usize..6, columns in 1_usize..6,
            values in proptest::collection::vec(-3_i8..4, 25),
        ) {
            let scores = Array2::from_shape_fn((rows, columns), |(i, j)| f64::from(values[i * 5 + j]));
            let pairs = best_matching(scores.view()).unwrap();
            let total: f64 = pairs.iter().map(|&p| scores[p]).sum();
            prop_assert_eq!(pairs.len(), rows.min(columns));
            prop_assert!(pairs.windows(2).all(|w| w[0].0 < w[1].0));
            let distinct: std::collections::HashSet<_> = pairs.iter().map(|p| p.1).collect();
            prop_assert_eq!(distinct.len(), pairs.len());
            prop_assert_eq!(total, exhaustive(&scores, 0, &mut vec![false; columns]));
        }
    }

    #[test]
    fn hostile_scores_are_refused_and_empty_ones_match_nothing() {
        let scores = ndarray::arr2(&[[0.0, f64::NAN]]);
        assert!(matches!(
            best_matching(scores.view()),
            Err(MatchingError::NotFinite {
                row: 0,
                column: 1,
                ..
            })
        ));
        assert_eq!(best_matching(Array2::zeros((0, 3)).view()), Ok(vec![]));
        assert_eq!(best_matching(Array2::zeros((3, 0)).view()), Ok(vec![]));
    }

    #[test]
    fn huge_scores_neither_hang_nor_panic() {
        let scores = Array2::from_shape_fn((4, 4), |(i, j)| {
            if (i + j) % 2 == 0 {
                f64::MAX
            } else {
                -f64::MAX
            }
        });
        assert_eq!(best_matching(scores.view()).unwrap().len(), 4);
    }
}
