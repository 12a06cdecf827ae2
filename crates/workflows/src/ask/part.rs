//! Lines that are kept as they come, so that a run that was killed goes on where it was.

use emotome_stimuli::output::OutputError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{File, TryLockError};
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// Lines are on the disk after this long: what a crash of the machine may cost is bounded. A process that is killed
/// loses none.
const COMMIT: Duration = Duration::from_millis(500);

/// A file of JSON lines that one process appends to. Its first line says how the others are made.
#[derive(Debug)]
pub(crate) struct Part {
    file: File,
    synced: Instant,
}

/// Why lines cannot be kept there.
#[derive(Debug)]
pub(crate) enum PartError {
    /// The file cannot be read or written.
    Output(OutputError),
    /// Another process appends to it.
    Busy,
    /// Its lines are made in another way.
    Other,
}

impl Part {
    /// Opens the file of lines that are made so, or begins it, and reads the lines that are there. A torn last line is
    /// that of a process that was killed and is cut off; a line of another form is passed over.
    pub(crate) fn open<T: DeserializeOwned>(
        path: &Path,
        made: &str,
    ) -> Result<(Self, Vec<T>), PartError> {
        let failed = |source| {
            let path = path.to_owned();
            PartError::Output(OutputError::Io { path, source })
        };
        let mut file = File::options()
            .read(true)
            .append(true)
            .create(true)
            .open(path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::Error(source)) => return Err(failed(source)),
            Err(TryLockError::WouldBlock) => return Err(PartError::Busy),
        }
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(failed)?;
        let end = text.iter().rposition(|&byte| byte == b'\n');
        let whole = end.map_or(0, |end| end + 1);
        let mut lines = text[..whole].split(|&byte| byte == b'\n');
        if whole > 0 && lines.next() != Some(made.as_bytes()) {
            return Err(PartError::Other);
        }
        file.set_len(whole as u64).map_err(failed)?;
        let rows = lines.filter_map(|line| serde_json::from_slice(line).ok());
        let rows = if whole > 0 {
            rows.collect()
        } else {
            Vec::new()
        };
        let mut part = Self {
            file,
            synced: Instant::now(),
        };
        if whole == 0 {
            part.line(made.as_bytes().to_vec()).map_err(failed)?;
        }
        Ok((part, rows))
    }

    /// Appends a line.
    pub(crate) fn append(&mut self, row: &impl Serialize) -> io::Result<()> {
        self.line(serde_json::to_vec(row)?)
    }

    fn line(&mut self, mut line: Vec<u8>) -> io::Result<()> {
        line.push(b'\n');
        self.file.write_all(&line)?;
        if self.synced.elapsed() >= COMMIT {
            self.synced = Instant::now();
            self.file.sync_data()?;
        }
        Ok(())
    }

    /// Puts everything on the disk.
    pub(crate) fn end(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_line_is_cut_off_and_lines_of_another_making_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rows.jsonl");
        let open = |made: &str| Part::open::<u32>(&path, made);
        let (mut part, rows) = open("{1}").unwrap();
        assert!(rows.is_empty());
        part.append(&7_u32).unwrap();
        assert!(matches!(open("{1}"), Err(PartError::Busy)));
        part.line(b"no number".to_vec()).unwrap();
        part.append(&8_u32).unwrap();
        part.file.write_all(b"9").unwrap();
        drop(part);
        assert!(matches!(open("{2}"), Err(PartError::Other)));
        let (mut part, rows) = open("{1}").unwrap();
        assert_eq!(rows, [7, 8]);
        part.append(&10_u32).unwrap();
        drop(part);
        assert_eq!(open("{1}").unwrap().1, [7, 8, 10]);
    }
}
