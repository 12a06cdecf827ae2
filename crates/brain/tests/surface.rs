//! Surfaces against nilearn, scipy and geometry that can be done by hand.

use emotome_brain::surface::{
    Discs, Distance, FlatRaster, Interpolation, Mesh, MeshError, Outlines, Reach, Sampler,
    SamplingKind, SphereMap, discs, inner_point,
    sample::{ball, depths},
};
use emotome_neurofiles::{Affine, Grid, Millimetres};
use proptest::prelude::*;
use serde_json::Value;

fn fixture() -> Value {
    serde_json::from_str(include_str!("fixtures/surface.json")).unwrap()
}

fn numbers(v: &Value) -> Vec<f64> {
    let number = |v: &Value| v.as_f64().unwrap_or(f64::NAN);
    v.as_array().unwrap().iter().map(number).collect()
}

fn single(v: &Value) -> Vec<f32> {
    numbers(v).into_iter().map(|x| x as f32).collect()
}

fn places(v: &Value) -> Vec<[f64; 3]> {
    let place = |v: &Value| {
        let p = numbers(v);
        [p[0], p[1], p.get(2).copied().unwrap_or(0.0)]
    };
    v.as_array().unwrap().iter().map(place).collect()
}

fn corners(v: &Value) -> Vec<[u32; 3]> {
    places(v).into_iter().map(|t| t.map(|x| x as u32)).collect()
}

fn mesh(points: &Value, triangles: &Value) -> Mesh {
    Mesh::new(places(points), corners(triangles)).unwrap()
}

fn grid(f: &Value) -> Grid {
    let rows: Vec<Vec<f64>> = f["affine"]
        .as_array()
        .unwrap()
        .iter()
        .map(numbers)
        .collect();
    let shape = numbers(&f["shape"]);
    Grid {
        shape: [0, 1, 2].map(|k| shape[k] as usize),
        affine: Affine([0, 1, 2].map(|r| [0, 1, 2, 3].map(|c| rows[r][c]))),
    }
}

fn close(found: &[f32], expected: &[f32], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let mut missing = 0;
    for (i, (a, b)) in found.iter().zip(expected).enumerate() {
        assert_eq!(a.is_nan(), b.is_nan(), "{what} {i}: {a} {b}");
        missing += usize::from(a.is_nan());
        assert!(a.is_nan() || (a - b).abs() < 1e-5, "{what} {i}: {a} {b}");
    }
    assert!(missing < found.len(), "{what}: nothing to compare");
}

#[test]
fn volumes_are_sampled_as_nilearn_does() {
    let f = fixture();
    let (outer, inner) = (
        mesh(&f["points"], &f["triangles"]),
        mesh(&f["inner"], &f["triangles"]),
    );
    let centre = [1.0, -2.0, 3.0];
    let shrunk: Vec<[f64; 3]> = outer
        .points()
        .iter()
        .map(|p| [0, 1, 2].map(|k| (p[k] - centre[k]) * f["shrunk"].as_f64().unwrap() + centre[k]))
        .collect();
    let shrunk = Mesh::new(shrunk, outer.triangles().to_vec()).unwrap();
    let mask: Vec<bool> = f["mask"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_bool().unwrap())
        .collect();
    let (cloud, six) = (places(&f["cloud"]), depths(6));
    let mut compared = 0;
    for (name, expected) in f["sampled"].as_object().unwrap() {
        let parts: Vec<&str> = name.split('_').collect();
        let radius = Millimetres(2.5);
        let kind = match parts[0] {
            "line" => SamplingKind::Line { radius, samples: 7 },
            "ball" => SamplingKind::Ball {
                radius,
                places: &cloud,
            },
            _ => SamplingKind::Depth {
                inner: &inner,
                depths: &six,
            },
        };
        let interpolation = match parts[1] {
            "linear" => Interpolation::Linear,
            "nearest" => Interpolation::Nearest,
            _ => Interpolation::MostFrequent,
        };
        let (data, mask) = match parts[2] {
            "masked" => ("volume", Some(mask.as_slice())),
            data => (data, None),
        };
        let surface = if parts[1] == "frequent" {
            &shrunk
        } else {
            &outer
        };
        let sampler = Sampler::new(surface, grid(&f), &kind, interpolation, mask).unwrap();
        close(
            &sampler.sample(&single(&f[data])).unwrap(),
            &single(expected),
            name,
        );
        compared += 1;
    }
    assert_eq!(compared, 14);
}

#[test]
fn a_volume_of_another_size_or_without_inverse_is_refused() {
    let f = fixture();
    let outer = mesh(&f["points"], &f["triangles"]);
    let line = SamplingKind::Line {
        radius: Millimetres(1.0),
        samples: 3,
    };
    let sampler = Sampler::new(&outer, grid(&f), &line, Interpolation::Linear, None).unwrap();
    assert!(matches!(
        sampler.sample(&[0.0; 3]),
        Err(MeshError::Count { found: 3, .. })
    ));
    let new = |grid: Grid, kind: &SamplingKind<'_>, mask: Option<&[bool]>| {
        Sampler::new(&outer, grid, kind, Interpolation::Linear, mask).unwrap_err()
    };
    let mut flat = grid(&f);
    flat.affine = Affine([[0.0; 4]; 3]);
    assert_eq!(new(flat, &line, None), MeshError::Affine);
    assert!(matches!(
        new(grid(&f), &line, Some(&[true])),
        MeshError::Count { found: 1, .. }
    ));
    for kind in [
        SamplingKind::Line {
            radius: Millimetres(-1.0),
            samples: 3,
        },
        SamplingKind::Line {
            radius: Millimetres(1.0),
            samples: 0,
        },
        SamplingKind::Ball {
            radius: Millimetres(f64::NAN),
            places: &[],
        },
    ] {
        assert!(matches!(
            new(grid(&f), &kind, None),
            MeshError::Parameter { .. }
        ));
    }
    let other = Mesh::new(vec![[0.0; 3]], vec![]).unwrap();
    let kind = SamplingKind::Depth {
        inner: &other,
        depths: &[0.0],
    };
    assert!(matches!(
        new(grid(&f), &kind, None),
        MeshError::Count { found: 1, .. }
    ));
}

#[test]
fn the_ball_is_filled_evenly() {
    for n in [1, 10, 20, 21, 160] {
        let places = ball(n);
        let radius = |p: &[f64; 3]| p.iter().map(|x| x * x).sum::<f64>().sqrt();
        let mut radii: Vec<f64> = places.iter().map(radius).collect();
        radii.sort_unstable_by(f64::total_cmp);
        for (i, r) in radii.iter().enumerate() {
            assert!(
                (r.powi(3) - (i as f64 + 0.5) / n as f64).abs() < 1e-9,
                "{n}: shell {i} at {r}"
            );
        }
        if n >= 20 {
            let mean = [0, 1, 2].map(|k| places.iter().map(|p| p[k]).sum::<f64>() / n as f64);
            assert!(mean.iter().all(|m| m.abs() < 0.08), "{n}: {mean:?}");
        }
    }
}

fn lists(v: &Value) -> Vec<Vec<u32>> {
    v.as_array()
        .unwrap()
        .iter()
        .map(|v| numbers(v).into_iter().map(|x| x as u32).collect())
        .collect()
}

#[test]
fn discs_are_those_of_dijkstra_and_of_a_ruler() {
    let f = fixture();
    let outer = mesh(&f["points"], &f["triangles"]);
    let centres: Vec<u32> = numbers(&f["centres"])
        .into_iter()
        .map(|x| x as u32)
        .collect();
    let all = |discs: &Discs| discs.iter().map(<[u32]>::to_vec).collect::<Vec<_>>();
    for (name, distance) in [
        ("walked", Distance::EdgeGraph),
        ("straight", Distance::Euclidean),
    ] {
        let within = discs(
            &outer,
            &centres,
            distance,
            Reach::Within(Millimetres(9.0)),
            None,
        )
        .unwrap();
        assert_eq!(all(&within), lists(&f[format!("{name}_within")]), "{name}");
        let nearest = discs(&outer, &centres, distance, Reach::Nearest(20), None).unwrap();
        assert_eq!(
            all(&nearest),
            lists(&f[format!("{name}_nearest")]),
            "{name}"
        );
    }
}

/// A square net of the unit step in the plane, n × n points.
fn net(n: usize) -> Mesh {
    let points = (0..n * n)
        .map(|i| [(i % n) as f64, (i / n) as f64, 0.0])
        .collect();
    let mut triangles = Vec::new();
    for j in 0..n - 1 {
        for i in 0..n - 1 {
            let a = (j * n + i) as u32;
            let (b, c, d) = (a + 1, a + n as u32, a + n as u32 + 1);
            triangles.extend([[a, b, d], [a, d, c]]);
        }
    }
    Mesh::new(points, triangles).unwrap()
}

#[test]
fn the_rim_of_a_disc_belongs_to_it_only_where_it_is_said() {
    let net = net(5);
    for distance in [Distance::EdgeGraph, Distance::Euclidean] {
        let count = |reach, keep: Option<&[bool]>| {
            discs(&net, &[12], distance, reach, keep)
                .unwrap()
                .of(0)
                .len()
        };
        assert_eq!(count(Reach::Within(Millimetres(1.0)), None), 5);
        assert_eq!(count(Reach::Below(Millimetres(1.0)), None), 1);
        let mut keep = vec![true; 25];
        keep[11] = false;
        assert_eq!(count(Reach::Within(Millimetres(1.0)), Some(&keep)), 4);
        assert_eq!(count(Reach::Nearest(100), Some(&keep)), 24);
        let refused = |reach, centre| discs(&net, &[centre], distance, reach, None).unwrap_err();
        assert!(matches!(
            refused(Reach::Within(Millimetres(0.0)), 0),
            MeshError::Parameter { .. }
        ));
        assert!(matches!(
            refused(Reach::Nearest(0), 0),
            MeshError::Parameter { .. }
        ));
        assert!(matches!(
            refused(Reach::Nearest(1), 25),
            MeshError::Centre { point: 25, .. }
        ));
    }
}

#[test]
fn spheres_are_resampled_by_the_triangle_a_point_lies_in() {
    let f = fixture();
    let s = &f["sphere"];
    let source = mesh(&s["points"], &s["triangles"]);
    let map = SphereMap::new(&source, &mesh(&s["target"], &s["target_triangles"])).unwrap();
    close(
        &map.values(&single(&s["signal"])).unwrap(),
        &single(&s["values"]),
        "sphere",
    );
    let same = SphereMap::new(&source, &source).unwrap();
    close(
        &same.values(&single(&s["signal"])).unwrap(),
        &single(&s["signal"]),
        "identity",
    );
    let labels: Vec<i64> = (0..source.points().len() as i64).collect();
    assert_eq!(same.labels(&labels).unwrap(), labels);
    assert!(matches!(
        map.values(&[1.0]),
        Err(MeshError::Count { found: 1, .. })
    ));
    let off = mesh(&f["points"], &f["triangles"]);
    assert!(matches!(
        SphereMap::new(&off, &source),
        Err(MeshError::Parameter { .. })
    ));
}

#[test]
fn a_sphere_is_as_curved_as_its_radius_says_and_its_normals_point_out() {
    let f = fixture();
    let sphere = mesh(&f["sphere"]["points"], &f["sphere"]["triangles"]);
    for (curvature, (normal, point)) in sphere
        .curvature()
        .iter()
        .zip(sphere.normals().iter().zip(sphere.points()))
    {
        assert!((curvature + 1.0 / 50.0).abs() < 1e-3, "{curvature}");
        let outwards: f64 = (0..3).map(|k| normal[k] * point[k] / 50.0).sum();
        assert!(outwards > 0.99);
    }
}

#[test]
fn pixels_of_a_flat_map_are_those_of_linear_interpolation() {
    let f = fixture();
    let s = &f["flat"];
    let flat = mesh(&s["points"], &s["triangles"]);
    let raster = FlatRaster::new(&flat, s["height"].as_u64().unwrap() as usize).unwrap();
    assert_eq!(raster.width as u64, s["width"].as_u64().unwrap());
    let (found, expected) = (
        raster.values(&single(&s["values"])).unwrap(),
        single(&s["pixels"]),
    );
    close(&found, &expected, "flat");
    let labels = raster.labels(&(0..120).collect::<Vec<i64>>(), -1).unwrap();
    assert!(
        labels
            .iter()
            .zip(&found)
            .all(|(l, v)| (*l == -1) == v.is_nan())
    );
}

#[test]
fn flat_maps_are_upright_and_refuse_what_is_not_flat() {
    let net = net(4);
    let raster = FlatRaster::new(&net, 30).unwrap();
    let upper: Vec<f32> = net
        .points()
        .iter()
        .map(|p| (10.0 * p[1] + p[0]) as f32)
        .collect();
    let pixels = raster.values(&upper).unwrap();
    assert!(pixels[0] > pixels[30 * 29], "row 0 is the top");
    assert!(pixels[0] < pixels[29], "columns run with x");
    let upright = Mesh::new(
        vec![[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [0.0, 2.0, 5.0]],
        vec![[0, 1, 2]],
    )
    .unwrap();
    assert!(matches!(
        FlatRaster::new(&upright, 9),
        Err(MeshError::Parameter { .. })
    ));
    assert!(matches!(
        FlatRaster::new(&net, 0),
        Err(MeshError::Parameter { .. })
    ));
    let long = Mesh::new(
        vec![[0.0; 3], [1e9, 0.0, 0.0], [0.0, 1e-3, 0.0]],
        vec![[0, 1, 2]],
    )
    .unwrap();
    assert!(matches!(
        FlatRaster::new(&long, 100),
        Err(MeshError::Parameter { .. })
    ));
}

#[test]
fn meshes_that_lie_are_refused() {
    let new =
        |points: &[[f64; 3]], triangle| Mesh::new(points.to_vec(), vec![triangle]).unwrap_err();
    let p = [[0.0; 3], [1.0; 3], [2.0, 0.0, 0.0]];
    assert!(matches!(
        new(&p, [0, 1, 3]),
        MeshError::Point {
            triangle: 0,
            point: 3,
            points: 3
        }
    ));
    assert!(matches!(
        new(&p, [0, 1, 1]),
        MeshError::Degenerate { point: 1, .. }
    ));
    assert!(matches!(
        new(&[[f64::NAN; 3]], [0, 0, 0]),
        MeshError::NotFinite { point: 0, .. }
    ));
}

fn area(ring: &[[f64; 2]]) -> f64 {
    let next = |k: usize| ring[(k + 1) % ring.len()];
    (0..ring.len())
        .map(|k| ring[k][0] * next(k)[1] - next(k)[0] * ring[k][1])
        .sum::<f64>()
        / 2.0
}

fn total(outlines: &Outlines, label: i64) -> f64 {
    outlines.rings(label).iter().map(|ring| area(ring)).sum()
}

#[test]
fn a_label_image_is_outlined_with_its_holes_and_the_right_way_round() {
    // 2 inside 1 inside background, which also shows through a hole.
    let image = [
        0, 0, 0, 0, 0, 0, //
        0, 1, 1, 1, 1, 0, //
        0, 1, 2, 0, 1, 0, //
        0, 1, 1, 1, 1, 0, //
        0, 0, 0, 0, 0, 3, //
    ];
    let outlines = Outlines::of_image(6, &image).unwrap();
    assert_eq!(outlines.labels(), [1, 2, 3]);
    assert_eq!([1, 2, 3].map(|l| total(&outlines, l)), [10.0, 1.0, 1.0]);
    assert_eq!(outlines.rings(1).len(), 2);
    let three = &outlines.rings(3)[0];
    assert!(
        three.iter().all(|p| p[0] >= 5.0 && p[1] <= 1.0),
        "{three:?}"
    );
    assert!(Outlines::of_image(4, &image).is_err() && Outlines::of_image(0, &image).is_err());
    assert_eq!(Outlines::of_image(3, &[]).unwrap(), Outlines::default());
}

#[test]
fn parcels_of_a_mesh_tile_it_before_and_after_simplification() {
    let net = net(30);
    let labels: Vec<i64> = net
        .points()
        .iter()
        .map(|p| {
            let cell = |x: f64, y: f64| (p[0] - x).powi(2) + (p[1] - y).powi(2);
            let cells = [
                cell(5.0, 6.0),
                cell(24.0, 4.0),
                cell(12.0, 25.0),
                cell(15.0, 14.0),
                cell(25.0, 22.0),
            ];
            let nearest = (0..5)
                .min_by(|&a, &b| cells[a].total_cmp(&cells[b]))
                .unwrap();
            nearest as i64 + 1
        })
        .collect();
    let outlines = Outlines::of_mesh(&net, &labels).unwrap();
    let sum = |o: &Outlines| o.labels().iter().map(|&l| total(o, l)).sum::<f64>();
    assert!((sum(&outlines) - 29.0 * 29.0).abs() < 1e-9);
    assert!(
        outlines
            .labels()
            .iter()
            .all(|&l| total(&outlines, l) > 0.0 && outlines.rings(l).len() == 1)
    );
    let simple = outlines.simplified(1.0);
    assert!(
        (sum(&simple) - 29.0 * 29.0).abs() < 1e-9,
        "neighbours share their border"
    );
    let points = |o: &Outlines| o.arcs.iter().map(|a| a.points.len()).sum::<usize>();
    assert!(
        3 * points(&simple) < points(&outlines),
        "{} {}",
        points(&simple),
        points(&outlines)
    );
    let merged = simple.merged(|label| if label > 3 { 9 - label } else { label });
    let of = |labels: &[i64], o: &Outlines| labels.iter().map(|&l| total(o, l)).sum::<f64>();
    assert_eq!(merged.labels(), [1, 2, 3, 4, 5]);
    assert!((of(&[4], &merged) - of(&[5], &simple)).abs() < 1e-9);
    let halves = simple.merged(|label| i64::from(label > 0) + i64::from(label > 3));
    assert!((of(&[2], &halves) - of(&[4, 5], &simple)).abs() < 1e-9);
    assert!(halves.arcs.len() < simple.arcs.len());
    let back = Outlines::read(&simple.text(0.25), 0.25).unwrap();
    assert!((sum(&back) - 29.0 * 29.0).abs() < 1e-9);
    for label in simple.labels() {
        let at = inner_point(&simple.rings(label)).unwrap();
        let nearest = labels[at[1].round() as usize * 30 + at[0].round() as usize];
        assert_eq!(nearest, label);
    }
}

proptest! {
    #[test]
    fn outlines_of_any_image_cover_each_label_exactly(
        width in 1_usize..9,
        cells in prop::collection::vec(0_i64..4, 1..70),
    ) {
        let image = &cells[..cells.len() / width * width];
        let outlines = Outlines::of_image(width, image).unwrap();
        for label in 1..4 {
            let count = image.iter().filter(|&&l| l == label).count();
            prop_assert_eq!(total(&outlines, label), count as f64);
        }
        let simple = outlines.simplified(0.9);
        let junctions = |o: &Outlines| o.arcs.iter().map(|a| a.points[0]).collect::<Vec<_>>();
        prop_assert_eq!(junctions(&simple), junctions(&outlines));
        let all = |o: &Outlines| (1..4).map(|l| total(o, l)).sum::<f64>();
        let rim: f64 = simple.arcs.iter().filter(|a| a.left == 0)
            .map(|a| a.points.windows(2).map(|p| p[1][0] * p[0][1] - p[0][0] * p[1][1]).sum::<f64>() / 2.0).sum();
        prop_assert!((all(&simple) - rim).abs() < 1e-9, "{} {}", all(&simple), rim);
        prop_assert_eq!(Outlines::read(&outlines.text(1.0), 1.0), Some(outlines));
    }

    #[test]
    fn no_text_of_outlines_makes_the_reader_panic(text in "([0-9 -]|\\PC|\\n){0,60}") {
        let _ = Outlines::read(&text, 0.1);
    }
}
