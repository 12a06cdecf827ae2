//! Elements of an array as they are stored, and the numbers they become.

use super::header::Scaling;

/// The type of the stored elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "named as in Rust")]
pub enum DataType {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F32,
    F64,
    /// Red, green and blue, a byte each.
    Rgb24,
}

impl DataType {
    /// Every type with its NIfTI code and its bytes.
    const CODES: [(Self, i16, usize); 11] = [
        (Self::U8, 2, 1),
        (Self::I16, 4, 2),
        (Self::I32, 8, 4),
        (Self::F32, 16, 4),
        (Self::F64, 64, 8),
        (Self::Rgb24, 128, 3),
        (Self::I8, 256, 1),
        (Self::U16, 512, 2),
        (Self::U32, 768, 4),
        (Self::I64, 1024, 8),
        (Self::U64, 1280, 8),
    ];

    /// Bytes of an element.
    pub fn bytes(self) -> usize {
        let mut codes = Self::CODES.iter();
        codes.find(|(t, ..)| *t == self).map_or(0, |&(.., n)| n)
    }

    pub(crate) fn code(self) -> i16 {
        let mut codes = Self::CODES.iter();
        codes.find(|(t, ..)| *t == self).map_or(0, |&(_, c, _)| c)
    }

    pub(crate) fn from_code(code: i16) -> Option<Self> {
        let mut codes = Self::CODES.iter();
        codes.find(|(_, c, _)| *c == code).map(|&(t, ..)| t)
    }
}

/// How elements lie in a file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Encoding {
    pub data_type: DataType,
    pub big_endian: bool,
    pub scaling: Option<Scaling>,
}

/// What elements are read as: `f32` or `f64`, or `[u8; 3]` for colours.
///
/// Scaled numbers are computed in `f64` and rounded once; unscaled ones are converted at once.
pub trait Sample: Copy + private::Decode {}

impl Sample for f32 {}
impl Sample for f64 {}
impl Sample for [u8; 3] {}

/// What can be written: `u8`, `i16`, `i32`, `f32` or `f64`.
pub trait Stored: Copy + Element {
    /// Its type in files.
    const TYPE: DataType;
}

macro_rules! stored {
    ($($number:ty: $name:ident),*) => {$(
        impl Stored for $number {
            const TYPE: DataType = DataType::$name;
        }
    )*};
}
stored!(u8: U8, i16: I16, i32: I32, f32: F32, f64: F64);

/// A number as it is stored.
pub trait Element: Sized {
    /// Its bytes, one array.
    type Bytes: AsRef<[u8]>;
    #[doc(hidden)]
    fn each(raw: &[u8], big_endian: bool, visit: impl FnMut(Self));
    #[doc(hidden)]
    fn to_le(self) -> Self::Bytes;
    #[doc(hidden)]
    fn to_f32(self) -> f32;
    #[doc(hidden)]
    fn to_f64(self) -> f64;
}

macro_rules! element {
    ($($number:ty),*) => {$(
        impl Element for $number {
            type Bytes = [u8; size_of::<$number>()];
            #[inline]
            fn each(raw: &[u8], big_endian: bool, mut visit: impl FnMut(Self)) {
                let (elements, _) = raw.as_chunks();
                if big_endian {
                    elements.iter().for_each(|&bytes| visit(Self::from_be_bytes(bytes)));
                } else {
                    elements.iter().for_each(|&bytes| visit(Self::from_le_bytes(bytes)));
                }
            }
            fn to_le(self) -> Self::Bytes { self.to_le_bytes() }
            fn to_f32(self) -> f32 { self as f32 }
            fn to_f64(self) -> f64 { self as f64 }
        }
    )*};
}
element!(u8, i8, u16, i16, u32, i32, u64, i64, f32, f64);

mod private {
    use super::{DataType, Element, Encoding, Scaling};

    pub trait Decode: Sized {
        /// What the elements must be.
        const EXPECTED: &'static str;
        /// Appends the elements of `raw`, or says false where their type is another.
        fn decode(raw: &[u8], encoding: Encoding, out: &mut Vec<Self>) -> bool;
    }

    macro_rules! decode {
        ($($number:ty: $convert:ident),*) => {$(
            impl Decode for $number {
                const EXPECTED: &'static str =
                    "numbers; these are colours, which have no one value: read them as colours, or convert the image";
                fn decode(raw: &[u8], encoding: Encoding, out: &mut Vec<Self>) -> bool {
                    fn numbers<E: Element>(raw: &[u8], encoding: Encoding, out: &mut Vec<$number>) -> bool {
                        match encoding.scaling {
                            None => E::each(raw, encoding.big_endian, |v| out.push(v.$convert())),
                            Some(scaling) => E::each(raw, encoding.big_endian, |v| {
                                out.push(scaling.apply(v.to_f64()) as $number);
                            }),
                        }
                        true
                    }
                    match encoding.data_type {
                        DataType::U8 => numbers::<u8>(raw, encoding, out),
                        DataType::I8 => numbers::<i8>(raw, encoding, out),
                        DataType::U16 => numbers::<u16>(raw, encoding, out),
                        DataType::I16 => numbers::<i16>(raw, encoding, out),
                        DataType::U32 => numbers::<u32>(raw, encoding, out),
                        DataType::I32 => numbers::<i32>(raw, encoding, out),
                        DataType::U64 => numbers::<u64>(raw, encoding, out),
                        DataType::I64 => numbers::<i64>(raw, encoding, out),
                        DataType::F32 => numbers::<f32>(raw, encoding, out),
                        DataType::F64 => numbers::<f64>(raw, encoding, out),
                        DataType::Rgb24 => false,
                    }
                }
            }
        )*};
    }
    decode!(f32: to_f32, f64: to_f64);

    impl Decode for [u8; 3] {
        const EXPECTED: &'static str = "colours (RGB24); these are numbers: read them as numbers";
        fn decode(raw: &[u8], encoding: Encoding, out: &mut Vec<Self>) -> bool {
            let rgb = encoding.data_type == DataType::Rgb24;
            if rgb {
                out.extend(raw.as_chunks().0);
            }
            rgb
        }
    }

    impl Scaling {
        #[inline]
        fn apply(self, value: f64) -> f64 {
            let scaled = if self.slope == 1.0 {
                value
            } else {
                value * self.slope
            };
            if self.intercept == 0.0 {
                scaled
            } else {
                scaled + self.intercept
            }
        }
    }
}
