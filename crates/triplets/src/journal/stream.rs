//! Everything recorded of an agent, trial by trial.

use super::record::{ATTEMPT_COLUMNS, COLUMNS};
use super::{AgentId, Journal, JournalError, MAX_NUMBER, Stored};

/// Trial numbers read at a time.
const WINDOW: u64 = 1 << 14;

impl Journal {
    /// Visits everything recorded of an agent, in ascending order of trial numbers: all records of a trial
    /// together, attempts in the order in which they were made, a choice last.
    ///
    /// Holds the records of 16,384 trials at a time.
    ///
    /// # Errors
    /// Those of `visit`, which end the visit, and [`JournalError::Damaged`].
    pub fn for_each_trial<E: From<JournalError>>(
        &self,
        agent: AgentId,
        mut visit: impl FnMut(&[Stored]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut from = 0;
        while let Some(first) = self.first_recorded(agent, from)? {
            let last = (first / WINDOW + 1) * WINDOW - 1;
            let mut records = Vec::new();
            for (sql, attempts) in [
                (
                    format!(
                        "SELECT {COLUMNS}, {ATTEMPT_COLUMNS} FROM attempt WHERE key BETWEEN ?1 AND ?2 ORDER BY key, attempt"
                    ),
                    true,
                ),
                (
                    format!(
                        "SELECT {COLUMNS} FROM choice WHERE key BETWEEN ?1 AND ?2 ORDER BY key"
                    ),
                    false,
                ),
            ] {
                let range = [agent.key(first), agent.key(last)];
                self.visit(&sql, range, attempts, |stored: &Stored| -> Result<(), E> {
                    records.push(*stored);
                    Ok(())
                })?;
            }
            // A stable sort: attempts were read first, in their order.
            records.sort_by_key(|stored| stored.trial.number);
            for trial in records.chunk_by(|a, b| a.trial.number == b.trial.number) {
                visit(trial)?;
            }
            from = last + 1;
        }
        Ok(())
    }

    /// The first number from `from` on of which anything is recorded.
    fn first_recorded(&self, agent: AgentId, from: u64) -> Result<Option<u64>, JournalError> {
        if from >= MAX_NUMBER {
            return Ok(None);
        }
        let sql = "SELECT MIN(key) FROM (SELECT MIN(key) AS key FROM choice WHERE key BETWEEN ?1 AND ?2 \
                   UNION ALL SELECT MIN(key) FROM attempt WHERE key BETWEEN ?1 AND ?2)";
        let mut statement = self.prepare(sql)?;
        let range = [agent.key(from), agent.key(MAX_NUMBER - 1)];
        let key: Option<i64> = statement
            .query_row(range, |row| row.get(0))
            .map_err(self.failed())?;
        Ok(key.map(|key| AgentId::of_key(key).1))
    }
}
