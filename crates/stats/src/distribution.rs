//! The few distribution functions that tests and intervals need.

use statrs::function::{beta::beta_reg, erf, gamma::gamma_ur};
use std::f64::consts::SQRT_2;

/// Φ(x), the standard normal distribution function, accurate in both tails.
#[must_use]
pub fn normal_cdf(x: f64) -> f64 {
    0.5 * erf::erfc(-x / SQRT_2)
}

/// Φ⁻¹(p), the standard normal quantile; ±∞ at 0 and 1.
#[must_use]
pub fn normal_quantile(p: f64) -> f64 {
    -SQRT_2 * erf::erfc_inv(2.0 * p)
}

/// P(χ²_df > x), the upper tail of the chi-squared distribution; NaN unless df > 0.
#[must_use]
pub fn chi_squared_sf(x: f64, df: f64) -> f64 {
    match (x, df) {
        (x, df) if x.is_nan() || df.is_nan() || df <= 0.0 => f64::NAN,
        (x, _) if x <= 0.0 => 1.0,
        (f64::INFINITY, _) => 0.0,
        _ => gamma_ur(df / 2.0, x / 2.0),
    }
}

/// P(|T_df| > |t|), the two-sided tail of Student's t; NaN unless df > 0.
#[must_use]
pub fn student_t_two_sided(t: f64, df: f64) -> f64 {
    match (t, df) {
        (t, df) if t.is_nan() || df.is_nan() || df <= 0.0 => f64::NAN,
        (t, _) if t.is_infinite() => 0.0,
        _ => beta_reg(df / 2.0, 0.5, df / (df + t * t)),
    }
}

/// The t ≥ 0 with P(|T_df| > t) = p, by bisection; NaN unless df > 0 and 0 < p < 1.
///
/// ```
/// use emotome_stats::distribution::student_t_quantile;
/// assert!((student_t_quantile(0.05, 4.0) - 2.776_445).abs() < 1e-6);
/// ```
#[must_use]
pub fn student_t_quantile(p: f64, df: f64) -> f64 {
    let sound = df > 0.0 && p > 0.0 && p < 1.0;
    if !sound {
        return f64::NAN;
    }
    let (mut low, mut high) = (0.0, 1.0);
    while student_t_two_sided(high, df) > p {
        (low, high) = (high, 2.0 * high);
    }
    for _ in 0..80 {
        let middle = f64::midpoint(low, high);
        if student_t_two_sided(middle, df) > p {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}
