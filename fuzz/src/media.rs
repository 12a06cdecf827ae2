//! What is fuzzed of clips and pictures. Apart from the other targets, which need more crates.

use emotome_media::policy::{At, FramePolicy, Size};
use emotome_media::reader::{Limits, Params, Reader};
use emotome_stimuli::run::Interrupt;
use std::fs;

/// A clip or picture: its headers, and some of its frames by the built-in decoders.
pub fn media(bytes: &[u8]) {
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no room to fuzz in: {error}"));
    let path = folder.path().join("file");
    fs::write(&path, bytes).unwrap_or_else(|error| panic!("no room to fuzz in: {error}"));
    let limits = Limits {
        max_pixels: 1 << 18,
        max_frames: 1_000,
        ..Limits::default()
    };
    let reader = Reader::without_programs(Params {
        limits,
        ..Params::default()
    });
    let policy = FramePolicy {
        at: At::Uniform(5),
        size: Size::Longest(32),
        ..FramePolicy::default()
    };
    let policy = policy.check().unwrap_or_else(|error| panic!("{error}"));
    let Ok(taken) = reader.frames(&path, &policy, &Interrupt::default()) else {
        return;
    };
    assert!(!taken.frames.is_empty() && taken.frames.len() == taken.taken.indices.len());
    assert!(taken.taken.times.is_sorted() && taken.info.duration.is_finite());
    for frame in &taken.frames {
        assert_eq!(frame.rgb.len() as u32, 3 * frame.width * frame.height);
    }
}
