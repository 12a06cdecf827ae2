//! From three similarities to an answer: the choice rule, with fair ties.

use serde::{Deserialize, Serialize};

/// How an agent answers, given how similar it finds the three pairs.
///
/// `similarities[k]` is that of the pair which leaves out the stimulus at position `k`, so a high
/// value makes position `k` odd.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "kebab-case")]
pub enum ChoiceRule {
    /// The stimulus outside the most similar pair is odd. Pairs within `tie_tolerance` of the most
    /// similar one are tied, and a tie is broken by a uniform draw.
    ///
    /// The published tripletisers give ties to the first pair in file order, which biases every
    /// table with many equal values, such as proportions of twelve raters.
    MostSimilarPair {
        /// Absolute difference up to which similarities count as equal; 0 by default. Give some
        /// 1e-5 for tables printed with six digits.
        tie_tolerance: f64,
    },
    /// `P(odd = k) = exp(s_k / τ) / Σ exp(s_m / τ)`.
    Softmax {
        /// Temperature τ, in units of the similarity.
        temperature: f64,
    },
}

impl Default for ChoiceRule {
    fn default() -> Self {
        Self::MostSimilarPair { tie_tolerance: 0.0 }
    }
}

/// A parameter of the choice rule that cannot be.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ChoiceRuleError {
    /// The tolerance is negative or not finite.
    #[error("tie tolerance {found} is no distance; expected a finite number of at least 0")]
    TieTolerance {
        /// The tolerance found.
        found: f64,
    },
    /// The temperature is not positive and finite.
    #[error(
        "temperature {found} is not positive and finite; for noise-free choices use the rule \
         most-similar-pair, or calibrate the temperature to a test-retest agreement"
    )]
    Temperature {
        /// The temperature found.
        found: f64,
    },
}

impl ChoiceRule {
    /// Checks the parameters.
    ///
    /// # Errors
    /// [`ChoiceRuleError`] names the parameter and its value.
    pub fn check(self) -> Result<Self, ChoiceRuleError> {
        match self {
            Self::MostSimilarPair {
                tie_tolerance: found,
            } if !(found >= 0.0 && found.is_finite()) => {
                Err(ChoiceRuleError::TieTolerance { found })
            }
            Self::Softmax { temperature: found } if !(found > 0.0 && found.is_finite()) => {
                Err(ChoiceRuleError::Temperature { found })
            }
            rule => Ok(rule),
        }
    }

    /// The probability with which each position is called odd; `None` if a similarity is NaN.
    ///
    /// ```
    /// use emotome_judges::ChoiceRule;
    /// let tie = ChoiceRule::default().probabilities([0.7, 0.1, 0.7]);
    /// assert_eq!(tie, Some([0.5, 0.0, 0.5]));
    /// ```
    #[must_use]
    #[inline]
    pub fn probabilities(self, similarities: [f64; 3]) -> Option<[f64; 3]> {
        if similarities.iter().any(|s| s.is_nan()) {
            return None;
        }
        let top = similarities[0].max(similarities[1]).max(similarities[2]);
        let weights = match self {
            Self::MostSimilarPair { tie_tolerance } => {
                similarities.map(|s| f64::from(u8::from(s == top || top - s <= tie_tolerance)))
            }
            // The top itself needs no difference, which would be NaN where it is infinite.
            Self::Softmax { temperature } => similarities.map(|s| {
                if s == top {
                    1.0
                } else {
                    ((s - top) / temperature).exp()
                }
            }),
        };
        let total = weights[0] + weights[1] + weights[2];
        Some(weights.map(|w| w / total))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_item_outside_the_most_similar_pair_is_odd() {
        let rule = ChoiceRule::default();
        assert_eq!(rule.probabilities([0.1, 0.9, 0.2]), Some([0.0, 1.0, 0.0]));
        assert_eq!(rule.probabilities([f64::NAN, 0.9, 0.2]), None);
    }

    #[test]
    fn a_three_way_tie_is_shared_evenly() {
        assert_eq!(
            ChoiceRule::default().probabilities([0.0; 3]),
            Some([1.0 / 3.0; 3])
        );
    }

    #[test]
    fn softmax_survives_huge_similarities() {
        let p = ChoiceRule::Softmax { temperature: 1e-3 }
            .probabilities([1e6, 0.0, -1e6])
            .unwrap();
        assert_eq!(p, [1.0, 0.0, 0.0]);
        let infinite = ChoiceRule::Softmax { temperature: 1.0 }
            .probabilities([f64::INFINITY, 0.0, f64::INFINITY])
            .unwrap();
        assert_eq!(infinite, [0.5, 0.0, 0.5]);
    }

    #[test]
    fn parameters_that_cannot_be_are_refused() {
        for temperature in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(
                ChoiceRule::Softmax { temperature }.check().is_err(),
                "{temperature}"
            );
        }
        assert!(
            ChoiceRule::MostSimilarPair {
                tie_tolerance: -1.0
            }
            .check()
            .is_err()
        );
    }
}
