//! Maps of several subjects, voxel by voxel, and what is left out of them.

use super::super::volume::beside;
use super::{GroupError, GroupRequest};
use emotome_neurofiles::derivatives::BidsName;
use emotome_neurofiles::nifti::{Mask, Reader};
use emotome_neurofiles::{Grid, Millimetres};
use ndarray::Array2;
use serde::Serialize;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// A subject and its map. Field names are stable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SubjectMap {
    /// The subject, from the file's name; its place, counted from 1, if the name says nothing.
    pub subject: String,
    /// The map.
    pub path: PathBuf,
    /// The map that is subtracted.
    pub minus: Option<PathBuf>,
    /// Voxels that other subjects have and this one misses.
    pub missing: usize,
    /// Voxels that are exactly 0 and not so in all subjects, which outside of a brain is no measurement.
    pub zeros: usize,
}

/// Voxels without a test. Field names are stable.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Untested {
    /// Without a value in some subjects.
    pub missing: usize,
    /// Without a value, or 0, in all subjects.
    pub outside: usize,
    /// Of equal size in all subjects, so that they have no t for some signs.
    pub equal: usize,
    /// With values, outside of the mask.
    pub masked: usize,
}

/// What all subjects have.
pub(super) struct Joined {
    pub(super) grid: Grid,
    pub(super) subjects: Vec<SubjectMap>,
    /// Voxels tested, first index fastest.
    pub(super) places: Vec<u32>,
    /// Subjects × voxels tested.
    pub(super) values: Array2<f64>,
    pub(super) untested: Untested,
    /// Whether any map is of simulated responses.
    pub(super) synthetic: bool,
}

impl Joined {
    pub(super) fn voxel(&self, place: usize) -> [u32; 3] {
        let [x, y, _] = self.grid.shape.map(|n| n as u32);
        let at = self.places[place];
        [at % x, at / x % y, at / x / y]
    }
}

/// What files beside maps say of how they were made.
const KEYS: [&str; 5] = ["Model", "Statistic", "Distance", "Neighbourhood", "Pairs"];

/// How far affines may differ.
const TOLERANCE: Millimetres = Millimetres(1e-3);

/// Reads the maps and finds the voxels that can be tested.
pub(super) fn join(request: &GroupRequest) -> Result<Joined, GroupError> {
    let maps = &request.maps;
    let mut subjects = subjects(request)?;
    let synthetic = alike(maps, &KEYS)? | alike(&request.minus, &KEYS)?;
    // Models may differ between what is subtracted from what, and nothing else.
    let both: Vec<PathBuf> = maps
        .iter()
        .take(1)
        .chain(request.minus.first())
        .cloned()
        .collect();
    alike(&both, &KEYS[1..])?;
    let (grid, first) = image(&maps[0])?;
    let n = first.len();
    let mut columns = vec![first];
    for path in &maps[1..] {
        columns.push(on_grid(path, &maps[0], &grid)?);
    }
    for (column, path) in columns.iter_mut().zip(&request.minus) {
        let minus = on_grid(path, &maps[0], &grid)?;
        column.iter_mut().zip(minus).for_each(|(a, b)| *a -= b);
    }
    let inside = match &request.mask {
        Some(path) => {
            let mask = Mask::read(path)?;
            same(&maps[0], &grid, path, &mask.grid())?;
            let mut inside = vec![false; n];
            mask.voxels()
                .iter()
                .for_each(|&at| inside[at as usize] = true);
            inside
        }
        None => vec![true; n],
    };
    let mut untested = Untested::default();
    let mut places = Vec::new();
    for at in 0..n {
        let own = columns.iter().map(|column| column[at]);
        let has = |value: &f64| value.is_finite() && !(request.zeros_are_missing && *value == 0.0);
        let known = own.clone().filter(has).count();
        let zeros = own.clone().filter(|value| *value == 0.0).count();
        if known == 0 || zeros == columns.len() {
            untested.outside += 1;
            continue;
        }
        if !inside[at] {
            untested.masked += 1;
            continue;
        }
        for (subject, value) in subjects.iter_mut().zip(own.clone()) {
            subject.missing += usize::from(!has(&value));
            subject.zeros += usize::from(value == 0.0);
        }
        if known < columns.len() {
            untested.missing += 1;
            continue;
        }
        let size = columns[0][at].abs();
        if own
            .clone()
            .all(|value| (value.abs() - size).abs() <= 1e-9 * size)
        {
            untested.equal += 1;
            continue;
        }
        places.push(at as u32);
    }
    if places.is_empty() {
        return Err(GroupError::Nothing {
            subjects: columns.len(),
            missing: untested.missing,
            outside: untested.outside,
            equal: untested.equal,
            masked: untested.masked,
        });
    }
    let values = Array2::from_shape_fn((columns.len(), places.len()), |(subject, place)| {
        columns[subject][places[place] as usize]
    });
    Ok(Joined {
        grid,
        subjects,
        places,
        values,
        untested,
        synthetic,
    })
}

/// The values of another image at the voxels tested.
pub(super) fn at_places(
    path: &Path,
    joined: &Joined,
    request: &GroupRequest,
) -> Result<Vec<f64>, GroupError> {
    let all = on_grid(path, &request.maps[0], &joined.grid)?;
    Ok(joined.places.iter().map(|&at| all[at as usize]).collect())
}

/// Volumes of an image at the voxels tested, one after another.
pub(super) fn volumes_at_places(
    path: &Path,
    joined: &Joined,
    request: &GroupRequest,
) -> Result<(usize, impl Iterator<Item = Result<Vec<f32>, GroupError>>), GroupError> {
    let reader = Reader::open_volume(path)?;
    same(&request.maps[0], &joined.grid, path, &reader.grid())?;
    let count = reader.len();
    let volumes = reader.volumes::<f32>()?.map(|volume| {
        let volume = volume?;
        Ok(joined
            .places
            .iter()
            .map(|&at| volume[at as usize])
            .collect())
    });
    Ok((count, volumes))
}

/// An image of one volume.
fn image(path: &Path) -> Result<(Grid, Vec<f64>), GroupError> {
    let reader = Reader::open_volume(path)?;
    let (grid, found) = (reader.grid(), reader.len());
    let several = || GroupError::Volumes {
        path: path.to_owned(),
        found,
        expected: "a map of a subject is one volume".to_owned(),
    };
    let mut volumes = reader.volumes::<f64>()?;
    match (found, volumes.next()) {
        (1, Some(volume)) => Ok((grid, volume?)),
        _ => Err(several()),
    }
}

fn on_grid(path: &Path, first: &Path, grid: &Grid) -> Result<Vec<f64>, GroupError> {
    let (own, values) = image(path)?;
    same(first, grid, path, &own)?;
    Ok(values)
}

fn same(first: &Path, grid: &Grid, second: &Path, other: &Grid) -> Result<(), GroupError> {
    grid.same_as(other, TOLERANCE)
        .map_err(|source| GroupError::Grid {
            first: first.to_owned(),
            second: second.to_owned(),
            source: Box::new(source),
        })
}

/// A file's name, if it is one of BIDS.
pub(super) fn name_of(path: &Path) -> Option<BidsName> {
    path.file_name()?.to_str()?.parse().ok()
}

fn subject_of(path: &Path) -> Option<String> {
    Some(name_of(path)?.get("sub")?.to_owned())
}

/// Who the maps are of; refuses a subject twice, and lists in different orders.
fn subjects(request: &GroupRequest) -> Result<Vec<SubjectMap>, GroupError> {
    let maps = &request.maps;
    let lists = [
        ("--minus", &request.minus),
        ("--p", &request.p),
        ("--surrogates", &request.surrogates),
    ];
    for (what, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
        if list.len() != maps.len() {
            return Err(GroupError::Lengths {
                what,
                found: list.len(),
                expected: maps.len(),
            });
        }
        for (first, second) in maps.iter().zip(list) {
            if let (Some(a), Some(b)) = (subject_of(first), subject_of(second))
                && a != b
            {
                return Err(GroupError::OtherSubject {
                    first: first.clone(),
                    a,
                    second: second.clone(),
                    b,
                });
            }
        }
    }
    let mut found: Vec<SubjectMap> = Vec::new();
    for (at, path) in maps.iter().enumerate() {
        let named = subject_of(path);
        let subject = named.clone().unwrap_or_else(|| (at + 1).to_string());
        let before = found
            .iter()
            .find(|other| other.subject == subject || other.path == *path);
        if let Some(before) = before {
            return Err(GroupError::SubjectTwice {
                subject,
                first: before.path.clone(),
                second: path.clone(),
            });
        }
        found.push(SubjectMap {
            subject,
            path: path.clone(),
            minus: request.minus.get(at).cloned(),
            missing: 0,
            zeros: 0,
        });
    }
    Ok(found)
}

/// Whether any map is synthetic; refuses maps that were made differently, where the files beside them say so.
fn alike(maps: &[PathBuf], keys: &[&'static str]) -> Result<bool, GroupError> {
    let told: Vec<(&PathBuf, Value)> = maps
        .iter()
        .filter_map(|path| Some((path, beside(path)?)))
        .collect();
    for pair in told.windows(2) {
        let [(first, a), (second, b)] = pair else {
            continue;
        };
        for &key in keys {
            if a[key] != b[key] {
                return Err(GroupError::MadeDifferently {
                    first: (*first).clone(),
                    second: (*second).clone(),
                    key,
                    a: a[key].to_string(),
                    b: b[key].to_string(),
                });
            }
        }
    }
    Ok(told.iter().any(|(_, told)| told["Synthetic"] == true))
}
