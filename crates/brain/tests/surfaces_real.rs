//! Surfaces of the Human Connectome Project and of FreeSurfer, where the files are there.

use std::path::{Path, PathBuf};

use emotome_brain::{
    regions::Hemisphere,
    surface::{Distance, FlatRaster, Mesh, Reach, SphereMap, discs, inner_point, mmp},
};
use emotome_neurofiles::{Millimetres, gifti::read_surface};

fn file(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data/brain")
        .join(name);
    if !path.exists() {
        eprintln!("skipped: {} is not there", path.display());
        return None;
    }
    Some(path)
}

fn mesh(name: &str) -> Option<Mesh> {
    Some(Mesh::of_file(&read_surface(file(name)?).unwrap()).unwrap())
}

#[test]
fn every_bundled_outline_lies_where_its_area_lies_in_the_brain() {
    for side in Hemisphere::BOTH {
        let letter = side.letter();
        let flat = mesh(&format!("hcp/S1200.{letter}.flat.32k_fs_LR.surf.gii"));
        let middle = mesh(&format!(
            "hcp/S1200.{letter}.midthickness_MSMAll.32k_fs_LR.surf.gii"
        ));
        let (Some(flat), Some(middle)) = (flat, middle) else {
            return;
        };
        let used = flat.used();
        let place = |at: [f64; 2]| {
            let far = |v: usize| {
                (flat.points()[v][0] - at[0]).powi(2) + (flat.points()[v][1] - at[1]).powi(2)
            };
            let nearest = (0..used.len())
                .filter(|&v| used[v])
                .min_by(|&a, &b| far(a).total_cmp(&far(b)))
                .unwrap();
            middle.points()[nearest]
        };
        let sign = if side == Hemisphere::Left { -1.0 } else { 1.0 };
        for (area, rings) in mmp::areas(side) {
            let [x, y, z] = place(inner_point(&rings).unwrap());
            assert!(x * sign > 0.0, "{area} at x = {x}");
            match area.name() {
                "V1" => assert!(y < -60.0 && x.abs() < 25.0, "{area} {y}"),
                "10pp" => assert!(y > 45.0 && z < 0.0, "{area} {y}"),
                "A1" => assert!(x.abs() > 35.0 && y.abs() < 40.0, "{area} {x}"),
                "a24" => assert!(x.abs() < 12.0 && y > 20.0, "{area} {x} {y}"),
                "AAIC" => assert!(x.abs() > 22.0 && y > 0.0 && z < 5.0, "{area} {x} {y} {z}"),
                _ => {}
            }
        }
    }
}

#[test]
fn real_meshes_are_whole_and_rasters_show_cortex_where_it_is() {
    for (name, points) in [
        ("hcp/S1200.L.flat.32k_fs_LR.surf.gii", 32_492),
        ("hcp/S1200.R.flat.32k_fs_LR.surf.gii", 32_492),
        ("fsaverage5/flat_left.gii.gz", 10_242),
        ("fsaverage5/flat_right.gii.gz", 10_242),
    ] {
        let Some(flat) = mesh(name) else { return };
        assert_eq!(flat.points().len(), points);
        let raster = FlatRaster::new(&flat, 400).unwrap();
        let area = |[a, b, c]: [[f64; 3]; 3]| {
            ((b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])).abs() / 2.0
        };
        let cortex: f64 = flat
            .triangles()
            .iter()
            .map(|t| area(t.map(|c| flat.points()[c as usize])))
            .sum();
        let shown = (0..raster.width * raster.height)
            .filter(|&p| raster.inside(p))
            .count();
        let shown = shown as f64 * raster.pixel.powi(2);
        assert!(
            (shown / cortex - 1.0).abs() < 0.02,
            "{name}: {shown} of {cortex}"
        );
    }
}

#[test]
fn discs_on_the_cortex_do_not_leap_over_sulci() {
    let Some(pial) = mesh("fsaverage5/pial_left.gii.gz") else {
        return;
    };
    let centres: Vec<u32> = (0..10_242).step_by(50).collect();
    let reach = Reach::Within(Millimetres(10.0));
    let straight = discs(&pial, &centres, Distance::Euclidean, reach, None).unwrap();
    let walked = discs(&pial, &centres, Distance::EdgeGraph, reach, None).unwrap();
    for (walked, straight) in walked.iter().zip(straight.iter()) {
        assert!(walked.iter().all(|v| straight.binary_search(v).is_ok()));
    }
    let count =
        |discs: &emotome_brain::surface::Discs| discs.iter().map(<[u32]>::len).sum::<usize>();
    assert!(
        4 * count(&walked) < 3 * count(&straight),
        "{} {}",
        count(&walked),
        count(&straight)
    );
}

#[test]
fn a_real_sphere_maps_onto_itself() {
    let Some(sphere) = mesh("fsaverage5/sphere_left.gii.gz") else {
        return;
    };
    let map = SphereMap::new(&sphere, &sphere).unwrap();
    let x: Vec<f32> = sphere.points().iter().map(|p| p[0] as f32).collect();
    for (found, expected) in map.values(&x).unwrap().iter().zip(&x) {
        assert!((found - expected).abs() < 1e-3, "{found} {expected}");
    }
}
