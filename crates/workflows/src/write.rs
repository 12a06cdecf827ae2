//! Choices into a file, with what the file cannot hold beside it.

use crate::WorkflowError;
use crate::choices::is_numbered;
use emotome_judges::tripletize::pair_probabilities;
use emotome_stimuli::array::write_npy;
use emotome_stimuli::output::{OutputError, Overwrite};
use emotome_stimuli::provenance::{Provenance, sidecar};
use emotome_stimuli::{StimulusSet, keys};
use emotome_triplets::formats::{
    ChoiceTable, Extras, Format, ItemTokens, PresentedOrder, TableColumns, WriteOptions,
};
use ndarray::Array2;
use std::path::{Path, PathBuf};

/// Where choices go, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output<'a> {
    /// The file.
    pub(crate) out: &'a Path,
    /// Its format.
    pub(crate) to: Format,
    /// The stimuli, where they have keys.
    pub(crate) stimuli: Option<&'a StimulusSet>,
    /// Whether a table names stimuli by key.
    pub(crate) by_key: bool,
    /// Whether files may be replaced.
    pub(crate) overwrite: Overwrite,
}

/// The files beside one of choices.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    /// The keys that its numbers stand for.
    pub(crate) stimuli: Option<PathBuf>,
    /// The probabilities that the stimulus of each column is odd.
    pub(crate) probabilities: Option<PathBuf>,
}

/// Where choice probabilities stand: `choices.probabilities.npy` beside `choices.npy`.
#[must_use]
pub fn probabilities_file(choices: &Path) -> PathBuf {
    choices.with_extension("probabilities.npy")
}

/// What a format cannot hold of these choices.
#[must_use]
pub fn losses(table: &ChoiceTable, to: Format) -> Vec<&'static str> {
    let order = table.presented_order == PresentedOrder::Known && !to.keeps_order();
    let extras = table.extras != Extras::default() && !to.keeps_extras();
    let order = order.then_some("the presented order");
    order
        .into_iter()
        .chain(extras.then_some("trial numbers, agents, raters, times, replicates and splits"))
        .collect()
}

/// Refuses before any work what would be refused after it.
pub(crate) fn refuse_existing(
    overwrite: Overwrite,
    files: impl IntoIterator<Item = PathBuf>,
) -> Result<(), OutputError> {
    match files.into_iter().find(|path| path.exists()) {
        Some(path) if overwrite == Overwrite::Refuse => Err(OutputError::Exists { path }),
        _ => Ok(()),
    }
}

/// Refuses to write choices over a file that is there, its provenance or, if they are asked for, its
/// probabilities.
pub(crate) fn refuse_existing_choices(
    out: &Path,
    probabilities: bool,
    overwrite: Overwrite,
) -> Result<(), OutputError> {
    let probabilities = probabilities.then(|| probabilities_file(out));
    let files = [out.to_owned(), sidecar(out)].into_iter();
    refuse_existing(overwrite, files.chain(probabilities))
}

impl Output<'_> {
    /// Writes choices; keys go beside a file that holds numbers alone, probabilities always.
    ///
    /// # Errors
    /// Before the choices are written, an older list of other keys that may not be replaced.
    pub(crate) fn write(
        &self,
        table: &ChoiceTable,
        probabilities: Option<&[[f32; 3]]>,
    ) -> Result<Beside, WorkflowError> {
        let mut beside = Beside::default();
        let by_key = self.by_key && self.to == Format::Table;
        let in_file = by_key || self.to == Format::Parquet;
        if let Some(set) = self.stimuli.filter(|set| !in_file && !is_numbered(set)) {
            let path = keys::beside(self.out);
            // The same choices in two formats share one list.
            if keys::read(&path).ok().as_ref() != Some(set) {
                keys::write(&path, self.overwrite, set)?;
            }
            beside.stimuli = Some(path);
        }
        let tokens = if by_key {
            ItemTokens::Keys
        } else {
            ItemTokens::Ids
        };
        let options = WriteOptions {
            stimuli: self.stimuli,
            columns: TableColumns {
                tokens,
                ..TableColumns::default()
            },
            overwrite: self.overwrite,
            ..WriteOptions::default()
        };
        self.to.write(self.out, table, &options)?;
        if let Some(probabilities) = probabilities {
            let path = probabilities_file(self.out);
            let rows = table.choices.choices().iter().zip(probabilities);
            let columns = rows.map(|(&choice, &odd)| {
                if self.to.keeps_order() {
                    odd
                } else {
                    // Without it the odd one stands last, and each pair leaves out one column.
                    let [third, second, first] = pair_probabilities(choice, odd);
                    [first, second, third]
                }
            });
            let rows: Array2<f32> = columns.collect::<Vec<_>>().into();
            write_npy(&path, self.overwrite, rows.view())?;
            beside.probabilities = Some(path);
        }
        Ok(beside)
    }

    /// Writes the provenance of the choices.
    pub(crate) fn provenance(&self, provenance: &Provenance) -> Result<(), OutputError> {
        provenance.write(sidecar(self.out), self.overwrite)
    }
}
