//! Named diagnostics over judged trials: which of the known ways to go wrong an agent or its
//! collector took.
//!
//! | name | catches |
//! |---|---|
//! | `presentation-order` | orders that are not balanced, so that position and similarity mix |
//! | `position-shares` | a preference for the first, second or third place |
//! | `order-dependence` | answers that stay at their place when the order changes |
//! | `order-flips` | other answers in another order than repeats in the same order explain |
//! | `retest-agreement` | repeats that agree in surely less than 45 %, or always |
//! | `similarity-structure` | answers at random |
//! | `item-marginals` | choices that one number per stimulus explains |
//! | `serial-dependence` | answers left over from the previous trial |
//! | `time-dependence` | answers like those before them in time, where times are known |
//! | `repeated-rows` | whole rows written twice in succession |
//! | `refusals`, `unclear-answers`, `failures` | trials without a choice, by kind |
//! | `drift-positions`, `drift-missing`, `drift-latency` | answers that change steadily over the collection |
//! | `unsteady-positions` | stretches of the collection with a preference for a place |
//! | `missing-by-category` | choices missing by what the stimuli are |
//! | `position-prior` | probabilities that favour a place whatever is shown there |
//! | `refusals-by-stimulus`, `unclear-by-stimulus`, `failures-by-stimulus` | choices that are missing not at random |

pub mod categories;
mod clusters;
mod declined;
pub mod drift;
mod finding;
pub mod latency;
mod position;
pub mod prior;
mod repeats;
mod serial;
mod structure;
mod survey;
pub mod trend;

pub use declined::{Missing, Without};
pub use finding::{Finding, Severity, adjust};
pub use survey::{Places, Showing, Survey};

use crate::judge::trial_stream;
use emotome_triplets::{ChoiceSet, Outcome, Split, Trial, UnorderedTriplet};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// A judged trial.
pub type Judged = (Trial, Outcome);

/// When a departure is worth a warning: significant, and large enough to matter.
///
/// With millions of trials any departure is significant, with a hundred hardly one is; so a
/// warning needs both. It must be significant among all checks of the agent together ([`adjust`]).
/// What is significant by itself, or smaller, is a note.
///
/// | parameter | default | |
/// |---|---|---|
/// | `alpha` | 0.01 | chance of a warning about a faultless agent, over all checks; level of notes; the false-discovery rate over stimuli |
/// | `small` | 0.02 | smallest departure of a share that warrants a warning |
/// | `large` | 0.10 | smallest departure that is serious |
/// | `item_share` | 0.5 | share of what is consistently said of pairs that one number per stimulus explains, for a warning |
/// | `item_share_large` | 0.8 | the same, serious |
/// | `missing` | 0.01 | share of trials without a choice that warrants a warning |
/// | `missing_large` | 0.10 | the same, serious |
/// | `shards` | 1 | collectors that worked side by side on every `shards`-th trial |
/// | `permutations` | 1,999 | random relabellings of the orders of repeated triplets; at least 20 / `alpha` − 1 |
/// | `seed` | 0 | of subsampling and permutations |
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DiagnoseParams {
    /// Chance of a warning about a faultless agent, in (0, 0.5); also the level of notes.
    pub alpha: f64,
    /// Smallest departure of a share that warrants a warning.
    pub small: f64,
    /// Smallest departure of a share that is serious.
    pub large: f64,
    /// Share of the structure explained by item marginals that warrants a warning.
    pub item_share: f64,
    /// Share of the structure explained by item marginals that is serious.
    pub item_share_large: f64,
    /// Share of trials without a choice that warrants a warning.
    pub missing: f64,
    /// Share of trials without a choice that is serious.
    pub missing_large: f64,
    /// Collectors that worked side by side: the trial before t is then t − `shards`.
    pub shards: u64,
    /// Random relabellings of the orders of repeated triplets, at least 20 / `alpha` − 1: with fewer, no
    /// p-value is small enough to stand among twenty checks.
    pub permutations: u32,
    /// Seed of subsampling and permutations.
    pub seed: u64,
}

impl Default for DiagnoseParams {
    fn default() -> Self {
        Self {
            alpha: 0.01,
            small: 0.02,
            large: 0.10,
            item_share: 0.5,
            item_share_large: 0.8,
            missing: 0.01,
            missing_large: 0.10,
            shards: 1,
            permutations: 1_999,
            seed: 0,
        }
    }
}

/// Why trials cannot be diagnosed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DiagnoseError {
    /// There are no trials.
    #[error("there are no trials to diagnose; collect some first")]
    Empty,
    /// A trial shows a stimulus past the end of the set.
    #[error(
        "trial {number} shows stimulus {id}, but ids run below {n}; give the stimuli of this study"
    )]
    UnknownStimulus {
        /// The trial.
        number: u64,
        /// The stimulus.
        id: u32,
        /// The number of stimuli.
        n: usize,
    },
    /// More trials than can be counted.
    #[error(
        "{found} trials are more than can be diagnosed at once (2^32 − 1); give a part of them"
    )]
    TooMany {
        /// The number of trials.
        found: usize,
    },
    /// An attribute does not have one value for each stimulus.
    #[error("{name:?} has {found} values for {n} stimuli; give one for each")]
    Attribute {
        /// The attribute.
        name: String,
        /// Its values.
        found: usize,
        /// The number of stimuli.
        n: usize,
    },
    /// A parameter is outside its range.
    #[error("{name} is {found}; expected {expected}")]
    Parameter {
        /// The parameter.
        name: &'static str,
        /// The value found.
        found: f64,
        /// Its range in words.
        expected: &'static str,
    },
}

impl DiagnoseParams {
    /// How bad a significant departure of a share is.
    fn severity_of_departure(&self, p: f64, departure: f64) -> Severity {
        if p.is_nan() || p > self.alpha {
            Severity::Fine
        } else if departure >= self.large {
            Severity::Serious
        } else if departure >= self.small {
            Severity::Warning
        } else {
            Severity::Note
        }
    }

    fn check(&self) -> Result<(), DiagnoseError> {
        let refuse = |name, found, expected| {
            Err(DiagnoseError::Parameter {
                name,
                found,
                expected,
            })
        };
        if !(self.alpha > 0.0 && self.alpha < 0.5) {
            return refuse("alpha", self.alpha, "a level between 0 and 0.5");
        }
        for (name, low, high) in [
            ("small", self.small, self.large),
            ("item_share", self.item_share, self.item_share_large),
            ("missing", self.missing, self.missing_large),
        ] {
            if !(low >= 0.0 && low <= high && high <= 1.0) {
                return refuse(
                    name,
                    low,
                    "a share of at least 0 that is at most its serious level, itself at most 1",
                );
            }
        }
        if self.shards == 0 {
            return refuse("shards", 0.0, "at least 1");
        }
        let permutations = f64::from(self.permutations);
        if (1.0 + permutations) * self.alpha < 20.0 - 1e-9 || self.permutations > 1_000_000 {
            return refuse(
                "permutations",
                permutations,
                "20 / alpha − 1 (for 1 %: 1,999) to 1,000,000",
            );
        }
        Ok(())
    }
}

/// Runs every diagnostic; each gives at least one finding, also when all is well or when the
/// trials cannot tell.
///
/// Tests that need independent trials use one trial per unordered triplet, drawn at random among
/// its showings, so repeats neither inflate nor mask anything. Trials may come in any order; the
/// order of collection is that of their numbers. O(N log N); about 2 s for a million trials on two
/// cores.
///
/// # Errors
/// [`DiagnoseError`] for no trials, unknown stimuli or parameters out of range.
///
/// ```
/// use emotome_judges::diagnose::{DiagnoseParams, Severity, diagnose};
/// use emotome_judges::{Judge, simulated::{ResponseParams, SimulatedJudge}};
/// use emotome_stats::random::Seed;
/// use emotome_triplets::design::DesignParams;
/// use ndarray::Array2;
///
/// let biased = ResponseParams { position_bias: [0.5, 0.0, 0.0], ..Default::default() };
/// let judge = SimulatedJudge::new(Array2::zeros((50, 1)).view(), biased, Seed(1))?;
/// let design = DesignParams { trials: 5_000, ..DesignParams::new(50, 1) }.check()?;
/// let judged: Vec<_> = design.trials().map(|t| (t, judge.judge(&t).outcome)).collect();
/// let findings = diagnose(&judged, 50, &DiagnoseParams::default())?;
/// let position = findings.iter().find(|f| f.name == "position-shares").unwrap();
/// assert_eq!(position.severity, Severity::Serious);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn diagnose(
    judged: &[Judged],
    n_stimuli: usize,
    params: &DiagnoseParams,
) -> Result<Vec<Finding>, DiagnoseError> {
    let mut survey = Survey::new(n_stimuli, params)?;
    if judged.is_empty() {
        return Err(DiagnoseError::Empty);
    }
    let Ok(count) = u32::try_from(judged.len()) else {
        return Err(DiagnoseError::TooMany {
            found: judged.len(),
        });
    };
    let row = |row: u32| &judged[row as usize].0;
    let mut in_time: Vec<u32> = (0..count).collect();
    in_time.par_sort_by_key(|&r| row(r).number);
    let mut by_triplet: Vec<(UnorderedTriplet, u32)> = (0..count)
        .into_par_iter()
        .map(|r| (row(r).triplet.unordered(), r))
        .collect();
    by_triplet.par_sort_unstable();
    let lottery = |r: u32| {
        // The number tells showings apart where a file does not count its replicates.
        let trial = row(r);
        emotome_stats::random::mix(trial_stream(trial) ^ trial.number ^ params.seed)
    };
    let mut showings = vec![Showing::Again; judged.len()];
    for group in by_triplet.chunk_by(|a, b| a.0 == b.0) {
        let lots = group.iter().map(|g| (lottery(g.1), row(g.1).number, g.1));
        if let Some((.., first)) = lots.min() {
            showings[first as usize] = match group {
                [_] => Showing::Only,
                _ => Showing::Counted,
            };
        }
    }
    drop(by_triplet);
    for &r in &in_time {
        survey.push(&judged[r as usize], showings[r as usize], None)?;
    }
    let mut findings = survey.findings();
    adjust(&mut findings, params);
    Ok(findings)
}

/// The judged trials of a file of choices: numbered by row, since the row order is all that a file
/// knows of the collection; replicates are not numbered in it and stay 0.
#[must_use]
pub fn judged_from_choices(choices: &ChoiceSet) -> Vec<Judged> {
    let trial = |(row, choice): (usize, &emotome_triplets::Choice)| {
        let trial = Trial {
            number: row as u64,
            triplet: choice.triplet,
            replicate: 0,
            split: Split::Train,
        };
        (trial, Outcome::Chosen(choice.odd))
    };
    choices.choices().iter().enumerate().map(trial).collect()
}
