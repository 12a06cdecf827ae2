//! A volume, or values by vertex, on cortical surfaces: flat maps and views in space.

use super::draw::{self, Look, MapSummary, Sure, Target};
use super::error::MapError;
use super::overlays;
use super::volume::{Image, on_grid, read};
use crate::WorkflowError;
use emotome_brain::regions::Hemisphere;
use emotome_brain::surface::sample::{Interpolation, Sampler, SamplingKind, depths};
use emotome_brain::surface::{FlatRaster, Mesh};
use emotome_figures::cortex::{CortexMap, FlatHemisphere, FlatVertices};
use emotome_figures::inflated::{Surface, SurfaceViews, View};
use emotome_neurofiles::Millimetres;
use emotome_neurofiles::cifti::{self, Axis, Part};
use emotome_neurofiles::derivatives::BidsName;
use emotome_neurofiles::gifti::{Gifti, Intent, read_surface};
use serde::Serialize;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Where a surface takes its values from in a volume.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Depth {
    /// Between the outer (pial) and inner (white) surfaces of left and right, at so many depths.
    Between {
        /// Outer surfaces.
        outer: [PathBuf; 2],
        /// Inner surfaces.
        inner: [PathBuf; 2],
        /// Depths.
        samples: usize,
    },
    /// Along the normal of one surface a hemisphere (midthickness).
    Along {
        /// The surfaces.
        middle: [PathBuf; 2],
        /// How far either way.
        radius: Millimetres,
        /// Samples.
        samples: usize,
    },
    /// Values by vertex need no sampling: the file is a GIFTI of the left surface and this one of the right, or alone
    /// a `.dscalar.nii`.
    Vertices {
        /// The right GIFTI.
        right: Option<PathBuf>,
    },
}

/// A map on surfaces.
#[derive(Debug, Clone)]
pub struct SurfaceMapRequest {
    /// The volume.
    pub volume: PathBuf,
    /// Which of its volumes, from 1.
    pub number: usize,
    /// Where surfaces take their values.
    pub depth: Depth,
    /// Flat surfaces of left and right.
    pub flat: Option<[PathBuf; 2]>,
    /// Surfaces to be seen in space, such as inflated ones.
    pub inflated: Option<[PathBuf; 2]>,
    /// Depth of sulci or curvature by vertex, positive in sulci; none: curvature of the surface sampled.
    pub sulci: Option<[PathBuf; 2]>,
    /// Rows of pixels of the flat map.
    pub height: usize,
    /// A drawing of pycortex over both flat surfaces, and which of its layers.
    pub overlays: Option<(PathBuf, String)>,
    /// How it looks.
    pub look: Look,
    /// Images that fade colours, and that say what is outlined: where half or more of a vertex's samples are.
    pub sure: Sure,
    /// Where it goes.
    pub target: Target,
}

/// Samples a volume on surfaces, writes the values as GIFTI, and draws them.
///
/// # Errors
/// [`MapError`] for surfaces that are none, or of different meshes.
pub fn surface_map(request: &SurfaceMapRequest) -> Result<MapSummary, WorkflowError> {
    let volume = match &request.depth {
        Depth::Vertices { .. } => None,
        _ => Some(Volumes::read(request)?),
    };
    let mut scores = Vec::new();
    let mut files = Vec::new();
    let mut notes = Vec::new();
    let mut flats = Vec::new();
    let mut flat_meshes = Vec::new();
    let mut views = Vec::new();
    for (side, name) in ["left", "right"].into_iter().enumerate() {
        let Taken {
            values: [sampled, confidence, outlined],
            mesh,
            path,
        } = match &volume {
            Some(volume) => volume.sampled(request, side)?,
            None => by_vertices(request, side)?,
        };
        scores.extend(confidence.iter().map(|&v| f64::from(v)));
        let missing = sampled.iter().filter(|value| value.is_nan()).count();
        notes.push(format!(
            "{name}: {} of {} vertices have no value",
            missing,
            sampled.len()
        ));
        let letter = ["L", "R"][side];
        let gifti = request
            .target
            .out
            .join(gifti_name(&request.volume, letter)?);
        let structure = ["CortexLeft", "CortexRight"][side];
        Gifti::from_columns(
            &Intent::Shape,
            &[(&request.look.quantity, &sampled)],
            Some(structure),
        )
        .write(&gifti, request.target.overwrite)?;
        files.push(gifti);
        let curvature = match &request.sulci {
            Some(paths) => by_vertex(&paths[side], sampled.len(), &path)?,
            None => mesh.curvature().into_iter().map(|v| v as f32).collect(),
        };
        if let Some(paths) = &request.flat {
            let flat = mesh_of(&paths[side])?;
            same_points(&paths[side], flat.points().len(), &path, sampled.len())?;
            let raster =
                FlatRaster::new(&flat, request.height).map_err(|source| MapError::Surface {
                    path: paths[side].clone(),
                    source,
                })?;
            flats.push(FlatHemisphere {
                name: name.to_owned(),
                parcels: Vec::new(),
                vertices: Some(FlatVertices {
                    width: raster.width,
                    corner: raster.corner,
                    pixel: raster.pixel,
                    pixels: (0..raster.width * raster.height)
                        .map(|pixel| raster.entry(pixel))
                        .collect(),
                    values: sampled.clone(),
                    confidence: confidence.clone(),
                    curvature: curvature.clone(),
                    outlined: outlined.clone(),
                }),
                outlines: Vec::new(),
            });
            flat_meshes.push(flat);
        }
        if let Some(paths) = &request.inflated {
            let surface = mesh_of(&paths[side])?;
            same_points(&paths[side], surface.points().len(), &path, sampled.len())?;
            views.push(Surface {
                left: side == 0,
                points: surface.points().to_vec(),
                triangles: surface.triangles().to_vec(),
                values: sampled,
                confidence,
                curvature,
                outlined,
            });
        }
    }
    let note = draw::note(&request.volume);
    if let (Some((path, layer)), [left, right]) = (&request.overlays, &flat_meshes[..]) {
        let drawn = overlays::outlines(path, layer, [left, right])?;
        for (flat, outlines) in flats.iter_mut().zip(drawn) {
            flat.outlines = outlines;
        }
    }
    let colours = request.look.sure(&request.sure, scores.into_iter());
    if !flats.is_empty() {
        let figure = CortexMap {
            title: request.look.title.clone(),
            narrow: request.look.narrow,
            colours: colours.clone(),
            hemispheres: flats,
            note: note.clone(),
        };
        draw::write(&request.target, "flat-map", &figure, &mut files)?;
    }
    if !views.is_empty() {
        let figure = SurfaceViews {
            title: request.look.title.clone(),
            narrow: request.look.narrow,
            colours,
            surfaces: views,
            views: vec![View::Lateral, View::Medial, View::Ventral],
            note,
        };
        draw::write(&request.target, "surface-views", &figure, &mut files)?;
    }
    let parameters = json!({"volume": request.number, "depth": request.depth, "height": request.height, "look": request.look, "sure": request.sure, "overlays": request.overlays});
    draw::provenance(&request.target, "surface-map", parameters, inputs(request))?;
    Ok(MapSummary { files, notes })
}

fn inputs(request: &SurfaceMapRequest) -> Vec<&Path> {
    let sampled: Vec<&PathBuf> = match &request.depth {
        Depth::Between { outer, inner, .. } => outer.iter().chain(inner).collect(),
        Depth::Along { middle, .. } => middle.iter().collect(),
        Depth::Vertices { right } => right.iter().collect(),
    };
    let drawn = [&request.flat, &request.inflated, &request.sulci];
    std::iter::once(&request.volume)
        .chain(sampled)
        .chain(drawn.into_iter().flatten().flatten())
        .map(PathBuf::as_path)
        .chain(request.sure.files().flat_map(|path| parts(request, path)))
        .chain(request.overlays.iter().map(|(path, _)| path.as_path()))
        .collect()
}

/// The files of left and right, where values are by vertex and both are named.
fn parts<'a>(request: &SurfaceMapRequest, path: &'a Path) -> Vec<&'a Path> {
    match (&request.depth, path.to_str()) {
        (Depth::Vertices { .. }, Some(text)) => text.split(',').map(Path::new).collect(),
        _ => vec![path],
    }
}

/// The name of a hemisphere's values: that of the volume, if it is one of BIDS.
fn gifti_name(volume: &Path, hemisphere: &str) -> Result<String, MapError> {
    const EXTENSION: &str = ".func.gii";
    let name = match draw::bids(volume).filter(|name| name.entities().next().is_some()) {
        Some(name) => name.renamed("statmap", EXTENSION)?,
        None => BidsName::new("statmap", EXTENSION)?.with("desc", "sampled")?,
    };
    Ok(name.with("hemi", hemisphere)?.to_string())
}

/// Values of a hemisphere's vertices, what fades them and what is outlined (both may be empty), and their mesh.
struct Taken {
    values: [Vec<f32>; 3],
    mesh: Mesh,
    path: PathBuf,
}

/// Volumes on one grid, of which surfaces take their values.
struct Volumes {
    image: Image,
    fade: Option<Vec<f32>>,
    outline: Option<Vec<f32>>,
}

impl Volumes {
    fn read(request: &SurfaceMapRequest) -> Result<Self, WorkflowError> {
        let image = read(&request.volume, request.number)?;
        let beside = |path: &str, of: &dyn Fn(f64) -> f64| {
            let mut image = on_grid(Path::new(path), &request.volume, &image.grid)?;
            for value in &mut image.values {
                *value = of(f64::from(*value)) as f32;
            }
            Ok::<_, WorkflowError>(image.values)
        };
        let fade = request.sure.fade.as_ref();
        let fade = fade
            .map(|fade| beside(&fade.of, &|v| fade.score(v)))
            .transpose()?;
        let outline = request.sure.outline.as_ref();
        let outline = outline
            .map(|outline| beside(&outline.of, &|p| outline.inside(p)))
            .transpose()?;
        Ok(Self {
            image,
            fade,
            outline,
        })
    }

    fn sampled(&self, request: &SurfaceMapRequest, side: usize) -> Result<Taken, WorkflowError> {
        let (sampler, mesh, path) = sampler(request, &self.image, side)?;
        let sample = |values: Option<&Vec<f32>>| -> Result<Vec<f32>, MapError> {
            let sampled = values.map(|values| sampler.sample(values)).transpose();
            let sampled = sampled.map_err(|source| MapError::Surface {
                path: path.clone(),
                source,
            })?;
            Ok(sampled.unwrap_or_default())
        };
        let values = [
            sample(Some(&self.image.values))?,
            sample(self.fade.as_ref())?,
            sample(self.outline.as_ref())?,
        ];
        Ok(Taken { values, mesh, path })
    }
}

/// Values that are given by vertex, on the first of the surfaces to be drawn.
fn by_vertices(request: &SurfaceMapRequest, side: usize) -> Result<Taken, WorkflowError> {
    let Some(surfaces) = request.flat.as_ref().or(request.inflated.as_ref()) else {
        return Err(MapError::Nothing {
            path: request.volume.clone(),
        }
        .into());
    };
    let path = surfaces[side].clone();
    let mesh = mesh_of(&path)?;
    let points = mesh.points().len();
    let right = match &request.depth {
        Depth::Vertices { right } => right.as_deref(),
        _ => None,
    };
    let beside = |files: &str, of: &dyn Fn(f64) -> f64| -> Result<Vec<f32>, WorkflowError> {
        let (left, right) = match files.split_once(',') {
            Some((left, right)) => (left, Some(Path::new(right))),
            None => (files, None),
        };
        let mut values = of_side(Path::new(left), right, side, request.number, points, &path)?;
        for value in &mut values {
            *value = of(f64::from(*value)) as f32;
        }
        Ok(values)
    };
    let fade = request.sure.fade.as_ref();
    let fade = fade.map(|fade| beside(&fade.of, &|v| fade.score(v)));
    let outline = request.sure.outline.as_ref();
    let outline = outline.map(|outline| beside(&outline.of, &|p| outline.inside(p)));
    let values = [
        of_side(&request.volume, right, side, request.number, points, &path)?,
        fade.transpose()?.unwrap_or_default(),
        outline.transpose()?.unwrap_or_default(),
    ];
    Ok(Taken { values, mesh, path })
}

/// The values of a hemisphere from its GIFTI or from a CIFTI; NaN where there is none.
fn of_side(
    file: &Path,
    right: Option<&Path>,
    side: usize,
    number: usize,
    points: usize,
    mesh: &Path,
) -> Result<Vec<f32>, WorkflowError> {
    let none = |path: &Path, found: usize| MapError::NoVolume {
        path: path.to_owned(),
        volume: number,
        found,
    };
    if right.is_some() {
        let path = right.filter(|_| side == 1).unwrap_or(file);
        let columns = Gifti::read(path)?.columns()?;
        let column = number.checked_sub(1).and_then(|at| columns.get(at));
        let column = column.ok_or_else(|| none(path, columns.len()))?;
        same_points(path, column.len(), mesh, points)?;
        return Ok(column.iter().map(|&value| value as f32).collect());
    }
    let reader = cifti::Reader::open(file)?;
    let Axis::Models(axis) = reader.axes()[1].clone() else {
        return Err(MapError::Nothing {
            path: file.to_owned(),
        }
        .into());
    };
    let matrix = reader.read::<f32>()?;
    let row = number.checked_sub(1).filter(|&row| row < matrix.nrows());
    let row = matrix.row(row.ok_or_else(|| none(file, matrix.nrows()))?);
    let structure = Hemisphere::BOTH[side].cifti();
    let mut values = vec![f32::NAN; points];
    for model in axis
        .models
        .iter()
        .filter(|model| model.structure == structure)
    {
        if let Part::Surface { vertices, of } = &model.part {
            same_points(file, *of as usize, mesh, points)?;
            for (&vertex, &value) in vertices.iter().zip(row.iter().skip(model.offset)) {
                values[vertex as usize] = value;
            }
        }
    }
    Ok(values)
}

/// What takes the values of a hemisphere's vertices, the mesh they are taken on and its file.
fn sampler(
    request: &SurfaceMapRequest,
    image: &Image,
    side: usize,
) -> Result<(Sampler, Mesh, PathBuf), WorkflowError> {
    let of = |path: &Path, source| MapError::Surface {
        path: path.to_owned(),
        source,
    };
    match &request.depth {
        Depth::Vertices { .. } => Err(MapError::Nothing {
            path: request.volume.clone(),
        }
        .into()),
        Depth::Between {
            outer,
            inner,
            samples,
        } => {
            let (mesh, within) = (mesh_of(&outer[side])?, mesh_of(&inner[side])?);
            let kind = SamplingKind::Depth {
                inner: &within,
                depths: &depths(*samples),
            };
            let sampler = Sampler::new(&mesh, image.grid, &kind, Interpolation::Linear, None)
                .map_err(|e| of(&outer[side], e))?;
            Ok((sampler, mesh, outer[side].clone()))
        }
        Depth::Along {
            middle,
            radius,
            samples,
        } => {
            let mesh = mesh_of(&middle[side])?;
            let kind = SamplingKind::Line {
                radius: *radius,
                samples: *samples,
            };
            let sampler = Sampler::new(&mesh, image.grid, &kind, Interpolation::Linear, None)
                .map_err(|e| of(&middle[side], e))?;
            Ok((sampler, mesh, middle[side].clone()))
        }
    }
}

fn mesh_of(path: &Path) -> Result<Mesh, WorkflowError> {
    let surface = read_surface(path)?;
    let mesh = Mesh::of_file(&surface).map_err(|source| MapError::Surface {
        path: path.to_owned(),
        source,
    })?;
    Ok(mesh)
}

fn same_points(first: &Path, a: usize, second: &Path, b: usize) -> Result<(), MapError> {
    if a == b {
        return Ok(());
    }
    Err(MapError::Points {
        first: first.to_owned(),
        a,
        second: second.to_owned(),
        b,
    })
}

/// A value for each vertex: the first column of a GIFTI file.
fn by_vertex(path: &Path, points: usize, mesh: &Path) -> Result<Vec<f32>, WorkflowError> {
    let columns = Gifti::read(path)?.columns()?;
    let column = columns
        .into_iter()
        .next()
        .ok_or_else(|| MapError::Nothing {
            path: path.to_owned(),
        })?;
    same_points(path, column.len(), mesh, points)?;
    Ok(column.into_iter().map(|value| value as f32).collect())
}
