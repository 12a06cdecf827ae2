//! Opening a store.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use emotome_neurofiles::Grid;
use emotome_stimuli::run::Run;
use ndarray::Array2;
use rayon::prelude::*;

use super::error::StoreError;
use super::manifest::{FORMAT, Manifest, VERSION};
use super::npy::{Element, Matrix};
use super::place::Places;
use super::sample::{self, Sample};
use super::view::{Responses, View};
use super::write::Regions;
use super::{DATA, MANIFEST, REGION_FLAGS, REGIONS, SAMPLES, VOXELS};

/// Bytes of a table or of `store.json` at most.
const TEXT: u64 = 1 << 30;
/// Bytes of voxels read at a time.
const BLOCK: usize = 16 << 20;

/// A store whose tables are read and whose responses are not.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    manifest: Manifest,
    samples: Vec<Sample>,
    places: Places,
    regions: Regions,
}

impl Store {
    /// Opens a store; sizes of all files are compared with one another.
    ///
    /// # Errors
    /// [`StoreError`] if a file is missing, damaged or contradicts another.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let path = path.into();
        let text = read_text(&path.join(MANIFEST)).map_err(|error| match error {
            StoreError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                StoreError::NotAStore {
                    path: path.clone(),
                    what: format!("there is no {MANIFEST}"),
                }
            }
            other => other,
        })?;
        let not = |what: String| StoreError::NotAStore {
            path: path.clone(),
            what,
        };
        // The version first: a later one may have other fields, which would only be called unknown.
        let value: serde_json::Value =
            serde_json::from_str(&text).map_err(|e| not(format!("{MANIFEST}: {e}")))?;
        let (format, version) = (value["format"].as_str(), value["version"].as_u64());
        if format != Some(FORMAT) || version != Some(u64::from(VERSION)) {
            return Err(not(format!(
                "{MANIFEST} names format {} version {}, expected {FORMAT:?} version {VERSION}",
                value["format"], value["version"]
            )));
        }
        let manifest: Manifest =
            serde_json::from_value(value).map_err(|e| not(format!("{MANIFEST}: {e}")))?;
        if let Some(what) = manifest.space.wrong(manifest.voxels) {
            return Err(not(format!("{MANIFEST}: {what}")));
        }
        let same = |file: &str, what, found, expected| {
            if found == expected {
                return Ok(());
            }
            Err(StoreError::Disagree {
                path: path.join(file),
                what,
                found,
                expected,
            })
        };
        let data = open_as(&path.join(DATA), Element::F32)?;
        same(DATA, "rows", data.rows, manifest.voxels)?;
        same(DATA, "columns", data.columns, manifest.samples)?;
        let at = path.join(SAMPLES);
        let samples = sample::from_tsv(&at, &read_text(&at)?)?;
        same(SAMPLES, "samples", samples.len(), manifest.samples)?;
        let kept = samples.iter().filter(|s| s.kept()).count();
        same(SAMPLES, "samples kept", kept, manifest.samples_kept)?;
        let at = path.join(VOXELS);
        let places = Places::from_tsv(&at, &read_text(&at)?, manifest.space)?;
        same(VOXELS, "voxels", places.len(), manifest.voxels)?;
        let regions = if manifest.regions == 0 {
            Regions::none(manifest.voxels)
        } else {
            let at = path.join(REGIONS);
            let names = region_names(&at, &read_text(&at)?)?;
            same(REGIONS, "regions", names.len(), manifest.regions)?;
            let at = path.join(REGION_FLAGS);
            let mut flags = open_as(&at, Element::Bool)?;
            same(REGION_FLAGS, "rows", flags.rows, manifest.regions)?;
            same(REGION_FLAGS, "columns", flags.columns, manifest.voxels)?;
            let mut bytes = vec![0; flags.rows * flags.columns];
            flags.read_bytes(0, &mut bytes)?;
            let members = bytes.into_iter().map(|byte| byte != 0).collect();
            Regions {
                names,
                members: Array2::from_shape_vec((flags.rows, flags.columns), members)
                    .map_err(|e| not(e.to_string()))?,
            }
        };
        Ok(Self {
            path,
            manifest,
            samples,
            places,
            regions,
        })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What `store.json` says.
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// All samples, in order of presentation, those left out too.
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// Where the voxels lie.
    pub const fn places(&self) -> &Places {
        &self.places
    }

    /// The grid, if rows are voxels of one.
    pub const fn grid(&self) -> Option<Grid> {
        match self.places {
            Places::Volume { grid, .. } => Some(grid),
            _ => None,
        }
    }

    /// Sets of voxels that the source named.
    pub const fn regions(&self) -> &Regions {
        &self.regions
    }

    /// Voxels.
    pub const fn voxels(&self) -> usize {
        self.manifest.voxels
    }

    /// Bytes that [`load`](Self::load) takes for so many voxels of a view.
    pub fn bytes(&self, view: &View, voxels: usize) -> u64 {
        voxels as u64 * view.rows.len() as u64 * 4 + (BLOCK + 4 * self.samples.len()) as u64
    }

    /// The responses of a view in all voxels.
    ///
    /// Time O(voxels × samples), memory [`bytes`](Self::bytes).
    ///
    /// # Errors
    /// [`StoreError::Io`] if the data cannot be read, [`StoreError::Interrupted`] on request.
    pub fn load(&self, view: &View, run: Run<'_>) -> Result<Responses, StoreError> {
        self.gather(view, None, run)
    }

    /// The responses of a view in the voxels named, in that order.
    ///
    /// # Errors
    /// As [`load`](Self::load), and [`StoreError::NoSuchVoxel`].
    pub fn load_voxels(
        &self,
        view: &View,
        voxels: &[usize],
        run: Run<'_>,
    ) -> Result<Responses, StoreError> {
        if let Some(&voxel) = voxels.iter().find(|&&v| v >= self.voxels()) {
            return Err(StoreError::NoSuchVoxel {
                voxel,
                voxels: self.voxels(),
            });
        }
        self.gather(view, Some(voxels), run)
    }

    fn gather(
        &self,
        view: &View,
        voxels: Option<&[usize]>,
        run: Run<'_>,
    ) -> Result<Responses, StoreError> {
        let mut data = open_as(&self.path.join(DATA), Element::F32)?;
        let samples = self.samples.len();
        if (data.rows, data.columns) != (self.voxels(), samples) {
            return Err(StoreError::Disagree {
                path: self.path.join(DATA),
                what: "elements",
                found: data.rows * data.columns,
                expected: self.voxels() * samples,
            });
        }
        let count = voxels.map_or(self.voxels(), <[usize]>::len);
        let needed = self.bytes(view, count);
        let mut values = Vec::new();
        values
            .try_reserve_exact(count * view.rows.len())
            .map_err(|_| StoreError::Memory {
                what: "the responses",
                needed,
                allowed: 0,
            })?;
        values.resize(count * view.rows.len(), 0.0_f32);
        let mut values =
            Array2::from_shape_vec((count, view.rows.len()), values).map_err(|_| {
                StoreError::Shape {
                    what: "responses",
                    found: 0,
                    expected: count * view.rows.len(),
                }
            })?;
        let at_once = (BLOCK / (4 * samples)).max(1);
        let mut block = vec![0.0_f32; at_once * samples];
        run.progress.begin("reading responses", Some(count as u64));
        for first in (0..count).step_by(at_once) {
            if run.interrupt.requested() {
                run.progress.end();
                return Err(StoreError::Interrupted);
            }
            let rows = at_once.min(count - first);
            let block = &mut block[..rows * samples];
            match voxels {
                None => data.read(first, block)?,
                Some(voxels) => {
                    for (row, &voxel) in block.chunks_mut(samples).zip(&voxels[first..]) {
                        data.read(voxel, row)?;
                    }
                }
            }
            let width = view.rows.len();
            if let Some(to) = values.as_slice_mut().filter(|to| !to.is_empty()) {
                to[first * width..(first + rows) * width]
                    .par_chunks_mut(width)
                    .zip(block.par_chunks(samples))
                    .for_each(|(to, from)| fill(to, from, view));
            }
            run.progress.advance(rows as u64);
        }
        run.progress.end();
        Ok(Responses {
            values,
            view: view.clone(),
        })
    }
}

fn fill(to: &mut [f32], from: &[f32], view: &View) {
    for (to, row) in to.iter_mut().zip(&view.rows) {
        *to = match row.samples.as_slice() {
            &[one] => from[one],
            several => {
                let sum: f64 = several.iter().map(|&s| f64::from(from[s])).sum();
                (sum / several.len() as f64) as f32
            }
        };
    }
}

fn open_as(path: &Path, element: Element) -> Result<Matrix, StoreError> {
    let matrix = Matrix::open(path)?;
    if matrix.element == element {
        return Ok(matrix);
    }
    Err(StoreError::Data {
        path: path.to_owned(),
        what: format!("elements are {:?}, expected {element:?}", matrix.element),
    })
}

fn read_text(path: &Path) -> Result<String, StoreError> {
    let io = |source| StoreError::Io {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(io)?;
    let length = file.metadata().map_err(io)?.len();
    if length > TEXT {
        return Err(StoreError::Data {
            path: path.to_owned(),
            what: format!("a table of {length} bytes, at most {TEXT} are read"),
        });
    }
    let mut text = String::new();
    file.take(TEXT).read_to_string(&mut text).map_err(io)?;
    Ok(text)
}

fn region_names(path: &Path, text: &str) -> Result<Vec<String>, StoreError> {
    let mut names = Vec::new();
    for (at, line) in sample::lines(path, text, "region\tname\tvoxels")? {
        match line.split('\t').collect::<Vec<_>>().as_slice() {
            &[index, name, _] if index.parse() == Ok(names.len()) => names.push(name.to_owned()),
            _ => {
                return Err(StoreError::Line {
                    path: path.to_owned(),
                    line: at,
                    what: format!(
                        "{line:?}, expected region {}, its name and its voxels",
                        names.len()
                    ),
                });
            }
        }
    }
    Ok(names)
}
