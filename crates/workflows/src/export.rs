//! Choices from one format into another, and from a journal into a file.

use crate::WorkflowError;
use crate::choices::{self, ChoiceFile, format_of, stored};
use crate::write::{Output, losses, refuse_existing_choices};
use emotome_stimuli::StimulusSet;
use emotome_stimuli::output::Overwrite;
use emotome_stimuli::provenance::Provenance;
use emotome_stimuli::run::Run;
use emotome_triplets::Split;
use emotome_triplets::formats::{ChoiceTable, Format, FormatError};
use emotome_triplets::journal::Journal;
use serde::Serialize;
use std::path::PathBuf;

/// Where choices come from.
#[derive(Debug, Clone)]
pub enum ExportFrom {
    /// A file of choices.
    File(ChoiceFile),
    /// A journal.
    Journal {
        /// The journal.
        path: PathBuf,
        /// The agent; may be left out where there is only one.
        agent: Option<String>,
        /// The splits to export; all, if empty.
        splits: Vec<Split>,
    },
}

/// What to export and where to.
#[derive(Debug, Clone)]
pub struct ExportRequest {
    /// Where choices come from.
    pub from: ExportFrom,
    /// The file written.
    pub out: PathBuf,
    /// Its format; by the extension if not given.
    pub to: Option<Format>,
    /// Whether a table names stimuli by key.
    pub keys: bool,
    /// Whether the choice probabilities that a journal has are written beside the choices.
    pub probabilities: bool,
    /// Whether the file may be replaced.
    pub overwrite: Overwrite,
    /// The command, for the provenance.
    pub command: Vec<String>,
}

/// What was exported. Field names are stable.
#[derive(Debug, Clone, Serialize)]
pub struct ExportSummary {
    /// Choices written.
    pub n: usize,
    /// Stimuli.
    pub n_items: usize,
    /// Whether their number was inferred from the file.
    pub n_items_inferred: bool,
    /// The format written.
    pub format: &'static str,
    /// The agent, if the choices came from a journal.
    pub agent: Option<String>,
    /// What the written format cannot hold.
    pub lost: Vec<&'static str>,
    /// The file.
    pub out: PathBuf,
    /// The keys of its stimuli, if these have keys and the file holds numbers.
    pub stimuli: Option<PathBuf>,
    /// The probabilities that the stimulus of each column is odd, a row for each choice.
    pub probabilities: Option<PathBuf>,
}

/// Writes choices of a file or of a journal into another format, with provenance.
///
/// # Errors
/// [`WorkflowError`] of reading and writing, [`WorkflowError::WhichAgent`] where a journal leaves
/// open whose choices are meant.
pub fn export(request: &ExportRequest, run: Run<'_>) -> Result<ExportSummary, WorkflowError> {
    let to = request.to.map_or_else(|| format_of(&request.out), Ok)?;
    refuse_existing_choices(&request.out, request.probabilities, request.overwrite)?;
    let source = match &request.from {
        ExportFrom::File(file) => {
            if request.probabilities {
                return Err(WorkflowError::NoProbabilities {
                    path: file.path.clone(),
                });
            }
            let imported = choices::read(file, None, run)?;
            Source {
                inputs: [Some(file.path.clone()), file.keys()?]
                    .into_iter()
                    .flatten()
                    .collect(),
                table: imported.table,
                stimuli: imported.stimuli,
                n_inferred: imported.n_inferred,
                agent: None,
                probabilities: None,
            }
        }
        ExportFrom::Journal {
            path,
            agent,
            splits,
        } => {
            let journal = Journal::open(path)?;
            let agent = stored::one_agent(&journal, agent.as_deref())?;
            let name = agent.1.clone();
            let (table, probabilities) = stored::table(&journal, &[agent], splits, run)?;
            if request.probabilities && probabilities.is_none() {
                return Err(WorkflowError::NoProbabilities { path: path.clone() });
            }
            Source {
                inputs: vec![path.clone()],
                table,
                stimuli: Some(journal.stimuli()?),
                n_inferred: false,
                agent: Some(name),
                probabilities: probabilities.filter(|_| request.probabilities),
            }
        }
    };
    if source.table.choices.is_empty() {
        return Err(FormatError::Empty {
            path: source.inputs[0].clone(),
        }
        .into());
    }
    let output = Output {
        out: &request.out,
        to,
        stimuli: source.stimuli.as_ref(),
        by_key: request.keys,
        overwrite: request.overwrite,
    };
    let beside = output.write(&source.table, source.probabilities.as_deref())?;
    let summary = ExportSummary {
        n: source.table.choices.len(),
        n_items: source.table.choices.n_stimuli(),
        n_items_inferred: source.n_inferred,
        format: to.name(),
        agent: source.agent,
        lost: losses(&source.table, to),
        out: request.out.clone(),
        stimuli: beside.stimuli,
        probabilities: beside.probabilities,
    };
    let mut provenance = Provenance::new(request.command.clone(), None, serde_json::json!(summary));
    for input in &source.inputs {
        provenance.add_input(input)?;
    }
    output.provenance(&provenance)?;
    Ok(summary)
}

/// What is exported.
struct Source {
    inputs: Vec<PathBuf>,
    table: ChoiceTable,
    stimuli: Option<StimulusSet>,
    n_inferred: bool,
    agent: Option<String>,
    probabilities: Option<stored::Probabilities>,
}
