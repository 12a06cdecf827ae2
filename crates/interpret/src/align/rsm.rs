//! Do two agents find the same stimuli similar? Correlation of similarity matrices, with and without noise.

use super::pairs::{Pairs, Source};
use super::{AGENTS, AlignError, p_of};
use crate::correlate::Coefficient;
use crate::resampling::{bootstrap, permute};
use emotome_stats::interval::{Interval, percentile};
use emotome_stats::random::Seed;
use emotome_stimuli::run::Run;
use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

/// Most items of which all pairs are held.
pub const MOST_ITEMS: usize = 20_000;
/// Fewest items: resamples of fewer repeat one another.
pub const FEWEST_ITEMS: usize = 6;

/// How features make similarities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kernel {
    /// xᵢ · xⱼ.
    Dot,
    /// xᵢ · xⱼ / (‖xᵢ‖ ‖xⱼ‖).
    Cosine,
    /// Pearson's r of xᵢ and xⱼ over features.
    Correlation,
}

/// The similarities of an agent.
#[derive(Debug, Clone, Copy)]
pub enum Rsm<'a> {
    /// As they are, items × items, symmetric; NaN where a pair was not measured, the diagonal unread.
    Similarities(ArrayView2<'a, f64>),
    /// Of features, items × d.
    Features {
        /// The features.
        values: ArrayView2<'a, f64>,
        /// How they make similarities.
        kernel: Kernel,
    },
}

/// What is compared of an agent.
#[derive(Debug, Clone, Copy)]
pub struct Measured<'a> {
    /// Its similarities.
    pub whole: Rsm<'a>,
    /// How well they repeat, if that is known.
    pub reliability: Option<Reliability<'a>>,
}

/// How well similarities repeat.
#[derive(Debug, Clone, Copy)]
pub enum Reliability<'a> {
    /// The correlation between halves of the data, taken as known without error.
    HalfR(f64),
    /// Similarities from either half of the data: their correlation is estimated, and resampled, with the rest.
    Halves([Rsm<'a>; 2]),
}

/// Similarities are compared so.
///
/// | parameter | default | why |
/// |---|---|---|
/// | `coefficient` | Pearson | as published |
/// | `bootstraps` | 1000 | percentiles of a 95 % interval settle to about a tenth of its width |
/// | `permutations` | 1000 | p down to .001 |
/// | `level` | 0.95 | of the intervals |
/// | `seed` | 0 | |
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RsmParams {
    /// Which correlation.
    pub coefficient: Coefficient,
    /// Resamples of the items.
    pub bootstraps: usize,
    /// Permutations of the items.
    pub permutations: usize,
    /// Level of the intervals.
    pub level: f64,
    /// Seed of resamples and permutations.
    pub seed: u64,
}

impl Default for RsmParams {
    fn default() -> Self {
        Self {
            coefficient: Coefficient::Pearson,
            bootstraps: 1000,
            permutations: 1000,
            level: 0.95,
            seed: 0,
        }
    }
}

/// How alike two agents' similarities are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RsmComparison {
    /// Which correlation.
    pub coefficient: Coefficient,
    /// The number of items.
    pub items: usize,
    /// Pairs of items compared.
    pub pairs: usize,
    /// Pairs that either agent lacks.
    pub pairs_missing: usize,
    /// The correlation over pairs.
    pub r: f64,
    /// Its percentile interval over resampled items.
    pub interval: Interval,
    /// Mantel's p, one-sided: (1 + #{null ≥ r}) / (1 + permutations); none without permutations, or with
    /// missing pairs, which would travel with the items.
    pub p: Option<f64>,
    /// The correlation without noise; none where a reliability is unknown.
    pub corrected: Option<Corrected>,
}

/// A correlation of what repeats in either agent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Corrected {
    /// Correlations between halves, rₕ.
    pub half_r: [f64; 2],
    /// Reliabilities of the wholes by Spearman–Brown: ρ = 2rₕ/(1 + rₕ).
    pub reliability: [f64; 2],
    /// r / √(ρ₁ρ₂), above 1 by sampling error alone; NaN where halves do not correlate.
    pub r: f64,
    /// Its percentile interval: reliabilities are estimated anew in every resample, those given as known are not.
    pub interval: Interval,
    /// Resamples in which halves did not correlate: left out.
    pub undefined: usize,
    /// Published: r / √(rₕ₁rₕ₂), halves taken for wholes; too high.
    pub published_r: f64,
    /// Published: the interval of r *moved* by the correction instead of scaled.
    pub published_interval: Interval,
}

/// Compares the similarities that two agents find among the same items.
///
/// r over pairs i < j. The bootstrap draws items; a pair counts wᵢwⱼ times, and pairs of an item with its own copy are
/// left out. Mantel's null permutes the items of the second agent. Noise is corrected by r/√(ρ₁ρ₂)
/// where both reliabilities are known or can be estimated from halves.
///
/// Features of dot, cosine or correlation kernels need no similarities for Pearson's r: with F, G the (centred,
/// normalised) features, W = diag w, Σᵢ≠ⱼ wᵢwⱼ (fᵢ·fⱼ)(gᵢ·gⱼ) = ‖FᵀWG‖² − Σ wᵢ²‖fᵢ‖²‖gᵢ‖², exactly, in O(n d²) a
/// replicate. Otherwise O(n²) a replicate and 16 n² bytes (each matrix of the comparison, halves too);
/// Spearman's ρ ranks anew in each resample, in 4096 classes of rank (exact to 10⁻⁶), O(n²) and 4 n² bytes.
/// Parallel over replicates; the result does not depend on the number of threads.
///
/// # Errors
/// Agents with other items, fewer than [`FEWEST_ITEMS`] or more than [`MOST_ITEMS`], fewer than three pairs known to
/// both, infinite values, asymmetry beyond 10⁻⁹ of the largest value, items without direction, similarities that are all
/// the same, a half correlation outside −1 to 1, parameters out of range, or interrupted.
///
/// # Sources
/// Kriegeskorte, Mur & Bandettini (2008), doi:10.3389/neuro.06.004.2008; Mantel (1967); Nili et al. (2014),
/// doi:10.1371/journal.pcbi.1003553; Spearman (1904), doi:10.2307/1412159; Brown (1910) and Spearman (1910).
///
/// ```
/// use emotome_interpret::align::rsm::{Kernel, Measured, Rsm, RsmParams, compare};
/// use emotome_stimuli::run::{Interrupt, Run, Silent};
/// use ndarray::Array2;
/// let values = Array2::from_shape_fn((30, 3), |(i, d)| ((i * (d + 1)) as f64).sin());
/// let agent = |scale: f64| values.mapv(|x| scale * x);
/// let (a, b) = (agent(1.0), agent(2.0));
/// let whole = |x| Measured { whole: Rsm::Features { values: x, kernel: Kernel::Dot }, reliability: None };
/// let run = Run { progress: &Silent, interrupt: &Interrupt::default() };
/// let found = compare(&whole(a.view()), &whole(b.view()), &RsmParams::default(), run)?;
/// assert!((found.r - 1.0).abs() < 1e-12 && found.p < Some(0.002));
/// # Ok::<(), emotome_interpret::align::AlignError>(())
/// ```
pub fn compare(
    first: &Measured<'_>,
    second: &Measured<'_>,
    params: &RsmParams,
    run: Run<'_>,
) -> Result<RsmComparison, AlignError> {
    AlignError::replicates("the number of bootstraps", params.bootstraps)?;
    AlignError::permutations(params.permutations)?;
    AlignError::level(params.level)?;
    let coefficient = params.coefficient;
    let pairs = Pairs::new(
        [
            Source::new(first.whole, AGENTS[0])?,
            Source::new(second.whole, AGENTS[1])?,
        ],
        coefficient,
    )?;
    let n = pairs.items();
    let reliabilities = halves(first.reliability, AGENTS[0], n, coefficient)?
        .zip(halves(second.reliability, AGENTS[1], n, coefficient)?)
        .map(<[Halves; 2]>::from);
    let seed = Seed(params.seed).derive("rsm comparison");
    let r = pairs.observed();
    // r and the correlations of halves.
    let draws = (params.bootstraps, seed.derive("bootstrap"));
    let resamples = bootstrap::<[f64; 3], AlignError>(run, n, draws, |weights| {
        let [a, b] = match &reliabilities {
            None => [f64::NAN; 2],
            Some(halves) => halves.each_ref().map(|half| match half {
                Halves::Known(r) => *r,
                Halves::Estimated(pairs) => pairs.weighted(weights),
            }),
        };
        [pairs.weighted(weights), a, b]
    })?;
    let of_r: Vec<f64> = resamples.iter().map(|x| x[0]).collect();
    let interval = percentile(&of_r, params.level);
    let corrected = reliabilities.map(|halves| {
        let half_r = halves.each_ref().map(|half| match half {
            Halves::Known(r) => *r,
            Halves::Estimated(pairs) => pairs.observed(),
        });
        let values: Vec<f64> = resamples
            .iter()
            .map(|&[r, a, b]| without_noise(r, [a, b]))
            .collect();
        let published = if half_r.iter().all(|r| *r > 0.0) {
            r / (half_r[0] * half_r[1]).sqrt()
        } else {
            f64::NAN
        };
        Corrected {
            half_r,
            reliability: half_r.map(spearman_brown),
            r: without_noise(r, half_r),
            interval: percentile(&values, params.level),
            undefined: values.iter().filter(|x| x.is_nan()).count(),
            published_r: published,
            published_interval: Interval {
                low: interval.low + (published - r),
                high: interval.high + (published - r),
            },
        }
    });
    Ok(RsmComparison {
        coefficient,
        items: n,
        pairs: pairs.len(),
        pairs_missing: n * (n - 1) / 2 - pairs.len(),
        r,
        interval,
        p: mantel(&pairs, r, params, seed.derive("permutation"), run)?,
        corrected,
    })
}

enum Halves {
    Known(f64),
    Estimated(Pairs),
}

fn halves(
    reliability: Option<Reliability<'_>>,
    agent: &'static str,
    items: usize,
    coefficient: Coefficient,
) -> Result<Option<Halves>, AlignError> {
    match reliability {
        None => Ok(None),
        Some(Reliability::HalfR(r)) => {
            let allowed = (-1.0..=1.0).contains(&r);
            AlignError::unless(allowed, "the correlation between halves", r, "from -1 to 1")?;
            Ok(Some(Halves::Known(r)))
        }
        Some(Reliability::Halves([a, b])) => {
            let halves = Pairs::new(
                [Source::new(a, agent)?, Source::new(b, agent)?],
                coefficient,
            )?;
            if halves.items() != items {
                return Err(AlignError::Mismatch {
                    what: "items of an agent and of its halves",
                    left: items,
                    right: halves.items(),
                });
            }
            Ok(Some(Halves::Estimated(halves)))
        }
    }
}

/// The reliability of a whole from the correlation r of its halves, 2r/(1 + r): Brown (1910), Spearman (1910).
///
/// ```
/// let whole = emotome_interpret::align::rsm::spearman_brown(0.6);
/// assert!((whole - 0.75).abs() < 1e-12);
/// ```
#[must_use]
pub fn spearman_brown(half_r: f64) -> f64 {
    2.0 * half_r / (1.0 + half_r)
}

fn without_noise(r: f64, half_r: [f64; 2]) -> f64 {
    let [a, b] = half_r.map(spearman_brown);
    if a > 0.0 && b > 0.0 {
        r / (a * b).sqrt()
    } else {
        f64::NAN
    }
}

fn mantel(
    pairs: &Pairs,
    r: f64,
    params: &RsmParams,
    seed: Seed,
    run: Run<'_>,
) -> Result<Option<f64>, AlignError> {
    let n = pairs.items();
    if pairs.len() < n * (n - 1) / 2 {
        return Ok(None);
    }
    let sums = pairs.sums(None);
    let null = permute(run, n, (params.permutations, seed), |order| {
        Ok::<_, AlignError>(pairs.permuted(sums, order))
    })?;
    Ok(p_of(r, &null))
}
