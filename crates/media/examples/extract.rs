//! Writes the frames of a clip to standard output as raw RGB, as `ffmpeg -f rawvideo -pix_fmt rgb24` does:
//! `extract FILE uniform:3|fps:2|every original|LONGEST auto|built-in|ffmpeg [TIMES]`,
//! so often over, as a study of as many clips would. Frames come in the order of decoding. What was taken is said on standard error.

use std::io::Write;

use emotome_media::FramePolicy;
use emotome_media::policy::{At, Filter, Size};
use emotome_media::reader::{DecoderChoice, Params, Reader};
use emotome_stimuli::run::Interrupt;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, at, size, decoder, times @ ..] = &arguments[..] else {
        return Err(
            "usage: extract FILE uniform:K|fps:F|every original|LONGEST auto|built-in|ffmpeg"
                .into(),
        );
    };
    let at = match at.split_once(':') {
        Some(("uniform", k)) => At::Uniform(k.parse()?),
        Some(("fps", rate)) => At::Fps(rate.parse()?),
        _ => At::Every,
    };
    let size = match size.as_str() {
        "original" => Size::Original,
        longest => Size::Longest(longest.parse()?),
    };
    let decoder = match decoder.as_str() {
        "built-in" => DecoderChoice::BuiltIn,
        "ffmpeg" => DecoderChoice::Ffmpeg,
        _ => DecoderChoice::Auto,
    };
    let times = times.first().map_or(Ok(1), |times| times.parse::<u32>())?;
    let policy = FramePolicy {
        at,
        size,
        max_frames: 2_048,
        filter: Filter::Bicubic,
    };
    let policy = policy.check()?;
    let reader = Reader::new(Params {
        decoder,
        ..Params::default()
    });
    let mut out = std::io::stdout().lock();
    for _ in 0..times {
        let mut failed = None;
        let (_, taken) =
            reader.for_each_frame(file, &policy, &Interrupt::default(), |_, frame| {
                failed = out.write_all(&frame.rgb).err().or(failed.take());
                Ok(())
            })?;
        failed.map_or(Ok(()), Err)?;
        eprintln!("{} frames by {}", taken.indices.len(), taken.decoder);
    }
    Ok(())
}
