//! Small files for tests, right or wrong on purpose.

use std::io::Write;

use tempfile::NamedTempFile;

use super::metadata::{Array, Value};
use super::{Gguf, GgufError};

/// A file under construction.
#[derive(Clone)]
pub(crate) struct Build {
    pub(crate) version: u32,
    pub(crate) alignment: usize,
    pub(crate) values: Vec<(String, Value)>,
    /// Name, shape, number of the kind, bytes.
    pub(crate) tensors: Vec<(String, Vec<u64>, u32, Vec<u8>)>,
}

impl Default for Build {
    fn default() -> Self {
        Self {
            version: 3,
            alignment: 32,
            values: Vec::new(),
            tensors: Vec::new(),
        }
    }
}

impl Build {
    pub(crate) fn value(mut self, key: &str, value: Value) -> Self {
        self.values.push((key.into(), value));
        self
    }

    pub(crate) fn tensor(mut self, name: &str, shape: &[u64], kind: u32, bytes: Vec<u8>) -> Self {
        self.tensors.push((name.into(), shape.into(), kind, bytes));
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut out = b"GGUF".to_vec();
        out.extend(self.version.to_le_bytes());
        out.extend((self.tensors.len() as u64).to_le_bytes());
        out.extend((self.values.len() as u64).to_le_bytes());
        for (key, value) in &self.values {
            text(&mut out, key);
            put(&mut out, value);
        }
        let mut data = Vec::new();
        for (name, shape, kind, bytes) in &self.tensors {
            text(&mut out, name);
            out.extend((shape.len() as u32).to_le_bytes());
            shape.iter().for_each(|n| out.extend(n.to_le_bytes()));
            out.extend(kind.to_le_bytes());
            data.resize(data.len().next_multiple_of(self.alignment), 0);
            out.extend((data.len() as u64).to_le_bytes());
            data.extend(bytes);
        }
        out.resize(out.len().next_multiple_of(self.alignment), 0);
        out.extend(data);
        out
    }

    pub(crate) fn open(&self) -> Result<Gguf, GgufError> {
        open(&self.bytes())
    }
}

/// Opens bytes as a file. The file is gone from its folder afterwards, but can still be read where
/// the system keeps open files.
pub(crate) fn open(bytes: &[u8]) -> Result<Gguf, GgufError> {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    Gguf::open(file.path())
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

fn put(out: &mut Vec<u8>, value: &Value) {
    let mut kind = |kind: u32| out.extend(kind.to_le_bytes());
    match value {
        Value::Unsigned(v) => match u32::try_from(*v) {
            Ok(v) => {
                kind(4);
                out.extend(v.to_le_bytes());
            }
            Err(_) => {
                kind(10);
                out.extend(v.to_le_bytes());
            }
        },
        Value::Signed(v) => {
            kind(11);
            out.extend(v.to_le_bytes());
        }
        Value::Float(v) => {
            kind(6);
            out.extend((*v as f32).to_le_bytes());
        }
        Value::Bool(v) => {
            kind(7);
            out.push(u8::from(*v));
        }
        Value::Text(v) => {
            kind(8);
            text(out, v);
        }
        Value::Array(array) => {
            kind(9);
            put_array(out, array);
        }
    }
}

fn put_array(out: &mut Vec<u8>, array: &Array) {
    macro_rules! each {
        ($kind:literal, $items:expr, $put:expr) => {{
            out.extend(u32::to_le_bytes($kind));
            out.extend(($items.len() as u64).to_le_bytes());
            $items.iter().for_each($put);
        }};
    }
    match array {
        Array::U8(v) => each!(0, v, |&v| out.push(v)),
        Array::I8(v) => each!(1, v, |v| out.extend(v.to_le_bytes())),
        Array::U16(v) => each!(2, v, |v| out.extend(v.to_le_bytes())),
        Array::I16(v) => each!(3, v, |v| out.extend(v.to_le_bytes())),
        Array::U32(v) => each!(4, v, |v| out.extend(v.to_le_bytes())),
        Array::I32(v) => each!(5, v, |v| out.extend(v.to_le_bytes())),
        Array::F32(v) => each!(6, v, |v| out.extend(v.to_le_bytes())),
        Array::Bool(v) => each!(7, v, |&v| out.push(u8::from(v))),
        Array::Text(v) => each!(8, v, |v| text(out, v)),
        Array::Arrays(v) => each!(9, v, |v| put_array(out, v)),
        Array::U64(v) => each!(10, v, |v| out.extend(v.to_le_bytes())),
        Array::I64(v) => each!(11, v, |v| out.extend(v.to_le_bytes())),
        Array::F64(v) => each!(12, v, |v| out.extend(v.to_le_bytes())),
    }
}
