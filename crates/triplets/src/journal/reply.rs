//! Raw replies, compressed together in blocks.

use super::error::JournalError;
use std::path::Path;

/// The longest reply that is kept, in bytes.
pub const MAX_REPLY: usize = 8 << 20;

/// A block is closed once it has this many bytes.
const BLOCK: usize = 1 << 20;

/// Replies of a block are numbered in this many bits.
const INDEX_BITS: u32 = 16;

/// Where a reply is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReplyRef(pub(super) i64);

impl ReplyRef {
    /// Its block.
    pub(super) const fn block(self) -> i64 {
        self.0 >> INDEX_BITS
    }

    /// Its place in the block.
    pub(super) const fn index(self) -> usize {
        (self.0 & ((1 << INDEX_BITS) - 1)) as usize
    }
}

/// A finished block: its number, uncompressed size and compressed bytes.
type Block = (i64, usize, Vec<u8>);

/// Collects the replies of a batch.
pub(super) struct Blocks {
    next: i64,
    lengths: Vec<u32>,
    bytes: Vec<u8>,
    pub(super) done: Vec<Block>,
}

impl Blocks {
    /// A collection whose first block has the number `next`.
    pub(super) const fn new(next: i64) -> Self {
        Self {
            next,
            lengths: Vec::new(),
            bytes: Vec::new(),
            done: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, reply: &str) -> Result<ReplyRef, JournalError> {
        if reply.len() > MAX_REPLY {
            let (found, max) = (reply.len() as u64, MAX_REPLY as u64);
            return Err(JournalError::Limit {
                what: "bytes of a reply",
                found,
                max,
            });
        }
        if self.bytes.len() >= BLOCK || self.lengths.len() == 1 << INDEX_BITS {
            self.close();
        }
        let place = ReplyRef(self.next << INDEX_BITS | self.lengths.len() as i64);
        self.lengths.push(reply.len() as u32);
        self.bytes.extend_from_slice(reply.as_bytes());
        Ok(place)
    }

    /// Compresses the open block; the number of the next one is returned.
    pub(super) fn close(&mut self) -> i64 {
        if !self.lengths.is_empty() {
            let mut raw = Vec::with_capacity(4 + 4 * self.lengths.len() + self.bytes.len());
            raw.extend((self.lengths.len() as u32).to_le_bytes());
            raw.extend(self.lengths.drain(..).flat_map(u32::to_le_bytes));
            raw.append(&mut self.bytes);
            let mut compressor = zstd::bulk::Compressor::new(3).expect("level 3 exists");
            compressor.include_checksum(true).expect("checksums exist");
            let packed = compressor
                .compress(&raw)
                .expect("compression in memory cannot fail");
            self.done.push((self.next, raw.len(), packed));
            self.next += 1;
        }
        self.next
    }
}

/// A block as stored, opened.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) number: i64,
    replies: Vec<String>,
}

impl Opened {
    /// Opens a compressed block; sizes are checked before anything is allocated.
    pub(super) fn new(
        path: &Path,
        number: i64,
        size: i64,
        packed: &[u8],
    ) -> Result<Self, JournalError> {
        let damaged = |what: &str| JournalError::Damaged {
            path: path.to_owned(),
            what: format!("block {number} of the replies {what}"),
        };
        let most = MAX_REPLY + BLOCK + (4 << INDEX_BITS) + 4;
        let size = usize::try_from(size)
            .ok()
            .filter(|&size| size <= most)
            .ok_or_else(|| damaged(&format!("claims {size} bytes, at most {most} are possible")))?;
        let raw = zstd::bulk::decompress(packed, size)
            .map_err(|error| damaged(&format!("cannot be decompressed: {error}")))?;
        let word = |i: usize| -> Option<usize> {
            let bytes = raw.get(4 * i..4 * i + 4)?;
            Some(u32::from_le_bytes(bytes.try_into().ok()?) as usize)
        };
        let parse = || -> Option<Vec<String>> {
            let count = word(0).filter(|&count| count <= 1 << INDEX_BITS)?;
            let mut start = 4 + 4 * count;
            let mut replies = Vec::with_capacity(count);
            for k in 0..count {
                let end = start + word(1 + k)?;
                replies.push(String::from_utf8(raw.get(start..end)?.to_vec()).ok()?);
                start = end;
            }
            (start == raw.len() && raw.len() == size).then_some(replies)
        };
        let replies = parse().ok_or_else(|| damaged("does not hold what its header says"))?;
        Ok(Self { number, replies })
    }

    pub(super) fn get(&self, place: ReplyRef) -> Option<&str> {
        self.replies.get(place.index()).map(String::as_str)
    }

    pub(super) const fn len(&self) -> usize {
        self.replies.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pack(replies: &[String]) -> (Vec<ReplyRef>, Vec<Block>) {
        let mut blocks = Blocks::new(1);
        let places = replies
            .iter()
            .map(|reply| blocks.add(reply).unwrap())
            .collect();
        blocks.close();
        (places, blocks.done)
    }

    proptest! {
        #[test]
        fn replies_survive_packing(replies in prop::collection::vec(".*", 0..40)) {
            let (places, blocks) = pack(&replies);
            let opened: Vec<Opened> = blocks.iter()
                .map(|(n, size, bytes)| Opened::new(Path::new("j"), *n, *size as i64, bytes).unwrap())
                .collect();
            for (place, reply) in places.into_iter().zip(&replies) {
                let block = opened.iter().find(|b| b.number == place.block()).unwrap();
                prop_assert_eq!(block.get(place), Some(reply.as_str()));
            }
        }

        #[test]
        fn damaged_blocks_are_refused_and_never_panic(at in 0_usize..60, flip in 1_u8.., size in -9_i64..99) {
            let (_, blocks) = pack(&["one".to_owned(), "two".to_owned()]);
            let (number, true_size, mut bytes) = blocks[0].clone();
            prop_assert!(
                size == true_size as i64 || Opened::new(Path::new("j"), number, size, &bytes).is_err()
            );
            let at = at % bytes.len();
            bytes[at] ^= flip;
            if let Ok(opened) = Opened::new(Path::new("j"), number, true_size as i64, &bytes) {
                prop_assert_eq!(opened.replies, ["one", "two"]);
            }
        }
    }

    #[test]
    fn blocks_are_closed_when_full_and_long_replies_are_refused() {
        let long = "x".repeat(BLOCK / 2 + 1);
        let (places, blocks) = pack(&[long.clone(), long.clone(), long]);
        assert_eq!(blocks.len(), 2);
        assert_eq!(
            places
                .iter()
                .map(|p| (p.block(), p.index()))
                .collect::<Vec<_>>(),
            [(1, 0), (1, 1), (2, 0)]
        );
        assert!(Blocks::new(0).add(&"x".repeat(MAX_REPLY + 1)).is_err());
    }
}
