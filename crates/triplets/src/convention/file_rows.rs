//! The rows of a file with their columns as the file has them, whatever they mean.

use super::{Base, Convention, OddColumn};
use crate::formats::{Imported, PresentedOrder};
use crate::trial::{Choice, Position};
use emotome_stats::random::mix;
use emotome_stimuli::StimulusId;

/// The rows of a file as it has them.
pub(super) struct FileRows {
    /// Ids in file columns, counted as the file does.
    pub(super) items: Vec<[u32; 3]>,
    /// The place of the odd item, if a column of its own has it.
    pub(super) choice: Option<Vec<Position>>,
    pub(super) stated: Convention,
    pub(super) n: usize,
}

impl FileRows {
    /// At most `max` rows of a file, evenly spread; `dense` prefers all rows among few items.
    pub(super) fn sample(imported: &Imported, max: usize, dense: bool) -> Self {
        let choices = imported.table.choices.choices();
        let among_few = if dense && choices.len() > max {
            rows_among_few_items(choices, max)
        } else {
            Vec::new()
        };
        let choices = if among_few.len() >= max / 3 {
            &among_few
        } else {
            choices
        };
        let rows = choices.len().min(max);
        let stated = imported.convention;
        let offset = stated.base.offset() as u32;
        let lost = imported.table.presented_order == PresentedOrder::LostOddLast;
        let sample: Vec<&Choice> = (0..rows)
            .map(|row| &choices[row * choices.len() / rows])
            .collect();
        let items = |choice: &&Choice| {
            let [a, b, c] = choice.triplet.items().map(|id| id.0 + offset);
            match stated.odd {
                OddColumn::First if lost => [c, a, b],
                OddColumn::Second if lost => [a, c, b],
                _ => [a, b, c],
            }
        };
        Self {
            items: sample.iter().map(items).collect(),
            choice: matches!(stated.odd, OddColumn::Choice(_))
                .then(|| sample.iter().map(|choice| choice.odd).collect()),
            stated,
            n: imported.table.choices.n_stimuli(),
        }
    }

    /// Each hypothesis about the odd column, with the place it says is odd in every row.
    pub(super) fn columns(&self) -> Vec<(OddColumn, Vec<Position>)> {
        let fixed = [OddColumn::First, OddColumn::Second, OddColumn::Third]
            .into_iter()
            .zip(Position::ALL);
        let fixed = fixed.map(|(odd, place)| (odd, vec![place; self.items.len()]));
        let choice = self
            .choice
            .as_ref()
            .map(|places| (self.stated.odd, places.clone()));
        // A choice column that repeats one place says the same as that column; it goes first to win the tie.
        choice.into_iter().chain(fixed).collect()
    }

    /// The ids of a row under a base, if they are in range.
    pub(super) fn ids(&self, row: usize, base: Base) -> Option<[StimulusId; 3]> {
        let offset = base.offset() as u32;
        let items = self.items[row];
        let fits = items
            .iter()
            .all(|&id| id >= offset && ((id - offset) as usize) < self.n);
        fits.then(|| items.map(|id| StimulusId(id - offset)))
    }

    pub(super) fn impossible(&self, base: Base) -> u64 {
        (0..self.items.len())
            .filter(|&row| self.ids(row, base).is_none())
            .count() as u64
    }
}

/// The choices among a share of the items such that about `wanted` of evenly mixed ones remain.
///
/// The same number of rows says more about fewer items.
fn rows_among_few_items(choices: &[Choice], wanted: usize) -> Vec<Choice> {
    let share = (wanted as f64 / choices.len() as f64).cbrt();
    let kept = |id: StimulusId| (mix(u64::from(id.0)) as f64) < share * u64::MAX as f64;
    choices
        .iter()
        .filter(|choice| choice.triplet.items().into_iter().all(kept))
        .copied()
        .collect()
}
