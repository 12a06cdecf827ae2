//! Writing a journal: batches that are stored as a whole, once, and synced.

use super::error::JournalError;
use super::lock::{Lock, Owner};
use super::record::{
    ATTEMPT_COLUMNS, Agent, AgentId, COLUMNS, MAX_AGENTS, MAX_NUMBER, Record, Stored, cause_code,
    outcome_code, probability_bytes,
};
use super::reply::{Blocks, ReplyRef};
use super::settled::{SEGMENT, Segment};
use super::spent::Spent;
use super::{Journal, read_segment, schema};
use crate::cause::Cause;
use crate::design::Design;
use crate::trial::Outcome;
use emotome_stimuli::StimulusSet;
use rayon::prelude::*;
use rusqlite::{OptionalExtension, Statement, Transaction, TransactionBehavior, params};
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::ops::Deref;
use std::path::Path;

/// A journal open for writing; dereferences to [`Journal`] for reading.
#[derive(Debug)]
pub struct JournalWriter {
    journal: Journal,
    /// The segments met so far, as committed.
    segments: HashMap<(AgentId, u64), Segment>,
    next_block: i64,
    lock: Lock,
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Appended {
    /// Choices stored.
    pub choices: u64,
    /// Attempts without a choice stored.
    pub attempts: u64,
    /// Choices that were there already; the stored ones stand.
    pub already_there: u64,
}

impl Deref for JournalWriter {
    type Target = Journal;

    fn deref(&self) -> &Journal {
        &self.journal
    }
}

impl JournalWriter {
    /// Makes a new journal of a design and its stimuli.
    ///
    /// # Errors
    /// [`JournalError::Exists`] if there is anything at `path`, [`JournalError::Locked`],
    /// [`JournalError::Limit`] if design and stimuli differ in number, [`JournalError::Full`].
    pub fn create(
        path: impl AsRef<Path>,
        design: &Design,
        stimuli: &StimulusSet,
    ) -> Result<Self, JournalError> {
        let path = path.as_ref();
        if stimuli.len() != design.n_stimuli() {
            let (found, max) = (stimuli.len() as u64, design.n_stimuli() as u64);
            return Err(JournalError::Limit {
                what: "keys for the stimuli of the design",
                found,
                max,
            });
        }
        let lock = Lock::acquire(path)?;
        let failed = JournalError::of(path);
        let db = schema::create(path)?;
        let fill = || -> rusqlite::Result<()> {
            db.execute(
                "INSERT INTO design VALUES (?1, ?2)",
                params![params_json(design), design.fingerprint() as i64],
            )?;
            let mut statement = db.prepare("INSERT INTO stimulus VALUES (?1, ?2)")?;
            for (id, key) in stimuli.keys().iter().enumerate() {
                statement.execute(params![id as i64, key.as_str()])?;
            }
            db.execute_batch("COMMIT")
        };
        fill().map_err(failed)?;
        Self::over(path, db, lock)
    }

    /// Opens an existing journal, at its own design.
    ///
    /// # Errors
    /// As [`Journal::open`], and [`JournalError::Locked`] while another process writes.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, JournalError> {
        let path = path.as_ref();
        if !path.exists() {
            return Err(JournalError::Missing {
                path: path.to_owned(),
            });
        }
        let lock = Lock::acquire(path)?;
        Self::over(path, schema::open(path, true)?, lock)
    }

    /// Opens the journal of a design and its stimuli, or makes it. A journal of the same design
    /// with fewer trials is extended.
    ///
    /// # Errors
    /// As [`create`](Self::create) and [`open`](Self::open); [`JournalError::OtherDesign`] and
    /// [`JournalError::OtherStimuli`] if the journal belongs to others.
    pub fn open_or_create(
        path: impl AsRef<Path>,
        design: &Design,
        stimuli: &StimulusSet,
    ) -> Result<Self, JournalError> {
        let path = path.as_ref();
        let mut writer = match Self::open(path) {
            Ok(writer) => writer,
            Err(JournalError::Missing { .. }) => return Self::create(path, design, stimuli),
            // A process that died while making a journal leaves an empty database.
            Err(JournalError::NotAJournal { path, found }) => {
                return Self::create(&path, design, stimuli).map_err(|error| match error {
                    JournalError::Exists { path } => JournalError::NotAJournal { path, found },
                    other => other,
                });
            }
            Err(error) => return Err(error),
        };
        writer.check_same(design, stimuli)?;
        writer.extend(design)?;
        Ok(writer)
    }

    /// Checks that a design, whatever its length, and its stimuli are the journal's.
    pub(super) fn check_same(
        &self,
        design: &Design,
        stimuli: &StimulusSet,
    ) -> Result<(), JournalError> {
        let (found, expected) = (self.design().fingerprint(), design.fingerprint());
        if found != expected {
            return Err(JournalError::OtherDesign {
                path: self.path().to_owned(),
                found,
                expected,
            });
        }
        let recorded = self.stimuli()?;
        if recorded != *stimuli {
            let key = |set: &StimulusSet, id| {
                set.keys()
                    .get(id)
                    .map_or_else(String::new, ToString::to_string)
            };
            let id = (0..recorded.len().max(stimuli.len()))
                .find(|&id| key(&recorded, id) != key(stimuli, id))
                .unwrap_or(0);
            return Err(JournalError::OtherStimuli {
                path: self.path().to_owned(),
                id,
                found: key(&recorded, id),
                expected: key(stimuli, id),
            });
        }
        Ok(())
    }

    /// Takes over a longer run of the same design.
    pub(super) fn extend(&mut self, design: &Design) -> Result<(), JournalError> {
        if design.len() > self.design().len() {
            self.db
                .execute("UPDATE design SET params = ?1", [params_json(design)])
                .map_err(self.failed())?;
            self.journal.design = design.clone();
        }
        Ok(())
    }

    fn over(path: &Path, db: rusqlite::Connection, lock: Lock) -> Result<Self, JournalError> {
        let journal = Journal::over(path, db)?;
        let last = "SELECT COALESCE(MAX(block), 0) FROM reply";
        let next_block = journal
            .db
            .query_row(last, [], |row| row.get::<_, i64>(0))
            .map_err(JournalError::of(path))?
            + 1;
        Ok(Self {
            journal,
            segments: HashMap::new(),
            next_block,
            lock,
        })
    }

    /// The writer that ended without closing the journal, if the last one did.
    #[must_use]
    pub const fn took_over_from(&self) -> Option<&Owner> {
        self.lock.died.as_ref()
    }

    /// The id of an agent, which is entered if it is new.
    ///
    /// # Errors
    /// [`JournalError::OtherAgent`] if its name was used with another model, revision or settings.
    pub fn register(&mut self, agent: &Agent) -> Result<AgentId, JournalError> {
        let agents = self.agents()?;
        if let Some((id, recorded)) = agents.iter().find(|(_, known)| known.name == agent.name) {
            recorded.check_same(agent)?;
            return Ok(*id);
        }
        let id = agents.len() as u32 + 1;
        if id > MAX_AGENTS {
            let (found, max) = (u64::from(id), u64::from(MAX_AGENTS));
            return Err(JournalError::Limit {
                what: "agents",
                found,
                max,
            });
        }
        let row = params![id, agent.name, agent.model, agent.revision, agent.settings];
        self.db
            .execute("INSERT INTO agent VALUES (?1, ?2, ?3, ?4, ?5)", row)
            .map_err(self.failed())?;
        Ok(AgentId(id))
    }

    /// Stores a batch: all of it, synced to disk, or nothing.
    ///
    /// A choice for a trial that has one is counted and left out. Costs one sync of the disk, and
    /// about 1.3 µs a record: give offline agents batches of 10,000 or more.
    ///
    /// # Errors
    /// [`JournalError::OtherTrial`] if a record is not the design's trial of its number;
    /// [`JournalError::OtherCause`]; [`JournalError::Full`]; [`JournalError::Limit`].
    pub fn append(
        &mut self,
        agent: AgentId,
        records: &[Record<'_>],
    ) -> Result<Appended, JournalError> {
        let design = &self.journal.design;
        let wrong = |record: &&Record<'_>| {
            let number = record.trial.number;
            number >= MAX_NUMBER || design.trial(number) != Some(record.trial)
        };
        if let Some(record) = records.par_iter().find_first(wrong) {
            let found = record.trial;
            if found.number >= MAX_NUMBER {
                let (found, max) = (found.number, MAX_NUMBER - 1);
                return Err(JournalError::Limit {
                    what: "trial number",
                    found,
                    max,
                });
            }
            return Err(JournalError::OtherTrial {
                found: Box::new(found),
                expected: design.trial(found.number).map(Box::new),
            });
        }
        records.iter().try_for_each(check_values)?;
        let failed = JournalError::of(&self.journal.path);
        let transaction =
            Transaction::new_unchecked(&self.journal.db, TransactionBehavior::Immediate)
                .map_err(&failed)?;
        let mut batch =
            Batch::new(&transaction, agent, &self.segments, self.next_block).map_err(&failed)?;
        for record in records {
            batch.add(record, &self.journal)?;
        }
        let (segments, next_block, appended) = batch.finish(&transaction).map_err(&failed)?;
        transaction.commit().map_err(&failed)?;
        self.segments.extend(segments);
        self.next_block = next_block;
        Ok(appended)
    }
}

/// Checks that a record can be kept and means something.
fn check_values(record: &Record<'_>) -> Result<(), JournalError> {
    if let Some(cause) = record.cause
        && cause.outcome() != record.outcome
    {
        return Err(JournalError::OtherCause {
            number: record.trial.number,
            outcome: record.outcome,
            cause,
        });
    }
    let (at, cost) = (record.at, record.usage.cost.map(|cost| cost.0));
    for (what, value) in [
        ("milliseconds since 1970", at),
        ("billionths of a price", cost),
    ] {
        if let Some(found) = value.filter(|&value| value > i64::MAX as u64) {
            let max = i64::MAX as u64;
            return Err(JournalError::Limit { what, found, max });
        }
    }
    Ok(())
}

fn params_json(design: &Design) -> String {
    serde_json::to_string(design.params()).expect("checked parameters are finite numbers")
}

/// A batch on its way into the database.
struct Batch<'a> {
    agent: AgentId,
    committed: &'a HashMap<(AgentId, u64), Segment>,
    segments: HashMap<(AgentId, u64), Segment>,
    tally: BTreeMap<(u8, u8), i64>,
    spent: Spent,
    blocks: Blocks,
    appended: Appended,
    choice: Statement<'a>,
    attempt: Statement<'a>,
    attempts: Statement<'a>,
    chosen: Statement<'a>,
    segment: Statement<'a>,
}

impl<'a> Batch<'a> {
    fn new(
        db: &'a Transaction<'_>,
        agent: AgentId,
        committed: &'a HashMap<(AgentId, u64), Segment>,
        next_block: i64,
    ) -> rusqlite::Result<Self> {
        let values = "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18";
        Ok(Self {
            agent,
            committed,
            segments: HashMap::new(),
            tally: BTreeMap::new(),
            spent: Spent::default(),
            blocks: Blocks::new(next_block),
            appended: Appended::default(),
            choice: db.prepare(&format!("INSERT INTO choice ({COLUMNS}) {values})"))?,
            attempt: db.prepare(&format!(
                "INSERT INTO attempt ({COLUMNS}, {ATTEMPT_COLUMNS}) {values}, ?19, ?20, ?21)"
            ))?,
            attempts: db
                .prepare("SELECT COALESCE(MAX(attempt) + 1, 0) FROM attempt WHERE key = ?1")?,
            chosen: db.prepare("SELECT 1 FROM choice WHERE key = ?1")?,
            segment: db.prepare(
                "SELECT segment, choices, attempts, digest, bits FROM segment \
                 WHERE agent = ?1 AND segment = ?2",
            )?,
        })
    }

    fn add(&mut self, record: &Record<'_>, journal: &Journal) -> Result<(), JournalError> {
        let failed = journal.failed();
        let number = record.trial.number;
        let key = self.agent.key(number);
        let place = (self.agent, number / SEGMENT);
        let segment = match self.segments.entry(place) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let segment = match self.committed.get(&place) {
                    Some(segment) => segment.clone(),
                    None => self
                        .segment
                        .query_row(params![place.0.0, place.1 as i64], read_segment)
                        .optional()
                        .map_err(&failed)?
                        .map_or(Some(Segment::default()), |(_, segment)| segment)
                        .ok_or_else(|| {
                            journal.damaged(format!("the bits of segment {} are torn", place.1))
                        })?,
                };
                entry.insert(segment)
            }
        };
        let mut stored = Stored {
            agent: self.agent,
            trial: record.trial,
            outcome: record.outcome,
            cause: record.cause,
            settles: record.settles,
            attempt: 0,
            probabilities: record.probabilities,
            latency_ms: record.latency_ms,
            prompt: record.prompt,
            seed: record.seed,
            reply: None,
            at: record.at,
            requests: record.requests,
            usage: record.usage,
        };
        let code = outcome_code(record.outcome);
        let is_choice = matches!(record.outcome, Outcome::Chosen(_));
        if is_choice {
            stored.settles = true;
            if segment.contains(number % SEGMENT) && self.chosen.exists([key]).map_err(&failed)? {
                self.appended.already_there += 1;
                return Ok(());
            }
            segment.choices += 1;
            self.appended.choices += 1;
        } else {
            stored.attempt = self
                .attempts
                .query_row([key], |row| row.get(0))
                .map_err(&failed)?;
            segment.attempts += 1;
            self.appended.attempts += 1;
        }
        stored.reply = record
            .reply
            .map(|reply| self.blocks.add(reply))
            .transpose()?;
        if stored.settles {
            segment.settle(number % SEGMENT);
        }
        segment.digest = segment.digest.wrapping_add(stored.digest());
        let cause = cause_code(record.cause);
        *self.tally.entry((code, cause)).or_default() += 1;
        self.spent.add(record.requests, record.usage);

        let [a, b, c] = record.trial.triplet.items().map(|id| id.0);
        let statement = if is_choice {
            &mut self.choice
        } else {
            &mut self.attempt
        };
        let mut bind = || -> rusqlite::Result<()> {
            statement.raw_bind_parameter(1, key)?;
            statement.raw_bind_parameter(2, a)?;
            statement.raw_bind_parameter(3, b)?;
            statement.raw_bind_parameter(4, c)?;
            statement.raw_bind_parameter(5, record.trial.replicate)?;
            statement.raw_bind_parameter(6, record.trial.split as u8)?;
            statement.raw_bind_parameter(7, code)?;
            let p = record.probabilities.map(probability_bytes);
            statement.raw_bind_parameter(8, p.as_ref().map(<[u8; 12]>::as_slice))?;
            statement.raw_bind_parameter(9, record.latency_ms)?;
            statement.raw_bind_parameter(10, record.prompt.map(|v| v as i64))?;
            statement.raw_bind_parameter(11, record.seed.map(|v| v as i64))?;
            statement.raw_bind_parameter(12, stored.reply.map(|ReplyRef(place)| place))?;
            statement.raw_bind_parameter(13, record.at.map(|v| v as i64))?;
            statement.raw_bind_parameter(14, record.requests)?;
            statement.raw_bind_parameter(15, record.usage.prompt_tokens)?;
            statement.raw_bind_parameter(16, record.usage.cached_tokens)?;
            statement.raw_bind_parameter(17, record.usage.completion_tokens)?;
            statement.raw_bind_parameter(18, record.usage.cost.map(|cost| cost.0 as i64))?;
            if !is_choice {
                statement.raw_bind_parameter(19, record.cause.map(Cause::code))?;
                statement.raw_bind_parameter(20, stored.attempt)?;
                statement.raw_bind_parameter(21, stored.settles)?;
            }
            statement.raw_execute().map(|_| ())
        };
        bind().map_err(failed)
    }

    /// Writes what accompanies the rows.
    #[allow(clippy::type_complexity)]
    fn finish(
        mut self,
        db: &Transaction<'_>,
    ) -> rusqlite::Result<(HashMap<(AgentId, u64), Segment>, i64, Appended)> {
        let mut statement = db.prepare(
            "INSERT OR REPLACE INTO segment (agent, segment, choices, attempts, digest, bits) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?;
        for (&(agent, number), segment) in &mut self.segments {
            segment.compact();
            statement.execute(params![
                agent.0,
                number as i64,
                segment.choices as i64,
                segment.attempts as i64,
                segment.digest as i64,
                segment.bytes(),
            ])?;
        }
        let mut statement = db.prepare(
            "INSERT INTO tally (agent, outcome, cause, n) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (agent, outcome, cause) DO UPDATE SET n = n + excluded.n",
        )?;
        for (&(outcome, cause), &n) in &self.tally {
            statement.execute(params![self.agent.0, outcome, cause, n])?;
        }
        self.spent.store(db, self.agent)?;
        let next_block = self.blocks.close();
        let mut statement =
            db.prepare("INSERT INTO reply (block, size, zstd) VALUES (?1, ?2, ?3)")?;
        for (number, size, bytes) in &self.blocks.done {
            statement.execute(params![number, *size as i64, bytes])?;
        }
        Ok((self.segments, next_block, self.appended))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::design::DesignParams;
    use emotome_stimuli::run::{Interrupt, Run, Silent};

    /// SQLite stops at every page boundary in turn, as a disk would that fills up.
    #[test]
    fn a_batch_that_finds_no_room_leaves_everything_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let params = DesignParams {
            trials: 20_000,
            ..DesignParams::new(50, 1)
        };
        let design = params.check().unwrap();
        let stimuli = StimulusSet::from_labels((0..50).map(|i| i.to_string())).unwrap();
        let path = folder.path().join("journal.sqlite");
        let mut writer = JournalWriter::create(&path, &design, &stimuli).unwrap();
        let agent = writer.register(&Agent::default()).unwrap();
        let batch = |from: u64| -> Vec<Record<'_>> {
            let trials = (from..from + 1_000).map(|t| design.trial(t).unwrap());
            let record = |trial| Record {
                reply: Some("the second"),
                ..Record::new(trial, Outcome::Invalid)
            };
            trials.map(record).collect()
        };
        let (mut stored, mut refused) = (0, 0);
        for pages in 20_i64.. {
            let limit = "max_page_count";
            writer
                .journal
                .db
                .pragma_update_and_check(None, limit, pages, |_| Ok(()))
                .unwrap();
            match writer.append(agent, &batch(stored)) {
                Ok(_) => stored += 1_000,
                Err(JournalError::Full { .. }) => refused += 1,
                Err(error) => panic!("{error}"),
            }
            assert_eq!(writer.standing(agent).unwrap().settled.len(), stored);
            if stored == 5_000 {
                break;
            }
        }
        assert!(refused > 5, "{refused} batches found no room");
        let interrupt = Interrupt::default();
        let found = writer
            .verify(&Run {
                progress: &Silent,
                interrupt: &interrupt,
            })
            .unwrap();
        assert!(found.is_sound(), "{:?}", found.problems);
    }
}
