//! Correlations, their intervals and their null against scipy, and on data of known kinds.

use emotome_interpret::correlate::{
    Coefficient, CorrelateError, CorrelateParams, Correlations, IntervalKind, correlate,
};
use emotome_interpret::pairs::{Pairs, PairsError};
use emotome_stats::random::{CounterRng, Seed};
use emotome_stimuli::run::{Interrupt, Run, Silent};
use ndarray::Array2;
use serde_json::Value;

fn run_on(
    pairs: &Pairs,
    coefficient: Coefficient,
    params: &CorrelateParams,
) -> Result<Correlations, CorrelateError> {
    let interrupt = Interrupt::default();
    let run = Run {
        progress: &Silent,
        interrupt: &interrupt,
    };
    correlate(pairs, coefficient, params, run)
}

fn matrix(value: &Value) -> Array2<f64> {
    let rows: Vec<Vec<f64>> = serde_json::from_value(value.clone()).unwrap();
    Array2::from_shape_fn((rows.len(), rows[0].len()), |(i, j)| rows[i][j])
}

fn noise(n: usize, columns: usize, seed: u64) -> Array2<f64> {
    let mut rng = CounterRng::new(Seed(seed), 0);
    Array2::from_shape_simple_fn((n, columns), || rng.normal().max(-0.3))
}

#[test]
fn correlations_intervals_and_null_are_those_of_scipy() {
    let fixture: Value = serde_json::from_str(include_str!("fixtures/correlate.json")).unwrap();
    let pairs = Pairs::new(
        matrix(&fixture["dimensions"]).view(),
        matrix(&fixture["ratings"]).view(),
    )
    .unwrap();
    let params = CorrelateParams {
        bootstraps: 10_000,
        permutations: 20_000,
        ..CorrelateParams::default()
    };
    for (name, coefficient) in [
        ("pearson", Coefficient::Pearson),
        ("spearman", Coefficient::Spearman),
    ] {
        let expected = &fixture[name];
        let found = run_on(&pairs, coefficient, &params).unwrap();
        for (found, expected) in [(&found.r, "r"), (&found.p, "p"), (&found.q, "q")]
            .map(|(f, e)| (f, matrix(&expected[e])))
        {
            for (found, expected) in found.iter().zip(&expected) {
                assert!(
                    (found - expected).abs() < 1e-10 * (1.0 + expected.abs()),
                    "{name}: {found} {expected}"
                );
            }
        }
        let bounds = found.intervals.unwrap().bounds;
        for ((d, k), bounds) in bounds.indexed_iter() {
            for (found, end) in [bounds.low, bounds.high].into_iter().zip(0..) {
                let expected = expected["bca"][d][k][end].as_f64().unwrap();
                // Both are bootstraps of ten thousand.
                assert!(
                    (found - expected).abs() < 0.02,
                    "{name} {d} {k}: {found} {expected}"
                );
            }
        }
        for (d, strongest) in found.strongest.iter().enumerate() {
            let p = expected["null_p"][d].as_f64().unwrap();
            assert!(
                (strongest.p - p).abs() < 0.02,
                "{name}: {} {p}",
                strongest.p
            );
            let critical = expected["critical"][d].as_f64().unwrap();
            assert!(
                (strongest.critical - critical).abs() < 0.01,
                "{name}: {} {critical}",
                strongest.critical
            );
        }
        let any = expected["critical_any"].as_f64().unwrap();
        assert!(
            (found.curve.critical_any - any).abs() < 0.01,
            "{name}: {} {any}",
            found.curve.critical_any
        );
    }
}

#[test]
fn the_best_rating_of_unrelated_ones_beats_its_null_no_more_often_than_the_level_says() {
    let (mut own, mut any, studies) = (0, 0, 200);
    for study in 0..studies {
        let pairs = Pairs::new(
            noise(50, 3, study).view(),
            noise(50, 12, 10_000 + study).view(),
        )
        .unwrap();
        let params = CorrelateParams {
            bootstraps: 0,
            permutations: 99,
            seed: study,
            ..CorrelateParams::default()
        };
        let found = run_on(&pairs, Coefficient::Pearson, &params).unwrap();
        own += found.strongest.iter().filter(|x| x.p <= 0.05).count();
        any += usize::from(found.strongest.iter().any(|x| x.p_any <= 0.05));
    }
    // Expected 30 of 600 and 10 of 200; four deviations.
    assert!((9..=51).contains(&own), "{own} of 600");
    assert!((1..=22).contains(&any), "{any} of 200");
}

#[test]
fn what_cannot_be_correlated_is_counted() {
    let mut dimensions = noise(30, 3, 1);
    dimensions.column_mut(1).fill(0.0);
    dimensions.column_mut(2).fill(2.5);
    let mut ratings = noise(30, 4, 2);
    ratings.column_mut(1).fill(1.0);
    ratings.column_mut(2).fill(f64::NAN);
    ratings[[4, 0]] = f64::NAN;
    let pairs = Pairs::new(dimensions.view(), ratings.view()).unwrap();
    let report = pairs.report();
    assert_eq!(
        (report.given, report.used, pairs.used().len()),
        (30, 29, 29)
    );
    assert_eq!(report.missing, [1, 0, 30, 0]);
    assert_eq!(
        (&report.empty_ratings[..], &report.constant_ratings[..]),
        (&[2][..], &[1][..])
    );
    assert_eq!(
        (&report.constant_dimensions[..], &report.zero_dimensions[..]),
        (&[1, 2][..], &[1][..])
    );
    let params = CorrelateParams {
        bootstraps: 20,
        permutations: 19,
        ..CorrelateParams::default()
    };
    for coefficient in [Coefficient::Pearson, Coefficient::Spearman] {
        let found = run_on(&pairs, coefficient, &params).unwrap();
        assert!(found.r[[0, 0]].is_finite() && found.r[[0, 3]].is_finite());
        assert!(found.r[[0, 1]].is_nan() && found.q[[0, 2]].is_nan() && found.r[[1, 0]].is_nan());
        assert_eq!(found.intervals.as_ref().unwrap().undefined[[2, 0]], 20);
        assert!(found.strongest[1].rating.is_none() && found.strongest[1].p.is_nan());
        assert!(found.strongest[0].p > 0.0);
        assert_eq!(found.curve.dimensions, 3);
    }
}

#[test]
fn input_that_is_wrong_is_refused() {
    let (a, b) = (noise(12, 2, 1), noise(12, 3, 2));
    let mut bad = a.clone();
    bad[[3, 1]] = f64::NAN;
    let refused = Pairs::new(bad.view(), b.view()).unwrap_err();
    assert!(matches!(
        refused,
        PairsError::NotFinite {
            row: 4,
            column: 2,
            count: 1,
            ..
        }
    ));
    let mut bad = b.clone();
    bad[[0, 0]] = f64::INFINITY;
    assert!(matches!(
        Pairs::new(a.view(), bad.view()),
        Err(PairsError::NotFinite {
            what: "ratings",
            ..
        })
    ));
    let refused = Pairs::new(a.view(), noise(13, 3, 1).view()).unwrap_err();
    assert_eq!(
        refused,
        PairsError::Mismatch {
            dimensions: 12,
            ratings: 13
        }
    );
    assert!(matches!(
        Pairs::new(noise(9, 2, 1).view(), noise(9, 2, 1).view()),
        Err(PairsError::TooFew { used: 9, .. })
    ));
    assert!(matches!(
        Pairs::new(Array2::zeros((12, 0)).view(), b.view()),
        Err(PairsError::Nothing { .. })
    ));
    let gone = Array2::from_elem((12, 2), f64::NAN);
    assert!(matches!(
        Pairs::new(a.view(), gone.view()),
        Err(PairsError::TooFew { used: 0, .. })
    ));
    let pairs = Pairs::new(a.view(), b.view()).unwrap();
    for params in [
        CorrelateParams {
            level: 1.0,
            ..CorrelateParams::default()
        },
        CorrelateParams {
            bootstraps: usize::MAX,
            ..CorrelateParams::default()
        },
        CorrelateParams {
            thresholds: vec![f64::NAN],
            ..CorrelateParams::default()
        },
    ] {
        assert!(matches!(
            run_on(&pairs, Coefficient::Pearson, &params),
            Err(CorrelateError::Parameter { .. })
        ));
    }
    let interrupt = Interrupt::default();
    interrupt.request();
    let run = Run {
        progress: &Silent,
        interrupt: &interrupt,
    };
    let stopped = correlate(
        &pairs,
        Coefficient::Pearson,
        &CorrelateParams::default(),
        run,
    );
    assert_eq!(stopped.unwrap_err(), CorrelateError::Interrupted);
}

#[test]
fn threads_do_not_change_the_result() {
    let pairs = Pairs::new(noise(40, 3, 5).view(), noise(40, 4, 6).view()).unwrap();
    let params = CorrelateParams {
        bootstraps: 50,
        permutations: 50,
        ..CorrelateParams::default()
    };
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let found = pool.install(|| run_on(&pairs, Coefficient::Spearman, &params).unwrap());
        serde_json::to_string(&found).unwrap()
    };
    assert_eq!(on(1), on(3));
}

#[test]
fn percentile_intervals_of_a_bounded_correlation_lie_nearer_zero() {
    let x: Vec<f64> = (0..20).map(f64::from).collect();
    let dimensions =
        Array2::from_shape_fn((20, 1), |(i, _)| x[i] + if i % 3 == 0 { 4.0 } else { 0.0 });
    let ratings = Array2::from_shape_fn((20, 1), |(i, _)| x[i]);
    let pairs = Pairs::new(dimensions.view(), ratings.view()).unwrap();
    let low = |interval| {
        let params = CorrelateParams {
            interval,
            permutations: 0,
            ..CorrelateParams::default()
        };
        let found = run_on(&pairs, Coefficient::Pearson, &params).unwrap();
        assert!(found.curve.null_mean.is_empty() && found.strongest[0].p.is_nan());
        let bounds = found.intervals.unwrap().bounds[[0, 0]];
        assert!(bounds.contains(found.r[[0, 0]]) && bounds.high <= 1.0);
        bounds.low
    };
    assert_ne!(low(IntervalKind::Percentile), low(IntervalKind::Bca));
}

#[test]
fn a_curve_of_noise_leaves_its_band_no_more_often_than_the_level_says() {
    let (studies, mut outside, mut pointwise) = (200, 0, 0);
    for study in 0..studies {
        let pairs = Pairs::new(
            noise(30, 12, 2 * study).view(),
            noise(30, 6, 2 * study + 1).view(),
        )
        .unwrap();
        let params = CorrelateParams {
            bootstraps: 0,
            permutations: 199,
            level: 0.9,
            seed: study,
            ..CorrelateParams::default()
        };
        let curve = run_on(&pairs, Coefficient::Pearson, &params).unwrap().curve;
        assert!(curve.null_high.iter().all(|high| high.fract() == 0.0));
        let above = |(count, high): (&usize, &f64)| *count as f64 > *high;
        outside += usize::from(curve.counts.iter().zip(&curve.null_high).any(above));
        pointwise += usize::from(
            curve
                .counts
                .iter()
                .zip(&curve.null_mean)
                .any(|(count, mean)| *count as f64 > *mean),
        );
    }
    // At most 20 of 200 are expected, fewer where counts tie.
    assert!((3..=31).contains(&outside), "{outside} of {studies}");
    assert!(pointwise > 100, "{pointwise}");
}

#[test]
fn values_of_extreme_size_correlate_as_their_likes() {
    let (a, b) = (noise(40, 3, 1), noise(40, 4, 2));
    let params = CorrelateParams {
        bootstraps: 20,
        permutations: 20,
        ..CorrelateParams::default()
    };
    let of = |a: &Array2<f64>, b: &Array2<f64>| {
        let pairs = Pairs::new(a.view(), b.view()).unwrap();
        run_on(&pairs, Coefficient::Pearson, &params).unwrap()
    };
    let plain = of(&a, &b);
    // Powers of two round nothing.
    let scaled = of(
        &a.mapv(|x| x * 2f64.powi(1015)),
        &b.mapv(|x| x * 2f64.powi(-900)),
    );
    assert_eq!(plain.r, scaled.r);
    assert_eq!(plain.intervals, scaled.intervals);
    let scaled = of(&a, &b.mapv(|x| x * 1e305));
    assert!(
        plain
            .r
            .iter()
            .zip(&scaled.r)
            .all(|(x, y)| (x - y).abs() < 1e-12)
    );
}

#[test]
fn more_resampled_correlations_than_memory_holds_are_refused() {
    let pairs = Pairs::new(noise(12, 50, 1).view(), noise(12, 50, 2).view()).unwrap();
    let params = CorrelateParams {
        bootstraps: 100_000,
        ..CorrelateParams::default()
    };
    let refused = run_on(&pairs, Coefficient::Pearson, &params).unwrap_err();
    let expected = CorrelateError::Memory {
        bootstraps: 100_000,
        cells: 2500,
    };
    assert_eq!(refused, expected);
    assert!(
        refused.to_string().contains("at most 53687 bootstraps"),
        "{refused}"
    );
}

/// The size of a study: 2,180 stimuli, 30 dimensions, 48 ratings, a thousand resamples and permutations.
#[test]
#[ignore = "measures time"]
fn a_study_takes_seconds() {
    let pairs = Pairs::new(noise(2180, 30, 1).view(), noise(2180, 48, 2).view()).unwrap();
    for coefficient in [Coefficient::Pearson, Coefficient::Spearman] {
        for interval in [IntervalKind::Percentile, IntervalKind::Bca] {
            let start = std::time::Instant::now();
            let params = CorrelateParams {
                interval,
                ..CorrelateParams::default()
            };
            run_on(&pairs, coefficient, &params).unwrap();
            println!("{coefficient:?} {interval:?}: {:?}", start.elapsed());
        }
    }
}
