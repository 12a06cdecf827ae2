//! A folder to run commands in, and what every test looks for.

use assert_cmd::Command;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A scratch folder with a small planted data set: 24 stimuli, 3 dimensions, 1,500 choices.
pub(crate) struct Scratch(pub(crate) TempDir);

impl Scratch {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn planted() -> Self {
        let scratch = Self::new();
        scratch.json("simulate --items 24 --dims 3 --triplets 1500 --scale 1.5 --out planted");
        scratch
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    pub(crate) fn run(&self, line: &str) -> assert_cmd::assert::Assert {
        let arguments: Vec<&str> = line.split(' ').collect();
        Command::cargo_bin("emotome")
            .unwrap()
            .current_dir(self.0.path())
            .args(arguments)
            .assert()
    }

    /// Runs a command with `--json`, which must print one object on stdout and nothing else.
    pub(crate) fn json(&self, line: &str) -> Value {
        let done = self.run(&format!("{line} --json")).success();
        let stdout = String::from_utf8(done.get_output().stdout.clone()).unwrap();
        assert_eq!(
            stdout.lines().count(),
            1,
            "{line}: stdout is not one line: {stdout}"
        );
        let value: Value = serde_json::from_str(&stdout).unwrap();
        assert!(value.is_object(), "{line}: {stdout}");
        value
    }

    /// Runs a command on one thread and kills it once a file has grown to so many bytes.
    pub(crate) fn killed(&self, line: &str, file: &Path, bytes: u64) {
        let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin!("emotome"))
            .current_dir(self.0.path())
            .args(format!("{line} --threads 1").split(' '))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let began = Instant::now();
        while fs::metadata(file).map_or(0, |m| m.len()) < bytes {
            assert!(
                began.elapsed() < Duration::from_secs(60),
                "{line}: {} did not grow in a minute",
                file.display()
            );
            assert!(
                child.try_wait().unwrap().is_none(),
                "{line}: it ended before it could be killed"
            );
            std::thread::sleep(Duration::from_millis(2));
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Runs a command that must fail with status 1, an empty stdout and one line on stderr.
    pub(crate) fn error(&self, line: &str) -> String {
        let done = self.run(line).failure().code(1);
        let output = done.get_output();
        assert!(
            output.stdout.is_empty(),
            "{line}: stdout of a failure is not empty"
        );
        let stderr = String::from_utf8(output.stderr.clone()).unwrap();
        assert_eq!(
            stderr.trim_end().lines().count(),
            1,
            "{line}: not one line: {stderr}"
        );
        assert!(stderr.starts_with("emotome: error: "), "{stderr}");
        stderr
    }

    #[track_caller]
    pub(crate) fn refuses(&self, line: &str, words: &[&str]) {
        let stderr = self.error(line);
        for word in words {
            assert!(
                stderr.contains(word),
                "{line}: {word:?} is not in: {stderr}"
            );
        }
    }
}

#[track_caller]
pub(crate) fn has(value: &Value, fields: &[&str]) {
    for field in fields {
        assert!(
            value.get(field).is_some_and(|v| !v.is_null()),
            "no field {field:?} in {value}"
        );
    }
}

#[track_caller]
pub(crate) fn number(value: &Value, field: &str) -> f64 {
    value[field]
        .as_f64()
        .unwrap_or_else(|| panic!("{field} is no number in {value}"))
}

/// Shared real data; absent on most machines.
pub(crate) fn shared(name: &str) -> Option<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data")
        .join(name);
    if path.exists() {
        return Some(path.canonicalize().unwrap().display().to_string());
    }
    eprintln!("skipped: {} is not there", path.display());
    None
}

/// A `.npy` file of a header and a body.
pub(crate) fn npy(header: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    let length = (header.len() + 1).next_multiple_of(64) - 10 + 64;
    bytes.extend(u16::try_from(length).unwrap().to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.resize(10 + length - 1, b' ');
    bytes.push(b'\n');
    bytes.extend(body);
    bytes
}
