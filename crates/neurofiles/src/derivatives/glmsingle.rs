//! Single-trial betas of GLMsingle: `TYPEA_ONOFF` to `TYPED_FITHRF_GLMDENOISE_RR`, as `.hdf5` or `.mat` (7.3).
//!
//! Types C and D choose their denoising over repeats of stimuli; without repeats, type B is the one to read.

use std::path::{Path, PathBuf};

use crate::bdata::Tile;
use crate::hdf5::{Dataset, Hdf5Error, Source};

/// How far the model goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// One canonical response for all trials: holds one beta, not one a trial.
    OnOff,
    /// A response function fitted to each voxel.
    FitHrf,
    /// And regressors of noise.
    Denoised,
    /// And ridge regression.
    Ridge,
}

const NAMES: [(&str, Stage); 4] = [
    ("TYPEA_ONOFF", Stage::OnOff),
    ("TYPEB_FITHRF", Stage::FitHrf),
    ("TYPEC_FITHRF_GLMDENOISE", Stage::Denoised),
    ("TYPED_FITHRF_GLMDENOISE_RR", Stage::Ridge),
];
const FIELDS: [&str; 2] = ["betasmd", "modelmd"];

/// Why betas cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GlmSingleError {
    /// The HDF5 file below cannot be read.
    #[error(transparent)]
    Hdf5(#[from] Hdf5Error),
    /// The name is none of GLMsingle's.
    #[error(
        "{path}: no output of GLMsingle by its name; expected such as TYPEB_FITHRF.hdf5 or TYPEB_FITHRF.mat",
        path = path.display()
    )]
    Name {
        /// The file.
        path: PathBuf,
    },
    /// A pickled dictionary of Python.
    #[error(
        "{path}: holds a pickled Python dictionary, which can run any code when read and is therefore refused; \
         where GLMsingle ran, export the betas:\n  import numpy, h5py\n  \
         r = numpy.load({name:?}, allow_pickle=True).item()\n  \
         h5py.File({target:?}, \"w\")[\"betasmd\"] = r[\"betasmd\"]",
        path = path.display()
    )]
    Pickled {
        /// The file.
        path: PathBuf,
        /// Its name.
        name: String,
        /// The name to export to.
        target: String,
    },
    /// The betas are of no shape of GLMsingle's.
    #[error("{path}: betas of shape {shape:?}; expected X × Y × Z × trials, or voxels × trials", path = path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// The shape.
        shape: Vec<u64>,
    },
}

/// The stage and form of a file by its name; none if it is no output of GLMsingle.
///
/// # Errors
///
/// [`GlmSingleError::Pickled`] for `.npy`, with the three lines that export it.
pub fn recognise(path: impl AsRef<Path>) -> Result<Option<Stage>, GlmSingleError> {
    let path = path.as_ref();
    let (Some(name), Some(stem), Some(extension)) = (
        path.file_name().and_then(|name| name.to_str()),
        path.file_stem().and_then(|stem| stem.to_str()),
        path.extension().and_then(|extension| extension.to_str()),
    ) else {
        return Ok(None);
    };
    let stage = NAMES.iter().find(|(known, _)| *known == stem);
    match (stage, extension) {
        (Some((_, stage)), "hdf5" | "h5" | "mat") => Ok(Some(*stage)),
        (Some(_), "npy") => Err(GlmSingleError::Pickled {
            path: path.to_owned(),
            name: name.to_owned(),
            target: format!("{stem}.hdf5"),
        }),
        _ => Ok(None),
    }
}

/// An open file of betas, percent of signal change.
#[derive(Debug)]
pub struct Betas {
    source: Source,
    stage: Stage,
    field: &'static str,
    /// X, Y, Z, or the number of voxels alone.
    space: Vec<usize>,
    trials: usize,
    of_matlab: bool,
}

impl Betas {
    /// Opens a file by its name.
    ///
    /// # Errors
    ///
    /// [`GlmSingleError`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, GlmSingleError> {
        let path = path.as_ref();
        let stage = recognise(path)?.ok_or_else(|| GlmSingleError::Name {
            path: path.to_owned(),
        })?;
        let source = Source::open(path)?;
        let names = source.root().datasets()?;
        let has = |field: &&&str| names.iter().any(|name| name == **field);
        let field = *FIELDS.iter().find(has).unwrap_or(&FIELDS[0]);
        let dataset = source.root().dataset(field)?;
        let of_matlab = dataset.attributes()?.contains_key("MATLAB_class");
        let shape = || GlmSingleError::Shape {
            path: path.to_owned(),
            shape: dataset.shape().to_vec(),
        };
        let sizes = dataset.shape().iter().map(|&size| usize::try_from(size));
        let mut sizes: Vec<usize> = sizes.collect::<Result<_, _>>().map_err(|_| shape())?;
        if of_matlab {
            sizes.reverse();
        }
        let countable = sizes
            .iter()
            .try_fold(1usize, |n, &size| n.checked_mul(size));
        let trials = sizes
            .pop()
            .filter(|_| matches!(sizes.len(), 1 | 3) && countable.is_some());
        let trials = trials.ok_or_else(shape)?;
        drop(dataset);
        Ok(Self {
            source,
            stage,
            field,
            space: sizes,
            trials,
            of_matlab,
        })
    }

    /// How far the model went.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// X, Y and Z, or the number of voxels alone.
    pub fn space(&self) -> &[usize] {
        &self.space
    }

    /// Trials, in the order of the experiment.
    pub fn trials(&self) -> usize {
        self.trials
    }

    /// Whether voxels are numbered with X fastest, as in NIfTI (files of MATLAB), or with Z fastest (files of Python).
    pub fn x_fastest(&self) -> bool {
        self.of_matlab
    }

    /// A companion such as `R2`, `meanvol`, `HRFindex`, `noisepool` or `FRACvalue`, in storage order.
    ///
    /// # Errors
    ///
    /// [`Hdf5Error::Missing`] with the fields that are there.
    pub fn companion(&self, field: &str) -> Result<Vec<f64>, Hdf5Error> {
        self.source.root().dataset(field)?.read_f64()
    }

    /// Hands over all betas as float32: `sample` counts trials, `column` voxels as [`Betas::x_fastest`] says.
    ///
    /// # Errors
    ///
    /// [`GlmSingleError::Hdf5`], and what `visit` returns.
    pub fn for_each_tile<E: From<GlmSingleError>>(
        &self,
        mut visit: impl FnMut(Tile<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let voxels: usize = self.space.iter().product();
        let trials = self.trials;
        if voxels == 0 || trials == 0 {
            return Ok(());
        }
        let dataset: Dataset<'_> = self
            .source
            .root()
            .dataset(self.field)
            .map_err(GlmSingleError::from)?;
        // What a row of storage is: a trial of MATLAB's, a slab of voxels of Python's.
        let slab = if self.of_matlab {
            1
        } else {
            voxels / self.space[0]
        };
        let mut tile = Vec::new();
        let mut stopped = Ok(());
        let streamed = dataset.for_each_block::<Hdf5Error>(|start, block| {
            if stopped.is_err() {
                return Ok(());
            }
            let start = start as usize * slab;
            tile.clear();
            let (sample, column, samples, columns) = if self.of_matlab {
                tile.extend(block.iter().map(|&beta| beta as f32));
                (start, 0, block.len() / voxels, voxels)
            } else {
                let columns = block.len() / trials;
                for trial in 0..trials {
                    let betas = block.iter().skip(trial).step_by(trials);
                    tile.extend(betas.map(|&beta| beta as f32));
                }
                (0, start, trials, columns)
            };
            stopped = visit(Tile {
                sample,
                column,
                samples,
                columns,
                values: &tile,
            });
            Ok(())
        });
        streamed.map_err(GlmSingleError::from)?;
        stopped
    }
}
