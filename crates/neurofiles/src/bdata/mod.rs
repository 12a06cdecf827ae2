//! Responses as the Kamitani laboratory's BData: samples × columns, with the columns selected by keys.
//!
//! Read are HDF5 files of bdpy (`dataset`, `metadata`, `vmap`), those with the older capitals (`dataSet`,
//! `metaData`), those that MATLAB wrote (transposed, keys in cells; version 7.3) and the legacy struct of MATLAB 5
//! to 7. `header` is not read. Checked against bdpy 0.26; the language of selections is in [`Selection`]. What is
//! stored of one region alone is a [`RoiFile`].
//!
//! ```no_run
//! use emotome_neurofiles::bdata::{BData, BDataError};
//! let file = BData::open("fmri_Subject1.h5")?;
//! let voxels = file.select("Cortex - (hcp180_r_lh.L_V1_ROI + hcp180_r_rh.R_V1_ROI)")?;
//! let runs = file.named(&["Run"])?.remove(0);
//! file.for_each_tile(&voxels, |tile| {
//!     println!("{} samples of {} voxels from ({}, {})", tile.samples, tile.columns, tile.sample, tile.column);
//!     Ok::<_, BDataError>(())
//! })?;
//! # Ok::<(), BDataError>(())
//! ```

mod legacy;
mod metadata;
mod open;
mod regions;
mod roi_file;
mod selection;
mod successive;
mod writer;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use metadata::Metadata;
pub use regions::{RegionError, RegionKeys, region_sets};
pub use roi_file::{RoiFile, RoiFileError, RoiInfo};
pub use selection::{Selection, SelectionError};
pub use successive::{NotSuccessive, successive};
pub use writer::write;

use crate::hdf5::{Hdf5Error, Source};
use crate::matlab::MatlabError;

/// Why a BData file cannot be read, or what was asked of it cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BDataError {
    /// The HDF5 file below cannot be read or written.
    #[error(transparent)]
    Hdf5(#[from] Hdf5Error),
    /// The MATLAB file below cannot be read.
    #[error(transparent)]
    Matlab(#[from] MatlabError),
    /// A selection does not parse, or names no key.
    #[error("{path}: {source}", path = path.display())]
    Selection {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<SelectionError>,
    },
    /// The file is no BData.
    #[error("{path}: no BData: {what}; expected dataset, and metadata with key, description and value", path = path.display())]
    Layout {
        /// The file.
        path: PathBuf,
        /// What is missing or does not fit.
        what: String,
    },
    /// The dataset is one of bdpy's sparse arrays.
    #[error(
        "{path}: {object} is a sparse array of bdpy, which holds features, not responses; write it densely: \
         bdpy.save_array(FILE, bdpy.load_array(OLD), sparse=False)",
        path = path.display()
    )]
    Sparse {
        /// The file.
        path: PathBuf,
        /// The group.
        object: String,
    },
    /// A key names another number of columns than expected.
    #[error("{path}: key {key:?} names {found} columns; expected {expected}", path = path.display())]
    Columns {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// Columns it names.
        found: usize,
        /// Columns expected.
        expected: &'static str,
    },
    /// A column past the last.
    #[error("{path}: column {column} of {columns} asked for", path = path.display())]
    NoColumn {
        /// The file.
        path: PathBuf,
        /// The column.
        column: usize,
        /// Columns there are.
        columns: usize,
    },
    /// The samples' values cannot be named.
    #[error(
        "{path}: sample {sample}: {key} is {value}, for which /vmap/{key} has no label",
        path = path.display()
    )]
    Unlabelled {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// The first sample without label, from 0.
        sample: usize,
        /// Its value.
        value: f64,
    },
}

/// Labels by value: those of `/vmap/KEY`, ascending.
pub type ValueLabels = Vec<(f64, String)>;

/// An open BData file; of the responses only what is asked for is read.
#[derive(Debug)]
pub struct BData {
    path: PathBuf,
    metadata: Metadata,
    vmap: BTreeMap<String, ValueLabels>,
    samples: usize,
    store: Store,
}

#[derive(Debug)]
enum Store {
    /// The dataset of this name, samples × columns or (transposed) columns × samples.
    Hdf5 {
        source: Box<Source>,
        name: String,
        transposed: bool,
    },
    /// Column after column.
    Memory(Vec<f64>),
}

/// Some samples of some selected columns.
#[derive(Debug, Clone, Copy)]
pub struct Tile<'a> {
    /// The first sample.
    pub sample: usize,
    /// The first column, as a position in the selection.
    pub column: usize,
    /// How many samples.
    pub samples: usize,
    /// How many columns.
    pub columns: usize,
    /// Sample after sample: `values[s * columns + c]`.
    pub values: &'a [f32],
}

impl BData {
    /// Opens a file and reads what it says of its columns.
    ///
    /// # Errors
    ///
    /// [`BDataError::Layout`] for what is no BData, [`BDataError::Sparse`], and what HDF5 and MATLAB files say.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, BDataError> {
        open::open(path.as_ref())
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many samples there are.
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// What the file says of its columns.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Labels of the values of a key; none if it has none.
    pub fn value_labels(&self, key: &str) -> Option<&ValueLabels> {
        self.vmap.get(key)
    }

    /// Keys whose values have labels.
    pub fn labelled_keys(&self) -> impl Iterator<Item = &str> {
        self.vmap.keys().map(String::as_str)
    }

    /// The columns that a selection names, ascending.
    ///
    /// # Errors
    ///
    /// [`BDataError::Selection`].
    pub fn select(&self, selection: &str) -> Result<Vec<usize>, BDataError> {
        let columns = selection
            .parse::<Selection>()
            .and_then(|selection| selection.columns(&self.metadata));
        columns.map_err(|source| BDataError::Selection {
            path: self.path.clone(),
            source: Box::new(source),
        })
    }

    /// The values of columns for every sample, in one pass over the file.
    ///
    /// # Errors
    ///
    /// [`BDataError::NoColumn`], [`BDataError::Hdf5`].
    pub fn columns(&self, columns: &[usize]) -> Result<Vec<Vec<f64>>, BDataError> {
        // The samples of a column come in order; they grow, for a damaged file may claim any number.
        let mut read = vec![Vec::new(); columns.len()];
        self.visit(columns, |_, column, width, values| {
            for row in values.chunks_exact(width) {
                for (own, &value) in read[column..].iter_mut().zip(row) {
                    own.push(value);
                }
            }
            Ok::<_, BDataError>(())
        })?;
        Ok(read)
    }

    /// The column of each key that names one, such as `Run`, in one pass over the file.
    ///
    /// # Errors
    ///
    /// [`BDataError::Selection`] if there is no such key, [`BDataError::Columns`] if it names none or several.
    pub fn named(&self, keys: &[&str]) -> Result<Vec<Vec<f64>>, BDataError> {
        let column = |key: &&str| {
            let selection = Selection::key(key).columns(&self.metadata);
            let columns = selection.map_err(|source| BDataError::Selection {
                path: self.path.clone(),
                source: Box::new(source),
            })?;
            match columns.as_slice() {
                &[column] => Ok(column),
                _ => Err(BDataError::Columns {
                    path: self.path.clone(),
                    key: (*key).to_owned(),
                    found: columns.len(),
                    expected: "one",
                }),
            }
        };
        let columns: Result<Vec<usize>, BDataError> = keys.iter().map(column).collect();
        self.columns(&columns?)
    }

    /// The label of every sample by a key with value labels, such as `stimulus_name`; none (bdpy: `n/a`) for NaN.
    ///
    /// # Errors
    ///
    /// As [`BData::named`]; [`BDataError::Unlabelled`]; [`BDataError::Layout`] if the key has no labels.
    pub fn labels(&self, key: &str) -> Result<Vec<Option<String>>, BDataError> {
        let labels = self.vmap.get(key).ok_or_else(|| BDataError::Layout {
            path: self.path.clone(),
            what: format!("there is no /vmap/{key}"),
        })?;
        let values = self.named(&[key])?.remove(0);
        let label = |(sample, &value): (usize, &f64)| {
            if value.is_nan() {
                return Ok(None);
            }
            let found = labels.binary_search_by(|(known, _)| known.total_cmp(&value));
            match found {
                Ok(at) => Ok(Some(labels[at].1.clone())),
                Err(_) => Err(BDataError::Unlabelled {
                    path: self.path.clone(),
                    key: key.to_owned(),
                    sample,
                    value,
                }),
            }
        };
        values.iter().enumerate().map(label).collect()
    }

    /// What the three keys `PREFIXx`, `PREFIXy` and `PREFIXz` (or i, j, k) hold for each column; none if one is
    /// missing.
    ///
    /// `"voxel_"` with `["x", "y", "z"]` gives millimetres, with `["i", "j", "k"]` indices of the grid.
    pub fn coordinates(
        &self,
        prefix: &str,
        axes: [&str; 3],
        columns: &[usize],
    ) -> Option<Vec<[f64; 3]>> {
        let mut keys = [0; 3];
        for (key, axis) in keys.iter_mut().zip(axes) {
            *key = self.metadata.position(&format!("{prefix}{axis}"))?;
        }
        let columns = columns
            .iter()
            .filter(|&&column| column < self.metadata.columns());
        let read = columns.map(|&column| keys.map(|key| self.metadata.value(key, column)));
        Some(read.collect())
    }

    /// Hands over the selected columns as float32, every sample of every column in exactly one tile.
    ///
    /// A file of bdpy gives all columns of some samples at a time, one that MATLAB wrote all samples of some columns;
    /// about 64 MB are held, or what shares a row of chunks if that is more.
    ///
    /// # Errors
    ///
    /// [`BDataError::NoColumn`], [`BDataError::Hdf5`], and what `visit` returns.
    pub fn for_each_tile<E: From<BDataError>>(
        &self,
        columns: &[usize],
        mut visit: impl FnMut(Tile<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut single = Vec::new();
        self.visit(columns, |sample, column, width, values| {
            single.clear();
            single.extend(values.iter().map(|&value| value as f32));
            visit(Tile {
                sample,
                column,
                samples: values.len() / width.max(1),
                columns: width,
                values: &single,
            })
        })
    }

    /// As [`BData::for_each_tile`], with first sample, first column, columns, and float64.
    fn visit<E: From<BDataError>>(
        &self,
        columns: &[usize],
        mut visit: impl FnMut(usize, usize, usize, &[f64]) -> Result<(), E>,
    ) -> Result<(), E> {
        let width = self.metadata.columns();
        if let Some(&column) = columns.iter().find(|&&column| column >= width) {
            return Err(E::from(BDataError::NoColumn {
                path: self.path.clone(),
                column,
                columns: width,
            }));
        }
        if columns.is_empty() || self.samples == 0 {
            return Ok(());
        }
        let samples = self.samples;
        let mut tile = Vec::new();
        match &self.store {
            Store::Memory(values) => {
                for (at, &column) in columns.iter().enumerate() {
                    visit(0, at, 1, &values[column * samples..(column + 1) * samples])?;
                }
                Ok(())
            }
            Store::Hdf5 {
                source,
                name,
                transposed: false,
            } => {
                let dataset = source.root().dataset(name).map_err(BDataError::from)?;
                let all =
                    columns.len() == width && columns.iter().enumerate().all(|(i, &c)| i == c);
                let visited = dataset.for_each_block::<Passed<E>>(|start, block| {
                    let block = if all {
                        block
                    } else {
                        tile.clear();
                        for row in block.chunks_exact(width) {
                            tile.extend(columns.iter().map(|&column| row[column]));
                        }
                        &tile
                    };
                    visit(start as usize, 0, columns.len(), block).map_err(Passed::Visitor)
                });
                visited.map_err(Passed::into_error)
            }
            Store::Hdf5 {
                source,
                name,
                transposed: true,
            } => {
                let dataset = source.root().dataset(name).map_err(BDataError::from)?;
                let mut wanted: Vec<(usize, usize)> =
                    columns.iter().enumerate().map(|(at, &c)| (c, at)).collect();
                wanted.sort_unstable();
                let mut next = wanted.into_iter().peekable();
                let visited = dataset.for_each_block::<Passed<E>>(|start, block| {
                    let start = start as usize;
                    let end = start + block.len() / samples;
                    while let Some(&(column, at)) = next.peek() {
                        if column >= end {
                            break;
                        }
                        next.next();
                        let own = (column - start) * samples;
                        let own = &block[own..own + samples];
                        visit(0, at, 1, own).map_err(Passed::Visitor)?;
                    }
                    Ok(())
                });
                visited.map_err(Passed::into_error)
            }
        }
    }
}

/// An error on its way through a pass over the file.
enum Passed<E> {
    File(Hdf5Error),
    Visitor(E),
}

impl<E> From<Hdf5Error> for Passed<E> {
    fn from(error: Hdf5Error) -> Self {
        Self::File(error)
    }
}

impl<E: From<BDataError>> Passed<E> {
    fn into_error(self) -> E {
        match self {
            Self::File(error) => BDataError::from(error).into(),
            Self::Visitor(error) => error,
        }
    }
}
