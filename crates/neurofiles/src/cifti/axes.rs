//! From the XML of a header to axes.

use std::collections::HashMap;

use crate::gifti::read::labels;
use crate::gifti::xml::{Document, Node};
use crate::grid::{Affine, Grid};
use crate::nifti::ImageError;

use super::{Axis, BrainModel, BrainModels, LabelMap, Map, Parcel, Parcels, Part, Series};

/// The two axes, which must be as long as `shape`.
pub(crate) fn axes(document: &Document<'_>, shape: [usize; 2]) -> Result<[Axis; 2], ImageError> {
    let root = document.root("CIFTI")?;
    if let Some(version) = root
        .attribute("Version")
        .filter(|v| v.trim().parse() != Ok(2.0))
    {
        let expected = "2; convert a CIFTI-1 file with wb_command -file-convert";
        return Err(document.wrong(&root, "Version", version, expected));
    }
    let matrix = root.child("Matrix");
    let matrix = matrix.ok_or_else(|| document.error(root.at, "a <CIFTI> without <Matrix>"))?;
    let mut found = [None, None];
    for map in matrix.children("MatrixIndicesMap") {
        let applies = document.attribute(map, "AppliesToMatrixDimension")?;
        for dimension in applies.split(',') {
            let place = match dimension.trim() {
                "0" => 0,
                "1" => 1,
                _ => {
                    let expected = "0, 1 or 0,1, since the matrix has two axes";
                    return Err(document.wrong(map, "AppliesToMatrixDimension", applies, expected));
                }
            };
            let axis = axis(document, map)?;
            if axis.len() != shape[place] {
                let what = format!(
                    "axis {place} has {} elements, but the header {} along it; the file is damaged: write it again",
                    axis.len(),
                    shape[place]
                );
                return Err(document.error(map.at, what));
            }
            if found[place].replace(axis).is_some() {
                return Err(document.error(
                    map.at,
                    format!("a second <MatrixIndicesMap> for dimension {place}"),
                ));
            }
        }
    }
    match found {
        [Some(first), Some(second)] => Ok([first, second]),
        _ => Err(document.error(
            matrix.at,
            "a <MatrixIndicesMap> is missing; expected one for each of two dimensions",
        )),
    }
}

fn axis(document: &Document<'_>, map: &Node<'_>) -> Result<Axis, ImageError> {
    let name = |node: &Node<'_>| Map {
        name: node
            .child("MapName")
            .map(|n| n.text.trim().to_owned())
            .unwrap_or_default(),
        meta: document.meta(node),
    };
    let volume = || {
        map.child("Volume")
            .map(|node| volume(document, node))
            .transpose()
    };
    match document.attribute(map, "IndicesMapToDataType")? {
        "CIFTI_INDEX_TYPE_SCALARS" => {
            Ok(Axis::Scalars(map.children("NamedMap").map(name).collect()))
        }
        "CIFTI_INDEX_TYPE_LABELS" => {
            let one = |node| {
                let table = Node::child(node, "LabelTable");
                let table = table.ok_or_else(|| {
                    document.error(node.at, "a map of labels without <LabelTable>")
                })?;
                Ok(LabelMap {
                    map: name(node),
                    labels: labels(document, table)?,
                })
            };
            Ok(Axis::Labels(
                map.children("NamedMap")
                    .map(one)
                    .collect::<Result<_, ImageError>>()?,
            ))
        }
        "CIFTI_INDEX_TYPE_SERIES" => {
            let exponent: i32 = document.number(map, "SeriesExponent", "a whole number")?;
            // A decimal literal is rounded once, a power is not.
            let scale: f64 = format!("1e{exponent}").parse().unwrap_or(f64::NAN);
            let real = |name| {
                let value: f64 = document.number(map, name, "a number")?;
                let scaled = value * scale;
                let text = format!("{value} · 10^{exponent}");
                if scaled.is_finite() {
                    Ok(scaled)
                } else {
                    Err(document.wrong(map, name, &text, "a finite number"))
                }
            };
            Ok(Axis::Series(Series {
                start: real("SeriesStart")?,
                step: real("SeriesStep")?,
                unit: document.attribute(map, "SeriesUnit")?.to_owned(),
                count: document.number(map, "NumberOfSeriesPoints", "a whole number")?,
            }))
        }
        "CIFTI_INDEX_TYPE_BRAIN_MODELS" => models(document, map, volume()?).map(Axis::Models),
        "CIFTI_INDEX_TYPE_PARCELS" => parcels(document, map, volume()?).map(Axis::Parcels),
        found => {
            let expected = "CIFTI_INDEX_TYPE_BRAIN_MODELS, PARCELS, SCALARS, LABELS or SERIES";
            Err(document.wrong(map, "IndicesMapToDataType", found, expected))
        }
    }
}

fn models(
    document: &Document<'_>,
    map: &Node<'_>,
    volume: Option<Grid>,
) -> Result<BrainModels, ImageError> {
    let mut models: Vec<BrainModel> = Vec::new();
    for node in map.children("BrainModel") {
        let count: usize = document.number(node, "IndexCount", "a whole number")?;
        let text = |name| {
            let child = node.child(name);
            child.ok_or_else(|| document.error(node.at, format!("a <BrainModel> without <{name}>")))
        };
        let part = match document.attribute(node, "ModelType")? {
            "CIFTI_MODEL_TYPE_SURFACE" => {
                let of = document.number(node, "SurfaceNumberOfVertices", "a whole number")?;
                let vertices = vertices(document, text("VertexIndices")?, of)?;
                Part::Surface { vertices, of }
            }
            "CIFTI_MODEL_TYPE_VOXELS" => {
                Part::Voxels(voxels(document, text("VoxelIndicesIJK")?, volume)?)
            }
            found => {
                let expected = "CIFTI_MODEL_TYPE_SURFACE or CIFTI_MODEL_TYPE_VOXELS";
                return Err(document.wrong(node, "ModelType", found, expected));
            }
        };
        if part.len() != count {
            let expected = format!("{}, the number of its indices", part.len());
            return Err(document.wrong(node, "IndexCount", &count.to_string(), &expected));
        }
        models.push(BrainModel {
            structure: document.attribute(node, "BrainStructure")?.to_owned(),
            offset: document.number(node, "IndexOffset", "a whole number")?,
            part,
        });
    }
    models.sort_by_key(|model| model.offset);
    let mut next = 0;
    for model in &models {
        if model.offset != next {
            let what = format!(
                "{} begins at {}, but the model before it ends at {next}; expected no gap and no overlap",
                model.structure, model.offset
            );
            return Err(document.error(map.at, what));
        }
        next += model.part.len();
    }
    Ok(BrainModels { models, volume })
}

fn parcels(
    document: &Document<'_>,
    map: &Node<'_>,
    volume: Option<Grid>,
) -> Result<Parcels, ImageError> {
    let mut surfaces: Vec<(String, u32)> = Vec::new();
    let mut vertices_of = HashMap::new();
    for node in map.children("Surface") {
        let of = document.number(node, "SurfaceNumberOfVertices", "a whole number")?;
        let structure = document.attribute(node, "BrainStructure")?;
        if vertices_of.insert(structure, of).is_some() {
            return Err(document.wrong(
                node,
                "BrainStructure",
                structure,
                "a <Surface> for each structure",
            ));
        }
        surfaces.push((structure.to_owned(), of));
    }
    let mut parcels = Vec::new();
    for node in map.children("Parcel") {
        let mut parcel = Parcel {
            name: document.attribute(node, "Name")?.to_owned(),
            vertices: Vec::new(),
            voxels: Vec::new(),
        };
        for part in node.children("Vertices") {
            let structure = document.attribute(part, "BrainStructure")?;
            let of = vertices_of.get(structure).ok_or_else(|| {
                document.wrong(part, "BrainStructure", structure, "that of a <Surface>")
            })?;
            parcel
                .vertices
                .push((structure.to_owned(), vertices(document, part, *of)?));
        }
        if let Some(part) = node.child("VoxelIndicesIJK") {
            parcel.voxels = voxels(document, part, volume)?;
        }
        parcels.push(parcel);
    }
    Ok(Parcels {
        parcels,
        surfaces,
        volume,
    })
}

/// Vertices, each once and below `of`.
fn vertices(document: &Document<'_>, node: &Node<'_>, of: u32) -> Result<Vec<u32>, ImageError> {
    let vertices: Vec<u32> = document.numbers(node, "a vertex")?;
    let mut sorted = vertices.clone();
    sorted.sort_unstable();
    if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(document.error(
            node.at,
            format!("vertex {} twice; expected each once", pair[0]),
        ));
    }
    match sorted.last() {
        Some(last) if *last >= of => Err(document.error(
            node.at,
            format!(
                "vertex {last} of a surface that has {of}; the file is damaged: write it again"
            ),
        )),
        _ => Ok(vertices),
    }
}

fn voxels(
    document: &Document<'_>,
    node: &Node<'_>,
    volume: Option<Grid>,
) -> Result<Vec<[u32; 3]>, ImageError> {
    let volume = volume
        .ok_or_else(|| document.error(node.at, "voxels, but no <Volume> that they are of"))?;
    let numbers: Vec<u32> = document.numbers(node, "an index of a voxel")?;
    let (voxels, rest) = numbers.as_chunks();
    if !rest.is_empty() {
        let what = format!(
            "{} indices of voxels; expected three for each",
            numbers.len()
        );
        return Err(document.error(node.at, what));
    }
    let outside = |v: &&[u32; 3]| v.iter().zip(volume.shape).any(|(&i, n)| i as usize >= n);
    match voxels.iter().find(outside) {
        Some(voxel) => {
            let what = format!(
                "voxel {voxel:?} of a volume of {:?}; the file is damaged: write it again",
                volume.shape
            );
            Err(document.error(node.at, what))
        }
        None => Ok(voxels.to_vec()),
    }
}

fn volume(document: &Document<'_>, node: &Node<'_>) -> Result<Grid, ImageError> {
    let dimensions = document.attribute(node, "VolumeDimensions")?;
    let parsed: Vec<usize> = dimensions
        .split(',')
        .filter_map(|n| n.trim().parse().ok())
        .collect();
    let &[i, j, k] = parsed.as_slice() else {
        return Err(document.wrong(
            node,
            "VolumeDimensions",
            dimensions,
            "three whole numbers between commas",
        ));
    };
    let name = "TransformationMatrixVoxelIndicesIJKtoXYZ";
    let transform = node.child(name);
    let transform =
        transform.ok_or_else(|| document.error(node.at, format!("a <Volume> without <{name}>")))?;
    let exponent: i32 = match transform.attribute("MeterExponent") {
        Some(_) => document.number(transform, "MeterExponent", "a whole number")?,
        None => 0,
    };
    let scale: f64 = format!("1e{}", i64::from(exponent) + 3)
        .parse()
        .unwrap_or(f64::NAN);
    let [a, b, c, last] = document.matrix(transform)?;
    let affine = [a, b, c].map(|row| row.map(|v| if scale == 1.0 { v } else { v * scale }));
    if last != [0.0, 0.0, 0.0, 1.0] || !affine.iter().flatten().all(|v| v.is_finite()) {
        let what = format!(
            "the matrix {:?} · 10^{exponent} m; expected finite numbers and 0 0 0 1 at the end",
            [a, b, c, last]
        );
        return Err(document.error(transform.at, what));
    }
    Ok(Grid {
        shape: [i, j, k],
        affine: Affine(affine),
    })
}
