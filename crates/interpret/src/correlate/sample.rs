//! Columns of both sides, ready to be correlated under any weights of the stimuli.

use emotome_stats::correlation::magnitude;
use emotome_stats::random::CounterRng;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, concatenate, s};

use super::Coefficient;

/// A share of a column's sum of squares that is rounding: without that stimulus nothing varies.
const CONSTANT: f64 = 1e-12;

/// D dimensions and K ratings of n stimuli; columns are rows here, so that each lies in one piece.
pub(super) struct Sample {
    columns: Array2<f64>,
    dimensions: usize,
    /// For ranks: the stimuli of each column in ascending order, and whether each ties with the one before.
    orders: Option<Vec<Vec<(u32, bool)>>>,
    /// The columns centred and of unit length.
    unit: Array2<f64>,
}

impl Sample {
    pub(super) fn new(
        dimensions: ArrayView2<'_, f64>,
        ratings: ArrayView2<'_, f64>,
        coefficient: Coefficient,
    ) -> Self {
        let mut columns = concatenate![Axis(0), dimensions.t(), ratings.t()]
            .as_standard_layout()
            .into_owned();
        if coefficient == Coefficient::Pearson {
            for mut column in columns.rows_mut() {
                column /= magnitude(column.iter().copied());
            }
        }
        let orders = (coefficient == Coefficient::Spearman)
            .then(|| columns.rows().into_iter().map(order).collect());
        let mut sample = Self {
            dimensions: dimensions.ncols(),
            orders,
            unit: Array2::zeros((0, 0)),
            columns,
        };
        sample.unit = sample.standardised(&vec![1.0; sample.items()]);
        sample
    }

    pub(super) fn items(&self) -> usize {
        self.columns.ncols()
    }

    /// The number of cells, D K.
    pub(super) fn cells(&self) -> usize {
        self.dimensions * (self.columns.nrows() - self.dimensions)
    }

    /// The correlations of all stimuli, D × K.
    pub(super) fn correlations(&self) -> Array2<f64> {
        self.product(&self.unit)
    }

    /// The correlations of stimuli that count as often as their weight says.
    pub(super) fn weighted(&self, weights: &[f64]) -> Array2<f64> {
        self.product(&self.standardised(weights))
    }

    /// The correlations without one stimulus; NaN where a column is constant without it.
    ///
    /// Of columns x and y, centred and of unit length, those of r are
    /// (r − c xᵢyᵢ)/√((1 − c xᵢ²)(1 − c yᵢ²)), c = n/(n − 1): O(D K). Ranks are counted anew.
    pub(super) fn without(&self, stimulus: usize, r: &Array2<f64>) -> Array2<f64> {
        if self.orders.is_some() {
            let mut weights = vec![1.0; self.items()];
            weights[stimulus] = 0.0;
            return self.weighted(&weights);
        }
        let n = self.items() as f64;
        let c = n / (n - 1.0);
        let values = self.unit.column(stimulus);
        let lengths = values.mapv(|x| {
            let left = 1.0 - c * x * x;
            if left > CONSTANT {
                left.sqrt()
            } else {
                f64::NAN
            }
        });
        let (x, y) = values.split_at(Axis(0), self.dimensions);
        let (along, across) = lengths.view().split_at(Axis(0), self.dimensions);
        Array2::from_shape_fn(r.dim(), |(d, k)| {
            let r = (r[[d, k]] - c * x[d] * y[k]) / (along[d] * across[k]);
            r.clamp(-1.0, 1.0)
        })
    }

    /// The correlations with the ratings of stimuli drawn in another order.
    pub(super) fn permuted(&self, rng: &mut CounterRng) -> Array2<f64> {
        let mut order: Vec<usize> = (0..self.items()).collect();
        rng.shuffle(&mut order);
        let ratings = self
            .unit
            .slice(s![self.dimensions.., ..])
            .select(Axis(1), &order);
        self.unit.slice(s![..self.dimensions, ..]).dot(&ratings.t())
    }

    fn product(&self, unit: &Array2<f64>) -> Array2<f64> {
        let (dimensions, ratings) = unit.view().split_at(Axis(0), self.dimensions);
        let mut r = dimensions.dot(&ratings.t());
        r.mapv_inplace(|r| r.clamp(-1.0, 1.0));
        r
    }

    /// √w (x − x̄_w) / √(Σ w (x − x̄_w)²) of the stimuli with a weight; NaN where constant.
    fn standardised(&self, weights: &[f64]) -> Array2<f64> {
        let drawn: Vec<usize> = (0..weights.len()).filter(|&i| weights[i] > 0.0).collect();
        let weight: Array1<f64> = drawn.iter().map(|&i| weights[i]).collect();
        let root = weight.mapv(f64::sqrt);
        let total = weight.sum();
        let mut ranks = vec![0.0; self.items()];
        let mut unit = Array2::zeros((self.columns.nrows(), drawn.len()));
        for (c, mut unit) in unit.rows_mut().into_iter().enumerate() {
            let values = match &self.orders {
                None => self.columns.row(c),
                Some(orders) => {
                    weighted_ranks(&orders[c], weights, &mut ranks);
                    ArrayView1::from(&ranks)
                }
            };
            for (x, &i) in unit.iter_mut().zip(&drawn) {
                *x = values[i];
            }
            if unit.iter().all(|x| unit.first() == Some(x)) {
                unit.fill(f64::NAN);
                continue;
            }
            let mean = unit.dot(&weight) / total;
            unit -= mean;
            unit *= &root;
            let length = unit.dot(&unit).sqrt();
            unit /= length;
        }
        unit
    }
}

fn order(column: ArrayView1<'_, f64>) -> Vec<(u32, bool)> {
    let mut order: Vec<u32> = (0..column.len() as u32).collect();
    order.sort_unstable_by(|&a, &b| column[a as usize].total_cmp(&column[b as usize]));
    let value = |place: usize| column[order[place] as usize];
    (0..order.len())
        .map(|place| (order[place], place > 0 && value(place) == value(place - 1)))
        .collect()
}

/// The average ranks in a sample that holds each stimulus as often as its weight.
fn weighted_ranks(order: &[(u32, bool)], weights: &[f64], ranks: &mut [f64]) {
    let mut below = 0.0;
    let mut rest = order;
    while !rest.is_empty() {
        let tied = 1 + rest[1..].iter().take_while(|x| x.1).count();
        let (group, next) = rest.split_at(tied);
        let weight: f64 = group.iter().map(|x| weights[x.0 as usize]).sum();
        for (i, _) in group {
            ranks[*i as usize] = below + (weight + 1.0) / 2.0;
        }
        below += weight;
        rest = next;
    }
}
