//! What a split column marks.

use emotome_triplets::{ChoiceSet, Split};
use serde::Serialize;
use std::path::Path;

/// How many choices of a file its split column marks for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct MarkedSplits {
    /// To fit.
    pub train: usize,
    /// To choose parameters by.
    pub validation: usize,
    /// To score once, at the end.
    pub test: usize,
    /// Repeats for the noise ceiling.
    pub ceiling: usize,
    /// Of the few stimuli judged in full.
    pub full_set: usize,
}

impl MarkedSplits {
    pub(crate) fn of(splits: &[Split]) -> Self {
        let count = |wanted| splits.iter().filter(|&&split| split == wanted).count();
        let [train, validation, test, ceiling, full_set] = Split::ALL.map(count);
        Self {
            train,
            validation,
            test,
            ceiling,
            full_set,
        }
    }

    /// How a score uses them, in words.
    pub(crate) fn told_of_score(self, path: &Path) -> String {
        format!(
            "{}: the split column marks {} choices for testing, and only these are scored; {} for training, {} for validation, {} for the noise ceiling and {} of the full set are not (--ignore-splits scores all)",
            path.display(),
            self.test,
            self.train,
            self.validation,
            self.ceiling,
            self.full_set
        )
    }

    /// How a fit uses them, in words.
    pub(super) fn told(self, path: &Path) -> String {
        let held_out = if self.validation + self.test > 0 {
            format!(
                "{} for validation and {} for testing, which are used so",
                self.validation, self.test
            )
        } else {
            "none for validation or testing, so that these are held out of those for training"
                .into()
        };
        format!(
            "{}: the split column marks {} choices for training, {held_out}; {} for the noise ceiling and {} of the full set have no part in the fit",
            path.display(),
            self.train,
            self.ceiling,
            self.full_set
        )
    }
}

/// The choices that are marked for one use.
pub(crate) fn part(choices: &ChoiceSet, splits: &[Split], wanted: Split) -> ChoiceSet {
    choices.select((0..splits.len()).filter(|&row| splits[row] == wanted))
}
