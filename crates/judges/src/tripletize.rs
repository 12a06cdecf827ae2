//! Turning similarities into choices: an agent asked for millions of trials at once.

use crate::collect::{CollectError, Collected, TrialSink, collect};
use crate::judge::{Judge, Judgment};
use emotome_stimuli::run::Run;
use emotome_triplets::{Choice, Position, Trial};
use std::convert::Infallible;

/// The choices of an agent, in design order, with a count of what became of the other trials.
#[derive(Debug, Clone, PartialEq)]
pub struct Tripletized {
    /// The clear choices.
    pub choices: Vec<Choice>,
    /// With which probability the stimulus at each presented place was called odd, per choice;
    /// `None` if not asked for, or if the agent does not tell.
    pub probabilities: Option<Vec<[f32; 3]>>,
    /// Counts of ties, and of trials without a choice.
    pub counts: Collected,
}

/// Asks an agent for the trials of a design with the given numbers and keeps the choices.
///
/// With a design that draws without replacement every triplet is equally likely and none comes
/// twice. (Drawing too many, sorting, and cutting off the rest, as a published sampler does, shows
/// items with high ids a third less often.) Call it on successive ranges to stream. A million
/// choices from a feature table take about 0.2 s on two cores.
///
/// # Errors
/// [`CollectError`] if the design does not fit the agent.
///
/// ```
/// use emotome_judges::tripletize::tripletize;
/// use emotome_judges::{ChoiceRule, FeatureJudge, Similarities};
/// use emotome_stats::random::Seed;
/// use emotome_stimuli::run::{Interrupt, Run, Silent};
/// use emotome_triplets::design::{Balance, DesignParams};
/// use ndarray::Array2;
///
/// let features = Array2::from_shape_fn((40, 6), |(i, f)| ((i * 7 + f * 3) % 11) as f64);
/// let similarities = Similarities::new(features.view(), Default::default())?;
/// let judge = FeatureJudge::new(similarities, ChoiceRule::default(), Seed(1))?;
/// let design = DesignParams { trials: 5_000, balance: Balance::None, ..DesignParams::new(40, 1) }.check()?;
/// let run = Run { progress: &Silent, interrupt: &Interrupt::default() };
/// let made = tripletize(&judge, |t| design.trial(t), 0..design.len(), run)?;
/// assert_eq!(made.choices.len(), 5_000);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn tripletize<J: Judge + ?Sized>(
    judge: &J,
    trial_at: impl Fn(u64) -> Option<Trial> + Sync,
    numbers: impl IntoIterator<Item = u64>,
    run: Run<'_>,
) -> Result<Tripletized, CollectError<Infallible>> {
    Kept::default().fill(judge, trial_at, numbers, run)
}

/// Does as [`tripletize`](fn@tripletize), and keeps the probabilities from which the choices were
/// drawn (12 bytes a choice), to be fitted as soft labels in place of the draws.
///
/// # Errors
/// [`CollectError`] if the design does not fit the agent.
pub fn tripletize_soft<J: Judge + ?Sized>(
    judge: &J,
    trial_at: impl Fn(u64) -> Option<Trial> + Sync,
    numbers: impl IntoIterator<Item = u64>,
    run: Run<'_>,
) -> Result<Tripletized, CollectError<Infallible>> {
    let kept = Kept {
        probabilities: Some(Vec::new()),
        ..Kept::default()
    };
    kept.fill(judge, trial_at, numbers, run)
}

/// The probabilities of the pairs of a choice, in the order in which [`Choice::odd_last`] names its
/// stimuli: (similar, similar), (first, odd), (second, odd), from those of the presented places.
///
/// ```
/// use emotome_judges::tripletize::pair_probabilities;
/// use emotome_stimuli::StimulusId;
/// use emotome_triplets::{Choice, Position, Triplet};
/// let triplet = Triplet::new([4, 7, 9].map(StimulusId))?;
/// let choice = Choice { triplet, odd: Position::First };
/// // 4 is odd, so the pairs are (7, 9), (7, 4), which leaves out 9, and (9, 4), which leaves out 7.
/// assert_eq!(pair_probabilities(choice, [0.6, 0.3, 0.1]), [0.6, 0.1, 0.3]);
/// # Ok::<(), emotome_triplets::trial::TripletError>(())
/// ```
#[must_use]
pub const fn pair_probabilities(choice: Choice, odd: [f32; 3]) -> [f32; 3] {
    let [a, b, c] = odd;
    match choice.odd {
        Position::First => [a, c, b],
        Position::Second => [b, c, a],
        Position::Third => [c, b, a],
    }
}

#[derive(Default)]
struct Kept {
    choices: Vec<Choice>,
    probabilities: Option<Vec<[f32; 3]>>,
}

impl Kept {
    fn fill<J: Judge + ?Sized>(
        mut self,
        judge: &J,
        trial_at: impl Fn(u64) -> Option<Trial> + Sync,
        numbers: impl IntoIterator<Item = u64>,
        run: Run<'_>,
    ) -> Result<Tripletized, CollectError<Infallible>> {
        let counts = collect(judge, trial_at, numbers, &mut self, run)?;
        Ok(Tripletized {
            choices: self.choices,
            probabilities: self.probabilities,
            counts,
        })
    }
}

impl TrialSink for Kept {
    type Error = Infallible;

    fn is_settled(&self, _number: u64) -> bool {
        false
    }

    fn append(&mut self, batch: &[(Trial, Judgment)]) -> Result<(), Infallible> {
        for (trial, judgment) in batch {
            let Some(odd) = judgment.outcome.chosen() else {
                continue;
            };
            self.choices.push(Choice {
                triplet: trial.triplet,
                odd,
            });
            match (&mut self.probabilities, judgment.probabilities) {
                (Some(kept), Some(p)) => kept.push(p.map(|q| q as f32)),
                (_, None) => self.probabilities = None,
                (None, _) => {}
            }
        }
        Ok(())
    }
}
