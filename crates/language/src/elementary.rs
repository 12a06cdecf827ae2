//! Elementary functions in double precision with the same bits on every machine.
//!
//! The system's mathematical library differs between systems, and within one between processors.
//! Here are additions, multiplications and divisions alone, each correctly rounded. Errors are
//! below 4·10⁻¹⁶ of the result (of 1, for sine and cosine).

use std::f64::consts::{FRAC_2_PI, LN_2, LOG2_E};

/// ln x for positive normal x: x = 2^e m with m in [√½, √2), ln m = 2 artanh((m − 1)/(m + 1)).
pub(crate) fn ln(x: f64) -> f64 {
    debug_assert!(x.is_normal() && x > 0.0);
    let mut exponent = (x.to_bits() >> 52) as i64 - 1023;
    let mut mantissa = f64::from_bits(x.to_bits() & ((1 << 52) - 1) | 1023 << 52);
    if mantissa > std::f64::consts::SQRT_2 {
        mantissa *= 0.5;
        exponent += 1;
    }
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let square = s * s;
    let mut sum = 0.0;
    for odd in (1..=23).rev().step_by(2) {
        sum = sum * square + 1.0 / f64::from(odd);
    }
    exponent as f64 * LN_2 + 2.0 * s * sum
}

/// e^x for |x| ≤ 700: x = k ln 2 + r, Taylor's series in r.
pub(crate) fn exp(x: f64) -> f64 {
    debug_assert!(x.abs() <= 700.0);
    /// The upper bits of ln 2, so that products with k are exact, and the rest.
    const LN_2_PARTS: [f64; 2] = [6.931_471_803_691_238e-1, 1.908_214_929_270_587_7e-10];
    let k = (x * LOG2_E).round_ties_even();
    let r = x - k * LN_2_PARTS[0] - k * LN_2_PARTS[1];
    let mut sum = 1.0;
    for i in (1..=14).rev() {
        sum = sum * r / f64::from(i) + 1.0;
    }
    sum * f64::from_bits(((k as i64 + 1023) as u64) << 52)
}

/// The largest angle whose sine and cosine are accurate.
pub(crate) const MOST_ANGLE: f64 = 1e7;

/// (sin x, cos x) for |x| ≤ 10⁷: x = k π/2 + r, Taylor's series in r.
pub(crate) fn sin_cos(x: f64) -> (f64, f64) {
    debug_assert!(x.abs() <= MOST_ANGLE);
    /// The upper 33 bits of π/2, so that products with k are exact, the next 33, and the rest.
    const HALF_PI: [f64; 3] = [
        1.570_796_326_734_125_6,
        6.077_100_506_303_966e-11,
        2.022_266_248_795_950_6e-21,
    ];
    let k = (x * FRAC_2_PI).round_ties_even();
    let r = x - k * HALF_PI[0] - k * HALF_PI[1] - k * HALF_PI[2];
    let square = r * r;
    let (mut sin, mut cos) = (1.0, 1.0);
    for i in (1..=9).rev() {
        let i = f64::from(2 * i);
        sin = 1.0 - sin * square / (i * (i + 1.0));
        cos = 1.0 - cos * square / (i * (i - 1.0));
    }
    let sin = sin * r;
    match k as i64 & 3 {
        0 => (sin, cos),
        1 => (cos, -sin),
        2 => (-sin, -cos),
        _ => (-cos, sin),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn logarithms_and_powers_are_accurate(x in 1e-6_f64..1e9, y in -40.0_f64..40.0) {
            assert!((ln(x) - x.ln()).abs() <= 4e-16 * x.ln().abs().max(1.0), "ln {x}: {} for {}", ln(x), x.ln());
            assert!((exp(y) / y.exp() - 1.0).abs() <= 5e-16, "exp {y}: {} for {}", exp(y), y.exp());
        }

        #[test]
        fn angles_up_to_a_million_positions_are_accurate(x in 0.0_f64..1e6) {
            let (sin, cos) = sin_cos(x);
            assert!((sin - x.sin()).abs() <= 4e-16, "sin {x}: {sin} for {}", x.sin());
            assert!((cos - x.cos()).abs() <= 4e-16, "cos {x}: {cos} for {}", x.cos());
        }
    }

    #[test]
    fn exact_points_are_exact() {
        assert_eq!((ln(1.0), exp(0.0), sin_cos(0.0)), (0.0, 1.0, (0.0, 1.0)));
    }
}
