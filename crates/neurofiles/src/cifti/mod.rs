//! CIFTI-2: matrices over grayordinates, series, scalars, labels and parcels.
//!
//! A matrix has two axes. The second is that of grayordinates or parcels in every map; the first, of scalars, labels or
//! points in time, runs fastest in the file. So the file is a sequence of [rows](Reader::rows), one for each element of
//! the second axis, and nibabel's array is `[first axis, second axis]`, as is that of [`Reader::read`].
//!
//! ```
//! use emotome_neurofiles::cifti::{Axis, BrainModel, BrainModels, Map, Part, Reader, write};
//! use emotome_stimuli::output::Overwrite;
//! use ndarray::array;
//! let dir = tempfile::tempdir()?;
//! let path = dir.path().join("map.dscalar.nii");
//! let part = Part::Surface { vertices: vec![0, 2], of: 3 };
//! let left = BrainModel { structure: "CIFTI_STRUCTURE_CORTEX_LEFT".into(), offset: 0, part };
//! let models = BrainModels { models: vec![left], volume: None };
//! let axes = [Axis::Scalars(vec![Map::named("rsa")]), Axis::Models(models)];
//! write(&path, Overwrite::Refuse, &axes, array![[0.25_f32, 0.5]].view())?;
//!
//! let reader = Reader::open(&path)?;
//! assert_eq!(reader.axes(), &axes);
//! assert_eq!(reader.read::<f32>()?, array![[0.25, 0.5]]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod axes;
mod reader;
mod write;

use crate::gifti::Label;
use crate::grid::Grid;

pub use crate::nifti::ImageError;
pub use reader::Reader;
pub use write::write;

/// What the elements along an axis are.
#[derive(Debug, Clone, PartialEq)]
pub enum Axis {
    /// Grayordinates.
    Models(BrainModels),
    /// Parcels of grayordinates.
    Parcels(Parcels),
    /// Maps of numbers.
    Scalars(Vec<Map>),
    /// Maps of labels.
    Labels(Vec<LabelMap>),
    /// Equal steps.
    Series(Series),
}

impl Axis {
    /// Elements along it.
    pub fn len(&self) -> usize {
        match self {
            Self::Models(axis) => axis.models.iter().map(|model| model.part.len()).sum(),
            Self::Parcels(axis) => axis.parcels.len(),
            Self::Scalars(maps) => maps.len(),
            Self::Labels(maps) => maps.len(),
            Self::Series(series) => series.count,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Grayordinates: vertices of surfaces and voxels of a volume.
#[derive(Debug, Clone, PartialEq)]
pub struct BrainModels {
    /// One after another, without gaps.
    pub models: Vec<BrainModel>,
    /// The volume of the voxels; there is one if there are voxels.
    pub volume: Option<Grid>,
}

/// The grayordinates of a structure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrainModel {
    /// Its name, such as `CIFTI_STRUCTURE_CORTEX_LEFT`.
    pub structure: String,
    /// Where it begins along the axis.
    pub offset: usize,
    /// Its grayordinates.
    pub part: Part,
}

/// Some vertices of a surface, or some voxels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Vertices, each once, of a surface of `of`.
    Surface {
        /// The vertices.
        vertices: Vec<u32>,
        /// Vertices of the whole surface.
        of: u32,
    },
    /// Indices of voxels.
    Voxels(Vec<[u32; 3]>),
}

impl Part {
    /// How many.
    pub fn len(&self) -> usize {
        match self {
            Self::Surface { vertices, .. } => vertices.len(),
            Self::Voxels(voxels) => voxels.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Parcels, and the surfaces and volume that they are parts of.
#[derive(Debug, Clone, PartialEq)]
pub struct Parcels {
    /// The parcels.
    pub parcels: Vec<Parcel>,
    /// The structure of each surface and its number of vertices.
    pub surfaces: Vec<(String, u32)>,
    /// The volume of the voxels; there is one if there are voxels.
    pub volume: Option<Grid>,
}

/// A parcel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// Its name.
    pub name: String,
    /// Its vertices on each structure.
    pub vertices: Vec<(String, Vec<u32>)>,
    /// Its voxels.
    pub voxels: Vec<[u32; 3]>,
}

/// A named map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Map {
    /// Its name.
    pub name: String,
    /// Names and values, in order.
    pub meta: Vec<(String, String)>,
}

impl Map {
    /// A map without metadata.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            meta: Vec::new(),
        }
    }
}

/// A named map of labels.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelMap {
    /// Its name and metadata.
    pub map: Map,
    /// What its numbers stand for.
    pub labels: Vec<Label>,
}

/// Equal steps from a start.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// The first value.
    pub start: f64,
    /// From one to the next.
    pub step: f64,
    /// `SECOND`, `HERTZ`, `METER` or `RADIAN`.
    pub unit: String,
    /// How many.
    pub count: usize,
}
