//! Clips that ffmpeg decodes: ffprobe tells their streams and when their frames are shown.

use std::borrow::Cow;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::Command;

use emotome_stimuli::run::Interrupt;
use serde::Deserialize;

use crate::error::MediaError;
use crate::ffmpeg::{FORMATS, Ffmpeg, Input, Layout, Stream, address, runs};
use crate::picture::{Colour, Matrix, Rotation};
use crate::policy::Timeline;
use crate::program::run;
use crate::reader::{Limits, Params};
use crate::source::{Container, Decoder, Each, FrameSource, MediaInfo, Said, not_square};

/// Bytes that ffprobe may print for a frame of any stream, and beside.
const LISTED: u64 = 160;
const LISTED_BESIDE: u64 = 1 << 20;
/// Rows of all streams that may stand for a frame of video: sound of 96 kHz has four beside each.
const ROWS_PER_FRAME: u64 = 5;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Answer {
    streams: Vec<StreamEntry>,
    packets: Vec<PacketEntry>,
    frames: Vec<PacketEntry>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct StreamEntry {
    index: usize,
    codec_type: String,
    codec_name: String,
    width: u32,
    height: u32,
    pix_fmt: String,
    color_space: String,
    color_range: String,
    time_base: String,
    sample_aspect_ratio: String,
    disposition: Disposition,
    side_data_list: Vec<SideData>,
    tags: Tags,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Disposition {
    attached_pic: u8,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct SideData {
    rotation: i64,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Tags {
    rotate: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct PacketEntry {
    stream_index: usize,
    pts: Option<i64>,
    best_effort_timestamp: Option<i64>,
    duration: i64,
    pkt_duration: i64,
    flags: Flags,
}

/// The flags of a packet.
#[derive(Deserialize, Default)]
#[serde(from = "Cow<'_, str>")]
struct Flags {
    /// It is decoded and not shown.
    discarded: bool,
}

impl From<Cow<'_, str>> for Flags {
    fn from(flags: Cow<'_, str>) -> Self {
        Self {
            discarded: flags.contains('D'),
        }
    }
}

impl Ffmpeg {
    /// Asks ffprobe for the streams and for the times of the frames.
    fn ask(
        &self,
        (path, bytes): (&Path, u64),
        limits: &Limits,
        interrupt: &Interrupt,
        entries: &str,
        more: &[&str],
    ) -> Result<Answer, MediaError> {
        let mut command = Command::new(&self.ffprobe);
        command.args(["-hide_banner", "-v", "error", "-protocol_whitelist", "file"]);
        command.args(["-format_whitelist", FORMATS]);
        command
            .args(more)
            .args(["-show_entries", entries, "-of", "json=compact=1"]);
        command.arg("-i").arg(address(path));
        // A row stands for at least a byte of the file.
        let rows = (limits.max_frames as u64 * ROWS_PER_FRAME).min(bytes);
        let most = LISTED_BESIDE + LISTED * rows;
        let limit = (path, limits.max_seconds);
        let ran = run(command, limit, interrupt, None, |out| {
            serde_json::from_reader::<_, Answer>(BufReader::new(out.take(most)))
        })?;
        let undecodable = |what: String| MediaError::Undecodable {
            path: path.to_owned(),
            decoder: format!("ffprobe {}", self.version()),
            what,
        };
        let what = match ran.made {
            Ok(answer) if !answer.streams.is_empty() || !answer.frames.is_empty() => {
                return Ok(answer);
            }
            Ok(_) => "it lists no stream".to_owned(),
            Err(error) => format!("its list cannot be read: {error}"),
        };
        Err(undecodable(ran.complaints.unwrap_or(what)))
    }
}

/// A file that ffmpeg decodes.
pub(crate) struct ForeignClip {
    path: PathBuf,
    ffmpeg: Ffmpeg,
    params: Params,
    index: usize,
    stream: Stream,
    /// When the frames are shown, in ticks of the stream.
    times: Vec<i64>,
    info: MediaInfo,
    timeline: Timeline,
}

impl ForeignClip {
    pub(crate) fn open(
        path: &Path,
        (container, bytes): (Container, u64),
        (ffmpeg, params): (&Ffmpeg, &Params),
        interrupt: &Interrupt,
    ) -> Result<Self, MediaError> {
        const STREAM: &str = "stream=index,codec_type,codec_name,width,height,pix_fmt,color_space,\
             color_range,time_base,sample_aspect_ratio:stream_disposition=attached_pic:\
             stream_side_data=rotation:stream_tags=rotate:packet=stream_index,pts,duration,flags";
        let file = (path, bytes);
        let mut answer = ffmpeg.ask(file, &params.limits, interrupt, STREAM, &["-show_packets"])?;
        let audio = answer.streams.iter().any(|s| s.codec_type == "audio");
        let is_video = |s: &StreamEntry| s.codec_type == "video" && s.disposition.attached_pic == 0;
        let video = answer.streams.iter().position(is_video);
        let video = video.map(|place| answer.streams.swap_remove(place));
        let video = video.ok_or_else(|| MediaError::NoPicture {
            path: path.to_owned(),
            what: if audio {
                "sound only"
            } else {
                "no video stream"
            }
            .to_owned(),
        })?;
        params
            .limits
            .check_pixels(path, video.width, video.height)?;
        let mut packets = answer.packets;
        packets.retain(|packet| packet.stream_index == video.index);
        // VP8 has packets that are not shown, which only decoding tells.
        if video.codec_name == "vp8" || packets.iter().any(|packet| packet.pts.is_none()) {
            let chosen = format!("{}", video.index);
            let more = ["-show_frames", "-select_streams", &chosen];
            let entries = "frame=best_effort_timestamp,duration,pkt_duration";
            packets = ffmpeg
                .ask(file, &params.limits, interrupt, entries, &more)?
                .frames;
        }
        packets.retain(|packet| !packet.flags.discarded);
        params.limits.check_frames(path, packets.len() as u64)?;
        let malformed = |what: &str| MediaError::Malformed {
            path: path.to_owned(),
            what: what.to_owned(),
        };
        let time = |packet: &PacketEntry| packet.pts.or(packet.best_effort_timestamp);
        packets.sort_by_key(time);
        let times: Option<Vec<i64>> = packets.iter().map(time).collect();
        let times = times.ok_or_else(|| malformed("some of its frames have no time"))?;
        let last = packets.last().map_or(0, |p| p.duration.max(p.pkt_duration));
        let base = video.time_base.split_once('/');
        let base = base.and_then(|(a, b)| Some((a.parse::<i64>().ok()?, b.parse::<u64>().ok()?)));
        let (unit, per_second) = base.ok_or_else(|| malformed("its clock has no ticks"))?;
        let scaled = times.iter().map(|time| time.saturating_mul(unit)).collect();
        let timeline = Timeline::new(per_second, scaled, last.saturating_mul(unit))
            .ok_or_else(|| malformed("it has no frames with times"))?;
        let colour = Colour {
            matrix: match video.color_space.as_str() {
                "bt709" => Matrix::Bt709,
                "bt2020nc" | "bt2020c" => Matrix::Bt2020,
                _ => Matrix::Bt601,
            },
            full_range: matches!(video.color_range.as_str(), "pc" | "full"),
        };
        let layout = Layout::of(&video.pix_fmt, colour);
        // ffprobe counts the display matrix counter-clockwise, the old tag clockwise.
        let tagged = video.tags.rotate.parse::<i64>().unwrap_or(0);
        let side = video.side_data_list.iter().find(|side| side.rotation != 0);
        let rotation = Rotation::of_degrees(side.map_or(tagged, |side| -side.rotation));
        let (width, height) = rotation.turn((video.width, video.height));
        let aspect = video.sample_aspect_ratio.split_once(':');
        let aspect = aspect.and_then(|(h, v)| Some((h.parse().ok()?, v.parse().ok()?)));
        let info = MediaInfo {
            container,
            codec: video.codec_name,
            width,
            height,
            duration: 0.0,
            frames: 0,
            rate: None,
            rotation,
            pixel_aspect: aspect.and_then(not_square),
            colour: match layout {
                Layout::Planes { colour, .. } => Some(colour),
                Layout::Rgb => None,
            },
            audio,
            bytes,
        };
        Ok(Self {
            info: info.timed(&timeline),
            path: path.to_owned(),
            ffmpeg: ffmpeg.clone(),
            params: params.clone(),
            index: video.index,
            stream: Stream {
                size: (video.width, video.height),
                layout,
            },
            times,
            timeline,
        })
    }
}

impl FrameSource for ForeignClip {
    fn info(&self) -> &MediaInfo {
        &self.info
    }

    fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    fn decoder(&self, _wanted: &[usize]) -> Decoder {
        Decoder::Ffmpeg(self.ffmpeg.version())
    }

    fn decode(
        &mut self,
        wanted: &[usize],
        interrupt: &Interrupt,
        each: &mut Each<'_>,
    ) -> Result<Said, MediaError> {
        let runs = runs(wanted, |frame| self.times[frame]);
        let input = Input::File(self.index);
        let what = (self.path.as_path(), &input, &self.stream);
        let complaints =
            self.ffmpeg
                .decode(what, (&runs, wanted.len()), &self.params, interrupt, each)?;
        Ok(Said {
            decoder: self.decoder(wanted),
            complaints,
        })
    }
}
