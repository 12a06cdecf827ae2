//! How much of each dimension ratings explain: what only categories do, only affective dimensions, both, neither.
//!
//! Labels name the best of many ratings one at a time. Here all ratings of a kind together predict the
//! dimension for stimuli that the fit has not seen, so that 34 categories gain nothing over 14 dimensions by
//! their number alone.

mod folds;
mod moments;
pub(crate) mod ridge;
mod shares;

use emotome_stats::interval::Interval;
use emotome_stats::random::Seed;
use emotome_stimuli::run::Run;
use serde::{Deserialize, Serialize};

use crate::naming::Class;
use crate::pairs::Pairs;
use crate::rating::RatingKind;
use crate::resampling::{Interrupted, MOST_REPLICATES};

pub use folds::{Folds, FoldsError};

/// Categories, affective dimensions, both.
const SETS: usize = 3;

/// How much is explained is computed so.
///
/// | parameter | default | why |
/// |---|---|---|
/// | `penalties` | 10⁻⁴ … 10², half-decades | from least squares to nothing explained |
/// | `bootstraps` | 1000 | percentiles of a 95 % interval settle to about a tenth of its width |
/// | `permutations` | 1000 | p down to .001 |
/// | `level` | 0.95 | custom |
/// | `alpha` | 0.05 | false-discovery rate over dimensions at which one is explained |
/// | `least_share` | 0.05 | a choice: of thousands of stimuli any share is surely above 0, so a class needs a size |
/// | `seed` | 0 | |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExplainParams {
    /// Ridge penalties to choose from, per training stimulus and of standardised ratings.
    pub penalties: Vec<f64>,
    /// Resamples of the stimuli.
    pub bootstraps: usize,
    /// Permutations of the stimuli.
    pub permutations: usize,
    /// Level of the intervals.
    pub level: f64,
    /// False-discovery rate at which a dimension counts as explained.
    pub alpha: f64,
    /// Share of a dimension's variance that the interval of a unique share lies above for it to make a class, from 0 up to 1.
    pub least_share: f64,
    /// Seed of resamples and permutations.
    pub seed: u64,
}

impl Default for ExplainParams {
    fn default() -> Self {
        Self {
            penalties: (-8..=4).map(|i| 10_f64.powf(f64::from(i) / 2.0)).collect(),
            bootstraps: 1000,
            permutations: 1000,
            level: 0.95,
            alpha: 0.05,
            least_share: 0.05,
            seed: 0,
        }
    }
}

/// A share of a dimension's variance and its interval; below 0 where predictions are worse than the mean.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Share {
    /// The estimate.
    pub value: f64,
    /// Its bootstrap interval over stimuli.
    pub interval: Interval,
}

/// R² of a set of ratings on stimuli held out.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SetShare {
    /// R² = 1 − Σ (y − ŷ)² / Σ (y − ȳ)², ŷ and ȳ from the other folds.
    pub r2: Share,
    /// p of R² under permutation of the stimuli, (1 + #{null ≥ observed}) / (1 + permutations).
    pub p: f64,
    /// The R² that chance exceeds with probability 1 − level.
    pub critical: f64,
}

/// What ratings explain of a dimension. All shares keep their signs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Partition {
    /// R² of the categories.
    pub categories: SetShare,
    /// R² of the affective dimensions.
    pub dimensions: SetShare,
    /// R² of both together.
    pub both: SetShare,
    /// R²(both) − R²(dimensions): what only categories explain.
    pub unique_category: Share,
    /// R²(both) − R²(categories): what only affective dimensions explain.
    pub unique_dimension: Share,
    /// R²(categories) + R²(dimensions) − R²(both): what either explains.
    pub shared: Share,
    /// 1 − R²(both).
    pub unexplained: Share,
}

/// What ratings explain of one dimension, and what that makes it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct DimensionShare {
    /// Its shares.
    #[serde(flatten)]
    pub partition: Partition,
    /// Benjamini–Hochberg adjusted p of R²(both) over the dimensions.
    pub q: f64,
    /// Unexplained if q > alpha; category or dimension if only that unique share has an interval above `least_share`;
    /// hybrid if both have; shared if neither has: then either kind explains most of what is explained.
    pub class: Class,
}

/// What ratings explain of every dimension.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explained {
    /// The number of stimuli.
    pub items: usize,
    /// The number of folds.
    pub folds: usize,
    /// The number of categories and of affective dimensions.
    pub predictors: [usize; 2],
    /// Ratings that were constant among the training stimuli of some fold, and without effect there.
    pub constant_in_training: Vec<usize>,
    /// The share of variance that a unique share's interval had to exceed to make a class.
    pub least_share: f64,
    /// Each dimension; NaN shares and class unexplained for a constant one.
    pub dimensions: Vec<DimensionShare>,
    /// All dimensions together, each with variance 1: shares of their mean.
    pub overall: Partition,
}

/// Why it was not computed how much ratings explain.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ExplainError {
    /// A parameter out of range.
    #[error("{parameter} is {found}; it must be {expected}")]
    Parameter {
        /// Which.
        parameter: &'static str,
        /// Its value.
        found: f64,
        /// The values possible.
        expected: &'static str,
    },
    /// The kinds are of other ratings.
    #[error("kinds of {found} ratings came with {expected} ratings; pass one for each")]
    Kinds {
        /// Kinds given.
        found: usize,
        /// Ratings.
        expected: usize,
    },
    /// A kind without a rating.
    #[error(
        "no rating is {kind}; unique and shared variance need both categories and affective dimensions: add such \
         ratings, or use correlations alone"
    )]
    NoneOfKind {
        /// Which kind.
        kind: &'static str,
    },
    /// The folds are of other stimuli.
    #[error(
        "folds of {found} stimuli came with {expected} stimuli; stimuli without ratings are left out before folds are made"
    )]
    Folds {
        /// Stimuli in the folds.
        found: usize,
        /// Stimuli used.
        expected: usize,
    },
    /// The ratings cannot be decomposed.
    #[error(
        "the correlations of the ratings in fold {fold} have no eigenvectors; look for ratings of extreme size"
    )]
    Eigen {
        /// The fold, from 1.
        fold: usize,
    },
    /// A stop was asked for.
    #[error("explaining dimensions by ratings was interrupted; nothing was kept")]
    Interrupted,
}

impl From<Interrupted> for ExplainError {
    fn from(Interrupted: Interrupted) -> Self {
        Self::Interrupted
    }
}

impl ExplainParams {
    fn check(&self) -> Result<(), ExplainError> {
        let wrong = |parameter, found, expected| {
            Err(ExplainError::Parameter {
                parameter,
                found,
                expected,
            })
        };
        for (parameter, found) in [
            ("the number of bootstraps", self.bootstraps),
            ("the number of permutations", self.permutations),
        ] {
            if !(1..=MOST_REPLICATES).contains(&found) {
                return wrong(parameter, found as f64, "from 1 to 100000");
            }
        }
        for (parameter, found) in [("the level", self.level), ("alpha", self.alpha)] {
            if !(found > 0.0 && found < 1.0) {
                return wrong(parameter, found, "between 0 and 1");
            }
        }
        if !(0.0..1.0).contains(&self.least_share) {
            return wrong(
                "the least unique share",
                self.least_share,
                "from 0 to below 1",
            );
        }
        if !(1..=1000).contains(&self.penalties.len()) {
            let found = self.penalties.len() as f64;
            return wrong("the number of penalties", found, "from 1 to 1000");
        }
        match self.penalties.iter().find(|x| !(1e-9..=1e9).contains(*x)) {
            Some(&found) => wrong("a penalty", found, "from 1e-9 to 1e9 per stimulus"),
            None => Ok(()),
        }
    }
}

/// Predicts every dimension from the categories, from the affective dimensions, and from both, by ridge
/// regression on stimuli held out, and divides its variance among them.
///
/// In each fold ratings are standardised by the training stimuli, and the penalty n λ is chosen for each
/// dimension and set by generalised cross-validation within them: least n Σ(y − ŷ)² / (n − 1 − tr H)². Errors
/// of all folds are pooled. Intervals resample stimuli with their errors, so they are conditional on the
/// folds and fits; the null permutes the stimuli of all dimensions jointly and repeats everything, penalties
/// included.
///
/// With F folds: O(F K³ + n K (K + D) + B n D + P (n + F K) K D) time for B bootstraps and P permutations, on
/// sufficient statistics of each fold. The result does not depend on the number of threads.
///
/// # Errors
/// [`ExplainError`]: a parameter out of range, kinds or folds of something else, no rating of a kind, or
/// interrupted.
///
/// # Sources
/// Hoerl & Kennard (1970), doi:10.1080/00401706.1970.10488634; Golub, Heath & Wahba (1979),
/// doi:10.1080/00401706.1979.10489751 (GCV); commonality analysis: Newton & Spurrell (1967),
/// doi:10.2307/2985752.
pub fn explain(
    pairs: &Pairs,
    kinds: &[RatingKind],
    folds: &Folds,
    params: &ExplainParams,
    run: Run<'_>,
) -> Result<Explained, ExplainError> {
    params.check()?;
    let (items, ratings) = pairs.ratings().dim();
    if kinds.len() != ratings {
        return Err(ExplainError::Kinds {
            found: kinds.len(),
            expected: ratings,
        });
    }
    if folds.items() != items {
        return Err(ExplainError::Folds {
            found: folds.items(),
            expected: items,
        });
    }
    let of = |kind| {
        (0..ratings)
            .filter(|&k| kinds[k] == kind)
            .collect::<Vec<_>>()
    };
    let sets: [Vec<usize>; SETS] = [
        of(RatingKind::Category),
        of(RatingKind::Dimension),
        (0..ratings).collect(),
    ];
    for (set, kind) in sets.iter().zip(["a category", "an affective dimension"]) {
        if set.is_empty() {
            return Err(ExplainError::NoneOfKind { kind });
        }
    }
    let (x, y) = (pairs.ratings(), pairs.dimensions());
    let design = ridge::Design::new(x, y, &sets, ratings, folds, &params.penalties)
        .map_err(|ridge::NoEigenvectors(fold)| ExplainError::Eigen { fold: fold + 1 })?;
    let errors = design.errors();
    let seed = Seed(params.seed).derive("explain permutation");
    let null = design.null(params.permutations, seed, run)?;
    let resampled = shares::resample(&errors, params, run)?;
    let (dimensions, overall) = shares::partitions(&errors, &resampled, &null, params);
    Ok(Explained {
        items,
        folds: folds.len(),
        predictors: [sets[0].len(), sets[1].len()],
        constant_in_training: design.constant_in_training(),
        least_share: params.least_share,
        dimensions,
        overall,
    })
}
