//! Which stimuli stand for a dimension: examples for its name, and pairs held out for the test of the name.

use emotome_stats::random::{CounterRng, Seed};
use emotome_stimuli::StimulusId;
use serde::{Deserialize, Serialize};

/// How a dimension is named.
///
/// | parameter | default | why |
/// |---|---|---|
/// | `repeats` | 5 | custom; agreement needs at least 2 |
/// | `top` | 8 | custom; fits the prompt of a small model |
/// | `bottom` | 8 | as many |
/// | `pool` | 24 | each repeat draws its `top` from so many, so that repeats are no copies of each other |
/// | `low_share` | 0.25 | share of the stimuli, those with the lowest weights, that `bottom` is drawn from |
/// | `test_pairs` | 20 | the 95 % interval of an accuracy of ½ reaches from .30 to .70 |
/// | `reasks` | 1 | how often a reply that cannot be read is asked again |
/// | `seed` | 1 | of every draw, and of requests |
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct NamingParams {
    /// How often each dimension is named.
    pub repeats: u32,
    /// Examples with high weights.
    pub top: usize,
    /// Examples with low weights.
    pub bottom: usize,
    /// Stimuli that the former are drawn from.
    pub pool: usize,
    /// Share of the stimuli that the latter are drawn from.
    pub low_share: f64,
    /// Pairs of stimuli, used for no name, on which the name is tested.
    pub test_pairs: usize,
    /// How often a reply that cannot be read is asked again.
    pub reasks: u8,
    /// The seed.
    pub seed: u64,
}

impl Default for NamingParams {
    fn default() -> Self {
        Self {
            repeats: 5,
            top: 8,
            bottom: 8,
            pool: 24,
            low_share: 0.25,
            test_pairs: 20,
            reasks: 1,
            seed: 1,
        }
    }
}

/// A parameter that cannot be.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{name} = {found}; expected {expected}")]
pub struct NamingParamsError {
    /// The parameter.
    pub name: &'static str,
    /// Its value.
    pub found: f64,
    /// What it may be.
    pub expected: &'static str,
}

impl NamingParams {
    /// Checks the parameters.
    ///
    /// # Errors
    /// [`NamingParamsError`] names the first that cannot be.
    pub fn check(self) -> Result<Self, NamingParamsError> {
        let ranges = [
            (
                "repeats",
                f64::from(self.repeats),
                1.0..=1000.0,
                "from 1 to 1000",
            ),
            ("top", self.top as f64, 2.0..=1000.0, "from 2 to 1000"),
            ("bottom", self.bottom as f64, 2.0..=1000.0, "from 2 to 1000"),
            (
                "pool",
                self.pool as f64,
                self.top as f64..=1e6,
                "at least as many as top, up to 1000000",
            ),
            (
                "low-share",
                self.low_share,
                1e-6..=0.5,
                "a share above 0, up to 0.5",
            ),
            (
                "test-pairs",
                self.test_pairs as f64,
                0.0..=1e4,
                "at most 10000",
            ),
            ("reasks", f64::from(self.reasks), 0.0..=8.0, "at most 8"),
        ];
        for (name, found, range, expected) in ranges {
            if !range.contains(&found) {
                return Err(NamingParamsError {
                    name,
                    found,
                    expected,
                });
            }
        }
        Ok(self)
    }
}

/// The stimuli that stand for a dimension.
///
/// Of the stimuli with a weight above all of the low ones, the `pool + test_pairs` heaviest are candidates;
/// `test_pairs` of them, drawn at random, are held out, so that those tested are as heavy as those shown. The
/// `low_share` with the lowest weights (ties by lot) are divided in the same way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draw {
    dim: usize,
    /// Ascending by rank; what `top` is drawn from.
    high: Vec<StimulusId>,
    low: Vec<StimulusId>,
    /// One high, one low.
    pairs: Vec<[StimulusId; 2]>,
}

/// Why a dimension cannot be named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Unnamed {
    /// Too few stimuli have more of it than the low ones.
    #[error("{found} stimuli that can be shown weigh more than the low ones; {needed} are needed")]
    FewHigh {
        /// Stimuli found.
        found: usize,
        /// Stimuli needed.
        needed: usize,
    },
    /// Too few stimuli are low.
    #[error("{found} stimuli that can be shown are among the low ones; {needed} are needed")]
    FewLow {
        /// Stimuli found.
        found: usize,
        /// Stimuli needed.
        needed: usize,
    },
}

/// The examples of one repeat, in the order in which they are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examples {
    /// Those with high weights.
    pub high: Vec<StimulusId>,
    /// Those with low weights.
    pub low: Vec<StimulusId>,
}

impl Draw {
    /// The stimuli of dimension `dim` (from 0, for the draws alone), by its weights on the stimuli that
    /// can be shown. O(n log n).
    ///
    /// Where fewer than `pool + test_pairs` stimuli are heavy, or fewer than `bottom + test_pairs` are low, there
    /// are fewer pairs and a smaller pool: see [`pairs`](Self::pairs) and [`pool`](Self::pool).
    ///
    /// # Errors
    /// [`Unnamed`] if there are not enough stimuli for the examples.
    pub fn new(
        dim: usize,
        weights: &[(StimulusId, f32)],
        params: &NamingParams,
    ) -> Result<Self, Unnamed> {
        let seed = Seed(params.seed).derive("stimuli of a dimension");
        let mut rng = CounterRng::new(seed, dim as u64);
        let mut ranked = weights.to_vec();
        rng.shuffle(&mut ranked);
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
        let lows = (ranked.len() as f64 * params.low_share).floor() as usize;
        if lows < params.bottom {
            return Err(Unnamed::FewLow {
                found: lows,
                needed: params.bottom,
            });
        }
        let mut low = ranked.split_off(ranked.len() - lows);
        let most_low = low[0].1;
        let heavy = ranked.iter().take_while(|(_, weight)| *weight > most_low);
        let mut high: Vec<_> = heavy
            .take(params.pool + params.test_pairs)
            .copied()
            .collect();
        if high.len() < params.top {
            return Err(Unnamed::FewHigh {
                found: high.len(),
                needed: params.top,
            });
        }
        // Where there are fewer candidates, pool and pairs both become smaller.
        let beyond = params.pool + params.test_pairs - params.top;
        let share = (high.len() - params.top) * params.test_pairs;
        let pairs = share
            .checked_div(beyond)
            .unwrap_or(0)
            .min(low.len() - params.bottom);
        rng.shuffle(&mut high);
        rng.shuffle(&mut low);
        let held = high.split_off(high.len() - pairs);
        let lowest = low.split_off(low.len() - pairs);
        high.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        high.truncate(params.pool);
        let ids = |of: Vec<(StimulusId, f32)>| of.into_iter().map(|(id, _)| id).collect();
        Ok(Self {
            dim,
            high: ids(high),
            low: ids(low),
            pairs: held.iter().zip(&lowest).map(|(a, b)| [a.0, b.0]).collect(),
        })
    }

    /// The number of stimuli that the high examples are drawn from.
    #[must_use]
    pub fn pool(&self) -> usize {
        self.high.len()
    }

    /// The held-out pairs, each one high, then one low; no name is made from any of them.
    #[must_use]
    pub fn pairs(&self) -> &[[StimulusId; 2]] {
        &self.pairs
    }

    /// The examples of a repeat, drawn and shuffled.
    #[must_use]
    pub fn examples(&self, repeat: u32, params: &NamingParams) -> Examples {
        let seed = Seed(params.seed)
            .derive("examples of a repeat")
            .child(self.dim as u64);
        let mut rng = CounterRng::new(seed, u64::from(repeat));
        let mut some = |of: &[StimulusId], n: usize| {
            let mut all = of.to_vec();
            rng.shuffle(&mut all);
            all.truncate(n);
            all
        };
        Examples {
            high: some(&self.high, params.top),
            low: some(&self.low, params.bottom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    fn weights(n: u32, of: impl Fn(u32) -> f32) -> Vec<(StimulusId, f32)> {
        (0..n).map(|i| (StimulusId(i), of(i))).collect()
    }

    #[test]
    fn examples_are_heavy_and_light_and_differ_between_repeats() {
        let params = NamingParams::default();
        let draw = Draw::new(3, &weights(400, |i| i as f32), &params).unwrap();
        assert_eq!((draw.pool(), draw.pairs().len()), (24, 20));
        let first = draw.examples(0, &params);
        assert!(first.high.iter().all(|id| id.0 >= 400 - 44));
        assert!(first.low.iter().all(|id| id.0 < 100));
        assert_eq!((first.high.len(), first.low.len()), (8, 8));
        assert_ne!(first, draw.examples(1, &params));
        assert_eq!(first, draw.examples(0, &params));
        let other = Draw::new(4, &weights(400, |i| i as f32), &params).unwrap();
        assert_ne!(other.pairs(), draw.pairs());
    }

    #[test]
    fn held_out_stimuli_are_as_heavy_as_those_shown() {
        let params = NamingParams::default();
        let (mut held, mut shown) = (0.0, 0.0);
        for dim in 0..200 {
            let draw = Draw::new(dim, &weights(400, |i| i as f32), &params).unwrap();
            let mean = |ids: Vec<u32>| ids.iter().sum::<u32>() as f64 / ids.len() as f64;
            held += mean(draw.pairs().iter().map(|pair| pair[0].0).collect()) / 200.0;
            shown += mean(draw.high.iter().map(|id| id.0).collect()) / 200.0;
        }
        // Both means are that of 356 … 399, 377.5; the spread of 200 means is below .2.
        assert!(
            (held - 377.5).abs() < 0.8 && (shown - 377.5).abs() < 0.8,
            "{held} {shown}"
        );
    }

    #[test]
    fn a_dimension_that_hardly_anything_weighs_on_is_not_named() {
        let params = NamingParams::default();
        let sparse = |k: u32| Draw::new(0, &weights(400, |i| f32::from(i < k)), &params);
        assert_eq!(
            sparse(7),
            Err(Unnamed::FewHigh {
                found: 7,
                needed: 8
            })
        );
        let few = sparse(18).unwrap();
        assert_eq!((few.pool(), few.pairs().len()), (13, 5));
        assert!(
            few.pairs()
                .iter()
                .all(|pair| pair[0].0 < 18 && pair[1].0 >= 18)
        );
        let constant = Draw::new(0, &weights(400, |_| 1.0), &params);
        assert_eq!(
            constant,
            Err(Unnamed::FewHigh {
                found: 0,
                needed: 8
            })
        );
        let small = Draw::new(0, &weights(28, |i| i as f32), &params);
        assert_eq!(
            small,
            Err(Unnamed::FewLow {
                found: 7,
                needed: 8
            })
        );
    }

    proptest! {
        #[test]
        fn what_is_tested_was_never_shown(n in 40_u32..300, dim in 0_usize..9, pairs in 0_usize..40, seed in any::<u64>()) {
            let params = NamingParams { test_pairs: pairs, seed, ..NamingParams::default() };
            let weights = weights(n, |i| (i.wrapping_mul(2_654_435_761) % 97) as f32);
            if let Ok(draw) = Draw::new(dim, &weights, &params) {
                let held: HashSet<u32> = draw.pairs().iter().flatten().map(|id| id.0).collect();
                prop_assert_eq!(held.len(), 2 * draw.pairs().len());
                for repeat in 0..4 {
                    let examples = draw.examples(repeat, &params);
                    let shown: HashSet<u32> = examples.high.iter().chain(&examples.low).map(|id| id.0).collect();
                    prop_assert_eq!(shown.len(), params.top + params.bottom);
                    prop_assert!(shown.is_disjoint(&held));
                }
            }
        }
    }
}
