//! Do labels and features come from the same numbers? Then accuracy says nothing.

use emotome_stats::correlation::{cross_correlation, weighted_pearson};
use emotome_stimuli::run::Run;
use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

use super::labels::Labels;
use super::{Estimate, StructureError, centred};
use crate::explained::Folds;
use crate::explained::ridge::{Design, NoEigenvectors};
use crate::resampling::Resampling;

/// When labels count as circular.
///
/// | parameter | default | why |
/// |---|---|---|
/// | `same` | 0.999 | two measurements with the noise of a dozen raters never agree so |
/// | `share` | 0.5 | of the labelled stimuli: those whose category is recovered decide |
/// | `penalty` | 10⁻⁶ | per stimulus: as good as least squares, yet defined for columns that depend on each other |
/// | `folds` | 10 | |
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CircularParams {
    /// |r| from which a rating and a feature are the same.
    pub same: f64,
    /// The share of labelled stimuli in recovered categories from which labels are circular.
    pub share: f64,
    /// The ridge penalty of the linear reconstruction.
    pub penalty: f64,
    /// Its folds.
    pub folds: usize,
    /// Intervals.
    pub resampling: Resampling,
}

impl Default for CircularParams {
    fn default() -> Self {
        Self {
            same: 0.999,
            share: 0.5,
            penalty: 1e-6,
            folds: 10,
            resampling: Resampling::default(),
        }
    }
}

/// How labels come out of features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// Most labels are of ratings that are columns of the features.
    SameColumns,
    /// Most labels are of ratings that are linear in the features.
    SameLinear,
    /// Most labels are of ratings that features follow more closely than any independent measurement could:
    /// held out, r > √reliability. They share the raters' noise.
    SharedNoise,
    /// None of these was found, but too many ratings have no reliability to tell [`Source::SharedNoise`] by.
    Unknown,
    /// None of these was found.
    Independent,
}

/// How closely the features follow one rating.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Recovered {
    /// The category's column in the ratings.
    pub category: usize,
    /// Its labelled stimuli.
    pub items: usize,
    /// The feature with the largest |r|.
    pub feature: usize,
    /// That r.
    pub r: f64,
    /// r of the rating with its linear reconstruction from all features, on stimuli held out.
    pub linear: Estimate,
    /// √reliability: the largest r possible for a measurement with noise of its own; NaN if not known.
    pub ceiling: f64,
}

/// Whether labels and features come from the same numbers, and the evidence.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Circularity {
    /// Whether accuracy of these labels from these features says nothing; false where that is [unknown](Source).
    pub circular: bool,
    /// Why.
    pub source: Source,
    /// The share of labelled stimuli in categories that are a column of the features.
    pub same_columns: f64,
    /// … that are linear in the features.
    pub same_linear: f64,
    /// … that the features follow beyond the ceiling; 0 without reliabilities.
    pub beyond_ceiling: f64,
    /// … whose reliability is not known, so that shared noise cannot be told.
    pub unknown_ceiling: f64,
    /// The share of labelled stimuli whose label is the highest rating reconstructed, held out.
    pub labels_recovered: f64,
    /// Each class.
    pub categories: Vec<Recovered>,
}

/// Tests whether labels (by the highest of the ratings, n × K) can be told from the features (n × d) because
/// they are the same numbers: column by column, by a linear reconstruction on stimuli held out, and, with the
/// reliabilities of the ratings (K), by the raters' noise that both share.
///
/// A measurement that is independent of the raters correlates with their mean at most √reliability. Features
/// that exceed it with the whole interval contain the same raters' noise, however they were computed. O(n d² +
/// n d K + B n C) for B bootstraps and C classes.
///
/// # Errors
/// [`StructureError`]: different stimuli, values that are no numbers, reliabilities of other columns, a
/// parameter out of range, or interrupted.
pub fn circularity(
    features: ArrayView2<'_, f64>,
    ratings: ArrayView2<'_, f64>,
    labels: &Labels,
    reliability: Option<&[f64]>,
    params: &CircularParams,
    run: Run<'_>,
) -> Result<Circularity, StructureError> {
    params.resampling.check()?;
    for (parameter, value) in [("the least r", params.same), ("the share", params.share)] {
        let allowed = value > 0.0 && value <= 1.0;
        StructureError::unless(allowed, parameter, value, "above 0 and at most 1")?;
    }
    let allowed = (1e-9..=1e9).contains(&params.penalty);
    StructureError::unless(allowed, "the penalty", params.penalty, "from 1e-9 to 1e9")?;
    let n = features.nrows();
    StructureError::unless_same("ratings", ratings.nrows(), n)?;
    labels.check(n)?;
    StructureError::unless_finite("features", features)?;
    StructureError::unless_finite("ratings", ratings)?;
    if let Some(reliability) = reliability {
        StructureError::unless_same("reliabilities", reliability.len(), ratings.ncols())?;
    }
    if let Some(class) = labels
        .classes
        .iter()
        .find(|x| x.category >= ratings.ncols())
    {
        StructureError::unless_same("columns of ratings", ratings.ncols(), class.category + 1)?;
    }
    let columns: Vec<usize> = labels.classes.iter().map(|class| class.category).collect();
    let rated = ratings.select(ndarray::Axis(1), &columns);
    let r = cross_correlation(rated.view(), features);
    let folds = Folds::random(n, params.folds, params.resampling.seed("circular folds"))?;
    let every = [(0..features.ncols()).collect::<Vec<_>>()];
    let design = Design::new(
        features,
        rated.view(),
        &every,
        features.ncols(),
        &folds,
        &[params.penalty],
    )
    .map_err(|NoEigenvectors(_)| StructureError::Decomposition {
        what: "the correlations of the features",
    })?;
    let predicted = design.predictions(0);
    let correlations = |weights: &[f64]| -> Vec<f64> {
        let r = |c: usize| {
            let triples = (0..n).map(|i| (rated[[i, c]], predicted[[i, c]], weights[i]));
            weighted_pearson(triples)
        };
        (0..columns.len()).map(r).collect()
    };
    let linear = correlations(&vec![1.0; n]);
    let draws = &params.resampling;
    let bootstrap = draws.bootstrap(n, "circular bootstrap", run, correlations)?;
    let categories: Vec<Recovered> = labels
        .classes
        .iter()
        .enumerate()
        .map(|(c, class)| {
            let strength = |k: &usize| {
                if r[[c, *k]].is_nan() {
                    -1.0
                } else {
                    r[[c, *k]].abs()
                }
            };
            let feature = (0..features.ncols())
                .max_by(|a, b| strength(a).total_cmp(&strength(b)).then(b.cmp(a)))
                .unwrap_or(0);
            let replicates: Vec<f64> = bootstrap.iter().map(|x| x[c]).collect();
            Recovered {
                category: class.category,
                items: class.items,
                feature,
                r: r[[c, feature]],
                linear: draws.estimate(linear[c], &replicates),
                ceiling: reliability.map_or(f64::NAN, |x| {
                    x[class.category].clamp(0.0, f64::INFINITY).sqrt()
                }),
            }
        })
        .collect();
    let labelled: usize = labels.classes.iter().map(|class| class.items).sum();
    let share = |recovered: &dyn Fn(&Recovered) -> bool| {
        let items = categories.iter().filter(|x| recovered(x)).map(|x| x.items);
        items.sum::<usize>() as f64 / labelled as f64
    };
    let same_columns = share(&|x| x.r.abs() >= params.same);
    let same_linear = share(&|x| x.linear.value >= params.same);
    let beyond_ceiling = share(&|x| x.linear.interval.low > x.ceiling);
    let unknown_ceiling = share(&|x| x.ceiling.is_nan());
    let source = if same_columns >= params.share {
        Source::SameColumns
    } else if same_linear >= params.share {
        Source::SameLinear
    } else if beyond_ceiling >= params.share {
        Source::SharedNoise
    } else if beyond_ceiling + unknown_ceiling >= params.share {
        Source::Unknown
    } else {
        Source::Independent
    };
    Ok(Circularity {
        circular: !matches!(source, Source::Independent | Source::Unknown),
        source,
        same_columns,
        same_linear,
        beyond_ceiling,
        unknown_ceiling,
        labels_recovered: recovered(&rated, &predicted, labels),
        categories,
    })
}

/// The share of labelled stimuli whose class has the highest reconstructed rating.
fn recovered(rated: &Array2<f64>, predicted: &Array2<f64>, labels: &Labels) -> f64 {
    let n = rated.nrows() as f64;
    let spread: Vec<[f64; 2]> = rated
        .columns()
        .into_iter()
        .zip(centred(rated.view(), false).columns())
        .map(|(raw, centred)| [raw.sum() / n, (centred.dot(&centred) / n).sqrt()])
        .collect();
    let (stimuli, classes) = labels.labelled();
    let highest = |i: usize| {
        let rating = |c: &usize| spread[*c][0] + spread[*c][1] * predicted[[i, *c]];
        (0..spread.len()).max_by(|a, b| rating(a).total_cmp(&rating(b)).then(b.cmp(a)))
    };
    let hits = stimuli
        .iter()
        .zip(&classes)
        .filter(|(i, class)| highest(**i) == Some(**class));
    hits.count() as f64 / stimuli.len() as f64
}
