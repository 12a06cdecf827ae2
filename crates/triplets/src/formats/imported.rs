//! What a file is read into.

use super::{Extras, LeftOut};
use crate::convention::Convention;
use crate::trial::ChoiceSet;
use emotome_stimuli::StimulusSet;

/// Whether the order in which the stimuli were shown is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PresentedOrder {
    /// Triplets stand as they were presented: diagnostics of position apply.
    Known,
    /// The file has moved the odd one to a fixed place; triplets here have it last, and
    /// diagnostics of position would diagnose the file.
    LostOddLast,
}

/// Choices with their extras: what formats are read into and written from.
#[derive(Debug, Clone, PartialEq)]
pub struct ChoiceTable {
    /// The choices in file order.
    pub choices: ChoiceSet,
    /// Whether their order of presentation is known.
    pub presented_order: PresentedOrder,
    /// What else is known of them.
    pub extras: Extras,
}

impl From<ChoiceSet> for ChoiceTable {
    /// Choices in presented order, without extras.
    fn from(choices: ChoiceSet) -> Self {
        Self {
            choices,
            presented_order: PresentedOrder::Known,
            extras: Extras::default(),
        }
    }
}

/// What reading a file gave, with an account of every row.
#[derive(Debug, Clone)]
pub struct Imported {
    /// The choices kept.
    pub table: ChoiceTable,
    /// The convention under which they were read.
    pub convention: Convention,
    /// The keys of the stimuli, where the file has them and no study was given.
    pub stimuli: Option<StimulusSet>,
    /// Whether the number of stimuli was inferred from the file.
    pub n_inferred: bool,
    /// The lowest and highest id of the kept rows, as the file counts.
    pub id_range: (u32, u32),
    /// The number of different stimuli in the kept rows.
    pub n_seen: usize,
    /// Rows that hold a trial: kept and left out. Anchored formats have two rows to a choice.
    pub rows: u64,
    /// Blank lines.
    pub blank_lines: u64,
    /// Comment lines (`#`).
    pub comment_lines: u64,
    /// Columns that were not read.
    pub ignored_columns: Vec<String>,
    /// The rows left out, in file order, with reasons.
    pub left_out: Vec<LeftOut>,
}
