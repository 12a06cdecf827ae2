//! What `emotome check` says of clips and pictures: whether they decode, and whether there is something to see.
//!
//! | code | severity | found |
//! |---|---|---|
//! | `undecodable` | warning | a clip gives no frames; studies leave it out and say so |
//! | `needs-ffmpeg` | warning | a clip needs ffmpeg, which is not installed |
//! | `black` | warning | so many of the frames looked at are darker than the level |
//! | `frozen` | warning | so many of the frames looked at are as the one before |
//! | `too-short`, `low-resolution` | warning | a clip is shorter, or a picture smaller, than the least |
//! | `decoder-complaint` | note | all frames came, but the decoder was not content |

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use emotome_stimuli::digest::Sha256Sum;
use emotome_stimuli::finding::Findings;
use emotome_stimuli::finding::Severity::{Error, Note, Warning};
use emotome_stimuli::output::{AtomicFile, Overwrite};
use emotome_stimuli::run::Run;
use emotome_stimuli::study::Study;
use rayon::prelude::*;
use serde::Serialize;

use crate::error::{INSTALL_FFMPEG, MediaError};
use crate::picture::Frame;
use crate::policy::{At, CheckedPolicy, Filter, FramePolicy, PolicyError, Size};
use crate::reader::{Reader, Taken, sha256_of};
use crate::source::MediaInfo;

/// When a clip is worth a word.
///
/// | field | default | meaning |
/// |---|---|---|
/// | `frames` | 16 | frames looked at, at the centres of equal parts |
/// | `side` | 96 | pixels of their longer side |
/// | `black_level` | .04 | mean brightness (0–1) below which a frame is black |
/// | `black_share` | .5 | share of black frames from which a clip is |
/// | `frozen_level` | .001 | mean difference (0–1) below which a frame is as the one before: the −60 dB of ffmpeg's `freezedetect` |
/// | `frozen_share` | .9 | share of such frames from which a clip is frozen |
/// | `min_seconds` | .5 | shorter clips are too short; stills have no duration and are not |
/// | `min_side` | 64 | pixels of the shorter side below which a picture is small |
#[derive(Debug, Clone, PartialEq)]
pub struct CheckParams {
    /// Frames looked at.
    pub frames: usize,
    /// Pixels of their longer side.
    pub side: u32,
    /// Brightness below which a frame is black.
    pub black_level: f64,
    /// Share of black frames.
    pub black_share: f64,
    /// Difference below which a frame is as the one before.
    pub frozen_level: f64,
    /// Share of such frames.
    pub frozen_share: f64,
    /// Seconds of the shortest clip.
    pub min_seconds: f64,
    /// Pixels of the smallest picture.
    pub min_side: u32,
}

impl Default for CheckParams {
    fn default() -> Self {
        Self {
            frames: 16,
            side: 96,
            black_level: 0.04,
            black_share: 0.5,
            frozen_level: 0.001,
            frozen_share: 0.9,
            min_seconds: 0.5,
            min_side: 64,
        }
    }
}

impl CheckParams {
    fn policy(&self) -> Result<CheckedPolicy, PolicyError> {
        let policy = FramePolicy {
            at: At::Uniform(self.frames),
            max_frames: self.frames,
            size: Size::Longest(self.side),
            filter: Filter::Bilinear,
        };
        policy.check()
    }
}

/// What was measured of a stimulus. Field names are stable; they are the columns of `media.tsv`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    /// The key of the stimulus.
    pub key: String,
    /// Its file, relative to the study folder.
    pub file: PathBuf,
    /// What it is; none if it cannot be read.
    pub info: Option<MediaInfo>,
    /// Its content.
    pub sha256: Option<Sha256Sum>,
    /// How frames were taken; none if it cannot be decoded.
    pub taken: Option<Taken>,
    /// Mean brightness of the frames looked at, 0–1.
    pub brightness: Option<f64>,
    /// Share of them that is black.
    pub black: Option<f64>,
    /// Share of them, from the second, that is as the one before; none of a still.
    pub frozen: Option<f64>,
    /// Why it cannot be decoded.
    pub problem: Option<String>,
}

/// Decodes some frames of every media file of a study and adds what is wrong to `findings`.
///
/// Files are looked at side by side in the current thread pool; findings and rows are in the order of the
/// stimuli whatever the number of threads. Files that are not there are left out, since
/// [`emotome_stimuli::check::check`] reports them. After an interruption the rows so far are returned
/// and an error is added.
///
/// # Errors
/// [`MediaError::Policy`] if the parameters are out of range.
pub fn check_media(
    root: &Path,
    study: &Study,
    reader: &Reader,
    params: &CheckParams,
    findings: &mut Findings,
    run: Run<'_>,
) -> Result<Vec<Measured>, MediaError> {
    let policy = params.policy()?;
    let files: Vec<(&str, PathBuf)> = study
        .stimuli
        .keys()
        .iter()
        .zip(&study.records)
        .filter_map(|(key, record)| {
            let file = study.manifest.media.join(record.media.as_ref()?);
            root.join(&file).exists().then_some((key.as_str(), file))
        })
        .collect();
    run.progress
        .begin("decoding media", Some(files.len() as u64));
    let left = AtomicUsize::new(0);
    let looked: Vec<Option<(Measured, Option<MediaError>)>> = files
        .par_iter()
        .map(|(key, file)| {
            if run.interrupt.requested() {
                left.fetch_add(1, Ordering::Relaxed);
                return None;
            }
            let measured = measure((key, file), root, reader, (&policy, params), run);
            run.progress.advance(1);
            Some(measured)
        })
        .collect();
    run.progress.end();
    let mut rows = Vec::new();
    for (measured, error) in looked.into_iter().flatten() {
        report(&measured, error.as_ref(), params, findings);
        rows.push(measured);
    }
    let left = left.into_inner();
    if left > 0 {
        findings.add(
            (Error, "interrupted"),
            (Path::new(&study.manifest.media), None),
            format!(
                "stopped before {left} of {} media files were decoded",
                files.len()
            ),
            "a complete check",
            "run it again",
        );
    }
    Ok(rows)
}

fn measure(
    (key, file): (&str, &Path),
    root: &Path,
    reader: &Reader,
    (policy, params): (&CheckedPolicy, &CheckParams),
    run: Run<'_>,
) -> (Measured, Option<MediaError>) {
    let path = root.join(file);
    let mut measured = Measured {
        key: key.to_owned(),
        file: file.to_owned(),
        info: None,
        sha256: sha256_of(&path).ok(),
        taken: None,
        brightness: None,
        black: None,
        frozen: None,
        problem: None,
    };
    match reader.frames(&path, policy, run.interrupt) {
        Ok(extraction) => {
            let share = |frames: usize, of: usize| (of > 0).then(|| frames as f64 / of as f64);
            let bright: Vec<f64> = extraction.frames.iter().map(Frame::brightness).collect();
            let black = bright.iter().filter(|&&level| level < params.black_level);
            let pairs = extraction.frames.windows(2);
            let frozen = pairs.filter(|pair| pair[0].difference(&pair[1]) < params.frozen_level);
            measured.brightness = Some(bright.iter().sum::<f64>() / bright.len().max(1) as f64);
            measured.black = share(black.count(), bright.len());
            measured.frozen = share(frozen.count(), bright.len() - 1);
            measured.info = Some(extraction.info);
            measured.taken = Some(extraction.taken);
            (measured, None)
        }
        Err(error) => {
            measured.info = reader
                .probe(&path, run.interrupt)
                .ok()
                .map(|probe| probe.info);
            measured.problem = Some(error.to_string());
            (measured, Some(error))
        }
    }
}

fn report(
    measured: &Measured,
    error: Option<&MediaError>,
    params: &CheckParams,
    findings: &mut Findings,
) {
    let key = &measured.key;
    let mut warn = |code, what: String, expected: String, fix: &str| {
        findings.add((Warning, code), (&measured.file, None), what, expected, fix);
    };
    match error {
        Some(MediaError::Interrupted) => return,
        Some(MediaError::NeedsFfmpeg { what, .. }) => warn(
            "needs-ffmpeg",
            format!("{key} cannot be decoded: {what} needs ffmpeg, which was not found"),
            "ffmpeg, or H.264 in MP4".to_owned(),
            INSTALL_FFMPEG,
        ),
        Some(error) => warn(
            "undecodable",
            format!("{key} gives no frames: {error}"),
            "a clip or picture that can be decoded".to_owned(),
            "replace the file; judges that see frames leave the stimulus out until then, and say so",
        ),
        None => {}
    }
    let percent = |share: f64| format!("{:.0} %", 100.0 * share);
    if let Some(black) = measured.black.filter(|&share| share >= params.black_share) {
        warn(
            "black",
            format!(
                "{key} is black in {} of the frames looked at",
                percent(black)
            ),
            format!(
                "a brightness of {} or more in over {}",
                params.black_level,
                percent(1.0 - params.black_share)
            ),
            "play it: replace the file, or leave the stimulus out",
        );
    }
    if let Some(frozen) = measured
        .frozen
        .filter(|&share| share >= params.frozen_share)
    {
        warn(
            "frozen",
            format!(
                "{key} does not move in {} of the frames looked at",
                percent(frozen)
            ),
            format!("frames that differ by {} or more", params.frozen_level),
            "play it: replace the file, or give a still picture if that is meant",
        );
    }
    if let Some(info) = &measured.info {
        if info.frames > 1 && info.duration < params.min_seconds {
            warn(
                "too-short",
                format!("{key} lasts {:.3} s", info.duration),
                format!("{} s or more", params.min_seconds),
                "replace the file, or leave the stimulus out",
            );
        }
        if let Some((width, height)) = info.pixel_aspect {
            warn(
                "pixel-aspect",
                format!("{key} has pixels of {width} to {height}, which frames do not show"),
                "square pixels".to_owned(),
                "convert it: ffmpeg -i IN -vf scale=iw*sar:ih,setsar=1 OUT.mp4",
            );
        }
        if info.width.min(info.height) < params.min_side {
            warn(
                "low-resolution",
                format!("{key} has {}×{} pixels", info.width, info.height),
                format!("{} or more on the shorter side", params.min_side),
                "replace the file by a larger one",
            );
        }
    }
    if let Some(complaint) = measured
        .taken
        .as_ref()
        .and_then(|taken| taken.complaints.as_ref())
    {
        findings.add(
            (Note, "decoder-complaint"),
            (&measured.file, None),
            format!("{key} gave all frames, but the decoder said: {complaint}"),
            "no complaint",
            "play it to see whether it is damaged",
        );
    }
}

/// Writes what was measured, a row per stimulus, as TSV; what is not known is `n/a`.
///
/// # Errors
/// [`MediaError::Output`] if the file is there and may not be replaced, or cannot be written.
pub fn write_table(
    path: impl Into<PathBuf>,
    overwrite: Overwrite,
    rows: &[Measured],
) -> Result<(), MediaError> {
    let mut file = AtomicFile::create(path, overwrite)?;
    let written = write_rows(&mut file, rows);
    written.map_err(|source| file.error(source))?;
    Ok(file.commit()?)
}

fn write_rows(file: &mut AtomicFile, rows: &[Measured]) -> std::io::Result<()> {
    fn text<T: ToString>(value: Option<T>) -> String {
        value.map_or_else(|| "n/a".to_owned(), |value| value.to_string())
    }
    let mut out = csv::WriterBuilder::new().delimiter(b'\t').from_writer(file);
    out.write_record([
        "key",
        "file",
        "container",
        "codec",
        "width",
        "height",
        "seconds",
        "frames",
        "rate",
        "rotation",
        "audio",
        "bytes",
        "sha256",
        "decoder",
        "looked_at",
        "brightness",
        "black",
        "frozen",
        "problem",
    ])?;
    for row in rows {
        let info = row.info.as_ref();
        let taken = row.taken.as_ref();
        let container = info.map(|info| format!("{:?}", info.container).to_lowercase());
        out.write_record([
            row.key.clone(),
            row.file.display().to_string(),
            text(container),
            text(info.map(|info| &info.codec)),
            text(info.map(|info| info.width)),
            text(info.map(|info| info.height)),
            text(info.map(|info| info.duration)),
            text(info.map(|info| info.frames)),
            text(info.and_then(|info| info.rate)),
            text(info.map(|info| info.rotation.degrees())),
            text(info.map(|info| info.audio)),
            text(info.map(|info| info.bytes)),
            text(row.sha256),
            text(taken.map(|taken| &taken.decoder)),
            text(taken.map(|taken| taken.indices.len())),
            text(row.brightness),
            text(row.black),
            text(row.frozen),
            text(row.problem.as_ref()),
        ])?;
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reader::Params;
    use emotome_stimuli::StimulusSet;
    use emotome_stimuli::run::{Interrupt, Silent};
    use emotome_stimuli::study::{Manifest, Record};

    const FILES: [&str; 7] = [
        "high.mp4",
        "black.mp4",
        "still.mp4",
        "cut_short.mp4",
        "vp9.webm",
        "moving.gif",
        "absent.mp4",
    ];

    fn study(root: &Path) -> Study {
        let clips = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/clips");
        std::fs::create_dir(root.join("media")).unwrap();
        for name in FILES {
            if let Ok(bytes) = std::fs::read(clips.join(name)) {
                std::fs::write(root.join("media").join(name), bytes).unwrap();
            }
        }
        let bytes = std::fs::read(clips.join("high.mp4")).unwrap();
        std::fs::write(root.join("media/cut_short.mp4"), &bytes[..bytes.len() / 2]).unwrap();
        let mut study = Study::new(Manifest::new("test"));
        study.manifest.media = "media".into();
        study.stimuli =
            StimulusSet::from_labels(FILES.map(|name| format!("key of {name}"))).unwrap();
        study.records = FILES
            .map(|name| Record {
                media: Some(name.into()),
                ..Record::default()
            })
            .into();
        study
    }

    #[test]
    fn every_fault_is_reported_with_its_key_and_every_file_has_a_row() {
        let root = tempfile::tempdir().unwrap();
        let study = study(root.path());
        let reader = Reader::without_programs(Params::default());
        let interrupt = Interrupt::default();
        let run = Run {
            progress: &Silent,
            interrupt: &interrupt,
        };
        let look = || {
            let mut findings = Findings::default();
            let params = CheckParams::default();
            let rows = check_media(root.path(), &study, &reader, &params, &mut findings, run);
            (rows.unwrap(), findings)
        };
        let (rows, findings) = look();
        let found: Vec<(&str, bool)> = findings
            .as_slice()
            .iter()
            .map(|f| (f.code, f.what.starts_with("key of ")))
            .collect();
        let codes = [
            "black",
            "frozen",
            "frozen",
            "undecodable",
            "needs-ffmpeg",
            "low-resolution",
        ];
        assert_eq!(found, codes.map(|code| (code, true)));
        assert_eq!(
            rows.len(),
            FILES.len() - 1,
            "a row for every file that is there"
        );
        let high = &rows[0];
        assert_eq!((high.black, high.frozen), (Some(0.0), Some(0.0)));
        assert_eq!(high.info.as_ref().map(|info| info.frames), Some(50));
        assert!(rows[3].problem.is_some() && rows[3].taken.is_none());

        let table = root.path().join("media.tsv");
        write_table(&table, Overwrite::Refuse, &rows).unwrap();
        let text = std::fs::read_to_string(&table).unwrap();
        assert_eq!(text.lines().count(), rows.len() + 1);
        assert!(
            text.lines()
                .nth(1)
                .unwrap()
                .contains("\th264\t96\t64\t2\t50\t25\t0\tfalse\t"),
            "{text}"
        );
        assert!(write_table(&table, Overwrite::Refuse, &rows).is_err());

        let one = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .build()
            .unwrap();
        let (again, same) = one.install(look);
        assert!(again == rows && same == findings, "threads change nothing");
    }

    #[test]
    fn an_interruption_is_an_error_of_the_check() {
        let root = tempfile::tempdir().unwrap();
        let study = study(root.path());
        let reader = Reader::without_programs(Params::default());
        let interrupt = Interrupt::default();
        interrupt.request();
        let run = Run {
            progress: &Silent,
            interrupt: &interrupt,
        };
        let mut findings = Findings::default();
        let params = CheckParams::default();
        let rows = check_media(root.path(), &study, &reader, &params, &mut findings, run).unwrap();
        assert!(rows.is_empty());
        assert_eq!(findings.as_slice()[0].code, "interrupted");
        let none = CheckParams {
            frames: 0,
            ..params
        };
        assert!(check_media(root.path(), &study, &reader, &none, &mut findings, run).is_err());
    }
}
