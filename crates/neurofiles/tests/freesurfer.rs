//! Files of FreeSurfer equal what nibabel reads from them, bit for bit; hostile ones end in an error.

mod images;

use emotome_neurofiles::freesurfer::{read_annot, read_curv, read_label, read_patch, read_surface};
use emotome_neurofiles::nifti::{ImageError, Mask, Reader};
use images::{Case, base64, bits, cases};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn every_file_equals_nibabel() {
    let mut count = 0;
    for case in cases("freesurfer") {
        let (folder, name) = (case.unpack(), &case.name);
        let path = folder.path().join(&case.open);
        let single = |found: &[f32], key: &str| assert_eq!(found, case.f32(key), "{name}");
        match case.json["kind"].as_str().unwrap() {
            "surface" => {
                let mesh = read_surface(&path).unwrap();
                single(&mesh.surface.points.concat(), "points");
                let triangles: Vec<f64> = mesh
                    .surface
                    .triangles
                    .concat()
                    .iter()
                    .map(|&v| v.into())
                    .collect();
                assert_eq!(triangles, case.f64("triangles"));
                assert_eq!(json!(mesh.c_ras), case.json["cras"]);
                assert_eq!(mesh.comment, "created by a test");
                let same = emotome_neurofiles::gifti::read_surface(&path).unwrap();
                assert_eq!(same, mesh.surface);
            }
            "curv" => single(&read_curv(&path).unwrap(), "data"),
            "annot" => annotation(&case, &path),
            "label" => {
                let label = read_label(&path).unwrap();
                assert_eq!(json!(label.vertices), case.json["vertices"]);
                assert_eq!(
                    (label.values, label.points.concat()),
                    (case.f64("values"), case.f64("points"))
                );
            }
            "patch" => {
                let patch = read_patch(&path).unwrap();
                assert_eq!(json!(patch.vertices), case.json["vertices"]);
                assert_eq!(json!(patch.border), case.json["border"]);
                single(&patch.points.concat(), "points");
            }
            _ => {
                let reader = Reader::open_mgh(&path).unwrap_or_else(|e| panic!("{name}: {e}"));
                let affine = reader.grid().affine.0.concat();
                if reader.header().oriented {
                    assert_eq!(
                        bits(&affine),
                        bits(&case.f64("affine")),
                        "{name}: {affine:?}"
                    );
                } else {
                    // FreeSurfer's default for 3 × 2 × 4 voxels; nibabel takes the transpose of the directions.
                    let expected = [
                        [-1.0, 0.0, 0.0, 1.5],
                        [0.0, 0.0, 1.0, -2.0],
                        [0.0, -1.0, 0.0, 1.0],
                    ];
                    assert_eq!(affine, expected.concat(), "{name}");
                }
                assert_eq!(json!(reader.header().oriented), case.json["good"]);
                let mut shape = json!(reader.grid().shape);
                if reader.len() > 1 {
                    shape.as_array_mut().unwrap().push(json!(reader.len()));
                }
                assert_eq!(shape, case.json["shape"], "{name}");
                let volumes: Vec<Vec<f64>> =
                    reader.volumes().unwrap().map(Result::unwrap).collect();
                assert_eq!(bits(&volumes.concat()), bits(&case.f64("data")), "{name}");
                let any = Reader::open_volume(&path).unwrap();
                assert_eq!(any.len(), volumes.len());
                if volumes.len() == 1 {
                    let inside = volumes[0].iter().filter(|&&v| v > 0.0).count();
                    assert_eq!(Mask::read(&path).unwrap().voxels().len(), inside);
                }
            }
        }
        count += 1;
    }
    assert!(count > 30, "{count}");
}

fn annotation(case: &Case, path: &Path) {
    let annot = read_annot(path).unwrap();
    let labels: Vec<i64> = annot
        .labels
        .iter()
        .map(|l| l.map_or(-1, |l| l as i64))
        .collect();
    assert_eq!(json!(labels), case.json["labels"]);
    let names: Vec<&str> = annot.regions.iter().map(|r| r.name.as_str()).collect();
    assert_eq!(json!(names), case.json["names"]);
    let table: Vec<Value> = annot
        .regions
        .iter()
        .map(|r| {
            let [red, green, blue, t] = r.rgbt;
            json!([red, green, blue, t, r.code()])
        })
        .collect();
    assert_eq!(json!(table), case.json["table"]);
    assert_eq!(annot.unlisted, 0);
}

fn file(name: &str) -> Vec<u8> {
    let case = cases("freesurfer")
        .find(|c| c.name.starts_with(name))
        .unwrap();
    base64(&case.json["files"][&case.open])
}

fn read<T: std::fmt::Debug>(
    bytes: &[u8],
    reader: impl Fn(PathBuf) -> Result<T, ImageError>,
) -> Result<T, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, bytes).unwrap();
    reader(path).map_err(|error| error.to_string())
}

fn mgh(path: PathBuf) -> Result<Vec<Vec<f32>>, ImageError> {
    Reader::open_mgh(path)?.volumes()?.collect()
}

#[test]
fn files_cut_anywhere_are_errors() {
    for (name, cut) in [
        (
            "surface",
            (|b| read(b, read_surface).map(drop)) as fn(&[u8]) -> Result<(), String>,
        ),
        ("curv", |b| read(b, read_curv).map(drop)),
        ("annot", |b| read(b, read_annot).map(drop)),
        ("patch", |b| read(b, read_patch).map(drop)),
        ("mgh_f4_True_False_1", |b| read(b, mgh).map(drop)),
    ] {
        let bytes = file(name);
        // What follows the voxels are times of the sequence, which are not read.
        let end = if name.starts_with("mgh") {
            284 + 24 * 4
        } else {
            bytes.len()
        };
        assert!(cut(&bytes).is_ok(), "{name}");
        for at in 0..end {
            let error = cut(&bytes[..at]).unwrap_err();
            assert!(
                error.contains("truncated") || error.contains("expected"),
                "{name} {at}: {error}"
            );
        }
    }
    let text = file("label");
    for at in 0..text.len() - 14 {
        assert!(read(&text[..at], read_label).is_err(), "{at}");
    }
}

#[test]
fn lying_counts_and_indices_are_named() {
    let with = |name: &str, at: usize, value: i32| {
        let mut bytes = file(name);
        bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
        bytes
    };
    let told = |found: Result<(), String>, expected: &str| {
        let error = found.expect_err(expected);
        assert!(error.contains(expected), "{error}");
    };
    let surface = |at, value| read(&with("surface", at, value), read_surface).map(drop);
    let start = 3 + "created by a test\n\n".len();
    told(
        surface(start, i32::MAX),
        "the vertices takes 25769803764 bytes",
    );
    told(
        surface(start, -1),
        "the number of vertices (byte 22) is -1; expected 0 or more",
    );
    told(
        surface(start + 4, i32::MAX),
        "the triangles takes 25769803764 bytes",
    );
    told(
        surface(start + 8, f32::NAN.to_bits() as i32),
        "point 0 is [NaN, ",
    );
    told(
        surface(start + 8 + 72, 6),
        "triangle 0 is [6, 2, 4]; expected vertices from 0 to 5",
    );
    told(surface(start + 8 + 72, -1), "triangle 0 is [-1, 2, 4]");
    told(
        surface(0, 0x00ff_fffd),
        "begins with the bytes [00, ff, ff, fd]; expected ff ff fe",
    );
    let curv = |at, value| read(&with("curv", at, value), read_curv).map(drop);
    told(curv(3, i32::MAX), "the values takes 8589934588 bytes");
    told(
        curv(11, 2),
        "the number of values per vertex (byte 11) is 2; expected 1",
    );
    let annot = |at, value| read(&with("annot", at, value), read_annot).map(drop);
    told(annot(0, i32::MAX), "the vertices takes 17179869176 bytes");
    told(
        annot(4, 6),
        "vertex 0 (byte 4) is 6; expected each of 0 to 5 once",
    );
    told(
        annot(4, 1),
        "vertex 1 (byte 12) is 1; expected each of 0 to 5 once",
    );
    told(
        annot(52, 0),
        "the mark of a colour table (byte 52) is 0; expected 1",
    );
    told(
        annot(56, -3),
        "the version of the colour table (byte 56) is -3",
    );
    told(
        annot(64, i32::MAX),
        "the table's name takes 2147483647 bytes",
    );
    let patch = |at, value| read(&with("patch", at, value), read_patch).map(drop);
    told(patch(4, i32::MAX), "the vertices takes 34359738352 bytes");
    told(patch(8, 0), "vertex 0 of the patch is number 0");
    assert_eq!(
        read(&with("patch", 8, i32::MIN), read_patch)
            .unwrap()
            .vertices[0],
        i32::MAX as u32
    );
    let volume = |at, value| read(&with("mgh_f4_True_False_1", at, value), mgh).map(drop);
    told(volume(0, 2), "expected version 1");
    told(
        volume(4, 0),
        "the shape (byte 4) is [0, 2, 4, 1]; expected no axis shorter than 1",
    );
    told(
        volume(4, i32::MAX),
        "the file is truncated or its header lies",
    );
    told(volume(20, 2), "the type (byte 20) is 2");
    told(
        volume(30, f32::INFINITY.to_bits() as i32),
        "the affine (byte 30) is",
    );
    let label = |from: &str, to: &str| {
        let text = String::from_utf8(file("label")).unwrap().replace(from, to);
        read(text.as_bytes(), read_label).map(drop)
    };
    told(
        label("\n3\n", "\n4\n"),
        "line 2 is \"4, but 3 vertices follow\"",
    );
    told(
        label("\n3\n", "\nx\n"),
        "line 2 is \"x\"; expected the number of vertices",
    );
    told(label("\n0  0.0", "\n-1 0.0"), "line 4 is");
}

#[test]
fn a_region_without_a_colour_of_its_own_is_refused() {
    let mut bytes = file("annot");
    // The colour of the second region becomes that of the third.
    let second = bytes
        .windows(8)
        .position(|w| w == [0, 0, 0, 220, 0, 0, 0, 20])
        .unwrap();
    for (channel, value) in [60_i32, 60, 220].into_iter().enumerate() {
        bytes[second + 4 * channel..][..4].copy_from_slice(&value.to_be_bytes());
    }
    let error = read(&bytes, read_annot).unwrap_err();
    assert!(
        error.contains("the colour of region \"V2\" is [60, 60, 220, 0], that of \"V1\""),
        "{error}"
    );
}
