//! Everything that one pass over judged trials tells, in memory that does not grow with their number.

use super::clusters::Clusters;
use super::drift::Grouping;
use super::finding::Finding;
use super::{DiagnoseError, DiagnoseParams, Judged, Missing, declined, position, repeats, serial};
use super::{position::equal_shares, structure};
use emotome_stats::interval::{Interval, wilson};
use serde::Serialize;

/// What a trial is among the showings of its unordered triplet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Showing {
    /// The only one.
    Only,
    /// The one that counts where trials must be independent. Which one must not depend on answers.
    Counted,
    /// Another one, of use for repeats alone.
    Again,
}

/// Judged trials, counted as they come.
///
/// Held at most, whatever the number of trials: 50 MiB of choices for what pairs of stimuli have in
/// common (2 × 2²⁰), 32 MiB of repeated showings (2²¹), 3 MiB of trials to be put in order of
/// time (2¹⁶), 300 bytes a stimulus, and the last trial of every shard.
#[derive(Debug)]
pub struct Survey {
    params: DiagnoseParams,
    n_stimuli: usize,
    position: position::Tally,
    repeats: repeats::Tally,
    structure: structure::Tally,
    serial: serial::Tally,
    in_time: serial::InTime,
    /// In order of time: by place, and with and without a choice.
    places_in_time: Clusters<3>,
    missing_in_time: Clusters<2>,
    missing: Missing,
    /// Trials of the current window of numbers with their times.
    window: Vec<(u64, Judged, bool)>,
    timed: bool,
}

/// Trial numbers whose answers are put in order of time together: engines ask in windows, too.
const WINDOW: u64 = 1 << 16;

/// How often the odd one stood at each place, over distinct triplets. Field names are stable.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Places {
    /// Choices on distinct triplets.
    pub n: u64,
    /// Of these, of the stimulus shown first, second and third.
    pub counts: [u64; 3],
    /// The same as shares.
    pub shares: [f64; 3],
    /// Wilson's 95 % intervals of the shares.
    pub ci95: [Interval; 3],
    /// Pearson's χ² against equal shares, with two degrees of freedom.
    pub chi2: f64,
    /// Its p-value.
    pub p: f64,
}

impl Places {
    /// Shares of counts; `None` without any.
    #[must_use]
    pub fn of(counts: [u64; 3]) -> Option<Self> {
        let n: u64 = counts.iter().sum();
        let (chi2, p) = equal_shares(&counts.map(|count| count as f64));
        (n > 0).then(|| Self {
            n,
            counts,
            shares: counts.map(|count| count as f64 / n as f64),
            ci95: counts.map(|count| wilson(count as f64, n as f64, 0.95)),
            chi2,
            p,
        })
    }
}

impl Survey {
    /// An empty survey of trials about `n_stimuli` stimuli.
    ///
    /// # Errors
    /// [`DiagnoseError::Parameter`].
    pub fn new(n_stimuli: usize, params: &DiagnoseParams) -> Result<Self, DiagnoseError> {
        params.check()?;
        Ok(Self {
            params: *params,
            n_stimuli,
            position: position::Tally::default(),
            repeats: repeats::Tally::new(params),
            structure: structure::Tally::new(params),
            serial: serial::Tally::default(),
            in_time: serial::InTime::new(n_stimuli),
            places_in_time: Clusters::new(n_stimuli),
            missing_in_time: Clusters::new(n_stimuli),
            missing: declined::Missing::new(n_stimuli),
            window: Vec::new(),
            timed: false,
        })
    }

    /// Counts a trial; trials come in ascending order of their numbers, each once. `at` is when it was
    /// answered, in any unit.
    ///
    /// # Errors
    /// [`DiagnoseError::UnknownStimulus`].
    pub fn push(
        &mut self,
        judged: &Judged,
        showing: Showing,
        at: Option<u64>,
    ) -> Result<(), DiagnoseError> {
        let trial = &judged.0;
        let mut ids = trial.triplet.items().into_iter();
        if let Some(id) = ids.find(|id| id.index() >= self.n_stimuli) {
            return Err(DiagnoseError::UnknownStimulus {
                number: trial.number,
                id: id.0,
                n: self.n_stimuli,
            });
        }
        let counts = showing != Showing::Again;
        if counts {
            self.position.push(judged);
            self.structure.push(judged);
        }
        if showing != Showing::Only {
            self.repeats.push(judged);
        }
        self.serial.push(judged, counts, self.params.shards);
        self.missing.push(judged, counts);
        if let Some(at) = at {
            self.timed = true;
            let of = |number: u64| number / WINDOW;
            let last = self.window.last().map(|(_, (trial, _), _)| trial.number);
            if last.is_some_and(|last| of(last) != of(trial.number)) {
                self.put_in_order();
            }
            self.window.push((at, *judged, counts));
        }
        Ok(())
    }

    fn put_in_order(&mut self) {
        self.window
            .sort_by_key(|(at, (trial, _), _)| (*at, trial.number));
        for (_, judged, counts) in self.window.drain(..) {
            self.in_time.push(&judged, counts);
            if counts {
                let (trial, outcome) = judged;
                let [first, ..] = trial.triplet.items();
                let place = outcome.chosen();
                if let Some(place) = place {
                    self.places_in_time.push(first, place.index());
                }
                self.missing_in_time
                    .push(first, usize::from(place.is_none()));
            }
        }
    }

    /// Trials counted.
    #[must_use]
    pub const fn trials(&self) -> u64 {
        self.missing.trials
    }

    /// How often the odd one stood at each place; `None` without a choice.
    #[must_use]
    pub fn places(&self) -> Option<Places> {
        Places::of(self.position.places())
    }

    /// Trials without a choice, by stimulus.
    #[must_use]
    pub const fn missing(&self) -> &Missing {
        &self.missing
    }

    /// How trials come together in order of time; times of all trials must be known.
    #[must_use]
    pub fn grouping(&mut self) -> Grouping {
        self.put_in_order();
        Grouping {
            places: self.places_in_time.design_effect(),
            missing: self.missing_in_time.design_effect(),
        }
    }

    /// Every diagnostic, in the order of the table of [`diagnose`](super), p-values not yet
    /// [adjusted](super::adjust) for their number.
    #[must_use]
    pub fn findings(mut self) -> Vec<Finding> {
        self.put_in_order();
        let params = &self.params;
        let mut findings = self.position.findings(params);
        findings.extend(self.repeats.findings(params));
        findings.extend(self.structure.findings(params, self.n_stimuli));
        findings.extend(self.serial.findings(params, self.n_stimuli));
        if self.timed {
            findings.push(self.in_time.finding(params));
        }
        findings.extend(self.missing.findings(params));
        findings
    }
}
