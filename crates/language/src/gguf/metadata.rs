//! What a file says about the model, under string keys.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::GgufError;

/// An array of metadata; all its elements are of one kind.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "named after the element")]
pub enum Array {
    U8(Vec<u8>),
    I8(Vec<i8>),
    U16(Vec<u16>),
    I16(Vec<i16>),
    U32(Vec<u32>),
    I32(Vec<i32>),
    U64(Vec<u64>),
    I64(Vec<i64>),
    F32(Vec<f32>),
    F64(Vec<f64>),
    Bool(Vec<bool>),
    Text(Vec<String>),
    Arrays(Vec<Array>),
}

/// A value of metadata; integers and floats of every width are widened, which loses nothing.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// An unsigned integer.
    Unsigned(u64),
    /// A signed integer.
    Signed(i64),
    /// A float.
    Float(f64),
    /// A truth value.
    Bool(bool),
    /// A text.
    Text(String),
    /// An array.
    Array(Array),
}

impl Value {
    /// The value in a few words, however long it is.
    fn short(&self) -> String {
        match self {
            Self::Unsigned(value) => format!("the integer {value}"),
            Self::Signed(value) => format!("the integer {value}"),
            Self::Float(value) => format!("the float {value}"),
            Self::Bool(value) => value.to_string(),
            Self::Text(text) => match text.char_indices().nth(40) {
                None => format!("the text {text:?}"),
                Some((end, _)) => format!("the text {:?}...", &text[..end]),
            },
            Self::Array(array) => {
                let (length, kind) = match array {
                    Array::U8(a) => (a.len(), "unsigned bytes"),
                    Array::I8(a) => (a.len(), "signed bytes"),
                    Array::U16(a) => (a.len(), "16-bit unsigned integers"),
                    Array::I16(a) => (a.len(), "16-bit integers"),
                    Array::U32(a) => (a.len(), "32-bit unsigned integers"),
                    Array::I32(a) => (a.len(), "32-bit integers"),
                    Array::U64(a) => (a.len(), "64-bit unsigned integers"),
                    Array::I64(a) => (a.len(), "64-bit integers"),
                    Array::F32(a) => (a.len(), "32-bit floats"),
                    Array::F64(a) => (a.len(), "64-bit floats"),
                    Array::Bool(a) => (a.len(), "truth values"),
                    Array::Text(a) => (a.len(), "texts"),
                    Array::Arrays(a) => (a.len(), "arrays"),
                };
                format!("an array of {length} {kind}")
            }
        }
    }
}

/// A type that a [`Value`] can be taken as without loss.
pub trait FromValue<'a>: Sized {
    /// What is expected, for messages.
    const EXPECTED: &'static str;

    /// The value, if it is of this kind and in range.
    fn from_value(value: &'a Value) -> Option<Self>;
}

macro_rules! from_value {
    ($($type:ty, $expected:literal: $($pattern:pat => $found:expr),+;)+) => {$(
        impl<'a> FromValue<'a> for $type {
            const EXPECTED: &'static str = $expected;

            fn from_value(value: &'a Value) -> Option<Self> {
                match value {
                    $($pattern => $found,)+
                    _ => None,
                }
            }
        }
    )+};
}

from_value! {
    u32, "an unsigned 32-bit integer":
        Value::Unsigned(v) => (*v).try_into().ok(), Value::Signed(v) => (*v).try_into().ok();
    u64, "an unsigned integer":
        Value::Unsigned(v) => Some(*v), Value::Signed(v) => (*v).try_into().ok();
    usize, "an unsigned integer":
        Value::Unsigned(v) => (*v).try_into().ok(), Value::Signed(v) => (*v).try_into().ok();
    f32, "a float": Value::Float(v) => Some(*v as f32);
    bool, "true or false": Value::Bool(v) => Some(*v);
    &'a str, "a text": Value::Text(v) => Some(v);
    &'a [String], "an array of texts": Value::Array(Array::Text(v)) => Some(v);
    &'a [f32], "an array of 32-bit floats": Value::Array(Array::F32(v)) => Some(v);
    &'a [i32], "an array of 32-bit integers": Value::Array(Array::I32(v)) => Some(v);
}

/// Metadata by key, with getters whose errors name the file, the key, and what was found there.
#[derive(Debug, Clone, PartialEq)]
pub struct Metadata {
    pub(super) path: PathBuf,
    pub(super) values: BTreeMap<String, Value>,
}

impl Metadata {
    /// A value that must be there.
    ///
    /// # Errors
    /// [`GgufError::KeyMissing`] or [`GgufError::KeyKind`].
    pub fn get<'a, T: FromValue<'a>>(&'a self, key: &str) -> Result<T, GgufError> {
        self.optional(key)?.ok_or_else(|| GgufError::KeyMissing {
            path: self.path.clone(),
            key: key.to_owned(),
            expected: T::EXPECTED,
        })
    }

    /// A value that may be absent.
    ///
    /// # Errors
    /// [`GgufError::KeyKind`] if it is there, but of another kind.
    pub fn optional<'a, T: FromValue<'a>>(&'a self, key: &str) -> Result<Option<T>, GgufError> {
        let taken = |value| T::from_value(value).ok_or_else(|| self.kind::<T>(key, value));
        self.values.get(key).map(taken).transpose()
    }

    /// Every key with its value, in the order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.values.iter().map(|(key, value)| (key.as_str(), value))
    }

    fn kind<'a, T: FromValue<'a>>(&self, key: &str, value: &Value) -> GgufError {
        GgufError::KeyKind {
            path: self.path.clone(),
            key: key.to_owned(),
            found: value.short(),
            expected: T::EXPECTED,
        }
    }
}
