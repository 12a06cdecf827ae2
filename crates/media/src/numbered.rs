//! Clips whose every frame shows its number: what a server counts of them is what it saw.
//!
//! Numbers are drawn as seven-segment digits, white on one of eight colours, so that neither a model nor a
//! test needs a font. [`CLIPS`] are the same as H.264 in MP4, made once by `tests/fixtures/generate_numbered.sh`.

use crate::picture::Frame;

/// A clip of the frames 1 to `frames`, [`SIDE`] × [`SIDE`] pixels, as an MP4 file.
#[derive(Debug, Clone, Copy)]
pub struct NumberedClip {
    /// Frames.
    pub frames: u32,
    /// Frames in a second.
    pub rate: u32,
    /// The file.
    pub mp4: &'static [u8],
}

/// Width and height of the frames of [`CLIPS`] in pixels.
pub const SIDE: u32 = 224;

/// Clips of 8, 16 and 64 frames, ascending.
///
/// The first two show a frame a second: servers that take so many frames a clip or so many frames a second take
/// all of these, so that their tokens differ by those of eight frames. The last shows eight frames a second, of
/// which such servers take 32, or two a second, or whatever they are set to: how many, its tokens tell.
pub const CLIPS: [NumberedClip; 3] = [
    NumberedClip {
        frames: 8,
        rate: 1,
        mp4: include_bytes!("numbered_8.mp4"),
    },
    NumberedClip {
        frames: 16,
        rate: 1,
        mp4: include_bytes!("numbered_16.mp4"),
    },
    NumberedClip {
        frames: 64,
        rate: 8,
        mp4: include_bytes!("numbered_64.mp4"),
    },
];

/// Backgrounds, dark enough for white digits.
const COLOURS: [[u8; 3]; 8] = [
    [20, 20, 20],
    [150, 20, 20],
    [20, 110, 20],
    [20, 20, 160],
    [120, 80, 10],
    [110, 20, 120],
    [10, 100, 110],
    [90, 90, 90],
];

/// Segments of the digits: top, upper left, upper right, middle, lower left, lower right, bottom.
const SEGMENTS: [[u8; 7]; 10] = [
    [1, 1, 1, 0, 1, 1, 1],
    [0, 0, 1, 0, 0, 1, 0],
    [1, 0, 1, 1, 1, 0, 1],
    [1, 0, 1, 1, 0, 1, 1],
    [0, 1, 1, 1, 0, 1, 0],
    [1, 1, 0, 1, 0, 1, 1],
    [1, 1, 0, 1, 1, 1, 1],
    [1, 0, 1, 0, 0, 1, 0],
    [1, 1, 1, 1, 1, 1, 1],
    [1, 1, 1, 1, 0, 1, 1],
];

/// A square frame that shows `number`.
///
/// ```
/// use emotome_media::numbered::numbered;
/// let frames: Vec<_> = (1..=8).map(|number| numbered(number, 224)).collect();
/// assert!(frames.iter().all(|frame| frame.width == 224));
/// ```
#[must_use]
pub fn numbered(number: u32, side: u32) -> Frame {
    let mut frame = Frame::filled(side, side, COLOURS[number as usize % COLOURS.len()]);
    let digits: Vec<usize> = number
        .to_string()
        .bytes()
        .map(|digit| usize::from(digit - b'0'))
        .collect();
    // A digit is 4 units wide and 7 high, with 1 between digits and 1 around.
    let units = (5 * digits.len() + 1).max(9);
    let unit = side as usize / units;
    let left = (side as usize - unit * (5 * digits.len() - 1)) / 2;
    let top = (side as usize - unit * 7) / 2;
    for (place, &digit) in digits.iter().enumerate() {
        let x = left + 5 * unit * place;
        // Left, top, width and height of the segments in units.
        let bars = [
            (0, 0, 4, 1),
            (0, 0, 1, 4),
            (3, 0, 1, 4),
            (0, 3, 4, 1),
            (0, 3, 1, 4),
            (3, 3, 1, 4),
            (0, 6, 4, 1),
        ];
        for ((dx, dy, width, height), on) in bars.into_iter().zip(SEGMENTS[digit]) {
            for row in 0..height * unit * usize::from(on) {
                let y = top + dy * unit + row;
                let at = 3 * (y * side as usize + x + dx * unit);
                frame.rgb[at..at + 3 * width * unit].fill(255);
            }
        }
    }
    frame
}
