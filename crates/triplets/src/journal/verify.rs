//! Checking a journal against its design, its sums and itself.

use super::error::JournalError;
use super::record::{ATTEMPT_COLUMNS, AgentId, COLUMNS, Stored, cause_code, outcome_code};
use super::reply::Opened;
use super::settled::{SEGMENT, Segment};
use super::spent::{self, Spent};
use super::{Journal, read_segment};
use emotome_stimuli::run::Run;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::{BTreeMap, HashSet};

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Verification {
    /// Choices read.
    pub choices: u64,
    /// Attempts without a choice read.
    pub attempts: u64,
    /// Replies read.
    pub replies: u64,
    /// Segments compared.
    pub segments: u64,
    /// The first hundred problems.
    pub problems: Vec<Problem>,
    /// All problems.
    pub problem_count: u64,
}

/// Something that should not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// SQLite finds the file damaged.
    #[error("the database file is damaged: {found}")]
    File {
        /// In SQLite's words.
        found: String,
    },
    /// Stimuli or agents do not fit the rest.
    #[error("{found}")]
    Names {
        /// What was found.
        found: String,
    },
    /// A row cannot be what was recorded.
    #[error("agent {agent}, trial {number}: {found}")]
    Row {
        /// The agent's number.
        agent: u32,
        /// The trial.
        number: u64,
        /// What was found.
        found: String,
    },
    /// The rows of a segment do not add up to what was kept beside them.
    #[error(
        "agent {agent}, trials {first} to {last}: {found}; rows were changed, lost or added outside of emotome"
    )]
    Sum {
        /// The agent's number.
        agent: u32,
        /// The first trial.
        first: u64,
        /// The last trial.
        last: u64,
        /// What was found.
        found: String,
    },
    /// The tally of an agent's outcomes is wrong.
    #[error(
        "agent {agent}: {found} rows of outcome {outcome} and cause {cause}, the tally says {tally}"
    )]
    Tally {
        /// The agent's number.
        agent: u32,
        /// The code of the outcome.
        outcome: u8,
        /// The code of the cause, 0 for none.
        cause: u8,
        /// The rows.
        found: u64,
        /// The tally.
        tally: u64,
    },
    /// What an agent spent is not the sum of its rows.
    #[error("agent {agent}: the rows add up to {what} = {found}, {kept} was kept")]
    Spent {
        /// The agent's number.
        agent: u32,
        /// What was summed.
        what: &'static str,
        /// The sum of the rows.
        found: u64,
        /// The sum kept beside them.
        kept: u64,
    },
    /// A block of replies is damaged, or not used as it should be.
    #[error("{found}")]
    Reply {
        /// What was found.
        found: String,
    },
}

impl Verification {
    /// Whether nothing is wrong.
    #[must_use]
    pub const fn is_sound(&self) -> bool {
        self.problem_count == 0
    }

    fn add(&mut self, problem: Problem) {
        self.problem_count += 1;
        if self.problems.len() < 100 {
            self.problems.push(problem);
        }
    }
}

/// Rows checked at a time.
const CHUNK: usize = 65_536;

/// What the rows of a journal add up to.
#[derive(Default)]
struct Sums {
    segments: BTreeMap<(u32, u64), Segment>,
    tally: BTreeMap<(u32, u8, u8), u64>,
    spent: BTreeMap<u32, Spent>,
    /// References to each block: how many, and the highest index.
    replies: BTreeMap<i64, (u64, usize)>,
}

impl Journal {
    /// Checks everything that can be checked: the file (SQLite's `integrity_check`), stimuli
    /// and agents, every row against the design, rows against segments, tallies and what was spent
    /// (counts, bits, digests, sums), and every block of replies against its checksum.
    ///
    /// O(rows) time, about 8 s of CPU time for 10 M rows; 2 KiB of memory for 16,384 trials.
    ///
    /// # Errors
    /// [`JournalError::Interrupted`]; [`JournalError::Database`] if nothing can be read at all.
    /// Whatever is wrong with the contents is a [`Problem`].
    pub fn verify(&self, run: &Run<'_>) -> Result<Verification, JournalError> {
        // One transaction, so that a writer's next batch does not come in between.
        let snapshot = self.db.unchecked_transaction().map_err(self.failed())?;
        let mut found = Verification::default();
        run.progress.begin("checking the file", None);
        self.check_file(&mut found)?;
        run.progress.end();
        let agents: HashSet<u32> = match (self.stimuli(), self.agents()) {
            (Ok(_), Ok(agents)) => agents.iter().map(|(id, _)| id.0).collect(),
            (Err(error), _) | (_, Err(error)) => {
                found.add(Problem::Names {
                    found: error.to_string(),
                });
                HashSet::new()
            }
        };
        let expected = "SELECT COALESCE(SUM(n), 0) FROM tally";
        let expected = snapshot.query_row(expected, [], |row| row.get::<_, i64>(0));
        run.progress
            .begin("checking trials", expected.ok().map(|n| n as u64));
        let mut sums = Sums::default();
        let choices = format!("SELECT {COLUMNS} FROM choice ORDER BY key");
        let attempts =
            format!("SELECT {COLUMNS}, {ATTEMPT_COLUMNS} FROM attempt ORDER BY key, attempt");
        for (sql, attempt) in [(choices, false), (attempts, true)] {
            if let Err(error) = self.check_rows(&sql, attempt, &agents, &mut sums, &mut found, run)
            {
                found.add(readable(error)?);
            }
        }
        run.progress.end();
        for check in [
            Self::check_segments,
            Self::check_tallies,
            Self::check_spent,
            Self::check_replies,
        ] {
            if run.interrupt.requested() {
                return Err(JournalError::Interrupted);
            }
            if let Err(error) = check(self, &mut sums, &mut found) {
                found.add(readable(error)?);
            }
        }
        Ok(found)
    }

    fn check_file(&self, found: &mut Verification) -> Result<(), JournalError> {
        let check = || -> rusqlite::Result<Vec<String>> {
            let mut statement = self.db.prepare("PRAGMA integrity_check")?;
            statement.query_map([], |row| row.get(0))?.collect()
        };
        match check() {
            Ok(lines) => {
                for line in lines.into_iter().filter(|line| line != "ok") {
                    found.add(Problem::File { found: line });
                }
            }
            Err(error) => found.add(readable(self.failed()(error))?),
        }
        Ok(())
    }

    fn check_rows(
        &self,
        sql: &str,
        attempt: bool,
        agents: &HashSet<u32>,
        sums: &mut Sums,
        found: &mut Verification,
        run: &Run<'_>,
    ) -> Result<(), JournalError> {
        let mut statement = self.prepare(sql)?;
        let mut rows = statement.query([]).map_err(self.failed())?;
        let mut chunk: Vec<Stored> = Vec::with_capacity(CHUNK);
        loop {
            let row = rows.next().map_err(self.failed())?;
            if let Some(row) = row {
                match Stored::read(row, attempt).map_err(self.failed())? {
                    Some(stored) => chunk.push(stored),
                    None => {
                        let (agent, number) = AgentId::of_key(row.get(0).unwrap_or(0));
                        let what = "a value is out of its range".to_owned();
                        found.add(Problem::Row {
                            agent: agent.0,
                            number,
                            found: what,
                        });
                    }
                }
            }
            let done = row.is_none();
            if chunk.len() == CHUNK || done {
                self.check_chunk(&chunk, agents, sums, found);
                *(if attempt {
                    &mut found.attempts
                } else {
                    &mut found.choices
                }) += chunk.len() as u64;
                run.progress.advance(chunk.len() as u64);
                chunk.clear();
                if run.interrupt.requested() {
                    return Err(JournalError::Interrupted);
                }
            }
            if done {
                return Ok(());
            }
        }
    }

    fn check_chunk(
        &self,
        chunk: &[Stored],
        agents: &HashSet<u32>,
        sums: &mut Sums,
        found: &mut Verification,
    ) {
        let design = self.design();
        let checked: Vec<(u64, bool)> = chunk
            .par_iter()
            .map(|row| {
                (
                    row.digest(),
                    design.trial(row.trial.number) == Some(row.trial),
                )
            })
            .collect();
        for (row, (digest, as_designed)) in chunk.iter().zip(checked) {
            let (agent, number) = (row.agent.0, row.trial.number);
            if !as_designed {
                let expected = design.trial(number);
                let what = format!("it shows {:?}, the design {expected:?}", row.trial);
                found.add(Problem::Row {
                    agent,
                    number,
                    found: what,
                });
            }
            if !agents.contains(&agent) {
                let what = "its agent is not registered".to_owned();
                found.add(Problem::Row {
                    agent,
                    number,
                    found: what,
                });
            }
            let segment = sums.segments.entry((agent, number / SEGMENT)).or_default();
            segment.digest = segment.digest.wrapping_add(digest);
            match row.choice() {
                Some(_) => segment.choices += 1,
                None => segment.attempts += 1,
            }
            if row.settles {
                segment.settle(number % SEGMENT);
            }
            let codes = (agent, outcome_code(row.outcome), cause_code(row.cause));
            *sums.tally.entry(codes).or_default() += 1;
            let spent = sums.spent.entry(agent).or_default();
            spent.add(row.requests, row.usage);
            if let Some(place) = row.reply {
                let (count, last) = sums.replies.entry(place.block()).or_default();
                *count += 1;
                *last = (*last).max(place.index());
            }
        }
    }

    fn check_segments(
        &self,
        sums: &mut Sums,
        found: &mut Verification,
    ) -> Result<(), JournalError> {
        let mut statement =
            self.prepare("SELECT segment, choices, attempts, digest, bits, agent FROM segment")?;
        let mut rows = statement.query([]).map_err(self.failed())?;
        let problem = |agent, number: u64, found: String| {
            let first = number.saturating_mul(SEGMENT);
            Problem::Sum {
                agent,
                first,
                last: first.saturating_add(SEGMENT - 1),
                found,
            }
        };
        while let Some(row) = rows.next().map_err(self.failed())? {
            let (number, kept) = read_segment(row).map_err(self.failed())?;
            let agent: u32 = row.get(5).map_err(self.failed())?;
            found.segments += 1;
            let mut summed = sums.segments.remove(&(agent, number)).unwrap_or_default();
            summed.compact();
            let Some(kept) = kept else {
                found.add(problem(
                    agent,
                    number,
                    "the bits of its settled trials are torn".to_owned(),
                ));
                continue;
            };
            if kept == summed {
                continue;
            }
            let what = if (kept.choices, kept.attempts) != (summed.choices, summed.attempts) {
                format!(
                    "{} choices and {} attempts, expected {} and {}",
                    summed.choices, summed.attempts, kept.choices, kept.attempts
                )
            } else if kept.digest != summed.digest {
                format!(
                    "digest {:016x}, expected {:016x}",
                    summed.digest, kept.digest
                )
            } else {
                "other trials are marked as settled than have rows".to_owned()
            };
            found.add(problem(agent, number, what));
        }
        for ((agent, number), summed) in std::mem::take(&mut sums.segments) {
            let rows = summed.choices + summed.attempts;
            found.add(problem(
                agent,
                number,
                format!("{rows} rows without a segment"),
            ));
        }
        Ok(())
    }

    fn check_tallies(&self, sums: &mut Sums, found: &mut Verification) -> Result<(), JournalError> {
        let mut statement = self.prepare("SELECT agent, outcome, cause, n FROM tally")?;
        let kept: Vec<((u32, u8, u8), i64)> = statement
            .query_map([], |row| {
                Ok(((row.get(0)?, row.get(1)?, row.get(2)?), row.get(3)?))
            })
            .and_then(Iterator::collect)
            .map_err(self.failed())?;
        let mut tallies: BTreeMap<(u32, u8, u8), (u64, u64)> = BTreeMap::new();
        for (key, n) in kept {
            tallies.entry(key).or_default().1 = n as u64;
        }
        for (&key, &n) in &sums.tally {
            tallies.entry(key).or_default().0 = n;
        }
        for ((agent, outcome, cause), (rows, tally)) in tallies {
            if rows != tally {
                found.add(Problem::Tally {
                    agent,
                    outcome,
                    cause,
                    found: rows,
                    tally,
                });
            }
        }
        Ok(())
    }

    fn check_spent(&self, sums: &mut Sums, found: &mut Verification) -> Result<(), JournalError> {
        let mut statement = self.prepare(spent::SELECT)?;
        let mut rows = statement.query([]).map_err(self.failed())?;
        let mut both: BTreeMap<u32, [Spent; 2]> = BTreeMap::new();
        while let Some(row) = rows.next().map_err(self.failed())? {
            let (agent, kept) = Spent::read(row).map_err(self.failed())?;
            both.entry(agent).or_default()[1] =
                kept.ok_or_else(|| self.damaged(format!("agent {agent} spent less than nothing")))?;
        }
        for (&agent, &summed) in &sums.spent {
            both.entry(agent).or_default()[0] = summed;
        }
        for (agent, [summed, kept]) in both {
            for ((what, found_sum), (_, kept)) in summed.columns().into_iter().zip(kept.columns()) {
                if found_sum != kept {
                    found.add(Problem::Spent {
                        agent,
                        what,
                        found: found_sum,
                        kept,
                    });
                }
            }
        }
        Ok(())
    }

    fn check_replies(&self, sums: &mut Sums, found: &mut Verification) -> Result<(), JournalError> {
        let mut statement = self.prepare("SELECT block, size, zstd FROM reply ORDER BY block")?;
        let mut rows = statement.query([]).map_err(self.failed())?;
        while let Some(row) = rows.next().map_err(self.failed())? {
            let (number, size): (i64, i64) = (
                row.get(0).map_err(self.failed())?,
                row.get(1).map_err(self.failed())?,
            );
            let packed: Vec<u8> = row.get(2).map_err(self.failed())?;
            let (count, last) = sums.replies.remove(&number).unwrap_or_default();
            match Opened::new(self.path(), number, size, &packed) {
                Ok(block) if block.len() as u64 == count && last < block.len() => {
                    found.replies += count;
                }
                Ok(block) => found.add(Problem::Reply {
                    found: format!(
                        "block {number} of the replies holds {} replies, {count} rows refer to it",
                        block.len()
                    ),
                }),
                Err(error) => found.add(Problem::Reply {
                    found: error.to_string(),
                }),
            }
        }
        for (number, (count, _)) in &sums.replies {
            found.add(Problem::Reply {
                found: format!(
                    "block {number} of the replies is missing; {count} rows refer to it"
                ),
            });
        }
        Ok(())
    }
}

/// The problem behind an error of reading, unless the verification itself ended.
fn readable(error: JournalError) -> Result<Problem, JournalError> {
    match error {
        JournalError::Interrupted => Err(error),
        other => Ok(Problem::File {
            found: other.to_string(),
        }),
    }
}
