//! Nearest centroid, leaving each stimulus out, from the sums of classes alone.

use ndarray::{Array2, Axis};

use super::Outcome;

pub(in crate::structure) struct Centroids {
    points: Array2<f64>,
    squares: Vec<f64>,
    classes: usize,
}

impl Centroids {
    pub(super) fn new(points: Array2<f64>, classes: usize) -> Self {
        Self {
            squares: points.rows().into_iter().map(|x| x.dot(&x)).collect(),
            points,
            classes,
        }
    }

    /// ‖x − s/n‖² = x·x − 2 x·s/n + s·s/n² for every class; for its own, s less x and n less 1.
    pub(super) fn outcomes(&self, classes: &[usize]) -> Vec<Outcome> {
        let mut sums = Array2::<f64>::zeros((self.classes, self.points.ncols()));
        let mut sizes = vec![0.0; self.classes];
        for (point, &class) in self.points.axis_iter(Axis(0)).zip(classes) {
            let mut sum = sums.row_mut(class);
            sum += &point;
            sizes[class] += 1.0;
        }
        let squares: Vec<f64> = sums.rows().into_iter().map(|s| s.dot(&s)).collect();
        let products = self.points.dot(&sums.t());
        let outcome = |(i, &own): (usize, &usize)| {
            let (products, square) = (products.row(i), self.squares[i]);
            let nearness = |class: usize| {
                let (mut product, mut sum, mut n) = (products[class], squares[class], sizes[class]);
                if class == own {
                    (product, sum, n) = (product - square, sum - 2.0 * product + square, n - 1.0);
                }
                if n == 0.0 {
                    return f64::NEG_INFINITY;
                }
                2.0 * product / n - sum / (n * n)
            };
            Outcome::of((0..self.classes).map(nearness), own)
        };
        classes.iter().enumerate().map(outcome).collect()
    }
}
