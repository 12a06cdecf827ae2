//! The NumPy `.npy` format, versions 1 to 3
//! (<https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>).

mod header;

use std::io::{self, BufReader, ErrorKind, Read, Write};
use std::path::Path;

use ndarray::{ArrayD, ArrayViewD, IxDyn, ShapeBuilder};

use self::header::Header;
use super::{Array, ArrayError, ArrayRef, Number, Place, open};
use crate::output::{AtomicFile, Overwrite};

const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// The name of text as an element type.
pub(super) const TEXT: &str = "U";
/// Bytes decoded at a time: a multiple of every element size, and small enough for the cache.
const BLOCK: usize = 1 << 16;

/// Reads a `.npy` file: f4, f8, i1 to i8, u1 to u8, b1 or text, either byte order, C or Fortran order.
///
/// Time and memory are linear in the file's size.
///
/// # Errors
/// [`ArrayError`] when the file is missing, damaged, empty, of another type, or holds pickled objects.
pub fn read_npy(path: impl AsRef<Path>) -> Result<Array, ArrayError> {
    let place = Place::file(path.as_ref());
    let (file, length) = open(&place)?;
    read_from(&mut BufReader::new(file), length, &place)
}

/// Writes a `.npy` file, version 1, little-endian, C order; the bytes depend on the array alone.
///
/// # Errors
/// [`ArrayError::Output`] when the file exists and `overwrite` forbids it, or cannot be written.
pub fn write_npy<'a>(
    path: impl AsRef<Path>,
    overwrite: Overwrite,
    array: impl Into<ArrayRef<'a>>,
) -> Result<(), ArrayError> {
    let mut file = AtomicFile::create(path.as_ref(), overwrite)?;
    let written = write_to(&mut file, &array.into());
    written.map_err(|source| file.error(source))?;
    Ok(file.commit()?)
}

/// Element type and shape of an array of `length` bytes, of which only the header is read.
pub(super) fn describe(
    source: &mut impl Read,
    length: u64,
    place: &Place,
) -> Result<(&'static str, Vec<u64>), ArrayError> {
    let header = Header::read(source, length, place)?;
    Ok((Kind::parse(&header.dtype, place)?.name(), header.shape))
}

/// Reads one array of `length` bytes, header included.
pub(super) fn read_from(
    source: &mut impl Read,
    length: u64,
    place: &Place,
) -> Result<Array, ArrayError> {
    let Header {
        dtype,
        fortran,
        shape,
        bytes,
    } = Header::read(source, length, place)?;
    let kind = Kind::parse(&dtype, place)?;
    let elements = shape
        .iter()
        .try_fold(1_u64, |product, &axis| product.checked_mul(axis));
    let claimed = elements.and_then(|n| n.checked_mul(kind.bytes() as u64));
    let shape_text = shape_text(&shape);
    let found = length.saturating_sub(bytes);
    if elements == Some(0) || kind.bytes() == 0 {
        return Err(ArrayError::Empty {
            place: place.clone(),
            what: format!("the array of shape {shape_text} and dtype {dtype} has no content"),
        });
    }
    let bytes = claimed.map_or_else(|| "more than 2^63".to_owned(), |n| n.to_string());
    let size = |found| ArrayError::Size {
        place: place.clone(),
        claim: format!("shape {shape_text} of {dtype}, {bytes} bytes"),
        found,
    };
    // From here every axis and the total are bounded by the bytes that exist.
    let (Some(count), true) = (elements, claimed == Some(found)) else {
        return Err(size(found));
    };
    let count = count as usize;
    let axes: Vec<usize> = shape.iter().map(|&axis| axis as usize).collect();
    let layout = || IxDyn(&axes).set_f(fortran);
    let mut input = Input {
        source,
        place,
        swap: kind.swap,
        size: &size,
    };
    macro_rules! numbers {
        ($variant:ident) => {
            Array::$variant(shaped(layout(), input.numbers(count)?).ok_or_else(|| size(found))?)
        };
    }
    Ok(match kind.code {
        Code::F4 => numbers!(F32),
        Code::F8 => numbers!(F64),
        Code::I1 => numbers!(I8),
        Code::I2 => numbers!(I16),
        Code::I4 => numbers!(I32),
        Code::I8 => numbers!(I64),
        Code::U1 => numbers!(U8),
        Code::U2 => numbers!(U16),
        Code::U4 => numbers!(U32),
        Code::U8 => numbers!(U64),
        Code::B1 => numbers!(Bool),
        Code::Wide(_) => {
            let swap = kind.swap;
            let decode = |bytes: &[u8]| {
                let codes = bytes.chunks_exact(4).map(<u32 as Number>::from_le);
                codes
                    .map(|code| char::from_u32(if swap { code.swap_bytes() } else { code }))
                    .collect()
            };
            Array::Text(
                shaped(layout(), input.text(count, kind.bytes(), decode)?)
                    .ok_or_else(|| size(found))?,
            )
        }
        Code::Bytes(_) => {
            let decode = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
            Array::Text(
                shaped(layout(), input.text(count, kind.bytes(), decode)?)
                    .ok_or_else(|| size(found))?,
            )
        }
    })
}

/// Writes one array, header included.
pub(super) fn write_to(out: &mut impl Write, array: &ArrayRef<'_>) -> io::Result<()> {
    match array {
        ArrayRef::F32(a) => write_numbers(out, "<f4", a),
        ArrayRef::F64(a) => write_numbers(out, "<f8", a),
        ArrayRef::I8(a) => write_numbers(out, "|i1", a),
        ArrayRef::I16(a) => write_numbers(out, "<i2", a),
        ArrayRef::I32(a) => write_numbers(out, "<i4", a),
        ArrayRef::I64(a) => write_numbers(out, "<i8", a),
        ArrayRef::U8(a) => write_numbers(out, "|u1", a),
        ArrayRef::U16(a) => write_numbers(out, "<u2", a),
        ArrayRef::U32(a) => write_numbers(out, "<u4", a),
        ArrayRef::U64(a) => write_numbers(out, "<u8", a),
        ArrayRef::Bool(a) => write_numbers(out, "|b1", a),
        ArrayRef::Text(a) => write_text(out, a),
    }
}

fn shaped<T>(shape: ndarray::Shape<IxDyn>, values: Vec<T>) -> Option<ArrayD<T>> {
    ArrayD::from_shape_vec(shape, values).ok()
}

fn shape_text<T: ToString>(shape: &[T]) -> String {
    let axes: Vec<_> = shape.iter().map(T::to_string).collect();
    format!(
        "({}{})",
        axes.join(", "),
        if axes.len() == 1 { "," } else { "" }
    )
}

#[derive(Clone, Copy)]
enum Code {
    F4,
    F8,
    I1,
    I2,
    I4,
    I8,
    U1,
    U2,
    U4,
    U8,
    B1,
    /// UCS-4 text of so many characters.
    Wide(u32),
    /// Byte text of so many bytes.
    Bytes(u32),
}

/// The element type of a file.
struct Kind {
    code: Code,
    swap: bool,
}

impl Kind {
    fn parse(dtype: &str, place: &Place) -> Result<Self, ArrayError> {
        let refused = || ArrayError::DType {
            place: place.clone(),
            dtype: dtype.to_owned(),
        };
        let (swap, code) = match dtype.as_bytes().first() {
            Some(b'<' | b'|' | b'=') => (false, &dtype[1..]),
            Some(b'>') => (true, &dtype[1..]),
            _ => (false, dtype),
        };
        let code = match code {
            "f4" => Code::F4,
            "f8" => Code::F8,
            "i1" => Code::I1,
            "i2" => Code::I2,
            "i4" => Code::I4,
            "i8" => Code::I8,
            "u1" => Code::U1,
            "u2" => Code::U2,
            "u4" => Code::U4,
            "u8" => Code::U8,
            "b1" | "?" => Code::B1,
            _ if code.starts_with('O') => {
                return Err(ArrayError::Pickled {
                    place: place.clone(),
                    dtype: dtype.to_owned(),
                });
            }
            _ => match (code.get(..1), code.get(1..).and_then(|n| n.parse().ok())) {
                (Some("U"), Some(chars)) => Code::Wide(chars),
                (Some("S"), Some(bytes)) => Code::Bytes(bytes),
                _ => return Err(refused()),
            },
        };
        Ok(Self { code, swap })
    }

    /// The name that [`Array::dtype`] gives it.
    const fn name(&self) -> &'static str {
        match self.code {
            Code::F4 => "f4",
            Code::F8 => "f8",
            Code::I1 => "i1",
            Code::I2 => "i2",
            Code::I4 => "i4",
            Code::I8 => "i8",
            Code::U1 => "u1",
            Code::U2 => "u2",
            Code::U4 => "u4",
            Code::U8 => "u8",
            Code::B1 => "b1",
            Code::Wide(_) | Code::Bytes(_) => TEXT,
        }
    }

    const fn bytes(&self) -> usize {
        match self.code {
            Code::I1 | Code::U1 | Code::B1 => 1,
            Code::I2 | Code::U2 => 2,
            Code::F4 | Code::I4 | Code::U4 => 4,
            Code::F8 | Code::I8 | Code::U8 => 8,
            Code::Wide(chars) => 4 * chars as usize,
            Code::Bytes(bytes) => bytes as usize,
        }
    }
}

/// The data part of a file.
struct Input<'a, R, F> {
    source: &'a mut R,
    place: &'a Place,
    swap: bool,
    size: &'a F,
}

impl<R: Read, F: Fn(u64) -> ArrayError> Input<'_, R, F> {
    fn fill(&mut self, bytes: &mut [u8], before: usize) -> Result<(), ArrayError> {
        self.source
            .read_exact(bytes)
            .map_err(|error| match error.kind() {
                ErrorKind::UnexpectedEof => (self.size)(before as u64),
                _ => ArrayError::Io {
                    place: self.place.clone(),
                    source: error,
                },
            })
    }

    fn numbers<T: Number>(&mut self, count: usize) -> Result<Vec<T>, ArrayError> {
        let mut values = self.reserve(count)?;
        let mut block = vec![0; BLOCK];
        while values.len() < count {
            let n = (count - values.len()).min(BLOCK / T::BYTES);
            let bytes = &mut block[..n * T::BYTES];
            self.fill(bytes, values.len() * T::BYTES)?;
            if self.swap {
                bytes.chunks_exact_mut(T::BYTES).for_each(<[u8]>::reverse);
            }
            values.extend(bytes.chunks_exact(T::BYTES).map(T::from_le));
        }
        Ok(values)
    }

    /// Elements of `width` bytes each, padded with NUL.
    fn text(
        &mut self,
        count: usize,
        width: usize,
        decode: impl Fn(&[u8]) -> Option<String>,
    ) -> Result<Vec<String>, ArrayError> {
        let mut texts = self.reserve(count)?;
        let mut element: Vec<u8> = self.reserve(width)?;
        element.resize(width, 0);
        for index in 0..count {
            self.fill(&mut element, index * width)?;
            let text = decode(&element).map(|text| text.trim_end_matches('\0').to_owned());
            texts.push(text.ok_or_else(|| ArrayError::Unicode {
                place: self.place.clone(),
                index,
            })?);
        }
        Ok(texts)
    }

    fn reserve<T>(&self, count: usize) -> Result<Vec<T>, ArrayError> {
        let mut values = Vec::new();
        values
            .try_reserve_exact(count)
            .map_err(|_| ArrayError::Memory {
                place: self.place.clone(),
                bytes: (count as u64).saturating_mul(size_of::<T>() as u64),
            })?;
        Ok(values)
    }
}

fn write_header(out: &mut impl Write, dtype: &str, shape: &[usize]) -> io::Result<()> {
    let mut header = format!(
        "{{'descr': '{dtype}', 'fortran_order': False, 'shape': {}, }}",
        shape_text(shape)
    );
    // Data begin at a multiple of 64 bytes, so that they can be mapped into memory.
    let padding = 63 - (MAGIC.len() + 4 + header.len()) % 64;
    header.extend(std::iter::repeat_n(' ', padding));
    header.push('\n');
    let size = u16::try_from(header.len())
        .map_err(|_| io::Error::other("too many axes for a .npy header"))?;
    out.write_all(MAGIC)?;
    out.write_all(&[1, 0])?;
    out.write_all(&size.to_le_bytes())?;
    out.write_all(header.as_bytes())
}

fn write_numbers<T: Number>(
    out: &mut impl Write,
    dtype: &str,
    array: &ArrayViewD<'_, T>,
) -> io::Result<()> {
    write_header(out, dtype, array.shape())?;
    let mut block = Vec::with_capacity(BLOCK);
    for &value in array {
        value.put_le(&mut block);
        if block.len() == BLOCK {
            out.write_all(&block)?;
            block.clear();
        }
    }
    out.write_all(&block)
}

fn write_text(out: &mut impl Write, array: &ArrayViewD<'_, String>) -> io::Result<()> {
    // NumPy has no elements of width 0.
    let width = array
        .iter()
        .map(|text| text.chars().count())
        .max()
        .unwrap_or(0)
        .max(1);
    write_header(out, &format!("<U{width}"), array.shape())?;
    let mut block = Vec::new();
    for text in array {
        block.clear();
        text.chars().for_each(|c| u32::from(c).put_le(&mut block));
        block.resize(4 * width, 0);
        out.write_all(&block)?;
    }
    Ok(())
}
