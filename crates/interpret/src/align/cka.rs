//! Do two spaces have the same linear geometry? Centred kernel alignment, without the bias of many features.

use super::{AlignError, p_of};
use crate::resampling::{Resampling, bootstrap, permute};
use emotome_stats::interval::{Interval, percentile};
use emotome_stats::random::Seed;
use emotome_stimuli::run::Run;
use ndarray::{Array2, ArrayView1, ArrayView2, Axis};
use serde::Serialize;

/// The linear alignment of two spaces: 1 if they are rotations of one another, up to scale.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Cka {
    /// The number of stimuli.
    pub items: usize,
    /// ‖XᵀY‖² / (‖XᵀX‖ ‖YᵀY‖), X and Y centred: above 0 by chance, towards 1 where features outnumber stimuli.
    pub plain: f64,
    /// The same with unbiased HSIC: 0 on average for unrelated spaces.
    pub debiased: f64,
    /// Percentile interval of `debiased` over resampled stimuli.
    pub interval: Interval,
    /// p of `debiased` when the stimuli of the second agent are permuted; none without permutations.
    pub p: Option<f64>,
}

/// Compares two spaces of the same stimuli, n × d₁ and n × d₂, by centred kernel alignment with linear kernels.
///
/// Unbiased HSIC(K, L) = mean KᵢⱼLᵢⱼ − 2 mean KᵢⱼLᵢₖ + mean KᵢⱼLₖₗ over different stimuli i, j, k, l, K = XXᵀ,
/// L = YYᵀ: Song et al.'s estimator. A resample counts stimuli by how often they were drawn and a tuple by the product,
/// tuples with a stimulus twice left out: a copy would be its own best match.
///
/// Never forms K: O(n (d₁ + d₂)²) a replicate, parallel over replicates. The result does not depend on the number of threads.
///
/// # Errors
/// Agents with other stimuli, fewer than ten, features that are not finite or all the same, parameters out of range,
/// or interrupted.
///
/// # Sources
/// Kornblith et al. (2019), arXiv:1905.00414; Song et al. (2012), JMLR 13:1393 (unbiased HSIC); Murphy, Zylberberg &
/// Fyshe (2024), arXiv:2405.01012 (why it is needed).
pub fn cka(
    x: ArrayView2<'_, f64>,
    y: ArrayView2<'_, f64>,
    params: &Resampling,
    run: Run<'_>,
) -> Result<Cka, AlignError> {
    AlignError::features(x, y, 10, "at least 10")?;
    AlignError::replicates("the number of bootstraps", params.bootstraps)?;
    AlignError::permutations(params.permutations)?;
    AlignError::level(params.level)?;
    let n = x.nrows();
    let [x, y] = [x, y].map(|a| &a - &(a.sum_axis(Axis(0)) / n as f64));
    let product = |a: &Array2<f64>, b: &Array2<f64>| squared(&a.t().dot(b));
    let plain = product(&x, &y) / (product(&x, &x).sqrt() * product(&y, &y).sqrt());
    let ones = vec![1.0; n];
    let debiased = alignment(&x, &y, &ones);
    let seed = Seed(params.seed).derive("cka");
    let draws = (params.bootstraps, seed.derive("bootstrap"));
    let resamples = bootstrap::<_, AlignError>(run, n, draws, |w| alignment(&x, &y, w))?;
    let interval = percentile(&resamples, params.level);
    let scale = (hsic(&x, &x, &ones) * hsic(&y, &y, &ones)).sqrt();
    let draws = (params.permutations, seed.derive("permutation"));
    let null = permute(run, n, draws, |order| {
        Ok::<_, AlignError>(hsic(&x, &y.select(Axis(0), order), &ones) / scale)
    })?;
    Ok(Cka {
        items: n,
        plain,
        debiased,
        interval,
        p: p_of(debiased, &null),
    })
}

fn squared(x: &Array2<f64>) -> f64 {
    x.iter().map(|x| x * x).sum()
}

/// HSIC(K, L) / √(HSIC(K, K) HSIC(L, L)); NaN where a resample has no spread.
fn alignment(x: &Array2<f64>, y: &Array2<f64>, weights: &[f64]) -> f64 {
    let own = hsic(x, x, weights) * hsic(y, y, weights);
    if own > 0.0 {
        hsic(x, y, weights) / own.sqrt()
    } else {
        f64::NAN
    }
}

/// Unbiased HSIC of XXᵀ and YYᵀ where stimulus i counts wᵢ times and no tuple has a stimulus twice.
fn hsic(x: &Array2<f64>, y: &Array2<f64>, weights: &[f64]) -> f64 {
    let w = ArrayView1::from(weights);
    let square = w.mapv(|w| w * w);
    let own = [x, y].map(|a| a.map_axis(Axis(1), |row| row.dot(&row)));
    // Σⱼ≠ᵢ wⱼ Kᵢⱼ, and the same of L.
    let [k, l] = [(x, &own[0]), (y, &own[1])].map(|(a, own)| a.dot(&w.dot(a)) - &(&w * own));
    let once = x.t().dot(&(y * &w.insert_axis(Axis(1))));
    let twice = x.t().dot(&(y * &square.view().insert_axis(Axis(1))));
    let diagonal = &own[0] * &own[1];
    let less = |power: i32| -> f64 {
        let terms = diagonal.iter().zip(weights);
        terms.map(|(d, w)| d * w.powi(power)).sum()
    };
    // Σᵢ≠ⱼ of wᵢwⱼ, wᵢwⱼ², wᵢ²wⱼ² times KᵢⱼLᵢⱼ.
    let pairs = squared(&once) - less(2);
    let mixed = (&once * &twice).sum() - less(3);
    let squares = squared(&twice) - less(4);
    let both = &k * &l;
    let triples = w.dot(&both) - mixed;
    let quadruples = w.dot(&k) * w.dot(&l) - 4.0 * (square.dot(&both) - squares) - 2.0 * squares;
    let [p1, p2, p3, p4] =
        [1, 2, 3, 4].map(|power| weights.iter().map(|w| w.powi(power)).sum::<f64>());
    let tuples = [
        p1 * p1 - p2,
        p1 * p1 * p1 - 3.0 * p1 * p2 + 2.0 * p3,
        p1.powi(4) - 6.0 * p1 * p1 * p2 + 3.0 * p2 * p2 + 8.0 * p1 * p3 - 6.0 * p4,
    ];
    pairs / tuples[0] - 2.0 * triples / tuples[1] + quadruples / tuples[2]
}
