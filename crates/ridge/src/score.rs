//! What a good prediction is.

use serde::{Deserialize, Serialize};

/// By what penalties are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Score {
    /// Pearson's correlation of predictions and responses.
    #[default]
    Pearson,
    /// 1 − Σ(y − ŷ)² / Σ(y − ȳ)², with the mean of the held-out responses.
    R2,
    /// −Σ(y − ŷ)² / n.
    NegativeMse,
}

/// Over what a score is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// Predictions of all folds, one after the other.
    #[default]
    Concatenated,
    /// Each fold; then their mean.
    FoldMean,
}

/// A variance below this share of the mean square is rounding.
const ROUNDING: f64 = 1e-13;

/// Counts, sums and products of held-out responses y and predictions p: all that scores need.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Sums {
    /// Samples.
    pub n: f64,
    /// Σ y.
    pub y: f64,
    /// Σ y².
    pub yy: f64,
    /// Σ p.
    pub p: f64,
    /// Σ p².
    pub pp: f64,
    /// Σ p y.
    pub py: f64,
}

impl Sums {
    /// Those of samples.
    ///
    /// ```
    /// # use emotome_ridge::score::Sums;
    /// let sums = Sums::of([(1.0, 1.5), (2.0, 2.0), (3.0, 2.5)]);
    /// assert!((sums.pearson() - 1.0).abs() < 1e-12);
    /// assert!((sums.r2() - 0.75).abs() < 1e-12);
    /// ```
    pub fn of(pairs: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let mut sums = Self::default();
        for (y, p) in pairs {
            sums.add(Self {
                n: 1.0,
                y,
                yy: y * y,
                p,
                pp: p * p,
                py: p * y,
            });
        }
        sums
    }

    /// Joins those of other samples.
    pub fn add(&mut self, other: Self) {
        self.n += other.n;
        self.y += other.y;
        self.yy += other.yy;
        self.p += other.p;
        self.pp += other.pp;
        self.py += other.py;
    }

    /// Pearson's r; NaN where responses or predictions do not vary.
    #[must_use]
    pub fn pearson(self) -> f64 {
        let (y, p) = (
            varies(self.n, self.y, self.yy),
            varies(self.n, self.p, self.pp),
        );
        ((self.py - self.p * self.y / self.n) / (y * p).sqrt()).clamp(-1.0, 1.0)
    }

    /// R²; NaN where responses do not vary.
    #[must_use]
    pub fn r2(self) -> f64 {
        1.0 - self.squared_error() / varies(self.n, self.y, self.yy)
    }

    /// −Σ(y − p)² / n.
    #[must_use]
    pub fn negative_mse(self) -> f64 {
        -self.squared_error() / self.n
    }

    /// The score of a name.
    #[must_use]
    pub fn score(self, score: Score) -> f64 {
        match score {
            Score::Pearson => self.pearson(),
            Score::R2 => self.r2(),
            Score::NegativeMse => self.negative_mse(),
        }
    }

    fn squared_error(self) -> f64 {
        2.0_f64.mul_add(-self.py, self.yy) + self.pp
    }
}

/// Σ(x − x̄)², NaN where it is rounding alone.
fn varies(n: f64, sum: f64, squares: f64) -> f64 {
    let variation = squares - sum * sum / n;
    if variation > ROUNDING * squares {
        variation
    } else {
        f64::NAN
    }
}

/// A score over folds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Pooled {
    sums: Sums,
    means: [f64; 3],
    folds: f64,
}

impl Pooled {
    /// A fold more.
    pub(crate) fn add(&mut self, fold: Sums, pooling: Pooling) {
        match pooling {
            Pooling::Concatenated => self.sums.add(fold),
            Pooling::FoldMean => {
                self.folds += 1.0;
                self.means[0] += fold.pearson();
                self.means[1] += fold.r2();
                self.means[2] += fold.negative_mse();
            }
        }
    }

    /// The score.
    pub(crate) fn score(&self, score: Score, pooling: Pooling) -> f64 {
        match pooling {
            Pooling::Concatenated => self.sums.score(score),
            Pooling::FoldMean => self.means[score as usize] / self.folds,
        }
    }
}
