//! What a comparison of regions has finished, so that one that was cut off goes on where it stopped.
//!
//! One file: a mark, the digest of everything that the results depend on, then records: the length of a name, the count
//! of numbers, the name, the numbers, and the CRC-32 of all these. A record that was cut off, and all after it, is dropped.

use emotome_stimuli::digest::Sha256Sum;
use emotome_stimuli::output::OutputError;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

const MARK: &[u8; 8] = b"emorois1";
/// The file, in the folder of results.
pub(super) const FILE: &str = "regions.partial";

/// Finished parts by name, each on the disk before the next begins.
pub(super) struct Finished {
    path: PathBuf,
    file: File,
    parts: BTreeMap<String, Vec<f64>>,
}

impl Finished {
    /// Begins a file, in place of any that is there.
    pub(super) fn begin(folder: &Path, digest: &Sha256Sum) -> Result<Self, OutputError> {
        let path = folder.join(FILE);
        let begun = (|| {
            let mut file = File::create(&path)?;
            file.write_all(MARK)?;
            file.write_all(digest.to_string().as_bytes())?;
            file.sync_all()?;
            Ok(file)
        })();
        let file = begun.map_err(|source| failed(&path, source))?;
        Ok(Self {
            path,
            file,
            parts: BTreeMap::new(),
        })
    }

    /// Takes up what an interrupted comparison left; none if it was of other inputs.
    pub(super) fn resume(folder: &Path, digest: &Sha256Sum) -> Result<Option<Self>, OutputError> {
        let path = folder.join(FILE);
        let taken = (|| {
            let mut file = OpenOptions::new().read(true).write(true).open(&path)?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            let digest = digest.to_string();
            let Some(mut rest) = bytes
                .strip_prefix(MARK.as_slice())
                .and_then(|rest| rest.strip_prefix(digest.as_bytes()))
            else {
                return Ok(None);
            };
            let mut parts = BTreeMap::new();
            while let Some((name, numbers, after)) = record(rest) {
                parts.insert(name, numbers);
                rest = after;
            }
            let sound = (bytes.len() - rest.len()) as u64;
            file.set_len(sound)?;
            file.seek(SeekFrom::Start(sound))?;
            Ok(Some((file, parts)))
        })();
        let taken = taken.map_err(|source| failed(&path, source))?;
        Ok(taken.map(|(file, parts)| Self { path, file, parts }))
    }

    /// A part that is finished and holds `count` numbers.
    pub(super) fn get(&self, name: &str, count: usize) -> Option<&[f64]> {
        let numbers = self.parts.get(name)?;
        (numbers.len() == count).then_some(numbers)
    }

    /// Parts finished.
    pub(super) fn len(&self) -> usize {
        self.parts.len()
    }

    /// Adds a finished part.
    pub(super) fn add(&mut self, name: String, numbers: Vec<f64>) -> Result<(), OutputError> {
        let record = bytes(&name, &numbers);
        let added = self.file.write_all(&record);
        added
            .and_then(|()| self.file.sync_data())
            .map_err(|source| failed(&self.path, source))?;
        self.parts.insert(name, numbers);
        Ok(())
    }

    /// Removes the file, once the results stand elsewhere.
    pub(super) fn remove(self) -> Result<(), OutputError> {
        drop(self.file);
        std::fs::remove_file(&self.path).map_err(|source| failed(&self.path, source))
    }
}

fn failed(path: &Path, source: io::Error) -> OutputError {
    OutputError::Io {
        path: path.to_owned(),
        source,
    }
}

fn bytes(name: &str, numbers: &[f64]) -> Vec<u8> {
    let mut out = Vec::with_capacity(20 + name.len() + 8 * numbers.len());
    out.extend((name.len() as u64).to_le_bytes());
    out.extend((numbers.len() as u64).to_le_bytes());
    out.extend(name.as_bytes());
    out.extend(numbers.iter().flat_map(|v| v.to_le_bytes()));
    let mut crc = flate2::Crc::new();
    crc.update(&out);
    out.extend(crc.sum().to_le_bytes());
    out
}

/// The first record of some bytes and what follows it; none if it is cut off or damaged.
fn record(bytes: &[u8]) -> Option<(String, Vec<f64>, &[u8])> {
    let mut rest = bytes;
    let mut take = |n: usize| {
        let (taken, after) = rest.split_at_checked(n)?;
        rest = after;
        Some(taken)
    };
    let length = usize::try_from(u64::from_le_bytes(take(8)?.try_into().ok()?)).ok()?;
    let count = usize::try_from(u64::from_le_bytes(take(8)?.try_into().ok()?)).ok()?;
    let name = std::str::from_utf8(take(length)?).ok()?.to_owned();
    let numbers = take(count.checked_mul(8)?)?;
    let stated = u32::from_le_bytes(take(4)?.try_into().ok()?);
    let mut crc = flate2::Crc::new();
    crc.update(&bytes[..bytes.len() - rest.len() - 4]);
    (crc.sum() == stated).then_some(())?;
    let numbers = numbers.as_chunks().0.iter();
    let numbers = numbers.map(|&b| f64::from_le_bytes(b)).collect();
    Some((name, numbers, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARTS: [(&str, [f64; 2]); 2] = [("sub-01/0", [0.5, -0.0]), ("sub-02/0", [2.0, 1e-300])];

    fn whole(folder: &Path, digest: &Sha256Sum) -> Vec<u8> {
        let mut finished = Finished::begin(folder, digest).unwrap();
        for (name, numbers) in PARTS {
            finished.add(name.to_owned(), numbers.to_vec()).unwrap();
        }
        std::fs::read(folder.join(FILE)).unwrap()
    }

    #[test]
    fn a_file_cut_or_damaged_anywhere_gives_back_what_stands_before() {
        let dir = tempfile::tempdir().unwrap();
        let digest = Sha256Sum::of(b"inputs");
        let bytes = whole(dir.path(), &digest);
        let one = super::bytes(PARTS[0].0, &PARTS[0].1).len();
        let head = bytes.len() - 2 * one;
        for at in head..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            for content in [&bytes[..at], &damaged] {
                std::fs::write(dir.path().join(FILE), content).unwrap();
                let mut again = Finished::resume(dir.path(), &digest).unwrap().unwrap();
                assert_eq!(again.len(), (at - head) / one, "byte {at}");
                for (name, numbers) in &PARTS[..again.len()] {
                    assert_eq!(again.get(name, 2), Some(numbers.as_slice()));
                    assert_eq!(again.get(name, 3), None);
                }
                let before = again.len();
                again.add("more".to_owned(), vec![1.0]).unwrap();
                drop(again);
                let again = Finished::resume(dir.path(), &digest).unwrap().unwrap();
                assert_eq!(
                    (again.len(), again.get("more", 1)),
                    (before + 1, Some([1.0].as_slice()))
                );
            }
        }
    }

    #[test]
    fn what_is_of_other_inputs_is_not_taken_up() {
        let dir = tempfile::tempdir().unwrap();
        whole(dir.path(), &Sha256Sum::of(b"inputs"));
        let other = Finished::resume(dir.path(), &Sha256Sum::of(b"others")).unwrap();
        assert!(other.is_none());
    }
}
