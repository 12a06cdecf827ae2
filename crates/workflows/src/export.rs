//! Choices from one format into another, and from a journal into a file.

use crate::WorkflowError;
use crate::choices::{self, ChoiceFile, format_of};
use emotome_stimuli::StimulusSet;
use emotome_stimuli::output::{OutputError, Overwrite};
use emotome_stimuli::provenance::Provenance;
use emotome_stimuli::run::Run;
use emotome_triplets::formats::{
    ChoiceTable, Extras, Format, FormatError, ItemTokens, Labels, PresentedOrder, TableColumns,
    WriteOptions,
};
use emotome_triplets::journal::{AgentId, Journal};
use emotome_triplets::{ChoiceSet, Split};
use serde::Serialize;
use std::path::{Path, PathBuf};

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

pub(crate) fn write_choices(
    out: &Path,
    to: Format,
    table: &ChoiceTable,
    stimuli: Option<&StimulusSet>,
    by_key: bool,
    overwrite: Overwrite,
) -> Result<(), WorkflowError> {
    let tokens = if by_key {
        ItemTokens::Keys
    } else {
        ItemTokens::Ids
    };
    let columns = TableColumns {
        tokens,
        ..TableColumns::default()
    };
    to.write(
        out,
        table,
        &WriteOptions {
            stimuli,
            columns,
            overwrite,
            ..WriteOptions::default()
        },
    )?;
    Ok(())
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

/// Writes choices of a file or of a journal into another format, with provenance.
///
/// # Errors
/// [`WorkflowError`] of reading and writing, [`WorkflowError::WhichAgent`] where a journal leaves
/// open whose choices are meant.
pub fn export(request: &ExportRequest, run: Run<'_>) -> Result<ExportSummary, WorkflowError> {
    let to = request.to.map_or_else(|| format_of(&request.out), Ok)?;
    refuse_existing(
        request.overwrite,
        [request.out.clone(), request.out.with_extension("json")],
    )?;
    let (input, table, stimuli, inferred, agent) = match &request.from {
        ExportFrom::File(file) => {
            let imported = choices::read(file, None, run)?;
            (
                &file.path,
                imported.table,
                imported.stimuli,
                imported.n_inferred,
                None,
            )
        }
        ExportFrom::Journal {
            path,
            agent,
            splits,
        } => {
            let journal = Journal::open(path)?;
            let (id, name) = one_agent(&journal, agent.as_deref())?;
            let table = table_of(&journal, id, &name, splits, run)?;
            (path, table, Some(journal.stimuli()?), false, Some(name))
        }
    };
    if table.choices.is_empty() {
        return Err(FormatError::Empty {
            path: input.clone(),
        }
        .into());
    }
    write_choices(
        &request.out,
        to,
        &table,
        stimuli.as_ref(),
        request.keys,
        request.overwrite,
    )?;
    let summary = ExportSummary {
        n: table.choices.len(),
        n_items: table.choices.n_stimuli(),
        n_items_inferred: inferred,
        format: to.name(),
        agent,
        lost: losses(&table, to),
        out: request.out.clone(),
    };
    let mut provenance = Provenance::new(request.command.clone(), None, serde_json::json!(summary));
    provenance.add_input(input)?;
    provenance.write_beside(&request.out, request.overwrite)?;
    Ok(summary)
}

/// The agent of a name, or the only one there is.
pub(crate) fn one_agent(
    journal: &Journal,
    name: Option<&str>,
) -> Result<(AgentId, String), WorkflowError> {
    if let Some(name) = name {
        return Ok((journal.agent(name)?, name.to_owned()));
    }
    match &journal.agents()?[..] {
        [(id, agent)] => Ok((*id, agent.name.clone())),
        agents => Err(WorkflowError::WhichAgent {
            path: journal.path().into(),
            known: agents.iter().map(|(_, agent)| agent.name.clone()).collect(),
        }),
    }
}

fn table_of(
    journal: &Journal,
    agent: AgentId,
    name: &str,
    splits: &[Split],
    run: Run<'_>,
) -> Result<ChoiceTable, WorkflowError> {
    let (mut choices, mut numbers, mut replicates, mut kept) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut read = 0_u64;
    run.progress.begin(
        "reading the journal",
        Some(journal.standing(agent)?.choices()),
    );
    journal.for_each_choice(agent, |stored| {
        read += 1;
        if read.is_multiple_of(65_536) {
            run.progress.advance(65_536);
            if run.interrupt.requested() {
                return Err(WorkflowError::Stopped);
            }
        }
        let split = stored.trial.split;
        if splits.is_empty() || splits.contains(&split) {
            choices.extend(stored.choice());
            numbers.push(stored.trial.number);
            replicates.push(stored.trial.replicate);
            kept.push(split);
        }
        Ok(())
    })?;
    run.progress.end();
    let agents = Labels {
        names: vec![name.to_owned()],
        codes: vec![0; choices.len()],
    };
    Ok(ChoiceTable {
        choices: ChoiceSet::new(journal.design().n_stimuli(), choices)?,
        presented_order: PresentedOrder::Known,
        extras: Extras {
            number: Some(numbers),
            agent: Some(agents),
            replicate: Some(replicates),
            split: Some(kept),
            ..Extras::default()
        },
    })
}
