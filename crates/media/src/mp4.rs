//! MP4 and QuickTime files: which bytes are which frame, and when it is shown (ISO/IEC 14496-12).
//!
//! Read by hand, because a sample table is trusted input to the crates at hand: they index by numbers
//! from the file and take memory as it says. Here only the headers are read, every count is held against
//! the bytes there are, and the samples stay in the file until they are wanted.

mod fragment;

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use crate::picture::Rotation;

/// Why the headers cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// They cannot be right.
    Malformed(String),
    /// They list more frames than allowed.
    TooMany(u64),
}

impl From<String> for Fault {
    fn from(what: String) -> Self {
        Self::Malformed(what)
    }
}

impl From<&str> for Fault {
    fn from(what: &str) -> Self {
        Self::Malformed(what.to_owned())
    }
}

/// The headers of a file together: a second of video needs about a kilobyte.
const MAX_HEADERS: u64 = 256 << 20;
/// Boxes at one level.
const MAX_BOXES: usize = 1 << 20;

/// A file as far as frames need it.
#[derive(Debug)]
pub(crate) struct Mp4 {
    /// The first video track with samples.
    pub(crate) video: Track,
    /// Whether there is a track of sound.
    pub(crate) audio: bool,
}

/// A video track.
#[derive(Debug, Default)]
pub(crate) struct Track {
    id: u32,
    /// The kind of sample, e.g. `avc1`.
    pub(crate) format: String,
    /// What the decoder is set up with: the content of `avcC`.
    pub(crate) config: Vec<u8>,
    /// Size of the samples' pictures.
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) ticks_per_second: u32,
    pub(crate) rotation: Rotation,
    /// Shape of a pixel, width to height, as stated.
    pub(crate) pixel_aspect: Option<(u32, u32)>,
    /// Matrix coefficients and full range, as numbered by H.273.
    pub(crate) colour: Option<(u16, bool)>,
    /// Samples in the order of decoding.
    pub(crate) samples: Vec<Sample>,
    /// Edits: duration in movie ticks, time in the media (−1: nothing is shown), normal speed.
    edits: Vec<(u64, i64, bool)>,
    fragment_end: i64,
}

/// The coded bytes of one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) offset: u64,
    pub(crate) bytes: u32,
    /// When it is shown, in ticks of the media.
    pub(crate) time: i64,
    pub(crate) ticks: u32,
    /// Whether decoding can begin with it, as the file says.
    pub(crate) key: bool,
}

/// The part of the media that is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shown {
    /// The first tick.
    pub(crate) from: i64,
    /// The tick after the last.
    pub(crate) until: i64,
}

impl Track {
    /// The part of the media that the edit list shows.
    ///
    /// # Errors
    /// In words, if the list is more than one stretch at normal speed, which no built-in decoder follows.
    pub(crate) fn shown(&self, movie_ticks_per_second: u32) -> Result<Shown, String> {
        let mut stretches = self.edits.iter().filter(|(_, time, _)| *time >= 0);
        let Some(&(duration, from, normal)) = stretches.next() else {
            return Ok(Shown {
                from: i64::MIN,
                until: i64::MAX,
            });
        };
        if !normal || stretches.next().is_some() || movie_ticks_per_second == 0 {
            return Err("an edit list of several stretches or of changed speed".to_owned());
        }
        // Rounded up: a frame that begins within the last tick is shown.
        let ticks = (u128::from(duration) * u128::from(self.ticks_per_second))
            .div_ceil(u128::from(movie_ticks_per_second));
        let until = i64::try_from(ticks)
            .ok()
            .filter(|&ticks| ticks > 0)
            .and_then(|ticks| from.checked_add(ticks))
            .unwrap_or(i64::MAX);
        Ok(Shown { from, until })
    }
}

/// Reads the headers of a file of `len` bytes; at most `max_frames` samples a track are taken.
pub(crate) fn read(file: &mut File, len: u64, max_frames: usize) -> Result<(Mp4, u32), Fault> {
    let mut movie = None;
    let mut fragments = Vec::new();
    let (mut at, mut taken) = (0, 0);
    for _ in 0..MAX_BOXES {
        if at + 8 > len {
            break;
        }
        let (name, head, size) = top_level(file, at, len)?;
        if matches!(&name, b"moov" | b"moof") {
            taken += size;
            if taken > MAX_HEADERS {
                return Err(format!(
                    "its headers have {taken} bytes, at most {MAX_HEADERS} are read"
                )
                .into());
            }
            let mut body = vec![0; (size - head) as usize];
            seek_read(file, at + head, &mut body)?;
            match &name {
                b"moov" => movie = Some(body),
                _ => fragments.push((at, body)),
            }
        }
        at += size;
    }
    let movie = movie.ok_or("there is no movie header (moov): the recording was cut short")?;
    let (mut tracks, mut listed) = (Vec::<Track>::new(), 0);
    let (mut audio, mut movie_ticks, mut defaults) = (false, 0, Vec::new());
    for found in boxes(&movie) {
        let (name, body) = found?;
        match &name {
            b"mvhd" => {
                let at = if body.first() == Some(&1) { 20 } else { 12 };
                movie_ticks = u32_at(body, at)?;
            }
            b"trak" => match track(body, max_frames - listed)? {
                Kind::Video(track) => {
                    listed += track.samples.len();
                    tracks.push(track);
                }
                Kind::Sound => audio = true,
                Kind::Other => {}
            },
            b"mvex" => {
                for inner in boxes(body) {
                    let (name, trex) = inner?;
                    if &name == b"trex" {
                        let field = |i: usize| u32_at(trex, 4 + 4 * i);
                        defaults.push((field(0)?, [field(2)?, field(3)?, field(4)?]));
                    }
                }
            }
            _ => {}
        }
    }
    for (start, body) in &fragments {
        fragment::add(*start, body, &defaults, &mut tracks, max_frames)?;
    }
    let mut tracks = tracks.into_iter();
    let video = tracks.find(|track| !track.samples.is_empty());
    let video = video.ok_or("there is no video track with frames")?;
    if video.ticks_per_second == 0 {
        return Err("its clock has no ticks".into());
    }
    let beyond = |sample: &&Sample| {
        let end = sample.offset.checked_add(u64::from(sample.bytes));
        end.is_none_or(|end| end > len)
    };
    if let Some(sample) = video.samples.iter().find(beyond) {
        return Err(format!(
            "a frame has {} bytes at byte {}, but the file ends at {len}",
            sample.bytes, sample.offset
        )
        .into());
    }
    Ok((Mp4 { video, audio }, movie_ticks))
}

/// Reads at a place.
pub(crate) fn seek_read(
    file: &mut (impl Read + Seek),
    at: u64,
    into: &mut [u8],
) -> Result<(), Fault> {
    file.seek(SeekFrom::Start(at))
        .and_then(|_| file.read_exact(into))
        .map_err(|error| format!("byte {at} cannot be read: {error}").into())
}

/// Name, length of the header and whole length of a box.
fn top_level(file: &mut File, at: u64, len: u64) -> Result<([u8; 4], u64, u64), Fault> {
    let mut header = [0; 16];
    let there = (len - at).min(16) as usize;
    seek_read(file, at, &mut header[..there])?;
    let [a, b, c, d, name @ ..] = *header.first_chunk::<8>().unwrap_or(&[0; 8]);
    let (head, size) = match u32::from_be_bytes([a, b, c, d]) {
        0 => (8, len - at),
        1 => (16, u64_at(&header, 8)?),
        size => (8, u64::from(size)),
    };
    if size < head || size > len - at {
        return Err(format!(
            "box {:?} at byte {at} claims {size} bytes, {} are left: the file is cut short or no MP4",
            String::from_utf8_lossy(&name),
            len - at
        ).into());
    }
    Ok((name, head, size))
}

/// The boxes within a box.
fn boxes(body: &[u8]) -> impl Iterator<Item = Result<([u8; 4], &[u8]), Fault>> {
    let mut rest = body;
    std::iter::from_fn(move || {
        // Some writers end a container with four zero bytes.
        if rest.len() < 8 {
            return None;
        }
        let mut next = || -> Result<_, Fault> {
            let name = *rest[4..].first_chunk::<4>().ok_or("a box has no name")?;
            let (head, size) = match u32_at(rest, 0)? {
                0 => (8, rest.len() as u64),
                1 => (16, u64_at(rest, 8)?),
                size => (8, u64::from(size)),
            };
            let body = usize::try_from(size)
                .ok()
                .and_then(|size| rest.get(head..size))
                .ok_or_else(|| {
                    let name = String::from_utf8_lossy(&name).into_owned();
                    format!("box {name:?} claims {size} bytes, {} are left", rest.len())
                })?;
            rest = &rest[size as usize..];
            Ok((name, body))
        };
        let item = next();
        if item.is_err() {
            rest = &[];
        }
        Some(item)
    })
}

fn bytes_at<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], Fault> {
    bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .copied()
        .ok_or_else(|| format!("a header of {} bytes lacks byte {at}", bytes.len()).into())
}

fn u16_at(bytes: &[u8], at: usize) -> Result<u16, Fault> {
    bytes_at(bytes, at).map(u16::from_be_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Result<u32, Fault> {
    bytes_at(bytes, at).map(u32::from_be_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Result<u64, Fault> {
    bytes_at(bytes, at).map(u64::from_be_bytes)
}

/// The rows of a table: a count at byte 4, then rows of `N` numbers of 32 bits.
fn rows<const N: usize>(body: &[u8]) -> Result<Vec<[u32; N]>, Fault> {
    rows_from(body, 4, 8)
}

fn rows_from<const N: usize>(
    body: &[u8],
    count_at: usize,
    from: usize,
) -> Result<Vec<[u32; N]>, Fault> {
    let count = u32_at(body, count_at)? as usize;
    let cells = body.get(from..).unwrap_or_default();
    if cells.len() / (4 * N) < count {
        return Err(format!(
            "a table claims {count} rows of {} bytes and has {} bytes",
            4 * N,
            cells.len()
        )
        .into());
    }
    let row = |row: &[u8]| {
        let mut numbers = [0; N];
        for (number, cell) in numbers.iter_mut().zip(row.chunks_exact(4)) {
            *number = u32::from_be_bytes([cell[0], cell[1], cell[2], cell[3]]);
        }
        numbers
    };
    Ok(cells.chunks_exact(4 * N).take(count).map(row).collect())
}

enum Kind {
    Video(Track),
    Sound,
    Other,
}

fn track(body: &[u8], max_frames: usize) -> Result<Kind, Fault> {
    let mut track = Track::default();
    let (mut kind, mut media) = ([0; 4], None);
    for found in boxes(body) {
        let (name, body) = found?;
        match &name {
            b"tkhd" => {
                let wide = body.first() == Some(&1);
                track.id = u32_at(body, if wide { 20 } else { 12 })?;
                let matrix = if wide { 52 } else { 40 };
                let entry = |i: usize| u32_at(body, matrix + 4 * i).map(u32::cast_signed);
                track.rotation = Rotation::of_matrix([entry(0)?, entry(1)?, entry(3)?, entry(4)?]);
            }
            b"edts" => {
                for inner in boxes(body) {
                    let (name, list) = inner?;
                    if &name == b"elst" {
                        track.edits = edits(list)?;
                    }
                }
            }
            b"mdia" => media = Some(body),
            _ => {}
        }
    }
    for found in boxes(media.ok_or("a track has no media")?) {
        let (name, body) = found?;
        match &name {
            b"mdhd" => {
                let at = if body.first() == Some(&1) { 20 } else { 12 };
                track.ticks_per_second = u32_at(body, at)?;
            }
            b"hdlr" => kind = bytes_at(body, 8)?,
            b"minf" if &kind == b"vide" => {
                for inner in boxes(body) {
                    let (name, tables) = inner?;
                    if &name == b"stbl" {
                        sample_tables(tables, &mut track, max_frames)?;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(match &kind {
        b"vide" => Kind::Video(track),
        b"soun" => Kind::Sound,
        _ => Kind::Other,
    })
}

fn edits(body: &[u8]) -> Result<Vec<(u64, i64, bool)>, Fault> {
    const NORMAL: u32 = 1 << 16;
    if body.first() == Some(&1) {
        let rows = rows::<5>(body)?.into_iter().map(|[a, b, c, d, speed]| {
            let wide = |high: u32, low: u32| u64::from(high) << 32 | u64::from(low);
            (wide(a, b), wide(c, d).cast_signed(), speed == NORMAL)
        });
        return Ok(rows.collect());
    }
    let rows = rows::<3>(body)?.into_iter().map(|[duration, time, speed]| {
        (
            u64::from(duration),
            i64::from(time.cast_signed()),
            speed == NORMAL,
        )
    });
    Ok(rows.collect())
}

fn sample_tables(body: &[u8], track: &mut Track, max_frames: usize) -> Result<(), Fault> {
    let (mut times, mut shifts, mut chunks) = (Vec::new(), Vec::new(), Vec::new());
    let (mut sizes, mut offsets, mut keys) = ((0, 0, Vec::new()), Vec::new(), None);
    for found in boxes(body) {
        let (name, body) = found?;
        match &name {
            b"stsd" => description(body, track)?,
            b"stts" => times = rows::<2>(body)?,
            b"ctts" => shifts = rows::<2>(body)?,
            b"stsc" => chunks = rows::<3>(body)?,
            b"stss" => keys = Some(rows::<1>(body)?),
            b"stsz" => {
                let (same, count) = (u32_at(body, 4)?, u32_at(body, 8)?);
                let each = if same == 0 {
                    rows_from::<1>(body, 8, 12)?
                } else {
                    Vec::new()
                };
                sizes = (same, count as usize, each);
            }
            b"stco" => {
                offsets = rows::<1>(body)?
                    .into_iter()
                    .map(|[offset]| u64::from(offset))
                    .collect();
            }
            b"co64" => {
                offsets = rows::<2>(body)?
                    .into_iter()
                    .map(|[high, low]| u64::from(high) << 32 | u64::from(low))
                    .collect();
            }
            _ => {}
        }
    }
    let (same, count, each) = sizes;
    within(count, max_frames)?;
    let mut sample = 0;
    let mut runs = chunks.iter().peekable();
    let mut per_chunk = 0;
    let mut places = Vec::with_capacity(count);
    for (chunk, &start) in (1_u32..).zip(&offsets) {
        while let Some([first, per, _]) = runs.next_if(|[first, ..]| *first <= chunk) {
            if *first == 0 {
                return Err("its chunks are not counted from 1".into());
            }
            per_chunk = *per as usize;
        }
        let mut offset = start;
        for _ in 0..per_chunk.min(count - sample) {
            let bytes = each.get(sample).map_or(same, |[bytes]| *bytes);
            places.push((offset, bytes));
            offset = offset.saturating_add(u64::from(bytes));
            sample += 1;
        }
    }
    if sample < count {
        return Err(format!("it lists {count} frames, but places for {sample} only").into());
    }
    let mut ticks = runs_of(&times);
    let mut shifts = runs_of(&shifts);
    let mut now = 0_i64;
    track.samples = places
        .into_iter()
        .map(|(offset, bytes)| {
            let ticks = ticks.next().unwrap_or(0);
            let shift = i64::from(shifts.next().unwrap_or(0).cast_signed());
            let sample = Sample {
                offset,
                bytes,
                time: now.saturating_add(shift),
                ticks,
                key: keys.is_none(),
            };
            now = now.saturating_add(i64::from(ticks));
            sample
        })
        .collect();
    for [key] in keys.into_iter().flatten() {
        let sample = (key as usize).checked_sub(1);
        if let Some(sample) = sample.and_then(|key| track.samples.get_mut(key)) {
            sample.key = true;
        }
    }
    Ok(())
}

fn within(count: usize, max_frames: usize) -> Result<(), Fault> {
    if count > max_frames {
        return Err(Fault::TooMany(count as u64));
    }
    Ok(())
}

/// The values of a table of (repeats, value).
fn runs_of(table: &[[u32; 2]]) -> impl Iterator<Item = u32> {
    table
        .iter()
        .flat_map(|[repeats, value]| std::iter::repeat_n(*value, *repeats as usize))
}

/// Sample entry of a video track: 78 bytes of old fields, then boxes.
fn description(body: &[u8], track: &mut Track) -> Result<(), Fault> {
    let Some(entry) = boxes(body.get(8..).unwrap_or_default()).next() else {
        return Err("it does not say how its frames are coded".into());
    };
    let (format, entry) = entry?;
    if entry.len() < 28 {
        // Not a video entry; the track is left out with its empty sample table.
        return Ok(());
    }
    track.format = String::from_utf8_lossy(&format).trim().to_owned();
    track.width = u32::from(u16_at(entry, 24)?);
    track.height = u32::from(u16_at(entry, 26)?);
    for found in boxes(entry.get(78..).unwrap_or_default()) {
        let Ok((name, body)) = found else {
            // Old QuickTime files end the entry with bytes that are no box.
            break;
        };
        match &name {
            b"avcC" => track.config = body.to_vec(),
            b"pasp" => {
                track.pixel_aspect = Some((u32_at(body, 0)?, u32_at(body, 4)?));
            }
            b"colr" if body.starts_with(b"nclx") => {
                let full = body.get(10).is_some_and(|flags| flags & 0x80 != 0);
                track.colour = Some((u16_at(body, 8)?, full));
            }
            b"colr" if body.starts_with(b"nclc") => {
                track.colour = Some((u16_at(body, 8)?, false));
            }
            _ => {}
        }
    }
    Ok(())
}
