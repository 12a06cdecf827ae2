//! Simple linear regression with the t-test of its slope.

use crate::{
    correlation::correlation_of,
    distribution::student_t_two_sided,
    summary::{mean, sum},
};
use serde::{Deserialize, Serialize};

/// The least-squares line y = intercept + slope · x.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Change of y per unit of x.
    pub slope: f64,
    /// y at x = 0.
    pub intercept: f64,
    /// Pearson's r of x and y.
    pub r: f64,
    /// Two-sided p of slope = 0, Student's t with n − 2 degrees of freedom.
    pub p: f64,
    /// Standard error of the slope.
    pub slope_se: f64,
}

/// Fits a line to points `(x, y)`, as `scipy.stats.linregress` does; O(n).
///
/// Returns `None` for fewer than three points or when all x are equal: there is no slope to test.
/// A perfect line has p = 0; a constant y has slope 0 and p = 1.
///
/// # Panics
/// If the lengths differ.
///
/// ```
/// let line = emotome_stats::regression::fit_line(&[0.0, 1.0, 2.0], &[1.0, 3.0, 5.0]).unwrap();
/// assert_eq!((line.slope, line.intercept, line.p), (2.0, 1.0, 0.0));
/// ```
#[must_use]
pub fn fit_line(x: &[f64], y: &[f64]) -> Option<Line> {
    assert_eq!(x.len(), y.len(), "a line needs pairs of values");
    let (mx, my) = (mean(x), mean(y));
    let moment = |a: &[f64], ma: f64, b: &[f64], mb: f64| {
        sum(a.iter().zip(b).map(|(a, b)| (a - ma) * (b - mb)))
    };
    let (xx, yy, xy) = (
        moment(x, mx, x, mx),
        moment(y, my, y, my),
        moment(x, mx, y, my),
    );
    if x.len() < 3 || xx == 0.0 {
        return None;
    }
    let df = (x.len() - 2) as f64;
    let slope = xy / xx;
    let r = if yy == 0.0 {
        0.0
    } else {
        correlation_of(xx, yy, xy)
    };
    // (1 − r)(1 + r) keeps the digits that 1 − r² loses near a perfect line.
    let unexplained = (1.0 - r) * (1.0 + r);
    Some(Line {
        slope,
        intercept: my - slope * mx,
        r,
        p: student_t_two_sided(r * (df / unexplained).sqrt(), df),
        slope_se: (unexplained * yy / xx / df).sqrt(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn degenerate_inputs_have_no_slope_or_a_flat_one() {
        assert_eq!(fit_line(&[1.0, 2.0], &[1.0, 2.0]), None);
        assert_eq!(fit_line(&[1.0; 5], &[1.0, 2.0, 3.0, 4.0, 5.0]), None);
        let flat = fit_line(&[1.0, 2.0, 3.0], &[4.0; 3]).unwrap();
        assert_eq!((flat.slope, flat.r, flat.p), (0.0, 0.0, 1.0));
    }
}
