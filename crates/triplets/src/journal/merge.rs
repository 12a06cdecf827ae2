//! Merging journals of one design whose shards were collected apart.

use super::Journal;
use super::error::JournalError;
use super::record::{ATTEMPT_COLUMNS, AgentId, COLUMNS, Record, Stored};
use super::writer::JournalWriter;
use emotome_stimuli::run::Run;
use rusqlite::OptionalExtension;
use serde::Serialize;
use std::fmt;
use std::path::Path;

/// What a merge took over from a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Merged {
    /// Choices taken over.
    pub choices: u64,
    /// Attempts without a choice taken over.
    pub attempts: u64,
    /// Choices that were there already, the same.
    pub already_there: u64,
    /// Attempts that were there already, the same in everything.
    pub attempts_already_there: u64,
}

/// A trial of one agent for which two journals hold different choices.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Conflict {
    /// The agent's name.
    pub agent: String,
    /// The trial.
    pub number: u64,
    /// The place chosen, counted from 0, in the journal merged into and in the shard.
    pub chosen: [u8; 2],
    /// The probabilities given, where an agent gives them.
    pub probabilities: [Option<[f32; 3]>; 2],
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [here, there] = self.chosen;
        write!(f, "agent {:?}, trial {}: ", self.agent, self.number)?;
        if here == there {
            let [here, there] = self.probabilities;
            write!(f, "probabilities {here:?} and {there:?}")
        } else {
            write!(f, "places {here} and {there} (counted from 0)")
        }
    }
}

/// Rows, and bytes of replies, that are stored at a time.
const BATCH_ROWS: usize = 16_384;
const BATCH_BYTES: usize = 16 << 20;

/// The most conflicts that are listed.
const EXAMPLES: usize = 5;

impl JournalWriter {
    /// Takes over everything that the journal of a shard holds, each trial of an agent once.
    ///
    /// The shard is locked meanwhile and verified first; it stays as it is. Agents are matched by
    /// name and must be the same in everything. A choice that both journals hold with the same place
    /// and probabilities counts as already there; of an attempt without a choice, copies that are
    /// equal in everything, reply and latency included, count as one. Choices that differ
    /// contradict the promise that an agent is asked once: then nothing of the shard is taken over.
    ///
    /// A merge that was stopped, killed or found no room goes on when it is called again. O(rows).
    ///
    /// ```
    /// # use emotome_stimuli::{StimulusSet, run::{Interrupt, Run, Silent}};
    /// # use emotome_triplets::{Outcome, Position, design::DesignParams, journal::{Agent, Record}};
    /// use emotome_triplets::journal::JournalWriter;
    /// # let folder = tempfile::tempdir()?;
    /// # let design = DesignParams { trials: 9, ..DesignParams::new(5, 1) }.check()?;
    /// # let stimuli = StimulusSet::from_labels(["fog", "kiss", "wasp", "rain", "sun"])?;
    /// # let run = Run { progress: &Silent, interrupt: &Interrupt::default() };
    /// # let shards = [0, 1].map(|k| folder.path().join(format!("shard{k}.db")));
    /// # for (k, shard) in shards.iter().enumerate() {
    /// #     let mut journal = JournalWriter::create(shard, &design, &stimuli)?;
    /// #     let agent = journal.register(&Agent::default())?;
    /// #     let trials = design.shard(k as u64, 2).filter_map(|t| design.trial(t));
    /// #     let records: Vec<_> = trials.map(|t| Record::new(t, Outcome::Chosen(Position::First))).collect();
    /// #     journal.append(agent, &records)?;
    /// # }
    /// let mut journal = JournalWriter::open_or_create(folder.path().join("all.db"), &design, &stimuli)?;
    /// assert_eq!(journal.merge(&shards[0], &run)?.choices, 5);
    /// assert_eq!(journal.merge(&shards[1], &run)?.choices, 4);
    /// assert_eq!(journal.merge(&shards[1], &run)?.already_there, 4);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`JournalError::Conflicts`] with their number and examples, [`JournalError::OtherDesign`],
    /// [`JournalError::OtherStimuli`], [`JournalError::OtherAgent`], [`JournalError::Locked`] and
    /// [`JournalError::Damaged`] before anything is stored; [`JournalError::MergeStopped`] and
    /// [`JournalError::Full`] between batches.
    pub fn merge(
        &mut self,
        shard: impl AsRef<Path>,
        run: &Run<'_>,
    ) -> Result<Merged, JournalError> {
        // Opened for writing, so that nobody else writes to it.
        let shard = Self::open(shard)?;
        let verified = shard.verify(run)?;
        if let Some(problem) = verified.problems.first() {
            let others = verified.problem_count - 1;
            return Err(shard.damaged(format!("{problem} (and {others} more problems)")));
        }
        self.check_same(shard.design(), &shard.stimuli()?)?;
        self.check_conflicts(&shard, run)?;
        self.extend(shard.design())?;
        let total = verified.choices + verified.attempts;
        let mut merge = Merge {
            into: self,
            from: &shard,
            run,
            batch: Vec::new(),
            bytes: 0,
            done: 0,
            total,
            merged: Merged::default(),
        };
        run.progress.begin("merging", Some(total));
        for (from, agent) in shard.agents()? {
            let into = merge.into.register(&agent)?;
            merge.choices(from, into)?;
            merge.attempts(from, into)?;
        }
        run.progress.end();
        Ok(merge.merged)
    }

    /// Compares the choices that both journals hold.
    fn check_conflicts(&self, shard: &Journal, run: &Run<'_>) -> Result<(), JournalError> {
        let ours = self.agents()?;
        let (mut compared, mut shared, mut conflicts, mut examples) = (0_u64, 0, 0, Vec::new());
        run.progress.begin("comparing", None);
        for (there, agent) in shard.agents()? {
            let Some((here, known)) = ours.iter().find(|(_, known)| known.name == agent.name)
            else {
                continue;
            };
            known.check_same(&agent)?;
            let settled = self.standing(*here)?.settled;
            let mut statement =
                self.prepare(&format!("SELECT {COLUMNS} FROM choice WHERE key = ?1"))?;
            shard.for_each_choice(there, |theirs| -> Result<(), JournalError> {
                let number = theirs.trial.number;
                compared += 1;
                if compared.is_multiple_of(65_536) && run.interrupt.requested() {
                    return Err(JournalError::Interrupted);
                }
                if !settled.contains(number) {
                    return Ok(());
                }
                let ours = statement
                    .query_row([here.key(number)], |row| Stored::read(row, false))
                    .optional()
                    .map_err(self.failed())?
                    .flatten();
                let Some(ours) = ours else { return Ok(()) };
                shared += 1;
                let both = [ours, *theirs];
                let [a, b] =
                    both.map(|row| (row.outcome, row.probabilities.map(|p| p.map(f32::to_bits))));
                if a == b {
                    return Ok(());
                }
                conflicts += 1;
                if examples.len() < EXAMPLES {
                    examples.push(Conflict {
                        agent: agent.name.clone(),
                        number,
                        chosen: both.map(|row| super::record::outcome_code(row.outcome)),
                        probabilities: both.map(|row| row.probabilities),
                    });
                }
                Ok(())
            })?;
        }
        run.progress.end();
        if conflicts > 0 {
            return Err(JournalError::Conflicts {
                journal: self.path().to_owned(),
                shard: shard.path().to_owned(),
                shared,
                conflicts,
                examples,
            });
        }
        Ok(())
    }
}

/// A row with its reply.
#[derive(Clone)]
struct Row {
    stored: Stored,
    reply: Option<String>,
}

impl Row {
    fn of(journal: &Journal, stored: Stored) -> Result<Self, JournalError> {
        let reply = stored.reply.map(|place| journal.reply(place)).transpose()?;
        Ok(Self { stored, reply })
    }

    /// Whether two attempts at a trial are copies of one.
    fn same(&self, other: &Self) -> bool {
        let content = |row: &Self| {
            let stored = Stored {
                agent: self.stored.agent,
                attempt: 0,
                reply: None,
                ..row.stored
            };
            stored.digest()
        };
        self.reply == other.reply && content(self) == content(other)
    }

    fn record(&self) -> Record<'_> {
        Record {
            trial: self.stored.trial,
            outcome: self.stored.outcome,
            cause: self.stored.cause,
            settles: self.stored.settles,
            probabilities: self.stored.probabilities,
            latency_ms: self.stored.latency_ms,
            prompt: self.stored.prompt,
            seed: self.stored.seed,
            reply: self.reply.as_deref(),
            at: self.stored.at,
            requests: self.stored.requests,
            usage: self.stored.usage,
        }
    }
}

/// A merge on its way.
struct Merge<'a> {
    into: &'a mut JournalWriter,
    from: &'a Journal,
    run: &'a Run<'a>,
    batch: Vec<Row>,
    bytes: usize,
    done: u64,
    total: u64,
    merged: Merged,
}

impl Merge<'_> {
    fn choices(&mut self, from: AgentId, into: AgentId) -> Result<(), JournalError> {
        let shard = self.from;
        shard.for_each_choice(from, |row| -> Result<(), JournalError> {
            self.take(Row::of(shard, *row)?);
            self.store_if_full(into)
        })?;
        self.store(into)
    }

    fn attempts(&mut self, from: AgentId, into: AgentId) -> Result<(), JournalError> {
        let shard = self.from;
        let mut trial: Vec<Row> = Vec::new();
        shard.for_each_attempt(from, |row| {
            if trial
                .first()
                .is_some_and(|first| first.stored.trial != row.trial)
            {
                self.attempts_at_a_trial(std::mem::take(&mut trial), into)?;
            }
            trial.push(Row::of(shard, *row)?);
            Ok::<_, JournalError>(())
        })?;
        self.attempts_at_a_trial(trial, into)?;
        self.store(into)
    }

    /// Takes over the attempts at one trial that are not there yet.
    fn attempts_at_a_trial(&mut self, rows: Vec<Row>, into: AgentId) -> Result<(), JournalError> {
        let Some(first) = rows.first() else {
            return Ok(());
        };
        let mut there = self.into.attempts_at(into, first.stored.trial.number)?;
        for row in rows {
            match there.iter().position(|known| known.same(&row)) {
                Some(known) => {
                    there.swap_remove(known);
                    self.merged.attempts_already_there += 1;
                    self.done += 1;
                    self.run.progress.advance(1);
                }
                None => self.take(row),
            }
        }
        // Only between trials, so that what is there is known for each as a whole.
        self.store_if_full(into)
    }

    fn take(&mut self, row: Row) {
        self.bytes += row.reply.as_ref().map_or(0, String::len);
        self.batch.push(row);
    }

    fn store_if_full(&mut self, into: AgentId) -> Result<(), JournalError> {
        if self.batch.len() < BATCH_ROWS && self.bytes < BATCH_BYTES {
            return Ok(());
        }
        self.store(into)?;
        if self.run.interrupt.requested() {
            return Err(JournalError::MergeStopped {
                shard: self.from.path().to_owned(),
                done: self.done,
                total: self.total,
            });
        }
        Ok(())
    }

    fn store(&mut self, into: AgentId) -> Result<(), JournalError> {
        let records: Vec<Record<'_>> = self.batch.iter().map(Row::record).collect();
        let appended = self.into.append(into, &records)?;
        let rows = self.batch.len() as u64;
        self.merged.choices += appended.choices;
        self.merged.attempts += appended.attempts;
        self.merged.already_there += appended.already_there;
        self.done += rows;
        self.run.progress.advance(rows);
        self.batch.clear();
        self.bytes = 0;
        Ok(())
    }
}

impl Journal {
    /// The attempts of an agent at a trial, with their replies.
    fn attempts_at(&self, agent: AgentId, number: u64) -> Result<Vec<Row>, JournalError> {
        let sql = format!("SELECT {COLUMNS}, {ATTEMPT_COLUMNS} FROM attempt WHERE key = ?1");
        let mut statement = self.prepare(&sql)?;
        let mut rows = statement
            .query([agent.key(number)])
            .map_err(self.failed())?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(self.failed())? {
            let stored = Stored::read(row, true).map_err(self.failed())?;
            let stored = stored.ok_or_else(|| {
                self.damaged(format!("trial {number} holds values out of their range"))
            })?;
            found.push(Row::of(self, stored)?);
        }
        Ok(found)
    }
}
