//! Planes to red, green and blue of each pixel.
//!
//! Written once and compiled for each instruction set: integers only, so all of them give the same bits.

#![allow(unsafe_code)]

use emotome_lanes::{InstructionSet, Lanes, Task};

use crate::picture::{Colour, Subsampling};

/// Pixels that are computed side by side.
const STRIP: usize = 32;

/// Brightness and colour to red, green and blue, in 16 bits with 5 after the point.
///
/// Products are the upper halves of 16 × 16 bits, which every vector unit has; what they drop is under a
/// sixteenth of a step in all, so that a value differs from the exact one by at most 1.
#[derive(Clone, Copy)]
pub(crate) struct Converter {
    /// Subtracted from brightness.
    black: i16,
    luma: i16,
    red_of_v: i16,
    green_of_u: i16,
    green_of_v: i16,
    blue_of_u: i16,
}

/// The upper half of a product.
#[inline(always)]
fn upper(a: i16, b: i16) -> i16 {
    ((i32::from(a) * i32::from(b)) >> 16) as i16
}

#[inline(always)]
fn value(sum: i16) -> u8 {
    (sum >> 5).clamp(0, 255) as u8
}

impl Converter {
    pub(crate) fn new(colour: Colour) -> Self {
        let (red, blue) = colour.matrix.weights();
        let green = 1.0 - red - blue;
        let (black, luma, chroma) = if colour.full_range {
            (0, 1.0, 1.0)
        } else {
            (16, 255.0 / 219.0, 255.0 / 224.0)
        };
        // Brightness comes in 7 bits after the point, colour in 8; 5 are left of the upper half.
        let of_luma = |value: f64| (value * f64::from(1 << 14)).round() as i16;
        let of_chroma = |value: f64| (value * chroma * f64::from(1 << 13)).round() as i16;
        Self {
            black,
            luma: of_luma(luma),
            red_of_v: of_chroma(2.0 * (1.0 - red)),
            green_of_u: of_chroma(2.0 * (1.0 - blue) * blue / green),
            green_of_v: of_chroma(2.0 * (1.0 - red) * red / green),
            blue_of_u: of_chroma(2.0 * (1.0 - blue)),
        }
    }

    /// Brightness, and as many pairs of colour.
    pub(crate) fn whole(self, y: &[u8], pairs: &[u8]) -> Vec<u8> {
        run(Whole {
            converter: self,
            y,
            pairs,
        })
    }

    /// Planes as they were decoded; colour between its samples is interpolated linearly.
    pub(crate) fn subsampled(
        self,
        planes: [&[u8]; 3],
        (width, _): (u32, u32),
        subsampling: Subsampling,
    ) -> Vec<u8> {
        run(Subsampled {
            converter: self,
            planes,
            width: width as usize,
            subsampling,
        })
    }

    /// A row of pixels; `u` and `v` less their middle with 3 bits after the point.
    #[inline(always)]
    fn row(self, y: &[u8], u: &[i16], v: &[i16], rgb: &mut [u8]) {
        let (strips, rest) = y.as_chunks::<STRIP>();
        let (us, u_rest) = u[..y.len()].as_chunks::<STRIP>();
        let (vs, v_rest) = v[..y.len()].as_chunks::<STRIP>();
        let (outs, out_rest) = rgb.as_chunks_mut::<{ 3 * STRIP }>();
        for i in 0..strips.len() {
            self.strip(&strips[i], &us[i], &vs[i], &mut outs[i]);
        }
        if rest.is_empty() {
            return;
        }
        let (mut y, mut u, mut v) = ([0; STRIP], [0; STRIP], [0; STRIP]);
        y[..rest.len()].copy_from_slice(rest);
        u[..rest.len()].copy_from_slice(u_rest);
        v[..rest.len()].copy_from_slice(v_rest);
        let mut out = [0; 3 * STRIP];
        self.strip(&y, &u, &v, &mut out);
        out_rest.copy_from_slice(&out[..out_rest.len()]);
    }

    #[inline(always)]
    fn strip(self, y: &[u8; STRIP], u: &[i16; STRIP], v: &[i16; STRIP], rgb: &mut [u8; 3 * STRIP]) {
        let [mut red, mut green, mut blue] = [[0_u8; STRIP]; 3];
        for i in 0..STRIP {
            let bright = upper((i16::from(y[i]) - self.black) << 7, self.luma) + 16;
            let (u, v) = (u[i] << 5, v[i] << 5);
            red[i] = value(bright + upper(v, self.red_of_v));
            green[i] = value(bright - upper(u, self.green_of_u) - upper(v, self.green_of_v));
            blue[i] = value(bright + upper(u, self.blue_of_u));
        }
        // A loop of its own, which compilers turn into shuffles.
        for i in 0..STRIP {
            rgb[3 * i] = red[i];
            rgb[3 * i + 1] = green[i];
            rgb[3 * i + 2] = blue[i];
        }
    }
}

fn run<T: Task>(task: T) -> T::Output {
    // SAFETY: the set was detected, and the tasks here demand nothing else.
    unsafe { InstructionSet::detect().run(task) }
}

struct Whole<'a> {
    converter: Converter,
    y: &'a [u8],
    pairs: &'a [u8],
}

impl Task for Whole<'_> {
    type Output = Vec<u8>;

    #[inline(always)]
    unsafe fn run<V: Lanes>(self) -> Vec<u8> {
        const PART: usize = 32 * STRIP;
        let mut rgb = vec![0; 3 * self.y.len()];
        let (mut us, mut vs) = ([0_i16; PART], [0_i16; PART]);
        let parts = self.y.chunks(PART).zip(self.pairs.chunks(2 * PART));
        for ((y, pairs), rgb) in parts.zip(rgb.chunks_mut(3 * PART)) {
            for ((u, v), pair) in us.iter_mut().zip(&mut vs).zip(pairs.as_chunks::<2>().0) {
                *u = (i16::from(pair[0]) - 128) << 3;
                *v = (i16::from(pair[1]) - 128) << 3;
            }
            self.converter.row(y, &us, &vs, rgb);
        }
        rgb
    }
}

struct Subsampled<'a> {
    converter: Converter,
    planes: [&'a [u8]; 3],
    width: usize,
    subsampling: Subsampling,
}

impl Task for Subsampled<'_> {
    type Output = Vec<u8>;

    #[inline(always)]
    unsafe fn run<V: Lanes>(self) -> Vec<u8> {
        let ([y, u, v], width) = (self.planes, self.width);
        let Subsampling { across, down } = self.subsampling;
        let columns = width.div_ceil(across as usize);
        let rows = u.len() / columns;
        let mut rgb = vec![0; 3 * y.len()];
        let mut blended = vec![0_i16; columns];
        let mut wide = [vec![0_i16; 2 * columns], vec![0_i16; 2 * columns]];
        for (row, (y, rgb)) in y.chunks(width).zip(rgb.chunks_mut(3 * width)).enumerate() {
            // Three quarters of the row of colour on which the pixel lies and one of the next nearest.
            let (near, next) = match (down, row % 2) {
                (1, _) => (row, row),
                (_, 0) => (row / 2, (row / 2).saturating_sub(1)),
                _ => (row / 2, (row / 2 + 1).min(rows - 1)),
            };
            for (wide, plane) in wide.iter_mut().zip([u, v]) {
                let near = &plane[near * columns..][..columns];
                let next = &plane[next * columns..][..columns];
                for i in 0..columns {
                    blended[i] = 3 * i16::from(near[i]) + i16::from(next[i]) - 4 * 128;
                }
                if across == 1 {
                    for i in 0..columns {
                        wide[i] = 2 * blended[i];
                    }
                    continue;
                }
                let (pairs, _) = wide.as_chunks_mut::<2>();
                let last = columns - 1;
                for i in 0..last {
                    pairs[i] = [2 * blended[i], blended[i] + blended[i + 1]];
                }
                pairs[last] = [2 * blended[last]; 2];
            }
            self.converter.row(y, &wide[0], &wide[1], rgb);
        }
        rgb
    }
}
