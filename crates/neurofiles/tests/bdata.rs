//! BData as bdpy reads it, in all its forms; the language of selections; files that lie.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use emotome_neurofiles::bdata::{
    self, BData, BDataError, Metadata, RoiFile, RoiFileError, Selection,
};
use emotome_stimuli::output::Overwrite;
use proptest::prelude::*;

#[derive(serde::Deserialize)]
struct Expected {
    dataset: Vec<Vec<f64>>,
    keys: Vec<String>,
    labels: Vec<String>,
    select: HashMap<String, Vec<usize>>,
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/containers")
        .join(name)
}

fn expected() -> Expected {
    let text = fs::read_to_string(fixture("expected.json")).unwrap();
    let mut all: serde_json::Value = serde_json::from_str(&text).unwrap();
    serde_json::from_value(all["bdata"].take()).unwrap()
}

const FORMS: [&str; 4] = [
    "bdata.h5",
    "bdata_capitals.h5",
    "bdata_v5.mat",
    "bdata_v73.mat",
];

#[test]
fn every_form_gives_the_samples_and_columns_that_bdpy_gives() {
    let expected = expected();
    for form in FORMS {
        let file = BData::open(fixture(form)).unwrap();
        assert_eq!(file.metadata().keys(), expected.keys, "{form}");
        assert_eq!(file.samples(), expected.dataset.len(), "{form}");
        for (selection, columns) in &expected.select {
            let selected = file.select(selection).unwrap();
            assert_eq!(&selected, columns, "{form}: {selection}");
            let read = file.columns(&selected).unwrap();
            let mut tiled = vec![vec![f32::NAN; selected.len()]; file.samples()];
            file.for_each_tile(&selected, |tile| {
                for s in 0..tile.samples {
                    for c in 0..tile.columns {
                        let place = &mut tiled[tile.sample + s][tile.column + c];
                        assert!(place.is_nan(), "{form}: twice");
                        *place = tile.values[s * tile.columns + c];
                    }
                }
                Ok::<_, BDataError>(())
            })
            .unwrap();
            for (sample, row) in expected.dataset.iter().enumerate() {
                for (at, &column) in columns.iter().enumerate() {
                    assert_eq!(read[at][sample], row[column], "{form}: {selection}");
                    assert_eq!(tiled[sample][at], row[column] as f32, "{form}: {selection}");
                }
            }
        }
        let millimetres = file
            .coordinates("voxel_", ["x", "y", "z"], &[0, 4])
            .unwrap();
        assert_eq!(millimetres, [[0.0, 0.0, 0.0], [8.0, -6.0, 12.0]], "{form}");
        assert_eq!(file.coordinates("voxel_", ["i", "j", "k"], &[0]), None);
        let reversed = file.columns(&[5, 0]).unwrap();
        assert_eq!(reversed[1][3], expected.dataset[3][0], "{form}");
    }
}

#[test]
fn labels_of_samples_are_those_of_bdpy() {
    let expected = expected();
    let file = BData::open(fixture("bdata.h5")).unwrap();
    let labels = file.labels("stimulus_name").unwrap();
    let labels: Vec<String> = labels.into_iter().flatten().collect();
    assert_eq!(labels, expected.labels);
    assert!(file.labels("Run").is_err());
    let runs = file.named(&["Run", "Session"]).unwrap();
    assert_eq!(runs[0][..4], [1.0, 1.0, 2.0, 2.0]);
    assert_eq!(runs[1][11], 2.0);
    let error = file.named(&["VoxelData"]).unwrap_err();
    assert!(matches!(error, BDataError::Columns { found: 9, .. }));
}

fn metadata() -> Metadata {
    let mut metadata = Metadata::new(8);
    metadata.select("ROI_A", "", 0..5);
    metadata.select("ROI_B", "", 3..8);
    metadata.select("a-b", "", 1..2);
    let values = [3.0, f64::NAN, 9.0, 1.0, 5.0, 9.0, 2.0, 8.0];
    metadata.describe("F", "", |column| values[column]);
    metadata
}

fn select(text: &str) -> Result<Vec<usize>, String> {
    let parsed = text.parse::<Selection>();
    let columns = parsed.and_then(|selection| selection.columns(&metadata()));
    columns.map_err(|error| error.to_string())
}

#[test]
fn rankings_take_the_largest_values_and_the_first_of_equals() {
    assert_eq!(select("F top 1"), Ok(vec![2]));
    assert_eq!(select("F top 3"), Ok(vec![2, 5, 7]));
    assert_eq!(select("F top 2 @ ROI_A"), Ok(vec![2, 4]));
    assert_eq!(select("F top 2 @ ROI_A = 1 - ROI_B"), Ok(vec![0, 2]));
    assert_eq!(select("(F top 1 @ ROI_A) + 'a-b'"), Ok(vec![1, 2]));
    // The column without a value is never taken, though 8 are asked for.
    assert_eq!(select("F top 8"), Ok(vec![0, 2, 3, 4, 5, 6, 7]));
}

#[test]
fn a_parenthesis_ends_where_it_closes() {
    // bdpy 0.26 ends all parentheses at the first that closes and gives [] here.
    assert_eq!(
        select("ROI_A - (ROI_A - (ROI_B - ROI_B) - ROI_B)"),
        Ok(vec![3, 4])
    );
}

#[test]
fn errors_show_where_and_what_is_spelt_alike() {
    for (text, message) in [
        (
            "ROI_C",
            r#"selection "ROI_C", character 1: no key matches "ROI_C" among 4; did you mean "ROI_A" or "ROI_B"?"#,
        ),
        (
            "ROI_A &",
            r#"selection "ROI_A &", character 8: found the end, expected a key or "(""#,
        ),
        (
            "(ROI_A",
            r#"selection "(ROI_A", character 7: found the end, expected an operator or ")""#,
        ),
        (
            "ROI_A ROI_B",
            r#"selection "ROI_A ROI_B", character 7: found "ROI_B", expected an operator or the end"#,
        ),
        (
            "ROI_A = 2",
            r#"selection "ROI_A = 2", character 9: found "2", expected 1 or 0: a key is 1 in the columns it names"#,
        ),
        (
            "é 'ROI",
            r#"selection "é 'ROI", character 3: the quote ' is not closed"#,
        ),
        (
            "a-b",
            r#"selection "a-b", character 1: no key matches "a" among 4"#,
        ),
        (
            "",
            r#"selection "", character 1: found the end, expected a key or "(""#,
        ),
        (
            "ROI_A @ ROI_B",
            r#"selection "ROI_A @ ROI_B", character 1: found "ROI_A", expected a ranking such as `F top 100` left of "@""#,
        ),
        (
            "ROI_* top 2",
            r#"selection "ROI_* top 2", character 1: "ROI_*" matches 2 keys; rank by one"#,
        ),
        (
            "F top x",
            r#"selection "F top x", character 7: found "x", expected how many columns to take"#,
        ),
    ] {
        assert_eq!(select(text).unwrap_err(), message);
    }
    let deep = format!("{}ROI_A{}", "(".repeat(65), ")".repeat(65));
    assert!(
        select(&deep)
            .unwrap_err()
            .contains("at most 64 parentheses")
    );
    let long = format!("ROI_A{}", " + ROI_B".repeat(10_000));
    assert_eq!(select(&long), Ok((0..8).collect()));
}

proptest! {
    #[test]
    fn a_selection_of_any_characters_is_read_or_refused(text in ".{0,60}") {
        let _ = select(&text);
    }

    #[test]
    fn a_selection_of_its_own_words_is_read_or_refused(
        words in prop::collection::vec(prop::sample::select(vec![
            "ROI_A", "ROI_B", "F", "top", "1", "0", "=", "|", "+", "&", "-", "@", "(", ")", "'a-b'", "RO*", "\"",
        ]), 0..20)
    ) {
        if let Ok(columns) = select(&words.join(" ")) {
            prop_assert!(columns.is_sorted() && columns.iter().all(|&column| column < 8));
        }
    }
}

#[test]
fn what_is_written_is_read_back() {
    // `fixtures/check_containers.py` opens what is kept in h5py and bdpy.
    let kept = std::env::var_os("WRITE_BDATA").map(PathBuf::from);
    let folder = tempfile::tempdir().unwrap();
    let path = kept.unwrap_or_else(|| folder.path().join("written.h5"));
    let metadata = metadata();
    let vmap = BTreeMap::from([(
        "ROI_A".to_owned(),
        vec![(1.0, "one".to_owned()), (2.5, "two and a half".to_owned())],
    )]);
    let header = [("synthetic", "yes")];
    bdata::write(
        &path,
        Overwrite::Replace,
        &metadata,
        &vmap,
        &header,
        3,
        |sample, row| {
            row.iter_mut()
                .enumerate()
                .for_each(|(c, x)| *x = (10 * sample + c) as f64);
            Ok::<_, BDataError>(())
        },
    )
    .unwrap();
    let file = BData::open(&path).unwrap();
    // NaN is unequal to itself; as text it is not.
    assert_eq!(format!("{:?}", file.metadata()), format!("{metadata:?}"));
    assert_eq!(file.value_labels("ROI_A"), vmap.get("ROI_A"));
    assert_eq!(file.columns(&[7]).unwrap(), [[7.0, 17.0, 27.0]]);
}

#[test]
fn what_is_no_bdata_is_refused() {
    for (name, part) in [
        ("layouts.h5", "no BData"),
        ("v5.mat", "no BData"),
        ("v73.mat", "no BData"),
        ("expected.json", "MATLAB"),
    ] {
        let error = BData::open(fixture(name)).unwrap_err().to_string();
        assert!(error.contains(part), "{name}: {error}");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sparse.h5");
    let mut writer = emotome_neurofiles::hdf5::Writer::create(&path, Overwrite::Refuse).unwrap();
    writer
        .numbers("data/__bdpy_sparse_arrray", &[1], &[1.0])
        .unwrap();
    writer.finish().unwrap();
    assert!(matches!(BData::open(&path), Err(BDataError::Sparse { .. })));
}

#[test]
fn damaged_files_cost_an_error() {
    let folder = tempfile::tempdir().unwrap();
    for form in FORMS {
        let whole = fs::read(fixture(form)).unwrap();
        let path = folder.path().join(form);
        for at in (0..whole.len()).step_by(1 + whole.len() / 150) {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x55;
            for bytes in [&whole[..at], &damaged] {
                fs::write(&path, bytes).unwrap();
                if let Ok(file) = BData::open(&path) {
                    let _ = file
                        .select("ROI_*")
                        .and_then(|columns| file.columns(&columns));
                    let _ = file.labels("stimulus_name");
                }
            }
        }
    }
}

#[test]
fn the_sample_of_bdpy_is_read() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data/brain/bdata_sample_vmap.h5");
    if !path.exists() {
        println!("skipped: {} is not there", path.display());
        return;
    }
    let file = BData::open(path).unwrap();
    assert_eq!((file.samples(), file.metadata().columns()), (8, 11));
    assert_eq!(file.metadata().keys(), ["Data", "Label"]);
    assert_eq!(file.select("Data").unwrap(), (0..10).collect::<Vec<_>>());
    let labels = file.labels("Label").unwrap();
    assert_eq!(labels.iter().flatten().count(), 8);
}

#[test]
fn a_file_of_one_region_is_read_voxel_by_voxel() {
    let file = RoiFile::open(fixture("roi_v73.mat")).unwrap();
    assert_eq!((file.samples(), file.voxels()), (5, 4));
    let info = file.info();
    let (last, whole) = (&info.positions[3], [10.5, -3.0, 7.5]);
    assert_eq!(*last, whole);
    let regions = [
        ("hcp180_lh.L_V1_ROI".to_owned(), vec![0, 2, 3]),
        ("hcp180_rh.R_V1_ROI".to_owned(), vec![1]),
    ];
    assert_eq!(info.regions, regions);
    assert_eq!(info.session, [1.0, 1.0, 1.0, 2.0, 2.0]);
    assert_eq!(info.run, [1.0, 1.0, 2.0, 3.0, 3.0]);
    assert_eq!(info.block, [1.0, 2.0, 3.0, 4.0, 5.0]);
    let stimuli = vec![7.0, 2185.0, 3.0, 1.0, 2196.0];
    assert_eq!(info.labels, [("stimID".to_owned(), stimuli)]);
    let mut seen = 0;
    file.for_each_voxel(|voxel, responses| {
        let expected: Vec<f64> = (0..5)
            .map(|sample| (10 * sample + voxel) as f64 / 4.0)
            .collect();
        assert_eq!((voxel, responses), (seen, expected.as_slice()));
        seen += 1;
        Ok::<_, RoiFileError>(())
    })
    .unwrap();
    assert_eq!(seen, 4);
    for (name, part) in [("v5.mat", "no HDF5"), ("v73.mat", "no /braindat")] {
        let error = RoiFile::open(fixture(name)).unwrap_err().to_string();
        assert!(error.contains(part), "{name}: {error}");
    }
    // The five samples of the responses become four; what describes them does not.
    let mut shorter = fs::read(fixture("roi_v73.mat")).unwrap();
    let dims = [4u64.to_le_bytes(), 5u64.to_le_bytes()].concat();
    let places: Vec<usize> = (0..shorter.len() - 16)
        .filter(|&at| shorter[at..at + 16] == dims)
        .collect();
    assert!(!places.is_empty());
    for at in places {
        shorter[at + 8] = 4;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shorter.mat");
    fs::write(&path, shorter).unwrap();
    let error = RoiFile::open(path).unwrap_err().to_string();
    assert!(
        error.contains("metainf.Label is of [5, 1], not 4 × 1"),
        "{error}"
    );
}

#[test]
fn the_regions_of_the_study_are_read() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/brain/hcp/roiInf.mat");
    if !path.exists() {
        println!("skipped: {} is not there", path.display());
        return;
    }
    let sets = bdata::region_sets(path).unwrap();
    let names: Vec<&str> = sets.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["hcp360", "individual", "subcortex", "network17"]);
    assert_eq!(sets[0].1.len(), 360);
    assert_eq!(sets[0].1[0].keys, ["hcp180_r_lh.L_10d_ROI"]);
    let accumbens = sets[2]
        .1
        .iter()
        .find(|region| region.name == "nuc_accum")
        .unwrap();
    assert_eq!(accumbens.keys.len(), 2);
    assert!(accumbens.keys[0].ends_with("brodmann_area_34"));
    assert!(
        sets.iter()
            .flat_map(|(_, set)| set)
            .all(|region| region.excluded.is_empty())
    );
    assert!(bdata::region_sets(fixture("v5.mat")).is_err());
}
