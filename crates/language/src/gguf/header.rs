//! The header of a file: metadata and the table of tensors.

use std::collections::{BTreeMap, HashSet};
use std::io::{ErrorKind, Read};
use std::path::Path;

use super::metadata::{Array, Metadata, Value};
use super::{GgufError, reserve};
use crate::quant::Quant;

/// Longest key or name in bytes, after the format's rule for keys.
const NAME_BYTES: u64 = 65_535;
/// Most axes of a tensor.
const AXES: u32 = 4;
/// How deeply arrays may be nested.
const DEPTH: u32 = 4;
/// Alignment of the data where the file names none.
const ALIGNMENT: u64 = 32;

/// An entry of the table of tensors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    /// The name.
    pub name: String,
    /// Elements along each axis, the innermost (contiguous) first.
    pub shape: Vec<usize>,
    /// How the elements are stored.
    pub quant: Quant,
    /// Where in the file the bytes begin.
    pub at: u64,
    /// How many bytes there are.
    pub bytes: u64,
}

/// Reads metadata and the table of tensors of a file of `size` bytes.
pub(super) fn read(
    path: &Path,
    source: impl Read,
    size: u64,
) -> Result<(Metadata, Vec<TensorInfo>), GgufError> {
    let mut cursor = Cursor {
        path,
        source,
        at: 0,
        size,
    };
    cursor.read()
}

struct Cursor<'p, R> {
    path: &'p Path,
    source: R,
    at: u64,
    size: u64,
}

impl<R: Read> Cursor<'_, R> {
    fn read(&mut self) -> Result<(Metadata, Vec<TensorInfo>), GgufError> {
        self.version()?;
        let tensors = self.u64("the number of tensors")?;
        let keys = self.u64("the number of metadata keys")?;
        // The least that a key takes is its length, a kind and one byte; a tensor, its length,
        // number of axes, one axis, type and offset.
        self.claim(keys, 13, "metadata keys")?;
        self.claim(tensors, 32, "tensors")?;

        let mut values = BTreeMap::new();
        for _ in 0..keys {
            let at = self.at;
            let key = self.name("key")?;
            let value = self.value(&key)?;
            if values.contains_key(&key) {
                return Err(self.damaged(at, format!("metadata {key:?} stands here again")));
            }
            values.insert(key, value);
        }
        let metadata = Metadata {
            path: self.path.to_owned(),
            values,
        };
        if let Some(parts) = metadata.optional::<u64>("split.count")?
            && parts > 1
        {
            let path = self.path.to_owned();
            return Err(GgufError::Split { path, parts });
        }
        let alignment = metadata.optional("general.alignment")?.unwrap_or(ALIGNMENT);
        if !alignment.is_power_of_two() {
            let what = format!("general.alignment is {alignment}; expected a power of two");
            return Err(self.damaged(self.at, what));
        }
        let table = self.table(tensors, alignment)?;
        Ok((metadata, table))
    }

    fn version(&mut self) -> Result<(), GgufError> {
        let mut magic = [0; 4];
        let read = self.size.min(4) as usize;
        self.fill(&mut magic[..read], "the magic")?;
        if magic != *b"GGUF" {
            return Err(GgufError::Magic {
                path: self.path.to_owned(),
                found: magic[..read].escape_ascii().to_string(),
            });
        }
        let path = self.path.to_owned();
        match self.u32("the version")? {
            2 | 3 => Ok(()),
            swapped if matches!(swapped.swap_bytes(), 1..=3) => Err(GgufError::BigEndian { path }),
            found => Err(GgufError::Version { path, found }),
        }
    }

    fn table(&mut self, count: u64, alignment: u64) -> Result<Vec<TensorInfo>, GgufError> {
        let mut names = HashSet::new();
        let mut table = Vec::new();
        // Tensors follow each other without gaps but those of the alignment, so that a damaged
        // offset cannot pass for another tensor's weights.
        let mut next = Some(0_u64);
        for _ in 0..count {
            let at = self.at;
            let info = self.tensor()?;
            if Some(info.at) != next {
                let what = match next {
                    Some(next) => format!(
                        "tensor {:?} has its data at offset {} where {next} is next",
                        info.name, info.at
                    ),
                    None => format!("tensor {:?} begins past any file", info.name),
                };
                return Err(self.damaged(at, what));
            }
            if !names.insert(info.name.clone()) {
                let what = format!("tensor {:?} stands here again", info.name);
                return Err(self.damaged(at, what));
            }
            next = info
                .at
                .checked_add(info.bytes)
                .and_then(|end| end.checked_next_multiple_of(alignment));
            table.push(info);
        }
        // Only a file without tensors may end before its data would begin.
        let Some(last) = table.last() else {
            return Ok(table);
        };
        let begin = self.at.checked_next_multiple_of(alignment);
        let end = begin.and_then(|begin| begin.checked_add(last.at)?.checked_add(last.bytes));
        match (begin, end) {
            (Some(begin), Some(end)) if end <= self.size => {
                table.iter_mut().for_each(|info| info.at += begin);
                Ok(table)
            }
            _ => {
                let what = format!(
                    "the tensors claim {} bytes from here on, where {} are left",
                    end.map_or("more than 2^64".into(), |end| (end - self.at).to_string()),
                    self.left()
                );
                Err(self.damaged(self.at, what))
            }
        }
    }

    /// An entry of the table; its place is still relative to the data.
    fn tensor(&mut self) -> Result<TensorInfo, GgufError> {
        let begin = self.at;
        let name = self.name("tensor name")?;
        let axes = self.u32(&name)?;
        if !(1..=AXES).contains(&axes) {
            let what = format!("tensor {name:?} has {axes} axes; expected 1 to {AXES}");
            return Err(self.damaged(begin, what));
        }
        let mut shape = Vec::new();
        let mut elements = Some(1_u64);
        for _ in 0..axes {
            let length = self.u64(&name)?;
            elements = elements.and_then(|elements| elements.checked_mul(length));
            shape.push(length);
        }
        let id = self.u32(&name)?;
        let at = self.u64(&name)?;
        let quant = Quant::from_id(id).map_err(|found| GgufError::Quant {
            path: self.path.to_owned(),
            tensor: name.clone(),
            found,
        })?;
        let block = quant.block_len() as u64;
        let lengths = shape.iter().map(|&length| usize::try_from(length).ok());
        let sizes = elements
            .filter(|&elements| elements > 0 && shape[0].is_multiple_of(block))
            .and_then(|elements| (elements / block).checked_mul(quant.block_bytes() as u64))
            .zip(lengths.collect::<Option<Vec<usize>>>());
        let Some((bytes, shape)) = sizes else {
            let what = format!(
                "tensor {name:?} has shape {shape:?}; expected positive lengths, the first a multiple of {block}, \
                 and a product that a file can hold"
            );
            return Err(self.damaged(begin, what));
        };
        Ok(TensorInfo {
            name,
            shape,
            quant,
            at,
            bytes,
        })
    }

    fn value(&mut self, key: &str) -> Result<Value, GgufError> {
        let at = self.at;
        Ok(match self.u32(key)? {
            0 => Value::Unsigned(u8::from_le_bytes(self.bytes(key)?).into()),
            1 => Value::Signed(i8::from_le_bytes(self.bytes(key)?).into()),
            2 => Value::Unsigned(u16::from_le_bytes(self.bytes(key)?).into()),
            3 => Value::Signed(i16::from_le_bytes(self.bytes(key)?).into()),
            4 => Value::Unsigned(u32::from_le_bytes(self.bytes(key)?).into()),
            5 => Value::Signed(i32::from_le_bytes(self.bytes(key)?).into()),
            6 => Value::Float(f32::from_le_bytes(self.bytes(key)?).into()),
            7 => match self.bytes(key)? {
                [flag @ (0 | 1)] => Value::Bool(flag == 1),
                [flag] => return Err(self.flag(key, flag)),
            },
            8 => Value::Text(self.text(key, self.size)?),
            9 => Value::Array(self.array(key, DEPTH)?),
            10 => Value::Unsigned(u64::from_le_bytes(self.bytes(key)?)),
            11 => Value::Signed(i64::from_le_bytes(self.bytes(key)?)),
            12 => Value::Float(f64::from_le_bytes(self.bytes(key)?)),
            kind => return Err(self.kind(at, key, kind)),
        })
    }

    fn array(&mut self, key: &str, depth: u32) -> Result<Array, GgufError> {
        let at = self.at;
        let kind = self.u32(key)?;
        let count = self.u64(key)?;
        macro_rules! numbers {
            ($kind:ident, $type:ty) => {
                Array::$kind(
                    self.block(count, size_of::<$type>() as u64, key)?
                        .as_chunks()
                        .0
                        .iter()
                        .map(|&bytes| <$type>::from_le_bytes(bytes))
                        .collect(),
                )
            };
        }
        Ok(match kind {
            0 => numbers!(U8, u8),
            1 => numbers!(I8, i8),
            2 => numbers!(U16, u16),
            3 => numbers!(I16, i16),
            4 => numbers!(U32, u32),
            5 => numbers!(I32, i32),
            6 => numbers!(F32, f32),
            7 => {
                let flags = self.block(count, 1, key)?;
                if let Some(&flag) = flags.iter().find(|&&flag| flag > 1) {
                    return Err(self.flag(key, flag));
                }
                Array::Bool(flags.iter().map(|&flag| flag == 1).collect())
            }
            8 => {
                self.claim(count, 8, key)?;
                let texts = (0..count).map(|_| self.text(key, self.size));
                Array::Text(texts.collect::<Result<_, _>>()?)
            }
            9 if depth > 1 => {
                self.claim(count, 12, key)?;
                let arrays = (0..count).map(|_| self.array(key, depth - 1));
                Array::Arrays(arrays.collect::<Result<_, _>>()?)
            }
            9 => {
                let what = format!("metadata {key:?} nests arrays more than {DEPTH} deep");
                return Err(self.damaged(at, what));
            }
            10 => numbers!(U64, u64),
            11 => numbers!(I64, i64),
            12 => numbers!(F64, f64),
            kind => return Err(self.kind(at, key, kind)),
        })
    }

    fn name(&mut self, what: &str) -> Result<String, GgufError> {
        self.text(what, NAME_BYTES)
    }

    fn text(&mut self, what: &str, most: u64) -> Result<String, GgufError> {
        let at = self.at;
        let length = self.u64(what)?;
        if length > most {
            let what = format!("{what} claims {length} bytes; expected at most {most}");
            return Err(self.damaged(at, what));
        }
        let bytes = self.block(length, 1, what)?;
        String::from_utf8(bytes).map_err(|_| self.damaged(at, format!("{what} is not UTF-8")))
    }

    fn u32(&mut self, what: &str) -> Result<u32, GgufError> {
        Ok(u32::from_le_bytes(self.bytes(what)?))
    }

    fn u64(&mut self, what: &str) -> Result<u64, GgufError> {
        Ok(u64::from_le_bytes(self.bytes(what)?))
    }

    fn bytes<const N: usize>(&mut self, what: &str) -> Result<[u8; N], GgufError> {
        let mut bytes = [0; N];
        self.claim(1, N as u64, what)?;
        self.fill(&mut bytes, what)?;
        Ok(bytes)
    }

    fn block(&mut self, count: u64, width: u64, what: &str) -> Result<Vec<u8>, GgufError> {
        let length = self.claim(count, width, what)?;
        let mut bytes = Vec::new();
        reserve(self.path, &mut bytes, length)?;
        bytes.resize(length as usize, 0);
        self.fill(&mut bytes, what)?;
        Ok(bytes)
    }

    fn fill(&mut self, bytes: &mut [u8], what: &str) -> Result<(), GgufError> {
        self.source
            .read_exact(bytes)
            .map_err(|source| match source.kind() {
                ErrorKind::UnexpectedEof => {
                    self.damaged(self.at, format!("the file ends in {what}"))
                }
                _ => GgufError::Io {
                    path: self.path.to_owned(),
                    source,
                },
            })?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    /// The bytes of `count` things of at least `width` bytes, if so many are left.
    fn claim(&self, count: u64, width: u64, what: &str) -> Result<u64, GgufError> {
        count
            .checked_mul(width)
            .filter(|&bytes| bytes <= self.left())
            .ok_or_else(|| {
                let left = self.left();
                let what =
                    format!("{what} claims {count} times {width} bytes, where {left} are left");
                self.damaged(self.at, what)
            })
    }

    fn left(&self) -> u64 {
        self.size.saturating_sub(self.at)
    }

    fn damaged(&self, at: u64, what: String) -> GgufError {
        GgufError::Damaged {
            path: self.path.to_owned(),
            at,
            what,
        }
    }

    fn flag(&self, key: &str, found: u8) -> GgufError {
        self.damaged(
            self.at,
            format!("metadata {key:?} has the truth value {found}; expected 0 or 1"),
        )
    }

    fn kind(&self, at: u64, key: &str, kind: u32) -> GgufError {
        self.damaged(
            at,
            format!("metadata {key:?} is of kind {kind}; expected 0 to 12"),
        )
    }
}
