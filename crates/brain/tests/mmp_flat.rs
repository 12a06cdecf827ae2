//! The outlines that come with the program, and how they are made.

use emotome_brain::{
    regions::{Area, Hemisphere, Preset},
    surface::{Mesh, Outlines, inner_point, mmp},
};

fn area(ring: &[[f64; 2]]) -> f64 {
    let next = |k: usize| ring[(k + 1) % ring.len()];
    (0..ring.len())
        .map(|k| ring[k][0] * next(k)[1] - next(k)[0] * ring[k][1])
        .sum::<f64>()
        / 2.0
}

#[test]
fn all_areas_have_an_outline_and_the_notice_says_what_it_must() {
    for hemisphere in Hemisphere::BOTH {
        let areas = mmp::areas(hemisphere);
        assert_eq!(areas.len(), 180);
        for (name, rings) in &areas {
            let size: f64 = rings.iter().map(|ring| area(ring)).sum();
            assert!(
                size > 20.0 && rings.iter().all(|ring| ring.len() >= 3),
                "{name}: {size}"
            );
        }
    }
    for words in [
        "Data were provided [in part] by the Human Connectome Project, WU-Minn Consortium",
        "1U54MH091657",
        "do not attempt to establish the identity",
        "doi:10.1038/nature18933",
    ] {
        assert!(
            mmp::NOTICE
                .replace("\n> ", " ")
                .replace('\n', " ")
                .contains(words),
            "{words}"
        );
    }
}

#[test]
fn both_sides_lie_as_the_surfaces_do() {
    // On the left flat surface x falls and on the right one x rises towards the front; medial is up on both.
    let at = |hemisphere, name: &str| {
        let wanted = Area::named(hemisphere, name).unwrap();
        let areas = mmp::areas(hemisphere);
        let (_, rings) = areas.iter().find(|(area, _)| *area == wanted).unwrap();
        inner_point(rings).unwrap()
    };
    let left = |name| at(Hemisphere::Left, name);
    let right = |name| at(Hemisphere::Right, name);
    assert!(left("V1")[0] > left("4")[0] && left("4")[0] > left("10pp")[0]);
    assert!(right("V1")[0] < right("4")[0] && right("4")[0] < right("10pp")[0]);
    for side in [
        left("RSC")[1] > left("A1")[1],
        right("RSC")[1] > right("A1")[1],
    ] {
        assert!(side, "the medial side is up");
    }
}

#[test]
fn groups_of_areas_that_touch_in_the_brain_share_borders() {
    let outlines = mmp::flat(Hemisphere::Left);
    let id = |name: &str| i64::from(Area::named(Hemisphere::Left, name).unwrap().id());
    let touch = |a: &str, b: &str| {
        let pair = [id(a).min(id(b)), id(a).max(id(b))];
        outlines
            .arcs
            .iter()
            .any(|arc| [arc.left, arc.right] == pair)
    };
    assert!(touch("V1", "V2") && touch("4", "3a") && touch("AAIC", "MI") && touch("a24", "p24"));
    assert!(!touch("V1", "4") && !touch("A1", "V2"));
    let table = Preset::Horikawa2020.table().unwrap();
    assert!(table.of("Insula").any(|row| row.stem == "AAIC"));
}

/// See `assets/export_geometry.py`.
#[test]
#[ignore = "writes assets/hcp_mmp_flat.txt from the surfaces of the Human Connectome Project"]
fn write_the_bundled_outlines() {
    let path = std::env::var("EMOTOME_HCP_GEOMETRY").expect("the output of export_geometry.py");
    let geometry: serde_json::Value =
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let mut file = String::from(
        "# Outlines of the HCP-MMP 1.0 on the S1200 flat surfaces, in steps of 0.2 mm: left label, right label, points.\n\
         # Human Connectome Project, WU-Minn HCP Consortium Open Access Data Use Terms; see NOTICE.md. Cite Glasser et al. (2016).\n",
    );
    for hemisphere in geometry.as_array().unwrap() {
        let list = |key: &str| hemisphere[key].as_array().unwrap().clone();
        let number = |v: &serde_json::Value, k: usize| v[k].as_f64().unwrap();
        let points = list("points")
            .iter()
            .map(|p| [number(p, 0), number(p, 1), 0.0])
            .collect();
        let triangles = list("triangles")
            .iter()
            .map(|t| [0, 1, 2].map(|k| number(t, k) as u32))
            .collect();
        let labels: Vec<i64> = list("labels").iter().map(|l| l.as_i64().unwrap()).collect();
        let outlines = Outlines::of_mesh(&Mesh::new(points, triangles).unwrap(), &labels).unwrap();
        let simple = outlines.simplified(0.8);
        let count = |o: &Outlines| o.arcs.iter().map(|a| a.points.len()).sum::<usize>();
        println!(
            "{} arcs, {} of {} points",
            simple.arcs.len(),
            count(&simple),
            count(&outlines)
        );
        file += &simple.text(mmp::QUANTUM);
    }
    println!("{} bytes", file.len());
    std::fs::write(
        concat!(env!("CARGO_MANIFEST_DIR"), "/assets/hcp_mmp_flat.txt"),
        file,
    )
    .unwrap();
}
