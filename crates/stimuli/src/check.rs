//! `emotome check`: everything that can be wrong with a study folder, in one pass.
//!
//! | code | severity | found |
//! |---|---|---|
//! | `no-study`, `bad-manifest`, `format` | error | `study.toml` is missing, malformed or of another version |
//! | `unreadable`, `empty-file`, `not-text`, `ragged-row` | error | a table cannot be read |
//! | `no-key-column`, `no-caption-column`, `no-scales`, `no-ratings`, `scale-name` | error | a table lacks what it is for |
//! | `bad-key`, `duplicate-key`, `unknown-key` | error | a key is malformed, repeated, or not in `stimuli.tsv` |
//! | `bad-sha256`, `sha256-mismatch` | error | a checksum is malformed, or not that of the file |
//! | `not-a-number`, `out-of-scale`, `bad-sidecar` | error | a rating is no number or off its scale; a sidecar is malformed |
//! | `not-flagged` | error | ratings reach a limit of the manifest, and the stimulus is not flagged sensitive |
//! | `media-missing`, `same-media` | warning | a file is not there, or is that of another stimulus too |
//! | `caption-missing`, `caption-empty`, `caption-identical` | warning | captions lack, or do not tell stimuli apart |
//! | `no-stimuli`, `no-content`, `unrated` | warning | nothing to judge, or no ratings for some |
//! | `sidecar-missing`, `scale-undescribed`, `scale-absent` | warning | scales and sidecar do not match |
//! | `missing-ratings`, `sha256-missing`, `unused-column`, `unused-file` | note | worth knowing |

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::digest::{Sha256Sum, sha256_of_file};
use crate::finding::Findings;
use crate::finding::Severity::{Error, Note, Warning};
use crate::run::Run;
use crate::study::{CAPTIONS, Loaded, STIMULI, load};

/// Checks a study folder, media files included; time is that of reading them once.
#[must_use]
pub fn check(root: impl AsRef<Path>, run: Run<'_>) -> Findings {
    let root = root.as_ref();
    let mut findings = Findings::default();
    if let Some(loaded) = load(root, &mut findings) {
        check_captions(root, &loaded, &mut findings);
        check_sensitive(&loaded, &mut findings);
        check_media(root, &loaded, &mut findings, run);
    }
    findings
}

fn check_captions(root: &Path, Loaded { study, lines }: &Loaded, findings: &mut Findings) {
    let stimuli = || study.stimuli.keys().iter().zip(&study.records).zip(lines);
    let captioned = study
        .records
        .iter()
        .filter(|record| !record.captions.is_empty())
        .count();
    let silent = study
        .records
        .iter()
        .filter(|r| r.captions.is_empty() && r.media.is_none())
        .count();
    if captioned == 0 && silent > 0 {
        findings.add(
            (Warning, "no-content"),
            (Path::new(STIMULI), None),
            format!(
                "{silent} of {} stimuli have neither media nor a caption",
                study.records.len()
            ),
            "something that can be judged",
            format!("fill the column media or caption, or write {CAPTIONS}"),
        );
    }
    let mut first_with: HashMap<Vec<&String>, (&str, u64)> = HashMap::new();
    for ((key, record), &line) in stimuli().filter(|_| captioned > 0) {
        let place = (Path::new(STIMULI), Some(line));
        if record.captions.is_empty() {
            findings.add(
                (Warning, "caption-missing"),
                place,
                format!("{key} has no caption; {captioned} other stimuli have"),
                "a caption of every stimulus",
                if root.join(CAPTIONS).exists() {
                    format!("add a line to {CAPTIONS}, or leave the stimulus out of designs that show text")
                } else {
                    "fill the column caption, or leave the stimulus out of designs that show text".to_owned()
                },
            );
            continue;
        }
        let mut captions: Vec<&String> = record.captions.iter().collect();
        captions.sort();
        let (other, other_line) = *first_with.entry(captions).or_insert((key.as_str(), line));
        if other != key.as_str() {
            findings.add(
                (Warning, "caption-identical"),
                place,
                format!("{key} has the same captions as {other} on line {other_line}"),
                "captions that tell the two apart",
                "describe what differs, or merge the stimuli: a judge of text can only guess between them",
            );
        }
    }
}

fn check_sensitive(Loaded { study, lines }: &Loaded, findings: &mut Findings) {
    for table in &study.ratings {
        for ((key, record), line) in study.stimuli.keys().iter().zip(&study.records).zip(lines) {
            let Some(rated) = table.stimuli.get(key.as_str()) else {
                continue;
            };
            let mut reached = study.manifest.sensitive_scales(table, rated);
            reached.retain(|scale| !record.sensitive.contains(scale));
            if reached.is_empty() {
                continue;
            }
            let rates: Vec<String> = table
                .scales
                .iter()
                .zip(table.values.row(rated.index()))
                .filter(|((name, _), _)| reached.contains(name))
                .map(|((name, _), rate)| {
                    format!("{name} {rate} (limit {})", study.manifest.sensitive[name])
                })
                .collect();
            findings.add(
                (Error, "not-flagged"),
                (Path::new(STIMULI), Some(*line)),
                format!("{key} is rated {} and is not flagged", rates.join(", ")),
                "a flag for every limit of [sensitive] in study.toml that is reached",
                format!(
                    "write {:?} into the column sensitive",
                    [&record.sensitive[..], &reached].concat().join(";")
                ),
            );
        }
    }
}

fn check_media(
    root: &Path,
    Loaded { study, lines }: &Loaded,
    findings: &mut Findings,
    run: Run<'_>,
) {
    let folder = root.join(&study.manifest.media);
    let files: Vec<(usize, PathBuf)> = study
        .records
        .iter()
        .enumerate()
        .filter_map(|(row, record)| Some((row, folder.join(record.media.as_ref()?))))
        .collect();
    run.progress
        .begin("hashing media", Some(files.len() as u64));
    let mut first_with: HashMap<Sha256Sum, usize> = HashMap::new();
    let mut unhashed = 0;
    for (done, (row, path)) in files.iter().enumerate() {
        if run.interrupt.requested() {
            findings.add(
                (Error, "interrupted"),
                (Path::new(STIMULI), None),
                format!("stopped after {done} of {} media files", files.len()),
                "a complete check",
                "run it again",
            );
            break;
        }
        check_file(
            (study.stimuli.keys()[*row].as_str(), lines[*row]),
            path,
            study.records[*row].sha256,
            findings,
            |digest| {
                let first = *first_with.entry(digest).or_insert(*row);
                (first != *row).then(|| (study.stimuli.keys()[first].to_string(), lines[first]))
            },
        );
        unhashed += usize::from(study.records[*row].sha256.is_none() && path.is_file());
        run.progress.advance(1);
    }
    run.progress.end();
    if unhashed > 0 {
        findings.add(
            (Note, "sha256-missing"),
            (Path::new(STIMULI), None),
            format!("{unhashed} media files have no checksum"),
            "the sha256 of every file, so that an exchanged file is noticed",
            "fill the column sha256",
        );
    }
}

fn check_file(
    (key, line): (&str, u64),
    path: &Path,
    expected: Option<Sha256Sum>,
    findings: &mut Findings,
    twin: impl FnOnce(Sha256Sum) -> Option<(String, u64)>,
) {
    let place = (Path::new(STIMULI), Some(line));
    if !path.is_file() {
        findings.add(
            (Warning, "media-missing"),
            place,
            format!("{key}: there is no file {}", path.display()),
            "the media file",
            "put it there, correct the column media or the media folder in study.toml, or write n/a",
        );
        return;
    }
    let digest = match sha256_of_file(path) {
        Ok(digest) => digest,
        Err(error) => {
            findings.add(
                (Error, "unreadable"),
                place,
                error.to_string(),
                "a file that can be read",
                "check its permissions and the disk",
            );
            return;
        }
    };
    if let Some(expected) = expected.filter(|expected| *expected != digest) {
        findings.add(
            (Error, "sha256-mismatch"),
            place,
            format!("{key}: {} has sha256 {digest}", path.display()),
            expected.to_string(),
            "restore the file; if it was replaced on purpose, correct the column sha256 and judge it anew",
        );
    }
    if let Some((other, other_line)) = twin(digest) {
        findings.add(
            (Warning, "same-media"),
            place,
            format!("{key} is the same file as {other} on line {other_line}"),
            "a file of its own for every stimulus",
            "leave one out, or keep both as a repeat and say so",
        );
    }
}
