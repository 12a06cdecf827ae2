//! Responses over grayordinates in CIFTI-2.

use std::path::{Path, PathBuf};

use emotome_neurofiles::cifti::{Axis, BrainModels, Part, Reader};
use ndarray::Array2;

use super::error::ImportError;
use super::events::{EventColumns, of_files};
use super::{Prepared, Sink, marked_synthetic};
use crate::regions::Hemisphere;
use crate::store::{Places, Regions};
use emotome_neurofiles::Millimetres;

/// Entries of affines differ by rounding, not by more.
const TOLERANCE: Millimetres = Millimetres(1e-3);

/// CIFTI-2 files (`.dtseries.nii`, `.dscalar.nii`) of the same grayordinates, with a table of events.
///
/// Surfaces must be those of the cortex; voxels may be of any structure. Every structure is also a region of the
/// store, so that tables of regions find the subcortical ones.
#[derive(Debug, Clone)]
pub struct CiftiSource {
    /// The responses, in order of presentation.
    pub responses: Vec<PathBuf>,
    /// One table for all samples, or one for each file of responses.
    pub events: Vec<PathBuf>,
    /// Columns of the events.
    pub columns: EventColumns,
}

impl CiftiSource {
    pub(super) fn prepare(&self) -> Result<Prepared<'_>, ImportError> {
        let mut recognised = Vec::new();
        let mut first: Option<BrainModels> = None;
        let mut counts = Vec::new();
        for path in &self.responses {
            let reader = Reader::open(path)?;
            let [samples, models] = reader.axes();
            let (Axis::Series(_) | Axis::Scalars(_), Axis::Models(models)) = (samples, models)
            else {
                return Err(ImportError::Grayordinates {
                    path: path.clone(),
                    what: "its axes are not series or maps of numbers over brain models; expected .dtseries.nii or .dscalar.nii".to_owned(),
                });
            };
            match &first {
                None => {
                    usable(path, models)?;
                    recognised.extend(absent(path, models));
                    first = Some(models.clone());
                }
                Some(first) => same(path, models, &self.responses[0], first)?,
            }
            counts.push((path.as_path(), samples.len()));
        }
        let Some(axis) = first else {
            return Err(ImportError::NoSource { what: "responses" });
        };
        let events = of_files(&counts, &self.events, &self.columns, &mut recognised)?;
        let mut inputs = self.responses.clone();
        inputs.extend(self.events.iter().cloned());
        let regions = regions(&axis);
        Ok(Prepared {
            places: Places::Grayordinates(axis),
            regions,
            events,
            inputs,
            recognised,
            synthetic: self.responses.iter().any(|path| marked_synthetic(path)),
            stream: Box::new(move |sink| {
                let mut before = 0;
                for (path, samples) in counts {
                    stream(path, samples, before, sink)?;
                    before += samples;
                }
                Ok(())
            }),
        })
    }
}

/// Hands the rows of a file over, each the samples of a grayordinate.
fn stream(
    path: &Path,
    samples: usize,
    first: usize,
    sink: &mut Sink<'_>,
) -> Result<(), ImportError> {
    let reader = Reader::open(path)?;
    let rows = reader.axes()[1].len();
    for (row, values) in reader.rows::<f32>()?.enumerate() {
        sink.goes_on()?;
        sink.voxel(row, first, values?.into_iter())?;
        // Progress is counted in samples; rows are what comes.
        let done = samples * (row + 1) / rows - samples * row / rows;
        sink.run.progress.advance(done as u64);
    }
    Ok(())
}

/// Refuses surfaces other than those of the cortex, and structures that come twice.
fn usable(path: &Path, axis: &BrainModels) -> Result<(), ImportError> {
    let wrong = |what: String| ImportError::Grayordinates {
        path: path.to_owned(),
        what,
    };
    for (at, model) in axis.models.iter().enumerate() {
        let name = &model.structure;
        let cortex = Hemisphere::of_cifti(name).is_some();
        if cortex != matches!(model.part, Part::Surface { .. }) {
            return Err(wrong(format!(
                "{name} is given as {}; expected vertices of the two cortices and voxels of other structures",
                if cortex { "voxels" } else { "a surface" }
            )));
        }
        if axis.models[..at]
            .iter()
            .any(|other| other.structure == *name)
        {
            return Err(wrong(format!(
                "{name} comes twice; expected each structure once"
            )));
        }
    }
    Ok(())
}

/// Which vertices of the cortices are not in a file.
fn absent<'a>(path: &'a Path, axis: &'a BrainModels) -> impl Iterator<Item = String> + 'a {
    axis.models.iter().filter_map(|model| match &model.part {
        Part::Surface { vertices, of } => Some(format!(
            "{}: {}: {} of {of} vertices, {} are not in the file (the medial wall, as a rule)",
            path.display(),
            model.structure,
            vertices.len(),
            *of as usize - vertices.len()
        )),
        Part::Voxels(_) => None,
    })
}

/// Refuses a file of other grayordinates than the first.
fn same(
    path: &Path,
    axis: &BrainModels,
    first: &Path,
    expected: &BrainModels,
) -> Result<(), ImportError> {
    let wrong = |what: String| ImportError::Grayordinates {
        path: path.to_owned(),
        what: format!(
            "{what} in {}: runs of one subject must share their grayordinates; nothing is resampled",
            first.display()
        ),
    };
    let (own, other) = (axis.models.len(), expected.models.len());
    if own != other {
        return Err(wrong(format!("{own} structures, but {other}")));
    }
    let size = |part: &Part| match part {
        Part::Surface { vertices, of } => format!("{} of {of} vertices", vertices.len()),
        Part::Voxels(voxels) => format!("{} voxels", voxels.len()),
    };
    for (a, b) in axis.models.iter().zip(&expected.models) {
        if a.structure != b.structure || size(&a.part) != size(&b.part) {
            return Err(wrong(format!(
                "{} with {}, but {} with {}",
                a.structure,
                size(&a.part),
                b.structure,
                size(&b.part)
            )));
        }
        if a.part != b.part {
            return Err(wrong(format!("{} has other indices than", a.structure)));
        }
    }
    if let (Some(grid), Some(other)) = (axis.volume, expected.volume) {
        grid.same_as(&other, TOLERANCE)
            .map_err(|mismatch| ImportError::Grid {
                data: path.to_owned(),
                mask: first.to_owned(),
                mismatch: Box::new(mismatch),
            })?;
    }
    Ok(())
}

/// A region for each structure.
fn regions(axis: &BrainModels) -> Regions {
    let rows = axis.models.iter().map(|model| model.part.len()).sum();
    let mut members = Array2::default((axis.models.len(), rows));
    for (model, mut row) in axis.models.iter().zip(members.outer_iter_mut()) {
        let own = model.offset..model.offset + model.part.len();
        row.slice_mut(ndarray::s![own]).fill(true);
    }
    Regions {
        names: axis.models.iter().map(|m| m.structure.clone()).collect(),
        members,
    }
}
