//! Bootstraps, ceilings, moments, clusters and signs against rsatoolbox, nilearn and scipy.

use emotome_brain::inference::bootstrap::{
    BootstrapParams, Draw, Resample, bootstrap, bootstrap_with,
};
use emotome_brain::inference::ceiling::{between_subjects, noise_ceiling};
use emotome_brain::inference::clusters::{Heights, Neighbours, TfceParams, Touch, clusters, tfce};
use emotome_brain::inference::mantel::mantel;
use emotome_brain::inference::published::{
    published_paired_t_over_few_subjects, published_pairs_t_test,
};
use emotome_brain::inference::signs::{SignParams, Signs, sign_flip_test};
use emotome_brain::inference::variance::{dual, of_covariance};
use emotome_brain::rdm::{Comparison, Rdm, compare};
use emotome_stats::multiplicity::{benjamini_hochberg, benjamini_yekutieli, fdr_threshold};
use emotome_stimuli::run::Interrupt;
use ndarray::Array2;
use serde_json::Value;
use std::time::Instant;

mod common;
use common::{close, comparison, list, matrix, numbers, quiet, rdm};

fn fixture() -> Value {
    serde_json::from_str(include_str!("fixtures/inference.json")).unwrap()
}

fn rdms(value: &Value) -> Vec<Rdm> {
    list(value).iter().map(rdm).collect()
}

fn draws(value: &Value) -> Vec<Draw> {
    let places = |value: &Value| {
        list(value)
            .iter()
            .map(|v| v.as_u64().unwrap() as usize)
            .collect()
    };
    list(value)
        .iter()
        .map(|d| Draw {
            subjects: places(&d["subjects"]),
            stimuli: places(&d["stimuli"]),
        })
        .collect()
}

fn equals_rsatoolbox(subjects: &[Rdm], models: &[Rdm], method: &str, expected: &Value) {
    let resample = match expected["resample"].as_str().unwrap() {
        "dual" => Resample::Dual,
        "stimuli" => Resample::Stimuli,
        _ => Resample::Subjects,
    };
    let interrupt = Interrupt::default();
    let found = bootstrap_with(
        subjects,
        models,
        &draws(&expected["draws"]),
        comparison(method),
        resample,
        quiet(&interrupt),
    )
    .unwrap();
    let what = format!("{method} {resample:?}");
    close(&what, &found.means, &numbers(&expected["means"]), 1e-10);
    close(
        &what,
        &[found.mean_lower_ceiling],
        &[expected["ceiling_lower"].as_f64().unwrap()],
        1e-10,
    );
    let v = &found.variances;
    close(&what, &v.models, &numbers(&expected["model_var"]), 1e-10);
    close(
        &what,
        &v.differences,
        &numbers(&expected["diff_var"]),
        1e-10,
    );
    close(
        &what,
        v.ceilings.as_flattened(),
        &numbers(&expected["ceiling_var"]),
        1e-10,
    );
    assert_eq!(found.tests.degrees, expected["dof"].as_f64().unwrap());
    close(
        &what,
        &found.tests.zero,
        &numbers(&expected["p_zero"]),
        1e-9,
    );
    close(
        &what,
        &found.tests.ceiling,
        &numbers(&expected["p_ceiling"]),
        1e-9,
    );
    // rsatoolbox leaves 2 (1 − cdf 0) = 1 on the diagonal as well.
    close(
        &what,
        found.tests.pairwise.as_slice().unwrap(),
        &numbers(&expected["p_pairwise"]),
        1e-9,
    );
}

#[test]
fn ceilings_and_bootstraps_are_those_of_rsatoolbox_for_the_same_draws() {
    let f = fixture();
    let (subjects, models) = (rdms(&f["subjects"]), rdms(&f["models"]));
    for case in list(&f["cases"]) {
        let method = case["method"].as_str().unwrap();
        let ceiling = noise_ceiling(&subjects, comparison(method)).unwrap();
        close(
            method,
            &[ceiling.lower, ceiling.upper],
            &[
                case["lower"].as_f64().unwrap(),
                case["upper"].as_f64().unwrap(),
            ],
            1e-10,
        );
        for (model, expected) in models.iter().zip(list(&case["agreements"])) {
            let found: Vec<f64> = subjects
                .iter()
                .map(|s| compare(model, s, comparison(method)).unwrap().value)
                .collect();
            close(method, &found, &numbers(expected), 1e-10);
        }
        for expected in list(&case["bootstraps"]) {
            equals_rsatoolbox(&subjects, &models, method, expected);
        }
    }
}

#[test]
fn the_dual_bootstrap_clips_from_below_first_and_then_at_both() {
    let f = fixture();
    let variances: Vec<_> = list(&f["variances"])
        .iter()
        .map(|v| of_covariance(&matrix(v), 2))
        .collect();
    let found = dual(&variances[0], &variances[1], &variances[2], 6, 20);
    close("models", &found.models, &numbers(&f["extracted"][0]), 1e-10);
    close(
        "differences",
        &found.differences,
        &numbers(&f["extracted"][1]),
        1e-10,
    );
    close(
        "ceilings",
        found.ceilings.as_flattened(),
        &numbers(&f["extracted"][2]),
        1e-10,
    );
    for (clip, expected) in list(&f["clips"]).iter().zip(numbers(&f["clipped"])) {
        let each: Vec<_> = numbers(clip)
            .into_iter()
            .map(|v| of_covariance(&Array2::from_diag(&ndarray::arr1(&[v, 1.0, 1.0])), 2))
            .collect();
        close(
            "clip",
            &dual(&each[0], &each[1], &each[2], 6, 20).models,
            &[expected],
            1e-12,
        );
    }
}

#[test]
fn the_moments_of_relabelling_are_those_of_all_720() {
    let f = fixture();
    let six = rdms(&f["six"]);
    let found = mantel(&six[0], &six[1], Comparison::Pearson).unwrap();
    close("sd", &[found.sd], &[f["six_sd"].as_f64().unwrap()], 1e-10);
    assert!(f["six_mean"].as_f64().unwrap().abs() < 1e-12);
    let r = compare(&six[0], &six[1], Comparison::Pearson)
        .unwrap()
        .value;
    close("z", &[found.r, found.z], &[r, r / found.sd], 1e-12);
    let holed = six[0].excluding(|i, j| i + j == 1);
    assert!(mantel(&holed, &six[1], Comparison::Pearson).is_err());
}

#[test]
fn enhancement_and_clusters_are_those_of_nilearn() {
    let f = fixture();
    let voxels: Vec<[i32; 3]> = list(&f["voxels"])
        .iter()
        .map(|v| [0, 1, 2].map(|k| v[k].as_i64().unwrap() as i32))
        .collect();
    let t = numbers(&f["group"]["two_sided"]["t"]);
    for case in list(&f["enhanced"]) {
        let touch = match case["touch"].as_str().unwrap() {
            "faces" => Touch::Faces,
            "edges" => Touch::Edges,
            _ => Touch::Corners,
        };
        let two_sided = case["two_sided"].as_bool().unwrap();
        let graph = Neighbours::of_voxels(&voxels, touch).unwrap();
        let params = TfceParams {
            heights: case["step"]
                .as_f64()
                .map_or(Heights::Steps(100), Heights::Step),
            two_sided,
            ..TfceParams::default()
        };
        close(
            "tfce",
            &tfce(&t, &graph, params).unwrap(),
            &numbers(&case["tfce"]),
            1e-10,
        );
        let found = clusters(&t, 1.0, &graph, two_sided).unwrap();
        assert_eq!(
            found.iter().map(|c| c.places.len()).max().unwrap() as u64,
            case["extent"].as_u64().unwrap()
        );
        let mass = found.iter().map(|c| c.mass).fold(0.0, f64::max);
        close("mass", &[mass], &[case["mass"].as_f64().unwrap()], 1e-10);
    }
}

#[test]
fn flipped_signs_are_permuted_ols() {
    let f = fixture();
    let voxels: Vec<[i32; 3]> = list(&f["voxels"])
        .iter()
        .map(|v| [0, 1, 2].map(|k| v[k].as_i64().unwrap() as i32))
        .collect();
    let graph = Neighbours::of_voxels(&voxels, Touch::Faces).unwrap();
    let maps = matrix(&f["maps"]);
    let interrupt = Interrupt::default();
    for (name, two_sided) in [("two_sided", true), ("one_sided", false)] {
        let expected = &f["group"][name];
        let params = SignParams {
            two_sided,
            neighbours: Some(&graph),
            cluster_threshold: expected["threshold"].as_f64(),
            tfce: Some(TfceParams {
                heights: Heights::Steps(100),
                ..TfceParams::default()
            }),
        };
        let found = sign_flip_test(
            maps.view(),
            &Signs::Given(matrix(&expected["signs"])),
            params,
            quiet(&interrupt),
        )
        .unwrap();
        for (what, found) in [
            ("t", &found.t),
            ("p", &found.p_fwe),
            ("h0_t", &found.largest_t),
            ("tfce", &found.tfce),
            ("p_tfce", &found.p_tfce),
            ("h0_tfce", &found.largest_tfce),
            ("h0_extent", &found.largest_extent),
            ("h0_mass", &found.largest_mass),
        ] {
            close(what, found, &numbers(&expected[what]), 1e-9);
        }
    }
    let all = sign_flip_test(
        maps.view(),
        &Signs::All,
        SignParams {
            two_sided: true,
            ..SignParams::default()
        },
        quiet(&interrupt),
    )
    .unwrap();
    assert_eq!((all.smallest_p, all.largest_t.len()), (2.0 / 64.0, 63));
    assert!(all.p_fwe.iter().all(|&p| p >= all.smallest_p));
    let five = sign_flip_test(
        maps.slice(ndarray::s![..5, ..]),
        &Signs::All,
        SignParams::default(),
        quiet(&interrupt),
    )
    .unwrap();
    assert_eq!(five.smallest_p, 1.0 / 32.0);
}

#[test]
fn false_discoveries_are_controlled_as_in_scipy_and_nilearn() {
    let f = fixture();
    let p = numbers(&f["p"]);
    close("BH", &benjamini_hochberg(&p), &numbers(&f["bh"]), 1e-12);
    close("BY", &benjamini_yekutieli(&p), &numbers(&f["by"]), 1e-12);
    close(
        "threshold",
        &[fdr_threshold(&numbers(&f["z"]), 0.05)],
        &[f["fdr"].as_f64().unwrap()],
        1e-14,
    );
    assert_eq!(fdr_threshold(&[f64::NAN, -1.0], 0.05), f64::INFINITY);
}

#[test]
fn published_tests_are_reproduced_with_what_is_wrong_stated() {
    let f = fixture();
    let (a, b) = (numbers(&f["pairs"][0]), numbers(&f["pairs"][1]));
    let found = published_paired_t_over_few_subjects(&a, &b).unwrap();
    close("paired", &[found.t, found.p], &numbers(&f["paired"]), 1e-10);
    assert_eq!(found.smallest_p, 0.0625);
    let six = rdms(&f["six"]);
    let pairs = published_pairs_t_test(&six[0], &six[1], Comparison::Pearson).unwrap();
    assert_eq!(pairs.degrees, 13.0);
}

#[test]
fn surfaces_have_neighbours_and_bad_graphs_are_refused() {
    let graph = Neighbours::of_triangles(4, &[[0, 1, 2], [2, 1, 3]]).unwrap();
    assert_eq!((graph.of(1), graph.of(3)), (&[0, 2, 3][..], &[1, 2][..]));
    let found = clusters(&[2.0, f64::NAN, 3.0, -4.0], 1.0, &graph, true).unwrap();
    assert_eq!(
        found.iter().map(|c| c.places.clone()).collect::<Vec<_>>(),
        [vec![0, 2], vec![3]]
    );
    assert!(
        found[0].positive && found[0].peak == 2 && found[0].mass == 3.0 && found[1].mass == 3.0
    );
    assert!(Neighbours::of_triangles(3, &[[0, 1, 3]]).is_err());
    assert!(Neighbours::of_voxels(&[[0; 3], [0; 3]], Touch::Faces).is_err());
    assert!(Neighbours::of_voxels(&[[i32::MAX; 3], [i32::MIN; 3]], Touch::Corners).is_ok());
    assert!(
        clusters(&[1.0], 1.0, &graph, true).is_err()
            && tfce(&[1.0], &graph, TfceParams::default()).is_err()
    );
    assert!(clusters(&[0.0; 4], f64::NAN, &graph, true).is_err());
    assert_eq!(
        tfce(&[f64::NAN; 4], &graph, TfceParams::default()).unwrap(),
        [0.0; 4]
    );
}

#[test]
fn subjects_are_each_others_models() {
    let subjects = rdms(&fixture()["subjects"]);
    let table = between_subjects(&subjects, Comparison::Spearman).unwrap();
    assert!(table[[0, 1]] == table[[1, 0]] && table[[2, 2]] == 1.0 && table[[0, 1]] < 1.0);
    let alone = noise_ceiling(&subjects[..1], Comparison::Spearman).unwrap();
    assert!((alone.lower - 1.0).abs() < 1e-12 && (alone.upper - 1.0).abs() < 1e-12);
    assert!(noise_ceiling(&[], Comparison::Spearman).is_err());
}

#[test]
fn a_dual_bootstrap_is_quick_and_the_same_at_any_number_of_threads() {
    use emotome_stats::random::{CounterRng, Seed};
    let draw = |stream: u64| {
        let mut rng = CounterRng::new(Seed(4), stream);
        Rdm::new(200, (0..19_900).map(|_| rng.normal()).collect()).unwrap()
    };
    let (subjects, models): (Vec<Rdm>, Vec<Rdm>) =
        ((0..5).map(draw).collect(), (5..15).map(draw).collect());
    let interrupt = Interrupt::default();
    let start = Instant::now();
    let params = BootstrapParams::default();
    let found = bootstrap(&subjects, &models, params, quiet(&interrupt)).unwrap();
    println!(
        "1,000 draws of 200 stimuli and 5 subjects, 10 models: {:.2} s",
        start.elapsed().as_secs_f64()
    );
    let few = BootstrapParams {
        draws: 40,
        ..params
    };
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap();
    let one = pool.install(|| bootstrap(&subjects, &models, few, quiet(&interrupt)).unwrap());
    assert_eq!(
        one,
        bootstrap(&subjects, &models, few, quiet(&interrupt)).unwrap()
    );
    assert!(found.unusable == 0 && found.samples[0].dim() == (1000, 12));
    interrupt.request();
    assert!(bootstrap(&subjects, &models, few, quiet(&interrupt)).is_err());
}
