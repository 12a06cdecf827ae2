//! The parameters of a design, their defaults, and what makes them impossible.

use super::Design;
use super::rank::{MAX_STIMULI, triplet_count};
use serde::{Deserialize, Serialize};

/// What the main arm of a design balances beyond drawing without replacement.
///
/// Measured for 2,180 stimuli: the largest distance of a stimulus's trials from the mean; the
/// trials per pair, lowest to highest; and the pairs never shown.
///
/// | trials | [`None`](Self::None) | [`Items`](Self::Items) | [`Pairs`](Self::Pairs) |
/// |---|---|---|---|
/// | 0.1 M | 31 %; 0–5; 2,093,301 | 1.9 %; 0–2; 2,090,370 | 29 %; 0–1; 2,075,110 |
/// | 1 M | 9 %; 0–10; 672,625 | 0.16 %; 0–6; 659,450 | 3.5 %; 0–2; 1,629 |
/// | 5.5 M | 4.5 %; 0–23; 2,163 | 0.03 %; 1–16; 0 | 0.03 %; 5–7; 0 |
/// | 7.1 M | 3.7 %; 0–26; 310 | 0.03 %; 1–19; 0 | 0.2 %; 7–9; 0 |
///
/// Below one trial per pair, `Items` is the better choice; from there on, `Pairs`. Under all three
/// every triplet is equally likely to be drawn, because the stimuli are placed at random.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Balance {
    /// Nothing: a simple random sample. Counts scatter as chance has it.
    None,
    /// Every n trials show every stimulus exactly three times. Pairs scatter as by chance.
    Items,
    /// Every (n-1)(n-2)/6 trials show (nearly) every pair exactly once, hence every stimulus
    /// (nearly) equally often; in between, no pair comes again.
    #[default]
    Pairs,
}

/// The parameters of a design.
///
/// | field | default | meaning |
/// |---|---|---|
/// | `n_stimuli` | – | stimuli, 3 to 3,000,000 |
/// | `seed` | – | of everything random in the design |
/// | `trials` | 0 | length of the main arm; beyond C(n,3), triplets come again in another order |
/// | `balance` | pairs | see [`Balance`] |
/// | `validation` | 0.05 | share of the triplets held out to choose λ and the dimensions |
/// | `test` | 0.05 | share of the triplets scored once, at the end |
/// | `ceiling` | none | see [`CeilingParams`] |
/// | `full_set` | none | see [`FullSetParams`] |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DesignParams {
    /// The number of stimuli n.
    pub n_stimuli: usize,
    /// The seed.
    pub seed: u64,
    /// Trials of the main arm.
    #[serde(default)]
    pub trials: u64,
    /// What the main arm balances.
    #[serde(default)]
    pub balance: Balance,
    /// Share of validation triplets.
    #[serde(default = "five_percent")]
    pub validation: f64,
    /// Share of test triplets.
    #[serde(default = "five_percent")]
    pub test: f64,
    /// Repeats for the noise ceiling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ceiling: Option<CeilingParams>,
    /// A completely sampled set of stimuli.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full_set: Option<FullSetParams>,
}

/// Repeats of random triplets, for the noise ceiling.
///
/// Repeats in one order show the noise of the agent alone, repeats through all orders also what
/// the order does; both arms show the same triplets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CeilingParams {
    /// Distinct triplets K.
    pub triplets: u32,
    /// Showings of each in one order.
    #[serde(default)]
    pub same_order: u16,
    /// Showings of each that go through all six orders in turn.
    #[serde(default)]
    pub all_orders: u16,
}

/// A set of stimuli all of whose triplets are shown, and held out of training.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FullSetParams {
    /// The stimuli, as ids; see [`super::subset`] for choosing them.
    pub stimuli: Vec<u32>,
    /// How often each triplet is shown: 1 in a random order, 6 in each order once.
    #[serde(default = "one")]
    pub passes: u16,
}

const fn five_percent() -> f64 {
    0.05
}

const fn one() -> u16 {
    1
}

/// Why a design is impossible.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DesignError {
    /// Too few or too many stimuli.
    #[error("a design of {n} stimuli was asked for; expected 3 to {MAX_STIMULI}")]
    Stimuli {
        /// The number asked for.
        n: usize,
    },
    /// The held-out shares are no shares.
    #[error(
        "validation = {validation} and test = {test} of the triplets; expected two shares of at least 0 that leave \
         something to train on (sum below 1)"
    )]
    Shares {
        /// The validation share found.
        validation: f64,
        /// The test share found.
        test: f64,
    },
    /// A stimulus of the full set does not exist.
    #[error("the full set names stimulus {id}, but ids run from 0 to {max} for {n} stimuli", max = .n - 1)]
    UnknownStimulus {
        /// The id found.
        id: u32,
        /// The number of stimuli.
        n: usize,
    },
    /// A stimulus is twice in the full set.
    #[error("the full set names stimulus {id} twice; name each once")]
    RepeatedStimulus {
        /// The id found.
        id: u32,
    },
    /// A full set without triplets or passes.
    #[error(
        "a full set of {stimuli} stimuli shown {passes} times has no trials; expected at least 3 stimuli and 1 pass, or no full set"
    )]
    EmptyFullSet {
        /// The stimuli found.
        stimuli: usize,
        /// The passes found.
        passes: u16,
    },
    /// A ceiling without repeats.
    #[error(
        "a ceiling of {triplets} triplets shown {same_order} times in one order and {all_orders} times through all \
         orders repeats nothing; expected at least 1 triplet and 2 showings in one of the two ways, or no ceiling"
    )]
    EmptyCeiling {
        /// The triplets found.
        triplets: u32,
        /// The same-order showings found.
        same_order: u16,
        /// The all-orders showings found.
        all_orders: u16,
    },
    /// More ceiling triplets than there are.
    #[error(
        "a ceiling of {asked} triplets was asked for, but only {available} lie outside the full set \
         (and at most {MAX_CEILING} are held in memory): ask for fewer"
    )]
    Ceiling {
        /// The triplets asked for.
        asked: u32,
        /// The triplets outside the full set.
        available: u64,
    },
    /// A triplet would be shown more often than replicates can be counted.
    #[error(
        "{what} shows a triplet {showings} times; at most {max} showings can be told apart: ask for fewer"
    )]
    Showings {
        /// The arm that asks for them.
        what: &'static str,
        /// The showings asked for.
        showings: u64,
        /// The most possible.
        max: u64,
    },
    /// More trials than can be numbered.
    #[error(
        "the design has {trials} trials; at most {MAX_TRIALS} (2^60) can be numbered: ask for fewer"
    )]
    TooLong {
        /// The trials asked for.
        trials: u128,
    },
}

/// The most ceiling triplets; they are kept in memory.
pub const MAX_CEILING: u32 = 4_000_000;

/// The most trials of a design.
pub const MAX_TRIALS: u64 = 1 << 60;

/// The most showings of a triplet in the ceiling or full-set arms; together with
/// [`MAX_PASSES`] they keep replicates below 2^16.
const MAX_REPEATS: u64 = 10_000;

/// The most passes of the main arm over all triplets.
const MAX_PASSES: u64 = 100_000;

impl DesignParams {
    /// The default design of `n_stimuli` stimuli, without any trial yet.
    #[must_use]
    pub const fn new(n_stimuli: usize, seed: u64) -> Self {
        Self {
            n_stimuli,
            seed,
            trials: 0,
            balance: Balance::Pairs,
            validation: five_percent(),
            test: five_percent(),
            ceiling: None,
            full_set: None,
        }
    }

    /// The design, if it is possible. O(n + K).
    ///
    /// # Errors
    /// [`DesignError`] names the parameter and what was expected.
    pub fn check(self) -> Result<Design, DesignError> {
        let n = self.n_stimuli;
        if !(3..=MAX_STIMULI).contains(&n) {
            return Err(DesignError::Stimuli { n });
        }
        let (validation, test) = (self.validation, self.test);
        if !(validation >= 0.0 && test >= 0.0 && validation + test < 1.0) {
            return Err(DesignError::Shares { validation, test });
        }
        let total = triplet_count(n as u64);
        let mut trials = u128::from(self.trials);
        let mut inside = 0;
        let mut showings = vec![("the main arm", self.trials.div_ceil(total), MAX_PASSES)];
        if let Some(full_set) = &self.full_set {
            let mut ids = full_set.stimuli.clone();
            ids.sort_unstable();
            if let Some(&id) = ids.last().filter(|&&id| id as usize >= n) {
                return Err(DesignError::UnknownStimulus { id, n });
            }
            if let Some(pair) = ids.windows(2).find(|pair| pair[0] == pair[1]) {
                return Err(DesignError::RepeatedStimulus { id: pair[0] });
            }
            let passes = full_set.passes;
            if ids.len() < 3 || passes == 0 {
                return Err(DesignError::EmptyFullSet {
                    stimuli: ids.len(),
                    passes,
                });
            }
            inside = triplet_count(ids.len() as u64);
            trials += u128::from(inside) * u128::from(passes);
            showings.push(("the full set", passes.into(), MAX_REPEATS));
        }
        if let Some(CeilingParams {
            triplets,
            same_order,
            all_orders,
        }) = self.ceiling
        {
            if triplets == 0 || same_order.max(all_orders) < 2 {
                return Err(DesignError::EmptyCeiling {
                    triplets,
                    same_order,
                    all_orders,
                });
            }
            let available = total - inside;
            if u64::from(triplets) > available || triplets > MAX_CEILING {
                return Err(DesignError::Ceiling {
                    asked: triplets,
                    available,
                });
            }
            let repeats = u64::from(same_order) + u64::from(all_orders);
            trials += u128::from(triplets) * u128::from(repeats);
            showings.push(("the ceiling", repeats, MAX_REPEATS));
        }
        for (what, showings, max) in showings {
            if showings > max {
                return Err(DesignError::Showings {
                    what,
                    showings,
                    max,
                });
            }
        }
        if trials > u128::from(MAX_TRIALS) {
            return Err(DesignError::TooLong { trials });
        }
        Ok(Design::new(self))
    }
}
