//! CIFTI-2 files equal what nibabel reads from them, axes and numbers, bit for bit; what is written is read again.

mod images;

use emotome_neurofiles::cifti::{
    Axis, BrainModel, BrainModels, LabelMap, Map, Part, Reader, write,
};
use emotome_neurofiles::gifti::Label;
use emotome_neurofiles::{Affine, Grid};
use emotome_stimuli::output::Overwrite;
use images::{bits, cases, f64s};
use ndarray::{Array2, array};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// An axis in the terms of the fixtures, the volume apart.
fn described(axis: &Axis) -> (Value, Option<Grid>) {
    let meta = |map: &Map| {
        map.meta
            .iter()
            .cloned()
            .collect::<std::collections::BTreeMap<_, _>>()
    };
    match axis {
        Axis::Models(axis) => {
            let models: Vec<Value> = axis.models.iter().map(|model| {
                let mut json = json!({"structure": model.structure, "offset": model.offset, "count": model.part.len()});
                match &model.part {
                    Part::Surface { vertices, of } => {
                        json["vertices"] = json!(vertices);
                        json["of"] = json!(of);
                    }
                    Part::Voxels(voxels) => json["voxels"] = json!(voxels),
                }
                json
            }).collect();
            (json!({"kind": "models", "models": models}), axis.volume)
        }
        Axis::Parcels(axis) => {
            let parcels: Vec<Value> = axis
                .parcels
                .iter()
                .map(|parcel| {
                    let vertices: serde_json::Map<String, Value> = parcel
                        .vertices
                        .iter()
                        .map(|(k, v)| (k.clone(), json!(v)))
                        .collect();
                    json!({"name": parcel.name, "voxels": parcel.voxels, "vertices": vertices})
                })
                .collect();
            let surfaces: serde_json::Map<String, Value> = axis
                .surfaces
                .iter()
                .map(|(k, v)| (k.clone(), json!(v)))
                .collect();
            (
                json!({"kind": "parcels", "parcels": parcels, "surfaces": surfaces}),
                axis.volume,
            )
        }
        Axis::Scalars(maps) => {
            let names: Vec<&str> = maps.iter().map(|m| m.name.as_str()).collect();
            let metas: Vec<_> = maps.iter().map(meta).collect();
            (
                json!({"kind": "scalars", "names": names, "meta": metas}),
                None,
            )
        }
        Axis::Labels(maps) => {
            let names: Vec<&str> = maps.iter().map(|m| m.map.name.as_str()).collect();
            let tables: Vec<serde_json::Map<String, Value>> = maps
                .iter()
                .map(|m| {
                    m.labels
                        .iter()
                        .map(|l| (l.key.to_string(), json!([l.name, l.rgba])))
                        .collect()
                })
                .collect();
            let metas: Vec<_> = maps.iter().map(|m| meta(&m.map)).collect();
            (
                json!({"kind": "labels", "names": names, "tables": tables, "meta": metas}),
                None,
            )
        }
        Axis::Series(s) => (
            json!({"kind": "series", "start": s.start, "step": s.step, "size": s.count, "unit": s.unit}),
            None,
        ),
    }
}

#[test]
fn every_kind_of_matrix_equals_nibabel() {
    let mut count = 0;
    for case in cases("cifti") {
        let (folder, name) = (case.unpack(), &case.name);
        let path = folder.path().join(&case.open);
        let reader = Reader::open(&path).unwrap_or_else(|e| panic!("{name}: {e}"));
        for (axis, expected) in reader
            .axes()
            .iter()
            .zip(case.json["axes"].as_array().unwrap())
        {
            let (found, volume) = described(axis);
            let mut expected = expected.clone();
            let fields = expected.as_object_mut().unwrap();
            let (shape, affine) = (fields.remove("volume"), fields.remove("affine"));
            // nibabel lists no volume where an axis has no voxels.
            if let (Some(shape), Some(affine), Some(volume)) = (shape, affine, volume) {
                assert_eq!(json!(volume.shape), shape, "{name}");
                assert_eq!(
                    bits(&volume.affine.0.concat()),
                    bits(&f64s(&affine)),
                    "{name}"
                );
            }
            assert_eq!(found, expected, "{name}");
        }
        let lengths = reader.axes().each_ref().map(Axis::len);
        let matrix = reader.read::<f64>().unwrap();
        assert_eq!(matrix.shape(), lengths);
        let values: Vec<f64> = matrix.iter().copied().collect();
        assert_eq!(bits(&values), bits(&case.f64("data")), "{name}");
        for (row, column) in Reader::open(&path)
            .unwrap()
            .rows::<f64>()
            .unwrap()
            .zip(matrix.columns())
        {
            assert_eq!(row.unwrap(), column.to_vec());
        }
        count += 1;
    }
    assert!(count >= 19, "{count}");
}

fn left() -> BrainModels {
    let part = Part::Surface {
        vertices: vec![0, 2, 5],
        of: 6,
    };
    let cortex = BrainModel {
        structure: "CIFTI_STRUCTURE_CORTEX_LEFT".into(),
        offset: 0,
        part,
    };
    let part = Part::Voxels(vec![[1, 0, 2], [0, 1, 0]]);
    let thalamus = BrainModel {
        structure: "CIFTI_STRUCTURE_THALAMUS_LEFT".into(),
        offset: 3,
        part,
    };
    let affine = Affine([
        [-2.0, 0.0, 0.0, 90.0],
        [0.0, 2.0, 0.0, -126.0],
        [0.0, 0.0, 2.0, -72.25],
    ]);
    BrainModels {
        models: vec![cortex, thalamus],
        volume: Some(Grid {
            shape: [2, 2, 3],
            affine,
        }),
    }
}

#[test]
fn every_matrix_of_the_fixtures_can_be_written_again() {
    for case in cases("cifti").filter(|c| c.name != "plabel_f4" && c.name != "plabel_f8") {
        let folder = case.unpack();
        let reader = Reader::open(folder.path().join(&case.open)).unwrap();
        let axes = reader.axes().clone();
        let matrix = reader.read::<f32>().unwrap();
        let path = folder.path().join(format!("again_{}", case.open));
        write(&path, Overwrite::Refuse, &axes, matrix.view())
            .unwrap_or_else(|e| panic!("{}: {e}", case.name));
        let again = Reader::open(&path).unwrap();
        assert_eq!(again.axes(), &axes, "{}", case.name);
        let intents = [
            ("dconn", 3001),
            ("dtseries", 3002),
            ("pconn", 3003),
            ("ptseries", 3004),
            ("dscalar", 3006),
            ("dlabel", 3007),
            ("pscalar", 3008),
        ];
        let intent = intents.iter().find(|(kind, _)| case.open.contains(kind));
        assert_eq!(again.header().intent, intent.unwrap().1, "{}", case.name);
        assert_eq!(again.read::<f32>().unwrap(), matrix, "{}", case.name);
    }
}

#[test]
fn what_does_not_fit_is_not_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.dscalar.nii");
    let axes = [Axis::Scalars(vec![Map::named("a")]), Axis::Models(left())];
    let error = write(&path, Overwrite::Refuse, &axes, array![[1.0_f32]].view())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("the axes: of lengths [1, 5]; expected the shape of the matrix, [1, 1]"),
        "{error}"
    );
    let error = write(
        dir.path().join("x.nii"),
        Overwrite::Refuse,
        &axes,
        Array2::zeros((1, 5)).view(),
    );
    assert!(
        error
            .unwrap_err()
            .to_string()
            .ends_with("expected one that ends in .dscalar.nii")
    );
    let mut gap = left();
    gap.models[1].offset = 4;
    let axes = [Axis::Scalars(vec![Map::named("a")]), Axis::Models(gap)];
    let error = write(
        &path,
        Overwrite::Refuse,
        &axes,
        Array2::zeros((1, 5)).view(),
    )
    .unwrap_err()
    .to_string();
    assert!(error.contains("expected no gap and no overlap"), "{error}");
    assert!(!path.exists());
}

/// A sound file, its XML changed; the change is as long as what it replaces.
fn tampered(from: &str, to: &str) -> String {
    assert_eq!(from.len(), to.len(), "{from} {to}");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.dlabel.nii");
    let labels = vec![Label {
        key: 1,
        name: "V1".into(),
        rgba: [0.5, 0.25, 0.0, 1.0],
    }];
    let axes = [
        Axis::Labels(vec![LabelMap {
            map: Map::named("areas"),
            labels,
        }]),
        Axis::Models(left()),
    ];
    write(&path, Overwrite::Refuse, &axes, Array2::ones((1, 5)).view()).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes
        .windows(from.len())
        .position(|w| w == from.as_bytes())
        .unwrap_or_else(|| panic!("{from}"));
    bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    fs::write(&path, bytes).unwrap();
    Reader::open(&path).expect_err(to).to_string()
}

#[test]
fn lying_axes_are_named_with_what_was_found() {
    for (from, to, expected) in [
        (">0 2 5<", ">0 2 6<", "vertex 6 of a surface that has 6"),
        (">0 2 5<", ">0 2 2<", "vertex 2 twice"),
        (">0 2 5<", ">0 255<", "vertex 255 of a surface that has 6"),
        (
            "IndexCount=\"3\"",
            "IndexCount=\"2\"",
            "IndexCount of <BrainModel> is \"2\"; expected 3",
        ),
        (
            ">0 2 5<",
            ">0 x 5<",
            "\"x\" in <VertexIndices>; expected a vertex",
        ),
        (
            "1 0 2 0 1 0",
            "1 0 9 0 1 0",
            "voxel [1, 0, 9] of a volume of [2, 2, 3]",
        ),
        (
            "1 0 2 0 1 0",
            "1 0 2 0 1  ",
            "5 indices of voxels; expected three for each",
        ),
        (
            "IndexOffset=\"3\"",
            "IndexOffset=\"4\"",
            "expected no gap and no overlap",
        ),
        (
            "MODEL_TYPE_VOXELS",
            "MODEL_TYPE_PIXELS",
            "ModelType of <BrainModel> is",
        ),
        (
            "BRAIN_MODELS",
            "BRAIN_MUDDLE",
            "IndicesMapToDataType of <MatrixIndicesMap> is",
        ),
        (
            "AppliesToMatrixDimension=\"1\"",
            "AppliesToMatrixDimension=\"2\"",
            "expected 0, 1 or 0,1",
        ),
        (
            "AppliesToMatrixDimension=\"1\"",
            "AppliesToMatrixDimension=\"0\"",
            "axis 0 has 5 elements, but the header 1 along it",
        ),
        (
            "VolumeDimensions=\"2,2,3\"",
            "VolumeDimensions=\"2,2 3\"",
            "three whole numbers between commas",
        ),
        ("<Volume V", "<Volumx V", "the file is damaged"),
        (
            "Version=\"2\"",
            "Version=\"1\"",
            "Version of <CIFTI> is \"1\"; expected 2",
        ),
        (
            "Key=\"1\"",
            "Key=\"!\"",
            "Key of <Label> is \"!\"; expected a whole number",
        ),
        (
            "90 0 2",
            "na 0 2",
            "\"na\" in <TransformationMatrixVoxelIndicesIJKtoXYZ>",
        ),
    ] {
        let error = tampered(from, to);
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_volume_is_no_grayordinate_file_and_a_cut_one_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.dscalar.nii");
    let axes = [Axis::Scalars(vec![Map::named("a")]), Axis::Models(left())];
    write(
        &path,
        Overwrite::Refuse,
        &axes,
        Array2::zeros((1, 5)).view(),
    )
    .unwrap();
    let bytes = fs::read(&path).unwrap();
    for at in 0..bytes.len() {
        fs::write(&path, &bytes[..at]).unwrap();
        let failed = Reader::open(&path).and_then(|r| r.read::<f32>());
        assert!(failed.is_err(), "{at}");
    }
    let case = cases("nifti").find(|c| c.open.ends_with(".nii")).unwrap();
    let error = Reader::open(case.unpack().path().join(&case.open))
        .unwrap_err()
        .to_string();
    assert!(error.contains("expected 32 among them"), "{error}");
}

#[test]
fn real_sulcal_depth_is_read() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data/brain/hcp/S1200.sulc_MSMAll.32k_fs_LR.dscalar.nii");
    if !path.exists() {
        return println!("skipped: {} is absent", path.display());
    }
    let reader = Reader::open(&path).unwrap();
    let [Axis::Scalars(maps), Axis::Models(axis)] = reader.axes() else {
        panic!("{reader:?}")
    };
    assert_eq!(maps.len(), 1);
    let parts: Vec<(&str, usize)> = axis
        .models
        .iter()
        .map(|m| (m.structure.as_str(), m.part.len()))
        .collect();
    // The medial wall is left out.
    assert_eq!(
        parts,
        [
            ("CIFTI_STRUCTURE_CORTEX_LEFT", 29_696),
            ("CIFTI_STRUCTURE_CORTEX_RIGHT", 29_716)
        ]
    );
    let matrix = reader.read::<f32>().unwrap();
    assert!(matrix.iter().all(|v| v.is_finite()) && matrix.iter().any(|&v| v < 0.0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn what_is_written_is_read(
        values in prop::collection::vec(-1e30_f32..1e30, 10),
        names in prop::collection::vec("[ -~]{1,9}", 2),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.dscalar.nii");
        let maps = names.iter().map(|n| Map { name: n.trim().to_owned(), meta: vec![(n.trim().to_owned(), "<&>".to_owned())] });
        let axes = [Axis::Scalars(maps.collect()), Axis::Models(left())];
        let matrix = Array2::from_shape_vec((2, 5), values).unwrap();
        write(&path, Overwrite::Refuse, &axes, matrix.view()).unwrap();
        let reader = Reader::open(&path).unwrap();
        prop_assert_eq!(reader.axes(), &axes);
        prop_assert_eq!(reader.read::<f32>().unwrap(), matrix);
    }
}
