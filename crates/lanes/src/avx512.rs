//! Lanes as one 512-bit register.

#![allow(unsafe_code)]

use super::avx2::sum_eight;
use super::{EVEN, HASH, LANES, Lanes};
use std::arch::x86_64::*;

/// One 512-bit register.
#[derive(Clone, Copy)]
pub struct Avx512(__m512);

impl Lanes for Avx512 {
    type Doubles = super::doubles::Avx512;
    // 16 of 32 registers.
    const PANEL: usize = 8;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        unsafe { Self(_mm512_set1_ps(value)) }
    }
    #[inline(always)]
    unsafe fn load(source: *const f32) -> Self {
        unsafe { Self(_mm512_loadu_ps(source)) }
    }
    #[inline(always)]
    unsafe fn from_bytes(source: *const i8) -> Self {
        unsafe {
            let bytes = _mm512_cvtepi8_epi32(_mm_loadu_si128(source.cast()));
            Self(_mm512_cvtepi32_ps(bytes))
        }
    }
    #[inline(always)]
    unsafe fn from_nibbles(source: *const u8) -> (Self, Self) {
        unsafe {
            let bytes = _mm512_cvtepu8_epi32(_mm_loadu_si128(source.cast()));
            let low = _mm512_and_si512(bytes, _mm512_set1_epi32(15));
            (
                Self(_mm512_cvtepi32_ps(low)),
                Self(_mm512_cvtepi32_ps(_mm512_srli_epi32::<4>(bytes))),
            )
        }
    }
    #[inline(always)]
    unsafe fn store(self, target: *mut f32) {
        unsafe { _mm512_storeu_ps(target, self.0) }
    }
    #[inline(always)]
    unsafe fn add(self, o: Self) -> Self {
        unsafe { Self(_mm512_add_ps(self.0, o.0)) }
    }
    #[inline(always)]
    unsafe fn sub(self, o: Self) -> Self {
        unsafe { Self(_mm512_sub_ps(self.0, o.0)) }
    }
    #[inline(always)]
    unsafe fn mul(self, o: Self) -> Self {
        unsafe { Self(_mm512_mul_ps(self.0, o.0)) }
    }
    #[inline(always)]
    unsafe fn div(self, o: Self) -> Self {
        unsafe { Self(_mm512_div_ps(self.0, o.0)) }
    }
    #[inline(always)]
    unsafe fn sqrt(self) -> Self {
        unsafe { Self(_mm512_sqrt_ps(self.0)) }
    }
    #[inline(always)]
    unsafe fn max(self, o: Self) -> Self {
        unsafe { Self(_mm512_max_ps(self.0, o.0)) }
    }
    #[inline(always)]
    unsafe fn min(self, o: Self) -> Self {
        unsafe { Self(_mm512_min_ps(self.0, o.0)) }
    }
    #[inline(always)]
    unsafe fn mul_add(self, f: Self, a: Self) -> Self {
        unsafe { Self(_mm512_fmadd_ps(self.0, f.0, a.0)) }
    }
    #[inline(always)]
    unsafe fn round_ties_even(self) -> Self {
        unsafe {
            Self(_mm512_roundscale_ps::<
                { _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC },
            >(self.0))
        }
    }
    #[inline(always)]
    unsafe fn exp2_integral(self) -> Self {
        unsafe {
            let k = _mm512_add_epi32(_mm512_cvtps_epi32(self.0), _mm512_set1_epi32(127));
            Self(_mm512_castsi512_ps(_mm512_slli_epi32::<23>(k)))
        }
    }
    #[inline(always)]
    unsafe fn split_exponent(self) -> (Self, Self) {
        unsafe {
            let b = _mm512_castps_si512(self.0);
            let m = _mm512_or_si512(
                _mm512_and_si512(b, _mm512_set1_epi32(0x007f_ffff)),
                _mm512_set1_epi32(0x3f00_0000),
            );
            let e = _mm512_sub_epi32(_mm512_srli_epi32::<23>(b), _mm512_set1_epi32(126));
            (Self(_mm512_castsi512_ps(m)), Self(_mm512_cvtepi32_ps(e)))
        }
    }
    #[inline(always)]
    unsafe fn even(key: [u32; 2], first: u32) -> Self {
        unsafe {
            let lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
            let mut x = _mm512_add_epi32(_mm512_set1_epi32(first as i32), lanes);
            x = _mm512_xor_si512(x, _mm512_set1_epi32(key[0] as i32));
            x = _mm512_xor_si512(x, _mm512_srli_epi32::<17>(x));
            x = _mm512_mullo_epi32(x, _mm512_set1_epi32(HASH[0] as i32));
            x = _mm512_add_epi32(x, _mm512_set1_epi32(key[1] as i32));
            x = _mm512_xor_si512(x, _mm512_srli_epi32::<11>(x));
            x = _mm512_mullo_epi32(x, _mm512_set1_epi32(HASH[1] as i32));
            x = _mm512_xor_si512(x, _mm512_srli_epi32::<15>(x));
            x = _mm512_mullo_epi32(x, _mm512_set1_epi32(HASH[2] as i32));
            x = _mm512_xor_si512(x, _mm512_srli_epi32::<14>(x));
            let k = _mm512_cvtepi32_ps(_mm512_srli_epi32::<9>(x));
            let k = _mm512_add_ps(k, _mm512_set1_ps(0.5));
            Self(_mm512_sub_ps(
                _mm512_mul_ps(k, _mm512_set1_ps(EVEN)),
                _mm512_set1_ps(1.0),
            ))
        }
    }
    #[inline(always)]
    unsafe fn if_positive(self, yes: Self, no: Self) -> Self {
        unsafe {
            let mask = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(self.0, _mm512_setzero_ps());
            Self(_mm512_mask_blend_ps(mask, no.0, yes.0))
        }
    }
    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        unsafe {
            let high = _mm256_castpd_ps(_mm512_extractf64x4_pd::<1>(_mm512_castps_pd(self.0)));
            sum_eight(_mm256_add_ps(_mm512_castps512_ps256(self.0), high))
        }
    }
    #[inline(always)]
    unsafe fn sum_each(vectors: &[[f32; LANES]; LANES]) -> Self {
        unsafe {
            // Eight sums of i in the lower half, of i + 4 in the upper; i = 0..4 and 8..12.
            let mut eights = [_mm512_setzero_ps(); 8];
            for (i, eight) in eights.iter_mut().enumerate() {
                let first = if i < 4 { i } else { i + 4 };
                let x = _mm512_loadu_ps(vectors[first].as_ptr());
                let y = _mm512_loadu_ps(vectors[first + 4].as_ptr());
                *eight = _mm512_add_ps(
                    _mm512_shuffle_f32x4::<0x44>(x, y),
                    _mm512_shuffle_f32x4::<0xEE>(x, y),
                );
            }
            // Four sums each of i, i + 4, i + 8, i + 12.
            let mut fours = [_mm512_setzero_ps(); 4];
            for (i, four) in fours.iter_mut().enumerate() {
                let (x, y) = (eights[i], eights[i + 4]);
                *four = _mm512_add_ps(
                    _mm512_shuffle_f32x4::<0x88>(x, y),
                    _mm512_shuffle_f32x4::<0xDD>(x, y),
                );
            }
            let mut twos = [_mm512_setzero_ps(); 2];
            for (i, two) in twos.iter_mut().enumerate() {
                let (x, y) = (fours[2 * i], fours[2 * i + 1]);
                *two = _mm512_add_ps(
                    _mm512_shuffle_ps::<0x44>(x, y),
                    _mm512_shuffle_ps::<0xEE>(x, y),
                );
            }
            Self(_mm512_add_ps(
                _mm512_shuffle_ps::<0x88>(twos[0], twos[1]),
                _mm512_shuffle_ps::<0xDD>(twos[0], twos[1]),
            ))
        }
    }
    #[inline(always)]
    unsafe fn transpose(rows: *const f32, stride: usize, target: *mut f32) {
        unsafe {
            // Fours of rows i, i + 1, i + 2, i + 3: vector 4 i + c holds columns c, c + 4, c + 8 and
            // c + 12 of the four, a 128-bit quarter each.
            let mut fours = [_mm512_setzero_ps(); LANES];
            for i in 0..4 {
                let a = _mm512_loadu_ps(rows.add(4 * i * stride));
                let b = _mm512_loadu_ps(rows.add((4 * i + 1) * stride));
                let c = _mm512_loadu_ps(rows.add((4 * i + 2) * stride));
                let d = _mm512_loadu_ps(rows.add((4 * i + 3) * stride));
                let (ab, ab_high) = (_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
                let (cd, cd_high) = (_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
                fours[4 * i] = _mm512_shuffle_ps::<0x44>(ab, cd);
                fours[4 * i + 1] = _mm512_shuffle_ps::<0xEE>(ab, cd);
                fours[4 * i + 2] = _mm512_shuffle_ps::<0x44>(ab_high, cd_high);
                fours[4 * i + 3] = _mm512_shuffle_ps::<0xEE>(ab_high, cd_high);
            }
            // Quarters of the same column from the four fours of rows.
            for c in 0..4 {
                let even = _mm512_shuffle_f32x4::<0x88>(fours[c], fours[4 + c]);
                let odd = _mm512_shuffle_f32x4::<0xDD>(fours[c], fours[4 + c]);
                let even_high = _mm512_shuffle_f32x4::<0x88>(fours[8 + c], fours[12 + c]);
                let odd_high = _mm512_shuffle_f32x4::<0xDD>(fours[8 + c], fours[12 + c]);
                for (column, vector) in [
                    (c, _mm512_shuffle_f32x4::<0x88>(even, even_high)),
                    (c + 4, _mm512_shuffle_f32x4::<0x88>(odd, odd_high)),
                    (c + 8, _mm512_shuffle_f32x4::<0xDD>(even, even_high)),
                    (c + 12, _mm512_shuffle_f32x4::<0xDD>(odd, odd_high)),
                ] {
                    _mm512_storeu_ps(target.add(LANES * column), vector);
                }
            }
        }
    }
    #[inline(always)]
    unsafe fn store_fours([a, b, c, d]: [Self; 4], target: *mut [f32; 4]) {
        unsafe {
            let (ab, ab_high) = (_mm512_unpacklo_ps(a.0, b.0), _mm512_unpackhi_ps(a.0, b.0));
            let (cd, cd_high) = (_mm512_unpacklo_ps(c.0, d.0), _mm512_unpackhi_ps(c.0, d.0));
            // Trials t, t + 4, t + 8 and t + 12.
            let t0 = _mm512_shuffle_ps::<0x44>(ab, cd);
            let t1 = _mm512_shuffle_ps::<0xEE>(ab, cd);
            let t2 = _mm512_shuffle_ps::<0x44>(ab_high, cd_high);
            let t3 = _mm512_shuffle_ps::<0xEE>(ab_high, cd_high);
            // Two trials a half: (t0, t1, t0 + 4, t1 + 4) and so on, then whole vectors in order.
            let low01 = _mm512_shuffle_f32x4::<0x44>(t0, t1);
            let low23 = _mm512_shuffle_f32x4::<0x44>(t2, t3);
            let high01 = _mm512_shuffle_f32x4::<0xEE>(t0, t1);
            let high23 = _mm512_shuffle_f32x4::<0xEE>(t2, t3);
            let target = target.cast::<f32>();
            _mm512_storeu_ps(target, _mm512_shuffle_f32x4::<0x88>(low01, low23));
            _mm512_storeu_ps(
                target.add(LANES),
                _mm512_shuffle_f32x4::<0xDD>(low01, low23),
            );
            _mm512_storeu_ps(
                target.add(2 * LANES),
                _mm512_shuffle_f32x4::<0x88>(high01, high23),
            );
            _mm512_storeu_ps(
                target.add(3 * LANES),
                _mm512_shuffle_f32x4::<0xDD>(high01, high23),
            );
        }
    }
}
