//! The programs ffmpeg and ffprobe, for everything that is not built in. The one step to install them is
//! [`INSTALL_FFMPEG`](crate::error::INSTALL_FFMPEG).
//!
//! They run as processes of their own, without a shell, with nothing on their standard input, may open
//! files and nothing else (`-protocol_whitelist file`), of formats that hold their pictures themselves, and are ended when their time is up or the user
//! asks to stop. Paths are given whole and behind `file:`, so that a name cannot be taken for an option or
//! an address. ffmpeg hands over the planes as they were coded; conversion and resizing are ours, so that
//! its version changes them as little as H.264 allows. Frames are picked by their times, and their number
//! is checked.

use std::io::{Read, Take};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use emotome_stimuli::run::Interrupt;
use serde::Deserialize;

use crate::error::MediaError;
use crate::h264::to_8_bits;
use crate::picture::{Colour, Matrix, Picture, Rotation, Subsampling};
use crate::policy::Timeline;
use crate::reader::{Limits, Params};
use crate::source::{Container, Decoder, Each, FrameSource, MediaInfo, Said};

/// Bytes of complaints that are kept.
const MAX_COMPLAINTS: u64 = 1 << 16;
/// Bytes that ffprobe may print for a frame of any stream, and beside.
const LISTED: u64 = 160;
const LISTED_BESIDE: u64 = 1 << 20;
/// Rows of sound that may stand beside a frame of video.
const SOUND_PER_FRAME: u64 = 16;
/// Demuxers that may be tried: those of single files. Playlists and scripts (hls, concat, image2, lavfi) name
/// other files or wait for addresses.
const FORMATS: &str = "matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,avi,flv,live_flv,mpeg,mpegvideo,mpegts,ogg,asf,\
     ivf,obu,h264,hevc,m4v,yuv4mpegpipe,nut,mxf,dv,rm,swf,wtv,gif,apng,webp_pipe,jpegxl_pipe,tiff_pipe,bmp_pipe";
/// How often a running program is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// The two programs.
#[derive(Debug, Clone)]
pub(crate) struct Ffmpeg {
    ffmpeg: PathBuf,
    ffprobe: PathBuf,
    version: String,
    /// Frames are passed on untouched by `-fps_mode` from 5.1 on, by `-vsync` before.
    untouched: &'static str,
}

/// A stream and how its pictures are handed over.
pub(crate) struct Stream {
    /// Its number in the file; the first video stream where none is given.
    pub(crate) index: Option<usize>,
    pub(crate) size: (u32, u32),
    pub(crate) layout: Layout,
}

/// How the bytes of a picture lie.
#[derive(Clone, Copy)]
pub(crate) enum Layout {
    Planes {
        subsampling: Subsampling,
        bits: u8,
        colour: Colour,
    },
    Rgb,
}

impl Layout {
    /// The layout that a pixel format is handed over in: its own, if it has three planes of 8 or 10 bits,
    /// otherwise RGB as ffmpeg converts it. Transparency is left out.
    fn of(format: &str, colour: Colour) -> Self {
        let plain = format.replace("yuvj", "yuv").replace("yuva", "yuv");
        let (sampling, bits) = match plain.strip_suffix("10le") {
            Some(sampling) => (sampling, 10),
            None => (plain.as_str(), 8),
        };
        let (across, down) = match sampling {
            "yuv420p" => (2, 2),
            "yuv422p" => (2, 1),
            "yuv444p" => (1, 1),
            _ => return Self::Rgb,
        };
        Self::Planes {
            subsampling: Subsampling { across, down },
            bits,
            colour: Colour {
                full_range: colour.full_range || format.starts_with("yuvj"),
                ..colour
            },
        }
    }

    fn name(self) -> String {
        match self {
            Self::Rgb => "rgb24".to_owned(),
            Self::Planes {
                subsampling, bits, ..
            } => {
                let sampling = match (subsampling.across, subsampling.down) {
                    (2, 2) => "yuv420p",
                    (2, _) => "yuv422p",
                    _ => "yuv444p",
                };
                format!("{sampling}{}", if bits > 8 { "10le" } else { "" })
            }
        }
    }

    /// Bytes of each plane.
    fn planes(self, size: (u32, u32)) -> Vec<usize> {
        let area = |(width, height): (u32, u32)| width as usize * height as usize;
        match self {
            Self::Rgb => vec![3 * area(size)],
            Self::Planes {
                subsampling, bits, ..
            } => {
                let chroma = area(subsampling.chroma(size));
                let bytes = if bits > 8 { 2 } else { 1 };
                vec![bytes * area(size), bytes * chroma, bytes * chroma]
            }
        }
    }
}

impl Ffmpeg {
    /// Looks for both programs on the search path and asks ffmpeg for its version.
    pub(crate) fn find() -> Option<Self> {
        let [ffmpeg, ffprobe] = ["ffmpeg", "ffprobe"].map(on_path);
        let (ffmpeg, ffprobe) = (ffmpeg?, ffprobe?);
        let mut command = Command::new(&ffmpeg);
        command.arg("-version");
        let said = run(command, (&ffmpeg, 20), &Interrupt::default(), |out| {
            let mut text = Vec::new();
            out.take(1 << 16).read_to_end(&mut text).map(|_| text)
        });
        let said = said.ok()?.0.ok()?;
        let text = String::from_utf8_lossy(&said);
        let version = text
            .strip_prefix("ffmpeg version ")?
            .split_whitespace()
            .next()?;
        let mut numbers = version.trim_start_matches('n').split(['.', '-']);
        let mut number = || numbers.next().and_then(|n| n.parse::<u32>().ok());
        // Builds from the repository are called N-123456; they are newer than what has -vsync only.
        let old = number().is_some_and(|major| (major, number().unwrap_or(0)) < (5, 1));
        Some(Self {
            ffmpeg,
            ffprobe,
            version: version.to_owned(),
            untouched: if old { "-vsync" } else { "-fps_mode" },
        })
    }

    pub(crate) fn version(&self) -> String {
        self.version.clone()
    }

    /// Decodes `count` frames of a stream, those whose times lie in `runs`, in ticks of the stream.
    pub(crate) fn decode(
        &self,
        (path, stream): (&Path, &Stream),
        (runs, count): (&[(i64, i64)], usize),
        params: &Params,
        interrupt: &Interrupt,
        each: &mut Each<'_>,
    ) -> Result<Option<String>, MediaError> {
        let mut command = Command::new(&self.ffmpeg);
        command.args(["-nostdin", "-hide_banner", "-v", "error", "-copyts"]);
        command.args(["-threads", &params.ffmpeg_threads.to_string()]);
        command.args(["-noautorotate", "-protocol_whitelist", "file"]);
        command.args(["-format_whitelist", FORMATS]);
        command.arg("-i").arg(address(path));
        let map = stream
            .index
            .map_or("0:v:0".to_owned(), |index| format!("0:{index}"));
        command.args(["-map", &map, "-vf", &format!("select='{}'", picked(runs))]);
        command.args([self.untouched, "passthrough"]);
        command.args(["-frames:v", &count.to_string()]);
        command.args([
            "-f",
            "rawvideo",
            "-pix_fmt",
            &stream.layout.name(),
            "pipe:1",
        ]);
        let program = format!("ffmpeg {}", self.version);
        let undecodable = |what: String| MediaError::Undecodable {
            path: path.to_owned(),
            decoder: program.clone(),
            what,
        };
        let mut got = 0;
        let (taken, complaints) = run(
            command,
            (path, params.limits.max_seconds),
            interrupt,
            |out| {
                for place in 0..count {
                    let mut planes = Vec::new();
                    for bytes in stream.layout.planes(stream.size) {
                        let mut plane = Vec::with_capacity(bytes);
                        match out.take(bytes as u64).read_to_end(&mut plane) {
                            Ok(n) if n == bytes => planes.push(plane),
                            _ => return Ok::<(), MediaError>(()),
                        }
                    }
                    let fault = "it hands over no planes";
                    let picture = stream
                        .picture(planes)
                        .ok_or_else(|| undecodable(fault.to_owned()))?;
                    each(place, picture)?;
                    got += 1;
                }
                Ok(())
            },
        )?;
        taken?;
        if got < count {
            let said = complaints.unwrap_or_else(|| "it gave no reason".to_owned());
            return Err(undecodable(format!(
                "{got} of {count} frames came ({said})"
            )));
        }
        Ok(complaints)
    }

    /// Asks ffprobe for the streams and for the times of the frames.
    fn ask(
        &self,
        path: &Path,
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
        let most = LISTED_BESIDE + limits.max_frames as u64 * LISTED * SOUND_PER_FRAME;
        let (text, complaints) = run(command, (path, limits.max_seconds), interrupt, |out| {
            let mut text = Vec::new();
            out.take(most).read_to_end(&mut text).map(|_| text)
        })?;
        let undecodable = |what: String| MediaError::Undecodable {
            path: path.to_owned(),
            decoder: format!("ffprobe {}", self.version),
            what,
        };
        let text = text.map_err(|error| undecodable(error.to_string()))?;
        serde_json::from_slice(&text)
            .ok()
            .filter(|answer: &Answer| !answer.streams.is_empty() || !answer.frames.is_empty())
            .ok_or_else(|| {
                undecodable(complaints.unwrap_or_else(|| "it lists no stream".to_owned()))
            })
    }
}

impl Stream {
    fn picture(&self, planes: Vec<Vec<u8>>) -> Option<Picture> {
        match self.layout {
            Layout::Rgb => Some(Picture::Rgb {
                size: self.size,
                pixels: planes.into_iter().next()?,
            }),
            Layout::Planes {
                subsampling,
                bits,
                colour,
            } => {
                let planes: [Vec<u8>; 3] = planes.try_into().ok()?;
                Some(Picture::Planes {
                    size: self.size,
                    subsampling,
                    colour,
                    planes: if bits > 8 {
                        planes.map(|plane| to_8_bits(&plane, bits))
                    } else {
                        planes
                    },
                })
            }
        }
    }
}

/// The filter that lets the frames pass whose times lie in one of these runs, ascending and apart: a tree of
/// comparisons, since ffmpeg follows a flat sum of them to a depth of 100 only.
fn picked(runs: &[(i64, i64)]) -> String {
    match runs {
        [] => "0".to_owned(),
        [(first, last)] if first == last => format!("eq(pts,{first})"),
        [(first, last)] => format!("between(pts,{first},{last})"),
        _ => {
            let (before, after) = runs.split_at(runs.len() / 2);
            format!(
                "if(lt(pts,{}),{},{})",
                after[0].0,
                picked(before),
                picked(after)
            )
        }
    }
}

/// The runs of neighbours among the frames wanted, as first and last times.
pub(crate) fn runs(wanted: &[usize], time: impl Fn(usize) -> i64) -> Vec<(i64, i64)> {
    wanted
        .chunk_by(|before, after| before + 1 == *after)
        .map(|run| (time(run[0]), time(run[run.len() - 1])))
        .collect()
}

/// A path that is neither option nor address.
fn address(path: &Path) -> std::ffi::OsString {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut address = std::ffi::OsString::from("file:");
    address.push(absolute);
    address
}

/// The first program of a name on the search path; relative entries of it are not trusted.
fn on_path(name: &str) -> Option<PathBuf> {
    let name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    std::env::split_paths(&std::env::var_os("PATH")?)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(&name))
        .find(|program| program.is_file())
}

/// Runs a program, hands its output to `read`, and returns what that made of it, with its complaints.
///
/// When the program exits with an error after `read` has all it wants, the complaints say so; nothing else
/// is made of it, since ffmpeg is cut off on purpose.
fn run<T>(
    mut command: Command,
    (path, seconds): (&Path, u64),
    interrupt: &Interrupt,
    read: impl FnOnce(&mut dyn Read) -> T,
) -> Result<(T, Option<String>), MediaError> {
    let program = PathBuf::from(command.get_program());
    let io = |source| MediaError::Io {
        path: program.clone(),
        source,
    };
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(io)?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (Some(mut stdout), Some(stderr)) = (stdout, stderr) else {
        return Err(io(std::io::ErrorKind::BrokenPipe.into()));
    };
    let child = Mutex::new(child);
    let late = AtomicBool::new(false);
    let (done, finished) = channel::<()>();
    let (made, complaints) = thread::scope(|scope| {
        let complaints = scope.spawn(|| kept(stderr.take(MAX_COMPLAINTS)));
        let (late, child) = (&late, &child);
        scope.spawn(move || {
            let begun = Instant::now();
            while let Err(RecvTimeoutError::Timeout) = finished.recv_timeout(LOOK) {
                if interrupt.requested() || begun.elapsed() >= Duration::from_secs(seconds) {
                    late.store(true, Ordering::Relaxed);
                    break;
                }
            }
            end(child);
        });
        let made = read(&mut stdout);
        drop(stdout);
        drop(done);
        (made, complaints.join().unwrap_or_default())
    });
    if interrupt.requested() {
        return Err(MediaError::Interrupted);
    }
    if late.load(Ordering::Relaxed) {
        return Err(MediaError::TimedOut {
            path: path.to_owned(),
            program: program.display().to_string(),
            seconds,
        });
    }
    Ok((made, complaints))
}

/// Ends a program if it has not ended.
fn end(child: &Mutex<Child>) {
    let mut child = child.lock().unwrap_or_else(PoisonError::into_inner);
    // It has ended by itself when this fails; either way nothing is left to wait for long.
    let _ = child.kill();
    let _ = child.wait();
}

/// The last lines of complaints, in one line without control characters.
fn kept(mut from: Take<impl Read>) -> Option<String> {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes).ok()?;
    // What is beyond is read and dropped, so that the program is not blocked.
    std::io::copy(&mut from.into_inner(), &mut std::io::sink()).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let last = lines[lines.len().saturating_sub(3)..].join("; ");
    let clean: String = last.chars().filter(|c| !c.is_control()).take(500).collect();
    (!clean.is_empty()).then_some(clean)
}

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
    flags: String,
}

/// A file that ffmpeg decodes.
pub(crate) struct ForeignClip {
    path: PathBuf,
    ffmpeg: Ffmpeg,
    params: Params,
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
        let mut answer = ffmpeg.ask(path, &params.limits, interrupt, STREAM, &["-show_packets"])?;
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
                .ask(path, &params.limits, interrupt, entries, &more)?
                .frames;
        }
        packets.retain(|packet| !packet.flags.contains('D'));
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
            pixel_aspect: aspect.filter(|(h, v): &(u32, u32)| h != v && *h > 0 && *v > 0),
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
            stream: Stream {
                index: Some(video.index),
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
        let what = (self.path.as_path(), &self.stream);
        let complaints =
            self.ffmpeg
                .decode(what, (&runs, wanted.len()), &self.params, interrupt, each)?;
        Ok(Said {
            decoder: self.decoder(wanted),
            complaints,
        })
    }
}
