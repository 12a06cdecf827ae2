//! Sums of products: all that ridge regression needs to know of stimuli.

use ndarray::{Array1, Array2, ArrayView2, Axis};

/// Counts, sums and products of ratings (x, K columns) of some stimuli.
#[derive(Clone)]
pub(super) struct Inner {
    pub(super) n: f64,
    pub(super) x: Array1<f64>,
    pub(super) xx: Array2<f64>,
}

impl Inner {
    pub(super) fn new(x: ArrayView2<'_, f64>) -> Self {
        Self {
            n: x.nrows() as f64,
            x: x.sum_axis(Axis(0)),
            xx: x.t().dot(&x),
        }
    }

    pub(super) fn without(&self, part: &Self) -> Self {
        Self {
            n: self.n - part.n,
            x: &self.x - &part.x,
            xx: &self.xx - &part.xx,
        }
    }

    pub(super) fn add(&mut self, part: &Self) {
        self.n += part.n;
        self.x += &part.x;
        self.xx += &part.xx;
    }
}

/// Sums of dimensions (y, D columns), of their squares, and of their products with ratings.
#[derive(Clone)]
pub(super) struct Outer {
    pub(super) y: Array1<f64>,
    pub(super) yy: Array1<f64>,
    pub(super) xy: Array2<f64>,
}

impl Outer {
    pub(super) fn new(x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>) -> Self {
        Self {
            y: y.sum_axis(Axis(0)),
            yy: y.columns().into_iter().map(|y| y.dot(&y)).collect(),
            xy: x.t().dot(&y),
        }
    }

    pub(super) fn without(&self, part: &Self) -> Self {
        Self {
            y: &self.y - &part.y,
            yy: &self.yy - &part.yy,
            xy: &self.xy - &part.xy,
        }
    }

    pub(super) fn add(&mut self, part: &Self) {
        self.y += &part.y;
        self.yy += &part.yy;
        self.xy += &part.xy;
    }
}
