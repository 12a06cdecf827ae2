//! Files that are damaged or too large, and stops on request.

use proptest::prelude::*;

use super::*;
use crate::reader::Limits;

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
}
