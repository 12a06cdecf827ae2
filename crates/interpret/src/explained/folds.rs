//! Which stimuli are held out together.

use emotome_stats::random::{CounterRng, Seed};
use serde::Serialize;

/// A division of stimuli into folds, each held out once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Folds {
    of: Vec<usize>,
    count: usize,
}

/// Why stimuli cannot be divided so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FoldsError {
    /// Too few folds, or too many.
    #[error(
        "{found} folds of {items} stimuli were asked for; from 2 to {most} are possible, each of 2 stimuli or more"
    )]
    Count {
        /// Folds asked for.
        found: usize,
        /// Stimuli.
        items: usize,
        /// Most folds possible.
        most: usize,
    },
    /// A fold with too few stimuli.
    #[error(
        "fold {fold} of {count} (counted from 0) holds {items} stimuli; each needs at least 2: number folds without gaps"
    )]
    Small {
        /// The fold, from 0.
        fold: usize,
        /// The number of folds.
        count: usize,
        /// Its stimuli.
        items: usize,
    },
}

impl Folds {
    /// The number of folds that is usual: 10.
    pub const USUAL: usize = 10;

    /// Divides `items` stimuli at random into `count` folds whose sizes differ by at most one.
    ///
    /// # Errors
    /// [`FoldsError::Count`] for fewer than 2 folds or fewer than 2 stimuli a fold.
    ///
    /// ```
    /// use emotome_interpret::explained::Folds;
    /// use emotome_stats::random::Seed;
    /// let folds = Folds::random(21, 10, Seed(1))?;
    /// assert_eq!((folds.items(), folds.len()), (21, 10));
    /// # Ok::<(), emotome_interpret::explained::FoldsError>(())
    /// ```
    pub fn random(items: usize, count: usize, seed: Seed) -> Result<Self, FoldsError> {
        let most = items / 2;
        if count < 2 || count > most {
            return Err(FoldsError::Count {
                found: count,
                items,
                most,
            });
        }
        let mut order: Vec<usize> = (0..items).collect();
        CounterRng::new(seed.derive("folds"), 0).shuffle(&mut order);
        let mut of = vec![0; items];
        for (place, item) in order.into_iter().enumerate() {
            of[item] = place % count;
        }
        Ok(Self { of, count })
    }

    /// Folds decided elsewhere, e.g. by the film that clips come from: the fold of each stimulus, from 0.
    ///
    /// # Errors
    /// [`FoldsError`] for fewer than 2 folds or fewer than 2 stimuli in one.
    pub fn given(of: Vec<usize>) -> Result<Self, FoldsError> {
        let items = of.len();
        let most = items / 2;
        let count = of.iter().max().map_or(0, |max| max.saturating_add(1));
        if count < 2 || count > most {
            return Err(FoldsError::Count {
                found: count,
                items,
                most,
            });
        }
        let mut sizes = vec![0; count];
        of.iter().for_each(|&fold| sizes[fold] += 1);
        match sizes.iter().position(|&size| size < 2) {
            Some(fold) => Err(FoldsError::Small {
                fold,
                count,
                items: sizes[fold],
            }),
            None => Ok(Self { of, count }),
        }
    }

    /// The fold of each stimulus.
    #[must_use]
    pub fn of(&self) -> &[usize] {
        &self.of
    }

    /// The number of stimuli.
    #[must_use]
    pub fn items(&self) -> usize {
        self.of.len()
    }

    /// The number of folds, at least 2.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "there are always two or more")]
    pub const fn len(&self) -> usize {
        self.count
    }
}
