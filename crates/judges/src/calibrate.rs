//! The temperature at which an agent is as noisy as people are.

use crate::choice::ChoiceRule;
use crate::similarity::Similarities;
use emotome_stats::random::{CounterRng, Seed};
use emotome_stimuli::StimulusId;
use serde::Serialize;

/// What the noise is matched to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "target", content = "value", rename_all = "kebab-case")]
pub enum CalibrationTarget {
    /// Two independent answers to the same triplet agree this often: `E Σ_k p_k²`.
    RetestAgreement(f64),
    /// The answer is the noise-free one this often: `E max_k p_k`.
    Accuracy(f64),
}

/// A temperature and how well it meets its target.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Calibration {
    /// The temperature τ of [`ChoiceRule::Softmax`].
    pub temperature: f64,
    /// The target.
    pub target: CalibrationTarget,
    /// The value reached on the sampled triplets.
    pub achieved: f64,
    /// Its standard error from sampling triplets.
    pub standard_error: f64,
    /// The number of triplets sampled.
    pub triplets: usize,
}

/// Why no temperature meets the target.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CalibrationError {
    /// The target is outside what a temperature can reach.
    #[error(
        "no temperature reaches {found}: answers at random give {lowest:.4}, noise-free ones {highest:.4} \
         (below 1 where similarities tie); choose a target between"
    )]
    OutOfReach {
        /// The target found.
        found: f64,
        /// The value at infinite temperature.
        lowest: f64,
        /// The value at temperature zero.
        highest: f64,
    },
    /// Hardly any sampled triplet has three defined similarities.
    #[error(
        "only {found} of {asked} sampled triplets have three defined similarities, at least {needed} are \
         needed; too many values are missing"
    )]
    TooFewTriplets {
        /// The usable triplets found.
        found: usize,
        /// The triplets sampled.
        asked: usize,
        /// The triplets needed.
        needed: usize,
    },
}

/// Finds the temperature at which choices meet `target`, by bisection over `samples` random triplets.
///
/// Both targets fall steadily with τ, from their noise-free value to 1/3. The same triplets serve
/// every τ, so the target is met to 1e-9 on them, and `standard_error` tells what sampling them
/// costs. Complexity O(60 · samples).
///
/// # Errors
/// [`CalibrationError`] if the target is out of reach or the similarities are mostly undefined.
///
/// ```
/// use emotome_judges::calibrate::{CalibrationTarget, calibrate};
/// use emotome_judges::Similarities;
/// use emotome_stats::random::Seed;
/// use ndarray::Array2;
/// let features = Array2::from_shape_fn((30, 4), |(i, f)| ((i * 7 + f * 3) % 10) as f64);
/// let similarities = Similarities::new(features.view(), Default::default())?;
/// let found = calibrate(&similarities, CalibrationTarget::RetestAgreement(0.7), 2_000, Seed(1))?;
/// assert!((found.achieved - 0.7).abs() < 1e-6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn calibrate(
    similarities: &Similarities,
    target: CalibrationTarget,
    samples: usize,
    seed: Seed,
) -> Result<Calibration, CalibrationError> {
    const NEEDED: usize = 100;
    let triplets = sample(similarities, samples, seed);
    if triplets.len() < NEEDED {
        return Err(CalibrationError::TooFewTriplets {
            found: triplets.len(),
            asked: samples,
            needed: NEEDED,
        });
    }
    let (goal, value): (f64, fn([f64; 3]) -> f64) = match target {
        CalibrationTarget::RetestAgreement(goal) => (goal, |p| p.iter().map(|q| q * q).sum()),
        CalibrationTarget::Accuracy(goal) => (goal, |p| p[0].max(p[1]).max(p[2])),
    };
    let values = |rule: ChoiceRule| {
        triplets
            .iter()
            .filter_map(move |&s| rule.probabilities(s))
            .map(value)
    };
    let n = triplets.len() as f64;
    let mean = |rule| values(rule).sum::<f64>() / n;

    let highest = mean(ChoiceRule::default());
    if !(goal > 1.0 / 3.0 && goal < highest) {
        return Err(CalibrationError::OutOfReach {
            found: goal,
            lowest: 1.0 / 3.0,
            highest,
        });
    }
    let spread = triplets
        .iter()
        .map(|s| s[0].max(s[1]).max(s[2]) - s[0].min(s[1]).min(s[2]))
        .fold(0.0, f64::max);
    // A positive spread is certain here: were all similarities equal, `highest` would be 1/3.
    let (mut low, mut high) = ((spread * 1e-9).ln(), (spread * 1e6).ln());
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if mean(ChoiceRule::Softmax {
            temperature: middle.exp(),
        }) > goal
        {
            low = middle;
        } else {
            high = middle;
        }
    }
    let temperature = f64::midpoint(low, high).exp();
    let rule = ChoiceRule::Softmax { temperature };
    let achieved = mean(rule);
    let variance = values(rule).map(|v| (v - achieved).powi(2)).sum::<f64>() / (n - 1.0);
    Ok(Calibration {
        temperature,
        target,
        achieved,
        standard_error: (variance / n).sqrt(),
        triplets: triplets.len(),
    })
}

/// The defined similarities of `samples` uniform random triplets.
fn sample(similarities: &Similarities, samples: usize, seed: Seed) -> Vec<[f64; 3]> {
    let n = similarities.n_stimuli() as u64;
    let seed = seed.derive("calibration triplets");
    (0..samples as u64)
        .filter_map(|k| {
            let mut rng = CounterRng::new(seed, k);
            // Three distinct items: each draw skips the ones before it.
            let a = rng.below(n);
            let b = (a + 1 + rng.below(n - 1)) % n;
            let c = loop {
                let c = rng.below(n);
                if c != a && c != b {
                    break c;
                }
            };
            let s = similarities.of_triplet([a, b, c].map(|id| StimulusId(id as u32)));
            s.iter().all(|v| !v.is_nan()).then_some(s)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FeatureJudge, Judge};
    use emotome_triplets::{Split, Trial, Triplet};
    use ndarray::Array2;

    fn similarities() -> Similarities {
        let mut rng = CounterRng::new(Seed(5), 0);
        let features = Array2::from_shape_fn((40, 6), |_| rng.normal());
        Similarities::new(features.view(), Default::default()).unwrap()
    }

    #[test]
    fn a_calibrated_agent_repeats_itself_as_often_as_asked() {
        let similarities = similarities();
        let goal = 0.62;
        let found = calibrate(
            &similarities,
            CalibrationTarget::RetestAgreement(goal),
            20_000,
            Seed(1),
        )
        .unwrap();
        let rule = ChoiceRule::Softmax {
            temperature: found.temperature,
        };
        let judge = FeatureJudge::new(similarities, rule, Seed(2)).unwrap();
        let (mut agree, mut all) = (0.0, 0.0);
        for a in 0..38 {
            for b in a + 1..39 {
                for c in b + 1..40 {
                    let triplet = Triplet::new([a, b, c].map(StimulusId)).unwrap();
                    let ask = |replicate| {
                        judge
                            .judge(&Trial {
                                number: 0,
                                triplet,
                                replicate,
                                split: Split::Ceiling,
                            })
                            .outcome
                    };
                    agree += f64::from(u8::from(ask(0) == ask(1)));
                    all += 1.0;
                }
            }
        }
        let se = (goal * (1.0 - goal) / all + found.standard_error.powi(2)).sqrt();
        assert!(
            (agree / all - goal).abs() < 4.0 * se,
            "{} against {goal}",
            agree / all
        );
    }

    #[test]
    fn accuracy_is_met_and_impossible_targets_are_refused() {
        let similarities = similarities();
        let found = calibrate(
            &similarities,
            CalibrationTarget::Accuracy(0.9),
            5_000,
            Seed(1),
        )
        .unwrap();
        assert!((found.achieved - 0.9).abs() < 1e-9);
        for target in [0.2, 1.0 / 3.0, 1.0, f64::NAN] {
            let error = calibrate(
                &similarities,
                CalibrationTarget::Accuracy(target),
                5_000,
                Seed(1),
            );
            assert!(
                matches!(error, Err(CalibrationError::OutOfReach { .. })),
                "{target}"
            );
        }
    }
}
