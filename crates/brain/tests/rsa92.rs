//! The 92-image study: correlations, ceilings and bootstraps equal rsatoolbox's on real data.
//!
//! Kriegeskorte et al. (2008), doi:10.1016/j.neuron.2008.10.043. The data stay outside the repository.

use emotome_brain::inference::bootstrap::{Draw, Resample, bootstrap_with};
use emotome_brain::inference::ceiling::noise_ceiling;
use emotome_brain::rdm::{Comparison, Rdm, compare};
use emotome_neurofiles::matlab::{Value, read_variable};
use emotome_stimuli::run::Interrupt;
use ndarray::{Array2, ShapeBuilder};
use std::path::Path;

mod common;
use common::{COMPARISONS, numbers, quiet};

#[track_caller]
fn close(what: &str, found: &[f64], expected: &[f64]) {
    common::close(what, found, expected, 1e-10);
}

fn study() -> Option<(Vec<Rdm>, Vec<(String, Rdm)>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/brain/rsa92");
    if !folder.exists() {
        println!("skipped: {} is absent", folder.display());
        return None;
    }
    let rdm = |value: &Value| {
        let numbers = value.numbers().unwrap();
        let square = Array2::from_shape_vec((92, 92).f(), numbers.re.clone()).unwrap();
        Rdm::from_square(square.view()).unwrap()
    };
    let brains = read_variable(folder.join("92_brainRDMs.mat"), "RDMs").unwrap();
    assert_eq!(brains.dims(), [1, 4, 2]);
    // Four subjects, the first session of each and then the second.
    let sessions: Vec<Rdm> = brains.field("RDM").unwrap().iter().map(rdm).collect();
    let mean = |a: &Rdm, b: &Rdm| {
        a.values()
            .iter()
            .zip(b.values())
            .map(|(a, b)| f64::midpoint(*a, *b))
            .collect()
    };
    let subjects = (0..4)
        .map(|s| Rdm::new(92, mean(&sessions[s], &sessions[s + 4])).unwrap())
        .collect();
    let models = read_variable(folder.join("92_modelRDMs.mat"), "Models").unwrap();
    let names = models
        .field("name")
        .unwrap()
        .iter()
        .map(|name| name.text().unwrap());
    let models = names
        .zip(models.field("RDM").unwrap().iter().map(rdm))
        .collect();
    Some((subjects, models))
}

#[test]
fn agreements_ceilings_and_variances_are_those_of_rsatoolbox() {
    let Some((subjects, models)) = study() else {
        return;
    };
    let f: serde_json::Value = serde_json::from_str(include_str!("fixtures/rsa92.json")).unwrap();
    let names: Vec<&str> = f["models"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_str().unwrap())
        .collect();
    assert_eq!(
        models.iter().map(|m| m.0.as_str()).collect::<Vec<_>>(),
        names
    );
    let models: Vec<Rdm> = models.into_iter().map(|m| m.1).collect();
    let pooled = (0..subjects[0].values().len())
        .map(|k| subjects.iter().map(|s| s.values()[k]).sum::<f64>() / 4.0);
    let pooled = Rdm::new(92, pooled.collect()).unwrap();
    for (name, comparison) in COMPARISONS {
        let expected = &f["methods"][name];
        let with = |brain: &Rdm| {
            models
                .iter()
                .map(|m| compare(m, brain, comparison).unwrap().value)
                .collect::<Vec<_>>()
        };
        close(name, &with(&pooled), &numbers(&expected["mean_subject"]));
        let each: Vec<Vec<f64>> = subjects.iter().map(with).collect();
        let by_model: Vec<f64> = (0..models.len())
            .flat_map(|m| each.iter().map(move |s| s[m]))
            .collect();
        close(name, &by_model, &numbers(&expected["agreements"]));
        let ceiling = noise_ceiling(&subjects, comparison).unwrap();
        close(
            name,
            &[ceiling.lower, ceiling.upper],
            &numbers(&expected["ceiling"]),
        );
    }
    // As published analyses of these data find: the mean of human IT, Spearman.
    let spearman = |name: &str| {
        let model = &models[names.iter().position(|n| *n == name).unwrap()];
        compare(model, &pooled, Comparison::Spearman).unwrap().value
    };
    for (name, expected) in [("animacy", 0.588), ("monkeyIT", 0.439), ("V1", 0.039)] {
        assert!(
            (spearman(name) - expected).abs() < 5e-4,
            "{name}: {}",
            spearman(name)
        );
    }
    let interrupt = Interrupt::default();
    for (name, comparison) in [
        ("corr", Comparison::Pearson),
        ("spearman", Comparison::Spearman),
    ] {
        for expected in f["bootstraps"][name].as_array().unwrap() {
            let resample = match expected["resample"].as_str().unwrap() {
                "dual" => Resample::Dual,
                "stimuli" => Resample::Stimuli,
                _ => Resample::Subjects,
            };
            let places = |value: &serde_json::Value| {
                numbers(value).into_iter().map(|v| v as usize).collect()
            };
            let draws = expected["draws"].as_array().unwrap();
            let draws: Vec<Draw> = draws
                .iter()
                .map(|d| Draw {
                    subjects: places(&d["subjects"]),
                    stimuli: places(&d["stimuli"]),
                })
                .collect();
            let run = quiet(&interrupt);
            let found =
                bootstrap_with(&subjects, &models, &draws, comparison, resample, run).unwrap();
            let what = format!("{name} {resample:?}");
            close(
                &what,
                &found.variances.models,
                &numbers(&expected["model_var"]),
            );
            close(
                &what,
                &found.variances.differences,
                &numbers(&expected["diff_var"]),
            );
            close(
                &what,
                found.variances.ceilings.as_flattened(),
                &numbers(&expected["ceiling_var"]),
            );
            close(&what, &found.means, &numbers(&expected["means"]));
        }
    }
}
