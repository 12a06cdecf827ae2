//! The published ratings, where they are at hand.

use emotome_interpret::structure::circular::{CircularParams, Source, circularity};
use emotome_interpret::structure::classify::{ClassifyParams, classify};
use emotome_interpret::structure::labels::{LabelParams, Labels};
use emotome_interpret::structure::raters::{Features, RaterParams, Votes, split_classify};
use emotome_interpret::structure::verdict::{Structure, VerdictParams, verdict};
use emotome_stimuli::ratings::RatingsTable;
use ndarray::{Array2, s};
use std::path::Path;

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
fn published_dimensions_have_no_clusters_and_published_categories_have_blends() {
    let Some(ratings) = published() else { return };
    let (categories, affective) = (ratings.slice(s![.., ..34]), ratings.slice(s![.., 34..]));
    let params = VerdictParams {
        draws: 19,
        resampling: few(1),
        ..VerdictParams::default()
    };
    let of = |points| silently(|run| verdict(points, categories, &params, run)).unwrap();
    let found = of(affective);
    assert_eq!(found.structure, Structure::Dimensional, "{found:?}");
    assert_eq!((found.modes.peaks, found.components), (1, 2));
    // Circular, as the ratings are the space; yet they cannot make clusters or fill the lines between them.
    let found = of(categories);
    assert_eq!(found.structure, Structure::Blended, "{found:?}");
    assert!(found.modes.peaks >= 5);
}
