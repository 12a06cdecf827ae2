//! Parcels of vertices and grayordinates, by the names that their files give them.

use super::super::RsaError;
use crate::WorkflowError;
use emotome_brain::regions::{Hemisphere, Lookup, Parcels};
use emotome_brain::store::{Place, Places, Store};
use emotome_neurofiles::Millimetres;
use emotome_neurofiles::cifti::{Axis, Part, Reader};
use emotome_neurofiles::freesurfer::read_annot;
use emotome_neurofiles::gifti::{Gifti, Intent};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

/// The parcel of each row: its name, without those of other rows.
type Named = BTreeMap<String, Vec<usize>>;

fn wrong(path: &Path, what: String) -> RsaError {
    RsaError::RegionsFile {
        path: path.to_owned(),
        what,
    }
}

/// Parcels of the rows of a store on surfaces, from labels of the vertices of left and right.
///
/// Names that state no hemisphere get that of their file, so that tables of regions can tell sides apart.
pub(super) fn sides(store: &Store, files: &[PathBuf; 2]) -> Result<Parcels, WorkflowError> {
    let places = store.places();
    let Some(vertices) = places.vertices() else {
        return Err(wrong(
            &files[0],
            format!("labels of vertices, but the responses of {} lie in a volume; give an image (--parcels IMAGE)", store.path().display()),
        )
        .into());
    };
    let mut rows: HashMap<(Hemisphere, u32), usize> = HashMap::new();
    for row in 0..places.len() {
        if let Some(Place::Vertex(side, vertex)) = places.place(row) {
            rows.insert((side, vertex), row);
        }
    }
    let mut named = Named::new();
    for side in Hemisphere::BOTH {
        let path = &files[side as usize];
        let parcels = of_vertices(path, side)?;
        let (found, expected) = (parcels.len(), vertices[side as usize] as usize);
        if found != expected {
            let what = format!(
                "labels of {found} vertices, but the {} surface of {} has {expected}: both must be of one mesh",
                side.name(),
                store.path().display()
            );
            return Err(wrong(path, what).into());
        }
        for (name, members) in parcels.iter() {
            let own = members.iter().filter_map(|&v| rows.get(&(side, v as u32)));
            named.entry(name.to_owned()).or_default().extend(own);
        }
    }
    with_structures(store, named)
}

/// The parcels of a hemisphere's vertices.
fn of_vertices(path: &Path, side: Hemisphere) -> Result<Parcels, RsaError> {
    let name = path.to_string_lossy().to_lowercase();
    if name.ends_with(".annot") {
        return Ok(Parcels::from_annotation(&read_annot(path)?, side)?);
    }
    if !name.ends_with(".gii") && !name.ends_with(".gii.gz") {
        return Err(wrong(
            path,
            "of an unknown kind, by its name; expected .annot or .label.gii".into(),
        ));
    }
    let file = Gifti::read(path)?;
    let arrays: Vec<_> = file
        .arrays
        .iter()
        .filter(|a| a.intent == Intent::Label)
        .collect();
    let &[array] = arrays.as_slice() else {
        return Err(wrong(
            path,
            format!("{} arrays of labels; expected one", arrays.len()),
        ));
    };
    let labels: Vec<i64> = array
        .values
        .to_f64()
        .into_iter()
        .map(|key| key as i64)
        .collect();
    let (parcels, unnamed) = Parcels::from_labels(&labels, &lookup(&file.labels))?;
    if let Some((key, n)) = unnamed.first_key_value() {
        let what = format!(
            "{} labels have no name, first {key} ({n} vertices); write its label table",
            unnamed.len()
        );
        return Err(wrong(path, what));
    }
    Ok(Parcels::from_members(
        parcels.len(),
        parcels
            .iter()
            .map(|(name, members)| (side.of_parcel(name), members.to_vec())),
    )?)
}

/// Names of labels; the label 0 is background, whatever its name.
fn lookup(labels: &[emotome_neurofiles::gifti::Label]) -> Lookup {
    let mut lookup = Lookup::of_gifti(labels);
    lookup.0.remove(&0);
    lookup
}

/// Parcels of the rows of a store on surfaces or over grayordinates, from the one map of a `.dlabel.nii`.
pub(super) fn grayordinates(store: &Store, path: &Path) -> Result<Parcels, WorkflowError> {
    let reader = Reader::open(path).map_err(RsaError::from)?;
    let [labels, models] = reader.axes();
    let (Axis::Labels(maps), Axis::Models(models)) = (labels, models) else {
        return Err(wrong(path, "is no map of labels over brain models".into()).into());
    };
    let [map] = maps.as_slice() else {
        let names: Vec<&str> = maps
            .iter()
            .map(|map| map.map.name.as_str())
            .take(10)
            .collect();
        let what = format!(
            "{} maps of labels ({}); expected one: take one out (wb_command -cifti-merge)",
            maps.len(),
            names.join(", ")
        );
        return Err(wrong(path, what).into());
    };
    let names = lookup(&map.labels);
    let places = store.places();
    let vertices = places.vertices();
    let grid = match places {
        Places::Grayordinates(axis) => axis.volume,
        Places::Volume { grid, .. } => Some(*grid),
        Places::Points(_) | Places::Surface { .. } => None,
    };
    // Voxels of the file on the grid of the store, by structure, and vertices, with their places along the axis.
    let mut vertex_at: HashMap<(Hemisphere, u32), usize> = HashMap::new();
    let mut voxel_at: HashMap<[u32; 3], usize> = HashMap::new();
    for model in &models.models {
        match (&model.part, Hemisphere::of_cifti(&model.structure)) {
            (Part::Surface { vertices: own, of }, Some(side)) => {
                if let Some(expected) = vertices.map(|n| n[side as usize])
                    && expected != 0
                    && expected != *of
                {
                    let what = format!(
                        "labels of {of} vertices, but the {} surface of {} has {expected}: both must be of one mesh",
                        side.name(),
                        store.path().display()
                    );
                    return Err(wrong(path, what).into());
                }
                vertex_at.extend((model.offset..).zip(own).map(|(at, &v)| ((side, v), at)));
            }
            (Part::Voxels(voxels), _) => {
                if let (Some(grid), Some(own)) = (grid, models.volume) {
                    grid.same_as(&own, Millimetres(1e-3))
                        .map_err(emotome_brain::regions::LabelError::from)
                        .map_err(RsaError::from)?;
                }
                voxel_at.extend((model.offset..).zip(voxels).map(|(at, &v)| (v, at)));
            }
            (Part::Surface { .. }, None) => {}
        }
    }
    let matrix = reader.read::<f64>().map_err(RsaError::from)?;
    let mut named = Named::new();
    for name in names.0.values() {
        named.entry(name.clone()).or_default();
    }
    for row in 0..places.len() {
        let at = match places.place(row) {
            Some(Place::Vertex(side, vertex)) => vertex_at.get(&(side, vertex)),
            Some(Place::Voxel(_, index, _)) => voxel_at.get(&index),
            Some(Place::Point(_)) | None => None,
        };
        let Some(&at) = at else { continue };
        let key = matrix[[0, at]];
        if key == 0.0 || key.is_nan() {
            continue;
        }
        match names.0.get(&(key as i64)) {
            Some(name) if key.fract() == 0.0 => named.entry(name.clone()).or_default().push(row),
            _ => {
                let what = format!("the label {key} has no name; write its label table");
                return Err(wrong(path, what).into());
            }
        }
    }
    with_structures(store, named)
}

/// Adds the structures of the store whose voxels no label names, so that tables of regions find the subcortical ones.
fn with_structures(store: &Store, mut named: Named) -> Result<Parcels, WorkflowError> {
    if let Places::Grayordinates(axis) = store.places() {
        let mut labelled = vec![false; store.voxels()];
        for &row in named.values().flatten() {
            labelled[row] = true;
        }
        for model in &axis.models {
            let own = model.offset..model.offset + model.part.len();
            if matches!(model.part, Part::Voxels(_)) && !labelled[own.clone()].contains(&true) {
                named.insert(model.structure.clone(), own.collect());
            }
        }
    }
    Ok(Parcels::from_members(store.voxels(), named).map_err(RsaError::from)?)
}
