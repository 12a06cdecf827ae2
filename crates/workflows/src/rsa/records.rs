//! Records of finished work, so that work that was cut off goes on where it stopped.
//!
//! One file: a mark of eight bytes, the digest of everything that the results depend on, then records: the length of the
//! content, the content, and the CRC-32 of both. A record that was cut off or damaged, and all after it, is dropped.

use emotome_stimuli::digest::Sha256Sum;
use emotome_stimuli::output::OutputError;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How often records are forced to the disk.
const SYNC_EVERY: Duration = Duration::from_secs(2);

/// A file of records that grows.
pub(super) struct Records {
    path: PathBuf,
    file: File,
    synced: Instant,
}

impl Records {
    /// Begins a file, in place of any that is there.
    pub(super) fn begin(
        path: PathBuf,
        mark: [u8; 8],
        digest: &Sha256Sum,
    ) -> Result<Self, OutputError> {
        let begun = (|| {
            let mut file = File::create(&path)?;
            file.write_all(&mark)?;
            file.write_all(digest.to_string().as_bytes())?;
            file.sync_all()?;
            Ok(file)
        })();
        Self::at(path, begun)
    }

    /// Hands what an interrupted run left to `take`, which refuses what it cannot read; none if there is no such file,
    /// or it is of other inputs.
    pub(super) fn resume(
        path: PathBuf,
        mark: [u8; 8],
        digest: &Sha256Sum,
        mut take: impl FnMut(&[u8]) -> Option<()>,
    ) -> Result<Option<Self>, OutputError> {
        let taken = (|| {
            let mut file = match OpenOptions::new().read(true).write(true).open(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                opened => opened?,
            };
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            let digest = digest.to_string();
            let Some(mut rest) = bytes
                .strip_prefix(mark.as_slice())
                .and_then(|rest| rest.strip_prefix(digest.as_bytes()))
            else {
                return Ok(None);
            };
            while let Some((content, after)) = record(rest)
                && take(content).is_some()
            {
                rest = after;
            }
            let sound = (bytes.len() - rest.len()) as u64;
            file.set_len(sound)?;
            file.seek(SeekFrom::Start(sound))?;
            Ok(Some(file))
        })();
        match taken {
            Ok(None) => Ok(None),
            Ok(Some(file)) => Self::at(path, Ok(file)).map(Some),
            Err(source) => Self::at(path, Err(source)).map(Some),
        }
    }

    fn at(path: PathBuf, file: io::Result<File>) -> Result<Self, OutputError> {
        match file {
            Ok(file) => Ok(Self {
                path,
                file,
                synced: Instant::now(),
            }),
            Err(source) => Err(OutputError::Io { path, source }),
        }
    }

    /// Adds a record; a crash loses those of the last seconds.
    pub(super) fn add(&mut self, content: &[u8]) -> Result<(), OutputError> {
        let added = self.file.write_all(&framed(content)).and_then(|()| {
            if self.synced.elapsed() < SYNC_EVERY {
                return Ok(());
            }
            self.synced = Instant::now();
            self.file.sync_data()
        });
        self.told(added)
    }

    /// The folder of the file.
    pub(super) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("."))
    }

    /// Forces all records to the disk.
    pub(super) fn sync(&self) -> Result<(), OutputError> {
        self.told(self.file.sync_data())
    }

    /// Removes the file, once the results stand elsewhere.
    pub(super) fn remove(self) -> Result<(), OutputError> {
        let removed = std::fs::remove_file(&self.path);
        self.told(removed)
    }

    fn told(&self, done: io::Result<()>) -> Result<(), OutputError> {
        done.map_err(|source| OutputError::Io {
            path: self.path.clone(),
            source,
        })
    }
}

fn framed(content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(12 + content.len());
    out.extend((content.len() as u64).to_le_bytes());
    out.extend(content);
    let mut crc = flate2::Crc::new();
    crc.update(&out);
    out.extend(crc.sum().to_le_bytes());
    out
}

/// The content of the first record of some bytes and what follows it; none if it is cut off or damaged.
fn record(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let (content, rest) = rest.split_at_checked(length)?;
    let (stated, after) = rest.split_first_chunk::<4>()?;
    let mut crc = flate2::Crc::new();
    crc.update(&bytes[..8 + length]);
    (crc.sum() == u32::from_le_bytes(*stated)).then_some((content, after))
}

/// Bytes that are read from the front.
pub(super) struct Cursor<'a>(pub(super) &'a [u8]);

impl<'a> Cursor<'a> {
    /// The next bytes; none if there are fewer.
    pub(super) fn bytes(&mut self, n: usize) -> Option<&'a [u8]> {
        let (taken, after) = self.0.split_at_checked(n)?;
        self.0 = after;
        Some(taken)
    }

    /// A length.
    pub(super) fn length(&mut self) -> Option<usize> {
        usize::try_from(u64::from_le_bytes(self.bytes(8)?.try_into().ok()?)).ok()
    }

    /// So many numbers of 64 bits.
    pub(super) fn doubles(&mut self, n: usize) -> Option<Vec<f64>> {
        let bytes = self.bytes(n.checked_mul(8)?)?.as_chunks().0;
        Some(bytes.iter().map(|&b| f64::from_le_bytes(b)).collect())
    }

    /// So many integers of 32 bits.
    pub(super) fn words(&mut self, n: usize) -> Option<Vec<u32>> {
        let bytes = self.bytes(n.checked_mul(4)?)?.as_chunks().0;
        Some(bytes.iter().map(|&b| u32::from_le_bytes(b)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARK: [u8; 8] = *b"emotest1";
    const CONTENTS: [&[u8]; 3] = [b"first", b"", b"the third"];

    fn taken(path: &Path, digest: &Sha256Sum) -> Option<(Records, Vec<Vec<u8>>)> {
        let mut found = Vec::new();
        let records = Records::resume(path.to_owned(), MARK, digest, |content| {
            found.push(content.to_vec());
            Some(())
        });
        Some((records.unwrap()?, found))
    }

    #[test]
    fn a_file_cut_or_damaged_anywhere_gives_back_what_stands_before() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("records");
        let digest = Sha256Sum::of(b"inputs");
        let mut records = Records::begin(path.clone(), MARK, &digest).unwrap();
        let mut ends = vec![std::fs::metadata(&path).unwrap().len() as usize];
        for content in CONTENTS {
            records.add(content).unwrap();
            ends.push(ends[ends.len() - 1] + 12 + content.len());
        }
        records.sync().unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(bytes.len(), ends[3]);
        for at in ends[0]..bytes.len() {
            let before = ends.iter().filter(|&&end| end <= at).count() - 1;
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            for content in [&bytes[..at], &damaged] {
                std::fs::write(&path, content).unwrap();
                let (mut again, found) = taken(&path, &digest).unwrap();
                assert_eq!(found, CONTENTS[..before], "byte {at}");
                again.add(b"more").unwrap();
                drop(again);
                let (_, found) = taken(&path, &digest).unwrap();
                assert_eq!(
                    (found.len(), found[before].as_slice()),
                    (before + 1, &b"more"[..])
                );
            }
        }
    }

    #[test]
    fn what_is_of_other_inputs_or_not_there_is_not_taken_up() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("records");
        Records::begin(path.clone(), MARK, &Sha256Sum::of(b"inputs")).unwrap();
        assert!(taken(&path, &Sha256Sum::of(b"others")).is_none());
        assert!(taken(&dir.path().join("none"), &Sha256Sum::of(b"inputs")).is_none());
    }

    #[test]
    fn a_record_that_cannot_be_read_and_those_after_are_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("records");
        let digest = Sha256Sum::of(b"inputs");
        let mut records = Records::begin(path.clone(), MARK, &digest).unwrap();
        CONTENTS
            .iter()
            .for_each(|content| records.add(content).unwrap());
        drop(records);
        let full = |content: &[u8]| (!content.is_empty()).then_some(());
        Records::resume(path.clone(), MARK, &digest, full).unwrap();
        let (_, found) = taken(&path, &digest).unwrap();
        assert_eq!(found, CONTENTS[..1]);
    }
}
