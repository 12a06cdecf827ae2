//! Sums, means, deviations and quantiles that do not depend on the number of threads.

/// Σ x, compensated (Neumaier 1974, doi:10.1002/zamm.19740540106): the error does not grow with the length.
///
/// ```
/// assert_eq!(emotome_stats::summary::sum([1.0, 1e100, 1.0, -1e100]), 2.0);
/// ```
#[must_use]
pub fn sum(values: impl IntoIterator<Item = f64>) -> f64 {
    let (mut total, mut lost) = (0.0_f64, 0.0_f64);
    for x in values {
        let next = total + x;
        lost += if total.abs() >= x.abs() {
            (total - next) + x
        } else {
            (x - next) + total
        };
        total = next;
    }
    if total.is_finite() {
        total + lost
    } else {
        total
    }
}

/// The arithmetic mean; NaN of nothing.
#[must_use]
pub fn mean(values: &[f64]) -> f64 {
    sum(values.iter().copied()) / values.len() as f64
}

/// The sample variance Σ (x − x̄)² / (n − 1); NaN of fewer than two values.
#[must_use]
pub fn variance(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return f64::NAN;
    }
    let centre = mean(values);
    sum(values.iter().map(|x| (x - centre).powi(2))) / (values.len() - 1) as f64
}

/// The sample standard deviation, the root of [`variance`].
#[must_use]
pub fn standard_deviation(values: &[f64]) -> f64 {
    variance(values).sqrt()
}

/// The quantile of `sorted` (ascending) at `probability` in [0, 1], linear between order statistics.
///
/// Type 7 of Hyndman & Fan (1996, doi:10.2307/2684934), numpy's default. NaN of nothing.
#[must_use]
pub fn quantile(sorted: &[f64], probability: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let place = probability.clamp(0.0, 1.0) * last as f64;
    let below = place as usize;
    let (a, b) = (sorted[below], sorted[(below + 1).min(last)]);
    if a == b {
        a
    } else {
        a + (place - below as f64) * (b - a)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compensation_keeps_what_a_plain_sum_loses() {
        let values = vec![0.1; 10_000_000];
        assert_eq!(sum(values.iter().copied()), 1e6);
        assert_ne!(values.iter().sum::<f64>(), 1e6);
    }

    #[test]
    fn infinities_and_nothing_are_passed_on() {
        assert_eq!(sum([1.0, f64::INFINITY]), f64::INFINITY);
        assert_eq!(
            quantile(&[1.0, f64::INFINITY, f64::INFINITY], 0.9),
            f64::INFINITY
        );
        assert!(mean(&[]).is_nan() && quantile(&[], 0.5).is_nan() && variance(&[1.0]).is_nan());
    }
}
