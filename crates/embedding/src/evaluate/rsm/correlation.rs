//! The correlation of two similarity matrices and its uncertainty.

use crate::evaluate::{EvaluationError, at_least};
use emotome_stats::{
    correlation::{fisher_r, fisher_z, weighted_pearson},
    interval::{Interval, bootstrap, normal, percentile},
    random::Seed,
    summary,
};
use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};
use std::sync::OnceLock;

/// Which correlation compares two matrices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Coefficient {
    /// Pearson's r.
    #[default]
    Pearson,
    /// Spearman's ρ.
    Spearman,
}

/// What a bootstrap of a matrix correlation resamples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "method")]
pub enum RsmResampling {
    /// Items; the pairs of an item with its own copy are left out.
    Items {
        /// Number of resamples.
        replicates: usize,
        /// Seed of the resamples.
        seed: u64,
    },
    /// Published: pairs, as if pairs that share an item were independent; r ± 1.96 sd in Fisher z.
    PublishedPairs {
        /// Number of resamples.
        replicates: usize,
        /// Seed of the resamples.
        seed: u64,
    },
}

impl Default for RsmResampling {
    fn default() -> Self {
        Self::Items {
            replicates: 1000,
            seed: 0,
        }
    }
}

/// The correlation of two similarity matrices over pairs of items.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RsmCorrelation {
    /// The correlation over pairs known to both.
    pub r: f64,
    /// Its 95 % confidence interval; NaN where a bootstrap of items has fewer than six items.
    pub ci95: Interval,
    /// Pairs known to both.
    pub pairs: usize,
    /// Pairs left out because either matrix has NaN there.
    pub pairs_missing: usize,
    /// Which correlation.
    pub coefficient: Coefficient,
    /// How the interval was found.
    pub resampling: RsmResampling,
}

/// Correlates the upper triangles of two symmetric matrices of the same items.
///
/// O(replicates · pairs), parallel over replicates; memory 32 bytes a pair, and with Spearman's ρ
/// 24 bytes a pair and thread.
///
/// # Errors
/// Matrices of different size, fewer than three common pairs, or no replicates.
pub fn correlate(
    x: ArrayView2<'_, f64>,
    y: ArrayView2<'_, f64>,
    coefficient: Coefficient,
    resampling: RsmResampling,
) -> Result<RsmCorrelation, EvaluationError> {
    if x.dim() != y.dim() || x.nrows() != x.ncols() {
        return Err(EvaluationError::Mismatch {
            what: "items of two similarity matrices",
            left: x.nrows(),
            right: y.nrows(),
        });
    }
    let n = x.nrows();
    let pairs = Pairs::new(n, |i, j| [x[[i, j]], y[[i, j]]]);
    at_least(
        3,
        pairs.x.len(),
        "pairs known to both similarity matrices",
        "collect more trials or widen the set of thirds",
    )?;
    let r = pairs.correlation(coefficient, |_| 1.0);
    let ci95 = match resampling {
        // Resamples of so few items repeat one another: three give an interval without width.
        RsmResampling::Items { .. } if pairs.n_items() < 6 => Interval {
            low: f64::NAN,
            high: f64::NAN,
        },
        RsmResampling::Items { replicates, seed } => {
            at_least(2, replicates, "bootstrap replicates", "ask for 1000")?;
            let seed = Seed(seed).derive("bootstrap of items");
            let r = bootstrap(n, replicates, seed, |rows| {
                let mut weight = vec![0.0; n];
                rows.iter().for_each(|&item| weight[item] += 1.0);
                match coefficient {
                    Coefficient::Pearson => pairs.pearson_by_items(&weight),
                    Coefficient::Spearman => pairs.correlation(coefficient, |pair| {
                        let [i, j] = pairs.items[pair];
                        weight[i as usize] * weight[j as usize]
                    }),
                }
            });
            percentile(&r, 0.95)
        }
        RsmResampling::PublishedPairs { replicates, seed } => {
            at_least(2, replicates, "bootstrap replicates", "ask for 1000")?;
            let seed = Seed(seed).derive("bootstrap of pairs");
            let z = bootstrap(pairs.x.len(), replicates, seed, |rows| {
                let mut weight = vec![0.0; pairs.x.len()];
                rows.iter().for_each(|&pair| weight[pair] += 1.0);
                fisher_z(pairs.correlation(coefficient, |pair| weight[pair]))
            });
            let ci = normal(fisher_z(r), summary::standard_deviation(&z), 0.95);
            Interval {
                low: fisher_r(ci.low),
                high: fisher_r(ci.high),
            }
        }
    };
    Ok(RsmCorrelation {
        r,
        ci95,
        pairs: pairs.x.len(),
        pairs_missing: n * n.saturating_sub(1) / 2 - pairs.x.len(),
        coefficient,
        resampling,
    })
}

/// The pairs known to both matrices, row by row of the upper triangle.
pub(in crate::evaluate) struct Pairs {
    items: Vec<[u32; 2]>,
    /// Values less their means, so that one pass over a resample loses no digits.
    x: Vec<f64>,
    y: Vec<f64>,
    /// Pairs in ascending order of x and of y.
    order: OnceLock<[Vec<u32>; 2]>,
}

impl Pairs {
    /// Gathers the pairs of `n` items for which neither value is NaN.
    pub(in crate::evaluate) fn new(n: usize, values: impl Fn(usize, usize) -> [f64; 2]) -> Self {
        let (mut items, mut xs, mut ys) = (vec![], vec![], vec![]);
        for i in 0..n {
            for j in i + 1..n {
                let [x, y] = values(i, j);
                if !x.is_nan() && !y.is_nan() {
                    items.push([i as u32, j as u32]);
                    xs.push(x);
                    ys.push(y);
                }
            }
        }
        for values in [&mut xs, &mut ys] {
            let mean = summary::mean(values);
            let size = values.iter().fold(0.0_f64, |top, v| top.max(v.abs()));
            values.iter_mut().for_each(|v| *v -= mean);
            // Equal similarities averaged over different numbers of trials differ by rounding.
            if values.iter().all(|v| v.abs() <= 1e-12 * size) {
                values.fill(0.0);
            }
        }
        Self {
            items,
            x: xs,
            y: ys,
            order: OnceLock::new(),
        }
    }

    /// How many pairs there are.
    pub(super) fn len(&self) -> usize {
        self.x.len()
    }

    /// How many items stand in a pair.
    fn n_items(&self) -> usize {
        let mut items: Vec<u32> = self.items.iter().flatten().copied().collect();
        items.sort_unstable();
        items.dedup();
        items.len()
    }

    pub(in crate::evaluate) fn correlation(
        &self,
        coefficient: Coefficient,
        weight: impl Fn(usize) -> f64,
    ) -> f64 {
        let n = self.x.len();
        match coefficient {
            Coefficient::Pearson => {
                weighted_pearson((0..n).map(|p| (self.x[p], self.y[p], weight(p))))
            }
            Coefficient::Spearman => {
                let order = self.order.get_or_init(|| {
                    [&self.x, &self.y].map(|values| {
                        let mut order: Vec<u32> = (0..n as u32).collect();
                        order.sort_unstable_by(|&a, &b| {
                            values[a as usize].total_cmp(&values[b as usize])
                        });
                        order
                    })
                });
                let weights: Vec<f64> = (0..n).map(weight).collect();
                let ranks = |values: &[f64], order: &[u32]| {
                    let (mut ranks, mut below) = (vec![0.0; n], 0.0);
                    for tied in order.chunk_by(|&a, &b| values[a as usize] == values[b as usize]) {
                        let total: f64 = tied.iter().map(|&p| weights[p as usize]).sum();
                        tied.iter()
                            .for_each(|&p| ranks[p as usize] = below + (total + 1.0) / 2.0);
                        below += total;
                    }
                    ranks
                };
                let (a, b) = (ranks(&self.x, &order[0]), ranks(&self.y, &order[1]));
                weighted_pearson((0..n).map(|p| (a[p], b[p], weights[p])))
            }
        }
    }

    /// Pearson's r with pair weight w_i w_j, in one pass; rows of absent items are skipped.
    fn pearson_by_items(&self, weight: &[f64]) -> f64 {
        let mut total = [0.0; 6];
        let mut start = 0;
        for row in self.items.chunk_by(|a, b| a[0] == b[0]) {
            let end = start + row.len();
            let w = weight[row[0][0] as usize];
            if w > 0.0 {
                let mut sums = [0.0; 6];
                for ((&[_, j], &x), &y) in
                    row.iter().zip(&self.x[start..end]).zip(&self.y[start..end])
                {
                    let v = weight[j as usize];
                    let (vx, vy) = (v * x, v * y);
                    let terms = [v, vx, vy, vx * x, vy * y, vx * y];
                    (0..6).for_each(|k| sums[k] += terms[k]);
                }
                (0..6).for_each(|k| total[k] += w * sums[k]);
            }
            start = end;
        }
        let [w, x, y, xx, yy, xy] = total;
        let (var_x, var_y) = (xx - x * x / w, yy - y * y / w);
        ((xy - x * y / w) / (var_x * var_y).sqrt()).clamp(-1.0, 1.0)
    }
}
