//! The canonical odd-one-out record: three stimuli in presented order and what became of them.

use emotome_stimuli::StimulusId;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A place in the presented order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Position {
    /// Shown first.
    First = 0,
    /// Shown second.
    Second = 1,
    /// Shown third.
    Third = 2,
}

impl Position {
    /// The three places in presented order.
    pub const ALL: [Self; 3] = [Self::First, Self::Second, Self::Third];

    /// The place counted from 0, or `None` past 2.
    #[must_use]
    pub const fn from_index(index: usize) -> Option<Self> {
        match index {
            0 => Some(Self::First),
            1 => Some(Self::Second),
            2 => Some(Self::Third),
            _ => None,
        }
    }

    /// The place counted from 0.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// Three distinct stimuli in the order in which they were presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Triplet([StimulusId; 3]);

impl Triplet {
    /// A triplet in presented order.
    ///
    /// # Errors
    /// [`TripletError::Repeated`] if two of the stimuli are the same.
    pub const fn new(items: [StimulusId; 3]) -> Result<Self, TripletError> {
        if items[0].0 == items[1].0 || items[0].0 == items[2].0 || items[1].0 == items[2].0 {
            return Err(TripletError::Repeated {
                items: [items[0].0, items[1].0, items[2].0],
            });
        }
        Ok(Self(items))
    }

    /// The stimuli in presented order.
    #[must_use]
    #[inline]
    pub const fn items(self) -> [StimulusId; 3] {
        self.0
    }

    /// The stimulus at a place.
    #[must_use]
    #[inline]
    pub const fn at(self, position: Position) -> StimulusId {
        self.0[position.index()]
    }

    /// The same stimuli without their order: the key by which splits and repeats are matched.
    #[must_use]
    pub fn unordered(self) -> UnorderedTriplet {
        let mut items = self.0;
        items.sort_unstable();
        UnorderedTriplet(items)
    }

    /// Which of the six orders this is: 0 for ascending ids, then lexicographic (0..6).
    #[must_use]
    pub fn order_code(self) -> u8 {
        let [a, b, c] = self.0;
        match (a < b, a < c, b < c) {
            (true, true, true) => 0,
            (true, true, false) => 1,
            (false, true, _) => 2,
            (true, false, _) => 3,
            (false, false, true) => 4,
            (false, false, false) => 5,
        }
    }
}

/// Three distinct stimuli in ascending order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UnorderedTriplet([StimulusId; 3]);

impl UnorderedTriplet {
    /// The presentation orders by [`Triplet::order_code`]: which sorted item stands at each place.
    pub const ORDERS: [[usize; 3]; 6] = [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ];

    /// Three stimuli known to ascend.
    pub(crate) const fn from_ascending(items: [StimulusId; 3]) -> Self {
        debug_assert!(items[0].0 < items[1].0 && items[1].0 < items[2].0);
        Self(items)
    }

    /// The stimuli, ascending.
    #[must_use]
    pub const fn items(self) -> [StimulusId; 3] {
        self.0
    }

    /// The triplet in one of the six orders.
    ///
    /// # Panics
    /// If `order_code` is 6 or more.
    #[must_use]
    pub fn ordered(self, order_code: u8) -> Triplet {
        Triplet(Self::ORDERS[usize::from(order_code)].map(|k| self.0[k]))
    }
}

/// Why three ids are no triplet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TripletError {
    /// A stimulus stands twice in the triplet.
    #[error(
        "triplet {items:?} shows a stimulus twice; an odd-one-out trial needs three different ones: drop the row"
    )]
    Repeated {
        /// The ids found.
        items: [u32; 3],
    },
}

/// What became of a trial. Anything that is not a clear choice is kept apart from choices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The stimulus at this place was called the odd one out.
    Chosen(Position),
    /// The reply had no answer in the asked form.
    Invalid,
    /// The reply named two or more different answers.
    Ambiguous,
    /// The agent declined to answer.
    Refused,
    /// No reply within the time limit.
    TimedOut,
    /// The request failed for a reason outside the agent.
    Failed,
}

impl Outcome {
    /// The chosen place, if there was a clear choice.
    #[must_use]
    pub const fn chosen(self) -> Option<Position> {
        match self {
            Self::Chosen(position) => Some(position),
            _ => None,
        }
    }

    /// The name in tables, where every choice is `ok`.
    #[must_use]
    pub const fn status(self) -> &'static str {
        match self {
            Self::Chosen(_) => "ok",
            Self::Invalid => "invalid",
            Self::Ambiguous => "ambiguous",
            Self::Refused => "refused",
            Self::TimedOut => "timeout",
            Self::Failed => "failed",
        }
    }
}

/// What a trial may be used for. No unordered triplet belongs to two splits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Split {
    /// Fits the embedding.
    Train = 0,
    /// Chooses λ and the number of dimensions.
    Validation = 1,
    /// Scored once, at the end.
    Test = 2,
    /// Repeated, for the noise ceiling.
    Ceiling = 3,
    /// All triplets of a small stimulus subset, for the measured similarity matrix.
    FullSet = 4,
}

impl Split {
    /// Every split.
    pub const ALL: [Self; 5] = [
        Self::Train,
        Self::Validation,
        Self::Test,
        Self::Ceiling,
        Self::FullSet,
    ];

    /// The split of a name, as [`Split`] displays it.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|split| split.to_string() == name)
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
            Self::Ceiling => "ceiling",
            Self::FullSet => "fullset",
        })
    }
}

/// One presentation of one triplet to one agent.
///
/// The exactly-once key of a study is `(unordered triplet, order, agent, replicate)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Trial {
    /// Position in the design; computable, so a design is never stored.
    pub number: u64,
    /// The stimuli in presented order.
    pub triplet: Triplet,
    /// How often this triplet was shown in this order before.
    pub replicate: u16,
    /// What the trial may be used for.
    pub split: Split,
}

/// A trial that ended in a clear choice: the unit of training and evaluation (16 bytes).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Choice {
    /// The stimuli in presented order.
    pub triplet: Triplet,
    /// The place of the odd one out.
    pub odd: Position,
}

impl Choice {
    /// `[similar, similar, odd]`: the pair judged similar keeps its presented order, odd is last.
    #[must_use]
    #[inline]
    pub const fn odd_last(self) -> [StimulusId; 3] {
        let [a, b, c] = self.triplet.items();
        match self.odd {
            Position::First => [b, c, a],
            Position::Second => [a, c, b],
            Position::Third => [a, b, c],
        }
    }
}

/// Choices among `n_stimuli` stimuli; every id in it is below `n_stimuli`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChoiceSet {
    n_stimuli: usize,
    choices: Vec<Choice>,
}

/// Why choices do not fit a stimulus set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChoiceError {
    /// An id is not below the number of stimuli.
    #[error(
        "trial {row} (counted from 1) names stimulus {id}, but ids run from 0 to {max}, for {n} stimuli; \
         is the file counted from 1 (`--base 1`), or is --n-items too small?",
        max = .n.saturating_sub(1)
    )]
    OutOfRange {
        /// The trial, counted from 1.
        row: usize,
        /// The id found.
        id: u32,
        /// The number of stimuli.
        n: usize,
    },
}

impl ChoiceSet {
    /// Choices whose ids are all below `n_stimuli`.
    ///
    /// # Errors
    /// [`ChoiceError::OutOfRange`] names the first row that is not.
    pub fn new(n_stimuli: usize, choices: Vec<Choice>) -> Result<Self, ChoiceError> {
        for (row, choice) in choices.iter().enumerate() {
            for id in choice.triplet.items() {
                if id.index() >= n_stimuli {
                    return Err(ChoiceError::OutOfRange {
                        row: row + 1,
                        id: id.0,
                        n: n_stimuli,
                    });
                }
            }
        }
        Ok(Self { n_stimuli, choices })
    }

    /// No choices among `n_stimuli` stimuli.
    #[must_use]
    pub const fn empty(n_stimuli: usize) -> Self {
        Self {
            n_stimuli,
            choices: Vec::new(),
        }
    }

    /// The number of stimuli that ids refer to.
    #[must_use]
    pub const fn n_stimuli(&self) -> usize {
        self.n_stimuli
    }

    /// The choices in file or design order.
    #[must_use]
    pub fn choices(&self) -> &[Choice] {
        &self.choices
    }

    /// The number of choices.
    #[must_use]
    pub fn len(&self) -> usize {
        self.choices.len()
    }

    /// Whether there is no choice.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.choices.is_empty()
    }

    /// The choices, owned.
    #[must_use]
    pub fn into_choices(self) -> Vec<Choice> {
        self.choices
    }

    /// The choices at the given rows, e.g. one side of a split.
    ///
    /// # Panics
    /// If a row is past the end.
    #[must_use]
    pub fn select(&self, rows: impl IntoIterator<Item = usize>) -> Self {
        Self {
            n_stimuli: self.n_stimuli,
            choices: rows.into_iter().map(|row| self.choices[row]).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_codes_number_the_six_orders() {
        let ids = [3, 7, 9].map(StimulusId);
        let sorted = Triplet::new(ids).unwrap().unordered();
        for code in 0..6 {
            assert_eq!(sorted.ordered(code).order_code(), code);
        }
    }

    #[test]
    fn odd_last_keeps_the_similar_pair_in_presented_order() {
        let triplet = Triplet::new([5, 6, 7].map(StimulusId)).unwrap();
        let row = |odd| Choice { triplet, odd }.odd_last().map(|id| id.0);
        assert_eq!(Position::ALL.map(row), [[6, 7, 5], [5, 7, 6], [5, 6, 7]]);
    }

    #[test]
    fn a_choice_takes_sixteen_bytes() {
        assert_eq!(std::mem::size_of::<Choice>(), 16);
    }
}
