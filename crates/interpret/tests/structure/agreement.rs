//! The numbers of scikit-learn and scikit-dimension.

use emotome_interpret::explained::Folds;
use emotome_interpret::structure::classify::{Classifier, ClassifyParams, classify};
use emotome_interpret::structure::cross::{CrossParams, Prediction, cross};
use emotome_interpret::structure::dimension::{DimensionParams, dimensionality};
use emotome_interpret::structure::labels::{LabelClass, Labels};
use ndarray::Array2;
use serde_json::Value;

use crate::{FIXTURE, few, matrix, silently};

fn near(found: f64, expected: &Value, within: f64, what: &str) {
    let expected = expected.as_f64().unwrap();
    assert!(
        (found - expected).abs() < within,
        "{what}: {found}, expected {expected}"
    );
}

fn labels() -> Labels {
    let of: Vec<usize> = serde_json::from_value(FIXTURE["label"].clone()).unwrap();
    let items = |category| of.iter().filter(|x| **x == category).count();
    Labels {
        classes: (0..6)
            .map(|category| LabelClass {
                category,
                items: items(category),
            })
            .collect(),
        of: of.iter().copied().map(Some).collect(),
        tied: 0,
        faint: 0,
        small: Vec::new(),
    }
}

#[test]
fn classifiers_are_those_of_scikit_learn() {
    let points = matrix(&FIXTURE["points"]);
    for (name, classifier, standardise) in [
        ("centroid", Classifier::Centroid, false),
        ("centroid_standardised", Classifier::Centroid, true),
        ("neighbours", Classifier::Neighbours { neighbours: 7 }, true),
    ] {
        let params = ClassifyParams {
            classifier,
            standardise,
            resampling: few(0),
        };
        let found = silently(|run| classify(points.view(), &labels(), &params, run)).unwrap();
        let expected = &FIXTURE[name];
        near(found.top1.estimate.value, &expected["top1"], 1e-12, name);
        near(found.top3.estimate.value, &expected["top3"], 1e-12, name);
        near(
            found.balanced.estimate.value,
            &expected["balanced"],
            1e-12,
            name,
        );
        let confusion: Array2<f64> = matrix(&expected["confusion"]);
        assert_eq!(found.confusion.mapv(|x| x as f64), confusion, "{name}");
    }
}

#[test]
fn cross_prediction_is_that_of_scikit_learn() {
    let (first, second) = (matrix(&FIXTURE["first"]), matrix(&FIXTURE["second"]));
    let folds = Folds::given(serde_json::from_value(FIXTURE["fold"].clone()).unwrap()).unwrap();
    let same = |found: &Prediction, expected: &Value, what: &str| {
        let columns = expected["columns"].as_array().unwrap();
        assert_eq!(columns.len(), found.columns.len());
        for (found, expected) in found.columns.iter().zip(columns) {
            near(found.value, expected, 1e-9, what);
        }
        near(found.mean.estimate.value, &expected["mean"], 1e-9, what);
        near(
            found.weighted.estimate.value,
            &expected["weighted"],
            1e-9,
            what,
        );
    };
    for (components, name) in [(None, ""), (Some(2), "_components")] {
        let params = CrossParams {
            penalties: vec![FIXTURE["ratio"].as_f64().unwrap()],
            components,
            resampling: few(0),
        };
        let found = silently(|run| cross(first.view(), second.view(), &folds, &params, run));
        let found = found.unwrap();
        same(
            &found.forward,
            &FIXTURE[format!("forward{name}")],
            "forward",
        );
        same(
            &found.backward,
            &FIXTURE[format!("backward{name}")],
            "backward",
        );
        let difference = found.forward.mean.estimate.value - found.backward.mean.estimate.value;
        assert!((found.asymmetry.value - difference).abs() < 1e-12);
    }
}

#[test]
fn dimensions_are_those_of_scikit_dimension() {
    let roll = matrix(&FIXTURE["roll"]);
    let count = |neighbours| {
        let params = DimensionParams {
            neighbours,
            resampling: few(0),
            ..DimensionParams::default()
        };
        silently(|run| dimensionality(roll.view(), &params, run)).unwrap()
    };
    let found = count([10, 20]);
    near(
        found.two_nearest.value,
        &FIXTURE["two_nearest"],
        1e-9,
        "two nearest",
    );
    near(
        found.likelihood.value,
        &FIXTURE["likelihood"],
        1e-9,
        "likelihood",
    );
    near(
        found.participation.value,
        &FIXTURE["participation"],
        1e-9,
        "participation",
    );
    let twenty = count([20, 20]).likelihood.value;
    near(
        twenty,
        &FIXTURE["skdim_likelihood_20"],
        1e-9,
        "likelihood of 20 neighbours",
    );
    for estimate in [found.two_nearest, found.likelihood, found.participation] {
        assert!(estimate.interval.contains(estimate.value));
    }
    assert_eq!(found.duplicates, 0);
}
