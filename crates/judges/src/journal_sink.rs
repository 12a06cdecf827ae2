//! Collecting into a journal.

use crate::collect::TrialSink;
use crate::judge::{JudgeDescription, Judgment};
use emotome_triplets::Trial;
use emotome_triplets::journal::{Agent, AgentId, JournalError, JournalWriter, Record, Settled};

/// Stores judged trials in a journal, under the name of the agent.
///
/// Asking an agent of this crate again gives the same answer, so every outcome settles its trial.
#[derive(Debug)]
pub struct JournalSink<'a> {
    writer: &'a mut JournalWriter,
    agent: AgentId,
    settled: Settled,
    seed: Option<u64>,
}

impl<'a> JournalSink<'a> {
    /// Enters the agent, described in full, into the journal, and finds out which trials it has
    /// settled. `revision` identifies the data it judges by, e.g. the checksum of a table.
    ///
    /// # Errors
    /// [`JournalError::OtherAgent`] if the name belongs to an agent that differs in anything.
    pub fn new(
        writer: &'a mut JournalWriter,
        name: &str,
        revision: &str,
        description: &JudgeDescription,
    ) -> Result<Self, JournalError> {
        let agent = writer.register(&Agent {
            name: name.to_owned(),
            model: description.kind.clone(),
            revision: revision.to_owned(),
            settings: serde_json::to_string(description).expect("a description is plain JSON"),
        })?;
        let settled = writer.standing(agent)?.settled;
        Ok(Self {
            writer,
            agent,
            settled,
            seed: description.seed,
        })
    }

    /// The agent's number in the journal.
    #[must_use]
    pub const fn agent(&self) -> AgentId {
        self.agent
    }
}

impl TrialSink for JournalSink<'_> {
    type Error = JournalError;

    fn is_settled(&self, number: u64) -> bool {
        self.settled.contains(number)
    }

    fn append(&mut self, batch: &[(Trial, Judgment)]) -> Result<(), JournalError> {
        let records: Vec<Record<'_>> = batch
            .iter()
            .map(|(trial, judgment)| Record {
                probabilities: judgment.probabilities.map(|p| p.map(|q| q as f32)),
                seed: self.seed,
                ..Record::new(*trial, judgment.outcome)
            })
            .collect();
        self.writer.append(self.agent, &records).map(|_| ())
    }
}
