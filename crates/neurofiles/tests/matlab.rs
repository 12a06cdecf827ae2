//! MATLAB files of every version as scipy reads them; files that lie.

use std::fs;
use std::path::{Path, PathBuf};

use emotome_neurofiles::matlab::{self, Class, MatlabError, Sparse, Value};
use serde_json::{Value as Json, json};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/containers")
        .join(name)
}

/// As `describe` of the script that makes the fixtures.
fn describe(value: &Value) -> Json {
    match value {
        Value::Numbers(numbers) => match &numbers.im {
            Some(im) => json!({"numbers": numbers.dims, "re": numbers.re, "im": im}),
            None => json!({"numbers": numbers.dims, "re": numbers.re}),
        },
        Value::Text(text) => {
            json!({"char": text.dims, "text": String::from_utf16_lossy(&text.units).replace('\0', "")})
        }
        Value::Sparse(sparse) => {
            let re = dense(sparse, &sparse.re);
            json!({"numbers": [sparse.rows, sparse.columns], "re": re})
        }
        Value::Cell { dims, cells } => {
            json!({"cell": dims, "elements": cells.iter().map(describe).collect::<Vec<_>>()})
        }
        Value::Struct { dims, fields, .. } => {
            let fields = fields.iter().map(|(name, values)| {
                (name.clone(), values.iter().map(describe).collect::<Json>())
            });
            json!({"struct": dims, "fields": fields.collect::<serde_json::Map<_, _>>()})
        }
        other => panic!("{other:?}"),
    }
}

fn dense(sparse: &Sparse, values: &[f64]) -> Vec<f64> {
    let mut dense = vec![0.0; sparse.rows * sparse.columns];
    for column in 0..sparse.columns {
        for at in sparse.starts[column]..sparse.starts[column + 1] {
            dense[column * sparse.rows + sparse.indices[at]] += values[at];
        }
    }
    dense
}

#[test]
fn every_version_gives_the_values_that_scipy_gives() {
    let text = fs::read_to_string(fixture("expected.json")).unwrap();
    let all: Json = serde_json::from_str(&text).unwrap();
    for version in ["v4", "v5", "v7", "v73"] {
        let expected = all[version].as_object().unwrap();
        let read = matlab::read(fixture(&format!("{version}.mat"))).unwrap();
        assert_eq!(read.len(), expected.len(), "{version}");
        for (name, value) in read {
            assert_eq!(describe(&value), expected[&name], "{version}: {name}");
        }
    }
}

#[test]
fn classes_are_those_of_matlab() {
    for version in ["v5", "v7", "v73"] {
        let path = fixture(&format!("{version}.mat"));
        for (name, class) in [
            ("double", Class::Double),
            ("single", Class::Single),
            ("truth", Class::Logical),
            ("int_i1", Class::Int8),
            ("int_u8", Class::Uint64),
        ] {
            let value = matlab::read_variable(&path, name).unwrap();
            assert_eq!(value.numbers().unwrap().class, class, "{version}: {name}");
        }
        let cells = matlab::read_variable(&path, "cells").unwrap();
        assert_eq!(cells.cells().unwrap()[1].text().unwrap(), "two");
        let one = matlab::read_variable(&path, "one").unwrap();
        let texts = one.scalar_field("c").unwrap().texts().unwrap();
        assert_eq!(texts, ["x", "y"], "{version}");
    }
    let rows = matlab::read_variable(fixture("v7.mat"), "rows").unwrap();
    assert_eq!(rows.texts().unwrap(), ["abc", "xyz"]);
}

#[test]
fn a_variable_that_is_not_there_is_named_with_those_that_are() {
    let error = matlab::read_variable(fixture("v4.mat"), "x").unwrap_err();
    let MatlabError::Missing { found, .. } = error else {
        panic!("{error}");
    };
    assert_eq!(found, matlab::names(fixture("v4.mat")).unwrap());
    assert!(found.contains(&"sparse".to_owned()));
}

#[test]
fn big_endian_files_are_read_as_little_endian_ones() {
    // A double matrix [1 2; 3 4] named "x", by hand in both orders.
    let file = |big: bool| {
        let word = |value: u32| {
            if big {
                value.to_be_bytes()
            } else {
                value.to_le_bytes()
            }
        };
        let mut body = Vec::new();
        for value in [6, 8, 6, 0, 5, 8, 2, 2, 1, 1] {
            body.extend(word(value));
        }
        body.extend(*b"x\0\0\0\0\0\0\0");
        body.extend([word(9), word(32)].concat());
        for value in [1.0f64, 3.0, 2.0, 4.0] {
            body.extend(if big {
                value.to_be_bytes()
            } else {
                value.to_le_bytes()
            });
        }
        let mut bytes = vec![b' '; 124];
        bytes.extend(if big { *b"\x01\x00MI" } else { *b"\x00\x01IM" });
        bytes.extend([word(14), word(body.len() as u32)].concat());
        bytes.extend(body);
        bytes
    };
    let folder = tempfile::tempdir().unwrap();
    for big in [false, true] {
        let path = folder.path().join("x.mat");
        fs::write(&path, file(big)).unwrap();
        let value = matlab::read_variable(&path, "x").unwrap();
        assert_eq!(value.numbers().unwrap().re, [1.0, 3.0, 2.0, 4.0]);
        let mut lying = file(big);
        // 2^31 rows.
        let at = 128 + 8 + 16 + 8;
        lying[at..at + 4].copy_from_slice(&[0x80, 0, 0, 0x80]);
        fs::write(&path, lying).unwrap();
        assert!(matlab::read(&path).is_err());
    }
}

#[test]
fn damaged_files_cost_an_error() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["v4.mat", "v5.mat", "v7.mat", "v73.mat"] {
        let whole = fs::read(fixture(name)).unwrap();
        let path = folder.path().join(name);
        for at in (0..whole.len()).step_by(1 + whole.len() / 400) {
            for byte in [0x00, 0x55, 0xFF] {
                let mut damaged = whole.clone();
                damaged[at] = byte;
                fs::write(&path, damaged).unwrap();
                let _ = matlab::read(&path);
            }
            fs::write(&path, &whole[..at]).unwrap();
            let _ = matlab::read(&path);
        }
    }
}

#[test]
fn files_of_the_studies_are_read() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/brain");
    if !shared.exists() {
        println!("skipped: {} is not there", shared.display());
        return;
    }
    let regions = matlab::read_variable(shared.join("hcp/roiInf.mat"), "roiInf").unwrap();
    let parcels = regions.scalar_field("hcp360").unwrap();
    let short = parcels.scalar_field("roiDescrip").unwrap().texts().unwrap();
    assert_eq!((short.len(), short[0].as_str()), (360, "hcp180_L_10d"));
    let keys = parcels.scalar_field("roiName").unwrap().cells().unwrap();
    assert_eq!(keys[0].texts().unwrap(), ["hcp180_r_lh.L_10d_ROI"]);
    let areas = regions.scalar_field("subcortex").unwrap();
    let areas = areas.scalar_field("roiName").unwrap().cells().unwrap();
    assert_eq!(areas[0].texts().unwrap().len(), 2);

    let flat = matlab::read_variable(shared.join("hcp/hcp360colMap.mat"), "idxSurfMap").unwrap();
    assert_eq!(flat.dims(), [512, 973]);
    let rdms = matlab::read_variable(shared.join("rsa92/92_brainRDMs.mat"), "RDMs").unwrap();
    assert_eq!(rdms.dims(), [1, 4, 2]);
    let rdm = rdms.field("RDM").unwrap()[7].numbers().unwrap();
    assert_eq!(rdm.dims, [92, 92]);
    let models = matlab::read(shared.join("rsa92/92_modelRDMs.mat")).unwrap();
    assert_eq!(models[0].1.field("name").unwrap().len(), 8);
}
