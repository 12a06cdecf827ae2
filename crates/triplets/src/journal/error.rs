//! What can go wrong with a journal, and what to do about it.

use super::lock::Owner;
use super::merge::Conflict;
use crate::cause::Cause;
use crate::trial::{Outcome, Trial};
use emotome_stimuli::provenance::timestamp;
use std::path::{Path, PathBuf};

/// Why a journal cannot be opened, written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// There is no journal.
    #[error("there is no journal at {}; `emotome collect` makes one", path.display())]
    Missing {
        /// Where it was sought.
        path: PathBuf,
    },
    /// There is something already.
    #[error("{} exists; a new journal needs a new name (an existing journal is opened, never overwritten)", path.display())]
    Exists {
        /// Where the journal was to be made.
        path: PathBuf,
    },
    /// The file is something else.
    #[error("{} is no emotome journal ({found}); give the path of a journal made by `emotome collect`", path.display())]
    NotAJournal {
        /// The file.
        path: PathBuf,
        /// What it looks like.
        found: String,
    },
    /// The journal is of a later version.
    #[error("{} has journal format {found}, this program knows up to {known}; use the newer program that wrote it", path.display())]
    Newer {
        /// The journal.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The newest known format.
        known: i64,
    },
    /// The journal is of an early version.
    #[error(
        "{} has journal format {found}, which no release wrote; this program reads format {known}: collect into a \
         new journal",
        path.display()
    )]
    Older {
        /// The journal.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The format that is read.
        known: i64,
    },
    /// Another process is writing.
    #[error(
        "{} is being written by process {} on {} since {}; a journal has one writer: wait for it or stop it (the lock \
         ends with that process), or collect another shard into another journal",
        path.display(), owner.pid, owner.host, timestamp(owner.since)
    )]
    Locked {
        /// The journal.
        path: PathBuf,
        /// Who writes.
        owner: Owner,
    },
    /// The disk, or the allowance, is full.
    #[error(
        "no room left for {}; the batch was not stored, every earlier one is: make room and start again, it resumes \
         where it stopped",
        path.display()
    )]
    Full {
        /// The journal.
        path: PathBuf,
    },
    /// The journal belongs to another design.
    #[error(
        "{} was collected under another design (fingerprint {found:016x}, here {expected:016x}): stimuli, seed, \
         balance, shares, ceiling or full set differ; use a new journal for a new design",
        path.display()
    )]
    OtherDesign {
        /// The journal.
        path: PathBuf,
        /// The fingerprint of its design.
        found: u64,
        /// The fingerprint of the design given.
        expected: u64,
    },
    /// The journal belongs to other stimuli.
    #[error("{} has {found:?} as stimulus {id} (counted from 0), the study has {expected:?}; trials name stimuli by number, so the list must not change: restore it or use a new journal", path.display())]
    OtherStimuli {
        /// The journal.
        path: PathBuf,
        /// The first id that differs.
        id: usize,
        /// The key in the journal, empty past its end.
        found: String,
        /// The key in the study, empty past its end.
        expected: String,
    },
    /// An agent changed under its name.
    #[error(
        "agent {name:?} answered with {field} {recorded:?} so far and now has {found:?}; answers of two agents must not mix: give the changed one a new name"
    )]
    OtherAgent {
        /// The name.
        name: String,
        /// What changed.
        field: &'static str,
        /// What it was.
        recorded: String,
        /// What it is now.
        found: String,
    },
    /// An agent is not in the journal.
    #[error("agent {name:?} has no trials in this journal; it has {known:?}")]
    UnknownAgent {
        /// The name sought.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// A record is not the trial of its number.
    #[error("trial {} was given as {found:?}, but the journal's design shows {expected:?}; take trials from the journal's own design", found.number)]
    OtherTrial {
        /// The trial given.
        found: Box<Trial>,
        /// The trial of the design, if it has one of that number.
        expected: Option<Box<Trial>>,
    },
    /// A record names a cause that is of another outcome.
    #[error(
        "trial {number} was given as {} with the cause {cause}, which is a kind of {}",
        outcome.status(), cause.outcome().status()
    )]
    OtherCause {
        /// The trial.
        number: u64,
        /// What became of it.
        outcome: Outcome,
        /// The cause given.
        cause: Cause,
    },
    /// A limit of the format is exceeded.
    #[error("{what} = {found}; a journal holds at most {max}")]
    Limit {
        /// What is too large.
        what: &'static str,
        /// What was found.
        found: u64,
        /// The most possible.
        max: u64,
    },
    /// The journal contradicts itself.
    #[error("{} is damaged: {what}; `emotome journal verify` lists everything, a copy or `emotome export` may save the rest", path.display())]
    Damaged {
        /// The journal.
        path: PathBuf,
        /// What was found.
        what: String,
    },
    /// A shard answers trials otherwise than the journal it is merged into.
    #[error(
        "{} and {} both hold {shared} choices, {conflicts} of them different, e.g. {}; an agent is asked each trial \
         once, so one of the two is another agent under the same name, or was asked again: nothing of the shard was \
         taken over; leave it out, or collect it under a name of its own",
        journal.display(), shard.display(),
        examples.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    )]
    Conflicts {
        /// The journal merged into.
        journal: PathBuf,
        /// The shard.
        shard: PathBuf,
        /// The choices that both hold.
        shared: u64,
        /// Of these, the different ones.
        conflicts: u64,
        /// The first of them.
        examples: Vec<Conflict>,
    },
    /// A stop was asked for during a merge.
    #[error("stopped on request after {done} of {total} rows of {}; run the same command to go on", shard.display())]
    MergeStopped {
        /// The shard being merged.
        shard: PathBuf,
        /// Rows that are stored.
        done: u64,
        /// Rows of the shard.
        total: u64,
    },
    /// A stop was asked for.
    #[error("stopped on request; nothing was changed")]
    Interrupted,
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The database refused.
    #[error("{}: {source}", path.display())]
    Database {
        /// The journal.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
}

impl JournalError {
    /// What a database error means for the journal at `path`.
    pub(super) fn of(path: &Path) -> impl Fn(rusqlite::Error) -> Self + '_ {
        move |source| {
            let path = path.to_owned();
            match source.sqlite_error_code() {
                Some(rusqlite::ErrorCode::DiskFull) => Self::Full { path },
                Some(rusqlite::ErrorCode::NotADatabase) => Self::NotAJournal {
                    path,
                    found: "it is no SQLite database".to_owned(),
                },
                Some(rusqlite::ErrorCode::DatabaseCorrupt) => Self::Damaged {
                    path,
                    what: source.to_string(),
                },
                _ => Self::Database { path, source },
            }
        }
    }
}
