//! Sixteen `f32` lanes: the one vector shape of all kernels.
//!
//! Each instruction set implements the same sixteen-lane operations, each lane correctly rounded
//! (fused multiply-add included) and each reduction in the same tree. AVX-512, AVX2 and portable
//! code therefore give bit-identical results; only their speed differs.
//!
//! A kernel is a [`Task`], written once over [`Lanes`] and run by an [`InstructionSet`]. Code that
//! runs inside a task uses no closures: the compiler does not inline vector instructions into them.

#![allow(unsafe_code)]
// The trait says once what all its methods demand.
#![allow(clippy::missing_safety_doc)]
// Constants stand as published.
#![allow(clippy::excessive_precision)]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod doubles;
mod portable;

mod set;

#[cfg(target_arch = "x86_64")]
pub use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub use avx512::Avx512;
pub use doubles::Doubles;
pub use portable::Portable;
pub use set::{InstructionSet, Task};

/// Lanes in a vector; rows of matrices are padded to a multiple of it.
pub const LANES: usize = 16;

/// Sixteen `f32` values and the operations the kernels need.
///
/// # Safety
/// Every method may only run on a CPU with the instruction set of the implementation;
/// [`InstructionSet`] checks this once, where it is chosen.
pub trait Lanes: Copy {
    /// Eight `f64` values under the same instruction set.
    type Doubles: Doubles;
    /// Vectors of a row that have two accumulators each in registers at once.
    const PANEL: usize;

    /// `value` in every lane.
    unsafe fn splat(value: f32) -> Self;
    /// Sixteen values from memory, at any alignment.
    unsafe fn load(source: *const f32) -> Self;
    /// Sixteen signed bytes as numbers.
    unsafe fn from_bytes(source: *const i8) -> Self;
    /// The lower four bits of sixteen bytes as numbers from 0 to 15, and the upper four.
    unsafe fn from_nibbles(source: *const u8) -> (Self, Self);
    /// Sixteen values to memory, at any alignment.
    unsafe fn store(self, target: *mut f32);
    /// `self + other`.
    unsafe fn add(self, other: Self) -> Self;
    /// `self − other`.
    unsafe fn sub(self, other: Self) -> Self;
    /// `self · other`.
    unsafe fn mul(self, other: Self) -> Self;
    /// `self / other`.
    unsafe fn div(self, other: Self) -> Self;
    /// √self.
    unsafe fn sqrt(self) -> Self;
    /// The larger; `other` wins ties and wherever one is NaN.
    unsafe fn max(self, other: Self) -> Self;
    /// The smaller; `other` wins ties and wherever one is NaN.
    unsafe fn min(self, other: Self) -> Self;
    /// `self · factor + addend`, rounded once.
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self;
    /// The nearest integer, ties to even.
    unsafe fn round_ties_even(self) -> Self;
    /// 2^self for integral self in −126..=127.
    unsafe fn exp2_integral(self) -> Self;
    /// `(mantissa in [0.5, 1), exponent)` of positive normal values.
    unsafe fn split_exponent(self) -> (Self, Self);
    /// Numbers spread evenly over (−1, 1), symmetric around 0: (k + ½)/2^22 − 1 with the upper 23
    /// bits k of a hash of `first`, `first + 1`, … under `key`.
    unsafe fn even(key: [u32; 2], first: u32) -> Self;
    /// Where `self > 0`: `yes`, else `no`.
    unsafe fn if_positive(self, yes: Self, no: Self) -> Self;
    /// The sum of the lanes, halves added first: 16 → 8 → 4 → 2 → 1.
    unsafe fn sum(self) -> f32;
    /// The [`sum`](Self::sum) of each of sixteen vectors, a vector a lane.
    unsafe fn sum_each(vectors: &[[f32; LANES]; LANES]) -> Self;
    /// Writes the transpose of sixteen rows of sixteen values, `stride` apart, one after the other:
    /// `target[16 c + r] = rows[stride · r + c]`.
    unsafe fn transpose(rows: *const f32, stride: usize, target: *mut f32);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn run<V: Lanes>(x: &[f32; LANES], y: &[f32; LANES]) -> Vec<u32> {
        let mut bits = Vec::new();
        // SAFETY: called only for instruction sets this CPU has; all arrays hold sixteen values.
        unsafe {
            let (a, b) = (V::load(x.as_ptr()), V::load(y.as_ptr()));
            let size = a.max(V::splat(0.0).sub(a)).max(V::splat(1e-30));
            let (mantissa, exponent) = size.split_exponent();
            let bytes = x.map(|x| (x * 1.4) as i8);
            let (low, high) = V::from_nibbles(bytes.as_ptr().cast());
            for v in [
                V::from_bytes(bytes.as_ptr()),
                low,
                high,
                high.mul(V::splat(16.0)).add(low),
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
            let mut columns = [[0.0; LANES]; LANES];
            V::transpose(vectors.as_ptr().cast(), LANES, columns.as_mut_ptr().cast());
            for (r, row) in vectors.iter().enumerate() {
                assert_eq!(
                    *row,
                    columns.map(|column| column[r]),
                    "row {r} is not transposed"
                );
            }
            for (vector, sum) in vectors.iter().zip(sums) {
                assert_eq!(V::load(vector.as_ptr()).sum().to_bits(), sum.to_bits());
                bits.push(sum.to_bits());
            }
        }
        bits
    }

    fn run_doubles<D: Doubles>(x: &[f64; 8], y: &[f64; 8]) -> [u64; 8] {
        let mut out = [0.0; 8];
        // SAFETY: called only for instruction sets this CPU has; all arrays hold eight values.
        unsafe {
            let (a, b) = (D::load(x.as_ptr()), D::load(y.as_ptr()));
            a.mul_add(b, D::splat(y[0])).add(a).store(out.as_mut_ptr());
        }
        out.map(f64::to_bits)
    }

    proptest::proptest! {
        #[test]
        fn doubles_are_fused_and_rounded_once_everywhere(
            x in proptest::array::uniform8(-90.0_f64..90.0),
            y in proptest::array::uniform8(-2.0_f64..2.0),
        ) {
            let expected: [u64; 8] = std::array::from_fn(|i| (x[i].mul_add(y[i], y[0]) + x[i]).to_bits());
            #[cfg(target_arch = "x86_64")]
            for set in InstructionSet::available() {
                let bits = match set {
                    InstructionSet::Portable => run_doubles::<<Portable as Lanes>::Doubles>(&x, &y),
                    InstructionSet::Avx2 => run_doubles::<<Avx2 as Lanes>::Doubles>(&x, &y),
                    InstructionSet::Avx512 => run_doubles::<<Avx512 as Lanes>::Doubles>(&x, &y),
                };
                assert_eq!(bits, expected, "{set:?}");
            }
            assert_eq!(run_doubles::<<Portable as Lanes>::Doubles>(&x, &y), expected);
        }

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
