//! Asking a model through files of requests: OpenAI's Batch interface and `vllm run-batch`.

use super::asking::{dialogue, settings, tell};
use super::prepare::{prepare, unclear};
use super::{AskError, AskRequest};
use crate::WorkflowError;
use crate::journal::Outcomes;
use emotome_judges::batch::{Batch, BatchLimits, OutputCounts, Outputs, Shard, ShardWriter, Stand};
use emotome_judges::dialogue::Answer;
use emotome_stimuli::output::Overwrite;
use emotome_stimuli::run::Run;
use emotome_triplets::Trial;
use emotome_triplets::journal::{Agent, AgentId, JournalError, JournalWriter, Record};
use serde::Serialize;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// What to read and what to write.
#[derive(Debug, Clone)]
pub struct BatchRequest {
    /// Whom to ask for what; its bounds but `max_trials` mean nothing here.
    pub ask: AskRequest,
    /// All output files so far, those of errors included.
    pub outputs: Vec<PathBuf>,
    /// The folder that request files are written to.
    pub folder: PathBuf,
}

/// What was read and written. Field names are stable.
#[derive(Debug, Clone, Serialize)]
pub struct BatchSummary {
    /// The journal.
    pub journal: PathBuf,
    /// The agent.
    pub agent: String,
    /// Trials of the design.
    pub trials: u64,
    /// What was found in the outputs.
    pub outputs: OutputCounts,
    /// Answers stored now.
    pub answered: u64,
    /// Requests written now.
    pub requests: u64,
    /// The files they are in.
    pub shards: Vec<Shard>,
    /// Their folder.
    pub folder: PathBuf,
    /// Where the agent stands now.
    pub standing: Outcomes,
}

/// Answers between two commits.
const ROWS: usize = 4_096;

/// Stores every answer that the outputs make complete, and writes files of the requests that are missing:
/// one round of a batch. The same call with the new outputs is the next round.
///
/// # Errors
/// [`WorkflowError`] as of [`super::ask`], and of files that cannot be read or written.
pub fn batch(request: &BatchRequest, run: Run<'_>) -> Result<BatchSummary, WorkflowError> {
    round(request, true, run)
}

/// A round that writes what is missing, or only reads.
pub(super) fn round(
    request: &BatchRequest,
    write: bool,
    run: Run<'_>,
) -> Result<BatchSummary, WorkflowError> {
    let judge = &request.ask.judge;
    if request.ask.bounds.max_cost.is_some() {
        return Err(unclear(
            judge,
            "is asked by files, whose cost cannot be bounded while they run",
            "leave --max-cost away and bound the requests by --max-trials",
        )
        .into());
    }
    // Prices of the usual interface say nothing about those of batches, unless the user does.
    let price = judge
        .price
        .as_ref()
        .and_then(|price| Some((price.of.check().map_err(AskError::from), price.batch?)));
    let price = match price {
        None => None,
        Some((prices, share)) => Some(prices?.scaled(share).check().map_err(AskError::from)?),
    };
    let prepared = prepare(&request.ask)?;
    let design = request.ask.design.design(prepared.study.stimuli.len())?;
    let dialogue = dialogue(judge, &prepared)?;
    let batch = Batch::new(&*dialogue);
    let outputs =
        Outputs::read(&request.outputs, batch.agent(), design.len()).map_err(AskError::from)?;
    let mut writer =
        JournalWriter::open_or_create(&request.ask.journal, &design, &prepared.study.stimuli)?;
    let description = dialogue.describe();
    let agent = writer.register(&Agent {
        name: judge.name().to_owned(),
        model: judge.model.clone(),
        revision: String::new(),
        settings: settings(&description),
    })?;
    let settled = if request.ask.again.any() {
        writer
            .reopened(agent, |outcome, _| request.ask.again.wants(outcome))?
            .0
    } else {
        writer.standing(agent)?.settled
    };
    tell(&prepared, run);
    let stem = format!("round-{:03}", rounds(&request.folder) + 1);
    let mut shards = ShardWriter::new(
        &request.folder,
        &stem,
        Overwrite::Refuse,
        BatchLimits::default(),
    );
    let mut rows: Vec<(Trial, Answer, u32)> = Vec::new();
    let (mut answered, mut requests, mut asked) = (0, 0, 0);
    let most = request.ask.bounds.max_trials.unwrap_or(u64::MAX);
    run.progress
        .begin("reading and writing batches", Some(design.len()));
    for number in request
        .ask
        .design
        .numbers(&design)
        .filter(|&number| !settled.contains(number))
    {
        if run.interrupt.requested() {
            return Err(JournalError::Interrupted.into());
        }
        let Some(trial) = design.trial(number) else {
            break;
        };
        match batch.stand(&trial, &outputs).map_err(AskError::from)? {
            Stand::Answered(mut answer, sent) => {
                let known = price.and_then(|price| price.of(answer.usage));
                answer.usage.cost = answer.usage.cost.or(known);
                rows.push((trial, answer, sent));
            }
            Stand::Missing(_) if !write || asked >= most => {}
            Stand::Missing(missing) => {
                asked += 1;
                for (id, request) in &missing {
                    shards.write(*id, request).map_err(AskError::from)?;
                    requests += 1;
                }
            }
        }
        if rows.len() == ROWS {
            answered += store(&mut writer, agent, &mut rows)?;
        }
        run.progress.advance(1);
    }
    answered += store(&mut writer, agent, &mut rows)?;
    run.progress.end();
    let manifest = if requests > 0 {
        Some(
            shards
                .finish(batch.agent(), &description)
                .map_err(AskError::from)?,
        )
    } else {
        None
    };
    Ok(BatchSummary {
        journal: request.ask.journal.clone(),
        agent: judge.name().to_owned(),
        trials: design.len(),
        outputs: outputs.counts(),
        answered,
        requests,
        shards: manifest.map(|manifest| manifest.shards).unwrap_or_default(),
        folder: request.folder.clone(),
        standing: Outcomes::from(&writer.standing(agent)?),
    })
}

fn store(
    writer: &mut JournalWriter,
    agent: AgentId,
    rows: &mut Vec<(Trial, Answer, u32)>,
) -> Result<u64, JournalError> {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    let at = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
    let records: Vec<Record<'_>> = rows
        .iter()
        .map(|(trial, answer, sent)| answer.record(*trial, at, Some(*sent)))
        .collect();
    writer.append(agent, &records)?;
    let stored = records.len() as u64;
    rows.clear();
    Ok(stored)
}

/// Rounds that were written to a folder before.
fn rounds(folder: &std::path::Path) -> usize {
    let names = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let rounds = names.filter_map(|entry| {
        entry
            .file_name()
            .to_str()?
            .strip_prefix("round-")?
            .get(..3)?
            .parse()
            .ok()
    });
    rounds.max().unwrap_or(0)
}
