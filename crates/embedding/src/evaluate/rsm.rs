//! Representational similarity matrices: predicted by an embedding, measured from choices, compared.
//!
//! The similarity of stimuli i and j is the probability that they are chosen as the similar pair,
//! averaged over third stimuli k. Prediction and measurement are comparable only over the same
//! thirds: give both the same set, or use [`matched`] to predict over exactly the trials shown.

use super::{
    EvaluationError, at_least,
    score::{Rows, Scoring, rows_for},
    within,
};
use crate::Embedding;
use emotome_stats::{
    correlation::{fisher_mean, fisher_r, fisher_z, weighted_pearson},
    interval::{Interval, bootstrap, normal, percentile},
    random::{CounterRng, Seed},
    summary,
};
use emotome_stimuli::run::Run;
use emotome_triplets::ChoiceSet;
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// S_ij = mean over k ∈ `thirds` ∖ {i, j} of P(pair ij | i, j, k), for i, j ∈ `items`; 1 on the diagonal.
///
/// NaN where no third is left. With e = exp(s/τ − max) of every pair computed once, a cell is
/// e_ij Σ_k 1 / (e_ij + e_ik + e_jk): O(|items|² |thirds| / 2) divisions, O(|items| |thirds|)
/// memory. Similarities more than 600 τ below the largest are summed in logs, so nothing overflows
/// or vanishes. Bit-identical at any thread count.
///
/// # Errors
/// Items out of range or repeated, parameters out of range, or an interrupt.
pub fn predicted(
    embedding: &Embedding,
    items: &[usize],
    thirds: &[usize],
    scoring: &Scoring,
    run: Run<'_>,
) -> Result<Array2<f64>, EvaluationError> {
    scoring.check()?;
    let n = embedding.n_stimuli();
    places("items", items, n)?;
    let third_place = places("thirds", thirds, n)?;
    let rows = Rows::new(embedding);
    let similarity =
        |i: usize, j: usize| scoring.similarity.of(rows.row(i), rows.row(j)) / scoring.temperature;
    let table = |others: &[usize]| -> Vec<f64> {
        items
            .par_iter()
            .flat_map_iter(|&i| {
                // A stimulus is no third to itself: an infinite weight makes its term vanish.
                others.iter().map(move |&k| {
                    if k == i {
                        f64::INFINITY
                    } else {
                        similarity(i, k)
                    }
                })
            })
            .collect()
    };
    let (mut pair, mut third) = (table(items), table(thirds));
    let largest = pair
        .par_iter()
        .chain(&third)
        .copied()
        .filter(|s| s.is_finite())
        .reduce(|| f64::NEG_INFINITY, f64::max);
    for table in [&mut pair, &mut third] {
        table.par_iter_mut().for_each(|s| *s = (*s - largest).exp());
    }
    let (n_items, n_thirds) = (items.len(), thirds.len());
    let smallest = (-600_f64).exp();
    run.progress
        .begin("predicting similarities", Some(n_items as u64));
    let upper: Option<Vec<Vec<f64>>> = (0..n_items)
        .into_par_iter()
        .map(|a| {
            if run.interrupt.requested() {
                return None;
            }
            let with_a = &third[a * n_thirds..(a + 1) * n_thirds];
            let row = (a + 1..n_items)
                .map(|b| {
                    let (i, j) = (items[a], items[b]);
                    let left = n_thirds
                        - usize::from(third_place[i].is_some())
                        - usize::from(third_place[j].is_some());
                    let e = pair[a * n_items + b];
                    let total = if e >= smallest {
                        e * reciprocal_sum(e, with_a, &third[b * n_thirds..(b + 1) * n_thirds])
                    } else {
                        let s = similarity(i, j);
                        let odds = |x: usize, k: usize| (similarity(x, k) - s).exp();
                        let others = thirds.iter().filter(|&&k| k != i && k != j);
                        others.map(|&k| 1.0 / (1.0 + odds(i, k) + odds(j, k))).sum()
                    };
                    if left == 0 {
                        f64::NAN
                    } else {
                        total / left as f64
                    }
                })
                .collect();
            run.progress.advance(1);
            Some(row)
        })
        .collect();
    run.progress.end();
    let upper = upper.ok_or(EvaluationError::Interrupted)?;
    Ok(Array2::from_shape_fn(
        (n_items, n_items),
        |(a, b)| match a.cmp(&b) {
            std::cmp::Ordering::Less => upper[a][b - a - 1],
            std::cmp::Ordering::Equal => 1.0,
            std::cmp::Ordering::Greater => upper[b][a - b - 1],
        },
    ))
}

/// Σ_k 1 / (e + x_k + y_k), in a fixed order.
#[inline]
fn reciprocal_sum(e: f64, x: &[f64], y: &[f64]) -> f64 {
    const LANES: usize = 8;
    let mut sums = [0.0; LANES];
    let (x_blocks, y_blocks) = (x.chunks_exact(LANES), y.chunks_exact(LANES));
    let rest = x_blocks.remainder().iter().zip(y_blocks.remainder());
    for (x, y) in x_blocks.zip(y_blocks) {
        for lane in 0..LANES {
            sums[lane] += 1.0 / (e + x[lane] + y[lane]);
        }
    }
    for (lane, (x, y)) in rest.enumerate() {
        sums[lane] += 1.0 / (e + x + y);
    }
    sums.iter().sum()
}

/// Where each stimulus stands in a list, `None` if nowhere.
fn places(
    list: &'static str,
    items: &[usize],
    n: usize,
) -> Result<Vec<Option<usize>>, EvaluationError> {
    let mut place = vec![None; n];
    for (at, &item) in items.iter().enumerate() {
        let fault = match place.get(item) {
            None => "out of range",
            Some(Some(_)) => "listed twice",
            Some(None) => {
                place[item] = Some(at);
                continue;
            }
        };
        return Err(EvaluationError::Item {
            list,
            item,
            fault,
            n,
        });
    }
    Ok(place)
}

/// Similarities measured from choices.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// The stimuli of the rows and columns.
    pub items: Vec<usize>,
    /// Share of trials with i, j and an admitted third in which the third was odd; NaN where there was none; 1 on the diagonal.
    pub similarity: Array2<f64>,
    /// How many trials each cell rests on.
    pub counts: Array2<u32>,
    /// Trials that informed at least one cell.
    pub trials: usize,
    /// Trials that informed none, because items or third are not in the lists.
    pub trials_outside: usize,
    /// Pairs of items that no trial showed with an admitted third.
    pub unsampled_pairs: usize,
}

impl Measured {
    /// Published: unsampled pairs count as similarity 0.
    #[must_use]
    pub fn published_zeros(&self) -> Array2<f64> {
        self.similarity.mapv(|s| if s.is_nan() { 0.0 } else { s })
    }
}

/// Measures similarities among `items` over trials whose third stimulus is in `thirds`; O(N + |items|²).
///
/// # Errors
/// Items out of range or repeated.
pub fn measured(
    choices: &ChoiceSet,
    items: &[usize],
    thirds: &[usize],
) -> Result<Measured, EvaluationError> {
    let tally = Tally::new(choices, items, thirds)?;
    let (mut shown, mut similar) = (vec![0_u32; tally.n_cells()], vec![0_u32; tally.n_cells()]);
    let mut trials = 0;
    for trial in 0..choices.len() {
        let mut informed = false;
        for (place, cell) in tally.cells(trial) {
            shown[cell] += 1;
            similar[cell] += u32::from(place == 0);
            informed = true;
        }
        trials += usize::from(informed);
    }
    let similarity = tally.matrix(|cell| f64::from(similar[cell]) / f64::from(shown[cell]));
    let counts = tally.symmetric(|cell| shown[cell], 0);
    Ok(Measured {
        items: items.to_vec(),
        unsampled_pairs: similarity.iter().filter(|s| s.is_nan()).count() / 2,
        similarity,
        counts,
        trials,
        trials_outside: choices.len() - trials,
    })
}

/// Predicts similarities over exactly the trials of a measurement: S_ij = mean of P(pair ij | i, j, k)
/// over the trials that showed i, j and a k ∈ `thirds`. NaN where [`measured`] is. O(N d).
///
/// # Errors
/// Items out of range or repeated, choices among other stimuli, or parameters out of range.
pub fn matched(
    embedding: &Embedding,
    choices: &ChoiceSet,
    items: &[usize],
    thirds: &[usize],
    scoring: &Scoring,
) -> Result<Array2<f64>, EvaluationError> {
    scoring.check()?;
    let rows = rows_for(embedding, choices)?;
    let tally = Tally::new(choices, items, thirds)?;
    let mut sums = vec![(0.0, 0_u32); tally.n_cells()];
    const CHUNK: usize = 1 << 16;
    for start in (0..choices.len()).step_by(CHUNK) {
        let end = (start + CHUNK).min(choices.len());
        let probabilities: Vec<[f64; 3]> = choices.choices()[start..end]
            .par_iter()
            .map(|choice| {
                let [i, j, k] = choice.odd_last().map(|id| rows.row(id.index()));
                let s = [(i, j), (i, k), (j, k)]
                    .map(|(x, y)| scoring.similarity.of(x, y) / scoring.temperature);
                let top = s[0].max(s[1]).max(s[2]);
                let e = s.map(|s| (s - top).exp());
                e.map(|x| x / e.iter().sum::<f64>())
            })
            .collect();
        for (trial, p) in (start..end).zip(probabilities) {
            for (place, cell) in tally.cells(trial) {
                sums[cell].0 += p[place];
                sums[cell].1 += 1;
            }
        }
    }
    Ok(tally.matrix(|cell| sums[cell].0 / f64::from(sums[cell].1)))
}

/// Which cells of a similarity matrix each trial informs.
struct Tally<'a> {
    choices: &'a ChoiceSet,
    size: usize,
    item: Vec<Option<usize>>,
    third: Vec<Option<usize>>,
}

impl<'a> Tally<'a> {
    fn new(
        choices: &'a ChoiceSet,
        items: &[usize],
        thirds: &[usize],
    ) -> Result<Self, EvaluationError> {
        let n = choices.n_stimuli();
        Ok(Self {
            choices,
            size: items.len(),
            item: places("items", items, n)?,
            third: places("thirds", thirds, n)?,
        })
    }

    /// (0 for the chosen pair, 1 or 2 for the others; upper-triangle cell) of a trial's admitted pairs.
    #[inline]
    fn cells(&self, trial: usize) -> impl Iterator<Item = (usize, usize)> {
        let [i, j, k] = self.choices.choices()[trial]
            .odd_last()
            .map(|id| id.index());
        [(i, j, k), (i, k, j), (j, k, i)]
            .into_iter()
            .enumerate()
            .filter_map(|(place, (x, y, third))| {
                let (x, y) = (self.item[x]?, self.item[y]?);
                self.third[third]?;
                Some((place, self.cell(x.min(y), x.max(y))))
            })
    }

    /// The number of cells above the diagonal.
    fn n_cells(&self) -> usize {
        self.size * self.size.saturating_sub(1) / 2
    }

    /// The cell of row `a` and column `b > a`, row by row above the diagonal.
    #[inline]
    fn cell(&self, a: usize, b: usize) -> usize {
        a * (2 * self.size - a - 1) / 2 + b - a - 1
    }

    fn symmetric<T: Copy>(&self, cell: impl Fn(usize) -> T, diagonal: T) -> Array2<T> {
        Array2::from_shape_fn((self.size, self.size), |(a, b)| {
            if a == b {
                diagonal
            } else {
                cell(self.cell(a.min(b), a.max(b)))
            }
        })
    }

    fn matrix(&self, cell: impl Fn(usize) -> f64) -> Array2<f64> {
        self.symmetric(cell, 1.0)
    }
}

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
    /// Its 95 % confidence interval.
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
struct Pairs {
    items: Vec<[u32; 2]>,
    /// Values less their means, so that one pass over a resample loses no digits.
    x: Vec<f64>,
    y: Vec<f64>,
    /// Pairs in ascending order of x and of y.
    order: std::sync::OnceLock<[Vec<u32>; 2]>,
}

impl Pairs {
    /// Gathers the pairs of `n` items for which neither value is NaN.
    fn new(n: usize, values: impl Fn(usize, usize) -> [f64; 2]) -> Self {
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
            values.iter_mut().for_each(|v| *v -= mean);
        }
        Self {
            items,
            x: xs,
            y: ys,
            order: std::sync::OnceLock::new(),
        }
    }

    fn correlation(&self, coefficient: Coefficient, weight: impl Fn(usize) -> f64) -> f64 {
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

/// How much of a measured matrix repeats when the trials are halved.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SplitHalf {
    /// Correlation between the matrices of random halves, Fisher mean over splits.
    pub half_r: f64,
    /// Spearman–Brown: 2r / (1 + r), the reliability ρ of the whole matrix.
    pub reliability: f64,
    /// √ρ: the highest correlation that a perfect prediction can reach.
    pub ceiling: f64,
    /// Number of random splits.
    pub splits: usize,
    /// Pairs sampled in both halves, mean over splits.
    pub pairs: f64,
}

/// Splits the trials at random, measures both halves and correlates them.
///
/// The repeats of a triplet are dealt evenly, the odd one by a coin, so that both halves show the
/// same thirds. Where triplets were shown once the halves differ in thirds, which the whole matrix
/// does not: reliability is then understated, and `explained` overstated, by a few hundredths.
///
/// O(N log N + splits · (N + |items|²)), parallel over splits.
///
/// # Errors
/// No splits, items out of range, or fewer than three pairs sampled in both halves.
pub fn split_half(
    choices: &ChoiceSet,
    items: &[usize],
    thirds: &[usize],
    coefficient: Coefficient,
    splits: usize,
    seed: u64,
) -> Result<SplitHalf, EvaluationError> {
    at_least(1, splits, "splits", "ask for 100")?;
    let tally = Tally::new(choices, items, thirds)?;
    let n = choices.len();
    within(
        "number of trials",
        n as f64,
        u32::try_from(n).is_ok(),
        "at most 4,294,967,295: use a sample",
    )?;
    let triplet = |trial: u32| choices.choices()[trial as usize].triplet.unordered();
    let mut order: Vec<u32> = (0..n as u32).collect();
    order.par_sort_unstable_by_key(|&trial| (triplet(trial), trial));
    let seed = Seed(seed).derive("split halves of trials");
    let results: Vec<(f64, f64)> = (0..splits)
        .into_par_iter()
        .map(|split| {
            let mut rng = CounterRng::new(seed, split as u64);
            let mut counts = vec![[[0_u32; 2]; 2]; tally.n_cells()];
            for repeats in order.chunk_by(|&a, &b| triplet(a) == triplet(b)) {
                let total = repeats.len() as u32;
                let mut first = total / 2
                    + if total % 2 == 1 {
                        rng.next_word() & 1
                    } else {
                        0
                    };
                for (&trial, left) in repeats.iter().zip((1..=total).rev()) {
                    let half = usize::from(rng.below_word(left) >= first);
                    first -= u32::from(half == 0);
                    for (place, cell) in tally.cells(trial as usize) {
                        counts[cell][half][0] += 1;
                        counts[cell][half][1] += u32::from(place == 0);
                    }
                }
            }
            let share = |[shown, similar]: [u32; 2]| f64::from(similar) / f64::from(shown);
            let pairs = Pairs::new(items.len(), |a, b| counts[tally.cell(a, b)].map(share));
            (
                pairs.correlation(coefficient, |_| 1.0),
                pairs.x.len() as f64,
            )
        })
        .collect();
    let r: Vec<f64> = results
        .iter()
        .map(|r| r.0)
        .filter(|r| !r.is_nan())
        .collect();
    at_least(
        1,
        r.len(),
        "splits with pairs sampled in both halves",
        "collect more trials of these items",
    )?;
    let half_r = fisher_mean(&r);
    let reliability = 2.0 * half_r / (1.0 + half_r);
    Ok(SplitHalf {
        half_r,
        reliability,
        ceiling: reliability.max(0.0).sqrt(),
        splits,
        pairs: results.iter().map(|r| r.1).sum::<f64>() / splits as f64,
    })
}

/// The share of a measured matrix's repeatable variance that a prediction explains.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Explained {
    /// r² / NC² with NC = √ρ, the correlation of a perfect prediction: 1 for such a prediction.
    pub explained: f64,
    /// Published: r² / ρ², with the reliability itself as NC; above 1 for a perfect prediction.
    pub published_explained: f64,
}

/// Relates the correlation of a prediction to the ceiling of the measurement.
///
/// # Errors
/// [`EvaluationError::Parameter`] where the halves do not correlate: nothing is there to explain.
pub fn explained(r: f64, ceiling: &SplitHalf) -> Result<Explained, EvaluationError> {
    let rho = ceiling.reliability;
    within(
        "reliability of the measured matrix",
        rho,
        rho > 0.0,
        "a positive number: the measurement is noise, collect more trials",
    )?;
    Ok(Explained {
        explained: r * r / rho,
        published_explained: r * r / (rho * rho),
    })
}
