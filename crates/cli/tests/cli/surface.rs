//! Responses on surfaces and over grayordinates, from files that nibabel wrote to maps that nibabel reads.

use crate::scratch::{Scratch, number};
use emotome_brain::regions::Hemisphere;
use emotome_brain::store::{Place, Repeats, Selection, Store};
use emotome_neurofiles::cifti;
use emotome_neurofiles::gifti::Gifti;
use emotome_stimuli::run::{Interrupt, Run, Silent};
use serde_json::Value;
use std::collections::HashMap;
use std::fs;
use std::path::Path;

const RUN: &str = "sub-01_task-video_run-";

/// A folder with the fixture in it.
fn study() -> (Scratch, Value) {
    let scratch = Scratch::new();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/surface");
    for entry in fs::read_dir(&from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(
            entry.path(),
            scratch.path(&entry.file_name().to_string_lossy()),
        )
        .unwrap();
    }
    let expected = serde_json::from_slice(&fs::read(from.join("expected.json")).unwrap()).unwrap();
    (scratch, expected)
}

fn gifti() -> String {
    let pair = |run| {
        let of = |side| format!("{RUN}{run}_hemi-{side}_space-ico2_bold.func.gii");
        format!("{},{}", of('L'), of('R'))
    };
    format!(
        "brain import --surfaces {} {} --events {RUN}1_events.tsv {RUN}2_events.tsv --subject 01",
        pair(1),
        pair(2)
    )
}

fn grayordinates() -> String {
    format!(
        "brain import --cifti {RUN}1_bold.dtseries.nii {RUN}2_bold.dtseries.nii --events {RUN}1_events.tsv {RUN}2_events.tsv --subject 01"
    )
}

const SEARCH: &str = "rsa searchlight --model model.tsv --model-distance correlation \
                      --midthickness hemi-L_midthickness.surf.gii,hemi-R_midthickness.surf.gii --radius 12mm";

/// The responses of a store to all samples, by where rows lie.
fn rows(path: &Path) -> HashMap<String, Vec<f32>> {
    let store = Store::open(path).unwrap();
    let view = store.view(Selection {
        stimuli: None,
        repeats: Repeats::Each,
        left_out: true,
    });
    let interrupt = Interrupt::default();
    let run = Run {
        progress: &Silent,
        interrupt: &interrupt,
    };
    let values = store.load(&view, run).unwrap().values;
    let name = |row| match store.places().place(row).unwrap() {
        Place::Vertex(side, vertex) => format!("{} {vertex}", side.name()),
        Place::Voxel(_, [i, j, k], structure) => format!("{} {i} {j} {k}", structure.unwrap()),
        Place::Point(point) => panic!("{point:?}"),
    };
    let each = values.outer_iter().enumerate();
    each.map(|(row, values)| (name(row), values.to_vec()))
        .collect()
}

#[test]
fn imports_of_every_format_hold_what_nibabel_reads() {
    let (scratch, expected) = study();
    let done = scratch.json(&format!("{} --out gifti", gifti()));
    let vertices = number(&expected, "vertices") as usize;
    let medial =
        number(&expected["medial"], "L") as usize + number(&expected["medial"], "R") as usize;
    let quality = &done["manifest"]["quality"];
    assert_eq!(number(quality, "voxels_seen") as usize, 2 * vertices);
    assert_eq!(number(quality, "constant") as usize, medial);
    assert_eq!(number(quality, "not_finite") as usize, 1);
    let warning = quality["warnings"][0].as_str().unwrap();
    assert!(
        warning.contains("20 on the left surface and 19 on the right"),
        "{warning}"
    );
    let own = rows(&scratch.path("gifti"));
    assert_eq!(own.len(), 2 * vertices - medial - 1);
    // Sample 15 is the fourth of the second run.
    let probe = expected["probe"].as_array().unwrap();
    for (side, letter) in [("left", "L"), ("right", "R")] {
        for (vertex, value) in probe
            .iter()
            .zip(expected["probed"][letter].as_array().unwrap())
        {
            if let Some(found) = own.get(&format!("{side} {vertex}")) {
                assert_eq!(f64::from(found[15]), value.as_f64().unwrap());
            }
        }
    }
    scratch.json(&format!(
        "brain import --surfaces lh.run1.mgz,rh.run1.mgz lh.run2.mgz,rh.run2.mgz --events {RUN}1_events.tsv {RUN}2_events.tsv --subject 01 --out mgz"
    ));
    assert_eq!(rows(&scratch.path("mgz")), own);
    let done = scratch.json(&format!("{} --out cifti", grayordinates()));
    let told = done["recognised"].to_string();
    assert!(
        told.contains("143 of 162 vertices, 19 are not in the file"),
        "{told}"
    );
    let all = rows(&scratch.path("cifti"));
    for (name, values) in &own {
        assert_eq!(values, &all[name], "{name}");
    }
    let known = expected["grayordinate"].as_array().unwrap();
    let last = &all["CIFTI_STRUCTURE_AMYGDALA_RIGHT 9 3 2"];
    assert_eq!(f64::from(last[15]), known[2].as_f64().unwrap());
    let info = scratch.json("brain info cifti");
    let regions = info["regions"].as_array().unwrap();
    assert_eq!(regions.len(), 5);
    assert_eq!(regions[3]["name"], "CIFTI_STRUCTURE_AMYGDALA_LEFT");
    let masked = scratch.json(&format!(
        "{} --cortex hemi-L_desc-cortex_mask.label.gii,hemi-R_desc-cortex_mask.label.gii --out masked",
        gifti()
    ));
    assert_eq!(number(&masked["manifest"]["quality"], "constant"), 0.0);
    assert_eq!(rows(&scratch.path("masked")), own);
}

/// The values of a table of centres: members and similarity by name.
fn centres(scratch: &Scratch, folder: &str) -> HashMap<String, (usize, f64)> {
    let text = fs::read_to_string(scratch.path(&format!("{folder}/centres.tsv"))).unwrap();
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split('\t').collect();
    let at = |name: &str| header.iter().position(|cell| *cell == name);
    let (members, value) = (at("members").unwrap(), at("model").unwrap());
    let cell = |line: &str| {
        let cells: Vec<&str> = line.split('\t').collect();
        let name = match (at("hemisphere"), cells[1]) {
            (Some(_), vertex) => format!("{} {vertex}", cells[0]),
            (None, "n/a") => format!("{} {} {} {}", cells[0], cells[2], cells[3], cells[4]),
            (None, vertex) => {
                let side = Hemisphere::of_cifti(cells[0]).unwrap();
                format!("{} {vertex}", side.name())
            }
        };
        (
            name,
            (
                cells[members].parse().unwrap(),
                cells[value].parse().unwrap(),
            ),
        )
    };
    lines.map(cell).collect()
}

#[track_caller]
fn same(found: &HashMap<String, (usize, f64)>, expected: &Value) {
    let expected = expected.as_object().unwrap();
    assert_eq!(found.len(), expected.len());
    for (name, known) in expected {
        let (members, value) = found[name];
        assert_eq!(members as u64, known[0].as_u64().unwrap(), "{name}");
        assert!(
            (value - known[1].as_f64().unwrap()).abs() < 1e-5,
            "{name}: {value} {known}"
        );
    }
}

#[test]
fn discs_and_spheres_within_structures_find_what_rsatoolbox_finds() {
    let (scratch, expected) = study();
    scratch.json(&format!("{} --out gifti", gifti()));
    scratch.json(&format!("{} --out cifti", grayordinates()));
    scratch.json(&format!("{SEARCH} --store gifti --out a"));
    let found = centres(&scratch, "a");
    same(&found, &expected["surface"]);
    scratch.json(&format!("{SEARCH} --store cifti --out b"));
    same(&centres(&scratch, "b"), &expected["grayordinates"]);
    // The model is found where it was planted, and nowhere else.
    let planted: Vec<u64> = expected["planted"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_u64)
        .collect();
    let mean = |inside: &dyn Fn(&str, u64) -> bool| {
        let values: Vec<f64> = found
            .iter()
            .filter(|(name, _)| {
                let (side, vertex) = name.split_once(' ').unwrap();
                inside(side, vertex.parse().unwrap())
            })
            .map(|(_, (_, value))| *value)
            .collect();
        values.iter().sum::<f64>() / values.len() as f64
    };
    assert!(mean(&|side, v| side == "left" && planted.contains(&v)) > 0.5);
    assert!(mean(&|side, _| side == "right").abs() < 0.1);
}

#[test]
fn maps_of_surfaces_are_the_same_with_any_threads_and_have_the_values_of_the_table() {
    let (scratch, expected) = study();
    scratch.json(&format!("{} --out gifti", gifti()));
    scratch.json(&format!("{} --out cifti", grayordinates()));
    for (store, map) in [
        (
            "gifti",
            "sub-01_hemi-L_stat-pearson_desc-model_statmap.shape.gii",
        ),
        ("cifti", "sub-01_stat-pearson_statmap.dscalar.nii"),
    ] {
        for threads in [1, 2] {
            scratch.json(&format!(
                "{SEARCH} --store {store} --out {store}{threads} --threads {threads}"
            ));
        }
        for file in [map, "centres.tsv"] {
            let of = |threads| fs::read(scratch.path(&format!("{store}{threads}/{file}"))).unwrap();
            assert_eq!(of(1), of(2), "{store} {file}");
        }
    }
    let table = centres(&scratch, "gifti1");
    let columns =
        Gifti::read(scratch.path("gifti1/sub-01_hemi-R_stat-pearson_desc-model_statmap.shape.gii"))
            .unwrap()
            .columns()
            .unwrap();
    assert_eq!(
        columns[0].len() as u64,
        expected["vertices"].as_u64().unwrap()
    );
    for (vertex, &value) in columns[0].iter().enumerate() {
        match table.get(&format!("right {vertex}")) {
            Some((_, known)) => assert_eq!(value, f64::from(*known as f32)),
            None => assert!(value.is_nan()),
        }
    }
    let map = scratch.path("cifti1/sub-01_stat-z_statmap.dscalar.nii");
    assert_eq!(cifti::Reader::open(map).unwrap().axes()[0].len(), 1);
}

#[test]
fn outputs_are_written_for_nibabel_and_drawn() {
    let (scratch, _) = study();
    scratch.json(&format!("{} --out stores/gifti", gifti()));
    scratch.json(&format!("{} --out stores/cifti", grayordinates()));
    let done = scratch.json(&format!("{SEARCH} --store stores/gifti --out gifti"));
    let map = &done["maps"][0];
    assert_eq!(map["peak_vertex"][0], "left");
    assert!(map["peak_voxel"].is_null() && map["right_path"].is_string());
    scratch.json(&format!(
        "{SEARCH} --store stores/cifti --model again=model.tsv --out cifti"
    ));
    if let Ok(folder) = std::env::var("WRITE_SURFACES") {
        for name in [
            "gifti/sub-01_hemi-L_stat-pearson_desc-model_statmap.shape.gii",
            "gifti/sub-01_hemi-R_stat-pearson_desc-model_statmap.shape.gii",
            "cifti/sub-01_stat-pearson_statmap.dscalar.nii",
        ] {
            let to = Path::new(&folder).join(name);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(scratch.path(name), to).unwrap();
        }
    }
    let meshes = "hemi-L_midthickness.surf.gii,hemi-R_midthickness.surf.gii";
    let stem = |side| format!("gifti/sub-01_hemi-{side}_stat-pearson_desc-model_statmap.shape.gii");
    let pair = format!("{},{}", stem('L'), stem('R'));
    let drawn = scratch.json(&format!(
        "map surface {pair} --inflated {meshes} --out drawn"
    ));
    assert!(
        drawn["notes"][0]
            .as_str()
            .unwrap()
            .starts_with("left: 20 of 162"),
        "{drawn}"
    );
    let drawn = scratch.json(&format!(
        "map surface cifti/sub-01_stat-pearson_statmap.dscalar.nii --number 2 --inflated {meshes} --out again"
    ));
    assert!(
        drawn["notes"][1]
            .as_str()
            .unwrap()
            .starts_with("right: 19 of 162"),
        "{drawn}"
    );
    assert!(scratch.path("again/surface-views.svg").exists());
    scratch.refuses(
        &format!(
            "map surface gifti/{} --inflated {meshes} --out no",
            "centres.tsv"
        ),
        &["--midthickness", ".dscalar.nii"],
    );
}

#[test]
fn parcels_of_labels_annotations_and_grayordinates_are_the_same_regions() {
    let (scratch, _) = study();
    scratch.json(&format!("{} --out gifti", gifti()));
    scratch.json(&format!("{} --out cifti", grayordinates()));
    let roi = "rsa roi --model model.tsv --permutations 0 --metric pearson --minimum 4";
    let cells = |line: &str| -> Vec<(String, u64, f64)> {
        let done = scratch.json(line);
        let mut cells: Vec<(String, u64, f64)> = done["cells"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| {
                (
                    c["region"].as_str().unwrap().to_owned(),
                    c["voxels"].as_u64().unwrap(),
                    number(c, "value"),
                )
            })
            .collect();
        cells.sort_by(|a, b| a.0.cmp(&b.0));
        cells
    };
    let label = cells(&format!(
        "{roi} --store gifti --parcels hemi-L_mmp.label.gii,hemi-R_mmp.label.gii --out a"
    ));
    let annot = cells(&format!(
        "{roi} --store gifti --parcels lh.mmp.annot,rh.mmp.annot --out b"
    ));
    let dlabel = cells(&format!(
        "{roi} --store gifti --parcels mmp.dlabel.nii --out c"
    ));
    assert_eq!(label.len(), 6);
    assert_eq!(label[0].0, "L_MST_ROI");
    assert_eq!(label, annot);
    assert_eq!(label, dlabel);
    // Structures of grayordinates that no label names are regions too, and presets find both.
    let all = cells(&format!(
        "{roi} --store cifti --parcels mmp.dlabel.nii --out d"
    ));
    assert_eq!(all.len(), 9);
    let preset = cells(&format!(
        "{roi} --store cifti --parcels mmp.dlabel.nii --regions emotion2025 --out e"
    ));
    let names: Vec<&str> = preset.iter().map(|cell| cell.0.as_str()).collect();
    assert!(
        names
            .iter()
            .any(|name| name.to_lowercase().contains("amygdala")),
        "{names:?}"
    );
    assert!(names.contains(&"VC"), "{names:?}");
    scratch.refuses(
        &format!("{roi} --store gifti --parcels hemi-L_midthickness.surf.gii,hemi-R_mmp.label.gii --out f"),
        &["hemi-L_midthickness.surf.gii", "0 arrays of labels"],
    );
}

#[test]
fn surfaces_that_do_not_fit_are_refused_with_the_numbers() {
    let (scratch, _) = study();
    let (left, right) = (
        format!("{RUN}1_hemi-L_space-ico2_bold.func.gii"),
        format!("{RUN}1_hemi-R_space-ico2_bold.func.gii"),
    );
    let table = fs::read_to_string(scratch.path(&format!("{RUN}1_events.tsv"))).unwrap();
    let one_run = table.replace("\n", "\t1\n").replacen("\t1", "\trun", 1);
    scratch.write("events.tsv", one_run);
    let import =
        |what: &str| format!("brain import {what} --events events.tsv --subject 01 --out no");
    scratch.refuses(
        &import(&format!("--surfaces {left}")),
        &["stands alone", "LEFT,RIGHT"],
    );
    scratch.refuses(
        &import(&format!("--surfaces {right},{left}")),
        &["by its name", "left hemisphere is due"],
    );
    // Without a name that tells, the metadata does.
    fs::copy(scratch.path(&right), scratch.path("a.func.gii")).unwrap();
    scratch.refuses(
        &import(&format!("--surfaces a.func.gii,{right}")),
        &["CortexRight", "left"],
    );
    let small = Gifti::from_columns(
        &emotome_neurofiles::gifti::Intent::TimeSeries,
        &[("t", &[0.5; 40])],
        None,
    );
    small
        .write(
            scratch.path("small.func.gii"),
            emotome_stimuli::output::Overwrite::Refuse,
        )
        .unwrap();
    scratch.refuses(
        &import(&format!("--surfaces {left},{right} small.func.gii,{right}")),
        &["40 vertices", "162"],
    );
    scratch.refuses(
        &import(&format!("--surfaces {left},small.func.gii")),
        &["holds 12 samples", "1"],
    );
    scratch.refuses(
        &import(&format!("--surfaces {left},{RUN}1_bold.dtseries.nii")),
        &[".mgz"],
    );
    scratch.refuses(
        &import("--cifti mmp.dlabel.nii"),
        &["mmp.dlabel.nii", ".dtseries.nii"],
    );
    scratch.refuses(&import(&format!("--cifti {left}")), &["bold.func.gii"]);
    let cut = fs::read(scratch.path(&format!("{RUN}1_bold.dtseries.nii"))).unwrap();
    scratch.write("cut.dtseries.nii", &cut[..cut.len() - 100]);
    // The header is sound, so the plan is told before the values are found missing.
    let failed = scratch
        .run(&import("--cifti cut.dtseries.nii"))
        .failure()
        .code(1);
    let told = String::from_utf8_lossy(&failed.get_output().stderr).into_owned();
    let last = told.lines().last().unwrap();
    assert!(
        last.contains("cut.dtseries.nii") && last.contains("emotome: error"),
        "{told}"
    );
    assert!(!scratch.path("no").exists());
    // Another set of vertices in the second run.
    let reader = cifti::Reader::open(scratch.path(&format!("{RUN}2_bold.dtseries.nii"))).unwrap();
    let [series, models] = reader.axes().clone();
    let cifti::Axis::Models(mut models) = models else {
        unreachable!()
    };
    if let cifti::Part::Surface { vertices, .. } = &mut models.models[0].part {
        let free = (0..162).find(|v| !vertices.contains(v)).unwrap();
        vertices[0] = free;
    }
    let matrix = reader.read::<f32>().unwrap();
    let axes = [series, cifti::Axis::Models(models)];
    cifti::write(
        scratch.path("other.dtseries.nii"),
        emotome_stimuli::output::Overwrite::Refuse,
        &axes,
        matrix.view(),
    )
    .unwrap();
    scratch.refuses(
        &import(&format!(
            "--cifti {RUN}1_bold.dtseries.nii other.dtseries.nii"
        )),
        &["CORTEX_LEFT has other indices", "nothing is resampled"],
    );
    scratch.json(&format!("{} --out gifti", gifti()));
    let search = "rsa searchlight --store gifti --model model.tsv --out maps";
    let meshes = "--midthickness hemi-L_midthickness.surf.gii,hemi-R_midthickness.surf.gii";
    scratch.refuses(
        &format!("{search} --radius 12mm --force"),
        &["--midthickness LEFT,RIGHT"],
    );
    scratch.refuses(
        &format!("{search} --radius 3vox {meshes} --force"),
        &["no voxels", "10mm"],
    );
    scratch.refuses(
        &format!("{search} --radius 12mm --midthickness {left},{right} --force"),
        &[&left],
    );
}
