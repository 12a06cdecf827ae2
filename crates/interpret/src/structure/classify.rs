//! Does the place of a stimulus tell its category? Classifiers on stimuli held out, against permuted labels.

mod centroid;
mod discriminant;
mod nearest;

use emotome_stats::random::CounterRng;
use emotome_stimuli::run::Run;
use ndarray::{Array2, ArrayView2, Axis};
use serde::{Deserialize, Serialize};

use super::labels::{LabelClass, Labels};
use super::{Measure, StructureError, centred, replicate};
use crate::explained::Folds;
use crate::resampling::Resampling;

/// How the class of a held-out stimulus is told.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Classifier {
    /// The nearest mean of a class, leaving the stimulus out: least ‖x − x̄_c‖.
    Centroid,
    /// Linear discriminant on folds: largest x·Σ⁻¹x̄_c − x̄_c·Σ⁻¹x̄_c / 2 + ln(n_c / n), with
    /// Σ = (1 − s) W + s (tr W / d) I, W the covariance within classes (divided by n).
    Discriminant {
        /// The number of folds.
        folds: usize,
        /// The shrinkage s, in (0, 1].
        shrinkage: f64,
    },
    /// Votes of the nearest other stimuli; of equal votes the class with the nearer stimulus. A class without
    /// a vote is never among the first three.
    Neighbours {
        /// How many vote.
        neighbours: usize,
    },
}

/// How stimuli are classified.
///
/// | parameter | default | published | why |
/// |---|---|---|---|
/// | `classifier` | discriminant, 10 folds, shrinkage 0.1 | centroid | dimensions count by how well they separate, not by their size |
/// | `standardise` | yes | no | the scale of a dimension is arbitrary |
/// | `resampling` | 1000 bootstraps, 1000 permutations, 95 % | | as published for chance |
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ClassifyParams {
    /// How the class is told.
    pub classifier: Classifier,
    /// Whether columns get variance 1 first, over all labelled stimuli; labels have no part in it.
    pub standardise: bool,
    /// Intervals and chance.
    pub resampling: Resampling,
}

impl Default for ClassifyParams {
    fn default() -> Self {
        Self {
            classifier: Classifier::Discriminant {
                folds: 10,
                shrinkage: 0.1,
            },
            standardise: true,
            resampling: Resampling::default(),
        }
    }
}

impl ClassifyParams {
    /// Leave-one-out nearest centroid in the space as it is.
    #[must_use]
    pub fn published() -> Self {
        Self {
            classifier: Classifier::Centroid,
            standardise: false,
            ..Self::default()
        }
    }
}

/// How well classes are told.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Classification {
    /// How.
    pub classifier: Classifier,
    /// The number of labelled stimuli.
    pub items: usize,
    /// The classes.
    pub classes: Vec<LabelClass>,
    /// The share of stimuli whose class comes first.
    pub top1: Measure,
    /// The share of stimuli whose class is among the first three.
    pub top3: Measure,
    /// The mean over classes of the share of their stimuli whose class comes first.
    pub balanced: Measure,
    /// How many stimuli of each class (row) were given each class (column).
    #[serde(serialize_with = "crate::rows::serialize")]
    pub confusion: Array2<usize>,
}

/// Classifies every labelled stimulus (points n × d) without its own label, and compares with permuted labels.
///
/// Intervals resample the stimuli with their outcomes, so they are conditional on the fits. The null permutes
/// the labels of the labelled stimuli and repeats the classification. With P permutations and C classes:
/// nearest centroid O(P n C d) from sums of classes alone; discriminant O(P (n C d + F C d² + F d³)) for F
/// folds; neighbours O(n² d + P n k).
///
/// # Errors
/// [`StructureError`]: labels of other stimuli, points that are no numbers, a parameter out of range, or
/// interrupted.
///
/// # Sources
/// Friedman (1989), doi:10.1080/01621459.1989.10478752 (shrinkage); Ojala & Garriga (2010), JMLR 11, 1833
/// (permuted labels).
pub fn classify(
    points: ArrayView2<'_, f64>,
    labels: &Labels,
    params: &ClassifyParams,
    run: Run<'_>,
) -> Result<Classification, StructureError> {
    labels.check(points.nrows())?;
    let (stimuli, classes) = labels.labelled();
    let draws = &params.resampling;
    draws.check()?;
    let points = points.select(Axis(0), &stimuli);
    let fit = Fit::new(points.view(), labels.classes.len(), params)?;
    let found = fit.outcomes(&classes)?;
    let count = labels.classes.len();
    let all = vec![1.0; classes.len()];
    let observed = shares(&found, &classes, count, &all);
    let bootstrap = draws.bootstrap(classes.len(), "classify bootstrap", run, |weights| {
        shares(&found, &classes, count, weights)
    })?;
    let seed = draws.seed("classify permutation");
    let null = replicate(run, "Permuting labels", draws.permutations, |permutation| {
        let mut permuted = classes.clone();
        CounterRng::new(seed, permutation as u64).shuffle(&mut permuted);
        Ok(shares(&fit.outcomes(&permuted)?, &permuted, count, &all))
    })?;
    let measure = |which: usize| {
        let of = |values: &[[f64; 3]]| values.iter().map(|x| x[which]).collect::<Vec<_>>();
        Measure {
            estimate: draws.estimate(observed[which], &of(&bootstrap)),
            chance: draws.chance(observed[which], &of(&null)),
        }
    };
    let mut confusion = Array2::zeros((count, count));
    for (outcome, &class) in found.iter().zip(&classes) {
        confusion[[class, outcome.first]] += 1;
    }
    Ok(Classification {
        classifier: params.classifier,
        items: classes.len(),
        classes: labels.classes.clone(),
        top1: measure(0),
        top3: measure(1),
        balanced: measure(2),
        confusion,
    })
}

/// What a classifier said of a stimulus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outcome {
    /// The class put first.
    pub(super) first: usize,
    /// How many classes were put before its own.
    pub(super) before: usize,
}

impl Outcome {
    /// Of scores, the largest best; of equal ones the first class.
    fn of(scores: impl Iterator<Item = f64> + Clone, own: usize) -> Self {
        let (mut first, mut best) = (0, f64::NEG_INFINITY);
        let mine = scores.clone().nth(own).unwrap_or(f64::NEG_INFINITY);
        let mut before = 0;
        for (class, score) in scores.enumerate() {
            if score > best {
                (first, best) = (class, score);
            }
            before += usize::from(score > mine || score == mine && class < own);
        }
        Self { first, before }
    }
}

/// Everything of a classifier that does not depend on the labels.
pub(super) enum Fit {
    Centroid(centroid::Centroids),
    Discriminant(discriminant::Discriminant),
    Neighbours(nearest::Voters),
}

impl Fit {
    /// Of points n × d, all labelled.
    pub(super) fn new(
        points: ArrayView2<'_, f64>,
        classes: usize,
        params: &ClassifyParams,
    ) -> Result<Self, StructureError> {
        StructureError::unless_finite("points", points)?;
        let points = centred(points, params.standardise);
        Ok(match params.classifier {
            Classifier::Centroid => Self::Centroid(centroid::Centroids::new(points, classes)),
            Classifier::Discriminant { folds, shrinkage } => {
                let seed = params.resampling.seed("classify folds");
                let folds = Folds::random(points.nrows(), folds, seed)?;
                let fit = discriminant::Discriminant::new(points, classes, &folds, shrinkage)?;
                Self::Discriminant(fit)
            }
            Classifier::Neighbours { neighbours } => {
                Self::Neighbours(nearest::Voters::new(points, classes, neighbours)?)
            }
        })
    }

    /// What is said of each stimulus, given the classes of the others.
    pub(super) fn outcomes(&self, classes: &[usize]) -> Result<Vec<Outcome>, StructureError> {
        match self {
            Self::Centroid(fit) => Ok(fit.outcomes(classes)),
            Self::Neighbours(fit) => Ok(fit.outcomes(classes)),
            Self::Discriminant(fit) => fit.outcomes(classes).ok_or(StructureError::Decomposition {
                what: "the covariance within classes",
            }),
        }
    }
}

/// Top-1, top-3 and balanced accuracy of stimuli that count as often as their weight.
pub(super) fn shares(
    outcomes: &[Outcome],
    classes: &[usize],
    count: usize,
    weights: &[f64],
) -> [f64; 3] {
    let mut hits = vec![[0.0; 2]; count];
    let mut top3 = 0.0;
    for ((outcome, &class), &weight) in outcomes.iter().zip(classes).zip(weights) {
        hits[class][1] += weight;
        if outcome.before == 0 {
            hits[class][0] += weight;
        }
        if outcome.before < 3 {
            top3 += weight;
        }
    }
    pooled(&hits, top3)
}

/// Top-1, top-3 and balanced accuracy from the hits and weights of each class.
pub(super) fn pooled(hits: &[[f64; 2]], top3: f64) -> [f64; 3] {
    let total: f64 = hits.iter().map(|x| x[1]).sum();
    let top1: f64 = hits.iter().map(|x| x[0]).sum();
    let present = hits.iter().filter(|x| x[1] > 0.0);
    let recalls: f64 = present.clone().map(|x| x[0] / x[1]).sum();
    [top1 / total, top3 / total, recalls / present.count() as f64]
}
