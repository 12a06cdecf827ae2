//! What a search has finished, block by block, so that a search that was cut off goes on where it stopped.
//!
//! One file: a mark, the digest of everything that the results depend on, then a record a block: its number, its
//! length, its numbers, and the CRC-32 of all these. A record that was cut off, and all after it, is dropped.

use emotome_brain::searchlight::Block;
use emotome_stimuli::digest::Sha256Sum;
use emotome_stimuli::output::OutputError;
use ndarray::Array2;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const MARK: &[u8; 8] = b"emosrch1";
/// The file, in the folder of results.
pub(super) const FILE: &str = "blocks.partial";
/// How often finished blocks are forced to the disk.
const SYNC_EVERY: Duration = Duration::from_secs(2);

/// Finished blocks on the disk.
pub(super) struct Checkpoint {
    path: PathBuf,
    file: File,
    written: u64,
    synced: Instant,
}

impl Checkpoint {
    /// Begins a file of blocks, in place of any that is there.
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
            written: 0,
            synced: Instant::now(),
        })
    }

    /// Takes up the blocks of an interrupted search; none if there is no such file, or it is of other inputs.
    pub(super) fn resume(
        folder: &Path,
        digest: &Sha256Sum,
        models: usize,
    ) -> Result<Option<(Self, BTreeMap<usize, Block>)>, OutputError> {
        let path = folder.join(FILE);
        let taken = (|| {
            let mut file = match OpenOptions::new().read(true).write(true).open(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                opened => opened?,
            };
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            let digest = digest.to_string();
            let Some(mut rest) = bytes
                .strip_prefix(MARK.as_slice())
                .and_then(|rest| rest.strip_prefix(digest.as_bytes()))
            else {
                return Ok(None);
            };
            let mut blocks = BTreeMap::new();
            while let Some((block, after)) = record(rest, models) {
                blocks.insert(block.index, block);
                rest = after;
            }
            let sound = (bytes.len() - rest.len()) as u64;
            file.set_len(sound)?;
            file.seek(SeekFrom::Start(sound))?;
            Ok(Some((file, blocks)))
        })();
        let taken = taken.map_err(|source| failed(&path, source))?;
        Ok(taken.map(|(file, blocks)| {
            (
                Self {
                    path,
                    file,
                    written: 0,
                    synced: Instant::now(),
                },
                blocks,
            )
        }))
    }

    /// Adds a finished block.
    pub(super) fn add(&mut self, block: &Block) -> Result<(), OutputError> {
        let record = bytes(block);
        self.written += record.len() as u64;
        let added = self.file.write_all(&record).and_then(|()| {
            if self.synced.elapsed() < SYNC_EVERY {
                return Ok(());
            }
            self.synced = Instant::now();
            self.file.sync_data()
        });
        added.map_err(|source| failed(&self.path, source))
    }

    /// The folder of results.
    pub(super) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("."))
    }

    /// Forces all blocks to the disk.
    pub(super) fn sync(&self) -> Result<(), OutputError> {
        self.file
            .sync_data()
            .map_err(|source| failed(&self.path, source))
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

fn bytes(block: &Block) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend((block.index as u64).to_le_bytes());
    out.extend((block.centres.len() as u64).to_le_bytes());
    out.extend([
        u8::from(block.z.is_some()),
        u8::from(block.bounds.is_some()),
    ]);
    out.extend(block.centres.iter().flat_map(|v| v.to_le_bytes()));
    out.extend(block.constant.iter().flat_map(|v| v.to_le_bytes()));
    let values = block
        .values
        .iter()
        .chain(block.z.iter().flatten())
        .chain(block.bounds.iter().flatten());
    out.extend(values.flat_map(|v| v.to_le_bytes()));
    out.extend(block.flop.to_le_bytes());
    let mut crc = flate2::Crc::new();
    crc.update(&out);
    out.extend(crc.sum().to_le_bytes());
    out
}

/// The first record of some bytes and what follows it; none if it is cut off or damaged.
fn record(bytes: &[u8], models: usize) -> Option<(Block, &[u8])> {
    let mut rest = bytes;
    let mut take = |n: usize| {
        let (taken, after) = rest.split_at_checked(n)?;
        rest = after;
        Some(taken)
    };
    let index = u64::from_le_bytes(take(8)?.try_into().ok()?);
    let n = usize::try_from(u64::from_le_bytes(take(8)?.try_into().ok()?)).ok()?;
    let &[has_z, has_bounds] = take(2)? else {
        return None;
    };
    let centres = words(take(n.checked_mul(4)?)?);
    let constant = words(take(n.checked_mul(4)?)?);
    let cells = n.checked_mul(models)?;
    let table = |bytes: &[u8]| Array2::from_shape_vec((n, models), doubles(bytes)).ok();
    let values = table(take(cells.checked_mul(8)?)?)?;
    let z = match has_z {
        0 => None,
        _ => Some(table(take(cells.checked_mul(8)?)?)?),
    };
    let bounds = match has_bounds {
        0 => None,
        _ => Some(doubles(take(n.checked_mul(8)?)?)),
    };
    let flop = f64::from_le_bytes(take(8)?.try_into().ok()?);
    let stated = u32::from_le_bytes(take(4)?.try_into().ok()?);
    let length = bytes.len() - rest.len();
    let mut crc = flate2::Crc::new();
    crc.update(&bytes[..length - 4]);
    (crc.sum() == stated).then_some(())?;
    let block = Block {
        index: usize::try_from(index).ok()?,
        centres,
        values,
        z,
        bounds,
        constant,
        flop,
    };
    Some((block, rest))
}

fn words(bytes: &[u8]) -> Vec<u32> {
    bytes
        .as_chunks()
        .0
        .iter()
        .map(|&b| u32::from_le_bytes(b))
        .collect()
}

fn doubles(bytes: &[u8]) -> Vec<f64> {
    bytes
        .as_chunks()
        .0
        .iter()
        .map(|&b| f64::from_le_bytes(b))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(index: usize) -> Block {
        Block {
            index,
            centres: vec![3, 5],
            values: ndarray::array![[0.5, f64::NAN], [-0.25, 1.0]],
            z: Some(ndarray::array![[0.1, 0.2], [0.3, 0.4]]),
            bounds: None,
            constant: vec![0, 2],
            flop: 1e9,
        }
    }

    fn same(a: &Block, b: &Block) -> bool {
        bytes(a) == bytes(b)
    }

    #[test]
    fn a_file_cut_anywhere_gives_back_its_whole_blocks() {
        let dir = tempfile::tempdir().unwrap();
        let digest = Sha256Sum::of(b"inputs");
        let mut checkpoint = Checkpoint::begin(dir.path(), &digest).unwrap();
        checkpoint.add(&block(0)).unwrap();
        checkpoint.add(&block(7)).unwrap();
        checkpoint.sync().unwrap();
        let whole = std::fs::read(dir.path().join(FILE)).unwrap();
        let one = bytes(&block(0)).len();
        let head = whole.len() - 2 * one;
        for cut in head..=whole.len() {
            std::fs::write(dir.path().join(FILE), &whole[..cut]).unwrap();
            let (mut again, found) = Checkpoint::resume(dir.path(), &digest, 2).unwrap().unwrap();
            assert_eq!(found.len(), (cut - head) / one, "cut at {cut}");
            for (index, found) in &found {
                assert!(same(found, &block(*index)));
            }
            again.add(&block(9)).unwrap();
            again.sync().unwrap();
            let (_, more) = Checkpoint::resume(dir.path(), &digest, 2).unwrap().unwrap();
            assert!(same(&more[&9], &block(9)));
            assert_eq!(more.len(), found.len() + 1);
        }
    }

    #[test]
    fn a_damaged_byte_drops_its_block_and_those_after() {
        let dir = tempfile::tempdir().unwrap();
        let digest = Sha256Sum::of(b"inputs");
        let mut checkpoint = Checkpoint::begin(dir.path(), &digest).unwrap();
        checkpoint.add(&block(0)).unwrap();
        checkpoint.add(&block(1)).unwrap();
        checkpoint.sync().unwrap();
        let whole = std::fs::read(dir.path().join(FILE)).unwrap();
        let head = whole.len() - 2 * bytes(&block(0)).len();
        for at in head..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x10;
            std::fs::write(dir.path().join(FILE), &damaged).unwrap();
            let (_, found) = Checkpoint::resume(dir.path(), &digest, 2).unwrap().unwrap();
            let kept = usize::from(at >= head + bytes(&block(0)).len());
            assert_eq!(found.len(), kept, "byte {at}");
        }
    }

    #[test]
    fn blocks_of_other_inputs_are_not_taken_up() {
        let dir = tempfile::tempdir().unwrap();
        Checkpoint::begin(dir.path(), &Sha256Sum::of(b"inputs")).unwrap();
        assert!(
            Checkpoint::resume(dir.path(), &Sha256Sum::of(b"others"), 2)
                .unwrap()
                .is_none()
        );
        assert!(
            Checkpoint::resume(&dir.path().join("none"), &Sha256Sum::of(b"inputs"), 2)
                .unwrap()
                .is_none()
        );
    }
}
