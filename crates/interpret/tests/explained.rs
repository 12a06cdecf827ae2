//! Shares of variance against scikit-learn, and told apart where the truth is planted.

use emotome_interpret::explained::{ExplainError, ExplainParams, Explained, Folds, explain};
use emotome_interpret::naming::Class;
use emotome_interpret::pairs::Pairs;
use emotome_interpret::rating::RatingKind;
use emotome_stats::random::{CounterRng, Seed};
use emotome_stimuli::run::{Interrupt, Run, Silent};
use ndarray::Array2;
use serde_json::Value;

fn run_on(
    pairs: &Pairs,
    categories: usize,
    folds: &Folds,
    params: &ExplainParams,
) -> Result<Explained, ExplainError> {
    let interrupt = Interrupt::default();
    let run = Run {
        progress: &Silent,
        interrupt: &interrupt,
    };
    let kind = |k| match k {
        k if k < categories => RatingKind::Category,
        _ => RatingKind::Dimension,
    };
    let kinds: Vec<RatingKind> = (0..pairs.ratings().ncols()).map(kind).collect();
    explain(pairs, &kinds, folds, params, run)
}

fn quick(seed: u64) -> ExplainParams {
    ExplainParams {
        bootstraps: 200,
        permutations: 99,
        seed,
        ..ExplainParams::default()
    }
}

fn matrix(value: &Value) -> Array2<f64> {
    let rows: Vec<Vec<f64>> = serde_json::from_value(value.clone()).unwrap();
    Array2::from_shape_fn((rows.len(), rows[0].len()), |(i, j)| rows[i][j])
}

#[test]
fn held_out_r2_is_that_of_scikit_learn() {
    let fixture: Value = serde_json::from_str(include_str!("fixtures/explained.json")).unwrap();
    let pairs = Pairs::new(
        matrix(&fixture["dimensions"]).view(),
        matrix(&fixture["ratings"]).view(),
    )
    .unwrap();
    let folds = Folds::given(serde_json::from_value(fixture["fold"].clone()).unwrap()).unwrap();
    let categories = serde_json::from_value(fixture["categories"].clone()).unwrap();
    let found = run_on(&pairs, categories, &folds, &quick(0)).unwrap();
    let (gcv, one_out) = (matrix(&fixture["gcv"]), matrix(&fixture["leave_one_out"]));
    for (d, dimension) in found.dimensions.iter().enumerate() {
        let shares = &dimension.partition;
        let r2 = [shares.categories, shares.dimensions, shares.both].map(|set| set.r2.value);
        for (set, r2) in r2.into_iter().enumerate() {
            assert!(
                (r2 - gcv[[d, set]]).abs() < 1e-9,
                "{d} {set}: {r2} {}",
                gcv[[d, set]]
            );
            // Leaving one out may choose a neighbouring penalty.
            assert!(
                (r2 - one_out[[d, set]]).abs() < 0.02,
                "{d} {set}: {r2} {}",
                one_out[[d, set]]
            );
        }
        let [categories, dimensions, both] = r2;
        assert!((shares.unique_category.value - (both - dimensions)).abs() < 1e-12);
        assert!((shares.unique_dimension.value - (both - categories)).abs() < 1e-12);
        assert!((shares.shared.value - (categories + dimensions - both)).abs() < 1e-12);
        assert!((shares.unexplained.value - (1.0 - both)).abs() < 1e-12);
    }
}

/// Sparse categories, affective dimensions that follow some of them, and planted dimensions.
fn planted(n: usize, seed: u64) -> Pairs {
    let mut rng = CounterRng::new(Seed(seed), 0);
    let (categories, affective) = (34, 14);
    let mut ratings = Array2::zeros((n, categories + affective));
    for mut row in ratings.rows_mut() {
        for k in 0..categories {
            row[k] = (rng.normal() - 0.8).max(0.0);
        }
        for k in 0..affective {
            row[categories + k] = 5.0 + rng.normal() + 0.7 * (row[2 * k] - row[2 * k + 1]);
        }
    }
    let dimensions = Array2::from_shape_fn((n, 5), |(i, d)| {
        let r = ratings.row(i);
        let signal = match d {
            0 => 2.0 * (r[30] + r[31]),
            1 => r[36] - 0.7 * (r[4] - r[5]) + r[37] - 0.7 * (r[6] - r[7]),
            2 => 2.0 * r[32] + r[38] - 0.7 * (r[8] - r[9]),
            _ => 0.0,
        };
        if d == 4 { 0.0 } else { signal + rng.normal() }
    });
    Pairs::new(dimensions.view(), ratings.view()).unwrap()
}

#[test]
fn planted_categories_dimensions_blends_and_noise_are_told_apart() {
    // Dimension 1 follows what of two affective dimensions no category predicts: seen through both sets only,
    // it needs the categories as suppressors, so it may count as hybrid but never as category alone.
    let mut false_alarms = 0;
    for seed in 0..5 {
        let pairs = planted(600, seed);
        let folds = Folds::random(600, Folds::USUAL, Seed(seed)).unwrap();
        let found = run_on(&pairs, 34, &folds, &quick(seed)).unwrap();
        let class = |d: usize| found.dimensions[d].class;
        assert_eq!(class(0), Class::Category, "seed {seed}");
        assert!(
            matches!(class(1), Class::Dimension | Class::Hybrid),
            "seed {seed}"
        );
        assert_eq!(class(2), Class::Hybrid, "seed {seed}");
        false_alarms += usize::from(class(3) != Class::Unexplained);
        assert_eq!(class(4), Class::Unexplained, "a dimension of zeros");
        assert!(found.dimensions[4].partition.both.r2.value.is_nan());
        // 8 v / (8 v + 1), v = .10125 the variance of max(z − .8, 0); less some for what the fit costs.
        let r2 = found.dimensions[0].partition.both.r2.value;
        assert!((r2 - 0.4475).abs() < 0.12, "seed {seed}: {r2}");
        assert!(found.overall.both.r2.value > 0.0);
    }
    // Noise is explained once in twenty, as the level says; twice in five has probability .02.
    assert!(
        false_alarms <= 1,
        "noise was explained {false_alarms} times in 5"
    );
}

#[test]
fn a_purely_affective_dimension_is_a_dimension() {
    for seed in 10..15 {
        let base = planted(600, seed);
        let mut rng = CounterRng::new(Seed(seed), 1);
        let ratings = base.ratings();
        let dimensions = Array2::from_shape_fn((600, 1), |(i, _)| {
            ratings[[i, 34]] + ratings[[i, 47]] + rng.normal()
        });
        let pairs = Pairs::new(dimensions.view(), ratings).unwrap();
        let folds = Folds::random(600, Folds::USUAL, Seed(seed)).unwrap();
        let found = run_on(&pairs, 34, &folds, &quick(seed)).unwrap();
        assert_eq!(found.dimensions[0].class, Class::Dimension, "seed {seed}");
    }
}

#[test]
fn a_class_needs_a_share_of_some_size_and_what_either_kind_explains_is_shared() {
    let n = 2000;
    let base = planted(n, 77);
    let mut rng = CounterRng::new(Seed(77), 1);
    let mut ratings = base.ratings().to_owned();
    for i in 0..n {
        ratings[[i, 47]] = ratings[[i, 33]] + 0.02 * rng.normal();
    }
    // The first follows what both kinds measure; the second a category, by 3 % of its variance.
    let dimensions = Array2::from_shape_fn((n, 2), |(i, d)| match d {
        0 => 2.0 * ratings[[i, 33]] + rng.normal(),
        _ => 0.55 * ratings[[i, 30]] + rng.normal(),
    });
    let pairs = Pairs::new(dimensions.view(), ratings.view()).unwrap();
    let folds = Folds::random(n, Folds::USUAL, Seed(1)).unwrap();
    let classes = |least_share| {
        let params = ExplainParams {
            least_share,
            ..quick(1)
        };
        let found = run_on(&pairs, 34, &folds, &params).unwrap();
        [0, 1].map(|d| found.dimensions[d].class)
    };
    assert_eq!(classes(0.05), [Class::Shared, Class::Shared]);
    assert_eq!(classes(0.0), [Class::Shared, Class::Category]);
    let none = ExplainParams {
        least_share: f64::NAN,
        ..quick(1)
    };
    assert!(run_on(&pairs, 34, &folds, &none).is_err());
}

#[test]
fn noise_is_explained_no_more_often_than_the_level_says() {
    let (studies, level) = (120, 0.05);
    let mut small = 0.0;
    let mut any = 0.0;
    for study in 0..studies {
        let mut rng = CounterRng::new(Seed(900 + study), 0);
        let ratings = Array2::from_shape_simple_fn((80, 8), || rng.normal().max(-0.5));
        let dimensions = Array2::from_shape_simple_fn((80, 4), || rng.normal().max(0.0));
        let pairs = Pairs::new(dimensions.view(), ratings.view()).unwrap();
        let folds = Folds::random(80, 5, Seed(study)).unwrap();
        let found = run_on(&pairs, 5, &folds, &quick(study)).unwrap();
        small += found
            .dimensions
            .iter()
            .filter(|d| d.partition.both.p <= level)
            .count() as f64;
        any += f64::from(
            found
                .dimensions
                .iter()
                .any(|d| d.class != Class::Unexplained),
        );
    }
    // Four binomial deviations above and below; never rejecting would fail too.
    let tests = 4.0 * studies as f64;
    let spread = |n: f64| 4.0 * (n * level * (1.0 - level)).sqrt();
    assert!(
        (small - tests * level).abs() < spread(tests),
        "{small} of {tests} p-values"
    );
    assert!(
        any < studies as f64 * level + spread(studies as f64),
        "{any} of {studies} studies"
    );
}

#[test]
fn unique_shares_of_ratings_that_add_nothing_are_seldom_above_zero() {
    let studies = 100;
    let mut wrong = 0;
    for study in 0..studies {
        let mut rng = CounterRng::new(Seed(500 + study), 0);
        let ratings = Array2::from_shape_simple_fn((150, 10), || rng.normal());
        let dimensions = Array2::from_shape_fn((150, 1), |(i, _)| ratings[[i, 0]] + rng.normal());
        let pairs = Pairs::new(dimensions.view(), ratings.view()).unwrap();
        let folds = Folds::random(150, 10, Seed(study)).unwrap();
        let found = run_on(&pairs, 5, &folds, &quick(study)).unwrap();
        wrong += usize::from(found.dimensions[0].partition.unique_dimension.interval.low > 0.0);
    }
    // 2.5 % each side of a 95 % interval, and four deviations.
    assert!(wrong <= 8, "{wrong} of {studies}");
}

#[test]
fn threads_do_not_change_the_result() {
    let pairs = planted(200, 3);
    let folds = Folds::random(200, 10, Seed(1)).unwrap();
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let found = pool.install(|| run_on(&pairs, 34, &folds, &quick(7)).unwrap());
        serde_json::to_string(&found).unwrap()
    };
    assert_eq!(on(1), on(3));
}

#[test]
fn impossible_input_is_refused_with_what_was_found() {
    let pairs = planted(60, 1);
    let folds = Folds::random(60, 5, Seed(1)).unwrap();
    let none = run_on(&pairs, 48, &folds, &quick(0)).unwrap_err();
    assert!(matches!(
        none,
        ExplainError::NoneOfKind {
            kind: "an affective dimension"
        }
    ));
    let other = Folds::random(61, 5, Seed(1)).unwrap();
    let other = run_on(&pairs, 34, &other, &quick(0)).unwrap_err();
    assert_eq!(
        other,
        ExplainError::Folds {
            found: 61,
            expected: 60
        }
    );
    let wrong = ExplainParams {
        penalties: vec![f64::NAN],
        ..quick(0)
    };
    assert!(matches!(
        run_on(&pairs, 34, &folds, &wrong),
        Err(ExplainError::Parameter { .. })
    ));
    assert!(Folds::random(3, 2, Seed(0)).is_err() && Folds::given(vec![0, 0, 2, 2]).is_err());
    assert!(Folds::given(vec![usize::MAX, 0]).is_err() && Folds::given(Vec::new()).is_err());
}

#[test]
fn more_ratings_than_training_stimuli_can_be_used() {
    let pairs = planted(40, 2);
    let folds = Folds::random(40, 5, Seed(1)).unwrap();
    let found = run_on(&pairs, 34, &folds, &quick(0)).unwrap();
    assert!(
        found.dimensions[..4]
            .iter()
            .all(|d| d.partition.both.r2.value.is_finite())
    );
}
