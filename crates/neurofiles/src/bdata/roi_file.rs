//! The files of one region: `braindat` and `metainf`, MATLAB version 7.3.

use std::path::{Path, PathBuf};

use crate::hdf5::{Dataset, Element, Hdf5Error, Source};
use crate::matlab::{self, MatlabError, Value};

/// Why a file of one region cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RoiFileError {
    /// The HDF5 file below cannot be read.
    #[error(transparent)]
    Hdf5(#[from] Hdf5Error),
    /// The MATLAB file below cannot be read.
    #[error(transparent)]
    Matlab(#[from] MatlabError),
    /// The file is of another layout.
    #[error(
        "{path}: {what}; expected numbers braindat (samples × voxels) and a struct metainf that describes them, saved \
         by MATLAB with -v7.3",
        path = path.display()
    )]
    Layout {
        /// The file.
        path: PathBuf,
        /// What is missing or does not fit.
        what: String,
    },
}

/// What `metainf` says of the samples and voxels; `roiname_used` and `roiname_excluded` are not read.
#[derive(Debug, Clone, PartialEq)]
pub struct RoiInfo {
    /// Where each voxel lies, in millimetres (`xyz`).
    pub positions: Vec<[f64; 3]>,
    /// The voxels of each region, ascending, in the order of the file (`roiname`, `roiind_value`).
    pub regions: Vec<(String, Vec<usize>)>,
    /// The session of each sample.
    pub session: Vec<f64>,
    /// The run of each sample.
    pub run: Vec<f64>,
    /// The block of each sample.
    pub block: Vec<f64>,
    /// What each kind of label, such as `stimID`, says of each sample (`label_type`, `Label`).
    pub labels: Vec<(String, Vec<f64>)>,
}

/// Responses of one region of one subject, as the release of 2020 stores them; they are read voxel by voxel.
///
/// ```no_run
/// use emotome_neurofiles::bdata::{RoiFile, RoiFileError};
/// let file = RoiFile::open("Subject1_hcp180_V1.mat")?;
/// let stimulus = &file.info().labels[0].1;
/// file.for_each_voxel(|voxel, responses| {
///     assert_eq!(responses.len(), stimulus.len());
///     Ok::<_, RoiFileError>(())
/// })?;
/// # Ok::<(), RoiFileError>(())
/// ```
#[derive(Debug)]
pub struct RoiFile {
    source: Source,
    samples: usize,
    info: RoiInfo,
}

impl RoiFile {
    /// Opens a file and reads `metainf`.
    ///
    /// # Errors
    ///
    /// [`RoiFileError::Layout`] also if `metainf` describes other samples or voxels than `braindat` holds.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, RoiFileError> {
        let path = path.as_ref();
        if !Source::recognises(path)? {
            return Err(layout(path, "it is no HDF5".into()));
        }
        let source = Source::open(path)?;
        let responses = responses(&source)?;
        let &[voxels, samples] = responses.shape() else {
            return Err(responses.kind("samples × voxels").into());
        };
        if !matches!(responses.element(), Element::Float(_) | Element::Int { .. }) {
            return Err(responses.kind("numbers").into());
        }
        let shape = (usize::try_from(samples), usize::try_from(voxels));
        let (Ok(samples), Ok(voxels)) = shape else {
            return Err(responses.kind("samples × voxels in memory").into());
        };
        drop(responses);
        let value = &matlab::read_variable(path, "metainf")?;
        let info = Described { path, value }.info(samples, voxels)?;
        if info.positions.len() != voxels {
            let what = format!(
                "positions of {} voxels, responses of {voxels}",
                info.positions.len()
            );
            return Err(layout(path, what));
        }
        Ok(Self {
            source,
            samples,
            info,
        })
    }

    /// How many samples there are.
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// How many voxels there are.
    pub fn voxels(&self) -> usize {
        self.info.positions.len()
    }

    /// What the file says of its samples and voxels.
    pub fn info(&self) -> &RoiInfo {
        &self.info
    }

    /// Hands over the responses of each voxel, in order: its index, and one number per sample.
    ///
    /// Holds about 32 MB, or the voxels that share a chunk if that is more.
    ///
    /// # Errors
    ///
    /// [`RoiFileError::Hdf5`], and what `visit` returns.
    pub fn for_each_voxel<E: From<RoiFileError>>(
        &self,
        mut visit: impl FnMut(usize, &[f64]) -> Result<(), E>,
    ) -> Result<(), E> {
        enum Passed<E> {
            File(Hdf5Error),
            Visitor(E),
        }
        impl<E> From<Hdf5Error> for Passed<E> {
            fn from(error: Hdf5Error) -> Self {
                Self::File(error)
            }
        }
        if self.samples == 0 {
            return Ok(());
        }
        let responses = responses(&self.source).map_err(RoiFileError::from)?;
        let read = responses.for_each_block(|start, block| {
            for (voxel, own) in (start as usize..).zip(block.chunks_exact(self.samples)) {
                visit(voxel, own).map_err(Passed::Visitor)?;
            }
            Ok(())
        });
        read.map_err(|passed| match passed {
            Passed::File(error) => RoiFileError::from(error).into(),
            Passed::Visitor(error) => error,
        })
    }
}

fn responses(source: &Source) -> Result<Dataset<'_>, Hdf5Error> {
    source.root().dataset("braindat")
}

fn layout(path: &Path, what: String) -> RoiFileError {
    RoiFileError::Layout {
        path: path.to_owned(),
        what,
    }
}

struct Described<'a> {
    path: &'a Path,
    value: &'a Value,
}

impl Described<'_> {
    fn info(&self, samples: usize, voxels: usize) -> Result<RoiInfo, RoiFileError> {
        let positions = self.matrix("xyz", [3, voxels])?;
        let names = self.texts("roiname")?;
        let member = self.matrix("roiind_value", [names.len(), voxels])?;
        let regions = names.into_iter().enumerate();
        let count = regions.len();
        let voxels_of = |region| {
            let member = member.iter().skip(region).step_by(count).enumerate();
            let inside = member.filter(|(_, member)| **member != 0.0);
            inside.map(|(voxel, _)| voxel).collect()
        };
        let kinds = self.texts("label_type")?;
        let labels = self.matrix("Label", [samples, kinds.len()])?;
        let label = |(kind, name)| {
            let own = labels[kind * samples..][..samples].to_vec();
            (name, own)
        };
        Ok(RoiInfo {
            positions: positions.as_chunks::<3>().0.to_vec(),
            regions: regions.map(|(r, name)| (name, voxels_of(r))).collect(),
            session: self.matrix("Session", [samples, 1])?.to_vec(),
            run: self.matrix("Run", [samples, 1])?.to_vec(),
            block: self.matrix("Block", [samples, 1])?.to_vec(),
            labels: kinds.into_iter().enumerate().map(label).collect(),
        })
    }

    fn field(&self, name: &str) -> Result<&Value, RoiFileError> {
        let field = self.value.scalar_field(name);
        field.ok_or_else(|| layout(self.path, format!("metainf has no {name}")))
    }

    fn texts(&self, name: &str) -> Result<Vec<String>, RoiFileError> {
        let texts = self.field(name)?.texts();
        texts.ok_or_else(|| layout(self.path, format!("metainf.{name} holds no texts")))
    }

    /// The numbers of a field, the first dimension fastest; a row does for a column.
    fn matrix(&self, name: &str, expected: [usize; 2]) -> Result<&[f64], RoiFileError> {
        let field = self.field(name)?;
        let numbers = field.numbers().filter(|numbers| {
            let [rows, columns] = expected;
            let turned = columns == 1 && numbers.dims == [1, rows];
            numbers.dims == expected || turned
        });
        let numbers = numbers.ok_or_else(|| {
            let [rows, columns] = expected;
            let what = format!(
                "metainf.{name} is of {:?}, not {rows} × {columns} numbers",
                field.dims()
            );
            layout(self.path, what)
        })?;
        Ok(&numbers.re)
    }
}
