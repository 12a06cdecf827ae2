//! The journal: a durable store of what agents answered, one SQLite file a study.
//!
//! # What is promised
//! - **Exactly once.** A trial number fixes unordered triplet, order and replicate, and no two
//!   numbers of a design share all three; the primary key of a choice is (agent, number). A second
//!   answer to a settled trial is counted and not stored.
//! - **Committed is kept.** A batch is one transaction, synced to disk (write-ahead log,
//!   `synchronous = FULL`) before [`JournalWriter::append`] returns. A killed process loses at most
//!   the batch it was writing. After a power cut the same holds if the disk honours sync.
//! - **Whole or not at all.** On a full disk the batch is rolled back and everything earlier stays.
//! - **One writer.** A second one is refused and told who writes; the lock ends with its process.
//!   Any number of readers may look on. (The file must be on a local disk: SQLite's log needs
//!   shared memory.)
//! - **Choices apart from the rest.** Refusals, invalid, ambiguous, late and failed answers are
//!   attempts in their own table, with their [`Cause`]; a trial stays open until it has a choice or
//!   is given up, and one that was given up can be [asked again](Journal::reopened).
//! - **Accounted for.** Requests, tokens and money of every answer stand in its row and are summed
//!   beside the rows; what is unknown is counted as unknown.
//! - **Mergeable.** Shards collected into journals of their own come together by
//!   [`JournalWriter::merge`], which keeps all of this and refuses answers that contradict each other.
//! - **Checkable.** [`Journal::verify`] compares every row with the design, with the sums kept
//!   beside the rows, and every reply with its checksum.
//!
//! # How it is laid out
//! A row's key is `agent · 2⁴⁴ + number`, SQLite's row id itself, so that rows lie in the order of
//! the design and are appended at the end. (A key made of the triplet would scatter them: measured
//! over 2 M rows, 5 times the CPU time and 30 to 60 times the bytes written.) Beside the
//! rows, in the same transaction, every 16,384 trials of an agent have a segment: a bit for each
//! settled trial, counts and a digest; and every agent has tallies of outcomes and causes and its
//! sums of requests, tokens and money. Resuming reads the segments (2 KiB each, none once full)
//! and never the rows: 5 ms for 10 M. Replies are compressed together, up to 1 MiB at a time.
//!
//! ```
//! use emotome_stimuli::StimulusSet;
//! use emotome_triplets::design::DesignParams;
//! use emotome_triplets::journal::{Agent, JournalWriter, Record};
//! use emotome_triplets::{Outcome, Position};
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("journal.sqlite");
//! let design = DesignParams { trials: 4, ..DesignParams::new(4, 1) }.check()?;
//! let stimuli = StimulusSet::from_labels(["fog", "kiss", "wasp", "rain"])?;
//! let mut journal = JournalWriter::open_or_create(&path, &design, &stimuli)?;
//! let agent = journal.register(&Agent { name: "first".into(), ..Agent::default() })?;
//! let settled = journal.standing(agent)?.settled;
//! let open: Vec<Record> = (0..design.len())
//!     .filter(|&number| !settled.contains(number))
//!     .filter_map(|number| design.trial(number))
//!     .map(|trial| Record::new(trial, Outcome::Chosen(Position::First)))
//!     .collect();
//! assert_eq!(journal.append(agent, &open)?.choices, 4);
//! assert_eq!(journal.append(agent, &open)?.already_there, 4);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod lock;
mod merge;
mod record;
mod reply;
mod schema;
mod settled;
mod spent;
mod stream;
mod verify;
mod writer;

pub use error::JournalError;
pub use lock::Owner;
pub use merge::{Conflict, Merged};
pub use record::{Agent, AgentId, MAX_AGENTS, MAX_NUMBER, Record, Stored};
pub use reply::{MAX_REPLY, ReplyRef};
pub use settled::Settled;
pub use spent::Spent;
pub use verify::{Problem, Verification};
pub use writer::{Appended, JournalWriter};

use crate::cause::Cause;
use crate::design::{Design, DesignParams};
use crate::trial::{Choice, ChoiceSet, Outcome, Split};
use emotome_stimuli::StimulusSet;
use emotome_stimuli::run::Run;
use record::{ATTEMPT_COLUMNS, COLUMNS, cause_of, outcome_of, split_of, triplet_of};
use reply::Opened;
use rusqlite::{Connection, OptionalExtension};
use settled::Segment;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A journal open for reading.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    db: Connection,
    design: Design,
    opened: RefCell<Option<Opened>>,
}

/// Where an agent stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Choices, by chosen place.
    pub chosen: [u64; 3],
    /// Attempts without a choice: invalid, ambiguous, refused, timed out, failed.
    pub without_choice: [u64; 5],
    /// Attempts without a choice by their cause, where it is known.
    pub causes: BTreeMap<Cause, u64>,
    /// Requests, tokens and money of everything recorded.
    pub spent: Spent,
    /// The trials that need not be asked again.
    pub settled: Settled,
}

impl Standing {
    /// The number of choices.
    #[must_use]
    pub fn choices(&self) -> u64 {
        self.chosen.iter().sum()
    }

    /// The count of an outcome.
    #[must_use]
    pub fn count(&self, outcome: Outcome) -> u64 {
        match record::outcome_code(outcome) {
            code @ 0..3 => self.chosen[usize::from(code)],
            code => self.without_choice[usize::from(code) - 3],
        }
    }
}

impl Journal {
    /// Whether a file is a database, as journals are; `false` also for one that cannot be read.
    #[must_use]
    pub fn is_at(path: impl AsRef<Path>) -> bool {
        let mut start = [0; schema::FIRST_BYTES.len()];
        File::open(path).is_ok_and(|mut file| file.read_exact(&mut start).is_ok())
            && start == *schema::FIRST_BYTES
    }

    /// Opens a journal for reading, also while it is being written.
    ///
    /// # Errors
    /// [`JournalError::Missing`], [`JournalError::NotAJournal`], [`JournalError::Newer`],
    /// [`JournalError::Damaged`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, JournalError> {
        let path = path.as_ref();
        Self::over(path, schema::open(path, false)?)
    }

    fn over(path: &Path, db: Connection) -> Result<Self, JournalError> {
        let damaged = |what: String| JournalError::Damaged {
            path: path.to_owned(),
            what,
        };
        let (json, fingerprint): (String, i64) = db
            .query_row("SELECT params, fingerprint FROM design", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .map_err(JournalError::of(path))?;
        let params: DesignParams = serde_json::from_str(&json)
            .map_err(|error| damaged(format!("its design cannot be read: {error}")))?;
        let design = params
            .check()
            .map_err(|error| damaged(format!("its design is impossible: {error}")))?;
        if design.fingerprint() != fingerprint as u64 {
            return Err(damaged(
                "its design does not have the fingerprint it was made with".into(),
            ));
        }
        Ok(Self {
            path: path.to_owned(),
            db,
            design,
            opened: RefCell::new(None),
        })
    }

    /// Where the journal lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The design whose trials are recorded.
    #[must_use]
    pub const fn design(&self) -> &Design {
        &self.design
    }

    /// The stimuli, in the order of their ids.
    ///
    /// # Errors
    /// [`JournalError::Damaged`] if they are not the design's.
    pub fn stimuli(&self) -> Result<StimulusSet, JournalError> {
        let mut statement = self.prepare("SELECT id, key FROM stimulus ORDER BY id")?;
        let mut keys = Vec::with_capacity(self.design.n_stimuli());
        let mut rows = statement.query([]).map_err(self.failed())?;
        while let Some(row) = rows.next().map_err(self.failed())? {
            let (id, key) = (row.get::<_, i64>(0), row.get::<_, String>(1));
            let (id, key) = (id.map_err(self.failed())?, key.map_err(self.failed())?);
            if id != keys.len() as i64 {
                return Err(self.damaged(format!("stimulus {} has no key", keys.len())));
            }
            keys.push(key);
        }
        if keys.len() != self.design.n_stimuli() {
            let (found, n) = (keys.len(), self.design.n_stimuli());
            return Err(self.damaged(format!("{found} keys for the {n} stimuli of the design")));
        }
        StimulusSet::from_labels(keys).map_err(|error| self.damaged(error.to_string()))
    }

    /// All agents, in the order of their first trial.
    ///
    /// # Errors
    /// [`JournalError::Database`].
    pub fn agents(&self) -> Result<Vec<(AgentId, Agent)>, JournalError> {
        let mut statement =
            self.prepare("SELECT id, name, model, revision, settings FROM agent ORDER BY id")?;
        let rows = statement
            .query_map([], |row| {
                let agent = Agent {
                    name: row.get(1)?,
                    model: row.get(2)?,
                    revision: row.get(3)?,
                    settings: row.get(4)?,
                };
                Ok((AgentId(row.get(0)?), agent))
            })
            .map_err(self.failed())?;
        rows.collect::<Result<_, _>>().map_err(self.failed())
    }

    /// The agent of a name.
    ///
    /// # Errors
    /// [`JournalError::UnknownAgent`] lists the names there are.
    pub fn agent(&self, name: &str) -> Result<AgentId, JournalError> {
        let agents = self.agents()?;
        match agents.iter().find(|(_, agent)| agent.name == name) {
            Some(&(id, _)) => Ok(id),
            None => Err(JournalError::UnknownAgent {
                name: name.to_owned(),
                known: agents.into_iter().map(|(_, agent)| agent.name).collect(),
            }),
        }
    }

    /// Where an agent stands: what is needed to resume, without reading any trial.
    ///
    /// # Errors
    /// [`JournalError::Damaged`] if a segment is torn.
    pub fn standing(&self, agent: AgentId) -> Result<Standing, JournalError> {
        let mut standing = Standing {
            chosen: [0; 3],
            without_choice: [0; 5],
            causes: BTreeMap::new(),
            spent: Spent::of(&self.db, agent)
                .map_err(self.failed())?
                .ok_or_else(|| self.damaged("it spent less than nothing".to_owned()))?,
            settled: Settled::default(),
        };
        let mut statement = self.prepare("SELECT outcome, cause, n FROM tally WHERE agent = ?1")?;
        let mut rows = statement.query([agent.0]).map_err(self.failed())?;
        while let Some(row) = rows.next().map_err(self.failed())? {
            let read =
                || -> rusqlite::Result<[i64; 3]> { Ok([row.get(0)?, row.get(1)?, row.get(2)?]) };
            let [code, cause, n] = read().map_err(self.failed())?;
            match (outcome_of(code), code as usize) {
                _ if !(0..=MAX_NUMBER as i64).contains(&n) => {
                    return Err(self.damaged(format!("a tally of {n} rows")));
                }
                (Some(Outcome::Chosen(_)), place) => standing.chosen[place] += n as u64,
                (Some(_), code) => standing.without_choice[code - 3] += n as u64,
                (None, _) => return Err(self.damaged(format!("a tally of outcome {code}"))),
            }
            match (cause, cause_of(cause)) {
                (0, _) => {}
                (_, Some(cause)) => *standing.causes.entry(cause).or_default() += n as u64,
                (code, None) => return Err(self.damaged(format!("a tally of cause {code}"))),
            }
        }
        let mut statement = self.prepare(
            "SELECT segment, choices, attempts, digest, bits FROM segment WHERE agent = ?1",
        )?;
        let mut rows = statement.query([agent.0]).map_err(self.failed())?;
        while let Some(row) = rows.next().map_err(self.failed())? {
            let (number, segment) = read_segment(row).map_err(self.failed())?;
            let segment = segment
                .ok_or_else(|| self.damaged(format!("the bits of segment {number} are torn")))?;
            standing.settled.segments.insert(number, segment);
        }
        Ok(standing)
    }

    /// The trials that need not be asked again if those that were given up in a certain way are, and
    /// how many those are.
    ///
    /// `again` is asked about the last outcome that settled a trial without a choice. Two bytes of
    /// memory for 16 trials; O(attempts) time.
    ///
    /// # Errors
    /// [`JournalError::Damaged`].
    pub fn reopened(
        &self,
        agent: AgentId,
        again: impl Fn(Outcome, Option<Cause>) -> bool,
    ) -> Result<(Settled, u64), JournalError> {
        let mut settled = self.standing(agent)?.settled;
        let mut chosen = self.prepare("SELECT 1 FROM choice WHERE key = ?1")?;
        let mut statement = self.prepare(
            "SELECT key, outcome, cause, MAX(attempt) FROM attempt \
             WHERE key BETWEEN ?1 AND ?2 AND settles = 1 GROUP BY key ORDER BY key",
        )?;
        let range = [agent.key(0), agent.key(MAX_NUMBER - 1)];
        let mut rows = statement.query(range).map_err(self.failed())?;
        let mut count = 0;
        while let Some(row) = rows.next().map_err(self.failed())? {
            let read = || -> rusqlite::Result<(i64, i64, Option<i64>)> {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            };
            let (key, outcome, cause) = read().map_err(self.failed())?;
            let (_, number) = AgentId::of_key(key);
            let outcome = outcome_of(outcome)
                .ok_or_else(|| self.damaged(format!("trial {number} has outcome {outcome}")))?;
            if again(outcome, cause.and_then(cause_of))
                && !chosen.exists([key]).map_err(self.failed())?
            {
                settled.reopen(number);
                count += 1;
            }
        }
        Ok((settled, count))
    }

    /// Visits the choices of an agent in the order of their trials, with bounded memory.
    ///
    /// # Errors
    /// Those of `visit`, which end the visit, and [`JournalError::Damaged`].
    pub fn for_each_choice<E: From<JournalError>>(
        &self,
        agent: AgentId,
        visit: impl FnMut(&Stored) -> Result<(), E>,
    ) -> Result<(), E> {
        let sql = format!("SELECT {COLUMNS} FROM choice WHERE key BETWEEN ?1 AND ?2 ORDER BY key");
        self.visit(&sql, agent.keys(), false, visit)
    }

    /// Visits the attempts of an agent that ended without a choice, in the order of their trials.
    ///
    /// # Errors
    /// Those of `visit`, which end the visit, and [`JournalError::Damaged`].
    pub fn for_each_attempt<E: From<JournalError>>(
        &self,
        agent: AgentId,
        visit: impl FnMut(&Stored) -> Result<(), E>,
    ) -> Result<(), E> {
        let sql = format!(
            "SELECT {COLUMNS}, {ATTEMPT_COLUMNS} FROM attempt WHERE key BETWEEN ?1 AND ?2 \
             ORDER BY key, attempt"
        );
        self.visit(&sql, agent.keys(), true, visit)
    }

    /// Visits the rows between two keys, both included.
    fn visit<E: From<JournalError>>(
        &self,
        sql: &str,
        range: [i64; 2],
        attempts: bool,
        mut visit: impl FnMut(&Stored) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut statement = self.prepare(sql)?;
        let mut rows = statement.query(range).map_err(self.failed())?;
        while let Some(row) = rows.next().map_err(self.failed())? {
            let stored = Stored::read(row, attempts)
                .map_err(self.failed())?
                .ok_or_else(|| {
                    let (_, number) = AgentId::of_key(row.get(0).unwrap_or(0));
                    self.damaged(format!("trial {number} holds values out of their range"))
                })?;
            visit(&stored)?;
        }
        Ok(())
    }

    /// The choices of an agent, of all splits or of those given. 16 bytes a choice.
    ///
    /// # Errors
    /// [`JournalError::Damaged`]; [`JournalError::Interrupted`] if a stop was asked for.
    pub fn choices(
        &self,
        agent: AgentId,
        splits: Option<&[Split]>,
        run: &Run<'_>,
    ) -> Result<ChoiceSet, JournalError> {
        let total = self.standing(agent)?.choices();
        run.progress.begin("reading choices", Some(total));
        let mut statement = self.prepare(
            "SELECT a, b, c, outcome, split FROM choice WHERE key BETWEEN ?1 AND ?2 ORDER BY key",
        )?;
        let range = [agent.key(0), agent.key(MAX_NUMBER - 1)];
        let mut rows = statement.query(range).map_err(self.failed())?;
        let mut choices: Vec<Choice> = Vec::new();
        let mut read = 0_u64;
        while let Some(row) = rows.next().map_err(self.failed())? {
            let (choice, split) = read_choice(row).map_err(self.failed())?.ok_or_else(|| {
                self.damaged(format!(
                    "choice {read} (counted from 0) holds values out of their range"
                ))
            })?;
            if splits.is_none_or(|splits| splits.contains(&split)) {
                choices.push(choice);
            }
            read += 1;
            if read.is_multiple_of(65_536) {
                run.progress.advance(65_536);
                if run.interrupt.requested() {
                    return Err(JournalError::Interrupted);
                }
            }
        }
        run.progress.end();
        ChoiceSet::new(self.design.n_stimuli(), choices)
            .map_err(|error| self.damaged(error.to_string()))
    }

    /// A reply, verbatim. Reading replies in the order of their trials opens each block once.
    ///
    /// # Errors
    /// [`JournalError::Damaged`] if the reply is not where it should be.
    pub fn reply(&self, place: ReplyRef) -> Result<String, JournalError> {
        let mut opened = self.opened.borrow_mut();
        if opened
            .as_ref()
            .is_none_or(|block| block.number != place.block())
        {
            let block = self
                .db
                .query_row(
                    "SELECT size, zstd FROM reply WHERE block = ?1",
                    [place.block()],
                    |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?)),
                )
                .optional()
                .map_err(self.failed())?;
            let (size, packed) = block.ok_or_else(|| {
                self.damaged(format!("block {} of the replies is missing", place.block()))
            })?;
            *opened = Some(Opened::new(&self.path, place.block(), size, &packed)?);
        }
        let reply = opened
            .as_ref()
            .and_then(|block| block.get(place))
            .map(str::to_owned);
        reply.ok_or_else(|| {
            self.damaged(format!(
                "block {} of the replies has no reply {}",
                place.block(),
                place.index()
            ))
        })
    }

    fn prepare(&self, sql: &str) -> Result<rusqlite::Statement<'_>, JournalError> {
        self.db.prepare(sql).map_err(self.failed())
    }

    fn failed(&self) -> impl Fn(rusqlite::Error) -> JournalError + '_ {
        JournalError::of(&self.path)
    }

    fn damaged(&self, what: String) -> JournalError {
        JournalError::Damaged {
            path: self.path.clone(),
            what,
        }
    }
}

/// Reads segment, choices, attempts, digest, bits; no segment if the bits are torn.
fn read_segment(row: &rusqlite::Row<'_>) -> rusqlite::Result<(u64, Option<Segment>)> {
    let [number, choices, attempts, digest]: [i64; 4] =
        [row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?];
    let bits = row.get_ref(4)?.as_blob_or_null()?;
    Ok((
        number as u64,
        Segment::load(bits, choices as u64, attempts as u64, digest as u64),
    ))
}

/// Reads a, b, c, outcome, split; `None` if a value is out of its range.
fn read_choice(row: &rusqlite::Row<'_>) -> rusqlite::Result<Option<(Choice, Split)>> {
    let [a, b, c, outcome, split]: [i64; 5] = [
        row.get(0)?,
        row.get(1)?,
        row.get(2)?,
        row.get(3)?,
        row.get(4)?,
    ];
    let parse = || {
        let triplet = triplet_of([a, b, c])?;
        let odd = outcome_of(outcome)?.chosen()?;
        Some((Choice { triplet, odd }, split_of(split)?))
    };
    Ok(parse())
}
