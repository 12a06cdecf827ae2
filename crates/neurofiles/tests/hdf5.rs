//! HDF5 files as h5py writes them, the files that the writer writes, and files that lie.

use std::fs;
use std::path::{Path, PathBuf};

use emotome_neurofiles::hdf5::{Attribute, Element, Hdf5Error, Node, Source, Writer};
use emotome_stimuli::output::Overwrite;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/containers")
        .join(name)
}

fn expected(topic: &str, name: &str) -> Vec<Vec<f64>> {
    let text = fs::read_to_string(fixture("expected.json")).unwrap();
    let all: serde_json::Value = serde_json::from_str(&text).unwrap();
    serde_json::from_value(all[topic][name].clone()).unwrap()
}

#[test]
fn every_layout_is_read_as_h5py_reads_it_whole_and_by_rows() {
    let source = Source::open(fixture("layouts.h5")).unwrap();
    let root = source.root();
    for (name, key) in [
        ("contiguous", "grid"),
        ("gzip", "grid"),
        ("grows", "grid"),
        ("big_endian", "grid"),
        ("lzf", "lzf"),
    ] {
        let rows = expected("layouts", key);
        let dataset = root.dataset(name).unwrap();
        assert_eq!(dataset.shape(), [23, 7], "{name}");
        assert_eq!(dataset.read_f64().unwrap(), rows.concat(), "{name}");
        for range in [0..1, 3..11, 22..23, 5..5] {
            let some = rows[range.start..range.end].concat();
            let read = dataset.read_rows(range.start as u64..range.end as u64);
            assert_eq!(read.unwrap(), some, "{name} {range:?}");
        }
        let mut seen = Vec::new();
        dataset
            .for_each_block::<Hdf5Error>(|start, block| {
                assert_eq!(start as usize * 7, seen.len());
                seen.extend_from_slice(block);
                Ok(())
            })
            .unwrap();
        assert_eq!(seen, rows.concat(), "{name}");
        assert!(matches!(
            dataset.read_rows(20..24),
            Err(Hdf5Error::Kind { .. })
        ));
    }
}

#[test]
fn elements_of_every_kind_are_told_and_read() {
    let source = Source::open(fixture("layouts.h5")).unwrap();
    let root = source.root();
    for kind in ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"] {
        let dataset = root.dataset(&format!("whole/{kind}")).unwrap();
        assert_eq!(
            dataset.read_f64().unwrap(),
            [0.0, 1.0, 2.0, 100.0],
            "{kind}"
        );
    }
    let huge = root.dataset("whole/huge").unwrap().read_f64();
    assert!(matches!(huge, Err(Hdf5Error::Inexact { index: 1, .. })));
    let texts = |name: &str| root.dataset(name).unwrap().read_texts().unwrap();
    assert_eq!(texts("text/fixed"), ["one", "three"]);
    assert_eq!(texts("text/varying"), ["un", "trois", "é"]);
    assert_eq!(texts("text/scalar"), ["alone"]);
    assert_eq!(root.dataset("scalar").unwrap().read_f64().unwrap(), [2.5]);
    assert_eq!(
        root.dataset("truth").unwrap().read_f64().unwrap(),
        [1.0, 0.0]
    );
    let complex = root.dataset("complex").unwrap();
    assert_eq!(complex.element(), &Element::Complex(8));
    assert_eq!(
        complex.read_complex().unwrap(),
        (vec![1.0, -0.0], vec![2.0, -0.5])
    );
    assert_eq!(root.dataset("empty").unwrap().read_f64().unwrap(), [0.0; 0]);
    let targets = root.dataset("references").unwrap().targets().unwrap();
    let [Node::Dataset(scalar), Node::Group(text)] = targets.as_slice() else {
        panic!("{targets:?}");
    };
    assert_eq!(scalar.read_f64().unwrap(), [2.5]);
    assert_eq!(text.datasets().unwrap(), ["fixed", "scalar", "varying"]);
    let list = text.attributes().unwrap().remove("list");
    assert_eq!(list, Some(Attribute::Numbers(vec![0.0, 1.0, 2.0])));
    let attributes = root.attributes().unwrap();
    assert_eq!(attributes["number"].number(), Some(1.5));
    assert_eq!(attributes["text"].text(), Some("words"));
}

#[test]
fn what_is_missing_or_of_another_kind_is_said_with_what_is_there() {
    let source = Source::open(fixture("layouts.h5")).unwrap();
    let root = source.root();
    let message = root.dataset("text/fixd").unwrap_err().to_string();
    assert!(message.contains("there is no /text/fixd"), "{message}");
    let message = root.dataset("girdle").unwrap_err().to_string();
    assert!(message.contains("\"gzip\""), "{message}");
    let error = root.dataset("text/fixed").unwrap().read_f64();
    assert!(matches!(error, Err(Hdf5Error::Kind { .. })));
    let nowhere = Source::open("nowhere.h5").map(drop);
    assert!(matches!(nowhere, Err(Hdf5Error::Io { .. })));
}

#[test]
fn what_the_writer_writes_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("written.h5");
    let grid: Vec<f64> = (0..60).map(f64::from).collect();
    let mut writer = Writer::create(&path, Overwrite::Refuse).unwrap();
    let mut rows = writer.rows::<f32>("dataset", &[5, 12]).unwrap();
    for row in grid.chunks(12) {
        rows.write_f64(row).unwrap();
    }
    rows.finish().unwrap();
    writer.numbers("a/b/c", &[60], &grid).unwrap();
    writer.texts("a/keys", &["x", "längste", ""]).unwrap();
    writer.text("a/one", "alone").unwrap();
    writer.group("vmap").unwrap();
    for label in 0..2200 {
        let name = format!("many/{label}.0");
        writer.text(&name, &format!("label {label}")).unwrap();
    }
    assert!(writer.text("a/one", "again").is_err());
    assert!(writer.text("a/one/below", "again").is_err());
    let short = writer.rows::<f64>("short", &[2]).unwrap().finish();
    assert!(matches!(
        short,
        Err(Hdf5Error::Rows {
            found: 0,
            expected: 2,
            ..
        })
    ));
    writer.finish().unwrap();

    let source = Source::open(&path).unwrap();
    let root = source.root();
    assert_eq!(root.groups().unwrap(), ["a", "many", "vmap"]);
    let dataset = root.dataset("dataset").unwrap();
    assert_eq!(dataset.element(), &Element::Float(4));
    assert_eq!(dataset.read_f64().unwrap(), grid);
    assert_eq!(root.dataset("a/b/c").unwrap().read_f64().unwrap(), grid);
    let keys = root.dataset("a/keys").unwrap().read_texts().unwrap();
    assert_eq!(keys, ["x", "längste", ""]);
    let many = root.group("many").unwrap();
    assert_eq!(many.datasets().unwrap().len(), 2200);
    let label = many.dataset("2199.0").unwrap().read_text().unwrap();
    assert_eq!(label, "label 2199");
}

#[test]
fn a_file_that_claims_more_than_it_holds_is_refused() {
    let whole = fs::read(fixture("layouts.h5")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lies.h5");
    // The dimensions 23 × 7 of every dataset become 2^40 × 7.
    let mut lying = whole.clone();
    let dims = [23u64.to_le_bytes(), 7u64.to_le_bytes()].concat();
    let mut lies = 0;
    for at in 0..lying.len() - 16 {
        if lying[at..at + 16] == dims {
            lying[at..at + 8].copy_from_slice(&(1u64 << 40).to_le_bytes());
            lies += 1;
        }
    }
    assert!(lies >= 5);
    fs::write(&path, &lying).unwrap();
    let source = Source::open(&path).unwrap();
    for name in ["contiguous", "gzip", "lzf", "grows", "big_endian"] {
        let read = source.root().dataset(name).and_then(|d| d.read_f64());
        let error = read.unwrap_err();
        assert!(
            matches!(error, Hdf5Error::TooLarge { .. }),
            "{name}: {error}"
        );
    }
    for length in (0..whole.len()).step_by(97) {
        fs::write(&path, &whole[..length]).unwrap();
        let Ok(source) = Source::open(&path) else {
            continue;
        };
        for name in source.root().datasets().unwrap_or_default() {
            let _ = source.root().dataset(&name).and_then(|d| d.read_f64());
        }
    }
}

#[test]
fn the_latest_layouts_are_read_but_those_that_the_docs_name() {
    let source = Source::open(fixture("latest.h5")).unwrap();
    let root = source.root();
    let grid: Vec<f64> = (0..6).map(f64::from).collect();
    for name in ["contiguous", "one", "fixed", "grows"] {
        let dataset = root.dataset(name).unwrap();
        assert_eq!(dataset.read_f64().unwrap(), grid, "{name}");
        assert_eq!(dataset.read_rows(1..3).unwrap(), grid[2..], "{name}");
    }
    assert_eq!(
        root.dataset("texts").unwrap().read_texts().unwrap(),
        ["a", "b"]
    );
    for name in ["gzip", "grows_twice"] {
        let read = root.dataset(name).and_then(|dataset| dataset.read_f64());
        let error = read.unwrap_err().to_string();
        assert!(error.contains("h5repack"), "{name}: {error}");
    }
}

#[test]
fn a_chunk_past_the_end_is_refused_before_memory_is_taken() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/hdf5/chunk_past_the_end.h5");
    let source = Source::open(path).unwrap();
    let dataset = source.root().dataset("gz").unwrap();
    assert_eq!(dataset.shape(), [6, 4]);
    for read in [dataset.read_f64(), dataset.read_rows(0..1)] {
        let error = read.unwrap_err().to_string();
        assert!(error.contains("ends at byte 142606"), "{error}");
    }
    let intact = source.root().dataset("lzf").unwrap().read_f64().unwrap();
    assert_eq!(intact.len(), 16);
}

#[test]
fn an_index_of_chunks_that_shares_its_nodes_is_not_walked_without_end() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/corpus/hdf5/chunks_of_shared_nodes.h5");
    let source = Source::open(path).unwrap();
    let dataset = source.root().dataset("gz").unwrap();
    for read in [dataset.read_f64(), dataset.read_rows(0..1)] {
        let error = read.unwrap_err().to_string();
        assert!(error.contains("over and over"), "{error}");
    }
}
