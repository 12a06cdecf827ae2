//! Writing CIFTI-2.

use std::fmt::Write;
use std::path::Path;

use emotome_stimuli::output::Overwrite;
use ndarray::ArrayView2;

use crate::gifti::write::{meta, table};
use crate::gifti::xml::escape;
use crate::grid::{Affine, Grid};
use crate::nifti::{Container, DataType, ImageError, Layout, put_header};

use super::reader::EXTENSION;
use super::{Axis, Part};

/// Where the name of the intent lies in NIfTI-2.
const INTENT_NAME: usize = 508;

/// Writes a matrix of first axis × second axis as `f32`: a dscalar, dlabel, dtseries, dconn, pscalar, ptseries or
/// pconn, as the axes tell, under a name that ends so.
///
/// # Errors
/// [`ImageError::Layout`] if the axes are of no such pair, are not as long as the matrix or would not be read again;
/// [`ImageError::Extension`] if the name ends otherwise; [`ImageError::Output`] if the system refuses.
pub fn write(
    path: impl AsRef<Path>,
    overwrite: Overwrite,
    axes: &[Axis; 2],
    matrix: ArrayView2<'_, f32>,
) -> Result<(), ImageError> {
    let path = path.as_ref();
    let (code, name, ending) = match axes {
        [Axis::Models(_), Axis::Models(_)] => (3001, "ConnDense", ".dconn.nii"),
        [Axis::Series(_), Axis::Models(_)] => (3002, "ConnDenseSeries", ".dtseries.nii"),
        [Axis::Parcels(_), Axis::Parcels(_)] => (3003, "ConnParcels", ".pconn.nii"),
        [Axis::Series(_), Axis::Parcels(_)] => (3004, "ConnParcelSries", ".ptseries.nii"),
        [Axis::Scalars(_), Axis::Models(_)] => (3006, "ConnDenseScalar", ".dscalar.nii"),
        [Axis::Labels(_), Axis::Models(_)] => (3007, "ConnDenseLabel", ".dlabel.nii"),
        [Axis::Scalars(_), Axis::Parcels(_)] => (3008, "ConnParcelScalr", ".pscalar.nii"),
        _ => {
            let expected = "scalars, labels, series or brain models, then brain models or parcels";
            return Err(ImageError::layout(
                path,
                "the axes",
                "of another pair",
                expected,
            ));
        }
    };
    let lengths = axes.each_ref().map(Axis::len);
    if lengths != [matrix.nrows(), matrix.ncols()] || lengths.contains(&0) {
        let expected = format!("the shape of the matrix, {:?}, not empty", matrix.shape());
        return Err(ImageError::layout(
            path,
            "the axes",
            format!("of lengths {lengths:?}"),
            expected,
        ));
    }
    let xml = document(axes);
    // What is written must be read again: indices inside, offsets without gaps, one volume.
    let back = crate::gifti::xml::Document::new(path, xml.as_bytes())
        .and_then(|d| super::axes::axes(&d, lengths));
    back.map_err(|error| {
        ImageError::layout(path, "the axes", error, "axes that can be read again")
    })?;
    let mut affine = [[0.0; 4]; 3];
    (0..3).for_each(|i| affine[i][i] = 1.0);
    let layout = Layout {
        space: 0,
        intent: code,
        ..Layout::new(Grid {
            shape: [1; 3],
            affine: Affine(affine),
        })
    };
    let shape = [1, 1, 1, 1, lengths[0], lengths[1]];
    let mut header = put_header(
        &layout,
        &shape,
        true,
        DataType::F32,
        &[(EXTENSION, xml.as_bytes())],
    );
    header[INTENT_NAME..INTENT_NAME + name.len()].copy_from_slice(name.as_bytes());
    let mut out = Container::create(path, overwrite, &[ending], ending)?;
    out.put(&header)?;
    for row in matrix.columns() {
        out.elements(&row.to_vec())?;
    }
    out.finish()
}

fn document(axes: &[Axis; 2]) -> String {
    let mut text =
        String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<CIFTI Version=\"2\"><Matrix>\n");
    if axes[0] == axes[1] {
        text += &map("0,1", &axes[0]);
    } else {
        text += &map("0", &axes[0]);
        text += &map("1", &axes[1]);
    }
    text + "</Matrix></CIFTI>\n"
}

fn volume(volume: Option<Grid>) -> String {
    let Some(Grid {
        shape: [i, j, k],
        affine,
    }) = volume
    else {
        return String::new();
    };
    let last = [0.0, 0.0, 0.0, 1.0];
    let numbers: Vec<String> = affine
        .0
        .iter()
        .flatten()
        .chain(&last)
        .map(f64::to_string)
        .collect();
    format!(
        "<Volume VolumeDimensions=\"{i},{j},{k}\"><TransformationMatrixVoxelIndicesIJKtoXYZ MeterExponent=\"-3\">{}\
         </TransformationMatrixVoxelIndicesIJKtoXYZ></Volume>\n",
        numbers.join(" ")
    )
}

fn map(dimension: &str, axis: &Axis) -> String {
    let kind = match axis {
        Axis::Models(_) => "BRAIN_MODELS",
        Axis::Parcels(_) => "PARCELS",
        Axis::Scalars(_) => "SCALARS",
        Axis::Labels(_) => "LABELS",
        Axis::Series(_) => "SERIES",
    };
    let start = format!(
        "<MatrixIndicesMap AppliesToMatrixDimension=\"{dimension}\" IndicesMapToDataType=\"CIFTI_INDEX_TYPE_{kind}\""
    );
    let mut text = String::new();
    let named = |map: &super::Map, labels: &str| {
        let name = escape(&map.name);
        format!(
            "<NamedMap><MapName>{name}</MapName>{}{labels}</NamedMap>\n",
            meta(&map.meta)
        )
    };
    match axis {
        Axis::Series(series) => {
            return format!(
                "{start} NumberOfSeriesPoints=\"{}\" SeriesExponent=\"0\" SeriesStart=\"{}\" SeriesStep=\"{}\" SeriesUnit=\"{}\"/>\n",
                series.count,
                series.start,
                series.step,
                escape(&series.unit)
            );
        }
        Axis::Scalars(maps) => maps.iter().for_each(|map| text += &named(map, "")),
        Axis::Labels(maps) => maps
            .iter()
            .for_each(|map| text += &named(&map.map, &table(&map.labels))),
        Axis::Models(axis) => {
            text += &volume(axis.volume);
            for model in &axis.models {
                let (structure, offset, count) =
                    (escape(&model.structure), model.offset, model.part.len());
                let (kind, of, indices) = match &model.part {
                    Part::Surface { vertices, of } => (
                        "SURFACE",
                        format!(" SurfaceNumberOfVertices=\"{of}\""),
                        format!("<VertexIndices>{}</VertexIndices>", joined(vertices)),
                    ),
                    Part::Voxels(voxels) => (
                        "VOXELS",
                        String::new(),
                        format!(
                            "<VoxelIndicesIJK>{}</VoxelIndicesIJK>",
                            joined(voxels.as_flattened())
                        ),
                    ),
                };
                let _ = writeln!(
                    text,
                    "<BrainModel IndexOffset=\"{offset}\" IndexCount=\"{count}\" ModelType=\"CIFTI_MODEL_TYPE_{kind}\" \
                     BrainStructure=\"{structure}\"{of}>{indices}</BrainModel>"
                );
            }
        }
        Axis::Parcels(axis) => {
            text += &volume(axis.volume);
            for (structure, of) in &axis.surfaces {
                let structure = escape(structure);
                let _ = writeln!(
                    text,
                    "<Surface BrainStructure=\"{structure}\" SurfaceNumberOfVertices=\"{of}\"/>"
                );
            }
            for parcel in &axis.parcels {
                let _ = write!(text, "<Parcel Name=\"{}\">", escape(&parcel.name));
                for (structure, vertices) in &parcel.vertices {
                    let (structure, vertices) = (escape(structure), joined(vertices));
                    let _ = write!(
                        text,
                        "<Vertices BrainStructure=\"{structure}\">{vertices}</Vertices>"
                    );
                }
                if !parcel.voxels.is_empty() {
                    let voxels = joined(parcel.voxels.as_flattened());
                    let _ = write!(text, "<VoxelIndicesIJK>{voxels}</VoxelIndicesIJK>");
                }
                text.push_str("</Parcel>\n");
            }
        }
    }
    format!("{start}>\n{text}</MatrixIndicesMap>\n")
}

fn joined(numbers: &[u32]) -> String {
    let numbers: Vec<String> = numbers.iter().map(u32::to_string).collect();
    numbers.join(" ")
}
