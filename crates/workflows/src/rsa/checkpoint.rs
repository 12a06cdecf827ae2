//! What a search has finished, block by block.

use super::records::{Cursor, Records};
use emotome_brain::searchlight::Block;
use emotome_stimuli::digest::Sha256Sum;
use emotome_stimuli::output::OutputError;
use ndarray::Array2;
use std::collections::BTreeMap;
use std::path::Path;

const MARK: [u8; 8] = *b"emosrch2";
/// The file, in the folder of results.
pub(super) const FILE: &str = "blocks.partial";

/// Finished blocks on the disk.
pub(super) struct Checkpoint(Records);

impl Checkpoint {
    /// Begins a file of blocks, in place of any that is there.
    pub(super) fn begin(folder: &Path, digest: &Sha256Sum) -> Result<Self, OutputError> {
        Records::begin(folder.join(FILE), MARK, digest).map(Self)
    }

    /// Takes up the blocks of an interrupted search; none if there is no such file, or it is of other inputs.
    pub(super) fn resume(
        folder: &Path,
        digest: &Sha256Sum,
        models: usize,
    ) -> Result<Option<(Self, BTreeMap<usize, Block>)>, OutputError> {
        let mut blocks = BTreeMap::new();
        let records = Records::resume(folder.join(FILE), MARK, digest, |content| {
            let block = read(content, models)?;
            blocks.insert(block.index, block);
            Some(())
        })?;
        Ok(records.map(|records| (Self(records), blocks)))
    }

    /// Adds a finished block.
    pub(super) fn add(&mut self, block: &Block) -> Result<(), OutputError> {
        self.0.add(&bytes(block))
    }

    /// The folder of results.
    pub(super) fn folder(&self) -> &Path {
        self.0.folder()
    }

    /// Forces all blocks to the disk.
    pub(super) fn sync(&self) -> Result<(), OutputError> {
        self.0.sync()
    }

    /// Removes the file, once the results stand elsewhere.
    pub(super) fn remove(self) -> Result<(), OutputError> {
        self.0.remove()
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
    out
}

fn read(content: &[u8], models: usize) -> Option<Block> {
    let mut rest = Cursor(content);
    let (index, n) = (rest.length()?, rest.length()?);
    let &[has_z, has_bounds] = rest.bytes(2)? else {
        return None;
    };
    let (centres, constant) = (rest.words(n)?, rest.words(n)?);
    let table = |rest: &mut Cursor<'_>| {
        Array2::from_shape_vec((n, models), rest.doubles(n.checked_mul(models)?)?).ok()
    };
    let values = table(&mut rest)?;
    let z = match has_z {
        0 => None,
        _ => Some(table(&mut rest)?),
    };
    let bounds = match has_bounds {
        0 => None,
        _ => Some(rest.doubles(n)?),
    };
    let flop = *rest.doubles(1)?.first()?;
    rest.0.is_empty().then_some(Block {
        index,
        centres,
        values,
        z,
        bounds,
        constant,
        flop,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_come_back_bit_by_bit_and_no_shorter_one_does() {
        let dir = tempfile::tempdir().unwrap();
        let digest = Sha256Sum::of(b"inputs");
        let block = |index, z, bounds| Block {
            index,
            centres: vec![3, 5],
            values: ndarray::array![[0.5, f64::NAN], [-0.25, 1.0]],
            z,
            bounds,
            constant: vec![0, 2],
            flop: 1e9,
        };
        let all = [
            block(0, Some(ndarray::array![[0.1, 0.2], [0.3, 0.4]]), None),
            block(7, None, Some(vec![1e-4, 0.0])),
        ];
        let mut checkpoint = Checkpoint::begin(dir.path(), &digest).unwrap();
        for block in &all {
            checkpoint.add(block).unwrap();
        }
        let (_, found) = Checkpoint::resume(dir.path(), &digest, 2).unwrap().unwrap();
        let found: Vec<Vec<u8>> = found.values().map(bytes).collect();
        assert_eq!(found, all.each_ref().map(bytes));
        let whole = bytes(&all[0]);
        assert!((0..whole.len()).all(|cut| read(&whole[..cut], 2).is_none()));
        assert!(read(&whole, 3).is_none());
    }
}
