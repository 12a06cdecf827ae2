//! Decoding against what ffmpeg makes of the same clips (`tests/fixtures/generate_clips.py`).

mod hostile;
mod picture;
mod programs;
mod selection;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use emotome_stimuli::digest::Sha256Sum;
use emotome_stimuli::run::Interrupt;
use serde::Deserialize;

use crate::error::MediaError;
use crate::picture::{Frame, Picture};
use crate::policy::{At, CheckedPolicy, Filter, FramePolicy, Size};
use crate::reader::{DecoderChoice, Params, Reader};
use crate::source::Container;

#[derive(Deserialize)]
struct Known {
    times: Vec<f64>,
    #[serde(default)]
    luma: Vec<String>,
    fps: BTreeMap<String, Vec<usize>>,
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn clip(name: &str) -> PathBuf {
    fixtures().join("clips").join(name)
}

fn known() -> BTreeMap<String, Known> {
    let text = std::fs::read(fixtures().join("clips.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

fn reader(decoder: DecoderChoice) -> Reader {
    Reader::new(Params {
        decoder,
        ..Params::default()
    })
}

/// A reader that uses ffmpeg; none, with a word why, where it is not installed.
fn with_ffmpeg(test: &str) -> Option<Reader> {
    let reader = reader(DecoderChoice::Ffmpeg);
    if reader.ffmpeg_version().is_none() {
        println!("{test}: skipped, ffmpeg is not installed");
        return None;
    }
    Some(reader)
}

fn policy(at: At, size: Size) -> CheckedPolicy {
    let policy = FramePolicy {
        at,
        max_frames: 2_048,
        size,
        filter: Filter::Bicubic,
    };
    policy.check().unwrap()
}

fn every() -> CheckedPolicy {
    policy(At::Every, Size::Original)
}

fn never() -> Interrupt {
    Interrupt::default()
}

/// Digits of the checksums of the luma planes of some frames.
fn lumas(
    reader: &Reader,
    path: &Path,
    wanted: Option<&[usize]>,
) -> Result<Vec<String>, MediaError> {
    let mut source = reader.open(path, &never())?;
    let all: Vec<usize> = (0..source.timeline().frames()).collect();
    let wanted = wanted.unwrap_or(&all);
    let mut sums = vec![String::new(); wanted.len()];
    source.decode(wanted, &never(), &mut |place, picture| {
        let Picture::Planes { planes, .. } = picture else {
            panic!("{} gives RGB", path.display());
        };
        sums[place] = Sha256Sum::of(&planes[0]).to_string()[..16].to_owned();
        Ok(())
    })?;
    Ok(sums)
}

/// What the built-in decoder knows; `ten_bits` is compared in 16 bits elsewhere.
fn is_built_in(name: &str) -> bool {
    name.ends_with(".mp4") && !["full_colour.mp4", "ten_bits.mp4"].contains(&name)
}

#[test]
fn luma_planes_and_times_are_those_of_ffmpeg() {
    let reader = reader(DecoderChoice::BuiltIn);
    let mut clips = 0;
    for (name, known) in known().iter().filter(|(name, _)| is_built_in(name)) {
        let source = reader.open(&clip(name), &never()).unwrap();
        let timeline = source.timeline();
        let times: Vec<f64> = (0..timeline.frames())
            .map(|frame| timeline.start(frame))
            .collect();
        assert_eq!(times.len(), known.times.len(), "{name}");
        for (time, known) in times.iter().zip(&known.times) {
            assert!((time - known).abs() < 1e-5, "{name}: {time} for {known}");
        }
        assert_eq!(
            lumas(&reader, &clip(name), None).unwrap(),
            known.luma,
            "{name}"
        );
        clips += 1;
    }
    assert!(clips >= 14, "{clips} clips were compared");
}

#[test]
fn a_frame_decoded_alone_is_the_frame_decoded_with_all() {
    let reader = reader(DecoderChoice::BuiltIn);
    for (name, known) in known().iter().filter(|(name, _)| is_built_in(name)) {
        for step in [1, 3, 7, 11] {
            let wanted: Vec<usize> = (step / 2..known.luma.len()).step_by(step).collect();
            for wanted in [&wanted[..], &wanted[wanted.len() / 2..][..1]] {
                let expected: Vec<String> = wanted.iter().map(|&f| known.luma[f].clone()).collect();
                let found = lumas(&reader, &clip(name), Some(wanted)).unwrap();
                assert_eq!(found, expected, "{name}: {wanted:?}");
            }
        }
    }
}

#[test]
fn both_decoders_give_the_same_frames() {
    let Some(theirs) = with_ffmpeg("both_decoders_give_the_same_frames") else {
        return;
    };
    let ours = reader(DecoderChoice::BuiltIn);
    for name in [
        "high.mp4",
        "cut.mp4",
        "open_gop.mp4",
        "ten_bits.mp4",
        "turned.mp4",
        "wide_colour.mp4",
        "interlaced.mp4",
        "changing_rate.mp4",
    ] {
        for policy in [
            every(),
            policy(At::Uniform(3), Size::Longest(40)),
            policy(At::Fps("5".parse().unwrap()), Size::Exact(33, 31)),
        ] {
            let [ours, theirs] = [&ours, &theirs]
                .map(|reader| reader.frames(clip(name), &policy, &never()).unwrap());
            assert_eq!(ours.taken.indices, theirs.taken.indices, "{name}");
            assert!(ours.frames == theirs.frames, "{name}: the frames differ");
            assert!(
                ours.taken.decoder.starts_with("built-in")
                    && theirs.taken.decoder.starts_with("ffmpeg")
            );
        }
    }
}

#[test]
fn moving_pictures_and_folders_have_frames_and_times() {
    let reader = reader(DecoderChoice::BuiltIn);
    let gif = reader
        .frames(clip("moving.gif"), &every(), &never())
        .unwrap();
    assert_eq!(gif.frames.len(), 10);
    assert!((gif.info.duration - 1.0).abs() < 1e-9 && (gif.taken.times[9] - 0.9).abs() < 1e-9);
    assert!(gif.frames[0].difference(&gif.frames[5]) > 0.001);
    let out = tempfile::tempdir().unwrap();
    for (place, frame) in gif.frames.iter().enumerate() {
        let png = crate::encode::Encoding::Png.encode(frame).unwrap();
        std::fs::write(out.path().join(format!("{place:03}.png")), png).unwrap();
    }
    std::fs::write(out.path().join("notes.txt"), "no picture").unwrap();
    let folder = reader.frames(out.path(), &every(), &never()).unwrap();
    assert!(folder.frames == gif.frames);
    assert_eq!(folder.info.container, Container::Folder);
    let error = reader.frames(fixtures(), &every(), &never()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("a folder without JPEG, PNG, WebP or GIF files"),
        "{error}"
    );
}

#[test]
fn resizing_and_threads_change_nothing_twice() {
    let reader = reader(DecoderChoice::BuiltIn);
    let small = policy(At::Uniform(4), Size::Longest(50));
    let one = reader.frames(clip("high.mp4"), &small, &never()).unwrap();
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(3)
        .build()
        .unwrap();
    let many: Vec<_> = pool.install(|| {
        use rayon::prelude::*;
        (0..6)
            .into_par_iter()
            .map(|_| {
                reader
                    .frames(clip("high.mp4"), &small, &never())
                    .unwrap()
                    .frames
            })
            .collect()
    });
    assert!(many.iter().all(|frames| *frames == one.frames));
    assert_eq!(one.taken.indices, [6, 18, 31, 43]);
    assert_eq!((one.frames[0].width, one.frames[0].height), (50, 33));
}

#[test]
fn the_numbered_clips_show_their_numbers() {
    use crate::numbered::{CLIPS, SIDE, numbered};
    let drawn: Vec<Frame> = (1..=64).map(|number| numbered(number, SIDE)).collect();
    let out = tempfile::tempdir().unwrap();
    let path = out.path().join("numbered.mp4");
    for known in CLIPS {
        std::fs::write(&path, known.mp4).unwrap();
        let clip = reader(DecoderChoice::BuiltIn)
            .frames(&path, &every(), &never())
            .unwrap();
        assert_eq!(clip.frames.len(), known.frames as usize);
        let seconds = f64::from(known.frames) / f64::from(known.rate);
        assert!((clip.info.duration - seconds).abs() < 1e-9);
        for (place, frame) in clip.frames.iter().enumerate() {
            let nearest = (0..drawn.len()).min_by(|&a, &b| {
                frame
                    .difference(&drawn[a])
                    .total_cmp(&frame.difference(&drawn[b]))
            });
            assert_eq!(nearest, Some(place));
        }
    }
    assert!(CLIPS.is_sorted_by(|shorter, longer| shorter.frames < longer.frames));
}

#[test]
fn real_clips_decode_as_ffmpeg_decodes_them() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/video");
    if !folder.exists() {
        println!(
            "real_clips_decode_as_ffmpeg_decodes_them: skipped, {} is absent",
            folder.display()
        );
        return;
    }
    let ours = reader(DecoderChoice::BuiltIn);
    let theirs = with_ffmpeg("real_clips_decode_as_ffmpeg_decodes_them (comparison)");
    for (name, frames, audio) in [("bigbuckbunny.mp4", 132, true), ("bikes.mp4", 250, false)] {
        let path = folder.join(name);
        let info = ours.probe(&path, &never()).unwrap().info;
        assert_eq!(
            (info.frames, info.audio, info.codec.as_str()),
            (frames, audio, "h264")
        );
        let some = policy(At::Uniform(5), Size::Longest(224));
        let taken = ours.frames(&path, &some, &never()).unwrap();
        if let Some(theirs) = &theirs {
            assert!(
                theirs.frames(&path, &some, &never()).unwrap().frames == taken.frames,
                "{name}"
            );
        }
    }
}
