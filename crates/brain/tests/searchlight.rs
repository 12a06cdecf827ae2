//! Searchlights against references made with rsatoolbox, scipy and numpy, and against themselves:
//! order, threads, resumption.

use emotome_brain::model::{Geometry, Metric, Model};
use emotome_brain::searchlight::{
    BLOCK, Comparison, Exclusion, Neighbourhoods, Params, Plan, PlanError, Search, Shape,
};
use emotome_neurofiles::{Affine, Grid};
use emotome_stats::random::{CounterRng, Seed};
use emotome_stimuli::run::{Interrupt, Run, Silent};
use ndarray::{Array2, ArrayView2, Axis};
use proptest::prelude::*;
use serde::Deserialize;
use std::collections::HashMap;

#[derive(Deserialize)]
struct Fixture {
    voxels: Vec<[u32; 3]>,
    responses: Vec<Vec<f32>>,
    factors: Vec<Vec<f64>>,
    categories: Vec<Vec<f64>>,
    dense: Vec<f64>,
    runs: Vec<u32>,
    centres: Vec<u32>,
    models: Vec<String>,
    maps: HashMap<String, HashMap<String, Vec<f64>>>,
    model_model: HashMap<String, Vec<Vec<f64>>>,
    rsatoolbox_spheres: Vec<[u32; 3]>,
}

fn fixture() -> Fixture {
    serde_json::from_str(include_str!("fixtures/searchlight.json")).unwrap()
}

fn grid(side: usize) -> Grid {
    let affine = [
        [2.0, 0.0, 0.0, 0.0],
        [0.0, 2.0, 0.0, 0.0],
        [0.0, 0.0, 2.0, 0.0],
    ];
    Grid {
        shape: [side; 3],
        affine: Affine(affine),
    }
}

fn table<T: Copy>(rows: &[Vec<T>]) -> Array2<T> {
    Array2::from_shape_fn((rows.len(), rows[0].len()), |(i, j)| rows[i][j])
}

fn features(name: &str, rows: Array2<f64>, metric: Metric) -> Model {
    Model {
        name: name.into(),
        geometry: Geometry::Features { rows, metric },
    }
}

impl Fixture {
    fn models(&self) -> Vec<Model> {
        let factors = table(&self.factors);
        let n = factors.nrows();
        let dense = Geometry::Dissimilarities {
            n,
            values: self.dense.clone(),
        };
        let models = vec![
            features("correlation", factors.clone(), Metric::Correlation),
            features("cosine", factors.clone(), Metric::Cosine),
            features("squared_euclidean", factors, Metric::SquaredEuclidean),
            features("ties", table(&self.categories), Metric::SquaredEuclidean),
            Model {
                name: "dense".into(),
                geometry: dense,
            },
        ];
        assert_eq!(
            models.iter().map(|m| &m.name).collect::<Vec<_>>(),
            self.models.iter().collect::<Vec<_>>()
        );
        models
    }

    fn spheres(&self) -> Neighbourhoods {
        Neighbourhoods::of(&grid(12), &self.voxels, &Shape::brainiak(3.0)).unwrap()
    }
}

fn quietly<T>(work: impl FnOnce(&Run<'_>) -> T) -> T {
    let interrupt = Interrupt::default();
    work(&Run {
        progress: &Silent,
        interrupt: &interrupt,
    })
}

fn prepare(plan: Plan<'_>) -> Search<'_> {
    quietly(|run| plan.prepare(run)).unwrap()
}

/// Values by centre.
fn map(search: &Search<'_>) -> HashMap<u32, Vec<f64>> {
    let blocks = 0..search.plan().blocks();
    let blocks = blocks.map(|index| quietly(|run| search.block(index, run)).unwrap());
    blocks
        .flat_map(|block| {
            let rows: Vec<Vec<f64>> = block.values.outer_iter().map(|r| r.to_vec()).collect();
            block.centres.into_iter().zip(rows).collect::<Vec<_>>()
        })
        .collect()
}

fn params(key: &str) -> Params {
    let words: Vec<&str> = key.split(' ').collect();
    let comparison = serde_json::from_value(words[1].into()).unwrap();
    let brain = serde_json::from_value(words[0].into()).unwrap();
    let exclusion = words.get(2).map(|which| Exclusion {
        runs: fixture().runs,
        lag: (*which == "lagged").then_some(3),
    });
    Params {
        brain,
        comparison,
        exclusion,
        ..Params::default()
    }
}

#[test]
fn maps_are_those_of_the_reference_for_every_metric() {
    let fixture = fixture();
    let responses = table(&fixture.responses);
    let spheres = fixture.spheres();
    for (key, reference) in &fixture.maps {
        let params = params(key);
        let mut models = fixture.models();
        if params.brain == Metric::SquaredEuclidean {
            models.pop();
        }
        // Ranks of single-precision similarities: neighbours closer than its rounding may swap.
        let tolerance = match params.comparison {
            Comparison::SpearmanExact => 3e-6,
            Comparison::KendallTauA => 3e-5,
            _ => 1e-6,
        };
        let plan = Plan::new(responses.view(), &spheres, &models, params).unwrap();
        assert_eq!(plan.rejected(), Default::default());
        let search = prepare(plan);
        let found = map(&search);
        assert_eq!(found.len(), fixture.voxels.len());
        for (m, model) in models.iter().enumerate() {
            for (centre, expected) in fixture.centres.iter().zip(&reference[&model.name]) {
                let value = found[centre][m];
                assert!(
                    (value - expected).abs() < tolerance,
                    "{key}, {}, centre {centre}: {value} is not {expected}",
                    model.name
                );
            }
        }
        if let Some(expected) = fixture.model_model.get(key) {
            for ((a, b), value) in search.between().indexed_iter() {
                let expected = expected[a][b];
                assert!(
                    (value - expected).abs() < 1e-9,
                    "{key} {a} {b}: {value} is not {expected}"
                );
            }
        }
    }
}

#[test]
fn spheres_are_rsatoolboxs_where_they_lie_inside_the_mask() {
    let fixture = fixture();
    let found = Neighbourhoods::of(&grid(12), &fixture.voxels, &Shape::rsatoolbox(3.0)).unwrap();
    let mut spheres: Vec<[u32; 3]> = (0..found.len())
        .map(|at| {
            let members = found.members(at);
            [found.centre(at), members.len() as u32, members.iter().sum()]
        })
        .collect();
    spheres.sort_unstable();
    assert_eq!(spheres, fixture.rsatoolbox_spheres);
    assert_eq!(found.excluded(), fixture.voxels.len() - found.len());
}

#[test]
fn the_certificate_bounds_the_error_of_binned_ranks() {
    let fixture = fixture();
    let (responses, spheres, models) = (
        table(&fixture.responses),
        fixture.spheres(),
        fixture.models(),
    );
    let exact = Params {
        comparison: Comparison::SpearmanExact,
        ..Params::default()
    };
    let exact = map(&prepare(
        Plan::new(responses.view(), &spheres, &models, exact).unwrap(),
    ));
    for bins in [16, 50, 1000, 65_535] {
        let params = Params {
            comparison: Comparison::Spearman,
            bins,
            bound: 10.0,
            ..Params::default()
        };
        let search = prepare(Plan::new(responses.view(), &spheres, &models, params).unwrap());
        let (mut largest, mut moved) = (0.0_f64, 0.0_f64);
        for index in 0..search.plan().blocks() {
            let block = quietly(|run| search.block(index, run)).unwrap();
            let bounds = block.bounds.unwrap();
            for ((centre, row), bound) in block
                .centres
                .iter()
                .zip(block.values.outer_iter())
                .zip(bounds)
            {
                for (value, exact) in row.iter().zip(&exact[centre]) {
                    assert!(
                        (value - exact).abs() <= bound + 1e-12,
                        "{bins}: {value} {exact} {bound}"
                    );
                    moved = moved.max((value - exact).abs());
                }
                largest = largest.max(bound);
            }
        }
        // The bound must say something, and at few bins there is something to bound.
        assert!(largest < 8.0 / bins as f64 + 0.09, "{bins} {largest}");
        assert!(bins > 50 || moved > 1e-5, "{bins} {moved}");
    }
    // Where the certificate is too weak, ranks are exact.
    let params = Params {
        comparison: Comparison::Spearman,
        bins: 16,
        bound: 1e-9,
        ..Params::default()
    };
    let search = prepare(Plan::new(responses.view(), &spheres, &models, params).unwrap());
    assert_eq!(
        quietly(|run| search.block(0, run)).unwrap().bounds,
        Some(vec![0.0; BLOCK])
    );
    assert_eq!(map(&search), exact);
}

/// Random responses of a cube of voxels and a model that follows some of them.
fn study(side: u32, n: usize, seed: u64) -> (Grid, Vec<[u32; 3]>, Array2<f32>, Vec<Model>) {
    let voxels: Vec<[u32; 3]> = (0..side.pow(3))
        .map(|i| [i / side / side, i / side % side, i % side])
        .collect();
    let mut rng = CounterRng::new(Seed(seed), 0);
    let latent = Array2::from_shape_simple_fn((n, 4), || rng.uniform() - 0.5);
    let weights = Array2::from_shape_simple_fn((voxels.len(), 4), || rng.uniform() - 0.2);
    let mut responses = weights.dot(&latent.t()).mapv(|v| v as f32);
    responses.mapv_inplace(|v| v + rng.uniform() as f32 - 0.3);
    let values = (0..n * (n - 1) / 2).map(|_| rng.uniform()).collect();
    let models = vec![
        features("latent", latent.clone(), Metric::Correlation),
        features("distance", latent, Metric::SquaredEuclidean),
        Model {
            name: "noise".into(),
            geometry: Geometry::Dissimilarities { n, values },
        },
    ];
    (grid(side as usize), voxels, responses, models)
}

const ALL: [(Metric, Comparison); 10] = [
    (Metric::Correlation, Comparison::Pearson),
    (Metric::Correlation, Comparison::Cosine),
    (Metric::Correlation, Comparison::CorrCov),
    (Metric::Cosine, Comparison::CosineCov),
    (Metric::Correlation, Comparison::Spearman),
    (Metric::Correlation, Comparison::SpearmanExact),
    (Metric::Correlation, Comparison::KendallTauA),
    (Metric::SquaredEuclidean, Comparison::CosineCov),
    (Metric::SquaredEuclidean, Comparison::DebiasedCka),
    (Metric::SquaredEuclidean, Comparison::Pearson),
];

fn for_brain(models: &[Model], brain: Metric) -> &[Model] {
    if brain == Metric::SquaredEuclidean {
        &models[..2]
    } else {
        models
    }
}

#[test]
fn threads_and_resumption_do_not_change_a_bit() {
    let (grid, voxels, responses, models) = study(7, 70, 3);
    let spheres = Neighbourhoods::of(&grid, &voxels, &Shape::brainiak(2.0)).unwrap();
    let runs: Vec<u32> = (0..70).map(|i| i * 7 % 5).collect();
    for (brain, comparison) in ALL {
        for exclusion in [
            None,
            Some(Exclusion {
                runs: runs.clone(),
                lag: None,
            }),
        ]
        .iter()
        .take(
            // Whitened comparisons know all pairs.
            if brain == Metric::Correlation && comparison != Comparison::CorrCov {
                2
            } else {
                1
            },
        ) {
            let params = Params {
                brain,
                comparison,
                exclusion: exclusion.clone(),
                ..Params::default()
            };
            let models = for_brain(&models, brain);
            let of = |threads: usize, blocks: &[usize]| {
                let pool = rayon::ThreadPoolBuilder::new()
                    .num_threads(threads)
                    .build()
                    .unwrap();
                pool.install(|| {
                    let plan =
                        Plan::new(responses.view(), &spheres, models, params.clone()).unwrap();
                    let search = prepare(plan);
                    assert_eq!(search.plan().blocks(), 3);
                    let blocks = blocks.iter();
                    let bits: Vec<(usize, Vec<u64>)> = blocks
                        .map(|&index| {
                            let block = quietly(|run| search.block(index, run)).unwrap();
                            (index, block.values.iter().map(|v| v.to_bits()).collect())
                        })
                        .collect();
                    bits
                })
            };
            let once = of(1, &[0, 1, 2]);
            assert_eq!(once, of(2, &[0, 1, 2]), "{brain:?} {comparison:?}");
            // Another process that begins in the middle.
            assert_eq!(once[2..], of(3, &[2]), "{brain:?} {comparison:?}");
            assert!(
                once.iter()
                    .all(|(_, bits)| bits.iter().all(|b| f64::from_bits(*b).abs() <= 1.0))
            );
        }
    }
}

#[test]
fn dense_models_equal_factored_ones() {
    let (grid, voxels, responses, models) = study(5, 40, 8);
    let spheres = Neighbourhoods::of(&grid, &voxels, &Shape::brainiak(1.5)).unwrap();
    let pairs = |model: &Model| {
        let factor = model.geometry.factor().unwrap();
        let mut values = Vec::new();
        for i in 0..40 {
            for j in i + 1..40 {
                let columns = (0..factor.signs.len())
                    .map(|c| factor.signs[c] * factor.columns[[i, c]] * factor.columns[[j, c]]);
                values.push(factor.offset - columns.sum::<f64>());
            }
        }
        Model {
            name: "dense".into(),
            geometry: Geometry::Dissimilarities { n: 40, values },
        }
    };
    let both = [
        models[0].clone(),
        pairs(&models[0]),
        models[1].clone(),
        pairs(&models[1]),
    ];
    let runs: Vec<u32> = (0..40).map(|i| i / 8).collect();
    for (comparison, excluded) in [
        (Comparison::Pearson, false),
        (Comparison::Pearson, true),
        (Comparison::Cosine, true),
        (Comparison::CorrCov, false),
        (Comparison::CosineCov, false),
        (Comparison::SpearmanExact, true),
    ] {
        let exclusion = excluded.then(|| Exclusion {
            runs: runs.clone(),
            lag: Some(4),
        });
        let params = Params {
            comparison,
            exclusion,
            ..Params::default()
        };
        let search = prepare(Plan::new(responses.view(), &spheres, &both, params).unwrap());
        assert!((search.between()[[0, 1]] - 1.0).abs() < 1e-9);
        for row in map(&search).values() {
            assert!((row[0] - row[1]).abs() < 1e-6, "{comparison:?} {row:?}");
            assert!((row[2] - row[3]).abs() < 1e-6, "{comparison:?} {row:?}");
        }
    }
}

#[test]
fn lists_give_what_spheres_give() {
    let (grid, voxels, responses, models) = study(5, 30, 4);
    let spheres = Neighbourhoods::of(&grid, &voxels, &Shape::brainiak(2.0)).unwrap();
    let mut lists = vec![Vec::new(); voxels.len()];
    for at in 0..spheres.len() {
        lists[spheres.centre(at) as usize] = spheres.members(at).to_vec();
    }
    let lists = Neighbourhoods::from_lists(voxels.len(), &lists, 1).unwrap();
    for (brain, comparison) in ALL {
        let params = Params {
            brain,
            comparison,
            ..Params::default()
        };
        let models = for_brain(&models, brain);
        let [a, b] = [&spheres, &lists].map(|hoods| {
            map(&prepare(
                Plan::new(responses.view(), hoods, models, params.clone()).unwrap(),
            ))
        });
        for (centre, row) in a {
            for (x, y) in row.iter().zip(&b[&centre]) {
                assert!((x - y).abs() < 1e-6, "{brain:?} {comparison:?}: {x} {y}");
            }
        }
    }
}

#[test]
fn voxels_that_say_nothing_are_left_out_and_counted() {
    let (grid, voxels, mut responses, models) = study(5, 30, 5);
    let clean = responses.clone();
    responses[[3, 7]] = f32::NAN;
    responses[[4, 0]] = f32::INFINITY;
    responses.row_mut(60).fill(2.5);
    let spheres = Neighbourhoods::of(&grid, &voxels, &Shape::brainiak(1.0)).unwrap();
    for (brain, comparison) in ALL {
        let params = Params {
            brain,
            comparison,
            ..Params::default()
        };
        let models = for_brain(&models, brain);
        let plan = Plan::new(responses.view(), &spheres, models, params.clone()).unwrap();
        let rejected = plan.rejected();
        assert_eq!(
            (rejected.nan, rejected.constant, rejected.dropped),
            (2, 1, 3)
        );
        let found = map(&prepare(plan));
        let whole = map(&prepare(
            Plan::new(clean.view(), &spheres, models, params).unwrap(),
        ));
        assert_eq!(found.len(), 122);
        let touched = |centre: u32| {
            [3_usize, 4, 60].iter().any(|&bad| {
                let (a, b) = (voxels[bad], voxels[centre as usize]);
                (0..3).map(|x| a[x].abs_diff(b[x])).sum::<u32>() <= 1
            })
        };
        for (centre, row) in &found {
            assert!(row.iter().all(|v| v.is_finite()));
            let same = row
                .iter()
                .zip(&whole[centre])
                .all(|(a, b)| (a - b).abs() < 1e-6);
            assert_eq!(same, !touched(*centre), "{brain:?} {comparison:?} {centre}");
        }
    }
}

#[test]
fn constant_patterns_are_counted_and_their_sphere_is_nan() {
    let (grid, voxels, mut responses, models) = study(4, 30, 6);
    // Stimulus 9 is the same in a corner; a tenth has no exact binary form.
    for voxel in 0..voxels.len() {
        if voxels[voxel].iter().sum::<u32>() <= 2 {
            responses[[voxel, 9]] = 0.1;
        }
    }
    let spheres = Neighbourhoods::of(&grid, &voxels, &Shape::brainiak(1.0)).unwrap();
    for comparison in [Comparison::Pearson, Comparison::Spearman] {
        let params = Params {
            comparison,
            ..Params::default()
        };
        let search = prepare(Plan::new(responses.view(), &spheres, &models, params).unwrap());
        let block = quietly(|run| search.block(0, run)).unwrap();
        for ((centre, row), constant) in block
            .centres
            .iter()
            .zip(block.values.outer_iter())
            .zip(&block.constant)
        {
            let corner = voxels[*centre as usize].iter().sum::<u32>() <= 1;
            assert_eq!(*constant, u32::from(corner));
            assert!(row.iter().all(|v| v.is_nan() == corner));
        }
    }
}

#[test]
fn z_scores_have_the_variance_of_all_relabellings() {
    // Six stimuli have 720 orders: the variance is exact.
    let (grid, voxels, responses, models) = study(3, 6, 11);
    let spheres = Neighbourhoods::of(&grid, &voxels, &Shape::brainiak(1.0)).unwrap();
    let search =
        prepare(Plan::new(responses.view(), &spheres, &models, Params::default()).unwrap());
    let block = quietly(|run| search.block(0, run)).unwrap();
    let z = block.z.unwrap();
    let mut orders = vec![vec![]];
    for item in 0..6_usize {
        orders = orders
            .into_iter()
            .flat_map(|order: Vec<usize>| {
                (0..=item).map(move |at| {
                    let mut longer = order.clone();
                    longer.insert(at, item);
                    longer
                })
            })
            .collect();
    }
    let mut squares = Array2::<f64>::zeros(z.dim());
    for order in &orders {
        let permuted = responses
            .select(Axis(1), order)
            .as_standard_layout()
            .into_owned();
        let search =
            prepare(Plan::new(permuted.view(), &spheres, &models, Params::default()).unwrap());
        let values = quietly(|run| search.block(0, run)).unwrap().values;
        squares += &values.mapv(|v| v * v);
    }
    assert_eq!(orders.len(), 720);
    for ((z, value), square) in z.iter().zip(&block.values).zip(&squares) {
        let expected = value / (square / 720.0).sqrt();
        assert!(
            (z - expected).abs() < 1e-5 * expected.abs().max(1.0),
            "{z} is not {expected}"
        );
    }
}

#[test]
fn maps_of_permutations_are_those_of_permuted_models() {
    let (grid, voxels, responses, models) = study(6, 50, 12);
    let models = &models[..2];
    let spheres = Neighbourhoods::of(&grid, &voxels, &Shape::brainiak(2.0)).unwrap();
    let mut permutations = Array2::from_shape_fn((19, 50), |(_, i)| i as u32);
    for (p, mut row) in permutations.outer_iter_mut().enumerate().skip(1) {
        let mut rng = CounterRng::new(Seed(5), p as u64);
        for i in (1..50).rev() {
            row.swap(i, (rng.uniform() * (i + 1) as f64) as usize);
        }
    }
    for comparison in [Comparison::CosineCov, Comparison::CorrCov] {
        let params = Params {
            brain: Metric::SquaredEuclidean,
            comparison,
            ..Params::default()
        };
        let search =
            prepare(Plan::new(responses.view(), &spheres, models, params.clone()).unwrap());
        let hoods = search.plan().neighbourhoods().len();
        let mut relabelled = ndarray::Array3::zeros((2, 19, hoods));
        let mut visited = Vec::new();
        quietly(|run| {
            search.relabelled(permutations.view(), run, |model, first, maps| {
                visited.push((model, first));
                for (p, map) in maps.columns().into_iter().enumerate() {
                    relabelled
                        .slice_mut(ndarray::s![model, first + p, ..])
                        .assign(&map);
                }
            })
        })
        .unwrap()
        .unwrap();
        assert_eq!(visited, [(0, 0), (0, 16), (1, 0), (1, 16)]);
        for (p, permutation) in permutations.outer_iter().enumerate() {
            let rows: Vec<usize> = permutation.iter().map(|&i| i as usize).collect();
            let permuted: Vec<Model> = models
                .iter()
                .map(|model| match &model.geometry {
                    Geometry::Features {
                        rows: features,
                        metric,
                    } => self::features("permuted", features.select(Axis(0), &rows), *metric),
                    Geometry::Dissimilarities { .. } => unreachable!(),
                })
                .collect();
            let found = map(&prepare(
                Plan::new(responses.view(), &spheres, &permuted, params.clone()).unwrap(),
            ));
            for model in 0..2 {
                for at in 0..hoods {
                    let expected = found[&search.plan().neighbourhoods().centre(at)][model];
                    let value = relabelled[[model, p, at]];
                    assert!((value - expected).abs() < 1e-6);
                    // The order as it is gives the very map: a permutation may tie with it.
                    assert!(p > 0 || value == expected);
                }
            }
        }
    }
    let search = prepare(Plan::new(responses.view(), &spheres, models, Params::default()).unwrap());
    assert!(quietly(|run| search.relabelled(permutations.view(), run, |_, _, _| {})).is_none());
}

#[test]
fn a_shared_pattern_costs_little_accuracy() {
    // All stimuli share a pattern ten times as strong as what tells them apart, so that distances
    // are a hundredth of what they are made of.
    let (grid, voxels, mut responses, models) = study(5, 200, 9);
    for (voxel, mut row) in responses.outer_iter_mut().enumerate() {
        row.mapv_inplace(|v| v + 10.0 * ((voxel * voxel) as f32).sin());
    }
    let spheres = Neighbourhoods::of(&grid, &voxels, &Shape::brainiak(2.0)).unwrap();
    let search =
        prepare(Plan::new(responses.view(), &spheres, &models, Params::default()).unwrap());
    let found = map(&search);
    for at in (0..spheres.len()).step_by(9) {
        let patterns = Array2::from_shape_fn((200, spheres.members(at).len()), |(i, v)| {
            f64::from(responses[[spheres.members(at)[v] as usize, i]])
        });
        let unit = emotome_brain::model::unit_rows(patterns.view(), true);
        for (m, model) in models.iter().enumerate() {
            let expected = pearson(unit.view(), model);
            let value = found[&spheres.centre(at)][m];
            assert!((value - expected).abs() < 2e-6, "{value} is not {expected}");
        }
    }
}

/// The correlation of similarities of unit rows with those of a model, pair by pair.
fn pearson(unit: ArrayView2<'_, f64>, model: &Model) -> f64 {
    let n = unit.nrows();
    let mut pairs = Vec::new();
    for i in 0..n {
        for j in i + 1..n {
            let distance = match &model.geometry {
                Geometry::Dissimilarities { values, .. } => values[pairs.len()],
                Geometry::Features { rows, metric } => match metric {
                    Metric::Correlation => {
                        let rows = emotome_brain::model::unit_rows(
                            rows.select(Axis(0), &[i, j]).view(),
                            true,
                        );
                        1.0 - rows.row(0).dot(&rows.row(1))
                    }
                    _ => {
                        let difference = &rows.row(i) - &rows.row(j);
                        difference.dot(&difference)
                    }
                },
            };
            pairs.push((1.0 - unit.row(i).dot(&unit.row(j)), distance));
        }
    }
    let many = pairs.len() as f64;
    let (mx, my) = (
        pairs.iter().map(|p| p.0).sum::<f64>() / many,
        pairs.iter().map(|p| p.1).sum::<f64>() / many,
    );
    let sum = |f: fn(f64, f64) -> f64| pairs.iter().map(|p| f(p.0 - mx, p.1 - my)).sum::<f64>();
    sum(|x, y| x * y) / (sum(|x, _| x * x) * sum(|_, y| y * y)).sqrt()
}

#[test]
fn what_does_not_fit_is_named() {
    let (grid, voxels, responses, models) = study(3, 12, 2);
    let spheres = Neighbourhoods::of(&grid, &voxels, &Shape::brainiak(1.0)).unwrap();
    let of = |params, models: &[Model]| {
        Plan::new(responses.view(), &spheres, models, params)
            .map(|_| ())
            .unwrap_err()
    };
    let with = |brain, comparison| Params {
        brain,
        comparison,
        ..Params::default()
    };
    let runs = |runs, lag| Params {
        exclusion: Some(Exclusion { runs, lag }),
        ..Params::default()
    };
    assert_eq!(of(Params::default(), &[]), PlanError::NoModel);
    assert!(matches!(
        of(with(Metric::Euclidean, Comparison::Pearson), &models),
        PlanError::Unsupported { .. }
    ));
    assert!(matches!(
        of(
            with(Metric::SquaredEuclidean, Comparison::Spearman),
            &models
        ),
        PlanError::Unsupported { .. }
    ));
    assert!(matches!(
        of(with(Metric::SquaredEuclidean, Comparison::Pearson), &models),
        PlanError::NeedsFeatures { .. }
    ));
    assert!(matches!(
        of(runs(vec![0; 11], None), &models),
        PlanError::Runs { runs: 11, n: 12 }
    ));
    assert!(matches!(
        of(runs(vec![0; 12], None), &models),
        PlanError::NoPairs { kept: 0, .. }
    ));
    let whitened = Params {
        comparison: Comparison::CorrCov,
        ..runs((0..12).collect(), None)
    };
    assert!(matches!(of(whitened, &models), PlanError::Exclusion { .. }));
    let bins = Params {
        comparison: Comparison::Spearman,
        bins: 65_536,
        ..Params::default()
    };
    assert!(matches!(
        of(bins, &models),
        PlanError::Bins { bins: 65_536 }
    ));
    let flat = features("flat", Array2::ones((12, 3)), Metric::Correlation);
    assert!(matches!(
        of(Params::default(), &[flat]),
        PlanError::ConstantRow { row: 0, .. }
    ));
    let short = features("short", Array2::ones((11, 3)), Metric::Correlation);
    assert!(matches!(
        of(Params::default(), &[short]),
        PlanError::ModelSize {
            found: 11,
            n: 12,
            ..
        }
    ));
    let nothing = Array2::<f32>::ones((27, 12));
    let error = Plan::new(nothing.view(), &spheres, &models, Params::default())
        .map(|_| ())
        .unwrap_err();
    assert!(
        matches!(error, PlanError::Nothing { constant: 27, .. }),
        "{error}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn the_order_of_voxels_and_of_stimuli_does_not_matter(seed in 0_u64..1_000_000, n in 17_usize..90) {
        let (grid, voxels, responses, models) = study(4, n, seed);
        let mut rng = CounterRng::new(Seed(seed), 1);
        let mut shuffled = |count: usize| {
            let mut order: Vec<usize> = (0..count).collect();
            for i in (1..count).rev() {
                order.swap(i, (rng.uniform() * (i + 1) as f64) as usize);
            }
            order
        };
        let (rows, columns) = (shuffled(voxels.len()), shuffled(n));
        let moved: Vec<[u32; 3]> = rows.iter().map(|&v| voxels[v]).collect();
        let swapped = responses.select(Axis(0), &rows).select(Axis(1), &columns);
        let swapped = swapped.as_standard_layout().into_owned();
        let permuted: Vec<Model> = models.iter().map(|model| Model {
            name: model.name.clone(),
            geometry: match &model.geometry {
                Geometry::Features { rows, metric } => {
                    Geometry::Features { rows: rows.select(Axis(0), &columns), metric: *metric }
                }
                Geometry::Dissimilarities { n, values } => {
                    let at = |i: usize, j: usize| i * n - i * (i + 1) / 2 + j - i - 1;
                    let pairs = (0..*n).flat_map(|i| (i + 1..*n).map(move |j| (i, j)));
                    let values = pairs
                        .map(|(i, j)| (columns[i].min(columns[j]), columns[i].max(columns[j])))
                        .map(|(i, j)| values[at(i, j)])
                        .collect();
                    Geometry::Dissimilarities { n: *n, values }
                }
            },
        }).collect();
        let one = Neighbourhoods::of(&grid, &voxels, &Shape::brainiak(1.5)).unwrap();
        let two = Neighbourhoods::of(&grid, &moved, &Shape::brainiak(1.5)).unwrap();
        for (brain, comparison) in ALL {
            let params = Params { brain, comparison, ..Params::default() };
            let (a, b) = (for_brain(&models, brain), for_brain(&permuted, brain));
            let a = map(&prepare(Plan::new(responses.view(), &one, a, params.clone()).unwrap()));
            let b = map(&prepare(Plan::new(swapped.view(), &two, b, params).unwrap()));
            for (at, &voxel) in rows.iter().enumerate() {
                for (x, y) in a[&(voxel as u32)].iter().zip(&b[&(at as u32)]) {
                    // Few pairs: ranks whose similarities differ by rounding may swap.
                    let tolerance = if comparison == Comparison::Spearman
                        || matches!(comparison, Comparison::SpearmanExact | Comparison::KendallTauA) { 2e-3 } else { 2e-6 };
                    prop_assert!((x - y).abs() < tolerance, "{brain:?} {comparison:?} {x} {y}");
                }
            }
        }
    }
}
