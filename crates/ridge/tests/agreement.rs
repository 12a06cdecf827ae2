//! Scores from sums equal those of predictions that are formed, in every form and under every rule.

use emotome_ridge::score::Sums;
use emotome_ridge::{
    Folds, Params, Penalties, Pooling, Rule, Scaling, Score, Selection, Solver, cross_validate,
    direct,
    relabel::{Relabel, Relabelling, relabelled},
    responses::{BySample, ByTarget},
};
use emotome_stats::random::{CounterRng, Seed};
use emotome_stimuli::run::{Interrupt, Run, Silent};
use ndarray::{Array2, ArrayView2, Axis};

fn quiet(interrupt: &Interrupt) -> Run<'_> {
    Run {
        progress: &Silent,
        interrupt,
    }
}

/// Features with means and scales of their own, and responses that follow some of them.
fn data(n: usize, p: usize, v: usize) -> (Array2<f64>, Array2<f64>) {
    let mut rng = CounterRng::new(Seed(3), 0);
    let mut x = Array2::from_shape_simple_fn((n, p), || rng.normal());
    for (j, mut column) in x.columns_mut().into_iter().enumerate() {
        let scale = 0.1 + (j % 5) as f64;
        column.mapv_inplace(|x| scale * x + 3.0 * j as f64);
    }
    let weights = Array2::from_shape_simple_fn((p, v), || rng.normal() / (p as f64).sqrt());
    let mut y = x.dot(&weights);
    for (t, mut column) in y.columns_mut().into_iter().enumerate() {
        let noise = 0.5 + 2.0 * t as f64;
        column.mapv_inplace(|y| y + noise * rng.normal() + 50.0 * t as f64);
    }
    (x, y)
}

fn pooled(
    y: ArrayView2<'_, f64>,
    predicted: &Array2<f64>,
    folds: &Folds,
    of: &[usize],
    score: Score,
    pooling: Pooling,
    target: usize,
) -> f64 {
    // Distances from the mean, since 50 · t squared would cost the reference digits.
    let shift = y.column(target).mean().unwrap();
    let pair = |&s: &usize| (y[[s, target]] - shift, predicted[[s, target]] - shift);
    match pooling {
        Pooling::Concatenated => {
            let all = of.iter().flat_map(|&f| folds.members(f)).map(pair);
            Sums::of(all).score(score)
        }
        Pooling::FoldMean => {
            let each = of
                .iter()
                .map(|&f| Sums::of(folds.members(f).iter().map(pair)).score(score));
            each.sum::<f64>() / of.len() as f64
        }
    }
}

/// Scores of every penalty over folds `of`, each predicted from the others among them.
fn table(
    (x, y): (&Array2<f64>, &Array2<f64>),
    folds: &Folds,
    of: &[usize],
    params: &Params,
    score: Score,
) -> Array2<f64> {
    let mut table = Array2::zeros((params.penalties.len(), y.ncols()));
    for (at, &penalty) in params.penalties.values().iter().enumerate() {
        let mut predicted = Array2::zeros(y.dim());
        for &fold in of {
            let training: Vec<usize> = of
                .iter()
                .filter(|&&f| f != fold)
                .flat_map(|&f| folds.members(f))
                .copied()
                .collect();
            let line = direct::fit(
                x.select(Axis(0), &training).view(),
                y.select(Axis(0), &training).view(),
                params.scaling,
                &vec![penalty; y.ncols()],
            )
            .unwrap();
            for &sample in folds.members(fold) {
                let row = x.select(Axis(0), &[sample]);
                predicted
                    .row_mut(sample)
                    .assign(&line.predict(row.view()).row(0));
            }
        }
        for t in 0..y.ncols() {
            table[[at, t]] = pooled(y.view(), &predicted, folds, of, score, params.pooling, t);
        }
    }
    table
}

#[test]
fn scores_from_sums_equal_those_of_predictions() {
    let interrupt = Interrupt::default();
    for (n, p, v) in [(60, 7, 5), (60, 15, 3), (60, 40, 3), (60, 90, 3)] {
        let (x, y) = data(n, p, v);
        let labels: Vec<usize> = (0..n)
            .map(|i| if i < 9 { 0 } else { 1 + (3 * i + i / 5) % 4 })
            .collect();
        let folds = Folds::of(&labels).unwrap();
        let all: Vec<usize> = (0..folds.count()).collect();
        for scaling in [Scaling::AsGiven, Scaling::Centred, Scaling::Standardised] {
            let centred = |a: &Array2<f64>| a - &a.mean_axis(Axis(0)).unwrap();
            let (x, y) = match scaling {
                // Without an intercept responses and features are expected about 0; large means cost both paths digits.
                Scaling::AsGiven => (centred(&x) + 0.1, centred(&y) - 0.1),
                _ => (x.clone(), y.clone()),
            };
            for (score, pooling) in [
                (Score::Pearson, Pooling::Concatenated),
                (Score::R2, Pooling::FoldMean),
                (Score::NegativeMse, Pooling::Concatenated),
                (Score::Pearson, Pooling::FoldMean),
            ] {
                for rule in [
                    Rule::PerTarget,
                    Rule::Global,
                    Rule::PerRegion((0..v as u32).map(|t| t % 2).collect()),
                ] {
                    for selection in [Selection::SameFolds, Selection::Nested] {
                        let params = Params {
                            penalties: Penalties::spaced(0.1, 1e4, 6).unwrap(),
                            rule: rule.clone(),
                            selection,
                            score,
                            pooling,
                            scaling,
                            solver: Solver::Auto,
                        };
                        let found = cross_validate(
                            x.view(),
                            &BySample(y.view()),
                            &folds,
                            &params,
                            quiet(&interrupt),
                        )
                        .unwrap();
                        let told = format!("{p} features, {params:?}");
                        let mut sizes: Vec<usize> =
                            all.iter().map(|&f| folds.members(f).len()).collect();
                        sizes.sort_unstable_by(|a, b| b.cmp(a));
                        let layers = 1 + usize::from(selection == Selection::Nested);
                        let kernel = p > n - sizes[..layers].iter().sum::<usize>();
                        assert_eq!(found.solver == Solver::Kernel, kernel, "{told}");
                        assert_eq!(found.from_products, p <= 15, "{told}");
                        let outer: Vec<Vec<usize>> = match selection {
                            Selection::SameFolds => vec![all.clone()],
                            Selection::Nested => all
                                .iter()
                                .map(|&f| all.iter().copied().filter(|&g| g != f).collect())
                                .collect(),
                        };
                        for (row, of) in outer.iter().enumerate() {
                            let scores = table((&x, &y), &folds, of, &params, score);
                            for t in 0..v {
                                let chosen = found.chosen.penalties[[row, t]];
                                let at = params
                                    .penalties
                                    .values()
                                    .iter()
                                    .position(|&q| q == chosen)
                                    .unwrap();
                                let got = found.chosen.scores[[row, t]];
                                let expected = scores[[at, t]];
                                assert!(
                                    (got - expected).abs() < 1e-8 * (1.0 + expected.abs()),
                                    "{told}: {got} {expected}"
                                );
                                if rule == Rule::PerTarget {
                                    let best = scores
                                        .column(t)
                                        .iter()
                                        .copied()
                                        .fold(f64::NEG_INFINITY, f64::max);
                                    assert!(
                                        got > best - 1e-8 * (1.0 + best.abs()),
                                        "{told}: {got} {best}"
                                    );
                                }
                            }
                        }
                        let predicted = direct::predict_held_out(
                            x.view(),
                            y.view(),
                            &folds,
                            scaling,
                            found.chosen.penalties.view(),
                        )
                        .unwrap();
                        for t in 0..v {
                            for (score, got) in
                                [(Score::Pearson, found.pearson[t]), (Score::R2, found.r2[t])]
                            {
                                let expected =
                                    pooled(y.view(), &predicted, &folds, &all, score, pooling, t);
                                assert!(
                                    (got - expected).abs() < 1e-8 * (1.0 + expected.abs()),
                                    "{told}: {got} {expected}"
                                );
                            }
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn primal_and_kernel_forms_agree_and_bits_do_not_depend_on_threads_or_neighbours() {
    let interrupt = Interrupt::default();
    for (p, v) in [(12, 130), (50, 120)] {
        let (x, y) = data(80, p, v);
        let folds = Folds::contiguous(80, 5).unwrap();
        let under = |solver, threads: usize, y: &Array2<f64>| {
            let params = Params {
                solver,
                ..Params::default()
            };
            rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap()
                .install(|| {
                    cross_validate(
                        x.view(),
                        &BySample(y.view()),
                        &folds,
                        &params,
                        quiet(&interrupt),
                    )
                    .unwrap()
                })
        };
        let (primal, kernel) = (under(Solver::Primal, 1, &y), under(Solver::Kernel, 2, &y));
        assert_eq!(
            (primal.solver, kernel.solver),
            (Solver::Primal, Solver::Kernel)
        );
        for t in 0..v {
            assert!((primal.pearson[t] - kernel.pearson[t]).abs() < 1e-9);
            assert!((primal.r2[t] - kernel.r2[t]).abs() < 1e-9);
        }
        assert_eq!(primal.chosen.penalties, kernel.chosen.penalties);
        assert_eq!(under(Solver::Primal, 3, &y), primal);
        let few = under(
            Solver::Primal,
            2,
            &y.slice(ndarray::s![.., 97..100]).to_owned(),
        );
        assert_eq!(few.pearson[..], primal.pearson[97..100]);
        let turned = y.t().as_standard_layout().to_owned();
        let params = Params {
            solver: Solver::Primal,
            ..Params::default()
        };
        let other = cross_validate(
            x.view(),
            &ByTarget(turned.view()),
            &folds,
            &params,
            quiet(&interrupt),
        )
        .unwrap();
        assert_eq!(other, primal);
    }
}

#[test]
fn relabelled_scores_are_those_of_moved_features() {
    let interrupt = Interrupt::default();
    for (p, v) in [(7, 110), (40, 9)] {
        let (x, y) = data(60, p, v);
        let folds = Folds::contiguous(60, 4).unwrap();
        let mut rng = CounterRng::new(Seed(5), 0);
        let mut labels: Vec<Vec<u32>> = vec![(0..60).collect(); 20];
        for labels in labels.iter_mut().skip(1) {
            rng.shuffle(labels);
        }
        for selection in [Selection::SameFolds, Selection::Nested] {
            for rule in [Rule::PerTarget, Rule::Global] {
                let params = Params {
                    penalties: Penalties::spaced(0.1, 1e4, 5).unwrap(),
                    selection,
                    rule,
                    ..Params::default()
                };
                let of = |x: &Array2<f64>| {
                    cross_validate(
                        x.view(),
                        &BySample(y.view()),
                        &folds,
                        &params,
                        quiet(&interrupt),
                    )
                    .unwrap()
                };
                let observed = of(&x);
                for (penalties, kept) in [
                    (Relabel::Reselect, false),
                    (Relabel::Keep(&observed.chosen), true),
                ] {
                    let mut found = Vec::new();
                    let relabelling = Relabelling {
                        labels: &labels,
                        penalties,
                    };
                    relabelled(
                        x.view(),
                        &BySample(y.view()),
                        &folds,
                        &params,
                        relabelling,
                        quiet(&interrupt),
                        |at, scores| {
                            assert_eq!(at, found.len());
                            found.push((scores.pearson.to_vec(), scores.r2.to_vec()));
                        },
                    )
                    .unwrap();
                    assert_eq!(found.len(), labels.len());
                    let close = |a: &[f64], b: &[f64]| {
                        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-9)
                    };
                    assert!(close(&found[0].0, &observed.pearson));
                    assert!(close(&found[0].1, &observed.r2));
                    let rows: Vec<usize> = labels[17].iter().map(|&l| l as usize).collect();
                    let moved = x.select(Axis(0), &rows);
                    if kept {
                        let penalties = observed.chosen.penalties.view();
                        let predicted = direct::predict_held_out(
                            moved.view(),
                            y.view(),
                            &folds,
                            params.scaling,
                            penalties,
                        )
                        .unwrap();
                        let all = [0, 1, 2, 3];
                        let (score, pooling) = (params.score, params.pooling);
                        for (t, &got) in found[17].0.iter().enumerate() {
                            let expected =
                                pooled(y.view(), &predicted, &folds, &all, score, pooling, t);
                            assert!((got - expected).abs() < 1e-8);
                        }
                    } else {
                        assert!(close(&found[17].0, &of(&moved).pearson));
                    }
                }
            }
        }
    }
}
