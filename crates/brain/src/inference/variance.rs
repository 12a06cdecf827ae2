//! From bootstraps over stimuli, subjects and both to the variance that new ones would have, and its tests.

use emotome_stats::distribution::student_t_two_sided;
use ndarray::Array2;
use serde::{Deserialize, Serialize};

/// Variances of agreements, of their differences, and of their distances from the noise ceiling.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Variances {
    /// Of each model's agreement.
    pub models: Vec<f64>,
    /// Of the difference of models (0,1), (0,2), …, in the order of pairs.
    pub differences: Vec<f64>,
    /// Of the difference of each model from the lower and the upper noise ceiling.
    pub ceilings: Vec<[f64; 2]>,
}

/// p-values of models, from t tests with the variances of a bootstrap.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelTests {
    /// Degrees of freedom.
    pub degrees: f64,
    /// One-sided, against 0.
    pub zero: Vec<f64>,
    /// Two-sided, of each pair of models; 1 on the diagonal.
    pub pairwise: Array2<f64>,
    /// Two-sided, against the lower noise ceiling.
    pub ceiling: Vec<f64>,
}

/// The variances in a covariance of agreements followed by `ceilings` noise ceilings, the lower and the upper (2) or none (0).
///
/// As `extract_variances` of rsatoolbox does before correction. O(m²).
#[must_use]
pub fn of_covariance(covariance: &Array2<f64>, ceilings: usize) -> Variances {
    let m = covariance.nrows().saturating_sub(ceilings);
    let apart =
        |i: usize, j: usize| covariance[[i, i]] + covariance[[j, j]] - 2.0 * covariance[[i, j]];
    Variances {
        models: (0..m).map(|i| covariance[[i, i]]).collect(),
        differences: (0..m)
            .flat_map(|i| (i + 1..m).map(move |j| (i, j)))
            .map(|(i, j)| apart(i, j))
            .collect(),
        ceilings: match ceilings {
            2 => (0..m).map(|i| [apart(i, m), apart(i, m + 1)]).collect(),
            _ => Vec::new(),
        },
    }
}

impl Variances {
    fn join(parts: &[&Self], f: impl Fn(&[f64]) -> f64) -> Self {
        let each =
            |of: &dyn Fn(&Self) -> f64| f(&parts.iter().map(|part| of(part)).collect::<Vec<_>>());
        let first = parts[0];
        Self {
            models: (0..first.models.len())
                .map(|i| each(&|v| v.models[i]))
                .collect(),
            differences: (0..first.differences.len())
                .map(|i| each(&|v| v.differences[i]))
                .collect(),
            ceilings: (0..first.ceilings.len())
                .map(|i| [0, 1].map(|c| each(&|v| v.ceilings[i][c])))
                .collect(),
        }
    }

    /// Variances of a bootstrap over one factor of n units, × n/(n − 1).
    #[must_use]
    pub fn corrected(&self, n: usize) -> Self {
        let n = n as f64;
        Self::join(&[self], |v| v[0] * n / (n - 1.0))
    }
}

/// The variance over new subjects and new stimuli at once, from three bootstraps.
///
/// With V_d of both, V_r of n_r subjects, V_p of n_p stimuli:
///
/// V = n_r/(n_r−1) V_r + n_p/(n_p−1) V_p − n_p n_r/((n_p−1)(n_r−1)) (V_d − V_r − V_p),
///
/// raised first to the larger of the two corrected single variances, then lowered to V_d. The order
/// matters where both apply: V_d has the last word, as in rsatoolbox.
///
/// Schütt et al. (2023), doi:10.7554/eLife.82566.
#[must_use]
pub fn dual(
    both: &Variances,
    subjects: &Variances,
    stimuli: &Variances,
    n_r: usize,
    n_p: usize,
) -> Variances {
    let factor = |n: usize| n as f64 / (n as f64 - 1.0);
    let (fr, fp) = (factor(n_r), factor(n_p));
    Variances::join(&[both, subjects, stimuli], |v| {
        let [d, r, p] = [v[0], v[1], v[2]];
        let raw = fr * r + fp * p - fr * fp * (d - r - p);
        raw.max(fr * r).max(fp * p).min(d)
    })
}

/// t tests of agreements with given variances, as rsatoolbox makes them.
///
/// Against 0 one-sided; between models and against the lower ceiling two-sided. No variance is
/// taken to be below 2.2·10⁻¹⁶. O(m²).
#[must_use]
pub fn t_tests(
    agreements: &[f64],
    lower_ceiling: f64,
    variances: &Variances,
    degrees: f64,
) -> ModelTests {
    let t = |difference: f64, variance: f64| difference / variance.max(f64::EPSILON).sqrt();
    let m = agreements.len();
    let mut pairwise = Array2::ones((m, m));
    let places = (0..m).flat_map(|i| (i + 1..m).map(move |j| (i, j)));
    for ((i, j), &variance) in places.zip(&variances.differences) {
        let p = student_t_two_sided(t(agreements[i] - agreements[j], variance), degrees);
        pairwise[[i, j]] = p;
        pairwise[[j, i]] = p;
    }
    let ceiling = agreements.iter().zip(&variances.ceilings);
    ModelTests {
        degrees,
        zero: agreements
            .iter()
            .zip(&variances.models)
            .map(|(&a, &v)| student_t_upper(t(a, v), degrees))
            .collect(),
        pairwise,
        ceiling: ceiling
            .map(|(a, v)| student_t_two_sided(t(a - lower_ceiling, v[0]), degrees))
            .collect(),
    }
}

/// P(T_df > t).
#[must_use]
pub fn student_t_upper(t: f64, degrees: f64) -> f64 {
    let half = 0.5 * student_t_two_sided(t, degrees);
    if t > 0.0 { half } else { 1.0 - half }
}
