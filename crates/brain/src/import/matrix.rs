//! A matrix of samples × voxels.

use std::path::PathBuf;

use emotome_neurofiles::nifti::Mask;
use emotome_stimuli::array::read_matrix;
use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use super::error::ImportError;
use super::events::{EventColumns, read_events};
use super::{Prepared, lattice};
use crate::store::npy;
use crate::store::{Places, Regions, StoreError};

/// Bytes of samples read at a time.
const BLOCK: usize = 16 << 20;

/// In which order the voxels of a mask stand as columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VoxelOrder {
    /// k fastest: `data[mask]` in NumPy, nilearn's `NiftiMasker`.
    C,
    /// i fastest: MATLAB's `data(mask)`, bdpy.
    Fortran,
}

/// A matrix of samples × voxels in `.npy`, `.tsv` or `.csv`, with events.
///
/// `.npy` in C order of 32- or 64-bit floats is read in blocks, other files at once.
#[derive(Debug, Clone)]
pub struct MatrixSource {
    /// The matrix.
    pub responses: PathBuf,
    /// A line for each sample.
    pub events: PathBuf,
    /// Columns of the events.
    pub columns: EventColumns,
    /// Where the voxels lie.
    pub voxels: VoxelsFrom,
}

/// What says where the columns of a matrix lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VoxelsFrom {
    /// A mask, and the order of its voxels.
    Mask(PathBuf, VoxelOrder),
    /// A table with columns x, y and z (mm), a line for each voxel.
    Positions(PathBuf),
}

impl MatrixSource {
    pub(super) fn prepare(&self) -> Result<Prepared<'_>, ImportError> {
        let mut recognised = Vec::new();
        let (places, table) = match &self.voxels {
            VoxelsFrom::Mask(path, order) => {
                let mask = Mask::read(path)?;
                let mut indices: Vec<[u32; 3]> =
                    mask.indices().map(|at| at.map(|n| n as u32)).collect();
                if *order == VoxelOrder::C {
                    indices.sort_unstable();
                }
                let places = Places::Volume {
                    grid: mask.grid(),
                    inferred: false,
                    indices,
                };
                (places, path.clone())
            }
            VoxelsFrom::Positions(path) => {
                let table = read_matrix(path)?;
                let names = table.columns.clone().unwrap_or_default();
                let column = |name: &str| {
                    names.iter().position(|known| known == name).ok_or_else(|| {
                        ImportError::NoColumn {
                            path: path.clone(),
                            wanted: name.to_owned(),
                            found: names.join(", "),
                        }
                    })
                };
                let at = [column("x")?, column("y")?, column("z")?];
                let rows = table.values.outer_iter();
                let positions = rows.map(|row| at.map(|a| row[a])).collect();
                let (places, note) = lattice::infer(positions, None);
                recognised.push(note);
                (places, path.clone())
            }
        };
        let events = read_events(&self.events, &self.columns, None)?;
        let streamed = self
            .responses
            .extension()
            .is_some_and(|e| e.eq_ignore_ascii_case("npy"));
        let matrix = match streamed.then(|| npy::Matrix::open(&self.responses)) {
            Some(Ok(matrix)) if matrix.element != npy::Element::Bool => Ok(matrix),
            // Fortran order, integers and pickles: the reader of whole arrays knows them, or says what is wrong.
            _ => Err(read_matrix(&self.responses)?.values),
        };
        let (samples, columns) = match &matrix {
            Ok(matrix) => (matrix.rows, matrix.columns),
            Err(values) => values.dim(),
        };
        if columns != places.len() {
            return Err(ImportError::Shape {
                path: self.responses.clone(),
                found: format!("{samples} × {columns}"),
                expected: format!("samples × {} voxels of {}", places.len(), table.display()),
            });
        }
        if samples != events.len() {
            return Err(ImportError::Count {
                path: self.responses.clone(),
                responses: samples,
                of: self.events.clone(),
                events: events.len(),
            });
        }
        Ok(Prepared {
            regions: Regions::none(columns),
            places,
            events,
            inputs: vec![self.responses.clone(), self.events.clone(), table],
            recognised,
            synthetic: false,
            stream: Box::new(move |sink| {
                let mut matrix = match matrix {
                    Ok(matrix) => matrix,
                    Err(values) => return sink.samples(0, values.mapv(|v| v as f32).view()),
                };
                let at_once = (BLOCK / (4 * columns).max(1)).clamp(1, samples.max(1));
                let mut block = vec![0.0; at_once * columns];
                for first in (0..samples).step_by(at_once) {
                    let rows = at_once.min(samples - first);
                    let block = &mut block[..rows * columns];
                    matrix.read(first, block)?;
                    let view = ArrayView2::from_shape((rows, columns), block).map_err(|_| {
                        StoreError::Shape {
                            what: "values of a block",
                            found: 0,
                            expected: rows * columns,
                        }
                    })?;
                    sink.samples(first, view)?;
                }
                Ok(())
            }),
        })
    }
}
