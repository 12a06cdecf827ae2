//! What the answers of an agent took: requests, tokens, money.

use super::record::AgentId;
use crate::usage::{Nanos, Usage};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

/// What all answers of an agent took together.
///
/// Sums are of what is known; the two counts at the end say of how many answers it is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Spent {
    /// Requests sent, retries included, for everything that is recorded.
    pub requests: u64,
    /// Tokens that were read.
    pub prompt_tokens: u64,
    /// Of these, tokens that came from a cache.
    pub cached_tokens: u64,
    /// Tokens that were written.
    pub completion_tokens: u64,
    /// Money, as far as prices are known.
    pub cost: Nanos,
    /// Answers to requests whose tokens are not known.
    pub uncounted: u64,
    /// Answers to requests whose price is not known.
    pub unpriced: u64,
}

impl Spent {
    /// Adds an answer, if anything was sent for it.
    pub fn add(&mut self, requests: Option<u32>, usage: Usage) {
        let asked = requests.is_some_and(|n| n > 0);
        let known = |sum: &mut u64, value: Option<u32>| {
            *sum = sum.saturating_add(u64::from(value.unwrap_or(0)));
        };
        known(&mut self.requests, requests);
        known(&mut self.prompt_tokens, usage.prompt_tokens);
        known(&mut self.cached_tokens, usage.cached_tokens);
        known(&mut self.completion_tokens, usage.completion_tokens);
        self.cost += usage.cost.unwrap_or_default();
        let counted = usage.prompt_tokens.is_some() && usage.completion_tokens.is_some();
        self.uncounted += u64::from(asked && !counted);
        self.unpriced += u64::from(asked && usage.cost.is_none());
    }

    /// The numbers by their column.
    pub(super) const fn columns(&self) -> [(&'static str, u64); 7] {
        [
            ("requests", self.requests),
            ("prompt_tokens", self.prompt_tokens),
            ("cached_tokens", self.cached_tokens),
            ("completion_tokens", self.completion_tokens),
            ("cost", self.cost.0),
            ("uncounted", self.uncounted),
            ("unpriced", self.unpriced),
        ]
    }

    /// What is kept for an agent; `None` if a number is out of its range.
    pub(super) fn of(db: &Connection, agent: AgentId) -> rusqlite::Result<Option<Self>> {
        let mut statement = db.prepare(&format!("{SELECT} WHERE agent = ?1"))?;
        let row = statement.query_row([agent.0], |row| Ok(Self::read(row)?.1));
        Ok(row.optional()?.unwrap_or(Some(Self::default())))
    }

    /// Reads the row of an agent.
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<(u32, Option<Self>)> {
        let mut values = [0; 7];
        for (k, value) in values.iter_mut().enumerate() {
            *value = row.get::<_, i64>(k + 1)?;
        }
        let parse = || {
            let [
                requests,
                prompt_tokens,
                cached_tokens,
                completion_tokens,
                cost,
                uncounted,
                unpriced,
            ] = values.map(u64::try_from);
            Some(Self {
                requests: requests.ok()?,
                prompt_tokens: prompt_tokens.ok()?,
                cached_tokens: cached_tokens.ok()?,
                completion_tokens: completion_tokens.ok()?,
                cost: Nanos(cost.ok()?),
                uncounted: uncounted.ok()?,
                unpriced: unpriced.ok()?,
            })
        };
        Ok((row.get(0)?, parse()))
    }

    /// Adds these numbers to those kept for an agent.
    pub(super) fn store(&self, db: &Connection, agent: AgentId) -> rusqlite::Result<()> {
        if *self == Self::default() {
            return Ok(());
        }
        let [a, b, c, d, e, f, g] = self
            .columns()
            .map(|(_, value)| i64::try_from(value).unwrap_or(i64::MAX));
        let mut statement = db.prepare(
            "INSERT INTO spent (agent, requests, prompt_tokens, cached_tokens, completion_tokens, cost, uncounted, \
             unpriced) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (agent) DO UPDATE SET \
             requests = requests + excluded.requests, prompt_tokens = prompt_tokens + excluded.prompt_tokens, \
             cached_tokens = cached_tokens + excluded.cached_tokens, \
             completion_tokens = completion_tokens + excluded.completion_tokens, cost = cost + excluded.cost, \
             uncounted = uncounted + excluded.uncounted, unpriced = unpriced + excluded.unpriced",
        )?;
        statement
            .execute(params![agent.0, a, b, c, d, e, f, g])
            .map(|_| ())
    }
}

/// Reads all of [`Spent`] with its agent.
pub(super) const SELECT: &str = "SELECT agent, requests, prompt_tokens, cached_tokens, \
     completion_tokens, cost, uncounted, unpriced FROM spent";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_is_counted_and_offline_answers_are_free_of_it() {
        let mut spent = Spent::default();
        spent.add(None, Usage::unknown());
        assert_eq!(spent, Spent::default());
        spent.add(Some(2), Usage::unknown());
        assert_eq!((spent.requests, spent.uncounted, spent.unpriced), (2, 1, 1));
        let priced = Usage {
            cost: Some(Nanos(7)),
            prompt_tokens: Some(5),
            completion_tokens: Some(1),
            ..Usage::unknown()
        };
        spent.add(Some(1), priced);
        assert_eq!((spent.requests, spent.uncounted, spent.unpriced), (3, 1, 1));
        assert_eq!((spent.cost, spent.prompt_tokens), (Nanos(7), 5));
    }
}
