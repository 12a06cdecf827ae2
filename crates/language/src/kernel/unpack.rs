//! Unpacking of the commonest quantisations with vectors.

#![allow(unsafe_code)]

use crate::quant::{Quant, f16_to_f32};
use emotome_lanes::{LANES, Lanes};

/// The same numbers as [`Quant::dequantize`], in a third of its time for the kinds that are most of
/// the weights of small models.
///
/// # Safety
/// The CPU must have the instructions of `V`; `out` holds as many whole blocks as `blocks`.
#[inline(always)]
pub(super) unsafe fn unpack<V: Lanes>(quant: Quant, blocks: &[u8], out: &mut [f32]) {
    debug_assert_eq!(blocks.len(), quant.row_bytes(out.len()));
    match quant {
        // SAFETY: the caller's.
        Quant::Q4_0 => unsafe { four_bits::<V, 18>(blocks, out) },
        // SAFETY: the caller's.
        Quant::Q4_1 => unsafe { four_bits::<V, 20>(blocks, out) },
        Quant::Q8_0 => {
            let blocks = blocks.as_chunks::<34>().0;
            for (b, x) in blocks.iter().zip(out.chunks_exact_mut(2 * LANES)) {
                // SAFETY: 32 bytes after the scale, two vectors of numbers.
                unsafe {
                    let d = V::splat(half(b[0], b[1]));
                    let q = b.as_ptr().add(2).cast();
                    V::from_bytes(q).mul(d).store(x.as_mut_ptr());
                    let q = V::from_bytes(q.add(LANES));
                    q.mul(d).store(x.as_mut_ptr().add(LANES));
                }
            }
        }
        _ => quant.dequantize(blocks, out),
    }
}

/// d (q − 8) in blocks of 18 bytes, d q + m in blocks of 20; scales first, then sixteen bytes.
#[inline(always)]
unsafe fn four_bits<V: Lanes, const B: usize>(blocks: &[u8], out: &mut [f32]) {
    let blocks = blocks.as_chunks::<B>().0;
    for (b, x) in blocks.iter().zip(out.chunks_exact_mut(2 * LANES)) {
        // SAFETY: sixteen bytes after the scales, two vectors of numbers.
        unsafe {
            let d = V::splat(half(b[0], b[1]));
            let (low, high) = V::from_nibbles(b.as_ptr().add(B - 16));
            let (low, high) = if B == 18 {
                let eight = V::splat(8.0);
                (low.sub(eight).mul(d), high.sub(eight).mul(d))
            } else {
                let m = V::splat(half(b[2], b[3]));
                (low.mul(d).add(m), high.mul(d).add(m))
            };
            low.store(x.as_mut_ptr());
            high.store(x.as_mut_ptr().add(LANES));
        }
    }
}

/// A half-precision number; scales of weights are mostly normal.
#[inline(always)]
fn half(low: u8, high: u8) -> f32 {
    let bits = u16::from_le_bytes([low, high]);
    match bits >> 10 & 31 {
        0 | 31 => f16_to_f32(bits),
        _ => f32::from_bits(
            (u32::from(bits & 0x8000) << 16) | ((u32::from(bits & 0x7fff) << 13) + (112 << 23)),
        ),
    }
}
