//! One writer at a time: a lock that ends with its process.

use super::error::JournalError;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// The process that writes a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Its process id.
    pub pid: u32,
    /// Its machine.
    pub host: String,
    /// When it began, in seconds since 1970 (UTC).
    pub since: u64,
}

impl Owner {
    fn this_process() -> Self {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname")
            .or_else(|_| std::env::var("HOSTNAME"))
            .or_else(|_| std::env::var("COMPUTERNAME"))
            .map_or_else(
                |_| "an unnamed machine".to_owned(),
                |host| host.trim().to_owned(),
            );
        Self {
            pid: std::process::id(),
            host,
            since: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |t| t.as_secs()),
        }
    }

    fn read(file: &mut File) -> Option<Self> {
        let mut text = String::new();
        file.rewind().ok()?;
        file.take(4096).read_to_string(&mut text).ok()?;
        serde_json::from_str(&text).ok()
    }
}

/// An exclusive advisory lock on `JOURNAL.lock`, held until dropped or until the process ends in
/// whatever way: the operating system releases it, so that no stale lock has to be guessed at.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
    /// The owner that ended without releasing the lock properly.
    pub(super) died: Option<Owner>,
}

impl Lock {
    pub(super) fn acquire(journal: &Path) -> Result<Self, JournalError> {
        let mut path = journal.as_os_str().to_owned();
        path.push(".lock");
        let path = PathBuf::from(path);
        let failed = |source| JournalError::Io {
            path: path.clone(),
            source,
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let unknown = || Owner {
                    pid: 0,
                    host: "an unknown machine".to_owned(),
                    since: 0,
                };
                let owner = Owner::read(&mut file).unwrap_or_else(unknown);
                return Err(JournalError::Locked {
                    path: journal.to_owned(),
                    owner,
                });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let died = Owner::read(&mut file);
        let mut lock = Self { file, died };
        let text =
            serde_json::to_string(&Owner::this_process()).expect("plain strings and numbers");
        lock.write(&text).map_err(failed)?;
        Ok(lock)
    }

    fn write(&mut self, text: &str) -> std::io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.file.write_all(text.as_bytes())
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // An empty file says that its owner ended properly. Closing the file alone would leave the
        // lock to a child process that is just being started and still shares the handle.
        let _ = self.write("");
        let _ = self.file.unlock();
    }
}
