//! Turning similarities into choices: an agent asked for millions of trials at once.

use crate::collect::{CollectError, Collected, TrialSink, collect};
use crate::judge::{Judge, Judgment};
use emotome_stimuli::run::Run;
use emotome_triplets::{Choice, Trial};
use std::convert::Infallible;

/// The choices of an agent, in design order, with a count of what became of the other trials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tripletized {
    /// The clear choices.
    pub choices: Vec<Choice>,
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
    let numbers = numbers.into_iter();
    let mut sink = ChoicesOnly(Vec::new());
    let counts = collect(judge, trial_at, numbers, &mut sink, run)?;
    Ok(Tripletized {
        choices: sink.0,
        counts,
    })
}

struct ChoicesOnly(Vec<Choice>);

impl TrialSink for ChoicesOnly {
    type Error = Infallible;

    fn is_settled(&self, _number: u64) -> bool {
        false
    }

    fn append(&mut self, batch: &[(Trial, Judgment)]) -> Result<(), Infallible> {
        self.0.extend(batch.iter().filter_map(|(trial, judgment)| {
            let odd = judgment.outcome.chosen()?;
            Some(Choice {
                triplet: trial.triplet,
                odd,
            })
        }));
        Ok(())
    }
}
