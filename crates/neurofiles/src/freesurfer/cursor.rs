//! A file in memory, read from front to end, big-endian.

use std::path::{Path, PathBuf};

use crate::nifti::{Element, ImageError, Source};

/// The most that a file about vertices may take, expanded.
const FILE: u64 = 1 << 31;

pub(crate) struct Cursor {
    path: PathBuf,
    bytes: Vec<u8>,
    at: usize,
}

impl Cursor {
    pub(crate) fn open(path: &Path) -> Result<Self, ImageError> {
        let bytes = Source::open(path)?.rest(FILE, "the file", "split it")?;
        Ok(Self {
            path: path.to_owned(),
            bytes,
            at: 0,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn rest(&self) -> &[u8] {
        &self.bytes[self.at..]
    }

    /// The next bytes, of which there must be so many.
    pub(crate) fn take(&mut self, count: usize, what: &str) -> Result<&[u8], ImageError> {
        let rest = &self.bytes[self.at..];
        if count > rest.len() {
            return Err(ImageError::Truncated {
                path: self.path.clone(),
                what: what.to_owned(),
                at: self.at as u64,
                expected: count as u64,
                found: rest.len() as u64,
            });
        }
        self.at += count;
        Ok(&rest[..count])
    }

    /// The next numbers.
    pub(crate) fn numbers<E: Element>(
        &mut self,
        count: usize,
        what: &str,
    ) -> Result<Vec<E>, ImageError> {
        let bytes = self.take(count.saturating_mul(size_of::<E>()), what)?;
        let mut numbers = Vec::with_capacity(count);
        E::each(bytes, true, |number| numbers.push(number));
        Ok(numbers)
    }

    pub(crate) fn int(&mut self, what: &str) -> Result<i32, ImageError> {
        let bytes = self.take(4, what)?;
        Ok(i32::from_be_bytes(std::array::from_fn(|i| bytes[i])))
    }

    /// A number that counts something.
    pub(crate) fn count(&mut self, what: &str) -> Result<usize, ImageError> {
        let (at, found) = (self.at, self.int(what)?);
        let expected = "0 or more; the file is damaged: fetch it again";
        usize::try_from(found).map_err(|_| {
            ImageError::field(&self.path, format!("{what} (byte {at})"), found, expected)
        })
    }

    /// A line without its end.
    pub(crate) fn line(&mut self, what: &str) -> Result<String, ImageError> {
        let end = self.rest().iter().position(|&b| b == b'\n');
        let length = end.map_or(self.rest().len() + 1, |end| end + 1);
        let line = self.take(length, what)?;
        Ok(String::from_utf8_lossy(&line[..line.len() - 1]).into_owned())
    }

    /// Fails unless the file begins so.
    pub(crate) fn magic(&mut self, magic: &[u8], expected: &'static str) -> Result<(), ImageError> {
        if !self.bytes.starts_with(magic) {
            let begins = &self.bytes[..self.bytes.len().min(4)];
            let mut error = ImageError::format(&self.path, begins, expected);
            if let ImageError::Format { found, .. } = &mut error {
                *found = format!("the bytes {begins:02x?}");
            }
            return Err(error);
        }
        self.at = magic.len();
        Ok(())
    }
}
