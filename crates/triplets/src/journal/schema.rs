//! The tables of a journal, and how a journal is recognised.

use super::error::JournalError;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;

/// "EmoJ": marks a database file as a journal.
const APPLICATION_ID: i64 = 0x456d_6f4a;

/// How every database file of SQLite begins.
pub(super) const FIRST_BYTES: &[u8; 16] = b"SQLite format 3\0";

/// The format that this program writes.
pub(super) const FORMAT: i64 = 2;

/// Tables of format 2, by name.
pub(super) const TABLES: [(&str, &str); 9] = [
    (
        "design",
        "CREATE TABLE design (params TEXT NOT NULL, fingerprint INTEGER NOT NULL) STRICT",
    ),
    (
        "stimulus",
        "CREATE TABLE stimulus (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE) STRICT",
    ),
    (
        "agent",
        "CREATE TABLE agent (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, model TEXT NOT NULL, \
         revision TEXT NOT NULL, settings TEXT NOT NULL) STRICT",
    ),
    (
        "choice",
        "CREATE TABLE choice (key INTEGER PRIMARY KEY, a INTEGER NOT NULL, b INTEGER NOT NULL, c INTEGER NOT NULL, \
         replicate INTEGER NOT NULL, split INTEGER NOT NULL, outcome INTEGER NOT NULL, p BLOB, latency_ms INTEGER, \
         prompt INTEGER, seed INTEGER, reply INTEGER, at INTEGER, requests INTEGER, prompt_tokens INTEGER, \
         cached_tokens INTEGER, completion_tokens INTEGER, cost INTEGER) STRICT",
    ),
    (
        "attempt",
        "CREATE TABLE attempt (key INTEGER NOT NULL, attempt INTEGER NOT NULL, a INTEGER NOT NULL, \
         b INTEGER NOT NULL, c INTEGER NOT NULL, replicate INTEGER NOT NULL, split INTEGER NOT NULL, \
         outcome INTEGER NOT NULL, cause INTEGER, settles INTEGER NOT NULL, p BLOB, latency_ms INTEGER, \
         prompt INTEGER, seed INTEGER, reply INTEGER, at INTEGER, requests INTEGER, prompt_tokens INTEGER, \
         cached_tokens INTEGER, completion_tokens INTEGER, cost INTEGER, PRIMARY KEY (key, attempt)) STRICT, WITHOUT ROWID",
    ),
    (
        "reply",
        "CREATE TABLE reply (block INTEGER PRIMARY KEY, size INTEGER NOT NULL, zstd BLOB NOT NULL) STRICT",
    ),
    (
        "segment",
        "CREATE TABLE segment (agent INTEGER NOT NULL, segment INTEGER NOT NULL, choices INTEGER NOT NULL, \
         attempts INTEGER NOT NULL, digest INTEGER NOT NULL, bits BLOB, PRIMARY KEY (agent, segment)) STRICT, \
         WITHOUT ROWID",
    ),
    (
        "tally",
        "CREATE TABLE tally (agent INTEGER NOT NULL, outcome INTEGER NOT NULL, cause INTEGER NOT NULL, \
         n INTEGER NOT NULL, PRIMARY KEY (agent, outcome, cause)) STRICT, WITHOUT ROWID",
    ),
    (
        "spent",
        "CREATE TABLE spent (agent INTEGER PRIMARY KEY, requests INTEGER NOT NULL, prompt_tokens INTEGER NOT NULL, \
         cached_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, cost INTEGER NOT NULL, \
         uncounted INTEGER NOT NULL, unpriced INTEGER NOT NULL) STRICT",
    ),
];

/// Opens an existing journal and checks that it is one.
pub(super) fn open(path: &Path, write: bool) -> Result<Connection, JournalError> {
    match std::fs::metadata(path) {
        Ok(meta) if meta.is_file() => {}
        Ok(_) => {
            let found = "it is no file".to_owned();
            return Err(JournalError::NotAJournal {
                path: path.to_owned(),
                found,
            });
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(JournalError::Missing {
                path: path.to_owned(),
            });
        }
        Err(source) => {
            return Err(JournalError::Io {
                path: path.to_owned(),
                source,
            });
        }
    }
    let access = if write {
        OpenFlags::SQLITE_OPEN_READ_WRITE
    } else {
        OpenFlags::SQLITE_OPEN_READ_ONLY
    };
    let failed = JournalError::of(path);
    let db = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .map_err(&failed)?;
    let pragma = |name| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let application = pragma("application_id").map_err(&failed)?;
    if application != APPLICATION_ID {
        let found = match application {
            0 => "an SQLite database or empty file without a mark".to_owned(),
            other => format!("an SQLite database of application {other:#x}"),
        };
        return Err(JournalError::NotAJournal {
            path: path.to_owned(),
            found,
        });
    }
    let found = pragma("user_version").map_err(&failed)?;
    if found > FORMAT {
        return Err(JournalError::Newer {
            path: path.to_owned(),
            found,
            known: FORMAT,
        });
    }
    if (1..FORMAT).contains(&found) {
        return Err(JournalError::Older {
            path: path.to_owned(),
            found,
            known: FORMAT,
        });
    }
    if found < FORMAT {
        let found = format!("a journal that was never finished, format {found}");
        return Err(JournalError::NotAJournal {
            path: path.to_owned(),
            found,
        });
    }
    configure(&db).map_err(&failed)?;
    if let Some(changed) = changed(&db).map_err(&failed)? {
        return Err(JournalError::NotAJournal {
            path: path.to_owned(),
            found: format!("{changed} is not as emotome makes it"),
        });
    }
    Ok(db)
}

/// The first table that is not as made, or anything that could compute instead of hold: what is
/// read from a journal is what lies in it.
fn changed(db: &Connection) -> rusqlite::Result<Option<String>> {
    let mut statement = db.prepare("SELECT type, name, sql FROM sqlite_schema")?;
    let objects: Vec<(String, String, Option<String>)> = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let foreign = objects
        .iter()
        .find(|(kind, name, sql)| match kind.as_str() {
            "table" => !TABLES
                .iter()
                .any(|made| (made.0, Some(made.1)) == (name, sql.as_deref())),
            kind => kind != "index",
        });
    let missing = TABLES
        .iter()
        .find(|made| !objects.iter().any(|(_, name, _)| name == made.0));
    Ok(foreign
        .map(|(kind, name, _)| format!("{kind} {name}"))
        .or_else(|| missing.map(|(name, _)| format!("table {name}"))))
}

/// Makes the file of a new journal and its tables, within a transaction that the caller ends.
///
/// An empty database is no journal yet: a process may have died while making it.
pub(super) fn create(path: &Path) -> Result<Connection, JournalError> {
    let failed = JournalError::of(path);
    let exists = || JournalError::Exists {
        path: path.to_owned(),
    };
    if path.exists() && !path.is_file() {
        return Err(exists());
    }
    let access = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, access).map_err(&failed)?;
    let tables = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| {
        row.get::<_, i64>(0)
    });
    match tables {
        Ok(0) => {}
        Ok(_) => return Err(exists()),
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) => {
            return Err(exists());
        }
        Err(error) => return Err(failed(error)),
    }
    let make = || -> rusqlite::Result<()> {
        db.pragma_update(None, "page_size", PAGE)?;
        db.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
        configure(&db)?;
        db.execute_batch("BEGIN IMMEDIATE")?;
        for (_, sql) in TABLES {
            db.execute_batch(sql)?;
        }
        db.pragma_update(None, "application_id", APPLICATION_ID)?;
        db.pragma_update(None, "user_version", FORMAT)
    };
    make().map_err(&failed)?;
    Ok(db)
}

/// Bytes of a database page.
const PAGE: i64 = 8_192;

fn configure(db: &Connection) -> rusqlite::Result<()> {
    db.busy_timeout(std::time::Duration::from_secs(10))?;
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "trusted_schema", false)?;
    db.pragma_update(None, "cell_size_check", true)?;
    db.pragma_update(None, "cache_size", -32_768)?;
    // 32 MiB of log between checkpoints: few enough to replay at once, many enough to write in bulk.
    db.pragma_update_and_check(None, "wal_autocheckpoint", 4_096, |_| Ok(()))
}
