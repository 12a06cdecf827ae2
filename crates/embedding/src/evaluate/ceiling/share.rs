//! An accuracy in relation to a noise ceiling.

use super::{Ceiling, Estimate};
use crate::evaluate::score::CHANCE;
use emotome_stats::interval::Interval;
use serde::{Deserialize, Serialize};

/// An accuracy as a share of what the ceiling leaves above chance.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ShareOfCeiling {
    /// (accuracy − ⅓) / (ceiling − ⅓), with the Dirichlet-multinomial ceiling.
    pub share: Estimate,
    /// The same with the plug-in ceiling (a lower bound) and the split-half one (an upper bound).
    pub bracket: Interval,
    /// Published: accuracy / plug-in ceiling, without correction for chance; ⅓ / ceiling at chance.
    pub published_ratio: f64,
}

/// Relates an accuracy to a ceiling; the interval combines those of both (delta method).
#[must_use]
pub fn share_of_ceiling(
    accuracy: f64,
    accuracy_ci95: Interval,
    ceiling: &Ceiling,
) -> ShareOfCeiling {
    let share = chance_corrected(accuracy, ceiling.dirichlet.value);
    let half = |ci: Interval| (ci.high - ci.low) / 2.0;
    let above = ceiling.dirichlet.value - CHANCE;
    let error = half(accuracy_ci95).hypot(share * half(ceiling.dirichlet.ci95)) / above.abs();
    ShareOfCeiling {
        share: Estimate {
            value: share,
            ci95: Interval {
                low: share - error,
                high: share + error,
            },
        },
        bracket: Interval {
            low: chance_corrected(accuracy, ceiling.plug_in.value),
            high: chance_corrected(accuracy, ceiling.split_half.value),
        },
        published_ratio: accuracy / ceiling.plug_in.value,
    }
}

/// (accuracy − ⅓) / (ceiling − ⅓): 0 at chance, 1 at the ceiling.
///
/// ```
/// use emotome_embedding::evaluate::ceiling::chance_corrected;
/// assert!((chance_corrected(0.621, 0.744) - 0.700).abs() < 0.001);
/// ```
#[must_use]
pub fn chance_corrected(accuracy: f64, ceiling: f64) -> f64 {
    (accuracy - CHANCE) / (ceiling - CHANCE)
}
