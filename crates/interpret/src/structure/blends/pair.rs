//! One pair of categories: who is pure, who is mixed, and where they are.

use emotome_stats::correlation::weighted_pearson;
use emotome_stats::random::{CounterRng, Seed};
use ndarray::{Array1, ArrayView2};
use std::collections::BTreeMap;

use super::{BlendParams, Pair, average};

/// The parts that stimuli play.
pub(super) struct Cast {
    /// Pure stimuli of each category.
    pub(super) of: Vec<Vec<usize>>,
    /// Categories with enough pure stimuli, and their mixed ones.
    pub(super) pairs: Vec<([usize; 2], Vec<usize>)>,
    pub(super) sparse_pairs: usize,
    pub(super) pure: usize,
    pub(super) mixed: usize,
    pub(super) neither: usize,
}

impl Cast {
    pub(super) fn new(ratings: ArrayView2<'_, f64>, params: &BlendParams) -> Self {
        let mut of = vec![Vec::new(); ratings.ncols()];
        let mut pairs: BTreeMap<[usize; 2], Vec<usize>> = BTreeMap::new();
        let (mut pure, mut mixed) = (0, 0);
        for (i, row) in ratings.rows().into_iter().enumerate() {
            let mut order: Vec<usize> = (0..row.len()).collect();
            order.sort_by(|&a, &b| row[b].total_cmp(&row[a]));
            let [a, b] = [order[0], order[1]];
            let third = order.get(2).map_or(0.0, |&c| row[c]);
            if row[a] > 0.0 && row[b] / (row[a] + row[b]) <= params.pure {
                of[a].push(i);
                pure += 1;
            } else if row[b] > third {
                pairs.entry([a.min(b), a.max(b)]).or_default().push(i);
                mixed += 1;
            }
        }
        let all = pairs.len();
        let pairs: Vec<_> = pairs
            .into_iter()
            .filter(|(pair, mixed)| {
                pair.iter().all(|&k| of[k].len() >= params.least_pure)
                    && mixed.len() >= params.least_mixed
            })
            .collect();
        Self {
            sparse_pairs: all - pairs.len(),
            neither: ratings.nrows() - pure - mixed,
            of,
            pairs,
            pure,
            mixed,
        }
    }
}

/// Stimuli of a pair, the mixed ones first, then the pure ones of a, then of b.
pub(super) struct PairData {
    pub(super) report: Pair,
    /// t = r_b / (r_a + r_b).
    pub(super) mixture: Vec<f64>,
    /// s, 0 at a, 1 at b.
    pub(super) position: Vec<f64>,
    /// Distance from the line, in lengths of it.
    pub(super) off_line: Vec<f64>,
    /// Held-out squared errors of the training mean, the line and the step.
    pub(super) errors: Vec<[f64; 3]>,
    /// The fold of each stimulus.
    pub(super) fold: Vec<usize>,
    /// The mean mixture and position of the pure stimuli of a and b.
    pub(super) ends: [[f64; 2]; 2],
    /// The length of the line, in units of the space.
    pub(super) length: f64,
    /// Held-out log likelihood of the gradient less that of the jump, of mixed stimuli.
    pub(super) advantage: Vec<f64>,
    /// Position and distance from the line of all other stimuli: neither pure of a or b nor mixed of the two;
    /// those mixed of a and a third category are among them.
    pub(super) others: Vec<(f64, f64)>,
}

impl PairData {
    pub(super) fn new(
        points: ArrayView2<'_, f64>,
        ratings: ArrayView2<'_, f64>,
        cast: &Cast,
        (categories, mixed): &([usize; 2], Vec<usize>),
        params: &BlendParams,
        seed: Seed,
    ) -> Self {
        let [a, b] = *categories;
        let pure = [&cast.of[a], &cast.of[b]];
        let sum = |items: &[usize]| {
            let mut sum = Array1::<f64>::zeros(points.ncols());
            items.iter().for_each(|&i| sum += &points.row(i));
            sum
        };
        let sums = [sum(pure[0]), sum(pure[1])];
        // Where a stimulus is, left out of the mean of its own category.
        let place = |i: usize, own: Option<usize>| {
            let mean = |side: usize| {
                let n = pure[side].len() as f64;
                if own == Some(side) {
                    (&sums[side] - &points.row(i)) / (n - 1.0)
                } else {
                    &sums[side] / n
                }
            };
            let (from, to) = (mean(0), mean(1));
            let line = to - &from;
            let offset = &points.row(i) - &from;
            let square = line.dot(&line);
            let position = offset.dot(&line) / square;
            let off = offset.dot(&offset) / square - position * position;
            (position, off.max(0.0).sqrt())
        };
        let items: Vec<(usize, Option<usize>)> = mixed
            .iter()
            .map(|&i| (i, None))
            .chain(pure[0].iter().map(|&i| (i, Some(0))))
            .chain(pure[1].iter().map(|&i| (i, Some(1))))
            .collect();
        let (position, off_line): (Vec<f64>, Vec<f64>) =
            items.iter().map(|&(i, own)| place(i, own)).unzip();
        let mixture: Vec<f64> = items
            .iter()
            .map(|&(i, _)| ratings[[i, b]] / (ratings[[i, a]] + ratings[[i, b]]))
            .collect();
        let mut of_pair = vec![false; points.nrows()];
        items.iter().for_each(|&(i, _)| of_pair[i] = true);
        let others = (0..points.nrows()).filter(|&i| !of_pair[i]);
        let mut data = Self {
            others: others.map(|i| place(i, None)).collect(),
            report: Pair {
                categories: *categories,
                pure: pure.map(Vec::len),
                mixed: mixed.len(),
                r: f64::NAN,
                position: average(position[..mixed.len()].iter().copied()),
                between: f64::NAN,
                off_line: average(off_line[..mixed.len()].iter().copied()),
                linear: f64::NAN,
                step: f64::NAN,
                advantage: f64::NAN,
            },
            errors: Vec::new(),
            fold: Vec::new(),
            ends: [[0.0; 2]; 2],
            length: {
                let line = &sums[1] / pure[1].len() as f64 - &sums[0] / pure[0].len() as f64;
                line.dot(&line).sqrt()
            },
            advantage: vec![f64::NAN; mixed.len()],
            mixture,
            position,
            off_line,
        };
        data.fit(params.folds, seed);
        let m = data.mixed();
        data.report.r = correlation((0..m).map(|i| (data.mixture[i], data.position[i])));
        data.report.between = average((0..m).map(|i| f64::from(data.is_between(i))));
        let total = |model: usize| data.errors.iter().map(|x| x[model]).sum::<f64>();
        data.report.linear = 1.0 - total(1) / total(0);
        data.report.step = 1.0 - total(2) / total(0);
        data
    }

    /// Mixtures and positions of the mixed stimuli.
    pub(super) fn placed(&self) -> (Vec<f64>, Vec<f64>) {
        let mixed = self.mixed();
        (
            self.mixture[..mixed].to_vec(),
            self.position[..mixed].to_vec(),
        )
    }

    pub(super) const fn mixed(&self) -> usize {
        self.report.mixed
    }

    pub(super) const fn items(&self) -> usize {
        self.position.len()
    }

    pub(super) fn is_between(&self, item: usize) -> bool {
        self.position[item] > 0.0 && self.position[item] < 1.0
    }

    /// As many mixed stimuli, and as many pure ones of either category, with replacement.
    pub(super) fn resample(&self, rng: &mut CounterRng) -> Vec<usize> {
        let mut first = 0;
        let mut drawn = Vec::with_capacity(self.items());
        for count in [self.mixed(), self.report.pure[0], self.report.pure[1]] {
            drawn.extend((0..count).map(|_| first + rng.below(count as u64) as usize));
            first += count;
        }
        drawn
    }

    /// Line and step, each fold by the others.
    fn fit(&mut self, folds: usize, seed: Seed) {
        let (n, m) = (self.items(), self.mixed());
        let mut fold = vec![0; n];
        let mut first = 0;
        for count in [m, self.report.pure[0], self.report.pure[1]] {
            let mut order: Vec<usize> = (first..first + count).collect();
            CounterRng::new(seed, first as u64).shuffle(&mut order);
            order
                .iter()
                .enumerate()
                .for_each(|(place, &i)| fold[i] = place % folds);
            first += count;
        }
        self.errors = vec![[0.0; 3]; n];
        for held_out in 0..folds {
            let training: Vec<(f64, f64)> = (0..n)
                .filter(|&i| fold[i] != held_out)
                .map(|i| (self.mixture[i], self.position[i]))
                .collect();
            let mean = average(training.iter().map(|x| x.1));
            let line = line(&training);
            let step = Step::fit(training);
            for i in (0..n).filter(|&i| fold[i] == held_out) {
                let (t, s) = (self.mixture[i], self.position[i]);
                let predictions = [mean, line.0 + line.1 * t, step.at(t)];
                self.errors[i] = predictions.map(|prediction| (s - prediction).powi(2));
            }
        }
        self.fold = fold;
        self.ends = [0, 1].map(|side| {
            let from = m + side * self.report.pure[0];
            let range = from..from + self.report.pure[side];
            [
                average(self.mixture[range.clone()].iter().copied()),
                average(self.position[range].iter().copied()),
            ]
        });
    }
}

/// Intercept and slope of least squares; flat where all t are the same.
fn line(points: &[(f64, f64)]) -> (f64, f64) {
    let (x, y) = (
        average(points.iter().map(|p| p.0)),
        average(points.iter().map(|p| p.1)),
    );
    let (mut xx, mut xy) = (0.0, 0.0);
    for (t, s) in points {
        xx += (t - x) * (t - x);
        xy += (t - x) * (s - y);
    }
    let slope = if xx > 1e-12 { xy / xx } else { 0.0 };
    (y - slope * x, slope)
}

/// One level below a threshold, another above.
struct Step {
    threshold: f64,
    levels: [f64; 2],
}

impl Step {
    /// Of least squared error, the lowest threshold of equals.
    fn fit(mut points: Vec<(f64, f64)>) -> Self {
        points.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let (n, total) = (points.len() as f64, points.iter().map(|p| p.1).sum::<f64>());
        let mut best = Self {
            threshold: f64::INFINITY,
            levels: [total / n; 2],
        };
        let (mut below, mut most) = (0.0, total * total / n);
        for (i, pair) in points.windows(2).enumerate() {
            below += pair[0].1;
            let (left, right) = ((i + 1) as f64, n - (i + 1) as f64);
            // The squared error is Σ s² less this.
            let explained = below * below / left + (total - below).powi(2) / right;
            if pair[0].0 < pair[1].0 && explained > most + 1e-12 * most.abs() {
                most = explained;
                best = Self {
                    threshold: (pair[0].0 + pair[1].0) / 2.0,
                    levels: [below / left, (total - below) / right],
                };
            }
        }
        best
    }

    fn at(&self, t: f64) -> f64 {
        self.levels[usize::from(t > self.threshold)]
    }
}

/// Pearson's r of mixtures and positions.
pub(super) fn correlation(points: impl Iterator<Item = (f64, f64)> + Clone) -> f64 {
    weighted_pearson(points.map(|(t, s)| (t, s, 1.0)))
}
