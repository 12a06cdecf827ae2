//! Bootstraps of fitted models: rsatoolbox's correction for folding, and what planted weights and noise give.

use emotome_brain::inference::InferenceError;
use emotome_brain::inference::bootstrap::Resample;
use emotome_brain::inference::crossval::{
    CrossvalidationParams, bootstrap_crossvalidated, without_folding,
};
use emotome_brain::inference::variance::{dual, of_covariance};
use emotome_brain::model::Metric;
use emotome_brain::rdm::Rdm;
use emotome_stats::random::{CounterRng, Seed};
use emotome_stimuli::run::Interrupt;
use ndarray::{Array2, Array3};
use serde_json::Value;

mod common;
use common::{close, list, numbers, quiet};

fn normals(rows: usize, columns: usize, seed: u64) -> Array2<f64> {
    let mut rng = CounterRng::new(Seed(seed), 0);
    Array2::from_shape_simple_fn((rows, columns), || rng.normal())
}

#[test]
fn what_folding_adds_is_taken_away_as_in_rsatoolbox() {
    let f: Value = serde_json::from_str(include_str!("fixtures/crossval.json")).unwrap();
    let expected = list(&f["covariances"]);
    let mut found = Vec::new();
    for (values, expected) in list(&f["values"]).iter().zip(expected) {
        let (draws, repetitions) = (list(values).len(), list(&values[0]).len());
        let flat = numbers(values);
        let columns = flat.len() / draws / repetitions;
        let values = Array3::from_shape_vec((draws, repetitions, columns), flat).unwrap();
        let covariance = without_folding(values.view()).unwrap();
        let all: Vec<f64> = covariance.iter().copied().collect();
        close("covariance", &all, &numbers(expected), 1e-10);
        found.push(of_covariance(&covariance, 2));
        assert!(without_folding(values.slice(ndarray::s![.., ..1, ..])).is_err());
    }
    let size = |name: &str| f[name].as_u64().unwrap() as usize;
    let all = dual(
        &found[0],
        &found[1],
        &found[2],
        size("subjects"),
        size("stimuli"),
    );
    close("models", &all.models, &numbers(&f["model_var"]), 1e-10);
    close(
        "differences",
        &all.differences,
        &numbers(&f["difference_var"]),
        1e-10,
    );
    close(
        "ceilings",
        all.ceilings.as_flattened(),
        &numbers(&f["ceiling_var"]),
        1e-10,
    );
}

/// Three subjects whose distances are those of two features, the first of more weight, and noise.
fn planted() -> (Vec<Rdm>, Array2<f64>, Array2<f64>) {
    let n = 30;
    let (features, other) = (normals(n, 2, 1), normals(n, 2, 2));
    let subjects = (0..3)
        .map(|subject| {
            let noise = normals(n, 8, 10 + subject) * 0.35;
            let mut own = Array2::zeros((n, 10));
            own.slice_mut(ndarray::s![.., ..2])
                .assign(&(&features * &ndarray::array![[1.2, 0.4]]));
            own.slice_mut(ndarray::s![.., 2..]).assign(&noise);
            Rdm::from_patterns(own.view(), Metric::SquaredEuclidean).unwrap()
        })
        .collect();
    (subjects, features, other)
}

#[test]
fn planted_weights_are_found_and_other_features_are_not_at_any_number_of_threads() {
    let (subjects, features, other) = planted();
    let interrupt = Interrupt::default();
    for resample in [Resample::Dual, Resample::Stimuli, Resample::Subjects] {
        let params = CrossvalidationParams {
            resample,
            draws: 60,
            folds: 3,
            ..CrossvalidationParams::default()
        };
        let run = || {
            let models = [features.view(), other.view()];
            bootstrap_crossvalidated(&subjects, &models, params, quiet(&interrupt)).unwrap()
        };
        let found = run();
        assert!(
            found.means[0] > 0.5 && found.means[1].abs() < 0.2,
            "{:?}",
            found.means
        );
        assert_eq!(found.samples[0].dim(), (60 - found.unusable, 2, 2));
        if resample == Resample::Stimuli {
            assert!(
                found.zero[0] < 0.01 && found.pairwise[[0, 1]] < 0.05,
                "{found:?}"
            );
            assert!(found.zero[1] > 0.05, "{found:?}");
        }
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            let again = pool.install(run);
            assert_eq!(
                (again.samples, again.means),
                (found.samples.clone(), found.means.clone())
            );
        }
    }
}

#[test]
fn two_ways_of_folding_tell_the_variance_of_many() {
    let (subjects, features, _) = planted();
    let interrupt = Interrupt::default();
    let variance = |repetitions| {
        let params = CrossvalidationParams {
            resample: Resample::Stimuli,
            draws: 300,
            folds: 3,
            repetitions,
            seed: 4,
        };
        let models = [features.view()];
        bootstrap_crossvalidated(&subjects, &models, params, quiet(&interrupt))
            .unwrap()
            .variances
            .models[0]
    };
    let (two, many) = (variance(2), variance(10));
    assert!(
        (two / many - 1.0).abs() < 0.25,
        "{two} by two, {many} by ten"
    );
}

#[test]
fn what_cannot_be_crossvalidated_is_refused() {
    let (subjects, features, _) = planted();
    let interrupt = Interrupt::default();
    let with = |params, subjects: &[Rdm]| {
        bootstrap_crossvalidated(subjects, &[features.view()], params, quiet(&interrupt))
    };
    let good = CrossvalidationParams {
        draws: 2,
        ..CrossvalidationParams::default()
    };
    for params in [
        CrossvalidationParams { folds: 1, ..good },
        CrossvalidationParams {
            repetitions: 1,
            ..good
        },
        CrossvalidationParams { draws: 1, ..good },
        // No sample of 30 stimuli has 3 different ones in each of 30 folds.
        CrossvalidationParams { folds: 30, ..good },
    ] {
        assert!(
            matches!(with(params, &subjects), Err(InferenceError::Few { .. })),
            "{params:?}"
        );
    }
    assert!(matches!(
        with(good, &subjects[..1]),
        Err(InferenceError::Few { .. })
    ));
    assert!(with(good, &[]).is_err());
    interrupt.request();
    assert_eq!(with(good, &subjects), Err(InferenceError::Interrupted));
}
