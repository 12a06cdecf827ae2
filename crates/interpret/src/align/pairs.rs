//! Sums over pairs of items: of similarities held as they are, or as features whose products they are.

use super::rsm::{FEWEST_ITEMS, Kernel, MOST_ITEMS, Rsm};
use super::{AGENTS, AlignError};
use crate::correlate::Coefficient;
use emotome_stats::rank::average_ranks;
use emotome_stats::summary::mean;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

/// Classes of rank in resamples.
const CLASSES: usize = 4096;
/// Values summed side by side.
const WIDE: usize = 8;

/// An agent's similarities, checked.
pub(super) enum Source {
    /// Items × items, the diagonal 0.
    Dense(Array2<f64>),
    /// Items × d, similarities being dot products.
    Linear(Array2<f64>),
}

impl Source {
    pub(super) fn new(rsm: Rsm<'_>, agent: &'static str) -> Result<Self, AlignError> {
        match rsm {
            Rsm::Similarities(values) => similarities(values, agent).map(Self::Dense),
            Rsm::Features { values, kernel } => {
                AlignError::refuse("features", agent, values, |x| !x.is_finite())?;
                features(values, kernel).map(Self::Linear)
            }
        }
    }

    fn items(&self) -> usize {
        match self {
            Self::Dense(x) | Self::Linear(x) => x.nrows(),
        }
    }

    fn dense(self) -> Result<Array2<f64>, AlignError> {
        match self {
            Self::Dense(x) => Ok(x),
            Self::Linear(f) if f.nrows() > MOST_ITEMS => Err(AlignError::Size {
                what: "items",
                found: f.nrows(),
                expected: "at most 20,000, since every pair is held: compare a sample, or Pearson's r of features",
            }),
            Self::Linear(f) => Ok(f.dot(&f.t())),
        }
    }
}

fn similarities(
    values: ArrayView2<'_, f64>,
    agent: &'static str,
) -> Result<Array2<f64>, AlignError> {
    let n = values.nrows();
    if n != values.ncols() {
        return Err(AlignError::Mismatch {
            what: "rows and columns of a similarity matrix",
            left: n,
            right: values.ncols(),
        });
    }
    if n > MOST_ITEMS {
        return Err(AlignError::Size {
            what: "items",
            found: n,
            expected: "at most 20,000, since every pair is held: compare a sample",
        });
    }
    AlignError::refuse("similarities", agent, values, f64::is_infinite)?;
    let mut out = values.as_standard_layout().into_owned();
    out.diag_mut().fill(0.0);
    let size = out.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
    for (i, j) in (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j))) {
        let (value, other) = (out[[i, j]], out[[j, i]]);
        let same = (value - other).abs() <= 1e-9 * size || (value.is_nan() && other.is_nan());
        if !same {
            return Err(AlignError::Asymmetric {
                row: i + 1,
                column: j + 1,
                value,
                other,
            });
        }
        out[[j, i]] = value;
    }
    Ok(out)
}

fn features(values: ArrayView2<'_, f64>, kernel: Kernel) -> Result<Array2<f64>, AlignError> {
    let mut out = values.as_standard_layout().into_owned();
    let (name, fault) = match kernel {
        Kernel::Dot => return Ok(out),
        Kernel::Cosine => ("cosine", "no feature other than 0"),
        Kernel::Correlation => ("correlation", "the same value in all features"),
    };
    for (item, mut row) in out.rows_mut().into_iter().enumerate() {
        let none = match kernel {
            Kernel::Correlation => row.iter().all(|x| Some(x) == row.first()),
            _ => row.iter().all(|x| *x == 0.0),
        };
        if none {
            return Err(AlignError::NoDirection {
                item: item + 1,
                fault,
                kernel: name,
            });
        }
        if kernel == Kernel::Correlation {
            row -= row.sum() / row.len() as f64;
        }
        // Two steps, so that values of extreme size neither over- nor underflow.
        let most = row.fold(0.0, |most: f64, x| most.max(x.abs()));
        row /= most;
        row /= row.dot(&row).sqrt();
    }
    Ok(out)
}

/// The pairs of items known to both agents.
pub(super) enum Pairs {
    /// Pearson's r of products of features.
    Linear { f: Array2<f64>, g: Array2<f64> },
    /// Similarities, or their ranks, less their mean over pairs known to both; 0 elsewhere.
    Dense {
        x: Array2<f64>,
        y: Array2<f64>,
        missing: Vec<[u32; 2]>,
        /// With Spearman's ρ, the class of rank of each pair, row by row above the diagonal; `CLASSES` if missing.
        classes: Option<[Vec<u16>; 2]>,
    },
}

impl Pairs {
    pub(super) fn new(sources: [Source; 2], coefficient: Coefficient) -> Result<Self, AlignError> {
        let [n, other] = sources.each_ref().map(Source::items);
        if n != other {
            return Err(AlignError::Mismatch {
                what: "items of two similarity matrices",
                left: n,
                right: other,
            });
        }
        if n < FEWEST_ITEMS {
            return Err(AlignError::Size {
                what: "items",
                found: n,
                expected: "at least 6: resamples of fewer repeat one another",
            });
        }
        let pairs = match (sources, coefficient) {
            ([Source::Linear(f), Source::Linear(g)], Coefficient::Pearson)
                if f.ncols() + g.ncols() < n =>
            {
                Self::Linear { f, g }
            }
            ([x, y], coefficient) => Self::dense(x.dense()?, y.dense()?, coefficient)?,
        };
        if pairs.len() < 3 {
            return Err(AlignError::Size {
                what: "pairs known to both",
                found: pairs.len(),
                expected: "at least 3: measure more pairs",
            });
        }
        let [_, _, _, xx, yy, _] = pairs.sums(None);
        for (square, agent) in [xx, yy].into_iter().zip(AGENTS) {
            if square <= 0.0 {
                return Err(AlignError::Constant {
                    what: "similarities",
                    agent,
                });
            }
        }
        Ok(pairs)
    }

    fn dense(
        mut x: Array2<f64>,
        mut y: Array2<f64>,
        coefficient: Coefficient,
    ) -> Result<Self, AlignError> {
        let n = x.nrows();
        let above = || (0..n).flat_map(move |i| (i + 1..n).map(move |j| (i, j)));
        let missing: Vec<[u32; 2]> = above()
            .filter(|&at| x[at].is_nan() || y[at].is_nan())
            .map(|(i, j)| [i as u32, j as u32])
            .collect();
        let known = |x: &Array2<f64>, y: &Array2<f64>| -> [Vec<f64>; 2] {
            let both = above().filter(|&at| !x[at].is_nan() && !y[at].is_nan());
            both.map(|at| (x[at], y[at]))
                .unzip::<_, _, Vec<_>, Vec<_>>()
                .into()
        };
        let values = known(&x, &y);
        let mut classes = None;
        let values = match coefficient {
            Coefficient::Pearson => values,
            Coefficient::Spearman => {
                let ranks = values.map(|values| average_ranks(&values));
                let total = ranks[0].len() as f64;
                classes = Some(ranks.each_ref().map(|ranks| {
                    let mut next = ranks.iter();
                    let class = |at| {
                        if x[at].is_nan() || y[at].is_nan() {
                            return CLASSES as u16;
                        }
                        let rank = next.next().copied().unwrap_or_default();
                        ((rank - 0.5) / total * CLASSES as f64) as u16
                    };
                    above().map(class).collect::<Vec<u16>>()
                }));
                ranks
            }
        };
        let mut next = [values[0].iter(), values[1].iter()];
        let centre = values.each_ref().map(|values| {
            let centre = mean(values);
            // Equal similarities may differ by the rounding of their means.
            let size = values.iter().fold(0.0, |most: f64, v| most.max(v.abs()));
            let constant = values.iter().all(|v| (v - centre).abs() <= 1e-12 * size);
            (centre, if constant { 0.0 } else { 1.0 })
        });
        for at in above() {
            let missing = x[at].is_nan() || y[at].is_nan();
            for (side, matrix) in [&mut x, &mut y].into_iter().enumerate() {
                let (centre, scale) = centre[side];
                let value = match missing {
                    true => 0.0,
                    false => next[side].next().map_or(0.0, |v| (v - centre) * scale),
                };
                matrix[at] = value;
                matrix[[at.1, at.0]] = value;
            }
        }
        x.diag_mut().fill(0.0);
        y.diag_mut().fill(0.0);
        Ok(Self::Dense {
            x,
            y,
            missing,
            classes,
        })
    }

    pub(super) fn items(&self) -> usize {
        match self {
            Self::Linear { f: x, .. } | Self::Dense { x, .. } => x.nrows(),
        }
    }

    /// The number of pairs.
    pub(super) fn len(&self) -> usize {
        let n = self.items();
        let missing = match self {
            Self::Linear { .. } => 0,
            Self::Dense { missing, .. } => missing.len(),
        };
        n * n.saturating_sub(1) / 2 - missing
    }

    pub(super) fn observed(&self) -> f64 {
        correlation(self.sums(None))
    }

    /// The correlation where item i counts `weights[i]` times, without pairs of an item with itself.
    pub(super) fn weighted(&self, weights: &[f64]) -> f64 {
        match self {
            Self::Dense {
                classes: Some(classes),
                ..
            } => ranked(classes, weights),
            _ => correlation(self.sums(Some(weights))),
        }
    }

    /// The correlation with the second agent's items in another order, from the sums of all pairs.
    pub(super) fn permuted(&self, [w, x, y, xx, yy, _]: [f64; 6], order: &[usize]) -> f64 {
        let xy = match self {
            Self::Linear { f, g } => {
                let g = g.select(Axis(0), order);
                let (a, b) = (diagonal(f), diagonal(&g));
                (squared(&f.t().dot(&g)) - a.dot(&b)) / 2.0
            }
            Self::Dense { x, y, .. } => {
                let row = |(i, x): (usize, ArrayView1<'_, f64>)| {
                    let y = y.row(order[i]);
                    match (x.as_slice(), y.as_slice()) {
                        (Some(x), Some(y)) => gathered(&x[i + 1..], y, &order[i + 1..]),
                        _ => f64::NAN,
                    }
                };
                x.rows().into_iter().enumerate().map(row).sum()
            }
        };
        correlation([w, x, y, xx, yy, xy])
    }

    /// Over pairs i < j: Σ ww, Σ wwx, Σ wwy, Σ wwx², Σ wwy², Σ wwxy.
    pub(super) fn sums(&self, weights: Option<&[f64]>) -> [f64; 6] {
        let n = self.items();
        let ones;
        let weights = match weights {
            Some(weights) => weights,
            None => {
                ones = vec![1.0; n];
                &ones
            }
        };
        let (total, square) = weights
            .iter()
            .fold((0.0, 0.0), |(total, square), w| (total + w, square + w * w));
        let all = (total * total - square) / 2.0;
        match self {
            Self::Linear { f, g } => {
                let weights = ArrayView1::from(weights);
                let squares = weights.mapv(|w| w * w);
                let of = |a: &Array2<f64>, b: &Array2<f64>| {
                    let weighted = b * &weights.insert_axis(Axis(1));
                    let own = (&diagonal(a) * &diagonal(b)).dot(&squares);
                    (squared(&a.t().dot(&weighted)) - own) / 2.0
                };
                let sum = |a: &Array2<f64>| {
                    let total = weights.dot(a);
                    (total.dot(&total) - diagonal(a).dot(&squares)) / 2.0
                };
                [all, sum(f), sum(g), of(f, f), of(g, g), of(f, g)]
            }
            Self::Dense { x, y, missing, .. } => {
                let mut sums = [0.0; 6];
                for i in (0..n).filter(|&i| weights[i] != 0.0) {
                    if let (Some(x), Some(y)) = (x.row(i).to_slice(), y.row(i).to_slice()) {
                        let row = row_sums(&weights[i + 1..], &x[i + 1..], &y[i + 1..]);
                        (0..5).for_each(|k| sums[k + 1] += weights[i] * row[k]);
                    }
                }
                let lost = |at: &[u32; 2]| weights[at[0] as usize] * weights[at[1] as usize];
                sums[0] = all - missing.iter().map(lost).sum::<f64>();
                sums
            }
        }
    }
}

fn correlation([w, x, y, xx, yy, xy]: [f64; 6]) -> f64 {
    let (xx, yy, xy) = (xx - x * x / w, yy - y * y / w, xy - x * y / w);
    if xx > 0.0 && yy > 0.0 {
        (xy / (xx.sqrt() * yy.sqrt())).clamp(-1.0, 1.0)
    } else {
        f64::NAN
    }
}

/// ‖xᵢ‖² of each row.
fn diagonal(x: &Array2<f64>) -> Array1<f64> {
    x.map_axis(Axis(1), |row| row.dot(&row))
}

fn squared(x: &Array2<f64>) -> f64 {
    x.iter().map(|x| x * x).sum()
}

/// Σ wx, Σ wy, Σ wx², Σ wy², Σ wxy.
fn row_sums(w: &[f64], x: &[f64], y: &[f64]) -> [f64; 5] {
    let mut wide = [[0.0; WIDE]; 5];
    let whole = w.len() / WIDE * WIDE;
    let chunks = w[..whole]
        .chunks_exact(WIDE)
        .zip(x[..whole].chunks_exact(WIDE))
        .zip(y[..whole].chunks_exact(WIDE));
    for ((w, x), y) in chunks {
        for k in 0..WIDE {
            let (wx, wy) = (w[k] * x[k], w[k] * y[k]);
            wide[0][k] += wx;
            wide[1][k] += wy;
            wide[2][k] += wx * x[k];
            wide[3][k] += wy * y[k];
            wide[4][k] += wx * y[k];
        }
    }
    let mut sums = wide.map(|lane| lane.iter().sum::<f64>());
    for k in whole..w.len() {
        let (wx, wy) = (w[k] * x[k], w[k] * y[k]);
        let terms = [wx, wy, wx * x[k], wy * y[k], wx * y[k]];
        sums.iter_mut().zip(terms).for_each(|(s, t)| *s += t);
    }
    sums
}

/// Σ x[k] y[order[k]].
fn gathered(x: &[f64], y: &[f64], order: &[usize]) -> f64 {
    let mut wide = [0.0; WIDE];
    let whole = x.len() / WIDE * WIDE;
    let chunks = x[..whole]
        .chunks_exact(WIDE)
        .zip(order[..whole].chunks_exact(WIDE));
    for (x, order) in chunks {
        for k in 0..WIDE {
            wide[k] += x[k] * y[order[k]];
        }
    }
    let rest: f64 = (whole..x.len()).map(|k| x[k] * y[order[k]]).sum();
    wide.iter().sum::<f64>() + rest
}

/// Spearman's ρ of weighted pairs, those of one class tied.
fn ranked(classes: &[Vec<u16>; 2], weights: &[f64]) -> f64 {
    let n = weights.len();
    let mut counts = [vec![0.0; CLASSES + 1], vec![0.0; CLASSES + 1]];
    let starts = |i: usize| i * (2 * n - i - 1) / 2;
    let rows = || {
        (0..n).filter(|&i| weights[i] > 0.0).map(|i| {
            let range = starts(i)..starts(i) + n - i - 1;
            (i, &classes[0][range.clone()], &classes[1][range])
        })
    };
    for (i, x, y) in rows() {
        for ((&x, &y), w) in x.iter().zip(y).zip(&weights[i + 1..]) {
            let w = weights[i] * w;
            counts[0][usize::from(x)] += w;
            counts[1][usize::from(y)] += w;
        }
    }
    let mut squares = [0.0; 2];
    for (counts, square) in counts.iter_mut().zip(&mut squares) {
        counts[CLASSES] = 0.0;
        let centre = counts.iter().sum::<f64>() / 2.0;
        let mut below = 0.0;
        for count in counts.iter_mut() {
            let rank = below + *count / 2.0 - centre;
            *square += *count * rank * rank;
            below += *count;
            *count = rank;
        }
        counts[CLASSES] = 0.0;
    }
    let mut product = 0.0;
    for (i, x, y) in rows() {
        let mut row = 0.0;
        for ((&x, &y), w) in x.iter().zip(y).zip(&weights[i + 1..]) {
            row += w * counts[0][usize::from(x)] * counts[1][usize::from(y)];
        }
        product += weights[i] * row;
    }
    if squares.iter().all(|s| *s > 0.0) {
        (product / (squares[0].sqrt() * squares[1].sqrt())).clamp(-1.0, 1.0)
    } else {
        f64::NAN
    }
}
