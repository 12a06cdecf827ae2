//! The in-memory forms of cblearn, as arrays or text: anchored comparisons (as lists, or counted in
//! a sparse tensor) and odd-one-out queries.
//!
//! An odd-one-out choice of `o` from `{p, q, o}` says two anchored things: `p` is nearer `q` than
//! `o`, and `q` is nearer `p` than `o`. The way back exists only for rows that come in such pairs.

use super::reader::{Ids, Reader, place};
use super::writer::Writer;
use super::{Imported, PresentedOrder, has_extension, last_odd, nmi};
use crate::convention::OddColumn;
use crate::formats::Format;
use crate::formats::error::{FormatError, RowError};
use crate::parse::Lines;
use crate::trial::{Choice, Position, Triplet};
use emotome_stimuli::StimulusId;
use emotome_stimuli::array::{read_npz, write_npz};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Ix1, Ix2};
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
    choices(reader, lines)
}

/// The comparisons that an entry of a tensor may stand for, on average over the file.
const MAX_COUNT: u64 = 1024;

/// A sparse n × n × n tensor as `sparse.save_npz` writes it: `coords` (3 × entries) and `data`, how
/// often `i` was nearer `j` than `k`, less how often it was not.
pub(super) fn read_tensor(reader: &Reader<'_>) -> Result<Imported, FormatError> {
    let ids = Ids::of(reader)?;
    let coords: Array2<i64> =
        reader.shaped::<Ix2>(read_npz(reader.path, "coords"), Some("coords"))?;
    let data: Array1<i64> = reader.shaped::<Ix1>(read_npz(reader.path, "data"), Some("data"))?;
    if coords.dim() != (3, data.len()) {
        return Err(reader.binary(format!(
            "coords of shape {:?} and {} data found; expected three coordinates for each",
            coords.shape(),
            data.len()
        )));
    }
    let total = data
        .iter()
        .fold(0_u64, |sum, count| sum.saturating_add(count.unsigned_abs()));
    if total > MAX_COUNT * data.len() as u64 {
        return Err(reader.binary(format!(
            "{} entries claim {total} comparisons; at most {MAX_COUNT} an entry are read: is `data` something else?",
            data.len()
        )));
    }
    let mut lines = Lines::new();
    for (row, (&count, at)) in (1..).zip(data.iter().zip(coords.columns())) {
        match ids.triplet([at[0], at[1], at[2]]) {
            Ok(triplet) => {
                let [i, j, k] = triplet.items();
                let comparison = if count > 0 { [i, j, k] } else { [i, k, j] };
                let repeats = count.unsigned_abs() as usize;
                lines
                    .values
                    .extend(std::iter::repeat_n(comparison, repeats));
            }
            Err(error) => lines
                .push(row, Err(error), reader.options.leave_out_bad_rows)
                .map_err(|error| reader.row(error))?,
        }
    }
    choices(reader, lines)
}

/// The choices behind comparisons that come in pairs.
fn choices(reader: &Reader<'_>, lines: Lines<Anchored>) -> Result<Imported, FormatError> {
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
    if writer.format == Format::CblearnOrder {
        return writer.integer_rows(|choice| comparisons(writer, choice));
    }
    let no = -i64::from(writer.format == Format::CblearnCount);
    writer.integer_rows(|choice| {
        comparisons(writer, choice).map(|comparison| {
            let ([i, j, k], nearer) = standard(comparison);
            [i, j, k, if nearer { 1 } else { no }]
        })
    })
}

/// The two comparisons that a choice implies.
fn comparisons(writer: &Writer<'_>, choice: &Choice) -> [[i64; 3]; 2] {
    let offset = writer.convention.base.offset();
    let [p, q, odd] = choice.odd_last().map(|id| i64::from(id.0) + offset);
    [[p, q, odd], [q, p, odd]]
}

/// cblearn's standard form, which has the compared items ascending, and whether the first is nearer.
const fn standard([i, j, k]: [i64; 3]) -> ([i64; 3], bool) {
    if j < k {
        ([i, j, k], true)
    } else {
        ([i, k, j], false)
    }
}

pub(super) fn write_tensor(writer: &Writer<'_>) -> Result<(), FormatError> {
    if !has_extension(writer.path, "npz") {
        return Err(writer
            .unsupported("written but as the archive that `sparse.load_npz` reads: name it .npz"));
    }
    let mut entries: Vec<([i64; 3], bool)> = writer
        .choices()
        .par_iter()
        .flat_map_iter(|choice| comparisons(writer, choice).map(standard))
        .collect();
    entries.par_sort_unstable();
    let (mut coords, mut data) = (Vec::new(), Vec::new());
    for entry in entries.chunk_by(|a, b| a.0 == b.0) {
        if entry[0].1 != entry[entry.len() - 1].1 {
            return Err(writer.unsupported(
                "written where repeats of a triplet have different odd ones: the tensor adds repeats up, and these \
                 would cancel; write `cblearn-count`",
            ));
        }
        coords.push(entry[0].0);
        let count = entry.len() as i64;
        data.push(if entry[0].1 { count } else { -count });
    }
    let n = writer.table.choices.n_stimuli() as i64 + writer.convention.base.offset();
    let coords = ArrayView2::from(coords.as_slice());
    let (shape, fill) = ([n; 3], ndarray::arr0(0_i64));
    write_npz(
        writer.path,
        writer.options.overwrite,
        &[
            ("data", ArrayView1::from(&data).into()),
            ("coords", coords.t().into()),
            ("shape", ArrayView1::from(&shape).into()),
            ("fill_value", fill.view().into()),
        ],
    )
    .map_err(|source| FormatError::Array(Box::new(source)))
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
    match writer.convention.odd {
        OddColumn::Choice(_) => nmi::write_ceiling(writer),
        _ => last_odd::write(writer),
    }
}
