//! How files are read and written.

use super::{PresentedOrder, TableColumns};
use crate::convention::Convention;
use emotome_stimuli::StimulusSet;
use emotome_stimuli::output::Overwrite;

/// Which stimuli the ids or keys of a file may name.
#[derive(Debug, Clone, Copy)]
pub enum Stimuli<'a> {
    /// This many, known by number alone.
    Count(usize),
    /// The stimuli of a study.
    Set(&'a StimulusSet),
    /// As many as the highest id calls for, or the sorted distinct keys; reported as inferred.
    ///
    /// Too few, if the stimuli with the highest ids happen to be absent from the file.
    Infer,
}

/// The most stimuli that are inferred from a file: a higher id is no row number.
pub(super) const MAX_INFERRED: usize = 1 << 24;

/// How to read a file.
#[derive(Debug, Clone)]
pub struct ReadOptions<'a> {
    /// Which stimuli there are.
    pub stimuli: Stimuli<'a>,
    /// Where the odd one and the first id are; `None` for what the format says.
    pub convention: Option<Convention>,
    /// Whether rows that cannot be read are left out and listed, rather than refused.
    pub leave_out_bad_rows: bool,
    /// Whether the order in the file is the presented one; `None` for what the format and the rows say.
    pub presented_order: Option<PresentedOrder>,
    /// The columns of a table.
    pub columns: TableColumns,
}

impl<'a> ReadOptions<'a> {
    /// The format's own convention, bad rows refused.
    #[must_use]
    pub fn new(stimuli: Stimuli<'a>) -> Self {
        Self {
            stimuli,
            convention: None,
            leave_out_bad_rows: false,
            presented_order: None,
            columns: TableColumns::default(),
        }
    }
}

/// How to write a file.
#[derive(Debug, Clone)]
pub struct WriteOptions<'a> {
    /// Where the odd one and the first id go; `None` for what the format says.
    pub convention: Option<Convention>,
    /// The stimuli, for formats that write keys.
    pub stimuli: Option<&'a StimulusSet>,
    /// The columns of a table.
    pub columns: TableColumns,
    /// What to do if the file exists.
    pub overwrite: Overwrite,
}

impl Default for WriteOptions<'_> {
    fn default() -> Self {
        Self {
            convention: None,
            stimuli: None,
            columns: TableColumns::default(),
            overwrite: Overwrite::Refuse,
        }
    }
}
