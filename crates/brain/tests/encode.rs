//! Predictions of voxels: what is planted is found, and what is not is found as often as it should be.

use emotome_brain::encode::{PenaltiesUnderNull, Problem, TestParams, test};
use emotome_brain::inference::exchange::{Exchange, Presentation};
use emotome_brain::store::run_folds;
use emotome_ridge::responses::ByTarget;
use emotome_ridge::{Folds, Params, Penalties, Selection, cross_validate};
use emotome_stats::random::{CounterRng, Seed};
use emotome_stimuli::run::{Interrupt, Run, Silent};
use ndarray::Array2;

const RUNS: usize = 12;
const PER_RUN: usize = 10;
const SAMPLES: usize = RUNS * PER_RUN;

/// Noise of the next sample is half that of the last, within runs.
fn autocorrelated(rng: &mut CounterRng) -> Vec<f64> {
    let mut values = Vec::with_capacity(SAMPLES);
    for at in 0..SAMPLES {
        let new = rng.normal();
        let own: f64 = match at % PER_RUN {
            0 => new,
            _ => 0.8 * values[at - 1] + 0.6 * new,
        };
        values.push(own);
    }
    values
}

struct Study {
    features: Array2<f64>,
    voxels: Array2<f64>,
    folds: Folds,
    shown: Presentation,
    runs: Vec<u32>,
}

fn study(seed: u64, voxels: usize, signal: f64) -> Study {
    let mut rng = CounterRng::new(Seed(seed), 0);
    let columns: Vec<Vec<f64>> = (0..4).map(|_| autocorrelated(&mut rng)).collect();
    let features = Array2::from_shape_fn((SAMPLES, 4), |(s, f)| columns[f][s]);
    let rows: Vec<Vec<f64>> = (0..voxels)
        .map(|voxel| {
            let noise = autocorrelated(&mut rng);
            let strength = if voxel < 5 { signal } else { 0.0 };
            (0..SAMPLES)
                .map(|s| noise[s] + strength * (columns[0][s] - columns[2][s]))
                .collect()
        })
        .collect();
    let runs: Vec<u32> = (0..SAMPLES).map(|s| (s / PER_RUN) as u32).collect();
    let places: Vec<u32> = (0..SAMPLES).map(|s| (s % PER_RUN) as u32).collect();
    Study {
        features,
        voxels: Array2::from_shape_vec((voxels, SAMPLES), rows.concat()).unwrap(),
        folds: Folds::of(&run_folds(&runs, 2, 6)).unwrap(),
        shown: Presentation::new(&runs, &places).unwrap(),
        runs,
    }
}

fn params() -> Params {
    Params {
        penalties: Penalties::spaced(1.0, 1e3, 4).unwrap(),
        ..Params::default()
    }
}

fn tested(
    study: &Study,
    params: &Params,
    how: TestParams,
    regions: &[Vec<usize>],
) -> emotome_brain::encode::EncodingTest {
    let interrupt = Interrupt::default();
    let run = Run {
        progress: &Silent,
        interrupt: &interrupt,
    };
    let responses = ByTarget(study.voxels.view());
    let observed =
        cross_validate(study.features.view(), &responses, &study.folds, params, run).unwrap();
    let problem = Problem {
        features: study.features.view(),
        folds: &study.folds,
        params,
        shown: &study.shown,
        regions,
    };
    test(&problem, &responses, &observed, how, run).unwrap()
}

#[test]
fn planted_voxels_and_regions_are_found_and_no_others() {
    let study = study(1, 60, 0.8);
    let regions = [
        (0..5).collect::<Vec<_>>(),
        (5..30).collect(),
        (30..60).collect(),
    ];
    let how = TestParams {
        permutations: 199,
        ..TestParams::default()
    };
    let found = tested(&study, &params(), how, &regions);
    assert!(
        found.p_fwe[..5].iter().all(|&p| p <= 0.05),
        "{:?}",
        &found.p_fwe[..5]
    );
    let others = found.p_fwe[5..].iter().filter(|&&p| p <= 0.05).count();
    assert_eq!(others, 0);
    assert!(found.regions.p_fwe[0] <= 0.01);
    assert!(
        found.regions.p_fwe[1..].iter().all(|&p| p > 0.05),
        "{:?}",
        found.regions
    );
    assert_eq!(found.smallest_p, 1.0 / 200.0);
}

/// Rejections at .05 of any of 20 voxels, in `studies` studies without a signal.
fn false_alarms(studies: u64, params: &Params, how: TestParams) -> (f64, Vec<f64>) {
    let (mut any, mut all) = (0, Vec::new());
    for seed in 0..studies {
        let found = tested(&study(100 + seed, 20, 0.0), params, how, &[]);
        any += usize::from(found.p_fwe.iter().any(|&p| p <= 0.05));
        all.push(found.p[0]);
    }
    (any as f64 / studies as f64, all)
}

/// The largest distance of an empirical distribution from the uniform one.
fn kolmogorov_smirnov(p: &[f64]) -> f64 {
    let mut sorted = p.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len() as f64;
    sorted
        .iter()
        .enumerate()
        .map(|(i, &p)| ((i + 1) as f64 / n - p).abs().max((p - i as f64 / n).abs()))
        .fold(0.0, f64::max)
}

#[test]
fn chance_is_found_at_its_rate_under_autocorrelated_noise() {
    let studies = 400;
    for (selection, penalties) in [
        (Selection::Nested, PenaltiesUnderNull::Keep),
        (Selection::SameFolds, PenaltiesUnderNull::Reselect),
    ] {
        let params = Params {
            selection,
            ..params()
        };
        let how = TestParams {
            permutations: 99,
            penalties,
            ..TestParams::default()
        };
        let (any, p) = false_alarms(studies, &params, how);
        // Three standard errors of 400 studies are .033.
        assert!((0.02..=0.085).contains(&any), "{selection:?}: {any}");
        // The bound of the Kolmogorov–Smirnov test at .001.
        let distance = kolmogorov_smirnov(&p);
        assert!(
            distance < 1.95 / (studies as f64).sqrt(),
            "{selection:?}: {distance}"
        );
    }
}

#[test]
fn exchanging_single_samples_finds_too_much_under_autocorrelated_noise() {
    let how = TestParams {
        permutations: 99,
        exchange: Exchange::Free,
        ..TestParams::default()
    };
    let (any, _) = false_alarms(200, &params(), how);
    assert!(any > 0.10, "{any}: this null was expected to fail");
}

#[test]
fn penalties_chosen_by_the_scores_tested_must_be_chosen_anew() {
    let study = study(1, 6, 0.8);
    assert_eq!(study.runs.len(), SAMPLES);
    let interrupt = Interrupt::default();
    let run = Run {
        progress: &Silent,
        interrupt: &interrupt,
    };
    let params = Params {
        selection: Selection::SameFolds,
        ..params()
    };
    let responses = ByTarget(study.voxels.view());
    let observed = cross_validate(
        study.features.view(),
        &responses,
        &study.folds,
        &params,
        run,
    )
    .unwrap();
    let problem = Problem {
        features: study.features.view(),
        folds: &study.folds,
        params: &params,
        shown: &study.shown,
        regions: &[],
    };
    let refused = test(&problem, &responses, &observed, TestParams::default(), run).unwrap_err();
    assert!(
        refused.to_string().contains("chosen by the very scores"),
        "{refused}"
    );
}
