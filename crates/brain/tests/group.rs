//! Maps of a group: enhancement and cluster masses against scipy and nilearn, their properties, and false alarms counted.

use emotome_brain::inference::clusters::{Heights, Neighbours, TfceParams, Touch, clusters, tfce};
use emotome_brain::inference::signs::{SignParams, Signs, sign_flip_test};
use emotome_stats::distribution::student_t_quantile;
use emotome_stats::random::{CounterRng, Seed};
use emotome_stimuli::run::{Interrupt, Run, Silent};
use ndarray::Array2;
use proptest::prelude::*;
use rayon::prelude::*;
use serde_json::Value;

fn touch(name: &Value) -> Touch {
    match name.as_str().unwrap() {
        "faces" => Touch::Faces,
        "edges" => Touch::Edges,
        _ => Touch::Corners,
    }
}

fn numbers(value: &Value) -> Vec<f64> {
    let numbers = value.as_array().unwrap().iter();
    numbers.map(|v| v.as_f64().unwrap()).collect()
}

fn cube(edge: i32) -> Vec<[i32; 3]> {
    let all = (0..edge.pow(3)).map(|at| [at % edge, at / edge % edge, at / edge / edge]);
    all.collect()
}

#[test]
fn enhancement_is_the_integral_and_masses_are_those_of_nilearn() {
    let f: Value = serde_json::from_str(include_str!("fixtures/group.json")).unwrap();
    let voxels: Vec<[i32; 3]> = f["voxels"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| [0, 1, 2].map(|k| v[k].as_i64().unwrap() as i32))
        .collect();
    let values = numbers(&f["values"]);
    for case in f["enhanced"].as_array().unwrap() {
        let graph = Neighbours::of_voxels(&voxels, touch(&case["touch"])).unwrap();
        let params = TfceParams {
            extent: case["extent"].as_f64().unwrap(),
            height: case["height"].as_f64().unwrap(),
            heights: Heights::All,
            two_sided: case["two_sided"].as_bool().unwrap(),
        };
        let found = tfce(&values, &graph, params).unwrap();
        for (place, (found, expected)) in found.iter().zip(numbers(&case["tfce"])).enumerate() {
            assert!(
                (found - expected).abs() < 1e-10 * expected.abs().max(1.0),
                "{params:?} {place}: {found} {expected}"
            );
        }
    }
    for case in f["masses"].as_array().unwrap() {
        let graph = Neighbours::of_voxels(&voxels, touch(&case["touch"])).unwrap();
        let threshold = case["threshold"].as_f64().unwrap();
        let two_sided = case["two_sided"].as_bool().unwrap();
        let found = clusters(&values, threshold, &graph, two_sided).unwrap();
        let most = found.iter().map(|c| c.places.len()).max().unwrap_or(0);
        let mass = found.iter().map(|c| c.mass).fold(0.0, f64::max);
        assert_eq!(most as u64, case["extent"].as_u64().unwrap());
        assert!((mass - case["mass"].as_f64().unwrap()).abs() < 1e-10);
    }
}

#[test]
fn infinite_values_and_steps_of_nothing_are_refused() {
    let graph = Neighbours::from_edges(2, [(0, 1)]).unwrap();
    let with = |heights| TfceParams {
        heights,
        ..TfceParams::default()
    };
    assert!(tfce(&[f64::INFINITY, 1.0], &graph, with(Heights::All)).is_err());
    assert!(tfce(&[1.0; 2], &graph, with(Heights::Steps(0))).is_err());
    assert!(tfce(&[1.0; 2], &graph, with(Heights::Step(f64::NAN))).is_err());
    assert!(tfce(&[1.0; 2], &graph, with(Heights::Step(f64::INFINITY))).is_err());
}

#[test]
fn a_place_with_equal_values_has_no_t_and_harms_no_other() {
    let interrupt = Interrupt::default();
    let run = Run {
        progress: &Silent,
        interrupt: &interrupt,
    };
    let graph = Neighbours::from_edges(3, [(0, 1), (1, 2)]).unwrap();
    let maps = ndarray::array![
        [0.3, 1.0, 0.2],
        [0.3, 1.5, -0.3],
        [0.3, 1.2, 0.1],
        [0.3, 1.4, 0.2]
    ];
    let params = SignParams {
        neighbours: Some(&graph),
        cluster_threshold: Some(1.0),
        tfce: Some(TfceParams::default()),
        ..SignParams::default()
    };
    let found = sign_flip_test(maps.view(), &Signs::All, params, run).unwrap();
    assert!(found.t[0].is_nan() && found.p_fwe[0].is_nan());
    assert_eq!((found.p_fwe[1], found.smallest_p), (1.0 / 16.0, 1.0 / 16.0));
    assert_eq!(found.p_tfce[1], 1.0 / 16.0);
    assert_eq!(found.clusters[0].cluster.places, [1]);
}

proptest! {
    #[test]
    fn enhancement_scales_mirrors_and_grows_with_values(
        values in prop::collection::vec(-5.0_f64..5.0, 27),
        scale in 0.5_f64..3.0,
        raised in 0_usize..27,
    ) {
        let graph = Neighbours::of_voxels(&cube(3), Touch::Edges).unwrap();
        let params = TfceParams::default();
        let of = |values: &[f64]| tfce(values, &graph, params).unwrap();
        let found = of(&values);
        let close = |a: f64, b: f64| (a - b).abs() <= 1e-9 * b.abs().max(1.0);
        let mirrored = of(&values.iter().map(|v| -v).collect::<Vec<_>>());
        prop_assert!(found.iter().zip(&mirrored).all(|(a, b)| close(*a, -b)));
        // Heights weigh h² dh.
        let scaled = of(&values.iter().map(|v| scale * v).collect::<Vec<_>>());
        prop_assert!(found.iter().zip(&scaled).all(|(a, b)| close(a * scale.powi(3), *b)));
        let mut higher = values.clone();
        higher[raised] = higher[raised].abs() + 1.0;
        let higher = of(&higher);
        prop_assert!((0..27).all(|v| values[v] <= 0.0 || higher[v] >= found[v] - 1e-9));
        // No place has more than the whole map at its height, nor less than alone.
        for (v, e) in values.iter().zip(&found) {
            let alone = v.abs().powi(3) / 3.0;
            prop_assert!(e.abs() >= alone - 1e-9 && e.abs() <= 27.0_f64.sqrt() * alone + 1e-9);
            prop_assert!(e * v >= 0.0);
        }
    }

    #[test]
    fn clusters_share_no_place_and_hold_all_beyond_the_threshold(
        values in prop::collection::vec(-5.0_f64..5.0, 27),
        threshold in 0.0_f64..4.0,
    ) {
        let graph = Neighbours::of_voxels(&cube(3), Touch::Faces).unwrap();
        let found = clusters(&values, threshold, &graph, true).unwrap();
        let mut places: Vec<u32> = found.iter().flat_map(|c| c.places.clone()).collect();
        places.sort_unstable();
        let beyond: Vec<u32> = (0..27).filter(|&v| values[v as usize].abs() > threshold).collect();
        prop_assert_eq!(places, beyond);
        let mass: f64 = found.iter().map(|c| c.mass).sum();
        let expected: f64 = values.iter().map(|v| (v.abs() - threshold).max(0.0)).sum();
        prop_assert!((mass - expected).abs() < 1e-9);
    }
}

/// Noise of 10 subjects, smooth in space, without any effect.
fn noise(edge: i32, seed: u64) -> Array2<f64> {
    let mut rng = CounterRng::new(Seed(seed), 0);
    let wide = edge + 2;
    let n = wide.pow(3) as usize;
    let rows: Vec<Vec<f64>> = (0..10)
        .map(|_| {
            // Skewed and of unequal scale from subject to subject would break the symmetry that signs rest on; unequal
            // scale alone does not.
            let scale = 0.5 + rng.normal().abs();
            let mut map: Vec<f64> = (0..n).map(|_| scale * rng.normal()).collect();
            for stride in [1, wide as usize, (wide * wide) as usize] {
                for at in stride..n - stride {
                    map[at - stride] = map[at - stride] + 2.0 * map[at] + map[at + stride];
                }
            }
            map
        })
        .collect();
    let inner = cube(edge);
    Array2::from_shape_fn((10, inner.len()), |(subject, at)| {
        let [i, j, k] = inner[at];
        rows[subject][(i + wide * (j + wide * k)) as usize]
    })
}

#[test]
fn family_wise_error_is_five_percent_for_voxels_clusters_and_enhancement() {
    const EDGE: i32 = 9;
    let sims = 600;
    let interrupt = Interrupt::default();
    let graph = Neighbours::of_voxels(&cube(EDGE), Touch::Faces).unwrap();
    for two_sided in [true, false] {
        // p < .05 uncorrected, of as many sides as the test has.
        let threshold = student_t_quantile(if two_sided { 0.05 } else { 0.1 }, 9.0);
        let alarms: Vec<[bool; 4]> = (0..sims)
            .into_par_iter()
            .map(|sim| {
                let params = SignParams {
                    two_sided,
                    neighbours: Some(&graph),
                    cluster_threshold: Some(threshold),
                    tfce: Some(TfceParams::default()),
                };
                let signs = Signs::Random {
                    draws: 99,
                    seed: sim,
                };
                let run = Run {
                    progress: &Silent,
                    interrupt: &interrupt,
                };
                let found = sign_flip_test(noise(EDGE, sim).view(), &signs, params, run).unwrap();
                let any = |p: &[f64]| p.iter().any(|&p| p <= 0.05);
                [
                    any(&found.p_fwe),
                    found.clusters.iter().any(|c| c.p_mass <= 0.05),
                    found.clusters.iter().any(|c| c.p_extent <= 0.05),
                    any(&found.p_tfce),
                ]
            })
            .collect();
        for (which, name) in ["voxel", "mass", "extent", "tfce"].into_iter().enumerate() {
            let share = alarms.iter().filter(|a| a[which]).count() as f64 / sims as f64;
            println!("two-sided {two_sided}, {name}: {share:.3}");
            // Three standard errors of 600 simulations. Extents are whole numbers, whose ties speak for chance.
            let least = if name == "extent" { 0.0 } else { 0.023 };
            assert!(share > least && share < 0.077, "{two_sided} {name} {share}");
        }
    }
}
