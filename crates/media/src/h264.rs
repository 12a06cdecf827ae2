//! H.264 in MP4, decoded in the process or by ffmpeg, whichever takes less work.
//!
//! Both are given the same samples and give the same planes, because H.264 prescribes every bit; conversion and resizing are ours in
//! either case. So which of them decoded changes the time and not the frames, and it is recorded.
//!
//! Either is given as little as is exact: from the last picture before a wanted one that
//! begins a coded video sequence (IDR, which clears all references), and without the pictures in between
//! that no other refers to (`nal_ref_idc` 0). Keyframes that are no IDR are no safe beginning, since
//! pictures shown before them may refer further back.

use std::fs::File;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use emotome_stimuli::run::Interrupt;
use rust_h264::decoder::{ChromaFormat, Decoder as H264Decoder, Frame};
use rust_h264::nal::{NalUnitType, SpsInfo, parse_avcc_config, parse_sps_info};

use crate::error::MediaError;
use crate::ffmpeg::{Ffmpeg, Input, Layout, Programs, Stream, runs};
use crate::flv;
use crate::mp4::{Mp4, Sample, seek_read};
use crate::nal::{is_reference, kind, nal, parameter_sets, pixel_aspect, to_8_bits, units};
use crate::picture::{Colour, Matrix, Picture, Subsampling};
use crate::policy::Timeline;
use crate::reader::{DecoderChoice, Params};
use crate::source::{Container, Decoder, Each, FrameSource, MediaInfo, Said, not_square};

/// Slices of one picture. The standard's levels allow fewer; the decoder copies the picture for each.
const MAX_SLICES: usize = 512;
/// Reference pictures that the standard allows.
const MAX_REFERENCES: u32 = 16;

/// Macroblocks from which on ffmpeg takes less work, starting it included. It decides the decoder and nothing else.
const WORTH_STARTING: u64 = 60_000;

/// An H.264 clip in an MP4 file.
pub(crate) struct H264Clip {
    path: PathBuf,
    file: File,
    samples: Vec<Sample>,
    /// The samples shown, in the order of showing.
    order: Vec<usize>,
    /// The places of all samples in the order of their times.
    ranks: Vec<u32>,
    info: MediaInfo,
    timeline: Timeline,
    config: Config,
    programs: Programs,
    params: Params,
}

/// What the decoder is set up with.
struct Config {
    /// Bytes of the length before each unit.
    length_bytes: usize,
    /// The decoder configuration (avcC) and the parameter sets in it.
    record: Vec<u8>,
    sets: Vec<Vec<u8>>,
    /// The size and kind of pictures.
    sps: SpsInfo,
    colour: Colour,
    /// Shape of a pixel as the parameters state it.
    aspect: Option<(u32, u32)>,
}

/// Why a clip is not for this decoder.
pub(crate) enum Unfit {
    /// ffmpeg may know it.
    NotBuiltIn(String),
    /// Nobody should try.
    Fault(MediaError),
}

impl H264Clip {
    /// Takes a clip whose headers were read.
    pub(crate) fn new(
        (path, file, bytes): (PathBuf, File, u64),
        (mp4, movie_ticks): (Mp4, u32),
        (programs, params): (Programs, Params),
    ) -> Result<Self, Unfit> {
        let video = mp4.video;
        if !matches!(video.format.as_str(), "avc1" | "avc3") {
            return Err(Unfit::NotBuiltIn(format!("{} in MP4", video.format)));
        }
        let fault = |what: String| {
            Unfit::Fault(MediaError::Malformed {
                path: path.clone(),
                what,
            })
        };
        let config = Config::read(&video.config, video.colour).map_err(&fault)?;
        let sps = config.sps;
        fits(&sps).map_err(Unfit::NotBuiltIn)?;
        params
            .limits
            .check_pixels(&path, sps.coded_width, sps.coded_height)
            .map_err(Unfit::Fault)?;
        let shown = video.shown(movie_ticks).map_err(Unfit::NotBuiltIn)?;
        let mut order: Vec<usize> = (0..video.samples.len()).collect();
        order.sort_by_key(|&sample| video.samples[sample].time);
        let mut ranks = vec![0; order.len()];
        for (rank, &sample) in (0..).zip(&order) {
            ranks[sample] = rank;
        }
        order.retain(|&sample| (shown.from..shown.until).contains(&video.samples[sample].time));
        let last = order
            .last()
            .map_or(0, |&sample| video.samples[sample].ticks);
        let times = order.iter().map(|&sample| video.samples[sample].time);
        let timeline = Timeline::new(
            u64::from(video.ticks_per_second),
            times.collect(),
            i64::from(last),
        )
        .ok_or_else(|| fault("its edit list shows none of its frames".to_owned()))?;
        let (width, height) = video.rotation.turn((sps.width, sps.height));
        let info = MediaInfo {
            container: Container::Mp4,
            codec: "h264".to_owned(),
            width,
            height,
            duration: 0.0,
            frames: 0,
            rate: None,
            rotation: video.rotation,
            pixel_aspect: video.pixel_aspect.or(config.aspect).and_then(not_square),
            colour: Some(config.colour),
            audio: mp4.audio,
            bytes,
        };
        Ok(Self {
            info: info.timed(&timeline),
            path,
            file,
            samples: video.samples,
            order,
            ranks,
            timeline,
            config,
            programs,
            params,
        })
    }

    /// Whether ffmpeg is there and would take less work for these frames.
    fn by_ffmpeg(&self, wanted: &[usize]) -> Option<&Ffmpeg> {
        let worth = match self.params.decoder {
            DecoderChoice::BuiltIn => false,
            DecoderChoice::Ffmpeg => true,
            DecoderChoice::Auto => {
                let sps = &self.config.sps;
                let blocks = u64::from(sps.coded_width) * u64::from(sps.coded_height) / 256;
                blocks * self.stretches(wanted) >= WORTH_STARTING
            }
        };
        if worth { self.programs.get() } else { None }
    }

    /// The samples from keyframes to the wanted frames that follow.
    fn stretches(&self, wanted: &[usize]) -> u64 {
        let mut samples: Vec<usize> = wanted.iter().map(|&frame| self.order[frame]).collect();
        samples.sort_unstable();
        let (mut sum, mut next) = (0, 0);
        for sample in samples {
            let from = (next..=sample).rev().find(|&s| self.samples[s].key);
            sum += sample + 1 - from.unwrap_or(next);
            next = sample + 1;
        }
        sum as u64
    }

    fn undecodable(&self, sample: usize, what: &str) -> MediaError {
        MediaError::Undecodable {
            path: self.path.clone(),
            decoder: Decoder::H264.to_string(),
            what: format!("sample {sample} (counted from 0): {what}"),
        }
    }

    /// Goes through the samples that the wanted frames need, in the order of decoding: number, bytes, units, and
    /// the place among `wanted`, if it is.
    fn walk(
        &self,
        wanted: &[usize],
        interrupt: &Interrupt,
        step: &mut Step<'_>,
    ) -> Result<(), MediaError> {
        let mut goals: Vec<(usize, usize)> = wanted
            .iter()
            .enumerate()
            .map(|(place, &frame)| (self.order[frame], place))
            .collect();
        goals.sort_unstable();
        let (mut next, mut coded) = (0, Vec::new());
        for (goal, place) in goals {
            next = self.beginning(next, goal, &mut coded)?;
            for sample in next..=goal {
                if interrupt.requested() {
                    return Err(MediaError::Interrupted);
                }
                self.load(sample, &mut coded)?;
                let units = units(&coded, self.config.length_bytes)
                    .map_err(|what| self.undecodable(sample, &what))?;
                if sample == goal || is_reference(&units) {
                    let place = (sample == goal).then_some(place);
                    step((sample, place), &coded, &units)?;
                }
            }
            next = goal + 1;
        }
        Ok(())
    }

    /// The sample to go on with towards `goal`: the last IDR picture from `next` on, or `next` itself.
    fn beginning(
        &self,
        next: usize,
        goal: usize,
        coded: &mut Vec<u8>,
    ) -> Result<usize, MediaError> {
        for sample in (next..=goal).rev() {
            if !self.samples[sample].key {
                continue;
            }
            self.load(sample, coded)?;
            let units = units(coded, self.config.length_bytes)
                .map_err(|what| self.undecodable(sample, &what))?;
            if units.iter().any(|unit| kind(unit) == 5) {
                return Ok(sample);
            }
        }
        Ok(next)
    }

    fn load(&self, sample: usize, coded: &mut Vec<u8>) -> Result<(), MediaError> {
        let Sample { offset, bytes, .. } = self.samples[sample];
        // Samples lie within the file: their places were checked when its headers were read.
        coded.resize(bytes as usize, 0);
        seek_read(&mut &self.file, offset, coded)
            .map_err(|_| self.undecodable(sample, "its bytes cannot be read"))
    }

    fn decode_built_in(
        &self,
        wanted: &[usize],
        interrupt: &Interrupt,
        each: &mut Each<'_>,
    ) -> Result<(), MediaError> {
        let mut decoder = self.fresh_decoder()?;
        self.walk(wanted, interrupt, &mut |(sample, place), _, units| {
            let frame = self.decode_sample(&mut decoder, units, sample)?;
            match place {
                Some(place) => each(place, self.picture(frame, sample)?),
                None => Ok(()),
            }
        })
    }

    fn fresh_decoder(&self) -> Result<H264Decoder, MediaError> {
        let mut decoder = H264Decoder::new();
        let sets: Vec<&[u8]> = self.config.sets.iter().map(Vec::as_slice).collect();
        self.feed(&mut decoder, &sets, 0)?;
        Ok(decoder)
    }

    fn decode_sample(
        &self,
        decoder: &mut H264Decoder,
        units: &[&[u8]],
        sample: usize,
    ) -> Result<Frame, MediaError> {
        self.feed(decoder, units, sample)?;
        let frame = guarded(|| decoder.flush())
            .and_then(|frame| frame.ok_or_else(|| "it holds no picture".to_owned()))
            .map_err(|what| self.undecodable(sample, &what))?;
        match missing(&frame) {
            0 => Ok(frame),
            blocks => {
                let what = format!("{blocks} of its macroblocks are missing or damaged");
                Err(self.undecodable(sample, &what))
            }
        }
    }

    fn feed(
        &self,
        decoder: &mut H264Decoder,
        units: &[&[u8]],
        sample: usize,
    ) -> Result<(), MediaError> {
        let fault = |what: &str| self.undecodable(sample, what);
        let slices = units.iter().filter(|unit| matches!(kind(unit), 1 | 5));
        if slices.count() > MAX_SLICES {
            return Err(fault("it has more slices than any level allows"));
        }
        for unit in units {
            let nal = nal(unit);
            if nal.nal_unit_type == NalUnitType::Sps {
                let sps = guarded(|| parse_sps_info(&nal)).map_err(|what| fault(&what))?;
                let sps = sps.map_err(|error| fault(&error.to_string()))?;
                let ours = &self.config.sps;
                if (sps.coded_width, sps.coded_height) != (ours.coded_width, ours.coded_height)
                    || fits(&sps).is_err()
                {
                    return Err(fault("its pictures change their size"));
                }
            }
            guarded(|| decoder.decode_nal(&nal))
                .and_then(|decoded| decoded.map(drop).map_err(|error| error.to_string()))
                .map_err(|what| fault(&what))?;
        }
        Ok(())
    }

    fn picture(&self, frame: Frame, sample: usize) -> Result<Picture<'static>, MediaError> {
        let sps = &self.config.sps;
        if (frame.width, frame.height) != (sps.width, sps.height) {
            return Err(self.undecodable(sample, "it holds one field of a picture"));
        }
        let planes = [frame.y, frame.u, frame.v];
        Ok(Picture::Planes {
            size: (frame.width, frame.height),
            subsampling: Subsampling {
                across: 2,
                down: match frame.chroma_format {
                    ChromaFormat::Yuv420 => 2,
                    ChromaFormat::Yuv422 => 1,
                },
            },
            colour: self.config.colour,
            planes: planes.map(|plane| match frame.bit_depth {
                8 => plane.into(),
                bits => to_8_bits(&plane, bits).into(),
            }),
        })
    }

    /// Has ffmpeg decode the samples that are needed, timed by their ranks.
    fn decode_by_ffmpeg(
        &self,
        ffmpeg: &Ffmpeg,
        wanted: &[usize],
        interrupt: &Interrupt,
        each: &mut Each<'_>,
    ) -> Result<Option<String>, MediaError> {
        let sps = &self.config.sps;
        let stream = Stream {
            size: (sps.width, sps.height),
            layout: Layout::Planes {
                subsampling: Subsampling {
                    across: 2,
                    down: if sps.chroma_format == 2 { 1 } else { 2 },
                },
                bits: sps.bit_depth_luma as u8,
                colour: self.config.colour,
            },
        };
        // Decoded at its number, a sample is shown so much later than at its rank that none is shown before.
        let places = (0..).zip(&self.ranks);
        let delay = places.map(|(n, rank): (u32, _)| n.saturating_sub(*rank));
        let delay = delay.max().unwrap_or(0);
        let feed = |out: &mut dyn Write| {
            let io = |source| MediaError::Io {
                path: self.path.clone(),
                source,
            };
            flv::begin(out, &self.config.record).map_err(io)?;
            self.walk(wanted, interrupt, &mut |(sample, _), coded, _| {
                let times = (sample as u32, self.ranks[sample] + delay);
                let tag = flv::picture(times, self.samples[sample].key, coded.len());
                let tag = tag.ok_or_else(|| self.undecodable(sample, "it has over 16 MB"))?;
                tag.write(out, coded).map_err(io)
            })
        };
        let runs = runs(wanted, |frame| {
            i64::from(self.ranks[self.order[frame]] + delay)
        });
        let what = (self.path.as_path(), &Input::Fed(&feed), &stream);
        ffmpeg.decode(what, (&runs, wanted.len()), &self.params, interrupt, each)
    }
}

/// Takes a sample: its number, its place among those wanted, its bytes and the units in them.
type Step<'a> = dyn FnMut((usize, Option<usize>), &[u8], &[&[u8]]) -> Result<(), MediaError> + 'a;

impl FrameSource for H264Clip {
    fn info(&self) -> &MediaInfo {
        &self.info
    }

    fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    fn decoder(&self, wanted: &[usize]) -> Decoder {
        self.by_ffmpeg(wanted)
            .map_or(Decoder::H264, |ffmpeg| Decoder::Ffmpeg(ffmpeg.version()))
    }

    fn decode(
        &mut self,
        wanted: &[usize],
        interrupt: &Interrupt,
        each: &mut Each<'_>,
    ) -> Result<Said, MediaError> {
        let decoder = self.decoder(wanted);
        let complaints = match self.by_ffmpeg(wanted) {
            Some(ffmpeg) => self.decode_by_ffmpeg(ffmpeg, wanted, interrupt, each)?,
            None => {
                self.decode_built_in(wanted, interrupt, each)?;
                None
            }
        };
        Ok(Said {
            decoder,
            complaints,
        })
    }
}

impl Config {
    fn read(avcc: &[u8], colour: Option<(u16, bool)>) -> Result<Self, String> {
        let config = guarded(|| parse_avcc_config(avcc).map(|config| config.length_size))?;
        let length_bytes = config.map_err(str::to_owned)?;
        let sets: Vec<Vec<u8>> = parameter_sets(avcc)?;
        let sps = sets
            .iter()
            .find(|unit| kind(unit) == 7)
            .ok_or("its decoder configuration (avcC) has no sequence parameters")?;
        let aspect = pixel_aspect(sps);
        let sps = guarded(|| parse_sps_info(&nal(sps)))?.map_err(|error| error.to_string())?;
        let stated = (sps.matrix != 2).then_some((u16::from(sps.matrix), sps.full_range));
        let (matrix, full_range) = stated.or(colour).unwrap_or((2, sps.full_range));
        Ok(Self {
            length_bytes,
            record: avcc.to_vec(),
            sets,
            sps,
            aspect,
            colour: Colour {
                matrix: Matrix::of_code(matrix),
                full_range: full_range || sps.full_range,
            },
        })
    }
}

/// Macroblocks that were not decoded. The decoder does not tell when a slice ends early or a later slice of a
/// picture cannot be decoded, but begins with planes of zeros: no colour has brightness 0 and both others 0, and what
/// is beside changes no more than three pixels from an edge.
fn missing(frame: &Frame) -> usize {
    let bytes = frame.bytes_per_sample();
    let shift = match frame.chroma_format {
        ChromaFormat::Yuv420 => 1,
        ChromaFormat::Yuv422 => 0,
    };
    // The middle of a macroblock: 8 × 8 of brightness, 4 wide of colour.
    let empty = |plane: &[u8], row: usize, width: usize, x: usize, span: usize| {
        let from = (row * width + x) * bytes;
        plane[from..from + span * bytes]
            .iter()
            .all(|&byte| byte == 0)
    };
    let (width, height) = (frame.width as usize, frame.height as usize);
    let mut missing = 0;
    for y in (4..height.saturating_sub(7)).step_by(16) {
        for x in (4..width.saturating_sub(7)).step_by(16) {
            let colour =
                |plane: &[u8]| (y..y + 8).all(|y| empty(plane, y >> shift, width / 2, x / 2, 4));
            let bright = |y| empty(&frame.y, y, width, x, 8);
            let none = (y..y + 8).all(bright) && colour(&frame.u) && colour(&frame.v);
            missing += usize::from(none);
        }
    }
    missing
}

/// Whether the built-in decoder knows pictures of this kind; in words, what it does not.
fn fits(sps: &SpsInfo) -> Result<(), String> {
    if sps.chroma_format > 2 {
        return Err("H.264 with 4:4:4 colour".to_owned());
    }
    let depths = (sps.bit_depth_luma, sps.bit_depth_chroma);
    if !matches!(depths, (8, 8) | (10, 10)) {
        return Err(format!("H.264 of {} bits", sps.bit_depth_luma));
    }
    if sps.reference_frames > MAX_REFERENCES {
        return Err(format!(
            "H.264 with {} reference pictures",
            sps.reference_frames
        ));
    }
    if sps.width == 0 || sps.height == 0 {
        return Err("H.264 with empty pictures".to_owned());
    }
    if !sps.width.is_multiple_of(2) || !sps.height.is_multiple_of(2) {
        return Err("H.264 of odd width or height".to_owned());
    }
    Ok(())
}

/// Calls the decoder, which indexes by numbers from the stream: what it panics over is damaged.
fn guarded<T>(call: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        format!(
            "the stream is damaged ({})",
            text.unwrap_or("no reason given")
        )
    })
}
