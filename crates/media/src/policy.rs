//! Which frames of a clip are taken, and at what size.

use std::fmt;
use std::str::FromStr;

use fast_image_resize::FilterType;
use serde::{Deserialize, Serialize};

/// When the frames of a clip are shown: ticks of a clock, ascending, the first at 0.
///
/// Frame *i* is on screen from `starts[i]` until the next one; the last until `end`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeline {
    ticks_per_second: u64,
    starts: Vec<i64>,
    end: i64,
}

impl Timeline {
    /// A timeline of the given times in ticks of any origin: they are sorted and moved so that the first is 0.
    ///
    /// `last` is how long the last frame stays; where nothing says so (0), as long as the one before it.
    /// Without a frame or a clock there is no timeline.
    #[must_use]
    pub fn new(ticks_per_second: u64, mut starts: Vec<i64>, last: i64) -> Option<Self> {
        starts.sort_unstable();
        let origin = *starts.first()?;
        // Times so far apart that they overflow come from damaged files.
        let span = starts.last()?.checked_sub(origin)?;
        if ticks_per_second == 0 || span > i64::MAX / 4 {
            return None;
        }
        starts.iter_mut().for_each(|start| *start -= origin);
        let before = starts.windows(2).last().map_or(0, |pair| pair[1] - pair[0]);
        let last = if last > 0 { last } else { before };
        let end = span.checked_add(last.min(i64::MAX / 4))?;
        Some(Self {
            ticks_per_second,
            starts,
            end,
        })
    }

    /// The number of frames, at least 1.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.starts.len()
    }

    /// Seconds from the first frame to the end of the last; 0 for a still.
    #[must_use]
    pub fn duration(&self) -> f64 {
        self.end as f64 / self.ticks_per_second as f64
    }

    /// When a frame appears, in seconds after the first.
    ///
    /// # Panics
    /// If there is no such frame.
    #[must_use]
    pub fn start(&self, frame: usize) -> f64 {
        self.starts[frame] as f64 / self.ticks_per_second as f64
    }

    /// The frame on screen at `numerator / denominator` of the duration.
    fn at_share(&self, numerator: u64, denominator: u64) -> usize {
        let end = self.end as i128 * i128::from(numerator);
        let shown = |&start: &i64| i128::from(start) * i128::from(denominator) <= end;
        self.starts.partition_point(shown).max(1) - 1
    }

    /// The slot of a rate in which a time falls, rounded to the nearest, halves up.
    fn slot(&self, ticks: i64, rate: Rate) -> i128 {
        let (p, q) = (
            i128::from(ticks) * i128::from(rate.frames),
            i128::from(self.ticks_per_second) * i128::from(rate.seconds),
        );
        (2 * p + q).div_euclid(2 * q)
    }
}

/// Frames per time: `2`, `0.5`, `29.97` or `30000/1001` frames a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Rate {
    frames: u32,
    seconds: u32,
}

impl Rate {
    /// `frames` in `seconds`, both at least 1.
    ///
    /// # Errors
    /// [`PolicyError::Rate`] otherwise.
    pub fn new(frames: u32, seconds: u32) -> Result<Self, PolicyError> {
        if frames == 0 || seconds == 0 {
            return Err(PolicyError::Rate {
                found: format!("{frames}/{seconds}"),
            });
        }
        Ok(Self { frames, seconds })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.seconds {
            1 => write!(f, "{}", self.frames),
            _ => write!(f, "{}/{}", self.frames, self.seconds),
        }
    }
}

impl FromStr for Rate {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        let fault = || PolicyError::Rate {
            found: text.to_owned(),
        };
        let whole = |digits: &str| digits.parse::<u32>().map_err(|_| fault());
        if let Some((frames, seconds)) = text.split_once('/') {
            return Self::new(whole(frames)?, whole(seconds)?).map_err(|_| fault());
        }
        let (units, decimals) = text.split_once('.').unwrap_or((text, ""));
        let scale = u32::try_from(decimals.len())
            .ok()
            .and_then(|n| 10_u32.checked_pow(n))
            .ok_or_else(fault)?;
        if !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(fault());
        }
        let frames = whole(&format!("{units}{decimals}"))?;
        let common = gcd(frames, scale).max(1);
        Self::new(frames / common, scale / common).map_err(|_| fault())
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

impl TryFrom<String> for Rate {
    type Error = PolicyError;

    fn try_from(text: String) -> Result<Self, PolicyError> {
        text.parse()
    }
}

impl From<Rate> for String {
    fn from(rate: Rate) -> Self {
        rate.to_string()
    }
}

/// The times at which frames are taken. Times count from the first frame, *D* is the duration.
///
/// | rule | frames |
/// |---|---|
/// | `Uniform(k)` | those on screen at the centres of *k* equal parts, *D*·(2*i*+1)/(2*k*) |
/// | `Fps(f)` | for each slot *n* the last whose start, times *f* and rounded to the nearest whole, halves up, is at most *n*, for *n* below *D*·*f* rounded likewise: those of ffmpeg's `fps` filter |
/// | `Every` | all |
///
/// A frame that would be taken twice (a rate above the clip's own, a long still passage) is taken once, and
/// at least one frame is always taken, where ffmpeg's filter takes none of a clip under half a slot. The last
/// frame lasts as long as the file says; ffmpeg guesses that from the frame rate, so that at an irregular
/// rate its filter may take one frame less at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum At {
    /// A number of frames, spread over the clip.
    Uniform(usize),
    /// Frames at a rate.
    Fps(Rate),
    /// Every frame.
    Every,
}

/// The size of the frames taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Size {
    /// As in the clip.
    Original,
    /// The longer side at most so many pixels, the other in proportion (rounded, at least 1); never enlarged.
    Longest(u32),
    /// Just this width and height; the proportions of the clip are not kept.
    Exact(u32, u32),
}

impl Size {
    /// The width and height that a picture of the given ones gets.
    #[must_use]
    pub fn of(self, width: u32, height: u32) -> (u32, u32) {
        match self {
            Self::Exact(width, height) => (width, height),
            Self::Longest(longest) if longest < width.max(height) => {
                let scaled = |side: u32| {
                    let (side, long) = (u64::from(side), u64::from(width.max(height)));
                    let scaled = (2 * side * u64::from(longest) + long) / (2 * long);
                    u32::try_from(scaled).unwrap_or(longest).max(1)
                };
                (scaled(width), scaled(height))
            }
            Self::Original | Self::Longest(_) => (width, height),
        }
    }
}

/// How pictures are resized: a convolution whose width grows with the reduction, so that nothing aliases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Filter {
    /// Means of the pixels covered.
    Box,
    /// A triangle.
    Bilinear,
    /// Catmull–Rom, the bicubic filter of Pillow and of the usual image processors of vision models.
    #[default]
    Bicubic,
    /// Lanczos with three lobes.
    Lanczos,
}

impl Filter {
    pub(crate) const fn kernel(self) -> FilterType {
        match self {
            Self::Box => FilterType::Box,
            Self::Bilinear => FilterType::Bilinear,
            Self::Bicubic => FilterType::CatmullRom,
            Self::Lanczos => FilterType::Lanczos3,
        }
    }
}

/// Which frames are taken of a clip.
///
/// | field | default | allowed |
/// |---|---|---|
/// | `at` | `Uniform(3)`, as many as the published prompts show | counts from 1 |
/// | `max_frames` | 64 | 1 – 2,048 |
/// | `size` | `Longest(448)` | 1 – 8,192 pixels a side |
/// | `filter` | `Bicubic` | |
///
/// Where `at` gives more than `max_frames` frames, those at the centres of `max_frames` equal parts of the
/// list are kept, and [`Selection::chosen`] says of how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct FramePolicy {
    /// When.
    pub at: At,
    /// How many at most.
    pub max_frames: usize,
    /// How large.
    pub size: Size,
    /// Resized how.
    pub filter: Filter,
}

impl Default for FramePolicy {
    fn default() -> Self {
        Self {
            at: At::Uniform(3),
            max_frames: 64,
            size: Size::Longest(448),
            filter: Filter::Bicubic,
        }
    }
}

/// The largest side that a frame can be resized to.
const MAX_SIDE: u32 = 8_192;
/// The most frames that can be taken of a clip.
const MAX_FRAMES: usize = 2_048;

impl FramePolicy {
    /// Checks the fields against the table.
    ///
    /// # Errors
    /// [`PolicyError`] names the field that is out of range.
    ///
    /// ```
    /// use emotome_media::policy::{At, FramePolicy, Timeline};
    /// let policy = FramePolicy { at: At::Uniform(3), ..FramePolicy::default() }.check()?;
    /// // Six seconds at 25 frames a second: the frames on screen at 1, 3 and 5 s.
    /// let clip = Timeline::new(25, (0..150).collect(), 1).unwrap();
    /// assert_eq!(policy.select(&clip).frames, [25, 75, 125]);
    /// # Ok::<(), emotome_media::policy::PolicyError>(())
    /// ```
    pub fn check(self) -> Result<CheckedPolicy, PolicyError> {
        let count = |field, found: usize, most: usize| {
            if (1..=most).contains(&found) {
                Ok(())
            } else {
                Err(PolicyError::Range {
                    field,
                    found: found as u64,
                    most: most as u64,
                })
            }
        };
        if let At::Uniform(k) = self.at {
            count("at.uniform", k, MAX_FRAMES)?;
        }
        count("max-frames", self.max_frames, MAX_FRAMES)?;
        let sides = match self.size {
            Size::Original => [1, 1],
            Size::Longest(side) => [side, side],
            Size::Exact(width, height) => [width, height],
        };
        for side in sides {
            count("size", side as usize, MAX_SIDE as usize)?;
        }
        Ok(CheckedPolicy(self))
    }
}

/// A policy whose fields are in range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct CheckedPolicy(FramePolicy);

impl CheckedPolicy {
    /// Its fields.
    #[must_use]
    pub const fn get(&self) -> &FramePolicy {
        &self.0
    }

    /// The frames of a clip that the policy takes; O(*frames*).
    #[must_use]
    pub fn select(&self, clip: &Timeline) -> Selection {
        let mut frames: Vec<usize> = match self.0.at {
            At::Uniform(k) => (0..k as u64)
                .map(|part| clip.at_share(2 * part + 1, 2 * k as u64))
                .collect(),
            At::Fps(rate) => at_rate(clip, rate),
            At::Every => (0..clip.frames()).collect(),
        };
        frames.dedup();
        let (chosen, most) = (frames.len(), self.0.max_frames);
        if chosen > most {
            frames = (0..most)
                .map(|part| frames[(2 * part + 1) * chosen / (2 * most)])
                .collect();
        }
        Selection { frames, chosen }
    }
}

/// The frames shown in the slots of a rate, each once. A slot shows the last frame at or before it, so a
/// frame is shown in some slot unless the next one falls into the same, or it begins after the end.
fn at_rate(clip: &Timeline, rate: Rate) -> Vec<usize> {
    let slot = |frame: usize| clip.slot(clip.starts[frame], rate);
    let end = clip.slot(clip.end, rate);
    let mut frames: Vec<usize> = (0..clip.frames())
        .filter(|&frame| slot(frame) < end)
        .filter(|&frame| frame + 1 == clip.frames() || slot(frame + 1) > slot(frame))
        .collect();
    if frames.is_empty() {
        frames.push(0);
    }
    frames
}

/// The frames taken of a clip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// Their numbers, counted from 0, strictly ascending; at least one.
    pub frames: Vec<usize>,
    /// How many there were before `max_frames` thinned them.
    pub chosen: usize,
}

/// Why a policy cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// A number is out of range.
    #[error("{field} is {found}; expected a number from 1 to {most}")]
    Range {
        /// The field.
        field: &'static str,
        /// What was found.
        found: u64,
        /// The largest number allowed.
        most: u64,
    },
    /// The text is no rate.
    #[error(
        "{found:?} is no frame rate; expected frames a second, such as 2, 0.5 or 30000/1001, above 0"
    )]
    Rate {
        /// The text.
        found: String,
    },
}
