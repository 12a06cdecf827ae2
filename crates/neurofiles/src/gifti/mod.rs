//! GIFTI: surfaces and data on their vertices.
//!
//! ```
//! use emotome_neurofiles::gifti::{Gifti, Surface, read_surface};
//! use emotome_stimuli::output::Overwrite;
//! let dir = tempfile::tempdir()?;
//! let path = dir.path().join("hemi-L_white.surf.gii");
//! let points = vec![[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]];
//! let surface = Surface { points, triangles: vec![[0, 1, 2]] };
//! Gifti::from_surface(&surface, Some("CortexLeft")).write(&path, Overwrite::Refuse)?;
//! assert_eq!(read_surface(&path)?, surface);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub(crate) mod read;
mod surface;
pub(crate) mod write;
pub(crate) mod xml;

use std::path::PathBuf;

pub use crate::nifti::ImageError;
pub use surface::{Surface, read_surface};

/// What the numbers of an array are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Intent {
    /// Not said.
    #[default]
    None,
    /// Places of vertices, in millimetres.
    Pointset,
    /// Three vertices of each triangle.
    Triangle,
    /// Keys of the label table.
    Label,
    /// A measure of shape.
    Shape,
    /// A point in time.
    TimeSeries,
    /// Another, by its name in NIfTI.
    Other(String),
}

/// Numbers in row-major order.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "named as in Rust")]
pub enum Values {
    U8(Vec<u8>),
    I32(Vec<i32>),
    F32(Vec<f32>),
    F64(Vec<f64>),
}

impl Values {
    /// How many.
    pub fn len(&self) -> usize {
        match self {
            Self::U8(v) => v.len(),
            Self::I32(v) => v.len(),
            Self::F32(v) => v.len(),
            Self::F64(v) => v.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All as `f64`, which holds every one exactly.
    pub fn to_f64(&self) -> Vec<f64> {
        match self {
            Self::U8(v) => v.iter().map(|&v| v.into()).collect(),
            Self::I32(v) => v.iter().map(|&v| v.into()).collect(),
            Self::F32(v) => v.iter().map(|&v| v.into()).collect(),
            Self::F64(v) => v.clone(),
        }
    }
}

/// A transform from one space to another.
#[derive(Debug, Clone, PartialEq)]
pub struct Transform {
    /// The space of the points.
    pub from: String,
    /// The space that the matrix leads to.
    pub to: String,
    /// x′ = A·(x, y, z, 1).
    pub matrix: [[f64; 4]; 4],
}

/// A name and colour for a key.
#[derive(Debug, Clone, PartialEq)]
pub struct Label {
    /// The number that stands for it.
    pub key: i32,
    /// Its name.
    pub name: String,
    /// Red, green, blue and opacity, 0 to 1.
    pub rgba: [f32; 4],
}

/// An array of a GIFTI.
#[derive(Debug, Clone, PartialEq)]
pub struct DataArray {
    /// What it is.
    pub intent: Intent,
    /// Its shape, one axis or more.
    pub shape: Vec<usize>,
    /// Its elements.
    pub values: Values,
    /// Names and values, in order.
    pub meta: Vec<(String, String)>,
    /// Transforms of points.
    pub transforms: Vec<Transform>,
}

/// A GIFTI file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Gifti {
    /// The file it was read from, which errors name.
    pub source: PathBuf,
    /// Names and values, in order.
    pub meta: Vec<(String, String)>,
    /// The label table.
    pub labels: Vec<Label>,
    /// The arrays, in order.
    pub arrays: Vec<DataArray>,
}

const INTENTS: [(Intent, &str); 6] = [
    (Intent::None, "NIFTI_INTENT_NONE"),
    (Intent::Pointset, "NIFTI_INTENT_POINTSET"),
    (Intent::Triangle, "NIFTI_INTENT_TRIANGLE"),
    (Intent::Label, "NIFTI_INTENT_LABEL"),
    (Intent::Shape, "NIFTI_INTENT_SHAPE"),
    (Intent::TimeSeries, "NIFTI_INTENT_TIME_SERIES"),
];
