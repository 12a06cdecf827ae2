//! Bytes under a cursor, in either order.

use super::value::Class;
use super::{Context, MatlabError};

/// How numbers lie in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Storage {
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    I64,
    U64,
    F32,
    F64,
}

impl Storage {
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::I8 | Self::U8 => 1,
            Self::I16 | Self::U16 => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::I64 | Self::U64 | Self::F64 => 8,
        }
    }
}

/// Bytes in an order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
    pub(super) big: bool,
}

impl<'a> Cursor<'a> {
    pub(super) fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    pub(super) fn take(
        &mut self,
        count: usize,
        context: &Context<'_>,
    ) -> Result<&'a [u8], MatlabError> {
        if count > self.left() {
            let what = format!("{count} bytes promised, {} left", self.left());
            return Err(context.damaged(self.at as u64, what));
        }
        let taken = &self.bytes[self.at..self.at + count];
        self.at += count;
        Ok(taken)
    }

    pub(super) fn u32(&mut self, context: &Context<'_>) -> Result<u32, MatlabError> {
        let bytes = self.take(4, context)?;
        let mut four = [0; 4];
        four.copy_from_slice(bytes);
        Ok(if self.big {
            u32::from_be_bytes(four)
        } else {
            u32::from_le_bytes(four)
        })
    }
}

/// Numbers as float64, within the memory granted.
pub(super) fn numbers(
    bytes: &[u8],
    storage: Storage,
    big: bool,
    context: &mut Context<'_>,
) -> Result<Vec<f64>, MatlabError> {
    context.take(bytes.len() / storage.bytes(), 8)?;
    macro_rules! decode {
        ($kind:ty) => {{
            let one = |chunk: &[u8]| {
                let mut own = [0; size_of::<$kind>()];
                own.copy_from_slice(chunk);
                if big {
                    <$kind>::from_be_bytes(own)
                } else {
                    <$kind>::from_le_bytes(own)
                }
            };
            bytes.chunks_exact(size_of::<$kind>()).map(one)
        }};
    }
    const WHOLE: u64 = 1 << 53;
    let inexact = |value: &dyn std::fmt::Display| MatlabError::Inexact {
        path: context.path.to_owned(),
        variable: context.variable.clone(),
        value: value.to_string(),
    };
    Ok(match storage {
        Storage::I8 => decode!(i8).map(f64::from).collect(),
        Storage::U8 => decode!(u8).map(f64::from).collect(),
        Storage::I16 => decode!(i16).map(f64::from).collect(),
        Storage::U16 => decode!(u16).map(f64::from).collect(),
        Storage::I32 => decode!(i32).map(f64::from).collect(),
        Storage::U32 => decode!(u32).map(f64::from).collect(),
        Storage::F32 => decode!(f32).map(f64::from).collect(),
        Storage::F64 => decode!(f64).collect(),
        Storage::I64 => decode!(i64)
            .map(|value| match value.unsigned_abs() <= WHOLE {
                true => Ok(value as f64),
                false => Err(inexact(&value)),
            })
            .collect::<Result<_, _>>()?,
        Storage::U64 => decode!(u64)
            .map(|value| match value <= WHOLE {
                true => Ok(value as f64),
                false => Err(inexact(&value)),
            })
            .collect::<Result<_, _>>()?,
    })
}

/// A number that must be a count or index.
pub(super) fn whole(value: f64) -> Option<usize> {
    ((0.0..=9e15).contains(&value) && value.fract() == 0.0).then_some(value as usize)
}

/// The elements of an array of these dimensions.
pub(super) fn product(dims: &[usize]) -> Option<usize> {
    dims.iter().try_fold(1usize, |n, &dim| n.checked_mul(dim))
}

/// The class by its name in MATLAB.
pub(super) fn class_named(name: &str) -> Option<Class> {
    Some(match name {
        "double" => Class::Double,
        "single" => Class::Single,
        "int8" => Class::Int8,
        "uint8" => Class::Uint8,
        "int16" => Class::Int16,
        "uint16" => Class::Uint16,
        "int32" => Class::Int32,
        "uint32" => Class::Uint32,
        "int64" => Class::Int64,
        "uint64" => Class::Uint64,
        "logical" => Class::Logical,
        _ => return None,
    })
}
