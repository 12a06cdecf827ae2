//! The temperature at which an agent is as noisy as people are.

use crate::choice::ChoiceRule;
use crate::similarity::Similarities;
use emotome_stats::random::{CounterRng, Seed};
use emotome_stimuli::StimulusId;
use serde::Serialize;

/// What the noise is matched to; each number is a mean over triplets of a function of the choice
/// probabilities p.
///
/// Published noise ceilings are mostly the mean share of the commonest of m answers, which is
/// biased upwards (0.667 for answers at random with m = 2, 0.444 with m = 20). Match the agreement
/// of pairs of answers instead, where it is known.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "target", content = "value", rename_all = "kebab-case")]
pub enum CalibrationTarget {
    /// Two independent answers to the same triplet agree this often: `Σ_k p_k²`.
    RetestAgreement(f64),
    /// The answer is the noise-free one this often: `max_k p_k`.
    Accuracy(f64),
    /// The answers to one triplet have this entropy, in nats: `−Σ_k p_k ln p_k`.
    Entropy(f64),
}

impl CalibrationTarget {
    fn goal(self) -> f64 {
        let (Self::RetestAgreement(goal) | Self::Accuracy(goal) | Self::Entropy(goal)) = self;
        goal
    }

    fn of(self, p: [f64; 3]) -> f64 {
        match self {
            Self::RetestAgreement(_) => p.iter().map(|q| q * q).sum(),
            Self::Accuracy(_) => p[0].max(p[1]).max(p[2]),
            Self::Entropy(_) => -p
                .iter()
                .filter(|&&q| q > 0.0)
                .map(|q| q * q.ln())
                .sum::<f64>(),
        }
    }
}

/// A temperature and how well it meets its target.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Calibration {
    /// The temperature τ of [`ChoiceRule::Softmax`].
    pub temperature: f64,
    /// The target.
    #[serde(flatten)]
    pub target: CalibrationTarget,
    /// The value reached on the sampled triplets.
    pub achieved: f64,
    /// Its standard error from sampling triplets, which takes them as independent.
    pub standard_error: f64,
    /// The number of triplets sampled.
    pub triplets: usize,
}

impl Calibration {
    /// The choice rule at this temperature.
    #[must_use]
    pub const fn rule(&self) -> ChoiceRule {
        ChoiceRule::Softmax {
            temperature: self.temperature,
        }
    }
}

/// Why no temperature meets the target.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CalibrationError {
    /// The target is outside what a temperature can reach.
    #[error(
        "no temperature reaches {target:?}: answers at random give {random:.4}, noise-free ones \
         {noise_free:.4} (ties decided by draws included); choose a target between"
    )]
    OutOfReach {
        /// The target.
        target: CalibrationTarget,
        /// The value at infinite temperature.
        random: f64,
        /// The value at temperature zero.
        noise_free: f64,
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

/// Triplets sampled: a share of 0.62 then has a standard error below 0.001.
const SAMPLES: u64 = 100_000;

/// Triplets with defined similarities below which nothing is calibrated.
const NEEDED: usize = 100;

/// Finds the temperature at which choices meet `target`, by bisection over 100,000 random triplets.
///
/// Every target moves steadily with τ, from its noise-free value to that of answers at random. The
/// same triplets serve every τ, so the target is met to 1e-9 on them, and `standard_error` tells
/// what sampling them costs. About a quarter of a second.
///
/// # Errors
/// [`CalibrationError`] if the target is out of reach or the similarities are mostly undefined.
///
/// ```
/// use emotome_judges::calibrate::{CalibrationTarget, calibrate};
/// use emotome_judges::{FeatureJudge, Similarities};
/// use emotome_stats::random::Seed;
/// use ndarray::Array2;
/// let features = Array2::from_shape_fn((30, 4), |(i, f)| ((i * 7 + f * 3) % 10) as f64);
/// let similarities = Similarities::new(features.view(), Default::default())?;
/// let found = calibrate(&similarities, CalibrationTarget::RetestAgreement(0.7), Seed(1))?;
/// assert!((found.achieved - 0.7).abs() < 1e-6);
/// let judge = FeatureJudge::new(similarities, found.rule(), Seed(1))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn calibrate(
    similarities: &Similarities,
    target: CalibrationTarget,
    seed: Seed,
) -> Result<Calibration, CalibrationError> {
    let triplets = sample(similarities, seed);
    if triplets.len() < NEEDED {
        return Err(CalibrationError::TooFewTriplets {
            found: triplets.len(),
            asked: SAMPLES as usize,
            needed: NEEDED,
        });
    }
    let n = triplets.len() as f64;
    let values = |rule: ChoiceRule| {
        let p = triplets.iter().filter_map(move |&s| rule.probabilities(s));
        p.map(|p| target.of(p))
    };
    let mean = |rule| values(rule).sum::<f64>() / n;
    let (goal, random) = (target.goal(), target.of([1.0 / 3.0; 3]));
    let noise_free = mean(ChoiceRule::default());
    let (least, most) = (random.min(noise_free), random.max(noise_free));
    if !(least < goal && goal < most) {
        return Err(CalibrationError::OutOfReach {
            target,
            random,
            noise_free,
        });
    }
    let spread = triplets
        .iter()
        .map(|s| s[0].max(s[1]).max(s[2]) - s[0].min(s[1]).min(s[2]))
        .fold(0.0, f64::max);
    // A positive spread is certain here: were all similarities equal, noise-free answers were random.
    let (mut low, mut high) = ((spread * 1e-9).ln(), (spread * 1e6).ln());
    let at = |log_temperature: f64| ChoiceRule::Softmax {
        temperature: log_temperature.exp(),
    };
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if (mean(at(middle)) > goal) == (noise_free > random) {
            low = middle;
        } else {
            high = middle;
        }
    }
    let log_temperature = f64::midpoint(low, high);
    let achieved = mean(at(log_temperature));
    let variance = values(at(log_temperature))
        .map(|v| (v - achieved).powi(2))
        .sum::<f64>()
        / (n - 1.0);
    Ok(Calibration {
        temperature: log_temperature.exp(),
        target,
        achieved,
        standard_error: (variance / n).sqrt(),
        triplets: triplets.len(),
    })
}

/// The similarities of uniform random triplets, where all three are defined.
fn sample(similarities: &Similarities, seed: Seed) -> Vec<[f64; 3]> {
    let n = similarities.n_stimuli() as u64;
    let seed = seed.derive("calibration triplets");
    (0..SAMPLES)
        .filter_map(|k| {
            let mut rng = CounterRng::new(seed, k);
            let items = loop {
                let [a, b, c] = std::array::from_fn(|_| rng.below(n));
                if a != b && a != c && b != c {
                    break [a, b, c].map(|id| StimulusId(id as u32));
                }
            };
            let s = similarities.of_triplet(items);
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
        let target = CalibrationTarget::RetestAgreement(goal);
        let found = calibrate(&similarities, target, Seed(1)).unwrap();
        let judge = FeatureJudge::new(similarities, found.rule(), Seed(2)).unwrap();
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
    fn every_target_is_met_and_impossible_ones_are_refused() {
        let similarities = similarities();
        let targets: [fn(f64) -> CalibrationTarget; 3] = [
            CalibrationTarget::Accuracy,
            CalibrationTarget::RetestAgreement,
            CalibrationTarget::Entropy,
        ];
        for (target, goals) in targets.iter().zip([[0.4, 0.9], [0.35, 0.9], [0.1, 1.0]]) {
            for goal in goals {
                let found = calibrate(&similarities, target(goal), Seed(1)).unwrap();
                assert!((found.achieved - goal).abs() < 1e-9, "{found:?}");
            }
            for goal in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
                let error = calibrate(&similarities, target(goal), Seed(1));
                assert!(
                    matches!(error, Err(CalibrationError::OutOfReach { .. })),
                    "{error:?}"
                );
            }
        }
        for target in [
            CalibrationTarget::Accuracy(1.0 / 3.0),
            CalibrationTarget::RetestAgreement(1.0),
            CalibrationTarget::Entropy(0.0),
        ] {
            assert!(calibrate(&similarities, target, Seed(1)).is_err());
        }
    }
}
