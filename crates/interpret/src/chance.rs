//! How many dimensions of each class chance gives, so that class counts can be judged.
//!
//! Two things make classes without meaning: many ratings, of which one is always the best, and more categories
//! than affective dimensions, so that the best is more often a category. Each has its own null.

use emotome_stats::correlation::standardised;
use emotome_stats::random::{CounterRng, Seed};
use emotome_stats::summary::{mean, quantile};
use emotome_stimuli::run::Run;
use ndarray::{Array2, ArrayView2, Axis};
use serde::Serialize;

use crate::correlate::CorrelateError;
use crate::naming::{Class, ClassCounts, NamingError, NamingParams, name_dimensions};
use crate::pairs::Pairs;
use crate::rating::Rating;
use crate::resampling::{Interrupted, MOST_REPLICATES, order, replicate};

/// What is permuted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Permuted {
    /// The stimuli of the ratings: no rating follows any dimension.
    Stimuli,
    /// Which ratings are called categories: correlations stay, kinds mean nothing.
    Kinds,
}

/// The share of permutations that a class count is judged by.
const LEVEL: f64 = 0.95;

/// The number of dimensions of one class under a null.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ClassChance {
    /// The class.
    pub class: Class,
    /// The number found.
    pub observed: usize,
    /// The mean under the null.
    pub mean: f64,
    /// The central 95 % under the null.
    pub range: [f64; 2],
    /// Two-sided p: twice the smaller of the shares of permutations with as many or more, as few or fewer,
    /// each (1 + #)/(1 + permutations), at most 1.
    pub p: f64,
}

/// Class counts beside what a null gives; empty `classes` without permutations.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassNull {
    /// What was permuted.
    pub permuted: Permuted,
    /// How often.
    pub permutations: usize,
    /// Each class.
    pub classes: Vec<ClassChance>,
}

/// Why there is no null of class counts.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ChanceError {
    /// The rule cannot be applied.
    #[error(transparent)]
    Naming(#[from] NamingError),
    /// Too many permutations, or interrupted.
    #[error(transparent)]
    Correlate(#[from] CorrelateError),
}

impl From<Interrupted> for ChanceError {
    fn from(Interrupted: Interrupted) -> Self {
        Self::Correlate(CorrelateError::Interrupted)
    }
}

/// The class counts of the naming rule, and those that a null gives. O(permutations × n D K) for permuted
/// stimuli, O(permutations × D K log K) for permuted kinds.
///
/// The rule names every dimension in the null, whatever its `alpha`: the question is what the labels would be.
/// The observed counts are of that rule too.
///
/// # Errors
/// [`ChanceError`].
pub fn class_null(
    pairs: &Pairs,
    ratings: &[Rating],
    params: &NamingParams,
    permuted: Permuted,
    (permutations, seed): (usize, Seed),
    run: Run<'_>,
) -> Result<ClassNull, ChanceError> {
    if permutations > MOST_REPLICATES {
        return Err(CorrelateError::Parameter {
            parameter: "the number of permutations",
            found: permutations as f64,
            expected: "at most 100000",
        }
        .into());
    }
    let params = NamingParams {
        alpha: None,
        ..*params
    };
    let x = standardised(pairs.dimensions());
    let y = standardised(pairs.ratings());
    let r = correlations(x.view(), y.view());
    let count = |r: ArrayView2<'_, f64>, ratings: &[Rating]| -> Result<ClassCounts, NamingError> {
        let names = name_dimensions(r, None, ratings, &params)?;
        Ok(names.into_iter().map(|name| name.class).collect())
    };
    let observed = count(r.view(), ratings)?;
    let what = match permuted {
        Permuted::Stimuli => "class null: stimuli",
        Permuted::Kinds => "class null: kinds",
    };
    let seed = seed.derive(what);
    let counts = replicate(run, "Naming by chance", permutations, |permutation| {
        let mut rng = CounterRng::new(seed, permutation as u64);
        match permuted {
            Permuted::Stimuli => {
                let y = y.select(Axis(0), &order(y.nrows(), &mut rng));
                Ok::<_, ChanceError>(count(correlations(x.view(), y.view()).view(), ratings)?)
            }
            Permuted::Kinds => {
                let mut kinds: Vec<_> = ratings.iter().map(|rating| rating.kind).collect();
                rng.shuffle(&mut kinds);
                let mut ratings = ratings.to_vec();
                ratings
                    .iter_mut()
                    .zip(kinds)
                    .for_each(|(r, kind)| r.kind = kind);
                Ok(count(r.view(), &ratings)?)
            }
        }
    })?;
    let of = |class| chance(class, &observed, &counts);
    const CLASSES: [Class; 4] = [
        Class::Category,
        Class::Hybrid,
        Class::Dimension,
        Class::Unexplained,
    ];
    Ok(ClassNull {
        permuted,
        permutations,
        classes: CLASSES
            .into_iter()
            .filter(|_| permutations > 0)
            .map(of)
            .collect(),
    })
}

fn chance(class: Class, observed: &ClassCounts, null: &[ClassCounts]) -> ClassChance {
    let observed = observed.of(class);
    let mut counts: Vec<f64> = null.iter().map(|c| c.of(class) as f64).collect();
    counts.sort_unstable_by(f64::total_cmp);
    let tail = (1.0 - LEVEL) / 2.0;
    let share = |reached: usize| (1 + reached) as f64 / (1 + null.len()) as f64;
    let many = null.iter().filter(|c| c.of(class) >= observed).count();
    let few = null.iter().filter(|c| c.of(class) <= observed).count();
    ClassChance {
        class,
        observed,
        mean: mean(&counts),
        range: [quantile(&counts, tail), quantile(&counts, 1.0 - tail)],
        p: (2.0 * share(many).min(share(few))).min(1.0),
    }
}

/// Pearson's r of standardised columns; NaN where one is constant.
fn correlations(x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>) -> Array2<f64> {
    x.t().dot(&y)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rating::RatingKind;
    use emotome_stimuli::run::{Interrupt, Silent};

    /// 40 stimuli, 6 dimensions, each a rating of its own among 8 categories and 4 affective dimensions.
    fn planted() -> (Pairs, Vec<Rating>) {
        let mut rng = CounterRng::new(Seed(5), 0);
        let ratings = Array2::from_shape_simple_fn((40, 12), || rng.normal());
        let dimensions = ratings.select(Axis(1), &[0, 1, 2, 3, 4, 5]);
        let pairs = Pairs::new(dimensions.view(), ratings.view()).unwrap();
        let kind = |k| {
            if k < 8 {
                RatingKind::Category
            } else {
                RatingKind::Dimension
            }
        };
        let names = (0..12).map(|k| Rating {
            name: k.to_string(),
            kind: kind(k),
        });
        (pairs, names.collect())
    }

    fn null(permuted: Permuted, permutations: usize) -> ClassNull {
        let (pairs, ratings) = planted();
        let interrupt = Interrupt::default();
        let run = Run {
            progress: &Silent,
            interrupt: &interrupt,
        };
        let params = NamingParams::published();
        let how = (permutations, Seed(1));
        class_null(&pairs, &ratings, &params, permuted, how, run).unwrap()
    }

    #[test]
    fn six_categories_found_are_more_than_chance_gives() {
        let null = null(Permuted::Stimuli, 400);
        let category = null.classes[0];
        assert_eq!((category.class, category.observed), (Class::Category, 6));
        assert!(category.p < 0.02 && category.range[1] < 6.0, "{category:?}");
        // The counts of all classes are those of all dimensions.
        let total: f64 = null.classes.iter().map(|c| c.mean).sum();
        assert!((total - 6.0).abs() < 1e-9);
    }

    #[test]
    fn kinds_that_mean_nothing_give_categories_in_proportion_to_their_number() {
        let null = null(Permuted::Kinds, 2000);
        // Every dimension has one label, and 8 of 12 labels are categories.
        let category = null.classes[0];
        assert!((category.mean - 4.0).abs() < 0.1, "{category:?}");
        assert!(category.p > 0.05, "{category:?}");
    }

    #[test]
    fn no_permutations_give_no_null() {
        assert!(null(Permuted::Stimuli, 0).classes.is_empty());
    }
}
