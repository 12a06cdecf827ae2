//! Which dimensions come back, on planted embeddings.

use crate::support::{on_threads, planted, with_run};
use emotome_embedding::{
    Embedding,
    evaluate::{
        EvaluationError,
        reproducibility::{ReproducibilityParams, published_reproducibility, reproducibility},
    },
};
use emotome_stats::random::{CounterRng, Seed};
use ndarray::{Axis, concatenate};

/// The columns of `x` in another order with a little noise, beside columns of pure noise.
fn another_run(x: &Embedding, noise_columns: usize, seed: u64) -> Embedding {
    let mut rng = CounterRng::new(Seed(seed), 1);
    let mut order: Vec<usize> = (0..x.n_dims()).collect();
    rng.shuffle(&mut order);
    let signal = x
        .select_dims(&order)
        .values()
        .mapv(|v| (v + 0.2 * rng.normal() as f32).max(0.0));
    let noise = planted(x.n_stimuli(), noise_columns, 2.0, seed + 1000);
    Embedding::new(concatenate(Axis(1), &[noise.values().view(), signal.view()]).unwrap()).unwrap()
}

#[test]
fn planted_dimensions_come_back_and_noise_dimensions_do_not() {
    let truth = planted(200, 6, 2.0, 1);
    let runs: Vec<Embedding> = (0..5).map(|seed| another_run(&truth, 2, seed)).collect();
    let refs: Vec<&Embedding> = runs.iter().collect();
    let found =
        with_run(|run| reproducibility(refs[0], &refs, &ReproducibilityParams::default(), run))
            .unwrap();
    assert_eq!((found.runs, found.self_matches_excluded), (4, 1));
    assert_eq!((found.core, found.significant), (6, 6), "{found:?}");
    assert!(
        found.dimensions[..2]
            .iter()
            .all(|d| !d.core && d.r < found.null_max_r)
    );
    assert!(
        found.dimensions[2..]
            .iter()
            .all(|d| d.r > 0.8 && d.p < 0.01 && d.r_by_run.len() == 4)
    );
    // Four further runs: t of 3 degrees of freedom is 3.182446.
    let z: Vec<f64> = found.dimensions[2]
        .r_by_run
        .iter()
        .map(|r| r.atanh())
        .collect();
    let mean = z.iter().sum::<f64>() / 4.0;
    let spread = (z.iter().map(|z| (z - mean).powi(2)).sum::<f64>() / 3.0).sqrt();
    let ci95 = found.dimensions[2].ci95.unwrap();
    assert!((ci95.low - (mean - 3.182_446 * spread / 2.0).tanh()).abs() < 1e-6);
    assert!((ci95.high - (mean + 3.182_446 * spread / 2.0).tanh()).abs() < 1e-6);
    let two = with_run(|run| {
        reproducibility(refs[0], &refs[1..3], &ReproducibilityParams::default(), run)
    });
    assert!(two.unwrap().dimensions.iter().all(|d| d.ci95.is_none()));
}

/// Independent noise must look like its null; the published score counts the self-match.
#[test]
fn independent_noise_seeds_score_like_the_null() {
    let runs: Vec<Embedding> = (0..6)
        .map(|seed| planted(100, 10, 2.0, 50 + seed))
        .collect();
    let refs: Vec<&Embedding> = runs.iter().collect();
    let found =
        with_run(|run| reproducibility(refs[0], &refs, &ReproducibilityParams::default(), run))
            .unwrap();
    let best = found
        .dimensions
        .iter()
        .map(|d| d.r)
        .fold(f64::MIN, f64::max);
    assert!(
        best < 1.5 * found.null_max_r && best < 1.0 / 6.0,
        "best {best}, null {}",
        found.null_max_r
    );
    assert_eq!(found.core, 0);
    let published = published_reproducibility(refs[0], &refs).unwrap();
    assert_eq!(published.self_matches_included, 1);
    assert!(
        published.plain_mean.iter().all(|&r| r > 1.0 / 6.0),
        "{:?}",
        published.plain_mean
    );
    assert!(published.fisher_mean.iter().all(|&r| r > 0.8));
}

#[test]
fn the_null_holds_its_level() {
    let params = ReproducibilityParams {
        splits: 1,
        permutations: 99,
        core_r: -1.0,
        ..Default::default()
    };
    let rejected = (0..100)
        .filter(|&study| {
            let runs: Vec<Embedding> = (0..3)
                .map(|run| planted(40, 4, 2.0, 10_000 + 10 * study + run))
                .collect();
            let refs: Vec<&Embedding> = runs.iter().collect();
            let params = ReproducibilityParams {
                seed: study,
                ..params
            };
            with_run(|run| reproducibility(refs[0], &refs, &params, run))
                .unwrap()
                .significant
                > 0
        })
        .count();
    assert!(
        rejected <= 12,
        "{rejected} of 100 studies of noise have a significant dimension at 5 %"
    );
}

#[test]
fn one_match_cannot_serve_two_dimensions() {
    // The reference holds one dimension twice; another run has it once.
    let x = planted(120, 1, 2.0, 3);
    let twice =
        Embedding::new(concatenate(Axis(1), &[x.values().view(), x.values().view()]).unwrap())
            .unwrap();
    let other = another_run(&x, 0, 3);
    let found =
        with_run(|run| reproducibility(&twice, &[&other], &ReproducibilityParams::default(), run))
            .unwrap();
    let r: Vec<f64> = found.dimensions.iter().map(|d| d.r).collect();
    assert!(r[0].min(r[1]) < 0.9 && r[0].max(r[1]) > 0.7, "{r:?}");
    let published = published_reproducibility(&twice, &[&other]).unwrap();
    assert!(published.plain_mean.iter().all(|&r| r > 0.9));
}

#[test]
fn results_do_not_depend_on_threads_and_bad_runs_are_refused() {
    let truth = planted(60, 3, 2.0, 1);
    let runs: Vec<Embedding> = (0..3).map(|seed| another_run(&truth, 1, seed)).collect();
    let refs: Vec<&Embedding> = runs.iter().collect();
    let found = || {
        with_run(|run| reproducibility(refs[0], &refs, &ReproducibilityParams::default(), run))
            .unwrap()
    };
    assert_eq!(on_threads(1, found), on_threads(3, found));
    let refuse = |runs: &[&Embedding]| {
        with_run(|run| reproducibility(refs[0], runs, &ReproducibilityParams::default(), run))
            .unwrap_err()
    };
    assert!(matches!(
        refuse(&[refs[0]]),
        EvaluationError::TooFew { found: 0, .. }
    ));
    let other = planted(61, 3, 2.0, 0);
    assert!(matches!(
        refuse(&[&other]),
        EvaluationError::Mismatch { .. }
    ));
}
