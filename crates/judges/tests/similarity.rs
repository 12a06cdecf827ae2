//! Similarities equal those of NumPy, pandas and scikit-learn.

use emotome_judges::{Centring, Metric, MissingValues, Similarities, SimilarityParams};
use ndarray::Array2;
use serde_json::Value;

const METRICS: [(&str, Metric); 4] = [
    ("cosine", Metric::Cosine),
    ("correlation", Metric::Correlation),
    ("dot", Metric::Dot),
    ("euclidean", Metric::Euclidean),
];

fn fixture() -> Value {
    serde_json::from_str(include_str!("fixtures/similarity.json")).unwrap()
}

fn matrix(value: &Value) -> Array2<f64> {
    let rows = value.as_array().unwrap();
    let cell = |i: usize, j: usize| rows[i][j].as_f64().unwrap_or(f64::NAN);
    Array2::from_shape_fn((rows.len(), rows[0].as_array().unwrap().len()), |(i, j)| {
        cell(i, j)
    })
}

fn assert_equal(found: &Similarities, expected: &Array2<f64>, what: &str) {
    let n = expected.nrows();
    for i in 0..n {
        for j in (0..n).filter(|&j| j != i) {
            let (a, b) = (f64::from(found.get(i, j)), expected[[i, j]]);
            assert!(
                (a - b).abs() <= 1e-6 * b.abs().max(1.0),
                "{what} of {i} and {j}: {a}, expected {b}"
            );
        }
    }
}

#[test]
fn complete_tables_agree_under_every_metric_and_centring() {
    let fixture = fixture();
    let ratings = matrix(&fixture["ratings"]);
    for (centring_name, centring) in [
        ("none", Centring::None),
        ("scale-midpoint", Centring::ScaleMidpoint(5.0)),
        ("mean", Centring::Mean),
        ("z-score", Centring::ZScore),
    ] {
        for (name, metric) in METRICS {
            let expected = matrix(&fixture["complete"][centring_name][name]);
            for missing in [MissingValues::Refuse, MissingValues::PairwiseComplete] {
                let params = SimilarityParams {
                    metric,
                    centring,
                    missing,
                };
                let found = Similarities::new(ratings.view(), params).unwrap();
                assert_equal(&found, &expected, &format!("{name}, {centring_name}"));
            }
        }
    }
}

#[test]
fn tables_with_gaps_agree_over_shared_columns() {
    let fixture = fixture();
    let table = matrix(&fixture["with_gaps"]);
    for (name, metric) in METRICS {
        let params = SimilarityParams {
            metric,
            centring: Centring::None,
            missing: MissingValues::PairwiseComplete,
        };
        let found = Similarities::new(table.view(), params).unwrap();
        assert_equal(&found, &matrix(&fixture["pairwise"][name]), name);
    }
}
