//! What answers cost, and a bound on it that is not overshot.

use emotome_triplets::{Nanos, Usage};
use serde::{Deserialize, Serialize};

/// Prices of a million tokens, in units of a currency.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Prices {
    /// Tokens that are read.
    pub prompt: f64,
    /// Tokens that are read from a cache; as others if it is not stated.
    pub cached: Option<f64>,
    /// Tokens that are written.
    pub completion: f64,
}

/// A price that is none.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("the price of a million {what} tokens is {found}; it must be a number from 0 to 1000000")]
pub struct PriceError {
    /// Which tokens.
    pub what: &'static str,
    /// The price found.
    pub found: f64,
}

impl Prices {
    /// Checks that every price can be one.
    ///
    /// # Errors
    /// [`PriceError`].
    pub fn check(self) -> Result<Self, PriceError> {
        let prices = [
            ("prompt", Some(self.prompt)),
            ("cached", self.cached),
            ("completion", Some(self.completion)),
        ];
        for (what, price) in prices {
            if let Some(found) = price.filter(|price| !(0.0..=1e6).contains(price)) {
                return Err(PriceError { what, found });
            }
        }
        Ok(self)
    }

    /// The same prices times a factor, e.g. 0.5 for batches that cost half.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        Self {
            prompt: self.prompt * factor,
            cached: self.cached.map(|price| price * factor),
            completion: self.completion * factor,
        }
    }

    /// The price of an answer; unknown if its tokens are.
    ///
    /// (prompt − cached)·p + cached·c + completion·w, in billionths, rounded to the nearest one.
    ///
    /// ```
    /// use emotome_judges::server::Prices;
    /// use emotome_triplets::{Nanos, Usage};
    /// let prices = Prices { prompt: 0.15, cached: Some(0.075), completion: 0.6 };
    /// let usage = Usage {
    ///     prompt_tokens: Some(1_000),
    ///     cached_tokens: Some(600),
    ///     completion_tokens: Some(10),
    ///     cost: None,
    /// };
    /// assert_eq!(prices.of(usage), Some(Nanos(60_000 + 45_000 + 6_000)));
    /// assert_eq!(prices.of(Usage::unknown()), None);
    /// ```
    #[must_use]
    pub fn of(&self, usage: Usage) -> Option<Nanos> {
        let prompt = f64::from(usage.prompt_tokens?);
        let cached = f64::from(usage.cached_tokens.unwrap_or(0)).min(prompt);
        let written = f64::from(usage.completion_tokens?);
        let millionths = (prompt - cached) * self.prompt
            + cached * self.cached.unwrap_or(self.prompt)
            + written * self.completion;
        Some(Nanos((millionths * 1e3).round() as u64))
    }

    /// The most that a request of so many tokens, read and written, can cost.
    #[must_use]
    pub fn most(&self, tokens: u32) -> Nanos {
        let highest = self
            .prompt
            .max(self.completion)
            .max(self.cached.unwrap_or(0.0));
        Nanos((f64::from(tokens) * highest * 1e3).ceil() as u64)
    }
}

/// Whether one more request may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Allowance {
    /// It may; so much is set aside for it.
    Granted(Nanos),
    /// Not while others are under way, which may cost less than was set aside for them.
    Later,
    /// Not within the bound.
    Exhausted,
}

/// A bound on the cost of a run: what requests under way may cost at most is set aside for them.
#[derive(Debug)]
pub(super) struct Budget {
    bound: Option<u64>,
    spent: u64,
    aside: u64,
    /// How many times more than estimated a request has cost at most, so that poor estimates of
    /// tokens do not overshoot the bound by much.
    factor: f64,
}

impl Budget {
    /// A bound of which `spent` is gone.
    pub(super) const fn new(bound: Option<Nanos>, spent: Nanos) -> Self {
        Self {
            bound: match bound {
                Some(Nanos(bound)) => Some(bound),
                None => None,
            },
            spent: spent.0,
            aside: 0,
            factor: 1.0,
        }
    }

    /// Sets aside what a request may cost.
    pub(super) fn set_aside(&mut self, estimate: Nanos) -> Allowance {
        let Some(bound) = self.bound else {
            return Allowance::Granted(Nanos(0));
        };
        let needed = (estimate.0 as f64 * self.factor).ceil() as u64;
        if self.spent.saturating_add(self.aside).saturating_add(needed) <= bound {
            self.aside += needed;
            Allowance::Granted(Nanos(needed))
        } else if self.aside > 0 {
            Allowance::Later
        } else {
            Allowance::Exhausted
        }
    }

    /// Sets aside what a further request of a conversation may cost, bound or not.
    pub(super) fn set_aside_anyway(&mut self, estimate: Nanos) -> Nanos {
        let needed = match self.bound {
            Some(_) => (estimate.0 as f64 * self.factor).ceil() as u64,
            None => 0,
        };
        self.aside = self.aside.saturating_add(needed);
        Nanos(needed)
    }

    /// A request came to nothing, which may have cost so much.
    pub(super) fn lose(&mut self, estimate: Nanos) {
        self.spent = self.spent.saturating_add(estimate.0);
    }

    /// Requests ended for which `aside` had been set aside, and which cost `cost`. Where that is not
    /// known, they are taken to have cost all of it.
    pub(super) fn settle(&mut self, aside: Nanos, cost: Option<Nanos>) {
        self.aside -= aside.0.min(self.aside);
        self.spent = self.spent.saturating_add(cost.unwrap_or(aside).0);
        if let Some(cost) = cost
            && aside.0 > 0
            && cost > aside
        {
            self.factor *= cost.0 as f64 / aside.0 as f64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn prices_that_are_none_are_refused() {
        for prompt in [-1.0, f64::NAN, f64::INFINITY] {
            let prices = Prices {
                prompt,
                cached: None,
                completion: 1.0,
            };
            assert!(prices.check().is_err(), "{prompt}");
        }
    }

    proptest! {
        /// Requests that cost at most their estimate never overshoot, in whatever order they end.
        #[test]
        fn a_bound_is_never_overshot(costs in prop::collection::vec((1_u64..1_000, 0_u64..1_000, any::<bool>()), 1..200)) {
            let mut budget = Budget::new(Some(Nanos(20_000)), Nanos(0));
            let (mut paid, mut under_way) = (0, Vec::new());
            for (estimate, cost, ends) in costs {
                if let Allowance::Granted(aside) = budget.set_aside(Nanos(estimate)) {
                    under_way.push((aside, Nanos(cost.min(estimate))));
                }
                if ends && let Some((aside, cost)) = under_way.pop() {
                    budget.settle(aside, Some(cost));
                    paid += cost.0;
                }
            }
            for (aside, cost) in under_way {
                budget.settle(aside, Some(cost));
                paid += cost.0;
            }
            prop_assert!(paid <= 20_000);
            prop_assert_eq!((budget.spent, budget.aside), (paid, 0));
        }
    }

    #[test]
    fn a_request_waits_for_others_before_the_bound_is_called_reached() {
        let mut budget = Budget::new(Some(Nanos(107)), Nanos(7));
        assert_eq!(budget.set_aside(Nanos(80)), Allowance::Granted(Nanos(80)));
        assert_eq!(budget.set_aside(Nanos(30)), Allowance::Later);
        budget.settle(Nanos(80), Some(Nanos(10)));
        assert_eq!(budget.set_aside(Nanos(30)), Allowance::Granted(Nanos(30)));
        budget.settle(Nanos(30), None);
        assert_eq!(budget.set_aside(Nanos(61)), Allowance::Exhausted);
        budget.lose(Nanos(10));
        assert_eq!(budget.set_aside(Nanos(51)), Allowance::Exhausted);
        // Estimates that were too low are raised.
        assert_eq!(budget.set_aside(Nanos(10)), Allowance::Granted(Nanos(10)));
        budget.settle(Nanos(10), Some(Nanos(20)));
        assert_eq!(budget.set_aside(Nanos(10)), Allowance::Granted(Nanos(20)));
    }
}
