//! Penalties, and what one is chosen for.

use crate::RidgeError;
use serde::{Deserialize, Serialize};

/// A penalty λ on squared weights: finite and above 0.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Penalty(f64);

impl Penalty {
    /// Checks the number.
    ///
    /// # Errors
    /// A number that is not finite or not above 0.
    pub fn new(value: f64) -> Result<Self, RidgeError> {
        if value.is_finite() && value > 0.0 {
            Ok(Self(value))
        } else {
            Err(RidgeError::Penalty { value })
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Penalty {
    type Error = RidgeError;
    fn try_from(value: f64) -> Result<Self, RidgeError> {
        Self::new(value)
    }
}

impl From<Penalty> for f64 {
    fn from(penalty: Penalty) -> Self {
        penalty.0
    }
}

/// Penalties to choose from, ascending, each once.
///
/// ```
/// # use emotome_ridge::Penalties;
/// let grid: Penalties = "1e1:1e4:4".parse()?;
/// assert_eq!(grid.values(), [10.0, 100.0, 1000.0, 10000.0]);
/// assert_eq!("100".parse::<Penalties>()?.len(), 1);
/// # Ok::<(), emotome_ridge::RidgeError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<f64>", into = "Vec<f64>")]
pub struct Penalties(Vec<f64>);

impl Penalties {
    /// Sorts and checks penalties.
    ///
    /// # Errors
    /// None at all, or one that is no penalty.
    pub fn new(mut values: Vec<f64>) -> Result<Self, RidgeError> {
        for &value in &values {
            Penalty::new(value)?;
        }
        if values.is_empty() {
            return Err(RidgeError::Nothing { what: "penalties" });
        }
        values.sort_by(f64::total_cmp);
        values.dedup();
        Ok(Self(values))
    }

    /// `count` penalties from `from` to `to`, spaced evenly in logarithm.
    ///
    /// # Errors
    /// No penalty, or a bound that is none.
    pub fn spaced(from: f64, to: f64, count: usize) -> Result<Self, RidgeError> {
        let (start, end) = (Penalty::new(from)?.0.log10(), Penalty::new(to)?.0.log10());
        let step = (end - start) / (count.max(2) - 1) as f64;
        Self::new(
            (0..count)
                .map(|i| match i {
                    0 => from,
                    i if i + 1 == count => to,
                    i => 10_f64.powf((i as f64).mul_add(step, start)),
                })
                .collect(),
        )
    }

    /// The numbers, ascending.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.0
    }

    /// How many there are: one or more.
    #[must_use]
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl Default for Penalties {
    /// 20 from 10 to 10,000, those of Horikawa et al. (2020), doi:10.1016/j.isci.2020.101060.
    fn default() -> Self {
        Self(
            (0..20)
                .map(|i| 10_f64.powf(1.0 + 3.0 * f64::from(i) / 19.0))
                .collect(),
        )
    }
}

impl TryFrom<Vec<f64>> for Penalties {
    type Error = RidgeError;
    fn try_from(values: Vec<f64>) -> Result<Self, RidgeError> {
        Self::new(values)
    }
}

impl From<Penalties> for Vec<f64> {
    fn from(penalties: Penalties) -> Self {
        penalties.0
    }
}

impl std::str::FromStr for Penalties {
    type Err = RidgeError;

    fn from_str(text: &str) -> Result<Self, RidgeError> {
        /// More than anybody compares, and few enough to hold a score of each for all voxels.
        const MOST: usize = 1_000;
        let wrong = || RidgeError::Penalties { text: text.into() };
        let number = |text: &str| text.trim().parse::<f64>().map_err(|_| wrong());
        if let [from, to, count] = text.split(':').collect::<Vec<_>>()[..] {
            let count = count.trim().parse().map_err(|_| wrong())?;
            if !(1..=MOST).contains(&count) {
                return Err(wrong());
            }
            return Self::spaced(number(from)?, number(to)?, count);
        }
        let values: Vec<f64> = text.split(',').map(number).collect::<Result<_, _>>()?;
        if values.len() > MOST {
            return Err(wrong());
        }
        Self::new(values)
    }
}

/// What one penalty is chosen for.
///
/// Of several penalties the one with the best score wins; where scores differ by less than 10⁻¹⁰ · ln of the ratio of
/// penalties, the larger one does, as in himalaya.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Every target has its own.
    PerTarget,
    /// One for all targets, by the mean of their scores; targets without a score do not count.
    Global,
    /// One for each region, by the mean over its targets: the region of each target, from 0.
    PerRegion(Vec<u32>),
}

impl Rule {
    /// The best of `scores` (penalties × targets) for every target; none for targets that have no score at all.
    pub(crate) fn choose(
        &self,
        penalties: &Penalties,
        targets: usize,
        score: impl Fn(usize, usize) -> f64,
    ) -> Vec<Option<usize>> {
        let best = |score: &dyn Fn(usize) -> f64| {
            let mut best = None;
            let mut highest = f64::NEG_INFINITY;
            for (at, penalty) in penalties.values().iter().enumerate() {
                let value = penalty.ln().mul_add(1e-10, score(at));
                if value > highest {
                    (best, highest) = (Some(at), value);
                }
            }
            best
        };
        let regions: Vec<u32> = match self {
            Self::PerTarget => {
                return (0..targets).map(|t| best(&|at| score(at, t))).collect();
            }
            Self::Global => vec![0; targets],
            Self::PerRegion(regions) => regions.clone(),
        };
        let mut members: std::collections::BTreeMap<u32, Vec<usize>> = Default::default();
        for (target, &region) in regions.iter().enumerate() {
            members.entry(region).or_default().push(target);
        }
        let mut chosen = vec![None; targets];
        for members in members.values() {
            let mean = |at: usize| {
                let (mut sum, mut count) = (0.0, 0.0);
                for &target in members {
                    let score = score(at, target);
                    if !score.is_nan() {
                        sum += score;
                        count += 1.0;
                    }
                }
                sum / count
            };
            let best = best(&mean);
            for &target in members {
                let scored = (0..penalties.len()).any(|at| !score(at, target).is_nan());
                chosen[target] = best.filter(|_| scored);
            }
        }
        chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn penalties_are_those_of_numpy_logspace() {
        let grid = Penalties::spaced(1e1, 1e4, 20).unwrap();
        assert_eq!(grid.len(), 20);
        for (a, b) in grid.values().iter().zip(Penalties::default().values()) {
            assert!((a / b - 1.0).abs() < 1e-14, "{a} {b}");
        }
        assert!((grid.values()[1] - 14.384_498_882_876_63).abs() < 1e-12);
    }

    #[test]
    fn what_is_no_list_of_penalties_is_refused() {
        for text in [
            "",
            "1:2",
            "1:2:0",
            "1:2:100000",
            "0",
            "-1,2",
            "nan",
            "inf",
            "1;2",
            "1e1:0:3",
        ] {
            assert!(text.parse::<Penalties>().is_err(), "{text}");
        }
    }

    #[test]
    fn equal_scores_choose_the_larger_penalty_and_missing_scores_do_not_count() {
        let grid = Penalties::new(vec![1.0, 10.0, 100.0]).unwrap();
        let scores = [
            [0.5, f64::NAN, 0.1],
            [0.5, f64::NAN, 0.3],
            [0.2, f64::NAN, 0.2],
        ];
        let score = |at: usize, t: usize| scores[at][t];
        assert_eq!(
            Rule::PerTarget.choose(&grid, 3, score),
            [Some(1), None, Some(1)]
        );
        assert_eq!(
            Rule::Global.choose(&grid, 3, score),
            [Some(1), None, Some(1)]
        );
        let regions = Rule::PerRegion(vec![0, 1, 1]);
        assert_eq!(regions.choose(&grid, 3, score), [Some(1), None, Some(1)]);
    }
}
