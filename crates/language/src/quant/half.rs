//! Numbers of sixteen bits.

/// The value of an IEEE 754 half-precision number, which single precision holds exactly.
///
/// ```
/// use emotome_language::quant::f16_to_f32;
///
/// assert_eq!(f16_to_f32(0x3555), 0.333_251_95);
/// ```
#[must_use]
pub const fn f16_to_f32(bits: u16) -> f32 {
    let sign = (bits as u32 & 0x8000) << 16;
    let (exponent, fraction) = (bits as u32 >> 10 & 0x1f, bits as u32 & 0x3ff);
    match exponent {
        // 2^-24 is the least number above zero, and fractions of 10 bits are exact.
        0 => {
            let magnitude = fraction as f32 * f32::from_bits((127 - 24) << 23);
            f32::from_bits(sign | magnitude.to_bits())
        }
        31 => f32::from_bits(sign | 0xff << 23 | fraction << 13),
        _ => f32::from_bits(sign | (exponent + 127 - 15) << 23 | fraction << 13),
    }
}

/// The value of a bfloat16 number: the upper half of a single-precision one.
///
/// ```
/// use emotome_language::quant::bf16_to_f32;
///
/// assert_eq!(bf16_to_f32(0x3f80), 1.0);
/// ```
#[must_use]
pub const fn bf16_to_f32(bits: u16) -> f32 {
    f32::from_bits((bits as u32) << 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_is_its_sum_of_powers_of_two() {
        for bits in 0..=u16::MAX {
            let value = f16_to_f32(bits);
            let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
            let magnitude = match exponent {
                31 if fraction > 0.0 => {
                    assert!(value.is_nan(), "{bits:04x}");
                    continue;
                }
                31 => f64::INFINITY,
                0 => fraction * 2f64.powi(-24),
                _ => (1024.0 + fraction) * 2f64.powi(exponent - 25),
            };
            assert_eq!(f64::from(value.abs()), magnitude, "{bits:04x}");
            assert_eq!(value.is_sign_negative(), bits >> 15 == 1, "{bits:04x}");
        }
    }
}
