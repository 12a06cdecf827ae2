//! Agreement with numpy, scipy and scikit-learn; `fixtures/generate_evaluate.py` makes the values.

use crate::support::{choice, with_run};
use emotome_embedding::{
    Embedding,
    evaluate::{
        accuracy::held_out,
        agreement::agreement,
        ceiling::ceilings,
        dominance::rsm_dominance,
        item_marginal::ItemMarginal,
        reproducibility::published_reproducibility,
        retained::pruned_similarity,
        rsm::{Coefficient, RsmResampling, correlate, matched, measured, predicted},
        score::{Scoring, score},
        two_way::{Resampling, TrialClusters},
    },
};
use emotome_stats::interval::Interval;
use emotome_triplets::{Choice, ChoiceSet, Position};
use ndarray::Array2;
use serde_json::Value;
use std::sync::LazyLock;

static REFERENCE: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../fixtures/evaluate.json")).expect("the fixture is JSON")
});

/// Numbers of a flat or nested list, null as NaN.
fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(values) => values.iter().flat_map(numbers).collect(),
        value => vec![value.as_f64().unwrap_or(f64::NAN)],
    }
}

fn rows(value: &Value) -> Vec<Vec<f64>> {
    value.as_array().unwrap().iter().map(numbers).collect()
}

fn matrix(value: &Value) -> Array2<f64> {
    let n = value.as_array().unwrap().len();
    let values = numbers(value);
    Array2::from_shape_vec((n, values.len() / n), values).unwrap()
}

fn embedding(value: &Value) -> Embedding {
    Embedding::new(matrix(value).mapv(|v| v as f32)).unwrap()
}

fn indices(value: &Value) -> Vec<usize> {
    numbers(value).into_iter().map(|v| v as usize).collect()
}

fn place(row: &[f64], odd: usize) -> Choice {
    let items = [0, 1, 2].map(|k| row[k] as u32);
    choice(items, Position::from_index(row[odd] as usize).unwrap())
}

fn trials() -> ChoiceSet {
    let rows = rows(&REFERENCE["trials"]);
    let choices = rows.iter().map(|row| place(row, 3));
    ChoiceSet::new(16, choices.collect()).unwrap()
}

#[track_caller]
fn close(found: &[f64], expected: &Value, tolerance: f64) {
    let expected = numbers(expected);
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!(
            (found - expected).abs() < tolerance || (found.is_nan() && expected.is_nan()),
            "found {found}, expected {expected}"
        );
    }
}

fn ends(ci: Interval) -> [f64; 2] {
    ci.into()
}

#[test]
fn scores_and_two_way_errors_equal_their_double_sums() {
    let (x, choices) = (embedding(&REFERENCE["embedding"]), trials());
    let scores = score(&x, &choices, &Scoring::default()).unwrap();
    close(&scores.credit, &REFERENCE["credit"], 1e-15);
    close(&scores.log_likelihood, &REFERENCE["log_p"], 1e-12);
    assert!(scores.ties.two_way > 0 && scores.credit.contains(&0.5));
    let clusters = TrialClusters::new(&choices).unwrap();
    let errors = [&scores.credit, &scores.log_likelihood]
        .map(|score| clusters.mean(score).unwrap().standard_error);
    close(&errors, &REFERENCE["two_way_se"], 1e-12);
    let found = held_out(&x, &choices, &Scoring::default(), Resampling::TwoWay).unwrap();
    close(
        &ends(found.accuracy_ci95),
        &REFERENCE["accuracy_ci95"],
        1e-9,
    );
}

#[test]
fn similarity_matrices_equal_enumeration() {
    let (x, choices) = (embedding(&REFERENCE["embedding"]), trials());
    let (items, thirds) = (indices(&REFERENCE["items"]), indices(&REFERENCE["thirds"]));
    let scoring = Scoring::default();
    let flat = |m: &Array2<f64>| m.iter().copied().collect::<Vec<f64>>();
    let full = with_run(|run| predicted(&x, &items, &thirds, &scoring, run)).unwrap();
    close(&flat(&full), &REFERENCE["predicted"], 1e-12);
    let shown = measured(&choices, &items, &thirds).unwrap().similarity;
    close(&flat(&shown), &REFERENCE["measured"], 1e-12);
    let over_trials = matched(&x, &choices, &items, &thirds, &scoring).unwrap();
    close(&flat(&over_trials), &REFERENCE["matched"], 1e-12);
    let by = |coefficient| {
        let resampling = RsmResampling::default();
        correlate(shown.view(), over_trials.view(), coefficient, resampling).unwrap()
    };
    let (pearson, spearman) = (by(Coefficient::Pearson), by(Coefficient::Spearman));
    let found = [pearson.r, spearman.r, pearson.pairs as f64];
    close(&found, &REFERENCE["correlations"], 1e-12);
    let parts = rsm_dominance(
        &x,
        &choices,
        &items,
        &thirds,
        &scoring,
        Coefficient::Pearson,
        RsmResampling::default(),
    )
    .unwrap();
    assert_eq!(
        parts.dominant as u64,
        REFERENCE["dominant"].as_u64().unwrap()
    );
    for (part, found) in [
        ("all", parts.all),
        ("alone", parts.dominant_alone),
        ("without", parts.without_dominant),
    ] {
        close(&[found.r], &REFERENCE["rsm_of_parts"][part], 1e-12);
    }
    let pruned = with_run(|run| pruned_similarity(&x, &items, &thirds, &scoring, run)).unwrap();
    assert!(pruned[0].is_nan());
    close(&pruned[1..], &REFERENCE["pruned_r2"], 1e-12);
}

#[test]
fn ceilings_equal_enumeration_and_a_general_optimiser() {
    let mut choices = vec![];
    for (items, odd) in rows(&REFERENCE["questions"])
        .iter()
        .zip(rows(&REFERENCE["tables"]))
    {
        let items = [0, 1, 2].map(|k| items[k] as u32);
        for place in Position::ALL {
            let n = odd[place.index()] as usize;
            choices.extend(std::iter::repeat_n(choice(items, place), n));
        }
    }
    let choices = ChoiceSet::new(40, choices).unwrap();
    let found = ceilings(&choices, true, None).unwrap().any_order;
    for (name, found) in [
        ("plug_in", found.plug_in),
        ("split_half", found.split_half),
        ("pairwise_agreement", found.pairwise_agreement),
    ] {
        let half_width = (found.ci95.high - found.ci95.low) / 2.0;
        let error = half_width / 1.959_963_984_540_054;
        close(&[found.value, error], &REFERENCE["ceilings"][name], 1e-9);
    }
    let expected = &REFERENCE["dirichlet"];
    close(&[found.concentration], &expected["alpha"], 1e-5);
    close(&[found.dirichlet.value], &expected["value"], 1e-6);
    close(&ends(found.dirichlet.ci95), &expected["ci95"], 1e-4);
}

#[test]
fn item_strengths_equal_a_general_optimiser() {
    let found = ItemMarginal::fit(&trials()).unwrap();
    let log: Vec<f64> = found.strength.iter().map(|v| v.ln()).collect();
    close(&log, &REFERENCE["log_strengths"], 1e-5);
}

#[test]
fn agreement_equals_its_definitions() {
    let sets = [3, 4].map(|odd| {
        let choices = rows(&REFERENCE["agents"]);
        let choices = choices.iter().map(|row| place(row, odd)).collect();
        ChoiceSet::new(16, choices).unwrap()
    });
    let found = agreement(&sets[0], &sets[1], Resampling::TwoWay).unwrap();
    let expected = &REFERENCE["agreement"];
    close(&[found.raw], &expected["raw"], 1e-12);
    close(&[found.kappa], &expected["kappa"], 1e-12);
    // Wilson's interval at the effective number of trials; the width tells the error.
    let error = expected["two_way_se"].as_f64().unwrap();
    let (p, ci) = (found.raw, found.raw_ci95);
    let wilson = |end: f64| (end - p).abs() / (end * (1.0 - end) / (p * (1.0 - p))).sqrt();
    for end in ends(ci) {
        assert!(
            (wilson(end) - 1.959_963_984_540_054 * error).abs() < 1e-9,
            "{ci:?}"
        );
    }
}

#[test]
fn published_reproducibility_equals_its_definition() {
    let runs: Vec<Embedding> = REFERENCE["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(embedding)
        .collect();
    let refs: Vec<&Embedding> = runs.iter().collect();
    let found = published_reproducibility(refs[0], &refs).unwrap();
    close(&found.plain_mean, &REFERENCE["published_plain_mean"], 1e-12);
    let found: Vec<f64> = found.fisher_ci95.into_iter().flat_map(ends).collect();
    close(&found, &REFERENCE["published_fisher_ci95"], 1e-9);
}
