//! The in-memory forms of cblearn, as arrays or text: anchored comparisons and odd-one-out queries.
//!
//! An odd-one-out choice of `o` from `{p, q, o}` says two anchored things: `p` is nearer `q` than
//! `o`, and `q` is nearer `p` than `o`. The way back exists only for rows that come in such pairs.

use super::reader::{Ids, Reader, place};
use super::writer::{Writer, push_row};
use super::{Imported, PresentedOrder, has_extension, last_odd, nmi};
use crate::convention::OddColumn;
use crate::formats::Format;
use crate::formats::error::{FormatError, RowError};
use crate::parse::Lines;
use crate::trial::{Choice, Position, Triplet};
use emotome_stimuli::StimulusId;
use emotome_stimuli::array::write_npz;
use ndarray::{Array1, Array2};
use rayon::prelude::*;

/// `i` is nearer `j` than `k`.
type Anchored = [StimulusId; 3];

pub(super) fn read_anchored(reader: &Reader<'_>) -> Result<Imported, FormatError> {
    let ids = Ids::of(reader)?;
    let width = if reader.format == Format::CblearnOrder {
        3
    } else {
        4
    };
    let (lines, _) = reader.integer_rows([width, width], |row| {
        let [i, j, k] = ids.triplet([row[0], row[1], row[2]])?.items();
        let first_is_nearer = match (reader.format, row.get(3)) {
            (Format::CblearnCount, Some(1)) | (Format::CblearnBoolean, Some(1)) | (_, None) => true,
            (Format::CblearnCount, Some(-1)) | (Format::CblearnBoolean, Some(0)) => false,
            (_, Some(other)) => {
                return Err(RowError::Choice {
                    found: other.to_string(),
                    expected: if reader.format == Format::CblearnCount {
                        "1 or -1"
                    } else {
                        "True or False"
                    },
                });
            }
        };
        Ok(if first_is_nearer {
            [i, j, k]
        } else {
            [i, k, j]
        })
    })?;
    let rows = lines.rows();
    let paired = Lines {
        values: pair(&lines.values).map_err(|(unpaired, row)| FormatError::Unpaired {
            path: reader.path.into(),
            unpaired,
            rows: lines.values.len() as u64,
            row: row.map(|id| i64::from(id.0) + reader.convention.base.offset()),
        })?,
        left_out: lines.left_out,
        blank: lines.blank,
        comments: lines.comments,
    };
    let mut imported = reader.finish(paired, reader.convention, PresentedOrder::LostOddLast)?;
    imported.rows = rows;
    Ok(imported)
}

/// One choice for every two rows `(p, q, odd)` and `(q, p, odd)`, in the order of the earlier row.
///
/// O(N log N) time, 24 bytes per row. Otherwise the number of rows left alone, and the first.
fn pair(rows: &[Anchored]) -> Result<Vec<Choice>, (u64, Anchored)> {
    let mut keyed: Vec<([u32; 3], bool, usize)> = rows
        .par_iter()
        .enumerate()
        .map(|(at, [p, q, odd])| ([p.0.min(q.0), p.0.max(q.0), odd.0], p > q, at))
        .collect();
    keyed.par_sort_unstable();
    let (mut paired, mut alone, mut first) =
        (Vec::with_capacity(rows.len() / 2), 0_u64, usize::MAX);
    for group in keyed.chunk_by(|a, b| a.0 == b.0) {
        let (forward, backward) = group.split_at(group.partition_point(|row| !row.1));
        paired.extend(forward.iter().zip(backward).map(|(a, b)| a.2.min(b.2)));
        let both = forward.len().min(backward.len());
        for row in forward[both..].iter().chain(&backward[both..]) {
            alone += 1;
            first = first.min(row.2);
        }
    }
    if let Some(&row) = rows.get(first) {
        return Err((alone, row));
    }
    paired.par_sort_unstable();
    let choice = |at| {
        Some(Choice {
            triplet: Triplet::new(rows[at]).ok()?,
            odd: Position::Third,
        })
    };
    Ok(paired.into_iter().filter_map(choice).collect())
}

pub(super) fn write_anchored(writer: &Writer<'_>) -> Result<(), FormatError> {
    let [no, yes] = if writer.format == Format::CblearnCount {
        [-1, 1]
    } else {
        [0, 1]
    };
    let bare = writer.format == Format::CblearnOrder;
    // With a response, cblearn's standard form has the compared items ascending.
    let rows = |choice: &Choice| {
        let [p, q, odd] = choice.odd_last().map(|id| id.0 + writer.offset());
        [[p, q, odd], [q, p, odd]].map(|[i, j, k]| match bare || j < k {
            true => ([i, j, k], yes),
            false => ([i, k, j], no),
        })
    };
    let flat = || writer.choices().iter().flat_map(&rows);
    if has_extension(writer.path, "npz") && !bare {
        let x = flat().flat_map(|(row, _)| row.map(i64::from)).collect();
        return write_xy(writer, x, flat().map(|(_, response)| response).collect());
    }
    if has_extension(writer.path, "npy") {
        let width = if bare { 3 } else { 4 };
        let row = |([i, j, k], response): ([u32; 3], i64)| {
            [i64::from(i), i64::from(j), i64::from(k), response]
                .into_iter()
                .take(width)
        };
        return last_odd::write_rows(writer, flat().flat_map(row).collect(), width);
    }
    writer.lines("", |text, _, choice| {
        for (row, response) in rows(choice) {
            push_row(text, &row, b' ');
            text.extend_from_slice(match writer.format {
                Format::CblearnCount if response == 1 => b" 1",
                Format::CblearnCount => b" -1",
                Format::CblearnBoolean if response == 1 => b" True",
                Format::CblearnBoolean => b" False",
                _ => b"",
            });
            text.push(b'\n');
        }
    })
}

pub(super) fn read_odd_one_out(reader: &Reader<'_>) -> Result<Imported, FormatError> {
    let ids = Ids::of(reader)?;
    let (odd, mut convention) = (reader.convention.odd, reader.convention);
    let asked = reader.options.convention.is_some();
    let widths = match odd {
        OddColumn::Choice(_) => [4, 4],
        _ if asked => [3, 3],
        _ => [3, 4],
    };
    let base = match odd {
        OddColumn::Choice(base) => base,
        _ => crate::convention::Base::Zero,
    };
    let (lines, width) = reader.integer_rows(widths, |row| {
        let triplet = ids.triplet([row[0], row[1], row[2]])?;
        let odd = row
            .get(3)
            .map_or(Ok(last_odd::column(odd)), |&choice| place(choice, base))?;
        Ok(Choice { triplet, odd })
    })?;
    let order = if width == 4 {
        convention.odd = OddColumn::Choice(base);
        PresentedOrder::Known
    } else {
        PresentedOrder::LostOddLast
    };
    reader.finish(lines, convention, order)
}

pub(super) fn write_odd_one_out(writer: &Writer<'_>) -> Result<(), FormatError> {
    let OddColumn::Choice(_) = writer.convention.odd else {
        return last_odd::write(writer);
    };
    if !has_extension(writer.path, "npy") && !has_extension(writer.path, "npz") {
        return nmi::write_ceiling(writer);
    }
    let base = nmi::choice_base(writer.convention.odd).offset();
    let items = |choice: &Choice| {
        choice
            .triplet
            .items()
            .map(|id| i64::from(id.0 + writer.offset()))
    };
    let place = |choice: &Choice| choice.odd.index() as i64 + base;
    if has_extension(writer.path, "npz") {
        let y = writer.choices().iter().map(place).collect();
        return write_xy(writer, writer.choices().iter().flat_map(items).collect(), y);
    }
    let row = |choice: &Choice| {
        items(choice)
            .into_iter()
            .chain([place(choice)])
            .collect::<Vec<_>>()
    };
    last_odd::write_rows(writer, writer.choices().iter().flat_map(row).collect(), 4)
}

/// Writes an `.npz` of queries `X` and responses `y`.
fn write_xy(writer: &Writer<'_>, x: Vec<i64>, y: Vec<i64>) -> Result<(), FormatError> {
    let x = Array2::from_shape_vec((x.len() / 3, 3), x).map_err(|error| FormatError::Binary {
        path: writer.path.into(),
        problem: error.to_string(),
    })?;
    let y = Array1::from_vec(y);
    write_npz(
        writer.path,
        writer.options.overwrite,
        &[("X", x.view().into()), ("y", y.view().into())],
    )
    .map_err(|source| FormatError::Array(Box::new(source)))
}
