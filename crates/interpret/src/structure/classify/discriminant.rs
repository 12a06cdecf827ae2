//! Linear discriminant with a shrunken covariance, fold by fold, from sums and products.

use faer::linalg::solvers::Solve;
use faer::{Mat, Side};
use ndarray::{Array1, Array2, Axis, s};

use super::Outcome;
use crate::explained::Folds;
use crate::structure::StructureError;

pub(in crate::structure) struct Discriminant {
    /// The points, fold after fold.
    points: Array2<f64>,
    /// The stimulus of each row of the points.
    order: Vec<usize>,
    /// Where each fold begins, and the end.
    starts: Vec<usize>,
    /// Products of the points outside each fold.
    products: Vec<Array2<f64>>,
    classes: usize,
    shrinkage: f64,
}

impl Discriminant {
    pub(super) fn new(
        points: Array2<f64>,
        classes: usize,
        folds: &Folds,
        shrinkage: f64,
    ) -> Result<Self, StructureError> {
        let allowed = shrinkage > 0.0 && shrinkage <= 1.0;
        StructureError::unless(allowed, "the shrinkage", shrinkage, "above 0 and at most 1")?;
        let mut order: Vec<usize> = (0..folds.items()).collect();
        order.sort_by_key(|&i| folds.of()[i]);
        let starts: Vec<usize> = (0..=folds.len())
            .map(|fold| order.partition_point(|&i| folds.of()[i] < fold))
            .collect();
        let points = points.select(Axis(0), &order);
        let all = points.t().dot(&points);
        let products = starts.windows(2).map(|range| {
            let fold = points.slice(s![range[0]..range[1], ..]);
            &all - &fold.t().dot(&fold)
        });
        Ok(Self {
            products: products.collect(),
            points,
            order,
            starts,
            classes,
            shrinkage,
        })
    }

    /// None where the points do not differ within classes.
    pub(super) fn outcomes(&self, classes: &[usize]) -> Option<Vec<Outcome>> {
        let (count, d) = (self.classes, self.points.ncols());
        let sums = |rows: std::ops::Range<usize>| {
            let mut sums = (
                Array2::<f64>::zeros((count, d)),
                Array1::<f64>::zeros(count),
            );
            for row in rows {
                let class = classes[self.order[row]];
                let mut sum = sums.0.row_mut(class);
                sum += &self.points.row(row);
                sums.1[class] += 1.0;
            }
            sums
        };
        let folds: Vec<_> = self.starts.windows(2).map(|r| sums(r[0]..r[1])).collect();
        let mut all = (
            Array2::<f64>::zeros((count, d)),
            Array1::<f64>::zeros(count),
        );
        for fold in &folds {
            all.0 += &fold.0;
            all.1 += &fold.1;
        }
        let nothing = Outcome {
            first: 0,
            before: 0,
        };
        let mut outcomes = vec![nothing; classes.len()];
        for (f, (sum, size)) in folds.iter().enumerate() {
            let sizes = &all.1 - size;
            let n = sizes.sum();
            let mut means = &all.0 - sum;
            let mut scaled = means.clone();
            for (class, &size) in sizes.iter().enumerate().filter(|x| *x.1 > 0.0) {
                let mut row = means.row_mut(class);
                row /= size;
                let mut row = scaled.row_mut(class);
                row /= size.sqrt();
            }
            let within = (&self.products[f] - &scaled.t().dot(&scaled)) / n;
            let spread = self.shrinkage * within.diag().sum() / d as f64;
            let covariance = Mat::from_fn(d, d, |i, j| {
                let ridge = if i == j { spread } else { 0.0 };
                (1.0 - self.shrinkage) * within[[i, j]] + ridge
            });
            let factor = covariance.llt(Side::Lower).ok()?;
            let solved = factor.solve(Mat::from_fn(d, count, |i, j| means[[j, i]]));
            let weights = Array2::from_shape_fn((d, count), |(i, j)| solved[(i, j)]);
            let offsets: Vec<f64> = (0..count)
                .map(|class| {
                    (sizes[class] / n).ln() - means.row(class).dot(&weights.column(class)) / 2.0
                })
                .collect();
            let rows = self.starts[f]..self.starts[f + 1];
            let scores = self.points.slice(s![rows.clone(), ..]).dot(&weights);
            for (row, scores) in rows.zip(scores.rows()) {
                let stimulus = self.order[row];
                let scores = scores
                    .into_iter()
                    .zip(&offsets)
                    .map(|(x, offset)| x + offset);
                outcomes[stimulus] = Outcome::of(scores, classes[stimulus]);
            }
        }
        Some(outcomes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::structure::centred;
    use crate::structure::classify::shares;
    use serde_json::Value;

    #[test]
    fn accuracy_is_that_of_scikit_learn() {
        let fixture = include_str!("../../../tests/fixtures/structure.json");
        let fixture: Value = serde_json::from_str(fixture).unwrap();
        let rows: Vec<Vec<f64>> = serde_json::from_value(fixture["points"].clone()).unwrap();
        let points = Array2::from_shape_fn((rows.len(), rows[0].len()), |(i, j)| rows[i][j]);
        let label: Vec<usize> = serde_json::from_value(fixture["label"].clone()).unwrap();
        let folds = Folds::given(serde_json::from_value(fixture["fold"].clone()).unwrap()).unwrap();
        let fit = Discriminant::new(centred(points.view(), true), 6, &folds, 0.1).unwrap();
        let found = fit.outcomes(&label).unwrap();
        let found = shares(&found, &label, 6, &vec![1.0; label.len()]);
        for (found, name) in found.into_iter().zip(["top1", "top3", "balanced"]) {
            let expected = fixture["discriminant"][name].as_f64().unwrap();
            assert!(
                (found - expected).abs() < 1e-12,
                "{name}: {found} {expected}"
            );
        }
    }
}
