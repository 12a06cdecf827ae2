//! The bytes of a file, and how many of them one look at its structure may read.

use std::cell::Cell;
use std::fs;

use hdf5_pure::{FormatError, ReadSeekSource, Source};

/// How often a file may be read for one look, and what is granted even to a small one.
const TIMES: u64 = 16;
const GRANTED: u64 = 1 << 21;

thread_local! {
    /// What the look of this thread may still read; the library reads on the thread that asks.
    static LEFT: Cell<u64> = const { Cell::new(u64::MAX) };
}

/// A file whose reads count.
pub(super) struct Metered(pub(super) ReadSeekSource<fs::File>);

impl Source for Metered {
    fn len(&self) -> u64 {
        self.0.len()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), FormatError> {
        let left = LEFT.get();
        if left < u64::MAX {
            let left = left.checked_sub(buffer.len() as u64).ok_or_else(|| {
                FormatError::Source("its structure leads to the same bytes over and over".into())
            })?;
            LEFT.set(left);
        }
        self.0.read_at(offset, buffer)
    }
}

/// Bounds what `look` reads of a file of so many bytes: trees whose branches share nodes have more ends than bytes.
pub(super) fn metered<T>(bytes: u64, look: impl FnOnce() -> T) -> T {
    let most = bytes.saturating_mul(TIMES).saturating_add(GRANTED);
    LEFT.set(most.min(u64::MAX - 1));
    let seen = look();
    LEFT.set(u64::MAX);
    seen
}
