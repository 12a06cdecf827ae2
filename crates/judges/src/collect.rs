//! The collection engine for agents that answer at once: judges a design in parallel, in batches.

use crate::judge::{Judge, Judgment};
use emotome_stimuli::run::Run;
use emotome_triplets::{Outcome, Trial};
use rayon::prelude::*;
use serde::Serialize;

/// Where judged trials go: a journal, a file, memory.
pub trait TrialSink {
    /// Why a batch could not be stored.
    type Error: std::error::Error + Send + 'static;

    /// Whether a trial is stored and need not be judged again.
    fn is_settled(&self, number: u64) -> bool;

    /// Stores a batch, in ascending order of trial number, as a whole or not at all. A trial that
    /// is already stored stays as it is.
    ///
    /// # Errors
    /// Whatever keeps the batch from being stored.
    fn append(&mut self, batch: &[(Trial, Judgment)]) -> Result<(), Self::Error>;
}

/// What a collection did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Collected {
    /// Trials that were stored already.
    pub skipped: u64,
    /// Trials judged and stored now.
    pub judged: u64,
    /// Of these, clear choices.
    pub chosen: u64,
    /// Of these, choices among two or three equally likely answers, where the agent tells.
    pub tied: u64,
    /// Judged trials without an answer in the asked form.
    pub invalid: u64,
    /// Judged trials with several answers.
    pub ambiguous: u64,
    /// Judged trials that the agent declined.
    pub refused: u64,
    /// Judged trials that failed or timed out.
    pub failed: u64,
    /// Whether a stop was asked for before the end; the same call resumes.
    pub interrupted: bool,
}

impl Collected {
    fn count(&mut self, judgment: &Judgment) {
        self.judged += 1;
        match judgment.outcome {
            Outcome::Chosen(_) => {
                self.chosen += 1;
                self.tied += u64::from(judgment.is_tied());
            }
            Outcome::Invalid => self.invalid += 1,
            Outcome::Ambiguous => self.ambiguous += 1,
            Outcome::Refused => self.refused += 1,
            Outcome::TimedOut | Outcome::Failed => self.failed += 1,
        }
    }
}

/// Why a collection ended early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CollectError<E: std::error::Error + Send + 'static> {
    /// The design shows a stimulus that the agent does not know.
    #[error(
        "trial {number} shows stimulus {id}, but the agent knows {n} stimuli (ids from 0); use a design \
         for these stimuli"
    )]
    UnknownStimulus {
        /// The trial.
        number: u64,
        /// The stimulus.
        id: u32,
        /// The number of stimuli that the agent knows.
        n: usize,
    },
    /// A trial number is past the end of the design.
    #[error(
        "trial {number} was asked for, but the design ends before it; ask for fewer trials or extend the design"
    )]
    PastTheEnd {
        /// The trial number.
        number: u64,
    },
    /// The batch could not be stored; everything before it is.
    #[error(
        "the trials from {first} on could not be stored: {source}; those before are safe, and the same command resumes"
    )]
    Sink {
        /// First trial of the batch that failed.
        first: u64,
        /// Why.
        source: E,
    },
}

/// Trials judged between two visits to the sink: about 4 MiB of judgments.
const BATCH: usize = 1 << 16;

/// Trials that one thread judges at a time.
const CHUNK: usize = 1 << 9;

/// Judges the trials of a design with the given numbers, in order, and stores them.
///
/// `trial_at` gives trial t of the design, `None` past its end; `numbers` must ascend, e.g.
/// `0..design.len()` or one of its shards. Judging runs on rayon's current pool; since answers
/// depend on nothing but the trial, the stored trials are the same at any thread count. An
/// interrupt is heeded between batches of 65,536 trials. The same call again judges what is missing.
///
/// # Errors
/// [`CollectError`]; what was stored before stays valid.
pub fn collect<J: Judge + ?Sized, S: TrialSink>(
    judge: &J,
    trial_at: impl Fn(u64) -> Option<Trial> + Sync,
    numbers: impl IntoIterator<Item = u64>,
    sink: &mut S,
    run: Run<'_>,
) -> Result<Collected, CollectError<S::Error>> {
    let n = judge.n_stimuli();
    let design = |&number: &u64| {
        let trial = trial_at(number).ok_or(CollectError::PastTheEnd { number })?;
        match trial.triplet.items().into_iter().find(|id| id.index() >= n) {
            Some(id) => Err(CollectError::UnknownStimulus {
                number,
                id: id.0,
                n,
            }),
            None => Ok(trial),
        }
    };
    // All trials of a chunk first, then all answers: the look-ups of many answers overlap.
    let ask = |chunk: &[u64]| {
        let trials = chunk.iter().map(design).collect::<Result<Vec<_>, _>>()?;
        Ok(trials
            .into_iter()
            .map(|trial| (trial, judge.judge(&trial)))
            .collect::<Vec<_>>())
    };
    let mut numbers = numbers.into_iter();
    let total = numbers.size_hint().1.map(|total| total as u64);
    let mut collected = Collected::default();
    let mut asked = Vec::with_capacity(BATCH);
    run.progress.begin("judging trials", total);
    let result = loop {
        asked.clear();
        let skipped = collected.skipped;
        while asked.len() < BATCH {
            match numbers.next() {
                Some(number) if sink.is_settled(number) => collected.skipped += 1,
                Some(number) => asked.push(number),
                None => break,
            }
        }
        run.progress.advance(collected.skipped - skipped);
        if asked.is_empty() {
            break Ok(collected);
        }
        if run.interrupt.requested() {
            break Ok(Collected {
                interrupted: true,
                ..collected
            });
        }
        let answers: Result<Vec<_>, _> = asked.par_chunks(CHUNK).map(ask).collect();
        let batch = answers.map(|chunks| chunks.concat());
        let stored = batch.and_then(|batch| {
            sink.append(&batch).map_err(|source| CollectError::Sink {
                first: asked[0],
                source,
            })?;
            Ok(batch)
        });
        match stored {
            Ok(batch) => batch
                .iter()
                .for_each(|(_, judgment)| collected.count(judgment)),
            Err(error) => break Err(error),
        }
        run.progress.advance(asked.len() as u64);
    };
    run.progress.end();
    result
}

/// Keeps judged trials in memory, in order.
impl TrialSink for Vec<(Trial, Judgment)> {
    type Error = std::convert::Infallible;

    fn is_settled(&self, number: u64) -> bool {
        self.binary_search_by_key(&number, |(trial, _)| trial.number)
            .is_ok()
    }

    fn append(&mut self, batch: &[(Trial, Judgment)]) -> Result<(), Self::Error> {
        self.extend_from_slice(batch);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulated::{PlantParams, ResponseParams, SimulatedJudge};
    use emotome_stats::random::{CounterRng, Seed};
    use emotome_stimuli::StimulusId;
    use emotome_stimuli::run::{Interrupt, Progress, Silent};
    use emotome_triplets::{Split, Triplet};

    fn judge(n: usize) -> SimulatedJudge {
        let weights = PlantParams::new(n, 4).plant(Seed(1)).unwrap();
        SimulatedJudge::new(weights.view(), ResponseParams::default(), Seed(2)).unwrap()
    }

    fn trial_at(number: u64) -> Option<Trial> {
        let mut rng = CounterRng::new(Seed(9), number);
        let mut items: [u32; 30] = std::array::from_fn(|i| i as u32);
        rng.shuffle(&mut items);
        let triplet = Triplet::new([items[0], items[1], items[2]].map(StimulusId)).ok()?;
        (number < 200_000).then_some(Trial {
            number,
            triplet,
            replicate: 0,
            split: Split::Train,
        })
    }

    fn quiet(interrupt: &Interrupt) -> Run<'_> {
        Run {
            progress: &Silent,
            interrupt,
        }
    }

    /// Asks for a stop once `after` trials are done.
    struct StopAfter(u64, Interrupt, std::sync::atomic::AtomicU64);

    impl Progress for StopAfter {
        fn begin(&self, _stage: &str, _total: Option<u64>) {}
        fn advance(&self, units: u64) {
            if self
                .2
                .fetch_add(units, std::sync::atomic::Ordering::Relaxed)
                + units
                >= self.0
            {
                self.1.request();
            }
        }
        fn note(&self, _message: &str) {}
        fn end(&self) {}
    }

    #[test]
    fn an_interrupted_collection_resumes_to_the_same_trials() {
        let judge = judge(30);
        let never = Interrupt::default();
        let silent = quiet(&never);
        let mut whole = Vec::new();
        let all = collect(&judge, trial_at, 0..150_000, &mut whole, silent).unwrap();
        assert_eq!(
            (all.judged, all.chosen, all.interrupted),
            (150_000, 150_000, false)
        );

        let stop = Interrupt::default();
        let stopper = StopAfter(1, stop.clone(), Default::default());
        let run = Run {
            progress: &stopper,
            interrupt: &stop,
        };
        let mut parts = Vec::new();
        let first = collect(&judge, trial_at, 0..150_000, &mut parts, run).unwrap();
        assert!(first.interrupted && first.judged < 150_000);
        let rest = collect(&judge, trial_at, 0..150_000, &mut parts, silent).unwrap();
        assert_eq!(rest.skipped, first.judged);
        assert!(parts == whole, "the resumed trials differ");
    }

    #[test]
    fn the_number_of_threads_changes_nothing() {
        let judge = judge(30);
        let interrupt = Interrupt::default();
        let run = quiet(&interrupt);
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            let mut trials = Vec::new();
            pool.install(|| collect(&judge, trial_at, (0..60_000).step_by(3), &mut trials, run))
                .unwrap();
            trials
        };
        assert!(with(1) == with(3));
    }

    #[test]
    fn a_design_for_other_stimuli_and_numbers_past_its_end_are_refused() {
        let interrupt = Interrupt::default();
        let run = quiet(&interrupt);
        let error = collect(&judge(10), trial_at, 0..100, &mut Vec::new(), run).unwrap_err();
        assert!(
            matches!(error, CollectError::UnknownStimulus { n: 10, .. }),
            "{error}"
        );
        let error =
            collect(&judge(30), trial_at, 199_999..200_002, &mut Vec::new(), run).unwrap_err();
        assert!(
            matches!(error, CollectError::PastTheEnd { number: 200_000 }),
            "{error}"
        );
    }

    #[test]
    fn a_failing_store_ends_the_collection_with_the_batch_it_missed() {
        #[derive(Debug, thiserror::Error)]
        #[error("disk full")]
        struct Full;
        struct Small(u64);
        impl TrialSink for Small {
            type Error = Full;
            fn is_settled(&self, number: u64) -> bool {
                number < self.0
            }
            fn append(&mut self, batch: &[(Trial, Judgment)]) -> Result<(), Full> {
                if self.0 > 0 {
                    return Err(Full);
                }
                self.0 += batch.len() as u64;
                Ok(())
            }
        }
        let interrupt = Interrupt::default();
        let run = quiet(&interrupt);
        let error = collect(&judge(30), trial_at, 0..150_000, &mut Small(0), run).unwrap_err();
        assert!(
            matches!(
                error,
                CollectError::Sink {
                    first: 65_536,
                    source: Full
                }
            ),
            "{error}"
        );
    }
}
