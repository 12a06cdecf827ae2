//! The items to map, and the distance of any two.

use super::MapError;
use super::kernel::squared_distances;
use ndarray::ArrayView2;

/// How far a matrix of distances may be from symmetric, as a share of its largest: rounding, no more.
const ROUNDING: f64 = 1e-8;

/// What the distance of two points is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Metric {
    /// ‖a − b‖.
    Euclidean,
    /// 1 − a·b / (‖a‖ ‖b‖); a point of zeros is refused.
    Cosine,
}

/// The items to map, in the order of the rows of the map.
#[derive(Debug, Clone, Copy)]
pub enum Space<'a> {
    /// Points, n × d.
    Points {
        /// A point a row.
        values: ArrayView2<'a, f64>,
        /// Their distance.
        metric: Metric,
    },
    /// Distances, n × n: symmetric up to rounding (10⁻⁸ of the largest), non-negative, zero on the diagonal.
    Distances(ArrayView2<'a, f64>),
}

impl Space<'_> {
    /// Euclidean distances of points, n × d.
    #[must_use]
    pub fn euclidean(values: ArrayView2<'_, f64>) -> Space<'_> {
        let metric = Metric::Euclidean;
        Space::Points { values, metric }
    }

    /// The number of items.
    #[must_use]
    pub fn items(&self) -> usize {
        match self {
            Self::Points { values, .. } => values.nrows(),
            Self::Distances(matrix) => matrix.nrows(),
        }
    }
}

/// A checked [`Space`]. Its unit is a power of two of the caller's, so that neither squares nor `f32`
/// overflow; no bit of a mantissa changes.
pub(crate) struct Distances<'a> {
    n: usize,
    source: Source<'a>,
}

enum Source<'a> {
    /// Points, a feature of all items after the other; of length 1 where the metric is cosine.
    Points { features: Vec<f64>, metric: Metric },
    Matrix {
        view: ArrayView2<'a, f64>,
        scale: f64,
    },
}

impl<'a> Distances<'a> {
    /// Checks a space: O(n d) for points, O(n²) for distances.
    pub(crate) fn new(space: Space<'a>) -> Result<Self, MapError> {
        let n = space.items();
        MapError::unless(n >= 3, "the number of items", n as f64, "at least 3")?;
        let values = match space {
            Space::Points { values, .. } | Space::Distances(values) => values,
        };
        let mut largest = 0.0_f64;
        for ((row, column), &value) in values.indexed_iter() {
            if !value.is_finite() {
                return Err(MapError::NotFinite { row, column, value });
            }
            largest = largest.max(value.abs());
        }
        let scale = unit(largest);
        let source = match space {
            Space::Points { values, metric } => Source::Points {
                features: features(values, metric, scale)?,
                metric,
            },
            Space::Distances(view) => {
                check_matrix(view, largest)?;
                Source::Matrix { view, scale }
            }
        };
        let distances = Self { n, source };
        let mut row = vec![0.0; n];
        distances.row(0, &mut row);
        // Parallel rows differ from each other by the rounding of their lengths.
        let noise = if matches!(
            space,
            Space::Points {
                metric: Metric::Cosine,
                ..
            }
        ) {
            1e-14
        } else {
            0.0
        };
        if row.iter().all(|&d| d <= noise) {
            return Err(MapError::AllEqual { n });
        }
        Ok(distances)
    }

    pub(super) fn items(&self) -> usize {
        self.n
    }

    /// The distances of item `i` to all, itself included: O(n d).
    pub(super) fn row(&self, i: usize, out: &mut [f64]) {
        match &self.source {
            Source::Points { features, metric } => {
                squared_distances(features, i, out);
                match metric {
                    Metric::Euclidean => out.iter_mut().for_each(|d| *d = d.sqrt()),
                    // |a − b|² = 2 − 2 a·b for vectors of length 1, without the cancellation.
                    Metric::Cosine => out.iter_mut().for_each(|d| *d *= 0.5),
                }
            }
            Source::Matrix { view, scale } => {
                for (d, value) in out.iter_mut().zip(view.row(i)) {
                    *d = value * scale;
                }
            }
        }
    }

    /// The points, a feature of all items after the other, where the space is one of points.
    pub(super) fn features(&self) -> Option<&[f64]> {
        match &self.source {
            Source::Points { features, .. } => Some(features),
            Source::Matrix { .. } => None,
        }
    }
}

/// The power of two that brings `largest` into [1, 2).
fn unit(largest: f64) -> f64 {
    let exponent = (largest.to_bits() >> 52) as i32 - 1023;
    2.0_f64.powi(-exponent.max(-1022))
}

fn features(values: ArrayView2<'_, f64>, metric: Metric, scale: f64) -> Result<Vec<f64>, MapError> {
    let (n, d) = values.dim();
    let mut lengths = vec![1.0; n];
    if metric == Metric::Cosine {
        for (item, row) in values.outer_iter().enumerate() {
            // Two steps, so that the squares of a small row among large ones do not vanish.
            let own = row.iter().fold(0.0_f64, |m, v| m.max((v * scale).abs()));
            if own == 0.0 {
                return Err(MapError::NoDirection { item });
            }
            let squares: f64 = row.iter().map(|v| (v * scale / own).powi(2)).sum();
            lengths[item] = own * squares.sqrt();
        }
    }
    let mut features = Vec::with_capacity(n * d);
    for column in values.columns() {
        features.extend(
            column
                .iter()
                .zip(&lengths)
                .map(|(v, length)| v * scale / length),
        );
    }
    Ok(features)
}

fn check_matrix(matrix: ArrayView2<'_, f64>, largest: f64) -> Result<(), MapError> {
    let (rows, columns) = matrix.dim();
    if rows != columns {
        let (what, expected) = (
            "the matrix of distances",
            "as many columns as rows".to_owned(),
        );
        return Err(MapError::Shape {
            what,
            rows,
            columns,
            expected,
        });
    }
    for a in 0..rows {
        for b in 0..=a {
            let value = matrix[[a, b]];
            let fault = if value < 0.0 || matrix[[b, a]] < 0.0 {
                "negative"
            } else if a == b && value > ROUNDING * largest {
                "not zero, though an item is as near as can be to itself"
            } else if (value - matrix[[b, a]]).abs() > ROUNDING * largest {
                "not the distance of the same two the other way round"
            } else {
                continue;
            };
            return Err(MapError::Distance { a, b, value, fault });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};

    #[test]
    fn units_from_the_smallest_to_the_largest_number_give_the_same_distances() {
        let points = array![[0.0, 1.0], [2.0, -1.0], [0.5, 0.25], [3.0, 3.0]];
        let reference = Distances::new(Space::euclidean(points.view())).unwrap();
        for factor in [2.0_f64.powi(-1000), 2.0_f64.powi(1000), 2.0_f64.powi(9)] {
            let scaled = &points * factor;
            let distances = Distances::new(Space::euclidean(scaled.view())).unwrap();
            let (mut a, mut b) = ([0.0; 4], [0.0; 4]);
            for i in 0..4 {
                reference.row(i, &mut a);
                distances.row(i, &mut b);
                assert_eq!(a, b, "factor {factor:e}");
            }
        }
    }

    #[test]
    fn what_is_no_distance_is_refused_with_its_place() {
        let mut d = Array2::from_shape_fn((4, 4), |(i, j)| i.abs_diff(j) as f64);
        assert!(Distances::new(Space::Distances(d.view())).is_ok());
        d[[3, 1]] = 2.5;
        let error = Distances::new(Space::Distances(d.view())).err();
        assert!(
            matches!(
                error,
                Some(MapError::Distance {
                    a: 3,
                    b: 1,
                    value: 2.5,
                    ..
                })
            ),
            "{error:?}"
        );
        d[[3, 1]] = f64::NAN;
        let error = Distances::new(Space::Distances(d.view())).err();
        assert!(
            matches!(
                error,
                Some(MapError::NotFinite {
                    row: 3,
                    column: 1,
                    ..
                })
            ),
            "{error:?}"
        );
        d[[3, 1]] = -2.0;
        d[[1, 3]] = -2.0;
        let error = Distances::new(Space::Distances(d.view())).err();
        assert!(
            matches!(
                error,
                Some(MapError::Distance {
                    fault: "negative",
                    ..
                })
            ),
            "{error:?}"
        );
        let d = Array2::zeros((4, 3));
        assert!(matches!(
            Distances::new(Space::Distances(d.view())),
            Err(MapError::Shape { .. })
        ));
        let d = Array2::from_elem((4, 3), 7.0);
        assert!(matches!(
            Distances::new(Space::euclidean(d.view())),
            Err(MapError::AllEqual { n: 4 })
        ));
        let metric = Metric::Cosine;
        let values = array![[1.0, 3.0], [2.0, 6.0], [0.1, 0.3]];
        let space = Space::Points {
            values: values.view(),
            metric,
        };
        assert!(matches!(
            Distances::new(space),
            Err(MapError::AllEqual { n: 3 })
        ));
        let values = array![[1.0, 3.0], [0.0, 0.0], [0.1, 0.3]];
        let space = Space::Points {
            values: values.view(),
            metric,
        };
        assert!(matches!(
            Distances::new(space),
            Err(MapError::NoDirection { item: 1 })
        ));
    }
}
