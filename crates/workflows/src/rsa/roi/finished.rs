//! What a comparison of regions has finished, part by part.

use super::super::records::{Cursor, Records};
use emotome_stimuli::digest::Sha256Sum;
use emotome_stimuli::output::OutputError;
use std::collections::BTreeMap;
use std::path::Path;

const MARK: [u8; 8] = *b"emorois2";
/// The file, in the folder of results.
pub(super) const FILE: &str = "regions.partial";

/// Finished parts by name, each on the disk before the next begins.
pub(super) struct Finished {
    records: Records,
    parts: BTreeMap<String, Vec<f64>>,
}

impl Finished {
    /// Begins a file, in place of any that is there.
    pub(super) fn begin(folder: &Path, digest: &Sha256Sum) -> Result<Self, OutputError> {
        Ok(Self {
            records: Records::begin(folder.join(FILE), MARK, digest)?,
            parts: BTreeMap::new(),
        })
    }

    /// Takes up what an interrupted comparison left; none if there is no such file, or it is of other inputs.
    pub(super) fn resume(folder: &Path, digest: &Sha256Sum) -> Result<Option<Self>, OutputError> {
        let mut parts = BTreeMap::new();
        let records = Records::resume(folder.join(FILE), MARK, digest, |content| {
            let (name, numbers) = read(content)?;
            parts.insert(name, numbers);
            Some(())
        })?;
        Ok(records.map(|records| Self { records, parts }))
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
        self.records.add(&bytes(&name, &numbers))?;
        self.records.sync()?;
        self.parts.insert(name, numbers);
        Ok(())
    }

    /// Removes the file, once the results stand elsewhere.
    pub(super) fn remove(self) -> Result<(), OutputError> {
        self.records.remove()
    }
}

fn bytes(name: &str, numbers: &[f64]) -> Vec<u8> {
    let mut out = Vec::with_capacity(16 + name.len() + 8 * numbers.len());
    out.extend((name.len() as u64).to_le_bytes());
    out.extend((numbers.len() as u64).to_le_bytes());
    out.extend(name.as_bytes());
    out.extend(numbers.iter().flat_map(|v| v.to_le_bytes()));
    out
}

fn read(content: &[u8]) -> Option<(String, Vec<f64>)> {
    let mut rest = Cursor(content);
    let (length, count) = (rest.length()?, rest.length()?);
    let name = std::str::from_utf8(rest.bytes(length)?).ok()?.to_owned();
    let numbers = rest.doubles(count)?;
    rest.0.is_empty().then_some((name, numbers))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_back_under_their_names_and_no_shorter_one_does() {
        let dir = tempfile::tempdir().unwrap();
        let digest = Sha256Sum::of(b"inputs");
        let mut finished = Finished::begin(dir.path(), &digest).unwrap();
        finished
            .add("sub-01/0".to_owned(), vec![0.5, -0.0])
            .unwrap();
        finished.add("sub-02/0".to_owned(), vec![]).unwrap();
        let again = Finished::resume(dir.path(), &digest).unwrap().unwrap();
        let bits = again
            .get("sub-01/0", 2)
            .unwrap()
            .iter()
            .map(|v| v.to_bits());
        assert!(bits.eq([0.5_f64, -0.0].map(f64::to_bits)));
        assert_eq!((again.len(), again.get("sub-01/0", 3)), (2, None));
        let whole = bytes("sub-01/0", &[1.0, 2.0]);
        assert!((0..whole.len()).all(|cut| read(&whole[..cut]).is_none()));
    }
}
