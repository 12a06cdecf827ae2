//! Linear and rank correlation, and the Fisher transformation.

use crate::{rank::average_ranks, summary::mean};
use ndarray::{Array1, Array2, ArrayView2, Zip};

/// Largest |r| that [`fisher_z`] tells apart from a perfect correlation: 1 − 10⁻⁶.
pub const FISHER_LIMIT: f64 = 1.0 - 1e-6;

/// Pearson's r = Σ(x − x̄)(y − ȳ) / √(Σ(x − x̄)² Σ(y − ȳ)²), in [−1, 1].
///
/// NaN where it is undefined: fewer than two values, or one side constant. Two passes, O(n).
///
/// # Panics
/// If the lengths differ.
///
/// ```
/// use emotome_stats::correlation::pearson;
/// assert_eq!(pearson(&[1.0, 2.0, 3.0], &[5.0, 3.0, 1.0]), -1.0);
/// assert!(pearson(&[1.0, 1.0], &[1.0, 2.0]).is_nan());
/// ```
#[must_use]
pub fn pearson(x: &[f64], y: &[f64]) -> f64 {
    assert_eq!(x.len(), y.len(), "correlation needs pairs of values");
    weighted_pearson(x.iter().zip(y).map(|(&x, &y)| (x, y, 1.0)))
}

/// Pearson's r of `(x, y, weight)` triples, weights ≥ 0 counting as repeats.
///
/// NaN where it is undefined, including for a total weight of zero.
#[must_use]
pub fn weighted_pearson(values: impl Iterator<Item = (f64, f64, f64)> + Clone) -> f64 {
    let (mut total, mut sum_x, mut sum_y) = (0.0, 0.0, 0.0);
    let mut range = [
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::INFINITY,
        f64::NEG_INFINITY,
    ];
    for (x, y, w) in values.clone().filter(|v| v.2 != 0.0) {
        total += w;
        sum_x += w * x;
        sum_y += w * y;
        range = [
            range[0].min(x),
            range[1].max(x),
            range[2].min(y),
            range[3].max(y),
        ];
    }
    if range[0] >= range[1] || range[2] >= range[3] {
        return f64::NAN;
    }
    let (mean_x, mean_y) = (sum_x / total, sum_y / total);
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for (x, y, w) in values {
        let (dx, dy) = (x - mean_x, y - mean_y);
        xx += w * dx * dx;
        yy += w * dy * dy;
        xy += w * dx * dy;
    }
    correlation_of(xx, yy, xy)
}

/// xy / √(xx yy), in [−1, 1]; sums of squares too small or large to multiply get a root each.
pub(crate) fn correlation_of(xx: f64, yy: f64, xy: f64) -> f64 {
    let product = xx * yy;
    let scale = if product.is_normal() {
        product.sqrt()
    } else {
        xx.sqrt() * yy.sqrt()
    };
    (xy / scale).clamp(-1.0, 1.0)
}

/// Spearman's ρ: Pearson's r of the average ranks. O(n log n).
///
/// # Panics
/// If the lengths differ.
#[must_use]
pub fn spearman(x: &[f64], y: &[f64]) -> f64 {
    pearson(&average_ranks(x), &average_ranks(y))
}

/// Fisher's z = atanh r, with |r| clipped to [`FISHER_LIMIT`] so that averages stay finite.
#[must_use]
pub fn fisher_z(r: f64) -> f64 {
    // The library's atanh is not odd near −1.
    r.abs().min(FISHER_LIMIT).atanh().copysign(r)
}

/// The correlation of a Fisher z: tanh z.
#[must_use]
pub fn fisher_r(z: f64) -> f64 {
    z.tanh()
}

/// The mean of correlations in Fisher z, as a correlation; NaN of nothing.
#[must_use]
pub fn fisher_mean(correlations: &[f64]) -> f64 {
    let z: Vec<f64> = correlations.iter().map(|&r| fisher_z(r)).collect();
    fisher_r(mean(&z))
}

/// Pearson's r of every column of `a` (n × p) with every column of `b` (n × q), p × q.
///
/// Constant columns give NaN. O(n p q) in one matrix product.
///
/// # Panics
/// If the numbers of rows differ.
#[must_use]
pub fn cross_correlation(a: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>) -> Array2<f64> {
    assert_eq!(
        a.nrows(),
        b.nrows(),
        "correlation needs the same rows on both sides"
    );
    let mut r = standardised(a).t().dot(&standardised(b));
    r.mapv_inplace(|r| r.clamp(-1.0, 1.0));
    r
}

/// The power of two at or below the largest |x|: divided by it, which rounds nothing, values have finite sums of squares.
///
/// 1 where no value is finite and other than 0. O(n).
///
/// ```
/// use emotome_stats::correlation::magnitude;
/// assert_eq!(magnitude([-5.0, 3.0].into_iter()), 4.0);
/// assert_eq!(magnitude([0.0].into_iter()), 1.0);
/// ```
#[must_use]
pub fn magnitude(values: impl Iterator<Item = f64>) -> f64 {
    const EXPONENT: u64 = 0x7ff << 52;
    let largest = values
        .map(f64::abs)
        .filter(|x| x.is_finite())
        .fold(0.0, f64::max);
    if largest > 0.0 {
        f64::from_bits(largest.to_bits() & EXPONENT).max(f64::MIN_POSITIVE)
    } else {
        1.0
    }
}

/// The columns, centred and of unit length; constant ones become NaN. Three passes, row by row.
#[must_use]
pub fn standardised(a: ArrayView2<'_, f64>) -> Array2<f64> {
    let mut out = a.as_standard_layout().into_owned();
    let scale: Array1<f64> = a
        .columns()
        .into_iter()
        .map(|column| magnitude(column.iter().copied()))
        .collect();
    out.rows_mut().into_iter().for_each(|mut row| row /= &scale);
    let n = out.nrows() as f64;
    let mut centre = Array1::<f64>::zeros(out.ncols());
    out.rows().into_iter().for_each(|row| centre += &row);
    centre /= n;
    let mut length = Array1::<f64>::zeros(out.ncols());
    for mut row in out.rows_mut() {
        row -= &centre;
        Zip::from(&mut length)
            .and(&row)
            .for_each(|l, &x| *l += x * x);
    }
    length.mapv_inplace(f64::sqrt);
    // Rounding may leave a constant column a spurious spread: compare its values themselves.
    for (column, length) in a.columns().into_iter().zip(&mut length) {
        if column.iter().all(|x| column.first() == Some(x)) {
            *length = f64::NAN;
        }
    }
    out.rows_mut()
        .into_iter()
        .for_each(|mut row| row /= &length);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_perfect_correlation_has_a_finite_z() {
        assert!(fisher_z(1.0).is_finite() && fisher_z(-1.0) == -fisher_z(1.0));
        assert!(fisher_mean(&[1.0, 0.0]) < 1.0);
        assert!((fisher_r(fisher_z(0.3)) - 0.3).abs() < 1e-14);
    }

    #[test]
    fn weights_count_as_repeats() {
        let (x, y) = ([1.0, 2.0, 5.0], [2.0, 1.0, 9.0]);
        let weighted = weighted_pearson((0..3).map(|i| (x[i], y[i], [2.0, 0.0, 1.0][i])));
        assert!((weighted - pearson(&[1.0, 1.0, 5.0], &[2.0, 2.0, 9.0])).abs() < 1e-15);
    }

    #[test]
    fn tiny_values_do_not_underflow() {
        assert_eq!(
            pearson(&[1e-160, 2e-160, 3e-160], &[1e-160, 2e-160, 3e-160]),
            1.0
        );
    }

    #[test]
    fn scales_of_any_size_leave_correlations_as_they_are() {
        let a = Array2::from_shape_fn((40, 3), |(i, d)| ((i * (d + 1)) as f64).sin() + 0.5);
        let r = cross_correlation(a.view(), a.view());
        for size in [1e305, 1e-300, 2f64.powi(1023), -1e200] {
            let scaled = a.mapv(|x| x / 2.0 * size);
            let again = cross_correlation(scaled.view(), a.view());
            let alike = r
                .iter()
                .zip(&again)
                .all(|(r, s)| (r.abs() - s.abs()).abs() < 1e-12);
            assert!(alike, "{size}: {again}");
        }
    }

    proptest! {
        #[test]
        fn correlations_stay_in_range_and_are_symmetric(
            v in proptest::collection::vec((-1e3..1e3, -1e3..1e3), 2..40),
        ) {
            let (x, y): (Vec<f64>, Vec<f64>) = v.into_iter().unzip();
            let r = pearson(&x, &y);
            prop_assert!(r.is_nan() || r.abs() <= 1.0);
            prop_assert!(r.is_nan() || r == pearson(&y, &x));
        }

        #[test]
        fn the_matrix_equals_the_pairs(values in proptest::collection::vec(-10.0..10.0_f64, 30)) {
            let a = Array2::from_shape_vec((10, 3), values).unwrap();
            let r = cross_correlation(a.view(), a.view());
            for ((i, j), &value) in r.indexed_iter() {
                let pair = pearson(&a.column(i).to_vec(), &a.column(j).to_vec());
                prop_assert!((value - pair).abs() < 1e-12);
            }
        }
    }
}
