//! GIFTI files equal what nibabel reads from them, bit for bit; what is written is read again; hostile XML is refused.

mod images;

use emotome_neurofiles::gifti::{DataArray, Gifti, Intent, Label, Surface, Values, read_surface};
use emotome_stimuli::output::Overwrite;
use images::{bits, cases, f64s};
use proptest::prelude::*;
use serde_json::Value;
use std::fs;
use std::path::Path;

fn pairs(json: &Value) -> Vec<(String, String)> {
    let entries = json.as_object().unwrap().iter();
    entries
        .map(|(k, v)| (k.clone(), v.as_str().unwrap().to_owned()))
        .collect()
}

fn code(intent: &Intent) -> i64 {
    match intent {
        Intent::None => 0,
        Intent::Pointset => 1008,
        Intent::Triangle => 1009,
        Intent::Label => 1002,
        Intent::Shape => 2005,
        Intent::TimeSeries => 2001,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_encoding_order_and_type_equals_nibabel() {
    let mut count = 0;
    for case in cases("gifti") {
        let (folder, name) = (case.unpack(), &case.name);
        let found =
            Gifti::read(folder.path().join(&case.open)).unwrap_or_else(|e| panic!("{name}: {e}"));
        let arrays = case.json["arrays"].as_array().unwrap();
        assert_eq!(found.arrays.len(), arrays.len(), "{name}");
        for (array, expected) in found.arrays.iter().zip(arrays) {
            assert_eq!(code(&array.intent), expected["intent"], "{name}");
            assert_eq!(
                serde_json::json!(array.shape),
                expected["data"]["shape"],
                "{name}"
            );
            assert_eq!(
                bits(&array.values.to_f64()),
                bits(&f64s(&expected["data"])),
                "{name}"
            );
            let kind = match array.values {
                Values::U8(_) => "u1",
                Values::I32(_) => "i4",
                Values::F32(_) => "f4",
                Values::F64(_) => "f8",
            };
            assert_eq!(kind, expected["dtype"], "{name}");
            assert_eq!(array.meta, pairs(&expected["meta"]), "{name}");
            if expected["xform"].is_object() && !array.transforms.is_empty() {
                let transform = &array.transforms[0];
                assert_eq!(
                    bits(&transform.matrix.concat()),
                    bits(&f64s(&expected["xform"])),
                    "{name}"
                );
                if expected["spaces"][0].is_string() {
                    assert_eq!(transform.to, expected["spaces"][1]);
                }
            }
        }
        assert_eq!(found.meta, pairs(&case.json["meta"]), "{name}");
        let labels = case.json["labels"].as_array().unwrap();
        assert_eq!(found.labels.len(), labels.len(), "{name}");
        for (label, expected) in found.labels.iter().zip(labels) {
            let Label { key, name, rgba } = label;
            assert_eq!(serde_json::json!([key, name, rgba]), *expected);
        }
        count += 1;
    }
    assert!(count > 40, "{count}");
}

fn octahedron() -> Surface {
    let case = cases("gifti").find(|c| c.name == "nibabel").unwrap();
    read_surface(case.unpack().path().join(&case.open)).unwrap()
}

#[test]
fn every_encoding_gives_the_same_surface() {
    let expected = octahedron();
    assert_eq!((expected.points.len(), expected.triangles.len()), (6, 8));
    let mut count = 0;
    for case in cases("gifti").filter(|c| c.name.starts_with("surface_")) {
        let surface = read_surface(case.unpack().path().join(&case.open)).unwrap();
        assert_eq!(surface, expected, "{}", case.name);
        count += 1;
    }
    assert_eq!(count, 16);
}

#[test]
fn columns_are_arrays_or_the_columns_of_one() {
    for case in
        cases("gifti").filter(|c| c.name.starts_with("two_d_") || c.name.starts_with("data_"))
    {
        let columns = Gifti::read(case.unpack().path().join(&case.open))
            .unwrap()
            .columns()
            .unwrap();
        let arrays = case.json["arrays"].as_array().unwrap();
        let expected: Vec<Vec<f64>> = if case.name.starts_with("two_d_") {
            let values = f64s(&arrays[0]["data"]);
            (0..3)
                .map(|c| values.iter().skip(c).step_by(3).copied().collect())
                .collect()
        } else {
            arrays.iter().map(|a| f64s(&a["data"])).collect()
        };
        assert_eq!(columns, expected, "{}", case.name);
    }
}

/// A GIFTI with one array, as text to be tampered with.
fn plain() -> String {
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?><GIFTI Version=\"1.0\" NumberOfDataArrays=\"1\">\
     <DataArray Intent=\"NIFTI_INTENT_NONE\" DataType=\"NIFTI_TYPE_FLOAT32\" ArrayIndexingOrder=\"RowMajorOrder\" \
     Dimensionality=\"1\" Dim0=\"2\" Encoding=\"ASCII\" Endian=\"LittleEndian\" ExternalFileName=\"\" ExternalFileOffset=\"\">\
     <Data>1.5 -2</Data></DataArray></GIFTI>"
        .to_owned()
}

fn read(text: &str) -> Result<Gifti, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.gii");
    fs::write(&path, text).unwrap();
    Gifti::read(path).map_err(|error| error.to_string())
}

#[test]
fn lying_documents_are_named_with_what_was_found_and_where() {
    assert_eq!(
        read(&plain()).unwrap().arrays[0].values,
        Values::F32(vec![1.5, -2.0])
    );
    for (from, to, expected) in [
        (
            "Dim0=\"2\"",
            "Dim0=\"3\"",
            "<Data> holds 2 numbers, which is no array of shape [3]",
        ),
        (
            "Dim0=\"2\"",
            "Dim0=\"18446744073709551615\"",
            "more than the 4294967296 accepted",
        ),
        (
            "Dim0=\"2\"",
            "Dim0=\"-1\"",
            "Dim0 of <DataArray> is \"-1\"; expected a whole number",
        ),
        ("Dim0=\"2\"", "Dim0=\"0\"", "expected at least one element"),
        ("Dim0=\"2\"", "Dim1=\"2\"", "has no attribute Dim0"),
        (
            "Dimensionality=\"1\"",
            "Dimensionality=\"7\"",
            "expected 1 to 6",
        ),
        ("1.5 -2", "1.5 x", "\"x\" in <Data>; expected a number"),
        ("ASCII", "UTF7", "Encoding of <DataArray> is \"UTF7\""),
        ("ASCII", "Base64Binary", "is no base64"),
        (
            "FLOAT32",
            "INT16",
            "DataType of <DataArray> is \"NIFTI_TYPE_INT16\"",
        ),
        (
            "RowMajorOrder",
            "Spiral",
            "expected RowMajorOrder or ColumnMajorOrder",
        ),
        (
            "NumberOfDataArrays=\"1\"",
            "NumberOfDataArrays=\"2\"",
            "expected \"1\", the number",
        ),
        (
            "</GIFTI>",
            "",
            "ends before </GIFTI>; the file is truncated",
        ),
        (
            "GIFTI",
            "CIFTI",
            "the document is <CIFTI>; expected <GIFTI>",
        ),
        ("</Data>", "</Date>", "the file is damaged"),
        ("1.5", "&x;", "the entity &x; is not one of the five"),
    ] {
        let text = plain().replace(from, to);
        let error = read(&text).expect_err(to);
        let expected = expected.replace("expected \"1\"", "expected 1");
        assert!(error.contains(&expected), "{error}");
    }
    let error = read("").unwrap_err();
    assert!(
        error.contains("begins with nothing; expected XML"),
        "{error}"
    );
}

#[test]
fn a_file_cut_anywhere_is_an_error() {
    let text = plain();
    for at in 0..text.len() {
        assert!(read(&text[..at]).is_err(), "{at}");
    }
}

#[test]
fn bombs_of_xml_are_refused() {
    let bomb = "<!DOCTYPE lolz [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">]>";
    let text = plain()
        .replace("<GIFTI", &format!("{bomb}<GIFTI"))
        .replace("1.5", "&b;");
    assert!(
        read(&text)
            .unwrap_err()
            .contains("entities are not expanded")
    );
    let deep = "<a>".repeat(100_000);
    assert!(
        read(&deep)
            .unwrap_err()
            .contains("32 elements within one another")
    );
    let wide = format!("<GIFTI>{}</GIFTI>", "<a/>".repeat(1 << 21));
    assert!(
        read(&wide)
            .unwrap_err()
            .contains("more than 1048576 elements")
    );
    let attributes: String = (0..100).map(|i| format!(" a{i}=\"\"")).collect();
    assert!(
        read(&format!("<GIFTI{attributes}/>"))
            .unwrap_err()
            .contains("more than 64 attributes")
    );
}

#[test]
fn a_bomb_in_an_array_is_refused() {
    use base64::Engine;
    use std::io::Write;
    let mut out = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    out.write_all(&vec![0; 1 << 24]).unwrap();
    let data = base64::prelude::BASE64_STANDARD.encode(out.finish().unwrap());
    let text = plain()
        .replace("ASCII", "GZipBase64Binary")
        .replace("1.5 -2", &data);
    let error = read(&text).unwrap_err();
    assert!(error.contains("holds 9 bytes"), "{error}");
    let error = read(&text.replace("Dim0=\"2\"", "Dim0=\"500000000\"")).unwrap_err();
    assert!(
        error.contains("compressed bytes, which is no array of shape [500000000]"),
        "{error}"
    );
}

#[test]
fn an_external_file_stays_in_the_folder_of_the_gifti() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("inner");
    fs::create_dir(&folder).unwrap();
    fs::write(root.path().join("secret.bin"), [0; 64]).unwrap();
    fs::write(folder.join("short.bin"), [0; 7]).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(root.path().join("secret.bin"), folder.join("link.bin")).unwrap();
    let absolute = root.path().join("secret.bin");
    for name in [
        "../secret.bin",
        "link.bin",
        absolute.to_str().unwrap(),
        "none.bin",
    ] {
        let text = plain().replace("ASCII", "ExternalFileBinary").replace(
            "ExternalFileName=\"\"",
            &format!("ExternalFileName=\"{name}\""),
        );
        fs::write(folder.join("x.gii"), text).unwrap();
        let error = Gifti::read(folder.join("x.gii")).unwrap_err().to_string();
        assert!(
            error.contains("expected a file in the folder of the GIFTI, or below it"),
            "{error}"
        );
    }
    let text = plain()
        .replace("ASCII", "ExternalFileBinary")
        .replace("ExternalFileName=\"\"", "ExternalFileName=\"short.bin\"");
    fs::write(folder.join("x.gii"), text).unwrap();
    let error = Gifti::read(folder.join("x.gii")).unwrap_err().to_string();
    assert!(
        error.contains("takes 8 bytes from byte 0, but 7 are there"),
        "{error}"
    );
}

#[test]
fn a_triangle_of_vertices_that_are_not_there_is_refused() {
    let mut surface = octahedron();
    for wrong in [6, u32::MAX] {
        surface.triangles[3][1] = wrong;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.surf.gii");
        Gifti::from_surface(&surface, None)
            .write(&path, Overwrite::Refuse)
            .unwrap();
        let error = read_surface(&path).unwrap_err().to_string();
        assert!(
            error.contains("triangle 3 is [3, ") && error.contains("expected vertices from 0 to 5"),
            "{error}"
        );
    }
    let case = cases("gifti").find(|c| c.name == "labels").unwrap();
    let error = read_surface(case.unpack().path().join(&case.open))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("points is in 0 arrays; expected in one: is this a surface?"),
        "{error}"
    );
}

#[test]
fn equal_content_is_equal_bytes_and_text_is_escaped() {
    let dir = tempfile::tempdir().unwrap();
    let labels = vec![Label {
        key: -3,
        name: "a <b> & \"c\"".into(),
        rgba: [0.1, 0.2, 0.3, 1.0],
    }];
    let gifti = Gifti::from_labels(&[-3, -3], &labels, Some("CortexRight"));
    let paths = ["a.label.gii", "b.label.gii", "c.label.gii.gz"].map(|name| dir.path().join(name));
    for path in &paths {
        gifti.write(path, Overwrite::Refuse).unwrap();
        let read = Gifti::read(path).unwrap();
        assert_eq!(
            Gifti {
                source: "".into(),
                ..read
            },
            gifti
        );
    }
    assert_eq!(fs::read(&paths[0]).unwrap(), fs::read(&paths[1]).unwrap());
    let wrong = Gifti {
        arrays: vec![DataArray::new(Intent::None, vec![3], Values::U8(vec![1]))],
        ..Gifti::default()
    };
    let error = wrong
        .write(dir.path().join("d.gii"), Overwrite::Refuse)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("elements of array 0: 1; expected at least one, in the shape [3]"),
        "{error}"
    );
}

#[test]
fn the_surfaces_of_two_templates_are_whole() {
    let brain = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/brain");
    if !brain.exists() {
        return println!("skipped: {} is absent", brain.display());
    }
    for (name, points) in [
        ("hcp/S1200.L.midthickness_MSMAll.32k_fs_LR.surf.gii", 32_492),
        ("hcp/S1200.R.flat.32k_fs_LR.surf.gii", 32_492),
        ("fsaverage5/pial_left.gii.gz", 10_242),
    ] {
        let surface = read_surface(brain.join(name)).unwrap();
        assert_eq!(surface.points.len(), points, "{name}");
        if !name.contains("flat") {
            // A sphere: V − E + F = 2 with 3 F = 2 E.
            assert_eq!(surface.triangles.len(), 2 * points - 4, "{name}");
        }
    }
    let sulc = Gifti::read(brain.join("fsaverage5/sulc_left.gii.gz"))
        .unwrap()
        .columns()
        .unwrap();
    assert_eq!((sulc.len(), sulc[0].len()), (1, 10_242));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_written_is_read(
        values in prop::collection::vec(any::<f32>(), 1..40),
        name in "\\PC{0,12}",
        zipped in any::<bool>(),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(if zipped { "x.func.gii.gz" } else { "x.func.gii" });
        let gifti = Gifti::from_columns(&Intent::TimeSeries, &[(&name, &values), ("b", &values)], Some("CortexLeft"));
        gifti.write(&path, Overwrite::Refuse).unwrap();
        let read = Gifti::read(&path).unwrap();
        prop_assert_eq!(read.arrays[0].meta[0].1.as_str(), name.trim());
        for array in &read.arrays {
            let Values::F32(found) = &array.values else { panic!("{array:?}") };
            let bits = |v: &[f32]| v.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(found), bits(&values));
        }
    }
}
