//! What a comparison needs of each side, and the numbers it makes of them.
//!
//! Distances d_ij = ½‖x_i − x_j‖² of column-centred rows x have a Gram matrix G = XXᵀ, squared norms
//! g_i and a trace t = Σ g_i. With g̃ the norms less their mean, sums over all pairs i < j are
//!
//! ```text
//! mean of d             t / (n − 1)
//! Σ d′_x d′_y           ½ [ ‖XᵀY‖² + (n/2) g̃_x·g̃_y − t_x t_y / (n − 1) ]      d′ = d − mean
//! Σ_i (Σ_j d′_ij)²      (n²/4) g̃·g̃
//! ```
//!
//! For unit rows g̃ = −2 (z − z̄)·z̄, and the middle term is 2n z̄ᵀXȳ. Nothing of order n² cancels.

use serde::{Deserialize, Serialize};

/// How the distances of a neighbourhood are compared with those of a model.
///
/// | comparison | equals |
/// |---|---|
/// | `Pearson` | correlation of the vectors of distances |
/// | `Cosine` | their cosine |
/// | `CorrCov` | correlation whitened by the covariance of distance estimates, rsatoolbox's `corr_cov` |
/// | `CosineCov` | cosine whitened likewise, rsatoolbox's `cosine_cov`; on squared Euclidean distances linear CKA |
/// | `DebiasedCka` | CKA from the unbiased estimates of HSIC (Song et al. 2012, JMLR 13:1393), squared Euclidean only |
/// | `Spearman` | correlation of ranks in bins, with a certified bound of its error |
/// | `SpearmanExact` | correlation of average ranks, as scipy's `spearmanr` |
/// | `KendallTauA` | concordant less discordant pairs of distances over all, rsatoolbox's `tau-a`; for few stimuli |
///
/// Whitened comparisons: Diedrichsen et al. (2021), arXiv:2007.02789.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Comparison {
    /// Correlation of distances.
    Pearson,
    /// Cosine of distances.
    Cosine,
    /// Whitened correlation.
    CorrCov,
    /// Whitened cosine; linear CKA.
    CosineCov,
    /// CKA without bias.
    DebiasedCka,
    /// Rank correlation with a bound.
    Spearman,
    /// Rank correlation.
    SpearmanExact,
    /// Kendall's τ_a.
    KendallTauA,
}

impl Comparison {
    /// Whether it weighs pairs by a covariance that knows all of them.
    pub(super) const fn whitened(self) -> bool {
        matches!(self, Self::CorrCov | Self::CosineCov | Self::DebiasedCka)
    }

    pub(super) const fn ranked(self) -> bool {
        matches!(
            self,
            Self::Spearman | Self::SpearmanExact | Self::KendallTauA
        )
    }
}

/// Sums of one side.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Side {
    /// t.
    pub(super) trace: f64,
    /// ‖XᵀX‖².
    pub(super) energy: f64,
    /// Σ d′² over all pairs.
    pub(super) variance: f64,
    /// Σ_i (Σ_j d′_ij)².
    pub(super) rows: f64,
    /// g·g.
    pub(super) norms: f64,
    /// Σ −d′ over excluded pairs.
    pub(super) excluded: f64,
    /// Σ d′² over excluded pairs.
    pub(super) excluded_square: f64,
}

/// Sums of two sides.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cross {
    /// ‖XᵀY‖².
    pub(super) energy: f64,
    /// Σ d′_x d′_y over all pairs.
    pub(super) covariance: f64,
    /// g_x·g_y.
    pub(super) norms: f64,
    /// Σ d′_x d′_y over excluded pairs.
    pub(super) excluded: f64,
}

/// Σ d′_x d′_y from ‖XᵀY‖², g̃_x·g̃_y and the traces.
pub(super) fn covariance(n: usize, energy: f64, spread: f64, traces: [f64; 2]) -> f64 {
    let n = n as f64;
    0.5 * (energy + 0.5 * n * spread - traces[0] * traces[1] / (n - 1.0))
}

/// The comparison of two sides over the `kept` pairs of n stimuli; NaN where a side is constant.
pub(super) fn compare(
    comparison: Comparison,
    n: usize,
    kept: u64,
    x: &Side,
    y: &Side,
    cross: &Cross,
) -> f64 {
    let (n, kept) = (n as f64, kept as f64);
    let ratio = |numerator: f64, a: f64, b: f64| {
        if a > 0.0 && b > 0.0 {
            numerator / (a.sqrt() * b.sqrt())
        } else {
            f64::NAN
        }
    };
    match comparison {
        Comparison::Cosine => {
            let (dx, dy) = (x.trace / (n - 1.0), y.trace / (n - 1.0));
            let own = |d: f64, s: &Side| {
                kept * d * d + 2.0 * d * s.excluded + s.variance - s.excluded_square
            };
            let both = kept * dx * dy + dx * y.excluded + dy * x.excluded + cross.covariance;
            ratio(both - cross.excluded, own(dx, x), own(dy, y))
        }
        Comparison::CorrCov => ratio(
            cross.energy - x.trace * y.trace / (n - 1.0),
            x.energy - x.trace * x.trace / (n - 1.0),
            y.energy - y.trace * y.trace / (n - 1.0),
        ),
        Comparison::CosineCov => ratio(cross.energy, x.energy, y.energy),
        Comparison::DebiasedCka => {
            let hsic = |energy: f64, norms: f64, traces: f64| {
                energy - n / (n - 2.0) * norms + traces / ((n - 1.0) * (n - 2.0))
            };
            ratio(
                hsic(cross.energy, cross.norms, x.trace * y.trace),
                hsic(x.energy, x.norms, x.trace * x.trace),
                hsic(y.energy, y.norms, y.trace * y.trace),
            )
        }
        // Ranks have their own path; of sums only Pearson's form is left.
        Comparison::Pearson
        | Comparison::Spearman
        | Comparison::SpearmanExact
        | Comparison::KendallTauA => {
            let own = |s: &Side| s.variance - s.excluded_square - s.excluded * s.excluded / kept;
            let both = cross.covariance - cross.excluded - x.excluded * y.excluded / kept;
            ratio(both, own(x), own(y))
        }
    }
}

/// The z score of Σ d′_x d′_y among all n! relabellings of one side, from its exact variance
/// (Mantel 1967): what it is if every order of the stimuli is as likely.
pub(super) fn mantel(n: usize, x: &Side, y: &Side, cross: &Cross) -> f64 {
    let n = n as f64;
    let two = n * (n - 1.0);
    let three = two * (n - 2.0);
    let four = three * (n - 3.0);
    let (a, c) = (x.variance, y.variance);
    let variance = 0.25
        * (8.0 * a * c / two
            + 4.0 * (x.rows - 2.0 * a) * (y.rows - 2.0 * c) / three
            + 16.0 * (a - x.rows) * (c - y.rows) / four);
    cross.covariance / variance.sqrt()
}
