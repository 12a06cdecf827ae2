//! What is presented when.

use emotome_stats::random::{CounterRng, Seed};
use emotome_stimuli::StimulusSet;
use emotome_stimuli::reconciliation::presentations;
use emotome_stimuli::stimulus::KeyError;

use crate::import::Event;

/// What the subjects of a simulated study see.
#[derive(Debug, Clone, PartialEq)]
pub enum Presented {
    /// The 2,196 presentations of the 2020 study: 61 runs of 36 in 5 sessions, eleven clips shown twice and
    /// four pairs of files that show the same. Labels are numbers; models name files, `0001.mp4`.
    Emotion2020,
    /// Each stimulus so many times.
    Each {
        /// The stimuli.
        stimuli: StimulusSet,
        /// Presentations of each.
        times: usize,
        /// Samples of a run; the last may be shorter.
        per_run: usize,
        /// Sessions, to which runs are dealt in order.
        sessions: usize,
    },
}

/// The presentations of one subject.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Design {
    pub(super) events: Vec<Event>,
    /// What each event shows: place among the stimuli.
    pub(super) shown: Vec<usize>,
    /// First and last + 1 sample of each run.
    pub(super) runs: Vec<std::ops::Range<usize>>,
}

impl Presented {
    /// Keys under which models name what is shown.
    pub(super) fn stimuli(&self) -> Result<StimulusSet, KeyError> {
        match self {
            Self::Emotion2020 => {
                let mut files: Vec<&str> = presentations().map(|p| p.file).collect();
                files.sort_unstable();
                files.dedup();
                StimulusSet::from_labels(files)
            }
            Self::Each { stimuli, .. } => Ok(stimuli.clone()),
        }
    }

    /// A random order for one subject.
    pub(super) fn design(&self, stimuli: &StimulusSet, seed: Seed) -> Design {
        let place = |file: &str| stimuli.get(file).map_or(0, |id| id.index());
        let (mut shows, per_run, sessions): (Vec<(usize, String)>, usize, usize) = match self {
            Self::Emotion2020 => (
                presentations()
                    .map(|p| (place(p.file), p.label.to_string()))
                    .collect(),
                36,
                5,
            ),
            Self::Each {
                stimuli,
                times,
                per_run,
                sessions,
            } => {
                let keys = stimuli.keys().iter().enumerate();
                let once = keys.map(|(at, key)| (at, key.as_str().to_owned()));
                let all = (0..*times).flat_map(|_| once.clone()).collect();
                (all, *per_run, *sessions)
            }
        };
        CounterRng::new(seed.derive("order of presentation"), 0).shuffle(&mut shows);
        let runs = shows.len().div_ceil(per_run);
        let mut design = Design {
            events: Vec::with_capacity(shows.len()),
            shown: Vec::with_capacity(shows.len()),
            runs: (0..runs)
                .map(|run| run * per_run..shows.len().min((run + 1) * per_run))
                .collect(),
        };
        for (at, (shown, label)) in shows.into_iter().enumerate() {
            let run = at / per_run;
            design.shown.push(shown);
            design.events.push(Event {
                label: Some(label),
                session: (run * sessions / runs) as u32 + 1,
                run: run as u32 + 1,
                order: (at % per_run) as u32 + 1,
            });
        }
        design
    }
}
