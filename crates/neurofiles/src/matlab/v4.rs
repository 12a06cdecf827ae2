//! Version 4: a header of five numbers before each matrix.

use std::fs;
use std::path::Path;

use super::bytes::{Cursor, Storage, numbers, product, whole};
use super::value::{Class, Numbers, Sparse, Text, Value};
use super::{Context, GRANTED, MatlabError};

/// Columns of the widest sparse matrix that is read.
const WIDEST: usize = 1 << 22;

pub(super) fn read(
    path: &Path,
    length: u64,
    wanted: &mut dyn FnMut(&str) -> bool,
) -> Result<Vec<(String, Value)>, MatlabError> {
    let mut context = Context::new(path);
    if length > GRANTED {
        context.variable = "the file".into();
        return Err(context.too_large());
    }
    let bytes = fs::read(path).map_err(|source| MatlabError::Io {
        path: path.to_owned(),
        source,
    })?;
    let mut cursor = Cursor {
        bytes: &bytes,
        at: 0,
        big: false,
    };
    let mut read = Vec::new();
    if bytes.is_empty() {
        return Err(context.damaged(0, "it is empty"));
    }
    while cursor.left() > 0 {
        context.variable = format!("matrix {}", read.len() + 1);
        if let Some(variable) = matrix(&mut cursor, &mut context, wanted)? {
            read.push(variable);
        }
    }
    Ok(read)
}

fn matrix(
    cursor: &mut Cursor<'_>,
    context: &mut Context<'_>,
    wanted: &mut dyn FnMut(&str) -> bool,
) -> Result<Option<(String, Value)>, MatlabError> {
    let start = cursor.at as u64;
    let kind = cursor.u32(context)?;
    // 1000·order + 10·storage + kind of matrix: read in the wrong order it is large.
    if kind > 5000 {
        cursor.big = !cursor.big;
    }
    let kind = if kind > 5000 { kind.swap_bytes() } else { kind };
    let storage = match kind % 100 / 10 {
        0 => Storage::F64,
        1 => Storage::F32,
        2 => Storage::I32,
        3 => Storage::I16,
        4 => Storage::U16,
        5 => Storage::U8,
        _ => return Err(context.damaged(start, format!("{kind} is no header of version 4 or 5"))),
    };
    if kind > 5000
        || kind / 1000 != u32::from(cursor.big)
        || kind % 10 > 2
        || kind % 1000 / 100 != 0
    {
        let what = format!("{kind} is no header of version 4 or 5 in IEEE numbers");
        return Err(context.damaged(start, what));
    }
    let mut field = || Ok::<_, MatlabError>(cursor.u32(context)? as usize);
    let (rows, columns, complex, named) = (field()?, field()?, field()?, field()?);
    let name = cursor.take(named, context)?;
    let name = name.split(|&byte| byte == 0).next().unwrap_or_default();
    let name = String::from_utf8_lossy(name).into_owned();
    context.variable = name.clone();
    let size = product(&[rows, columns, storage.bytes()]);
    let size = size.filter(|_| complex < 2);
    let size =
        size.ok_or_else(|| context.damaged(start, format!("{rows} × {columns} elements")))?;
    let re = cursor.take(size, context)?;
    let im = if complex == 1 {
        Some(cursor.take(size, context)?)
    } else {
        None
    };
    if !wanted(&name) {
        return Ok(None);
    }
    let re = numbers(re, storage, cursor.big, context)?;
    let im = match im {
        Some(im) => Some(numbers(im, storage, cursor.big, context)?),
        None => None,
    };
    let dims = vec![rows, columns];
    let value =
        match kind % 10 {
            1 => Value::Text(Text {
                dims,
                units: re.iter().map(|&unit| unit as u16).collect(),
            }),
            2 => Value::Sparse(sparse(&re, rows, columns, context)?.ok_or_else(|| {
                context.damaged(start, "indices of a sparse matrix out of bounds")
            })?),
            _ => Value::Numbers(Numbers {
                class: Class::Double,
                dims,
                re,
                im,
            }),
        };
    Ok(Some((name, value)))
}

/// Rows of (row, column, real[, imaginary]) from 1, the last with the dimensions.
fn sparse(
    table: &[f64],
    rows: usize,
    columns: usize,
    context: &mut Context<'_>,
) -> Result<Option<Sparse>, MatlabError> {
    let Some(last) = rows.checked_sub(1).filter(|_| (3..=4).contains(&columns)) else {
        return Ok(None);
    };
    let at = |row: usize, column: usize| table[column * rows + row];
    let (Some(height), Some(width)) = (whole(at(last, 0)), whole(at(last, 1))) else {
        return Ok(None);
    };
    // A few bytes may claim any number of empty columns.
    if width > WIDEST {
        return Err(context.too_large());
    }
    context.take(width + 1, 8)?;
    context.take(last, 64)?;
    let mut entries = Vec::with_capacity(last);
    for row in 0..last {
        match (whole(at(row, 0)), whole(at(row, 1))) {
            (Some(i), Some(j)) if (1..=height).contains(&i) && (1..=width).contains(&j) => {
                let im = if columns == 4 { at(row, 3) } else { 0.0 };
                entries.push((j - 1, i - 1, at(row, 2), im));
            }
            _ => return Ok(None),
        }
    }
    entries.sort_by_key(|&(column, row, ..)| (column, row));
    let mut starts = vec![0; width + 1];
    entries
        .iter()
        .for_each(|&(column, ..)| starts[column + 1] += 1);
    for column in 0..width {
        starts[column + 1] += starts[column];
    }
    Ok(Some(Sparse {
        rows: height,
        columns: width,
        starts,
        indices: entries.iter().map(|entry| entry.1).collect(),
        re: entries.iter().map(|entry| entry.2).collect(),
        im: (columns == 4).then(|| entries.iter().map(|entry| entry.3).collect()),
        logical: false,
    }))
}
