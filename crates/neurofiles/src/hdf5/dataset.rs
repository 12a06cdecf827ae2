//! One dataset: its shape, and its elements whole or by rows.

use std::ops::Range;
use std::sync::OnceLock;

use hdf5_pure::{DType, Layout, Object, VlenStringReadOptions};

use super::{Attributes, Group, Hdf5Error, Source, attributes};

/// The most that is read at once.
const AT_ONCE: u64 = 1 << 30;
/// What a block of rows aims at.
const BLOCK: u64 = 16 << 20;
/// No byte of deflate stands for more than 1,032; what is little is always granted.
const RATIO: u64 = 1_100;
const GRANTED: u64 = 1 << 20;
/// What a text, a place in a grid of chunks and an opened object take in memory, at least.
const TEXT: u64 = 64;
const PLACE: u128 = 128;
const TARGET: u64 = 1 << 10;

/// What the elements of a dataset are.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Element {
    /// Floating point, of so many bytes.
    Float(u8),
    /// Whole numbers.
    Int {
        /// Bytes of one.
        bytes: u8,
        /// Whether they may be negative.
        signed: bool,
    },
    /// Pairs of a real and an imaginary part, each of so many bytes.
    Complex(u8),
    /// Text, of fixed or variable length.
    Text,
    /// References to other objects of the file.
    Reference,
    /// What is not read, in the words of the library.
    Other(String),
}

/// A dataset of an open file.
#[derive(Debug)]
pub struct Dataset<'a> {
    source: &'a Source,
    path: String,
    shape: Vec<u64>,
    element: Element,
    element_bytes: u64,
    /// Rows that share a chunk; 1 if not chunked.
    band: u64,
    /// Bytes of a decoded chunk; none if not chunked.
    chunk_bytes: Option<u64>,
    /// How many chunks the file holds, once all were found to lie in it.
    chunks: OnceLock<u64>,
    limit: u64,
    inner: hdf5_pure::Dataset,
}

/// What a reference leads to.
#[derive(Debug)]
pub enum Node<'a> {
    /// A group.
    Group(Group<'a>),
    /// A dataset.
    Dataset(Dataset<'a>),
}

impl<'a> Dataset<'a> {
    pub(super) fn new(
        source: &'a Source,
        path: String,
        inner: hdf5_pure::Dataset,
    ) -> Result<Self, Hdf5Error> {
        let unreadable = |error| source.unreadable(&path, &error);
        let shape = inner.shape().map_err(unreadable)?;
        let element_bytes = inner.element_size().map_err(unreadable)?;
        let element = element(inner.dtype().map_err(unreadable)?);
        let (band, chunk, limit) = match inner.layout().map_err(unreadable)? {
            Layout::Chunked { chunk_shape, .. } => {
                let limit = of_a_file(source.bytes);
                let chunk = product(&chunk_shape).saturating_mul(element_bytes.into());
                // The library numbers every place of the grid before it reads one.
                let along = shape.iter().zip(&chunk_shape);
                let places: Vec<u64> = along.map(|(d, &c)| d.div_ceil(c.max(1))).collect();
                let bytes = chunk.max(product(&places).saturating_mul(PLACE));
                if bytes > limit.into() {
                    return Err(source.too_large(&path, bytes, limit));
                }
                let band = chunk_shape.first().copied().unwrap_or(1).max(1);
                (band, u64::try_from(chunk).ok(), limit)
            }
            Layout::Contiguous { address: None, .. } => (1, None, GRANTED),
            _ => (1, None, source.bytes.min(AT_ONCE)),
        };
        Ok(Self {
            source,
            path,
            shape,
            element,
            element_bytes,
            band,
            chunk_bytes: chunk,
            chunks: OnceLock::new(),
            limit,
            inner,
        })
    }

    /// Where the dataset lies, from `/`; empty if it was reached by a reference.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Its dimensions, slowest first; none if scalar.
    pub fn shape(&self) -> &[u64] {
        &self.shape
    }

    /// What its elements are.
    pub fn element(&self) -> &Element {
        &self.element
    }

    /// What is attached to it.
    ///
    /// # Errors
    ///
    /// [`Hdf5Error::Unreadable`].
    pub fn attributes(&self) -> Result<Attributes, Hdf5Error> {
        let read = self.source.metered(|| self.inner.attrs());
        Ok(attributes(read.map_err(|error| self.unreadable(&error))?))
    }

    /// All numbers, in storage order.
    ///
    /// # Errors
    ///
    /// [`Hdf5Error::Kind`] if they are none, [`Hdf5Error::TooLarge`], [`Hdf5Error::Inexact`] for whole numbers that
    /// float64 cannot hold, [`Hdf5Error::Unreadable`].
    pub fn read_f64(&self) -> Result<Vec<f64>, Hdf5Error> {
        self.admit_whole(8)?;
        match self.element {
            Element::Int {
                bytes: 8,
                signed: true,
            } => self.exact(&self.inner.read_i64().map_err(|e| self.unreadable(&e))?),
            Element::Int {
                bytes: 8,
                signed: false,
            } => self.exact(&self.inner.read_u64().map_err(|e| self.unreadable(&e))?),
            Element::Float(_) | Element::Int { .. } => {
                self.inner.read_f64().map_err(|e| self.unreadable(&e))
            }
            _ => Err(self.kind("numbers")),
        }
        .and_then(|read| self.whole(read))
    }

    /// As many values as the shape says: damaged files have given fewer.
    fn whole<T>(&self, read: Vec<T>) -> Result<Vec<T>, Hdf5Error> {
        if read.len() as u128 != product(&self.shape) {
            return Err(self.kind(&format!(
                "{} numbers, as its shape says",
                product(&self.shape)
            )));
        }
        Ok(read)
    }

    fn exact<T: Copy + std::fmt::Display + TryInto<i64>>(
        &self,
        values: &[T],
    ) -> Result<Vec<f64>, Hdf5Error> {
        const WHOLE: i64 = 1 << 53;
        let one = |(index, &value): (usize, &T)| match value.try_into() {
            Ok(whole) if (-WHOLE..=WHOLE).contains(&whole) => Ok(whole as f64),
            _ => Err(Hdf5Error::Inexact {
                path: self.source.path.clone(),
                object: self.path.clone(),
                index,
                value: value.to_string(),
            }),
        };
        values.iter().enumerate().map(one).collect()
    }

    /// All numbers as real and imaginary parts, in storage order.
    ///
    /// # Errors
    ///
    /// As [`Dataset::read_f64`].
    pub fn read_complex(&self) -> Result<(Vec<f64>, Vec<f64>), Hdf5Error> {
        let Element::Complex(bytes) = self.element else {
            return Err(self.kind("complex numbers"));
        };
        self.admit_whole(16)?;
        let raw = self.inner.read_raw().map_err(|e| self.unreadable(&e))?;
        let bytes = usize::from(bytes);
        let part = |part: &[u8]| match *part {
            [a, b, c, d] => f64::from(f32::from_le_bytes([a, b, c, d])),
            [a, b, c, d, e, f, g, h] => f64::from_le_bytes([a, b, c, d, e, f, g, h]),
            _ => f64::NAN,
        };
        let pairs = raw
            .chunks_exact(2 * bytes)
            .map(|pair| (part(&pair[..bytes]), part(&pair[bytes..])));
        Ok(self.whole(pairs.collect())?.into_iter().unzip())
    }

    /// All texts, without what pads them.
    ///
    /// # Errors
    ///
    /// [`Hdf5Error::Kind`] if they are none, [`Hdf5Error::TooLarge`], [`Hdf5Error::Unreadable`].
    pub fn read_texts(&self) -> Result<Vec<String>, Hdf5Error> {
        if self.element != Element::Text {
            return Err(self.kind("texts"));
        }
        self.admit_whole(TEXT)?;
        let varying = matches!(self.inner.dtype(), Ok(DType::VariableLengthString));
        let read = if varying {
            // Many elements may refer to one text: what they amount to is bounded as well.
            let most = usize::try_from(self.source.bytes.saturating_mul(4).min(AT_ONCE));
            let options =
                VlenStringReadOptions::new().with_max_payload_bytes(most.unwrap_or(usize::MAX));
            self.inner.read_vlen_strings(options)
        } else {
            self.inner.read_string()
        };
        read.map_err(|error| self.unreadable(&error))
    }

    /// The one text of a scalar.
    ///
    /// # Errors
    ///
    /// As [`Dataset::read_texts`].
    pub fn read_text(&self) -> Result<String, Hdf5Error> {
        let texts = self.read_texts()?;
        let one = texts.into_iter().next();
        one.ok_or_else(|| self.kind("a text"))
    }

    /// Rows of numbers: what lies at these indices of the first dimension.
    ///
    /// # Errors
    ///
    /// As [`Dataset::read_f64`]; [`Hdf5Error::Kind`] for rows past the end.
    pub fn read_rows(&self, rows: Range<u64>) -> Result<Vec<f64>, Hdf5Error> {
        let Some(&count) = self.shape.first() else {
            return Err(self.kind("rows of numbers"));
        };
        if rows.start > rows.end || rows.end > count {
            return Err(self.kind(&format!("rows {} to {}", rows.start, rows.end)));
        }
        if !matches!(self.element, Element::Float(_) | Element::Int { .. }) {
            return Err(self.kind("numbers"));
        }
        let taken = rows.end - rows.start;
        // Chunks are read whole.
        let elements = u128::from(taken.max(self.band.min(count)));
        self.admit(elements.saturating_mul(self.row_elements()), 8)?;
        self.chunks()?;
        let read = self.inner.read_f64_rows(rows.start, taken);
        let read = read.map_err(|error| self.unreadable(&error))?;
        if read.len() as u128 != u128::from(taken) * self.row_elements() {
            return Err(self.kind(&format!("{taken} whole rows")));
        }
        Ok(read)
    }

    /// Hands over all rows in blocks: the index of the first row, and the numbers of some rows after it.
    ///
    /// Holds about 32 MB, or the rows that share a chunk if that is more; every chunk is decompressed once.
    ///
    /// # Errors
    ///
    /// As [`Dataset::read_rows`], and what `visit` returns.
    pub fn for_each_block<E: From<Hdf5Error>>(
        &self,
        mut visit: impl FnMut(u64, &[f64]) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(&count) = self.shape.first() else {
            return Err(self.kind("rows of numbers").into());
        };
        // What was never written costs a file nothing, and would be handed over for ever.
        let all = product(&self.shape).saturating_mul(self.element_bytes.into());
        let limit = stands_for(self.source.bytes);
        if all > limit.into() {
            return Err(self.source.too_large(&self.path, all, limit).into());
        }
        let row = self.row_elements().saturating_mul(8).max(1);
        let fitting = u64::try_from(u128::from(BLOCK) / row).unwrap_or(1);
        let step = (fitting / self.band).max(1).saturating_mul(self.band);
        let mut start = 0;
        while start < count && row > 1 {
            let end = start.saturating_add(step).min(count);
            visit(start, &self.read_rows(start..end)?)?;
            start = end;
        }
        Ok(())
    }

    /// What its references lead to, in storage order.
    ///
    /// # Errors
    ///
    /// [`Hdf5Error::Kind`] if they are none, [`Hdf5Error::Unreadable`] if one leads nowhere.
    pub fn targets(&self) -> Result<Vec<Node<'a>>, Hdf5Error> {
        if self.element != Element::Reference {
            return Err(self.kind("references"));
        }
        self.admit_whole(TARGET)?;
        let objects = self.inner.dereference();
        let objects = objects.map_err(|error| self.unreadable(&error))?;
        let node = |(index, object)| {
            let path = format!("{}[{index}]", self.path);
            match object {
                Object::Group(inner) => Ok(Node::Group(Group {
                    source: self.source,
                    path,
                    inner,
                })),
                Object::Dataset(inner) => Self::new(self.source, path, *inner).map(Node::Dataset),
                _ => Err(self.kind("references to groups and datasets")),
            }
        };
        objects.into_iter().enumerate().map(node).collect()
    }

    fn row_elements(&self) -> u128 {
        product(self.shape.get(1..).unwrap_or_default())
    }

    /// Whether so many elements, of so many bytes in memory each, can come of this file.
    fn admit(&self, elements: u128, each: u64) -> Result<(), Hdf5Error> {
        let stored = elements.saturating_mul(u128::from(self.element_bytes));
        let held = elements.saturating_mul(u128::from(each));
        let holdable = of_a_file(self.source.bytes);
        let (bytes, limit) = if stored > u128::from(self.limit) {
            (stored, self.limit)
        } else {
            (held, holdable)
        };
        if bytes > u128::from(limit) {
            return Err(self.source.too_large(&self.path, bytes, limit));
        }
        Ok(())
    }

    /// Whether all elements can; all chunks are held decoded meanwhile.
    fn admit_whole(&self, each: u64) -> Result<(), Hdf5Error> {
        self.admit(product(&self.shape), each)?;
        let chunk = u128::from(self.chunk_bytes.unwrap_or(0));
        let decoded = u128::from(self.chunks()?).saturating_mul(chunk);
        self.admit(decoded.div_ceil(self.element_bytes.max(1).into()), 0)
    }

    /// How many chunks the file holds; each must lie within it, for the library takes memory for a stored chunk
    /// before it reads it.
    fn chunks(&self) -> Result<u64, Hdf5Error> {
        if self.chunk_bytes.is_none() {
            return Ok(0);
        }
        if let Some(&known) = self.chunks.get() {
            return Ok(known);
        }
        let chunks = self.source.metered(|| self.inner.chunks());
        let chunks = chunks.map_err(|error| self.unreadable(&error))?;
        for chunk in &chunks {
            let end = chunk.address.saturating_add(chunk.storage_size);
            if end > self.source.bytes {
                return Err(Hdf5Error::Unreadable {
                    path: self.source.path.clone(),
                    object: self.path.clone(),
                    what: format!(
                        "the chunk of element {:?} ends at byte {end} of a file of {}",
                        chunk.offset, self.source.bytes
                    ),
                });
            }
        }
        Ok(*self.chunks.get_or_init(|| chunks.len() as u64))
    }

    fn unreadable(&self, error: &hdf5_pure::Error) -> Hdf5Error {
        self.source.unreadable(&self.path, error)
    }

    /// The error of a dataset that is not what was expected.
    pub(crate) fn kind(&self, expected: &str) -> Hdf5Error {
        Hdf5Error::Kind {
            path: self.source.path.clone(),
            object: self.path.clone(),
            found: format!("{:?} of shape {:?}", self.element, self.shape),
            expected: expected.to_owned(),
        }
    }
}

/// The most that is read at once of a file of this size.
fn of_a_file(bytes: u64) -> u64 {
    stands_for(bytes).min(AT_ONCE)
}

/// The most that a file of this size can stand for.
fn stands_for(bytes: u64) -> u64 {
    bytes.saturating_mul(RATIO).saturating_add(GRANTED)
}

fn product(shape: &[u64]) -> u128 {
    let dims = shape.iter().map(|&dim| u128::from(dim));
    dims.fold(1, u128::saturating_mul)
}

fn element(found: DType) -> Element {
    let int = |bytes, signed| Element::Int { bytes, signed };
    match found {
        DType::F32 => Element::Float(4),
        DType::F64 => Element::Float(8),
        DType::I8 | DType::Enum(_) => int(1, true),
        DType::I16 => int(2, true),
        DType::I32 => int(4, true),
        DType::I64 => int(8, true),
        DType::U8 => int(1, false),
        DType::U16 => int(2, false),
        DType::U32 => int(4, false),
        DType::U64 => int(8, false),
        DType::String | DType::VariableLengthString => Element::Text,
        DType::ObjectReference => Element::Reference,
        DType::Compound(fields) => match fields.as_slice() {
            [(_, DType::F64), (_, DType::F64)] => Element::Complex(8),
            [(_, DType::F32), (_, DType::F32)] => Element::Complex(4),
            _ => Element::Other(DType::Compound(fields).to_string()),
        },
        other => Element::Other(other.to_string()),
    }
}
