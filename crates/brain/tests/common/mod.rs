//! What tests share: fixtures read, numbers compared, work without a terminal.

// Each file of tests is a program of its own and uses some of these.
#![allow(dead_code)]

use emotome_brain::rdm::{Comparison, Rdm};
use emotome_stimuli::run::{Interrupt, Run, Silent};
use ndarray::Array2;
use serde_json::Value;

/// Work that tells nobody, and stops when asked.
pub(crate) fn quiet(interrupt: &Interrupt) -> Run<'_> {
    Run {
        progress: &Silent,
        interrupt,
    }
}

pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

/// All numbers of nested lists, in order; `null` is NaN.
pub(crate) fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(values) => values.iter().flat_map(numbers).collect(),
        value => vec![value.as_f64().unwrap_or(f64::NAN)],
    }
}

/// A list of rows.
pub(crate) fn matrix(value: &Value) -> Array2<f64> {
    let rows: Vec<Vec<f64>> = list(value).iter().map(numbers).collect();
    Array2::from_shape_vec((rows.len(), rows[0].len()), rows.concat()).unwrap()
}

/// Dissimilarities as a list of pairs.
pub(crate) fn rdm(value: &Value) -> Rdm {
    let values = numbers(value);
    Rdm::new((8 * values.len()).isqrt() / 2 + 1, values).unwrap()
}

/// Numbers that are equal up to a part of the larger of 1 and their size; NaN equals NaN.
#[track_caller]
pub(crate) fn close(what: &str, found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let same = (found - expected).abs() <= tolerance * expected.abs().max(1.0);
        assert!(
            same || found.is_nan() && expected.is_nan(),
            "{what}, entry {i}: {found}, expected {expected}"
        );
    }
}

/// Comparisons as rsatoolbox calls them.
pub(crate) const COMPARISONS: [(&str, Comparison); 8] = [
    ("corr", Comparison::Pearson),
    ("cosine", Comparison::Cosine),
    ("spearman", Comparison::Spearman),
    ("rho-a", Comparison::RhoA),
    ("tau-a", Comparison::KendallTauA),
    ("kendall", Comparison::KendallTauB),
    ("cosine_cov", Comparison::CosineCov),
    ("corr_cov", Comparison::CorrCov),
];

pub(crate) fn comparison(name: &str) -> Comparison {
    COMPARISONS.iter().find(|c| c.0 == name).unwrap().1
}
