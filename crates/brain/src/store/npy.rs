//! The matrix in a `.npy` file, read in blocks of rows: what the array reader of `stimuli` does whole.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::error::StoreError;

/// Bytes before the data in the files written here: a multiple of 64, with room for any shape.
pub(crate) const HEADER: u64 = 128;
/// NumPy itself reads headers up to 10,000 bytes.
const MAX_HEADER: usize = 10_000;

/// Element types of matrices read in blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Element {
    F32,
    F64,
    Bool,
}

impl Element {
    pub(crate) const fn bytes(self) -> u64 {
        match self {
            Self::F32 => 4,
            Self::F64 => 8,
            Self::Bool => 1,
        }
    }
}

/// A C-ordered matrix on disk, its size checked against its header.
#[derive(Debug)]
pub(crate) struct Matrix {
    path: PathBuf,
    file: File,
    start: u64,
    pub(crate) element: Element,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
}

/// The header of a C-ordered matrix, [`HEADER`] bytes.
pub(crate) fn header(descr: &str, rows: usize, columns: usize) -> Vec<u8> {
    let mut text =
        format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({rows}, {columns}), }}");
    let room = HEADER as usize - 10;
    text.extend(std::iter::repeat_n(' ', room - 1 - text.len()));
    text.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((room as u16).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes
}

/// Writes truth values as a NumPy matrix.
pub(crate) fn write_bool(
    out: &mut impl Write,
    matrix: ndarray::ArrayView2<'_, bool>,
) -> std::io::Result<()> {
    out.write_all(&header("|b1", matrix.nrows(), matrix.ncols()))?;
    let mut line = vec![0; matrix.ncols()];
    for row in matrix.outer_iter() {
        for (byte, &value) in line.iter_mut().zip(row) {
            *byte = u8::from(value);
        }
        out.write_all(&line)?;
    }
    Ok(())
}

impl Matrix {
    /// Opens a matrix; whether the file holds exactly the bytes that its header claims is checked here.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let io = |source| StoreError::Io {
            path: path.to_owned(),
            source,
        };
        let wrong = |what: String| StoreError::Data {
            path: path.to_owned(),
            what,
        };
        let mut file = File::open(path).map_err(io)?;
        let length = file.metadata().map_err(io)?.len();
        let mut start = Vec::new();
        (&mut file).take(12).read_to_end(&mut start).map_err(io)?;
        if start.len() < 12 || &start[..6] != b"\x93NUMPY" {
            return Err(wrong("it does not begin as a NumPy array".into()));
        }
        let (size, at) = match start[6] {
            1 => (usize::from(u16::from_le_bytes([start[8], start[9]])), 10),
            2 | 3 => (
                u32::from_le_bytes([start[8], start[9], start[10], start[11]]) as usize,
                12,
            ),
            version => {
                return Err(wrong(format!(
                    "NumPy format version {version}, expected 1 to 3"
                )));
            }
        };
        if size > MAX_HEADER {
            return Err(wrong(format!("a header of {size} bytes")));
        }
        file.seek(SeekFrom::Start(at)).map_err(io)?;
        let mut text = Vec::new();
        (&mut file)
            .take(size as u64)
            .read_to_end(&mut text)
            .map_err(io)?;
        let text = String::from_utf8(text).map_err(|_| wrong("its header is not text".into()))?;
        let value = |key: &str| {
            let (_, rest) = text.split_once(&format!("'{key}':"))?;
            Some(rest.trim_start())
        };
        let element = match value("descr") {
            Some(v) if v.starts_with("'<f4'") => Element::F32,
            Some(v) if v.starts_with("'<f8'") => Element::F64,
            Some(v) if v.starts_with("'|b1'") => Element::Bool,
            found => {
                let found = found.and_then(|v| v.split(',').next()).unwrap_or("none");
                return Err(wrong(format!(
                    "dtype {found}, expected '<f4', '<f8' or '|b1'"
                )));
            }
        };
        if !value("fortran_order").is_some_and(|v| v.starts_with("False")) {
            return Err(wrong(
                "its elements are in Fortran order; expected C order: save np.ascontiguousarray(a)"
                    .into(),
            ));
        }
        let shape: Option<Vec<usize>> = value("shape")
            .and_then(|v| v.strip_prefix('('))
            .and_then(|v| v.split_once(')'))
            .and_then(|(v, _)| {
                v.trim_end_matches(',')
                    .split(',')
                    .map(|n| n.trim().parse().ok())
                    .collect()
            });
        let Some(&[rows, columns]) = shape.as_deref() else {
            return Err(wrong(format!(
                "its header names no shape of two axes: {}",
                text.trim_end()
            )));
        };
        let start = at + size as u64;
        let claimed = (rows as u64)
            .checked_mul(columns as u64)
            .and_then(|n| n.checked_mul(element.bytes()))
            .and_then(|n| n.checked_add(start));
        if claimed != Some(length) {
            return Err(wrong(format!(
                "the header claims {rows} × {columns} elements of {} bytes, but the file has {length} bytes, {start} of them header",
                element.bytes()
            )));
        }
        Ok(Self {
            path: path.to_owned(),
            file,
            start,
            element,
            rows,
            columns,
        })
    }

    /// Rows `first..` into `bytes`, as many as it holds.
    pub(crate) fn read_bytes(&mut self, first: usize, bytes: &mut [u8]) -> Result<(), StoreError> {
        let at = self.start + first as u64 * self.columns as u64 * self.element.bytes();
        self.file
            .seek(SeekFrom::Start(at))
            .and_then(|_| self.file.read_exact(bytes))
            .map_err(|source| StoreError::Io {
                path: self.path.clone(),
                source,
            })
    }

    /// Rows `first..` as 32-bit floats into `values`, as many whole rows as it holds.
    pub(crate) fn read(&mut self, first: usize, values: &mut [f32]) -> Result<(), StoreError> {
        const BLOCK: usize = 1 << 20;
        let width = self.element.bytes() as usize;
        let mut bytes = vec![0; (values.len() * width).min(BLOCK)];
        let at = self.start + first as u64 * self.columns as u64 * width as u64;
        let io = |source| StoreError::Io {
            path: self.path.clone(),
            source,
        };
        self.file.seek(SeekFrom::Start(at)).map_err(io)?;
        for part in values.chunks_mut(BLOCK / width) {
            let bytes = &mut bytes[..part.len() * width];
            self.file.read_exact(bytes).map_err(io)?;
            decode(self.element, bytes, part);
        }
        Ok(())
    }
}

fn decode(element: Element, bytes: &[u8], values: &mut [f32]) {
    match element {
        Element::F32 => {
            for (value, bytes) in values.iter_mut().zip(bytes.as_chunks::<4>().0) {
                *value = f32::from_le_bytes(*bytes);
            }
        }
        Element::F64 => {
            for (value, bytes) in values.iter_mut().zip(bytes.as_chunks::<8>().0) {
                *value = f64::from_le_bytes(*bytes) as f32;
            }
        }
        Element::Bool => {
            for (value, &byte) in values.iter_mut().zip(bytes) {
                *value = f32::from(byte != 0);
            }
        }
    }
}
