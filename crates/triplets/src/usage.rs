//! What answers cost: tokens and money, where unknown is never zero.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::AddAssign;

/// Money in billionths of a currency unit, so that sums over millions of answers stay exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Nanos(pub u64);

impl Nanos {
    /// An amount in whole units, rounded to the nearest billionth; `None` unless it is finite, not negative
    /// and below 10⁹ units.
    ///
    /// ```
    /// use emotome_triplets::Nanos;
    /// assert_eq!(Nanos::from_units(0.00125), Some(Nanos(1_250_000)));
    /// assert_eq!(Nanos::from_units(f64::NAN), None);
    /// ```
    #[must_use]
    pub fn from_units(units: f64) -> Option<Self> {
        (0.0..1e9)
            .contains(&units)
            .then(|| Self((units * 1e9).round() as u64))
    }

    /// The amount in units.
    #[must_use]
    pub fn units(self) -> f64 {
        self.0 as f64 / 1e9
    }
}

impl AddAssign for Nanos {
    fn add_assign(&mut self, other: Self) {
        self.0 = self.0.saturating_add(other.0);
    }
}

impl fmt::Display for Nanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = if self.0 < 1_000_000_000 { 6 } else { 2 };
        write!(f, "{:.digits$}", self.units())
    }
}

/// What was used for one answer, as far as the server said it; all its requests together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens that were read.
    pub prompt_tokens: Option<u32>,
    /// Of these, tokens that came from a cache.
    pub cached_tokens: Option<u32>,
    /// Tokens that were written.
    pub completion_tokens: Option<u32>,
    /// The price, where it is known.
    pub cost: Option<Nanos>,
}

impl Usage {
    /// Usage of which nothing is known.
    #[must_use]
    pub const fn unknown() -> Self {
        Self {
            prompt_tokens: None,
            cached_tokens: None,
            completion_tokens: None,
            cost: None,
        }
    }

    /// The sum of two usages: unknown where either is unknown.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let add = |a: Option<u32>, b: Option<u32>| Some(a?.saturating_add(b?));
        Self {
            prompt_tokens: add(self.prompt_tokens, other.prompt_tokens),
            cached_tokens: add(self.cached_tokens, other.cached_tokens),
            completion_tokens: add(self.completion_tokens, other.completion_tokens),
            cost: self
                .cost
                .zip(other.cost)
                .map(|(a, b)| Nanos(a.0.saturating_add(b.0))),
        }
    }

    /// Usage of nothing, known to be nothing: the start of a sum.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            prompt_tokens: Some(0),
            cached_tokens: Some(0),
            completion_tokens: Some(0),
            cost: Some(Nanos(0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_price_makes_the_sum_unknown() {
        let known = Usage {
            cost: Some(Nanos(5)),
            ..Usage::none()
        };
        assert_eq!(known.plus(known).cost, Some(Nanos(10)));
        assert_eq!(known.plus(Usage::default()).cost, None);
    }

    #[test]
    fn small_amounts_keep_their_digits() {
        assert_eq!(Nanos(1_250).to_string(), "0.000001");
        assert_eq!(Nanos(12_345_678_901).to_string(), "12.35");
    }
}
