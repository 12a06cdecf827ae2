//! Betas or volumes in images, and GLMsingle's betas in HDF5.

use std::path::{Path, PathBuf};

use emotome_neurofiles::Millimetres;
use emotome_neurofiles::hdf5;
use emotome_neurofiles::nifti::{Mask, Reader};
use ndarray::ArrayView2;

use super::error::ImportError;
use super::events::{EventColumns, of_files};
use super::{Prepared, Sink, marked_synthetic};
use crate::store::{Places, Regions, StoreError};

/// Entries of affines differ by rounding in float32 files, not by more.
const TOLERANCE: Millimetres = Millimetres(1e-3);
/// What GLMsingle calls its betas, in Python and in MATLAB.
const BETAS: [&str; 2] = ["betasmd", "modelmd"];

/// Images with a table of events and a mask.
///
/// Responses are NIfTI images (4-D, or one volume each), or GLMsingle's HDF5 (`betasmd`, X × Y × Z × trials)
/// or MATLAB 7.3 files (`modelmd`); HDF5 has no affine, so the mask's is taken and reported.
#[derive(Debug, Clone)]
pub struct VolumesSource {
    /// The responses, in order of presentation.
    pub responses: Vec<PathBuf>,
    /// One table for all samples, or one for each file of responses.
    pub events: Vec<PathBuf>,
    /// Voxels above zero are taken.
    pub mask: PathBuf,
    /// Columns of the events.
    pub columns: EventColumns,
    /// The dataset of betas in HDF5; none: `betasmd` or `modelmd`.
    pub dataset: Option<String>,
}

/// How a dataset of betas lies on disk.
#[derive(Debug, Clone)]
enum Betas {
    Nifti,
    /// X × Y × Z × trials.
    VoxelsFirst(String),
    /// Trials × Z × Y × X.
    TrialsFirst(String),
}

impl VolumesSource {
    pub(super) fn prepare(&self) -> Result<Prepared<'_>, ImportError> {
        let mask = Mask::read(&self.mask)?;
        let grid = mask.grid();
        let mut recognised = Vec::new();
        if self.responses.is_empty() {
            return Err(ImportError::NoSource { what: "responses" });
        }
        if mask.nan > 0 {
            recognised.push(format!(
                "{}: {} voxels of the mask are not a number and are left out",
                self.mask.display(),
                mask.nan
            ));
        }
        let mut files = Vec::new();
        let mut synthetic = false;
        for path in &self.responses {
            let (layout, count) = if hdf5::Source::recognises(path)? {
                self.betas(path, grid.shape, &mut recognised)?
            } else {
                let reader = Reader::open(path)?;
                reader
                    .grid()
                    .same_as(&grid, TOLERANCE)
                    .map_err(|mismatch| ImportError::Grid {
                        data: path.clone(),
                        mask: self.mask.clone(),
                        mismatch: Box::new(mismatch),
                    })?;
                (Betas::Nifti, reader.len())
            };
            synthetic |= marked_synthetic(path);
            files.push((path.clone(), layout, count));
        }
        let counts = files
            .iter()
            .map(|(path, _, count)| (path.as_path(), *count));
        let events = of_files(
            &counts.collect::<Vec<_>>(),
            &self.events,
            &self.columns,
            &mut recognised,
        )?;
        let places = Places::Volume {
            grid,
            inferred: false,
            indices: mask.indices().map(|at| at.map(|n| n as u32)).collect(),
        };
        let mut inputs = self.responses.clone();
        inputs.extend(self.events.iter().cloned());
        inputs.push(self.mask.clone());
        Ok(Prepared {
            regions: Regions::none(places.len()),
            places,
            events,
            inputs,
            recognised,
            synthetic,
            stream: Box::new(move |sink| {
                let mut first = 0;
                for (path, layout, count) in &files {
                    stream(path, layout, &mask, first, sink)?;
                    first += count;
                }
                Ok(())
            }),
        })
    }

    fn betas(
        &self,
        path: &Path,
        grid: [usize; 3],
        recognised: &mut Vec<String>,
    ) -> Result<(Betas, usize), ImportError> {
        let source = hdf5::Source::open(path)?;
        let root = source.root();
        let name = match &self.dataset {
            Some(name) => name.clone(),
            None => {
                let known = root.datasets()?;
                let found = BETAS.iter().find(|name| known.iter().any(|k| k == *name));
                (*found.ok_or_else(|| ImportError::NoKey {
                    path: path.to_owned(),
                    what: "betas",
                    tried: BETAS.join(", "),
                    found: known.join(", "),
                })?)
                .to_owned()
            }
        };
        let dataset = root.dataset(&name)?;
        let shape: Vec<usize> = dataset.shape().iter().map(|&n| n as usize).collect();
        let [x, y, z] = grid;
        let layout = match *shape.as_slice() {
            [a, b, c, d] => match ([a, b, c] == grid, [d, c, b] == grid) {
                (true, false) => Some((Betas::VoxelsFirst(name.clone()), d)),
                (false, true) => Some((Betas::TrialsFirst(name.clone()), a)),
                _ => None,
            },
            _ => None,
        };
        let Some((layout, trials)) = layout else {
            return Err(ImportError::Shape {
                path: path.to_owned(),
                found: format!("{shape:?} of {name}"),
                expected: format!(
                    "{x} × {y} × {z} × trials as the mask, or reversed as MATLAB writes it, and not both"
                ),
            });
        };
        recognised.push(format!(
            "{}: {name}, {trials} trials; HDF5 holds no affine, that of the mask is taken",
            path.display()
        ));
        Ok((layout, trials))
    }
}

fn stream(
    path: &Path,
    layout: &Betas,
    mask: &Mask,
    first: usize,
    sink: &mut Sink<'_>,
) -> Result<(), ImportError> {
    let row = |values: &[f32], at: usize, sink: &mut Sink<'_>| {
        let shape = (1, values.len());
        let row = ArrayView2::from_shape(shape, values).map_err(|_| StoreError::Shape {
            what: "voxels",
            found: 0,
            expected: values.len(),
        })?;
        sink.samples(at, row)
    };
    match layout {
        Betas::Nifti => {
            for (at, volume) in Reader::open(path)?.masked::<f32>(mask)?.enumerate() {
                row(&volume?, first + at, sink)?;
            }
            Ok(())
        }
        Betas::TrialsFirst(name) => {
            let source = hdf5::Source::open(path)?;
            let dataset = source.root().dataset(name)?;
            let size: usize = mask.grid().shape.iter().product();
            let mut own = vec![0.0_f32; mask.voxels().len()];
            dataset.for_each_block::<ImportError>(|start, block| {
                for (at, volume) in block.chunks_exact(size).enumerate() {
                    for (value, &voxel) in own.iter_mut().zip(mask.voxels()) {
                        *value = volume[voxel as usize] as f32;
                    }
                    row(&own, first + start as usize + at, sink)?;
                }
                Ok(())
            })
        }
        Betas::VoxelsFirst(name) => {
            let source = hdf5::Source::open(path)?;
            let dataset = source.root().dataset(name)?;
            let [x, y, z] = mask.grid().shape;
            let mut by_x: Vec<Vec<(usize, usize)>> = vec![Vec::new(); x];
            for (voxel, [i, j, k]) in mask.indices().enumerate() {
                by_x[i].push((j * z + k, voxel));
            }
            let mut planes = 0;
            let trials = dataset.shape().last().map_or(0, |&n| n as usize);
            dataset.for_each_block::<ImportError>(|start, block| {
                sink.goes_on()?;
                for (at, plane) in block.chunks_exact(y * z * trials).enumerate() {
                    for &(offset, voxel) in &by_x[start as usize + at] {
                        let values = &plane[offset * trials..(offset + 1) * trials];
                        sink.voxel(voxel, first, values.iter().map(|&v| v as f32))?;
                    }
                    // Progress is counted in samples; planes are what comes.
                    planes += 1;
                    let done = planes * trials / x - (planes - 1) * trials / x;
                    sink.run.progress.advance(done as u64);
                }
                Ok(())
            })
        }
    }
}
