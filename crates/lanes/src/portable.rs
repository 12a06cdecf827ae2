//! Lanes in plain Rust.

#![allow(unsafe_code)]

use super::{EVEN, LANES, Lanes, hash};

/// Lanes in plain Rust: correct on every CPU, and the reference for the others.
#[derive(Clone, Copy)]
pub struct Portable([f32; LANES]);

impl Portable {
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        Self(std::array::from_fn(|i| f(self.0[i], other.0[i])))
    }
}

impl Lanes for Portable {
    type Doubles = super::doubles::Portable;
    const PANEL: usize = 3;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self([value; LANES])
    }
    #[inline(always)]
    unsafe fn load(source: *const f32) -> Self {
        Self(unsafe { source.cast::<[f32; LANES]>().read_unaligned() })
    }
    #[inline(always)]
    unsafe fn from_bytes(source: *const i8) -> Self {
        Self(unsafe { source.cast::<[i8; LANES]>().read() }.map(f32::from))
    }
    #[inline(always)]
    unsafe fn from_nibbles(source: *const u8) -> (Self, Self) {
        let bytes = unsafe { source.cast::<[u8; LANES]>().read() };
        (
            Self(bytes.map(|b| f32::from(b & 15))),
            Self(bytes.map(|b| f32::from(b >> 4))),
        )
    }
    #[inline(always)]
    unsafe fn store(self, target: *mut f32) {
        unsafe { target.cast::<[f32; LANES]>().write_unaligned(self.0) }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        self.zip(other, |a, b| a - b)
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        self.zip(other, |a, b| a * b)
    }
    #[inline(always)]
    unsafe fn div(self, other: Self) -> Self {
        self.zip(other, |a, b| a / b)
    }
    #[inline(always)]
    unsafe fn sqrt(self) -> Self {
        Self(self.0.map(f32::sqrt))
    }
    // The comparisons copy x86 `max`/`min`: the second operand wins ties and NaN.
    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        self.zip(other, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        self.zip(other, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        Self(std::array::from_fn(|i| {
            self.0[i].mul_add(factor.0[i], addend.0[i])
        }))
    }
    #[inline(always)]
    unsafe fn round_ties_even(self) -> Self {
        Self(self.0.map(f32::round_ties_even))
    }
    #[inline(always)]
    unsafe fn exp2_integral(self) -> Self {
        Self(
            self.0
                .map(|k| f32::from_bits(((k as i32 + 127) as u32) << 23)),
        )
    }
    #[inline(always)]
    unsafe fn split_exponent(self) -> (Self, Self) {
        let bits = self.0.map(f32::to_bits);
        (
            Self(bits.map(|b| f32::from_bits((b & 0x007f_ffff) | 0x3f00_0000))),
            Self(bits.map(|b| ((b >> 23) as i32 - 126) as f32)),
        )
    }
    #[inline(always)]
    unsafe fn even(key: [u32; 2], first: u32) -> Self {
        Self(std::array::from_fn(|lane| {
            let k = hash(key, first.wrapping_add(lane as u32)) >> 9;
            (k as f32 + 0.5) * EVEN - 1.0
        }))
    }
    #[inline(always)]
    unsafe fn if_positive(self, yes: Self, no: Self) -> Self {
        Self(std::array::from_fn(|i| {
            if self.0[i] > 0.0 { yes.0[i] } else { no.0[i] }
        }))
    }
    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        let mut v = self.0;
        for half in [8, 4, 2, 1] {
            for i in 0..half {
                v[i] += v[i + half];
            }
        }
        v[0]
    }
    #[inline(always)]
    unsafe fn sum_each(vectors: &[[f32; LANES]; LANES]) -> Self {
        let mut sums = [0.0; LANES];
        for (sum, vector) in sums.iter_mut().zip(vectors) {
            *sum = unsafe { Self(*vector).sum() };
        }
        Self(sums)
    }
    #[inline(always)]
    unsafe fn transpose(rows: *const f32, stride: usize, target: *mut f32) {
        for r in 0..LANES {
            for c in 0..LANES {
                unsafe { *target.add(LANES * c + r) = *rows.add(stride * r + c) };
            }
        }
    }
    #[inline(always)]
    unsafe fn store_fours(vectors: [Self; 4], target: *mut [f32; 4]) {
        for t in 0..LANES {
            unsafe { target.add(t).write(vectors.map(|v| v.0[t])) };
        }
    }
}
