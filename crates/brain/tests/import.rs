//! Imports: samples meet stimuli by label, what does not fit is refused with the numbers, what is left out is listed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use emotome_brain::import::{
    BDataSource, Event, EventColumns, ImportError, Imported, Labels, MatrixSource, Params, Source,
    VolumesSource, VoxelOrder, VoxelsFrom, import, reconcile,
};
use emotome_brain::store::{Places, Repeats, Selection, Store, run_folds};
use emotome_neurofiles::bdata::{self, BDataError, Metadata};
use emotome_neurofiles::hdf5;
use emotome_neurofiles::nifti::{self, Layout};
use emotome_neurofiles::{Affine, Grid};
use emotome_stimuli::StimulusSet;
use emotome_stimuli::array::write_npy;
use emotome_stimuli::output::Overwrite;
use emotome_stimuli::provenance::Provenance;
use emotome_stimuli::reconciliation::List;
use emotome_stimuli::run::{Interrupt, Run, Silent};
use ndarray::{Array2, Array4};

/// The 15 labels that Horikawa et al. (2020) drop.
const DUPIDX: [u32; 15] = [
    1, 4, 5, 6, 7, 8, 11, 859, 866, 1673, 2157, 2187, 2188, 2194, 2195,
];

fn go(source: &Source, params: &Params, out: &Path) -> Result<Imported, ImportError> {
    let interrupt = Interrupt::default();
    let run = Run {
        progress: &Silent,
        interrupt: &interrupt,
    };
    let provenance = Provenance::new(["test"], None, serde_json::json!({}));
    import(source, params, out, provenance, run)
}

fn all(path: &Path) -> (Store, Array2<f32>) {
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
    (store, values)
}

fn scanned() -> Vec<Event> {
    // Labels in an order of their own: 2196 and 1297 have no common factor.
    (0..2196_u32)
        .map(|at| Event {
            label: Some((at * 1297 % 2196 + 1).to_string()),
            session: 1,
            run: at / 36 + 1,
            order: at % 36 + 1,
        })
        .collect()
}

#[test]
fn the_2196_presentations_become_2181_by_the_published_rule_and_the_15_pairs_stay() {
    let events = scanned();
    for (list, kept, stimuli) in [
        ("2196", 2196, 2196),
        ("2185", 2185, 2185),
        ("2181", 2181, 2181),
        ("2180-910", 2180, 2180),
    ] {
        let list: List = list.parse().unwrap();
        let joined = reconcile(&events, Labels::Emotion2020(list), None).unwrap();
        let counts = joined.reconciliation;
        assert_eq!((counts.kept, counts.stimuli), (kept, stimuli), "{list}");
        assert_eq!(counts.repeats, 0, "{list}");
        assert_eq!(counts.repeated_pairs, 15, "{list}");
        assert_eq!(
            (joined.samples.len(), joined.left_out.len()),
            (2196, 2196 - kept)
        );
        let own = list.stimuli().unwrap();
        let with = reconcile(&events, Labels::Emotion2020(list), Some(&own)).unwrap();
        assert_eq!(with.reconciliation, counts, "{list}: its own stimuli match");
    }
    let joined = reconcile(&events, Labels::Emotion2020(List::Unique2181), None).unwrap();
    let apart = joined.samples.iter().filter(|s| !s.kept());
    let mut labels: Vec<u32> = apart.map(|s| s.label.parse().unwrap()).collect();
    labels.sort_unstable();
    assert_eq!(labels, DUPIDX);
    let runs: Vec<u32> = joined
        .samples
        .iter()
        .filter(|s| s.kept())
        .map(|s| s.run)
        .collect();
    let folds = run_folds(&runs, 10, 6);
    let sizes: Vec<usize> = (0..6)
        .map(|f| folds.iter().filter(|&&g| g == f).count())
        .collect();
    assert_eq!(sizes.iter().sum::<usize>(), 2181);
    assert!(
        sizes[..5].iter().all(|n| (345..=360).contains(n)),
        "{sizes:?}"
    );
    assert!((381..=396).contains(&sizes[5]), "{sizes:?}");
}

#[test]
fn pairs_of_the_2020_study_are_those_published() {
    let labels = Labels::Emotion2020(List::Presented2196);
    let joined = reconcile(&scanned(), labels, None).unwrap();
    let mut pairs: Vec<(String, String)> = Vec::new();
    for sample in joined.samples.iter().filter(|s| s.same_as.is_some()) {
        let earlier = sample.same_as.as_ref().unwrap().to_string();
        pairs.push((earlier, sample.label.clone()));
    }
    pairs.sort();
    let pair = |a: u32, b: u32| (format!("{a:04}.mp4"), b.to_string());
    let mut expected: Vec<_> = (1..=11).map(|a| pair(a, a + 2185)).collect();
    expected.extend([
        pair(472, 859),
        pair(259, 866),
        pair(846, 1673),
        pair(2157, 2184),
    ]);
    expected.sort();
    assert_eq!(pairs, expected);
}

#[test]
fn strange_labels_and_foreign_stimuli_are_named() {
    let event = |label: &str| Event {
        label: Some(label.to_owned()),
        session: 1,
        run: 1,
        order: 1,
    };
    let labels = Labels::Emotion2020(List::Unique2181);
    for fine in ["0012", "12", "0012.mp4", "video0012.mat"] {
        let joined = reconcile(&[event(fine)], labels, None).unwrap();
        assert_eq!(joined.samples[0].stimulus.as_str(), "0012.mp4");
    }
    for strange in ["0", "2197", "fog", "12b", "-", "99999999999999999999"] {
        let error = reconcile(&[event(strange)], labels, None).unwrap_err();
        assert!(
            matches!(error, ImportError::NotEmotion2020 { n: 1, .. }),
            "{error}"
        );
    }
    let study = StimulusSet::from_labels(["fog", "kiss", "wasp"]).unwrap();
    let events = [event("fog"), event("tea"), event("fog"), event("wasp")];
    let joined = reconcile(&events, Labels::AsTheyAre, Some(&study)).unwrap();
    let counts = joined.reconciliation;
    assert_eq!(
        (
            counts.kept,
            counts.repeats,
            counts.unmatched,
            counts.without_response
        ),
        (3, 1, 1, 1)
    );
    let listed: Vec<&str> = joined.left_out.iter().map(|l| l.label.as_str()).collect();
    assert_eq!(listed, ["tea", "kiss"]);
    let error = reconcile(&[event("tea")], Labels::AsTheyAre, Some(&study)).unwrap_err();
    assert!(error.to_string().contains("such as \"tea\""), "{error}");
}

fn grid() -> Grid {
    Grid {
        shape: [3, 4, 2],
        affine: Affine([
            [2.0, 0.0, 0.0, -3.0],
            [0.0, 2.0, 0.0, 5.0],
            [0.0, 0.0, 2.5, 1.0],
        ]),
    }
}

/// A value for each voxel and sample.
fn value(i: usize, j: usize, k: usize, t: usize) -> f32 {
    (i + 10 * j + 100 * k) as f32 + ((t * 37) % 11) as f32 / 16.0
}

const INSIDE: [[usize; 3]; 5] = [[0, 0, 0], [2, 1, 0], [1, 3, 0], [0, 2, 1], [2, 3, 1]];

struct Files {
    dir: tempfile::TempDir,
}

impl Files {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let own = Self { dir };
        let mut mask = [0_u8; 24];
        for [i, j, k] in INSIDE {
            mask[i + 3 * (j + 4 * k)] = 1;
        }
        nifti::write(own.at("mask.nii.gz"), Overwrite::Refuse, &grid(), &mask).unwrap();
        own
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn text(&self, name: &str, text: &str) -> PathBuf {
        fs::write(self.at(name), text).unwrap();
        self.at(name)
    }

    fn events(&self, name: &str, samples: std::ops::Range<usize>) -> PathBuf {
        let mut text = "onset\tclip\trun\n".to_owned();
        for t in samples {
            text += &format!("{}\tclip{t}\trun-{:02}\n", t * 10, 1 + t / 6);
        }
        self.text(name, &text)
    }

    fn image(&self, name: &str, grid: Grid, samples: std::ops::Range<usize>) -> PathBuf {
        let layout = Layout {
            volumes: Some(samples.len()),
            ..Layout::new(grid)
        };
        let mut writer =
            nifti::Writer::<f32>::create(self.at(name), Overwrite::Refuse, &layout).unwrap();
        let [ni, nj, nk] = grid.shape;
        for t in samples {
            let mut volume = Vec::new();
            for k in 0..nk {
                for j in 0..nj {
                    volume.extend((0..ni).map(|i| value(i, j, k, t)));
                }
            }
            writer.volume(&volume).unwrap();
        }
        writer.finish().unwrap();
        self.at(name)
    }

    fn volumes(&self, responses: Vec<PathBuf>, events: Vec<PathBuf>) -> Source {
        Source::Volumes(VolumesSource {
            responses,
            events,
            mask: self.at("mask.nii.gz"),
            columns: columns(),
            dataset: None,
        })
    }
}

fn columns() -> EventColumns {
    EventColumns {
        label: "clip".into(),
        ..EventColumns::default()
    }
}

fn expected(samples: usize) -> Array2<f32> {
    Array2::from_shape_fn((5, samples), |(v, t)| {
        let [i, j, k] = INSIDE[v];
        value(i, j, k, t)
    })
}

#[test]
fn images_and_both_layouts_of_glmsingle_give_the_same_responses() {
    let files = Files::new();
    let image = files.image("betas.nii.gz", grid(), 0..12);
    let halves = vec![
        files.image("a.nii", grid(), 0..5),
        files.image("b.nii", grid(), 5..12),
    ];
    let events = files.events("events.tsv", 0..12);
    let python = files.at("TYPEB_FITHRF.hdf5");
    let mut writer = hdf5::Writer::create(&python, Overwrite::Refuse).unwrap();
    let betas = Array4::from_shape_fn((3, 4, 2, 12), |(i, j, k, t)| f64::from(value(i, j, k, t)));
    writer
        .numbers("betasmd", &[3, 4, 2, 12], betas.as_slice().unwrap())
        .unwrap();
    writer.finish().unwrap();
    let matlab = files.at("TYPEB_FITHRF.mat");
    let mut writer = hdf5::Writer::create(&matlab, Overwrite::Refuse).unwrap();
    let betas = Array4::from_shape_fn((12, 2, 4, 3), |(t, k, j, i)| f64::from(value(i, j, k, t)));
    writer
        .numbers("modelmd", &[12, 2, 4, 3], betas.as_slice().unwrap())
        .unwrap();
    writer.finish().unwrap();
    for (name, responses) in [
        ("image", vec![image]),
        ("halves", halves),
        ("python", vec![python]),
        ("matlab", vec![matlab]),
    ] {
        let out = files.at(name);
        let done = go(
            &files.volumes(responses, vec![events.clone()]),
            &Params::new("01"),
            &out,
        )
        .unwrap();
        let (store, values) = all(&out);
        assert_eq!(values, expected(12), "{name}");
        assert_eq!(store.grid(), Some(grid()));
        assert_eq!(store.samples()[7].run, 2);
        assert_eq!(store.samples()[7].order, 2);
        let inputs = if name == "halves" { 4 } else { 3 };
        assert_eq!(done.manifest.provenance.inputs.len(), inputs, "{name}");
    }
}

#[test]
fn a_table_of_events_for_each_image_makes_each_a_run() {
    let files = Files::new();
    let images = vec![
        files.image("a.nii", grid(), 0..5),
        files.image("b.nii", grid(), 5..12),
    ];
    let bare = |name: &str, samples: std::ops::Range<usize>| {
        let lines: String = samples.map(|t| format!("clip{t}\n")).collect();
        files.text(name, &format!("clip\n{lines}"))
    };
    let events = vec![bare("a.tsv", 0..5), bare("b.tsv", 5..12)];
    let out = files.at("store");
    let done = go(
        &files.volumes(images.clone(), events.clone()),
        &Params::new("01"),
        &out,
    )
    .unwrap();
    let runs: Vec<u32> = all(&out).0.samples().iter().map(|s| s.run).collect();
    assert_eq!(runs, [1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2]);
    assert!(done.recognised.iter().any(|r| r.contains("each is a run")));
    let swapped = vec![events[1].clone(), events[0].clone()];
    let error = go(
        &files.volumes(images, swapped),
        &Params::new("01"),
        &files.at("no"),
    )
    .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("holds 5 samples, but its events are 7"),
        "{error}"
    );
}

#[test]
fn grids_that_differ_are_refused_with_the_numbers() {
    let files = Files::new();
    let mut shifted = grid();
    shifted.affine.0[0][3] = 11.2;
    let wrong = Grid {
        shape: [3, 4, 3],
        ..grid()
    };
    let events = files.events("events.tsv", 0..12);
    for (name, grid, text) in [
        (
            "shifted.nii",
            shifted,
            "3×4×2 voxels of 2.000×2.000×2.500 mm against 3×4×2 voxels of 2.000×2.000×2.500 mm; their affines differ by up to 14.2000 (entry [0, 3])",
        ),
        (
            "wrong.nii",
            wrong,
            "3×4×3 voxels of 2.000×2.000×2.500 mm against 3×4×2",
        ),
    ] {
        let image = files.image(name, grid, 0..12);
        let error = go(
            &files.volumes(vec![image], vec![events.clone()]),
            &Params::new("01"),
            &files.at("no"),
        );
        let error = error.unwrap_err().to_string();
        assert!(
            error.contains(text) && error.contains("mask.nii.gz"),
            "{error}"
        );
    }
    let h5 = files.at("betas.h5");
    let mut writer = hdf5::Writer::create(&h5, Overwrite::Refuse).unwrap();
    writer
        .numbers("betasmd", &[3, 4, 3, 2], &[0.0; 72])
        .unwrap();
    writer.finish().unwrap();
    let error = go(
        &files.volumes(vec![h5], vec![events]),
        &Params::new("01"),
        &files.at("no"),
    );
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("shape [3, 4, 3, 2] of betasmd, expected 3 × 4 × 2 × trials")
    );
}

#[test]
fn betas_that_could_be_read_both_ways_are_refused() {
    let files = Files::new();
    let cube = Grid {
        shape: [3, 3, 3],
        ..grid()
    };
    let mask = files.at("cube.nii");
    nifti::write(&mask, Overwrite::Refuse, &cube, &[1_u8; 27]).unwrap();
    let betas = files.at("betas.h5");
    let mut writer = hdf5::Writer::create(&betas, Overwrite::Refuse).unwrap();
    writer
        .numbers("betasmd", &[3, 3, 3, 3], &[0.0; 81])
        .unwrap();
    writer.finish().unwrap();
    let source = Source::Volumes(VolumesSource {
        responses: vec![betas],
        events: vec![files.events("e.tsv", 0..3)],
        mask,
        columns: columns(),
        dataset: None,
    });
    let error = go(&source, &Params::new("01"), &files.at("no")).unwrap_err();
    assert!(error.to_string().contains("and not both"), "{error}");
}

#[test]
fn events_that_do_not_fit_are_refused_with_the_line() {
    let files = Files::new();
    let image = vec![files.image("betas.nii", grid(), 0..12)];
    let message = |text: &str| {
        let events = files.text("e.tsv", text);
        let source = files.volumes(image.clone(), vec![events]);
        go(&source, &Params::new("01"), &files.at("no"))
            .unwrap_err()
            .to_string()
    };
    for (text, expected) in [
        (
            "onset\tstim\trun\n",
            "there is no column \"clip\"; the columns are onset, stim, run",
        ),
        ("onset\tclip\n", "there is no column \"run\""),
        (
            "clip\trun\na\t1\n",
            "holds 12 samples, but its events are 1",
        ),
        (
            "clip\trun\na\tone\n",
            "line 2: run \"one\", expected a number",
        ),
        ("clip\trun\na\t1\t2\n", "line 2: 3 cells under 2 columns"),
        ("", "there is no column \"clip\""),
    ] {
        let found = message(text);
        assert!(found.contains(expected), "{found}");
    }
}

#[test]
fn samples_without_label_are_not_stored_and_all_that_is_left_out_is_listed() {
    let files = Files::new();
    let image = vec![files.image("betas.nii", grid(), 0..12)];
    let mut text = "clip\trun\n".to_owned();
    for t in 0..12 {
        let label = if t % 4 == 1 {
            "n/a".into()
        } else {
            format!("clip{}", t % 5)
        };
        text += &format!("{label}\t{}\n", 1 + t / 6);
    }
    let source = files.volumes(image, vec![files.text("e.tsv", &text)]);
    let params = Params {
        stimuli: Some(StimulusSet::from_labels(["clip0", "clip2", "clip3", "gone"]).unwrap()),
        ..Params::new("01")
    };
    let out = files.at("store");
    let counts = go(&source, &params, &out).unwrap().reconciliation;
    assert_eq!((counts.samples, counts.unlabelled, counts.kept), (12, 3, 6));
    assert_eq!(
        (counts.unmatched, counts.stimuli, counts.without_response),
        (3, 3, 1)
    );
    let (store, values) = all(&out);
    let shown: Vec<usize> = (0..12).filter(|t| t % 4 != 1).collect();
    assert_eq!(values, expected(12).select(ndarray::Axis(1), &shown));
    assert_eq!(store.samples().iter().filter(|s| s.kept()).count(), 6);
    let listed = fs::read_to_string(out.join("left_out.tsv")).unwrap();
    assert_eq!(listed.lines().count(), 1 + 3 + 3 + 1);
    assert!(
        listed.contains("n/a\tgone\tn/a\tn/a\t0\tno response to this stimulus"),
        "{listed}"
    );
    let json: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(out.join("reconciliation.json")).unwrap())
            .unwrap();
    assert_eq!(json["counts"]["unlabelled"], 3);
}

#[test]
fn columns_of_a_matrix_follow_the_order_that_is_named() {
    let files = Files::new();
    let events = files.events("events.tsv", 0..12);
    let mut by_c = INSIDE;
    by_c.sort_unstable();
    for (order, indices) in [(VoxelOrder::Fortran, INSIDE), (VoxelOrder::C, by_c)] {
        let matrix = Array2::from_shape_fn((12, 5), |(t, v)| {
            let [i, j, k] = indices[v];
            f64::from(value(i, j, k, t))
        });
        let path = files.at(&format!("{order:?}.npy"));
        write_npy(&path, Overwrite::Refuse, matrix.view()).unwrap();
        let table = files.at(&format!("{order:?}.tsv"));
        let lines: Vec<String> = matrix
            .outer_iter()
            .map(|row| {
                row.iter()
                    .map(f64::to_string)
                    .collect::<Vec<_>>()
                    .join("\t")
            })
            .collect();
        let names = ["a", "b", "c", "d", "e"].join("\t");
        fs::write(&table, format!("{names}\n{}\n", lines.join("\n"))).unwrap();
        for responses in [path, table] {
            let out = responses.with_extension("store");
            let source = Source::Matrix(MatrixSource {
                responses: responses.clone(),
                events: events.clone(),
                columns: columns(),
                voxels: VoxelsFrom::Mask(files.at("mask.nii.gz"), order),
            });
            go(&source, &Params::new("01"), &out).unwrap();
            let (store, values) = all(&out);
            let Places::Volume { indices, .. } = store.places() else {
                panic!("{:?}", store.places());
            };
            for (row, &[i, j, k]) in values.outer_iter().zip(indices) {
                let own = |t| value(i as usize, j as usize, k as usize, t);
                assert_eq!(row.to_vec(), (0..12).map(own).collect::<Vec<_>>());
            }
            fs::remove_dir_all(&out).unwrap();
        }
    }
}

#[test]
fn positions_without_a_grid_give_the_lattice_or_stay_points() {
    let files = Files::new();
    let events = files.events("events.tsv", 0..12);
    let matrix = Array2::from_shape_fn((12, 8), |(t, v)| value(v, 0, 0, t));
    let path = files.at("x.npy");
    write_npy(&path, Overwrite::Refuse, matrix.view()).unwrap();
    let places = |name: &str, bend: f64| {
        let mut text = "x\ty\tz\n".to_owned();
        for v in 0..8 {
            let [a, b, c] = [v & 1, v >> 1 & 1, v >> 2].map(f64::from);
            text += &format!(
                "{}\t{}\t{}\n",
                2.0 * a - 7.5 + bend * b * c,
                3.0 * b,
                2.5 * c
            );
        }
        let source = Source::Matrix(MatrixSource {
            responses: path.clone(),
            events: events.clone(),
            columns: columns(),
            voxels: VoxelsFrom::Positions(files.text(name, &text)),
        });
        let out = files.at(&format!("{name}.store"));
        go(&source, &Params::new("01"), &out).unwrap();
        all(&out).0.places().clone()
    };
    let Places::Volume {
        grid,
        inferred: true,
        indices,
    } = places("even.tsv", 0.0)
    else {
        panic!("no grid was inferred");
    };
    assert_eq!(grid.shape, [2, 2, 2]);
    assert_eq!(grid.affine.apply([1.0, 1.0, 1.0]), [-5.5, 3.0, 2.5]);
    assert_eq!(indices[6], [0, 1, 1]);
    assert!(matches!(places("bent.tsv", 0.7), Places::Points(_)));
}

/// A BData file of 4 voxels and 6 samples, the keys as in the 2020 release.
fn bdata_file(path: &Path, label: impl Fn(usize) -> f64, runs: [f64; 6]) {
    let voxels = 4;
    let mut metadata = Metadata::new(voxels + 5);
    metadata.select("VoxelData", "1 = voxels", 0..voxels);
    metadata.select("Run", "1 = run", voxels..voxels + 1);
    metadata.select("Session", "1 = session", voxels + 1..voxels + 2);
    metadata.select("Label", "1 = labels", voxels + 2..voxels + 5);
    for (axis, name) in ["x", "y", "z"].into_iter().enumerate() {
        metadata.describe(&format!("voxel_{name}"), "mm", |c| match c {
            0..4 => 3.0 * f64::from((c >> axis & 1) as u8) - 10.0,
            _ => f64::NAN,
        });
    }
    metadata.describe("hcp180_r_lh.L_V1_ROI", "1 = ROI", |c| match c {
        0..4 => f64::from(u8::from(c > 1)),
        _ => f64::NAN,
    });
    let rows = |sample: usize, row: &mut [f64]| {
        for (voxel, to) in row[..voxels].iter_mut().enumerate() {
            *to = f64::from(value(voxel, 0, 0, sample));
        }
        row[voxels..].copy_from_slice(&[runs[sample], 1.0, 7.0, 8.0, label(sample)]);
        Ok::<(), BDataError>(())
    };
    bdata::write(
        path,
        Overwrite::Refuse,
        &metadata,
        &BTreeMap::new(),
        &[],
        6,
        rows,
    )
    .unwrap();
}

#[test]
fn sessions_are_counted_on_and_labels_stand_in_the_third_column() {
    let files = Files::new();
    let paths = vec![files.at("1.h5"), files.at("2.h5")];
    bdata_file(
        &paths[0],
        |s| s as f64 + 1.0,
        [1.0, 1.0, 1.0, 2.0, 2.0, 2.0],
    );
    bdata_file(
        &paths[1],
        |s| if s == 2 { f64::NAN } else { s as f64 + 20.0 },
        [1.0, 1.0, 1.0, 2.0, 2.0, 2.0],
    );
    let out = files.at("store");
    let source = Source::BData(BDataSource::new(paths.clone()));
    let done = go(&source, &Params::new("S1"), &out).unwrap();
    assert_eq!(
        (done.reconciliation.unlabelled, done.reconciliation.kept),
        (1, 11)
    );
    assert!(
        done.recognised
            .iter()
            .any(|r| r.contains("Label, column 3 of 3, as numbers")),
        "{:?}",
        done.recognised
    );
    let (store, values) = all(&out);
    let runs: Vec<u32> = store.samples().iter().map(|s| s.run).collect();
    assert_eq!(runs, [1, 1, 1, 2, 2, 2, 3, 3, 4, 4, 4]);
    assert_eq!(store.samples()[10].session, 2);
    assert_eq!(store.samples()[6].stimulus.as_str(), "20");
    assert_eq!(values[[3, 7]], value(3, 0, 0, 1));
    assert_eq!(values[[1, 8]], value(1, 0, 0, 3));
    assert_eq!(store.regions().names, ["hcp180_r_lh.L_V1_ROI"]);
    assert_eq!(
        store.regions().members.row(0).to_vec(),
        [false, false, true, true]
    );
}

#[test]
fn bdata_keys_that_are_not_there_are_asked_for_with_those_that_are() {
    let files = Files::new();
    let path = files.at("1.h5");
    bdata_file(&path, |s| s as f64 + 1.0, [1.0, 1.0, 1.0, 2.0, 2.0, 2.0]);
    let message = |source: BDataSource| {
        go(&Source::BData(source), &Params::new("01"), &files.at("no"))
            .unwrap_err()
            .to_string()
    };
    let plain = || BDataSource::new(vec![path.clone()]);
    let found = message(BDataSource {
        label: Some("stim".into()),
        ..plain()
    });
    assert!(
        found.contains("keys stim for labels") && found.contains("VoxelData, Run"),
        "{found}"
    );
    let found = message(BDataSource {
        run: "Block".into(),
        ..plain()
    });
    assert!(found.contains("Block"), "{found}");
    let found = message(BDataSource {
        label_column: 9,
        ..plain()
    });
    assert!(
        found.contains("3 columns of Label, expected a column 9"),
        "{found}"
    );
    let found = message(BDataSource {
        grid: Some(files.at("mask.nii.gz")),
        ..plain()
    });
    assert!(
        found.contains("voxel 0 at (-10.000, -10.000, -10.000) mm lies"),
        "{found}"
    );
    bdata_file(&files.at("2.h5"), |s| s as f64, [1.5; 6]);
    let found = message(BDataSource::new(vec![files.at("2.h5")]));
    assert!(
        found.contains("sample 0: Run is 1.5, expected a whole number"),
        "{found}"
    );
    let found = message(BDataSource::new(vec![]));
    assert_eq!(found, "no file of BData is given");
    let found = message(BDataSource::new(vec![files.at("none.h5")]));
    assert!(found.contains("none.h5"), "{found}");
}

#[test]
fn the_published_sample_of_bdata_says_what_it_lacks() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data/brain/bdata_sample_vmap.h5");
    if !path.exists() {
        eprintln!("skipped: {} is not there", path.display());
        return;
    }
    let source = Source::BData(BDataSource::new(vec![path]));
    let dir = tempfile::tempdir().unwrap();
    let error = go(&source, &Params::new("01"), &dir.path().join("store")).unwrap_err();
    assert!(
        matches!(
            error,
            ImportError::NoKey {
                what: "responses",
                ..
            }
        ),
        "{error}"
    );
}
