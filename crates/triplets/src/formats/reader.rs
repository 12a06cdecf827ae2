//! What every reader shares: rows of whole numbers, ids, and the account of what was read.

use super::error::{Expected, FormatError, RowError};
use super::extras::{Extras, ExtrasBuilder};
use super::options::MAX_INFERRED;
use super::{ChoiceTable, Format, Imported, PresentedOrder, ReadOptions, Stimuli, has_extension};
use crate::convention::{Base, Convention};
use crate::parse::{self, Lines, Text};
use crate::trial::{Choice, ChoiceSet, Position, Triplet};
use emotome_stimuli::StimulusId;
use emotome_stimuli::array::{Array, ArrayError, Place, read_npy, read_npz};
use emotome_stimuli::run::Run;
use ndarray::{Array1, Array2, ArrayD, Ix1, Ix2};
use rayon::prelude::*;
use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

/// A file to be read.
pub(super) struct Reader<'a> {
    pub(super) path: &'a Path,
    pub(super) format: Format,
    pub(super) convention: Convention,
    pub(super) options: &'a ReadOptions<'a>,
    pub(super) run: Run<'a>,
}

impl Reader<'_> {
    pub(super) fn n(&self) -> Result<usize, FormatError> {
        let n = match self.options.stimuli {
            Stimuli::Count(n) => n,
            Stimuli::Set(set) => set.len(),
            Stimuli::Infer => MAX_INFERRED,
        };
        if u32::try_from(n).is_err() {
            return Err(FormatError::TooManyStimuli { n });
        }
        Ok(n)
    }

    pub(super) fn io(&self, source: std::io::Error) -> FormatError {
        FormatError::Io {
            path: self.path.into(),
            source,
        }
    }

    pub(super) fn row(&self, (line, source): (u64, RowError)) -> FormatError {
        FormatError::Row {
            path: self.path.into(),
            line,
            source,
        }
    }

    pub(super) fn extras(&self, extras: ExtrasBuilder) -> Result<Extras, FormatError> {
        extras
            .finish()
            .map_err(|(column, missing)| FormatError::PartlyEmpty {
                path: self.path.into(),
                column,
                missing,
            })
    }

    pub(super) fn has_extension(&self, extension: &str) -> bool {
        has_extension(self.path, extension)
    }

    /// Rows of whole numbers, from text or from an array; the first row decides between `widths`.
    pub(super) fn integer_rows<T: Send>(
        &self,
        widths: [usize; 2],
        convert: impl Fn(&[i64]) -> Result<T, RowError> + Sync,
    ) -> Result<(Lines<T>, usize), FormatError> {
        if self.has_extension("npy") || self.has_extension("npz") {
            return self.array_rows(widths, convert);
        }
        let file = File::open(self.path).map_err(|error| self.io(error))?;
        let size = file.metadata().map_err(|error| self.io(error))?.len();
        let mut reader = BufReader::with_capacity(1 << 16, file);
        let start = reader.fill_buf().map_err(|error| self.io(error))?;
        let (width, expected) = match first_width(start, widths) {
            _ if widths[0] == widths[1] => (widths[0], Expected::Exactly(widths[0])),
            Some(width) => (width, Expected::AsFirstRow(width)),
            None => (widths[0], Expected::Either(widths[0], widths[1])),
        };
        let text = Text {
            path: self.path,
            reader,
            size: Some(size),
            leave_out: self.options.leave_out_bad_rows,
        };
        let lines = text.parse(self.run, |line| match parse::integers(line)? {
            (values, found) if found == width => convert(&values[..width]),
            (_, found) => Err(RowError::Columns { found, expected }),
        })?;
        Ok((lines, width))
    }

    pub(super) fn array_rows<T: Send>(
        &self,
        widths: [usize; 2],
        convert: impl Fn(&[i64]) -> Result<T, RowError> + Sync,
    ) -> Result<(Lines<T>, usize), FormatError> {
        let rows = if self.has_extension("npz") {
            let x: Array2<i64> = self.shaped::<Ix2>(read_npz(self.path, "X"), Some("X"))?;
            let y: Array1<i64> = self.shaped::<Ix1>(read_npz(self.path, "y"), Some("y"))?;
            if x.nrows() != y.len() {
                return Err(self.binary(format!(
                    "X has {} rows and y has {}; expected as many",
                    x.nrows(),
                    y.len()
                )));
            }
            ndarray::concatenate![ndarray::Axis(1), x, y.insert_axis(ndarray::Axis(1))]
        } else {
            self.shaped::<Ix2>(read_npy(self.path), None)?
        };
        let width = rows.ncols();
        if !widths.contains(&width) {
            let expected = match widths {
                [one, other] if one == other => Expected::Exactly(one),
                [one, other] => Expected::Either(one, other),
            };
            return Err(self.binary(format!(
                "an array of {width} columns found, {expected} expected for {}",
                self.format
            )));
        }
        let mut lines = Lines::new();
        lines.values.reserve_exact(rows.nrows());
        let rows = rows.as_standard_layout();
        let flat = rows.as_slice().unwrap_or_default();
        // Results with room for an error are wide, so only a batch of them exists at a time.
        for batch in flat.chunks(width << 16) {
            let converted: Vec<_> = batch.par_chunks(width).map(&convert).collect();
            for row in converted {
                let number = lines.rows() + 1;
                lines
                    .push(number, row, self.options.leave_out_bad_rows)
                    .map_err(|error| self.row(error))?;
            }
        }
        Ok((lines, width))
    }

    pub(super) fn shaped<D: ndarray::Dimension>(
        &self,
        array: Result<Array, ArrayError>,
        member: Option<&str>,
    ) -> Result<ndarray::Array<i64, D>, FormatError> {
        let array = array.map_err(array_error)?;
        let place = Place {
            path: self.path.into(),
            member: member.map(str::to_owned),
        };
        let array: ArrayD<i64> = array.into_i64(&place).map_err(array_error)?;
        let shape = array.shape().to_vec();
        array.into_dimensionality().map_err(|_| {
            self.binary(format!(
                "an array of shape {shape:?} found, {} axes expected",
                D::NDIM.unwrap_or_default()
            ))
        })
    }

    pub(super) fn binary(&self, problem: String) -> FormatError {
        FormatError::Binary {
            path: self.path.into(),
            problem,
        }
    }

    /// Gives the account of what was read; triplets of lost order come odd-last.
    pub(super) fn finish(
        &self,
        lines: Lines<Choice>,
        convention: Convention,
        order: PresentedOrder,
    ) -> Result<Imported, FormatError> {
        let rows = lines.rows();
        if rows == 0 {
            return Err(FormatError::Empty {
                path: self.path.into(),
            });
        }
        let mut choices = lines.values;
        let all_third =
            !choices.is_empty() && choices.iter().all(|choice| choice.odd == Position::Third);
        let order = match self.options.presented_order {
            Some(order) => order,
            // A column of threes is how sorted files are made to look like trial tables.
            None if all_third && self.format != Format::Parquet => PresentedOrder::LostOddLast,
            None => order,
        };
        if order == PresentedOrder::LostOddLast {
            choices
                .par_iter_mut()
                .for_each(|choice| *choice = odd_last(*choice));
        }
        let (low, high) = choices
            .par_iter()
            .map(|choice| choice.triplet.items().map(|id| id.0))
            .map(|[a, b, c]| (a.min(b).min(c), a.max(b).max(c)))
            .reduce(|| (u32::MAX, 0), |(a, b), (c, d)| (a.min(c), b.max(d)));
        let low = low.min(high);
        let n_inferred = matches!(self.options.stimuli, Stimuli::Infer);
        let n = match n_inferred {
            true if choices.is_empty() => 0,
            true => high as usize + 1,
            false => self.n()?,
        };
        let n_seen = count_distinct(&choices, high);
        let offset = convention.base.offset() as u32;
        Ok(Imported {
            table: ChoiceTable {
                choices: ChoiceSet::new(n, choices)
                    .map_err(|error| self.binary(error.to_string()))?,
                presented_order: order,
                extras: Extras::default(),
            },
            convention,
            stimuli: None,
            n_inferred,
            id_range: (low + offset, high + offset),
            n_seen,
            rows,
            blank_lines: lines.blank,
            comment_lines: lines.comments,
            ignored_columns: Vec::new(),
            left_out: lines.left_out,
        })
    }
}

/// The number of different stimuli, in memory bounded by the choices whatever their ids.
fn count_distinct(choices: &[Choice], highest: u32) -> usize {
    let ids = choices.iter().flat_map(|choice| choice.triplet.items());
    if highest as usize >= MAX_INFERRED {
        return ids.collect::<HashSet<_>>().len();
    }
    let mut seen = vec![false; highest as usize + 1];
    ids.for_each(|id| seen[id.index()] = true);
    seen.into_iter().filter(|&seen| seen).count()
}

fn array_error(source: ArrayError) -> FormatError {
    FormatError::Array(Box::new(source))
}

/// The first number of columns in `text` that is one of `widths`.
fn first_width(text: &[u8], widths: [usize; 2]) -> Option<usize> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    text.split(|&byte| byte == b'\n')
        .filter(|line| !line.starts_with(b"#"))
        .filter_map(|line| parse::integers(line).ok())
        .map(|(_, width)| width)
        .find(|width| widths.contains(width))
}

/// The choice with its odd one moved last and the order of the others kept.
fn odd_last(choice: Choice) -> Choice {
    let items = choice.odd_last();
    Choice {
        triplet: Triplet::new(items).unwrap_or(choice.triplet),
        odd: Position::Third,
    }
}

/// Turns the ids of a row into stimuli.
#[derive(Clone, Copy)]
pub(super) struct Ids {
    pub(super) base: Base,
    pub(super) n: usize,
}

impl Ids {
    pub(super) fn of(reader: &Reader<'_>) -> Result<Self, FormatError> {
        Ok(Self {
            base: reader.convention.base,
            n: reader.n()?,
        })
    }

    #[inline]
    pub(super) fn id(self, id: i64) -> Result<StimulusId, RowError> {
        match id.checked_sub(self.base.offset()) {
            Some(row) if (0..self.n as i64).contains(&row) => Ok(StimulusId(row as u32)),
            _ => Err(RowError::OutOfRange {
                id,
                base: self.base,
                n: self.n,
            }),
        }
    }

    #[inline]
    pub(super) fn triplet(self, items: [i64; 3]) -> Result<Triplet, RowError> {
        let [a, b, c] = items;
        Triplet::new([self.id(a)?, self.id(b)?, self.id(c)?])
            .map_err(|_| RowError::Repeated { items })
    }
}

/// The place a choice column names, counted from `base`.
pub(super) fn place(choice: i64, base: Base) -> Result<Position, RowError> {
    choice
        .checked_sub(base.offset())
        .and_then(|index| usize::try_from(index).ok())
        .and_then(Position::from_index)
        .ok_or_else(|| RowError::Choice {
            found: choice.to_string(),
            expected: match base {
                Base::Zero => "0, 1 or 2 (a place counted from 0)",
                Base::One => "1, 2 or 3 (a place counted from 1)",
            },
        })
}
