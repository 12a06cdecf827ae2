//! Decoding against what ffmpeg makes of the same clips (`tests/fixtures/generate_clips.py`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use emotome_stimuli::digest::Sha256Sum;
use emotome_stimuli::run::Interrupt;
use proptest::prelude::*;
use serde::Deserialize;

use crate::error::MediaError;
use crate::picture::{Frame, Picture};
use crate::policy::{At, CheckedPolicy, Filter, FramePolicy, Size, Timeline};
use crate::reader::{DecoderChoice, Limits, Params, Reader};
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
fn what_is_not_built_in_comes_by_ffmpeg() {
    let Some(reader) = with_ffmpeg("what_is_not_built_in_comes_by_ffmpeg") else {
        return;
    };
    for (name, known) in known() {
        if name.ends_with(".webm") || name == "full_colour.mp4" {
            assert_eq!(
                lumas(&reader, &clip(&name), None).unwrap(),
                known.luma,
                "{name}"
            );
            let some = [3, 11, 24];
            let expected = some.map(|frame| known.luma[frame].clone());
            assert_eq!(
                lumas(&reader, &clip(&name), Some(&some)).unwrap(),
                expected,
                "{name}"
            );
        }
    }
    let probe = reader.probe(clip("vp9.webm"), &never()).unwrap();
    let info = (
        probe.info.container,
        probe.info.codec.as_str(),
        probe.info.frames,
    );
    assert_eq!(info, (Container::Matroska, "vp9", 25));
}

#[test]
fn without_ffmpeg_the_message_says_how_to_get_it() {
    let reader = Reader::without_programs(Params::default());
    let error = reader
        .frames(clip("vp9.webm"), &every(), &never())
        .unwrap_err();
    assert!(matches!(error, MediaError::NeedsFfmpeg { .. }));
    assert!(
        error.to_string().contains("apt-get install ffmpeg"),
        "{error}"
    );
    let error = reader
        .frames(clip("full_colour.mp4"), &every(), &never())
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("H.264 with 4:4:4 colour is decoded by ffmpeg"),
        "{error}"
    );
}

#[test]
fn frames_at_a_rate_are_those_of_the_fps_filter() {
    let reader = reader(DecoderChoice::Auto);
    let mut compared = 0;
    for (name, known) in known() {
        let Ok(source) = reader.open(&clip(&name), &never()) else {
            continue;
        };
        for (rate, expected) in known.fps {
            let at = policy(At::Fps(rate.parse().unwrap()), Size::Original);
            let mut taken = at.select(source.timeline()).frames;
            if name == "changing_rate.mp4" {
                // ffmpeg guesses how long the last frame lasts.
                taken.truncate(expected.len());
            }
            assert_eq!(taken, expected, "{name} at {rate}");
            compared += 1;
        }
    }
    assert!(compared >= 60, "{compared} were compared");
}

#[test]
fn colours_are_those_of_the_standard_and_close_to_ffmpeg() {
    let reader = reader(DecoderChoice::BuiltIn);
    for name in ["high", "full_709", "wide_colour"] {
        let extraction = reader
            .frames(clip(&format!("{name}.mp4")), &every(), &never())
            .unwrap();
        let ours = &extraction.frames[7];
        let theirs = reader
            .frames(clip(&format!("{name}.png")), &every(), &never())
            .unwrap();
        let theirs = &theirs.frames[0];
        let largest = ours
            .rgb
            .iter()
            .zip(&theirs.rgb)
            .map(|(a, b)| a.abs_diff(*b))
            .max()
            .unwrap();
        let mean = 255.0 * ours.difference(theirs);
        println!("{name}: mean difference {mean:.3}, largest {largest}");
        // ffmpeg interpolates colour by a cubic, which differs near edges of saturated colours.
        let (most, at_most) = if name == "wide_colour" {
            (1.5, 60)
        } else {
            (0.5, 2)
        };
        assert!(mean < most, "{name}: mean difference {mean}");
        assert!(largest <= at_most, "{name}: largest difference {largest}");
        assert_eq!((ours.width, ours.height), (theirs.width, theirs.height));
    }
}

#[test]
fn a_turned_clip_is_shown_upright() {
    let reader = reader(DecoderChoice::BuiltIn);
    let [plain, turned] = ["baseline.mp4", "turned.mp4"]
        .map(|name| reader.frames(clip(name), &every(), &never()).unwrap());
    assert_eq!((plain.info.width, plain.info.height), (96, 64));
    assert_eq!((turned.info.width, turned.info.height), (64, 96));
    let upright = plain.frames[4].clone().rotated(turned.info.rotation);
    assert!(turned.frames[4] == upright);
    assert_ne!(turned.info.rotation.degrees(), 0);
    // Four quarter turns are none.
    let mut frame = plain.frames[0].clone();
    for _ in 0..4 {
        frame = frame.rotated(crate::picture::Rotation::Quarter);
    }
    assert!(frame == plain.frames[0]);
}

#[test]
fn a_quarter_turn_is_clockwise() {
    use crate::picture::Rotation;
    let frame = Frame {
        width: 2,
        height: 1,
        rgb: vec![1, 1, 1, 2, 2, 2],
    };
    assert_eq!(
        frame.clone().rotated(Rotation::Quarter),
        Frame {
            width: 1,
            height: 2,
            rgb: vec![1, 1, 1, 2, 2, 2]
        }
    );
    assert_eq!(
        frame.clone().rotated(Rotation::ThreeQuarters),
        Frame {
            width: 1,
            height: 2,
            rgb: vec![2, 2, 2, 1, 1, 1]
        }
    );
    assert_eq!(frame.rotated(Rotation::Half).rgb, [2, 2, 2, 1, 1, 1]);
    let frame = Frame {
        width: 1,
        height: 2,
        rgb: vec![1, 1, 1, 2, 2, 2],
    };
    // The bottom comes to the left.
    assert_eq!(frame.rotated(Rotation::Quarter).rgb, [2, 2, 2, 1, 1, 1]);
}

#[test]
fn ffmpeg_turns_the_same_way() {
    let Some(_) = with_ffmpeg("ffmpeg_turns_the_same_way") else {
        return;
    };
    let out = tempfile::tempdir().unwrap();
    let png = out.path().join("frame.png");
    let status = std::process::Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-i"])
        .arg(clip("turned.mp4"))
        .args(["-frames:v", "1"])
        .arg(&png)
        .status()
        .unwrap();
    assert!(status.success());
    let reader = reader(DecoderChoice::BuiltIn);
    let ours = reader
        .frames(clip("turned.mp4"), &every(), &never())
        .unwrap();
    let theirs = reader.frames(&png, &every(), &never()).unwrap();
    assert!(ours.frames[0].difference(&theirs.frames[0]) < 0.03);
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
fn a_name_that_looks_like_an_option_or_an_address_is_a_file() {
    let Some(reader) = with_ffmpeg("a_name_that_looks_like_an_option_or_an_address_is_a_file")
    else {
        return;
    };
    let out = tempfile::tempdir().unwrap();
    for name in [
        "-version",
        "http:clip.webm",
        "a b'c;$(true).webm",
        "concat:x|y",
    ] {
        let path = out.path().join(name);
        std::fs::copy(clip("vp9.webm"), &path).unwrap();
        assert_eq!(
            reader
                .frames(&path, &every(), &never())
                .unwrap()
                .frames
                .len(),
            25,
            "{name}"
        );
    }
}

#[test]
fn a_playlist_does_not_reach_other_files() {
    let Some(reader) = with_ffmpeg("a_playlist_does_not_reach_other_files") else {
        return;
    };
    let out = tempfile::tempdir().unwrap();
    let path = out.path().join("clip.mkv");
    std::fs::write(
        &path,
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n",
    )
    .unwrap();
    assert!(
        reader
            .frames(&path, &every(), &never())
            .unwrap_err()
            .is_of_the_clip()
    );
}

#[test]
fn an_interruption_stops_every_decoder() {
    let stop = Interrupt::default();
    stop.request();
    for name in ["high.mp4", "moving.gif", "vp9.webm"] {
        let reader = reader(DecoderChoice::Auto);
        if name == "vp9.webm" && reader.ffmpeg_version().is_none() {
            continue;
        }
        let error = reader.frames(clip(name), &every(), &stop).unwrap_err();
        assert!(matches!(error, MediaError::Interrupted), "{name}: {error}");
    }
}

#[test]
fn limits_are_held_before_memory_is_taken() {
    let of = |limits: Limits| {
        Reader::without_programs(Params {
            limits,
            ..Params::default()
        })
    };
    let small = of(Limits {
        max_pixels: 6_000,
        ..Limits::default()
    });
    let few = of(Limits {
        max_frames: 9,
        ..Limits::default()
    });
    let short = of(Limits {
        max_bytes: 1_000,
        ..Limits::default()
    });
    for (reader, unit) in [(small, "6144 pixels"), (few, "50 frames"), (short, "bytes")] {
        let error = reader
            .frames(clip("high.mp4"), &every(), &never())
            .unwrap_err();
        assert!(error.to_string().contains(unit), "{error}");
    }
}

#[test]
fn a_clip_cut_short_or_of_noise_is_reported_and_nothing_panics() {
    let out = tempfile::tempdir().unwrap();
    let path = out.path().join("clip");
    let reader = Reader::without_programs(Params::default());
    for name in ["high.mp4", "fragmented.mp4", "moving.gif", "high.png"] {
        let whole = std::fs::read(clip(name)).unwrap();
        for length in [0, 1, 7, 40, whole.len() / 3, whole.len() - 9] {
            std::fs::write(&path, &whole[..length]).unwrap();
            if let Err(error) = reader.frames(&path, &every(), &never()) {
                assert!(
                    error.is_of_the_clip() || matches!(error, MediaError::NeedsFfmpeg { .. }),
                    "{error}"
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn altered_bytes_do_no_harm(
        name in prop::sample::select(vec!["high.mp4", "fragmented.mp4", "interlaced.mp4", "slices.mp4", "cut.mp4", "moving.gif", "full_709.png"]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        headers in any::<bool>(),
    ) {
        let mut bytes = std::fs::read(clip(name)).unwrap();
        let from = if headers { bytes.len().saturating_sub(1_200) } else { 0 };
        for (place, value) in changes {
            let place = from + place.index(bytes.len() - from);
            bytes[place] = value;
        }
        let out = tempfile::tempdir().unwrap();
        let path = out.path().join("clip");
        std::fs::write(&path, &bytes).unwrap();
        let limits = Limits { max_pixels: 1 << 20, ..Limits::default() };
        let reader = Reader::without_programs(Params { limits, ..Params::default() });
        let small = policy(At::Uniform(5), Size::Longest(32));
        if let Ok(extraction) = reader.frames(&path, &small, &never()) {
            prop_assert!(!extraction.frames.is_empty());
            prop_assert!(extraction.taken.times.is_sorted());
        }
    }

    #[test]
    fn selections_ascend_and_keep_their_promises(
        gaps in prop::collection::vec(0_i64..200, 0..300),
        ticks in 1_u64..1_000,
        last in 0_i64..100,
        k in 1_usize..60,
        (frames, seconds) in (1_u32..60, 1_u32..20),
        most in 1_usize..50,
    ) {
        let mut starts = vec![0];
        for gap in gaps {
            starts.push(starts.last().unwrap() + gap);
        }
        let clip = Timeline::new(ticks, starts.clone(), last).unwrap();
        let rate = crate::policy::Rate::new(frames, seconds).unwrap();
        for at in [At::Uniform(k), At::Fps(rate), At::Every] {
            let taken = policy(at, Size::Original).select(&clip);
            prop_assert!(!taken.frames.is_empty());
            prop_assert!(taken.frames.is_sorted_by(|a, b| a < b));
            prop_assert!(*taken.frames.last().unwrap() < clip.frames());
            prop_assert_eq!(taken.frames.len(), taken.chosen);
            match at {
                At::Uniform(k) => prop_assert!(taken.chosen <= k.min(clip.frames())),
                At::Every => prop_assert_eq!(taken.chosen, clip.frames()),
                At::Fps(_) => {
                    let slots = clip.duration() * f64::from(frames) / f64::from(seconds);
                    prop_assert!(taken.chosen as f64 <= slots + 1.5);
                }
            }
            let thinned = FramePolicy { at, max_frames: most, ..FramePolicy::default() };
            let thinned = thinned.check().unwrap().select(&clip);
            prop_assert_eq!(thinned.frames.len(), taken.chosen.min(most));
            prop_assert!(thinned.frames.iter().all(|frame| taken.frames.contains(frame)));
            prop_assert_eq!(thinned.chosen, taken.chosen);
        }
    }

    #[test]
    fn evenly_spaced_frames_are_taken_as_often_as_asked(n in 1_usize..500, k in 1_usize..100) {
        let clip = Timeline::new(25, (0..n as i64).collect(), 1).unwrap();
        prop_assert_eq!(policy(At::Uniform(k), Size::Original).select(&clip).frames.len(), k.min(n));
    }

    #[test]
    fn sizes_keep_their_proportions_and_never_grow(width in 1_u32..9_000, height in 1_u32..9_000, longest in 1_u32..8_192) {
        let (w, h) = Size::Longest(longest).of(width, height);
        prop_assert!(w.max(h) <= longest.min(width.max(height)) && w >= 1 && h >= 1);
        let exact = f64::from(width.min(height)) * f64::from(w.max(h)) / f64::from(width.max(height));
        prop_assert!((f64::from(w.min(h)) - exact).abs() <= 1.0);
    }
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
fn grey_stays_grey_and_lies_where_it_was() {
    use crate::picture::{Colour, Matrix, Painter, Rotation, Subsampling};
    // A step between two colours at the middle: after resizing it is still at the middle.
    let (width, height) = (64_u32, 32_u32);
    let column = |x: u32| {
        if x < 32 {
            (90_u8, 100_u8, 160_u8)
        } else {
            (90, 160, 100)
        }
    };
    let y: Vec<u8> = (0..height)
        .flat_map(|_| (0..width).map(|x| column(x).0))
        .collect();
    let u: Vec<u8> = (0..height / 2)
        .flat_map(|_| (0..width / 2).map(|x| column(2 * x).1))
        .collect();
    let v: Vec<u8> = (0..height / 2)
        .flat_map(|_| (0..width / 2).map(|x| column(2 * x).2))
        .collect();
    let picture = |planes| Picture::Planes {
        size: (width, height),
        subsampling: Subsampling { across: 2, down: 2 },
        colour: Colour {
            matrix: Matrix::Bt601,
            full_range: true,
        },
        planes,
    };
    let mut painter = Painter::new(Size::Original, Filter::Bilinear, Rotation::None);
    let frame = painter.paint(picture([y.clone(), u, v])).unwrap();
    let red = |x: usize| frame.rgb[3 * x];
    // The colour of pixel 31 lies half-way between the samples on pixels 30 and 32.
    assert_eq!(
        red(31),
        ((u16::from(red(30)) + u16::from(red(32))) / 2) as u8
    );
    let grey = vec![128; (width * height / 4) as usize];
    let frame = painter.paint(picture([y, grey.clone(), grey])).unwrap();
    assert!(frame.rgb.iter().all(|&value| value == 90));
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
