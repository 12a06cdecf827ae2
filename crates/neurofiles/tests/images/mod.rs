//! Fixtures of images: files with what nibabel reads from them, made by `fixtures/generate_images.py`.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use flate2::read::GzDecoder;
use serde_json::Value;
use std::fs;
use std::path::Path;

pub struct Case {
    pub name: String,
    pub open: String,
    pub json: Value,
}

/// The cases of `fixtures/images/NAME.json.gz`.
pub fn cases(name: &str) -> impl Iterator<Item = Case> {
    let path = format!(
        "{}/tests/fixtures/images/{name}.json.gz",
        env!("CARGO_MANIFEST_DIR")
    );
    let file = fs::File::open(path).unwrap();
    let cases: Vec<Value> = serde_json::from_reader(GzDecoder::new(file)).unwrap();
    cases.into_iter().map(|json| Case {
        name: json["name"].as_str().unwrap().to_owned(),
        open: json["open"].as_str().unwrap().to_owned(),
        json,
    })
}

pub fn base64(value: &Value) -> Vec<u8> {
    BASE64_STANDARD.decode(value.as_str().unwrap()).unwrap()
}

/// The numbers of an array, in C order.
pub fn f64s(value: &Value) -> Vec<f64> {
    let bytes = base64(&value["f8"]);
    bytes
        .as_chunks()
        .0
        .iter()
        .map(|b| f64::from_le_bytes(*b))
        .collect()
}

/// The numbers of an array of single precision, in C order.
pub fn f32s(value: &Value) -> Vec<f32> {
    let bytes = base64(&value["f4"]);
    bytes
        .as_chunks()
        .0
        .iter()
        .map(|b| f32::from_le_bytes(*b))
        .collect()
}

/// Bits to compare, all NaN being one.
pub fn bits(values: &[f64]) -> Vec<u64> {
    let one = |v: &f64| {
        if v.is_nan() {
            f64::NAN.to_bits()
        } else {
            v.to_bits()
        }
    };
    values.iter().map(one).collect()
}

impl Case {
    /// The files in a folder of their own.
    pub fn unpack(&self) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in self.json["files"].as_object().unwrap() {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).unwrap();
            fs::write(path, base64(bytes)).unwrap();
        }
        folder
    }

    pub fn f64(&self, key: &str) -> Vec<f64> {
        f64s(&self.json[key])
    }

    pub fn f32(&self, key: &str) -> Vec<f32> {
        f32s(&self.json[key])
    }
}
