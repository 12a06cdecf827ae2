//! Tests of change over an ordered sequence of windows.

use emotome_stats::distribution::{chi_squared_sf, normal_cdf};
use serde::Serialize;

/// A test of a hypothesis. Field names are stable.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Test {
    /// The statistic: χ², or z where `df` is 0.
    pub statistic: f64,
    /// Degrees of freedom of χ².
    pub df: u32,
    /// The p-value; NaN (`null` in JSON) where the counts allow no test.
    pub p: f64,
}

impl Test {
    pub(crate) fn chi_squared(statistic: f64, df: u32) -> Self {
        Self {
            statistic,
            df,
            p: chi_squared_sf(statistic, f64::from(df)),
        }
    }
}

/// Σ n (s − s̄)² and the scores less their mean, for window counts `n` and scores 0, 1, 2, ….
fn centred_scores(n: impl Iterator<Item = f64> + Clone) -> (f64, Vec<f64>) {
    let total: f64 = n.clone().sum();
    let mean = n
        .clone()
        .enumerate()
        .map(|(w, n)| w as f64 * n)
        .sum::<f64>()
        / total;
    let scores: Vec<f64> = (0..n.clone().count()).map(|w| w as f64 - mean).collect();
    let spread = n.zip(&scores).map(|(n, s)| n * s * s).sum();
    (spread, scores)
}

/// Whether the shares of K outcomes change steadily from window to window, and by how much over all
/// windows: the score test of a linear trend in every log-odds, χ² with K − 1 degrees of freedom.
///
/// `χ² = Σ_k T_k² / (p_k S)` with `T_k = Σ_w (s_w − s̄) n_wk` and `S = Σ_w n_w (s_w − s̄)²`. For K = 2
/// this is the test of Cochran (1954, doi:10.2307/3001616) and Armitage (1955, doi:10.2307/3001775).
/// The second value is the fitted change of each share from the first window to the last. χ² is divided by
/// `design_effect`, 1 for independent trials.
#[must_use]
pub fn share_trend<const K: usize>(windows: &[[u64; K]], design_effect: f64) -> (Test, [f64; K]) {
    let sizes = windows.iter().map(|w| w.iter().sum::<u64>() as f64);
    let total: f64 = sizes.clone().sum();
    let (spread, scores) = centred_scores(sizes);
    let (mut chi2, mut change, mut seen) = (0.0, [0.0; K], 0_u32);
    for k in 0..K {
        let share = windows.iter().map(|w| w[k] as f64).sum::<f64>() / total;
        let trend: f64 = windows
            .iter()
            .zip(&scores)
            .map(|(w, s)| s * w[k] as f64)
            .sum();
        if share > 0.0 {
            chi2 += trend * trend / (share * spread);
            seen += 1;
        }
        change[k] = trend / spread * windows.len().saturating_sub(1) as f64;
    }
    let test = Test::chi_squared(chi2 / design_effect, seen.saturating_sub(1));
    (test, change)
}

/// Whether the shares of K outcomes differ between windows in any way: Pearson's χ² of the table, and
/// the standard deviation of a share beyond what sampling explains, averaged over the outcomes. χ² is
/// divided by `design_effect`, 1 for independent trials, and what sampling explains is multiplied by it.
#[must_use]
pub fn share_scatter<const K: usize>(windows: &[[u64; K]], design_effect: f64) -> (Test, f64) {
    let sizes: Vec<f64> = windows
        .iter()
        .map(|w| w.iter().sum::<u64>() as f64)
        .collect();
    let total: f64 = sizes.iter().sum();
    let rows = sizes.iter().filter(|&&n| n > 0.0).count() as u32;
    let (mut chi2, mut seen, mut between) = (0.0, 0_u32, 0.0);
    for k in 0..K {
        let share = windows.iter().map(|w| w[k] as f64).sum::<f64>() / total;
        if share > 0.0 {
            seen += 1;
            let cells = windows.iter().zip(&sizes).filter(|(_, n)| **n > 0.0);
            let squares: f64 = cells
                .map(|(w, n)| (w[k] as f64 - n * share).powi(2) / n)
                .sum();
            chi2 += squares / share;
            let sampling = share * (1.0 - share) * design_effect;
            between += squares - sampling * f64::from(rows.saturating_sub(1));
        }
    }
    let df = rows.saturating_sub(1) * seen.saturating_sub(1);
    let test = Test::chi_squared(chi2 / design_effect, df);
    let variance = between / total / f64::from(seen.max(1));
    (test, variance.max(0.0).sqrt())
}

/// Whether a series rises or falls steadily: S of Mann (1945, doi:10.2307/1907187) and Kendall, as z with
/// continuity correction and correction for ties. Values that are not finite are left out.
#[must_use]
pub fn mann_kendall(series: &[f64]) -> Test {
    let values: Vec<f64> = series.iter().copied().filter(|v| v.is_finite()).collect();
    let n = values.len() as f64;
    let mut s = 0.0;
    for (i, a) in values.iter().enumerate() {
        for b in &values[i + 1..] {
            s += f64::from(i8::from(b > a) - i8::from(b < a));
        }
    }
    let mut sorted = values.clone();
    sorted.sort_unstable_by(f64::total_cmp);
    let ties: f64 = sorted
        .chunk_by(|a, b| a == b)
        .map(|tied| tied.len() as f64)
        .map(|t| t * (t - 1.0) * (2.0 * t + 5.0))
        .sum();
    let variance = (n * (n - 1.0) * (2.0 * n + 5.0) - ties) / 18.0;
    let z = (s - f64::signum(s) * f64::from(u8::from(s != 0.0))) / variance.sqrt();
    Test {
        statistic: z,
        df: 0,
        p: 2.0 * normal_cdf(-z.abs()),
    }
}

/// Whether two classifications of the same things have the same shares: the test of Stuart (1955,
/// doi:10.1093/biomet/42.3-4.412) and Maxwell (1970) for a 3 × 3 table of counts, χ²(2).
#[must_use]
pub fn stuart_maxwell(table: &[[u64; 3]; 3]) -> Test {
    let n = |i: usize, j: usize| table[i][j] as f64;
    let d = [0, 1, 2].map(|i| (0..3).map(|j| n(i, j) - n(j, i)).sum::<f64>());
    // The pairwise means of what lies off the diagonal give the closed form of Fleiss & Everitt (1971).
    let mean = |i: usize, j: usize| f64::midpoint(n(i, j), n(j, i));
    let (a, b, c) = (mean(1, 2), mean(0, 2), mean(0, 1));
    let chi2 =
        (a * d[0] * d[0] + b * d[1] * d[1] + c * d[2] * d[2]) / (2.0 * (a * b + a * c + b * c));
    Test::chi_squared(chi2, 2)
}
