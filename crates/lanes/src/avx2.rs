//! Lanes as two 256-bit registers.

#![allow(unsafe_code)]

use super::{EVEN, HASH, LANES, Lanes};
use std::arch::x86_64::*;

/// Two 256-bit registers.
#[derive(Clone, Copy)]
pub struct Avx2(__m256, __m256);

impl Lanes for Avx2 {
    type Doubles = super::doubles::Avx2;
    // 12 of 16 registers.
    const PANEL: usize = 3;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        unsafe { Self(_mm256_set1_ps(value), _mm256_set1_ps(value)) }
    }
    #[inline(always)]
    unsafe fn load(source: *const f32) -> Self {
        unsafe { Self(_mm256_loadu_ps(source), _mm256_loadu_ps(source.add(8))) }
    }
    #[inline(always)]
    unsafe fn from_bytes(source: *const i8) -> Self {
        #[inline(always)]
        unsafe fn half(source: *const i8) -> __m256 {
            unsafe { _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(source.cast()))) }
        }
        unsafe { Self(half(source), half(source.add(8))) }
    }
    #[inline(always)]
    unsafe fn from_nibbles(source: *const u8) -> (Self, Self) {
        #[inline(always)]
        unsafe fn half(source: *const u8) -> (__m256, __m256) {
            unsafe {
                let bytes = _mm256_cvtepu8_epi32(_mm_loadl_epi64(source.cast()));
                let low = _mm256_and_si256(bytes, _mm256_set1_epi32(15));
                (
                    _mm256_cvtepi32_ps(low),
                    _mm256_cvtepi32_ps(_mm256_srli_epi32::<4>(bytes)),
                )
            }
        }
        let ((low0, high0), (low1, high1)) = unsafe { (half(source), half(source.add(8))) };
        (Self(low0, low1), Self(high0, high1))
    }
    #[inline(always)]
    unsafe fn store(self, target: *mut f32) {
        unsafe {
            _mm256_storeu_ps(target, self.0);
            _mm256_storeu_ps(target.add(8), self.1);
        }
    }
    #[inline(always)]
    unsafe fn add(self, o: Self) -> Self {
        unsafe { Self(_mm256_add_ps(self.0, o.0), _mm256_add_ps(self.1, o.1)) }
    }
    #[inline(always)]
    unsafe fn sub(self, o: Self) -> Self {
        unsafe { Self(_mm256_sub_ps(self.0, o.0), _mm256_sub_ps(self.1, o.1)) }
    }
    #[inline(always)]
    unsafe fn mul(self, o: Self) -> Self {
        unsafe { Self(_mm256_mul_ps(self.0, o.0), _mm256_mul_ps(self.1, o.1)) }
    }
    #[inline(always)]
    unsafe fn div(self, o: Self) -> Self {
        unsafe { Self(_mm256_div_ps(self.0, o.0), _mm256_div_ps(self.1, o.1)) }
    }
    #[inline(always)]
    unsafe fn sqrt(self) -> Self {
        unsafe { Self(_mm256_sqrt_ps(self.0), _mm256_sqrt_ps(self.1)) }
    }
    #[inline(always)]
    unsafe fn max(self, o: Self) -> Self {
        unsafe { Self(_mm256_max_ps(self.0, o.0), _mm256_max_ps(self.1, o.1)) }
    }
    #[inline(always)]
    unsafe fn min(self, o: Self) -> Self {
        unsafe { Self(_mm256_min_ps(self.0, o.0), _mm256_min_ps(self.1, o.1)) }
    }
    #[inline(always)]
    unsafe fn mul_add(self, f: Self, a: Self) -> Self {
        unsafe {
            Self(
                _mm256_fmadd_ps(self.0, f.0, a.0),
                _mm256_fmadd_ps(self.1, f.1, a.1),
            )
        }
    }
    #[inline(always)]
    unsafe fn round_ties_even(self) -> Self {
        const MODE: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
        unsafe {
            Self(
                _mm256_round_ps::<MODE>(self.0),
                _mm256_round_ps::<MODE>(self.1),
            )
        }
    }
    #[inline(always)]
    unsafe fn exp2_integral(self) -> Self {
        #[inline(always)]
        unsafe fn half(k: __m256) -> __m256 {
            unsafe {
                let k = _mm256_add_epi32(_mm256_cvtps_epi32(k), _mm256_set1_epi32(127));
                _mm256_castsi256_ps(_mm256_slli_epi32::<23>(k))
            }
        }
        unsafe { Self(half(self.0), half(self.1)) }
    }
    #[inline(always)]
    unsafe fn split_exponent(self) -> (Self, Self) {
        #[inline(always)]
        unsafe fn half(x: __m256) -> (__m256, __m256) {
            unsafe {
                let b = _mm256_castps_si256(x);
                let m = _mm256_or_si256(
                    _mm256_and_si256(b, _mm256_set1_epi32(0x007f_ffff)),
                    _mm256_set1_epi32(0x3f00_0000),
                );
                let e = _mm256_sub_epi32(_mm256_srli_epi32::<23>(b), _mm256_set1_epi32(126));
                (_mm256_castsi256_ps(m), _mm256_cvtepi32_ps(e))
            }
        }
        let ((m0, e0), (m1, e1)) = unsafe { (half(self.0), half(self.1)) };
        (Self(m0, m1), Self(e0, e1))
    }
    #[inline(always)]
    unsafe fn even(key: [u32; 2], first: u32) -> Self {
        #[inline(always)]
        unsafe fn half(key: [u32; 2], first: u32) -> __m256 {
            unsafe {
                let lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
                let mut x = _mm256_xor_si256(
                    _mm256_add_epi32(_mm256_set1_epi32(first as i32), lanes),
                    _mm256_set1_epi32(key[0] as i32),
                );
                x = _mm256_xor_si256(x, _mm256_srli_epi32::<17>(x));
                x = _mm256_add_epi32(
                    _mm256_mullo_epi32(x, _mm256_set1_epi32(HASH[0] as i32)),
                    _mm256_set1_epi32(key[1] as i32),
                );
                x = _mm256_xor_si256(x, _mm256_srli_epi32::<11>(x));
                x = _mm256_mullo_epi32(x, _mm256_set1_epi32(HASH[1] as i32));
                x = _mm256_xor_si256(x, _mm256_srli_epi32::<15>(x));
                x = _mm256_mullo_epi32(x, _mm256_set1_epi32(HASH[2] as i32));
                x = _mm256_xor_si256(x, _mm256_srli_epi32::<14>(x));
                let k = _mm256_cvtepi32_ps(_mm256_srli_epi32::<9>(x));
                let k = _mm256_add_ps(k, _mm256_set1_ps(0.5));
                _mm256_sub_ps(_mm256_mul_ps(k, _mm256_set1_ps(EVEN)), _mm256_set1_ps(1.0))
            }
        }
        unsafe { Self(half(key, first), half(key, first.wrapping_add(8))) }
    }
    #[inline(always)]
    unsafe fn if_positive(self, yes: Self, no: Self) -> Self {
        unsafe {
            let zero = _mm256_setzero_ps();
            Self(
                _mm256_blendv_ps(no.0, yes.0, _mm256_cmp_ps::<_CMP_GT_OQ>(self.0, zero)),
                _mm256_blendv_ps(no.1, yes.1, _mm256_cmp_ps::<_CMP_GT_OQ>(self.1, zero)),
            )
        }
    }
    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        unsafe { sum_eight(_mm256_add_ps(self.0, self.1)) }
    }
    #[inline(always)]
    unsafe fn sum_each(vectors: &[[f32; LANES]; LANES]) -> Self {
        /// Sums of the vectors `first`, `first` + 1, …, `first` + 7.
        #[inline(always)]
        unsafe fn eight(vectors: &[[f32; LANES]; LANES], first: usize) -> __m256 {
            unsafe {
                let mut halves = [_mm256_setzero_ps(); 8];
                for (i, half) in halves.iter_mut().enumerate() {
                    let v = Avx2::load(vectors[first + i].as_ptr());
                    *half = _mm256_add_ps(v.0, v.1);
                }
                // Four sums of i in the lower 128 bits, of i + 4 in the upper.
                let mut fours = [_mm256_setzero_ps(); 4];
                for (i, four) in fours.iter_mut().enumerate() {
                    let (x, y) = (halves[i], halves[i + 4]);
                    *four = _mm256_add_ps(
                        _mm256_permute2f128_ps::<0x20>(x, y),
                        _mm256_permute2f128_ps::<0x31>(x, y),
                    );
                }
                let mut twos = [_mm256_setzero_ps(); 2];
                for (i, two) in twos.iter_mut().enumerate() {
                    let (x, y) = (fours[2 * i], fours[2 * i + 1]);
                    *two = _mm256_add_ps(
                        _mm256_shuffle_ps::<0x44>(x, y),
                        _mm256_shuffle_ps::<0xEE>(x, y),
                    );
                }
                _mm256_add_ps(
                    _mm256_shuffle_ps::<0x88>(twos[0], twos[1]),
                    _mm256_shuffle_ps::<0xDD>(twos[0], twos[1]),
                )
            }
        }
        unsafe { Self(eight(vectors, 0), eight(vectors, 8)) }
    }
    #[inline(always)]
    unsafe fn transpose(rows: *const f32, stride: usize, target: *mut f32) {
        /// Transposes eight rows of eight values.
        #[inline(always)]
        unsafe fn eight(rows: *const f32, stride: usize, target: *mut f32) {
            unsafe {
                // Fours of rows: vector 4 i + c holds columns c and c + 4 of rows 4 i … 4 i + 3.
                let mut fours = [_mm256_setzero_ps(); 8];
                for i in 0..2 {
                    let a = _mm256_loadu_ps(rows.add(4 * i * stride));
                    let b = _mm256_loadu_ps(rows.add((4 * i + 1) * stride));
                    let c = _mm256_loadu_ps(rows.add((4 * i + 2) * stride));
                    let d = _mm256_loadu_ps(rows.add((4 * i + 3) * stride));
                    let (ab, ab_high) = (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
                    let (cd, cd_high) = (_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
                    fours[4 * i] = _mm256_shuffle_ps::<0x44>(ab, cd);
                    fours[4 * i + 1] = _mm256_shuffle_ps::<0xEE>(ab, cd);
                    fours[4 * i + 2] = _mm256_shuffle_ps::<0x44>(ab_high, cd_high);
                    fours[4 * i + 3] = _mm256_shuffle_ps::<0xEE>(ab_high, cd_high);
                }
                for c in 0..4 {
                    let (low, high) = (fours[c], fours[4 + c]);
                    let column = _mm256_permute2f128_ps::<0x20>(low, high);
                    _mm256_storeu_ps(target.add(LANES * c), column);
                    let column = _mm256_permute2f128_ps::<0x31>(low, high);
                    _mm256_storeu_ps(target.add(LANES * (c + 4)), column);
                }
            }
        }
        unsafe {
            for (r, c) in [(0, 0), (0, 8), (8, 0), (8, 8)] {
                eight(rows.add(stride * r + c), stride, target.add(LANES * c + r));
            }
        }
    }
    #[inline(always)]
    unsafe fn store_fours([a, b, c, d]: [Self; 4], target: *mut [f32; 4]) {
        #[inline(always)]
        unsafe fn eight(a: __m256, b: __m256, c: __m256, d: __m256, target: *mut [f32; 4]) {
            unsafe {
                let (ab, ab_high) = (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
                let (cd, cd_high) = (_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
                // Trials t and t + 4.
                for (t, pair) in [
                    _mm256_shuffle_ps::<0x44>(ab, cd),
                    _mm256_shuffle_ps::<0xEE>(ab, cd),
                    _mm256_shuffle_ps::<0x44>(ab_high, cd_high),
                    _mm256_shuffle_ps::<0xEE>(ab_high, cd_high),
                ]
                .into_iter()
                .enumerate()
                {
                    _mm_storeu_ps(target.add(t).cast(), _mm256_castps256_ps128(pair));
                    _mm_storeu_ps(target.add(t + 4).cast(), _mm256_extractf128_ps::<1>(pair));
                }
            }
        }
        unsafe {
            eight(a.0, b.0, c.0, d.0, target);
            eight(a.1, b.1, c.1, d.1, target.add(8));
        }
    }
}

#[inline(always)]
pub(super) unsafe fn sum_eight(v: __m256) -> f32 {
    unsafe {
        let four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
        let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
        _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
    }
}
