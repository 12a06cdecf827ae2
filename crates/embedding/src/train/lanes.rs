//! Sixteen `f32` lanes: the one vector shape of all training kernels.
//!
//! Each instruction set implements the same sixteen-lane operations, each lane correctly rounded
//! (fused multiply-add included) and each reduction in the same tree. AVX-512, AVX2 and portable
//! code therefore give bit-identical embeddings; only their speed differs.

#![allow(unsafe_code)]
// Constants stand as published.
#![allow(clippy::excessive_precision)]

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

/// Lanes in a vector; rows of training matrices are padded to a multiple of it.
pub(crate) const LANES: usize = 16;

/// Sixteen `f32` values and the operations the kernels need.
///
/// # Safety
/// Every method may only run on a CPU with the instruction set of the implementation;
/// [`super::kernel::InstructionSet`] checks this once, where it is chosen.
pub(crate) trait Lanes: Copy {
    /// Vectors of a row that have two accumulators each in registers at once.
    const PANEL: usize;

    unsafe fn splat(value: f32) -> Self;
    unsafe fn load(source: *const f32) -> Self;
    unsafe fn store(self, target: *mut f32);
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn sub(self, other: Self) -> Self;
    unsafe fn mul(self, other: Self) -> Self;
    unsafe fn div(self, other: Self) -> Self;
    unsafe fn sqrt(self) -> Self;
    unsafe fn max(self, other: Self) -> Self;
    unsafe fn min(self, other: Self) -> Self;
    /// `self · factor + addend`, rounded once.
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self;
    unsafe fn round_ties_even(self) -> Self;
    /// 2^self for integral self in −126..=127.
    unsafe fn exp2_integral(self) -> Self;
    /// `(mantissa in [0.5, 1), exponent)` of positive normal values.
    unsafe fn split_exponent(self) -> (Self, Self);
    /// Numbers spread evenly over (−1, 1), symmetric around 0: (k + ½)/2^22 − 1 with the upper 23
    /// bits k of [`hash`] of `first`, `first + 1`, … under `key`.
    unsafe fn even(key: [u32; 2], first: u32) -> Self;
    /// Where `self > 0`: `yes`, else `no`.
    unsafe fn if_positive(self, yes: Self, no: Self) -> Self;
    /// The sum of the lanes, halves added first: 16 → 8 → 4 → 2 → 1.
    unsafe fn sum(self) -> f32;
    /// The [`sum`](Self::sum) of each of sixteen vectors, a vector a lane.
    unsafe fn sum_each(vectors: &[[f32; LANES]; LANES]) -> Self;
    /// Stores lane t of the four vectors as `target[t]`.
    unsafe fn store_fours(vectors: [Self; 4], target: *mut [f32; 4]);

    /// e^x for x ≤ 88, relative error below 2^-22; 0 below −87.3.
    #[inline(always)]
    unsafe fn exp(self) -> Self {
        unsafe {
            let floor = Self::splat(-87.3);
            let x = self.max(floor).min(Self::splat(88.0));
            let k = x
                .mul(Self::splat(std::f32::consts::LOG2_E))
                .round_ties_even();
            let r = k.mul_add(Self::splat(-0.693_359_375), x);
            let r = k.mul_add(Self::splat(2.121_944_4e-4), r);
            let mut p = Self::splat(1.987_569_2e-4);
            for c in [
                1.398_2e-3,
                8.333_452e-3,
                4.166_579_6e-2,
                1.666_666_5e-1,
                0.5,
            ] {
                p = p.mul_add(r, Self::splat(c));
            }
            let y = p.mul_add(r.mul(r), r).add(Self::splat(1.0));
            let y = y.mul(k.exp2_integral());
            self.sub(floor).if_positive(y, Self::splat(0.0))
        }
    }

    /// ln x for positive normal x, absolute error below 2^-22 of the result's scale.
    #[inline(always)]
    unsafe fn ln(self) -> Self {
        unsafe {
            let (m, e) = self.split_exponent();
            let small = Self::splat(std::f32::consts::FRAC_1_SQRT_2).sub(m);
            let e = small.if_positive(e.sub(Self::splat(1.0)), e);
            let m = small.if_positive(m.add(m), m).sub(Self::splat(1.0));
            let z = m.mul(m);
            let mut p = Self::splat(7.037_683_6e-2);
            for c in [
                -1.151_461e-1,
                1.167_699_9e-1,
                -1.242_014_1e-1,
                1.424_932_3e-1,
                -1.666_805_8e-1,
                2.000_071_5e-1,
                -2.499_999_4e-1,
                3.333_333_1e-1,
            ] {
                p = p.mul_add(m, Self::splat(c));
            }
            let y = p.mul(m).mul(z);
            let y = e.mul_add(Self::splat(-2.121_944_4e-4), y);
            let y = z.mul_add(Self::splat(-0.5), y);
            e.mul_add(Self::splat(0.693_359_375), m.add(y))
        }
    }
}

/// Factors of [`hash`].
const HASH: [u32; 3] = [0xed5a_d4bb, 0xac4c_1b51, 0x3184_8bab];
/// 2^-22.
const EVEN: f32 = 1.0 / (1 << 22) as f32;

/// A 32-bit hash with two keys: Wellons' "triple32", https://github.com/skeeto/hash-prospector,
/// with a key before and one after its first round.
#[inline(always)]
fn hash(key: [u32; 2], counter: u32) -> u32 {
    let mut x = counter ^ key[0];
    x = (x ^ (x >> 17)).wrapping_mul(HASH[0]).wrapping_add(key[1]);
    x = (x ^ (x >> 11)).wrapping_mul(HASH[1]);
    x = (x ^ (x >> 15)).wrapping_mul(HASH[2]);
    x ^ (x >> 14)
}

/// Lanes in plain Rust: correct on every CPU, and the reference for the others.
#[derive(Clone, Copy)]
pub(crate) struct Portable([f32; LANES]);

impl Portable {
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        Self(std::array::from_fn(|i| f(self.0[i], other.0[i])))
    }
}

impl Lanes for Portable {
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
    unsafe fn store_fours(vectors: [Self; 4], target: *mut [f32; 4]) {
        for t in 0..LANES {
            unsafe { target.add(t).write(vectors.map(|v| v.0[t])) };
        }
    }
}

/// Two 256-bit registers.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub(crate) struct Avx2(__m256, __m256);

#[cfg(target_arch = "x86_64")]
impl Lanes for Avx2 {
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

#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn sum_eight(v: __m256) -> f32 {
    unsafe {
        let four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
        let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
        _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
    }
}

/// One 512-bit register.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub(crate) struct Avx512(__m512);

#[cfg(target_arch = "x86_64")]
impl Lanes for Avx512 {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::kernel::InstructionSet;

    fn run<V: Lanes>(x: &[f32; LANES], y: &[f32; LANES]) -> Vec<u32> {
        let mut bits = Vec::new();
        // SAFETY: called only for instruction sets this CPU has; all arrays hold sixteen values.
        unsafe {
            let (a, b) = (V::load(x.as_ptr()), V::load(y.as_ptr()));
            let size = a.max(V::splat(0.0).sub(a)).max(V::splat(1e-30));
            let (mantissa, exponent) = size.split_exponent();
            for v in [
                a.add(b),
                a.sub(b),
                a.mul(b),
                a.div(b),
                a.max(b),
                a.min(b),
                a.mul_add(b, a),
                a.round_ties_even(),
                a.exp(),
                size.ln(),
                size.sqrt(),
                mantissa,
                exponent,
                a.if_positive(b, a),
                V::even([x[0].to_bits(), x[1].to_bits()], y[0].to_bits()),
            ] {
                let mut out = [0.0; LANES];
                v.store(out.as_mut_ptr());
                bits.extend(out.map(f32::to_bits));
            }
            bits.push(a.mul(b).sum().to_bits());
            let mut vectors = [[0.0; LANES]; LANES];
            for (i, vector) in vectors.iter_mut().enumerate() {
                a.mul(V::splat(x[i])).add(b).store(vector.as_mut_ptr());
            }
            let mut sums = [0.0; LANES];
            V::sum_each(&vectors).store(sums.as_mut_ptr());
            let mut fours = [[0.0; 4]; LANES];
            V::store_fours([a, b, size, exponent], fours.as_mut_ptr());
            bits.extend(fours.as_flattened().iter().map(|v| v.to_bits()));
            for (vector, sum) in vectors.iter().zip(sums) {
                assert_eq!(V::load(vector.as_ptr()).sum().to_bits(), sum.to_bits());
                bits.push(sum.to_bits());
            }
        }
        bits
    }

    proptest::proptest! {
        #[test]
        fn every_instruction_set_gives_the_same_bits(
            x in proptest::array::uniform16(-90.0_f32..90.0),
            y in proptest::array::uniform16(-2.0_f32..2.0),
        ) {
            let expected = run::<Portable>(&x, &y);
            #[cfg(target_arch = "x86_64")]
            for set in InstructionSet::available() {
                let bits = match set {
                    InstructionSet::Portable => continue,
                    InstructionSet::Avx2 => run::<Avx2>(&x, &y),
                    InstructionSet::Avx512 => run::<Avx512>(&x, &y),
                };
                assert_eq!(bits, expected, "{set:?}");
            }
        }

        #[test]
        fn exp_and_ln_are_accurate(x in -87.0_f32..87.0) {
            let mut out = [[0.0; LANES]; 2];
            // SAFETY: `Portable` runs everywhere, and both arrays hold sixteen values.
            unsafe {
                let e = Portable::splat(x).exp();
                e.store(out[0].as_mut_ptr());
                e.ln().store(out[1].as_mut_ptr());
            }
            let truth = f64::from(x).exp();
            assert!((f64::from(out[0][0]) / truth - 1.0).abs() < 3e-7, "exp {x}: {}", out[0][0]);
            let back = f64::from(out[0][0]).ln();
            assert!((f64::from(out[1][0]) - back).abs() < 3e-7 * back.abs().max(1.0), "ln of exp {x}");
        }
    }
}
