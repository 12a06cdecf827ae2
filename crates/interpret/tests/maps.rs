//! Maps against scikit-learn, umap-learn and scipy (`fixtures/generate_maps.py`), and what they refuse.

use emotome_interpret::maps::mds::metric_stress;
use emotome_interpret::maps::quality::{distance_correlation, quality};
use emotome_interpret::maps::tsne::{Start, TsneParams, tsne};
use emotome_interpret::maps::umap::{UmapParams, umap};
use emotome_interpret::maps::{MapError, Metric, Space};
use emotome_stats::random::{CounterRng, Seed};
use emotome_stimuli::run::{Interrupt, Run, Silent};
use ndarray::{Array2, ArrayView2};
use serde_json::Value;

fn fixture() -> Value {
    serde_json::from_str(include_str!("fixtures/maps.json")).expect("the fixture is JSON")
}

fn matrix(value: &Value) -> Array2<f64> {
    let rows: Vec<Vec<f64>> = serde_json::from_value(value.clone()).expect("a matrix");
    Array2::from_shape_fn((rows.len(), rows[0].len()), |(i, j)| rows[i][j])
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

fn largest(value: &Value) -> f64 {
    value
        .as_array()
        .expect("a list")
        .iter()
        .map(number)
        .fold(f64::MIN, f64::max)
}

fn with_run<T>(task: impl FnOnce(Run<'_>) -> T) -> T {
    let interrupt = Interrupt::default();
    task(Run {
        progress: &Silent,
        interrupt: &interrupt,
    })
}

fn distances(points: ArrayView2<'_, f64>) -> Array2<f64> {
    let (n, d) = points.dim();
    Array2::from_shape_fn((n, n), |(i, j)| {
        let squares = (0..d).map(|f| (points[[i, f]] - points[[j, f]]).powi(2));
        squares.sum::<f64>().sqrt()
    })
}

fn on_threads<T: Send>(threads: usize, task: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .expect("a pool")
        .install(task)
}

fn cloud(n: usize, d: usize) -> Array2<f64> {
    let mut rng = CounterRng::new(Seed(9), 0);
    Array2::from_shape_fn((n, d), |(i, _)| {
        rng.normal() + if i % 3 == 0 { 4.0 } else { 0.0 }
    })
}

#[test]
fn quality_is_that_of_scikit_learn_and_scipy() {
    let fixture = fixture();
    let (points, flat) = (matrix(&fixture["points"]), matrix(&fixture["flat"]));
    let cosine = Space::Points {
        values: points.view(),
        metric: Metric::Cosine,
    };
    let given = distances(points.view());
    for row in fixture["quality"].as_array().expect("rows") {
        let k = number(&row["k"]) as usize;
        let found =
            with_run(|run| quality(Space::euclidean(points.view()), flat.view(), k, run)).unwrap();
        let turned = with_run(|run| quality(cosine, flat.view(), k, run)).unwrap();
        for (name, value) in [
            ("trustworthiness", found.trustworthiness),
            ("continuity", found.continuity),
            ("preservation", found.preservation),
            ("cosine_trustworthiness", turned.trustworthiness),
        ] {
            let expected = number(&row[name]);
            assert!(
                (value - expected).abs() < 1e-12,
                "{name} at k = {k}: {value}, expected {expected}"
            );
        }
        let given =
            with_run(|run| quality(Space::Distances(given.view()), flat.view(), k, run)).unwrap();
        assert_eq!(given, found, "distances at k = {k}");
    }
    let r = with_run(|run| distance_correlation(Space::euclidean(points.view()), flat.view(), run))
        .unwrap();
    assert!((r - number(&fixture["spearman"])).abs() < 1e-12, "{r}");
}

#[test]
fn tsne_reaches_the_divergence_and_trustworthiness_of_scikit_learn() {
    let fixture = fixture();
    let points = matrix(&fixture["points"]);
    let space = Space::euclidean(points.view());
    let params = TsneParams {
        perplexities: vec![20.0],
        ..TsneParams::default()
    };
    let drawn = with_run(|run| tsne(space, &params, run)).unwrap();
    let kept = with_run(|run| quality(space, ArrayView2::from(&drawn.map[..]), 15, run)).unwrap();
    let (divergence, trust) = (
        largest(&fixture["tsne"]["kl"]),
        largest(&fixture["tsne"]["trustworthiness"]),
    );
    println!(
        "divergence {} ({divergence}), trustworthiness {} ({trust})",
        drawn.divergence, kept.trustworthiness
    );
    assert!(
        (drawn.divergence / divergence - 1.0).abs() < 0.02,
        "{} {divergence}",
        drawn.divergence
    );
    assert!(
        kept.trustworthiness > trust - 0.01,
        "{} {trust}",
        kept.trustworthiness
    );
    // Starts from random places end as near, if not at the same map.
    let params = TsneParams {
        start: Start::Random(Seed(3)),
        ..params
    };
    let drawn = with_run(|run| tsne(space, &params, run)).unwrap();
    assert!(
        drawn.divergence < 1.1 * divergence,
        "{} {divergence}",
        drawn.divergence
    );
}

#[test]
fn umap_reaches_the_trustworthiness_of_umap_learn() {
    let fixture = fixture();
    let points = matrix(&fixture["points"]);
    let space = Space::euclidean(points.view());
    let reached = largest(&fixture["umap"]["trustworthiness"]);
    for seed in 0..2 {
        let drawn = with_run(|run| umap(space, &UmapParams::default(), Seed(seed), run)).unwrap();
        let kept =
            with_run(|run| quality(space, ArrayView2::from(&drawn.map[..]), 15, run)).unwrap();
        println!(
            "seed {seed}: trustworthiness {} ({reached}), spectral {}",
            kept.trustworthiness, drawn.spectral
        );
        assert!(
            kept.trustworthiness > reached - 0.01,
            "{} {reached}",
            kept.trustworthiness
        );
        assert_eq!(
            (drawn.components, drawn.spectral, drawn.epochs),
            (1, true, 500)
        );
    }
}

#[test]
fn metric_stress_is_no_worse_than_the_best_of_eight_starts_of_scikit_learn() {
    let fixture = fixture();
    let points = matrix(&fixture["points"]);
    let found = with_run(|run| metric_stress(Space::euclidean(points.view()), run)).unwrap();
    let best = number(&fixture["stress"]);
    println!("stress {} ({best})", found.stress);
    assert!(found.stress < 1.02 * best, "{} {best}", found.stress);
}

#[test]
fn the_published_recipe_maps_similarities_and_keeps_their_neighbourhoods() {
    let fixture = fixture();
    let points = matrix(&fixture["points"]);
    let dissimilar = distances(points.view()).mapv(|d| 1.0 - (-0.02 * d * d).exp());
    let space = Space::Distances(dissimilar.view());
    let drawn = with_run(|run| tsne(space, &TsneParams::published(), run)).unwrap();
    let kept = with_run(|run| quality(space, ArrayView2::from(&drawn.map[..]), 15, run)).unwrap();
    println!(
        "published recipe: divergence {}, trustworthiness {}",
        drawn.divergence, kept.trustworthiness
    );
    assert!(kept.trustworthiness > 0.96, "{}", kept.trustworthiness);
}

#[test]
fn maps_have_the_same_bits_at_any_number_of_threads() {
    let points = cloud(130, 5);
    let space = Space::euclidean(points.view());
    let given = distances(points.view());
    let quick = TsneParams {
        perplexities: vec![10.0, 20.0],
        steps: 300,
        ..TsneParams::default()
    };
    let recipe = TsneParams {
        steps: 120,
        ..TsneParams::published()
    };
    let draw = || {
        with_run(|run| {
            let all = (
                tsne(space, &quick, run).unwrap(),
                tsne(Space::Distances(given.view()), &recipe, run).unwrap(),
                umap(space, &UmapParams::default(), Seed(1), run).unwrap(),
            );
            let kept = quality(space, ArrayView2::from(&all.0.map[..]), 7, run).unwrap();
            (all, kept)
        })
    };
    assert_eq!(on_threads(1, draw), on_threads(3, draw));
}

#[test]
fn duplicates_lie_together_and_break_nothing() {
    // Forty items stand at one place: more than any perplexity here, and no distance among neighbours.
    let mut points = cloud(120, 4);
    for i in 0..40 {
        points.row_mut(i).fill(0.5);
    }
    let space = Space::euclidean(points.view());
    let params = TsneParams {
        perplexities: vec![10.0],
        ..TsneParams::default()
    };
    let drawn = with_run(|run| tsne(space, &params, run)).unwrap();
    let shown = with_run(|run| umap(space, &UmapParams::default(), Seed(1), run)).unwrap();
    for map in [&drawn.map, &shown.map] {
        assert!(map.iter().flatten().all(|x| x.is_finite()));
        let mut together = 0;
        for own in 0..40 {
            let far = |&j: &usize| (map[j][0] - map[own][0]).hypot(map[j][1] - map[own][1]);
            let mut others: Vec<usize> = (0..120).filter(|&j| j != own).collect();
            others.sort_by(|a, b| far(a).total_cmp(&far(b)));
            together += others[..39].iter().filter(|&&j| j < 40).count();
        }
        assert!(
            together > 1400,
            "{together} of 1560 nearest places of duplicates are of duplicates"
        );
    }
}

#[test]
fn items_on_a_line_and_graphs_in_parts_are_mapped() {
    let line = Array2::from_shape_fn((60, 1), |(i, _)| i as f64 + if i < 30 { 0.0 } else { 1e6 });
    let space = Space::euclidean(line.view());
    let params = TsneParams {
        perplexities: vec![5.0],
        ..TsneParams::default()
    };
    let drawn = with_run(|run| tsne(space, &params, run)).unwrap();
    assert!(
        drawn.map.iter().any(|place| place[1].abs() > 1.0),
        "the map stayed on a line"
    );
    let small = UmapParams {
        neighbours: 5,
        ..UmapParams::default()
    };
    let shown = with_run(|run| umap(space, &small, Seed(1), run)).unwrap();
    assert_eq!((shown.components, shown.spectral), (2, false));
    assert!(shown.map.iter().flatten().all(|x| x.is_finite()));
}

#[test]
fn what_cannot_be_mapped_is_refused() {
    let points = cloud(50, 3);
    let space = Space::euclidean(points.view());
    let refused = |params: TsneParams| with_run(|run| tsne(space, &params, run)).unwrap_err();
    let error = refused(TsneParams::default());
    assert_eq!(
        error.to_string(),
        "perplexity is 30; expected at least 1, and 3 × it below n − 1 for the 50 items"
    );
    for (name, params) in [
        (
            "the number of perplexities",
            TsneParams {
                perplexities: vec![],
                ..TsneParams::default()
            },
        ),
        (
            "perplexity",
            TsneParams {
                perplexities: vec![f64::NAN],
                ..TsneParams::default()
            },
        ),
        (
            "learning_rate",
            TsneParams {
                learning_rate: Some(0.0),
                ..small()
            },
        ),
        (
            "exaggeration",
            TsneParams {
                exaggeration: f64::INFINITY,
                ..small()
            },
        ),
        (
            "momentum",
            TsneParams {
                momentum: [0.5, 1.0],
                ..small()
            },
        ),
        (
            "start_deviation",
            TsneParams {
                start_deviation: Some(-1.0),
                ..small()
            },
        ),
        (
            "tolerance",
            TsneParams {
                tolerance: 0.0,
                ..small()
            },
        ),
    ] {
        let error = refused(params);
        assert!(
            matches!(&error, MapError::Parameter { name: found, .. } if *found == name),
            "{name}: {error}"
        );
    }
    for (name, params) in [
        (
            "neighbours",
            UmapParams {
                neighbours: 51,
                ..UmapParams::default()
            },
        ),
        (
            "min_dist",
            UmapParams {
                min_dist: 1.5,
                ..UmapParams::default()
            },
        ),
        (
            "spread",
            UmapParams {
                spread: f64::NAN,
                ..UmapParams::default()
            },
        ),
        (
            "epochs",
            UmapParams {
                epochs: Some(0),
                ..UmapParams::default()
            },
        ),
    ] {
        let error = with_run(|run| umap(space, &params, Seed(1), run)).unwrap_err();
        assert!(
            matches!(&error, MapError::Parameter { name: found, .. } if *found == name),
            "{name}: {error}"
        );
    }
    let mut holed = points.clone();
    holed[[4, 2]] = f64::NAN;
    let error = with_run(|run| tsne(Space::euclidean(holed.view()), &small(), run)).unwrap_err();
    assert!(
        matches!(
            error,
            MapError::NotFinite {
                row: 4,
                column: 2,
                ..
            }
        ),
        "{error}"
    );
    let error = with_run(|run| quality(space, holed.view(), 5, run)).unwrap_err();
    assert!(matches!(error, MapError::NotFinite { .. }), "{error}");
    let error = with_run(|run| quality(space, points.view(), 25, run)).unwrap_err();
    assert!(
        matches!(error, MapError::Parameter { name: "k", .. }),
        "{error}"
    );
    let few = cloud(49, 2);
    let error = with_run(|run| quality(space, few.view(), 5, run)).unwrap_err();
    assert!(matches!(error, MapError::Shape { rows: 49, .. }), "{error}");
    let many = Array2::from_shape_fn((10_001, 1), |(i, _)| i as f64);
    let error = with_run(|run| tsne(Space::euclidean(many.view()), &small(), run)).unwrap_err();
    assert!(
        matches!(
            error,
            MapError::TooMany {
                n: 10_001,
                limit: 10_000
            }
        ),
        "{error}"
    );
}

#[test]
fn an_interrupted_map_ends() {
    let points = cloud(50, 3);
    let space = Space::euclidean(points.view());
    let interrupt = Interrupt::default();
    interrupt.request();
    let run = Run {
        progress: &Silent,
        interrupt: &interrupt,
    };
    assert_eq!(tsne(space, &small(), run), Err(MapError::Interrupted));
    assert_eq!(
        umap(space, &UmapParams::default(), Seed(1), run),
        Err(MapError::Interrupted)
    );
    assert_eq!(
        quality(space, points.view(), 5, run),
        Err(MapError::Interrupted)
    );
}

fn small() -> TsneParams {
    TsneParams {
        perplexities: vec![5.0],
        ..TsneParams::default()
    }
}
