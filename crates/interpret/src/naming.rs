//! Names of dimensions from the ratings that follow them, and what kind of dimension the names make it.

use std::fmt;

use ndarray::{ArrayView1, ArrayView2};
use serde::Serialize;

use crate::rating::{Rating, RatingKind};

/// How dimensions are named.
///
/// | parameter | published | signed | why |
/// |---|---|---|---|
/// | `gap` | 0.09 | 0.09 | recovered from the published names: the largest drop kept is .088, the smallest cut .094 |
/// | `most` | 3 | 3 | as published |
/// | `signed_categories` | no | yes | a dimension that *lacks* awe is not an awe dimension |
/// | `alpha` | none | 0.05 | a name needs a rating that beats chance: the best of K is never 0 |
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct NamingParams {
    /// A further rating joins while |r| drops by less than this from the one before.
    pub gap: f64,
    /// Most ratings in a name.
    pub most: usize,
    /// Whether a category that follows a dimension negatively says so.
    pub signed_categories: bool,
    /// Level of the null of max |r|; a dimension above it is unexplained and gets no name. None: all are named.
    pub alpha: Option<f64>,
}

impl NamingParams {
    /// The rule recovered from the published names.
    #[must_use]
    pub const fn published() -> Self {
        Self {
            gap: 0.09,
            most: 3,
            signed_categories: false,
            alpha: None,
        }
    }

    /// The published rule with the signs of categories kept and names only where chance does not suffice.
    #[must_use]
    pub const fn signed() -> Self {
        Self {
            signed_categories: true,
            alpha: Some(0.05),
            ..Self::published()
        }
    }
}

/// Which end of a rating a dimension follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Pole {
    /// The more of the dimension, the more of the rating.
    High,
    /// The more of the dimension, the less of the rating.
    Low,
}

/// A rating that names a dimension; shown as `awe`, `awe-low`, `safety-high` or `safety-low`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Label {
    /// The column of the rating, from 0.
    pub rating: usize,
    /// Its name.
    pub name: String,
    /// What it measures.
    pub kind: RatingKind,
    /// Its correlation with the dimension.
    pub r: f64,
    /// The end that the dimension follows; none for a category whose sign the rule drops.
    pub pole: Option<Pole>,
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match (self.kind, self.pole) {
            (_, Some(Pole::Low)) => f.write_str("-low"),
            (RatingKind::Dimension, Some(Pole::High)) => f.write_str("-high"),
            _ => Ok(()),
        }
    }
}

/// What kind of dimension its labels, or the ratings that explain it, make it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Categories alone.
    Category,
    /// Affective dimensions alone.
    Dimension,
    /// Both.
    Hybrid,
    /// What is explained needs neither kind alone: either explains it. No rule of labels gives it.
    Shared,
    /// Neither, as far as chance can be told apart.
    Unexplained,
}

/// The number of dimensions of each class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct ClassCounts {
    /// Dimensions of [`Class::Category`].
    pub category: usize,
    /// Dimensions of [`Class::Hybrid`].
    pub hybrid: usize,
    /// Dimensions of [`Class::Dimension`].
    pub dimension: usize,
    /// Dimensions of [`Class::Shared`].
    pub shared: usize,
    /// Dimensions of [`Class::Unexplained`].
    pub unexplained: usize,
}

impl ClassCounts {
    /// The number of dimensions of a class.
    #[must_use]
    pub const fn of(&self, class: Class) -> usize {
        match class {
            Class::Category => self.category,
            Class::Hybrid => self.hybrid,
            Class::Dimension => self.dimension,
            Class::Shared => self.shared,
            Class::Unexplained => self.unexplained,
        }
    }
}

impl FromIterator<Class> for ClassCounts {
    fn from_iter<I: IntoIterator<Item = Class>>(classes: I) -> Self {
        let mut counts = Self::default();
        for class in classes {
            *match class {
                Class::Category => &mut counts.category,
                Class::Dimension => &mut counts.dimension,
                Class::Hybrid => &mut counts.hybrid,
                Class::Shared => &mut counts.shared,
                Class::Unexplained => &mut counts.unexplained,
            } += 1;
        }
        counts
    }
}

/// The name of a dimension.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Name {
    /// The ratings that name it, the strongest first; none if it is unexplained.
    pub labels: Vec<Label>,
    /// What they make it.
    pub class: Class,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.labels.is_empty() {
            return f.write_str("unexplained");
        }
        for (i, label) in self.labels.iter().enumerate() {
            write!(f, "{}{label}", if i == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

/// Why dimensions cannot be named.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NamingError {
    /// A parameter that no rule can have.
    #[error("the naming rule's {parameter} is {found}; it must be {expected}")]
    Parameter {
        /// Which.
        parameter: &'static str,
        /// Its value.
        found: f64,
        /// The values possible.
        expected: &'static str,
    },
    /// The correlations are of other ratings.
    #[error(
        "the correlations are with {found} ratings, but {expected} ratings are named; pass those correlated"
    )]
    Ratings {
        /// Columns of the correlations.
        found: usize,
        /// Names of ratings.
        expected: usize,
    },
    /// The rule needs to know which dimensions beat chance.
    #[error(
        "the naming rule leaves dimensions unexplained at level {alpha}, but {found} p-values came with {expected} \
         dimensions; pass a p of max |r| for each, or set no level"
    )]
    Null {
        /// The level asked for.
        alpha: f64,
        /// p-values given.
        found: usize,
        /// Dimensions to name.
        expected: usize,
    },
}

impl NamingParams {
    fn check(&self) -> Result<(), NamingError> {
        let wrong = |parameter, found, expected| {
            Err(NamingError::Parameter {
                parameter,
                found,
                expected,
            })
        };
        match *self {
            Self { gap, .. } if !(gap > 0.0 && gap <= 1.0) => {
                wrong("gap", gap, "above 0 and at most 1")
            }
            Self { most: 0, .. } => wrong("most labels", 0.0, "at least 1"),
            Self {
                alpha: Some(alpha), ..
            } if !(alpha > 0.0 && alpha < 1.0) => wrong("level", alpha, "between 0 and 1"),
            _ => Ok(()),
        }
    }
}

fn labels(r: ArrayView1<'_, f64>, ratings: &[Rating], params: &NamingParams) -> Vec<Label> {
    let mut ranked: Vec<(usize, f64)> = r
        .iter()
        .copied()
        .enumerate()
        .filter(|x| !x.1.is_nan())
        .collect();
    ranked.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    let near = ranked
        .windows(2)
        .take_while(|pair| pair[0].1.abs() - pair[1].1.abs() < params.gap)
        .count();
    ranked
        .iter()
        .take((near + 1).min(params.most))
        .filter_map(|&(rating, r)| {
            let Rating { name, kind } = ratings.get(rating)?;
            Some(Label {
                rating,
                name: name.clone(),
                kind: *kind,
                r,
                pole: match kind {
                    RatingKind::Category if !params.signed_categories => None,
                    _ if r < 0.0 => Some(Pole::Low),
                    _ => Some(Pole::High),
                },
            })
        })
        .collect()
}

fn class(labels: &[Label]) -> Class {
    let has = |kind| labels.iter().any(|label| label.kind == kind);
    match (has(RatingKind::Category), has(RatingKind::Dimension)) {
        (true, true) => Class::Hybrid,
        (true, false) => Class::Category,
        (false, true) => Class::Dimension,
        (false, false) => Class::Unexplained,
    }
}

/// Names every dimension from its correlations with the ratings, D × K. O(D K log K).
///
/// Ratings are ranked by |r|; the first is a label, and each next one while |r₍ⱼ₎| − |r₍ⱼ₊₁₎| < `gap`, up to
/// `most` of them. Undefined correlations are passed over; equal ones stay in the order of the ratings.
/// The [class](Class) is category if all labels are categories, dimension if all are affective dimensions,
/// hybrid if both occur. The rule was never written down by its authors: it is recovered from the names and
/// correlations that they show, and reproduces 59 of 60. (The other, at max |r| = .07, has two labels; no drop
/// below .07 reaches the gap, so the rule gives three.)
///
/// `p` is the p of max |r| of each dimension, from a permutation null
/// ([`Strongest`](crate::correlate::Strongest), best its `q`); the published rule takes none. A dimension without any
/// defined correlation is unexplained under every rule.
///
/// # Errors
/// [`NamingError`]: an impossible parameter, correlations with other ratings, or p-values missing.
///
/// ```
/// use emotome_interpret::naming::{NamingParams, name_dimensions};
/// use emotome_interpret::rating::{Rating, RatingKind};
/// use ndarray::array;
/// let rating = |name: &str, kind| Rating { name: name.into(), kind };
/// let ratings = [
///     rating("awe", RatingKind::Category),
///     rating("fear", RatingKind::Category),
///     rating("safety", RatingKind::Dimension),
/// ];
/// let r = array![[-0.30, 0.10, -0.25]];
/// let names = name_dimensions(r.view(), None, &ratings, &NamingParams::published())?;
/// assert_eq!(names[0].to_string(), "awe, safety-low");
/// let names = name_dimensions(r.view(), Some(&[0.001]), &ratings, &NamingParams::signed())?;
/// assert_eq!(names[0].to_string(), "awe-low, safety-low");
/// # Ok::<(), emotome_interpret::naming::NamingError>(())
/// ```
pub fn name_dimensions(
    r: ArrayView2<'_, f64>,
    p: Option<&[f64]>,
    ratings: &[Rating],
    params: &NamingParams,
) -> Result<Vec<Name>, NamingError> {
    params.check()?;
    if r.ncols() != ratings.len() {
        return Err(NamingError::Ratings {
            found: r.ncols(),
            expected: ratings.len(),
        });
    }
    if let Some(alpha) = params.alpha
        && p.map(<[f64]>::len) != Some(r.nrows())
    {
        return Err(NamingError::Null {
            alpha,
            found: p.map_or(0, <[f64]>::len),
            expected: r.nrows(),
        });
    }
    let explained = |d: usize| match (params.alpha, p) {
        (Some(alpha), Some(p)) => p[d] <= alpha,
        _ => true,
    };
    let name = |(d, r)| {
        let labels = if explained(d) {
            labels(r, ratings, params)
        } else {
            Vec::new()
        };
        Name {
            class: class(&labels),
            labels,
        }
    };
    Ok(r.rows().into_iter().enumerate().map(name).collect())
}
