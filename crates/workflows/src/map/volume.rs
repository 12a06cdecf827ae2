//! Volumes: slices, and two volumes voxel by voxel.

use super::draw::{self, Look, MapSummary, Sure, Target};
use super::error::MapError;
use crate::WorkflowError;
use crate::rsa::entity;
use emotome_figures::histogram2d::Histogram2d;
use emotome_figures::slices::{Convention, Plane, Slices};
use emotome_neurofiles::derivatives::BidsName;
use emotome_neurofiles::nifti::{self, Reader};
use emotome_neurofiles::{Grid, Millimetres};
use serde::Serialize;
use serde_json::json;
use std::path::{Path, PathBuf};

/// A slice at a place.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cut {
    /// At one x.
    Sagittal(f64),
    /// At one y.
    Coronal(f64),
    /// At one z.
    Axial(f64),
}

/// Slices of a volume.
#[derive(Debug, Clone)]
pub struct SliceMapRequest {
    /// The volume.
    pub volume: PathBuf,
    /// Which of its volumes, from 1.
    pub number: usize,
    /// An image of the anatomy on the same grid.
    pub underlay: Option<PathBuf>,
    /// The slices.
    pub cuts: Vec<Cut>,
    /// Whether left is drawn at right.
    pub radiological: bool,
    /// How it looks.
    pub look: Look,
    /// Images that fade colours, and that say what is outlined.
    pub sure: Sure,
    /// Where it goes.
    pub target: Target,
}

/// Two volumes compared.
#[derive(Debug, Clone)]
pub struct CompareMapsRequest {
    /// The volumes.
    pub volumes: [PathBuf; 2],
    /// Their names.
    pub names: [String; 2],
    /// Slices of the difference.
    pub cuts: Vec<Cut>,
    /// How the difference looks.
    pub look: Look,
    /// Where it goes.
    pub target: Target,
}

/// One volume of an image.
pub(super) struct Image {
    pub(super) grid: Grid,
    /// First index fastest.
    pub(super) values: Vec<f32>,
}

/// Reads one volume of an image.
pub(super) fn read(path: &Path, number: usize) -> Result<Image, WorkflowError> {
    let reader = Reader::open_volume(path)?;
    let grid = reader.grid();
    let found = reader.len();
    let none = || MapError::NoVolume {
        path: path.to_owned(),
        volume: number,
        found,
    };
    let at = number.checked_sub(1).ok_or_else(none)?;
    let values = reader
        .volumes::<f32>()?
        .nth(at)
        .transpose()?
        .ok_or_else(none)?;
    if values.iter().all(|value| value.is_nan()) {
        return Err(MapError::Nothing {
            path: path.to_owned(),
        }
        .into());
    }
    Ok(Image { grid, values })
}

/// Reads a second image, which must be on the grid of the first.
pub(super) fn on_grid(path: &Path, first: &Path, grid: &Grid) -> Result<Image, WorkflowError> {
    let image = read(path, 1)?;
    grid.same_as(&image.grid, Millimetres(1e-3))
        .map_err(|source| MapError::Grid {
            first: first.to_owned(),
            second: path.to_owned(),
            source: Box::new(source),
        })?;
    Ok(image)
}

/// Refuses slices that no voxel with a value lies on.
fn through(cuts: &[Cut], image: &Image, path: &Path) -> Result<(), MapError> {
    let grid = &image.grid;
    let [x, y, _] = grid.shape;
    // Half of what a voxel reaches along each axis of space.
    let half = grid
        .affine
        .0
        .map(|row| row[..3].iter().map(|v| v.abs()).sum::<f64>() / 2.0);
    let mut reach = [(f64::INFINITY, f64::NEG_INFINITY); 3];
    for (at, _) in image
        .values
        .iter()
        .enumerate()
        .filter(|(_, v)| v.is_finite())
    {
        let index = [at % x, at / x % y, at / (x * y)];
        let place = grid.affine.apply(index.map(|n| n as f64));
        for axis in 0..3 {
            let (low, high) = reach[axis];
            reach[axis] = (
                low.min(place[axis] - half[axis]),
                high.max(place[axis] + half[axis]),
            );
        }
    }
    for cut in cuts {
        let (axis, name, at) = match *cut {
            Cut::Sagittal(at) => (0, 'x', at),
            Cut::Coronal(at) => (1, 'y', at),
            Cut::Axial(at) => (2, 'z', at),
        };
        let (low, high) = reach[axis];
        if !(low..=high).contains(&at) {
            return Err(MapError::Cut {
                path: path.to_owned(),
                axis: name,
                at,
                low,
                high,
            });
        }
    }
    Ok(())
}

/// Draws slices of a volume.
///
/// # Errors
/// [`MapError`] for images of different grids and volumes that are not there.
pub fn slice_map(request: &SliceMapRequest) -> Result<MapSummary, WorkflowError> {
    let image = read(&request.volume, request.number)?;
    through(&request.cuts, &image, &request.volume)?;
    let underlay = match &request.underlay {
        Some(path) => on_grid(path, &request.volume, &image.grid)?.values,
        None => Vec::new(),
    };
    let beside = |path: &str| on_grid(Path::new(path), &request.volume, &image.grid);
    let confidence: Vec<f32> = match &request.sure.fade {
        Some(fade) => {
            let values = beside(&fade.of)?.values.into_iter();
            values.map(|v| fade.score(f64::from(v)) as f32).collect()
        }
        None => Vec::new(),
    };
    let outlined: Vec<bool> = match &request.sure.outline {
        Some(outline) => {
            let values = beside(&outline.of)?.values.into_iter();
            values
                .map(|p| outline.inside(f64::from(p)) == 1.0)
                .collect()
        }
        None => Vec::new(),
    };
    let scores = confidence.iter().map(|&v| f64::from(v));
    let figure = Slices {
        colours: request.look.sure(&request.sure, scores),
        underlay,
        outlined,
        convention: match request.radiological {
            true => Convention::Radiological,
            false => Convention::Neurological,
        },
        confidence,
        ..slices(&request.look, image, &request.cuts, &request.volume)
    };
    let mut files = Vec::new();
    draw::write(&request.target, "slices", &figure, &mut files)?;
    let parameters = json!({"volume": request.number, "cuts": request.cuts, "radiological": request.radiological, "look": request.look, "sure": request.sure});
    let inputs = std::iter::once(&request.volume)
        .chain(&request.underlay)
        .map(PathBuf::as_path)
        .chain(request.sure.files());
    draw::provenance(&request.target, "slices", parameters, inputs)?;
    Ok(MapSummary {
        files,
        notes: Vec::new(),
    })
}

/// Slices with nothing but values.
fn slices(look: &Look, image: Image, cuts: &[Cut], path: &Path) -> Slices {
    Slices {
        title: look.title.clone(),
        narrow: look.narrow,
        colours: look.colours(),
        shape: image.grid.shape,
        affine: image.grid.affine.0,
        values: image.values,
        cuts: cuts
            .iter()
            .map(|cut| match *cut {
                Cut::Sagittal(at) => (Plane::Sagittal, at),
                Cut::Coronal(at) => (Plane::Coronal, at),
                Cut::Axial(at) => (Plane::Axial, at),
            })
            .collect(),
        note: draw::note(path),
        ..Slices::default()
    }
}

/// Compares two volumes: a histogram of both, their difference as an image and in slices.
///
/// # Errors
/// [`MapError::Grid`] with the numbers if their grids differ.
pub fn compare_maps(request: &CompareMapsRequest) -> Result<MapSummary, WorkflowError> {
    let [first, second] = [&request.volumes[0], &request.volumes[1]];
    let a = read(first, 1)?;
    let b = on_grid(second, first, &a.grid)?;
    through(&request.cuts, &a, first)?;
    let both = |x: f32, y: f32| !(x.is_nan() && y.is_nan());
    let points: Vec<(f32, f32)> = a
        .values
        .iter()
        .zip(&b.values)
        .map(|(&x, &y)| (x, y))
        .filter(|&(x, y)| both(x, y))
        .collect();
    let [x_name, y_name] = &request.names;
    let quantity = &request.look.quantity;
    let histogram = Histogram2d {
        title: request.look.title.clone(),
        x_label: format!("{x_name}: {quantity}"),
        y_label: format!("{y_name}: {quantity}"),
        things: "voxels".to_owned(),
        points,
        factors: Vec::new(),
    };
    let mut files = Vec::new();
    draw::write(&request.target, "both-models", &histogram, &mut files)?;
    let difference: Vec<f32> = a.values.iter().zip(&b.values).map(|(x, y)| y - x).collect();
    let path = request.target.out.join(difference_name(request)?);
    nifti::write(&path, request.target.overwrite, &a.grid, &difference)?;
    files.push(path.clone());
    if !request.cuts.is_empty() {
        let look = Look {
            title: format!("{y_name} − {x_name}"),
            // The heading is no part of the picture.
            quantity: format!("{y_name} − {x_name}: {quantity}"),
            diverging: true,
            ..request.look.clone()
        };
        let image = Image {
            grid: a.grid,
            values: difference,
        };
        let figure = Slices {
            note: format!("{} and {}", draw::note(first), file_name(second)),
            ..slices(&look, image, &request.cuts, &path)
        };
        draw::write(&request.target, "difference", &figure, &mut files)?;
    }
    let parameters = json!({"names": request.names, "cuts": request.cuts, "look": request.look});
    draw::provenance(
        &request.target,
        "both-models",
        parameters,
        [first.as_path(), second.as_path()],
    )?;
    Ok(MapSummary {
        files,
        notes: Vec::new(),
    })
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// The name of a difference: what both names share, and which is subtracted.
fn difference_name(request: &CompareMapsRequest) -> Result<String, MapError> {
    let [first, second] = request.volumes.each_ref().map(|path| draw::bids(path));
    let [a, b] = request.names.each_ref().map(|name| entity(name));
    let mut name = BidsName::new("statmap", ".nii.gz")?;
    if let (Some(first), Some(second)) = (first, second) {
        for (key, value) in first.entities().filter(|(key, _)| *key != "desc") {
            if second.get(key) == Some(value) {
                name = name.with(key, value)?;
            }
        }
    }
    Ok(name.with("desc", &format!("{b}Minus{a}"))?.to_string())
}
