//! Columns of both sides, ready to be correlated under any weights of the stimuli.

use emotome_stats::correlation::magnitude;
use emotome_stats::random::CounterRng;
use ndarray::{Array2, ArrayView1, ArrayView2, ArrayViewMut1, Axis, concatenate, s};

use super::Coefficient;

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
        let all: Vec<(u32, f64)> = (0..sample.items() as u32).map(|i| (i, 1.0)).collect();
        sample.unit = sample.standardised(&all);
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
        let picked: Vec<(u32, f64)> = weights
            .iter()
            .enumerate()
            .filter(|(_, w)| **w > 0.0)
            .map(|(i, w)| (i as u32, *w))
            .collect();
        self.product(&self.standardised(&picked))
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

    /// √w (x − x̄_w) / √(Σ w (x − x̄_w)²) of the stimuli picked, with their weights; NaN where constant.
    fn standardised(&self, picked: &[(u32, f64)]) -> Array2<f64> {
        let total: f64 = picked.iter().map(|x| x.1).sum();
        let mut out = Array2::zeros((self.columns.nrows(), picked.len()));
        let mut ranks = vec![0.0; self.items()];
        let mut weights = vec![0.0; self.items()];
        picked.iter().for_each(|&(i, w)| weights[i as usize] = w);
        for (c, mut out) in out.rows_mut().into_iter().enumerate() {
            let column = self.columns.row(c);
            match &self.orders {
                None => fill(&mut out, picked, |i| column[i]),
                Some(orders) => {
                    weighted_ranks(&orders[c], &weights, &mut ranks);
                    fill(&mut out, picked, |i| ranks[i]);
                }
            }
            if out.iter().all(|x| out.first() == Some(x)) {
                out.fill(f64::NAN);
                continue;
            }
            let mean = out.iter().zip(picked).map(|(x, p)| x * p.1).sum::<f64>() / total;
            let mut square = 0.0;
            for (x, &(_, w)) in out.iter_mut().zip(picked) {
                *x = w.sqrt() * (*x - mean);
                square += *x * *x;
            }
            out /= square.sqrt();
        }
        out
    }
}

fn fill(out: &mut ArrayViewMut1<'_, f64>, picked: &[(u32, f64)], value: impl Fn(usize) -> f64) {
    for (out, &(i, _)) in out.iter_mut().zip(picked) {
        *out = value(i as usize);
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
