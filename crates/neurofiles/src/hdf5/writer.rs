//! A writer of plain files: groups, contiguous numbers written as a stream of rows, texts of fixed length.
//!
//! What h5py's default writes is read everywhere; this writes less: superblock 0, object headers of version 1,
//! links inside them (HDF5 file format 3.0, II.A, IV.A.1.a). No checksum, no chunk, no attribute.

use std::collections::BTreeMap;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use emotome_stimuli::output::{AtomicFile, Overwrite};

use super::{Hdf5Error, io_error};

const SUPERBLOCK: u64 = 96;
const UNDEFINED: u64 = u64::MAX;
/// A link and its name share a message of less than 65,536 bytes.
const LINK: usize = 60_000;

/// A file being written; it stands under its name only after [`Writer::finish`].
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    out: AtomicFile,
    at: u64,
    root: Tree,
}

#[derive(Debug, Default)]
struct Tree(BTreeMap<String, Entry>);

#[derive(Debug)]
enum Entry {
    Group(Tree),
    Dataset { header: u64 },
}

/// Rows being written into a dataset declared with [`Writer::rows`].
#[derive(Debug)]
pub struct RowWriter<'a> {
    writer: &'a mut Writer,
    name: String,
    kind: Vec<u8>,
    shape: Vec<u64>,
    start: u64,
    written: u64,
    /// Bytes of one element, 4 or 8.
    width: u64,
}

impl Writer {
    /// Begins a file.
    ///
    /// # Errors
    ///
    /// [`Hdf5Error::Output`].
    pub fn create(path: impl AsRef<Path>, overwrite: Overwrite) -> Result<Self, Hdf5Error> {
        let path = path.as_ref();
        let mut writer = Self {
            path: path.to_owned(),
            out: AtomicFile::create(path, overwrite)?,
            at: 0,
            root: Tree::default(),
        };
        writer.put(&[0; SUPERBLOCK as usize])?;
        Ok(writer)
    }

    /// An empty group, for a reader that expects it; datasets make the groups on their path themselves.
    ///
    /// # Errors
    ///
    /// [`Hdf5Error::Kind`] if a dataset is on the path.
    pub fn group(&mut self, name: &str) -> Result<(), Hdf5Error> {
        descend(&mut self.root, name)
            .map(drop)
            .ok_or_else(|| occupied(&self.path, name))
    }

    /// Writes float64 numbers in C order.
    ///
    /// # Errors
    ///
    /// [`Hdf5Error::Output`]; [`Hdf5Error::Rows`] if the shape holds another number of values.
    pub fn numbers(&mut self, name: &str, shape: &[u64], values: &[f64]) -> Result<(), Hdf5Error> {
        let mut rows = self.rows::<f64>(name, shape)?;
        rows.write_f64(values)?;
        rows.finish()
    }

    /// Begins a dataset of float64 or float32 (`T`) whose values follow in C order.
    ///
    /// # Errors
    ///
    /// [`Hdf5Error::Output`].
    pub fn rows<T: Into<f64>>(
        &mut self,
        name: &str,
        shape: &[u64],
    ) -> Result<RowWriter<'_>, Hdf5Error> {
        self.align()?;
        let width = size_of::<T>() as u64;
        Ok(RowWriter {
            start: self.at,
            kind: float(width),
            writer: self,
            name: name.to_owned(),
            shape: shape.to_vec(),
            written: 0,
            width,
        })
    }

    /// Writes texts, one a row, padded to the longest.
    ///
    /// # Errors
    ///
    /// [`Hdf5Error::Output`].
    pub fn texts(&mut self, name: &str, texts: &[impl AsRef<str>]) -> Result<(), Hdf5Error> {
        self.padded(name, &[texts.len() as u64], texts)
    }

    /// Writes one text without a dimension.
    ///
    /// # Errors
    ///
    /// [`Hdf5Error::Output`].
    pub fn text(&mut self, name: &str, text: &str) -> Result<(), Hdf5Error> {
        self.padded(name, &[], &[text])
    }

    fn padded(
        &mut self,
        name: &str,
        shape: &[u64],
        texts: &[impl AsRef<str>],
    ) -> Result<(), Hdf5Error> {
        let lengths = texts.iter().map(|text| text.as_ref().len());
        let width = lengths.max().unwrap_or(0).max(1);
        self.align()?;
        let start = self.at;
        for text in texts {
            let mut padded = text.as_ref().as_bytes().to_vec();
            padded.resize(width, 0);
            self.put(&padded)?;
        }
        // Class 3, padded with zeros, UTF-8.
        let mut kind = vec![0x13, 0x11, 0, 0];
        kind.extend((width as u32).to_le_bytes());
        self.describe(name, shape, &kind, start)
    }

    /// Writes the groups and the superblock, and closes the file.
    ///
    /// # Errors
    ///
    /// [`Hdf5Error::Output`].
    pub fn finish(mut self) -> Result<(), Hdf5Error> {
        let root = std::mem::take(&mut self.root);
        let header = self.links(&root)?;
        let end = self.at;
        let mut block = b"\x89HDF\r\n\x1a\n".to_vec();
        block.extend([0, 0, 0, 0, 0, 8, 8, 0]);
        block.extend([4, 0, 16, 0, 0, 0, 0, 0]);
        for address in [0, UNDEFINED, end, UNDEFINED, 0, header] {
            block.extend(address.to_le_bytes());
        }
        block.resize(SUPERBLOCK as usize, 0);
        let at_start = self.out.seek(SeekFrom::Start(0));
        let written = at_start.and_then(|_| self.out.write_all(&block));
        written.map_err(|source| self.out.error(source))?;
        Ok(self.out.commit()?)
    }

    fn links(&mut self, tree: &Tree) -> Result<u64, Hdf5Error> {
        // Link info: no heap, no index; group info: nothing said.
        let mut info = vec![0, 0];
        info.extend(UNDEFINED.to_le_bytes());
        info.extend(UNDEFINED.to_le_bytes());
        let mut messages = vec![(0x02, info), (0x0A, vec![0, 0])];
        for (name, entry) in &tree.0 {
            let header = match entry {
                Entry::Group(inner) => self.links(inner)?,
                Entry::Dataset { header } => *header,
            };
            // Version 1, UTF-8 and two bytes of length.
            let mut link = vec![1, 0x11, 1];
            link.extend((name.len() as u16).to_le_bytes());
            link.extend(name.as_bytes());
            link.extend(header.to_le_bytes());
            messages.push((0x06, link));
        }
        self.header(&messages)
    }

    fn describe(
        &mut self,
        name: &str,
        shape: &[u64],
        kind: &[u8],
        start: u64,
    ) -> Result<(), Hdf5Error> {
        let bytes = self.at - start;
        let mut space = vec![1, shape.len() as u8, 0, 0, 0, 0, 0, 0];
        for dim in shape {
            space.extend(dim.to_le_bytes());
        }
        let mut layout = vec![3, 1];
        layout.extend(if bytes == 0 { UNDEFINED } else { start }.to_le_bytes());
        layout.extend(bytes.to_le_bytes());
        // Fill value, version 2: allocated late, written if set, undefined.
        let fill = vec![2, 2, 2, 0];
        let messages = [
            (0x01, space),
            (0x03, kind.to_vec()),
            (0x05, fill),
            (0x08, layout),
        ];
        let header = self.header(&messages)?;
        let (groups, leaf) = name.rsplit_once('/').unwrap_or(("", name));
        match descend(&mut self.root, groups) {
            Some(tree) if !tree.0.contains_key(leaf) && !leaf.is_empty() && leaf.len() < LINK => {
                tree.0.insert(leaf.to_owned(), Entry::Dataset { header });
                Ok(())
            }
            _ => Err(occupied(&self.path, name)),
        }
    }

    fn header(&mut self, messages: &[(u16, Vec<u8>)]) -> Result<u64, Hdf5Error> {
        self.align()?;
        let mut body = Vec::new();
        for (kind, data) in messages {
            let padded = data.len().next_multiple_of(8);
            body.extend(kind.to_le_bytes());
            body.extend((padded as u16).to_le_bytes());
            body.extend([0; 4]);
            body.extend(data);
            body.resize(body.len() + padded - data.len(), 0);
        }
        let count = u16::try_from(messages.len()).map_err(|_| {
            io_error(
                &self.path,
                io::Error::other(format!(
                    "{} links in one group; at most 65,533",
                    messages.len()
                )),
            )
        })?;
        let at = self.at;
        let mut prefix = vec![1, 0];
        prefix.extend(count.to_le_bytes());
        prefix.extend(1u32.to_le_bytes());
        prefix.extend((body.len() as u32).to_le_bytes());
        prefix.extend([0; 4]);
        self.put(&prefix)?;
        self.put(&body)?;
        Ok(at)
    }

    fn align(&mut self) -> Result<(), Hdf5Error> {
        let gap = self.at.next_multiple_of(8) - self.at;
        self.put(&[0; 8][..gap as usize])
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Hdf5Error> {
        let written = self.out.write_all(bytes);
        written.map_err(|source| self.out.error(source))?;
        self.at += bytes.len() as u64;
        Ok(())
    }
}

impl RowWriter<'_> {
    /// Writes the next values, converted to the element of the dataset.
    ///
    /// # Errors
    ///
    /// [`Hdf5Error::Output`].
    pub fn write_f64(&mut self, values: &[f64]) -> Result<(), Hdf5Error> {
        self.write(values.len(), |index| values[index])
    }

    /// Writes the next values, converted to the element of the dataset.
    ///
    /// # Errors
    ///
    /// [`Hdf5Error::Output`].
    pub fn write_f32(&mut self, values: &[f32]) -> Result<(), Hdf5Error> {
        self.write(values.len(), |index| values[index].into())
    }

    fn write(&mut self, count: usize, value: impl Fn(usize) -> f64) -> Result<(), Hdf5Error> {
        const AT_ONCE: usize = 1 << 13;
        for start in (0..count).step_by(AT_ONCE) {
            let block = start..count.min(start + AT_ONCE);
            let bytes: Vec<u8> = if self.width == 4 {
                block
                    .flat_map(|at| (value(at) as f32).to_le_bytes())
                    .collect()
            } else {
                block.flat_map(|at| value(at).to_le_bytes()).collect()
            };
            self.writer.put(&bytes)?;
        }
        self.written += count as u64;
        Ok(())
    }

    /// Ends the dataset.
    ///
    /// # Errors
    ///
    /// [`Hdf5Error::Rows`] if other values were written than declared, [`Hdf5Error::Output`].
    pub fn finish(self) -> Result<(), Hdf5Error> {
        let expected = self.shape.iter().product();
        if self.written != expected {
            return Err(Hdf5Error::Rows {
                path: self.writer.path.clone(),
                object: self.name,
                found: self.written,
                expected,
            });
        }
        self.writer
            .describe(&self.name, &self.shape, &self.kind, self.start)
    }
}

fn descend<'a>(root: &'a mut Tree, path: &str) -> Option<&'a mut Tree> {
    let mut tree = root;
    for part in path.split('/').filter(|part| !part.is_empty()) {
        let entry = tree.0.entry(part.to_owned());
        match entry.or_insert_with(|| Entry::Group(Tree::default())) {
            Entry::Group(inner) if part.len() < LINK => tree = inner,
            _ => return None,
        }
    }
    Some(tree)
}

fn occupied(path: &Path, name: &str) -> Hdf5Error {
    Hdf5Error::Kind {
        path: path.to_owned(),
        object: name.to_owned(),
        found: "written already, a part of a dataset's name, or too long".into(),
        expected: "a new name".into(),
    }
}

/// The datatype message of an IEEE float, little endian.
fn float(width: u64) -> Vec<u8> {
    let (sign, exponent, exponent_bits, mantissa_bits, bias) = if width == 4 {
        (31, 23, 8, 23, 127u32)
    } else {
        (63, 52, 11, 52, 1023)
    };
    let mut kind = vec![0x11, 0x20, sign, 0];
    kind.extend((width as u32).to_le_bytes());
    kind.extend([0, 0]);
    kind.extend((8 * width as u16).to_le_bytes());
    kind.extend([exponent, exponent_bits, 0, mantissa_bits]);
    kind.extend(bias.to_le_bytes());
    kind
}
