//! Comparisons of agents against numpy, scipy and POT, and on spaces of known likeness.

use emotome_interpret::align::AlignError;
use emotome_interpret::align::cka::cka;
use emotome_interpret::align::procrustes::{ProcrustesParams, procrustes};
use emotome_interpret::align::rsm::{Kernel, Measured, Reliability, Rsm, RsmParams, compare};
use emotome_interpret::align::transport::{
    Descent, TransportParams, align, entropic, gromov_wasserstein, matching, unbalanced,
};
use emotome_interpret::correlate::Coefficient;
use emotome_interpret::resampling::Resampling;
use emotome_stats::interval::Interval;
use emotome_stats::random::{CounterRng, Seed};
use emotome_stimuli::run::{Interrupt, Run, Silent};
use ndarray::{Array2, ArrayView2};
use proptest::prelude::*;
use serde_json::Value;

fn fixture() -> Value {
    serde_json::from_str(include_str!("fixtures/align.json")).unwrap()
}

fn with_run<T>(f: impl FnOnce(Run<'_>) -> T) -> T {
    f(Run {
        progress: &Silent,
        interrupt: &Interrupt::default(),
    })
}

fn matrix(value: &Value) -> Array2<f64> {
    let rows: Vec<Vec<f64>> = serde_json::from_value(value.clone()).unwrap();
    Array2::from_shape_fn((rows.len(), rows[0].len()), |(i, j)| rows[i][j])
}

fn noise(n: usize, d: usize, seed: u64) -> Array2<f64> {
    let mut rng = CounterRng::new(Seed(seed), 0);
    Array2::from_shape_simple_fn((n, d), || rng.normal())
}

fn near(found: f64, expected: f64, tolerance: f64) {
    assert!(
        (found - expected).abs() <= tolerance,
        "{found}, expected {expected}"
    );
}

fn near_interval(found: Interval, expected: &Value, tolerance: f64) {
    near(found.low, expected[0].as_f64().unwrap(), tolerance);
    near(found.high, expected[1].as_f64().unwrap(), tolerance);
}

fn similarities(view: ArrayView2<'_, f64>) -> Measured<'_> {
    Measured {
        whole: Rsm::Similarities(view),
        reliability: None,
    }
}

fn features(values: ArrayView2<'_, f64>, kernel: Kernel) -> Measured<'_> {
    Measured {
        whole: Rsm::Features { values, kernel },
        reliability: None,
    }
}

const FEW: RsmParams = RsmParams {
    coefficient: Coefficient::Pearson,
    bootstraps: 20,
    permutations: 20,
    level: 0.95,
    seed: 0,
};

#[test]
fn comparisons_of_similarities_are_those_of_numpy() {
    let fixture = fixture();
    let wholes = [0, 1].map(|a| matrix(&fixture["wholes"][a]));
    let halves = [0, 1].map(|a| [0, 1].map(|h| matrix(&fixture["halves"][a][h])));
    let agents = [0, 1].map(|a| Measured {
        whole: Rsm::Similarities(wholes[a].view()),
        reliability: Some(Reliability::Halves(
            [0, 1].map(|h| Rsm::Similarities(halves[a][h].view())),
        )),
    });
    let (x, y) = (matrix(&fixture["x"]), matrix(&fixture["y"]));
    for (name, coefficient) in [
        ("pearson", Coefficient::Pearson),
        ("spearman", Coefficient::Spearman),
    ] {
        let expected = &fixture["rsm"][name];
        let number = |key: &str| expected[key].as_f64().unwrap();
        let params = RsmParams {
            coefficient,
            bootstraps: 10_000,
            permutations: 20_000,
            ..RsmParams::default()
        };
        let found = with_run(|run| compare(&agents[0], &agents[1], &params, run)).unwrap();
        near(found.r, number("r"), 1e-12);
        // Both are resamples of thousands.
        near_interval(found.interval, &expected["interval"], 0.02);
        near(found.p.unwrap(), number("p"), 0.01);
        let corrected = found.corrected.unwrap();
        near(corrected.r, number("corrected"), 1e-12);
        near_interval(corrected.interval, &expected["corrected_interval"], 0.03);
        let [a, b] = corrected.half_r;
        near(a, expected["half_r"][0].as_f64().unwrap(), 1e-12);
        near(corrected.published_r, found.r / (a * b).sqrt(), 1e-12);
        assert!(
            corrected.published_r > corrected.r
                && corrected.published_interval.low > found.interval.low
        );
        for (kernel, key) in [
            (Kernel::Dot, "dot"),
            (Kernel::Cosine, "cosine"),
            (Kernel::Correlation, "correlation"),
        ] {
            let few = RsmParams { coefficient, ..FEW };
            let found = with_run(|run| {
                compare(
                    &features(x.view(), kernel),
                    &features(y.view(), kernel),
                    &few,
                    run,
                )
            })
            .unwrap();
            near(found.r, expected["kernels"][key].as_f64().unwrap(), 1e-12);
        }
    }
}

#[test]
fn features_give_what_their_similarities_give_in_every_resample() {
    let (x, y) = (noise(25, 3, 1), noise(25, 4, 2));
    let [a, b] = [&x, &y].map(|v| v.dot(&v.t()));
    let params = RsmParams {
        bootstraps: 200,
        permutations: 200,
        ..RsmParams::default()
    };
    let fast = with_run(|run| {
        compare(
            &features(x.view(), Kernel::Dot),
            &features(y.view(), Kernel::Dot),
            &params,
            run,
        )
    })
    .unwrap();
    let slow = with_run(|run| {
        compare(
            &similarities(a.view()),
            &similarities(b.view()),
            &params,
            run,
        )
    })
    .unwrap();
    near(fast.r, slow.r, 1e-12);
    near(fast.interval.low, slow.interval.low, 1e-12);
    near(fast.interval.high, slow.interval.high, 1e-12);
    assert_eq!(fast.p, slow.p);
}

#[test]
fn missing_pairs_are_counted_and_left_out() {
    let [mut a, b] = [3, 4].map(|seed| {
        let v = noise(12, 3, seed);
        v.dot(&v.t())
    });
    let whole =
        with_run(|run| compare(&similarities(a.view()), &similarities(b.view()), &FEW, run))
            .unwrap();
    for at in [[2, 5], [5, 2], [0, 11], [11, 0]] {
        a[at] = f64::NAN;
    }
    a.diag_mut().fill(f64::NAN);
    for coefficient in [Coefficient::Pearson, Coefficient::Spearman] {
        let few = RsmParams { coefficient, ..FEW };
        let found =
            with_run(|run| compare(&similarities(a.view()), &similarities(b.view()), &few, run))
                .unwrap();
        assert_eq!((found.pairs, found.pairs_missing, found.p), (64, 2, None));
        let known = (0..12)
            .flat_map(|i| (i + 1..12).map(move |j| [i, j]))
            .filter(|&at| !a[at].is_nan());
        let (x, y): (Vec<f64>, Vec<f64>) = known.map(|at| (a[at], b[at])).unzip();
        let expected = match coefficient {
            Coefficient::Pearson => emotome_stats::correlation::pearson(&x, &y),
            Coefficient::Spearman => emotome_stats::correlation::spearman(&x, &y),
        };
        near(found.r, expected, 1e-12);
        assert!(found.interval.low < found.r && found.interval.high > found.r);
    }
    assert_eq!(whole.pairs, 66);
}

#[test]
fn permutations_of_unrelated_agents_are_as_likely_below_any_level_as_it_says() {
    let studies = 200;
    let mut small = [0; 3];
    for study in 0..studies {
        let (x, y) = (noise(15, 3, 2 * study), noise(15, 3, 2 * study + 1));
        let seed = study;
        let rsm = RsmParams {
            bootstraps: 1,
            permutations: 99,
            seed,
            ..RsmParams::default()
        };
        let spaces = Resampling {
            bootstraps: 1,
            permutations: 99,
            seed,
            ..Resampling::default()
        };
        let rotation = ProcrustesParams {
            bootstraps: 1,
            permutations: 39,
            folds: 3,
            seed,
            ..ProcrustesParams::default()
        };
        let p = with_run(|run| {
            [
                compare(
                    &features(x.view(), Kernel::Correlation),
                    &features(y.view(), Kernel::Dot),
                    &rsm,
                    run,
                )
                .unwrap()
                .p
                .unwrap(),
                cka(x.view(), y.view(), &spaces, run).unwrap().p.unwrap(),
                procrustes(x.view(), y.view(), &rotation, run)
                    .unwrap()
                    .p
                    .unwrap(),
            ]
        });
        small
            .iter_mut()
            .zip(p)
            .for_each(|(count, p)| *count += usize::from(p <= 0.1));
    }
    // Expected 20 of 200, four deviations.
    assert!(small.iter().all(|s| (3..=37).contains(s)), "{small:?}");
}

#[test]
fn intervals_cover_the_correlation_of_all_items() {
    // The truth is that of very many items of the same kind.
    let agents = |n: usize, seed: u64| {
        let truth = noise(n, 2, seed);
        let other = &truth + &(1.2 * noise(n, 2, seed + 50_000));
        (truth, other)
    };
    let few = RsmParams {
        bootstraps: 1,
        permutations: 1,
        ..RsmParams::default()
    };
    let (x, y) = agents(4000, 77);
    let all = with_run(|run| {
        compare(
            &features(x.view(), Kernel::Dot),
            &features(y.view(), Kernel::Dot),
            &few,
            run,
        )
    })
    .unwrap()
    .r;
    let (studies, mut covered) = (200, 0);
    for study in 0..studies {
        let (x, y) = agents(40, 1000 + study);
        let params = RsmParams {
            bootstraps: 300,
            permutations: 1,
            level: 0.9,
            seed: study,
            ..RsmParams::default()
        };
        let found = with_run(|run| {
            compare(
                &features(x.view(), Kernel::Dot),
                &features(y.view(), Kernel::Dot),
                &params,
                run,
            )
        })
        .unwrap();
        covered += usize::from(found.interval.contains(all));
    }
    // 90 % nominal; percentiles of forty items fall a little short.
    assert!((163..=193).contains(&covered), "{covered} of {studies}");
}

#[test]
fn a_correction_with_given_reliabilities_scales_the_interval() {
    let (x, y) = (noise(20, 3, 5), noise(20, 3, 6));
    let shared = &x + &(0.5 * &y);
    let agent = |values, r| Measured {
        reliability: Some(Reliability::HalfR(r)),
        ..features(values, Kernel::Dot)
    };
    let found =
        with_run(|run| compare(&agent(x.view(), 0.5), &agent(shared.view(), 1.0), &FEW, run))
            .unwrap();
    let corrected = found.corrected.unwrap();
    near(corrected.reliability[0], 2.0 / 3.0, 1e-15);
    near(corrected.r, found.r / (2.0_f64 / 3.0).sqrt(), 1e-12);
    near(
        corrected.interval.low,
        found.interval.low / (2.0_f64 / 3.0).sqrt(),
        1e-12,
    );
    let none = with_run(|run| {
        compare(
            &agent(x.view(), -0.1),
            &agent(shared.view(), 1.0),
            &FEW,
            run,
        )
    })
    .unwrap();
    let corrected = none.corrected.unwrap();
    assert!(corrected.r.is_nan() && corrected.undefined == FEW.bootstraps);
}

#[test]
fn spaces_compare_as_in_scipy_and_the_formula_of_song() {
    let fixture = fixture();
    let [x, y, wide] = ["x", "y", "wide"].map(|key| matrix(&fixture[key]));
    let pairs = [(&x, &y), (&x, &wide), (&wide, &x)];
    for ((a, b), expected) in pairs.into_iter().zip(fixture["spaces"].as_array().unwrap()) {
        let number = |key: &str| expected[key].as_f64().unwrap();
        let found = with_run(|run| {
            procrustes(
                a.view(),
                b.view(),
                &ProcrustesParams {
                    permutations: 1,
                    ..ProcrustesParams::default()
                },
                run,
            )
        })
        .unwrap();
        near(found.disparity, number("disparity"), 1e-12);
        assert_eq!(found.rotation.dim(), (b.ncols(), a.ncols()));
        let found = with_run(|run| {
            cka(
                a.view(),
                b.view(),
                &Resampling {
                    permutations: 1,
                    bootstraps: 1,
                    ..Resampling::default()
                },
                run,
            )
        })
        .unwrap();
        near(found.plain, number("plain"), 1e-12);
        near(found.debiased, number("debiased"), 1e-12);
    }
}

#[test]
fn a_rotated_space_is_the_same_space() {
    let x = noise(60, 4, 11);
    let turn = {
        // A rotation from the Q of a Gram–Schmidt pass.
        let mut q = noise(4, 4, 12);
        for i in 0..4 {
            for j in 0..i {
                let (a, b) = (q.column(i).to_owned(), q.column(j).to_owned());
                q.column_mut(i).scaled_add(-a.dot(&b), &b);
            }
            let length = q.column(i).dot(&q.column(i)).sqrt();
            q.column_mut(i).mapv_inplace(|v| v / length);
        }
        q
    };
    let y = x.dot(&turn) * 3.0 + 0.7;
    let found =
        with_run(|run| procrustes(x.view(), y.view(), &ProcrustesParams::default(), run)).unwrap();
    assert!(
        found.disparity < 1e-12 && found.held_out > 1.0 - 1e-12,
        "{found:?}"
    );
    near(found.scale, 1.0 / 3.0, 1e-12);
    near(found.p.unwrap(), 1.0 / 201.0, 1e-12);
    let found = with_run(|run| cka(x.view(), y.view(), &Resampling::default(), run)).unwrap();
    near(found.plain, 1.0, 1e-12);
    near(found.debiased, 1.0, 1e-12);
    // Unrelated spaces: plain alignment is far above 0, the debiased one and the held-out R² are not.
    let (x, y) = (noise(40, 20, 13), noise(40, 20, 14));
    let found = with_run(|run| cka(x.view(), y.view(), &Resampling::default(), run)).unwrap();
    assert!(
        found.plain > 0.25 && found.debiased.abs() < 0.15 && found.interval.contains(0.0),
        "{found:?}"
    );
    let found =
        with_run(|run| procrustes(x.view(), y.view(), &ProcrustesParams::default(), run)).unwrap();
    assert!(found.disparity < 0.75 && found.held_out < 0.05, "{found:?}");
    // Rotations of many columns are fitted to noise: chance is not 0 but well below.
    let chance = found.chance.unwrap();
    assert!(
        chance < -0.05 && (found.held_out - chance).abs() < 0.3,
        "{found:?}"
    );
}

#[test]
fn without_permutations_nothing_is_said_of_chance() {
    let (x, y) = (noise(30, 3, 1), noise(30, 2, 2));
    with_run(|run| {
        let how = RsmParams {
            permutations: 0,
            bootstraps: 20,
            ..RsmParams::default()
        };
        let (a, b) = (
            features(x.view(), Kernel::Dot),
            features(y.view(), Kernel::Dot),
        );
        assert_eq!(compare(&a, &b, &how, run).unwrap().p, None);
        let how = Resampling {
            permutations: 0,
            bootstraps: 20,
            ..Resampling::default()
        };
        assert_eq!(cka(x.view(), y.view(), &how, run).unwrap().p, None);
        let how = ProcrustesParams {
            permutations: 0,
            bootstraps: 20,
            ..ProcrustesParams::default()
        };
        let found = procrustes(x.view(), y.view(), &how, run).unwrap();
        assert_eq!((found.p, found.chance), (None, None));
        let plan = distances(&x);
        let labels = vec![0; 30];
        let found = matching(plan.view(), Some(&labels), &[1], 0, 0).unwrap();
        assert_eq!(
            (found.p, found.category_p, found.category_chance),
            (None, None, None)
        );
    });
}

const FINE: Descent = Descent {
    steps: 5000,
    tolerance: 1e-13,
    scalings: 100_000,
};

#[test]
fn transport_ends_where_that_of_pot_does() {
    let fixture = &fixture()["transport"];
    let [c1, c2, c3, start] = ["c1", "c2", "c3", "start"].map(|key| matrix(&fixture[key]));
    for case in fixture["entropic"].as_array().unwrap() {
        let other = if case["other"] == "c2" { &c2 } else { &c3 };
        let start = case["started"].as_bool().unwrap().then(|| start.view());
        let found = entropic(
            c1.view(),
            other.view(),
            start,
            case["epsilon"].as_f64().unwrap(),
            &FINE,
        )
        .unwrap();
        near(found.distance, case["distance"].as_f64().unwrap(), 1e-8);
        for (found, expected) in found.plan.iter().zip(&matrix(&case["plan"])) {
            near(*found, *expected, 1e-6);
        }
        assert!(found.settled, "{case}");
    }
    let found = gromov_wasserstein(
        c1.view(),
        c3.view(),
        Some(start.view()),
        &Descent::default(),
    )
    .unwrap();
    near(
        found.distance,
        fixture["exact"]["distance"].as_f64().unwrap(),
        1e-9,
    );
    for (found, expected) in found.plan.iter().zip(&matrix(&fixture["exact"]["plan"])) {
        near(*found, *expected, 1e-7);
    }
    for case in fixture["unbalanced"].as_array().unwrap() {
        let number = |key: &str| case[key].as_f64().unwrap();
        let found = unbalanced(
            c1.view(),
            c2.view(),
            None,
            number("epsilon"),
            number("rho"),
            &FINE,
        )
        .unwrap();
        near(found.plan.sum(), number("mass"), 1e-6);
        for (found, expected) in found.plan.iter().zip(&matrix(&case["plan"])) {
            near(*found, *expected, 1e-6);
        }
    }
}

fn distances(points: &Array2<f64>) -> Array2<f64> {
    let n = points.nrows();
    Array2::from_shape_fn((n, n), |(i, j)| {
        let difference = &points.row(i) - &points.row(j);
        difference.dot(&difference).sqrt()
    })
}

fn quick() -> TransportParams {
    TransportParams {
        epsilons: vec![0.01, 0.05],
        starts: 3,
        shuffles: 19,
        ..TransportParams::default()
    }
}

#[test]
fn a_permuted_structure_is_found_again_and_noise_is_not() {
    let points = noise(16, 3, 21);
    let c1 = distances(&points);
    let c2 = distances(&(&points + &(0.05 * noise(16, 3, 22)))) * 7.0;
    let categories: Vec<usize> = (0..16).map(|i| i % 4).collect();
    for rho in [None, Some(5.0)] {
        let params = TransportParams {
            rho,
            epsilons: if rho.is_some() {
                vec![0.02]
            } else {
                quick().epsilons
            },
            ..quick()
        };
        let found = with_run(|run| align(c1.view(), c2.view(), &params, run)).unwrap();
        let rates = matching(found.plan.plan.view(), Some(&categories), &[1, 5], 999, 0).unwrap();
        println!("{rho:?}: {rates:?} {:?} {}", found.p, found.plan.distance);
        assert!(
            rates.rates[0] > 0.9 && rates.p.as_ref().unwrap()[0] == 0.001,
            "{rho:?}: {rates:?}"
        );
        assert!(
            rates.category_rate.unwrap() > 0.9
                && (rates.category_chance.unwrap() - 0.25).abs() < 0.03
        );
        assert_eq!(found.p, Some(0.05));
        near(found.scales[1] / found.scales[0], 7.0, 0.2);
    }
    let other = distances(&noise(16, 3, 23));
    let params = TransportParams {
        shuffles: 0,
        ..quick()
    };
    let found = with_run(|run| align(c1.view(), other.view(), &params, run)).unwrap();
    let rates = matching(found.plan.plan.view(), None, &[1], 999, 0).unwrap();
    assert!(rates.p.as_ref().unwrap()[0] > 0.01, "{rates:?}");
}

#[test]
fn unbalanced_transport_leaves_out_what_has_no_counterpart() {
    // Four points on either side, and a far one that only the first side has.
    let first = ndarray::array![[0.0, 0.0], [0.3, 0.1], [1.0, 0.0], [1.2, 0.6], [3.0, 4.0]];
    let second = first.slice(ndarray::s![..4, ..]).to_owned();
    let (c1, c2) = (distances(&first), distances(&second));
    let found = unbalanced(c1.view(), c2.view(), None, 0.01, 0.5, &Descent::default()).unwrap();
    let rows = found.plan.sum_axis(ndarray::Axis(1));
    assert!(
        rows[4] < 0.01 * rows[0] && found.plan.sum() > 0.5,
        "{:?}",
        found.plan
    );
    // Where nothing is worth its cost, nothing is sent.
    let (far, close) = (&c1 * 1000.0, &c2 * 0.001);
    let found = unbalanced(
        far.view(),
        close.view(),
        None,
        0.01,
        0.5,
        &Descent::default(),
    )
    .unwrap();
    assert!(found.settled && found.plan.sum() == 0.0);
    near(found.distance, 1.0, 1e-12);
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let (x, y) = (noise(30, 3, 31), noise(30, 4, 32));
    let (c1, c2) = (distances(&noise(8, 2, 33)), distances(&noise(8, 2, 34)));
    let all = || {
        with_run(|run| {
            let rsm = RsmParams {
                coefficient: Coefficient::Spearman,
                ..FEW
            };
            let texts = [
                serde_json::to_string(
                    &compare(
                        &features(x.view(), Kernel::Dot),
                        &features(y.view(), Kernel::Cosine),
                        &FEW,
                        run,
                    )
                    .unwrap(),
                ),
                serde_json::to_string(
                    &compare(
                        &features(x.view(), Kernel::Dot),
                        &features(y.view(), Kernel::Dot),
                        &rsm,
                        run,
                    )
                    .unwrap(),
                ),
                serde_json::to_string(
                    &procrustes(
                        x.view(),
                        y.view(),
                        &ProcrustesParams {
                            permutations: 20,
                            ..ProcrustesParams::default()
                        },
                        run,
                    )
                    .unwrap(),
                ),
                serde_json::to_string(
                    &cka(x.view(), y.view(), &Resampling::default(), run).unwrap(),
                ),
                serde_json::to_string(
                    &align(
                        c1.view(),
                        c2.view(),
                        &TransportParams {
                            shuffles: 3,
                            ..quick()
                        },
                        run,
                    )
                    .unwrap(),
                ),
            ];
            texts.map(Result::unwrap)
        })
    };
    let on = |threads| {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap()
            .install(all)
    };
    assert_eq!(on(1), on(3));
}

#[test]
fn bad_input_is_refused_by_name() {
    let (x, y) = (noise(12, 3, 41), noise(12, 3, 42));
    let text = |result: Result<(), AlignError>| result.unwrap_err().to_string();
    let rsm =
        |a: &Measured<'_>, b: &Measured<'_>| with_run(|run| compare(a, b, &FEW, run)).map(drop);
    let whole = x.dot(&x.t());
    let mut uneven = whole.clone();
    uneven[[2, 7]] += 1.0;
    let message = text(rsm(
        &similarities(uneven.view()),
        &similarities(whole.view()),
    ));
    assert!(message.contains("3 and 8"), "{message}");
    let mut zero = x.clone();
    zero.row_mut(4).fill(0.0);
    let message = text(rsm(
        &features(zero.view(), Kernel::Cosine),
        &features(x.view(), Kernel::Dot),
    ));
    assert!(message.contains("item 5"), "{message}");
    let mut infinite = whole.clone();
    infinite[[1, 2]] = f64::INFINITY;
    let message = text(rsm(
        &similarities(whole.view()),
        &similarities(infinite.view()),
    ));
    assert!(
        message.contains("second agent") && message.contains("row 2, column 3"),
        "{message}"
    );
    let same = Array2::from_elem((12, 12), 0.3);
    assert!(matches!(
        rsm(&similarities(same.view()), &similarities(whole.view())),
        Err(AlignError::Constant { agent: "first", .. })
    ));
    let lost = Array2::from_elem((12, 12), f64::NAN);
    assert!(matches!(
        rsm(&similarities(lost.view()), &similarities(whole.view())),
        Err(AlignError::Size { .. })
    ));
    let oblong = noise(12, 5, 1);
    assert!(matches!(
        rsm(&similarities(oblong.view()), &similarities(whole.view())),
        Err(AlignError::Mismatch { .. })
    ));
    let mut hole = x.clone();
    hole[[0, 0]] = f64::NAN;
    let constant = Array2::from_elem((12, 3), 2.0);
    with_run(|run| {
        for bad in [&hole, &constant, &noise(11, 3, 1)] {
            assert!(cka(x.view(), bad.view(), &Resampling::default(), run).is_err());
            assert!(procrustes(bad.view(), y.view(), &ProcrustesParams::default(), run).is_err());
        }
        let none = Resampling {
            bootstraps: 0,
            ..Resampling::default()
        };
        assert!(matches!(
            cka(x.view(), y.view(), &none, run),
            Err(AlignError::Parameter { .. })
        ));
        let folds = ProcrustesParams {
            folds: 13,
            ..ProcrustesParams::default()
        };
        assert!(procrustes(x.view(), y.view(), &folds, run).is_err());
        let huge = &x * 1e200;
        assert_eq!(
            procrustes(huge.view(), huge.view(), &ProcrustesParams::default(), run).unwrap_err(),
            AlignError::Decomposition
        );
        let c = distances(&x);
        for params in [
            TransportParams {
                epsilons: vec![],
                ..quick()
            },
            TransportParams {
                epsilons: vec![0.0],
                ..quick()
            },
            TransportParams {
                rho: Some(-1.0),
                ..quick()
            },
        ] {
            assert!(matches!(
                align(c.view(), c.view(), &params, run),
                Err(AlignError::Parameter { .. })
            ));
        }
        let one = Array2::zeros((1, 1));
        assert!(matches!(
            align(one.view(), c.view(), &quick(), run),
            Err(AlignError::Size { .. })
        ));
        let flat = Array2::zeros((4, 4));
        assert!(matches!(
            align(flat.view(), c.view(), &quick(), run),
            Err(AlignError::Constant { .. })
        ));
    });
    let c = distances(&x);
    assert!(
        entropic(
            c.view(),
            c.view(),
            Some(noise(12, 12, 3).view()),
            0.1,
            &Descent::default()
        )
        .is_err()
    );
    assert!(
        gromov_wasserstein(
            c.view(),
            distances(&noise(5, 2, 3)).view(),
            None,
            &Descent::default()
        )
        .is_err()
    );
    assert!(matching(noise(4, 5, 1).view(), None, &[1], 9, 0).is_err());
    assert!(matching(noise(4, 4, 1).view(), None, &[5], 9, 0).is_err());
    let interrupt = Interrupt::default();
    interrupt.request();
    let run = Run {
        progress: &Silent,
        interrupt: &interrupt,
    };
    assert_eq!(
        align(c.view(), c.view(), &quick(), run).unwrap_err(),
        AlignError::Interrupted
    );
    assert_eq!(
        cka(x.view(), y.view(), &Resampling::default(), run).unwrap_err(),
        AlignError::Interrupted
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn plans_have_even_marginals_at_any_regularisation(
        seed: u64,
        n in 2_usize..9,
        m in 2_usize..9,
        exponent in -3.5..1.0_f64,
    ) {
        let (c1, c2) = (distances(&noise(n, 2, seed)), distances(&noise(m, 2, seed ^ 1)));
        let found = entropic(c1.view(), c2.view(), None, 10_f64.powf(exponent), &Descent { scalings: 5000, ..Descent::default() }).unwrap();
        prop_assert!(found.plan.iter().all(|t| *t >= 0.0) && found.distance >= -1e-12);
        for row in found.plan.rows() {
            prop_assert!((row.sum() - 1.0 / n as f64).abs() < 1e-12);
        }
        for column in found.plan.columns() {
            prop_assert!((column.sum() - 1.0 / m as f64).abs() < 1e-12);
        }
    }

    #[test]
    fn sharpening_never_raises_the_distance(seed: u64, n in 2_usize..10) {
        let (c1, c2) = (distances(&noise(n, 2, seed)), distances(&noise(n, 2, seed ^ 1)));
        let even = Array2::from_elem((n, n), 1.0 / (n * n) as f64);
        let found = gromov_wasserstein(c1.view(), c2.view(), None, &Descent::default()).unwrap();
        let start = gromov_wasserstein(c1.view(), c2.view(), Some(even.view()), &Descent { steps: 1, ..Descent::default() }).unwrap();
        prop_assert!(found.distance <= start.distance + 1e-12);
        for row in found.plan.rows() {
            prop_assert!((row.sum() - 1.0 / n as f64).abs() < 1e-12);
        }
    }
}

/// n = 2,180 and 1,000 resamples and permutations: some seconds. Run with `--ignored --nocapture`.
#[test]
#[ignore = "takes a minute"]
fn full_size_comparisons_take_seconds() {
    let n = 2180;
    let truth = noise(n, 30, 51);
    let (x, y) = (
        truth.mapv(f64::abs),
        (&truth + &noise(n, 30, 52)).mapv(f64::abs),
    );
    let (a, b) = (x.dot(&x.t()), y.dot(&y.t()));
    let timed = |name: &str, f: &dyn Fn(Run<'_>) -> String| {
        let start = std::time::Instant::now();
        let text = with_run(f);
        println!("{name}: {:.1} s, {text}", start.elapsed().as_secs_f64());
    };
    let spearman = RsmParams {
        coefficient: Coefficient::Spearman,
        ..RsmParams::default()
    };
    let rsm = RsmParams::default();
    timed("features", &|run| {
        format!(
            "{:?}",
            compare(
                &features(x.view(), Kernel::Dot),
                &features(y.view(), Kernel::Dot),
                &rsm,
                run
            )
            .unwrap()
        )
    });
    timed("similarities", &|run| {
        format!(
            "{:?}",
            compare(&similarities(a.view()), &similarities(b.view()), &rsm, run).unwrap()
        )
    });
    timed("spearman", &|run| {
        format!(
            "{:?}",
            compare(
                &similarities(a.view()),
                &similarities(b.view()),
                &spearman,
                run
            )
            .unwrap()
        )
    });
    timed("cka", &|run| {
        format!(
            "{:?}",
            cka(x.view(), y.view(), &Resampling::default(), run).unwrap()
        )
    });
    timed("procrustes", &|run| {
        format!(
            "{}",
            procrustes(x.view(), y.view(), &ProcrustesParams::default(), run)
                .unwrap()
                .held_out
        )
    });
}
