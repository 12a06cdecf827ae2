//! Whether a space is categorical, dimensional or blended, as far as ratings can tell.

use super::InterpretParams;
use super::material::Material;
use crate::WorkflowError;
use emotome_interpret::pairs::Pairs;
use emotome_interpret::rating::RatingKind;
use emotome_interpret::resampling::Resampling;
use emotome_interpret::structure::StructureError;
use emotome_interpret::structure::blends::{BlendParams, Blends, blends};
use emotome_interpret::structure::circular::{CircularParams, Circularity, circularity};
use emotome_interpret::structure::classify::{
    Classification, Classifier, ClassifyParams, classify,
};
use emotome_interpret::structure::dimension::{DimensionParams, Dimensionality, dimensionality};
use emotome_interpret::structure::labels::{LabelParams, Labels};
use emotome_interpret::structure::raters::{
    Features, RaterParams, SplitClassification, Votes, VotesReport, split_classify,
};
use emotome_interpret::structure::tendency::{ModesParams, Tendency, TendencyParams, tendency};
use emotome_interpret::structure::verdict::{Verdict, VerdictParams, verdict};
use emotome_stats::random::Seed;
use emotome_stimuli::run::Run;
use ndarray::{ArrayView2, Axis};
use serde::Serialize;

/// What the space of one agent is like. Field names are stable; `null` where `untested` says why.
#[derive(Debug, Clone, Serialize)]
pub struct SpaceStructure {
    /// All in all.
    pub verdict: Option<Verdict>,
    /// Labels of stimuli by their highest category.
    pub labels: Option<LabelCounts>,
    /// Whether these labels come from the same numbers as the space.
    pub circularity: Option<Circularity>,
    /// How well the space tells the labels.
    pub classified: Vec<Classification>,
    /// The same with labels from half of the raters; none where the number of raters is not known.
    pub split: Option<RaterSplit>,
    /// Whether there are clusters.
    pub tendency: Option<Tendency>,
    /// Whether stimuli between two categories are in between.
    pub blends: Option<Blends>,
    /// How many dimensions the space has.
    pub dimensionality: Option<Dimensionality>,
    /// What could not be tested, and why.
    pub untested: Vec<String>,
}

/// How stimuli were labelled.
#[derive(Debug, Clone, Serialize)]
pub struct LabelCounts {
    /// Labelled stimuli.
    pub items: usize,
    /// Classes with at least ten stimuli.
    pub classes: usize,
    /// Stimuli with several highest categories.
    pub tied: usize,
    /// Stimuli without a category.
    pub faint: usize,
    /// Classes that are too small, left out.
    pub small: usize,
}

/// Labels from half of the raters, features that these raters have no part in.
#[derive(Debug, Clone, Serialize)]
pub struct RaterSplit {
    /// How the votes were found behind the shares.
    pub votes: VotesReport,
    /// Reliability of each category, stepped up to all raters; NaN where a half is constant.
    pub reliability: Vec<f64>,
    /// How well the space tells the labels.
    pub space: SplitClassification,
    /// How well the ratings of the other half do; no ceiling, as half of the raters have more noise than all.
    pub other_half: SplitClassification,
}

/// Splits of the raters; each is classified anew in each permutation.
const SPLITS: usize = 10;
/// Permutations of split labels, at most.
const SPLIT_PERMUTATIONS: usize = 200;

impl SpaceStructure {
    /// Tests what can be tested with category ratings; nothing without any.
    pub(super) fn find(
        pairs: &Pairs,
        material: &Material,
        params: &InterpretParams,
        seed: Seed,
        run: Run<'_>,
    ) -> Result<Option<Self>, WorkflowError> {
        let columns: Vec<usize> = (0..material.ratings.len())
            .filter(|&k| material.ratings[k].kind == RatingKind::Category)
            .collect();
        if columns.len() < 2 {
            return Ok(None);
        }
        let categories = pairs.ratings().select(Axis(1), &columns);
        Tests {
            points: pairs.dimensions(),
            categories: categories.view(),
            raters: material.raters,
            folds: params.folds,
            resampling: Resampling {
                bootstraps: params.bootstraps,
                permutations: params.permutations,
                seed: seed.derive("structure").0,
                ..Resampling::default()
            },
            run,
        }
        .all()
        .map(Some)
    }
}

struct Tests<'a> {
    points: ArrayView2<'a, f64>,
    categories: ArrayView2<'a, f64>,
    raters: Option<u32>,
    folds: usize,
    resampling: Resampling,
    run: Run<'a>,
}

/// A test that these numbers do not allow is left out with its reason, and the flag that would change it; an
/// interruption, and what is wrong with all tests alike, stand.
fn tested<T>(
    what: &str,
    result: Result<T, StructureError>,
    untested: &mut Vec<String>,
) -> Result<Option<T>, WorkflowError> {
    let error = match result {
        Ok(found) => return Ok(Some(found)),
        Err(error) => error,
    };
    let flag = match &error {
        StructureError::Folds(_) => " (--folds)",
        StructureError::Parameter { parameter, .. } => match *parameter {
            "the number of folds" => " (--folds)",
            "the number of bootstraps" => " (--bootstraps)",
            "the number of permutations" => " (--permutations)",
            _ => "",
        },
        StructureError::TooFew { .. }
        | StructureError::Decomposition { .. }
        | StructureError::Space(_) => "",
        _ => return Err(error.into()),
    };
    untested.push(format!("{what}: {error}{flag}"));
    Ok(None)
}

impl Tests<'_> {
    fn all(&self) -> Result<SpaceStructure, WorkflowError> {
        let mut untested = Vec::new();
        let labels = Labels::highest(self.categories, &LabelParams::default());
        let labels = tested("labels", labels, &mut untested)?;
        let split = self.split(&mut untested)?;
        let reliability = split.as_ref().map(|split| split.reliability.as_slice());
        let circular = match &labels {
            Some(labels) => {
                let how = CircularParams {
                    folds: self.folds,
                    resampling: self.resampling,
                    ..CircularParams::default()
                };
                let found = circularity(
                    self.points,
                    self.categories,
                    labels,
                    reliability,
                    &how,
                    self.run,
                );
                tested("circularity", found, &mut untested)?
            }
            None => None,
        };
        let classified = self.classified(labels.as_ref(), &mut untested)?;
        let resampling = self.resampling;
        let seed = resampling.seed;
        let modes = ModesParams {
            seed,
            ..ModesParams::default()
        };
        let how = TendencyParams {
            modes,
            ..TendencyParams::default()
        };
        let tendency = tested(
            "clusters",
            tendency(self.points, &how, self.run),
            &mut untested,
        )?;
        let how = BlendParams {
            resampling,
            ..BlendParams::default()
        };
        let blended = blends(self.points, self.categories, &how, self.run);
        let blended = tested("blends", blended, &mut untested)?;
        let how = DimensionParams {
            resampling,
            ..DimensionParams::default()
        };
        let dimensions = dimensionality(self.points, &how, self.run);
        let dimensions = tested("number of dimensions", dimensions, &mut untested)?;
        let how = VerdictParams {
            folds: self.folds,
            resampling,
            ..VerdictParams::default()
        };
        let judged = verdict(self.points, self.categories, &how, self.run);
        let judged = tested("verdict", judged, &mut untested)?;
        Ok(SpaceStructure {
            verdict: judged,
            labels: labels.map(|labels| LabelCounts {
                items: labels.of.iter().flatten().count(),
                classes: labels.classes.len(),
                tied: labels.tied,
                faint: labels.faint,
                small: labels.small.len(),
            }),
            circularity: circular,
            classified,
            split,
            tendency,
            blends: blended,
            dimensionality: dimensions,
            untested,
        })
    }

    /// The usual classifier, in the folds asked for.
    fn discriminant(&self) -> ClassifyParams {
        let default = ClassifyParams::default();
        let classifier = match default.classifier {
            Classifier::Discriminant { shrinkage, .. } => Classifier::Discriminant {
                folds: self.folds,
                shrinkage,
            },
            other => other,
        };
        ClassifyParams {
            classifier,
            ..default
        }
    }

    fn classified(
        &self,
        labels: Option<&Labels>,
        untested: &mut Vec<String>,
    ) -> Result<Vec<Classification>, WorkflowError> {
        let Some(labels) = labels else {
            return Ok(Vec::new());
        };
        let default = ClassifyParams::default();
        let neighbours = Classifier::Neighbours { neighbours: 15 };
        let rules = [
            ClassifyParams::published(),
            self.discriminant(),
            ClassifyParams {
                classifier: neighbours,
                ..default
            },
        ];
        let mut classified = Vec::with_capacity(rules.len());
        for rule in rules {
            let how = ClassifyParams {
                resampling: self.resampling,
                ..rule
            };
            let found = classify(self.points, labels, &how, self.run);
            classified.extend(tested("classification", found, untested)?);
        }
        Ok(classified)
    }

    /// Labels from half of the raters, where their number is known and the ratings are shares of them.
    fn split(&self, untested: &mut Vec<String>) -> Result<Option<RaterSplit>, WorkflowError> {
        const WHAT: &str = "labels from half of the raters";
        let Some(raters) = self.raters.map(|n| n as usize) else {
            untested.push(format!(
                "{WHAT}: the number of raters behind the categories is not known; state it (--raters N)"
            ));
            return Ok(None);
        };
        let published = RaterParams::default();
        let how = if raters == published.usual {
            published
        } else {
            RaterParams {
                usual: raters,
                fewest: (raters * 3 / 4).max(2),
                most: (raters * 3 / 2).max(2),
                ..published
            }
        };
        if self.categories.iter().any(|x| !(0.0..=1.0).contains(x)) {
            untested.push(format!("{WHAT}: the categories are not shares from 0 to 1"));
            return Ok(None);
        }
        let votes = Votes::of_shares(self.categories, &how);
        let Some(votes) = tested(WHAT, votes, untested)? else {
            return Ok(None);
        };
        let how = ClassifyParams {
            resampling: Resampling {
                permutations: self.resampling.permutations.min(SPLIT_PERMUTATIONS),
                ..self.resampling
            },
            ..self.discriminant()
        };
        let classify = |features| {
            split_classify(
                &votes,
                features,
                &LabelParams::default(),
                &how,
                SPLITS,
                self.run,
            )
        };
        let space = tested(WHAT, classify(Features::Points(self.points)), untested)?;
        let other = tested(WHAT, classify(Features::OtherHalf), untested)?;
        let (Some(space), Some(other_half)) = (space, other) else {
            return Ok(None);
        };
        Ok(Some(RaterSplit {
            votes: votes.report().clone(),
            reliability: votes.reliability(SPLITS, Seed(self.resampling.seed)),
            space,
            other_half,
        }))
    }
}
