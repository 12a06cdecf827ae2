//! False alarms counted: tests that promise 5 % give 5 %, and those known to break the promise break it.

use emotome_brain::inference::Tail;
use emotome_brain::inference::bootstrap::{BootstrapParams, Resample, bootstrap};
use emotome_brain::inference::exchange::{Exchange, Presentation};
use emotome_brain::inference::mantel::mantel;
use emotome_brain::inference::permute::{PermutationParams, permutation_test};
use emotome_brain::inference::published::published_pairs_t_test;
use emotome_brain::model::Metric;
use emotome_brain::rdm::{Comparison, Rdm};
use emotome_stats::distribution::student_t_quantile;
use emotome_stats::random::{CounterRng, Seed};
use emotome_stimuli::run::Interrupt;
use ndarray::Array2;
use rayon::prelude::*;
use std::time::Instant;

mod common;
use common::quiet;

const RUNS: u32 = 12;
const LENGTH: u32 = 8;

fn shown(runs: u32, length: u32) -> Presentation {
    let n = runs * length;
    let run: Vec<u32> = (0..n).map(|i| i / length).collect();
    let place: Vec<u32> = (0..n).map(|i| i % length).collect();
    Presentation::new(&run, &place).unwrap()
}

fn normals(rows: usize, columns: usize, seed: u64) -> Array2<f64> {
    let mut rng = CounterRng::new(Seed(seed), 0);
    Array2::from_shape_simple_fn((rows, columns), || rng.normal())
}

/// Rows that drift within each run: an AR(1) process that starts anew with every run.
fn drifting(columns: usize, rho: f64, seed: u64) -> Array2<f64> {
    let mut x = normals((RUNS * LENGTH) as usize, columns, seed);
    for i in 1..x.nrows() {
        if !i.is_multiple_of(LENGTH as usize) {
            let before = x.row(i - 1).to_owned();
            let fresh = (1.0 - rho * rho).sqrt();
            x.row_mut(i)
                .zip_mut_with(&before, |x, b| *x = *x * fresh + rho * b);
        }
    }
    x
}

fn correlation(x: &Array2<f64>) -> Rdm {
    Rdm::from_patterns(x.view(), Metric::Correlation).unwrap()
}

fn share(hits: usize, of: usize) -> f64 {
    hits as f64 / of as f64
}

#[test]
fn relabelling_runs_keeps_five_percent_where_noise_drifts_and_free_relabelling_does_not() {
    let interrupt = Interrupt::default();
    let shown = shown(RUNS, LENGTH);
    let sims = 400;
    let rejected = |exchange: Exchange| {
        (0..sims)
            .into_par_iter()
            .filter(|&sim| {
                // Brain and model drift within runs, and know nothing of each other.
                let brain = [correlation(&drifting(15, 0.8, 2 * sim))];
                let model = [correlation(&drifting(5, 0.8, 2 * sim + 1))];
                let params = PermutationParams {
                    comparison: Comparison::Pearson,
                    exchange,
                    permutations: 99,
                    tail: Tail::Greater,
                    seed: sim,
                };
                permutation_test(&brain, &model, &shown, params, quiet(&interrupt))
                    .unwrap()
                    .p[[0, 0]]
                    <= 0.05
            })
            .count()
    };
    let blocks = share(rejected(Exchange::RunBlocks), sims as usize);
    let free = share(rejected(Exchange::Free), sims as usize);
    println!("drifting noise: run blocks {blocks:.3}, free {free:.3}");
    assert!(free > 0.5, "free relabelling should fail here, {free}");
    // Pairs within runs are alike on both sides in every arrangement of runs.
    assert!((0.02..=0.085).contains(&blocks), "run blocks {blocks}");
}

#[test]
fn the_published_test_over_pairs_is_far_above_five_percent_and_relabelling_is_not() {
    let interrupt = Interrupt::default();
    let (sims, n) = (400, 60);
    let shown = shown(1, n);
    let found: Vec<(bool, bool, bool)> = (0..sims)
        .into_par_iter()
        .map(|sim| {
            // A shared mean pattern makes some stimuli more typical than others, on both sides alone.
            let side = |seed: u64| {
                let (mut x, typical, common) = (
                    normals(n as usize, 20, seed),
                    normals(n as usize, 1, seed + 1),
                    normals(1, 20, seed + 2),
                );
                for i in 0..n as usize {
                    x.row_mut(i)
                        .scaled_add(1.0 + typical[[i, 0]], &common.row(0));
                }
                correlation(&x)
            };
            let (brain, model) = ([side(1000 + 6 * sim)], [side(1003 + 6 * sim)]);
            let params = PermutationParams {
                comparison: Comparison::Spearman,
                exchange: Exchange::Free,
                permutations: 99,
                tail: Tail::TwoSided,
                seed: sim,
            };
            let test = permutation_test(&brain, &model, &shown, params, quiet(&interrupt)).unwrap();
            let published =
                published_pairs_t_test(&brain[0], &model[0], Comparison::Spearman).unwrap();
            let moments = mantel(&brain[0], &model[0], Comparison::Spearman).unwrap();
            (
                published.p <= 0.05,
                test.p[[0, 0]] <= 0.05,
                moments.z.abs() > 1.96,
            )
        })
        .collect();
    let rate = |which: fn(&(bool, bool, bool)) -> bool| {
        share(found.iter().filter(|f| which(f)).count(), found.len())
    };
    let (published, relabelled, moments) = (rate(|f| f.0), rate(|f| f.1), rate(|f| f.2));
    println!(
        "null: published {published:.3}, relabelled {relabelled:.3}, closed-form moments {moments:.3}"
    );
    assert!(published > 0.3, "the published test at {published}");
    assert!(
        (0.02..=0.085).contains(&relabelled),
        "relabelling at {relabelled}"
    );
    assert!((0.02..=0.1).contains(&moments), "closed form at {moments}");
}

#[test]
fn the_largest_of_all_regions_and_models_keeps_the_family_at_five_percent() {
    let interrupt = Interrupt::default();
    for (rho, exchange) in [(0.0, Exchange::Free), (0.7, Exchange::RunBlocks)] {
        let shown = shown(RUNS, LENGTH);
        let sims = 400;
        let alarms: Vec<(bool, bool)> = (0..sims)
            .into_par_iter()
            .map(|sim| {
                // Regions share voxels, so that their tests depend on each other.
                let voxels = drifting(40, rho, 40 * sim);
                let region = |k: usize| {
                    correlation(&voxels.slice(ndarray::s![.., 5 * k..5 * k + 15]).to_owned())
                };
                let regions: Vec<Rdm> = (0..6).map(region).collect();
                let models: Vec<Rdm> = (1..4)
                    .map(|m| correlation(&drifting(4, rho, 40 * sim + m)))
                    .collect();
                let params = PermutationParams {
                    comparison: Comparison::Pearson,
                    exchange,
                    permutations: 99,
                    tail: Tail::Greater,
                    seed: sim,
                };
                let test =
                    permutation_test(&regions, &models, &shown, params, quiet(&interrupt)).unwrap();
                let any = |p: &Array2<f64>| p.iter().any(|&p| p <= 0.05);
                (any(&test.p_fwe), any(&test.p))
            })
            .collect();
        let family = share(alarms.iter().filter(|a| a.0).count(), alarms.len());
        let each = share(alarms.iter().filter(|a| a.1).count(), alarms.len());
        println!(
            "autocorrelation {rho}: any false alarm {family:.3} corrected, {each:.3} uncorrected"
        );
        assert!(
            (0.03..=0.07).contains(&family),
            "family-wise {family} with autocorrelation {rho}"
        );
        assert!(each > 0.2, "uncorrected {each}");
    }
}

#[test]
fn intervals_of_the_dual_bootstrap_hold_the_truth_as_often_as_they_say() {
    let interrupt = Interrupt::default();
    // Stimuli and subjects are both drawn anew, and subjects differ in how much noise they have;
    // the truth is the mean over many of both.
    let dims = 12;
    let study = |n: usize, s: u64, seed: u64| {
        let latent = normals(n, dims, seed);
        let strengths = normals(s as usize, 1, seed + 1);
        let subjects: Vec<Rdm> = (0..s)
            .map(|k| {
                let mix = normals(dims, 20, seed + 1000 + k);
                let noise = normals(n, 20, seed + 2000 + k);
                correlation(&(latent.dot(&mix) + noise * 3.0 * strengths[[k as usize, 0]].exp()))
            })
            .collect();
        let model = Rdm::from_patterns(latent.view(), Metric::SquaredEuclidean).unwrap();
        let each = subjects
            .iter()
            .map(|s| emotome_brain::rdm::compare(&model, s, Comparison::Pearson));
        let mean = each.map(|r| r.unwrap().value).sum::<f64>() / s as f64;
        (subjects, model, mean)
    };
    let many = (0..50).map(|k| study(60, 40, 5_000_000 + 10_000 * k).2);
    let truth = many.sum::<f64>() / 50.0;
    let (sims, s) = (300_u64, 8);
    let found: Vec<(f64, f64, bool)> = (0..sims)
        .into_par_iter()
        .map(|sim| {
            let (subjects, model, mean) = study(60, s, 10_000 * (sim + 1));
            let params = BootstrapParams {
                comparison: Comparison::Pearson,
                resample: Resample::Dual,
                draws: 100,
                seed: sim,
            };
            let found = bootstrap(&subjects, &[model], params, quiet(&interrupt)).unwrap();
            let variance = found.variances.models[0];
            let half = student_t_quantile(0.05, found.tests.degrees) * variance.sqrt();
            (mean, variance, (mean - truth).abs() <= half)
        })
        .collect();
    let coverage = share(found.iter().filter(|f| f.2).count(), found.len());
    let column = |f: fn(&(f64, f64, bool)) -> f64| found.iter().map(f).collect::<Vec<f64>>();
    let claimed = emotome_stats::summary::mean(&column(|f| f.1)).sqrt();
    let spread = emotome_stats::summary::standard_deviation(&column(|f| f.0));
    println!(
        "dual bootstrap: truth {truth:.4}, sd {spread:.4}, claimed {claimed:.4}, 95 % intervals hold it in {coverage:.3}"
    );
    assert!((0.9..=0.99).contains(&coverage), "coverage {coverage}");
}

#[test]
fn relabelling_with_missing_pairs_is_the_same_by_gathers_and_by_ranking_anew() {
    let interrupt = Interrupt::default();
    let shown = shown(6, 5);
    let (x, y) = (normals(30, 9, 1), normals(30, 4, 2));
    let within = |i: usize, j: usize| i / 5 == j / 5;
    let (brain, model) = (correlation(&x).excluding(within), correlation(&y));
    for comparison in [
        Comparison::Pearson,
        Comparison::Cosine,
        Comparison::Spearman,
    ] {
        let run = |exchange, seed| {
            let params = PermutationParams {
                comparison,
                exchange,
                permutations: 50,
                tail: Tail::Greater,
                seed,
            };
            permutation_test(
                std::slice::from_ref(&brain),
                std::slice::from_ref(&model),
                &shown,
                params,
                quiet(&interrupt),
            )
            .unwrap()
        };
        for exchange in [
            Exchange::RunBlocks,
            Exchange::WithinRunShifts { minimum_lag: 1 },
            Exchange::Free,
        ] {
            let found = run(exchange, 3);
            assert_eq!(found.missing, [60]);
            let expected = emotome_brain::rdm::compare(&brain, &model, comparison)
                .unwrap()
                .value;
            assert!((found.observed[[0, 0]] - expected).abs() < 1e-12);
            // Relabelled by hand, with the public pieces.
            let seed = Seed(3).derive("relabelled models");
            for (draw, largest) in found.maxima.iter().enumerate() {
                let labels = shown.relabel(exchange, &mut CounterRng::new(seed, draw as u64));
                let places: Vec<usize> = labels.iter().map(|&l| l as usize).collect();
                let by_hand = emotome_brain::rdm::compare(
                    &brain,
                    &model.select(&places).unwrap(),
                    comparison,
                )
                .unwrap()
                .value;
                assert!(
                    (largest - by_hand).abs() < 1e-12,
                    "{comparison:?} {exchange:?}: {largest}, by hand {by_hand}"
                );
            }
        }
    }
    let holed = model.excluding(|i, j| i + j == 1);
    let params = PermutationParams::default();
    assert!(permutation_test(&[brain], &[holed], &shown, params, quiet(&interrupt)).is_err());
}

#[test]
fn closed_form_moments_are_those_of_many_relabellings() {
    let interrupt = Interrupt::default();
    let (x, y) = (normals(30, 9, 1), normals(30, 4, 2));
    let (brain, model) = (correlation(&x), correlation(&y));
    let params = PermutationParams {
        comparison: Comparison::Pearson,
        exchange: Exchange::Free,
        permutations: 20_000,
        tail: Tail::Greater,
        seed: 5,
    };
    let drawn = permutation_test(
        std::slice::from_ref(&brain),
        std::slice::from_ref(&model),
        &shown(1, 30),
        params,
        quiet(&interrupt),
    )
    .unwrap();
    let exact = mantel(&brain, &model, Comparison::Pearson).unwrap();
    let null = drawn.null.iter().copied().collect::<Vec<f64>>();
    let sd = emotome_stats::summary::standard_deviation(&null);
    assert!(
        (sd / exact.sd - 1.0).abs() < 0.02,
        "{sd} by draws, {} exact",
        exact.sd
    );
    assert!(emotome_stats::summary::mean(&null).abs() < 4.0 * exact.sd / 20_000_f64.sqrt());
}

#[test]
fn values_are_the_same_at_any_number_of_threads_and_beside_any_others() {
    let interrupt = Interrupt::default();
    let shown = shown(8, 6);
    let holes = |i: usize, j: usize| i + j == 9;
    let regions: Vec<Rdm> = (0..11)
        .map(|r| {
            let rdm = correlation(&normals(48, 9, 10 + r));
            if r == 4 { rdm.excluding(holes) } else { rdm }
        })
        .collect();
    let models: Vec<Rdm> = (0..3)
        .map(|m| correlation(&normals(48, 5, 30 + m)))
        .collect();
    let params = PermutationParams {
        permutations: 100,
        ..PermutationParams::default()
    };
    let run = |regions: &[Rdm], models: &[Rdm]| {
        permutation_test(regions, models, &shown, params, quiet(&interrupt)).unwrap()
    };
    let all = run(&regions, &models);
    let holed = regions[4].missing();
    assert!(holed > 0);
    let missing: Vec<usize> = (0..11).map(|r| if r == 4 { holed } else { 0 }).collect();
    assert_eq!(all.missing, missing);
    for threads in 1..=3 {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        assert_eq!(pool.install(|| run(&regions, &models)), all);
    }
    for (r, region) in regions.iter().enumerate() {
        for (m, model) in models.iter().enumerate() {
            let alone = run(std::slice::from_ref(region), std::slice::from_ref(model));
            assert_eq!(
                alone.null.iter().copied().collect::<Vec<_>>(),
                all.null.slice(ndarray::s![.., r, m]).to_vec()
            );
            assert_eq!(
                (alone.observed[[0, 0]], alone.p[[0, 0]]),
                (all.observed[[r, m]], all.p[[r, m]])
            );
        }
    }
}

#[test]
#[ignore = "a measurement of seconds, for machines at rest"]
fn relabellings_of_2180_stimuli_are_quick() {
    let interrupt = Interrupt::default();
    let regions: Vec<Rdm> = (0..16)
        .map(|r| correlation(&normals(2180, 20, r)))
        .collect();
    let models: Vec<Rdm> = (0..2)
        .map(|m| correlation(&normals(2180, 8, 50 + m)))
        .collect();
    for (count, permutations) in [(1, 100), (16, 100), (16, 400)] {
        for exchange in [Exchange::Free, Exchange::RunBlocks] {
            let params = PermutationParams {
                exchange,
                permutations,
                ..PermutationParams::default()
            };
            let start = Instant::now();
            let shown = shown(218, 10);
            permutation_test(
                &regions[..count],
                &models,
                &shown,
                params,
                quiet(&interrupt),
            )
            .unwrap();
            println!(
                "{count} regions, 2 models, {permutations} x {exchange:?}: {:.1} ms a relabelling",
                1e3 * start.elapsed().as_secs_f64() / f64::from(permutations)
            );
        }
    }
}
