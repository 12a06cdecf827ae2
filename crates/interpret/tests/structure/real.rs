//! The published ratings, where they are at hand.

use emotome_interpret::explained::Folds;
use emotome_interpret::structure::blends::{BlendParams, blends};
use emotome_interpret::structure::circular::{CircularParams, Source, circularity};
use emotome_interpret::structure::classify::{ClassifyParams, classify};
use emotome_interpret::structure::cross::{CrossParams, cross, random_columns};
use emotome_interpret::structure::dimension::{DimensionParams, dimensionality};
use emotome_interpret::structure::labels::{LabelParams, Labels};
use emotome_interpret::structure::raters::{Features, RaterParams, Votes, split_classify};
use emotome_interpret::structure::tendency::{TendencyParams, tendency};
use emotome_interpret::structure::verdict::{VerdictParams, verdict};
use emotome_stats::random::Seed;
use emotome_stimuli::ratings::RatingsTable;
use ndarray::{Array2, s};
use std::path::Path;
use std::time::Instant;

use crate::{few, silently};

/// 34 categories and 14 dimensions of 2,185 videos.
fn published() -> Option<Array2<f64>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data/ratings/ck2017_ratings48.csv");
    if !path.exists() {
        println!("skipped: {} is absent", path.display());
        return None;
    }
    Some(RatingsTable::read_ck2017(path).unwrap().values)
}

#[test]
fn circular_accuracy_of_the_published_categories_falls_with_split_raters() {
    let Some(ratings) = published() else { return };
    let (categories, affective) = (ratings.slice(s![.., ..34]), ratings.slice(s![.., 34..]));
    let label = LabelParams {
        least_items: 30,
        ..LabelParams::published()
    };
    let labels = Labels::highest(categories, &label).unwrap();
    let params = ClassifyParams {
        resampling: few(1),
        ..ClassifyParams::published()
    };
    let of = |points| silently(|run| classify(points, &labels, &params, run)).unwrap();
    let (by_category, by_dimension) = (of(categories), of(affective));
    // numpy, on the same table and recipe.
    let reference = [0.990_328_8, 0.515_957_4];
    for (found, expected) in [&by_category, &by_dimension].into_iter().zip(reference) {
        assert!(
            (found.top3.estimate.value - expected).abs() < 1e-6,
            "{}",
            found.top3.estimate.value
        );
    }
    let found = silently(|run| {
        let params = CircularParams {
            resampling: few(1),
            ..CircularParams::default()
        };
        circularity(categories, categories, &labels, None, &params, run)
    });
    assert_eq!(found.unwrap().source, Source::SameColumns);

    let votes = Votes::of_shares(categories, &RaterParams::default()).unwrap();
    let report = votes.report();
    assert_eq!((report.used, report.unclear), (2185, 0), "{report:?}");
    let split = |features| {
        silently(|run| split_classify(&votes, features, &label, &params, 5, run)).unwrap()
    };
    let honest = split(Features::OtherHalf);
    let dimensions = split(Features::Points(affective));
    println!(
        "top-3: categories {:.3} circular, {:.3} split; dimensions {:.3}, {:.3} split",
        by_category.top3.estimate.value,
        honest.top3.estimate.value,
        by_dimension.top3.estimate.value,
        dimensions.top3.estimate.value
    );
    assert!(honest.top3.estimate.interval.high < by_category.top3.estimate.interval.low);
    assert!(honest.top3.estimate.interval.low > dimensions.top3.estimate.interval.high);
}

#[test]
#[ignore = "prints every test of structure on the published ratings, with timings; takes a minute"]
fn everything_on_the_published_ratings() {
    let Some(ratings) = published() else { return };
    let (categories, affective) = (ratings.slice(s![.., ..34]), ratings.slice(s![.., 34..]));
    let clock = |name: &str, work: &dyn Fn() -> String| {
        let start = Instant::now();
        let found = work();
        println!("{name} ({:.2} s): {found}", start.elapsed().as_secs_f64());
    };
    let votes = Votes::of_shares(categories, &RaterParams::default()).unwrap();
    println!("{:?}", votes.report());
    println!("reliability {:.2?}", votes.reliability(20, Seed(1)));
    for (name, label) in [
        ("published", LabelParams::published()),
        ("untied", LabelParams::default()),
        (
            "published, 30 items",
            LabelParams {
                least_items: 30,
                ..LabelParams::published()
            },
        ),
    ] {
        let labels = Labels::highest(categories, &label).unwrap();
        println!(
            "{name}: {} classes, tied {}, faint {}, small {:?}",
            labels.classes.len(),
            labels.tied,
            labels.faint,
            labels.small
        );
        for (space, points) in [("categories", categories), ("dimensions", affective)] {
            for params in [
                ClassifyParams::published(),
                ClassifyParams::default(),
                ClassifyParams {
                    classifier: emotome_interpret::structure::classify::Classifier::Neighbours {
                        neighbours: 15,
                    },
                    ..ClassifyParams::default()
                },
            ] {
                clock(
                    &format!("classify {name} {space} {:?}", params.classifier),
                    &|| {
                        let found =
                            silently(|run| classify(points, &labels, &params, run)).unwrap();
                        format!(
                            "top1 {:.4?} top3 {:.4?} balanced {:.4?}",
                            found.top1, found.top3, found.balanced
                        )
                    },
                );
            }
        }
        let params = ClassifyParams {
            resampling: few(1),
            ..ClassifyParams::published()
        };
        for (space, features) in [
            ("categories", Features::OtherHalf),
            ("dimensions", Features::Points(affective)),
        ] {
            clock(&format!("split {name} {space}"), &|| {
                let found =
                    silently(|run| split_classify(&votes, features, &label, &params, 10, run))
                        .unwrap();
                format!("{found:.4?}")
            });
        }
    }
    let folds = Folds::random(ratings.nrows(), 10, Seed(1)).unwrap();
    for components in [None, Some(14)] {
        let params = CrossParams {
            components,
            ..CrossParams::default()
        };
        clock(&format!("cross {components:?}"), &|| {
            let found = silently(|run| cross(categories, affective, &folds, &params, run)).unwrap();
            format!(
                "{:.3?} {:.3?} {:.3?} {:.3?}",
                found.forward.mean, found.backward.mean, found.asymmetry, found.asymmetry_weighted
            )
        });
    }
    clock("random columns", &|| {
        let params = CrossParams::default();
        let found =
            silently(|run| random_columns(categories, affective, 14, &folds, &params, 50, run))
                .unwrap();
        format!("{found:.3?}")
    });
    for (space, points) in [("categories", categories), ("dimensions", affective)] {
        clock(&format!("tendency {space}"), &|| {
            let found = silently(|run| tendency(points, &TendencyParams::default(), run)).unwrap();
            format!("{found:.3?}")
        });
        clock(&format!("dimension {space}"), &|| {
            let mut found =
                silently(|run| dimensionality(points, &DimensionParams::default(), run)).unwrap();
            found.eigenvalues.clear();
            found.critical.clear();
            format!("{found:.3?}")
        });
        clock(&format!("blends {space}"), &|| {
            let found =
                silently(|run| blends(points, categories, &BlendParams::default(), run)).unwrap();
            format!(
                "{} pairs {:.3?}",
                found.pairs.len(),
                (
                    found.r,
                    found.between,
                    found.nearness,
                    found.linear,
                    found.step,
                    found.gradient,
                    found.advantage
                )
            )
        });
        clock(&format!("verdict {space}"), &|| {
            let mut found =
                silently(|run| verdict(points, categories, &VerdictParams::default(), run))
                    .unwrap();
            found.blends.pairs.clear();
            format!("{found:.3?}")
        });
    }
}
