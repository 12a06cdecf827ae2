//! Simulated studies: what is planted is there, in the strength asked for, the same bits at any number of
//! threads, and every layout leads to the same store.

use std::fs;
use std::path::Path;

use emotome_brain::import::{
    BDataSource, EventColumns, Labels, Params, Source, VolumesSource, import,
};
use emotome_brain::model::Metric;
use emotome_brain::simulate::{
    Anatomy, Noise, Plant, PlantedModel, Presented, SimulateError, Strength, Study,
};
use emotome_brain::store::{Repeats, Scope, Selection, Standardisation, Store};
use emotome_neurofiles::Millimetres;
use emotome_stats::correlation::pearson;
use emotome_stats::random::{CounterRng, Seed};
use emotome_stimuli::StimulusSet;
use emotome_stimuli::output::Overwrite;
use emotome_stimuli::provenance::Provenance;
use emotome_stimuli::run::{Interrupt, Run, Silent};
use ndarray::{Array2, Axis};

fn with_run<T>(f: impl FnOnce(Run<'_>) -> T) -> T {
    let interrupt = Interrupt::default();
    f(Run {
        progress: &Silent,
        interrupt: &interrupt,
    })
}

fn provenance() -> Provenance {
    Provenance::new(["test"], Some(1), serde_json::json!({}))
}

fn stimuli(n: usize) -> StimulusSet {
    StimulusSet::from_labels((0..n).map(|i| format!("clip{i:04}"))).unwrap()
}

fn each(n: usize) -> Presented {
    Presented::Each {
        stimuli: stimuli(n),
        times: 1,
        per_run: 36,
        sessions: 2,
    }
}

fn model(n: usize, k: usize, metric: Metric) -> PlantedModel {
    let mut rng = CounterRng::new(Seed(5), 1);
    PlantedModel {
        name: "agent".into(),
        stimuli: stimuli(n),
        rows: Array2::from_shape_fn((n, k), |_| rng.normal().abs()),
        metric,
    }
}

fn plant(region: &str, strength: Strength) -> Plant {
    Plant {
        region: region.into(),
        model: "agent".into(),
        strength,
    }
}

fn study(n: usize, plants: &[Plant], noise: Noise, metric: Metric) -> Result<Study, SimulateError> {
    let brain = Anatomy::standard(4000, Millimetres(3.0)).unwrap();
    Study::new(
        brain,
        each(n),
        vec![model(n, 6, metric)],
        plants,
        noise,
        Seed(11),
    )
}

/// Samples × voxels.
fn responses(study: &Study, subject: u32) -> Array2<f32> {
    let subject = study.subject(subject);
    let mut all = Array2::zeros((0, study.anatomy().voxels.len()));
    let pushed = with_run(|run| {
        subject.for_each_run(run, |_, block| {
            all.append(Axis(0), block.view()).unwrap();
            Ok(())
        })
    });
    pushed.unwrap();
    all
}

fn column(values: &Array2<f32>, voxel: usize) -> Vec<f64> {
    values.column(voxel).iter().map(|&v| f64::from(v)).collect()
}

#[test]
fn the_signal_has_the_variance_asked_for_and_lies_in_its_region_alone() {
    let noise = Noise::default();
    let quiet = responses(&study(180, &[], noise, Metric::Cosine).unwrap(), 0);
    let plants = [plant("R_VC", Strength::SignalToNoise(0.4))];
    let with = study(180, &plants, noise, Metric::Cosine).unwrap();
    let inside = with.anatomy().region("R_VC").unwrap();
    let signal = responses(&with, 0) - &quiet;
    let variance = |voxel: usize| {
        let own = column(&signal, voxel);
        own.iter().map(|v| v * v).sum::<f64>() / own.len() as f64
    };
    let mean = inside.iter().map(|&v| variance(v)).sum::<f64>() / inside.len() as f64;
    // Of some 100 voxels with 6 degrees of freedom each.
    assert!(
        (mean / 0.4 - 1.0).abs() < 0.25,
        "{mean} in {} voxels",
        inside.len()
    );
    let elsewhere = (0..4000).filter(|v| !inside.contains(v));
    assert_eq!(elsewhere.map(variance).sum::<f64>(), 0.0);
}

#[test]
fn noise_is_as_smooth_and_as_autocorrelated_as_asked_for() {
    let noise = Noise {
        fwhm: Millimetres(7.0),
        autocorrelation: 0.5,
        drift: 0.0,
        run_means: 0.0,
    };
    let study = study(720, &[], noise, Metric::Cosine).unwrap();
    let values = responses(&study, 0);
    let brain = study.anatomy();
    let (mut power, mut lagged, mut near, mut pairs) = (0.0, 0.0, 0.0, 0.0);
    for voxel in (0..4000).step_by(7) {
        let own = column(&values, voxel);
        power += own.iter().map(|v| v * v).sum::<f64>() / 720.0;
        for run in own.chunks(36) {
            lagged += run.windows(2).map(|w| w[0] * w[1]).sum::<f64>() / 700.0;
        }
        let [i, j, k] = brain.voxels[voxel];
        if let Some(next) = brain.voxels.iter().position(|&at| at == [i + 1, j, k]) {
            near += pearson(&own, &column(&values, next));
            pairs += 1.0;
        }
    }
    let voxels = 4000_f64 / 7.0;
    let sigma = 7.0 / (8.0 * std::f64::consts::LN_2).sqrt();
    let expected = (-9.0 / (4.0 * sigma * sigma)).exp();
    assert!(
        (power / voxels - 1.0).abs() < 0.05,
        "variance {}",
        power / voxels
    );
    assert!(
        (lagged / voxels - 0.5).abs() < 0.05,
        "lag one {}",
        lagged / voxels
    );
    assert!(
        (near / pairs - expected).abs() < 0.05,
        "neighbours {}, {expected}",
        near / pairs
    );
}

#[test]
fn run_means_and_drift_have_the_deviation_asked_for() {
    let plain = Noise {
        drift: 0.0,
        run_means: 0.0,
        ..Noise::default()
    };
    let both = Noise {
        drift: 0.8,
        run_means: 2.0,
        ..plain
    };
    let base = responses(&study(720, &[], plain, Metric::Cosine).unwrap(), 0);
    let added = responses(&study(720, &[], both, Metric::Cosine).unwrap(), 0) - base;
    let (mut means, mut within) = (0.0, 0.0);
    for voxel in 0..4000 {
        for run in column(&added, voxel).chunks(36) {
            let mean = run.iter().sum::<f64>() / 36.0;
            means += mean * mean / 80_000.0;
            within += run.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 36.0 / 80_000.0;
        }
    }
    assert!(
        (means.sqrt() - 2.0).abs() < 0.15,
        "run means {}",
        means.sqrt()
    );
    assert!(
        (within.sqrt() - 0.8).abs() < 0.06,
        "drift {}",
        within.sqrt()
    );
}

/// Correlation of a region's correlation distances with the model's similarities, from z-scored voxels.
fn similarity_correlation(
    study: &Study,
    (subject, values): (u32, &Array2<f32>),
    region: &str,
    metric: Metric,
    n: usize,
) -> f64 {
    let voxels = study.anatomy().region(region).unwrap();
    let mut own = Array2::<f64>::zeros((n, voxels.len()));
    for (mut to, &voxel) in own.columns_mut().into_iter().zip(&voxels) {
        let x = column(values, voxel);
        let mean = x.iter().sum::<f64>() / n as f64;
        let sd = (x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1) as f64).sqrt();
        to.iter_mut()
            .zip(x)
            .for_each(|(to, v)| *to = (v - mean) / sd);
    }
    let unit = emotome_brain::model::unit_rows(own.view(), true);
    let s = unit.dot(&unit.t());
    let subject = study.subject(subject);
    let set = stimuli(n);
    let shown: Vec<usize> = subject
        .events()
        .iter()
        .map(|e| set.get(e.label.as_deref().unwrap()).unwrap().index())
        .collect();
    let rows = model(n, 6, metric).rows.select(Axis(0), &shown);
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for i in 0..n {
        for j in i + 1..n {
            let (x, y) = (rows.row(i), rows.row(j));
            a.push(s[[i, j]]);
            b.push(match metric {
                Metric::Cosine => x.dot(&y) / (x.dot(&x) * y.dot(&y)).sqrt(),
                Metric::Correlation => pearson(&x.to_vec(), &y.to_vec()),
                _ => -(&x - &y).mapv(|v| v * v).sum(),
            });
        }
    }
    pearson(&a, &b)
}

#[test]
fn planted_correlations_are_reached_and_other_regions_have_none() {
    for metric in [
        Metric::Cosine,
        Metric::Correlation,
        Metric::SquaredEuclidean,
    ] {
        for target in [0.08, 0.3] {
            let plants = [
                plant("L_VC", Strength::Rsa(target)),
                plant("R_DLPFC", Strength::Rsa(target)),
            ];
            let study = study(396, &plants, Noise::default(), metric).unwrap();
            let all: Vec<_> = (0..3).map(|s| responses(&study, s)).collect();
            let found = |region: &str| {
                let each = (0..).zip(&all);
                let each = each.map(|all| similarity_correlation(&study, all, region, metric, 396));
                each.sum::<f64>() / 3.0
            };
            for region in ["L_VC", "R_DLPFC"] {
                let r = found(region);
                assert!(
                    (r - target).abs() < 0.015 + 0.12 * target,
                    "{metric:?}, {region}: {r} for {target}"
                );
            }
            let none = found("R_VC");
            assert!(
                none.abs() < 0.02,
                "{metric:?}: {none} where nothing is planted"
            );
        }
    }
}

#[test]
fn the_same_bits_come_at_any_number_of_threads_and_other_bits_of_other_subjects() {
    let plants = [plant("L_VC", Strength::Rsa(0.2))];
    let study = study(180, &plants, Noise::default(), Metric::Correlation).unwrap();
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.unwrap().install(|| responses(&study, 0))
    };
    let one = with(1);
    assert_eq!(one, with(2));
    assert_eq!(one, with(3));
    assert_ne!(one, responses(&study, 1));
    assert_ne!(study.subject(0).events(), study.subject(1).events());
}

fn files(root: &Path, extension: &str) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(root).unwrap().map(|e| e.unwrap().path());
    let mut found: Vec<_> = entries
        .filter(|p| p.to_string_lossy().ends_with(extension))
        .collect();
    found.sort();
    found
}

#[test]
fn every_layout_leads_to_the_same_store_and_says_that_it_is_synthetic() {
    let plants = [plant("L_VC", Strength::SignalToNoise(0.2))];
    let study = study(80, &plants, Noise::default(), Metric::Cosine).unwrap();
    let subject = study.subject(1);
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let params = Params {
        standardisation: Standardisation {
            scope: Scope::Run,
            ..Standardisation::default()
        },
        memory: 1 << 20,
        ..Params::new("02")
    };
    with_run(|run| subject.write_store(at("straight"), &params, provenance(), run)).unwrap();
    with_run(|run| subject.write_bdata(at("desc-simulated_bdata.h5"), Overwrite::Refuse, run))
        .unwrap();
    let images = with_run(|run| subject.write_nifti(at("bids"), Overwrite::Refuse, run)).unwrap();
    let folder = at("bids/sub-02/func");
    let mask = files(&folder, "mask.nii.gz").remove(0);
    let sources = [
        (
            "bdata",
            Source::BData(BDataSource {
                grid: Some(mask.clone()),
                ..BDataSource::new(vec![at("desc-simulated_bdata.h5")])
            }),
        ),
        (
            "nifti",
            Source::Volumes(VolumesSource {
                responses: images,
                events: files(&folder, "events.tsv"),
                mask,
                columns: EventColumns::default(),
                dataset: None,
            }),
        ),
    ];
    let read = |name: &str, file: &str| fs::read(at(name).join(file)).unwrap();
    for (name, source) in &sources {
        with_run(|run| import(source, &params, at(name), provenance(), run)).unwrap();
        for file in ["data.npy", "samples.tsv", "voxels.tsv"] {
            assert!(
                read(name, file) == read("straight", file),
                "{file} by {name}"
            );
        }
    }
    for file in ["regions.tsv", "regions.npy"] {
        let kept = Store::open(at("bdata")).unwrap();
        let all = Store::open(at("straight")).unwrap();
        let region = |store: &Store, name: &str| {
            let at = store
                .regions()
                .names
                .iter()
                .position(|n| n == name)
                .unwrap();
            store.regions().members.row(at).to_vec()
        };
        assert_eq!(region(&kept, "R_TPOJ1"), region(&all, "R_TPOJ1"), "{file}");
    }
    for name in ["straight", "bdata", "nifti"] {
        let store = Store::open(at(name)).unwrap();
        assert!(store.manifest().synthetic, "{name} does not say so");
        let view = store.view(Selection {
            stimuli: Some(&stimuli(80)),
            repeats: Repeats::First,
            left_out: false,
        });
        assert_eq!((view.rows.len(), view.missing.len()), (80, 0));
    }
    for json in files(&folder, ".json")
        .into_iter()
        .chain(files(&at("bids"), ".json"))
    {
        let text = fs::read_to_string(&json).unwrap();
        assert!(text.contains("\"synthetic\": true"), "{}", json.display());
    }
    for entry in fs::read_dir(&folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(name.contains("desc-simulated"), "{name}");
    }
    let again =
        with_run(|run| subject.write_bdata(at("desc-simulated_bdata.h5"), Overwrite::Refuse, run));
    assert!(again.unwrap_err().to_string().contains("--force"));
}

#[test]
fn the_2020_design_shows_2196_clips_in_61_runs_and_reconciles_to_2181() {
    let brain = Anatomy::standard(200, Millimetres(3.0)).unwrap();
    let study = Study::new(
        brain,
        Presented::Emotion2020,
        vec![],
        &[],
        Noise::default(),
        Seed(3),
    )
    .unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let params = Params {
        labels: Labels::Emotion2020("2181".parse().unwrap()),
        ..Params::new("01")
    };
    let subject = study.subject(0);
    with_run(|run| subject.write_store(&path, &params, provenance(), run)).unwrap();
    let store = Store::open(path).unwrap();
    let manifest = store.manifest();
    assert_eq!(
        (manifest.samples, manifest.samples_kept, manifest.stimuli),
        (2196, 2181, 2181)
    );
    assert_eq!(store.repeated().len(), 15);
    assert_eq!(store.samples().last().unwrap().run, 61);
    assert!(
        store
            .samples()
            .chunks(36)
            .all(|run| run.last().unwrap().order == 36)
    );
    assert_eq!(store.samples().last().unwrap().session, 5);
}

#[test]
fn what_cannot_be_simulated_is_refused_with_the_numbers() {
    let error = |plants: &[Plant], noise| {
        study(72, plants, noise, Metric::Cosine)
            .unwrap_err()
            .to_string()
    };
    let fine = Noise::default();
    assert!(
        error(&[plant("L_VC", Strength::Rsa(0.9999))], fine).contains("reach"),
        "{}",
        error(&[plant("L_VC", Strength::Rsa(0.9999))], fine)
    );
    assert!(
        error(&[plant("R_VX", Strength::Rsa(0.1))], fine)
            .starts_with("there is no region \"R_VX\"; there are VC, ")
    );
    assert!(error(&[plant("L_VC", Strength::SignalToNoise(f64::NAN))], fine).contains("NaN"));
    let rough = Noise {
        autocorrelation: 1.0,
        ..fine
    };
    assert_eq!(
        error(&[], rough),
        "autocorrelation is 1, expected -0.99 to 0.99"
    );
    let mut short = model(72, 6, Metric::Cosine);
    short.stimuli = stimuli(70);
    let brain = || Anatomy::standard(300, Millimetres(3.0)).unwrap();
    let missing = Study::new(brain(), each(72), vec![short], &[], fine, Seed(0)).unwrap_err();
    assert!(
        missing.to_string().contains("no row for 2 of 72"),
        "{missing}"
    );
    let mut flat = model(72, 6, Metric::Correlation);
    flat.rows.row_mut(7).fill(1.0);
    let flat = Study::new(brain(), each(72), vec![flat], &[], fine, Seed(0)).unwrap_err();
    assert!(flat.to_string().contains("row 7"), "{flat}");
    assert!(Anatomy::standard(99, Millimetres(3.0)).is_err());
    assert!(Anatomy::standard(200, Millimetres(f64::NAN)).is_err());
}

#[test]
fn left_regions_lie_at_negative_x_and_no_voxel_is_twice() {
    let brain = Anatomy::standard(60_112, Millimetres(3.0)).unwrap();
    let mut voxels = brain.voxels.clone();
    voxels.sort_unstable();
    voxels.dedup();
    assert_eq!(voxels.len(), 60_112);
    for (at, name) in brain.names.iter().enumerate() {
        let own: Vec<f64> = (0..60_112)
            .filter(|&v| usize::from(brain.labels[v]) == at + 1)
            .map(|v| brain.grid.affine.apply(brain.voxels[v].map(f64::from))[0])
            .collect();
        assert!(own.len() >= 5, "{name} has {} voxels", own.len());
        assert!(
            own.iter().all(|&x| (x < 0.0) == name.starts_with("L_")),
            "{name}"
        );
    }
    let both = |name: &str| brain.region(name).unwrap();
    let mut sides = [both("L_TPJ"), both("R_TPJ")].concat();
    sides.sort_unstable();
    assert_eq!(sides, both("TPJ"));
    let sum: usize = ["L_TPOJ1", "L_TPOJ2", "L_TPOJ3"]
        .map(|area| both(area).len())
        .iter()
        .sum();
    assert_eq!(both("L_TPJ").len(), sum);
}

/// Prints how long each stage takes.
struct Stages(std::sync::Mutex<std::time::Instant>);

impl emotome_stimuli::run::Progress for Stages {
    fn begin(&self, stage: &str, _total: Option<u64>) {
        *self.0.lock().unwrap() = std::time::Instant::now();
        print!("  {stage}: ");
    }
    fn advance(&self, _units: u64) {}
    fn note(&self, message: &str) {
        println!("  {message}");
    }
    fn end(&self) {
        println!("{:.1} s", self.0.lock().unwrap().elapsed().as_secs_f64());
    }
}

/// One subject at full size: `cargo test --release -- --ignored --nocapture full_size`.
#[test]
#[ignore = "takes minutes and 2 GB of disk: a measurement"]
fn full_size() {
    let stages = Stages(std::sync::Mutex::new(std::time::Instant::now()));
    let interrupt = Interrupt::default();
    let run = Run {
        progress: &stages,
        interrupt: &interrupt,
    };

    let dir =
        tempfile::tempdir_in(std::env::var("EMOTOME_SCRATCH").unwrap_or("/tmp".into())).unwrap();
    let clock = std::time::Instant::now();
    let brain = Anatomy::standard(60_112, Millimetres(3.0)).unwrap();
    let set = StimulusSet::from_labels((1..=2185).map(|i| format!("{i:04}.mp4"))).unwrap();
    let mut rng = CounterRng::new(Seed(5), 1);
    let model = PlantedModel {
        name: "agent".into(),
        stimuli: set,
        rows: Array2::from_shape_fn((2185, 30), |_| rng.normal().abs()),
        metric: Metric::Cosine,
    };
    let plants = [
        plant("L_TPJ", Strength::Rsa(0.1)),
        plant("R_VC", Strength::Rsa(0.05)),
    ];
    let study = Study::new(
        brain,
        Presented::Emotion2020,
        vec![model],
        &plants,
        Noise::default(),
        Seed(1),
    )
    .unwrap();
    println!(
        "study {:.1} s\n{}",
        clock.elapsed().as_secs_f64(),
        study.truth()
    );
    let peak = || {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        status
            .lines()
            .find(|l| l.starts_with("VmHWM"))
            .unwrap_or("")
            .to_owned()
    };
    let params = Params {
        labels: Labels::Emotion2020("2181".parse().unwrap()),
        standardisation: Standardisation {
            scope: Scope::Run,
            ..Standardisation::default()
        },
        ..Params::new("01")
    };
    let subject = study.subject(0);
    let bdata = dir.path().join("sub-01_desc-simulated.h5");
    let clock = std::time::Instant::now();
    subject.write_bdata(&bdata, Overwrite::Refuse, run).unwrap();
    println!("bdata {:.1} s, {}", clock.elapsed().as_secs_f64(), peak());
    let clock = std::time::Instant::now();
    let source = Source::BData(BDataSource::new(vec![bdata]));
    let done = import(
        &source,
        &params,
        dir.path().join("imported"),
        provenance(),
        run,
    )
    .unwrap();
    println!(
        "import {:.1} s, {}, {}",
        clock.elapsed().as_secs_f64(),
        peak(),
        done.reconciliation
    );
    let clock = std::time::Instant::now();
    subject
        .write_store(dir.path().join("store"), &params, provenance(), run)
        .unwrap();
    println!("store {:.1} s, {}", clock.elapsed().as_secs_f64(), peak());
    let clock = std::time::Instant::now();
    let store = Store::open(dir.path().join("store")).unwrap();
    let view = store.view(Selection {
        stimuli: None,
        repeats: Repeats::Each,
        left_out: false,
    });
    let loaded = store.load(&view, run).unwrap();
    println!(
        "load {:?} {:.1} s, {}",
        loaded.values.dim(),
        clock.elapsed().as_secs_f64(),
        peak()
    );
}
