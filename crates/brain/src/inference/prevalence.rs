//! In how many people is there an effect? What few subjects can say of all.

use super::{InferenceError, TIE};
use emotome_stats::random::{CounterRng, Seed};
use emotome_stimuli::run::Run;
use ndarray::{Array2, ArrayView3, Axis};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// The largest prevalence that can be rejected: γ₀ = (α^{1/N} − p^{1/N}) / (1 − p^{1/N}).
///
/// `p` is that of the smallest of N subjects' statistics under the global null. Negative means that
/// not even a prevalence of 0 is rejected. Allefeld, Görgen & Haynes (2016),
/// doi:10.1016/j.neuroimage.2016.07.040.
///
/// ```
/// use emotome_brain::inference::prevalence::largest_rejected;
/// // Five subjects that each exceed all of 99 permutations.
/// assert!((largest_rejected(0.01_f64.powi(5), 5, 0.05) - 0.545).abs() < 5e-4);
/// ```
#[must_use]
pub fn largest_rejected(p: f64, subjects: usize, alpha: f64) -> f64 {
    let root = |x: f64| x.powf(1.0 / subjects as f64);
    (root(alpha) - root(p)) / (1.0 - root(p))
}

/// Prevalence by permutation, at every place of a map.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prevalence {
    /// Uncorrected p of the global null (no subject has an effect), of all combinations.
    pub p_global: Vec<f64>,
    /// The same corrected for places by the largest minimum.
    pub p_global_fwe: Vec<f64>,
    /// Corrected p of the null that at most half of the population has an effect.
    pub p_majority_fwe: Vec<f64>,
    /// The largest prevalence rejected at `alpha`, uncorrected; NaN where none is.
    pub largest_rejected: Vec<f64>,
    /// The same corrected for places.
    pub largest_rejected_fwe: Vec<f64>,
    /// The largest that could have been rejected with so few permutations.
    pub reachable: f64,
    /// The smallest uncorrected p of the global null that could have been reached.
    pub smallest_p: f64,
}

/// Prevalence inference from first-level permutations.
///
/// `statistics` is subjects × permutations × places, permutation 0 the observed one. Second-level
/// draws combine one permutation of each subject at random (draw 0 the observed); the statistic is
/// the smallest over subjects. Without correction no draws are needed: over all combinations p is the
/// product over subjects of the share of permutations that reach the observed smallest.
/// O((draws + permutations) · subjects · places).
///
/// Allefeld et al. (2016), doi:10.1016/j.neuroimage.2016.07.040, equations 20–24.
///
/// # Errors
/// Fewer than two subjects, permutations or draws, no places, NaN, α outside (0, 1), or an interrupt.
pub fn prevalence(
    statistics: ArrayView3<'_, f64>,
    draws: u32,
    alpha: f64,
    seed: u64,
    run: Run<'_>,
) -> Result<Prevalence, InferenceError> {
    let (subjects, permutations, places) = statistics.dim();
    for (what, found, least) in [
        ("subjects", subjects, 2),
        ("first-level permutations", permutations, 2),
        ("draws", draws as usize, 2),
        ("places", places, 1),
    ] {
        if found < least {
            return Err(InferenceError::Few { what, found, least });
        }
    }
    let sound = alpha > 0.0 && alpha < 1.0;
    if !sound {
        return Err(InferenceError::Parameter {
            name: "alpha",
            value: alpha,
            range: "between 0 and 1",
        });
    }
    if let Some(&value) = statistics.iter().find(|v| v.is_nan()) {
        return Err(InferenceError::Parameter {
            name: "a statistic",
            value,
            range: "a number; leave places without values out",
        });
    }
    let smallest = |chosen: &[usize]| {
        let mut least = vec![f64::INFINITY; places];
        for (subject, &permutation) in statistics.axis_iter(Axis(0)).zip(chosen) {
            least
                .iter_mut()
                .zip(subject.row(permutation))
                .for_each(|(l, v)| *l = l.min(*v));
        }
        least
    };
    let observed = smallest(&vec![0; subjects]);
    let seed = Seed(seed).derive("second-level permutations");
    run.progress
        .begin("combining permutations", Some(u64::from(draws) - 1));
    // Counts are whole numbers, so the order of their sums does not matter.
    let none = || vec![0_u32; places];
    let counted = (1..draws)
        .into_par_iter()
        .try_fold(none, |mut anywhere, draw| {
            if run.interrupt.requested() {
                return Err(InferenceError::Interrupted);
            }
            let mut rng = CounterRng::new(seed, u64::from(draw));
            let chosen: Vec<usize> = (0..subjects)
                .map(|_| rng.below(permutations as u64) as usize)
                .collect();
            let largest = smallest(&chosen)
                .into_iter()
                .fold(f64::NEG_INFINITY, f64::max);
            for (count, observed) in anywhere.iter_mut().zip(&observed) {
                *count += u32::from(largest >= observed - TIE);
            }
            run.progress.advance(1);
            Ok(anywhere)
        })
        .try_reduce(none, |mut a, b| {
            a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
            Ok(a)
        })?;
    run.progress.end();
    // The observed arrangement is one of the draws.
    let p_global_fwe: Vec<f64> = counted
        .into_iter()
        .map(|n| (f64::from(n) + 1.0) / f64::from(draws))
        .collect();
    // The smallest of subjects reaches a value where each of them does, and they are drawn one by one.
    let p_global: Vec<f64> = (0..places)
        .into_par_iter()
        .map(|place| {
            let bound = observed[place] - TIE;
            let reached = |subject: ndarray::ArrayView2<'_, f64>| {
                subject
                    .column(place)
                    .iter()
                    .filter(|v| **v >= bound)
                    .count()
            };
            let shares = statistics.axis_iter(Axis(0)).map(reached);
            shares.map(|n| n as f64 / permutations as f64).product()
        })
        .collect();
    let root = |p: f64| p.powf(1.0 / subjects as f64);
    let rejected = |p: f64, alpha: f64| {
        if p <= alpha {
            largest_rejected(p, subjects, alpha)
        } else {
            f64::NAN
        }
    };
    let both = || p_global.iter().zip(&p_global_fwe);
    let smallest_p = (permutations as f64).powi(-(subjects.min(1000) as i32));
    Ok(Prevalence {
        p_majority_fwe: both()
            .map(|(&u, &c)| c + (1.0 - c) * (0.5 * root(u) + 0.5).powi(subjects as i32))
            .collect(),
        largest_rejected: p_global.iter().map(|&p| rejected(p, alpha)).collect(),
        // What is left of α after the correction for places.
        largest_rejected_fwe: both()
            .map(|(&u, &c)| rejected(u, (alpha - c) / (1.0 - c)))
            .collect(),
        reachable: largest_rejected(smallest_p, subjects, alpha),
        smallest_p,
        p_global,
        p_global_fwe,
    })
}

/// What k of n significant subjects say of the population, with a uniform prior.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BayesianPrevalence {
    /// The most probable prevalence.
    pub mode: f64,
    /// The prevalence that is exceeded with probability 1 − `tail`.
    pub lower: f64,
    /// That probability's complement.
    pub tail: f64,
}

/// Bayesian prevalence: γ from θ = (1 − γ)α + γβ, the chance that a subject's test is positive.
///
/// θ is Beta(k+1, n−k+1) between α (the test's false-positive rate) and β (its sensitivity), by the
/// uniform prior of γ. With 5 of 5 at α = 0.05, β = 1 the 5 % bound is 0.586. O(n) a step of bisection.
///
/// Ince et al. (2021), doi:10.7554/eLife.62461.
///
/// # Errors
/// More positive subjects than subjects, or rates that are not 0 ≤ α < β ≤ 1, or a tail outside (0, 1).
///
/// ```
/// use emotome_brain::inference::prevalence::bayesian;
/// assert!((bayesian(5, 5, 0.05, 1.0, 0.05)?.lower - 0.586).abs() < 5e-4);
/// # Ok::<(), emotome_brain::inference::InferenceError>(())
/// ```
pub fn bayesian(
    positive: u32,
    subjects: u32,
    alpha: f64,
    sensitivity: f64,
    tail: f64,
) -> Result<BayesianPrevalence, InferenceError> {
    let bad = |name, value, range| Err(InferenceError::Parameter { name, value, range });
    if positive > subjects || subjects == 0 {
        return bad(
            "the number of positive subjects",
            f64::from(positive),
            "at most the number of subjects",
        );
    }
    let rates = 0.0 <= alpha && alpha < sensitivity && sensitivity <= 1.0;
    if !rates {
        return bad(
            "alpha",
            alpha,
            "from 0 to below the sensitivity, itself at most 1",
        );
    }
    let proper = tail > 0.0 && tail < 1.0;
    if !proper {
        return bad("the tail", tail, "between 0 and 1");
    }
    // P(Beta(k+1, n−k+1) ≤ x) = P(Binomial(n+1, x) > k).
    let below = |x: f64| -> f64 {
        let n = subjects + 1;
        let mut coefficient = 1.0_f64;
        let mut sum = 0.0;
        for hits in 0..=n {
            if hits > positive {
                sum += coefficient * x.powi(hits as i32) * (1.0 - x).powi((n - hits) as i32);
            }
            coefficient *= f64::from(n - hits) / f64::from(hits + 1);
        }
        sum
    };
    let (from, to) = (below(alpha), below(sensitivity));
    let target = from + tail * (to - from);
    let (mut low, mut high) = (alpha, sensitivity);
    for _ in 0..80 {
        let middle = f64::midpoint(low, high);
        if below(middle) < target {
            low = middle;
        } else {
            high = middle;
        }
    }
    let prevalence = |theta: f64| (theta - alpha) / (sensitivity - alpha);
    let share = f64::from(positive) / f64::from(subjects);
    Ok(BayesianPrevalence {
        mode: prevalence(share.clamp(alpha, sensitivity)),
        lower: prevalence(high),
        tail,
    })
}

/// In how many subjects a place is significant, and the p of "in at least k".
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Replication {
    /// Subjects with p ≤ α at each place.
    pub count: Vec<u32>,
    /// p of the null that fewer than k subjects have an effect: (n − k + 1) times the k-th smallest p.
    pub p: Vec<f64>,
}

/// Counts subjects (rows of `p`, subjects × places) that replicate a place, and tests "at least k of them".
///
/// Partial conjunction: Benjamini & Heller (2008), doi:10.1111/j.1541-0420.2007.00984.x. A NaN p
/// counts as 1. O(places · n log n).
///
/// # Errors
/// k of 0 or above the number of subjects.
pub fn replication(p: &Array2<f64>, k: usize, alpha: f64) -> Result<Replication, InferenceError> {
    let n = p.nrows();
    if k == 0 || k > n {
        return Err(InferenceError::Parameter {
            name: "k",
            value: k as f64,
            range: "from 1 to the number of subjects",
        });
    }
    let column = |column: ndarray::ArrayView1<'_, f64>| {
        let mut own: Vec<f64> = column
            .iter()
            .map(|&p| if p.is_nan() { 1.0 } else { p })
            .collect();
        own.sort_unstable_by(f64::total_cmp);
        own
    };
    let sorted: Vec<Vec<f64>> = p.columns().into_iter().map(column).collect();
    Ok(Replication {
        count: sorted
            .iter()
            .map(|own| own.iter().filter(|&&p| p <= alpha).count() as u32)
            .collect(),
        p: sorted
            .iter()
            .map(|own| ((n - k + 1) as f64 * own[k - 1]).min(1.0))
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use emotome_stimuli::run::{Interrupt, Silent};
    use ndarray::Array3;

    #[test]
    fn prevalences_are_the_published_ones() {
        // Allefeld et al.: five subjects, the limit of endless permutations, and of more subjects.
        for (subjects, limit) in [(5, 0.549), (6, 0.607), (10, 0.741)] {
            assert!(
                (largest_rejected(0.0, subjects, 0.05) - limit).abs() < 1e-3,
                "{subjects}"
            );
        }
        for (subjects, with_100) in [(5, 0.545), (6, 0.603), (10, 0.739)] {
            let found = largest_rejected(0.01_f64.powi(subjects as i32), subjects, 0.05);
            assert!((found - with_100).abs() < 1e-3, "{subjects}: {found}");
        }
        let all = bayesian(5, 5, 0.05, 1.0, 0.05).unwrap();
        assert!((all.lower - 0.586).abs() < 5e-4 && all.mode == 1.0);
        let none = bayesian(0, 5, 0.05, 1.0, 0.05).unwrap();
        assert!(none.mode == 0.0 && none.lower < 0.01);
        assert!(
            bayesian(6, 5, 0.05, 1.0, 0.05).is_err() && bayesian(1, 5, 0.5, 0.2, 0.05).is_err()
        );
    }

    #[test]
    fn an_effect_in_all_subjects_reaches_what_permutations_allow_and_noise_reaches_nothing() {
        let mut rng = CounterRng::new(Seed(2), 0);
        let mut statistics = Array3::from_shape_fn((5, 20, 6), |_| rng.normal());
        statistics.slice_mut(ndarray::s![.., 0, 0]).fill(50.0);
        let found = {
            let interrupt = Interrupt::default();
            let run = Run {
                progress: &Silent,
                interrupt: &interrupt,
            };
            prevalence(statistics.view(), 20_000, 0.05, 1, run).unwrap()
        };
        assert!((found.p_global[0] / 20.0_f64.powi(-5) - 1.0).abs() < 1e-12);
        assert!(found.largest_rejected[0] > 0.4);
        assert!(found.largest_rejected[0] <= found.reachable);
        assert!(found.largest_rejected_fwe[1..].iter().all(|g| g.is_nan()));
        assert!(found.p_majority_fwe[0] < 0.1 && found.p_majority_fwe[1] > 0.1);
        assert_eq!(found.smallest_p, 20.0_f64.powi(-5));
        assert!((found.p_global_fwe[0] - 1.0 / 20_000.0).abs() < 2e-4);
    }

    #[test]
    fn uncorrected_p_is_that_of_all_combinations() {
        let mut rng = CounterRng::new(Seed(9), 0);
        let statistics = Array3::from_shape_fn((3, 4, 5), |_| rng.normal());
        let interrupt = Interrupt::default();
        let run = Run {
            progress: &Silent,
            interrupt: &interrupt,
        };
        let found = prevalence(statistics.view(), 4000, 0.05, 1, run).unwrap();
        for place in 0..5 {
            let least = |chosen: [usize; 3]| {
                let own = (0..3).map(|s| statistics[[s, chosen[s], place]]);
                own.fold(f64::INFINITY, f64::min)
            };
            let all = (0..64).map(|k| least([k % 4, k / 4 % 4, k / 16]));
            let reached = all.filter(|value| *value >= least([0; 3])).count();
            assert!((found.p_global[place] - reached as f64 / 64.0).abs() < 1e-12);
        }
    }

    #[test]
    fn replication_counts_subjects_and_tests_the_kth() {
        let p = ndarray::array![[0.01, 0.5], [0.02, f64::NAN], [0.9, 0.001]];
        let found = replication(&p, 2, 0.05).unwrap();
        assert_eq!(found.count, [2, 1]);
        assert_eq!(found.p, [0.04, 1.0]);
        assert!(replication(&p, 4, 0.05).is_err());
    }
}
