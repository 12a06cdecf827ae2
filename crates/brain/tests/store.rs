//! Stores of responses: what comes back is what was put in, and a damaged store says so.

use std::fs;
use std::path::Path;

use emotome_brain::regions::Hemisphere;
use emotome_brain::store::{
    Contents, Manifest, Over, Places, Regions, Repeats, Sample, Scale, Scope, Selection,
    Standardisation, Store, StoreError, Writer,
};
use emotome_neurofiles::cifti::{BrainModel, BrainModels, Part};
use emotome_neurofiles::{Affine, Grid};
use emotome_stimuli::output::Overwrite;
use emotome_stimuli::provenance::Provenance;
use emotome_stimuli::run::{Interrupt, Run, Silent};
use emotome_stimuli::{StimulusKey, StimulusSet};
use ndarray::{Array2, s};
use proptest::prelude::*;

fn with_run<T>(f: impl FnOnce(Run<'_>) -> T) -> T {
    let interrupt = Interrupt::default();
    f(Run {
        progress: &Silent,
        interrupt: &interrupt,
    })
}

fn provenance() -> Provenance {
    Provenance::new(["test"], None, serde_json::json!({}))
}

fn key(text: &str) -> StimulusKey {
    StimulusKey::new(text).unwrap()
}

fn sample(stimulus: &str, session: u32, run: u32, order: u32) -> Sample {
    Sample {
        stimulus: key(stimulus),
        label: stimulus.to_owned(),
        session,
        run,
        order,
        repeat: 0,
        left_out: None,
        same_as: None,
    }
}

fn line(voxels: usize) -> Places {
    Places::Volume {
        grid: Grid {
            shape: [voxels, 1, 1],
            affine: Affine([
                [2.0, 0.0, 0.0, -7.5],
                [0.0, 2.0, 0.0, 0.1],
                [0.0, 0.0, 2.0, 0.0],
            ]),
        },
        inferred: false,
        indices: (0..voxels as u32).map(|i| [i, 0, 0]).collect(),
    }
}

fn contents(samples: Vec<Sample>, voxels: usize) -> Contents {
    Contents {
        subject: "01".into(),
        synthetic: false,
        samples,
        places: line(voxels),
        regions: Regions::none(voxels),
    }
}

fn runs_of(counts: &[usize]) -> Vec<Sample> {
    let mut samples = Vec::new();
    for (run, &count) in counts.iter().enumerate() {
        for order in 0..count {
            let name = format!("s{}", samples.len());
            samples.push(sample(&name, 1, run as u32 + 1, order as u32 + 1));
        }
    }
    samples
}

fn varied(voxels: usize, samples: usize) -> Array2<f32> {
    Array2::from_shape_fn((voxels, samples), |(v, s)| {
        ((v * 7919 + s * 104_729) % 1009) as f32 / 64.0 - 5.0
    })
}

fn write(
    path: &Path,
    contents: Contents,
    values: &Array2<f32>,
    how: Standardisation,
) -> Result<Manifest, StoreError> {
    let mut writer = Writer::create(path, Overwrite::Refuse, contents, 1 << 20)?;
    writer.push_samples(values.t())?;
    with_run(|run| writer.finish(how, provenance(), run))
}

fn everything(store: &Store) -> Array2<f32> {
    let view = store.view(Selection {
        stimuli: None,
        repeats: Repeats::Each,
        left_out: true,
    });
    with_run(|run| store.load(&view, run)).unwrap().values
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn samples_in_any_blocks_and_voxels_in_any_blocks_give_the_same_bytes(
        voxels in 1_usize..90, samples in 2_usize..40, block in 1_usize..50, memory in 1_usize..8000,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let values = varied(voxels, samples);
        let contents = contents(runs_of(&[samples]), voxels);
        let by_sample = dir.path().join("a");
        let mut writer = Writer::create(&by_sample, Overwrite::Refuse, contents.clone(), memory).unwrap();
        for first in (0..samples).step_by(block) {
            let rows = values.slice(s![.., first..samples.min(first + block)]);
            writer.push_samples(rows.t()).unwrap();
        }
        with_run(|run| writer.finish(Standardisation::default(), provenance(), run)).unwrap();
        let by_voxel = dir.path().join("b");
        let mut writer = Writer::create(&by_voxel, Overwrite::Refuse, contents, memory).unwrap();
        for first in (0..voxels).step_by(block) {
            let rows = values.slice(s![first..voxels.min(first + block), ..]);
            let half = samples / 2;
            writer.put(first, half, rows.slice(s![.., half..])).unwrap();
            writer.put(first, 0, rows.slice(s![.., ..half])).unwrap();
        }
        with_run(|run| writer.finish(Standardisation::default(), provenance(), run)).unwrap();
        for file in ["data.npy", "samples.tsv", "voxels.tsv"] {
            prop_assert_eq!(fs::read(by_sample.join(file)).unwrap(), fs::read(by_voxel.join(file)).unwrap());
        }
        prop_assert_eq!(everything(&Store::open(&by_sample).unwrap()), values);
    }
}

#[test]
fn standardised_responses_equal_numpy() {
    let text = include_str!("fixtures/store_standardised.json");
    let fixture: serde_json::Value = serde_json::from_str(text).unwrap();
    let numbers = |v: &serde_json::Value| -> Vec<f64> {
        let all = v.as_array().unwrap().iter();
        all.map(|v| v.as_f64().unwrap()).collect()
    };
    let matrix = |v: &serde_json::Value| {
        let rows: Vec<Vec<f64>> = v.as_array().unwrap().iter().map(numbers).collect();
        Array2::from_shape_fn((rows.len(), rows[0].len()), |(i, j)| rows[i][j])
    };
    let (runs, sessions) = (numbers(&fixture["runs"]), numbers(&fixture["sessions"]));
    let samples: Vec<Sample> = runs
        .iter()
        .zip(&sessions)
        .enumerate()
        .map(|(at, (&run, &session))| Sample {
            left_out: (!fixture["kept"][at].as_bool().unwrap()).then(|| "not wanted".into()),
            ..sample(&format!("s{at}"), session as u32, run as u32, 1)
        })
        .collect();
    let x = matrix(&fixture["x"]).mapv(|v| v as f32);
    let dir = tempfile::tempdir().unwrap();
    for (at, case) in fixture["cases"].as_array().unwrap().iter().enumerate() {
        let how: Standardisation = serde_json::from_value(case["how"].clone()).unwrap();
        let path = dir.path().join(at.to_string());
        let manifest = write(&path, contents(samples.clone(), x.nrows()), &x, how).unwrap();
        let found = everything(&Store::open(&path).unwrap());
        for (found, expected) in found.iter().zip(&matrix(&case["expected"])) {
            assert!(
                (f64::from(*found) - expected).abs() <= 6e-8 * expected.abs().max(1e-3),
                "{how:?}: {found} against {expected}"
            );
        }
        let explain = manifest.quality.means_explain;
        for (found, name) in [
            (explain.runs, "runs_explain"),
            (explain.sessions, "sessions_explain"),
        ] {
            let expected = fixture[name].as_f64().unwrap();
            assert!(
                (found - expected).abs() < 1e-9,
                "{name}: {found}, {expected}"
            );
        }
        assert_eq!(explain.runs_by_chance, 3.0 / 23.0);
    }
}

#[test]
fn run_means_left_in_are_warned_of_and_removed_ones_are_not() {
    let samples = runs_of(&[10, 10, 10]);
    let mut x = varied(4, 30);
    for (s, mut column) in x.columns_mut().into_iter().enumerate() {
        column += 20.0 * (s / 10) as f32;
    }
    let dir = tempfile::tempdir().unwrap();
    for (scope, warned) in [
        (Scope::None, true),
        (Scope::Global, true),
        (Scope::Run, false),
    ] {
        let how = Standardisation {
            scope,
            ..Standardisation::default()
        };
        let path = dir.path().join(format!("{scope:?}"));
        let manifest = write(&path, contents(samples.clone(), 4), &x, how).unwrap();
        let text = manifest.quality.warnings.join("\n");
        assert_eq!(
            text.contains("run means explain"),
            warned,
            "{scope:?}: {text:?}"
        );
    }
}

#[test]
fn voxels_that_are_not_finite_or_constant_in_a_run_are_listed_and_left_out() {
    let mut x = varied(6, 20);
    x[[1, 3]] = f32::NAN;
    x[[1, 14]] = f32::INFINITY;
    x.slice_mut(s![4, 10..]).fill(2.5);
    let mut contents = contents(runs_of(&[10, 10]), 6);
    contents.regions = Regions {
        names: vec!["all".into(), "tail".into()],
        members: Array2::from_shape_fn((2, 6), |(r, v)| r == 0 || v > 3),
    };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let manifest = write(&path, contents, &x, Standardisation::default()).unwrap();
    assert_eq!((manifest.voxels, manifest.quality.voxels_seen), (4, 6));
    assert_eq!(
        (manifest.quality.not_finite, manifest.quality.constant),
        (1, 1)
    );
    let listed = fs::read_to_string(path.join("excluded_voxels.tsv")).unwrap();
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!(lines[1], "1\t1\t0\t0\t-5.5\t0.1\t0\t2\t2\t0");
    assert_eq!(lines[2], "4\t4\t0\t0\t0.5\t0.1\t0\t0\t0\t1");
    let store = Store::open(&path).unwrap();
    let kept = [0, 2, 3, 5];
    assert_eq!(everything(&store), x.select(ndarray::Axis(0), &kept));
    let Places::Volume { indices, .. } = store.places() else {
        panic!("{:?}", store.places());
    };
    assert_eq!(
        indices.iter().map(|i| i[0]).collect::<Vec<_>>(),
        [0, 2, 3, 5]
    );
    assert_eq!(
        store.regions().members.row(1).to_vec(),
        [false, false, false, true]
    );
    x.fill(1.0);
    let error = write(
        &dir.path().join("none"),
        self::contents(runs_of(&[10, 10]), 6),
        &x,
        Standardisation::default(),
    );
    assert!(
        error
            .unwrap_err()
            .to_string()
            .starts_with("all 6 voxels are left out"),
    );
}

/// Samples a b a c, the third left out, and a stimulus d that shows what b shows.
fn repeated() -> (tempfile::TempDir, Store, Array2<f32>) {
    let mut samples = vec![
        sample("a", 1, 1, 1),
        sample("b", 1, 1, 2),
        sample("a", 1, 2, 1),
        sample("c", 1, 2, 2),
        sample("a", 2, 3, 1),
        sample("d", 2, 3, 2),
    ];
    samples[2].left_out = Some("moved".into());
    samples[5].same_as = Some(key("b"));
    let x = varied(3, 6);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    write(&path, contents(samples, 3), &x, Standardisation::default()).unwrap();
    let store = Store::open(path).unwrap();
    (dir, store, x)
}

fn select(
    store: &Store,
    stimuli: Option<&[&str]>,
    repeats: Repeats,
    left_out: bool,
) -> Vec<(String, Vec<usize>)> {
    let set = stimuli.map(|keys| StimulusSet::from_labels(keys.iter().copied()).unwrap());
    let view = store.view(Selection {
        stimuli: set.as_ref(),
        repeats,
        left_out,
    });
    let rows = view.rows.into_iter();
    rows.map(|row| (row.stimulus.as_str().to_owned(), row.samples))
        .collect()
}

#[test]
fn views_choose_repeats_and_order_by_key() {
    let (_dir, store, x) = repeated();
    let repeats: Vec<u32> = store.samples().iter().map(|s| s.repeat).collect();
    assert_eq!(repeats, [1, 1, 2, 1, 3, 1]);
    let rows = |list: &[(&str, &[usize])]| -> Vec<(String, Vec<usize>)> {
        list.iter()
            .map(|(key, samples)| ((*key).to_owned(), samples.to_vec()))
            .collect()
    };
    assert_eq!(
        select(&store, None, Repeats::Each, false),
        rows(&[
            ("a", &[0]),
            ("b", &[1]),
            ("c", &[3]),
            ("a", &[4]),
            ("d", &[5])
        ])
    );
    assert_eq!(
        select(&store, None, Repeats::Mean, true),
        rows(&[("a", &[0, 2, 4]), ("b", &[1]), ("c", &[3]), ("d", &[5])])
    );
    assert_eq!(
        select(&store, Some(&["c", "a"]), Repeats::First, false),
        rows(&[("c", &[3]), ("a", &[0])])
    );
    assert_eq!(store.repeated(), [(0, 2), (2, 4), (1, 5)]);
    let set = StimulusSet::from_labels(["c", "z", "a"]).unwrap();
    let view = store.view(Selection {
        stimuli: Some(&set),
        repeats: Repeats::Mean,
        left_out: false,
    });
    assert_eq!(view.missing, [key("z")]);
    assert_eq!(view.unused, [key("b"), key("d")]);
    assert_eq!((view.runs(), view.across_runs(&store)), (vec![2, 1], 1));
    let found = with_run(|run| store.load_voxels(&view, &[2, 0], run)).unwrap();
    let mean = |v: usize| (x[[v, 0]] + x[[v, 4]]) / 2.0;
    assert_eq!(
        found.values,
        ndarray::array![[x[[2, 3]], mean(2)], [x[[0, 3]], mean(0)]]
    );
    let error = with_run(|run| store.load_voxels(&view, &[3], run)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "voxel 3 is asked for, but the store holds 3 (counted from 0)"
    );
}

#[test]
fn surfaces_and_bare_points_come_back() {
    let dir = tempfile::tempdir().unwrap();
    for (name, places) in [
        (
            "points",
            Places::Points(vec![[0.5, -1.25, 1e-3], [1.0, 2.0, 3.0]]),
        ),
        (
            "surface",
            Places::Surface {
                vertices: [10, 12],
                indices: vec![(Hemisphere::Left, 9), (Hemisphere::Right, 11)],
            },
        ),
        (
            "grayordinates",
            Places::Grayordinates(BrainModels {
                models: vec![
                    BrainModel {
                        structure: "CIFTI_STRUCTURE_CORTEX_RIGHT".into(),
                        offset: 0,
                        part: Part::Surface {
                            vertices: vec![7],
                            of: 12,
                        },
                    },
                    BrainModel {
                        structure: "CIFTI_STRUCTURE_AMYGDALA_LEFT".into(),
                        offset: 1,
                        part: Part::Voxels(vec![[2, 0, 1]]),
                    },
                ],
                volume: Some(Grid {
                    shape: [3, 1, 2],
                    affine: Affine([
                        [2.0, 0.0, 0.0, -90.0],
                        [0.0, 2.0, 0.0, -126.0],
                        [0.0, 0.0, 2.0, -72.0],
                    ]),
                }),
            }),
        ),
    ] {
        let contents = Contents {
            places: places.clone(),
            ..contents(runs_of(&[5]), 2)
        };
        let path = dir.path().join(name);
        write(&path, contents, &varied(2, 5), Standardisation::default()).unwrap();
        assert_eq!(Store::open(path).unwrap().places(), &places);
    }
}

#[test]
fn vertices_that_are_nowhere_or_twice_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let with = |vertices, indices: Vec<(Hemisphere, u32)>| Contents {
        places: Places::Surface { vertices, indices },
        ..contents(runs_of(&[5]), 2)
    };
    let refused = |name: &str, contents| {
        let how = Standardisation::default();
        let error = write(&dir.path().join(name), contents, &varied(2, 5), how);
        error.unwrap_err().to_string()
    };
    use Hemisphere::{Left, Right};
    let twice = refused("twice", with([9, 9], vec![(Left, 3), (Left, 3)]));
    assert!(
        twice.contains("row 1 lies nowhere, or on a vertex"),
        "{twice}"
    );
    let outside = refused("outside", with([9, 3], vec![(Left, 3), (Right, 3)]));
    assert!(outside.contains("row 1 lies nowhere"), "{outside}");
    let vast = refused("vast", with([u32::MAX, 9], vec![(Left, 3), (Right, 3)]));
    assert!(vast.contains("a surface of 4294967295 vertices"), "{vast}");
    // The same in the files of a store.
    let path = dir.path().join("sound");
    let sound = with([9, 12], vec![(Left, 3), (Right, 11)]);
    write(&path, sound, &varied(2, 5), Standardisation::default()).unwrap();
    for (file, old, new, expected) in [
        (
            "voxels.tsv",
            "1\tright\t11",
            "1\tleft\t3",
            "line 3: a vertex that a line before has",
        ),
        (
            "voxels.tsv",
            "1\tright\t11",
            "1\tright\t12",
            "line 3: \"1\\tright\\t12\" is no place here",
        ),
        (
            "voxels.tsv",
            "1\tright\t11",
            "1\tboth\t1",
            "is no place here",
        ),
        (
            "store.json",
            "      12",
            "      4000000000",
            "a surface of 4000000000 vertices",
        ),
    ] {
        let text = fs::read_to_string(path.join(file)).unwrap();
        assert!(text.contains(old), "{file}: {text}");
        fs::write(path.join(file), text.replacen(old, new, 1)).unwrap();
        let error = Store::open(&path).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        fs::write(path.join(file), text).unwrap();
    }
    Store::open(&path).unwrap();
}

#[test]
fn small_groups_and_missing_samples_are_refused_with_their_numbers() {
    let dir = tempfile::tempdir().unwrap();
    let how = Standardisation {
        scope: Scope::Run,
        ..Standardisation::default()
    };
    let error = write(
        &dir.path().join("a"),
        contents(runs_of(&[5, 2]), 3),
        &varied(3, 7),
        how,
    );
    assert_eq!(
        error.unwrap_err().to_string(),
        "run 2 holds 2 samples; z-scoring with ddof 1 needs at least 3: standardise over a wider scope, or only centre"
    );
    let centred = Standardisation {
        scale: Scale::Centre,
        over: Over::Kept,
        ..how
    };
    write(
        &dir.path().join("b"),
        contents(runs_of(&[5, 2]), 3),
        &varied(3, 7),
        centred,
    )
    .unwrap();
    let error = write(
        &dir.path().join("c"),
        contents(runs_of(&[9]), 3),
        &varied(3, 7),
        Standardisation::default(),
    );
    assert_eq!(
        error.unwrap_err().to_string(),
        "samples: 7 found, 9 expected"
    );
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn a_store_is_never_replaced_unasked_and_other_folders_never() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let begin = |overwrite| Writer::create(&path, overwrite, contents(runs_of(&[7]), 3), 1 << 20);
    write(
        &path,
        contents(runs_of(&[7]), 3),
        &varied(3, 7),
        Standardisation::default(),
    )
    .unwrap();
    assert!(
        begin(Overwrite::Refuse)
            .unwrap_err()
            .to_string()
            .contains("--force")
    );
    let mut writer = begin(Overwrite::Replace).unwrap();
    let busy = begin(Overwrite::Replace).unwrap_err();
    assert!(busy.to_string().contains("another process"), "{busy}");
    let x = -varied(3, 7);
    writer.push_samples(x.t()).unwrap();
    assert_ne!(everything(&Store::open(&path).unwrap()), x);
    with_run(|run| writer.finish(Standardisation::default(), provenance(), run)).unwrap();
    assert_eq!(everything(&Store::open(&path).unwrap()), x);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    fs::remove_file(path.join("store.json")).unwrap();
    let error = begin(Overwrite::Replace).unwrap_err();
    assert!(matches!(error, StoreError::NotReplaced { .. }), "{error}");
}

#[test]
fn what_a_killed_writer_left_is_cleared_and_an_older_store_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let x = varied(3, 7);
    write(
        &path,
        contents(runs_of(&[7]), 3),
        &x,
        Standardisation::default(),
    )
    .unwrap();
    // Killed between the two renames.
    fs::rename(&path, dir.path().join(".store.old")).unwrap();
    fs::create_dir(dir.path().join(".store.partial")).unwrap();
    fs::write(dir.path().join(".store.partial/data.npy"), "half").unwrap();
    fs::write(dir.path().join(".store.lock"), "").unwrap();
    let again = Writer::create(&path, Overwrite::Replace, contents(runs_of(&[7]), 3), 64).unwrap();
    drop(again);
    assert_eq!(everything(&Store::open(&path).unwrap()), x);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn an_interrupted_writer_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let mut writer = Writer::create(
        &path,
        Overwrite::Refuse,
        contents(runs_of(&[7]), 3),
        1 << 20,
    )
    .unwrap();
    writer.push_samples(varied(3, 7).t()).unwrap();
    let interrupt = Interrupt::default();
    interrupt.request();
    let run = Run {
        progress: &Silent,
        interrupt: &interrupt,
    };
    let error = writer.finish(Standardisation::default(), provenance(), run);
    assert!(matches!(error, Err(StoreError::Interrupted)));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn damaged_stores_are_refused_with_what_is_wrong() {
    let (dir, store, _) = repeated();
    let sound = store.path().to_owned();
    let damage = |what: &dyn Fn(&Path)| {
        let copy = dir.path().join("copy");
        let _ = fs::remove_dir_all(&copy);
        fs::create_dir(&copy).unwrap();
        for entry in fs::read_dir(&sound).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
        }
        what(&copy);
        Store::open(&copy).unwrap_err().to_string()
    };
    let edit = |file: &'static str, from: &'static str, to: &'static str| {
        damage(&move |copy: &Path| {
            let text = fs::read_to_string(copy.join(file)).unwrap();
            assert!(text.contains(from), "{text}");
            fs::write(copy.join(file), text.replacen(from, to, 1)).unwrap();
        })
    };
    for (found, expected) in [
        (
            damage(&|copy| {
                let bytes = fs::read(copy.join("data.npy")).unwrap();
                fs::write(copy.join("data.npy"), &bytes[..bytes.len() - 1]).unwrap();
            }),
            "the header claims 3 × 6 elements of 4 bytes, but the file has 199 bytes",
        ),
        (
            damage(&|copy| {
                let mut bytes = fs::read(copy.join("data.npy")).unwrap();
                let at = bytes.windows(6).position(|w| w == b"(3, 6)").unwrap();
                bytes.splice(at..at + 6, *b"(6, 3)");
                fs::write(copy.join("data.npy"), &bytes).unwrap();
            }),
            "6 rows, but store.json says 3",
        ),
        (
            damage(&|copy| fs::write(copy.join("data.npy"), "\u{93}NUMPY").unwrap()),
            "does not begin as a NumPy array",
        ),
        (
            damage(&|copy| {
                let mut bytes = fs::read(copy.join("data.npy")).unwrap();
                let at = bytes.windows(3).position(|w| w == b"<f4").unwrap();
                bytes[at + 1] = b'i';
                fs::write(copy.join("data.npy"), &bytes).unwrap();
            }),
            "dtype '<i4', expected",
        ),
        (
            damage(&|copy| fs::remove_file(copy.join("store.json")).unwrap()),
            "there is no store.json",
        ),
        (
            edit("store.json", "\"voxels\": 3", "\"voxels\": 30"),
            "30 voxels in a grid",
        ),
        (
            edit("store.json", "\"samples_kept\": 5", "\"samples_kept\": 4"),
            "5 samples kept, but store.json says 4",
        ),
        (
            edit("store.json", "\"subject\"", "\"colour\": 1, \"subject\""),
            "unknown field `colour`",
        ),
        (
            edit("store.json", "\"version\": 1", "\"version\": 2"),
            "version 2, expected",
        ),
        (edit("store.json", "{", "["), "store.json: "),
        (
            edit("store.json", "\"voxels\": 3", "\"voxels\": -3"),
            "store.json: ",
        ),
        (edit("samples.tsv", "stimulus", "item"), "line 1: header"),
        (
            edit("samples.tsv", "2\ta", "7\ta"),
            "line 4: sample \"7\", expected 2",
        ),
        (
            edit("samples.tsv", "0\tmoved", "1\tmoved"),
            "expected 1 with n/a, or 0 with a reason",
        ),
        (edit("samples.tsv", "\n5\t", "\n5\t\t"), "line 7: 11 cells"),
        (
            edit("voxels.tsv", "1\t1\t0", "1\t3\t0"),
            "line 3: \"1\\t3\\t0",
        ),
        (edit("voxels.tsv", "-7.5", "nan"), "line 2: "),
        (
            damage(&|copy| {
                let text = fs::read_to_string(copy.join("voxels.tsv")).unwrap();
                let cut = text.trim_end().rfind('\n').unwrap() + 1;
                fs::write(copy.join("voxels.tsv"), &text[..cut]).unwrap();
            }),
            "2 voxels, but store.json says 3",
        ),
    ] {
        assert!(found.contains(expected), "{found:?} lacks {expected:?}");
    }
}
