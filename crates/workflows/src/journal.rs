//! What a journal holds, and whether it is whole.

use crate::WorkflowError;
use emotome_stimuli::run::Run;
use emotome_triplets::Outcome;
use emotome_triplets::design::DesignParams;
use emotome_triplets::journal::{
    Agent, Journal, JournalWriter, Merged, Spent, Standing, Verification,
};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// The contents of a journal. Field names are stable.
#[derive(Debug, Clone, Serialize)]
pub struct JournalSummary {
    /// The journal.
    pub journal: PathBuf,
    /// The design whose trials are recorded.
    pub design: DesignParams,
    /// Trials of the design, for each agent.
    pub trials: u64,
    /// The agents, in the order of their first trial.
    pub agents: Vec<AgentSummary>,
}

/// Where an agent stands. Field names are stable.
#[derive(Debug, Clone, Serialize)]
pub struct AgentSummary {
    /// Who it is.
    #[serde(flatten)]
    pub agent: Agent,
    /// How far it is.
    #[serde(flatten)]
    pub outcomes: Outcomes,
    /// Requests, tokens and money of everything recorded.
    pub spent: Spent,
}

/// Counts of outcomes. Field names are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Outcomes {
    /// Clear choices.
    pub choices: u64,
    /// Of these, of the stimulus shown first, second and third.
    pub by_position: [u64; 3],
    /// Attempts without an answer in the asked form.
    pub invalid: u64,
    /// Attempts with several answers.
    pub ambiguous: u64,
    /// Attempts that the agent declined.
    pub refused: u64,
    /// Attempts that timed out.
    pub timed_out: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Trials that need not be asked again.
    pub settled: u64,
}

impl From<&Standing> for Outcomes {
    fn from(standing: &Standing) -> Self {
        Self {
            choices: standing.choices(),
            by_position: standing.chosen,
            invalid: standing.count(Outcome::Invalid),
            ambiguous: standing.count(Outcome::Ambiguous),
            refused: standing.count(Outcome::Refused),
            timed_out: standing.count(Outcome::TimedOut),
            failed: standing.count(Outcome::Failed),
            settled: standing.settled.len(),
        }
    }
}

/// Counts what a journal holds, without reading its rows.
///
/// # Errors
/// [`WorkflowError::Journal`].
pub fn show(path: &Path) -> Result<JournalSummary, WorkflowError> {
    contents(&Journal::open(path)?)
}

fn contents(journal: &Journal) -> Result<JournalSummary, WorkflowError> {
    let agents = journal.agents()?.into_iter().map(|(id, agent)| {
        let standing = journal.standing(id)?;
        Ok(AgentSummary {
            agent,
            outcomes: Outcomes::from(&standing),
            spent: standing.spent,
        })
    });
    Ok(JournalSummary {
        journal: journal.path().into(),
        design: journal.design().params().clone(),
        trials: journal.design().len(),
        agents: agents.collect::<Result<_, WorkflowError>>()?,
    })
}

/// What came of merging shards. Field names are stable.
#[derive(Debug, Clone, Serialize)]
pub struct MergeSummary {
    /// The journal merged into.
    pub journal: PathBuf,
    /// Its trials, for each agent.
    pub trials: u64,
    /// What each shard gave.
    pub shards: Vec<Shard>,
    /// Where the agents stand now.
    pub agents: Vec<AgentSummary>,
}

/// What one shard gave. Field names are stable.
#[derive(Debug, Clone, Serialize)]
pub struct Shard {
    /// The journal of the shard.
    pub journal: PathBuf,
    /// What was taken over from it.
    #[serde(flatten)]
    pub merged: Merged,
}

/// Merges journals of one design into `into`, which is made if it is not there.
///
/// Shards stay as they are. The same merge again takes nothing over twice, so one that was stopped goes on.
///
/// # Errors
/// [`WorkflowError::Journal`]: other designs, stimuli or agents, damaged shards, choices that contradict each
/// other, a writer elsewhere, a full disk.
pub fn merge(into: &Path, shards: &[PathBuf], run: Run<'_>) -> Result<MergeSummary, WorkflowError> {
    let mut journal = match shards.first() {
        Some(first) if !into.exists() => {
            let first = Journal::open(first)?;
            JournalWriter::create(into, first.design(), &first.stimuli()?)?
        }
        _ => JournalWriter::open(into)?,
    };
    let mut given = Vec::with_capacity(shards.len());
    for shard in shards {
        given.push(Shard {
            journal: shard.clone(),
            merged: journal.merge(shard, &run)?,
        });
    }
    let JournalSummary { trials, agents, .. } = contents(&journal)?;
    Ok(MergeSummary {
        journal: into.into(),
        trials,
        shards: given,
        agents,
    })
}

/// What a check of a journal found. Field names are stable.
#[derive(Debug, Clone, Serialize)]
pub struct VerifySummary {
    /// The journal.
    pub journal: PathBuf,
    /// Whether nothing is wrong.
    pub sound: bool,
    /// What was read, and what is wrong with it.
    #[serde(flatten)]
    pub verification: Verification,
}

/// Checks every row of a journal.
///
/// # Errors
/// [`WorkflowError::Journal`] if it cannot be read at all; what is wrong within is in the summary.
pub fn verify(path: &Path, run: Run<'_>) -> Result<VerifySummary, WorkflowError> {
    let verification = Journal::open(path)?.verify(&run)?;
    Ok(VerifySummary {
        journal: path.into(),
        sound: verification.is_sound(),
        verification,
    })
}
