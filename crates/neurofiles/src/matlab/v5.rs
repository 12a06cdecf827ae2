//! Versions 5 to 7: tagged elements, compressed from version 7 on.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use flate2::read::ZlibDecoder;

use super::bytes::{Cursor, Storage, numbers, product, whole};
use super::value::{Class, Numbers, Sparse, Text, Value};
use super::{Context, DEEPEST, GRANTED, MatlabError};

const MATRIX: u32 = 14;
const COMPRESSED: u32 = 15;
/// What a value takes beside its numbers.
const NODE: usize = 160;
/// No byte of deflate stands for more than 1,032.
const RATIO: u64 = 1_100;

pub(super) fn read(
    path: &Path,
    mut file: File,
    head: &[u8; 128],
    length: u64,
    wanted: &mut dyn FnMut(&str) -> bool,
) -> Result<Vec<(String, Value)>, MatlabError> {
    let mut context = Context::new(path);
    let big = match &head[126..] {
        b"IM" => false,
        b"MI" => true,
        mark => {
            return Err(context.damaged(
                126,
                format!("{mark:?} where IM or MI tells the order of bytes"),
            ));
        }
    };
    let mut read = Vec::new();
    let mut at = head.len() as u64;
    // What some writers leave after the last element is shorter than a tag.
    while at + 8 <= length {
        context.variable = format!("element {}", read.len() + 1);
        let mut tag = [0; 8];
        fill(&mut file, &mut tag, &context, at)?;
        let mut cursor = Cursor {
            bytes: &tag,
            at: 0,
            big,
        };
        let (kind, size) = (cursor.u32(&context)?, u64::from(cursor.u32(&context)?));
        at += 8;
        if size > length - at {
            let what = format!("{size} bytes promised, {} left", length - at);
            return Err(context.damaged(at, what));
        }
        if size > context.granted {
            return Err(context.too_large());
        }
        let mut element = vec![0; size as usize];
        fill(&mut file, &mut element, &context, at)?;
        let variable = match kind {
            MATRIX => variable(&element, big, &mut context, wanted)?,
            COMPRESSED => inflated(&element, big, &mut context, wanted)?,
            other => {
                return Err(
                    context.damaged(at, format!("element of type {other}; expected 14 or 15"))
                );
            }
        };
        read.extend(variable);
        at += size;
    }
    Ok(read)
}

fn fill(
    file: &mut File,
    into: &mut [u8],
    context: &Context<'_>,
    at: u64,
) -> Result<(), MatlabError> {
    let filled = file.read_exact(into);
    filled.map_err(|error| context.damaged(at, error.to_string()))
}

type Variable = Option<(String, Value)>;

fn inflated(
    element: &[u8],
    big: bool,
    context: &mut Context<'_>,
    wanted: &mut dyn FnMut(&str) -> bool,
) -> Result<Variable, MatlabError> {
    const HEAD: u64 = 1 << 12;
    let failed = |error: std::io::Error, bytes: &[u8], context: &Context<'_>| {
        context.damaged(bytes.len() as u64, format!("does not decompress: {error}"))
    };
    let mut decoder = ZlibDecoder::new(element);
    let mut bytes = Vec::new();
    let read = decoder.by_ref().take(HEAD).read_to_end(&mut bytes);
    read.map_err(|error| failed(error, &bytes, context))?;
    // The name is at the beginning: what is not wanted is not decompressed further.
    let mut cursor = Cursor {
        bytes: &bytes,
        at: 0,
        big,
    };
    let (kind, size) = (cursor.u32(context)?, u64::from(cursor.u32(context)?));
    if kind != MATRIX {
        return Err(context.damaged(
            0,
            format!("a compressed element of type {kind}; expected 14"),
        ));
    }
    let Header { name, .. } = header(&mut cursor, context)?;
    if !wanted(&name) {
        return Ok(None);
    }
    context.variable = name;
    if size > (element.len() as u64).saturating_mul(RATIO).min(GRANTED) {
        return Err(context.too_large());
    }
    let rest = (size + 8).saturating_sub(bytes.len() as u64);
    let read = decoder.by_ref().take(rest).read_to_end(&mut bytes);
    read.map_err(|error| failed(error, &bytes, context))?;
    // Reading past the end is what compares the checksum.
    let more = decoder.read(&mut [0; 1]);
    if more.map_err(|error| failed(error, &bytes, context))? > 0 {
        return Err(context.damaged(bytes.len() as u64, "decompresses to more than its size"));
    }
    let body = bytes.get(8..8 + size as usize);
    let body = body.ok_or_else(|| context.damaged(bytes.len() as u64, "ends before its size"))?;
    variable(body, big, context, &mut |_| true)
}

fn variable(
    body: &[u8],
    big: bool,
    context: &mut Context<'_>,
    wanted: &mut dyn FnMut(&str) -> bool,
) -> Result<Variable, MatlabError> {
    let mut cursor = Cursor {
        bytes: body,
        at: 0,
        big,
    };
    let header = header(&mut cursor, context)?;
    if !wanted(&header.name) {
        return Ok(None);
    }
    context.variable.clone_from(&header.name);
    let name = header.name.clone();
    Ok(Some((name, contents(header, &mut cursor, context, 0)?)))
}

struct Header {
    class: u8,
    complex: bool,
    logical: bool,
    dims: Vec<usize>,
    name: String,
}

fn header(cursor: &mut Cursor<'_>, context: &mut Context<'_>) -> Result<Header, MatlabError> {
    let at = cursor.at as u64;
    let (_, mut flags) = element(cursor, context)?;
    let flags = flags.u32(context)?;
    let class = flags as u8;
    let dims = if class == 17 {
        vec![1, 1]
    } else {
        let dims = floats(cursor, context)?;
        let dims: Option<Vec<usize>> = dims.into_iter().map(whole).collect();
        dims.filter(|dims| (2..=32).contains(&dims.len()))
            .ok_or_else(|| context.damaged(at, "dimensions that are none"))?
    };
    let name = string(cursor, context)?;
    Ok(Header {
        class,
        complex: flags & 0x0800 != 0,
        logical: flags & 0x0200 != 0,
        dims,
        name: if name.is_empty() {
            // Where MATLAB keeps what handles of functions refer to.
            "__function_workspace__".into()
        } else {
            name
        },
    })
}

fn contents(
    header: Header,
    cursor: &mut Cursor<'_>,
    context: &mut Context<'_>,
    depth: usize,
) -> Result<Value, MatlabError> {
    let at = cursor.at as u64;
    let dims = header.dims;
    let count = product(&dims).ok_or_else(|| context.damaged(at, format!("{dims:?} elements")))?;
    // Each value takes at least a tag.
    let fitting = |count: Option<usize>, left: usize, context: &mut Context<'_>| match count {
        Some(count) if count <= left / 8 => context.take(count, NODE).map(|()| count),
        _ => Err(context.damaged(at, format!("{dims:?} elements in {left} bytes"))),
    };
    match header.class {
        1 => {
            let count = fitting(Some(count), cursor.left(), context)?;
            let cells = (0..count).map(|_| matrix(cursor, context, depth));
            let cells = cells.collect::<Result<_, _>>()?;
            Ok(Value::Cell { dims, cells })
        }
        2 | 3 => {
            let class = match header.class {
                3 => Some(string(cursor, context)?),
                _ => None,
            };
            let width = floats(cursor, context)?;
            let width = match width.as_slice() {
                &[width] => whole(width).filter(|&width| width > 0),
                _ => None,
            };
            let width = width.ok_or_else(|| context.damaged(at, "no length of field names"))?;
            let (_, names) = element(cursor, context)?;
            let name = |name: &[u8]| {
                let name = name.split(|&byte| byte == 0).next().unwrap_or_default();
                (String::from_utf8_lossy(name).into_owned(), Vec::new())
            };
            context.take(names.bytes.len() / width, NODE)?;
            let mut fields: Vec<(String, Vec<Value>)> =
                names.bytes.chunks_exact(width).map(name).collect();
            fitting(count.checked_mul(fields.len()), cursor.left(), context)?;
            if !fields.is_empty() {
                for _ in 0..count {
                    for (_, values) in &mut fields {
                        values.push(matrix(cursor, context, depth)?);
                    }
                }
            }
            Ok(Value::Struct {
                dims,
                fields,
                class,
            })
        }
        4 => Ok(Value::Text(Text {
            units: characters(cursor, count, context)?,
            dims,
        })),
        5 => {
            let sparse = sparse(cursor, &dims, header.complex, header.logical, context)?;
            Ok(Value::Sparse(sparse))
        }
        class @ 6..=15 => {
            let class = [
                Class::Double,
                Class::Single,
                Class::Int8,
                Class::Uint8,
                Class::Int16,
                Class::Uint16,
                Class::Int32,
                Class::Uint32,
                Class::Int64,
                Class::Uint64,
            ][usize::from(class - 6)];
            let re = exactly(count, cursor, context)?;
            let im = match header.complex {
                true => Some(exactly(count, cursor, context)?),
                false => None,
            };
            Ok(Value::Numbers(Numbers {
                class: if header.logical {
                    Class::Logical
                } else {
                    class
                },
                dims,
                re,
                im,
            }))
        }
        16 => {
            matrix(cursor, context, depth)?;
            Ok(Value::Opaque {
                class: "function_handle".into(),
            })
        }
        17 => {
            string(cursor, context)?;
            let class = string(cursor, context)?;
            Ok(Value::Opaque { class })
        }
        other => Err(context.damaged(at, format!("class {other}; expected 1 to 17"))),
    }
}

fn matrix(
    cursor: &mut Cursor<'_>,
    context: &mut Context<'_>,
    depth: usize,
) -> Result<Value, MatlabError> {
    let at = cursor.at as u64;
    let (kind, mut inner) = element(cursor, context)?;
    if kind != MATRIX {
        return Err(context.damaged(at, format!("element of type {kind}; expected 14")));
    }
    if depth == DEEPEST {
        return Err(context.damaged(at, format!("more than {DEEPEST} values in one another")));
    }
    if inner.bytes.is_empty() {
        return Ok(Value::empty());
    }
    let header = header(&mut inner, context)?;
    contents(header, &mut inner, context, depth + 1)
}

/// Type and bytes of the next element; those of at most four bytes share the tag with their type.
fn element<'a>(
    cursor: &mut Cursor<'a>,
    context: &Context<'_>,
) -> Result<(u32, Cursor<'a>), MatlabError> {
    let word = cursor.u32(context)?;
    let (kind, bytes) = if word >> 16 == 0 {
        let size = cursor.u32(context)? as usize;
        let bytes = cursor.take(size, context)?;
        if word != COMPRESSED {
            let gap = size.next_multiple_of(8) - size;
            cursor.take(gap.min(cursor.left()), context)?;
        }
        (word, bytes)
    } else {
        let size = (word >> 16) as usize;
        let four = cursor.take(4, context)?;
        let bytes = four.get(..size);
        let at = cursor.at as u64;
        let bytes =
            bytes.ok_or_else(|| context.damaged(at, format!("{size} bytes in a tag for 4")))?;
        (word & 0xFFFF, bytes)
    };
    Ok((
        kind,
        Cursor {
            bytes,
            at: 0,
            big: cursor.big,
        },
    ))
}

fn floats(cursor: &mut Cursor<'_>, context: &mut Context<'_>) -> Result<Vec<f64>, MatlabError> {
    let at = cursor.at as u64;
    let (kind, inner) = element(cursor, context)?;
    let storage = match kind {
        1 => Storage::I8,
        2 => Storage::U8,
        3 => Storage::I16,
        4 => Storage::U16,
        5 => Storage::I32,
        6 => Storage::U32,
        7 => Storage::F32,
        9 => Storage::F64,
        12 => Storage::I64,
        13 => Storage::U64,
        other => {
            return Err(context.damaged(at, format!("type {other} where numbers are expected")));
        }
    };
    numbers(inner.bytes, storage, inner.big, context)
}

fn exactly(
    count: usize,
    cursor: &mut Cursor<'_>,
    context: &mut Context<'_>,
) -> Result<Vec<f64>, MatlabError> {
    let at = cursor.at as u64;
    // Some writers leave out the data of an empty array.
    if count == 0 && cursor.left() == 0 {
        return Ok(Vec::new());
    }
    let read = floats(cursor, context)?;
    if read.len() != count {
        return Err(context.damaged(at, format!("{} numbers for {count} elements", read.len())));
    }
    Ok(read)
}

fn string(cursor: &mut Cursor<'_>, context: &Context<'_>) -> Result<String, MatlabError> {
    let at = cursor.at as u64;
    let (kind, inner) = element(cursor, context)?;
    if !matches!(kind, 1 | 2 | 16) {
        return Err(context.damaged(at, format!("type {kind} where a name is expected")));
    }
    Ok(String::from_utf8_lossy(inner.bytes).into_owned())
}

fn characters(
    cursor: &mut Cursor<'_>,
    count: usize,
    context: &mut Context<'_>,
) -> Result<Vec<u16>, MatlabError> {
    let at = cursor.at as u64;
    if count == 0 && cursor.left() == 0 {
        return Ok(Vec::new());
    }
    let mut ahead = *cursor;
    let (kind, inner) = element(&mut ahead, context)?;
    if inner.bytes.is_empty() {
        // A char array without data is blank: so scipy reads what MATLAB leaves.
        *cursor = ahead;
        context.take(count, 2)?;
        return Ok(vec![u16::from(b' '); count]);
    }
    let units: Vec<u16> = match kind {
        16 => {
            *cursor = ahead;
            context.take(inner.bytes.len(), 2)?;
            String::from_utf8_lossy(inner.bytes)
                .encode_utf16()
                .collect()
        }
        17 | 18 => {
            *cursor = ahead;
            let storage = if kind == 17 {
                Storage::U16
            } else {
                Storage::U32
            };
            let read = numbers(inner.bytes, storage, inner.big, context)?;
            let mut units = Vec::with_capacity(read.len());
            for unit in read {
                match char::from_u32(unit as u32).filter(|_| kind == 18) {
                    Some(character) => units.extend(character.encode_utf16(&mut [0; 2]).iter()),
                    None => units.push(unit as u16),
                }
            }
            units
        }
        _ => floats(cursor, context)?
            .iter()
            .map(|&unit| unit as u16)
            .collect(),
    };
    if units.len() != count {
        return Err(context.damaged(
            at,
            format!("{} characters for {count} elements", units.len()),
        ));
    }
    Ok(units)
}

fn sparse(
    cursor: &mut Cursor<'_>,
    dims: &[usize],
    complex: bool,
    logical: bool,
    context: &mut Context<'_>,
) -> Result<Sparse, MatlabError> {
    let at = cursor.at as u64;
    let indices = floats(cursor, context)?;
    let starts = floats(cursor, context)?;
    let mut ahead = *cursor;
    let (kind, values) = element(&mut ahead, context)?;
    // Truth values under the tag of doubles, a byte each: so some versions of MATLAB write them.
    let bytes = logical && kind == 9 && starts.last() == Some(&(values.bytes.len() as f64));
    let re = if bytes {
        *cursor = ahead;
        numbers(values.bytes, Storage::U8, values.big, context)?
    } else {
        floats(cursor, context)?
    };
    let im = match complex {
        true => Some(floats(cursor, context)?),
        false => None,
    };
    checked_sparse(dims, &starts, &indices, re, im, logical).ok_or_else(|| {
        context.damaged(
            at,
            format!("indices of a sparse {dims:?} matrix out of bounds"),
        )
    })
}

/// A sparse matrix from MATLAB's parts, which may hold more room than values; none if an index is out of bounds.
pub(super) fn checked_sparse(
    dims: &[usize],
    starts: &[f64],
    indices: &[f64],
    mut re: Vec<f64>,
    mut im: Option<Vec<f64>>,
    logical: bool,
) -> Option<Sparse> {
    let &[rows, columns] = dims else { return None };
    let starts = starts.get(..columns.checked_add(1)?)?.iter();
    let starts: Vec<usize> = starts.map(|&x| whole(x)).collect::<Option<_>>()?;
    let &used = starts.last()?;
    let indices = indices.get(..used)?.iter().map(|&x| whole(x));
    let indices: Vec<usize> = indices.collect::<Option<_>>()?;
    let fits = starts[0] == 0
        && starts.is_sorted()
        && indices.iter().all(|&row| row < rows)
        && re.len() >= used
        && im.as_ref().is_none_or(|im| im.len() >= used);
    re.truncate(used);
    im.iter_mut().for_each(|im| im.truncate(used));
    fits.then_some(Sparse {
        rows,
        columns,
        starts,
        indices,
        re,
        im,
        logical,
    })
}
