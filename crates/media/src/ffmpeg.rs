//! The program ffmpeg, for everything that is not built in and where it takes less work. The one step to install
//! it is [`INSTALL_FFMPEG`](crate::error::INSTALL_FFMPEG).
//!
//! It runs as a process of its own, without a shell, may open files or its standard input and nothing else
//! (`-protocol_whitelist`), of formats that hold their pictures themselves. Paths are given whole and behind
//! `file:`, so that a name cannot be taken for an option or an address. ffmpeg hands over the planes as they were
//! coded; conversion and resizing are ours, so that its version changes them as little as the format allows. Frames
//! are picked by their times, and their number is checked.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};

use emotome_stimuli::run::Interrupt;

use crate::error::MediaError;
use crate::nal::to_8_bits;
use crate::picture::{Colour, Picture, Subsampling};
use crate::program::{Feed, in_folders, run};
use crate::reader::Params;
use crate::source::Each;

/// Demuxers that may be tried: those of single files. Playlists and scripts (hls, concat, image2, lavfi) name
/// other files or wait for addresses.
pub(crate) const FORMATS: &str = "matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,avi,flv,live_flv,mpeg,mpegvideo,mpegts,ogg,asf,\
     ivf,obu,h264,hevc,m4v,yuv4mpegpipe,nut,mxf,dv,rm,swf,wtv,gif,apng,webp_pipe,jpegxl_pipe,tiff_pipe,bmp_pipe";

/// The programs, which are asked for their version when they are first needed: that costs as much as decoding
/// some frames.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    folders: Vec<PathBuf>,
    found: Arc<OnceLock<Option<Ffmpeg>>>,
}

impl Programs {
    /// Programs in these folders, the first that holds them.
    pub(crate) fn within(folders: Vec<PathBuf>) -> Self {
        Self {
            folders,
            found: Arc::default(),
        }
    }

    /// Programs on the search path.
    pub(crate) fn on_path() -> Self {
        let path = std::env::var_os("PATH").unwrap_or_default();
        Self::within(std::env::split_paths(&path).collect())
    }

    /// No program.
    pub(crate) fn none() -> Self {
        Self::within(Vec::new())
    }

    pub(crate) fn get(&self) -> Option<&Ffmpeg> {
        let found = self.found.get_or_init(|| Ffmpeg::find(&self.folders));
        found.as_ref()
    }
}

/// The two programs.
#[derive(Debug, Clone)]
pub(crate) struct Ffmpeg {
    ffmpeg: PathBuf,
    pub(crate) ffprobe: PathBuf,
    version: String,
    /// Frames are passed on untouched by `-fps_mode` from 5.1 on, by `-vsync` before.
    untouched: &'static str,
}

/// What ffmpeg reads.
pub(crate) enum Input<'a> {
    /// The file, and the number of the stream in it.
    File(usize),
    /// FLV with one stream.
    Fed(&'a Feed<'a>),
}

/// A stream and how its pictures are handed over.
pub(crate) struct Stream {
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
    pub(crate) fn of(format: &str, colour: Colour) -> Self {
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

    /// The format they come in, which copies planes least often: YUV4MPEG2, each picture after a line of its own, and
    /// raw for what it does not know.
    fn wrapping(self) -> &'static str {
        match self {
            Self::Planes { .. } => "yuv4mpegpipe",
            Self::Rgb => "rawvideo",
        }
    }

    /// Bytes of each plane.
    fn planes(self, size: (u32, u32)) -> [usize; 3] {
        let area = |(width, height): (u32, u32)| width as usize * height as usize;
        match self {
            Self::Rgb => [3 * area(size), 0, 0],
            Self::Planes {
                subsampling, bits, ..
            } => {
                let chroma = area(subsampling.chroma(size));
                let bytes = if bits > 8 { 2 } else { 1 };
                [bytes * area(size), bytes * chroma, bytes * chroma]
            }
        }
    }
}

impl Ffmpeg {
    fn find(folders: &[PathBuf]) -> Option<Self> {
        let [ffmpeg, ffprobe] = ["ffmpeg", "ffprobe"].map(|name| in_folders(folders, name));
        let (ffmpeg, ffprobe) = (ffmpeg?, ffprobe?);
        let mut command = Command::new(&ffmpeg);
        command.arg("-version");
        let said = run(command, (&ffmpeg, 20), &Interrupt::default(), None, |out| {
            let mut text = Vec::new();
            out.take(1 << 16).read_to_end(&mut text).map(|_| text)
        });
        let said = said.ok()?.made.ok()?;
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
        (path, input, stream): (&Path, &Input<'_>, &Stream),
        (runs, count): (&[(i64, i64)], usize),
        params: &Params,
        interrupt: &Interrupt,
        each: &mut Each<'_>,
    ) -> Result<Option<String>, MediaError> {
        let mut command = Command::new(&self.ffmpeg);
        command.args(["-nostdin", "-hide_banner", "-v", "error", "-copyts"]);
        command.args(["-threads", &params.ffmpeg_threads.to_string()]);
        command.args(["-noautorotate", "-format_whitelist", FORMATS]);
        let (map, feed) = match input {
            Input::File(stream) => {
                command.args(["-protocol_whitelist", "file", "-i"]);
                command.arg(address(path));
                (format!("0:{stream}"), None)
            }
            Input::Fed(feed) => {
                // What the parameters tell suffices: with no picture looked at beforehand, none is decoded twice. That
                // none is lost where they do not tell how far pictures are reordered needs a strict reading.
                command.args(["-probesize", "32", "-analyzeduration", "0", "-strict", "1"]);
                command.args(["-protocol_whitelist", "pipe", "-f", "flv", "-i", "pipe:0"]);
                ("0:0".to_owned(), Some(*feed))
            }
        };
        // Times that cannot coincide on any clock, since ffmpeg complains of equal ones.
        let picked = format!("select='{}',setpts=100*N/TB", picked(runs));
        command.args(["-map", &map, "-vf", &picked]);
        command.args([self.untouched, "passthrough"]);
        command.args(["-frames:v", &count.to_string()]);
        let wrapping = stream.layout.wrapping();
        command.args(["-f", wrapping, "-pix_fmt", &stream.layout.name()]);
        command.args(["-strict", "-1", "pipe:1"]);
        let program = format!("ffmpeg {}", self.version);
        let undecodable = |what: String| MediaError::Undecodable {
            path: path.to_owned(),
            decoder: program.clone(),
            what,
        };
        let mut got = 0;
        let ran = run(
            command,
            (path, params.limits.max_seconds),
            interrupt,
            feed,
            |out| {
                let Some(head) = stream.begin(out).map_err(&undecodable)? else {
                    return Ok::<(), MediaError>(());
                };
                let mut picture = vec![0; head.len() + stream.bytes()];
                for place in 0..count {
                    if out.read_exact(&mut picture).is_err() {
                        break;
                    }
                    let planes = picture
                        .strip_prefix(head)
                        .ok_or_else(|| undecodable("it hands over no pictures".to_owned()))?;
                    each(place, stream.picture(planes))?;
                    got += 1;
                }
                Ok(())
            },
        )?;
        ran.made?;
        if got < count {
            // What ffmpeg did not read is no fault of the clip.
            match ran.fed {
                Err(MediaError::Io { .. }) | Ok(()) => {}
                Err(fault) => return Err(fault),
            }
            let said = ran
                .complaints
                .unwrap_or_else(|| "it gave no reason".to_owned());
            return Err(undecodable(format!(
                "{got} of {count} frames came ({said})"
            )));
        }
        Ok(ran.complaints)
    }
}

impl Stream {
    /// Reads what comes before the first picture and returns what comes before each; nothing if nothing comes.
    fn begin(&self, out: &mut dyn Read) -> Result<Option<&'static [u8]>, String> {
        const LONGEST: usize = 512;
        let Layout::Planes { subsampling, .. } = self.layout else {
            return Ok(Some(b""));
        };
        // Byte by byte, so that nothing of the picture behind it is taken.
        let (mut line, mut byte) = (Vec::new(), [0]);
        while line.len() < LONGEST && out.read_exact(&mut byte).is_ok() && byte != *b"\n" {
            line.extend(byte);
        }
        if line.is_empty() {
            return Ok(None);
        }
        let line = String::from_utf8_lossy(&line);
        let mut words = line.split(' ');
        let colour = match (subsampling.across, subsampling.down) {
            (2, 2) => "C420",
            (2, _) => "C422",
            _ => "C444",
        };
        let known = words.next() == Some("YUV4MPEG2");
        let (width, height) = (format!("W{}", self.size.0), format!("H{}", self.size.1));
        let words: Vec<&str> = words.collect();
        let sized = [width, height]
            .iter()
            .all(|size| words.contains(&size.as_str()));
        if known && sized && words.iter().any(|word| word.starts_with(colour)) {
            return Ok(Some(b"FRAME\n"));
        }
        let (width, height) = self.size;
        let found: String = line.chars().filter(|c| !c.is_control()).take(100).collect();
        Err(format!(
            "it hands over {found:?} instead of planes {colour} of {width}×{height}"
        ))
    }

    fn bytes(&self) -> usize {
        self.layout.planes(self.size).iter().sum()
    }

    fn picture<'a>(&self, bytes: &'a [u8]) -> Picture<'a> {
        let [y, u, _] = self.layout.planes(self.size);
        match self.layout {
            Layout::Rgb => Picture::Rgb {
                size: self.size,
                pixels: bytes.into(),
            },
            Layout::Planes {
                subsampling,
                bits,
                colour,
            } => Picture::Planes {
                size: self.size,
                subsampling,
                colour,
                planes: [&bytes[..y], &bytes[y..y + u], &bytes[y + u..]].map(|plane| match bits {
                    8 => plane.into(),
                    bits => to_8_bits(plane, bits).into(),
                }),
            },
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
pub(crate) fn address(path: &Path) -> std::ffi::OsString {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut address = std::ffi::OsString::from("file:");
    address.push(absolute);
    address
}
