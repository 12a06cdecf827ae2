//! Agreement with scipy and numpy; `fixtures/generate_reference.py` makes the values.

use emotome_stats::{
    correlation, dirichlet, distribution, interval, matching, multiplicity, rank, regression,
    summary,
};
use ndarray::Array2;
use serde_json::Value;
use std::sync::LazyLock;

static REFERENCE: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("fixtures/reference.json")).expect("the fixture is JSON")
});

fn numbers(value: &Value) -> Vec<f64> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_f64().unwrap())
        .collect()
}

fn rows(name: &str) -> Vec<Vec<f64>> {
    REFERENCE[name]
        .as_array()
        .unwrap()
        .iter()
        .map(numbers)
        .collect()
}

fn matrix(value: &Value) -> Array2<f64> {
    let rows: Vec<Vec<f64>> = value.as_array().unwrap().iter().map(numbers).collect();
    Array2::from_shape_vec((rows.len(), rows[0].len()), rows.concat()).unwrap()
}

#[track_caller]
fn close(found: f64, expected: f64, relative: f64) {
    assert!(
        (found - expected).abs() <= relative * expected.abs() + 1e-300,
        "found {found:e}, expected {expected:e}"
    );
}

#[test]
fn ranks_and_correlations_equal_scipy() {
    let (x, y) = (numbers(&REFERENCE["x"]), numbers(&REFERENCE["y"]));
    assert_eq!(rank::average_ranks(&y), numbers(&REFERENCE["ranks_y"]));
    close(
        correlation::pearson(&x, &y),
        REFERENCE["pearson"].as_f64().unwrap(),
        1e-13,
    );
    close(
        correlation::spearman(&x, &y),
        REFERENCE["spearman"].as_f64().unwrap(),
        1e-13,
    );
    let table = matrix(&REFERENCE["table"]);
    let found = correlation::cross_correlation(table.view(), table.view());
    for (found, expected) in found.iter().zip(&matrix(&REFERENCE["correlations"])) {
        close(*found, *expected, 1e-12);
    }
}

#[test]
fn the_regression_line_equals_linregress() {
    let line = regression::fit_line(&numbers(&REFERENCE["x"]), &numbers(&REFERENCE["y"])).unwrap();
    let found = [line.slope, line.intercept, line.r, line.p, line.slope_se];
    for (found, expected) in found.into_iter().zip(numbers(&REFERENCE["linregress"])) {
        close(found, expected, 1e-10);
    }
}

#[test]
fn deviations_and_quantiles_equal_numpy() {
    let mut x = numbers(&REFERENCE["x"]);
    close(
        summary::standard_deviation(&x),
        REFERENCE["sd_x"].as_f64().unwrap(),
        1e-13,
    );
    x.sort_by(f64::total_cmp);
    for row in rows("quantiles_x") {
        close(summary::quantile(&x, row[0]), row[1], 1e-13);
    }
}

#[test]
fn adjusted_p_values_equal_scipy() {
    let found = multiplicity::benjamini_hochberg(&numbers(&REFERENCE["p"]));
    for (found, expected) in found.into_iter().zip(numbers(&REFERENCE["bh"])) {
        close(found, expected, 1e-12);
    }
}

#[test]
fn matchings_equal_linear_sum_assignment() {
    for case in REFERENCE["assignments"].as_array().unwrap() {
        let pairs = matching::best_matching(matrix(&case["scores"]).view()).unwrap();
        let (rows, columns): (Vec<f64>, Vec<f64>) =
            pairs.into_iter().map(|(i, j)| (i as f64, j as f64)).unzip();
        assert_eq!(
            (rows, columns),
            (numbers(&case["rows"]), numbers(&case["columns"]))
        );
    }
}

#[test]
fn distribution_functions_equal_scipy_into_their_tails() {
    for row in rows("normal_cdf") {
        close(distribution::normal_cdf(row[0]), row[1], 1e-10);
    }
    for row in rows("normal_quantile") {
        close(distribution::normal_quantile(row[0]), row[1], 1e-10);
    }
    for row in rows("chi_squared_sf") {
        close(distribution::chi_squared_sf(row[0], row[1]), row[2], 1e-10);
    }
    for row in rows("student_t") {
        close(
            distribution::student_t_two_sided(row[0], row[1]),
            row[2],
            1e-10,
        );
    }
}

#[test]
fn wilson_intervals_equal_scipy() {
    for row in rows("wilson") {
        let ci = interval::wilson(row[0], row[1], 0.95);
        close(ci.low, row[2], 1e-12);
        close(ci.high, row[3], 1e-12);
    }
}

#[test]
fn expected_maxima_equal_adaptive_quadrature() {
    for row in rows("expected_max") {
        close(dirichlet::expected_max(row[0], 3), row[1], 2e-7);
    }
}
