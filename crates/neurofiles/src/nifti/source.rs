//! Bytes of a file that may be compressed, of which no more is believed than the file can hold.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use super::ImageError;

/// Deflate codes at most 258 bytes in 2 bits.
const MAX_DEFLATE_RATIO: u64 = 1032;

/// Memory taken before any byte of it was read from a compressed file.
const FIRST_RESERVE: u64 = 1 << 20;

/// A file read once from front to end.
pub(crate) struct Source {
    path: PathBuf,
    inner: Inner,
    at: u64,
    most: u64,
}

enum Inner {
    Plain(BufReader<File>),
    Gzip(Box<MultiGzDecoder<BufReader<File>>>),
}

impl Source {
    /// Opens a file, compressed if it begins as gzip does.
    pub(crate) fn open(path: &Path) -> Result<Self, ImageError> {
        let io = |source| ImageError::Io {
            path: path.to_owned(),
            source,
        };
        let mut file = File::open(path).map_err(io)?;
        let metadata = file.metadata().map_err(io)?;
        if metadata.is_dir() {
            return Err(io(io::ErrorKind::IsADirectory.into()));
        }
        let mut magic = Vec::new();
        (&mut file).take(2).read_to_end(&mut magic).map_err(io)?;
        file.seek(SeekFrom::Start(0)).map_err(io)?;
        let file = BufReader::with_capacity(1 << 16, file);
        let length = metadata.len();
        let (inner, most) = if magic == [0x1f, 0x8b] {
            let decoder = Box::new(MultiGzDecoder::new(file));
            (
                Inner::Gzip(decoder),
                length.saturating_mul(MAX_DEFLATE_RATIO),
            )
        } else {
            (Inner::Plain(file), length)
        };
        Ok(Self {
            path: path.to_owned(),
            inner,
            at: 0,
            most,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the next byte lies, uncompressed.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    pub(crate) fn is_compressed(&self) -> bool {
        matches!(self.inner, Inner::Gzip(_))
    }

    /// Bytes that can at most follow.
    pub(crate) fn remaining(&self) -> u64 {
        self.most.saturating_sub(self.at)
    }

    /// Fails unless so many bytes can follow.
    pub(crate) fn check(&self, bytes: u64, what: &str) -> Result<(), ImageError> {
        if bytes <= self.remaining() {
            return Ok(());
        }
        Err(self.truncated(self.at, bytes, self.remaining(), what))
    }

    /// How much to reserve for `count` elements of `size` bytes before any of them was read.
    pub(crate) fn reserve(&self, count: usize, size: usize) -> usize {
        if self.is_compressed() {
            count.min((FIRST_RESERVE as usize) / size.max(1))
        } else {
            count
        }
    }

    /// Fills a buffer.
    pub(crate) fn fill(&mut self, buffer: &mut [u8], what: &str) -> Result<(), ImageError> {
        let expected = buffer.len() as u64;
        let (start, mut done) = (self.at, 0);
        while done < buffer.len() {
            match self.raw(&mut buffer[done..]) {
                Ok(0) => return Err(self.truncated(start, expected, done as u64, what)),
                Ok(n) => done += n,
                Err(source) => return Err(self.explain(source, what)),
            }
        }
        Ok(())
    }

    /// The next bytes.
    pub(crate) fn bytes(&mut self, count: u64, what: &str) -> Result<Vec<u8>, ImageError> {
        self.check(count, what)?;
        let start = self.at;
        let mut bytes = Vec::with_capacity(self.reserve(count as usize, 1));
        let read = match &mut self.inner {
            Inner::Plain(file) => file.take(count).read_to_end(&mut bytes),
            Inner::Gzip(file) => file.take(count).read_to_end(&mut bytes),
        };
        self.at += bytes.len() as u64;
        read.map_err(|source| self.explain(source, what))?;
        if (bytes.len() as u64) < count {
            return Err(self.truncated(start, count, bytes.len() as u64, what));
        }
        Ok(bytes)
    }

    /// The next bytes, fewer if the file ends before.
    pub(crate) fn begin(&mut self, count: usize) -> Result<Vec<u8>, ImageError> {
        let mut bytes = vec![0; count];
        let mut done = 0;
        while done < count {
            match self.raw(&mut bytes[done..]) {
                Ok(0) => break,
                Ok(n) => done += n,
                Err(source) => return Err(self.explain(source, "the first bytes")),
            }
        }
        bytes.truncate(done);
        Ok(bytes)
    }

    /// All that follows, of which no more than `limit` bytes are accepted.
    pub(crate) fn rest(
        &mut self,
        limit: u64,
        what: &str,
        remedy: &'static str,
    ) -> Result<Vec<u8>, ImageError> {
        let most = self.remaining().min(limit.saturating_add(1));
        let mut bytes = Vec::with_capacity(self.reserve(most as usize, 1));
        let read = match &mut self.inner {
            Inner::Plain(file) => file.take(limit.saturating_add(1)).read_to_end(&mut bytes),
            Inner::Gzip(file) => file.take(limit.saturating_add(1)).read_to_end(&mut bytes),
        };
        self.at += bytes.len() as u64;
        read.map_err(|source| self.explain(source, what))?;
        if bytes.len() as u64 > limit {
            return Err(ImageError::Limit {
                path: self.path.clone(),
                what: what.to_owned(),
                claimed: bytes.len() as u64,
                limit,
                remedy,
            });
        }
        Ok(bytes)
    }

    /// Goes on to a byte further on.
    pub(crate) fn skip_to(&mut self, at: u64, what: &str) -> Result<(), ImageError> {
        let ahead = at.saturating_sub(self.at);
        self.check(ahead, what)?;
        let start = self.at;
        let moved = match &mut self.inner {
            Inner::Plain(file) => file.seek_relative(ahead as i64).map(|()| ahead),
            Inner::Gzip(file) => io::copy(&mut file.take(ahead), &mut io::sink()),
        };
        let moved = moved.map_err(|source| self.explain(source, what))?;
        self.at += moved;
        if moved < ahead {
            return Err(self.truncated(start, ahead, moved, what));
        }
        Ok(())
    }

    /// Whether nothing follows; a compressed file shows damage of its last bytes only here.
    pub(crate) fn ends(&mut self, what: &str) -> Result<bool, ImageError> {
        let mut byte = [0];
        match self.raw(&mut byte) {
            Ok(n) => Ok(n == 0),
            // Padding after the last member is no gzip header, and no data either.
            Err(source)
                if source.kind() == io::ErrorKind::InvalidInput
                    && source.to_string().contains("header") =>
            {
                Ok(false)
            }
            Err(source) => Err(self.explain(source, what)),
        }
    }

    fn raw(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = match &mut self.inner {
                Inner::Plain(file) => file.read(buffer),
                Inner::Gzip(file) => file.read(buffer),
            };
            match read {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(n) => {
                    self.at += n as u64;
                    return Ok(n);
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn explain(&self, source: io::Error, what: &str) -> ImageError {
        let path = self.path.clone();
        if self.is_compressed() {
            let what = what.to_owned();
            ImageError::Compressed { path, what, source }
        } else {
            ImageError::Io { path, source }
        }
    }

    fn truncated(&self, at: u64, expected: u64, found: u64, what: &str) -> ImageError {
        ImageError::Truncated {
            path: self.path.clone(),
            what: what.to_owned(),
            at,
            expected,
            found,
        }
    }
}
