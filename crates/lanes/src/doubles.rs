//! Eight `f64` lanes, for sums that need more digits.

#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

/// Eight `f64` values. All instruction sets give the same bits.
///
/// # Safety
/// As for [`Lanes`](super::Lanes): a method may only run on a CPU with the instructions of the implementation.
pub trait Doubles: Copy {
    /// `value` in every lane.
    unsafe fn splat(value: f64) -> Self;
    /// Eight values from memory, at any alignment.
    unsafe fn load(source: *const f64) -> Self;
    /// Eight values to memory, at any alignment.
    unsafe fn store(self, target: *mut f64);
    /// `self + other`.
    unsafe fn add(self, other: Self) -> Self;
    /// `self · factor + addend`, rounded once.
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self;
}

/// Plain Rust.
#[derive(Clone, Copy)]
pub struct Portable([f64; 8]);

impl Doubles for Portable {
    #[inline(always)]
    unsafe fn splat(value: f64) -> Self {
        Self([value; 8])
    }
    #[inline(always)]
    unsafe fn load(source: *const f64) -> Self {
        Self(unsafe { source.cast::<[f64; 8]>().read_unaligned() })
    }
    #[inline(always)]
    unsafe fn store(self, target: *mut f64) {
        unsafe { target.cast::<[f64; 8]>().write_unaligned(self.0) }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] + other.0[i]))
    }
    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        Self(std::array::from_fn(|i| {
            self.0[i].mul_add(factor.0[i], addend.0[i])
        }))
    }
}

/// Two 256-bit registers.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub struct Avx2(__m256d, __m256d);

#[cfg(target_arch = "x86_64")]
impl Doubles for Avx2 {
    #[inline(always)]
    unsafe fn splat(value: f64) -> Self {
        unsafe { Self(_mm256_set1_pd(value), _mm256_set1_pd(value)) }
    }
    #[inline(always)]
    unsafe fn load(source: *const f64) -> Self {
        unsafe { Self(_mm256_loadu_pd(source), _mm256_loadu_pd(source.add(4))) }
    }
    #[inline(always)]
    unsafe fn store(self, target: *mut f64) {
        unsafe {
            _mm256_storeu_pd(target, self.0);
            _mm256_storeu_pd(target.add(4), self.1);
        }
    }
    #[inline(always)]
    unsafe fn add(self, o: Self) -> Self {
        unsafe { Self(_mm256_add_pd(self.0, o.0), _mm256_add_pd(self.1, o.1)) }
    }
    #[inline(always)]
    unsafe fn mul_add(self, f: Self, a: Self) -> Self {
        unsafe {
            Self(
                _mm256_fmadd_pd(self.0, f.0, a.0),
                _mm256_fmadd_pd(self.1, f.1, a.1),
            )
        }
    }
}

/// One 512-bit register.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub struct Avx512(__m512d);

#[cfg(target_arch = "x86_64")]
impl Doubles for Avx512 {
    #[inline(always)]
    unsafe fn splat(value: f64) -> Self {
        unsafe { Self(_mm512_set1_pd(value)) }
    }
    #[inline(always)]
    unsafe fn load(source: *const f64) -> Self {
        unsafe { Self(_mm512_loadu_pd(source)) }
    }
    #[inline(always)]
    unsafe fn store(self, target: *mut f64) {
        unsafe { _mm512_storeu_pd(target, self.0) }
    }
    #[inline(always)]
    unsafe fn add(self, o: Self) -> Self {
        unsafe { Self(_mm512_add_pd(self.0, o.0)) }
    }
    #[inline(always)]
    unsafe fn mul_add(self, f: Self, a: Self) -> Self {
        unsafe { Self(_mm512_fmadd_pd(self.0, f.0, a.0)) }
    }
}
