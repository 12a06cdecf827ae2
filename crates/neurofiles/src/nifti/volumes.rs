//! Volumes one after another, whole or behind a mask.

use std::fmt;
use std::marker::PhantomData;

use super::{Encoding, ImageError, Mask, Sample, Source};

/// The most that one volume of a compressed file may take: 2 GiB.
///
/// An uncompressed file needs no limit, since it is as long as what it holds.
pub(crate) const COMPRESSED_VOLUME: u64 = 1 << 31;

/// Bytes decoded at a time; a multiple of the size of every element.
const CHUNK: usize = 3 << 16;

/// Arrays of equal length that follow one another in a file.
pub(crate) struct Stream {
    source: Source,
    encoding: Encoding,
    length: usize,
    left: usize,
    total: usize,
    chunk: Vec<u8>,
}

impl Stream {
    /// `count` arrays of `length` elements from where the source stands; fails if it cannot hold them.
    pub(crate) fn new(
        source: Source,
        encoding: Encoding,
        length: usize,
        count: usize,
    ) -> Result<Self, ImageError> {
        let size = encoding.data_type.bytes() as u64;
        let one = (length as u64).saturating_mul(size);
        let what = format!("{count} × {length} elements of {size} bytes");
        source.check(one.saturating_mul(count as u64), &what)?;
        if source.is_compressed() && one > COMPRESSED_VOLUME {
            return Err(ImageError::Limit {
                path: source.path().to_owned(),
                what: format!("a compressed volume of {length} elements"),
                claimed: one,
                limit: COMPRESSED_VOLUME,
                remedy: "write the file uncompressed",
            });
        }
        Ok(Self {
            source,
            encoding,
            length,
            left: count,
            total: count,
            chunk: Vec::new(),
        })
    }

    /// The next array, of which only the elements at `keep` (ascending) are kept if it is given.
    pub(crate) fn next<T: Sample>(
        &mut self,
        keep: Option<&[u32]>,
    ) -> Option<Result<Vec<T>, ImageError>> {
        self.left = self.left.checked_sub(1)?;
        let read = self.read(keep);
        if read.is_err() {
            self.left = 0;
        }
        Some(read)
    }

    fn read<T: Sample>(&mut self, keep: Option<&[u32]>) -> Result<Vec<T>, ImageError> {
        let size = self.encoding.data_type.bytes();
        let what = format!("volume {} of {}", self.total - self.left, self.total);
        let kept = keep.map_or(self.length, <[_]>::len);
        let mut out = Vec::with_capacity(self.source.reserve(kept, size_of::<T>()));
        let (mut done, mut next, mut part) = (0, 0, Vec::new());
        while done < self.length {
            let count = (CHUNK / size).min(self.length - done);
            self.chunk.resize(count * size, 0);
            self.source.fill(&mut self.chunk, &what)?;
            let into = if keep.is_some() { &mut part } else { &mut out };
            if !T::decode(&self.chunk, self.encoding, into) {
                let found = format!("{:?}", self.encoding.data_type);
                let path = self.source.path();
                return Err(ImageError::field(path, "the data type", found, T::EXPECTED));
            }
            if let Some(keep) = keep {
                let from = next;
                while next < keep.len() && (keep[next] as usize) < done + count {
                    next += 1;
                }
                out.extend(keep[from..next].iter().map(|&at| part[at as usize - done]));
                part.clear();
            }
            done += count;
        }
        if self.left == 0 {
            self.source.ends(&what)?;
        }
        Ok(out)
    }
}

/// The volumes of an image in order, each with i fastest, then j, then k: element i + nᵢ(j + nⱼk).
///
/// The first failure is the last item.
#[derive(Debug)]
pub struct Volumes<T> {
    stream: Stream,
    sample: PhantomData<T>,
}

impl<T: Sample> Volumes<T> {
    pub(crate) fn new(stream: Stream) -> Self {
        Self {
            stream,
            sample: PhantomData,
        }
    }
}

impl<T: Sample> Iterator for Volumes<T> {
    type Item = Result<Vec<T>, ImageError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.stream.next(None)
    }
}

/// The voxels of a mask, volume by volume, in the order of [`Mask::voxels`].
///
/// The first failure is the last item.
#[derive(Debug)]
pub struct Masked<'a, T> {
    stream: Stream,
    mask: &'a Mask,
    sample: PhantomData<T>,
}

impl<'a, T: Sample> Masked<'a, T> {
    pub(crate) fn new(stream: Stream, mask: &'a Mask) -> Self {
        Self {
            stream,
            mask,
            sample: PhantomData,
        }
    }
}

impl<T: Sample> Iterator for Masked<'_, T> {
    type Item = Result<Vec<T>, ImageError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.stream.next(Some(self.mask.voxels()))
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (left, total) = (self.left, self.total);
        write!(
            f,
            "{left} of {total} volumes of {}",
            self.source.path().display()
        )
    }
}
