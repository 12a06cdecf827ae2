//! Files to test readers with.

#![allow(dead_code, reason = "each file of tests uses some")]

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use tempfile::TempDir;

pub(crate) fn put(dir: &TempDir, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = dir.path().join(name);
    fs::write(&path, bytes).unwrap();
    path
}

/// The message of a refusal, without the folder.
pub(crate) fn refusal<T: std::fmt::Debug>(
    dir: &TempDir,
    result: Result<T, impl std::fmt::Display>,
) -> String {
    let Err(error) = result else {
        panic!("accepted: {result:?}", result = result.ok())
    };
    error
        .to_string()
        .replace(&format!("{}/", dir.path().display()), "")
}

pub(crate) fn header(descr: &str, shape: &str) -> Vec<u8> {
    let text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((text.len() as u16).to_le_bytes());
    file.extend(text.bytes());
    file
}

pub(crate) fn zip_of(npy: &[u8], method: zip::CompressionMethod) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(method);
    archive.start_file("a.npy", options).unwrap();
    archive.write_all(npy).unwrap();
    archive.finish().unwrap().into_inner()
}
