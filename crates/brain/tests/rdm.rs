//! Dissimilarities, comparisons and models against rsatoolbox and scipy.

use emotome_brain::model::regression::{correlations, regress, subsets};
use emotome_brain::model::reweight::reweight;
use emotome_brain::model::{Geometry, Metric, Model};
use emotome_brain::rdm::noise::{Shrinkage, covariance, precision};
use emotome_brain::rdm::{Comparison, Rdm, compare};
use emotome_stats::random::Seed;
use serde_json::Value;

mod common;
use common::{COMPARISONS, matrix, numbers, rdm};

#[track_caller]
fn close(found: &[f64], expected: &[f64], tolerance: f64) {
    common::close("values", found, expected, tolerance);
}

fn fixture() -> Value {
    serde_json::from_str(include_str!("fixtures/rdm.json")).unwrap()
}

fn whole<T: TryFrom<u64>>(value: &Value) -> Vec<T> {
    value
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|v| T::try_from(v.as_u64()?).ok())
        .collect()
}

#[test]
fn dissimilarities_are_those_of_scipy_and_rsatoolbox() {
    let f = fixture();
    let brain = matrix(&f["brain"]);
    for (patterns, metric, name) in [
        ("brain", Metric::Correlation, "correlation"),
        ("common", Metric::Correlation, "correlation_common"),
        ("brain", Metric::Cosine, "cosine"),
        ("brain", Metric::SquaredEuclidean, "squared_euclidean"),
        ("brain", Metric::Euclidean, "euclidean"),
    ] {
        let found = Rdm::from_patterns(matrix(&f[patterns]).view(), metric).unwrap();
        close(found.values(), &numbers(&f["rdms"][name]), 1e-10);
    }
    let whitening = matrix(&f["noise"]["shrinkage_diag"]["precision"]);
    let found = Rdm::mahalanobis(brain.view(), Some(whitening.view())).unwrap();
    close(found.values(), &numbers(&f["mahalanobis"]), 1e-10);
    let a_channel = Rdm::mahalanobis(brain.view(), None).unwrap();
    let v = brain.ncols() as f64;
    let expected: Vec<f64> = numbers(&f["rdms"]["squared_euclidean"])
        .iter()
        .map(|d| d / v)
        .collect();
    close(a_channel.values(), &expected, 1e-10);
}

#[test]
fn rows_that_cannot_be_normalised_are_missing_and_equal_rows_are_at_zero() {
    let mut x = matrix(&fixture()["brain"]);
    x.row_mut(2).fill(7.0);
    let first = x.row(0).to_owned();
    x.row_mut(5).assign(&first);
    let n = x.nrows();
    let rdm = Rdm::from_patterns(x.view(), Metric::Correlation).unwrap();
    assert!(rdm.missing() == n - 1 && rdm.get(1, 2).is_nan() && rdm.get(0, 5).abs() < 1e-15);
    x[[3, 0]] = f64::NAN;
    for metric in [
        Metric::Correlation,
        Metric::Cosine,
        Metric::SquaredEuclidean,
    ] {
        let rdm = Rdm::from_patterns(x.view(), metric).unwrap();
        assert!(
            rdm.get(3, 4).is_nan(),
            "{metric:?} hides a missing response"
        );
    }
}

#[test]
fn a_missing_response_does_not_spoil_the_distances_of_others() {
    let mut x = matrix(&fixture()["brain"]);
    let whole = Rdm::from_patterns(x.view(), Metric::SquaredEuclidean).unwrap();
    x[[3, 0]] = f64::NAN;
    let rdm = Rdm::from_patterns(x.view(), Metric::SquaredEuclidean).unwrap();
    assert_eq!(rdm.missing(), x.nrows() - 1);
    assert!((rdm.get(0, 1) - whole.get(0, 1)).abs() < 1e-12);
}

#[test]
fn covariances_of_noise_are_those_of_rsatoolbox() {
    let f = fixture();
    let residuals = matrix(&f["residuals"]);
    for (name, method) in [
        ("full", Shrinkage::Full),
        ("diag", Shrinkage::Diagonal),
        ("shrinkage_eye", Shrinkage::Identity),
        ("shrinkage_diag", Shrinkage::TowardsDiagonal),
    ] {
        let f = &f["noise"][name];
        for (degrees, name) in [(None, "covariance"), (Some(30.0), "covariance_30")] {
            let found = covariance(residuals.view(), degrees, method).unwrap();
            close(
                found.as_slice().unwrap(),
                matrix(&f[name]).as_slice().unwrap(),
                1e-10,
            );
        }
        let found = precision(residuals.view(), None, method).unwrap();
        close(
            found.as_slice().unwrap(),
            matrix(&f["precision"]).as_slice().unwrap(),
            1e-10,
        );
    }
}

#[test]
fn cross_validated_distances_are_those_of_rsatoolbox() {
    let f = fixture();
    let (conditions, runs) = (whole::<usize>(&f["conditions"]), whole::<u32>(&f["runs"]));
    let responses = matrix(&f["responses"]);
    let whitening = matrix(&f["noise"]["shrinkage_diag"]["precision"]);
    for (name, precision) in [("identity", None), ("precision", Some(whitening.view()))] {
        let found = Rdm::crossnobis(responses.view(), &conditions, &runs, precision).unwrap();
        close(found.values(), &numbers(&f["crossnobis"][name]), 1e-10);
    }
    let mut wrong = conditions.clone();
    wrong[0] = 6;
    let error = Rdm::crossnobis(responses.view(), &wrong, &runs, None).unwrap_err();
    assert!(error.to_string().contains("condition"), "{error}");
}

#[test]
fn comparisons_are_those_of_rsatoolbox_with_ties_and_missing_pairs() {
    let f = fixture();
    let groups = whole::<u32>(&f["groups"]);
    let some: Vec<bool> = f["some"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_bool().unwrap())
        .collect();
    for case in f["cases"].as_array().unwrap() {
        let side = |name: &str| rdm(&f["rdms"][case[name].as_str().unwrap()]);
        let (mut a, b) = (side("left"), side("right"));
        match case["mask"].as_str() {
            Some("within") => a = a.excluding(|i, j| groups[i] == groups[j]),
            Some(_) => {
                let places: Vec<_> = a
                    .rows()
                    .flat_map(|(i, row)| (0..row.len()).map(move |j| (i, i + 1 + j)))
                    .collect();
                a = a.excluding(|i, j| some[places.binary_search(&(i, j)).unwrap()]);
            }
            None => {}
        }
        for (name, comparison) in COMPARISONS
            .into_iter()
            .chain([("bures", Comparison::Bures)])
        {
            let Some(expected) = case["expected"][name].as_f64() else {
                continue;
            };
            // Only one side misses pairs: they are left out on both.
            let found = compare(&a, &b, comparison).unwrap();
            assert_eq!(found.missing, a.missing());
            if comparison == Comparison::Bures {
                // Roots of eigenvalues that should be 0 carry half the digits, and the sides are
                // not alike where dissimilarities are no distances.
                close(&[found.value], &[expected], 1e-7);
            } else {
                let turned = compare(&b, &a, comparison).unwrap();
                close(&[found.value, turned.value], &[expected; 2], 1e-10);
            }
        }
    }
}

#[test]
fn whitened_cosine_is_linear_cka_and_u_centred_cosine_its_debiased_form() {
    let f = fixture();
    let [a, b] = ["squared_euclidean", "model_squared"].map(|name| rdm(&f["rdms"][name]));
    let found =
        [Comparison::CosineCov, Comparison::DebiasedCka].map(|c| compare(&a, &b, c).unwrap().value);
    let expected = ["cka", "debiased_cka"].map(|name| f[name].as_f64().unwrap());
    close(&found, &expected, 1e-10);
}

#[test]
fn constants_have_no_agreement() {
    let flat = Rdm::new(4, vec![0.1 + 0.2; 6]).unwrap();
    let other = Rdm::new(4, vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
    for comparison in [
        Comparison::Pearson,
        Comparison::Spearman,
        Comparison::KendallTauB,
        Comparison::CorrCov,
    ] {
        let value = compare(&flat, &other, comparison).unwrap().value;
        assert!(value.is_nan(), "{comparison:?} of a constant is {value}");
    }
}

#[test]
fn samples_of_stimuli_are_those_of_rsatoolbox() {
    let f = fixture();
    let places = whole::<usize>(&f["sample"]);
    let [a, b] =
        ["correlation", "model"].map(|name| rdm(&f["rdms"][name]).select(&places).unwrap());
    close(a.values(), &numbers(&f["sampled"][0]), 1e-15);
    close(b.values(), &numbers(&f["sampled"][1]), 1e-15);
    let found = compare(&a, &b, Comparison::Pearson).unwrap().value;
    close(&[found], &[f["sampled_corr"].as_f64().unwrap()], 1e-10);
}

#[test]
fn models_fitted_together_are_a_regression_over_pairs() {
    let f = fixture();
    let models: Vec<Rdm> = f["regression"]["models"]
        .as_array()
        .unwrap()
        .iter()
        .map(rdm)
        .collect();
    let r = correlations(
        &rdm(&f["rdms"]["correlation"]),
        &models,
        Comparison::Pearson,
    )
    .unwrap();
    let fit = regress(r.view()).unwrap();
    close(&fit.betas, &numbers(&f["regression"]["betas"]), 1e-10);
    close(&fit.partial, &numbers(&f["regression"]["partial"]), 1e-10);
    close(
        &fit.semipartial,
        &numbers(&f["regression"]["semipartial"]),
        1e-10,
    );
    close(
        &subsets(r.view()).unwrap(),
        &numbers(&f["regression"]["r2"]),
        1e-10,
    );
    assert!(correlations(&models[0], &models, Comparison::KendallTauA).is_err());
}

#[test]
fn reweighted_features_are_non_negative_least_squares_on_disjoint_stimuli() {
    let f = fixture();
    let folds = whole::<u32>(&f["fold"]);
    let found = reweight(
        &rdm(&f["rdms"]["squared_euclidean"]),
        matrix(&f["model"]).view(),
        &folds,
    )
    .unwrap();
    for (fold, expected) in found.folds.iter().zip(f["reweighted"].as_array().unwrap()) {
        close(&fold.weights, &numbers(&expected["weights"]), 1e-8);
        close(&[fold.r], &[expected["r"].as_f64().unwrap()], 1e-8);
        assert_eq!(
            (fold.train_pairs, fold.test_pairs),
            (16 * 15 / 2, 8 * 7 / 2)
        );
    }
}

#[test]
fn controls_keep_what_they_should_and_nothing_else() {
    let f = fixture();
    let rows = matrix(&f["model"]);
    let model = Model {
        name: "m".into(),
        geometry: Geometry::Features {
            rows: rows.clone(),
            metric: Metric::Correlation,
        },
    };
    let own = Rdm::from_geometry(&model.geometry).unwrap();
    let typical = Rdm::from_geometry(&model.typicality().unwrap().geometry).unwrap();
    // Additive dissimilarities vanish under U-centring: nothing but typicality is left.
    assert!(compare(&own, &typical, Comparison::Pearson).unwrap().value > 0.2);
    let n = typical.n() as f64;
    let expected = own.square().sum_axis(ndarray::Axis(0)) / (n - 1.0);
    close(&[typical.get(3, 8)], &[expected[3] + expected[8]], 1e-12);
    for geometry in [
        model.geometry.clone(),
        Geometry::Dissimilarities {
            n: own.n(),
            values: own.values().to_vec(),
        },
    ] {
        let model = Model {
            name: "m".into(),
            geometry,
        };
        let shuffled = Rdm::from_geometry(&model.shuffled(Seed(1)).unwrap().geometry).unwrap();
        let sorted = |rdm: &Rdm| {
            let mut values = rdm.values().to_vec();
            values.sort_unstable_by(f64::total_cmp);
            values
        };
        assert_ne!(shuffled.values(), own.values());
        close(&sorted(&shuffled), &sorted(&own), 1e-12);
    }
    let random = model.random_weights(3, Seed(1)).unwrap();
    let Geometry::Features {
        rows: projected, ..
    } = &random.geometry
    else {
        unreachable!()
    };
    assert_eq!(projected.dim(), (rows.nrows(), 3));
    assert_eq!(random.name, "m (random weights)");
}
