//! ffmpeg: what comes by it, what is kept from it, and what becomes of it when it fails.

use super::*;

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

/// A folder with programs called ffmpeg and ffprobe, which know their version and then do as they are told.
#[cfg(unix)]
fn programs(then: &str) -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "#!/bin/sh\ncase \"$1\" in -version) echo 'ffmpeg version 6.1'; exit;; esac\n{then}\n"
    );
    for name in ["ffmpeg", "ffprobe"] {
        let path = folder.path().join(name);
        std::fs::write(&path, &text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    folder
}

/// What a reader that runs such programs for at most a second makes of a clip.
#[cfg(unix)]
fn run_on(then: &str, name: &str) -> (Result<crate::reader::Extraction, MediaError>, f64) {
    let limits = crate::reader::Limits {
        max_seconds: 1,
        max_frames: 100,
        ..Default::default()
    };
    let params = Params {
        limits,
        decoder: DecoderChoice::Ffmpeg,
        ..Params::default()
    };
    let folder = programs(then);
    let begun = std::time::Instant::now();
    let reader = Reader::with_programs_in(folder.path(), params);
    let found = reader.frames(clip(name), &every(), &never());
    (found, begun.elapsed().as_secs_f64())
}

#[cfg(unix)]
#[test]
fn a_program_that_hangs_is_ended_in_time() {
    for name in ["high.mp4", "vp9.webm"] {
        for then in [
            "exec sleep 30",
            "sleep 30",
            "exec sleep 30 >&-",
            "exec yes 3>&1 1>&2",
            "exec cat",
        ] {
            let (found, seconds) = run_on(then, name);
            let error = found.unwrap_err();
            if then.ends_with("sleep 30") || then == "exec yes 3>&1 1>&2" {
                assert!(matches!(error, MediaError::TimedOut { .. }), "{error}");
                assert!(error.to_string().contains("within 1 s"), "{error}");
            }
            assert!(
                error.is_of_the_clip() && seconds < 10.0,
                "{then}: {seconds} s, {error}"
            );
        }
    }
}

#[cfg(unix)]
#[test]
fn output_without_end_is_read_to_what_was_asked_for() {
    let endless = "echo 'YUV4MPEG2 W96 H64 F25:1 Ip A1:1 C420mpeg2'
        while :; do echo FRAME; head -c 9216 /dev/zero; done";
    let (found, seconds) = run_on(endless, "high.mp4");
    assert_eq!(found.unwrap().frames.len(), 50);
    assert!(seconds < 10.0);
    for (other, what) in [
        ("exec yes", "\"y\" instead of planes C420 of 96×64"),
        (&endless.replace("W96", "W98"), "W98 H64"),
        (&endless.replace("C420", "C444"), "C444mpeg2"),
        (&endless.replace("FRAME", "OTHER"), "no pictures"),
    ] {
        let (found, seconds) = run_on(other, "high.mp4");
        let error = found.unwrap_err();
        assert!(matches!(error, MediaError::Undecodable { .. }), "{error}");
        assert!(
            error.to_string().contains(what) && seconds < 10.0,
            "{error}"
        );
    }
    let (found, seconds) = run_on("exec yes", "vp9.webm");
    let error = found.unwrap_err();
    assert!(matches!(error, MediaError::Undecodable { .. }), "{error}");
    assert!(seconds < 10.0);
}

#[cfg(unix)]
#[test]
fn too_few_frames_are_an_error_with_what_the_program_said() {
    for name in ["high.mp4", "vp9.webm"] {
        let (found, _) = run_on("echo 'no such\x1b[2J luck' >&2; exit 1", name);
        let said = found.unwrap_err().to_string();
        assert!(
            said.contains("no such[2J luck") && !said.contains('\x1b'),
            "{said}"
        );
    }
    let (found, _) = run_on("exit 0", "high.mp4");
    let said = found.unwrap_err().to_string();
    assert!(
        said.contains("0 of 50 frames came (it gave no reason)"),
        "{said}"
    );
}

/// A clip with damage to a slice of the largest picture that is no keyframe.
fn damaged(folder: &Path, name: &str, slice: usize) -> PathBuf {
    let mut bytes = std::fs::read(clip(name)).unwrap();
    let mut file = std::fs::File::open(clip(name)).unwrap();
    let (headers, _) = crate::mp4::read(&mut file, bytes.len() as u64, 1_000).unwrap();
    let later = headers.video.samples.iter().filter(|sample| !sample.key);
    let sample = *later.max_by_key(|sample| sample.bytes).unwrap();
    let mut at = sample.offset as usize;
    let end = at + sample.bytes as usize;
    let mut slices = Vec::new();
    while at < end {
        let length = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        if matches!(bytes[at + 4] & 0x1f, 1 | 5) {
            slices.push(at + 4..at + 4 + length);
        }
        at += 4 + length;
    }
    let unit = slices[slice].clone();
    for (place, byte) in bytes[unit.start + 8..unit.end].iter_mut().enumerate() {
        *byte ^= 0x80 | (37 * place) as u8;
    }
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn what_the_built_in_decoder_cannot_decode_ffmpeg_is_tried_on() {
    let folder = tempfile::tempdir().unwrap();
    // A later slice: the decoder itself passes over what it cannot decode of it.
    let path = damaged(folder.path(), "slices.mp4", 2);
    let without = Reader::without_programs(Params::default());
    let error = without
        .frames(&path, &every(), &never())
        .map(drop)
        .unwrap_err();
    let said = error.to_string();
    assert!(error.is_of_the_clip());
    assert!(
        said.contains("macroblocks are missing or damaged"),
        "{said}"
    );
    assert!(
        said.contains("ffmpeg may, but was not found: install ffmpeg"),
        "{said}"
    );
    let strict = reader(DecoderChoice::BuiltIn).frames(&path, &every(), &never());
    assert!(matches!(strict, Err(MediaError::Undecodable { .. })));
    if with_ffmpeg("what_the_built_in_decoder_cannot_decode_ffmpeg_is_tried_on").is_none() {
        return;
    }
    let auto = reader(DecoderChoice::Auto);
    let taken = auto.frames(&path, &every(), &never()).unwrap().taken;
    assert!(taken.decoder.starts_with("ffmpeg") && taken.indices.len() == 25);
    let complaints = taken.complaints.unwrap();
    assert!(complaints.contains("macroblocks"), "{complaints}");
    assert!(complaints.contains("h264 @"), "{complaints}");
    let sound = reader(DecoderChoice::Ffmpeg).frames(clip("slices.mp4"), &every(), &never());
    assert_eq!(sound.unwrap().taken.complaints, None);
}

#[test]
fn what_ffmpeg_cannot_decode_the_built_in_decoder_is_tried_on() {
    let clip =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/video/bigbuckbunny.mp4");
    if !clip.exists() || cfg!(not(unix)) {
        println!(
            "what_ffmpeg_cannot_decode_the_built_in_decoder_is_tried_on: skipped, {} is absent",
            clip.display()
        );
        return;
    }
    #[cfg(unix)]
    {
        let folder = programs("echo 'out of luck' >&2; exit 1");
        let reader = Reader::with_programs_in(folder.path(), Params::default());
        let some = policy(At::Uniform(1), Size::Longest(64));
        let taken = reader.frames(&clip, &some, &never()).unwrap().taken;
        assert!(taken.decoder.starts_with("built-in"));
        let complaints = taken.complaints.unwrap();
        assert!(
            complaints.contains("ffmpeg 6.1") && complaints.contains("out of luck"),
            "{complaints}"
        );
    }
}
