//! Reproducibility across seeds, retained dimensions and dominance on planted embeddings.

use emotome_embedding::{
    Embedding,
    evaluate::{
        EvaluationError,
        dominance::{DominanceParams, Finding, dominance},
        item_marginal::ItemMarginal,
        reproducibility::{ReproducibilityParams, published_reproducibility, reproducibility},
        retained::{nested_refits, per_stimulus_pruning},
        score::{Scoring, Similarity, score},
    },
};
use emotome_stats::random::{CounterRng, Seed};
use emotome_stimuli::{
    StimulusId,
    run::{Interrupt, Run, Silent},
};
use emotome_triplets::{Choice, ChoiceSet, Position, Triplet};
use ndarray::{Array2, Axis, concatenate};

fn with_run<T>(work: impl FnOnce(Run<'_>) -> T) -> T {
    work(Run {
        progress: &Silent,
        interrupt: &Interrupt::default(),
    })
}

fn planted(n: usize, d: usize, seed: u64) -> Embedding {
    let mut rng = CounterRng::new(Seed(seed), 0);
    let sparse = |rng: &mut CounterRng| {
        if rng.uniform() < 0.3 {
            2.0 * rng.uniform() as f32
        } else {
            0.0
        }
    };
    Embedding::new(Array2::from_shape_simple_fn((n, d), || sparse(&mut rng))).unwrap()
}

/// The columns of `x` in another order with a little noise, beside columns of pure noise.
fn another_run(x: &Embedding, noise_columns: usize, seed: u64) -> Embedding {
    let mut rng = CounterRng::new(Seed(seed), 1);
    let mut order: Vec<usize> = (0..x.n_dims()).collect();
    rng.shuffle(&mut order);
    let signal = x
        .select_dims(&order)
        .values()
        .mapv(|v| (v + 0.2 * rng.normal() as f32).max(0.0));
    let noise = planted(x.n_stimuli(), noise_columns, seed + 1000);
    Embedding::new(concatenate(Axis(1), &[noise.values().view(), signal.view()]).unwrap()).unwrap()
}

fn random_choices(x: &Embedding, trials: usize, seed: u64) -> ChoiceSet {
    let n = x.n_stimuli() as u64;
    let mut rng = CounterRng::new(Seed(seed), 2);
    let mut choices = vec![];
    while choices.len() < trials {
        let items = [0; 3].map(|_: u8| StimulusId(rng.below(n) as u32));
        let Ok(triplet) = Triplet::new(items) else {
            continue;
        };
        let [i, j, k] = items.map(|id| x.row(id.index()).mapv(f64::from));
        let e = [j.dot(&k), i.dot(&k), i.dot(&j)].map(f64::exp);
        let u = rng.uniform() * e.iter().sum::<f64>();
        let odd = if u < e[0] {
            Position::First
        } else if u < e[0] + e[1] {
            Position::Second
        } else {
            Position::Third
        };
        choices.push(Choice { triplet, odd });
    }
    ChoiceSet::new(n as usize, choices).unwrap()
}

#[test]
fn planted_dimensions_come_back_and_noise_dimensions_do_not() {
    let truth = planted(200, 6, 1);
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
}

/// Independent noise must look like its null; the published score counts the self-match.
#[test]
fn independent_noise_seeds_score_like_the_null() {
    let runs: Vec<Embedding> = (0..6).map(|seed| planted(100, 10, 50 + seed)).collect();
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
                .map(|run| planted(40, 4, 10_000 + 10 * study + run))
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
    let x = planted(120, 1, 3);
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
    let truth = planted(60, 3, 1);
    let runs: Vec<Embedding> = (0..3).map(|seed| another_run(&truth, 1, seed)).collect();
    let refs: Vec<&Embedding> = runs.iter().collect();
    let on = |threads| {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap()
            .install(|| {
                with_run(|run| {
                    reproducibility(refs[0], &refs, &ReproducibilityParams::default(), run)
                })
                .unwrap()
            })
    };
    assert_eq!(on(1), on(3));
    let refuse = |runs: &[&Embedding]| {
        with_run(|run| reproducibility(refs[0], runs, &ReproducibilityParams::default(), run))
            .unwrap_err()
    };
    assert!(matches!(
        refuse(&[refs[0]]),
        EvaluationError::TooFew { found: 0, .. }
    ));
    let other = planted(61, 3, 0);
    assert!(matches!(
        refuse(&[&other]),
        EvaluationError::Mismatch { .. }
    ));
}

#[test]
fn pruning_all_at_once_equals_pruning_one_by_one() {
    let x = planted(30, 6, 4);
    let choices = random_choices(&x, 2000, 4);
    let found = per_stimulus_pruning(&x, &choices, &Scoring::default()).unwrap();
    for kept in 0..=6 {
        let mut values = x.values().clone();
        for mut row in values.rows_mut() {
            let mut order: Vec<usize> = (0..6).collect();
            order.sort_by(|&a, &b| row[b].total_cmp(&row[a]));
            order[kept..].iter().for_each(|&f| row[f] = 0.0);
        }
        let pruned = score(
            &Embedding::new(values).unwrap(),
            &choices,
            &Scoring::default(),
        )
        .unwrap();
        let expected = pruned.credit.iter().sum::<f64>() / 2000.0;
        assert!(
            (found.accuracy[kept] - expected).abs() < 1e-12,
            "{kept} kept"
        );
    }
    assert!((found.accuracy[0] - 1.0 / 3.0).abs() < 1e-12);
    let euclidean = Scoring {
        similarity: Similarity::NegativeEuclidean,
        ..Scoring::default()
    };
    assert!(per_stimulus_pruning(&x, &choices, &euclidean).is_err());
}

#[test]
fn the_published_band_ignores_chance() {
    let x = planted(80, 8, 5);
    let choices = random_choices(&x, 20_000, 5);
    let found = per_stimulus_pruning(&x, &choices, &Scoring::default()).unwrap();
    let (full, low) = (found.accuracy[8], found.band.low.unwrap());
    assert!(found.accuracy[low] - 1.0 / 3.0 >= 0.95 * (full - 1.0 / 3.0));
    assert!(found.accuracy[low - 1] - 1.0 / 3.0 < 0.95 * (full - 1.0 / 3.0));
    let published = found.published_band;
    assert!(found.accuracy[published.low.unwrap()] > 0.95 * full);
    assert!(published.low.unwrap() <= low && found.accuracy[published.high.unwrap()] < 0.99 * full);
}

#[test]
fn nested_refits_report_each_fit() {
    let x = planted(50, 4, 6);
    let choices = random_choices(&x, 5000, 6);
    let curve =
        nested_refits::<EvaluationError>(&[1, 2, 4], &choices, &Scoring::default(), |dims| {
            Ok(x.select_dims(&(0..dims).collect::<Vec<_>>()))
        })
        .unwrap();
    assert_eq!(
        curve.iter().map(|c| c.fitted_dims).collect::<Vec<_>>(),
        [1, 2, 4]
    );
    assert!(
        curve[0].nll > curve[1].nll
            && curve[1].nll > curve[2].nll
            && curve[2].accuracy > curve[0].accuracy
    );
}

/// S_ij = a_i a_j: the odd one out is the stimulus with the smallest a.
#[test]
fn a_one_dimensional_agent_is_flagged_by_the_item_marginal_baseline() {
    let mut rng = CounterRng::new(Seed(7), 0);
    let scale = Embedding::new(Array2::from_shape_simple_fn((60, 1), || {
        3.0 * rng.uniform() as f32
    }))
    .unwrap();
    let (training, held_out) = (
        random_choices(&scale, 20_000, 7),
        random_choices(&scale, 5000, 8),
    );
    // A fit that spreads the one dimension over three columns must not hide it.
    let spread = concatenate(Axis(1), &[(scale.values() * 0.577).view(); 3]).unwrap();
    for fitted in [scale, Embedding::new(spread).unwrap()] {
        let found = dominance(
            &fitted,
            &training,
            &held_out,
            &Scoring::default(),
            &DominanceParams::default(),
        )
        .unwrap();
        assert_eq!(found.finding, Finding::ItemMarginal, "{found:?}");
    }
}

#[test]
fn a_similarity_space_is_not_flagged() {
    let x = planted(60, 8, 9);
    let (training, held_out) = (random_choices(&x, 20_000, 9), random_choices(&x, 5000, 10));
    let found = dominance(
        &x,
        &training,
        &held_out,
        &Scoring::default(),
        &DominanceParams::default(),
    )
    .unwrap();
    assert_eq!(found.finding, Finding::Distributed, "{found:?}");
    let sum = |part: fn(&emotome_embedding::evaluate::dominance::DimensionShare) -> f64| {
        found.dimensions.iter().map(part).sum::<f64>()
    };
    for total in [
        sum(|d| d.energy_share),
        sum(|d| d.variance_share),
        sum(|d| d.largest_in),
    ] {
        assert!((total - 1.0).abs() < 1e-9);
    }
    assert!(found.decided_by_dominant < 0.8 && found.changed_without_dominant > 0.0);
}

#[test]
fn a_dominant_dimension_among_weak_ones_is_named() {
    // One bipolar grouping that item marginals cannot see: two clusters, one strong column each.
    let mut values = planted(60, 4, 11).values().mapv(|v| 0.3 * v);
    for i in 0..60 {
        values[[i, 2]] = if i < 30 { 2.5 } else { 0.0 };
    }
    let x = Embedding::new(values).unwrap();
    let (training, held_out) = (random_choices(&x, 20_000, 11), random_choices(&x, 5000, 12));
    let found = dominance(
        &x,
        &training,
        &held_out,
        &Scoring::default(),
        &DominanceParams::default(),
    )
    .unwrap();
    assert_eq!(found.dominant, 2);
    assert!(
        matches!(
            found.finding,
            Finding::ItemMarginal | Finding::OneDimension | Finding::DominantDimension
        ),
        "{found:?}"
    );
    assert!(found.lost_without_dominant_share > 0.5);
}

#[test]
fn noise_is_at_chance() {
    let (x, nothing) = (
        planted(40, 4, 13),
        Embedding::new(Array2::zeros((40, 1))).unwrap(),
    );
    let choices = random_choices(&nothing, 3000, 13);
    let found = dominance(
        &x,
        &choices,
        &choices,
        &Scoring::default(),
        &DominanceParams::default(),
    )
    .unwrap();
    assert_eq!(found.finding, Finding::AtChance, "{found:?}");
    let empty = Embedding::new(Array2::zeros((40, 0))).unwrap();
    assert!(
        dominance(
            &empty,
            &choices,
            &choices,
            &Scoring::default(),
            &DominanceParams::default()
        )
        .is_err()
    );
}

#[test]
fn odd_rates_are_counted_and_smoothed() {
    let choice = |items: [u32; 3], odd| Choice {
        triplet: Triplet::new(items.map(StimulusId)).unwrap(),
        odd,
    };
    let trials = vec![
        choice([0, 1, 2], Position::First),
        choice([2, 0, 1], Position::Second),
    ];
    let training = ChoiceSet::new(4, trials).unwrap();
    let baseline = ItemMarginal::fit(&training).unwrap();
    assert_eq!(
        (baseline.odd_rate.clone(), baseline.unseen),
        (vec![0.6, 0.2, 0.2, 1.0 / 3.0], 1)
    );
    let scores = baseline.score(&training, &Scoring::default()).unwrap();
    assert_eq!(scores.credit, [1.0, 1.0]);
    assert!((scores.log_likelihood[0] - 0.6_f64.ln()).abs() < 1e-15);
}
