//! How alike two sets of dissimilarities are.

use super::{Rdm, RdmError, dot, kendall::Kendall, pairs, rank::centred_ranks};
use faer::linalg::solvers::Solve;
use faer::{Mat, Side};
use serde::{Deserialize, Serialize};

/// How two sets of dissimilarities are compared.
///
/// With a and b the dissimilarities of the N pairs that neither side misses:
///
/// | comparison | value | rsatoolbox |
/// |---|---|---|
/// | `Pearson` | correlation of a and b | `corr` |
/// | `Cosine` | a·b / (‖a‖‖b‖) | `cosine` |
/// | `Spearman` | correlation of their ranks, ties at their mean | `spearman` |
/// | `RhoA` | 12 Σ r_a r_b / (N³ − N), centred ranks: ties broken at random, on average | `rho-a` |
/// | `KendallTauA` | (concordant − discordant) / all | `tau-a` |
/// | `KendallTauB` | the same over the geometric mean of untied | `kendall`, `tau-b` |
/// | `CosineCov` | cosine after whitening, V from independent noise; linear CKA of squared distances | `cosine_cov` |
/// | `CorrCov` | the same of a and b less their means | `corr_cov` |
/// | `DebiasedCka` | cosine of U-centred matrices; debiased linear CKA of squared distances | none |
/// | `Bures` | fidelity of the double-centred kernels | `bures` |
///
/// `Bures` is symmetric for Euclidean distances; of others, negative parts of the first kernel are dropped.
/// `CosineCov` never forms V (N × N): whitening is double centring of the n × n matrix −d/2, with its
/// diagonal (Diedrichsen et al. 2021, arXiv:2007.02789). U-centring: Székely & Rizzo (2014),
/// doi:10.1214/14-AOS1255; debiased CKA: Song et al. (2012), JMLR 13, 1393–1434.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Comparison {
    /// Pearson correlation.
    Pearson,
    /// Cosine.
    Cosine,
    /// Rank correlation.
    Spearman,
    /// Rank correlation, expected under random breaking of ties.
    RhoA,
    /// Kendall's τ_a.
    KendallTauA,
    /// Kendall's τ_b.
    KendallTauB,
    /// Whitened cosine.
    CosineCov,
    /// Whitened correlation.
    CorrCov,
    /// Debiased linear CKA.
    DebiasedCka,
    /// Bures similarity.
    Bures,
}

/// How alike two sets of dissimilarities are, and what it rests on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// The comparison's value; NaN where it is undefined, such as of a constant.
    pub value: f64,
    /// Pairs compared.
    pub pairs: usize,
    /// Pairs that either side misses.
    pub missing: usize,
}

/// Compares two sets of dissimilarities over the pairs that neither misses.
///
/// rsatoolbox refuses two sides that miss different pairs; here their union is left out, and
/// counted. O(N), O(N log N) for ranks and τ, O(n³) for `Bures` and for whitening with missing pairs.
///
/// # Errors
/// Different numbers of stimuli; `DebiasedCka` or `Bures` with missing pairs; `DebiasedCka` of
/// fewer than 4 stimuli.
///
/// ```
/// use emotome_brain::rdm::{Comparison, Rdm, compare};
/// let a = Rdm::new(3, vec![0.1, 0.2, 0.3])?;
/// let b = Rdm::new(3, vec![1.0, 5.0, 6.0])?;
/// assert!((compare(&a, &b, Comparison::Spearman)?.value - 1.0).abs() < 1e-12);
/// # Ok::<(), emotome_brain::rdm::RdmError>(())
/// ```
pub fn compare(a: &Rdm, b: &Rdm, comparison: Comparison) -> Result<Agreement, RdmError> {
    let (n, all) = (a.n(), pairs(a.n()));
    if n != b.n() {
        return Err(RdmError::Sizes {
            left: n,
            right: b.n(),
        });
    }
    let present: Vec<bool> = a
        .values()
        .iter()
        .zip(b.values())
        .map(|(a, b)| !(a + b).is_nan())
        .collect();
    let shared = Shared::new(n, &present);
    let (x, y) = (shared.of(a), shared.of(b));
    let agreement = |value| Agreement {
        value,
        pairs: x.len(),
        missing: all - x.len(),
    };
    comparison.check(&shared)?;
    let sides = shared
        .prepare(&x, comparison)
        .zip(shared.prepare(&y, comparison));
    Ok(agreement(match sides {
        Some((x, y)) => comparison.join(&x, &y),
        None => comparison.direct(&shared, &x, &y),
    }))
}

/// The pairs that enter a comparison.
pub(crate) struct Shared<'a> {
    n: usize,
    present: &'a [bool],
    complete: bool,
    /// Factor of the normal equations of additive parts, where pairs are missing.
    additive: std::sync::OnceLock<Option<faer::linalg::solvers::Llt<f64>>>,
}

/// Dissimilarities made ready: a comparison is the product of two of them.
pub(crate) struct Prepared {
    pub(crate) values: Vec<f64>,
    pub(crate) norm: f64,
}

impl Prepared {
    pub(crate) fn new(values: Vec<f64>) -> Self {
        let norm = dot(&values, &values).sqrt();
        Self { values, norm }
    }

    /// Of unit length; NaN where there is no length.
    pub(crate) fn unit(mut self) -> Vec<f64> {
        self.values.iter_mut().for_each(|v| *v /= self.norm);
        self.values
    }
}

impl Comparison {
    pub(crate) fn check(self, shared: &Shared<'_>) -> Result<(), RdmError> {
        let what = match self {
            Self::DebiasedCka => "debiased CKA",
            Self::Bures => "the Bures similarity",
            _ => return Ok(()),
        };
        if self == Self::DebiasedCka && shared.n < 4 {
            return Err(RdmError::Stimuli { n: shared.n });
        }
        let missing = shared.present.iter().filter(|&&present| !present).count();
        if missing > 0 {
            return Err(RdmError::Missing {
                what,
                missing,
                pairs: shared.present.len(),
            });
        }
        Ok(())
    }

    pub(crate) fn join(self, a: &Prepared, b: &Prepared) -> f64 {
        self.join_weighted(a, b, None)
    }

    /// The product, of `total` pairs where each stands for several.
    pub(crate) fn join_weighted(self, a: &Prepared, b: &Prepared, total: Option<f64>) -> f64 {
        let product = dot(&a.values, &b.values);
        if self == Self::RhoA {
            let n = total.unwrap_or(a.values.len() as f64);
            return 3.0 * product / (n.powi(3) - n);
        }
        let value = product / a.norm / b.norm;
        if value.is_finite() {
            value.clamp(-1.0, 1.0)
        } else {
            f64::NAN
        }
    }

    pub(crate) fn direct(self, shared: &Shared<'_>, a: &[f64], b: &[f64]) -> f64 {
        match self {
            Self::KendallTauA => Kendall::count(a, b).a(),
            Self::KendallTauB => Kendall::count(a, b).b(),
            _ => bures(&kernel(shared.n, a), &kernel(shared.n, b)),
        }
    }
}

impl<'a> Shared<'a> {
    pub(crate) fn new(n: usize, present: &'a [bool]) -> Self {
        let complete = present.iter().all(|&present| present);
        Self {
            n,
            present,
            complete,
            additive: std::sync::OnceLock::new(),
        }
    }

    /// The values of the pairs present.
    pub(crate) fn of(&self, rdm: &Rdm) -> Vec<f64> {
        let values = rdm.values().iter().zip(self.present);
        values
            .filter(|&(_, &present)| present)
            .map(|(&value, _)| value)
            .collect()
    }

    /// Dissimilarities ready for products; none for comparisons that are not products.
    pub(crate) fn prepare(&self, values: &[f64], comparison: Comparison) -> Option<Prepared> {
        let values = match comparison {
            Comparison::Pearson => centred(values),
            Comparison::Cosine => values.to_vec(),
            Comparison::Spearman | Comparison::RhoA => {
                centred_ranks(values).into_iter().map(f64::from).collect()
            }
            Comparison::CosineCov => self.whitened(values),
            Comparison::CorrCov => self.whitened(&centred(values)),
            Comparison::DebiasedCka => self.u_centred(values),
            Comparison::KendallTauA | Comparison::KendallTauB | Comparison::Bures => return None,
        };
        Some(Prepared::new(values))
    }

    /// The pairs present, of unit length, for comparisons that are products; NaN where there is no length.
    pub(crate) fn unit(&self, rdm: &Rdm, comparison: Comparison) -> Vec<f64> {
        self.prepare(&self.of(rdm), comparison)
            .map_or(Vec::new(), Prepared::unit)
    }

    fn pairs(&self) -> impl Iterator<Item = (usize, usize)> {
        let all = (0..self.n).flat_map(|i| (i + 1..self.n).map(move |j| (i, j)));
        all.zip(self.present)
            .filter(|&(_, &present)| present)
            .map(|(pair, _)| pair)
    }

    fn row_sums(&self, values: &[f64]) -> Vec<f64> {
        let mut sums = vec![0.0; self.n];
        for ((i, j), &value) in self.pairs().zip(values) {
            sums[i] += value;
            sums[j] += value;
        }
        sums
    }

    /// The least-squares fit b_i + b_j to g (0 on the diagonal) taken away, off-diagonal entries ×√2, diagonal last.
    fn whitened(&self, values: &[f64]) -> Vec<f64> {
        let g: Vec<f64> = values.iter().map(|d| -0.5 * d).collect();
        let mut b = self.row_sums(&g);
        if self.complete {
            // Of a full matrix the fit is known: row means less half the mean of all.
            let n = self.n as f64;
            let half = b.iter().sum::<f64>() / (2.0 * n * n);
            b.iter_mut().for_each(|b| *b = *b / n - half);
        } else {
            let factor = self.additive.get_or_init(|| {
                let mut normal = Mat::<f64>::zeros(self.n, self.n);
                for i in 0..self.n {
                    normal[(i, i)] = 2.0;
                }
                for (i, j) in self.pairs() {
                    normal[(i, j)] = 1.0;
                    normal[(j, i)] = 1.0;
                    normal[(i, i)] += 1.0;
                    normal[(j, j)] += 1.0;
                }
                normal.llt(Side::Lower).ok()
            });
            // Diagonally dominant, hence positive definite: the factor exists.
            let solution = factor
                .as_ref()
                .map(|factor| factor.solve(Mat::from_fn(self.n, 1, |i, _| b[i])));
            for (i, b) in b.iter_mut().enumerate() {
                *b = solution
                    .as_ref()
                    .map_or(f64::NAN, |solution| solution[(i, 0)]);
            }
        }
        let off = self
            .pairs()
            .zip(&g)
            .map(|((i, j), g)| (g - b[i] - b[j]) * std::f64::consts::SQRT_2);
        off.chain(b.iter().map(|b| -2.0 * b)).collect()
    }

    /// d_ij less row sums over n − 2 plus the sum over (n−1)(n−2): row sums of the result are 0.
    fn u_centred(&self, values: &[f64]) -> Vec<f64> {
        let n = self.n as f64;
        let rows = self.row_sums(values);
        let all = rows.iter().sum::<f64>() / ((n - 1.0) * (n - 2.0));
        let centre =
            |((i, j), d): ((usize, usize), &f64)| d - (rows[i] + rows[j]) / (n - 2.0) + all;
        self.pairs().zip(values).map(centre).collect()
    }
}

fn centred(values: &[f64]) -> Vec<f64> {
    let mean = emotome_stats::summary::mean(values);
    let constant = constant(values);
    values
        .iter()
        .map(|v| if constant { 0.0 } else { v - mean })
        .collect()
}

fn constant(values: &[f64]) -> bool {
    values.iter().all(|v| Some(v) == values.first())
}

/// −½ H D H of a full set of dissimilarities.
fn kernel(n: usize, values: &[f64]) -> Mat<f64> {
    let shared = Shared {
        n,
        present: &vec![true; values.len()],
        complete: true,
        additive: std::sync::OnceLock::new(),
    };
    let white = shared.whitened(values);
    let (off, diagonal) = white.split_at(values.len());
    let mut kernel = Mat::zeros(n, n);
    for ((i, j), g) in shared.pairs().zip(off) {
        kernel[(i, j)] = g * std::f64::consts::FRAC_1_SQRT_2;
        kernel[(j, i)] = kernel[(i, j)];
    }
    for (i, g) in diagonal.iter().enumerate() {
        kernel[(i, i)] = *g;
    }
    kernel
}

/// tr √(√A B √A) / √(tr A tr B), negative eigenvalues counting as 0.
fn bures(a: &Mat<f64>, b: &Mat<f64>) -> f64 {
    let n = a.nrows();
    let trace = |m: &Mat<f64>| (0..n).map(|i| m[(i, i)]).sum::<f64>();
    let Ok(eigen) = a.self_adjoint_eigen(Side::Lower) else {
        return f64::NAN;
    };
    let (u, s) = (eigen.U(), eigen.S().column_vector());
    let scaled = Mat::from_fn(n, n, |i, j| u[(i, j)] * s[j].max(0.0).sqrt());
    // √A B √A and S^½ Uᵀ B U S^½ have the same eigenvalues.
    let inner = scaled.transpose() * b * &scaled;
    let Ok(values) = inner.self_adjoint_eigenvalues(Side::Lower) else {
        return f64::NAN;
    };
    values.iter().map(|v| v.max(0.0).sqrt()).sum::<f64>() / (trace(a) * trace(b)).sqrt()
}
