//! Writes one file of every kind; `fixtures/check_images.py` compares them in nibabel.

use std::path::PathBuf;

use emotome_neurofiles::cifti::{
    self, Axis, BrainModel, BrainModels, LabelMap, Map, Parcel, Parcels, Part, Series,
};
use emotome_neurofiles::gifti::{Gifti, Intent, Label, Surface};
use emotome_neurofiles::nifti::{Layout, Stored, Writer, write};
use emotome_neurofiles::{Affine, Grid};
use emotome_stimuli::output::Overwrite;
use ndarray::array;

const REPLACE: Overwrite = Overwrite::Replace;

fn grid() -> Grid {
    let affine = Affine([
        [-2.0, 0.0, 0.5, 90.0],
        [0.0, 2.0, 0.0, -126.0],
        [0.25, 0.0, 2.0, -72.0],
    ]);
    Grid {
        shape: [3, 4, 2],
        affine,
    }
}

fn ramp<T: Stored>(of: impl Fn(u8) -> T) -> Vec<T> {
    (0..24).map(of).collect()
}

#[test]
fn a_file_of_every_kind_is_written() {
    let kept = std::env::var_os("WRITE_IMAGES").map(PathBuf::from);
    let scratch = tempfile::tempdir().unwrap();
    let folder = kept.unwrap_or_else(|| scratch.path().to_owned());
    let at = |name: &str| folder.join(name);
    write(at("u8.nii"), REPLACE, &grid(), &ramp(|v| v)).unwrap();
    write(at("i16.nii.gz"), REPLACE, &grid(), &ramp(i16::from)).unwrap();
    write(at("i32.nii"), REPLACE, &grid(), &ramp(i32::from)).unwrap();
    write(at("f32.nii.gz"), REPLACE, &grid(), &ramp(f32::from)).unwrap();
    write(at("f64.nii"), REPLACE, &grid(), &ramp(f64::from)).unwrap();
    let layout = Layout {
        volumes: Some(3),
        repetition: Some(0.72),
        description: "a run".into(),
        ..Layout::new(grid())
    };
    let mut writer = Writer::create(at("series.nii.gz"), REPLACE, &layout).unwrap();
    for volume in 0..3_u8 {
        writer.volume(&ramp(|v| f32::from(v + volume))).unwrap();
    }
    writer.finish().unwrap();
    let long = Grid {
        shape: [40_000, 1, 1],
        ..grid()
    };
    write(at("long.nii"), REPLACE, &long, &vec![1_u8; 40_000]).unwrap();

    let points = vec![[0.1, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.3]];
    let surface = Surface {
        points,
        triangles: vec![[0, 1, 2], [2, 1, 0]],
    };
    Gifti::from_surface(&surface, Some("CortexLeft"))
        .write(at("mesh.surf.gii"), REPLACE)
        .unwrap();
    let columns: [(&str, &[f32]); 2] = [("a & b", &[1.0, 2.0, 3.0]), ("λ", &[0.1, f32::NAN, -3.0])];
    Gifti::from_columns(&Intent::None, &columns, None)
        .write(at("data.func.gii.gz"), REPLACE)
        .unwrap();
    let label = |key, name: &str, rgba| Label {
        key,
        name: name.to_owned(),
        rgba,
    };
    let labels = vec![
        label(0, "???", [0.0; 4]),
        label(7, "V1 <left>", [0.5, 0.25, 1.0, 1.0]),
    ];
    Gifti::from_labels(&[0, 7, 7], &labels, None)
        .write(at("areas.label.gii"), REPLACE)
        .unwrap();

    let structure = "CIFTI_STRUCTURE_CORTEX_LEFT".to_owned();
    let part = Part::Surface {
        vertices: vec![0, 2, 5],
        of: 6,
    };
    let cortex = BrainModel {
        structure: structure.clone(),
        offset: 0,
        part,
    };
    let part = Part::Voxels(vec![[1, 0, 2], [0, 1, 0]]);
    let thalamus = BrainModel {
        structure: "CIFTI_STRUCTURE_THALAMUS_LEFT".into(),
        offset: 3,
        part,
    };
    let volume = Some(Grid {
        shape: [2, 2, 3],
        ..grid()
    });
    let models = Axis::Models(BrainModels {
        models: vec![cortex, thalamus],
        volume,
    });
    let matrix = array![[0.0_f32, 7.0, 7.0, 0.0, 7.0], [7.0, 0.0, 0.0, 0.0, 7.0]];
    let one = Map::named("one");
    let two = Map {
        name: "t & u".into(),
        meta: vec![("k".into(), "v".into())],
    };
    let firsts = [
        (
            "map.dscalar.nii",
            Axis::Scalars(vec![one.clone(), two.clone()]),
        ),
        (
            "areas.dlabel.nii",
            Axis::Labels(
                [one.clone(), two]
                    .map(|map| LabelMap {
                        map,
                        labels: labels.clone(),
                    })
                    .to_vec(),
            ),
        ),
        (
            "run.dtseries.nii",
            Axis::Series(Series {
                start: 1.5,
                step: 0.72,
                unit: "SECOND".into(),
                count: 2,
            }),
        ),
    ];
    for (name, first) in firsts {
        cifti::write(at(name), REPLACE, &[first, models.clone()], matrix.view()).unwrap();
    }
    let parcel = Parcel {
        name: "V1 & <V2>".into(),
        vertices: vec![(structure.clone(), vec![1, 4])],
        voxels: Vec::new(),
    };
    let parcels = Axis::Parcels(Parcels {
        parcels: vec![parcel],
        surfaces: vec![(structure, 6)],
        volume: None,
    });
    cifti::write(
        at("map.pscalar.nii"),
        REPLACE,
        &[Axis::Scalars(vec![one]), parcels],
        array![[0.5_f32]].view(),
    )
    .unwrap();
    let expected = serde_json::json!({
        "affine": grid().affine, "shape": grid().shape, "points": surface.points, "triangles": surface.triangles,
        "matrix": matrix.outer_iter().map(|row| row.to_vec()).collect::<Vec<_>>(),
    });
    std::fs::write(at("expected.json"), expected.to_string()).unwrap();
}
