//! Which samples of a store an analysis sees, and in which order.

use std::collections::HashMap;

use emotome_stimuli::{StimulusKey, StimulusSet};
use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::read::Store;
use super::sample::Sample;

/// What becomes of stimuli that were presented more than once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Repeats {
    /// Every presentation is a row of its own.
    Each,
    /// The first presentation stands for the stimulus.
    First,
    /// The mean of all presentations does.
    Mean,
}

/// What to see of a store.
#[derive(Debug, Clone, Copy)]
pub struct Selection<'a> {
    /// The stimuli, in the order wanted; none: all, in the order of their first presentation.
    pub stimuli: Option<&'a StimulusSet>,
    /// What becomes of repeats.
    pub repeats: Repeats,
    /// Whether samples that are left out of analyses are seen too.
    pub left_out: bool,
}

/// A row of a [`View`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The stimulus.
    pub stimulus: StimulusKey,
    /// Samples that the row is the mean of, in order of presentation.
    pub samples: Vec<usize>,
    /// Session of the first.
    pub session: u32,
    /// Run of the first.
    pub run: u32,
    /// Place of the first within its run, from 1.
    pub order: u32,
}

/// Chosen samples in a chosen order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// A row for each stimulus, or for each presentation.
    pub rows: Vec<Row>,
    /// Stimuli asked for that the store does not have.
    pub missing: Vec<StimulusKey>,
    /// Stimuli of the store that were not asked for.
    pub unused: Vec<StimulusKey>,
}

/// Responses to the rows of a view.
#[derive(Debug, Clone, PartialEq)]
pub struct Responses {
    /// Voxels × rows.
    pub values: Array2<f32>,
    /// The rows.
    pub view: View,
}

impl View {
    /// Runs of the rows, for exchangeability; that of the first presentation where rows are means.
    pub fn runs(&self) -> Vec<u32> {
        self.rows.iter().map(|row| row.run).collect()
    }

    /// Sessions of the rows, likewise.
    pub fn sessions(&self) -> Vec<u32> {
        self.rows.iter().map(|row| row.session).collect()
    }

    /// Rows that are means over presentations in different runs, whose run is therefore not unique.
    pub fn across_runs(&self, store: &Store) -> usize {
        let differ = |row: &&Row| {
            let run = |&s: &usize| store.samples()[s].run;
            row.samples.iter().any(|s| run(s) != row.run)
        };
        self.rows.iter().filter(differ).count()
    }

    /// Keys of the rows.
    pub fn keys(&self) -> impl Iterator<Item = &StimulusKey> {
        self.rows.iter().map(|row| &row.stimulus)
    }
}

impl Store {
    /// The samples that a selection names.
    pub fn view(&self, selection: Selection<'_>) -> View {
        let mut by_key: HashMap<&StimulusKey, Vec<usize>> = HashMap::new();
        let mut order: Vec<&StimulusKey> = Vec::new();
        for (at, sample) in self.samples().iter().enumerate() {
            if sample.kept() || selection.left_out {
                let samples = by_key.entry(&sample.stimulus).or_default();
                if samples.is_empty() {
                    order.push(&sample.stimulus);
                }
                samples.push(at);
            }
        }
        let mut view = View {
            rows: Vec::new(),
            missing: Vec::new(),
            unused: Vec::new(),
        };
        if let Some(stimuli) = selection.stimuli {
            let asked = |key: &&&StimulusKey| stimuli.get(key.as_str()).is_none();
            view.unused = order.iter().filter(asked).map(|&key| key.clone()).collect();
            order = stimuli.keys().iter().collect();
        }
        for key in order {
            let Some(samples) = by_key.get(key) else {
                view.missing.push(key.clone());
                continue;
            };
            let row = |samples: &[usize]| {
                let first = &self.samples()[samples[0]];
                Row {
                    stimulus: key.clone(),
                    samples: samples.to_vec(),
                    session: first.session,
                    run: first.run,
                    order: first.order,
                }
            };
            match selection.repeats {
                Repeats::Each => view.rows.extend(samples.chunks(1).map(row)),
                Repeats::First => view.rows.push(row(&samples[..1])),
                Repeats::Mean => view.rows.push(row(samples)),
            }
        }
        if selection.stimuli.is_none() && selection.repeats == Repeats::Each {
            view.rows.sort_by_key(|row| row.samples[0]);
        }
        view
    }

    /// Pairs of samples that show the same, earlier first: repeats of a stimulus, and stimuli that are
    /// [`same_as`](Sample::same_as) another. Samples left out of analyses are among them.
    ///
    /// In the 2,196 presentations of Horikawa et al. (2020) these are the 15 pairs that a test–retest
    /// correlation can be taken from.
    pub fn repeated(&self) -> Vec<(usize, usize)> {
        let shown = |s: &'_ Sample| s.same_as.clone().unwrap_or_else(|| s.stimulus.clone());
        let mut last: HashMap<StimulusKey, usize> = HashMap::new();
        let mut pairs = Vec::new();
        for (at, sample) in self.samples().iter().enumerate() {
            if let Some(before) = last.insert(shown(sample), at) {
                pairs.push((before, at));
            }
        }
        pairs
    }
}
