//! One block of each kind. *d*, *e* and *m* are half-precision numbers; *q* are small integers,
//! packed so that one vector instruction unpacks many.

use super::f16_to_f32;

/// The levels of the unevenly spaced kinds.
const LEVELS: [i8; 16] = [
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113,
];

fn half(block: &[u8], at: usize) -> f32 {
    f16_to_f32(u16::from_le_bytes([block[at], block[at + 1]]))
}

/// The 4-bit integers of 16 bytes: the low halves are the first 16 elements.
fn nibbles(bytes: &[u8]) -> [u8; 32] {
    std::array::from_fn(|i| bytes[i % 16] >> (i / 16 * 4) & 15)
}

pub(super) fn q4_0(block: &[u8; 18], out: &mut [f32; 32]) {
    let d = half(block, 0);
    *out = nibbles(&block[2..]).map(|q| d * (f32::from(q) - 8.0));
}

pub(super) fn q4_1(block: &[u8; 20], out: &mut [f32; 32]) {
    let (d, m) = (half(block, 0), half(block, 2));
    *out = nibbles(&block[4..]).map(|q| d * f32::from(q) + m);
}

/// The 5-bit integers whose highest bits stand in the first four bytes.
fn five_bits(bytes: &[u8]) -> [f32; 32] {
    let low = nibbles(&bytes[4..]);
    std::array::from_fn(|i| f32::from(low[i] | (bytes[i / 8] >> (i % 8) & 1) << 4))
}

pub(super) fn q5_0(block: &[u8; 22], out: &mut [f32; 32]) {
    let d = half(block, 0);
    *out = five_bits(&block[2..]).map(|q| d * (q - 16.0));
}

pub(super) fn q5_1(block: &[u8; 24], out: &mut [f32; 32]) {
    let (d, m) = (half(block, 0), half(block, 2));
    *out = five_bits(&block[4..]).map(|q| d * q + m);
}

pub(super) fn q8_0(block: &[u8; 34], out: &mut [f32; 32]) {
    let d = half(block, 0);
    *out = std::array::from_fn(|i| d * f32::from(block[2 + i] as i8));
}

/// In the 2- and 3-bit kinds, 32 bytes hold 128 elements: the lowest two bits of each byte are the
/// first 32, the next two the following 32, and so on.
fn two_bits(bytes: &[u8], i: usize) -> u8 {
    bytes[i / 128 * 32 + i % 32] >> (i / 32 % 4 * 2) & 3
}

pub(super) fn q2_k(block: &[u8; 84], out: &mut [f32; 256]) {
    let (scales, qs) = (&block[..16], &block[16..80]);
    let (d, e) = (half(block, 80), half(block, 82));
    for (group, out) in out.chunks_exact_mut(16).enumerate() {
        let scale = d * f32::from(scales[group] & 15);
        let minimum = e * f32::from(scales[group] >> 4);
        for (i, x) in out.iter_mut().enumerate() {
            *x = scale * f32::from(two_bits(qs, group * 16 + i)) - minimum;
        }
    }
}

pub(super) fn q3_k(block: &[u8; 110], out: &mut [f32; 256]) {
    let (high, qs, scales) = (&block[..32], &block[32..96], &block[96..108]);
    let d = half(block, 108);
    for (group, out) in out.chunks_exact_mut(16).enumerate() {
        let low = scales[group % 8] >> (group / 8 * 4) & 15;
        let top = scales[8 + group % 4] >> (group / 4 * 2) & 3;
        let scale = d * (f32::from(low | top << 4) - 32.0);
        for (i, x) in out.iter_mut().enumerate() {
            let i = group * 16 + i;
            // A set bit stands for no offset.
            let offset = if high[i % 32] >> (i / 32) & 1 == 1 {
                0.0
            } else {
                4.0
            };
            *x = scale * (f32::from(two_bits(qs, i)) - offset);
        }
    }
}

/// The 6-bit scale and minimum of one of eight groups.
fn scale_and_minimum(scales: &[u8], group: usize) -> (f32, f32) {
    let (scale, minimum) = match group {
        0..4 => (scales[group] & 63, scales[group + 4] & 63),
        _ => (
            scales[group + 4] & 15 | scales[group - 4] >> 6 << 4,
            scales[group + 4] >> 4 | scales[group] >> 6 << 4,
        ),
    };
    (scale.into(), minimum.into())
}

pub(super) fn q4_k(block: &[u8; 144], out: &mut [f32; 256]) {
    let (d, e) = (half(block, 0), half(block, 2));
    let (scales, qs) = (&block[4..16], &block[16..]);
    for (group, out) in out.chunks_exact_mut(32).enumerate() {
        let (scale, minimum) = scale_and_minimum(scales, group);
        let (scale, minimum) = (d * scale, e * minimum);
        for (x, byte) in out.iter_mut().zip(&qs[group / 2 * 32..]) {
            *x = scale * f32::from(byte >> (group % 2 * 4) & 15) - minimum;
        }
    }
}

pub(super) fn q5_k(block: &[u8; 176], out: &mut [f32; 256]) {
    let (d, e) = (half(block, 0), half(block, 2));
    let (scales, high, qs) = (&block[4..16], &block[16..48], &block[48..]);
    for (group, out) in out.chunks_exact_mut(32).enumerate() {
        let (scale, minimum) = scale_and_minimum(scales, group);
        let (scale, minimum) = (d * scale, e * minimum);
        for ((x, byte), high) in out.iter_mut().zip(&qs[group / 2 * 32..]).zip(high) {
            let q = byte >> (group % 2 * 4) & 15 | (high >> group & 1) << 4;
            *x = scale * f32::from(q) - minimum;
        }
    }
}

pub(super) fn q6_k(block: &[u8; 210], out: &mut [f32; 256]) {
    let (low, high, scales) = (&block[..128], &block[128..192], &block[192..208]);
    let d = half(block, 208);
    for (group, out) in out.chunks_exact_mut(16).enumerate() {
        let scale = d * f32::from(scales[group] as i8);
        for (i, x) in out.iter_mut().enumerate() {
            let i = group * 16 + i;
            let q = low[i / 128 * 64 + i % 64] >> (i / 64 % 2 * 4) & 15 | two_bits(high, i) << 4;
            *x = scale * (f32::from(q) - 32.0);
        }
    }
}

pub(super) fn iq4_nl(block: &[u8; 18], out: &mut [f32; 32]) {
    let d = half(block, 0);
    *out = nibbles(&block[2..]).map(|q| d * f32::from(LEVELS[usize::from(q)]));
}

pub(super) fn iq4_xs(block: &[u8; 136], out: &mut [f32; 256]) {
    let d = half(block, 0);
    let tops = u16::from_le_bytes([block[2], block[3]]);
    let (lows, qs) = (&block[4..8], &block[8..]);
    for (group, out) in out.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let low = lows[group / 2] >> (group % 2 * 4) & 15;
        let top = (tops >> (group * 2) & 3) as u8;
        let scale = d * (f32::from(low | top << 4) - 32.0);
        *out = nibbles(&qs[group * 16..]).map(|q| scale * f32::from(LEVELS[usize::from(q)]));
    }
}
