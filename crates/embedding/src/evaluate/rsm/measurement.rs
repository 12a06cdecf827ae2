//! Similarities as choices show them, and as an embedding predicts them over the same trials.

use super::places;
use crate::Embedding;
use crate::evaluate::{
    EvaluationError,
    score::{Scoring, rows_for},
};
use emotome_triplets::ChoiceSet;
use ndarray::Array2;
use rayon::prelude::*;

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
                let ids = choice.odd_last().map(|id| id.index());
                scoring.probabilities(rows.similarities(scoring.similarity, ids))
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
pub(super) struct Tally<'a> {
    choices: &'a ChoiceSet,
    size: usize,
    item: Vec<Option<usize>>,
    third: Vec<Option<usize>>,
}

impl<'a> Tally<'a> {
    pub(super) fn new(
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
    pub(super) fn cells(&self, trial: usize) -> impl Iterator<Item = (usize, usize)> {
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
    pub(super) fn n_cells(&self) -> usize {
        self.size * self.size.saturating_sub(1) / 2
    }

    /// The cell of row `a` and column `b > a`, row by row above the diagonal.
    #[inline]
    pub(super) fn cell(&self, a: usize, b: usize) -> usize {
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
