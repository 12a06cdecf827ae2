//! Matrices with the keys of their rows and the names of their columns.

use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;

use ndarray::{Array2, ArrayView2, Ix2};

use super::{Array, ArrayError, Place, npy, npz, npz_members, read_npy, read_npz, text};
use crate::output::{AtomicFile, Overwrite};
use crate::stimulus::StimulusSet;

/// The members of an `.npz` archive that name the rows and columns of its matrix.
const ROWS_MEMBER: &str = "stimuli";
const COLUMNS_MEMBER: &str = "columns";

/// A matrix, stimuli × columns, with whatever labels its file carries.
///
/// Missing values are NaN; whether they are allowed is for the caller to decide.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelledMatrix {
    /// The numbers, row-major.
    pub values: Array2<f64>,
    /// The key of each row, if the file has keys.
    pub rows: Option<StimulusSet>,
    /// The name of each column, if the file has names.
    pub columns: Option<Vec<String>>,
}

impl LabelledMatrix {
    /// Row and column (from 0) of the first NaN, in row order.
    ///
    /// ```
    /// use emotome_stimuli::array::LabelledMatrix;
    /// let values = ndarray::array![[0.0, 1.0], [f64::NAN, 2.0]];
    /// let matrix = LabelledMatrix { values, rows: None, columns: None };
    /// assert_eq!(matrix.first_nan(), Some((1, 0)));
    /// ```
    #[must_use]
    pub fn first_nan(&self) -> Option<(usize, usize)> {
        self.values
            .indexed_iter()
            .find(|(_, value)| value.is_nan())
            .map(|(place, _)| place)
    }
}

/// Reads a matrix, in the format that the extension names: `.npy`, `.npz`, `.tsv`, `.csv` or `.txt`.
///
/// - `.npy`: two axes, any number type.
/// - `.npz`: the only two-axis numeric member ([`read_matrix_named`] picks among several); text members
///   `stimuli` and `columns`, one axis each, label rows and columns.
/// - `.tsv`, `.csv`: the first line is a header if a cell after the first is no number, or its first cell
///   is empty or one of `key`, `stimulus`, `filename`, `file`, `id`, `item`, `name`, `label`, `video_id`,
///   `stimulus_key`, `unique_id` in any case. Those first cells make the first column the keys;
///   otherwise the first column holds keys if its first cell below the header is no number.
/// - `.txt`: numbers between blanks; lines that begin with `#` are skipped.
///
/// Empty cells, `NA`, `n/a` and `NaN` are NaN. Time and memory are linear in the file's size.
///
/// # Errors
/// [`ArrayError`] with file, line and column of the fault.
pub fn read_matrix(path: impl AsRef<Path>) -> Result<LabelledMatrix, ArrayError> {
    let path = path.as_ref();
    let extension = path
        .extension()
        .map_or_else(String::new, |e| e.to_string_lossy().to_ascii_lowercase());
    match extension.as_str() {
        "npy" => Ok(LabelledMatrix {
            values: matrix(read_npy(path)?, &Place::file(path))?,
            rows: None,
            columns: None,
        }),
        "npz" => {
            let members = npz::describe(path)?;
            let is_matrix = |(_, described): &&(String, _)| matches!(described, Ok((dtype, shape)) if *dtype != npy::TEXT && Vec::len(shape) == 2);
            let mut candidates = members.iter().filter(is_matrix);
            match (candidates.next(), candidates.next()) {
                (Some((member, _)), None) => read_matrix_named(path, member),
                _ => Err(ArrayError::AmbiguousMember {
                    place: Place::file(path),
                    n: members.iter().filter(is_matrix).count(),
                    available: members
                        .iter()
                        .map(|(member, described)| match described {
                            Ok((dtype, shape)) => format!("{member}: {dtype} {shape:?}"),
                            Err(dtype) => format!("{member}: {dtype}, not read"),
                        })
                        .collect::<Vec<_>>()
                        .join(", "),
                }),
            }
        }
        "tsv" => text::read_delimited(path, b'\t'),
        "csv" => text::read_delimited(path, b','),
        "txt" => text::read_blanks(path),
        _ => Err(ArrayError::Extension {
            path: path.to_owned(),
            found: extension,
        }),
    }
}

/// Reads the named matrix of an `.npz` archive, see [`read_matrix`].
///
/// # Errors
/// [`ArrayError`] when the member is missing, damaged or no matrix.
pub fn read_matrix_named(
    path: impl AsRef<Path>,
    member: &str,
) -> Result<LabelledMatrix, ArrayError> {
    let path = path.as_ref();
    labelled(path, member, read_npz(path, member)?)
}

/// Writes a TSV table: a header `key` and the column names, then a line per stimulus.
///
/// Numbers have the fewest digits that read back as the same value; NaN is `n/a`.
///
/// # Errors
/// [`ArrayError::Labels`] when keys or names do not fit the shape, [`ArrayError::Output`] when the file
/// exists and `overwrite` forbids it, or cannot be written.
pub fn write_tsv<T: Display + PartialOrd>(
    path: impl AsRef<Path>,
    overwrite: Overwrite,
    rows: &StimulusSet,
    columns: &[impl AsRef<str>],
    values: ArrayView2<'_, T>,
) -> Result<(), ArrayError> {
    let path = path.as_ref();
    for (labels, length, axis) in [
        (rows.len(), values.nrows(), "rows"),
        (columns.len(), values.ncols(), "columns"),
    ] {
        if labels != length {
            return Err(ArrayError::Labels {
                place: Place::file(path),
                labels,
                length,
                axis,
            });
        }
    }
    let mut file = AtomicFile::create(path, overwrite)?;
    let written = write_rows(&mut file, rows, columns, values);
    written.map_err(|source| file.error(source))?;
    Ok(file.commit()?)
}

fn write_rows<T: Display + PartialOrd>(
    file: &mut AtomicFile,
    rows: &StimulusSet,
    columns: &[impl AsRef<str>],
    values: ArrayView2<'_, T>,
) -> io::Result<()> {
    // Names and keys are quoted where they need it; numbers never do.
    let mut header = csv::WriterBuilder::new()
        .delimiter(b'\t')
        .from_writer(&mut *file);
    header.write_field("key")?;
    header.write_record(columns.iter().map(AsRef::as_ref))?;
    header.flush()?;
    drop(header);
    for (key, row) in rows.keys().iter().zip(values.rows()) {
        let key = key.as_str();
        if key.contains('"') {
            write!(file, "\"{}\"", key.replace('"', "\"\""))?;
        } else {
            file.write_all(key.as_bytes())?;
        }
        for value in row {
            // Only NaN has no order with itself.
            match value.partial_cmp(value) {
                Some(_) => write!(file, "\t{value}")?,
                None => file.write_all(b"\tn/a")?,
            }
        }
        file.write_all(b"\n")?;
    }
    Ok(())
}

fn labelled(path: &Path, member: &str, array: Array) -> Result<LabelledMatrix, ArrayError> {
    let place = Place {
        path: path.to_owned(),
        member: Some(member.to_owned()),
    };
    let values = matrix(array, &place)?;
    let members = npz_members(path)?;
    let labels = |name: &str, length, axis| -> Result<Option<Vec<String>>, ArrayError> {
        if !members.iter().any(|member| member == name) {
            return Ok(None);
        }
        match read_npz(path, name)? {
            Array::Text(labels) if labels.len() == length => Ok(Some(labels.into_iter().collect())),
            Array::Text(labels) => Err(ArrayError::Labels {
                place: place.clone(),
                labels: labels.len(),
                length,
                axis,
            }),
            _ => Ok(None),
        }
    };
    let rows = labels(ROWS_MEMBER, values.nrows(), "rows")?.map(StimulusSet::from_labels);
    Ok(LabelledMatrix {
        rows: rows.transpose().map_err(|source| ArrayError::Keys {
            place: place.clone(),
            source,
        })?,
        columns: labels(COLUMNS_MEMBER, values.ncols(), "columns")?,
        values,
    })
}

fn matrix(array: Array, place: &Place) -> Result<Array2<f64>, ArrayError> {
    let shape = array.shape().to_vec();
    let values = array
        .into_f64(place)?
        .into_dimensionality::<Ix2>()
        .map_err(|_| ArrayError::Rank {
            place: place.clone(),
            shape: format!("{shape:?}"),
            rank: shape.len(),
        })?;
    Ok(if values.is_standard_layout() {
        values
    } else {
        values.as_standard_layout().into_owned()
    })
}
