//! The header of a `.npy` file: a Python literal, read without Python.

use std::io::{ErrorKind, Read};

use super::super::{ArrayError, Place};
use super::MAGIC;

/// NumPy itself reads headers up to 10,000 bytes; a longer one describes no plain array.
const MAX_HEADER: u64 = 10_000;
/// Axes that NumPy supports at most.
const MAX_AXES: usize = 64;
/// What stands before the data.
pub(super) struct Header {
    pub(super) dtype: String,
    pub(super) fortran: bool,
    pub(super) shape: Vec<u64>,
    /// Length of everything before the data.
    pub(super) bytes: u64,
}

impl Header {
    pub(super) fn read(
        source: &mut impl Read,
        length: u64,
        place: &Place,
    ) -> Result<Self, ArrayError> {
        let wrong = |what: String| ArrayError::Header {
            place: place.clone(),
            what,
        };
        let fill = |source: &mut dyn Read, bytes: &mut [u8]| {
            source
                .read_exact(bytes)
                .map_err(|error| match error.kind() {
                    ErrorKind::UnexpectedEof => {
                        wrong(format!("the file of {length} bytes ends within its header"))
                    }
                    _ => ArrayError::Io {
                        place: place.clone(),
                        source: error,
                    },
                })
        };
        if length == 0 {
            return Err(ArrayError::Empty {
                place: place.clone(),
                what: "the file has 0 bytes".into(),
            });
        }
        let mut start = [0; 8];
        fill(source, &mut start)?;
        if &start[..6] != MAGIC {
            return Err(wrong("it does not begin with \\x93NUMPY".into()));
        }
        let width = match start[6] {
            1 => 2,
            2 | 3 => 4,
            version => {
                return Err(wrong(format!(
                    "format version {version}, expected 1, 2 or 3"
                )));
            }
        };
        let mut size = [0; 4];
        fill(source, &mut size[..width])?;
        let size = u64::from(u32::from_le_bytes(size));
        let bytes = 8 + width as u64 + size;
        if size > MAX_HEADER {
            return Err(wrong(format!(
                "a header of {size} bytes, expected at most {MAX_HEADER}"
            )));
        }
        if bytes > length {
            return Err(wrong(format!(
                "the file of {length} bytes ends within its header"
            )));
        }
        let mut text = vec![0; size as usize];
        fill(source, &mut text)?;
        let text = String::from_utf8_lossy(&text);
        let (dtype, fortran, shape) = Literal { rest: &text }.dict(place)?;
        Ok(Self {
            dtype,
            fortran,
            shape,
            bytes,
        })
    }
}

/// Reader of the Python literal that a header is.
struct Literal<'a> {
    rest: &'a str,
}

impl Literal<'_> {
    fn dict(mut self, place: &Place) -> Result<(String, bool, Vec<u64>), ArrayError> {
        let (mut dtype, mut fortran, mut shape) = (None, None, None);
        let whole = self.rest;
        let wrong = |what: &str| ArrayError::Header {
            place: place.clone(),
            what: format!(
                "{what} in the header {:?}",
                whole.trim().chars().take(120).collect::<String>()
            ),
        };
        if !self.eat("{") {
            return Err(wrong("no opening brace"));
        }
        while !self.eat("}") {
            let key = self
                .string()
                .ok_or_else(|| wrong("a key is not a quoted string"))?;
            if !self.eat(":") {
                return Err(wrong("no colon after a key"));
            }
            match key.as_str() {
                "descr" => {
                    // A list describes a record array: fields, not numbers.
                    if self.rest.trim_start().starts_with('[') {
                        let list: String = self
                            .rest
                            .trim_start()
                            .chars()
                            .take_while(|&c| c != ']')
                            .collect();
                        return Err(if list.contains("O'") {
                            ArrayError::Pickled {
                                place: place.clone(),
                                dtype: format!("{list}]"),
                            }
                        } else {
                            ArrayError::DType {
                                place: place.clone(),
                                dtype: format!("{list}]"),
                            }
                        });
                    }
                    dtype = Some(
                        self.string()
                            .ok_or_else(|| wrong("descr is not a quoted string"))?,
                    );
                }
                "fortran_order" => {
                    fortran = Some(match (self.eat("True"), self.eat("False")) {
                        (false, false) => {
                            return Err(wrong("fortran_order is neither True nor False"));
                        }
                        (is_true, _) => is_true,
                    });
                }
                "shape" => {
                    shape = Some(
                        self.tuple()
                            .ok_or_else(|| wrong("shape is not a tuple of whole numbers"))?,
                    );
                }
                _ => return Err(wrong("an unknown key")),
            }
            if !self.eat(",") && !self.rest.trim_start().starts_with('}') {
                return Err(wrong("no comma between entries"));
            }
        }
        match (dtype, fortran, shape) {
            (Some(dtype), Some(fortran), Some(shape)) if shape.len() <= MAX_AXES => {
                Ok((dtype, fortran, shape))
            }
            (Some(_), Some(_), Some(_)) => Err(wrong("more axes than NumPy supports")),
            _ => Err(wrong("descr, fortran_order or shape is missing")),
        }
    }

    fn eat(&mut self, token: &str) -> bool {
        let rest = self.rest.trim_start().strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn string(&mut self) -> Option<String> {
        let rest = self.rest.trim_start();
        let quote = rest.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        let (text, rest) = rest[1..].split_once(quote)?;
        self.rest = rest;
        Some(text.to_owned())
    }

    fn tuple(&mut self) -> Option<Vec<u64>> {
        let mut axes = Vec::new();
        if !self.eat("(") {
            return None;
        }
        while !self.eat(")") {
            let rest = self.rest.trim_start();
            let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            axes.push(rest[..digits].parse().ok()?);
            // Python 2 wrote long integers as 12L.
            self.rest = rest[digits..].strip_prefix('L').unwrap_or(&rest[digits..]);
            if !self.eat(",") && !self.rest.trim_start().starts_with(')') {
                return None;
            }
        }
        Some(axes)
    }
}
