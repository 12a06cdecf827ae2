//! Searchlights at the size of a study: an ellipsoid of 60,112 voxels or nearly, spheres of 123,
//! 2,180 stimuli, a model of 30 dimensions.
//!
//! `cargo bench --bench searchlight -- [comparison] [blocks]`: without a comparison all of them, over
//! eight blocks each; with `all` for blocks the whole brain.

use std::time::Instant;

use emotome_brain::model::{Geometry, Metric, Model};
use emotome_brain::searchlight::{
    Comparison, Exclusion, Neighbourhoods, Params, Plan, Shape, gemm_peak,
};
use emotome_neurofiles::{Affine, Grid};
use emotome_stats::random::{CounterRng, Seed};
use emotome_stimuli::run::{Interrupt, Run, Silent};
use ndarray::{Array2, ArrayView2};

const STIMULI: usize = 2180;

fn main() {
    let asked: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with("--"))
        .collect();
    let only = asked.first().map(String::as_str);
    let whole = asked.get(1).is_some_and(|a| a == "all");
    let blocks: usize = asked.get(1).and_then(|a| a.parse().ok()).unwrap_or(8);

    let affine = [
        [3.0, 0.0, 0.0, 0.0],
        [0.0, 3.0, 0.0, 0.0],
        [0.0, 0.0, 3.0, 0.0],
    ];
    let grid = Grid {
        shape: [64, 76, 60],
        affine: Affine(affine),
    };
    let mut mask = Vec::new();
    for i in 0..64_u32 {
        for j in 0..76_u32 {
            for k in 0..60_u32 {
                let along = |x: u32, half: f64| ((f64::from(x) + 0.5 - half) / half).powi(2);
                if along(i, 32.0) / 0.609 + along(j, 38.0) / 0.609 + along(k, 30.0) / 0.418 <= 1.0 {
                    mask.push([i, j, k]);
                }
            }
        }
    }
    let mut data = Array2::<f32>::zeros((mask.len(), STIMULI));
    for (voxel, mut row) in data.outer_iter_mut().enumerate() {
        let mut rng = CounterRng::new(Seed(1), voxel as u64);
        // The sum of four uniforms is near enough to a normal.
        row.mapv_inplace(|_| (0..4).map(|_| rng.uniform() as f32).sum::<f32>() - 2.0);
    }
    let model = |seed: u64| {
        let mut rng = CounterRng::new(Seed(seed), 0);
        let rows = Array2::from_shape_simple_fn((STIMULI, 30), || rng.uniform());
        let geometry = Geometry::Features {
            rows,
            metric: Metric::Correlation,
        };
        Model {
            name: format!("model {seed}"),
            geometry,
        }
    };
    let dense = {
        let mut rng = CounterRng::new(Seed(99), 0);
        let values = (0..STIMULI * (STIMULI - 1) / 2)
            .map(|_| rng.uniform())
            .collect();
        Model {
            name: "dense".into(),
            geometry: Geometry::Dissimilarities { n: STIMULI, values },
        }
    };
    let started = Instant::now();
    let spheres = Neighbourhoods::of(&grid, &mask, &Shape::brainiak(3.0)).expect("spheres");
    let peak = gemm_peak();
    println!(
        "{} voxels, {} spheres of {:.1} on average, found in {:.2} s; peak {:.0} GFLOP/s on one thread, {:.0} on {}",
        mask.len(),
        spheres.len(),
        spheres.total() as f64 / spheres.len() as f64,
        started.elapsed().as_secs_f64(),
        peak.one,
        peak.all,
        peak.threads,
    );
    let runs = Exclusion {
        runs: (0..STIMULI as u32).map(|i| i / 36).collect(),
        lag: None,
    };
    let squared = Metric::SquaredEuclidean;
    for (name, comparison, brain, models, exclusion) in [
        (
            "pearson",
            Comparison::Pearson,
            Metric::Correlation,
            vec![model(1)],
            None,
        ),
        (
            "cosine",
            Comparison::Cosine,
            Metric::Correlation,
            vec![model(1)],
            None,
        ),
        (
            "pearson5",
            Comparison::Pearson,
            Metric::Correlation,
            (1..6).map(model).collect(),
            None,
        ),
        (
            "corr_cov",
            Comparison::CorrCov,
            Metric::Correlation,
            vec![model(1)],
            None,
        ),
        (
            "runs",
            Comparison::Pearson,
            Metric::Correlation,
            vec![model(1)],
            Some(runs),
        ),
        (
            "dense",
            Comparison::Pearson,
            Metric::Correlation,
            vec![dense],
            None,
        ),
        ("cka", Comparison::CosineCov, squared, vec![model(1)], None),
        ("euclid", Comparison::Pearson, squared, vec![model(1)], None),
        (
            "spearman",
            Comparison::Spearman,
            Metric::Correlation,
            vec![model(1)],
            None,
        ),
        (
            "spearman5",
            Comparison::Spearman,
            Metric::Correlation,
            (1..6).map(model).collect(),
            None,
        ),
        (
            "exact",
            Comparison::SpearmanExact,
            Metric::Correlation,
            vec![model(1)],
            None,
        ),
    ] {
        if only.is_some_and(|only| only != name) {
            continue;
        }
        let params = Params {
            brain,
            comparison,
            exclusion,
            ..Params::default()
        };
        search(
            name,
            data.view(),
            &spheres,
            &models,
            params,
            if whole { usize::MAX } else { blocks },
        );
    }
}

fn search(
    name: &str,
    data: ArrayView2<'_, f32>,
    spheres: &Neighbourhoods,
    models: &[Model],
    params: Params,
    blocks: usize,
) {
    let interrupt = Interrupt::default();
    let run = Run {
        progress: &Silent,
        interrupt: &interrupt,
    };
    let additive = params.brain == Metric::SquaredEuclidean;
    let plan = Plan::new(data, spheres, models, params).expect("a plan");
    let estimate = plan.estimate();
    let cpu = cpu_seconds();
    let started = Instant::now();
    let search = plan.prepare(&run).expect("no interrupt");
    let (prepared, prepared_cpu) = (started.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    let count = search.plan().blocks();
    let cpu = cpu_seconds();
    let started = Instant::now();
    let (mut flop, mut done, mut bound) = (0.0, 0, 0.0_f64);
    // From the middle, where spheres are whole.
    let blocks = blocks.min(count);
    for index in (count - blocks) / 2..(count - blocks) / 2 + blocks {
        let block = search.block(index, &run).expect("no interrupt");
        flop += block.flop;
        done += block.centres.len();
        bound = block
            .bounds
            .iter()
            .flatten()
            .fold(bound, |most, &b| most.max(b));
    }
    let seconds = started.elapsed().as_secs_f64();
    let each = (cpu_seconds() - cpu) / done as f64;
    println!(
        "{name}: prepared in {prepared:.2} s ({prepared_cpu:.2} CPU); {done} spheres in {seconds:.2} s, {:.3} ms CPU each, {:.1} GFLOP/s; whole brain {:.0} CPU s; bound {bound:.2e}; plan {:.1} TFLOP, {:.0} MB",
        1e3 * each,
        flop / seconds / 1e9,
        prepared_cpu + each * estimate.spheres as f64,
        estimate.flop / 1e12,
        estimate.bytes as f64 / 1e6,
    );
    if additive {
        let permutations = Array2::from_shape_fn((32, STIMULI), |(p, i)| {
            ((i + 36 * (p + 1)) % STIMULI) as u32
        });
        let cpu = cpu_seconds();
        let started = Instant::now();
        if let Some(done) = search.relabelled(permutations.view(), &run, |_, _, _| {}) {
            let flop = done.expect("no interrupt");
            let seconds = started.elapsed().as_secs_f64();
            println!(
                "{name}: 32 permutations in {seconds:.2} s ({:.2} CPU), {:.1} GFLOP/s",
                cpu_seconds() - cpu,
                flop / seconds / 1e9,
            );
        }
    }
}

/// Seconds of CPU this process has used, from the kernel's count of ticks.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks: f64 = after
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|t| t.parse::<f64>().ok())
        .sum();
    ticks / 100.0
}
