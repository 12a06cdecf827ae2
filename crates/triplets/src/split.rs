//! Splitting recorded choices by unordered triplet, and refusing splits that leak.

use crate::design::rank::{MAX_STIMULI, rank, unrank};
use crate::trial::{Choice, ChoiceSet, UnorderedTriplet};
use emotome_stats::random::Seed;
use emotome_stimuli::StimulusId;
use rayon::prelude::*;
use std::fmt;

/// Shares of the trials to hold out; the rest is for training.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Shares {
    /// For choosing λ and the number of dimensions.
    pub validation: f64,
    /// For the one score at the end.
    pub test: f64,
}

impl Default for Shares {
    /// 5 % validation, 5 % test.
    fn default() -> Self {
        Self {
            validation: 0.05,
            test: 0.05,
        }
    }
}

/// The rows of a choice set that belong to each split, ascending.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rows {
    /// Rows to fit.
    pub train: Vec<usize>,
    /// Rows for choosing λ and the number of dimensions.
    pub validation: Vec<usize>,
    /// Rows to score at the end.
    pub test: Vec<usize>,
    /// Rows held out because all their stimuli are in the full set.
    pub full_set: Vec<usize>,
}

/// Why choices cannot be split, or a given split cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SplitError {
    /// The held-out shares are no shares.
    #[error(
        "validation = {validation} and test = {test} of the trials; expected two shares of at least 0 that leave something to train on (sum below 1)"
    )]
    Shares {
        /// The validation share found.
        validation: f64,
        /// The test share found.
        test: f64,
    },
    /// More stimuli than triplets can be numbered for.
    #[error(
        "the choices are among {n} stimuli; at most {MAX_STIMULI} can be split: is an id wrong?"
    )]
    Stimuli {
        /// The number of stimuli.
        n: usize,
    },
    /// A stimulus of the full set does not exist.
    #[error("the full set names stimulus {id}, but ids run from 0 to {max} for {n} stimuli", max = .n.saturating_sub(1))]
    UnknownStimulus {
        /// The id found.
        id: u32,
        /// The number of stimuli.
        n: usize,
    },
    /// Triplets stand in two splits.
    #[error(
        "{leak}; a score on triplets seen in training is no held-out score: split by unordered triplet, or drop \
         them from one of the two"
    )]
    Leak {
        /// What stands where.
        leak: Leak,
    },
}

/// Triplets found in two splits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leak {
    /// The names of the two splits.
    pub splits: [String; 2],
    /// Distinct unordered triplets in both.
    pub triplets: usize,
    /// Trials of those triplets in each of the two.
    pub trials: [usize; 2],
    /// Up to five of them, with the row (counted from 1) of their first trial in each.
    pub examples: Vec<(UnorderedTriplet, [usize; 2])>,
}

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ([first, second], [m, n]) = (&self.splits, self.trials);
        write!(
            f,
            "{} triplets stand both in {first} ({m} trials) and in {second} ({n} trials), whatever their order, e.g. ",
            self.triplets
        )?;
        for (k, (triplet, [a, b])) in self.examples.iter().enumerate() {
            let ids = triplet.items().map(|id| id.0);
            let comma = if k == 0 { "" } else { ", " };
            write!(f, "{comma}{ids:?} in rows {a} and {b}")?;
        }
        Ok(())
    }
}

/// Splits choices by unordered triplet: all trials of a triplet go the same way.
///
/// Which triplets are held out is a keyed random draw. Triplets are drawn separately among those
/// of one trial, of two trials and so on, so that repeated ones are held out as often as others;
/// the trial counts are within one of the exact shares where at least some triplets have a single
/// trial, and within the size of the smallest repeat otherwise. Triplets inside `full_set` (no
/// matter how many) are held out of all three. O(N log N), 16 bytes a trial.
///
/// # Errors
/// [`SplitError::Shares`], [`SplitError::Stimuli`] and [`SplitError::UnknownStimulus`].
pub fn split(
    choices: &ChoiceSet,
    shares: Shares,
    full_set: &[StimulusId],
    seed: Seed,
) -> Result<Rows, SplitError> {
    let Shares { validation, test } = shares;
    if !(validation >= 0.0 && test >= 0.0 && validation + test < 1.0) {
        return Err(SplitError::Shares { validation, test });
    }
    let n = rankable(choices)?;
    let mut inside = vec![false; n];
    for id in full_set {
        *inside
            .get_mut(id.index())
            .ok_or(SplitError::UnknownStimulus { id: id.0, n })? = true;
    }
    let in_full_set = |choice: &Choice| choice.triplet.items().iter().all(|id| inside[id.index()]);
    let seed = seed.derive("split by triplet");
    let mut keyed: Vec<(u64, usize)> = Vec::new();
    let mut rows = Rows::default();
    for (row, choice) in choices.choices().iter().enumerate() {
        if in_full_set(choice) {
            rows.full_set.push(row);
        } else {
            // A bijection of ranks, so that equal keys are equal triplets, and their order is random.
            keyed.push((seed.child(rank(choice.triplet.unordered())).0, row));
        }
    }
    keyed.par_sort_unstable();
    let mut groups: Vec<&[(u64, usize)]> = keyed.chunk_by(|a, b| a.0 == b.0).collect();
    groups.par_sort_by_key(|group| std::cmp::Reverse(group.len()));

    let mut trials = 0_f64;
    let mut held = [0_f64; 2];
    for class in groups.chunk_by(|a, b| a.len() == b.len()) {
        let size = class[0].len() as f64;
        trials += size * class.len() as f64;
        let mut rest = class;
        let targets = [(&mut rows.test, test), (&mut rows.validation, validation)];
        for ((split, share), held) in targets.into_iter().zip(&mut held) {
            let due = ((share * trials - *held) / size).round().max(0.0) as usize;
            let (taken, left) = rest.split_at(due.min(rest.len()));
            rest = left;
            *held += size * taken.len() as f64;
            split.extend(taken.iter().copied().flatten().map(|&(_, row)| row));
        }
        rows.train
            .extend(rest.iter().copied().flatten().map(|&(_, row)| row));
    }
    for split in [&mut rows.train, &mut rows.validation, &mut rows.test] {
        split.par_sort_unstable();
    }
    Ok(rows)
}

/// Checks that no unordered triplet stands in two of the named splits. O(N log N).
///
/// # Errors
/// [`SplitError::Leak`] counts the triplets and trials of the first pair of splits that share
/// some, with examples; [`SplitError::Stimuli`] for more than [`MAX_STIMULI`].
pub fn check_disjoint(splits: &[(&str, &ChoiceSet)]) -> Result<(), SplitError> {
    let sorted: Vec<Vec<(u64, usize)>> = splits
        .iter()
        .map(|(_, set)| {
            rankable(set)?;
            let ranks = set.choices().par_iter().enumerate();
            let mut ranks: Vec<_> = ranks
                .map(|(row, c)| (rank(c.triplet.unordered()), row))
                .collect();
            ranks.par_sort_unstable();
            Ok(ranks)
        })
        .collect::<Result<_, _>>()?;
    for second in 1..splits.len() {
        for first in 0..second {
            if let Some(leak) = shared(
                [splits[first].0, splits[second].0],
                [&sorted[first], &sorted[second]],
            ) {
                return Err(SplitError::Leak { leak });
            }
        }
    }
    Ok(())
}

/// The number of stimuli, if their triplets have ranks.
const fn rankable(choices: &ChoiceSet) -> Result<usize, SplitError> {
    match choices.n_stimuli() {
        n if n > MAX_STIMULI => Err(SplitError::Stimuli { n }),
        n => Ok(n),
    }
}

/// What two sorted lists of (rank, row) share.
fn shared(names: [&str; 2], [a, b]: [&[(u64, usize)]; 2]) -> Option<Leak> {
    let mut leak = Leak {
        splits: names.map(str::to_owned),
        triplets: 0,
        trials: [0; 2],
        examples: Vec::new(),
    };
    let mut others = b.chunk_by(|x, y| x.0 == y.0).peekable();
    for group in a.chunk_by(|x, y| x.0 == y.0) {
        while others.next_if(|other| other[0].0 < group[0].0).is_some() {}
        if let Some(other) = others.next_if(|other| other[0].0 == group[0].0) {
            leak.triplets += 1;
            leak.trials[0] += group.len();
            leak.trials[1] += other.len();
            if leak.examples.len() < 5 {
                let rows = [group[0].1 + 1, other[0].1 + 1];
                leak.examples.push((unrank(group[0].0), rows));
            }
        }
    }
    (leak.triplets > 0).then_some(leak)
}
