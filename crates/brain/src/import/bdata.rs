//! Responses in BData files of bdpy.

use std::path::{Path, PathBuf};

use emotome_neurofiles::bdata::{BData, BDataError, successive};
use emotome_neurofiles::nifti::Reader;
use ndarray::{Array2, ArrayView2};

use super::error::ImportError;
use super::events::Event;
use super::{Prepared, Sink, lattice};
use crate::store::{Regions, StoreError};

const VOXELS: [&str; 3] = ["VoxelData", "WholeBrain", "VertexData"];
const LABELS: [&str; 2] = ["stimulus_name", "Label"];

/// BData files of one subject: one, or one for each session in order.
///
/// | field | default | meaning |
/// |---|---|---|
/// | `voxels` | `VoxelData`, else `WholeBrain` | a selection of columns in bdpy's grammar |
/// | `label` | `stimulus_name`, else `Label` | the key that holds what was shown, through its value labels if it has any |
/// | `label_column` | 3 | which column of the key, from 1, if it names several |
/// | `run`, `session` | `Run`, `Session` | keys; successive numbers are made over files as bdpy's `vstack` does |
/// | `grid` | none | an image on the grid of the voxels; without it the grid is worked out from positions |
#[derive(Debug, Clone)]
pub struct BDataSource {
    /// The files, in order.
    pub files: Vec<PathBuf>,
    /// Columns of responses.
    pub voxels: Option<String>,
    /// The key of labels.
    pub label: Option<String>,
    /// Column of the key, from 1.
    pub label_column: usize,
    /// The key of runs.
    pub run: String,
    /// The key of sessions.
    pub session: String,
    /// An image on the grid of the voxels.
    pub grid: Option<PathBuf>,
}

impl BDataSource {
    /// Files with the usual keys.
    pub fn new(files: Vec<PathBuf>) -> Self {
        Self {
            files,
            voxels: None,
            label: None,
            label_column: 3,
            run: "Run".into(),
            session: "Session".into(),
            grid: None,
        }
    }

    pub(super) fn prepare(&self) -> Result<Prepared<'_>, ImportError> {
        let mut recognised = Vec::new();
        let mut opened = Vec::new();
        let mut first: Option<(Vec<usize>, Vec<[f64; 3]>)> = None;
        let (mut labels, mut runs, mut sessions) = (Vec::new(), Vec::new(), Vec::new());
        for path in &self.files {
            let data = BData::open(path)?;
            let selection = self.selection(&data)?;
            let columns = data.select(&selection)?;
            let positions = data.coordinates("voxel_", ["x", "y", "z"], &columns);
            let positions = positions
                .ok_or_else(|| no_key(&data, "positions", &["voxel_x", "voxel_y", "voxel_z"]))?;
            match &first {
                None => {
                    recognised.push(format!(
                        "{}: {} voxels by {selection:?}",
                        path.display(),
                        columns.len()
                    ));
                    first = Some((columns.clone(), positions));
                }
                Some((own, places)) if own.len() == columns.len() && *places == positions => {}
                Some((own, _)) => {
                    return Err(ImportError::Sessions {
                        path: path.clone(),
                        found: columns.len(),
                        first: self.files[0].clone(),
                        expected: own.len(),
                    });
                }
            }
            let at_first = opened.is_empty().then_some(&mut recognised);
            labels.push(self.labels(&data, at_first)?);
            runs.push(data.named(&[&self.run])?.remove(0));
            sessions.push(match data.metadata().position(&self.session) {
                Some(_) => data.named(&[&self.session])?.remove(0),
                None => vec![1.0; data.samples()],
            });
            opened.push((data, columns));
        }
        let (Some((columns, positions)), Some((data, _))) = (first, opened.first()) else {
            return Err(ImportError::NoSource { what: "BData" });
        };
        let counted = |what: &str, parts: Vec<Vec<f64>>| {
            let parts = match parts.as_slice() {
                [_] => parts,
                several => successive(several).map_err(|error| ImportError::Number {
                    path: self.files[error.part].clone(),
                    sample: 0,
                    what: what.to_owned(),
                    value: f64::NAN,
                })?,
            };
            whole(&self.files, what, &parts)
        };
        let (runs, sessions) = (counted(&self.run, runs)?, counted(&self.session, sessions)?);
        if self.files.len() > 1 {
            recognised.push(format!(
                "{} and {} are counted on over {} files",
                self.run,
                self.session,
                self.files.len()
            ));
        }
        let events = events(labels.into_iter().flatten(), &runs, &sessions);
        let places = match &self.grid {
            Some(path) => {
                let grid = Reader::open(path)?.grid();
                lattice::on_grid(&self.files[0], &positions, grid, path)?
            }
            None => {
                let indices = data.coordinates("voxel_", ["i", "j", "k"], &columns);
                let (places, note) = lattice::infer(positions, indices.as_deref());
                recognised.push(note);
                places
            }
        };
        let regions = regions(data, &columns);
        let descriptions = data.metadata().descriptions();
        let synthetic = descriptions.iter().any(|text| text.contains("simulated"));
        let mut inputs = self.files.clone();
        inputs.extend(self.grid.clone());
        Ok(Prepared {
            places,
            regions,
            events,
            inputs,
            recognised,
            synthetic,
            stream: Box::new(move |sink| {
                let mut before = 0;
                for (data, columns) in &opened {
                    stream(data, columns, before, sink)?;
                    before += data.samples();
                }
                Ok(())
            }),
        })
    }

    fn selection(&self, data: &BData) -> Result<String, ImportError> {
        if let Some(selection) = &self.voxels {
            return Ok(selection.clone());
        }
        let there = VOXELS
            .iter()
            .find(|key| data.metadata().position(key).is_some());
        there
            .map(|key| (*key).to_owned())
            .ok_or_else(|| no_key(data, "responses", &VOXELS))
    }

    fn labels(
        &self,
        data: &BData,
        recognised: Option<&mut Vec<String>>,
    ) -> Result<Vec<Option<String>>, ImportError> {
        let key = match &self.label {
            Some(key) => key.as_str(),
            None => LABELS
                .into_iter()
                .find(|key| data.metadata().position(key).is_some())
                .ok_or_else(|| no_key(data, "labels", &LABELS))?,
        };
        let columns = data
            .metadata()
            .named(key)
            .ok_or_else(|| no_key(data, "labels", &[key]))?;
        let column = match columns.as_slice() {
            &[one] => one,
            several => *several
                .get(self.label_column.wrapping_sub(1))
                .ok_or_else(|| ImportError::Shape {
                    path: data.path().to_owned(),
                    found: format!("{} columns of {key}", several.len()),
                    expected: format!("a column {}", self.label_column),
                })?,
        };
        if let Some(recognised) = recognised {
            recognised.push(format!(
                "labels are those of {key}{}{}",
                match columns.len() {
                    1 => String::new(),
                    n => format!(", column {} of {n}", self.label_column),
                },
                match data.value_labels(key) {
                    Some(known) => format!(", {} values with names", known.len()),
                    None => ", as numbers".to_owned(),
                }
            ));
        }
        if columns.len() == 1 && data.value_labels(key).is_some() {
            return Ok(data.labels(key)?);
        }
        let values = data.columns(&[column])?.remove(0);
        let named = data.value_labels(key);
        let label = |(sample, &value): (usize, &f64)| {
            if value.is_nan() {
                return Ok(None);
            }
            let Some(named) = named else {
                return Ok(Some(value.to_string()));
            };
            match named.binary_search_by(|(known, _)| known.total_cmp(&value)) {
                Ok(at) => Ok(Some(named[at].1.clone())),
                Err(_) => Err(BDataError::Unlabelled {
                    path: data.path().to_owned(),
                    key: key.to_owned(),
                    sample,
                    value,
                }),
            }
        };
        let labels: Result<Vec<_>, _> = values.iter().enumerate().map(label).collect();
        let text = |label: &String| !matches!(label.as_str(), "" | "n/a");
        Ok(labels?.into_iter().map(|l| l.filter(text)).collect())
    }
}

fn no_key(data: &BData, what: &'static str, tried: &[&str]) -> ImportError {
    let keys = data.metadata().keys();
    let mut found: Vec<&str> = keys.iter().map(String::as_str).take(30).collect();
    if keys.len() > found.len() {
        found.push("…");
    }
    ImportError::NoKey {
        path: data.path().to_owned(),
        what,
        tried: tried.join(", "),
        found: found.join(", "),
    }
}

fn whole(files: &[PathBuf], what: &str, parts: &[Vec<f64>]) -> Result<Vec<u32>, ImportError> {
    let mut all = Vec::new();
    for (path, part) in files.iter().zip(parts) {
        for (sample, &value) in part.iter().enumerate() {
            if !(0.0..=f64::from(u32::MAX)).contains(&value) || value.fract() != 0.0 {
                return Err(number(path, sample, what, value));
            }
            all.push(value as u32);
        }
    }
    Ok(all)
}

fn number(path: &Path, sample: usize, what: &str, value: f64) -> ImportError {
    ImportError::Number {
        path: path.to_owned(),
        sample,
        what: what.to_owned(),
        value,
    }
}

fn events(
    labels: impl Iterator<Item = Option<String>>,
    runs: &[u32],
    sessions: &[u32],
) -> Vec<Event> {
    let mut seen = std::collections::HashMap::new();
    let each = labels.zip(runs).zip(sessions);
    each.map(|((label, &run), &session)| {
        let order = seen.entry(run).or_insert(0);
        *order += 1;
        Event {
            label,
            session,
            run,
            order: *order,
        }
    })
    .collect()
}

/// Keys that are 0 or 1 on the voxels, and 1 on some but not on all.
fn regions(data: &BData, columns: &[usize]) -> Regions {
    let metadata = data.metadata();
    let mut names = Vec::new();
    let mut members = Vec::new();
    for (at, key) in metadata.keys().iter().enumerate() {
        let mut own = Vec::with_capacity(columns.len());
        let flags = columns.iter().all(|&column| {
            let value = metadata.value(at, column);
            own.push(value == 1.0);
            value == 0.0 || value == 1.0 || value.is_nan()
        });
        if flags && own.contains(&true) && own.contains(&false) {
            names.push(key.clone());
            members.extend(own);
        }
    }
    let shape = (names.len(), columns.len());
    let none = || Array2::default(shape);
    Regions {
        members: Array2::from_shape_vec(shape, members).unwrap_or_else(|_| none()),
        names,
    }
}

fn stream(
    data: &BData,
    columns: &[usize],
    before: usize,
    sink: &mut Sink<'_>,
) -> Result<(), ImportError> {
    data.for_each_tile::<ImportError>(columns, |tile| {
        let shape = (tile.samples, tile.columns);
        let values = ArrayView2::from_shape(shape, tile.values).map_err(|_| StoreError::Shape {
            what: "values of a block",
            found: tile.values.len(),
            expected: tile.samples * tile.columns,
        })?;
        if tile.columns == columns.len() {
            return sink.samples(before + tile.sample, values);
        }
        sink.goes_on()?;
        for (at, column) in values.columns().into_iter().enumerate() {
            let first = before + tile.sample;
            sink.voxel(tile.column + at, first, column.iter().copied())?;
        }
        if tile.column == 0 {
            sink.run.progress.advance(tile.samples as u64);
        }
        Ok(())
    })
}
